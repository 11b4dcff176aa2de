//! Options of clients and servers.

use crate::args::{bytes, handle, out_handle, string};
use crate::failure::{Failure, Outcome, guard};
use crate::interrupter::landline_interrupter;
use crate::names;
use crate::status::*;
use landline::proto::Limits;
use landline::proto::handshake::{HeadLimits, Headers};
use landline::server::{OriginPolicy, Scheme, ServerBuilder};
use landline::transport::{Identity, TcpOptions, TlsConnector, TlsConnectorBuilder, Transport};
use landline::{Client, Compression, Config, Interrupter, Keepalive, Server};
use std::ffi::{c_char, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Options for connecting and for listening. One that an end has no use for does nothing there.
///
/// Connections with the same TLS options share what was made of them, in the whole process, from these or other options:
/// only the first one parses certificates. Files are read for each connection, so that changed ones are noticed; the
/// platform's certificates are read again after 10 minutes. A forked child begins anew.
///
/// Made by landline_options_new(), freed by landline_options_free(). What is made with it copies what it needs: it may
/// be changed or freed right afterwards. Any thread may use it.
#[allow(non_camel_case_types)]
pub struct landline_options(Mutex<Values>);

// ----- Whole numbers: landline_options_set_int() -----

/// Largest message to accept in bytes, all fragments together, inflated. Default 16777216 (16 MiB).
pub const LANDLINE_OPT_MAX_MESSAGE_SIZE: i32 = 1;
/// Most fragments of one message. Default 131072.
pub const LANDLINE_OPT_MAX_FRAGMENTS: i32 = 2;
/// How long a call that sends may go without any progress, whatever its own time limit; -1 for ever. Default 30000.
pub const LANDLINE_OPT_SEND_TIMEOUT_MS: i32 = 3;
/// How long each call that receives may wait, whatever its own time limit; -1 for ever. Default -1.
pub const LANDLINE_OPT_RECV_TIMEOUT_MS: i32 = 4;
/// How long the closing handshake may take as a whole; -1 for ever. Default 5000.
pub const LANDLINE_OPT_CLOSE_TIMEOUT_MS: i32 = 5;
/// Ping a peer that has been silent for so long, inside calls that receive; 0 and -1 never. Default 0; 20000 is usual.
pub const LANDLINE_OPT_KEEPALIVE_INTERVAL_MS: i32 = 6;
/// Give up a peer that stays silent for so long behind that Ping; -1 never. Default 20000.
pub const LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS: i32 = 7;
/// Client: how long connecting may take, all addresses together; -1 for ever. Default 10000.
pub const LANDLINE_OPT_CONNECT_TIMEOUT_MS: i32 = 8;
/// How long opening a connection may take in all, being refused included; -1 for ever. Default 30000 for clients, 10000
/// for servers.
pub const LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS: i32 = 9;
/// 1 offers or accepts compression (permessage-deflate, RFC 7692). Default 0.
pub const LANDLINE_OPT_COMPRESSION: i32 = 10;
/// 1 (fast) to 9 (small). Default 6.
pub const LANDLINE_OPT_COMPRESSION_LEVEL: i32 = 11;
/// Smallest message to compress, in bytes. Default: all messages where this end's messages may refer to earlier ones;
/// where each begins with an empty window, those of at least 128 bytes. Once set, it holds in both cases. Some peers
/// (libwebsockets' client is one) cannot read a connection with compressed and plain messages.
pub const LANDLINE_OPT_COMPRESSION_THRESHOLD: i32 = 12;
/// 1: the server compresses each message by itself. Default 0.
pub const LANDLINE_OPT_SERVER_NO_CONTEXT_TAKEOVER: i32 = 13;
/// 1: the client compresses each message by itself. Default 0.
pub const LANDLINE_OPT_CLIENT_NO_CONTEXT_TAKEOVER: i32 = 14;
/// Window of the server's compressor, 9 to 15. Default 15.
pub const LANDLINE_OPT_SERVER_MAX_WINDOW_BITS: i32 = 15;
/// Window of the client's compressor, 9 to 15. Default 15.
pub const LANDLINE_OPT_CLIENT_MAX_WINDOW_BITS: i32 = 16;
/// 1: no compressor is kept between messages. Default 0.
pub const LANDLINE_OPT_COMPRESSION_FREE_BETWEEN_MESSAGES: i32 = 17;
/// Longest head of a request or answer in bytes. Default 16384.
pub const LANDLINE_OPT_MAX_HEAD_SIZE: i32 = 18;
/// Most headers in it. Default 100.
pub const LANDLINE_OPT_MAX_HEADERS: i32 = 19;
/// Longest first line of it in bytes. Default 8192.
pub const LANDLINE_OPT_MAX_START_LINE: i32 = 20;
/// Client: how much to keep of the body of a refusal, in bytes. Default 65536.
pub const LANDLINE_OPT_MAX_REFUSAL_BODY: i32 = 21;
/// 0 lets the kernel delay small writes (no TCP_NODELAY). Default 1.
pub const LANDLINE_OPT_TCP_NODELAY: i32 = 22;
/// Client: 0 does not trust the platform's certificates, only those that are given. Default 1.
pub const LANDLINE_OPT_TLS_PLATFORM_ROOTS: i32 = 23;
/// Client: 1 accepts any certificate. That gives away what TLS is for. Default 0.
pub const LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS: i32 = 24;
/// Client: 1 accepts a certificate of any host. That gives away most of what TLS is for. Default 0.
pub const LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES: i32 = 25;
/// Server: most connections at a time, counted from when they are accepted; more are answered with 503, and dropped while
/// 32 others are being told so. Default 1024.
pub const LANDLINE_OPT_MAX_CONNECTIONS: i32 = 26;
/// Server: stack of each connection's thread in bytes. Default 262144.
pub const LANDLINE_OPT_STACK_SIZE: i32 = 27;
/// Server: which web pages may connect: LANDLINE_ORIGINS_ANY, _SAME or _LIST. Default any; a server that trusts
/// cookies or the local network should set another.
pub const LANDLINE_OPT_ORIGIN_POLICY: i32 = 28;
/// 1: each connection is used by one thread only, the first one that calls a function on it; others get LANDLINE_ERR_BUSY,
/// but for landline_conn_abort(), _retain() and _free(). It cannot be interrupted. Saves a system call for each wait.
/// Default 0.
pub const LANDLINE_OPT_SINGLE_THREAD: i32 = 29;

/// Server: by which scheme browsers reach it, where a proxy in front of it does TLS: LANDLINE_SCHEME_UNKNOWN, _HTTP or
/// _HTTPS. LANDLINE_ORIGINS_SAME compares it. Default https if the server speaks TLS by itself, else unknown.
pub const LANDLINE_OPT_PUBLIC_SCHEME: i32 = 30;

/// Any page may connect.
pub const LANDLINE_ORIGINS_ANY: i64 = 0;
/// Only pages of this server: same host and port as in the Host header, and the scheme of LANDLINE_OPT_PUBLIC_SCHEME; if
/// that is unknown, both http and https. A proxy in front has to pass on the client's Host header with its port.
pub const LANDLINE_ORIGINS_SAME: i64 = 1;
/// Only pages of the origins given by LANDLINE_OPT_ALLOWED_ORIGIN.
pub const LANDLINE_ORIGINS_LIST: i64 = 2;

/// TLS may end in front of the server or not be used at all.
pub const LANDLINE_SCHEME_UNKNOWN: i64 = 0;
/// Browsers reach the server without TLS.
pub const LANDLINE_SCHEME_HTTP: i64 = 1;
/// Browsers reach the server with TLS.
pub const LANDLINE_SCHEME_HTTPS: i64 = 2;

// ----- Texts: landline_options_set_str() -----

/// Client: the Origin header. Default none.
pub const LANDLINE_OPT_ORIGIN: i32 = 101;
/// Client: the Host header in place of the URL's. Default the URL's.
pub const LANDLINE_OPT_HOST: i32 = 102;
/// Offered (client) or spoken (server) subprotocol; each call adds one, best first. NULL removes all.
pub const LANDLINE_OPT_SUBPROTOCOL: i32 = 103;
/// Server: an origin that may connect, such as "https://example.com"; each call adds one. NULL removes all. Sets
/// LANDLINE_ORIGINS_LIST.
pub const LANDLINE_OPT_ALLOWED_ORIGIN: i32 = 104;
/// Client: a file of PEM certificates to trust besides the platform's; each call adds one. NULL removes all.
pub const LANDLINE_OPT_TLS_CA_FILE: i32 = 105;
/// A file with the certificate chain in PEM; needs LANDLINE_OPT_TLS_KEY_FILE. For a server it turns TLS on.
pub const LANDLINE_OPT_TLS_CERT_FILE: i32 = 106;
/// A file with the private key in PKCS#8 PEM.
pub const LANDLINE_OPT_TLS_KEY_FILE: i32 = 107;
/// The password of LANDLINE_OPT_TLS_PKCS12.
pub const LANDLINE_OPT_TLS_PKCS12_PASSWORD: i32 = 108;

// ----- Bytes: landline_options_set_bytes() -----

/// Client: PEM certificates to trust besides the platform's; each call adds some.
pub const LANDLINE_OPT_TLS_CA_PEM: i32 = 201;
/// The certificate chain in PEM; needs LANDLINE_OPT_TLS_KEY_PEM. For a server it turns TLS on.
pub const LANDLINE_OPT_TLS_CERT_PEM: i32 = 202;
/// The private key in PKCS#8 PEM.
pub const LANDLINE_OPT_TLS_KEY_PEM: i32 = 203;
/// Certificate and key as a PKCS#12 archive. For a server it turns TLS on.
pub const LANDLINE_OPT_TLS_PKCS12: i32 = 204;

#[derive(Clone, Default)]
pub(crate) struct Values {
    config: Config,
    message_limits: Limits,
    close_timeout: Option<Duration>,
    compression: bool,
    compression_options: Compression,
    keepalive: Keepalive,
    keepalive_on: bool,
    connect_timeout: Option<Option<Duration>>,
    handshake_timeout: Option<Option<Duration>>,
    limits: HeadLimits,
    tcp: TcpOptions,
    headers: Vec<(String, String)>,
    origin: Option<String>,
    host: Option<String>,
    subprotocols: Vec<String>,
    origins: OriginPolicy,
    allowed_origins: Vec<String>,
    public_scheme: Option<Scheme>,
    max_connections: Option<usize>,
    stack_size: Option<usize>,
    interrupter: Option<Interrupter>,
    single_thread: bool,
    tls: Tls,
}

#[derive(Clone)]
struct Tls {
    platform_roots: bool,
    accept_invalid_certs: bool,
    accept_invalid_hostnames: bool,
    ca_files: Vec<String>,
    ca_pem: Vec<Vec<u8>>,
    cert: Vec<u8>,
    key: Vec<u8>,
    cert_file: Option<String>,
    key_file: Option<String>,
    pkcs12: Vec<u8>,
    pkcs12_password: String,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            platform_roots: true,
            accept_invalid_certs: false,
            accept_invalid_hostnames: false,
            ca_files: Vec::new(),
            ca_pem: Vec::new(),
            cert: Vec::new(),
            key: Vec::new(),
            cert_file: None,
            key_file: None,
            pkcs12: Vec::new(),
            pkcs12_password: String::new(),
        }
    }
}

impl Tls {
    fn identity_source(&self) -> Outcome<Option<IdentitySource<'_>>> {
        if !self.pkcs12.is_empty() {
            return Ok(Some(IdentitySource::Pkcs12));
        }
        match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => return Ok(Some(IdentitySource::Files(cert, key))),
            (None, None) => {}
            _ => return Err(config("a certificate file needs a key file, and a key file a certificate file")),
        }
        match (self.cert.is_empty(), self.key.is_empty()) {
            (false, false) => Ok(Some(IdentitySource::Pem)),
            (true, true) => Ok(None),
            _ => Err(config("a certificate needs a key, and a key a certificate")),
        }
    }

    /// For a server.
    fn identity(&self) -> Outcome<Option<Identity>> {
        Ok(match self.identity_source()? {
            Some(IdentitySource::Pkcs12) => Some(Identity::from_pkcs12(&self.pkcs12, &self.pkcs12_password)?),
            Some(IdentitySource::Files(cert, key)) => Some(Identity::from_pem_files(cert, key)?),
            Some(IdentitySource::Pem) => Some(Identity::from_pem(&self.cert, &self.key)?),
            None => None,
        })
    }

    /// For a client. What they name is read when a connection is opened, which shares a connector with all others of
    /// the same options.
    fn connector(&self) -> Outcome<TlsConnectorBuilder> {
        let mut builder = TlsConnector::builder()
            .platform_roots(self.platform_roots)
            .danger_accept_invalid_certs(self.accept_invalid_certs)
            .danger_accept_invalid_hostnames(self.accept_invalid_hostnames);
        for file in &self.ca_files {
            builder = builder.ca_file(file);
        }
        for pem in &self.ca_pem {
            builder = builder.ca_pem(pem);
        }
        Ok(match self.identity_source()? {
            Some(IdentitySource::Pkcs12) => builder.identity_pkcs12(&self.pkcs12, &self.pkcs12_password),
            Some(IdentitySource::Files(cert, key)) => builder.identity_pem_files(cert, key),
            Some(IdentitySource::Pem) => builder.identity_pem(&self.cert, &self.key),
            None => builder,
        })
    }
}

/// Where a certificate and its key come from.
enum IdentitySource<'a> {
    Pkcs12,
    Files(&'a str, &'a str),
    Pem,
}

fn config(text: &'static str) -> Failure {
    Failure::Misuse(LANDLINE_ERR_CONFIG, text.into())
}

impl landline_options {
    fn lock(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The values of a handle; the defaults for NULL.
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
        self.config
            .clone()
            .max_message_size(self.message_limits.max_message_size)
            .max_fragments(self.message_limits.max_fragments)
            .close_timeout(self.close_timeout())
            .compression(compression)
            .keepalive(keepalive)
    }

    pub(crate) fn message_limits(&self) -> Limits {
        self.message_limits
    }

    pub(crate) fn close_timeout(&self) -> Duration {
        self.close_timeout.unwrap_or(Duration::from_secs(5))
    }

    /// The interrupter that was given, or one that is made for a listener.
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

    /// The same for a server that nobody can listen to.
    pub(crate) fn without_tls(self) -> Self {
        Self { tls: Tls::default(), ..self }
    }

    /// Reads the request of a client that is connected already.
    pub(crate) fn accept_over(
        &self,
        transport: impl Transport + 'static,
        limit: Option<Duration>,
    ) -> Outcome<landline::server::Request> {
        let timeout = self.handshake_timeout.unwrap_or(Some(Duration::from_secs(10)));
        // A limit of 0 is one that has passed.
        let timeout =
            [timeout, limit].into_iter().flatten().min().map(|timeout| timeout.max(Duration::from_millis(1)));
        Ok(self.server()?.handshake_timeout(timeout).accept_over(transport)?)
    }

    pub(crate) fn single_thread(&self) -> bool {
        self.single_thread
    }

    pub(crate) fn limits(&self) -> HeadLimits {
        self.limits
    }

    pub(crate) fn compression(&self) -> Option<Compression> {
        self.compression.then(|| self.compression_options.clone())
    }

    pub(crate) fn subprotocols(&self) -> &[String] {
        &self.subprotocols
    }

    /// For a server without TLS of its own.
    pub(crate) fn allows(&self, origin: Option<&str>, host: &str) -> bool {
        self.origins.allows(origin, host, self.public_scheme)
    }

    /// The request's own parts, for a client that is driven by hand.
    pub(crate) fn request(&self) -> Outcome<(Option<&str>, Option<&str>, Headers)> {
        let mut headers = Headers::new();
        for (name, value) in &self.headers {
            add_header(&mut headers, name, value)?;
        }
        Ok((self.host.as_deref(), self.origin.as_deref(), headers))
    }

    /// A client, for one connection that must be open within `limit`.
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
        let timeout = self.handshake_timeout.unwrap_or(Some(Duration::from_secs(30)));
        let timeout = [timeout, limit].into_iter().flatten().min();
        builder = builder.handshake_timeout(timeout);
        if let Some(interrupter) = &self.interrupter {
            builder = builder.interrupter(interrupter.clone());
        }
        if is_tls {
            builder = builder.tls_options(self.tls.connector()?);
        }
        Ok(builder.build()?)
    }

    pub(crate) fn server(&self) -> Outcome<ServerBuilder> {
        let mut builder = Server::builder()
            .config(self.config())
            .head_limits(self.limits)
            .tcp(self.tcp.clone())
            .subprotocols(self.subprotocols.clone())
            .origins(self.origins.clone());
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
        if let Some(interrupter) = &self.interrupter {
            builder = builder.interrupter(interrupter.clone());
        }
        if let Some(identity) = self.tls.identity()? {
            builder = builder.tls(identity);
        }
        Ok(builder)
    }

    fn set_int(&mut self, key: i32, value: i64) -> Outcome<()> {
        let millis = || time(key, value);
        match key {
            LANDLINE_OPT_MAX_MESSAGE_SIZE => self.message_limits.max_message_size = number(key, value)?,
            LANDLINE_OPT_MAX_FRAGMENTS => self.message_limits.max_fragments = number(key, value)?,
            LANDLINE_OPT_SEND_TIMEOUT_MS => self.config = self.config.clone().send_timeout(millis()?),
            LANDLINE_OPT_RECV_TIMEOUT_MS => self.config = self.config.clone().recv_timeout(millis()?),
            LANDLINE_OPT_CLOSE_TIMEOUT_MS => {
                self.close_timeout = Some(millis()?.unwrap_or(Duration::MAX));
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
            LANDLINE_OPT_TLS_PLATFORM_ROOTS => self.tls.platform_roots = flag(key, value)?,
            LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS => self.tls.accept_invalid_certs = flag(key, value)?,
            LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES => {
                self.tls.accept_invalid_hostnames = flag(key, value)?
            }
            LANDLINE_OPT_MAX_CONNECTIONS => self.max_connections = Some(number(key, value)?),
            LANDLINE_OPT_STACK_SIZE => self.stack_size = Some(number(key, value)?),
            LANDLINE_OPT_PUBLIC_SCHEME => {
                self.public_scheme = match value {
                    LANDLINE_SCHEME_UNKNOWN => None,
                    LANDLINE_SCHEME_HTTP => Some(Scheme::Http),
                    LANDLINE_SCHEME_HTTPS => Some(Scheme::Https),
                    _ => return Err(out_of_range(key, value)),
                }
            }
            LANDLINE_OPT_ORIGIN_POLICY => {
                self.origins = match value {
                    LANDLINE_ORIGINS_ANY => OriginPolicy::Any,
                    LANDLINE_ORIGINS_SAME => OriginPolicy::SameOrigin,
                    LANDLINE_ORIGINS_LIST => OriginPolicy::List(self.allowed_origins.clone()),
                    _ => return Err(out_of_range(key, value)),
                }
            }
            LANDLINE_OPT_SINGLE_THREAD => self.single_thread = flag(key, value)?,
            _ => return Err(unknown(key, "a number")),
        }
        Ok(())
    }

    fn compress(&mut self, set: impl Fn(Compression, u8) -> Compression, key: i32, value: i64) -> Outcome<()> {
        let range = if key == LANDLINE_OPT_COMPRESSION_LEVEL { 1..=9 } else { 9..=15 };
        if !range.contains(&value) {
            return Err(out_of_range(key, value));
        }
        self.compression_options = set(self.compression_options.clone(), number(key, value)?);
        Ok(())
    }

    fn set_str(&mut self, key: i32, value: Option<&str>) -> Outcome<()> {
        let own = value.map(str::to_owned);
        match key {
            LANDLINE_OPT_ORIGIN => self.origin = own,
            LANDLINE_OPT_HOST => self.host = own,
            LANDLINE_OPT_SUBPROTOCOL => add(&mut self.subprotocols, own),
            LANDLINE_OPT_ALLOWED_ORIGIN => {
                add(&mut self.allowed_origins, own);
                self.origins = OriginPolicy::List(self.allowed_origins.clone());
            }
            LANDLINE_OPT_TLS_CA_FILE => add(&mut self.tls.ca_files, own),
            LANDLINE_OPT_TLS_CERT_FILE => self.tls.cert_file = own,
            LANDLINE_OPT_TLS_KEY_FILE => self.tls.key_file = own,
            LANDLINE_OPT_TLS_PKCS12_PASSWORD => self.tls.pkcs12_password = own.unwrap_or_default(),
            _ => return Err(unknown(key, "a text")),
        }
        Ok(())
    }

    fn set_bytes(&mut self, key: i32, value: &[u8]) -> Outcome<()> {
        match key {
            LANDLINE_OPT_TLS_CA_PEM => add(&mut self.tls.ca_pem, (!value.is_empty()).then(|| value.to_vec())),
            LANDLINE_OPT_TLS_CERT_PEM => self.tls.cert = value.to_vec(),
            LANDLINE_OPT_TLS_KEY_PEM => self.tls.key = value.to_vec(),
            LANDLINE_OPT_TLS_PKCS12 => self.tls.pkcs12 = value.to_vec(),
            _ => return Err(unknown(key, "bytes")),
        }
        Ok(())
    }
}

/// Adds a value; `None` removes all.
fn add<T>(values: &mut Vec<T>, value: Option<T>) {
    match value {
        Some(value) => values.push(value),
        None => values.clear(),
    }
}

pub(crate) fn add_header(headers: &mut Headers, name: &str, value: &str) -> Outcome<()> {
    headers.append(name, value).map_err(|error| Failure::invalid(error.to_string()))
}

fn unknown(key: i32, what: &str) -> Failure {
    let name = names::name_of(names::OPTIONS, key);
    let function = match key {
        _ if name == key.to_string() => return Failure::invalid(format!("{key} is the key of no option")),
        ..=99 => "int",
        100..=199 => "str",
        _ => "bytes",
    };
    Failure::invalid(format!("{name} is not the key of {what}: set it with landline_options_set_{function}()"))
}

fn out_of_range(key: i32, value: i64) -> Failure {
    Failure::invalid(format!("{value} is out of range for {}", names::name_of(names::OPTIONS, key)))
}

fn number<T: TryFrom<i64>>(key: i32, value: i64) -> Outcome<T> {
    T::try_from(value).map_err(|_| out_of_range(key, value))
}

fn flag(key: i32, value: i64) -> Outcome<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(out_of_range(key, value)),
    }
}

/// Milliseconds, or `None` for no limit.
fn time(key: i32, value: i64) -> Outcome<Option<Duration>> {
    match value {
        -1 => Ok(None),
        1.. => Ok(Some(Duration::from_millis(value.unsigned_abs()))),
        _ => Err(out_of_range(key, value)),
    }
}

/// Makes options with the defaults. Free it with landline_options_free(). They are worth keeping for further connections:
/// any number can be made with them, at the same time too, without giving the same options again.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `options` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_new(options: *mut *mut landline_options) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let out = unsafe { out_handle(options, "options") }?;
        out.set(Box::into_raw(Box::new(landline_options(Mutex::default()))));
        Ok(LANDLINE_OK)
    })
}

/// Frees options. NULL does nothing.
///
/// # Safety
///
/// `options` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_free(options: *mut landline_options) {
    if !options.is_null() {
        // SAFETY: made by `landline_options_new`, and given up by the caller.
        drop(unsafe { Box::from_raw(options) });
    }
}

/// Sets an option that is a number: LANDLINE_OPT_* 1 to 99.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a key that is not known or a value out of range, with which
/// nothing changes. What does not fit other options shows when they are used: LANDLINE_ERR_CONFIG.
///
/// # Safety
///
/// `options` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_set_int(
    options: *mut landline_options,
    key: i32,
    value: i64,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let mut values = unsafe { handle(options, "options") }?.lock();
        values.set_int(key, value)?;
        Ok(LANDLINE_OK)
    })
}

/// Sets an option that is a text: LANDLINE_OPT_* 101 to 199. `value` is UTF-8 and is copied; NULL sets it back.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a key that is not known; LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `options` is NULL or a live handle, `value` NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_set_str(
    options: *mut landline_options,
    key: i32,
    value: *const c_char,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let mut values = unsafe { handle(options, "options") }?.lock();
        // SAFETY: the caller's promise.
        let value = if value.is_null() { None } else { Some(unsafe { string(value, "value") }?) };
        values.set_str(key, value)?;
        Ok(LANDLINE_OK)
    })
}

/// Sets an option that is bytes: LANDLINE_OPT_* 201 to 299. They are copied; none sets it back.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a key that is not known. Certificates and keys are looked
/// at when they are used: LANDLINE_ERR_TLS.
///
/// # Safety
///
/// `options` is NULL or a live handle; `len` bytes can be read at `data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_set_bytes(
    options: *mut landline_options,
    key: i32,
    data: *const c_void,
    len: usize,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (mut values, data) = unsafe { (handle(options, "options")?.lock(), bytes(data, len, "data")?) };
        values.set_bytes(key, data)?;
        Ok(LANDLINE_OK)
    })
}

/// Client: adds a header to the request, its name as it is written. Headers of the handshake itself are refused when the
/// options are used.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a name or value that a header cannot have;
/// LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `options` is NULL or a live handle, `name` and `value` are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_add_header(
    options: *mut landline_options,
    name: *const c_char,
    value: *const c_char,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (mut values, name, value) =
            unsafe { (handle(options, "options")?.lock(), string(name, "name")?, string(value, "value")?) };
        add_header(&mut Headers::new(), name, value)?;
        values.headers.push((name.to_owned(), value.to_owned()));
        Ok(LANDLINE_OK)
    })
}

/// Makes connecting, with the connection that comes of it, and waiting for a client end with LANDLINE_INTERRUPTED when the
/// interrupter says so. NULL takes it away. An interrupter serves one connection, or one attempt to connect, at a time.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `options` is NULL or a live handle, `interrupter` too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_set_interrupter(
    options: *mut landline_options,
    interrupter: *const landline_interrupter,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (mut values, interrupter) = unsafe { (handle(options, "options")?.lock(), interrupter.as_ref()) };
        values.interrupter = interrupter.map(|interrupter| interrupter.0.clone());
        Ok(LANDLINE_OK)
    })
}
