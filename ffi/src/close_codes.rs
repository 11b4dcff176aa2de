//! Close codes: those of RFC 6455 and of the registry that it set up, under the registry's names.

#![allow(dead_code, reason = "named by callers, which may also pass codes of their own")]

/// The connection has served its purpose.
pub const LANDLINE_CLOSE_NORMAL_CLOSURE: i32 = 1000;
/// This end is going away: a server is stopping, or the user is leaving a page.
pub const LANDLINE_CLOSE_GOING_AWAY: i32 = 1001;
/// The peer broke the protocol.
pub const LANDLINE_CLOSE_PROTOCOL_ERROR: i32 = 1002;
/// The peer sent a kind of message that this end does not accept.
pub const LANDLINE_CLOSE_UNSUPPORTED_DATA: i32 = 1003;
/// Reported for a Close frame without a code; cannot be sent.
pub const LANDLINE_CLOSE_NO_STATUS_RECEIVED: i32 = 1005;
/// Reported if the connection ended without a Close frame; cannot be sent.
pub const LANDLINE_CLOSE_ABNORMAL_CLOSURE: i32 = 1006;
/// The peer sent a message whose content does not match its type, such as text that is not UTF-8.
pub const LANDLINE_CLOSE_INVALID_FRAME_PAYLOAD_DATA: i32 = 1007;
/// The peer sent a message that violates a policy.
pub const LANDLINE_CLOSE_POLICY_VIOLATION: i32 = 1008;
/// The peer sent a message that is too big to process.
pub const LANDLINE_CLOSE_MESSAGE_TOO_BIG: i32 = 1009;
/// The client expected an extension that the server did not negotiate.
pub const LANDLINE_CLOSE_MANDATORY_EXTENSION: i32 = 1010;
/// This end encountered an unexpected condition.
pub const LANDLINE_CLOSE_INTERNAL_ERROR: i32 = 1011;
/// The service is restarting.
pub const LANDLINE_CLOSE_SERVICE_RESTART: i32 = 1012;
/// The service is overloaded: try again later.
pub const LANDLINE_CLOSE_TRY_AGAIN_LATER: i32 = 1013;
/// A gateway received an invalid response from the server behind it.
pub const LANDLINE_CLOSE_BAD_GATEWAY: i32 = 1014;

#[cfg(test)]
mod tests {
    use super::*;
    use landline::CloseCode;

    #[test]
    fn codes_are_those_of_the_library() {
        for (number, code) in [
            (LANDLINE_CLOSE_NORMAL_CLOSURE, CloseCode::NORMAL_CLOSURE),
            (LANDLINE_CLOSE_GOING_AWAY, CloseCode::GOING_AWAY),
            (LANDLINE_CLOSE_PROTOCOL_ERROR, CloseCode::PROTOCOL_ERROR),
            (LANDLINE_CLOSE_UNSUPPORTED_DATA, CloseCode::UNSUPPORTED_DATA),
            (LANDLINE_CLOSE_NO_STATUS_RECEIVED, CloseCode::NO_STATUS_RECEIVED),
            (LANDLINE_CLOSE_ABNORMAL_CLOSURE, CloseCode::ABNORMAL_CLOSURE),
            (LANDLINE_CLOSE_INVALID_FRAME_PAYLOAD_DATA, CloseCode::INVALID_FRAME_PAYLOAD_DATA),
            (LANDLINE_CLOSE_POLICY_VIOLATION, CloseCode::POLICY_VIOLATION),
            (LANDLINE_CLOSE_MESSAGE_TOO_BIG, CloseCode::MESSAGE_TOO_BIG),
            (LANDLINE_CLOSE_MANDATORY_EXTENSION, CloseCode::MANDATORY_EXTENSION),
            (LANDLINE_CLOSE_INTERNAL_ERROR, CloseCode::INTERNAL_ERROR),
            (LANDLINE_CLOSE_SERVICE_RESTART, CloseCode::SERVICE_RESTART),
            (LANDLINE_CLOSE_TRY_AGAIN_LATER, CloseCode::TRY_AGAIN_LATER),
            (LANDLINE_CLOSE_BAD_GATEWAY, CloseCode::BAD_GATEWAY),
        ] {
            assert_eq!(number, i32::from(u16::from(code)), "{code}");
        }
    }
}
