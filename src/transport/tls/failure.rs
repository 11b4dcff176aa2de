//! What a failure of a TLS library means, in words.
//!
//! TLS works in memory here, so an error of its own is never one of the network.

use crate::error::{Error, Setting, TlsError, TlsStage};
use std::error::Error as StdError;
use std::io;

/// What the program gave cannot be used.
pub(super) fn unusable(text: String) -> Error {
    Error::Tls(TlsError::new(TlsStage::Settings, text, None, None))
}

/// The same, as the library says.
pub(super) fn unusable_because(text: String, source: impl StdError + Send + Sync + 'static) -> Error {
    Error::Tls(TlsError::new(TlsStage::Settings, text, Some((short(&source.to_string()), Box::new(source))), None))
}

/// Why a library gave up a handshake.
pub(super) struct HandshakeFailure {
    /// In words.
    text: String,
    source: LibraryError,
}

type LibraryError = Box<dyn StdError + Send + Sync>;

impl HandshakeFailure {
    pub(super) fn of_native_tls(source: native_tls::Error) -> Self {
        Self { text: short(&source.to_string()), source: Box::new(source) }
    }

    pub(super) fn of_other(source: impl StdError + Send + Sync + 'static) -> Self {
        Self { text: short(&source.to_string()), source: Box::new(source) }
    }

    #[cfg(not(any(target_os = "windows", target_vendor = "apple")))]
    pub(super) fn of_openssl(source: openssl::ssl::Error, verdict: openssl::x509::X509VerifyResult) -> Self {
        let mut text = short(&source.to_string());
        if verdict != openssl::x509::X509VerifyResult::OK {
            text += &format!(" ({verdict})");
        }
        Self { text, source: Box::new(source) }
    }
}

/// The handshake failed, perhaps because the peer speaks another protocol.
pub(super) fn handshake_failed(failure: HandshakeFailure, is_other: bool) -> Error {
    let why =
        if is_other { ": the other end does not speak TLS; use ws:// if it is meant to be plain" } else { "" };
    let cause = failure.text;
    let is_untrusted = ["self-signed", "local issuer"].iter().any(|kind| cause.contains(kind));
    let setting = is_untrusted.then_some(Setting::TrustedCertificates);
    let text = format!("TLS handshake failed{why}");
    Error::Tls(TlsError::new(TlsStage::Handshake, text, Some((cause, failure.source)), setting))
}

/// The peer left.
pub(super) fn handshake_ended() -> Error {
    let text = "TLS handshake failed: peer ended the connection in the middle of it";
    Error::Tls(TlsError::new(TlsStage::Handshake, text, None, None))
}

/// An open connection's TLS failed.
pub(super) fn broken(error: io::Error) -> TlsError {
    let (text, cause) = match reason(&error) {
        Some(Reason::Alert(alert)) => ("peer ended TLS with an alert", alert),
        Some(Reason::BadRecord(what)) => {
            ("a TLS record cannot be decrypted; it was damaged or changed on the way", what.to_owned())
        }
        Some(Reason::Other(what)) => ("peer sent what is no valid TLS", what.to_owned()),
        None => ("TLS failed", error.to_string()),
    };
    TlsError::new(TlsStage::Open, text, Some((cause, error.into())), None)
}

/// An open connection's TLS was refused something by this end.
pub(super) fn refused(text: &str) -> TlsError {
    TlsError::new(TlsStage::Open, text, None, None)
}

enum Reason {
    Alert(String),
    BadRecord(&'static str),
    Other(&'static str),
}

#[cfg(not(any(target_os = "windows", target_vendor = "apple")))]
fn reason(error: &io::Error) -> Option<Reason> {
    /// Reasons from here on are alerts of the peer, by their number (RFC 8446 6).
    const ALERTS: i32 = 1000;
    let ssl: &openssl::ssl::Error = error.get_ref()?.downcast_ref()?;
    let first = ssl.ssl_error()?.errors().first()?;
    let (code, what) = (first.reason_code(), first.reason()?);
    Some(if (ALERTS..ALERTS + 256).contains(&code) {
        // Such as "tlsv1 alert internal error" and "sslv3 alert bad certificate".
        let alert = what.split_once("alert ").map_or(what, |(_, alert)| alert);
        Reason::Alert(alert.to_owned())
    } else if what.contains("bad record mac") || what.contains("decrypt") {
        Reason::BadRecord(what)
    } else {
        Reason::Other(what)
    })
}

#[cfg(any(target_os = "windows", target_vendor = "apple"))]
fn reason(_: &io::Error) -> Option<Reason> {
    None
}

/// What the library says, without its numbers and the places in its source.
fn short(text: &str) -> String {
    // OpenSSL's form: "error:NUMBER:LIBRARY:FUNCTION:REASON:FILE:LINE:MORE", and behind it what was wrong with the peer's
    // certificate in parentheses.
    let reason = text.strip_prefix("error:").and_then(|fields| fields.split(':').nth(3));
    let verdict = text.rfind(" (").filter(|_| text.ends_with(')')).map_or("", |at| &text[at..]);
    match reason {
        Some(reason) if !reason.is_empty() => format!("{reason}{verdict}"),
        _ => text.to_owned(),
    }
}
