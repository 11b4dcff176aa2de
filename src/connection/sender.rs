//! The sending half.

use super::close_info::CloseInfo;
use super::id::ConnectionId;
use super::link::Link;
use super::patience::Patience;
use super::sending::{Outgoing, Part};
use super::stats::Stats;
use super::stream::MessageWriter;
use crate::close::{CloseCode, CloseFrame};
use crate::compression::Compress;
use crate::deadline::Deadline;
use crate::error::{Error, Result, UsageError};
use crate::message::{Kind, Payload};
use crate::proto::Opcode;
use crate::transport::{Interest, TlsInfo};
use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The sending half of a connection: clone it for as many threads as send.
///
/// Messages of several threads are sent one after another and are never interleaved. A call that waits for its turn or for
/// the peer obeys the time limits of this handle; each clone has its own.
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
/// use landline::CloseCode;
/// use std::thread;
///
/// let (sender, mut receiver) = ws.split();
/// let other = sender.clone();
/// let thread = thread::spawn(move || other.send("from another thread"));
/// sender.send("from this one")?;
/// thread.join().unwrap()?;
/// assert!(receiver.recv()?.is_some() && receiver.recv()?.is_some());
/// sender.close_start(CloseCode::NORMAL_CLOSURE, "")?;
/// assert_eq!(receiver.recv()?, None);
/// # server.join().unwrap()?;
/// # Ok::<(), landline::Error>(())
/// ```
///
/// # Errors
///
/// All sending calls can return: [`Error::Timeout`] and
/// [`Error::Interrupted`], after which the connection goes on
/// ([`message_accepted`](Error::message_accepted) says whether the message is on its way);
/// [`Closed::Sent`](crate::error::Closed::Sent) once the connection is closing; the error that ended the
/// connection; [`Error::Io`].
#[derive(Clone, Debug)]
pub struct Sender {
    pub(crate) link: Arc<Link>,
    timeout: Option<Duration>,
    deadline: Deadline,
    pub(super) compress: Compress,
}

impl Sender {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { timeout: link.config.send_timeout, deadline: Deadline::NEVER, compress: Compress::default(), link }
    }

    /// Sends a message: a string as text, bytes as binary.
    ///
    /// Blocks until its bytes, and what was gathered before, have been handed to the kernel.
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    #[inline]
    pub fn send(&self, message: impl Payload) -> Result<()> {
        let (kind, payload) = message.parts();
        self.frame(kind, &[IoSlice::new(payload)], true)
    }

    /// [`send`](Self::send) with a time limit for this call, besides the limits of the handle. With a limit of zero it
    /// sends what there is room for now.
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn send_timeout(&self, message: impl Payload, timeout: Duration) -> Result<()> {
        self.send_deadline(message, Deadline::after(timeout))
    }

    /// [`send`](Self::send) until a moment in time. For the other sending calls see
    /// [`with_deadline`](Self::with_deadline).
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn send_deadline(&self, message: impl Payload, deadline: impl Into<Deadline>) -> Result<()> {
        let (kind, payload) = message.parts();
        let mut patience = Patience::new(deadline.into().earliest(self.deadline), self.timeout);
        self.frame_within(kind, &[IoSlice::new(payload)], true, &mut patience)
    }

    /// Sends a message if that needs no waiting. Never blocks.
    ///
    /// `Ok` says that the message was accepted: its bytes are in the kernel, or what the kernel had no room for is in the
    /// queue of the connection, in front of whatever is sent next. The rest leaves while a receiving call waits and with
    /// the next call that sends or flushes; [`poll_interest`](Self::poll_interest) asks for writability until then.
    /// [`Error::WouldBlock`] says that nothing of the message was accepted and that the connection is as it was, apart
    /// from the progress of earlier messages: 64 KiB or more of those are stuck because the peer does not read, or the
    /// message would have to wait for another thread, which streams a message or writes a large one. So a connection
    /// holds at most 64 KiB and one message for a peer that does not read.
    ///
    /// An interruption that is pending is left to the next call that waits.
    ///
    /// ```
    /// # fn broadcast(senders: &[landline::Sender], news: &str) -> landline::Result<()> {
    /// for sender in senders {
    ///     match sender.try_send(news) {
    ///         // A slow subscriber misses this one, and delays nobody.
    ///         Ok(()) | Err(landline::Error::WouldBlock) => {}
    ///         Err(error) if error.is_fatal() => {} // It has gone.
    ///         Err(error) => return Err(error),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`Sender`] but for timeouts and interruptions.
    pub fn try_send(&self, message: impl Payload) -> Result<()> {
        let (kind, payload) = message.parts();
        let mut now = Patience::until(Deadline::after(Duration::ZERO));
        match self.frame_within(kind, &[IoSlice::new(payload)], true, &mut now) {
            Err(error @ Error::Timeout(_)) if error.message_accepted() => Ok(()),
            Err(Error::Timeout(_)) => Err(Error::WouldBlock),
            result => result,
        }
    }

    /// Gathers a message, to be sent together with others. It is written by [`flush`](Self::flush), by the next
    /// [`send`](Self::send), before the receiver waits, or when 64 KiB have been gathered.
    ///
    /// On a connection that was [split](crate::WebSocket::split), no receiving call may be about to wait: call `flush`.
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    #[inline]
    pub fn feed(&self, message: impl Payload) -> Result<()> {
        let (kind, payload) = message.parts();
        if self.link.gather_now(kind, payload, self.compress) {
            return Ok(());
        }
        self.frame(kind, &[IoSlice::new(payload)], false)
    }

    /// Writes what was gathered by [`feed`](Self::feed), or left over when a call timed out.
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn flush(&self) -> Result<()> {
        self.link.flush(&mut self.patience())
    }

    /// Sends one message made of several parts, in one frame, without joining them first.
    ///
    /// # Errors
    ///
    /// See [`Sender`], and [`UsageError::InvalidUtf8`] if the parts of a text message are not UTF-8 together.
    pub fn send_vectored(&self, kind: Kind, parts: &[IoSlice<'_>]) -> Result<()> {
        if kind == Kind::Text {
            let mut text = crate::proto::Utf8::default();
            if !parts.iter().all(|part| text.feed(part)) || !text.is_complete() {
                return Err(UsageError::InvalidUtf8.into());
            }
        }
        self.frame(kind, parts, true)
    }

    /// Begins a message of unknown size, which is written as a stream.
    ///
    /// Blocks until no other message is being streamed.
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn send_stream(&self, kind: Kind) -> Result<MessageWriter<'static>> {
        self.link.stream_begin(&mut self.patience())?;
        Ok(MessageWriter::new(self.clone(), kind))
    }

    /// Sends a Ping with a payload of at most 125 bytes. Receiving calls skip the Pong.
    ///
    /// # Errors
    ///
    /// See [`Sender`], and [`UsageError::PingTooLong`].
    pub fn ping(&self, payload: &[u8]) -> Result<()> {
        self.link.ping(payload, &mut self.patience())
    }

    /// Sends a Ping, waits for its Pong, and returns the round trip time. Another thread must be receiving.
    ///
    /// # Errors
    ///
    /// See [`Sender`]; [`Error::Timeout`] when `timeout` runs out. The connection goes on.
    pub fn ping_wait(&self, timeout: Duration) -> Result<Duration> {
        let begin = Instant::now();
        let deadline = Deadline::at(begin).later(timeout).earliest(self.deadline);
        let number = self.link.numbered_ping(&mut Patience::new(deadline, None))?;
        self.link.wait_for_pong(number, deadline)?;
        Ok(begin.elapsed())
    }

    /// Sends a Ping whose Pong can be waited for, with [`pong_wait`](Self::pong_wait) here or
    /// [`Receiver::pong_wait`](crate::Receiver::pong_wait), several times if need be. Returns its number.
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn ping_start(&self) -> Result<u64> {
        self.link.numbered_ping(&mut self.patience())
    }

    /// Waits for the answer to a Ping of [`ping_start`](Self::ping_start). Another thread must be receiving. After
    /// [`Error::Timeout`] and [`Error::Interrupted`] the Pong can be waited
    /// for again.
    ///
    /// # Errors
    ///
    /// As [`ping_wait`](Self::ping_wait).
    pub fn pong_wait(&self, ping: u64, timeout: Duration) -> Result<()> {
        self.link.wait_for_pong(ping, Deadline::after(timeout).earliest(self.deadline))
    }

    /// Starts the closing handshake: sends a Close frame, after which nothing more can be sent.
    ///
    /// The receiver still returns what the peer sends, then `None` once the peer's Close frame has arrived; it waits for that
    /// no longer than the configured `close_timeout`. If the receiver has been dropped, this call completes the closing
    /// instead: it discards what arrives until the peer ends its stream, for as long as `close_timeout` and the deadline of
    /// this handle allow. Does nothing if a Close frame was sent before, or the connection was closed cleanly.
    ///
    /// # Errors
    ///
    /// See [`Sender`], and [`UsageError`] for a code or reason that cannot be sent.
    pub fn close_start(&self, code: CloseCode, reason: &str) -> Result<()> {
        let frame = CloseFrame::new(code, reason)?;
        self.link.close_start(frame, &mut self.patience())
    }

    /// Ends the connection at once, without a closing handshake. Blocked calls in all threads return.
    pub fn abort(&self) {
        self.link.abort();
    }

    /// How long calls of this handle may go without progress; `None` for no limit.
    pub fn set_send_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// When every call of this handle returns at the latest, whatever its progress; `None` for no limit.
    pub fn set_deadline(&mut self, deadline: impl Into<Deadline>) {
        self.deadline = deadline.into();
    }

    /// Which messages of this handle are compressed, where compression was agreed on. Default
    /// [`Compress::Auto`].
    pub fn set_compress(&mut self, compress: Compress) {
        self.compress = compress;
    }

    /// This handle with another setting of [`set_compress`](Self::set_compress), for example for one message.
    #[must_use]
    pub fn with_compress(&self, compress: Compress) -> Self {
        Self { compress, ..self.clone() }
    }

    /// This handle with an earlier deadline, for any one sending call: `with_deadline(limit).ping(b"")`. The limits of the
    /// handle hold as well.
    ///
    /// ```
    /// # fn send(ws: &mut landline::WebSocket) -> landline::Result<()> {
    /// use landline::{Deadline, Kind};
    /// use std::io::{IoSlice, Write};
    /// use std::time::Duration;
    /// let soon = Deadline::after(Duration::from_secs(5));
    /// ws.with_deadline(soon).send_vectored(Kind::Text, &[IoSlice::new(b"in "), IoSlice::new(b"parts")])?;
    /// ws.with_deadline(soon).flush()?;
    /// let mut stream = ws.with_deadline(soon).send_stream(Kind::Text)?;
    /// # let _ = write!(stream, "all of it within five seconds");
    /// # stream.finish()
    /// # }
    /// ```
    #[must_use]
    pub fn with_deadline(&self, deadline: impl Into<Deadline>) -> Self {
        Self { deadline: deadline.into().earliest(self.deadline), ..self.clone() }
    }

    /// The connection's identity.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.link.id
    }

    /// The descriptor under the connection, if there is one: for programs with an event loop of their own, together with
    /// [`poll_interest`](Self::poll_interest) and [`Receiver::has_buffered`](crate::Receiver::has_buffered). It must not
    /// be read from or written to.
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.link.check_process().ok().and_then(|()| self.link.transport.as_fd())
    }

    /// What to wait for on the [descriptor](Self::fd): reading always, and writing while output is pending, which the next
    /// receiving call then continues to send.
    #[must_use]
    pub fn poll_interest(&self) -> Interest {
        Interest { read: true, write: self.link.is_stuck() }
    }

    /// The peer's address, if the transport has one.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.link.transport.peer_addr()
    }

    /// The address of this end, if the transport has one.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.link.transport.local_addr()
    }

    /// What is known about TLS, for example the peer's certificate. `None` if the connection does not use it.
    #[must_use]
    pub fn tls_info(&self) -> Option<TlsInfo> {
        self.link.check_process().ok().and_then(|()| self.link.transport.tls_info())
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

    /// Whether messages can still be sent, as far as is known. Never blocks.
    pub(crate) fn is_open(&self) -> bool {
        self.link.is_open()
    }

    pub(super) fn patience(&self) -> Patience {
        Patience::new(self.deadline, self.timeout)
    }

    #[inline]
    fn frame(&self, kind: Kind, payload: &[IoSlice<'_>], flush: bool) -> Result<()> {
        self.frame_within(kind, payload, flush, &mut self.patience())
    }

    #[inline]
    fn frame_within(
        &self,
        kind: Kind,
        payload: &[IoSlice<'_>],
        flush: bool,
        patience: &mut Patience,
    ) -> Result<()> {
        self.link.send(&Outgoing::new(Opcode::from(kind), Part::Whole, payload, self.compress, flush), patience)
    }
}
