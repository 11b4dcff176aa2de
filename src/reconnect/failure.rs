//! Why there is no connection.

use crate::close::CloseFrame;
use crate::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a connection ended, or could not be opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// An error of the connection, of opening one, or of the hook that was called after that.
    Error(Error),
    /// The connection was closed cleanly, with this Close frame of the server's.
    Closed(CloseFrame),
}

impl Failure {
    /// Whether another attempt later may succeed: [`Error::is_transient`] or
    /// [`CloseCode::is_transient`](crate::CloseCode::is_transient).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Error(error) => error.is_transient(),
            Self::Closed(frame) => frame.code().is_transient(),
        }
    }

    /// The error, if it is one.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Error(error) => Some(error),
            Self::Closed(_) => None,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.error().and_then(Error::retry_after)
    }
}

/// In one line. `{:#}` includes the causes of an error, as it does for [`Error`].
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => fmt::Display::fmt(error, f),
            Self::Closed(frame) => write!(f, "the connection was closed with {frame}"),
        }
    }
}
