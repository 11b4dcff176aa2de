//! The operations of senders. Each waits for permission to send and does its work in a turn.

use super::line::Wants;
use super::link::{Gate, Link};
use super::patience::Patience;
use super::turn::{COPY_BELOW, GATHER_MAX, Turn, Writer};
use crate::compression::Compress;
use crate::error::{Closed, Error, Result};
use crate::message::Kind;
use crate::proto::{Content, Opcode, Outbound, check_ping};
use std::io::IoSlice;
use std::sync::{Arc, MutexGuard};

/// A message to send, or a part of one.
pub(super) struct Outgoing<'a> {
    pub(super) opcode: Opcode,
    pub(super) part: Part,
    pub(super) payload: &'a [IoSlice<'a>],
    /// Of the payload, in bytes.
    pub(super) len: usize,
    pub(super) compress: Compress,
    /// Whether the bytes must have been handed to the transport when the call returns.
    pub(super) flush: bool,
}

/// Which part of a message is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A whole message.
    Whole,
    /// A part of a streamed message; with `fin`, the last one.
    Of { fin: bool },
}

impl<'a> Outgoing<'a> {
    #[inline]
    pub(super) fn new(
        opcode: Opcode,
        part: Part,
        payload: &'a [IoSlice<'a>],
        compress: Compress,
        flush: bool,
    ) -> Self {
        let len = payload.iter().map(|part| part.len()).sum();
        Self { opcode, part, payload, len, compress, flush }
    }

    #[inline]
    pub(super) fn is_last(&self) -> bool {
        self.part != Part::Of { fin: false }
    }

    #[inline]
    fn is_streamed(&self) -> bool {
        self.part != Part::Whole
    }
}

impl Link {
    /// Queues a small message that is not to be compressed, the usual case of `feed`. Returns `false` for any other message,
    /// which is left to [`send`](Self::send).
    #[inline]
    pub(super) fn gather(&self, queue: &mut Outbound, kind: Kind, payload: &[u8], compress: Compress) -> bool {
        let is_large = payload.len() >= COPY_BELOW || queue.pending().len() + payload.len() >= GATHER_MAX;
        if is_large || queue.compresses(compress, true, Some(payload.len())) {
            return false;
        }
        queue.frame(Opcode::from(kind), true, payload);
        queue.message_queued();
        self.counters.sent(payload.len(), true);
        true
    }

    /// [`gather`](Self::gather), if that is possible without waiting.
    #[inline]
    pub(super) fn gather_now(&self, kind: Kind, payload: &[u8], compress: Compress) -> bool {
        if self.check_process().is_err() {
            return false;
        }
        let gate = &mut *self.gate();
        if !gate.is_ready(false) {
            return false;
        }
        gate.queue.as_mut().is_some_and(|queue| self.gather(&mut queue.out, kind, payload, compress))
    }

    /// A turn for gathering, if one can be had without waiting.
    #[cold]
    pub(super) fn turn_to_gather(self: &Arc<Self>) -> Option<Turn<Arc<Self>>> {
        let gate = &mut *self.gate();
        if !gate.is_ready(false) {
            return None;
        }
        let mut queue = gate.queue.take()?;
        gate.take_shared_memory(&mut queue.out);
        Some(Turn::new(Arc::clone(self), queue, Writer::Sender))
    }

    /// Sends a message, or a part of one, in one frame unless it is compressed.
    #[inline]
    pub(super) fn send(&self, message: &Outgoing<'_>, patience: &mut Patience) -> Result<()> {
        self.check_process()?;
        let mut gate = self.gate();
        if gate.is_ready(message.is_streamed()) {
            if let Some(queue) = gate.queue.take() {
                self.counters.sent(message.len, message.is_last());
                let awaited = gate.awaited_in(&queue.out);
                return self.begin_turn(gate, queue).send(message, awaited, patience);
            }
        }
        self.send_when_ready(gate, message, patience)
    }

    /// [`send`](Self::send) when the turn is taken or the queue is full. A small uncompressed message does not wait for a
    /// turn: it is gathered beside the queue.
    #[cold]
    fn send_when_ready<'a>(
        &'a self,
        mut gate: MutexGuard<'a, Gate>,
        message: &Outgoing<'_>,
        patience: &mut Patience,
    ) -> Result<()> {
        let len = message.len;
        let is_plain = !self.may_deflate || message.compress == Compress::Never;
        let goes_beside = is_plain && !message.is_streamed() && len < COPY_BELOW;
        let wants =
            if goes_beside { Wants::Room { len } } else { Wants::Turn { streaming: message.is_streamed() } };
        loop {
            // `None` inside is room beside the queue.
            let (waited, queue) = self.wait_in_line(gate, wants, patience, |gate| match gate.queue.take() {
                None => goes_beside.then_some(None),
                queue => Some(queue),
            })?;
            gate = waited;
            match queue {
                None => return self.send_beside(gate, message, patience),
                Some(queue) if queue.out.pending().len() >= GATHER_MAX => {
                    self.begin_turn(gate, queue).flush(patience)?;
                    gate = self.gate();
                }
                Some(queue) => {
                    self.counters.sent(len, message.is_last());
                    let awaited = gate.awaited_in(&queue.out);
                    return self.begin_turn(gate, queue).send(message, awaited, patience);
                }
            }
        }
    }

    /// Gathers a small uncompressed message beside the queue, during another thread's turn. With `flush`, waits until it has
    /// been handed to the transport.
    fn send_beside(
        &self,
        mut gate: MutexGuard<'_, Gate>,
        message: &Outgoing<'_>,
        patience: &mut Patience,
    ) -> Result<()> {
        let len = message.len;
        match gate.beside(self.role) {
            Ok(beside) => {
                let mut frame = beside.begin(message.opcode, true, Content::Plain, len as u64);
                message.payload.iter().for_each(|part| beside.add(&mut frame, part));
            }
            Err(error) => {
                self.pass_on(gate);
                return Err(error);
            }
        }
        self.counters.sent(len, true);
        if message.flush {
            return self.wait_until_out(gate, patience).map_err(Error::accepted);
        }
        self.pass_on(gate);
        Ok(())
    }

    /// Writes everything that is queued, and the replies that are due.
    pub(super) fn flush(&self, patience: &mut Patience) -> Result<()> {
        self.check_process()?;
        let mut gate = self.gate();
        let result = match gate.check_write() {
            Ok(()) => match gate.queue.take() {
                Some(queue) => return self.begin_turn(gate, queue).flush(patience),
                None => self.wait_until_out(gate, patience),
            },
            Err(error) => {
                // The gate is taken again below.
                drop(gate);
                Err(error)
            }
        };
        match result {
            Err(Error::Closed(Closed::Sent)) if self.gate().is_finished() => Ok(()),
            result => result,
        }
    }

    /// Begins a streamed message: other messages wait until [`stream_ended`](Self::stream_ended) is called.
    pub(super) fn stream_begin(&self, patience: &mut Patience) -> Result<()> {
        self.check_process()?;
        let wants = Wants::Turn { streaming: false };
        let (gate, ()) = self.wait_in_line(self.gate(), wants, patience, |gate| {
            gate.streaming = true;
            Some(())
        })?;
        self.pass_on(gate);
        Ok(())
    }

    /// Ends a streamed message: other messages can be sent again.
    pub(super) fn stream_ended(&self) {
        if self.check_process().is_err() {
            return;
        }
        let mut gate = self.gate();
        gate.streaming = false;
        self.pass_on(gate);
    }

    /// Sends a Ping.
    pub(super) fn ping(&self, payload: &[u8], patience: &mut Patience) -> Result<()> {
        self.check_process()?;
        check_ping(payload)?;
        loop {
            let (gate, queue) = self.wait_in_line(self.gate(), Wants::Queue, patience, |gate| gate.queue.take())?;
            let mut turn = self.begin_turn(gate, queue);
            if turn.queue().pending().len() < GATHER_MAX {
                turn.queue().frame(Opcode::Ping, true, payload);
                return turn.flush(patience).map_err(Error::accepted);
            }
            turn.flush(patience)?;
        }
    }
}
