//! The receiving half of a session, which opens the connections.

use super::attempt::Attempt;
use super::attempts::Attempts;
use super::builder::{OnConnect, RetryIf};
use super::shared::{Ending, Shared};
use super::{Connections, Event, Failure, SessionBuilder, SessionSender, State};
use crate::client::Client;
use crate::close::{CloseCode, CloseFrame};
use crate::connection::{CloseInfo, Handshake, Interrupter, Receiver, WebSocket};
use crate::deadline::Deadline;
use crate::error::{Closed, Error, Result};
use crate::message::Payload;
use crate::uri::Endpoint;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long to receive before trying to send the rest of the outbox. A server that does not read may be waiting for this end
/// to do so.
const OUTBOX_PAUSE: Duration = Duration::from_millis(10);

/// A client that connects again whenever its connection is lost. See [the module](mod@crate::reconnect).
///
/// One value is used by one thread at a time, which receives and thereby connects; others send with a
/// [`sender`](Self::sender). Dropping it ends the connection without a closing handshake, and its senders then fail;
/// [`close`](Self::close) first.
///
/// ```
/// # let server = landline::Server::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}/", server.local_addr().unwrap());
/// # let stop = server.stop_handle();
/// # let serving = std::thread::spawn(move || {
/// #     server.serve(|mut ws| {
/// #         while let Ok(Some(message)) = ws.recv() {
/// #             let _ = ws.send(message);
/// #         }
/// #     })
/// # });
/// use landline::CloseCode;
/// use landline::reconnect::{Event, Session};
///
/// let mut session = Session::builder(&url).on_connect(|ws| ws.send("subscribe")).build()?;
/// assert!(matches!(session.recv()?, Some(Event::Connected(_))));
/// if let Some(Event::Message(message)) = session.recv()? {
///     println!("{message:?}");
/// }
/// session.close(CloseCode::NORMAL_CLOSURE, "")?;
/// # stop.stop(std::time::Duration::ZERO);
/// # serving.join().unwrap()?;
/// # Ok::<(), landline::Error>(())
/// ```
pub struct Session {
    pub(super) client: Client,
    pub(super) endpoint: Endpoint,
    pub(super) shared: Arc<Shared>,
    pub(super) attempts: Attempts,
    pub(super) on_connect: Option<OnConnect>,
    pub(super) retry_if: Option<RetryIf>,
    recv_timeout: Option<Duration>,
    /// The attempt that is under way, also between calls.
    pub(super) attempt: Option<Attempt>,
    /// The connection. Its sending half is in `shared`.
    pub(super) receiver: Option<Receiver>,
    /// When the latest connection has lasted.
    pub(super) lasts_from: Deadline,
    /// The latest connection was handed out.
    pub(super) handed_out: bool,
    pub(super) handshake: Option<Handshake>,
    /// Of the latest connection that has ended.
    pub(super) last_close: CloseInfo,
}

impl Session {
    /// Returns a builder with the default options. `url` begins with `ws://` or `wss://`.
    ///
    /// ```
    /// use landline::Client;
    /// use landline::reconnect::{Backoff, Outbox, Session};
    /// use std::time::Duration;
    /// let client = Client::builder().header("Authorization", "Bearer 6f2a").build()?;
    /// let session = Session::builder("wss://example.com/feed")
    ///     .client(client)
    ///     .backoff(Backoff::default().max(Duration::from_secs(30)))
    ///     .give_up_after(Some(Duration::from_secs(3600)))
    ///     .outbox(Some(Outbox::default()))
    ///     .on_connect(|ws| ws.send("subscribe prices"))
    ///     .build()?;
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn builder(url: &str) -> SessionBuilder {
        SessionBuilder::new(url)
    }

    pub(super) fn new(
        client: Client,
        endpoint: Endpoint,
        shared: Arc<Shared>,
        attempts: Attempts,
        on_connect: Option<OnConnect>,
        retry_if: Option<RetryIf>,
    ) -> Self {
        Self {
            recv_timeout: client.config().recv_timeout,
            client,
            endpoint,
            shared,
            attempts,
            on_connect,
            retry_if,
            attempt: None,
            receiver: None,
            lasts_from: Deadline::NEVER,
            handed_out: false,
            handshake: None,
            last_close: CloseInfo::default(),
        }
    }

    /// Receives the next message, or connects and says so.
    ///
    /// Blocks until there is a message or a new connection, the session ends, or the time set by
    /// [`set_recv_timeout`](Self::set_recv_timeout) is over. An attempt for which that is too short goes on, in a helper
    /// thread, and the next call waits for the rest of it; so the limit may be as short as the program likes. Only the hook can
    /// make a call take longer: see [`on_connect`](SessionBuilder::on_connect).
    ///
    /// `None` means that the session has ended cleanly: it was closed by this program, or by the server with a code that is
    /// not worth another attempt, which [`close_info`](Self::close_info) has.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] and [`Error::Interrupted`], after which the next call goes on with nothing lost. All others are
    /// final, and later calls return them again: an error that is not worth another attempt
    /// ([`Error::is_transient`]), or the last one when the session [gives up](SessionBuilder::max_attempts), which is
    /// [`Error::GaveUp`] if it was a time limit.
    pub fn recv(&mut self) -> Result<Option<Event>> {
        self.recv_until(Deadline::after(self.recv_timeout))
    }

    /// [`recv`](Self::recv) with a time limit for this call. With a limit of zero, it gives what is there, and begins the next
    /// attempt if that is due.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Event>> {
        self.recv_until(Deadline::after(timeout))
    }

    /// [`recv`](Self::recv) until a moment in time.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_deadline(&mut self, deadline: impl Into<Deadline>) -> Result<Option<Event>> {
        self.recv_until(deadline.into())
    }

    /// Opens the next connection and hands it to the caller, for programs that want to use a [`WebSocket`] and take care of
    /// its errors themselves. See [`connections`](Self::connections).
    ///
    /// Waits and tries as [`recv`](Self::recv) does, and calls the hook. If there was a connection before, the caller is
    /// done with it: there is a wait before this one, the first of the backoff if the last connection lasted. One that
    /// [`recv`](Self::recv) used is dropped. `None` means that the session was closed.
    ///
    /// The session no longer knows the connection: its senders have none, and `max_attempts` counts attempts that open no
    /// connection, whatever becomes of those that do.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn next_connection(&mut self) -> Result<Option<WebSocket>> {
        self.next_connection_deadline(Deadline::after(self.recv_timeout))
    }

    /// [`next_connection`](Self::next_connection) until a moment in time.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn next_connection_deadline(&mut self, deadline: impl Into<Deadline>) -> Result<Option<WebSocket>> {
        self.shared.check_process()?;
        let until = deadline.into();
        self.receiver = None;
        self.shared.disconnected();
        let Some(mut ws) = self.open(until)? else { return Ok(None) };
        if self.publish(ws.handshake().clone(), None).is_none() {
            return self.close_unused(|code, reason| ws.close(code, reason));
        }
        self.handed_out = true;
        self.attempts.succeeded();
        Ok(Some(ws))
    }

    /// The connections, each opened when the iterator is asked for it: see [`next_connection`](Self::next_connection).
    ///
    /// The iterator ends when the session was closed, and after an error that is final.
    ///
    /// ```no_run
    /// for ws in landline::reconnect("wss://example.com/feed")?.connections() {
    ///     let mut ws = ws?;
    ///     loop {
    ///         match ws.recv() {
    ///             Ok(Some(message)) => println!("{message:?}"),
    ///             Ok(None) => break,
    ///             Err(error) if error.is_transient() => break,
    ///             Err(error) => return Err(error),
    ///         }
    ///     }
    /// }
    /// # Ok(())
    /// ```
    pub fn connections(&mut self) -> Connections<'_> {
        Connections::new(self)
    }

    /// A sending half, for other threads. Any number of them can be made.
    #[must_use]
    pub fn sender(&self) -> SessionSender {
        SessionSender::new(Arc::clone(&self.shared))
    }

    /// Sends a message. See [`SessionSender::send`].
    ///
    /// # Errors
    ///
    /// See [`SessionSender`].
    pub fn send(&self, message: impl Payload) -> Result<()> {
        self.sender().send(message)
    }

    /// [`send`](Self::send) with a time limit for this call.
    ///
    /// # Errors
    ///
    /// See [`SessionSender`].
    pub fn send_timeout(&self, message: impl Payload, timeout: Duration) -> Result<()> {
        self.sender().send_timeout(message, timeout)
    }

    /// Closes the connection cleanly if there is one, and ends the session. See [`WebSocket::close`], also for how long it
    /// blocks. What is in the outbox is not sent. Does nothing more if the session has ended already.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close`], and the error that ended the session before.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<()> {
        self.close_within(code, reason, self.client.config().close_timeout)
    }

    /// [`close`](Self::close) within `timeout`, if that is less than `close_timeout`.
    ///
    /// # Errors
    ///
    /// As [`close`](Self::close).
    pub fn close_within(&mut self, code: CloseCode, reason: &str, timeout: Duration) -> Result<()> {
        self.shared.check_process()?;
        let frame = CloseFrame::new(code, reason)?;
        if let Some(end) = self.shared.end() {
            return end;
        }
        self.shared.begin_ending(Ending::Closing(frame));
        self.shared.take_kick();
        let closed = self.receiver.as_mut().map_or(Ok(()), |receiver| receiver.close_within(code, reason, timeout));
        self.drop_connection();
        self.shared.finish(closed, None)
    }

    /// Ends the session at once, without telling the server.
    pub fn abort(&self) {
        self.sender().abort();
    }

    /// What the session is doing. Never blocks; [`SessionSender::state`] is the same for other threads.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// A handle that ends blocked calls of this session with [`Error::Interrupted`], from any thread: receiving, waiting for
    /// the next attempt, and connecting with the receiving part of the handle; sending with the other. Nothing is lost, and
    /// the next call goes on. An attempt that is interrupted is abandoned and does not count.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.shared.interrupter.clone()
    }

    /// What the opening handshake of the latest connection agreed on; `None` before the first one.
    #[must_use]
    pub fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_ref()
    }

    /// How the connection is ending, or how the latest one ended.
    #[must_use]
    pub fn close_info(&self) -> CloseInfo {
        self.receiver.as_ref().map_or_else(|| self.last_close.clone(), Receiver::close_info)
    }

    /// How long each receiving call may wait; `None` for as long as it takes. Default: the client's
    /// [`recv_timeout`](crate::Config::recv_timeout).
    pub fn set_recv_timeout(&mut self, timeout: Option<Duration>) {
        self.recv_timeout = timeout;
    }

    fn recv_until(&mut self, until: Deadline) -> Result<Option<Event>> {
        self.shared.check_process()?;
        loop {
            let is_waiting = self.shared.send_kept();
            let Some(receiver) = &mut self.receiver else {
                let Some(ws) = self.open(until)? else { return Ok(None) };
                let handshake = ws.handshake().clone();
                let (sender, mut receiver) = ws.split();
                let Some(connected) = self.publish(handshake, Some(sender)) else {
                    return self.close_unused(|code, reason| receiver.close(code, reason));
                };
                self.receiver = Some(receiver);
                self.shared.send_kept();
                return Ok(Some(Event::Connected(connected)));
            };
            let slice = if is_waiting { Deadline::after(OUTBOX_PAUSE).earliest(until) } else { until };
            match receiver.recv_deadline(slice) {
                Ok(Some(message)) => return Ok(Some(Event::Message(message))),
                Ok(None) => self.closed()?,
                Err(Error::Timeout(_)) if is_waiting && !until.is_over() => {}
                Err(Error::Interrupted(_)) if self.shared.take_kick() => {}
                Err(error) if error.is_fatal() => self.lost(Failure::Error(error))?,
                Err(error) => return Err(error),
            }
            if let Some(end) = self.shared.end() {
                return end.map(|()| None);
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.shared.check_process().is_ok() {
            // Its senders would keep the connection open.
            self.drop_connection();
            let _ = self.shared.finish(Err(Error::Closed(Closed::Aborted)), None);
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("endpoint", &self.endpoint)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
