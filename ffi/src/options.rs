//! Options of clients and servers: their keys, and the functions that set them.

use crate::args::{bytes, handle, out_handle, string};
use crate::failure::guard;
use crate::interrupter::landline_interrupter;
use crate::status::*;
use crate::values::{Values, add_header};
use landline::proto::handshake::Headers;
use std::ffi::{c_char, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Options for connecting and for listening. One that an end has no use for does nothing there.
///
/// Connections with the same TLS options share what was made of them, in the whole process, from these or other options:
/// only the first one parses certificates. Files are read for each connection, so that changed ones are noticed; the
/// platform's certificates are read again after 10 minutes. A forked child begins anew.
///
/// So that this works, the process keeps up to 8 clients' TLS settings in memory, private keys and passwords included, and
/// up to 8 identities of servers, even after everything made with them has been freed.
///
/// Ownership: made by landline_options_new(), freed by landline_options_free(). What is made with them copies what it
/// needs: they may be changed or freed right afterwards.
///
/// Threads: any, at the same time too.
#[allow(non_camel_case_types)]
pub struct landline_options(Mutex<Values>);

impl landline_options {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes options with the defaults. Free it with landline_options_free(). They are worth keeping for further connections:
/// any number can be made with them, at the same time too, without giving the same options again.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `options` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_new(options: *mut *mut landline_options) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let out = unsafe { out_handle(options, "options") }?;
        out.set(Box::into_raw(Box::new(landline_options(Mutex::default()))));
        Ok(LANDLINE_OK)
    })
}

/// Frees options. NULL does nothing.
///
/// # Safety
///
/// `options` is NULL or a live handle that no other call uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_free(options: *mut landline_options) {
    if !options.is_null() {
        // SAFETY: made by `landline_options_new`, and given up by the caller.
        drop(unsafe { Box::from_raw(options) });
    }
}

/// Largest message to accept in bytes, all fragments together, inflated. Default 16777216 (16 MiB).
pub const LANDLINE_OPT_MAX_MESSAGE_SIZE: i32 = 1;
/// Most fragments of one message. Default 131072.
pub const LANDLINE_OPT_MAX_FRAGMENTS: i32 = 2;
/// How long a call that sends may go without any progress, whatever its own time limit; -1 for no limit. Default 30000.
pub const LANDLINE_OPT_SEND_TIMEOUT_MS: i32 = 3;
/// How long each call that receives may wait, whatever its own time limit; -1 for no limit. Default -1.
pub const LANDLINE_OPT_RECV_TIMEOUT_MS: i32 = 4;
/// How long the closing handshake may take as a whole; -1 for no limit. Default 5000.
pub const LANDLINE_OPT_CLOSE_TIMEOUT_MS: i32 = 5;
/// Ping a peer that has been silent for so long, inside calls that receive; 0 and -1 never. Default 0; 20000 is usual.
pub const LANDLINE_OPT_KEEPALIVE_INTERVAL_MS: i32 = 6;
/// Give up a peer that stays silent for so long behind that Ping; -1 never. Default 20000.
pub const LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS: i32 = 7;
/// Client: how long connecting may take, all addresses together; -1 for no limit. Default 10000.
pub const LANDLINE_OPT_CONNECT_TIMEOUT_MS: i32 = 8;
/// How long opening a connection may take in all, being refused included; -1 for no limit. Default 30000 for clients, 10000
/// for servers.
pub const LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS: i32 = 9;
/// 1 offers or accepts compression (permessage-deflate, RFC 7692). Default 0.
pub const LANDLINE_OPT_COMPRESSION: i32 = 10;
/// 1 (fast) to 9 (small). Default 6.
pub const LANDLINE_OPT_COMPRESSION_LEVEL: i32 = 11;
/// Smallest message to compress, in bytes. Default: all messages where this end's messages may refer to earlier ones;
/// where each begins with an empty window, those of at least 128 bytes. Once set, it holds in both cases. Some peers
/// (libwebsockets' client is one) cannot read a connection with compressed and plain messages.
pub const LANDLINE_OPT_COMPRESSION_THRESHOLD: i32 = 12;
/// 1: the server compresses each message by itself. Default 0.
pub const LANDLINE_OPT_SERVER_NO_CONTEXT_TAKEOVER: i32 = 13;
/// 1: the client compresses each message by itself. Default 0.
pub const LANDLINE_OPT_CLIENT_NO_CONTEXT_TAKEOVER: i32 = 14;
/// Window of the server's compressor, 9 to 15. Default 15.
pub const LANDLINE_OPT_SERVER_MAX_WINDOW_BITS: i32 = 15;
/// Window of the client's compressor, 9 to 15. Default 15.
pub const LANDLINE_OPT_CLIENT_MAX_WINDOW_BITS: i32 = 16;
/// 1: no compressor is kept between messages. Default 0.
pub const LANDLINE_OPT_COMPRESSION_FREE_BETWEEN_MESSAGES: i32 = 17;
/// Longest head of a request or answer in bytes. Default 16384.
pub const LANDLINE_OPT_MAX_HEAD_SIZE: i32 = 18;
/// Most headers in it. Default 100.
pub const LANDLINE_OPT_MAX_HEADERS: i32 = 19;
/// Longest first line of it in bytes. Default 8192.
pub const LANDLINE_OPT_MAX_START_LINE: i32 = 20;
/// Client: how much to keep of the body of a refusal, in bytes. Default 65536.
pub const LANDLINE_OPT_MAX_REFUSAL_BODY: i32 = 21;
/// 0 lets the kernel delay small writes (no TCP_NODELAY). Default 1.
pub const LANDLINE_OPT_TCP_NODELAY: i32 = 22;
/// Client: 0 does not trust the platform's certificates, only those that are given. Default 1.
pub const LANDLINE_OPT_TLS_PLATFORM_ROOTS: i32 = 23;
/// Client: 1 accepts any certificate. That gives away what TLS is for. Default 0.
pub const LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS: i32 = 24;
/// Client: 1 accepts a certificate of any host. That gives away most of what TLS is for. Default 0.
pub const LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES: i32 = 25;
/// Server: most connections at a time, counted from when they are accepted; more are answered with 503, and dropped while
/// 32 others are being told so. Default 1024.
pub const LANDLINE_OPT_MAX_CONNECTIONS: i32 = 26;
/// Server: stack of each connection's thread in bytes. Default 262144.
pub const LANDLINE_OPT_STACK_SIZE: i32 = 27;
/// Server: which web pages may connect: LANDLINE_ORIGINS_ANY, _SAME or _LIST. Default any; a server that trusts
/// cookies or the local network should set another.
pub const LANDLINE_OPT_ORIGINS: i32 = 28;
/// 1: each connection is used by one thread only, the first one that calls a function on it; others get LANDLINE_ERR_BUSY,
/// but for landline_conn_abort(), _retain() and _free(). It cannot be interrupted. Saves a system call for each wait.
/// Default 0.
pub const LANDLINE_OPT_SINGLE_THREAD: i32 = 29;

/// Server: by which scheme browsers reach it, where a proxy in front of it does TLS: LANDLINE_SCHEME_UNKNOWN, _HTTP or
/// _HTTPS. LANDLINE_ORIGINS_SAME compares it. Default https if the server speaks TLS by itself, else unknown.
pub const LANDLINE_OPT_PUBLIC_SCHEME: i32 = 30;

/// Let the kernel probe a peer of which nothing has come for this long (SO_KEEPALIVE), in whole seconds, rounded up; it
/// works while nobody receives, too. A peer that does not answer ends the connection with LANDLINE_ERR_IO. Default 0:
/// no probes. As for all options of TCP, 0 leaves it to the system.
pub const LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS: i32 = 31;
/// Time from one such probe to the next, in whole seconds, rounded up. Default 0: the system's, 75 s on Linux.
pub const LANDLINE_OPT_TCP_KEEPALIVE_INTERVAL_MS: i32 = 32;
/// Probes without an answer after which the kernel gives up. Default 0: the system's, 9 on Linux.
pub const LANDLINE_OPT_TCP_KEEPALIVE_RETRIES: i32 = 33;
/// How long what was sent may go unacknowledged before the kernel gives up, also while the peer's window is closed. Linux
/// only: LANDLINE_ERR_CONFIG elsewhere. Default 0: the system's, some 15 minutes, and no limit while the peer answers.
pub const LANDLINE_OPT_TCP_USER_TIMEOUT_MS: i32 = 34;
/// Size of the socket's receive buffer in bytes (SO_RCVBUF), which Linux doubles and bounds. Default 0: the system's, which
/// grows as needed where one that is set does not.
pub const LANDLINE_OPT_TCP_RECV_BUFFER_SIZE: i32 = 35;
/// Size of the socket's send buffer in bytes (SO_SNDBUF), likewise. What fits is accepted without waiting. Default 0.
pub const LANDLINE_OPT_TCP_SEND_BUFFER_SIZE: i32 = 36;

/// Any page may connect.
pub const LANDLINE_ORIGINS_ANY: i64 = 0;
/// Only pages of this server: same host and port as in the Host header, and the scheme of LANDLINE_OPT_PUBLIC_SCHEME; if
/// that is unknown, both http and https. A proxy in front has to pass on the client's Host header with its port.
pub const LANDLINE_ORIGINS_SAME: i64 = 1;
/// Only pages of the origins given by LANDLINE_OPT_ALLOWED_ORIGIN.
pub const LANDLINE_ORIGINS_LIST: i64 = 2;

/// TLS may end in front of the server or not be used at all.
pub const LANDLINE_SCHEME_UNKNOWN: i64 = 0;
/// Browsers reach the server without TLS.
pub const LANDLINE_SCHEME_HTTP: i64 = 1;
/// Browsers reach the server with TLS.
pub const LANDLINE_SCHEME_HTTPS: i64 = 2;

/// Sets an option that is a number: LANDLINE_OPT_* 1 to 99.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a key that is unknown or a value out of range, with which
/// nothing changes. What does not fit other options shows when they are used: LANDLINE_ERR_CONFIG.
///
/// # Safety
///
/// `options` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_set_int(
    options: *mut landline_options,
    key: i32,
    value: i64,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let mut values = unsafe { handle(options, "options") }?.lock();
        values.set_int(key, value)?;
        Ok(LANDLINE_OK)
    })
}

/// Client: the Origin header. Default none.
pub const LANDLINE_OPT_ORIGIN: i32 = 101;
/// Client: the Host header in place of the URL's. Default the URL's.
pub const LANDLINE_OPT_HOST: i32 = 102;
/// Offered (client) or spoken (server) subprotocol; each call adds one, best first. NULL removes all.
pub const LANDLINE_OPT_SUBPROTOCOL: i32 = 103;
/// Server: an origin that may connect, such as "https://example.com"; each call adds one. NULL removes all. Sets
/// LANDLINE_ORIGINS_LIST. What is no origin is refused when the options are used.
pub const LANDLINE_OPT_ALLOWED_ORIGIN: i32 = 104;
/// Client: a file of PEM certificates to trust besides the platform's; each call adds one. NULL removes all.
pub const LANDLINE_OPT_TLS_CA_FILE: i32 = 105;
/// A file with the certificate chain in PEM; needs LANDLINE_OPT_TLS_KEY_FILE. For a server it turns TLS on.
pub const LANDLINE_OPT_TLS_CERT_FILE: i32 = 106;
/// A file with the private key in PKCS#8 PEM.
pub const LANDLINE_OPT_TLS_KEY_FILE: i32 = 107;
/// The password of LANDLINE_OPT_TLS_PKCS12, which has to be given too.
pub const LANDLINE_OPT_TLS_PKCS12_PASSWORD: i32 = 108;

/// Sets an option that is a text: LANDLINE_OPT_* 101 to 199. `value` is UTF-8 and is copied; NULL sets it back.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a key that is unknown; LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `options` is NULL or a live handle, `value` NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_set_str(
    options: *mut landline_options,
    key: i32,
    value: *const c_char,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let mut values = unsafe { handle(options, "options") }?.lock();
        // SAFETY: the caller's promise.
        let value = if value.is_null() { None } else { Some(unsafe { string(value, "value") }?) };
        values.set_str(key, value)?;
        Ok(LANDLINE_OK)
    })
}

/// Client: PEM certificates to trust besides the platform's; each call adds some.
pub const LANDLINE_OPT_TLS_CA_PEM: i32 = 201;
/// The certificate chain in PEM; needs LANDLINE_OPT_TLS_KEY_PEM. For a server it turns TLS on.
pub const LANDLINE_OPT_TLS_CERT_PEM: i32 = 202;
/// The private key in PKCS#8 PEM.
pub const LANDLINE_OPT_TLS_KEY_PEM: i32 = 203;
/// Certificate and key as a PKCS#12 archive, in place of the others. For a server it turns TLS on.
pub const LANDLINE_OPT_TLS_PKCS12: i32 = 204;

/// Sets an option that is bytes: LANDLINE_OPT_* 201 to 299. They are copied; none sets it back.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a key that is unknown. Certificates and keys are looked
/// at when they are used: LANDLINE_ERR_TLS.
///
/// # Safety
///
/// `options` is NULL or a live handle; `len` bytes can be read at `data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_set_bytes(
    options: *mut landline_options,
    key: i32,
    data: *const c_void,
    len: usize,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (mut values, data) = unsafe { (handle(options, "options")?.lock(), bytes(data, len, "data")?) };
        values.set_bytes(key, data)?;
        Ok(LANDLINE_OK)
    })
}

/// Adds a header, its name as it is written: to a client's request, and to each answer by which a server opens a
/// connection. Headers of the handshake itself are refused when the
/// options are used; a server refuses every client then with 500.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a name or value that a header cannot have;
/// LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `options` is NULL or a live handle, `name` and `value` are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_add_header(
    options: *mut landline_options,
    name: *const c_char,
    value: *const c_char,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (mut values, name, value) =
            unsafe { (handle(options, "options")?.lock(), string(name, "name")?, string(value, "value")?) };
        add_header(&mut Headers::new(), name, value)?;
        values.headers.push((name.to_owned(), value.to_owned()));
        Ok(LANDLINE_OK)
    })
}

/// Makes connecting, with the connection that comes of it, and waiting for a client end with LANDLINE_INTERRUPTED when the
/// interrupter says so. NULL takes it away. An interrupter serves one connection, or one attempt to connect, at a time.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `options` is NULL or a live handle, `interrupter` too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_set_interrupter(
    options: *mut landline_options,
    interrupter: *mut landline_interrupter,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (mut values, interrupter) = unsafe { (handle(options, "options")?.lock(), interrupter.as_ref()) };
        values.interrupter = interrupter.map(|interrupter| interrupter.0.clone());
        Ok(LANDLINE_OK)
    })
}
