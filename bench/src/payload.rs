//! What the messages contain: the same in every run.

use crate::frame::{BINARY, TEXT};
use std::fmt::Write;

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
pub enum Kind {
    /// Random bytes
    Binary,
    /// Text with characters of one to four bytes
    Text,
    /// Text that compresses like JSON
    Json,
}

impl Kind {
    pub fn opcode(self) -> u8 {
        if self == Self::Binary { BINARY } else { TEXT }
    }

    /// A payload of exactly `size` bytes.
    pub fn payload(self, size: usize, random: &mut Random) -> Vec<u8> {
        match self {
            Self::Binary => (0..size.div_ceil(8)).flat_map(|_| random.word().to_le_bytes()).take(size).collect(),
            Self::Text => text(size, random).into_bytes(),
            Self::Json => json(size, random).into_bytes(),
        }
    }
}

fn text(size: usize, random: &mut Random) -> String {
    let words = ["over", "the", "Zürich", "où", "день", "Αθήνα", "日本語", "한국", "🦀", "🎉🚀", "waves", "ψ"];
    let mut text = String::new();
    while text.len() + 32 < size {
        text += words[random.below(words.len() as u64) as usize];
        text.push(' ');
    }
    text.extend(std::iter::repeat_n('.', size - text.len()));
    text
}

fn json(size: usize, random: &mut Random) -> String {
    let mut text = String::from("[");
    while text.len() < size {
        let (id, celsius) = (random.below(1 << 32), random.below(4000));
        let place = ["cellar", "kitchen", "attic", "garden", "garage"][random.below(5) as usize];
        let (whole, part, open) = (celsius / 100, celsius % 100, random.below(2) == 0);
        let _ =
            write!(text, r#"{{"sensor":"{id:08x}","place":"{place}","celsius":{whole}.{part:02},"open":{open}}},"#);
    }
    text.truncate(size - 1);
    text + "]"
}

/// What clients send and receive: byte `i` is `i % 251`.
pub fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i % 251) as u8).collect()
}

/// Numbers that look random (xorshift64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(0x2545_f491_4f6c_dd1d ^ seed)
    }

    pub fn word(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        (self.word() >> 16) % limit
    }
}
