//! How long a sending call may take.

use crate::deadline::Deadline;
use crate::error::{Phase, Result, Timeout};
use std::time::{Duration, Instant};

/// A deadline, and a time without progress; and whether the call may be interrupted.
pub(super) struct Patience {
    deadline: Option<Instant>,
    stall: Option<Duration>,
    stalled_since: Option<Instant>,
    /// The time has run out: what still moves is no progress any more.
    ran_out: bool,
    pub(super) interruptible: bool,
}

impl Patience {
    pub(super) fn new(deadline: Option<Instant>, stall: Option<Duration>) -> Self {
        Self { deadline, stall, stalled_since: None, ran_out: false, interruptible: true }
    }

    /// For what has to be said on the library's own account, such as the answer to a Close frame.
    pub(super) fn until(deadline: impl Into<Deadline>) -> Self {
        Self { interruptible: false, ..Self::new(deadline.into().instant(), None) }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Bytes have moved.
    pub(super) fn progress(&mut self) {
        if !self.ran_out {
            self.stalled_since = None;
        }
    }

    /// A wait has ended with nothing to show for it. If its time is over, one more try is left: a socket says that it
    /// has room only when it has much, and may take a little before. That little must not start the time anew.
    pub(super) fn waited_in_vain(&mut self) {
        self.ran_out = self.wait_until().is_err();
    }

    /// Until when to wait now, or that there is no time left.
    pub(super) fn wait_until(&mut self) -> Result<Option<Instant>> {
        if self.deadline.is_none() && self.stall.is_none() {
            return Ok(None);
        }
        let now = Instant::now();
        let since = *self.stalled_since.get_or_insert(now);
        let stalled = self.stall.and_then(|stall| since.checked_add(stall));
        let until = earliest(self.deadline, stalled);
        if until.is_some_and(|until| until <= now) { Err(Timeout::of(Phase::Send)) } else { Ok(until) }
    }
}

/// The earlier of two moments, `None` being never.
pub(super) fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
