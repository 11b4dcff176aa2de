//! rustls, with the cryptography of `ring`.

mod client;
mod server;
mod session;

pub(super) use client::connector;
pub(super) use server::acceptor;

use super::backend::Check;
use super::certificates::parse_certificates;
use super::failure::{HandshakeFailure, Meaning, unusable_because};
use super::identity::{NO_PKCS12, Parsed, unusable_archive};
use super::info::TlsVersion;
use super::key_log::KeyLog;
use super::settings::Pem;
use crate::error::{Error, Result, TlsReason};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, InconsistentKeys, PeerIncompatible, RootCertStore, SupportedProtocolVersion, version,
};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Not the process's default provider, which belongs to the program.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static ALL: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
    match least {
        TlsVersion::V1_2 => &ALL,
        TlsVersion::V1_3 => &ALL[..1],
    }
}

fn not_set_up(source: rustls::Error) -> Error {
    unusable_because("TLS cannot be set up".to_owned(), source)
}

/// Adds the certificates to `roots`. Returns them.
fn add_roots(roots: &mut RootCertStore, pem: &Pem) -> Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> =
        parse_certificates(&pem.text, &pem.name)?.into_iter().map(CertificateDer::from).collect();
    for certificate in &certificates {
        let damaged = |source| unusable_because(format!("{} cannot be used: it is damaged", pem.name), source);
        roots.add(certificate.clone()).map_err(damaged)?;
    }
    Ok(certificates)
}

fn certified(parsed: &Parsed) -> Result<Arc<CertifiedKey>> {
    let Parsed::Der { chain, key } = parsed else {
        return Err(unusable_archive(NO_PKCS12));
    };
    let certified = try_certify(chain, key);
    certified.map(Arc::new).map_err(|source| {
        unusable_because("the certificate or its key cannot be used by rustls".to_owned(), source)
    })
}

fn try_certify(chain: &[Vec<u8>], key: &[u8]) -> Result<CertifiedKey, rustls::Error> {
    let chain = chain.iter().map(|certificate| CertificateDer::from(certificate.clone())).collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
    CertifiedKey::from_der(chain, key, &provider())
}

/// Whether a certificate and a key are well-formed and belong together.
pub(super) fn check(chain: &[Vec<u8>], key: &[u8]) -> Result<Check> {
    let parses = |certificate: &Vec<u8>| {
        rustls::server::ParsedCertificate::try_from(&CertificateDer::from(certificate.as_slice())).is_ok()
    };
    if !chain.iter().all(parses) {
        return Ok(Check::BadCertificate);
    }
    Ok(match try_certify(chain, key) {
        Ok(_) => Check::Fine,
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Check::Mismatch,
        Err(_) => Check::BadKey,
    })
}

#[derive(Debug)]
struct Log(KeyLog);

impl rustls::KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        self.0.write(&format!("{label} {} {}", hex(client_random), hex(secret)));
    }
}

fn key_log(path: Option<&Path>) -> Result<Arc<dyn rustls::KeyLog>> {
    Ok(match path {
        Some(path) => Arc::new(Log(KeyLog::open(path)?)),
        None => Arc::new(rustls::NoKeyLog {}),
    })
}

/// Of an error that a [session](session) gave.
pub(super) fn meaning_of_io(error: &io::Error) -> Option<Meaning> {
    error.get_ref()?.downcast_ref().map(meaning)
}

fn meaning(error: &rustls::Error) -> Meaning {
    use rustls::Error as E;
    Meaning::Reason(match error {
        E::AlertReceived(alert) => return Meaning::Alert(u8::from(*alert)),
        E::DecryptError => return Meaning::BadRecord,
        E::InvalidMessage(_) | E::InappropriateMessage { .. } | E::PeerSentOversizedRecord => {
            return Meaning::NotTls;
        }
        E::NoCertificatesPresented => TlsReason::NoClientCertificate,
        E::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => TlsReason::NoCommonVersion,
        E::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsReason::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsReason::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsReason::OtherName
            }
            CertificateError::UnknownIssuer => TlsReason::UnknownIssuer,
            CertificateError::Other(other) if other.0.is::<SelfSigned>() => TlsReason::SelfSigned,
            _ => return Meaning::Unknown,
        },
        _ => return Meaning::Unknown,
    })
}

/// What rustls calls an unknown issuer, of a certificate that is its own issuer.
#[derive(Debug)]
struct SelfSigned;

impl std::fmt::Display for SelfSigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("self-signed certificate")
    }
}

impl std::error::Error for SelfSigned {}

/// What rustls shows as debug text, in plain text.
fn failure(source: rustls::Error) -> HandshakeFailure {
    let plain = match &source {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            Some(format!("invalid peer certificate: {}", other.0))
        }
        _ => None,
    };
    let failure = HandshakeFailure::new(meaning(&source), source);
    match plain {
        Some(text) => HandshakeFailure { text, ..failure },
        None => failure,
    }
}

fn self_signed() -> CertificateError {
    CertificateError::Other(rustls::OtherError(Arc::new(SelfSigned)))
}

/// Whether what is wrong is that an authority's certificate is used by a server.
fn is_authority(error: &rustls::OtherError) -> bool {
    error.0.to_string() == "CaUsedAsEndEntity"
}

/// What rustls says about a chain, with the differences that OpenSSL makes, and without those that it does not make.
fn about_chain(error: rustls::Error, certificate: &CertificateDer<'_>) -> rustls::Error {
    let rustls::Error::InvalidCertificate(reason) = error else { return error };
    match reason {
        CertificateError::UnknownIssuer if super::certificate::is_self_issued(certificate) => self_signed(),
        // It is looked at before the issuer: self-signed certificates are often marked as those of an authority.
        CertificateError::Other(other)
            if is_authority(&other) && super::certificate::is_self_issued(certificate) =>
        {
            self_signed()
        }
        // The issuer has the name of an authority that is trusted, but another key.
        CertificateError::BadSignature => CertificateError::UnknownIssuer,
        other => other,
    }
    .into()
}
