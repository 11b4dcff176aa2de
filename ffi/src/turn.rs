//! Who receives: one thread at a time.

use landline::Deadline;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

const FREE: u8 = 0;
/// A thread receives, or a message is borrowed.
const RECEIVING: u8 = 1;
/// A thread waits for a Pong or closes, and receives only for that purpose.
const HELPING: u8 = 2;

/// How long a waiting thread sleeps before it checks again. The thread that ends a turn uses no memory barrier
/// between its write and its check for sleeping threads, because that would cost more than a small message, and so
/// may miss one.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The result of trying to take the turn.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    Mine,
    /// Another thread is receiving.
    Busy,
    /// Another thread had the turn for its own purpose until the deadline.
    Late,
}

/// The right to receive.
#[derive(Default)]
pub(crate) struct Turn {
    state: AtomicU8,
    sleepers: AtomicU32,
    sleep: Mutex<()>,
    changed: Condvar,
}

impl Turn {
    /// Takes the turn to receive. Waits, until `deadline`, for a thread that closes or waits for a Pong, but not for
    /// one that receives.
    #[inline]
    pub(crate) fn receive(&self, deadline: Deadline) -> Taken {
        if self.change(RECEIVING) { Taken::Mine } else { self.receive_after(deadline) }
    }

    #[cold]
    fn receive_after(&self, deadline: Deadline) -> Taken {
        loop {
            if self.change(RECEIVING) {
                return Taken::Mine;
            }
            if self.is(RECEIVING) {
                return Taken::Busy;
            }
            if !self.wait(deadline, || !self.is(HELPING)) {
                return Taken::Late;
            }
        }
    }

    /// Takes the turn, if it is free, to close or to wait for a Pong.
    pub(crate) fn help(&self) -> bool {
        self.change(HELPING)
    }

    /// The same, waiting until it is free.
    pub(crate) fn help_after(&self, deadline: Deadline) -> bool {
        self.wait(deadline, || self.help())
    }

    /// Ends the turn. Called only by the thread that has it.
    #[inline]
    pub(crate) fn end(&self) {
        self.state.store(FREE, Ordering::Release);
        if self.sleepers.load(Ordering::Relaxed) > 0 {
            self.wake();
        }
    }

    #[inline]
    fn change(&self, to: u8) -> bool {
        self.state.compare_exchange(FREE, to, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn is(&self, state: u8) -> bool {
        self.state.load(Ordering::Relaxed) == state
    }

    #[cold]
    fn wake(&self) {
        drop(self.sleep.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    #[cold]
    fn wait(&self, deadline: Deadline, mut done: impl FnMut() -> bool) -> bool {
        let mut sleep = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let result = loop {
            if done() {
                break true;
            }
            let left = deadline.left().unwrap_or(LOOK_AGAIN);
            if left.is_zero() {
                break false;
            }
            let waited = self.changed.wait_timeout(sleep, left.min(LOOK_AGAIN));
            sleep = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_wait_for_helpers_and_not_for_receivers() {
        let turn = Turn::default();
        assert_eq!(turn.receive(Deadline::NEVER), Taken::Mine);
        assert_eq!(turn.receive(Deadline::NEVER), Taken::Busy);
        assert!(!turn.help());
        turn.end();
        assert!(turn.help());
        assert_eq!(turn.receive(Deadline::after(Duration::from_millis(1))), Taken::Late);
        std::thread::scope(|scope| {
            let receiving = scope.spawn(|| turn.receive(Deadline::NEVER));
            turn.end();
            assert_eq!(receiving.join().unwrap(), Taken::Mine);
            let helping = scope.spawn(|| turn.help_after(Deadline::NEVER));
            turn.end();
            assert!(helping.join().unwrap());
        });
    }
}
