//! Both halves of a connection in one value, for a program that uses one thread.
//!
//! Longer than other files, for a reason: it documents every call of the type that most programs use, and does nothing
//! but pass the calls on.

use super::held::Held;
use super::{
    Aborter, CloseInfo, ConnectionId, Detached, Handshake, Interrupter, Link, LocalReceiver, LocalSender,
    MessageReader, MessageWriter, Messages, Received, Receiver, Sender, Stats, Timings, link, local,
};
use crate::close::CloseCode;
use crate::compression::Compress;
use crate::config::Config;
use crate::deadline::Deadline;
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
use crate::message::{Kind, Message, MessageRef, Payload};
use crate::proto::deflate;
use crate::proto::{Inbound, Role};
use crate::transport::{Interest, TlsInfo, Transport};
use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

/// An open WebSocket connection, either role.
///
/// From [`connect`](crate::connect), [`Client`](crate::Client), or a [server](crate::server). Calls block; each
/// says on what and until when. One value is used by one thread at a time; to receive in one thread while others
/// send, [`split`](Self::split) it.
///
/// Dropping it ends the connection without a closing handshake (the peer sees 1006); [`close`](Self::close)
/// first. Messages that were gathered and not flushed are written as far as the kernel has room.
///
/// ```
/// # fn main() -> landline::Result<()> {
/// # let server = landline::Server::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}", server.local_addr().unwrap());
/// # let stop = server.stop_handle();
/// # let server = std::thread::spawn(move || server.serve(|mut ws| { while let Ok(Some(m)) = ws.recv() { ws.send(m).unwrap() } }));
/// let mut ws = landline::connect(&url)?;
/// ws.send("hello")?;
/// assert_eq!(ws.recv()?, Some(landline::Message::Text("hello".into())));
/// ws.close(landline::CloseCode::NORMAL_CLOSURE, "bye")?;
/// assert!(ws.close_info().clean);
/// # stop.stop(std::time::Duration::ZERO);
/// # server.join().unwrap()
/// # }
/// ```
#[derive(Debug)]
pub struct WebSocket {
    /// Boxed, so that a connection can be moved about without much stack: each page of it counts on a server.
    receiver: Box<Receiver>,
    sender: Sender,
    /// Put back before `receiver` or `sender` does anything that may wait or write.
    held: Held,
    handshake: Box<Handshake>,
    /// Boxed, because servers have none.
    timings: Option<Box<Timings>>,
}

impl WebSocket {
    /// A connection over a transport on which the opening handshake has been completed. `leftover` is what was read
    /// beyond it.
    #[inline(never)] // Its stack is not to be added to that of the opening handshake.
    pub(crate) fn new(
        transport: Box<dyn Transport>,
        role: Role,
        config: Config,
        leftover: &[u8],
        handshake: Handshake,
    ) -> Result<Self> {
        let mut outbound = link::new_outbound(role)?;
        let mut inbound = Inbound::new(role, config.limits);
        if let (Some(options), Some(parameters)) = (&config.compression, &handshake.compression) {
            deflate::enable(&mut inbound, &mut outbound, options, parameters);
        }
        let link = Link::new(transport, outbound, config);
        let receiver = Receiver::new(Arc::clone(&link), inbound, role, leftover);
        let held = Held::new(Arc::clone(&link));
        Ok(Self { receiver, sender: Sender::new(link), held, handshake: Box::new(handshake), timings: None })
    }

    fn receiver(&mut self) -> &mut Receiver {
        self.held.hold().end_and_allow();
        &mut self.receiver
    }

    fn sender(&mut self) -> &Sender {
        self.held.hold().end_and_allow();
        &self.sender
    }

    /// Receives the next message. See [`Receiver::recv`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    pub fn recv(&mut self) -> Result<Option<Message>> {
        if !self.receiver.message_is_buffered() && !self.receiver().wait_for_message()? {
            return Ok(None);
        }
        Ok(Some(self.receiver.take_message()))
    }

    /// [`recv`](Self::recv) with a time limit for this call.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Message>> {
        self.receiver().recv_timeout(timeout)
    }

    /// [`recv`](Self::recv) until a moment in time.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    pub fn recv_deadline(&mut self, deadline: impl Into<Deadline>) -> Result<Option<Message>> {
        self.receiver().recv_deadline(deadline)
    }

    /// Receives the next message without a copy. See [`Receiver::recv_ref`]; to answer while it is borrowed, use
    /// [`parts`](Self::parts).
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    #[inline]
    pub fn recv_ref(&mut self) -> Result<Option<MessageRef<'_>>> {
        if !self.receiver.message_is_buffered() && !self.receiver().wait_for_message()? {
            return Ok(None);
        }
        Ok(Some(self.receiver.message()))
    }

    /// The messages that arrive, until the connection is closed cleanly. See [`Receiver::messages`]; `for message in
    /// &mut ws` is the same.
    pub fn messages(&mut self) -> Messages<'_> {
        Messages::new(self)
    }

    /// Receives into the caller's buffer. See [`Receiver::recv_into`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv_into`].
    pub fn recv_into(&mut self, buf: &mut [u8]) -> Result<Option<Received>> {
        self.receiver().recv_into(buf)
    }

    /// Receives the next message as a stream. See [`Receiver::recv_stream`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    pub fn recv_stream(&mut self) -> Result<Option<MessageReader<'_>>> {
        self.receiver().recv_stream()
    }

    /// Sends a message: a string as text, bytes as binary. See [`Sender::send`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn send(&mut self, message: impl Payload) -> Result<()> {
        self.sender().send(message)
    }

    /// [`send`](Self::send) with a time limit for this call. See [`Sender::send_timeout`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn send_timeout(&mut self, message: impl Payload, timeout: Duration) -> Result<()> {
        self.sender().send_timeout(message, timeout)
    }

    /// [`send`](Self::send) until a moment in time. See [`Sender::send_deadline`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn send_deadline(&mut self, message: impl Payload, deadline: impl Into<Deadline>) -> Result<()> {
        self.sender().send_deadline(message, deadline)
    }

    /// Sends a message if that needs no waiting, or returns [`Error::WouldBlock`]. See [`Sender::try_send`].
    ///
    /// # Errors
    ///
    /// As [`Sender::try_send`].
    pub fn try_send(&mut self, message: impl Payload) -> Result<()> {
        self.sender().try_send(message)
    }

    /// Sends a message together with others. See [`Sender::feed`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    #[inline]
    pub fn feed(&mut self, message: impl Payload) -> Result<()> {
        local::feed(self.held.hold(), &self.sender, message)
    }

    /// Writes what was gathered. See [`Sender::flush`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn flush(&mut self) -> Result<()> {
        self.sender().flush()
    }

    /// Sends one message made of several parts. See [`Sender::send_vectored`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send_vectored`].
    pub fn send_vectored(&mut self, kind: Kind, parts: &[IoSlice<'_>]) -> Result<()> {
        self.sender().send_vectored(kind, parts)
    }

    /// Sends one message of unknown size as a stream. See [`Sender::send_stream`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn send_stream(&mut self, kind: Kind) -> Result<MessageWriter<'_>> {
        self.sender().send_stream(kind)
    }

    /// Sends a Ping. See [`Sender::ping`].
    ///
    /// # Errors
    ///
    /// As [`Sender::ping`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<()> {
        self.sender().ping(payload)
    }

    /// Sends a Ping, waits for its Pong, and returns the round trip time.
    ///
    /// Receives while it waits; messages that arrive first are kept for the next receiving call.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`]; [`Error::Timeout`] when `timeout` runs out, after which the connection can be used as
    /// before; [`UsageError::MessagesWaiting`](crate::error::UsageError::MessagesWaiting) when more messages arrive than
    /// can be kept (1024, or `max_message_size` in bytes).
    pub fn ping_wait(&mut self, timeout: Duration) -> Result<Duration> {
        self.receiver().ping_wait(timeout)
    }

    /// Sends a Ping to be waited for with [`pong_wait`](Self::pong_wait). See [`Sender::ping_start`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn ping_start(&mut self) -> Result<u64> {
        self.sender().ping_start()
    }

    /// Waits for the answer to a Ping of [`ping_start`](Self::ping_start). See [`Receiver::pong_wait`].
    ///
    /// # Errors
    ///
    /// As [`ping_wait`](Self::ping_wait).
    pub fn pong_wait(&mut self, ping: u64, timeout: Duration) -> Result<()> {
        self.receiver().pong_wait(ping, timeout)
    }

    /// Closes the connection cleanly. See [`Receiver::close`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::close`].
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<()> {
        self.receiver().close(code, reason)
    }

    /// [`close`](Self::close) within `timeout`. See [`Receiver::close_within`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::close`].
    pub fn close_within(&mut self, code: CloseCode, reason: &str, timeout: Duration) -> Result<()> {
        self.receiver().close_within(code, reason, timeout)
    }

    /// Starts the closing handshake and leaves its end to the receiving calls. See [`Sender::close_start`].
    ///
    /// # Errors
    ///
    /// As [`Sender::close_start`].
    pub fn close_start(&mut self, code: CloseCode, reason: &str) -> Result<()> {
        self.sender().close_start(code, reason)
    }

    /// Takes the socket out of the connection, which ends for this program and goes on for the peer. See
    /// [`Receiver::detach`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::detach`].
    pub fn detach(&mut self) -> Result<Detached> {
        self.receiver().detach()
    }

    /// Ends the connection at once, without a closing handshake.
    pub fn abort(&self) {
        self.sender.abort();
    }

    /// A handle that can end the connection at once from any thread, at no cost for the connection.
    #[must_use]
    pub fn aborter(&self) -> Aborter {
        Aborter::new(&self.sender.link)
    }

    /// Returns the two halves, for different threads. Clone the sender for more sending threads.
    ///
    /// From now on, a receiving call that waits makes a `poll` besides its `recv`, so that other threads can wake it.
    ///
    /// ```
    /// # fn main() -> landline::Result<()> {
    /// # let server = landline::Server::bind("127.0.0.1:0")?;
    /// # let url = format!("ws://{}", server.local_addr().unwrap());
    /// # let stop = server.stop_handle();
    /// # let server = std::thread::spawn(move || server.serve(|mut ws| { while let Ok(Some(m)) = ws.recv() { ws.send(m).unwrap() } }));
    /// let (sender, mut receiver) = landline::connect(&url)?.split();
    /// let sending = std::thread::spawn(move || {
    ///     for i in 0..100 {
    ///         sender.send(format!("message {i}"))?;
    ///     }
    ///     sender.close_start(landline::CloseCode::NORMAL_CLOSURE, "")
    /// });
    /// let mut count = 0;
    /// while let Some(_echo) = receiver.recv()? {
    ///     count += 1;
    /// }
    /// sending.join().unwrap()?;
    /// assert!(count <= 100 && receiver.close_info().clean);
    /// # stop.stop(std::time::Duration::ZERO);
    /// # server.join().unwrap()
    /// # }
    /// ```
    #[must_use]
    pub fn split(mut self) -> (Sender, Receiver) {
        self.receiver.make_wakeable();
        (self.sender, *self.receiver)
    }

    /// Borrows the two halves, to send while a received message is borrowed, within one thread.
    ///
    /// ```
    /// # fn echo(ws: &mut landline::WebSocket) -> landline::Result<()> {
    /// let (sender, mut receiver) = ws.parts();
    /// while let Some(message) = receiver.recv_ref()? {
    ///     sender.feed(message)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn parts(&mut self) -> (LocalSender<'_>, LocalReceiver<'_>) {
        let hold = self.held.hold();
        hold.end_and_allow();
        (LocalSender::new(self.sender.clone(), hold), LocalReceiver::new(&mut self.receiver, hold))
    }

    /// A handle that wakes blocked calls from other threads. See [`Receiver::interrupter`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the process has no descriptor left.
    pub fn interrupter(&mut self) -> Result<Interrupter> {
        self.receiver.interrupter()
    }

    pub(crate) fn attach(&self, interrupter: &Interrupter) {
        interrupter.attach(&self.sender.link);
    }

    /// How long each receiving call may wait; `None` for as long as it takes.
    pub fn set_recv_timeout(&mut self, timeout: Option<Duration>) {
        self.receiver.set_recv_timeout(timeout);
    }

    /// How long a sending call may go without progress; `None` for as long as it takes.
    pub fn set_send_timeout(&mut self, timeout: Option<Duration>) {
        self.sender.set_send_timeout(timeout);
    }

    /// When every call returns at the latest, even if its own limit is later; `None` for no limit. Only
    /// [`close`](Self::close) is not affected.
    pub fn set_deadline(&mut self, deadline: impl Into<Deadline>) {
        let deadline = deadline.into();
        self.receiver.set_deadline(deadline);
        self.sender.set_deadline(deadline);
    }

    /// The moment that was set with [`set_deadline`](Self::set_deadline).
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.receiver.deadline()
    }

    /// Changes the largest message that is accepted.
    pub fn set_max_message_size(&mut self, bytes: u64) {
        self.receiver.set_max_message_size(bytes);
    }

    /// Which messages are compressed, where compression was agreed on. Default [`Compress::Auto`].
    pub fn set_compress(&mut self, compress: Compress) {
        self.sender.set_compress(compress);
    }

    /// A sending half with another setting of [`set_compress`](Self::set_compress), for example for one message.
    pub fn with_compress(&mut self, compress: Compress) -> LocalSender<'_> {
        LocalSender::new(self.sender.with_compress(compress), self.held.hold())
    }

    /// A sending half with a deadline, for any one sending call. See [`Sender::with_deadline`].
    pub fn with_deadline(&mut self, deadline: impl Into<Deadline>) -> LocalSender<'_> {
        LocalSender::new(self.sender.with_deadline(deadline), self.held.hold())
    }

    /// The connection's identity.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.sender.id()
    }

    /// What the opening handshake agreed on.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    pub(crate) fn set_timings(&mut self, timings: Timings) {
        self.timings = Some(Box::new(timings));
    }

    /// How long the steps of opening the connection took. `None` for a server's connection.
    #[must_use]
    pub fn timings(&self) -> Option<&Timings> {
        self.timings.as_deref()
    }

    /// The peer's address, if the transport has addresses.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.sender.peer_addr()
    }

    /// The address of this end, if the transport has addresses.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.sender.local_addr()
    }

    /// What is known about TLS. See [`Sender::tls_info`].
    #[must_use]
    pub fn tls_info(&self) -> Option<TlsInfo> {
        self.sender.tls_info()
    }

    /// The descriptor under the connection, if there is one. See [`Sender::fd`].
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.sender.fd()
    }

    /// What to wait for on the descriptor. See [`Sender::poll_interest`].
    #[must_use]
    pub fn poll_interest(&self) -> Interest {
        self.sender.poll_interest()
    }

    /// Whether a receiving call may return something although the descriptor is not readable. See
    /// [`Receiver::has_buffered`].
    #[must_use]
    pub fn has_buffered(&self) -> bool {
        self.receiver.has_buffered()
    }

    /// Until when a program that waits for the descriptor by itself may wait. See [`Receiver::next_deadline`].
    #[must_use]
    pub fn next_deadline(&self) -> Deadline {
        self.receiver.next_deadline()
    }

    /// How the connection ended, or how far its end has come.
    #[must_use]
    pub fn close_info(&self) -> CloseInfo {
        self.sender.close_info()
    }

    /// Counters of the connection.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.sender.stats()
    }

    /// For the server, which closes what a handler leaves open.
    pub(crate) fn link(&self) -> Arc<Link> {
        Arc::clone(&self.sender.link)
    }
}
