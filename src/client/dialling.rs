//! The options of a client that are about names, addresses and sockets.

use super::ClientBuilder;
use super::upgrade::Visit;
use crate::error::{ConfigError, Result, Setting};
use crate::resolve::{AddressFamily, Resolver};
use crate::transport::Outgoing;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a client finds and reaches hosts.
#[derive(Clone, Default, Debug)]
pub(super) struct Dialling {
    pub(super) family: AddressFamily,
    pub(super) resolver: Option<Resolver>,
    /// Those of the URL's host, which is then not looked up.
    pub(super) addresses: Vec<SocketAddr>,
    /// The Unix socket to connect to, whatever the URL's host is.
    pub(super) unix_path: Option<PathBuf>,
    pub(super) outgoing: Outgoing,
}

impl Dialling {
    /// Rejects what cannot work.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(local) = self.outgoing.local_addr.filter(|local| !self.family.admits(local)) {
            let (setting, given, other) = (Setting::LocalAddr, local.to_string(), Setting::AddressFamily);
            let advice = "its family is not the one that is admitted by";
            return Err(ConfigError::Combination { setting, given, advice, other }.into());
        }
        let Some(name) = &self.outgoing.interface else { return Ok(()) };
        if !cfg!(any(target_os = "linux", target_os = "android")) {
            let (setting, given, other) = (Setting::Interface, name.clone(), Setting::LocalAddr);
            let advice = "this system cannot bind a socket to an interface; give its address to";
            return Err(ConfigError::Combination { setting, given, advice, other }.into());
        }
        // IFNAMSIZ is 16, with a NUL at the end.
        if name.is_empty() || name.len() > 15 || name.contains('\0') {
            let (setting, given) = (Setting::Interface, format!("{name:?}"));
            return Err(
                ConfigError::Value { setting, given, advice: "names of interfaces have 1 to 15 bytes" }.into()
            );
        }
        Ok(())
    }

    /// The Unix socket to connect to, if it is one. That which the program gave is that of its first URL's origin.
    pub(super) fn unix_path<'a>(&'a self, visit: &'a Visit) -> Option<&'a Path> {
        let given = self.unix_path.as_deref().filter(|_| visit.is_first_origin);
        given.or(visit.endpoint.unix_path())
    }

    /// Which addresses can be connected to, as a socket that is bound to an address reaches those of its family only.
    pub(super) fn family(&self) -> AddressFamily {
        match self.outgoing.local_addr {
            Some(SocketAddr::V4(_)) => AddressFamily::Ipv4,
            Some(SocketAddr::V6(_)) => AddressFamily::Ipv6,
            None => self.family,
        }
    }
}

/// Names and addresses.
impl ClientBuilder {
    /// Connects to IPv4 or to IPv6 addresses only, proxies included. Default both.
    #[must_use]
    pub fn address_family(mut self, family: AddressFamily) -> Self {
        self.client.dialling.family = family;
        self
    }

    /// Looks names up with this function instead of the system's. It is given a host name, international ones in
    /// punycode, and a port, and returns the addresses to try, best first; none is an error. It is not asked about
    /// numeric addresses.
    ///
    /// It runs in a helper thread, so that time limits hold: when it takes longer, the connecting call returns and the
    /// function goes on. A panic in it reaches the call that connects.
    ///
    /// ```
    /// # let server = landline::Server::bind("127.0.0.1:0")?;
    /// # let port = server.local_addr().unwrap().port();
    /// # let stop = server.stop_handle();
    /// # let server = std::thread::spawn(move || server.serve(|ws| drop(ws)));
    /// let client = landline::Client::builder()
    ///     .resolver(|name, port| match name {
    ///         "feed.example" => Ok(vec![([127, 0, 0, 1], port).into()]),
    ///         _ => Err(std::io::Error::other("no such host")),
    ///     })
    ///     .build()?;
    /// let ws = client.connect(&format!("ws://feed.example:{port}/"))?;
    /// # stop.stop(std::time::Duration::ZERO);
    /// # server.join().unwrap()?;
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn resolver<F>(mut self, resolve: F) -> Self
    where
        F: Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    {
        self.client.dialling.resolver = Some(Resolver(Arc::new(resolve)));
        self
    }

    /// Connects to one of these addresses, whatever the URL's host is; best first. A port of 0 stands for that of the
    /// URL. The `Host` header and the name in the server's certificate remain the URL's. Proxies are still looked up, and so
    /// is another host to which a redirect leads; a proxy that looks up the server's name still does so. Default none: the
    /// host is looked up.
    ///
    /// ```
    /// # let server = landline::Server::bind("127.0.0.1:0")?;
    /// # let address = server.local_addr().unwrap();
    /// # let stop = server.stop_handle();
    /// # let server = std::thread::spawn(move || server.serve(|ws| drop(ws)));
    /// let client = landline::Client::builder().addresses([address]).build()?;
    /// let ws = client.connect("ws://feed.example/")?;
    /// assert_eq!(ws.peer_addr(), Some(address));
    /// # stop.stop(std::time::Duration::ZERO);
    /// # server.join().unwrap()?;
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.client.dialling.addresses = addresses.into_iter().collect();
        self
    }

    /// Connects to the Unix socket at this path, whatever the URL's host is, and through no proxy. The URL determines
    /// everything else. Unlike in a `ws+unix` URL, nothing in the path is decoded.
    ///
    /// ```no_run
    /// let client = landline::Client::builder().unix_path("/run/feed.sock").build()?;
    /// let ws = client.connect("ws://feed.example/live")?;
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn unix_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.client.dialling.unix_path = Some(path.into());
        self
    }

    /// Connects from this address; with a port other than 0, from this port too, which serves one connection to a
    /// server at a time. Only addresses of the same family are connected to. Default the system's choice.
    #[must_use]
    pub fn local_addr(mut self, address: SocketAddr) -> Self {
        self.client.dialling.outgoing.local_addr = Some(address);
        self
    }

    /// Connects through this network interface only, such as `"eth0"` (`SO_BINDTODEVICE`). Linux only: elsewhere, building
    /// the client fails. Default the system's choice.
    #[must_use]
    pub fn interface(mut self, name: &str) -> Self {
        self.client.dialling.outgoing.interface = Some(name.to_owned());
        self
    }

    /// Calls this function with each socket after all other options have been set, and before it is connected: for options
    /// that this library does not have. Happy Eyeballs may connect several sockets for one connection. An error counts
    /// as a failure to connect to that address.
    ///
    /// The function runs in the connecting thread, and nothing bounds how long it takes. It must not close the socket,
    /// read from it or connect it.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")]
    /// let client = landline::Client::builder()
    ///     // Mark packets for policy routing.
    ///     .on_socket(|socket| Ok(socket2::SockRef::from(&socket).set_mark(7)?))
    ///     .build()?;
    /// # Ok::<(), landline::Error>(())
    /// ```
    #[must_use]
    pub fn on_socket<F>(mut self, hook: F) -> Self
    where
        F: Fn(BorrowedFd<'_>) -> io::Result<()> + Send + Sync + 'static,
    {
        self.client.dialling.outgoing.on_socket = Some(Arc::new(hook));
        self
    }
}
