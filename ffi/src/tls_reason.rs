//! Why TLS failed.

use landline::Error;
use landline::error::{ProxyFailure, TlsReason};

/// TLS did not fail, or failed for another reason. With LANDLINE_ERR_PROXY, all of these are about TLS with the proxy:
/// it is the server that they mention.
pub const LANDLINE_TLS_REASON_NONE: i32 = 0;
/// The peer's certificate, or one of its issuers', has expired.
pub const LANDLINE_TLS_REASON_EXPIRED: i32 = 1;
/// The peer's certificate is not valid yet. The clock may be wrong.
pub const LANDLINE_TLS_REASON_NOT_YET_VALID: i32 = 2;
/// The server's certificate is for another name.
pub const LANDLINE_TLS_REASON_OTHER_NAME: i32 = 3;
/// The peer's certificate was not issued by an authority that this end trusts.
pub const LANDLINE_TLS_REASON_UNKNOWN_ISSUER: i32 = 4;
/// The peer's certificate is self-signed, and this end does not trust it.
pub const LANDLINE_TLS_REASON_SELF_SIGNED: i32 = 5;
/// The server's public key is not one of LANDLINE_OPT_TLS_PINNED_KEY.
pub const LANDLINE_TLS_REASON_NOT_PINNED: i32 = 6;
/// Server: the client presented no certificate, but one is required.
pub const LANDLINE_TLS_REASON_NO_CLIENT_CERTIFICATE: i32 = 7;
/// Client: the server requires a client certificate.
pub const LANDLINE_TLS_REASON_CLIENT_CERTIFICATE_REQUIRED: i32 = 8;
/// The peer does not accept the certificate of this end.
pub const LANDLINE_TLS_REASON_REFUSED: i32 = 9;
/// The two ends have no version of TLS in common.
pub const LANDLINE_TLS_REASON_NO_COMMON_VERSION: i32 = 10;
/// The peer does not speak TLS.
pub const LANDLINE_TLS_REASON_NOT_TLS: i32 = 11;

/// One of LANDLINE_TLS_REASON_*.
pub(crate) fn tls_reason(error: &Error) -> i32 {
    let reason = match error {
        Error::Tls(error) => error.reason(),
        Error::Proxy(error) => match &error.failure {
            ProxyFailure::Connection(error) => return tls_reason(error),
            _ => None,
        },
        _ => None,
    };
    match reason {
        Some(TlsReason::Expired) => LANDLINE_TLS_REASON_EXPIRED,
        Some(TlsReason::NotYetValid) => LANDLINE_TLS_REASON_NOT_YET_VALID,
        Some(TlsReason::OtherName) => LANDLINE_TLS_REASON_OTHER_NAME,
        Some(TlsReason::UnknownIssuer) => LANDLINE_TLS_REASON_UNKNOWN_ISSUER,
        Some(TlsReason::SelfSigned) => LANDLINE_TLS_REASON_SELF_SIGNED,
        Some(TlsReason::NotPinned) => LANDLINE_TLS_REASON_NOT_PINNED,
        Some(TlsReason::NoClientCertificate) => LANDLINE_TLS_REASON_NO_CLIENT_CERTIFICATE,
        Some(TlsReason::ClientCertificateRequired) => LANDLINE_TLS_REASON_CLIENT_CERTIFICATE_REQUIRED,
        Some(TlsReason::Refused) => LANDLINE_TLS_REASON_REFUSED,
        Some(TlsReason::NoCommonVersion) => LANDLINE_TLS_REASON_NO_COMMON_VERSION,
        Some(TlsReason::NotTls) => LANDLINE_TLS_REASON_NOT_TLS,
        _ => LANDLINE_TLS_REASON_NONE,
    }
}
