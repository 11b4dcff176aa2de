//! Sending a message of unknown size.

use crate::args::{Out, bytes, check_process, deadline, handle, kind, out_handle};
use crate::conn::{Sending, landline_conn, on_conn};
use crate::conn_send::compress;
use crate::failure::{Failure, Outcome, guard};
use crate::status::*;
use landline::{Deadline, Error, MessageWriter};
use std::ffi::c_void;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A message that is being sent in pieces, in constant memory.
///
/// Ownership: created by landline_conn_send_stream(), freed by landline_writer_free(), before or after its
/// connection.
///
/// Threads: any thread, but one at a time; a second one waits.
#[allow(non_camel_case_types)]
pub struct landline_writer {
    /// Dropped before the connection that it writes to.
    writer: Mutex<MessageWriter<'static>>,
    _conn: Arc<landline_conn>,
}

/// Begins a message of unknown size, to be written in pieces. Other threads' messages wait until it ends; Pings,
/// Pongs and Close frames do not. `flags`: 0, LANDLINE_SEND_COMPRESS_NEVER or LANDLINE_SEND_COMPRESS_ALWAYS. Free the
/// writer with landline_writer_free(), before or after the connection.
///
/// Blocks until no other message is being sent in pieces, for at most `timeout_ms`.
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED; LANDLINE_ERR_CLOSING; LANDLINE_ERR_NULL,
/// LANDLINE_ERR_INVALID; the final errors of landline_conn_send().
///
/// # Safety
///
/// `conn` is NULL or a live handle; `writer` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_send_stream(
    conn: *mut landline_conn,
    kind: i32,
    flags: u32,
    timeout_ms: i32,
    writer: *mut *mut landline_writer,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        let handle = conn.cast_const();
        let out = out_handle(writer, "writer");
        on_conn(conn, |conn| {
            let out = out?;
            let (kind, compress) = (self::kind(kind)?, self::compress(flags)?);
            let writer = conn.sending(timeout_ms, |end| match end {
                Sending::Shared(sender) => sender.with_compress(compress).send_stream(kind),
                // SAFETY: the lifetime keeps a writer within its connection and its thread; this one keeps its
                // connection alive, and a connection that only one thread uses has no other thread to be woken.
                Sending::Single(ws) => ws
                    .with_compress(compress)
                    .send_stream(kind)
                    .map(|writer| std::mem::transmute::<MessageWriter<'_>, MessageWriter<'static>>(writer)),
            })?;
            Arc::increment_strong_count(handle);
            let conn = Arc::from_raw(handle);
            out.set(Box::into_raw(Box::new(landline_writer { writer: Mutex::new(writer), _conn: conn })));
            Ok(LANDLINE_OK)
        })
    }
}

/// # Safety
///
/// `writer` is NULL or a live handle.
unsafe fn on_writer<T>(
    writer: *mut landline_writer,
    timeout_ms: i32,
    body: impl FnOnce(&mut MessageWriter<'static>) -> Outcome<T>,
) -> Outcome<T> {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(writer, "writer") }?;
    check_process(handle._conn.made_in)?;
    let mut writer = handle.writer.lock().unwrap_or_else(PoisonError::into_inner);
    writer.set_deadline(deadline(timeout_ms)?);
    body(&mut writer)
}

fn from_io(error: io::Error) -> Failure {
    match error.downcast::<Error>() {
        Ok(error) => Failure::Library(error),
        Err(error) => Failure::Misuse(LANDLINE_ERR_STATE, error.to_string().into()),
    }
}

/// Adds to the message, which is sent in fragments of 16 KiB, or of up to about 64 KiB if it is compressed.
///
/// Blocks as landline_conn_send() does until all the data has been accepted. `*written` is how much of it was,
/// whatever the status is: continue from there. `written` may be NULL.
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED, LANDLINE_PENDING: continue; LANDLINE_ERR_UTF8: the message
/// is text, but the data is not UTF-8, and the message can only be abandoned; LANDLINE_ERR_STATE after
/// landline_writer_finish(); LANDLINE_ERR_CLOSING; the final errors of landline_conn_send().
///
/// # Safety
///
/// `writer` is NULL or a live handle; `len` bytes can be read at `data`; `written` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_writer_write(
    writer: *mut landline_writer,
    data: *const c_void,
    len: usize,
    timeout_ms: i32,
    written: *mut usize,
) -> landline_status {
    guard(|| {
        let mut ignored = 0;
        // SAFETY: the caller's promise.
        unsafe {
            let out = Out::new(if written.is_null() { &raw mut ignored } else { written }, "written")?;
            out.set(0);
            let data = bytes(data, len, "data")?;
            on_writer(writer, timeout_ms, |writer| {
                let mut count = 0;
                while count < data.len() {
                    count += writer.write(&data[count..]).map_err(from_io)?;
                    out.set(count);
                }
                Ok(LANDLINE_OK)
            })
        }
    })
}

/// Sends what has been written so far, in a fragment that the peer can read at once. Does nothing if the message has
/// ended. Otherwise as landline_writer_write().
///
/// # Safety
///
/// `writer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_writer_flush(writer: *mut landline_writer, timeout_ms: i32) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        on_writer(writer, timeout_ms, |writer| {
            writer.flush().map_err(from_io)?;
            Ok(LANDLINE_OK)
        })
    })
}

/// Ends the message. When this returns LANDLINE_OK, the whole message is in the kernel. Does nothing if the message
/// has ended.
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED: call again; LANDLINE_PENDING: the end is on its way;
/// LANDLINE_ERR_UTF8: the text ends in the middle of a character; otherwise as landline_writer_write().
///
/// # Safety
///
/// `writer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_writer_finish(writer: *mut landline_writer, timeout_ms: i32) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        on_writer(writer, timeout_ms, |writer| {
            writer.finish()?;
            Ok(LANDLINE_OK)
        })
    })
}

/// Frees a writer, without waiting. If the message has not been ended with landline_writer_finish(), the connection
/// is closed with 1011, because a message that has begun cannot be withdrawn. NULL does nothing.
///
/// # Safety
///
/// `writer` is NULL or a live handle that no other call uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_writer_free(writer: *mut landline_writer) {
    if !writer.is_null() {
        guard(|| {
            // SAFETY: created by `landline_conn_send_stream`, and no longer used by the caller.
            let mut writer = unsafe { Box::from_raw(writer) };
            let own = writer.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
            own.set_deadline(Deadline::after(Duration::ZERO));
            Ok(LANDLINE_OK)
        });
    }
}
