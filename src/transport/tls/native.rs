//! The platform's library, through the `native-tls` crate: clients everywhere, and servers where it is not OpenSSL.

use super::backend::{Connector, Handshake, Progress, Session};
use super::backend::{TlsBackend, not_with};
use super::buffers::Buffers;
use super::certificates::parse_certificates;
use super::failure::{HandshakeFailure, Meaning, unusable_because};
use super::identity::Parsed;
use super::info::TlsVersion;
use super::pem::encode;
use super::settings::{ClientSettings, HTTP_1_1};
use super::shared;
use crate::error::{Result, Setting};
use native_tls::{Certificate, HandshakeError, MidHandshakeTlsStream, Protocol, TlsConnector, TlsStream};
use std::io::{self, Read, Write};
use std::sync::Arc;

pub(super) fn connector(settings: &ClientSettings) -> Result<Arc<dyn Connector>> {
    if settings.key_log.is_some() {
        let advice = "choose the TLS library rustls, which can write it";
        return Err(not_with(TlsBackend::NativeTls, Setting::KeyLog, advice));
    }
    let mut builder = TlsConnector::builder();
    for root in &settings.roots {
        for certificate in parse_certificates(&root.text, &root.name)? {
            let damaged = |source| unusable_because(format!("{} cannot be used: it is damaged", root.name), source);
            builder.add_root_certificate(Certificate::from_der(&certificate).map_err(damaged)?);
        }
    }
    if let Some(material) = &settings.identity {
        builder.identity(identity(&*shared::identity(material)?)?);
    }
    if settings.alpn {
        builder.request_alpns(&[HTTP_1_1]);
    }
    let connector = builder
        .disable_built_in_roots(!settings.platform_roots)
        .danger_accept_invalid_certs(settings.accept_invalid_certs)
        .danger_accept_invalid_hostnames(settings.accept_invalid_hostnames)
        .min_protocol_version(Some(protocol(settings.min_version)))
        .build()
        .map_err(not_set_up)?;
    Ok(Arc::new(connector))
}

fn protocol(version: TlsVersion) -> Protocol {
    match version {
        TlsVersion::V1_2 => Protocol::Tlsv12,
        TlsVersion::V1_3 => Protocol::Tlsv13,
    }
}

fn identity(parsed: &Parsed) -> Result<native_tls::Identity> {
    match parsed {
        Parsed::Der { chain, key } => {
            let chain: String = chain.iter().map(|certificate| encode("CERTIFICATE", certificate)).collect();
            native_tls::Identity::from_pkcs8(chain.as_bytes(), encode("PRIVATE KEY", key).as_bytes())
        }
        Parsed::Archive { archive, password } => native_tls::Identity::from_pkcs12(archive, password),
    }
    .map_err(|source| unusable_because("the certificate or its key cannot be used".to_owned(), source))
}

fn not_set_up(source: native_tls::Error) -> crate::error::Error {
    unusable_because("TLS cannot be set up".to_owned(), source)
}

impl Connector for TlsConnector {
    fn connect(&self, server_name: &str, buffers: Buffers) -> Progress {
        progress(TlsConnector::connect(self, server_name, buffers))
    }
}

fn progress(result: Result<TlsStream<Buffers>, HandshakeError<Buffers>>) -> Progress {
    match result {
        Ok(session) => Progress::Done(Box::new(session)),
        Err(HandshakeError::WouldBlock(handshake)) => Progress::Blocked(Box::new(handshake)),
        Err(HandshakeError::Failure(source)) => Progress::Failed(HandshakeFailure::new(meaning(&source), source)),
    }
}

#[cfg(not(any(target_os = "windows", target_vendor = "apple")))]
fn meaning(error: &native_tls::Error) -> Meaning {
    use std::error::Error;
    let text = error.to_string();
    // What OpenSSL says is followed by its verdict on the certificate.
    let verdict = text.rfind(" (").and_then(|at| text[at + 2..].strip_suffix(')')).unwrap_or_default();
    super::openssl::meaning(error.source().and_then(|source| source.downcast_ref()), verdict)
}

#[cfg(any(target_os = "windows", target_vendor = "apple"))]
fn meaning(_: &native_tls::Error) -> Meaning {
    Meaning::Unknown
}

impl Handshake for MidHandshakeTlsStream<Buffers> {
    fn buffers(&mut self) -> &mut Buffers {
        self.get_mut()
    }

    fn proceed(self: Box<Self>) -> Progress {
        progress(self.handshake())
    }
}

impl Session for TlsStream<Buffers> {
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

    /// It shows no others.
    fn peer_certificates(&self) -> Vec<Vec<u8>> {
        let certificate = self.peer_certificate().ok().flatten();
        certificate.and_then(|certificate| certificate.to_der().ok()).into_iter().collect()
    }

    fn alpn(&self) -> Option<Vec<u8>> {
        self.negotiated_alpn().ok().flatten()
    }
}

/// What OpenSSL does in `openssl.rs`.
#[cfg(any(target_os = "windows", target_vendor = "apple"))]
pub(super) use elsewhere::{acceptor, check, read_pkcs12};

#[cfg(any(target_os = "windows", target_vendor = "apple"))]
mod elsewhere {
    use super::super::backend::{Acceptor, Check};
    use super::super::identity::unusable_archive;
    use super::super::settings::{ClientCerts, ServerSettings};
    use super::*;
    use native_tls::TlsAcceptor;

    pub(in super::super) fn acceptor(settings: &ServerSettings) -> Result<Arc<dyn Acceptor>> {
        let advice = "choose the TLS library rustls for this server";
        let not_here = |setting| Err(not_with(TlsBackend::NativeTls, setting, advice));
        let [material] = &settings.identities[..] else { return not_here(Setting::ServerCertificates) };
        if settings.client_certs != ClientCerts::Off {
            return not_here(Setting::ClientCerts);
        }
        if settings.key_log.is_some() {
            return not_here(Setting::KeyLog);
        }
        let identity = identity(&*shared::identity(material)?)?;
        let version = protocol(settings.min_version);
        let acceptor = TlsAcceptor::builder(identity).min_protocol_version(Some(version)).build();
        Ok(Arc::new(acceptor.map_err(not_set_up)?))
    }

    impl Acceptor for TlsAcceptor {
        fn accept(&self, buffers: Buffers) -> Progress {
            progress(TlsAcceptor::accept(self, buffers))
        }
    }

    pub(in super::super) fn read_pkcs12(archive: &[u8], password: &str) -> Result<Parsed> {
        match native_tls::Identity::from_pkcs12(archive, password) {
            Ok(_) => Ok(Parsed::Archive { archive: archive.to_vec(), password: password.to_owned() }),
            Err(_) => Err(unusable_archive("the password is wrong, or it is damaged")),
        }
    }

    /// The library compares the key with the certificate, too.
    pub(in super::super) fn check(chain: &[Vec<u8>], key: &[u8]) -> Result<Check> {
        let parsed = Parsed::Der { chain: chain.to_vec(), key: key.to_vec() };
        Ok(if identity(&parsed).is_ok() { Check::Fine } else { Check::BadKey })
    }
}
