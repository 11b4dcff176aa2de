//! Which web pages may connect (RFC 6455 section 10.2).

use url::Url;

/// Which pages a browser may connect from, by the request's `Origin` header.
///
/// Programs other than browsers usually send no such header; they always pass, since they could send any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// Any page.
    #[default]
    Any,
    /// Only pages of this server itself: same scheme, host and port as in the request.
    SameOrigin,
    /// Only pages of these origins, each written as `https://host` or `https://host:port`.
    List(Vec<String>),
}

impl OriginPolicy {
    /// Whether a request with this `Origin` to this `Host` is allowed.
    #[must_use]
    pub fn allows(&self, origin: Option<&str>, host: &str, tls: bool) -> bool {
        let Some(origin) = origin else { return true };
        match self {
            Self::Any => true,
            Self::SameOrigin => {
                let scheme = if tls { "https" } else { "http" };
                parse(origin).is_some_and(|origin| parse(&format!("{scheme}://{host}")) == Some(origin))
            }
            Self::List(allowed) => {
                parse(origin).is_some_and(|origin| allowed.iter().any(|one| parse(one).as_ref() == Some(&origin)))
            }
        }
    }
}

/// Scheme, host and port; nothing if there is anything else, as in `null`.
fn parse(origin: &str) -> Option<(String, String, u16)> {
    let url = Url::parse(origin).ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !bare {
        return None;
    }
    Some((url.scheme().to_owned(), url.host_str()?.to_owned(), url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_24_same_origin_compares_scheme_host_and_port() {
        let same = OriginPolicy::SameOrigin;
        for (origin, host, tls, allowed) in [
            ("http://example.com", "example.com", false, true),
            ("http://example.com:80", "example.com", false, true),
            ("http://EXAMPLE.com", "example.com:80", false, true),
            ("https://example.com", "example.com", false, false),
            ("https://example.com", "example.com:443", true, true),
            ("http://example.com:8080", "example.com", false, false),
            ("http://evil.example", "example.com", false, false),
            ("http://example.com.evil.example", "example.com", false, false),
            ("null", "example.com", false, false),
            ("http://[::1]:9001", "[::1]:9001", false, true),
        ] {
            assert_eq!(same.allows(Some(origin), host, tls), allowed, "{origin} to {host}, tls {tls}");
        }
        assert!(same.allows(None, "example.com", false));
    }

    #[test]
    fn item_24_a_list_allows_what_it_names() {
        let list = OriginPolicy::List(vec!["https://app.example.com".into(), "http://localhost:3000".into()]);
        assert!(list.allows(Some("https://app.example.com:443"), "api.example.com", true));
        assert!(list.allows(Some("http://localhost:3000"), "127.0.0.1:9001", false));
        assert!(!list.allows(Some("http://localhost:3001"), "127.0.0.1:9001", false));
        assert!(!list.allows(Some("null"), "127.0.0.1:9001", false));
    }
}
