//! A response that refuses a handshake, and what can be done about it.
//!
//! In scope: what the status and the headers say. Out of scope: receiving the body (`body.rs`), acting on a refusal.

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;
use http::header::{self, HeaderMap};

#[cfg(doc)]
use super::HeadLimits;
use crate::proto::auth::Challenge;

/// An HTTP response other than 101. `Debug` shows only the beginning of the body.
///
/// ```
/// # let listener = landline::Listener::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}/", listener.local_addr().unwrap());
/// # let server = std::thread::spawn(move || {
/// #     let headers = landline::Headers::new().with("Retry-After", "5").unwrap();
/// #     listener.accept()?.reject(landline::http::StatusCode::SERVICE_UNAVAILABLE, headers, "too busy\n")
/// # });
/// let error = landline::connect(&url).unwrap_err();
/// let refusal = error.refusal().expect("the server answered");
/// assert_eq!(refusal.status, 503);
/// assert_eq!(refusal.headers["Retry-After"], "5");
/// assert_eq!(refusal.body, b"too busy\n");
/// # server.join().unwrap()?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The status, such as 401 or 302.
    pub status: StatusCode,
    /// All headers of the response.
    pub headers: HeaderMap,
    /// As much of the body as arrived, in a second after the head at most, without chunk framing, at most [`HeadLimits::max_refusal_body`] bytes.
    pub body: Vec<u8>,
    /// Whether the body may be longer than what is in `body`.
    pub body_truncated: bool,
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 200;
        let shown = String::from_utf8_lossy(&self.body[..self.body.len().min(SHOWN)]);
        f.debug_struct("Refusal")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &shown)
            .field("body_len", &self.body.len())
            .field("body_truncated", &self.body_truncated)
            .finish()
    }
}

impl Refusal {
    /// Where a redirect (301, 302, 303, 307, 308) leads, without user and password. `None` for any other refusal, and if
    /// there is no `Location` in visible ASCII.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        let is_redirect = matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308);
        let location = self.headers.get(header::LOCATION).filter(|_| is_redirect)?.to_str().ok()?;
        let authority_at = location.find("//").map_or(0, |at| at + 2);
        let (before, rest) = location.split_at(authority_at);
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let secret = authority.rfind('@').filter(|_| authority_at > 0).map_or(0, |at| at + 1);
        Some(format!("{before}{}", &rest[secret..]))
    }

    /// What the server (401) or a proxy (407) asks for.
    #[must_use]
    pub fn challenges(&self) -> Vec<Challenge> {
        match self.status {
            StatusCode::UNAUTHORIZED => Challenge::from_headers(&self.headers, header::WWW_AUTHENTICATE),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Challenge::from_headers(&self.headers, header::PROXY_AUTHENTICATE)
            }
            _ => Vec::new(),
        }
    }

    /// The status with its usual reason phrase, if it has one.
    pub(super) fn status_text(&self) -> String {
        match self.status.canonical_reason() {
            Some(reason) => format!("{} {reason}", self.status.as_str()),
            None => self.status.as_str().to_owned(),
        }
    }

    /// What the user can do about it.
    pub(super) fn advice(&self) -> Cow<'static, str> {
        match self.status.as_u16() {
            200..=299 => ": something other than a WebSocket answers here, check the path".into(),
            300..=399 => match self.location() {
                Some(location) => format!(": it redirects to {}", beginning(&location)).into(),
                None if self.headers.get(header::LOCATION).is_some() => {
                    ": it redirects, see its location header".into()
                }
                None => ": it redirects without saying where to".into(),
            },
            401 => match self.schemes() {
                Some(schemes) => format!(": it asks for {schemes} authentication").into(),
                None => ": give valid credentials".into(),
            },
            403 => ": check credentials and origin".into(),
            404 | 405 | 410 => ": check the path".into(),
            407 => match self.schemes() {
                Some(schemes) => format!(": a proxy asks for {schemes} authentication").into(),
                None => ": a proxy wants credentials".into(),
            },
            426 => ": see its headers for what it wants; a proxy in front of it has to pass the upgrade on".into(),
            429 | 503 => match self.retry_after() {
                Some(when) => format!(": try again {when}").into(),
                None => ": try again later".into(),
            },
            502 | 504 => ": try again later".into(),
            505 => ": a proxy in front of it has to speak HTTP/1.1 to it".into(),
            _ => "".into(),
        }
    }

    /// The schemes that are asked for, each once.
    fn schemes(&self) -> Option<String> {
        let mut schemes: Vec<String> = Vec::new();
        for challenge in self.challenges() {
            if !schemes.iter().any(|scheme| challenge.is(scheme)) {
                schemes.push(challenge.scheme().to_owned());
            }
        }
        (!schemes.is_empty()).then(|| beginning(&schemes.join(" or ")).to_owned())
    }

    /// When the server wants to be asked again (RFC 9110 10.2.3): seconds or a date.
    fn retry_after(&self) -> Option<String> {
        let value = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?;
        match value.parse::<u64>() {
            Ok(seconds) => Some(format!("in {seconds} s")),
            Err(_) if value.ends_with("GMT") => Some(format!("after {}", beginning(value))),
            Err(_) => None,
        }
    }
}

/// As much of a text as fits into an error. It is ASCII.
fn beginning(text: &str) -> &str {
    text.get(..200).unwrap_or(text)
}
