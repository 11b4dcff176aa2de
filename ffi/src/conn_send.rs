//! Sending whole messages, Pings, and closing.

use crate::args::{bytes, handle, kind, slice};
use crate::conn::{landline_conn, on_conn, sending};
use crate::failure::{Failure, Outcome};
use crate::message::landline_message;
use crate::status::*;
use landline::{Compress, Error, Kind, MessageRef};
use std::ffi::c_void;
use std::io::IoSlice;

/// The meaning of the flags: whether to gather, and whether to compress.
#[inline(always)]
pub(crate) fn flags(flags: u32) -> Outcome<(bool, Compress)> {
    let compress = match flags & !LANDLINE_SEND_FEED {
        0 => Compress::Auto,
        LANDLINE_SEND_COMPRESS_NEVER => Compress::Never,
        LANDLINE_SEND_COMPRESS_ALWAYS => Compress::Always,
        both if both == LANDLINE_SEND_COMPRESS_NEVER | LANDLINE_SEND_COMPRESS_ALWAYS => {
            return Err(Failure::invalid(
                "flags LANDLINE_SEND_COMPRESS_NEVER and LANDLINE_SEND_COMPRESS_ALWAYS exclude each other",
            ));
        }
        _ => return Err(Failure::invalid(format!("flags {flags:#x} hold more than those of LANDLINE_SEND_*"))),
    };
    Ok((flags & LANDLINE_SEND_FEED != 0, compress))
}

/// The same where nothing is gathered.
pub(crate) fn compress(bits: u32) -> Outcome<Compress> {
    match flags(bits)? {
        (false, compress) => Ok(compress),
        (true, _) => Err(Failure::invalid("flags: LANDLINE_SEND_FEED cannot be used here")),
    }
}

/// A message of the caller's; text is checked.
///
/// # Safety
///
/// `data` is NULL or `len` bytes can be read there for as long as the call lasts.
#[inline(always)]
pub(crate) unsafe fn message<'a>(kind: i32, data: *const c_void, len: usize) -> Outcome<MessageRef<'a>> {
    // SAFETY: the caller's promise.
    let payload = unsafe { bytes(data, len, "data") }?;
    Ok(match self::kind(kind)? {
        Kind::Binary => MessageRef::Binary(payload),
        Kind::Text => {
            let checked = simdutf8::basic::from_utf8(payload);
            MessageRef::Text(checked.map_err(|_| Error::Usage(landline::error::UsageError::InvalidUtf8))?)
        }
    })
}

#[inline(always)]
fn send(conn: &landline_conn, message: MessageRef<'_>, bits: u32, timeout_ms: i32) -> Outcome {
    // The most frequent call of a server that echoes.
    if bits == LANDLINE_SEND_FEED {
        conn.sending(timeout_ms, |end| sending!(end, end => end.feed(message)))?;
        return Ok(LANDLINE_OK);
    }
    let (feed, compress) = flags(bits)?;
    conn.sending(timeout_ms, |end| match (feed, compress) {
        (true, Compress::Auto) => sending!(end, end => end.feed(message)),
        (false, Compress::Auto) => sending!(end, end => end.send(message)),
        (true, compress) => sending!(end, end => end.with_compress(compress).feed(message)),
        (false, compress) => sending!(end, end => end.with_compress(compress).send(message)),
    })?;
    Ok(LANDLINE_OK)
}

/// A text message: valid UTF-8, which is checked when it is received and before it is sent.
pub const LANDLINE_TEXT: i32 = 1;
/// A binary message.
pub const LANDLINE_BINARY: i32 = 2;

/// Gather the message instead of sending it at once, which saves system calls. Gathered messages are sent with the
/// next message that is not gathered, by landline_conn_flush(), before a receiving call waits, or when there are 64
/// KiB of them. If another thread receives, call landline_conn_flush().
pub const LANDLINE_SEND_FEED: u32 = 1;
/// Do not compress the message: for data that is already compressed or contains a secret. Some peers cannot handle
/// such a message on a connection with compression: see LANDLINE_OPT_COMPRESSION_THRESHOLD.
pub const LANDLINE_SEND_COMPRESS_NEVER: u32 = 2;
/// Compress the message even if it is small.
pub const LANDLINE_SEND_COMPRESS_ALWAYS: u32 = 4;

/// Sends a message of LANDLINE_TEXT or LANDLINE_BINARY. `flags`: 0 or LANDLINE_SEND_*.
///
/// Blocks until its bytes are in the kernel, for at most `timeout_ms` (-1: no limit), and for at most
/// LANDLINE_OPT_SEND_TIMEOUT_MS without any progress. Any number of threads may send at the same time: messages go
/// out whole, one after the other. `data` is not used after the call.
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED: nothing of the message was sent, and it may be sent again;
/// LANDLINE_PENDING: the message is on its way, do not send it again; LANDLINE_ERR_CLOSING; LANDLINE_ERR_UTF8 for a
/// text message that is not UTF-8; LANDLINE_ERR_NULL, LANDLINE_ERR_INVALID. All other errors are final: see
/// landline_conn_recv().
///
/// # Safety
///
/// `conn` is NULL or a live handle; `len` bytes can be read at `data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_send(
    conn: *mut landline_conn,
    kind: i32,
    data: *const c_void,
    len: usize,
    flags: u32,
    timeout_ms: i32,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe { on_conn(conn, |conn| send(conn, message(kind, data, len)?, flags, timeout_ms)) }
}

/// Sends a received message, on this or another connection; text is not validated again. Otherwise as
/// landline_conn_send(). The message still has to be freed.
///
/// # Safety
///
/// `conn` is NULL or a live handle, `message` too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_send_message(
    conn: *mut landline_conn,
    message: *const landline_message,
    flags: u32,
    timeout_ms: i32,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe { on_conn(conn, |conn| send(conn, handle(message, "message")?.get(), flags, timeout_ms)) }
}

/// A piece of memory. The same as `struct iovec`.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct landline_slice {
    /// Where it begins; ignored if `len` is 0.
    pub data: *const c_void,
    /// Its length in bytes.
    pub len: usize,
}

/// Sends one message that consists of `count` parts, without joining them first. Otherwise as landline_conn_send();
/// LANDLINE_SEND_FEED has no effect.
///
/// # Safety
///
/// `conn` is NULL or a live handle; `count` slices can be read at `parts`, and the bytes that they name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_send_vectored(
    conn: *mut landline_conn,
    kind: i32,
    parts: *const landline_slice,
    count: usize,
    flags: u32,
    timeout_ms: i32,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let (_, compress) = self::flags(flags)?;
            let kind = self::kind(kind)?;
            let parts = slice(parts, count, "parts")?.iter();
            let parts = parts.map(|part| bytes(part.data, part.len, "a part's data").map(IoSlice::new));
            let parts = parts.collect::<Outcome<Vec<_>>>()?;
            conn.sending(
                timeout_ms,
                |end| sending!(end, end => end.with_compress(compress).send_vectored(kind, &parts)),
            )?;
            Ok(LANDLINE_OK)
        })
    }
}

/// Writes what was gathered with LANDLINE_SEND_FEED or is still to be written after LANDLINE_PENDING. Blocks as
/// landline_conn_send() does.
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED: call again; the final errors of landline_conn_send().
///
/// # Safety
///
/// `conn` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_flush(conn: *mut landline_conn, timeout_ms: i32) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            conn.sending(timeout_ms, |end| sending!(end, end => end.flush()))?;
            Ok(LANDLINE_OK)
        })
    }
}
