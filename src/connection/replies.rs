//! What the receiver sends: replies that are due, Pings, and what other threads left unwritten. The receiver never waits
//! for a turn or for room.

use super::closing::Progress;
use super::link::{Gate, Link};
use super::patience::Patience;
use super::turn::Queue;
use super::waiting::wait_on;
use crate::deadline::Deadline;
use crate::error::{Error, Interrupted, Phase, Result, Timeout};
use crate::proto::Step;

/// What the receiver must know before it waits.
pub(super) struct Outlook {
    /// Output is pending for lack of room.
    pub(super) unsent: bool,
    /// When the closing handshake must be over; never before it has begun.
    pub(super) close_by: Deadline,
    /// Nothing can be written any more, and nothing more is to be received than what has arrived.
    pub(super) is_cut: bool,
    /// There is memory for output that an idle connection does not need.
    pub(super) has_spare_memory: bool,
}

impl Gate {
    fn outlook(&self) -> Outlook {
        Outlook {
            unsent: self.blocked,
            close_by: self.close_by,
            is_cut: self.is_cut(),
            has_spare_memory: self.holds_spare_memory(),
        }
    }
}

impl Link {
    /// Sends what is queued and the replies that are due, as far as there is room. Called before the receiver waits.
    pub(super) fn before_wait(&self) -> Outlook {
        let mut gate = self.gate();
        let is_cut = gate.is_cut();
        let Gate { queue, blocked, session, .. } = &mut *gate;
        let has_work =
            |queue: &mut Box<Queue>| !is_cut && (!queue.out.is_empty() || *blocked || session.has_replies());
        let Some(queue) = queue.take_if(has_work) else {
            // If another thread has its turn, it writes the rest.
            gate.flush_owed |= gate.queue.is_none();
            return Outlook { unsent: false, is_cut, ..gate.outlook() };
        };
        let replies = !gate.blocked;
        let mut turn = self.begin_receivers_turn(gate, queue, replies);
        // A failure has been recorded. What the peer has sent can still be received.
        let _ = turn.write_available();
        drop(turn);
        self.gate().outlook()
    }

    /// Tries again to send what there was no room for.
    pub(crate) fn retry(&self) {
        self.before_wait();
    }

    /// [`before_wait`](Self::before_wait) for a connection that is being closed: messages first, then the replies that are
    /// due.
    pub(super) fn push(&self) -> Progress {
        let mut gate = self.gate();
        if gate.is_cut() {
            return Progress::Failed;
        }
        let Some(queue) = gate.queue.take() else { return Progress::Behind };
        let owes_messages = gate.blocked || !queue.out.is_empty();
        let mut turn = self.begin_receivers_turn(gate, queue, false);
        if !owes_messages || matches!(turn.write_available(), Ok(true)) {
            turn.queue_replies();
            // A failure has been recorded.
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

    /// Records that a Ping was received. Every Ping is answered while the peer reads; once it does not, only the last one
    /// is.
    pub(super) fn ping_received(&self, payload: &[u8]) {
        let gate = &mut *self.gate();
        gate.session.apply(&Step::Ping, payload, None);
        gate.queue_replies();
    }

    /// Records that a Pong was received.
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
        // While output is blocked the Ping stays in the session, so that nothing grows because of a peer that does not
        // read. A later Ping takes its place there, and the Pong for that answers both.
        let queue = if gate.blocked { None } else { gate.queue.take() };
        if let Some(queue) = queue {
            match self.begin_turn(gate, queue).flush(patience) {
                // The Ping is in the queue, and its Pong can still be waited for.
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
    /// Queues the replies that are due, if the queue is present and has room, so that later ones do not replace them.
    fn queue_replies(&mut self) {
        if let Some(queue) = self.queue.as_mut().filter(|_| !self.blocked) {
            self.session.queue_replies(&mut queue.out);
        }
    }
}
