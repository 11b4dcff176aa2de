//! Proxies as the program or the environment names them.

use super::proxy_rules::ProxyRules;
use crate::error::{ConfigError, ProxyUrlError, Result};
use crate::proto::auth::Credentials;
use crate::proto::handshake::{HeadLimits, Headers};
use crate::proto::proxy::{Connect, RequestError, Socks4, Socks5, Tunnel};
use crate::transport::{TlsConnector, TlsConnectorBuilder};
use crate::uri::percent;
use http::header::PROXY_AUTHORIZATION;
use std::fmt;
use url::Host;

/// A proxy through which a client connects: see [`ClientBuilder::proxy`](crate::ClientBuilder::proxy).
///
/// | scheme | the proxy is asked by | the server's name is looked up | default port |
/// | --- | --- | --- | --: |
/// | `http` | `CONNECT`, for `ws` too (RFC 9110 9.3.6) | by the proxy | 80 |
/// | `https` | the same, over TLS to the proxy | by the proxy | 443 |
/// | `socks5` | SOCKS5 (RFC 1928) | here | 1080 |
/// | `socks5h`, `socks` | SOCKS5 | by the proxy | 1080 |
/// | `socks4` | SOCKS4 | here, IPv4 only | 1080 |
/// | `socks4a` | SOCKS4a | by the proxy | 1080 |
///
/// The proxy's user and password stand in its URL, percent-encoded, or are given to [`auth`](Self::auth). With `http` and
/// `https`, they are sent as Basic authentication with the first request, and if the proxy answers with 407, by the
/// strongest of Digest with SHA-256, Digest with MD5, and Basic that it offers. With `socks5` and `socks5h` they are sent
/// in clear text if the proxy asks for them (RFC 1929). `socks4` and `socks4a` take a user alone. The server never sees
/// them, and the proxy sees nothing of what is meant for the server except its host and port; with `ws`, it can of course
/// read the traffic.
///
/// `Debug` and `Display` show neither password nor header values.
///
/// ```no_run
/// use landline::{Client, Proxy};
/// let proxy = Proxy::parse("http://user:secret@proxy.example:3128")?.header("X-Job", "7")?;
/// let client = Client::builder().proxy(proxy).build()?;
/// let mut ws = client.connect("wss://example.com/feed")?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone)]
pub struct Proxy {
    pub(super) protocol: ProxyProtocol,
    pub(super) host: Host<String>,
    pub(super) port: u16,
    pub(super) headers: Headers,
    pub(super) user: Option<(String, String)>,
    pub(super) tls: TlsConnectorBuilder,
}

/// The protocol that is spoken with a proxy, and who looks up the server's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ProxyProtocol {
    Http,
    Https,
    Socks5,
    Socks5h,
    Socks4,
    Socks4a,
}

impl ProxyProtocol {
    fn from_scheme(scheme: &str) -> Option<Self> {
        Some(match &*scheme.to_ascii_lowercase() {
            "http" => Self::Http,
            "https" => Self::Https,
            "socks5" => Self::Socks5,
            // Desktops put `socks://` into the environment for SOCKS5.
            "socks5h" | "socks" => Self::Socks5h,
            "socks4" => Self::Socks4,
            "socks4a" => Self::Socks4a,
            _ => return None,
        })
    }

    fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
            Self::Socks4 => "socks4",
            Self::Socks4a => "socks4a",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            _ => 1080,
        }
    }

    pub(super) fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// Whether the server's name is looked up here.
    pub(super) fn looks_up_here(self) -> bool {
        matches!(self, Self::Socks5 | Self::Socks4)
    }
}

impl Proxy {
    /// Parses the URL of a proxy: `scheme://[user[:password]@]host[:port]`. Without a scheme, it is `http`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) saying what is wrong with it and what to write instead, without repeating
    /// it, because it may include a password.
    pub fn parse(url: &str) -> Result<Self> {
        if let Some(forbidden) = url.chars().find(|&c| c.is_whitespace() || c.is_control()) {
            return Err(ConfigError::from(ProxyUrlError::ForbiddenCharacter(forbidden)).into());
        }
        let proxy = Self::parse_parts(url).map_err(ConfigError::from)?;
        proxy.checked()
    }

    fn parse_parts(url: &str) -> Result<Self, ProxyUrlError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let protocol = ProxyProtocol::from_scheme(scheme).ok_or(ProxyUrlError::UnsupportedScheme)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if !matches!(path, "" | "/") {
            return Err(ProxyUrlError::Path);
        }
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(parse_user(user)?), address),
            None => (None, authority),
        };
        let (host, port) = split_port(address);
        if host.is_empty() {
            return Err(ProxyUrlError::EmptyHost);
        }
        let host = Host::parse(host).map_err(|error| ProxyUrlError::InvalidHost(error.to_string()))?;
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(ProxyUrlError::InvalidPort)?,
            None => protocol.default_port(),
        };
        let tls = TlsConnector::builder();
        Ok(Self { protocol, host, port, headers: Headers::new(), user, tls })
    }

    /// Sets user and password, in place of those in the URL.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) if the protocol cannot send them: HTTP allows no control characters in
    /// either, and no colon in the user; SOCKS5 allows 1 to 255 bytes each; SOCKS4 has no password, so it has to be empty.
    pub fn auth(mut self, user: &str, password: &str) -> Result<Self> {
        self.user = Some((user.to_owned(), password.to_owned()));
        self.checked()
    }

    /// Adds a header to the `CONNECT` request, with its name sent exactly as given. Not for SOCKS, which has none.
    ///
    /// `User-Agent` replaces the library's own. `Proxy-Authorization` may be given if there are no user and password, for
    /// schemes that the library does not know; an answer of
    /// [`on_challenge`](crate::ClientBuilder::on_challenge) takes its place.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for a header that cannot be sent.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        self.headers.append(name, value)?;
        self.checked()
    }

    /// Sets the options for TLS with an `https` proxy, for which those of the server do not count. Default: what the
    /// platform trusts. They are read when a connection needs them, as with
    /// [`ClientBuilder::tls_options`](crate::ClientBuilder::tls_options).
    #[must_use]
    pub fn tls_options(mut self, options: TlsConnectorBuilder) -> Self {
        self.tls = options;
        self
    }

    /// Takes the proxies of the environment: which one depends on the URL that is connected to. Use the result as
    /// [`ClientBuilder::proxy`](crate::ClientBuilder::proxy).
    ///
    /// The first of these variables that is set and not empty counts:
    ///
    /// | for | variables |
    /// | --- | --- |
    /// | `ws` | `ws_proxy`, `WS_PROXY`, `http_proxy`, `all_proxy`, `ALL_PROXY` |
    /// | `wss` | `wss_proxy`, `WSS_PROXY`, `https_proxy`, `HTTPS_PROXY`, `all_proxy`, `ALL_PROXY` |
    ///
    /// `HTTP_PROXY` in upper case does not count, because in a CGI program whoever makes the request can set it. Each
    /// variable holds a URL as for [`parse`](Self::parse). One that cannot be used is an error of the connections that need
    /// it. `no_proxy` or `NO_PROXY` lists the hosts to connect to directly: see
    /// [`ClientBuilder::no_proxy`](crate::ClientBuilder::no_proxy).
    ///
    /// The environment is read once, in this call.
    #[must_use]
    pub fn from_env() -> ProxyRules {
        ProxyRules::from_variables(|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
    }

    /// Rejects what cannot be sent to any server.
    fn checked(self) -> Result<Self> {
        if self.user.as_ref().is_some_and(|(_, password)| !password.is_empty()) && self.speaks_socks4() {
            return Err(ConfigError::from(ProxyUrlError::Socks4Password).into());
        }
        let has_credentials = self.credentials()?.is_some();
        let authorization = has_credentials.then_some("Basic");
        let anywhere = Host::Ipv4([127, 0, 0, 1].into());
        self.request(&anywhere, 80, authorization, false, HeadLimits::default()).map_err(ConfigError::from)?;
        Ok(self)
    }

    fn speaks_socks4(&self) -> bool {
        matches!(self.protocol, ProxyProtocol::Socks4 | ProxyProtocol::Socks4a)
    }

    /// User and password for HTTP authentication.
    pub(super) fn credentials(&self) -> Result<Option<Credentials>> {
        let user = self.user.as_ref().filter(|_| self.protocol.is_http());
        let credentials = user.map(|(user, password)| Credentials::new(&**user, &**password)).transpose();
        Ok(credentials.map_err(ConfigError::from)?)
    }

    /// What asks the proxy to connect to `host` and `port`. An authorization that answers a challenge takes the place of one
    /// among the headers.
    pub(super) fn request(
        &self,
        host: &Host<String>,
        port: u16,
        authorization: Option<&str>,
        is_answer: bool,
        limits: HeadLimits,
    ) -> Result<Box<dyn Tunnel>, RequestError> {
        let user = self.user.as_ref().map(|(user, password)| (&**user, &**password));
        if self.protocol.is_http() {
            let headers = match is_answer {
                true => &self.headers.without(&[PROXY_AUTHORIZATION]),
                false => &self.headers,
            };
            return Ok(Box::new(Connect::new(host, port, headers, authorization, limits)?));
        }
        if let Some((name, _)) = self.headers.iter().next() {
            return Err(RequestError::NoHeaders(name.to_owned()));
        }
        Ok(match self.speaks_socks4() {
            true => Box::new(Socks4::new(host, port, user.map_or("", |(user, _)| user))?),
            false => Box::new(Socks5::new(host, port, user)?),
        })
    }
}

/// Writes the proxy's URL without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.protocol.scheme(), self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("url", &self.to_string())
            .field("user", &self.user.as_ref().map(|(user, _)| user))
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

fn parse_user(text: &str) -> Result<(String, String), ProxyUrlError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let decode = |text| String::from_utf8(percent::decode(text)).map_err(|_| ProxyUrlError::InvalidUser);
    Ok((decode(user)?, decode(password)?))
}

/// Splits `host[:port]`, where the host may be an IPv6 address in brackets.
pub(super) fn split_port(address: &str) -> (&str, Option<&str>) {
    match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (address, None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn urls_of_proxies() {
        for (url, shown, user) in [
            ("http://a", "http://a:80", None),
            ("HTTPS://A.example/", "https://a.example:443", None),
            ("a:3128", "http://a:3128", None),
            ("u:p@a", "http://a:80", Some(("u", "p"))),
            ("socks5://127.0.0.1", "socks5://127.0.0.1:1080", None),
            ("socks5h://u:p@[::1]:9", "socks5h://[::1]:9", Some(("u", "p"))),
            ("socks://a:80", "socks5h://a:80", None),
            ("socks4a://me@b\u{fc}cher.example:1", "socks4a://xn--bcher-kva.example:1", Some(("me", ""))),
            ("socks4://127.1", "socks4://127.0.0.1:1080", None),
            ("http://us%65r:p%40%3A%2f@a@b:1", "http://b:1", None),
            ("http://us%65r:p%40%3A%2f@b:1", "http://b:1", Some(("user", "p@:/"))),
        ] {
            let parsed = Proxy::parse(url);
            let Some(proxy) = parsed.as_ref().ok().filter(|_| !url.contains("@a@")) else {
                assert!(url.contains("@a@"), "{url}: {parsed:?}");
                continue;
            };
            assert_eq!(proxy.to_string(), shown, "{url}");
            assert_eq!(proxy.user.as_ref().map(|(user, password)| (&**user, &**password)), user, "{url}");
            assert!(
                user.is_none_or(|(_, password)| password.len() < 2 || !format!("{proxy:?}").contains(password))
            );
        }
    }

    #[test]
    fn urls_that_cannot_be_used_are_not_repeated() {
        for (url, expected) in [
            ("ftp://u:hunter2@a", "the scheme"),
            ("ws://u:hunter2@a", "the scheme"),
            ("", "no host"),
            ("http://", "no host"),
            ("http://u:hunter2@", "no host"),
            ("http://:3128", "no host"),
            ("http://a:0", "the port"),
            ("http://a:65536", "the port"),
            ("http://a:", "the port"),
            ("http://u:hunter2@a:b", "the port"),
            ("http://[::1", "the host"),
            ("http://::1", "the host"),
            ("http://1.2.3.256", "the host"),
            ("http://a/hunter2", "goes on after the port"),
            ("http://a?hunter2", "goes on after the port"),
            ("http://u:hunter2\n@a", "contains '\\n'"),
            ("http://u:%ff@a", "percent-encode"),
            ("http://u:hunter2%0d@a", "invalid password"),
            ("http://u%3a:hunter2@a", "invalid user name"),
            ("socks5://:hunter2@a", "1 to 255 bytes"),
            ("socks5://hunter2@a", "1 to 255 bytes"),
            ("socks4a://u:hunter2@a", "takes no password"),
        ] {
            let text = Proxy::parse(url).unwrap_err().to_string();
            assert!(text.contains(expected) && !text.contains("hunter2"), "{url}: {text}");
        }
    }

    #[test]
    fn headers_and_users_that_cannot_be_sent_are_refused_at_once() {
        let proxy = Proxy::parse("http://a").unwrap();
        for name in ["Host", "a b", "Connection"] {
            assert!(proxy.clone().header(name, "x").is_err(), "{name}");
        }
        let with_header = proxy.clone().header("Proxy-Authorization", "Bearer x").unwrap();
        assert!(with_header.auth("u", "p").is_err(), "there would be two of it");
        assert!(proxy.clone().auth("u", "p").unwrap().header("proxy-authorization", "x").is_err());
        assert!(proxy.auth("a:b", "p").is_err());
        let error = Proxy::parse("socks5://a").unwrap().header("X-A", "b").unwrap_err().to_string();
        assert_eq!(error, "a SOCKS proxy takes no headers: remove X-A");
        assert!(Proxy::parse("socks5://a").unwrap().auth("a:b", "\n").is_ok(), "bytes are bytes there");
    }
}
