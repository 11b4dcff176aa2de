//! Whole messages: the examples of RFC 7692, endings, windows, parameters, context takeover.

use super::*;

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
    // 7.2.3.2: only if the previous message is the window.
    for (parameters, expected) in [(TAKEOVER, Ok(b"Hello".to_vec())), (FRESH, Err(ProtocolError::InvalidDeflate))] {
        let mut inflater = inflater(&parameters);
        assert_eq!(inflate(&mut inflater, &HELLO).unwrap(), b"Hello");
        assert_eq!(inflate(&mut inflater, &HELLO_AGAIN), expected);
        assert_eq!(
            inflate(&mut super::engines::inflater(&parameters), &HELLO_AGAIN),
            Err(ProtocolError::InvalidDeflate)
        );
    }
    // 7.2.3.6: an empty message, which may also be a frame without payload.
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
fn rfc_7692_7_2_3_the_compressor_produces_the_examples() {
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

/// RFC 7692 7.2.3.4: data after a final block cannot refer to what comes before it.
#[test]
fn a_final_block_may_end_a_message_or_occur_within_it() {
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
        // A second zero byte is not required.
        ([&HELLO_FINAL, &HELLO[..]].concat(), None),
        ([without, &HELLO_AGAIN].concat(), None),
        (HELLO_FINAL[..6].to_vec(), None),
        (vec![0x03], None),
    ] {
        // The zero byte that should follow, to begin the empty block at the end, may be missing.
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

/// A last block that is final and empty: `01 00 00 ff ff` without its last four bytes.
#[test]
fn a_final_block_may_be_the_empty_last_block() {
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

/// Wherever a message is truncated, the result is a prefix of it, and usually an error.
#[test]
fn item_22_truncated_messages_are_almost_always_detected() {
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
        // Within the description of the codes, the bytes appended to a message may be taken for more of that
        // description.
        assert!(passed / 2 <= 2 + payload.len() / 8, "{} of {} pass", passed / 2, payload.len());
    }
}

/// The window in both directions, at every level, over several messages and after starting afresh.
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
            // The whole window is used, so that a window that is too large would be noticed.
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
fn free_between_messages_sends_without_takeover_and_still_reads_it() {
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
    // How the peer compresses is not this end's decision.
    let mut inflater = Inflater::new(Role::Client, &free, &TAKEOVER);
    assert_eq!(inflate(&mut inflater, &HELLO).unwrap(), b"Hello");
    assert_eq!(inflate(&mut inflater, &HELLO_AGAIN).unwrap(), b"Hello");
    let mut inflater = Inflater::new(Role::Client, &free, &FRESH);
    assert_eq!(inflate(&mut inflater, &HELLO).unwrap(), b"Hello");
    assert_eq!(inflate(&mut inflater, &HELLO).unwrap(), b"Hello");
    assert_eq!(inflate(&mut inflater, &HELLO_AGAIN), Err(ProtocolError::InvalidDeflate));
}

#[test]
fn higher_levels_compress_better() {
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
