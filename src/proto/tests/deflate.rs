//! Compressed messages: framing, limits, text, pieces, and both ends together (strictness item 22).

mod framing;
mod generated;
mod limits;
mod sending;

use super::reference::{binary, text};
use super::*;
use crate::compression::{Compress, Compression};
use crate::proto::deflate::{DeflateParameters, Deflater, End, Inflater, accept, confirm, offer};

/// Set in the first frame of a compressed message.
const RSV1: u8 = 0x40;

const BITS: ReceiveError = ReceiveError::Protocol(ProtocolError::ReservedBits);
const CORRUPT: ReceiveError = ReceiveError::Protocol(ProtocolError::InvalidDeflate);
const NO_TEXT: ReceiveError = ReceiveError::Protocol(ProtocolError::InvalidUtf8);

const WHOLE: Round = AT_ONCE;
const PIECES: Round = Round { want: Want::Pieces, ..AT_ONCE };

fn other(role: Role) -> Role {
    if role == Role::Client { Role::Server } else { Role::Client }
}

/// What two ends with default options agree on; `fresh`: without context takeover.
fn agreed(fresh: bool) -> DeflateParameters {
    let options = Compression::default().server_no_context_takeover(fresh).client_no_context_takeover(fresh);
    confirm(&options, &[accept(&options, &[offer(&options)]).unwrap().1]).unwrap().unwrap()
}

fn limits(max_message_size: u64, max_fragments: u32) -> Limits {
    Limits { max_message_size, max_fragments }
}

/// A receiving half that reads compressed messages without context takeover.
fn inflating_within(role: Role, limits: Limits) -> Inbound {
    let mut inbound = Inbound::new(role, limits);
    inbound.set_inflater(Inflater::new(role, &Compression::default(), &agreed(true)));
    inbound
}

fn inflating(role: Role) -> Inbound {
    inflating_within(role, Limits::default())
}

fn compressing(role: Role, options: &Compression, agreed: &DeflateParameters) -> Protocol {
    endpoint(role).with_deflate(options, agreed)
}

/// The payload of a message that is compressed with an empty window.
fn deflated(message: &[u8]) -> Vec<u8> {
    let mut engine = flate2::Compress::new(flate2::Compression::new(6), false);
    let mut payload = Vec::with_capacity(message.len() + message.len() / 8 + 100);
    engine.compress_vec(message, &mut payload, flate2::FlushCompress::Sync).unwrap();
    assert_eq!(engine.total_in(), message.len() as u64);
    if message.is_empty() { vec![0] } else { payload[..payload.len() - 4].to_vec() }
}

/// Bytes that cannot be compressed.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9u32;
    let step = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as u8
    };
    std::iter::repeat_with(step).take(len).collect()
}

/// Text of `len` bytes, in characters of all lengths.
fn some_text(len: usize) -> Vec<u8> {
    let mut text: String = ["a", "é", "€", "😀", "message "].iter().cycle().take(len).copied().collect();
    text.truncate((0..=len).rev().find(|&end| text.is_char_boundary(end)).unwrap());
    text.push_str(&".".repeat(len - text.len()));
    text.into_bytes()
}

/// What an endpoint returns for `bytes`: the same at once and byte by byte, whole and in pieces.
fn receive(role: Role, limits: Limits, bytes: &[u8]) -> (Vec<Seen>, Option<ReceiveError>) {
    let at_once = feed(&mut inflating_within(role, limits), bytes, &[WHOLE]);
    for round in [PIECES, BYTEWISE, Round { want: Want::Pieces, ..BYTEWISE }] {
        assert_eq!(feed(&mut inflating_within(role, limits), bytes, &[round]), at_once, "{round:?}");
    }
    at_once
}

fn refusal(role: Role, bytes: &[u8]) -> Option<ReceiveError> {
    receive(role, Limits::default(), bytes).1
}

/// The frames that an endpoint of this role has sent: first byte and payload.
fn split(role: Role, mut wire: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, ..] = *wire {
        assert_eq!(second >= 128, role == Role::Client);
        let (at, len) = match second % 128 {
            126 => (4, usize::from(u16::from_be_bytes([wire[2], wire[3]]))),
            127 => (10, u64::from_be_bytes(wire[2..10].try_into().unwrap()) as usize),
            len => (2, usize::from(len)),
        };
        let (key, at) = if role == Role::Client { (KEY, at + 4) } else { ([0; 4], at) };
        frames.push((first, (0..len).map(|i| wire[at + i] ^ key[i % 4]).collect()));
        wire = &wire[at + len..];
    }
    frames
}

/// All pending output of an endpoint.
fn written(protocol: &mut Protocol) -> Vec<u8> {
    let bytes = protocol.output().to_vec();
    protocol.consume(bytes.len());
    bytes
}
