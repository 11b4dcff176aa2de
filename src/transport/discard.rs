//! Discarding input at the end of a connection. Closing a socket that holds unread data resets the connection, and a
//! reset destroys what the peer has not read yet.

use super::{Interest, Transport};
use crate::deadline::Deadline;
use std::time::Duration;

/// Size of the buffer for discarded input, which is allocated only while input is being discarded.
pub(crate) const SCRATCH: usize = 64 << 10;
/// This much is discarded without pausing: more than a peer that stops sending when it sees the Close frame can have
/// in flight.
const UNPACED: usize = 16 << 20;
/// After that, there is a pause each time this much has been discarded.
const BURST: usize = 256 << 10;
const PAUSE: Duration = Duration::from_millis(1);

/// Limits how fast input is discarded, so that a peer that never stops sending costs little CPU: TCP's flow control
/// makes it wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    until_pause: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { until_pause: UNPACED }
    }
}

impl Pace {
    /// Counts `count` discarded bytes and pauses if a pause is due. If `unsent` output is pending, the pause ends as
    /// soon as there is room for it.
    pub(crate) fn passed(&mut self, count: usize, transport: &dyn Transport, unsent: bool) {
        self.until_pause = self.until_pause.saturating_sub(count);
        if self.until_pause == 0 {
            self.until_pause = BURST;
            let interest = Interest { read: false, write: unsent };
            // If waiting fails, the next read reports why.
            let _ = transport.wait(interest, Deadline::after(PAUSE), None);
        }
    }
}
