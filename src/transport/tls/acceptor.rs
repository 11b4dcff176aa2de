//! How a server does TLS.

use super::backend::Acceptor;
use super::handshake::handshake;
use super::identity::Identity;
use super::settings::ServerSettings;
use super::shared;
use super::stream::TlsTransport;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::transport::{Transport, Wake};
use std::fmt;
use std::sync::Arc;

/// How a server does TLS, with one identity: versions 1.2 and 1.3. All of the same identity are one, in the whole
/// process.
#[derive(Clone)]
pub struct TlsAcceptor(Arc<dyn Acceptor>);

impl TlsAcceptor {
    /// A server's TLS with this certificate.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`](crate::Error::Tls) when the TLS library cannot use it.
    pub fn new(identity: Identity) -> Result<Self> {
        shared::acceptor(&ServerSettings { identity: identity.material }).map(Self)
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
        handshake(under, deadline.into(), wake, |buffers| self.0.accept(buffers))
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsAcceptor(..)")
    }
}
