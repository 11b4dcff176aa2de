//! Peers that do not read, or read late: nothing spins, grows, hangs or is lost.

mod common;

use common::{CpuClock, masked, raw_client};
use landline::error::{Closed, Phase, Timeout};
use landline::server::accept_over;
use landline::transport::{Identity, SocketTransport, TcpOptions, TlsAcceptor, TlsConnector, Transport, pair};
use landline::{Client, CloseCode, Config, Error, WebSocket};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(200);

fn over_tcp() -> (SocketTransport, SocketTransport) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let transport = |stream| SocketTransport::tcp(stream, &TcpOptions::default()).unwrap();
    (transport(client), transport(listener.accept().unwrap().0))
}

/// A connected pair: the client's end, and the server's, which has `config`.
fn connect<T: Transport + 'static>((client, server): (T, T), tls: bool, config: Config) -> (WebSocket, WebSocket) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let serving = thread::spawn(move || {
        let request = if tls {
            let identity = Identity::from_pem(cert.as_bytes(), key.as_bytes()).unwrap();
            let acceptor = TlsAcceptor::new(identity).unwrap();
            accept_over(acceptor.accept(server, None, None).unwrap(), &config)
        } else {
            accept_over(server, &config)
        };
        request.unwrap().accept().unwrap()
    });
    let trust = TlsConnector::builder().danger_accept_invalid_certs(true).build().unwrap();
    let url = if tls { "wss://localhost/" } else { "ws://localhost/" };
    let ws = Client::builder().tls(trust).build().unwrap().connect_over(client, url).unwrap();
    (ws, serving.join().unwrap())
}

#[test]
fn a_receiver_with_unsent_output_does_not_spin() {
    for tls in [false, true] {
        let (_client, server) = connect(over_tcp(), tls, Config::default());
        let (mut sender, mut receiver) = server.split();
        sender.set_send_timeout(Some(SHORT));
        assert!(sender.send(vec![0; 16 << 20]).unwrap_err().message_accepted());
        let mut clock = CpuClock::of_this_thread();
        let before = clock.read();
        let result = receiver.recv_timeout(Duration::from_secs(1));
        assert!(matches!(result, Err(Error::Timeout(Timeout { phase: Phase::Recv, .. }))), "{result:?}");
        let used = clock.read() - before;
        assert!(used < Duration::from_millis(100), "tls {tls}: {used:?} of CPU time in a second of waiting");
    }
}

#[test]
fn the_rest_of_a_timed_out_send_is_sent_while_the_receiver_waits() {
    for tls in [false, true] {
        let (mut client, server) = connect(over_tcp(), tls, Config::default());
        let (mut sender, mut receiver) = server.split();
        sender.set_send_timeout(Some(SHORT));
        let receiving = thread::spawn(move || receiver.recv());
        let mut accepted = 0;
        loop {
            match sender.send(vec![1; 10_000]) {
                Ok(()) => accepted += 1,
                Err(error) => {
                    accepted += usize::from(error.message_accepted());
                    break;
                }
            }
        }
        // No thread sends or flushes any more, and yet everything arrives.
        for number in 0..accepted {
            let message = client.recv_timeout(Duration::from_secs(10));
            assert!(matches!(message, Ok(Some(_))), "tls {tls}: {number} of {accepted}: {message:?}");
        }
        client.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(receiving.join().unwrap().unwrap().is_none());
    }
}

#[test]
fn item_14_memory_does_not_grow_with_pings_of_a_peer_that_does_not_read() {
    const PINGS: usize = 20_000;
    let (mut ws, mut raw) = raw_client(Config::default());
    ws.set_send_timeout(Some(SHORT));
    assert!(ws.send(vec![0; 16 << 20]).unwrap_err().message_accepted());
    // Messages in between: with each one, the Pings could be answered.
    let block: Vec<u8> = [masked(0x89, [7; 125]), masked(0x82, b"")].concat();
    let writing = thread::spawn(move || {
        (0..PINGS).for_each(|_| raw.write_all(&block).unwrap());
        raw
    });
    for _ in 0..PINGS {
        assert!(ws.recv().unwrap().is_some());
    }
    let mut raw = writing.join().unwrap();
    // The blocked frame arrives whole, followed by at most a few Pongs, not 20,000.
    let reading = thread::spawn(move || {
        let mut all = Vec::new();
        raw.read_to_end(&mut all).unwrap();
        all
    });
    ws.set_send_timeout(Some(Duration::from_secs(30)));
    ws.flush().unwrap();
    drop(ws);
    let behind = reading.join().unwrap().split_off(10 + (16 << 20));
    assert!(behind.len() <= 10 * 127, "{} bytes of pongs", behind.len());
    assert!(behind.starts_with(&[0x8a, 125]));
}

#[test]
fn pings_of_several_threads_all_arrive() {
    let (ws, mut raw) = raw_client(Config::default());
    let (sender, receiver) = ws.split();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let sender = sender.clone();
            thread::spawn(move || (0..5_000).for_each(|_| sender.ping(b"p").unwrap()))
        })
        .collect();
    let reading = thread::spawn(move || {
        let mut all = Vec::new();
        raw.read_to_end(&mut all).unwrap();
        all.len() / 3
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    drop((sender, receiver));
    assert_eq!(reading.join().unwrap(), 20_000);
}

#[test]
fn a_close_frame_that_cannot_be_answered_ends_the_connection_uncleanly() {
    let config = || Config::default().close_timeout(SHORT);
    for (mut client, server) in [connect(pair(), true, config()), connect(pair(), false, config())] {
        let (mut sender, mut receiver) = server.split();
        sender.set_send_timeout(None);
        let stuck = thread::spawn(move || sender.send(vec![0; 4 << 20]));
        // Its first bytes have arrived, so it is in the middle of the frame; no more is read.
        assert!(client.recv_into(&mut [0; 16]).unwrap().is_some());
        client.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        let received = receiver.recv();
        assert!(matches!(received, Err(Error::Closed(Closed::CloseUnanswered))), "{received:?}");
        assert!(!receiver.close_info().clean);
        assert!(stuck.join().unwrap().is_err());
    }
}

#[test]
fn flushing_a_stream_waits_for_the_rest_of_an_earlier_call() {
    let (ws, mut raw) = raw_client(Config::default());
    let (mut sender, _receiver) = ws.split();
    sender.set_send_timeout(Some(SHORT));
    let mut writer = sender.send_stream(landline::Kind::Binary).unwrap();
    // For a while, the kernel may find a little more room.
    let is_refused = (0..20).any(|_| {
        while writer.write_all(&[1; 10_000]).is_ok() {}
        writer.flush().is_err()
    });
    assert!(is_refused, "nothing is read, so nothing can have gone out");
    let reading = thread::spawn(move || {
        let mut all = Vec::new();
        raw.read_to_end(&mut all).unwrap();
    });
    while writer.flush().is_err() {}
    writer.finish().unwrap();
    drop(writer);
    sender.abort();
    drop((sender, _receiver));
    let _ = reading.join();
}

#[test]
fn memory_does_not_grow_with_pings_to_a_peer_that_does_not_read() {
    let (mut ws, mut raw) = raw_client(Config::default().send_timeout(Some(Duration::from_millis(1))));
    while ws.send([0; 10_000]).map_or_else(|error| error.message_accepted(), |()| true) {}
    for _ in 0..5_000 {
        let ping = ws.ping_start().unwrap();
        assert!(ws.pong_wait(ping, Duration::ZERO).is_err());
    }
    let reading = thread::spawn(move || {
        let mut all = Vec::new();
        raw.read_to_end(&mut all).unwrap();
        all
    });
    ws.set_send_timeout(Some(Duration::from_secs(20)));
    ws.flush().unwrap();
    drop(ws);
    let all = reading.join().unwrap();
    // The payload of the messages is all zeros.
    let pings = all.windows(2).filter(|bytes| *bytes == [0x89, 8]).count();
    assert!((1..20).contains(&pings), "{pings} pings of 5000");
}
