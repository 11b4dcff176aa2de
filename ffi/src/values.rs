//! The values of options, and the clients and servers that are built from them.

use crate::dialling::{self, Callbacks};
use crate::failure::{Failure, Outcome};
use crate::names;
use crate::options::*;
use crate::options_http::*;
use crate::options_proxy::*;
use crate::options_session::SessionValues;
use crate::proxy_values::Proxies;
use crate::tls_values::Tls;
use landline::proto::handshake::{HeadLimits, Headers};
use landline::server::{OriginPolicy, Scheme, ServerBuilder};
use landline::transport::{IntoTransport, TcpOptions};
use landline::{
    AddressFamily, Client, ClientBuilder, Compression, Config, CookieJar, Interrupter, Keepalive, Server,
};
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Clone, Default)]
pub(crate) struct Values {
    config: Config,
    compression: bool,
    compression_options: Compression,
    keepalive: Keepalive,
    keepalive_on: bool,
    connect_timeout: Option<Option<Duration>>,
    handshake_timeout: Option<Option<Duration>>,
    limits: HeadLimits,
    tcp: TcpOptions,
    pub(crate) headers: Vec<(String, String)>,
    origin: Option<String>,
    host: Option<String>,
    subprotocols: Vec<String>,
    origins: OriginPolicy,
    allowed_origins: Vec<String>,
    public_scheme: Option<Scheme>,
    max_connections: Option<usize>,
    stack_size: Option<usize>,
    pub(crate) interrupter: Option<Interrupter>,
    single_thread: bool,
    pub(crate) tls: Tls,
    pub(crate) proxies: Proxies,
    pub(crate) session: SessionValues,
    family: AddressFamily,
    addresses: Vec<SocketAddr>,
    local_addr: Option<SocketAddr>,
    interface: Option<String>,
    unix_path: Option<String>,
    unix_mode: Option<u32>,
    pub(crate) callbacks: Callbacks,
    max_redirects: usize,
    pub(crate) identity: Identity,
    pub(crate) cookies: Vec<(String, String)>,
    pub(crate) cookie_jar: Option<CookieJar>,
}

/// Copies the values out of a handle; for NULL, returns the defaults.
///
/// # Safety
///
/// `options` is NULL or a live handle.
pub(crate) unsafe fn values(options: *const landline_options) -> Values {
    // SAFETY: the caller's promise.
    unsafe { options.as_ref() }.map_or_else(Values::default, |options| options.lock().clone())
}

impl Values {
    pub(crate) fn config(&self) -> Config {
        let compression = self.compression();
        let keepalive = self.keepalive_on.then_some(self.keepalive);
        self.config.clone().compression(compression).keepalive(keepalive)
    }

    pub(crate) fn close_timeout(&self) -> Duration {
        self.config.close_timeout
    }

    /// The interrupter that was set; if there is none, creates one for a listener.
    pub(crate) fn own_interrupter(&mut self) -> Outcome<Interrupter> {
        match &self.interrupter {
            Some(interrupter) => Ok(interrupter.clone()),
            None => {
                let made = Interrupter::new()?;
                self.interrupter = Some(made.clone());
                Ok(made)
            }
        }
    }

    /// The same values without TLS, for a connection that does not leave the process.
    pub(crate) fn without_tls(self) -> Self {
        Self { tls: Tls::default(), ..self }
    }

    /// The same values for a protocol without I/O.
    pub(crate) fn without_io(self) -> Self {
        Self { interrupter: None, single_thread: true, ..self.without_tls() }
    }

    /// Reads the request of a client that is already connected.
    pub(crate) fn accept_over(
        &self,
        transport: impl IntoTransport,
        limit: Option<Duration>,
    ) -> Outcome<landline::server::Request> {
        let timeout = self.handshake_timeout.unwrap_or(ServerBuilder::HANDSHAKE_TIMEOUT);
        // The builder refuses a limit of 0. Here it means that the caller does not want to wait.
        let timeout =
            [timeout, limit].into_iter().flatten().min().map(|timeout| timeout.max(Duration::from_millis(1)));
        Ok(self.server()?.handshake_timeout(timeout).accept_over(transport)?)
    }

    pub(crate) fn single_thread(&self) -> bool {
        self.single_thread
    }

    fn compression(&self) -> Option<Compression> {
        self.compression.then(|| self.compression_options.clone())
    }

    /// A client for one connection, which must be open within `limit`.
    pub(crate) fn client(&self, is_tls: bool, limit: Option<Duration>) -> Outcome<Client> {
        let mut builder = Client::builder().config(self.config()).head_limits(self.limits).tcp(self.tcp.clone());
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        for name in &self.subprotocols {
            builder = builder.subprotocol(name);
        }
        if let Some(origin) = &self.origin {
            builder = builder.origin(origin);
        }
        if let Some(host) = &self.host {
            builder = builder.host(host);
        }
        if let Some(timeout) = self.connect_timeout {
            builder = builder.connect_timeout(timeout);
        }
        builder = self.dialling(builder);
        let timeout = self.handshake_timeout.unwrap_or(ClientBuilder::HANDSHAKE_TIMEOUT);
        let timeout = [timeout, limit].into_iter().flatten().min();
        // The builder refuses a limit of 0. Here it means that the caller does not want to wait.
        builder = builder.handshake_timeout(timeout.map(|timeout| timeout.max(Duration::from_nanos(1))));
        match &self.interrupter {
            Some(interrupter) => builder = builder.interrupter(interrupter.clone()),
            // Before connecting, since there may be no descriptors left for it.
            None if !self.single_thread => builder = builder.interrupter(Interrupter::new()?),
            None => {}
        }
        builder = self.identity.apply(builder).max_redirects(self.max_redirects);
        for (name, value) in &self.cookies {
            builder = builder.cookie(name, value);
        }
        if let Some(jar) = &self.cookie_jar {
            builder = builder.cookie_jar(jar);
        }
        // A redirect may lead to a wss URL.
        if is_tls || self.max_redirects > 0 {
            builder = builder.tls_options(self.tls.connector()?);
        }
        builder = self.proxies.apply(builder)?;
        Ok(builder.build()?)
    }

    /// What is about names, addresses and sockets.
    fn dialling(&self, builder: ClientBuilder) -> ClientBuilder {
        let mut builder = builder.address_family(self.family).addresses(self.addresses.clone());
        if let Some(address) = self.local_addr {
            builder = builder.local_addr(address);
        }
        if let Some(name) = &self.interface {
            builder = builder.interface(name);
        }
        if let Some(path) = &self.unix_path {
            builder = builder.unix_path(path);
        }
        self.callbacks.apply(builder)
    }

    pub(crate) fn server(&self) -> Outcome<ServerBuilder> {
        let mut builder = Server::builder()
            .config(self.config())
            .head_limits(self.limits)
            .tcp(self.tcp.clone())
            .subprotocols(self.subprotocols.clone())
            .origins(self.origins.clone())
            .connection_interrupters(!self.single_thread);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        if let Some(scheme) = self.public_scheme {
            builder = builder.public_scheme(scheme);
        }
        if let Some(timeout) = self.handshake_timeout {
            builder = builder.handshake_timeout(timeout);
        }
        if let Some(count) = self.max_connections {
            builder = builder.max_connections(count);
        }
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        if let Some(mode) = self.unix_mode {
            builder = builder.unix_mode(mode);
        }
        if let Some(interrupter) = &self.interrupter {
            builder = builder.interrupter(interrupter.clone());
        }
        if let Some(tls) = self.tls.acceptor()? {
            builder = builder.tls_options(tls);
        }
        Ok(builder)
    }

    pub(crate) fn set_int(&mut self, key: i32, value: i64) -> Outcome<()> {
        let millis = || time(key, value);
        match key {
            LANDLINE_OPT_MAX_MESSAGE_SIZE => self.config.limits.max_message_size = number(key, value)?,
            LANDLINE_OPT_MAX_FRAGMENTS if value == 0 => return Err(out_of_range(key, value, "1 or more")),
            LANDLINE_OPT_MAX_FRAGMENTS => self.config.limits.max_fragments = number(key, value)?,
            LANDLINE_OPT_SEND_TIMEOUT_MS => self.config = self.config.clone().send_timeout(millis()?),
            LANDLINE_OPT_RECV_TIMEOUT_MS => self.config = self.config.clone().recv_timeout(millis()?),
            LANDLINE_OPT_CLOSE_TIMEOUT_MS => {
                self.config.close_timeout = millis()?.unwrap_or(Duration::MAX);
            }
            LANDLINE_OPT_KEEPALIVE_INTERVAL_MS => {
                let interval = if value == 0 { None } else { millis()? };
                self.keepalive_on = interval.is_some();
                self.keepalive.interval = interval.unwrap_or(self.keepalive.interval);
            }
            LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS => {
                self.keepalive.timeout = millis()?.unwrap_or(Duration::MAX);
            }
            LANDLINE_OPT_CONNECT_TIMEOUT_MS => self.connect_timeout = Some(millis()?),
            LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS => self.handshake_timeout = Some(millis()?),
            LANDLINE_OPT_COMPRESSION => self.compression = flag(key, value)?,
            LANDLINE_OPT_COMPRESSION_LEVEL => self.compress(|c, level| c.level(level), key, value)?,
            LANDLINE_OPT_COMPRESSION_THRESHOLD => {
                self.compression_options = self.compression_options.clone().threshold(number(key, value)?);
            }
            LANDLINE_OPT_SERVER_NO_CONTEXT_TAKEOVER => {
                self.compression_options =
                    self.compression_options.clone().server_no_context_takeover(flag(key, value)?);
            }
            LANDLINE_OPT_CLIENT_NO_CONTEXT_TAKEOVER => {
                self.compression_options =
                    self.compression_options.clone().client_no_context_takeover(flag(key, value)?);
            }
            LANDLINE_OPT_SERVER_MAX_WINDOW_BITS => {
                self.compress(|c, bits| c.server_max_window_bits(bits), key, value)?
            }
            LANDLINE_OPT_CLIENT_MAX_WINDOW_BITS => {
                self.compress(|c, bits| c.client_max_window_bits(bits), key, value)?
            }
            LANDLINE_OPT_COMPRESSION_FREE_BETWEEN_MESSAGES => {
                self.compression_options =
                    self.compression_options.clone().free_between_messages(flag(key, value)?);
            }
            LANDLINE_OPT_MAX_HEAD_SIZE => self.limits.max_head_size = number(key, value)?,
            LANDLINE_OPT_MAX_HEADERS => self.limits.max_headers = number(key, value)?,
            LANDLINE_OPT_MAX_START_LINE => self.limits.max_start_line = number(key, value)?,
            LANDLINE_OPT_MAX_REFUSAL_BODY => self.limits.max_refusal_body = number(key, value)?,
            LANDLINE_OPT_TCP_NODELAY => self.tcp.nodelay = flag(key, value)?,
            LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS => self.tcp.keepalive_time = some_time(key, value)?,
            LANDLINE_OPT_TCP_KEEPALIVE_INTERVAL_MS => self.tcp.keepalive_interval = some_time(key, value)?,
            LANDLINE_OPT_TCP_KEEPALIVE_RETRIES => self.tcp.keepalive_retries = some_number(key, value)?,
            LANDLINE_OPT_TCP_USER_TIMEOUT_MS => self.tcp.user_timeout = some_time(key, value)?,
            LANDLINE_OPT_TCP_RECV_BUFFER_SIZE => self.tcp.recv_buffer_size = some_number(key, value)?,
            LANDLINE_OPT_TCP_SEND_BUFFER_SIZE => self.tcp.send_buffer_size = some_number(key, value)?,
            LANDLINE_OPT_PROXY_FROM_ENV => self.proxies.use_environment(flag(key, value)?),
            LANDLINE_OPT_PROXY_TLS_PLATFORM_ROOTS => self.proxies.platform_roots = flag(key, value)?,
            LANDLINE_OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_CERTS => {
                self.proxies.accept_invalid_certs = flag(key, value)?;
            }
            LANDLINE_OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES => {
                self.proxies.accept_invalid_hostnames = flag(key, value)?;
            }
            LANDLINE_OPT_MAX_CONNECTIONS => self.max_connections = Some(number(key, value)?),
            LANDLINE_OPT_STACK_SIZE => self.stack_size = Some(number(key, value)?),
            LANDLINE_OPT_PUBLIC_SCHEME => {
                self.public_scheme = match value {
                    LANDLINE_SCHEME_UNKNOWN => None,
                    LANDLINE_SCHEME_HTTP => Some(Scheme::Http),
                    LANDLINE_SCHEME_HTTPS => Some(Scheme::Https),
                    _ => return Err(out_of_range(key, value, "one of LANDLINE_SCHEME_*")),
                }
            }
            LANDLINE_OPT_ORIGINS => {
                self.origins = match value {
                    LANDLINE_ORIGINS_ANY => OriginPolicy::Any,
                    LANDLINE_ORIGINS_SAME => OriginPolicy::SameOrigin,
                    LANDLINE_ORIGINS_LIST => OriginPolicy::List(self.allowed_origins.clone()),
                    _ => return Err(out_of_range(key, value, "one of LANDLINE_ORIGINS_*")),
                }
            }
            LANDLINE_OPT_ADDRESS_FAMILY => {
                self.family = match value {
                    LANDLINE_FAMILY_ANY => AddressFamily::Any,
                    LANDLINE_FAMILY_IPV4 => AddressFamily::Ipv4,
                    LANDLINE_FAMILY_IPV6 => AddressFamily::Ipv6,
                    _ => return Err(out_of_range(key, value, "one of LANDLINE_FAMILY_*")),
                }
            }
            LANDLINE_OPT_UNIX_MODE if value > 0o7777 => return Err(out_of_range(key, value, "at most 07777")),
            LANDLINE_OPT_UNIX_MODE => self.unix_mode = some_number(key, value)?,
            LANDLINE_OPT_MAX_REDIRECTS => self.max_redirects = number(key, value)?,
            LANDLINE_OPT_SINGLE_THREAD => self.single_thread = flag(key, value)?,
            _ if self.tls.set_int(key, value)? || self.session.set_int(key, value)? => {}
            _ => return Err(unknown(key, "a number")),
        }
        Ok(())
    }

    fn compress(&mut self, set: impl Fn(Compression, u8) -> Compression, key: i32, value: i64) -> Outcome<()> {
        let range = if key == LANDLINE_OPT_COMPRESSION_LEVEL { 1..=9 } else { 9..=15 };
        if !range.contains(&value) {
            return Err(out_of_range(key, value, &format!("{} to {}", range.start(), range.end())));
        }
        self.compression_options = set(self.compression_options.clone(), number(key, value)?);
        Ok(())
    }

    pub(crate) fn set_str(&mut self, key: i32, value: Option<&str>) -> Outcome<()> {
        let own = value.map(str::to_owned);
        match key {
            LANDLINE_OPT_ORIGIN => self.origin = own,
            LANDLINE_OPT_HOST => self.host = own,
            LANDLINE_OPT_SUBPROTOCOL => add(&mut self.subprotocols, own),
            LANDLINE_OPT_ALLOWED_ORIGIN => {
                add(&mut self.allowed_origins, own);
                self.origins = OriginPolicy::List(self.allowed_origins.clone());
            }
            LANDLINE_OPT_PROXY => self.proxies.add(value)?,
            LANDLINE_OPT_NO_PROXY => self.proxies.exceptions = own,
            LANDLINE_OPT_PROXY_TLS_CA_FILE => add(&mut self.proxies.ca_files, own),
            LANDLINE_OPT_PROXY_TLS_CERT_FILE => self.proxies.cert_file = own,
            LANDLINE_OPT_PROXY_TLS_KEY_FILE => self.proxies.key_file = own,
            LANDLINE_OPT_AUTH_USER => self.identity.user = own,
            LANDLINE_OPT_AUTH_PASSWORD => self.identity.password = own,
            LANDLINE_OPT_BEARER_TOKEN => self.identity.token = own,
            LANDLINE_OPT_ADDRESS => add(&mut self.addresses, address(key, value)?),
            LANDLINE_OPT_LOCAL_ADDR => self.local_addr = address(key, value)?,
            LANDLINE_OPT_INTERFACE => self.interface = own,
            LANDLINE_OPT_UNIX_PATH => self.unix_path = own,
            _ if self.tls.set_str(key, own) => {}
            _ => return Err(unknown(key, "a text")),
        }
        Ok(())
    }

    pub(crate) fn set_bytes(&mut self, key: i32, value: &[u8]) -> Outcome<()> {
        if self.tls.set_bytes(key, value) { Ok(()) } else { Err(unknown(key, "bytes")) }
    }
}

/// Adds a value; `None` removes all values.
pub(crate) fn add<T>(values: &mut Vec<T>, value: Option<T>) {
    match value {
        Some(value) => values.push(value),
        None => values.clear(),
    }
}

fn address(key: i32, value: Option<&str>) -> Outcome<Option<SocketAddr>> {
    value.map(|value| dialling::parse(value, &names::name_of(names::OPTIONS, key))).transpose()
}

pub(crate) fn add_header(headers: &mut Headers, name: &str, value: &str) -> Outcome<()> {
    headers.append(name, value).map_err(|error| Failure::invalid(error.to_string()))
}

fn unknown(key: i32, what: &str) -> Failure {
    let name = names::name_of(names::OPTIONS, key);
    let function = match key {
        _ if name == key.to_string() => return Failure::invalid(format!("no option has the key {key}")),
        ..=99 => "int",
        100..=199 => "str",
        _ => "bytes",
    };
    Failure::invalid(format!("{name} does not take {what}: set it with landline_options_set_{function}()"))
}

pub(crate) fn out_of_range(key: i32, value: i64, allowed: &str) -> Failure {
    let name = names::name_of(names::OPTIONS, key);
    Failure::invalid(format!("{value} is out of range for {name}: use {allowed}"))
}

pub(crate) fn number<T: TryFrom<i64>>(key: i32, value: i64) -> Outcome<T> {
    let allowed = if value < 0 { "0 or more" } else { "a smaller number" };
    T::try_from(value).map_err(|_| out_of_range(key, value, allowed))
}

pub(crate) fn flag(key: i32, value: i64) -> Outcome<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(out_of_range(key, value, "0 or 1")),
    }
}

/// A number, or `None` for 0.
pub(crate) fn some_number<T: TryFrom<i64>>(key: i32, value: i64) -> Outcome<Option<T>> {
    if value == 0 { Ok(None) } else { number(key, value).map(Some) }
}

/// Milliseconds, or `None` for 0 and for no limit.
fn some_time(key: i32, value: i64) -> Outcome<Option<Duration>> {
    if value == 0 { Ok(None) } else { time(key, value) }
}

/// Milliseconds, or `None` for no limit.
pub(crate) fn time(key: i32, value: i64) -> Outcome<Option<Duration>> {
    match value {
        -1 => Ok(None),
        1.. => Ok(Some(Duration::from_millis(value.unsigned_abs()))),
        _ => Err(out_of_range(key, value, "1 or more milliseconds, or -1 for no limit")),
    }
}
