//! What a server shows of itself in the TLS handshake: which names its certificate is for, and whether it speaks TLS.
//!
//! This is asked after a failure, with a connection of its own that ends after the handshake. Nothing is sent over it, so
//! the certificate need not be trusted. It is not asked through proxies, nor of sockets and interfaces that were chosen.

use crate::arguments::Options;
use landline::transport::{SocketTransport, TcpOptions, TlsConnector, TlsInfo, Transport};
use landline::uri::Endpoint;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long that may take.
const LIMIT: Duration = Duration::from_secs(2);
/// How many names are listed.
const MOST: usize = 10;

/// The names that the server's certificate is for.
pub(crate) fn of_certificate(options: &Options) -> Option<Vec<String>> {
    let info = tls_info(options)?;
    let certificate = info.peer_certificate()?;
    let mut names = certificate.names();
    if names.is_empty() {
        names.push(certificate.common_name());
    }
    names.retain(|name| !name.is_empty());
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    (!names.is_empty()).then_some(names)
}

/// Whether TLS is spoken there, whatever the URL says.
pub(crate) fn speaks_tls(options: &Options) -> bool {
    tls_info(options).is_some()
}

fn tls_info(options: &Options) -> Option<TlsInfo> {
    let deadline = Instant::now() + LIMIT;
    let endpoint = Endpoint::parse(options.url.as_deref()?).ok()?;
    let dialling = &options.dialling;
    let is_roundabout = dialling.unix.is_some()
        || endpoint.unix_path().is_some()
        || dialling.interface.is_some()
        || dialling.local_addr.is_some()
        || !dialling.resolve.is_empty()
        || !options.proxies.proxy.is_empty();
    if is_roundabout {
        return None;
    }
    let stream = addresses(options, &endpoint)?.iter().find_map(|address| {
        let left = deadline.checked_duration_since(Instant::now())?;
        TcpStream::connect_timeout(address, left.max(Duration::from_millis(1))).ok()
    })?;
    let name = options.tls.server_name.clone().unwrap_or_else(|| endpoint.server_name());
    let tls = TlsConnector::builder().danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
    let transport = SocketTransport::tcp(stream, &TcpOptions::default()).ok()?;
    tls.build().ok()?.connect(&name, transport, deadline, None).ok()?.tls_info()
}

fn addresses(options: &Options, endpoint: &Endpoint) -> Option<Vec<SocketAddr>> {
    if options.dialling.address.is_empty() {
        let host = endpoint.server_name();
        return Some((&*host, endpoint.port()).to_socket_addrs().ok()?.collect());
    }
    let with_port = |address: &SocketAddr| match address.port() {
        0 => SocketAddr::new(address.ip(), endpoint.port()),
        _ => *address,
    };
    Some(options.dialling.address.iter().map(with_port).collect())
}
