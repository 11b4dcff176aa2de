//! Timeouts, interruption and abort: at any byte, in both directions, without losing anything.

mod common;

use common::{REQUEST, limited, masked, raw_client, receive_briefly, timed};
use landline::error::{Closed, Phase, Timeout};
use landline::server::accept_over;
use landline::transport::{Interest, MemoryTransport, Ready, SocketTransport, TcpOptions, Transport, Wake, pair};
use landline::{Client, CloseCode, Config, Deadline, Error, Keepalive, Message, Server, WebSocket};
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

fn memory() -> (WebSocket, WebSocket) {
    let (client, server): (MemoryTransport, MemoryTransport) = pair();
    let accepting = thread::spawn(move || accept_over(server, &Config::default()).unwrap().accept().unwrap());
    let client = Client::default().connect_over(client, "ws://memory/").unwrap();
    (client, accepting.join().unwrap())
}

fn is_timeout<T>(result: &landline::Result<T>, phase: Phase) -> bool {
    matches!(result, Err(Error::Timeout(Timeout { phase: which, .. })) if *which == phase)
}

#[test]
fn item_16_a_receive_can_time_out_at_every_byte() {
    let (mut ws, mut raw) = raw_client(Config::default());
    let text = "κόσμε ".repeat(30);
    let mut wire = masked(0x01, &text.as_bytes()[..131]);
    wire.extend(masked(0x89, b"ping between"));
    wire.extend(masked(0x80, &text.as_bytes()[131..]));
    let (last, rest) = wire.split_last().unwrap();
    for (i, byte) in rest.iter().enumerate() {
        raw.write_all(&[*byte]).unwrap();
        let result = receive_briefly(&mut ws, i);
        assert!(is_timeout(&result, Phase::Recv), "byte {i}: {result:?}");
    }
    raw.write_all(&[*last]).unwrap();
    assert_eq!(ws.recv().unwrap(), Some(Message::Text(text)));
}

#[test]
fn item_16_a_send_that_timed_out_continues_where_it_stopped() {
    let (mut ws, mut raw) = raw_client(Config::default());
    let message: Vec<u8> = (0..16 << 20).map(|i: u32| (i % 251) as u8).collect();
    ws.set_send_timeout(Some(Duration::from_millis(50)));
    let first = ws.send(&message).unwrap_err();
    assert!(matches!(first, Error::Timeout(Timeout { phase: Phase::Send, .. })) && !first.is_fatal(), "{first:?}");
    assert!(first.message_accepted(), "a part of it is on the wire");
    let second = ws.send("later").unwrap_err();
    assert!(!second.message_accepted(), "there is a message in front of it that does not move");
    let reading = thread::spawn(move || {
        let mut head = [0; 10];
        raw.read_exact(&mut head).unwrap();
        assert_eq!(head, [0x82, 127, 0, 0, 0, 0, 1, 0, 0, 0]);
        let mut payload = vec![0; 16 << 20];
        raw.read_exact(&mut payload).unwrap();
        let mut next = [0; 7];
        raw.read_exact(&mut next).unwrap();
        assert_eq!(&next, b"\x81\x05after");
        payload
    });
    ws.set_send_timeout(Some(Duration::from_secs(30)));
    ws.flush().unwrap();
    ws.send("after").unwrap();
    assert!(reading.join().unwrap() == message);
}

#[test]
fn item_16_a_send_gives_up_only_without_progress() {
    let (mut ws, mut raw) = raw_client(Config::default().send_timeout(Some(Duration::from_millis(300))));
    // Reads slowly for longer than the time limit, but never stops.
    let reading = thread::spawn(move || {
        let (mut total, mut buf) = (0, vec![0; 256 << 10]);
        while total < (32 << 20) + 10 {
            total += raw.read(&mut buf).unwrap();
            thread::park_timeout(Duration::from_millis(5));
        }
    });
    ws.send(vec![7; 32 << 20]).unwrap();
    reading.join().unwrap();
}

/// A transport that has no room once `blocked` is set, and accepts one byte after each unsuccessful wait, as a socket
/// with little room in its buffer may.
struct Reluctant {
    under: SocketTransport,
    blocked: Arc<AtomicBool>,
    waited: AtomicBool,
}

impl Transport for Reluctant {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.under.read(buf)
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        if !self.blocked.load(Ordering::SeqCst) {
            self.under.write(bufs)
        } else if self.waited.swap(false, Ordering::SeqCst) {
            self.under.write(&[IoSlice::new(&bufs[0][..1])])
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    fn wait(&self, interest: Interest, deadline: Deadline, wake: Option<&Wake>) -> io::Result<Ready> {
        if !self.blocked.load(Ordering::SeqCst) || !interest.write {
            return self.under.wait(interest, deadline, wake);
        }
        let ready = self.under.wait(Interest { write: false, ..interest }, deadline, wake)?;
        self.waited.store(ready == Ready::default(), Ordering::SeqCst);
        Ok(ready)
    }

    fn close_write(&self) -> io::Result<()> {
        self.under.close_write()
    }

    fn abort(&self) {
        self.under.abort();
    }
}

type SendingCall = fn(&mut WebSocket) -> landline::Result<()>;

/// The result of each call on a connection that has no room, and how long it takes with this time limit.
fn without_room(prepare: SendingCall, call: SendingCall, limit: Duration) -> (landline::Result<()>, Duration) {
    let (accepted, _raw) = raw_sockets();
    let blocked = Arc::new(AtomicBool::new(false));
    let under = SocketTransport::tcp(accepted, &TcpOptions::default()).unwrap();
    let transport = Reluctant { under, blocked: Arc::clone(&blocked), waited: AtomicBool::new(false) };
    let mut ws = accept_over(transport, &Config::default()).unwrap().accept().unwrap();
    blocked.store(true, Ordering::SeqCst);
    ws.set_send_timeout(Some(Duration::ZERO));
    let _ = prepare(&mut ws);
    ws.set_send_timeout(Some(limit));
    let begin = Instant::now();
    let result = call(&mut ws);
    (result, begin.elapsed())
}

/// A socket on which a client's request has arrived, and the client's end.
fn raw_sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut raw = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    raw.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
    (listener.accept().unwrap().0, raw)
}

#[test]
fn item_16_the_time_limit_of_sending_counts_once_from_the_call() {
    const LIMIT: Duration = Duration::from_millis(800);
    const NOTHING: SendingCall = |_| Ok(());
    const STUCK: SendingCall = |ws| ws.send(vec![1; 100_000]);
    let stream: SendingCall = |ws| {
        let mut writer = ws.send_stream(landline::Kind::Binary)?;
        let written = writer.write_all(&[2; 200_000]).and_then(|()| writer.flush());
        drop(writer);
        written.map_err(|error| error.downcast::<Error>().unwrap())
    };
    let calls: [(&str, SendingCall, SendingCall); 9] = [
        ("small", NOTHING, |ws| ws.send("small")),
        ("large", NOTHING, |ws| ws.send(vec![2; 1 << 20])),
        ("behind what is stuck", STUCK, |ws| ws.send("small")),
        ("fed", STUCK, |ws| ws.feed("small")),
        ("flush", STUCK, WebSocket::flush),
        ("ping", STUCK, |ws| ws.ping(b"")),
        ("stream", NOTHING, stream),
        ("stream behind what is stuck", STUCK, stream),
        ("close_start", STUCK, |ws| ws.close_start(CloseCode::NORMAL_CLOSURE, "")),
    ];
    let running =
        calls.map(|(name, prepare, call)| (name, thread::spawn(move || without_room(prepare, call, LIMIT))));
    for (name, running) in running {
        let (result, took) = running.join().unwrap();
        assert!(is_timeout(&result, Phase::Send), "{name}: {result:?}");
        assert!(took >= LIMIT && took < LIMIT * 19 / 10, "{name} took {took:?}");
    }
}

#[test]
fn item_14_a_peer_that_pings_and_does_not_read_cannot_block_the_receiver() {
    let (ws, mut raw) = raw_client(Config::default());
    let (sender, mut receiver) = ws.split();
    // Fills the path to the peer, and stays in the middle of a frame.
    let stuck = {
        let mut sender = sender.clone();
        sender.set_send_timeout(Some(Duration::from_secs(20)));
        thread::spawn(move || sender.send(vec![1; 32 << 20]))
    };
    let mut head = [0; 10];
    raw.read_exact(&mut head).unwrap();
    for i in 0..2_000u32 {
        raw.write_all(&masked(0x89, i.to_be_bytes())).unwrap();
    }
    raw.write_all(&masked(0x82, b"still received")).unwrap();
    assert_eq!(receiver.recv().unwrap(), Some(Message::Binary(b"still received".to_vec())));
    // When the peer reads, the frame arrives whole, followed by the reply to the last Ping, not to all of them.
    raw.write_all(&masked(0x82, b"go on")).unwrap();
    let reading = thread::spawn(move || {
        let mut payload = vec![0; 32 << 20];
        raw.read_exact(&mut payload).unwrap();
        let mut pong = [0; 6];
        raw.read_exact(&mut pong).unwrap();
        (payload, pong, raw)
    });
    assert!(receiver.recv().unwrap().is_some());
    stuck.join().unwrap().unwrap();
    sender.flush().unwrap();
    let (payload, pong, _raw) = reading.join().unwrap();
    assert!(payload.iter().all(|byte| *byte == 1));
    assert_eq!(pong, [0x8a, 4, 0, 0, 0x07, 0xcf]);
}

#[test]
fn an_interrupt_wakes_a_blocked_receive_and_loses_nothing() {
    let (mut client, mut server) = memory();
    let interrupter = client.interrupter().unwrap();
    for round in 0..50 {
        let waker = interrupter.clone();
        let waking = thread::spawn(move || waker.interrupt());
        let error = client.recv().unwrap_err();
        assert!(matches!(error, Error::Interrupted(_)) && !error.is_fatal(), "round {round}: {error:?}");
        waking.join().unwrap();
        server.send(format!("round {round}")).unwrap();
        assert_eq!(client.recv().unwrap(), Some(Message::Text(format!("round {round}"))));
    }
}

#[test]
fn an_interrupt_before_the_call_is_not_lost_and_takes_effect_once() {
    let (mut client, mut server) = memory();
    let interrupter = client.interrupter().unwrap();
    interrupter.interrupt_recv();
    interrupter.interrupt_recv();
    assert!(matches!(client.recv(), Err(Error::Interrupted(_))));
    server.send("next").unwrap();
    assert!(client.recv().unwrap().is_some());
}

#[test]
fn an_interrupt_wakes_a_blocked_send_and_one_that_is_waiting_for_its_turn() {
    let (ws, raw) = raw_client(Config::default());
    let (sender, mut receiver) = ws.split();
    let interrupter = receiver.interrupter().unwrap();
    let (started, at_work) = mpsc::channel();
    let blocked = {
        let (sender, started) = (sender.clone(), started.clone());
        thread::spawn(move || {
            started.send(()).unwrap();
            sender.send(vec![0; 64 << 20])
        })
    };
    at_work.recv().unwrap();
    // Whichever of the two waits first, both get one in the end.
    let waiting = thread::spawn(move || {
        started.send(()).unwrap();
        sender.send("in line")
    });
    at_work.recv().unwrap();
    let mut threads = vec![blocked, waiting];
    let give_up = Instant::now() + Duration::from_secs(20);
    while !threads.is_empty() {
        assert!(Instant::now() < give_up, "an interrupt was lost");
        interrupter.interrupt_send();
        let (done, rest) = threads.into_iter().partition(thread::JoinHandle::is_finished);
        threads = rest;
        for thread in done {
            let error = thread.join().unwrap().unwrap_err();
            assert!(matches!(error, Error::Interrupted(_)), "{error:?}");
        }
        thread::yield_now();
    }
    drop(raw);
}

#[test]
fn abort_ends_blocked_calls_in_all_threads() {
    let (ws, _raw) = raw_client(Config::default());
    let (sender, mut receiver) = ws.split();
    let sending = {
        let sender = sender.clone();
        thread::spawn(move || sender.send(vec![0; 64 << 20]))
    };
    let aborting = thread::spawn(move || sender.abort());
    let received = receiver.recv();
    assert!(matches!(received, Err(Error::Closed(Closed::Aborted))), "{received:?}");
    assert!(matches!(receiver.recv(), Err(Error::Closed(Closed::Aborted))), "the same ever after");
    let sent = sending.join().unwrap();
    assert!(matches!(sent, Err(Error::Closed(Closed::Aborted))), "{sent:?}");
    aborting.join().unwrap();
}

#[test]
fn item_18_after_close_start_a_receiver_in_another_thread_ends_in_time() {
    let (ws, raw) = raw_client(Config::default().close_timeout(Duration::from_millis(100)));
    let (sender, mut receiver) = ws.split();
    let receiving = thread::spawn(move || receiver.recv());
    sender.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
    let result = receiving.join().unwrap();
    assert!(matches!(result, Err(Error::Closed(Closed::CloseUnanswered))), "{result:?}");
    drop(raw);
}

#[test]
fn item_17_keepalive_acts_inside_a_call_with_a_time_limit_of_its_own() {
    let keepalive = Keepalive::default().interval(Duration::from_millis(40)).timeout(Duration::from_millis(40));
    let (mut ws, mut raw) = raw_client(Config::default().keepalive(Some(keepalive)));
    // Waits shorter than the interval must not restart it.
    let begin = Instant::now();
    let error = loop {
        match ws.recv_timeout(Duration::from_millis(15)) {
            Err(Error::Timeout(_)) => {}
            Err(error) => break error,
            Ok(message) => panic!("{message:?}"),
        }
        assert!(begin.elapsed() < Duration::from_secs(10));
    };
    assert!(matches!(error, Error::Closed(Closed::PeerSilent(_))), "{error:?}");
    let mut ping = [0; 11];
    raw.read_exact(&mut ping).unwrap();
    assert_eq!(&ping, b"\x89\x09keepalive");
}

#[test]
fn nothing_is_lost_if_the_callers_buffer_is_too_small() {
    let (mut client, mut server) = memory();
    server.send("0123456789").unwrap();
    server.send("").unwrap();
    server.send(&b"xyz"[..]).unwrap();
    let mut buf = [0; 4];
    let mut parts = Vec::new();
    for _ in 0..5 {
        let part = client.recv_into(&mut buf).unwrap().unwrap();
        parts.push((String::from_utf8(buf[..part.len].to_vec()).unwrap(), part.is_final));
    }
    let expected = [("0123", false), ("4567", false), ("89", true), ("", true), ("xyz", true)];
    assert_eq!(parts, expected.map(|(text, end)| (text.to_owned(), end)));
    assert!(matches!(client.recv_into(&mut []), Err(Error::Usage(_))));
}

#[test]
fn the_longest_time_limits_do_not_overflow() {
    let longest = Duration::MAX;
    let config = Config::default()
        .send_timeout(Some(longest))
        .recv_timeout(Some(longest))
        .close_timeout(longest)
        .keepalive(Some(Keepalive::default().interval(longest).timeout(longest)));
    let client = Client::builder()
        .config(config.clone())
        .connect_timeout(Some(longest))
        .handshake_timeout(Some(longest))
        .build()
        .unwrap();
    let server = Server::builder().config(config).handshake_timeout(Some(longest));
    for split in [false, true] {
        let (mut near, mut far) = common::pair_with(&client, server.clone());
        far.set_recv_timeout(Some(longest));
        far.set_send_timeout(Some(longest));
        far.send("early").unwrap();
        assert!(matches!(near.recv_timeout(longest).unwrap(), Some(Message::Text(text)) if text == "early"));
        let answering = thread::spawn(move || far.recv_timeout(longest));
        if split {
            let (mut sender, mut receiver) = near.split();
            sender.set_send_timeout(Some(longest));
            receiver.set_recv_timeout(Some(longest));
            receiver.ping_wait(longest).unwrap();
            sender.flush().unwrap();
            receiver.close_within(CloseCode::NORMAL_CLOSURE, "", longest).unwrap();
        } else {
            near.ping_wait(longest).unwrap();
            near.close_within(CloseCode::NORMAL_CLOSURE, "", longest).unwrap();
        }
        assert_eq!(answering.join().unwrap().unwrap(), None);
    }
    let server = server.bind("127.0.0.1:0").unwrap();
    let stop = server.stop_handle();
    let stopping = thread::spawn(move || stop.stop(longest));
    server.serve(|_| {}).unwrap();
    assert_eq!(stopping.join().unwrap().finished, 0);
}

#[test]
fn flushing_after_an_orderly_close_does_nothing() {
    common::limited_to(Duration::from_secs(20), || {
        for split in [false, true] {
            let (mut near, mut far) = common::pair();
            let answering = thread::spawn(move || far.recv());
            if split {
                let (mut sender, mut receiver) = near.split();
                sender.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
                assert_eq!(receiver.recv().unwrap(), None);
                sender.set_send_timeout(Some(Duration::from_secs(1)));
                sender.flush().unwrap();
            } else {
                near.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
                assert_eq!(near.recv().unwrap(), None);
                near.flush().unwrap();
            }
            assert_eq!(answering.join().unwrap().unwrap(), None);
        }
    });
}

#[test]
fn the_deadline_of_a_handle_counts_whatever_the_limit_of_a_call() {
    limited(|| {
        const LONG: Duration = Duration::from_secs(50);
        let in_time = |name: &str, call: &mut dyn FnMut() -> landline::Result<()>| {
            let (took, result) = timed(call);
            assert!(
                matches!(result, Err(Error::Timeout(_))) && took < LONG / 5,
                "{name}: {result:?} after {took:?}"
            );
        };
        let soon = || Deadline::after(Duration::from_millis(20));
        let (mut ws, _peer) = memory();
        ws.set_deadline(soon());
        in_time("recv", &mut || ws.recv().map(drop));
        in_time("recv_timeout", &mut || ws.recv_timeout(LONG).map(drop));
        in_time("recv_deadline", &mut || ws.recv_deadline(Deadline::after(LONG)).map(drop));
        in_time("recv_into", &mut || ws.recv_into(&mut [0; 8]).map(drop));
        in_time("recv_stream", &mut || ws.recv_stream().map(drop));
        in_time("ping_wait", &mut || ws.ping_wait(LONG).map(drop));
        in_time("send_timeout", &mut || (0..9).try_for_each(|_| ws.send_timeout(vec![0; 30_000], LONG)));
        ws.set_deadline(None);
        let ping = ws.ping_start().unwrap();
        ws.set_deadline(soon());
        in_time("pong_wait", &mut || ws.pong_wait(ping, LONG));
        let (mut sender, mut receiver) = ws.split();
        receiver.set_deadline(soon());
        in_time("ping_wait of a receiver", &mut || receiver.ping_wait(LONG).map(drop));
        in_time("pong_wait of a receiver", &mut || receiver.pong_wait(ping, LONG));
        sender.set_deadline(soon());
        in_time("ping_wait of a sender", &mut || sender.ping_wait(LONG).map(drop));
        in_time("pong_wait of a sender", &mut || sender.pong_wait(ping, LONG));
    });
}
