use super::*;
use proptest::prelude::*;

const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
const OPAQUE: &str = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS";

fn mufasa() -> Authenticator {
    Authenticator::new(Credentials::new("Mufasa", "Circle of Life").unwrap())
}

/// The challenge of RFC 7616 3.9.1 with this algorithm, and more parameters.
fn example(algorithm: &str, more: &str) -> Vec<Challenge> {
    let text = format!(
        r#"Digest realm="http-auth@example.org", nonce="{NONCE}", algorithm={algorithm}, opaque="{OPAQUE}"{more}"#
    );
    Challenge::parse(text.as_bytes())
}

const QOP: &str = r#", qop="auth, auth-int""#;

fn answer(authenticator: &mut Authenticator, challenges: &[Challenge], cnonce: &str) -> Option<String> {
    authenticator.answer(challenges, "GET", "/dir/index.html", cnonce)
}

/// A parameter of an answer, which has the form of a challenge.
fn parameter(answer: &str, name: &str) -> Option<String> {
    let parsed = Challenge::parse(answer.as_bytes());
    assert_eq!(parsed.len(), 1, "{answer}");
    parsed[0].parameter(name).map(str::to_owned)
}

fn response(answer: &str) -> String {
    parameter(answer, "response").unwrap()
}

/// Scheme, token and parameters of each.
fn shown(value: &[u8]) -> Vec<String> {
    let names = ["realm", "nonce", "qop", "a", "b", "charset"];
    let show = |challenge: &Challenge| {
        let parameters = names.iter().filter_map(|name| Some(format!(" {name}={}", challenge.parameter(name)?)));
        format!("{}|{}|{}", challenge, challenge.token().unwrap_or_default(), parameters.collect::<String>())
    };
    Challenge::parse(value).iter().map(show).collect()
}

#[test]
fn rfc_9110_11_6_1_challenges_are_told_from_parameters() {
    for (value, expected) in [
        (r#"Basic realm="simple""#, &["Basic|| realm=simple"][..]),
        (
            r#"Basic realm="simple", Newauth realm="apps", a=1, b="Log in""#,
            &["Basic|| realm=simple", "Newauth|| realm=apps a=1 b=Log in"],
        ),
        ("Negotiate", &["Negotiate||"]),
        ("Negotiate, NTLM", &["Negotiate||", "NTLM||"]),
        ("Negotiate YII=, NTLM TlRM", &["Negotiate|YII=|", "NTLM|TlRM|"]),
        ("Negotiate ab/+-._~==  ,Basic realm=x", &["Negotiate|ab/+-._~==|", "Basic|| realm=x"]),
        ("BASIC REALM=x", &["BASIC|| realm=x"]),
        ("Basic realm = \"x\" , \t charset\t=\tUTF-8", &["Basic|| realm=x charset=UTF-8"]),
        (", ,Basic realm=x,,, a=1,,Bearer,", &["Basic|| realm=x a=1", "Bearer||"]),
        (r#"Digest realm="a, Basic b=\"c\\", nonce=x"#, &[r#"Digest|| realm=a, Basic b="c\ nonce=x"#]),
        ("Digest realm=\"caf\u{e9}\"", &["Digest|| realm=caf\u{e9}"]),
        (r#"Digest realm="x" nonce="y" Basic realm="z""#, &["Digest|| realm=x nonce=y", "Basic|| realm=z"]),
        (r#"Basic realm="""#, &["Basic|| realm="]),
        // The first one of a name counts.
        ("Basic realm=x, realm=y", &["Basic|| realm=x"]),
        ("", &[]),
        (" ,\t,", &[]),
    ] {
        assert_eq!(shown(value.as_bytes()), expected, "{value}");
    }
}

#[test]
fn a_header_that_breaks_the_grammar_is_used_up_to_there() {
    for broken in [
        &b"Digest realm=\"x"[..],
        b"Digest realm=\"x\\",
        b"Digest a=1, realm=, nonce=x",
        b"Digest realm=\"x\"y, nonce=z",
        b"Digest a=1, realm=(",
        b"Digest realm=\"a\rb\"",
        b"Digest realm=\"a\\\nb\"",
        b"Digest realm=\"\xff\"",
        b"Dig(est",
        b"Digest/a",
        b"\xff",
        b"=",
        b"\"a\"",
    ] {
        let value = [b"Basic realm=a, ", broken, b", Bearer realm=b"].concat();
        assert_eq!(shown(&value), ["Basic|| realm=a"], "{}", broken.escape_ascii());
    }
}

#[test]
fn headers_of_one_name_are_all_used_and_a_broken_one_spoils_no_other() {
    let mut headers = http::HeaderMap::new();
    for value in ["Negotiate", "Digest realm=\"x", "Basic realm=a, Bearer"] {
        headers.append("proxy-authenticate", value.parse().unwrap());
    }
    headers.append("www-authenticate", "Basic realm=b".parse().unwrap());
    let challenges = Challenge::from_headers(&headers, http::header::PROXY_AUTHENTICATE);
    assert_eq!(challenges.iter().map(Challenge::scheme).collect::<Vec<_>>(), ["Negotiate", "Basic", "Bearer"]);
    assert_eq!(challenges[1].realm(), Some("a"));
}

#[test]
fn rfc_7616_3_9_1_the_examples() {
    for (algorithm, expected) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let value = answer(&mut mufasa(), &example(algorithm, QOP), CNONCE).unwrap();
        let whole = format!(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", nonce=\"{NONCE}\", \
             uri=\"/dir/index.html\", response=\"{expected}\", algorithm={algorithm}, qop=auth, nc=00000001, \
             cnonce=\"{CNONCE}\", opaque=\"{OPAQUE}\""
        );
        assert_eq!(value, whole);
    }
}

#[test]
fn rfc_2617_3_5_and_rfc_2069_the_examples() {
    let answer = |qop: &str| {
        let credentials = Credentials::new("Mufasa", "Circle Of Life").unwrap();
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let challenge = format!(r#"Digest realm="testrealm@host.com", nonce="{nonce}"{qop}"#);
        let challenges = Challenge::parse(challenge.as_bytes());
        Authenticator::new(credentials).answer(&challenges, "GET", "/dir/index.html", "0a4f113b").unwrap()
    };
    let with_qop = answer(r#", qop="auth""#);
    assert_eq!(response(&with_qop), "6629fae49393a05397450978507c4ef1");
    // Nothing is named that the challenge does not name.
    let without = answer("");
    assert_eq!(response(&without), "670fd8c2df070c60b045671b8b24ff02");
    assert!(["algorithm", "qop", "nc", "cnonce", "opaque"].iter().all(|name| parameter(&without, name).is_none()));
    assert_eq!(parameter(&with_qop, "algorithm"), None);
    assert_eq!(response(&answer(", qop=\"\"")), response(&without));
}

/// Computed by hand with Python's hashlib.
#[test]
fn rfc_7616_3_4_2_session_algorithms_keep_the_first_client_nonce() {
    for (algorithm, qop, expected) in [
        ("MD5-sess", QOP, "e783283f46242139c486a698fec7211d"),
        ("md5-SESS", "", "37a7f42db2090a3fcac4e26e747d4fc8"),
        ("SHA-256-sess", QOP, "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7"),
        ("SHA-256-sess", "", "30bc0742357e535c85094121d22cf826b794be0667e19537beb7b28f2251c274"),
    ] {
        let value = answer(&mut mufasa(), &example(algorithm, qop), CNONCE).unwrap();
        assert_eq!(response(&value), expected, "{algorithm}");
        assert_eq!(parameter(&value, "algorithm").as_deref(), Some(algorithm));
        assert_eq!(parameter(&value, "cnonce").as_deref(), Some(CNONCE), "the server needs it");
    }
    let mut authenticator = mufasa();
    answer(&mut authenticator, &example("MD5-sess", QOP), CNONCE).unwrap();
    let second = authenticator.unasked("GET", "/dir/index.html", "other");
    assert_eq!(response(&second), "c663958480357f51da4472ef203fdc41");
}

#[test]
fn rfc_7616_3_4_the_nonce_count_goes_on_and_starts_afresh_with_a_new_nonce() {
    let mut authenticator = mufasa();
    answer(&mut authenticator, &example("MD5", QOP), CNONCE).unwrap();
    let second = authenticator.unasked("GET", "/dir/index.html", CNONCE);
    assert_eq!(parameter(&second, "nc").as_deref(), Some("00000002"));
    assert_eq!(response(&second), "4b5d595ecf2db9df612ea5b45cd97101");
    let other = Challenge::parse(br#"Digest realm="http-auth@example.org", nonce=other, qop=auth"#);
    let third = answer(&mut authenticator, &other, CNONCE).unwrap();
    assert_eq!(parameter(&third, "nc").as_deref(), Some("00000001"));
    assert_eq!(parameter(&third, "nonce").as_deref(), Some("other"));
}

#[test]
fn rfc_7616_3_4_4_the_user_name_is_hashed_if_the_server_wants_it() {
    let mut authenticator = Authenticator::new(Credentials::new("J\u{e4}s\u{f8}n Doe", "p").unwrap());
    let challenges =
        Challenge::parse(br#"Digest realm="api@example.org", nonce=x, algorithm=SHA-256, userhash=true"#);
    let value = answer(&mut authenticator, &challenges, "c").unwrap();
    let hash = "5a1a8a47df5c298551b9b42ba9b05835174a5bd7d511ff7fe9191d8e946fc4e7";
    assert_eq!(parameter(&value, "username").as_deref(), Some(hash));
    assert_eq!(parameter(&value, "userhash").as_deref(), Some("true"));
}

#[test]
fn rfc_7617_2_basic() {
    let basic = |user, password| Credentials::new(user, password).map(|credentials| credentials.basic());
    assert_eq!(basic("Aladdin", "open sesame").unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert_eq!(basic("test", "123\u{a3}").unwrap(), "Basic dGVzdDoxMjPCow==");
    assert_eq!(basic("", "").unwrap(), "Basic Og==");
    assert!(basic("a", "b:c").is_ok());
    for bad in ["a:b", "\r\n", "\0", "\u{7f}", "\u{85}"] {
        assert_eq!(basic(bad, ""), Err(CredentialsError::User), "{bad:?}");
    }
    assert_eq!(basic("a", "\n"), Err(CredentialsError::Password));
}

#[test]
fn the_strongest_challenge_is_answered() {
    let basic = "Basic realm=a";
    let md5 = "Digest realm=md5, nonce=x";
    let sha256 = "Digest realm=sha, nonce=x, algorithm=SHA-256";
    let session = "Digest realm=session, nonce=x, algorithm=SHA-256-sess";
    for (offered, realm) in [
        (vec![basic, md5], Some("md5")),
        (vec![md5, basic, sha256], Some("sha")),
        (vec![sha256, session], Some("sha")),
        (vec![session, sha256], Some("session")),
        (vec!["Negotiate", basic], None),
        (
            vec!["Digest realm=a, nonce=x, algorithm=SHA-512-256", "Digest realm=a, nonce=x, qop=auth-int", basic],
            None,
        ),
        (vec!["Digest realm=a", "Digest nonce=a", basic], None),
    ] {
        let challenges = Challenge::parse(offered.join(", ").as_bytes());
        let value = answer(&mut mufasa(), &challenges, "c").unwrap();
        match realm {
            Some(realm) => assert_eq!(parameter(&value, "realm").as_deref(), Some(realm), "{offered:?}"),
            None => assert!(value.starts_with("Basic "), "{offered:?}"),
        }
    }
    for offered in ["", "Negotiate", "Bearer realm=a", "Other realm=a, nonce=x, algorithm=MD5"] {
        assert_eq!(answer(&mut mufasa(), &Challenge::parse(offered.as_bytes()), "c"), None, "{offered}");
    }
}

#[test]
fn credentials_that_were_refused_are_not_sent_again() {
    let digest = example("MD5", QOP);
    let stale = example("MD5", ", stale=TRUE, qop=auth");
    let basic = Challenge::parse(b"Basic realm=a");
    let elsewhere = Challenge::parse(b"Digest realm=elsewhere, nonce=x");

    let mut authenticator = mufasa();
    assert!(authenticator.unasked("GET", "/", "c").starts_with("Basic "));
    assert_eq!(answer(&mut authenticator, &basic, "c"), None);
    // Basic was sent unasked, but it is Digest that is wanted.
    assert!(answer(&mut authenticator, &digest, "c").unwrap().starts_with("Digest "));
    assert_eq!(answer(&mut authenticator, &digest, "c"), None);
    assert!(
        answer(&mut authenticator, &stale, "c").is_some(),
        "the nonce is out of date, the password is not wrong"
    );
    assert!(answer(&mut authenticator, &elsewhere, "c").is_some());

    // The nonce of an earlier request may be out of date whatever the server says about it.
    let mut authenticator = mufasa();
    answer(&mut authenticator, &digest, "c").unwrap();
    authenticator.unasked("GET", "/", "c");
    assert!(answer(&mut authenticator, &digest, "c").is_some());
    assert_eq!(answer(&mut authenticator, &digest, "c"), None);

    // Refusing the stronger scheme does not bring out the password.
    assert_eq!(answer(&mut authenticator, &basic, "c"), None);
    let mut authenticator = mufasa();
    assert!(answer(&mut authenticator, &basic, "c").unwrap().starts_with("Basic "));
    assert_eq!(answer(&mut authenticator, &basic, "c"), None);
}

#[test]
fn item_6_nothing_in_a_challenge_ends_a_quoted_string_or_a_line() {
    let challenges = Challenge::parse(br#"Digest realm="x\"y", nonce="a\", b=\"c\\", opaque="\\\"", qop=auth"#);
    let credentials = Credentials::new("a\"b\\", "p").unwrap();
    let mut authenticator = Authenticator::new(credentials);
    let value = authenticator.answer(&challenges, "CONNECT", "h:443", "c\"").unwrap();
    for (name, expected) in [
        ("username", "a\"b\\"),
        ("realm", "x\"y"),
        ("nonce", "a\", b=\"c\\"),
        ("opaque", "\\\""),
        ("uri", "h:443"),
        ("cnonce", "c\""),
    ] {
        assert_eq!(parameter(&value, name).as_deref(), Some(expected), "{value}");
    }
}

#[test]
fn passwords_and_parameters_are_not_shown() {
    let mut authenticator = mufasa();
    answer(&mut authenticator, &example("MD5", QOP), CNONCE).unwrap();
    let text = format!("{authenticator:?} {:?} {:?}", authenticator.credentials(), example("MD5", QOP));
    assert!(text.contains("Mufasa") && !text.contains("Circle") && !text.contains(NONCE), "{text}");
}

/// Quadratic time would be minutes.
#[test]
fn item_1_challenges_are_parsed_in_linear_time() {
    for piece in ["a ", "a,", "a=b,", "a=\"b\"", "a b=", ",", "\"", "\\", "a  =  b  ", "= ", "Digest a=\"\\"] {
        let _ = Challenge::parse(piece.repeat(1 << 20).as_bytes());
        let _ = Challenge::parse(format!("Digest a=\"{}", piece.repeat(1 << 20)).as_bytes());
    }
}

proptest! {
    #[test]
    fn any_header_is_survived_and_answers_are_single_lines(
        value in "(Digest|Basic|[a-z]{1,3})? ?((realm|nonce|qop|stale|algorithm|opaque)? ?=?[\" ,\\\\a\\PC]{0,9},?){0,9}"
    ) {
        let challenges = Challenge::parse(value.as_bytes());
        if let Some(value) = answer(&mut mufasa(), &challenges, "c") {
            prop_assert!(!value.contains(char::is_control));
        }
    }

    #[test]
    fn any_bytes_are_survived(value in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Challenge::parse(&value);
    }

    #[test]
    fn what_is_quoted_is_parsed_as_it_was(text in "[\"\\\\ a,=\u{e9}]{0,9}") {
        let challenges = Challenge::parse(br#"Digest realm=a, nonce=b"#);
        let credentials = Credentials::new(text.clone(), "").unwrap();
        let value = Authenticator::new(credentials).answer(&challenges, "GET", "/", "c").unwrap();
        prop_assert_eq!(parameter(&value, "username"), Some(text));
    }
}
