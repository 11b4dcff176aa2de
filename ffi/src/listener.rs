//! Listening for clients.

use crate::address::Address;
use crate::args::{c_string, check_process, deadline, handle, out_handle, string};
use crate::failure::{Outcome, guard};
use crate::options::landline_options;
use crate::request::{Stage, landline_request};
use crate::socket::listening_socket;
use crate::status::*;
use crate::values::{Values, values};
use landline::process::Process;
use landline::server::Incoming;
use landline::{Interrupter, Listener};
use std::ffi::{CString, c_char};
use std::os::fd::{AsFd, BorrowedFd};

/// A listening socket.
///
/// Ownership: created by landline_listen() or landline_listen_fd(), freed by landline_listener_free(). Requests and
/// connections remain valid after that.
///
/// Threads: any thread; several may accept at the same time.
#[allow(non_camel_case_types)]
pub struct landline_listener {
    listener: Listener,
    made_in: Process,
    address: CString,
    interrupter: Interrupter,
    values: Values,
}

impl landline_listener {
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    fn make(listener: Listener, address: String, interrupter: Interrupter, values: Values) -> *mut Self {
        let made_in = Process::current();
        Box::into_raw(Box::new(Self { listener, made_in, address: c_string(address), interrupter, values }))
    }

    pub(crate) fn check_process(&self) -> Outcome<()> {
        check_process(self.made_in)
    }

    pub(crate) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.interrupter.as_fd()
    }
}

/// Listens on "ADDRESS:PORT", such as "127.0.0.1:9001" or "[::1]:9001" (port 0 takes a free one: see
/// landline_listener_local_addr()), ":PORT" for every address of this machine, or "unix:PATH" for a Unix socket;
/// "ws+unix:PATH" is the same with the path percent-encoded as in URLs. The file of a socket on which nobody listens
/// any more is replaced, any other file is not; it is removed with the listener. LANDLINE_OPT_UNIX_MODE sets its
/// permissions. `options` may be NULL. Free the listener with landline_listener_free().
///
/// LANDLINE_OK; LANDLINE_ERR_IO, with EADDRINUSE if the address is in use or the path is not a socket;
/// LANDLINE_ERR_CONFIG, also for an address that has none of these forms; LANDLINE_ERR_TLS; LANDLINE_ERR_NULL;
/// LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `address` is NULL or a C string; `options` is NULL or a live handle; `listener` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listen(
    address: *const c_char,
    options: *const landline_options,
    listener: *mut *mut landline_listener,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (out, address, mut values) =
            unsafe { (out_handle(listener, "listener")?, string(address, "address")?, values(options)) };
        let interrupter = values.own_interrupter()?;
        let listener = Address::parse(address)?.listen(values.server()?)?;
        let address = listener.local_addr().map_or_else(|| address.to_owned(), |address| address.to_string());
        out.set(landline_listener::make(listener, address, interrupter, values));
        Ok(LANDLINE_OK)
    })
}

/// Accepts clients on the caller's own listening socket, TCP or Unix, which is put into nonblocking mode. For servers
/// with several processes: bind a socket, fork, and call this in each process; all of them then accept from it.
/// `take` has the same meaning as for landline_connect_fd(). When the listener is freed or stopped, the socket keeps
/// listening if other processes or duplicates have it. `options` may be NULL. Free the listener with
/// landline_listener_free().
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID for a descriptor that is not a listening stream socket; LANDLINE_ERR_IO;
/// LANDLINE_ERR_CONFIG; LANDLINE_ERR_TLS; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `fd` is open, and with `take` it is not used by anything else; `options` is NULL or a live handle; `listener` is
/// NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listen_fd(
    fd: i32,
    take: i32,
    options: *const landline_options,
    listener: *mut *mut landline_listener,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise. Comes first, so that the descriptor is closed even if another argument is
        // wrong.
        let (socket, out, mut values) =
            unsafe { (listening_socket(fd, take), out_handle(listener, "listener")?, values(options)) };
        let interrupter = values.own_interrupter()?;
        let listener = values.server()?.listen_from(socket?)?;
        let address = listener.local_addr().map_or_else(String::new, |address| address.to_string());
        out.set(landline_listener::make(listener, address, interrupter, values));
        Ok(LANDLINE_OK)
    })
}

/// The address that it listens on, with the actual port. Valid until the listener is freed; NULL for NULL.
///
/// # Safety
///
/// `listener` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listener_local_addr(listener: *const landline_listener) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { listener.as_ref() }.map_or(std::ptr::null(), |listener| listener.address.as_ptr())
}

/// Waits for a client, performs the TLS handshake if the server uses TLS, and reads the request, for the caller to
/// accept or reject. Free `*request` with landline_request_free().
///
/// Blocks until there is a client, for at most `timeout_ms` (-1: no limit), and then for at most
/// LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS: one slow client delays the others. To serve many clients, use
/// landline_listener_accept_incoming() and read each request in a thread of its own, or use landline_server_run().
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT; LANDLINE_INTERRUPTED; LANDLINE_ERR_REJECTED, LANDLINE_ERR_TLS, LANDLINE_ERR_EOF:
/// failures of one client, which has been answered; accept the next one; LANDLINE_ERR_IO: a failure of the listener
/// or of one client; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `listener` is NULL or a live handle; `request` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listener_accept(
    listener: *mut landline_listener,
    timeout_ms: i32,
    request: *mut *mut landline_request,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe { accept(listener, timeout_ms, request, |incoming| Ok(Stage::read(incoming.request()?))) })
}

/// Waits for a client without reading from it: call landline_request_read() next, possibly in another thread.
///
/// A client is accepted only if the process has all descriptors that its connection needs: three, or one with
/// LANDLINE_OPT_SINGLE_THREAD. Otherwise this returns LANDLINE_ERR_IO with EMFILE, and the client keeps waiting.
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT; LANDLINE_INTERRUPTED; LANDLINE_ERR_IO; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// As landline_listener_accept().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listener_accept_incoming(
    listener: *mut landline_listener,
    timeout_ms: i32,
    request: *mut *mut landline_request,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe { accept(listener, timeout_ms, request, |incoming| Ok(Stage::Incoming(incoming))) })
}

/// # Safety
///
/// As [`landline_listener_accept`].
unsafe fn accept(
    listener: *mut landline_listener,
    timeout_ms: i32,
    request: *mut *mut landline_request,
    stage: impl FnOnce(Incoming) -> Outcome<Stage>,
) -> Outcome {
    // SAFETY: the caller's promise.
    let (out, listener) = unsafe { (out_handle(request, "request")?, handle(listener, "listener")?) };
    let incoming = listener.listener.accept_deadline(deadline(timeout_ms)?)?;
    out.set(landline_request::make(stage(incoming)?, listener.values.clone()));
    Ok(LANDLINE_OK)
}

/// Wakes a call that is waiting for a client, or the next one that would: it returns LANDLINE_INTERRUPTED. Calls that
/// are reading a request are not affected. Never blocks.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `listener` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listener_interrupt(listener: *mut landline_listener) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let listener = unsafe { handle(listener, "listener") }?;
        listener.check_process()?;
        listener.interrupter.interrupt_recv();
        Ok(LANDLINE_OK)
    })
}

/// Stops listening, permanently, from any thread. From now on clients are refused, calls that wait for a client or
/// read a request return LANDLINE_INTERRUPTED, and the file of a Unix socket has been removed. Clients that have not
/// been accepted, or whose request is being read, are dropped. Requests that have been read, and connections, are not
/// affected. Never blocks. On systems that cannot shut down a listening socket (Linux can), clients can connect until
/// the listener is freed.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `listener` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listener_stop(listener: *mut landline_listener) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let listener = unsafe { handle(listener, "listener") }?;
        listener.check_process()?;
        listener.listener.stop();
        Ok(LANDLINE_OK)
    })
}

/// Frees a listener, which stops listening. Requests and connections are not affected. NULL does nothing.
///
/// # Safety
///
/// `listener` is NULL or a live handle that no other call uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listener_free(listener: *mut landline_listener) {
    if !listener.is_null() {
        // SAFETY: created by `landline_listen`, and no longer used by the caller.
        drop(unsafe { Box::from_raw(listener) });
    }
}
