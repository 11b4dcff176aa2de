//! How long the steps of opening a connection took.

use std::time::Duration;

/// How long each step of opening a client's connection took: see [`WebSocket::timings`](crate::WebSocket::timings).
///
/// Steps that were repeated, for redirects for instance, are added up. Steps that were not needed took no time.
///
/// ```
/// # let server = landline::Server::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}/", server.local_addr().unwrap());
/// # let stop = server.stop_handle();
/// # let server = std::thread::spawn(move || server.serve(|ws| drop(ws)));
/// let ws = landline::connect(&url)?;
/// let timings = ws.timings().unwrap();
/// println!("connected within {:?}, open after {:?}", timings.connect, timings.total());
/// # assert!(timings.tls.is_zero() && !timings.upgrade.is_zero());
/// # stop.stop(std::time::Duration::ZERO);
/// # server.join().unwrap()?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Timings {
    /// Looking up names, until the first address could be tried. Further addresses may have been looked up while
    /// connecting.
    pub resolve: Duration,
    /// Connecting, from the first attempt until one succeeded.
    pub connect: Duration,
    /// Asking proxies to connect to the server, TLS with them included.
    pub proxy: Duration,
    /// TLS with the server, and reading certificates for it.
    pub tls: Duration,
    /// The opening handshake: the request, and the answer to it.
    pub upgrade: Duration,
}

impl Timings {
    /// All of them together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.resolve + self.connect + self.proxy + self.tls + self.upgrade
    }
}
