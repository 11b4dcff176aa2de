//! Reading from the transport, and waiting for it.

use super::Receiver;
use super::low_water::{BULK_WAIT, LowWater};
use super::state::State;
use crate::connection::replies::Outlook;
use crate::deadline::Deadline;
use crate::error::{Closed, Error, Interrupted, Phase, Result, Timeout};
use crate::transport::Interest;
use std::io;
use std::time::{Duration, Instant};

/// A connection that has received nothing for this long releases its large buffers.
const IDLE: Duration = Duration::from_secs(1);
/// How long a call that is to end still reads what is there: a message may be half read.
const READ_ON: Duration = Duration::from_millis(200);

/// How far the transport has been read.
#[derive(Debug)]
pub(super) struct Reading {
    /// The last read emptied the transport: wait before the next one.
    is_drained: bool,
    low_water: LowWater,
    /// When memory that an idle connection does not need is released. Set when there is nothing to read, by any call;
    /// never after a read.
    free_memory_at: Deadline,
    /// Other threads may change what a wait depends on, but no descriptor was left for a way to say so.
    pub(super) cannot_be_woken: bool,
}

/// The limits of one receiving call.
pub(super) struct Call {
    pub(super) until: Deadline,
    /// Something has been read. A peer that always has something to say must not make the time limit void.
    has_read: bool,
    /// Set when the call is to end before its time is over: until when it still reads what is there.
    read_on: Option<Deadline>,
}

/// What a read and a wait depend on.
struct Conditions {
    outlook: Outlook,
    is_interrupted: bool,
    has_spare_memory: bool,
    /// How many bytes are certain to come next.
    awaited: usize,
    /// Nothing but data can end the wait, so one call of the system does both.
    may_block: bool,
}

impl Conditions {
    /// The call is to end as soon as nothing is there to be read.
    fn end_call(&self) -> bool {
        self.is_interrupted || self.outlook.is_cut
    }
}

impl Reading {
    pub(super) fn new() -> Self {
        Self {
            is_drained: false,
            low_water: LowWater::new(),
            free_memory_at: Deadline::NEVER,
            cannot_be_woken: false,
        }
    }
}

impl Call {
    pub(super) fn new(until: Deadline) -> Self {
        Self { until, has_read: false, read_on: None }
    }
}

impl Receiver {
    /// When [`free_memory`](Self::free_memory) has something to do.
    pub(super) fn free_memory_at(&self) -> Deadline {
        let has_spare_memory = self.reads_with_spare_memory() || self.link.holds_spare_memory();
        if has_spare_memory { self.reading.free_memory_at } else { Deadline::NEVER }
    }

    /// Reads once, waiting if nothing is there. Everything that is to be sent is sent first.
    pub(super) fn read_more(&mut self, call: &mut Call) -> Result<()> {
        let result = self.read_or_wait(call);
        let awaited = self.inbound.awaited();
        self.reading.low_water.settle(&*self.link.transport, awaited, result.is_err());
        result
    }

    fn read_or_wait(&mut self, call: &mut Call) -> Result<()> {
        // Nothing is there to be read, for certain: time limits count.
        let mut is_empty = false;
        loop {
            let conditions = self.conditions(call)?;
            if conditions.may_block || conditions.end_call() || !self.reading.is_drained {
                if self.read(&conditions)? {
                    call.has_read = true;
                    return Ok(());
                }
                is_empty = true;
            }
            if conditions.end_call() {
                if self.link.transport.has_buffered() {
                    continue;
                }
                return Err(self.stopped(&conditions));
            }
            let now = Instant::now();
            let is_changed =
                self.free_memory(&conditions, now) || (is_empty && self.act(&conditions, call, now)?);
            if !is_changed {
                is_empty = !self.wait(&conditions, call, now)?;
            }
        }
    }

    /// Sends what is pending, and finds out what the next read and wait depend on. Ends the call if it must not read any
    /// more.
    fn conditions(&mut self, call: &mut Call) -> Result<Conditions> {
        let wake = self.link.recv_wake.get();
        let is_woken_by_others = wake.is_some();
        let is_interrupted = wake.is_some_and(|wake| wake.is_interrupting());
        let outlook = self.link.before_wait();
        let awaited = self.inbound.awaited();
        let is_alone = !is_woken_by_others && self.liveness.is_none() && !self.reading.cannot_be_woken;
        let is_unlimited = call.until == Deadline::NEVER && outlook.close_by == Deadline::NEVER;
        let is_plain = !outlook.unsent && !outlook.is_cut && !self.reading.low_water.is_worth(awaited);
        let may_block = is_alone && is_unlimited && is_plain;
        let has_spare_memory = outlook.has_spare_memory || self.reads_with_spare_memory();
        let conditions = Conditions { outlook, is_interrupted, has_spare_memory, awaited, may_block };
        if conditions.end_call() && call.read_on.get_or_insert_with(|| Deadline::after(READ_ON)).is_over() {
            return Err(self.stopped(&conditions));
        }
        if matches!(self.state, State::Overdue) {
            return Err(self.cut());
        }
        if call.has_read && call.until.is_over() {
            return Err(Timeout::of(Phase::Recv));
        }
        Ok(conditions)
    }

    /// Reads once. Returns whether something was there.
    fn read(&mut self, conditions: &Conditions) -> Result<bool> {
        let transport = &*self.link.transport;
        let space = self.inbound.space();
        let len = space.len();
        let read = if conditions.may_block {
            debug_assert!(!self.reading.low_water.is_set());
            transport.read_blocking(space, conditions.has_spare_memory.then_some(IDLE))
        } else {
            transport.read(space)
        };
        let count = match read {
            Ok(0) => return Err(self.ended(Error::Closed(Closed::Eof))),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(self.ended(Error::io("receiving", error))),
        };
        // Under a low-water mark, what came while this was copied is taken first: the sleep is longer then.
        self.reading.is_drained = count < len && !self.reading.low_water.is_set();
        self.reading.free_memory_at = Deadline::NEVER;
        self.inbound.filled(count);
        self.link.counters.wire_received(count);
        if let Some(liveness) = &mut self.liveness {
            liveness.heard();
        }
        if matches!(self.state, State::Closing) {
            self.pace.discarded(count, transport, conditions.outlook.unsent);
        }
        if conditions.outlook.close_by.is_over() {
            self.state = State::Overdue;
        }
        Ok(true)
    }

    /// Called when there is nothing to read. Releases memory that an idle connection does not need, if nothing has arrived
    /// for a while. Returns whether it has done so.
    fn free_memory(&mut self, conditions: &Conditions, now: Instant) -> bool {
        let reading = &mut self.reading;
        if reading.free_memory_at == Deadline::NEVER {
            reading.free_memory_at = Deadline::at(now).later(IDLE);
        }
        // A blocking read has waited so long already.
        let is_due = conditions.may_block || reading.free_memory_at.is_over_at(now);
        if !conditions.has_spare_memory || !is_due {
            return false;
        }
        reading.free_memory_at = Deadline::NEVER;
        self.inbound.shrink();
        self.link.shrink();
        self.link.transport.release_memory();
        true
    }

    /// Whether there is memory for input, or of the transport, that an idle connection does not need.
    fn reads_with_spare_memory(&self) -> bool {
        self.inbound.holds_spare_memory() || self.link.transport.holds_spare_memory()
    }

    /// Called when there is nothing to read. Does what is due, and ends the call if its time is over. Returns whether
    /// something is to be sent now.
    fn act(&mut self, conditions: &Conditions, call: &Call, now: Instant) -> Result<bool> {
        if self.link.is_aborted() {
            return Err(self.ended(Error::Closed(Closed::Aborted)));
        }
        if conditions.outlook.close_by.is_over_at(now) {
            return Err(self.cut());
        }
        // Before the time limit of the call: a loop that never waits inside its calls is to get as far.
        match self.liveness.as_mut().map_or(Ok(false), |liveness| liveness.act(&self.link, now)) {
            Ok(false) if call.until.is_over_at(now) => Err(Timeout::of(Phase::Recv)),
            Ok(sends) => Ok(sends),
            Err(silent) => Err(self.ended(silent)),
        }
    }

    /// Waits until something happens. Returns whether something can be read.
    fn wait(&mut self, conditions: &Conditions, call: &Call, now: Instant) -> Result<bool> {
        let Outlook { unsent, close_by, .. } = conditions.outlook;
        let (transport, reading) = (&*self.link.transport, &mut self.reading);
        let mut until = call.until.earliest(close_by);
        if let Some(liveness) = &self.liveness {
            until = until.earliest(liveness.act_at());
        }
        if conditions.has_spare_memory {
            until = until.earliest(reading.free_memory_at);
        }
        if reading.cannot_be_woken {
            until = until.earliest(Deadline::at(now).later(IDLE));
        }
        if reading.low_water.is_worth(conditions.awaited) {
            reading.low_water.raise(transport, conditions.awaited);
        }
        if reading.low_water.is_set() {
            until = until.earliest(Deadline::at(now).later(BULK_WAIT));
        }
        let wake = self.link.recv_wake.get().map(|wake| &**wake);
        let ready = match transport.wait(Interest { write: unsent, ..Interest::READ }, until, wake) {
            Ok(ready) => ready,
            Err(error) => return Err(self.ended(Error::io("waiting to receive", error))),
        };
        // Under a low-water mark something may be there, only less than was asked for.
        reading.is_drained = !ready.read && !reading.low_water.is_set();
        if reading.low_water.is_set() && !ready.read && !ready.write && !ready.woken {
            reading.low_water.give_up(transport);
        }
        Ok(ready.read)
    }

    /// Everything that had arrived has been given.
    fn stopped(&mut self, conditions: &Conditions) -> Error {
        if conditions.is_interrupted {
            self.clear_wake();
            return Interrupted::during(Phase::Recv);
        }
        // The reason has been recorded, unless only replies could not be written: then the peer is likely to have gone.
        self.ended(Error::Closed(Closed::Eof))
    }
}
