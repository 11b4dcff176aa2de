//! The options of a client.

use super::{Client, ProxyRules, Tls};
use crate::config::config_setters;
use crate::connection::Interrupter;
use crate::error::{Error, Result};
use crate::proto::handshake::{ClientHandshake, HeadLimits};
use crate::transport::{TcpOptions, TlsConnector, TlsConnectorBuilder};
use crate::uri::Endpoint;
use std::time::Duration;

/// Options of a [`Client`].
#[derive(Debug)]
pub struct ClientBuilder {
    pub(super) client: Client,
    pub(super) error: Option<Error>,
    pub(super) no_proxy: Option<String>,
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

    /// Connects through a proxy: one [`Proxy`](crate::Proxy), a chain of them, the nearest first, or those of the
    /// environment ([`Proxy::from_env`](crate::Proxy::from_env)). Default none: the environment is not read.
    ///
    /// Whatever goes wrong there is [`Error::Proxy`]. TLS and certificates with `wss` are those of the server, as without a
    /// proxy.
    ///
    /// ```
    /// use landline::{Client, Proxy};
    /// let client = Client::builder()
    ///     .proxy(Proxy::parse("http://user:secret@proxy.example:3128")?)
    ///     .no_proxy("localhost, 10.0.0.0/8, .internal.example")
    ///     .build()?;
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn proxy(mut self, proxy: impl Into<ProxyRules>) -> Self {
        self.client.proxies = proxy.into();
        self
    }

    /// Lists the servers to connect to directly, although there is a proxy. Entries are separated by commas or white
    /// space:
    ///
    /// - `example.com`, `.example.com` and `*.example.com` mean this domain and everything below it
    /// - `192.0.2.7`, `2001:db8::7` and networks such as `10.0.0.0/8` and `fd00::/8` mean URLs with such an address; names
    ///   are not looked up for it
    /// - `*` means all
    /// - a port behind that, as in `example.com:8080` and `[::1]:8080`, means this port only
    ///
    /// Entries that are none of this have no effect. The list takes the place of the environment's. Default: that of the
    /// environment with [`Proxy::from_env`](crate::Proxy::from_env), and otherwise none.
    #[must_use]
    pub fn no_proxy(mut self, list: &str) -> Self {
        self.no_proxy = Some(list.to_owned());
        self
    }

    /// Sets the options of TCP sockets.
    #[must_use]
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.client.tcp = options;
        self
    }

    /// How long connecting may take, for all addresses together, from the first attempt on. Default 10 s.
    /// `handshake_timeout` applies as well.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.client.connect_timeout = timeout;
        self
    }

    /// How long opening a connection may take in total: name look-up, connecting, proxies, TLS, opening handshake.
    /// Default 30 s.
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
        let mut client = self.client;
        if let Some(list) = &self.no_proxy {
            client.proxies.set_exceptions(list);
        }
        client.config.check()?;
        client.tcp.check()?;
        client.dialling.check()?;
        // A request that cannot be sent to any address is reported here, not when connecting.
        ClientHandshake::new(&client.request_for(&Endpoint::parse("ws://localhost/")?), [0; 16], client.limits)?;
        Ok(client)
    }
}
