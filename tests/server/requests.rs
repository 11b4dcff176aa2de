//! Requests that are invalid, slow, too large or from the wrong origin.

use super::*;

#[test]
fn item_2_a_slow_client_is_cut_by_the_total_time_limit() {
    limited(|| {
        let server = serve_echo(builder().handshake_timeout(Some(Duration::from_millis(300))));
        let mut raw = server.raw();
        let (took, answered) = timed(|| {
            // Each byte arrives soon enough, but all of them together would take seconds.
            raw.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            format!("{REQUEST}\r\n").bytes().any(|byte| {
                raw.send([byte]);
                match raw.more() {
                    Ok(_) => true,
                    Err(error) => {
                        assert!(is_timeout(&error), "{error}");
                        false
                    }
                }
            })
        });
        assert!(answered && took >= Duration::from_millis(250), "{took:?}");
        assert!(took < Duration::from_secs(2), "{took:?}");
        limit(&raw.stream);
        assert_eq!(status(&refusal(&mut raw).0), 408);
    });
}

#[test]
fn item_2_a_silent_client_is_answered_408() {
    limited(|| {
        let server = serve_echo(builder().handshake_timeout(Some(Duration::from_millis(50))));
        assert_eq!(status(&refusal(&mut server.raw()).0), 408);
    });
}

#[test]
fn item_2_the_408_response_arrives_although_the_client_keeps_sending() {
    limited(|| {
        let server = serve_echo(builder().handshake_timeout(Some(Duration::from_secs(2))));
        let mut raw = server.raw();
        raw.send(REQUEST);
        // Once the response has arrived:
        raw.stream.peek(&mut [0]).unwrap();
        (0..10).for_each(|_| raw.send([b'x'; 10_000]));
        assert_eq!(status(&refusal(&mut raw).0), 408);
    });
}

#[test]
fn item_2_a_client_that_sends_one_byte_at_a_time_is_served() {
    limited(|| {
        let server = serve_echo(builder());
        let mut raw = server.raw();
        for byte in format!("{REQUEST}\r\n").bytes() {
            raw.send([byte]);
        }
        raw.is_opened();
    });
}

/// What to replace in a valid request, with what, and the status of the response.
const WRONG: &[(&str, &str, u16)] = &[
    ("Upgrade: websocket\r\n", "", 426),
    ("Upgrade: websocket", "Upgrade: h2c", 426),
    ("Connection: Upgrade", "Connection: notupgrade", 426),
    ("Version: 13", "Version: 12", 426),
    ("Host: localhost\r\n", "", 400),
    ("Host: localhost\r\n", "Host: a\r\nHost: b\r\n", 400),
    ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400),
    ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 400),
    ("Host: localhost", "Host: localhost\r\nTransfer-Encoding: chunked", 400),
    ("Host: localhost", "Host: localhost\r\nContent-Length: 204800", 400),
    ("Host: localhost", "Host : localhost", 400),
    ("Host: localhost", "Host: localhost\r\n folded", 400),
    ("Host: localhost", "Host: local\0host", 400),
    ("Host: localhost\r\n", "Host: localhost\n", 400),
    ("GET /chat", "POST /chat", 405),
    ("GET /chat", "GET chat", 400),
    ("HTTP/1.1", "HTTP/1.0", 505),
    ("GET /chat HTTP/1.1", "\u{16}\u{3}\u{1}", 400),
];

#[test]
fn item_3_invalid_requests_get_a_complete_response() {
    limited(|| {
        let server = serve_echo(builder());
        let begin = Instant::now();
        for &(right, wrong, expected) in WRONG {
            let mut raw = server.raw();
            assert!(REQUEST.contains(right), "{right}");
            raw.send(format!("{}\r\n", REQUEST.replacen(right, wrong, 1)));
            let (head, _) = refusal(&mut raw);
            assert_eq!(status(&head), expected, "{wrong:?}: {head}");
            if expected == 426 {
                assert_eq!(header(&head, "upgrade"), Some("websocket"));
                assert_eq!(header(&head, "sec-websocket-version"), Some("13"));
            }
        }
        // The server ends the stream at once, and only then waits for the client.
        let each = begin.elapsed() / u32::try_from(WRONG.len()).unwrap();
        assert!(each < Duration::from_secs(1), "{each:?} each");
    });
}

#[test]
fn item_3_a_refusal_arrives_although_the_client_keeps_sending() {
    limited(|| {
        let server = serve_echo(builder());
        for (right, wrong, expected) in [WRONG[9], WRONG[14]] {
            let mut raw = server.raw();
            let head = REQUEST.replacen(right, wrong, 1);
            raw.send([format!("{head}\r\n").as_bytes(), &[b'x'; 200 << 10]].concat());
            assert_eq!(status(&refusal(&mut raw).0), expected);
        }
    });
}

#[test]
fn item_1_heads_over_the_limits_are_refused() {
    limited(|| {
        let server = serve_echo(builder());
        let long_header = format!("{REQUEST}X: {}\r\n\r\n", "x".repeat(16 << 10));
        let many_headers = format!("{REQUEST}{}\r\n", "X: y\r\n".repeat(100));
        let long_target = REQUEST.replacen("/chat", &format!("/{}", "x".repeat(8 << 10)), 1) + "\r\n";
        for (request, expected) in [(long_header, 431), (many_headers, 431), (long_target, 414)] {
            let mut raw = server.raw();
            raw.send(request);
            assert_eq!(status(&refusal(&mut raw).0), expected);
        }
    });
}

#[test]
fn item_5_frames_in_the_segment_of_the_request_are_received() {
    limited(|| {
        let server = serve_echo(builder());
        let mut raw = server.raw();
        raw.send(
            [format!("{REQUEST}\r\n").as_bytes(), &masked(TEXT, "early"), &masked(BINARY, [7; 1500])].concat(),
        );
        raw.is_opened();
        assert_eq!(raw.frame(), Frame { first: TEXT, masked: false, payload: b"early".to_vec() });
        assert_eq!(raw.frame(), Frame { first: BINARY, masked: false, payload: vec![7; 1500] });
    });
}

#[test]
fn item_24_origins() {
    limited(|| {
        let list = || OriginPolicy::List(vec!["https://app.example".into()]);
        for (policy, origin, expected) in [
            (OriginPolicy::Any, Some("http://evil.example"), 101),
            (OriginPolicy::SameOrigin, Some("http://localhost"), 101),
            (OriginPolicy::SameOrigin, Some("https://localhost"), 101),
            (OriginPolicy::SameOrigin, Some("https://localhost:443"), 101),
            (OriginPolicy::SameOrigin, Some("http://localhost:81"), 403),
            (OriginPolicy::SameOrigin, Some("https://localhost:81"), 403),
            (OriginPolicy::SameOrigin, Some("https://localhost.evil.example"), 403),
            (OriginPolicy::SameOrigin, Some("http://localhost.evil.example"), 403),
            (OriginPolicy::SameOrigin, Some("null"), 403),
            (OriginPolicy::SameOrigin, None, 101),
            (list(), Some("https://app.example"), 101),
            (list(), Some("https://app.example:443"), 101),
            (list(), Some("http://app.example"), 403),
            (list(), Some("http://localhost"), 403),
            (list(), None, 101),
        ] {
            let server = serve_echo(builder().origins(policy.clone()));
            let mut raw = server.raw();
            let origin_line = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
            raw.send(format!("{REQUEST}{origin_line}\r\n"));
            if expected == 101 {
                raw.is_opened();
            } else {
                assert_eq!(status(&refusal(&mut raw).0), expected, "{policy:?} {origin:?}");
            }
        }
    });
}

#[test]
fn item_24_behind_a_tls_proxy_pages_of_the_public_scheme_may_connect() {
    limited(|| {
        let request = |options: ServerBuilder, host: &str, origin: &str| {
            let server = serve_echo(options.origins(OriginPolicy::SameOrigin));
            let mut raw = server.raw();
            let request = REQUEST.replace("Host: localhost", &format!("Host: {host}"));
            raw.send(format!("{request}Origin: {origin}\r\n\r\n"));
            status(&raw.head())
        };
        // nginx and HAProxy pass on what browsers send: a port unless it is the default.
        for (host, origin) in [
            ("example.com", "https://example.com"),
            ("example.com:443", "https://example.com"),
            ("example.com:8443", "https://example.com:8443"),
        ] {
            assert_eq!(request(builder(), host, origin), 101, "{host} {origin}");
            assert_eq!(request(builder().public_scheme(Scheme::Https), host, origin), 101, "{host} {origin}");
            assert_eq!(request(builder().public_scheme(Scheme::Http), host, origin), 403, "{host} {origin}");
        }
        assert_eq!(request(builder(), "example.com", "http://example.com"), 101);
        assert_eq!(request(builder().public_scheme(Scheme::Http), "example.com", "http://example.com"), 101);
        assert_eq!(request(builder().public_scheme(Scheme::Https), "example.com", "http://example.com"), 403);
        assert_eq!(request(builder().public_scheme(Scheme::Https), "example.com:80", "http://example.com"), 403);
    });
}

#[test]
fn item_24_two_origins_are_refused() {
    limited(|| {
        let server = serve_echo(builder().origins(OriginPolicy::SameOrigin));
        let mut raw = server.raw();
        raw.send(format!("{REQUEST}Origin: http://localhost\r\nOrigin: http://evil.example\r\n\r\n"));
        assert_eq!(status(&refusal(&mut raw).0), 400);
    });
}
