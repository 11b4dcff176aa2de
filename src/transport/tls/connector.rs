//! How a client does TLS.

use super::backend::Connector;
use super::handshake::handshake;
use super::identity::{Identity, Material, read_file};
use super::settings::{ClientSettings, Pem};
use super::shared;
use super::stream::TlsTransport;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::transport::{Transport, Wake};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a client does TLS. The default: the platform's roots, name and expiry checked, TLS 1.2 at least.
///
/// To make one can take tens of milliseconds of processor time, because the platform's root certificates are read. Those
/// with the same settings are one, process-wide: each is made once and kept, the latest 8, those that trust the
/// platform's roots for 10 minutes. A forked child makes its own.
///
/// **Secrets stay in memory.** What is kept includes the settings: certificates, private keys and the passwords of PKCS#12
/// archives, even after all connectors and connections that used them are gone, until 8 others have been used since. The
/// same holds for each [`Identity`] and for servers' [`TlsAcceptor`]s.
///
/// A connector goes on with the certificates that it has read. To notice changed ones, make another, or leave that to a
/// [`Client`](crate::Client): without options, or with [`tls_options`](crate::client::ClientBuilder::tls_options), each of
/// its connections takes one that reads files anew and is not older than that.
#[derive(Clone)]
pub struct TlsConnector(pub(super) Arc<dyn Connector>);

impl TlsConnector {
    /// With the defaults.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`](crate::Error::Tls) when the platform's library cannot be set up.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// To set options.
    #[must_use]
    pub fn builder() -> TlsConnectorBuilder {
        TlsConnectorBuilder::default()
    }

    /// Does the client's TLS handshake over `under`, with the name that the certificate must be for.
    ///
    /// Blocks until it is done, `deadline` passes or `wake` is set.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`](crate::Error::Tls) when the handshake or the check of the certificate fails, [`Error::Timeout`](crate::Error::Timeout),
    /// [`Error::Interrupted`](crate::Error::Interrupted), [`Error::Io`](crate::Error::Io).
    pub fn connect<T: Transport>(
        &self,
        server_name: &str,
        under: T,
        deadline: impl Into<Deadline>,
        wake: Option<&Wake>,
    ) -> Result<TlsTransport<T>> {
        handshake(under, deadline.into(), wake, |buffers| self.0.connect(server_name, buffers))
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConnector(..)")
    }
}

/// Options of a [`TlsConnector`]. They are looked at, and files are read, when it is made.
#[derive(Clone, Default)]
pub struct TlsConnectorBuilder {
    no_platform_roots: bool,
    accept_invalid_certs: bool,
    accept_invalid_hostnames: bool,
    roots: Vec<Source>,
    identity: Option<IdentitySource>,
}

#[derive(Clone)]
enum Source {
    Pem(Arc<[u8]>),
    File(PathBuf),
}

#[derive(Clone)]
enum IdentitySource {
    Material(Arc<Material>),
    Files(PathBuf, PathBuf),
}

impl TlsConnectorBuilder {
    /// Trusts these certificates too: PEM, one or more.
    #[must_use]
    pub fn ca_pem(mut self, pem: &[u8]) -> Self {
        self.roots.push(Source::Pem(pem.into()));
        self
    }

    /// Trusts the certificates of this PEM file too.
    #[must_use]
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Self {
        self.roots.push(Source::File(path.as_ref().to_owned()));
        self
    }

    /// Whether the platform's roots are trusted. Default yes; with `false`, only the certificates given here.
    #[must_use]
    pub fn platform_roots(mut self, trust: bool) -> Self {
        self.no_platform_roots = !trust;
        self
    }

    /// The certificate to show to a server that asks for one.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(IdentitySource::Material(identity.material));
        self
    }

    /// The same as [`Identity::from_pem`] gives it.
    #[must_use]
    pub fn identity_pem(mut self, certificate: &[u8], key: &[u8]) -> Self {
        self.identity = Some(IdentitySource::Material(Arc::new(Material::pem(certificate, key))));
        self
    }

    /// The same as [`Identity::from_pem_files`] gives it.
    #[must_use]
    pub fn identity_pem_files(mut self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        let (certificate, key) = (certificate.as_ref().to_owned(), key.as_ref().to_owned());
        self.identity = Some(IdentitySource::Files(certificate, key));
        self
    }

    /// The same as [`Identity::from_pkcs12`] gives it.
    #[must_use]
    pub fn identity_pkcs12(mut self, archive: &[u8], password: &str) -> Self {
        self.identity = Some(IdentitySource::Material(Arc::new(Material::pkcs12(archive, password))));
        self
    }

    /// Accepts any certificate: expired, self-signed, for another name. **Whoever sits in between can then read
    /// and change everything.** Default off.
    #[must_use]
    pub fn danger_accept_invalid_certs(mut self, accept: bool) -> Self {
        self.accept_invalid_certs = accept;
        self
    }

    /// Accepts a trusted certificate that is for another name. **Whoever has any trusted certificate can then
    /// read and change everything.** Default off.
    #[must_use]
    pub fn danger_accept_invalid_hostnames(mut self, accept: bool) -> Self {
        self.accept_invalid_hostnames = accept;
        self
    }

    /// Makes the connector, or gives the one that has been made of the same. Blocks while files are read.
    ///
    /// # Errors
    ///
    /// The first option that cannot be used: [`Error::Config`](crate::Error::Config) for a file that cannot be read, [`Error::Tls`](crate::Error::Tls) for what is
    /// no certificate or key, naming it.
    pub fn build(self) -> Result<TlsConnector> {
        shared::connector(&self.settings()?).map(TlsConnector)
    }

    /// What [`build`](Self::build) gives, if it has been made before and no file has to be read. Never blocks.
    pub(crate) fn ready(&self) -> Result<Option<TlsConnector>> {
        if self.has_files() {
            return Ok(None);
        }
        Ok(shared::ready(&self.settings()?).map(TlsConnector))
    }

    fn has_files(&self) -> bool {
        matches!(self.identity, Some(IdentitySource::Files(..)))
            || self.roots.iter().any(|source| matches!(source, Source::File(_)))
    }

    /// Reads the files.
    fn settings(&self) -> Result<ClientSettings> {
        let root = |source: &Source| {
            let (text, name) = match source {
                Source::Pem(text) => (Arc::clone(text), "the CA certificate".into()),
                Source::File(path) => {
                    (read_file(path)?.into(), format!("the CA certificate in {}", path.display()).into())
                }
            };
            Ok(Pem { text, name })
        };
        let identity = match &self.identity {
            Some(IdentitySource::Material(material)) => Some(Arc::clone(material)),
            Some(IdentitySource::Files(certificate, key)) => Some(Arc::new(Material::files(certificate, key)?)),
            None => None,
        };
        Ok(ClientSettings {
            platform_roots: !self.no_platform_roots,
            accept_invalid_certs: self.accept_invalid_certs,
            accept_invalid_hostnames: self.accept_invalid_hostnames,
            roots: self.roots.iter().map(root).collect::<Result<_>>()?,
            identity,
        })
    }
}

impl fmt::Debug for TlsConnectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnectorBuilder").finish_non_exhaustive()
    }
}
