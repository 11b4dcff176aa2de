//! Addresses to listen on, as C writes them: "ADDRESS:PORT", ":PORT", "unix:PATH" and "ws+unix:PATH".
//!
//! Text that cannot be an address is refused here, before the system tries to look it up as a host name.

use crate::failure::Outcome;
use landline::error::ConfigError;
use landline::server::ServerBuilder;
use landline::{Error, Listener, Server};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

const FORM: &str =
    "give an address and a port, such as 127.0.0.1:9001, [::1]:9001, localhost:9001, or :9001 for every address";

pub(crate) enum Address<'a> {
    Unix(&'a str),
    /// Every address of this machine: IPv6, which includes IPv4, or only IPv4 if there is no IPv6.
    Every([SocketAddr; 2]),
    /// An address, a name to be looked up, or a Unix socket as in URLs.
    Tcp(&'a str),
}

impl<'a> Address<'a> {
    pub(crate) fn parse(text: &'a str) -> Outcome<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path));
        }
        if text.starts_with("ws+unix:") {
            return Ok(Self::Tcp(text));
        }
        let port = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        // The library reports what is wrong with the port.
        let Some((host, port)) = port else { return Ok(Self::Tcp(text)) };
        if host.is_empty() {
            return Ok(Self::Every([(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()]));
        }
        let complaint = if text.parse::<SocketAddr>().is_ok() {
            None
        } else if host.contains(['[', ']']) {
            Some("there is no IPv6 address in brackets")
        } else if !is_numeric(host) && host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            Some("this is no IPv4 address")
        } else if host
            .bytes()
            .any(|byte| byte.is_ascii() && !(byte.is_ascii_alphanumeric() || b"-_.:%".contains(&byte)))
        {
            Some("no host can have this name")
        } else {
            None
        };
        match complaint {
            None => Ok(Self::Tcp(text)),
            Some(complaint) => {
                let source = io::Error::new(io::ErrorKind::InvalidInput, complaint);
                let error = ConfigError::Address { address: format!("{text:?}"), advice: FORM, source };
                Err(Error::from(error).into())
            }
        }
    }

    pub(crate) fn listen(&self, builder: ServerBuilder) -> landline::Result<Listener> {
        match self {
            Self::Unix(path) => builder.listen_unix(path),
            Self::Every(addresses) => builder.listen(&addresses[..]),
            Self::Tcp(address) => builder.listen(address),
        }
    }

    pub(crate) fn bind(&self, builder: ServerBuilder) -> landline::Result<Server> {
        match self {
            Self::Unix(path) => builder.bind_unix(path),
            Self::Every(addresses) => builder.bind(&addresses[..]),
            Self::Tcp(address) => builder.bind(address),
        }
    }
}

/// Whether digits and dots are an IPv4 address, in any of the forms of inet_aton(3): 127.1 is one.
fn is_numeric(host: &str) -> bool {
    let parts: Vec<_> = host.split('.').map(str::parse::<u64>).collect();
    let Some((Ok(last), others)) = parts.split_last() else { return false };
    others.len() < 4
        && others.iter().all(|part| part.as_ref().is_ok_and(|part| *part < 256))
        && *last < 256_u64.pow(4 - u32::try_from(others.len()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_an_address_is_refused_before_it_is_looked_up() {
        for text in [
            "256.1.1.1:1",
            "1.2.3.4.5:1",
            "1..2:1",
            "[::1:5",
            "::1]:5",
            "[x]:5",
            "[127.0.0.1]:5",
            "a b:1",
            "http://a:1",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
        for text in [
            "127.0.0.1:0",
            "127.1:0",
            "2130706433:0",
            "[::1]:5",
            "::1:5",
            "localhost:1",
            "a-b_c.example.:1",
            "no port",
            "a:x",
        ] {
            assert!(matches!(Address::parse(text), Ok(Address::Tcp(found)) if found == text), "{text}");
        }
        assert!(matches!(Address::parse(":7"), Ok(Address::Every([one, _])) if one.port() == 7));
        assert!(matches!(Address::parse("unix:"), Ok(Address::Unix(""))));
    }
}
