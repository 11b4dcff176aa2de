//! Who the client says it is: what a program can set for that, and what it is asked for while connecting.

use crate::entropy;
use crate::error::{Error, Result};
use crate::proto::auth::{Challenge, Credentials};
use http::StatusCode;
use http::header::HeaderMap;
use std::fmt;
use std::io;
use std::sync::Arc;

/// What a server or a proxy asks for, in a call of [`ClientBuilder::on_challenge`](super::ClientBuilder::on_challenge).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AuthRequest<'a> {
    /// 401 if a server asks, 407 if a proxy does.
    pub status: StatusCode,
    /// The URL of the server, or of the proxy, without user and password.
    pub url: &'a str,
    /// The method of the request that is to be authorized: `GET` for a server, `CONNECT` for a proxy.
    pub method: &'a str,
    /// Its target.
    pub target: &'a str,
    /// What is asked for, in the order of the headers.
    pub challenges: &'a [Challenge],
    /// All headers of the answer.
    pub headers: &'a HeaderMap,
}

/// The identity that a client has for servers, apart from one in a URL.
#[derive(Clone, Debug, Default)]
pub(super) enum Identity {
    #[default]
    None,
    Credentials(Credentials),
    Bearer(Bearer),
}

impl Identity {
    pub(super) fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }
}

/// Supplies bearer tokens.
#[derive(Clone)]
pub(super) struct Bearer(Arc<dyn Fn() -> io::Result<String> + Send + Sync>);

impl Bearer {
    pub(super) fn new(supply: impl Fn() -> io::Result<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(supply))
    }

    /// The value of the `Authorization` header, with a fresh token (RFC 6750 2.1).
    pub(super) fn authorization(&self) -> Result<String> {
        let token = (self.0)().map_err(|error| Error::io("getting a bearer token", error))?;
        Ok(format!("Bearer {token}"))
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer")
    }
}

type Answer = dyn Fn(&AuthRequest<'_>) -> Option<String> + Send + Sync;

/// Answers challenges that the library cannot answer.
#[derive(Clone)]
pub(super) struct OnChallenge(Arc<Answer>);

impl OnChallenge {
    pub(super) fn new(answer: impl Fn(&AuthRequest<'_>) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    /// The value of `Authorization` or `Proxy-Authorization`, if the program has one.
    pub(super) fn answer(&self, request: &AuthRequest<'_>) -> Option<String> {
        (self.0)(request)
    }
}

impl fmt::Debug for OnChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnChallenge")
    }
}

/// A client's nonce for Digest.
pub(super) fn cnonce() -> Result<String> {
    Ok(format!("{:032x}", u128::from_ne_bytes(entropy::nonce()?)))
}
