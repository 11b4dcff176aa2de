//! All of the protocol in one value, for a program that drives it from one thread: the opening handshake (`opening.rs`),
//! then both halves and the session.

mod opening;

use super::deflate::{self, DeflateParameters, End};
use super::error::Error;
use super::frame::{Opcode, Role};
use super::handshake::{ClientHandshake, Handshake, Request, ServerHandshake, ServerPolicy};
use super::inbound::{Inbound, Limits, Step, Want};
use super::outbound::{Content, Deflating, MaskSource, Outbound};
use super::session::Session;
use crate::close::{CloseCode, CloseFrame, Side};
use crate::compression::{Compress, Compression};
use crate::message::{Kind, MessageRef, Payload};
use opening::Opening;

/// Something the peer did.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A client requests a connection, and the server's [policy](ServerPolicy) admits it. Decide with
    /// [`Protocol::accept`], [`accept_with`](Protocol::accept_with) or [`reject`](Protocol::reject) before reading more
    /// input. Only with [`Protocol::deciding_by_caller`].
    Request(&'a Request),
    /// The opening handshake is complete, with this result. Messages can be sent from now on. A server's answer has been
    /// queued.
    Open(&'a Handshake),
    /// It sent a message.
    Message(MessageRef<'a>),
    /// It sent a Ping; the Pong is queued.
    Ping(&'a [u8]),
    /// It sent a Pong.
    Pong(&'a [u8]),
    /// It sent a Close frame; the answer, if one is due, is queued. Nothing comes after it.
    Close(CloseFrame),
}

/// One end of a WebSocket connection without I/O, from the opening handshake to the end: bytes go in, events and bytes
/// come out.
///
/// See the [module](crate::proto) for a conversation in bytes. The loop is the same for both roles:
///
/// ```
/// use landline::proto::handshake::{ClientHandshake, ClientRequest, HeadLimits, ServerHandshake, ServerPolicy};
/// use landline::proto::{Event, Protocol};
/// use landline::{CloseCode, MessageRef};
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// /// Drives one end over a stream until it is over.
/// fn drive(
///     mut stream: UnixStream,
///     mut end: Protocol,
///     mut on_event: impl FnMut(Event<'_>) -> Option<&'static str>,
/// ) -> Result<(), Box<dyn std::error::Error>> {
///     loop {
///         // What there is to write comes first, always.
///         while !end.output().is_empty() {
///             let count = stream.write(end.output())?;
///             end.consume(count);
///         }
///         if end.is_over() {
///             return Ok(());
///         }
///         match stream.read(end.space())? {
///             0 => end.receive_eof()?,
///             count => end.filled(count),
///         }
///         while let Some(event) = end.next_event()? {
///             match on_event(event) {
///                 Some("") => end.close(CloseCode::NORMAL_CLOSURE, "done")?,
///                 Some(text) => end.send(text)?,
///                 None => {}
///             }
///         }
///     }
/// }
///
/// let (ours, theirs) = UnixStream::pair()?;
/// let server = std::thread::spawn(move || {
///     let mut policy = ServerPolicy::new();
///     policy.subprotocols = vec!["shout".into()];
///     let end = Protocol::server(ServerHandshake::new(HeadLimits::default()), policy);
///     drive(theirs, end, |event| match event {
///         Event::Message(MessageRef::Text("hello")) => Some("HELLO"),
///         _ => None,
///     })
///     .unwrap();
/// });
///
/// let mut request = ClientRequest::new("server.example.com", "/");
/// request.subprotocols = vec!["shout".into()];
/// // Both are random: landline::entropy has them.
/// let nonce = landline::entropy::nonce()?;
/// let masks = landline::entropy::SystemMasks::new()?;
/// let end = Protocol::client(ClientHandshake::new(&request, nonce, HeadLimits::default())?, masks);
/// let mut answer = None;
/// drive(ours, end, |event| match event {
///     Event::Open(agreed) => {
///         assert_eq!(agreed.subprotocol.as_deref(), Some("shout"));
///         Some("hello")
///     }
///     Event::Message(message) => {
///         answer = Some(message.to_message());
///         Some("") // enough
///     }
///     _ => None,
/// })?;
/// assert_eq!(answer, Some("HELLO".to_owned().into()));
/// server.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// There is no clock in it, so time limits and keepalive are the caller's: bound the opening handshake and
/// [give it up](Self::give_up), bound the time from [`close`](Self::close) to the end, call [`ping`](Self::ping) after a
/// time without input, and give the peer up if nothing comes for another one.
pub struct Protocol {
    /// `None` once the connection is open and that has been reported.
    opening: Option<Box<Opening>>,
    handshake: Option<Box<Handshake>>,
    inbound: Inbound,
    outbound: Outbound,
    session: Session,
    compress: Compress,
    /// What ended the connection, unless it was the closing handshake.
    failed: Option<Error>,
}

impl Protocol {
    /// A client. Its first output is the request. `masks` gives a fresh unpredictable key for each frame.
    #[must_use]
    pub fn client(handshake: ClientHandshake, masks: impl MaskSource + 'static) -> Self {
        let mut client = Self::open_client(Limits::default(), masks);
        client.outbound.head(handshake.request());
        client.opening = Some(Opening::client(handshake));
        client
    }

    /// A server. It accepts a request that `policy` admits, and refuses any other.
    #[must_use]
    pub fn server(handshake: ServerHandshake, policy: ServerPolicy) -> Self {
        let mut server = Self::open_server(Limits::default());
        server.opening = Some(Opening::server(handshake, policy));
        server
    }

    /// For a server: the caller decides about a request that the policy admits, which is reported as
    /// [`Event::Request`].
    #[must_use]
    pub fn deciding_by_caller(mut self) -> Self {
        if let Some(opening) = &mut self.opening {
            opening.leave_to_caller();
        }
        self
    }

    /// A client of a connection that is already open: the opening handshake was made by other means.
    #[must_use]
    pub fn open_client(limits: Limits, masks: impl MaskSource + 'static) -> Self {
        Self::new(Inbound::new(Role::Client, limits), Outbound::client(Box::new(masks)))
    }

    /// A server of a connection that is already open: the opening handshake was made by other means.
    #[must_use]
    pub fn open_server(limits: Limits) -> Self {
        Self::new(Inbound::new(Role::Server, limits), Outbound::server())
    }

    fn new(inbound: Inbound, outbound: Outbound) -> Self {
        Self {
            opening: None,
            handshake: None,
            inbound,
            outbound,
            session: Session::new(),
            compress: Compress::default(),
            failed: None,
        }
    }

    /// Replaces the default limits on messages.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.inbound.set_limits(limits);
        self
    }

    /// Turns compression on for a connection that was opened by other means, with the parameters that were agreed on; see
    /// [`deflate`].
    #[must_use]
    pub fn with_deflate(mut self, options: &Compression, parameters: &DeflateParameters) -> Self {
        self.enable_deflate(options, parameters);
        self
    }

    fn enable_deflate(&mut self, options: &Compression, parameters: &DeflateParameters) {
        deflate::enable(&mut self.inbound, &mut self.outbound, options, parameters);
    }

    /// What the opening handshake agreed on; `None` before it is complete, and if it was made by other means.
    #[must_use]
    pub fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_deref()
    }

    /// Which messages to compress from here on.
    pub fn set_compress(&mut self, compress: Compress) {
        self.compress = compress;
    }

    /// Where to read the next bytes into; never empty as long as all events were taken before. Call
    /// [`filled`](Self::filled) afterwards.
    pub fn space(&mut self) -> &mut [u8] {
        if self.reads_head() {
            return self.head_space();
        }
        self.inbound.space()
    }

    /// `count` bytes have been read into [`space`](Self::space). Call [`next_event`](Self::next_event) until it
    /// gives `None`.
    pub fn filled(&mut self, count: usize) {
        if self.reads_head() {
            return self.head_filled(count);
        }
        self.inbound.filled(count);
    }

    /// Copies bytes in, as many as fit; the number is returned. Call [`next_event`](Self::next_event) until it
    /// gives `None`, then go on with the rest.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        let taken = if self.reads_head() { self.receive_head(bytes) } else { 0 };
        if taken > 0 && taken == bytes.len() {
            return taken;
        }
        taken + self.inbound.receive(&bytes[taken..])
    }

    /// The peer has ended its stream. Without its Close frame that is the end of the connection, and remembered.
    ///
    /// Take all events first: those that had arrived can still be taken, but nothing can be sent any more. If the
    /// Close frame is among them, the end was an orderly one after all.
    ///
    /// # Errors
    ///
    /// [`Error::Eof`] (code 1006) unless a Close frame came first (RFC 6455 7.1.5), or what had ended the connection
    /// before. In the opening handshake [`Error::Handshake`] for a client, [`Error::Eof`] for a server.
    pub fn receive_eof(&mut self) -> Result<(), Error> {
        if self.reads_head() {
            self.head_eof();
        } else if self.session.close_received_frame().is_none() && self.failed.is_none() {
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
    /// [`Error::Eof`] after [`receive_eof`](Self::receive_eof), once there are no more events. [`Error::Handshake`],
    /// [`Error::Rejected`], [`Error::Response`] and [`Error::TimedOut`]: the opening handshake failed; a server's answer
    /// that says so is queued. Every later call gives the same error, the sending ones too.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        if self.opening.is_some() {
            return self.opening_event();
        }
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
        match step {
            Step::NeedInput => self.check_alive().map(|()| None),
            Step::Message | Step::Piece { .. } => Ok(Some(Event::Message(self.inbound.message()))),
            Step::Pong => Ok(Some(Event::Pong(self.inbound.payload()))),
            Step::Ping => {
                self.session.apply(&step, self.inbound.payload(), Some(&mut self.outbound));
                Ok(Some(Event::Ping(self.inbound.payload())))
            }
            Step::Close(ref frame) => {
                self.session.apply(&step, &[], Some(&mut self.outbound));
                // The end of the stream may have been reported before this was taken.
                self.failed = None;
                Ok(Some(Event::Close(frame.clone())))
            }
        }
    }

    /// Queues a message: in one frame, or in several if it is compressed to more than about 64 KiB.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] before the opening handshake is done, [`Error::Closing`] once a Close frame has been sent, or
    /// what has ended the connection.
    pub fn send(&mut self, message: impl Payload) -> Result<(), Error> {
        let (kind, payload) = message.parts();
        self.send_fragment(kind, payload, true)
    }

    /// Queues a part of a message; `fin` says that it is the last. Between the parts only control frames may be
    /// sent. Text may be cut anywhere, but must be UTF-8 as a whole: that is the caller's to keep.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_fragment(&mut self, kind: Kind, part: &[u8], fin: bool) -> Result<(), Error> {
        self.check_sendable()?;
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
    /// [`Error::PingTooLong`] for a longer one; otherwise as [`send`](Self::send).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.check_sendable()?;
        self.session.ping(payload)?;
        self.session.write_replies(&mut self.outbound);
        Ok(())
    }

    /// Queues a Close frame; does nothing if one was sent before.
    ///
    /// # Errors
    ///
    /// A code that may not be sent, or a reason over 123 bytes. [`Error::NotOpen`] before the opening handshake is done.
    /// What has ended the connection, unless it was the closing handshake.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.check_sendable()?;
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

    /// Whether the opening handshake is in progress.
    #[must_use]
    pub fn is_opening(&self) -> bool {
        self.failed.is_none() && self.check_opened().is_err()
    }

    /// Whether the closing handshake is under way and the stream should end soon: start a timer and end it
    /// then. A server ends the stream itself once `output` is written and both Close frames have travelled; a
    /// client waits for that (RFC 6455 7.1.1).
    #[must_use]
    pub fn close_expected(&self) -> bool {
        self.session.is_closing()
    }

    /// Whether nothing more can be sent, and nothing more will come than what has: both Close frames have travelled,
    /// or the opening handshake or the connection has failed. Write what is left of `output`, then end the stream.
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
    fn check_sendable(&self) -> Result<(), Error> {
        self.check_alive()?;
        if self.opening.is_some() { self.check_opened() } else { Ok(()) }
    }

    #[inline]
    fn check_alive(&self) -> Result<(), Error> {
        match &self.failed {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    /// The peer's Close frame, once it has come.
    #[must_use]
    pub fn close_received(&self) -> Option<&CloseFrame> {
        self.session.close_received_frame()
    }

    /// The Close frame of this end, once it has been queued.
    #[must_use]
    pub fn close_sent(&self) -> Option<&CloseFrame> {
        self.session.close_sent()
    }

    /// Which end sent its Close frame first; `None` before either has.
    #[must_use]
    pub fn closed_first_by(&self) -> Option<Side> {
        self.session.closed_first_by()
    }
}

impl std::fmt::Debug for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Protocol")
            .field("role", &self.outbound.role())
            .field("opening", &self.opening.as_ref().is_some_and(|opening| !opening.is_open()))
            .field("session", &self.session)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
