//! Certificates with their keys.

use super::tls_error;
use crate::error::{Error, Result};
use std::fmt;
use std::path::Path;

/// A certificate with its private key.
#[derive(Clone)]
pub struct Identity(pub(super) native_tls::Identity);

impl Identity {
    /// From PEM: the certificate, followed by its intermediates if it has any, and the key in PKCS#8 form.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] when one of them cannot be used. A key that begins with `BEGIN RSA PRIVATE KEY` or
    /// `BEGIN EC PRIVATE KEY` is in an older form; the error says how to convert it.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self> {
        native_tls::Identity::from_pkcs8(certificate, key).map(Self).map_err(|source| {
            let old_form = String::from_utf8_lossy(key).contains(" PRIVATE KEY-----")
                && !String::from_utf8_lossy(key).contains("BEGIN PRIVATE KEY");
            let hint = "the key is not in PKCS#8 form; convert it with: openssl pkcs8 -topk8 -nodes -in KEY";
            tls_error("certificate and key cannot be used", old_form.then_some(hint), source)
        })
    }

    /// The same from files.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] naming the file that cannot be read, and what [`from_pem`](Self::from_pem) gives.
    pub fn from_pem_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self> {
        Self::from_pem(&read_file(certificate.as_ref())?, &read_file(key.as_ref())?)
    }

    /// From a PKCS#12 archive (`.p12`, `.pfx`).
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] when it cannot be used, a wrong password included.
    pub fn from_pkcs12(archive: &[u8], password: &str) -> Result<Self> {
        native_tls::Identity::from_pkcs12(archive, password)
            .map(Self)
            .map_err(|source| tls_error("PKCS#12 archive cannot be used", None, source))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::config(format!("cannot read {}: {error}", path.display())))
}
