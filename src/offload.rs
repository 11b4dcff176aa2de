//! Blocking calls that cannot be cancelled, for callers that have a deadline.
//!
//! Such a call runs in a helper thread, and its caller waits until it has returned, the deadline has passed, or the
//! caller is interrupted. A call whose caller has given up keeps its thread until it returns. The number of threads is
//! therefore limited; further calls wait for one in a queue, first come, first served, until their deadline. A thread
//! ends when the queue is empty.

use crate::deadline::Deadline;
use crate::process::PerProcess;
use crate::transport::{CHANGED, Interest, Wake, wait_fd};
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
    /// How many of them are making a call.
    busy: usize,
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
        let done = Arc::new(Wake::new().map_err(GaveUp::Failed)?);
        let pending = self.start(call, &done);
        loop {
            if let Some(returned) = pending.take() {
                return Ok(returned);
            }
            if wake.is_some_and(Wake::is_interrupting) {
                return Err(GaveUp::Interrupted);
            }
            if deadline.is_over() {
                return Err(GaveUp::Timeout { queued: pending.is_queued() });
            }
            let until = deadline.earliest(pending.advance());
            wait_fd(done.as_fd(), Interest::READ, until, wake).map_err(GaveUp::Failed)?;
        }
    }

    /// Queues `call` for a helper thread, without waiting. `done` is set when it has returned; several calls may share
    /// one.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> T + Send + 'static,
        done: &Arc<Wake>,
    ) -> Pending<'_, T> {
        let result = Arc::new(Mutex::new(None));
        let call = {
            let (done, result) = (Arc::clone(done), Arc::clone(&result));
            move || {
                let returned = catch_unwind(AssertUnwindSafe(call));
                *lock(&result) = Some(returned);
                done.set(CHANGED);
            }
        };
        Pending { offload: self, ticket: Ticket::take(self.state.get(), Box::new(call)), result }
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

/// A call that has not returned yet. Dropping it removes the call from the queue if it has not started.
pub(crate) struct Pending<'a, T> {
    offload: &'a Offload,
    ticket: Ticket,
    result: Arc<Mutex<Option<thread::Result<T>>>>,
}

impl<T> Pending<'_, T> {
    /// Starts a helper thread if one is needed. To be called before each wait, which must not take longer than until
    /// the returned deadline: the system may have refused to start a thread.
    pub(crate) fn advance(&self) -> Deadline {
        if self.offload.start_thread(self.ticket.shared) { Deadline::NEVER } else { Deadline::after(RETRY) }
    }

    /// What the call returned, once. A panic in it is resumed in the calling thread.
    pub(crate) fn take(&self) -> Option<T> {
        let returned = lock(&self.result).take()?;
        Some(returned.unwrap_or_else(|panic| resume_unwind(panic)))
    }

    /// Whether it has not started because all threads are busy.
    pub(crate) fn is_queued(&self) -> bool {
        lock(self.ticket.shared).busy >= self.offload.max_threads && self.ticket.is_queued()
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
        state.busy += 1;
        drop(state);
        call();
        lock(shared).busy -= 1;
    }
}

/// A call's place in the queue. Dropping it removes the call if it has not started.
struct Ticket {
    shared: &'static Mutex<State>,
    number: u64,
}

impl Ticket {
    fn take(shared: &'static Mutex<State>, call: Call) -> Self {
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

impl Drop for Ticket {
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
