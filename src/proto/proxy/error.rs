//! Why there is no tunnel.

use crate::proto::auth::Challenge;
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, PROXY_AUTHENTICATE};
use std::fmt;

/// A request that cannot be sent to a proxy, because of what the caller has set. Nothing is repaired silently.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A header that only the library writes.
    #[error(
        "header {0} of the request to the proxy is written by the library: remove it, or use the option made for it"
    )]
    ReservedHeader(HeaderName),
    /// A header that may be sent only once is set twice, or set although there are a user and a password.
    #[error("header {0} of the request to the proxy is set twice: set it once")]
    RepeatedHeader(HeaderName),
    /// A header for a SOCKS proxy.
    #[error("a SOCKS proxy takes no headers: remove {0}")]
    NoHeaders(String),
    /// Credentials that a header cannot contain, because of a line break, for example.
    #[error("the credentials for the proxy contain characters that are not allowed in a header")]
    InvalidAuthorization,
    /// A host that is not a name or address.
    #[error("the host to reach through the proxy is not valid: use a name or an address")]
    InvalidHost,
    /// SOCKS has one byte for the length of a name.
    #[error("the host name of {len} bytes is too long for a SOCKS proxy; at most 255 fit")]
    NameTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// RFC 1929 has one byte for the length of each.
    #[error("user and password for a SOCKS5 proxy must have 1 to 255 bytes each")]
    CredentialsLength,
    /// SOCKS4 ends the user with a NUL.
    #[error("the user for a SOCKS4 proxy contains a NUL byte: remove it")]
    InvalidUser,
    /// SOCKS4 has no field for IPv6 addresses.
    #[error("a SOCKS4 proxy cannot be asked for an IPv6 address: use socks5:// if the proxy speaks it")]
    Ipv6,
}

/// Why a proxy did not open a tunnel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TunnelError {
    /// An HTTP response other than 2xx.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// A SOCKS5 proxy refused, with this reply code (RFC 1928 section 6).
    #[error("the proxy refused with SOCKS5 reply {0}: {text}", text = socks5_text(*.0))]
    Socks5(u8),
    /// A SOCKS4 proxy refused, with this reply code.
    #[error("the proxy refused with SOCKS4 reply {0}: {text}", text = socks4_text(*.0))]
    Socks4(u8),
    /// A SOCKS5 proxy accepts none of the methods of authentication that were offered.
    #[error("{}", if *.with_password {
        "the proxy accepts neither a user with password nor a client without"
    } else {
        "the proxy wants a user and a password, or another kind of authentication"
    })]
    NoMethod {
        /// Whether a user and a password were offered.
        with_password: bool,
    },
    /// A SOCKS5 proxy did not accept the user or the password.
    #[error("the proxy does not accept the user and password")]
    WrongPassword,
    /// An answer that is not one of the protocol; the text says what is wrong with it.
    #[error("the answer is not one of {protocol}: {what}")]
    Malformed {
        /// The protocol that was spoken.
        protocol: &'static str,
        /// What is wrong with the answer.
        what: &'static str,
    },
    /// The head of the response is over a limit; the text says which.
    #[error("the proxy's answer has {what}; the limit is {limit}")]
    TooLarge {
        /// What is over the limit.
        what: &'static str,
        /// The limit: bytes, or header lines.
        limit: usize,
    },
    /// More than eight interim responses (1xx).
    #[error("the proxy sent more than {} interim responses", crate::proto::handshake::MAX_INTERIM)]
    TooManyInterim,
    /// The stream ended before the tunnel was open.
    #[error("the proxy closed the connection after {received} bytes of an answer")]
    Eof {
        /// How many bytes of the current answer had arrived.
        received: usize,
    },
    /// The tunnel is open already, so the bytes belong to what comes through it.
    #[error("the tunnel is open; further bytes come through it")]
    Finished,
}

impl TunnelError {
    /// The refusal of an HTTP proxy.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

fn socks5_text(code: u8) -> &'static str {
    match code {
        1 => "general failure",
        2 => "its rules do not allow this host or port",
        3 => "the network is unreachable from there",
        4 => "the host is unreachable from there",
        5 => "the host refuses the connection",
        6 => "the host is too far away (TTL expired)",
        7 => "it does not support CONNECT",
        8 => "it does not support this type of address",
        _ => "not a code that is known",
    }
}

fn socks4_text(code: u8) -> &'static str {
    match code {
        91 => "rejected, or the host cannot be reached",
        92 => "it cannot ask identd on this machine who the user is",
        93 => "identd on this machine names another user",
        _ => "not a code that is known",
    }
}

/// The response of an HTTP proxy that opens no tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The status, such as 403 or 407.
    pub status: StatusCode,
    /// The reason phrase, as far as it is printable ASCII, at most 100 characters. May be empty.
    pub reason: String,
    /// All headers of the response.
    pub headers: HeaderMap,
    /// As much of the body as arrived, without chunk framing, at most
    /// [`HeadLimits::max_refusal_body`](crate::proto::handshake::HeadLimits::max_refusal_body) bytes.
    pub body: Vec<u8>,
    /// Whether the body may be longer than what is in `body`.
    pub body_truncated: bool,
    /// Whether another request can be sent over the same connection, provided that nothing came after the body.
    pub keeps_open: bool,
}

impl Refusal {
    /// What the proxy asks for by its `Proxy-Authenticate` headers.
    #[must_use]
    pub fn challenges(&self) -> Vec<Challenge> {
        Challenge::from_headers(&self.headers, PROXY_AUTHENTICATE)
    }

    /// Whether the proxy refused because there were no credentials in the request, or because of those that there were: with
    /// 407, or with 401, which is meant for servers but is what tinyproxy sends if they are wrong.
    #[must_use]
    pub fn is_about_credentials(&self) -> bool {
        matches!(self.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED)
    }

    /// What the status means from a proxy.
    fn meaning(&self) -> &'static str {
        match self.status.as_u16() {
            101 => ": it switches protocols, which it was not asked to",
            200..=299 => "",
            300..=399 => ": it redirects, which a proxy should not do",
            400 | 405 | 501 => ": it may not be a proxy, or does not support CONNECT",
            403 => ": its rules do not allow this host or port",
            // What tinyproxy and squid answer if they do not know the name.
            500 => ": it may not be able to reach the host",
            404 | 502..=504 => ": it cannot reach the host",
            429 => ": it wants fewer connections, try again later",
            _ => "",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy refused with {}", self.status.as_str())?;
        let reason = Some(&*self.reason).filter(|reason| !reason.is_empty()).or(self.status.canonical_reason());
        if let Some(reason) = reason {
            write!(f, " {reason}")?;
        }
        f.write_str(self.meaning())?;
        if self.is_about_credentials() {
            f.write_str(": it wants credentials")?;
            for (i, challenge) in self.challenges().iter().enumerate() {
                write!(f, "{}{challenge}", if i == 0 { " for " } else { ", " })?;
            }
        }
        Ok(())
    }
}
