//! The receiving half of the protocol: bytes in, messages and control frames out.
//!
//! In scope: framing rules, unmasking, UTF-8, fragment assembly, limits, and the memory all that happens in.
//! Out of scope: answering (see `session`), the opening handshake, reading from anything.
//!
//! The caller reads straight into [`Inbound::space`] and then asks [`Inbound::advance`] what that made.
//!
//! | file | holds |
//! | --- | --- |
//! | `frames.rs` | the state: which frame may come next, and what it means |
//! | `assemble.rs` | from the payload of frames to messages |
//! | `buffers.rs` | the memory |

mod assemble;
mod buffers;
mod frames;

use super::MAX_CONTROL_PAYLOAD;
use super::deflate::Inflater;
use super::error::{ProtocolError, ReceiveError};
use super::frame::{FrameHeader, MAX_HEADER_LEN, Role};
use super::mask;
use super::utf8;
use crate::close::CloseFrame;
use crate::message::{Kind, Message, MessageRef};
use assemble::{IN_PLACE_MAX, OpenFrame, OpenMessage};
use buffers::Buffers;
use frames::State;

/// What the receiving half accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Largest message in bytes, all its fragments together, inflated. Default 16 MiB.
    pub max_message_size: u64,
    /// Most frames in one message, empty ones counted. Default 131,072.
    pub max_fragments: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message_size: 16 << 20, max_fragments: 131_072 }
    }
}

impl Limits {
    /// Sets [`max_message_size`](Self::max_message_size).
    #[must_use]
    pub fn max_message_size(mut self, bytes: u64) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// Sets [`max_fragments`](Self::max_fragments).
    #[must_use]
    pub fn max_fragments(mut self, count: u32) -> Self {
        self.max_fragments = count;
        self
    }
}

/// How the caller wants the next message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    /// Whole.
    Message,
    /// In pieces as they arrive, in constant memory.
    Pieces,
}

/// What [`Inbound::advance`] found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// There is nothing complete yet: read more into [`Inbound::space`].
    NeedInput,
    /// A message, in [`Inbound::message`] or [`Inbound::take_message`].
    Message,
    /// A piece of a message, in [`Inbound::payload`]; possibly empty if it is the last one.
    Piece {
        /// What the message is.
        kind: Kind,
        /// Whether the message ends here.
        last: bool,
    },
    /// A Ping; its payload is in [`Inbound::payload`].
    Ping,
    /// A Pong; its payload is in [`Inbound::payload`].
    Pong,
    /// A Close frame.
    Close(CloseFrame),
}

/// The size up to which any frame stays in the read buffer until it is complete: header and payload of the largest control
/// frame.
const CONTROL_FRAME_MAX: usize = MAX_HEADER_LEN + MAX_CONTROL_PAYLOAD;

/// The receiving half of a connection, without I/O. See the [module](crate::proto) for how to drive it.
pub struct Inbound {
    role: Role,
    limits: Limits,
    buffers: Buffers,
    state: State,
    /// For compressed messages, if they were agreed on.
    inflater: Option<Box<Inflater>>,
    /// What was last asked for.
    want: Want,
    /// [`advance`](Self::advance) has asked for more input, which has not come yet.
    needs_input: bool,
}

impl Inbound {
    /// The receiving half for an endpoint that plays `role`.
    #[must_use]
    pub fn new(role: Role, limits: Limits) -> Self {
        Self {
            role,
            limits,
            buffers: Buffers::new(),
            state: State::Idle,
            inflater: None,
            want: Want::Message,
            needs_input: false,
        }
    }

    /// Accepts compressed messages.
    pub fn set_inflater(&mut self, inflater: Inflater) {
        self.inflater = Some(Box::new(inflater));
    }

    /// Replaces the limits. A message that is under way is held to the new ones from its next frame on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// From now on messages, the rest of the one under way too, are skipped: neither unmasked, inflated nor checked,
    /// and without a limit on their size. [`advance`](Self::advance) returns control frames only.
    pub(crate) fn discard_messages(&mut self) {
        self.buffers.release();
        let left = match &self.state {
            State::Idle | State::Message(_, None) => 0,
            State::Message(_, Some(frame)) => frame.left(),
            State::Discarding { .. } | State::Closed | State::Failed(_) => return,
        };
        self.state = State::Discarding { left };
        self.buffers.free_body();
    }

    /// Where the next bytes are to be read into; never empty. Tell [`filled`](Self::filled) how many came.
    pub fn space(&mut self) -> &mut [u8] {
        self.buffers.release();
        let mut wanted = CONTROL_FRAME_MAX;
        match &self.state {
            State::Message(message, Some(frame)) => {
                if self.is_direct(message, frame) {
                    return frame.direct_space(&mut self.buffers);
                }
                wanted = frame.buffered_len().unwrap_or(wanted);
            }
            // What arrives now is ignored, however much it is.
            State::Closed | State::Failed(_) => self.buffers.consume_all(),
            _ => {}
        }
        self.buffers.space(wanted)
    }

    /// How much the next [`space`](Self::space) offers if the open frame is certain to fill it, or else 0.
    #[inline]
    pub(crate) fn awaited(&self) -> usize {
        match &self.state {
            State::Message(message, Some(frame)) if self.is_direct(message, frame) => {
                frame.direct_len(&self.buffers)
            }
            _ => 0,
        }
    }

    /// Whether the next read goes directly into the body.
    #[inline]
    fn is_direct(&self, message: &OpenMessage, frame: &OpenFrame) -> bool {
        !message.is_compressed && self.want == Want::Message && frame.is_direct(&self.buffers)
    }

    /// `count` bytes have been read into [`space`](Self::space).
    ///
    /// # Panics
    ///
    /// If that is more than `space` offered.
    pub fn filled(&mut self, count: usize) {
        self.needs_input = false;
        let is_direct = match &self.state {
            State::Message(message, Some(frame)) => self.is_direct(message, frame),
            _ => false,
        };
        match &mut self.state {
            State::Message(message, Some(frame)) if is_direct => {
                let most = frame.direct_len(&self.buffers);
                assert!(count <= most, "more bytes than there was space for");
                if let Err(error) = message.digest(frame, self.buffers.body_filled(count)) {
                    self.state = State::Failed(error);
                }
            }
            _ => self.buffers.filled(count),
        }
    }

    /// Copies bytes in, for callers that have them already: as many as fit, whose number is returned.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        let space = self.space();
        let count = bytes.len().min(space.len());
        space[..count].copy_from_slice(&bytes[..count]);
        self.filled(count);
        count
    }

    /// Whether the peer may stop here: no message and no frame is half received.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.state.message().is_none() && self.buffers.unread_len() == 0
    }

    /// Whether what has been read and not consumed, if anything, begins a frame, and no message has begun before it; or
    /// nothing more is to come.
    pub(crate) fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Idle | State::Closed)
    }

    /// What has been read and not consumed, as it came. Nothing more is received from then on.
    pub(crate) fn take_unread(&mut self) -> Vec<u8> {
        let unread = self.buffers.unread().to_vec();
        self.buffers.consume_all();
        unread
    }

    /// Whether [`advance`](Self::advance) may have something without more input.
    #[must_use]
    pub fn has_buffered(&self) -> bool {
        self.buffers.unread_len() > 0
    }

    /// The same, but not if `advance` has said that it needs more.
    pub(crate) fn may_advance(&self) -> bool {
        self.has_buffered() && !self.needs_input
    }

    /// Processes what has been read. Returns the next thing that the peer did, or that more input is needed.
    ///
    /// Releases what was lent before. Nothing follows the Close frame. A message of which a piece has been returned goes
    /// on in pieces, whatever `want` is.
    ///
    /// # Errors
    ///
    /// What the peer did wrong; every later call returns the same error.
    pub fn advance(&mut self, want: Want) -> Result<Step, ReceiveError> {
        if want == Want::Message && self.advance_whole() {
            return Ok(Step::Message);
        }
        self.advance_rest(want)
    }

    /// [`advance`](Self::advance) after [`advance_whole`](Self::advance_whole) has found nothing, or where it is not to
    /// be asked.
    pub(crate) fn advance_rest(&mut self, want: Want) -> Result<Step, ReceiveError> {
        self.buffers.release();
        let has_begun = self.state.message().is_some_and(|message| message.in_pieces);
        self.want = if has_begun { Want::Pieces } else { want };
        let found = self.step(self.want).inspect_err(|error| self.state = State::Failed(*error));
        self.needs_input = matches!(found, Ok(Step::NeedInput));
        found
    }

    /// Handles the usual case only: a whole message in one plain frame that has been read already. Returns `false` in all
    /// other cases, which are left to [`advance`](Self::advance).
    ///
    /// With many small messages in each read, this is most of what receiving costs.
    #[inline(always)]
    pub fn advance_whole(&mut self) -> bool {
        self.buffers.release();
        if !matches!(self.state, State::Idle) {
            return false;
        }
        let unread = self.buffers.unread_mut();
        let kind = match unread.first() {
            Some(&FrameHeader::WHOLE_TEXT) => Kind::Text,
            Some(&FrameHeader::WHOLE_BINARY) => Kind::Binary,
            _ => return false,
        };
        let Ok(Some((header, size))) = FrameHeader::decode(unread) else { return false };
        let limit = self.limits.max_message_size.min(IN_PLACE_MAX);
        let is_masked = header.mask.is_some();
        if is_masked != (self.role == Role::Server) || header.len > limit {
            return false;
        }
        let Some(payload) = unread.get_mut(size..size + header.len as usize) else { return false };
        if let Some(key) = header.mask {
            mask::apply(payload, key, 0);
        }
        if kind == Kind::Text && simdutf8::basic::from_utf8(payload).is_err() {
            self.state = State::Failed(ProtocolError::InvalidUtf8.into());
            return false;
        }
        if self.buffers.has_body() {
            self.buffers.body_unused();
        }
        self.buffers.lend_unread(size, header.len as usize);
        self.buffers.lent_is(kind);
        true
    }

    /// The payload of the last step.
    #[must_use]
    #[inline]
    pub fn payload(&self) -> &[u8] {
        self.buffers.lent()
    }

    /// The message of a [`Step::Message`].
    #[must_use]
    #[inline]
    #[expect(unsafe_code, reason = "see utf8::as_str")]
    pub fn message(&self) -> MessageRef<'_> {
        match self.buffers.lent_kind() {
            Kind::Binary => MessageRef::Binary(self.payload()),
            // SAFETY: `lent_kind` is `Text` only from the moment when a text message is whole and all of it has
            // passed `Utf8`, or `simdutf8` in `advance_whole`, until it is released; nothing writes to it in between.
            Kind::Text => MessageRef::Text(unsafe { utf8::as_str(self.payload()) }),
        }
    }

    /// The message of a [`Step::Message`], taken out; a large one is not copied.
    #[must_use]
    #[expect(unsafe_code, reason = "see utf8::into_string")]
    pub fn take_message(&mut self) -> Message {
        let (kind, bytes) = (self.buffers.lent_kind(), self.buffers.take_lent());
        self.buffers.release();
        match kind {
            Kind::Binary => Message::Binary(bytes),
            // SAFETY: as in `message`.
            Kind::Text => Message::Text(unsafe { utf8::into_string(bytes) }),
        }
    }

    /// Releases memory that an idle connection does not need. Nothing that was received is lost.
    pub fn shrink(&mut self) {
        self.buffers.release();
        self.buffers.shrink();
    }

    /// Whether [`shrink`](Self::shrink) would release anything.
    #[must_use]
    pub fn holds_spare_memory(&self) -> bool {
        self.buffers.holds_spare_memory()
    }
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let failed = if let State::Failed(error) = &self.state { Some(error) } else { None };
        f.debug_struct("Inbound")
            .field("role", &self.role)
            .field("buffered", &self.buffers.unread_len())
            .field("assembled", &self.buffers.body_len())
            .field("failed", &failed)
            .finish_non_exhaustive()
    }
}
