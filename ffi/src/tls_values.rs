//! The TLS options of a client or a server.

use crate::failure::{Failure, Outcome};
use crate::status::LANDLINE_ERR_CONFIG;
use landline::transport::{Identity, TlsConnector, TlsConnectorBuilder};

#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) platform_roots: bool,
    pub(crate) accept_invalid_certs: bool,
    pub(crate) accept_invalid_hostnames: bool,
    pub(crate) ca_files: Vec<String>,
    pub(crate) ca_pem: Vec<Vec<u8>>,
    pub(crate) cert: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) cert_file: Option<String>,
    pub(crate) key_file: Option<String>,
    pub(crate) pkcs12: Vec<u8>,
    pub(crate) pkcs12_password: String,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            platform_roots: true,
            accept_invalid_certs: false,
            accept_invalid_hostnames: false,
            ca_files: Vec::new(),
            ca_pem: Vec::new(),
            cert: Vec::new(),
            key: Vec::new(),
            cert_file: None,
            key_file: None,
            pkcs12: Vec::new(),
            pkcs12_password: String::new(),
        }
    }
}

impl Tls {
    fn identity_source(&self) -> Outcome<Option<IdentitySource<'_>>> {
        if !self.pkcs12.is_empty() {
            return Ok(Some(IdentitySource::Pkcs12));
        }
        match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => return Ok(Some(IdentitySource::Files(cert, key))),
            (None, None) => {}
            _ => return Err(config("a certificate file needs a key file, and a key file a certificate file")),
        }
        match (self.cert.is_empty(), self.key.is_empty()) {
            (false, false) => Ok(Some(IdentitySource::Pem)),
            (true, true) => Ok(None),
            _ => Err(config("a certificate needs a key, and a key a certificate")),
        }
    }

    /// For a server.
    pub(crate) fn identity(&self) -> Outcome<Option<Identity>> {
        Ok(match self.identity_source()? {
            Some(IdentitySource::Pkcs12) => Some(Identity::from_pkcs12(&self.pkcs12, &self.pkcs12_password)?),
            Some(IdentitySource::Files(cert, key)) => Some(Identity::from_pem_files(cert, key)?),
            Some(IdentitySource::Pem) => Some(Identity::from_pem(&self.cert, &self.key)?),
            None => None,
        })
    }

    /// For a client. What they name is read when a connection is opened, which shares a connector with all others of
    /// the same options.
    pub(crate) fn connector(&self) -> Outcome<TlsConnectorBuilder> {
        let mut builder = TlsConnector::builder()
            .platform_roots(self.platform_roots)
            .danger_accept_invalid_certs(self.accept_invalid_certs)
            .danger_accept_invalid_hostnames(self.accept_invalid_hostnames);
        for file in &self.ca_files {
            builder = builder.ca_file(file);
        }
        for pem in &self.ca_pem {
            builder = builder.ca_pem(pem);
        }
        Ok(match self.identity_source()? {
            Some(IdentitySource::Pkcs12) => builder.identity_pkcs12(&self.pkcs12, &self.pkcs12_password),
            Some(IdentitySource::Files(cert, key)) => builder.identity_pem_files(cert, key),
            Some(IdentitySource::Pem) => builder.identity_pem(&self.cert, &self.key),
            None => builder,
        })
    }
}

/// Where a certificate and its key come from.
enum IdentitySource<'a> {
    Pkcs12,
    Files(&'a str, &'a str),
    Pem,
}

fn config(text: &'static str) -> Failure {
    Failure::Misuse(LANDLINE_ERR_CONFIG, text.into())
}
