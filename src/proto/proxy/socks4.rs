//! SOCKS4, and its extension 4a, with which the proxy looks up the host's name.

use std::fmt;
use url::Host;

use super::{RequestError, Tunnel, TunnelError};

const VERSION: u8 = 4;
const CONNECT: u8 = 1;
const GRANTED: u8 = 90;
/// The address that announces a name after the user: 0.0.0.x, where x is not 0.
const NAME_FOLLOWS: [u8; 4] = [0, 0, 0, 1];
/// The answer: a zero, the code, and a port and an address that mean nothing here.
const ANSWER_LEN: usize = 8;

/// Asks a SOCKS4 proxy for a tunnel: to an IPv4 address, or with SOCKS4a to a name.
pub struct Socks4 {
    output: Vec<u8>,
    answer: Vec<u8>,
    over: Option<TunnelError>,
}

impl Socks4 {
    /// Makes the request for a tunnel to `host` and `port`, on behalf of `user`, which may be empty.
    ///
    /// # Errors
    ///
    /// [`RequestError`] for an IPv6 address, a name that is too long, or a user with a NUL byte.
    pub fn new(host: &Host<String>, port: u16, user: &str) -> Result<Self, RequestError> {
        let (address, name) = match host {
            Host::Ipv4(address) => (address.octets(), None),
            Host::Domain(name) if name.len() > 255 => return Err(RequestError::NameTooLong { len: name.len() }),
            Host::Domain(name) if name.is_empty() || name.contains('\0') => return Err(RequestError::InvalidHost),
            Host::Domain(name) => (NAME_FOLLOWS, Some(name)),
            Host::Ipv6(_) => return Err(RequestError::Ipv6),
        };
        if user.contains('\0') {
            return Err(RequestError::InvalidUser);
        }
        let mut output = vec![VERSION, CONNECT];
        output.extend_from_slice(&port.to_be_bytes());
        output.extend_from_slice(&address);
        output.extend_from_slice(user.as_bytes());
        output.push(0);
        if let Some(name) = name {
            output.extend_from_slice(name.as_bytes());
            output.push(0);
        }
        Ok(Self { output, answer: Vec::with_capacity(ANSWER_LEN), over: None })
    }

    /// How long the answer is, as far as it can be told from what has arrived: a refusal needs no more than its code.
    fn answer_len(&self) -> usize {
        match self.answer[..] {
            [0, GRANTED, ..] => ANSWER_LEN,
            _ => 2,
        }
    }

    fn take_answer(&self) -> Result<bool, TunnelError> {
        match self.answer[..] {
            [0, GRANTED, ..] => Ok(true),
            [0, code, ..] => Err(TunnelError::Socks4(code)),
            _ => Err(TunnelError::Malformed { protocol: "a SOCKS4 proxy", what: "the first byte is not 0" }),
        }
    }
}

impl Tunnel for Socks4 {
    fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn wanted(&self) -> usize {
        self.answer_len().saturating_sub(self.answer.len()).max(1)
    }

    fn receive(&mut self, data: &mut &[u8]) -> Result<bool, TunnelError> {
        if let Some(error) = &self.over {
            return Err(error.clone());
        }
        while self.answer.len() < self.answer_len() {
            let Some((&byte, rest)) = data.split_first() else { return Ok(false) };
            *data = rest;
            self.answer.push(byte);
        }
        let outcome = self.take_answer();
        self.over = Some(outcome.clone().err().unwrap_or(TunnelError::Finished));
        outcome
    }

    fn receive_eof(&mut self) -> TunnelError {
        self.over.get_or_insert(TunnelError::Eof { received: self.answer.len() }).clone()
    }
}

/// `Debug` omits the user.
impl fmt::Debug for Socks4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socks4").field("over", &self.over).finish_non_exhaustive()
    }
}
