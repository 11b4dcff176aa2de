//! Text, limits and corrupt data: the inflated data counts.

use super::*;

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
                // Only text has to be UTF-8.
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

/// Each text message is validated separately, and fails at its first invalid byte.
#[test]
fn item_12_invalid_text_is_detected_before_the_message_ends() {
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

/// Characters that cross the boundaries of inflated blocks, frames and reads.
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

fn too_big(limit: u64) -> Option<ReceiveError> {
    Some(LimitError::MessageTooBig { limit, at_least: limit + 1 }.into())
}

#[test]
fn item_22_limits_apply_to_the_inflated_size() {
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
                    // Even if there is room left from before.
                    let (seen, error) = feed(&mut inbound, &too_much, &[round]);
                    assert_eq!((seen, error), (Vec::new(), too_big(limit as u64)));
                    let (seen, error) = feed(&mut inflating_within(role, limits), &too_much, &[round]);
                    assert_eq!((seen, error), (Vec::new(), too_big(limit as u64)));
                }
            }
        }
    }
}

/// A small input that would inflate to a large message is refused early.
#[test]
fn item_22_a_decompression_bomb_is_refused_after_its_first_bytes() {
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

/// The compressed size itself is not limited: there may be any number of empty blocks.
#[test]
fn item_22_a_compressed_size_over_the_limit_is_accepted() {
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
        // Nor is the length that a header declares.
        let bytes = header_to(role, BINARY | RSV1, (1 << 63) - 1);
        assert_eq!(receive(role, limits(0, 9), &bytes), (Vec::new(), None));
    }
}

#[test]
fn item_22_new_limits_apply_at_once_to_the_inflated_size() {
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
            // A distance that points before the beginning.
            &[0xf2, 0x00, 0x11, 0x00, 0x00],
            &[0x00, 0x05, 0x00, 0xfa, 0xfe, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            // Truncated.
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
