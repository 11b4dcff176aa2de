//! Tests the compressor against a decoder of our own, the decompressor against the examples of the RFC, and both
//! against each other.

mod frames;
mod messages;
mod properties;

use super::reference::Reference;
use super::*;
use flate2::FlushCompress;
use proptest::collection::vec;
use proptest::prelude::*;

/// The examples of RFC 7692 7.2.3.
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
const HELLO_AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];
const HELLO_STORED: [u8; 11] = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
const HELLO_FINAL: [u8; 8] = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
const HELLO_IN_TWO: [u8; 13] = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];

const TAKEOVER: DeflateParameters = DeflateParameters {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};
const FRESH: DeflateParameters =
    DeflateParameters { server_no_context_takeover: true, client_no_context_takeover: true, ..TAKEOVER };

fn windows(bits: u8) -> DeflateParameters {
    DeflateParameters { server_max_window_bits: bits, client_max_window_bits: bits, ..TAKEOVER }
}

fn deflater(parameters: &DeflateParameters) -> Deflater {
    Deflater::new(Role::Server, &Compression::default(), parameters)
}

fn inflater(parameters: &DeflateParameters) -> Inflater {
    Inflater::new(Role::Client, &Compression::default(), parameters)
}

/// The payloads of the frames of a whole message.
fn frames(deflater: &mut Deflater, mut message: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    loop {
        let (payload, last) = deflater.run(&mut message, End::Message).unwrap();
        frames.push(payload.clone());
        deflater.reuse(payload);
        assert_eq!(deflater.is_open(), !last);
        if last {
            assert!(message.is_empty());
            return frames;
        }
    }
}

fn compress(deflater: &mut Deflater, message: &[u8]) -> Vec<u8> {
    frames(deflater, message).concat()
}

/// Inflates a whole message that arrives in parts of `chunk` bytes, into `room` bytes at a time.
fn inflate_by(
    inflater: &mut Inflater,
    payload: &[u8],
    chunk: usize,
    room: usize,
) -> Result<Vec<u8>, ProtocolError> {
    let mut message = Vec::new();
    let mut output = vec![0; room];
    let mut chunks = payload.chunks(chunk).peekable();
    loop {
        let mut input = chunks.next().unwrap_or_default();
        let last = chunks.peek().is_none();
        loop {
            let done = inflater.run(input, &mut output, last)?;
            assert_eq!(done.more, done.made == room);
            assert!(done.more || done.taken == input.len());
            assert!(done.taken + done.made > 0 || input.is_empty());
            message.extend_from_slice(&output[..done.made]);
            input = &input[done.taken..];
            if !done.more {
                break;
            }
        }
        if last {
            return Ok(message);
        }
    }
}

fn inflate(inflater: &mut Inflater, payload: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    inflate_by(inflater, payload, usize::MAX, 10_000)
}

/// Bytes that cannot be compressed.
fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9e37_79b9) | 1;
    let step = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as u8
    };
    std::iter::repeat_with(step).take(len).collect()
}

/// Words, so that a Huffman table of their own pays off.
fn words(len: usize, seed: u32) -> Vec<u8> {
    let words =
        ["the ", "window ", "of ", "a ", "message ", "begins ", "empty, ", "unless ", "agreed ", "otherwise. "];
    let picks = noise(len, seed);
    let mut text: Vec<u8> =
        picks.iter().flat_map(|pick| words[usize::from(*pick) % 10].bytes()).take(len).collect();
    text.truncate(len);
    text
}

/// Noise with repetitions at many different distances, up to 40,000 bytes.
fn repeats(seed: u32) -> Vec<u8> {
    let mut data = noise(40_000, seed);
    let around = (5..16).flat_map(|bits| (1usize << bits) - 3..(1usize << bits) + 4);
    for (i, distance) in around.chain((200..40_000).step_by(777)).enumerate() {
        let from = data.len() - distance;
        for at in from..from + 24 {
            data.push(data[at]);
        }
        data.extend(noise(8, seed + 1 + i as u32));
    }
    data
}
