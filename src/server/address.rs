//! What a server can be told to listen on.

use crate::uri::Endpoint;
use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};
use std::path::PathBuf;

/// An address to listen on: what [`ServerBuilder::bind`](super::ServerBuilder::bind) and its relatives take.
///
/// For TCP, that is whatever implements [`ToSocketAddrs`] in the standard library, such as `"127.0.0.1:9001"`,
/// `("localhost", 9001)` or a [`SocketAddr`]. A text may also stand for a Unix socket: `"ws+unix:/run/feed.sock"`, with
/// its path percent-encoded as in the URLs of clients, or `"unix:/run/feed.sock"`, with its path as it is.
pub trait ListenAddress: Debug {
    /// Finds out where to listen.
    ///
    /// # Errors
    ///
    /// Of kind `InvalidInput` for what cannot be an address; those of looking up a name.
    fn places(&self) -> io::Result<Places>;
}

/// Where to listen.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Places {
    /// At the first of these addresses that can be had.
    Tcp(Vec<SocketAddr>),
    /// At the path of a Unix socket.
    Unix(PathBuf),
}

impl ListenAddress for str {
    fn places(&self) -> io::Result<Places> {
        if let Some(path) = self.strip_prefix("unix:") {
            return Ok(Places::Unix(path.into()));
        }
        let invalid = |error: &str| io::Error::new(io::ErrorKind::InvalidInput, error);
        if !self.to_ascii_lowercase().starts_with("ws+unix:") {
            // The system would look it up.
            return if self.contains('/') { Err(invalid("there is no slash in an address")) } else { tcp(self) };
        }
        let endpoint = Endpoint::parse(self).map_err(|error| invalid(&error.to_string()))?;
        match endpoint.unix_path() {
            Some(path) if endpoint.target() == "/" => Ok(Places::Unix(path.to_owned())),
            _ => Err(invalid("a server has no path of a request; write a colon in a path as %3A")),
        }
    }
}

impl ListenAddress for String {
    fn places(&self) -> io::Result<Places> {
        (**self).places()
    }
}

impl<T: ListenAddress + ?Sized> ListenAddress for &T {
    fn places(&self) -> io::Result<Places> {
        (**self).places()
    }
}

fn tcp(address: &(impl ToSocketAddrs + ?Sized)) -> io::Result<Places> {
    address.to_socket_addrs().map(|addresses| Places::Tcp(addresses.collect()))
}

macro_rules! tcp_addresses {
    ($($address:ty),* $(,)?) => {$(
        impl ListenAddress for $address {
            fn places(&self) -> io::Result<Places> {
                tcp(self)
            }
        }
    )*};
}

tcp_addresses! {
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16),
    (&str, u16),
    (String, u16),
}

impl ListenAddress for [SocketAddr] {
    fn places(&self) -> io::Result<Places> {
        Ok(Places::Tcp(self.to_vec()))
    }
}

impl<const N: usize> ListenAddress for [SocketAddr; N] {
    fn places(&self) -> io::Result<Places> {
        self[..].places()
    }
}

impl ListenAddress for Vec<SocketAddr> {
    fn places(&self) -> io::Result<Places> {
        self[..].places()
    }
}
