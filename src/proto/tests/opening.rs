//! A whole connection of [`Protocol`], from the opening handshake on, in both roles.

use super::reference::text;
use super::*;
use crate::compression::{Compress, Compression};
use crate::message::MessageRef;
use crate::proto::handshake::{
    ClientHandshake, ClientRequest, HandshakeError, HeadLimits, OriginPolicy, Rejection, ServerHandshake,
    ServerPolicy,
};
use http::StatusCode;

fn asking(change: impl FnOnce(&mut ClientRequest)) -> Protocol {
    let mut request = ClientRequest::new("server.example.com", "/chat?room=1");
    change(&mut request);
    Protocol::client(ClientHandshake::new(&request, *b"the sample nonce", HeadLimits::default()).unwrap(), || KEY)
}

fn answering(change: impl FnOnce(&mut ServerPolicy)) -> Protocol {
    let mut policy = ServerPolicy::new();
    change(&mut policy);
    Protocol::server(ServerHandshake::new(HeadLimits::default()), policy)
}

/// How bytes are passed on.
#[derive(Clone, Copy, Debug)]
enum Way {
    Copied(usize),
    Read(usize),
}

const WAYS: [Way; 6] =
    [Way::Copied(1), Way::Copied(7), Way::Copied(100_000), Way::Read(1), Way::Read(7), Way::Read(100_000)];

/// Passes on all output, as far as it is consumed.
fn hand_over(from: &mut Protocol, to: &mut Protocol, way: Way) {
    while !from.output().is_empty() {
        let output = from.output();
        let count = match way {
            Way::Copied(most) => to.receive(&output[..output.len().min(most)]),
            Way::Read(most) => {
                let space = to.space();
                let count = output.len().min(most).min(space.len());
                space[..count].copy_from_slice(&output[..count]);
                to.filled(count);
                count
            }
        };
        if count == 0 {
            return;
        }
        from.consume(count);
    }
}

/// The same, until the receiver has consumed everything; returns its events.
fn exchange(from: &mut Protocol, to: &mut Protocol, way: Way) -> Vec<Seen> {
    let mut seen = Vec::new();
    loop {
        hand_over(from, to, way);
        while let Some(event) = to.next_event().unwrap() {
            seen.push(event.into());
        }
        if from.output().is_empty() {
            return seen;
        }
    }
}

fn opened(end: &mut Protocol) -> Handshake {
    match end.next_event() {
        Ok(Some(Event::Open(agreed))) => agreed.clone(),
        event => panic!("{event:?}"),
    }
}

/// Checks that every call returns this error from then on, and that the connection is over.
fn is_over_with(end: &mut Protocol, error: &Error) {
    for _ in 0..2 {
        assert!(end.is_over() && !end.is_opening());
        assert_eq!(end.error(), Some(error));
        assert_eq!(end.next_event(), Err(error.clone()));
        assert_eq!(end.send("a"), Err(error.clone()));
        assert_eq!(end.ping(b""), Err(error.clone()));
        assert_eq!(end.close(CloseCode::NORMAL_CLOSURE, ""), Err(error.clone()));
        assert_eq!(end.receive_eof(), Err(error.clone()));
        assert_eq!(end.accept(), Err(error.clone()));
        assert_eq!(end.reject(Rejection::unavailable()), Err(error.clone()));
        // What arrives now is ignored, however much it is.
        assert_eq!(end.receive(&[0x81; 5000]), 5000);
        assert!(!end.space().is_empty());
        end.filled(1);
        assert_eq!(end.give_up(), Some(error.clone()));
    }
}

fn response(end: &Protocol) -> String {
    String::from_utf8(end.output().to_vec()).unwrap()
}

#[test]
fn both_ends_open_agree_and_talk_however_bytes_are_split() {
    for way in WAYS {
        for compression in [None, Some(Compression::default())] {
            let mut client = asking(|request| {
                request.subprotocols = vec!["a".into(), "b".into()];
                request.compression.clone_from(&compression);
                request.headers.append("X-Padding", "x".repeat(3000)).unwrap();
            });
            let mut server = answering(|policy| {
                policy.subprotocols = vec!["b".into()];
                policy.compression.clone_from(&compression);
                policy.headers.append("appKey", "6f2a").unwrap();
            });
            assert!(client.handshake().is_none() && server.handshake().is_none());
            assert_eq!(client.next_event(), Ok(None));
            assert_eq!(server.next_event(), Ok(None));
            hand_over(&mut client, &mut server, way);
            // Right after the response, before the server's program has been told.
            server.send("early").unwrap();
            server.ping(b"?").unwrap();
            let seen_by_server = opened(&mut server);
            assert_eq!(server.next_event(), Ok(None));
            hand_over(&mut server, &mut client, way);
            let seen_by_client = opened(&mut client);
            assert_eq!(client.handshake(), Some(&seen_by_client));
            assert_eq!(
                exchange(&mut server, &mut client, way),
                [text("early"), Seen::Ping(b"?".to_vec())],
                "{way:?}"
            );
            for agreed in [&seen_by_client, &seen_by_server] {
                assert_eq!(agreed.subprotocol.as_deref(), Some("b"));
                assert_eq!(agreed.target, "/chat?room=1");
                assert_eq!(agreed.compression.is_some(), compression.is_some());
            }
            assert_eq!(seen_by_client.compression, seen_by_server.compression);
            assert_eq!(seen_by_client.headers["appkey"], "6f2a");
            assert_eq!(seen_by_server.headers["host"], "server.example.com");

            let long = "message ".repeat(1000);
            client.set_compress(Compress::Always);
            client.send(&long).unwrap();
            assert_eq!(client.output().len() < 1000, compression.is_some());
            assert_eq!(exchange(&mut client, &mut server, way), [Seen::Pong(b"?".to_vec()), text(&long)]);
            client.close(CloseCode::NORMAL_CLOSURE, "bye").unwrap();
            assert_eq!(exchange(&mut client, &mut server, way), [Seen::Close(1000, "bye".into())]);
            assert_eq!(exchange(&mut server, &mut client, way), [Seen::Close(1000, String::new())]);
            assert!(client.is_over() && server.is_over() && !client.is_opening() && !server.is_opening());
            assert_eq!((client.error(), server.error()), (None, None));
        }
    }
}

/// A server's first frames arrive in the same piece as its response, whatever the sizes are.
#[test]
fn item_5_bytes_after_a_response_are_frames() {
    for padding in (0..1100).step_by(97) {
        let mut client = asking(|_| {});
        let mut server = answering(|policy| {
            policy.headers.append("X-Padding", "x".repeat(padding)).unwrap();
        });
        hand_over(&mut client, &mut server, Way::Copied(100_000));
        opened(&mut server);
        let expected: Vec<_> = (0..200).map(|n| text(&format!("message {n}"))).collect();
        for n in 0..200 {
            server.send(format!("message {n}")).unwrap();
        }
        hand_over(&mut server, &mut client, Way::Copied(100_000));
        opened(&mut client);
        let mut seen = Vec::new();
        while let Some(event) = client.next_event().unwrap() {
            seen.push(event.into());
        }
        seen.extend(exchange(&mut server, &mut client, Way::Copied(100_000)));
        assert_eq!(seen, expected, "{padding}");
    }
}

#[test]
fn nothing_can_be_sent_before_the_connection_is_open() {
    for mut end in [asking(|_| {}), answering(|_| {})] {
        let before = end.output().to_vec();
        assert_eq!(end.send("a"), Err(Error::NotOpen));
        assert_eq!(end.ping(b""), Err(Error::NotOpen));
        assert_eq!(end.close(CloseCode::NORMAL_CLOSURE, ""), Err(Error::NotOpen));
        assert_eq!(end.accept(), Err(Error::NoRequest));
        assert_eq!(end.reject(Rejection::unavailable()), Err(Error::NoRequest));
        assert_eq!(end.output(), before);
        assert!(end.is_opening());
        assert!(!end.is_over() && end.error().is_none());
    }
}

#[test]
fn item_24_a_protocol_refuses_the_same_origins_as_a_server() {
    for (origin, is_allowed) in [(None, true), (Some("https://server.example.com"), true), (Some("null"), false)] {
        for by_caller in [false, true] {
            let mut client = asking(|request| request.origin = origin.map(str::to_owned));
            let mut server = answering(|policy| policy.origins = OriginPolicy::SameOrigin);
            if by_caller {
                server = server.deciding_by_caller();
            }
            hand_over(&mut client, &mut server, Way::Copied(100_000));
            if is_allowed {
                assert!(matches!(server.next_event(), Ok(Some(Event::Open(_) | Event::Request(_)))));
                continue;
            }
            is_over_with(&mut server, &Error::Rejected(Rejection::origin_not_allowed()));
            assert!(response(&server).starts_with("HTTP/1.1 403 "), "{}", response(&server));
            hand_over(&mut server, &mut client, Way::Copied(100_000));
            let Some(Error::Handshake(error)) = client.error() else { panic!("{client:?}") };
            let HandshakeError::Refused(refusal) = &**error else { panic!("{error}") };
            assert_eq!(
                (refusal.status, &refusal.body[..]),
                (StatusCode::FORBIDDEN, &b"this origin is not allowed\n"[..])
            );
            let error = client.error().unwrap().clone();
            is_over_with(&mut client, &error);
        }
    }
}

#[test]
fn input_that_is_not_a_request_is_answered_with_an_http_error() {
    let mut server = answering(|_| {});
    assert_eq!(server.receive(b"POST / HTTP/1.1\r\nHost: a\r\n\r\nbody"), 32);
    let Some(Error::Rejected(rejection)) = server.error().cloned() else { panic!("{server:?}") };
    assert_eq!(rejection.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(response(&server).starts_with("HTTP/1.1 405 "));
    is_over_with(&mut server, &Error::Rejected(rejection));
}

#[test]
fn the_caller_decides_once_on_requests_that_the_policy_admits() {
    let ask = || {
        let mut client = asking(|request| request.subprotocols = vec!["a".into(), "b".into()]);
        let mut server = answering(|policy| {
            policy.subprotocols = vec!["b".into()];
            policy.headers.append("X-Mine", "1").unwrap();
        })
        .deciding_by_caller();
        hand_over(&mut client, &mut server, Way::Copied(100_000));
        assert!(server.output().is_empty(), "nothing is answered before the decision");
        match server.next_event() {
            Ok(Some(Event::Request(request))) => {
                assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
            }
            event => panic!("{event:?}"),
        }
        assert_eq!(server.next_event(), Ok(None), "reported once");
        assert_eq!(server.send("a"), Err(Error::NotOpen));
        (client, server)
    };
    // Accepted as the policy says.
    let (mut client, mut server) = ask();
    server.accept().unwrap();
    assert_eq!(server.accept(), Err(Error::NoRequest));
    assert_eq!(opened(&mut server).subprotocol.as_deref(), Some("b"));
    hand_over(&mut server, &mut client, Way::Copied(100_000));
    let agreed = opened(&mut client);
    assert_eq!((agreed.subprotocol.as_deref(), &agreed.headers["x-mine"]), (Some("b"), &"1".parse().unwrap()));

    // Accepted differently; a mistake leaves the request unchanged.
    let (mut client, mut server) = ask();
    let mut reserved = crate::proto::handshake::Headers::new();
    reserved.append("Upgrade", "mine").unwrap();
    assert!(matches!(server.accept_with(Some("c"), http::HeaderMap::new()), Err(Error::Response(_))));
    assert!(matches!(server.accept_with(Some("a"), reserved), Err(Error::Response(_))));
    assert!(server.output().is_empty() && !server.is_over());
    server.accept_with(Some("a"), http::HeaderMap::new()).unwrap();
    assert_eq!(opened(&mut server).subprotocol.as_deref(), Some("a"));
    hand_over(&mut server, &mut client, Way::Copied(100_000));
    assert_eq!(opened(&mut client).headers["x-mine"], "1", "the policy's headers come with every answer");

    // Rejected.
    let (mut client, mut server) = ask();
    let rejection = Rejection::with_text(StatusCode::NOT_FOUND, "no such room").unwrap();
    server.reject(rejection.clone()).unwrap();
    assert!(response(&server).starts_with("HTTP/1.1 404 "));
    is_over_with(&mut server, &Error::Rejected(rejection));
    hand_over(&mut server, &mut client, Way::Copied(100_000));
    assert!(matches!(client.error(), Some(Error::Handshake(_))));
}

/// Frames after a request are kept until the decision.
#[test]
fn input_after_an_undecided_request_is_kept() {
    let mut client = asking(|_| {});
    let mut server = answering(|_| {}).deciding_by_caller();
    let mut bytes = client.output().to_vec();
    client.consume(bytes.len());
    bytes.extend(frame(TEXT, b"early", Some(KEY)));
    assert_eq!(server.receive(&bytes), bytes.len());
    let more = frame(TEXT, b"more", Some(KEY));
    assert!(matches!(server.next_event(), Ok(Some(Event::Request(_)))));
    assert_eq!(server.receive(&more), more.len());
    server.accept().unwrap();
    opened(&mut server);
    assert_eq!(server.next_event(), Ok(Some(Event::Message(MessageRef::Text("early")))));
    assert_eq!(server.next_event(), Ok(Some(Event::Message(MessageRef::Text("more")))));
    assert_eq!(server.next_event(), Ok(None));
}

#[test]
fn an_invalid_response_is_a_usage_error_and_the_client_gets_500() {
    let mut client = asking(|_| {});
    let mut server = answering(|policy| {
        policy.headers.append("Sec-WebSocket-Accept", "mine").unwrap();
    });
    hand_over(&mut client, &mut server, Way::Copied(100_000));
    let Some(error @ Error::Response(_)) = server.error().cloned() else { panic!("{server:?}") };
    assert!(response(&server).starts_with("HTTP/1.1 500 "));
    is_over_with(&mut server, &error);
}

#[test]
fn item_20_a_stream_that_ends_in_the_opening_handshake_is_an_error() {
    let mut client = asking(|_| {});
    client.receive(b"HTTP/1.1 101");
    let error = Error::Handshake(Box::new(HandshakeError::Eof { received: 12 }));
    assert_eq!(client.receive_eof(), Err(error.clone()));
    is_over_with(&mut client, &error);

    // The end of the stream ends the body of a refusal.
    let mut client = asking(|_| {});
    client.receive(b"HTTP/1.1 403 Forbidden\r\n\r\nno");
    assert_eq!(client.next_event(), Ok(None));
    let Err(error @ Error::Handshake(_)) = client.receive_eof() else { panic!("{client:?}") };
    is_over_with(&mut client, &error);

    let mut server = answering(|_| {});
    server.receive(b"GET / HTTP/1.1\r\n");
    assert_eq!(server.receive_eof(), Err(Error::Eof));
    is_over_with(&mut server, &Error::Eof);

    // Open, but not yet reported: that comes first.
    let mut client = asking(|_| {});
    let mut server = answering(|_| {});
    hand_over(&mut client, &mut server, Way::Copied(100_000));
    assert_eq!(server.receive_eof(), Err(Error::Eof));
    opened(&mut server);
    assert_eq!(server.next_event(), Err(Error::Eof));
}

#[test]
fn item_2_giving_up_the_opening_handshake_ends_the_connection() {
    // A client: nothing has arrived, or a refusal whose body is slow.
    let mut client = asking(|_| {});
    assert_eq!(client.give_up(), Some(Error::TimedOut));
    is_over_with(&mut client, &Error::TimedOut);
    let mut client = asking(|_| {});
    client.receive(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nno");
    let Some(error @ Error::Handshake(_)) = client.give_up() else { panic!("{client:?}") };
    is_over_with(&mut client, &error);

    // A server: its client is told.
    for (by_caller, status) in [(false, 408), (true, 500)] {
        let mut server = answering(|_| {}).deciding_by_caller();
        if by_caller {
            hand_over(&mut asking(|_| {}), &mut server, Way::Copied(100_000));
        } else {
            server.receive(b"GET / HTTP/1.1\r\n");
        }
        let Some(error @ Error::Rejected(_)) = server.give_up() else { panic!("{server:?}") };
        assert!(response(&server).starts_with(&format!("HTTP/1.1 {status} ")), "{}", response(&server));
        is_over_with(&mut server, &error);
    }

    // Too late once the connection is open.
    let mut client = asking(|_| {});
    let mut server = answering(|_| {});
    hand_over(&mut client, &mut server, Way::Copied(100_000));
    assert_eq!(server.give_up(), None);
    opened(&mut server);
    assert_eq!(server.give_up(), None);
    assert_eq!(server.next_event(), Ok(None));
}
