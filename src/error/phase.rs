//! Timeouts and interruptions, and what the call was doing.

use super::Error;
use std::fmt;

/// A time limit that was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeout {
    /// What the limit was for.
    pub phase: Phase,
    /// See [`Error::message_accepted`].
    pub accepted: bool,
    /// The operation had not started, because as many such calls as the process makes at a time had not returned from
    /// the system. Only possible for [`Phase::Resolve`], and for [`Phase::Tls`] while certificates are being read.
    pub queued: bool,
}

/// What a call was doing when it reached a time limit or was interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Phase {
    /// Looking up the host's addresses.
    Resolve,
    /// Connecting to one of them.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The opening handshake.
    Handshake,
    /// Waiting for a connection.
    Accept,
    /// Receiving.
    Recv,
    /// Sending.
    Send,
    /// Waiting for a Pong.
    Ping,
}

impl Timeout {
    pub(crate) fn of(phase: Phase) -> Error {
        Error::Timeout(Self { phase, accepted: false, queued: false })
    }

    /// Whether the connection can no longer be used. Only the limits on opening a connection end it; after those on
    /// receiving and sending, it can be used as before.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self.phase, Phase::Resolve | Phase::Connect | Phase::Tls | Phase::Handshake)
    }
}

impl Phase {
    fn during(self) -> &'static str {
        match self {
            Self::Resolve => "while looking up the host name",
            Self::Connect => "while connecting",
            Self::Tls => "during the TLS handshake",
            Self::Handshake => "during the opening handshake",
            Self::Accept => "while waiting for a connection",
            Self::Recv => "while receiving",
            Self::Send => "while sending",
            Self::Ping => "while waiting for a pong",
        }
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timed out {}", self.phase.during())?;
        if self.queued {
            f.write_str(": too many others have not returned from the system")?;
        }
        Ok(())
    }
}

/// A call was ended by an [`Interrupter`](crate::Interrupter).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interrupted {
    /// What the call was doing.
    pub phase: Phase,
    /// See [`Error::message_accepted`].
    pub accepted: bool,
}

impl Interrupted {
    pub(crate) fn during(phase: Phase) -> Error {
        Error::Interrupted(Self { phase, accepted: false })
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interrupted {}", self.phase.during())
    }
}
