//! The server's half, by RFC section and by item of the strictness list (ARCHITECTURE.md).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use http::StatusCode;
use http::header::HeaderName;

use super::*;

/// The headers of a valid request.
const HEADERS: [(&str, &str); 5] = [
    ("Host", "example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

fn receive(bytes: impl AsRef<[u8]>) -> Result<Option<Request>, Rejection> {
    ServerHandshake::new(HeadLimits::default()).receive(bytes.as_ref())
}

/// A valid request with another request line.
fn with_line(line: &str) -> Result<Request, Rejection> {
    let lines: String = HEADERS.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    receive(format!("{line}\r\n{lines}\r\n")).map(Option::unwrap)
}

/// A valid request with these lines instead of the header `name`.
fn with_header(name: &str, lines: &str) -> Result<Request, Rejection> {
    let others = HEADERS.iter().filter(|(other, _)| *other != name);
    let others: String = others.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    receive(format!("GET / HTTP/1.1\r\n{others}{lines}\r\n")).map(Option::unwrap)
}

/// A valid request with these lines added.
fn plus(lines: &str) -> Result<Request, Rejection> {
    with_header("", lines)
}

#[track_caller]
fn status(result: Result<Request, Rejection>) -> u16 {
    result.unwrap_err().status().as_u16()
}

#[test]
fn rfc_1_3_the_sample_handshake() {
    let bytes = "GET /chat?room=1 HTTP/1.1\r\n\
        Host: server.example.com\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Origin: http://example.com\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\n\
        Sec-WebSocket-Extensions: foo; bar, foo\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n\u{81}";
    let mut request = receive(bytes).unwrap().unwrap();
    assert_eq!(request.target(), "/chat?room=1");
    assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
    assert_eq!(request.host(), "server.example.com");
    assert_eq!(request.origin(), Some("http://example.com"));
    assert_eq!(request.subprotocols(), ["chat", "superchat"]);
    assert_eq!(request.extensions(), [Extension::new("foo").with_flag("bar"), Extension::new("foo")]);
    assert_eq!(request.headers().len(), 8);
    // Item 5: bytes after the head are frames.
    assert_eq!(request.take_leftover(), "\u{81}".as_bytes());
    assert_eq!(request.take_leftover(), b"");

    let headers = Headers::new().with("Set-cookie", "a=b").unwrap().with("set-Cookie", "c=d").unwrap();
    let answer = request.accept(Some("superchat"), &[Extension::new("foo")], &headers).unwrap();
    assert_eq!(
        String::from_utf8(answer).unwrap(),
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         Sec-WebSocket-Protocol: superchat\r\n\
         Sec-WebSocket-Extensions: foo\r\n\
         Set-cookie: a=b\r\n\
         set-Cookie: c=d\r\n\r\n"
    );
}

/// Requests as clients in use send them: values in any case, in lists, in several headers.
#[test]
fn requests_as_real_clients_send_them_are_accepted() {
    for (name, lines) in [
        ("Upgrade", "upgrade: WebSocket\r\n"),
        ("Upgrade", "Upgrade: h2c\r\nUpgrade:\twebsocket \r\n"),
        ("Connection", "connection:keep-alive,upgrade\r\n"),
        ("Connection", "Connection: keep-alive\r\nConnection: Upgrade\t\r\n"),
        ("", "Content-Length: 0\r\n"),
        ("", "Pragma: no-cache\r\nSec-Fetch-Mode: websocket\r\n"),
        ("", "Cookie: caf\u{e9}\r\nX-Empty:\r\n"),
        ("Host", "Host: [::1]:8080\r\n"),
        // The RFC's own example of a key (4.1 item 7) has unused bits set.
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n"),
    ] {
        let request = with_header(name, lines).unwrap();
        assert_eq!(request.origin(), None);
        assert!(request.subprotocols().is_empty() && request.extensions().is_empty());
    }
    // An empty line before the request (RFC 7230 3.5).
    assert!(with_line("\r\nGET / HTTP/1.1").is_ok());
    assert_eq!(status(with_line("\r\n\r\nGET / HTTP/1.1")), 400);
}

#[test]
fn item_3_method_and_version() {
    for (line, expected) in [
        ("POST / HTTP/1.1", 405),
        ("HEAD / HTTP/1.1", 405),
        ("get / HTTP/1.1", 405),
        ("GETS / HTTP/1.1", 405),
        ("OPTIONS * HTTP/1.1", 405),
        ("CONNECT example.com:80 HTTP/1.1", 405),
        ("GET / HTTP/1.0", 505),
        ("GET / HTTP/1.2", 505),
        ("GET / HTTP/2.0", 505),
        ("PRI * HTTP/2.0", 505),
        ("GET /", 400),
        ("GET", 400),
        ("GET / HTTP/1.1 ", 400),
        ("GET  / HTTP/1.1", 400),
        ("GET /\tHTTP/1.1", 400),
        ("GET / HTTP/1", 400),
        ("GET / HTTP/11", 400),
        ("GET / http/1.1", 400),
        ("GET / a HTTP/1.1", 400),
        (" GET / HTTP/1.1", 400),
        ("G@T / HTTP/1.1", 400),
        ("", 400),
    ] {
        assert_eq!(status(with_line(line)), expected, "{line}");
    }
    let rejection = with_line("POST / HTTP/1.1").unwrap_err();
    assert_eq!(rejection.headers().get("allow").unwrap(), "GET");
    // The response to HEAD states the length of the body but has no body.
    let head = with_line("HEAD / HTTP/1.1").unwrap_err();
    let text = String::from_utf8(head.to_bytes()).unwrap();
    assert!(text.contains("Content-Length: 25\r\n") && text.ends_with("\r\n\r\n"), "{text}");
}

#[test]
fn rfc_4_1_item_3_targets() {
    for (target, resource_name, host) in [
        ("/", "/", "example.com"),
        ("/a/b?c?d", "/a/b?c?d", "example.com"),
        ("//a", "//a", "example.com"),
        ("/http://a/", "/http://a/", "example.com"),
        ("http://other", "/", "other"),
        ("HTTPS://other:1/a?b", "/a?b", "other:1"),
        ("ws://[::1]?b", "/?b", "[::1]"),
        ("wss://other/", "/", "other"),
    ] {
        let request = with_line(&format!("GET {target} HTTP/1.1")).unwrap();
        assert_eq!((request.target(), request.host()), (resource_name, host), "{target}");
    }
    for target in
        ["*", "a", "?a", "example.com:80", "ftp://a/", "http:/a", "http:///a", "http://u@a/", "://a", "http://"]
    {
        assert_eq!(status(with_line(&format!("GET {target} HTTP/1.1"))), 400, "{target}");
    }
    for (target, what) in [
        ("/a b", "a space"),
        ("http://a b/", "a space"),
        ("/a\tb", "a control character"),
        ("/\u{e4}\t", "a control character"),
        ("/a\0b", "a control character"),
        ("/a\x7fb", "a control character"),
        ("/#", "a fragment"),
        ("/a#b", "a fragment"),
        ("*", "neither a path nor an absolute URL"),
        ("http://\u{e4}/", "neither a path nor an absolute URL"),
        ("http://\u{e4}/\u{e4}", "neither a path nor an absolute URL"),
        ("\u{e4}", "neither a path nor an absolute URL"),
    ] {
        let rejection = with_line(&format!("GET {target} HTTP/1.1")).unwrap_err();
        assert_eq!(rejection.status(), StatusCode::BAD_REQUEST, "{target:?}");
        assert!(rejection.reason().contains(what), "{target:?}: {rejection}");
    }
}

#[test]
fn a_target_with_non_ascii_bytes_is_available_percent_encoded_and_raw() {
    let whole = |target: &[u8]| {
        let mut bytes = b"GET ".to_vec();
        bytes.extend_from_slice(target);
        bytes.extend_from_slice(b" HTTP/1.1\r\n");
        for (name, value) in HEADERS {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        receive(bytes).unwrap().unwrap()
    };
    for (sent, target, raw) in [
        ("/caf\u{e9}?q=\u{fc}".as_bytes(), "/caf%C3%A9?q=%C3%BC", "/caf\u{e9}?q=\u{fc}".as_bytes()),
        (b"/\xe4?\xff\x80", "/%E4?%FF%80", b"/\xe4?\xff\x80"),
        ("/%C3%A9\u{e9}%".as_bytes(), "/%C3%A9%C3%A9%", "/%C3%A9\u{e9}%".as_bytes()),
        ("ws://other/\u{e9}".as_bytes(), "/%C3%A9", "/\u{e9}".as_bytes()),
        ("ws://other?\u{e9}".as_bytes(), "/?%C3%A9", "/?\u{e9}".as_bytes()),
        (b"/%C3%A9?a", "/%C3%A9?a", b"/%C3%A9?a"),
    ] {
        let request = whole(sent);
        assert_eq!((request.target(), request.raw_target()), (target, raw), "{target}");
    }
    let request = whole("/\u{1f600}?\u{1f600}".as_bytes());
    assert_eq!((request.path(), request.query()), ("/%F0%9F%98%80", Some("%F0%9F%98%80")));
}

#[test]
fn item_3_exactly_one_host() {
    for lines in [
        "",
        "Host:\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: a, b\r\n",
        "Host: a b\r\n",
        "Host: http://a\r\n",
        "Host: u@a\r\n",
        "Host: a:b\r\n",
        "Host: \u{e4}\r\n",
    ] {
        assert_eq!(status(with_header("Host", lines)), 400, "{lines}");
    }
    // A target in absolute form is no substitute for it (RFC 7230 5.4).
    let bytes = "GET http://a/ HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    assert_eq!(receive(bytes).unwrap_err().status(), StatusCode::BAD_REQUEST);
}

#[test]
fn item_3_upgrade_and_connection() {
    for (name, lines) in [
        ("Upgrade", ""),
        ("Upgrade", "Upgrade: h2c\r\n"),
        ("Upgrade", "Upgrade: websocket2, xwebsocket\r\n"),
        ("Upgrade", "Upgrade: web socket\r\n"),
        ("Connection", ""),
        ("Connection", "Connection: keep-alive\r\n"),
        ("Connection", "Connection: no-upgrade, upgrades\r\n"),
    ] {
        let rejection = with_header(name, lines).unwrap_err();
        assert_eq!(rejection.status(), StatusCode::UPGRADE_REQUIRED, "{lines}");
    }
    // A browser that opens the address as a page.
    let rejection = receive("GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n").unwrap_err();
    let text = String::from_utf8(rejection.to_bytes()).unwrap();
    assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{text}");
    assert!(text.contains("\r\nUpgrade: websocket\r\nConnection: close, Upgrade\r\n"), "{text}");
    assert!(text.contains("this is a WebSocket endpoint"), "{text}");
}

#[test]
fn item_3_exactly_one_version_that_is_13() {
    for lines in [
        "",
        "Sec-WebSocket-Version:\r\n",
        "Sec-WebSocket-Version: 12\r\n",
        "Sec-WebSocket-Version: 013\r\n",
        "Sec-WebSocket-Version: 13, 8\r\n",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n",
    ] {
        let rejection = with_header("Sec-WebSocket-Version", lines).unwrap_err();
        assert_eq!(rejection.status(), StatusCode::UPGRADE_REQUIRED, "{lines}");
        let text = String::from_utf8(rejection.to_bytes()).unwrap();
        assert!(text.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{text}");
    }
}

#[test]
fn item_3_exactly_one_key_of_16_bytes() {
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for lines in [
        "",
        "Sec-WebSocket-Key:\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQA=\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j==\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA==\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==AAAA\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j-_==\r\n",
        "Sec-WebSocket-Key: dGhl IHNhbXBsZSBub25jZ==\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25\u{e4}==\r\n",
        &key.repeat(2),
    ] {
        assert_eq!(status(with_header("Sec-WebSocket-Key", lines)), 400, "{lines}");
    }
}

#[test]
fn item_3_no_body() {
    for lines in [
        "Content-Length: 1\r\n",
        "Content-Length: 00\r\n",
        "Content-Length: -0\r\n",
        "Content-Length:\r\n",
        "Content-Length: 0, 0\r\n",
        "Content-Length: 0\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n",
    ] {
        assert_eq!(status(plus(lines)), 400, "{lines}");
    }
}

#[test]
fn item_24_one_origin_at_most() {
    assert_eq!(plus("Origin: null\r\n").unwrap().origin(), Some("null"));
    assert_eq!(plus("Origin:\r\n").unwrap().origin(), Some(""));
    assert_eq!(status(plus("Origin: http://a\r\nOrigin: http://b\r\n")), 400);
    assert_eq!(status(plus("Origin: http://\u{e4}\r\n")), 400);
}

#[test]
fn rfc_4_1_item_10_subprotocols() {
    for (lines, expected) in [
        ("Sec-WebSocket-Protocol: a\r\n", &["a"][..]),
        ("Sec-WebSocket-Protocol: b,a ,\tc\r\n", &["b", "a", "c"]),
        ("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: A\r\n", &["a", "A"]),
        ("Sec-WebSocket-Protocol: ,a,,\r\nSec-WebSocket-Protocol:\r\n", &["a"]),
        // Counts as absent.
        ("Sec-WebSocket-Protocol:\r\n", &[]),
        ("Sec-WebSocket-Protocol: \t \r\n", &[]),
        ("Sec-WebSocket-Protocol: , \r\nSec-WebSocket-Protocol:\r\n", &[]),
    ] {
        assert_eq!(plus(lines).unwrap().subprotocols(), expected, "{lines}");
    }
    for lines in [
        "Sec-WebSocket-Protocol: a b\r\n",
        "Sec-WebSocket-Protocol: a;q=1\r\n",
        "Sec-WebSocket-Protocol: \"a\"\r\n",
        "Sec-WebSocket-Protocol: \u{e4}\r\n",
        "Sec-WebSocket-Protocol: a, b, a\r\n",
        "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n",
    ] {
        assert_eq!(status(plus(lines)), 400, "{lines}");
    }
}

#[test]
fn rfc_9_1_a_malformed_extension_header_is_refused() {
    for value in ["a;", ";", "a b", "a; b=\"", "a; b=\"c d\""] {
        assert_eq!(status(plus(&format!("Sec-WebSocket-Extensions: {value}\r\n"))), 400, "{value}");
    }
    for value in ["", " ", ",", " ,\t, ", "\r\nSec-WebSocket-Extensions: "] {
        let request = plus(&format!("Sec-WebSocket-Extensions: {value}\r\n")).unwrap();
        assert_eq!(request.extensions(), [], "{value:?} is as good as none");
    }
    let lines = "Sec-WebSocket-Extensions: a\r\nsec-websocket-extensions: b; c=\"1\"\r\n";
    let expected = [Extension::new("a"), Extension::new("b").with_param("c", "1")];
    assert_eq!(plus(lines).unwrap().extensions(), expected);
}

#[test]
fn rfc_4_2_2_what_a_response_may_contain() {
    let request = plus("Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: x, y\r\n").unwrap();
    let none = Headers::new();
    for chosen in ["c", "A", "", "a, b", "a\r\nx: y"] {
        let error = request.accept(Some(chosen), &[], &none).unwrap_err();
        assert_eq!(error, ResponseError::UnexpectedSubprotocol(chosen.into()));
        assert!(!error.to_string().contains(['\r', '\n']));
    }
    let [x, y, z] = ["x", "y", "z"].map(Extension::new);
    assert!(request.accept(None, &[y.clone(), x.clone()], &none).is_ok());
    for (chosen, name) in [([y, z], "z"), ([x.clone(), x.clone()], "x")] {
        let error = request.accept(None, &chosen, &none).unwrap_err();
        assert_eq!(error, ResponseError::UnexpectedExtension(name.into()));
    }
    let error = request.accept(None, &[x.with_param("a", "b c")], &none).unwrap_err();
    assert_eq!(error, ResponseError::InvalidExtension("x".into()));
    for name in ["connection", "upgrade", "sec-websocket-accept", "content-length", "sec-websocket-x"] {
        let headers = Headers::new().with(name.to_uppercase(), "1").unwrap();
        let error = request.accept(None, &[], &headers).unwrap_err();
        assert_eq!(error, ResponseError::ReservedHeader(HeaderName::from_static(name)));
    }
}

#[test]
fn item_19_every_end_is_final() {
    let mut server = ServerHandshake::new(HeadLimits::default());
    assert_eq!(server.receive_eof(), Truncated { received: 0 });
    assert!(server.receive(b"GET / HT").unwrap().is_none());
    assert_eq!(server.receive_eof(), Truncated { received: 8 });
    let rejection = server.give_up();
    assert_eq!(rejection.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(server.receive(b"TP/1.1\r\n").unwrap_err(), rejection);

    let mut server = ServerHandshake::new(HeadLimits::default());
    let rejection = server.receive(b"\x16\x03\x01").unwrap_err();
    assert!(rejection.reason().contains("TLS"));
    assert_eq!(server.receive(b"GET / HTTP/1.1\r\n\r\n").unwrap_err(), rejection);
    assert_eq!(server.give_up(), rejection);
}

#[test]
fn a_rejection_never_repeats_what_was_sent_and_debug_shows_no_secrets() {
    let rejection = with_header("Host", "Host: <script>\r\n").unwrap_err();
    assert!(!String::from_utf8(rejection.to_bytes()).unwrap().contains("script"));
    let request = plus("Authorization: Basic hunter2\r\nCookie: hunter2\r\n").unwrap();
    assert!(!format!("{request:?}").contains("hunter2"));
    assert_eq!(request.headers()["cookie"], "hunter2");
}
