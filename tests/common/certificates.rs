//! Certificates, made for each test.

/// A certificate authority for one test.
pub(crate) struct Ca(rcgen::CertifiedIssuer<'static, rcgen::KeyPair>);

/// A certificate and its key, as PEM.
pub(crate) struct Certificate {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Ca {
    pub(crate) fn new() -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Landline test CA");
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
    pub(crate) fn connector(&self) -> landline::transport::TlsConnector {
        let tls = landline::transport::TlsConnector::builder().ca_pem(self.pem().as_bytes()).platform_roots(false);
        tls.build().unwrap()
    }

    /// A client that trusts this authority and no other.
    pub(crate) fn client(&self) -> landline::Client {
        landline::Client::builder().tls(self.connector()).build().unwrap()
    }
}

/// A self-signed certificate.
pub(crate) fn self_signed(names: &[&str]) -> Certificate {
    let (params, key) = leaf(names, |_| {});
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
