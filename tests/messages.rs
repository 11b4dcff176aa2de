//! Messages as values, as an iterator, and as streams; connections as keys; the status of a refusal.

mod common;

use common::limited;
use landline::http::StatusCode;
use landline::transport::pair;
use landline::{Client, CloseCode, ConnectionId, Error, Headers, Kind, Message, WebSocket};
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::thread;
use std::time::Duration;

fn connect() -> (WebSocket, WebSocket) {
    let (near, far) = pair();
    let serving = thread::spawn(|| landline::accept(far).unwrap());
    let client = Client::default().connect_over(near, "ws://memory/").unwrap();
    (client, serving.join().unwrap())
}

#[test]
fn strings_become_text_and_bytes_become_binary() {
    let text = Message::Text("x".to_owned());
    let data = Message::Binary(vec![1, 2]);
    assert_eq!((Message::from("x"), Message::from("x".to_owned())), (text.clone(), text.clone()));
    assert_eq!((Message::from(vec![1, 2]), Message::from(&[1, 2][..])), (data.clone(), data.clone()));
    assert_eq!(text.into_text(), Ok("x".to_owned()));
    assert_eq!(data.clone().into_text(), Err(data));
    // Even if the bytes happen to be valid UTF-8.
    assert!(Message::from(b"x".to_vec()).into_text().is_err());
}

#[test]
fn iterating_ends_when_the_connection_is_closed_in_order() {
    limited(|| {
        let (mut client, mut server) = connect();
        server.send("one").unwrap();
        server.send(b"two").unwrap();
        server.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        let all = |messages: landline::Messages<'_>| messages.collect::<landline::Result<Vec<_>>>().unwrap();
        assert_eq!(all(client.messages()), ["one".into(), Message::Binary(b"two".to_vec())]);
        assert_eq!(all(client.messages()), []);
        assert_eq!(all(client.parts().1.messages()), []);
        let (_, mut receiver) = client.split();
        assert_eq!(all(receiver.messages()), []);
        assert_eq!(receiver.into_iter().count(), 0);
    });
}

#[test]
fn iterating_returns_an_error_that_ends_the_connection_once() {
    limited(|| {
        let (mut client, mut server) = connect();
        server.send("one").unwrap();
        server.abort();
        let mut messages = client.messages();
        assert_eq!(messages.next().unwrap().unwrap(), "one".into());
        assert!(messages.next().unwrap().unwrap_err().is_fatal());
        assert!(messages.next().is_none() && messages.next().is_none());
    });
}

#[test]
fn iterating_continues_after_a_timeout() {
    limited(|| {
        let (mut client, mut server) = connect();
        client.set_recv_timeout(Some(Duration::from_millis(1)));
        let mut messages = (&mut client).into_iter();
        for _ in 0..2 {
            assert!(matches!(messages.next(), Some(Err(Error::Timeout(_)))));
        }
        server.send("late").unwrap();
        assert_eq!(messages.find_map(Result::ok), Some("late".into()));
    });
}

#[test]
fn a_connections_id_is_that_of_its_halves_and_of_no_other() {
    let (mut client, server) = connect();
    let mut seen = HashSet::from([client.id(), server.id()]);
    assert_eq!(seen.len(), 2);
    let id = client.id();
    {
        let (_, receiver) = client.parts();
        assert_eq!(receiver.id(), id);
    }
    let (sender, receiver) = client.split();
    assert_eq!((sender.id(), sender.clone().id(), receiver.id()), (id, id, id));
    let mut names: HashMap<ConnectionId, &str> = HashMap::from([(id, "client"), (server.id(), "server")]);
    assert_eq!(names.remove(&receiver.id()), Some("client"));
    assert_eq!(id.to_string(), id.as_u64().to_string());
    drop((sender, receiver, server));
    for _ in 0..10 {
        let (client, server) = connect();
        assert!(seen.insert(client.id()) && seen.insert(server.id()), "an id was given twice");
    }
}

#[test]
fn an_error_has_the_status_of_a_refusal_on_both_sides() {
    limited(|| {
        let (near, far) = pair();
        let refusing = thread::spawn(|| {
            let request = landline::server::accept_over(far, &landline::Config::default()).unwrap();
            request.reject(StatusCode::FORBIDDEN, Headers::new(), "").unwrap();
        });
        let error = Client::default().connect_over(near, "ws://memory/").unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::FORBIDDEN));
        refusing.join().unwrap();

        let (near, far) = pair();
        let asking = thread::spawn(move || {
            use landline::transport::{Interest, Transport};
            let mut request = &b"POST / HTTP/1.1\r\n\r\n"[..];
            while !request.is_empty() {
                let count = near.write(&[std::io::IoSlice::new(request)]).unwrap();
                request = &request[count..];
            }
            near.wait(Interest::READ, landline::Deadline::NEVER, None).unwrap();
        });
        let error = landline::accept(far).unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::METHOD_NOT_ALLOWED), "{error}");
        asking.join().unwrap();

        assert_eq!(Error::WouldBlock.status(), None);
        assert_eq!(landline::connect("http://localhost/").unwrap_err().status(), None);
    });
}

#[test]
fn a_writer_can_be_flushed_after_its_message_has_ended() {
    limited(|| {
        let (client, mut server) = connect();
        let (sender, _receiver) = client.split();
        let mut ended = sender.send_stream(Kind::Text).unwrap();
        ended.write_all(b"one").unwrap();
        ended.finish().unwrap();
        ended.flush().unwrap();
        // While another message is being written, and in between its parts.
        let mut other = sender.send_stream(Kind::Text).unwrap();
        other.write_all(b"tw").unwrap();
        ended.flush().unwrap();
        assert!(ended.write(b"x").is_err());
        other.write_all(b"o").unwrap();
        other.finish().unwrap();
        drop((ended, other));
        sender.send("three").unwrap();
        let received: Vec<_> = server.messages().take(3).map(Result::unwrap).collect();
        assert_eq!(received, ["one".into(), "two".into(), "three".into()]);
    });
}

#[test]
fn a_part_that_is_not_utf_8_leaves_the_message_as_it_was() {
    limited(|| {
        let (mut client, mut server) = connect();
        let mut writer = client.send_stream(Kind::Text).unwrap();
        writer.write_all(b"\xe2").unwrap();
        // The euro sign, whose last byte is wrong at first.
        assert!(writer.write(b"\x82(").is_err());
        writer.write_all(b"\x82\xac").unwrap();
        writer.finish().unwrap();
        drop(writer);
        assert_eq!(server.recv().unwrap(), Some("\u{20ac}".into()));
    });
}
