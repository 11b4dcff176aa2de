//! Taking the socket out of a connection.

use crate::args::Out;
use crate::conn::{landline_conn, on_conn, receive};
use crate::status::*;
use std::ffi::c_void;
use std::os::fd::IntoRawFd;

/// Takes the socket out of a connection, for a program that goes on with another protocol or library, or hands it to another
/// process: `*fd`, a descriptor that belongs to the caller, in blocking mode. `*data` and `*len` are what the peer has sent
/// and no call has returned: frames as they came, the last of which may be incomplete; valid until the connection is freed.
///
/// For the connection this is the end: every call gives LANDLINE_ERR_DETACHED, or what it gave before if the connection was
/// closed in order, and freeing or aborting it does nothing to the socket. The peer notices nothing. Everything that was
/// sent or gathered before is written first. After an orderly close nothing is left to be received, and both directions of
/// the socket have been shut down. The state of TLS cannot be taken out, and a transport of the caller's own is the
/// caller's already.
///
/// Blocks until all is written, for at most `timeout_ms` (-1: no limit), and for at most LANDLINE_OPT_SEND_TIMEOUT_MS
/// without any progress.
///
/// LANDLINE_OK. The connection goes on after LANDLINE_ERR_UNSUPPORTED: it does not run directly over a socket;
/// LANDLINE_ERR_STATE: a message is half received, or was kept by landline_conn_ping_wait(); LANDLINE_TIMED_OUT,
/// LANDLINE_INTERRUPTED; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL, LANDLINE_ERR_INVALID; and LANDLINE_ERR_CLOSING while the
/// closing handshake is under way. The final errors of landline_conn_recv().
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
            // After an orderly close it can be done again, and there is nothing to be kept.
            let received = conn.info.unreceived.get_or_init(|| detached.received.into());
            fd.set(detached.socket.into_raw_fd());
            data.set(received.as_ptr().cast());
            len.set(received.len());
            Ok(LANDLINE_OK)
        })
    }
}
