//! Why connecting to a host failed.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why connecting failed: either the look-up of the host did, or connecting to each of its addresses. The
/// [`source`](std::error::Error::source) is the error of the look-up or of the last address.
#[derive(Debug)]
pub struct ConnectError {
    /// The destination, as `host:port`.
    pub authority: String,
    /// The error of the look-up, if that failed.
    pub lookup: Option<io::Error>,
    /// Each address that was tried, and its error.
    pub attempts: Vec<(SocketAddr, io::Error)>,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to {}", self.authority)?;
        match (&self.lookup, &self.attempts[..]) {
            (Some(_), _) => f.write_str(": looking up the name failed"),
            (None, []) => f.write_str(": the name has no address"),
            (None, [(address, _)]) if address.to_string() == self.authority => Ok(()),
            (None, attempts @ [.., (_, last)]) => {
                let last = last.to_string();
                for (i, (address, error)) in attempts.iter().enumerate() {
                    let before = if i == 0 { " at " } else { ", " };
                    write!(f, "{before}{address}")?;
                    // The last error is the source, and must not be repeated here.
                    let error = error.to_string();
                    if error != last {
                        write!(f, " ({error})")?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let last = || self.attempts.last().map(|(_, error)| error);
        self.lookup.as_ref().or_else(last).map(|error| error as _)
    }
}
