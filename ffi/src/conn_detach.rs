//! Taking the socket out of a connection.

use crate::args::Out;
use crate::conn::{landline_conn, on_conn, receive};
use crate::status::*;
use std::ffi::c_void;
use std::os::fd::IntoRawFd;

/// Takes the socket out of a connection, for a program that continues with another protocol or library, or passes it
/// to another process. `*fd` is a descriptor in blocking mode that belongs to the caller. `*data` and `*len` are the
/// bytes that the peer has sent but no call has returned: frames as they arrived, the last of which may be
/// incomplete. They are valid until the connection is freed.
///
/// The connection is over afterwards: every call returns LANDLINE_ERR_DETACHED, or what it returned before if the
/// connection had been closed cleanly, and freeing or aborting it does not affect the socket. The peer notices
/// nothing. Everything that was sent or gathered before is written first. After an orderly close nothing is left to
/// receive, and both directions of the socket have been shut down. Connections over TLS, or over a transport that the
/// caller implements, cannot be detached: TLS has state that cannot be taken out, and such a transport already
/// belongs to the caller.
///
/// Blocks until everything is written, for at most `timeout_ms` (-1: no limit), and for at most
/// LANDLINE_OPT_SEND_TIMEOUT_MS without progress.
///
/// LANDLINE_OK. After the following, the connection can be used as before: LANDLINE_ERR_UNSUPPORTED if it does not
/// run directly over a socket; LANDLINE_ERR_STATE if a message has been partly received, or was kept by
/// landline_conn_ping_wait(); LANDLINE_ERR_CLOSING during the closing handshake; LANDLINE_TIMED_OUT,
/// LANDLINE_INTERRUPTED; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL, LANDLINE_ERR_INVALID. The final errors of
/// landline_conn_recv().
///
/// # Safety
///
/// `conn` is NULL or a live handle; the others are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_detach(
    conn: *mut landline_conn,
    timeout_ms: i32,
    fd: *mut i32,
    data: *mut *const c_void,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let (fd, data, len) = (Out::new(fd, "fd")?, Out::new(data, "data")?, Out::new(len, "len")?);
            let mut receiving = conn.receiving(timeout_ms)?;
            let detached = receive!(receiving, end => end.detach())?;
            // After an orderly close this can be repeated, and nothing is left to be kept.
            let received = conn.info.unreceived.get_or_init(|| detached.received.into());
            fd.set(detached.socket.into_raw_fd());
            data.set(received.as_ptr().cast());
            len.set(received.len());
            Ok(LANDLINE_OK)
        })
    }
}
