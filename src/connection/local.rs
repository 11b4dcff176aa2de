//! Both halves of a connection within one thread: see [`WebSocket::parts`](super::WebSocket::parts).

use super::held::Hold;
use super::messages::Messages;
use super::receiver::{Received, Receiver};
use super::sender::Sender;
use super::stream::{MessageReader, MessageWriter};
use crate::close::CloseCode;
use crate::compression::Compress;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::message::{Kind, Message, MessageRef, Payload};
use std::io::IoSlice;
use std::ops::Deref;
use std::time::Duration;

/// The sending half within one thread: see [`WebSocket::parts`](crate::WebSocket::parts).
///
/// It stays in its thread, because the receiver may wait in a way that other threads cannot end.
#[derive(Debug)]
pub struct LocalSender<'a> {
    sender: Sender,
    hold: Hold<'a>,
}

/// [`Sender::feed`] in a kept turn.
#[inline(always)]
pub(super) fn feed(hold: Hold<'_>, sender: &Sender, message: impl Payload) -> Result<()> {
    let (kind, payload) = message.parts();
    if hold.gather(kind, payload, sender.compress) {
        return Ok(());
    }
    hold.end();
    sender.feed(message)
}

impl<'a> LocalSender<'a> {
    pub(super) fn new(sender: Sender, hold: Hold<'a>) -> Self {
        Self { sender, hold }
    }

    fn sender(&self) -> &Sender {
        self.hold.end();
        &self.sender
    }

    /// Sends a message. See [`Sender::send`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn send(&self, message: impl Payload) -> Result<()> {
        self.sender().send(message)
    }

    /// [`send`](Self::send) with a time limit for this call. See [`Sender::send_timeout`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn send_timeout(&self, message: impl Payload, timeout: Duration) -> Result<()> {
        self.sender().send_timeout(message, timeout)
    }

    /// [`send`](Self::send) until a moment in time. See [`Sender::send_deadline`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn send_deadline(&self, message: impl Payload, deadline: impl Into<Deadline>) -> Result<()> {
        self.sender().send_deadline(message, deadline)
    }

    /// Sends a message if that needs no waiting, or returns [`Error::WouldBlock`](crate::Error::WouldBlock). See
    /// [`Sender::try_send`].
    ///
    /// # Errors
    ///
    /// As [`Sender::try_send`].
    pub fn try_send(&self, message: impl Payload) -> Result<()> {
        self.sender().try_send(message)
    }

    /// Sends a message together with others. See [`Sender::feed`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    #[inline]
    pub fn feed(&self, message: impl Payload) -> Result<()> {
        feed(self.hold, &self.sender, message)
    }

    /// Sends one message made of several parts. See [`Sender::send_vectored`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send_vectored`].
    pub fn send_vectored(&self, kind: Kind, parts: &[IoSlice<'_>]) -> Result<()> {
        self.sender().send_vectored(kind, parts)
    }

    /// Sends one message of unknown size as a stream. See [`Sender::send_stream`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn send_stream(&self, kind: Kind) -> Result<MessageWriter<'a>> {
        self.sender().send_stream(kind)
    }

    /// Writes what was gathered. See [`Sender::flush`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn flush(&self) -> Result<()> {
        self.sender().flush()
    }

    /// This half with another setting of [`WebSocket::set_compress`](crate::WebSocket::set_compress), for example for one
    /// message.
    #[must_use]
    pub fn with_compress(&self, compress: Compress) -> Self {
        Self { sender: self.sender.with_compress(compress), hold: self.hold }
    }

    /// This half with an earlier deadline, for any one sending call. See [`Sender::with_deadline`].
    #[must_use]
    pub fn with_deadline(&self, deadline: impl Into<Deadline>) -> Self {
        Self { sender: self.sender.with_deadline(deadline), hold: self.hold }
    }

    /// Sends a Ping. See [`Sender::ping`].
    ///
    /// # Errors
    ///
    /// As [`Sender::ping`].
    pub fn ping(&self, payload: &[u8]) -> Result<()> {
        self.sender().ping(payload)
    }

    /// Sends a Ping to be waited for with [`LocalReceiver::pong_wait`]. See [`Sender::ping_start`].
    ///
    /// # Errors
    ///
    /// See [`Sender`].
    pub fn ping_start(&self) -> Result<u64> {
        self.sender().ping_start()
    }

    /// Starts the closing handshake. See [`Sender::close_start`].
    ///
    /// # Errors
    ///
    /// As [`Sender::close_start`].
    pub fn close_start(&self, code: CloseCode, reason: &str) -> Result<()> {
        self.sender().close_start(code, reason)
    }
}

/// The receiving half within one thread: see [`WebSocket::parts`](crate::WebSocket::parts).
#[derive(Debug)]
pub struct LocalReceiver<'a> {
    receiver: &'a mut Receiver,
    hold: Hold<'a>,
}

impl<'a> LocalReceiver<'a> {
    pub(super) fn new(receiver: &'a mut Receiver, hold: Hold<'a>) -> Self {
        Self { receiver, hold }
    }

    fn receiver(&mut self) -> &mut Receiver {
        self.hold.end_and_allow();
        self.receiver
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

    /// Receives the next message without a copy. See [`Receiver::recv_ref`].
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
        // The stream may wait while the sender is in use.
        self.hold.end_and_forbid();
        self.receiver.recv_stream()
    }

    /// The messages that arrive, until the connection is closed cleanly. See [`Receiver::messages`].
    pub fn messages(&mut self) -> Messages<'_> {
        Messages::new(self)
    }

    /// Waits for the answer to a Ping of [`LocalSender::ping_start`]. See [`Receiver::pong_wait`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::ping_wait`].
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

    /// How long each receiving call may wait; `None` for as long as it takes.
    pub fn set_recv_timeout(&mut self, timeout: Option<Duration>) {
        self.receiver.set_recv_timeout(timeout);
    }

    /// When every receiving call returns at the latest, even if its own limit is later; `None` for no limit.
    pub fn set_deadline(&mut self, deadline: impl Into<Deadline>) {
        self.receiver.set_deadline(deadline);
    }

    /// Changes the largest message that is accepted.
    pub fn set_max_message_size(&mut self, bytes: u64) {
        self.receiver.set_max_message_size(bytes);
    }
}

/// For what does not wait: counters, how the connection ended, abort.
impl Deref for LocalReceiver<'_> {
    type Target = Receiver;

    fn deref(&self) -> &Receiver {
        self.receiver
    }
}
