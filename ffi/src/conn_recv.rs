//! Receiving.

use crate::args::{Out, buffer, kind_number, out_handle};
use crate::conn::{Receiving, landline_conn, on_conn, receive};
use crate::failure::Failure;
use crate::last_error::remember;
use crate::message::landline_message;
use crate::status::*;
use std::ffi::c_void;

/// Receives the next whole message. The message owns its data; free it with landline_message_free().
///
/// Blocks until there is a message, the connection ends, or `timeout_ms` has passed: -1 waits without limit, 0
/// returns only what has already arrived. Sends what was gathered with LANDLINE_SEND_FEED before it waits, and
/// answers Pings and Close frames.
///
/// LANDLINE_OK; LANDLINE_CLOSED: the closing handshake is complete, see LANDLINE_CONN_CLOSE_CODE; LANDLINE_TIMED_OUT,
/// LANDLINE_INTERRUPTED: nothing is lost, even in the middle of a message: call again; LANDLINE_ERR_BUSY: another
/// thread is receiving. All other errors are final: free the connection. They are LANDLINE_ERR_EOF,
/// LANDLINE_ERR_PROTOCOL, LANDLINE_ERR_LIMIT, LANDLINE_ERR_SILENT, LANDLINE_ERR_ABORTED,
/// LANDLINE_ERR_CLOSE_UNANSWERED, LANDLINE_ERR_TLS and LANDLINE_ERR_IO. LANDLINE_ERR_PROTOCOL and LANDLINE_ERR_LIMIT
/// are returned once the peer has had time to read the Close frame that gives the reason: when it ends the stream, or
/// after 2 s at most. `*message` is NULL unless the status is LANDLINE_OK.
///
/// # Safety
///
/// `conn` is NULL or a live handle; `message` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_recv(
    conn: *mut landline_conn,
    timeout_ms: i32,
    message: *mut *mut landline_message,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        let out = out_handle(message, "message");
        on_conn(conn, |conn| {
            let out = out?;
            let mut receiving = conn.receiving(timeout_ms)?;
            match receive!(receiving, end => end.recv())? {
                Some(message) => {
                    out.set(Box::into_raw(landline_message::own(message)));
                    Ok(LANDLINE_OK)
                }
                None => Err(closed(&receiving)),
            }
        })
    }
}

/// Receives as landline_conn_recv() does, but without a copy: the message is borrowed from the connection. Until it
/// is freed with landline_message_free(), nothing else can be received (LANDLINE_ERR_BUSY); sending is not affected.
///
/// # Safety
///
/// As landline_conn_recv().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_recv_ref(
    conn: *mut landline_conn,
    timeout_ms: i32,
    message: *mut *mut landline_message,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        let Ok(out) = out_handle(message, "message") else { return remember(Failure::null("message")) };
        on_conn(conn, |conn| {
            let mut receiving = conn.receiving(timeout_ms)?;
            let received = receive!(receiving, end => end.recv_ref())?;
            let Some(lent) = received.map(|message| landline_message::lent(message, conn)) else {
                return Err(closed(&receiving));
            };
            out.set(conn.lend(receiving, lent));
            Ok(LANDLINE_OK)
        })
    }
}

/// Receives a message piece by piece into the caller's buffer: `*len` bytes, as many as have arrived and fit, of a
/// message of `*kind`. Uses constant memory, whatever the size of the message.
///
/// LANDLINE_OK means that the message ends here, LANDLINE_MORE that the next call continues it, because the buffer is
/// full or the rest has not arrived. Nothing is lost if the buffer is too small. Text is valid UTF-8 as a whole, but
/// a character may be split between two calls. Calling another receiving function skips the rest of the message.
/// Otherwise as landline_conn_recv(); LANDLINE_ERR_INVALID if `capacity` is 0.
///
/// # Safety
///
/// `conn` is NULL or a live handle; `capacity` bytes can be written at `data`; `kind` and `len` are NULL or can be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_recv_into(
    conn: *mut landline_conn,
    data: *mut c_void,
    capacity: usize,
    timeout_ms: i32,
    kind: *mut i32,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let data = buffer(data, capacity, "data")?;
            let (kind, len) = (Out::new(kind, "kind")?, Out::new(len, "len")?);
            let mut receiving = conn.receiving(timeout_ms)?;
            let Some(received) = receive!(receiving, end => end.recv_into(data))? else {
                return Err(closed(&receiving));
            };
            kind.set(kind_number(received.kind));
            len.set(received.len);
            Ok(if received.is_final { LANDLINE_OK } else { LANDLINE_MORE })
        })
    }
}

/// What a receiving call gives once the connection has been closed cleanly.
#[cold]
fn closed(receiving: &Receiving<'_>) -> Failure {
    Failure::Closed(match receiving {
        Receiving::Shared { receiver, .. } => receiver.close_info(),
        Receiving::Single(ws) => ws.close_info(),
    })
}
