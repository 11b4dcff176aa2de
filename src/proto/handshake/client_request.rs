//! A client's request and its encoding (RFC 6455 4.1, first list).
//!
//! In scope: checking what goes into the request head, and writing it. Out of scope: parsing URLs, the response.
//!
//! Invariant: nothing that the caller passes can end a line, begin another header, or change or duplicate a header of
//! the handshake. Invalid input is rejected, never repaired.

use std::collections::BTreeSet;
use std::fmt;

use http::header::{self, HeaderName, HeaderValue};

use crate::compression::Compression;
use crate::proto::{cookie, deflate};

use super::{
    Extension, Headers, VERSION, find_reserved, is_authority, is_token, is_visible, push_extensions, push_header,
    push_headers,
};

#[cfg(test)]
mod tests;

/// The default value of the `User-Agent` header.
pub(in crate::proto) const USER_AGENT: &str = concat!("landline/", env!("CARGO_PKG_VERSION"));

/// The request of a client.
///
/// `Debug` omits the authorization and the values of the extra headers.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientRequest {
    /// The `Host` header: the host, with brackets around an IPv6 address, and the port unless it is the scheme's
    /// default.
    pub host: String,
    /// Path and query, percent-encoded: the resource name of RFC 6455 section 3.
    pub target: String,
    /// The `Authorization` header, such as [`Credentials::basic`](crate::proto::auth::Credentials::basic). Default:
    /// none.
    pub authorization: Option<String>,
    /// The `Origin` header. Default: none, as is usual for clients that are not browsers.
    pub origin: Option<String>,
    /// The subprotocols to offer, the preferred one first. Default: none.
    pub subprotocols: Vec<String>,
    /// The extensions on offer, the preferred one first. Default: none.
    pub extensions: Vec<Extension>,
    /// Offers compression behind those, with these options. Default: none.
    pub compression: Option<Compression>,
    /// Names and values of cookies, for one `Cookie` header behind what `headers` has for it. Default: none.
    pub cookies: Vec<(String, String)>,
    /// Further headers. `User-Agent` replaces the one of this library; `Origin` and `Authorization`
    /// may stand here if the fields above are unset; what the handshake itself is made of may not.
    pub headers: Headers,
}

impl ClientRequest {
    /// Makes a request to `host` for `target`, with defaults for everything else.
    #[must_use]
    pub fn new(host: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            target: target.into(),
            authorization: None,
            origin: None,
            subprotocols: Vec::new(),
            extensions: Vec::new(),
            compression: None,
            cookies: Vec::new(),
            headers: Headers::new(),
        }
    }

    /// Checks everything that the caller has set (RFC 6455 4.1).
    pub(super) fn check(&self) -> Result<(), RequestError> {
        if !is_authority(&self.host) {
            return Err(RequestError::InvalidHost);
        }
        if !is_visible(&self.target) || !self.target.starts_with('/') || self.target.contains('#') {
            return Err(RequestError::InvalidTarget);
        }
        if self.origin.as_deref().is_some_and(|origin| !is_visible(origin)) {
            return Err(RequestError::InvalidOrigin);
        }
        if self.authorization.as_deref().is_some_and(|value| HeaderValue::from_bytes(value.as_bytes()).is_err()) {
            return Err(RequestError::InvalidAuthorization);
        }
        if let Some((name, _)) = self.cookies.iter().find(|(name, value)| !cookie::is_valid(name, value)) {
            return Err(RequestError::InvalidCookie(name.clone()));
        }
        let mut seen = BTreeSet::new();
        for subprotocol in &self.subprotocols {
            if !is_token(subprotocol.as_bytes()) {
                return Err(RequestError::InvalidSubprotocol(subprotocol.clone()));
            }
            if !seen.insert(subprotocol) {
                return Err(RequestError::RepeatedSubprotocol(subprotocol.clone()));
            }
        }
        if let Some(extension) = self.extensions.iter().find(|extension| !extension.is_valid()) {
            return Err(RequestError::InvalidExtension(extension.name().to_owned()));
        }
        self.check_headers()
    }

    /// Rejects extra headers that only the library writes, and those that would be sent twice.
    fn check_headers(&self) -> Result<(), RequestError> {
        if let Some(name) = find_reserved(&self.headers) {
            return Err(RequestError::ReservedHeader(name.clone()));
        }
        let singles = [
            (header::USER_AGENT, false),
            (header::ORIGIN, self.origin.is_some()),
            (header::AUTHORIZATION, self.authorization.is_some()),
        ];
        for (name, is_set) in singles {
            if self.headers.count(&name) + usize::from(is_set) > 1 {
                return Err(RequestError::RepeatedHeader(name));
            }
        }
        Ok(())
    }

    /// All extensions on offer.
    pub(super) fn offers(&self) -> Vec<Extension> {
        self.extensions.iter().cloned().chain(self.compression.iter().map(deflate::offer)).collect()
    }

    /// The value of the `Cookie` header, of which there may be only one (RFC 6265 5.4).
    fn cookie_line(&self) -> Vec<u8> {
        let written = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(header::COOKIE.as_str()));
        let written = written.map(|(_, value)| value.as_bytes().to_vec());
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}").into_bytes());
        written.chain(pairs).collect::<Vec<_>>().join(&b"; "[..])
    }

    /// Encodes the head. Everything in it must have been checked.
    pub(super) fn write(&self, key: &str) -> Vec<u8> {
        let mut head = Vec::with_capacity(512);
        head.extend_from_slice(b"GET ");
        head.extend_from_slice(self.target.as_bytes());
        head.extend_from_slice(b" HTTP/1.1\r\n");
        push_header(&mut head, "Host", &self.host);
        push_header(&mut head, "Upgrade", "websocket");
        push_header(&mut head, "Connection", "Upgrade");
        push_header(&mut head, "Sec-WebSocket-Key", key);
        push_header(&mut head, "Sec-WebSocket-Version", VERSION);
        if !self.subprotocols.is_empty() {
            push_header(&mut head, "Sec-WebSocket-Protocol", self.subprotocols.join(", "));
        }
        push_extensions(&mut head, &self.offers());
        if let Some(origin) = &self.origin {
            push_header(&mut head, "Origin", origin);
        }
        if let Some(authorization) = &self.authorization {
            push_header(&mut head, "Authorization", authorization);
        }
        if self.headers.count(&header::USER_AGENT) == 0 {
            push_header(&mut head, "User-Agent", USER_AGENT);
        }
        if self.cookies.is_empty() {
            push_headers(&mut head, &self.headers);
        } else {
            push_headers(&mut head, &self.headers.without(&[header::COOKIE]));
            push_header(&mut head, "Cookie", self.cookie_line());
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

impl fmt::Debug for ClientRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRequest")
            .field("host", &self.host)
            .field("target", &self.target)
            .field("is_authorized", &self.authorization.is_some())
            .field("origin", &self.origin)
            .field("subprotocols", &self.subprotocols)
            .field("extensions", &self.offers())
            .field("cookies", &self.cookies.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("headers", &self.headers)
            .finish()
    }
}

/// A mistake in a [`ClientRequest`], which cannot be sent. Nothing is repaired silently.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// [`ClientRequest::host`] is not `host` or `host:port`.
    #[error("invalid host: use a name or address, with brackets around IPv6, and an optional port")]
    InvalidHost,
    /// [`ClientRequest::target`] is not a path with an optional query.
    #[error("invalid target: begin it with `/`, percent-encode spaces and non-ASCII characters, leave out `#`")]
    InvalidTarget,
    /// [`ClientRequest::origin`] contains something other than visible ASCII.
    #[error("invalid origin: use scheme://host or scheme://host:port in ASCII")]
    InvalidOrigin,
    /// [`ClientRequest::authorization`] contains something that a header cannot contain, such as a line break.
    #[error(
        "invalid authorization: use what can stand in a header, without line breaks and other control characters"
    )]
    InvalidAuthorization,
    /// A cookie whose name is empty or has a blank or an equals sign, or that contains a semicolon or control character.
    #[error("invalid cookie {0:?}: leave out semicolons and control characters, and blanks and = in its name")]
    InvalidCookie(String),
    /// A subprotocol that is not a token.
    #[error("invalid subprotocol {0:?}: use letters, digits and !#$%&'*+-.^_`|~ only")]
    InvalidSubprotocol(String),
    /// A subprotocol that is offered twice (RFC 6455 4.1 item 10).
    #[error("subprotocol {0:?} is offered twice: offer each once")]
    RepeatedSubprotocol(String),
    /// An extension whose name, parameter or value is not a token.
    #[error("invalid extension {0:?}: name, parameters and values must be tokens")]
    InvalidExtension(String),
    /// An extra header that only the library writes.
    #[error("header {0} is written by the library: remove it, or use the option made for it")]
    ReservedHeader(HeaderName),
    /// An extra header that may be sent only once is set twice, or set although its own field is set too.
    #[error("header {0} is set twice: set it once")]
    RepeatedHeader(HeaderName),
}
