//! The receiving half of the protocol: bytes in, messages and control frames out.
//!
//! In scope: framing rules, unmasking, UTF-8, fragment assembly, limits, and the memory all that happens in.
//! Out of scope: answering (see `session`), the opening handshake, reading from anything.
//!
//! The caller reads straight into [`Inbound::space`] and then asks [`Inbound::advance`] what that made.
//! Payload is worked on as it arrives, while it is in cache: unmasked, validated, counted.
//!
//! There are two places for it. A message in one frame of at most [`IN_PLACE_MAX`] stays where it was read, in
//! `buf`, and is lent from there. Everything else, fragments and large frames, is gathered in `body`, one
//! contiguous buffer per connection, into which a large frame is read directly. A compressed message is inflated
//! from the one into the other.
//!
//! Invariants: `buf[start..end]` is what has been read and not consumed; `buf` and `body` never shrink below
//! what they hold, and stay initialised memory, so that nothing is zeroed twice; what is lent stays untouched
//! until the next call with `&mut self`.

use super::deflate::Inflater;
use super::error::{LimitError, ProtocolError, ReceiveError};
use super::frame::{FrameHeader, MAX_HEADER_LEN, Opcode, Role};
use super::mask;
use super::utf8::{self, Utf8};
use crate::close::{CloseCode, CloseFrame};
use crate::message::{Kind, Message, MessageRef};
use std::ops::Range;

/// First size of the read buffer.
const BUF_FIRST: usize = 2 << 10;
/// Up to this size it is no spare memory. To give memory back takes a time limit on each read that waits, which costs
/// more than a small message does.
const BUF_KEEP: usize = 4 * BUF_FIRST;
/// What the read buffer grows to while reads fill it.
const BUF_MAX: usize = 64 << 10;
/// Largest payload that is kept and lent in the read buffer.
const IN_PLACE_MAX: u64 = 32 << 10;
/// With this much of a frame missing, it is worth reading into `body` and not into `buf`.
const DIRECT_MIN: u64 = 16 << 10;
/// Memory made ready ahead of the data that will fill it, or half of what has arrived if that is more: no
/// allocation from a declared length. With the read buffer of a new connection it is 64 KiB.
const AHEAD: usize = (64 << 10) - BUF_FIRST;
/// Largest single read: half of a common second-level cache.
const DIRECT_MAX: usize = 256 << 10;
/// Most that is inflated at a time, and into one piece of a message.
const INFLATE_STEP: usize = 64 << 10;
/// Least room to inflate into.
const INFLATE_MIN: usize = 256;
/// Payload is worked on in pieces of this size: what is unmasked is validated while in the first-level cache.
const DIGEST_PIECE: usize = 16 << 10;
/// So many messages in a row without use of `body` give it back.
const BODY_UNUSED_MAX: u8 = 64;

/// What the receiving half accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
    /// Nothing whole: read more into [`Inbound::space`].
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

/// The message under way.
struct OpenMessage {
    kind: Kind,
    frames: u32,
    utf8: Utf8,
    /// Its size so far: what the headers of its frames declare, or what was inflated.
    size: u64,
    compressed: bool,
    /// A piece of it has been lent: it goes on in pieces, for what is left of text may be no text by itself.
    in_pieces: bool,
}

impl OpenMessage {
    fn grow(&mut self, by: u64, limits: Limits) -> Result<(), LimitError> {
        self.size = self.size.saturating_add(by);
        let limit = limits.max_message_size;
        if self.size > limit { Err(LimitError::MessageTooBig { limit, at_least: self.size }) } else { Ok(()) }
    }

    /// Whether it may end here: text must not within a character, be its last frame empty or not.
    fn check_end(&self) -> Result<(), ProtocolError> {
        if self.kind == Kind::Text && !self.utf8.is_complete() { Err(ProtocolError::InvalidUtf8) } else { Ok(()) }
    }
}

/// The data frame under way.
struct OpenFrame {
    fin: bool,
    key: Option<[u8; 4]>,
    len: u64,
    /// Payload bytes unmasked, validated and, unless `in_place`, taken out of `buf`.
    done: u64,
    /// Payload bytes unmasked. More than `done` only while the message is being inflated.
    unmasked: u64,
    /// Stays in `buf` until it is whole, beginning at `start`.
    in_place: bool,
}

/// What the caller may be looking at.
#[derive(Clone)]
enum Lent {
    /// This part of `buf`, which lies before `start`; empty if nothing is lent.
    Buf(Range<usize>),
    /// `body[..body_len]`.
    Body,
}

const NOTHING: Lent = Lent::Buf(0..0);

/// The receiving half of a connection, without I/O. See the [module](crate::proto) for how to drive it.
pub struct Inbound {
    role: Role,
    limits: Limits,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read filled `buf`: more was probably there.
    filled: bool,
    body: Vec<u8>,
    body_len: usize,
    body_unused: u8,
    message: Option<OpenMessage>,
    frame: Option<OpenFrame>,
    /// For compressed messages, if they were agreed on.
    inflater: Option<Box<Inflater>>,
    /// What is being lent, and of which kind.
    lent: Lent,
    lent_kind: Kind,
    /// The next read goes into `body`.
    direct: bool,
    /// What was last asked for.
    want: Want,
    failed: Option<ReceiveError>,
    /// Messages are passed over.
    discarding: bool,
    /// The Close frame has come.
    closed: bool,
}

impl Inbound {
    /// The receiving half for an endpoint that plays `role`.
    #[must_use]
    pub fn new(role: Role, limits: Limits) -> Self {
        Self {
            role,
            limits,
            buf: Vec::new(),
            start: 0,
            end: 0,
            filled: false,
            body: Vec::new(),
            body_len: 0,
            body_unused: 0,
            message: None,
            frame: None,
            inflater: None,
            lent: NOTHING,
            lent_kind: Kind::Binary,
            direct: false,
            want: Want::Message,
            failed: None,
            discarding: false,
            closed: false,
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

    /// From now on messages, the rest of the one under way too, are passed over: neither unmasked, inflated nor checked,
    /// and without a limit on their size. [`advance`](Self::advance) gives control frames only.
    pub(crate) fn discard_messages(&mut self) {
        self.release();
        self.discarding = true;
        if let Some(frame) = &mut self.frame
            && frame.in_place
        {
            frame.in_place = false;
            self.start += frame.done as usize;
        }
        self.message = None;
        self.body = Vec::new();
        self.body_len = 0;
    }

    /// Where the next bytes are to be read into; never empty. Tell [`filled`](Self::filled) how many came.
    pub fn space(&mut self) -> &mut [u8] {
        self.release();
        if self.failed.is_some() || self.closed {
            // What comes now is not looked at, however much it is.
            self.frame = None;
            self.start = self.end;
        }
        if let Some(window) = self.direct_window() {
            self.grow_body(window.end, self.body_end());
            self.direct = true;
            return &mut self.body[window];
        }
        self.direct = false;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        if self.filled && self.buf.len() < BUF_MAX {
            self.buf.resize((self.buf.len() * 4).clamp(BUF_FIRST, BUF_MAX), 0);
        } else if self.buf.is_empty() {
            self.buf.resize(BUF_FIRST, 0);
        }
        self.filled = false;
        // What is still missing of a header, or of a frame that stays here, must fit behind `start`.
        let wanted = match &self.frame {
            Some(frame) if frame.in_place => frame.len as usize,
            _ => MAX_HEADER_LEN + super::MAX_CONTROL_PAYLOAD,
        };
        if self.buf.len() - self.start < wanted || self.end == self.buf.len() {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.buf.len() < wanted {
                self.buf.resize(wanted.next_power_of_two().min(BUF_MAX), 0);
            }
        }
        &mut self.buf[self.end..]
    }

    /// How much the next [`space`](Self::space) offers if the open frame is certain to fill it, or else 0.
    pub(crate) fn awaited(&self) -> usize {
        self.direct_window().map_or(0, |window| window.len())
    }

    /// `count` bytes have been read into [`space`](Self::space).
    ///
    /// # Panics
    ///
    /// If that is more than `space` offered.
    pub fn filled(&mut self, count: usize) {
        if self.direct {
            self.direct = false;
            let range = self.body_len..self.body_len + count;
            let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message) else { return };
            assert!(count as u64 <= frame.len - frame.done, "more bytes than there was space for");
            self.body_len = range.end;
            if let Err(error) = digest(frame, message, &mut self.body[range]) {
                self.failed = Some(error);
            }
        } else {
            self.filled = count == self.buf.len() - self.end;
            self.end += count;
            assert!(self.end <= self.buf.len(), "more bytes than there was space for");
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
        self.message.is_none() && self.start == self.end
    }

    /// Whether [`advance`](Self::advance) may have something without more input.
    #[must_use]
    pub fn has_buffered(&self) -> bool {
        self.start < self.end
    }

    /// Looks at what has been read: the next thing the peer did, or that more input is needed.
    ///
    /// Gives back what was lent before. Nothing comes after the Close frame. A message of which a piece was
    /// given goes on in pieces, whatever is wanted.
    ///
    /// # Errors
    ///
    /// What the peer did wrong; every later call gives the same error.
    pub fn advance(&mut self, want: Want) -> Result<Step, ReceiveError> {
        if want == Want::Message && self.advance_whole() {
            return Ok(Step::Message);
        }
        self.release();
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.closed {
            return Ok(Step::NeedInput);
        }
        let begun = self.message.as_ref().is_some_and(|message| message.in_pieces);
        let want = if begun { Want::Pieces } else { want };
        self.want = want;
        self.step(want).inspect_err(|error| self.failed = Some(*error))
    }

    /// Looks for the usual thing only: a whole message in one plain frame that has been read already. `false` if
    /// there is anything else, which [`advance`](Self::advance) will tell.
    ///
    /// With many small messages in each read, this is most of what receiving costs.
    #[inline(always)]
    pub fn advance_whole(&mut self) -> bool {
        self.release();
        if self.message.is_some() || self.failed.is_some() || self.closed {
            return false;
        }
        let unread = &mut self.buf[self.start..self.end];
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
            self.failed = Some(ProtocolError::InvalidUtf8.into());
            return false;
        }
        if !self.body.is_empty() {
            self.body_unused();
        }
        self.lend(self.start + size, header.len as usize);
        self.lent_kind = kind;
        true
    }

    /// The payload of the last step.
    #[must_use]
    #[inline]
    pub fn payload(&self) -> &[u8] {
        match &self.lent {
            Lent::Buf(range) => &self.buf[range.clone()],
            Lent::Body => &self.body[..self.body_len],
        }
    }

    /// The message of a [`Step::Message`].
    #[must_use]
    #[inline]
    #[expect(unsafe_code, reason = "see utf8::as_str")]
    pub fn message(&self) -> MessageRef<'_> {
        match self.lent_kind {
            Kind::Binary => MessageRef::Binary(self.payload()),
            // SAFETY: `lent_kind` is `Text` only from the moment when a text message is whole and all of it has
            // passed `Utf8`, or `simdutf8` in `advance_whole`, until `release`; nothing writes to it in between.
            Kind::Text => MessageRef::Text(unsafe { utf8::as_str(self.payload()) }),
        }
    }

    /// The message of a [`Step::Message`], taken out; a large one is not copied.
    #[must_use]
    #[expect(unsafe_code, reason = "see utf8::into_string")]
    pub fn take_message(&mut self) -> Message {
        let bytes = match &self.lent {
            Lent::Body if self.body_len > self.body.capacity() / 2 => {
                self.body.truncate(self.body_len);
                self.body_len = 0;
                std::mem::take(&mut self.body)
            }
            _ => self.payload().to_vec(),
        };
        let kind = self.lent_kind;
        self.release();
        match kind {
            Kind::Binary => Message::Binary(bytes),
            // SAFETY: as in `message`.
            Kind::Text => Message::Text(unsafe { utf8::into_string(bytes) }),
        }
    }

    /// Gives memory back that an idle connection does not need. Nothing received is lost.
    pub fn shrink(&mut self) {
        self.release();
        if self.start == self.end && self.buf.len() > BUF_KEEP {
            self.buf = Vec::new();
            self.start = 0;
            self.end = 0;
        }
        self.filled = false;
        if self.body_len == 0 {
            self.body = Vec::new();
        }
    }

    /// Whether [`shrink`](Self::shrink) would give anything back.
    #[must_use]
    pub fn holds_spare_memory(&self) -> bool {
        (self.start == self.end && self.buf.len() > BUF_KEEP) || (self.body_len == 0 && !self.body.is_empty())
    }

    #[inline(always)]
    fn release(&mut self) {
        if matches!(self.lent, Lent::Body) {
            self.body_len = 0;
        }
        self.lent = NOTHING;
        self.lent_kind = Kind::Binary;
    }

    /// Takes bytes out of `buf` and lends them.
    #[inline(always)]
    fn lend(&mut self, from: usize, len: usize) {
        self.start = from + len;
        self.lent = Lent::Buf(from..self.start);
    }

    #[inline]
    fn step(&mut self, want: Want) -> Result<Step, ReceiveError> {
        loop {
            if self.discarding && !self.pass_over() {
                return Ok(Step::NeedInput);
            }
            if self.frame.is_some() {
                let compressed = self.message.as_ref().is_some_and(|message| message.compressed);
                let found = match want {
                    _ if compressed => self.inflate(want)?,
                    Want::Message => self.gather()?,
                    Want::Pieces => self.piece()?,
                };
                match found {
                    Some(step) => return Ok(step),
                    None => continue,
                }
            }
            let unread = &self.buf[self.start..self.end];
            let Some((header, size)) = FrameHeader::decode(unread)? else {
                return Ok(Step::NeedInput);
            };
            self.check_mask(&header)?;
            // Set in the first frame of a compressed message, and only there (RFC 7692 6.1).
            if header.rsv1 && (self.inflater.is_none() || header.opcode == Opcode::Continuation) {
                return Err(ProtocolError::ReservedBits.into());
            }
            if header.opcode.is_control() {
                // At most 125 bytes: waited for as a whole, the header is simply read again.
                let len = header.len as usize;
                if unread.len() < size + len {
                    return Ok(Step::NeedInput);
                }
                return Ok(self.control(&header, self.start + size)?);
            }
            if self.discarding {
                let FrameHeader { fin, mask: key, len, .. } = header;
                self.frame = Some(OpenFrame { fin, key, len, done: 0, unmasked: 0, in_place: false });
            } else {
                self.open_frame(&header, want)?;
            }
            self.start += size;
        }
    }

    /// Passes over what has arrived of the open frame. `false` if there is more to come of it.
    fn pass_over(&mut self) -> bool {
        let Some(frame) = &mut self.frame else { return true };
        let arrived = self.end - self.start;
        let have = usize::try_from(frame.len - frame.done).map_or(arrived, |left| arrived.min(left));
        self.start += have;
        frame.done += have as u64;
        if frame.done < frame.len {
            return false;
        }
        self.frame = None;
        true
    }

    fn check_mask(&self, header: &FrameHeader) -> Result<(), ProtocolError> {
        match (self.role, header.mask) {
            (Role::Server, None) => Err(ProtocolError::UnmaskedFrame),
            (Role::Client, Some(_)) => Err(ProtocolError::MaskedFrame),
            _ => Ok(()),
        }
    }

    fn control(&mut self, header: &FrameHeader, from: usize) -> Result<Step, ProtocolError> {
        let len = header.len as usize;
        let payload = &mut self.buf[from..from + len];
        if let Some(key) = header.mask {
            mask::apply(payload, key, 0);
        }
        let step = match header.opcode {
            Opcode::Ping => Step::Ping,
            Opcode::Pong => Step::Pong,
            _ => {
                let frame = close_frame(payload)?;
                self.closed = true;
                Step::Close(frame)
            }
        };
        self.lend(from, len);
        Ok(step)
    }

    /// Applies the rules of fragmentation (RFC 6455 5.4) and the limits, before any payload is looked at.
    fn open_frame(&mut self, header: &FrameHeader, want: Want) -> Result<(), ReceiveError> {
        let limits = self.limits;
        let message = match (header.opcode, &mut self.message) {
            (Opcode::Continuation, None) => return Err(ProtocolError::UnexpectedContinuation.into()),
            (Opcode::Continuation, Some(message)) => message,
            (_, Some(_)) => return Err(ProtocolError::ExpectedContinuation.into()),
            (opcode, empty @ None) => {
                let kind = if opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
                let (utf8, compressed) = (Utf8::default(), header.rsv1);
                empty.insert(OpenMessage { kind, frames: 0, utf8, size: 0, compressed, in_pieces: false })
            }
        };
        message.frames = message.frames.saturating_add(1);
        if message.frames > limits.max_fragments {
            return Err(LimitError::TooManyFragments { limit: limits.max_fragments }.into());
        }
        if !message.compressed {
            message.grow(header.len, limits)?;
        }
        let in_place = header.fin
            && message.frames == 1
            && !message.compressed
            && header.len <= IN_PLACE_MAX
            && want == Want::Message;
        let FrameHeader { fin, mask: key, len, .. } = *header;
        self.frame = Some(OpenFrame { fin, key, len, done: 0, unmasked: 0, in_place });
        Ok(())
    }

    /// Works on what has arrived of the open frame towards a whole message. `None`: go on with the next frame.
    #[inline]
    fn gather(&mut self) -> Result<Option<Step>, ReceiveError> {
        let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message) else { return Ok(None) };
        let arrived = self.end - self.start;
        if frame.in_place {
            let len = frame.len as usize;
            let have = arrived.min(len);
            digest(frame, message, &mut self.buf[self.start + frame.done as usize..self.start + have])?;
            if have < len {
                return Ok(Some(Step::NeedInput));
            }
            if !self.body.is_empty() {
                self.body_unused();
            }
            self.finish()?;
            self.lend(self.start, len);
            return Ok(Some(Step::Message));
        }
        if frame.done < frame.len && arrived > 0 {
            let have = usize::try_from(frame.len - frame.done).map_or(arrived, |left| arrived.min(left));
            let (from, to) = (self.start, self.body_len);
            self.grow_body(to + have, self.body_end());
            self.body[to..to + have].copy_from_slice(&self.buf[from..from + have]);
            self.start += have;
            self.body_len += have;
            let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message) else { return Ok(None) };
            digest(frame, message, &mut self.body[to..to + have])?;
        }
        let Some(frame) = &self.frame else { return Ok(None) };
        if frame.done < frame.len {
            return Ok(Some(Step::NeedInput));
        }
        if frame.fin {
            self.finish()?;
            self.lend_body();
            return Ok(Some(Step::Message));
        }
        self.frame = None;
        Ok(None)
    }

    /// A message has done without `body`.
    #[cold]
    fn body_unused(&mut self) {
        self.body_unused += 1;
        if self.body_unused > BODY_UNUSED_MAX {
            self.body = Vec::new();
            self.body_unused = 0;
        }
    }

    /// The message is whole, and about to be lent.
    fn finish(&mut self) -> Result<(), ReceiveError> {
        self.frame = None;
        if let Some(message) = self.message.take() {
            message.check_end()?;
            self.lent_kind = message.kind;
        }
        Ok(())
    }

    /// Lends what has been gathered in `body`.
    fn lend_body(&mut self) {
        self.body_unused = 0;
        self.lent = Lent::Body;
    }

    /// Works on what has arrived of the open frame and lends it. `None`: go on with the next frame.
    fn piece(&mut self) -> Result<Option<Step>, ReceiveError> {
        let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message) else { return Ok(None) };
        let kind = message.kind;
        if frame.in_place {
            // A call for a whole message began it and ran out of time.
            frame.in_place = false;
            let done = frame.done as usize;
            if done > 0 {
                message.in_pieces = true;
                self.lend(self.start, done);
                return Ok(Some(Step::Piece { kind, last: false }));
            }
        }
        if self.body_len > 0 {
            message.in_pieces = true;
            let last = frame.fin && frame.done == frame.len;
            if last {
                message.check_end()?;
            }
            self.lend_body();
            if last {
                self.frame = None;
                self.message = None;
            }
            return Ok(Some(Step::Piece { kind, last }));
        }
        let arrived = self.end - self.start;
        if arrived == 0 && frame.done < frame.len {
            return Ok(Some(Step::NeedInput));
        }
        let have = usize::try_from(frame.len - frame.done).map_or(arrived, |left| arrived.min(left));
        digest(frame, message, &mut self.buf[self.start..self.start + have])?;
        message.in_pieces |= have > 0;
        let fin = frame.fin;
        if frame.done == frame.len {
            if fin {
                message.check_end()?;
                self.message = None;
            }
            self.frame = None;
        }
        let last = self.message.is_none();
        if have == 0 && !last {
            return Ok(None);
        }
        self.lend(self.start, have);
        Ok(Some(Step::Piece { kind, last }))
    }

    /// Inflates what has arrived of the open frame into `body`, towards a whole message or for the next piece.
    /// `None`: go on with the next frame.
    fn inflate(&mut self, want: Want) -> Result<Option<Step>, ReceiveError> {
        let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message) else { return Ok(None) };
        let arrived = self.end - self.start;
        let mut left = usize::try_from(frame.len - frame.done).map_or(arrived, |left| arrived.min(left));
        let fresh = self.start + (frame.unmasked - frame.done) as usize..self.start + left;
        if let Some(key) = frame.key {
            mask::apply(&mut self.buf[fresh], key, frame.unmasked);
        }
        frame.unmasked = frame.done + left as u64;
        let ends_here = frame.fin && frame.unmasked == frame.len;
        let kind = message.kind;
        loop {
            if want == Want::Pieces && self.body_len >= INFLATE_STEP {
                return Ok(Some(self.lend_piece(kind, false)));
            }
            let window = self.inflate_window(left);
            let (Some(frame), Some(message), Some(inflater)) =
                (&mut self.frame, &mut self.message, &mut self.inflater)
            else {
                return Ok(None);
            };
            let output = &mut self.body[window];
            let inflated = inflater.run(&self.buf[self.start..self.start + left], output, ends_here)?;
            left -= inflated.taken;
            self.start += inflated.taken;
            frame.done += inflated.taken as u64;
            self.body_len += inflated.made;
            message.grow(inflated.made as u64, self.limits)?;
            if message.kind == Kind::Text && !message.utf8.feed(&output[..inflated.made]) {
                return Err(ProtocolError::InvalidUtf8.into());
            }
            if !inflated.more {
                break;
            }
        }
        let Some(OpenFrame { len, done, .. }) = self.frame else { return Ok(None) };
        if ends_here && want == Want::Message {
            self.finish()?;
            self.lend_body();
            return Ok(Some(Step::Message));
        }
        if ends_here {
            if let Some(message) = self.message.take() {
                message.check_end()?;
            }
            return Ok(Some(self.lend_piece(kind, true)));
        }
        if done == len {
            self.frame = None;
        }
        if want == Want::Pieces && self.body_len > 0 {
            return Ok(Some(self.lend_piece(kind, false)));
        }
        Ok(if self.frame.is_some() { Some(Step::NeedInput) } else { None })
    }

    /// Lends what is in `body` as a piece.
    fn lend_piece(&mut self, kind: Kind, last: bool) -> Step {
        if last {
            self.frame = None;
        }
        if let Some(message) = &mut self.message {
            message.in_pieces = true;
        }
        self.lend_body();
        Step::Piece { kind, last }
    }

    /// Room in `body` for `input` more bytes inflated: never more than one byte over the limit, and not much more
    /// than what has come gives reason for.
    fn inflate_window(&mut self, input: usize) -> Range<usize> {
        let size = self.message.as_ref().map_or(0, |message| message.size);
        let allowed = self.limits.max_message_size.saturating_sub(size).saturating_add(1);
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        if self.body.len() - self.body_len < INFLATE_MIN.min(allowed) {
            let step = input.saturating_mul(4).clamp(BUF_FIRST, INFLATE_STEP);
            self.grow_body(self.body_len.saturating_add(step.min(allowed)), self.body_len.saturating_add(allowed));
        }
        let most = if self.want == Want::Pieces { INFLATE_STEP - self.body_len } else { INFLATE_STEP };
        let room = (self.body.len() - self.body_len).min(most).min(allowed);
        self.body_len..self.body_len + room
    }

    /// Where in `body` the open frame can be read directly.
    fn direct_window(&self) -> Option<Range<usize>> {
        let frame = self.frame.as_ref()?;
        let is_over = self.failed.is_some() || self.closed || self.discarding;
        if is_over || self.message.as_ref().is_some_and(|message| message.compressed) {
            return None;
        }
        let left = frame.len - frame.done;
        if frame.in_place || self.want == Want::Pieces || self.start < self.end || left < DIRECT_MIN {
            return None;
        }
        let ready = self.body.len() - self.body_len;
        let ahead = AHEAD.max(self.body_len / 2).max(ready).min(DIRECT_MAX);
        let room = self.body.capacity() - self.body_len;
        let most = if (room as u64) < DIRECT_MIN { ahead } else { ahead.min(room) };
        let window = usize::try_from(left).map_or(most, |left| left.min(most));
        Some(self.body_len..self.body_len + window)
    }

    /// The largest that `body` can become, if that is known.
    fn body_end(&self) -> usize {
        match self.frame {
            Some(OpenFrame { fin: true, len, done, .. }) => {
                let left = usize::try_from(len - done).unwrap_or(usize::MAX);
                self.body_len.saturating_add(left)
            }
            _ => usize::MAX,
        }
    }

    /// Makes `body` at least `len` long. Its capacity grows by half of what has arrived, so that many fragments
    /// cost no more than one large frame, and never past `most`.
    fn grow_body(&mut self, len: usize, most: usize) {
        if self.body.capacity() < len {
            let goal = (self.body_len + self.body_len / 2).min(most);
            self.body.reserve_exact(goal.max(len) - self.body.len());
        }
        if self.body.len() < len {
            self.body.resize(len, 0);
        }
    }
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbound")
            .field("role", &self.role)
            .field("buffered", &(self.end - self.start))
            .field("gathered", &self.body_len)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// Unmasks and validates payload that has just arrived.
#[inline]
fn digest(frame: &mut OpenFrame, message: &mut OpenMessage, bytes: &mut [u8]) -> Result<(), ReceiveError> {
    for bytes in bytes.chunks_mut(DIGEST_PIECE) {
        if let Some(key) = frame.key {
            mask::apply(bytes, key, frame.done);
        }
        frame.done += bytes.len() as u64;
        if message.kind == Kind::Text && !message.utf8.feed(bytes) {
            return Err(ProtocolError::InvalidUtf8.into());
        }
    }
    frame.unmasked = frame.done;
    Ok(())
}

/// The content of a Close frame (RFC 6455 5.5.1).
fn close_frame(payload: &[u8]) -> Result<CloseFrame, ProtocolError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(CloseFrame::EMPTY) } else { Err(ProtocolError::TruncatedCloseCode) };
    };
    let code = CloseCode::from(u16::from_be_bytes(*code));
    if !code.is_sendable() {
        return Err(ProtocolError::InvalidCloseCode(code));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| ProtocolError::InvalidCloseReason)?;
    Ok(CloseFrame::trusted(code, reason.to_owned()))
}
