//! Close codes and close frames (RFC 6455 sections 5.5.1 and 7).

use std::fmt;

/// Longest reason that fits into a Close frame, in bytes of UTF-8: the 125 bytes of a control frame, less the code
/// (RFC 6455 5.5).
pub const MAX_CLOSE_REASON: usize = 125 - 2;

/// The number that says why a connection is closed (RFC 6455 section 7.4).
///
/// It can have any value of a `u16`; [`is_sendable`](Self::is_sendable) tells which ones may be sent.
///
/// ```
/// use landline::CloseCode;
/// assert_eq!(CloseCode::NORMAL_CLOSURE.to_string(), "1000 (normal closure)");
/// assert!(CloseCode::from(4001).is_sendable());
/// assert!(!CloseCode::ABNORMAL_CLOSURE.is_sendable());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the connection has served its purpose.
    pub const NORMAL_CLOSURE: Self = Self(1000);
    /// 1001: the endpoint is going away, because a server stops or a user leaves a page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: the endpoint received a type of data that it cannot accept.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1005: the Close frame contained no code. Never sent.
    pub const NO_STATUS_RECEIVED: Self = Self(1005);
    /// 1006: the connection ended without a Close frame. Never sent.
    pub const ABNORMAL_CLOSURE: Self = Self(1006);
    /// 1007: the endpoint received data that does not match its type, such as text that is not UTF-8.
    pub const INVALID_FRAME_PAYLOAD_DATA: Self = Self(1007);
    /// 1008: the endpoint received a message that violates its policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: the endpoint received a message that is too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the client expected an extension that the server did not negotiate.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the endpoint encountered an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service is restarting.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the client should try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway received an invalid response from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// Whether the code may appear in a Close frame: 1000 to 1003, 1007 to 1014, and 3000 to 4999 (RFC 6455 7.4 and the
    /// registry it established). All others are rejected, both when sending and when receiving.
    #[must_use]
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// Whether the peer may accept another connection later although nothing is changed: 1001, 1006, 1011 to 1014. These
    /// are the codes of a server that stops, restarts, is overloaded or has failed, as HTTP's 5xx are.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(self.0, 1001 | 1006 | 1011..=1014)
    }

    fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1000 => "normal closure",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1005 => "no status received",
            1006 => "abnormal closure",
            1007 => "invalid frame payload data",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "mandatory extension",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            _ => return None,
        })
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

/// The content of a Close frame: a code and a reason.
///
/// An empty Close frame is [`CloseFrame::EMPTY`], whose code is [`CloseCode::NO_STATUS_RECEIVED`].
///
/// ```
/// use landline::{CloseCode, CloseFrame};
///
/// let frame = CloseFrame::new(CloseCode::GOING_AWAY, "restarting")?;
/// assert_eq!((frame.code(), frame.reason()), (CloseCode::GOING_AWAY, "restarting"));
/// assert!(CloseFrame::new(CloseCode::ABNORMAL_CLOSURE, "").is_err()); // never sent
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CloseFrame {
    code: CloseCode,
    reason: String,
}

impl CloseFrame {
    /// A Close frame without a code or reason.
    pub const EMPTY: Self = Self { code: CloseCode::NO_STATUS_RECEIVED, reason: String::new() };

    /// Makes a Close frame with a code and a reason.
    ///
    /// # Errors
    ///
    /// [`CloseFrameError::Code`] for a code that may not be sent, [`CloseFrameError::ReasonTooLong`] for a reason
    /// longer than [`MAX_CLOSE_REASON`].
    pub fn new(code: CloseCode, reason: &str) -> Result<Self, CloseFrameError> {
        if !code.is_sendable() {
            return Err(CloseFrameError::Code(code));
        }
        if reason.len() > MAX_CLOSE_REASON {
            return Err(CloseFrameError::ReasonTooLong { len: reason.len() });
        }
        Ok(Self { code, reason: reason.to_owned() })
    }

    /// Makes a frame whose code and reason are known to be valid, because they come from a frame that has been checked
    /// or from this library.
    pub(crate) fn trusted(code: CloseCode, reason: String) -> Self {
        debug_assert!(code.is_sendable() && reason.len() <= MAX_CLOSE_REASON);
        Self { code, reason }
    }

    /// The code, or [`CloseCode::NO_STATUS_RECEIVED`] if the frame has none.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        self.code
    }

    /// The reason, which may be empty.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, ": {:?}", self.reason)?;
        }
        Ok(())
    }
}

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// This program.
    Local,
    /// The peer.
    Remote,
}

/// Why a Close frame cannot be sent. The call had no effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseFrameError {
    /// A code that may not be sent.
    #[error("close code {0} may not be sent; use 1000 to 1003, 1007 to 1014 or 3000 to 4999")]
    Code(CloseCode),
    /// A reason that does not fit into a control frame.
    #[error("close reason of {len} bytes is too long; at most {MAX_CLOSE_REASON} fit")]
    ReasonTooLong {
        /// Its length in bytes.
        len: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_13_codes_that_may_be_sent() {
        let legal: Vec<u16> = (0..=u16::MAX).filter(|&code| CloseCode::from(code).is_sendable()).collect();
        let expected: Vec<u16> = (1000..=1003).chain(1007..=1014).chain(3000..=4999).collect();
        assert_eq!(legal, expected);
    }

    #[test]
    fn item_13_frames_to_send_are_checked() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            assert!(matches!(CloseFrame::new(code.into(), ""), Err(CloseFrameError::Code(_))), "{code}");
        }
        assert!(CloseFrame::new(CloseCode::NORMAL_CLOSURE, &"x".repeat(123)).is_ok());
        let too_long = CloseFrame::new(CloseCode::NORMAL_CLOSURE, &"x".repeat(124));
        assert_eq!(too_long, Err(CloseFrameError::ReasonTooLong { len: 124 }));
    }
}
