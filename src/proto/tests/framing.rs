//! Frame headers in their context (RFC 6455 sections 5.1 to 5.5).

use super::reference::{binary, text};
use super::*;

const ALL_OPCODES: [u8; 5] = [TEXT, BINARY, CLOSE, PING, PONG];

#[test]
fn item_7_masking_is_required_of_clients_only() {
    for first in ALL_OPCODES {
        // Without any payload, and with a length that the limits would also refuse.
        for len in [0, 5] {
            let unmasked = header(first, len, None);
            assert_eq!(refusal(Role::Server, &unmasked), Some(ProtocolError::UnmaskedFrame.into()), "{first:#x}");
            let masked = header(first, len, Some(KEY));
            assert_eq!(refusal(Role::Client, &masked), Some(ProtocolError::MaskedFrame.into()), "{first:#x}");
        }
    }
    assert_eq!(
        refusal(Role::Client, &header(BINARY, 1 << 40, Some([0; 4]))),
        Some(ProtocolError::MaskedFrame.into())
    );
    assert_eq!(refusal(Role::Server, &header(BINARY, 1 << 40, None)), Some(ProtocolError::UnmaskedFrame.into()));
    assert_eq!(ProtocolError::UnmaskedFrame.close_code(), CloseCode::PROTOCOL_ERROR);
    assert_eq!(ProtocolError::MaskedFrame.close_code(), CloseCode::PROTOCOL_ERROR);
}

/// A header whose length is encoded in exactly these bytes, with the key that the role requires and no payload.
fn raw_header(role: Role, first: u8, short: u8, long: &[u8]) -> Vec<u8> {
    let masked = if role == Role::Server { 0x80 } else { 0 };
    let mut bytes = vec![first, masked | short];
    bytes.extend_from_slice(long);
    bytes.extend(key_to(role).into_iter().flatten());
    bytes
}

fn refused_at_header(error: ProtocolError, before: &[(u8, &[u8])], first: u8, short: u8, long: &[u8]) {
    for role in ROLES {
        let bytes = [frames(role, before), raw_header(role, first, short, long)].concat();
        assert_eq!(refusal(role, &bytes), Some(error.into()), "{role:?} {before:?} {first:#x} {short} {long:02x?}");
    }
    assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
}

#[test]
fn item_8_reserved_bits_are_1002() {
    for bits in [0x40, 0x20, 0x10, 0x70] {
        for first in ALL_OPCODES {
            refused_at_header(ProtocolError::ReservedBits, &[], first | bits, 5, &[]);
        }
        refused_at_header(ProtocolError::ReservedBits, &[], TEXT_BEGIN | bits, 127, &[0, 0, 0, 0, 0, 1, 0, 0]);
        refused_at_header(ProtocolError::ReservedBits, &[(TEXT_BEGIN, b"a")], LAST | bits, 1, &[]);
        refused_at_header(ProtocolError::ReservedBits, &[(TEXT_BEGIN, b"a")], PING | bits, 1, &[]);
    }
}

#[test]
fn item_8_reserved_opcodes_are_1002() {
    for opcode in (0x3..=0x7).chain(0xb..=0xf) {
        for fin in [0, 0x80] {
            refused_at_header(ProtocolError::ReservedOpcode(opcode), &[], fin | opcode, 0, &[]);
            refused_at_header(ProtocolError::ReservedOpcode(opcode), &[(BINARY_BEGIN, b"")], fin | opcode, 9, &[]);
        }
    }
}

#[test]
fn item_8_fragmented_and_long_control_frames_are_1002() {
    for first in [CLOSE, PING, PONG] {
        refused_at_header(ProtocolError::FragmentedControlFrame, &[], first & 0x7f, 3, &[]);
        refused_at_header(ProtocolError::ControlFrameTooLong, &[], first, 126, &[0, 126]);
        refused_at_header(ProtocolError::ControlFrameTooLong, &[], first, 126, &[0, 5]);
        refused_at_header(ProtocolError::ControlFrameTooLong, &[], first, 127, &[0, 0, 0, 0, 0, 1, 0, 0]);
        refused_at_header(ProtocolError::ControlFrameTooLong, &[(TEXT_BEGIN, b"a")], first, 126, &[0, 126]);
    }
}

#[test]
fn item_8_stray_and_missing_continuations_are_1002() {
    let stray = ProtocolError::UnexpectedContinuation;
    let missing = ProtocolError::ExpectedContinuation;
    for continuation in [MORE, LAST] {
        refused_at_header(stray, &[], continuation, 1, &[]);
        refused_at_header(stray, &[(TEXT, b"whole")], continuation, 1, &[]);
        refused_at_header(stray, &[(TEXT, b"")], continuation, 0, &[]);
        refused_at_header(stray, &[(BINARY_BEGIN, b"a"), (LAST, b"b")], continuation, 1, &[]);
        refused_at_header(stray, &[(PING, b"")], continuation, 1, &[]);
    }
    for begin in [TEXT, TEXT_BEGIN, BINARY, BINARY_BEGIN] {
        refused_at_header(missing, &[(TEXT_BEGIN, b"a")], begin, 1, &[]);
        refused_at_header(missing, &[(BINARY_BEGIN, b""), (MORE, b""), (PING, b"")], begin, 0, &[]);
    }
}

#[test]
fn item_8_long_forms_of_short_lengths_are_1002() {
    for first in [TEXT, BINARY, TEXT_BEGIN] {
        for long in [[0, 0], [0, 1], [0, 125]] {
            refused_at_header(ProtocolError::LengthNotMinimal, &[], first, 126, &long);
        }
        for long in [0u64, 125, 126, 65535] {
            refused_at_header(ProtocolError::LengthNotMinimal, &[], first, 127, &long.to_be_bytes());
        }
    }
    refused_at_header(ProtocolError::LengthNotMinimal, &[(TEXT_BEGIN, b"a")], LAST, 126, &[0, 3]);
}

#[test]
fn item_8_top_length_bit_is_1002() {
    for long in [1u64 << 63, u64::MAX, (1 << 63) + 5] {
        refused_at_header(ProtocolError::LengthTooLarge, &[], BINARY, 127, &long.to_be_bytes());
        refused_at_header(ProtocolError::LengthTooLarge, &[(BINARY_BEGIN, b"a")], LAST, 127, &long.to_be_bytes());
    }
}

#[test]
fn rfc_5_2_all_length_forms() {
    for role in ROLES {
        for len in [0, 1, 125, 126, 127, 255, 256, 32767, 32768, 32769, 65535, 65536, 65537] {
            let payload: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let bytes = frames(role, &[(BINARY, &payload), (TEXT, b"behind")]);
            assert_eq!(receive(role, Limits::default(), &bytes), (vec![binary(&payload), text("behind")], None));
        }
    }
}

#[test]
fn rfc_5_4_control_frames_between_fragments() {
    for role in ROLES {
        let bytes = frames(
            role,
            &[(TEXT_BEGIN, b"a"), (PING, b"1"), (MORE, b""), (PONG, b""), (PING, b"2"), (MORE, b"b"), (LAST, b"c")],
        );
        let seen =
            [Seen::Ping(b"1".to_vec()), Seen::Pong(Vec::new()), Seen::Ping(b"2".to_vec()), text("abc")].to_vec();
        assert_eq!(receive(role, Limits::default(), &bytes), (seen, None));
    }
}

#[test]
fn rfc_5_4_a_close_frame_between_fragments_ends_the_connection() {
    for role in ROLES {
        let bytes = frames(role, &[(TEXT_BEGIN, b"a"), (CLOSE, b"\x03\xe8"), (LAST, b"b"), (0xff, b"nonsense")]);
        assert_eq!(receive(role, Limits::default(), &bytes), (vec![Seen::Close(1000, String::new())], None));
    }
}

#[test]
fn rfc_5_6_empty_messages() {
    for role in ROLES {
        let bytes = frames(
            role,
            &[
                (TEXT, b""),
                (BINARY, b""),
                (TEXT_BEGIN, b""),
                (LAST, b""),
                (BINARY_BEGIN, b""),
                (MORE, b""),
                (LAST, b""),
            ],
        );
        assert_eq!(
            receive(role, Limits::default(), &bytes),
            (vec![text(""), binary(b""), text(""), binary(b"")], None)
        );
    }
}

/// RFC 6455 5.7, byte for byte.
#[test]
fn rfc_5_7_examples() {
    let cases: [(Role, &[u8], Seen); 5] = [
        (Role::Client, b"\x81\x05\x48\x65\x6c\x6c\x6f", text("Hello")),
        (Role::Server, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", text("Hello")),
        (Role::Client, b"\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f", text("Hello")),
        (Role::Client, b"\x89\x05\x48\x65\x6c\x6c\x6f", Seen::Ping(b"Hello".to_vec())),
        (Role::Server, b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", Seen::Pong(b"Hello".to_vec())),
    ];
    for (role, bytes, seen) in cases {
        assert_eq!(receive(role, Limits::default(), bytes), (vec![seen], None));
    }
}
