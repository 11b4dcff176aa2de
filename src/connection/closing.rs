//! How a connection ends.
//!
//! Whoever ends one reads on and discards meanwhile, as [`Linger`] says. Before the peer's Close frame, what arrives is
//! looked at frame by frame ([`Receiver::close`](super::Receiver::close)); behind it, or where nobody can receive any
//! more, an [`Ending`] takes the bytes as they come. All of this is bounded by time, and not by how much the peer sends.
//!
//! The reason for an end is recorded in the gate before the transport is cut. The first record stays, so that failures
//! that follow from the cut do not take its place, in whatever thread.

use super::close_info::CloseInfo;
use super::link::{Gate, Link};
use super::patience::Patience;
use crate::close::{CloseCode, CloseFrame};
use crate::deadline::Deadline;
use crate::error::{Closed, Error, Phase, Result, Timeout};
use crate::proto::{ReceiveError, Step};
pub(super) use crate::transport::Progress;
use crate::transport::{Linger, Pace};
use std::time::Duration;

/// The end of a connection's use of its transport, in one thread.
pub(super) struct Ending<'a> {
    link: &'a Link,
    linger: Linger<'a>,
}

impl<'a> Ending<'a> {
    pub(super) fn new(link: &'a Link, pace: &'a mut Pace) -> Self {
        Self { link, linger: Linger::new(&*link.transport, None, pace) }
    }

    /// Writes everything that is queued and due, ends the stream towards the peer, and reads until the peer ends its own.
    pub(super) fn finish(&mut self, deadline: Deadline) -> Progress {
        let mut progress = self.write_out(deadline);
        if progress == Progress::Done {
            progress = self.end_write(deadline);
        }
        if progress == Progress::Done {
            progress = self.read_out(deadline);
        }
        progress
    }

    /// Writes everything that is queued and due.
    pub(super) fn write_out(&mut self, deadline: Deadline) -> Progress {
        self.linger.work(deadline, |_| self.link.push())
    }

    /// Ends the stream towards the peer.
    pub(super) fn end_write(&mut self, deadline: Deadline) -> Progress {
        self.linger.end_write(deadline)
    }

    /// Reads until the peer ends its stream.
    pub(super) fn read_out(&mut self, deadline: Deadline) -> Progress {
        self.linger.read_out(deadline)
    }

    /// Cuts the connection if its peer does not read or goes on sending. Otherwise all is in the kernel, and a peer that
    /// reads slowly still gets it when the socket is closed.
    pub(super) fn cut_if_late(&self, progress: Progress, error: Error) {
        if progress == Progress::Unwritten || (progress == Progress::Unanswered && self.linger.is_flooded()) {
            let _ = self.link.cut(error);
        }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.link.counters.wire_received(self.linger.discarded());
    }
}

impl Gate {
    /// The closing handshake has begun, now or before. Returns when it must be over.
    fn closing(&mut self, timeout: Duration) -> Deadline {
        if self.close_by == Deadline::NEVER {
            self.close_by = Deadline::after(timeout);
        }
        self.close_by
    }
}

impl Link {
    /// Starts the closing handshake: the Close frame is due, and is sent by the thread that has the turn, or by the
    /// receiver. Returns when the handshake must be over; `None` if the connection is over already.
    pub(super) fn begin_close(&self, frame: CloseFrame) -> Result<Option<Deadline>> {
        self.check_process()?;
        let close_by = {
            let mut gate = self.gate();
            match &gate.end {
                None => {}
                Some(Ok(()) | Err(Error::Closed(Closed::Sent))) => return Ok(None),
                Some(Err(error)) => return Err(error.clone()),
            }
            gate.session.start_close(frame);
            gate.closing(self.config.close_timeout)
        };
        self.wake_receiver();
        Ok(Some(close_by))
    }

    /// The peer is at fault, and a Close frame that says so is due. Returns when the connection must be over.
    pub(super) fn begin_failing(&self, error: ReceiveError) -> Deadline {
        let close_by = {
            let mut gate = self.gate();
            gate.end.get_or_insert(Err(error.into()));
            gate.session.fail(error);
            gate.closing(self.config.close_timeout)
        };
        self.tell_everybody();
        close_by
    }

    /// The peer's Close frame has arrived. Returns when the answer must have been written.
    pub(super) fn close_received(&self, step: &Step) -> Deadline {
        let mut gate = self.gate();
        gate.session.apply(step, &[], None);
        gate.closing(self.config.close_timeout)
    }

    /// Starts the closing handshake and sends the Close frame. If the receiver has been dropped, does the rest too.
    pub(super) fn close_start(&self, frame: CloseFrame, patience: &mut Patience) -> Result<()> {
        let Some(close_by) = self.begin_close(frame)? else { return Ok(()) };
        let sent = self.flush_while_received(patience);
        if self.is_receiver_gone() {
            let deadline = patience.deadline().earliest(close_by);
            return self.end_alone(deadline, close_by).map_err(Error::accepted);
        }
        match sent {
            // The receiver was faster.
            Err(Error::Closed(Closed::Sent)) => Ok(()),
            result => result.map_err(Error::accepted),
        }
    }

    /// Writes everything that is queued and due, unless the receiver is dropped first. Then no other thread reads from the
    /// transport, and the peer may be waiting for that before it reads itself.
    fn flush_while_received(&self, patience: &mut Patience) -> Result<()> {
        patience.needs_receiver = true;
        if self.is_receiver_gone() { Ok(()) } else { self.flush(patience) }
    }

    /// Ends a connection whose receiver has been dropped, once it is closing.
    fn end_alone(&self, deadline: Deadline, close_by: Deadline) -> Result<()> {
        let mut pace = Pace::default();
        let mut ending = Ending::new(self, &mut pace);
        let progress = ending.finish(deadline);
        if progress.is_late() && deadline != close_by {
            return Err(Timeout::of(Phase::Send));
        }
        ending.cut_if_late(progress, Error::Closed(Closed::CloseUnanswered));
        match self.end(Err(Error::Closed(Closed::Sent))) {
            Err(Error::Closed(Closed::Sent)) => Ok(()),
            end => end,
        }
    }

    /// Closes what a server's handler left open, and waits until the client has ended its stream, both within
    /// `close_timeout`.
    pub(crate) fn finish(&self, code: CloseCode) {
        if self.check_process().is_err() {
            return;
        }
        {
            let gate = self.gate();
            let is_over = matches!(gate.end, Some(Err(_))) && !gate.session.is_closing();
            if is_over || gate.is_cut() {
                return;
            }
        }
        let _ = self.begin_close(CloseFrame::trusted(code, String::new()));
        let close_by = self.gate().closing(self.config.close_timeout);
        // If the handler passed the receiver to another thread, that completes the closing. An interruption that is pending
        // was meant for the handler.
        let mut patience = Patience::new(close_by, None);
        while let Err(Error::Interrupted(_)) = self.flush_while_received(&mut patience) {}
        if self.is_receiver_gone() {
            let _ = self.end_alone(close_by, close_by);
        }
        self.wake_receiver();
    }

    /// Tells the peer that this end goes away. The answer is left to the receiver.
    pub(crate) fn go_away(&self, deadline: Deadline) {
        let frame = CloseFrame::trusted(CloseCode::GOING_AWAY, String::new());
        if let Ok(Some(_)) = self.begin_close(frame) {
            let _ = self.flush(&mut Patience::until(deadline));
        }
    }

    /// Records the end of the connection, unless it has been recorded before. Returns the record that counts.
    pub(super) fn end(&self, end: Result<()>) -> Result<()> {
        let end = self.gate().end.get_or_insert(end).clone();
        self.tell_everybody();
        end
    }

    /// Ends the connection at once because of `error`, unless it has ended before. Returns the record that counts.
    pub(super) fn cut(&self, error: Error) -> Result<()> {
        let end = self.gate().cut(error);
        self.transport.abort();
        self.tell_everybody();
        end
    }

    /// Ends the connection at once, from any thread.
    pub(crate) fn abort(&self) {
        if self.check_process().is_err() {
            return;
        }
        let _ = self.gate().cut(Error::Closed(Closed::Aborted));
        self.set_aborted();
        self.transport.abort();
        self.tell_everybody();
        self.wake_receiver();
    }

    pub(super) fn close_info(&self) -> CloseInfo {
        if let Err(error) = self.check_process() {
            return CloseInfo { cause: Some(error), ..CloseInfo::default() };
        }
        let gate = self.gate();
        let (received, sent) = (gate.session.close_received_frame().cloned(), gate.session.close_sent().cloned());
        CloseInfo {
            clean: matches!(gate.end, Some(Ok(()))) && received.is_some() && sent.is_some(),
            received,
            sent,
            first: gate.session.closed_first_by(),
            cause: gate.end.clone().and_then(Result::err),
        }
    }
}
