//! The client's half: a strict look at the answer (RFC 6455 4.1, second list).
//!
//! In scope: the checks on a 101 answer, collecting a refusal with its body. Out of scope: the
//! request itself (`client_request.rs`), acting on a refusal (redirects, authentication),
//! deadlines, parameters of extensions other than compression.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use http::StatusCode;
use http::header::{self, HeaderMap};

use crate::compression::Compression;
use crate::proto::deflate;

use super::body::BodyReader;
use super::head::{Head, HeadError, HeadReader};
use super::{
    BASE64, ClientRequest, Extension, Handshake, HeadLimits, RequestError, accept_key, at_most_one, extensions,
    is_http_1_1, list_holds, token_text,
};

#[cfg(test)]
mod tests;

/// Most interim answers (1xx other than 101) that are skipped, so that a server cannot keep a
/// client waiting with them.
const MAX_INTERIM: u32 = 8;

/// The opening handshake as seen by a client.
///
/// Send [`request`](Self::request), then feed what arrives to [`receive`](Self::receive) until it
/// gives an answer. Every error is final: later calls give the same one.
pub struct ClientHandshake {
    request: Vec<u8>,
    accept: String,
    target: String,
    subprotocols: Vec<String>,
    extensions: Vec<String>,
    compression: Option<Compression>,
    limits: HeadLimits,
    interim: u32,
    state: State,
}

enum State {
    /// Before the end of the answer's head.
    Head(HeadReader),
    /// In the body of a refusal.
    Body(Box<Refusal>, BodyReader),
    /// The answer was given out.
    Over(HandshakeError),
}

impl ClientHandshake {
    /// Checks and writes the request. `nonce` has to come from the operating system's generator,
    /// new for each handshake (RFC 6455 4.1 item 7).
    ///
    /// # Errors
    ///
    /// [`RequestError`] names the field of `request` that cannot be sent as it is.
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
            state: State::Head(HeadReader::for_response(limits)),
        })
    }

    /// The complete request head, to be sent as it is. It may hold credentials.
    #[must_use]
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// The options of the compression that the request offers.
    #[must_use]
    pub fn compression(&self) -> Option<&Compression> {
        self.compression.as_ref()
    }

    /// Takes bytes from the server, in any pieces; `Ok(None)` asks for more.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`], after which the connection is of no further use. A refusal is reported
    /// once its body is complete or reaches [`HeadLimits::max_refusal_body`]; see
    /// [`give_up`](Self::give_up) for a server that lets that wait.
    pub fn receive(&mut self, mut data: &[u8]) -> Result<Option<Accepted>, HandshakeError> {
        loop {
            match &mut self.state {
                State::Over(error) => return Err(error.clone()),
                State::Body(_, body) => {
                    return if body.receive(data) { Err(self.finish(false)) } else { Ok(None) };
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

    /// Takes note that the server has ended the stream, which also ends a refusal's body.
    pub fn receive_eof(&mut self) -> HandshakeError {
        self.finish(true)
    }

    /// Ends the handshake because the caller's time ran out: the refusal with as much of its body
    /// as has come, if its head is complete; else `None`.
    pub fn give_up(&mut self) -> Option<HandshakeError> {
        match self.state {
            State::Head(_) => None,
            _ => Some(self.finish(false)),
        }
    }

    /// Acts on a complete head: the answer, or `None` to go on reading.
    fn take_head(&mut self, head: Head) -> Result<Option<Accepted>, HandshakeError> {
        let (is_http_1_1, status) = parse_status_line(&head.start_line)?;
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
            State::Body(Box::new(Refusal { status, headers, body: Vec::new(), body_truncated: false }), body)
        };
        Ok(None)
    }

    /// Checks a 101 answer (RFC 6455 4.1, second list).
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
        let handshake = Handshake { subprotocol, extensions, compression, headers, target };
        Ok(Accepted { handshake, leftover: Vec::new() })
    }

    /// The subprotocol that the server chose, which has to be one of those offered.
    fn check_subprotocol(&self, headers: &HeaderMap) -> Result<Option<String>, HandshakeError> {
        let malformed = |what| HandshakeError::MalformedHeader { header: "sec-websocket-protocol", what };
        // An empty one is as good as none: there are servers that answer so where they choose nothing.
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

    /// The extensions that the server chose: each offered, none twice.
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

    /// Ends the handshake where it stands.
    fn finish(&mut self, at_eof: bool) -> HandshakeError {
        match std::mem::replace(&mut self.state, State::Over(HandshakeError::Finished)) {
            State::Over(error) => self.fail(error),
            State::Head(reader) => self.fail(HandshakeError::Eof { received: reader.received() }),
            State::Body(mut refusal, body) => {
                (refusal.body, refusal.body_truncated) = body.finish(at_eof);
                self.fail(HandshakeError::Refused(refusal))
            }
        }
    }

    /// Settles on this error for good.
    fn fail(&mut self, error: HandshakeError) -> HandshakeError {
        self.state = State::Over(error.clone());
        error
    }
}

/// `Debug` leaves out the request, which may hold credentials.
impl fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Head(_) => "awaiting the answer",
            State::Body(..) => "in the body of a refusal",
            State::Over(_) => "over",
        };
        f.debug_struct("ClientHandshake").field("state", &state).finish_non_exhaustive()
    }
}

/// Splits `HTTP/1.1 SP status [SP reason]`; tells whether the version is 1.1.
fn parse_status_line(line: &[u8]) -> Result<(bool, StatusCode), HandshakeError> {
    let mut parts = line.splitn(3, |&byte| byte == b' ');
    let version = parts.next().and_then(is_http_1_1);
    let status = parts.next().map(StatusCode::from_bytes);
    match (version, status) {
        (Some(is_http_1_1), Some(Ok(status))) => Ok((is_http_1_1, status)),
        _ => Err(HandshakeError::Malformed("the first line is no HTTP/1.1 status line")),
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

/// An HTTP answer other than 101, as the server gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The status, such as 401 or 302.
    pub status: StatusCode,
    /// All headers of the answer.
    pub headers: HeaderMap,
    /// The body as far as it came, without chunk framing, at most
    /// [`HeadLimits::max_refusal_body`] bytes.
    pub body: Vec<u8>,
    /// Whether the body went on, as far as is known.
    pub body_truncated: bool,
}

impl Refusal {
    /// What the caller can do about it.
    fn advice(&self) -> &'static str {
        match self.status.as_u16() {
            200..=299 => ": something other than a WebSocket answers here, check the path",
            300..=399 => ": it redirects, see its location header",
            401 => ": give valid credentials",
            403 => ": check credentials and origin",
            404 | 405 | 410 => ": check the path",
            407 => ": a proxy wants credentials",
            426 => ": it wants another protocol or version, see its headers",
            502..=504 => ": try again later",
            _ => "",
        }
    }
}

/// Why a client's opening handshake failed. The connection is of no further use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The server gave an HTTP answer other than 101.
    #[error("the server refused the handshake with {}{}", .0.status, .0.advice())]
    Refused(Box<Refusal>),
    /// The answer is not HTTP/1.1; the text says what is wrong with it.
    #[error("the answer is not HTTP/1.1: {0}; check that scheme, host and port are a WebSocket server's")]
    Malformed(&'static str),
    /// Status 101, but in another version than HTTP/1.1.
    #[error("the server switched protocols in an HTTP version other than 1.1")]
    HttpVersion,
    /// Status 101, but `Upgrade` does not hold `websocket` or `Connection` does not hold `upgrade`.
    #[error("the server switched protocols, but not to WebSocket by its {header} header")]
    NotWebSocket {
        /// The header in question, in lower case.
        header: &'static str,
    },
    /// `Sec-WebSocket-Accept` is missing, repeated or not the one for our key: the server did not
    /// read the request, as with a cache in between.
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
    /// The server chose an extension that was not offered, or one twice.
    #[error("the server chose extension {0:?}, which was not offered or is chosen twice")]
    UnexpectedExtension(String),
    /// The server chose an extension with parameters that do not answer the offer, or that are malformed.
    #[error("the server chose extension {name}, but its parameters cannot be used: {what}")]
    ExtensionParameters {
        /// The extension.
        name: &'static str,
        /// What is wrong with them.
        what: &'static str,
    },
    /// The answer's head is longer than [`HeadLimits::max_head_size`].
    #[error("the answer's head is over the limit of {limit} bytes")]
    HeadTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The status line is longer than [`HeadLimits::max_start_line`].
    #[error("the answer's status line is over the limit of {limit} bytes")]
    StartLineTooLong {
        /// The limit.
        limit: usize,
    },
    /// The answer has more header lines than [`HeadLimits::max_headers`].
    #[error("the answer has more than {limit} header lines")]
    TooManyHeaders {
        /// The limit.
        limit: usize,
    },
    /// More than eight interim answers (1xx other than 101).
    #[error("the server sent more than {MAX_INTERIM} interim answers")]
    TooManyInterim,
    /// The stream ended before the end of the answer's head.
    #[error("the server closed the connection after {received} bytes of an answer; check scheme and port")]
    Eof {
        /// How many bytes of the current head had come.
        received: usize,
    },
    /// The handshake has already succeeded: the bytes belong to the connection.
    #[error("the handshake is over; give further bytes to the connection")]
    Finished,
}
