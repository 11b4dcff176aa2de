//! Both halves and the session in one value, for a program that drives the protocol from one thread.

use super::deflate::{self, DeflateParameters, End};
use super::error::Error;
use super::frame::{Opcode, Role};
use super::inbound::{Inbound, Limits, Step, Want};
use super::outbound::{Content, Deflating, MaskSource, Outbound};
use super::session::Session;
use crate::close::{CloseCode, CloseFrame};
use crate::compression::{Compress, Compression};
use crate::message::{Kind, MessageRef, Payload};

/// Something the peer did.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// It sent a message.
    Message(MessageRef<'a>),
    /// It sent a Ping; the Pong is queued.
    Ping(&'a [u8]),
    /// It sent a Pong.
    Pong(&'a [u8]),
    /// It sent a Close frame; the answer, if one is due, is queued. Nothing comes after it.
    Close(CloseFrame),
}

/// A whole WebSocket endpoint after the opening handshake, without I/O.
///
/// See the [module](crate::proto) for a conversation driven by hand.
///
/// There is no clock in it, so time limits and keepalive are the caller's: bound the time from [`close`](Self::close) to
/// the end, call [`ping`](Self::ping) after a time without input, and give the peer up if nothing comes for another one.
#[derive(Debug)]
pub struct Protocol {
    inbound: Inbound,
    outbound: Outbound,
    session: Session,
    compress: Compress,
    /// What ended the connection, unless it was the closing handshake.
    failed: Option<Error>,
}

impl Protocol {
    /// A client's end. `masks` gives a fresh unpredictable key for each frame.
    #[must_use]
    pub fn client(limits: Limits, masks: impl MaskSource + 'static) -> Self {
        Self::new(Inbound::new(Role::Client, limits), Outbound::client(Box::new(masks)))
    }

    /// A server's end.
    #[must_use]
    pub fn server(limits: Limits) -> Self {
        Self::new(Inbound::new(Role::Server, limits), Outbound::server())
    }

    fn new(inbound: Inbound, outbound: Outbound) -> Self {
        Self { inbound, outbound, session: Session::new(), compress: Compress::default(), failed: None }
    }

    /// Turns compression on, with the parameters that the opening handshake agreed on; see
    /// [`deflate`](super::deflate).
    #[must_use]
    pub fn with_deflate(mut self, options: &Compression, parameters: &DeflateParameters) -> Self {
        deflate::enable(&mut self.inbound, &mut self.outbound, options, parameters);
        self
    }

    /// Which messages to compress from here on.
    pub fn set_compress(&mut self, compress: Compress) {
        self.compress = compress;
    }

    /// Where to read the next bytes into; never empty. Call [`filled`](Self::filled) afterwards.
    pub fn space(&mut self) -> &mut [u8] {
        self.inbound.space()
    }

    /// `count` bytes have been read into [`space`](Self::space). Call [`next_event`](Self::next_event) until it
    /// gives `None`.
    pub fn filled(&mut self, count: usize) {
        self.inbound.filled(count);
    }

    /// Copies bytes in, as many as fit; the number is returned. Call [`next_event`](Self::next_event) until it
    /// gives `None`, then go on with the rest.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.inbound.receive(bytes)
    }

    /// The peer has ended its stream. Without its Close frame that is the end of the connection, and remembered.
    ///
    /// Take all events first: those that had arrived can still be taken, but nothing can be sent any more. If the
    /// Close frame is among them, the end was an orderly one after all.
    ///
    /// # Errors
    ///
    /// [`Error::Eof`] (code 1006) unless a Close frame came first (RFC 6455 7.1.5), or what had ended the connection
    /// before.
    pub fn receive_eof(&mut self) -> Result<(), Error> {
        if self.session.close_received_frame().is_none() && self.failed.is_none() {
            self.failed = Some(Error::Eof);
        }
        self.check_alive()
    }

    /// The next thing the peer did; `None` when more input is needed, or after its Close frame.
    ///
    /// May queue output: write [`output`](Self::output) before waiting for input.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] and [`Error::Limit`]: what the peer did wrong; a Close frame that says so is queued.
    /// [`Error::Eof`] after [`receive_eof`](Self::receive_eof), once there are no more events. Every later call
    /// gives the same error, the sending ones too.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        if self.session.close_received_frame().is_some() {
            return Ok(None);
        }
        let step = match self.inbound.advance(Want::Message) {
            Ok(step) => step,
            Err(error) => {
                if self.failed.is_none() {
                    self.session.fail(error);
                    self.session.write_replies(&mut self.outbound);
                }
                return Err(self.failed.get_or_insert(error.into()).clone());
            }
        };
        let payload = self.inbound.payload();
        self.session.apply(&step, payload, Some(&mut self.outbound));
        Ok(match step {
            Step::NeedInput => return self.check_alive().map(|()| None),
            Step::Message | Step::Piece { .. } => Some(Event::Message(self.inbound.message())),
            Step::Ping => Some(Event::Ping(payload)),
            Step::Pong => Some(Event::Pong(payload)),
            Step::Close(frame) => {
                // The end of the stream may have been reported before this was taken.
                self.failed = None;
                Some(Event::Close(frame))
            }
        })
    }

    /// Queues a message: in one frame, or in several if it is compressed to more than about 64 KiB.
    ///
    /// # Errors
    ///
    /// [`Error::Closing`] once a Close frame has been sent, or what has ended the connection.
    pub fn send(&mut self, message: impl Payload) -> Result<(), Error> {
        let (kind, payload) = message.parts();
        self.send_fragment(kind, payload, true)
    }

    /// Queues a part of a message; `fin` says that it is the last. Between the parts only control frames may be
    /// sent. Text may be cut anywhere, but must be UTF-8 as a whole: that is the caller's to keep.
    ///
    /// # Errors
    ///
    /// [`Error::Closing`] once a Close frame has been sent, or what has ended the connection.
    pub fn send_fragment(&mut self, kind: Kind, part: &[u8], fin: bool) -> Result<(), Error> {
        self.check_alive()?;
        self.session.check_open()?;
        let (opcode, first) = (Opcode::from(kind), !self.outbound.is_fragmenting());
        if !self.outbound.compresses(self.compress, first, fin.then_some(part.len())) {
            let mut frame = self.outbound.begin(opcode, fin, Content::Plain, part.len() as u64);
            self.outbound.add(&mut frame, part);
            return Ok(());
        }
        let mut frames = Deflating::new([part], End::of(fin, true));
        while let Some(deflated) = frames.next_frame(&mut self.outbound) {
            let mut frame = self.outbound.begin_deflated(opcode, &deflated);
            self.outbound.add(&mut frame, &deflated.payload);
            self.outbound.recycle(deflated, false);
        }
        Ok(())
    }

    /// Queues a Ping of at most 125 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::PingTooLong`] for a longer one,
    /// [`Error::Closing`] once a Close frame has been sent, or what has ended the connection.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.check_alive()?;
        self.session.ping(payload)?;
        self.session.write_replies(&mut self.outbound);
        Ok(())
    }

    /// Queues a Close frame; does nothing if one was sent before.
    ///
    /// # Errors
    ///
    /// A code that may not be sent, or a reason over 123 bytes. What has ended the connection, unless it was the
    /// closing handshake.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.check_alive()?;
        self.session.start_close(CloseFrame::new(code, reason)?);
        self.session.write_replies(&mut self.outbound);
        Ok(())
    }

    /// What is to be written to the peer. Call [`consume`](Self::consume) afterwards.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.outbound.pending()
    }

    /// `count` bytes of [`output`](Self::output) have been written.
    pub fn consume(&mut self, count: usize) {
        self.outbound.consume(count);
        self.session.queue_replies(&mut self.outbound);
    }

    /// Whether the closing handshake is under way and the stream should end soon: start a timer and end it
    /// then. A server ends the stream itself once `output` is written and both Close frames have travelled; a
    /// client waits for that (RFC 6455 7.1.1).
    #[must_use]
    pub fn close_expected(&self) -> bool {
        self.session.is_closing()
    }

    /// Whether nothing more can be sent, and nothing more will come than what has: both Close frames have travelled,
    /// or the connection has failed. Write what is left of `output`, then end the stream.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let closed = self.session.close_sent().is_some() && self.session.close_received_frame().is_some();
        closed || self.failed.is_some()
    }

    /// What has ended the connection, unless it was the closing handshake.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.failed.as_ref()
    }

    #[inline]
    fn check_alive(&self) -> Result<(), Error> {
        match &self.failed {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    /// What is known about the end of the connection.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }
}
