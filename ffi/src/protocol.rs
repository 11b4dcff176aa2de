//! The protocol without I/O, for programs with a loop of their own: the opening handshake and everything after it.

use crate::args::{Out, TextOut, bytes, out_handle, string};
use crate::conn_info::*;
use crate::failure::{Failure, Outcome, guard};
use crate::headers::HeaderTexts;
use crate::names;
use crate::options::landline_options;
use crate::request_texts::RequestTexts;
use crate::status::*;
use crate::values::values;
use landline::proto::handshake::Headers;
use landline::proto::{Event, Protocol};
use landline::{Handshake, Kind};
use std::ffi::{CStr, CString, c_char, c_void};
use std::sync::{Mutex, TryLockError};

/// One end of a connection without I/O: bytes go in, events and bytes come out.
///
/// Ownership: created by landline_protocol_client() or landline_protocol_server(), freed by landline_protocol_free().
///
/// Threads: any thread, but one at a time; a call made while another one is in progress returns LANDLINE_ERR_BUSY.
///
/// The loop: pass what was read to landline_protocol_receive(); take events with landline_protocol_next() until it
/// returns LANDLINE_EVENT_NONE; write landline_protocol_output() and report with landline_protocol_consume() how much
/// of it was written. When LANDLINE_CONN_STATE is LANDLINE_STATE_OVER and all output is written, end the stream; a
/// client waits for the server to do so first.
///
/// The protocol has no clock, so time limits and keepalive are the caller's responsibility: limit the opening
/// handshake and end it with landline_protocol_give_up(); limit the time from landline_protocol_close() to the end;
/// after a time without input, call landline_protocol_ping(), and if nothing arrives after that either, give up the
/// peer.
#[allow(non_camel_case_types)]
pub struct landline_protocol(Mutex<Core>);

/// There are no more events until there is more input.
pub const LANDLINE_EVENT_NONE: i32 = 0;
/// A text message.
pub const LANDLINE_EVENT_TEXT: i32 = 1;
/// A binary message.
pub const LANDLINE_EVENT_BINARY: i32 = 2;
/// The peer's Close frame, with its reason; LANDLINE_CONN_CLOSE_CODE_RECEIVED is the code. The reply is in the
/// output. This is the last event.
pub const LANDLINE_EVENT_CLOSE: i32 = 8;
/// A Ping; its Pong is in the output.
pub const LANDLINE_EVENT_PING: i32 = 9;
/// A Pong.
pub const LANDLINE_EVENT_PONG: i32 = 10;
/// The opening handshake is complete: messages can be sent. Only LANDLINE_EVENT_REQUEST can come before it.
pub const LANDLINE_EVENT_OPEN: i32 = 16;
/// A client requests a connection, and the options allow it. Examine the request with
/// landline_protocol_request_str(), then decide with landline_protocol_accept() or landline_protocol_reject(). Only
/// after landline_protocol_deciding_by_caller().
pub const LANDLINE_EVENT_REQUEST: i32 = 17;

/// A protocol, and what C holds pointers to.
pub(crate) struct Core {
    pub(crate) protocol: Protocol,
    /// Created when the caller has to decide about a request.
    pub(crate) request: Option<Box<RequestTexts>>,
    /// Headers for the response to that request.
    pub(crate) headers: Headers,
    /// Created when the opening handshake is complete.
    texts: Option<Texts>,
    reason: Vec<u8>,
}

struct Texts {
    headers: HeaderTexts,
    subprotocol: CString,
    target: CString,
}

impl Texts {
    fn new(agreed: &Handshake) -> Self {
        // A head contains no NUL.
        let text = |text: &str| CString::new(text).unwrap_or_default();
        Self {
            headers: HeaderTexts::new(&agreed.headers, &[]),
            subprotocol: text(agreed.subprotocol.as_deref().unwrap_or_default()),
            target: text(&agreed.target),
        }
    }
}

/// The number of an event, and its payload.
fn event<'a>(event: Option<Event<'a>>, reason: &'a mut Vec<u8>) -> Outcome<(i32, &'a [u8])> {
    Ok(match event {
        None => (LANDLINE_EVENT_NONE, &[]),
        Some(Event::Request(_)) => (LANDLINE_EVENT_REQUEST, &[]),
        Some(Event::Open(_)) => (LANDLINE_EVENT_OPEN, &[]),
        Some(Event::Message(message)) => match message.kind() {
            Kind::Text => (LANDLINE_EVENT_TEXT, message.as_bytes()),
            Kind::Binary => (LANDLINE_EVENT_BINARY, message.as_bytes()),
        },
        Some(Event::Ping(payload)) => (LANDLINE_EVENT_PING, payload),
        Some(Event::Pong(payload)) => (LANDLINE_EVENT_PONG, payload),
        Some(Event::Close(frame)) => {
            *reason = frame.reason().as_bytes().to_vec();
            (LANDLINE_EVENT_CLOSE, reason)
        }
        Some(_) => return Err(Failure::state("an event of a newer version")),
    })
}

/// # Safety
///
/// `protocol` is NULL or a live handle.
pub(crate) unsafe fn on_core<T>(
    protocol: *const landline_protocol,
    body: impl FnOnce(&mut Core) -> Outcome<T>,
) -> Outcome<T> {
    // SAFETY: the caller's promise.
    let protocol = unsafe { crate::args::handle(protocol, "protocol") }?;
    let mut core = match protocol.0.try_lock() {
        Ok(core) => core,
        Err(TryLockError::Poisoned(_)) => {
            return Err(Failure::Misuse(LANDLINE_ERR_PANIC, "an earlier call met a defect in Landline".into()));
        }
        Err(TryLockError::WouldBlock) => {
            return Err(Failure::Misuse(LANDLINE_ERR_BUSY, "another thread uses the protocol".into()));
        }
    };
    body(&mut core)
}

/// # Safety
///
/// `protocol` is NULL or a live handle.
pub(crate) unsafe fn on_protocol<T>(
    protocol: *const landline_protocol,
    body: impl FnOnce(&mut Protocol) -> Outcome<T>,
) -> Outcome<T> {
    // SAFETY: the caller's promise.
    unsafe { on_core(protocol, |core| body(&mut core.protocol)) }
}

fn make(out: &Out<*mut landline_protocol>, protocol: Protocol) -> Outcome {
    let core = Core { protocol, request: None, headers: Headers::new(), texts: None, reason: Vec::new() };
    out.set(Box::into_raw(Box::new(landline_protocol(Mutex::new(core)))));
    Ok(LANDLINE_OK)
}

/// Creates a client's end. Its first output is the request for `url`; with wss:// the caller does TLS. `options` may
/// be NULL. Free it with landline_protocol_free().
///
/// LANDLINE_OK; LANDLINE_ERR_URL; LANDLINE_ERR_CONFIG; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `url` is NULL or a C string; `options` is NULL or a live handle; `protocol` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_client(
    url: *const c_char,
    options: *const landline_options,
    protocol: *mut *mut landline_protocol,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (out, url, values) =
            unsafe { (out_handle(protocol, "protocol")?, string(url, "url")?, values(options)) };
        make(&out, values.without_io().client(false, None)?.protocol(url)?)
    })
}

/// Creates a server's end. It accepts a valid request, with the first of LANDLINE_OPT_SUBPROTOCOL that the client
/// offers, unless the caller decides: see landline_protocol_deciding_by_caller(). An invalid request, or one from
/// an origin that LANDLINE_OPT_ORIGINS does not allow, is answered with the appropriate HTTP error. `options` may
/// be NULL; TLS options are ignored, because the caller does TLS. Free it with landline_protocol_free().
///
/// LANDLINE_OK; LANDLINE_ERR_CONFIG; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `options` is NULL or a live handle; `protocol` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_server(
    options: *const landline_options,
    protocol: *mut *mut landline_protocol,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (out, values) = unsafe { (out_handle(protocol, "protocol")?, values(options)) };
        make(&out, values.without_io().server()?.protocol()?)
    })
}

/// Passes in received bytes, of which `*taken` are consumed. If that is not all of them, take events with
/// landline_protocol_next(), then pass in the rest.
///
/// LANDLINE_OK; LANDLINE_ERR_HANDSHAKE, LANDLINE_ERR_REJECTED: the opening handshake failed; write the output and end
/// the stream; LANDLINE_ERR_CONFIG: the same, because the options contain a header that belongs to the handshake
/// itself; after the end of the connection, the error that ended it, as landline_protocol_next() returns it;
/// LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; `len` bytes can be read at `data`; `taken` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_receive(
    protocol: *mut landline_protocol,
    data: *const c_void,
    len: usize,
    taken: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let (out, data) = (Out::new(taken, "taken")?, bytes(data, len, "data")?);
        out.set(0);
        on_protocol(protocol, |protocol| {
            let count = protocol.receive(data);
            protocol.error().cloned().map_or(Ok(()), Err)?;
            out.set(count);
            Ok(LANDLINE_OK)
        })
    })
}

/// Reports that the peer has ended the stream. Take all events first. If the peer has not sent a Close frame, the
/// connection is over: nothing more can be sent, events that have already arrived can still be taken, and every later
/// call returns the same error.
///
/// LANDLINE_OK if the peer's Close frame has arrived, LANDLINE_ERR_EOF if not; during the opening handshake,
/// LANDLINE_ERR_EOF for a server, LANDLINE_ERR_HANDSHAKE or LANDLINE_ERR_REJECTED for a client; the error that ended
/// the connection before; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_receive_eof(protocol: *mut landline_protocol) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        on_protocol(protocol, |protocol| {
            protocol.receive_eof()?;
            Ok(LANDLINE_OK)
        })
    })
}

/// Ends the opening handshake because the program's time limit for it has passed. Write the output, which tells a
/// server's client (408), and end the stream; every later call returns the same error. Does nothing once the
/// connection is open.
///
/// LANDLINE_OK if the connection is open; LANDLINE_TIMED_OUT for a client, or LANDLINE_ERR_HANDSHAKE if the server
/// has refused it; LANDLINE_ERR_REJECTED for a server; the error that ended the connection before; LANDLINE_ERR_BUSY;
/// LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_give_up(protocol: *mut landline_protocol) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        on_protocol(protocol, |protocol| {
            protocol.give_up().map_or(Ok(()), Err)?;
            Ok(LANDLINE_OK)
        })
    })
}

/// Takes the next event: `*event` is one of LANDLINE_EVENT_*, `*data` and `*len` its payload, which is valid until
/// the next call on this handle. LANDLINE_EVENT_NONE: pass in more bytes.
///
/// LANDLINE_OK; LANDLINE_ERR_PROTOCOL, LANDLINE_ERR_LIMIT: the peer is at fault; write the output, which tells the
/// peer, and end the stream; LANDLINE_ERR_EOF after landline_protocol_receive_eof(); LANDLINE_ERR_HANDSHAKE,
/// LANDLINE_ERR_REJECTED, LANDLINE_ERR_CONFIG. Once one of these has been returned, every later call returns it,
/// including those that send and close. LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; the others are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_next(
    protocol: *mut landline_protocol,
    event: *mut i32,
    data: *mut *const c_void,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let (event, data, len) = (Out::new(event, "event")?, Out::new(data, "data")?, Out::new(len, "len")?);
        on_core(protocol, |core| {
            let Core { protocol, request, texts, reason, .. } = core;
            let next = protocol.next_event()?;
            match &next {
                Some(Event::Request(asked)) => *request = Some(Box::new(RequestTexts::new(asked, None))),
                Some(Event::Open(agreed)) => *texts = Some(Texts::new(agreed)),
                _ => {}
            }
            let (what, payload) = self::event(next, reason)?;
            event.set(what);
            data.set(payload.as_ptr().cast());
            len.set(payload.len());
            Ok(LANDLINE_OK)
        })
    })
}

/// What is to be written to the peer: `*len` bytes at `*data`. Valid until the next call on this handle.
///
/// LANDLINE_OK; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; `data` and `len` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_output(
    protocol: *const landline_protocol,
    data: *mut *const c_void,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let (data, len) = (Out::new(data, "data")?, Out::new(len, "len")?);
        on_protocol(protocol, |protocol| {
            data.set(protocol.output().as_ptr().cast());
            len.set(protocol.output().len());
            Ok(LANDLINE_OK)
        })
    })
}

/// Reports that `count` bytes of the output have been written.
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID if there are fewer; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_consume(
    protocol: *mut landline_protocol,
    count: usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        on_protocol(protocol, |protocol| {
            if count > protocol.output().len() {
                return Err(Failure::invalid(format!("{count} bytes are more than there is output")));
            }
            protocol.consume(count);
            Ok(LANDLINE_OK)
        })
    })
}

/// Queries a property that is a number, by its key: LANDLINE_CONN_STATE, LANDLINE_CONN_CLOSE_CODE_RECEIVED or
/// LANDLINE_CONN_COMPRESSION. The state is LANDLINE_STATE_OPENING before LANDLINE_EVENT_OPEN. It is
/// LANDLINE_STATE_OVER when nothing more can be sent or will arrive, because both Close frames have been exchanged,
/// the peer is at fault, the stream has ended, or the opening handshake has failed.
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID for another key; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; `value` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_int(
    protocol: *const landline_protocol,
    key: i32,
    value: *mut i64,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let out = Out::new(value, "value")?;
        on_protocol(protocol, |protocol| {
            let received = protocol.close_received();
            let agreed = protocol.handshake().and_then(|agreed| agreed.compression);
            out.set(match key {
                LANDLINE_CONN_STATE if protocol.is_over() => LANDLINE_STATE_OVER.into(),
                LANDLINE_CONN_STATE if protocol.is_opening() => LANDLINE_STATE_OPENING.into(),
                LANDLINE_CONN_STATE if protocol.close_expected() => LANDLINE_STATE_CLOSING.into(),
                LANDLINE_CONN_STATE => LANDLINE_STATE_OPEN.into(),
                LANDLINE_CONN_CLOSE_CODE_RECEIVED => received.map_or(0, |frame| u16::from(frame.code()).into()),
                LANDLINE_CONN_COMPRESSION => agreed.is_some().into(),
                _ => return Err(names::wrong_key(names::CONN, key, "landline_protocol_int")),
            });
            Ok(LANDLINE_OK)
        })
    })
}

/// Queries a property that is text, by its key: LANDLINE_CONN_SUBPROTOCOL, LANDLINE_CONN_TARGET or
/// LANDLINE_CONN_HEADERS. `*text` is `*len` bytes followed by a NUL. Valid until the protocol is freed. Empty before
/// LANDLINE_EVENT_OPEN. `len` may be NULL.
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID for another key; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; `text` and `len` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_str(
    protocol: *const landline_protocol,
    key: i32,
    text: *mut *const c_char,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let out = TextOut::new(text, len, "text")?;
        on_core(protocol, |core| {
            let c_string = |text: &CStr| (text.as_ptr().cast(), text.count_bytes());
            out.set_bytes(match (key, &core.texts) {
                (LANDLINE_CONN_SUBPROTOCOL | LANDLINE_CONN_TARGET | LANDLINE_CONN_HEADERS, None) => c_string(c""),
                (LANDLINE_CONN_SUBPROTOCOL, Some(texts)) => c_string(&texts.subprotocol),
                (LANDLINE_CONN_TARGET, Some(texts)) => c_string(&texts.target),
                (LANDLINE_CONN_HEADERS, Some(texts)) => texts.headers.block(),
                _ => return Err(names::wrong_key(names::CONN, key, "landline_protocol_str")),
            });
            Ok(LANDLINE_OK)
        })
    })
}

/// Frees a protocol. NULL does nothing.
///
/// # Safety
///
/// `protocol` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_free(protocol: *mut landline_protocol) {
    if !protocol.is_null() {
        // SAFETY: created by this module, and no longer used by the caller.
        drop(unsafe { Box::from_raw(protocol) });
    }
}
