//! Messages as they are given to the caller: whole, or in pieces.

use super::Receiver;
use super::state::State;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::message::{Kind, Message, MessageRef};
use crate::proto::{Step, Want};
use std::collections::VecDeque;

/// Most messages that are kept while an answer to a Ping is waited for.
const MAX_PENDING: usize = 1024;

/// Messages that arrived while an answer to a Ping was waited for.
#[derive(Debug, Default)]
pub(super) struct Pending {
    queue: VecDeque<Message>,
    /// The size of those in `queue`.
    bytes: usize,
    /// The one of them that is lent to the caller.
    lent: Option<Message>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn is_full(&self, max_bytes: u64) -> bool {
        self.queue.len() >= MAX_PENDING || self.bytes as u64 >= max_bytes
    }

    pub(super) fn push(&mut self, message: Message) {
        self.bytes += message.as_bytes().len();
        self.queue.push_back(message);
    }

    /// Lends the next one, if there is one; its kind.
    fn lend_next(&mut self) -> Option<Kind> {
        self.lent = self.queue.pop_front();
        let lent = self.lent.as_ref()?;
        self.bytes -= lent.as_bytes().len();
        Some(lent.kind())
    }
}

/// The piece of a message that is lent, and how much of it has been taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    taken: usize,
    last: bool,
}

/// What [`Receiver::recv_into`] put into the caller's buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received {
    /// Text or binary. Text is valid UTF-8 as a whole; a character may lie across two buffers.
    pub kind: Kind,
    /// How many bytes.
    pub len: usize,
    /// Whether the message ends here. If not, the next call goes on with it.
    pub is_final: bool,
}

impl Receiver {
    /// The message that was received last, taken out.
    pub(in crate::connection) fn take_message(&mut self) -> Message {
        match self.pending.lent.take() {
            Some(message) => message,
            None => self.inbound.take_message(),
        }
    }

    /// The message that was received last.
    #[inline(always)]
    pub(in crate::connection) fn message(&self) -> MessageRef<'_> {
        match &self.pending.lent {
            Some(message) => message.borrow(),
            None => self.inbound.message(),
        }
    }

    /// Receives a whole message if one has been read already and nothing else is to be done first.
    #[inline(always)]
    pub(in crate::connection) fn message_is_buffered(&mut self) -> bool {
        let is_plain = matches!(self.state, State::Open)
            && self.piece.is_none()
            && self.pending.lent.is_none()
            && self.pending.is_empty()
            && !self.link.is_aborted();
        if !is_plain || !self.inbound.advance_whole() {
            return false;
        }
        self.link.counters.received(self.inbound.payload().len(), true);
        true
    }

    /// Receives a whole message after [`message_is_buffered`](Self::message_is_buffered) has found none. `false`: closed
    /// cleanly.
    pub(super) fn next_message(&mut self, until: Deadline) -> Result<bool> {
        self.link.check_process()?;
        if self.piece.is_some() {
            self.skip_rest(until)?;
        }
        Ok(self.pending.lend_next().is_some() || self.next(Want::Message, until)?.is_some())
    }

    /// The next piece of a message, or what is left of the current one. `None`: closed cleanly.
    pub(super) fn next_piece(&mut self, until: Deadline) -> Result<Option<Piece>> {
        self.link.check_process()?;
        // The last piece is kept until it is taken, even if it is empty.
        if self.has_piece() {
            return Ok(self.piece);
        }
        let pending = if self.piece.is_none() { self.pending.lend_next() } else { None };
        let piece = if let Some(kind) = pending {
            Piece { kind, taken: 0, last: true }
        } else {
            self.pending.lent = None;
            match self.next(Want::Pieces, until)? {
                Some(Step::Piece { kind, last }) => Piece { kind, taken: 0, last },
                _ => return Ok(None),
            }
        };
        self.piece = Some(piece);
        Ok(self.piece)
    }

    /// Whether the current piece has not been taken to its end.
    pub(super) fn has_piece(&self) -> bool {
        self.piece.is_some_and(|piece| piece.last || piece.taken < self.piece_bytes().len())
    }

    fn piece_bytes(&self) -> &[u8] {
        match &self.pending.lent {
            Some(message) => message.as_bytes(),
            None => self.inbound.payload(),
        }
    }

    /// Copies from the current message. When it has been taken to its end, it is dropped.
    pub(in crate::connection) fn take_piece(
        &mut self,
        buf: &mut [u8],
        until: Deadline,
    ) -> Result<Option<Received>> {
        let Some(mut piece) = self.next_piece(until)? else { return Ok(None) };
        let bytes = &self.piece_bytes()[piece.taken..];
        let len = bytes.len().min(buf.len());
        buf[..len].copy_from_slice(&bytes[..len]);
        let is_final = piece.last && len == bytes.len();
        piece.taken += len;
        self.piece = if is_final { None } else { Some(piece) };
        Ok(Some(Received { kind: piece.kind, len, is_final }))
    }

    /// Skips what is left of a message that was being taken in pieces.
    pub(super) fn skip_rest(&mut self, until: Deadline) -> Result<()> {
        while let Some(piece) = self.piece {
            if piece.last {
                self.piece = None;
            } else {
                self.piece = Some(Piece { taken: self.piece_bytes().len(), ..piece });
                if self.next_piece(until)?.is_none() {
                    self.piece = None;
                }
            }
        }
        Ok(())
    }

    /// Drops what has been received and not taken.
    pub(super) fn drop_messages(&mut self) {
        self.pending = Pending::default();
        self.piece = None;
    }
}
