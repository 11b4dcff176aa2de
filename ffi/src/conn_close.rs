//! Closing and ending connections.

use crate::args::{close_code, limit, text};
use crate::conn::{landline_conn, on_conn, receive, sending};
use crate::failure::{Failure, Outcome, guard};
use crate::status::*;
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
            close_in_turn(
                closing_time(timeout_ms, conn.close_timeout)?,
                |wait| match wait {
                    None => conn.helping(),
                    Some(until) => conn.helping_after(until),
                },
                |limit| {
                    let timeout_ms = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
                    conn.sending(timeout_ms, |end| sending!(end, end => end.close_start(code, reason)))
                },
                |mut receiving, limit| receive!(receiving, end => end.close_within(code, reason, limit)),
            )
        })
    }
}

/// How long a closing call may take.
pub(crate) fn closing_time(timeout_ms: i32, close_timeout: Duration) -> Outcome<Duration> {
    Ok(limit(timeout_ms)?.map_or(close_timeout, |limit| limit.min(close_timeout)))
}

/// Closes within `limit`: in this thread, if no other one is receiving; otherwise starts the closing handshake, and waits
/// for the thread that receives, which completes it.
///
/// `take_turn` takes the right to receive, at once or, if it is given a deadline, as soon as the other thread has finished
/// by then.
pub(crate) fn close_in_turn<R>(
    limit: Duration,
    take_turn: impl Fn(Option<Deadline>) -> Outcome<Option<R>>,
    start: impl FnOnce(Duration) -> Outcome<()>,
    close: impl Fn(R, Duration) -> landline::Result<()>,
) -> Outcome {
    let deadline = Deadline::after(limit);
    if let Some(receiving) = take_turn(None)? {
        close(receiving, limit)?;
        return Ok(LANDLINE_OK);
    }
    // Of other errors the receiving thread learns too, and it determines the result.
    if let Err(failure @ (Failure::Misuse(..) | Failure::Library(Error::Usage(_)))) = start(limit) {
        return Err(failure);
    }
    // The receiving thread notices the Close frame while it waits, and returns by then.
    let Some(receiving) = take_turn(Some(deadline.later(Duration::from_millis(100))))? else {
        let text = "the Close frame is on its way, but another thread has not finished receiving";
        return Err(Failure::Misuse(LANDLINE_PENDING, text.into()));
    };
    close(receiving, deadline.left().unwrap_or(limit).max(Duration::from_millis(1)))?;
    Ok(LANDLINE_OK)
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
