//! Programs with an event loop of their own, and the calls for them.

mod common;

use common::{CLOSE, Ca, PING, TEXT, frame, limited, masked, pair, pair_with, raw_client};
use landline::error::Closed;
use landline::transport::{Interest, wait_fd};
use landline::{Client, CloseCode, Config, Deadline, Error, Keepalive, Message, Server, WebSocket};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(10);

fn over_tls() -> (WebSocket, WebSocket) {
    let ca = Ca::new();
    let listener = Server::builder().tls(ca.issue(&["localhost"]).identity()).listen("127.0.0.1:0").unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let accepting = thread::spawn(move || listener.accept().unwrap().accept().unwrap());
    let client = ca.client().connect(&url).unwrap();
    (client, accepting.join().unwrap())
}

/// One KiB including its header: two of these fill a connection's first buffer exactly, and what is left in a TLS
/// record is visible nowhere else.
fn text(number: usize) -> String {
    format!("{number:01020}")
}

/// Receives one message each time the descriptor is readable, or has_buffered() says that there is more. Returns how
/// often there was nothing.
fn take(ws: &mut WebSocket, count: usize) -> usize {
    let (mut taken, mut vain) = (0, 0);
    while taken < count {
        if !ws.has_buffered() {
            let interest = ws.poll_interest();
            assert!(interest.read);
            let ready = wait_fd(ws.fd().unwrap(), interest, Some(Instant::now() + SOON), None).unwrap();
            assert!(ready.read || ready.write, "nothing to read, and {} messages are missing", count - taken);
        }
        match ws.recv_deadline(Instant::now()) {
            Ok(Some(message)) => {
                assert_eq!(message, Message::Text(text(taken)));
                taken += 1;
            }
            Ok(None) => panic!("closed"),
            Err(Error::Timeout(_)) => vain += 1,
            Err(error) => panic!("{error}"),
        }
    }
    vain
}

fn loop_over((mut ws, mut peer): (WebSocket, WebSocket)) {
    const MESSAGES: usize = 500;
    let peer = thread::spawn(move || {
        for i in 0..MESSAGES {
            peer.feed(text(i)).unwrap();
            if i % 7 == 0 {
                peer.flush().unwrap();
            }
        }
        peer.flush().unwrap();
        peer
    });
    let vain = take(&mut ws, MESSAGES);
    // At most once for each flush, plus a few for what TLS itself sends.
    assert!(vain <= MESSAGES / 7 + 20, "looked {vain} times in vain");
    let _peer = peer.join().unwrap();
    // Nothing has arrived: the loop would wait instead of spinning.
    assert!(matches!(ws.recv_deadline(Instant::now()), Err(Error::Timeout(_))));
    assert!(!ws.has_buffered());
    let soon = Some(Instant::now() + Duration::from_millis(20));
    assert!(!wait_fd(ws.fd().unwrap(), Interest::READ, soon, None).unwrap().read);
}

#[test]
fn an_event_loop_receives_everything_and_does_not_spin() {
    limited(|| loop_over(pair()));
}

#[test]
fn an_event_loop_over_tls_receives_everything_and_does_not_spin() {
    limited(|| loop_over(over_tls()));
}

#[test]
fn has_buffered_is_true_while_a_tls_record_holds_more() {
    limited(|| {
        let (mut ws, mut peer) = over_tls();
        (0..7).for_each(|i| peer.feed(text(i)).unwrap());
        peer.flush().unwrap();
        take(&mut ws, 7);
    });
}

#[test]
fn unsent_output_makes_the_loop_wait_for_room() {
    limited(|| {
        let (mut ws, mut peer) = pair();
        ws.set_send_timeout(Some(Duration::from_millis(20)));
        let message = vec![7; 64 << 10];
        let mut sent = 0;
        let pending = loop {
            match ws.send(&message) {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(pending, Error::Timeout(_)));
        sent += usize::from(pending.message_accepted());
        assert!(ws.poll_interest().write);
        let peer = thread::spawn(move || (0..sent).all(|_| peer.recv().unwrap().is_some()));
        while ws.poll_interest().write {
            wait_fd(ws.fd().unwrap(), ws.poll_interest(), Some(Instant::now() + SOON), None).unwrap();
            assert!(matches!(ws.recv_deadline(Instant::now()), Err(Error::Timeout(_))));
        }
        assert!(peer.join().unwrap());
    });
}

#[test]
fn has_buffered_is_true_for_parts_of_a_message_and_for_the_end() {
    limited(|| {
        let (mut ws, mut peer) = pair();
        peer.send("abc").unwrap();
        assert!(!ws.recv_into(&mut [0; 1]).unwrap().unwrap().is_final);
        assert!(ws.has_buffered());
        assert!(ws.recv_into(&mut [0; 8]).unwrap().unwrap().is_final);
        assert!(!ws.has_buffered());
        peer.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert_eq!(ws.recv().unwrap(), None);
        assert!(ws.has_buffered(), "the end can be asked for at any time");
    });
}

#[test]
fn has_buffered_is_false_for_half_a_frame() {
    limited(|| {
        let (mut ws, mut peer) = raw_client(Config::default());
        let frame = masked(TEXT, "whole");
        peer.write_all(&frame[..8]).unwrap();
        wait_fd(ws.fd().unwrap(), Interest::READ, Some(Instant::now() + SOON), None).unwrap();
        assert!(matches!(ws.recv_deadline(Instant::now()), Err(Error::Timeout(_))));
        assert!(!ws.has_buffered());
        peer.write_all(&frame[8..]).unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::Text("whole".into())));
    });
}

#[test]
fn an_interrupter_can_be_waited_for() {
    limited(|| {
        let (mut ws, _peer) = pair();
        let interrupter = ws.interrupter().unwrap();
        let ready = || wait_fd(interrupter.as_fd(), Interest::READ, Some(Instant::now()), None).unwrap().read;
        assert!(!ready());
        interrupter.interrupt_recv();
        assert!(ready());
        assert!(matches!(ws.recv(), Err(Error::Interrupted(_))));
        assert!(!ready());
    });
}

#[test]
fn an_aborter_ends_a_blocked_call_and_outlives_its_connection() {
    limited(|| {
        let (mut ws, _peer) = pair();
        let aborter = ws.aborter();
        let receiving = common::sleeper(move || ws.recv());
        receiving.until_asleep();
        aborter.abort();
        assert!(matches!(receiving.join(), Err(Error::Closed(Closed::Aborted))));
        aborter.abort();
    });
}

#[test]
fn closing_can_be_given_less_time() {
    limited(|| {
        let (mut ws, _peer) = pair();
        let (took, result) =
            common::timed(|| ws.close_within(CloseCode::NORMAL_CLOSURE, "", Duration::from_millis(50)));
        assert!(matches!(result, Err(Error::Closed(Closed::CloseUnanswered))));
        assert!(took < Duration::from_secs(3), "{took:?}");
    });
}

#[test]
fn a_stream_that_is_sent_can_have_a_deadline() {
    limited(|| {
        let (mut ws, peer) = pair();
        let mut message = ws.send_stream(landline::Kind::Binary).unwrap();
        message.set_deadline(Some(Instant::now() + Duration::from_millis(50)));
        let error = loop {
            if let Err(error) = message.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        drop(peer);
    });
}

#[test]
fn requests_over_a_transport_have_the_options_of_a_builder() {
    limited(|| {
        let (client, server) = landline::transport::pair();
        let serving = thread::spawn(move || {
            Server::builder()
                .config(Config::default())
                .subprotocols(["b"])
                .accept_over(server)
                .unwrap()
                .accept()
                .unwrap()
        });
        let ws = Client::builder().subprotocol("a").subprotocol("b").build().unwrap();
        let ws = ws.connect_over(client, "ws://memory/").unwrap();
        assert_eq!(ws.handshake().subprotocol.as_deref(), Some("b"));
        drop(serving.join().unwrap());
    });
}

// ----- Deadlines -----

fn keepalive(interval: u64, timeout: u64) -> Config {
    let (interval, timeout) = (Duration::from_millis(interval), Duration::from_millis(timeout));
    Config::default().keepalive(Some(Keepalive::default().interval(interval).timeout(timeout)))
}

/// A loop that waits for the descriptor until `next_deadline`, and never in a receiving call. Returns how the
/// connection ended, and the number of iterations.
fn run(ws: &mut WebSocket, limit: Duration) -> (Option<Error>, usize) {
    let end = Deadline::after(limit);
    let mut rounds = 0;
    loop {
        rounds += 1;
        match ws.recv_deadline(Instant::now()) {
            Ok(Some(_)) => continue,
            Ok(None) => return (None, rounds),
            Err(Error::Timeout(_)) => {}
            Err(error) => return (Some(error), rounds),
        }
        assert!(!end.is_over(), "the loop does not come to an end");
        if !ws.has_buffered() {
            wait_fd(ws.fd().unwrap(), ws.poll_interest(), ws.next_deadline().earliest(end), None).unwrap();
        }
    }
}

#[test]
fn a_loop_pings_a_silent_peer_and_detects_that_it_is_dead() {
    limited(|| {
        let (mut ws, mut raw) = raw_client(keepalive(60, 90));
        assert!(ws.next_deadline().left().is_some_and(|left| left <= Duration::from_millis(60)));
        let (took, (end, rounds)) = common::timed(|| run(&mut ws, SOON));
        assert!(matches!(end, Some(Error::Closed(Closed::PeerSilent(_)))), "{end:?}");
        assert!(took >= Duration::from_millis(140) && took < SOON / 2, "{took:?}");
        assert!(rounds < 20, "{rounds} rounds");
        assert!(ws.next_deadline() == Deadline::NEVER && ws.has_buffered());
        let mut said = Vec::new();
        raw.set_read_timeout(Some(SOON)).unwrap();
        let _ = raw.read_to_end(&mut said);
        assert_eq!(said, frame(PING, "keepalive"));
    });
}

#[test]
fn a_loop_over_tls_detects_that_its_peer_is_dead() {
    limited(|| {
        let ca = Ca::new();
        let options = Server::builder().config(keepalive(60, 90)).tls(ca.issue(&["localhost"]).identity());
        let listener = options.listen("127.0.0.1:0").unwrap();
        let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
        let accepting = thread::spawn(move || listener.accept().unwrap().accept().unwrap());
        // It never receives, and so never answers.
        let _silent = ca.client().connect(&url).unwrap();
        let (end, rounds) = run(&mut accepting.join().unwrap(), SOON);
        assert!(matches!(end, Some(Error::Closed(Closed::PeerSilent(_)))), "{end:?}");
        assert!(rounds < 20, "{rounds} rounds");
    });
}

#[test]
fn a_loop_that_wakes_every_few_milliseconds_also_detects_a_dead_peer() {
    limited(|| {
        let (mut ws, _raw) = raw_client(keepalive(60, 90));
        let begin = Instant::now();
        let end = loop {
            match ws.recv_deadline(Instant::now()) {
                Err(Error::Timeout(_)) => {}
                end => break end,
            }
            assert!(begin.elapsed() < SOON);
            wait_fd(ws.fd().unwrap(), Interest::READ, Some(Instant::now() + Duration::from_millis(5)), None)
                .unwrap();
        };
        assert!(matches!(end, Err(Error::Closed(Closed::PeerSilent(_)))), "{end:?}");
    });
}

#[test]
fn input_and_answered_pings_keep_the_connection_of_a_loop_alive() {
    limited(|| {
        let config = keepalive(50, 5000);
        let (mut ws, mut peer) = pair_with(&Client::default(), Server::builder().config(config));
        let peer_runs = thread::spawn(move || {
            for _ in 0..10 {
                // It answers Pings in the meantime.
                assert!(matches!(peer.recv_timeout(Duration::from_millis(60)), Err(Error::Timeout(_))));
            }
            peer.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        });
        let (end, _) = run(&mut ws, SOON);
        assert!(end.is_none(), "{end:?}");
        peer_runs.join().unwrap();
        let before = ws.stats();
        assert_eq!(before.messages_received, 0);
    });
}

#[test]
fn a_loop_answers_a_ping_before_it_waits() {
    limited(|| {
        let (mut ws, mut raw) = raw_client(Config::default());
        raw.write_all(&masked(PING, "there?")).unwrap();
        wait_fd(ws.fd().unwrap(), Interest::READ, Some(Instant::now() + SOON), None).unwrap();
        assert!(matches!(ws.recv_deadline(Instant::now()), Err(Error::Timeout(_))));
        raw.set_read_timeout(Some(SOON)).unwrap();
        let mut pong = [0; 8];
        raw.read_exact(&mut pong).unwrap();
        assert_eq!(pong[..], frame(common::PONG, "there?"));
    });
}

#[test]
fn a_loop_ends_a_closing_handshake_that_takes_too_long() {
    limited(|| {
        let (mut ws, _raw) = raw_client(Config::default().close_timeout(Duration::from_millis(80)));
        assert_eq!(ws.next_deadline(), Deadline::NEVER);
        ws.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        let deadline = ws.next_deadline();
        assert!(deadline.left().is_some_and(|left| left <= Duration::from_millis(80)));
        let (end, rounds) = run(&mut ws, SOON);
        assert!(matches!(end, Some(Error::Closed(Closed::CloseUnanswered))), "{end:?}");
        assert!(deadline.is_over() && rounds < 10, "{rounds} rounds");
    });
}

#[test]
fn next_deadline_says_when_an_idle_connection_releases_memory() {
    limited(|| {
        let (mut ws, mut peer) = pair();
        let sending = thread::spawn(move || {
            peer.send(vec![1; 1 << 20]).unwrap();
            peer
        });
        assert!(ws.recv_ref().unwrap().is_some());
        assert!(matches!(ws.recv_deadline(Instant::now()), Err(Error::Timeout(_))));
        let deadline = ws.next_deadline();
        assert_ne!(deadline, Deadline::NEVER, "large buffers are to be given back");
        let ready = wait_fd(ws.fd().unwrap(), Interest::READ, deadline, None).unwrap();
        assert!(!ready.read);
        assert!(matches!(ws.recv_deadline(Instant::now()), Err(Error::Timeout(_))));
        assert_eq!(ws.next_deadline(), Deadline::NEVER);
        drop(sending.join().unwrap());
    });
}

#[test]
fn a_blocked_reply_to_a_close_frame_does_not_make_a_loop_spin() {
    limited(|| {
        let config = keepalive(20, 20)
            .close_timeout(Duration::from_millis(400))
            .send_timeout(Some(Duration::from_millis(1)));
        let (mut ws, mut peer) = raw_client(config);
        while ws.send([0; 10_000]).map_or_else(|error| error.message_accepted(), |()| true) {}
        peer.write_all(&masked(CLOSE, 1000u16.to_be_bytes())).unwrap();
        wait_fd(ws.fd().unwrap(), Interest::READ, Some(Instant::now() + SOON), None).unwrap();
        let (error, rounds) = run(&mut ws, SOON);
        assert!(matches!(error, Some(Error::Closed(Closed::CloseUnanswered))), "{error:?}");
        assert!(rounds < 50, "{rounds} rounds");
    });
}
