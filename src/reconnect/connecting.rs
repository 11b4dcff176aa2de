//! From the loss of a connection to the next one: waiting, trying, and deciding what comes after a failure.
//!
//! An attempt counts from its beginning, and not at all if this program breaks it off. A time limit of the call does not
//! break it off: the next call waits on. Neither does it cut the hook off, as long as the client's own limit has not passed.
//! Otherwise a program that receives with short limits would never get a connection.
//!
//! A failure is decided about once, in
//! `failed`: it leads to a wait, or to the end of the session, which `Shared` records.

use super::attempt::Attempt;
use super::shared::Ending;
use super::{Connected, Failure, Session};
use crate::close::{CloseCode, CloseFrame, Side};
use crate::connection::{Handshake, Sender, WebSocket};
use crate::deadline::Deadline;
use crate::entropy;
use crate::error::{Closed, Error, Interrupted, Phase, Result, Timeout, UsageError};
use crate::transport::{Interest, wait_fd};
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::time::Duration;

impl Session {
    /// Waits, and tries to connect until that succeeds. `None`: the session has ended cleanly.
    pub(super) fn open(&mut self, until: Deadline) -> Result<Option<WebSocket>> {
        if std::mem::take(&mut self.handed_out) && self.shared.end().is_none() {
            self.done_with_handed_out()?;
        }
        loop {
            if let Some(end) = self.shared.end() {
                return end.map(|()| None);
            }
            if self.shared.ending().is_some() {
                return self.finish_ending();
            }
            let result = self.attempt(until).map(|opened| opened.and_then(|ws| self.prepare(ws, until)));
            let error = match result {
                Ok(Ok(ws)) => {
                    self.attempt = None;
                    self.lasts_from = self.attempts.lasts_from();
                    return Ok(Some(ws));
                }
                Ok(Err(error)) if !matches!(error, Error::Interrupted(_)) => {
                    self.attempt = None;
                    // If the session is to end, what came of the attempt does not matter any more.
                    if self.shared.ending().is_none() {
                        self.failed(Failure::Error(error), None)?;
                    }
                    continue;
                }
                Ok(Err(error)) | Err(error) => error,
            };
            if matches!(error, Error::Interrupted(_)) {
                if self.attempt.take().is_some() {
                    self.attempts.undo();
                    self.shared.waiting(Deadline::after(Duration::ZERO), self.attempts.made(), None);
                }
                if self.shared.take_kick() {
                    continue;
                }
            }
            return Err(error);
        }
    }

    /// Waits for the result of the attempt that is under way, or begins one when it is due. An error, of waiting, leaves the
    /// attempt under way.
    fn attempt(&mut self, until: Deadline) -> Result<Result<WebSocket>> {
        let attempt = match &self.attempt {
            Some(attempt) => attempt,
            None => {
                self.wait(self.shared.due(), until)?;
                self.attempts.begin();
                match Attempt::begin(&self.client, &self.endpoint) {
                    Ok(attempt) => {
                        self.shared.connecting(self.attempts.made(), attempt.stop());
                        self.attempt.insert(attempt)
                    }
                    Err(error) => return Ok(Err(error)),
                }
            }
        };
        let end = attempt.wait(until, self.shared.interrupter.recv_wake())?;
        Ok(end.unwrap_or_else(|panic| {
            self.attempt = None;
            resume_unwind(panic)
        }))
    }

    /// Lets the interrupter serve a connection, and calls the hook.
    fn prepare(&mut self, mut ws: WebSocket, until: Deadline) -> Result<WebSocket> {
        ws.attach(&self.shared.interrupter);
        if let Some(hook) = &mut self.on_connect {
            let limit = self.attempt.as_ref().map_or(until, Attempt::limit);
            ws.set_deadline(limit.latest(until));
            match hook(&mut ws) {
                // The server has closed the connection. Its close code decides, as soon as there is nothing to receive.
                Err(Error::Closed(Closed::Sent)) if ws.close_info().first == Some(Side::Remote) => {}
                // It would be so after each attempt.
                Err(Error::Closed(Closed::NotConnected | Closed::OutboxFull)) => {
                    return Err(UsageError::SessionInHook.into());
                }
                result => result?,
            }
            ws.set_deadline(None);
        }
        Ok(ws)
    }

    /// Waits until `due`. The interrupter can end that.
    fn wait(&self, due: Deadline, until: Deadline) -> Result<()> {
        let wake = self.shared.interrupter.recv_wake();
        loop {
            if wake.is_interrupting() {
                wake.take();
                return Err(Interrupted::during(Phase::Recv));
            }
            if due.is_over() {
                return Ok(());
            }
            if until.is_over() {
                return Err(Timeout::of(Phase::Recv));
            }
            wait_fd(wake.as_fd(), Interest::READ, due.earliest(until), Some(wake))
                .map_err(|error| Error::io("waiting to reconnect", error))?;
        }
    }

    /// Makes a connection known. `None` if the session is to end instead.
    pub(super) fn publish(&mut self, handshake: Handshake, sender: Option<Sender>) -> Option<Connected> {
        let (reconnects, after) = self.shared.connected(sender, self.handshake.is_none())?;
        self.handshake = Some(handshake);
        Some(Connected { reconnects, attempts: self.attempts.made(), after })
    }

    /// The caller wants another connection than the one that it was given.
    fn done_with_handed_out(&mut self) -> Result<()> {
        if self.lasts_from.is_over() {
            self.attempts.reset();
        }
        match self.attempts.next_wait(None, random()) {
            Some(wait) => {
                self.shared.waiting(Deadline::after(wait), self.attempts.made(), None);
                Ok(())
            }
            None => self.shared.finish(Err(Error::Closed(Closed::NotConnected)), None),
        }
    }

    /// The connection was closed cleanly.
    pub(super) fn closed(&mut self) -> Result<()> {
        let info = self.close_info();
        let failure = Failure::Closed(info.received.unwrap_or(CloseFrame::EMPTY));
        if info.first == Some(Side::Local) {
            self.drop_connection();
            return self.shared.finish(Ok(()), Some(failure));
        }
        self.lost(failure)
    }

    /// The connection is over.
    pub(super) fn lost(&mut self, failure: Failure) -> Result<()> {
        self.drop_connection();
        if self.lasts_from.is_over() {
            self.attempts.reset();
        }
        let ending = self.shared.ending();
        self.failed(failure, ending)
    }

    pub(super) fn drop_connection(&mut self) {
        if let Some(receiver) = self.receiver.take() {
            self.last_close = receiver.close_info();
        }
        self.attempt = None;
        self.shared.disconnected();
    }

    /// Decides what comes after a failure. An error if the session has ended with it.
    fn failed(&mut self, failure: Failure, ending: Option<Ending>) -> Result<()> {
        let is_worth_it = ending.is_none()
            && match &mut self.retry_if {
                Some(decide) => decide(&failure),
                None => failure.is_transient(),
            };
        let wait = if is_worth_it { self.attempts.next_wait(failure.retry_after(), random()) } else { None };
        if let Some(wait) = wait {
            log::info!("no connection to {}: {failure:#}; trying again in {wait:.1?}", self.endpoint);
            self.shared.waiting(Deadline::after(wait), self.attempts.made(), Some(failure));
            return Ok(());
        }
        let end = match (ending, &failure) {
            (Some(Ending::Aborted), _) => Err(Error::Closed(Closed::Aborted)),
            (_, Failure::Closed(_)) => Ok(()),
            // A time limit of the receiving call looks like this, after which it is made again.
            (_, Failure::Error(Error::Timeout(timeout))) => Err(Error::GaveUp(timeout.clone())),
            (_, Failure::Error(error)) => Err(error.clone()),
        };
        self.shared.finish(end, Some(failure))
    }

    /// Ends the session, which has no connection, as the program has asked.
    fn finish_ending<T>(&mut self) -> Result<Option<T>> {
        self.attempt = None;
        self.close_unused(|_, _| Ok(()))
    }

    /// The same when a connection has just been opened, which `close` closes.
    pub(super) fn close_unused<T>(
        &mut self,
        close: impl FnOnce(CloseCode, &str) -> Result<()>,
    ) -> Result<Option<T>> {
        let end = match self.shared.ending() {
            Some(Ending::Closing(frame)) => close(frame.code(), frame.reason()),
            _ => Err(Error::Closed(Closed::Aborted)),
        };
        self.shared.take_kick();
        self.shared.finish(end, None).map(|()| None)
    }
}

/// If the system has no random bytes, there is no jitter.
fn random() -> u32 {
    entropy::nonce().map_or(0, |[a, b, c, d, ..]| u32::from_ne_bytes([a, b, c, d]))
}
