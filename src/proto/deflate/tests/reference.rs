//! A decoder written directly from RFC 1951, for tests only: it works bit by bit and is not meant to be fast.

use super::TAIL;

/// The data of one direction of a connection so far.
#[derive(Default)]
pub(super) struct Reference {
    history: Vec<u8>,
    /// The largest distance that any message has referred back.
    pub(super) reach: usize,
    /// The last message ended within a block, which the bytes that are appended to each message happened to complete.
    pub(super) is_truncated: bool,
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<usize> {
        let mut value = 0;
        for i in 0..count {
            value |= usize::from(*self.bytes.get(self.at / 8)? >> (self.at % 8) & 1) << i;
            self.at += 1;
        }
        Some(value)
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }
}

/// A Huffman code, by the number of codes of each length.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Code {
    /// `None` for too many codes, and for too few, except for a single one or, if that is allowed, none.
    fn new(lengths: &[usize], may_be_small: bool) -> Option<Self> {
        let mut counts = [0; 16];
        lengths.iter().for_each(|length| counts[*length] += 1);
        counts[0] = 0;
        let mut left = 1usize;
        for count in &counts[1..] {
            left = (left * 2).checked_sub(*count)?;
        }
        if left > 0 && !(may_be_small && counts[2..].iter().all(|count| *count == 0)) {
            return None;
        }
        let of_length = |length| (0..lengths.len()).filter(move |symbol| lengths[*symbol] == length);
        Some(Self { counts, symbols: (1..16).flat_map(of_length).collect() })
    }

    fn read(&self, bits: &mut Bits<'_>) -> Option<usize> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code = code * 2 + bits.take(1)?;
            first *= 2;
            if code < first + count {
                return Some(self.symbols[index + code - first]);
            }
            index += count;
            first += count;
        }
        None
    }
}

const LENGTHS: [usize; 29] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
    258,
];
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

impl Reference {
    /// Empties the window before the next message.
    pub(super) fn forget(&mut self) {
        self.history.clear();
    }

    /// Decompresses `payload` to a message; `None` if it is not valid.
    pub(super) fn message(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let begin = self.history.len();
        let bytes = [payload, &TAIL].concat();
        let mut bits = Bits { bytes: &bytes, at: 0 };
        let mut window = 0;
        let end = 8 * payload.len();
        self.is_truncated = false;
        while bits.at < 8 * bytes.len() {
            let (from, before) = (bits.at, self.history.len());
            let last = bits.take(1)? == 1;
            let block_type = bits.take(2)?;
            match block_type {
                0 => {
                    bits.align();
                    let (len, inverse) = (bits.take(16)?, bits.take(16)?);
                    if len + inverse != 0xffff {
                        return None;
                    }
                    for _ in 0..len {
                        self.history.push(bits.take(8)? as u8);
                    }
                }
                1 => {
                    let mut lengths = [8; 288];
                    lengths[144..256].fill(9);
                    lengths[256..280].fill(7);
                    self.block(&mut bits, &Code::new(&lengths, false)?, &Code::new(&[5; 32], false)?, window)?;
                }
                3 => return None,
                _ => {
                    let (literals, distances) = dynamic(&mut bits)?;
                    self.block(&mut bits, &literals, &distances, window)?;
                }
            }
            // A complete message ends with the header of an empty stored block.
            let is_empty = block_type == 0 && self.history.len() == before;
            self.is_truncated |= from < end && bits.at > end && !is_empty;
            if last {
                bits.align();
                window = self.history.len();
            }
        }
        Some(self.history[begin..].to_vec())
    }

    /// Reads a block of codes, which must not refer back beyond `window`.
    fn block(&mut self, bits: &mut Bits<'_>, literals: &Code, distances: &Code, window: usize) -> Option<()> {
        loop {
            match literals.read(bits)? {
                256 => return Some(()),
                literal @ 0..256 => self.history.push(literal as u8),
                symbol => {
                    let symbol = symbol - 257;
                    let extra = if symbol == 28 { 0 } else { (symbol / 4).saturating_sub(1) };
                    let length = LENGTHS.get(symbol)? + bits.take(extra)?;
                    let symbol = distances.read(bits)?;
                    let extra = (symbol / 2).saturating_sub(1);
                    let base = if symbol < 2 { symbol } else { (2 + symbol % 2) << extra };
                    let distance = base + bits.take(extra)? + 1;
                    if symbol > 29 || distance > self.history.len() - window {
                        return None;
                    }
                    self.reach = self.reach.max(distance);
                    for _ in 0..length {
                        self.history.push(self.history[self.history.len() - distance]);
                    }
                }
            }
        }
    }
}

fn dynamic(bits: &mut Bits<'_>) -> Option<(Code, Code)> {
    let (literals, distances, codes) = (bits.take(5)? + 257, bits.take(5)? + 1, bits.take(4)? + 4);
    if literals > 286 || distances > 30 {
        return None;
    }
    let mut lengths = [0; 19];
    for symbol in &ORDER[..codes] {
        lengths[*symbol] = bits.take(3)?;
    }
    let code = Code::new(&lengths, false)?;
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (length, count) = match code.read(bits)? {
            16 => (*lengths.last()?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length, 1),
        };
        lengths.extend(std::iter::repeat_n(length, count));
    }
    if lengths.len() > literals + distances || lengths[256] == 0 {
        return None;
    }
    let (literals, distances) = lengths.split_at(literals);
    Some((Code::new(literals, true)?, Code::new(distances, true)?))
}
