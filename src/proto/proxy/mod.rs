//! Asking a proxy for a tunnel to a host, without any I/O: HTTP `CONNECT` ([`Connect`], RFC 9110 9.3.6), SOCKS5
//! ([`Socks5`], RFC 1928 and 1929), and SOCKS4 with 4a ([`Socks4`]).
//!
//! In scope: the request, the checks of the proxy's answer, what a refusal says. Out of scope: sockets, TLS, deadlines,
//! which proxy to use, how to answer a challenge for credentials.
//!
//! Each machine is driven through the trait [`Tunnel`]: write its output; read at most as many bytes as are
//! [wanted](Tunnel::wanted) and pass them to it; repeat until the tunnel is open. A driver that does so never reads a byte
//! that comes through the tunnel, so nothing has to be put back, and the connection can be used as it is.
//!
//! ```
//! use landline::proto::proxy::{Socks5, Tunnel};
//! let host = url::Host::parse("example.com")?;
//! let mut tunnel = Socks5::new(&host, 80, None)?;
//! assert_eq!(tunnel.output(), b"\x05\x01\x00", "without authentication");
//! assert_eq!(tunnel.wanted(), 2);
//! assert!(!tunnel.receive(&mut &b"\x05\x00"[..])?);
//! assert_eq!(tunnel.output(), b"\x05\x01\x00\x03\x0bexample.com\x00\x50");
//! // The proxy may already have sent what comes through the tunnel.
//! let mut answer = &b"\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34server"[..];
//! assert!(tunnel.receive(&mut answer)?);
//! assert_eq!(answer, b"server");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants: the outcome depends on the bytes only, never on how they were split; what is kept of an answer is bounded;
//! no input causes a panic; `Debug` and errors show no credentials.

mod connect;
mod error;
mod socks4;
mod socks5;
#[cfg(test)]
mod tests;

pub use connect::Connect;
pub use error::{Refusal, RequestError, TunnelError};
pub use socks4::Socks4;
pub use socks5::Socks5;

/// A conversation with a proxy that ends with a tunnel through it, or with an error.
pub trait Tunnel {
    /// Takes the bytes that have to be sent now. May be empty.
    fn output(&mut self) -> Vec<u8>;

    /// How many bytes the proxy still has to send at least, never 0. After reading more than that, the last ones may
    /// belong to what comes through the tunnel.
    fn wanted(&self) -> usize;

    /// Removes bytes of the proxy from the front of `data`, which may end anywhere. Returns whether the tunnel is open;
    /// what is left in `data` then came through it.
    ///
    /// # Errors
    ///
    /// [`TunnelError`]. The connection cannot be used afterwards, except as [`Refusal::keeps_open`] says.
    fn receive(&mut self, data: &mut &[u8]) -> Result<bool, TunnelError>;

    /// Reports that the proxy has ended the stream, and returns the error that the conversation ends with.
    fn receive_eof(&mut self) -> TunnelError;

    /// Whether the proxy has refused, and only the body of the refusal is to come: it is not worth a long wait, as a
    /// proxy may give it no length and keep the connection open.
    fn has_refused(&self) -> bool {
        false
    }

    /// Ends the conversation because the caller's time limit has passed. Returns a refusal with as much of its body as has
    /// arrived, if the proxy has refused, and `None` otherwise.
    fn give_up(&mut self) -> Option<TunnelError> {
        None
    }
}
