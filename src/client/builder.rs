//! The options of a client.

use super::{Client, Tls};
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

    /// How long connecting may take, for all addresses together, from the first attempt on. Default 10 s.
    /// `handshake_timeout` applies as well.
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
        client.dialling.check()?;
        // A request that cannot be sent to any address is reported here, not when connecting.
        ClientHandshake::new(&client.request_for(&Endpoint::parse("ws://localhost/")?), [0; 16], client.limits)?;
        Ok(client)
    }
}
