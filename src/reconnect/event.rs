//! What a session reports: what it has received, and what it is doing.

use super::Failure;
use crate::deadline::Deadline;
use crate::message::Message;

/// What [`Session::recv`](super::Session::recv) returns.
#[derive(Clone, Debug)]
pub enum Event {
    /// A message.
    Message(Message),
    /// The session has a new connection: the first one, or one in place of one that was lost. All messages of the lost one
    /// have been returned before.
    Connected(Connected),
}

impl Event {
    /// The message, if it is one.
    #[must_use]
    pub fn into_message(self) -> Option<Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Connected(_) => None,
        }
    }
}

/// A new connection. [`Session::handshake`](super::Session::handshake) has what it agreed on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connected {
    /// How many connections came before it: 0 for the first one.
    pub reconnects: u64,
    /// How many attempts it took, those included whose connections did not last.
    pub attempts: u32,
    /// Why the connection before it was lost, or why the last attempt failed; `None` if nothing had failed.
    pub after: Option<Failure>,
}

/// The state of a session. From [`Session::state`](super::Session::state).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct State {
    /// What it is doing.
    pub stage: Stage,
    /// The attempts, an unfinished one included, since the last connection that
    /// [lasted](super::SessionBuilder::reset_after).
    pub attempts: u32,
    /// How many connections have taken the place of another.
    pub reconnects: u64,
    /// The latest failure; `None` if nothing has failed.
    pub last_failure: Option<Failure>,
    /// How many messages the outbox holds.
    pub outbox_len: usize,
    /// The sum of their lengths, in bytes.
    pub outbox_bytes: usize,
}

/// What a session is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Stage {
    /// It has no connection. The next attempt is due at this moment, and begins when a call receives.
    Waiting {
        /// When. In a session that has not connected yet, it has passed.
        until: Deadline,
    },
    /// An attempt is under way, also between calls; or it has succeeded, and a call runs the hook or has yet to come.
    Connecting,
    /// It has a connection, as far as is known; or has handed one out.
    Connected,
    /// It has ended, and will not connect again.
    Ended,
}
