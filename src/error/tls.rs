//! Failures of TLS.

use super::Setting;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// An error of the TLS library.
type LibraryError = Box<dyn StdError + Send + Sync>;

/// A failure of TLS. The reason that the TLS library gives is its [`source`](StdError::source).
///
/// ```
/// use landline::error::{Error, TlsStage};
/// use landline::transport::Identity;
///
/// let Err(Error::Tls(error)) = Identity::from_pem(b"not a certificate", b"not a key") else { unreachable!() };
/// assert_eq!(error.stage(), TlsStage::Settings);
/// println!("{error}"); // says which of them it is, and what is wrong with it
/// ```
#[derive(Clone, Debug)]
pub struct TlsError(Arc<Failure>);

#[derive(Debug)]
struct Failure {
    stage: TlsStage,
    reason: Option<TlsReason>,
    text: String,
    setting: Option<Setting>,
    cause: Option<Cause>,
    broken_off: bool,
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

/// The usual reasons for which TLS fails.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TlsReason {
    /// The peer's certificate has expired, or one that it was issued by.
    Expired,
    /// The peer's certificate is not valid yet, or one that it was issued by. The clock may be wrong.
    NotYetValid,
    /// The server's certificate is for another name.
    OtherName,
    /// The peer's certificate was not issued by an authority that this end trusts.
    UnknownIssuer,
    /// The peer's certificate was issued by itself, and this end does not trust it.
    SelfSigned,
    /// The server's public key is none of those that were pinned.
    NotPinned,
    /// On a server: the client showed no certificate, and one is required.
    NoClientCertificate,
    /// On a client: the server requires a certificate of the client, and got none.
    ClientCertificateRequired,
    /// The peer does not accept the certificate of this end, and said so.
    Refused,
    /// The two ends have no version of TLS in common.
    NoCommonVersion,
    /// The peer speaks something else than TLS.
    NotTls,
}

impl TlsError {
    /// `cause` is the library's error as text and as a value. `setting` is one that could prevent the failure.
    pub(crate) fn new(
        stage: TlsStage,
        reason: Option<TlsReason>,
        text: impl Into<String>,
        cause: Option<(String, LibraryError)>,
        setting: Option<Setting>,
    ) -> Self {
        let cause = cause.map(|(text, error)| Cause { text, error });
        Self(Arc::new(Failure { stage, reason, text: text.into(), setting, cause, broken_off: false }))
    }

    /// The peer ended the stream in the middle of the handshake, without a word.
    pub(crate) fn broken_off(text: &str) -> Self {
        let (stage, text) = (TlsStage::Handshake, text.to_owned());
        Self(Arc::new(Failure { stage, reason: None, text, setting: None, cause: None, broken_off: true }))
    }

    /// When it failed.
    #[must_use]
    pub fn stage(&self) -> TlsStage {
        self.0.stage
    }

    /// Why it failed, if it is one of the usual reasons. Each TLS library words them differently; this is the same for all
    /// of them.
    #[must_use]
    pub fn reason(&self) -> Option<TlsReason> {
        self.0.reason
    }

    /// The error value of the TLS library, with its error codes: one of `native-tls`, `openssl` or `rustls`, or an I/O error
    /// that contains one of them.
    #[must_use]
    pub fn library_error(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.cause.as_ref().map(|cause| &*cause.error)
    }

    /// Whether the peer ended the stream in the middle of the handshake, without a word: nothing was found at fault.
    pub(super) fn is_broken_off(&self) -> bool {
        self.0.broken_off
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
