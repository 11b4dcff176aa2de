//! Failures: how errors of the library, misuse and panics become a status and the thread's last error.

use crate::last_error::remember;
use crate::status::*;
use landline::error::{Closed, ConfigError, ConnectError, UsageError};
use landline::{CloseInfo, Error};
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a call failed, before this becomes a status.
#[derive(Clone)]
pub(crate) enum Failure {
    /// A mistake of the caller's that was found here, with its description.
    Misuse(landline_status, Cow<'static, str>),
    /// The orderly end of a connection: not a failure, but an outcome that has a text.
    Closed(CloseInfo),
    Library(Error),
}

pub(crate) type Outcome<T = landline_status> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl From<landline::proto::Error> for Failure {
    fn from(error: landline::proto::Error) -> Self {
        Self::Library(error.into())
    }
}

impl Failure {
    pub(crate) fn null(what: &'static str) -> Self {
        Self::Misuse(LANDLINE_ERR_NULL, format!("{what} is NULL").into())
    }

    pub(crate) fn invalid(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Misuse(LANDLINE_ERR_INVALID, text.into())
    }

    pub(crate) fn state(text: &'static str) -> Self {
        Self::Misuse(LANDLINE_ERR_STATE, text.into())
    }

    /// A description for people.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Misuse(_, text) => text.to_string(),
            Self::Closed(info) => closed_text(info),
            Self::Library(error) => error.report(crate::names::of_setting).to_string(),
        }
    }

    pub(crate) fn status(&self) -> landline_status {
        match self {
            Self::Misuse(status, _) => *status,
            Self::Closed(_) => LANDLINE_CLOSED,
            Self::Library(error) => status_of(error),
        }
    }
}

/// The status of an error of the library.
pub(crate) fn status_of(error: &Error) -> landline_status {
    match error {
        Error::Usage(UsageError::InvalidUtf8) => LANDLINE_ERR_UTF8,
        Error::Usage(UsageError::Forked) => LANDLINE_ERR_FORKED,
        Error::Usage(UsageError::NoSocket) => LANDLINE_ERR_UNSUPPORTED,
        Error::Usage(
            UsageError::MessageUnfinished
            | UsageError::MessagesWaiting
            | UsageError::Unreceived
            | UsageError::NotOpen
            | UsageError::NoRequest
            | UsageError::SessionInHook,
        ) => LANDLINE_ERR_STATE,
        Error::Usage(_) => LANDLINE_ERR_INVALID,
        Error::Url(_) => LANDLINE_ERR_URL,
        Error::Config(error) if matches!(**error, ConfigError::File { .. } | ConfigError::KeyLog { .. }) => {
            LANDLINE_ERR_TLS
        }
        Error::Config(_) => LANDLINE_ERR_CONFIG,
        Error::Connect(error) if is_look_up(error) => LANDLINE_ERR_RESOLVE,
        Error::Connect(_) => LANDLINE_ERR_CONNECT,
        Error::Proxy(_) => LANDLINE_ERR_PROXY,
        Error::Tls(_) => LANDLINE_ERR_TLS,
        Error::Handshake(_) | Error::Redirect(_) => LANDLINE_ERR_HANDSHAKE,
        Error::Rejected(_) => LANDLINE_ERR_REJECTED,
        Error::Protocol(_) => LANDLINE_ERR_PROTOCOL,
        Error::Limit(_) => LANDLINE_ERR_LIMIT,
        Error::Closed(Closed::Eof) => LANDLINE_ERR_EOF,
        Error::Closed(Closed::Aborted) => LANDLINE_ERR_ABORTED,
        Error::Closed(Closed::Detached) => LANDLINE_ERR_DETACHED,
        Error::Closed(Closed::Sent) => LANDLINE_ERR_CLOSING,
        Error::Closed(Closed::PeerSilent(_)) => LANDLINE_ERR_SILENT,
        Error::Closed(Closed::NotConnected) => LANDLINE_ERR_NOT_CONNECTED,
        Error::Closed(Closed::OutboxFull) => LANDLINE_ERR_OUTBOX_FULL,
        Error::Closed(_) => LANDLINE_ERR_CLOSE_UNANSWERED,
        Error::Timeout(_) | Error::Interrupted(_) if error.message_accepted() => LANDLINE_PENDING,
        Error::Timeout(_) => LANDLINE_TIMED_OUT,
        Error::GaveUp(_) => LANDLINE_ERR_GAVE_UP,
        Error::WouldBlock => LANDLINE_ERR_WOULD_BLOCK,
        Error::Interrupted(_) => LANDLINE_INTERRUPTED,
        Error::Io { .. } => LANDLINE_ERR_IO,
        _ => LANDLINE_ERR_OTHER,
    }
}

/// Whether nothing could be tried because the look-up failed.
pub(crate) fn is_look_up(error: &ConnectError) -> bool {
    error.lookup.is_some() && error.attempts.is_empty()
}

fn closed_text(info: &CloseInfo) -> String {
    match info.received.as_ref().or(info.sent.as_ref()) {
        Some(frame) => format!("the connection was closed with {frame}"),
        None => "the connection was closed".to_owned(),
    }
}

/// Runs the body of an exported function: failures become a status, and so do panics.
pub(crate) fn guard(body: impl FnOnce() -> Outcome) -> landline_status {
    guard_or(|| {}, body)
}

/// As [`guard`], for a function on a handle. A panic poisons the handle.
#[inline(always)]
pub(crate) fn guard_or(poison: impl FnOnce(), body: impl FnOnce() -> Outcome) -> landline_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(status)) => status,
        Ok(Err(failure)) => remember(failure),
        Err(panic) => {
            poison();
            let text =
                panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(|text| &text[..]));
            let text = format!("a defect in Landline, please report it: {}", text.unwrap_or("panic"));
            remember(Failure::Misuse(LANDLINE_ERR_PANIC, text.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::last_error::{LANDLINE_ERROR_STATUS, landline_error_int, landline_error_text};
    use std::ffi::CStr;

    #[test]
    fn a_panic_becomes_a_status_and_poisons() {
        let mut poisoned = false;
        let status = guard_or(|| poisoned = true, || panic!("seven"));
        assert_eq!((status, poisoned), (LANDLINE_ERR_PANIC, true));
        // SAFETY: valid until the next failure.
        let text = unsafe { CStr::from_ptr(landline_error_text()) }.to_str().unwrap();
        assert!(text.contains("seven"), "{text}");
        assert_eq!(landline_error_int(LANDLINE_ERROR_STATUS), i64::from(LANDLINE_ERR_PANIC));
    }
}
