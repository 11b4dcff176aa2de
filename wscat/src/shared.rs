//! What the two threads of a run tell each other.

use crate::opening::{SILENCE, STALL};
use crate::output::Output;
use crate::record::Recorder;
use landline::error::{Closed, Error};
use landline::{CloseCode, Sender};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How often to look whether standard output has been taken.
const MOMENT: Duration = Duration::from_millis(10);

pub(crate) struct Shared {
    pub(crate) output: Arc<Output>,
    pub(crate) recorder: Option<Recorder>,
    /// The limit that the user has set.
    pub(crate) timeout: Option<Duration>,
    /// Input has ended, or cannot be sent: the connection is being closed.
    closing: AtomicBool,
    /// The main thread is writing to standard output, which may take as long as somebody looks at it.
    printing: AtomicBool,
    /// Why input was not sent to its end.
    trouble: OnceLock<Trouble>,
    current: Mutex<Current>,
    changed: Condvar,
}

/// The connection that there is.
#[derive(Default)]
struct Current {
    sender: Option<Sender>,
    is_over: bool,
}

pub(crate) enum Trouble {
    /// The input cannot be read, or is not what it should be; or the record cannot be written.
    Input(String),
    /// The connection does not take it, or is not closed by the peer.
    Connection(Error),
}

impl Shared {
    pub(crate) fn new(output: Arc<Output>, recorder: Option<Recorder>, timeout: Option<Duration>) -> Self {
        Self {
            output,
            recorder,
            timeout,
            closing: AtomicBool::new(false),
            printing: AtomicBool::new(false),
            trouble: OnceLock::new(),
            current: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    pub(crate) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.get()
    }

    pub(crate) fn report(&self, trouble: Trouble) {
        let _ = self.trouble.set(trouble);
    }

    /// Runs what prints.
    pub(crate) fn printing<T>(&self, print: impl FnOnce() -> T) -> T {
        self.printing.store(true, Ordering::SeqCst);
        let result = print();
        self.printing.store(false, Ordering::SeqCst);
        result
    }

    pub(crate) fn is_printing(&self) -> bool {
        self.printing.load(Ordering::SeqCst)
    }

    // ----- The connection -----

    pub(crate) fn connected(&self, sender: Sender) {
        self.current().sender = Some(sender);
        self.changed.notify_all();
    }

    pub(crate) fn disconnected(&self) {
        self.current().sender = None;
    }

    /// This one is of no use any more.
    pub(crate) fn lost(&self, sender: &Sender) {
        let mut current = self.current();
        if current.sender.as_ref().is_some_and(|current| current.id() == sender.id()) {
            current.sender = None;
        }
    }

    /// There will be no other one.
    pub(crate) fn is_over(&self) {
        self.current().is_over = true;
        self.changed.notify_all();
    }

    /// The connection, as soon as there is one; `None` when there will be none.
    pub(crate) fn sender(&self) -> Option<Sender> {
        let mut current = self.current();
        loop {
            if current.is_over {
                return None;
            }
            if let Some(sender) = &current.sender {
                return Some(sender.clone());
            }
            current = self.changed.wait(current).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until all is over, at most this long.
    pub(crate) fn wait_until_over(&self, limit: Option<Duration>) {
        let current = self.current();
        let begun = |current: &mut Current| !current.is_over;
        match limit {
            Some(limit) => drop(self.changed.wait_timeout_while(current, limit, begun)),
            None => drop(self.changed.wait_while(current, begun)),
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ----- Closing -----

    /// Closes the connection, and ends it when the peer does not close it in time. `begin` is when input ended.
    pub(crate) fn close(&self, mut sender: Sender, code: CloseCode, reason: &str, begin: Instant) {
        if self.closing.swap(true, Ordering::SeqCst) {
            return;
        }
        sender.set_deadline(Some(begin + self.timeout.unwrap_or(SILENCE)));
        // If it cannot be sent now, the receiving thread sends it as soon as it can.
        let _ = sender.close_start(code, reason);
        self.watch_closing(&sender, begin);
    }

    /// The user does not want to wait for the peer.
    pub(crate) fn give_up(&self) {
        self.report(Trouble::Input("given up before the peer had closed".to_owned()));
        if let Some(sender) = self.sender() {
            sender.abort();
        }
    }

    fn watch_closing(&self, sender: &Sender, begin: Instant) {
        loop {
            let received = sender.stats().wire_received;
            let pause = self.timeout.map_or(SILENCE, |timeout| timeout.saturating_sub(begin.elapsed()));
            std::thread::sleep(pause.max(MOMENT));
            let is_silent = received == sender.stats().wire_received;
            let is_late = self.timeout.is_some() || is_silent || begin.elapsed() >= STALL;
            // Output that is not taken is not the peer's fault.
            if is_late && !self.is_printing() {
                break;
            }
        }
        self.report(Trouble::Connection(Error::Closed(Closed::CloseUnanswered)));
        sender.abort();
    }
}
