//! The compressor of outgoing messages: messages in, frame payloads out (RFC 7692 7.2.1).

use super::TAIL;
use super::negotiate::{DeflateParameters, MIN_WINDOW_BITS};
use crate::compression::{Compress, Compression};
use crate::proto::Role;
use flate2::{FlushCompress, Status};

/// A frame is emitted as soon as there is this much output, so that a message of any size needs constant memory.
const FRAME: usize = 64 << 10;
/// Input compressed at a time, so that output does not grow far beyond a frame.
const CHUNK: usize = 64 << 10;
/// Smallest message worth compressing on its own. If it can refer to earlier messages, a smaller one shrinks too.
const THRESHOLD: usize = 128;
/// Largest output buffer that is kept even when memory is to be freed between messages.
const KEEP: usize = 4 << 10;

/// What follows the input of a [`Deflater`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// More of the message.
    Part,
    /// More of the message, but the peer must be able to decompress all input so far.
    Flush,
    /// Nothing: the message ends.
    Message,
}

impl End {
    /// What follows a part that is the last of its message or not, and is to be flushed or not.
    #[must_use]
    pub(crate) fn of(is_last: bool, flush: bool) -> Self {
        match (is_last, flush) {
            (true, _) => Self::Message,
            (false, true) => Self::Flush,
            (false, false) => Self::Part,
        }
    }
}

/// The compressor of one connection.
pub struct Deflater {
    level: flate2::Compression,
    window_bits: u8,
    takeover: bool,
    threshold: usize,
    free: bool,
    /// Made when the first message is compressed.
    engine: Option<flate2::Compress>,
    /// Payload of the next frame.
    output: Vec<u8>,
    /// A message has been begun and not ended.
    open: bool,
    /// There has been input since the last flush.
    dirty: bool,
    /// See [`hurry`](Self::hurry).
    hurried: bool,
}

impl Deflater {
    /// Makes the compressor of the endpoint whose role is `role`.
    #[must_use]
    pub fn new(role: Role, options: &Compression, parameters: &DeflateParameters) -> Self {
        let (no_takeover, window_bits) = match role {
            Role::Client => (parameters.client_no_context_takeover, parameters.client_max_window_bits),
            Role::Server => (parameters.server_no_context_takeover, parameters.server_max_window_bits),
        };
        Self {
            level: flate2::Compression::new(options.level.into()),
            window_bits,
            takeover: !no_takeover,
            // By default everything is compressed, as other implementations do. RFC 7692 6 allows a mixture of
            // compressed and uncompressed messages, but libwebsockets' client hangs on an uncompressed one, and other
            // peers reject it.
            threshold: options.threshold.unwrap_or(if no_takeover { THRESHOLD } else { 0 }),
            free: options.free_between_messages,
            engine: None,
            output: Vec::new(),
            open: false,
            dirty: false,
            hurried: false,
        }
    }

    /// Whether a message is to be compressed. `len` is its length, if that is known.
    #[must_use]
    pub fn wants(&self, compress: Compress, len: Option<usize>) -> bool {
        let wanted = match compress {
            Compress::Never => false,
            Compress::Auto => len.is_none_or(|len| len >= self.threshold),
            Compress::Always => true,
        };
        // If the window is smaller than the engine supports, all messages are sent uncompressed, which is always
        // allowed.
        wanted && self.window_bits >= MIN_WINDOW_BITS
    }

    /// Whether a message has been begun and not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Compresses the next part of a message, and removes what it has consumed from the front of `input`.
    ///
    /// Returns the payload of the next frame, and whether the message ends with that frame; pass the payload to
    /// [`reuse`](Self::reuse) when it has been sent. Returns `None` when all of `input` has been consumed and there is
    /// nothing to send yet. Call it again until it returns `None` or the end of the message.
    #[must_use]
    pub fn run(&mut self, input: &mut &[u8], end: End) -> Option<(Vec<u8>, bool)> {
        self.fill(input, end).map(|last| (std::mem::take(&mut self.output), last))
    }

    /// [`run`](Self::run), with the payload left in `output`.
    fn fill(&mut self, input: &mut &[u8], end: End) -> Option<bool> {
        self.open = true;
        loop {
            if self.output.len() >= FRAME {
                return Some(false);
            }
            let (chunk, rest) = input.split_at(input.len().min(CHUNK));
            *input = rest;
            self.dirty |= !chunk.is_empty();
            if rest.is_empty() && end != End::Part {
                if self.dirty {
                    self.compress(chunk, FlushCompress::Sync);
                    self.dirty = false;
                    if end == End::Message {
                        debug_assert!(self.output.ends_with(&TAIL));
                        self.output.truncate(self.output.len() - TAIL.len());
                    }
                } else if end == End::Message {
                    // An empty block, without its tail (RFC 7692 7.2.3.6).
                    self.output.push(0);
                }
                if end == End::Message {
                    self.end_message();
                    return Some(true);
                }
                return (!self.output.is_empty()).then_some(false);
            }
            if chunk.is_empty() {
                return None;
            }
            self.compress(chunk, FlushCompress::None);
        }
    }

    /// Takes back a payload that has been sent, so that its memory can be reused.
    pub fn reuse(&mut self, mut output: Vec<u8>) {
        if !self.free || output.capacity() <= KEEP {
            output.clear();
            self.output = output;
        }
    }

    /// Stops spending time on the current message: the rest of it is encoded as stored blocks, without compression. The
    /// next message begins with an empty window. Does nothing if no message is open.
    pub fn hurry(&mut self) {
        if self.open && !self.hurried {
            if self.dirty {
                self.compress(&[], FlushCompress::Sync);
                self.dirty = false;
            }
            self.hurried = true;
            self.engine = None;
        }
    }

    /// Memory held for output, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.output.capacity()
    }

    /// Releases memory that an idle connection does not need. The window is kept.
    pub fn shrink(&mut self) {
        if self.output.is_empty() {
            self.output = Vec::new();
        }
    }

    /// Compresses all of `input`. If `flush` is a sync flush, all input so far is in the output afterwards.
    fn compress(&mut self, mut input: &[u8], flush: FlushCompress) {
        let level = if self.hurried { flate2::Compression::none() } else { self.level };
        let engine = self
            .engine
            .get_or_insert_with(|| flate2::Compress::new_with_window_bits(level, false, self.window_bits));
        loop {
            self.output.reserve(64 + input.len() / 4);
            let before = engine.total_in();
            // Fails only after the end of the deflate stream, which is never reached.
            let status = engine.compress_vec(input, &mut self.output, flush);
            debug_assert!(matches!(status, Ok(Status::Ok | Status::BufError)));
            input = &input[(engine.total_in() - before) as usize..];
            // If there is room left in the output, the engine has no more output.
            if self.output.len() < self.output.capacity() || status.is_err() {
                return;
            }
        }
    }

    fn end_message(&mut self) {
        self.open = false;
        let hurried = std::mem::take(&mut self.hurried);
        if self.free || hurried {
            self.engine = None;
        } else if let Some(engine) = self.engine.as_mut().filter(|_| !self.takeover) {
            engine.reset();
        }
    }
}

impl std::fmt::Debug for Deflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deflater")
            .field("level", &self.level.level())
            .field("window_bits", &self.window_bits)
            .field("takeover", &self.takeover)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}
