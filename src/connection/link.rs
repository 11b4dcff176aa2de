//! What the threads of one connection share.
//!
//! # Locks
//!
//! `gate` is the one lock. It is held for moments: nothing waits for the network under it. Whoever wants to
//! write takes the outbound queue out of the gate: that is its *turn* (`turn.rs`). It lets go of the lock and writes as
//! long as it takes; the queue is given back when the turn is dropped. So a frame that is being written is never
//! interrupted by another one, and nobody holds a lock while the peer is slow.
//!
//! Meanwhile others gather their small plain messages in a second queue, `beside` the first one, of 64 KiB at most.
//! Whoever has the turn writes that too, once and without waiting for room, before it gives the queue back. What is
//! still beside the queue then goes into it, and whoever waits for those bytes takes the next turn. Messages that are
//! large, compressed or streamed wait in line for a turn of their own. Each waiting thread has its own time limit, and
//! is woken when its bytes are out or it is its turn, not before (`line.rs`, `waiting.rs`).
//!
//! The receiver never waits for a turn to answer a Ping or a Close: it leaves the reply in the session, under
//! the gate, and whoever has the turn sends it before giving the queue back; if nobody has, the receiver queues
//! it, takes the turn before it waits, and writes only what there is room for (`replies.rs`).
//!
//! Transports have locks of their own, which are taken inside a turn or by the receiver, never under the gate.

use super::line::Line;
use super::stats::{Counters, Stats};
use super::turn::{GATHER_MAX, Queue};
use crate::config::Config;
use crate::entropy::SystemMasks;
use crate::error::{Closed, Error, Result};
use crate::pool::QUEUES;
use crate::process::{Process, UsableIn};
use crate::proto::{Outbound, Role, Session};
use crate::transport::{CHANGED, Transport, Wake};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// An empty queue with more memory than this is given back when the connection is idle.
const QUEUE_KEEP: usize = 8 << 10;

/// The shared part of a connection.
pub(crate) struct Link {
    pub(super) transport: Box<dyn Transport>,
    gate: Mutex<Gate>,
    /// A numbered Ping was answered, or the connection ended.
    pub(super) pongs: Condvar,
    pub(super) role: Role,
    /// Compression was agreed on.
    pub(super) may_deflate: bool,
    /// Wakes the receiver; made when another thread can have a reason to.
    pub(super) recv_wake: OnceLock<Arc<Wake>>,
    pub(super) send_wake: OnceLock<Arc<Wake>>,
    /// Revoked when the connection is aborted.
    usable: UsableIn,
    made_in: Process,
    /// Nobody can receive any more.
    receiver_gone: AtomicBool,
    pub(super) counters: Counters,
    pub(super) config: Config,
}

/// What the gate protects.
pub(super) struct Gate {
    pub(super) session: Session,
    /// The outbound queue; `None` while a thread has its turn.
    pub(super) queue: Option<Box<Queue>>,
    /// Small messages that were sent while a thread had its turn; empty while the queue is here. Made when it is needed.
    pub(super) beside: Option<Box<Outbound>>,
    memory: QueueMemory,
    /// Who waits.
    pub(super) line: Line,
    /// The transport had no room for all of the queue when that was last given back.
    pub(super) blocked: bool,
    /// The receiver waits, and relies on whoever has the queue to write it.
    pub(super) flush_owed: bool,
    /// A message is being streamed: other messages wait until it ends.
    pub(super) streaming: bool,
    /// The closing handshake must be over by then.
    pub(super) close_by: Option<Instant>,
    /// Writing has failed; the peer may still have something to say.
    write_error: Option<Error>,
    /// The connection is over, for this reason; `Ok` if it was closed in order.
    pub(super) end: Option<std::result::Result<(), Error>>,
    /// Number of the last Ping sent by `ping_wait`, and of the last one answered.
    pub(super) pings_sent: u64,
    pub(super) pings_answered: u64,
}

/// Whose the memory of the queue is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum QueueMemory {
    /// The connection's, until it is idle.
    Own,
    /// The pool's, once what is in it has been written: the connection's only thread gathers much (`held.rs`).
    Shared,
    /// It was given to the pool. Others are taken when the next messages are gathered.
    Given,
}

impl Link {
    #[inline(never)] // See `WebSocket::new`.
    pub(super) fn new(transport: Box<dyn Transport>, outbound: Outbound, config: Config) -> Arc<Self> {
        let (role, may_deflate) = (outbound.role(), outbound.can_deflate());
        let gate = Gate {
            session: Session::new(),
            queue: Some(Box::new(Queue::new(outbound))),
            beside: None,
            memory: QueueMemory::Own,
            line: Line::default(),
            blocked: false,
            flush_owed: false,
            streaming: false,
            close_by: None,
            write_error: None,
            end: None,
            pings_sent: 0,
            pings_answered: 0,
        };
        Arc::new(Self {
            transport,
            gate: Mutex::new(gate),
            pongs: Condvar::new(),
            role,
            may_deflate,
            recv_wake: OnceLock::new(),
            send_wake: OnceLock::new(),
            usable: UsableIn::current(),
            made_in: Process::current(),
            receiver_gone: AtomicBool::new(false),
            counters: Counters::default(),
            config,
        })
    }

    /// Fails in a process that was forked from the one that made the connection: see [`process`](crate::process). Comes
    /// before the gate, which another thread may have held at the fork.
    #[inline(always)]
    pub(crate) fn check_process(&self) -> Result<()> {
        self.made_in.check()
    }

    #[inline]
    pub(super) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes threads that wait for their turn or for a Pong, so that they look at `send_wake`.
    pub(super) fn wake_senders(&self) {
        if self.check_process().is_err() {
            return;
        }
        self.gate().line.wake_all();
        self.pongs.notify_all();
    }

    /// The receiver has been dropped.
    pub(super) fn receiver_left(&self) {
        self.receiver_gone.store(true, Ordering::SeqCst);
    }

    /// Whether nobody else reads from the transport.
    pub(super) fn is_receiver_gone(&self) -> bool {
        self.receiver_gone.load(Ordering::SeqCst)
    }

    /// Wakes the receiver, if it can be woken.
    pub(super) fn wake_receiver(&self) {
        if let Some(wake) = self.recv_wake.get() {
            wake.set(CHANGED);
        }
    }

    /// Whether nothing can be written any more.
    pub(super) fn is_cut(&self) -> bool {
        self.made_in.is_current() && self.gate().is_cut()
    }

    /// Whether something waits for room to be written.
    pub(super) fn is_stuck(&self) -> bool {
        self.made_in.is_current() && self.gate().blocked
    }

    /// When the closing handshake must be over, once it has begun.
    pub(super) fn close_by(&self) -> Option<Instant> {
        self.gate().close_by
    }

    /// Whether an idle connection holds memory for output that it does not need.
    pub(super) fn holds_spare_memory(&self) -> bool {
        let gate = self.gate();
        let is_spare = |out: &Outbound| out.is_empty() && out.capacity() > QUEUE_KEEP;
        let Some(queue) = &gate.queue else { return false };
        is_spare(&queue.out) || gate.beside.as_ref().is_some_and(|beside| is_spare(beside))
    }

    /// Gives that memory back.
    pub(super) fn shrink(&self) {
        let gate = &mut *self.gate();
        if let Some(queue) = &mut gate.queue {
            queue.out.shrink();
            // It is empty while the queue is here.
            gate.beside = None;
        }
    }

    /// Also in another process than the one that made the connection.
    #[inline]
    pub(super) fn is_aborted(&self) -> bool {
        !self.usable.is_usable()
    }

    pub(super) fn set_aborted(&self) {
        self.usable.revoke();
    }

    /// The connection has ended: whoever waits looks again.
    pub(super) fn tell_everybody(&self) {
        self.gate().line.wake_all();
        self.pongs.notify_all();
    }

    pub(super) fn stats(&self) -> Stats {
        self.counters.stats()
    }
}

/// A queue for the frames of one end.
pub(super) fn new_outbound(role: Role) -> Result<Outbound> {
    Ok(match role {
        Role::Client => Outbound::client(Box::new(SystemMasks::new()?)),
        Role::Server => Outbound::server(),
    })
}

impl Gate {
    /// The queue beside the queue.
    pub(super) fn beside(&mut self, role: Role) -> Result<&mut Outbound> {
        Ok(match &mut self.beside {
            Some(beside) => beside,
            none => none.insert(Box::new(new_outbound(role)?)),
        })
    }

    /// Moves what was gathered beside the queue into it.
    #[inline]
    pub(super) fn take_beside(&mut self, queue: &mut Outbound) {
        if let Some(beside) = &mut self.beside
            && !beside.is_empty()
        {
            queue.append(beside);
        }
    }

    /// How many bytes of a queue belong to messages whose senders wait for them.
    #[inline]
    pub(super) fn awaited_in(&self, queue: &Outbound) -> usize {
        if self.line.has_batches() { queue.pending().len() } else { 0 }
    }

    /// Takes memory of the pool for a queue to gather in, if what was gathered before needed much.
    #[inline]
    pub(super) fn take_shared_memory(&mut self, queue: &mut Outbound) {
        if self.memory == QueueMemory::Given && queue.is_empty() {
            drop(queue.exchange(QUEUES.take()));
        }
        self.memory = QueueMemory::Shared;
    }

    /// Whether the queue has memory that [`share_memory_of`](Self::share_memory_of) would give.
    #[inline]
    pub(super) fn shares_memory_of(&self, queue: &Outbound) -> bool {
        self.memory == QueueMemory::Shared && queue.queue_capacity() > QUEUE_KEEP
    }

    /// Gives the memory of an empty queue to the pool, if that has a share in it.
    pub(super) fn share_memory_of(&mut self, queue: &mut Outbound) {
        if queue.is_empty() && self.shares_memory_of(queue) {
            QUEUES.give(queue.exchange(Vec::new()));
            self.memory = QueueMemory::Given;
        }
    }

    /// Nobody waits, and nothing is due.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        let is_alone = self.line.is_empty() && !self.line.has_batches();
        is_alone && !self.session.has_replies() && self.beside.as_ref().is_none_or(|beside| beside.is_empty())
    }

    /// Whether a message, or a part of one, can be queued without waiting for anything.
    #[inline]
    pub(super) fn is_ready(&self, streaming: bool) -> bool {
        let is_free = self.is_free(streaming) && self.queued() < GATHER_MAX;
        is_free && self.line.is_empty() && self.can_write() && !self.session.is_closing()
    }

    /// Whether a frame may be sent, as part of the message that is being streamed or apart from it.
    #[inline]
    pub(super) fn is_free(&self, streaming: bool) -> bool {
        self.queue.is_some() && self.streaming == streaming
    }

    #[inline]
    pub(super) fn queued(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.out.pending().len())
    }

    /// Closed in order, with nothing left to say.
    pub(super) fn is_finished(&self) -> bool {
        matches!(self.end, Some(Ok(()))) && self.queued() == 0
    }

    /// Nothing can be written any more, because of `error` unless there is an earlier reason, which is recorded before
    /// anybody can notice. Gives the record that counts.
    pub(super) fn cut(&mut self, error: Error) -> Result<()> {
        let end = self.end.get_or_insert(Err(error.clone())).clone();
        self.write_error.get_or_insert(end.clone().err().unwrap_or(error));
        end
    }

    /// Nothing can be written any more, which is not the end of the connection.
    pub(super) fn stop_writing(&mut self, error: Error) {
        self.write_error.get_or_insert(error);
    }

    /// Whether nothing can be written any more.
    pub(super) fn is_cut(&self) -> bool {
        self.write_error.is_some()
    }

    /// Whether a message can be queued without waiting for anything.
    #[inline]
    pub(super) fn may_gather(&self) -> bool {
        !self.streaming && self.line.is_empty() && self.can_write() && !self.session.is_closing()
    }

    #[inline]
    fn can_write(&self) -> bool {
        self.end.is_none() && self.write_error.is_none()
    }

    /// Why no message and no Ping can be sent any more.
    pub(super) fn check_open(&self) -> Result<()> {
        self.check_write()?;
        Ok(self.session.check_open()?)
    }

    /// Why nothing can be written any more.
    pub(super) fn check_write(&self) -> Result<()> {
        self.check_end()?;
        self.write_error.clone().map_or(Ok(()), Err)
    }

    fn check_end(&self) -> Result<()> {
        match &self.end {
            None => Ok(()),
            Some(Ok(())) => Err(Error::Closed(Closed::Sent)),
            Some(Err(error)) => Err(error.clone()),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.made_in.is_current() {
            // Gathered messages that nobody flushed: as far as there is room, without waiting.
            self.before_wait();
        }
    }
}
