//! Options of TLS beyond those that every program needs: their keys, and the functions that add certificates.

use crate::args::{bytes, handle, string};
use crate::failure::guard;
use crate::options::landline_options;
use crate::status::*;
use crate::tls_values::Certificate;
use std::ffi::{c_char, c_void};

/// The library that does TLS: LANDLINE_TLS_BACKEND_*. LANDLINE_ERR_CONFIG when the options are used if it is not
/// compiled into this library.
pub const LANDLINE_OPT_TLS_BACKEND: i32 = 63;
/// The oldest version of TLS to speak: LANDLINE_TLS_VERSION_1_2 (default) or LANDLINE_TLS_VERSION_1_3.
pub const LANDLINE_OPT_TLS_MIN_VERSION: i32 = 64;
/// Whether a client offers "http/1.1" by ALPN (RFC 7301), and a server chooses it. Default 1. With 1, a server
/// refuses clients that offer only other protocols.
pub const LANDLINE_OPT_TLS_ALPN: i32 = 65;
/// Server: whether it asks clients for certificates: LANDLINE_CLIENT_CERTS_*. Default: it does not.
/// landline_request_tls() returns the client's certificate.
pub const LANDLINE_OPT_TLS_CLIENT_CERTS: i32 = 66;
/// 1 appends session secrets to the file that the environment variable SSLKEYLOGFILE names, if it is set. Whoever
/// has that file can decrypt the connections. Default 0: the variable alone does nothing. A client with
/// LANDLINE_TLS_BACKEND_NATIVE_TLS cannot write them: LANDLINE_ERR_CONFIG.
pub const LANDLINE_OPT_TLS_KEY_LOG: i32 = 67;

/// The default library: native-tls if it is compiled in, otherwise rustls.
pub const LANDLINE_TLS_BACKEND_DEFAULT: i64 = 0;
/// The platform's library: OpenSSL, except on Windows and Apple's systems. In the cargo feature native-tls, which
/// is on by default.
pub const LANDLINE_TLS_BACKEND_NATIVE_TLS: i64 = 1;
/// rustls. In the cargo feature rustls.
pub const LANDLINE_TLS_BACKEND_RUSTLS: i64 = 2;

/// TLS 1.2. The values are the protocol's version numbers.
pub const LANDLINE_TLS_VERSION_1_2: i64 = 0x0303;
/// TLS 1.3.
pub const LANDLINE_TLS_VERSION_1_3: i64 = 0x0304;

/// Clients are not asked for certificates.
pub const LANDLINE_CLIENT_CERTS_OFF: i64 = 0;
/// Clients are asked, and accepted without a certificate. One that is presented must be trusted.
pub const LANDLINE_CLIENT_CERTS_OPTIONAL: i64 = 1;
/// Clients are asked, and those without a certificate are refused.
pub const LANDLINE_CLIENT_CERTS_REQUIRED: i64 = 2;

/// Client: a directory whose certificates in PEM files are trusted in addition to the platform's, whatever the names
/// of the files are. Each call adds one; NULL removes all.
pub const LANDLINE_OPT_TLS_CA_DIR: i32 = 140;
/// Client: the server name to request (SNI), which the certificate must be for. Default: the URL's host.
pub const LANDLINE_OPT_TLS_SERVER_NAME: i32 = 141;
/// Client: a public key that the server may have: "sha256//" and the SHA-256 of its SubjectPublicKeyInfo in
/// Base64. Each call adds one; NULL removes all. Default: any key. The certificate must also be trusted, unless
/// LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS says otherwise. The key is checked before anything is sent.
pub const LANDLINE_OPT_TLS_PINNED_KEY: i32 = 142;
/// A file to append session secrets to, whatever the environment says. See LANDLINE_OPT_TLS_KEY_LOG.
pub const LANDLINE_OPT_TLS_KEY_LOG_FILE: i32 = 143;
/// Server: a file of certificates in PEM. Clients' certificates issued by one of them are trusted; the platform's
/// are not used for that. Each call adds one; NULL removes all.
pub const LANDLINE_OPT_TLS_CLIENT_CA_FILE: i32 = 144;
/// Server: a directory of such files. Each call adds one; NULL removes all.
pub const LANDLINE_OPT_TLS_CLIENT_CA_DIR: i32 = 145;

/// Server: the same as LANDLINE_OPT_TLS_CLIENT_CA_FILE in memory. Each call adds to them; a length of 0 removes
/// all.
pub const LANDLINE_OPT_TLS_CLIENT_CA_PEM: i32 = 205;

/// Server: adds a certificate with its key, both as PEM files, for names other than those of the certificate given by
/// LANDLINE_OPT_TLS_CERT_FILE or the other options. A client gets the first certificate that is for the name that it
/// asks for (SNI), or else the first that covers it by a wildcard, or else the first of all.
///
/// The files are read when the options are used, and again for each client, so that renewed ones are used from the
/// next client on; the same applies to LANDLINE_OPT_TLS_CERT_FILE, _KEY_FILE and _CLIENT_CA_FILE. If they cannot be
/// used, the previous ones remain in use, and a warning is logged.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `options` is NULL or a live handle; `cert_file` and `key_file` are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_add_cert_files(
    options: *mut landline_options,
    cert_file: *const c_char,
    key_file: *const c_char,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (mut values, cert, key) = unsafe {
            (handle(options, "options")?.lock(), string(cert_file, "cert_file")?, string(key_file, "key_file")?)
        };
        values.tls.more.push(Certificate::Files(cert.to_owned(), key.to_owned()));
        Ok(LANDLINE_OK)
    })
}

/// The same with certificate and key in memory, both in one PEM text. They are not read again.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `options` is NULL or a live handle; `len` bytes can be read at `data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_add_cert_pem(
    options: *mut landline_options,
    data: *const c_void,
    len: usize,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (mut values, pem) = unsafe { (handle(options, "options")?.lock(), bytes(data, len, "data")?) };
        values.tls.more.push(Certificate::Pem(pem.to_vec()));
        Ok(LANDLINE_OK)
    })
}
