//! Waiting to send: for a turn, for room beside the queue, or until what was gathered there is out; and who is woken.

use super::line::{Seat, Waiter, Wants};
use super::link::{Gate, Link};
use super::patience::Patience;
use super::turn::GATHER_MAX;
use crate::deadline::Deadline;
use crate::error::{Interrupted, Phase, Result};
use crate::transport::INTERRUPT;
use std::sync::{Condvar, MutexGuard, PoisonError};

impl Link {
    /// Waits until a thread may have what it wants, and takes it. Unless that is the queue, the caller
    /// [passes on](Self::pass_on) to the next.
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
            if gate.may_have(wants, place.as_ref().map(|(ticket, _)| *ticket))
                && let Some(taken) = take(&mut gate)
            {
                break Ok(taken);
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

    /// Waits until all that has been queued so far is out. If the queue is given back first, writes it.
    pub(super) fn wait_until_out<'a>(
        &'a self,
        mut gate: MutexGuard<'a, Gate>,
        patience: &mut Patience,
    ) -> Result<()> {
        let (number, seat) = gate.line.join_batch();
        // There may be room for one more.
        let mut next = gate.next();
        let result = loop {
            if gate.line.is_out(number) {
                return Ok(());
            }
            if let Err(error) = gate.check_write() {
                break Err(error);
            }
            if gate.may_go(None)
                && let Some(queue) = gate.queue.take()
            {
                break Ok(queue);
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
                self.pass_on(gate);
                Err(error)
            }
        }
    }

    /// Lets go of the gate, and wakes who comes next. If that is nobody, the receiver sees to what is left while it
    /// waits.
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

    pub(super) fn check_interrupt(&self, patience: &Patience) -> Result<()> {
        match self.send_wake.get() {
            Some(wake) if patience.interruptible && wake.is_set() && wake.take() & INTERRUPT != 0 => {
                Err(Interrupted::during(Phase::Send))
            }
            _ => Ok(()),
        }
    }
}

/// Sleeps on a seat, without the gate.
pub(super) fn wait_on<'a>(seat: &Condvar, gate: MutexGuard<'a, Gate>, until: Deadline) -> MutexGuard<'a, Gate> {
    match until.left() {
        Some(left) => seat.wait_timeout(gate, left).unwrap_or_else(PoisonError::into_inner).0,
        None => seat.wait(gate).unwrap_or_else(PoisonError::into_inner),
    }
}

impl Gate {
    /// Who is to be woken: the first in line who can have what it wants, or else somebody whose bytes are in the queue.
    #[inline]
    pub(super) fn next(&self) -> Option<Seat> {
        if self.line.is_empty() && !self.line.has_batches() { None } else { self.find_next() }
    }

    #[cold]
    fn find_next(&self) -> Option<Seat> {
        let batch = || self.line.first_batch().filter(|_| self.queue.is_some());
        self.first_in_line().map(|waiter| &waiter.seat).or_else(batch).cloned()
    }

    /// The oldest waiter who can have what it wants.
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

    /// Whether the holder of `ticket`, or somebody without one, can have what it wants and need not let others go first.
    fn may_have(&self, wants: Wants, ticket: Option<u64>) -> bool {
        // Whoever streams a message must not wait behind those who wait for its end.
        let in_turn = matches!(wants, Wants::Turn { streaming: true } | Wants::Queue);
        self.has(wants) && (in_turn || self.may_go(ticket))
    }

    /// Whether nobody who could go has waited so long as to go first.
    fn may_go(&self, ticket: Option<u64>) -> bool {
        self.first_in_line().is_none_or(|first| ticket == Some(first.ticket) || !first.goes_first())
    }
}
