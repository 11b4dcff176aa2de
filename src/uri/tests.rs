//! Tests of URLs.
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
    for url in ["ws://[::1/", "ws://[a]/", "ws://a%20b/", "ws://a<b/", "ws://1.2.3.256/"] {
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

#[test]
fn rfc_6874_2_a_zone_is_neither_in_the_host_header_nor_in_the_servers_name() {
    for (url, zone, authority) in [
        ("wss://[fe80::1%25eth0]/", "eth0", "[fe80::1]"),
        ("ws://[fe80::1%25eth0]:81/a?b", "eth0", "[fe80::1]:81"),
        ("ws://u:p@[FE80::1%253]", "3", "[fe80::1]"),
        ("ws://[fe80::1%25a%2Fb%25]/", "a/b%", "[fe80::1]"),
    ] {
        let endpoint = Endpoint::parse(url).unwrap();
        assert_eq!((endpoint.zone(), &*endpoint.authority()), (Some(zone), authority), "{url}");
        assert_eq!(endpoint.server_name(), "fe80::1");
        if endpoint.user().is_none() {
            assert_eq!(endpoint.to_string().parse(), Ok(endpoint), "{url}");
        }
    }
    assert_eq!(Endpoint::parse("ws://a/[x%25y]").unwrap().zone(), None);
    for url in
        ["ws://[fe80::1%eth0]/", "ws://[fe80::1%]/", "ws://[fe80::1%25]/", "ws://[::1%25%ff]/", "ws://[::1%25%00]/"]
    {
        assert_eq!(Endpoint::parse(url), Err(UrlError::InvalidZone), "{url}");
    }
    assert!(matches!(Endpoint::parse("ws://[1.2.3.4%25e]/"), Err(UrlError::InvalidHost(_))));
}

#[test]
fn a_url_for_a_unix_socket_has_its_path_and_the_request() {
    for (url, path, target) in [
        ("ws+unix:/run/x.sock", "/run/x.sock", "/"),
        ("ws+unix:///run/x.sock:/", "/run/x.sock", "/"),
        ("WS+UNIX:/run/x.sock:/a/../b?c=d:e", "/run/x.sock", "/b?c=d:e"),
        ("wss+unix:x.sock:?q", "x.sock", "/?q"),
        ("ws+unix:/x?q:r", "/x", "/?q:r"),
        ("ws+unix:./a%3Ab%20%3f%25:/%20", "./a:b ?%", "/%20"),
        ("ws+unix:/\u{e9}:/\u{e9}", "/\u{e9}", "/%C3%A9"),
    ] {
        let endpoint = Endpoint::parse(url).unwrap();
        assert_eq!((endpoint.unix_path(), endpoint.target()), (Some(Path::new(path)), target), "{url}");
        assert_eq!((&*endpoint.authority(), &*endpoint.server_name()), ("localhost", "localhost"), "{url}");
        assert_eq!(endpoint.is_tls(), url.starts_with("wss"), "{url}");
        assert_eq!(endpoint.to_string().parse(), Ok(endpoint), "{url}");
    }
    let not_utf8 = Endpoint::parse("ws+unix:/%ff").unwrap();
    assert_eq!(not_utf8.unix_path().unwrap().as_os_str().as_bytes(), b"/\xff");
    for url in ["ws+unix:", "ws+unix::/a", "ws+unix://", "ws+unix://host/a", "ws+unix:/a:b", "ws+unix:/a%00"] {
        assert!(matches!(Endpoint::parse(url), Err(UrlError::InvalidSocketPath(_))), "{url}");
    }
    assert_eq!(Endpoint::parse("ws+unix:/a#b"), Err(UrlError::Fragment));
}
