//! What is known about TLS on a connection or a request.

use crate::args::{Out, TextOut, c_string, handle, out_handle};
use crate::conn::{landline_conn, on_conn, sending};
use crate::failure::{Failure, Outcome, guard};
use crate::names;
use crate::options_tls::*;
use crate::request::{landline_request, tls_info};
use crate::status::*;
use landline::transport::{TlsBackend, TlsInfo, TlsVersion};
use std::ffi::{CString, c_char, c_void};

/// Information about TLS on a connection: version, cipher suite, and the peer's identity. It does not change, and
/// remains valid when the connection is over.
///
/// Ownership: the caller owns it and frees it with landline_tls_free().
///
/// Threads: any number at the same time.
#[allow(non_camel_case_types)]
pub struct landline_tls {
    info: TlsInfo,
    cipher_suite: CString,
    alpn: CString,
    common_name: CString,
    names: CString,
    pin: CString,
}

/// Returns information about TLS on a connection. Free `*info` with landline_tls_free().
///
/// LANDLINE_OK; LANDLINE_ERR_UNSUPPORTED if the connection does not use TLS; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `conn` is NULL or a live handle; `info` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_tls(
    conn: *const landline_conn,
    info: *mut *mut landline_tls,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let out = out_handle(info, "info")?;
            out.set(make(conn.sending(-1, |end| Ok(sending!(end, end => end.tls_info())))?)?);
            Ok(LANDLINE_OK)
        })
    }
}

/// The same for a request that has been read but not answered: with LANDLINE_OPT_TLS_CLIENT_CERTS, it has the
/// client's certificate.
///
/// LANDLINE_OK; LANDLINE_ERR_UNSUPPORTED if the client does not use TLS; LANDLINE_ERR_STATE; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `request` is NULL or a live handle; `info` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_request_tls(
    request: *const landline_request,
    info: *mut *mut landline_tls,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (out, found) = unsafe { (out_handle(info, "info")?, tls_info(request)?) };
        out.set(make(found)?);
        Ok(LANDLINE_OK)
    })
}

fn make(info: Option<TlsInfo>) -> Outcome<*mut landline_tls> {
    let none = || Failure::Misuse(LANDLINE_ERR_UNSUPPORTED, "the connection does not use TLS".into());
    let info = info.ok_or_else(none)?;
    let peer = info.peer_certificate();
    let names = peer.map(|peer| peer.names()).unwrap_or_default();
    Ok(Box::into_raw(Box::new(landline_tls {
        cipher_suite: c_string(info.cipher_suite_name().as_bytes()),
        alpn: c_string(info.alpn.as_deref().unwrap_or_default()),
        common_name: c_string(peer.map(|peer| peer.common_name()).unwrap_or_default()),
        names: c_string(names.iter().map(|name| format!("{name}\n")).collect::<String>()),
        pin: c_string(peer.map(|peer| peer.public_key_pin()).unwrap_or_default()),
        info,
    })))
}

/// For landline_tls_int(): the version, one of LANDLINE_TLS_VERSION_*.
pub const LANDLINE_TLS_INFO_VERSION: i32 = 1;
/// The number of the cipher suite in IANA's registry.
pub const LANDLINE_TLS_INFO_CIPHER_SUITE: i32 = 2;
/// 1 if an earlier session was resumed.
pub const LANDLINE_TLS_INFO_IS_RESUMED: i32 = 3;
/// The library that does TLS, one of LANDLINE_TLS_BACKEND_*.
pub const LANDLINE_TLS_INFO_BACKEND: i32 = 4;
/// How many certificates landline_tls_cert() has. 0 if the peer presented none.
pub const LANDLINE_TLS_INFO_CERT_COUNT: i32 = 5;

/// Queries a number by its LANDLINE_TLS_INFO_* key (1 to 99).
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key.
///
/// # Safety
///
/// `info` is NULL or a live handle; `value` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_tls_int(info: *const landline_tls, key: i32, value: *mut i64) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (info, out) = unsafe { (&handle(info, "info")?.info, Out::new(value, "value")?) };
        out.set(match key {
            LANDLINE_TLS_INFO_VERSION if info.version == TlsVersion::V1_2 => LANDLINE_TLS_VERSION_1_2,
            LANDLINE_TLS_INFO_VERSION => LANDLINE_TLS_VERSION_1_3,
            LANDLINE_TLS_INFO_CIPHER_SUITE => info.cipher_suite.into(),
            LANDLINE_TLS_INFO_IS_RESUMED => info.is_resumed.into(),
            LANDLINE_TLS_INFO_BACKEND if info.backend == TlsBackend::Rustls => LANDLINE_TLS_BACKEND_RUSTLS,
            LANDLINE_TLS_INFO_BACKEND => LANDLINE_TLS_BACKEND_NATIVE_TLS,
            LANDLINE_TLS_INFO_CERT_COUNT => i64::try_from(info.peer_certificates.len()).unwrap_or(i64::MAX),
            _ => return Err(names::wrong_key(names::TLS_INFO, key, "landline_tls_int")),
        });
        Ok(LANDLINE_OK)
    })
}

/// For landline_tls_str(): the name of the cipher suite, such as "TLS_AES_256_GCM_SHA384".
pub const LANDLINE_TLS_INFO_CIPHER_SUITE_NAME: i32 = 101;
/// The protocol that was chosen by ALPN: "http/1.1", or empty.
pub const LANDLINE_TLS_INFO_ALPN: i32 = 102;
/// The common name of the subject of the peer's certificate.
pub const LANDLINE_TLS_INFO_COMMON_NAME: i32 = 103;
/// The names that the peer's certificate is for (subjectAltName), each followed by "\n".
pub const LANDLINE_TLS_INFO_NAMES: i32 = 104;
/// The peer's public key in the form of LANDLINE_OPT_TLS_PINNED_KEY.
pub const LANDLINE_TLS_INFO_PUBLIC_KEY_PIN: i32 = 105;

/// Queries a text by its LANDLINE_TLS_INFO_* key (101 to 199): `*text`, `*len` bytes followed by a NUL. Valid
/// until `info` is freed. Empty if there is none. `len` may be NULL.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key.
///
/// # Safety
///
/// `info` is NULL or a live handle; `text` and `len` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_tls_str(
    info: *const landline_tls,
    key: i32,
    text: *mut *const c_char,
    len: *mut usize,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (info, out) = unsafe { (handle(info, "info")?, TextOut::new(text, len, "text")?) };
        out.set(Some(match key {
            LANDLINE_TLS_INFO_CIPHER_SUITE_NAME => &info.cipher_suite,
            LANDLINE_TLS_INFO_ALPN => &info.alpn,
            LANDLINE_TLS_INFO_COMMON_NAME => &info.common_name,
            LANDLINE_TLS_INFO_NAMES => &info.names,
            LANDLINE_TLS_INFO_PUBLIC_KEY_PIN => &info.pin,
            _ => return Err(names::wrong_key(names::TLS_INFO, key, "landline_tls_str")),
        }));
        Ok(LANDLINE_OK)
    })
}

/// One of the certificates that the peer presented, in DER: `*data`, `*len` bytes, valid until `info` is freed.
/// Number 0 is the peer's own; the others are those of its issuers, as far as the peer sent them and the TLS library
/// makes them available.
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID if there is none with this number; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `info` is NULL or a live handle; `data` and `len` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_tls_cert(
    info: *const landline_tls,
    index: usize,
    data: *mut *const c_void,
    len: *mut usize,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (info, data, len) = unsafe { (handle(info, "info")?, Out::new(data, "data")?, Out::new(len, "len")?) };
        let certificate = info.info.peer_certificates.get(index);
        let none = || Failure::invalid(format!("the peer showed no certificate with number {index}"));
        let der = certificate.ok_or_else(none)?.der();
        data.set(der.as_ptr().cast());
        len.set(der.len());
        Ok(LANDLINE_OK)
    })
}

/// Frees the information. NULL does nothing.
///
/// # Safety
///
/// `info` is NULL or a live handle that no other call uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_tls_free(info: *mut landline_tls) {
    if !info.is_null() {
        // SAFETY: created by `make`, and no longer used by the caller.
        drop(unsafe { Box::from_raw(info) });
    }
}
