//! The server over real sockets, against clients that are slow, wrong, too many or gone. Items are those of the
//! strictness list in ARCHITECTURE.md; RFC 6455 is meant where a section is named.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use http::{HeaderMap, HeaderValue, StatusCode};
use landline::error::{Closed, Error, ProtocolError};
use landline::server::{OriginPolicy, Scheme, ServerBuilder};
use landline::transport::SocketTransport;
use landline::{Client, CloseCode, Compression, Headers, Interrupter, Listener, Message, Server, Side, WebSocket};
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

fn builder() -> ServerBuilder {
    Server::builder()
}

/// Reads a complete HTTP answer and the end of the stream behind it: head and body.
fn refusal(raw: &mut Raw<TcpStream>) -> (String, String) {
    let head = raw.head();
    let body = String::from_utf8(raw.rest().expect("an orderly end, not a reset")).unwrap();
    assert!(head.starts_with("HTTP/1.1 "), "{head}");
    let length: usize = header(&head, "content-length").expect("a length").parse().unwrap();
    assert_eq!(length, body.len(), "{head}{body}");
    let connection = header(&head, "connection").expect("a connection header");
    assert!(connection.split(',').any(|token| token.trim() == "close"), "{head}");
    (head, body)
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

fn text(text: &str) -> Option<Message> {
    Some(Message::Text(text.into()))
}

// ----- Requests -----

#[test]
fn a_connection_that_outlives_its_handler_is_closed_and_loses_nothing() {
    limited(|| {
        let (give, take) = mpsc::channel();
        let give = std::sync::Mutex::new(give);
        let serving = serve(Server::builder(), move |ws| give.lock().unwrap().send(ws).unwrap());
        let mut client = landline::connect(&serving.url()).unwrap();
        let mut kept = take.recv().unwrap();
        eventually("the handler has returned", || kept.close_info().sent.is_some());
        (0..100).for_each(|i| client.send(i.to_string()).unwrap());
        for i in 0..100 {
            assert_eq!(kept.recv().unwrap(), Some(Message::Text(i.to_string())));
        }
        let closing = thread::spawn(move || client.recv());
        assert_eq!(kept.recv().unwrap(), None);
        assert_eq!(closing.join().unwrap().unwrap(), None);
        assert!(kept.close_info().clean);
    });
}

#[test]
fn item_2_a_dripping_client_is_cut_by_the_time_in_total() {
    limited(|| {
        let server = serve_echo(builder().handshake_timeout(Some(Duration::from_millis(300))));
        let mut raw = server.raw();
        let (took, answered) = timed(|| {
            // Every byte comes in good time; all of them together would take seconds.
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
fn item_2_the_answer_408_survives_what_the_client_still_sends() {
    limited(|| {
        let server = serve_echo(builder().handshake_timeout(Some(Duration::from_secs(2))));
        let mut raw = server.raw();
        raw.send(REQUEST);
        // Once the answer is there:
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

/// What is to be replaced in a request that is right, by what, and the status of the answer.
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
fn item_3_wrong_requests_get_a_complete_answer() {
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
        // The server ends the stream at once, and waits for the client only then.
        let each = begin.elapsed() / u32::try_from(WRONG.len()).unwrap();
        assert!(each < Duration::from_secs(1), "{each:?} each");
    });
}

#[test]
fn item_3_a_refusal_survives_what_the_client_still_sends() {
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
fn item_24_where_tls_ends_in_front_pages_of_the_scheme_that_was_told_may_connect() {
    limited(|| {
        let request = |options: ServerBuilder, host: &str, origin: &str| {
            let server = serve_echo(options.origins(OriginPolicy::SameOrigin));
            let mut raw = server.raw();
            let request = REQUEST.replace("Host: localhost", &format!("Host: {host}"));
            raw.send(format!("{request}Origin: {origin}\r\n\r\n"));
            status(&raw.head())
        };
        // nginx and haproxy pass on what browsers send: a port where it is not the default.
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

// ----- Deciding upon a request -----

/// A listener that takes one request, and a client that sends it.
fn one_request(options: ServerBuilder, headers: &str) -> (landline::server::Request, Raw<TcpStream>) {
    let listener = options.listen("127.0.0.1:0").unwrap();
    let mut raw = Raw::connect(listener.local_addr().unwrap());
    raw.send(format!("{REQUEST}{headers}\r\n"));
    (listener.accept().unwrap(), raw)
}

#[test]
fn a_request_can_be_looked_at_and_rejected() {
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
fn a_target_that_is_not_ascii_and_empty_lists_are_taken() {
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
        // RFC 6455 1.3 computes this very one.
        assert_eq!(header(&head, "sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    });
}

#[test]
fn accepting_what_was_not_offered_is_refused() {
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

// ----- Listening -----

#[test]
fn an_interrupter_ends_accept_and_the_listener_goes_on() {
    limited(|| {
        let interrupter = Interrupter::new().unwrap();
        let listener = builder().interrupter(interrupter.clone()).listen("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let accepting = sleeper(move || {
            let first = listener.accept().map(drop);
            (first, listener)
        });
        accepting.until_asleep();
        interrupter.interrupt();
        let (first, listener) = accepting.join();
        assert_eq!(first.unwrap_err().to_string(), "interrupted while waiting for a connection");

        // Before the call, and with a deadline: once each.
        interrupter.interrupt();
        assert!(matches!(listener.accept_incoming(), Err(Error::Interrupted(_))));
        interrupter.interrupt();
        let later = Instant::now() + Duration::from_secs(20);
        assert!(matches!(listener.accept_deadline(later), Err(Error::Interrupted(_))));
        let mut raw = Raw::connect(addr);
        raw.send(format!("{REQUEST}\r\n"));
        listener.accept_deadline(later).unwrap().request().unwrap().accept().unwrap();
        raw.is_opened();
    });
}

#[test]
fn an_interrupter_ends_accept_while_it_reads_a_request() {
    limited(|| {
        let interrupter = Interrupter::new().unwrap();
        let listener = builder().interrupter(interrupter.clone()).listen("127.0.0.1:0").unwrap();
        let mut raw = Raw::connect(listener.local_addr().unwrap());
        raw.send("GET / HTTP/1.1\r\n");
        let accepting = sleeper(move || listener.accept().map(drop));
        accepting.until_asleep();
        let (took, result) = timed(|| {
            interrupter.interrupt();
            accepting.join()
        });
        assert_eq!(result.unwrap_err().to_string(), "interrupted during the opening handshake");
        assert!(took < Duration::from_secs(5), "{took:?}");
    });
}

#[test]
fn accept_has_a_deadline() {
    limited(|| {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let error = listener.accept_deadline(Instant::now() + Duration::from_millis(20)).unwrap_err();
        assert!(error.to_string().contains("waiting for a connection"), "{error}");
    });
}

fn over_unix(path: &std::path::Path) -> WebSocket {
    let transport = SocketTransport::unix(UnixStream::connect(path).unwrap()).unwrap();
    Client::default().connect_over(transport, "ws://localhost/").unwrap()
}

#[test]
fn a_unix_socket_is_served_and_removed() {
    limited(|| {
        let scratch = Scratch::new("unix");
        let path = scratch.path("s");
        // Left there by a run that crashed.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let server = builder().bind_unix(&path).unwrap();
        assert_eq!(server.local_addr(), None);
        let stop = server.stop_handle();
        let serving = thread::spawn(move || server.serve(echo));
        let mut ws = over_unix(&path);
        assert_eq!(ws.peer_addr(), None);
        ws.send("over a file").unwrap();
        assert_eq!(ws.recv().unwrap(), text("over a file"));
        ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        stop.stop(Duration::from_secs(5));
        serving.join().unwrap().unwrap();
        assert!(!path.exists());
    });
}

#[test]
fn a_file_in_the_place_of_a_unix_socket_is_kept() {
    limited(|| {
        let scratch = Scratch::new("file");
        let path = scratch.write("s", "precious");
        assert!(matches!(builder().bind_unix(&path), Err(Error::Io { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    });
}

#[test]
fn a_server_that_ends_leaves_the_unix_socket_of_its_successor() {
    limited(|| {
        let scratch = Scratch::new("next");
        let path = scratch.path("s");
        let first = builder().bind_unix(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = builder().listen_unix(&path).unwrap();
        drop(first);
        let accepting = thread::spawn(move || second.accept().unwrap().accept().unwrap());
        over_unix(&path);
        accepting.join().unwrap();
    });
}

// ----- Violations -----

/// A server's connection that is broken by its client: the client, what the server's calls gave, and the server.
struct Violated {
    raw: Raw<TcpStream>,
    errors: mpsc::Receiver<[Error; 2]>,
    _server: Serving,
}

/// Opens a connection, sends `bytes` and so much more `behind`.
fn violate(options: ServerBuilder, bytes: &[u8], behind: usize) -> Violated {
    let (report, errors) = mpsc::channel();
    let server = serve(options, move |mut ws| {
        let errors = [ws.recv().unwrap_err(), ws.recv().unwrap_err()];
        assert!(ws.send("too late").is_err());
        let _ = report.send(errors);
    });
    let mut raw = server.raw();
    raw.open();
    raw.send(bytes);
    // When the server has had enough of it, it may say so.
    let _ = raw.stream.write_all(&vec![b'x'; behind]);
    Violated { raw, errors, _server: server }
}

/// What a client does wrong, and the code it is told.
fn violations() -> Vec<(Vec<u8>, u16)> {
    let too_long = [&[BINARY, 0xff][..], &(1u64 << 30).to_be_bytes(), &[0; 4]].concat();
    vec![
        (frame(TEXT, "not masked"), 1002),
        (masked(0xc1, "a reserved bit"), 1002),
        (masked(0x83, "a reserved opcode"), 1002),
        (masked(0x80, "nothing to continue"), 1002),
        (masked(0x09, "half a ping"), 1002),
        (masked(CLOSE, [3]), 1002),
        (masked(CLOSE, close_payload(1005, "")), 1002),
        (masked(TEXT, b"\xff"), 1007),
        (too_long, 1009),
    ]
}

#[test]
fn item_19_each_violation_gives_a_close_frame_and_one_error() {
    limited(|| {
        let begin = Instant::now();
        for (bytes, code) in violations() {
            let Violated { mut raw, errors, _server } = violate(builder(), &bytes, 0);
            let close = raw.frame();
            assert_eq!(close.close_code(), code, "{bytes:?}");
            assert_eq!(raw.next().unwrap(), None, "nothing behind the Close frame");
            drop(raw);
            let [first, again] = errors.recv().unwrap();
            assert_eq!(first.to_string(), again.to_string());
            assert_eq!(first.close_code(), Some(code.into()), "{first}");
            assert!(first.is_fatal());
        }
        // The server ends the stream at once, and waits for the client only then.
        assert!(begin.elapsed() < Duration::from_secs(9), "{:?}", begin.elapsed());
    });
}

#[test]
fn item_18_the_close_frame_survives_what_the_client_still_sends() {
    limited(|| {
        let unmasked = (frame(BINARY, [0; 10]), 1002);
        let too_big = (violations().pop().unwrap().0, 1009);
        for behind in [900 << 10, 3 << 20] {
            for (bytes, code) in [&unmasked, &too_big] {
                let Violated { mut raw, _server, .. } = violate(builder(), bytes, behind);
                assert_eq!(raw.frame().close_code(), *code);
                // It is still thrown away, and not answered with a reset.
                (0..10).for_each(|_| raw.send([b'x'; 10_000]));
                assert_eq!(raw.next().expect("an orderly end, not a reset"), None);
            }
        }
    });
}

#[test]
fn item_18_the_server_ends_tcp_first() {
    limited(|| {
        let (hand_over, connection) = mpsc::channel();
        let server = serve(builder(), move |mut ws| {
            assert_eq!(ws.recv().unwrap(), None);
            hand_over.send(ws).unwrap();
        });
        let mut raw = server.raw();
        raw.open();
        raw.send(masked(CLOSE, close_payload(1000, "")));
        assert_eq!(raw.frame().close_code(), 1000);
        // Not because it was dropped.
        let _ws = connection.recv().unwrap();
        assert_eq!(raw.next().unwrap(), None);
    });
}

#[test]
fn item_18_lingering_ends_although_the_client_stays() {
    limited(|| {
        let mut violated = violate(builder(), &frame(TEXT, "not masked"), 0);
        let (took, errors) = timed(|| violated.errors.recv().unwrap());
        assert!(matches!(errors[0], Error::Protocol(ProtocolError::UnmaskedFrame)), "{errors:?}");
        assert!(took < Duration::from_secs(4), "{took:?}");
        assert_eq!(violated.raw.frame().close_code(), 1002);
    });
}

#[test]
fn item_9_the_limit_counts_all_fragments() {
    limited(|| {
        let options = builder().max_message_size(1000);
        let bytes = [masked(0x02, [0; 600]), masked(0x80, [0; 401])].concat();
        let Violated { mut raw, errors, _server } = violate(options, &bytes, 0);
        assert_eq!(raw.frame().close_code(), 1009);
        drop(raw);
        assert!(matches!(errors.recv().unwrap()[0], Error::Limit(_)));
    });
}

#[test]
fn item_20_a_client_that_vanishes_is_an_error() {
    limited(|| {
        let (report, reported) = mpsc::channel();
        let server = serve(builder(), move |mut ws| {
            let _ = report.send((ws.recv(), ws.close_info()));
        });
        let mut raw = server.raw();
        raw.open();
        drop(raw);
        let (result, info) = reported.recv().unwrap();
        assert!(matches!(result, Err(Error::Closed(Closed::Eof))), "{result:?}");
        assert_eq!((info.code(), info.clean), (CloseCode::ABNORMAL_CLOSURE, false));
    });
}

// ----- The end of a handler -----

#[test]
fn a_handler_that_returns_closes_with_1000_though_the_client_keeps_sending() {
    limited(|| {
        let server = serve(builder(), |mut ws| drop(ws.recv()));
        let mut raw = server.raw();
        raw.open();
        raw.send(masked(TEXT, "last words"));
        for _ in 0..50 {
            raw.send(masked(BINARY, [0; 10_000]));
        }
        assert_eq!(raw.frame().close_code(), 1000);
        // It is thrown away, and not answered with a reset.
        for _ in 0..10 {
            raw.send(masked(BINARY, [0; 10_000]));
        }
        raw.send(masked(CLOSE, close_payload(1000, "")));
        assert_eq!(raw.next().unwrap(), None);
    });
}

#[test]
fn what_a_handler_sends_last_arrives_before_the_close() {
    limited(|| {
        let server = serve(builder(), |mut ws| {
            ws.feed("gathered").unwrap();
            ws.feed(vec![7; 5 << 20]).unwrap();
        });
        let mut ws = landline::connect(&server.url()).unwrap();
        assert_eq!(ws.recv().unwrap(), text("gathered"));
        assert_eq!(ws.recv().unwrap(), Some(Message::Binary(vec![7; 5 << 20])));
        assert_eq!(ws.recv().unwrap(), None);
        assert!(ws.close_info().clean);
        assert_eq!(ws.close_info().code(), CloseCode::NORMAL_CLOSURE);
    });
}

#[test]
fn item_23_a_panic_ends_one_connection_with_1011() {
    limited(|| {
        let server = serve(builder(), |mut ws| {
            while let Ok(Some(message)) = ws.recv() {
                assert_ne!(message.as_text(), Some("panic"), "as the client wishes");
                ws.send(message).unwrap();
            }
        });
        let mut other = landline::connect(&server.url()).unwrap();
        let mut ws = landline::connect(&server.url()).unwrap();
        ws.send("panic").unwrap();
        assert_eq!(ws.recv().unwrap(), None);
        assert_eq!(ws.close_info().code(), CloseCode::INTERNAL_ERROR);
        other.send("still there?").unwrap();
        assert_eq!(other.recv().unwrap(), text("still there?"));
    });
}

// ----- Too many -----

#[test]
fn item_23_over_the_limit_is_503() {
    limited(|| {
        let server = serve_echo(builder().max_connections(1));
        let mut ws = landline::connect(&server.url()).unwrap();
        let mut raw = server.raw();
        raw.send(format!("{REQUEST}\r\n"));
        assert_eq!(status(&refusal(&mut raw).0), 503);
        let error = landline::connect(&server.url()).unwrap_err();
        assert!(error.to_string().contains("503"), "{error}");
        // One that is refused takes nobody's place.
        ws.send("still here").unwrap();
        assert_eq!(ws.recv().unwrap(), text("still here"));
        ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        eventually("the place is free", || server.stop.connections() == 0);
        landline::connect(&server.url()).unwrap();
    });
}

/// Returns when the server has all that it needs by itself.
fn warm_up(server: &Serving) {
    drop(landline::connect(&server.url()).unwrap());
    eventually("the first connection is over", || {
        server.stop.connections() == 0 && threads_and_descriptors().0 <= 4
    });
}

#[test]
fn item_23_threads_and_descriptors_return_to_base() {
    alone("item_23_threads_and_descriptors_return_to_base", "", || {
        let server = serve(builder(), |mut ws| {
            if let Ok(Some(message)) = ws.recv() {
                assert_ne!(message.as_text(), Some("panic"), "as the client wishes");
                let _ = ws.send(message);
            }
        });
        warm_up(&server);
        let base = threads_and_descriptors();
        for round in 0..200 {
            match round % 5 {
                0 => {
                    let mut raw = server.raw();
                    raw.open();
                }
                1 => server.raw().send("GET / HTTP/1.1\r\n\r\n"),
                2 => {
                    let mut ws = landline::connect(&server.url()).unwrap();
                    ws.send("panic").unwrap();
                    assert_eq!(ws.recv().unwrap(), None);
                }
                3 => {
                    let mut ws = landline::connect(&server.url()).unwrap();
                    let _interrupter = ws.interrupter().unwrap();
                    let (sender, mut receiver) = ws.split();
                    sender.send("hello").unwrap();
                    assert_eq!(receiver.recv().unwrap(), text("hello"));
                }
                _ => {
                    let mut ws = landline::connect(&server.url()).unwrap();
                    ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
                }
            }
        }
        eventually("all connections are over", || server.stop.connections() == 0);
        eventually("threads and descriptors are given back", || threads_and_descriptors() == base);
    });
}

#[test]
fn item_23_a_shortage_of_descriptors_is_survived() {
    alone("item_23_a_shortage_of_descriptors_is_survived", "ulimit -n 40;", || {
        let server = serve_echo(builder());
        warm_up(&server);
        let mut clock = CpuClock::of_process();
        let mut hoard = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            hoard.push(file);
        }
        hoard.pop();
        // It takes the last descriptor; the server has none for its side.
        let mut raw = server.raw();
        raw.send(format!("{REQUEST}\r\n"));
        raw.stream.set_read_timeout(Some(Duration::from_millis(600))).unwrap();
        let before = clock.read();
        let error = raw.more().unwrap_err();
        assert!(is_timeout(&error), "{error}");
        let used = clock.read() - before;
        assert!(used <= Duration::from_millis(60), "the server spins: {used:?}");
        assert_eq!(server.stop.connections(), 0);

        hoard.clear();
        limit(&raw.stream);
        raw.is_opened();
        let mut ws = landline::connect(&server.url()).unwrap();
        ws.send("again").unwrap();
        assert_eq!(ws.recv().unwrap(), text("again"));
    });
}

// ----- Stopping -----

#[test]
fn stop_tells_all_clients_1001_and_handlers_return() {
    limited(|| {
        let (report, reported) = mpsc::channel();
        let server = serve(builder(), move |mut ws| {
            let result = ws.recv().map(|message| message.is_none());
            let _ = report.send((result, ws.close_info()));
        });
        let clients: Vec<_> = (0..5).map(|_| landline::connect(&server.url()).unwrap()).collect();
        eventually("all handlers run", || server.stop.connections() == 5);
        let clients = thread::spawn(move || {
            for mut ws in clients {
                assert_eq!(ws.recv().unwrap(), None);
                let info = ws.close_info();
                assert_eq!((info.code(), info.first), (CloseCode::GOING_AWAY, Some(Side::Remote)));
            }
        });
        let url = server.url();
        let (took, stopped) = timed(|| server.end(Duration::from_secs(20)));
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert_eq!((stopped.finished, stopped.cut), (5, 0));
        clients.join().unwrap();
        for (result, info) in reported.try_iter().collect::<Vec<_>>() {
            assert!(result.is_ok_and(|closed| closed));
            assert!(info.clean && info.first == Some(Side::Local));
        }
        assert!(matches!(landline::connect(&url), Err(Error::Connect(_))));
    });
}

#[test]
fn stop_cuts_clients_that_do_not_answer_when_the_grace_is_over() {
    limited(|| {
        let (report, reported) = mpsc::channel();
        let server = serve(builder(), move |mut ws| drop(report.send(ws.recv())));
        let mut raw = server.raw();
        raw.open();
        let good = landline::connect(&server.url()).unwrap();
        let good = thread::spawn(move || {
            let mut good = good;
            good.recv()
        });
        eventually("both handlers run", || server.stop.connections() == 2);
        let grace = Duration::from_millis(300);
        let (took, stopped) = timed(|| server.end(grace));
        assert!(took >= grace && took < Duration::from_secs(3), "{took:?}");
        assert_eq!((stopped.finished, stopped.cut), (1, 1));
        good.join().unwrap().unwrap();
        assert_eq!(raw.frame().close_code(), 1001);
        let results: Vec<_> = reported.try_iter().collect();
        assert!(matches!(&results[..], [Ok(None), Err(Error::Closed(Closed::Aborted))]), "{results:?}");
    });
}

#[test]
fn stop_counts_who_finishes_while_others_are_told() {
    limited(|| {
        // Some do not read what their handlers send: telling them takes a moment, in which others finish.
        let server = serve(builder(), |mut ws| match ws.recv() {
            Ok(Some(_)) => while ws.send([0; 100_000]).is_ok() {},
            end => assert!(matches!(end, Ok(None)), "{end:?}"),
        });
        let stuck: Vec<_> = (0..10)
            .map(|_| {
                let mut raw = server.raw();
                raw.open();
                raw.send(masked(TEXT, "flood me"));
                raw
            })
            .collect();
        let good: Vec<_> = (0..10).map(|_| landline::connect(&server.url()).unwrap()).collect();
        let good: Vec<_> = good.into_iter().map(|mut ws| thread::spawn(move || ws.recv().unwrap())).collect();
        eventually("all handlers run", || server.stop.connections() == 20);
        let stopped = server.end(Duration::from_millis(500));
        assert_eq!((stopped.finished, stopped.cut), (10, 10));
        for ws in good {
            assert_eq!(ws.join().unwrap(), None);
        }
        drop(stuck);
    });
}

#[test]
fn stop_before_serve_ends_it_at_once() {
    limited(|| {
        let server = Server::bind("127.0.0.1:0").unwrap();
        let stopped = server.stop_handle().stop(Duration::from_secs(20));
        assert_eq!((stopped.finished, stopped.cut), (0, 0));
        server.serve(|_| unreachable!("nobody is accepted")).unwrap();
    });
}

#[test]
fn stop_ends_opening_handshakes() {
    limited(|| {
        let server = serve_echo(builder().handshake_timeout(None));
        let mut raws = [server.raw(), server.raw()];
        raws[0].send("GET / HTTP/1.1\r\n");
        eventually("the handshakes have begun", || server.stop.connections() == 2);
        let (took, stopped) = timed(|| server.end(Duration::from_secs(20)));
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(stopped.cut, 0);
        for raw in &mut raws {
            let _ = raw.rest();
        }
    });
}

#[test]
fn stop_is_heard_by_handlers_that_only_send() {
    limited(|| {
        let (report, reported) = mpsc::channel();
        let server = serve(builder(), move |mut ws| {
            let error = loop {
                if let Err(error) = ws.send("tick") {
                    break error;
                }
            };
            let _ = report.send(error);
        });
        let mut ws = landline::connect(&server.url()).unwrap();
        assert_eq!(ws.recv().unwrap(), text("tick"));
        let reading = thread::spawn(move || while ws.recv().unwrap().is_some() {});
        let stopped = server.end(Duration::from_secs(20));
        assert_eq!((stopped.finished, stopped.cut), (1, 0));
        let error = reported.recv().unwrap();
        assert!(matches!(error, Error::Closed(Closed::Sent)), "{error}");
        reading.join().unwrap();
    });
}

#[test]
fn options_that_cannot_work_are_refused() {
    let zero = Some(Duration::ZERO);
    for options in [
        builder().handshake_timeout(zero),
        builder().config(landline::Config::default().recv_timeout(zero)),
        builder().config(landline::Config::default().send_timeout(zero)),
        builder().config(landline::Config::default().close_timeout(Duration::ZERO)),
        builder().config(landline::Config::default().max_fragments(0)),
    ] {
        assert!(matches!(options.bind("127.0.0.1:0"), Err(Error::Config(_))));
    }
}
