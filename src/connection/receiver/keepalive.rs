//! Whether the peer is alive: keepalive's Pings, and Pings whose answers are waited for.

use super::Receiver;
use super::reading::Call;
use crate::config::Keepalive;
use crate::connection::link::Link;
use crate::connection::patience::Patience;
use crate::connection::replies::ping_timeout;
use crate::deadline::Deadline;
use crate::error::{Closed, Error, Result, UsageError};
use crate::proto::{Step, Want};
use std::time::{Duration, Instant};

/// When the peer was last heard of, for a connection with keepalive.
#[derive(Debug)]
pub(super) struct Liveness {
    keepalive: Keepalive,
    heard: Instant,
    /// Until when the Ping must be answered that was sent because nothing had come.
    answer_by: Option<Deadline>,
}

impl Liveness {
    pub(super) fn new(keepalive: Keepalive) -> Self {
        Self { keepalive, heard: Instant::now(), answer_by: None }
    }

    /// Something has come.
    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
        self.answer_by = None;
    }

    /// When the next Ping must be sent, or the peer is given up.
    pub(super) fn act_at(&self) -> Deadline {
        self.answer_by.unwrap_or_else(|| Deadline::at(self.heard).later(self.keepalive.interval))
    }

    /// Does what is due now. Returns whether a Ping is to be sent.
    ///
    /// # Errors
    ///
    /// The peer is given up, and the connection has been cut.
    pub(super) fn act(&mut self, link: &Link, now: Instant) -> Result<bool> {
        if !self.act_at().is_over_at(now) {
            return Ok(false);
        }
        if self.answer_by.is_some() {
            let silent = Error::Closed(Closed::PeerSilent(self.heard.elapsed()));
            let _ = link.cut(silent.clone());
            return Err(silent);
        }
        self.answer_by = Some(Deadline::at(now).later(self.keepalive.timeout));
        // Refused only when a Close frame has been sent, and then the closing handshake has a time limit.
        let session = &mut link.gate().session;
        if !session.ping_is_due() {
            let _ = session.ping(b"keepalive");
        }
        Ok(true)
    }
}

impl Receiver {
    /// Sends a Ping, receives until it is answered, and returns the round trip time. Messages that arrive first are kept
    /// for the next receiving call.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::ping_wait`](crate::WebSocket::ping_wait).
    pub fn ping_wait(&mut self, timeout: Duration) -> Result<Duration> {
        self.check_between_messages()?;
        let begin = Instant::now();
        let deadline = Deadline::at(begin).later(timeout).earliest(self.deadline);
        let number = self.link.numbered_ping(&mut Patience::new(deadline, None)).map_err(ping_timeout)?;
        self.receive_pong(number, deadline)?;
        Ok(begin.elapsed())
    }

    /// Receives until a Ping of [`Sender::ping_start`](crate::Sender::ping_start) is answered. Messages that arrive first
    /// are kept for the next receiving call. After [`Error::Timeout`] and [`Error::Interrupted`], the answer can be waited
    /// for again.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::ping_wait`](crate::WebSocket::ping_wait).
    pub fn pong_wait(&mut self, ping: u64, timeout: Duration) -> Result<()> {
        self.check_between_messages()?;
        self.receive_pong(ping, Deadline::after(timeout).earliest(self.deadline))
    }

    fn check_between_messages(&self) -> Result<()> {
        self.link.check_process()?;
        if self.piece.is_some() { Err(UsageError::MessageUnfinished.into()) } else { Ok(()) }
    }

    fn receive_pong(&mut self, number: u64, deadline: Deadline) -> Result<()> {
        let mut call = Call::new(deadline);
        while self.link.gate().pings_answered < number {
            if self.pending.is_full(self.link.config.limits.max_message_size) {
                return Err(UsageError::MessagesWaiting.into());
            }
            match self.advance(Want::Message, &mut call).map_err(ping_timeout)? {
                Some(Step::Message) => self.pending.push(self.inbound.take_message()),
                Some(_) => {}
                None => return Err(Error::Closed(Closed::Sent)),
            }
        }
        Ok(())
    }
}
