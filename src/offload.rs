//! Blocking calls that cannot be cancelled, for callers that have a deadline.
//!
//! Such a call runs in a helper thread, and its caller waits until it has returned, the deadline has passed, or the
//! caller is interrupted. A call whose caller has given up keeps its thread until it returns. The number of threads is
//! therefore limited; further calls wait for one in a queue, first come, first served, until their deadline. A thread
//! ends when the queue is empty.

use crate::deadline::Deadline;
use crate::process::PerProcess;
use crate::transport::{CHANGED, Interest, Wake, wait_fd};
use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long to wait before trying to start a thread again after the system has refused.
const RETRY: Duration = Duration::from_millis(50);

/// Helper threads for one kind of call.
pub(crate) struct Offload {
    name: &'static str,
    max_threads: usize,
    state: PerProcess<Mutex<State>>,
}

#[derive(Default)]
struct State {
    threads: usize,
    next: u64,
    /// Calls that wait for a thread, each with the number of its [`Ticket`].
    queue: VecDeque<(u64, Call)>,
}

type Call = Box<dyn FnOnce() + Send>;

/// Why a caller stopped waiting for its call.
pub(crate) enum GaveUp {
    /// The deadline passed. `queued`: the call had not started, because all threads were busy with others.
    Timeout { queued: bool },
    /// The wake was set to interrupt.
    Interrupted,
    /// Waiting for the call was not possible.
    Failed(io::Error),
}

impl Offload {
    /// Helper threads named `name`, at most `max_threads` at a time.
    pub(crate) const fn new(name: &'static str, max_threads: usize) -> Self {
        Self { name, max_threads, state: PerProcess::new(|| Mutex::new(State::default())) }
    }

    /// Runs `call` in a helper thread and returns its result, if it returns before `deadline` and before `wake` is set.
    /// A panic in `call` is resumed in the calling thread.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> T + Send + 'static,
        deadline: Deadline,
        wake: Option<&Wake>,
    ) -> Result<T, GaveUp> {
        let shared = self.state.get();
        let done = Arc::new(Wake::new().map_err(GaveUp::Failed)?);
        let result = Arc::new(Mutex::new(None));
        let call = {
            let (done, result) = (Arc::clone(&done), Arc::clone(&result));
            move || {
                let returned: Result<T, Box<dyn Any + Send>> = catch_unwind(AssertUnwindSafe(call));
                *lock(&result) = Some(returned);
                done.set(CHANGED);
            }
        };
        let ticket = Ticket::take(shared, Box::new(call));
        loop {
            if let Some(returned) = lock(&result).take() {
                return returned.map_err(|panic| resume_unwind(panic));
            }
            if wake.is_some_and(Wake::is_interrupting) {
                return Err(GaveUp::Interrupted);
            }
            if deadline.is_over() {
                return Err(GaveUp::Timeout { queued: ticket.is_queued() });
            }
            let until =
                if self.start_thread(shared) { deadline } else { deadline.earliest(Deadline::after(RETRY)) };
            wait_fd(done.as_fd(), Interest::READ, until, wake).map_err(GaveUp::Failed)?;
        }
    }

    /// Starts a thread if a call is queued and the limit allows it. `false` means that the system refused, and the
    /// caller should try again later.
    fn start_thread(&self, shared: &'static Mutex<State>) -> bool {
        let mut state = lock(shared);
        if state.queue.is_empty() || state.threads >= self.max_threads {
            return true;
        }
        state.threads += 1;
        drop(state);
        match thread::Builder::new().name(self.name.into()).spawn(|| work(shared)) {
            Ok(_) => true,
            Err(error) => {
                log::warn!("could not start a thread for {}: {error}", self.name);
                lock(shared).threads -= 1;
                false
            }
        }
    }
}

/// The body of a helper thread: makes queued calls until the queue is empty.
fn work(shared: &Mutex<State>) {
    loop {
        let mut state = lock(shared);
        let Some((_, call)) = state.queue.pop_front() else {
            state.threads -= 1;
            return;
        };
        drop(state);
        call();
    }
}

/// A call's place in the queue. Dropping it removes the call if it has not started.
struct Ticket<'a> {
    shared: &'a Mutex<State>,
    number: u64,
}

impl<'a> Ticket<'a> {
    fn take(shared: &'a Mutex<State>, call: Call) -> Self {
        let mut state = lock(shared);
        let number = state.next;
        state.next += 1;
        state.queue.push_back((number, call));
        Self { shared, number }
    }

    fn is_queued(&self) -> bool {
        lock(self.shared).queue.iter().any(|(number, _)| *number == self.number)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = lock(self.shared);
        let place = state.queue.iter().position(|(number, _)| *number == self.number);
        let given_up = place.and_then(|place| state.queue.remove(place));
        drop(state);
        drop(given_up);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::transport::INTERRUPT;
    use std::sync::mpsc::{Sender, channel};

    const LONG: Duration = Duration::from_secs(20);

    /// Makes a call that hangs until the returned sender is dropped, and whose caller gives up at once. The call has
    /// started when this returns.
    pub(crate) fn hang(offload: &'static Offload) -> Sender<()> {
        let (held, hold) = channel::<()>();
        let (begun, begin) = channel();
        let waiting = thread::spawn(move || {
            let wake = Arc::new(Wake::new().unwrap());
            let interrupt = Arc::clone(&wake);
            let call = move || {
                begun.send(()).unwrap();
                interrupt.set(INTERRUPT);
                let _ = hold.recv();
            };
            assert!(matches!(offload.run(call, Deadline::after(LONG), Some(&wake)), Err(GaveUp::Interrupted)));
        });
        begin.recv_timeout(LONG).unwrap();
        waiting.join().unwrap();
        held
    }

    fn threads(offload: &Offload) -> usize {
        lock(offload.state.get()).threads
    }

    fn eventually(what: &str, done: impl Fn() -> bool) {
        let limit = Deadline::after(LONG);
        while !done() {
            assert!(!limit.is_over(), "did not happen: {what}");
            thread::yield_now();
        }
    }

    #[test]
    fn calls_beyond_the_thread_limit_wait_and_all_return() {
        static FEW: Offload = Offload::new("few", 3);
        let calls: Vec<_> = (0..60)
            .map(|i| {
                thread::spawn(move || {
                    let call = move || {
                        assert!(threads(&FEW) <= 3);
                        thread::sleep(Duration::from_millis(1));
                        i
                    };
                    FEW.run(call, Deadline::after(LONG), None).ok()
                })
            })
            .collect();
        for (i, call) in calls.into_iter().enumerate() {
            assert_eq!(call.join().unwrap(), Some(i));
        }
        eventually("idle threads end", || threads(&FEW) == 0);
    }

    #[test]
    fn hanging_calls_keep_their_threads_and_a_caller_that_gives_up_leaves_the_queue() {
        static TWO: Offload = Offload::new("two", 2);
        let held = [hang(&TWO), hang(&TWO)];
        let (ran, run) = channel();
        let call = move || ran.send(()).unwrap();
        let gave_up = TWO.run(call, Deadline::after(Duration::from_millis(30)), None);
        assert!(matches!(gave_up, Err(GaveUp::Timeout { queued: true })));
        let waiting = thread::spawn(|| TWO.run(|| 7, Deadline::after(LONG), None).ok());
        eventually("the next one is in the queue", || lock(TWO.state.get()).queue.len() == 1);
        drop(held);
        assert_eq!(waiting.join().unwrap(), Some(7));
        assert!(run.recv().is_err(), "a call whose caller gave up while it was queued must not be made");
        eventually("the threads end", || threads(&TWO) == 0);
    }

    #[test]
    fn the_first_in_the_queue_is_the_first_to_run() {
        static ONE: Offload = Offload::new("one", 1);
        let held = hang(&ONE);
        let (ran, run) = channel();
        let queue = || lock(ONE.state.get()).queue.len();
        let waiting: Vec<_> = (0..8)
            .map(|i| {
                let ran = ran.clone();
                let waiting = thread::spawn(move || {
                    ONE.run(move || ran.send(i).unwrap(), Deadline::after(LONG), None).is_ok()
                });
                eventually("it is in the queue", || queue() == i + 1);
                waiting
            })
            .collect();
        drop(held);
        assert!(waiting.into_iter().all(|waiting| waiting.join().unwrap()));
        assert_eq!(run.try_iter().collect::<Vec<_>>(), Vec::from_iter(0..8));
    }

    #[test]
    fn a_call_that_has_started_times_out_as_not_queued() {
        static ONE: Offload = Offload::new("one", 1);
        let (held, hold) = channel::<()>();
        let (begun, begin) = channel();
        let call = move || {
            begun.send(()).unwrap();
            let _ = hold.recv();
        };
        let gave_up = ONE.run(call, Deadline::after(Duration::from_millis(300)), None);
        assert!(begin.try_recv().is_ok());
        assert!(matches!(gave_up, Err(GaveUp::Timeout { queued: false })));
        drop(held);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_thread_goes_on() {
        static ONE: Offload = Offload::new("one", 1);
        let panicked = catch_unwind(|| drop(ONE.run(|| panic!("seven"), Deadline::after(LONG), None)));
        assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "seven");
        assert_eq!(ONE.run(|| 8, Deadline::after(LONG), None).ok(), Some(8));
    }
}
