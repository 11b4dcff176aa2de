//! The properties of sessions.

use crate::args::Out;
use crate::failure::{Failure, Outcome};
use crate::last_error::remember;
use crate::names;
use crate::session::{landline_session, on_session};
use crate::session_callbacks::failure_of;
use crate::status::*;
use landline::reconnect::Stage;

/// What a session is doing: it has no connection, and the next attempt is due after LANDLINE_SESSION_WAIT_MS.
pub const LANDLINE_STAGE_WAITING: i32 = 0;
/// An attempt to connect is under way, also between calls; or it has succeeded, and a call runs the callback or is
/// yet to come.
pub const LANDLINE_STAGE_CONNECTING: i32 = 1;
/// It has a connection, as far as is known, or has given one to the caller.
pub const LANDLINE_STAGE_CONNECTED: i32 = 2;
/// It has ended, and will not connect again.
pub const LANDLINE_STAGE_ENDED: i32 = 3;

/// For landline_session_int(): one of LANDLINE_STAGE_*.
pub const LANDLINE_SESSION_STAGE: i32 = 1;
/// The milliseconds until the next attempt is due; 0 if it is, or if there is none to wait for. INT64_MAX if a server
/// has asked for more time than can be counted.
pub const LANDLINE_SESSION_WAIT_MS: i32 = 2;
/// The attempts, an unfinished one included, since the last connection that lasted.
pub const LANDLINE_SESSION_ATTEMPTS: i32 = 3;
/// How many connections have taken the place of another.
pub const LANDLINE_SESSION_RECONNECTS: i32 = 4;
/// How many messages the outbox holds.
pub const LANDLINE_SESSION_OUTBOX_MESSAGES: i32 = 5;
/// How many bytes they have.
pub const LANDLINE_SESSION_OUTBOX_BYTES: i32 = 6;
/// The close code of the connection, or of the latest one, as LANDLINE_CONN_CLOSE_CODE; 0 while it is open.
/// LANDLINE_ERR_BUSY while another thread is receiving.
pub const LANDLINE_SESSION_CLOSE_CODE: i32 = 7;

fn number(session: &landline_session, key: i32) -> Outcome<i64> {
    let state = session.sender.state();
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    Ok(match key {
        LANDLINE_SESSION_STAGE => match state.stage {
            Stage::Waiting { .. } => LANDLINE_STAGE_WAITING.into(),
            Stage::Connecting => LANDLINE_STAGE_CONNECTING.into(),
            Stage::Connected => LANDLINE_STAGE_CONNECTED.into(),
            _ => LANDLINE_STAGE_ENDED.into(),
        },
        LANDLINE_SESSION_WAIT_MS => match state.stage {
            Stage::Waiting { until } => until
                .left()
                .map_or(i64::MAX, |left| i64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)),
            _ => 0,
        },
        LANDLINE_SESSION_ATTEMPTS => state.attempts.into(),
        LANDLINE_SESSION_RECONNECTS => i64::try_from(state.reconnects).unwrap_or(i64::MAX),
        LANDLINE_SESSION_OUTBOX_MESSAGES => count(state.outbox_len),
        LANDLINE_SESSION_OUTBOX_BYTES => count(state.outbox_bytes),
        LANDLINE_SESSION_CLOSE_CODE => {
            let info = session
                .close_info()
                .ok_or_else(|| Failure::Misuse(LANDLINE_ERR_BUSY, "another thread is receiving".into()))?;
            if info.clean || info.cause.is_some() || info.received.is_some() {
                u16::from(info.code()).into()
            } else {
                0
            }
        }
        _ => return Err(names::wrong_key(names::SESSION, key, "landline_session_int")),
    })
}

/// Queries a property that is a number, by its LANDLINE_SESSION_* key. Never blocks.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key; LANDLINE_ERR_BUSY for
/// LANDLINE_SESSION_CLOSE_CODE while another thread is receiving.
///
/// # Safety
///
/// `session` is NULL or a live handle; `value` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_session_int(
    session: *const landline_session,
    key: i32,
    value: *mut i64,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_session(session, |session| {
            let out = Out::new(value, "value")?;
            out.set(number(session, key)?);
            Ok(LANDLINE_OK)
        })
    }
}

/// The status of the session's latest failure, which then is this thread's last error, for
/// landline_error_text() and its relatives: why a connection was lost, or could not be opened. Never blocks.
///
/// LANDLINE_OK if nothing has failed; LANDLINE_CLOSED if the server closed the connection cleanly; the errors
/// of landline_connect() and landline_conn_recv(); LANDLINE_ERR_NULL; LANDLINE_ERR_FORKED.
///
/// # Safety
///
/// `session` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_session_failure(session: *const landline_session) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_session(session, |session| {
            Ok(session.sender.state().last_failure.map_or(LANDLINE_OK, |lost| remember(failure_of(&lost))))
        })
    }
}
