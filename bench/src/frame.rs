//! Frames as bytes (RFC 6455, section 5.2).

pub const FINAL: u8 = 0x80;
pub const COMPRESSED: u8 = 0x40;
pub const OPCODE: u8 = 0x0f;
pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;

/// The longest possible header.
pub const MAX_HEADER_LEN: usize = 14;

/// What precedes a payload.
#[derive(Clone, Copy)]
pub struct Header {
    /// The byte with the opcode and the flags.
    pub first: u8,
    pub mask: Option<[u8; 4]>,
    pub payload_len: usize,
    /// Length of the header itself.
    pub len: usize,
}

impl Header {
    /// The header at the beginning of `bytes`, if it is complete.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (payload_len, rest) = match second & 0x7f {
            126 => rest.split_first_chunk().map(|(&len, rest)| (u16::from_be_bytes(len) as usize, rest))?,
            127 => rest.split_first_chunk().map(|(&len, rest)| (u64::from_be_bytes(len) as usize, rest))?,
            len => (len as usize, rest),
        };
        let (mask, rest) = match second & 0x80 {
            0 => (None, rest),
            _ => rest.split_first_chunk().map(|(&key, rest)| (Some(key), rest))?,
        };
        Some(Self { first, mask, payload_len, len: bytes.len() - rest.len() })
    }

    pub fn is_final(&self) -> bool {
        self.first & FINAL != 0
    }

    pub fn opcode(&self) -> u8 {
        self.first & OPCODE
    }
}

/// Appends one whole frame.
pub fn append(out: &mut Vec<u8>, first: u8, payload: &[u8], mask: Option<[u8; 4]>) {
    out.push(first);
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..126 => out.push(masked | len as u8),
        len @ 126..0x1_0000 => {
            out.push(masked | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(masked | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(mask.iter().flatten());
    let key = mask.unwrap_or_default();
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// A Close frame with code 1000.
pub fn close(mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut frame = Vec::new();
    append(&mut frame, FINAL | CLOSE, &1000u16.to_be_bytes(), mask);
    frame
}
