//! Opening connections as a client.

use crate::args::{limit, out_handle, string};
use crate::conn::landline_conn;
use crate::failure::{Outcome, guard};
use crate::options::landline_options;
use crate::status::*;
use crate::values::{Values, values};
use landline::uri::Endpoint;
use std::ffi::c_char;
use std::sync::Arc;

pub(crate) fn into_handle(conn: Arc<landline_conn>) -> *mut landline_conn {
    Arc::into_raw(conn).cast_mut()
}

/// Opens a connection to a URL: "ws://HOST[:PORT]/PATH", "wss://..." with TLS, or "ws+unix:PATH[:REQUEST]" (and
/// "wss+unix:...") for a Unix socket, whose path is percent-encoded where necessary. An IPv6 address is written in
/// brackets, with its zone after "%25" if it has one, as in "ws://[fe80::1%25eth0]/". `options` may be NULL. Free
/// `*conn` with landline_conn_free().
///
/// Blocks until it is open: looking up the name, connecting, proxies, TLS and the opening handshake together take at
/// most LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1. If the host has several
/// addresses, IPv6 and IPv4 take turns, and the next one is tried as well as soon as one has failed or has not
/// answered for 250 ms; the first to answer is used (Happy Eyeballs, RFC 8305).
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED (for both, LANDLINE_ERROR_PHASE says in which step);
/// LANDLINE_ERR_URL; LANDLINE_ERR_CONFIG; LANDLINE_ERR_RESOLVE; LANDLINE_ERR_CONNECT; LANDLINE_ERR_PROXY;
/// LANDLINE_ERR_TLS; LANDLINE_ERR_HANDSHAKE if the server refused (see LANDLINE_ERROR_HTTP_STATUS); LANDLINE_ERR_IO;
/// LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8. `*conn` is NULL unless the status is LANDLINE_OK.
///
/// # Safety
///
/// `url` is NULL or a C string; `options` is NULL or a live handle; `conn` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_connect(
    url: *const c_char,
    options: *const landline_options,
    timeout_ms: i32,
    conn: *mut *mut landline_conn,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (out, values, url, is_tls) = unsafe { prepare(url, options, conn) }?;
        let ws = values.client(is_tls, limit(timeout_ms)?)?.connect(url)?;
        out.set(into_handle(landline_conn::wrap(ws, values.single_thread(), values.close_timeout())?));
        Ok(LANDLINE_OK)
    })
}

/// The part that all ways of connecting share.
///
/// # Safety
///
/// As [`landline_connect`].
pub(crate) unsafe fn prepare<'a>(
    url: *const c_char,
    options: *const landline_options,
    conn: *mut *mut landline_conn,
) -> Outcome<(crate::args::Out<*mut landline_conn>, Values, &'a str, bool)> {
    // SAFETY: the caller's promise.
    unsafe {
        let out = out_handle(conn, "conn")?;
        let url = string(url, "url")?;
        let is_tls = Endpoint::parse(url).map_err(landline::Error::from)?.is_tls();
        Ok((out, values(options), url, is_tls))
    }
}
