//! Agreeing on compression, and both engines, by section of RFC 7692 (strictness item 22).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod engines;
mod negotiation;
mod reference;

use super::*;
use crate::compression::{Compress, Compression};
use crate::proto::{ProtocolError, Role};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// Parameters in the order of the RFC.
fn parameters(server_fresh: bool, client_fresh: bool, server_bits: u8, client_bits: u8) -> DeflateParameters {
    DeflateParameters {
        server_no_context_takeover: server_fresh,
        client_no_context_takeover: client_fresh,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits,
    }
}
