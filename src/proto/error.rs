//! Errors of the protocol: violations by the peer, and calls that cannot be carried out.

use super::frame::MAX_CONTROL_PAYLOAD;
use super::handshake::{HandshakeError, Rejection, ResponseError};
use crate::close::{CloseCode, CloseFrame, CloseFrameError};

/// Why a call of [`Protocol`](super::Protocol) did not do what it is for.
///
/// [`CloseFrame`](Self::CloseFrame), [`PingTooLong`](Self::PingTooLong), [`Closing`](Self::Closing),
/// [`NotOpen`](Self::NotOpen) and [`NoRequest`](Self::NoRequest) are about the call: nothing was done. The others end the
/// connection.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke the protocol. A Close frame that says so is queued.
    #[error("peer broke the protocol: {0} ({section})", section = .0.rfc_section())]
    Protocol(ProtocolError),
    /// The peer exceeded a limit of this end. A Close frame that says so is queued.
    #[error(transparent)]
    Limit(LimitError),
    /// A Close frame that cannot be sent.
    #[error(transparent)]
    CloseFrame(#[from] CloseFrameError),
    /// A Ping payload that does not fit a control frame.
    #[error("ping payload of {len} bytes is too long; at most {MAX_CONTROL_PAYLOAD} fit")]
    PingTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A Close frame has been sent: nothing more can be sent, but the peer's messages can still be received.
    #[error("connection is closing: nothing more can be sent")]
    Closing,
    /// The peer's stream ended without a Close frame (code 1006), or before a client's request was complete.
    #[error("connection ended without a close frame (1006)")]
    Eof,
    /// A client's opening handshake failed: the server refused, or answered something else.
    #[error(transparent)]
    Handshake(Box<HandshakeError>),
    /// A server refused the client's request with this answer, which is queued.
    #[error(transparent)]
    Rejected(Rejection),
    /// The answer to a request cannot be written as it was asked for. Where the caller decides, the request is still there
    /// to decide about; otherwise the client is told with 500.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// The opening handshake was [given up](super::Protocol::give_up).
    #[error("the opening handshake did not end in time")]
    TimedOut,
    /// The opening handshake is not done, so nothing can be sent.
    #[error("the opening handshake is not done; wait for it before sending")]
    NotOpen,
    /// There is no request to decide about.
    #[error("there is no request to decide about")]
    NoRequest,
}

impl From<ReceiveError> for Error {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Protocol(error) => Self::Protocol(error),
            ReceiveError::Limit(error) => Self::Limit(error),
        }
    }
}

/// A violation of RFC 6455 or RFC 7692 by the peer. The connection fails, with a Close frame that names the violation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A reserved bit is set that no negotiated extension defines.
    #[error("reserved bit set without an extension that defines it")]
    ReservedBits,
    /// An opcode that RFC 6455 reserves.
    #[error("reserved opcode {0:#x}")]
    ReservedOpcode(u8),
    /// A fragmented control frame.
    #[error("fragmented control frame")]
    FragmentedControlFrame,
    /// A control frame with more than 125 bytes.
    #[error("control frame longer than 125 bytes")]
    ControlFrameTooLong,
    /// An unmasked frame from a client.
    #[error("frame from the client is not masked")]
    UnmaskedFrame,
    /// A masked frame from a server.
    #[error("frame from the server is masked")]
    MaskedFrame,
    /// A payload length that is not in its shortest form.
    #[error("payload length not in its shortest form")]
    LengthNotMinimal,
    /// A 64-bit payload length with the top bit set.
    #[error("payload length has its top bit set")]
    LengthTooLarge,
    /// A continuation frame when there is no message to continue.
    #[error("continuation frame without a message to continue")]
    UnexpectedContinuation,
    /// A new message before the previous one is finished.
    #[error("new message before the last one was finished")]
    ExpectedContinuation,
    /// Text that is not UTF-8.
    #[error("text is not valid UTF-8")]
    InvalidUtf8,
    /// A compressed message that is not valid deflate data (RFC 7692 7.2.2).
    #[error("compressed message is corrupt")]
    InvalidDeflate,
    /// A Close frame with one byte of payload.
    #[error("close frame with half a close code")]
    TruncatedCloseCode,
    /// A close code that may not be sent.
    #[error("close code {0} may not be sent")]
    InvalidCloseCode(CloseCode),
    /// A close reason that is not UTF-8.
    #[error("close reason is not valid UTF-8")]
    InvalidCloseReason,
}

impl ProtocolError {
    /// The close code sent to the peer: 1007 for data that does not match its type, otherwise 1002.
    #[must_use]
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::InvalidDeflate | Self::InvalidCloseReason => {
                CloseCode::INVALID_FRAME_PAYLOAD_DATA
            }
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The section that contains the rule, such as `RFC 6455 section 5.2`.
    #[must_use]
    pub fn rfc_section(self) -> &'static str {
        match self {
            Self::ReservedBits | Self::ReservedOpcode(_) | Self::LengthNotMinimal | Self::LengthTooLarge => {
                "RFC 6455 section 5.2"
            }
            Self::UnmaskedFrame | Self::MaskedFrame => "RFC 6455 section 5.1",
            Self::UnexpectedContinuation | Self::ExpectedContinuation => "RFC 6455 section 5.4",
            Self::FragmentedControlFrame | Self::ControlFrameTooLong => "RFC 6455 section 5.5",
            Self::TruncatedCloseCode | Self::InvalidCloseReason => "RFC 6455 section 5.5.1",
            Self::InvalidCloseCode(_) => "RFC 6455 section 7.4",
            Self::InvalidUtf8 => "RFC 6455 section 8.1",
            Self::InvalidDeflate => "RFC 7692 section 7.2.2",
        }
    }
}

/// A limit of this end that the peer exceeded. The connection fails, with a Close frame that names the limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// The message, including all its fragments, is larger than allowed.
    #[error("message of at least {at_least} bytes is over the limit of {limit}")]
    MessageTooBig {
        /// The limit, in bytes.
        limit: u64,
        /// The sum of the lengths in the frame headers so far; for a compressed message, the bytes decompressed so far.
        at_least: u64,
    },
    /// The message has more frames than allowed, including empty ones.
    #[error("message in more than {limit} fragments")]
    TooManyFragments {
        /// The limit.
        limit: u32,
    },
}

impl LimitError {
    /// The close code sent to the peer: 1009 for the size, 1008 for the number of fragments.
    #[must_use]
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::MessageTooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments { .. } => CloseCode::POLICY_VIOLATION,
        }
    }
}

/// Why received data is rejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The peer broke the protocol.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The peer exceeded a limit.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

impl ReceiveError {
    /// The Close frame that tells the peer why.
    #[must_use]
    pub fn close_frame(self) -> CloseFrame {
        match self {
            Self::Protocol(error) => CloseFrame::trusted(error.close_code(), error.to_string()),
            Self::Limit(error @ LimitError::MessageTooBig { limit, .. }) => {
                CloseFrame::trusted(error.close_code(), format!("message over {limit} bytes"))
            }
            Self::Limit(error @ LimitError::TooManyFragments { limit }) => {
                CloseFrame::trusted(error.close_code(), format!("message in more than {limit} fragments"))
            }
        }
    }
}
