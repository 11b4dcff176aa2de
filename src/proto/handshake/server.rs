//! The server's side: the request, and the response that accepts it (RFC 6455 4.2).
//!
//! In scope: receiving a request, what it says, the 101 response. Out of scope: the individual checks
//! (`server_checks.rs`); which origins, paths, subprotocols and extensions are accepted; deadlines; lingering after a
//! rejection.

use std::collections::BTreeSet;
use std::fmt;

use http::header::{self, HeaderMap};

use super::head::{Head, HeadReader};
use super::server_checks as checks;
use super::{
    Extension, HeadLimits, Headers, Rejection, ResponseError, accept_key, find_reserved, push_extensions,
    push_header, push_headers,
};

#[cfg(test)]
mod tests;

/// The opening handshake as seen by a server.
///
/// Pass the bytes that arrive to [`receive`](Self::receive) until it returns a [`Request`] or a [`Rejection`]. A rejection
/// is final: later calls return the same one.
pub struct ServerHandshake {
    limits: HeadLimits,
    state: State,
}

enum State {
    Head(HeadReader),
    /// The request has been returned.
    Returned,
    Over(Rejection),
}

/// The client ended the stream before its request was complete, so there is no one to respond to.
///
/// If nothing was received, it was probably a health check or a port scan, and not a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client closed the connection after {received} bytes of its request")]
pub struct Truncated {
    /// How many bytes of the head had arrived.
    pub received: usize,
}

impl ServerHandshake {
    /// A handshake that has received nothing yet.
    #[must_use]
    pub fn new(limits: HeadLimits) -> Self {
        Self { limits, state: State::Head(HeadReader::for_request(limits)) }
    }

    /// Takes bytes from the client, in pieces of any size. `Ok(None)` means that more are needed.
    ///
    /// # Errors
    ///
    /// [`Rejection`], which must be sent before the connection is closed. Bytes that follow a request which has been
    /// returned belong to the connection; passing them to this function is an
    /// [internal error](Rejection::internal_error).
    pub fn receive(&mut self, mut data: &[u8]) -> Result<Option<Request>, Rejection> {
        let reader = match &mut self.state {
            State::Head(reader) => reader,
            State::Returned => return Err(Rejection::internal_error()),
            State::Over(rejection) => return Err(rejection.clone()),
        };
        let request = match reader.receive(&mut data) {
            Ok(None) => return Ok(None),
            Ok(Some(head)) => Request::check(head, data),
            Err(error) => Err(checks::head_rejection(error, self.limits)),
        };
        self.state = match &request {
            Ok(_) => State::Returned,
            Err(rejection) => State::Over(rejection.clone()),
        };
        request.map(Some)
    }

    /// Reports that the client has ended the stream.
    #[must_use]
    pub fn receive_eof(&self) -> Truncated {
        let received = match &self.state {
            State::Head(reader) => reader.received(),
            State::Returned | State::Over(_) => 0,
        };
        Truncated { received }
    }

    /// Ends the handshake because the caller's time limit has passed. Returns the rejection to send.
    pub fn give_up(&mut self) -> Rejection {
        let rejection = match &self.state {
            State::Head(_) => Rejection::request_timeout(),
            State::Returned => Rejection::internal_error(),
            State::Over(rejection) => return rejection.clone(),
        };
        self.state = State::Over(rejection.clone());
        rejection
    }
}

impl fmt::Debug for ServerHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Head(_) => "awaiting the request",
            State::Returned | State::Over(_) => "over",
        };
        f.debug_struct("ServerHandshake").field("state", &state).finish_non_exhaustive()
    }
}

/// A valid request to open a WebSocket, to examine and then to accept or reject.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request(Box<Parts>);

/// What a [`Request`] contains; boxed so that moving it takes little stack.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Parts {
    target: String,
    /// The target as it was sent, if that is different.
    raw_target: Option<Box<[u8]>>,
    host: String,
    key: String,
    subprotocols: Vec<String>,
    extensions: Vec<Extension>,
    headers: HeaderMap,
    leftover: Vec<u8>,
}

impl Request {
    /// Path and query as sent, percent-encoded. Always begins with `/`, even if the client sent an absolute URL.
    ///
    /// Some clients send bytes of 0x80 and above unencoded, in any character encoding. Each of them is percent-encoded
    /// here (`%C3%A9` for the two bytes of an é in UTF-8).
    #[must_use]
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// Path and query byte by byte as they were sent.
    #[must_use]
    pub fn raw_target(&self) -> &[u8] {
        self.0.raw_target.as_deref().unwrap_or(self.0.target.as_bytes())
    }

    /// The path, percent-encoded as in [`target`](Self::target).
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.target.split_once('?').map_or(&*self.0.target, |(path, _)| path)
    }

    /// The query, without the question mark, percent-encoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.0.target.split_once('?').map(|(_, query)| query)
    }

    /// All headers. Values may contain bytes that are not ASCII.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The host, and the port if there is one: from the target if that is an absolute URL, and otherwise from the `Host`
    /// header (RFC 7230 5.4).
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The `Origin` header, which all browsers send.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.0.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok())
    }

    /// The subprotocols that the client offers, the preferred one first, without duplicates.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.0.subprotocols
    }

    /// The extensions that the client offers, the preferred one first. The same name may appear several times, with
    /// different parameters.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.0.extensions
    }

    /// Takes the headers out of the request.
    #[must_use]
    pub fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.0.headers)
    }

    /// Takes the target out of the request, which is of no use without it.
    pub(super) fn take_target(&mut self) -> String {
        std::mem::take(&mut self.0.target)
    }

    /// Takes the bytes that followed the head out of the request: the first frames.
    #[must_use]
    pub fn take_leftover(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0.leftover)
    }

    /// Returns the complete 101 response, with `headers` added.
    ///
    /// # Errors
    ///
    /// [`ResponseError`] if the subprotocol or an extension was not offered, or if the caller cannot set one of the headers.
    /// The request can still be accepted correctly, or answered with a [`Rejection`].
    pub fn accept(
        &self,
        subprotocol: Option<&str>,
        extensions: &[Extension],
        headers: impl Into<Headers>,
    ) -> Result<Vec<u8>, ResponseError> {
        let headers = headers.into();
        let is_offered = |chosen: &&str| self.0.subprotocols.iter().any(|offered| offered == chosen);
        if let Some(unexpected) = subprotocol.filter(|chosen| !is_offered(chosen)) {
            return Err(ResponseError::UnexpectedSubprotocol(unexpected.to_owned()));
        }
        let mut left: BTreeSet<&str> = self.0.extensions.iter().map(Extension::name).collect();
        for extension in extensions {
            let name = extension.name();
            if !left.remove(name) {
                return Err(ResponseError::UnexpectedExtension(name.to_owned()));
            }
            if !extension.is_valid() {
                return Err(ResponseError::InvalidExtension(name.to_owned()));
            }
        }
        if let Some(name) = find_reserved(&headers) {
            return Err(ResponseError::ReservedHeader(name.clone()));
        }

        let mut head = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
        push_header(&mut head, "Upgrade", "websocket");
        push_header(&mut head, "Connection", "Upgrade");
        push_header(&mut head, "Sec-WebSocket-Accept", accept_key(&self.0.key));
        if let Some(chosen) = subprotocol {
            push_header(&mut head, "Sec-WebSocket-Protocol", chosen);
        }
        push_extensions(&mut head, extensions);
        push_headers(&mut head, &headers);
        head.extend_from_slice(b"\r\n");
        Ok(head)
    }

    /// Checks a complete head (RFC 6455 4.2.1), in the order that leads to the most helpful response: a browser that visits
    /// the port gets 426, and is not told that its key is missing.
    fn check(head: Head, leftover: &[u8]) -> Result<Self, Rejection> {
        let target = checks::request_line(&head.start_line)?;
        let headers = head.headers;
        checks::no_body(&headers)?;
        let host = checks::host(&headers)?;
        checks::upgrade(&headers)?;
        checks::version(&headers)?;
        let key = checks::key(&headers)?;
        checks::origin(&headers)?;
        let subprotocols = checks::subprotocols(&headers)?;
        let extensions = checks::extensions(&headers)?;
        Ok(Self(Box::new(Parts {
            target: target.resource_name,
            raw_target: target.raw,
            host: target.host.unwrap_or(host),
            key,
            subprotocols,
            extensions,
            headers,
            leftover: leftover.to_vec(),
        })))
    }
}
