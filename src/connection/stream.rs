//! Messages as streams: [`std::io::Read`] and [`std::io::Write`], in constant memory.

use super::link::Link;
use super::patience::Patience;
use super::receiver::Receiver;
use super::sender::Sender;
use super::sending::{Outgoing, Part};
use crate::close::{CloseCode, CloseFrame};
use crate::deadline::Deadline;
use crate::error::{Error, Result, UsageError};
use crate::message::Kind;
use crate::proto::{Opcode, Utf8};
use std::io::{self, IoSlice, Read, Write};
use std::marker::PhantomData;
use std::time::Duration;

/// Bytes gathered before a fragment is sent.
const FRAGMENT: usize = 16 << 10;

/// Reads one message piece by piece, as it arrives. From
/// [`WebSocket::recv_stream`](crate::WebSocket::recv_stream).
///
/// Reading returns `Ok(0)` at the end of the message. Errors of the connection are returned as an [`io::Error`] with the
/// [`Error`] inside. After a timeout or an interruption (`WouldBlock`) reading can continue. What is not read is skipped
/// by the next receiving call.
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
/// use std::io::Read;
///
/// ws.send("a message that may be long")?;
/// let mut reader = ws.recv_stream()?.expect("the server has not closed");
/// let mut text = String::new();
/// reader.read_to_string(&mut text)?;
/// assert_eq!(text, "a message that may be long");
/// # drop(ws);
/// # let _ = server.join();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MessageReader<'a> {
    receiver: &'a mut Receiver,
    kind: Kind,
    ended: bool,
}

impl<'a> MessageReader<'a> {
    pub(super) fn new(receiver: &'a mut Receiver, kind: Kind) -> Self {
        Self { receiver, kind, ended: false }
    }

    /// Text or binary. Text is checked as it arrives; a character may lie across two reads.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl Read for MessageReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let until = self.receiver.until();
        while !self.ended && !buf.is_empty() {
            match self.receiver.take_piece(buf, until)? {
                Some(received) => {
                    self.ended = received.is_final;
                    if received.len > 0 {
                        return Ok(received.len);
                    }
                }
                None => {
                    let text = "the peer closed the connection in the middle of the message";
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
                }
            }
        }
        Ok(0)
    }
}

/// Writes one message of unknown size, as fragments. From
/// [`WebSocket::send_stream`](crate::WebSocket::send_stream).
///
/// What is written is gathered into fragments of 16 KiB, or of up to about 64 KiB if the message is compressed, which are
/// themselves gathered as with [`feed`](crate::WebSocket::feed). [`flush`](Write::flush) sends what there is, in a fragment
/// that can be read, or inflated, at once. [`finish`](Self::finish) ends the message, after which flushing does nothing and
/// writing fails. Messages of other threads wait until then; Pings, Pongs and Close frames do not. If the writer is
/// dropped without `finish`, the message cannot be completed, and the connection is closed with 1011; if there is no room
/// for that Close frame, it is sent with the next sending or receiving call.
///
/// A writer stays in the thread that began the message.
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
/// use landline::{Kind, Message};
/// use std::io::Write;
///
/// let mut writer = ws.send_stream(Kind::Text)?;
/// write!(writer, "a message whose length ")?;
/// write!(writer, "need not be known")?;
/// writer.finish()?;
/// drop(writer);
/// assert_eq!(ws.recv()?, Some(Message::Text("a message whose length need not be known".into())));
/// # drop(ws);
/// # let _ = server.join();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MessageWriter<'a> {
    sender: Sender,
    /// A writer from a [`LocalSender`](super::LocalSender) must not leave its thread.
    borrows: PhantomData<(*const (), &'a Sender)>,
    kind: Kind,
    gathered: Vec<u8>,
    text: Utf8,
    finished: bool,
}

impl MessageWriter<'_> {
    pub(super) fn new(sender: Sender, kind: Kind) -> Self {
        Self { sender, borrows: PhantomData, kind, gathered: Vec::new(), text: Utf8::default(), finished: false }
    }

    /// Ends the message. Blocks until all of it has been handed to the transport.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`](crate::WebSocket::send); after a timeout or an interruption it can be called
    /// again, unless the end of the message [was accepted](crate::Error::message_accepted).
    /// [`UsageError::InvalidUtf8`] for a text message that ends in the middle of a character.
    pub fn finish(&mut self) -> Result<()> {
        if self.finished {
            return Ok(());
        }
        if self.kind == Kind::Text && !self.text.is_complete() {
            return Err(UsageError::InvalidUtf8.into());
        }
        let result = self.send(true, true);
        if is_taken(&result) {
            self.finished = true;
            self.link().stream_ended();
        }
        result
    }

    /// When every call of this writer returns at the latest, whatever its progress; `None` for no limit.
    pub fn set_deadline(&mut self, deadline: impl Into<Deadline>) {
        self.sender.set_deadline(deadline);
    }

    fn link(&self) -> &Link {
        &self.sender.link
    }

    fn send(&mut self, fin: bool, flush: bool) -> Result<()> {
        let (opcode, part, mut patience) = (Opcode::from(self.kind), Part::Of { fin }, self.sender.patience());
        let payload = &[IoSlice::new(&self.gathered)];
        let outgoing = Outgoing::new(opcode, part, payload, self.sender.compress, flush);
        let result = self.link().send(&outgoing, &mut patience);
        if is_taken(&result) {
            self.gathered.clear();
        }
        result
    }
}

/// Whether what was to be sent has left this writer.
fn is_taken(result: &Result<()>) -> bool {
    result.as_ref().err().is_none_or(Error::message_accepted)
}

impl Write for MessageWriter<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.finished {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message is finished"));
        }
        if self.gathered.len() >= FRAGMENT {
            self.send(false, false)?;
        }
        let count = buf.len().min(FRAGMENT - self.gathered.len());
        let buf = &buf[..count];
        if self.kind == Kind::Text {
            let mut text = self.text.clone();
            if !text.feed(buf) {
                return Err(Error::from(UsageError::InvalidUtf8).into());
            }
            self.text = text;
        }
        self.gathered.extend_from_slice(buf);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Anything sent now would be part of another message.
        if self.finished { Ok(()) } else { Ok(self.send(false, true)?) }
    }
}

impl Drop for MessageWriter<'_> {
    fn drop(&mut self) {
        if !self.finished {
            let frame = CloseFrame::trusted(CloseCode::INTERNAL_ERROR, "message abandoned".to_owned());
            // The frame is recorded. This does not wait if there is no room for it, because an earlier call may have used
            // up the time limit.
            let mut patience = Patience::until(Deadline::after(Duration::ZERO));
            let _ = self.link().close_start(frame, &mut patience);
            self.link().stream_ended();
        }
    }
}
