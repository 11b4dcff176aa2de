//! The state that the threads of one connection share, and its lock.
//!
//! # The gate and the turn
//!
//! The *gate* is the only lock. It is held briefly, never across a call that waits for the network. A thread that wants to
//! write takes the outbound queue out of the gate, which is its *turn* (`turn.rs`), releases the lock, and writes for as
//! long as the peer takes; dropping the turn returns the queue. A frame that is being written is therefore never
//! interrupted by another, and no thread holds a lock while the peer is slow.
//!
//! While one thread has its turn, the others gather small uncompressed messages in a second queue of at most 64 KiB,
//! `beside` the first. The thread with the turn writes that queue too, once and without waiting for room, before it
//! returns the first. What is left is then moved to the first queue, and one of the threads waiting for those bytes takes
//! the next turn. Messages that are large, compressed or streamed wait in line for a turn of their own. Each waiting
//! thread has its own time limit, and is woken only when its bytes are out or its turn has come (`line.rs`,
//! `waiting.rs`).
//!
//! The receiver never waits for a turn to answer a Ping or a Close frame. It records the reply in the session, under the
//! gate, and the thread with the turn sends it before it returns the queue. If no thread has the turn, the receiver takes
//! it before it waits, and writes only what there is room for (`replies.rs`).
//!
//! Transports have locks of their own. They are taken during a turn, or by the receiver, but never under the gate.

use super::id::ConnectionId;
use super::line::Line;
use super::stats::{Counters, Stats};
use super::turn::{GATHER_MAX, Queue};
use crate::config::Config;
use crate::deadline::Deadline;
use crate::entropy::SystemMasks;
use crate::error::{Closed, Error, Result};
use crate::pool::QUEUES;
use crate::process::{Process, UsableIn};
use crate::proto::{Outbound, Role, Session};
use crate::transport::{CHANGED, Transport, Wake};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// The memory of an empty queue is freed when the connection is idle, if it is larger than this.
const QUEUE_KEEP: usize = 8 << 10;

/// The shared part of a connection.
pub(crate) struct Link {
    pub(super) id: ConnectionId,
    pub(super) transport: Box<dyn Transport>,
    gate: Mutex<Gate>,
    /// Notified when a numbered Ping has been answered, and when the connection has ended.
    pub(super) pongs: Condvar,
    pub(super) role: Role,
    /// Compression was negotiated.
    pub(super) may_deflate: bool,
    /// Wakes the receiver. Created once another thread can have a reason to.
    pub(super) recv_wake: OnceLock<Arc<Wake>>,
    /// Wakes a sender that waits for room. Created with the interrupter, or when closing has to wait.
    pub(super) send_wake: OnceLock<Arc<Wake>>,
    /// Revoked when the connection is aborted.
    usable: UsableIn,
    made_in: Process,
    /// The receiver has been dropped.
    receiver_gone: AtomicBool,
    pub(super) counters: Counters,
    pub(super) config: Config,
}

/// What the gate protects.
pub(super) struct Gate {
    pub(super) session: Session,
    /// The outbound queue; `None` while a thread has its turn.
    pub(super) queue: Option<Box<Queue>>,
    /// Small messages sent while another thread had its turn. Empty while `queue` is present; created when first needed.
    pub(super) beside: Option<Box<Outbound>>,
    memory: QueueMemory,
    /// The threads that wait to send.
    pub(super) line: Line,
    /// The transport had no room for the whole queue when it was last returned.
    pub(super) blocked: bool,
    /// The thread that has the queue must write it, or wake the receiver for that: the receiver is waiting, or a sender has
    /// given up waiting for its bytes to leave.
    pub(super) flush_owed: bool,
    /// A message is being streamed. Other messages wait until it ends.
    pub(super) streaming: bool,
    /// When the closing handshake must be over; never before it has begun.
    pub(super) close_by: Deadline,
    /// Why writing failed. What the peer has sent can still be received.
    write_error: Option<Error>,
    /// Why the connection ended; `Ok` after an orderly close.
    pub(super) end: Option<std::result::Result<(), Error>>,
    /// The numbers of the last numbered Ping that was sent and of the last that was answered.
    pub(super) pings_sent: u64,
    pub(super) pings_answered: u64,
}

/// Who owns the memory of the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum QueueMemory {
    /// The connection, until it is idle.
    Own,
    /// The pool, as soon as the queue has been written. Used while the connection's only thread gathers (`held.rs`).
    Shared,
    /// The pool has it. Memory is taken from there for the next messages that are gathered.
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
            close_by: Deadline::NEVER,
            write_error: None,
            end: None,
            pings_sent: 0,
            pings_answered: 0,
        };
        Arc::new(Self {
            id: ConnectionId::next(),
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

    /// Fails in a process forked from the one that made the connection: see [`process`](crate::process). To be called
    /// before the gate is taken, since another thread may have held it at the time of the fork.
    #[inline(always)]
    pub(crate) fn check_process(&self) -> Result<()> {
        self.made_in.check()
    }

    #[inline]
    pub(super) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the threads that wait for their turn or for a Pong look at `send_wake`.
    pub(super) fn wake_senders(&self) {
        if self.check_process().is_ok() {
            self.tell_everybody();
        }
    }

    /// The receiver has been dropped.
    pub(super) fn receiver_left(&self) {
        self.receiver_gone.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst); // See `make_sender_wakeable`.
        if let Some(wake) = self.send_wake.get() {
            wake.set(CHANGED);
            self.wake_senders();
        }
    }

    /// Creates `send_wake` if there is none yet. Without descriptors left, senders that wait are not woken.
    ///
    /// The caller then looks whether the receiver has gone. Either it sees that, or the receiver sees the wake and sets it.
    pub(super) fn make_sender_wakeable(&self) {
        if self.send_wake.get().is_none() {
            if let Ok(wake) = Wake::new() {
                let _ = self.send_wake.set(Arc::new(wake));
            }
        }
        fence(Ordering::SeqCst);
    }

    /// Whether the receiver has been dropped, so that no other thread reads from the transport.
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

    /// Whether output is pending for lack of room.
    pub(super) fn is_stuck(&self) -> bool {
        self.made_in.is_current() && self.gate().blocked
    }

    /// Whether messages can still be sent.
    pub(super) fn is_open(&self) -> bool {
        self.made_in.is_current() && self.gate().is_open()
    }

    /// When the closing handshake must be over; never before it has begun.
    pub(super) fn close_by(&self) -> Deadline {
        self.gate().close_by
    }

    /// Whether the connection holds memory for output that it does not need while idle.
    pub(super) fn holds_spare_memory(&self) -> bool {
        self.gate().holds_spare_memory()
    }

    /// Frees that memory.
    pub(super) fn shrink(&self) {
        let gate = &mut *self.gate();
        if let Some(queue) = &mut gate.queue {
            queue.out.shrink();
            // It is empty while the queue is present.
            gate.beside = None;
        }
    }

    /// Whether the connection was aborted. Also true in a process that did not make it.
    #[inline]
    pub(super) fn is_aborted(&self) -> bool {
        !self.usable.is_usable()
    }

    pub(super) fn set_aborted(&self) {
        self.usable.revoke();
    }

    /// Wakes all waiting senders, to look at the state of the connection.
    pub(super) fn tell_everybody(&self) {
        self.gate().line.wake_all();
        self.pongs.notify_all();
    }

    pub(super) fn stats(&self) -> Stats {
        self.counters.stats()
    }
}

/// A queue for outgoing frames.
pub(super) fn new_outbound(role: Role) -> Result<Outbound> {
    Ok(match role {
        Role::Client => Outbound::client(Box::new(SystemMasks::new()?)),
        Role::Server => Outbound::server(),
    })
}

impl Gate {
    /// See [`Link::holds_spare_memory`].
    #[inline]
    pub(super) fn holds_spare_memory(&self) -> bool {
        let is_spare = |out: &Outbound| out.capacity() > QUEUE_KEEP && out.is_empty();
        let Some(queue) = &self.queue else { return false };
        is_spare(&queue.out) || self.beside.as_ref().is_some_and(|beside| is_spare(beside))
    }

    /// The queue in which messages are gathered during another thread's turn.
    pub(super) fn beside(&mut self, role: Role) -> Result<&mut Outbound> {
        Ok(match &mut self.beside {
            Some(beside) => beside,
            none => none.insert(Box::new(new_outbound(role)?)),
        })
    }

    /// Moves what was gathered beside a queue into it.
    #[inline]
    pub(super) fn take_beside(&mut self, queue: &mut Outbound) {
        if let Some(beside) = self.beside.as_mut().filter(|beside| !beside.is_empty()) {
            queue.append(beside);
        }
    }

    /// How many bytes of a queue belong to messages whose senders are waiting for them to leave.
    #[inline]
    pub(super) fn awaited_in(&self, queue: &Outbound) -> usize {
        if self.line.has_batches() { queue.pending().len() } else { 0 }
    }

    /// Takes memory from the pool for a queue, if what was gathered in it before needed much.
    #[inline]
    pub(super) fn take_shared_memory(&mut self, queue: &mut Outbound) {
        if self.memory == QueueMemory::Given && queue.is_empty() {
            drop(queue.exchange(QUEUES.take()));
        }
        self.memory = QueueMemory::Shared;
    }

    /// Whether the queue has memory that belongs to the pool.
    #[inline]
    pub(super) fn shares_memory_of(&self, queue: &Outbound) -> bool {
        self.memory == QueueMemory::Shared && queue.queue_capacity() > QUEUE_KEEP
    }

    /// Gives the memory of an empty queue to the pool, if it belongs there.
    pub(super) fn share_memory_of(&mut self, queue: &mut Outbound) {
        if queue.is_empty() && self.shares_memory_of(queue) {
            QUEUES.give(queue.exchange(Vec::new()));
            self.memory = QueueMemory::Given;
        }
    }

    /// Whether no thread is waiting and no reply is due.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        let is_alone = self.line.is_empty() && !self.line.has_batches();
        is_alone && !self.session.has_replies() && self.beside.as_ref().is_none_or(|beside| beside.is_empty())
    }

    /// Whether a message, or a part of one, can be sent without waiting for a turn.
    #[inline]
    pub(super) fn is_ready(&self, streaming: bool) -> bool {
        self.is_free(streaming) && self.queued() < GATHER_MAX && self.line.is_empty() && self.is_open()
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

    /// Whether the connection was closed cleanly and nothing is pending.
    pub(super) fn is_finished(&self) -> bool {
        matches!(self.end, Some(Ok(()))) && self.queued() == 0
    }

    /// Records that nothing can be written any more, and that the connection has ended, because of `error` unless another
    /// reason was recorded before. Returns the reason that counts.
    pub(super) fn cut(&mut self, error: Error) -> Result<()> {
        let end = self.end.get_or_insert(Err(error.clone())).clone();
        self.write_error.get_or_insert(end.clone().err().unwrap_or(error));
        end
    }

    /// Records that nothing can be written any more, without ending the connection.
    pub(super) fn stop_writing(&mut self, error: Error) {
        self.write_error.get_or_insert(error);
    }

    /// Whether nothing can be written any more.
    pub(super) fn is_cut(&self) -> bool {
        self.write_error.is_some()
    }

    /// Whether messages and Pings can still be sent.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.end.is_none() && self.write_error.is_none() && !self.session.is_closing()
    }

    /// Fails if messages and Pings can no longer be sent.
    pub(super) fn check_open(&mut self) -> Result<()> {
        self.check_write()?;
        Ok(self.session.check_open()?)
    }

    /// Fails if nothing can be written any more.
    ///
    /// An error that has been returned is the reason for the end of the connection from then on.
    pub(super) fn check_write(&mut self) -> Result<()> {
        if let Some(error) = &self.write_error {
            self.end.get_or_insert_with(|| Err(error.clone()));
        }
        self.check_end()
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
            // Writes gathered messages that were not flushed, as far as there is room, without waiting.
            self.before_wait();
        }
    }
}
