//! WebSocket URLs: where to connect and what to ask for (RFC 6455 section 3).
//!
//! In scope: `ws` and `wss` URLs as defined by the WHATWG, except that input which its parser would repair silently is
//! rejected where a mistake or an attack is more likely than intent; and beyond that, IPv6 zones (RFC 6874) and `ws+unix`
//! URLs for Unix sockets. Out of scope: name look-up, proxies.

pub(crate) mod percent;
mod redirect;

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::{Host, ParseError, Url};

/// The parts of a WebSocket URL.
///
/// `Display` writes the URL without user and password; `Debug` omits the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    tls: bool,
    host: Host<String>,
    zone: Option<String>,
    port: u16,
    target: String,
    user: Option<(String, String)>,
    unix: Option<PathBuf>,
}

impl Endpoint {
    /// Parses a URL that begins with `ws://`, `wss://`, `ws+unix:` or `wss+unix:`.
    ///
    /// The host may be a name (international ones are converted to punycode), an IPv4 address, or an IPv6 address in
    /// brackets. The default port is 80 for `ws` and 443 for `wss`. Path and query are percent-encoded where necessary,
    /// and `.` and `..` are resolved, as browsers do.
    ///
    /// A link-local IPv6 address may have a zone, the name or number of a network interface, after `%25` (RFC 6874).
    ///
    /// A URL for a Unix socket has the path of the socket, percent-encoded where necessary, then a colon and the path and
    /// query of the request, by default `/`.
    ///
    /// ```
    /// # use landline::uri::Endpoint;
    /// let endpoint = Endpoint::parse("ws://[fe80::1%25eth0]:9001/feed")?;
    /// assert_eq!((endpoint.zone(), &*endpoint.authority()), (Some("eth0"), "[fe80::1]:9001"));
    /// let endpoint = Endpoint::parse("ws+unix:/run/feed.sock:/feed?from=7")?;
    /// assert_eq!(endpoint.unix_path(), Some("/run/feed.sock".as_ref()));
    /// assert_eq!((endpoint.target(), &*endpoint.authority()), ("/feed?from=7", "localhost"));
    /// # Ok::<(), landline::error::UrlError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`UrlError`] says what is wrong and what to write instead. It does not contain the URL, which may include a
    /// password.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        // The WHATWG parser removes tabs and line breaks anywhere and white space at both ends, and treats `\` as `/`.
        if let Some(forbidden) = url.chars().find(|&c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(UrlError::ForbiddenCharacter(forbidden));
        }
        let (scheme, rest) = url.split_once(':').ok_or(UrlError::MissingScheme)?;
        let scheme = scheme.to_ascii_lowercase();
        let is_unix = matches!(&*scheme, "ws+unix" | "wss+unix");
        if !is_unix && !rest.starts_with("//") {
            return Err(UrlError::MissingScheme);
        }
        let tls = match &*scheme {
            "ws" | "ws+unix" => false,
            "wss" | "wss+unix" => true,
            "http" => {
                return Err(UrlError::HttpScheme { given: "http", instead: "ws" });
            }
            "https" => {
                return Err(UrlError::HttpScheme { given: "https", instead: "wss" });
            }
            _ => return Err(UrlError::UnsupportedScheme),
        };
        if url.contains('#') {
            return Err(UrlError::Fragment);
        }
        if is_unix { Self::parse_unix(tls, rest) } else { Self::parse_inet(tls, &scheme, &rest[2..]) }
    }

    fn parse_inet(tls: bool, scheme: &str, rest: &str) -> Result<Self, UrlError> {
        // The WHATWG parser would skip further slashes and treat the path as the host.
        if rest.starts_with('/') {
            return Err(UrlError::EmptyHost);
        }
        let (rest, zone) = without_zone(rest)?;
        let url = Url::parse(&format!("{scheme}://{rest}"))?;
        let host = url.host().ok_or(UrlError::EmptyHost)?.to_owned();
        let port = url.port_or_known_default().filter(|&port| port != 0).ok_or(UrlError::InvalidPort)?;
        Ok(Self { tls, host, zone, port, target: target(&url), user: user(&url)?, unix: None })
    }

    fn parse_unix(tls: bool, rest: &str) -> Result<Self, UrlError> {
        // An authority, which has to be empty, may stand in front.
        let rest = match rest.strip_prefix("//") {
            Some(path) if path.starts_with('/') => path,
            Some(_) => return Err(UrlError::InvalidSocketPath("it begins with one slash or three")),
            None => rest,
        };
        let (path, request) = rest.split_at(rest.find([':', '?']).unwrap_or(rest.len()));
        let path = percent::decode(path);
        if path.is_empty() || path.contains(&0) {
            return Err(UrlError::InvalidSocketPath("it is empty or has a zero byte"));
        }
        let request = request.strip_prefix(':').unwrap_or(request);
        if !request.is_empty() && !request.starts_with(['/', '?']) {
            let advice = "after a colon comes the path of the request, which begins with a slash";
            return Err(UrlError::InvalidSocketPath(advice));
        }
        let host = Host::Domain("localhost".to_owned());
        let target = target(&Url::parse(&format!("ws://localhost{request}"))?);
        let unix = Some(PathBuf::from(OsString::from_vec(path)));
        Ok(Self { tls, host, zone: None, port: if tls { 443 } else { 80 }, target, user: None, unix })
    }

    /// Whether the scheme is `wss` or `wss+unix`.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host to connect to; `localhost` for a Unix socket.
    #[must_use]
    pub fn host(&self) -> &Host<String> {
        &self.host
    }

    /// The zone of an IPv6 address, percent-decoded: the name or number of a network interface of this machine. It is in
    /// neither the `Host` header nor the server's name (RFC 6874 section 1).
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// The path of the Unix socket to connect to, percent-decoded, if the URL is for one.
    #[must_use]
    pub fn unix_path(&self) -> Option<&Path> {
        self.unix.as_deref()
    }

    /// The port to connect to, 1 to 65535.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, percent-encoded: the resource name of RFC 6455 section 3.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// User and password, percent-decoded; the password is empty if there is none.
    #[must_use]
    pub fn user(&self) -> Option<(&str, &str)> {
        self.user.as_ref().map(|(user, password)| (&**user, &**password))
    }

    /// The value of the `Host` header: the host, with brackets around an IPv6 address, and the port unless it is the
    /// scheme's default.
    #[must_use]
    pub fn authority(&self) -> String {
        let default = if self.tls { 443 } else { 80 };
        match self.port {
            port if port == default => self.host.to_string(),
            port => format!("{}:{port}", self.host),
        }
    }

    /// The name that the server's certificate must be valid for: the host without brackets around an IPv6 address and
    /// without a dot at the end.
    #[must_use]
    pub fn server_name(&self) -> String {
        server_name(&self.host)
    }
}

impl FromStr for Endpoint {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        Self::parse(url)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "wss" } else { "ws" };
        match (&self.unix, &self.zone) {
            (Some(path), _) => {
                write!(f, "{scheme}+unix:{}:{}", percent::encode(path.as_os_str().as_bytes()), self.target)
            }
            (None, None) => write!(f, "{scheme}://{}{}", self.authority(), self.target),
            (None, Some(zone)) => {
                let zone = percent::encode(zone.as_bytes()).replace('/', "%2F");
                let authority = self.authority().replacen(']', &format!("%25{zone}]"), 1);
                write!(f, "{scheme}://{authority}{}", self.target)
            }
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("url", &self.to_string())
            .field("user", &self.user.as_ref().map(|(user, _)| user))
            .finish()
    }
}

/// The name that the certificate of a host must be valid for.
pub(crate) fn server_name(host: &Host<String>) -> String {
    match host {
        Host::Domain(name) => name.strip_suffix('.').unwrap_or(name).to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    }
}

/// Returns the URL's user and password, if it has either.
fn user(url: &Url) -> Result<Option<(String, String)>, UrlError> {
    let password = url.password();
    if url.username().is_empty() && password.is_none() {
        return Ok(None);
    }
    let decode = |text| String::from_utf8(percent::decode(text)).map_err(|_| UrlError::InvalidUser);
    Ok(Some((decode(url.username())?, decode(password.unwrap_or_default())?)))
}

/// Path and query.
fn target(url: &Url) -> String {
    match url.query().filter(|query| !query.is_empty()) {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// Takes the zone out of the part of a URL after the scheme, whose host may be an IPv6 address in brackets.
fn without_zone(rest: &str) -> Result<(String, Option<String>), UrlError> {
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let start = authority.rfind('@').map_or(0, |at| at + 1);
    let host = &authority[start..];
    let Some((address, zone)) = host.find(']').and_then(|end| host[..end].split_once('%')) else {
        return Ok((rest.to_owned(), None));
    };
    let encoded = zone.strip_prefix("25").filter(|zone| !zone.is_empty()).ok_or(UrlError::InvalidZone)?;
    let zone = String::from_utf8(percent::decode(encoded)).map_err(|_| UrlError::InvalidZone)?;
    if zone.contains('\0') {
        return Err(UrlError::InvalidZone);
    }
    let behind = &host[address.len() + 3 + encoded.len()..];
    Ok((format!("{}{address}{behind}{path}", &authority[..start]), Some(zone)))
}

/// Why a URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// White space, a control character or a backslash anywhere in the URL.
    #[error("the URL contains {0:?}: remove it or percent-encode it")]
    ForbiddenCharacter(char),
    /// No `://`.
    #[error("the URL has no scheme: begin it with ws:// or wss://")]
    MissingScheme,
    /// `http` or `https`.
    #[error("the URL begins with {given}://: write {instead}:// for a WebSocket")]
    HttpScheme {
        /// The scheme in the URL, in lower case.
        given: &'static str,
        /// The scheme that was probably meant.
        instead: &'static str,
    },
    /// A scheme other than `ws`, `wss`, `ws+unix`, `wss+unix`, `http` and `https`.
    #[error("the URL's scheme is not supported: use ws://, wss:// or ws+unix:")]
    UnsupportedScheme,
    /// A `#` (RFC 6455 section 3).
    #[error("the URL has a fragment, which is not allowed in WebSocket URLs: remove it, or write # as %23")]
    Fragment,
    /// No host after the scheme.
    #[error("the URL has no host: write it after ws:// or wss://, with brackets around an IPv6 address")]
    EmptyHost,
    /// A host that is not a valid name or address.
    #[error("the URL's host is not valid: {0}")]
    InvalidHost(String),
    /// An IPv6 zone that does not have the form of RFC 6874.
    #[error("the URL's IPv6 zone is not valid: write it as in [fe80::1%25eth0]")]
    InvalidZone,
    /// The path of a Unix socket, or what follows it, does not have the form of [`Endpoint::parse`].
    #[error("the URL's socket path is not valid: {0}, as in ws+unix:/run/feed.sock:/request")]
    InvalidSocketPath(&'static str),
    /// A port that is not a number from 1 to 65535.
    #[error("the URL's port is not valid: use 1 to 65535")]
    InvalidPort,
    /// A user or password that is not UTF-8 after percent-decoding.
    #[error("the URL's user or password is not valid: percent-encode it as UTF-8")]
    InvalidUser,
}

impl From<ParseError> for UrlError {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::EmptyHost => Self::EmptyHost,
            ParseError::InvalidPort => Self::InvalidPort,
            error => Self::InvalidHost(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
