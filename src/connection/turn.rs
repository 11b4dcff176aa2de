//! The turn: the right to write, which is ownership of the outbound queue.
//!
//! The thread that has the turn writes for as long as the peer takes, without holding the gate. Dropping the turn returns
//! the queue, whatever has happened, and deals with what other threads have left to be sent in the meantime.

use super::link::{Gate, Link};
use super::patience::Patience;
use super::sending::Outgoing;
use crate::error::{Error, Result};
use crate::proto::deflate::End;
use crate::proto::{Content, DeflatedFrame, Deflating, Opcode, OpenFrame, Outbound};
use std::io::{self, IoSlice};
use std::ops::Deref;
use std::sync::MutexGuard;

/// Frames smaller than this are copied into the queue: copying them costs far less than a system call.
pub(super) const COPY_BELOW: usize = 32 << 10;
/// Once the queue holds this much, it is written without waiting for a flush.
pub(super) const GATHER_MAX: usize = 64 << 10;

/// The right to write. Returns the queue when it is dropped. `L` is a reference to the connection.
pub(super) struct Turn<L: Deref<Target = Link>> {
    link: L,
    /// `None` once it has been returned.
    queue: Option<Box<Queue>>,
}

/// The outbound queue, and what has been done with it in the current turn.
pub(super) struct Queue {
    pub(super) out: Outbound,
    written: Written,
    writer: Writer,
}

/// How much of the queue has been written in a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Nothing. What is in the queue was gathered.
    Nothing,
    /// A write is in progress. A turn that is dropped in this state was ended by a panic.
    Unfinished,
    /// All of it, and the transport holds nothing back.
    Everything,
    /// Not all of it: there was no room, the time limit was reached, or writing failed.
    Part,
}

/// Whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Sender,
    /// The receiver, which need not be woken to learn what it finds out itself.
    Receiver,
}

impl Queue {
    pub(super) fn new(out: Outbound) -> Self {
        Self { out, written: Written::Nothing, writer: Writer::Sender }
    }
}

impl Link {
    /// Begins a turn with the queue, which the caller has just taken, and queues the replies that are due.
    #[inline]
    pub(super) fn begin_turn<'a>(
        &'a self,
        mut gate: MutexGuard<'a, Gate>,
        mut queue: Box<Queue>,
    ) -> Turn<&'a Self> {
        gate.line.taken();
        // The queue must not grow because of a peer that does not read.
        if gate.session.is_closing() {
            gate.session.write_replies(&mut queue.out);
        } else {
            gate.session.queue_replies(&mut queue.out);
        }
        Turn::new(self, queue, Writer::Sender)
    }

    /// Begins a turn of the receiver, which writes only what there is room for. `replies` says whether to queue the replies
    /// that are due.
    pub(super) fn begin_receivers_turn<'a>(
        &'a self,
        mut gate: MutexGuard<'a, Gate>,
        mut queue: Box<Queue>,
        replies: bool,
    ) -> Turn<&'a Self> {
        gate.line.taken();
        if replies {
            gate.session.write_replies(&mut queue.out);
        }
        Turn::new(self, queue, Writer::Receiver)
    }
}

impl<L: Deref<Target = Link>> Turn<L> {
    /// A turn with a queue that the caller has just taken.
    #[inline]
    pub(super) fn new(link: L, mut queue: Box<Queue>, writer: Writer) -> Self {
        (queue.written, queue.writer) = (Written::Nothing, writer);
        Self { link, queue: Some(queue) }
    }

    #[inline]
    pub(super) fn queue(&mut self) -> &mut Outbound {
        &mut present(&mut self.queue).out
    }

    /// Writes all that is queued, and ends the turn.
    #[inline]
    pub(super) fn flush(mut self, patience: &mut Patience) -> Result<()> {
        self.write_queue(patience)
    }

    /// Sends a message, or a part of one, and ends the turn. `awaited` is how many bytes of the queue belong to messages
    /// whose senders are waiting for them to leave.
    #[inline]
    pub(super) fn send(mut self, message: &Outgoing<'_>, awaited: usize, patience: &mut Patience) -> Result<()> {
        let (len, fin) = (message.len, message.is_last());
        let may_deflate = self.link.may_deflate;
        let queue = self.queue();
        let first = !queue.is_fragmenting();
        // There is nothing to put into a frame: this is only a flush.
        let is_empty = len == 0 && !fin && !queue.is_deflating();
        if may_deflate && !is_empty && queue.compresses(message.compress, first, fin.then_some(len)) {
            return self.send_deflated(message, patience);
        }
        if !is_empty {
            let mut frame = queue.begin(message.opcode, fin, Content::Plain, len as u64);
            if len >= COPY_BELOW {
                return self.send_large(frame, message.payload, awaited, patience);
            }
            message.payload.iter().for_each(|part| queue.add(&mut frame, part));
        }
        if message.flush || queue.pending().len() >= GATHER_MAX {
            return self.write_queue(patience).map_err(Error::accepted);
        }
        Ok(())
    }

    /// [`send`](Self::send) for a frame that is too large to be copied into the queue.
    #[inline(never)] // It would make `send` save more registers.
    fn send_large(
        mut self,
        frame: OpenFrame,
        payload: &[IoSlice<'_>],
        awaited: usize,
        patience: &mut Patience,
    ) -> Result<()> {
        self.write_large(frame, payload, awaited, patience).map_err(Error::accepted)
    }

    /// [`send`](Self::send) with compression. Each full frame is written before the next one is made. Once the time limit
    /// has been reached, the rest of the message is queued in stored blocks, because compressing it would take more time.
    #[inline(never)]
    fn send_deflated(mut self, message: &Outgoing<'_>, patience: &mut Patience) -> Result<()> {
        let parts = message.payload.iter().map(|part| &**part);
        let mut frames = Deflating::new(parts, End::of(message.is_last(), message.flush));
        let mut result = Ok(());
        while let Some(frame) = frames.next_frame(self.queue()) {
            result = self.put_deflated(message.opcode, &frame, result, patience);
            self.queue().recycle(frame, result.is_err());
            if result.as_ref().is_err_and(|error| error.is_fatal() || self.link.is_aborted()) {
                break;
            }
        }
        if result.is_ok() && (message.flush || self.queue().pending().len() >= GATHER_MAX) {
            result = self.write_queue(patience);
        }
        result.map_err(Error::accepted)
    }

    /// Queues a compressed frame, and writes it if it is large, unless an earlier frame could not be written.
    fn put_deflated(
        &mut self,
        opcode: Opcode,
        deflated: &DeflatedFrame,
        result: Result<()>,
        patience: &mut Patience,
    ) -> Result<()> {
        // Control frames may go between fragments, but nothing may follow a Close frame.
        if result.is_ok() && self.queue().is_fragmenting() {
            let session = &mut self.link.gate().session;
            if !session.is_closing() {
                session.write_replies(&mut present(&mut self.queue).out);
            }
        }
        let queue = self.queue();
        let mut frame = queue.begin_deflated(opcode, deflated);
        if result.is_err() || deflated.payload.len() < COPY_BELOW {
            queue.add(&mut frame, &deflated.payload);
            return result;
        }
        self.write_large(frame, &[IoSlice::new(&deflated.payload)], 0, patience)
    }

    /// Queues the replies that are due.
    pub(super) fn queue_replies(&mut self) {
        self.link.gate().session.write_replies(&mut present(&mut self.queue).out);
    }

    // ----- Writing -----

    /// Writes all that is queued.
    #[inline]
    fn write_queue(&mut self, patience: &mut Patience) -> Result<()> {
        self.write(|link, queue| link.write_queue(queue, patience))
    }

    /// Writes a frame whose header is queued. If the time limit is reached, the rest of it is queued.
    fn write_large(
        &mut self,
        frame: OpenFrame,
        payload: &[IoSlice<'_>],
        awaited: usize,
        patience: &mut Patience,
    ) -> Result<()> {
        self.write(|link, queue| link.write_large(queue, frame, payload, awaited, patience))
    }

    /// Writes what there is room for. Returns whether that was everything.
    pub(super) fn write_available(&mut self) -> Result<bool> {
        self.write(|link, queue| link.write_available(queue))?;
        Ok(present(&mut self.queue).written == Written::Everything)
    }

    #[inline]
    fn write(&mut self, write: impl FnOnce(&Link, &mut Outbound) -> Result<Written>) -> Result<()> {
        let queue = present(&mut self.queue);
        queue.written = Written::Unfinished;
        let result = write(&self.link, &mut queue.out);
        queue.written = result.as_ref().map_or(Written::Part, |written| *written);
        if queue.written == Written::Everything {
            queue.out.messages_out();
        }
        result.map(|_| ()).map_err(|error| failed(&self.link, queue, error))
    }

    /// Returns the queue of a turn in which something was written. What was gathered beside it, and replies that have become
    /// due, are sent first if there is room, but only once, so that no thread keeps writing for others.
    #[inline(never)]
    fn settle(&mut self) {
        let mut more = true;
        loop {
            let link = &*self.link;
            let mut gate = link.gate();
            let Queue { out, written, writer } = present(&mut self.queue);
            let is_open = !gate.is_cut();
            let all_out = *written == Written::Everything && out.is_empty() && is_open;
            let woken = if all_out { gate.line.written() } else { Vec::new() };
            gate.take_beside(out);
            if all_out && gate.session.has_replies() {
                gate.session.write_replies(out);
            }
            // The receiver may rely on this thread, with no way to wake it.
            let is_last_resort = gate.flush_owed && link.recv_wake.get().is_none();
            if all_out && !out.is_empty() && (more || is_last_resort) {
                more = false;
                gate.line.taken();
                // There is room beside the queue again, for which a thread may be waiting.
                link.pass_on(gate);
                woken.iter().for_each(|seat| seat.notify_all());
                // A turn of its own, which returns the queue if this write panics. A failure is recorded.
                let mut turn = Turn { link, queue: self.queue.take() };
                let _ = turn.write_available();
                self.queue = turn.queue.take();
                continue;
            }
            gate.share_memory_of(out);
            gate.flush_owed &= !out.is_empty();
            let by_sender = *writer == Writer::Sender;
            gate.queue = self.queue.take();
            // If the senders of what was gathered beside the queue are not waiting for it, no other thread knows of it.
            let is_unattended = gate.queued() > 0 && gate.next().is_none();
            gate.blocked = is_open && (!all_out || is_unattended);
            link.wake_next(gate, by_sender);
            woken.iter().for_each(|seat| seat.notify_all());
            return;
        }
    }
}

impl<L: Deref<Target = Link>> Drop for Turn<L> {
    #[inline]
    fn drop(&mut self) {
        let Some(queue) = &mut self.queue else { return };
        match queue.written {
            Written::Everything if queue.out.is_empty() => {
                let gate = &mut *self.link.gate();
                if gate.is_quiet() && !gate.shares_memory_of(&queue.out) {
                    // The usual case of `settle`, in which there is nothing else to do.
                    (gate.blocked, gate.flush_owed) = (false, false);
                    gate.queue = self.queue.take();
                    return;
                }
            }
            // A turn that was kept between calls, in a forked child: another thread may have held the gate at the fork.
            Written::Nothing if self.link.check_process().is_err() => return,
            Written::Nothing => {
                let mut gate = self.link.gate();
                gate.take_beside(&mut queue.out);
                gate.queue = self.queue.take();
                self.link.pass_on(gate);
                return;
            }
            Written::Unfinished => {
                let panicked = io::Error::other("a thread panicked while it was writing");
                failed(&self.link, queue, Error::io("sending", panicked));
                queue.written = Written::Part;
            }
            Written::Everything | Written::Part => {}
        }
        self.settle();
    }
}

/// Records a failure to write. Returns the reason that counts, which may be an earlier one.
#[cold]
fn failed(link: &Link, queue: &Queue, error: Error) -> Error {
    if !error.is_fatal() {
        return error;
    }
    let reason = if queue.writer == Writer::Receiver && !queue.out.owes_messages() {
        // A peer may end the connection without waiting for replies to its control frames. How it ended shows in what
        // remains to be received.
        link.gate().stop_writing(error.clone());
        error
    } else {
        link.gate().cut(error.clone()).err().unwrap_or(error)
    };
    link.tell_everybody();
    if queue.writer == Writer::Sender {
        // There is no more to be received than what has arrived.
        link.wake_receiver();
    }
    reason
}

/// The queue of a turn.
#[inline]
fn present(queue: &mut Option<Box<Queue>>) -> &mut Queue {
    match queue {
        Some(queue) => queue,
        None => unreachable!("a turn has the queue until it is dropped"),
    }
}
