//! SOCKS5 (RFC 1928), with a user and a password (RFC 1929) or without authentication.
//!
//! Out of scope: `BIND`, `UDP ASSOCIATE`, GSS-API.

use std::fmt;
use url::Host;

use super::{RequestError, Tunnel, TunnelError};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const SUCCEEDED: u8 = 0;
/// Types of addresses.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// The longest answer: four bytes, a name with its length, a port.
const MAX_ANSWER: usize = 4 + 1 + 255 + 2;

/// Asks a SOCKS5 proxy for a tunnel. A host given as a name is looked up by the proxy.
pub struct Socks5 {
    output: Vec<u8>,
    /// The request, and the message with user and password, until they are due.
    request: Vec<u8>,
    password: Option<Vec<u8>>,
    /// The bytes of the current answer.
    answer: Vec<u8>,
    state: State,
}

enum State {
    Method,
    Password,
    Reply,
    Over(TunnelError),
}

impl Socks5 {
    /// Makes the request for a tunnel to `host` and `port`. If the proxy asks for it, `user` is sent to it: name and
    /// password, both in clear text.
    ///
    /// # Errors
    ///
    /// [`RequestError`] for a name, user or password of a length that the protocol has no room for.
    pub fn new(host: &Host<String>, port: u16, user: Option<(&str, &str)>) -> Result<Self, RequestError> {
        let mut request = vec![VERSION, CONNECT, 0];
        match host {
            Host::Ipv4(address) => {
                request.push(IPV4);
                request.extend_from_slice(&address.octets());
            }
            Host::Ipv6(address) => {
                request.push(IPV6);
                request.extend_from_slice(&address.octets());
            }
            Host::Domain(name) => {
                request.push(NAME);
                let len = length(name).ok_or(RequestError::NameTooLong { len: name.len() })?;
                request.push(len);
                request.extend_from_slice(name.as_bytes());
            }
        }
        request.extend_from_slice(&port.to_be_bytes());

        let password = user.map(|(user, password)| {
            let lengths = length(user).zip(length(password)).ok_or(RequestError::CredentialsLength)?;
            Ok([&[1, lengths.0], user.as_bytes(), &[lengths.1], password.as_bytes()].concat())
        });
        let password = password.transpose()?;
        let output = match password {
            Some(_) => vec![VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
            None => vec![VERSION, 1, NO_AUTHENTICATION],
        };
        Ok(Self { output, request, password, answer: Vec::with_capacity(MAX_ANSWER), state: State::Method })
    }

    /// How long the current answer is, as far as it can be told from what has arrived.
    fn answer_len(&self) -> usize {
        match self.state {
            State::Method | State::Password | State::Over(_) => 2,
            // A refusal needs no address, and some proxies send none.
            State::Reply => match self.answer[..] {
                [_, reply, ..] if reply != SUCCEEDED => 2,
                [_, _, _, IPV4, ..] => 4 + 4 + 2,
                [_, _, _, IPV6, ..] => 4 + 16 + 2,
                [_, _, _, NAME, len, ..] => 5 + usize::from(len) + 2,
                [_, _, _, NAME] => 5,
                [_, _, ..] => 4,
                // Not before it is known whether it is a refusal.
                _ => 2,
            },
        }
    }

    /// Handles a complete answer. Returns whether the tunnel is open.
    fn take_answer(&mut self) -> Result<bool, TunnelError> {
        let malformed = |what| Err(TunnelError::Malformed { protocol: "a SOCKS5 proxy", what });
        match (&self.state, &self.answer[..]) {
            // Proxies differ in the version that they send here, so it is not looked at.
            (State::Password, [_, 0, ..]) => self.ask(),
            (State::Password, _) => return Err(TunnelError::WrongPassword),
            (_, [version, ..]) if *version != VERSION => {
                return malformed("the first byte is not the protocol's version");
            }
            (State::Method, [_, NO_AUTHENTICATION]) => self.ask(),
            (State::Method, [_, USER_AND_PASSWORD]) => match self.password.take() {
                Some(password) => {
                    self.output = password;
                    self.state = State::Password;
                }
                None => return malformed("it chose a method of authentication that was not offered"),
            },
            (State::Method, [_, NO_ACCEPTABLE_METHOD]) => {
                return Err(TunnelError::NoMethod { with_password: self.password.is_some() });
            }
            (State::Method, _) => return malformed("it chose a method of authentication that was not offered"),
            (_, [_, SUCCEEDED, _, IPV4 | IPV6 | NAME, _, ..]) => return Ok(true),
            (_, [_, SUCCEEDED, ..]) => return malformed("its type of address is not a known one"),
            (_, [_, code, ..]) => return Err(TunnelError::Socks5(*code)),
            (_, _) => return malformed("it is too short"),
        }
        self.answer.clear();
        Ok(false)
    }

    /// Makes the request the next output.
    fn ask(&mut self) {
        self.output = std::mem::take(&mut self.request);
        self.state = State::Reply;
    }

    /// Makes `error` the one that all further calls return.
    fn fail(&mut self, error: TunnelError) -> TunnelError {
        self.state = State::Over(error.clone());
        error
    }
}

impl Tunnel for Socks5 {
    fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn wanted(&self) -> usize {
        self.answer_len().saturating_sub(self.answer.len()).max(1)
    }

    fn receive(&mut self, data: &mut &[u8]) -> Result<bool, TunnelError> {
        loop {
            if let State::Over(error) = &self.state {
                return Err(error.clone());
            }
            while self.answer.len() < self.answer_len() {
                let Some((&byte, rest)) = data.split_first() else { return Ok(false) };
                *data = rest;
                self.answer.push(byte);
            }
            match self.take_answer() {
                Ok(false) => {}
                Ok(true) => {
                    self.state = State::Over(TunnelError::Finished);
                    return Ok(true);
                }
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    fn receive_eof(&mut self) -> TunnelError {
        match &self.state {
            State::Over(error) => error.clone(),
            _ => self.fail(TunnelError::Eof { received: self.answer.len() }),
        }
    }
}

/// `Debug` omits user and password.
impl fmt::Debug for Socks5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Method => "awaiting the method",
            State::Password => "awaiting the answer to the password",
            State::Reply => "awaiting the reply",
            State::Over(_) => "over",
        };
        f.debug_struct("Socks5").field("state", &state).finish_non_exhaustive()
    }
}

/// The length as one byte, if it is 1 to 255.
fn length(text: &str) -> Option<u8> {
    u8::try_from(text.len()).ok().filter(|len| *len > 0)
}
