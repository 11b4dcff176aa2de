//! Where certificates and keys come from: memory, or files, which are read each time so that changes are noticed.

use super::certificate_dirs;
use super::identity::{Identity, Material, read_file};
use super::settings::Pem;
use crate::error::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Certificates of authorities.
#[derive(Clone)]
pub(super) enum CaSource {
    Pem(Arc<[u8]>),
    File(PathBuf),
    Dir(PathBuf),
}

impl CaSource {
    pub(super) fn pem(pem: &[u8]) -> Self {
        Self::Pem(pem.into())
    }

    pub(super) fn file(path: impl AsRef<Path>) -> Self {
        Self::File(path.as_ref().to_owned())
    }

    pub(super) fn dir(path: impl AsRef<Path>) -> Self {
        Self::Dir(path.as_ref().to_owned())
    }

    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self, Self::Pem(_))
    }

    pub(super) fn read(&self) -> Result<Pem> {
        Ok(match self {
            Self::Pem(text) => Pem { text: Arc::clone(text), name: "the CA certificate".into() },
            Self::File(path) => Pem {
                text: read_file(path)?.into(),
                name: format!("the CA certificate in {}", path.display()).into(),
            },
            Self::Dir(path) => certificate_dirs::read(path)?,
        })
    }
}

/// A certificate with its key.
#[derive(Clone)]
pub(super) enum IdentitySource {
    Material(Arc<Material>),
    Files(PathBuf, PathBuf),
}

impl IdentitySource {
    pub(super) fn pem(certificate: &[u8], key: &[u8]) -> Self {
        Self::Material(Arc::new(Material::pem(certificate, key)))
    }

    pub(super) fn files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        Self::Files(certificate.as_ref().to_owned(), key.as_ref().to_owned())
    }

    pub(super) fn pkcs12(archive: &[u8], password: &str) -> Self {
        Self::Material(Arc::new(Material::pkcs12(archive, password)))
    }

    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self, Self::Material(_))
    }

    pub(super) fn read(&self) -> Result<Arc<Material>> {
        match self {
            Self::Material(material) => Ok(Arc::clone(material)),
            Self::Files(certificate, key) => Ok(Arc::new(Material::files(certificate, key)?)),
        }
    }
}

impl From<Identity> for IdentitySource {
    /// One from files stays one from files.
    fn from(identity: Identity) -> Self {
        identity.files.map_or(Self::Material(identity.material), |(certificate, key)| Self::Files(certificate, key))
    }
}
