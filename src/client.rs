//! Opening a connection as a client.

use crate::config::{Config, config_setters};
use crate::connection::{Interrupter, WebSocket};
use crate::deadline::Deadline;
use crate::entropy;
use crate::error::{ConnectError, Error, Interrupted, Phase, Result, Timeout};
use crate::opening::{CHUNK, Opening};
use crate::proto::handshake::{ClientHandshake, ClientRequest, HeadLimits, Headers};
use crate::proto::{Protocol, Role};
use crate::resolve::resolve;
use crate::tls_setup;
use crate::transport::{
    IntoTransport, TcpOptions, TlsConnector, TlsConnectorBuilder, Transport, Wake, connect_tcp,
};
use crate::uri::Endpoint;
use std::sync::Arc;
use std::time::Duration;

/// Opens a connection with the default settings.
///
/// Blocks until it is open, for at most 30 s in total. `url` begins with `ws://` or `wss://`. If it contains a user
/// name and password, they are sent as Basic authorization.
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
#[derive(Clone, Debug)]
pub struct Client {
    config: Config,
    tls: Tls,
    tcp: TcpOptions,
    request: Template,
    connect_timeout: Option<Duration>,
    handshake_timeout: Option<Duration>,
    limits: HeadLimits,
    interrupter: Option<Interrupter>,
}

/// Where the connector for `wss` comes from.
#[derive(Clone, Debug)]
enum Tls {
    Connector(TlsConnector),
    Options(TlsConnectorBuilder),
}

/// What all requests have in common.
#[derive(Clone, Debug, Default)]
struct Template {
    host: Option<String>,
    origin: Option<String>,
    subprotocols: Vec<String>,
    headers: Headers,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            config: Config::default(),
            tls: Tls::Options(TlsConnector::builder()),
            tcp: TcpOptions::default(),
            request: Template::default(),
            connect_timeout: Some(Duration::from_secs(10)),
            handshake_timeout: ClientBuilder::HANDSHAKE_TIMEOUT,
            limits: HeadLimits::default(),
            interrupter: None,
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
        ClientBuilder { client: Self::default(), error: None }
    }

    /// Opens a connection.
    ///
    /// Blocks until it is open. Looking up the name, connecting, TLS and the opening handshake together take at
    /// most `handshake_timeout` (30 s), connecting alone at most `connect_timeout` (10 s).
    ///
    /// # Errors
    ///
    /// [`Error::Url`], [`Error::Connect`] with every address that was tried, [`Error::Tls`],
    /// [`Error::Handshake`] with status, headers and body if the server refused, [`Error::Timeout`] naming the
    /// step, [`Error::Interrupted`], [`Error::Io`].
    pub fn connect(&self, url: &str) -> Result<WebSocket> {
        let endpoint = Endpoint::parse(url)?;
        let deadline = Deadline::after(self.handshake_timeout);
        self.interruptible(|wake| {
            let tls = self.tls_for(&endpoint, deadline, wake)?;
            let addresses = resolve(endpoint.host(), endpoint.port(), deadline, wake)?;
            let transport = self.dial(&endpoint, &addresses, deadline, wake)?;
            self.open(Box::new(transport), tls, &endpoint, deadline, wake)
        })
    }

    /// Opens a connection over a transport that is already connected, such as a TCP or Unix socket of [`std`], a
    /// tunnel, or memory. `url` determines the request; with `wss`, TLS runs over the transport.
    ///
    /// Blocks until it is open, for at most `handshake_timeout`.
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
        let deadline = Deadline::after(self.handshake_timeout);
        self.interruptible(|wake| {
            let tls = self.tls_for(&endpoint, deadline, wake)?;
            self.open(transport, tls, &endpoint, deadline, wake)
        })
    }

    /// This client's end of one connection, for a program with an event loop of its own that does the I/O: see
    /// [`Protocol`]. Its first output is the request for `url`. Of the settings, time limits, keepalive, TLS, TCP
    /// options and the interrupter do nothing: with `wss` the caller does TLS. Never blocks.
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
        let handshake = self.handshake_for(&Endpoint::parse(url)?)?;
        Ok(Protocol::client(handshake, entropy::SystemMasks::new()?).with_limits(self.config.limits))
    }

    /// The settings of the connections that this client opens.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn interruptible(&self, open: impl FnOnce(Option<&Wake>) -> Result<WebSocket>) -> Result<WebSocket> {
        self.interrupter.as_ref().map_or(Ok(()), Interrupter::check_process)?;
        let wake = self.interrupter.as_ref().map(Interrupter::recv_wake);
        let result = open(wake);
        match (&result, &self.interrupter) {
            (Ok(ws), Some(interrupter)) => ws.attach(interrupter),
            (Err(Error::Interrupted(_)), _) => drop(wake.map(Wake::take)),
            _ => {}
        }
        result
    }

    /// Returns the TLS connector, if the URL requires TLS. This is done before connecting, so that no server has to
    /// wait for it.
    fn tls_for(
        &self,
        endpoint: &Endpoint,
        deadline: Deadline,
        wake: Option<&Wake>,
    ) -> Result<Option<TlsConnector>> {
        match &self.tls {
            _ if !endpoint.is_tls() => Ok(None),
            Tls::Connector(connector) => Ok(Some(connector.clone())),
            Tls::Options(options) => tls_setup::connector(options, deadline, wake).map(Some),
        }
    }

    /// Connects to the first address that answers.
    fn dial(
        &self,
        endpoint: &Endpoint,
        addresses: &[std::net::SocketAddr],
        deadline: Deadline,
        wake: Option<&Wake>,
    ) -> Result<impl Transport + use<>> {
        let deadline = deadline.earliest(Deadline::after(self.connect_timeout));
        let mut attempts = Vec::new();
        for (i, address) in addresses.iter().enumerate() {
            // An address that does not answer must leave time for the others.
            let untried = u32::try_from(addresses.len() - i).unwrap_or(u32::MAX);
            let share = Deadline::after(deadline.left().map(|left| left / untried));
            match connect_tcp(*address, &self.tcp, share, wake) {
                Ok(Some(transport)) => return Ok(transport),
                Ok(None) if wake.is_some_and(Wake::is_interrupting) => {
                    return Err(Interrupted::during(Phase::Connect));
                }
                Ok(None) if addresses.len() == 1 => return Err(Timeout::of(Phase::Connect)),
                Ok(None) => attempts.push((*address, std::io::ErrorKind::TimedOut.into())),
                Err(error) => attempts.push((*address, error)),
            }
        }
        let authority = format!("{}:{}", endpoint.host(), endpoint.port());
        Err(Error::Connect(Arc::new(ConnectError { authority, lookup: None, attempts })))
    }

    fn open(
        &self,
        transport: Box<dyn Transport>,
        tls: Option<TlsConnector>,
        endpoint: &Endpoint,
        deadline: Deadline,
        wake: Option<&Wake>,
    ) -> Result<WebSocket> {
        let handshake = self.handshake_for(endpoint)?;
        let transport = match tls {
            Some(tls) => Box::new(tls.connect(&endpoint.server_name(), transport, deadline, wake)?),
            None => transport,
        };
        self.shake_hands(handshake, transport, endpoint, deadline, wake)
    }

    fn handshake_for(&self, endpoint: &Endpoint) -> Result<ClientHandshake> {
        Ok(ClientHandshake::new(&self.request_for(endpoint), entropy::nonce()?, self.limits)?)
    }

    fn request_for(&self, endpoint: &Endpoint) -> ClientRequest {
        let template = &self.request;
        let host = template.host.clone().unwrap_or_else(|| endpoint.authority());
        let mut request = ClientRequest::new(host, endpoint.target());
        request.authorization = endpoint.user().map(|(user, password)| (user.to_owned(), password.to_owned()));
        request.origin.clone_from(&template.origin);
        request.subprotocols.clone_from(&template.subprotocols);
        request.headers.clone_from(&template.headers);
        request.compression.clone_from(&self.config.compression);
        request
    }

    fn shake_hands(
        &self,
        mut handshake: ClientHandshake,
        transport: Box<dyn Transport>,
        endpoint: &Endpoint,
        deadline: Deadline,
        wake: Option<&Wake>,
    ) -> Result<WebSocket> {
        let opening = Opening { transport: &transport, deadline, wake };
        opening.write(handshake.request())?;
        let mut chunk = vec![0; CHUNK];
        let accepted = loop {
            let received = match opening.read(&mut chunk) {
                Ok(0) => return Err(handshake.receive_eof().into()),
                Ok(count) => handshake.receive(&chunk[..count])?,
                // A refusal whose body is slow is still a refusal.
                Err(error @ Error::Timeout(_)) => return Err(handshake.give_up().map_or(error, Into::into)),
                Err(error) => return Err(error),
            };
            if let Some(accepted) = received {
                break accepted;
            }
        };
        log::debug!("connected to {endpoint}");
        WebSocket::new(transport, Role::Client, self.config.clone(), &accepted.leftover, accepted.handshake)
    }
}

/// Options of a [`Client`].
#[derive(Debug)]
pub struct ClientBuilder {
    client: Client,
    error: Option<Error>,
}

impl ClientBuilder {
    /// The default of [`handshake_timeout`](Self::handshake_timeout).
    pub const HANDSHAKE_TIMEOUT: Option<Duration> = Some(Duration::from_secs(30));

    /// Adds a header to the request, with its name sent exactly as given. Headers of the handshake itself cannot be
    /// set.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Err(error) = self.client.request.headers.append(name, value) {
            self.error.get_or_insert(error.into());
        }
        self
    }

    /// Offers a subprotocol; the first one is preferred. The server may choose one of them or none.
    #[must_use]
    pub fn subprotocol(mut self, name: &str) -> Self {
        self.client.request.subprotocols.push(name.to_owned());
        self
    }

    /// Sends an `Origin` header, as browsers do. Default none.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.client.request.origin = Some(origin.to_owned());
        self
    }

    /// Sends this `Host` header instead of the URL's host and port.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.client.request.host = Some(host.to_owned());
        self
    }

    /// Sets the TLS connector for `wss`. Default: one made from the default [`tls_options`](Self::tls_options).
    #[must_use]
    pub fn tls(mut self, tls: TlsConnector) -> Self {
        self.client.tls = Tls::Connector(tls);
        self
    }

    /// Sets the options from which a TLS connector is made when a connection needs one. Errors in them are reported
    /// then, reading files and certificates counts towards `handshake_timeout` and can be interrupted, and changed
    /// files are noticed; changed roots of the platform within 10 minutes. Connections with the same options share a
    /// connector.
    #[must_use]
    pub fn tls_options(mut self, options: TlsConnectorBuilder) -> Self {
        self.client.tls = Tls::Options(options);
        self
    }

    /// Sets the options of TCP sockets.
    #[must_use]
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.client.tcp = options;
        self
    }

    /// How long connecting may take, for all addresses together. Default 10 s. `handshake_timeout` applies as well.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.client.connect_timeout = timeout;
        self
    }

    /// How long opening a connection may take in total: name look-up, connecting, TLS, opening handshake. Default 30 s.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.client.handshake_timeout = timeout;
        self
    }

    /// Limits on the server's response.
    #[must_use]
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.client.limits = limits;
        self
    }

    /// Makes opening a connection interruptible, and the connection after it.
    #[must_use]
    pub fn interrupter(mut self, interrupter: Interrupter) -> Self {
        self.client.interrupter = Some(interrupter);
        self
    }

    config_setters!(client.config);

    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] naming the first option that cannot be used.
    pub fn build(self) -> Result<Client> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let client = self.client;
        client.config.check()?;
        client.tcp.check()?;
        // A request that cannot be sent to any address is reported here, not when connecting.
        ClientHandshake::new(&client.request_for(&Endpoint::parse("ws://localhost/")?), [0; 16], client.limits)?;
        Ok(client)
    }
}
