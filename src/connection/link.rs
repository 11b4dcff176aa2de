//! What the receiver and the senders of one connection share, and how bytes leave.
//!
//! # Locks
//!
//! `gate` is the one lock. It is held for moments: nothing waits for the network under it. Whoever wants to
//! write takes the outbound queue out of the gate (`out` becomes `None`: it is that thread's *turn*), lets go of
//! the lock, writes as long as it takes, and brings the queue home. So a frame that is being written is never
//! interrupted by another one, and nobody holds a lock while the peer is slow.
//!
//! Meanwhile others gather their small plain messages in a second queue, `beside` the first one, of 64 KiB at most.
//! Whoever has the turn writes that too, once and without waiting for room, before it brings the queue home. What is
//! still beside the queue then goes into it, and whoever waits for those bytes takes the next turn. Messages that are
//! large, compressed or streamed wait in line for a turn of their own. Each waiting thread has its own time limit, and
//! is woken when its bytes are out or it is its turn, not before (`line.rs`).
//!
//! The receiver never waits for a turn to answer a Ping or a Close: it leaves the reply in the session, under
//! the gate, and whoever has the turn sends it before bringing the queue home; if nobody has, the receiver queues
//! it, takes the turn before it waits, and writes only what there is room for.
//!
//! Transports have locks of their own, which are taken inside a turn or by the receiver, never under the gate.

use super::closing::Progress;
use super::line::{Line, Seat, Waiter, Wants};
pub(super) use super::patience::{Patience, earliest};
use super::stats::{Counters, Stats};
use crate::compression::Compress;
use crate::config::Config;
use crate::entropy::SystemMasks;
use crate::error::{Closed, Error, Interrupted, Phase, Result, Timeout};
use crate::message::Kind;
use crate::pool::QUEUES;
use crate::process::{Process, UsableIn};
use crate::proto::deflate::End;
use crate::proto::{Content, Opcode, OpenFrame, Outbound, Role, Session};
use crate::transport::{CHANGED, INTERRUPT, Interest, Ready, Transport, Wake};
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// Frames smaller than this are copied and gathered: copying them costs far less than a system call.
const COPY_BELOW: usize = 32 << 10;
/// So much gathered output is written without being asked.
const GATHER_MAX: usize = 64 << 10;
/// Larger payloads are masked and written in pieces of this size, so that masking takes little memory and the peer starts
/// reading early. What is not masked is written at once. Each write ends a segment, and each segment costs an
/// acknowledgement and may wake the peer: with pieces of 64 KiB, a megabyte takes 32 segments on loopback, with these 20,
/// and 17 if it is written at once.
const PIECE: usize = 256 << 10;
/// An empty queue with more memory than this is given back when the connection is idle.
const QUEUE_KEEP: usize = 8 << 10;

/// The shared part of a connection.
pub(crate) struct Link {
    pub(super) transport: Box<dyn Transport>,
    gate: Mutex<Gate>,
    /// A numbered Ping was answered, or the connection ended.
    pongs: Condvar,
    role: Role,
    /// Compression was agreed on.
    may_deflate: bool,
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
    out: Option<Box<Outbound>>,
    /// Small messages that were sent while a thread had its turn; empty while `out` is at home. Made when it is needed.
    beside: Option<Box<Outbound>>,
    /// Who waits.
    line: Line,
    /// The transport had no room for all of the queue when it last came home.
    stuck: bool,
    /// The receiver waits, and has left it to whoever has the queue to write it.
    left_behind: bool,
    /// The connection's only thread gathers with the queue in its hands (`held.rs`).
    in_hand: bool,
    /// The last thing that was written needed a large queue.
    wants_much: bool,
    /// A message is being sent in fragments: other messages wait until it ends.
    streaming: bool,
    /// The closing handshake must be over by then.
    pub(super) close_by: Option<Instant>,
    /// Writing has failed; the peer may still have something to say.
    write_error: Option<Error>,
    /// The connection is over, for this reason; `Ok` if it was closed in order.
    pub(super) end: Option<std::result::Result<(), Error>>,
    /// Number of the last Ping sent by `ping_wait`, and of the last one answered.
    pings_sent: u64,
    pub(super) pings_answered: u64,
}

/// What a receiver has to know before it waits.
pub(super) struct Outlook {
    /// Something waits for room to be written.
    pub(super) unsent: bool,
    /// The closing handshake must be over by then.
    pub(super) close_by: Option<Instant>,
    /// Nothing can be written any more: what has arrived is all that is to come.
    pub(super) is_cut: bool,
}

/// What a frame is, in the terms of the caller.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A whole message.
    Whole,
    /// A part of a streamed message; `fin` is the last one.
    Of { fin: bool },
}

impl Link {
    #[inline(never)] // See `WebSocket::new`.
    pub(super) fn new(transport: Box<dyn Transport>, outbound: Outbound, config: Config) -> Arc<Self> {
        let (role, may_deflate) = (outbound.role(), outbound.can_deflate());
        let gate = Gate {
            session: Session::new(),
            out: Some(Box::new(outbound)),
            beside: None,
            line: Line::default(),
            stuck: false,
            left_behind: false,
            in_hand: false,
            wants_much: false,
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
    pub(super) fn nudge(&self) {
        if self.check_process().is_err() {
            return;
        }
        self.gate().line.wake_all();
        self.pongs.notify_all();
    }

    // ----- Sending -----

    /// Queues a small message that is not to be compressed, for whoever has the queue: the usual course of a `feed`.
    /// `false` if it is not so simple, and [`send`](Self::send) has to see to it.
    #[inline]
    pub(super) fn gather(&self, out: &mut Outbound, kind: Kind, payload: &[u8], compress: Compress) -> bool {
        let is_large = payload.len() >= COPY_BELOW || out.pending().len() + payload.len() >= GATHER_MAX;
        if is_large || out.compresses(compress, true, Some(payload.len())) {
            return false;
        }
        out.frame(Opcode::from(kind), true, payload);
        self.counters.sent(payload.len(), true);
        true
    }

    /// [`gather`](Self::gather) into the queue at home, if nothing is to be waited for.
    #[inline]
    pub(super) fn gather_at_home(&self, kind: Kind, payload: &[u8], compress: Compress) -> bool {
        if !self.made_in.is_current() {
            return false;
        }
        let gate = &mut *self.gate();
        if !gate.may_gather() {
            return false;
        }
        gate.out.as_mut().is_some_and(|out| self.gather(out, kind, payload, compress))
    }

    /// Takes the turn to gather, if nothing is to be waited for.
    #[cold]
    pub(super) fn take_queue(&self) -> Option<Box<Outbound>> {
        let gate = &mut *self.gate();
        if !gate.may_gather() {
            return None;
        }
        let mut out = gate.take_out()?;
        gate.in_hand = true;
        if gate.wants_much && out.is_empty() {
            gate.wants_much = false;
            drop(out.exchange(QUEUES.take()));
        }
        Some(out)
    }

    /// Ends a turn in which messages were gathered. Replies that became due meanwhile leave with the next write.
    #[cold]
    pub(super) fn bring_home(&self, out: Box<Outbound>) {
        if self.check_process().is_err() {
            return;
        }
        let mut gate = self.gate();
        gate.put_back(out);
        self.pass_on(gate);
    }

    /// Sends a message, or a part of one, in one frame unless it is compressed. With `flush`, its bytes have been
    /// handed to the transport when this returns.
    #[inline]
    pub(super) fn send(
        &self,
        opcode: Opcode,
        part: Part,
        payload: &[IoSlice<'_>],
        compress: Compress,
        flush: bool,
        patience: &mut Patience,
    ) -> Result<()> {
        self.check_process()?;
        let len: usize = payload.iter().map(|part| part.len()).sum();
        let is_small = part == Part::Whole && len < COPY_BELOW;
        let mut gate = self.gate();
        if !gate.is_ready(part != Part::Whole) {
            let found = if is_small && (!self.may_deflate || compress == Compress::Never) {
                self.send_beside(gate, opcode, payload, flush, patience)?
            } else {
                Some(self.wait_for_turn(gate, part != Part::Whole, patience)?)
            };
            // Without the queue, it has been sent.
            let Some(turn) = found else { return Ok(()) };
            gate = turn;
        }
        if gate.queued() >= GATHER_MAX {
            gate = self.drain(gate, patience).and_then(|()| self.turn(part != Part::Whole, patience))?;
        }
        let fin = part != Part::Of { fin: false };
        let Some(out) = &gate.out else { return Ok(()) };
        let first = !out.is_fragmenting();
        let compresses = self.may_deflate && out.compresses(compress, first, fin.then_some(len));
        if len == 0 && !fin && !out.is_deflating() {
            if flush {
                return self.drain(gate, patience).map_err(Error::accepted);
            }
            self.pass_on(gate);
            return Ok(());
        }
        self.counters.sent(len, fin);
        if compresses {
            return self.send_deflated(gate, opcode, fin, payload, flush, patience);
        }
        if len >= COPY_BELOW {
            return self.send_large(gate, opcode, fin, payload, patience);
        }
        let Some(out) = &mut gate.out else { return Ok(()) };
        let mut frame = out.begin(opcode, fin, Content::Plain, len as u64);
        for part in payload {
            out.add(&mut frame, part);
        }
        if flush || out.pending().len() >= GATHER_MAX {
            return self.drain(gate, patience).map_err(Error::accepted);
        }
        self.pass_on(gate);
        Ok(())
    }

    /// [`send`](Self::send) for a frame that is not to be copied into the queue as a whole.
    #[inline(never)] // `send` has to keep less at hand without it.
    fn send_large(
        &self,
        mut gate: MutexGuard<'_, Gate>,
        opcode: Opcode,
        fin: bool,
        payload: &[IoSlice<'_>],
        patience: &mut Patience,
    ) -> Result<()> {
        let Some(mut out) = gate.take_out() else { return Ok(()) };
        // Nobody whose message is in front of this one waits until all of this one is out.
        let others = if gate.line.has_batches() { out.pending().len() } else { 0 };
        drop(gate);
        let len: usize = payload.iter().map(|part| part.len()).sum();
        let frame = out.begin(opcode, fin, Content::Plain, len as u64);
        let result = self.write_large(&mut out, frame, payload, others, patience).map_err(Error::accepted);
        self.end_turn(out, result)
    }

    /// [`send`](Self::send) for a small plain message that finds another thread having its turn: gathers it beside the
    /// queue, and waits until it has been handed to the transport, unless it is not to be flushed. Gives the gate if the
    /// queue is at home after all.
    #[cold]
    fn send_beside<'a>(
        &'a self,
        gate: MutexGuard<'a, Gate>,
        opcode: Opcode,
        payload: &[IoSlice<'_>],
        flush: bool,
        patience: &mut Patience,
    ) -> Result<Option<MutexGuard<'a, Gate>>> {
        let len: usize = payload.iter().map(|part| part.len()).sum();
        let mut gate = self.wait_in_line(gate, Wants::Room { len }, patience)?;
        if let Err(error) = gate.session.check_open() {
            self.pass_on(gate);
            return Err(error.into());
        }
        if gate.out.is_some() {
            return Ok(Some(gate));
        }
        if gate.beside.is_none() {
            match new_outbound(self.role) {
                Ok(beside) => gate.beside = Some(Box::new(beside)),
                Err(error) => {
                    self.pass_on(gate);
                    return Err(error);
                }
            }
        }
        let Some(beside) = &mut gate.beside else { return Ok(None) };
        let mut frame = beside.begin(opcode, true, Content::Plain, len as u64);
        payload.iter().for_each(|part| beside.add(&mut frame, part));
        self.counters.sent(len, true);
        if flush {
            self.wait_until_out(gate, patience).map_err(Error::accepted)?;
        } else {
            self.pass_on(gate);
        }
        Ok(None)
    }

    /// [`send`](Self::send) for what is to be compressed: in a turn, because that takes longer than the gate may be
    /// held. Each frame that is full is written before the next one is made. If time runs out, the rest goes into
    /// the queue, and not as small as it could be, for that would take more time.
    #[inline(never)]
    fn send_deflated(
        &self,
        mut gate: MutexGuard<'_, Gate>,
        opcode: Opcode,
        fin: bool,
        payload: &[IoSlice<'_>],
        flush: bool,
        patience: &mut Patience,
    ) -> Result<()> {
        let Some(mut out) = gate.take_out() else { return Ok(()) };
        drop(gate);
        let end = match (fin, flush) {
            (true, _) => End::Message,
            (false, true) => End::Flush,
            (false, false) => End::Part,
        };
        let (last, others) = payload.split_last().map_or((&[][..], &[][..]), |(last, others)| (&**last, others));
        let parts = others.iter().map(|part| (&**part, End::Part)).chain([(last, end)]);
        let mut result = Ok(());
        'parts: for (mut part, end) in parts {
            while let Some((payload, fin)) = out.deflate(&mut part, end) {
                result = self.put_deflated(&mut out, opcode, fin, &payload, result, patience);
                out.reuse_deflated(payload);
                if result.is_err() {
                    out.hurry();
                }
                if fin || result.as_ref().is_err_and(|error| error.is_fatal() || self.is_aborted()) {
                    break 'parts;
                }
            }
        }
        if result.is_ok() && !flush && out.pending().len() < GATHER_MAX {
            return self.set_down(out, patience);
        }
        let result = result.and_then(|()| self.write_queue(&mut out, patience));
        self.end_turn(out, result.map_err(Error::accepted))
    }

    /// Queues a compressed frame that is due, and writes it if it is large. After an error it is queued only.
    fn put_deflated(
        &self,
        out: &mut Outbound,
        opcode: Opcode,
        fin: bool,
        payload: &[u8],
        result: Result<()>,
        patience: &mut Patience,
    ) -> Result<()> {
        // Control frames go between fragments, but nothing goes behind a Close frame.
        if result.is_ok() && out.is_fragmenting() {
            let session = &mut self.gate().session;
            if !session.is_closing() {
                session.write_replies(out);
            }
        }
        let mut frame = out.begin(opcode, fin, Content::Deflated, payload.len() as u64);
        if result.is_err() || payload.len() < COPY_BELOW {
            out.add(&mut frame, payload);
            return result;
        }
        self.write_large(out, frame, &[IoSlice::new(payload)], 0, patience)
    }

    /// Brings the queue home with gathered messages in it, unless the receiver counts on its being written: there
    /// may be replies in it, or due.
    fn set_down(&self, out: Box<Outbound>, patience: &mut Patience) -> Result<()> {
        let mut gate = self.gate();
        gate.put_back(out);
        if (gate.left_behind || gate.session.has_replies()) && !gate.stuck {
            return self.drain(gate, patience).map_err(Error::accepted);
        }
        self.pass_on(gate);
        Ok(())
    }

    /// Writes everything that is queued, and the replies that are due.
    pub(super) fn flush(&self, patience: &mut Patience) -> Result<()> {
        self.check_process()?;
        let gate = self.gate();
        let result = match gate.check_write() {
            Ok(()) if gate.out.is_some() => return self.drain(gate, patience),
            Ok(()) => self.wait_until_out(gate, patience),
            Err(error) => {
                // It is taken again below.
                drop(gate);
                Err(error)
            }
        };
        match result {
            Err(Error::Closed(Closed::Sent)) if self.gate().is_finished() => Ok(()),
            result => result,
        }
    }

    /// Begins a streamed message: other messages wait until [`Part::Of`] `fin` is sent or
    /// [`stream_ended`](Self::stream_ended) is called.
    pub(super) fn stream_begin(&self, patience: &mut Patience) -> Result<()> {
        self.check_process()?;
        let mut gate = self.turn(false, patience)?;
        gate.streaming = true;
        self.pass_on(gate);
        Ok(())
    }

    /// The streamed message is over.
    pub(super) fn stream_ended(&self) {
        if self.check_process().is_err() {
            return;
        }
        let mut gate = self.gate();
        gate.streaming = false;
        self.pass_on(gate);
    }

    /// Sends a Ping with a number that `pings_answered` will show, before any message that waits for its turn.
    pub(super) fn numbered_ping(&self, patience: &mut Patience) -> Result<u64> {
        self.check_process()?;
        let mut gate = self.gate();
        gate.check_write()?;
        let number = gate.pings_sent + 1;
        gate.queue_replies();
        gate.session.ping(&number.to_be_bytes())?;
        gate.pings_sent = number;
        // While something is stuck it stays in the session, so that a peer that does not read makes nothing grow. A later
        // one takes its place there, and its Pong answers both.
        if gate.out.is_some() && !gate.stuck {
            match self.drain(gate, patience) {
                // It is in the queue, and its Pong can still be waited for.
                Err(Error::Timeout(_)) => {}
                result => result.map_err(Error::accepted)?,
            }
        }
        Ok(number)
    }

    /// Sends a Ping.
    pub(super) fn ping(&self, payload: &[u8], patience: &mut Patience) -> Result<()> {
        self.check_process()?;
        let mut gate = self.wait_in_line(self.gate(), Wants::Queue, patience)?;
        if gate.queued() >= GATHER_MAX {
            gate =
                self.drain(gate, patience).and_then(|()| self.wait_in_line(self.gate(), Wants::Queue, patience))?;
        }
        gate.queue_replies();
        if let Err(error) = gate.session.ping(payload) {
            self.pass_on(gate);
            return Err(error.into());
        }
        self.drain(gate, patience).map_err(Error::accepted)
    }

    /// Waits until a numbered Ping is answered, by the thread that receives.
    pub(super) fn wait_for_pong(&self, number: u64, deadline: Instant) -> Result<()> {
        self.check_process()?;
        let mut patience = Patience::new(Some(deadline), None);
        let mut gate = self.gate();
        loop {
            gate.check_write()?;
            if gate.pings_answered >= number {
                return Ok(());
            }
            let until = self.check_interrupt(&patience).and_then(|()| patience.wait_until());
            gate = wait_on(&self.pongs, gate, until.map_err(ping_timeout)?);
        }
    }

    /// A Pong has arrived.
    pub(super) fn pong_received(&self, payload: &[u8]) {
        if let Ok(number) = payload.try_into().map(u64::from_be_bytes) {
            let mut gate = self.gate();
            if number <= gate.pings_sent {
                gate.pings_answered = gate.pings_answered.max(number);
                self.pongs.notify_all();
            }
        }
    }

    /// Waits until messages may be sent: the queue is home and no other message is being streamed.
    fn turn(&self, streaming: bool, patience: &mut Patience) -> Result<MutexGuard<'_, Gate>> {
        let gate = self.gate();
        if gate.is_ready(streaming) { Ok(gate) } else { self.wait_for_turn(gate, streaming, patience) }
    }

    #[cold]
    fn wait_for_turn<'a>(
        &'a self,
        gate: MutexGuard<'a, Gate>,
        streaming: bool,
        patience: &mut Patience,
    ) -> Result<MutexGuard<'a, Gate>> {
        let gate = self.wait_in_line(gate, Wants::Turn { streaming }, patience)?;
        match gate.session.check_open() {
            Ok(()) => Ok(gate),
            Err(error) => {
                self.pass_on(gate);
                Err(error.into())
            }
        }
    }

    /// Waits until a thread may have what it wants. It takes the queue then, or [passes on](Self::pass_on) to the next.
    fn wait_in_line<'a>(
        &'a self,
        mut gate: MutexGuard<'a, Gate>,
        wants: Wants,
        patience: &mut Patience,
    ) -> Result<MutexGuard<'a, Gate>> {
        let mut place: Option<(u64, Seat)> = None;
        let result = loop {
            if let Err(error) = gate.check_write() {
                break Err(error);
            }
            if gate.may_have(wants, place.as_ref().map(|(ticket, _)| *ticket)) {
                break Ok(());
            }
            let until = match self.check_interrupt(patience).and_then(|()| patience.wait_until()) {
                Ok(until) => until,
                Err(error) => break Err(error),
            };
            let (_, seat) = place.get_or_insert_with(|| gate.line.join(wants));
            gate = wait_on(seat, gate, until);
        };
        if let Some((ticket, _)) = place {
            gate.line.leave(ticket);
        }
        match result {
            Ok(()) => Ok(gate),
            Err(error) => {
                self.pass_on(gate);
                Err(error)
            }
        }
    }

    /// Waits until all that has been queued so far is out. If the queue comes home first, writes it.
    fn wait_until_out<'a>(&'a self, mut gate: MutexGuard<'a, Gate>, patience: &mut Patience) -> Result<()> {
        let (number, seat) = gate.line.join_batch();
        // There may be room for one more.
        let mut next = gate.next();
        let result = loop {
            if gate.line.is_out(number) {
                return Ok(());
            }
            if let Err(error) = gate.check_write() {
                break Err(error);
            }
            if gate.out.is_some() && gate.may_go(None) {
                break Ok(());
            }
            let until = match self.check_interrupt(patience).and_then(|()| patience.wait_until()) {
                Ok(until) => until,
                Err(error) => break Err(error),
            };
            if let Some(next) = next.take() {
                next.notify_one();
            }
            gate = wait_on(&seat, gate, until);
        };
        gate.line.leave_batch(number);
        match result {
            Ok(()) => self.drain(gate, patience),
            Err(error) => {
                self.pass_on(gate);
                Err(error)
            }
        }
    }

    /// Lets go of the gate, and wakes who comes next. If that is nobody, the receiver sees to what is left while it
    /// waits.
    #[inline]
    fn pass_on(&self, gate: MutexGuard<'_, Gate>) {
        self.wake_next(gate, true);
    }

    #[inline]
    fn wake_next(&self, mut gate: MutexGuard<'_, Gate>, or_receiver: bool) {
        let next = gate.next();
        let alone = next.is_none() && gate.out.is_some() && (gate.stuck || gate.left_behind);
        gate.left_behind &= !alone;
        drop(gate);
        if let Some(seat) = next {
            seat.notify_one();
        }
        if alone && or_receiver {
            self.wake_receiver();
        }
    }

    fn check_interrupt(&self, patience: &Patience) -> Result<()> {
        match self.send_wake.get() {
            Some(wake) if patience.interruptible && wake.is_set() && wake.take() & INTERRUPT != 0 => {
                Err(Interrupted::during(Phase::Send))
            }
            _ => Ok(()),
        }
    }

    /// Takes the turn, writes all that is queued, and brings the queue home.
    fn drain(&self, mut gate: MutexGuard<'_, Gate>, patience: &mut Patience) -> Result<()> {
        let Some(mut out) = gate.take_out() else { return Ok(()) };
        if gate.session.has_replies() {
            gate.session.write_replies(&mut out);
        }
        drop(gate);
        let result = self.write_queue(&mut out, patience);
        self.end_turn(out, result)
    }

    fn write_queue(&self, out: &mut Outbound, patience: &mut Patience) -> Result<()> {
        while !out.is_empty() {
            let count = self.write(&[IoSlice::new(out.pending())], patience)?;
            out.consume(count);
        }
        self.flush_transport(patience)
    }

    /// Writes a frame whose header is queued, behind `others` bytes of messages that somebody waits for. If time runs
    /// out, the rest of it is queued.
    fn write_large(
        &self,
        out: &mut Outbound,
        mut frame: OpenFrame,
        payload: &[IoSlice<'_>],
        mut others: usize,
        patience: &mut Patience,
    ) -> Result<()> {
        let piece = if frame.is_masked() { PIECE } else { usize::MAX };
        let mut pieces = payload.iter().flat_map(|part| part.chunks(piece));
        while let Some(piece) = pieces.next() {
            let mut direct = piece;
            if frame.is_masked() {
                out.add(&mut frame, piece);
                direct = &[];
            }
            while !out.is_empty() || !direct.is_empty() {
                let queued = out.pending();
                let bufs = [IoSlice::new(queued), IoSlice::new(direct)];
                let bufs = match (queued, direct) {
                    ([], _) => &bufs[1..],
                    (_, []) => &bufs[..1],
                    _ => &bufs[..],
                };
                match self.write(bufs, patience) {
                    Ok(count) => {
                        let from_queue = count.min(queued.len());
                        out.consume(from_queue);
                        direct = &direct[count - from_queue..];
                        if others > 0 {
                            others = others.saturating_sub(count);
                            self.others_out(others);
                        }
                    }
                    Err(error) => {
                        out.add(&mut frame, direct);
                        pieces.for_each(|piece| out.add(&mut frame, piece));
                        return Err(error);
                    }
                }
            }
        }
        self.flush_transport(patience)
    }

    /// In the middle of a turn: `left` bytes of the messages that somebody waits for are not out.
    #[cold]
    fn others_out(&self, left: usize) {
        if left == 0 && self.transport.flush().is_ok() {
            let woken = self.gate().line.written();
            woken.iter().for_each(|seat| seat.notify_all());
        }
    }

    fn write(&self, bufs: &[IoSlice<'_>], patience: &mut Patience) -> Result<usize> {
        loop {
            match self.transport.write(bufs) {
                Ok(count) => {
                    patience.progress();
                    self.counters.wire_sent(count);
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_writable(patience)?,
                Err(error) => return Err(Error::io("sending", error)),
            }
        }
    }

    fn flush_transport(&self, patience: &mut Patience) -> Result<()> {
        loop {
            match self.transport.flush() {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_writable(patience)?,
                Err(error) => return Err(Error::io("sending", error)),
            }
        }
    }

    fn wait_writable(&self, patience: &mut Patience) -> Result<()> {
        self.check_interrupt(patience)?;
        if self.is_aborted() {
            return Err(Error::Closed(Closed::Aborted));
        }
        let until = patience.wait_until()?;
        let wake = self.send_wake.get().map(|wake| &**wake).filter(|_| patience.interruptible);
        let ready = self.transport.wait(Interest::WRITE, until.into(), wake);
        if ready.map_err(|error| Error::io("waiting to send", error))? == Ready::default() {
            patience.waited_in_vain();
        }
        Ok(())
    }

    /// Ends a sender's turn.
    fn end_turn(&self, out: Box<Outbound>, result: Result<()>) -> Result<()> {
        // After running out of time the transport may hold what the queue does not show any more.
        let all_out = result.is_ok();
        if all_out && out.is_empty() {
            let gate = &mut *self.gate();
            let is_large = gate.in_hand && out.queue_capacity() > QUEUE_KEEP;
            if !is_large && gate.is_quiet() {
                // The usual course of `come_home`: nothing else is to be done.
                gate.line.nobody_waits();
                (gate.stuck, gate.left_behind) = (false, false);
                gate.out = Some(out);
                return result;
            }
        }
        self.come_home(out, result, all_out, false)
    }

    /// Brings the queue home. What was gathered beside it, and replies that became due, are sent first, if there is room
    /// for them: once, so that nobody writes for others without end.
    ///
    /// `all_out`: the transport holds nothing back.
    #[inline(never)]
    fn come_home(
        &self,
        mut out: Box<Outbound>,
        result: Result<()>,
        mut all_out: bool,
        by_receiver: bool,
    ) -> Result<()> {
        let mut failure = result.as_ref().err().filter(|error| error.is_fatal()).cloned();
        let mut result = result;
        let mut more = true;
        let mut has_failed = false;
        loop {
            let mut gate = self.gate();
            if let Some(error) = failure.take() {
                // What led to the failure is more to the point than the failure.
                let error = gate.cut(error.clone()).err().unwrap_or(error);
                if result.as_ref().is_err_and(Error::is_fatal) {
                    result = Err(error);
                }
                gate.line.wake_all();
                self.pongs.notify_all();
                has_failed = true;
            }
            let writable = gate.write_error.is_none();
            let dry = out.is_empty() && all_out;
            let woken = if dry && writable { gate.line.written() } else { Vec::new() };
            gate.take_beside(&mut out);
            if dry && writable && gate.session.has_replies() {
                gate.session.write_replies(&mut out);
            }
            // The receiver may count on this thread, and nobody else be there to see to the rest.
            let counts_on_this = gate.left_behind && self.recv_wake.get().is_none();
            if dry && writable && !out.is_empty() && (more || (counts_on_this && gate.next().is_none())) {
                more = false;
                gate.line.taken();
                // There is room beside the queue again.
                self.pass_on(gate);
                woken.iter().for_each(|seat| seat.notify_all());
                match self.write_available(&mut out) {
                    Ok(done) => all_out = done,
                    Err(error) => {
                        all_out = false;
                        failure = Some(error);
                    }
                }
                continue;
            }
            gate.stuck = writable && !dry;
            if gate.in_hand && out.is_empty() && out.queue_capacity() > QUEUE_KEEP {
                QUEUES.give(out.exchange(Vec::new()));
                gate.wants_much = true;
            }
            gate.left_behind &= !out.is_empty();
            gate.out = Some(out);
            // What came from beside the queue, if those who sent it did not wait: nobody else knows of it.
            gate.stuck |= writable && gate.queued() > 0 && gate.next().is_none();
            self.wake_next(gate, !by_receiver);
            if has_failed && !by_receiver {
                // It learns that nothing more is to come.
                self.wake_receiver();
            }
            woken.iter().for_each(|seat| seat.notify_all());
            return result;
        }
    }

    /// Writes what there is room for: whether that was everything.
    fn write_available(&self, out: &mut Outbound) -> Result<bool> {
        while !out.is_empty() {
            match self.transport.write(&[IoSlice::new(out.pending())]) {
                Ok(count) => {
                    self.counters.wire_sent(count);
                    out.consume(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(Error::io("sending", error)),
            }
        }
        match self.transport.flush() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(Error::io("sending", error)),
        }
    }

    // ----- For the receiver -----

    /// Sends what is queued and due as far as there is room, before the receiver waits.
    pub(super) fn before_wait(&self) -> Outlook {
        let mut gate = self.gate();
        let mut outlook = Outlook { unsent: false, close_by: gate.close_by, is_cut: gate.is_cut() };
        if gate.out.is_none() {
            // Another thread has its turn: it sees to the rest.
            gate.left_behind = true;
            return outlook;
        }
        if outlook.is_cut || (gate.queued() == 0 && !gate.stuck && !gate.session.has_replies()) {
            return outlook;
        }
        let Some(mut out) = gate.take_out() else { return outlook };
        if !gate.stuck {
            gate.session.write_replies(&mut out);
        }
        drop(gate);
        let (result, all_out) = match self.write_available(&mut out) {
            Ok(all_out) => (Ok(()), all_out),
            Err(error) => (Err(error), false),
        };
        // An error stays with the gate; the peer may still have something to say.
        let _ = self.come_home(out, result, all_out, true);
        let gate = self.gate();
        outlook.unsent = gate.stuck;
        outlook.is_cut = gate.is_cut();
        outlook
    }

    /// The same for a connection that ends: messages first, and then what is due.
    pub(super) fn push(&self) -> Progress {
        let mut gate = self.gate();
        if gate.is_cut() {
            return Progress::Failed;
        }
        let mut owes_messages = gate.stuck;
        let Some(mut out) = gate.take_out() else { return Progress::Behind };
        owes_messages |= !out.is_empty();
        if !owes_messages {
            gate.session.write_replies(&mut out);
        }
        drop(gate);
        let mut result = self.write_available(&mut out);
        if owes_messages && matches!(result, Ok(true)) {
            owes_messages = false;
            self.gate().session.write_replies(&mut out);
            result = self.write_available(&mut out);
        }
        let is_answer = || self.gate().session.close_received_frame().is_some();
        match result {
            Ok(all_out) => {
                let _ = self.come_home(out, Ok(()), all_out, true);
                let gate = self.gate();
                if gate.is_cut() {
                    Progress::Failed
                } else if gate.stuck || gate.queued() > 0 || gate.out.is_none() || gate.session.has_replies() {
                    Progress::Blocked
                } else {
                    Progress::Done
                }
            }
            // A peer that has said all it had to say need not wait for the answer.
            Err(error) if !owes_messages && is_answer() => {
                self.gate().write_error.get_or_insert(error);
                let _ = self.come_home(out, Ok(()), false, true);
                Progress::Failed
            }
            Err(error) => {
                let _ = self.come_home(out, Err(error), false, true);
                Progress::Failed
            }
        }
    }

    /// A Ping has come. Each one is answered while the peer reads; once it does not, only the last one is.
    pub(super) fn ping_received(&self, payload: &[u8]) {
        let gate = &mut *self.gate();
        gate.session.ping_received(payload);
        gate.queue_replies();
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
        self.made_in.is_current() && self.gate().stuck
    }

    /// When the closing handshake must be over, once it has begun.
    pub(super) fn close_by(&self) -> Option<Instant> {
        self.gate().close_by
    }

    /// Whether an idle connection holds memory for output that it does not need.
    pub(super) fn holds_spare_memory(&self) -> bool {
        let gate = self.gate();
        let spare = |out: &Option<Box<Outbound>>| {
            out.as_ref().is_some_and(|out| out.is_empty() && out.capacity() > QUEUE_KEEP)
        };
        spare(&gate.out) || (gate.out.is_some() && spare(&gate.beside))
    }

    /// Gives that memory back.
    pub(super) fn shrink(&self) {
        let gate = &mut *self.gate();
        if let Some(out) = &mut gate.out {
            out.shrink();
            // It is empty while the queue is at home.
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

    // ----- For everybody -----

    pub(super) fn stats(&self) -> Stats {
        self.counters.stats()
    }
}

/// Sleeps on a seat, without the gate.
fn wait_on<'a>(seat: &Condvar, gate: MutexGuard<'a, Gate>, until: Option<Instant>) -> MutexGuard<'a, Gate> {
    match until.map(|until| until.saturating_duration_since(Instant::now())) {
        Some(left) => seat.wait_timeout(gate, left).unwrap_or_else(PoisonError::into_inner).0,
        None => seat.wait(gate).unwrap_or_else(PoisonError::into_inner),
    }
}

/// A queue for the frames of one end.
pub(super) fn new_outbound(role: Role) -> Result<Outbound> {
    Ok(match role {
        Role::Client => Outbound::client(Box::new(SystemMasks::new()?)),
        Role::Server => Outbound::server(),
    })
}

pub(super) fn ping_timeout(error: Error) -> Error {
    match error {
        Error::Timeout(_) => Timeout::of(Phase::Ping),
        Error::Interrupted(_) => Interrupted::during(Phase::Ping),
        other => other,
    }
}

impl Gate {
    /// Takes the queue: the thread's turn begins.
    #[inline]
    fn take_out(&mut self) -> Option<Box<Outbound>> {
        self.line.taken();
        self.out.take()
    }

    /// Brings the queue home unwritten, with what was gathered beside it.
    fn put_back(&mut self, mut out: Box<Outbound>) {
        self.take_beside(&mut out);
        self.out = Some(out);
    }

    /// Nobody waits, and nothing is due.
    #[inline]
    fn is_quiet(&self) -> bool {
        let is_alone = self.line.is_empty() && !self.line.has_batches();
        is_alone && !self.session.has_replies() && self.beside.as_ref().is_none_or(|beside| beside.is_empty())
    }

    /// Queues what is due, if the queue is at home and has room: what is due later would take its place.
    fn queue_replies(&mut self) {
        if let Some(out) = &mut self.out
            && !self.stuck
            && out.pending().len() < GATHER_MAX
        {
            self.session.write_replies(out);
        }
    }

    /// Moves what was gathered beside the queue into it.
    #[inline]
    fn take_beside(&mut self, out: &mut Outbound) {
        if let Some(beside) = &mut self.beside
            && !beside.is_empty()
        {
            out.append(beside);
        }
    }

    /// Who is to be woken: the first in line who can have what it wants, or else somebody whose bytes are in the queue.
    #[inline]
    fn next(&self) -> Option<Seat> {
        if self.line.is_empty() && !self.line.has_batches() { None } else { self.find_next() }
    }

    #[cold]
    fn find_next(&self) -> Option<Seat> {
        let batch = || self.line.first_batch().filter(|_| self.out.is_some());
        self.first_in_line().map(|waiter| &waiter.seat).or_else(batch).cloned()
    }

    /// The oldest waiter who can have what it wants.
    fn first_in_line(&self) -> Option<&Waiter> {
        self.line.waiters().find(|waiter| self.has(waiter.wants))
    }

    fn has(&self, wants: Wants) -> bool {
        match wants {
            Wants::Turn { streaming } => self.is_free(streaming),
            Wants::Queue => self.out.is_some(),
            Wants::Room { len } => !self.streaming && (self.out.is_some() || self.has_room_beside(len)),
        }
    }

    fn has_room_beside(&self, len: usize) -> bool {
        self.beside.as_ref().is_none_or(|beside| beside.pending().len() + len < GATHER_MAX)
    }

    /// Whether the holder of `ticket`, or somebody without one, can have what it wants and need not let others go first.
    fn may_have(&self, wants: Wants, ticket: Option<u64>) -> bool {
        // Whoever streams a message must not wait behind those who wait for its end.
        let in_turn = matches!(wants, Wants::Turn { streaming: true } | Wants::Queue);
        self.has(wants) && (in_turn || self.may_go(ticket))
    }

    /// Whether nobody who could go has waited so long as to go first.
    fn may_go(&self, ticket: Option<u64>) -> bool {
        self.first_in_line().is_none_or(|first| ticket == Some(first.ticket) || !first.goes_first())
    }

    /// Whether a message, or a part of one, can be queued without waiting for anything.
    #[inline]
    fn is_ready(&self, streaming: bool) -> bool {
        self.is_free(streaming) && self.line.is_empty() && self.can_write() && !self.session.is_closing()
    }

    /// Whether a frame may be sent, as part of the message that is being streamed or apart from it.
    #[inline]
    fn is_free(&self, streaming: bool) -> bool {
        self.out.is_some() && self.streaming == streaming
    }

    #[inline]
    fn queued(&self) -> usize {
        self.out.as_ref().map_or(0, |out| out.pending().len())
    }

    /// Closed in order, with nothing left to say.
    fn is_finished(&self) -> bool {
        matches!(self.end, Some(Ok(()))) && self.queued() == 0
    }

    /// Nothing can be written any more, because of `error` unless there is an earlier reason, which is recorded before
    /// anybody can notice. Gives the record that counts.
    pub(super) fn cut(&mut self, error: Error) -> Result<()> {
        let end = self.end.get_or_insert(Err(error.clone())).clone();
        self.write_error.get_or_insert(end.clone().err().unwrap_or(error));
        end
    }

    /// Whether nothing can be written any more.
    pub(super) fn is_cut(&self) -> bool {
        self.write_error.is_some()
    }

    /// Whether a message can be queued without waiting for anything.
    #[inline]
    fn may_gather(&self) -> bool {
        !self.streaming && self.line.is_empty() && self.can_write() && !self.session.is_closing()
    }

    #[inline]
    fn can_write(&self) -> bool {
        self.end.is_none() && self.write_error.is_none()
    }

    /// Why nothing can be written any more.
    fn check_write(&self) -> Result<()> {
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
