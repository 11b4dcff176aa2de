//! The result of an opening handshake, in either role.

use super::Extension;
use crate::proto::deflate::DeflateParameters;
use http::header::HeaderMap;

/// What the opening handshake agreed on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Handshake {
    /// The subprotocol, if one was chosen.
    pub subprotocol: Option<String>,
    /// The extensions in use, in the order in which they process data. The caller must check the parameters of
    /// extensions that the library does not know.
    pub extensions: Vec<Extension>,
    /// Compression, if it was agreed on.
    pub compression: Option<DeflateParameters>,
    /// The peer's headers: those of the response for a client, of the request for a server.
    pub headers: HeaderMap,
    /// The path and query of the request, percent-encoded.
    pub target: String,
    /// For a connection that [`Client`](crate::Client) has opened: its URL, without user and password. After redirects, it
    /// is the last one.
    pub url: Option<String>,
}
