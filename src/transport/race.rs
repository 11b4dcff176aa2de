//! Connecting to several addresses at once, in one thread: the first to answer wins.

use super::wait::{confirm_all, poll_until};
use super::{SocketTransport, TcpOptions, Wake};
use crate::deadline::Deadline;
use crate::error::Attempt;
use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

type Hook = dyn Fn(BorrowedFd<'_>) -> io::Result<()> + Send + Sync;

/// What is done to a socket after it is made and before it is connected.
#[derive(Clone, Default)]
pub(crate) struct Outgoing {
    /// The address of this end; its port may be 0.
    pub(crate) local_addr: Option<SocketAddr>,
    /// The network interface to use.
    pub(crate) interface: Option<String>,
    /// The program's own function, which comes last.
    pub(crate) on_socket: Option<Arc<Hook>>,
}

impl Outgoing {
    fn socket(&self, address: SocketAddr, tcp: &TcpOptions) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        // Before connecting, because the window scale offered to the peer depends on the size of the buffer.
        tcp.apply_buffers(&socket)?;
        if let Some(name) = &self.interface {
            self.bind_to_interface(&socket).map_err(|error| cannot_use("interface", name, &error))?;
        }
        if let Some(local) = self.local_addr {
            // Attempts to reach different addresses may have the same port here.
            socket.set_reuse_address(local.port() != 0)?;
            socket.bind(&local.into()).map_err(|error| cannot_use("local address", &local, &error))?;
        }
        self.show(socket.as_fd())?;
        Ok(socket)
    }

    /// Passes a socket to the program before it is connected.
    pub(super) fn show(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.on_socket.as_ref().map_or(Ok(()), |hook| hook(socket))
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn bind_to_interface(&self, socket: &Socket) -> io::Result<()> {
        self.interface.as_ref().map_or(Ok(()), |name| socket.bind_device(Some(name.as_bytes())))
    }

    /// Building a client with an interface fails there.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn bind_to_interface(&self, _: &Socket) -> io::Result<()> {
        Ok(())
    }
}

fn cannot_use(what: &str, which: &dyn fmt::Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot use {what} {which}: {error}"))
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("local_addr", &self.local_addr)
            .field("interface", &self.interface)
            .field("on_socket", &self.on_socket.is_some())
            .finish()
    }
}

/// Attempts to connect, of which the first one that succeeds ends the others. Dropping it ends all.
pub(crate) struct Race<'a> {
    outgoing: &'a Outgoing,
    tcp: &'a TcpOptions,
    attempts: Vec<(SocketAddr, State)>,
    /// How long an attempt may take before another one is started as well.
    delay: Duration,
    next_start: Deadline,
}

enum State {
    Connecting(Socket),
    Failed(io::Error),
}

impl<'a> Race<'a> {
    /// `delay` is how long an attempt may take before another one is to be started as well.
    pub(crate) fn new(outgoing: &'a Outgoing, tcp: &'a TcpOptions, delay: Duration) -> Self {
        Self { outgoing, tcp, attempts: Vec::new(), delay, next_start: Deadline::after(Duration::ZERO) }
    }

    /// When the next attempt is to be started: at once if the latest has failed.
    pub(crate) fn next_start(&self) -> Deadline {
        self.next_start
    }

    /// Whether the next attempt is to be started now.
    pub(crate) fn may_start(&self) -> bool {
        self.next_start.is_over()
    }

    /// Starts to connect to an address. Returns the transport if that succeeds at once.
    pub(crate) fn start(&mut self, address: SocketAddr) -> Option<SocketTransport> {
        let connect = || {
            let socket = self.outgoing.socket(address, self.tcp)?;
            match socket.connect(&SockAddr::from(address)) {
                Err(error) if !goes_on(&error) => Err(error),
                connected => Ok((socket, connected.is_ok())),
            }
        };
        let state = match connect() {
            Ok((socket, true)) => match SocketTransport::tcp(socket.into(), self.tcp) {
                Ok(transport) => return Some(transport),
                Err(error) => State::Failed(error),
            },
            Ok((socket, false)) => State::Connecting(socket),
            Err(error) => State::Failed(error),
        };
        let is_failed = matches!(state, State::Failed(_));
        self.next_start = Deadline::after(if is_failed { Duration::ZERO } else { self.delay });
        self.attempts.push((address, state));
        None
    }

    /// Whether any attempt has been made.
    pub(crate) fn has_begun(&self) -> bool {
        !self.attempts.is_empty()
    }

    /// Whether all attempts have failed.
    pub(crate) fn is_lost(&self) -> bool {
        self.attempts.iter().all(|(_, state)| matches!(state, State::Failed(_)))
    }

    /// Waits until an attempt has succeeded or failed, `deadline` has passed, or one of `wakes` is set. Returns the
    /// transport if one succeeded; of several, that which was started first.
    pub(crate) fn wait(&mut self, deadline: Deadline, wakes: &[&Wake]) -> io::Result<Option<SocketTransport>> {
        for place in self.poll(deadline, wakes)? {
            let (address, State::Connecting(socket)) = self.attempts.remove(place) else { continue };
            let connected = match socket.take_error() {
                Ok(None) => SocketTransport::tcp(socket.into(), self.tcp),
                Ok(Some(error)) | Err(error) => Err(error),
            };
            match connected {
                Ok(transport) => return Ok(Some(transport)),
                Err(error) => self.attempts.insert(place, (address, State::Failed(error))),
            }
            self.next_start = Deadline::after(Duration::ZERO);
        }
        Ok(None)
    }

    /// The places of the attempts that have succeeded or failed.
    fn poll(&self, deadline: Deadline, wakes: &[&Wake]) -> io::Result<Vec<usize>> {
        let connecting = self.attempts.iter().enumerate();
        let (places, mut fds): (Vec<_>, Vec<_>) = connecting
            .filter_map(|(place, (_, state))| match state {
                State::Connecting(socket) => Some((place, PollFd::new(socket, PollFlags::OUT))),
                State::Failed(_) => None,
            })
            .unzip();
        fds.extend(wakes.iter().map(|wake| PollFd::new(*wake, PollFlags::IN)));
        poll_until(&mut fds, deadline)?;
        let (sockets, woken) = fds.split_at(places.len());
        confirm_all(wakes, woken);
        let ready = places.iter().zip(sockets).filter(|(_, fd)| !fd.revents().is_empty());
        Ok(ready.map(|(place, _)| *place).collect())
    }

    /// Ends all attempts, and says how each one ended.
    pub(crate) fn end(self) -> Vec<Attempt> {
        let attempts = self.attempts.into_iter();
        attempts
            .map(|(address, state)| {
                let error = match state {
                    State::Failed(error) => error,
                    State::Connecting(_) => io::ErrorKind::TimedOut.into(),
                };
                Attempt { address: address.into(), error }
            })
            .collect()
    }
}

/// Whether this error of a nonblocking `connect` says that connecting has begun.
fn goes_on(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::INPROGRESS, Errno::INTR].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
