//! Failures of TLS.

use super::Setting;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// An error of the platform's TLS library.
type LibraryError = Box<dyn StdError + Send + Sync>;

/// A failure of TLS. The reason that the platform's library gives is its [`source`](StdError::source).
#[derive(Clone, Debug)]
pub struct TlsError(Arc<Failure>);

#[derive(Debug)]
struct Failure {
    stage: TlsStage,
    text: String,
    setting: Option<Setting>,
    cause: Option<Cause>,
}

/// The library's error, and its text.
#[derive(Debug)]
struct Cause {
    text: String,
    error: LibraryError,
}

/// When TLS failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TlsStage {
    /// In the settings: a certificate or key of this program cannot be used. [`Fault::Caller`](super::Fault::Caller).
    Settings,
    /// In the TLS handshake, which includes checking the peer's certificate. [`Fault::Peer`](super::Fault::Peer).
    Handshake,
    /// On an open connection: a record was damaged or changed on the way, was not TLS, or was an alert. TLS cannot tell
    /// whether the peer or something in between caused it: [`Fault::Peer`](super::Fault::Peer). The end of the stream
    /// without `close_notify` is [`Closed::Eof`](super::Closed::Eof) instead.
    Open,
}

impl TlsError {
    /// `cause` is the library's error as text and as a value. `setting` is one that could prevent the failure.
    pub(crate) fn new(
        stage: TlsStage,
        text: impl Into<String>,
        cause: Option<(String, LibraryError)>,
        setting: Option<Setting>,
    ) -> Self {
        let cause = cause.map(|(text, error)| Cause { text, error });
        Self(Arc::new(Failure { stage, text: text.into(), setting, cause }))
    }

    /// When it failed.
    #[must_use]
    pub fn stage(&self) -> TlsStage {
        self.0.stage
    }

    /// The error value of the platform's library, with its error codes: one of `native-tls`, or an I/O error that
    /// contains one of `openssl`.
    #[must_use]
    pub fn library_error(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.cause.as_ref().map(|cause| &*cause.error)
    }

    /// Whether the peer ended the stream in the middle of the handshake, without a word: nothing was found at fault.
    pub(super) fn is_broken_off(&self) -> bool {
        self.0.stage == TlsStage::Handshake && self.0.cause.is_none()
    }

    pub(super) fn setting(&self) -> Option<Setting> {
        self.0.setting
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl StdError for TlsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_ref().map(|cause| cause as _)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Has no source, because the library's error has the same text.
impl StdError for Cause {}
