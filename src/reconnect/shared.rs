//! What a session shares with its senders, under one lock.
//!
//! The lock is held for moments, and never while a thread waits. Messages of the outbox are sent under it, without waiting,
//! so that no other thread's message can overtake them: the gate of a connection may be taken under it, and is never held
//! when it is taken.

use super::outbox::Kept;
use super::{Failure, Outbox, Stage, State};
use crate::close::CloseFrame;
use crate::connection::{Interrupter, Sender};
use crate::deadline::Deadline;
use crate::error::{Closed, Error, Result};
use crate::message::{Kind, Payload};
use crate::process::Process;
use crate::transport::{INTERRUPT, Wake};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

pub(super) struct Shared {
    inner: Mutex<Inner>,
    pub(super) interrupter: Interrupter,
    made_in: Process,
}

struct Inner {
    stage: Stage,
    attempts: u32,
    /// Stops the attempt that is under way.
    stop: Weak<Wake>,
    reconnects: u64,
    last_failure: Option<Failure>,
    /// Of the connection that the session receives from.
    sender: Option<Sender>,
    outbox: Kept,
    ending: Option<Ending>,
    /// The interrupt that is pending, or was consumed, only made the receiving thread look at `ending`.
    kicked: bool,
    /// How the session ended.
    end: Option<Result<()>>,
}

/// What a program asked for. It takes effect when the receiving thread comes by.
#[derive(Clone)]
pub(super) enum Ending {
    Closing(CloseFrame),
    Aborted,
}

impl Shared {
    pub(super) fn new(interrupter: Interrupter, outbox: Option<Outbox>) -> Self {
        let inner = Inner {
            stage: Stage::Waiting { until: Deadline::after(Duration::ZERO) },
            attempts: 0,
            stop: Weak::new(),
            reconnects: 0,
            last_failure: None,
            sender: None,
            outbox: Kept::new(outbox),
            ending: None,
            kicked: false,
            end: None,
        };
        Self { inner: Mutex::new(inner), interrupter, made_in: Process::current() }
    }

    /// Fails in a process forked from the one that made the session. Comes before the lock, which another thread may have
    /// held at the fork.
    pub(super) fn check_process(&self) -> Result<()> {
        self.made_in.check()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In a forked child: nothing, and that it has ended.
    pub(super) fn state(&self) -> State {
        if let Err(error) = self.check_process() {
            let last_failure = Some(Failure::Error(error));
            return State {
                stage: Stage::Ended,
                attempts: 0,
                reconnects: 0,
                last_failure,
                outbox_len: 0,
                outbox_bytes: 0,
            };
        }
        let inner = self.lock();
        State {
            stage: inner.stage,
            attempts: inner.attempts,
            reconnects: inner.reconnects,
            last_failure: inner.last_failure.clone(),
            outbox_len: inner.outbox.len(),
            outbox_bytes: inner.outbox.bytes(),
        }
    }

    pub(super) fn end(&self) -> Option<Result<()>> {
        self.lock().end.clone()
    }

    pub(super) fn ending(&self) -> Option<Ending> {
        self.lock().ending.clone()
    }

    /// Whether an interrupt was meant to make the receiving thread look at [`ending`](Self::ending). Takes it back: it must
    /// not interrupt another call.
    pub(super) fn take_kick(&self) -> bool {
        let mut inner = self.lock();
        let kicked = std::mem::take(&mut inner.kicked);
        if kicked {
            self.interrupter.recv_wake().take();
            self.interrupter.send_wake().take_only(INTERRUPT);
        }
        kicked
    }

    /// When the next attempt is due.
    pub(super) fn due(&self) -> Deadline {
        match self.lock().stage {
            Stage::Waiting { until } => until,
            _ => Deadline::after(Duration::ZERO),
        }
    }

    /// An attempt is under way, which `stop` stops.
    pub(super) fn connecting(&self, attempts: u32, stop: Weak<Wake>) {
        let mut inner = self.lock();
        inner.stage = Stage::Connecting;
        inner.stop = stop;
        inner.attempts = attempts;
    }

    /// The next attempt is due at `until`, because of a failure if there was one.
    pub(super) fn waiting(&self, until: Deadline, attempts: u32, failure: Option<Failure>) {
        let mut inner = self.lock();
        inner.stage = Stage::Waiting { until };
        inner.attempts = attempts;
        if failure.is_some() {
            inner.last_failure = failure;
        }
    }

    /// A connection has been opened: how many came before it, and why there is a new one. `None` if the session is to end
    /// instead.
    pub(super) fn connected(&self, sender: Option<Sender>, is_first: bool) -> Option<(u64, Option<Failure>)> {
        let mut inner = self.lock();
        if inner.ending.is_some() {
            return None;
        }
        inner.stage = Stage::Connected;
        inner.sender = sender;
        inner.reconnects += u64::from(!is_first);
        Some((inner.reconnects, inner.last_failure.clone()))
    }

    /// The connection is over.
    pub(super) fn disconnected(&self) {
        let sender = self.lock().sender.take();
        // The last handle may write what was gathered, and closes the socket: not under the lock.
        drop(sender);
    }

    /// The session is over. Gives the record that counts.
    pub(super) fn finish(&self, end: Result<()>, failure: Option<Failure>) -> Result<()> {
        let mut inner = self.lock();
        inner.stage = Stage::Ended;
        inner.outbox.clear();
        if failure.is_some() {
            inner.last_failure = failure;
        }
        let end = inner.end.get_or_insert(end).clone();
        let sender = inner.sender.take();
        drop(inner);
        drop(sender);
        end
    }

    pub(super) fn sender(&self) -> Option<Sender> {
        self.check_process().ok().and_then(|()| self.lock().sender.clone())
    }

    /// Sends what the outbox holds, as far as that needs no waiting. Gives whether something is left.
    pub(super) fn send_kept(&self) -> bool {
        self.lock().send_kept()
    }

    /// Sends by `send`, or keeps the message if there is no connection.
    pub(super) fn send<P: Payload>(&self, message: P, send: impl FnOnce(&Sender, &P) -> Result<()>) -> Result<()> {
        self.check_process()?;
        let sender = {
            let mut inner = self.lock();
            inner.check_open()?;
            inner.send_kept();
            match &inner.sender {
                Some(sender) if inner.outbox.len() == 0 && sender.is_open() => sender.clone(),
                _ => return inner.keep(&message),
            }
        };
        match send(&sender, &message) {
            // The connection is closing, and the session is not: nothing was sent.
            Err(Error::Closed(Closed::Sent)) => {
                let mut inner = self.lock();
                inner.check_open()?;
                inner.keep(&message)
            }
            result => result,
        }
    }

    /// Notes what the program asked for, unless it has asked before or the session is over, and lets the thread that
    /// receives know. Gives the sender of the connection that has to be told by the caller.
    pub(super) fn begin_ending(&self, ending: Ending) -> Option<Sender> {
        let mut inner = self.lock();
        let replaces = matches!((&inner.ending, &ending), (None, _) | (Some(Ending::Closing(_)), Ending::Aborted));
        if inner.end.is_some() || !replaces {
            return None;
        }
        inner.ending = Some(ending);
        // A connection that was handed out is none of the session's business.
        if inner.sender.is_none() && inner.stage != Stage::Connected {
            inner.kicked = true;
            if let Some(stop) = inner.stop.upgrade() {
                stop.set(INTERRUPT);
            }
            // Under the lock, so that it cannot come after it was taken back. The hook may be sending.
            self.interrupter.interrupt();
            return None;
        }
        inner.sender.clone()
    }
}

impl Inner {
    /// Fails if the session is over or ending. Not with an error that would make a sender try again.
    fn check_open(&self) -> Result<()> {
        match (&self.ending, &self.end) {
            (Some(Ending::Aborted), _) => Err(Error::Closed(Closed::Aborted)),
            (None, Some(Err(error))) if !error.is_transient() => Err(error.clone()),
            (None, None) => Ok(()),
            _ => Err(Error::Closed(Closed::Sent)),
        }
    }

    fn keep(&mut self, message: &impl Payload) -> Result<()> {
        let (kind, payload): (Kind, &[u8]) = message.parts();
        self.outbox.push(kind, payload)
    }

    fn send_kept(&mut self) -> bool {
        while let (Some(sender), Some(message)) = (&self.sender, self.outbox.first()) {
            // A message that could not be taken as a whole stays. If the connection is over, the receiver will notice.
            if sender.try_send(message).is_err() {
                return true;
            }
            self.outbox.pop();
        }
        self.outbox.len() > 0
    }
}
