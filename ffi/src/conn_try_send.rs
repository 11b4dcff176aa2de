//! Sending without waiting.

use crate::conn::{landline_conn, on_conn, sending};
use crate::conn_send::{compress, message};
use crate::status::*;
use std::ffi::c_void;

/// Sends a message if that is possible without waiting. Never blocks. `flags`: 0, LANDLINE_SEND_COMPRESS_NEVER or
/// _ALWAYS.
///
/// LANDLINE_OK: the message was accepted. What the kernel had no room for is in the connection's queue, ahead of
/// whatever is sent next; it is sent while a receiving call waits, and by the next call that sends or flushes.
/// LANDLINE_ERR_WOULD_BLOCK: nothing of the message was accepted, because 64 KiB or more of earlier messages are
/// still queued for a peer that does not read, or because the message would have to wait for another thread that is
/// streaming a message or writing a large one. Earlier messages may have made progress. So a connection never holds
/// more than 64 KiB and one message for a peer that does not read. An interrupt is left to the next call that waits.
///
/// LANDLINE_ERR_CLOSING; LANDLINE_ERR_UTF8; LANDLINE_ERR_NULL, LANDLINE_ERR_INVALID; the final errors of
/// landline_conn_send().
///
/// # Safety
///
/// As landline_conn_send().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_try_send(
    conn: *mut landline_conn,
    kind: i32,
    data: *const c_void,
    len: usize,
    flags: u32,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let (message, compress) = (message(kind, data, len)?, compress(flags)?);
            conn.sending(-1, |end| sending!(end, end => end.with_compress(compress).try_send(message)))?;
            Ok(LANDLINE_OK)
        })
    }
}
