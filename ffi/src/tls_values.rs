//! The TLS options of a client or a server.

use crate::failure::{Failure, Outcome};
use crate::options::*;
use crate::options_tls::*;
use crate::status::LANDLINE_ERR_CONFIG;
use crate::values::{add, flag, out_of_range};
use landline::transport::{
    ClientCerts, TlsAcceptor, TlsAcceptorBuilder, TlsBackend, TlsConnector, TlsConnectorBuilder, TlsVersion,
};

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
    /// Further certificates of a server.
    pub(crate) more: Vec<Certificate>,
    pub(crate) backend: Option<TlsBackend>,
    pub(crate) ca_dirs: Vec<String>,
    pub(crate) server_name: Option<String>,
    pub(crate) pinned_keys: Vec<String>,
    pub(crate) alpn: bool,
    pub(crate) min_version: TlsVersion,
    pub(crate) key_log: bool,
    pub(crate) key_log_file: Option<String>,
    pub(crate) client_certs: ClientCerts,
    pub(crate) client_ca_files: Vec<String>,
    pub(crate) client_ca_dirs: Vec<String>,
    pub(crate) client_ca_pem: Vec<Vec<u8>>,
}

/// A certificate with its key.
#[derive(Clone)]
pub(crate) enum Certificate {
    Files(String, String),
    /// Both in one text.
    Pem(Vec<u8>),
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
            more: Vec::new(),
            backend: None,
            ca_dirs: Vec::new(),
            server_name: None,
            pinned_keys: Vec::new(),
            alpn: true,
            min_version: TlsVersion::default(),
            key_log: false,
            key_log_file: None,
            client_certs: ClientCerts::Off,
            client_ca_files: Vec::new(),
            client_ca_dirs: Vec::new(),
            client_ca_pem: Vec::new(),
        }
    }
}

impl Tls {
    /// Sets a number. `false` if the key is not one of these.
    pub(crate) fn set_int(&mut self, key: i32, value: i64) -> Outcome<bool> {
        match key {
            LANDLINE_OPT_TLS_PLATFORM_ROOTS => self.platform_roots = flag(key, value)?,
            LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS => self.accept_invalid_certs = flag(key, value)?,
            LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES => self.accept_invalid_hostnames = flag(key, value)?,
            LANDLINE_OPT_TLS_BACKEND => {
                self.backend = match value {
                    LANDLINE_TLS_BACKEND_DEFAULT => None,
                    LANDLINE_TLS_BACKEND_NATIVE_TLS => Some(TlsBackend::NativeTls),
                    LANDLINE_TLS_BACKEND_RUSTLS => Some(TlsBackend::Rustls),
                    _ => return Err(out_of_range(key, value, "one of LANDLINE_TLS_BACKEND_*")),
                }
            }
            LANDLINE_OPT_TLS_MIN_VERSION => {
                self.min_version = match value {
                    LANDLINE_TLS_VERSION_1_2 => TlsVersion::V1_2,
                    LANDLINE_TLS_VERSION_1_3 => TlsVersion::V1_3,
                    _ => return Err(out_of_range(key, value, "one of LANDLINE_TLS_VERSION_*")),
                }
            }
            LANDLINE_OPT_TLS_CLIENT_CERTS => {
                self.client_certs = match value {
                    LANDLINE_CLIENT_CERTS_OFF => ClientCerts::Off,
                    LANDLINE_CLIENT_CERTS_OPTIONAL => ClientCerts::Optional,
                    LANDLINE_CLIENT_CERTS_REQUIRED => ClientCerts::Required,
                    _ => return Err(out_of_range(key, value, "one of LANDLINE_CLIENT_CERTS_*")),
                }
            }
            LANDLINE_OPT_TLS_ALPN => self.alpn = flag(key, value)?,
            LANDLINE_OPT_TLS_KEY_LOG => self.key_log = flag(key, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Sets a text. `false` if the key is not one of these.
    pub(crate) fn set_str(&mut self, key: i32, own: Option<String>) -> bool {
        match key {
            LANDLINE_OPT_TLS_CA_FILE => add(&mut self.ca_files, own),
            LANDLINE_OPT_TLS_CA_DIR => add(&mut self.ca_dirs, own),
            LANDLINE_OPT_TLS_CERT_FILE => self.cert_file = own,
            LANDLINE_OPT_TLS_KEY_FILE => self.key_file = own,
            LANDLINE_OPT_TLS_PKCS12_PASSWORD => self.pkcs12_password = own,
            LANDLINE_OPT_TLS_SERVER_NAME => self.server_name = own,
            LANDLINE_OPT_TLS_PINNED_KEY => add(&mut self.pinned_keys, own),
            LANDLINE_OPT_TLS_KEY_LOG_FILE => self.key_log_file = own,
            LANDLINE_OPT_TLS_CLIENT_CA_FILE => add(&mut self.client_ca_files, own),
            LANDLINE_OPT_TLS_CLIENT_CA_DIR => add(&mut self.client_ca_dirs, own),
            _ => return false,
        }
        true
    }

    /// Sets bytes. `false` if the key is not one of these.
    pub(crate) fn set_bytes(&mut self, key: i32, value: &[u8]) -> bool {
        let some = (!value.is_empty()).then(|| value.to_vec());
        match key {
            LANDLINE_OPT_TLS_CA_PEM => add(&mut self.ca_pem, some),
            LANDLINE_OPT_TLS_CERT_PEM => self.cert = value.to_vec(),
            LANDLINE_OPT_TLS_KEY_PEM => self.key = value.to_vec(),
            LANDLINE_OPT_TLS_PKCS12 => self.pkcs12 = value.to_vec(),
            LANDLINE_OPT_TLS_CLIENT_CA_PEM => add(&mut self.client_ca_pem, some),
            _ => return false,
        }
        true
    }

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

    /// For a server, if it has a certificate.
    pub(crate) fn acceptor(&self) -> Outcome<Option<TlsAcceptorBuilder>> {
        let mut builder = TlsAcceptor::builder();
        builder = match self.identity_source()? {
            Some(IdentitySource::Pkcs12) => builder.identity_pkcs12(&self.pkcs12, self.password()),
            Some(IdentitySource::Files(cert, key)) => builder.identity_pem_files(cert, key),
            Some(IdentitySource::Pem) => builder.identity_pem(&self.cert, &self.key),
            None if self.more.is_empty() => {
                let asks_for_certificates = self.client_certs != ClientCerts::Off
                    || !self.client_ca_files.is_empty()
                    || !self.client_ca_dirs.is_empty()
                    || !self.client_ca_pem.is_empty();
                if asks_for_certificates {
                    return Err(needs(
                        "LANDLINE_OPT_TLS_CLIENT_CERTS or _CLIENT_CA_*",
                        "LANDLINE_OPT_TLS_CERT_FILE",
                    ));
                }
                return Ok(None);
            }
            None => builder,
        };
        for certificate in &self.more {
            builder = match certificate {
                Certificate::Files(cert, key) => builder.identity_pem_files(cert, key),
                Certificate::Pem(both) => builder.identity_pem(both, both),
            };
        }
        builder = builder
            .client_certs(self.client_certs)
            .alpn(self.alpn)
            .min_version(self.min_version)
            .key_log(self.key_log);
        if let Some(backend) = self.backend {
            builder = builder.backend(backend);
        }
        if let Some(path) = &self.key_log_file {
            builder = builder.key_log_file(path);
        }
        for file in &self.client_ca_files {
            builder = builder.client_ca_file(file);
        }
        for dir in &self.client_ca_dirs {
            builder = builder.client_ca_dir(dir);
        }
        for pem in &self.client_ca_pem {
            builder = builder.client_ca_pem(pem);
        }
        Ok(Some(builder))
    }

    /// For a client. Files are read when a connection is opened; all connections with the same options share a
    /// connector.
    pub(crate) fn connector(&self) -> Outcome<TlsConnectorBuilder> {
        let mut builder = TlsConnector::builder()
            .platform_roots(self.platform_roots)
            .danger_accept_invalid_certs(self.accept_invalid_certs)
            .danger_accept_invalid_hostnames(self.accept_invalid_hostnames)
            .alpn(self.alpn)
            .min_version(self.min_version)
            .key_log(self.key_log);
        if let Some(backend) = self.backend {
            builder = builder.backend(backend);
        }
        if let Some(name) = &self.server_name {
            builder = builder.server_name(name);
        }
        if let Some(path) = &self.key_log_file {
            builder = builder.key_log_file(path);
        }
        for pin in &self.pinned_keys {
            builder = builder.pinned_key(pin);
        }
        for dir in &self.ca_dirs {
            builder = builder.ca_dir(dir);
        }
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
