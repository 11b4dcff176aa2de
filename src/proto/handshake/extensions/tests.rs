//! The grammar of RFC 6455 9.1, in tables.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

fn parse_lines(lines: &[&str]) -> Result<String, &'static str> {
    match parse(lines.iter().map(|line| line.as_bytes())) {
        Ok(extensions) => {
            let texts: Vec<String> = extensions.iter().map(Extension::to_string).collect();
            Ok(texts.join(" | "))
        }
        Err(error) => Err(error.what),
    }
}

#[test]
fn rfc_9_1_valid_syntax_is_accepted() {
    let cases: &[(&[&str], &str)] = &[
        (&[], ""),
        (&["foo"], "foo"),
        (&["foo, bar; baz=2"], "foo | bar; baz=2"),
        (&["foo", "bar; baz=2"], "foo | bar; baz=2"),
        (&["deflate-stream"], "deflate-stream"),
        (
            &["mux; max-channels=4; flow-control, deflate-stream"],
            "mux; max-channels=4; flow-control | deflate-stream",
        ),
        (&["foo;bar=1;bar=2,foo"], "foo; bar=1; bar=2 | foo"),
        (&[" \tfoo\t ; bar \t=\t 1 ,\tbaz "], "foo; bar=1 | baz"),
        (&["foo; bar=\"10\""], "foo; bar=10"),
        (&["foo; bar=\"\\1\\0\" , x"], "foo; bar=10 | x"),
        (&[",, foo,,\t,bar,"], "foo | bar"),
        (&["", "foo", ""], "foo"),
        (&[""], ""),
        (&[" ,\t, "], ""),
        (&["", ""], ""),
        (&["!#$%&'*+-.^_`|~09azAZ"], "!#$%&'*+-.^_`|~09azAZ"),
        (&["__proto__; constructor=toString"], "__proto__; constructor=toString"),
    ];
    for (lines, expected) in cases {
        assert_eq!(parse_lines(lines).as_deref(), Ok(*expected), "{lines:?}");
    }
}

#[test]
fn rfc_9_1_invalid_syntax_is_refused() {
    let no_name = "an extension name is missing";
    let no_param = "a parameter name is missing after `;`";
    let no_value = "a parameter value is missing after `=`";
    let forbidden = "a name or value contains a forbidden character";
    let no_end = "a quoted value has no closing quote";
    let no_token = "a quoted value is not a token";
    let cases: &[(&[&str], &str)] = &[
        (&[";"], no_name),
        (&["foo, ; bar"], no_name),
        (&["=1"], no_name),
        (&["\"foo\""], no_name),
        (&["f\u{e4}"], forbidden),
        (&["\u{e4}"], no_name),
        (&["foo;"], no_param),
        (&["foo; , bar"], no_param),
        (&["foo;; bar"], no_param),
        (&["foo; =1"], no_param),
        (&["foo; bar="], no_value),
        (&["foo; bar=, baz"], no_value),
        (&["foo; bar==1"], no_value),
        (&["foo bar"], forbidden),
        (&["foo; a b"], forbidden),
        (&["foo; a=1 2"], forbidden),
        (&["foo/bar"], forbidden),
        (&["foo; a=\"1\"2"], forbidden),
        (&["foo; a=b\"1\""], forbidden),
        (&["foo\u{0}"], forbidden),
        (&["foo\r\nbar"], forbidden),
        (&["foo; a=\"1"], no_end),
        (&["foo; a=\""], no_end),
        (&["foo; a=\"x", "y\""], no_end),
        (&["foo; a=\"\""], no_token),
        (&["foo; a=\"1\\"], no_token),
        (&["foo; a=\"1 2\""], no_token),
        (&["foo; a=\"1,2\""], no_token),
        (&["foo; a=\"\\\"\""], no_token),
        (&["foo; a=\" 1\""], no_token),
    ];
    for (lines, expected) in cases {
        assert_eq!(parse_lines(lines), Err(*expected), "{lines:?}");
    }
}

#[test]
fn rfc_9_1_values_keep_their_order_and_lose_their_quotes() {
    let parsed = parse([b"a; x; y=\"1\"; x=2".as_slice()]).unwrap();
    let built = Extension::new("a").with_flag("x").with_param("y", "1").with_param("x", "2");
    assert_eq!(parsed.first(), Some(&built));
    assert_eq!(built.name(), "a");
    assert_eq!(built.params()[1], ("y".to_owned(), Some("1".to_owned())));
}

#[test]
fn item_6_only_tokens_can_be_written() {
    assert!(Extension::new("a").with_flag("b").with_param("c", "d").is_valid());
    for bad in ["", " ", "a b", "a\r\nb", "a,b", "a;b", "a=b", "\"a\"", "\u{e4}"] {
        assert!(!Extension::new(bad).is_valid(), "{bad:?}");
        assert!(!Extension::new("a").with_flag(bad).is_valid(), "{bad:?}");
        assert!(!Extension::new("a").with_param(bad, "1").is_valid(), "{bad:?}");
        assert!(!Extension::new("a").with_param("b", bad).is_valid(), "{bad:?}");
    }
}

/// The inputs that took regular expressions quadratic or exponential time (CVE-2020-7662).
#[test]
fn item_1_hostile_lists_take_linear_time() {
    for piece in ["\\", "a;", ",", " ", "a;b=\"\\", "a;b=\"c\"", ";a=", "\t,"] {
        let line = format!("a; b=\"{}", piece.repeat(1 << 18));
        let _ = parse([line.as_bytes()]);
        let line = piece.repeat(1 << 18);
        let _ = parse([line.as_bytes()]);
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_survived(line in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = parse([line.as_slice()]);
    }

    #[test]
    fn what_is_written_is_read_again(line in "[a-c;,=\"\\\\ \t]{0,40}") {
        if let Ok(extensions) = parse([line.as_bytes()]) {
            let texts: Vec<String> = extensions.iter().map(Extension::to_string).collect();
            proptest::prop_assert!(extensions.iter().all(Extension::is_valid));
            proptest::prop_assert_eq!(parse([texts.join(", ").as_bytes()]).unwrap(), extensions);
        }
    }
}
