//! A server that runs a callback in a thread of its own for each connection.

use crate::address::Address;
use crate::args::{Out, check_process, handle, out_handle, string, time_limit};
use crate::conn::landline_conn;
use crate::failure::{Failure, guard};
use crate::options::landline_options;
use crate::socket::listening_socket;
use crate::status::*;
use crate::values::{Values, values};
use landline::Server;
use landline::process::Process;
use landline::server::StopHandle;
use std::ffi::{CString, c_char, c_void};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A server that calls a callback for each connection, in a thread of its own.
///
/// Ownership: created by landline_server_bind() or landline_server_bind_fd(), freed by landline_server_free() once
/// landline_server_run() has returned.
///
/// Threads: one thread calls landline_server_run(); any thread may call the other functions, even while it runs.
#[allow(non_camel_case_types)]
pub struct landline_server {
    made_in: Process,
    /// Present until it runs.
    server: Mutex<Option<Server>>,
    stop: StopHandle,
    address: CString,
    single_thread: bool,
    close_timeout: Duration,
}

/// Called by a server for each connection, in a thread of its own with a stack of LANDLINE_OPT_STACK_SIZE. `conn`
/// belongs to the server, which closes it with 1000 if it is still open when the callback returns, and then frees it.
/// A connection that was kept with landline_conn_retain() is closed too, but what the peer still sends can be
/// received. The callback must not unwind or jump out.
#[allow(non_camel_case_types)]
pub type landline_server_handler = Option<unsafe extern "C" fn(conn: *mut landline_conn, user: *mut c_void)>;

/// Binds a server to "ADDRESS:PORT" (port 0 takes a free one: see landline_server_local_addr()) or "unix:PATH", as
/// landline_listen() does. `options` may be NULL. Clients can connect from now on, but have to wait for
/// landline_server_run(). Free the server with landline_server_free().
///
/// LANDLINE_OK; LANDLINE_ERR_IO; LANDLINE_ERR_CONFIG; LANDLINE_ERR_TLS; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `address` is NULL or a C string; `options` is NULL or a live handle; `server` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_server_bind(
    address: *const c_char,
    options: *const landline_options,
    server: *mut *mut landline_server,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (out, address, values) =
            unsafe { (out_handle(server, "server")?, string(address, "address")?, values(options)) };
        let server = Address::parse(address)?.bind(values.server()?)?;
        let address = server.local_addr().map_or_else(|| address.to_owned(), |address| address.to_string());
        out.set(landline_server::make(server, address, &values));
        Ok(LANDLINE_OK)
    })
}

impl landline_server {
    fn make(server: Server, address: String, values: &Values) -> *mut Self {
        Box::into_raw(Box::new(Self {
            made_in: Process::current(),
            stop: server.stop_handle(),
            server: Mutex::new(Some(server)),
            address: CString::new(address).unwrap_or_default(),
            single_thread: values.single_thread(),
            close_timeout: values.close_timeout(),
        }))
    }
}

/// Creates a server on the caller's listening socket. Arguments and statuses are those of landline_listen_fd().
///
/// # Safety
///
/// As landline_listen_fd(), with `server` in the place of `listener`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_server_bind_fd(
    fd: i32,
    take: i32,
    options: *const landline_options,
    server: *mut *mut landline_server,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise. Comes first, so that the descriptor is closed even if another argument is
        // wrong.
        let (socket, out, values) =
            unsafe { (listening_socket(fd, take), out_handle(server, "server")?, values(options)) };
        let server = values.server()?.bind_from(socket?)?;
        let address = server.local_addr().map_or_else(String::new, |address| address.to_string());
        out.set(landline_server::make(server, address, &values));
        Ok(LANDLINE_OK)
    })
}

/// The address that the server is bound to, with the actual port. Valid until the server is freed; NULL for NULL.
///
/// # Safety
///
/// `server` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_server_local_addr(server: *const landline_server) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { server.as_ref() }.map_or(std::ptr::null(), |server| server.address.as_ptr())
}

/// How many connections there are, those in the opening handshake included; 0 for NULL.
///
/// # Safety
///
/// `server` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_server_connections(server: *const landline_server) -> usize {
    // SAFETY: the caller's promise.
    unsafe { server.as_ref() }.map_or(0, |server| server.stop.connections())
}

/// What each connection's thread needs.
struct Handler {
    call: unsafe extern "C" fn(*mut landline_conn, *mut c_void),
    user: *mut c_void,
    single_thread: bool,
    close_timeout: Duration,
}

// SAFETY: the caller promises that the callback may be called from any thread, with this pointer.
unsafe impl Send for Handler {}
// SAFETY: as above.
unsafe impl Sync for Handler {}

impl Handler {
    fn handle(&self, ws: landline::WebSocket) {
        match landline_conn::wrap(ws, self.single_thread, self.close_timeout) {
            Ok(conn) => {
                let handle = Arc::as_ptr(&conn).cast_mut();
                // SAFETY: the caller's promise; `conn` keeps the handle alive for the callback.
                unsafe { (self.call)(handle, self.user) };
            }
            Err(failure) => log::warn!("a connection cannot be served: {}", failure.text()),
        }
    }
}

/// Serves clients until landline_server_stop(). Each client gets a thread, in which the opening handshake is
/// performed and then `handler` is called with the connection and `user`. Invalid requests, and clients over the
/// limit, are answered with the appropriate HTTP error. When the process runs out of descriptors, memory or threads,
/// new clients wait.
///
/// Blocks until the server has been stopped and the handlers have returned; it waits for handlers whose connection
/// has been cut for one second at most. `user` must remain valid until landline_server_connections() is 0. A server
/// can run only once.
///
/// LANDLINE_OK; LANDLINE_ERR_STATE if it has run before; LANDLINE_ERR_IO if the listening socket fails permanently;
/// open connections are not affected; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `server` is NULL or a live handle. `handler` may be called with `user` from any thread, several at a time, until
/// this returns and every connection's handler has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_server_run(
    server: *mut landline_server,
    handler: landline_server_handler,
    user: *mut c_void,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let found = unsafe { handle(server, "server") }?;
        check_process(found.made_in)?;
        let call = handler.ok_or_else(|| Failure::null("handler"))?;
        let taken = found.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        let server = taken.ok_or_else(|| Failure::state("the server has run before"))?;
        let (single_thread, close_timeout) = (found.single_thread, found.close_timeout);
        let handler = Handler { call, user, single_thread, close_timeout };
        server.serve(move |ws| handler.handle(ws))?;
        Ok(LANDLINE_OK)
    })
}

/// Stops a server, from another thread: closes the listening socket, so that new clients are refused; drops clients
/// in the opening handshake; sends a Close frame with 1001 on all other connections; waits at most `grace_ms` (-1: no
/// limit) for the handlers to return; and cuts the connections that are left. Handlers get LANDLINE_CLOSED or
/// LANDLINE_ERR_ABORTED. `*finished` is the number of connections whose handlers returned in time, `*cut` that of the
/// others; both pointers may be NULL. May be called before landline_server_run(), which then returns immediately.
///
/// Blocks for at most `grace_ms`, and another second for handlers that do not return although their connection has
/// been cut.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID.
///
/// # Safety
///
/// `server` is NULL or a live handle; `finished` and `cut` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_server_stop(
    server: *mut landline_server,
    grace_ms: i32,
    finished: *mut usize,
    cut: *mut usize,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let server = unsafe { handle(server, "server") }?;
        check_process(server.made_in)?;
        let grace = time_limit(grace_ms, "grace_ms")?.unwrap_or(Duration::MAX);
        let stopped = server.stop.stop(grace);
        for (place, count) in [(finished, stopped.finished), (cut, stopped.cut)] {
            // SAFETY: the caller's promise.
            if let Ok(out) = unsafe { Out::new(place, "") } {
                out.set(count);
            }
        }
        Ok(LANDLINE_OK)
    })
}

/// Frees a server that is not running. NULL does nothing.
///
/// # Safety
///
/// `server` is NULL or a live handle that no other call uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_server_free(server: *mut landline_server) {
    if !server.is_null() {
        // SAFETY: created by `landline_server_bind`, and no longer used by the caller.
        drop(unsafe { Box::from_raw(server) });
    }
}
