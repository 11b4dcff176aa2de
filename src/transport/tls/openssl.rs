//! OpenSSL itself, where native-tls is made of it: what native-tls does not offer. Above all the server's side of TLS 1.3.

use super::backend::{Acceptor, Check, Handshake, Progress, Session};
use super::buffers::Buffers;
use super::failure::{HandshakeFailure, unusable, unusable_because};
use super::identity::{Parsed, unusable_archive};
use super::settings::ServerSettings;
use super::shared;
use crate::error::{Error, Result};
use openssl::error::ErrorStack;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    HandshakeError, MidHandshakeSslStream, SslAcceptor, SslMethod, SslOptions, SslStream, SslVersion,
};
use openssl::x509::X509;
use std::io::{self, Read, Write};
use std::sync::Arc;

pub(super) fn acceptor(settings: &ServerSettings) -> Result<Arc<dyn Acceptor>> {
    let identity = shared::identity(&settings.identity)?;
    let Parsed::Der { chain, key } = &*identity else {
        return Err(unusable("TLS cannot be set up: the certificate is in no form that OpenSSL reads".to_owned()));
    };
    Ok(Arc::new(build(chain, key).map_err(not_set_up)?))
}

/// Mozilla's "intermediate" recommendation: TLS 1.2 and 1.3, forward secrecy.
fn build(chain: &[Vec<u8>], key: &[u8]) -> Result<SslAcceptor, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    // A client could keep the server busy with it, and a TLS write in the middle of it would have to wait.
    builder.set_options(SslOptions::NO_RENEGOTIATION);
    builder.set_private_key(&*private_key(key)?)?;
    for (i, certificate) in chain.iter().enumerate() {
        let certificate = X509::from_der(certificate)?;
        if i == 0 {
            builder.set_certificate(&certificate)?;
        } else {
            builder.add_extra_chain_cert(certificate)?;
        }
    }
    Ok(builder.build())
}

fn not_set_up(source: ErrorStack) -> Error {
    unusable_because("TLS cannot be set up".to_owned(), source)
}

impl Acceptor for SslAcceptor {
    fn accept(&self, buffers: Buffers) -> Progress {
        progress(SslAcceptor::accept(self, buffers))
    }
}

fn progress(result: Result<SslStream<Buffers>, HandshakeError<Buffers>>) -> Progress {
    match result {
        Ok(session) => Progress::Done(Box::new(session)),
        Err(HandshakeError::WouldBlock(handshake)) => Progress::Blocked(Box::new(handshake)),
        Err(HandshakeError::Failure(handshake)) => {
            let verdict = handshake.ssl().verify_result();
            Progress::Failed(HandshakeFailure::of_openssl(handshake.into_error(), verdict))
        }
        Err(HandshakeError::SetupFailure(source)) => Progress::Failed(HandshakeFailure::of_other(source)),
    }
}

impl Handshake for MidHandshakeSslStream<Buffers> {
    fn buffers(&mut self) -> &mut Buffers {
        self.get_mut()
    }

    fn proceed(self: Box<Self>) -> Progress {
        progress(self.handshake())
    }
}

impl Session for SslStream<Buffers> {
    fn buffers(&mut self) -> &mut Buffers {
        self.get_mut()
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buf)
    }

    fn write_all(&mut self, plaintext: &[u8]) -> io::Result<()> {
        Write::write_all(self, plaintext)
    }

    fn close(&mut self) {
        let _ = self.shutdown();
    }
}

/// Certificate and key of an archive, in the form that all libraries take.
pub(super) fn read_pkcs12(archive: &[u8], password: &str) -> Result<Parsed> {
    let read = || {
        let parsed = Pkcs12::from_der(archive)?.parse2(password)?;
        let (Some(certificate), Some(key)) = (parsed.cert, parsed.pkey) else { return Ok(None) };
        let mut chain = vec![certificate.to_der()?];
        // In the archive's order: OpenSSL gives them the other way round.
        for other in parsed.ca.into_iter().flatten().rev() {
            chain.push(other.to_der()?);
        }
        Ok(Some(Parsed::Der { chain, key: key.private_key_to_pkcs8()? }))
    };
    match read() {
        Ok(Some(parsed)) => Ok(parsed),
        Ok(None) => {
            Err(unusable_archive("there is no private key in it, or no certificate that belongs to the key"))
        }
        Err(source) => Err(unusable_because_of(source)),
    }
}

fn unusable_because_of(source: ErrorStack) -> Error {
    let why = match source.errors().first().and_then(openssl::error::Error::reason) {
        Some("mac verify failure") => "the password is wrong, or it is damaged",
        Some("unsupported") => "its encryption is outdated; export it again",
        _ => "it is damaged, or something else",
    };
    unusable_because(format!("the PKCS#12 archive cannot be used: {why}"), source)
}

fn private_key(pkcs8: &[u8]) -> Result<PKey<Private>, ErrorStack> {
    PKey::private_key_from_pkcs8(pkcs8)
}

/// Whether a certificate and a key are well-formed and belong together.
pub(super) fn check(chain: &[Vec<u8>], key: &[u8]) -> Result<Check> {
    let certificates: Result<Vec<X509>, _> = chain.iter().map(|certificate| X509::from_der(certificate)).collect();
    let Ok(certificates) = certificates else { return Ok(Check::BadCertificate) };
    let Ok(key) = private_key(key) else { return Ok(Check::BadKey) };
    Ok(match certificates.first().map(|certificate| certificate.public_key()) {
        Some(Ok(public)) if !key.public_eq(&public) => Check::Mismatch,
        // If the library cannot compare this kind of key, the handshake decides.
        _ => Check::Fine,
    })
}
