//! The opening handshake of both roles (RFC 6455 section 4), without any I/O.
//!
//! In scope: writing and checking the request head ([`ClientHandshake`]), checking the request and
//! writing the answer ([`ServerHandshake`], [`Request`], [`Rejection`]), which requests a server accepts and with what
//! ([`ServerPolicy`]), the grammar of `Sec-WebSocket-Extensions` ([`extensions`]), the limits on what a peer may send
//! ([`HeadLimits`]).
//!
//! Out of scope: sockets, TLS, proxies, redirects, deadlines, where the nonce comes from, and everything behind the head:
//! those bytes are frames and come back as `leftover`. [`Protocol`](super::Protocol) does all of this and what comes
//! after it.
//!
//! ```text
//! client                                     server
//! ClientHandshake::new -> request() ──bytes──> ServerHandshake::receive ─> Request or Rejection
//!         receive() <──bytes── Request::accept() or Rejection::to_bytes()
//!             │
//!             └─> Accepted, or HandshakeError for good
//! ```
//!
//! ```
//! use landline::proto::handshake::*;
//!
//! let mut request = ClientRequest::new("server.example.com", "/chat");
//! request.subprotocols = vec!["chat".into(), "superchat".into()];
//! request.headers.append("User-Agent", "demo")?;
//! let limits = HeadLimits::default();
//! let mut client = ClientHandshake::new(&request, *b"the sample nonce", limits)?;
//! assert_eq!(
//!     std::str::from_utf8(client.request())?,
//!     "GET /chat HTTP/1.1\r\n\
//!      Host: server.example.com\r\n\
//!      Upgrade: websocket\r\n\
//!      Connection: Upgrade\r\n\
//!      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
//!      Sec-WebSocket-Version: 13\r\n\
//!      Sec-WebSocket-Protocol: chat, superchat\r\n\
//!      User-Agent: demo\r\n\
//!      \r\n"
//! );
//!
//! let mut server = ServerHandshake::new(limits);
//! let request = server.receive(client.request())?.ok_or("incomplete")?;
//! assert_eq!(request.path(), "/chat");
//! let answer = request.accept(Some("chat"), &[], Headers::new())?;
//! assert_eq!(
//!     std::str::from_utf8(&answer)?,
//!     "HTTP/1.1 101 Switching Protocols\r\n\
//!      Upgrade: websocket\r\n\
//!      Connection: Upgrade\r\n\
//!      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
//!      Sec-WebSocket-Protocol: chat\r\n\
//!      \r\n"
//! );
//!
//! let accepted = client.receive(&answer)?.ok_or("incomplete")?;
//! assert_eq!(accepted.handshake.subprotocol.as_deref(), Some("chat"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants: the outcome depends on the bytes only, never on how they were split; each byte is
//! looked at once before the head is parsed, and the head is parsed once; nothing reaches the wire
//! that could end a header line early; no input causes a panic.

mod agreed;
mod body;
mod client;
mod client_request;
pub mod extensions;
mod head;
mod headers;
mod origin;
mod policy;
mod refusal;
mod rejection;
mod server;
mod server_checks;
#[cfg(test)]
mod tests;

pub use agreed::Handshake;
pub use client::{Accepted, ClientHandshake, HandshakeError};
pub use client_request::{ClientRequest, RequestError};
pub use extensions::{Extension, ExtensionError};
pub use headers::{HeaderError, Headers};
pub use origin::{OriginPolicy, Scheme};
pub use policy::ServerPolicy;
pub use refusal::Refusal;
pub use rejection::{Rejection, ResponseError};
pub use server::{Request, ServerHandshake, Truncated};

pub(super) use body::BodyReader;
pub(super) use client::MAX_INTERIM;
pub(super) use client_request::USER_AGENT;
pub(super) use head::{Head, HeadError, HeadReader};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use sha1::{Digest as _, Sha1};

/// The string that is hashed together with the key (RFC 6455 1.3).
const ACCEPT_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The only version of the protocol (RFC 6455 4.1 item 9).
const VERSION: &str = "13";

/// Limits on the opening handshake of a peer. A peer that exceeds one is refused.
///
/// All sizes are in bytes. The limits apply to each head separately, and bound memory; the caller's deadline bounds
/// time. The number of reads is not limited: a slow peer may send one byte at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeadLimits {
    /// Largest head, from the first byte to the blank line inclusive. Default: 16 KiB.
    pub max_head_size: usize,
    /// Largest number of header lines. Default: 100.
    pub max_headers: usize,
    /// Longest request or status line, without its line end. Default: 8 KiB.
    pub max_start_line: usize,
    /// How much a client keeps of the body of a refusal. Default: 64 KiB.
    pub max_refusal_body: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { max_head_size: 16 * 1024, max_headers: 100, max_start_line: 8 * 1024, max_refusal_body: 64 * 1024 }
    }
}

impl HeadLimits {
    /// Sets [`max_head_size`](Self::max_head_size).
    #[must_use]
    pub fn max_head_size(mut self, bytes: usize) -> Self {
        self.max_head_size = bytes;
        self
    }

    /// Sets [`max_headers`](Self::max_headers).
    #[must_use]
    pub fn max_headers(mut self, count: usize) -> Self {
        self.max_headers = count;
        self
    }

    /// Sets [`max_start_line`](Self::max_start_line).
    #[must_use]
    pub fn max_start_line(mut self, bytes: usize) -> Self {
        self.max_start_line = bytes;
        self
    }

    /// Sets [`max_refusal_body`](Self::max_refusal_body).
    #[must_use]
    pub fn max_refusal_body(mut self, bytes: usize) -> Self {
        self.max_refusal_body = bytes;
        self
    }
}

/// Computes the `Sec-WebSocket-Accept` value that proves that the server has read the `Sec-WebSocket-Key`.
///
/// `key` is the header's value as it was sent, without decoding (RFC 6455 4.2.2 item 5.4).
///
/// ```
/// # use landline::proto::handshake::accept_key;
/// assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept_key(key: &str) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(key);
    sha1.update(ACCEPT_GUID);
    BASE64.encode(sha1.finalize())
}

// The rest of this file contains the rules for headers that both roles share.

/// Header fields that a caller cannot add, because the library writes them or because they would change how the message
/// is framed. All `Sec-WebSocket-*` headers are reserved too.
const RESERVED: [&str; 11] = [
    "host",
    "connection",
    "upgrade",
    "content-length",
    "transfer-encoding",
    "trailer",
    "te",
    "expect",
    "keep-alive",
    "proxy-connection",
    // For a proxy, never for a server.
    "proxy-authorization",
];

/// Returns the first of the caller's headers that is reserved.
fn find_reserved(headers: &Headers) -> Option<&HeaderName> {
    headers.names().find(|name| RESERVED.contains(&name.as_str()) || name.as_str().starts_with("sec-websocket-"))
}

/// Appends one header line.
pub(super) fn push_header(head: &mut Vec<u8>, name: &str, value: impl AsRef<[u8]>) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value.as_ref());
    head.extend_from_slice(b"\r\n");
}

/// Appends the caller's headers, with names as they were given, including repeated ones.
pub(super) fn push_headers(head: &mut Vec<u8>, headers: &Headers) {
    for (name, value) in headers.iter() {
        push_header(head, name, value);
    }
}

/// Appends a `Sec-WebSocket-Extensions` line, or nothing if there is no extension.
fn push_extensions(head: &mut Vec<u8>, extensions: &[Extension]) {
    if !extensions.is_empty() {
        let list: Vec<String> = extensions.iter().map(Extension::to_string).collect();
        push_header(head, "Sec-WebSocket-Extensions", list.join(", "));
    }
}

/// Returns the value of a header that may appear at most once, or `Err` if it appears more often.
fn at_most_one(headers: &HeaderMap, name: HeaderName) -> Result<Option<&HeaderValue>, Repeated> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Repeated),
    }
}

/// A header appears more than once.
struct Repeated;

/// Iterates over the non-empty elements of a comma-separated list, in all lines with that name. Empty elements are
/// ignored (RFC 9110 5.6.1.2), so a list with only empty elements counts as absent.
fn list_elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .map(trim_ows)
        .filter(|element| !element.is_empty())
}

/// Whether a list header contains `token`, without regard to case.
pub(super) fn list_holds(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    list_elements(headers, name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// The bytes without optional whitespace (SP, HTAB) at both ends.
pub(in crate::proto) fn trim_ows(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Whether this is a token (RFC 7230 3.2.6).
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte))
}

/// Whether this byte is allowed in a token.
pub(in crate::proto) fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Returns the token as text, or `None` if the bytes are not a token.
fn token_text(bytes: &[u8]) -> Option<&str> {
    is_token(bytes).then(|| std::str::from_utf8(bytes).ok()).flatten()
}

/// Whether this is `host [":" port]` (RFC 7230 5.4), with IPv6 addresses in brackets.
pub(super) fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let host_is_valid = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => {
            address.contains(':') && address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
        }
        None => !host.is_empty() && host.bytes().all(is_reg_name_char),
    };
    let port_is_valid =
        port.bytes().all(|byte| byte.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok());
    host_is_valid && port_is_valid
}

/// Whether this byte is allowed in a host name or IPv4 address (RFC 3986 3.2.2). Commas are not, because a proxy that
/// joins header lines could make two hosts look like one.
fn is_reg_name_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&byte)
}

/// Whether the text is not empty and contains only visible ASCII.
fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Parses `HTTP/` DIGIT `.` DIGIT. Returns `true` for 1.1, `false` for other versions, and `None` for anything else.
fn is_http_1_1(version: &[u8]) -> Option<bool> {
    match version {
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Some(version.ends_with(b"1.1")),
        _ => None,
    }
}
