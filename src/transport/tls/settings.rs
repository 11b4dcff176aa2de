//! What connectors and acceptors are made from: options with the contents of their files.

use super::identity::Material;
use std::sync::Arc;

/// All that makes one client's configuration different from another.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ClientSettings {
    pub(super) platform_roots: bool,
    pub(super) accept_invalid_certs: bool,
    pub(super) accept_invalid_hostnames: bool,
    pub(super) roots: Vec<Pem>,
    pub(super) identity: Option<Arc<Material>>,
}

/// The same for a server.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ServerSettings {
    pub(super) identity: Arc<Material>,
}

/// A PEM text, and what an error calls it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pem {
    pub(super) text: Arc<[u8]>,
    pub(super) name: Arc<str>,
}
