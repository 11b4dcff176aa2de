//! What connectors and acceptors are made from: options with the contents of their files.

use super::backend::TlsBackend;
use super::identity::Material;
use super::info::TlsVersion;
use std::path::PathBuf;
use std::sync::Arc;

/// All that makes one client's configuration different from another.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ClientSettings {
    pub(super) backend: TlsBackend,
    pub(super) platform_roots: bool,
    pub(super) accept_invalid_certs: bool,
    pub(super) accept_invalid_hostnames: bool,
    pub(super) roots: Vec<Pem>,
    pub(super) identity: Option<Arc<Material>>,
    /// Offers `http/1.1`.
    pub(super) alpn: bool,
    pub(super) min_version: TlsVersion,
    pub(super) key_log: Option<PathBuf>,
}

/// The same for a server.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ServerSettings {
    pub(super) backend: TlsBackend,
    /// At least one.
    pub(super) identities: Vec<Arc<Material>>,
    pub(super) client_certs: ClientCerts,
    pub(super) client_roots: Vec<Pem>,
    /// Chooses `http/1.1`.
    pub(super) alpn: bool,
    pub(super) min_version: TlsVersion,
    pub(super) key_log: Option<PathBuf>,
}

/// The protocol in ALPN of WebSocket over HTTP/1.1 (RFC 7301 6).
pub(super) const HTTP_1_1: &str = "http/1.1";

/// Whether a server asks its clients for certificates.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum ClientCerts {
    /// It does not ask.
    #[default]
    Off,
    /// It asks, and accepts clients that have none. A certificate that is shown must be trusted.
    Optional,
    /// It asks, and refuses clients that show none.
    Required,
}

/// A PEM text, and what an error calls it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pem {
    pub(super) text: Arc<[u8]>,
    pub(super) name: Arc<str>,
}
