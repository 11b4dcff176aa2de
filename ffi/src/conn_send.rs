//! Sending whole messages, Pings, and closing.

use crate::args::{Out, bytes, close_code, deadline, handle, kind, limit, slice, text};
use crate::conn::{Sending, landline_conn, on_conn, receive, sending};
use crate::failure::{Failure, Outcome};
use crate::message::landline_message;
use crate::status::*;
use landline::error::Closed;
use landline::{Compress, Deadline, Error, Kind, MessageRef};
use std::ffi::c_void;
use std::io::IoSlice;
use std::time::Duration;

/// Gather the message: it leaves with the next one that is not gathered, with landline_conn_flush(), before a receiving
/// call waits, or when 64 KiB are there. Saves system calls. Where another thread receives, call flush.
pub const LANDLINE_SEND_FEED: u32 = 1;
/// Do not compress the message: it is compressed already, or holds a secret. Some peers cannot read it then: see
/// LANDLINE_OPT_COMPRESSION_THRESHOLD.
pub const LANDLINE_SEND_PLAIN: u32 = 2;
/// Compress the message even if it is small.
pub const LANDLINE_SEND_COMPRESS: u32 = 4;

/// A piece of memory. The same as `struct iovec`.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct landline_slice {
    /// Where it begins; does not matter if there is none of it.
    pub data: *const c_void,
    /// Its length in bytes.
    pub len: usize,
}

/// What the flags say: whether to gather, and whether to compress.
#[inline(always)]
pub(crate) fn flags(flags: u32) -> Outcome<(bool, Compress)> {
    let compress = match flags & !LANDLINE_SEND_FEED {
        0 => Compress::Auto,
        LANDLINE_SEND_PLAIN => Compress::Never,
        LANDLINE_SEND_COMPRESS => Compress::Always,
        both if both == LANDLINE_SEND_PLAIN | LANDLINE_SEND_COMPRESS => {
            return Err(Failure::invalid(
                "flags LANDLINE_SEND_PLAIN and LANDLINE_SEND_COMPRESS exclude each other",
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

#[inline(always)]
fn send(conn: &landline_conn, message: MessageRef<'_>, bits: u32, timeout_ms: i32) -> Outcome {
    // What a server that echoes does most.
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

/// Sends a message of LANDLINE_TEXT or LANDLINE_BINARY. `flags`: 0 or LANDLINE_SEND_*.
///
/// Blocks until its bytes are in the kernel, for at most `timeout_ms` (-1: no limit), and for at most
/// LANDLINE_OPT_SEND_TIMEOUT_MS without any progress. Any number of threads may send at the same time: messages go out
/// whole, one after the other. `data` is not used after the call.
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED: nothing of it was sent, it may be sent again;
/// LANDLINE_PENDING: it is on its way, do not send it again; LANDLINE_ERR_CLOSING; LANDLINE_ERR_UTF8 for text that is
/// not; LANDLINE_ERR_NULL, LANDLINE_ERR_INVALID. All other errors are final: what landline_conn_recv() gives.
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
    unsafe {
        on_conn(conn, |conn| {
            let payload = bytes(data, len, "data")?;
            let message = match crate::args::kind(kind)? {
                Kind::Binary => MessageRef::Binary(payload),
                Kind::Text => {
                    let checked = simdutf8::basic::from_utf8(payload);
                    MessageRef::Text(checked.map_err(|_| Error::Usage(landline::error::UsageError::InvalidUtf8))?)
                }
            };
            send(conn, message, flags, timeout_ms)
        })
    }
}

/// Sends a received message on, on this or another connection: text is not checked again. Otherwise as
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

/// Sends one message made of `count` pieces, without joining them first. Otherwise as landline_conn_send();
/// LANDLINE_SEND_FEED has no effect.
///
/// # Safety
///
/// `conn` is NULL or a live handle; `count` slices can be read at `parts`, and the bytes that they name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_sendv(
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

/// Writes what was gathered with LANDLINE_SEND_FEED, or left over by LANDLINE_PENDING. Blocks as landline_conn_send().
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

/// Sends a Ping of at most 125 bytes. The Pong is received silently. Otherwise as landline_conn_send().
///
/// # Safety
///
/// `conn` is NULL or a live handle; `len` bytes can be read at `data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_ping(
    conn: *mut landline_conn,
    data: *const c_void,
    len: usize,
    timeout_ms: i32,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let payload = bytes(data, len, "data")?;
            conn.sending(timeout_ms, |end| sending!(end, end => end.ping(payload)))?;
            Ok(LANDLINE_OK)
        })
    }
}

/// Sends a Ping to be waited for: `*ping` is its number, for landline_conn_pong_wait().
///
/// Blocks, and returns, as landline_conn_ping().
///
/// # Safety
///
/// `conn` is NULL or a live handle; `ping` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_ping_start(
    conn: *mut landline_conn,
    timeout_ms: i32,
    ping: *mut u64,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let out = Out::new(ping, "ping")?;
            out.set(conn.sending(timeout_ms, |end| sending!(end, end => end.ping_start()))?);
            Ok(LANDLINE_OK)
        })
    }
}

/// Waits for the Pong to a Ping of landline_conn_ping_start(), as landline_conn_ping_wait() does: for a wait in several
/// parts, because a Ping that was not answered within `timeout_ms` is still under way, and can be waited for again.
///
/// As landline_conn_ping_wait().
///
/// # Safety
///
/// `conn` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_pong_wait(
    conn: *mut landline_conn,
    ping: u64,
    timeout_ms: i32,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let deadline = deadline(timeout_ms)?;
            loop {
                let left = deadline.left().unwrap_or(Duration::MAX);
                if let Some(mut receiving) = conn.helping()? {
                    receive!(receiving, end => end.pong_wait(ping, left))?;
                    return Ok(LANDLINE_OK);
                }
                // Whoever receives may stop.
                let patience = left.min(Duration::from_millis(100));
                let waited = conn.sending(-1, |end| match end {
                    Sending::Shared(sender) => sender.pong_wait(ping, patience),
                    Sending::Single(ws) => ws.pong_wait(ping, patience),
                });
                match waited {
                    Err(Failure::Library(Error::Timeout(_))) if left > patience => {}
                    result => return result.map(|()| LANDLINE_OK),
                }
            }
        })
    }
}

/// With another thread that receives, waits for it; looks every now and then whether it still does.
fn ping_wait(conn: &landline_conn, deadline: Deadline) -> Outcome<Duration> {
    // Longer each time, because each time it is another Ping, whose Pong has to come within it.
    let mut patience = Duration::from_millis(250);
    loop {
        let left = deadline.left().unwrap_or(Duration::MAX);
        if let Some(mut receiving) = conn.helping()? {
            return Ok(receive!(receiving, end => end.ping_wait(left))?);
        }
        match conn.sending(-1, |end| sending!(end, end => end.ping_wait(left.min(patience)))) {
            Err(Failure::Library(Error::Timeout(_))) if left > patience => patience *= 2,
            result => return result,
        }
    }
}

/// Sends a Ping and waits for its Pong: `*microseconds` is how long that took. If no other thread receives meanwhile,
/// this call does, and keeps the messages for the next receiving call.
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED; LANDLINE_ERR_STATE when a message is half received, or more
/// messages came than can be kept (1024, or the largest message size); LANDLINE_ERR_CLOSING; the final errors of
/// landline_conn_recv().
///
/// # Safety
///
/// `conn` is NULL or a live handle; `microseconds` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_ping_wait(
    conn: *mut landline_conn,
    timeout_ms: i32,
    microseconds: *mut u64,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let out = Out::new(microseconds, "microseconds")?;
            let taken = ping_wait(conn, deadline(timeout_ms)?)?;
            out.set(u64::try_from(taken.as_micros()).unwrap_or(u64::MAX));
            Ok(LANDLINE_OK)
        })
    }
}

/// Closes the connection in order: sends a Close frame with a code and a reason of at most 123 bytes, and waits for the
/// peer's, throwing away what else arrives meanwhile, however much it is. Messages whose sending has returned still reach
/// a peer that reads them. If another thread receives, that one gets LANDLINE_CLOSED, and this call waits for it.
///
/// Blocks for at most LANDLINE_OPT_CLOSE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1. Afterwards the
/// connection is over, whatever the status, but for LANDLINE_PENDING, LANDLINE_ERR_INVALID, LANDLINE_ERR_NULL, LANDLINE_ERR_UTF8 and
/// LANDLINE_ERR_BUSY; it still has to be freed.
///
/// LANDLINE_OK, also if it was closed already; LANDLINE_PENDING: the Close frame is on its way, and the thread that
/// receives, or has borrowed a message, has to complete the rest; LANDLINE_ERR_BUSY: this thread has borrowed a message,
/// nothing was done; LANDLINE_ERR_INVALID for a code that may not be sent (use 1000 to 1003,
/// 1007 to 1014, 3000 to 4999) or a reason too long; LANDLINE_ERR_CLOSE_UNANSWERED; the final errors of
/// landline_conn_recv().
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
                // What the receiving thread made of it counts.
                Ok(()) => {}
                Err(Failure::Library(error))
                    if error.is_fatal() || matches!(error, Error::Closed(Closed::Sent)) => {}
                Err(Failure::Library(Error::Timeout(_) | Error::Interrupted(_))) => {}
                Err(failure) => return Err(failure),
            }
            // It hears of the Close frame while it waits, and is done by then.
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

/// Starts the closing handshake: sends a Close frame, after which nothing more can be sent. Whoever receives still gets
/// what the peer sends, then LANDLINE_CLOSED, within LANDLINE_OPT_CLOSE_TIMEOUT_MS. Does nothing if a Close frame was
/// sent before, or the connection was closed in order. Otherwise as landline_conn_send(), and LANDLINE_ERR_INVALID as landline_conn_close().
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
