//! Cookies of clients.

use crate::args::{Out, buffer, handle, out_handle, string};
use crate::failure::{Failure, guard};
use crate::options::landline_options;
use crate::status::*;
use landline::{Client, CookieJar};
use std::ffi::{c_char, c_void};

/// Keeps the cookies that servers set: in the response that opens a connection, in a redirect, or in a refusal. All
/// further requests made with options that have this jar send them, those of other connections included.
///
/// It is kept in memory only. Unlike a browser, it returns a cookie only to the host that set it, even if it has a
/// Domain. Path, Secure, Expires and Max-Age are honoured (RFC 6265). It holds at most 256 cookies, and 64 of one
/// host; the oldest ones are dropped for new ones, and of a host those first that are not Secure.
/// A forked child does not use the jar that it inherited.
///
/// Ownership: created by landline_cookie_jar_new(), freed by landline_cookie_jar_free(), which is allowed even while
/// options use it: they keep it alive.
///
/// Threads: any number of threads may use the same handle at the same time.
#[allow(non_camel_case_types)]
pub struct landline_cookie_jar(CookieJar);

/// Creates an empty jar. Free it with landline_cookie_jar_free().
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `jar` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_cookie_jar_new(jar: *mut *mut landline_cookie_jar) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let out = unsafe { out_handle(jar, "jar") }?;
        out.set(Box::into_raw(Box::new(landline_cookie_jar(CookieJar::new()))));
        Ok(LANDLINE_OK)
    })
}

/// Frees a jar. NULL does nothing.
///
/// # Safety
///
/// `jar` is NULL or a live handle that no other call uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_cookie_jar_free(jar: *mut landline_cookie_jar) {
    if !jar.is_null() {
        // SAFETY: created by `landline_cookie_jar_new`, and no longer used by the caller.
        drop(unsafe { Box::from_raw(jar) });
    }
}

/// Reads the cookies with which a request to this URL would be sent: writes them to `data`, as in a Cookie header
/// ("a=1; b=2"), up to `capacity` bytes and without a NUL, and their whole length to `*len`, which may be more. Never
/// blocks.
///
/// LANDLINE_OK; LANDLINE_ERR_URL; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a `capacity` of 0; LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `jar` is NULL or a live handle; `url` is NULL or a C string; `data` is NULL or has room for `capacity` bytes;
/// `len` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_cookie_jar_cookies(
    jar: *const landline_cookie_jar,
    url: *const c_char,
    data: *mut c_void,
    capacity: usize,
    len: *mut usize,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (jar, url, data, out) = unsafe {
            (handle(jar, "jar")?, string(url, "url")?, buffer(data, capacity, "data")?, Out::new(len, "len")?)
        };
        let pairs = jar.0.cookies(url)?;
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let text = pairs.join("; ");
        let copied = text.len().min(data.len());
        data[..copied].copy_from_slice(&text.as_bytes()[..copied]);
        out.set(text.len());
        Ok(LANDLINE_OK)
    })
}

/// Client: keeps the cookies that servers set in this jar, and sends those in it. NULL: none; Set-Cookie is then
/// ignored, which is the default.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL if `options` is NULL.
///
/// # Safety
///
/// `options` is NULL or a live handle, `jar` too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_set_cookie_jar(
    options: *mut landline_options,
    jar: *mut landline_cookie_jar,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (mut values, jar) = unsafe { (handle(options, "options")?.lock(), jar.as_ref()) };
        values.cookie_jar = jar.map(|jar| jar.0.clone());
        Ok(LANDLINE_OK)
    })
}

/// Client: sends this cookie, in one Cookie header, after those that landline_options_add_header() sets in it. The
/// last value of a name counts. A server that sets a cookie of the same name replaces it, if the options have a jar.
/// Cookies that are given are not sent to other origins to which a redirect leads.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a name or value that a cookie cannot have;
/// LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `options` is NULL or a live handle; `name` and `value` are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_add_cookie(
    options: *mut landline_options,
    name: *const c_char,
    value: *const c_char,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (mut values, name, value) =
            unsafe { (handle(options, "options")?.lock(), string(name, "name")?, string(value, "value")?) };
        if let Err(error) = Client::builder().cookie(name, value).build() {
            return Err(Failure::invalid(error.to_string()));
        }
        values.cookies.push((name.to_owned(), value.to_owned()));
        Ok(LANDLINE_OK)
    })
}
