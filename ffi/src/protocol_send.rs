//! Sending with the protocol without I/O.

use crate::args::{bytes, close_code, kind, text};
use crate::conn_send::compress;
use crate::failure::guard;
use crate::protocol::{landline_protocol, on_protocol};
use crate::status::*;
use landline::error::UsageError;
use landline::{Compress, Error, Kind};
use std::ffi::c_void;

/// Adds a message to the output. `flags`: 0, LANDLINE_SEND_COMPRESS_NEVER or LANDLINE_SEND_COMPRESS_ALWAYS.
///
/// LANDLINE_OK; LANDLINE_ERR_STATE before LANDLINE_EVENT_OPEN; LANDLINE_ERR_CLOSING once a Close frame has been sent;
/// the error that ended the connection, as landline_protocol_next() returns it; LANDLINE_ERR_UTF8;
/// LANDLINE_ERR_INVALID; LANDLINE_ERR_BUSY; LANDLINE_ERR_NULL.
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
        on_protocol(protocol, |protocol| {
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

/// Adds a Ping of at most 125 bytes to the output.
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
        on_protocol(protocol, |protocol| {
            protocol.ping(data)?;
            Ok(LANDLINE_OK)
        })
    })
}

/// Adds a Close frame to the output, after which nothing more can be sent. Events continue until
/// LANDLINE_EVENT_CLOSE. Does nothing if a Close frame was sent before.
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
        on_protocol(protocol, |protocol| {
            protocol.close(code, reason)?;
            Ok(LANDLINE_OK)
        })
    })
}
