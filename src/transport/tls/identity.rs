//! Certificates with their keys.

use super::backend::{self, Check};
use super::certificates::parse_certificates;
use super::failure::unusable;
use super::keys::pkcs8;
use super::pem::labels;
use super::shared;
use crate::error::{ConfigError, Result};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// More than any file of certificates has. That of all authorities of the Web has a quarter of a megabyte.
const MAX_FILE_SIZE: u64 = 16 << 20;

/// A certificate with its private key.
///
/// The process keeps the latest 8 in memory, keys and passwords included, so that the same one is parsed only once.
///
/// ```
/// # let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
/// # let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
/// use landline::Server;
/// use landline::transport::Identity;
///
/// let identity = Identity::from_pem(cert.as_bytes(), key.as_bytes())?;
/// let server = Server::builder().tls(identity).bind("127.0.0.1:0")?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone)]
pub struct Identity {
    /// What it is made of, checked.
    pub(super) material: Arc<Material>,
    /// Where it was read from.
    pub(super) files: Option<(PathBuf, PathBuf)>,
}

impl Identity {
    /// From PEM: the certificate, followed by its intermediates if it has any, and the key in PKCS#8, PKCS#1 or SEC1
    /// form.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`](crate::Error::Tls) saying which of them cannot be used and why, or that the key is not that of
    /// the certificate. Keys that are encrypted cannot be used; the error says how to decrypt them.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self> {
        Self::of(Material::pem(certificate, key))
    }

    /// The same from files. Connectors and acceptors that are made with it read the files again, so that renewed
    /// certificates are noticed.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) naming the file that cannot be read, and what [`from_pem`](Self::from_pem)
    /// gives, with the files' names.
    pub fn from_pem_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let identity = Self::of(Material::files(certificate, key)?)?;
        Ok(Self { files: Some((certificate.to_owned(), key.to_owned())), ..identity })
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
        Ok(Self { material, files: None })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// What an identity is made of, unchecked. Each PEM text has the name that an error gives it.
#[derive(PartialEq, Eq)]
pub(super) enum Material {
    Pem { certificate: (Vec<u8>, String), key: (Vec<u8>, String) },
    Pkcs12 { archive: Vec<u8>, password: String },
}

/// What an identity is made of, checked.
pub(super) enum Parsed {
    /// The certificate and its intermediates in DER, and the key in PKCS#8 DER.
    Der { chain: Vec<Vec<u8>>, key: Vec<u8> },
    /// An archive that only the platform's library can read.
    #[cfg_attr(
        not(any(target_os = "windows", target_vendor = "apple")),
        expect(dead_code, reason = "read by OpenSSL")
    )]
    Archive { archive: Vec<u8>, password: String },
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

    pub(super) fn parse(&self) -> Result<Parsed> {
        match self {
            Self::Pem { certificate, key } => parse_pem(certificate, key),
            Self::Pkcs12 { archive, password } => parse_pkcs12(archive, password),
        }
    }
}

/// Each with its name.
fn parse_pem(certificate: &(Vec<u8>, String), key: &(Vec<u8>, String)) -> Result<Parsed> {
    let chain = parse_certificates(&certificate.0, &certificate.1)?;
    let pkcs8 = pkcs8(&key.0).map_err(|why| unusable(format!("{} cannot be used: {why}", key.1)))?;
    let damaged = |name: &str| unusable(format!("{name} cannot be used: it is damaged"));
    match backend::check(&chain, &pkcs8)? {
        Check::Fine => Ok(Parsed::Der { chain, key: pkcs8 }),
        Check::BadCertificate => Err(damaged(&certificate.1)),
        Check::BadKey => Err(damaged(&key.1)),
        Check::Mismatch => Err(unusable(format!("{} is not that of {}", key.1, certificate.1))),
    }
}

fn parse_pkcs12(archive: &[u8], password: &str) -> Result<Parsed> {
    if archive.is_empty() {
        return Err(unusable_archive("it is empty"));
    }
    if labels(archive).next().is_some() {
        return Err(unusable_archive("it is PEM; give it as certificate and key"));
    }
    backend::read_pkcs12(archive, password)
}

/// What to do where nothing reads PKCS#12.
#[cfg(feature = "rustls")]
pub(super) const NO_PKCS12: &str =
    "rustls reads none; convert it with: openssl pkcs12 -nodes -in FILE, and give certificate and key in PEM";

pub(super) fn unusable_archive(why: &str) -> crate::error::Error {
    unusable(format!("the PKCS#12 archive cannot be used: {why}"))
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>> {
    read_at_most(path, MAX_FILE_SIZE).map_err(|source| ConfigError::File { path: path.to_owned(), source }.into())
}

/// A device that never ends would otherwise be read until there is no memory left.
fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes")));
    }
    Ok(content)
}
