//! Where a redirect leads: a `Location` (RFC 9110 10.2.2), resolved against the URL that was asked for.

use super::{Endpoint, UrlError};
use url::Url;

impl Endpoint {
    /// The endpoint that a `Location` of this one's server names. It may be relative. `http` and `https` stand for `ws`
    /// and `wss`; a fragment is left out, and so is everything that only this URL has, such as its user and password.
    ///
    /// ```
    /// use landline::uri::Endpoint;
    /// let endpoint = Endpoint::parse("wss://example.com/v1/feed?from=7")?;
    /// assert_eq!(endpoint.redirect("../v2/feed")?.to_string(), "wss://example.com/v2/feed");
    /// assert_eq!(endpoint.redirect("https://b.example.com/#top")?.to_string(), "wss://b.example.com/");
    /// # Ok::<(), landline::error::UrlError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse). Whether the redirect may be followed is another question.
    pub fn redirect(&self, location: &str) -> Result<Self, UrlError> {
        // Before the WHATWG parser, which would repair them: as in `parse`.
        if let Some(forbidden) = location.chars().find(|&c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(UrlError::ForbiddenCharacter(forbidden));
        }
        let location = location.split('#').next().unwrap_or_default();
        let mut endpoint = match split_scheme(location) {
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "ws" | "http" => Self::parse(&format!("ws:{rest}")),
                "wss" | "https" => Self::parse(&format!("wss:{rest}")),
                // `ws+unix` too: no server has a say about what is on this machine.
                _ => Err(UrlError::UnsupportedScheme),
            },
            None => {
                let scheme = if self.tls { "wss" } else { "ws" };
                let base = format!("{scheme}://{}{}", self.authority(), self.target);
                Self::parse(Url::parse(&base)?.join(location)?.as_str())
            }
        }?;
        // The server knows neither by which interface nor over which socket it is reached.
        if endpoint.host == self.host && endpoint.port == self.port {
            endpoint.zone = endpoint.zone.or_else(|| self.zone.clone());
            endpoint.unix = self.unix.clone().filter(|_| endpoint.tls == self.tls);
        }
        Ok(endpoint)
    }

    /// Whether both have the same scheme, host and port, and are reached in the same way: what may be told to one may be told
    /// to the other.
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.tls, &self.host, self.port, &self.zone, &self.unix)
            == (other.tls, &other.host, other.port, &other.zone, &other.unix)
    }
}

/// The scheme, and what follows its colon (RFC 3986 3.1).
fn split_scheme(location: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = location.split_once(':')?;
    let is_of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    (scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(is_of_scheme))
        .then_some((scheme, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(from: &str, location: &str) -> Result<String, UrlError> {
        Endpoint::parse(from).unwrap().redirect(location).map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn rfc_3986_5_2_locations_are_resolved() {
        for (from, location, expected) in [
            ("ws://a/b/c?d", "e", "ws://a/b/e"),
            ("ws://a/b/c?d", "/e?f=g", "ws://a/e?f=g"),
            ("ws://a/b/c?d", "?e", "ws://a/b/c?e"),
            ("ws://a/b/c?d", "../e", "ws://a/e"),
            ("ws://a/b/c?d", "", "ws://a/b/c?d"),
            ("ws://a/b/c", "#top", "ws://a/b/c"),
            ("ws://a/b/c", "./e:f", "ws://a/b/e:f"),
            ("ws://a:81/b", "/e", "ws://a:81/e"),
            ("wss://a:444/b", "//c/d", "wss://c/d"),
            ("ws://u:p@a/b", "e", "ws://a/e"),
            ("ws://[::1]:81/b", "e", "ws://[::1]:81/e"),
            ("ws://a/", "ws://b:82/c", "ws://b:82/c"),
            ("ws://a/", "wss://b", "wss://b/"),
            ("ws://a/", "http://b/c#d", "ws://b/c"),
            ("ws://a/", "HTTPS://b:443/c", "wss://b/c"),
            ("ws://a/", "https://b:80/c", "wss://b:80/c"),
            ("ws://a/", "/caf\u{e9}", "ws://a/caf%C3%A9"),
            ("ws://[fe80::1%25lo]:81/b", "e", "ws://[fe80::1%25lo]:81/e"),
            ("ws://[fe80::1%25lo]:81/b", "http://[fe80::1]:81/e", "ws://[fe80::1%25lo]:81/e"),
            ("ws://[fe80::1%25lo]:81/b", "http://[fe80::2]:81/e", "ws://[fe80::2]:81/e"),
            ("ws+unix:/run/a.sock:/b/c", "e", "ws+unix:/run/a.sock:/b/e"),
            ("ws+unix:/run/a.sock:/b/c", "http://localhost/e", "ws+unix:/run/a.sock:/e"),
            ("ws+unix:/run/a.sock:/b/c", "https://localhost/e", "wss://localhost/e"),
            ("ws+unix:/run/a.sock:/b/c", "http://localhost:81/e", "ws://localhost:81/e"),
        ] {
            assert_eq!(redirect(from, location).as_deref(), Ok(expected), "{from} {location}");
        }
        let with_user = Endpoint::parse("ws://a/").unwrap().redirect("http://u:p@a/").unwrap();
        assert_eq!(with_user.user(), Some(("u", "p")));
    }

    #[test]
    fn what_is_no_websocket_url_is_not_followed() {
        for (location, expected) in [
            ("ftp://b/", UrlError::UnsupportedScheme),
            ("file:///etc/passwd", UrlError::UnsupportedScheme),
            ("unix://b", UrlError::UnsupportedScheme),
            ("ws+unix:/run/a.sock", UrlError::UnsupportedScheme),
            ("javascript:alert(1)", UrlError::UnsupportedScheme),
            ("http:b", UrlError::MissingScheme),
            ("http:///b", UrlError::EmptyHost),
            ("http://", UrlError::EmptyHost),
            ("http://b:0/", UrlError::InvalidPort),
            ("/\\b", UrlError::ForbiddenCharacter('\\')),
            (" /b", UrlError::ForbiddenCharacter(' ')),
            ("/b\t", UrlError::ForbiddenCharacter('\t')),
            ("http://u:%ff@b/", UrlError::InvalidUser),
        ] {
            assert_eq!(redirect("ws://a/", location), Err(expected), "{location}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let endpoint = |url| Endpoint::parse(url).unwrap();
        for (a, b, same) in [
            ("ws://a/b", "ws://A:80/c?d", true),
            ("wss://u:p@a/", "wss://a:443/", true),
            ("ws://a/", "wss://a/", false),
            ("ws://a:443/", "wss://a:443/", false),
            ("ws://a/", "ws://a:81/", false),
            ("ws://a/", "ws://b.a/", false),
            ("ws://a/", "ws://a./", false),
            ("ws+unix:/a:/b", "ws+unix:/a:/c", true),
            ("ws+unix:/a", "ws+unix:/b", false),
            ("ws+unix:/a", "ws://localhost/", false),
            ("ws://[fe80::1%25a]/", "ws://[fe80::1%25b]/", false),
        ] {
            assert_eq!(endpoint(a).is_same_origin(&endpoint(b)), same, "{a} {b}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_location_causes_a_panic(location in "(https?:|wss?:)?[a@:/?#%.\\[\\]0-9\\PC]{0,20}") {
            if let Ok(endpoint) = Endpoint::parse("wss://a:1/b").unwrap().redirect(&location) {
                proptest::prop_assert!(endpoint.target().bytes().all(|b| b.is_ascii_graphic()));
            }
        }
    }
}
