//! Failures at a proxy, which are not the server's.

use super::{Error, Fault, Setting};
use crate::proto::proxy::{Refusal, TunnelError};
use http::StatusCode;
use std::error::Error as StdError;
use std::fmt;

/// There is no way through a proxy: it cannot be reached, or it does not connect to the server. The server is not
/// involved. The [`source`](StdError::source) says why.
///
/// ```
/// use landline::{Client, Proxy, error::Error};
/// let client = Client::builder().proxy(Proxy::parse("http://127.0.0.1:1")?).build()?;
/// let Error::Proxy(error) = client.connect("ws://example.com/").unwrap_err() else { panic!() };
/// assert_eq!(error.to_string(), "cannot connect to example.com:80 through proxy http://127.0.0.1:1");
/// assert_eq!(error.status(), None, "it was not reached");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ProxyError {
    /// The proxy as `scheme://host:port`, without user and password.
    pub proxy: String,
    /// Where it was to connect to, as `host:port`: the server, or the next proxy of a chain.
    pub target: String,
    /// What went wrong.
    pub failure: ProxyFailure,
}

/// What went wrong at a proxy.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyFailure {
    /// The proxy cannot be reached, or the connection to it broke: [`Error::Connect`], [`Error::Tls`] or [`Error::Io`].
    Connection(Error),
    /// The proxy refused, or does not speak the protocol that was expected.
    Tunnel(TunnelError),
    /// The proxy refused because of the credentials, with 407 (or 401), or with what stands for it in SOCKS: there were
    /// none, or they are wrong, or it wants another kind of them.
    Credentials(TunnelError),
}

impl ProxyError {
    /// The HTTP status of the proxy's refusal.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// The HTTP response by which the proxy refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.failure {
            ProxyFailure::Connection(_) => None,
            ProxyFailure::Tunnel(error) | ProxyFailure::Credentials(error) => error.refusal(),
        }
    }

    pub(super) fn fault(&self) -> Fault {
        match &self.failure {
            ProxyFailure::Connection(error) => error.fault(),
            ProxyFailure::Credentials(_) => Fault::Caller,
            ProxyFailure::Tunnel(_) => Fault::Network,
        }
    }

    pub(super) fn setting(&self) -> Option<Setting> {
        match &self.failure {
            ProxyFailure::Connection(error) => match error.setting() {
                Some(Setting::TrustedCertificates) => Some(Setting::ProxyTrustedCertificates),
                Some(Setting::ClientCertificate) => Some(Setting::ProxyClientCertificate),
                // The server's, which does not count for a proxy.
                Some(Setting::ServerName) => None,
                other => other,
            },
            ProxyFailure::Credentials(_) => Some(Setting::ProxyCredentials),
            ProxyFailure::Tunnel(TunnelError::Malformed { .. } | TunnelError::Eof { .. }) => Some(Setting::Proxy),
            ProxyFailure::Tunnel(_) => None,
        }
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to {} through proxy {}", self.target, self.proxy)
    }
}

impl StdError for ProxyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.failure {
            ProxyFailure::Connection(error) => Some(error),
            ProxyFailure::Tunnel(error) | ProxyFailure::Credentials(error) => Some(error),
        }
    }
}

/// Why the URL of a proxy cannot be used. Does not contain the URL, which may include a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// White space or a control character anywhere in the URL.
    #[error("the proxy's URL contains {0:?}: remove it or percent-encode it")]
    ForbiddenCharacter(char),
    /// A scheme that is not a proxy's.
    #[error("the scheme of the proxy's URL is not supported: use http, https, socks5, socks5h, socks4 or socks4a")]
    UnsupportedScheme,
    /// No host.
    #[error("the proxy's URL has no host: write it as http://host:port")]
    EmptyHost,
    /// A host that is not a valid name or address.
    #[error("the host in the proxy's URL is not valid: {0}")]
    InvalidHost(String),
    /// A port that is not a number from 1 to 65535.
    #[error("the port in the proxy's URL is not valid: use 1 to 65535")]
    InvalidPort,
    /// A path, a query or a fragment.
    #[error("the proxy's URL goes on after the port: write it as http://host:port")]
    Path,
    /// A user or password that is not UTF-8 after percent-decoding.
    #[error("user or password in the proxy's URL is not valid: percent-encode it as UTF-8")]
    InvalidUser,
    /// A password for SOCKS4, which has none.
    #[error("a SOCKS4 proxy takes no password: use socks5:// if the proxy speaks it")]
    Socks4Password,
}
