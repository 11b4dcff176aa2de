//! The server's half: the request, and the answer that accepts it (RFC 6455 4.2).
//!
//! In scope: reading a request, looking at it, the 101 answer. Out of scope: the single checks
//! (`server_checks.rs`), which origins, paths, subprotocols and extensions are wanted, deadlines,
//! lingering after a rejection.

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
/// Feed what arrives to [`receive`](Self::receive) until it gives a [`Request`] or a [`Rejection`].
/// A rejection is final: later calls give the same one.
pub struct ServerHandshake {
    limits: HeadLimits,
    state: State,
}

enum State {
    Head(HeadReader),
    /// A request was given out.
    Given,
    Over(Rejection),
}

/// The client left before its request was complete; there is nobody to answer.
///
/// With nothing received it was a health check or a port scan rather than a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client closed the connection after {received} bytes of its request")]
pub struct Truncated {
    /// How many bytes of the head had come.
    pub received: usize,
}

impl ServerHandshake {
    /// Begins to wait for a request.
    #[must_use]
    pub fn new(limits: HeadLimits) -> Self {
        Self { limits, state: State::Head(HeadReader::for_request(limits)) }
    }

    /// Takes bytes from the client, in any pieces; `Ok(None)` asks for more.
    ///
    /// # Errors
    ///
    /// [`Rejection`], which has to be sent before the connection is closed. Bytes behind a request
    /// that was given out belong to the connection; here they make an
    /// [internal error](Rejection::internal_error).
    pub fn receive(&mut self, mut data: &[u8]) -> Result<Option<Request>, Rejection> {
        let reader = match &mut self.state {
            State::Head(reader) => reader,
            State::Given => return Err(Rejection::internal_error()),
            State::Over(rejection) => return Err(rejection.clone()),
        };
        let request = match reader.receive(&mut data) {
            Ok(None) => return Ok(None),
            Ok(Some(head)) => Request::check(head, data),
            Err(error) => Err(checks::head_rejection(error, self.limits)),
        };
        self.state = match &request {
            Ok(_) => State::Given,
            Err(rejection) => State::Over(rejection.clone()),
        };
        request.map(Some)
    }

    /// Takes note that the client has ended the stream.
    #[must_use]
    pub fn receive_eof(&self) -> Truncated {
        let received = match &self.state {
            State::Head(reader) => reader.received(),
            State::Given | State::Over(_) => 0,
        };
        Truncated { received }
    }

    /// Ends the handshake because the caller's time ran out.
    pub fn give_up(&mut self) -> Rejection {
        let rejection = match &self.state {
            State::Head(_) => Rejection::request_timeout(),
            State::Given => Rejection::internal_error(),
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
            State::Given | State::Over(_) => "over",
        };
        f.debug_struct("ServerHandshake").field("state", &state).finish_non_exhaustive()
    }
}

/// A valid request for a WebSocket, to look at and then to accept or reject.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request(Box<Parts>);

/// What a [`Request`] holds; boxed so that it can be moved about without much stack.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Parts {
    target: String,
    /// The target as it came, if that is something else.
    raw_target: Option<Box<[u8]>>,
    host: String,
    key: String,
    subprotocols: Vec<String>,
    extensions: Vec<Extension>,
    headers: HeaderMap,
    leftover: Vec<u8>,
}

impl Request {
    /// Path and query as sent, percent-encoded; always begins with `/`, also when the client sent
    /// an absolute URL.
    ///
    /// Some clients send bytes from 0x80 as they are, in whatever encoding; each of them is
    /// percent-encoded here (`%C3%A9` for the two bytes of an é in UTF-8).
    #[must_use]
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// Path and query byte by byte as they were sent, with bytes from 0x80 as they came.
    #[must_use]
    pub fn raw_target(&self) -> &[u8] {
        self.0.raw_target.as_deref().unwrap_or(self.0.target.as_bytes())
    }

    /// The path, percent-encoded as in [`target`](Self::target).
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.target.split_once('?').map_or(&*self.0.target, |(path, _)| path)
    }

    /// The query without its question mark, percent-encoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.0.target.split_once('?').map(|(_, query)| query)
    }

    /// All headers. Values may hold bytes that are not ASCII.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The host, with the port if one was given: from the `Host` header, or from the target if that
    /// is an absolute URL (RFC 7230 5.4).
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The `Origin` header, which all browsers send.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.0.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok())
    }

    /// The subprotocols that the client speaks, its preferred one first; none twice.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.0.subprotocols
    }

    /// The extensions that the client offers, its preferred one first. One name may come several
    /// times, with other parameters each.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.0.extensions
    }

    /// Hands over the headers, and has none from then on.
    #[must_use]
    pub fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.0.headers)
    }

    /// Hands over the target; without it, the request is of no more use.
    pub(super) fn take_target(&mut self) -> String {
        std::mem::take(&mut self.0.target)
    }

    /// Hands over the bytes that came behind the head: the first frames.
    #[must_use]
    pub fn take_leftover(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0.leftover)
    }

    /// Writes the complete 101 answer, with `headers` added.
    ///
    /// # Errors
    ///
    /// [`ResponseError`] if the subprotocol or an extension was not offered, or a header is not the
    /// caller's to set. The handshake is still open then: a correct answer or a [`Rejection`] can
    /// follow.
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

    /// Checks a complete head (RFC 6455 4.2.1), in an order that gives the most helpful answer: a
    /// browser that visits the port is told 426, not that its key is missing.
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
