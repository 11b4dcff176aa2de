//! Reading and throwing away, at the end of a connection: a socket that is closed with unread data in it resets the
//! connection, and a reset destroys what the peer has not read yet.

use super::{Interest, Transport};
use crate::deadline::Deadline;
use std::time::Duration;

/// Read at a time; only while something is being thrown away.
pub(crate) const SCRATCH: usize = 64 << 10;
/// So much is read as fast as it comes: more than lies on the way in any honest connection.
const AT_ONCE: usize = 16 << 20;
/// Behind that, there is a pause each time that so much has come.
const BURST: usize = 256 << 10;
const PAUSE: Duration = Duration::from_millis(1);

/// How fast to throw away what a peer sends without end: slow enough to cost little CPU, for the peer has to wait then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    until_pause: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { until_pause: AT_ONCE }
    }
}

impl Pace {
    /// `count` bytes have been thrown away. Pauses if it is time for that; not while there is room for what is `unsent`.
    pub(crate) fn passed(&mut self, count: usize, transport: &dyn Transport, unsent: bool) {
        self.until_pause = self.until_pause.saturating_sub(count);
        if self.until_pause == 0 {
            self.until_pause = BURST;
            let interest = Interest { read: false, write: unsent };
            // If it fails, reading will tell.
            let _ = transport.wait(interest, Deadline::after(PAUSE), None);
        }
    }
}
