//! The caller's own sockets.

use crate::failure::{Failure, Outcome};
use landline::Error;
use landline::server::ListeningSocket;
use landline::transport::{IntoTransport, TcpOptions, Transport};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

/// The caller's own connected socket.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl IntoTransport for Stream {
    fn into_transport(self, tcp: &TcpOptions) -> io::Result<Box<dyn Transport>> {
        match self {
            Self::Tcp(stream) => stream.into_transport(tcp),
            Self::Unix(stream) => stream.into_transport(tcp),
        }
    }
}

/// The caller's own connected socket, or a duplicate of it.
///
/// # Safety
///
/// `fd` is open, and with `take` it is not used by anything else.
pub(crate) unsafe fn socket(fd: i32, take: i32) -> Outcome<Stream> {
    use rustix::net::AddressFamily;
    // SAFETY: the caller's promise.
    let fd = unsafe { stream_socket(fd, take) }?;
    let system = |error: std::io::Error| Failure::invalid(format!("the descriptor cannot be used: {error}"));
    // Not with SO_DOMAIN, which macOS does not have.
    let family = rustix::net::getsockname(&fd).map_err(|error| system(error.into()))?.address_family();
    check_connected(&fd)?;
    match family {
        AddressFamily::INET | AddressFamily::INET6 => Ok(Stream::Tcp(TcpStream::from(fd))),
        AddressFamily::UNIX => Ok(Stream::Unix(UnixStream::from(fd))),
        _ => Err(Failure::invalid("the descriptor is neither a TCP nor a Unix socket")),
    }
}

/// Refuses a socket that was never connected. One whose peer has already left again has no peer's name either.
fn check_connected(fd: &OwnedFd) -> Outcome<()> {
    use rustix::io::Errno;
    use rustix::net::{RecvFlags, getpeername, recv};
    if getpeername(fd) != Err(Errno::NOTCONN) {
        return Ok(());
    }
    match recv(fd, &mut [0; 1][..], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        // Unix sockets on Linux say that it is invalid.
        Err(Errno::NOTCONN | Errno::INVAL) => {
            Err(Failure::invalid("the descriptor is a socket that is not connected: connect it first"))
        }
        Ok(_) | Err(Errno::AGAIN) => Ok(()),
        // It is not told again.
        Err(error) => {
            let source = Arc::new(io::Error::from(error));
            Err(Error::Io { during: "opening handshake".into(), source }.into())
        }
    }
}

/// The caller's own stream socket, or a duplicate of it.
///
/// # Safety
///
/// As [`socket`].
pub(crate) unsafe fn stream_socket(fd: i32, take: i32) -> Outcome<OwnedFd> {
    use rustix::net::{SocketType, sockopt};
    if fd < 0 {
        return Err(Failure::invalid(format!("{fd} is not a descriptor")));
    }
    let system = |error: std::io::Error| Failure::invalid(format!("descriptor {fd} cannot be used: {error}"));
    // SAFETY: the caller's promise.
    let fd = unsafe {
        if take != 0 {
            OwnedFd::from_raw_fd(fd)
        } else {
            BorrowedFd::borrow_raw(fd).try_clone_to_owned().map_err(system)?
        }
    };
    let kind = sockopt::socket_type(&fd).map_err(|error| system(error.into()))?;
    if kind != SocketType::STREAM {
        return Err(Failure::invalid("the descriptor is not a stream socket"));
    }
    Ok(fd)
}

/// The caller's own listening socket, or a duplicate of it.
///
/// # Safety
///
/// `fd` is open, and with `take` it is not used by anything else.
pub(crate) unsafe fn listening_socket(fd: i32, take: i32) -> Outcome<ListeningSocket> {
    use rustix::net::AddressFamily;
    // SAFETY: the caller's promise.
    let fd = unsafe { stream_socket(fd, take) }?;
    let unusable =
        |error: &dyn std::fmt::Display| Failure::invalid(format!("the descriptor cannot be used: {error}"));
    if !is_listening(&fd).map_err(|error| unusable(&error))? {
        return Err(Failure::invalid("the descriptor is a socket that does not listen"));
    }
    match rustix::net::getsockname(&fd).map_err(|error| unusable(&error))?.address_family() {
        AddressFamily::INET | AddressFamily::INET6 => Ok(TcpListener::from(fd).into()),
        AddressFamily::UNIX => Ok(UnixListener::from(fd).into()),
        _ => Err(Failure::invalid("the descriptor is neither a TCP nor a Unix socket")),
    }
}

#[cfg(not(target_vendor = "apple"))]
fn is_listening(fd: &OwnedFd) -> rustix::io::Result<bool> {
    rustix::net::sockopt::socket_acceptconn(fd)
}

/// Apple's systems do not tell. If the socket does not listen, accepting fails.
#[cfg(target_vendor = "apple")]
fn is_listening(_: &OwnedFd) -> rustix::io::Result<bool> {
    Ok(true)
}
