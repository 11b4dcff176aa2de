//! rustls as a client.

use super::super::backend::{Connector, Progress};
use super::super::buffers::Buffers;
use super::super::failure::{HandshakeFailure, Meaning};
use super::super::settings::{ClientSettings, HTTP_1_1};
use super::super::shared;
use super::session::begin;
use super::{about_chain, add_roots, certified, failure, is_authority, key_log, not_set_up, provider, versions};
use crate::error::Result;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SingleCertAndKey;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use std::sync::Arc;

/// A session of TLS 1.2 and 1.3 can be resumed by later connections of the same connector: rustls keeps 256 of them.
pub(in super::super) fn connector(settings: &ClientSettings) -> Result<Arc<dyn Connector>> {
    let provider = provider();
    let verifier = Arc::new(Verifier::new(settings, Arc::clone(&provider))?);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(settings.min_version))
        .map_err(not_set_up)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &settings.identity {
        Some(material) => {
            let certified = certified(&*shared::identity(material)?)?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
        }
        None => builder.with_no_client_auth(),
    };
    if settings.alpn {
        config.alpn_protocols.push(HTTP_1_1.into());
    }
    config.key_log = key_log(settings.key_log.as_deref())?;
    Ok(Arc::new(Client(Arc::new(config))))
}

struct Client(Arc<ClientConfig>);

impl Connector for Client {
    fn connect(&self, server_name: &str, buffers: Buffers) -> Progress {
        let name = match ServerName::try_from(server_name.to_owned()) {
            Ok(name) => name,
            Err(source) => return Progress::Failed(HandshakeFailure::new(Meaning::Unknown, source)),
        };
        match ClientConnection::new(Arc::clone(&self.0), name) {
            Ok(connection) => begin(connection.into(), buffers),
            Err(source) => Progress::Failed(failure(source)),
        }
    }
}

/// Checks as OpenSSL does, if it is not told otherwise: the chain, then the name.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    roots: RootCertStore,
    /// Certificates that the program trusts by themselves, whatever they are for.
    trusted: Vec<CertificateDer<'static>>,
    accepts_any_certificate: bool,
    accepts_any_name: bool,
}

impl Verifier {
    fn new(settings: &ClientSettings, provider: Arc<CryptoProvider>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        if settings.platform_roots && !settings.accept_invalid_certs {
            let found = rustls_native_certs::load_native_certs();
            found.errors.iter().for_each(|error| log::debug!("platform's certificates: {error}"));
            roots.add_parsable_certificates(found.certs);
        }
        let mut trusted = Vec::new();
        for pem in &settings.roots {
            trusted.extend(add_roots(&mut roots, pem)?);
        }
        Ok(Self {
            provider,
            roots,
            trusted,
            accepts_any_certificate: settings.accept_invalid_certs,
            accepts_any_name: settings.accept_invalid_hostnames,
        })
    }

    fn check_chain(
        &self,
        certificate: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(parsed, &self.roots, others, now, algorithms) {
            // Self-signed certificates are often marked as those of an authority. The period is checked before that mark.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
                if is_authority(&other) && self.trusted.contains(certificate) =>
            {
                Ok(())
            }
            result => result.map_err(|error| about_chain(error, certificate)),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if !self.accepts_any_certificate {
            let parsed = ParsedCertificate::try_from(certificate)?;
            self.check_chain(certificate, &parsed, others, now)?;
            if !self.accepts_any_name {
                verify_server_name(&parsed, server_name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
