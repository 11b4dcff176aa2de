//! HTTP CONNECT.

use super::*;
use crate::proto::proxy::Refusal;

fn text(tunnel: &mut Connect) -> String {
    String::from_utf8(tunnel.output()).unwrap()
}

fn outcome(bytes: &str) -> Outcome {
    run_all_ways(&|| Box::new(connect()), bytes.as_bytes())
}

#[track_caller]
fn refusal(bytes: &str) -> Refusal {
    match outcome(bytes).0 {
        Err(TunnelError::Refused(refusal)) => *refusal,
        other => panic!("{bytes:?}: {other:?}"),
    }
}

#[test]
fn the_request_names_the_target_twice_and_carries_what_is_given() {
    let agent = concat!("landline/", env!("CARGO_PKG_VERSION"));
    let mut tunnel = connect();
    assert_eq!(
        text(&mut tunnel),
        format!("CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\nUser-Agent: {agent}\r\n\r\n")
    );
    assert_eq!(tunnel.output(), b"", "it is sent once");

    let headers = Headers::new().with("user-agent", "me").unwrap().with("X-Job", "7").unwrap();
    let host = Host::Ipv6("2001:db8::1".parse().unwrap());
    let limits = HeadLimits::default();
    let mut tunnel = Connect::new(&host, 65535, &headers, Some("Basic dTpw"), limits).unwrap();
    assert_eq!(
        text(&mut tunnel),
        "CONNECT [2001:db8::1]:65535 HTTP/1.1\r\nHost: [2001:db8::1]:65535\r\nProxy-Authorization: Basic dTpw\r\n\
         user-agent: me\r\nX-Job: 7\r\n\r\n"
    );
    assert!(!format!("{tunnel:?}").contains("dTpw"));
}

#[test]
fn item_6_nothing_can_end_a_line_or_repeat_a_header() {
    let new = |host: &Host<String>, headers: &Headers, authorization| {
        Connect::new(host, 80, headers, authorization, HeadLimits::default()).map(drop)
    };
    for header in ["Host", "Connection", "Content-Length", "transfer-encoding", "UPGRADE", "Proxy-Connection"] {
        let headers = Headers::new().with(header, "x").unwrap();
        let error = new(&name("a"), &headers, None).unwrap_err();
        assert!(matches!(error, RequestError::ReservedHeader(_)), "{header}: {error}");
    }
    let headers = Headers::new().with("Proxy-Authorization", "Basic x").unwrap();
    assert_eq!(new(&name("a"), &headers, None), Ok(()));
    let error = new(&name("a"), &headers, Some("Basic y")).unwrap_err();
    assert!(matches!(error, RequestError::RepeatedHeader(_)), "{error}");
    for value in ["Basic x\r\nX: y", "\n", "a\0"] {
        assert_eq!(new(&name("a"), &Headers::new(), Some(value)), Err(RequestError::InvalidAuthorization));
    }
    for host in ["a b", "a\r\nX: y", "", "a/b", "a@b", "\u{e4}"] {
        assert_eq!(new(&name(host), &Headers::new(), None), Err(RequestError::InvalidHost), "{host:?}");
    }
}

#[test]
fn any_2xx_opens_the_tunnel_and_what_follows_comes_through_it() {
    for head in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200\r\n\r\n",
        "HTTP/1.0 200 OK\r\nProxy-agent: tinyproxy/1.11\r\n\r\n",
        // Neither length means anything here (RFC 9110 9.3.6).
        "HTTP/1.1 204 X\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 200 \u{e4}\r\nVia: 1.1 a\r\n folded\r\n\r\n",
    ] {
        assert_eq!(
            outcome(&format!("{head}\r\nserver\r\n\r\n")),
            (Ok(true), b"\r\nserver\r\n\r\n".to_vec()),
            "{head}"
        );
        assert_eq!(outcome(head), (Ok(true), Vec::new()), "{head}");
    }
}

#[test]
fn a_refusal_has_status_reason_headers_and_body() {
    let refused = refusal("HTTP/1.1 403 Filtered\r\nContent-Length: 4\r\nX-Rule: 9\r\n\r\nads!");
    assert_eq!((refused.status.as_u16(), &*refused.reason, &*refused.body), (403, "Filtered", &b"ads!"[..]));
    assert_eq!(refused.headers["x-rule"], "9");
    assert!(refused.keeps_open && !refused.body_truncated);
    assert_eq!(
        refused.to_string(),
        "the proxy refused with 403 Filtered: its rules do not allow this host or port"
    );
    let refused = refusal("HTTP/1.1 502\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(refused.to_string(), "the proxy refused with 502 Bad Gateway: it cannot reach the host");
    let refused = refusal("HTTP/1.1 407 W\u{e4}nted\tplease\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(refused.reason, "Wntedplease");
    let challenges =
        "Proxy-Authenticate: Digest realm=\"a, b\", nonce=x, Basic realm=y\r\nProxy-Authenticate: NTLM\r\n";
    let refused = refusal(&format!("HTTP/1.1 407\r\n{challenges}Content-Length: 0\r\n\r\n"));
    assert_eq!(
        refused.to_string(),
        "the proxy refused with 407 Proxy Authentication Required: it wants credentials for Digest, Basic, NTLM"
    );
    assert!(refused.is_about_credentials());
    // tinyproxy's answer to a wrong password.
    let refused = refusal(
        "HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"Tinyproxy\"\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(refused.to_string(), "the proxy refused with 401 Unauthorized: it wants credentials");
    assert!(refused.is_about_credentials() && refused.challenges().is_empty());
    let long = format!("HTTP/1.1 418 {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(7000));
    let Err(TunnelError::Refused(refused)) = run(&mut connect(), &[long.as_bytes()]).0 else { panic!() };
    assert_eq!(refused.reason.len(), 100);
}

#[test]
fn a_proxy_that_switches_protocols_has_refused() {
    let refusal = refusal("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(refusal.status, 101);
    assert!(refusal.to_string().ends_with("it switches protocols, which it was not asked to"), "{refusal}");
}

#[test]
fn a_connection_is_used_again_only_where_the_refusal_clearly_ends() {
    for (bytes, keeps_open) in [
        ("HTTP/1.1 407 X\r\nContent-Length: 2\r\n\r\nab", true),
        ("HTTP/1.1 407 X\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 407 X\r\nContent-Length: 2\r\n\r\nabc", true),
        ("HTTP/1.0 407 X\r\nContent-Length: 2\r\n\r\nab", false),
        ("HTTP/1.1 407 X\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab", false),
        ("HTTP/1.1 407 X\r\nProxy-Connection: Close\r\nContent-Length: 2\r\n\r\nab", false),
        ("HTTP/1.1 407 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false),
        ("HTTP/1.1 407 X\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", false),
    ] {
        let refused = refusal(bytes);
        assert_eq!(refused.keeps_open, keeps_open, "{bytes}");
    }
}

#[test]
fn a_refusal_counts_even_if_its_body_does_not_end() {
    let mut tunnel = connect();
    assert_eq!(tunnel.give_up(), None, "there is no answer yet");
    let mut tunnel_with_body = |bytes: &[u8]| {
        tunnel = connect();
        assert_eq!(tunnel.receive(&mut &*bytes), Ok(false));
        (tunnel.give_up(), connect())
    };
    let (Some(TunnelError::Refused(refused)), _) =
        tunnel_with_body(b"HTTP/1.1 403 X\r\nContent-Length: 9\r\n\r\nab")
    else {
        panic!()
    };
    assert_eq!(refused.body, b"ab");
    assert!(refused.body_truncated && !refused.keeps_open);

    let mut tunnel = connect();
    assert_eq!(tunnel.receive(&mut &b"HTTP/1.1 403 X\r\n\r\nab"[..]), Ok(false));
    let TunnelError::Refused(refused) = tunnel.receive_eof() else { panic!() };
    assert_eq!(refused.body, b"ab");
    assert!(!refused.body_truncated && !refused.keeps_open);
}

#[test]
fn an_endless_answer_is_cut_at_its_limits() {
    let limits = HeadLimits::default().max_head_size(300).max_headers(3).max_start_line(100).max_refusal_body(10);
    let new = || Connect::new(&name("a"), 80, &Headers::new(), None, limits).unwrap();
    let fails = |bytes: &str| run(&mut new(), &[bytes.as_bytes()]).0.unwrap_err();
    for (bytes, expected) in [
        (format!("HTTP/1.1 200 {}", "x".repeat(100)), 100),
        (format!("HTTP/1.1 200 X\r\n{}", "a: b\r\n".repeat(4)), 3),
        (format!("HTTP/1.1 200 X\r\na: {}", "b".repeat(300)), 300),
    ] {
        let error = fails(&bytes);
        assert!(matches!(error, TunnelError::TooLarge { limit, .. } if limit == expected), "{bytes}: {error}");
    }
    assert_eq!(fails(&"HTTP/1.1 100 X\r\n\r\n".repeat(9)), TunnelError::TooManyInterim);
    let TunnelError::Refused(refused) = fails(&format!("HTTP/1.1 403 X\r\n\r\n{}", "x".repeat(11))) else {
        panic!()
    };
    assert_eq!((refused.body.len(), refused.body_truncated, refused.keeps_open), (10, true, false));
}

#[test]
fn what_is_no_http_proxy_is_told_at_once() {
    for bytes in ["\x15\x03\x01", "SSH-2.0-x\r\n\r\n", "\r\n", "HTTP/1.1 20 OK\r\n\r\n", "200 OK\r\n\r\n", "\x05\0"]
    {
        let (result, _) = outcome(bytes);
        let Err(error @ TunnelError::Malformed { .. }) = result else { panic!("{bytes:?}: {result:?}") };
        assert!(error.to_string().starts_with("the answer is not one of an HTTP proxy: "), "{error}");
    }
    let mut tunnel = connect();
    assert_eq!(tunnel.receive(&mut &b"HTTP/1.1 2"[..]), Ok(false));
    assert_eq!(tunnel.receive_eof(), TunnelError::Eof { received: 10 });
}
