//! Opening connections of a server in one step.

use crate::args::{limit, out_handle};
use crate::conn::landline_conn;
use crate::connect::into_handle;
use crate::failure::{Outcome, guard};
use crate::options::landline_options;
use crate::socket::socket;
use crate::status::*;
use crate::transport::{CallerTransport, landline_transport};
use crate::values::values;
use landline::transport::IntoTransport;
use std::ffi::c_void;

/// Opens a connection, in one step, with a client that is connected over the caller's own stream socket, TCP or Unix:
/// reads its request and accepts it, with the first of LANDLINE_OPT_SUBPROTOCOL that the client offers. `take` has
/// the same meaning as for landline_connect_fd(). `options` may be NULL. Free `*conn` with landline_conn_free(). To
/// examine the request first, use landline_request_from_fd().
///
/// Blocks for at most LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1.
///
/// Returns what landline_listener_accept() does for one client; LANDLINE_ERR_INVALID for a descriptor that is not a
/// connected stream socket.
///
/// # Safety
///
/// `fd` is open, and with `take` nobody else uses it; `options` is NULL or a live handle; `conn` is NULL or can be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_accept_fd(
    fd: i32,
    take: i32,
    options: *const landline_options,
    timeout_ms: i32,
    conn: *mut *mut landline_conn,
) -> landline_status {
    // SAFETY: the caller's promise. The socket first, so that it is closed whatever is wrong with the rest.
    guard(|| unsafe { accept(socket(fd, take), options, timeout_ms, conn) })
}

/// The same over a transport that the caller implements. Its `free` is called as by landline_connect_transport().
///
/// # Safety
///
/// `transport` is NULL or a table as landline_transport demands; otherwise as landline_accept_fd().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_accept_transport(
    transport: *const landline_transport,
    user: *mut c_void,
    options: *const landline_options,
    timeout_ms: i32,
    conn: *mut *mut landline_conn,
) -> landline_status {
    // SAFETY: the caller's promise. The transport first, so that it is freed whatever is wrong with the rest.
    guard(|| unsafe { accept(CallerTransport::new(transport, user), options, timeout_ms, conn) })
}

/// # Safety
///
/// As landline_accept_fd().
unsafe fn accept(
    transport: Outcome<impl IntoTransport>,
    options: *const landline_options,
    timeout_ms: i32,
    conn: *mut *mut landline_conn,
) -> Outcome {
    // SAFETY: the caller's promise.
    let (out, values) = unsafe { (out_handle(conn, "conn")?, values(options)) };
    let ws = values.accept_over(transport?, limit(timeout_ms)?)?.accept()?;
    out.set(into_handle(landline_conn::wrap(ws, values.single_thread(), values.close_timeout())?));
    Ok(LANDLINE_OK)
}
