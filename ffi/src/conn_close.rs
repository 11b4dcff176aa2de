//! Closing and ending connections.

use crate::args::{close_code, limit, text};
use crate::conn::{landline_conn, on_conn, receive, sending};
use crate::failure::{Failure, guard};
use crate::status::*;
use landline::error::Closed;
use landline::{Deadline, Error};
use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

/// Performs the closing handshake: sends a Close frame with a code and a reason of at most 123 bytes, and waits for
/// the peer's Close frame, discarding everything else that arrives, however much. Messages sent earlier still reach a
/// peer that reads them. If another thread is receiving, that thread gets LANDLINE_CLOSED, and this call waits for
/// it.
///
/// Blocks for at most LANDLINE_OPT_CLOSE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1. Afterwards the
/// connection is over whatever the status, except for LANDLINE_PENDING, LANDLINE_ERR_INVALID, LANDLINE_ERR_NULL,
/// LANDLINE_ERR_UTF8 and LANDLINE_ERR_BUSY. It still has to be freed.
///
/// LANDLINE_OK, also if it was closed already; LANDLINE_PENDING: the Close frame is on its way, and the thread that
/// is receiving, or has borrowed a message, has to complete the handshake; LANDLINE_ERR_BUSY: this thread has
/// borrowed a message, and nothing was done; LANDLINE_ERR_INVALID for a code that cannot be sent (any
/// LANDLINE_CLOSE_* except 1005 and 1006, and 3000 to 4999, can) or a reason that is too long;
/// LANDLINE_ERR_CLOSE_UNANSWERED; the final errors of landline_conn_recv().
///
/// # Safety
///
/// `conn` is NULL or a live handle; `len` bytes can be read at `reason`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_close(
    conn: *mut landline_conn,
    code: i32,
    reason: *const c_void,
    len: usize,
    timeout_ms: i32,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let (code, reason) = (close_code(code)?, text(reason, len, "reason")?);
            let limit = limit(timeout_ms)?.map_or(conn.close_timeout, |limit| limit.min(conn.close_timeout));
            let deadline = Deadline::after(limit);
            if let Some(mut receiving) = conn.helping()? {
                receive!(receiving, end => end.close_within(code, reason, limit))?;
                return Ok(LANDLINE_OK);
            }
            let started = conn.sending(
                i32::try_from(limit.as_millis()).unwrap_or(i32::MAX),
                |end| sending!(end, end => end.close_start(code, reason)),
            );
            match started {
                // The receiving thread determines the result.
                Ok(()) => {}
                Err(Failure::Library(error))
                    if error.is_fatal() || matches!(error, Error::Closed(Closed::Sent)) => {}
                Err(Failure::Library(Error::Timeout(_) | Error::Interrupted(_))) => {}
                Err(failure) => return Err(failure),
            }
            // The receiving thread notices the Close frame while it waits, and returns by then.
            match conn.helping_after(deadline.later(Duration::from_millis(100)))? {
                Some(mut receiving) => {
                    let left = deadline.left().unwrap_or(limit).max(Duration::from_millis(1));
                    receive!(receiving, end => end.close_within(code, reason, left))?;
                    Ok(LANDLINE_OK)
                }
                None => {
                    let text = "the Close frame is on its way, but another thread has not finished receiving";
                    Err(Failure::Misuse(LANDLINE_PENDING, text.into()))
                }
            }
        })
    }
}

/// Starts the closing handshake: sends a Close frame, after which nothing more can be sent. Receiving calls still
/// deliver what the peer sends, and then give LANDLINE_CLOSED, within LANDLINE_OPT_CLOSE_TIMEOUT_MS. Does nothing if
/// a Close frame was sent before or the closing handshake is complete. Otherwise as landline_conn_send(), and
/// LANDLINE_ERR_INVALID as landline_conn_close().
///
/// # Safety
///
/// As landline_conn_close().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_close_start(
    conn: *mut landline_conn,
    code: i32,
    reason: *const c_void,
    len: usize,
    timeout_ms: i32,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let (code, reason) = (close_code(code)?, text(reason, len, "reason")?);
            conn.sending(timeout_ms, |end| sending!(end, end => end.close_start(code, reason)))?;
            Ok(LANDLINE_OK)
        })
    }
}

/// Ends the connection immediately, without a Close frame, from any thread. Blocked calls return
/// LANDLINE_ERR_ABORTED. Never blocks.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `conn` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_abort(conn: *mut landline_conn) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            conn.abort();
            Ok(LANDLINE_OK)
        })
    }
}

/// Releases a reference. Releasing the last one ends the connection without a closing handshake and without waiting;
/// call landline_conn_close() first. NULL does nothing.
///
/// # Safety
///
/// `conn` is NULL or a live handle, and the owner of the reference does not use it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_free(conn: *mut landline_conn) {
    if !conn.is_null() {
        guard(|| {
            // SAFETY: the caller's promise; live handles come from `Arc::into_raw`.
            drop(unsafe { Arc::from_raw(conn.cast_const()) });
            Ok(LANDLINE_OK)
        });
    }
}
