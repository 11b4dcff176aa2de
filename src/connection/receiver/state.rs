//! Where the connection is, as seen by the receiver: what a call does next, and how the connection ends.

use super::Receiver;
use super::reading::Call;
use crate::connection::closing::{Ending, Progress};
use crate::deadline::Deadline;
use crate::error::{Closed, Error, Phase, Result, Timeout};
use crate::proto::{ReceiveError, Role, Step, Want};
use crate::transport::{EOF_TIMEOUT, LINGER};

/// Where the connection is.
#[derive(Debug)]
pub(super) enum State {
    /// Messages are received.
    Open,
    /// [`Receiver::close`] has been called: messages are discarded until the peer's Close frame comes.
    Closing,
    /// The peer has not completed the closing handshake in time. What has been read is received, and nothing more is
    /// read.
    Overdue,
    /// The peer's Close frame has come. The answer must be written in time.
    Answering { by: Deadline },
    /// The peer is at fault. It is told so, and has some time to read that.
    Failing { error: ReceiveError, by: Deadline },
    /// What every call returns from now on; `Ok` after an orderly close.
    Ended(Result<()>),
}

impl State {
    /// Whether anything is still received.
    pub(super) fn is_receiving(&self) -> bool {
        matches!(self, Self::Open | Self::Closing | Self::Overdue)
    }
}

impl Receiver {
    /// The next part of a message. `None`: closed cleanly.
    pub(super) fn next(&mut self, want: Want, until: Deadline) -> Result<Option<Step>> {
        let mut call = Call::new(until);
        loop {
            match self.advance(want, &mut call)? {
                Some(Step::Pong) => {}
                step => return Ok(step),
            }
        }
    }

    /// The next part of a message, or a Pong. `None`: closed cleanly.
    pub(super) fn advance(&mut self, want: Want, call: &mut Call) -> Result<Option<Step>> {
        match &self.state {
            State::Ended(end) => return end.clone().map(|()| None),
            _ if self.link.is_aborted() => return Err(self.ended(Error::Closed(Closed::Aborted))),
            State::Answering { by } => return self.answer(*by, call),
            State::Failing { error, by } => return Err(self.fail(*error, *by, call)),
            State::Open | State::Closing | State::Overdue => {}
        }
        let mut replies_due = false;
        // Whether there is a whole small message has been asked before, or does not matter.
        let mut found = self.inbound.advance_rest(want);
        loop {
            let step = match found {
                Ok(step) => step,
                Err(error) => {
                    let by = self.link.begin_failing(error).earliest(Deadline::after(LINGER));
                    self.state = State::Failing { error, by };
                    return Err(self.fail(error, by, call));
                }
            };
            match step {
                Step::NeedInput => self.read_more(call)?,
                Step::Ping => {
                    self.link.ping_received(self.inbound.payload());
                    replies_due = true;
                }
                Step::Close(_) => {
                    let by = self.link.close_received(&step);
                    self.state = State::Answering { by };
                    return self.answer(by, call);
                }
                Step::Pong | Step::Message | Step::Piece { .. } => {
                    let len = self.inbound.payload().len();
                    match step {
                        Step::Pong => self.link.pong_received(self.inbound.payload()),
                        Step::Piece { last, .. } => self.link.counters.received(len, last),
                        _ => self.link.counters.received(len, true),
                    }
                    if replies_due {
                        // The caller may be busy with the message for a long time.
                        self.link.before_wait();
                    }
                    return Ok(Some(step));
                }
            }
            found = self.inbound.advance(want);
        }
    }

    /// Answers the peer's Close frame, and ends the stream as the role demands (RFC 6455 7.1.1). If the call's time runs
    /// out before the answer is written, the next call goes on with it.
    fn answer(&mut self, by: Deadline, call: &Call) -> Result<Option<Step>> {
        self.clear_wake();
        let deadline = by.earliest(call.until);
        let mut ending = Ending::new(&self.link, &mut self.pace);
        let written = ending.write_out(deadline);
        match written {
            Progress::Done if self.role == Role::Server => drop(ending.end_write(deadline)),
            Progress::Done => {
                let eof_by = Deadline::after(EOF_TIMEOUT.min(self.link.config.close_timeout));
                ending.read_out(eof_by.earliest(call.until));
                ending.end_write(deadline);
            }
            // If only the answer is lost, the peer did not wait for it. If more is, that has been recorded.
            _ => {}
        }
        drop(ending);
        if written.is_late() {
            return Err(if deadline == by { self.cut() } else { Timeout::of(Phase::Recv) });
        }
        let end = self.link.end(Ok(()));
        self.state = State::Ended(end.clone());
        end.map(|()| None)
    }

    /// Tells the peer that it is at fault, and gives it time to read that. If the call's time runs out before that is
    /// done, the next call goes on with it.
    fn fail(&mut self, error: ReceiveError, by: Deadline, call: &Call) -> Error {
        self.clear_wake();
        let deadline = by.earliest(call.until);
        let mut ending = Ending::new(&self.link, &mut self.pace);
        let progress = ending.finish(deadline);
        let is_over = deadline == by || !progress.is_late();
        if is_over {
            ending.cut_if_late(progress, error.into());
        }
        drop(ending);
        if is_over { self.ended(error.into()) } else { Timeout::of(Phase::Recv) }
    }

    /// The peer did not complete the closing handshake.
    pub(super) fn cut(&mut self) -> Error {
        let error = Error::Closed(Closed::CloseUnanswered);
        let _ = self.link.cut(error.clone());
        self.ended(error)
    }

    /// Records the error that ends the connection. Returns the one that counts.
    pub(super) fn ended(&mut self, error: Error) -> Error {
        let error = match self.link.end(Err(error.clone())) {
            Err(first) => first,
            Ok(()) => error,
        };
        self.state = State::Ended(Err(error.clone()));
        error
    }

    /// What the wake was set for does not matter any more.
    pub(super) fn clear_wake(&self) {
        if let Some(wake) = self.link.recv_wake.get() {
            wake.take();
        }
    }
}
