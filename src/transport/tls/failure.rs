//! What a failure of a TLS library means, in words that are the same for all of them.
//!
//! TLS works in memory here, so an error of its own is never one of the network.

use super::info::TlsVersion;
use crate::error::{Error, Setting, TlsError, TlsReason, TlsStage};
use std::error::Error as StdError;
use std::io;

type LibraryError = Box<dyn StdError + Send + Sync>;

/// What the program gave cannot be used.
pub(super) fn unusable(text: String) -> Error {
    Error::Tls(TlsError::new(TlsStage::Settings, None, text, None, None))
}

/// The same, as the library says.
pub(super) fn unusable_because(text: String, source: impl StdError + Send + Sync + 'static) -> Error {
    let cause = Some((short(&source.to_string()), Box::new(source) as _));
    Error::Tls(TlsError::new(TlsStage::Settings, None, text, cause, None))
}

/// Why a library gave up: what it says, and what that means.
pub(super) struct HandshakeFailure {
    pub(super) meaning: Meaning,
    pub(super) source: LibraryError,
    /// What the library says, in words.
    pub(super) text: String,
}

/// What an error of a library means.
pub(super) enum Meaning {
    Reason(TlsReason),
    /// The peer sent this alert.
    Alert(u8),
    /// A record cannot be decrypted.
    BadRecord,
    /// The peer sent something that is not TLS.
    NotTls,
    Unknown,
}

impl HandshakeFailure {
    pub(super) fn new(meaning: Meaning, source: impl StdError + Send + Sync + 'static) -> Self {
        Self { meaning, text: short(&source.to_string()), source: Box::new(source) }
    }
}

/// What was expected of the peer, to say how it failed.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    /// The name that a server's certificate must be for.
    pub(super) name: Option<&'a str>,
    pub(super) min_version: TlsVersion,
}

/// The handshake failed, perhaps because the peer speaks another protocol.
pub(super) fn handshake_failed(failure: HandshakeFailure, expected: Expected<'_>, is_other: bool) -> Error {
    let meaning = if is_other { Meaning::Reason(TlsReason::NotTls) } else { failure.meaning };
    let (reason, why) = match meaning {
        Meaning::Reason(reason) => (Some(reason), Some(words(reason, expected))),
        Meaning::Alert(alert) => match of_alert(alert, expected.name.is_some()) {
            Some(TlsReason::Refused) => {
                let why = format!("peer does not accept the certificate of this end: {}", alert_name(alert));
                (Some(TlsReason::Refused), Some(why))
            }
            Some(reason) => (Some(reason), Some(words(reason, expected))),
            None => (None, Some(format!("peer ended it with an alert: {}", alert_name(alert)))),
        },
        Meaning::BadRecord | Meaning::NotTls | Meaning::Unknown => (None, None),
    };
    let text = why.map_or("TLS handshake failed".to_owned(), |why| format!("TLS handshake failed: {why}"));
    let setting = reason.and_then(|reason| setting(reason, expected));
    Error::Tls(TlsError::new(TlsStage::Handshake, reason, text, Some((failure.text, failure.source)), setting))
}

/// The peer left.
pub(super) fn handshake_ended() -> Error {
    Error::Tls(TlsError::broken_off("TLS handshake failed: peer ended the connection in the middle of it"))
}

/// The library is content, and yet no ServerHello has passed.
pub(super) fn no_hello() -> Error {
    let text = "TLS handshake failed: the version of TLS cannot be told";
    Error::Tls(TlsError::new(TlsStage::Handshake, None, text, None, None))
}

/// The handshake went through, and this end does not accept its outcome.
pub(super) fn not_pinned(pin: &str) -> Error {
    let text = format!("TLS handshake failed: peer's public key is none of those that are pinned; it is {pin}");
    let (reason, setting) = (Some(TlsReason::NotPinned), Some(Setting::PinnedKey));
    Error::Tls(TlsError::new(TlsStage::Handshake, reason, text, None, setting))
}

fn words(reason: TlsReason, expected: Expected<'_>) -> String {
    let text = match reason {
        TlsReason::Expired => "peer's certificate has expired",
        TlsReason::NotYetValid => "peer's certificate is not valid yet; is the clock right?",
        TlsReason::OtherName => {
            let name = expected.name.unwrap_or_default();
            return format!("peer's certificate is for another name than {name}");
        }
        TlsReason::UnknownIssuer => "peer's certificate was issued by an authority that is not trusted",
        TlsReason::SelfSigned => "peer's certificate is self-signed and not trusted",
        TlsReason::NotPinned => "peer's public key is none of those that are pinned",
        TlsReason::NoClientCertificate => "peer showed no certificate, and one is required",
        TlsReason::ClientCertificateRequired => "peer requires a client certificate",
        TlsReason::Refused => "peer does not accept the certificate of this end",
        TlsReason::NoCommonVersion => {
            return format!(
                "peer speaks no version of TLS that this end allows: {} or later",
                expected.min_version
            );
        }
        TlsReason::NotTls => {
            "the other end does not speak TLS; if it is meant to be plain, use ws://, or http:// for a proxy"
        }
    };
    text.to_owned()
}

/// The setting that could prevent it.
fn setting(reason: TlsReason, expected: Expected<'_>) -> Option<Setting> {
    Some(match reason {
        TlsReason::UnknownIssuer | TlsReason::SelfSigned if expected.name.is_some() => Setting::TrustedCertificates,
        TlsReason::UnknownIssuer | TlsReason::SelfSigned => Setting::ClientCas,
        TlsReason::OtherName => Setting::ServerName,
        TlsReason::NotPinned => Setting::PinnedKey,
        TlsReason::NoClientCertificate => Setting::ClientCerts,
        TlsReason::ClientCertificateRequired => Setting::ClientCertificate,
        // There is no lower one to allow.
        TlsReason::NoCommonVersion if expected.min_version > TlsVersion::V1_2 => Setting::MinTlsVersion,
        _ => return None,
    })
}

/// An open connection's TLS failed.
pub(super) fn broken(error: io::Error) -> TlsError {
    let (reason, text, cause) = match meaning(&error) {
        Meaning::Alert(alert) => match of_alert(alert, true) {
            Some(TlsReason::ClientCertificateRequired) => {
                let reason = TlsReason::ClientCertificateRequired;
                let text = "peer requires a client certificate";
                let cause = Some((alert_name(alert), error.into()));
                return TlsError::new(TlsStage::Open, Some(reason), text, cause, Some(Setting::ClientCertificate));
            }
            Some(TlsReason::Refused) => {
                (Some(TlsReason::Refused), "peer does not accept the certificate of this end", alert_name(alert))
            }
            reason => (reason, "peer ended TLS with an alert", alert_name(alert)),
        },
        Meaning::BadRecord => {
            let text = "a TLS record cannot be decrypted; it was damaged or changed on the way";
            (None, text, short(&error.to_string()))
        }
        Meaning::NotTls => (None, "peer sent what is no valid TLS", short(&error.to_string())),
        Meaning::Reason(reason) => (Some(reason), "TLS failed", short(&error.to_string())),
        Meaning::Unknown => (None, "TLS failed", short(&error.to_string())),
    };
    TlsError::new(TlsStage::Open, reason, text, Some((cause, error.into())), None)
}

/// An open connection's TLS was refused something by this end.
pub(super) fn refused(text: &str) -> TlsError {
    TlsError::new(TlsStage::Open, None, text, None, None)
}

fn meaning(error: &io::Error) -> Meaning {
    let _ = error;
    #[cfg(all(feature = "native-tls", not(any(target_os = "windows", target_vendor = "apple"))))]
    if let Some(meaning) = super::openssl::meaning_of_io(error) {
        return meaning;
    }
    #[cfg(feature = "rustls")]
    if let Some(meaning) = super::rustls::meaning_of_io(error) {
        return meaning;
    }
    Meaning::Unknown
}

/// The alerts that have one of the usual reasons (RFC 8446 6.2).
fn of_alert(alert: u8, is_client: bool) -> Option<TlsReason> {
    Some(match alert {
        42..=46 | 48 => TlsReason::Refused,
        70 => TlsReason::NoCommonVersion,
        116 if is_client => TlsReason::ClientCertificateRequired,
        _ => return None,
    })
}

/// The alert's name in RFC 8446 6, or its number.
fn alert_name(alert: u8) -> String {
    let name = match alert {
        0 => "close notify",
        10 => "unexpected message",
        20 => "bad record mac",
        22 => "record overflow",
        40 => "handshake failure",
        42 => "bad certificate",
        43 => "unsupported certificate",
        44 => "certificate revoked",
        45 => "certificate expired",
        46 => "certificate unknown",
        47 => "illegal parameter",
        48 => "unknown ca",
        49 => "access denied",
        50 => "decode error",
        51 => "decrypt error",
        70 => "protocol version",
        71 => "insufficient security",
        80 => "internal error",
        86 => "inappropriate fallback",
        90 => "user canceled",
        100 => "no renegotiation",
        109 => "missing extension",
        110 => "unsupported extension",
        112 => "unrecognized name",
        113 => "bad certificate status response",
        115 => "unknown psk identity",
        116 => "certificate required",
        120 => "no application protocol",
        _ => return format!("number {alert}"),
    };
    name.to_owned()
}

/// What the library says, without its numbers and the places in its source.
pub(super) fn short(text: &str) -> String {
    // OpenSSL's form: "error:NUMBER:LIBRARY:FUNCTION:REASON:FILE:LINE:MORE", followed by what was wrong with the peer's
    // certificate in parentheses.
    let reason = text.strip_prefix("error:").and_then(|fields| fields.split(':').nth(3));
    let verdict = text.rfind(" (").filter(|_| text.ends_with(')')).map_or("", |at| &text[at..]);
    match reason {
        Some(reason) if !reason.is_empty() => format!("{reason}{verdict}"),
        _ => text.to_owned(),
    }
}
