//! How a server decides on a valid request: whether the client may connect, and what is agreed on.
//!
//! In scope: the origin policy, the choice of a subprotocol, compression. Out of scope: whether the request is valid
//! (`server_checks.rs`). [`Server`](crate::Server) and [`Protocol`](crate::proto::Protocol) both decide by this.

use super::{Handshake, Headers, OriginPolicy, Rejection, Request, ResponseError, Scheme, find_reserved, is_token};
use crate::compression::Compression;
use crate::proto::deflate;

#[cfg(test)]
mod tests;

/// How a server decides on requests. The default accepts every client, without a subprotocol or compression.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerPolicy {
    /// The pages from which browsers may connect. Default: any.
    pub origins: OriginPolicy,
    /// The scheme by which browsers reach the server, if it is known. Used by [`OriginPolicy::SameOrigin`]. Default:
    /// unknown.
    pub public_scheme: Option<Scheme>,
    /// The subprotocols that the server supports, in order of preference. The first one that a client offers is chosen;
    /// a client that offers none of them is accepted without a subprotocol. Default: none.
    pub subprotocols: Vec<String>,
    /// Accepts offers of compression, with these options. Default: `None`, which accepts none.
    pub compression: Option<Compression>,
    /// Headers to add to each response that opens a connection. Default: none.
    pub headers: Headers,
}

impl ServerPolicy {
    /// The default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds what no client could offer, what no page could come from, and what no answer could contain: mistakes in the
    /// server's program.
    ///
    /// # Errors
    ///
    /// [`ResponseError::InvalidSubprotocol`], [`ResponseError::ReservedHeader`] and [`ResponseError::InvalidOrigin`],
    /// naming the first one.
    pub fn check(&self) -> Result<(), ResponseError> {
        if let Some(name) = self.subprotocols.iter().find(|name| !is_token(name.as_bytes())) {
            return Err(ResponseError::InvalidSubprotocol(name.clone()));
        }
        if let Some(name) = find_reserved(&self.headers) {
            return Err(ResponseError::ReservedHeader(name.clone()));
        }
        match self.origins.impossible() {
            Some(origin) => Err(ResponseError::InvalidOrigin(origin.to_owned())),
            None => Ok(()),
        }
    }

    /// Whether the request's origin may connect.
    ///
    /// # Errors
    ///
    /// [`Rejection::origin_not_allowed`], which must be sent to the client.
    pub fn admit(&self, request: &Request) -> Result<(), Rejection> {
        let is_allowed = self.origins.allows(request.origin(), request.host(), self.public_scheme);
        if is_allowed { Ok(()) } else { Err(Rejection::origin_not_allowed()) }
    }

    /// The subprotocol to choose.
    #[must_use]
    pub fn choose(&self, request: &Request) -> Option<&str> {
        self.subprotocols.iter().find(|name| request.subprotocols().contains(name)).map(String::as_str)
    }

    /// Accepts a request with this subprotocol and with `headers`, which follow those of the policy. Returns the
    /// complete answer, and what is agreed on once it has been sent. Takes the target and the headers out of the
    /// request.
    ///
    /// # Errors
    ///
    /// As [`Request::accept`]; the request is unchanged then.
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
            url: None,
            target: request.take_target(),
            headers: request.take_headers(),
        };
        Ok((answer, agreed))
    }
}
