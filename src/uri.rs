//! WebSocket URLs: where to connect and what to ask for (RFC 6455 section 3).
//!
//! In scope: `ws` and `wss` URLs as defined by the WHATWG, except that input which its parser would repair silently is
//! rejected where a mistake or an attack is more likely than intent. Out of scope: name look-up, proxies.

use std::fmt;
use std::str::FromStr;

use url::{Host, ParseError, Url};

/// The parts of a WebSocket URL.
///
/// `Display` writes the URL without user and password; `Debug` omits the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    tls: bool,
    host: Host<String>,
    port: u16,
    target: String,
    user: Option<(String, String)>,
}

impl Endpoint {
    /// Parses a `ws://` or `wss://` URL.
    ///
    /// The host may be a name (international ones are converted to punycode), an IPv4 address, or an IPv6 address in
    /// brackets. The default port is 80 for `ws` and 443 for `wss`. Path and query are percent-encoded where necessary,
    /// and `.` and `..` are resolved, as browsers do.
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
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::MissingScheme)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
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
        // The WHATWG parser would skip further slashes and treat the path as the host.
        if rest.starts_with('/') {
            return Err(UrlError::EmptyHost);
        }
        let url = Url::parse(url)?;
        let host = url.host().ok_or(UrlError::EmptyHost)?.to_owned();
        let port = url.port_or_known_default().filter(|&port| port != 0);
        let query = url.query().filter(|query| !query.is_empty());
        Ok(Self {
            tls,
            host,
            port: port.ok_or(UrlError::InvalidPort)?,
            target: match query {
                Some(query) => format!("{}?{query}", url.path()),
                None => url.path().to_owned(),
            },
            user: user(&url)?,
        })
    }

    /// Whether the scheme is `wss`.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host to connect to.
    #[must_use]
    pub fn host(&self) -> &Host<String> {
        &self.host
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
        match &self.host {
            Host::Domain(name) => name.strip_suffix('.').unwrap_or(name).to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
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
        write!(f, "{scheme}://{}{}", self.authority(), self.target)
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

/// Returns the URL's user and password, if it has either.
fn user(url: &Url) -> Result<Option<(String, String)>, UrlError> {
    let password = url.password();
    if url.username().is_empty() && password.is_none() {
        return Ok(None);
    }
    let user = percent_decode(url.username())?;
    Ok(Some((user, percent_decode(password.unwrap_or_default())?)))
}

/// Decodes percent-encoding. A percent sign that is not followed by two hexadecimal digits is kept as it is.
fn percent_decode(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, after @ ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let value = digit(*high).zip(digit(*low)).map(|(high, low)| high * 16 + low);
                value.and_then(|value| u8::try_from(value).ok()).map(|byte| (byte, after))
            }
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((*byte, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| UrlError::InvalidUser)
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
    /// A scheme other than `ws`, `wss`, `http` and `https`.
    #[error("the URL's scheme is not supported: use ws:// or wss://")]
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
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    /// Columns: URL, authority, server name, port, target.
    #[test]
    fn rfc_3_good_urls() {
        for (url, authority, server_name, port, target) in [
            ("ws://example.com", "example.com", "example.com", 80, "/"),
            ("wss://example.com", "example.com", "example.com", 443, "/"),
            ("WSS://Example.COM:443/A", "example.com", "example.com", 443, "/A"),
            ("ws://example.com:443/", "example.com:443", "example.com", 443, "/"),
            ("wss://example.com:80/", "example.com:80", "example.com", 80, "/"),
            ("ws://example.com:/a", "example.com", "example.com", 80, "/a"),
            ("ws://a:65535/a/b?c=d&e", "a:65535", "a", 65535, "/a/b?c=d&e"),
            ("ws://a?b", "a", "a", 80, "/?b"),
            ("ws://a/?", "a", "a", 80, "/"),
            ("ws://a/b?c?d", "a", "a", 80, "/b?c?d"),
            ("ws://a/%23%20%zz", "a", "a", 80, "/%23%20%zz"),
            ("ws://a/caf\u{e9}?\u{e9}", "a", "a", 80, "/caf%C3%A9?%C3%A9"),
            ("ws://a/b/../c/./d", "a", "a", 80, "/c/d"),
            ("ws://a//b", "a", "a", 80, "//b"),
            ("ws://a/http://b", "a", "a", 80, "/http://b"),
            ("ws://127.0.0.1:9001/", "127.0.0.1:9001", "127.0.0.1", 9001, "/"),
            ("ws://[::1]/", "[::1]", "::1", 80, "/"),
            ("wss://[2001:DB8::0:1]:8443/a", "[2001:db8::1]:8443", "2001:db8::1", 8443, "/a"),
            ("ws://b\u{fc}cher.example/", "xn--bcher-kva.example", "xn--bcher-kva.example", 80, "/"),
            ("wss://example.com./", "example.com.", "example.com", 443, "/"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(endpoint.authority(), authority, "{url}");
            assert_eq!(endpoint.server_name(), server_name, "{url}");
            assert_eq!((endpoint.port(), endpoint.target()), (port, target), "{url}");
            assert_eq!(endpoint.is_tls(), url.to_lowercase().starts_with("wss"), "{url}");
            assert_eq!(endpoint.user(), None, "{url}");
            // The displayed URL parses to the same endpoint.
            assert_eq!(endpoint.to_string().parse(), Ok(endpoint), "{url}");
        }
    }

    #[test]
    fn rfc_3_bad_urls() {
        let http = UrlError::HttpScheme { given: "http", instead: "ws" };
        let https = UrlError::HttpScheme { given: "https", instead: "wss" };
        for (url, expected) in [
            ("", UrlError::MissingScheme),
            ("example.com", UrlError::MissingScheme),
            ("localhost:8080/", UrlError::MissingScheme),
            ("//example.com/", UrlError::MissingScheme),
            ("ws:example.com", UrlError::MissingScheme),
            ("ws:/example.com", UrlError::MissingScheme),
            ("http://a", http.clone()),
            ("HTTP://a", http),
            ("https://a", https),
            ("ftp://a", UrlError::UnsupportedScheme),
            ("://a", UrlError::UnsupportedScheme),
            ("wsss://a", UrlError::UnsupportedScheme),
            ("unix://a", UrlError::UnsupportedScheme),
            ("ws://a#", UrlError::Fragment),
            ("ws://a/b?c#d", UrlError::Fragment),
            ("ws://", UrlError::EmptyHost),
            ("ws:///", UrlError::EmptyHost),
            ("ws:///a", UrlError::EmptyHost),
            ("ws:////a", UrlError::EmptyHost),
            ("ws://?a", UrlError::EmptyHost),
            ("ws://:80/", UrlError::EmptyHost),
            ("ws://u@/", UrlError::EmptyHost),
            ("ws://u:p@:80/", UrlError::EmptyHost),
            ("ws://a:0/", UrlError::InvalidPort),
            ("ws://a:65536/", UrlError::InvalidPort),
            ("ws://a:b/", UrlError::InvalidPort),
            ("ws://a:-1/", UrlError::InvalidPort),
            ("ws://::1/", UrlError::EmptyHost),
            ("ws://%ff@a/", UrlError::InvalidUser),
            ("ws://u:%ff@a/", UrlError::InvalidUser),
        ] {
            assert_eq!(Endpoint::parse(url).unwrap_err(), expected, "{url:?}");
        }
        for url in ["ws://[::1/", "ws://[a]/", "ws://a%20b/", "ws://a<b/", "ws://1.2.3.256/", "ws://[fe80::1%25e]/"]
        {
            let error = Endpoint::parse(url).unwrap_err();
            assert!(matches!(error, UrlError::InvalidHost(_)), "{url}: {error}");
        }
    }

    /// Input that the WHATWG parser would remove or repair.
    #[test]
    fn item_6_nothing_is_dropped_silently() {
        for forbidden in [' ', '\t', '\r', '\n', '\0', '\x1f', '\x7f', '\u{85}', '\u{a0}', '\u{2028}', '\\'] {
            for url in ["*ws://a/", "w*s://a/", "ws:/*/a/", "ws://a*b/", "ws://u*@a/", "ws://a/b*", "ws://a/?b*"] {
                let url = url.replace('*', &forbidden.to_string());
                assert_eq!(Endpoint::parse(&url), Err(UrlError::ForbiddenCharacter(forbidden)));
            }
        }
        // The target is sent as it is.
        for text in ["\"<>`{}|^[]'", "\u{fffd}\u{1f600}", "%0d%0a", "%00"] {
            let endpoint = Endpoint::parse(&format!("ws://a/{text}?{text}")).unwrap();
            assert!(endpoint.target().bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
        }
    }

    #[test]
    fn item_6_user_and_password_are_decoded_and_not_shown() {
        for (url, user) in [
            ("ws://a@b/", ("a", "")),
            ("ws://a:@b/", ("a", "")),
            ("ws://:c@b/", ("", "c")),
            ("ws://a:b:c@d/", ("a", "b:c")),
            ("ws://a:b@c@d/", ("a", "b@c")),
            ("ws://us%65r%3a:p%40%2F%25%C3%A9%@d/", ("user:", "p@/%\u{e9}%")),
            ("ws://a:100%zz%4@d/", ("a", "100%zz%4")),
            ("ws://\u{e9}@d/", ("\u{e9}", "")),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(endpoint.user(), Some(user), "{url}");
            assert!(!endpoint.authority().contains('@'));
            assert!(!endpoint.to_string().contains('@'));
            assert!(user.1.is_empty() || !format!("{endpoint:?}").contains(user.1), "{endpoint:?}");
        }
        assert_eq!(Endpoint::parse("ws://@b/").unwrap().user(), None);
    }

    #[test]
    fn messages_say_what_to_write_and_reveal_no_secret() {
        for (url, expected) in [
            ("https://u:hunter2@a", "wss://"),
            ("u:hunter2@a", "ws://"),
            ("x-hunter2://a", "ws://"),
            ("ws://u:hunter2@a#", "%23"),
            ("ws://u:hunter2@a:0", "65535"),
            ("ws://u:hunter2@[x]", "IPv6"),
        ] {
            let text = Endpoint::parse(url).unwrap_err().to_string();
            assert!(text.contains(expected) && !text.contains("hunter2"), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_causes_a_panic(url in "(wss?://)?[a@:/?#%.\\[\\]0-9\\PC]{0,20}") {
            if let Ok(endpoint) = Endpoint::parse(&url) {
                proptest::prop_assert!(endpoint.port() > 0 && endpoint.target().starts_with('/'));
                proptest::prop_assert!(endpoint.target().bytes().all(|b| b.is_ascii_graphic()));
            }
        }
    }
}
