//! A listening socket that gives requests.

use super::{Options, Request, ServerBuilder};
use crate::connection::Interrupter;
use crate::error::{Budget, Error, Interrupted, Result, Timeout};
use crate::transport::{Interest, SocketTransport, Wake, wait_fd};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Accepts connections one at a time, in the caller's thread.
///
/// ```
/// # fn main() -> landline::Result<()> {
/// let listener = landline::Listener::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}/chat", listener.local_addr().unwrap());
/// # let client = std::thread::spawn(move || {
/// #     let mut ws = landline::connect(&url)?;
/// #     while ws.recv()?.is_some() {}
/// #     Ok::<_, landline::Error>(ws.close_info().clean)
/// # });
/// let request = listener.accept()?;
/// if request.path() == "/chat" {
///     let mut ws = request.accept()?;
///     ws.send("welcome")?;
///     ws.close(landline::CloseCode::NORMAL, "")?;
/// } else {
///     request.reject(http::StatusCode::NOT_FOUND, http::HeaderMap::new(), "no such path\n")?;
/// }
/// # assert!(client.join().unwrap()?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    pub(super) options: Arc<Options>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix {
        // Dropped first: while the socket is open, no other file can have this one's inode.
        _file: SocketFile,
        listener: UnixListener,
    },
}

/// The file of a Unix socket, removed with the listener unless another one has taken its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    id: Option<(u64, u64)>,
}

impl SocketFile {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), id: Self::id(path) }
    }

    fn id(path: &Path) -> Option<(u64, u64)> {
        std::fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.id.is_some() && Self::id(&self.path) == self.id {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Listener {
    /// Listens on a TCP address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn bind(address: impl ToSocketAddrs) -> Result<Self> {
        Self::builder().listen(address)
    }

    /// To set options.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    pub(super) fn tcp(address: impl ToSocketAddrs, options: Arc<Options>) -> Result<Self> {
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let socket = Socket::Tcp(listen().map_err(|error| Error::io("listening", error))?);
        Ok(Self { socket, options })
    }

    pub(super) fn unix(path: &Path, options: Arc<Options>) -> Result<Self> {
        let listen = || {
            if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
                std::fs::remove_file(path)?;
            }
            let listener = UnixListener::bind(path)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let listener = listen().map_err(|error| Error::io("listening", error))?;
        Ok(Self { socket: Socket::Unix { _file: SocketFile::new(path), listener }, options })
    }

    /// The address that is listened on; `None` for a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            Socket::Unix { .. } => None,
        }
    }

    /// Waits for a client and reads its request, TLS included.
    ///
    /// Blocks until there is one, without limit, and then for at most the handshake timeout (10 s): one slow
    /// client delays the others. To serve many, use [`accept_incoming`](Self::accept_incoming) and read each
    /// request in a thread of its own, as [`Server`](crate::Server) does.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`], [`Error::Tls`], [`Error::Timeout`], [`Error::Closed`] concern one client, who has
    /// been answered: go on. [`Error::Interrupted`]: go on or end; a client whose request was being read has been
    /// dropped. [`Error::Io`]: of the listening socket, or of one client.
    pub fn accept(&self) -> Result<Request> {
        self.interruptible(|wake| self.accept_until(None, wake)?.request_unless(wake))
    }

    /// Waits for a client, and reads nothing yet.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`], [`Error::Io`]; when the process has no descriptor left the client stays in line.
    pub fn accept_incoming(&self) -> Result<Incoming> {
        self.interruptible(|wake| self.accept_until(None, wake))
    }

    /// [`accept_incoming`](Self::accept_incoming) until a moment in time.
    ///
    /// # Errors
    ///
    /// As [`accept_incoming`](Self::accept_incoming), and [`Error::Timeout`].
    pub fn accept_deadline(&self, deadline: Instant) -> Result<Incoming> {
        self.interruptible(|wake| self.accept_until(Some(deadline), wake))
    }

    fn interruptible<T>(&self, accept: impl FnOnce(Option<&Wake>) -> Result<T>) -> Result<T> {
        let wake = self.options.interrupter.as_ref().map(Interrupter::recv_wake);
        let accepted = accept(wake);
        if matches!(accepted, Err(Error::Interrupted(_))) {
            wake.map(Wake::take);
        }
        accepted
    }

    pub(super) fn accept_until(&self, deadline: Option<Instant>, wake: Option<&Wake>) -> Result<Incoming> {
        loop {
            if wake.is_some_and(Wake::is_set) {
                return Err(Interrupted::during(Budget::Accept));
            }
            match self.try_accept() {
                Ok(stream) => return Ok(Incoming { stream, options: Arc::clone(&self.options) }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(Error::io("accepting a connection", error)),
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(Timeout::of(Budget::Accept));
            }
            wait_fd(self.as_fd(), Interest::READ, deadline, wake)
                .map_err(|error| Error::io("waiting for a connection", error))?;
        }
    }

    fn try_accept(&self) -> io::Result<Stream> {
        Ok(match &self.socket {
            Socket::Tcp(listener) => Stream::Tcp(listener.accept()?.0),
            Socket::Unix { listener, .. } => Stream::Unix(listener.accept()?.0),
        })
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(listener) => listener.as_fd(),
            Socket::Unix { listener, .. } => listener.as_fd(),
        }
    }
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A client that is connected and has not been listened to. From [`Listener::accept_incoming`].
#[derive(Debug)]
pub struct Incoming {
    stream: Stream,
    options: Arc<Options>,
}

impl Incoming {
    /// Reads its request, TLS included.
    ///
    /// Blocks for at most the handshake timeout (10 s).
    ///
    /// # Errors
    ///
    /// As [`Listener::accept`], of this client only.
    pub fn request(self) -> Result<Request> {
        self.request_unless(None)
    }

    /// The same, ended with `Interrupted` while `wake` is set.
    pub(super) fn request_unless(self, wake: Option<&Wake>) -> Result<Request> {
        // Not while accepting: what is wrong with this socket must not be taken for a failure of the listener.
        let transport = match self.stream {
            Stream::Tcp(stream) => SocketTransport::tcp(stream, &self.options.tcp),
            Stream::Unix(stream) => SocketTransport::unix(stream),
        };
        let transport = transport.map_err(|error| Error::io("setting up a connection", error))?;
        Request::read(Box::new(transport), &self.options, wake)
    }
}
