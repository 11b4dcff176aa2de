//! Large messages: a receiver sleeps until it can read as much as possible at once, and never waits for data that may not
//! come.

mod common;

use common::{BINARY, PING, REQUEST, TEXT, limited, masked, noise, raw_client, sleeper};
use landline::error::Closed;
use landline::server::accept_over;
use landline::transport::{Interest, Ready, Transport, Wake, wait_fd};
use landline::{Config, Deadline, Error, Message, WebSocket};
use proptest::prelude::*;
use std::io::{self, IoSlice, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const SOON: Duration = Duration::from_secs(10);

/// A client whose bytes arrive in segments whenever the server waits for them, with a record of what the server does.
#[derive(Clone)]
struct Arriving(Arc<Mutex<State>>);

struct State {
    wire: Vec<u8>,
    /// Where frames end in `wire`.
    ends: Vec<usize>,
    read: usize,
    arrived: usize,
    segment: usize,
    /// Whether a wait lasts until enough has arrived, or ends after one segment.
    is_fast: bool,
    obeys: bool,
    low_water: usize,
    /// How often it was raised.
    raised: usize,
    waits: usize,
    /// Nothing more arrives.
    is_stuck: bool,
}

impl Arriving {
    fn new(frames: &[Vec<u8>], segment: usize) -> Self {
        let mut wire = format!("{REQUEST}\r\n").into_bytes();
        let arrived = wire.len();
        let mut ends = vec![arrived];
        for frame in frames {
            wire.extend_from_slice(frame);
            ends.push(wire.len());
        }
        let state = State {
            wire,
            ends,
            read: 0,
            arrived,
            segment,
            is_fast: true,
            is_stuck: false,
            obeys: true,
            low_water: 1,
            raised: 0,
            waits: 0,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn open(&self) -> WebSocket {
        let transport: Box<dyn Transport> = Box::new(self.clone());
        accept_over(transport, &Config::default()).unwrap().accept().unwrap()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Transport for Arriving {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        let count = buf.len().min(state.arrived - state.read);
        if count == 0 && state.read < state.wire.len() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buf[..count].copy_from_slice(&state.wire[state.read..state.read + count]);
        state.read += count;
        Ok(count)
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(bufs.iter().map(|buf| buf.len()).sum())
    }

    fn wait(&self, interest: Interest, deadline: Deadline, _wake: Option<&Wake>) -> io::Result<Ready> {
        let mut state = self.state();
        state.waits += 1;
        let wanted = state.low_water;
        if wanted > 1 {
            assert!(deadline != Deadline::NEVER, "the peer may be slow");
            let end = state.ends.iter().find(|end| **end > state.read);
            assert!(end.is_some_and(|end| state.read + wanted <= *end), "that much is not certain to come");
        }
        let is_there = |state: &State| state.arrived - state.read >= wanted || state.arrived == state.wire.len();
        while !state.is_stuck && !is_there(&state) {
            state.arrived = state.wire.len().min(state.arrived + state.segment);
            if !state.is_fast {
                break;
            }
        }
        Ok(Ready { read: interest.read && is_there(&state), write: interest.write, woken: false })
    }

    fn read_blocking(&self, buf: &mut [u8], _idle: Option<Duration>) -> io::Result<usize> {
        assert_eq!(self.state().low_water, 1, "a socket would wait for more than it says");
        loop {
            match self.read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            self.wait(Interest::READ, Deadline::NEVER, None)?;
        }
    }

    fn set_low_water(&self, bytes: usize) -> bool {
        let mut state = self.state();
        state.raised += usize::from(bytes > 1);
        if state.obeys {
            state.low_water = bytes;
        }
        state.obeys
    }

    fn close_write(&self) -> io::Result<()> {
        Ok(())
    }

    fn abort(&self) {}
}

#[test]
fn receiving_a_large_message_takes_few_waits() {
    let content = noise(16 * MIB);
    let peer = Arriving::new(&[masked(BINARY, &content)], 64 * KIB);
    let mut ws = peer.open();
    assert_eq!(ws.recv().unwrap(), Some(Message::Binary(content.clone())));
    // 256 segments arrived.
    let waits = peer.state().waits;
    assert!(waits < 80, "{waits}");
    assert_eq!(peer.state().low_water, 1);
}

/// The sizes of a message's fragments, and whether a Ping follows each.
fn fragments() -> impl Strategy<Value = Vec<(usize, bool)>> {
    let size = prop_oneof![0..200usize, 100 * KIB..700 * KIB, (1..9usize).prop_map(|n| n * 64 * KIB)];
    proptest::collection::vec((size, any::<bool>()), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_arrives_however_it_comes(
        messages in proptest::collection::vec(fragments(), 1..4),
        segment in prop_oneof![1000..5000usize, 20 * KIB..300 * KIB],
        is_fast in any::<bool>(),
        obeys in any::<bool>(),
        split in any::<bool>(),
    ) {
        let mut frames = Vec::new();
        for (number, message) in messages.iter().enumerate() {
            for (i, (size, ping)) in message.iter().enumerate() {
                let first = if i == 0 { BINARY & 0x0f } else { 0 };
                let fin = if i + 1 == message.len() { 0x80 } else { 0 };
                frames.push(masked(fin | first, vec![number as u8; *size]));
                if *ping {
                    frames.push(masked(PING, b"?"));
                }
            }
        }
        let peer = Arriving::new(&frames, segment);
        (peer.state().is_fast, peer.state().obeys) = (is_fast, obeys);
        let mut ws = peer.open();
        let mut recv: Box<dyn FnMut() -> _> = if split {
            let (sender, mut receiver) = ws.split();
            Box::new(move || (&sender, receiver.recv()).1)
        } else {
            Box::new(move || ws.recv())
        };
        for (number, message) in messages.iter().enumerate() {
            let size = message.iter().map(|(size, _)| size).sum();
            prop_assert_eq!(recv().unwrap(), Some(Message::Binary(vec![number as u8; size])));
            prop_assert_eq!(peer.state().low_water, 1);
        }
    }
}

/// With little time for each call; after a timeout, waiting works as before.
#[test]
fn calls_that_time_out_in_a_large_message_can_be_continued() {
    let content = noise(8 * MIB);
    for is_fast in [true, false] {
        let peer = Arriving::new(&[masked(BINARY, &content)], 64 * KIB);
        peer.state().is_fast = is_fast;
        let mut ws = peer.open();
        let mut timeouts = 0;
        let message = loop {
            match ws.recv_timeout(Duration::from_micros(50)) {
                Err(Error::Timeout(_)) => timeouts += 1,
                done => break done,
            }
            let state = peer.state();
            assert_eq!(state.low_water, 1);
            // Data that has arrived is not left unread until more arrives.
            assert!(is_fast || state.arrived - state.read <= 64 * KIB);
        };
        assert_eq!(message.unwrap(), Some(Message::Binary(content.clone())));
        assert!(timeouts > 0);
    }
}

#[test]
fn a_peer_that_stops_is_waited_for_as_usual() {
    let frame = masked(BINARY, noise(2 * MIB));
    let peer = Arriving::new(&[frame.clone(), frame], 64 * KIB);
    let mut ws = peer.open();
    peer.state().arrived = MIB;
    peer.state().is_stuck = true;
    for _ in 0..3 {
        let stuck = ws.recv_timeout(Duration::from_millis(20));
        assert!(matches!(stuck, Err(Error::Timeout(_))), "{stuck:?}");
        assert_eq!(peer.state().raised, 1, "a slow frame is slow to its end");
    }
    peer.state().is_stuck = false;
    assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes().len(), 2 * MIB);
    assert_eq!(peer.state().raised, 1);
    assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes().len(), 2 * MIB);
    assert!(peer.state().raised > 1, "the next one need not be");
}

fn is_readable(ws: &WebSocket, deadline: Instant) -> bool {
    wait_fd(ws.fd().unwrap(), Interest::READ, Some(deadline), None).unwrap().read
}

#[test]
fn the_low_water_mark_is_reset_when_a_call_returns() {
    limited(|| {
        let (mut ws, mut peer) = raw_client(Config::default());
        let content = noise(MIB);
        let frame = masked(BINARY, &content);
        let (begin, rest) = frame.split_at(500 * KIB);
        peer.write_all(begin).unwrap();
        let unfinished = ws.recv_timeout(Duration::from_millis(100));
        assert!(matches!(unfinished, Err(Error::Timeout(_))), "{unfinished:?}");
        assert!(!is_readable(&ws, Instant::now()));
        peer.write_all(&rest[..1]).unwrap();
        assert!(is_readable(&ws, Instant::now() + SOON));
        let reading = sleeper(move || {
            let message = ws.recv();
            (ws, message)
        });
        peer.write_all(&rest[1..]).unwrap();
        let (mut ws, message) = reading.join();
        assert_eq!(message.unwrap(), Some(Message::Binary(content)));
        peer.write_all(&masked(TEXT, "small")).unwrap();
        assert!(is_readable(&ws, Instant::now() + SOON));
        assert_eq!(ws.recv().unwrap(), Some(Message::Text("small".to_owned())));
    });
}

/// Whatever ends other waits ends this one too: the end of the stream, an interruption, an abort.
#[test]
fn a_wait_for_many_bytes_can_be_interrupted() {
    limited(|| {
        for ending in ["end of stream", "interrupt", "abort"] {
            let (mut ws, mut peer) = raw_client(Config::default());
            let interrupter = ws.interrupter().unwrap();
            let aborter = ws.aborter();
            peer.write_all(&masked(BINARY, noise(MIB))[..500 * KIB]).unwrap();
            let reading = sleeper(move || (ws.recv(), ws));
            reading.until_asleep();
            match ending {
                "interrupt" => interrupter.interrupt_recv(),
                "abort" => aborter.abort(),
                _ => peer.shutdown(std::net::Shutdown::Write).unwrap(),
            }
            let (ended, _ws) = reading.join();
            let is_right = match (ending, &ended) {
                ("interrupt", Err(error)) => matches!(error, Error::Interrupted(_)),
                ("abort", Err(error)) => matches!(error, Error::Closed(Closed::Aborted)),
                (_, Err(error)) => matches!(error, Error::Closed(Closed::Eof)),
                _ => false,
            };
            assert!(is_right, "{ending}: {ended:?}");
        }
    });
}
