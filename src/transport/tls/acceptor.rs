//! How a server does TLS.

use super::backend::{Acceptor, TlsBackend};
use super::failure::Expected;
use super::handshake::handshake;
use super::identity::Identity;
use super::info::TlsVersion;
use super::key_log::Place;
use super::lock;
use super::settings::{ClientCerts, ServerSettings};
use super::shared;
use super::sources::{CaSource, IdentitySource};
use super::stream::TlsTransport;
use crate::deadline::Deadline;
use crate::error::{ConfigError, Result, Setting};
use crate::process::Process;
use crate::transport::{Transport, Wake};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

/// How a server does TLS: versions 1.2 and 1.3. Acceptors with the same options are shared throughout the process.
///
/// Certificates, keys and authorities that come from files are read again for each handshake, so that renewed ones are used
/// from the next client on. As long as the files cannot be used, for example because only one of them has been replaced so
/// far, what was read before is used, and a warning is logged.
///
/// One handshake reads them at a time; those that begin meanwhile use what was read before. So a file system that hangs, as
/// one of the network may, delays a single client. Reading is within that client's time, but cannot be cut off by it.
///
/// ```
/// # let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
/// # let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
/// # let identity = landline::transport::Identity::from_pem(cert.as_bytes(), key.as_bytes())?;
/// use landline::Server;
/// use landline::transport::{ClientCerts, TlsAcceptor};
///
/// let tls = TlsAcceptor::builder().identity(identity).client_certs(ClientCerts::Optional).client_ca_pem(cert.as_bytes());
/// let server = Server::builder().tls_options(tls).bind("127.0.0.1:0")?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone)]
pub struct TlsAcceptor(Arc<Inner>);

struct Inner {
    options: TlsAcceptorBuilder,
    backend: TlsBackend,
    is_in_memory: bool,
    first: Arc<dyn Acceptor>,
    /// Locked by the handshake that reads the files.
    reading: Mutex<()>,
    /// What was made of the files when they could last be used.
    latest: Mutex<Option<Arc<dyn Acceptor>>>,
    made_in: Process,
}

impl Inner {
    /// Locked only to copy or to replace it. In a forked child the lock is tried: a thread of its parent may have held it.
    fn latest(&self) -> Option<MutexGuard<'_, Option<Arc<dyn Acceptor>>>> {
        if self.made_in.is_current() { Some(lock(&self.latest)) } else { self.latest.try_lock().ok() }
    }

    /// Made of what was read before.
    fn before(&self) -> Arc<dyn Acceptor> {
        let latest = self.latest().and_then(|latest| latest.clone());
        latest.unwrap_or_else(|| Arc::clone(&self.first))
    }
}

impl TlsAcceptor {
    /// A server's TLS with this certificate and the default options.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`](crate::Error::Tls) when the TLS library cannot use it.
    pub fn new(identity: Identity) -> Result<Self> {
        Self::builder().identity(identity).build()
    }

    /// To set options. One needs at least an [`identity`](TlsAcceptorBuilder::identity).
    #[must_use]
    pub fn builder() -> TlsAcceptorBuilder {
        TlsAcceptorBuilder::default()
    }

    /// Does the server's TLS handshake over `under`.
    ///
    /// Blocks until it is done, `deadline` passes or `wake` is set.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`](crate::Error::Tls) when the handshake fails, [`Error::Timeout`](crate::Error::Timeout),
    /// [`Error::Interrupted`](crate::Error::Interrupted), [`Error::Io`](crate::Error::Io).
    pub fn accept<T: Transport>(
        &self,
        under: T,
        deadline: impl Into<Deadline>,
        wake: Option<&Wake>,
    ) -> Result<TlsTransport<T>> {
        let expected = Expected { name: None, min_version: self.0.options.min_version };
        let made = self.current();
        handshake(under, deadline.into(), wake, self.0.backend, expected, |buffers| made.accept(buffers))
    }

    /// Made of what is in the files now, or was when they were last read if another thread is reading them.
    fn current(&self) -> Arc<dyn Acceptor> {
        let inner = &*self.0;
        if inner.is_in_memory {
            return Arc::clone(&inner.first);
        }
        let reading = inner.reading.try_lock();
        // In a forked child, the thread that holds the lock may be one of its parent.
        if inner.made_in.is_current() && matches!(reading, Err(TryLockError::WouldBlock)) {
            return inner.before();
        }
        match inner.options.settings().and_then(|settings| shared::acceptor(&settings)) {
            Ok(made) => {
                if let Some(mut latest) = inner.latest() {
                    *latest = Some(Arc::clone(&made));
                }
                made
            }
            Err(error) => {
                log::warn!("the server's certificates cannot be renewed: {error:#}");
                inner.before()
            }
        }
    }

    #[cfg(test)]
    pub(super) fn made(&self) -> &Arc<dyn Acceptor> {
        &self.0.first
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsAcceptor(..)")
    }
}

/// Options of a [`TlsAcceptor`].
///
/// ```
/// use landline::transport::{ClientCerts, TlsAcceptor};
/// let options = TlsAcceptor::builder()
///     .identity_pem_files("/etc/example/one.pem", "/etc/example/one.key")
///     .identity_pem_files("/etc/example/other.pem", "/etc/example/other.key")
///     .client_certs(ClientCerts::Required)
///     .client_ca_file("/etc/example/clients.pem");
/// // As there are no such files:
/// assert!(options.build().is_err());
/// ```
#[derive(Clone)]
pub struct TlsAcceptorBuilder {
    backend: Option<TlsBackend>,
    identities: Vec<IdentitySource>,
    client_certs: ClientCerts,
    client_roots: Vec<CaSource>,
    alpn: bool,
    min_version: TlsVersion,
    key_log: Place,
}

impl Default for TlsAcceptorBuilder {
    fn default() -> Self {
        Self {
            backend: None,
            identities: Vec::new(),
            client_certs: ClientCerts::Off,
            client_roots: Vec::new(),
            alpn: true,
            min_version: TlsVersion::default(),
            key_log: Place::Nowhere,
        }
    }
}

impl TlsAcceptorBuilder {
    /// The library that does TLS. Default: see [`TlsBackend`].
    #[must_use]
    pub fn backend(mut self, backend: TlsBackend) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Adds a certificate. Of several, a client gets the first one that is for the name that it asks for (SNI), or else
    /// the first one that covers the name by a wildcard, or else the first one of all.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identities.push(identity.into());
        self
    }

    /// The same, made by [`Identity::from_pem`].
    #[must_use]
    pub fn identity_pem(mut self, certificate: &[u8], key: &[u8]) -> Self {
        self.identities.push(IdentitySource::pem(certificate, key));
        self
    }

    /// The same, made by [`Identity::from_pem_files`]. The files are read again for each client.
    #[must_use]
    pub fn identity_pem_files(mut self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.identities.push(IdentitySource::files(certificate, key));
        self
    }

    /// The same, made by [`Identity::from_pkcs12`].
    #[must_use]
    pub fn identity_pkcs12(mut self, archive: &[u8], password: &str) -> Self {
        self.identities.push(IdentitySource::pkcs12(archive, password));
        self
    }

    /// Whether clients are asked for certificates. Default: they are not. A certificate that is shown must have been issued
    /// by one of the authorities given with [`client_ca_file`](Self::client_ca_file) and its relatives; those of the
    /// platform are not trusted here. [`TlsInfo::peer_certificate`](super::TlsInfo::peer_certificate) says who came.
    #[must_use]
    pub fn client_certs(mut self, ask: ClientCerts) -> Self {
        self.client_certs = ask;
        self
    }

    /// Trusts clients' certificates that these have issued: PEM, one or more.
    #[must_use]
    pub fn client_ca_pem(mut self, pem: &[u8]) -> Self {
        self.client_roots.push(CaSource::pem(pem));
        self
    }

    /// Trusts clients' certificates that those of this PEM file have issued.
    #[must_use]
    pub fn client_ca_file(mut self, path: impl AsRef<Path>) -> Self {
        self.client_roots.push(CaSource::file(path));
        self
    }

    /// Trusts clients' certificates that those of the PEM files in this directory have issued.
    #[must_use]
    pub fn client_ca_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.client_roots.push(CaSource::dir(path));
        self
    }

    /// Whether `http/1.1` is chosen if a client offers protocols by ALPN (RFC 7301). Default yes: a client that offers only
    /// others is refused. With `false`, what clients offer does not matter.
    #[must_use]
    pub fn alpn(mut self, choose: bool) -> Self {
        self.alpn = choose;
        self
    }

    /// The oldest version of TLS to speak. Default TLS 1.2, which is also the oldest possible one.
    #[must_use]
    pub fn min_version(mut self, version: TlsVersion) -> Self {
        self.min_version = version;
        self
    }

    /// Whether session secrets are appended to the file that the variable `SSLKEYLOGFILE` names, if it is set.
    /// **Whoever has that file can decrypt the connections.** Default no: the variable alone does nothing.
    #[must_use]
    pub fn key_log(mut self, log: bool) -> Self {
        self.key_log = if log { Place::Environment } else { Place::Nowhere };
        self
    }

    /// Appends session secrets to this file, whatever the environment says. See [`key_log`](Self::key_log).
    #[must_use]
    pub fn key_log_file(mut self, path: impl AsRef<Path>) -> Self {
        self.key_log = Place::File(path.as_ref().to_owned());
        self
    }

    /// Makes the acceptor, or returns the one that has been made from the same options. Blocks while files are read.
    ///
    /// # Errors
    ///
    /// The first option that cannot be used: [`Error::Config`](crate::Error::Config) for a file that cannot be read, for
    /// what the library cannot do, and for a library that is not compiled in; [`Error::Tls`](crate::Error::Tls) for
    /// something that is not a certificate or key, naming it, and if there is no certificate at all.
    pub fn build(self) -> Result<TlsAcceptor> {
        let backend = TlsBackend::choose(self.backend)?;
        let first = shared::acceptor(&self.settings()?)?;
        let is_in_memory = self.identities.iter().all(IdentitySource::is_in_memory)
            && self.client_roots.iter().all(CaSource::is_in_memory);
        let (reading, latest) = (Mutex::new(()), Mutex::new(None));
        let made_in = Process::current();
        Ok(TlsAcceptor(Arc::new(Inner { options: self, backend, is_in_memory, first, reading, latest, made_in })))
    }

    /// Reads the files.
    fn settings(&self) -> Result<ServerSettings> {
        let backend = TlsBackend::choose(self.backend)?;
        if self.identities.is_empty() {
            return Err(super::failure::unusable("a server needs a certificate with its key".to_owned()));
        }
        if self.client_certs != ClientCerts::Off && self.client_roots.is_empty() {
            let (setting, other) = (Setting::ClientCerts, Setting::ClientCas);
            let (given, advice) = (format!("{:?}", self.client_certs), "give an authority that issues them with");
            return Err(ConfigError::Combination { setting, given, advice, other }.into());
        }
        Ok(ServerSettings {
            backend,
            identities: self.identities.iter().map(IdentitySource::read).collect::<Result<_>>()?,
            client_certs: self.client_certs,
            client_roots: self.client_roots.iter().map(CaSource::read).collect::<Result<_>>()?,
            alpn: self.alpn,
            min_version: self.min_version,
            key_log: self.key_log.path(),
        })
    }
}

impl fmt::Debug for TlsAcceptorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptorBuilder").finish_non_exhaustive()
    }
}
