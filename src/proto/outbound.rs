//! The sending half of the protocol: frames into a byte queue (RFC 6455 sections 5.2 and 5.3).
//!
//! In scope: headers, masking, gathering small frames so that one write carries many. Out of scope: what may be
//! sent when (see `session`), writing to anything.
//!
//! Invariant: the queue holds whole frames, but for one that [`Outbound::begin`] opened and whose payload the
//! caller is adding or writing behind it. Bytes leave in the order in which they were queued.

use super::frame::{FrameHeader, Opcode, Role};
use super::mask;

/// So much that has left is worth moving what waits to the front.
const FORGET_MIN: usize = 16 << 10;

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

/// A frame whose header is queued and whose payload follows in parts.
#[derive(Clone, Copy, Debug)]
pub struct OpenFrame {
    key: Option<[u8; 4]>,
    offset: u64,
}

impl OpenFrame {
    /// Whether the payload has to be masked, and so cannot be written from where it is.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        self.key.is_some()
    }
}

/// The sending half of a connection, without I/O.
pub struct Outbound {
    masks: Option<Box<dyn MaskSource>>,
    queue: Vec<u8>,
    /// `queue[..written]` has left.
    written: usize,
}

impl Outbound {
    /// The sending half of a client, which masks every frame.
    #[must_use]
    pub fn client(masks: Box<dyn MaskSource>) -> Self {
        Self { masks: Some(masks), queue: Vec::new(), written: 0 }
    }

    /// The sending half of a server, which never masks.
    #[must_use]
    pub fn server() -> Self {
        Self { masks: None, queue: Vec::new(), written: 0 }
    }

    /// Which end this is.
    #[must_use]
    pub fn role(&self) -> Role {
        if self.masks.is_some() { Role::Client } else { Role::Server }
    }

    /// Queues a whole frame.
    #[inline]
    pub fn frame(&mut self, opcode: Opcode, fin: bool, payload: &[u8]) {
        let mut frame = self.begin(opcode, fin, payload.len() as u64);
        self.add(&mut frame, payload);
    }

    /// Queues the header of a frame of `len` bytes. All of them must follow through [`add`](Self::add), or, if
    /// the frame is not masked, be written by the caller behind what is queued, before anything else is queued.
    #[inline]
    pub fn begin(&mut self, opcode: Opcode, fin: bool, len: u64) -> OpenFrame {
        let key = self.masks.as_mut().map(|masks| masks.next_key());
        let (bytes, size) = FrameHeader { fin, rsv1: false, opcode, mask: key, len }.encode();
        self.queue.extend_from_slice(&bytes[..size]);
        OpenFrame { key, offset: 0 }
    }

    /// Queues the next part of a frame's payload.
    #[inline]
    pub fn add(&mut self, frame: &mut OpenFrame, payload: &[u8]) {
        self.forget_written();
        match frame.key {
            Some(key) => mask::append(&mut self.queue, payload, key, frame.offset),
            None => self.queue.extend_from_slice(payload),
        }
        frame.offset = frame.offset.wrapping_add(payload.len() as u64);
    }

    /// Keeps a queue that is never quite empty from growing. Moves fewer bytes than have left since the last time.
    #[inline]
    fn forget_written(&mut self) {
        if self.written >= FORGET_MIN && self.written >= self.queue.len() - self.written {
            self.queue.drain(..self.written);
            self.written = 0;
        }
    }

    /// What waits to be written.
    #[inline]
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.queue[self.written..]
    }

    /// Whether nothing waits to be written.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written == self.queue.len()
    }

    /// `count` bytes of what [`pending`](Self::pending) showed have been written.
    ///
    /// # Panics
    ///
    /// If that is more than there was.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        self.written += count;
        assert!(self.written <= self.queue.len(), "more bytes written than were pending");
        if self.is_empty() {
            self.queue.clear();
            self.written = 0;
        }
    }

    /// Gives memory back that an idle connection does not need.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            self.queue = Vec::new();
        }
    }

    /// Memory held for the queue, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.queue.capacity()
    }
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("role", &self.role()).field("pending", &self.pending().len()).finish()
    }
}
