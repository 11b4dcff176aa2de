//! permessage-deflate (RFC 7692): agreeing on it, and its transformation of messages.
//!
//! In scope: the offer and the answer ([`offer`], [`accept`], [`confirm`]), compressing a message piece by piece
//! into frames' payloads ([`Deflater`]), inflating them piece by piece ([`Inflater`]). Out of scope: frames and
//! limits (see `inbound` and `outbound`), which messages to compress.
//!
//! The engines are flate2's over zlib-rs. Each is made when it is first needed, and lives as long as its window
//! may be referred to.

mod compress;
mod inflate;
mod negotiate;

#[cfg(test)]
mod tests;

pub use compress::{Deflater, End};
pub use inflate::{Inflated, Inflater};
pub use negotiate::{DeflateParameters, accept, confirm, offer};

use super::{Inbound, Outbound};
use crate::compression::Compression;

/// Turns compression on in both halves of a connection whose opening handshake agreed on `parameters`.
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

/// What a sync flush ends with, and what is left out of every message (RFC 7692 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
