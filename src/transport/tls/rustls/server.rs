//! rustls as a server.

use super::super::backend::{Acceptor, Progress};
use super::super::buffers::Buffers;
use super::super::failure::unusable_because;
use super::super::server_names::{Names, choose};
use super::super::settings::{ClientCerts, HTTP_1_1, ServerSettings};
use super::super::shared;
use super::session::begin;
use super::{about_chain, add_roots, certified, failure, key_log, not_set_up, provider, versions};
use crate::error::Result;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, ServerConnection, SignatureScheme,
};
use std::sync::Arc;

pub(in super::super) fn acceptor(settings: &ServerSettings) -> Result<Arc<dyn Acceptor>> {
    let provider = provider();
    let mut certificates = Certificates { names: Vec::new(), keys: Vec::new() };
    for material in &settings.identities {
        let certified = certified(&*shared::identity(material)?)?;
        certificates.names.push(Names::of(certified.end_entity_cert().map_err(not_set_up)?));
        certificates.keys.push(certified);
    }
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(settings.min_version))
        .map_err(not_set_up)?
        .with_client_cert_verifier(client_verifier(settings, provider)?)
        .with_cert_resolver(Arc::new(certificates));
    if settings.alpn {
        config.alpn_protocols.push(HTTP_1_1.into());
    }
    // Sessions can be resumed without memory here for each of them.
    config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(not_set_up)?;
    config.key_log = key_log(settings.key_log.as_deref())?;
    Ok(Arc::new(Server(Arc::new(config))))
}

struct Server(Arc<ServerConfig>);

impl Acceptor for Server {
    fn accept(&self, buffers: Buffers) -> Progress {
        match ServerConnection::new(Arc::clone(&self.0)) {
            Ok(connection) => begin(connection.into(), buffers),
            Err(source) => Progress::Failed(failure(source)),
        }
    }
}

/// A certificate for each name that a client may ask for.
#[derive(Debug)]
struct Certificates {
    names: Vec<Names>,
    keys: Vec<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.keys.get(choose(&self.names, hello.server_name())).cloned()
    }
}

fn client_verifier(
    settings: &ServerSettings,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>> {
    if settings.client_certs == ClientCerts::Off {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    for pem in &settings.client_roots {
        add_roots(&mut roots, pem)?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match settings.client_certs {
        ClientCerts::Optional => builder.allow_unauthenticated(),
        _ => builder,
    };
    let verifier = builder.build().map_err(|source| unusable_because("TLS cannot be set up".to_owned(), source))?;
    Ok(Arc::new(Verifier(verifier)))
}

/// The usual one, which also tells self-signed certificates from others.
#[derive(Debug)]
struct Verifier(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let result = self.0.verify_client_cert(certificate, others, now);
        result.map_err(|error| about_chain(error, certificate))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
