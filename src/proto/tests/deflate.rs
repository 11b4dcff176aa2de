//! Compressed messages: framing, limits, text, pieces, and both ends together (strictness item 22).

use super::reference::{binary, text};
use super::*;
use crate::compression::{Compress, Compression};
use crate::proto::deflate::{DeflateParameters, Deflater, Inflater, accept, confirm, offer};
use proptest::collection::vec;
use proptest::prelude::*;

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

/// What two ends with default options agree on, or with each message by itself.
fn agreed(fresh: bool) -> DeflateParameters {
    let options = Compression::default().server_no_context_takeover(fresh).client_no_context_takeover(fresh);
    confirm(&options, &[accept(&options, &[offer(&options)]).unwrap().1]).unwrap().unwrap()
}

/// A receiving half that reads compressed messages, each by itself.
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

/// The payload of a compressed message, by itself.
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
    text.truncate(text.floor_char_boundary(len));
    text.push_str(&".".repeat(len - text.len()));
    text.into_bytes()
}

/// What an endpoint says to `bytes`: the same at once and byte by byte, whole and in pieces.
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

/// All that an endpoint has to send.
fn written(protocol: &mut Protocol) -> Vec<u8> {
    let bytes = protocol.output().to_vec();
    protocol.consume(bytes.len());
    bytes
}

#[test]
fn item_22_rsv1_without_compression() {
    for role in ROLES {
        let hello = deflated(b"Hello");
        for first in [TEXT, BINARY, TEXT_BEGIN, BINARY_BEGIN] {
            // At the header, before any payload.
            let (seen, error) = super::receive(role, Limits::default(), &header_to(role, first | RSV1, 7));
            assert_eq!((seen, error), (Vec::new(), Some(BITS)));
            assert_eq!(super::refusal(role, &frames(role, &[(TEXT, b"a"), (first | RSV1, &hello)])), Some(BITS));
        }
        let mut protocol = endpoint(role);
        assert_eq!(deliver(&mut protocol, &frames(role, &[(TEXT | RSV1, &hello)])).1, Some(BITS));
        let reason = BITS.to_string();
        assert_eq!(sent(role, &mut protocol), [Seen::Close(1002, reason)]);
    }
}

#[test]
fn item_22_rsv1_only_in_the_first_frame_of_a_message() {
    for role in ROLES {
        let hello = deflated(b"Hello");
        let head = &hello[..3];
        for first in [TEXT_BEGIN | RSV1, BINARY_BEGIN, BINARY_BEGIN | RSV1] {
            for next in [MORE | RSV1, LAST | RSV1] {
                let bytes = [frames(role, &[(first, head)]), header_to(role, next, 4)].concat();
                assert_eq!(refusal(role, &bytes), Some(BITS));
            }
        }
        assert_eq!(refusal(role, &header_to(role, MORE | RSV1, 4)), Some(BITS));
        for control in [PING, PONG, CLOSE] {
            assert_eq!(refusal(role, &header_to(role, control | RSV1, 0)), Some(BITS));
            let within = [frames(role, &[(TEXT_BEGIN | RSV1, head)]), header_to(role, control | RSV1, 0)].concat();
            assert_eq!(refusal(role, &within), Some(BITS));
        }
        for reserved in [0x20, 0x10, 0x60, 0x50, 0x70] {
            assert_eq!(refusal(role, &header_to(role, TEXT | reserved, 0)), Some(BITS));
        }
        // A new message before the end of the last one is a mistake of another kind.
        let bytes = frames(role, &[(TEXT_BEGIN | RSV1, head), (TEXT | RSV1, &hello)]);
        assert_eq!(refusal(role, &bytes), Some(ProtocolError::ExpectedContinuation.into()));
    }
}

#[test]
fn item_22_compressed_and_plain_messages_in_turn() {
    for role in ROLES {
        let (hello, large) = (deflated(b"Hello"), noise(40_000));
        let packed = deflated(&large);
        let bytes = frames(
            role,
            &[
                (TEXT, b"plain"),
                (TEXT | RSV1, &hello),
                (TEXT, b"plain"),
                (BINARY | RSV1, &packed),
                (PING, b"?"),
                (BINARY_BEGIN, &large[..5]),
                (LAST, &large[5..]),
                (BINARY | RSV1, b""),
                (BINARY | RSV1, b"\0"),
                (BINARY, b""),
                (TEXT_BEGIN | RSV1, &hello[..2]),
                (PONG, b"!"),
                (LAST, &hello[2..]),
                (BINARY, &large),
                (TEXT | RSV1, &hello),
            ],
        );
        let expected = vec![
            text("plain"),
            text("Hello"),
            text("plain"),
            binary(&large),
            Seen::Ping(b"?".to_vec()),
            binary(&large),
            binary(b""),
            binary(b""),
            binary(b""),
            Seen::Pong(b"!".to_vec()),
            text("Hello"),
            binary(&large),
            text("Hello"),
        ];
        assert_eq!(receive(role, Limits::default(), &bytes), (expected, None));
    }
}

/// RFC 7692 7.2.3.1 to 7.2.3.5, as frames.
#[test]
fn rfc_7692_7_2_3_the_examples() {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let mut inbound = Inbound::new(Role::Client, Limits::default());
    inbound.set_inflater(Inflater::new(Role::Client, &Compression::default(), &agreed(false)));
    let mut wire = vec![0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    wire.extend([0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00]);
    wire.extend([0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00]);
    wire.extend([0xc1, 0x0b, 0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]);
    wire.extend([0xc1, 0x08, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]);
    wire.extend([0xc1, 0x0d, 0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]);
    assert_eq!(feed(&mut inbound, &wire, &[WHOLE]), (vec![text("Hello"); 6], None));

    let mut server = compressing(Role::Server, &Compression::default(), &agreed(false));
    server.set_compress(Compress::Always);
    server.send("Hello").unwrap();
    server.send("Hello").unwrap();
    server.send("").unwrap();
    let expected = [
        (TEXT | RSV1, hello.to_vec()),
        (TEXT | RSV1, vec![0xf2, 0x00, 0x11, 0x00, 0x00]),
        (TEXT | RSV1, vec![0x00]),
    ];
    assert_eq!(split(Role::Server, &written(&mut server)), expected);
}

#[test]
fn a_compressed_message_cut_into_frames_anywhere() {
    for role in ROLES {
        let message = [some_text(300), some_text(300)].concat();
        let packed = deflated(&message);
        let expected = (vec![text(std::str::from_utf8(&message).unwrap()), text("end")], None);
        for first in 0..=packed.len() {
            for second in [first, (first + 1).min(packed.len()), packed.len()] {
                let parts = [
                    (TEXT_BEGIN | RSV1, &packed[..first]),
                    (PING, b"".as_slice()),
                    (MORE, &packed[first..second]),
                    (MORE, b""),
                    (LAST, &packed[second..]),
                    (TEXT, b"end"),
                ];
                let mut expected = expected.clone();
                expected.0.insert(0, Seen::Ping(Vec::new()));
                let bytes = frames(role, &parts);
                let rounds = [WHOLE, PIECES, BYTEWISE, Round { want: Want::Pieces, count: 3, ..BYTEWISE }];
                for round in rounds {
                    assert_eq!(feed(&mut inflating(role), &bytes, &[round]), expected, "{first} {second}");
                }
            }
        }
        let mut bytewise = vec![(TEXT_BEGIN | RSV1, b"".as_slice())];
        bytewise.extend(packed.chunks(1).map(|byte| (MORE, byte)));
        bytewise.extend([(LAST, b"".as_slice()), (TEXT, b"end")]);
        assert_eq!(receive(role, Limits::default(), &frames(role, &bytewise)), expected);
    }
}

#[test]
fn whole_then_pieces_then_whole_loses_nothing() {
    for role in ROLES {
        let (small, large) = (some_text(900), some_text(300_000));
        let mixed = [noise(70_000), vec![0; 500_000], noise(9)].concat();
        for (message, first) in [(&small, TEXT), (&large, TEXT), (&mixed, BINARY)] {
            let packed = deflated(message);
            let whole = match first {
                TEXT => text(std::str::from_utf8(message).unwrap()),
                _ => binary(message),
            };
            let half = packed.len() / 2;
            for wire in [
                frames(role, &[(first | RSV1, &packed), (TEXT, b"end")]),
                frames(role, &[(first & 15 | RSV1, &packed[..half]), (LAST, &packed[half..]), (TEXT, b"end")]),
            ] {
                let step = (wire.len() / 60).max(3);
                for cut in (1..wire.len()).step_by(step).chain(wire.len() - 12..=wire.len()) {
                    let first = Round { count: cut, ..WHOLE };
                    let pieces = Round { count: wire.len().div_ceil(20), ..PIECES };
                    for rounds in [
                        [first, pieces, pieces],
                        [first, pieces, WHOLE],
                        [Round { count: cut, ..pieces }, WHOLE, WHOLE],
                    ] {
                        let shrunk = rounds.map(|round| Round { shrunk: true, copied: true, ..round });
                        for rounds in [rounds, shrunk] {
                            let (seen, error) = feed(&mut inflating(role), &wire, &rounds);
                            assert!((&seen[..], error) == (&[whole.clone(), text("end")], None), "{rounds:?}");
                        }
                    }
                }
            }
        }
    }
}

/// However well it is compressed, a message in pieces takes no more memory than it would otherwise.
#[test]
fn item_10_pieces_are_small_whatever_they_are_inflated_from() {
    for role in ROLES {
        for message in [vec![0; 8 << 20], noise(300_000), [noise(60_000), vec![0; 400_000]].concat()] {
            for count in [usize::MAX, 1000, 7] {
                let packed = deflated(&message);
                let wire = frames(role, &[(BINARY | RSV1, &packed)]);
                let mut inbound = inflating(role);
                // Also if there is more memory, from another message.
                if count == 1000 {
                    let large = frames(role, &[(BINARY_BEGIN, &[0; 1_000_000]), (LAST, b"")]);
                    assert_eq!(feed(&mut inbound, &large, &[WHOLE]).1, None);
                    let again = frames(role, &[(BINARY | RSV1, &deflated(&[0; 1_000_000]))]);
                    for wire in [&large, &again] {
                        let mut rest = &wire[..];
                        while inbound.advance(Want::Message).unwrap() == Step::NeedInput {
                            rest = &rest[inbound.receive(rest)..];
                        }
                    }
                }
                let (mut rest, mut got, mut pieces) = (&wire[..], Vec::new(), 0);
                loop {
                    match inbound.advance(Want::Pieces).unwrap() {
                        Step::NeedInput => {
                            assert!(!rest.is_empty());
                            let count = inbound.receive(&rest[..rest.len().min(count)]);
                            rest = &rest[count..];
                        }
                        Step::Piece { kind: Kind::Binary, last } => {
                            pieces += 1;
                            assert!(inbound.payload().len() <= 128 << 10, "{}", inbound.payload().len());
                            got.extend_from_slice(inbound.payload());
                            if last {
                                break;
                            }
                        }
                        other => panic!("{other:?}"),
                    }
                }
                assert!(got == message && rest.is_empty());
                assert!(pieces <= 10 + message.len() / (32 << 10) + wire.len() / count.min(4096), "{pieces}");
                assert_eq!(inbound.advance(Want::Pieces), Ok(Step::NeedInput));
                assert!(inbound.is_between_messages());
            }
        }
    }
}

/// A piece that is there is given before more input is waited for.
#[test]
fn a_piece_is_given_as_soon_as_it_is_there() {
    let mut sender = compressing(Role::Server, &Compression::default(), &agreed(false));
    let mut inbound = inflating(Role::Client);
    inbound.set_inflater(Inflater::new(Role::Client, &Compression::default(), &agreed(false)));
    sender.set_compress(Compress::Always);
    for part in [&b"first"[..], b"second", &[7; 1000], b"third"] {
        sender.send_fragment(Kind::Binary, part, false).unwrap();
        let wire = written(&mut sender);
        assert_eq!(inbound.receive(&wire), wire.len());
        assert_eq!(inbound.advance(Want::Pieces), Ok(Step::Piece { kind: Kind::Binary, last: false }));
        assert_eq!(inbound.payload(), part);
        assert_eq!(inbound.advance(Want::Pieces), Ok(Step::NeedInput));
    }
    sender.send_fragment(Kind::Binary, b"", true).unwrap();
    let wire = written(&mut sender);
    assert_eq!(wire, [LAST, 1, 0]);
    assert_eq!(inbound.receive(&wire), wire.len());
    assert_eq!(inbound.advance(Want::Pieces), Ok(Step::Piece { kind: Kind::Binary, last: true }));
    assert_eq!(inbound.payload(), b"");
}

#[test]
fn a_piece_of_a_frame_is_given_as_soon_as_it_is_there() {
    for role in ROLES {
        let mut inbound = inflating(role);
        let packed = deflated(b"Hello");
        // What a flush ends with is there, the rest of the frame is not.
        let payload = [&packed[..], &[0, 0, 0xff, 0xff], &packed].concat();
        let wire = frames(role, &[(TEXT | RSV1, &payload)]);
        let (head, tail) = wire.split_at(wire.len() - packed.len());
        for (part, last) in [(head, false), (tail, true)] {
            assert_eq!(inbound.receive(part), part.len());
            assert_eq!(inbound.advance(Want::Pieces), Ok(Step::Piece { kind: Kind::Text, last }));
            assert_eq!(inbound.payload(), b"Hello");
            assert_eq!(inbound.advance(Want::Message), Ok(Step::NeedInput));
        }
    }
}

#[test]
fn item_12_compressed_text_is_utf_8() {
    let long = some_text(200_000);
    for role in ROLES {
        for bad in
            [&b"\xff"[..], b"ab\xc3(", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xe2\x82", b"\xc3"]
        {
            for prefix in [&b""[..], b"Hello ", &long] {
                let packed = deflated(&[prefix, bad].concat());
                let half = packed.len() / 2;
                for parts in [
                    vec![(TEXT | RSV1, &packed[..])],
                    vec![(TEXT_BEGIN | RSV1, &packed[..half]), (LAST, &packed[half..])],
                    vec![(TEXT_BEGIN | RSV1, &packed[..]), (LAST, b"")],
                ] {
                    let (seen, error) = receive(role, Limits::default(), &frames(role, &parts));
                    assert_eq!((seen, error), (Vec::new(), Some(NO_TEXT)), "{bad:02x?}");
                }
                // It is text that must be.
                let bytes = frames(role, &[(BINARY | RSV1, &packed)]);
                assert!(receive(role, Limits::default(), &bytes) == (vec![binary(&[prefix, bad].concat())], None));
            }
        }
        let mut protocol = compressing(role, &Compression::default(), &agreed(true));
        let bytes = frames(role, &[(TEXT | RSV1, &deflated(b"\xff"))]);
        assert_eq!(deliver(&mut protocol, &bytes).1, Some(NO_TEXT));
        assert_eq!(sent(role, &mut protocol), [Seen::Close(1007, NO_TEXT.to_string())]);
    }
}

/// Each message's text is judged by itself, and the first bad byte is enough.
#[test]
fn item_12_bad_text_is_noticed_before_the_message_ends() {
    for role in ROLES {
        for want in [WHOLE, PIECES] {
            let mut engine = flate2::Compress::new(flate2::Compression::new(6), false);
            let mut payload = Vec::with_capacity(100);
            engine.compress_vec(b"abc\xff", &mut payload, flate2::FlushCompress::Sync).unwrap();
            let bytes = frames(role, &[(TEXT_BEGIN | RSV1, &payload)]);
            assert_eq!(feed(&mut inflating(role), &bytes, &[want]).1, Some(NO_TEXT));
            let bytes = [header_to(role, TEXT | RSV1, 1 << 20), payload_to(role, &payload)].concat();
            assert_eq!(feed(&mut inflating(role), &bytes, &[want]).1, Some(NO_TEXT));
        }
    }
}

/// Payload as it is on the wire.
fn payload_to(role: Role, payload: &[u8]) -> Vec<u8> {
    let whole = frames(role, &[(BINARY, payload)]);
    whole[whole.len() - payload.len()..].to_vec()
}

/// Characters over what is inflated at a time, and over the ends of frames and reads.
#[test]
fn item_12_characters_may_be_split_anywhere() {
    for role in ROLES {
        for shift in 0..4 {
            let mut message = "x".repeat(shift);
            message.push_str(&"😀".repeat(70_000));
            let packed = deflated(message.as_bytes());
            let (head, tail) = packed.split_at(packed.len() / 2 + shift);
            let bytes = frames(role, &[(TEXT_BEGIN | RSV1, head), (LAST, tail)]);
            for round in [WHOLE, PIECES, BYTEWISE, Round { count: 13, ..PIECES }] {
                let (seen, error) = feed(&mut inflating(role), &bytes, &[round]);
                assert!(error.is_none() && seen == [text(&message)]);
            }
        }
    }
}

fn limits(max_message_size: u64, max_fragments: u32) -> Limits {
    Limits { max_message_size, max_fragments }
}

fn too_big(limit: u64) -> Option<ReceiveError> {
    Some(LimitError::MessageTooBig { limit, at_least: limit + 1 }.into())
}

#[test]
fn item_22_limits_count_what_is_inflated() {
    let sizes = [0, 1, 255, 256, 257, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1_000_000];
    for role in ROLES {
        for limit in sizes {
            for noisy in [false, true] {
                let over = if noisy { noise(limit + 1) } else { some_text(limit + 1) };
                let exact = &over[..limit];
                let packed = deflated(exact);
                let half = packed.len() / 2;
                let whole = frames(role, &[(BINARY | RSV1, &packed)]);
                let cut =
                    frames(role, &[(BINARY_BEGIN | RSV1, &packed[..half]), (MORE, &packed[half..]), (LAST, b"")]);
                let too_much = frames(role, &[(BINARY | RSV1, &deflated(&over))]);
                let twice = [&whole[..], &cut, &whole].concat();
                let limits = limits(limit as u64, 9);
                let count = (too_much.len() / 300).max(1);
                for round in [WHOLE, PIECES, Round { count, ..WHOLE }, Round { count, ..PIECES }] {
                    let mut inbound = inflating_within(role, limits);
                    let (seen, error) = feed(&mut inbound, &twice, &[round]);
                    assert!(error.is_none() && seen == [binary(exact), binary(exact), binary(exact)], "{limit}");
                    // Also where there is room from before.
                    let (seen, error) = feed(&mut inbound, &too_much, &[round]);
                    assert_eq!((seen, error), (Vec::new(), too_big(limit as u64)));
                    let (seen, error) = feed(&mut inflating_within(role, limits), &too_much, &[round]);
                    assert_eq!((seen, error), (Vec::new(), too_big(limit as u64)));
                }
            }
        }
    }
}

/// A little input that would become a lot does not.
#[test]
fn item_22_a_bomb_is_refused_by_its_first_bytes() {
    let bomb = deflated(&vec![0; 50_000_000]);
    for role in ROLES {
        for (first, last) in [(BINARY | RSV1, true), (BINARY_BEGIN | RSV1, false)] {
            for want in [WHOLE, PIECES] {
                for limit in [0, 100, 100_000, 1_000_000] {
                    let wire = frames(role, &[(first, &bomb)]);
                    let enough = 300 + limit as usize / 800;
                    assert!(enough < bomb.len());
                    let (seen, error) =
                        feed(&mut inflating_within(role, limits(limit, 9)), &wire[..enough], &[want]);
                    assert_eq!((seen, error), (Vec::new(), too_big(limit)), "{last}");
                }
            }
        }
        let mut protocol = compressing(role, &Compression::default(), &agreed(true));
        let (seen, error) = deliver(&mut protocol, &frames(role, &[(BINARY | RSV1, &bomb)]));
        assert_eq!((seen, error), (Vec::new(), too_big(16 << 20)));
        assert_eq!(sent(role, &mut protocol), [Seen::Close(1009, format!("message over {} bytes", 16 << 20))]);
    }
}

/// Compressed size is not limited by itself: there may be any number of empty blocks.
#[test]
fn item_22_a_compressed_size_over_the_limit_passes() {
    let empty = [0, 0, 0, 0xff, 0xff];
    for role in ROLES {
        for (limit, message) in [(0, &b""[..]), (5, b"Hello"), (6, b"Hello")] {
            let packed = [&empty.repeat(10_000), &deflated(message)[..], &empty[1..], &[0]].concat();
            let (head, tail) = packed.split_at(30_000);
            for bytes in [
                frames(role, &[(BINARY | RSV1, &packed)]),
                frames(role, &[(BINARY_BEGIN | RSV1, head), (LAST, tail)]),
            ] {
                assert_eq!(receive(role, limits(limit, 9), &bytes), (vec![binary(message)], None));
            }
        }
        // Nor is what a header declares.
        let bytes = header_to(role, BINARY | RSV1, (1 << 63) - 1);
        assert_eq!(receive(role, limits(0, 9), &bytes), (Vec::new(), None));
    }
}

#[test]
fn item_22_new_limits_hold_at_once_for_what_is_inflated() {
    for want in [WHOLE, PIECES] {
        let message = noise(1000);
        let wire = frames(Role::Client, &[(BINARY | RSV1, &deflated(&message))]);
        let mut inbound = inflating(Role::Client);
        assert_eq!(feed(&mut inbound, &wire[..500], &[Round { want: Want::Message, ..want }]).1, None);
        inbound.set_limits(limits(999, 9));
        assert_eq!(feed(&mut inbound, &wire[500..], &[want]).1, too_big(999));
    }
}

#[test]
fn item_11_frames_of_compressed_messages_are_counted() {
    let packed = deflated(b"Hello");
    for role in ROLES {
        let three = frames(role, &[(TEXT_BEGIN | RSV1, &packed), (MORE, b""), (PING, b""), (LAST, b"")]);
        let both = [Seen::Ping(Vec::new()), text("Hello")];
        let expected = [both.clone(), both].concat();
        assert_eq!(receive(role, limits(99, 3), &[three.clone(), three].concat()), (expected, None));
        let four = frames(role, &[(TEXT_BEGIN | RSV1, b""), (MORE, &packed), (MORE, b""), (LAST, b"")]);
        let error = LimitError::TooManyFragments { limit: 3 };
        assert_eq!(receive(role, limits(99, 3), &four), (Vec::new(), Some(error.into())));
    }
}

#[test]
fn item_22_corrupt_data_is_1007() {
    let words = some_text(5_000);
    let packed = deflated(&words);
    for role in ROLES {
        for bad in [
            &[0x06][..],
            b"Hello",
            &[0xff; 10],
            // A distance to before the beginning.
            &[0xf2, 0x00, 0x11, 0x00, 0x00],
            &[0x00, 0x05, 0x00, 0xfa, 0xfe, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            // Cut short.
            &packed[..packed.len() - 3],
            &packed[..packed.len() - 20],
            &packed[1..],
        ] {
            for first in [TEXT | RSV1, BINARY | RSV1] {
                let after = frames(role, &[(TEXT | RSV1, &deflated(b"ok")), (first, bad)]);
                assert_eq!(
                    receive(role, Limits::default(), &after),
                    (vec![text("ok")], Some(CORRUPT)),
                    "{bad:02x?}"
                );
                let half = bad.len() / 2;
                let parts = [(first & 15 | RSV1, &bad[..half]), (PING, b""), (LAST, &bad[half..])];
                assert_eq!(refusal(role, &frames(role, &parts)), Some(CORRUPT), "{bad:02x?}");
            }
            let mut protocol = compressing(role, &Compression::default(), &agreed(false));
            assert_eq!(deliver(&mut protocol, &frames(role, &[(BINARY | RSV1, bad)])).1, Some(CORRUPT));
            assert_eq!(sent(role, &mut protocol), [Seen::Close(1007, CORRUPT.to_string())]);
        }
    }
}

/// The window goes from message to message, whatever is between them.
#[test]
fn takeover_across_plain_messages_and_pieces() {
    for role in ROLES {
        for want in [WHOLE, PIECES, BYTEWISE] {
            let mut inbound = inbound(role);
            inbound.set_inflater(Inflater::new(role, &Compression::default(), &agreed(false)));
            let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
            let wire = frames(
                role,
                &[
                    (TEXT | RSV1, &deflated(b"Hello")),
                    (TEXT | RSV1, &again),
                    (TEXT, b"plain"),
                    (BINARY | RSV1, b"\0"),
                    (TEXT_BEGIN | RSV1, &again[..2]),
                    (PING, b""),
                    (LAST, &again[2..]),
                ],
            );
            let expected = vec![
                text("Hello"),
                text("Hello"),
                text("plain"),
                binary(b""),
                Seen::Ping(Vec::new()),
                text("Hello"),
            ];
            assert_eq!(feed(&mut inbound, &wire, &[want]), (expected, None));
            inbound.shrink();
            let wire = frames(role, &[(TEXT | RSV1, &again)]);
            assert_eq!(feed(&mut inbound, &wire, &[want]), (vec![text("Hello")], None));
        }
    }
}

#[test]
fn what_is_compressed_is_what_was_asked_for() {
    let long = "message ".repeat(20);
    for role in ROLES {
        for (fresh, compress, message, expected) in [
            (false, Compress::Auto, "", true),
            (false, Compress::Auto, "a", true),
            (true, Compress::Auto, "", false),
            (true, Compress::Auto, &long[..127], false),
            (true, Compress::Auto, &long[..128], true),
            (false, Compress::Never, &long, false),
            (true, Compress::Always, "", true),
            (true, Compress::Always, "a", true),
        ] {
            let mut sender = compressing(role, &Compression::default(), &agreed(fresh));
            sender.set_compress(compress);
            sender.send(message).unwrap();
            let frames = split(role, &written(&mut sender));
            assert_eq!(frames.len(), 1);
            assert_eq!(frames[0].0, if expected { TEXT | RSV1 } else { TEXT }, "{compress:?}");

            // Nothing was agreed on.
            let mut sender = endpoint(role);
            sender.set_compress(compress);
            sender.send(message).unwrap();
            assert_eq!(sent(role, &mut sender), [text(message)]);
        }
        let mut sender = compressing(role, &Compression::default(), &agreed(false));
        sender.send(&long).unwrap();
        assert_eq!(split(role, &written(&mut sender))[0].0, TEXT | RSV1, "Auto is the default");
    }
}

/// How a message goes on was decided at its beginning.
#[test]
fn a_message_in_fragments_is_compressed_or_not_as_a_whole() {
    for role in ROLES {
        let mut sender = compressing(role, &Compression::default(), &agreed(true));
        let mut receiver = inflating(other(role));
        let mut take = |sender: &mut Protocol| {
            let wire = written(sender);
            let (seen, error) = feed(&mut receiver, &wire, &[WHOLE]);
            assert_eq!(error, None);
            (split(role, &wire).iter().map(|(first, _)| *first).collect::<Vec<_>>(), seen)
        };
        // Compressed because the length is not known.
        sender.send_fragment(Kind::Text, b"a", false).unwrap();
        sender.ping(b"?").unwrap();
        sender.set_compress(Compress::Never);
        sender.send_fragment(Kind::Text, b"", false).unwrap();
        sender.send_fragment(Kind::Text, b"b", false).unwrap();
        sender.send_fragment(Kind::Text, b"c", true).unwrap();
        let (firsts, seen) = take(&mut sender);
        assert_eq!(firsts, [TEXT_BEGIN | RSV1, PING, MORE, LAST]);
        assert_eq!(seen, [Seen::Ping(b"?".to_vec()), text("abc")]);

        sender.send_fragment(Kind::Text, b"a", false).unwrap();
        sender.set_compress(Compress::Always);
        sender.send_fragment(Kind::Text, &[b'b'; 1000], false).unwrap();
        sender.send_fragment(Kind::Text, b"", true).unwrap();
        let (firsts, seen) = take(&mut sender);
        assert_eq!(firsts, [TEXT_BEGIN, MORE, LAST]);
        assert_eq!(seen, [text(&format!("a{}", "b".repeat(1000)))]);

        // An empty beginning sends nothing and is one nevertheless.
        sender.send_fragment(Kind::Text, b"", false).unwrap();
        assert!(sender.output().is_empty());
        sender.set_compress(Compress::Never);
        sender.send_fragment(Kind::Text, b"a", false).unwrap();
        sender.send_fragment(Kind::Text, b"", true).unwrap();
        sender.send("plain").unwrap();
        let (firsts, seen) = take(&mut sender);
        assert_eq!(firsts, [TEXT_BEGIN | RSV1, LAST, TEXT]);
        assert_eq!(seen, [text("a"), text("plain")]);

        sender.set_compress(Compress::Always);
        sender.send_fragment(Kind::Binary, b"", false).unwrap();
        sender.send_fragment(Kind::Binary, b"", true).unwrap();
        let (firsts, seen) = take(&mut sender);
        assert_eq!(firsts, [BINARY | RSV1]);
        assert_eq!(seen, [binary(b"")]);
    }
}

#[test]
fn a_large_message_is_sent_in_frames_of_bounded_size() {
    for role in ROLES {
        let mut sender = compressing(role, &Compression::default(), &agreed(false));
        let message = noise(700_000);
        for _ in 0..2 {
            sender.send(&message[..]).unwrap();
            let wire = written(&mut sender);
            let frames = split(role, &wire);
            assert!((5..=10).contains(&frames.len()), "{}", frames.len());
            assert!(frames.iter().all(|(_, payload)| payload.len() <= 208 << 10));
            let firsts: Vec<_> = frames.iter().map(|(first, _)| *first).collect();
            let (last, begin) = firsts.split_last().unwrap();
            assert_eq!((*last, begin[0]), (LAST, BINARY_BEGIN | RSV1));
            assert!(begin[1..].iter().all(|first| *first == MORE));
            let (seen, error) = feed(&mut inflating(other(role)), &wire, &[WHOLE]);
            assert!(error.is_none() && seen == [binary(&message)]);
        }
        // What is well compressed is one frame, however large.
        sender.send(vec![0; 5_000_000]).unwrap();
        assert_eq!(split(role, &written(&mut sender)).len(), 1);
    }
}

#[test]
fn a_client_that_was_told_8_sends_as_it_is() {
    let options = Compression::default();
    let answer =
        crate::proto::handshake::Extension::new("permessage-deflate").with_param("client_max_window_bits", "8");
    let agreed = confirm(&options, &[answer]).unwrap().unwrap();
    let mut client = compressing(Role::Client, &options, &agreed);
    client.set_compress(Compress::Always);
    client.send("message ".repeat(100)).unwrap();
    client.send_fragment(Kind::Text, b"a", false).unwrap();
    client.send_fragment(Kind::Text, b"b", true).unwrap();
    assert_eq!(sent(Role::Client, &mut client), [text(&"message ".repeat(100)), text("ab")]);
    // And reads what the server compresses.
    let bytes = frames(Role::Client, &[(TEXT | RSV1, &deflated(b"Hello"))]);
    assert_eq!(deliver(&mut client, &bytes), (vec![text("Hello")], None));
}

/// Memory for output is given back between messages.
#[test]
fn item_15_memory_for_output_is_given_back() {
    let mut out = Outbound::server();
    out.set_deflater(Deflater::new(Role::Server, &Compression::default(), &agreed(false)));
    let message = noise(100_000);
    assert!(out.compresses(Compress::Always, true, None));
    let mut rest = &message[..];
    while !rest.is_empty() || out.compresses(Compress::Never, false, None) {
        let (payload, last) = out.deflate(&mut rest, crate::proto::deflate::End::Message).unwrap();
        let mut frame = out.begin(Opcode::Binary, last, Content::Deflated, payload.len() as u64);
        out.add(&mut frame, &payload);
        out.reuse_deflated(payload);
    }
    assert!(out.capacity() > 100_000 + (64 << 10), "both are counted");
    out.shrink();
    assert!(out.capacity() > 100_000, "not all has been written");
    let count = out.pending().len();
    out.consume(count);
    out.shrink();
    assert_eq!(out.capacity(), 0);
}

/// What a message is made of.
#[derive(Clone, Debug)]
struct Said {
    kind: Kind,
    content: u8,
    len: usize,
    compress: Compress,
    /// Where it is cut into fragments.
    cuts: Vec<prop::sample::Index>,
    ping: bool,
}

impl Said {
    fn bytes(&self) -> Vec<u8> {
        match (self.kind, self.content) {
            (Kind::Text, 0) => "ä".repeat(self.len / 2).into_bytes(),
            (Kind::Text, _) => some_text(self.len),
            (Kind::Binary, 0) => vec![0; self.len],
            (Kind::Binary, 1) => noise(self.len),
            (Kind::Binary, _) => (0..self.len).map(|i| (i * i / 300) as u8).collect(),
        }
    }
}

fn said() -> impl Strategy<Value = Said> {
    let kind = prop_oneof![Just(Kind::Text), Just(Kind::Binary)];
    let len = prop_oneof![2 => Just(0usize), 20 => 0..300usize, 6 => 0..9000usize, 1 => 60_000..200_000usize];
    let compress = prop_oneof![1 => Just(Compress::Never), 1 => Just(Compress::Auto), 2 => Just(Compress::Always)];
    (kind, 0..3u8, len, compress, vec(any::<prop::sample::Index>(), 0..4), any::<bool>())
        .prop_map(|(kind, content, len, compress, cuts, ping)| Said { kind, content, len, compress, cuts, ping })
}

fn options() -> impl Strategy<Value = Compression> {
    let bits = || prop_oneof![9..=15u8, Just(15)];
    (any::<bool>(), any::<bool>(), bits(), bits(), any::<bool>(), 1..=9u8, prop::option::of(0..500usize)).prop_map(
        |(server_fresh, client_fresh, server_bits, client_bits, free, level, threshold)| {
            let options = Compression::default()
                .server_no_context_takeover(server_fresh)
                .client_no_context_takeover(client_fresh)
                .server_max_window_bits(server_bits)
                .client_max_window_bits(client_bits)
                .free_between_messages(free)
                .level(level);
            threshold.into_iter().fold(options, Compression::threshold)
        },
    )
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let count = prop_oneof![1..4usize, 1..200usize, 1..5000usize, Just(usize::MAX)];
    let want = prop_oneof![Just(Want::Message), Just(Want::Pieces)];
    let round = (count, any::<bool>(), prop::bool::weighted(0.1), want);
    vec(round.prop_map(|(count, copied, shrunk, want)| Round { count, copied, shrunk, want }), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn item_22_what_is_sent_arrives(
        client in options(), server in options(), role in prop_oneof![Just(Role::Client), Just(Role::Server)],
        messages in vec(said(), 0..8), rounds in rounds(),
    ) {
        let (at_server, answer) = accept(&server, &[offer(&client)]).unwrap();
        let at_client = confirm(&client, &[answer]).unwrap().unwrap();
        let (here, there) = if role == Role::Client { (&client, &server) } else { (&server, &client) };
        let mut sender = compressing(role, here, if role == Role::Client { &at_client } else { &at_server });
        let mut receiver = Inbound::new(other(role), Limits::default());
        let fresh = match role {
            Role::Client => at_client.client_no_context_takeover,
            Role::Server => at_server.server_no_context_takeover,
        };
        let threshold = here.threshold.unwrap_or(if fresh { 128 } else { 0 });
        let at_receiver = if role == Role::Client { at_server } else { at_client };
        receiver.set_inflater(Inflater::new(other(role), there, &at_receiver));
        let mut protocol = compressing(other(role), there, &at_receiver);

        let mut wire = Vec::new();
        let mut expected = Vec::new();
        for message in &messages {
            let bytes = message.bytes();
            let mut cuts: Vec<usize> = message.cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            sender.set_compress(message.compress);
            for (i, cut) in cuts.windows(2).enumerate() {
                let last = i + 2 == cuts.len();
                sender.send_fragment(message.kind, &bytes[cut[0]..cut[1]], last).unwrap();
                if message.ping && !last {
                    sender.ping(b"?").unwrap();
                    expected.push(Seen::Ping(b"?".to_vec()));
                }
            }
            let sent = written(&mut sender);
            let data: Vec<_> = split(role, &sent).into_iter().filter(|(first, _)| *first != PING).collect();
            let compressed = match message.compress {
                Compress::Never => false,
                Compress::Auto => cuts.len() > 2 || bytes.len() >= threshold,
                Compress::Always => true,
            };
            prop_assert_eq!(data[0].0 & RSV1 != 0, compressed);
            prop_assert!(data[1..].iter().all(|(first, _)| first & RSV1 == 0));
            prop_assert!(!compressed || data.iter().all(|(_, payload)| payload.len() <= 208 << 10));
            wire.extend(sent);
            expected.push(match message.kind {
                Kind::Text => text(std::str::from_utf8(&bytes).unwrap()),
                Kind::Binary => binary(&bytes),
            });
        }
        let rounds: Vec<_> =
            rounds.iter().map(|round| Round { count: round.count.max(wire.len() / 2000), ..*round }).collect();
        let (seen, error) = feed(&mut receiver, &wire, &rounds);
        prop_assert_eq!(error, None);
        prop_assert!(seen == expected);
        prop_assert!(receiver.is_between_messages());
        let (seen, error) = deliver(&mut protocol, &wire);
        prop_assert_eq!(error, None);
        prop_assert!(seen == expected);
    }

    /// Spoilt anywhere: the same thing at once, byte by byte and in pieces, and no end of the program.
    #[test]
    fn item_22_spoilt_messages_mean_the_same_whatever_the_split(
        messages in vec((any::<bool>(), 0..400usize, vec(0..400usize, 0..3)), 1..4), at: prop::sample::Index,
        flip in 1..=255u8, client: bool, limit in prop_oneof![Just(16u64 << 20), 0..400u64],
    ) {
        let role = if client { Role::Client } else { Role::Server };
        let mut parts = Vec::new();
        for (is_text, len, cuts) in messages {
            let packed = deflated(&if is_text { some_text(len) } else { noise(len) });
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (packed.len() + 1)).chain([0, packed.len()]).collect();
            cuts.sort_unstable();
            for (i, cut) in cuts.windows(2).enumerate() {
                let opcode = if i > 0 { 0 } else if is_text { TEXT_BEGIN | RSV1 } else { BINARY_BEGIN | RSV1 };
                let fin = if i + 2 == cuts.len() { 0x80 } else { 0 };
                parts.push((fin | opcode, packed[cut[0]..cut[1]].to_vec()));
            }
        }
        let borrowed: Vec<_> = parts.iter().map(|(first, payload)| (*first, &payload[..])).collect();
        let mut wire = frames(role, &borrowed);
        let at = at.index(wire.len());
        wire[at] ^= flip;
        // All that is agreed on about errors is that there is one: which one comes first depends on how far the data
        // is looked at.
        let outcome = |round: Round| {
            let (seen, error) = feed(&mut inflating_within(role, limits(limit, 9)), &wire, &[round]);
            (seen, error.is_some())
        };
        let at_once = outcome(WHOLE);
        for round in [PIECES, BYTEWISE, Round { want: Want::Pieces, count: 5, ..BYTEWISE }] {
            prop_assert_eq!(&outcome(round), &at_once);
        }
    }
}
