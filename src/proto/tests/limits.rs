//! Limits on what a peer may send (strictness items 9 and 11). Memory: `tests/memory.rs`.

use super::reference::binary;
use super::*;

fn limits(max_message_size: u64, max_fragments: u32) -> Limits {
    Limits { max_message_size, max_fragments }
}

fn too_big(limit: u64, at_least: u64) -> Option<ReceiveError> {
    Some(LimitError::MessageTooBig { limit, at_least }.into())
}

#[test]
fn item_9_default_is_16_mib_and_1009() {
    for role in ROLES {
        assert_eq!(refusal(role, &header_to(role, BINARY, 16 << 20)), None);
        let error = refusal(role, &header_to(role, BINARY, (16 << 20) + 1));
        assert_eq!(error, too_big(16 << 20, (16 << 20) + 1));
        assert_eq!(error.unwrap().close_frame().code(), CloseCode::MESSAGE_TOO_BIG);
    }
}

#[test]
fn item_9_exactly_at_the_limit_passes_and_one_over_fails() {
    for role in ROLES {
        for limit in [0, 1, 10, 125, 126, 40_000, 70_000] {
            let payload = vec![7; limit as usize];
            let (head, tail) = payload.split_at(payload.len() / 2);
            let limits = limits(limit, 9);
            let in_one = frames(role, &[(BINARY, &payload)]);
            assert_eq!(receive(role, limits, &in_one), (vec![binary(&payload)], None));
            let in_three = frames(role, &[(BINARY_BEGIN, head), (MORE, tail), (LAST, b"")]);
            assert_eq!(receive(role, limits, &in_three), (vec![binary(&payload)], None));

            let one_over = header_to(role, BINARY, limit + 1);
            assert_eq!(receive(role, limits, &one_over).1, too_big(limit, limit + 1));
            let over_in_fragments =
                [frames(role, &[(BINARY_BEGIN, head), (MORE, tail)]), header_to(role, LAST, 1)].concat();
            assert_eq!(receive(role, limits, &over_in_fragments).1, too_big(limit, limit + 1));
        }
    }
}

#[test]
fn item_9_is_detected_at_the_header_of_a_fragment_that_is_not_the_last() {
    for role in ROLES {
        let bytes = [frames(role, &[(TEXT_BEGIN, b"12345")]), header_to(role, MORE, 6)].concat();
        assert_eq!(receive(role, limits(10, 9), &bytes).1, too_big(10, 11));
        // The limit applies to each message: the next message starts at zero.
        let bytes = frames(role, &[(BINARY, b"0123456789"), (BINARY, b"0123456789")]);
        assert_eq!(receive(role, limits(10, 9), &bytes), (vec![binary(b"0123456789"); 2], None));
        // Control frames do not count.
        let ping = [7; 125];
        let bytes = frames(role, &[(BINARY_BEGIN, b"01234"), (PING, &ping), (LAST, b"56789")]);
        assert_eq!(receive(role, limits(10, 9), &bytes).1, None);
    }
}

#[test]
fn item_9_lengths_are_added_without_overflow() {
    const HUGE: u64 = (1 << 63) - 1;
    for role in ROLES {
        for limit in [HUGE, 1 << 40, 0] {
            let error = receive(role, limits(limit, 9), &header_to(role, BINARY, HUGE)).1;
            assert_eq!(error, if limit < HUGE { too_big(limit, HUGE) } else { None });
        }
        // The largest lengths that can be declared before 2^63 bytes have arrived.
        for (limit, error) in [(HUGE, too_big(HUGE, 1 << 63)), (u64::MAX, None)] {
            let bytes = [frames(role, &[(BINARY_BEGIN, b"a")]), header_to(role, MORE, HUGE)].concat();
            assert_eq!(receive(role, limits(limit, 9), &bytes).1, error);
        }
    }
}

#[test]
fn item_9_new_limits_apply_from_the_next_frame_on() {
    let mut inbound = inbound(Role::Client);
    assert_eq!(feed(&mut inbound, &frames(Role::Client, &[(BINARY_BEGIN, &[0; 100])]), &[AT_ONCE]).1, None);
    inbound.set_limits(limits(100, 9));
    assert_eq!(feed(&mut inbound, &frames(Role::Client, &[(MORE, b"")]), &[AT_ONCE]).1, None);
    assert_eq!(feed(&mut inbound, &header(LAST, 1, None), &[AT_ONCE]).1, too_big(100, 101));
}

#[test]
fn item_11_empty_fragments_are_counted() {
    let many = LimitError::TooManyFragments { limit: 3 };
    assert_eq!(many.close_code(), CloseCode::POLICY_VIOLATION);
    for role in ROLES {
        for part in [b"".as_slice(), b"x"] {
            let three = frames(role, &[(BINARY_BEGIN, part), (MORE, part), (PING, b""), (LAST, part)]);
            let (seen, error) = receive(role, limits(99, 3), &[three.clone(), three].concat());
            assert_eq!((seen.len(), error), (4, None));
            let four = frames(role, &[(BINARY_BEGIN, part), (MORE, part), (MORE, part)]);
            for last in [MORE, LAST] {
                let bytes = [four.clone(), header_to(role, last, part.len() as u64)].concat();
                assert_eq!(receive(role, limits(99, 3), &bytes).1, Some(many.into()));
            }
        }
        assert_eq!(receive(role, limits(99, u32::MAX), &frames(role, &[(BINARY, b"")])).1, None);
    }
}

#[test]
fn item_11_default_is_131_072_and_1008() {
    for (role, part) in [(Role::Client, b"x".as_slice()), (Role::Server, b"")] {
        let mut bytes = frames(role, &[(BINARY_BEGIN, part)]);
        bytes.extend(frames(role, &[(MORE, part)]).repeat(131_070));
        let mut passes = inbound(role);
        assert_eq!(feed(&mut passes, &bytes, &[AT_ONCE]), (Vec::new(), None));
        let message = binary(&part.repeat(131_072));
        assert_eq!(feed(&mut passes, &frames(role, &[(LAST, part)]), &[AT_ONCE]), (vec![message], None));

        for want in [Want::Message, Want::Pieces] {
            let mut fails = inbound(role);
            let round = Round { want, ..AT_ONCE };
            assert_eq!(feed(&mut fails, &bytes, &[round]), (Vec::new(), None));
            assert_eq!(feed(&mut fails, &frames(role, &[(MORE, part)]), &[round]), (Vec::new(), None));
            let error = feed(&mut fails, &header_to(role, LAST, 0), &[round]).1;
            assert_eq!(error, Some(LimitError::TooManyFragments { limit: 131_072 }.into()));
        }
    }
}
