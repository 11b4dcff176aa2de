//! The sending side's part of taking the socket out of a connection.

use super::line::Wants;
use super::link::Link;
use super::patience::Patience;
use crate::error::{Closed, Error, Result, UsageError};
use std::os::fd::OwnedFd;

impl Link {
    /// Writes what is pending, ends the connection, and returns its socket.
    pub(super) fn detach(&self, patience: &mut Patience) -> Result<OwnedFd> {
        loop {
            let gate = self.gate();
            if matches!(gate.end, Some(Ok(()))) {
                drop(gate);
                return self.take_socket();
            }
            let wants = Wants::Turn { streaming: false };
            let (gate, queue) = self.wait_in_line(gate, wants, patience, |gate| gate.queue.take())?;
            // Nothing of a frame may be left behind: the next protocol would begin in the middle of it.
            let is_all_out = gate.is_quiet() && queue.out.is_empty() && !gate.blocked;
            let turn = self.begin_turn(gate, queue);
            if is_all_out {
                let socket = self.take_socket()?;
                let _ = self.gate().cut(Error::Closed(Closed::Detached));
                drop(turn);
                self.tell_everybody();
                return Ok(socket);
            }
            turn.flush(patience)?;
        }
    }

    /// Called without the gate, since the transport may be the caller's.
    fn take_socket(&self) -> Result<OwnedFd> {
        let socket = self.transport.detach().ok_or(UsageError::NoSocket)?;
        socket.map_err(|error| Error::io("taking the socket out", error))
    }
}
