//! Servers: listening, examining requests, and a thread for each connection.
//!
//! **Any web page may connect** unless an [`OriginPolicy`] says otherwise: browsers let every page open a
//! WebSocket to every server, with the user's cookies. A server that trusts cookies, or that only listens on a
//! local network, should use [`OriginPolicy::SameOrigin`] or a list.
//!
//! [`Server::serve`] is all that most programs need. A [`Listener`] returns one request at a time, to examine and then
//! [accept](Request::accept) or [reject](Request::reject). [`accept_over`] does the same for a client that is already
//! connected, and [`accept`] opens such a connection in a single step.

mod address;
mod listener;
mod request;
mod serve;
mod unix_socket;

pub use crate::proto::handshake::{OriginPolicy, Scheme};
pub use address::{ListenAddress, Places};
pub use listener::{Incoming, Listener, ListeningSocket};
pub use request::Request;
pub use serve::{Server, StopHandle, Stopped};

use crate::config::{Config, config_setters, not_zero};
use crate::connection::{Interrupter, WebSocket};
use crate::deadline::Deadline;
use crate::error::{Error, Result, Setting};
use crate::proto::Protocol;
use crate::proto::handshake::{HeadLimits, ServerHandshake, ServerPolicy};
use crate::transport::{Identity, IntoTransport, TcpOptions, TlsAcceptor, TlsAcceptorBuilder, Wake};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The settings that all connections of a server share.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    config: Config,
    tls: Option<TlsAcceptor>,
    tcp: TcpOptions,
    policy: ServerPolicy,
    limits: HeadLimits,
    handshake_timeout: Option<Duration>,
    interrupter: Option<Interrupter>,
    connection_interrupters: bool,
    unix_mode: Option<u32>,
    max_connections: usize,
    stack_size: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: Config::default(),
            tls: None,
            tcp: TcpOptions::default(),
            policy: ServerPolicy::default(),
            limits: HeadLimits::default(),
            handshake_timeout: ServerBuilder::HANDSHAKE_TIMEOUT,
            interrupter: None,
            connection_interrupters: false,
            unix_mode: None,
            max_connections: 1024,
            stack_size: 256 << 10,
        }
    }
}

impl Options {
    fn deadline(&self) -> Deadline {
        Deadline::after(self.handshake_timeout)
    }

    /// By when a request must have been read, and the deadline of the whole handshake, which leaves a part of the time
    /// for telling a client that it was too slow.
    fn deadlines(&self) -> (Deadline, Deadline) {
        let Some(timeout) = self.handshake_timeout else { return (Deadline::NEVER, Deadline::NEVER) };
        let to_refuse = (timeout / 8).min(Duration::from_secs(1));
        let reading = Deadline::after(timeout - to_refuse);
        (reading, reading.later(to_refuse))
    }
}

/// Opens a connection with a client that is connected over `stream`, a TCP or Unix socket of [`std`] or any other
/// transport, in one step: every valid request is accepted. This function uses the default settings;
/// [`ServerBuilder::accept`] lets you change them, and [`ServerBuilder::accept_over`] lets you examine the request
/// first.
///
/// Blocks until it is open, for at most 10 s.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}/", listener.local_addr()?);
/// # let client = std::thread::spawn(move || landline::connect(&url)?.recv());
/// let (stream, _) = listener.accept()?;
/// let mut ws = landline::accept(stream)?;
/// ws.send("welcome")?;
/// # assert!(client.join().unwrap()?.is_some());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`ServerBuilder::accept`].
pub fn accept(stream: impl IntoTransport) -> Result<WebSocket> {
    ServerBuilder::default().accept(stream)
}

/// Reads the request of a client that is connected over `transport`, such as a TCP or Unix socket of [`std`], memory,
/// or a tunnel.
///
/// Blocks until the request has arrived, for at most 10 s.
///
/// # Errors
///
/// [`Error::Rejected`] for a request that is not a WebSocket opening; it has been answered.
/// [`Error::Timeout`], [`Error::Io`].
pub fn accept_over(transport: impl IntoTransport, config: &Config) -> Result<Request> {
    ServerBuilder::default().config(config.clone()).accept_over(transport)
}

/// Options of a [`Server`] or [`Listener`].
///
/// ```
/// use landline::server::OriginPolicy;
/// let server = landline::Server::builder()
///     .origins(OriginPolicy::SameOrigin)
///     .subprotocols(["chat.v2", "chat.v1"])
///     .max_connections(100)
///     .bind("127.0.0.1:0")?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ServerBuilder {
    options: Options,
    error: Option<Error>,
}

impl ServerBuilder {
    /// The default of [`handshake_timeout`](Self::handshake_timeout).
    pub const HANDSHAKE_TIMEOUT: Option<Duration> = Some(Duration::from_secs(10));

    /// Speaks TLS (`wss`) with this certificate. If it is from files, they are read again for each client, so that a renewed
    /// certificate is used without a restart. [`tls_options`](Self::tls_options) has further options.
    #[must_use]
    pub fn tls(self, identity: Identity) -> Self {
        self.tls_options(TlsAcceptor::builder().identity(identity))
    }

    /// Speaks TLS (`wss`) with these options: several certificates, certificates of clients, versions, the TLS library.
    ///
    /// ```no_run
    /// use landline::transport::{ClientCerts, TlsAcceptor};
    /// let options = TlsAcceptor::builder()
    ///     .identity_pem_files("server.pem", "server.key")
    ///     .client_certs(ClientCerts::Required)
    ///     .client_ca_file("clients.pem");
    /// let listener = landline::Server::builder().tls_options(options).listen("[::]:443")?;
    /// let request = listener.accept()?;
    /// let tls = request.tls_info().expect("it is a server with TLS");
    /// let client = tls.peer_certificate().expect("it is required");
    /// println!("{} is {:?}", client.common_name(), client.names());
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn tls_options(mut self, options: TlsAcceptorBuilder) -> Self {
        match options.build() {
            Ok(tls) => self.options.tls = Some(tls),
            Err(error) => drop(self.error.get_or_insert(error)),
        }
        self
    }

    /// Which pages browsers may connect from. Default any: see the [module](self).
    #[must_use]
    pub fn origins(mut self, policy: OriginPolicy) -> Self {
        self.options.policy.origins = policy;
        self
    }

    /// The scheme by which browsers reach this server, needed if a proxy in front of it does TLS. Default: `https` for
    /// a server that does TLS itself, otherwise unknown. [`OriginPolicy::SameOrigin`] compares it.
    #[must_use]
    pub fn public_scheme(mut self, scheme: Scheme) -> Self {
        self.options.policy.public_scheme = Some(scheme);
        self
    }

    /// The subprotocols this server speaks, best first. The first one that a client offers is chosen; a client
    /// that offers none of them is accepted without.
    #[must_use]
    pub fn subprotocols<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.options.policy.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a header to each response that opens a connection, with its name sent exactly as given. Headers of the
    /// handshake itself cannot be set.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Err(error) = self.options.policy.headers.append(name, value) {
            self.error.get_or_insert(error.into());
        }
        self
    }

    /// Sets the options of TCP sockets.
    #[must_use]
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.options.tcp = options;
        self
    }

    /// The permissions of the file of a Unix socket, such as `0o660`, whatever the umask is: on Linux, a client may connect
    /// only if it may write to the file. Nobody can connect before they are set. Default: what the umask leaves of `0o777`.
    #[must_use]
    pub fn unix_mode(mut self, mode: u32) -> Self {
        self.options.unix_mode = Some(mode);
        self
    }

    /// Limits on requests.
    #[must_use]
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.options.limits = limits;
        self
    }

    /// How long a client may take for TLS and its request together, and for reading the response if it is refused. An
    /// eighth of this time, but at most 1 s, is reserved for that response. Default 10 s.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.handshake_timeout = timeout;
        self
    }

    /// Makes [`Listener::accept`] interruptible.
    #[must_use]
    pub fn interrupter(mut self, interrupter: Interrupter) -> Self {
        self.options.interrupter = Some(interrupter);
        self
    }

    /// Makes the [`Interrupter`] of each connection before its client is accepted, so that
    /// [`WebSocket::interrupter`](crate::WebSocket::interrupter) needs no further descriptor and cannot fail. While the
    /// process has no descriptors left for it, clients wait to be accepted. Default off.
    #[must_use]
    pub fn connection_interrupters(mut self, make: bool) -> Self {
        self.options.connection_interrupters = make;
        self
    }

    /// How many connections [`Server::serve`] has at a time, counted from when they are accepted. Further clients are
    /// refused with 503, or dropped while 32 others are being refused. Default 1,024.
    #[must_use]
    pub fn max_connections(mut self, count: usize) -> Self {
        self.options.max_connections = count;
        self
    }

    /// Stack size of each connection's thread in [`Server::serve`], in bytes. Default 256 KiB.
    #[must_use]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.options.stack_size = bytes;
        self
    }

    config_setters!(options.config);

    /// Binds a server to a TCP address, such as `"127.0.0.1:9001"`, `"[::1]:9001"` or `"localhost:9001"`; port 0 takes
    /// a free one. With a Unix socket, such as `"ws+unix:/run/feed.sock"`, it does what
    /// [`bind_unix`](Self::bind_unix) does.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an address that is not of this form or a name that cannot be looked up, and with
    /// [`Error::Tls`] for options that cannot be used; [`Error::Io`].
    pub fn bind(self, address: impl ListenAddress) -> Result<Server> {
        self.listen(address).map(Server::over)
    }

    /// Binds a server to a Unix socket. A socket file on which no process listens any more is replaced. The file is
    /// removed when the server is dropped.
    ///
    /// If several servers do this at the same time, one of them succeeds. A socket that another program has bound, but
    /// on which it does not listen yet, cannot be distinguished from a stale one.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind); [`Error::Io`] of kind `AddrInUse` if a process listens on the socket, or if the file is
    /// not a socket.
    pub fn bind_unix(self, path: impl AsRef<Path>) -> Result<Server> {
        self.listen_unix(path).map(Server::over)
    }

    /// Binds a listener as [`bind`](Self::bind) does a server, for a program that accepts connections itself.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn listen(self, address: impl ListenAddress) -> Result<Listener> {
        Listener::at(&address, self.checked()?)
    }

    /// Binds a listener as [`bind_unix`](Self::bind_unix) does a server, for a program that accepts connections itself.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn listen_unix(self, path: impl AsRef<Path>) -> Result<Listener> {
        Listener::unix(path.as_ref(), self.checked()?)
    }

    /// As [`listen`](Self::listen), over a socket that listens already: a `std` `TcpListener` or `UnixListener`.
    ///
    /// For servers of several processes: bind the socket, fork, and make a listener in each process, all of which then
    /// accept from it. The socket is put into nonblocking mode. When the listener is dropped the socket is closed, and
    /// goes on to listen where others have a copy of it; the file of a Unix socket stays.
    ///
    /// ```
    /// let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// // Each process that is forked from here on can do this:
    /// let listener = landline::Server::builder().listen_from(socket.try_clone()?)?;
    /// assert_eq!(listener.local_addr().unwrap(), socket.local_addr()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn listen_from(self, socket: impl Into<ListeningSocket>) -> Result<Listener> {
        Listener::from_socket(socket.into(), self.checked()?)
    }

    /// As [`bind`](Self::bind), over a socket that listens already. See [`listen_from`](Self::listen_from).
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_from(self, socket: impl Into<ListeningSocket>) -> Result<Server> {
        self.listen_from(socket).map(Server::over)
    }

    /// Reads the request of a client that is connected over `transport`, as [`accept_over`] does, with these options.
    ///
    /// # Errors
    ///
    /// As [`accept_over`], [`Error::Config`], and [`Error::Interrupted`] with an
    /// [`interrupter`](Self::interrupter): the client has been dropped.
    pub fn accept_over(self, transport: impl IntoTransport) -> Result<Request> {
        let options = self.checked()?;
        options.interrupter.as_ref().map_or(Ok(()), Interrupter::check_process)?;
        let transport = transport.into_transport(&options.tcp);
        let transport = transport.map_err(|error| Error::io("setting up a connection", error))?;
        let interrupter = options.connection_interrupters.then(Interrupter::new).transpose()?;
        let wake = options.interrupter.as_ref().map(Interrupter::recv_wake);
        let request = Request::read(transport, &options, interrupter, wake);
        if matches!(request, Err(Error::Interrupted(_))) {
            wake.map(Wake::take);
        }
        request
    }

    /// Opens a connection with a client that is connected over `stream`, in one step: reads its request and accepts it,
    /// with TLS before it if there is to be any.
    ///
    /// Blocks until the connection is open, for at most the handshake timeout (10 s).
    ///
    /// # Errors
    ///
    /// [`Error::Config`]; [`Error::Rejected`] for a client that may not connect or does not ask for a WebSocket, which
    /// has been answered; [`Error::Tls`], [`Error::Timeout`], [`Error::Interrupted`], [`Error::Closed`], [`Error::Io`].
    pub fn accept(self, stream: impl IntoTransport) -> Result<WebSocket> {
        self.accept_over(stream)?.accept()
    }

    /// A server's end of one connection, for a program with an event loop of its own that does the I/O: see
    /// [`Protocol`]. It decides on requests as these options say. Time limits, keepalive, TCP options, limits on
    /// connections and the interrupter do nothing, and the caller does TLS. Never blocks.
    ///
    /// ```
    /// use landline::server::OriginPolicy;
    /// let mut end = landline::Server::builder().origins(OriginPolicy::SameOrigin).protocol()?;
    /// end.receive(b"GET / HTTP/1.1\r\n\r\n");
    /// assert!(end.output().starts_with(b"HTTP/1.1 400 Bad Request\r\n"));
    /// # Ok::<(), landline::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Config`], and [`Error::Tls`] for a certificate that cannot be used.
    pub fn protocol(self) -> Result<Protocol> {
        let options = self.checked()?;
        let server = Protocol::server(ServerHandshake::new(options.limits), options.policy.clone());
        Ok(server.with_limits(options.config.limits))
    }

    fn checked(self) -> Result<Arc<Options>> {
        let Self { mut options, error } = self;
        if let Some(error) = error {
            return Err(error);
        }
        options.policy.check()?;
        options.config.check()?;
        options.tcp.check()?;
        let advice = "every client would be refused; give more, or no limit";
        not_zero(Setting::HandshakeTimeout, options.handshake_timeout, advice)?;
        options.policy.compression.clone_from(&options.config.compression);
        if options.tls.is_some() {
            options.policy.public_scheme.get_or_insert(Scheme::Https);
        }
        Ok(Arc::new(options))
    }
}
