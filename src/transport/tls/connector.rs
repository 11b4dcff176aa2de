//! How a client does TLS.

use super::backend::{Connector, TlsBackend};
use super::failure::Expected;
use super::handshake::handshake;
use super::identity::Identity;
use super::info::TlsVersion;
use super::key_log::Place;
use super::lock;
use super::pins::Pins;
use super::settings::ClientSettings;
use super::shared;
use super::sources::{CaSource, IdentitySource};
use super::stream::TlsTransport;
use crate::deadline::Deadline;
use crate::error::{ConfigError, Result, Setting};
use crate::transport::{Transport, Wake};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use url::Host;

/// How a client does TLS. The default: the platform's roots, name and expiry checked, TLS 1.2 at least.
///
/// Making one can take tens of milliseconds of processor time, because the platform's root certificates are read. So
/// connectors with the same settings are shared throughout the process: each is made once and kept, until 8 others have been
/// used since, or for 10 minutes if it trusts the platform's roots. A forked child makes its own.
///
/// **Secrets stay in memory.** What is kept includes the settings: certificates, private keys and the passwords of PKCS#12
/// archives, even after all connectors and connections that used them are gone, until 8 others have been used since. The
/// same holds for each [`Identity`] and for servers' [`TlsAcceptor`](super::TlsAcceptor)s.
///
/// A connector keeps the certificates that it has read. To pick up changed ones, make another, or leave that to a
/// [`Client`](crate::Client): without options, or with [`tls_options`](crate::client::ClientBuilder::tls_options), each of
/// its connections uses the files as they are then, and roots that are no older than that.
///
/// ```
/// use landline::Client;
/// use landline::transport::{TlsConnector, TlsVersion};
///
/// let tls = TlsConnector::builder().min_version(TlsVersion::V1_3).build()?;
/// let client = Client::builder().tls(tls).build()?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone)]
pub struct TlsConnector {
    made: Arc<dyn Connector>,
    rules: Arc<Rules>,
}

/// What is the same for all libraries.
struct Rules {
    backend: TlsBackend,
    server_name: Option<String>,
    pins: Pins,
    min_version: TlsVersion,
}

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

    /// Does the client's TLS handshake over `under`, with the name that the certificate must be for. If
    /// [`server_name`](TlsConnectorBuilder::server_name) is set, it is used instead.
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
        match &self.rules.server_name {
            Some(name) => self.connect_to(name, under, deadline.into(), wake),
            None => self.connect_to(&normal_name(server_name)?, under, deadline.into(), wake),
        }
    }

    /// The same for a server that is not the one that [`server_name`](TlsConnectorBuilder::server_name) is about. The name is
    /// that of a URL, in its normal form.
    pub(crate) fn connect_to<T: Transport>(
        &self,
        name: &str,
        under: T,
        deadline: Deadline,
        wake: Option<&Wake>,
    ) -> Result<TlsTransport<T>> {
        let rules = &*self.rules;
        let expected = Expected { name: Some(name), min_version: rules.min_version };
        let connect = |buffers| self.made.connect(name, buffers);
        let transport = handshake(under, deadline, wake, rules.backend, expected, connect)?;
        rules.pins.check(&lock(&transport.tls).peer_certificates())?;
        Ok(transport)
    }
}

/// A name as certificates have it and as it is sent (RFC 6066 section 3): in ASCII and lower case, without a dot at the end;
/// an address without brackets.
fn normal_name(name: &str) -> Result<String> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    match Host::parse(name) {
        Ok(Host::Domain(name)) if !matches!(&*name, "" | ".") => {
            Ok(name.strip_suffix('.').unwrap_or(&name).to_owned())
        }
        Ok(Host::Ipv4(address)) => Ok(address.to_string()),
        Ok(Host::Ipv6(address)) => Ok(address.to_string()),
        _ => {
            let (setting, given) = (Setting::ServerName, format!("{name:?}"));
            Err(ConfigError::Value { setting, given, advice: "give a host name or an IP address" }.into())
        }
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConnector(..)")
    }
}

/// Options of a [`TlsConnector`]. They are checked, and files are read, when it is made.
///
/// ```
/// # let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
/// # let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
/// # let ca = cert;
/// use landline::Client;
/// use landline::transport::TlsConnector;
///
/// // Trusts this authority and no other.
/// let tls = TlsConnector::builder().ca_pem(ca.as_bytes()).platform_roots(false);
/// let client = Client::builder().tls_options(tls).build()?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone)]
pub struct TlsConnectorBuilder {
    backend: Option<TlsBackend>,
    platform_roots: bool,
    accept_invalid_certs: bool,
    accept_invalid_hostnames: bool,
    roots: Vec<CaSource>,
    identity: Option<IdentitySource>,
    server_name: Option<String>,
    pinned_keys: Vec<String>,
    alpn: bool,
    min_version: TlsVersion,
    key_log: Place,
}

impl Default for TlsConnectorBuilder {
    fn default() -> Self {
        Self {
            backend: None,
            platform_roots: true,
            accept_invalid_certs: false,
            accept_invalid_hostnames: false,
            roots: Vec::new(),
            identity: None,
            server_name: None,
            pinned_keys: Vec::new(),
            alpn: true,
            min_version: TlsVersion::default(),
            key_log: Place::Nowhere,
        }
    }
}

impl TlsConnectorBuilder {
    /// The library that does TLS. Default: see [`TlsBackend`].
    #[must_use]
    pub fn backend(mut self, backend: TlsBackend) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Trusts these certificates too: PEM, one or more.
    #[must_use]
    pub fn ca_pem(mut self, pem: &[u8]) -> Self {
        self.roots.push(CaSource::pem(pem));
        self
    }

    /// Trusts the certificates of this PEM file too.
    #[must_use]
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Self {
        self.roots.push(CaSource::file(path));
        self
    }

    /// Trusts the certificates of all PEM files in this directory too, whatever their names: links by hash, as
    /// `openssl rehash` makes them, need not be there. Files without a certificate are passed over.
    #[must_use]
    pub fn ca_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.roots.push(CaSource::dir(path));
        self
    }

    /// Whether the platform's roots are trusted. Default yes; with `false`, only the certificates given here.
    #[must_use]
    pub fn platform_roots(mut self, trust: bool) -> Self {
        self.platform_roots = trust;
        self
    }

    /// The certificate to show to a server that asks for one.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity.into());
        self
    }

    /// The same, made by [`Identity::from_pem`].
    #[must_use]
    pub fn identity_pem(mut self, certificate: &[u8], key: &[u8]) -> Self {
        self.identity = Some(IdentitySource::pem(certificate, key));
        self
    }

    /// The same, made by [`Identity::from_pem_files`].
    #[must_use]
    pub fn identity_pem_files(mut self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.identity = Some(IdentitySource::files(certificate, key));
        self
    }

    /// The same, made by [`Identity::from_pkcs12`].
    #[must_use]
    pub fn identity_pkcs12(mut self, archive: &[u8], password: &str) -> Self {
        self.identity = Some(IdentitySource::pkcs12(archive, password));
        self
    }

    /// The name to ask the server for (SNI), and that its certificate must be for: a host name or an IP address. Default:
    /// the host of the URL.
    #[must_use]
    pub fn server_name(mut self, name: &str) -> Self {
        self.server_name = Some(name.to_owned());
        self
    }

    /// Accepts only servers with this public key, or with one of several: `sha256//` and the SHA-256 of the key's
    /// SubjectPublicKeyInfo in Base64, as [`Certificate::public_key_pin`](super::Certificate::public_key_pin) gives it and
    /// as curl takes it. Default: any key.
    ///
    /// The certificate must be trusted as well, unless [`danger_accept_invalid_certs`](Self::danger_accept_invalid_certs)
    /// says otherwise. The key is checked after the TLS handshake, before anything else is sent.
    #[must_use]
    pub fn pinned_key(mut self, pin: &str) -> Self {
        self.pinned_keys.push(pin.to_owned());
        self
    }

    /// Whether `http/1.1` is offered to the server by ALPN (RFC 7301), as browsers do. Default yes. A server that is
    /// offered it and speaks only other protocols refuses the handshake.
    #[must_use]
    pub fn alpn(mut self, offer: bool) -> Self {
        self.alpn = offer;
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
    ///
    /// native-tls cannot write them: making the connector fails with [`Error::Config`](crate::Error::Config), unless the
    /// variable is not set.
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

    /// Makes the connector, or returns the one that has been made from the same options. Blocks while files are read.
    ///
    /// # Errors
    ///
    /// The first option that cannot be used: [`Error::Config`](crate::Error::Config) for a file that cannot be read, for
    /// what the library cannot do, and for a library that is not compiled in; [`Error::Tls`](crate::Error::Tls) for
    /// something that is not a certificate or key, naming it.
    pub fn build(self) -> Result<TlsConnector> {
        let rules = self.rules()?;
        Ok(TlsConnector { made: shared::connector(&self.settings()?)?, rules })
    }

    /// What [`build`](Self::build) gives, if it has been made before and no file has to be read. Never blocks.
    pub(crate) fn ready(&self) -> Result<Option<TlsConnector>> {
        if !self.is_in_memory() {
            return Ok(None);
        }
        let rules = self.rules()?;
        Ok(shared::ready(&self.settings()?).map(|made| TlsConnector { made, rules }))
    }

    fn is_in_memory(&self) -> bool {
        self.identity.as_ref().is_none_or(IdentitySource::is_in_memory)
            && self.roots.iter().all(CaSource::is_in_memory)
    }

    fn rules(&self) -> Result<Arc<Rules>> {
        Ok(Arc::new(Rules {
            backend: TlsBackend::choose(self.backend)?,
            server_name: self.server_name.as_deref().map(normal_name).transpose()?,
            pins: Pins::parse(&self.pinned_keys)?,
            min_version: self.min_version,
        }))
    }

    /// Reads the files.
    fn settings(&self) -> Result<ClientSettings> {
        Ok(ClientSettings {
            backend: TlsBackend::choose(self.backend)?,
            platform_roots: self.platform_roots,
            accept_invalid_certs: self.accept_invalid_certs,
            accept_invalid_hostnames: self.accept_invalid_hostnames,
            roots: self.roots.iter().map(CaSource::read).collect::<Result<_>>()?,
            identity: self.identity.as_ref().map(IdentitySource::read).transpose()?,
            alpn: self.alpn,
            min_version: self.min_version,
            key_log: self.key_log.path(),
        })
    }
}

impl fmt::Debug for TlsConnectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnectorBuilder").finish_non_exhaustive()
    }
}
