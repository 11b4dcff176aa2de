//! permessage-deflate (RFC 7692): its negotiation, and the compression and decompression of messages.
//!
//! In scope: the offer and the answer ([`offer`], [`accept`], [`confirm`]), compressing a message piece by piece
//! into frames' payloads (`compress.rs`), inflating them piece by piece (`inflate.rs`). Out of scope: frames and
//! limits (see `inbound` and `outbound`), which messages to compress.
//!
//! The engine is zlib-rs, used through flate2. A compressor or decompressor is made when it is first needed, and kept
//! for as long as messages may refer to its window.

mod compress;
mod inflate;
mod negotiate;

#[cfg(test)]
mod tests;

pub(crate) use compress::{Deflater, End};
pub(crate) use inflate::Inflater;
pub use negotiate::{DeflateParameters, accept, confirm, offer};

use super::{Inbound, Outbound};
use crate::compression::Compression;

/// Enables compression in both halves of a connection whose opening handshake agreed on `parameters`.
pub(crate) fn enable(
    inbound: &mut Inbound,
    outbound: &mut Outbound,
    options: &Compression,
    parameters: &DeflateParameters,
) {
    let role = outbound.role();
    inbound.set_inflater(Inflater::new(role, options, parameters));
    outbound.set_deflater(Deflater::new(role, options, parameters));
}

/// The bytes at the end of a sync flush, which every message omits (RFC 7692 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
