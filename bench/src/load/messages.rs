//! The messages to send, made once, and the check of what comes back.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use landline_bench::frame::{self, Header};
use landline_bench::payload::{Kind, Random};
use std::io;

/// What a server does with a message.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Reply {
    /// Sends the payload back in frames of its own.
    Message,
    /// The same, compressed.
    Compressed,
    /// Sends back the very bytes it received.
    Bytes,
}

/// Masked frames, one after another, to be sent repeatedly.
pub(crate) struct Messages {
    reply: Reply,
    opcode: u8,
    size: usize,
    frames: Vec<u8>,
    /// Where each frame ends in `frames`.
    ends: Vec<usize>,
    payloads: Vec<Vec<u8>>,
}

impl Messages {
    pub(crate) fn new(kind: Kind, size: usize, reply: Reply) -> Self {
        let mut random = Random::new(size as u64);
        // No two neighbours are equal; together they fit into the cache if possible.
        let count = ((1 << 20) / size).clamp(2, 1024);
        let mut messages =
            Self { reply, opcode: kind.opcode(), size, frames: Vec::new(), ends: Vec::new(), payloads: Vec::new() };
        for _ in 0..count {
            let payload = kind.payload(size, &mut random);
            let key = Some((random.word() as u32 | 0x0101_0101).to_be_bytes());
            let first = frame::FINAL | kind.opcode();
            match reply {
                Reply::Compressed => {
                    frame::append(&mut messages.frames, first | frame::COMPRESSED, &compress(&payload), key);
                }
                _ => frame::append(&mut messages.frames, first, &payload, key),
            }
            messages.ends.push(messages.frames.len());
            messages.payloads.push(payload);
        }
        messages
    }

    /// The number of bytes of the first `count` messages.
    pub(crate) fn len(&self, count: u64) -> u64 {
        let (rounds, rest) = (count / self.count(), (count % self.count()) as usize);
        let rest = if rest == 0 { 0 } else { self.ends[rest - 1] };
        rounds * self.frames.len() as u64 + rest as u64
    }

    /// The next bytes to send after `from`, up to `to` at most.
    pub(crate) fn bytes(&self, from: u64, to: u64) -> &[u8] {
        let start = (from % self.frames.len() as u64) as usize;
        let rest = &self.frames[start..];
        &rest[..rest.len().min((to - from) as usize)]
    }

    fn count(&self) -> u64 {
        self.ends.len() as u64
    }

    /// The expected payload of the reply to a message on the wire, without compression.
    fn expected(&self, number: u64) -> &[u8] {
        let index = (number % self.count()) as usize;
        match self.reply {
            Reply::Bytes => &self.frames[self.ends[index] - self.size..self.ends[index]],
            _ => &self.payloads[index],
        }
    }
}

/// One message on its own, which can be inflated after any other.
fn compress(payload: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::with_capacity(payload.len() + 64);
    let mut deflate = Compress::new(Compression::new(6), false);
    deflate.compress_vec(payload, &mut compressed, FlushCompress::Sync).expect("no input is invalid");
    // RFC 7692, section 7.2.1: an empty block that is not sent.
    compressed.truncate(compressed.len() - 4);
    compressed
}

/// What one connection has received. The server may split replies into frames as it likes.
pub(crate) struct Replies {
    /// Whole messages.
    pub(crate) count: u64,
    /// Bytes, headers included.
    pub(crate) wire_len: u64,
    /// The beginning of a header.
    head: Vec<u8>,
    /// The frame whose payload comes next, and how much of that is still to come.
    frame: Option<(Header, usize)>,
    /// How much of the message was in earlier frames, or in this one.
    offset: usize,
    inflate: Decompress,
    compressed: Vec<u8>,
    inflated: Vec<u8>,
}

impl Replies {
    pub(crate) fn new() -> Self {
        Self {
            count: 0,
            wire_len: 0,
            head: Vec::new(),
            frame: None,
            offset: 0,
            inflate: Decompress::new(false),
            compressed: Vec::new(),
            inflated: Vec::new(),
        }
    }

    /// Processes what was received; an error if it is not as expected.
    pub(crate) fn take(&mut self, mut data: &[u8], messages: &Messages) -> io::Result<()> {
        self.wire_len += data.len() as u64;
        while !data.is_empty() {
            let Some((header, left)) = self.frame else {
                let before = self.head.len();
                self.head.extend(&data[..data.len().min(frame::MAX_HEADER_LEN - before)]);
                let Some(header) = Header::parse(&self.head) else { return Ok(()) };
                data = &data[header.len - before..];
                self.head.clear();
                self.begin(header, messages)?;
                continue;
            };
            let (piece, rest) = data.split_at(left.min(data.len()));
            data = rest;
            if messages.reply == Reply::Compressed {
                self.compressed.extend(piece);
            } else {
                let expected = &messages.expected(self.count)[self.offset..];
                if expected[..piece.len()] != *piece {
                    return Err(self.wrong("its payload differs"));
                }
            }
            self.offset += piece.len();
            self.proceed(header, left - piece.len(), messages)?;
        }
        Ok(())
    }

    fn begin(&mut self, header: Header, messages: &Messages) -> io::Result<()> {
        let is_begin = self.offset == 0;
        let mut flags = header.first & !frame::FINAL;
        if is_begin && messages.reply == Reply::Compressed {
            flags ^= frame::COMPRESSED;
        }
        if flags != if is_begin { messages.opcode } else { frame::CONTINUATION } {
            return Err(self.wrong(&format!("a frame begins with the byte {:#04x}", header.first)));
        }
        if header.mask.is_some() != (messages.reply == Reply::Bytes) {
            return Err(self.wrong("it is masked"));
        }
        if messages.reply != Reply::Compressed && self.offset + header.payload_len > messages.size {
            return Err(self.wrong("it is too long"));
        }
        self.proceed(header, header.payload_len, messages)
    }

    fn proceed(&mut self, header: Header, left: usize, messages: &Messages) -> io::Result<()> {
        self.frame = (left > 0).then_some((header, left));
        if left > 0 || !header.is_final() {
            return Ok(());
        }
        if messages.reply == Reply::Compressed {
            self.check_inflated(messages)?;
        } else if self.offset != messages.size {
            return Err(self.wrong("it is too short"));
        }
        self.offset = 0;
        self.count += 1;
        Ok(())
    }

    fn check_inflated(&mut self, messages: &Messages) -> io::Result<()> {
        self.compressed.extend([0, 0, 0xff, 0xff]);
        self.inflated.clear();
        self.inflated.reserve(messages.size + 64);
        let before = self.inflate.total_in();
        let result = self.inflate.decompress_vec(&self.compressed, &mut self.inflated, FlushDecompress::Sync);
        let taken = (self.inflate.total_in() - before) as usize;
        if result.is_err() || taken != self.compressed.len() || self.inflated != messages.expected(self.count) {
            return Err(self.wrong("its payload differs when inflated"));
        }
        self.compressed.clear();
        Ok(())
    }

    fn wrong(&self, what: &str) -> io::Error {
        io::Error::other(format!("the reply to message {} is wrong: {what}", self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server sends for the first messages, each in two frames, with one wrong bit on request.
    fn echo(messages: &Messages, wrong: Option<usize>) -> Vec<u8> {
        let mut out = Vec::new();
        for number in 0..3 {
            let (first, second) = messages.expected(number).split_at(5);
            frame::append(&mut out, frame::TEXT, first, None);
            frame::append(&mut out, frame::FINAL | frame::CONTINUATION, second, None);
        }
        wrong.into_iter().for_each(|at| out[at] ^= 1);
        out
    }

    #[test]
    fn replies_may_be_cut_anywhere() {
        let messages = Messages::new(Kind::Json, 300, Reply::Message);
        let bytes = echo(&messages, None);
        for cut in 0..bytes.len() {
            let mut replies = Replies::new();
            replies.take(&bytes[..cut], &messages).unwrap();
            replies.take(&bytes[cut..], &messages).unwrap();
            assert_eq!(replies.count, 3);
        }
    }

    #[test]
    fn a_wrong_byte_is_found() {
        let messages = Messages::new(Kind::Json, 300, Reply::Message);
        let len = echo(&messages, None).len();
        for wrong in 0..len {
            let mut replies = Replies::new();
            let is_refused = replies.take(&echo(&messages, Some(wrong)), &messages).is_err();
            assert!(is_refused || replies.count < 3, "byte {wrong}");
        }
    }

    #[test]
    fn frames_are_counted_round_after_round() {
        let messages = Messages::new(Kind::Binary, 32, Reply::Message);
        assert_eq!(messages.len(0), 0);
        assert_eq!(messages.len(2500), 2500 * (6 + 32));
        assert_eq!(messages.bytes(0, messages.len(2500)).len(), 1024 * (6 + 32));
    }
}
