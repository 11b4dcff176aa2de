//! The sending side's part of taking the socket out of a connection.

use super::line::Wants;
use super::link::Link;
use super::patience::Patience;
use crate::error::{Closed, Error, Result, UsageError};
use std::os::fd::OwnedFd;

impl Link {
    /// Writes what is pending, ends the connection, and gives its socket.
    pub(super) fn detach(&self, patience: &mut Patience) -> Result<OwnedFd> {
        loop {
            let mut gate = self.gate();
            let is_closed = matches!(gate.end, Some(Ok(())));
            // Nothing of a frame may be left behind: the next protocol would begin in the middle of it.
            if is_closed || (gate.is_ready(false) && gate.is_quiet() && gate.queued() == 0 && !gate.blocked) {
                let socket = self.transport.detach().ok_or(UsageError::NoSocket)?;
                let socket = socket.map_err(|error| Error::io("taking the socket out", error))?;
                if !is_closed {
                    let _ = gate.cut(Error::Closed(Closed::Detached));
                }
                drop(gate);
                self.tell_everybody();
                return Ok(socket);
            }
            let wants = Wants::Turn { streaming: false };
            let (gate, queue) = self.wait_in_line(gate, wants, patience, |gate| gate.queue.take())?;
            self.begin_turn(gate, queue).flush(patience)?;
        }
    }
}
