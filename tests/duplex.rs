//! Both directions at once, from several threads, plain and over TLS.

use landline::server::accept_over;
use landline::transport::{Identity, SocketTransport, TcpOptions, TlsAcceptor, TlsConnector};
use landline::{Client, CloseCode, Config, Kind, Receiver, Sender, WebSocket};
use std::io::{IoSlice, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A connected pair over TCP on loopback.
fn connect(tls: bool) -> (WebSocket, WebSocket) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let serving = thread::spawn(move || {
        let transport = SocketTransport::tcp(listener.accept().unwrap().0, &TcpOptions::default()).unwrap();
        let config = Config::default();
        let request = if tls {
            let identity = Identity::from_pem(cert.as_bytes(), key.as_bytes()).unwrap();
            accept_over(TlsAcceptor::new(identity).unwrap().accept(transport, None, None).unwrap(), &config)
        } else {
            accept_over(transport, &config)
        };
        (request.unwrap().accept().unwrap(), cert)
    });
    let trust = TlsConnector::builder().danger_accept_invalid_certs(true).build().unwrap();
    let client = Client::builder().tls(trust).build().unwrap();
    let scheme = if tls { "wss" } else { "ws" };
    let ws = client.connect(&format!("{scheme}://localhost:{port}/")).unwrap();
    let (server, _) = serving.join().unwrap();
    (ws, server)
}

/// A message that shows who sent it, in which order, and whether it is complete.
fn stamp(message: &mut [u8], thread: u8, number: u32) {
    message[0] = thread;
    message[1..5].copy_from_slice(&number.to_be_bytes());
    let last = message.len() - 1;
    message[last] = thread;
}

const MESSAGE: usize = 1 << 20;

/// One side of the gigabyte test: two sending threads, one that pings, one that receives. Returns the slowest ping.
fn flood(ws: WebSocket, each: u32) -> Duration {
    let (sender, mut receiver) = ws.split();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let senders: Vec<_> = (0..2u8)
            .map(|id| {
                let sender = sender.clone();
                scope.spawn(move || {
                    let mut message: Vec<u8> = (0..MESSAGE).map(|i| (i % 251) as u8).collect();
                    for number in 0..each {
                        stamp(&mut message, id, number);
                        sender.send(&message).unwrap();
                    }
                })
            })
            .collect();
        let pinging = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            while !done.load(Ordering::Relaxed) {
                match sender.ping_wait(Duration::from_secs(20)) {
                    Ok(round_trip) => slowest = slowest.max(round_trip),
                    // The peer finished first and closed.
                    Err(landline::Error::Closed(_)) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            slowest
        });
        let reference: Vec<u8> = (0..MESSAGE).map(|i| (i % 251) as u8).collect();
        let mut next = [0u32; 2];
        while next.iter().sum::<u32>() < 2 * each {
            let message = receiver.recv_ref().unwrap().expect("all messages before the end").as_bytes();
            let id = message[0];
            assert_eq!(message[1..5], next[usize::from(id)].to_be_bytes(), "order of thread {id}");
            assert!(message[5..MESSAGE - 1] == reference[5..MESSAGE - 1] && message[MESSAGE - 1] == id);
            next[usize::from(id)] += 1;
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        done.store(true, Ordering::Relaxed);
        // The peer's Pings are answered until it, too, has finished.
        sender.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        while receiver.recv_ref().unwrap().is_some() {}
        pinging.join().unwrap()
    })
}

fn a_gigabyte_each_way(tls: bool) {
    let (client, server) = connect(tls);
    let begin = Instant::now();
    let server = thread::spawn(move || flood(server, 512));
    let slowest = flood(client, 512).max(server.join().unwrap());
    println!("1 GiB each way, tls {tls}: {:?}, slowest ping {slowest:?}", begin.elapsed());
    assert!(slowest < Duration::from_secs(5), "a ping took {slowest:?}");
}

#[test]
fn a_gigabyte_each_way_at_once_while_pings_get_through() {
    a_gigabyte_each_way(false);
}

#[test]
fn a_gigabyte_each_way_at_once_over_tls_while_pings_get_through() {
    a_gigabyte_each_way(true);
}

const SENDERS: u8 = 12;
const EACH: u32 = 200;

/// Sends in every possible way, with sizes around every threshold.
fn send_all_ways(sender: &Sender, id: u8) {
    for number in 0..EACH {
        let size = [6, 130, 1_000, 40_000, 70_000][(number as usize + usize::from(id)) % 5];
        let mut message = vec![id; size];
        stamp(&mut message, id, number);
        match number % 4 {
            0 => sender.send(&message).unwrap(),
            1 => sender.feed(&message).unwrap(),
            2 => {
                let (a, b) = message.split_at(size / 2);
                sender.send_vectored(Kind::Binary, &[IoSlice::new(a), IoSlice::new(b)]).unwrap();
            }
            _ => {
                let mut writer = sender.send_stream(Kind::Binary).unwrap();
                for part in message.chunks(3_000) {
                    writer.write_all(part).unwrap();
                }
                writer.finish().unwrap();
            }
        }
    }
    sender.flush().unwrap();
}

fn receive_all(receiver: &mut Receiver) {
    let mut next = [0u32; SENDERS as usize];
    while let Some(message) = receiver.recv_ref().unwrap() {
        let message = message.as_bytes();
        let id = message[0];
        assert_eq!(message[1..5], next[usize::from(id)].to_be_bytes(), "order of thread {id}");
        assert!(message[5..].iter().all(|byte| *byte == id), "messages are mixed");
        next[usize::from(id)] += 1;
    }
    assert_eq!(next, [EACH; SENDERS as usize]);
}

fn many_senders(tls: bool) {
    let (client, server) = connect(tls);
    let (sender, mut echo) = client.split();
    let receiving = thread::spawn(move || receive_all(&mut server.split().1));
    thread::scope(|scope| {
        for id in 0..SENDERS {
            let sender = sender.clone();
            scope.spawn(move || send_all_ways(&sender, id));
        }
    });
    sender.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
    assert!(echo.recv().unwrap().is_none());
    receiving.join().unwrap();
}

#[test]
fn messages_of_many_senders_are_never_interleaved() {
    many_senders(false);
}

#[test]
fn messages_of_many_senders_are_never_interleaved_over_tls() {
    many_senders(true);
}
