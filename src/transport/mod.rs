//! Byte pipes that a connection can run over: TCP, Unix sockets, TLS over any of them, memory, streams of the
//! caller's own. Nothing here knows WebSocket.
//!
//! A [`Transport`] can be used by two threads at once, one reading and one writing. Its operations never block,
//! with one exception; [`Transport::wait`] is where threads wait. That split is what makes time limits and
//! interruption harmless: a call that gives up while waiting has touched nothing.
//!
//! The order of calls, for reading: `read`; on `WouldBlock`, `wait` for reading, and again. For writing: `write`;
//! on `WouldBlock`, `wait` for writing, and again; when all is written, `flush` in the same way.

mod discard;
mod halves;
mod into;
mod memory;
mod socket;
mod tcp_options;
mod tls;
mod wait;

pub use halves::Halves;
pub use into::IntoTransport;
pub use memory::{MemoryTransport, pair};
pub use socket::SocketTransport;
pub use tcp_options::TcpOptions;
pub use tls::{Identity, TlsAcceptor, TlsConnector, TlsConnectorBuilder, TlsTransport};
pub use wait::{Interest, Ready, Wake, wait_fd};

pub(crate) use discard::{Pace, SCRATCH};
pub(crate) use socket::connect_tcp;
pub(crate) use wait::{CHANGED, INTERRUPT};

use crate::deadline::Deadline;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// A two-way stream of bytes that one thread can read while another one writes.
///
/// Implement it to run WebSocket over anything; for a socket of your own, [`SocketTransport`] is enough, and for
/// a pair of blocking streams, [`Halves`].
///
/// # Errors
///
/// `WouldBlock` means: not now, [`wait`](Self::wait) and try again. Every other error is final.
pub trait Transport: Send + Sync {
    /// Reads what is there, without waiting. `Ok(0)` is the end of the stream, `buf` being never empty.
    #[expect(clippy::missing_errors_doc, reason = "the trait says it for all methods")]
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes as much as there is room for, without waiting.
    ///
    /// After `WouldBlock`, or when only a part was taken, the next call begins with the same bytes that were
    /// not taken, though they may lie elsewhere and more may follow them.
    #[expect(clippy::missing_errors_doc, reason = "the trait says it for all methods")]
    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Hands on what `write` took and still holds, without waiting. Only buffering transports have any.
    #[expect(clippy::missing_errors_doc, reason = "the trait says it for all methods")]
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    /// Waits until one of the interests can be served, `deadline` has passed, or `wake` is set, whichever comes
    /// first. May return early with nothing ready; the caller asks again.
    #[expect(clippy::missing_errors_doc, reason = "the trait says it for all methods")]
    fn wait(&self, interest: Interest, deadline: Deadline, wake: Option<&Wake>) -> io::Result<Ready>;

    /// A low-water mark: until the next call, [`wait`](Self::wait) need not say that reading is possible before so many
    /// bytes are there, or the end of the stream. So many are certain to come, but it may take long. A mark of 1 is
    /// none. [`read`](Self::read) goes on to give whatever there is, [`read_blocking`](Self::read_blocking) is not
    /// called while there is a mark, and only the thread that reads sets it.
    ///
    /// Every wake-up that this saves makes large messages cheaper. `false`, as by default, means that there is no mark
    /// now. A transport that changes the bytes, as TLS does, must not hand the call on.
    fn set_low_water(&self, bytes: usize) -> bool {
        let _ = bytes;
        false
    }

    /// Reads, waiting for data as long as it takes, or gives `WouldBlock` after `idle` without any.
    ///
    /// Only used when nothing else could end the wait. A socket does it in one system call.
    #[expect(clippy::missing_errors_doc, reason = "the trait says it for all methods")]
    fn read_blocking(&self, buf: &mut [u8], idle: Option<Duration>) -> io::Result<usize> {
        let deadline = Deadline::after(idle);
        loop {
            match self.read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if deadline.is_over() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.wait(Interest::READ, deadline, None)?;
        }
    }

    /// Ends the stream towards the peer, after what was written and flushed. Reading goes on.
    #[expect(clippy::missing_errors_doc, reason = "the trait says it for all methods")]
    fn close_write(&self) -> io::Result<()>;

    /// Ends both directions at once, from any thread, and wakes whoever waits.
    fn abort(&self);

    /// The peer's address, if there is such a thing.
    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// The address of this end, if there is such a thing.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// The descriptor under the transport, if there is one.
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Whether [`release_memory`](Self::release_memory) would give anything back. Asked before each wait for data.
    fn holds_spare_memory(&self) -> bool {
        false
    }

    /// Gives memory back that an idle connection does not need: nothing has come for a while. Only the thread that
    /// reads calls it. Nothing that was received or written may be lost.
    fn release_memory(&self) {}

    /// Whether `read` may have data that a descriptor's readiness does not show.
    fn has_buffered(&self) -> bool {
        false
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        (**self).read(buf)
    }
    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (**self).write(bufs)
    }
    fn flush(&self) -> io::Result<()> {
        (**self).flush()
    }
    fn wait(&self, interest: Interest, deadline: Deadline, wake: Option<&Wake>) -> io::Result<Ready> {
        (**self).wait(interest, deadline, wake)
    }
    fn set_low_water(&self, bytes: usize) -> bool {
        (**self).set_low_water(bytes)
    }
    fn read_blocking(&self, buf: &mut [u8], idle: Option<Duration>) -> io::Result<usize> {
        (**self).read_blocking(buf, idle)
    }
    fn close_write(&self) -> io::Result<()> {
        (**self).close_write()
    }
    fn abort(&self) {
        (**self).abort();
    }
    fn peer_addr(&self) -> Option<SocketAddr> {
        (**self).peer_addr()
    }
    fn local_addr(&self) -> Option<SocketAddr> {
        (**self).local_addr()
    }
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        (**self).as_fd()
    }
    fn holds_spare_memory(&self) -> bool {
        (**self).holds_spare_memory()
    }
    fn release_memory(&self) {
        (**self).release_memory();
    }
    fn has_buffered(&self) -> bool {
        (**self).has_buffered()
    }
}
