//! The bodies of refusals, as a client receives them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use super::super::{ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Refusal};

fn new_client() -> ClientHandshake {
    let request = ClientRequest::new("a", "/");
    ClientHandshake::new(&request, [0; 16], HeadLimits::default()).unwrap()
}

#[track_caller]
fn refusal(error: HandshakeError) -> Refusal {
    match error {
        HandshakeError::Refused(refusal) => *refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn item_4_refusals_with_their_bodies() {
    let cases: &[(&str, &str, bool)] = &[
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello", "hello", false),
        ("HTTP/1.0 404 Not Found\r\nContent-Length: 5\r\n\r\nhello more", "hello", false),
        ("HTTP/1.1 404 X\r\nContent-Length: 3, 3\r\nContent-Length: 3\r\n\r\nhello", "hel", false),
        ("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\nhello", "", false),
        ("HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nhello", "", false),
        ("HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", "", false),
        (
            "HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n3;a=\"b\"\r\nhel\r\nA \r\nlo, world!\r\n0\r\n",
            "hello, world!",
            false,
        ),
        ("HTTP/1.1 500 X\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n00001\r\nx\r\n000\r\n", "x", false),
        ("HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhelx", "hel", true),
        ("HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n;\r\n", "", true),
        ("HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "", true),
        ("HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", "", true),
    ];
    for (bytes, body, truncated) in cases {
        let refusal = refusal(new_client().receive(bytes.as_bytes()).unwrap_err());
        assert_eq!((&*refusal.body, refusal.body_truncated), (body.as_bytes(), *truncated), "{bytes}");
    }
}

/// A peer could send each of these without end, and faster than it is read, so that no time limit would be noticed.
#[test]
fn item_10_endless_framing_of_a_refusal_ends_it() {
    for (begin, endless) in [("1;", "a"), ("", "0"), ("1\r\nx", "\r"), ("", "1\r\nx\r\n")] {
        let mut client = new_client();
        let head = format!("HTTP/1.1 407 X\r\nTransfer-Encoding: chunked\r\n\r\n{begin}");
        assert_eq!(client.receive(head.as_bytes()), Ok(None));
        let bytes = endless.repeat(512);
        let refused = (0..1000).find_map(|_| client.receive(bytes.as_bytes()).err());
        let refusal = refusal(refused.expect("it goes on for ever"));
        assert!(refusal.body_truncated && refusal.body.len() <= 64 << 10, "{endless:?}");
    }
}

/// The bytes behind the last chunk would be taken for the beginning of the next answer.
#[test]
fn item_5_a_connection_with_a_chunked_refusal_is_not_used_again() {
    for (rest, reusable) in
        [("Transfer-Encoding: chunked\r\n\r\n0\r\n", false), ("Content-Length: 2\r\n\r\nno", true)]
    {
        let mut client = new_client();
        refusal(client.receive(format!("HTTP/1.1 401 X\r\n{rest}").as_bytes()).unwrap_err());
        assert_eq!(client.is_reusable(), reusable, "{rest}");
    }
}

#[test]
fn item_4_refusals_that_end_with_the_stream_or_the_deadline() {
    let cases: &[(&str, &str, bool)] = &[
        ("\r\nhello", "hello", false),
        ("\r\n", "", false),
        ("Transfer-Encoding: gzip\r\n\r\nhello", "hello", false),
        ("Transfer-Encoding: chunked, gzip\r\n\r\nhello", "hello", false),
        ("Content-Length: 9\r\n\r\nhello", "hello", true),
        ("Content-Length: x\r\n\r\nhello", "hello", false),
        ("Content-Length: +5\r\n\r\nhello", "hello", false),
        ("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "hello", false),
        ("Content-Length: 99999999999999999999\r\n\r\nhello", "hello", false),
        ("Transfer-Encoding: chunked\r\n\r\n9\r\nhello", "hello", true),
    ];
    for (rest, body, truncated) in cases {
        let mut client = new_client();
        assert_eq!(client.give_up(), None);
        let bytes = format!("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n{rest}");
        assert_eq!(client.receive(bytes.as_bytes()), Ok(None), "{rest}");
        let error = client.receive_eof();
        let refusal = refusal(error.clone());
        assert_eq!((&*refusal.body, refusal.body_truncated), (body.as_bytes(), *truncated), "{rest}");
        assert_eq!(refusal.headers["www-authenticate"], "Basic");
        assert_eq!(client.receive(b"x"), Err(error.clone()));
        assert_eq!(client.receive_eof(), error);

        let mut client = new_client();
        assert_eq!(client.receive(bytes.as_bytes()), Ok(None), "{rest}");
        let error = client.give_up().unwrap();
        assert_eq!(client.give_up(), Some(error.clone()));
        let HandshakeError::Refused(refusal) = error else { panic!("{error:?}") };
        assert_eq!((&*refusal.body, refusal.body_truncated), (body.as_bytes(), true), "{rest}");
    }
}

#[test]
fn item_4_the_body_of_a_refusal_is_cut() {
    for (limit, framing, body, expected, truncated) in [
        (4, "Content-Length: 5\r\n\r\n", "hello", "hell", true),
        (5, "Content-Length: 5\r\n\r\n", "hello", "hello", false),
        (0, "Content-Length: 5\r\n\r\n", "", "", true),
        (0, "Content-Length: 0\r\n\r\n", "", "", false),
        (4, "\r\n", "hello", "hell", true),
        (4, "Transfer-Encoding: chunked\r\n\r\n", "3\r\nhel\r\n2\r\nlo\r\n", "hell", true),
        (9, "Content-Length: 18446744073709551615\r\n\r\n", "hello, world", "hello, wo", true),
    ] {
        let limits = HeadLimits { max_refusal_body: limit, ..HeadLimits::default() };
        let mut client = ClientHandshake::new(&ClientRequest::new("a", "/"), [0; 16], limits).unwrap();
        let bytes = format!("HTTP/1.1 503 Busy\r\n{framing}{body}");
        let refusal = refusal(client.receive(bytes.as_bytes()).unwrap_err());
        assert_eq!((&*refusal.body, refusal.body_truncated), (expected.as_bytes(), truncated));
        assert!(refusal.body.capacity() <= 64);
    }
}
