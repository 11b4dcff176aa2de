//! The options of a client.

use super::auth::{AuthRequest, Bearer, Identity, OnChallenge};
use super::cookies::CookieJar;
use super::upgrade::Visit;
use super::{Client, ProxyRules, Tls};
use crate::config::{config_setters, not_zero};
use crate::connection::Interrupter;
use crate::error::{Error, Result, Setting};
use crate::proto::auth::Credentials;
use crate::proto::handshake::{ClientHandshake, HeadLimits};
use crate::transport::{TcpOptions, TlsConnector, TlsConnectorBuilder};
use crate::uri::Endpoint;
use std::io;
use std::time::Duration;

/// Options of a [`Client`].
///
/// ```
/// use landline::{Client, Compression, Keepalive};
///
/// let client = Client::builder()
///     .subprotocol("v2.feed")
///     .compression(Compression::default())
///     .keepalive(Some(Keepalive::default()))
///     .build()?;
/// // What cannot work is refused here.
/// let error = Client::builder().header("Not a name", "value").build().unwrap_err();
/// # Ok::<(), landline::Error>(())
/// ```
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

    /// Sends this `Host` header instead of the URL's host and port, except to where a redirect leads.
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

    /// Sets the options from which a TLS connector is made when a connection needs one. Errors in them are reported at that
    /// point. Reading files and certificates counts towards `handshake_timeout` and can be interrupted. Changes to the
    /// files are noticed, and changes to the platform's roots within 10 minutes. Connections with the same options share
    /// a connector.
    #[must_use]
    pub fn tls_options(mut self, options: TlsConnectorBuilder) -> Self {
        self.client.tls = Tls::Options(options);
        self
    }

    /// Connects through a proxy: one [`Proxy`](crate::Proxy), a chain of them, the nearest first, or those of the
    /// environment ([`Proxy::from_env`](crate::Proxy::from_env)). Default none: the environment is not read.
    ///
    /// Any failure on the way there is an [`Error::Proxy`]. With `wss`, TLS is spoken with the server, and its certificate is
    /// checked, as without a proxy.
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

    /// Lists the servers to connect to directly even though there is a proxy. Entries are separated by commas or white
    /// space:
    ///
    /// - `example.com`, `.example.com` and `*.example.com` mean this domain and everything below it
    /// - `192.0.2.7`, `2001:db8::7` and networks such as `10.0.0.0/8` and `fd00::/8` mean URLs with such an address; names
    ///   are not looked up for it
    /// - `*` means all
    /// - with a port after any of these, as in `example.com:8080` and `[::1]:8080`, only this port is meant
    ///
    /// Other entries are ignored. The list replaces the environment's. Default: the environment's with
    /// [`Proxy::from_env`](crate::Proxy::from_env), otherwise none.
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

    /// How many redirects (301, 302, 303, 307 and 308) [`connect`](Client::connect) follows, one after the other. Default
    /// 0: none; 5 is a usual value. A redirect that is not followed is an error, which says where it leads.
    ///
    /// `http` and `https` in a `Location` stand for `ws` and `wss`. A redirect from `wss` to `ws` is never followed, nor is
    /// one to another scheme. As soon as one leads to another origin (scheme, host or port), what is meant for the first
    /// one is left out of all further requests: user and password, bearer tokens, cookies, `Authorization` and `Cookie`
    /// headers, a [`host`](Self::host), [`addresses`](Self::addresses), a [`unix_path`](Self::unix_path), and the
    /// [`server_name`](TlsConnectorBuilder::server_name) for TLS. All other headers are sent everywhere, and a client
    /// certificate is shown to whatever server asks for it. User and password in a `Location` are used.
    ///
    /// [`Handshake::url`](crate::Handshake::url) says where the connection was opened in the end. Redirects count towards
    /// `handshake_timeout`.
    ///
    /// ```
    /// # use landline::{Client, Headers, Listener, http::StatusCode};
    /// # let server = Listener::bind("127.0.0.1:0")?;
    /// # let url = format!("ws://{}/old", server.local_addr().unwrap());
    /// # let serving = std::thread::spawn(move || {
    /// #     let headers = Headers::new().with("Location", "/new").unwrap();
    /// #     server.accept().unwrap().reject(StatusCode::MOVED_PERMANENTLY, headers, "").unwrap();
    /// #     server.accept().unwrap().accept().unwrap()
    /// # });
    /// let client = Client::builder().max_redirects(5).build()?;
    /// let ws = client.connect(&url)?;
    /// assert_eq!(ws.handshake().url, Some(url.replace("/old", "/new")));
    /// # serving.join().unwrap();
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn max_redirects(mut self, count: usize) -> Self {
        self.client.max_redirects = count;
        self
    }

    /// The user name and password for servers, for URLs that have none of their own. They are sent with the first request,
    /// by Basic authentication (RFC 7617), which does not hide them: use `wss`. A server that refuses that and asks for
    /// Digest (RFC 7616) gets Digest.
    #[must_use]
    pub fn auth(mut self, user: &str, password: &str) -> Self {
        match Credentials::new(user, password) {
            Ok(credentials) => self.client.identity = Identity::Credentials(credentials),
            Err(error) => {
                self.error.get_or_insert(error.into());
            }
        }
        self
    }

    /// Sends a bearer token (RFC 6750). `supply` is called for one at the beginning of each call of
    /// [`connect`](Client::connect), so that every connection has a fresh token. Replaces [`auth`](Self::auth).
    ///
    /// It runs in the thread that connects, and what it takes counts towards `handshake_timeout`, but cannot be cut short.
    /// Its error is the source of the [`Error::Io`] that connecting then fails with.
    ///
    /// ```
    /// # fn token() -> std::io::Result<String> { Ok("6f2a".to_owned()) }
    /// let client = landline::Client::builder().bearer(token).build()?;
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn bearer(mut self, supply: impl Fn() -> io::Result<String> + Send + Sync + 'static) -> Self {
        self.client.identity = Identity::Bearer(Bearer::new(supply));
        self
    }

    /// Calls `answer` when a server (401) or a proxy (407) asks for authentication, and the user name and password, if any
    /// were given, do not help. It returns the value of the `Authorization` or `Proxy-Authorization` header with which the
    /// request is sent again, over the same connection if it is kept open, or `None` to fail with the refusal. It is called
    /// at most 5 times for one URL.
    ///
    /// After a redirect, it may be another server that asks: see [`AuthRequest::url`]. It runs in the thread that connects,
    /// and what it takes counts towards `handshake_timeout`, but cannot be cut short.
    ///
    /// ```
    /// let client = landline::Client::builder()
    ///     .on_challenge(|request| {
    ///         let is_known = request.url.starts_with("wss://example.com/");
    ///         let asks = request.challenges.iter().any(|challenge| challenge.is("Negotiate"));
    ///         (is_known && asks).then(|| "Negotiate YIIZ".to_owned())
    ///     })
    ///     .build()?;
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn on_challenge(
        mut self,
        answer: impl Fn(&AuthRequest<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.client.on_challenge = Some(OnChallenge::new(answer));
        self
    }

    /// Sends this cookie. Can be called more than once; the last value of a name counts. A server that sets a cookie of
    /// the same name replaces it, if the client has a [jar](Self::cookie_jar).
    ///
    /// Cookies are sent in one `Cookie` header, after whatever [`header`](Self::header) has put into it.
    #[must_use]
    pub fn cookie(mut self, name: &str, value: &str) -> Self {
        let cookies = &mut self.client.request.cookies.0;
        cookies.retain(|(other, _)| other != name);
        cookies.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps the cookies that servers set in this jar, and sends those in it. All clients that have the jar share its
    /// cookies. Default none: `Set-Cookie` is ignored.
    #[must_use]
    pub fn cookie_jar(mut self, jar: &CookieJar) -> Self {
        self.client.jar = Some(jar.clone());
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
        const FAIL: &str = "every connection would fail; use a longer time, or no limit";
        not_zero(Setting::HandshakeTimeout, client.handshake_timeout, FAIL)?;
        not_zero(Setting::ConnectTimeout, client.connect_timeout, FAIL)?;
        client.config.check()?;
        client.tcp.check()?;
        client.dialling.check()?;
        // A request that cannot be sent to any address is reported here, not when connecting.
        let mut visit = Visit::new(Endpoint::parse("ws://localhost/")?);
        visit.authorization = client.identity.is_some().then(|| "any".to_owned());
        ClientHandshake::new(&client.request_for(&visit), [0; 16], client.limits)?;
        Ok(client)
    }
}
