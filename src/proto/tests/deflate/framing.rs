//! Frames: which may carry RSV1, where messages may be split, and when pieces are returned.

use super::*;

#[test]
fn item_22_rsv1_without_compression() {
    for role in ROLES {
        let hello = deflated(b"Hello");
        for first in [TEXT, BINARY, TEXT_BEGIN, BINARY_BEGIN] {
            // At the header, before any payload.
            let (seen, error) = super::super::receive(role, Limits::default(), &header_to(role, first | RSV1, 7));
            assert_eq!((seen, error), (Vec::new(), Some(BITS)));
            assert_eq!(
                super::super::refusal(role, &frames(role, &[(TEXT, b"a"), (first | RSV1, &hello)])),
                Some(BITS)
            );
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
        // A new message before the end of the last one is a different violation.
        let bytes = frames(role, &[(TEXT_BEGIN | RSV1, head), (TEXT | RSV1, &hello)]);
        assert_eq!(refusal(role, &bytes), Some(ProtocolError::ExpectedContinuation.into()));
    }
}

#[test]
fn item_22_compressed_and_uncompressed_messages_can_alternate() {
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
fn a_compressed_message_may_be_split_into_frames_anywhere() {
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

/// However well it is compressed, a message received in pieces takes no more memory than an uncompressed one.
#[test]
fn item_10_pieces_are_small_whatever_they_are_inflated_from() {
    for role in ROLES {
        for message in [vec![0; 8 << 20], noise(300_000), [noise(60_000), vec![0; 400_000]].concat()] {
            for count in [usize::MAX, 1000, 7] {
                let packed = deflated(&message);
                let wire = frames(role, &[(BINARY | RSV1, &packed)]);
                let mut inbound = inflating(role);
                // Even if there is more memory, left from another message.
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

/// A piece that has arrived is returned before more input is requested.
#[test]
fn a_piece_is_returned_as_soon_as_it_has_arrived() {
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
fn a_piece_of_a_frame_is_returned_as_soon_as_it_has_arrived() {
    for role in ROLES {
        let mut inbound = inflating(role);
        let packed = deflated(b"Hello");
        // The end of the flushed part has arrived, the rest of the frame has not.
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
