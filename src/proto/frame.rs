//! Decoding and encoding of a frame header (RFC 6455 section 5.2).

use super::error::ProtocolError;
use crate::close::MAX_CLOSE_REASON;

/// Longest payload of a Close, Ping or Pong frame, in bytes (RFC 6455 5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;
const _: () =
    assert!(MAX_CONTROL_PAYLOAD == 2 + MAX_CLOSE_REASON, "a Close frame's payload begins with a two-byte code");

/// Longest frame header, in bytes: two bytes, a 64-bit length, a masking key.
pub const MAX_HEADER_LEN: usize = 2 + 8 + 4;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV_OTHERS: u8 = 0x30;
const MASKED: u8 = 0x80;
const LEN_16: u8 = 126;
const LEN_64: u8 = 127;

/// Which end of the connection this is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Sends masked frames, receives unmasked ones.
    Client,
    /// Sends unmasked frames, receives masked ones.
    Server,
}

/// The type of a frame (RFC 6455 5.2). Reserved opcodes are rejected, so they have no variant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Opcode {
    /// Continues the message begun by an earlier frame.
    Continuation,
    /// Begins a text message.
    Text,
    /// Begins a binary message.
    Binary,
    /// Closes the connection.
    Close,
    /// Asks for a Pong.
    Ping,
    /// Answers a Ping.
    Pong,
}

impl Opcode {
    /// Whether this is a control frame, which is short, never fragmented, and allowed between the fragments of a
    /// message (RFC 6455 5.5).
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

/// The header of one frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// The first reserved bit, which permessage-deflate uses.
    pub rsv1: bool,
    /// The type of the frame.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub mask: Option<[u8; 4]>,
    /// Payload length in bytes.
    pub len: u64,
}

impl FrameHeader {
    /// First byte of a text message that is sent uncompressed in one frame.
    pub(super) const WHOLE_TEXT: u8 = FIN | Opcode::Text.bits();
    /// First byte of a binary message that is sent uncompressed in one frame.
    pub(super) const WHOLE_BINARY: u8 = FIN | Opcode::Binary.bits();

    /// Decodes the header at the start of `bytes`. Returns the header and its length, or `None` if more bytes are
    /// needed.
    ///
    /// Each rule is applied as soon as the bytes it depends on are there, which for most rules are the first two.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if the header breaks a rule of RFC 6455 5.2 or 5.5. The caller checks whether it must be
    /// masked and whether RSV1 may be set.
    #[inline(always)]
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & RSV_OTHERS != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        let Some(opcode) = Opcode::from_bits(first & 0x0f) else {
            return Err(ProtocolError::ReservedOpcode(first & 0x0f));
        };
        let fin = first & FIN != 0;
        let rsv1 = first & RSV1 != 0;
        let short = second & 0x7f;
        if opcode.is_control() {
            if !fin {
                return Err(ProtocolError::FragmentedControlFrame);
            }
            if usize::from(short) > MAX_CONTROL_PAYLOAD {
                return Err(ProtocolError::ControlFrameTooLong);
            }
            if rsv1 {
                return Err(ProtocolError::ReservedBits);
            }
        }
        let (len, rest, mut size) = match short {
            LEN_16 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let len = u64::from(u16::from_be_bytes(*len));
                if len < u64::from(LEN_16) {
                    return Err(ProtocolError::LengthNotMinimal);
                }
                (len, rest, 4)
            }
            LEN_64 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let len = u64::from_be_bytes(*len);
                if len >> 63 != 0 {
                    return Err(ProtocolError::LengthTooLarge);
                }
                if len <= u64::from(u16::MAX) {
                    return Err(ProtocolError::LengthNotMinimal);
                }
                (len, rest, 10)
            }
            short => (u64::from(short), rest, 2),
        };
        let mut mask = None;
        if second & MASKED != 0 {
            let Some(key) = rest.first_chunk() else { return Ok(None) };
            mask = Some(*key);
            size += 4;
        }
        Ok(Some((Self { fin, rsv1, opcode, mask, len }, size)))
    }

    /// Encodes the header. Returns a buffer, and how many of its bytes the header takes. The length is in its shortest
    /// form, as RFC 6455 5.2 requires.
    #[inline]
    #[must_use]
    pub fn encode(&self) -> ([u8; MAX_HEADER_LEN], usize) {
        let mut out = [0; MAX_HEADER_LEN];
        out[0] = self.opcode.bits() | if self.fin { FIN } else { 0 } | if self.rsv1 { RSV1 } else { 0 };
        let mut size = match self.len {
            // Within the ranges of these arms, the casts lose nothing.
            len @ 0..=125 => {
                out[1] = len as u8;
                2
            }
            len @ 126..=0xffff => {
                out[1] = LEN_16;
                out[2..4].copy_from_slice(&(len as u16).to_be_bytes());
                4
            }
            len => {
                out[1] = LEN_64;
                out[2..10].copy_from_slice(&len.to_be_bytes());
                10
            }
        };
        if let Some(key) = self.mask {
            out[1] |= MASKED;
            out[size..size + 4].copy_from_slice(&key);
            size += 4;
        }
        (out, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(bytes: &[u8]) -> Result<Option<(FrameHeader, usize)>, ProtocolError> {
        FrameHeader::decode(bytes)
    }

    /// The examples in RFC 6455 5.7.
    #[test]
    fn rfc_5_7_examples() {
        let plain = FrameHeader { fin: true, rsv1: false, opcode: Opcode::Text, mask: None, len: 5 };
        assert_eq!(header(b"\x81\x05Hello"), Ok(Some((plain, 2))));
        let masked = FrameHeader { mask: Some([0x37, 0xfa, 0x21, 0x3d]), ..plain };
        assert_eq!(header(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), Ok(Some((masked, 6))));
        let binary = FrameHeader { opcode: Opcode::Binary, len: 256, ..plain };
        assert_eq!(header(b"\x82\x7e\x01\x00"), Ok(Some((binary, 4))));
        let large = FrameHeader { len: 65536, ..binary };
        assert_eq!(header(b"\x82\x7f\0\0\0\0\0\x01\0\0"), Ok(Some((large, 10))));
    }

    #[test]
    fn item_8_bad_headers_are_rejected_after_two_bytes() {
        for (bytes, error) in [
            ([0x91, 0x00], ProtocolError::ReservedBits),
            ([0xa1, 0x00], ProtocolError::ReservedBits),
            ([0xc9, 0x00], ProtocolError::ReservedBits),
            ([0x83, 0x00], ProtocolError::ReservedOpcode(3)),
            ([0x8b, 0x00], ProtocolError::ReservedOpcode(11)),
            ([0x08, 0x00], ProtocolError::FragmentedControlFrame),
            ([0x89, 0x7e], ProtocolError::ControlFrameTooLong),
            ([0x8a, 0xff], ProtocolError::ControlFrameTooLong),
        ] {
            assert_eq!(header(&bytes), Err(error), "{bytes:02x?}");
        }
    }

    #[test]
    fn item_8_lengths_must_be_minimal_and_fit_63_bits() {
        assert_eq!(header(b"\x82\x7e\x00\x7d"), Err(ProtocolError::LengthNotMinimal));
        assert_eq!(header(b"\x82\x7f\0\0\0\0\0\0\xff\xff"), Err(ProtocolError::LengthNotMinimal));
        assert_eq!(header(b"\x82\x7f\x80\0\0\0\0\0\0\0"), Err(ProtocolError::LengthTooLarge));
        assert!(header(b"\x82\x7e\x00\x7e").is_ok_and(|found| found.is_some()));
        assert!(header(b"\x82\x7f\0\0\0\0\0\x01\0\0").is_ok_and(|found| found.is_some()));
        assert!(header(b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff").is_ok_and(|found| found.is_some()));
    }

    proptest! {
        #[test]
        fn encoding_round_trips_and_every_prefix_is_incomplete(
            fin: bool, rsv1: bool, mask: Option<[u8; 4]>, len in prop_oneof![0u64..200, 65_500..65_600u64, 0..=u64::MAX >> 1],
            opcode in prop_oneof![Just(Opcode::Continuation), Just(Opcode::Text), Just(Opcode::Binary)],
        ) {
            let header = FrameHeader { fin, rsv1, opcode, mask, len };
            let (bytes, size) = header.encode();
            prop_assert_eq!(FrameHeader::decode(&bytes[..size]), Ok(Some((header, size))));
            for cut in 0..size {
                prop_assert_eq!(FrameHeader::decode(&bytes[..cut]), Ok(None));
            }
        }

        #[test]
        fn no_bytes_cause_a_panic(bytes: Vec<u8>) {
            let _ = FrameHeader::decode(&bytes);
        }
    }
}
