//! Byte streams that a connection can run over: TCP, Unix sockets, TLS over any of them, memory, or the caller's own
//! streams. Nothing in this module knows about WebSocket.
//!
//! A [`Transport`] can be used by two threads at once, one reading and one writing. Its operations do not block, except
//! [`Transport::wait`], which is where threads wait, and [`Transport::read_blocking`]. This separation makes time
//! limits and interruption safe: a call that gives up while waiting has not changed anything.
//!
//! To read, call `read`; on `WouldBlock`, `wait` until reading is possible, and try again. To write, call `write`; on
//! `WouldBlock`, `wait` until writing is possible, and try again; once everything is written, call `flush` in the same
//! way.

mod halves;
mod into;
mod linger;
mod memory;
mod race;
mod socket;
mod tcp_options;
#[cfg_attr(
    not(any(feature = "native-tls", feature = "rustls")),
    allow(dead_code, reason = "without a library, settings are all there is")
)]
mod tls;
mod unix;
mod wait;

pub use halves::Halves;
pub use into::IntoTransport;
pub use memory::{MemoryTransport, pair};
pub use socket::SocketTransport;
pub use tcp_options::TcpOptions;
pub use tls::{
    Certificate, ClientCerts, Identity, TlsAcceptor, TlsAcceptorBuilder, TlsBackend, TlsConnector,
    TlsConnectorBuilder, TlsInfo, TlsTransport, TlsVersion,
};
pub use wait::{Interest, Ready, Wake, wait_fd};

pub(crate) use linger::{EOF_TIMEOUT, LINGER, Linger, Pace, Progress};
pub(crate) use race::{Outgoing, Race};
pub(crate) use unix::connect_unix;
pub(crate) use wait::{CHANGED, INTERRUPT, wait_for_any};

use crate::deadline::Deadline;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

/// A bidirectional byte stream that one thread can read while another one writes.
///
/// Implement it to run WebSocket over any byte stream. For a socket of your own, [`SocketTransport`] is enough; for a
/// pair of blocking streams, use [`Halves`].
///
/// # Errors
///
/// `WouldBlock` means that the operation is not possible now: [`wait`](Self::wait) and try again. Every other error is
/// final.
pub trait Transport: Send + Sync {
    /// Reads whatever is available, without waiting. `buf` is never empty, so `Ok(0)` is the end of the stream.
    #[expect(clippy::missing_errors_doc, reason = "the trait says it for all methods")]
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes as much as there is room for, without waiting, and returns how many bytes were accepted: at least one,
    /// unless all of `bufs` are empty.
    ///
    /// After `WouldBlock` or a partial write, the next call starts with the bytes that were not accepted, although they
    /// may be at another address and more may follow them.
    #[expect(clippy::missing_errors_doc, reason = "the trait says it for all methods")]
    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Passes on what `write` accepted and still buffers, without waiting. Transports that do not buffer need not
    /// implement it.
    #[expect(clippy::missing_errors_doc, reason = "the trait says it for all methods")]
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    /// Waits until one of the operations in `interest` is possible, `deadline` has passed, or `wake` is set, whichever
    /// comes first. May return early with nothing ready; the caller then waits again.
    #[expect(clippy::missing_errors_doc, reason = "the trait says it for all methods")]
    fn wait(&self, interest: Interest, deadline: Deadline, wake: Option<&Wake>) -> io::Result<Ready>;

    /// Sets a low-water mark: until the next call, [`wait`](Self::wait) need not report that reading is possible before
    /// `bytes` bytes, or the end of the stream, have arrived. The caller knows that at least `bytes` bytes are still to
    /// come, though that may take a long time. A mark of 1 means no mark. [`read`](Self::read) still returns whatever
    /// is available, [`read_blocking`](Self::read_blocking) is not called while a mark is set, and only the reading
    /// thread sets it.
    ///
    /// Each wake-up saved makes large messages cheaper. Returns whether the mark is set; the default implementation
    /// sets none and returns `false`. A transport that transforms the bytes, as TLS does, must not forward the call to
    /// the transport below it.
    fn set_low_water(&self, bytes: usize) -> bool {
        let _ = bytes;
        false
    }

    /// Reads, blocking until data or the end of the stream arrives. If nothing arrives for `idle`, fails with
    /// `WouldBlock`; `None` waits without limit.
    ///
    /// Only called when nothing else has to end the wait. A socket does it in one system call.
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

    /// Ends the stream towards the peer, after what was written and flushed. Reading remains possible.
    #[expect(clippy::missing_errors_doc, reason = "the trait says it for all methods")]
    fn close_write(&self) -> io::Result<()>;

    /// Ends both directions at once, from any thread, and wakes the threads that are waiting.
    fn abort(&self);

    /// The peer's address, if the transport has addresses.
    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// The address of this end, if the transport has addresses.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// The file descriptor that the transport uses, if there is one.
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Gives the socket under the transport to the caller, as another descriptor for it. From then on the transport leaves
    /// the connection alone: it is not ended when the transport is aborted or dropped. `None`, as by default, if it is no
    /// socket, or changes the bytes as TLS does.
    fn detach(&self) -> Option<io::Result<OwnedFd>> {
        None
    }

    /// What is known about TLS, if the transport does TLS. Asks the TLS library, so it takes some microseconds.
    fn tls_info(&self) -> Option<TlsInfo> {
        None
    }

    /// Whether [`release_memory`](Self::release_memory) would release anything. Called before each wait for data.
    fn holds_spare_memory(&self) -> bool {
        false
    }

    /// Releases memory that an idle connection does not need; called when nothing has arrived for a while, by the
    /// reading thread only. Nothing that was received or written may be lost.
    fn release_memory(&self) {}

    /// Whether `read` may return data although the descriptor is not readable, because the transport has buffered it.
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
    fn detach(&self) -> Option<io::Result<OwnedFd>> {
        (**self).detach()
    }
    fn tls_info(&self) -> Option<TlsInfo> {
        (**self).tls_info()
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
