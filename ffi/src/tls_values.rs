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
    pub(crate) pkcs12_password: Option<String>,
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
            pkcs12_password: None,
        }
    }
}

impl Tls {
    fn identity_source(&self) -> Outcome<Option<IdentitySource<'_>>> {
        const PKCS12: &str = "LANDLINE_OPT_TLS_PKCS12";
        const PASSWORD: &str = "LANDLINE_OPT_TLS_PKCS12_PASSWORD";
        const CERT: [&str; 2] = ["LANDLINE_OPT_TLS_CERT_FILE", "LANDLINE_OPT_TLS_CERT_PEM"];
        const KEY: [&str; 2] = ["LANDLINE_OPT_TLS_KEY_FILE", "LANDLINE_OPT_TLS_KEY_PEM"];
        let given = |names: [&'static str; 2], file: &Option<String>, pem: &[u8]| match (file, pem.is_empty()) {
            (Some(_), false) => Err(together(names[0], names[1])),
            (Some(_), true) => Ok(Some(names[0])),
            (None, false) => Ok(Some(names[1])),
            (None, true) => Ok(None),
        };
        let cert = given(CERT, &self.cert_file, &self.cert)?;
        let key = given(KEY, &self.key_file, &self.key)?;
        if !self.pkcs12.is_empty() {
            // An archive contains both.
            return cert.or(key).map_or(Ok(Some(IdentitySource::Pkcs12)), |other| Err(together(PKCS12, other)));
        }
        if self.pkcs12_password.is_some() {
            return Err(needs(PASSWORD, PKCS12));
        }
        match (cert, key) {
            (None, None) => Ok(None),
            (Some(cert), None) => Err(needs(cert, KEY[usize::from(cert == CERT[1])])),
            (None, Some(key)) => Err(needs(key, CERT[usize::from(key == KEY[1])])),
            (Some(cert), Some(key)) => match (&self.cert_file, &self.key_file) {
                (Some(cert), Some(key)) => Ok(Some(IdentitySource::Files(cert, key))),
                (None, None) => Ok(Some(IdentitySource::Pem)),
                _ => Err(config(format!("{cert} cannot go with {key}: give files for both, or neither"))),
            },
        }
    }

    fn password(&self) -> &str {
        self.pkcs12_password.as_deref().unwrap_or_default()
    }

    /// For a server.
    pub(crate) fn identity(&self) -> Outcome<Option<Identity>> {
        Ok(match self.identity_source()? {
            Some(IdentitySource::Pkcs12) => Some(Identity::from_pkcs12(&self.pkcs12, self.password())?),
            Some(IdentitySource::Files(cert, key)) => Some(Identity::from_pem_files(cert, key)?),
            Some(IdentitySource::Pem) => Some(Identity::from_pem(&self.cert, &self.key)?),
            None => None,
        })
    }

    /// For a client. Files are read when a connection is opened; all connections with the same options share a
    /// connector.
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
            Some(IdentitySource::Pkcs12) => builder.identity_pkcs12(&self.pkcs12, self.password()),
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

fn together(one: &str, other: &str) -> Failure {
    config(format!("{one} and {other} are both given: give one certificate with its key"))
}

fn needs(one: &str, other: &str) -> Failure {
    config(format!("{one} is given without {other}"))
}

fn config(text: String) -> Failure {
    Failure::Misuse(LANDLINE_ERR_CONFIG, text.into())
}
