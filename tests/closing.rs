//! The end of a connection: nothing that was sent is lost, neither end waits for the other, the first error is kept,
//! and everything ends in time, whatever the peer does.

mod common;

use common::{CpuClock, Hooked, Raw, alone, eventually, frame, limited, masked, raw_client, serve, sleeper, timed};
use landline::error::{Closed, Phase, Timeout};
use landline::server::accept_over;
use landline::transport::{
    Identity, MemoryTransport, SocketTransport, TcpOptions, TlsAcceptor, TlsConnector, Transport, pair,
};
use landline::{Client, CloseCode, Config, Error, Keepalive, Kind, Message, Sender, Server, WebSocket};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

type Pipe = Box<dyn Transport>;

/// Two connected ends of every kind of transport.
fn pipes() -> Vec<(&'static str, Pipe, Pipe)> {
    let (a, b) = pair();
    let unix = UnixStream::pair().unwrap();
    let unix = (SocketTransport::unix(unix.0).unwrap(), SocketTransport::unix(unix.1).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let tcp = |stream| SocketTransport::tcp(stream, &TcpOptions::default()).unwrap();
    vec![
        ("memory", Box::new(a), Box::new(b)),
        ("unix", Box::new(unix.0), Box::new(unix.1)),
        ("tcp", Box::new(tcp(client)), Box::new(tcp(listener.accept().unwrap().0))),
    ]
}

/// A client and a server over it.
fn connect(client: Pipe, server: Pipe, tls: bool, config: &Config) -> (WebSocket, WebSocket) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let server_config = config.clone();
    let serving = thread::spawn(move || {
        let request = if tls {
            let acceptor = TlsAcceptor::new(Identity::from_pem(cert.as_bytes(), key.as_bytes()).unwrap()).unwrap();
            accept_over(acceptor.accept(server, None, None).unwrap(), &server_config)
        } else {
            accept_over(server, &server_config)
        };
        request.unwrap().accept().unwrap()
    });
    let builder = Client::builder().config(config.clone());
    let client = if tls {
        let trust = TlsConnector::builder().danger_accept_invalid_certs(true).build().unwrap();
        builder.tls(trust).build().unwrap().connect_over(client, "wss://localhost/")
    } else {
        builder.build().unwrap().connect_over(client, "ws://localhost/")
    };
    (client.unwrap(), serving.join().unwrap())
}

/// Over every kind of transport, plain and with TLS.
fn everywhere(config: &Config, test: impl Fn(&str, WebSocket, WebSocket)) {
    for tls in [false, true] {
        for (name, client, server) in pipes() {
            let name = format!("{name}{}", if tls { " with TLS" } else { "" });
            let (client, server) = connect(client, server, tls, config);
            test(&name, client, server);
        }
    }
}

/// Sends until there is no more room. Returns how many messages were accepted.
fn fill(ws: &mut WebSocket, size: usize) -> usize {
    ws.set_send_timeout(Some(millis(50)));
    let mut accepted = 0;
    loop {
        match ws.send(vec![7; size]) {
            Ok(()) => accepted += 1,
            Err(error) => {
                assert!(matches!(error, Error::Timeout(_)), "{error:?}");
                return accepted + usize::from(error.message_accepted());
            }
        }
    }
}

fn same(a: &Error, b: &Error) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

// ----- Nothing is lost -----

#[test]
fn a_message_sent_before_close_arrives_while_the_peer_is_sending_too() {
    limited(|| {
        everywhere(&Config::default(), |name, mut client, mut server| {
            let echoing = thread::spawn(move || {
                let mut count = 0;
                while let Some(message) = server.recv().unwrap() {
                    count += 1;
                    server.send(message).unwrap();
                }
                assert!(server.close_info().clean);
                count
            });
            for _ in 0..200 {
                client.send(vec![7; 10_000]).unwrap_or_else(|error| panic!("{name}: {error}"));
                if name.starts_with("memory") || name.starts_with("unix") {
                    // These hold less than TCP; the echo must not stall.
                    client.recv().unwrap();
                }
            }
            client.close(CloseCode::NORMAL_CLOSURE, "").unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(echoing.join().unwrap(), 200, "{name}");
            assert!(client.close_info().clean, "{name}");
        });
    });
}

#[test]
fn messages_of_a_handler_that_returned_arrive_although_the_client_keeps_sending() {
    limited(|| {
        let (returned, has_returned) = mpsc::channel();
        let (fill, is_full) = mpsc::channel::<()>();
        let is_full = std::sync::Mutex::new(is_full);
        let server = serve(Server::builder(), move |mut ws| {
            // Nothing that the client sends is read until it cannot send any more.
            is_full.lock().unwrap().recv().unwrap();
            for _ in 0..100 {
                ws.send(vec![b'r'; 20_000]).unwrap();
            }
            returned.send(()).unwrap();
        });
        let (mut sender, mut receiver) = landline::connect(&server.url()).unwrap().split();
        sender.set_send_timeout(Some(millis(100)));
        while sender.send(vec![b'u'; 100_000]).is_ok() {}
        fill.send(()).unwrap();
        has_returned.recv().unwrap();
        // More than one MiB, while nothing that the handler sent is read.
        sender.set_send_timeout(Some(10 * SECOND));
        for _ in 0..100 {
            if sender.send(vec![b'u'; 100_000]).is_err() {
                break;
            }
        }
        for number in 0..100 {
            let message = receiver.recv();
            assert!(matches!(message, Ok(Some(_))), "{number}: {message:?}");
        }
        assert_eq!(receiver.recv().unwrap(), None);
        let info = receiver.close_info();
        assert!(info.clean && info.code() == CloseCode::NORMAL_CLOSURE, "{info:?}");
    });
}

#[test]
fn both_ends_can_close_while_more_is_in_flight_than_the_buffers_hold() {
    limited(|| {
        everywhere(&Config::default(), |name, mut client, mut server| {
            assert!(fill(&mut client, 30_000) > 0 && fill(&mut server, 30_000) > 0);
            let start = Arc::new(Barrier::new(2));
            let closing = {
                let start = Arc::clone(&start);
                thread::spawn(move || {
                    start.wait();
                    let result = timed(|| server.close(CloseCode::NORMAL_CLOSURE, "server"));
                    (result, server.close_info())
                })
            };
            start.wait();
            let (took, result) = timed(|| client.close(CloseCode::NORMAL_CLOSURE, "client"));
            assert!(result.is_ok() && took < 4 * SECOND, "{name}: client {took:?} {result:?}");
            assert!(client.close_info().clean, "{name}");
            let ((took, result), info) = closing.join().unwrap();
            assert!(result.is_ok() && took < 4 * SECOND, "{name}: server {took:?} {result:?}");
            assert!(info.clean, "{name}: {info:?}");
        });
    });
}

#[test]
fn a_client_that_has_not_read_six_large_messages_closes_in_order() {
    limited(|| {
        everywhere(&Config::default(), |name, mut client, mut server| {
            let answering = thread::spawn(move || {
                while let Some(message) = server.recv()? {
                    server.send(message)?;
                }
                landline::Result::<landline::CloseInfo>::Ok(server.close_info())
            });
            client.set_send_timeout(Some(millis(100)));
            for _ in 0..6 {
                // Accepted or not, once the transport is full.
                let _ = client.send(vec![1; 300_000]);
            }
            let (took, result) = timed(|| client.close(CloseCode::NORMAL_CLOSURE, ""));
            assert!(result.is_ok() && took < 4 * SECOND, "{name}: {took:?} {result:?}");
            assert!(answering.join().unwrap().unwrap().clean, "{name}");
        });
    });
}

#[test]
fn a_sender_without_a_receiver_completes_the_closing_handshake() {
    limited(|| {
        everywhere(&Config::default(), |name, mut client, server| {
            fill(&mut client, 30_000);
            let (sender, mut from_server) = client.split();
            let (to_client, receiver) = server.split();
            drop(receiver);
            let sending = thread::spawn(move || {
                for _ in 0..100 {
                    to_client.send(vec![9; 30_000])?;
                }
                to_client.close_start(CloseCode::NORMAL_CLOSURE, "all sent")?;
                // There is nothing more to do, and calling it again is no error.
                to_client.close_start(CloseCode::NORMAL_CLOSURE, "")
            });
            // Continues to send: nothing receives this, but it must not get in the way.
            let flooding = thread::spawn(move || while sender.send(vec![7; 30_000]).is_ok() {});
            for number in 0..100 {
                let message = from_server.recv();
                assert!(matches!(message, Ok(Some(_))), "{name}, {number}: {message:?}");
            }
            assert_eq!(from_server.recv().unwrap(), None, "{name}");
            drop(from_server);
            flooding.join().unwrap();
            sending.join().unwrap().unwrap_or_else(|error| panic!("{name}: {error}"));
        });
    });
}

#[test]
fn the_close_frame_for_a_violation_arrives_after_earlier_messages() {
    limited(|| {
        let server = serve(Server::builder(), |mut ws| {
            for _ in 0..100 {
                ws.send(vec![b'r'; 20_000]).unwrap();
            }
            assert!(matches!(ws.recv(), Err(Error::Protocol(_))));
        });
        let mut raw = server.raw();
        raw.open();
        raw.send(frame(0x82, "not masked"));
        // Several MiB that nothing will receive, before anything is read.
        let mut writing = raw.stream.try_clone().unwrap();
        let writing = thread::spawn(move || writing.write_all(&vec![b'x'; 8 << 20]).unwrap());
        writing.join().unwrap();
        for _ in 0..100 {
            assert_eq!(raw.frame().payload.len(), 20_000);
        }
        assert_eq!(raw.frame().close_code(), 1002);
        assert_eq!(raw.next().expect("an orderly end, not a reset"), None);
    });
}

#[test]
fn the_refusal_of_a_request_with_a_large_body_arrives() {
    limited(|| {
        let server = serve(Server::builder(), |_| {});
        let mut stream =
            TcpStream::connect(server.url().trim_start_matches("ws://").trim_end_matches('/')).unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8388608\r\n\r\n").unwrap();
        stream.write_all(&vec![b'x'; 8 << 20]).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an orderly end, not a reset");
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    });
}

// ----- Time and CPU time -----

/// A client that sends messages for as long as it can.
fn flood(mut stream: TcpStream) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let block = masked(0x82, vec![b'x'; 60_000]);
        while stream.write_all(&block).is_ok() {}
    })
}

/// Makes a call that ends a connection after 2 s, and returns its result. It must end in time and use little CPU time.
fn two_seconds_at_little_cost<T>(end: impl FnOnce() -> T) -> T {
    let mut clock = CpuClock::of_this_thread();
    let before = clock.read();
    let (took, result) = timed(end);
    let used = clock.read() - before;
    println!("{used:?} of CPU time in {took:?}");
    assert!(took >= millis(1900) && took < 10 * SECOND, "{took:?}");
    assert!(used < SECOND, "{used:?} of CPU time in {took:?}");
    result
}

#[test]
fn item_18_a_flood_costs_a_closing_thread_limited_time_and_little_cpu() {
    limited(|| {
        for large in [true, false] {
            let (mut ws, raw) = raw_client(Config::default().close_timeout(2 * SECOND));
            let flooding = if large {
                flood(raw)
            } else {
                let mut raw = raw;
                let block = masked(0x82, b"").repeat(10_000);
                thread::spawn(move || while raw.write_all(&block).is_ok() {})
            };
            println!("large messages: {large}");
            let result = two_seconds_at_little_cost(|| ws.close(CloseCode::NORMAL_CLOSURE, ""));
            assert!(matches!(result, Err(Error::Closed(Closed::CloseUnanswered))), "{result:?}");
            drop(ws);
            flooding.join().unwrap();
        }
    });
}

#[test]
fn item_18_a_flood_after_a_violation_costs_limited_time_and_little_cpu() {
    limited(|| {
        // Two seconds, even if an orderly end may take longer.
        let (mut ws, mut raw) = raw_client(Config::default().close_timeout(30 * SECOND));
        raw.write_all(&frame(0x82, "not masked")).unwrap();
        let flooding = flood(raw);
        let result = two_seconds_at_little_cost(|| ws.recv());
        assert!(matches!(result, Err(Error::Protocol(_))), "{result:?}");
        drop(ws);
        flooding.join().unwrap();
    });
}

#[test]
fn item_18_a_flood_does_not_keep_a_handlers_connection_alive() {
    limited(|| {
        let options = Server::builder().config(Config::default().close_timeout(SECOND));
        let server = serve(options, |_| {});
        let mut raw = server.raw();
        raw.open();
        let (took, ()) = timed(|| flood(raw.stream.try_clone().unwrap()).join().unwrap());
        assert!(took < 10 * SECOND, "{took:?}");
    });
}

// ----- How the end is reported -----

#[test]
fn a_connection_whose_peer_left_with_messages_unsent_is_not_clean() {
    limited(|| {
        everywhere(&Config::default(), |name, client, mut server| {
            fill(&mut server, 30_000);
            let (sender, receiver) = client.split();
            // It sends a Close frame, reads nothing, and disconnects.
            let _ = sender.clone().close_start(CloseCode::NORMAL_CLOSURE, "");
            drop((sender, receiver));
            let end = loop {
                match server.recv() {
                    Ok(Some(_)) => {}
                    end => break end,
                }
            };
            assert!(end.is_err(), "{name}: {end:?}");
            let info = server.close_info();
            assert!(!info.clean && info.cause.is_some(), "{name}: {info:?}");
        });
    });
}

#[test]
fn a_peer_that_does_not_wait_for_the_reply_to_its_close_frame_has_closed_in_order() {
    limited(|| {
        let (client, server) = pair();
        let (client, mut server) = connect(Box::new(client), Box::new(server), false, &Config::default());
        client.split().0.close_start(CloseCode::NORMAL_CLOSURE, "bye").unwrap();
        assert_eq!(server.recv().unwrap(), None);
        assert_eq!(server.close_info().code(), CloseCode::NORMAL_CLOSURE);
    });
}

#[test]
fn after_a_failed_send_what_has_arrived_is_received_first_and_then_only_that_error() {
    limited(|| {
        everywhere(&Config::default(), |name, mut client, mut server| {
            for i in 0..3 {
                client.send(format!("message {i}")).unwrap();
            }
            // Over sockets, the messages are in the server's buffer, and the client is gone.
            drop(client);
            let first = loop {
                if let Err(error) = server.send("nobody hears this") {
                    break error;
                }
            };
            assert!(first.is_fatal(), "{name}: {first:?}");
            let cause = server.close_info().cause.unwrap_or_else(|| panic!("{name}: the state still says open"));
            assert!(same(&cause, &first), "{name}: {cause:?} and {first:?}");
            for i in 0..3 {
                let message = server.recv();
                assert!(
                    matches!(&message, Ok(Some(Message::Text(text))) if *text == format!("message {i}")),
                    "{name}: {message:?}"
                );
            }
            for _ in 0..2 {
                let later = server.recv().unwrap_err();
                assert!(same(&later, &first), "{name}: {later:?} and {first:?}");
            }
            let others = [
                server.send("x").unwrap_err(),
                server.flush().unwrap_err(),
                server.close(CloseCode::NORMAL_CLOSURE, "").unwrap_err(),
                server.ping(b"").unwrap_err(),
            ];
            assert!(others.iter().all(|error| same(error, &first)), "{name}: {others:?}");
        });
    });
}

/// A transport on which writing fails once `fails` is set, and reading does not.
fn failing_writes(inner: MemoryTransport, fails: &Arc<AtomicBool>) -> Hooked {
    let fails = Arc::clone(fails);
    Hooked::before_write(inner, move || {
        if fails.load(Ordering::SeqCst) { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    })
}

#[test]
fn a_failed_send_ends_a_receive_that_waits_in_another_thread() {
    limited(|| {
        let fails = Arc::new(AtomicBool::new(false));
        let (client, server) = pair();
        let client = failing_writes(client, &fails);
        let (client, _server) = connect(Box::new(client), Box::new(server), false, &Config::default());
        let (sender, mut receiver) = client.split();
        let receiving = common::sleeper(move || receiver.recv());
        receiving.until_asleep();
        fails.store(true, Ordering::SeqCst);
        let first = sender.send("x").unwrap_err();
        let received = receiving.join().unwrap_err();
        assert!(same(&received, &first), "{received:?} and {first:?}");
    });
}

#[test]
fn a_failed_send_ends_a_receive_in_the_same_thread_although_the_peer_stays_connected() {
    limited(|| {
        let fails = Arc::new(AtomicBool::new(false));
        let (client, server) = pair();
        let client = failing_writes(client, &fails);
        let (mut client, mut server) = connect(Box::new(client), Box::new(server), false, &Config::default());
        server.send("there").unwrap();
        fails.store(true, Ordering::SeqCst);
        let first = client.send("x").unwrap_err();
        assert!(client.has_buffered(), "a loop has to call");
        assert!(client.recv().unwrap().is_some());
        assert!(same(&client.recv().unwrap_err(), &first));
    });
}

/// The error of a blocked sender when `end` ends the connection.
fn blocked_sender(config: Config, end: impl FnOnce(landline::Receiver) -> Error) -> (Error, Error, Error) {
    let (ws, _raw) = raw_client(config);
    let (sender, receiver) = ws.split();
    let other = sender.clone();
    let mut head = [0; 10];
    let blocked = thread::spawn(move || sender.send(vec![0; 64 << 20]).unwrap_err());
    (&_raw).read_exact(&mut head).unwrap();
    let reason = end(receiver);
    (reason, blocked.join().unwrap(), other.send("later").unwrap_err())
}

#[test]
fn a_blocked_sender_gets_the_error_that_ended_the_connection() {
    limited(|| {
        let patience = Config::default().send_timeout(None);
        for round in 0..25 {
            let config = patience.clone().close_timeout(millis(20));
            let (reason, blocked, later) =
                blocked_sender(config, |mut receiver| receiver.close(CloseCode::NORMAL_CLOSURE, "").unwrap_err());
            assert!(matches!(reason, Error::Closed(Closed::CloseUnanswered)), "{round}: {reason:?}");
            assert!(same(&blocked, &reason) && same(&later, &reason), "{round}: {blocked:?}, {later:?}");

            let keepalive = Keepalive::default().interval(millis(10)).timeout(millis(10));
            let config = patience.clone().keepalive(Some(keepalive));
            let (reason, blocked, later) = blocked_sender(config, |mut receiver| receiver.recv().unwrap_err());
            assert!(matches!(reason, Error::Closed(Closed::PeerSilent(_))), "{round}: {reason:?}");
            assert!(same(&blocked, &reason) && same(&later, &reason), "{round}: {blocked:?}, {later:?}");

            let (_, blocked, later) = blocked_sender(patience.clone(), |receiver| {
                receiver.abort();
                Error::Closed(Closed::Aborted)
            });
            for error in [blocked, later] {
                assert!(matches!(error, Error::Closed(Closed::Aborted)), "{round}: {error:?}");
            }
        }
    });
}

#[test]
fn the_error_is_recorded_before_a_sender_can_notice_that_the_connection_is_cut() {
    limited(|| {
        let failed = Arc::new(AtomicBool::new(false));
        let (client, server) = pair();
        // Cutting it does not return until the sender has noticed.
        let client = {
            let failed = Arc::clone(&failed);
            Hooked::after_abort(client, move || {
                let limit = Instant::now() + SECOND;
                while !failed.load(Ordering::SeqCst) && Instant::now() < limit {
                    thread::yield_now();
                }
            })
        };
        let config = Config::default().close_timeout(millis(50)).send_timeout(None);
        let (client, mut server) = connect(Box::new(client), Box::new(server), false, &config);
        let (sender, mut receiver) = client.split();
        let blocked = thread::spawn(move || {
            let error = sender.send(vec![0; 1 << 20]).unwrap_err();
            let cause = sender.close_info().cause;
            failed.store(true, Ordering::SeqCst);
            (error, cause)
        });
        // Its first bytes have arrived, so it is in the middle of the message; no more is read.
        assert!(server.recv_into(&mut [0; 16]).unwrap().is_some());
        let reason = receiver.close(CloseCode::NORMAL_CLOSURE, "").unwrap_err();
        assert!(matches!(reason, Error::Closed(Closed::CloseUnanswered)), "{reason:?}");
        let (error, cause) = blocked.join().unwrap();
        assert!(same(&error, &reason), "{error:?}");
        assert!(cause.is_some_and(|cause| same(&cause, &reason)));
    });
}

#[test]
fn a_blocked_sender_gets_the_violation_although_the_peer_resets_the_connection() {
    limited(|| {
        let (ws, mut raw) = raw_client(Config::default().send_timeout(None));
        let (sender, mut receiver) = ws.split();
        let other = sender.clone();
        let blocked = thread::spawn(move || sender.send(vec![0; 64 << 20]).unwrap_err());
        raw.read_exact(&mut [0; 10]).unwrap();
        raw.write_all(&frame(0x82, "not masked")).unwrap();
        let receiving = thread::spawn(move || receiver.recv().unwrap_err());
        common::eventually("the violation is recorded", || other.close_info().cause.is_some());
        drop(raw);
        for error in [blocked.join().unwrap(), receiving.join().unwrap(), other.send("later").unwrap_err()] {
            assert!(matches!(error, Error::Protocol(_)), "{error:?}");
        }
    });
}

#[test]
fn a_blocked_sender_gets_the_violation_although_the_peer_stays_and_does_not_read() {
    limited(|| {
        let (ws, mut raw) = raw_client(Config::default().send_timeout(None).close_timeout(millis(100)));
        let (sender, mut receiver) = ws.split();
        let blocked = thread::spawn(move || sender.send(vec![0; 64 << 20]).unwrap_err());
        raw.read_exact(&mut [0; 10]).unwrap();
        raw.write_all(&frame(0x82, "not masked")).unwrap();
        for error in [receiver.recv().unwrap_err(), blocked.join().unwrap()] {
            assert!(matches!(error, Error::Protocol(_)), "{error:?}");
        }
    });
}

#[test]
fn calling_close_start_again_does_nothing() {
    limited(|| {
        everywhere(&Config::default(), |name, mut client, mut server| {
            let other: Sender = {
                let closing = thread::spawn(move || server.recv());
                client.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
                client.close_start(CloseCode::GOING_AWAY, "").unwrap();
                let (sender, mut receiver) = client.split();
                assert_eq!(receiver.recv().unwrap(), None, "{name}");
                assert_eq!(closing.join().unwrap().unwrap(), None, "{name}");
                receiver.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
                sender
            };
            other.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(other.close_info().clean, "{name}");
        });
    });
}

// ----- Interrupts -----

/// Receives a whole message and returns its size.
type Receive = fn(&mut WebSocket) -> landline::Result<usize>;

/// Ways to do that.
fn receiving_calls() -> [(&'static str, Receive); 4] {
    fn len(message: Option<Message>) -> usize {
        message.expect("a message").as_bytes().len()
    }
    [
        ("recv", |ws| ws.recv().map(len)),
        ("recv_ref", |ws| ws.recv_ref().map(|message| message.expect("a message").to_message().as_bytes().len())),
        ("recv_into", |ws| {
            let mut total = 0;
            loop {
                let part = ws.recv_into(&mut [0; 7_000])?.expect("a message");
                total += part.len;
                if part.is_final {
                    return Ok(total);
                }
            }
        }),
        ("recv_stream", |ws| {
            let mut reader = ws.recv_stream()?.expect("a message");
            assert_eq!(reader.kind(), Kind::Binary);
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(|error| error.downcast::<Error>().expect("ours"))?;
            Ok(bytes.len())
        }),
    ]
}

#[test]
fn an_interrupt_is_reported_after_a_message_that_has_already_arrived() {
    limited(|| {
        everywhere(&Config::default(), |name, mut client, mut server| {
            let interrupter = client.interrupter().unwrap();
            for size in [1, 1_000, 50_000] {
                for (call, receive) in receiving_calls() {
                    server.send(vec![5; size]).unwrap();
                    interrupter.interrupt_recv();
                    let got = receive(&mut client);
                    assert!(matches!(got, Ok(len) if len == size), "{name}, {call}, {size}: {got:?}");
                    let then = receive(&mut client);
                    assert!(matches!(then, Err(Error::Interrupted(_))), "{name}, {call}, {size}: {then:?}");
                    let last = client.recv_timeout(Duration::ZERO);
                    assert!(matches!(last, Err(Error::Timeout(Timeout { phase: Phase::Recv, .. }))), "{last:?}");
                }
            }
        });
    });
}

#[test]
fn an_interrupt_is_not_delayed_by_a_peer_that_sends_without_pause() {
    limited(|| {
        let (mut ws, raw) = raw_client(Config::default());
        let interrupter = ws.interrupter().unwrap();
        let mut writing = raw.try_clone().unwrap();
        let block = masked(0x89, "ping").repeat(10_000);
        let flooding = thread::spawn(move || while writing.write_all(&block).is_ok() {});
        interrupter.interrupt_recv();
        let (took, result) = timed(|| ws.recv());
        assert!(matches!(result, Err(Error::Interrupted(_))), "{result:?}");
        assert!(took < 10 * SECOND, "{took:?}");
        drop((ws, Raw::over(raw)));
        flooding.join().unwrap();
    });
}

#[test]
fn a_reply_that_cannot_be_written_does_not_hide_how_the_peer_ended_the_connection() {
    limited(|| {
        for closes in [true, false] {
            let (near, mut raw) = UnixStream::pair().unwrap();
            raw.write_all(
                b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            )
            .unwrap();
            let near = SocketTransport::unix(near).unwrap();
            let mut ws = accept_over(near, &Config::default()).unwrap().accept().unwrap();
            // Unread, it would make the socket report a reset.
            let mut answer = [0; 1000];
            assert!(raw.read(&mut answer).unwrap() > 0);
            let close = if closes { masked(0x88, b"\x03\xe8bye") } else { Vec::new() };
            raw.write_all(&[masked(0x89, "ping"), masked(0x81, "1"), masked(0x81, "2"), close].concat()).unwrap();
            // The Pong and the reply to the Close frame cannot be written any more.
            drop(raw);
            assert_eq!(ws.recv().unwrap(), Some(Message::Text("1".into())));
            assert_eq!(ws.recv().unwrap(), Some(Message::Text("2".into())));
            for _ in 0..2 {
                match ws.recv() {
                    Ok(None) => assert!(closes),
                    result => assert!(!closes && matches!(result, Err(Error::Closed(Closed::Eof))), "{result:?}"),
                }
            }
            let info = ws.close_info();
            assert_eq!(info.received.map(|frame| frame.reason().to_owned()), closes.then(|| "bye".to_owned()));
            assert!(ws.send("late").is_err());
        }
    });
}

#[test]
fn if_the_receiver_is_dropped_while_close_start_waits_the_sender_completes_the_closing() {
    limited(|| {
        let config = Config::default().close_timeout(2 * SECOND);
        everywhere(&config, |name, mut client, mut server| {
            fill(&mut client, 20_000);
            fill(&mut server, 20_000);
            let (mut sender, receiver) = client.split();
            sender.set_send_timeout(None);
            let closing = sleeper(move || timed(|| sender.close_start(CloseCode::NORMAL_CLOSURE, "")));
            let (mut sender, mut other) = server.split();
            sender.set_send_timeout(None);
            let other = sleeper(move || {
                sender.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
                while other.recv().unwrap().is_some() {}
            });
            // Each waits for room, and neither reads.
            closing.until_asleep();
            other.until_asleep();
            drop(receiver);
            let (took, result) = closing.join();
            assert!(result.is_ok() && took < 20 * SECOND, "{name}: {result:?} after {took:?}");
            other.join();
        });
    });
}

#[test]
fn a_thread_that_waits_to_send_leaves_it_to_close_start_to_notice_that_the_receiver_is_dropped() {
    limited(|| {
        let (near, far) = pair();
        let serving = thread::spawn(|| landline::accept(far).unwrap());
        // From when it is armed, `close_start` is held just before it waits for room.
        let armed = Arc::new(AtomicBool::new(false));
        let (enter, entered) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let gone = Mutex::new(gone);
        let hook_armed = Arc::clone(&armed);
        let near = Hooked::before_wait(near, move |interest| {
            if interest.write && hook_armed.swap(false, Ordering::SeqCst) {
                enter.send(()).unwrap();
                gone.lock().unwrap().recv().unwrap();
            }
        });
        let client = Client::builder().close_timeout(SECOND).build().unwrap();
        let mut client = client.connect_over(near, "ws://memory/").unwrap();
        let _server = serving.join().unwrap();
        fill(&mut client, 20_000);
        let (mut sender, receiver) = client.split();
        sender.set_send_timeout(None);
        let another = sender.clone();
        armed.store(true, Ordering::SeqCst);
        let closing = sleeper(move || timed(|| sender.close_start(CloseCode::NORMAL_CLOSURE, "")));
        entered.recv().unwrap();
        let waiting = sleeper(move || another.flush());
        waiting.until_asleep();
        let sleeps = waiting.sleeps();
        drop(receiver);
        eventually("the other thread looks at what has changed", || waiting.sleeps() > sleeps);
        waiting.until_asleep();
        go.send(()).unwrap();
        let (took, result) = closing.join();
        assert!(took < 20 * SECOND, "{result:?} after {took:?}");
        assert!(waiting.join().is_err(), "nothing could be written");
    });
}

#[test]
fn a_server_does_not_spin_when_it_finishes_a_connection_that_was_interrupted() {
    alone("a_server_does_not_spin_when_it_finishes_a_connection_that_was_interrupted", "", || {
        let (give, given) = mpsc::channel();
        let server = serve(Server::builder().close_timeout(2 * SECOND), move |mut ws| {
            ws.set_send_timeout(Some(millis(50)));
            assert!(ws.send(vec![0; 16 << 20]).unwrap_err().message_accepted());
            // No call follows that it could end.
            ws.interrupter().unwrap().interrupt_send();
            // Another thread could receive, so that the server only waits for room.
            give.send(ws.split().1).unwrap();
        });
        let mut raw = server.raw();
        raw.open();
        let receiver = given.recv().unwrap();
        let mut clock = CpuClock::of_process();
        let before = clock.read();
        let (took, _) = timed(|| server.end(20 * SECOND));
        let used = clock.read() - before;
        assert!(took > SECOND && used < millis(200), "{used:?} of processor time within {took:?}");
        drop(receiver);
    });
}
