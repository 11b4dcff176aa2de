//! What a server makes of a correct request: whether it may connect, and what is agreed on.
//!
//! In scope: the origin policy, the choice of a subprotocol, compression. Out of scope: whether the request is a correct
//! one (`server_checks.rs`). [`Server`](crate::Server) and [`Protocol`](crate::proto::Protocol) decide by this alone.

use super::{Handshake, Headers, OriginPolicy, Rejection, Request, ResponseError, Scheme};
use crate::compression::Compression;
use crate::proto::deflate;

#[cfg(test)]
mod tests;

/// How a server decides on requests. The default lets everybody connect, without subprotocol and compression.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerPolicy {
    /// Which pages browsers may connect from. Default any.
    pub origins: OriginPolicy,
    /// The scheme by which browsers reach the server, if it is known: [`OriginPolicy::SameOrigin`] compares it. Default
    /// not known.
    pub public_scheme: Option<Scheme>,
    /// The subprotocols that the server speaks, best first. The first one that a client offers is chosen; a client that
    /// offers none of them is accepted without. Default none.
    pub subprotocols: Vec<String>,
    /// Accepts offers of compression, with these options. Default `None`: it does not.
    pub compression: Option<Compression>,
    /// Headers to add to each answer that opens a connection. Default none.
    pub headers: Headers,
}

impl ServerPolicy {
    /// The default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the request's origin may connect.
    ///
    /// # Errors
    ///
    /// [`Rejection::origin_not_allowed`], which is to be sent.
    pub fn admit(&self, request: &Request) -> Result<(), Rejection> {
        let is_allowed = self.origins.allows(request.origin(), request.host(), self.public_scheme);
        if is_allowed { Ok(()) } else { Err(Rejection::origin_not_allowed()) }
    }

    /// The subprotocol to answer with.
    #[must_use]
    pub fn choose(&self, request: &Request) -> Option<&str> {
        self.subprotocols.iter().find(|name| request.subprotocols().contains(name)).map(String::as_str)
    }

    /// Accepts a request with this subprotocol, and with `headers` behind the policy's own: gives the complete answer, and
    /// what is agreed on once that has been sent. Takes the headers out of the request.
    ///
    /// # Errors
    ///
    /// As [`Request::accept`]; the request is as it was.
    pub fn accept(
        &self,
        request: &mut Request,
        subprotocol: Option<&str>,
        headers: impl Into<Headers>,
    ) -> Result<(Vec<u8>, Handshake), ResponseError> {
        let agreed = self.compression.as_ref().and_then(|options| deflate::accept(options, request.extensions()));
        let (compression, extensions) = agreed.map(|(parameters, answer)| (parameters, vec![answer])).unzip();
        let extensions = extensions.unwrap_or_default();
        let headers = self.headers.followed_by(headers.into());
        let answer = request.accept(subprotocol, &extensions, headers)?;
        let agreed = Handshake {
            subprotocol: subprotocol.map(str::to_owned),
            extensions,
            compression,
            target: request.target().to_owned(),
            headers: request.take_headers(),
        };
        Ok((answer, agreed))
    }
}
