//! Examining a request, then accepting or rejecting it.

use super::*;

/// A listener that accepts one request, and a client that sends it.
fn one_request(options: ServerBuilder, headers: &str) -> (landline::server::Request, Raw<TcpStream>) {
    let listener = options.listen("127.0.0.1:0").unwrap();
    let mut raw = Raw::connect(listener.local_addr().unwrap());
    raw.send(format!("{REQUEST}{headers}\r\n"));
    (listener.accept().unwrap(), raw)
}

#[test]
fn a_request_can_be_examined_and_rejected() {
    limited(|| {
        let offers = "Sec-WebSocket-Protocol: a, b\r\nOrigin: http://page.example\r\nX-Token: t\r\n";
        let (request, mut raw) = one_request(builder(), offers);
        assert_eq!((request.path(), request.query(), request.host()), ("/chat", None, "localhost"));
        assert_eq!(request.origin(), Some("http://page.example"));
        assert_eq!(request.subprotocols(), ["a", "b"]);
        assert_eq!(request.headers()["x-token"], "t");
        assert_eq!(request.peer_addr(), Some(raw.stream.local_addr().unwrap()));

        let headers = Headers::new().with("WWW-Authenticate", "Basic realm=\"x\"").unwrap();
        let headers = headers.with("Content-type", "application/json").unwrap();
        let reading = thread::spawn(move || refusal(&mut raw));
        request.reject(StatusCode::UNAUTHORIZED, headers, "{}").unwrap();
        let (head, body) = reading.join().unwrap();
        assert_eq!((status(&head), &body[..]), (401, "{}"));
        assert!(head.contains("\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"), "{head}");
        assert_eq!(header(&head, "content-type"), Some("application/json"));
        assert!(head.contains("\r\nContent-type: application/json\r\n"), "{head}");
    });
}

#[test]
fn non_ascii_targets_and_empty_lists_are_accepted() {
    limited(|| {
        let listener =
            builder().subprotocols(["a"]).compression(Compression::default()).listen("127.0.0.1:0").unwrap();
        let mut raw = Raw::connect(listener.local_addr().unwrap());
        let lists = "Sec-WebSocket-Protocol: \r\nSec-WebSocket-Extensions:\r\n";
        let line = "GET /caf\u{e9}?q=\u{fc} HTTP/1.1\r\n";
        raw.send(format!("{}{lists}\r\n", REQUEST.replace("GET /chat HTTP/1.1\r\n", line)));
        let request = listener.accept().unwrap();
        assert_eq!((request.path(), request.query()), ("/caf%C3%A9", Some("q=%C3%BC")));
        assert_eq!(request.raw_target(), "/caf\u{e9}?q=\u{fc}".as_bytes());
        let ws = request.accept().unwrap();
        assert_eq!(ws.handshake().target, "/caf%C3%A9?q=%C3%BC");
        assert_eq!((&ws.handshake().subprotocol, &ws.handshake().compression), (&None, &None));
        let head = raw.is_opened();
        assert_eq!(header(&head, "sec-websocket-protocol"), None);
        assert_eq!(header(&head, "sec-websocket-extensions"), None);
    });
}

#[test]
fn a_rejection_that_cannot_be_sent_becomes_500() {
    limited(|| {
        let mut length = HeaderMap::new();
        length.insert("content-length", HeaderValue::from_static("7"));
        for (status_code, headers) in
            [(StatusCode::SWITCHING_PROTOCOLS, HeaderMap::new()), (StatusCode::NOT_FOUND, length)]
        {
            let (request, mut raw) = one_request(builder(), "");
            let reading = thread::spawn(move || refusal(&mut raw));
            let error = request.reject(status_code, headers, "").unwrap_err();
            assert!(matches!(error, Error::Config(_)), "{error}");
            assert_eq!(status(&reading.join().unwrap().0), 500);
        }
    });
}

#[test]
fn a_dropped_request_is_rejected_with_500() {
    limited(|| {
        let (request, mut raw) = one_request(builder(), "");
        let reading = thread::spawn(move || refusal(&mut raw));
        drop(request);
        assert_eq!(status(&reading.join().unwrap().0), 500);
    });
}

#[test]
fn a_request_is_accepted_with_a_subprotocol_and_headers() {
    limited(|| {
        let (request, mut raw) = one_request(builder(), "Sec-WebSocket-Protocol: a, b\r\n");
        let headers = Headers::new().with("Set-COOKIE", "id=1").unwrap();
        let ws = request.accept_with(Some("b"), headers).unwrap();
        assert_eq!(ws.handshake().subprotocol.as_deref(), Some("b"));
        assert_eq!(ws.handshake().target, "/chat");
        let head = raw.is_opened();
        assert_eq!(header(&head, "sec-websocket-protocol"), Some("b"));
        assert!(head.contains("\r\nSet-COOKIE: id=1\r\n"), "{head}");
        // This is the value that RFC 6455 1.3 computes.
        assert_eq!(header(&head, "sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    });
}

#[test]
fn accepting_a_subprotocol_that_was_not_offered_is_refused() {
    limited(|| {
        let reserved = |name: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static("x"));
            headers
        };
        for (subprotocol, headers) in [
            (Some("c"), HeaderMap::new()),
            (Some("a\r\nX: y"), HeaderMap::new()),
            (None, reserved("sec-websocket-accept")),
            (None, reserved("sec-websocket-protocol")),
            (None, reserved("connection")),
            (None, reserved("content-length")),
        ] {
            let (request, mut raw) = one_request(builder(), "Sec-WebSocket-Protocol: a, b\r\n");
            let reading = thread::spawn(move || refusal(&mut raw));
            let error = request.accept_with(subprotocol, &headers).unwrap_err();
            assert!(matches!(error, Error::Config(_)), "{error}");
            assert_eq!(status(&reading.join().unwrap().0), 500);
        }
    });
}

#[test]
fn the_servers_preferred_subprotocol_is_chosen() {
    limited(|| {
        let server = serve_echo(builder().subprotocols(["v2", "v1"]));
        for (offered, chosen) in [("v1, v2", Some("v2")), ("v1", Some("v1")), ("v3", None)] {
            let mut raw = server.raw();
            raw.send(format!("{REQUEST}Sec-WebSocket-Protocol: {offered}\r\n\r\n"));
            let head = raw.is_opened();
            assert_eq!(header(&head, "sec-websocket-protocol"), chosen, "{offered}");
        }
    });
}
