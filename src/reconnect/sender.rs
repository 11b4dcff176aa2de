//! The sending half of a session.

use super::shared::{Ending, Shared};
use super::{Failure, State};
use crate::close::{CloseCode, CloseFrame};
use crate::connection::{Interrupter, Sender};
use crate::deadline::Deadline;
use crate::error::Result;
#[cfg(doc)]
use crate::error::{Closed, Error};
use crate::message::Payload;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The sending half of a session: clone it for as many threads as send. It stays usable over reconnects.
///
/// Messages go out over the connection that the session has at the moment. [`connection`](Self::connection) gives that
/// connection's own [`Sender`], for everything else that can be sent.
///
/// # Errors
///
/// All sending calls can return:
///
/// - [`Closed::NotConnected`] at once if there is no connection and no outbox, [`Closed::OutboxFull`] if the outbox has no
///   room. Nothing was sent.
/// - [`Error::Timeout`] and [`Error::Interrupted`], as [`Sender`] does. The connection goes on.
/// - Any other error while the session has not ended: the connection broke while the message was on its way. How much of it
///   the server got is not known; it is not sent again.
/// - The error that ended the session; [`Closed::Sent`] after it was closed or has given up.
#[derive(Clone)]
pub struct SessionSender(Arc<Shared>);

impl SessionSender {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Sends a message: a string as text, bytes as binary. Without a connection, keeps it in the outbox if there is one.
    ///
    /// Blocks as [`Sender::send`] does while there is a connection, otherwise not at all: it never waits for a new one.
    ///
    /// # Errors
    ///
    /// See [`SessionSender`].
    pub fn send(&self, message: impl Payload) -> Result<()> {
        self.0.send(message, |sender, message| sender.send(message))
    }

    /// [`send`](Self::send) with a time limit for this call.
    ///
    /// # Errors
    ///
    /// See [`SessionSender`].
    pub fn send_timeout(&self, message: impl Payload, timeout: Duration) -> Result<()> {
        self.send_deadline(message, Deadline::after(timeout))
    }

    /// [`send`](Self::send) until a moment in time.
    ///
    /// # Errors
    ///
    /// See [`SessionSender`].
    pub fn send_deadline(&self, message: impl Payload, deadline: impl Into<Deadline>) -> Result<()> {
        let deadline = deadline.into();
        self.0.send(message, |sender, message| sender.send_deadline(message, deadline))
    }

    /// Sends a message if that needs no waiting. Never blocks. See [`Sender::try_send`].
    ///
    /// # Errors
    ///
    /// See [`SessionSender`], and [`Error::WouldBlock`].
    pub fn try_send(&self, message: impl Payload) -> Result<()> {
        self.0.send(message, |sender, message| sender.try_send(message))
    }

    /// The sending half of the connection that the session has at the moment, for pings, streams, gathered messages, its
    /// descriptor and addresses. What is sent with it may overtake messages of the outbox.
    #[must_use]
    pub fn connection(&self) -> Option<Sender> {
        self.0.sender()
    }

    /// Closes the session from any thread: the connection that it has is closed cleanly, and the receiving thread gets what
    /// the server still sends, then `None`. Without a connection, the receiving thread gets `None`, whatever it waits for.
    /// Does nothing if the session is closing or over. Blocks as [`Sender::close_start`] does.
    ///
    /// # Errors
    ///
    /// As [`Sender::close_start`].
    pub fn close_start(&self, code: CloseCode, reason: &str) -> Result<()> {
        self.close_start_deadline(code, reason, Deadline::NEVER)
    }

    /// [`close_start`](Self::close_start) until a moment in time. The session is closing even if it has passed.
    ///
    /// # Errors
    ///
    /// As [`close_start`](Self::close_start).
    pub fn close_start_deadline(&self, code: CloseCode, reason: &str, deadline: impl Into<Deadline>) -> Result<()> {
        self.0.check_process()?;
        let Some(mut sender) = self.0.begin_ending(Ending::Closing(CloseFrame::new(code, reason)?)) else {
            return Ok(());
        };
        sender.set_deadline(deadline);
        sender.close_start(code, reason)
    }

    /// Ends the session at once, without telling the server. Blocked calls in all threads return.
    pub fn abort(&self) {
        if self.0.check_process().is_ok() {
            if let Some(sender) = self.0.begin_ending(Ending::Aborted) {
                sender.abort();
            }
        }
    }

    /// See [`Session::state`](super::Session::state).
    #[must_use]
    pub fn state(&self) -> State {
        self.0.state()
    }

    /// See [`Session::interrupter`](super::Session::interrupter).
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.0.interrupter.clone()
    }
}

impl fmt::Debug for SessionSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionSender").field(&self.state()).finish()
    }
}

#[expect(dead_code, reason = "checked by the compiler")]
fn senders_are_shared_between_threads(sender: SessionSender, failure: Failure) -> impl Send + Sync {
    (sender, failure)
}
