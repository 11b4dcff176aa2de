//! The threads that wait to send, arranged so that no thread is woken only to go back to sleep.
//!
//! There are two kinds of waiters. Those in the line want the queue, or room in it. They stand in order of arrival, and are
//! woken one at a time. The others have put a small frame into the queue and wait for it to leave. Those whose bytes leave
//! together form a batch, and are woken together.
//!
//! Batches are numbered. When a thread takes the queue, or what was gathered beside it, the batch that it takes is
//! complete, and the next number begins.

use crate::deadline::Deadline;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar};
use std::time::Duration;

/// A thread that has waited this long for its turn goes before threads that have just arrived. Granting every turn in order
/// would cost two thread switches per message; never doing so would let one thread starve another.
const FAIR_AFTER: Duration = Duration::from_millis(1);

/// What a thread in the line waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wants {
    /// The queue, to send a message, or the next part of the one that is being streamed.
    Turn { streaming: bool },
    /// The queue, whatever is being streamed.
    Queue,
    /// The queue, or room for a small message of this length beside it.
    Room { len: usize },
}

/// The waiting threads. Protected by the gate.
#[derive(Default)]
pub(super) struct Line {
    /// The oldest first.
    waiters: VecDeque<Waiter>,
    next_ticket: u64,
    /// Those that threads are waiting for, in order of their numbers.
    batches: VecDeque<Batch>,
    /// The number of the batch that is being gathered.
    gathering: u64,
    /// Everything with a lower number has been handed to the transport.
    out_below: u64,
}

/// What a thread waits on.
pub(super) type Seat = Arc<Condvar>;

pub(super) struct Waiter {
    pub(super) ticket: u64,
    /// When it begins to go before threads that have just arrived.
    fair_from: Deadline,
    pub(super) wants: Wants,
    pub(super) seat: Seat,
}

impl Waiter {
    /// Whether it goes before threads that have just arrived.
    pub(super) fn goes_first(&self) -> bool {
        self.fair_from.is_over()
    }
}

struct Batch {
    number: u64,
    waiting: u32,
    seat: Seat,
}

impl Line {
    /// Whether the line is empty. Threads that wait for their bytes to leave are not in it.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// The oldest first.
    pub(super) fn waiters(&self) -> impl Iterator<Item = &Waiter> {
        self.waiters.iter()
    }

    /// Joins the end of the line.
    pub(super) fn join(&mut self, wants: Wants) -> (u64, Seat) {
        let (ticket, seat) = (self.next_ticket, Seat::default());
        self.next_ticket += 1;
        self.waiters.push_back(Waiter {
            ticket,
            fair_from: Deadline::after(FAIR_AFTER),
            wants,
            seat: Arc::clone(&seat),
        });
        (ticket, seat)
    }

    pub(super) fn leave(&mut self, ticket: u64) {
        self.waiters.retain(|waiter| waiter.ticket != ticket);
    }

    /// Joins the threads that wait for what has been queued so far.
    pub(super) fn join_batch(&mut self) -> (u64, Seat) {
        let number = self.gathering;
        let batch = match self.batches.back_mut() {
            Some(batch) if batch.number == number => batch,
            _ => {
                self.batches.push_back(Batch { number, waiting: 0, seat: Seat::default() });
                let last = self.batches.len() - 1;
                &mut self.batches[last]
            }
        };
        batch.waiting += 1;
        (number, Arc::clone(&batch.seat))
    }

    pub(super) fn leave_batch(&mut self, number: u64) {
        if let Some(batch) = self.batches.iter_mut().find(|batch| batch.number == number) {
            batch.waiting -= 1;
        }
        self.batches.retain(|batch| batch.waiting > 0);
    }

    /// Whether a whole batch has been handed to the transport.
    #[inline]
    pub(super) fn is_out(&self, number: u64) -> bool {
        number < self.out_below
    }

    /// Records that a thread has taken what was queued so far, to write it.
    #[inline]
    pub(super) fn taken(&mut self) {
        self.gathering += 1;
    }

    /// Records that what was taken has been handed to the transport. Returns what the threads waiting for it wait on.
    #[inline]
    pub(super) fn written(&mut self) -> Vec<Seat> {
        self.out_below = self.gathering;
        if self.batches.is_empty() { Vec::new() } else { self.batches_out() }
    }

    #[cold]
    fn batches_out(&mut self) -> Vec<Seat> {
        let count = self.batches.iter().take_while(|batch| batch.number < self.out_below).count();
        self.batches.drain(..count).map(|batch| batch.seat).collect()
    }

    /// Whether a thread is waiting for bytes that are queued or being written.
    #[inline]
    pub(super) fn has_batches(&self) -> bool {
        !self.batches.is_empty()
    }

    /// What the threads whose bytes have waited longest wait on.
    pub(super) fn first_batch(&self) -> Option<&Seat> {
        self.batches.front().map(|batch| &batch.seat)
    }

    /// Wakes all threads, to look at the state of the connection.
    pub(super) fn wake_all(&self) {
        self.waiters.iter().for_each(|waiter| waiter.seat.notify_all());
        self.batches.iter().for_each(|batch| batch.seat.notify_all());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_out_when_what_was_taken_with_it_is_written() {
        let mut line = Line::default();
        let (first, seat) = line.join_batch();
        assert_eq!(line.join_batch().0, first);
        line.taken();
        let (second, _) = line.join_batch();
        assert!(second > first && !line.is_out(first));
        let woken = line.written();
        assert!(woken.len() == 1 && Arc::ptr_eq(&woken[0], &seat));
        assert!(line.is_out(first) && !line.is_out(second));
        line.leave_batch(second);
        assert!(!line.has_batches() && line.first_batch().is_none());
    }

    #[test]
    fn a_batch_ends_when_the_last_of_its_threads_leaves() {
        let mut line = Line::default();
        let (number, _) = line.join_batch();
        assert_eq!(line.join_batch().0, number);
        line.leave_batch(number);
        assert!(line.has_batches());
        line.leave_batch(number);
        assert!(!line.has_batches());
    }
}
