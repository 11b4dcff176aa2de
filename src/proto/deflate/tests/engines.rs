//! The compressor against a decoder of our own, the decompressor against what the RFC has for examples, and both
//! against each other.

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

/// A whole message that comes in parts of `chunk` bytes and is inflated into so much room at a time.
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

/// Words, whose statistics are worth a table of their own.
fn words(len: usize, seed: u32) -> Vec<u8> {
    let words =
        ["the ", "window ", "of ", "a ", "message ", "begins ", "empty, ", "unless ", "agreed ", "otherwise. "];
    let picks = noise(len, seed);
    let mut text: Vec<u8> =
        picks.iter().flat_map(|pick| words[usize::from(*pick) % 10].bytes()).take(len).collect();
    text.truncate(len);
    text
}

/// Noise in which something is repeated at every kind of distance, up to 40,000 bytes.
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

#[test]
fn rfc_7692_7_2_3_the_examples() {
    for (example, payload) in
        [("7.2.3.1", &HELLO[..]), ("7.2.3.3", &HELLO_STORED), ("7.2.3.4", &HELLO_FINAL), ("7.2.3.5", &HELLO_IN_TWO)]
    {
        assert_eq!(Reference::default().message(payload).as_deref(), Some(&b"Hello"[..]), "{example}");
        for parameters in [TAKEOVER, FRESH, windows(9)] {
            for chunk in 1..=payload.len() {
                for room in [1, 2, 4, 5, 6, 100] {
                    let mut inflater = inflater(&parameters);
                    for _ in 0..3 {
                        let message = inflate_by(&mut inflater, payload, chunk, room);
                        assert_eq!(message.as_deref(), Ok(&b"Hello"[..]), "{example} by {chunk} into {room}");
                    }
                }
            }
        }
    }
    // 7.2.3.2: with what came before for a window, and only then.
    for (parameters, expected) in [(TAKEOVER, Ok(b"Hello".to_vec())), (FRESH, Err(ProtocolError::InvalidDeflate))] {
        let mut inflater = inflater(&parameters);
        assert_eq!(inflate(&mut inflater, &HELLO).unwrap(), b"Hello");
        assert_eq!(inflate(&mut inflater, &HELLO_AGAIN), expected);
        assert_eq!(
            inflate(&mut super::engines::inflater(&parameters), &HELLO_AGAIN),
            Err(ProtocolError::InvalidDeflate)
        );
    }
    // 7.2.3.6: an empty message, also as a frame without payload.
    for payload in [&[0][..], &[]] {
        let mut inflater = inflater(&TAKEOVER);
        for _ in 0..3 {
            assert_eq!(inflate(&mut inflater, payload).unwrap(), b"");
        }
        assert_eq!(inflate(&mut inflater, &HELLO).unwrap(), b"Hello");
        assert_eq!(inflate(&mut inflater, payload).unwrap(), b"");
        assert_eq!(inflate(&mut inflater, &HELLO_AGAIN).unwrap(), b"Hello");
    }
}

#[test]
fn rfc_7692_7_2_3_what_is_made_of_hello() {
    for role in ROLES {
        let mut deflater = Deflater::new(role, &Compression::default(), &TAKEOVER);
        assert_eq!(compress(&mut deflater, b"Hello"), HELLO);
        assert_eq!(compress(&mut deflater, b"Hello"), HELLO_AGAIN);
        let mut deflater = Deflater::new(role, &Compression::default(), &FRESH);
        assert_eq!(compress(&mut deflater, b"Hello"), HELLO);
        assert_eq!(compress(&mut deflater, b"Hello"), HELLO);
    }
}

/// RFC 7692 7.2.3.6
#[test]
fn an_empty_message_is_one_byte() {
    for parameters in [TAKEOVER, FRESH] {
        let mut deflater = deflater(&parameters);
        let mut inflater = inflater(&parameters);
        for message in
            [&b""[..], b"", b"", b"Hello", b"", b"", b"Hello", b"", &words(10_000, 1), b"", b"Hello", b""]
        {
            let payload = compress(&mut deflater, message);
            assert_eq!(payload == [0], message.is_empty());
            assert_eq!(inflate(&mut inflater, &payload).unwrap(), message);
        }
    }
}

/// RFC 7692 7.2.3.4: what is behind a final block has nothing to refer to.
#[test]
fn a_final_block_may_end_a_message_or_stand_within() {
    let without = &HELLO_FINAL[..7];
    for (payload, message) in [
        (without.to_vec(), Some(&b"Hello"[..])),
        (HELLO_FINAL.to_vec(), Some(b"Hello")),
        ([without, without].concat(), Some(b"HelloHello")),
        ([without, &HELLO].concat(), Some(b"HelloHello")),
        ([without, &HELLO_FINAL].concat(), Some(b"HelloHello")),
        ([without, &[0x03, 0], &[0x03, 0], &HELLO_STORED].concat(), Some(b"HelloHello")),
        (vec![0x03, 0], Some(b"")),
        (vec![0x01, 0, 0, 0xff, 0xff], Some(b"")),
        (vec![0x01, 0, 0, 0xff, 0xff, 0x03, 0], Some(b"")),
        // No second byte 0 is due.
        ([&HELLO_FINAL, &HELLO[..]].concat(), None),
        ([without, &HELLO_AGAIN].concat(), None),
        (HELLO_FINAL[..6].to_vec(), None),
        (vec![0x03], None),
    ] {
        // The byte 0 that should be behind it, to begin the empty block of the end, may be missing.
        let with_end = Reference::default().message(&[&payload[..], &[0]].concat());
        let by_reference = Reference::default().message(&payload).or(with_end);
        assert_eq!(by_reference.as_deref(), message, "{payload:02x?}");
        for (parameters, free) in [(TAKEOVER, false), (FRESH, false), (TAKEOVER, true), (FRESH, true)] {
            for (chunk, room) in [(1, 1), (1, 100), (100, 1), (3, 5), (100, 5), (100, 10), (100, 11)] {
                let options = Compression::default().free_between_messages(free);
                let mut inflater = Inflater::new(Role::Client, &options, &parameters);
                let Some(message) = message else {
                    let refused = inflate_by(&mut inflater, &payload, chunk, room);
                    assert_eq!(refused, Err(ProtocolError::InvalidDeflate), "{payload:02x?}");
                    continue;
                };
                for next in [&HELLO[..], &HELLO_FINAL, &HELLO_STORED] {
                    let got = inflate_by(&mut inflater, &payload, chunk, room);
                    assert_eq!(got.as_deref(), Ok(message), "{payload:02x?}");
                    assert_eq!(inflate_by(&mut inflater, next, chunk, room).unwrap(), b"Hello");
                }
            }
        }
    }
}

/// A last block that is final and empty: `01 00 00 ff ff` without its tail.
#[test]
fn a_final_block_may_be_the_empty_one_of_the_end() {
    for parameters in [TAKEOVER, FRESH] {
        for payload in [&[1][..], &[&HELLO[..], &[0, 0, 0xff, 0xff, 1]].concat()] {
            let message = Reference::default().message(payload).unwrap();
            let mut inflater = inflater(&parameters);
            for _ in 0..2 {
                assert_eq!(inflate(&mut inflater, payload).as_ref(), Ok(&message), "{payload:02x?}");
            }
        }
    }
}

/// Whatever it is cut to, a message is not more than it was, and seldom passes.
#[test]
fn item_22_a_message_cut_short() {
    let message = [words(3_000, 5), noise(200, 5), words(50, 5)].concat();
    for payload in [compress(&mut deflater(&TAKEOVER), &message), HELLO_STORED.to_vec(), HELLO_FINAL.to_vec()] {
        let mut passed = 0;
        for len in 0..payload.len() {
            for (chunk, room) in [(usize::MAX, 10_000), (7, 3)] {
                match inflate_by(&mut inflater(&TAKEOVER), &payload[..len], chunk, room) {
                    Ok(part) => {
                        assert!([&message[..], b"Hello"].iter().any(|whole| whole.starts_with(&part)));
                        passed += 1;
                    }
                    Err(error) => assert_eq!(error, ProtocolError::InvalidDeflate),
                }
            }
        }
        // Where the codes themselves are described, what a message ends with may be taken for more of that.
        assert!(passed / 2 <= 2 + payload.len() / 8, "{} of {} pass", passed / 2, payload.len());
    }
}

/// The window in both directions, as every level keeps it, over several messages and after a new beginning.
#[test]
fn item_22_no_distance_is_beyond_the_window() {
    let messages = [repeats(1), words(3_000, 2), repeats(1)];
    for level in 1..=9 {
        for bits in [9, 10, 11, 12, 13, 14, 15] {
            // All windows at the default level, some at the others.
            if level != 6 && ![9, 15 - level % 4].contains(&bits) {
                continue;
            }
            let fresh = level % 2 == 1;
            let (role, agreed) = match level % 3 {
                0 => (Role::Client, parameters(!fresh, fresh, 15, bits)),
                _ => (Role::Server, parameters(fresh, !fresh, bits, 15)),
            };
            let mut deflater = Deflater::new(role, &Compression::default().level(level), &agreed);
            let mut reference = Reference::default();
            for message in &messages {
                let payload = compress(&mut deflater, message);
                if fresh {
                    reference.forget();
                }
                assert!(reference.message(&payload).as_ref() == Some(message), "level {level}, window {bits}");
            }
            assert!(reference.reach <= 1 << bits, "level {level}, window {bits}: {}", reference.reach);
            // All of it is made use of; so what a larger window does would be seen in a smaller one.
            if level == 6 || bits == 15 {
                // The engine leaves 262 bytes of it unused.
                assert!(
                    reference.reach + 262 > (1 << bits) / 4 * 3,
                    "level {level}, window {bits}: {}",
                    reference.reach
                );
            }
        }
    }
}

#[test]
fn each_direction_has_its_own_parameters() {
    let message = words(1_000, 3);
    for (server_fresh, client_fresh) in [(false, true), (true, false)] {
        let agreed = parameters(server_fresh, client_fresh, 15, 15);
        for (role, fresh) in [(Role::Server, server_fresh), (Role::Client, client_fresh)] {
            let other = if role == Role::Client { Role::Server } else { Role::Client };
            let mut deflater = Deflater::new(role, &Compression::default(), &agreed);
            let mut inflater = Inflater::new(other, &Compression::default(), &agreed);
            let first = compress(&mut deflater, &message);
            let second = compress(&mut deflater, &message);
            assert_eq!(inflate(&mut inflater, &first).unwrap(), message);
            assert_eq!(inflate(&mut inflater, &second).unwrap(), message);
            if fresh {
                assert_eq!(first, second);
            } else {
                assert!(second.len() * 10 < first.len(), "{} and {}", first.len(), second.len());
            }
        }
    }
}

#[test]
fn free_between_messages_begins_afresh_and_still_reads_takeover() {
    let free = Compression::default().free_between_messages(true);
    for agreed in [TAKEOVER, FRESH, windows(9)] {
        let message = words(400, 4);
        let mut deflater = Deflater::new(Role::Server, &free, &agreed);
        let first = compress(&mut deflater, &message);
        assert_eq!(compress(&mut deflater, &message), first);
        let mut peer = inflater(&agreed);
        for _ in 0..3 {
            assert_eq!(inflate(&mut peer, &first).unwrap(), message);
        }
    }
    // What the peer compresses is not this end's to decide.
    let mut inflater = Inflater::new(Role::Client, &free, &TAKEOVER);
    assert_eq!(inflate(&mut inflater, &HELLO).unwrap(), b"Hello");
    assert_eq!(inflate(&mut inflater, &HELLO_AGAIN).unwrap(), b"Hello");
    let mut inflater = Inflater::new(Role::Client, &free, &FRESH);
    assert_eq!(inflate(&mut inflater, &HELLO).unwrap(), b"Hello");
    assert_eq!(inflate(&mut inflater, &HELLO).unwrap(), b"Hello");
    assert_eq!(inflate(&mut inflater, &HELLO_AGAIN), Err(ProtocolError::InvalidDeflate));
}

#[test]
fn the_level_is_kept() {
    let message = words(20_000, 6);
    let sizes = [1, 6, 9].map(|level| {
        let options = Compression::default().level(level);
        compress(&mut Deflater::new(Role::Client, &options, &TAKEOVER), &message).len()
    });
    assert!(sizes[0] > sizes[1] && sizes[1] >= sizes[2], "{sizes:?}");
}

#[test]
fn takeover_for_thousands_of_messages() {
    for agreed in [TAKEOVER, windows(9), windows(12)] {
        let mut deflater = deflater(&agreed);
        let mut inflater = inflater(&agreed);
        let (mut plain, mut compressed) = (0, 0);
        for i in 0..4_000u32 {
            let message = match i % 7 {
                0 => noise((i % 600) as usize, i),
                1 => Vec::new(),
                _ => {
                    format!("{{\"id\":{i},\"method\":\"subscribe\",\"params\":[\"price\",{}]}}", i * 7).into_bytes()
                }
            };
            let payload = compress(&mut deflater, &message);
            assert!(inflate_by(&mut inflater, &payload, 50, 4_000).as_ref() == Ok(&message), "message {i}");
            if i % 7 > 1 {
                plain += message.len();
                compressed += payload.len();
            }
        }
        assert!(compressed * 2 < plain, "{compressed} of {plain}");
    }
}

#[test]
fn frames_stay_small_whatever_the_message() {
    // What makes a frame, what the engine may hold back, and what is put in then; a little more if it grows.
    const LARGEST: usize = 208 << 10;
    for (message, least, most) in [
        (noise(2_000_000, 7), 16, 31),
        (vec![7; 5_000_000], 1, 1),
        (words(2_000_000, 7), 1, 20),
        ([noise(65_535, 8), vec![0; 65_537], noise(1, 9)].concat(), 1, 3),
        (noise(65_536, 8), 1, 3),
        (noise(131_072, 8), 1, 3),
    ] {
        for level in [1, 6] {
            let mut deflater = Deflater::new(Role::Server, &Compression::default().level(level), &FRESH);
            for _ in 0..2 {
                let frames = frames(&mut deflater, &message);
                let lens: Vec<_> = frames.iter().map(Vec::len).collect();
                assert!((least..=most).contains(&frames.len()), "{lens:?} for {}", message.len());
                assert!(lens.iter().all(|len| (1..=LARGEST).contains(len)), "{lens:?}");
                // All but the last are worth a frame.
                assert!(lens.iter().rev().skip(1).all(|len| *len >= 64 << 10), "{lens:?}");
                let inflated = inflate_by(&mut inflater(&FRESH), &frames.concat(), usize::MAX, 60_000);
                assert!(inflated.as_ref() == Ok(&message));
            }
            assert!(deflater.capacity() <= 2 * LARGEST, "{}", deflater.capacity());
        }
    }
}

/// What has been put in comes out when it is flushed, and not before there is a frame of it.
#[test]
fn parts_and_flushes() {
    let mut deflater = deflater(&TAKEOVER);
    let mut inflater = inflater(&TAKEOVER);
    for round in 0..3 {
        let mut output = vec![0; 100_000];
        let mut said = Vec::new();
        let mut heard = Vec::new();
        assert!(!deflater.is_open());
        for part in 0..50u32 {
            let data = if part % 5 == 4 { Vec::new() } else { words(part as usize * 31, round + part) };
            let end = if part % 3 == 2 { End::Flush } else { End::Part };
            let mut input = &data[..];
            said.extend_from_slice(&data);
            let due = deflater.run(&mut input, end);
            assert!(input.is_empty() && deflater.is_open());
            if end == End::Part {
                // Gathered, however often.
                assert_eq!(due, None);
                continue;
            }
            assert_eq!(due.as_ref().map(|(_, last)| *last), (heard.len() < said.len()).then_some(false));
            let payload = due.map(|(payload, _)| payload).unwrap_or_default();
            let done = inflater.run(&payload, &mut output, false).unwrap();
            assert_eq!((done.taken, done.more), (payload.len(), false));
            heard.extend_from_slice(&output[..done.made]);
            assert_eq!(heard, said);
            deflater.reuse(payload);
            // There is nothing more to flush.
            assert_eq!(deflater.run(&mut &b""[..], End::Flush), None);
        }
        let mut end = &b"end"[..];
        let (payload, last) = deflater.run(&mut end, End::Message).unwrap();
        assert!(last && end.is_empty() && !deflater.is_open());
        let done = inflater.run(&payload, &mut output, true).unwrap();
        heard.extend_from_slice(&output[..done.made]);
        assert_eq!(heard, [said, b"end".to_vec()].concat());
    }
}

/// After a flush, a message may end without anything more.
#[test]
fn an_end_right_behind_a_flush() {
    for agreed in [TAKEOVER, FRESH] {
        let mut deflater = deflater(&agreed);
        let mut inflater = inflater(&agreed);
        for _ in 0..3 {
            let mut input = &b"Hello"[..];
            let (mut payload, last) = deflater.run(&mut input, End::Flush).unwrap();
            assert!(!last);
            let (rest, last) = deflater.run(&mut input, End::Message).unwrap();
            assert!(last);
            payload.extend(rest);
            assert!(payload.ends_with(&[0, 0, 0xff, 0xff, 0]));
            assert_eq!(inflate(&mut inflater, &payload).unwrap(), b"Hello");
        }
    }
}

/// With input that is not all taken, the rest waits for room.
#[test]
fn parts_of_more_than_a_frame() {
    let mut deflater = deflater(&TAKEOVER);
    let data = noise(1_000_000, 10);
    let mut input = &data[..];
    let mut payload = Vec::new();
    let mut count = 0;
    while let Some((output, last)) = deflater.run(&mut input, End::Part) {
        assert!(!last);
        count += 1;
        assert!((64 << 10..=208 << 10).contains(&output.len()), "{}", output.len());
        payload.extend_from_slice(&output);
        deflater.reuse(output);
        let most = data.len() - input.len();
        assert!(most < payload.len() + (256 << 10), "{most} bytes taken for {}", payload.len());
    }
    assert!(count >= 7 && input.is_empty());
    payload.extend(compress(&mut deflater, b""));
    assert!(inflate(&mut inflater(&TAKEOVER), &payload).as_ref() == Ok(&data));
}

/// A message in a hurry is whole, its rest is not made smaller, and the next one is as always.
#[test]
fn a_hurried_message_is_whole() {
    for (end, free) in [(End::Part, false), (End::Flush, false), (End::Part, true)] {
        let options = Compression::default().free_between_messages(free);
        let mut deflater = Deflater::new(Role::Server, &options, &TAKEOVER);
        let mut inflater = inflater(&TAKEOVER);
        let text = b"the same again, ".repeat(8000);
        let mut payload = Vec::new();
        for round in 0..2 {
            let (mut head, mut tail) = text.split_at(50_000);
            payload.clear();
            payload.extend(deflater.run(&mut head, end).map(|(output, _)| output).unwrap_or_default());
            deflater.hurry();
            deflater.hurry();
            loop {
                let (output, last) = deflater.run(&mut tail, End::Message).unwrap();
                payload.extend_from_slice(&output);
                deflater.reuse(output);
                if last {
                    break;
                }
            }
            // Nothing is under way: this is for no message.
            deflater.hurry();
            assert!((78_000..90_000).contains(&payload.len()), "{} in round {round}", payload.len());
            assert!(inflate(&mut inflater, &payload).as_ref() == Ok(&text));
            let small = compress(&mut deflater, &text);
            assert!(small.len() < 1000, "{}", small.len());
            assert!(inflate(&mut inflater, &small).as_ref() == Ok(&text));
        }
    }
}

#[test]
fn shrinking_loses_nothing() {
    let mut deflater = deflater(&TAKEOVER);
    let mut inflater = inflater(&TAKEOVER);
    assert_eq!(deflater.capacity(), 0);
    for _ in 0..3 {
        let message = noise(50_000, 11);
        let (mut head, mut tail) = message.split_at(30_000);
        assert_eq!(deflater.run(&mut head, End::Part), None);
        deflater.shrink();
        let (payload, last) = deflater.run(&mut tail, End::Message).unwrap();
        assert!(last);
        deflater.shrink();
        assert!(inflate(&mut inflater, &payload).as_ref() == Ok(&message));
        deflater.reuse(payload);
        assert!(deflater.capacity() > 0);
        deflater.shrink();
        assert_eq!(deflater.capacity(), 0);
        // The window stays.
        assert!(compress(&mut deflater, &message[40_000..]).len() < 1_000);
        let payload = compress(&mut deflater, &message[40_000..]);
        assert!(inflate(&mut super::engines::inflater(&TAKEOVER), &payload).is_err());
        deflater = super::engines::deflater(&TAKEOVER);
        inflater = super::engines::inflater(&TAKEOVER);
    }
}

#[test]
fn by_default_all_messages_are_compressed_with_takeover_and_those_of_128_bytes_without() {
    for role in ROLES {
        for free in [false, true] {
            let options = Compression::default().free_between_messages(free);
            for (parameters, from) in [(&TAKEOVER, 0), (&FRESH, 128)] {
                let deflater = Deflater::new(role, &options, parameters);
                for len in [0, 1, 127, 128, 5000] {
                    assert_eq!(deflater.wants(Compress::Auto, Some(len)), len >= from, "{len}");
                    assert!(!deflater.wants(Compress::Never, Some(len)));
                }
                assert!(deflater.wants(Compress::Auto, None));
            }
        }
        // Only the direction that this end sends in counts.
        let other = DeflateParameters {
            server_no_context_takeover: role == Role::Client,
            client_no_context_takeover: role == Role::Server,
            ..TAKEOVER
        };
        assert!(Deflater::new(role, &Compression::default(), &other).wants(Compress::Auto, Some(0)));
    }
}

#[test]
fn a_threshold_that_is_set_holds_with_takeover_and_without() {
    for (threshold, len, auto) in [
        (128, Some(0), false),
        (128, Some(127), false),
        (128, Some(128), true),
        (128, None, true),
        (0, Some(0), true),
        (usize::MAX, Some(1 << 40), false),
        (usize::MAX, None, true),
    ] {
        for role in ROLES {
            for bits in 9..=15 {
                let fresh = DeflateParameters {
                    server_no_context_takeover: true,
                    client_no_context_takeover: true,
                    ..windows(bits)
                };
                for parameters in [windows(bits), fresh] {
                    let options = Compression::default().threshold(threshold);
                    let deflater = Deflater::new(role, &options, &parameters);
                    assert_eq!(deflater.wants(Compress::Auto, len), auto, "{threshold} {len:?}");
                    assert!(deflater.wants(Compress::Always, len));
                    assert!(!deflater.wants(Compress::Never, len));
                }
            }
        }
    }
}

#[test]
fn debug_output_has_no_data() {
    let mut deflater = deflater(&windows(10));
    let shown = format!("{deflater:?}");
    assert_eq!(shown, "Deflater { level: 6, window_bits: 10, takeover: true, open: false, .. }");
    assert_eq!(compress(&mut deflater, b"Hello"), HELLO);
    assert_eq!(format!("{deflater:?}"), shown);
    assert_eq!(format!("{:?}", inflater(&FRESH)), "Inflater { takeover: false, begun: false, .. }");
}

/// Blocks as a peer might write them, for every setting of zlib, some of them spoilt.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let data = prop_oneof![
        (0..400usize, any::<u32>()).prop_map(|(len, seed)| words(len, seed)),
        (0..400usize, any::<u32>()).prop_map(|(len, seed)| noise(len, seed)),
        vec(0..3u8, 0..400),
    ];
    let flush = prop_oneof![
        1 => Just(FlushCompress::Partial),
        4 => Just(FlushCompress::Sync),
        1 => Just(FlushCompress::Full),
        1 => Just(FlushCompress::Finish),
    ];
    let part = (data, 0..=9u32, flush).prop_map(|(data, level, flush)| {
        let mut engine = flate2::Compress::new_with_window_bits(flate2::Compression::new(level), false, 9);
        let mut payload = Vec::with_capacity(10_000);
        engine.compress_vec(&data, &mut payload, flush).unwrap();
        payload
    });
    let raw = prop_oneof![vec(any::<u8>(), 0..20), vec(0..8u8, 0..10)];
    vec(prop_oneof![4 => part, 1 => raw], 0..4).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is deflate data by the reference is read so; nothing else becomes anything else.
    #[test]
    fn item_22_garbage_is_refused(
        mut stream in stream(), spoil in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        chunk in 1..100usize, room in 1..1000usize,
    ) {
        for (at, value) in spoil {
            if !stream.is_empty() {
                let at = at.index(stream.len());
                stream[at] ^= value;
            }
        }
        let mut reference = Reference::default();
        let expected = reference.message(&stream);
        let got = inflate_by(&mut inflater(&TAKEOVER), &stream, chunk, room);
        let at_once = inflate(&mut inflater(&TAKEOVER), &stream);
        prop_assert_eq!(&got, &at_once);
        // The end of data that is cut short may pass for one.
        if let Some(message) = expected
        {
            prop_assert_eq!(got, Ok(message));
        }
    }

    #[test]
    fn messages_arrive_whatever_the_parameters(
        agreed in (any::<bool>(), any::<bool>(), 9..=15u8, 9..=15u8), free: bool, level in 1..=9u8, client: bool,
        messages in vec((0..3u8, prop_oneof![9 => 0..300usize, 2 => 0..9000usize, 1 => 60_000..140_000usize]), 1..6),
        chunk in 1..5000usize, room in 1..5000usize,
    ) {
        let agreed = parameters(agreed.0, agreed.1, agreed.2, agreed.3);
        let options = Compression::default().level(level).free_between_messages(free);
        let (here, there) = if client { (Role::Client, Role::Server) } else { (Role::Server, Role::Client) };
        let mut deflater = Deflater::new(here, &options, &agreed);
        let mut inflater = Inflater::new(there, &options, &agreed);
        for (i, (content, len)) in messages.into_iter().enumerate() {
            let message = match content {
                0 => noise(len, 3),
                1 => words(len, i as u32),
                _ => vec![i as u8; len],
            };
            let payload = compress(&mut deflater, &message);
            prop_assert!(inflate_by(&mut inflater, &payload, chunk, room).as_ref() == Ok(&message));
        }
    }
}
