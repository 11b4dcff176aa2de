//! UTF-8 (RFC 6455 section 8.1, strictness item 12): invalid text fails at its first invalid byte.

use super::reference::text;
use super::*;

/// Invalid texts, and how many of their bytes are still a prefix of valid text.
const BAD: [(&[u8], usize); 12] = [
    (b"\x80", 0),
    (b"\xc0\xaf", 0),
    (b"\xc1\xbf", 0),
    (b"\xf5\x80\x80\x80", 0),
    (b"\xff", 0),
    (b"\xe0\x80\x80", 1),
    (b"\xed\xa0\x80", 1),
    (b"\xf4\x90\x80\x80", 1),
    (b"\xf0\x8f\xbf\xbf", 1),
    (b"caf\xc3\x28", 4),
    (b"\xe2\x82\x41", 2),
    ("κόσμε\u{10ffff}\u{fffd}x".as_bytes(), usize::MAX), // valid, for comparison
];

fn assert_fails_at(inbound: &mut Inbound, wire: &[u8], invalid_at: usize, rounds: &[Round]) {
    let (before, rest) = wire.split_at(invalid_at);
    let context = format!("byte {invalid_at} of {} by {rounds:?}", wire.len());
    assert_eq!(feed(inbound, before, rounds).1, None, "{context}");
    assert_eq!(feed(inbound, &rest[..1], rounds).1, Some(ProtocolError::InvalidUtf8.into()), "{context}");
}

#[test]
fn item_12_fails_at_the_first_invalid_byte_of_an_incomplete_frame() {
    assert_eq!(ProtocolError::InvalidUtf8.close_code(), CloseCode::INVALID_FRAME_PAYLOAD_DATA);
    for role in ROLES {
        for want in [Want::Message, Want::Pieces] {
            for count in [1, usize::MAX] {
                let rounds = [Round { count, want, ..AT_ONCE }];
                for (bad, good) in BAD.into_iter().filter(|(_, good)| *good != usize::MAX) {
                    // More bytes are declared than arrive: in a frame that is lent in place, and in one that is read
                    // directly.
                    for filler in [0, 40_000] {
                        let payload = [vec![b'x'; filler], bad.to_vec(), vec![b'x'; 60_000]].concat();
                        let wire = frame(TEXT_BEGIN, &payload[..60_000], key_to(role));
                        let at = wire.len() - 60_000 + filler + good;
                        if count == usize::MAX || filler == 0 {
                            assert_fails_at(&mut inbound(role), &wire, at, &rounds);
                        }
                        let wire = frame(TEXT, &payload[..filler + 100], key_to(role));
                        let at = wire.len() - 100 + good;
                        if count == usize::MAX || filler == 0 {
                            assert_fails_at(&mut inbound(role), &wire, at, &rounds);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn item_12_fails_at_the_first_invalid_byte_across_fragments() {
    for role in ROLES {
        for want in [Want::Message, Want::Pieces] {
            let rounds = [Round { want, ..AT_ONCE }];
            for (bad, good) in BAD {
                for cut in 0..=bad.len() {
                    let begin = frames(role, &[(TEXT_BEGIN, &bad[..cut]), (PING, b"\xff")]);
                    let wire = [begin.clone(), frames(role, &[(LAST, &bad[cut..])])].concat();
                    if good == usize::MAX {
                        let seen = vec![Seen::Ping(vec![0xff]), text(std::str::from_utf8(bad).unwrap())];
                        assert_eq!(feed(&mut inbound(role), &wire, &rounds), (seen, None));
                        continue;
                    }
                    let at = if good < cut {
                        header_to(role, TEXT_BEGIN, 0).len() + good
                    } else {
                        begin.len() + header_to(role, LAST, 0).len() + good - cut
                    };
                    assert_fails_at(&mut inbound(role), &wire, at, &rounds);
                }
            }
        }
    }
}

#[test]
fn item_12_text_must_not_end_within_a_character() {
    for role in ROLES {
        for cut in [b"\xc3".as_slice(), b"\xe2\x82", b"\xf0\x90\x8d", b"good\xf0"] {
            let (head, tail) = cut.split_at(cut.len() - 1);
            for wire in [
                frames(role, &[(TEXT, cut)]),
                frames(role, &[(TEXT_BEGIN, head), (LAST, tail)]),
                frames(role, &[(TEXT_BEGIN, cut), (LAST, b"")]),
                frames(role, &[(TEXT_BEGIN, cut), (MORE, b""), (PONG, b"\xa9"), (LAST, b"")]),
            ] {
                // Even if only the last frame is requested differently.
                for (first, second) in [(Want::Message, Want::Pieces), (Want::Pieces, Want::Message)] {
                    for rounds in [[first, first], [second, second], [first, second]] {
                        let rounds = rounds.map(|want| Round { want, count: wire.len() - 2, ..AT_ONCE });
                        let error = feed(&mut inbound(role), &wire, &rounds).1;
                        assert_eq!(error, Some(ProtocolError::InvalidUtf8.into()), "{wire:02x?} {rounds:?}");
                    }
                }
                assert_eq!(refusal(role, &wire), Some(ProtocolError::InvalidUtf8.into()));
            }
        }
    }
}

#[test]
fn item_12_each_message_is_validated_separately_and_binary_is_not() {
    for role in ROLES {
        let wire =
            frames(role, &[(BINARY, b"\xe2\x82"), (TEXT, "é".as_bytes()), (BINARY_BEGIN, b"\xe2"), (LAST, b"")]);
        let (seen, error) = receive(role, Limits::default(), &wire);
        assert_eq!((seen.len(), error), (3, None));
    }
}

#[test]
fn item_12_close_reasons() {
    assert_eq!(ProtocolError::InvalidCloseReason.close_code(), CloseCode::INVALID_FRAME_PAYLOAD_DATA);
    for role in ROLES {
        for (bad, good) in BAD {
            let payload = [b"\x03\xe8", bad].concat();
            let (seen, error) = receive(role, Limits::default(), &frames(role, &[(CLOSE, &payload)]));
            if good == usize::MAX {
                assert_eq!((seen.len(), error), (1, None));
            } else {
                assert_eq!((seen.len(), error), (0, Some(ProtocolError::InvalidCloseReason.into())), "{bad:02x?}");
            }
        }
        let cut = frames(role, &[(CLOSE, b"\x03\xe8bye \xe2\x82")]);
        assert_eq!(refusal(role, &cut), Some(ProtocolError::InvalidCloseReason.into()));
    }
}
