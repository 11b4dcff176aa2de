//! The options of a session.

use super::attempts::{Attempts, Options};
use super::session::Session;
use super::shared::Shared;
use super::{Backoff, Failure, Outbox};
use crate::client::Client;
use crate::connection::{Interrupter, WebSocket};
use crate::error::Result;
use crate::uri::Endpoint;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Called with each new connection.
pub(super) type OnConnect = Box<dyn FnMut(&mut WebSocket) -> Result<()> + Send>;
/// Decides whether a failure is worth another attempt.
pub(super) type RetryIf = Box<dyn FnMut(&Failure) -> bool + Send>;

/// Options of a [`Session`].
#[derive(Default)]
pub struct SessionBuilder {
    url: String,
    client: Client,
    options: Options,
    outbox: Option<Outbox>,
    on_connect: Option<OnConnect>,
    retry_if: Option<RetryIf>,
}

impl SessionBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }

    /// Sets how connections are opened, and their settings. If it has an interrupter, that interrupts the session. Default:
    /// [`Client::default`].
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.client = client;
        self
    }

    /// How long to wait before each attempt. Default [`Backoff::default`].
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.options.backoff = backoff;
        self
    }

    /// A connection that was open for this long has lasted: after it, waits start again with the first one, and the count of
    /// attempts at zero. One that is lost earlier counts as a failed attempt. Default 10 s.
    #[must_use]
    pub fn reset_after(mut self, time: Duration) -> Self {
        self.options.reset_after = time;
        self
    }

    /// The longest wait that a server can demand with a `Retry-After` header. Default 5 min.
    ///
    /// The session waits for at least as long as the server asks for: the backoff may be longer, and a random part of the
    /// first backoff is added, so that clients that were told the same time do not all come at that moment.
    #[must_use]
    pub fn max_retry_after(mut self, time: Duration) -> Self {
        self.options.max_retry_after = time;
        self
    }

    /// How many attempts in a row may fail before the session ends with the error of the last one. Default `None`, no
    /// limit.
    #[must_use]
    pub fn max_attempts(mut self, count: Option<u32>) -> Self {
        self.options.max_attempts = count;
        self
    }

    /// How long the session may be without a connection that lasts before it ends with the error of the last attempt. It
    /// does not begin to wait if the wait would take longer. Default `None`, no limit.
    #[must_use]
    pub fn give_up_after(mut self, time: Option<Duration>) -> Self {
        self.options.give_up_after = time;
        self
    }

    /// Keeps messages that are sent while there is no connection, up to these limits, and sends them in order over the next
    /// one, after the hook. Default `None`: such calls fail with
    /// [`Closed::NotConnected`](crate::error::Closed::NotConnected).
    ///
    /// A kept message leaves the outbox when a connection has taken all of it, and is not sent again if that connection
    /// breaks. The outbox is sent by the calls that receive or send, as the server takes it. It is lost when the session
    /// ends.
    #[must_use]
    pub fn outbox(mut self, limits: Option<Outbox>) -> Self {
        self.outbox = limits;
        self
    }

    /// Calls `hook` with each new connection before anything else uses it, the first one included: to subscribe, to log in,
    /// or to check the [handshake](WebSocket::handshake).
    ///
    /// It runs in the thread that receives, and can be interrupted. The calls that it makes are within the time limit of the
    /// call that receives, or within [`handshake_timeout`](crate::ClientBuilder::handshake_timeout) from the beginning of the
    /// attempt, whichever is longer: a program that receives with short limits needs a hook that is not cut off by them. If it
    /// returns an error, the attempt has failed: the connection is dropped, and the session decides about the error as it does
    /// about every other. Until it returns, the session has no connection: what the hook sends by a
    /// [`SessionSender`](super::SessionSender) goes to the outbox, or fails.
    ///
    /// ```
    /// # use landline::reconnect::Session;
    /// let session = Session::builder("wss://example.com/feed").on_connect(|ws| ws.send("subscribe prices")).build()?;
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn on_connect(mut self, hook: impl FnMut(&mut WebSocket) -> Result<()> + Send + 'static) -> Self {
        self.on_connect = Some(Box::new(hook));
        self
    }

    /// Decides whether to connect again after a failure. Default [`Failure::is_transient`].
    ///
    /// ```
    /// # use landline::reconnect::{Failure, Session};
    /// // The server closes idle connections with a code of its own.
    /// let session = Session::builder("wss://example.com/feed")
    ///     .retry_if(|failure| match failure {
    ///         Failure::Closed(frame) if u16::from(frame.code()) == 4000 => true,
    ///         other => other.is_transient(),
    ///     })
    ///     .build()?;
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn retry_if(mut self, decide: impl FnMut(&Failure) -> bool + Send + 'static) -> Self {
        self.retry_if = Some(Box::new(decide));
        self
    }

    /// Makes the session. It does not connect yet, and does not block.
    ///
    /// # Errors
    ///
    /// [`Error::Url`](crate::Error::Url); [`Error::Config`](crate::Error::Config) naming an option that cannot be used;
    /// [`Error::Io`](crate::Error::Io) when the process has no descriptor left: a session takes two, unless the client has
    /// an interrupter, and two more during an attempt.
    pub fn build(self) -> Result<Session> {
        let endpoint = Endpoint::parse(&self.url)?;
        self.options.check()?;
        let interrupter = match self.client.interrupter() {
            Some(interrupter) => interrupter.clone(),
            None => Interrupter::new()?,
        };
        let shared = Arc::new(Shared::new(interrupter, self.outbox));
        let attempts = Attempts::new(self.options);
        Ok(Session::new(self.client, endpoint, shared, attempts, self.on_connect, self.retry_if))
    }
}

impl fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the URL, which may hold a password.
        f.debug_struct("SessionBuilder")
            .field("client", &self.client)
            .field("options", &self.options)
            .field("outbox", &self.outbox)
            .finish_non_exhaustive()
    }
}
