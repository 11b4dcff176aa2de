//! Values of options: from text to what they mean.

use landline::transport::{TlsBackend, TlsVersion};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

pub(crate) fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as 'Name: value'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub(crate) fn credentials(text: &str) -> Result<(String, String), &'static str> {
    let (name, password) = text.split_once(':').ok_or("write it as NAME:PASS")?;
    if text.contains(char::is_control) {
        return Err("control characters cannot be sent");
    }
    Ok((name.to_owned(), password.to_owned()))
}

/// Without a port, it is 0.
pub(crate) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .or_else(|_| ip(text).map(|address| SocketAddr::new(address, 0)))
        .map_err(|_| "write it as 192.0.2.1, 192.0.2.1:443 or [2001:db8::1]:443")
}

/// An IP address, in brackets or without.
pub(crate) fn ip(text: &str) -> Result<IpAddr, std::net::AddrParseError> {
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).parse()
}

pub(crate) fn seconds(text: &str) -> Result<Duration, &'static str> {
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e9 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("give seconds, more than 0; fractions are allowed"),
    }
}

pub(crate) fn tls_version(text: &str) -> Result<TlsVersion, String> {
    match text {
        "1.2" => Ok(TlsVersion::V1_2),
        "1.3" => Ok(TlsVersion::V1_3),
        _ => Err("give 1.2 or 1.3".to_owned()),
    }
}

pub(crate) fn tls_backend(text: &str) -> Result<TlsBackend, String> {
    match text {
        "native-tls" => Ok(TlsBackend::NativeTls),
        "rustls" => Ok(TlsBackend::Rustls),
        _ => Err("give native-tls or rustls".to_owned()),
    }
}

/// Pins, which curl separates by semicolons.
#[derive(Clone)]
pub(crate) struct Pins(pub(crate) Vec<String>);

impl FromStr for Pins {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.split(';').map(str::to_owned).collect()))
    }
}

/// The addresses of a host and port.
#[derive(Clone)]
pub(crate) struct Resolve {
    /// In lower case; `None` for any.
    host: Option<String>,
    port: u16,
    pub(crate) addresses: Vec<IpAddr>,
}

impl Resolve {
    pub(crate) fn is_for(&self, host: &str, port: u16) -> bool {
        port == self.port && self.host.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(host))
    }
}

impl FromStr for Resolve {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            // As curl allows it, and ignored: addresses are not kept anyway.
            let text = text.strip_prefix('+').unwrap_or(text);
            let (host, rest) = text.split_once(':')?;
            let (port, addresses) = rest.split_once(':')?;
            let host = (host != "*").then(|| host.to_owned());
            let addresses = addresses.split(',').map(|text| ip(text.trim()).ok()).collect::<Option<_>>()?;
            Some(Self { host, port: port.parse().ok()?, addresses })
        };
        parse().ok_or("write it as HOST:PORT:ADDRESS, with more addresses behind commas")
    }
}
