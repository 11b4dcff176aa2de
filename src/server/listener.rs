//! Listening sockets that return requests.

use super::unix_socket::{SocketFile, bind_unix};
use super::{ListenAddress, Options, Places, Request, ServerBuilder};
use crate::config::Config;
use crate::connection::Interrupter;
use crate::deadline::Deadline;
use crate::error::{ConfigError, Error, Interrupted, Phase, Result, Timeout};
use crate::process::{DroppedByMaker, Process};
use crate::transport::{INTERRUPT, Interest, SocketTransport, Wake, wait_fd};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

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
///     ws.close(landline::CloseCode::NORMAL_CLOSURE, "")?;
/// } else {
///     request.reject(http::StatusCode::NOT_FOUND, http::HeaderMap::new(), "no such path\n")?;
/// }
/// # assert!(client.join().unwrap()?);
/// # Ok(())
/// # }
/// ```
///
/// A listener belongs to the process that made it: see [`process`](crate::process). Processes that share a socket each
/// make their own listener, with [`ServerBuilder::listen_from`].
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    made_in: Process,
    /// The socket is shared with others that listen, who go on when this one stops.
    shared: bool,
    /// Set for good by [`stop`](Self::stop).
    stopped: Arc<Wake>,
    /// The interrupter of the next connection, where connections get one.
    next_interrupter: Mutex<Option<Interrupter>>,
    pub(super) options: Arc<Options>,
}

/// A socket that listens already: see [`ServerBuilder::listen_from`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ListeningSocket {
    /// Of TCP.
    Tcp(TcpListener),
    /// A Unix socket, whose file stays the caller's.
    Unix(UnixListener),
}

impl From<TcpListener> for ListeningSocket {
    fn from(socket: TcpListener) -> Self {
        Self::Tcp(socket)
    }
}

impl From<UnixListener> for ListeningSocket {
    fn from(socket: UnixListener) -> Self {
        Self::Unix(socket)
    }
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix {
        // Dropped first: while the socket is open, no other file can have this one's inode.
        file: Option<DroppedByMaker<SocketFile>>,
        listener: UnixListener,
    },
}

fn bad_address(address: &str, form: &'static str, error: io::Error) -> Error {
    ConfigError::Address { address: address.to_owned(), advice: form, source: error }.into()
}

/// What went wrong with an address, by its name.
fn cannot_listen(address: &str, form: &'static str, error: io::Error) -> Error {
    match error.kind() {
        // std's, before the system is asked.
        io::ErrorKind::InvalidInput if error.raw_os_error().is_none() => bad_address(address, form, error),
        _ => Error::io(format!("listening on {address}"), error),
    }
}

impl Listener {
    /// Listens on a TCP address, such as `"127.0.0.1:9001"`, where port 0 takes a free one, or on a Unix socket, such as
    /// `"ws+unix:/run/feed.sock"`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an address that is not of this form or a name that cannot be looked up; [`Error::Io`].
    pub fn bind(address: impl ListenAddress) -> Result<Self> {
        Self::builder().listen(address)
    }

    /// Returns a builder with the default options.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    pub(super) fn at(address: &impl ListenAddress, options: Arc<Options>) -> Result<Self> {
        const FORM: &str = "give an address and a port, such as 127.0.0.1:9001, [::1]:9001 or localhost:9001, where \
                            [::]:9001 and 0.0.0.0:9001 are every address, or a Unix socket, such as \
                            ws+unix:/run/feed.sock";
        let name = format!("{address:?}");
        let addresses = match address.places().map_err(|error| bad_address(&name, FORM, error))? {
            Places::Tcp(addresses) => addresses,
            Places::Unix(path) => return Self::unix(&path, options),
        };
        let listen = || {
            let listener = TcpListener::bind(&addresses[..])?;
            listener.set_nonblocking(true)?;
            options.tcp.apply_buffers(&listener)?;
            Ok(listener)
        };
        let socket = listen().map_err(|error| cannot_listen(&name, FORM, error))?;
        Self::over(Socket::Tcp(socket), false, options)
    }

    pub(super) fn unix(path: &Path, options: Arc<Options>) -> Result<Self> {
        const FORM: &str = "give the path of a file in a directory that is there";
        let bound = bind_unix(path, options.unix_mode);
        let bound = bound.map_err(|error| cannot_listen(&format!("unix:{}", path.display()), FORM, error));
        let (listener, file) = bound?;
        Self::over(Socket::Unix { file: Some(DroppedByMaker::new(file)), listener }, false, options)
    }

    pub(super) fn from_socket(socket: ListeningSocket, options: Arc<Options>) -> Result<Self> {
        let socket = match socket {
            ListeningSocket::Tcp(listener) => listener.set_nonblocking(true).map(|()| Socket::Tcp(listener)),
            ListeningSocket::Unix(listener) => {
                listener.set_nonblocking(true).map(|()| Socket::Unix { file: None, listener })
            }
        };
        Self::over(socket.map_err(|error| Error::io("starting to listen", error))?, true, options)
    }

    fn over(socket: Socket, shared: bool, options: Arc<Options>) -> Result<Self> {
        let stopped = Wake::new().map_err(|error| Error::io("starting to listen", error))?;
        let stopped = Arc::new(stopped);
        let made_in = Process::current();
        Ok(Self { socket, made_in, shared, stopped, next_interrupter: Mutex::default(), options })
    }

    /// Stops listening, for good, from any thread.
    ///
    /// From then on, clients are refused, calls that wait for a client or read a request fail with
    /// [`Error::Interrupted`], and the file of a Unix socket has been removed. Clients that have connected but have not
    /// been accepted are dropped, and so are those whose request is being read. Requests that have been read, and
    /// connections, are not affected. Never blocks.
    ///
    /// On systems that cannot shut down a listening socket, clients can connect until the listener is dropped. A socket
    /// passed to [`listen_from`](ServerBuilder::listen_from) keeps listening if others have a copy of it.
    ///
    /// Does nothing in a process that was forked from the one that made the listener.
    pub fn stop(&self) {
        if !self.made_in.is_current() {
            return;
        }
        self.stopped.set(INTERRUPT);
        if let Some(interrupter) = &self.options.interrupter {
            interrupter.interrupt_recv();
        }
        if self.shared {
            return;
        }
        self.shut_down();
        // TCP resets those in the backlog by itself.
        while self.try_accept().is_ok() {}
    }

    /// The file of a Unix socket goes first: once the socket is shut down, another listener may take its place.
    fn shut_down(&self) {
        if let Socket::Unix { file: Some(file), .. } = &self.socket {
            file.remove();
        }
        let _ = rustix::net::shutdown(self.as_fd(), rustix::net::Shutdown::Both);
    }

    /// The settings of its connections.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.options.config
    }

    pub(super) fn stopped(&self) -> &Arc<Wake> {
        &self.stopped
    }

    /// The address that it listens on; `None` for a Unix socket.
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
    /// [`Error::Rejected`], [`Error::Tls`], [`Error::Timeout`] and [`Error::Closed`] concern one client, which has been
    /// answered; the listener can be used as before. [`Error::Interrupted`] by an interrupter or [`stop`](Self::stop):
    /// a client whose request was being read has been dropped. [`Error::Io`] of the listening socket, or of one client.
    pub fn accept(&self) -> Result<Request> {
        self.interruptible(|wake| self.accept_until(Deadline::NEVER, wake)?.request_unless(wake))
    }

    /// Waits for a client, without reading its request.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`], [`Error::Io`]. If the process has no descriptor left, the client stays in the backlog.
    pub fn accept_incoming(&self) -> Result<Incoming> {
        self.interruptible(|wake| self.accept_until(Deadline::NEVER, wake))
    }

    /// Waits for a client as [`accept_incoming`](Self::accept_incoming) does, until a deadline.
    ///
    /// # Errors
    ///
    /// As [`accept_incoming`](Self::accept_incoming), and [`Error::Timeout`].
    pub fn accept_deadline(&self, deadline: impl Into<Deadline>) -> Result<Incoming> {
        let deadline = deadline.into();
        self.interruptible(|wake| self.accept_until(deadline, wake))
    }

    fn interruptible<T>(&self, accept: impl FnOnce(&Wake) -> Result<T>) -> Result<T> {
        self.options.interrupter.as_ref().map_or(Ok(()), Interrupter::check_process)?;
        let interrupter = self.options.interrupter.as_ref().map(Interrupter::recv_wake);
        let accepted = accept(interrupter.unwrap_or(&self.stopped));
        if let (Err(Error::Interrupted(_)), Some(interrupter)) = (&accepted, interrupter) {
            interrupter.take();
            if self.stopped.is_set() {
                // For good, and for calls in other threads.
                interrupter.set(INTERRUPT);
            }
        }
        accepted
    }

    pub(super) fn check_process(&self) -> Result<()> {
        self.made_in.check()
    }

    pub(super) fn accept_until(&self, deadline: Deadline, wake: &Wake) -> Result<Incoming> {
        self.check_process()?;
        loop {
            if wake.is_interrupting() || self.stopped.is_set() {
                return Err(Interrupted::during(Phase::Accept));
            }
            let interrupter = self.take_interrupter()?;
            match self.try_accept() {
                Ok(stream) => {
                    let (stopped, options) = (Arc::clone(&self.stopped), Arc::clone(&self.options));
                    return Ok(Incoming { stream, made_in: Process::current(), stopped, interrupter, options });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.put_interrupter_back(interrupter),
                // As a socket that has been shut down does.
                Err(_) if self.stopped.is_set() => continue,
                Err(error) => return Err(Error::io("accepting a connection", error)),
            }
            if deadline.is_over() {
                return Err(Timeout::of(Phase::Accept));
            }
            wait_fd(self.as_fd(), Interest::READ, deadline, Some(wake))
                .map_err(|error| Error::io("waiting for a connection", error))?;
        }
    }

    /// The descriptors that a connection needs besides its socket, before its client is taken out of the backlog.
    fn take_interrupter(&self) -> Result<Option<Interrupter>> {
        if !self.options.connection_interrupters {
            return Ok(None);
        }
        let kept = self.next_interrupter.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.map_or_else(Interrupter::new, Ok).map(Some)
    }

    fn put_interrupter_back(&self, interrupter: Option<Interrupter>) {
        if interrupter.is_some() {
            *self.next_interrupter.lock().unwrap_or_else(PoisonError::into_inner) = interrupter;
        }
    }

    fn try_accept(&self) -> io::Result<Stream> {
        Ok(match &self.socket {
            Socket::Tcp(listener) => Stream::Tcp(listener.accept()?.0),
            Socket::Unix { listener, .. } => Stream::Unix(listener.accept()?.0),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Closing the descriptor leaves the port taken, and lets clients connect to nobody, while a forked child has a
        // copy of it.
        if self.made_in.is_current() && !self.shared {
            self.shut_down();
        }
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

/// A client that is connected and whose request has not been read. Returned by [`Listener::accept_incoming`].
///
/// ```
/// # let listener = landline::Listener::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}/", listener.local_addr().unwrap());
/// # let client = std::thread::spawn(move || landline::connect(&url));
/// let incoming = listener.accept_incoming()?;
/// // So that a client that sends its request slowly delays no other.
/// let thread = std::thread::spawn(move || incoming.request()?.accept()?.send("welcome"));
/// # assert_eq!(client.join().unwrap()?.recv()?, Some(landline::Message::Text("welcome".into())));
/// # thread.join().unwrap()?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Debug)]
pub struct Incoming {
    stream: Stream,
    made_in: Process,
    /// Of its listener.
    stopped: Arc<Wake>,
    interrupter: Option<Interrupter>,
    options: Arc<Options>,
}

impl Incoming {
    /// Reads its request, TLS included.
    ///
    /// Blocks for at most the handshake timeout (10 s).
    ///
    /// # Errors
    ///
    /// As [`Listener::accept`], but only for this client. [`Error::Interrupted`] if the listener has been
    /// [stopped](Listener::stop); the client has then been dropped.
    pub fn request(self) -> Result<Request> {
        let stopped = Arc::clone(&self.stopped);
        self.request_unless(&stopped)
    }

    /// The same, ended with `Interrupted` while `wake` is set.
    fn request_unless(self, wake: &Wake) -> Result<Request> {
        self.made_in.check()?;
        // Not while accepting: what is wrong with this socket must not be taken for a failure of the listener.
        let transport = match self.stream {
            Stream::Tcp(stream) => SocketTransport::tcp(stream, &self.options.tcp),
            Stream::Unix(stream) => SocketTransport::unix(stream),
        };
        let transport = transport.map_err(|error| Error::io("setting up a connection", error))?;
        Request::read(Box::new(transport), &self.options, self.interrupter, Some(wake))
    }
}
