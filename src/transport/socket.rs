//! Stream sockets: TCP and Unix.

use super::{Interest, Ready, TcpOptions, Transport, Wake, wait_fd};
use crate::deadline::Deadline;
use crate::process::Process;
use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_recv_buffer_size};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A connected stream socket.
///
/// The socket is in blocking mode, so that a read without a deadline is one system call; all other calls pass
/// `MSG_DONTWAIT`. No call raises SIGPIPE.
///
/// Dropping it in the process that made it ends the connection in both directions, even if there are other copies of
/// the descriptor, made by `try_clone` or inherited by forked children.
#[derive(Debug)]
pub struct SocketTransport {
    fd: OwnedFd,
    /// The receive timeout set on the socket, in milliseconds; 0 is none. Set again only when it changes.
    receive_limit: AtomicU64,
    /// Whether `poll` respects `SO_RCVLOWAT` and never waits for more than the buffer can hold: TCP on Linux.
    can_mark: bool,
    made_in: Process,
    /// The peer has been told that nothing more will come, or another owner of the socket will do that.
    ended: AtomicBool,
    /// The socket has been given to another owner.
    detached: AtomicBool,
}

/// Flags for sending without waiting and without SIGPIPE. Where there is no flag against SIGPIPE, a socket option is
/// set instead.
#[cfg(not(target_vendor = "apple"))]
const SENDING: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(target_vendor = "apple")]
const SENDING: SendFlags = SendFlags::DONTWAIT;

impl SocketTransport {
    /// Makes a transport of a connected TCP stream.
    ///
    /// # Errors
    ///
    /// When a socket option cannot be set.
    pub fn tcp(stream: TcpStream, options: &TcpOptions) -> io::Result<Self> {
        options.apply(&stream)?;
        Self::over(stream.into(), cfg!(any(target_os = "linux", target_os = "android")))
    }

    /// Makes a transport of a connected Unix stream socket.
    ///
    /// # Errors
    ///
    /// When a socket option cannot be set.
    pub fn unix(stream: UnixStream) -> io::Result<Self> {
        Self::over(stream.into(), false)
    }

    fn over(fd: OwnedFd, can_mark: bool) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, false)?;
        set_socket_timeout(&fd, Timeout::Recv, None)?;
        #[cfg(target_vendor = "apple")]
        rustix::net::sockopt::set_socket_nosigpipe(&fd, true)?;
        Ok(Self {
            fd,
            receive_limit: AtomicU64::new(0),
            can_mark,
            made_in: Process::current(),
            ended: AtomicBool::new(false),
            detached: AtomicBool::new(false),
        })
    }

    fn limit_receive(&self, limit: Option<Duration>) -> io::Result<()> {
        let millis = limit.map_or(0, |limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1));
        if self.receive_limit.load(Ordering::Relaxed) != millis {
            set_socket_timeout(&self.fd, Timeout::Recv, limit)?;
            self.receive_limit.store(millis, Ordering::Relaxed);
        }
        Ok(())
    }

    fn recv(&self, buf: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
        let (count, _) = rustix::io::retry_on_intr(|| rustix::net::recv(&self.fd, &mut *buf, flags))?;
        Ok(count)
    }
}

impl Transport for SocketTransport {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.recv(buf, RecvFlags::DONTWAIT)
    }

    fn read_blocking(&self, buf: &mut [u8], idle: Option<Duration>) -> io::Result<usize> {
        self.limit_receive(idle)?;
        self.recv(buf, RecvFlags::empty())
    }

    #[expect(unsafe_code, reason = "no dependency has a safe interface to SO_RCVLOWAT")]
    fn set_low_water(&self, bytes: usize) -> bool {
        if !self.can_mark {
            return false;
        }
        // A larger mark would make the sender stop until the data is read, and the kernel would enlarge the buffer.
        let most = if bytes > 1 { socket_recv_buffer_size(&self.fd).unwrap_or(0) / 4 } else { 1 };
        let value = libc::c_int::try_from(bytes.min(most).max(1)).unwrap_or(1);
        let len = size_of_val(&value) as libc::socklen_t;
        // SAFETY: the descriptor is open as long as `self`, and `value` is a c_int, as this option expects.
        let set = unsafe {
            let value = (&raw const value).cast();
            libc::setsockopt(self.fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVLOWAT, value, len)
        };
        set == 0
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = rustix::io::retry_on_intr(|| match bufs {
            [buf] => rustix::net::send(&self.fd, buf, SENDING),
            bufs => rustix::net::sendmsg(&self.fd, bufs, &mut SendAncillaryBuffer::default(), SENDING),
        })?;
        Ok(count)
    }

    fn wait(&self, interest: Interest, deadline: Deadline, wake: Option<&Wake>) -> io::Result<Ready> {
        wait_fd(self.fd.as_fd(), interest, deadline, wake)
    }

    fn close_write(&self) -> io::Result<()> {
        self.ended.store(true, Ordering::Relaxed);
        match rustix::net::shutdown(&self.fd, Shutdown::Write) {
            // The peer has already closed the connection.
            Ok(()) | Err(rustix::io::Errno::NOTCONN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn abort(&self) {
        if self.detached.load(Ordering::SeqCst) {
            return;
        }
        // With a linger time of zero, closing resets the connection, so that a peer that does not read cannot keep it
        // alive.
        self.ended.store(true, Ordering::Relaxed);
        let _ = rustix::net::sockopt::set_socket_linger(&self.fd, Some(Duration::ZERO));
        let _ = rustix::net::shutdown(&self.fd, Shutdown::Both);
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        rustix::net::getpeername(&self.fd).ok().flatten().and_then(|address| address.try_into().ok())
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        rustix::net::getsockname(&self.fd).ok().and_then(|address| address.try_into().ok())
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.fd.as_fd())
    }

    fn detach(&self) -> Option<io::Result<OwnedFd>> {
        let give = || {
            let socket = self.fd.try_clone()?;
            // Settings of the socket, which both descriptors share.
            self.limit_receive(None)?;
            self.set_low_water(1);
            self.ended.store(true, Ordering::SeqCst);
            self.detached.store(true, Ordering::SeqCst);
            Ok(socket)
        };
        Some(give())
    }
}

impl Drop for SocketTransport {
    fn drop(&mut self) {
        // While a forked child has a copy of the descriptor, closing this one does not tell the peer anything. Data
        // that has been written is still sent.
        if self.made_in.is_current() && !*self.ended.get_mut() {
            let _ = rustix::net::shutdown(&self.fd, Shutdown::Both);
        }
    }
}
