//! The core as a whole, by section of RFC 6455 and by item of the strictness list (ARCHITECTURE.md).
//!
//! `reference` produces both input and expected results; it shares no code with what is tested.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod control;
mod conversation;
mod deflate;
mod framing;
mod limits;
mod opening;
mod peers;
mod pieces;
mod reference;
mod text;

use super::Error;
use super::handshake::Handshake;
use super::*;
use crate::close::CloseCode;
use crate::message::Message;
use reference::{Seen, frame, header};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// First bytes of frames.
const TEXT: u8 = 0x81;
const TEXT_BEGIN: u8 = 0x01;
const BINARY: u8 = 0x82;
const BINARY_BEGIN: u8 = 0x02;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The masking key for a frame that is sent to an endpoint of this role.
fn key_to(role: Role) -> Option<[u8; 4]> {
    (role == Role::Server).then_some(KEY)
}

/// Frames as a well-behaved peer sends them to an endpoint of this role.
fn frames(role: Role, frames: &[(u8, &[u8])]) -> Vec<u8> {
    frames.iter().flat_map(|(first, payload)| frame(*first, payload, key_to(role))).collect()
}

/// The header alone of such a frame.
fn header_to(role: Role, first: u8, len: u64) -> Vec<u8> {
    header(first, len, key_to(role))
}

fn inbound(role: Role) -> Inbound {
    Inbound::new(role, Limits::default())
}

fn endpoint(role: Role) -> Protocol {
    match role {
        Role::Client => Protocol::open_client(Limits::default(), || KEY),
        Role::Server => Protocol::open_server(Limits::default()),
    }
}

/// One round of reading: how many bytes arrive, how they are passed in, and what is requested then.
#[derive(Clone, Copy, Debug)]
struct Round {
    count: usize,
    copied: bool,
    shrunk: bool,
    want: Want,
}

const AT_ONCE: Round = Round { count: usize::MAX, copied: false, shrunk: false, want: Want::Message };
const BYTEWISE: Round = Round { count: 1, ..AT_ONCE };

/// Feeds `bytes` in these rounds, repeated as needed. Returns what was seen, with pieces put together, and the error.
///
/// Checks what must hold for any input: there is always space, both ways to take a message agree, a message that was
/// started in pieces ends in pieces, and an error is returned again and again.
fn feed(inbound: &mut Inbound, bytes: &[u8], rounds: &[Round]) -> (Vec<Seen>, Option<ReceiveError>) {
    let mut seen = Vec::new();
    let mut gathered: Option<Vec<u8>> = None;
    let mut rest = bytes;
    let mut rounds = rounds.iter().cycle();
    loop {
        let round = rounds.next().unwrap();
        let count = if round.copied {
            inbound.receive(&rest[..rest.len().min(round.count)])
        } else {
            let space = inbound.space();
            assert!(!space.is_empty(), "no space");
            let count = rest.len().min(round.count).min(space.len());
            space[..count].copy_from_slice(&rest[..count]);
            inbound.filled(count);
            count
        };
        assert!(count > 0 || rest.is_empty(), "no space");
        rest = &rest[count..];
        if round.shrunk {
            inbound.shrink();
        }
        loop {
            match inbound.advance(round.want) {
                Ok(Step::NeedInput) => break,
                Ok(Step::Message) => {
                    assert_eq!(gathered, None, "the rest of a message that was started in pieces");
                    let lent = inbound.message().to_message();
                    assert_eq!(lent.as_bytes(), inbound.payload());
                    assert_eq!(inbound.take_message(), lent);
                    seen.push(Seen::Message(lent));
                }
                Ok(Step::Piece { kind, last }) => {
                    assert!(last || !inbound.payload().is_empty(), "an empty piece");
                    gathered.get_or_insert_default().extend_from_slice(inbound.payload());
                    if last {
                        let bytes = gathered.take().unwrap();
                        seen.push(Seen::Message(match kind {
                            Kind::Text => Message::Text(String::from_utf8(bytes).unwrap()),
                            Kind::Binary => Message::Binary(bytes),
                        }));
                    }
                }
                Ok(Step::Ping) => seen.push(Seen::Ping(inbound.payload().to_vec())),
                Ok(Step::Pong) => seen.push(Seen::Pong(inbound.payload().to_vec())),
                Ok(Step::Close(frame)) => seen.push(Seen::Close(frame.code().into(), frame.reason().to_owned())),
                Err(error) => {
                    for want in [Want::Message, Want::Pieces] {
                        assert_eq!(inbound.advance(want), Err(error));
                        assert!(inbound.receive(&[0x81; 100]) > 0, "no space");
                    }
                    assert!(inbound.payload().is_empty());
                    return (seen, Some(error));
                }
            }
        }
        if rest.is_empty() {
            return (seen, None);
        }
    }
}

/// What a new endpoint returns for `bytes`, passed in at once and byte by byte, which must agree.
fn receive(role: Role, limits: Limits, bytes: &[u8]) -> (Vec<Seen>, Option<ReceiveError>) {
    let at_once = feed(&mut Inbound::new(role, limits), bytes, &[AT_ONCE]);
    let bytewise = feed(&mut Inbound::new(role, limits), bytes, &[BYTEWISE]);
    assert_eq!(at_once, bytewise);
    at_once
}

/// The error that a new endpoint returns for `bytes`, if any.
fn refusal(role: Role, bytes: &[u8]) -> Option<ReceiveError> {
    receive(role, Limits::default(), bytes).1
}

/// Passes all of `bytes` to an endpoint. Returns its events and its error.
fn deliver(protocol: &mut Protocol, mut bytes: &[u8]) -> (Vec<Seen>, Option<ReceiveError>) {
    let mut seen = Vec::new();
    loop {
        let count = protocol.receive(bytes);
        assert!(count > 0 || bytes.is_empty(), "no space");
        bytes = &bytes[count..];
        loop {
            match protocol.next_event() {
                Ok(None) => break,
                Ok(Some(event)) => seen.push(event.into()),
                Err(error) => {
                    let again = protocol.next_event().map(|_| ()).unwrap_err();
                    assert_eq!(format!("{again:?}"), format!("{error:?}"), "the same error from then on");
                    return match error {
                        Error::Protocol(error) => (seen, Some(error.into())),
                        Error::Limit(error) => (seen, Some(error.into())),
                        error => panic!("{error} is not about what was received"),
                    };
                }
            }
        }
        if bytes.is_empty() {
            return (seen, None);
        }
    }
}

/// Everything that an endpoint of this role has to send, as its peer sees it. It must be legal.
fn sent(role: Role, protocol: &mut Protocol) -> Vec<Seen> {
    let bytes = protocol.output().to_vec();
    protocol.consume(bytes.len());
    let peer = if role == Role::Client { Role::Server } else { Role::Client };
    let (seen, refused) = reference::decode(peer, Limits::default(), &bytes);
    assert_eq!(refused, None, "{bytes:02x?}");
    seen
}
