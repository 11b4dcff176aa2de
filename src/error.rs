//! Errors: whose fault they are, whether the connection survives, and what to tell the user.

mod connect;
mod phase;
mod proxy;
mod redirect;
mod report;
mod setting;
mod tls;
mod transient;

pub use connect::{Address, Attempt, ConnectError};
pub use phase::{Interrupted, Phase, Timeout};
pub use proxy::{ProxyError, ProxyFailure, ProxyUrlError};
pub use redirect::{RedirectError, RedirectFault};
pub use setting::{ConfigError, Setting};
pub use tls::{TlsError, TlsReason, TlsStage};

use crate::close::{CloseCode, CloseFrameError};
use crate::proto;
use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

pub use crate::proto::auth::CredentialsError;
pub use crate::proto::handshake::{HandshakeError, HeaderError, Refusal, Rejection, RequestError, ResponseError};
pub use crate::proto::{LimitError, ProtocolError, ReceiveError};
pub use crate::uri::UrlError;

/// The result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of every call of this crate.
///
/// [`fault`](Self::fault) tells whose fault it is, [`is_fatal`](Self::is_fatal) whether the connection can no longer be
/// used, and formatting with `{:#}` what to tell the user, in one line that never contains payload. `{}` omits the
/// cause, which is the [`source`](std::error::Error::source), such as an error of the system or of the TLS library.
/// [`report`](Self::report) is for programs in which settings have other names.
///
/// After a fatal error, every later call on the connection returns the same error.
///
/// ```
/// let error = landline::connect("ws://127.0.0.1:1/").unwrap_err();
/// assert_eq!(error.to_string(), "cannot connect to 127.0.0.1:1");
/// # #[cfg(target_os = "linux")]
/// assert_eq!(format!("{error:#}"), "cannot connect to 127.0.0.1:1: Connection refused (os error 111)");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The call is not possible, because of a mistake of the caller. It had no effect.
    Usage(UsageError),
    /// The URL cannot be used.
    Url(UrlError),
    /// Something that this program specified cannot be used: a setting, a header, a response, a file, an address to
    /// listen on.
    Config(Arc<ConfigError>),
    /// Connecting to the host failed.
    Connect(Arc<ConnectError>),
    /// There is no way through a proxy. The server has nothing to do with it.
    Proxy(Arc<ProxyError>),
    /// TLS failed: a certificate or key of this end cannot be used, the handshake failed, or a record on an open
    /// connection was not valid. [`TlsError::stage`] says which.
    Tls(TlsError),
    /// The opening handshake failed on a client: the server refused it, or sent something else.
    Handshake(Arc<HandshakeError>),
    /// The server redirects, but not to where a client may go.
    Redirect(Arc<RedirectError>),
    /// The client's opening request was refused with this response.
    Rejected(Arc<Rejection>),
    /// The peer broke the protocol. It has been sent a Close frame that says so.
    Protocol(ProtocolError),
    /// The peer exceeded a limit of this end. It has been sent a Close frame that says so.
    Limit(LimitError),
    /// The connection is closed or closing.
    Closed(Closed),
    /// A time limit was reached. [`is_fatal`](Self::is_fatal) tells whether the connection survives, and
    /// [`message_accepted`](Self::message_accepted) what became of a message.
    Timeout(Timeout),
    /// A [session](mod@crate::reconnect) has ended because this time limit was reached in its last attempt. Unlike after
    /// [`Timeout`](Self::Timeout), there is no use in calling again.
    GaveUp(Timeout),
    /// [`try_send`](crate::WebSocket::try_send) would have had to wait before it could take the message. Nothing of the
    /// message was taken, and the connection can be used as before.
    WouldBlock,
    /// An [`Interrupter`](crate::Interrupter) ended the call. No data is lost, and the connection can be used as
    /// before.
    Interrupted(Interrupted),
    /// The system or the network failed.
    Io {
        /// What the library was doing.
        during: Cow<'static, str>,
        /// The system's error.
        source: Arc<io::Error>,
    },
}

/// What has to change to avoid an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// This program.
    Caller,
    /// The peer.
    Peer,
    /// The network, or something took too long.
    Network,
    /// A limit of this program, which can be raised.
    Limit,
}

impl Error {
    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Usage(_) | Self::Url(_) | Self::Config(_) | Self::Interrupted(_) => Fault::Caller,
            Self::Closed(Closed::Aborted | Closed::Detached | Closed::Sent) => Fault::Caller,
            Self::Tls(error) if error.stage() == TlsStage::Settings => Fault::Caller,
            Self::Handshake(_) | Self::Redirect(_) | Self::Rejected(_) => Fault::Peer,
            Self::Protocol(_) | Self::Tls(_) => Fault::Peer,
            Self::Proxy(error) => error.fault(),
            Self::Limit(_) | Self::Closed(Closed::OutboxFull) => Fault::Limit,
            Self::Connect(_) | Self::Closed(_) | Self::Io { .. } => Fault::Network,
            Self::Timeout(_) | Self::GaveUp(_) | Self::WouldBlock => Fault::Network,
        }
    }

    /// Whether the connection can no longer be used. If not, it can be used as before.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Usage(_) | Self::WouldBlock | Self::Interrupted(_) => false,
            Self::Closed(Closed::Sent | Closed::NotConnected | Closed::OutboxFull) => false,
            Self::Timeout(timeout) => timeout.is_fatal(),
            _ => true,
        }
    }

    /// The close code that was or would be sent to the peer because of this error.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Protocol(error) => Some(error.close_code()),
            Self::Limit(error) => Some(error.close_code()),
            _ => None,
        }
    }

    /// The addresses to which a client tried to connect in vain, in this order, when it failed or ran out of time; those of
    /// a proxy, if that could not be reached.
    ///
    /// ```
    /// let error = landline::connect("ws://127.0.0.1:1/").unwrap_err();
    /// assert_eq!(error.attempts()[0].address.to_string(), "127.0.0.1:1");
    /// ```
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Self::Connect(connect)
            | Self::Timeout(Timeout { connect: Some(connect), .. })
            | Self::GaveUp(Timeout { connect: Some(connect), .. }) => &connect.attempts,
            Self::Proxy(error) => match &error.failure {
                ProxyFailure::Connection(error) => error.attempts(),
                _ => &[],
            },
            _ => &[],
        }
    }

    /// The HTTP status of a refused opening handshake: on a client, the one that the server sent; on a server, the one
    /// that was sent to the client. For that of a proxy see [`ProxyError::status`].
    ///
    /// ```
    /// # let server = landline::Listener::bind("127.0.0.1:0")?;
    /// # let url = format!("ws://{}/", server.local_addr().unwrap());
    /// # let refusing = std::thread::spawn(move || {
    /// #     server.accept()?.reject(landline::http::StatusCode::UNAUTHORIZED, landline::Headers::new(), "")
    /// # });
    /// let error = landline::connect(&url).unwrap_err();
    /// assert_eq!(error.status(), Some(landline::http::StatusCode::UNAUTHORIZED));
    /// # refusing.join().unwrap()?;
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn status(&self) -> Option<http::StatusCode> {
        match self {
            Self::Rejected(rejection) => Some(rejection.status()),
            _ => self.refusal().map(|refusal| refusal.status),
        }
    }

    /// On a client: the server's answer, if it refused the opening handshake, with its headers and its body.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Handshake(error) => match &**error {
                HandshakeError::Refused(refusal) => Some(refusal),
                _ => None,
            },
            Self::Redirect(error) => Some(&error.refusal),
            _ => None,
        }
    }

    /// For a [`Timeout`](Self::Timeout) or [`Interrupted`](Self::Interrupted) of a sending call: whether the message
    /// was accepted. If so, it must not be sent again: the next sending, flushing or receiving call continues to write
    /// it. If not, nothing of it was sent.
    #[must_use]
    pub fn message_accepted(&self) -> bool {
        match self {
            Self::Timeout(Timeout { accepted, .. }) | Self::Interrupted(Interrupted { accepted, .. }) => *accepted,
            _ => false,
        }
    }

    pub(crate) fn io(during: impl Into<Cow<'static, str>>, source: io::Error) -> Self {
        // An error of this crate that passed through an `io::Read` or `io::Write` adapter is unwrapped.
        match source.downcast::<Self>() {
            Ok(error) => error,
            Err(source) => Self::Io { during: during.into(), source: Arc::new(source) },
        }
    }

    /// The same error, now saying that the message was accepted.
    pub(crate) fn accepted(self) -> Self {
        match self {
            Self::Timeout(timeout) => Self::Timeout(Timeout { accepted: true, ..timeout }),
            Self::Interrupted(interrupted) => Self::Interrupted(Interrupted { accepted: true, ..interrupted }),
            other => other,
        }
    }
}

impl From<ReceiveError> for Error {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Protocol(error) => Self::Protocol(error),
            ReceiveError::Limit(error) => Self::Limit(error),
        }
    }
}

impl From<proto::Error> for Error {
    fn from(error: proto::Error) -> Self {
        match error {
            proto::Error::Protocol(error) => Self::Protocol(error),
            proto::Error::Limit(error) => Self::Limit(error),
            proto::Error::CloseFrame(error) => error.into(),
            proto::Error::PingTooLong { len } => UsageError::PingTooLong { len }.into(),
            proto::Error::Closing => Self::Closed(Closed::Sent),
            proto::Error::Eof => Self::Closed(Closed::Eof),
            proto::Error::Handshake(error) => (*error).into(),
            proto::Error::Rejected(rejection) => rejection.into(),
            proto::Error::Response(error) => error.into(),
            proto::Error::TimedOut => Timeout::of(Phase::Handshake),
            proto::Error::NotOpen => UsageError::NotOpen.into(),
            proto::Error::NoRequest => UsageError::NoRequest.into(),
        }
    }
}

impl From<CloseFrameError> for Error {
    fn from(error: CloseFrameError) -> Self {
        Self::Usage(error.into())
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(Arc::new(error))
    }
}

impl From<RedirectError> for Error {
    fn from(error: RedirectError) -> Self {
        Self::Redirect(Arc::new(error))
    }
}

impl From<CredentialsError> for Error {
    fn from(error: CredentialsError) -> Self {
        ConfigError::from(error).into()
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(Arc::new(rejection))
    }
}

impl From<UsageError> for Error {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

impl From<UrlError> for Error {
    fn from(error: UrlError) -> Self {
        Self::Url(error)
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(Arc::new(error))
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        ConfigError::from(error).into()
    }
}

impl From<HeaderError> for Error {
    fn from(error: HeaderError) -> Self {
        ConfigError::from(error).into()
    }
}

impl From<ResponseError> for Error {
    fn from(error: ResponseError) -> Self {
        ConfigError::from(error).into()
    }
}

impl From<Error> for io::Error {
    /// For [`io::Read`] and [`io::Write`] adapters. The kind distinguishes timeouts, interruptions and the end of the
    /// connection; the error itself is inside.
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Timeout(_) => io::ErrorKind::TimedOut,
            // Not `Interrupted`, because std's helpers would retry the call.
            Error::Interrupted(_) | Error::WouldBlock => io::ErrorKind::WouldBlock,
            Error::Closed(Closed::Eof) => io::ErrorKind::UnexpectedEof,
            Error::Closed(_) => io::ErrorKind::BrokenPipe,
            Error::Protocol(_) | Error::Limit(_) => io::ErrorKind::InvalidData,
            Error::Usage(_) => io::ErrorKind::InvalidInput,
            Error::Io { source, .. } => source.kind(),
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// A mistake of the caller. The call had no effect, and the connection can be used as before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// A close code that may not be sent, or a close reason that does not fit into a control frame.
    #[error(transparent)]
    CloseFrame(#[from] CloseFrameError),
    /// A Ping payload that does not fit into a control frame.
    #[error("ping payload of {len} bytes is too long; at most {} fit", proto::MAX_CONTROL_PAYLOAD)]
    PingTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Text in several parts that is not UTF-8.
    #[error("text message is not valid UTF-8; send it as binary or correct it")]
    InvalidUtf8,
    /// An empty buffer to receive into.
    #[error("the buffer to receive into is empty; give it at least one byte")]
    EmptyBuffer,
    /// `ping_wait` cannot store a message of which a part has already been received.
    #[error("a message is half received; receive the rest of it before waiting for a pong")]
    MessageUnfinished,
    /// The handle was made in another process, from which this one was forked: see [`process`](crate::process).
    #[error(
        "made in the process that this one was forked from, and still used by it; make connections, listeners and \
         interrupters after the fork"
    )]
    Forked,
    /// A [`Protocol`](crate::proto::Protocol) that is still in its opening handshake.
    #[error("the opening handshake is not done; wait for it before sending")]
    NotOpen,
    /// A [`Protocol`](crate::proto::Protocol) that has no request to decide about.
    #[error("there is no request to decide about")]
    NoRequest,
    /// [`detach`](crate::WebSocket::detach) of a connection in the middle of a message, or with messages that
    /// `ping_wait` has kept.
    #[error(
        "a message is half received, or was kept while waiting for a pong; receive it before taking the socket"
    )]
    Unreceived,
    /// [`detach`](crate::WebSocket::detach) of a connection that does not run over a socket, or over TLS.
    #[error("the connection does not run directly over a socket that could be taken out of it")]
    NoSocket,
    /// The hook of a [session](mod@crate::reconnect) has sent by the session, which has no connection before it returns.
    #[error(
        "the hook sends by the session, which has no connection before the hook returns: send by the connection that the \
         hook is given"
    )]
    SessionInHook,
    /// `ping_wait` stores messages that arrive while it waits, and there is no more room for them.
    #[error("too many messages arrived while waiting for the pong; receive them first")]
    MessagesWaiting,
}

/// Why a connection is closed or closing, or why there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Closed {
    /// The peer's stream ended without a Close frame (code 1006).
    #[error("connection ended without a close frame (1006)")]
    Eof,
    /// [`abort`](crate::WebSocket::abort) was called.
    #[error("connection was aborted")]
    Aborted,
    /// The socket was [taken out](crate::WebSocket::detach) of the connection.
    #[error("the socket was taken out of the connection")]
    Detached,
    /// A Close frame has been sent: nothing more can be sent, but the peer's messages can still be received.
    #[error("connection is closing: nothing more can be sent")]
    Sent,
    /// Nothing arrived from the peer within the times set for [`Keepalive`](crate::Keepalive).
    #[error("peer is silent: nothing arrived for {0:?}, not even an answer to a ping")]
    PeerSilent(Duration),
    /// The peer did not complete the closing handshake in time, even if it sent other data.
    #[error("peer did not complete the closing handshake in time; connection cut")]
    CloseUnanswered,
    /// A [session](mod@crate::reconnect) has no connection at the moment. Nothing was sent.
    #[error("not connected at the moment: nothing was sent; try again when the session has reconnected")]
    NotConnected,
    /// A [session](mod@crate::reconnect) keeps messages in its outbox at the moment, because it has no connection or the
    /// server does not read, and there is no room for this one. Nothing was sent.
    #[error(
        "the outbox has no room for the message: nothing was sent; try again when what it holds has been sent, or \
         allow it more"
    )]
    OutboxFull,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_type_stays_small() {
        assert!(size_of::<Error>() <= 64, "{} bytes", size_of::<Error>());
    }

    #[test]
    fn an_error_passes_through_an_io_error_unchanged() {
        let through = Error::io("reading", io::Error::from(Timeout::of(Phase::Recv)));
        assert!(matches!(through, Error::Timeout(Timeout { phase: Phase::Recv, .. })));
    }
}
