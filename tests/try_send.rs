//! Sending without waiting, and with a time limit for one call.

mod common;

use common::{eventually, limited, timed};
use landline::error::{Phase, Timeout};
use landline::transport::{Identity, TlsConnector, pair};
use landline::{Client, CloseCode, Deadline, Error, Kind, Message, Server, WebSocket};
use std::io::{IoSlice, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(100);
/// More than any call that does not wait may take.
const LONG: Duration = Duration::from_secs(10);

/// A client and its server in memory, where only the peer makes room.
fn connect() -> (WebSocket, WebSocket) {
    let (near, far) = pair();
    let serving = thread::spawn(|| landline::accept(far).unwrap());
    let client = Client::default().connect_over(near, "ws://memory/").unwrap();
    (client, serving.join().unwrap())
}

/// The same over TCP, with or without TLS.
fn connect_over_tcp(tls: bool) -> (WebSocket, WebSocket) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let far = listener.accept().unwrap().0;
    let serving = thread::spawn(move || {
        if !tls {
            return landline::accept(far).unwrap();
        }
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let identity = Identity::from_pem(cert.as_bytes(), key.as_bytes()).unwrap();
        Server::builder().tls(identity).accept(far).unwrap()
    });
    let trust = TlsConnector::builder().danger_accept_invalid_certs(true);
    let client = Client::builder().tls_options(trust).build().unwrap();
    let ws = client.connect_over(near, if tls { "wss://localhost/" } else { "ws://localhost/" }).unwrap();
    (ws, serving.join().unwrap())
}

/// Sends numbered messages of 10,000 bytes until one would block. Returns how many were accepted.
fn fill(mut try_send: impl FnMut(Vec<u8>) -> landline::Result<()>) -> u32 {
    let mut count = 0_u32;
    loop {
        let mut message = vec![0; 10_000];
        message[..4].copy_from_slice(&count.to_be_bytes());
        match try_send(message) {
            Ok(()) => count += 1,
            Err(Error::WouldBlock) => return count,
            Err(error) => panic!("{error}"),
        }
    }
}

fn number(message: &Message) -> u32 {
    u32::from_be_bytes(message.as_bytes()[..4].try_into().unwrap())
}

#[test]
fn accepted_messages_arrive_and_those_that_would_block_do_not() {
    limited(|| {
        for (what, connected) in
            [("memory", connect()), ("TCP", connect_over_tcp(false)), ("TLS", connect_over_tcp(true))]
        {
            let (mut client, mut server) = connected;
            let accepted = fill(|message| server.try_send(message));
            assert!(accepted > 6, "the kernel and 64 KiB have room for some");
            assert!(server.poll_interest().write);
            let (sender, mut receiver) = server.split();
            let receiving = thread::spawn(move || receiver.recv());
            for expected in 0..accepted {
                assert_eq!(number(&client.recv_timeout(LONG).unwrap().unwrap()), expected, "{what}");
            }
            eventually("all is written", || !sender.poll_interest().write);
            sender.try_send("there is room again").unwrap();
            assert_eq!(client.recv_timeout(LONG).unwrap(), Some("there is room again".into()));
            client.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
            assert_eq!(receiving.join().unwrap().unwrap(), None);
        }
    });
}

#[test]
fn try_send_would_block_until_the_peer_reads_for_every_size_and_handle() {
    let (_client, mut server) = connect();
    fill(|message| server.try_send(message));
    for _ in 0..3 {
        assert!(matches!(server.try_send("x"), Err(Error::WouldBlock)));
        assert!(matches!(server.parts().0.try_send(b"x"), Err(Error::WouldBlock)));
    }
    let (sender, _receiver) = server.split();
    assert!(matches!(sender.try_send("x"), Err(Error::WouldBlock)));
}

#[test]
fn a_message_larger_than_the_available_room_is_accepted_whole() {
    limited(|| {
        let (mut client, mut server) = connect();
        let large = vec![7; 32 << 20];
        server.try_send(&large).unwrap();
        assert!(matches!(server.try_send("x"), Err(Error::WouldBlock)));
        client.set_max_message_size(64 << 20);
        let receiving = thread::spawn(move || client.recv().unwrap());
        server.flush().unwrap();
        assert_eq!(receiving.join().unwrap(), Some(large.into()));
    });
}

#[test]
fn try_send_does_not_wait_for_a_message_that_another_thread_streams() {
    limited(|| {
        let (mut client, server) = connect();
        let (sender, _receiver) = server.split();
        let (begun, until_begun) = mpsc::channel();
        let (end, until_end) = mpsc::channel::<()>();
        let streaming = thread::spawn({
            let sender = sender.clone();
            move || {
                let mut writer = sender.send_stream(Kind::Text).unwrap();
                begun.send(()).unwrap();
                until_end.recv().unwrap();
                writer.write_all(b"streamed").unwrap();
                writer.finish().unwrap();
            }
        });
        until_begun.recv().unwrap();
        let (taken, result) = timed(|| sender.try_send("x"));
        assert!(matches!(result, Err(Error::WouldBlock)) && taken < LONG, "{result:?} after {taken:?}");
        end.send(()).unwrap();
        streaming.join().unwrap();
        sender.try_send("next").unwrap();
        assert_eq!(client.recv().unwrap(), Some("streamed".into()));
        assert_eq!(client.recv().unwrap(), Some("next".into()));
    });
}

#[test]
fn try_send_leaves_an_interrupt_to_the_next_call_that_waits() {
    limited(|| {
        let (_client, mut server) = connect();
        let interrupter = server.interrupter().unwrap();
        fill(|message| server.try_send(message));
        interrupter.interrupt_send();
        assert!(matches!(server.try_send("x"), Err(Error::WouldBlock)));
        let result = server.send_timeout("x", LONG);
        assert!(matches!(result, Err(Error::Interrupted(_))), "{result:?}");
    });
}

#[test]
fn try_send_on_a_closed_connection_reports_it() {
    let (near, far) = pair();
    let serving = thread::spawn(|| landline::accept(far).unwrap());
    let mut client = Client::default().connect_over(near, "ws://memory/").unwrap();
    let mut server = serving.join().unwrap();
    server.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
    assert!(matches!(server.try_send("x"), Err(Error::Closed(_))));
    client.abort();
    let error = client.try_send("x").unwrap_err();
    assert!(error.is_fatal() && !matches!(error, Error::WouldBlock), "{error:?}");
}

#[test]
fn would_block_is_not_fatal_and_the_message_was_not_accepted() {
    let error = Error::WouldBlock;
    assert!(!error.is_fatal() && !error.message_accepted());
    assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::WouldBlock);
}

/// Runs a call on a connection whose peer does not read: it must end soon, with nothing accepted.
fn must_time_out<T>(what: &str, call: impl FnOnce(Deadline) -> landline::Result<T>) {
    let (taken, result) = timed(|| call(Deadline::after(SHORT)));
    match result.err() {
        Some(error @ Error::Timeout(Timeout { phase: Phase::Send, .. })) => {
            assert!(!error.message_accepted(), "{what}");
        }
        other => panic!("{what}: {other:?}"),
    }
    assert!((SHORT..LONG).contains(&taken), "{what}: {taken:?}");
}

#[test]
fn every_sending_call_takes_a_time_limit() {
    limited(|| {
        let (_client, mut server) = connect();
        fill(|message| server.try_send(message));
        must_time_out("send_timeout", |_| server.send_timeout("x", SHORT));
        must_time_out("send_deadline", |until| server.send_deadline("x", until));
        must_time_out("send", |until| server.with_deadline(until).send("x"));
        must_time_out("feed", |until| server.with_deadline(until).feed("x"));
        must_time_out("flush", |until| server.with_deadline(until).flush());
        let part = [IoSlice::new(b"x")];
        must_time_out("send_vectored", |until| server.with_deadline(until).send_vectored(Kind::Text, &part));
        must_time_out("ping", |until| server.with_deadline(until).ping(b""));
        must_time_out("parts", |until| server.parts().0.send_deadline("x", until));
        must_time_out("parts, timeout", |_| server.parts().0.send_timeout("x", SHORT));
        let (sender, _receiver) = server.split();
        must_time_out("sender", |until| sender.send_deadline("x", until));
        must_time_out("sender, timeout", |_| sender.send_timeout("x", SHORT));
        must_time_out("sender, any call", |until| sender.with_deadline(until).flush());
        let _writer = sender.send_stream(Kind::Text).unwrap();
        must_time_out("send_stream", |until| sender.with_deadline(until).send_stream(Kind::Text));
    });
}

#[test]
fn a_call_obeys_the_earlier_of_two_deadlines() {
    limited(|| {
        let (_client, mut server) = connect();
        fill(|message| server.try_send(message));
        server.set_deadline(Deadline::after(SHORT));
        let (taken, result) = timed(|| server.send_timeout("x", Duration::from_secs(1000)));
        assert!(matches!(result, Err(Error::Timeout(_))) && taken < LONG, "{result:?} after {taken:?}");
        server.set_deadline(None);
        let (taken, result) = timed(|| server.with_deadline(None).with_deadline(Deadline::after(SHORT)).send("x"));
        assert!(matches!(result, Err(Error::Timeout(_))) && taken < LONG, "{result:?} after {taken:?}");
    });
}
