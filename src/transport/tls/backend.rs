//! What a TLS library does for this crate.
//!
//! Each library has a file of its own, which makes a [`Connector`] or an [`Acceptor`] from settings. Everything else is
//! the same for all of them: TLS reads from and writes to memory ([`Buffers`]), and never waits.

use super::buffers::Buffers;
use super::failure::HandshakeFailure;
use super::identity::Parsed;
use super::settings::{ClientSettings, ServerSettings};
use crate::error::Result;
use std::io;
use std::sync::Arc;

/// A client's configuration in the form of its library.
pub(super) trait Connector: Send + Sync {
    /// Begins a handshake with a server whose certificate must be for `server_name`.
    fn connect(&self, server_name: &str, buffers: Buffers) -> Progress;
}

/// A server's configuration in the form of its library.
pub(super) trait Acceptor: Send + Sync {
    /// Begins a handshake.
    fn accept(&self, buffers: Buffers) -> Progress;
}

/// How far a handshake has come.
pub(super) enum Progress {
    Done(Box<dyn Session>),
    /// It needs more from the peer.
    Blocked(Box<dyn Handshake>),
    Failed(HandshakeFailure),
}

/// A handshake that needs more from the peer.
pub(super) trait Handshake: Send {
    fn buffers(&mut self) -> &mut Buffers;

    /// Goes on with what has been put into the buffers.
    fn proceed(self: Box<Self>) -> Progress;
}

/// TLS on an open connection.
pub(super) trait Session: Send {
    fn buffers(&mut self) -> &mut Buffers;

    /// Decrypts. `WouldBlock` if there is nothing to decrypt.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Encrypts all of it into the buffers. `WouldBlock` if the peer asked for renegotiation.
    fn write_all(&mut self, plaintext: &[u8]) -> io::Result<()>;

    /// Encrypts `close_notify` into the buffers. It only fails if TLS has already failed.
    fn close(&mut self);
}

pub(super) fn connector(settings: &ClientSettings) -> Result<Arc<dyn Connector>> {
    super::native::connector(settings)
}

#[cfg(not(any(target_os = "windows", target_vendor = "apple")))]
pub(super) fn acceptor(settings: &ServerSettings) -> Result<Arc<dyn Acceptor>> {
    super::openssl::acceptor(settings)
}

#[cfg(any(target_os = "windows", target_vendor = "apple"))]
pub(super) fn acceptor(settings: &ServerSettings) -> Result<Arc<dyn Acceptor>> {
    super::native::acceptor(settings)
}

/// Reads a PKCS#12 archive.
#[cfg(not(any(target_os = "windows", target_vendor = "apple")))]
pub(super) fn read_pkcs12(archive: &[u8], password: &str) -> Result<Parsed> {
    super::openssl::read_pkcs12(archive, password)
}

#[cfg(any(target_os = "windows", target_vendor = "apple"))]
pub(super) fn read_pkcs12(archive: &[u8], password: &str) -> Result<Parsed> {
    super::native::read_pkcs12(archive, password)
}

/// Whether a certificate and a key are well-formed and belong together.
#[cfg(not(any(target_os = "windows", target_vendor = "apple")))]
pub(super) fn check(chain: &[Vec<u8>], key: &[u8]) -> Result<Check> {
    super::openssl::check(chain, key)
}

#[cfg(any(target_os = "windows", target_vendor = "apple"))]
pub(super) fn check(chain: &[Vec<u8>], key: &[u8]) -> Result<Check> {
    super::native::check(chain, key)
}

/// What a library thinks of a certificate and a key.
pub(super) enum Check {
    Fine,
    BadCertificate,
    BadKey,
    /// The key is that of another certificate.
    Mismatch,
}
