//! Connecting to Unix sockets.

use super::{Outgoing, SocketTransport, Wake, wait_for_any};
use crate::deadline::Deadline;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long to wait while the server's queue is full. Nothing says when there is room: `poll` only helps with sockets that
/// are connecting, and these are not.
const RETRY: Duration = Duration::from_millis(10);

/// Connects to the Unix socket at `path`. Returns `None` if the deadline passed or `wake` interrupted the call, which
/// happens only while the server's queue is full.
pub(crate) fn connect_unix(
    path: &Path,
    outgoing: &Outgoing,
    deadline: Deadline,
    wake: Option<&Wake>,
) -> io::Result<Option<SocketTransport>> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    outgoing.show(socket.as_fd())?;
    while let Err(error) = socket.connect(&address) {
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(error);
        }
        if wake.is_some_and(Wake::is_interrupting) || deadline.is_over() {
            return Ok(None);
        }
        let wakes: Vec<_> = wake.into_iter().collect();
        wait_for_any(deadline.earliest(Deadline::after(RETRY)), &wakes)?;
    }
    SocketTransport::unix(UnixStream::from(OwnedFd::from(socket))).map(Some)
}
