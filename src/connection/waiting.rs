//! Waiting to send: for a turn, for room beside the queue, or for bytes gathered there to leave. And whom to wake.

use super::line::{Seat, Waiter, Wants};
use super::link::{Gate, Link};
use super::patience::Patience;
use super::turn::GATHER_MAX;
use crate::deadline::Deadline;
use crate::error::{Closed, Error, Interrupted, Phase, Result};
use crate::transport::INTERRUPT;
use std::sync::{Condvar, MutexGuard, PoisonError};

impl Link {
    /// Waits until this thread may have what it wants, and takes it. A caller that does not take the queue must
    /// [pass on](Self::pass_on).
    pub(super) fn wait_in_line<'a, T>(
        &'a self,
        mut gate: MutexGuard<'a, Gate>,
        wants: Wants,
        patience: &mut Patience,
        mut take: impl FnMut(&mut Gate) -> Option<T>,
    ) -> Result<(MutexGuard<'a, Gate>, T)> {
        let mut place: Option<(u64, Seat)> = None;
        let result = loop {
            if let Err(error) = gate.check_open() {
                break Err(error);
            }
            if gate.may_have(wants, place.as_ref().map(|(ticket, _)| *ticket)) {
                if let Some(taken) = take(&mut gate) {
                    break Ok(taken);
                }
            }
            let until = match self.check_interrupt(patience).and_then(|()| patience.wait_until()) {
                Ok(until) => until,
                Err(error) => break Err(error),
            };
            let (_, seat) = place.get_or_insert_with(|| gate.line.join(wants));
            gate = wait_on(seat, gate, until);
        };
        if let Some((ticket, _)) = place {
            gate.line.leave(ticket);
        }
        match result {
            Ok(taken) => Ok((gate, taken)),
            Err(error) => {
                self.pass_on(gate);
                Err(error)
            }
        }
    }

    /// Waits until everything queued so far has been handed to the transport. Writes the queue if it becomes free first.
    pub(super) fn wait_until_out<'a>(
        &'a self,
        mut gate: MutexGuard<'a, Gate>,
        patience: &mut Patience,
    ) -> Result<()> {
        let (number, seat) = gate.line.join_batch();
        // There may be room for another thread's message.
        let mut next = gate.next();
        let result = loop {
            if gate.line.is_out(number) {
                return Ok(());
            }
            if let Err(error) = gate.check_write() {
                break Err(error);
            }
            if gate.may_go(None) {
                if let Some(queue) = gate.queue.take() {
                    break Ok(queue);
                }
            }
            if patience.needs_receiver {
                self.make_sender_wakeable();
            }
            let until = match self.check_interrupt(patience).and_then(|()| patience.wait_until()) {
                Ok(until) => until,
                Err(error) => break Err(error),
            };
            if let Some(next) = next.take() {
                next.notify_one();
            }
            gate = wait_on(&seat, gate, until);
        };
        gate.line.leave_batch(number);
        match result {
            Ok(queue) => self.begin_turn(gate, queue).flush(patience),
            Err(error) => {
                // It was to write what it waited for. The thread with the queue may end its turn without writing.
                gate.flush_owed = true;
                self.pass_on(gate);
                Err(error)
            }
        }
    }

    /// Releases the gate and wakes the thread that is next. If there is none and output is pending, wakes the receiver to
    /// write it.
    #[inline]
    pub(super) fn pass_on(&self, gate: MutexGuard<'_, Gate>) {
        self.wake_next(gate, true);
    }

    #[inline]
    pub(super) fn wake_next(&self, mut gate: MutexGuard<'_, Gate>, or_receiver: bool) {
        let next = gate.next();
        let is_receivers = next.is_none() && gate.queue.is_some() && (gate.blocked || gate.flush_owed);
        gate.flush_owed &= !is_receivers;
        drop(gate);
        if let Some(seat) = next {
            seat.notify_one();
        }
        if is_receivers && or_receiver {
            self.wake_receiver();
        }
    }

    /// Fails if the call has been interrupted, or if it [needs the receiver](Patience::needs_receiver), which has gone.
    pub(super) fn check_interrupt(&self, patience: &Patience) -> Result<()> {
        if patience.needs_receiver && self.is_receiver_gone() {
            return Err(Error::Closed(Closed::Sent));
        }
        match self.send_wake.get() {
            // Of several threads, one is interrupted. That something has changed is for the one that writes.
            Some(wake) if patience.interruptible && wake.is_set() && wake.take_only(INTERRUPT) != 0 => {
                Err(Interrupted::during(Phase::Send))
            }
            _ => Ok(()),
        }
    }
}

/// Waits on a condition variable, without holding the gate.
pub(super) fn wait_on<'a>(seat: &Condvar, gate: MutexGuard<'a, Gate>, until: Deadline) -> MutexGuard<'a, Gate> {
    match until.left() {
        Some(left) => seat.wait_timeout(gate, left).unwrap_or_else(PoisonError::into_inner).0,
        None => seat.wait(gate).unwrap_or_else(PoisonError::into_inner),
    }
}

impl Gate {
    /// The thread to wake: the first in line that can have what it wants, or else one whose bytes are in the queue.
    #[inline]
    pub(super) fn next(&self) -> Option<Seat> {
        if self.line.is_empty() && !self.line.has_batches() { None } else { self.find_next() }
    }

    #[cold]
    fn find_next(&self) -> Option<Seat> {
        let batch = || self.line.first_batch().filter(|_| self.queue.is_some());
        self.first_in_line().map(|waiter| &waiter.seat).or_else(batch).cloned()
    }

    /// The first waiter that can have what it wants.
    fn first_in_line(&self) -> Option<&Waiter> {
        self.line.waiters().find(|waiter| self.has(waiter.wants))
    }

    fn has(&self, wants: Wants) -> bool {
        match wants {
            Wants::Turn { streaming } => self.is_free(streaming),
            Wants::Queue => self.queue.is_some(),
            Wants::Room { len } => !self.streaming && (self.queue.is_some() || self.has_room_beside(len)),
        }
    }

    fn has_room_beside(&self, len: usize) -> bool {
        self.beside.as_ref().is_none_or(|beside| beside.pending().len() + len < GATHER_MAX)
    }

    /// Whether a thread, which holds `ticket` if it is in line, can have what it wants and need not let others go first.
    fn may_have(&self, wants: Wants, ticket: Option<u64>) -> bool {
        // The thread that streams a message must not queue behind those that wait for its end.
        let in_turn = matches!(wants, Wants::Turn { streaming: true } | Wants::Queue);
        self.has(wants) && (in_turn || self.may_go(ticket))
    }

    /// Whether no thread that could go has waited so long that it goes first.
    fn may_go(&self, ticket: Option<u64>) -> bool {
        self.first_in_line().is_none_or(|first| ticket == Some(first.ticket) || !first.goes_first())
    }
}
