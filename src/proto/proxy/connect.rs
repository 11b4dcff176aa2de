//! HTTP `CONNECT` (RFC 9110 9.3.6).
//!
//! In scope: the request, the response, a refusal with its body. Out of scope: making another request with the
//! credentials that a refusal asks for.

use http::StatusCode;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
    USER_AGENT,
};
use std::fmt;
use url::Host;

use super::{Refusal, RequestError, Tunnel, TunnelError};
use crate::proto::handshake::{
    self, BodyReader, Head, HeadError, HeadLimits, HeadReader, Headers, MAX_INTERIM, is_authority, list_holds,
    push_header, push_headers,
};

/// Headers that the caller cannot add: the library writes them, or they would change how the request is framed.
const RESERVED: [&str; 6] =
    ["host", "connection", "content-length", "transfer-encoding", "upgrade", "proxy-connection"];

/// How many characters of a reason phrase are kept.
const MAX_REASON: usize = 100;

/// Asks an HTTP proxy for a tunnel. Any 2xx response opens it.
pub struct Connect {
    output: Vec<u8>,
    limits: HeadLimits,
    interim: u32,
    state: State,
}

enum State {
    Head(HeadReader),
    /// In the body of a refusal.
    Body(Box<Refusal>, BodyReader),
    Over(TunnelError),
}

impl Connect {
    /// Makes the request for a tunnel to `host` and `port`.
    ///
    /// `authorization` is the value of `Proxy-Authorization`. `headers` are added to the request; `User-Agent` replaces the
    /// one of this library.
    ///
    /// # Errors
    ///
    /// [`RequestError`] for a host or headers that cannot be sent.
    pub fn new(
        host: &Host<String>,
        port: u16,
        headers: &Headers,
        authorization: Option<&str>,
        limits: HeadLimits,
    ) -> Result<Self, RequestError> {
        let target = format!("{host}:{port}");
        if !is_authority(&target) {
            return Err(RequestError::InvalidHost);
        }
        if authorization.is_some_and(|value| HeaderValue::from_bytes(value.as_bytes()).is_err()) {
            return Err(RequestError::InvalidAuthorization);
        }
        check_headers(headers, authorization.is_some())?;
        let mut output = format!("CONNECT {target} HTTP/1.1\r\n").into_bytes();
        push_header(&mut output, "Host", target);
        if let Some(authorization) = authorization {
            push_header(&mut output, "Proxy-Authorization", authorization);
        }
        if headers.count(&USER_AGENT) == 0 {
            push_header(&mut output, "User-Agent", handshake::USER_AGENT);
        }
        push_headers(&mut output, headers);
        output.extend_from_slice(b"\r\n");
        let state = State::Head(HeadReader::for_response(limits));
        Ok(Self { output, limits, interim: 0, state })
    }

    /// Handles a complete head. Returns whether the tunnel is open.
    fn take_head(&mut self, head: &Head) -> Result<bool, TunnelError> {
        let line = head.status_line().ok_or(malformed("the first line is not an HTTP status line"))?;
        if line.status.is_success() {
            return Ok(true);
        }
        // 101 is the last response: what comes next is another protocol.
        self.state = if line.status.is_informational() && line.status != StatusCode::SWITCHING_PROTOCOLS {
            self.interim += 1;
            if self.interim > MAX_INTERIM {
                return Err(TunnelError::TooManyInterim);
            }
            State::Head(HeadReader::for_response(self.limits))
        } else {
            let printable = |byte: &&u8| byte.is_ascii_graphic() || **byte == b' ';
            let reason = line.reason.iter().filter(printable).take(MAX_REASON).copied().map(char::from).collect();
            let refusal = Refusal {
                status: line.status,
                reason,
                keeps_open: line.is_http_1_1 && has_clear_end(&head.headers),
                headers: head.headers.clone(),
                body: Vec::new(),
                body_truncated: false,
            };
            let body = BodyReader::new(line.status, &head.headers, self.limits.max_refusal_body);
            State::Body(Box::new(refusal), body)
        };
        Ok(false)
    }

    /// Ends the conversation in its current state.
    fn finish(&mut self, at_eof: bool) -> TunnelError {
        match std::mem::replace(&mut self.state, State::Over(TunnelError::Finished)) {
            State::Over(error) => self.fail(error),
            State::Head(reader) => self.fail(TunnelError::Eof { received: reader.received() }),
            State::Body(mut refusal, body) => {
                (refusal.body, refusal.body_truncated) = body.finish(at_eof);
                refusal.keeps_open &= !at_eof && !refusal.body_truncated;
                self.fail(TunnelError::Refused(refusal))
            }
        }
    }

    /// Makes `error` the one that all further calls return.
    fn fail(&mut self, error: TunnelError) -> TunnelError {
        self.state = State::Over(error.clone());
        error
    }
}

impl Tunnel for Connect {
    fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn wanted(&self) -> usize {
        match &self.state {
            State::Head(reader) => reader.wanted(),
            // Nothing comes through a tunnel that is not opened.
            State::Body(..) | State::Over(_) => usize::MAX,
        }
    }

    fn receive(&mut self, data: &mut &[u8]) -> Result<bool, TunnelError> {
        loop {
            match &mut self.state {
                State::Over(error) => return Err(error.clone()),
                State::Body(_, body) => {
                    return if body.receive(data) { Err(self.finish(false)) } else { Ok(false) };
                }
                State::Head(reader) => {
                    let head = match reader.receive(data) {
                        Ok(None) => return Ok(false),
                        Ok(Some(head)) => head,
                        Err(error) => return Err(self.fail(head_error(error, self.limits))),
                    };
                    match self.take_head(&head) {
                        Ok(false) => {}
                        Ok(true) => {
                            self.state = State::Over(TunnelError::Finished);
                            return Ok(true);
                        }
                        Err(error) => return Err(self.fail(error)),
                    }
                }
            }
        }
    }

    fn has_refused(&self) -> bool {
        matches!(self.state, State::Body(..))
    }

    fn receive_eof(&mut self) -> TunnelError {
        self.finish(true)
    }

    fn give_up(&mut self) -> Option<TunnelError> {
        match self.state {
            State::Head(_) => None,
            _ => Some(self.finish(false)),
        }
    }
}

/// `Debug` omits the request, which may contain credentials.
impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Head(_) => "awaiting the response",
            State::Body(..) => "in the body of a refusal",
            State::Over(_) => "over",
        };
        f.debug_struct("Connect").field("state", &state).finish_non_exhaustive()
    }
}

/// Rejects headers that only the library writes, and those that would be sent twice.
fn check_headers(headers: &Headers, has_authorization: bool) -> Result<(), RequestError> {
    let is_reserved = |name: &&HeaderName| RESERVED.contains(&name.as_str());
    if let Some(name) = headers.names().find(is_reserved) {
        return Err(RequestError::ReservedHeader(name.clone()));
    }
    for (name, is_set) in [(USER_AGENT, false), (PROXY_AUTHORIZATION, has_authorization)] {
        if headers.count(&name) + usize::from(is_set) > 1 {
            return Err(RequestError::RepeatedHeader(name));
        }
    }
    Ok(())
}

/// Whether the connection stays open after a response with these headers, whose body ends where its length says.
fn has_clear_end(headers: &HeaderMap) -> bool {
    let closes = [CONNECTION, HeaderName::from_static("proxy-connection")];
    headers.contains_key(CONTENT_LENGTH)
        && !headers.contains_key(TRANSFER_ENCODING)
        && !closes.into_iter().any(|name| list_holds(headers, name, "close"))
}

fn malformed(what: &'static str) -> TunnelError {
    TunnelError::Malformed { protocol: "an HTTP proxy", what }
}

fn head_error(error: HeadError, limits: HeadLimits) -> TunnelError {
    let (what, limit) = match error {
        HeadError::TooLarge => ("too many bytes in its head", limits.max_head_size),
        HeadError::StartLineTooLong => ("too long a status line", limits.max_start_line),
        HeadError::TooManyHeaders => ("too many header lines", limits.max_headers),
        HeadError::Malformed(what) => return malformed(what),
    };
    TunnelError::TooLarge { what, limit }
}
