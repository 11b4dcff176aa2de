//! Certificates with their keys.

use super::failure::{short, unusable, unusable_because};
use super::pem::{CERTIFICATE, KEY, complaint, labels};
use super::shared;
use crate::error::{ConfigError, Result};
use native_tls::Certificate;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// How the one form of key that the library takes begins.
const PKCS8: &[u8] = b"-----BEGIN PRIVATE KEY-----";

/// A certificate with its private key.
///
/// The process keeps the latest 8 in memory, keys and passwords included, so that the same one is parsed only once.
#[derive(Clone)]
pub struct Identity {
    /// What it is made of, checked.
    pub(super) material: Arc<Material>,
}

impl Identity {
    /// From PEM: the certificate, followed by its intermediates if it has any, and the key in PKCS#8 form.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`](crate::Error::Tls) saying which of them cannot be used and why, or that the key is not that of the certificate. A key
    /// that begins with `BEGIN RSA PRIVATE KEY` or `BEGIN EC PRIVATE KEY` is in an older form; the error says how to
    /// convert it.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self> {
        Self::of(Material::pem(certificate, key))
    }

    /// The same from files.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) naming the file that cannot be read, and what [`from_pem`](Self::from_pem) gives, with the
    /// files' names.
    pub fn from_pem_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self> {
        Self::of(Material::files(certificate.as_ref(), key.as_ref())?)
    }

    /// From a PKCS#12 archive (`.p12`, `.pfx`).
    ///
    /// # Errors
    ///
    /// [`Error::Tls`](crate::Error::Tls) when it cannot be used, a wrong password included.
    pub fn from_pkcs12(archive: &[u8], password: &str) -> Result<Self> {
        Self::of(Material::pkcs12(archive, password))
    }

    fn of(material: Material) -> Result<Self> {
        let material = Arc::new(material);
        shared::identity(&material)?;
        Ok(Self { material })
    }
}

/// What an identity is made of, unchecked. Each PEM text has the name that an error gives it.
#[derive(PartialEq, Eq)]
pub(super) enum Material {
    Pem { certificate: (Vec<u8>, String), key: (Vec<u8>, String) },
    Pkcs12 { archive: Vec<u8>, password: String },
}

impl Material {
    pub(super) fn pem(certificate: &[u8], key: &[u8]) -> Self {
        let key = (key.to_vec(), "the private key".to_owned());
        Self::Pem { certificate: (certificate.to_vec(), "the certificate".to_owned()), key }
    }

    pub(super) fn files(certificate: &Path, key: &Path) -> Result<Self> {
        Ok(Self::Pem {
            certificate: (read_file(certificate)?, format!("the certificate in {}", certificate.display())),
            key: (read_file(key)?, format!("the private key in {}", key.display())),
        })
    }

    pub(super) fn pkcs12(archive: &[u8], password: &str) -> Self {
        Self::Pkcs12 { archive: archive.to_vec(), password: password.to_owned() }
    }

    pub(super) fn parse(&self) -> Result<native_tls::Identity> {
        match self {
            Self::Pem { certificate, key } => parse_pem(certificate, key),
            Self::Pkcs12 { archive, password } => parse_pkcs12(archive, password),
        }
    }
}

/// Each with its name.
fn parse_pem(certificate: &(Vec<u8>, String), key: &(Vec<u8>, String)) -> Result<native_tls::Identity> {
    parse_certificates(&certificate.0, &certificate.1)?;
    let begin = key.0.windows(PKCS8.len()).position(|bytes| bytes == PKCS8);
    let Some(begin) = begin else {
        return Err(unusable(format!("{} cannot be used: {}", key.1, key_complaint(&key.0))));
    };
    let pkcs8 = &key.0[begin..];
    let identity = native_tls::Identity::from_pkcs8(&certificate.0, pkcs8)
        .map_err(|source| unusable_because(format!("{} cannot be used: it is damaged", key.1), source))?;
    if !fit(&certificate.0, pkcs8) {
        return Err(unusable(format!("{} is not that of {}", key.1, certificate.1)));
    }
    Ok(identity)
}

fn parse_pkcs12(archive: &[u8], password: &str) -> Result<native_tls::Identity> {
    const NAME: &str = "the PKCS#12 archive cannot be used";
    if archive.is_empty() {
        return Err(unusable(format!("{NAME}: it is empty")));
    }
    if labels(archive).next().is_some() {
        return Err(unusable(format!("{NAME}: it is PEM; give it as certificate and key")));
    }
    native_tls::Identity::from_pkcs12(archive, password).map_err(|source| {
        let why = match &short(&source)[..] {
            "mac verify failure" => "the password is wrong, or it is damaged",
            "unsupported" => "its encryption is outdated; export it again",
            why if why.starts_with("at least one certificate") => {
                "there is no private key in it, or no certificate that belongs to the key"
            }
            _ => "it is damaged, or something else",
        };
        unusable_because(format!("{NAME}: {why}"), source)
    })
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// The certificates in a PEM text, at least one. `name` is how an error calls it.
pub(super) fn parse_certificates(pem: &[u8], name: &str) -> Result<Vec<Certificate>> {
    if let Some(complaint) = complaint(pem, CERTIFICATE) {
        return Err(unusable(format!("{name} cannot be used: {complaint}")));
    }
    match Certificate::stack_from_pem(pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(unusable(format!("{name} cannot be used: it is damaged"))),
        Err(source) => Err(unusable_because(format!("{name} cannot be used: it is damaged"), source)),
    }
}

/// Why there is no key in PKCS#8 form in it.
fn key_complaint(pem: &[u8]) -> String {
    if let Some(complaint) = complaint(pem, KEY) {
        return complaint;
    }
    if labels(pem).any(|label| label.starts_with("ENCRYPTED")) {
        return "it is encrypted; decrypt it with: openssl pkcs8 -in KEY".to_owned();
    }
    "it is not in PKCS#8 form; convert it with: openssl pkcs8 -topk8 -nodes -in KEY".to_owned()
}

/// Whether the key is that of the first certificate. Both have been parsed before.
#[cfg(not(any(target_os = "windows", target_vendor = "apple")))]
fn fit(certificate: &[u8], key: &[u8]) -> bool {
    use openssl::pkey::PKey;
    use openssl::x509::X509;
    let public = X509::from_pem(certificate).and_then(|certificate| certificate.public_key());
    match (public, PKey::private_key_from_pem(key)) {
        (Ok(public), Ok(key)) => key.public_eq(&public),
        // A kind of key that the library cannot compare; the handshake decides.
        _ => true,
    }
}

/// The platform's library has compared them.
#[cfg(any(target_os = "windows", target_vendor = "apple"))]
fn fit(_: &[u8], _: &[u8]) -> bool {
    true
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| ConfigError::File { path: path.to_owned(), source }.into())
}
