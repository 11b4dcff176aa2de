//! What a failure of the platform's library means, in words.
//!
//! TLS works in memory here, so an error of its own is never one of the network.

use crate::error::{Error, TlsError, TlsStage};
use std::io;

/// What the program gave cannot be used.
pub(super) fn unusable(text: String, source: Option<native_tls::Error>) -> Error {
    Error::Tls(TlsError::new(TlsStage::Settings, text, source.map(|source| Box::new(source) as _)))
}

/// The handshake failed; `hint` says what to do about it.
pub(super) fn handshake_failed(hint: Option<&str>, source: Option<native_tls::Error>) -> Error {
    let mut text = "TLS handshake failed".to_owned();
    for part in source.as_ref().map(short).as_deref().into_iter().chain(hint) {
        text.push_str(": ");
        text.push_str(part);
    }
    Error::Tls(TlsError::new(TlsStage::Handshake, text, source.map(|source| Box::new(source) as _)))
}

/// An open connection's TLS failed.
pub(super) fn broken(error: io::Error) -> TlsError {
    let reason = reason(&error);
    let text = match &reason {
        Some(Reason::Alert(alert)) => format!("peer ended TLS with an alert: {alert}"),
        Some(Reason::BadRecord(what)) => {
            format!("a TLS record cannot be decrypted; it was damaged or changed on the way ({what})")
        }
        Some(Reason::Other(what)) => format!("peer sent what is no valid TLS ({what})"),
        None => format!("TLS failed: {error}"),
    };
    TlsError::new(TlsStage::Open, text, Some(error.into()))
}

/// An open connection's TLS was refused something by this end.
pub(super) fn refused(text: &str) -> TlsError {
    TlsError::new(TlsStage::Open, text.to_owned(), None)
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
pub(super) fn short(error: &native_tls::Error) -> String {
    let text = error.to_string();
    // OpenSSL's form: "error:NUMBER:LIBRARY:FUNCTION:REASON:FILE:LINE:MORE", and behind it what was wrong with the peer's
    // certificate in parentheses.
    let reason = text.strip_prefix("error:").and_then(|fields| fields.split(':').nth(3));
    let verdict = text.rfind(" (").filter(|_| text.ends_with(')')).map_or("", |at| &text[at..]);
    match reason {
        Some(reason) if !reason.is_empty() => format!("{reason}{verdict}"),
        _ => text,
    }
}
