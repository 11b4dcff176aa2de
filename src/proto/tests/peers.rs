//! Sending: checked with the reference decoder, and from one endpoint to another.

use super::reference::{binary, text};
use super::*;
use crate::close::Side;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

fn other(role: Role) -> Role {
    if role == Role::Client { Role::Server } else { Role::Client }
}

/// Keys that differ from frame to frame.
fn keys() -> impl MaskSource + 'static {
    let count = AtomicU32::new(1);
    move || count.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9).to_be_bytes()
}

fn outbound(role: Role) -> Outbound {
    match role {
        Role::Client => Outbound::client(Box::new(keys())),
        Role::Server => Outbound::server(),
    }
}

/// An operation of the sending half.
#[derive(Clone, Debug)]
enum Act {
    /// A message in these fragments, each added in parts of this length.
    Message(bool, Vec<usize>, usize),
    Control(Vec<u8>),
    /// This many bytes are written.
    Written(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let len = prop_oneof![20 => 0..300usize, 1 => 65_530..65_540usize];
    prop_oneof![
        (any::<bool>(), vec(len, 1..4), 1..500usize).prop_map(|(text, lens, part)| Act::Message(text, lens, part)),
        vec(any::<u8>(), 0..=125).prop_map(Act::Control),
        prop_oneof![0..20usize, 0..100_000usize].prop_map(Act::Written),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_reference_reads_what_was_queued(client: bool, acts in vec(act(), 0..20)) {
        let role = if client { Role::Client } else { Role::Server };
        let mut out = outbound(role);
        let mut wire = Vec::new();
        let mut expected = Vec::new();
        let write = |out: &mut Outbound, wire: &mut Vec<u8>, count: usize| {
            let count = count.min(out.pending().len());
            wire.extend_from_slice(&out.pending()[..count]);
            out.consume(count);
        };
        for act in acts {
            match act {
                Act::Message(is_text, lens, part) => {
                    let kind = if is_text { Opcode::Text } else { Opcode::Binary };
                    let all = "0123456789abcdef!".repeat(lens.iter().sum::<usize>() / 17 + 1);
                    let mut at = 0;
                    for (i, &len) in lens.iter().enumerate() {
                        let opcode = if i == 0 { kind } else { Opcode::Continuation };
                        let payload = &all.as_bytes()[at..at + len];
                        let fin = i + 1 == lens.len();
                        if part % 2 == 0 {
                            out.frame(opcode, fin, payload);
                        } else {
                            let mut frame = out.begin(opcode, fin, Content::Plain, len as u64);
                            prop_assert_eq!(frame.is_masked(), client);
                            for piece in payload.chunks(part.max(len / 50)) {
                                out.add(&mut frame, piece);
                                write(&mut out, &mut wire, piece.len() / 2);
                            }
                        }
                        at += len;
                    }
                    expected.push(if is_text { text(&all[..at]) } else { binary(&all.as_bytes()[..at]) });
                }
                Act::Control(payload) => {
                    out.frame(Opcode::Ping, true, &payload);
                    expected.push(Seen::Ping(payload));
                }
                Act::Written(count) => write(&mut out, &mut wire, count),
            }
            prop_assert_eq!(out.is_empty(), out.pending().is_empty());
        }
        write(&mut out, &mut wire, usize::MAX);
        prop_assert!(out.is_empty());
        let limits = Limits::default();
        prop_assert_eq!(reference::decode(other(role), limits, &wire), (expected, None));
    }
}

#[test]
fn item_7_a_client_uses_a_fresh_key_for_every_frame() {
    let mut client = Protocol::open_client(Limits::default(), keys());
    client.send("a").unwrap();
    client.send_fragment(Kind::Binary, b"b", false).unwrap();
    client.ping(b"").unwrap();
    client.send_fragment(Kind::Binary, b"c", true).unwrap();
    client.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
    let wire = client.output();
    let mut keys = keys();
    let expected = [(TEXT, b"a".as_slice()), (BINARY_BEGIN, b"b"), (PING, b""), (LAST, b"c"), (CLOSE, b"\x03\xe8")]
        .map(|(first, payload)| frame(first, payload, Some(keys.next_key())));
    assert_eq!(wire, expected.concat());
}

/// Written output is released although the queue is never empty.
#[test]
fn item_15_a_queue_that_is_never_empty_does_not_grow() {
    for role in ROLES {
        let mut out = outbound(role);
        out.frame(Opcode::Binary, true, &[7; 1000]);
        for _ in 0..5_000 {
            out.frame(Opcode::Binary, true, &[7; 1000]);
            out.consume(1000);
            let more = out.pending().len() - 1000;
            out.consume(more);
        }
        assert!(out.capacity() < 64 << 10, "{} bytes", out.capacity());
        let mut frame = out.begin(Opcode::Binary, true, Content::Plain, 5_000_000);
        for _ in 0..5_000 {
            out.add(&mut frame, &[7; 1000]);
            out.consume(1000);
        }
        assert!(out.capacity() < 64 << 10, "{} bytes", out.capacity());
    }
}

/// What happens at one of two connected endpoints, or between them.
#[derive(Clone, Debug)]
enum Move {
    Send(bool, usize),
    Fragments(Vec<usize>),
    Ping(Vec<u8>),
    Close(u16),
    /// At most this many bytes are transferred to the other endpoint.
    Travel(usize),
}

fn play() -> impl Strategy<Value = Vec<(bool, Move)>> {
    let len = prop_oneof![30 => 0..300usize, 2 => 65_530..65_540usize, 1 => 100_000..300_000usize];
    let step = prop_oneof![
        6 => (any::<bool>(), len).prop_map(|(text, len)| Move::Send(text, len)),
        2 => vec(0..200usize, 1..5).prop_map(Move::Fragments),
        3 => vec(any::<u8>(), 0..=125).prop_map(Move::Ping),
        1 => (3000..5000u16).prop_map(Move::Close),
        8 => prop_oneof![0..40usize, 0..1000usize, Just(usize::MAX)].prop_map(Move::Travel),
    ];
    vec((any::<bool>(), step), 0..40)
}

/// One endpoint, what the other one should receive from it, and what it has received.
struct End {
    protocol: Protocol,
    said: Vec<Seen>,
    answers: Vec<Seen>,
    heard: Vec<Seen>,
}

impl End {
    fn new(protocol: Protocol) -> Self {
        Self { protocol, said: Vec::new(), answers: Vec::new(), heard: Vec::new() }
    }

    fn act(&mut self, step: &Move) -> Result<(), Error> {
        match step {
            Move::Send(true, len) => {
                let message = "ä€".repeat(len / 5);
                self.protocol.send(&message)?;
                self.said.push(text(&message));
            }
            Move::Send(false, len) => {
                let message = vec![0x5a; *len];
                self.protocol.send(&message)?;
                self.said.push(binary(&message));
            }
            Move::Fragments(lens) => {
                for (i, len) in lens.iter().enumerate() {
                    self.protocol.send_fragment(Kind::Text, "é".repeat(*len).as_bytes(), i + 1 == lens.len())?;
                }
                self.said.push(text(&"é".repeat(lens.iter().sum())));
            }
            Move::Ping(payload) => {
                self.protocol.ping(payload)?;
                self.said.push(Seen::Ping(payload.clone()));
            }
            Move::Close(code) => {
                let first = !self.protocol.close_expected();
                self.protocol.close(CloseCode::from(*code), "that is all")?;
                if first {
                    self.said.push(Seen::Close(*code, "that is all".to_owned()));
                }
            }
            Move::Travel(_) => {}
        }
        Ok(())
    }

    /// Transfers bytes of this endpoint to the other one, which reacts.
    fn travel(&mut self, to: &mut Self, count: usize) {
        let mut left = count.min(self.protocol.output().len());
        while left > 0 {
            let moved = to.protocol.receive(&self.protocol.output()[..left]);
            assert!(moved > 0);
            self.protocol.consume(moved);
            left -= moved;
            loop {
                let closing = to.protocol.close_expected();
                let Some(event) = to.protocol.next_event().unwrap() else { break };
                let seen = Seen::from(event);
                match &seen {
                    Seen::Ping(payload) if !closing => to.answers.push(Seen::Pong(payload.clone())),
                    // The reply to a Close frame has its code and no reason.
                    Seen::Close(code, _) if !closing => to.said.push(Seen::Close(*code, String::new())),
                    _ => {}
                }
                to.heard.push(seen);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_endpoints_receive_what_the_other_one_sends(play in play()) {
        let mut client = End::new(Protocol::open_client(Limits::default(), keys()));
        let mut server = End::new(Protocol::open_server(Limits::default()));
        for (at_client, step) in &play {
            let (here, there) = if *at_client { (&mut client, &mut server) } else { (&mut server, &mut client) };
            let closing = here.protocol.close_expected();
            match (here.act(step), step) {
                (result, Move::Close(_) | Move::Travel(_)) => prop_assert!(result.is_ok()),
                (result, _) if closing => prop_assert!(matches!(result, Err(Error::Closing))),
                (result, _) => prop_assert!(result.is_ok()),
            }
            if let Move::Travel(count) = step {
                here.travel(there, *count);
            }
        }
        client.act(&Move::Close(4000)).unwrap();
        while !(client.protocol.output().is_empty() && server.protocol.output().is_empty()) {
            client.travel(&mut server, 10_000);
            server.travel(&mut client, 20_000);
        }

        let is_pong = |seen: &Seen| matches!(seen, Seen::Pong(_));
        for (here, there) in [(&client, &server), (&server, &client)] {
            let (pongs, others): (Vec<_>, Vec<_>) = here.heard.iter().cloned().partition(is_pong);
            prop_assert_eq!(&others, &there.said);
            // While much output is pending, only the last of several Pings is answered.
            let mut answers = there.answers.iter();
            prop_assert!(pongs.iter().all(|pong| answers.any(|answer| answer == pong)), "{:?}", pongs);
            prop_assert_eq!(pongs.last(), there.answers.last());
            if !play.iter().any(|(_, step)| matches!(step, Move::Send(_, len) if *len > 10_000)) {
                prop_assert_eq!(&pongs, &there.answers);
            }
            prop_assert!(matches!(others.last(), Some(Seen::Close(..))));
            prop_assert!(here.protocol.close_expected());
        }
        prop_assert!(client.protocol.receive_eof().is_ok() && server.protocol.receive_eof().is_ok());
        let first = [&client, &server].map(|end| end.protocol.closed_first_by());
        prop_assert!(first.contains(&Some(Side::Local)), "{:?}", first);
    }
}
