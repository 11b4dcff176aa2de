//! Which failures are worth another attempt, and after how long.

use super::{Closed, Error, HandshakeError, ProxyError, ProxyFailure};
use crate::proto::proxy::TunnelError;
use http::header::{DATE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use std::time::{Duration, SystemTime};

impl Error {
    /// Whether connecting again later may succeed although nothing is changed. [Sessions](mod@crate::reconnect) try again
    /// after these errors only.
    ///
    /// It may succeed after a failure of the network or of the system, a time limit, the end of the stream in the middle of
    /// a handshake or without a Close frame, a silent peer; and if the server refused the handshake with a status of 500
    /// to 599, or with 408, 425 or 429. It is of no use after a mistake of this program, an
    /// [interruption](Self::Interrupted), any other answer of the server, any other failure of TLS (a certificate that is
    /// not trusted, above all), or if one side broke the protocol or a limit.
    ///
    /// For connections that were closed cleanly, [`CloseCode::is_transient`](crate::CloseCode::is_transient) says the
    /// same.
    ///
    /// ```
    /// let error = landline::connect("ws://127.0.0.1:1/").unwrap_err();
    /// assert!(error.is_transient());
    /// let error = landline::connect("http://127.0.0.1:1/").unwrap_err();
    /// assert!(!error.is_transient());
    /// ```
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect(error) => !error.is_of_no_use(),
            Self::Timeout(_) | Self::GaveUp(_) | Self::WouldBlock | Self::Io { .. } => true,
            Self::Handshake(error) => match &**error {
                HandshakeError::Refused(refusal) => may_recover(refusal.status),
                // A server that restarts, or what lies in front of one that is down.
                HandshakeError::Eof { .. } => true,
                _ => false,
            },
            Self::Proxy(error) => is_transient_at_proxy(error),
            Self::Closed(closed) => match closed {
                Closed::Eof | Closed::PeerSilent(_) | Closed::CloseUnanswered => true,
                Closed::NotConnected | Closed::OutboxFull => true,
                Closed::Aborted | Closed::Detached | Closed::Sent => false,
            },
            Self::Usage(_) | Self::Url(_) | Self::Config(_) | Self::Interrupted(_) => false,
            Self::Tls(error) => error.is_broken_off(),
            Self::Redirect(_) | Self::Rejected(_) | Self::Protocol(_) | Self::Limit(_) => false,
        }
    }

    /// How long the server that refused the handshake, or the proxy that opened no tunnel, wants clients to wait: its
    /// `Retry-After` header, in either form (RFC 9110 section 10.2.3). A date is compared with the sender's own `Date` if
    /// there is one, because the clocks may differ; one that has passed is zero.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Handshake(error) => match &**error {
                HandshakeError::Refused(refusal) => retry_after(&refusal.headers, SystemTime::now()),
                _ => None,
            },
            Self::Proxy(error) => retry_after(&error.refusal()?.headers, SystemTime::now()),
            _ => None,
        }
    }
}

/// Whether a server or proxy that answers with this status may accept the same request later.
fn may_recover(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500..=599)
}

fn is_transient_at_proxy(error: &ProxyError) -> bool {
    match &error.failure {
        ProxyFailure::Connection(error) => error.is_transient(),
        ProxyFailure::Credentials(_) => false,
        ProxyFailure::Tunnel(error) => match error {
            TunnelError::Refused(refusal) => may_recover(refusal.status),
            // A general failure; the network or the host is not reached, refuses, or is too far away (RFC 1928 section 6).
            TunnelError::Socks5(code) => matches!(code, 1 | 3..=6),
            // The only code for all of these.
            TunnelError::Socks4(code) => *code == 91,
            TunnelError::Eof { .. } => true,
            TunnelError::NoMethod { .. } | TunnelError::WrongPassword | TunnelError::Malformed { .. } => false,
            TunnelError::TooLarge { .. } | TunnelError::TooManyInterim | TunnelError::Finished => false,
        },
    }
}

fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit is a very long time.
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let now = date(headers, DATE).unwrap_or(now);
    Some(until.duration_since(now).unwrap_or_default())
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::handshake::Refusal;
    use http::StatusCode;

    fn headers(fields: &[(HeaderName, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn refused(status: u16) -> Error {
        let refusal = Refusal {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            body_truncated: false,
        };
        HandshakeError::Refused(Box::new(refusal)).into()
    }

    #[test]
    fn statuses_of_servers_that_may_recover_are_transient() {
        let transient: Vec<u16> = (200..600).filter(|&status| refused(status).is_transient()).collect();
        let expected: Vec<u16> = [408, 425, 429].into_iter().chain(500..600).collect();
        assert_eq!(transient, expected);
    }

    #[test]
    fn a_status_without_a_usual_reason_phrase_is_told_by_its_number() {
        assert_eq!(refused(599).to_string(), "the server refused the handshake with 599");
        assert_eq!(refused(500).to_string(), "the server refused the handshake with 500 Internal Server Error");
    }

    fn at_proxy(failure: ProxyFailure) -> Error {
        let (proxy, target) = ("http://proxy:3128".into(), "example.com:80".into());
        Error::Proxy(std::sync::Arc::new(ProxyError { proxy, target, failure }))
    }

    #[test]
    fn a_proxy_that_does_not_reach_the_server_for_the_moment_is_transient() {
        let tunnel = |error| at_proxy(ProxyFailure::Tunnel(error)).is_transient();
        let socks5: Vec<u8> = (0..=255).filter(|&code| tunnel(TunnelError::Socks5(code))).collect();
        assert_eq!(socks5, [1, 3, 4, 5, 6]);
        assert!(tunnel(TunnelError::Socks4(91)) && !tunnel(TunnelError::Socks4(92)));
        assert!(tunnel(TunnelError::Eof { received: 0 }));
        assert!(!at_proxy(ProxyFailure::Credentials(TunnelError::WrongPassword)).is_transient());
        assert!(at_proxy(ProxyFailure::Connection(Error::Closed(Closed::Eof))).is_transient());
        assert!(!at_proxy(ProxyFailure::Connection(Error::Closed(Closed::Aborted))).is_transient());
    }

    #[test]
    fn retry_after_is_a_number_of_seconds() {
        for (text, seconds) in [("0", 0), ("120", 120), (" 7 ", 7), ("000000000000000000000000012", 12)] {
            let found = retry_after(&headers(&[(RETRY_AFTER, text)]), SystemTime::now());
            assert_eq!(found, Some(Duration::from_secs(seconds)), "{text:?}");
        }
        let endless = headers(&[(RETRY_AFTER, "99999999999999999999999")]);
        assert_eq!(retry_after(&endless, SystemTime::now()), Some(Duration::MAX));
    }

    #[test]
    fn retry_after_is_a_date_by_the_servers_clock() {
        let at = |text| httpdate::parse_http_date(text).unwrap();
        let now = at("Sun, 06 Nov 1994 08:49:37 GMT");
        for date in ["Sun, 06 Nov 1994 08:50:07 GMT", "Sunday, 06-Nov-94 08:50:07 GMT", "Sun Nov  6 08:50:07 1994"]
        {
            let found = retry_after(&headers(&[(RETRY_AFTER, date)]), now);
            assert_eq!(found, Some(Duration::from_secs(30)), "{date}");
            let by_server = headers(&[(RETRY_AFTER, date), (DATE, "Sun, 06 Nov 1994 08:50:00 GMT")]);
            assert_eq!(retry_after(&by_server, now), Some(Duration::from_secs(7)), "{date}");
        }
        let past = headers(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:49:00 GMT")]);
        assert_eq!(retry_after(&past, now), Some(Duration::ZERO));
    }

    #[test]
    fn a_retry_after_that_cannot_be_read_is_none() {
        for text in ["", "soon", "-1", "+5", "1.5", "Sun, 36 Nov 1994 08:49:37 GMT"] {
            assert_eq!(retry_after(&headers(&[(RETRY_AFTER, text)]), SystemTime::now()), None, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }
}
