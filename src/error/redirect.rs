//! Why a redirect was not followed.

use crate::proto::handshake::Refusal;
use crate::uri::UrlError;
use std::fmt;

/// How many URLs the text of an error shows.
const MAX_SHOWN: usize = 10;

/// A redirect that was not followed, although [`max_redirects`](crate::ClientBuilder::max_redirects) allows redirects.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RedirectError {
    /// Why it was not followed.
    pub fault: RedirectFault,
    /// The URLs that redirected, in order, without user and password.
    pub hops: Vec<String>,
    /// The last redirect.
    pub refusal: Box<Refusal>,
}

/// Why a redirect was not followed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RedirectFault {
    /// It is one more than [`max_redirects`](crate::ClientBuilder::max_redirects) allows. They may lead in a circle.
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// It leads from `wss` to `ws`.
    LosesTls,
    /// Its `Location` is not the URL of a WebSocket.
    Location(UrlError),
}

impl RedirectError {
    pub(crate) fn new(fault: RedirectFault, hops: Vec<String>, refusal: Refusal) -> Self {
        Self { fault, hops, refusal: Box::new(refusal) }
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = self.refusal.location().unwrap_or_default();
        match &self.fault {
            RedirectFault::TooMany { limit } => {
                write!(f, "more than {limit} redirects: ")?;
                for (index, hop) in self.hops.iter().take(MAX_SHOWN).enumerate() {
                    write!(f, "{}{hop}", if index == 0 { "from " } else { " to " })?;
                }
                write!(f, "{} to {to}", if self.hops.len() > MAX_SHOWN { " to ..." } else { "" })
            }
            RedirectFault::LosesTls => {
                write!(f, "the server redirects to {to}, which is not followed because it gives up TLS")
            }
            RedirectFault::Location(error) => {
                write!(f, "the server redirects to {to}, which cannot be used: {error}")
            }
        }
    }
}

impl std::error::Error for RedirectError {}
