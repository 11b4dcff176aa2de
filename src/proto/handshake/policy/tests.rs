#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::proto::handshake::{HeadLimits, ServerHandshake};

fn request(lines: &str) -> Request {
    let head = format!(
        "GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    );
    ServerHandshake::new(HeadLimits::default()).receive(head.as_bytes()).unwrap().unwrap()
}

#[test]
fn item_24_an_origin_that_is_not_allowed_is_rejected() {
    let mut policy = ServerPolicy::new();
    let page = request("Origin: http://other.example\r\n");
    assert_eq!(policy.admit(&page), Ok(()), "any page by default");
    policy.origins = OriginPolicy::SameOrigin;
    assert_eq!(policy.admit(&page), Err(Rejection::origin_not_allowed()));
    assert_eq!(policy.admit(&request("")), Ok(()), "no browser");
    let own = request("Origin: http://example.com\r\n");
    assert_eq!(policy.admit(&own), Ok(()));
    policy.public_scheme = Some(Scheme::Https);
    assert_eq!(policy.admit(&own), Err(Rejection::origin_not_allowed()));
}

#[test]
fn the_servers_first_subprotocol_that_is_offered_is_chosen() {
    let mut policy = ServerPolicy::new();
    let offers = request("Sec-WebSocket-Protocol: a, b, c\r\n");
    assert_eq!(policy.choose(&offers), None);
    policy.subprotocols = ["x", "c", "b"].map(str::to_owned).to_vec();
    assert_eq!(policy.choose(&offers), Some("c"));
    assert_eq!(policy.choose(&request("")), None);
}

#[test]
fn a_response_states_what_was_agreed_on() {
    let lines = "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Extensions: permessage-deflate\r\nX-A: b\r\n";
    let mut policy = ServerPolicy::new();
    let (_, agreed) = policy.accept(&mut request(lines), None, Headers::new()).unwrap();
    assert_eq!((agreed.subprotocol, agreed.compression, agreed.extensions), (None, None, vec![]));

    policy.compression = Some(Compression::default().server_no_context_takeover(true));
    let mut asked = request(lines);
    assert!(policy.accept(&mut asked, Some("b"), Headers::new()).is_err(), "not offered");
    assert_eq!(asked.headers()["x-a"], "b", "the request is as it was");
    let mut headers = Headers::new();
    headers.append("appKey", "6f2a").unwrap();
    policy.headers.append("X-Every", "1").unwrap();
    let (answer, agreed) = policy.accept(&mut asked, Some("a"), headers).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("\r\nSec-WebSocket-Protocol: a\r\n"), "{answer}");
    assert!(answer.contains("permessage-deflate; server_no_context_takeover\r\n"), "{answer}");
    assert!(answer.contains("\r\nX-Every: 1\r\nappKey: 6f2a\r\n"), "{answer}");
    assert_eq!(agreed.subprotocol.as_deref(), Some("a"));
    assert!(agreed.compression.is_some_and(|parameters| parameters.server_no_context_takeover));
    assert_eq!(agreed.extensions[0].name(), "permessage-deflate");
    assert_eq!((&agreed.target[..], &agreed.headers["x-a"]), ("/chat?room=1", &"b".parse().unwrap()));
}

#[test]
fn what_no_client_could_offer_and_no_answer_contain_is_found() {
    let mut policy = ServerPolicy::new();
    policy.subprotocols = vec!["a".into()];
    policy.origins = OriginPolicy::List(vec!["https://a.example".into()]);
    policy.headers.append("X-Mine", "1").unwrap();
    assert_eq!(policy.check(), Ok(()));
    for name in ["Upgrade", "Connection", "Content-Length", "sec-websocket-anything"] {
        let mut policy = policy.clone();
        policy.headers.append(name, "mine").unwrap();
        let error = policy.check().unwrap_err();
        assert!(
            matches!(&error, ResponseError::ReservedHeader(found) if name.eq_ignore_ascii_case(found.as_str()))
        );
    }
    policy.origins = OriginPolicy::List(vec!["https://a.example".into(), "a.example".into()]);
    assert_eq!(policy.check(), Err(ResponseError::InvalidOrigin("a.example".into())));
    policy.subprotocols.push("a b".into());
    assert_eq!(policy.check(), Err(ResponseError::InvalidSubprotocol("a b".into())));
}
