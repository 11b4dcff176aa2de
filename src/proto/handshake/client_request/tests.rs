//! What a client can and cannot send, by RFC section and by item of the strictness list (ARCHITECTURE.md).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

fn plain_request() -> ClientRequest {
    ClientRequest::new("example.com", "/chat")
}

fn write(request: &ClientRequest) -> Result<Vec<u8>, RequestError> {
    request.check()?;
    Ok(request.write("dGhlIHNhbXBsZSBub25jZQ=="))
}

/// The lines of the request after the five that always come first.
fn request_lines(request: &ClientRequest) -> Vec<String> {
    let head = String::from_utf8(write(request).unwrap()).unwrap();
    let head = head.strip_suffix("\r\n\r\n").unwrap();
    head.split("\r\n").skip(6).map(str::to_owned).collect()
}

#[test]
fn rfc_4_1_the_request_byte_by_byte() {
    let mut request = ClientRequest::new("[::1]:8080", "/a%20b?c=d");
    request.authorization = Some("Digest username=\"J\u{e4}\"".into());
    request.origin = Some("https://example.com".into());
    request.subprotocols = vec!["chat".into(), "v2.chat".into()];
    request.extensions = vec![Extension::new("foo").with_param("a", "1"), Extension::new("bar")];
    request.headers.append("appKey", "1").unwrap();
    request.headers.append("APPKEY", "2\t3").unwrap();
    request.headers.append("x-b", b"\xe4").unwrap();
    let mut expected = b"GET /a%20b?c=d HTTP/1.1\r\n\
        Host: [::1]:8080\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: chat, v2.chat\r\n\
        Sec-WebSocket-Extensions: foo; a=1, bar\r\n\
        Origin: https://example.com\r\n\
        "
    .to_vec();
    expected.extend_from_slice("Authorization: Digest username=\"J\u{e4}\"\r\n".as_bytes());
    expected.extend_from_slice(format!("User-Agent: {USER_AGENT}\r\n").as_bytes());
    expected.extend_from_slice(b"appKey: 1\r\nAPPKEY: 2\t3\r\nx-b: \xe4\r\n\r\n");
    assert_eq!(write(&request).unwrap().escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn item_6_the_callers_user_agent_origin_and_authorization_are_sent_once() {
    let mut request = plain_request();
    assert_eq!(request_lines(&request), [format!("User-Agent: {USER_AGENT}")]);
    request.headers.append(header::USER_AGENT, "mine").unwrap();
    request.headers.append(header::ORIGIN, "http://a").unwrap();
    request.headers.append(header::AUTHORIZATION, "Bearer b").unwrap();
    assert_eq!(request_lines(&request), ["user-agent: mine", "origin: http://a", "authorization: Bearer b"]);

    let mut doubled = request.clone();
    doubled.origin = Some("http://c".into());
    assert_eq!(write(&doubled).unwrap_err(), RequestError::RepeatedHeader(header::ORIGIN));
    let mut doubled = request.clone();
    doubled.authorization = Some("Basic Og==".into());
    let error = write(&doubled).unwrap_err();
    assert_eq!(error, RequestError::RepeatedHeader(header::AUTHORIZATION));
    let mut doubled = request.clone();
    doubled.headers.append(header::USER_AGENT, "again").unwrap();
    assert_eq!(write(&doubled).unwrap_err(), RequestError::RepeatedHeader(header::USER_AGENT));
}

#[test]
fn item_6_the_librarys_own_headers_cannot_be_set() {
    for name in [
        "Host",
        "Connection",
        "Upgrade",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Accept",
        "Sec-WebSocket-Anything",
        "Content-Length",
        "Transfer-Encoding",
        "Trailer",
        "TE",
        "Expect",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authorization",
    ] {
        let mut request = plain_request();
        request.headers.append("x-a", "1").unwrap();
        request.headers.append(name, "0").unwrap();
        assert_eq!(write(&request).unwrap_err(), RequestError::ReservedHeader(name.parse().unwrap()));
    }
}

#[test]
fn item_6_hosts() {
    for good in ["a", "a.b-c_d.example.", "a:80", "a:", "127.0.0.1:1", "[::1]", "[::ffff:1.2.3.4]:65535"] {
        assert!(write(&ClientRequest::new(good, "/")).is_ok(), "{good:?}");
    }
    for bad in [
        "",
        ":80",
        "a b",
        "a\r\nb",
        "a/b",
        "a?b",
        "a#b",
        "a@b",
        "a,b",
        "a:b",
        "a:1:2",
        "a:65536",
        "a:+1",
        "::1",
        "[::1",
        "::1]",
        "[]",
        "[a]",
        "[::1]a",
        "[::1]:x",
        "\u{e4}",
        "a\\b",
        "[::1%25e]",
    ] {
        let error = write(&ClientRequest::new(bad, "/")).unwrap_err();
        assert_eq!(error, RequestError::InvalidHost, "{bad:?}");
    }
}

#[test]
fn item_6_targets() {
    for good in ["/", "/a?b=c", "//a", "/%23?\"<>{}|[]^`\\"] {
        assert!(write(&ClientRequest::new("a", good)).is_ok(), "{good:?}");
    }
    for bad in
        ["", "a", "?a", "*", "http://a/", "/a b", "/a\tb", "/a\r\nb: c", "/\0", "/\u{7f}", "/\u{e4}", "/#", "/a#b"]
    {
        let error = write(&ClientRequest::new("a", bad)).unwrap_err();
        assert_eq!(error, RequestError::InvalidTarget, "{bad:?}");
    }
}

#[test]
fn item_6_origins_and_authorization() {
    for bad in ["", "http://a b", "http://a\r\nb: c", "http://\u{e4}"] {
        let mut request = plain_request();
        request.origin = Some(bad.into());
        assert_eq!(write(&request).unwrap_err(), RequestError::InvalidOrigin, "{bad:?}");
    }
    for bad in ["a\r\nb: c", "\n", "\0", "\u{7f}"] {
        let mut request = plain_request();
        request.authorization = Some(bad.into());
        assert_eq!(write(&request).unwrap_err(), RequestError::InvalidAuthorization, "{bad:?}");
    }
}

#[test]
fn rfc_4_1_item_10_subprotocols_are_unique_tokens() {
    for bad in ["", "a b", "a,b", "a\r\nb: c", "a/b", "\"a\"", "\u{e4}"] {
        let mut request = plain_request();
        request.subprotocols = vec!["ok".into(), bad.into()];
        let error = write(&request).unwrap_err();
        assert_eq!(error, RequestError::InvalidSubprotocol(bad.into()));
        assert!(!error.to_string().contains(['\r', '\n']));
    }
    let mut request = plain_request();
    request.subprotocols = vec!["a".into(), "A".into(), "a".into()];
    let error = write(&request).unwrap_err();
    assert_eq!(error, RequestError::RepeatedSubprotocol("a".into()));
}

#[test]
fn item_6_extensions_are_tokens() {
    let mut request = plain_request();
    request.extensions = vec![Extension::new("a").with_param("b", "c\r\nd: e")];
    assert_eq!(write(&request).unwrap_err(), RequestError::InvalidExtension("a".into()));
}

#[test]
fn debug_shows_no_secrets() {
    let mut request = plain_request();
    request.authorization = Some("Basic hunter2".into());
    request.headers.append("x-token", "hunter2").unwrap();
    assert!(!format!("{request:?}").contains("hunter2"));
}
