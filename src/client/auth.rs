//! Who the client says it is: what a program can set for that, and what it is asked for while connecting.

use crate::entropy;
use crate::error::{Error, Result};
use crate::proto::auth::{Authenticator, Challenge, Credentials};
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

/// How many challenges are answered for one URL: Digest needs two at most, schemes with several steps three.
const MAX_CHALLENGES: u32 = 5;

/// The authorization of the requests to one server or proxy.
#[derive(Default)]
pub(super) struct Authorization {
    authenticator: Option<Authenticator>,
    /// What is sent if there are no credentials and nothing has been asked for.
    token: Option<String>,
    value: Option<String>,
    /// The program's answer to a challenge: only the program could make another one.
    is_given: bool,
    is_sent: bool,
    /// How many have been answered.
    challenges: u32,
}

impl Authorization {
    /// Without credentials, `token` is the value of the header.
    pub(super) fn new(credentials: Option<Credentials>, token: Option<String>) -> Self {
        Self { authenticator: credentials.map(Authenticator::new), token, ..Self::default() }
    }

    /// The next request is the first one to its target.
    pub(super) fn begin(&mut self) {
        (self.value, self.is_given, self.is_sent, self.challenges) = (self.token.clone(), false, true, 0);
    }

    /// The value of the header in the next request. What is made from credentials is made anew each time, because a
    /// count must not be sent twice with the same nonce (RFC 7616 3.4): also if a request is made again because the
    /// connection ended, or because a tunnel behind this proxy has to be opened anew.
    pub(super) fn next(&mut self, method: &str, target: &str) -> Result<Option<&str>> {
        let is_used_up = self.is_sent && !self.is_given;
        if let Some(authenticator) = self.authenticator.as_mut().filter(|_| is_used_up) {
            self.value = Some(authenticator.unasked(method, target, &cnonce()?));
        }
        self.is_sent = true;
        Ok(self.value.as_deref())
    }

    /// Whether the next request answers a challenge: its authorization then takes the place of one among the program's
    /// headers.
    pub(super) fn is_answer(&self) -> bool {
        self.challenges > 0
    }

    /// Answers a challenge with the credentials, or with what the program says. Returns whether there is an answer.
    pub(super) fn answer(&mut self, request: &AuthRequest<'_>, callback: Option<&OnChallenge>) -> Result<bool> {
        if self.challenges == MAX_CHALLENGES {
            return Ok(false);
        }
        self.challenges += 1;
        self.value = match &mut self.authenticator {
            Some(it) => it.answer(request.challenges, request.method, request.target, &cnonce()?),
            None => None,
        };
        self.is_given = self.value.is_none();
        if self.is_given {
            self.value = callback.and_then(|callback| callback.answer(request));
        }
        self.is_sent = false;
        Ok(self.value.is_some())
    }
}

/// A client's nonce for Digest.
fn cnonce() -> Result<String> {
    Ok(format!("{:032x}", u128::from_ne_bytes(entropy::nonce()?)))
}
