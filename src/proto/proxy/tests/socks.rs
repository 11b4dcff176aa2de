//! SOCKS5, SOCKS4 and SOCKS4a.

use super::*;

const USER: Option<(&str, &str)> = Some(("user", "hunter2"));
const OPEN: &[u8] = b"\x05\0\0\x01\x7f\0\0\x01\x1f\x90";

fn socks5(user: Option<(&str, &str)>) -> Socks5 {
    Socks5::new(&name("example.com"), 443, user).unwrap()
}

fn socks4() -> Socks4 {
    Socks4::new(&name("example.com"), 443, "user").unwrap()
}

fn outcome5(user: Option<(&'static str, &'static str)>, parts: &[&[u8]]) -> Outcome {
    run_all_ways(&move || Box::new(socks5(user)), &parts.concat())
}

#[test]
fn socks5_sends_names_and_addresses_as_they_are() {
    let mut tunnel = socks5(None);
    assert_eq!(tunnel.output(), [5, 1, 0]);
    assert_eq!(tunnel.receive(&mut &b"\x05\0"[..]), Ok(false));
    assert_eq!(tunnel.output(), b"\x05\x01\0\x03\x0bexample.com\x01\xbb");
    assert_eq!(tunnel.output(), b"");
    for (host, expected) in [
        (Host::Ipv4([192, 0, 2, 7].into()), &b"\x05\x01\0\x01\xc0\0\x02\x07\x01\xbb"[..]),
        (
            Host::Ipv6("2001:db8::7".parse().unwrap()),
            b"\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x01\xbb",
        ),
    ] {
        let mut tunnel = Socks5::new(&host, 443, None).unwrap();
        drop(tunnel.output());
        assert_eq!(tunnel.receive(&mut &b"\x05\0"[..]), Ok(false));
        assert_eq!(tunnel.output(), expected);
    }
}

#[test]
fn socks5_sends_the_password_only_when_it_is_asked_for() {
    let mut tunnel = socks5(USER);
    assert_eq!(tunnel.output(), [5, 2, 0, 2]);
    assert_eq!(tunnel.receive(&mut &b"\x05\x02"[..]), Ok(false));
    assert_eq!(tunnel.output(), b"\x01\x04user\x07hunter2");
    assert_eq!(tunnel.receive(&mut &b"\x01\0"[..]), Ok(false));
    assert_eq!(tunnel.output(), b"\x05\x01\0\x03\x0bexample.com\x01\xbb");
    assert_eq!(tunnel.receive(&mut &OPEN[..]), Ok(true));

    let mut tunnel = socks5(USER);
    assert_eq!(tunnel.receive(&mut &b"\x05\0"[..]), Ok(false));
    let sent = tunnel.output();
    assert!(!sent.windows(7).any(|window| window == b"hunter2"));
    assert!(!format!("{tunnel:?}").contains("hunter2"));
}

#[test]
fn socks5_answers_of_all_kinds_open_the_tunnel() {
    let name = [&b"\x05\0\0\x03\xff"[..], &[b'x'; 255], b"\0\x50"].concat();
    for reply in [OPEN, b"\x05\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", b"\x05\0\xff\x03\0\0\0", &name] {
        assert_eq!(outcome5(None, &[b"\x05\0", reply, b"server"]), (Ok(true), b"server".to_vec()));
        // The version of the answer to the password is 1 or 5, depending on the proxy.
        assert_eq!(outcome5(USER, &[b"\x05\x02\x05\0", reply, b"\x05"]), (Ok(true), b"\x05".to_vec()));
        for len in 0..reply.len() {
            assert_eq!(outcome5(None, &[b"\x05\0", &reply[..len]]).0, Ok(false), "{len} bytes are not all of it");
        }
    }
}

#[test]
fn socks5_refusals_say_why() {
    for (code, expected) in [
        (1, "general failure"),
        (2, "its rules do not allow this host or port"),
        (3, "the network is unreachable from there"),
        (4, "the host is unreachable from there"),
        (5, "the host refuses the connection"),
        (6, "the host is too far away (TTL expired)"),
        (7, "it does not support CONNECT"),
        (8, "it does not support this type of address"),
        (200, "not a code that is known"),
    ] {
        // Some proxies send no address behind it.
        for rest in [&b""[..], b"\0\x01\0\0\0\0\0\0"] {
            let error = outcome5(None, &[b"\x05\0\x05", &[code], rest]).0.unwrap_err();
            assert_eq!(error, TunnelError::Socks5(code));
            assert_eq!(error.to_string(), format!("the proxy refused with SOCKS5 reply {code}: {expected}"));
        }
    }
    assert_eq!(outcome5(None, &[b"\x05\xff"]).0, Err(TunnelError::NoMethod { with_password: false }));
    assert_eq!(outcome5(USER, &[b"\x05\xff"]).0, Err(TunnelError::NoMethod { with_password: true }));
    for status in [1, 0xff] {
        assert_eq!(outcome5(USER, &[b"\x05\x02\x01", &[status]]).0, Err(TunnelError::WrongPassword));
    }
}

#[test]
fn socks5_answers_that_break_the_protocol_are_refused() {
    for (user, bytes) in [
        (None, &b"HTTP/1.1 400 Bad Request"[..]),
        (None, b"\x04\0"),
        (None, b"\0\x5a"),
        (None, b"\x05\x02\x01\0"),
        (None, b"\x05\x01"),
        (USER, b"\x05\x01"),
        (USER, b"\x05\x80"),
        (None, b"\x05\0\x01\0\0\x01\0\0\0\0\0\0"),
        (None, b"\x05\0\x05\0\0\x02\0\0\0\0\0\0"),
        (None, b"\x05\0\x05\0\0\0\0\0"),
    ] {
        let (result, _) = outcome5(user, &[bytes]);
        assert!(
            matches!(result, Err(TunnelError::Malformed { protocol: "a SOCKS5 proxy", .. })),
            "{bytes:?}: {result:?}"
        );
    }
    let mut tunnel = socks5(None);
    assert_eq!(tunnel.receive(&mut &b"\x05\0\x05\0\0"[..]), Ok(false));
    assert_eq!(tunnel.receive_eof(), TunnelError::Eof { received: 3 });
}

#[test]
fn socks_requests_that_do_not_fit_are_not_cut() {
    let long = "x".repeat(256);
    let with = |user, password| Socks5::new(&name("a"), 1, Some((user, password))).map(drop);
    for (user, password) in [("", "p"), ("u", ""), (&long, "p"), ("u", &long)] {
        assert_eq!(with(user, password), Err(RequestError::CredentialsLength));
    }
    assert_eq!(with(&long[1..], &long[1..]), Ok(()));
    let too_long = RequestError::NameTooLong { len: 256 };
    assert_eq!(Socks5::new(&name(&long), 1, None).map(drop), Err(too_long.clone()));
    assert_eq!(Socks5::new(&name(&long[1..]), 1, None).map(drop), Ok(()));
    assert_eq!(Socks4::new(&name(&long), 1, "").map(drop), Err(too_long));
    assert_eq!(Socks4::new(&name("a"), 1, "u\0").map(drop), Err(RequestError::InvalidUser));
    assert_eq!(Socks4::new(&name("a\0b"), 1, "").map(drop), Err(RequestError::InvalidHost));
    assert_eq!(Socks4::new(&Host::Ipv6([0; 16].into()), 1, "").map(drop), Err(RequestError::Ipv6));
}

#[test]
fn socks4_sends_an_address_or_with_4a_a_name() {
    assert_eq!(socks4().output(), b"\x04\x01\x01\xbb\0\0\0\x01user\0example.com\0");
    let mut tunnel = Socks4::new(&Host::Ipv4([192, 0, 2, 7].into()), 80, "").unwrap();
    assert_eq!(tunnel.output(), b"\x04\x01\0\x50\xc0\0\x02\x07\0");
    assert_eq!(tunnel.output(), b"");
    assert!(!format!("{:?}", socks4()).contains("user"));
}

#[test]
fn socks4_answers() {
    let outcome = |bytes: &[u8]| run_all_ways(&|| Box::new(socks4()), bytes);
    assert_eq!(outcome(b"\0\x5a\x01\x02\x03\x04\x05\x06server"), (Ok(true), b"server".to_vec()));
    assert_eq!(outcome(b"\0\x5a\x01\x02\x03\x04\x05").0, Ok(false));
    for (code, expected) in [(91, "rejected"), (92, "identd"), (93, "another user"), (0, "not a code")] {
        let error = outcome(&[0, code]).0.unwrap_err();
        assert_eq!(error, TunnelError::Socks4(code));
        assert!(error.to_string().contains(expected), "{error}");
    }
    for bytes in [&b"\x05\0"[..], b"HTTP/1.1", b"\x04\x5a\0\0\0\0\0\0"] {
        let (result, _) = outcome(bytes);
        assert!(matches!(result, Err(TunnelError::Malformed { protocol: "a SOCKS4 proxy", .. })), "{result:?}");
    }
}
