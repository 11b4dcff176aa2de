//! Control frames, the closing handshake, and the effects of a violation (RFC 6455 sections 5.5 and 7).

use super::reference::{binary, text};
use super::*;
use crate::close::CloseFrameError;
use crate::close::{CloseFrame, Side};
use crate::message::MessageRef;

fn close(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

fn closed(code: u16, reason: &str) -> Seen {
    Seen::Close(code, reason.to_owned())
}

#[test]
fn item_13_close_codes_that_are_accepted() {
    for role in ROLES {
        for code in (0..5100).chain([9999, 32768, 65535]) {
            let legal = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            let (seen, error) = receive(role, Limits::default(), &frames(role, &[(CLOSE, &close(code, "why"))]));
            if legal {
                assert_eq!((seen, error), (vec![closed(code, "why")], None));
            } else {
                assert_eq!((seen, error), (Vec::new(), Some(ProtocolError::InvalidCloseCode(code.into()).into())));
            }
        }
    }
    assert_eq!(ProtocolError::InvalidCloseCode(1005.into()).close_code(), CloseCode::PROTOCOL_ERROR);
}

#[test]
fn item_13_close_payloads_of_every_length() {
    assert_eq!(ProtocolError::TruncatedCloseCode.close_code(), CloseCode::PROTOCOL_ERROR);
    for role in ROLES {
        for len in 0..=125 {
            let payload = &close(1000, &"é".repeat(62))[..len];
            let (seen, error) = receive(role, Limits::default(), &frames(role, &[(CLOSE, payload)]));
            match len {
                0 => assert_eq!((seen, error), (vec![closed(1005, "")], None)),
                1 => assert_eq!((seen, error), (Vec::new(), Some(ProtocolError::TruncatedCloseCode.into()))),
                _ if len % 2 == 0 => {
                    assert_eq!((seen, error), (vec![closed(1000, &"é".repeat(len / 2 - 1))], None));
                }
                _ => assert_eq!((seen, error), (Vec::new(), Some(ProtocolError::InvalidCloseReason.into()))),
            }
        }
    }
}

#[test]
fn item_13_invalid_control_frames_are_refused_without_effect() {
    for role in ROLES {
        let mut here = endpoint(role);
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
            let refused = here.close(code.into(), "");
            assert!(matches!(refused, Err(Error::CloseFrame(CloseFrameError::Code(_)))), "{code}");
        }
        let long = here.close(CloseCode::NORMAL_CLOSURE, &"x".repeat(124));
        assert!(matches!(long, Err(Error::CloseFrame(CloseFrameError::ReasonTooLong { len: 124 }))));
        let long = here.ping(&[0; 126]);
        assert!(matches!(long, Err(Error::PingTooLong { len: 126 })));
        assert!(here.output().is_empty() && !here.close_expected());
        here.ping(&[7; 125]).unwrap();
        here.close(CloseCode::from(4999), &"x".repeat(123)).unwrap();
        assert_eq!(sent(role, &mut here), [Seen::Ping(vec![7; 125]), closed(4999, &"x".repeat(123))]);
    }
}

#[test]
fn item_14_a_ping_is_answered_at_once_with_its_payload() {
    for role in ROLES {
        for payload in [b"".as_slice(), b"x", &[0xff; 125]] {
            let mut here = endpoint(role);
            let wire = frames(role, &[(BINARY_BEGIN, b"a"), (PING, payload)]);
            assert_eq!(deliver(&mut here, &wire), (vec![Seen::Ping(payload.to_vec())], None));
            assert_eq!(sent(role, &mut here), [Seen::Pong(payload.to_vec())]);
            assert_eq!(deliver(&mut here, &frames(role, &[(LAST, b"b")])), (vec![binary(b"ab")], None));
            assert!(here.output().is_empty());
        }
    }
}

#[test]
fn item_14_a_pong_is_not_answered() {
    for role in ROLES {
        let mut here = endpoint(role);
        let wire = frames(role, &[(PONG, b"unasked")]);
        assert_eq!(deliver(&mut here, &wire), (vec![Seen::Pong(b"unasked".to_vec())], None));
        assert!(here.output().is_empty());
    }
}

#[test]
fn item_14_only_the_latest_ping_is_answered_while_nothing_can_be_written() {
    let mut session = Session::new();
    let mut out = Outbound::server();
    for number in 0..10_000u32 {
        session.apply(&Step::Ping, &number.to_be_bytes(), None);
    }
    assert!(session.has_replies());
    session.write_replies(&mut out);
    assert_eq!(out.pending(), [&[PONG, 4][..], &9_999u32.to_be_bytes()].concat());
    assert!(!session.has_replies());
    session.write_replies(&mut out);
    assert_eq!(out.pending().len(), 6);
    // Of our own pending Pings, too, only the latest is sent, after the Pong.
    session.ping(b"1").unwrap();
    session.ping(b"2").unwrap();
    session.apply(&Step::Ping, b"3", None);
    out.consume(6);
    session.write_replies(&mut out);
    assert_eq!(out.pending(), b"\x8a\x013\x89\x012");
}

/// How both drivers react to what the receiving half reports.
#[test]
fn applying_a_step_queues_the_replies_it_requires() {
    let frame = CloseFrame::new(CloseCode::from(4000), "why").unwrap();
    for (step, payload, owed) in [
        (Step::Ping, &b"?"[..], &b"\x8a\x01?"[..]),
        (Step::Close(frame.clone()), b"", b"\x88\x02\x0f\xa0"),
        (Step::Close(CloseFrame::EMPTY), b"", b"\x88\x00"),
        (Step::Pong, b"!", b""),
        (Step::Message, b"a", b""),
        (Step::Piece { kind: Kind::Text, last: true }, b"a", b""),
        (Step::NeedInput, b"", b""),
    ] {
        // Queued at once if there is room.
        let (mut session, mut out) = (Session::new(), Outbound::server());
        session.apply(&step, payload, Some(&mut out));
        assert_eq!(out.pending(), owed, "{step:?}");
        assert_eq!(session.close_received_frame().is_some(), matches!(step, Step::Close(_)));
        // Left in the session if there is no queue, or while much output is pending in it.
        let (mut session, mut out) = (Session::new(), Outbound::server());
        session.apply(&step, payload, None);
        assert_eq!(session.has_replies(), !owed.is_empty(), "{step:?}");
        out.frame(Opcode::Binary, true, &[0; 64 << 10]);
        let full = out.pending().len();
        session.apply(&Step::NeedInput, b"", Some(&mut out));
        assert_eq!(out.pending().len(), full, "{step:?}");
        out.consume(full);
        session.queue_replies(&mut out);
        assert_eq!(out.pending(), owed, "{step:?}");
    }
}

/// A peer that pings and does not read.
#[test]
fn item_14_memory_does_not_grow_with_pings() {
    for role in ROLES {
        let mut here = endpoint(role);
        here.send(vec![0; 100_000]).unwrap();
        let before = here.output().len();
        for number in 0..10_000u32 {
            deliver(&mut here, &frames(role, &[(PING, &number.to_be_bytes())]));
        }
        assert_eq!(here.output().len(), before);
        here.consume(before);
        assert_eq!(sent(role, &mut here), [Seen::Pong(9_999u32.to_be_bytes().to_vec())]);

        for number in 0..100_000u32 {
            deliver(&mut here, &frames(role, &[(PING, &number.to_be_bytes())]));
        }
        assert!(here.output().len() < 65 << 10);
        let pongs = sent(role, &mut here);
        let pongs = [pongs, sent(role, &mut here)].concat();
        assert!(pongs[..1000].iter().zip(0u32..).all(|(pong, n)| *pong == Seen::Pong(n.to_be_bytes().to_vec())));
        assert_eq!(pongs.last(), Some(&Seen::Pong(99_999u32.to_be_bytes().to_vec())));
    }
}

#[test]
fn item_14_no_pong_and_no_ping_after_close() {
    for role in ROLES {
        let mut here = endpoint(role);
        here.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert_eq!(sent(role, &mut here), [closed(1000, "")]);
        let wire = frames(role, &[(PING, b"late"), (TEXT, b"late")]);
        assert_eq!(deliver(&mut here, &wire), (vec![Seen::Ping(b"late".to_vec()), text("late")], None));
        assert!(matches!(here.ping(b""), Err(Error::Closing)));
        assert!(here.output().is_empty());
    }
    // Replies that are due when the Close frame is sent are sent before it.
    let mut session = Session::new();
    let mut out = Outbound::server();
    session.apply(&Step::Ping, b"a", None);
    session.start_close(CloseFrame::EMPTY);
    session.apply(&Step::Ping, b"b", None);
    session.write_replies(&mut out);
    assert_eq!(out.pending(), b"\x8a\x01b\x88\x00");
    session.apply(&Step::Ping, b"c", None);
    session.write_replies(&mut out);
    assert_eq!(out.pending().len(), 5);
    assert!(!session.has_replies());
}

#[test]
fn rfc_5_5_1_a_close_is_answered_with_its_code() {
    for role in ROLES {
        for (payload, seen, answer) in [
            (close(1000, "bye"), closed(1000, "bye"), closed(1000, "")),
            (close(4321, ""), closed(4321, ""), closed(4321, "")),
            (Vec::new(), closed(1005, ""), closed(1005, "")),
        ] {
            let mut here = endpoint(role);
            assert_eq!(deliver(&mut here, &frames(role, &[(CLOSE, &payload)])), (vec![seen], None));
            assert_eq!(sent(role, &mut here), [answer]);
            assert_eq!(here.closed_first_by(), Some(Side::Remote));
            here.close(CloseCode::GOING_AWAY, "").unwrap();
            assert!(here.output().is_empty(), "one Close frame only");
        }
    }
}

#[test]
fn rfc_5_5_1_nothing_is_sent_after_close_but_messages_are_still_received() {
    for role in ROLES {
        let mut here = endpoint(role);
        here.send("before").unwrap();
        here.close(CloseCode::GOING_AWAY, "later").unwrap();
        here.close(CloseCode::NORMAL_CLOSURE, "again").unwrap();
        assert!(matches!(here.send("after"), Err(Error::Closing)));
        assert!(matches!(here.send_fragment(Kind::Text, b"after", true), Err(Error::Closing)));
        assert_eq!(sent(role, &mut here), [text("before"), closed(1001, "later")]);
        let wire = frames(role, &[(BINARY, b"on its way"), (CLOSE, &close(1000, "ok"))]);
        assert_eq!(deliver(&mut here, &wire), (vec![binary(b"on its way"), closed(1000, "ok")], None));
        assert!(here.output().is_empty());
        assert_eq!(here.closed_first_by(), Some(Side::Local));
        assert_eq!(here.close_sent().unwrap().to_string(), "1001 (going away): \"later\"");
        assert_eq!(here.close_received().unwrap().reason(), "ok");
    }
}

/// RFC 6455 1.4: everything after a Close frame is discarded, however much and whatever it is.
#[test]
fn rfc_1_4_nothing_is_delivered_after_the_peers_close() {
    for role in ROLES {
        for behind in [frames(role, &[(TEXT, b"late"), (PING, b""), (CLOSE, b"")]), vec![0xff; 300_000]] {
            let mut here = endpoint(role);
            let wire = [frames(role, &[(CLOSE, &close(1000, ""))]), behind].concat();
            assert_eq!(deliver(&mut here, &wire), (vec![closed(1000, "")], None));
            assert_eq!(sent(role, &mut here), [closed(1000, "")]);
            assert_eq!(deliver(&mut here, &frames(role, &[(TEXT, b"later")])), (Vec::new(), None));
            assert!(here.output().is_empty());
        }
    }
}

/// One violation of each kind, with the close code that the peer must get.
fn violations(role: Role) -> Vec<(u16, Vec<u8>)> {
    let wrong_mask = if role == Role::Server { None } else { Some(KEY) };
    vec![
        (1002, frames(role, &[(0xc1, b"")])),
        (1002, frames(role, &[(0x83, b"")])),
        (1002, frames(role, &[(0x09, b"")])),
        (1002, header_to(role, PING, 126)),
        (1002, frame(TEXT, b"", wrong_mask)),
        (1002, frames(role, &[(LAST, b"")])),
        (1002, frames(role, &[(TEXT_BEGIN, b""), (TEXT, b"")])),
        (1002, frames(role, &[(CLOSE, b"\x03")])),
        (1002, frames(role, &[(CLOSE, &close(1005, ""))])),
        (1007, frames(role, &[(CLOSE, b"\x03\xe8\xff")])),
        (1007, frames(role, &[(TEXT, b"\xff")])),
        (1007, [header_to(role, TEXT, 9 << 20), vec![0xff; 100_000]].concat()),
        (1008, [frames(role, &[(TEXT_BEGIN, b"")]), frames(role, &[(MORE, b"")]).repeat(131_072)].concat()),
        (1009, header_to(role, BINARY, u64::MAX >> 1)),
    ]
}

#[test]
fn item_19_a_violation_causes_one_close_frame_and_the_same_error_from_then_on() {
    for role in ROLES {
        for (code, violation) in violations(role) {
            let mut here = endpoint(role);
            let wire = [frames(role, &[(TEXT, b"first")]), violation].concat();
            let (seen, error) = deliver(&mut here, &wire);
            assert_eq!(seen, [text("first")]);
            let error = error.unwrap();
            assert!(here.close_expected());
            let [Seen::Close(told, reason)] = &sent(role, &mut here)[..] else { panic!("one Close frame") };
            assert_eq!((*told, u16::from(error.close_frame().code())), (code, code), "{error}");
            assert!(!reason.is_empty());

            // Whatever arrives now, including the peer's Close frame, has no effect.
            for behind in [frames(role, &[(TEXT, b"x"), (PING, b"x"), (CLOSE, b"")]), vec![0xff; 300_000]] {
                assert_eq!(deliver(&mut here, &behind), (Vec::new(), Some(error)));
            }
            assert_over(&mut here, &error.into());
            assert!(here.output().is_empty(), "one Close frame only");
            assert_eq!(here.closed_first_by(), Some(Side::Local));
        }
    }
}

#[test]
fn item_19_no_second_close_frame_after_our_own() {
    for role in ROLES {
        for (_, violation) in violations(role) {
            let mut here = endpoint(role);
            here.close(CloseCode::NORMAL_CLOSURE, "bye").unwrap();
            assert_eq!(sent(role, &mut here), [closed(1000, "bye")]);
            assert!(deliver(&mut here, &violation).1.is_some());
            assert!(here.output().is_empty());
        }
    }
}

#[test]
fn item_19_events_before_a_violation_in_the_same_read_come_first() {
    for role in ROLES {
        let mut here = endpoint(role);
        let wire = frames(role, &[(TEXT, b"a"), (PING, b"b"), (BINARY, b"c"), (0x83, b"")]);
        let (seen, error) = deliver(&mut here, &wire);
        assert_eq!(seen, [text("a"), Seen::Ping(b"b".to_vec()), binary(b"c")]);
        assert_eq!(error, Some(ProtocolError::ReservedOpcode(3).into()));
        let [Seen::Pong(_), Seen::Close(1002, _)] = &sent(role, &mut here)[..] else { panic!("Pong, then Close") };
    }
}

/// After a connection has failed, every call returns the error that it failed with.
fn assert_over(here: &mut Protocol, failed: &Error) {
    assert!(here.is_over());
    let is_the_same = |error: Option<Error>| assert_eq!(format!("{error:?}"), format!("{:?}", Some(failed)));
    is_the_same(here.error().cloned());
    is_the_same(here.send("x").err());
    is_the_same(here.send_fragment(Kind::Text, b"x", true).err());
    is_the_same(here.ping(b"x").err());
    is_the_same(here.close(CloseCode::NORMAL_CLOSURE, "").err());
    is_the_same(here.receive_eof().err());
    is_the_same(here.next_event().err());
    assert!(here.is_over());
}

#[test]
fn item_20_the_end_of_the_stream_without_a_close_frame_is_remembered() {
    let eof = Error::Eof;
    for role in ROLES {
        let wire = frames(role, &[(CLOSE, b"\x03\xe8")]);
        for (what, closed, bytes) in [
            ("nothing sent, nothing received", false, &[][..]),
            ("within a message", false, &frames(role, &[(TEXT_BEGIN, b"a")])),
            ("Close sent, none received", true, &[]),
            ("within the Close frame", false, &wire[..wire.len() - 1]),
            ("within the Close frame that answers", true, &wire[..wire.len() - 1]),
        ] {
            let mut here = endpoint(role);
            if closed {
                here.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
            }
            assert_eq!(deliver(&mut here, bytes).1, None);
            assert!(!here.is_over(), "{what}");
            let output = here.output().to_vec();
            assert!(matches!(here.receive_eof(), Err(Error::Eof)), "{what}");
            assert_over(&mut here, &eof);
            assert_eq!(here.output(), output, "{what}: what was queued stays, and nothing joins it");
        }
        // With it, the end is orderly; the reply does not have to be written.
        for closed_here in [false, true] {
            let mut here = endpoint(role);
            if closed_here {
                here.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
            }
            deliver(&mut here, &wire);
            assert!(here.is_over() && here.receive_eof().is_ok() && here.is_over());
            assert!(here.error().is_none() && here.next_event().unwrap().is_none());
            assert!(matches!(here.send("x"), Err(Error::Closing)));
            here.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        }
    }
}

#[test]
fn item_20_events_received_before_the_end_of_the_stream_can_be_taken_after_it() {
    for role in ROLES {
        let mut here = endpoint(role);
        here.receive(&frames(role, &[(TEXT, b"a"), (PING, b"b")]));
        assert!(here.receive_eof().is_err() && here.is_over());
        assert!(matches!(here.next_event(), Ok(Some(Event::Message(MessageRef::Text("a"))))));
        assert!(matches!(here.next_event(), Ok(Some(Event::Ping(b"b")))));
        assert_over(&mut here, &Error::Eof);
        // If a Close frame is among it, the end is orderly, and nothing can be sent either.
        let mut here = endpoint(role);
        here.receive(&frames(role, &[(TEXT, b"a"), (CLOSE, b"\x03\xe8")]));
        assert!(here.receive_eof().is_err());
        assert!(matches!(here.next_event(), Ok(Some(Event::Message(_)))));
        assert!(here.send("x").is_err());
        assert!(matches!(here.next_event(), Ok(Some(Event::Close(_)))));
        assert!(here.is_over() && here.receive_eof().is_ok() && here.next_event().unwrap().is_none());
        // Of two failures the first one counts.
        let mut here = endpoint(role);
        here.receive(&frames(role, &[(0x83, b"a")]));
        assert!(here.receive_eof().is_err());
        assert_over(&mut here, &Error::Eof);
        let mut here = endpoint(role);
        let (_, error) = deliver(&mut here, &frames(role, &[(0x83, b"a")]));
        assert_over(&mut here, &error.unwrap().into());
    }
}

#[test]
fn item_20_the_receiving_half_knows_whether_it_is_between_messages() {
    for role in ROLES {
        let mut inbound = inbound(role);
        assert!(inbound.is_between_messages());
        feed(&mut inbound, &frames(role, &[(TEXT_BEGIN, b"a")]), &[AT_ONCE]);
        assert!(!inbound.is_between_messages(), "within a message");
        feed(&mut inbound, &frames(role, &[(LAST, b"a")]), &[AT_ONCE]);
        assert!(inbound.is_between_messages());
        feed(&mut inbound, &[PING], &[AT_ONCE]);
        assert!(!inbound.is_between_messages() && inbound.has_buffered(), "within a frame");
    }
}
