//! Sending with sessions, and interrupting them.

use crate::args::deadline;
use crate::conn_control::{
    LANDLINE_DIRECTION_BOTH, LANDLINE_DIRECTION_RECV, LANDLINE_DIRECTION_SEND, wrong_direction,
};
use crate::conn_send::message;
use crate::session::{landline_session, on_session};
use crate::status::*;
use landline::Deadline;
use std::ffi::c_void;

/// Sends a message of LANDLINE_TEXT or LANDLINE_BINARY over the connection that the session has, from any
/// thread.
///
/// Blocks as landline_conn_send() does while there is a connection, otherwise not at all: it never waits for a
/// new one. With an outbox (LANDLINE_OPT_OUTBOX_MESSAGES), the message is then kept and sent over the next one,
/// after the callback.
///
/// LANDLINE_OK; LANDLINE_ERR_NOT_CONNECTED, LANDLINE_ERR_OUTBOX_FULL: there is no connection, and nothing was
/// sent; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED, LANDLINE_PENDING, LANDLINE_ERR_UTF8, LANDLINE_ERR_NULL and
/// LANDLINE_ERR_INVALID as landline_conn_send(); LANDLINE_ERR_CLOSING: the session was closed. All other errors
/// are those of the connection, of which the receiving call learns too: how much of the message the server got
/// is not known, and the session goes on unless LANDLINE_SESSION_STAGE is LANDLINE_STAGE_ENDED.
///
/// # Safety
///
/// `session` is NULL or a live handle; `len` bytes can be read at `data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_session_send(
    session: *mut landline_session,
    kind: i32,
    data: *const c_void,
    len: usize,
    timeout_ms: i32,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_session(session, |session| {
            let (message, deadline) = (message(kind, data, len)?, deadline(timeout_ms)?);
            match deadline {
                Deadline::NEVER => session.sender.send(message)?,
                deadline => session.sender.send_deadline(message, deadline)?,
            }
            Ok(LANDLINE_OK)
        })
    }
}

/// Sends a message if that needs no waiting. Never blocks. See landline_conn_try_send().
///
/// LANDLINE_OK and the errors of landline_session_send(); LANDLINE_ERR_WOULD_BLOCK: nothing was sent.
///
/// # Safety
///
/// As landline_session_send().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_session_try_send(
    session: *mut landline_session,
    kind: i32,
    data: *const c_void,
    len: usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_session(session, |session| {
            session.sender.try_send(message(kind, data, len)?)?;
            Ok(LANDLINE_OK)
        })
    }
}

/// Wakes a blocked call on this session, from any thread: it returns LANDLINE_INTERRUPTED, whether it receives,
/// waits, connects, is in the callback, or sends. Nothing is lost, and the next call goes on; an attempt that
/// is interrupted does not count. Otherwise as landline_conn_interrupt().
///
/// # Safety
///
/// `session` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_session_interrupt(
    session: *mut landline_session,
    direction: i32,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_session(session, |session| {
            let interrupter = session.sender.interrupter();
            match direction {
                LANDLINE_DIRECTION_RECV => interrupter.interrupt_recv(),
                LANDLINE_DIRECTION_SEND => interrupter.interrupt_send(),
                LANDLINE_DIRECTION_BOTH => interrupter.interrupt(),
                _ => return Err(wrong_direction(direction)),
            }
            Ok(LANDLINE_OK)
        })
    }
}
