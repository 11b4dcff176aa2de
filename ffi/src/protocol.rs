//! The protocol without I/O, for programs with a loop of their own: the opening handshake and everything after it.

use crate::args::{Out, bytes, close_code, kind, out_handle, string, text};
use crate::conn_send::compress;
use crate::failure::{Failure, Outcome, guard, guard_value};
use crate::headers::HeaderTexts;
use crate::names;
use crate::options::{Values, landline_options, values};
use crate::status::*;
use landline::entropy::{SystemMasks, nonce};
use landline::error::{Closed, Rejection, UsageError};
use landline::proto::handshake::{ClientHandshake, ClientRequest, ServerHandshake};
use landline::proto::{Event, Protocol, deflate};
use landline::uri::Endpoint;
use landline::{Compress, Error, Kind};
use std::ffi::{CString, c_char, c_void};
use std::sync::{Mutex, TryLockError};

/// One end of a connection without I/O: bytes go in, events and bytes come out.
///
/// Ownership: made by landline_protocol_client() or landline_protocol_server(), freed by landline_protocol_free().
///
/// Threads: any, one at a time; a call while another thread is in one gives LANDLINE_ERR_BUSY.
///
/// The loop: give what was read to landline_protocol_receive(); take events with landline_protocol_next() until it gives
/// LANDLINE_EVENT_NONE; write landline_protocol_output() and say how much of it was written with
/// landline_protocol_consume(). When landline_protocol_is_over() gives 1 and all output is written, end the stream; a
/// client waits for the server to do so first.
///
/// There is no clock in it, so time limits and keepalive are the caller's: bound the opening handshake, and the time from
/// landline_protocol_close() to the end; call landline_protocol_ping() after a time without input, and give the peer up
/// if nothing comes for another one.
#[allow(non_camel_case_types)]
pub struct landline_protocol(Mutex<Core>);

/// Nothing more without more input.
pub const LANDLINE_EVENT_NONE: i32 = 0;
/// A text message.
pub const LANDLINE_EVENT_TEXT: i32 = 1;
/// A binary message.
pub const LANDLINE_EVENT_BINARY: i32 = 2;
/// The peer's Close frame, with its reason; landline_protocol_close_code() has the code. The answer is in the output.
/// Nothing comes after it.
pub const LANDLINE_EVENT_CLOSE: i32 = 8;
/// A Ping; its Pong is in the output.
pub const LANDLINE_EVENT_PING: i32 = 9;
/// A Pong.
pub const LANDLINE_EVENT_PONG: i32 = 10;
/// The opening handshake is done: messages can be sent. Comes first.
pub const LANDLINE_EVENT_OPEN: i32 = 16;

struct Core {
    stage: Stage,
    values: Values,
    /// Of the handshake, and how much of it has been written.
    head: Vec<u8>,
    written: usize,
    /// Received behind the handshake, until the protocol has taken it.
    early: Vec<u8>,
    /// The handshake is done, and it has not been said yet.
    opened: bool,
    texts: Option<Texts>,
    reason: Vec<u8>,
    close_code: i32,
}

enum Stage {
    Client(Box<ClientHandshake>, String),
    Server(Box<ServerHandshake>),
    Open(Box<Protocol>),
    Failed(Failure),
}

struct Texts {
    headers: HeaderTexts,
    subprotocol: CString,
    target: CString,
}

impl Core {
    fn new(stage: Stage, values: Values, head: Vec<u8>) -> Self {
        Self {
            stage,
            values,
            head,
            written: 0,
            early: Vec::new(),
            opened: false,
            texts: None,
            reason: Vec::new(),
            close_code: 0,
        }
    }

    /// The end, for good: every later call gives the same failure.
    fn fail<T>(&mut self, failure: impl Into<Failure>) -> Outcome<T> {
        let failure = failure.into();
        self.stage = Stage::Failed(failure.clone());
        Err(failure)
    }

    fn open(
        &mut self,
        mut protocol: Protocol,
        agreed: Option<&deflate::DeflateParameters>,
        leftover: &[u8],
        texts: Texts,
    ) {
        if let (Some(options), Some(parameters)) = (self.values.compression(), agreed) {
            protocol = protocol.with_deflate(&options, parameters);
        }
        self.stage = Stage::Open(Box::new(protocol));
        self.early = leftover.to_vec();
        self.texts = Some(texts);
        self.opened = true;
    }

    fn receive(&mut self, data: &[u8]) -> Outcome<usize> {
        let done = match &mut self.stage {
            Stage::Client(..) => self.receive_answer(data),
            Stage::Server(_) => self.receive_request(data),
            Stage::Open(protocol) => {
                if let Some(error) = protocol.error() {
                    return Err(error.clone().into());
                }
                return Ok(if self.early.is_empty() { protocol.receive(data) } else { 0 });
            }
            Stage::Failed(failure) => return Err(failure.clone()),
        };
        done.map(|()| data.len()).or_else(|failure| self.fail(failure))
    }

    /// A part of the server's answer.
    fn receive_answer(&mut self, data: &[u8]) -> Outcome<()> {
        let Stage::Client(handshake, target) = &mut self.stage else { return Ok(()) };
        let Some(accepted) = handshake.receive(data).map_err(Error::from)? else { return Ok(()) };
        let texts = Texts {
            headers: HeaderTexts::new(&accepted.headers, &[]),
            subprotocol: c_string(accepted.subprotocol.as_deref().unwrap_or_default()),
            target: c_string(target),
        };
        let agreed = match &self.values.compression() {
            Some(options) => deflate::confirm(options, &accepted.extensions).map_err(Error::from)?,
            None => None,
        };
        let protocol = Protocol::client(self.values.message_limits(), SystemMasks::new()?);
        self.open(protocol, agreed.as_ref(), &accepted.leftover, texts);
        Ok(())
    }

    /// A part of the client's request. Whatever goes wrong, the client gets an answer.
    fn receive_request(&mut self, data: &[u8]) -> Outcome<()> {
        let Stage::Server(handshake) = &mut self.stage else { return Ok(()) };
        let refuse = |head: &mut Vec<u8>, rejection: Rejection| {
            *head = rejection.to_bytes();
            Error::from(rejection)
        };
        let mut request = match handshake.receive(data) {
            Ok(None) => return Ok(()),
            Ok(Some(request)) => request,
            Err(rejection) => return Err(refuse(&mut self.head, rejection).into()),
        };
        if !self.values.allows(request.origin(), request.host()) {
            return Err(refuse(&mut self.head, Rejection::origin_not_allowed()).into());
        }
        let offered = request.subprotocols();
        let chosen = self.values.subprotocols().iter().find(|name| offered.contains(name)).cloned();
        let options = self.values.compression();
        let agreed = options.as_ref().and_then(|options| deflate::accept(options, request.extensions()));
        let (agreed, answer) = agreed.map(|(agreed, answer)| (agreed, vec![answer])).unzip();
        let (_, _, headers) = self.values.request()?;
        self.head = match request.accept(chosen.as_deref(), &answer.unwrap_or_default(), headers) {
            Ok(head) => head,
            Err(error) => {
                self.head = Rejection::internal_error().to_bytes();
                return Err(Error::from(error).into());
            }
        };
        let texts = Texts {
            headers: HeaderTexts::new(request.headers(), &[]),
            subprotocol: c_string(chosen.as_deref().unwrap_or_default()),
            target: c_string(request.target()),
        };
        let leftover = request.take_leftover();
        self.open(Protocol::server(self.values.message_limits()), agreed.as_ref(), &leftover, texts);
        Ok(())
    }

    fn next(&mut self) -> Outcome<(i32, &[u8])> {
        if std::mem::take(&mut self.opened) {
            return Ok((LANDLINE_EVENT_OPEN, &[]));
        }
        let protocol = match &mut self.stage {
            Stage::Open(protocol) => protocol,
            Stage::Failed(failure) => return Err(failure.clone()),
            _ => return Ok((LANDLINE_EVENT_NONE, &[])),
        };
        // What came with the handshake fits the protocol's first buffer only in parts.
        let taken = protocol.receive(&self.early);
        self.early.drain(..taken);
        match protocol.next_event() {
            Ok(None) => Ok((LANDLINE_EVENT_NONE, &[])),
            Ok(Some(Event::Message(message))) => {
                let event = match message.kind() {
                    Kind::Text => LANDLINE_EVENT_TEXT,
                    Kind::Binary => LANDLINE_EVENT_BINARY,
                };
                Ok((event, message.as_bytes()))
            }
            Ok(Some(Event::Ping(payload))) => Ok((LANDLINE_EVENT_PING, payload)),
            Ok(Some(Event::Pong(payload))) => Ok((LANDLINE_EVENT_PONG, payload)),
            Ok(Some(Event::Close(frame))) => {
                self.close_code = u16::from(frame.code()).into();
                self.reason = frame.reason().as_bytes().to_vec();
                Ok((LANDLINE_EVENT_CLOSE, &self.reason))
            }
            Ok(Some(_)) => Err(Failure::state("an event of a newer version")),
            Err(error) => Err(error.into()),
        }
    }

    fn is_over(&self) -> bool {
        match &self.stage {
            Stage::Open(protocol) => protocol.is_over(),
            Stage::Failed(_) => true,
            _ => false,
        }
    }

    fn output(&self) -> &[u8] {
        match &self.stage {
            _ if self.written < self.head.len() => &self.head[self.written..],
            Stage::Open(protocol) => protocol.output(),
            _ => &[],
        }
    }

    fn consume(&mut self, count: usize) -> Outcome<()> {
        if count > self.output().len() {
            return Err(Failure::invalid(format!("{count} bytes are more than there is output")));
        }
        match &mut self.stage {
            _ if self.written < self.head.len() => self.written += count,
            Stage::Open(protocol) => protocol.consume(count),
            _ => {}
        }
        Ok(())
    }

    fn protocol(&mut self) -> Outcome<&mut Protocol> {
        match &mut self.stage {
            Stage::Open(protocol) => Ok(protocol),
            Stage::Failed(failure) => Err(failure.clone()),
            _ => Err(Failure::state("the opening handshake is not done")),
        }
    }
}

fn c_string(text: &str) -> CString {
    // A head holds no NUL.
    CString::new(text).unwrap_or_default()
}

/// # Safety
///
/// `protocol` is NULL or a live handle.
unsafe fn on_protocol<T>(
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

fn make(out: &Out<*mut landline_protocol>, core: Core) -> Outcome {
    out.set(Box::into_raw(Box::new(landline_protocol(Mutex::new(core)))));
    Ok(LANDLINE_OK)
}

/// A client's end. Its first output is the request for `url`; with wss:// the caller does TLS. Free it with
/// landline_protocol_free().
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
        let endpoint = Endpoint::parse(url).map_err(Error::from)?;
        let (host, origin, headers) = values.request()?;
        let host = host.map_or_else(|| endpoint.authority(), str::to_owned);
        let mut request = ClientRequest::new(host, endpoint.target());
        request.authorization = endpoint.user().map(|(user, password)| (user.to_owned(), password.to_owned()));
        request.origin = origin.map(str::to_owned);
        request.subprotocols = values.subprotocols().to_vec();
        request.extensions = values.compression().iter().map(deflate::offer).collect();
        request.headers = headers;
        let handshake = ClientHandshake::new(&request, nonce()?, values.limits()).map_err(Error::from)?;
        let head = handshake.request().to_vec();
        make(&out, Core::new(Stage::Client(Box::new(handshake), endpoint.target().to_owned()), values, head))
    })
}

/// A server's end. It accepts a correct request, with the first of LANDLINE_OPT_SUBPROTOCOL that is offered; a wrong one
/// is answered with the right HTTP error. `options` may be NULL. Free it with landline_protocol_free().
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
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
        let stage = Stage::Server(Box::new(ServerHandshake::new(values.limits())));
        make(&out, Core::new(stage, values, Vec::new()))
    })
}

/// Gives it bytes that were received: `*taken` of them were taken. Take events, and then give it the rest.
///
/// LANDLINE_OK; LANDLINE_ERR_HANDSHAKE, LANDLINE_ERR_REJECTED: the opening handshake failed, write the output and end
/// the stream; LANDLINE_ERR_CONFIG: the same, because of a header in the options that is not the program's to set; once
/// it is over, what has ended it, as landline_protocol_next(); LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
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
        out.set(on_protocol(protocol, |core| core.receive(data))?);
        Ok(LANDLINE_OK)
    })
}

/// The peer has ended the stream. Take all events first. If it has sent no Close frame it is over then: nothing can be
/// sent any more, events that had arrived can still be taken, and every later call gives the same error.
///
/// LANDLINE_OK if its Close frame has come; LANDLINE_ERR_EOF if not; in the opening handshake LANDLINE_ERR_EOF for a
/// server, LANDLINE_ERR_HANDSHAKE or LANDLINE_ERR_REJECTED for a client; what had ended it before; LANDLINE_ERR_BUSY;
/// LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_receive_eof(protocol: *mut landline_protocol) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        on_protocol(protocol, |core| match &mut core.stage {
            Stage::Client(handshake, _) => {
                let error = handshake.receive_eof();
                core.fail(Error::from(error))
            }
            Stage::Server(_) => core.fail(Error::Closed(Closed::Eof)),
            Stage::Open(protocol) => {
                protocol.receive_eof()?;
                Ok(LANDLINE_OK)
            }
            Stage::Failed(failure) => Err(failure.clone()),
        })
    })
}

/// The next thing that the peer did: `*event` is one of LANDLINE_EVENT_*, `*data` and `*len` its payload, which is valid
/// until the next call with this handle. LANDLINE_EVENT_NONE: give it more bytes.
///
/// LANDLINE_OK; LANDLINE_ERR_PROTOCOL, LANDLINE_ERR_LIMIT: the peer is at fault; write the output, which tells it so,
/// and end the stream; LANDLINE_ERR_EOF after landline_protocol_receive_eof(); LANDLINE_ERR_HANDSHAKE,
/// LANDLINE_ERR_REJECTED, LANDLINE_ERR_CONFIG; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL. The first of them is the one that
/// every later call gives, sending and closing too.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; the others are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_next(
    protocol: *mut landline_protocol,
    event: *mut i32,
    data: *mut *const u8,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let (event, data, len) = (Out::new(event, "event")?, Out::new(data, "data")?, Out::new(len, "len")?);
        on_protocol(protocol, |core| {
            let (what, payload) = core.next()?;
            event.set(what);
            data.set(payload.as_ptr());
            len.set(payload.len());
            Ok(LANDLINE_OK)
        })
    })
}

/// The code in the peer's Close frame, 1005 if it had none; 0 before it has come, and for NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_close_code(protocol: *const landline_protocol) -> i32 {
    // SAFETY: the caller's promise.
    guard_value(0, || unsafe { on_protocol(protocol, |core| Ok(core.close_code)) })
}

/// What is to be written to the peer: `*data`, `*len` bytes, none if that is 0. Valid until the next call with this
/// handle.
///
/// LANDLINE_OK; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; `data` and `len` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_output(
    protocol: *const landline_protocol,
    data: *mut *const u8,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let (data, len) = (Out::new(data, "data")?, Out::new(len, "len")?);
        on_protocol(protocol, |core| {
            data.set(core.output().as_ptr());
            len.set(core.output().len());
            Ok(LANDLINE_OK)
        })
    })
}

/// `count` bytes of the output have been written.
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID for more than there is; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
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
        on_protocol(protocol, |core| core.consume(count))?;
        Ok(LANDLINE_OK)
    })
}

/// Puts a message into the output. `flags`: 0, LANDLINE_SEND_PLAIN or LANDLINE_SEND_COMPRESS.
///
/// LANDLINE_OK; LANDLINE_ERR_STATE before LANDLINE_EVENT_OPEN; LANDLINE_ERR_CLOSING once a Close frame has been sent;
/// what has ended it, as landline_protocol_next(); LANDLINE_ERR_UTF8; LANDLINE_ERR_INVALID; LANDLINE_ERR_BUSY;
/// LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; `len` bytes can be read at `data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_send(
    protocol: *mut landline_protocol,
    kind: i32,
    data: *const c_void,
    len: usize,
    flags: u32,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let (kind, compress, data) = (self::kind(kind)?, self::compress(flags)?, bytes(data, len, "data")?);
        on_protocol(protocol, |core| {
            let protocol = core.protocol()?;
            protocol.set_compress(compress);
            let sent = match kind {
                Kind::Binary => protocol.send(data).map_err(Error::from),
                Kind::Text => match simdutf8::basic::from_utf8(data) {
                    Ok(text) => protocol.send(text).map_err(Error::from),
                    Err(_) => Err(UsageError::InvalidUtf8.into()),
                },
            };
            protocol.set_compress(Compress::Auto);
            sent?;
            Ok(LANDLINE_OK)
        })
    })
}

/// Puts a Ping of at most 125 bytes into the output.
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID; otherwise as landline_protocol_send().
///
/// # Safety
///
/// As landline_protocol_send().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_ping(
    protocol: *mut landline_protocol,
    data: *const c_void,
    len: usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let data = bytes(data, len, "data")?;
        on_protocol(protocol, |core| {
            core.protocol()?.ping(data)?;
            Ok(LANDLINE_OK)
        })
    })
}

/// Puts a Close frame into the output: nothing more can be sent. Events go on until LANDLINE_EVENT_CLOSE. Does nothing
/// if one was sent before.
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID as landline_conn_close(); otherwise as landline_protocol_send().
///
/// # Safety
///
/// `protocol` is NULL or a live handle; `len` bytes can be read at `reason`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_close(
    protocol: *mut landline_protocol,
    code: i32,
    reason: *const c_void,
    len: usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let (code, reason) = (close_code(code)?, text(reason, len, "reason")?);
        on_protocol(protocol, |core| {
            core.protocol()?.close(code, reason)?;
            Ok(LANDLINE_OK)
        })
    })
}

/// 1 when nothing more can be sent and nothing more will come than what has: both Close frames are there, the peer is at
/// fault, the stream has ended, or the opening handshake has failed. 0 before, and for NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_is_over(protocol: *const landline_protocol) -> i32 {
    // SAFETY: the caller's promise.
    guard_value(0, || unsafe { on_protocol(protocol, |core| Ok(core.is_over().into())) })
}

/// LANDLINE_CONN_SUBPROTOCOL, LANDLINE_CONN_TARGET or LANDLINE_CONN_HEADERS of what the opening handshake agreed on.
/// Never NULL; valid until the protocol is freed. Empty before LANDLINE_EVENT_OPEN, for NULL and for other keys.
///
/// # Safety
///
/// `protocol` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_str(protocol: *const landline_protocol, key: i32) -> *const c_char {
    // SAFETY: the caller's promise.
    guard_value(c"".as_ptr(), || unsafe {
        on_protocol(protocol, |core| {
            let texts = core.texts.as_ref().ok_or_else(|| Failure::state("the opening handshake is not done"))?;
            Ok(match key {
                crate::conn_info::LANDLINE_CONN_SUBPROTOCOL => texts.subprotocol.as_ptr(),
                crate::conn_info::LANDLINE_CONN_TARGET => texts.target.as_ptr(),
                crate::conn_info::LANDLINE_CONN_HEADERS => texts.headers.block().0.cast(),
                _ => return Err(names::wrong_key(names::CONN, key, "a protocol's text")),
            })
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
        // SAFETY: made by this module, and given up by the caller.
        drop(unsafe { Box::from_raw(protocol) });
    }
}
