//! Requests of clients, to be examined, accepted or rejected.

use crate::args::{TextOut, bytes, check_process, handle, http_status, limit, out_handle, string};
use crate::conn::landline_conn;
use crate::connect::into_handle;
use crate::failure::{Failure, Outcome, guard};
use crate::options::landline_options;
use crate::request_texts::RequestTexts;
use crate::socket::socket;
use crate::status::*;
use crate::transport::{CallerTransport, landline_transport};
use crate::values::{Values, add_header, values};
use landline::WebSocket;
use landline::process::Process;
use landline::proto::handshake::Headers;
use landline::server::{Incoming, Request};
use std::ffi::{c_char, c_void};
use std::sync::{Mutex, PoisonError};

/// A connected client that is waiting for an answer: examine its request, then accept or reject it.
///
/// Ownership: the caller owns a request and frees it with landline_request_free(), even after answering it. A client
/// that was not answered then gets status 500.
///
/// Threads: any thread, but one at a time; a second one waits.
#[allow(non_camel_case_types)]
pub struct landline_request {
    stage: Mutex<Stage>,
    made_in: Process,
    values: Values,
}

impl landline_request {
    pub(crate) fn make(stage: Stage, values: Values) -> *mut Self {
        Box::into_raw(Box::new(Self { stage: Mutex::new(stage), made_in: Process::current(), values }))
    }
}

pub(crate) enum Stage {
    /// Nothing has been read.
    Incoming(Incoming),
    /// It can be answered.
    Read(Box<Open>),
    /// It has been answered. Its content outlasts the answer.
    Answered(Box<RequestTexts>),
    /// It was not a valid request, or the client has disconnected.
    Failed,
}

pub(crate) struct Open {
    request: Request,
    texts: RequestTexts,
    /// Headers for the response.
    headers: Headers,
}

impl Stage {
    pub(crate) fn read(request: Request) -> Self {
        let texts = RequestTexts::new(request.as_ref(), request.peer_addr());
        Self::Read(Box::new(Open { request, texts, headers: Headers::new() }))
    }

    fn texts(&self) -> Outcome<&RequestTexts> {
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

/// What is known about TLS of a request that has not been answered.
///
/// # Safety
///
/// `request` is NULL or a live handle.
pub(crate) unsafe fn tls_info(request: *const landline_request) -> Outcome<Option<landline::transport::TlsInfo>> {
    // SAFETY: the caller's promise.
    unsafe { on_request(request, |stage, _| Ok(stage.open()?.request.tls_info())) }
}

/// Reads the request of a client that is connected over the caller's own stream socket, TCP or Unix. `take` has the
/// same meaning as for landline_connect_fd(). `options` may be NULL.
///
/// Blocks for at most LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1.
///
/// Returns what landline_listener_accept() does for one client; LANDLINE_ERR_INVALID for a descriptor that is not a
/// connected stream socket.
///
/// # Safety
///
/// `fd` is open, and with `take` it is not used by anything else; otherwise as landline_listener_accept().
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
        out.set(landline_request::make(Stage::read(request), values));
        Ok(LANDLINE_OK)
    })
}

/// The same over a transport that the caller implements. Its `free` is called as by landline_connect_transport().
///
/// # Safety
///
/// `transport` is NULL or a table as landline_transport demands; otherwise as landline_listener_accept().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_from_transport(
    transport: *const landline_transport,
    user: *mut c_void,
    options: *const landline_options,
    timeout_ms: i32,
    request: *mut *mut landline_request,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise. Comes first, so that it is freed even if another argument is wrong.
        let (transport, out, values) =
            unsafe { (CallerTransport::new(transport, user), out_handle(request, "request")?, values(options)) };
        let request = values.accept_over(transport?, limit(timeout_ms)?)?;
        out.set(landline_request::make(Stage::read(request), values));
        Ok(LANDLINE_OK)
    })
}

/// Reads the request of a client from landline_listener_accept_incoming(), after the TLS handshake if the server uses
/// TLS. Does nothing if the request has been read.
///
/// Blocks for at most LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, including the time to refuse the client.
///
/// LANDLINE_OK; LANDLINE_ERR_REJECTED, LANDLINE_ERR_TLS, LANDLINE_ERR_EOF, LANDLINE_ERR_IO, LANDLINE_TIMED_OUT, or
/// LANDLINE_INTERRUPTED by landline_listener_stop(): the client has disconnected; free the request;
/// LANDLINE_ERR_NULL.
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

/// For landline_request_str(): the path, without the query. Percent-encoded, even if the client sent non-ASCII bytes
/// unencoded.
pub const LANDLINE_REQUEST_PATH: i32 = 1;
/// The query, without the question mark; empty if there is none. Percent-encoded like the path.
pub const LANDLINE_REQUEST_QUERY: i32 = 2;
/// The Host header.
pub const LANDLINE_REQUEST_HOST: i32 = 3;
/// The Origin header: the page that a browser connects from; empty if there is none.
pub const LANDLINE_REQUEST_ORIGIN: i32 = 4;
/// The client's address; empty if it has none.
pub const LANDLINE_REQUEST_PEER_ADDR: i32 = 5;
/// All headers, each as "name: value\r\n".
pub const LANDLINE_REQUEST_HEADERS: i32 = 6;
/// Path and query exactly as the client sent them, which need not be UTF-8.
pub const LANDLINE_REQUEST_RAW_TARGET: i32 = 7;

/// Queries a property of the request, by its LANDLINE_REQUEST_* key: `*text`, `*len` bytes followed by a NUL. Valid
/// until the request is freed. Empty if the request has no such property. `len` may be NULL.
///
/// LANDLINE_OK; LANDLINE_ERR_STATE for a request that has not been read; LANDLINE_ERR_INVALID for an unknown key;
/// LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `request` is NULL or a live handle; `text` and `len` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_str(
    request: *const landline_request,
    key: i32,
    text: *mut *const c_char,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let out = TextOut::new(text, len, "text")?;
        on_request(request, |stage, _| {
            out.set_bytes(stage.texts()?.text(key)?);
            Ok(LANDLINE_OK)
        })
    })
}

/// Looks up one of the request's headers by name, which is not case-sensitive: `*value` is its `index`th value (from
/// 0), `*len` bytes followed by a NUL, or NULL if there is none. Valid until the request is freed. `len` may be NULL.
///
/// LANDLINE_OK, even if there is no such header; LANDLINE_ERR_STATE for a request that has not been read;
/// LANDLINE_ERR_UTF8; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `request` is NULL or a live handle; `name` is NULL or a C string; `value` and `len` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_header(
    request: *const landline_request,
    name: *const c_char,
    index: usize,
    value: *mut *const c_char,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let (out, name) = (TextOut::new(value, len, "value")?, string(name, "name")?);
        on_request(request, |stage, _| {
            out.set(stage.texts()?.header(name, index));
            Ok(LANDLINE_OK)
        })
    })
}

/// The `index`th subprotocol (from 0) that the client offers, in the client's order of preference: `*name`, `*len`
/// bytes followed by a NUL, or NULL after the last one. Valid until the request is freed. `len` may be NULL.
///
/// LANDLINE_OK, even after the last one; LANDLINE_ERR_STATE for a request that has not been read; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `request` is NULL or a live handle; `name` and `len` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_subprotocol(
    request: *const landline_request,
    index: usize,
    name: *mut *const c_char,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let out = TextOut::new(name, len, "name")?;
        on_request(request, |stage, _| {
            out.set(stage.texts()?.subprotocol(index));
            Ok(LANDLINE_OK)
        })
    })
}

/// Adds a header to the response, whether the request is then accepted or rejected. Its name is sent exactly as
/// given.
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

/// Opens the connection. `subprotocol` must be one that the client offers; NULL chooses the first of
/// LANDLINE_OPT_SUBPROTOCOL that it offers, "" chooses none. Free `*conn` with landline_conn_free(). The request must
/// be freed as well.
///
/// Blocks until the response is in the kernel, for at most the rest of LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS.
///
/// LANDLINE_OK; LANDLINE_ERR_CONFIG for a subprotocol that was not offered or a header that cannot be set: the client
/// got 500; LANDLINE_TIMED_OUT, LANDLINE_ERR_IO: the client has disconnected; LANDLINE_ERR_STATE if it was answered
/// before; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
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
                None => stage.open()?.request.chosen_subprotocol().map(str::to_owned),
                Some(name) => Some(name.to_owned()).filter(|name| !name.is_empty()),
            };
            let ws: WebSocket = stage.answer(|request, headers| request.accept_with(chosen.as_deref(), headers))?;
            out.set(into_handle(landline_conn::wrap(ws, values.single_thread(), values.close_timeout())?));
            Ok(LANDLINE_OK)
        })
    })
}

/// Refuses the request with an HTTP status from 200 to 599 and a body of `len` bytes. The request still has to be
/// freed.
///
/// Blocks until the client has read the response, for at most 2 s, or LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS if that is
/// less.
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
        let status = http_status(status)?;
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
/// `request` is NULL or a live handle that no other call uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_free(request: *mut landline_request) {
    if !request.is_null() {
        guard(|| {
            // SAFETY: created by this module, and no longer used by the caller.
            drop(unsafe { Box::from_raw(request) });
            Ok(LANDLINE_OK)
        });
    }
}
