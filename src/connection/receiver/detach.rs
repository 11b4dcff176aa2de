//! Taking the socket out of a connection.

use super::Receiver;
use super::state::State;
use crate::connection::patience::Patience;
use crate::error::{Closed, Error, Result, UsageError};
use std::os::fd::OwnedFd;

/// A socket that was taken out of a connection. From [`Receiver::detach`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Detached {
    /// The socket, in blocking mode: a descriptor of its own, of which a [`TcpStream`](std::net::TcpStream) or
    /// [`UnixStream`](std::os::unix::net::UnixStream) can be made.
    pub socket: OwnedFd,
    /// What the peer has sent and no call has returned: frames as they came, the last of which may be incomplete.
    pub received: Vec<u8>,
}

impl Receiver {
    /// Takes the socket out of the connection, for a program that goes on with another protocol or library, or hands it
    /// to another process. For the connection this is the end: every call of any handle returns [`Closed::Detached`],
    /// or what it returned before if the connection was closed cleanly, and dropping or aborting it does nothing to the socket.
    /// The peer notices nothing.
    ///
    /// Everything that was sent or gathered before is written first, and replies that are due. Blocks until that is done,
    /// for at most the time limits of sending that the connection was made with, and not beyond the
    /// [deadline](Self::set_deadline). What has been received and not taken is given back as it came, in
    /// [`Detached::received`]. After an orderly close nothing is left to be received, and both directions of the socket
    /// have been shut down.
    ///
    /// Only sockets can be taken out: the state of TLS cannot be, and for what has no descriptor there is
    /// [`Halves`](crate::transport::Halves) or a [`Transport`](crate::transport::Transport) of the caller's that shares
    /// what it is made of.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::Read;
    /// use std::os::unix::net::UnixStream;
    /// let (near, far) = UnixStream::pair()?;
    /// # let serving = std::thread::spawn(|| landline::accept(far));
    /// let mut ws = landline::Client::default().connect_over(near, "ws://localhost/")?;
    /// # let mut server = serving.join().unwrap()?;
    /// let detached = ws.detach()?;
    /// let mut stream = UnixStream::from(detached.socket);
    /// # server.send("x")?;
    /// let mut frame = detached.received;
    /// stream.by_ref().take(3).read_to_end(&mut frame)?;
    /// assert_eq!(frame, b"\x81\x01x");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The connection goes on after [`UsageError::NoSocket`], after [`UsageError::Unreceived`] for a message that is half
    /// received or was kept by `ping_wait`, and after [`Error::Timeout`] and [`Error::Interrupted`]. [`Closed::Sent`] while
    /// the closing handshake is under way: complete it first. The error that ended the connection.
    pub fn detach(&mut self) -> Result<Detached> {
        self.link.check_process()?;
        if let State::Ended(Err(error)) = &self.state {
            return Err(error.clone());
        }
        if self.piece.is_some() || !self.pending.is_empty() || !self.inbound.is_between_frames() {
            return Err(UsageError::Unreceived.into());
        }
        let mut patience = Patience::new(self.deadline, self.link.config.send_timeout);
        let socket = self.link.detach(&mut patience)?;
        if !matches!(self.state, State::Ended(Ok(()))) {
            self.ended(Error::Closed(Closed::Detached));
        }
        Ok(Detached { socket, received: self.inbound.take_unread() })
    }
}
