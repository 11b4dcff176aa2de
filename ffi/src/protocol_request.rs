//! The caller's decision about the request that a protocol without I/O has received.

use crate::args::{TextOut, bytes, http_status, string};
use crate::failure::{Failure, Outcome, guard};
use crate::protocol::{Core, landline_protocol, on_core, on_protocol};
use crate::request_texts::RequestTexts;
use crate::status::*;
use crate::values::add_header;
use landline::proto::handshake::Rejection;
use landline::proto::{Limits, Protocol};
use std::ffi::{c_char, c_void};

/// For a server: leaves the decision about each request that the options allow to the caller; it is reported as
/// LANDLINE_EVENT_REQUEST. Call this before anything has been received: it does nothing once the request has been
/// received, and nothing for a client.
///
/// LANDLINE_OK; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_deciding_by_caller(protocol: *mut landline_protocol) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        on_protocol(protocol, |protocol| {
            let unused = Protocol::open_server(Limits::default());
            *protocol = std::mem::replace(protocol, unused).deciding_by_caller();
            Ok(LANDLINE_OK)
        })
    })
}

impl Core {
    fn request(&self) -> Outcome<&RequestTexts> {
        self.request
            .as_deref()
            .ok_or_else(|| Failure::state("no request has been received: wait for LANDLINE_EVENT_REQUEST"))
    }
}

/// Returns a text property of the request of LANDLINE_EVENT_REQUEST, by its LANDLINE_REQUEST_* key: `*text`, `*len`
/// bytes followed by a NUL. Valid until the protocol is freed, even after the decision. Empty if the request does
/// not have the property; LANDLINE_REQUEST_PEER_ADDR always is, because the caller does the I/O. `len` may be NULL.
///
/// LANDLINE_OK; LANDLINE_ERR_STATE before LANDLINE_EVENT_REQUEST; LANDLINE_ERR_INVALID for an unknown key;
/// LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; `text` and `len` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_request_str(
    protocol: *const landline_protocol,
    key: i32,
    text: *mut *const c_char,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let out = TextOut::new(text, len, "text")?;
        on_core(protocol, |core| {
            out.set_bytes(core.request()?.text(key)?);
            Ok(LANDLINE_OK)
        })
    })
}

/// Looks up one of that request's headers by name, which is not case-sensitive: `*value` is its `index`th value
/// (from 0), `*len` bytes followed by a NUL, or NULL if there is none. Valid until the protocol is freed. `len` may
/// be NULL.
///
/// LANDLINE_OK, even if there is no such header; LANDLINE_ERR_STATE before LANDLINE_EVENT_REQUEST; LANDLINE_ERR_UTF8;
/// LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; `name` is NULL or a C string; `value` and `len` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_request_header(
    protocol: *const landline_protocol,
    name: *const c_char,
    index: usize,
    value: *mut *const c_char,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let (out, name) = (TextOut::new(value, len, "value")?, string(name, "name")?);
        on_core(protocol, |core| {
            out.set(core.request()?.header(name, index));
            Ok(LANDLINE_OK)
        })
    })
}

/// The `index`th subprotocol (from 0) that the client offers in that request, in the client's order of preference:
/// `*name`, `*len` bytes followed by a NUL, or NULL after the last one. Valid until the protocol is freed. `len`
/// may be NULL.
///
/// LANDLINE_OK, even after the last one; LANDLINE_ERR_STATE before LANDLINE_EVENT_REQUEST; LANDLINE_ERR_BUSY;
/// LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; `name` and `len` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_request_subprotocol(
    protocol: *const landline_protocol,
    index: usize,
    name: *mut *const c_char,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let out = TextOut::new(name, len, "name")?;
        on_core(protocol, |core| {
            out.set(core.request()?.subprotocol(index));
            Ok(LANDLINE_OK)
        })
    })
}

/// Adds a header to the response to that request, whether it is then accepted or rejected. If it is accepted, the
/// headers of the options come first. The name is sent exactly as given.
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID for a name or value that a header cannot have; LANDLINE_ERR_STATE before
/// LANDLINE_EVENT_REQUEST; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; `name` and `value` are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_add_header(
    protocol: *mut landline_protocol,
    name: *const c_char,
    value: *const c_char,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let (name, value) = (string(name, "name")?, string(value, "value")?);
        on_core(protocol, |core| {
            core.request()?;
            add_header(&mut core.headers, name, value)?;
            Ok(LANDLINE_OK)
        })
    })
}

/// Accepts the request of LANDLINE_EVENT_REQUEST and adds the response to the output; LANDLINE_EVENT_OPEN comes
/// next. `subprotocol` must be one that the client offers; NULL chooses the first of LANDLINE_OPT_SUBPROTOCOL that
/// it offers, "" chooses none.
///
/// LANDLINE_OK; LANDLINE_ERR_CONFIG for a subprotocol that was not offered or a header that cannot be set: the
/// request is still pending, and the headers that were added to the response are discarded; LANDLINE_ERR_STATE if
/// no request is pending; the error that has ended the connection, as for landline_protocol_next();
/// LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; `subprotocol` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_accept(
    protocol: *mut landline_protocol,
    subprotocol: *const c_char,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let subprotocol = if subprotocol.is_null() { None } else { Some(string(subprotocol, "subprotocol")?) };
        on_core(protocol, |core| {
            let headers = std::mem::take(&mut core.headers);
            let chosen = match subprotocol {
                None => core.protocol.chosen_subprotocol().map(str::to_owned),
                Some(name) => Some(name.to_owned()).filter(|name| !name.is_empty()),
            };
            core.protocol.accept_with(chosen.as_deref(), headers)?;
            Ok(LANDLINE_OK)
        })
    })
}

/// Rejects that request with an HTTP status from 200 to 599 and a body of `len` bytes, and adds the response to the
/// output. Write it, then end the stream; every later call returns LANDLINE_ERR_REJECTED.
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID, LANDLINE_ERR_CONFIG for a status or header that cannot be sent: the request
/// is still pending, and after LANDLINE_ERR_CONFIG the headers that were added to the response are discarded;
/// LANDLINE_ERR_STATE if no request is pending; the error that has ended the connection, as for
/// landline_protocol_next(); LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `protocol` is NULL or a live handle; `len` bytes can be read at `body`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_protocol_reject(
    protocol: *mut landline_protocol,
    status: i32,
    body: *const c_void,
    len: usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let (body, status) = (bytes(body, len, "body")?, http_status(status)?);
        on_core(protocol, |core| {
            let headers = std::mem::take(&mut core.headers);
            let rejection = Rejection::new(status, headers, body).map_err(landline::Error::from)?;
            core.protocol.reject(rejection)?;
            Ok(LANDLINE_OK)
        })
    })
}
