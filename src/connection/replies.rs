//! What the receiver gives to be sent: replies that are owed to the peer, Pings, and what others left unwritten. It never
//! waits for a turn, or for room.

use super::closing::Progress;
use super::link::{Gate, Link};
use super::patience::Patience;
use super::turn::{GATHER_MAX, Queue};
use super::waiting::wait_on;
use crate::deadline::Deadline;
use crate::error::{Error, Interrupted, Phase, Result, Timeout};
use std::time::Instant;

/// What a receiver has to know before it waits.
pub(super) struct Outlook {
    /// Something waits for room to be written.
    pub(super) unsent: bool,
    /// The closing handshake must be over by then.
    pub(super) close_by: Option<Instant>,
    /// Nothing can be written any more: what has arrived is all that is to come.
    pub(super) is_cut: bool,
}

impl Link {
    /// Sends what is queued and due as far as there is room, before the receiver waits.
    pub(super) fn before_wait(&self) -> Outlook {
        let mut gate = self.gate();
        let outlook = Outlook { unsent: false, close_by: gate.close_by, is_cut: gate.is_cut() };
        let Gate { queue, blocked, session, .. } = &mut *gate;
        let has_work = |queue: &mut Box<Queue>| {
            !outlook.is_cut && (!queue.out.is_empty() || *blocked || session.has_replies())
        };
        let Some(queue) = queue.take_if(has_work) else {
            // If another thread has its turn, it sees to the rest.
            gate.flush_owed |= gate.queue.is_none();
            return outlook;
        };
        let replies = !gate.blocked;
        let mut turn = self.begin_receivers_turn(gate, queue, replies);
        // A failure is recorded; the peer may still have something to say.
        let _ = turn.write_available();
        drop(turn);
        let gate = self.gate();
        Outlook { unsent: gate.blocked, is_cut: gate.is_cut(), ..outlook }
    }

    /// The same for a connection that ends: messages first, and then what is due.
    pub(super) fn push(&self) -> Progress {
        let mut gate = self.gate();
        if gate.is_cut() {
            return Progress::Failed;
        }
        let Some(queue) = gate.queue.take() else { return Progress::Behind };
        let owes_messages = gate.blocked || !queue.out.is_empty();
        let mut turn = self.begin_receivers_turn(gate, queue, false);
        if !owes_messages || matches!(turn.write_available(), Ok(true)) {
            turn.answer();
            // A failure is recorded.
            let _ = turn.write_available();
        }
        drop(turn);
        let gate = self.gate();
        if gate.is_cut() {
            Progress::Failed
        } else if gate.blocked || gate.queued() > 0 || gate.queue.is_none() || gate.session.has_replies() {
            Progress::Blocked
        } else {
            Progress::Done
        }
    }

    /// A Ping has come. Each one is answered while the peer reads; once it does not, only the last one is.
    pub(super) fn ping_received(&self, payload: &[u8]) {
        let gate = &mut *self.gate();
        gate.session.ping_received(payload);
        gate.queue_replies();
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

    /// Sends a Ping with a number that `pings_answered` will show, before any message that waits for its turn.
    pub(super) fn numbered_ping(&self, patience: &mut Patience) -> Result<u64> {
        self.check_process()?;
        let mut gate = self.gate();
        gate.check_write()?;
        let number = gate.pings_sent + 1;
        gate.queue_replies();
        gate.session.ping(&number.to_be_bytes())?;
        gate.pings_sent = number;
        // While something is blocked it stays in the session, so that a peer that does not read makes nothing grow. A
        // later one takes its place there, and its Pong answers both.
        if !gate.blocked
            && let Some(queue) = gate.queue.take()
        {
            match self.begin_turn(gate, queue).flush(patience) {
                // It is in the queue, and its Pong can still be waited for.
                Err(Error::Timeout(_)) => {}
                result => result.map_err(Error::accepted)?,
            }
        }
        Ok(number)
    }

    /// Waits until a numbered Ping is answered, by the thread that receives.
    pub(super) fn wait_for_pong(&self, number: u64, deadline: Deadline) -> Result<()> {
        self.check_process()?;
        let mut patience = Patience::new(deadline, None);
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
}

pub(super) fn ping_timeout(error: Error) -> Error {
    match error {
        Error::Timeout(_) => Timeout::of(Phase::Ping),
        Error::Interrupted(_) => Interrupted::during(Phase::Ping),
        other => other,
    }
}

impl Gate {
    /// Queues what is due, if the queue is at home and has room: what is due later would take its place.
    fn queue_replies(&mut self) {
        if let Some(queue) = &mut self.queue
            && !self.blocked
            && queue.out.pending().len() < GATHER_MAX
        {
            self.session.write_replies(&mut queue.out);
        }
    }
}
