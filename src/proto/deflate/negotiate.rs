//! Negotiation of permessage-deflate: offers and answers (RFC 7692 sections 5 and 7.1).
//!
//! A server accepts the first offer that it can satisfy exactly. It skips offers that are malformed, contain unknown
//! parameters, or ask for something that the engine does not support. A client fails the handshake if the answer does
//! not fit its offer. Neither agrees to anything that the engine cannot do.

use crate::compression::Compression;
use crate::proto::handshake::{Extension, HandshakeError};

/// The extension's registered name.
const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The smallest window that the engine can compress with. RFC 7692 also allows 8.
pub(super) const MIN_WINDOW_BITS: u8 = 9;
const MAX_WINDOW_BITS: u8 = 15;

/// The parameters that both ends of a connection agreed on (RFC 7692 7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DeflateParameters {
    /// The server begins each message with an empty window.
    pub server_no_context_takeover: bool,
    /// The client begins each message with an empty window.
    pub client_no_context_takeover: bool,
    /// The server's window has at most 2 to the power of this many bytes: 9 to 15, or on a client also 8.
    pub server_max_window_bits: u8,
    /// The client's window has at most 2 to the power of this many bytes: 8 to 15.
    pub client_max_window_bits: u8,
}

/// Returns the offer of a client.
#[must_use]
pub fn offer(options: &Compression) -> Extension {
    let mut offer = Extension::new(NAME);
    if options.server_no_context_takeover {
        offer = offer.with_flag(SERVER_NO_CONTEXT_TAKEOVER);
    }
    if options.client_no_context_takeover {
        offer = offer.with_flag(CLIENT_NO_CONTEXT_TAKEOVER);
    }
    if options.server_max_window_bits < MAX_WINDOW_BITS {
        offer = offer.with_param(SERVER_MAX_WINDOW_BITS, options.server_max_window_bits.to_string());
    }
    // Always included, so that the server may choose a smaller window.
    match options.client_max_window_bits {
        MAX_WINDOW_BITS => offer.with_flag(CLIENT_MAX_WINDOW_BITS),
        bits => offer.with_param(CLIENT_MAX_WINDOW_BITS, bits.to_string()),
    }
}

/// Returns a server's answer to the extensions in a request, which accepts the first offer of permessage-deflate that
/// it can satisfy. `None` declines compression.
#[must_use]
pub fn accept(options: &Compression, offers: &[Extension]) -> Option<(DeflateParameters, Extension)> {
    offers.iter().filter(|offer| offer.name() == NAME).find_map(|offer| accept_one(options, offer))
}

fn accept_one(options: &Compression, offer: &Extension) -> Option<(DeflateParameters, Extension)> {
    let asked = Asked::read(offer).ok()?;
    let server_max_window_bits = match asked.server_max_window_bits {
        None => options.server_max_window_bits,
        Some(bits) if bits < MIN_WINDOW_BITS => return None,
        Some(bits) => bits.min(options.server_max_window_bits),
    };
    let client_max_window_bits = match asked.client_max_window_bits {
        // This client does not let the server choose its window (7.1.2.2).
        None if options.client_max_window_bits < MAX_WINDOW_BITS => return None,
        None => MAX_WINDOW_BITS,
        Some(None) => options.client_max_window_bits,
        Some(Some(bits)) => bits.min(options.client_max_window_bits),
    };
    let parameters = DeflateParameters {
        server_no_context_takeover: asked.server_no_context_takeover || options.server_no_context_takeover,
        client_no_context_takeover: asked.client_no_context_takeover || options.client_no_context_takeover,
        server_max_window_bits,
        client_max_window_bits,
    };
    let mut answer = Extension::new(NAME);
    if parameters.server_no_context_takeover {
        answer = answer.with_flag(SERVER_NO_CONTEXT_TAKEOVER);
    }
    if parameters.client_no_context_takeover {
        answer = answer.with_flag(CLIENT_NO_CONTEXT_TAKEOVER);
    }
    if asked.server_max_window_bits.is_some() || server_max_window_bits < MAX_WINDOW_BITS {
        answer = answer.with_param(SERVER_MAX_WINDOW_BITS, server_max_window_bits.to_string());
    }
    if client_max_window_bits < MAX_WINDOW_BITS {
        answer = answer.with_param(CLIENT_MAX_WINDOW_BITS, client_max_window_bits.to_string());
    }
    Some((parameters, answer))
}

/// Checks the extensions in a server's answer against the client's [`offer`], and returns what was agreed on, or `None`
/// if the server declined compression.
///
/// # Errors
///
/// [`HandshakeError::ExtensionParameters`] if the answer is malformed or does not grant what the offer demands. The
/// client must then fail the connection (RFC 7692 section 5.1).
pub fn confirm(options: &Compression, answer: &[Extension]) -> Result<Option<DeflateParameters>, HandshakeError> {
    match answer.iter().find(|extension| extension.name() == NAME) {
        None => Ok(None),
        Some(answer) => match confirm_one(options, answer) {
            Ok(parameters) => Ok(Some(parameters)),
            Err(what) => Err(HandshakeError::ExtensionParameters { name: NAME, what }),
        },
    }
}

fn confirm_one(options: &Compression, answer: &Extension) -> Result<DeflateParameters, &'static str> {
    let granted = Asked::read(answer)?;
    if options.server_no_context_takeover && !granted.server_no_context_takeover {
        return Err("server_no_context_takeover was requested but is not granted");
    }
    let server_max_window_bits = granted.server_max_window_bits.unwrap_or(MAX_WINDOW_BITS);
    if server_max_window_bits > options.server_max_window_bits {
        return Err("server_max_window_bits is larger than requested");
    }
    let client_max_window_bits = match granted.client_max_window_bits {
        None => options.client_max_window_bits,
        Some(None) => return Err("client_max_window_bits has no value"),
        Some(Some(bits)) => bits.min(options.client_max_window_bits),
    };
    Ok(DeflateParameters {
        server_no_context_takeover: granted.server_no_context_takeover,
        client_no_context_takeover: granted.client_no_context_takeover || options.client_no_context_takeover,
        server_max_window_bits,
        client_max_window_bits,
    })
}

/// The parameters of one offer or answer.
#[derive(Default)]
struct Asked {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// In an offer, the value is optional.
    client_max_window_bits: Option<Option<u8>>,
}

impl Asked {
    fn read(extension: &Extension) -> Result<Self, &'static str> {
        let mut asked = Self::default();
        for (name, value) in extension.params() {
            let value = value.as_deref();
            let is_repeated = match name.as_str() {
                SERVER_NO_CONTEXT_TAKEOVER => set(&mut asked.server_no_context_takeover, value)?,
                CLIENT_NO_CONTEXT_TAKEOVER => set(&mut asked.client_no_context_takeover, value)?,
                SERVER_MAX_WINDOW_BITS => {
                    let bits = value.map(window_bits).ok_or("server_max_window_bits has no value")??;
                    asked.server_max_window_bits.replace(bits).is_some()
                }
                CLIENT_MAX_WINDOW_BITS => {
                    let bits = value.map(window_bits).transpose()?;
                    asked.client_max_window_bits.replace(bits).is_some()
                }
                _ => return Err("it has an unknown parameter"),
            };
            if is_repeated {
                return Err("a parameter is repeated");
            }
        }
        Ok(asked)
    }
}

/// Sets a parameter that has no value. Returns whether it was already set.
fn set(flag: &mut bool, value: Option<&str>) -> Result<bool, &'static str> {
    match value {
        None => Ok(std::mem::replace(flag, true)),
        Some(_) => Err("a parameter that takes no value has one"),
    }
}

/// A decimal number from 8 to 15 without leading zeros (RFC 7692 7.1.2).
fn window_bits(value: &str) -> Result<u8, &'static str> {
    match value {
        "8" => Ok(8),
        "9" => Ok(9),
        "10" => Ok(10),
        "11" => Ok(11),
        "12" => Ok(12),
        "13" => Ok(13),
        "14" => Ok(14),
        "15" => Ok(15),
        _ => Err("the window bits are not a number from 8 to 15"),
    }
}
