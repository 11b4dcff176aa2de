//! The protocol without I/O against the blocking interface: the same settings, over a socket that the test reads and
//! writes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use landline::error::{Error, HandshakeError};
use landline::proto::{self, Event, Protocol};
use landline::server::OriginPolicy;
use landline::{Client, CloseCode, Compression, Message, Server};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

/// A socket that fails rather than hangs.
fn pair() -> (UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(LONG)).unwrap();
    ours.set_write_timeout(Some(LONG)).unwrap();
    (ours, theirs)
}

/// Drives `end` until it is over, echoes each message, and returns the messages.
fn echo(mut socket: UnixStream, mut end: Protocol, first: Option<&str>) -> Result<Vec<Message>, proto::Error> {
    let mut messages = Vec::new();
    loop {
        while !end.output().is_empty() {
            let count = socket.write(end.output()).unwrap();
            end.consume(count);
        }
        if end.is_over() {
            return end.error().cloned().map_or(Ok(messages), Err);
        }
        match socket.read(end.space()).unwrap() {
            0 => end.receive_eof()?,
            count => end.filled(count),
        }
        // After a failure there is output as well, which must be written.
        while let Ok(Some(event)) = end.next_event() {
            match event {
                Event::Open(_) => {
                    if let Some(first) = first {
                        end.send(first)?;
                    }
                }
                Event::Message(message) => {
                    let message = message.to_message();
                    end.send(&message)?;
                    messages.push(message);
                }
                _ => {}
            }
        }
    }
}

#[test]
fn a_clients_protocol_talks_to_a_server() {
    let (ours, theirs) = pair();
    let client = Client::builder()
        .subprotocol("b")
        .origin("http://localhost")
        .compression(Compression::default())
        .max_message_size(100)
        .build()
        .unwrap();
    let serving = std::thread::spawn(move || {
        let request = Server::builder()
            .subprotocols(["a", "b"])
            .header("appKey", "6f2a")
            .origins(OriginPolicy::SameOrigin)
            .compression(Compression::default())
            .accept_over(theirs)
            .unwrap();
        assert_eq!(request.chosen_subprotocol(), Some("b"));
        let mut ws = request.accept().unwrap();
        assert!(ws.handshake().compression.is_some());
        assert_eq!(ws.recv().unwrap(), Some("first".into()));
        ws.send("x".repeat(100)).unwrap();
        assert_eq!(ws.recv().unwrap(), Some("x".repeat(100).into()));
        // More than the client accepts.
        ws.send("x".repeat(101)).unwrap();
        while ws.recv().is_ok_and(|message| message.is_some()) {}
        ws.close_info().received.map(|frame| frame.code())
    });
    let end = client.protocol("ws://localhost/room").unwrap();
    let error = echo(ours, end, Some("first")).unwrap_err();
    assert!(matches!(error, proto::Error::Limit(_)), "{error}");
    assert_eq!(serving.join().unwrap(), Some(CloseCode::MESSAGE_TOO_BIG));
}

#[test]
fn a_servers_protocol_accepts_a_client() {
    let (ours, theirs) = pair();
    let end = Server::builder()
        .subprotocols(["a", "b"])
        .header("appKey", "6f2a")
        .compression(Compression::default())
        .protocol()
        .unwrap();
    let driving = std::thread::spawn(move || echo(ours, end, Some("welcome")));
    let client = Client::builder().subprotocol("b").compression(Compression::default()).build().unwrap();
    let mut ws = client.connect_over(theirs, "ws://localhost/").unwrap();
    assert_eq!(ws.handshake().subprotocol.as_deref(), Some("b"));
    assert_eq!(ws.handshake().headers["appkey"], "6f2a");
    assert!(ws.handshake().compression.is_some());
    assert_eq!(ws.recv().unwrap(), Some("welcome".into()));
    ws.send("hello").unwrap();
    assert_eq!(ws.recv().unwrap(), Some("hello".into()));
    ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
    assert_eq!(driving.join().unwrap(), Ok(vec!["hello".into()]));
}

#[test]
fn item_24_a_servers_protocol_refuses_the_origins_that_the_server_does() {
    let (ours, theirs) = pair();
    let end = Server::builder().origins(OriginPolicy::SameOrigin).protocol().unwrap();
    let driving = std::thread::spawn(move || echo(ours, end, None));
    let client = Client::builder().origin("http://evil.example").build().unwrap();
    let Err(Error::Handshake(error)) = client.connect_over(theirs, "ws://localhost/") else {
        panic!("it was let in")
    };
    let HandshakeError::Refused(refusal) = &*error else { panic!("{error}") };
    assert_eq!(refusal.status.as_u16(), 403);
    let refused = driving.join().unwrap();
    assert!(matches!(&refused, Err(proto::Error::Rejected(with)) if with.status().as_u16() == 403), "{refused:?}");
}

#[test]
fn every_response_has_the_servers_headers_before_those_of_the_request() {
    let (ours, theirs) = pair();
    let serving = std::thread::spawn(move || {
        let request = Server::builder().header("X-Every", "1").header("X-Every", "2").accept_over(theirs).unwrap();
        let headers = landline::Headers::new().with("X-One", "3").unwrap();
        request.accept_with(None, headers).unwrap()
    });
    let ws = Client::default().connect_over(ours, "ws://localhost/").unwrap();
    let headers = &ws.handshake().headers;
    assert_eq!(headers.get_all("x-every").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(headers["x-one"], "3");
    drop(serving.join().unwrap());
}
