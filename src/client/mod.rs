//! Opening a connection as a client.

mod auth;
mod budget;
mod builder;
mod cookies;
mod dial;
mod dialling;
mod follow;
mod heads;
mod proxy;
mod proxy_rules;
mod tunnel;
mod upgrade;

pub use crate::resolve::AddressFamily;
pub use auth::AuthRequest;
pub use builder::ClientBuilder;
pub use cookies::CookieJar;
pub use proxy::Proxy;
pub use proxy_rules::ProxyRules;

use crate::config::Config;
use crate::connection::{Interrupter, WebSocket};
use crate::entropy;
use crate::error::{Error, Result};
use crate::proto::Protocol;
use crate::proto::handshake::HeadLimits;
use crate::transport::{IntoTransport, TcpOptions, TlsConnector, TlsConnectorBuilder, Wake};
use crate::uri::Endpoint;
use auth::{Identity, OnChallenge};
use budget::{Budget, with_budget};
use dialling::Dialling;
use follow::Ready;
use std::time::Duration;
use upgrade::Template;

/// Opens a connection with the default settings.
///
/// Blocks until it is open, for at most 30 s in total. `url` begins with `ws://` or `wss://`. If it contains a user
/// name and password, they are sent as by [`ClientBuilder::auth`].
///
/// ```no_run
/// let mut ws = landline::connect("wss://example.com/feed")?;
/// while let Some(message) = ws.recv()? {
///     println!("{message:?}");
/// }
/// # Ok::<(), landline::Error>(())
/// ```
///
/// # Errors
///
/// As [`Client::connect`].
pub fn connect(url: &str) -> Result<WebSocket> {
    Client::default().connect(url)
}

/// The settings of a client, with which any number of connections can be opened. See [`Client::builder`].
///
/// ```
/// # let server = landline::Server::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}/", server.local_addr().unwrap());
/// # let stop = server.stop_handle();
/// # let serving = std::thread::spawn(move || server.serve(|ws| drop(ws)));
/// use landline::Client;
/// use std::time::Duration;
///
/// let client = Client::builder().header("X-Api-Key", "1234").connect_timeout(Some(Duration::from_secs(5))).build()?;
/// let first = client.connect(&url)?;
/// let second = client.connect(&url)?;
/// # drop((first, second));
/// # stop.stop(Duration::ZERO);
/// # serving.join().unwrap()?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    config: Config,
    tls: Tls,
    tcp: TcpOptions,
    dialling: Dialling,
    proxies: ProxyRules,
    request: Template,
    connect_timeout: Option<Duration>,
    handshake_timeout: Option<Duration>,
    limits: HeadLimits,
    interrupter: Option<Interrupter>,
    identity: Identity,
    on_challenge: Option<OnChallenge>,
    max_redirects: usize,
    jar: Option<CookieJar>,
}

/// Where the connector for `wss` comes from.
#[derive(Clone, Debug)]
enum Tls {
    Connector(TlsConnector),
    Options(TlsConnectorBuilder),
}

impl Default for Client {
    fn default() -> Self {
        Self {
            config: Config::default(),
            tls: Tls::Options(TlsConnector::builder()),
            tcp: TcpOptions::default(),
            dialling: Dialling::default(),
            proxies: ProxyRules::default(),
            request: Template::default(),
            connect_timeout: Some(Duration::from_secs(10)),
            handshake_timeout: ClientBuilder::HANDSHAKE_TIMEOUT,
            limits: HeadLimits::default(),
            interrupter: None,
            identity: Identity::None,
            on_challenge: None,
            max_redirects: 0,
            jar: None,
        }
    }
}

impl Client {
    /// Returns a builder with the default options.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// let client = landline::Client::builder()
    ///     .header("Authorization", "Bearer 6f2a")
    ///     .subprotocol("v2.feed")
    ///     .connect_timeout(Some(Duration::from_secs(5)))
    ///     .build()?;
    /// let mut ws = client.connect("wss://example.com/feed")?;
    /// assert_eq!(ws.handshake().subprotocol.as_deref(), Some("v2.feed"));
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder { client: Self::default(), error: None, no_proxy: None }
    }

    /// Opens a connection.
    ///
    /// Blocks until it is open. Looking up the name, connecting, going through proxies, TLS and the opening handshake take at
    /// most `handshake_timeout` (30 s) together, redirects and challenges included; connecting alone takes at most
    /// `connect_timeout` (10 s).
    ///
    /// If the host has several addresses, IPv6 and IPv4 take turns, and the next one is tried as well as soon as one has
    /// failed or has not answered for 250 ms; the first to answer is used (Happy Eyeballs, RFC 8305). An address that
    /// does not answer therefore costs little. The system looks up the addresses of both families at the same time, in
    /// helper threads; names without a dot and those in `/etc/hosts` are looked up in one call.
    ///
    /// # Errors
    ///
    /// [`Error::Url`], [`Error::Connect`] with every address that was tried, [`Error::Proxy`], [`Error::Tls`],
    /// [`Error::Handshake`] with status, headers and body if the server refused, [`Error::Redirect`] if a redirect may not
    /// be followed, [`Error::Timeout`] naming the step and the addresses that were tried, [`Error::Interrupted`],
    /// [`Error::Io`].
    pub fn connect(&self, url: &str) -> Result<WebSocket> {
        let endpoint = Endpoint::parse(url)?;
        self.interruptible(|budget| self.follow(endpoint, None, budget))
    }

    /// Opens a connection over a transport that is already connected, such as a TCP or Unix socket of [`std`], a
    /// tunnel, or memory. `url` determines the request; with `wss`, TLS runs over the transport. Proxies are not used.
    ///
    /// Blocks until it is open, for at most `handshake_timeout`. Redirects are not followed. A challenge is answered if
    /// the server keeps the connection open.
    ///
    /// ```no_run
    /// let socket = std::os::unix::net::UnixStream::connect("/run/feed.sock")?;
    /// let mut ws = landline::Client::default().connect_over(socket, "ws://localhost/feed")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_over(&self, transport: impl IntoTransport, url: &str) -> Result<WebSocket> {
        let endpoint = Endpoint::parse(url)?;
        let transport = transport.into_transport(&self.tcp);
        let transport = transport.map_err(|error| Error::io("setting up a connection", error))?;
        self.interruptible(|budget| self.follow(endpoint, Some(Ready::Given(transport)), budget))
    }

    /// This client's end of one connection, for a program with an event loop of its own that does the I/O: see
    /// [`Protocol`]. Its first output is the request for `url`. Of the settings, time limits, keepalive, TLS, TCP
    /// options and the interrupter do nothing: with `wss` the caller does TLS. Never blocks, except where a bearer token's
    /// supplier does. Redirects and challenges are errors.
    ///
    /// ```
    /// let client = landline::Client::builder().subprotocol("chat").build()?;
    /// let end = client.protocol("wss://example.com/room")?;
    /// assert!(end.output().starts_with(b"GET /room HTTP/1.1\r\nHost: example.com\r\n"));
    /// # Ok::<(), landline::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Url`]; [`Error::Config`]; [`Error::Io`] if the system has no randomness.
    pub fn protocol(&self, url: &str) -> Result<Protocol> {
        let handshake = self.handshake_for(&self.first_visit(Endpoint::parse(url)?)?)?;
        Ok(Protocol::client(handshake, entropy::SystemMasks::new()?).with_limits(self.config.limits))
    }

    /// The settings of the connections that this client opens.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Opens a connection for a session. `stop` interrupts that, and nothing interrupts the connection.
    pub(crate) fn connect_stoppable(&self, endpoint: Endpoint, stop: &Wake) -> Result<WebSocket> {
        self.within_budget(Some(stop), |budget| self.follow(endpoint, None, budget))
    }

    pub(crate) fn handshake_timeout(&self) -> Option<Duration> {
        self.handshake_timeout
    }

    pub(crate) fn interrupter(&self) -> Option<&Interrupter> {
        self.interrupter.as_ref()
    }

    /// Opens a connection, and lets the interrupter go on to serve it.
    fn interruptible(&self, open: impl FnOnce(Budget<'_>) -> Result<WebSocket>) -> Result<WebSocket> {
        let Some(interrupter) = &self.interrupter else { return self.within_budget(None, open) };
        interrupter.check_process()?;
        let ws = self.within_budget(Some(interrupter.recv_wake()), open)?;
        ws.attach(interrupter);
        Ok(ws)
    }

    /// Opens a connection within the handshake's time.
    fn within_budget(
        &self,
        wake: Option<&Wake>,
        open: impl FnOnce(Budget<'_>) -> Result<WebSocket>,
    ) -> Result<WebSocket> {
        with_budget(self.handshake_timeout, wake, |budget| {
            let mut ws = open(budget)?;
            ws.set_timings(budget.timings());
            Ok(ws)
        })
    }
}
