//! Which connection is which.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A connection's identity: a key for tables of connections. From [`WebSocket::id`](crate::WebSocket::id), and from its
/// halves, which have the same one.
///
/// No two connections of a process have the same, also when one of them is gone. In a forked child the numbers go on, so
/// that what it opens differs from what it inherited; those of other processes mean nothing to this one.
///
/// ```
/// # fn main() -> landline::Result<()> {
/// # let server = landline::Server::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}", server.local_addr().unwrap());
/// # let stop = server.stop_handle();
/// # let server = std::thread::spawn(move || server.serve(|mut ws| { let _ = ws.recv(); }));
/// use std::collections::HashMap;
/// let (sender, receiver) = landline::connect(&url)?.split();
/// let mut peers = HashMap::from([(sender.id(), sender)]);
/// assert!(peers.remove(&receiver.id()).is_some());
/// # stop.stop(std::time::Duration::ZERO);
/// # server.join().unwrap()
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(u64);

impl ConnectionId {
    pub(super) fn next() -> Self {
        // Not kept per process: a forked child is to go on where its parent was, and nothing can be left locked.
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// As a number: 1 for the first connection of a process, then upwards.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
