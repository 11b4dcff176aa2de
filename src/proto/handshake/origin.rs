//! Which web pages may connect (RFC 6455 section 10.2).

use url::Url;

/// How browsers reach a server, as far as [`OriginPolicy::SameOrigin`] is concerned: the scheme of its own pages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// Without TLS: `http` and `ws`.
    Http,
    /// With TLS: `https` and `wss`.
    Https,
}

impl Scheme {
    fn of(name: &str) -> Option<Self> {
        match name {
            "http" | "ws" => Some(Self::Http),
            "https" | "wss" => Some(Self::Https),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Which web pages may connect, according to the request's `Origin` header.
///
/// Programs other than browsers usually send no such header. They are always accepted, since they could send any value.
///
/// ```
/// use landline::server::{OriginPolicy, Scheme};
///
/// let policy = OriginPolicy::List(vec!["https://example.com".to_owned()]);
/// assert!(policy.allows(Some("https://example.com"), "api.example.com", Some(Scheme::Https)));
/// assert!(!policy.allows(Some("https://elsewhere.example"), "api.example.com", Some(Scheme::Https)));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// Any page.
    #[default]
    Any,
    /// Only pages of this server itself: same host and port as in the request's `Host` header, and the same scheme if
    /// it is known.
    ///
    /// The scheme is `https` for a [`Server`](crate::Server) that does TLS itself, and otherwise what
    /// [`public_scheme`](super::ServerPolicy::public_scheme) says. Without that it is not known, because a proxy in
    /// front of the server may do TLS; then pages of both schemes may connect. A port that is not given is the default
    /// of the page's scheme.
    ///
    /// A proxy has to pass on the client's `Host` header, including the port (nginx:
    /// `proxy_set_header Host $http_host`; HAProxy does so by default).
    SameOrigin,
    /// Only pages of these origins, each written as `https://host` or `https://host:port`.
    List(Vec<String>),
}

impl OriginPolicy {
    /// Whether a request with this `Origin` and `Host` is allowed. `scheme` is that by which the server is reached, if
    /// it is known.
    #[must_use]
    pub fn allows(&self, origin: Option<&str>, host: &str, scheme: Option<Scheme>) -> bool {
        let Some(origin) = origin else { return true };
        match self {
            Self::Any => true,
            Self::SameOrigin => is_same(origin, host, scheme),
            Self::List(allowed) => {
                parse(origin).is_some_and(|origin| allowed.iter().any(|one| parse(one).as_ref() == Some(&origin)))
            }
        }
    }

    /// An entry of the list that cannot be the origin of a page.
    pub(super) fn impossible(&self) -> Option<&str> {
        let Self::List(allowed) = self else { return None };
        allowed.iter().map(String::as_str).find(|origin| parse(origin).is_none())
    }
}

fn is_same(origin: &str, host: &str, known: Option<Scheme>) -> bool {
    let Some((scheme, page_host, page_port)) = parse(origin) else { return false };
    let Some(scheme) = Scheme::of(&scheme).filter(|scheme| known.is_none_or(|known| known == *scheme)) else {
        return false;
    };
    parse(&format!("{}://{host}", scheme.name()))
        .is_some_and(|(_, host, port)| (host, port) == (page_host, page_port))
}

/// Scheme, host and port; `None` if there is anything else, or for `null`.
fn parse(origin: &str) -> Option<(String, String, u16)> {
    let url = Url::parse(origin).ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !bare {
        return None;
    }
    // A dot at the end, for the root of the DNS, does not change the name.
    let host = url.host_str()?;
    let host = host.strip_suffix('.').unwrap_or(host);
    Some((url.scheme().to_owned(), host.to_owned(), url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_24_same_origin_compares_host_and_port_and_the_scheme_if_it_is_known() {
        let same = OriginPolicy::SameOrigin;
        // Origin, Host; whether it is allowed if the scheme is unknown, http, https.
        for (origin, host, allowed) in [
            ("http://example.com", "example.com", [true, true, false]),
            ("http://example.com:80", "example.com", [true, true, false]),
            ("http://EXAMPLE.com", "example.com:80", [true, true, false]),
            ("ws://example.com", "example.com", [true, true, false]),
            ("https://example.com", "example.com", [true, false, true]),
            ("https://example.com", "example.com:443", [true, false, true]),
            ("https://example.com:443", "Example.com", [true, false, true]),
            ("https://example.com", "example.com.", [true, false, true]),
            ("https://example.com.", "example.com", [true, false, true]),
            ("https://example.com.", "example.com.:443", [true, false, true]),
            ("https://example.com", "example.com..", [false; 3]),
            ("wss://example.com", "example.com", [true, false, true]),
            ("https://example.com:8443", "example.com:8443", [true, false, true]),
            ("http://[::1]:9001", "[::1]:9001", [true, true, false]),
            ("https://[::1]", "[0:0::1]:443", [true, false, true]),
            // The default port is that of the page's scheme.
            ("https://example.com", "example.com:80", [false; 3]),
            ("http://example.com", "example.com:443", [false; 3]),
            ("https://example.com:8443", "example.com", [false; 3]),
            ("http://example.com:8080", "example.com", [false; 3]),
            ("https://example.com:80", "example.com:443", [false; 3]),
            ("http://evil.example", "example.com", [false; 3]),
            ("http://example.com.evil.example", "example.com", [false; 3]),
            ("https://example.com/", "example.com.evil.example", [false; 3]),
            ("https://user@example.com", "example.com", [false; 3]),
            ("https://example.com/path", "example.com", [false; 3]),
            ("ftp://example.com", "example.com", [false; 3]),
            ("null", "example.com", [false; 3]),
            ("", "example.com", [false; 3]),
        ] {
            let found = [None, Some(Scheme::Http), Some(Scheme::Https)]
                .map(|scheme| same.allows(Some(origin), host, scheme));
            assert_eq!(found, allowed, "{origin} to {host}");
        }
        assert!(same.allows(None, "example.com", None));
    }

    #[test]
    fn item_24_a_list_allows_only_the_origins_in_it() {
        let list = OriginPolicy::List(vec!["https://app.example.com".into(), "http://localhost:3000".into()]);
        assert!(list.allows(Some("https://app.example.com:443"), "api.example.com", Some(Scheme::Https)));
        assert!(list.allows(Some("http://localhost:3000"), "127.0.0.1:9001", None));
        assert!(list.allows(Some("https://app.example.com."), "api.example.com", Some(Scheme::Https)));
        assert!(!list.allows(Some("http://localhost:3001"), "127.0.0.1:9001", None));
        assert!(!list.allows(Some("null"), "127.0.0.1:9001", None));
    }

    #[test]
    fn invalid_origins_in_a_list_are_found() {
        for origin in
            ["nonsense", "example.com", "example.com:80", "https://a.b/c", "https://a.b?c", "null", "", "*"]
        {
            let list = OriginPolicy::List(vec!["https://example.com".into(), origin.into()]);
            assert_eq!(list.impossible(), Some(origin));
        }
        for origin in ["https://a.b", "https://a.b/", "http://localhost:3000", "http://[::1]:80", "https://a.b."] {
            assert_eq!(OriginPolicy::List(vec![origin.into()]).impossible(), None);
        }
        assert_eq!(OriginPolicy::SameOrigin.impossible(), None);
    }
}
