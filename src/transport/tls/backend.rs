//! What a TLS library does for this crate, and which library does it.
//!
//! Each library has a file of its own, which makes a [`Connector`] or an [`Acceptor`] from settings. Everything else is
//! the same for all of them: TLS reads from and writes to memory ([`Buffers`]), and never waits.

use super::buffers::Buffers;
use super::failure::HandshakeFailure;
use super::identity::Parsed;
use super::settings::{ClientSettings, ServerSettings};
use crate::error::{ConfigError, Error, Result};
use std::fmt;
use std::io;
use std::sync::Arc;

/// A TLS library. Each is compiled in if the cargo feature of its name is enabled; choosing one that is not is an
/// [`Error::Config`] that names the feature.
///
/// The default is [`NativeTls`](Self::NativeTls) if it is compiled in, and otherwise [`Rustls`](Self::Rustls).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TlsBackend {
    /// The platform's library: OpenSSL, except on Windows and Apple's systems. Feature `native-tls`, enabled by default.
    NativeTls,
    /// rustls. Feature `rustls`.
    Rustls,
}

impl TlsBackend {
    /// The name of the library, which is also that of the cargo feature.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NativeTls => "native-tls",
            Self::Rustls => "rustls",
        }
    }

    /// Whether it is compiled in.
    #[must_use]
    pub const fn is_available(self) -> bool {
        match self {
            Self::NativeTls => cfg!(feature = "native-tls"),
            Self::Rustls => cfg!(feature = "rustls"),
        }
    }

    /// The one that is compiled in, native-tls if both are.
    pub(super) fn default_one() -> Result<Self> {
        let available = [Self::NativeTls, Self::Rustls].into_iter().find(|backend| backend.is_available());
        available.ok_or_else(|| ConfigError::NotCompiledIn { what: "TLS", feature: "native-tls or rustls" }.into())
    }

    /// This choice, or the default.
    pub(super) fn choose(chosen: Option<Self>) -> Result<Self> {
        chosen.map_or_else(Self::default_one, Ok)
    }

    #[cfg(not(all(feature = "native-tls", feature = "rustls")))]
    fn not_compiled_in(self) -> Error {
        ConfigError::NotCompiledIn { what: self.name(), feature: self.name() }.into()
    }
}

impl fmt::Display for TlsBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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

    /// Continues with what has been put into the buffers.
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

    /// The peer's certificate, and those that it sent with it if the library shows them, in DER.
    fn peer_certificates(&self) -> Vec<Vec<u8>>;

    /// The protocol that was chosen by ALPN.
    fn alpn(&self) -> Option<Vec<u8>>;
}

/// What a library thinks of a certificate and a key.
pub(super) enum Check {
    Fine,
    BadCertificate,
    BadKey,
    /// The key is that of another certificate.
    Mismatch,
}

#[cfg(feature = "native-tls")]
use super::native;
#[cfg(feature = "rustls")]
use super::rustls;

/// What native-tls is made of, or does not offer.
#[cfg(all(feature = "native-tls", any(target_os = "windows", target_vendor = "apple")))]
use super::native as platform;
#[cfg(all(feature = "native-tls", not(any(target_os = "windows", target_vendor = "apple"))))]
use super::openssl as platform;

pub(super) fn connector(settings: &ClientSettings) -> Result<Arc<dyn Connector>> {
    match settings.backend {
        #[cfg(feature = "native-tls")]
        TlsBackend::NativeTls => native::connector(settings),
        #[cfg(feature = "rustls")]
        TlsBackend::Rustls => rustls::connector(settings),
        #[cfg(not(all(feature = "native-tls", feature = "rustls")))]
        other => Err(other.not_compiled_in()),
    }
}

pub(super) fn acceptor(settings: &ServerSettings) -> Result<Arc<dyn Acceptor>> {
    match settings.backend {
        #[cfg(feature = "native-tls")]
        TlsBackend::NativeTls => platform::acceptor(settings),
        #[cfg(feature = "rustls")]
        TlsBackend::Rustls => rustls::acceptor(settings),
        #[cfg(not(all(feature = "native-tls", feature = "rustls")))]
        other => Err(other.not_compiled_in()),
    }
}

/// Whether a certificate and a key are well-formed and belong together, in the opinion of the default library.
pub(super) fn check(chain: &[Vec<u8>], key: &[u8]) -> Result<Check> {
    match TlsBackend::default_one()? {
        #[cfg(feature = "native-tls")]
        TlsBackend::NativeTls => platform::check(chain, key),
        #[cfg(feature = "rustls")]
        TlsBackend::Rustls => rustls::check(chain, key),
        #[cfg(not(all(feature = "native-tls", feature = "rustls")))]
        other => {
            let _ = (chain, key);
            Err(other.not_compiled_in())
        }
    }
}

/// Reads a PKCS#12 archive.
#[cfg(feature = "native-tls")]
pub(super) fn read_pkcs12(archive: &[u8], password: &str) -> Result<Parsed> {
    platform::read_pkcs12(archive, password)
}

#[cfg(not(feature = "native-tls"))]
pub(super) fn read_pkcs12(_: &[u8], _: &str) -> Result<Parsed> {
    match TlsBackend::default_one()? {
        #[cfg(feature = "rustls")]
        TlsBackend::Rustls => Err(super::identity::unusable_archive(super::identity::NO_PKCS12)),
        other => Err(other.not_compiled_in()),
    }
}

/// The error for an option that a library does not have.
#[cfg(feature = "native-tls")]
pub(super) fn not_with(backend: TlsBackend, setting: crate::error::Setting, advice: &'static str) -> Error {
    ConfigError::Unsupported { setting, by: backend.name(), advice }.into()
}
