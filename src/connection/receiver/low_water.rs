//! The transport's low-water mark: large frames are waited for in large parts.

use crate::transport::Transport;
use std::time::Duration;

/// With this much of a frame certain to come next, a thread sleeps until all of it is there. Otherwise each arriving
/// segment wakes it, which costs about as much as copying the segment.
const BULK_MIN: usize = 128 << 10;
/// But not longer than this: a peer may be slow, and a socket's buffer small.
pub(super) const BULK_WAIT: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct LowWater {
    /// What the transport was told; 1 is no mark. Higher only within the payload of one frame, and never once a call has
    /// returned.
    mark: usize,
    /// The rest of the frame is waited for as usual: the peer is too slow for more, or the transport has no mark.
    is_off: bool,
}

impl LowWater {
    pub(super) fn new() -> Self {
        Self { mark: 1, is_off: false }
    }

    #[inline]
    pub(super) fn is_set(&self) -> bool {
        self.mark > 1
    }

    /// Whether to wait for so many bytes at once, which are certain to come.
    #[inline]
    pub(super) fn is_worth(&self, bytes: usize) -> bool {
        bytes >= BULK_MIN && !self.is_off
    }

    /// Before a wait for so many bytes.
    pub(super) fn raise(&mut self, transport: &dyn Transport, bytes: usize) {
        if self.mark != bytes {
            self.set(transport, bytes);
            self.is_off = !self.is_set();
        }
    }

    /// A wait for so many bytes has ended without them.
    pub(super) fn give_up(&mut self, transport: &dyn Transport) {
        self.is_off = true;
        self.set(transport, 1);
    }

    /// After a read, with so many bytes certain to come next, or before the call `returns`.
    #[inline]
    pub(super) fn settle(&mut self, transport: &dyn Transport, bytes: usize, returns: bool) {
        if bytes == 0 {
            self.is_off = false;
        }
        if self.is_set() && (bytes < BULK_MIN || returns) {
            self.set(transport, 1);
        }
    }

    fn set(&mut self, transport: &dyn Transport, bytes: usize) {
        self.mark = if transport.set_low_water(bytes) { bytes } else { 1 };
    }
}
