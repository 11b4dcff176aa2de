//! Failures of TLS.

use super::Setting;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What the platform's TLS library gives.
type LibraryError = Box<dyn StdError + Send + Sync>;

/// A failure of TLS. Why it failed, as the platform's library says it, is its [`source`](StdError::source).
#[derive(Clone, Debug)]
pub struct TlsError(Arc<Failure>);

#[derive(Debug)]
struct Failure {
    stage: TlsStage,
    text: String,
    setting: Option<Setting>,
    cause: Option<Cause>,
}

/// What the library says, in words.
#[derive(Debug)]
struct Cause {
    text: String,
    error: LibraryError,
}

/// When TLS failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TlsStage {
    /// A certificate or key that this program gave cannot be used: [`Fault::Caller`](super::Fault::Caller).
    Settings,
    /// The handshake, the check of the peer's certificate included: [`Fault::Peer`](super::Fault::Peer).
    Handshake,
    /// The connection was open: a record was damaged or changed on the way, was no TLS, or was an alert. TLS does not
    /// tell the peer from what lies in between: [`Fault::Peer`](super::Fault::Peer). An end of the stream without
    /// `close_notify` is [`Closed::Eof`](super::Closed::Eof).
    Open,
}

impl TlsError {
    /// `cause` is what the library says, in words and as it is; `setting` could prevent the failure.
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

    /// The error of the platform's library as it is, with its numbers: of `native-tls`, or of I/O with one of `openssl`
    /// inside.
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

/// The library's error is not its source: that would say the same once more.
impl StdError for Cause {}
