//! How a client treats a response, by RFC section and by item of the strictness list (ARCHITECTURE.md).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use super::*;

const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

fn plain_request() -> ClientRequest {
    ClientRequest::new("example.com", "/chat")
}

fn handshake(request: &ClientRequest) -> Result<ClientHandshake, RequestError> {
    ClientHandshake::new(request, *b"the sample nonce", HeadLimits::default())
}

/// A client that offers two subprotocols and two extensions.
fn offering() -> ClientHandshake {
    let mut request = plain_request();
    request.subprotocols = vec!["chat".into(), "v2.chat".into()];
    request.extensions = vec![Extension::new("foo"), Extension::new("bar"), Extension::new("bar")];
    handshake(&request).unwrap()
}

fn answer(head: &str) -> Result<Option<Accepted>, HandshakeError> {
    offering().receive(head.as_bytes())
}

/// A valid response with these lines instead of the usual ones.
fn answer_with(lines: &str) -> Result<Option<Accepted>, HandshakeError> {
    answer(&format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n"))
}

/// A valid response with these lines added.
fn answer_plus(lines: &str) -> Result<Option<Accepted>, HandshakeError> {
    answer_with(&format!("Upgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}{lines}"))
}

#[test]
fn debug_shows_no_secrets() {
    let mut request = plain_request();
    request.authorization = Some("Basic hunter2".into());
    let client = handshake(&request).unwrap();
    assert!(!format!("{client:?}").contains("Basic"));
    let accepted = answer_plus("Set-Cookie: hunter2\r\n").unwrap().unwrap();
    assert!(!format!("{accepted:?}").contains("hunter2"));
}

#[test]
fn item_4_valid_responses_are_accepted() {
    let accepted = answer_plus("").unwrap().unwrap();
    assert_eq!((accepted.handshake.subprotocol, accepted.handshake.extensions), (None, vec![]));
    for lines in [
        format!("upgrade: WebSocket\r\nconnection: upgrade\r\n{ACCEPT}"),
        format!("UPGRADE: h2c,\r\nUpgrade:websocket\r\nConnection:\tkeep-alive,\tUpGrade\t\r\n{ACCEPT}"),
        format!("Connection: keep-alive\r\nConnection: ,upgrade,\r\nUpgrade: websocket\r\n{ACCEPT}"),
        format!("Content-Length: 0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}"),
    ] {
        assert!(answer_with(&lines).unwrap().is_some(), "{lines}");
    }
    for line in ["HTTP/1.1 101", "HTTP/1.1 101 ", "HTTP/1.1 101 Umst\u{e4}ndlich  ge\tht's"] {
        let head = format!("{line}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}\r\n");
        assert!(answer(&head).unwrap().is_some(), "{line}");
    }
}

#[test]
fn item_4_values_that_are_not_ascii_are_harmless() {
    let accepted = answer_plus("Server: n\u{e4}h\r\nX-Empty:\r\n").unwrap().unwrap();
    assert_eq!(accepted.handshake.headers["server"].as_bytes(), "n\u{e4}h".as_bytes());
    assert_eq!(accepted.handshake.headers["x-empty"], "");
}

#[test]
fn item_5_bytes_after_the_head_are_frames() {
    let accepted = answer_plus("\r\n\u{81}\r\n\r\n").unwrap().unwrap();
    assert_eq!(accepted.leftover, "\u{81}\r\n\r\n\r\n".as_bytes());
}

#[test]
fn item_4_upgrade_and_connection_have_to_be_there() {
    let upgrade = HandshakeError::NotWebSocket { header: "upgrade" };
    let connection = HandshakeError::NotWebSocket { header: "connection" };
    for (lines, expected) in [
        ("", &upgrade),
        ("Connection: Upgrade\r\n", &upgrade),
        ("Connection: Upgrade\r\nUpgrade:\r\n", &upgrade),
        ("Connection: Upgrade\r\nUpgrade: websockets\r\n", &upgrade),
        ("Connection: Upgrade\r\nUpgrade: web socket\r\n", &upgrade),
        ("Connection: Upgrade\r\nUpgrade: websocket/13\r\n", &upgrade),
        ("Upgrade: websocket\r\n", &connection),
        ("Upgrade: websocket\r\nConnection: close\r\n", &connection),
        ("Upgrade: websocket\r\nConnection: upgraded, not-upgrade\r\n", &connection),
    ] {
        assert_eq!(&answer_with(&format!("{lines}{ACCEPT}")).unwrap_err(), expected, "{lines}");
    }
}

#[test]
fn item_4_the_accept_value_has_to_match_exactly() {
    let lower_case = ACCEPT.to_lowercase();
    let twice = ACCEPT.repeat(2);
    for lines in [
        "",
        "Sec-WebSocket-Accept:\r\n",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo\r\n",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=, x\r\n",
        "Sec-WebSocket-Accept: \"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\"\r\n",
        "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        &lower_case,
        &twice,
    ] {
        let head = format!("Upgrade: websocket\r\nConnection: Upgrade\r\n{lines}");
        assert_eq!(answer_with(&head).unwrap_err(), HandshakeError::WrongAccept, "{lines}");
    }
}

#[test]
fn rfc_4_1_answer_item_6_subprotocols() {
    let accepted = answer_plus("Sec-WebSocket-Protocol: v2.chat\r\n").unwrap().unwrap();
    assert_eq!(accepted.handshake.subprotocol.as_deref(), Some("v2.chat"));
    for unasked in ["other", "Chat"] {
        let error = answer_plus(&format!("Sec-WebSocket-Protocol: {unasked}\r\n")).unwrap_err();
        assert_eq!(error, HandshakeError::UnexpectedSubprotocol(unasked.into()));
    }
    // An empty header counts as absent.
    for empty in ["Sec-WebSocket-Protocol:\r\n", "Sec-WebSocket-Protocol: \t\r\nSec-WebSocket-Protocol:\r\n"] {
        assert_eq!(answer_plus(empty).unwrap().unwrap().handshake.subprotocol, None);
        let accepted = answer_plus(&format!("{empty}Sec-WebSocket-Protocol: chat\r\n")).unwrap().unwrap();
        assert_eq!(accepted.handshake.subprotocol.as_deref(), Some("chat"));
    }
    for malformed in [",", "chat, v2.chat", "chat,", "a b", "\u{e4}"] {
        let error = answer_plus(&format!("Sec-WebSocket-Protocol: {malformed}\r\n")).unwrap_err();
        let what = "it is not a single token";
        assert_eq!(error, HandshakeError::MalformedHeader { header: "sec-websocket-protocol", what });
    }
    let error = answer_plus(&"Sec-WebSocket-Protocol: chat\r\n".repeat(2)).unwrap_err();
    let what = "it comes more than once";
    assert_eq!(error, HandshakeError::MalformedHeader { header: "sec-websocket-protocol", what });
}

#[test]
fn rfc_4_1_answer_item_5_extensions() {
    let lines = "Sec-WebSocket-Extensions: bar; x=\"1\"\r\nSec-WebSocket-Extensions: foo\r\n";
    let accepted = answer_plus(lines).unwrap().unwrap();
    let expected = [Extension::new("bar").with_param("x", "1"), Extension::new("foo")];
    assert_eq!(accepted.handshake.extensions, expected);
    for (value, name) in [("baz", "baz"), ("foo, foo", "foo"), ("bar; a, foo, bar", "bar")] {
        let error = answer_plus(&format!("Sec-WebSocket-Extensions: {value}\r\n")).unwrap_err();
        assert_eq!(error, HandshakeError::UnexpectedExtension(name.into()), "{value}");
    }
    for empty in ["", " ", ",", " ,, "] {
        let accepted = answer_plus(&format!("Sec-WebSocket-Extensions: {empty}\r\n")).unwrap().unwrap();
        assert_eq!(accepted.handshake.extensions, [], "{empty:?} is as good as none");
    }
    for (malformed, what) in [
        ("foo;", "a parameter name is missing after `;`"),
        ("foo bar", "a name or value contains a forbidden character"),
        ("foo; a=\"b c\"", "a quoted value is not a token"),
    ] {
        let error = answer_plus(&format!("Sec-WebSocket-Extensions: {malformed}\r\n")).unwrap_err();
        let header = "sec-websocket-extensions";
        assert_eq!(error, HandshakeError::MalformedHeader { header, what }, "{malformed}");
    }
}

/// Such a peer may wait for an answer to its first line, so that no head would ever be complete.
#[test]
fn item_4_a_peer_that_does_not_speak_http_is_refused_at_its_first_wrong_byte() {
    for banner in
        ["SSH-2.0-OpenSSH_9.2\r\n", "220 mail.example.com ESMTP\r\n", "HTTQ", "http/1.1", "x", " HTTP/1.1"]
    {
        let error = offering().receive(banner.as_bytes()).unwrap_err();
        assert_eq!(error, HandshakeError::Malformed("the first line is not an HTTP/1.1 status line"), "{banner}");
    }
    for beginning in ["HTTP/", "HTTP/1.1 101"] {
        assert!(offering().receive(beginning.as_bytes()).unwrap().is_none(), "{beginning}");
    }
}

#[test]
fn debug_shows_the_beginning_of_a_refusals_body_as_text() {
    let body = "<html>\n".repeat(1000);
    let head = format!("HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n", body.len());
    let error = offering().receive(format!("{head}{body}").as_bytes()).unwrap_err();
    let shown = format!("{error:?}");
    assert!(shown.contains(r#"body: "<html>\n<html>\n"#) && shown.contains("body_len: 7000"), "{shown}");
    assert!(shown.len() < 1000, "{shown}");
}

#[test]
fn item_4_version_and_status_line() {
    let good = format!("Upgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}\r\n");
    for version in ["1.0", "1.2", "2.0", "0.9"] {
        let error = answer(&format!("HTTP/{version} 101 OK\r\n{good}")).unwrap_err();
        assert_eq!(error, HandshakeError::HttpVersion, "{version}");
    }
    for line in [
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1  101 OK",
        "HTTP/1.1 1010 OK",
        "HTTP/1.1 99",
        "HTTP/1.1 099",
        "HTTP/1.1 101OK",
        "HTTP/1.1\t101 OK",
        "HTTP/2 101",
        "http/1.1 101 OK",
        "ICY 200 OK",
        " HTTP/1.1 101 OK",
        "SSH-2.0-OpenSSH",
        "HTTP/1.1 +10 OK",
    ] {
        let error = answer(&format!("{line}\r\n{good}")).unwrap_err();
        assert!(matches!(error, HandshakeError::Malformed(_)), "{line}: {error:?}");
    }
    let error = answer(&format!("\r\nHTTP/1.1 101 OK\r\n{good}")).unwrap_err();
    assert_eq!(error, HandshakeError::Malformed("an empty line instead of a start line"));
}

#[test]
fn item_4_eight_interim_responses_are_skipped() {
    let interim = "HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n";
    let good = format!("HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}\r\nframes");
    let accepted = answer(&format!("{}{good}", interim.repeat(4))).unwrap().unwrap();
    assert_eq!(accepted.leftover, b"frames");
    assert!(!accepted.handshake.headers.contains_key("x-a"));
    let error = answer(&format!("{}HTTP/1.1 199 A\r\n\r\n{good}", interim.repeat(4))).unwrap_err();
    assert_eq!(error, HandshakeError::TooManyInterim);
}

#[test]
fn item_19_every_end_is_final() {
    let mut client = offering();
    assert_eq!(client.receive_eof(), HandshakeError::Eof { received: 0 });
    assert_eq!(client.receive(b"HTTP/1.1"), Err(HandshakeError::Eof { received: 0 }));

    let mut client = offering();
    assert_eq!(client.receive(b"HTTP/1.1 1"), Ok(None));
    assert_eq!(client.receive_eof(), HandshakeError::Eof { received: 10 });

    let mut client = offering();
    let error = client.receive(b"\n").unwrap_err();
    assert_eq!(client.receive(b"HTTP"), Err(error.clone()));
    assert_eq!(client.receive_eof(), error);

    let mut client = offering();
    let good = format!("HTTP/1.1 101 A\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}\r\n");
    assert!(client.receive(good.as_bytes()).unwrap().is_some());
    assert_eq!(client.receive(b"frame"), Err(HandshakeError::Finished));
    assert_eq!(client.receive_eof(), HandshakeError::Finished);
}

#[test]
fn messages_are_one_line_and_say_what_to_do() {
    for (status, advice) in
        [(401, "credentials"), (302, "where to"), (404, "path"), (200, "path"), (426, "upgrade"), (505, "HTTP/1.1")]
    {
        let error = answer(&format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&status.to_string()) && text.contains(advice), "{text}");
    }
    let tls = answer("\u{15}\u{3}\u{1}").unwrap_err().to_string();
    assert!(tls.contains("TLS"), "{tls}");
}
