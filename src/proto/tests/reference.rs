//! An encoder and a decoder written directly from RFC 6455, for tests only. The decoder takes the whole input and
//! applies one rule after another, each as soon as the bytes it needs have arrived. It is not meant to be fast.

use super::*;

/// What one end receives from the other.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Seen {
    Message(Message),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message(message) => Self::Message(message.to_message()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close(frame) => Self::Close(frame.code().into(), frame.reason().to_owned()),
            event @ (Event::Request(_) | Event::Open(_)) => panic!("{event:?} of a connection that is open"),
        }
    }
}

pub(super) fn text(text: &str) -> Seen {
    Seen::Message(Message::Text(text.to_owned()))
}

pub(super) fn binary(bytes: &[u8]) -> Seen {
    Seen::Message(Message::Binary(bytes.to_vec()))
}

/// A frame header. `first` is its first byte: FIN, reserved bits, opcode.
pub(super) fn header(first: u8, len: u64, key: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = vec![first];
    let masked = if key.is_some() { 128 } else { 0 };
    if len < 126 {
        out.push(masked + len as u8);
    } else if len < 65536 {
        out.extend([masked + 126, (len / 256) as u8, (len % 256) as u8]);
    } else {
        out.push(masked + 127);
        out.extend((0..8).rev().map(|byte| (len >> (8 * byte)) as u8));
    }
    out.extend(key.into_iter().flatten());
    out
}

/// A whole frame.
pub(super) fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = header(first, payload.len() as u64, key);
    out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key.map_or(0, |key| key[i % 4])));
    out
}

/// What an endpoint of this role receives from `bytes`, and the close code with which it refuses the rest.
pub(super) fn decode(role: Role, limits: Limits, bytes: &[u8]) -> (Vec<Seen>, Option<u16>) {
    let mut seen = Vec::new();
    let refused = decode_into(&mut seen, role, limits, bytes).err();
    (seen, refused)
}

struct Open {
    text: bool,
    frames: u32,
    declared: u128,
    payload: Vec<u8>,
}

fn decode_into(seen: &mut Vec<Seen>, role: Role, limits: Limits, mut bytes: &[u8]) -> Result<(), u16> {
    const MALFORMED: u16 = 1002;
    let demand = |condition: bool, code: u16| if condition { Ok(()) } else { Err(code) };
    let mut open: Option<Open> = None;
    loop {
        let [first, second, ..] = *bytes else { return Ok(()) };
        let (fin, reserved, opcode) = (first >= 128, first / 16 % 8, first % 16);
        let (masked, short) = (second >= 128, second % 128);
        let long = [0, 2, 8][usize::from(short).saturating_sub(125)];
        let size = 2 + long + if masked { 4 } else { 0 };
        let control = opcode >= 8;
        demand([0, 1, 2, 8, 9, 10].contains(&opcode), MALFORMED)?;
        demand(!control || (fin && long == 0), MALFORMED)?;
        demand(reserved % 4 == 0 && !(control && reserved != 0), MALFORMED)?;
        if bytes.len() < 2 + long {
            return Ok(());
        }
        let declared = match long {
            0 => u128::from(short),
            _ => bytes[2..2 + long].iter().fold(0, |sum, byte| sum * 256 + u128::from(*byte)),
        };
        demand(declared < 1 << 63, MALFORMED)?;
        demand(declared >= [0, 126, 65536][long.min(3).div_ceil(2)], MALFORMED)?;
        if bytes.len() < size {
            return Ok(());
        }
        demand(reserved == 0, MALFORMED)?;
        demand(masked == (role == Role::Server), MALFORMED)?;
        if !control {
            demand((opcode == 0) == open.is_some(), MALFORMED)?;
        }

        let key = if masked { [0, 1, 2, 3].map(|i| bytes[size - 4 + i]) } else { [0; 4] };
        let end = u128::min(size as u128 + declared, bytes.len() as u128) as usize;
        let payload: Vec<u8> = bytes[size..end].iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
        let whole = payload.len() as u128 == declared;
        bytes = &bytes[end..];

        if control {
            if !whole {
                return Ok(());
            }
            match opcode {
                9 => seen.push(Seen::Ping(payload)),
                10 => seen.push(Seen::Pong(payload)),
                _ if payload.is_empty() => {
                    seen.push(Seen::Close(1005, String::new()));
                    return Ok(());
                }
                _ => {
                    demand(payload.len() >= 2, MALFORMED)?;
                    let code = u16::from(payload[0]) * 256 + u16::from(payload[1]);
                    let legal = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
                    demand(legal.contains(&code) || (3000..5000).contains(&code), MALFORMED)?;
                    let reason = String::from_utf8(payload[2..].to_vec()).map_err(|_| 1007u16)?;
                    seen.push(Seen::Close(code, reason));
                    return Ok(());
                }
            }
            continue;
        }
        let message =
            open.get_or_insert_with(|| Open { text: opcode == 1, frames: 0, declared: 0, payload: Vec::new() });
        message.frames += 1;
        demand(message.frames <= limits.max_fragments, 1008)?;
        message.declared += declared;
        demand(message.declared <= u128::from(limits.max_message_size), 1009)?;
        message.payload.extend(payload);
        if message.text {
            let ended = fin && whole;
            let bad =
                std::str::from_utf8(&message.payload).is_err_and(|error| ended || error.error_len().is_some());
            demand(!bad, 1007)?;
        }
        if whole && fin {
            let Open { text, payload, .. } = open.take().unwrap();
            seen.push(Seen::Message(match text {
                true => Message::Text(String::from_utf8(payload).unwrap()),
                false => Message::Binary(payload),
            }));
        }
    }
}
