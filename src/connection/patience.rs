//! How long a sending call may take.

use crate::deadline::Deadline;
use crate::error::{Phase, Result, Timeout};
use std::time::{Duration, Instant};

/// A deadline, and a time without progress; and whether the call may be interrupted.
pub(super) struct Patience {
    deadline: Deadline,
    /// How long it may go without progress, and until when it may now.
    stall: Option<Duration>,
    stalled: Option<Deadline>,
    /// The time has run out: what still moves is no progress any more.
    ran_out: bool,
    pub(super) interruptible: bool,
    /// The call ends when the receiver is dropped, with `Closed::Sent`.
    pub(super) needs_receiver: bool,
}

impl Patience {
    pub(super) fn new(deadline: impl Into<Deadline>, stall: Option<Duration>) -> Self {
        Self {
            deadline: deadline.into(),
            stall,
            stalled: None,
            ran_out: false,
            interruptible: true,
            needs_receiver: false,
        }
    }

    /// For what the library itself sends, such as the answer to a Close frame.
    pub(super) fn until(deadline: impl Into<Deadline>) -> Self {
        Self { interruptible: false, ..Self::new(deadline, None) }
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Bytes have moved.
    pub(super) fn progress(&mut self) {
        if !self.ran_out {
            self.stalled = None;
        }
    }

    /// A wait has ended without result. If the time is over, there is one more attempt: a socket reports that it has room
    /// only when it has much, and may accept a little before. That little must not start the time again.
    pub(super) fn waited_in_vain(&mut self) {
        self.ran_out = self.wait_until().is_err();
    }

    /// Until when to wait now, or that there is no time left.
    pub(super) fn wait_until(&mut self) -> Result<Deadline> {
        if self.deadline == Deadline::NEVER && self.stall.is_none() {
            return Ok(Deadline::NEVER);
        }
        // The clock is read once, also where a wait begins.
        let now = Instant::now();
        let stalled = || self.stall.map_or(Deadline::NEVER, |stall| Deadline::at(now).later(stall));
        let until = self.deadline.earliest(*self.stalled.get_or_insert_with(stalled));
        if until.is_over_at(now) { Err(Timeout::of(Phase::Send)) } else { Ok(until) }
    }
}
