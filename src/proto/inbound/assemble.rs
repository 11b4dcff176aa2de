//! From the payload of frames to messages.
//!
//! Payload is worked on as it arrives, while it is in cache: unmasked, validated, counted. A message in one frame of at
//! most [`IN_PLACE_MAX`] stays in the read buffer and is lent from there. Fragments and larger frames are assembled in the
//! body. A compressed message is inflated from the one into the other.

use super::buffers::{BUF_FIRST, Buffers};
use super::{Limits, Want};
use crate::message::Kind;
use crate::proto::deflate::Inflater;
use crate::proto::error::{LimitError, ProtocolError, ReceiveError};
use crate::proto::frame::{FrameHeader, Opcode};
use crate::proto::mask;
use crate::proto::utf8::Utf8;

/// Largest payload that is kept and lent in the read buffer.
pub(super) const IN_PLACE_MAX: u64 = 32 << 10;
/// With this much of a frame missing, it is worth reading into the body and not into the read buffer.
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
/// Payload is worked on in steps of this size: what is unmasked is validated while in the first-level cache.
const DIGEST_STEP: usize = 16 << 10;

/// A message of which a frame has begun, and not all have ended.
pub(super) struct OpenMessage {
    pub(super) kind: Kind,
    frames: u32,
    utf8: Utf8,
    /// Its size so far: what the headers of its frames declare, or what was inflated.
    size: u64,
    pub(super) is_compressed: bool,
    /// A piece of it has been lent: it goes on in pieces, for what is left of text may be no text by itself.
    pub(super) in_pieces: bool,
}

/// A data frame whose payload is arriving.
pub(super) struct OpenFrame {
    fin: bool,
    key: Option<[u8; 4]>,
    len: u64,
    /// Payload bytes unmasked, validated and, unless `in_place`, taken out of the read buffer.
    done: u64,
    /// Payload bytes unmasked. More than `done` only while the message is being inflated.
    unmasked: u64,
    /// Stays in the read buffer until it is whole.
    in_place: bool,
}

/// What the bytes that have arrived made of a message.
pub(super) struct Assembled {
    /// Some of it is lent: the whole message, or a piece of it.
    pub(super) is_lent: bool,
    pub(super) end: End,
}

/// What has come to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing: the frame goes on.
    Nothing,
    /// The frame. The message goes on in another one.
    Frame,
    /// The message.
    Message,
}

impl OpenMessage {
    /// The one that a frame with this header begins.
    pub(super) fn begin(header: &FrameHeader) -> Self {
        let kind = if header.opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
        let (utf8, is_compressed) = (Utf8::default(), header.rsv1);
        Self { kind, frames: 0, utf8, size: 0, is_compressed, in_pieces: false }
    }

    /// Its next frame. The limits are applied before any payload is processed.
    pub(super) fn open_frame(
        &mut self,
        header: &FrameHeader,
        limits: Limits,
        want: Want,
    ) -> Result<OpenFrame, LimitError> {
        self.frames = self.frames.saturating_add(1);
        if self.frames > limits.max_fragments {
            return Err(LimitError::TooManyFragments { limit: limits.max_fragments });
        }
        if !self.is_compressed {
            self.grow(header.len, limits)?;
        }
        let FrameHeader { fin, mask: key, len, .. } = *header;
        let is_only = fin && self.frames == 1;
        let in_place = is_only && !self.is_compressed && len <= IN_PLACE_MAX && want == Want::Message;
        Ok(OpenFrame { fin, key, len, done: 0, unmasked: 0, in_place })
    }

    fn grow(&mut self, by: u64, limits: Limits) -> Result<(), LimitError> {
        self.size = self.size.saturating_add(by);
        let limit = limits.max_message_size;
        if self.size > limit { Err(LimitError::MessageTooBig { limit, at_least: self.size }) } else { Ok(()) }
    }

    /// Whether it may end here: text must not end within a character, be its last frame empty or not.
    pub(super) fn check_end(&self) -> Result<(), ProtocolError> {
        if self.kind == Kind::Text && !self.utf8.is_complete() { Err(ProtocolError::InvalidUtf8) } else { Ok(()) }
    }

    /// Unmasks and validates payload that has just arrived.
    #[inline]
    pub(super) fn digest(&mut self, frame: &mut OpenFrame, bytes: &mut [u8]) -> Result<(), ReceiveError> {
        let mut done = frame.done;
        for bytes in bytes.chunks_mut(DIGEST_STEP) {
            if let Some(key) = frame.key {
                mask::apply(bytes, key, done);
            }
            done += bytes.len() as u64;
            if self.kind == Kind::Text && !self.utf8.feed(bytes) {
                return Err(ProtocolError::InvalidUtf8.into());
            }
        }
        frame.done = done;
        frame.unmasked = done;
        Ok(())
    }

    /// Towards a whole message, which is lent at its end.
    #[inline]
    pub(super) fn gather(
        &mut self,
        frame: &mut OpenFrame,
        buffers: &mut Buffers,
    ) -> Result<Assembled, ReceiveError> {
        let arrived = frame.arrived(buffers);
        if frame.in_place {
            let done = frame.done as usize;
            self.digest(frame, &mut buffers.unread_mut()[done..done + arrived])?;
            if frame.end() == End::Message {
                if buffers.has_body() {
                    buffers.body_unused();
                }
                buffers.lend_unread(0, frame.len as usize);
            }
        } else {
            if arrived > 0 {
                let bytes = buffers.move_to_body(arrived, frame.body_growth());
                self.digest(frame, bytes)?;
            }
            if frame.end() == End::Message {
                buffers.lend_body();
            }
        }
        Ok(Assembled { is_lent: frame.end() == End::Message, end: frame.end() })
    }

    /// Lends what has arrived.
    pub(super) fn piece(
        &mut self,
        frame: &mut OpenFrame,
        buffers: &mut Buffers,
    ) -> Result<Assembled, ReceiveError> {
        if frame.in_place {
            // A call for the whole message began it and ran out of time.
            frame.in_place = false;
            let done = frame.done as usize;
            if done > 0 {
                buffers.lend_unread(0, done);
                return Ok(Assembled { is_lent: true, end: End::Nothing });
            }
        }
        if buffers.body_len() > 0 {
            buffers.lend_body();
            return Ok(Assembled { is_lent: true, end: frame.end() });
        }
        let arrived = frame.arrived(buffers);
        self.digest(frame, &mut buffers.unread_mut()[..arrived])?;
        let end = frame.end();
        let is_lent = arrived > 0 || end == End::Message;
        if is_lent {
            buffers.lend_unread(0, arrived);
        }
        Ok(Assembled { is_lent, end })
    }

    /// Inflates what has arrived, towards a whole message or for the next piece.
    pub(super) fn inflate(
        &mut self,
        frame: &mut OpenFrame,
        buffers: &mut Buffers,
        inflater: &mut Inflater,
        limits: Limits,
        want: Want,
    ) -> Result<Assembled, ReceiveError> {
        let mut left = frame.arrived(buffers);
        if let Some(key) = frame.key {
            let fresh = (frame.unmasked - frame.done) as usize..left;
            mask::apply(&mut buffers.unread_mut()[fresh], key, frame.unmasked);
        }
        frame.unmasked = frame.done + left as u64;
        let is_last = frame.fin && frame.unmasked == frame.len;
        loop {
            if want == Want::Pieces && buffers.body_len() >= INFLATE_STEP {
                buffers.lend_body();
                return Ok(Assembled { is_lent: true, end: End::Nothing });
            }
            let room = self.room_to_inflate(left, buffers, limits, want);
            let (input, output) = buffers.inflate_space(left, room);
            let inflated = inflater.run(input, output, is_last)?;
            left -= inflated.taken;
            frame.done += inflated.taken as u64;
            buffers.consume(inflated.taken);
            let output = buffers.body_filled(inflated.made);
            self.grow(output.len() as u64, limits)?;
            if self.kind == Kind::Text && !self.utf8.feed(output) {
                return Err(ProtocolError::InvalidUtf8.into());
            }
            if !inflated.more {
                break;
            }
        }
        let end = frame.end();
        let is_lent = end == End::Message || (want == Want::Pieces && buffers.body_len() > 0);
        if is_lent {
            buffers.lend_body();
        }
        Ok(Assembled { is_lent, end })
    }

    /// Makes room in the body for what `input` bytes inflate to: never more than one byte over the limit, and not much more
    /// than those bytes are likely to need.
    fn room_to_inflate(&self, input: usize, buffers: &mut Buffers, limits: Limits, want: Want) -> usize {
        let allowed = limits.max_message_size.saturating_sub(self.size).saturating_add(1);
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        if buffers.body_room() < INFLATE_MIN.min(allowed) {
            let step = input.saturating_mul(4).clamp(BUF_FIRST, INFLATE_STEP);
            buffers.grow_body(step.min(allowed), allowed);
        }
        let most = if want == Want::Pieces { INFLATE_STEP - buffers.body_len() } else { INFLATE_STEP };
        buffers.body_room().min(most).min(allowed)
    }
}

impl OpenFrame {
    /// How much of its payload is still to be taken out of the read buffer.
    pub(super) fn left(&self) -> u64 {
        if self.in_place { self.len } else { self.len - self.done }
    }

    /// How much of its payload lies in the read buffer and is still to be worked on.
    #[inline]
    fn arrived(&self, buffers: &Buffers) -> usize {
        let unread = buffers.unread_len() - if self.in_place { self.done as usize } else { 0 };
        usize::try_from(self.len - self.done).map_or(unread, |left| unread.min(left))
    }

    /// What ends with the payload that has been worked on.
    #[inline]
    fn end(&self) -> End {
        match self.fin {
            _ if self.done < self.len => End::Nothing,
            false => End::Frame,
            true => End::Message,
        }
    }

    /// By how much the body can still grow, if that is known.
    fn body_growth(&self) -> usize {
        if self.fin { usize::try_from(self.len - self.done).unwrap_or(usize::MAX) } else { usize::MAX }
    }

    /// How much the read buffer must hold for this frame from its beginning on.
    pub(super) fn buffered_len(&self) -> Option<usize> {
        self.in_place.then_some(self.len as usize)
    }

    /// Whether it is worth reading more of it directly into the body. All that was read must have been taken out of the
    /// read buffer.
    #[inline]
    pub(super) fn is_direct(&self, buffers: &Buffers) -> bool {
        !self.in_place && buffers.unread_len() == 0 && self.len - self.done >= DIRECT_MIN
    }

    /// How much of it to read at once.
    #[inline]
    pub(super) fn direct_len(&self, buffers: &Buffers) -> usize {
        let left = self.len - self.done;
        let ahead = AHEAD.max(buffers.body_len() / 2).max(buffers.body_room()).min(DIRECT_MAX);
        let capacity = buffers.body_capacity();
        let most = if (capacity as u64) < DIRECT_MIN { ahead } else { ahead.min(capacity) };
        usize::try_from(left).map_or(most, |left| left.min(most))
    }

    /// Where they are to be read.
    pub(super) fn direct_space<'a>(&self, buffers: &'a mut Buffers) -> &'a mut [u8] {
        let count = self.direct_len(buffers);
        buffers.grow_body(count, self.body_growth());
        buffers.body_space(count)
    }
}
