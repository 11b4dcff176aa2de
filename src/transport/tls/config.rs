//! How each role does TLS.

use super::failure::{short, unusable};
use super::handshake::handshake;
use super::identity::{Identity, parse_certificates, read_file};
use super::stream::TlsTransport;
use crate::error::{Error, Result};
use crate::transport::{Transport, Wake};
use native_tls::Protocol;
use std::fmt;
use std::path::Path;
use std::time::Instant;

/// How a client does TLS. The default: the platform's roots, name and expiry checked, TLS 1.2 at least.
#[derive(Clone)]
pub struct TlsConnector(native_tls::TlsConnector);

impl TlsConnector {
    /// With the defaults.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] when the platform's library cannot be set up.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// To set options.
    #[must_use]
    pub fn builder() -> TlsConnectorBuilder {
        TlsConnectorBuilder { inner: native_tls::TlsConnector::builder(), error: None }
    }

    /// Does the client's TLS handshake over `under`, with the name that the certificate must be for.
    ///
    /// Blocks until it is done, `deadline` passes or `wake` is set.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] when the handshake or the check of the certificate fails, [`Error::Timeout`],
    /// [`Error::Interrupted`], [`Error::Io`].
    pub fn connect<T: Transport>(
        &self,
        server_name: &str,
        under: T,
        deadline: Option<Instant>,
        wake: Option<&Wake>,
    ) -> Result<TlsTransport<T>> {
        handshake(under, deadline, wake, |buffers| self.0.connect(server_name, buffers))
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConnector(..)")
    }
}

/// Options of a [`TlsConnector`].
pub struct TlsConnectorBuilder {
    inner: native_tls::TlsConnectorBuilder,
    error: Option<Error>,
}

impl TlsConnectorBuilder {
    /// Trusts these certificates too: PEM, one or more.
    #[must_use]
    pub fn ca_pem(mut self, pem: &[u8]) -> Self {
        self.add_roots(pem, "the CA certificate");
        self
    }

    fn add_roots(&mut self, pem: &[u8], name: &str) {
        match parse_certificates(pem, name) {
            Ok(certificates) => certificates.into_iter().for_each(|certificate| {
                self.inner.add_root_certificate(certificate);
            }),
            Err(error) => drop(self.error.get_or_insert(error)),
        }
    }

    /// Trusts the certificates of this PEM file too.
    #[must_use]
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        match read_file(path) {
            Ok(pem) => self.add_roots(&pem, &format!("the CA certificate in {}", path.display())),
            Err(error) => drop(self.error.get_or_insert(error)),
        }
        self
    }

    /// Whether the platform's roots are trusted. Default yes; with `false`, only the certificates given here.
    #[must_use]
    pub fn platform_roots(mut self, trust: bool) -> Self {
        self.inner.disable_built_in_roots(!trust);
        self
    }

    /// The certificate to show to a server that asks for one.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.inner.identity(identity.0);
        self
    }

    /// Accepts any certificate: expired, self-signed, for another name. **Whoever sits in between can then read
    /// and change everything.** Default off.
    #[must_use]
    pub fn danger_accept_invalid_certs(mut self, accept: bool) -> Self {
        self.inner.danger_accept_invalid_certs(accept);
        self
    }

    /// Accepts a trusted certificate that is for another name. **Whoever has any trusted certificate can then
    /// read and change everything.** Default off.
    #[must_use]
    pub fn danger_accept_invalid_hostnames(mut self, accept: bool) -> Self {
        self.inner.danger_accept_invalid_hostnames(accept);
        self
    }

    /// Checks the options.
    ///
    /// # Errors
    ///
    /// The first option that cannot be used.
    pub fn build(mut self) -> Result<TlsConnector> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.inner.min_protocol_version(Some(Protocol::Tlsv12));
        let connector = self.inner.build().map_err(not_set_up)?;
        Ok(TlsConnector(connector))
    }
}

impl fmt::Debug for TlsConnectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnectorBuilder").field("error", &self.error).finish_non_exhaustive()
    }
}

/// How a server does TLS, with one identity: version 1.2, and 1.3 where the platform's library offers it to
/// servers (native-tls over OpenSSL does not).
#[derive(Clone)]
pub struct TlsAcceptor(native_tls::TlsAcceptor);

impl TlsAcceptor {
    /// A server's TLS with this certificate.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] when the platform's library cannot use it.
    pub fn new(identity: Identity) -> Result<Self> {
        native_tls::TlsAcceptor::builder(identity.0)
            .min_protocol_version(Some(Protocol::Tlsv12))
            .build()
            .map(Self)
            .map_err(not_set_up)
    }

    /// Does the server's TLS handshake over `under`.
    ///
    /// Blocks until it is done, `deadline` passes or `wake` is set.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] when the handshake fails, [`Error::Timeout`], [`Error::Interrupted`], [`Error::Io`].
    pub fn accept<T: Transport>(
        &self,
        under: T,
        deadline: Option<Instant>,
        wake: Option<&Wake>,
    ) -> Result<TlsTransport<T>> {
        handshake(under, deadline, wake, |buffers| self.0.accept(buffers))
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsAcceptor(..)")
    }
}

fn not_set_up(source: native_tls::Error) -> Error {
    unusable(format!("TLS cannot be set up: {}", short(&source)), Some(source))
}
