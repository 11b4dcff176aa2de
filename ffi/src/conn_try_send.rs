//! Sending without waiting.

use crate::conn::{landline_conn, on_conn, sending};
use crate::conn_send::{compress, message};
use crate::status::*;
use std::ffi::c_void;

/// Sends a message if that needs no waiting. Never blocks. `flags`: 0, LANDLINE_SEND_COMPRESS_NEVER or _ALWAYS.
///
/// LANDLINE_OK: the message was accepted. Its bytes are in the kernel, or what the kernel had no room for is in the queue
/// of the connection, in front of whatever is sent next; it leaves while a receiving call waits, and with the next call
/// that sends or flushes. LANDLINE_ERR_WOULD_BLOCK: nothing of the message was accepted, and the connection is as it was
/// apart from the progress of earlier messages. 64 KiB or more of those are stuck because the peer does not read, or the
/// message would have to wait for another thread, which streams a message or writes a large one. So a connection holds at
/// most 64 KiB and one message for a peer that does not read. An interruption is left to the next call that waits.
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
