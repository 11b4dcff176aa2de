//! Timeouts and interruptions, and what the call was doing.

use super::{ConnectError, Error};
use std::fmt;
use std::sync::Arc;

/// A time limit that was reached.
///
/// ```
/// # let (near, far) = landline::transport::pair();
/// # let server = std::thread::spawn(move || {
/// #     let mut ws = landline::server::accept_over(far, &landline::Config::default())?.accept()?;
/// #     while let Some(message) = ws.recv()? {
/// #         ws.send(message)?;
/// #     }
/// #     Ok::<(), landline::Error>(())
/// # });
/// # let mut ws = landline::Client::default().connect_over(near, "ws://memory/")?;
/// use landline::Error;
/// use landline::error::Phase;
/// use std::time::Duration;
///
/// let Err(Error::Timeout(timeout)) = ws.recv_timeout(Duration::from_millis(10)) else { unreachable!() };
/// assert_eq!(timeout.phase, Phase::Recv);
/// assert!(!timeout.is_fatal());
/// # drop(ws);
/// # let _ = server.join();
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Timeout {
    /// What the limit was for.
    pub phase: Phase,
    /// See [`Error::message_accepted`].
    pub accepted: bool,
    /// The operation had not started, because as many such calls as the process makes at a time had not returned from
    /// the system. Only possible for [`Phase::Resolve`], and for [`Phase::Tls`] while certificates are being read.
    pub queued: bool,
    /// The addresses that were tried, for [`Phase::Connect`].
    pub connect: Option<Arc<ConnectError>>,
    /// The proxy that was connected to or asked, for [`Phase::Proxy`]: its URL without user and password.
    pub proxy: Option<Arc<str>>,
}

/// What a call was doing when it reached a time limit or was interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Phase {
    /// Looking up the host's addresses.
    Resolve,
    /// Connecting to one of them.
    Connect,
    /// Connecting to a proxy, and through it to the server.
    Proxy,
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
        Error::Timeout(Self { phase, accepted: false, queued: false, connect: None, proxy: None })
    }

    /// The time for a step of the system's that cannot be stopped.
    pub(crate) fn of_call(phase: Phase, queued: bool) -> Error {
        Error::Timeout(Self { phase, accepted: false, queued, connect: None, proxy: None })
    }

    /// The time for connecting, in which none of these attempts succeeded.
    pub(crate) fn connecting(attempts: ConnectError) -> Error {
        let connect = Some(Arc::new(attempts));
        Error::Timeout(Self { phase: Phase::Connect, accepted: false, queued: false, connect, proxy: None })
    }

    /// Whether the connection can no longer be used. Only the limits on opening a connection end it; after those on
    /// receiving and sending, it can be used as before.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self.phase, Phase::Resolve | Phase::Connect | Phase::Proxy | Phase::Tls | Phase::Handshake)
    }
}

impl Phase {
    fn during(self) -> &'static str {
        match self {
            Self::Resolve => "while looking up the host name",
            Self::Connect => "while connecting",
            Self::Proxy => "while connecting through the proxy",
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
        match &self.proxy {
            Some(proxy) => write!(f, "timed out while connecting through proxy {proxy}")?,
            None => write!(f, "timed out {}", self.phase.during())?,
        }
        if self.queued {
            f.write_str(": too many others have not returned from the system")?;
        }
        if let Some(connect) = self.connect.as_ref().filter(|connect| !connect.attempts.is_empty()) {
            f.write_str(": tried ")?;
            connect.write_attempts(f)?;
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
