//! Complete HTTP responses that refuse a handshake.
//!
//! In scope: what such a response may contain, and its bytes. Out of scope: when to send which (`server.rs` and the
//! caller), lingering until it has arrived.

use std::borrow::Cow;

use http::StatusCode;
use http::header::{self, HeaderName};

use super::{Headers, VERSION, find_reserved, push_header, push_headers};

#[cfg(test)]
mod tests;

/// An HTTP response that refuses the upgrade. Send [`to_bytes`](Self::to_bytes), then close the connection.
///
/// It is also the error that the server's program gets: `Display` shows the status and the [`reason`](Self::reason),
/// which never contains text from the peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("handshake rejected with {}: {}", .0.status, .0.reason)]
pub struct Rejection(Box<Answer>);

/// What a [`Rejection`] holds; boxed because it travels as an error.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: StatusCode,
    headers: Headers,
    body: Vec<u8>,
    reason: Cow<'static, str>,
    is_for_head: bool,
}

impl Rejection {
    /// Makes a response with any status from 200 to 599, such as 200 for a health check, or a redirect.
    ///
    /// # Errors
    ///
    /// [`ResponseError`] for another status, a body with 204 or 304, and headers that are the library's to write, such
    /// as `Connection`, `Content-Length`, `Upgrade` and all that begin with `Sec-WebSocket-`.
    pub fn new(
        status: StatusCode,
        headers: impl Into<Headers>,
        body: impl Into<Vec<u8>>,
    ) -> Result<Self, ResponseError> {
        let (headers, body) = (headers.into(), body.into());
        if !matches!(status.as_u16(), 200..=599) {
            return Err(ResponseError::InvalidStatus(status));
        }
        if !may_have_body(status) && !body.is_empty() {
            return Err(ResponseError::UnexpectedBody(status));
        }
        if let Some(name) = find_reserved(&headers) {
            return Err(ResponseError::ReservedHeader(name.clone()));
        }
        let reason = Cow::Borrowed("rejected by the application");
        Ok(Self(Box::new(Answer { status, headers, body, reason, is_for_head: false })))
    }

    /// Makes a response whose body is one line of plain text, which is also the [`reason`](Self::reason).
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn with_text(status: StatusCode, text: impl Into<String>) -> Result<Self, ResponseError> {
        let text = text.into();
        let mut rejection = Self::new(status, Headers::new(), format!("{text}\n"))?;
        rejection.0.reason = Cow::Owned(text);
        Ok(rejection)
    }

    /// Status 403, for an origin that the server's policy does not allow.
    #[must_use]
    pub fn origin_not_allowed() -> Self {
        Self::plain(StatusCode::FORBIDDEN, "this origin is not allowed")
    }

    /// Status 408, for a client that did not complete its request in time.
    #[must_use]
    pub fn request_timeout() -> Self {
        Self::plain(StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time")
    }

    /// Status 500, for a failure of the server itself.
    #[must_use]
    pub fn internal_error() -> Self {
        Self::plain(StatusCode::INTERNAL_SERVER_ERROR, "the server failed")
    }

    /// Status 503, for a server that has reached its limit of connections or is stopping.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::plain(StatusCode::SERVICE_UNAVAILABLE, "the server takes no connections at present")
    }

    /// Makes a response with the reason as its body. `status` must be one that may have a body.
    pub(super) fn plain(status: StatusCode, reason: impl Into<Cow<'static, str>>) -> Self {
        let reason = reason.into();
        let body = format!("{reason}\n").into_bytes();
        let headers = Headers::new();
        Self(Box::new(Answer { status, headers, body, reason, is_for_head: false }))
    }

    /// Status 405, with `Allow: GET`. The response to HEAD has no body (RFC 7231 4.3.2).
    pub(super) fn method_not_allowed(method: &[u8]) -> Self {
        let mut rejection = Self::plain(StatusCode::METHOD_NOT_ALLOWED, "the method has to be GET");
        // This name and value are valid, so it cannot fail.
        let _ = rejection.0.headers.append("Allow", "GET");
        rejection.0.is_for_head = method == b"HEAD";
        rejection
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The headers, without those that the library adds.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.0.headers
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// Why the handshake was refused, for logging.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Returns the complete response: status line, headers, body.
    ///
    /// It always has `Connection: close`, and `Content-Length` unless the status allows no body. The `Content-Type` of
    /// a body is `text/plain; charset=utf-8` unless one is given. With status 426 there are also the headers that name
    /// the protocol and version required (RFC 7231 6.5.15, RFC 6455 4.4). There is no `Date`, because that needs a
    /// clock.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let reason = self.0.status.canonical_reason().unwrap_or_default();
        let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", self.0.status.as_str()).into_bytes();
        if self.0.status == StatusCode::UPGRADE_REQUIRED {
            push_header(&mut bytes, "Upgrade", "websocket");
            push_header(&mut bytes, "Connection", "close, Upgrade");
            push_header(&mut bytes, "Sec-WebSocket-Version", VERSION);
        } else {
            push_header(&mut bytes, "Connection", "close");
        }
        if may_have_body(self.0.status) {
            push_header(&mut bytes, "Content-Length", self.0.body.len().to_string());
        }
        if !self.0.body.is_empty() && self.0.headers.count(&header::CONTENT_TYPE) == 0 {
            push_header(&mut bytes, "Content-Type", "text/plain; charset=utf-8");
        }
        push_headers(&mut bytes, &self.0.headers);
        bytes.extend_from_slice(b"\r\n");
        if !self.0.is_for_head {
            bytes.extend_from_slice(&self.0.body);
        }
        bytes
    }
}

/// Whether a response with this status may have a body and a `Content-Length` (RFC 7230 3.3.2).
fn may_have_body(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// A response that cannot be sent, because of a mistake in the server's program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// The client did not offer this subprotocol.
    #[error("subprotocol {0:?} was not offered by the client: choose one that was offered, or none")]
    UnexpectedSubprotocol(String),
    /// A subprotocol that a server is to speak and that is not a token, so that no client can offer it.
    #[error("invalid subprotocol {0:?}: use letters, digits and !#$%&'*+-.^_`|~ only")]
    InvalidSubprotocol(String),
    /// An allowed origin that no web page can have.
    #[error("invalid origin {0:?} in the list of allowed ones: give scheme://host or scheme://host:port")]
    InvalidOrigin(String),
    /// The client did not offer this extension, or it is chosen twice.
    #[error("extension {0:?} was not offered by the client, or is chosen twice: leave it out")]
    UnexpectedExtension(String),
    /// An extension with a parameter or value that is not a token.
    #[error("invalid extension {0:?}: parameters and values must be tokens")]
    InvalidExtension(String),
    /// A header that only the library writes.
    #[error("header {0} is written by the library: remove it, or use the option made for it")]
    ReservedHeader(HeaderName),
    /// A status that is not from 200 to 599.
    #[error("status {0} cannot refuse a handshake: use 200 to 599")]
    InvalidStatus(StatusCode),
    /// A body with a status that does not allow one.
    #[error("a response with status {0} cannot have a body: leave it empty")]
    UnexpectedBody(StatusCode),
}
