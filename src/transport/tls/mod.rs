//! TLS over any transport, usable from two threads at once.
//!
//! A TLS object admits one thread at a time, so it must never wait for the network while it is held. Here it
//! cannot: it reads from and writes to memory ([`Buffers`](buffers::Buffers)). Ciphertext moves between that memory and the
//! transport outside its lock, so that one thread encrypts or decrypts while the other one is in the kernel.
//!
//! ```text
//!   read:   transport --recv--> stage --swap--> incoming --decrypt--> caller
//!                      (reading thread)         (tls lock, at most 64 KiB of plaintext)
//!   write:  caller --encrypt--> outgoing --swap--> unsent --send--> transport
//!                  (tls lock, at most 64 KiB)  (unsent lock, never waits)
//! ```
//!
//! Lock order: `stage`, then `unsent`, then `tls`, then `outgoing`. Nothing waits while it holds `unsent` or
//! `tls`; `stage` belongs to the reading thread. Because writing into memory always succeeds, a TLS write is
//! never half done and never has to be repeated. What reading makes TLS say (key updates, alerts) goes out by the
//! same way in its order.

#![cfg_attr(
    all(not(feature = "rustls"), any(target_os = "windows", target_vendor = "apple")),
    expect(dead_code, reason = "native-tls has no key log there, and tells less about failures")
)]

mod acceptor;
mod backend;
mod buffers;
mod certificate;
mod certificate_dirs;
mod certificates;
mod ciphers;
mod connector;
mod der;
mod failure;
mod handshake;
mod hello;
mod identity;
mod info;
mod key_log;
mod keys;
#[cfg(feature = "native-tls")]
mod native;
#[cfg(all(feature = "native-tls", not(any(target_os = "windows", target_vendor = "apple"))))]
mod openssl;
mod pem;
mod pins;
#[cfg(feature = "rustls")]
mod rustls;
mod server_names;
mod settings;
mod shared;
mod sources;
mod stream;

pub use acceptor::{TlsAcceptor, TlsAcceptorBuilder};
pub use backend::TlsBackend;
pub use certificate::Certificate;
pub use connector::{TlsConnector, TlsConnectorBuilder};
pub use identity::Identity;
pub use info::{TlsInfo, TlsVersion};
pub use settings::ClientCerts;
pub use stream::TlsTransport;

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_would_block<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
