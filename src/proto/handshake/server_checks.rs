//! The requirements that a request must meet to open a WebSocket (RFC 6455 4.2.1), with a function for each.
//!
//! In scope: every check that needs nothing but the request head. Out of scope: what the server's program accepts.
//!
//! The checks are as strict as the RFC: if a server accepted a request that is not an upgrade, a proxy in front of it would
//! disagree about where the next request begins. The text of a rejection never repeats text from the request.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::head::HeadError;
use super::{
    Extension, HeadLimits, Rejection, VERSION, at_most_one, extensions, is_authority, is_http_1_1, is_token,
    list_elements, list_holds, token_text,
};

/// The parts of a request target.
pub(super) struct Target {
    /// Path and query, all ASCII.
    pub(super) resource_name: String,
    /// The same as it was sent, if that was not ASCII.
    pub(super) raw: Option<Box<[u8]>>,
    /// The authority of an absolute URL.
    pub(super) host: Option<String>,
}

/// Checks `GET SP target SP HTTP/1.1`.
pub(super) fn request_line(line: &[u8]) -> Result<Target, Rejection> {
    let parts: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let &[method, target, version] = parts.as_slice() else {
        return Err(bad_request(match parts.len() {
            0..3 => "the request line is not `method target version`",
            _ => "the request target contains a space, or the request line one too many: percent-encode it",
        }));
    };
    if !is_token(method) {
        return Err(bad_request("the method is not a token"));
    }
    match is_http_1_1(version) {
        Some(true) => {}
        Some(false) => {
            return Err(Rejection::plain(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "the version has to be HTTP/1.1"));
        }
        None => {
            return Err(bad_request("the request line does not end in an HTTP version"));
        }
    }
    if method != b"GET" {
        return Err(Rejection::method_not_allowed(method));
    }
    parse_target(target)
}

/// Parses a target. RFC 3986 allows only visible ASCII, but some browsers send other text unencoded; the server's program
/// decides what those bytes mean.
fn parse_target(target: &[u8]) -> Result<Target, Rejection> {
    if target.iter().any(u8::is_ascii_control) {
        return Err(bad_request("the request target contains a control character: percent-encode it"));
    }
    if target.contains(&b'#') {
        return Err(bad_request(
            "the request target contains a fragment, which is not for the server: leave it out",
        ));
    }
    let (encoded, raw) = match std::str::from_utf8(target) {
        Ok(text) if text.is_ascii() => (Cow::Borrowed(text), None),
        _ => (Cow::Owned(percent_encode(target)), Some(target)),
    };
    split_target(&encoded, raw)
        .ok_or_else(|| bad_request("the request target is neither a path nor an absolute URL of http or ws"))
}

/// The target as ASCII: bytes of 0x80 and above are percent-encoded, and nothing else is.
fn percent_encode(target: &[u8]) -> String {
    let mut encoded = String::with_capacity(target.len());
    for &byte in target {
        match byte {
            0x80.. => drop(write!(encoded, "%{byte:02X}")),
            _ => encoded.push(char::from(byte)),
        }
    }
    encoded
}

/// Splits a target in origin form or absolute form into its parts (RFC 7230 5.3).
fn split_target(target: &str, raw: Option<&[u8]>) -> Option<Target> {
    if target.starts_with('/') {
        return Some(Target { resource_name: target.to_owned(), raw: raw.map(Into::into), host: None });
    }
    let (scheme, rest) = target.split_once("://")?;
    if !["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let (host, path) = match rest.find(['/', '?']) {
        Some(end) => rest.split_at_checked(end)?,
        None => (rest, ""),
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let authority_end = target.len() - path.len();
    if raw.is_some_and(|raw| !raw.iter().take(authority_end).all(u8::is_ascii)) {
        return None;
    }
    let raw_path = raw.and_then(|raw| raw.get(authority_end..));
    is_authority(host).then(|| Target {
        resource_name: format!("{slash}{path}"),
        raw: raw_path.map(|raw_path| [slash.as_bytes(), raw_path].concat().into()),
        host: Some(host.to_owned()),
    })
}

/// Rejects requests with a body, about whose end a proxy and this server might disagree.
pub(super) fn no_body(headers: &HeaderMap) -> Result<(), Rejection> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(bad_request("transfer-encoding is not allowed"));
    }
    match single(headers, header::CONTENT_LENGTH)? {
        None => Ok(()),
        Some(length) if length == "0" => Ok(()),
        Some(_) => Err(bad_request("the request must not have a body")),
    }
}

/// There must be exactly one `Host`, and it must be valid (RFC 7230 5.4).
pub(super) fn host(headers: &HeaderMap) -> Result<String, Rejection> {
    let Some(host) = single(headers, header::HOST)? else {
        return Err(bad_request("the host header is missing"));
    };
    host.to_str()
        .ok()
        .filter(|host| is_authority(host))
        .map(str::to_owned)
        .ok_or_else(|| bad_request("the host header is not a host with an optional port"))
}

/// `Upgrade` must contain `websocket`, and `Connection` must contain `upgrade`.
pub(super) fn upgrade(headers: &HeaderMap) -> Result<(), Rejection> {
    if !list_holds(headers, header::UPGRADE, "websocket") {
        return Err(upgrade_required(
            "this is a WebSocket endpoint: connect with a WebSocket client \
             (the upgrade header does not name websocket)",
        ));
    }
    if !list_holds(headers, header::CONNECTION, "upgrade") {
        return Err(upgrade_required(
            "this is a WebSocket endpoint, but the connection header does not name upgrade: \
             a proxy in between may have to pass it on",
        ));
    }
    Ok(())
}

/// There must be exactly one `Sec-WebSocket-Version`, and it must be 13 (RFC 6455 4.4).
pub(super) fn version(headers: &HeaderMap) -> Result<(), Rejection> {
    match at_most_one(headers, header::SEC_WEBSOCKET_VERSION) {
        Ok(Some(version)) if version == VERSION => Ok(()),
        _ => Err(upgrade_required("there must be exactly one sec-websocket-version header, and it must be 13")),
    }
}

/// There must be exactly one `Sec-WebSocket-Key`, which has the form of 16 bytes in base64.
///
/// The unused bits of the last character are ignored: the RFC's own example sets one.
pub(super) fn key(headers: &HeaderMap) -> Result<String, Rejection> {
    let Some(key) = single(headers, header::SEC_WEBSOCKET_KEY)? else {
        return Err(bad_request("the sec-websocket-key header is missing"));
    };
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.to_str()
        .ok()
        .filter(|key| {
            key.len() == 24 && key.strip_suffix("==").is_some_and(|data| data.as_bytes().iter().all(is_base64))
        })
        .map(str::to_owned)
        .ok_or_else(|| bad_request("the sec-websocket-key header is not base64 of 16 bytes"))
}

/// There may be at most one `Origin`, in ASCII, so that a policy never sees a different one from what was sent.
pub(super) fn origin(headers: &HeaderMap) -> Result<(), Rejection> {
    match single(headers, header::ORIGIN)? {
        Some(origin) if origin.to_str().is_err() => Err(bad_request("the origin header is not ASCII")),
        _ => Ok(()),
    }
}

/// The subprotocols on offer: tokens, without duplicates (RFC 6455 4.1 item 10). An empty header counts as absent, since
/// some clients send one when they offer nothing.
pub(super) fn subprotocols(headers: &HeaderMap) -> Result<Vec<String>, Rejection> {
    let mut subprotocols = Vec::new();
    let mut seen = BTreeSet::new();
    for element in list_elements(headers, header::SEC_WEBSOCKET_PROTOCOL) {
        let Some(name) = token_text(element) else {
            return Err(bad_request("the sec-websocket-protocol header is not a list of tokens"));
        };
        if !seen.insert(name) {
            return Err(bad_request("the sec-websocket-protocol header names one twice"));
        }
        subprotocols.push(name.to_owned());
    }
    Ok(subprotocols)
}

/// The extensions on offer (RFC 6455 9.1).
pub(super) fn extensions(headers: &HeaderMap) -> Result<Vec<Extension>, Rejection> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS);
    extensions::parse(lines.iter().map(|line| line.as_bytes())).map_err(|error| bad_request(error.to_string()))
}

/// The value of a header that may appear only once.
fn single(headers: &HeaderMap, name: HeaderName) -> Result<Option<&HeaderValue>, Rejection> {
    let repeated = format!("the {name} header comes more than once");
    at_most_one(headers, name).map_err(|_| bad_request(repeated))
}

fn bad_request(reason: impl Into<Cow<'static, str>>) -> Rejection {
    Rejection::plain(StatusCode::BAD_REQUEST, reason)
}

fn upgrade_required(reason: &'static str) -> Rejection {
    Rejection::plain(StatusCode::UPGRADE_REQUIRED, reason)
}

pub(super) fn head_rejection(error: HeadError, limits: HeadLimits) -> Rejection {
    let too_large = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    match error {
        HeadError::StartLineTooLong => Rejection::plain(
            StatusCode::URI_TOO_LONG,
            format!("the request line is over {} bytes", limits.max_start_line),
        ),
        HeadError::TooLarge => {
            Rejection::plain(too_large, format!("the request head is over {} bytes", limits.max_head_size))
        }
        HeadError::TooManyHeaders => {
            Rejection::plain(too_large, format!("the request has more than {} header lines", limits.max_headers))
        }
        HeadError::Malformed(what) => bad_request(format!("malformed request head: {what}")),
    }
}
