use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Option<SetCookie> {
    SetCookie::parse(text)
}

#[test]
fn rfc_6265_5_2_attributes() {
    let plain = SetCookie {
        name: "a".into(),
        value: "b".into(),
        path: None,
        domain: None,
        is_secure: false,
        lifetime: None,
    };
    for (text, expected) in [
        ("a=b", plain.clone()),
        (" a \t= b ; ;;", plain.clone()),
        ("a=", SetCookie { value: String::new(), ..plain.clone() }),
        ("a=\"b=c d\"", SetCookie { value: "\"b=c d\"".into(), ..plain.clone() }),
        ("a=b; Secure; HttpOnly; SameSite=Lax; other=x", SetCookie { is_secure: true, ..plain.clone() }),
        ("a=b;SECURE=no;PATH=/c", SetCookie { is_secure: true, path: Some("/c".into()), ..plain.clone() }),
        // The last one counts, even if it makes no sense.
        ("a=b; path=/c; path=d", plain.clone()),
        ("a=b; Domain=.EXAMPLE.com", SetCookie { domain: Some("example.com".into()), ..plain.clone() }),
        ("a=b; Domain=", plain.clone()),
        ("a=b; Max-Age=60", SetCookie { lifetime: Some(Lifetime::Seconds(60)), ..plain.clone() }),
        ("a=b; Max-Age=-1", SetCookie { lifetime: Some(Lifetime::Seconds(0)), ..plain.clone() }),
        (
            "a=b; Max-Age=9999999999999999999999",
            SetCookie { lifetime: Some(Lifetime::Seconds(u64::MAX)), ..plain.clone() },
        ),
        ("a=b; Max-Age=1x; Max-Age=; Max-Age=-", plain.clone()),
        (
            "a=b; Max-Age=5; Expires=Thu, 01 Jan 1970 00:00:09 GMT",
            SetCookie { lifetime: Some(Lifetime::Seconds(5)), ..plain.clone() },
        ),
        (
            "a=b; Expires=Thu, 01 Jan 1970 00:00:09 GMT; Expires=soon",
            SetCookie { lifetime: Some(Lifetime::Until(9)), ..plain },
        ),
    ] {
        assert_eq!(parse(text), Some(expected), "{text}");
    }
    for text in ["", "a", "=b", " =b", ";a=b", "a\r\n=b", "a=b\0", "a=b; Path=/\x7f"] {
        assert_eq!(parse(text), None, "{text:?}");
    }
}

#[test]
fn rfc_6265_5_1_1_dates() {
    for (text, expected) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
        ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
        ("Sun, 06-Nov-1994 08:49:37 GMT", Some(784_111_777)),
        ("6 november 94 8:49:37", Some(784_111_777)),
        ("1994 8:49:37 Nov 6", Some(784_111_777)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Tue, 29 Feb 2028 23:59:59 GMT", Some(1_835_481_599)),
        ("Wed, 01 Jan 2070 00:00:00 GMT", Some(3_155_760_000)),
        ("01 Jan 69 00:00:00", Some(3_124_224_000)),
        ("01 Jan 70 00:00:00", Some(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
        ("Mon, 01 Jan 1601 00:00:00 GMT", Some(0)),
        ("Sun, 31 Dec 1600 00:00:00 GMT", None),
        ("Thu, 29 Feb 2029 00:00:00 GMT", None),
        ("Sun, 29 Feb 2100 00:00:00 GMT", None),
        ("31 Apr 2030 00:00:00", None),
        ("0 Apr 2030 00:00:00", None),
        ("1 Apr 2030 24:00:00", None),
        ("1 Apr 2030 00:60:00", None),
        ("1 Apr 2030 00:00", None),
        ("1 Apr 2030", None),
        ("1 Xyz 2030 00:00:00", None),
        ("tomorrow", None),
        ("", None),
    ] {
        assert_eq!(parse_date(text), expected, "{text}");
    }
}

#[test]
fn rfc_6265_5_1_4_paths() {
    for (target, path) in [
        ("/", "/"),
        ("/a", "/"),
        ("/a/", "/a"),
        ("/a/b", "/a"),
        ("/a/b/c?d/e", "/a/b"),
        ("/a?b/c", "/"),
        ("a", "/"),
    ] {
        assert_eq!(default_path(target), path, "{target}");
    }
    for (target, path, matches) in [
        ("/", "/", true),
        ("/a", "/", true),
        ("/a", "/a", true),
        ("/a?b", "/a", true),
        ("/a/b", "/a", true),
        ("/a/b", "/a/", true),
        ("/ab", "/a", false),
        ("/", "/a", false),
        ("/a", "/a/", false),
        ("/?/a", "/a", false),
    ] {
        assert_eq!(path_matches(target, path), matches, "{target} {path}");
    }
}

#[test]
fn rfc_6265_5_1_3_domains() {
    for (host, domain, matches) in [
        ("example.com", "example.com", true),
        ("a.example.com", "example.com", true),
        ("aexample.com", "example.com", false),
        ("example.com", "a.example.com", false),
        ("com", "example.com", false),
    ] {
        assert_eq!(domain_matches(host, domain), matches, "{host} {domain}");
    }
}

#[test]
fn item_6_pairs_that_would_be_more_than_one_are_not_valid() {
    for (name, value) in [("a", "b"), ("a", ""), ("__Host-a", "b c,\"=\u{e4}")] {
        assert!(is_valid(name, value), "{name} {value}");
    }
    for (name, value) in [
        ("", "b"),
        ("a", "b; c=d"),
        ("a;b", ""),
        ("a=b", ""),
        ("a b", ""),
        ("a", " b"),
        ("a", "b\r\nc"),
        ("a\0", ""),
    ] {
        assert!(!is_valid(name, value), "{name:?} {value:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_survived_and_gives_a_valid_pair(
        text in "([a\\PC]{1,3}=)?[\"a\\PC]{0,9}(;? ?(expires|max-age|path|domain)?=?[ :,0-9a-z/\\PC]{0,20}){0,4}"
    ) {
        if let Some(cookie) = parse(&text) {
            let sent = is_valid(&cookie.name, &cookie.value);
            prop_assert!(sent || cookie.name.contains(' '));
        }
    }

    #[test]
    fn dates_are_counted_as_by_the_calendar(days in 0u64..60_000) {
        // Civil from days, the other way round.
        let date = |days: u64| {
            let (mut year, mut left) = (1970, days);
            while left >= days_of_year(year) {
                left -= days_of_year(year);
                year += 1;
            }
            let mut month = 0;
            while left >= days_of_month(year, month) {
                left -= days_of_month(year, month);
                month += 1;
            }
            (year, month, left + 1)
        };
        let (year, month, day) = date(days);
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let text = format!("{day:02} {} {year} 00:00:01 GMT", names[month as usize]);
        prop_assert_eq!(parse_date(&text), Some(days * 86_400 + 1));
    }
}
