//! Certificates, made for each test, and the TLS library that the tests use.

use landline::transport::{
    Identity, TlsAcceptor, TlsAcceptorBuilder, TlsBackend, TlsConnector, TlsConnectorBuilder,
};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The one that the environment variable `LANDLINE_TEST_TLS` names, or the default.
pub(crate) fn backend() -> TlsBackend {
    match std::env::var("LANDLINE_TEST_TLS").as_deref() {
        Ok("native-tls") => TlsBackend::NativeTls,
        Ok("rustls") => TlsBackend::Rustls,
        Ok(other) => panic!("LANDLINE_TEST_TLS={other}: native-tls or rustls"),
        Err(_) if TlsBackend::NativeTls.is_available() => TlsBackend::NativeTls,
        Err(_) => TlsBackend::Rustls,
    }
}

/// A client's TLS with that library.
pub(crate) fn connector() -> TlsConnectorBuilder {
    TlsConnector::builder().backend(backend())
}

/// A server's TLS with that library.
pub(crate) fn acceptor(identity: Identity) -> TlsAcceptorBuilder {
    TlsAcceptor::builder().backend(backend()).identity(identity)
}

/// A certificate authority for one test.
pub(crate) struct Ca(rcgen::CertifiedIssuer<'static, rcgen::KeyPair>);

/// A certificate and its key, as PEM.
pub(crate) struct Certificate {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Ca {
    /// With a name of its own.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::named(&format!("Landline test CA {}-{number}", std::process::id()))
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::DigitalSignature];
        Self(rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names or addresses.
    pub(crate) fn issue(&self, names: &[&str]) -> Certificate {
        self.issue_with(names, |_| {})
    }

    pub(crate) fn issue_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut rcgen::CertificateParams),
    ) -> Certificate {
        let (params, key) = leaf(names, change);
        Certificate { cert: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }

    /// The same for a key that exists already, in PKCS#8 PEM.
    pub(crate) fn issue_for(&self, names: &[&str], key: &str) -> String {
        let key = rcgen::KeyPair::from_pem(key).unwrap();
        leaf(names, |_| {}).0.signed_by(&key, &self.0).unwrap().pem()
    }

    /// Trusts this authority and no other.
    pub(crate) fn connector(&self) -> TlsConnector {
        connector().ca_pem(self.pem().as_bytes()).platform_roots(false).build().unwrap()
    }

    /// A client that trusts this authority and no other.
    pub(crate) fn client(&self) -> landline::Client {
        landline::Client::builder().tls(self.connector()).build().unwrap()
    }
}

/// A self-signed certificate.
pub(crate) fn self_signed(names: &[&str]) -> Certificate {
    self_signed_with(names, |_| {})
}

pub(crate) fn self_signed_with(names: &[&str], change: impl FnOnce(&mut rcgen::CertificateParams)) -> Certificate {
    let (params, key) = leaf(names, change);
    Certificate { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

fn leaf(
    names: &[&str],
    change: impl FnOnce(&mut rcgen::CertificateParams),
) -> (rcgen::CertificateParams, rcgen::KeyPair) {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Landline test");
    params.use_authority_key_identifier_extension = true;
    change(&mut params);
    (params, rcgen::KeyPair::generate().unwrap())
}

impl Certificate {
    pub(crate) fn identity(&self) -> landline::transport::Identity {
        landline::transport::Identity::from_pem(self.cert.as_bytes(), self.key.as_bytes()).unwrap()
    }
}
