//! Why connecting to a host failed.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why connecting failed: looking up the host did, or connecting to each of its addresses, or both, for addresses of
/// different families. The [`source`](std::error::Error::source) is the error of the look-up or of the last address.
///
/// ```
/// use landline::Error;
///
/// let Err(Error::Connect(error)) = landline::connect("ws://127.0.0.1:1/") else { unreachable!() };
/// assert_eq!(error.authority, "127.0.0.1:1");
/// for attempt in &error.attempts {
///     println!("{}: {}", attempt.address, attempt.error);
/// }
/// ```
#[derive(Debug)]
pub struct ConnectError {
    /// The destination: `host:port`, or `unix:` and the path of a Unix socket.
    pub authority: String,
    /// The error of the look-up, if that failed.
    pub lookup: Option<io::Error>,
    /// The addresses that were tried, in this order, each with its error.
    pub attempts: Vec<Attempt>,
    /// The host has addresses, but none of the family that this program admits.
    pub excluded: bool,
}

/// An attempt to connect that failed.
#[derive(Debug)]
pub struct Attempt {
    /// Where to.
    pub address: Address,
    /// Why it failed. Of kind `TimedOut` if there was no answer when the time was up.
    pub error: io::Error,
}

/// The address of a stream socket.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Address {
    /// TCP.
    Ip(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

/// As `address:port`, or `unix:` and the path.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl ConnectError {
    /// Whether the system refuses the address itself, such as a path that is too long for a Unix socket.
    pub(super) fn is_of_no_use(&self) -> bool {
        let is_invalid = |attempt: &Attempt| attempt.error.kind() == io::ErrorKind::InvalidInput;
        self.lookup.is_none() && !self.attempts.is_empty() && self.attempts.iter().all(is_invalid)
    }

    /// Lists the attempts and their errors, for a text that says that time ran out.
    pub(super) fn write_attempts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Attempt { address, error }) in self.attempts.iter().enumerate() {
            let before = if i == 0 { "" } else { ", " };
            match error.kind() {
                io::ErrorKind::TimedOut => write!(f, "{before}{address} (no answer)")?,
                _ => write!(f, "{before}{address} ({error})")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to {}", self.authority)?;
        match (&self.lookup, &self.attempts[..]) {
            (Some(_), []) => f.write_str(": looking up the name failed"),
            (Some(_), attempts) => {
                for (i, Attempt { address, error }) in attempts.iter().enumerate() {
                    let before = if i == 0 { " at " } else { ", " };
                    write!(f, "{before}{address} ({error})")?;
                }
                f.write_str("; looking up its other addresses failed")
            }
            (None, []) if self.excluded => f.write_str(": the host has no address of the family asked for"),
            (None, []) => f.write_str(": the name has no address"),
            (None, [attempt]) if attempt.address.to_string() == self.authority => Ok(()),
            (None, attempts @ [.., last]) => {
                let last = last.error.to_string();
                for (i, Attempt { address, error }) in attempts.iter().enumerate() {
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
        let last = || self.attempts.last().map(|attempt| &attempt.error);
        self.lookup.as_ref().or_else(last).map(|error| error as _)
    }
}
