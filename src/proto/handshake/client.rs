//! The client's side: strict checks of the response (RFC 6455 4.1, second list).
//!
//! In scope: the checks on a 101 response, collecting a refusal with its body. Out of scope: the
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
use super::head::{Head, HeadError, HeadReader, NO_STATUS_LINE, StatusLine};
use super::{
    BASE64, ClientRequest, Extension, Handshake, HeadLimits, Refusal, RequestError, accept_key, at_most_one,
    extensions, list_holds, token_text,
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

    /// Whether the server has refused, and only the body of the refusal is to come.
    pub(crate) fn has_refused(&self) -> bool {
        matches!(self.state, State::Body(..))
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
            // What ends a chunked body, with its trailers, is not read.
            let has_clear_end = !headers.contains_key(header::TRANSFER_ENCODING);
            self.keeps_alive = is_http_1_1 && has_clear_end && !list_holds(&headers, header::CONNECTION, "close");
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

/// The server's answer, which opens the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// What was agreed on. A server may choose no subprotocol although some were offered; the caller decides whether to
    /// continue then.
    pub handshake: Handshake,
    /// The bytes that followed the head: the first frames.
    pub leftover: Vec<u8>,
}

/// Why a client's opening handshake failed. The connection cannot be used afterwards.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The server sent an HTTP response other than 101.
    #[error("the server refused the handshake with {}{}", .0.status_text(), .0.advice())]
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
