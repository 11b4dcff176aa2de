//! The client that the options describe.

use crate::arguments::{Dialling, Options, Proxies, Tcp};
use crate::cookies::Cookies;
use crate::errors::describe;
use crate::tls;
use landline::transport::{TcpOptions, TlsConnector, TlsConnectorBuilder};
use landline::uri::Endpoint;
use landline::{
    AddressFamily, Client, ClientBuilder, Compression, Config, Keepalive, Proxy, ProxyRules, WebSocket,
};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long opening may take.
const OPENING: Duration = Duration::from_secs(30);
/// How long sending may stand still, and how long the closing handshake may take as a whole.
pub(crate) const STALL: Duration = Duration::from_secs(30);
/// How long the peer may be silent while the connection is closing.
pub(crate) const SILENCE: Duration = Duration::from_secs(5);
/// The largest message to accept.
const MAX_MESSAGE: u64 = 64 << 20;

/// The client, and the URL for it. `begin` is when its time began to run.
pub(crate) fn client(options: &Options, cookies: &Cookies, begin: Instant) -> Result<Client, String> {
    let url = options.url.as_deref().unwrap_or_default();
    let endpoint = Endpoint::parse(url).map_err(|error| error.to_string())?;
    let mut client = Client::builder().config(config(options)).tcp(tcp(&options.tcp));
    if options.time.connect_timeout.is_some() {
        client = client.connect_timeout(options.time.connect_timeout);
    }
    client = request(options, client, &endpoint)?;
    client = cookies.give(client, &endpoint);
    if let Some(tls) = tls::client(&options.tls, endpoint.is_tls() || options.http.follow)? {
        client = client.tls(tls);
    }
    client = proxies(&options.proxies, client)?;
    client = dialling(&options.dialling, client);
    let limit = options.time.connect_timeout.unwrap_or(OPENING);
    // With --reconnect, each attempt has as much; what was used up before is little. The library refuses a limit of 0.
    let left = limit.saturating_sub(begin.elapsed()).max(Duration::from_nanos(1));
    client.handshake_timeout(Some(left)).build().map_err(|error| describe(&error))
}

/// What is to be said about an open connection before anything else, one line each.
pub(crate) fn remarks(options: &Options, ws: &WebSocket) -> Vec<&'static str> {
    let mut remarks = Vec::new();
    if options.listen.is_some() {
        return remarks;
    }
    if !options.http.subprotocol.is_empty() && ws.handshake().subprotocol.is_none() {
        remarks.push("the server chose none of the subprotocols");
    }
    if options.messages.deflate && ws.handshake().compression.is_none() {
        remarks.push("the server does not compress");
    }
    remarks
}

fn request(options: &Options, mut client: ClientBuilder, endpoint: &Endpoint) -> Result<ClientBuilder, String> {
    let http = &options.http;
    for (name, value) in &http.header {
        client = client.header(name, value);
    }
    for name in &http.subprotocol {
        client = client.subprotocol(name);
    }
    if let Some(host) = &http.host {
        client = client.host(host);
    }
    if let Some(origin) = &http.origin {
        client = client.origin(origin);
    }
    if http.follow {
        client = client.max_redirects(http.max_redirs);
    }
    let given_twice = |option| format!("the user is given twice, in the URL and by {option}: give one of them");
    if let Some((name, password)) = &http.user {
        if endpoint.user().is_some() {
            return Err(given_twice("--user"));
        }
        client = client.auth(name, password);
    }
    if let Some(token) = http.oauth2_bearer.clone() {
        if endpoint.user().is_some() {
            return Err(given_twice("--oauth2-bearer"));
        }
        client = client.bearer(move || Ok(token.clone()));
    }
    Ok(client)
}

fn proxies(options: &Proxies, client: ClientBuilder) -> Result<ClientBuilder, String> {
    // Not by the parser of the command line, which would show the password with the error.
    let chain = options.proxy.iter().map(|url| Proxy::parse(url)).collect::<Result<Vec<_>, _>>();
    let mut chain = chain.map_err(|error| describe(&error))?;
    for proxy in &mut chain {
        for (name, value) in &options.proxy_header {
            *proxy = proxy.clone().header(name, value).map_err(|error| describe(&error))?;
        }
    }
    if let (Some((name, password)), Some(last)) = (&options.proxy_user, chain.last_mut()) {
        *last = last.clone().auth(name, password).map_err(|error| describe(&error))?;
    }
    let rules = if chain.is_empty() { Proxy::from_env() } else { ProxyRules::from(chain) };
    let rules = match proxy_tls(options) {
        Some(tls) => rules.tls_options(&tls),
        None => rules,
    };
    let client = client.proxy(rules);
    Ok(match &options.noproxy {
        Some(list) => client.no_proxy(list),
        None => client,
    })
}

/// TLS with proxies, if the options are about it.
fn proxy_tls(options: &Proxies) -> Option<TlsConnectorBuilder> {
    let Proxies { proxy_cacert, proxy_capath, proxy_cert, proxy_key, proxy_insecure, .. } = options;
    let is_given = proxy_cacert.is_some() || proxy_capath.is_some() || proxy_cert.is_some() || *proxy_insecure;
    let mut tls = TlsConnector::builder().danger_accept_invalid_certs(*proxy_insecure);
    if let Some(path) = proxy_cacert {
        tls = tls.ca_file(path);
    }
    if let Some(path) = proxy_capath {
        tls = tls.ca_dir(path);
    }
    if let (Some(cert), Some(key)) = (proxy_cert, proxy_key) {
        tls = tls.identity_pem_files(cert, key);
    }
    is_given.then_some(tls)
}

/// Where to connect to, and from where.
fn dialling(options: &Dialling, client: ClientBuilder) -> ClientBuilder {
    let mut client = client.addresses(options.address.iter().copied());
    client = match (options.ipv4, options.ipv6) {
        (true, _) => client.address_family(AddressFamily::Ipv4),
        (_, true) => client.address_family(AddressFamily::Ipv6),
        _ => client,
    };
    let interface = options.interface.as_deref();
    let from = interface.and_then(|text| crate::values::ip(text).ok()).map(|address| SocketAddr::new(address, 0));
    if let Some(address) = options.local_addr.or(from) {
        client = client.local_addr(address);
    } else if let Some(name) = interface {
        client = client.interface(name);
    }
    if !options.resolve.is_empty() {
        let known = options.resolve.clone();
        client = client.resolver(move |host, port| {
            // As with curl, the last one counts.
            match known.iter().rev().find(|known| known.is_for(host, port)) {
                Some(known) => Ok(known.addresses.iter().map(|address| SocketAddr::new(*address, port)).collect()),
                None => Ok((host, port).to_socket_addrs()?.collect()),
            }
        });
    }
    match &options.unix {
        Some(path) => client.unix_path(path),
        None => client,
    }
}

pub(crate) fn tcp(options: &Tcp) -> TcpOptions {
    TcpOptions::default()
        .nodelay(!options.no_tcp_nodelay)
        .keepalive_time(options.keepalive_time)
        .keepalive_interval(options.keepalive_interval)
        .keepalive_retries(options.keepalive_cnt)
        .user_timeout(options.tcp_user_timeout)
        .recv_buffer_size(options.recv_buffer)
        .send_buffer_size(options.send_buffer)
}

pub(crate) fn config(options: &Options) -> Config {
    let keepalive = |interval| Keepalive::default().interval(interval).timeout(interval);
    let most = if options.files.recv_file.is_some() { u64::MAX } else { MAX_MESSAGE };
    Config::default()
        .max_message_size(options.messages.max_message.unwrap_or(most))
        .compression(options.messages.deflate.then(Compression::default))
        .keepalive(options.messages.ping_interval.map(keepalive))
        .send_timeout(Some(options.time.timeout.unwrap_or(STALL)))
        .recv_timeout(Some(options.time.timeout.unwrap_or(SILENCE)))
        // The watch over closing keeps the time, because it knows who is late.
        .close_timeout(Duration::from_secs(24 * 3600))
}
