//! Listening, and requests to look at.

use crate::args::{bytes, check_process, deadline, handle, limit, out_handle, string};
use crate::conn::landline_conn;
use crate::connect::{into_handle, socket, stream_socket};
use crate::failure::{Failure, Outcome, guard};
use crate::headers::HeaderTexts;
use crate::names;
use crate::options::{Values, add_header, landline_options, values};
use crate::status::*;
use crate::transport::{CallerTransport, landline_transport};
use http::StatusCode;
use landline::process::Process;
use landline::proto::handshake::Headers;
use landline::server::{Incoming, ListeningSocket, Request};
use landline::{Interrupter, Listener, WebSocket};
use std::ffi::{CStr, CString, c_char, c_void};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::sync::{Mutex, PoisonError};

/// A listening socket. Any thread may use it; several may accept at the same time.
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

/// A client that is connected and waits: look at its request, then accept or reject it. By one thread at a time; a
/// second one waits. Free it with landline_request_free() in any case: a client that was not answered gets status 500.
#[allow(non_camel_case_types)]
pub struct landline_request {
    stage: Mutex<Stage>,
    made_in: Process,
    values: Values,
}

enum Stage {
    /// Nothing has been read.
    Incoming(Incoming),
    /// It can be answered.
    Read(Box<Open>),
    /// It has been answered.
    Answered(Box<Texts>),
    /// It was no request, or its client is gone.
    Failed,
}

struct Open {
    request: Request,
    texts: Texts,
    /// For the answer.
    headers: Headers,
}

/// What was asked, as C reads it. It stays when the request has been answered.
struct Texts {
    headers: HeaderTexts,
    path: CString,
    query: CString,
    host: CString,
    origin: CString,
    peer: CString,
    raw_target: CString,
    subprotocols: Vec<CString>,
}

/// For landline_request_str(): the path, without the query. Percent-encoded, also where the client sent bytes from 0x80
/// as they are.
pub const LANDLINE_REQUEST_PATH: i32 = 1;
/// The query, without the question mark; empty if there is none. Percent-encoded like the path.
pub const LANDLINE_REQUEST_QUERY: i32 = 2;
/// The Host header.
pub const LANDLINE_REQUEST_HOST: i32 = 3;
/// The Origin header: the page that a browser connects from; empty if there is none.
pub const LANDLINE_REQUEST_ORIGIN: i32 = 4;
/// The client's address; empty if it has none.
pub const LANDLINE_REQUEST_PEER: i32 = 5;
/// All headers, each as "name: value\r\n".
pub const LANDLINE_REQUEST_HEADERS: i32 = 6;
/// Path and query byte by byte as the client sent them, which need not be UTF-8.
pub const LANDLINE_REQUEST_RAW_TARGET: i32 = 7;

fn c_string(text: impl AsRef<[u8]>) -> CString {
    // A valid request holds no NUL.
    CString::new(text.as_ref()).unwrap_or_default()
}

impl Texts {
    fn of(request: &Request) -> Self {
        Self {
            headers: HeaderTexts::new(request.headers(), &[]),
            path: c_string(request.path()),
            query: c_string(request.query().unwrap_or_default()),
            host: c_string(request.host()),
            origin: c_string(request.origin().unwrap_or_default()),
            peer: c_string(request.peer_addr().map_or(String::new(), |address| address.to_string())),
            raw_target: c_string(request.raw_target()),
            subprotocols: request.subprotocols().iter().map(c_string).collect(),
        }
    }
}

impl Stage {
    fn read(request: Request) -> Self {
        let texts = Texts::of(&request);
        Self::Read(Box::new(Open { request, texts, headers: Headers::new() }))
    }

    fn texts(&self) -> Outcome<&Texts> {
        match self {
            Self::Read(open) => Ok(&open.texts),
            Self::Answered(texts) => Ok(texts),
            Self::Incoming(_) => Err(Failure::state("the request has not been read: call landline_request_read()")),
            Self::Failed => Err(Failure::state("there is no request: reading it failed")),
        }
    }

    fn open(&mut self) -> Outcome<&mut Open> {
        match self {
            Self::Read(open) => Ok(open),
            Self::Answered(_) => Err(Failure::state("the request has been answered")),
            _ => self.texts().map(|_| unreachable!()),
        }
    }

    /// Takes the request to answer it.
    fn answer<T>(&mut self, answer: impl FnOnce(Request, Headers) -> landline::Result<T>) -> Outcome<T> {
        self.open()?;
        let Self::Read(open) = std::mem::replace(self, Self::Failed) else {
            return Err(Failure::state("no request"));
        };
        let Open { request, texts, headers } = *open;
        *self = Self::Answered(Box::new(texts));
        Ok(answer(request, headers)?)
    }
}

/// # Safety
///
/// `request` is NULL or a live handle.
unsafe fn on_request<T>(
    request: *const landline_request,
    body: impl FnOnce(&mut Stage, &Values) -> Outcome<T>,
) -> Outcome<T> {
    // SAFETY: the caller's promise.
    let request = unsafe { handle(request, "request") }?;
    check_process(request.made_in)?;
    body(&mut request.stage.lock().unwrap_or_else(PoisonError::into_inner), &request.values)
}

/// Listens on "ADDRESS:PORT", such as "127.0.0.1:9001" or "[::1]:9001" (port 0 takes a free one: see
/// landline_listener_address()), or "unix:PATH", where a socket that nobody listens on any more is replaced. `options`
/// may be NULL. Free it with landline_listener_free().
///
/// LANDLINE_OK; LANDLINE_ERR_IO, with EADDRINUSE for a path where somebody listens or that is no socket;
/// LANDLINE_ERR_CONFIG, also for an address that is not of these forms; LANDLINE_ERR_TLS; LANDLINE_ERR_NULL;
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
        let listener = match address.strip_prefix("unix:") {
            Some(path) => values.server()?.listen_unix(path)?,
            None => values.server()?.listen(address)?,
        };
        let address = listener.local_addr().map_or_else(|| address.to_owned(), |address| address.to_string());
        out.set(landline_listener::make(listener, address, interrupter, values));
        Ok(LANDLINE_OK)
    })
}

/// Listens on a socket of the caller's that listens already, TCP or Unix, and is put into nonblocking mode. For servers
/// of several processes: bind a socket, fork, and call this in each process; all of them then accept from it. `take` as
/// in landline_connect_fd(). When the listener is freed or stopped, the socket goes on to listen where others have it.
/// `options` may be NULL. Free it with landline_listener_free().
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID for a descriptor that is no such socket; LANDLINE_ERR_IO; LANDLINE_ERR_CONFIG;
/// LANDLINE_ERR_TLS; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `fd` is open, and with `take` nobody else uses it; `options` is NULL or a live handle; `listener` is NULL or can be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listen_fd(
    fd: i32,
    take: i32,
    options: *const landline_options,
    listener: *mut *mut landline_listener,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise. First, so that the descriptor is closed whatever is wrong with the rest.
        let (socket, out, mut values) =
            unsafe { (listening_socket(fd, take), out_handle(listener, "listener")?, values(options)) };
        let interrupter = values.own_interrupter()?;
        let listener = values.server()?.listen_from(socket?)?;
        let address = listener.local_addr().map_or_else(String::new, |address| address.to_string());
        out.set(landline_listener::make(listener, address, interrupter, values));
        Ok(LANDLINE_OK)
    })
}

/// A socket of the caller's that listens.
///
/// # Safety
///
/// `fd` is open, and with `take` nobody else uses it.
pub(crate) unsafe fn listening_socket(fd: i32, take: i32) -> Outcome<ListeningSocket> {
    use rustix::net::{AddressFamily, sockopt};
    // SAFETY: the caller's promise.
    let fd = unsafe { stream_socket(fd, take) }?;
    let unusable =
        |error: &dyn std::fmt::Display| Failure::invalid(format!("the descriptor cannot be used: {error}"));
    if !sockopt::socket_acceptconn(&fd).map_err(|error| unusable(&error))? {
        return Err(Failure::invalid("the descriptor is a socket that does not listen"));
    }
    match rustix::net::getsockname(&fd).map_err(|error| unusable(&error))?.address_family() {
        AddressFamily::INET | AddressFamily::INET6 => Ok(TcpListener::from(fd).into()),
        AddressFamily::UNIX => Ok(UnixListener::from(fd).into()),
        _ => Err(Failure::invalid("the descriptor is neither a TCP nor a Unix socket")),
    }
}

/// The address that is listened on, with the port that was taken. Valid until the listener is freed; NULL for NULL.
///
/// # Safety
///
/// `listener` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listener_address(listener: *const landline_listener) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { listener.as_ref() }.map_or(std::ptr::null(), |listener| listener.address.as_ptr())
}

/// Waits for a client and reads its request, TLS included: look at it, then accept or reject it. Free `*request` with
/// landline_request_free().
///
/// Blocks for at most `timeout_ms` until there is a client (-1 for ever), and then for at most
/// LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS: one slow client delays the others. To serve many, use
/// landline_listener_accept_incoming() and read each request in a thread of its own, or landline_server_run().
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT; LANDLINE_INTERRUPTED; LANDLINE_ERR_REJECTED, LANDLINE_ERR_TLS, LANDLINE_ERR_EOF: of
/// one client, which has been answered: go on; LANDLINE_ERR_IO: of the listener, or of one client; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `listener` is NULL or a live handle; `request` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listener_accept(
    listener: *const landline_listener,
    timeout_ms: i32,
    request: *mut *mut landline_request,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe { accept(listener, timeout_ms, request, |incoming| Ok(Stage::read(incoming.request()?))) })
}

/// Waits for a client, and reads nothing yet: call landline_request_read() next, in another thread perhaps.
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT; LANDLINE_INTERRUPTED; LANDLINE_ERR_IO; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// As landline_listener_accept().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listener_accept_incoming(
    listener: *const landline_listener,
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
    listener: *const landline_listener,
    timeout_ms: i32,
    request: *mut *mut landline_request,
    stage: impl FnOnce(Incoming) -> Outcome<Stage>,
) -> Outcome {
    // SAFETY: the caller's promise.
    let (out, listener) = unsafe { (out_handle(request, "request")?, handle(listener, "listener")?) };
    let incoming = listener.listener.accept_deadline(deadline(timeout_ms)?)?;
    let stage = Mutex::new(stage(incoming)?);
    out.set(Box::into_raw(Box::new(landline_request {
        made_in: Process::current(),
        stage,
        values: listener.values.clone(),
    })));
    Ok(LANDLINE_OK)
}

/// Wakes a thread that waits for a client, or the next one that would, with LANDLINE_INTERRUPTED; not one that is reading a
/// client's request. Never blocks.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `listener` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listener_interrupt(listener: *const landline_listener) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let listener = unsafe { handle(listener, "listener") }?;
        listener.check_process()?;
        listener.interrupter.interrupt_recv();
        Ok(LANDLINE_OK)
    })
}

/// Stops listening, for good, from any thread. From here on clients are refused; calls that wait for one give
/// LANDLINE_INTERRUPTED, and so do calls that read a request; the file of a Unix socket is gone. Clients that have not
/// been accepted, or whose request is being read, are dropped. Requests that were read, and connections, go on. Never
/// blocks. Where the system cannot shut down a socket that listens (Linux can), clients connect until the listener is
/// freed.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `listener` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listener_stop(listener: *const landline_listener) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let listener = unsafe { handle(listener, "listener") }?;
        listener.check_process()?;
        listener.listener.stop();
        Ok(LANDLINE_OK)
    })
}

/// Frees a listener, with which it stops listening. Requests and connections go on. NULL does nothing.
///
/// # Safety
///
/// `listener` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_listener_free(listener: *mut landline_listener) {
    if !listener.is_null() {
        // SAFETY: made by `landline_listen`, and given up by the caller.
        drop(unsafe { Box::from_raw(listener) });
    }
}

/// Reads the request of a client that connected by other ways: over a stream socket of the caller's. `take` as in
/// landline_connect_fd(). `options` may be NULL.
///
/// Blocks for at most LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1.
///
/// What landline_listener_accept() gives for one client; LANDLINE_ERR_INVALID for a descriptor that is no such socket.
///
/// # Safety
///
/// `fd` is open, and with `take` nobody else uses it; otherwise as landline_listener_accept().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_from_fd(
    fd: i32,
    take: i32,
    options: *const landline_options,
    timeout_ms: i32,
    request: *mut *mut landline_request,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (transport, out, values) =
            unsafe { (socket(fd, take), out_handle(request, "request")?, values(options)) };
        let request = values.accept_over(transport?, limit(timeout_ms)?)?;
        out.set(Box::into_raw(Box::new(landline_request {
            made_in: Process::current(),
            stage: Mutex::new(Stage::read(request)),
            values,
        })));
        Ok(LANDLINE_OK)
    })
}

/// The same over a transport of the caller's own; its `free` is called as in landline_connect_transport().
///
/// # Safety
///
/// `transport` is NULL or a table as landline_transport demands; otherwise as landline_listener_accept().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_from_transport(
    transport: *const landline_transport,
    options: *const landline_options,
    timeout_ms: i32,
    request: *mut *mut landline_request,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise. First, so that it is freed whatever is wrong with the rest.
        let (transport, out, values) =
            unsafe { (CallerTransport::new(transport), out_handle(request, "request")?, values(options)) };
        let request = values.accept_over(transport?, limit(timeout_ms)?)?;
        out.set(Box::into_raw(Box::new(landline_request {
            made_in: Process::current(),
            stage: Mutex::new(Stage::read(request)),
            values,
        })));
        Ok(LANDLINE_OK)
    })
}

/// Reads the request of a client from landline_listener_accept_incoming(), TLS included. Does nothing if it was read.
///
/// Blocks for at most LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, the time for refusing included.
///
/// LANDLINE_OK; LANDLINE_ERR_REJECTED, LANDLINE_ERR_TLS, LANDLINE_ERR_EOF, LANDLINE_ERR_IO, LANDLINE_TIMED_OUT, or
/// LANDLINE_INTERRUPTED by landline_listener_stop(): the client is gone, free the request; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `request` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_read(request: *mut landline_request) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        on_request(request, |stage, _| {
            match std::mem::replace(stage, Stage::Failed) {
                Stage::Incoming(incoming) => *stage = Stage::read(incoming.request()?),
                other => {
                    *stage = other;
                    stage.texts()?;
                }
            }
            Ok(LANDLINE_OK)
        })
    })
}

/// A text of the request, by its LANDLINE_REQUEST_* key. Never NULL; NUL-terminated; valid until the request is freed.
/// Empty for NULL, for a request that has not been read, and for a key that is not known.
///
/// # Safety
///
/// `request` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_str(request: *const landline_request, key: i32) -> *const c_char {
    crate::failure::guard_value(c"".as_ptr(), || {
        // SAFETY: the caller's promise.
        unsafe {
            on_request(request, |stage, _| {
                let texts = stage.texts()?;
                Ok(match key {
                    LANDLINE_REQUEST_PATH => texts.path.as_ptr(),
                    LANDLINE_REQUEST_QUERY => texts.query.as_ptr(),
                    LANDLINE_REQUEST_HOST => texts.host.as_ptr(),
                    LANDLINE_REQUEST_ORIGIN => texts.origin.as_ptr(),
                    LANDLINE_REQUEST_PEER => texts.peer.as_ptr(),
                    LANDLINE_REQUEST_RAW_TARGET => texts.raw_target.as_ptr(),
                    LANDLINE_REQUEST_HEADERS => texts.headers.block().0.cast(),
                    _ => return Err(names::wrong_key(names::REQUEST, key, "a request's text")),
                })
            })
        }
    })
}

/// The `index`th value (from 0) of a header of the request, by its name in any case; NULL if there is none. Valid until
/// the request is freed.
///
/// # Safety
///
/// `request` is NULL or a live handle; `name` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_header(
    request: *const landline_request,
    name: *const c_char,
    index: usize,
) -> *const c_char {
    crate::failure::guard_value(std::ptr::null(), || {
        // SAFETY: the caller's promise.
        unsafe {
            let name = string(name, "name")?;
            on_request(request, |stage, _| {
                Ok(stage.texts()?.headers.value(name, index).map_or(std::ptr::null(), CStr::as_ptr))
            })
        }
    })
}

/// The `index`th subprotocol (from 0) that the client offers, best first; NULL behind the last one. Valid until the
/// request is freed.
///
/// # Safety
///
/// `request` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_subprotocol(
    request: *const landline_request,
    index: usize,
) -> *const c_char {
    crate::failure::guard_value(std::ptr::null(), || {
        // SAFETY: the caller's promise.
        unsafe {
            on_request(request, |stage, _| {
                Ok(stage.texts()?.subprotocols.get(index).map_or(std::ptr::null(), |name| name.as_ptr()))
            })
        }
    })
}

/// Adds a header to the answer, whether the request is then accepted or rejected. Its name leaves as it is written.
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID for a name or value that a header cannot have; LANDLINE_ERR_STATE;
/// LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `request` is NULL or a live handle; `name` and `value` are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_add_header(
    request: *mut landline_request,
    name: *const c_char,
    value: *const c_char,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let (name, value) = (string(name, "name")?, string(value, "value")?);
        on_request(request, |stage, _| {
            add_header(&mut stage.open()?.headers, name, value)?;
            Ok(LANDLINE_OK)
        })
    })
}

/// Opens the connection. `subprotocol` must be one that the client offers; NULL takes the first of
/// LANDLINE_OPT_SUBPROTOCOL that it offers, "" none. Free `*conn` with landline_conn_free(), and still the request.
///
/// Blocks until the answer is in the kernel, for at most the rest of LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS.
///
/// LANDLINE_OK; LANDLINE_ERR_CONFIG for a subprotocol that was not offered or a header that cannot be set: the client
/// got 500; LANDLINE_TIMED_OUT, LANDLINE_ERR_IO: the client is gone; LANDLINE_ERR_STATE if it was answered before;
/// LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `request` is NULL or a live handle; `subprotocol` is NULL or a C string; `conn` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_accept(
    request: *mut landline_request,
    subprotocol: *const c_char,
    conn: *mut *mut landline_conn,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let out = out_handle(conn, "conn")?;
        let subprotocol = if subprotocol.is_null() { None } else { Some(string(subprotocol, "subprotocol")?) };
        on_request(request, |stage, values| {
            let chosen = match subprotocol {
                None => {
                    let offered = stage.open()?.request.subprotocols();
                    values.subprotocols().iter().find(|name| offered.contains(name)).map(|name| &name[..])
                }
                Some(name) => Some(name).filter(|name| !name.is_empty()),
            };
            let ws: WebSocket = stage.answer(|request, headers| request.accept_with(chosen, headers))?;
            out.set(into_handle(landline_conn::wrap(ws, values.single_thread(), values.close_timeout())?));
            Ok(LANDLINE_OK)
        })
    })
}

/// Refuses, with an HTTP status from 200 to 599 and a body of `len` bytes. The request still has to be freed.
///
/// Blocks until the client has read it, for at most 2 s, or LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS if that is less.
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID, LANDLINE_ERR_CONFIG for a status or header that cannot be sent: the client got
/// 500; LANDLINE_ERR_STATE if it was answered before; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `request` is NULL or a live handle; `len` bytes can be read at `body`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_reject(
    request: *mut landline_request,
    status: i32,
    body: *const c_void,
    len: usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let body = bytes(body, len, "body")?;
        let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.ok_or_else(|| Failure::invalid("that is not an HTTP status"))?;
        on_request(request, |stage, _| {
            stage.answer(|request, headers| request.reject(status, headers, body))?;
            Ok(LANDLINE_OK)
        })
    })
}

/// Frees a request. A client that was not answered gets status 500. NULL does nothing.
///
/// # Safety
///
/// `request` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_free(request: *mut landline_request) {
    if !request.is_null() {
        guard(|| {
            // SAFETY: made by this module, and given up by the caller.
            drop(unsafe { Box::from_raw(request) });
            Ok(LANDLINE_OK)
        });
    }
}
