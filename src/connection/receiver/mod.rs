//! The receiving half: the calls that programs make. See `closing.rs` for what both halves do at the end.
//!
//! | file | holds |
//! | --- | --- |
//! | `state.rs` | where the connection is, what a call does next, and how the connection ends |
//! | `reading.rs`, `low_water.rs` | reading from the transport, and waiting for it |
//! | `pieces.rs` | messages as they are given to the caller, whole or in pieces |
//! | `keepalive.rs` | whether the peer is alive |
//! | `detach.rs` | taking the socket out |

mod detach;
mod keepalive;
mod low_water;
mod pieces;
mod reading;
mod state;

pub use detach::Detached;
pub use pieces::Received;

use super::close_info::CloseInfo;
use super::closing::Ending;
use super::interrupt::Interrupter;
use super::link::Link;
use super::stats::Stats;
use super::stream::MessageReader;
use crate::close::{CloseCode, CloseFrame};
use crate::deadline::Deadline;
#[cfg(doc)]
use crate::error::Closed;
use crate::error::{Error, Result, UsageError};
use crate::message::{Message, MessageRef};
use crate::proto::{Inbound, Role, Want};
use crate::transport::{EOF_TIMEOUT, Pace, Wake};
use keepalive::Liveness;
use pieces::{Pending, Piece};
use reading::Reading;
use state::State;
use std::sync::Arc;
use std::time::Duration;

/// The receiving half of a connection: see [`WebSocket`](crate::WebSocket), whose receiving calls it has.
///
/// Pings are answered and the closing handshake is completed inside its calls, so some thread should be
/// receiving most of the time.
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
/// # let ws = landline::Client::default().connect_over(near, "ws://memory/")?;
/// use landline::{CloseCode, Error, Message};
/// use std::time::Duration;
///
/// let (sender, mut receiver) = ws.split();
/// // Nothing is lost when time runs out.
/// assert!(matches!(receiver.recv_timeout(Duration::from_millis(10)), Err(Error::Timeout(_))));
/// sender.send("hello")?;
/// assert_eq!(receiver.recv()?, Some(Message::Text("hello".into())));
/// sender.close_start(CloseCode::NORMAL_CLOSURE, "")?;
/// assert_eq!(receiver.recv()?, None);
/// # server.join().unwrap()?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Debug)]
pub struct Receiver {
    pub(super) link: Arc<Link>,
    inbound: Inbound,
    role: Role,
    state: State,
    reading: Reading,
    /// How fast to discard what arrives while the connection ends.
    pace: Pace,
    /// With keepalive only.
    liveness: Option<Liveness>,
    pending: Pending,
    /// A message is being taken in pieces.
    piece: Option<Piece>,
    timeout: Option<Duration>,
    deadline: Deadline,
}

impl Receiver {
    #[inline(never)] // See `WebSocket::new`.
    pub(super) fn new(link: Arc<Link>, mut inbound: Inbound, role: Role, leftover: &[u8]) -> Box<Self> {
        let mut rest = leftover;
        while !rest.is_empty() {
            // One read of the opening handshake brought them (`opening.rs`), so they fit into the first buffer.
            let count = inbound.receive(rest);
            rest = &rest[count..];
        }
        link.counters.wire_received(leftover.len());
        Box::new(Self {
            inbound,
            role,
            state: State::Open,
            reading: Reading::new(),
            pace: Pace::default(),
            liveness: link.config.keepalive.map(Liveness::new),
            pending: Pending::default(),
            piece: None,
            timeout: link.config.recv_timeout,
            deadline: Deadline::NEVER,
            link,
        })
    }

    /// Receives the next message.
    ///
    /// Blocks until there is one, the connection ends, or the time set by
    /// [`set_recv_timeout`](Self::set_recv_timeout) or [`set_deadline`](Self::set_deadline) is over. Sends what
    /// was gathered by `feed` before it waits. `None` means that the connection was closed cleanly, by either
    /// side; [`close_info`](Self::close_info) has the codes.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] and [`Error::Interrupted`], after which the next call goes on with nothing lost, in
    /// the middle of a message too. All others are final: [`Error::Protocol`], [`Error::Limit`],
    /// [`Error::Closed`], [`Error::Io`].
    pub fn recv(&mut self) -> Result<Option<Message>> {
        let until = self.until();
        self.recv_until(until)
    }

    /// [`recv`](Self::recv) with a time limit for this call.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Message>> {
        self.recv_until(Deadline::after(timeout).earliest(self.deadline))
    }

    /// [`recv`](Self::recv) until a moment in time. If it has passed, returns what is there.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_deadline(&mut self, deadline: impl Into<Deadline>) -> Result<Option<Message>> {
        self.recv_until(self.deadline.earliest(deadline))
    }

    fn recv_until(&mut self, until: Deadline) -> Result<Option<Message>> {
        if !self.message_is_buffered() && !self.next_message(until)? {
            return Ok(None);
        }
        Ok(Some(self.take_message()))
    }

    /// Receives the next message without a copy: it is borrowed until the next call.
    ///
    /// Blocks as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    #[inline]
    pub fn recv_ref(&mut self) -> Result<Option<MessageRef<'_>>> {
        if !self.message_is_buffered() && !self.wait_for_message()? {
            return Ok(None);
        }
        Ok(Some(self.message()))
    }

    /// Receives into the caller's buffer, as much as is there and fits.
    ///
    /// A message that does not fit, or arrives slowly, comes in parts: the next call goes on with it, nothing is
    /// lost. A call of another kind while a message is unfinished skips the rest of that message. Blocks as
    /// [`recv`](Self::recv) does, until at least one byte or the end of a message is there.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and [`UsageError::EmptyBuffer`].
    pub fn recv_into(&mut self, buf: &mut [u8]) -> Result<Option<Received>> {
        if buf.is_empty() {
            return Err(UsageError::EmptyBuffer.into());
        }
        let until = self.until();
        self.take_piece(buf, until)
    }

    /// Receives the next message as a stream, in constant memory whatever its size, compressed or not.
    ///
    /// Blocks as [`recv`](Self::recv) does until the message begins. The part of it that is not read is skipped by the next
    /// call.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_stream(&mut self) -> Result<Option<MessageReader<'_>>> {
        let until = self.until();
        self.skip_rest(until)?;
        let Some(piece) = self.next_piece(until)? else { return Ok(None) };
        Ok(Some(MessageReader::new(self, piece.kind)))
    }

    /// How long each receiving call may wait; `None` for as long as it takes.
    pub fn set_recv_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// When every receiving call returns at the latest, even if its own limit is later; `None` for no limit. Only
    /// [`close`](Self::close) is not affected.
    pub fn set_deadline(&mut self, deadline: impl Into<Deadline>) {
        self.deadline = deadline.into();
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Changes the largest message that is accepted; see [`Config::max_message_size`](crate::Config).
    pub fn set_max_message_size(&mut self, bytes: u64) {
        let limits = crate::proto::Limits { max_message_size: bytes, ..self.link.config.limits };
        self.inbound.set_limits(limits);
    }

    /// Closes the connection cleanly: sends a Close frame and waits for the peer's, discarding everything else that
    /// arrives, however much that is.
    ///
    /// Messages that have been sent still reach a peer that reads them. Blocks for at most the configured
    /// `close_timeout` (5 s), and cannot be interrupted. Does nothing if the connection is closed already.
    ///
    /// # Errors
    ///
    /// [`UsageError`] for a code or reason that cannot be sent; nothing was done. Otherwise the connection is
    /// over: [`Closed::CloseUnanswered`] if the peer did not answer in time, [`Closed::Eof`], [`Error::Io`], or the
    /// error that ended it before.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<()> {
        self.close_within(code, reason, self.link.config.close_timeout)
    }

    /// [`close`](Self::close) within `timeout`, if that is less than `close_timeout`.
    ///
    /// # Errors
    ///
    /// As [`close`](Self::close).
    pub fn close_within(&mut self, code: CloseCode, reason: &str, timeout: Duration) -> Result<()> {
        self.link.check_process()?;
        let frame = CloseFrame::new(code, reason)?;
        if let State::Ended(end) = &self.state {
            return end.clone();
        }
        let deadline = Deadline::after(timeout.min(self.link.config.close_timeout));
        if !matches!(self.state, State::Failing { .. }) {
            if let Err(error) = self.link.begin_close(frame) {
                return Err(self.ended(error));
            }
        }
        if matches!(self.state, State::Open) {
            self.state = State::Closing;
        }
        self.drop_messages();
        self.inbound.discard_messages();
        loop {
            match self.next(Want::Pieces, deadline) {
                Ok(None) => break,
                Ok(Some(_)) | Err(Error::Interrupted(_)) => {}
                Err(Error::Timeout(_)) => return Err(self.cut()),
                Err(error) => return Err(error),
            }
        }
        if self.role == Role::Server {
            // Otherwise, bytes that the client sends after its Close frame would make the socket's end a reset.
            Ending::new(&self.link, &mut self.pace).read_out(deadline.earliest(Deadline::after(EOF_TIMEOUT)));
        }
        Ok(())
    }

    /// Ends the connection at once, without a closing handshake.
    pub fn abort(&self) {
        self.link.abort();
    }

    /// How the connection ended, or how far its end has come.
    #[must_use]
    pub fn close_info(&self) -> CloseInfo {
        self.link.close_info()
    }

    /// Counters of the connection.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.link.stats()
    }

    /// A handle that wakes blocked calls of this connection.
    ///
    /// From now on, a receiving call that waits makes a `poll` besides its `recv`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the process has no descriptor left.
    pub fn interrupter(&mut self) -> Result<Interrupter> {
        Interrupter::of(&self.link)
    }

    /// Other threads get senders: they must be able to tell the receiver what changed.
    pub(super) fn make_wakeable(&mut self) {
        if self.link.recv_wake.get().is_none() {
            match Wake::new() {
                Ok(wake) => drop(self.link.recv_wake.set(Arc::new(wake))),
                Err(_) => self.reading.cannot_be_woken = true,
            }
        }
    }

    /// Whether a receiving call may return something although the descriptor is not readable: for programs that wait for
    /// [`Sender::fd`](crate::Sender::fd) by themselves. Receive with a deadline that has passed until that fails with
    /// [`Error::Timeout`], then wait, but not beyond [`next_deadline`](Self::next_deadline).
    #[must_use]
    pub fn has_buffered(&self) -> bool {
        if self.link.check_process().is_err() {
            return false;
        }
        matches!(self.state, State::Ended(_))
            || self.link.is_cut()
            || self.has_piece()
            || (self.state.is_receiving() && self.inbound.may_advance())
            || !self.pending.is_empty()
            || self.link.transport.has_buffered()
    }

    /// Until when a program that waits for the [descriptor](crate::Sender::fd) by itself may wait. When that moment has
    /// come, call a receiving function, for example with a deadline that has passed. It does what is due: it sends
    /// keepalive's Ping, or notices that the peer is dead; ends a closing handshake that takes too long; releases memory
    /// that an idle connection does not need.
    ///
    /// Ask before each wait: every call may change it, and closing by another thread does.
    ///
    /// ```
    /// /// `None` is for as long as it takes.
    /// fn longest_wait(receiver: &landline::Receiver) -> Option<std::time::Duration> {
    ///     receiver.next_deadline().left()
    /// }
    /// ```
    #[must_use]
    pub fn next_deadline(&self) -> Deadline {
        if self.link.check_process().is_err() {
            return Deadline::NEVER;
        }
        let keepalive = || self.liveness.as_ref().map_or(Deadline::NEVER, Liveness::act_at);
        match &self.state {
            State::Ended(_) => Deadline::NEVER,
            State::Answering { by } | State::Failing { by, .. } => by.earliest(self.link.close_by()),
            State::Open | State::Closing | State::Overdue => {
                self.link.close_by().earliest(keepalive()).earliest(self.free_memory_at())
            }
        }
    }

    /// Until when a call may take that begins now.
    pub(super) fn until(&self) -> Deadline {
        Deadline::after(self.timeout).earliest(self.deadline)
    }

    /// Receives a whole message when [`message_is_buffered`](Self::message_is_buffered) has found none. `false`: closed in
    /// order.
    pub(super) fn wait_for_message(&mut self) -> Result<bool> {
        let until = self.until();
        self.next_message(until)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.link.receiver_left();
    }
}
