//! Messages in pieces, switching between pieces and whole messages at any byte, and the memory for both.

use super::reference::{binary, text};
use super::*;

const WHOLE: Round = Round { want: Want::Message, ..AT_ONCE };
const PIECES: Round = Round { want: Want::Pieces, ..AT_ONCE };

/// Conversations that end with a small message, and their content.
fn conversations(role: Role) -> Vec<(Vec<u8>, Vec<Seen>)> {
    let small = "smäll €".repeat(6);
    let large: Vec<u8> = (0..50_000u32).map(|i| (i % 251) as u8).collect();
    let (head, tail) = small.as_bytes().split_at(9);
    vec![
        (frames(role, &[(TEXT, small.as_bytes()), (BINARY, b"end")]), vec![text(&small), binary(b"end")]),
        (
            frames(role, &[(TEXT_BEGIN, head), (PING, b"?"), (MORE, b""), (LAST, tail), (TEXT, "ä".as_bytes())]),
            vec![Seen::Ping(b"?".to_vec()), text(&small), text("ä")],
        ),
        (
            frames(role, &[(TEXT_BEGIN, small.as_bytes()), (LAST, b""), (BINARY, b""), (TEXT, b"end")]),
            vec![text(&small), binary(b""), text("end")],
        ),
        (
            frames(role, &[(BINARY_BEGIN, &large[..33_000]), (LAST, &large[33_000..]), (TEXT, b"end")]),
            vec![binary(&large), text("end")],
        ),
        (frames(role, &[(BINARY, &large), (TEXT, b"end")]), vec![binary(&large), text("end")]),
        (frames(role, &[(BINARY, &large[..20_000]), (TEXT, b"end")]), vec![binary(&large[..20_000]), text("end")]),
    ]
}

/// Where to switch: everywhere in short input, at some places in long input.
fn cuts(len: usize) -> impl Iterator<Item = usize> {
    (1..len.min(150)).chain((150..len).step_by(4999)).chain(len.saturating_sub(20)..=len)
}

#[test]
fn pieces_add_up_to_the_message() {
    for role in ROLES {
        for (wire, seen) in conversations(role) {
            for count in [1, 2, 7, 1000, usize::MAX] {
                let got = feed(&mut inbound(role), &wire, &[Round { count, ..PIECES }]);
                assert_eq!(got, (seen.clone(), None), "{count} at a time");
            }
        }
    }
}

#[test]
fn whole_then_pieces_then_whole_loses_nothing() {
    for role in ROLES {
        for (wire, seen) in conversations(role) {
            for cut in cuts(wire.len()) {
                for count in [wire.len().div_ceil(50), usize::MAX] {
                    let first = Round { count: cut, ..WHOLE };
                    let rest = Round { count, ..PIECES };
                    // A message that was started in pieces continues in pieces, which `feed` checks.
                    for rounds in
                        [[first, rest, rest], [first, rest, WHOLE], [Round { count: cut, ..rest }, WHOLE, WHOLE]]
                    {
                        let got = feed(&mut inbound(role), &wire, &rounds);
                        assert_eq!(got, (seen.clone(), None), "{rounds:?}");
                    }
                }
            }
        }
    }
}

/// Text in pieces may be split within a character. Such a piece is not valid text by itself.
#[test]
fn a_message_started_in_pieces_ends_in_pieces() {
    for role in ROLES {
        for wire in [
            frames(role, &[(TEXT, "€".as_bytes()), (TEXT, b"next")]),
            frames(role, &[(TEXT_BEGIN, &"€".as_bytes()[..1]), (LAST, &"€".as_bytes()[1..]), (TEXT, b"next")]),
        ] {
            let mut inbound = inbound(role);
            let at = wire.len() - frames(role, &[(TEXT, b"next")]).len() - 2;
            assert_eq!(inbound.receive(&wire[..at]), at);
            assert_eq!(inbound.advance(Want::Pieces), Ok(Step::Piece { kind: Kind::Text, last: false }));
            assert_eq!(inbound.payload(), &"€".as_bytes()[..1]);
            assert_eq!(inbound.message(), crate::MessageRef::Binary(&"€".as_bytes()[..1]), "a piece is not text");
            assert_eq!(inbound.advance(Want::Message), Ok(Step::NeedInput));
            assert_eq!(inbound.receive(&wire[at..]), wire.len() - at);
            assert_eq!(inbound.advance(Want::Message), Ok(Step::Piece { kind: Kind::Text, last: true }));
            assert_eq!(inbound.payload(), &"€".as_bytes()[1..]);
            assert_eq!(inbound.advance(Want::Message), Ok(Step::Message));
            assert_eq!(inbound.message(), crate::MessageRef::Text("next"));
        }

        let mut inbound = inbound(role);
        let wire = frames(role, &[(TEXT, "€".as_bytes())]);
        let at = wire.len() - 2;
        assert_eq!(inbound.receive(&wire[..at]), at);
        assert_eq!(inbound.advance(Want::Message), Ok(Step::NeedInput));
        assert_eq!(inbound.receive(&wire[at..]), 2);
        assert_eq!(inbound.advance(Want::Pieces), Ok(Step::Piece { kind: Kind::Text, last: false }));
        assert_eq!(inbound.payload(), &"€".as_bytes()[..1]);
        assert_eq!(inbound.advance(Want::Message), Ok(Step::Piece { kind: Kind::Text, last: true }));
        assert_eq!(inbound.payload(), &"€".as_bytes()[1..]);
    }
}

#[test]
fn shrinking_at_any_byte_loses_nothing() {
    for role in ROLES {
        for (wire, seen) in conversations(role) {
            for cut in cuts(wire.len()) {
                let before = Round { count: cut, shrunk: true, ..WHOLE };
                assert_eq!(feed(&mut inbound(role), &wire, &[before, WHOLE]), (seen.clone(), None));
                let before = Round { count: cut, shrunk: true, ..PIECES };
                assert_eq!(feed(&mut inbound(role), &wire, &[before, PIECES]), (seen.clone(), None));
            }
            for want in [WHOLE, PIECES] {
                let always = Round { count: wire.len().div_ceil(100), shrunk: true, ..want };
                assert_eq!(feed(&mut inbound(role), &wire, &[always]), (seen.clone(), None));
            }
        }
    }
}

#[test]
fn shrinking_between_receiving_and_advancing_again() {
    let mut inbound = inbound(Role::Client);
    assert!(!inbound.holds_spare_memory());
    feed(&mut inbound, &frames(Role::Client, &[(BINARY, &[7; 200_000]), (BINARY_BEGIN, b"a")]), &[AT_ONCE]);
    inbound.shrink();
    assert!(!inbound.holds_spare_memory());
    // A partly received message is not spare memory.
    inbound.receive(&frames(Role::Client, &[(MORE, &[7; 100])]));
    assert_eq!(inbound.advance(Want::Message), Ok(Step::NeedInput));
    assert!(!inbound.holds_spare_memory());
    inbound.shrink();
    let (seen, error) = feed(&mut inbound, &frames(Role::Client, &[(LAST, b"b")]), &[AT_ONCE]);
    assert_eq!((seen, error), (vec![binary(&[b"a".as_slice(), &[7; 100], b"b"].concat())], None));
    assert!(inbound.holds_spare_memory() || inbound.payload().is_empty());
}

#[test]
fn a_lent_message_can_be_taken_once() {
    for role in ROLES {
        for (wire, _) in conversations(role) {
            let mut inbound = inbound(role);
            let mut rest = &wire[..];
            loop {
                match inbound.advance(Want::Message).unwrap() {
                    Step::NeedInput if rest.is_empty() => break,
                    Step::NeedInput => rest = &rest[inbound.receive(rest)..],
                    Step::Message => {
                        let lent = inbound.message().to_message();
                        assert_eq!(inbound.take_message(), lent);
                        assert_eq!(inbound.take_message(), Message::Binary(Vec::new()));
                        assert!(inbound.payload().is_empty());
                    }
                    Step::Ping => assert_eq!(inbound.take_message(), Message::Binary(b"?".to_vec())),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[test]
fn the_space_is_large_enough_for_the_rest_of_a_small_frame() {
    for role in ROLES {
        for payload in [vec![0; 125], vec![0; 30_000]] {
            let one = frames(role, &[(if payload.len() > 125 { BINARY } else { PING }, &payload)]);
            let before = frames(role, &[(PONG, b"12345")]);
            let wire = [before.repeat(2048 / before.len() - 12), one.clone()].concat();
            for cut in wire.len() - one.len() + 8..2048.min(wire.len()) {
                let mut inbound = inbound(role);
                assert_eq!(inbound.receive(&wire[..cut]), cut);
                while inbound.advance(Want::Message).unwrap() != Step::NeedInput {}
                assert!(inbound.space().len() >= wire.len() - cut, "{} after {cut} bytes", inbound.space().len());
            }
        }
    }
}

/// Even if there is more to process before more input is needed.
#[test]
fn there_is_space_after_every_step() {
    let wire = frames(Role::Client, &[(BINARY, b"12345")]).repeat(12_000);
    let mut rest = &wire[..];
    let mut inbound = inbound(Role::Client);
    for _ in 0..12_000 {
        // As many bytes as there is space for.
        while !rest.is_empty() {
            match inbound.receive(rest) {
                0 => break,
                count => rest = &rest[count..],
            }
        }
        assert_eq!(inbound.advance(Want::Message), Ok(Step::Message));
        assert!(!inbound.space().is_empty());
    }
    assert!(rest.is_empty());
}

/// A buffer for large messages is released when none arrive any more, every time.
#[test]
fn switching_between_large_messages_in_pieces_and_small_whole_ones() {
    let role = Role::Client;
    let large = [5; 40_000];
    let mut inbound = inbound(role);
    for _ in 0..300 {
        let wire = frames(role, &[(BINARY, &large)]);
        assert_eq!(feed(&mut inbound, &wire[..30_000], &[WHOLE]), (Vec::new(), None));
        assert_eq!(feed(&mut inbound, &wire[30_000..], &[PIECES]), (vec![binary(&large)], None));
        let (seen, error) = feed(&mut inbound, &frames(role, &[(TEXT, b"small")]).repeat(66), &[WHOLE]);
        assert_eq!((seen.len(), error), (66, None));
    }
}

#[test]
#[should_panic(expected = "more bytes than there was space for")]
fn reporting_more_bytes_than_the_space_panics() {
    let mut inbound = inbound(Role::Client);
    let len = inbound.space().len();
    inbound.filled(len + 1);
}

#[test]
#[should_panic(expected = "more bytes than there was space for")]
fn reporting_more_bytes_than_the_space_within_a_large_frame_panics() {
    let mut inbound = inbound(Role::Client);
    // The first message makes the buffer larger than the second one needs.
    let first = frames(Role::Client, &[(BINARY, &[0; 200_000])]);
    let mut rest = &first[..];
    while inbound.advance(Want::Message).unwrap() == Step::NeedInput {
        rest = &rest[inbound.receive(rest)..];
    }
    inbound.receive(&header(BINARY, 50_000, None));
    assert_eq!(inbound.advance(Want::Message), Ok(Step::NeedInput));
    assert_eq!(inbound.space().len(), 50_000);
    inbound.filled(50_001);
}
