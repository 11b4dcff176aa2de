//! Checks arguments from C for NULL and range; errors name the argument.

use crate::failure::{Failure, Outcome};
use crate::status::LANDLINE_ERR_UTF8;
use http::StatusCode;
use landline::error::UsageError;
use landline::process::Process;
use landline::{CloseCode, Deadline, Kind};
use std::ffi::{CStr, CString, c_char, c_void};
use std::time::Duration;

/// A handle's reference.
///
/// # Safety
///
/// `handle` is NULL or a live handle of this type.
pub(crate) unsafe fn handle<'a, T>(handle: *const T, what: &'static str) -> Outcome<&'a T> {
    // SAFETY: the caller's promise.
    unsafe { handle.as_ref() }.ok_or_else(|| Failure::null(what))
}

/// Fails in a process that was forked from the one that made a handle. Comes before any lock is taken.
#[inline(always)]
pub(crate) fn check_process(made_in: Process) -> Outcome<()> {
    if made_in.is_current() { Ok(()) } else { Err(Failure::Library(UsageError::Forked.into())) }
}

/// Bytes. If `len` is 0, the pointer is ignored.
///
/// # Safety
///
/// `data` is NULL or `len` bytes can be read there for the duration of the call.
pub(crate) unsafe fn bytes<'a>(data: *const c_void, len: usize, what: &'static str) -> Outcome<&'a [u8]> {
    // SAFETY: the caller's promise.
    unsafe { slice(data.cast(), len, what) }
}

/// An array. If `len` is 0, the pointer is ignored.
///
/// # Safety
///
/// `data` is NULL or `len` elements can be read there for the duration of the call.
pub(crate) unsafe fn slice<'a, T>(data: *const T, len: usize, what: &'static str) -> Outcome<&'a [T]> {
    check_array(data, len, what)?;
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: the caller's promise, and the checks.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// As [`slice`], for an array to be filled.
///
/// # Safety
///
/// `data` is NULL or `len` elements can be read and written there for the duration of the call, by this call alone.
pub(crate) unsafe fn slice_mut<'a, T>(data: *mut T, len: usize, what: &'static str) -> Outcome<&'a mut [T]> {
    check_array(data, len, what)?;
    if len == 0 {
        return Ok(&mut []);
    }
    // SAFETY: the caller's promise, and the checks.
    Ok(unsafe { std::slice::from_raw_parts_mut(data, len) })
}

fn check_array<T>(data: *const T, len: usize, what: &'static str) -> Outcome<()> {
    if data.is_null() && len > 0 {
        return Err(Failure::null(what));
    }
    if len > isize::MAX.unsigned_abs() / size_of::<T>() {
        return Err(Failure::invalid(format!("{what} of length {len} is larger than the memory")));
    }
    Ok(())
}

/// A buffer to be filled.
///
/// # Safety
///
/// `data` is NULL or `len` bytes can be written there for the duration of the call, by this call alone.
pub(crate) unsafe fn buffer<'a>(data: *mut c_void, len: usize, what: &'static str) -> Outcome<&'a mut [u8]> {
    if data.is_null() && len > 0 {
        return Err(Failure::null(what));
    }
    if len == 0 || isize::try_from(len).is_err() {
        return Err(Failure::invalid(format!("{what} of {len} bytes cannot be received into")));
    }
    // SAFETY: the caller's promise, and the checks.
    Ok(unsafe { std::slice::from_raw_parts_mut(data.cast(), len) })
}

/// UTF-8 with its length.
///
/// # Safety
///
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(data: *const c_void, len: usize, what: &'static str) -> Outcome<&'a str> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { bytes(data, len, what) }?;
    std::str::from_utf8(bytes).map_err(|_| not_utf8(what))
}

/// A C string in UTF-8.
///
/// # Safety
///
/// `text` is NULL or ends with a NUL.
pub(crate) unsafe fn string<'a>(text: *const c_char, what: &'static str) -> Outcome<&'a str> {
    if text.is_null() {
        return Err(Failure::null(what));
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|_| not_utf8(what))
}

/// Text from the peer or the system, which contains no NUL.
pub(crate) fn c_string(text: impl AsRef<[u8]>) -> CString {
    CString::new(text.as_ref()).unwrap_or_default()
}

fn not_utf8(what: &'static str) -> Failure {
    Failure::Misuse(LANDLINE_ERR_UTF8, format!("{what} is not UTF-8").into())
}

/// Where a result is to be written.
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    ///
    /// `place` is NULL or can be written to for the duration of the call.
    pub(crate) unsafe fn new(place: *mut T, what: &'static str) -> Outcome<Self> {
        if place.is_null() { Err(Failure::null(what)) } else { Ok(Self(place)) }
    }

    pub(crate) fn set(&self, value: T) {
        // SAFETY: the promise of `new`.
        unsafe { self.0.write(value) }
    }
}

/// Where a text, and its length if that is wanted, are to be written.
pub(crate) struct TextOut {
    text: Out<*const c_char>,
    len: Option<Out<usize>>,
}

impl TextOut {
    /// # Safety
    ///
    /// As [`Out::new`], for both places.
    pub(crate) unsafe fn new(text: *mut *const c_char, len: *mut usize, what: &'static str) -> Outcome<Self> {
        // SAFETY: the caller's promise.
        unsafe { Ok(Self { text: Out::new(text, what)?, len: Out::new(len, "len").ok() }) }
    }

    /// Writes a text, or NULL if there is none.
    pub(crate) fn set(&self, text: Option<&CStr>) {
        self.set_bytes(text.map_or((std::ptr::null(), 0), |text| (text.as_ptr().cast(), text.count_bytes())));
    }

    /// For text that may contain NULs and is followed by one.
    pub(crate) fn set_bytes(&self, (data, len): (*const u8, usize)) {
        self.text.set(data.cast());
        if let Some(place) = &self.len {
            place.set(len);
        }
    }
}

/// Where a handle is to be written, which is NULL until it is set.
///
/// # Safety
///
/// As [`Out::new`].
pub(crate) unsafe fn out_handle<T>(place: *mut *mut T, what: &'static str) -> Outcome<Out<*mut T>> {
    // SAFETY: the caller's promise.
    let out = unsafe { Out::new(place, what) }?;
    out.set(std::ptr::null_mut());
    Ok(out)
}

/// The argument `timeout_ms` as a deadline.
#[inline]
pub(crate) fn deadline(timeout_ms: i32) -> Outcome<Deadline> {
    Ok(Deadline::after(limit(timeout_ms)?))
}

/// The milliseconds until `deadline`, -1 for none. Rounded up, so that a wait of that length does not end early.
pub(crate) fn millis_left(deadline: Deadline) -> i32 {
    deadline.left().map_or(-1, |left| i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX))
}

/// The argument `timeout_ms` as a duration, or `None` for no limit.
#[inline]
pub(crate) fn limit(timeout_ms: i32) -> Outcome<Option<Duration>> {
    time_limit(timeout_ms, "timeout_ms")
}

/// An argument that is a time limit: -1 for no limit, 0 to not wait, or milliseconds. Other negative numbers come
/// from a mistaken subtraction or conversion, which must not become a call that blocks forever.
#[inline]
pub(crate) fn time_limit(millis: i32, what: &'static str) -> Outcome<Option<Duration>> {
    match u64::try_from(millis) {
        Ok(millis) => Ok(Some(Duration::from_millis(millis))),
        Err(_) if millis == -1 => Ok(None),
        Err(_) => Err(not_a_time_limit(millis, what)),
    }
}

#[cold]
fn not_a_time_limit(millis: i32, what: &'static str) -> Failure {
    Failure::invalid(format!("{what} is {millis}: it must be -1 for no limit, 0 not to wait, or milliseconds"))
}

pub(crate) fn kind(kind: i32) -> Outcome<Kind> {
    match kind {
        crate::conn_send::LANDLINE_TEXT => Ok(Kind::Text),
        crate::conn_send::LANDLINE_BINARY => Ok(Kind::Binary),
        _ => Err(Failure::invalid(format!("kind {kind} is neither LANDLINE_TEXT nor LANDLINE_BINARY"))),
    }
}

pub(crate) fn kind_number(kind: Kind) -> i32 {
    match kind {
        Kind::Text => crate::conn_send::LANDLINE_TEXT,
        Kind::Binary => crate::conn_send::LANDLINE_BINARY,
    }
}

pub(crate) fn close_code(code: i32) -> Outcome<CloseCode> {
    let code = u16::try_from(code).map_err(|_| Failure::invalid(format!("{code} is not a close code")))?;
    Ok(CloseCode::from(code))
}

pub(crate) fn http_status(status: i32) -> Outcome<StatusCode> {
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    status.ok_or_else(|| Failure::invalid("that is not an HTTP status"))
}
