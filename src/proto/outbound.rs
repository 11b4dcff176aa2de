//! The sending half of the protocol: frames into a byte queue (RFC 6455 sections 5.2 and 5.3).
//!
//! In scope: headers, masking, compressed messages, and gathering small frames so that one write sends many. Out of
//! scope: what may be sent when (see `session`), and writing the bytes anywhere.
//!
//! Invariant: the queue contains whole frames, except while a frame started by [`Outbound::begin`] is open; the caller
//! is then adding its payload, or writing it after the queued bytes. Bytes are sent in the order in which they were
//! queued.

use super::deflate::{Deflater, End};
use super::frame::{FrameHeader, Opcode, Role};
use super::mask;
use crate::compression::Compress;

/// The pending bytes are moved to the front of the queue only if at least this many before them have been written.
const COMPACT_MIN: usize = 16 << 10;

/// Where a client's masking keys come from (RFC 6455 5.3): fresh and unpredictable for every frame.
///
/// Implemented for closures, so that tests can use known keys.
pub trait MaskSource: Send {
    /// The key of the next frame.
    fn next_key(&mut self) -> [u8; 4];
}

impl<F: FnMut() -> [u8; 4] + Send> MaskSource for F {
    fn next_key(&mut self) -> [u8; 4] {
        self()
    }
}

/// How the payload of a data frame is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// Part of an uncompressed message.
    Plain,
    /// Part of a compressed message.
    Deflated,
}

/// A frame whose header has been queued and whose payload follows in parts.
#[derive(Clone, Copy, Debug)]
pub struct OpenFrame {
    key: Option<[u8; 4]>,
    offset: u64,
}

impl OpenFrame {
    /// Whether the payload must be masked, and so cannot be written directly from the caller's memory.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        self.key.is_some()
    }
}

/// A frame of a compressed message, to be queued or written, and then passed to [`Outbound::recycle`].
pub(crate) struct DeflatedFrame {
    pub(crate) payload: Vec<u8>,
    fin: bool,
}

/// Compresses a message, or a part of one, frame by frame, so that each frame can be written before the next one is
/// made.
pub(crate) struct Deflating<'a, I: Iterator<Item = &'a [u8]>> {
    part: &'a [u8],
    following: Option<&'a [u8]>,
    rest: I,
    end: End,
    is_done: bool,
}

impl<'a, I: Iterator<Item = &'a [u8]>> Deflating<'a, I> {
    /// Compresses `parts`. `end` says what follows the last of them.
    pub(crate) fn new(parts: impl IntoIterator<IntoIter = I>, end: End) -> Self {
        let mut rest = parts.into_iter();
        Self { part: rest.next().unwrap_or_default(), following: rest.next(), rest, end, is_done: false }
    }

    /// Returns the next frame, or `None` if all input has been compressed and there is nothing more to send now.
    pub(crate) fn next_frame(&mut self, out: &mut Outbound) -> Option<DeflatedFrame> {
        while !self.is_done {
            let deflater = out.deflater.as_mut()?;
            let end = if self.following.is_some() { End::Part } else { self.end };
            if let Some((payload, fin)) = deflater.run(&mut self.part, end) {
                self.is_done = fin;
                return Some(DeflatedFrame { payload, fin });
            }
            match self.following {
                Some(part) => (self.part, self.following) = (part, self.rest.next()),
                None => self.is_done = true,
            }
        }
        None
    }
}

/// The sending half of a connection, without I/O.
pub struct Outbound {
    masks: Option<Box<dyn MaskSource>>,
    /// The compressor, if compression was agreed on.
    deflater: Option<Box<Deflater>>,
    /// The last data frame was not the final one of its message.
    fragmenting: bool,
    /// Data frames have been queued since [`messages_out`](Self::messages_out).
    owes_messages: bool,
    /// Initialised memory, so that payload can be copied into it and masked in one pass.
    queue: Vec<u8>,
    /// `queue[written..end]` is pending; what is before it has been written.
    written: usize,
    end: usize,
}

impl Outbound {
    /// Makes the sending half of a client, which masks every frame.
    #[must_use]
    pub fn client(masks: Box<dyn MaskSource>) -> Self {
        Self::new(Some(masks))
    }

    /// Makes the sending half of a server, which never masks.
    #[must_use]
    pub fn server() -> Self {
        Self::new(None)
    }

    fn new(masks: Option<Box<dyn MaskSource>>) -> Self {
        Self {
            masks,
            deflater: None,
            fragmenting: false,
            owes_messages: false,
            queue: Vec::new(),
            written: 0,
            end: 0,
        }
    }

    /// Which end this is.
    #[must_use]
    pub fn role(&self) -> Role {
        if self.masks.is_some() { Role::Client } else { Role::Server }
    }

    /// Makes compressed messages possible.
    pub fn set_deflater(&mut self, deflater: Deflater) {
        self.deflater = Some(Box::new(deflater));
    }

    /// Whether messages can be compressed at all.
    #[must_use]
    pub fn can_deflate(&self) -> bool {
        self.deflater.is_some()
    }

    /// Whether the next part of a message is to be compressed, either because its message is being compressed, or
    /// because it begins a message that should be. `first` tells whether it is the first part, and `len` is the length
    /// of the message if known.
    #[inline]
    #[must_use]
    pub fn compresses(&self, compress: Compress, first: bool, len: Option<usize>) -> bool {
        self.deflater
            .as_ref()
            .is_some_and(|deflater| deflater.is_open() || (first && deflater.wants(compress, len)))
    }

    /// Whether a compressed message has been begun and not ended.
    #[must_use]
    pub fn is_deflating(&self) -> bool {
        self.deflater.as_ref().is_some_and(|deflater| deflater.is_open())
    }

    /// Queues the header of a frame of a compressed message, as [`begin`](Self::begin) does.
    pub(crate) fn begin_deflated(&mut self, opcode: Opcode, frame: &DeflatedFrame) -> OpenFrame {
        self.begin(opcode, frame.fin, Content::Deflated, frame.payload.len() as u64)
    }

    /// Reuses the memory of a frame that has been queued or written. `hurry` ends the compression of the rest of its
    /// message: see [`Deflater::hurry`].
    pub(crate) fn recycle(&mut self, frame: DeflatedFrame, hurry: bool) {
        if let Some(deflater) = &mut self.deflater {
            deflater.reuse(frame.payload);
            if hurry {
                deflater.hurry();
            }
        }
    }

    /// Whether the next data frame continues a message (RFC 6455 5.4).
    #[inline]
    #[must_use]
    pub fn is_fragmenting(&self) -> bool {
        self.fragmenting
    }

    /// Queues the head of an opening handshake, which comes before all frames.
    pub(super) fn head(&mut self, head: &[u8]) {
        self.room(head.len()).copy_from_slice(head);
    }

    /// Queues a whole control frame, or a message in one frame, while no message is being sent in fragments.
    #[inline]
    pub fn frame(&mut self, opcode: Opcode, fin: bool, payload: &[u8]) {
        self.compact();
        let key = self.next_key();
        let (header, size) =
            FrameHeader { fin, rsv1: false, opcode, mask: key, len: payload.len() as u64 }.encode();
        let room = self.room(header.len() + payload.len());
        // Copying the whole array, whose length is known at compile time, is cheaper than copying `size` bytes.
        room[..header.len()].copy_from_slice(&header);
        let room = &mut room[size..size + payload.len()];
        match key {
            Some(key) => mask::copy(room, payload, key, 0),
            None => room.copy_from_slice(payload),
        }
        self.end -= header.len() - size;
    }

    #[inline]
    fn next_key(&mut self) -> Option<[u8; 4]> {
        self.masks.as_mut().map(|masks| masks.next_key())
    }

    /// Queues the header of a data frame of `len` bytes; `content` says of what. `opcode` is that of the message: a
    /// frame that continues one gets the opcode for that. The payload must follow through [`add`](Self::add), or, if
    /// the frame is not masked, be written by the caller behind what is queued, before anything else is queued.
    #[inline]
    pub fn begin(&mut self, opcode: Opcode, fin: bool, content: Content, len: u64) -> OpenFrame {
        let key = self.next_key();
        let continues = std::mem::replace(&mut self.fragmenting, !fin);
        self.owes_messages = true;
        let opcode = if continues { Opcode::Continuation } else { opcode };
        // Only the first frame of a message says that it is compressed (RFC 7692 6.1).
        let rsv1 = content == Content::Deflated && !continues;
        let (bytes, size) = FrameHeader { fin, rsv1, opcode, mask: key, len }.encode();
        self.room(size).copy_from_slice(&bytes[..size]);
        OpenFrame { key, offset: 0 }
    }

    /// Queues the next part of a frame's payload.
    #[inline]
    pub fn add(&mut self, frame: &mut OpenFrame, payload: &[u8]) {
        self.compact();
        let room = self.room(payload.len());
        match frame.key {
            Some(key) => mask::copy(room, payload, key, frame.offset),
            None => room.copy_from_slice(payload),
        }
        frame.offset = frame.offset.wrapping_add(payload.len() as u64);
    }

    /// Moves the pending bytes of another queue to the end of this one. No frame may be open in either.
    pub fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(&mut self.queue, &mut other.queue);
            (self.written, self.end) = (other.written, other.end);
        } else {
            self.compact();
            let pending = other.pending();
            self.room(pending.len()).copy_from_slice(pending);
        }
        self.owes_messages |= std::mem::take(&mut other.owes_messages);
        (other.written, other.end) = (0, 0);
    }

    /// Keeps a queue that never becomes empty from growing without limit, by moving the pending bytes to its front. The
    /// bytes moved are never more than those written since the last time.
    #[inline]
    fn compact(&mut self) {
        if self.written >= COMPACT_MIN && self.written >= self.end - self.written {
            self.queue.copy_within(self.written..self.end, 0);
            self.end -= self.written;
            self.written = 0;
        }
    }

    /// Extends the queue by `len` bytes and returns them; the caller overwrites them.
    #[inline]
    fn room(&mut self, len: usize) -> &mut [u8] {
        let from = self.end;
        if self.queue.len() - from < len {
            self.grow(len);
        }
        self.end += len;
        &mut self.queue[from..from + len]
    }

    #[cold]
    fn grow(&mut self, len: usize) {
        let wanted = (self.end + len).max(2 * self.queue.len());
        self.queue.reserve_exact(wanted - self.queue.len());
        self.queue.resize(wanted, 0);
    }

    /// The bytes that are to be written.
    #[inline]
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.queue[self.written..self.end]
    }

    /// Whether no bytes are pending.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written == self.end
    }

    /// Records that the first `count` of the [`pending`](Self::pending) bytes have been written.
    ///
    /// # Panics
    ///
    /// If `count` is larger than the number of pending bytes.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        self.written += count;
        assert!(self.written <= self.end, "more bytes written than were pending");
        if self.is_empty() {
            (self.written, self.end) = (0, 0);
        }
    }

    /// Whether any frame of a message, as opposed to control frames, has been queued since the last call of
    /// [`messages_out`](Self::messages_out).
    #[must_use]
    pub(crate) fn owes_messages(&self) -> bool {
        self.owes_messages
    }

    /// Records that a message has been queued as a single [`frame`](Self::frame).
    #[inline]
    pub(crate) fn message_queued(&mut self) {
        self.owes_messages = true;
    }

    /// Records that everything has been written and flushed.
    #[inline]
    pub(crate) fn messages_out(&mut self) {
        self.owes_messages = false;
    }

    /// Replaces the buffer of an empty queue and returns the old one. The new one is used up to its length.
    #[must_use]
    pub(crate) fn exchange(&mut self, memory: Vec<u8>) -> Vec<u8> {
        debug_assert!(self.is_empty());
        std::mem::replace(&mut self.queue, memory)
    }

    /// Releases memory that an idle connection does not need.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            self.queue = Vec::new();
            (self.written, self.end) = (0, 0);
        }
        if let Some(deflater) = &mut self.deflater {
            deflater.shrink();
        }
    }

    /// Size of the queue's buffer, in bytes.
    #[must_use]
    pub(crate) fn queue_capacity(&self) -> usize {
        self.queue.len()
    }

    /// Memory held for output, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.queue.len() + self.deflater.as_ref().map_or(0, |deflater| deflater.capacity())
    }
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("role", &self.role()).field("pending", &self.pending().len()).finish()
    }
}
