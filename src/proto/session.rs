//! What both halves share: control replies that are due, and the closing handshake (RFC 6455 sections 5.5 and 7).
//!
//! ```text
//!             close()/fail()                close received
//!   open ---------------------> closing ----------------------> over
//!     |                            ^                              ^
//!     | close received             | a reply is due at once       |
//!     +----------------------------+------------------------------+
//! ```
//!
//! Every decision about what may still be sent, and about what the peer is owed, is made here. Nothing here
//! waits or writes: a driver hands each step of the receiving half to [`Session::apply`], calls
//! [`Session::write_replies`] whenever it may append whole frames, and sees to it that this happens before it waits for
//! input.

use super::error::{Error, ReceiveError};
use super::frame::{MAX_CONTROL_PAYLOAD, Opcode};
use super::inbound::Step;
use super::outbound::Outbound;
use crate::close::{CloseFrame, Side};

/// With more output than this unwritten, replies wait: a peer that pings and does not read makes nothing grow.
const REPLIES_MAX: usize = 64 << 10;

/// The payload of a control frame that is due.
#[derive(Clone)]
struct Due {
    payload: [u8; MAX_CONTROL_PAYLOAD],
    len: usize,
}

impl Due {
    fn new(payload: &[u8]) -> Self {
        let mut due = Self { payload: [0; MAX_CONTROL_PAYLOAD], len: payload.len().min(MAX_CONTROL_PAYLOAD) };
        due.payload[..due.len].copy_from_slice(&payload[..due.len]);
        due
    }

    fn payload(&self) -> &[u8] {
        &self.payload[..self.len]
    }
}

/// The state of a connection after the opening handshake.
#[derive(Clone, Default)]
pub(crate) struct Session {
    /// The Pong that is due. One at most: a later Ping takes the place of one that could not be answered yet
    /// (RFC 6455 5.5.3), so that no number of Pings makes anything grow.
    pong: Option<Box<Due>>,
    /// A Ping that is due. Keepalive's and numbered ones cannot wait for anybody's turn.
    ping: Option<Box<Due>>,
    /// A Close frame that is due.
    close: Option<CloseFrame>,
    sent: Option<CloseFrame>,
    received: Option<CloseFrame>,
    first: Option<Side>,
}

impl Session {
    /// A connection that has just been opened.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Records what the peer did: a step of [`Inbound::advance`](super::Inbound::advance) and its payload. A reply to it
    /// becomes due, and is queued in `out`, if given, as [`queue_replies`](Self::queue_replies) does.
    #[inline]
    pub(crate) fn apply(&mut self, step: &Step, payload: &[u8], out: Option<&mut Outbound>) {
        match step {
            Step::Ping => self.ping_received(payload),
            Step::Close(frame) => self.close_received(frame.clone()),
            Step::NeedInput | Step::Message | Step::Piece { .. } | Step::Pong => {}
        }
        if let Some(out) = out {
            self.queue_replies(out);
        }
    }

    /// A Ping has come: a Pong with the same payload is due.
    fn ping_received(&mut self, payload: &[u8]) {
        self.pong = Some(Box::new(Due::new(payload)));
    }

    /// A Close frame has come: unless one was sent, one with the same code is due.
    fn close_received(&mut self, frame: CloseFrame) {
        if self.first.is_none() {
            self.first = Some(Side::Remote);
        }
        if !self.is_closing() {
            let empty = frame == CloseFrame::EMPTY;
            self.close = Some(if empty { frame.clone() } else { CloseFrame::trusted(frame.code(), String::new()) });
        }
        self.received = Some(frame);
    }

    /// The peer's data was refused: unless one was sent, a Close frame that says why is due.
    pub(crate) fn fail(&mut self, error: ReceiveError) {
        self.start_close(error.close_frame());
    }

    /// Starts the closing handshake; does nothing if it was started before, by whomever.
    pub(crate) fn start_close(&mut self, frame: CloseFrame) {
        if !self.is_closing() {
            self.first = Some(Side::Local);
            self.close = Some(frame);
        }
    }

    /// Whether messages and Pings may still be sent.
    ///
    /// # Errors
    ///
    /// [`Error::Closing`] once a Close frame has been sent or is due.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.is_closing() { Err(Error::Closing) } else { Ok(()) }
    }

    /// A Ping with this payload is due; one that was due before is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::PingTooLong`] for more than 125 bytes, [`Error::Closing`] once a Close frame has been sent.
    pub(crate) fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.check_open()?;
        check_ping(payload)?;
        self.ping = Some(Box::new(Due::new(payload)));
        Ok(())
    }

    /// Whether a Ping waits to be sent.
    #[must_use]
    pub(crate) fn ping_is_due(&self) -> bool {
        self.ping.is_some()
    }

    /// Whether [`write_replies`](Self::write_replies) would queue something.
    #[inline]
    #[must_use]
    pub(crate) fn has_replies(&self) -> bool {
        self.pong.is_some() || self.ping.is_some() || self.close.is_some()
    }

    /// Queues the replies that are due, unless so much output is pending that the peer does not seem to read. Of several
    /// Pongs, only the last one remains due then. Not to be called while a frame is open in `out`.
    #[inline]
    pub(crate) fn queue_replies(&mut self, out: &mut Outbound) {
        if self.has_replies() && out.pending().len() < REPLIES_MAX {
            self.write_replies(out);
        }
    }

    /// Queues what the peer is owed, however much waits. Not to be called while a frame is open in `out`.
    pub(crate) fn write_replies(&mut self, out: &mut Outbound) {
        for (opcode, due) in [(Opcode::Pong, self.pong.take()), (Opcode::Ping, self.ping.take())] {
            if let Some(due) = due.filter(|_| self.sent.is_none()) {
                out.frame(opcode, true, due.payload());
            }
        }
        if let Some(frame) = self.close.take() {
            let mut payload = Vec::new();
            if frame != CloseFrame::EMPTY {
                payload.extend_from_slice(&u16::from(frame.code()).to_be_bytes());
                payload.extend_from_slice(frame.reason().as_bytes());
            }
            out.frame(Opcode::Close, true, &payload);
            self.sent = Some(frame);
        }
    }

    /// Whether a Close frame has been sent or is due: no more messages can be sent.
    #[inline]
    #[must_use]
    pub(crate) fn is_closing(&self) -> bool {
        self.close.is_some() || self.sent.is_some()
    }

    /// The Close frame that was sent or is due.
    #[must_use]
    pub(crate) fn close_sent(&self) -> Option<&CloseFrame> {
        self.sent.as_ref().or(self.close.as_ref())
    }

    /// The Close frame that was received.
    #[must_use]
    pub(crate) fn close_received_frame(&self) -> Option<&CloseFrame> {
        self.received.as_ref()
    }

    /// Whose Close frame came first.
    #[must_use]
    pub(crate) fn closed_first_by(&self) -> Option<Side> {
        self.first
    }
}

/// Whether a Ping may have this payload.
///
/// # Errors
///
/// [`Error::PingTooLong`] for more than 125 bytes.
pub(crate) fn check_ping(payload: &[u8]) -> Result<(), Error> {
    let len = payload.len();
    if len > MAX_CONTROL_PAYLOAD { Err(Error::PingTooLong { len }) } else { Ok(()) }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("sent", &self.sent)
            .field("received", &self.received)
            .field("replies_due", &self.has_replies())
            .finish()
    }
}
