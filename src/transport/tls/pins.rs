//! Pinned public keys: which ones a server may have, whoever issued its certificate.

use super::certificate::{Certificate, PIN};
use super::failure::not_pinned;
use crate::error::{ConfigError, Result, Setting};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Pins as [`Certificate::public_key_pin`] gives them. None: every key is accepted.
#[derive(Default)]
pub(super) struct Pins(Vec<String>);

impl Pins {
    pub(super) fn parse(given: &[String]) -> Result<Self> {
        given.iter().map(|pin| normal(pin)).collect::<Result<_>>().map(Self)
    }

    /// Whether the server, whose certificate this is, has one of the keys.
    pub(super) fn check(&self, certificates: &[Vec<u8>]) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let certificate = Certificate::from_der(certificates.first().cloned().unwrap_or_default());
        let pin = certificate.public_key_pin();
        if self.0.contains(&pin) { Ok(()) } else { Err(not_pinned(&pin)) }
    }
}

/// Without differences in how Base64 is written.
fn normal(pin: &str) -> Result<String> {
    let hash = pin.strip_prefix(PIN).and_then(|base64| STANDARD.decode(base64.trim_ascii()).ok());
    match hash {
        Some(hash) if hash.len() == 32 => Ok(format!("{PIN}{}", STANDARD.encode(hash))),
        _ => Err(ConfigError::Value {
            setting: Setting::PinnedKey,
            given: pin.to_owned(),
            advice: "give sha256// and the SHA-256 of the SubjectPublicKeyInfo in Base64",
        }
        .into()),
    }
}
