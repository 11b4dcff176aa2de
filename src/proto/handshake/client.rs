//! The client's side: strict checks of the response (RFC 6455 4.1, second list).
//!
//! In scope: the checks on a 101 response, collecting a refusal with its body. Out of scope: the
//! request itself (`client_request.rs`), acting on a refusal (redirects, authentication),
//! deadlines, parameters of extensions other than compression.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use http::StatusCode;
use http::header::{self, HeaderMap};

use crate::compression::Compression;
use crate::proto::auth::Challenge;
use crate::proto::deflate;

use super::body::BodyReader;
use super::head::{Head, HeadError, HeadReader, NO_STATUS_LINE, StatusLine};
use super::{
    BASE64, ClientRequest, Extension, Handshake, HeadLimits, RequestError, accept_key, at_most_one, extensions,
    list_holds, token_text,
};

#[cfg(test)]
mod tests;

/// How many interim responses (1xx other than 101) are skipped, so that a server cannot keep a client waiting with
/// them.
pub(in crate::proto) const MAX_INTERIM: u32 = 8;

/// The opening handshake as seen by a client.
///
/// Send [`request`](Self::request), then pass the bytes that arrive to [`receive`](Self::receive) until it returns a
/// result. Every error is final: later calls return the same one.
pub struct ClientHandshake {
    request: Vec<u8>,
    accept: String,
    target: String,
    subprotocols: Vec<String>,
    extensions: Vec<String>,
    compression: Option<Compression>,
    limits: HeadLimits,
    interim: u32,
    /// Whether the server means to take another request over this connection.
    keeps_alive: bool,
    /// Whether it can be sent now, because nothing of this one is left.
    is_reusable: bool,
    state: State,
}

enum State {
    /// Before the end of the response's head.
    Head(HeadReader),
    /// In the body of a refusal.
    Body(Box<Refusal>, BodyReader),
    /// The result has been returned; further calls return this error.
    Over(HandshakeError),
}

impl ClientHandshake {
    /// Checks the request and encodes it. `nonce` must be random and new for each handshake (RFC 6455 4.1 item 7);
    /// [`entropy::nonce`](crate::entropy::nonce) makes one.
    ///
    /// # Errors
    ///
    /// [`RequestError`] names the field of `request` that cannot be sent.
    pub fn new(request: &ClientRequest, nonce: [u8; 16], limits: HeadLimits) -> Result<Self, RequestError> {
        request.check()?;
        let key = BASE64.encode(nonce);
        Ok(Self {
            request: request.write(&key),
            accept: accept_key(&key),
            target: request.target.clone(),
            subprotocols: request.subprotocols.clone(),
            extensions: request.offers().iter().map(|offer| offer.name().to_owned()).collect(),
            compression: request.compression.clone(),
            limits,
            interim: 0,
            keeps_alive: false,
            is_reusable: false,
            state: State::Head(HeadReader::for_response(limits)),
        })
    }

    /// The complete request, to be sent as it is. It may contain credentials.
    #[must_use]
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// The options of the compression that the request offers.
    #[must_use]
    pub fn compression(&self) -> Option<&Compression> {
        self.compression.as_ref()
    }

    /// Takes bytes from the server, in pieces of any size. `Ok(None)` means that more are needed.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]. The connection cannot be used afterwards. A refusal is reported once its body is complete or
    /// reaches [`HeadLimits::max_refusal_body`]; call [`give_up`](Self::give_up) if that takes too long.
    pub fn receive(&mut self, mut data: &[u8]) -> Result<Option<Accepted>, HandshakeError> {
        loop {
            match &mut self.state {
                State::Over(error) => return Err(error.clone()),
                State::Body(_, body) => {
                    if !body.receive(&mut data) {
                        return Ok(None);
                    }
                    self.is_reusable = self.keeps_alive && data.is_empty();
                    return Err(self.finish(false));
                }
                State::Head(reader) => {
                    let head = match reader.receive(&mut data) {
                        Ok(None) => return Ok(None),
                        Ok(Some(head)) => head,
                        Err(error) => return Err(self.fail(head_error(error, self.limits))),
                    };
                    match self.take_head(head) {
                        Ok(None) => {}
                        Ok(Some(mut accepted)) => {
                            accepted.leftover = data.to_vec();
                            self.state = State::Over(HandshakeError::Finished);
                            return Ok(Some(accepted));
                        }
                        Err(error) => return Err(self.fail(error)),
                    }
                }
            }
        }
    }

    /// Whether another request can be sent over the connection, although the server has refused this one: the body of
    /// the refusal is complete, and the server does not end the connection (RFC 9112 9.3).
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        self.is_reusable
    }

    /// Reports that the server has ended the stream, and returns the error that the handshake fails with. The end of
    /// the stream may also be the end of a refusal's body.
    pub fn receive_eof(&mut self) -> HandshakeError {
        self.finish(true)
    }

    /// Ends the handshake because the caller's time limit has passed. Returns the refusal with as much of its body as
    /// has arrived, if its head is complete, and `None` otherwise.
    pub fn give_up(&mut self) -> Option<HandshakeError> {
        match self.state {
            State::Head(_) => None,
            _ => Some(self.finish(false)),
        }
    }

    /// Handles a complete head. Returns the result, or `None` if more must be read.
    fn take_head(&mut self, head: Head) -> Result<Option<Accepted>, HandshakeError> {
        let Some(StatusLine { is_http_1_1, status, .. }) = head.status_line() else {
            return Err(HandshakeError::Malformed(NO_STATUS_LINE));
        };
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return self.check_answer(is_http_1_1, head.headers).map(Some);
        }
        self.state = if status.is_informational() {
            self.interim += 1;
            if self.interim > MAX_INTERIM {
                return Err(HandshakeError::TooManyInterim);
            }
            State::Head(HeadReader::for_response(self.limits))
        } else {
            let body = BodyReader::new(status, &head.headers, self.limits.max_refusal_body);
            let headers = head.headers;
            self.keeps_alive = is_http_1_1 && !list_holds(&headers, header::CONNECTION, "close");
            State::Body(Box::new(Refusal { status, headers, body: Vec::new(), body_truncated: false }), body)
        };
        Ok(None)
    }

    /// Checks a 101 response (RFC 6455 4.1, second list).
    fn check_answer(&self, is_http_1_1: bool, headers: HeaderMap) -> Result<Accepted, HandshakeError> {
        if !is_http_1_1 {
            return Err(HandshakeError::HttpVersion);
        }
        if !list_holds(&headers, header::UPGRADE, "websocket") {
            return Err(HandshakeError::NotWebSocket { header: "upgrade" });
        }
        if !list_holds(&headers, header::CONNECTION, "upgrade") {
            return Err(HandshakeError::NotWebSocket { header: "connection" });
        }
        match at_most_one(&headers, header::SEC_WEBSOCKET_ACCEPT) {
            Ok(Some(accept)) if accept.as_bytes() == self.accept.as_bytes() => {}
            _ => return Err(HandshakeError::WrongAccept),
        }
        let subprotocol = self.check_subprotocol(&headers)?;
        let extensions = self.check_extensions(&headers)?;
        let compression = match &self.compression {
            Some(options) => deflate::confirm(options, &extensions)?,
            None => None,
        };
        let target = self.target.clone();
        let handshake = Handshake { subprotocol, extensions, compression, headers, target, url: None };
        Ok(Accepted { handshake, leftover: Vec::new() })
    }

    /// Returns the subprotocol that the server chose, which must be one of those offered.
    fn check_subprotocol(&self, headers: &HeaderMap) -> Result<Option<String>, HandshakeError> {
        let malformed = |what| HandshakeError::MalformedHeader { header: "sec-websocket-protocol", what };
        // An empty header counts as absent, since some servers send one when they choose no subprotocol.
        let mut values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter(|value| !value.is_empty());
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(malformed("it comes more than once"));
        }
        let chosen = token_text(value.as_bytes()).ok_or(malformed("it is not a single token"))?;
        if !self.subprotocols.iter().any(|offered| offered == chosen) {
            return Err(HandshakeError::UnexpectedSubprotocol(chosen.to_owned()));
        }
        Ok(Some(chosen.to_owned()))
    }

    /// Returns the extensions that the server chose. Each must have been offered, and none may be chosen twice.
    fn check_extensions(&self, headers: &HeaderMap) -> Result<Vec<Extension>, HandshakeError> {
        let lines = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS);
        let chosen = extensions::parse(lines.iter().map(|line| line.as_bytes())).map_err(|error| {
            HandshakeError::MalformedHeader { header: "sec-websocket-extensions", what: error.what }
        })?;
        let mut left: BTreeSet<&str> = self.extensions.iter().map(String::as_str).collect();
        match chosen.iter().find(|extension| !left.remove(extension.name())) {
            Some(extension) => Err(HandshakeError::UnexpectedExtension(extension.name().to_owned())),
            None => Ok(chosen),
        }
    }

    /// Ends the handshake in its current state.
    fn finish(&mut self, at_eof: bool) -> HandshakeError {
        match std::mem::replace(&mut self.state, State::Over(HandshakeError::Finished)) {
            State::Over(error) => self.fail(error),
            State::Head(reader) => self.fail(HandshakeError::Eof { received: reader.received() }),
            State::Body(mut refusal, body) => {
                (refusal.body, refusal.body_truncated) = body.finish(at_eof);
                self.is_reusable &= !refusal.body_truncated;
                self.fail(HandshakeError::Refused(refusal))
            }
        }
    }

    /// Makes `error` the one that all further calls return.
    fn fail(&mut self, error: HandshakeError) -> HandshakeError {
        self.state = State::Over(error.clone());
        error
    }
}

/// `Debug` omits the request, which may contain credentials.
impl fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Head(_) => "awaiting the response",
            State::Body(..) => "in the body of a refusal",
            State::Over(_) => "over",
        };
        f.debug_struct("ClientHandshake").field("state", &state).finish_non_exhaustive()
    }
}

fn head_error(error: HeadError, limits: HeadLimits) -> HandshakeError {
    match error {
        HeadError::TooLarge => HandshakeError::HeadTooLarge { limit: limits.max_head_size },
        HeadError::StartLineTooLong => HandshakeError::StartLineTooLong { limit: limits.max_start_line },
        HeadError::TooManyHeaders => HandshakeError::TooManyHeaders { limit: limits.max_headers },
        HeadError::Malformed(what) => HandshakeError::Malformed(what),
    }
}

/// The server agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// To what. `None` for the subprotocol is legal also where some were offered: whether to go on is the caller's
    /// decision.
    pub handshake: Handshake,
    /// The bytes that came behind the head: the first frames.
    pub leftover: Vec<u8>,
}

/// An HTTP response other than 101. `Debug` shows only the beginning of the body.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The status, such as 401 or 302.
    pub status: StatusCode,
    /// All headers of the response.
    pub headers: HeaderMap,
    /// As much of the body as arrived, without chunk framing, at most [`HeadLimits::max_refusal_body`] bytes.
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

    /// What the user can do about it.
    fn advice(&self) -> Cow<'static, str> {
        match self.status.as_u16() {
            200..=299 => ": something other than a WebSocket answers here, check the path".into(),
            300..=399 => match self.location() {
                Some(location) => format!(": it redirects to {}", beginning(&location)).into(),
                None => ": it redirects, see its location header".into(),
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

/// Why a client's opening handshake failed. The connection cannot be used afterwards.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The server sent an HTTP response other than 101.
    #[error("the server refused the handshake with {}{}", .0.status, .0.advice())]
    Refused(Box<Refusal>),
    /// The response is not HTTP/1.1; the text says what is wrong with it.
    #[error("the answer is not HTTP/1.1: {0}; check that scheme, host and port are a WebSocket server's")]
    Malformed(&'static str),
    /// The status is 101, but the version is not HTTP/1.1.
    #[error("the server switched protocols in an HTTP version other than 1.1")]
    HttpVersion,
    /// The status is 101, but `Upgrade` does not contain `websocket`, or `Connection` does not contain `upgrade`.
    #[error("the server switched protocols, but its {header} header does not confirm the upgrade to WebSocket")]
    NotWebSocket {
        /// The header in question, in lower case.
        header: &'static str,
    },
    /// `Sec-WebSocket-Accept` is missing, repeated or does not match the key. The server did not read this request; a
    /// cache may have answered it.
    #[error("the server's sec-websocket-accept header does not answer this request")]
    WrongAccept,
    /// A header of the handshake breaks its grammar.
    #[error("the server's {header} header is malformed: {what}")]
    MalformedHeader {
        /// The header in question, in lower case.
        header: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The server chose a subprotocol that was not offered.
    #[error("the server chose subprotocol {0:?}, which was not offered; offer it or check the path")]
    UnexpectedSubprotocol(String),
    /// The server chose an extension that was not offered, or chose one twice.
    #[error("the server chose extension {0:?}, which was not offered or is chosen twice")]
    UnexpectedExtension(String),
    /// The server chose an extension with parameters that do not match the offer or are malformed.
    #[error("the server chose extension {name}, but its parameters cannot be used: {what}")]
    ExtensionParameters {
        /// The extension.
        name: &'static str,
        /// What is wrong with them.
        what: &'static str,
    },
    /// The response's head is longer than [`HeadLimits::max_head_size`].
    #[error("the answer's head is over the limit of {limit} bytes")]
    HeadTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The status line is longer than [`HeadLimits::max_start_line`].
    #[error("the answer's status line is over the limit of {limit} bytes")]
    StartLineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The response has more header lines than [`HeadLimits::max_headers`].
    #[error("the answer has more than {limit} header lines")]
    TooManyHeaders {
        /// The limit.
        limit: usize,
    },
    /// More than eight interim responses (1xx other than 101).
    #[error("the server sent more than {MAX_INTERIM} interim responses")]
    TooManyInterim,
    /// The stream ended before the end of the response's head.
    #[error("the server closed the connection after {received} bytes of an answer; check scheme and port")]
    Eof {
        /// How many bytes of the current head had arrived.
        received: usize,
    },
    /// The handshake has already succeeded, so the bytes belong to the connection.
    #[error("the handshake is over; give further bytes to the connection")]
    Finished,
}
