//! From received bytes to frames: which frame may come when, and what it means.

use super::assemble::{End, OpenFrame, OpenMessage};
use super::{Inbound, Step, Want};
use crate::close::{CloseCode, CloseFrame};
use crate::proto::error::{ProtocolError, ReceiveError};
use crate::proto::frame::{FrameHeader, Opcode, Role};
use crate::proto::mask;

/// What the next unread byte belongs to.
pub(super) enum State {
    /// The header of a control frame or of the first frame of a message.
    Idle,
    /// The payload of this frame of a message; or, between frames, the header of a control frame or of the message's
    /// next frame.
    Message(OpenMessage, Option<OpenFrame>),
    /// Messages are skipped unseen: `left` more bytes of this frame, then another header.
    Discarding { left: u64 },
    /// Nothing: the peer's Close frame has come.
    Closed,
    /// Nothing: the peer is at fault.
    Failed(ReceiveError),
}

impl State {
    /// The message that has begun and not ended.
    pub(super) fn message(&self) -> Option<&OpenMessage> {
        if let Self::Message(message, _) = self { Some(message) } else { None }
    }

    /// The frame of the message has ended, and the message goes on.
    fn frame_ended(&mut self) {
        if let Self::Message(_, frame) = self {
            *frame = None;
        }
    }
}

impl Inbound {
    /// Works on what has been read until there is something to report.
    #[inline]
    pub(super) fn step(&mut self, want: Want) -> Result<Step, ReceiveError> {
        loop {
            match &mut self.state {
                State::Idle | State::Message(_, None) | State::Discarding { left: 0 } => {
                    if let Some(step) = self.next_frame(want)? {
                        return Ok(step);
                    }
                }
                State::Message(message, Some(frame)) => {
                    let assembled = match (&mut self.inflater, want) {
                        (Some(inflater), _) if message.is_compressed => {
                            message.inflate(frame, &mut self.buffers, inflater, self.limits, want)?
                        }
                        (_, Want::Message) => message.gather(frame, &mut self.buffers)?,
                        (_, Want::Pieces) => message.piece(frame, &mut self.buffers)?,
                    };
                    let (kind, last) = (message.kind, assembled.end == End::Message);
                    match assembled.end {
                        End::Nothing if !assembled.is_lent => return Ok(Step::NeedInput),
                        End::Nothing => message.in_pieces = true,
                        End::Frame => {
                            message.in_pieces |= assembled.is_lent;
                            self.state.frame_ended();
                        }
                        End::Message => {
                            message.check_end()?;
                            self.state = State::Idle;
                        }
                    }
                    match want {
                        _ if !assembled.is_lent => {}
                        Want::Pieces => return Ok(Step::Piece { kind, last }),
                        Want::Message => {
                            self.buffers.lent_is(kind);
                            return Ok(Step::Message);
                        }
                    }
                }
                State::Discarding { left } => {
                    let unread = self.buffers.unread_len();
                    let count = usize::try_from(*left).map_or(unread, |left| unread.min(left));
                    self.buffers.consume(count);
                    *left -= count as u64;
                    if *left > 0 {
                        return Ok(Step::NeedInput);
                    }
                }
                State::Closed => return Ok(Step::NeedInput),
                State::Failed(error) => return Err(*error),
            }
        }
    }

    /// Looks for the next frame. `None`: a data frame has been opened.
    #[inline]
    fn next_frame(&mut self, want: Want) -> Result<Option<Step>, ReceiveError> {
        let unread = self.buffers.unread();
        let Some((header, size)) = FrameHeader::decode(unread)? else {
            return Ok(Some(Step::NeedInput));
        };
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(ProtocolError::UnmaskedFrame.into()),
            (Role::Client, Some(_)) => return Err(ProtocolError::MaskedFrame.into()),
            _ => {}
        }
        // Set in the first frame of a compressed message, and only there (RFC 7692 6.1).
        if header.rsv1 && (self.inflater.is_none() || header.opcode == Opcode::Continuation) {
            return Err(ProtocolError::ReservedBits.into());
        }
        if header.opcode.is_control() {
            // At most 125 bytes: waited for as a whole, the header is simply read again.
            if unread.len() < size + header.len as usize {
                return Ok(Some(Step::NeedInput));
            }
            return Ok(Some(self.control(&header, size)?));
        }
        self.buffers.consume(size);
        self.open_frame(&header, want)?;
        Ok(None)
    }

    /// A data frame begins: the rules of fragmentation (RFC 6455 5.4).
    fn open_frame(&mut self, header: &FrameHeader, want: Want) -> Result<(), ReceiveError> {
        match (&mut self.state, header.opcode) {
            (State::Discarding { left }, _) => *left = header.len,
            (State::Message(message, frame), Opcode::Continuation) => {
                *frame = Some(message.open_frame(header, self.limits, want)?);
            }
            (State::Message(..), _) => return Err(ProtocolError::ExpectedContinuation.into()),
            (_, Opcode::Continuation) => return Err(ProtocolError::UnexpectedContinuation.into()),
            (state, _) => {
                let mut message = OpenMessage::begin(header);
                let frame = message.open_frame(header, self.limits, want)?;
                *state = State::Message(message, Some(frame));
            }
        }
        Ok(())
    }

    /// A whole control frame, whose header takes `size` bytes.
    fn control(&mut self, header: &FrameHeader, size: usize) -> Result<Step, ProtocolError> {
        let len = header.len as usize;
        let payload = &mut self.buffers.unread_mut()[size..size + len];
        if let Some(key) = header.mask {
            mask::apply(payload, key, 0);
        }
        let step = match header.opcode {
            Opcode::Ping => Step::Ping,
            Opcode::Pong => Step::Pong,
            _ => {
                let frame = close_frame(payload)?;
                self.state = State::Closed;
                Step::Close(frame)
            }
        };
        self.buffers.lend_unread(size, len);
        Ok(step)
    }
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
