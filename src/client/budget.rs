//! What every step of opening a connection is bounded by.

use crate::connection::Timings;
use crate::deadline::{Deadline, Stopwatch};
use crate::error::{Error, Interrupted, Phase, Result};
use crate::transport::Wake;
use std::cell::Cell;
use std::time::Duration;

/// When opening a connection has to be done, and what can interrupt it. All steps share one budget.
#[derive(Clone, Copy)]
pub(super) struct Budget<'a> {
    pub(super) deadline: Deadline,
    pub(super) wake: Option<&'a Wake>,
    spent: &'a Spent,
}

/// What the time was spent on so far.
struct Spent {
    watch: Cell<Stopwatch>,
    timings: Cell<Timings>,
}

impl Budget<'_> {
    /// The same for a step that has a limit of its own.
    pub(super) fn at_most(self, limit: Option<Duration>) -> Self {
        Self { deadline: self.deadline.earliest(Deadline::after(limit)), ..self }
    }

    /// Counts the time since the previous call, or the beginning, as spent on `step`.
    pub(super) fn spend(self, step: impl FnOnce(&mut Timings) -> &mut Duration) {
        let (time, watch) = self.spent.watch.get().lap();
        self.spent.watch.set(watch);
        let mut timings = self.spent.timings.get();
        *step(&mut timings) += time;
        self.spent.timings.set(timings);
    }

    /// What was spent so far.
    pub(super) fn timings(self) -> Timings {
        self.spent.timings.get()
    }

    /// Fails if the step has been interrupted.
    pub(super) fn check_interrupted(self, phase: Phase) -> Result<()> {
        if self.wake.is_some_and(Wake::is_interrupting) { Err(Interrupted::during(phase)) } else { Ok(()) }
    }
}

/// Calls `open` with a budget that begins now. If `open` is interrupted, the interrupt is used up.
pub(super) fn with_budget<T>(
    timeout: Option<Duration>,
    wake: Option<&Wake>,
    open: impl FnOnce(Budget<'_>) -> Result<T>,
) -> Result<T> {
    let spent = Spent { watch: Cell::new(Stopwatch::start()), timings: Cell::default() };
    let result = open(Budget { deadline: Deadline::after(timeout), wake, spent: &spent });
    if let (Err(Error::Interrupted(_)), Some(wake)) = (&result, wake) {
        wake.take();
    }
    result
}
