//! Options of clients and servers: their keys, and the functions that set them.

use crate::args::{bytes, handle, out_handle, string};
use crate::failure::guard;
use crate::interrupter::landline_interrupter;
use crate::status::*;
use crate::values::{Values, add_header};
use landline::proto::handshake::Headers;
use std::ffi::{c_char, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Options for clients, servers and landline_protocol. Options marked "Client" or "Server" are ignored on the other
/// side.
///
/// Certificates are parsed once for all connections with the same TLS options: within a process, such connections
/// share the result, even if they were opened with different option handles. Certificate files are read for each
/// connection, so that changes are noticed; the platform's certificates are read again after 10 minutes. A forked
/// child starts afresh.
///
/// To make this possible, the process keeps the latest 8 TLS settings of clients and the latest 8 server
/// identities in memory, including private keys and passwords, even after everything created with them has been
/// freed.
///
/// Ownership: created by landline_options_new(), freed by landline_options_free(). Functions that take options copy
/// them, so the handle may be changed or freed as soon as they return.
///
/// Threads: any number of threads may use the same handle at the same time.
#[allow(non_camel_case_types)]
pub struct landline_options(Mutex<Values>);

impl landline_options {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates options with their default values. Free them with landline_options_free(). The same handle can be used for
/// any number of connections, also at the same time.
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
        // SAFETY: created by `landline_options_new`, and no longer used by the caller.
        drop(unsafe { Box::from_raw(options) });
    }
}

/// Largest message to accept, in bytes: the sum of its fragments, after decompression. Default 16777216 (16 MiB).
pub const LANDLINE_OPT_MAX_MESSAGE_SIZE: i32 = 1;
/// Largest number of fragments to accept in one message, at least 1. Default 131072.
pub const LANDLINE_OPT_MAX_FRAGMENTS: i32 = 2;
/// How long a sending call may go without making progress; its `timeout_ms` applies as well. -1 means no limit.
/// Default 30000.
pub const LANDLINE_OPT_SEND_TIMEOUT_MS: i32 = 3;
/// How long each receiving call may wait; its `timeout_ms` applies as well. -1 means no limit. Default -1.
pub const LANDLINE_OPT_RECV_TIMEOUT_MS: i32 = 4;
/// How long the whole closing handshake may take; -1 means no limit. Default 5000.
pub const LANDLINE_OPT_CLOSE_TIMEOUT_MS: i32 = 5;
/// Keepalive: send a Ping when nothing has arrived from the peer for this long. This happens within receiving calls.
/// 0 and
/// -1 turn keepalive off. Default 0; 20000 is a usual value.
pub const LANDLINE_OPT_KEEPALIVE_INTERVAL_MS: i32 = 6;
/// Keepalive: end the connection when nothing has arrived for this long after the Ping; -1 means never. Default
/// 20000.
pub const LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS: i32 = 7;
/// Client: how long connecting may take, for all addresses together; -1 means no limit. Default 10000.
pub const LANDLINE_OPT_CONNECT_TIMEOUT_MS: i32 = 8;
/// How long opening a connection may take in total, including the time to send or receive a refusal; -1 means no
/// limit. Default 30000 for clients, 10000 for servers.
pub const LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS: i32 = 9;
/// 1: offer compression (client) or accept offers of it (server): permessage-deflate, RFC 7692. Default 0.
pub const LANDLINE_OPT_COMPRESSION: i32 = 10;
/// Compression level for messages that this end sends, from 1 (fastest) to 9 (smallest). Default 6.
pub const LANDLINE_OPT_COMPRESSION_LEVEL: i32 = 11;
/// Length of the smallest message to compress, in bytes. Default: all messages are compressed if this end's messages
/// may refer to earlier ones; if each message starts with an empty window, those of at least 128 bytes are. A value
/// that is set applies in both cases. Some peers, such as libwebsockets' client, cannot handle a mixture of
/// compressed and uncompressed messages.
pub const LANDLINE_OPT_COMPRESSION_THRESHOLD: i32 = 12;
/// 1: the server starts each message with an empty window, so that no message refers to earlier ones. A client that
/// sets this requires it: if the server does not support it, the connection has no compression. Default 0.
pub const LANDLINE_OPT_SERVER_NO_CONTEXT_TAKEOVER: i32 = 13;
/// 1: the client starts each message with an empty window. Default 0.
pub const LANDLINE_OPT_CLIENT_NO_CONTEXT_TAKEOVER: i32 = 14;
/// Largest window for messages from the server: 2 to the power of this many bytes, 9 to 15. A client that sets less
/// than 15 requires it: if the server does not support it, the connection has no compression. Default 15.
pub const LANDLINE_OPT_SERVER_MAX_WINDOW_BITS: i32 = 15;
/// Largest window for messages from the client: 2 to the power of this many bytes, 9 to 15. A server that sets less
/// than 15 declines compression with clients that do not let the server choose this. Default 15.
pub const LANDLINE_OPT_CLIENT_MAX_WINDOW_BITS: i32 = 16;
/// 1: free the compressor's memory after each message; each message then starts with an empty window. Default 0.
pub const LANDLINE_OPT_COMPRESSION_FREE_BETWEEN_MESSAGES: i32 = 17;
/// Largest head of a request or response to accept, in bytes. Default 16384.
pub const LANDLINE_OPT_MAX_HEAD_SIZE: i32 = 18;
/// Largest number of headers to accept in a request or response. Default 100.
pub const LANDLINE_OPT_MAX_HEADERS: i32 = 19;
/// Longest first line of a request or response to accept, in bytes. Default 8192.
pub const LANDLINE_OPT_MAX_START_LINE: i32 = 20;
/// Client: how much of the body of a refusal to keep, in bytes. Default 65536.
pub const LANDLINE_OPT_MAX_REFUSAL_BODY: i32 = 21;
/// 1: send small writes at once (TCP_NODELAY); 0: the kernel may delay them. Default 1.
pub const LANDLINE_OPT_TCP_NODELAY: i32 = 22;
/// Client: 1: trust the platform's root certificates; 0: trust only those given by LANDLINE_OPT_TLS_CA_FILE and
/// LANDLINE_OPT_TLS_CA_PEM. Default 1.
pub const LANDLINE_OPT_TLS_PLATFORM_ROOTS: i32 = 23;
/// Client: 1: accept any certificate. Anyone on the network path can then read and change everything. Default 0.
pub const LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS: i32 = 24;
/// Client: 1: accept a trusted certificate even if it is for a different host. Whoever has a trusted certificate for
/// any host can then impersonate the server. Default 0.
pub const LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES: i32 = 25;
/// Server: largest number of connections at a time, counted from when they are accepted. Further clients are refused
/// with 503, or dropped while 32 others are being refused. Default 1024.
pub const LANDLINE_OPT_MAX_CONNECTIONS: i32 = 26;
/// Server: stack size of each connection's thread, in bytes. Default 262144.
pub const LANDLINE_OPT_STACK_SIZE: i32 = 27;
/// Server: which web pages may connect: LANDLINE_ORIGINS_ANY, _SAME or _LIST. Default: any. A server that trusts
/// cookies, or that listens only on a local network, should choose another value.
pub const LANDLINE_OPT_ORIGINS: i32 = 28;
/// 1: each connection is used by one thread only, the first one that calls a function on it. Other threads get
/// LANDLINE_ERR_BUSY, except from landline_conn_abort(), _retain() and _free(), and the connection cannot be
/// interrupted. This saves a system call in each wait. Default 0.
pub const LANDLINE_OPT_SINGLE_THREAD: i32 = 29;

/// Server: the scheme by which browsers reach it, needed if a proxy in front of it does TLS: LANDLINE_SCHEME_UNKNOWN,
/// _HTTP or _HTTPS. LANDLINE_ORIGINS_SAME compares it with the page's. Default: HTTPS if the server does TLS itself,
/// otherwise unknown.
pub const LANDLINE_OPT_PUBLIC_SCHEME: i32 = 30;

/// TCP keepalive: the kernel probes a peer from which nothing has arrived for this long (SO_KEEPALIVE), even while no
/// thread is receiving. Rounded up to whole seconds. If the peer does not answer, calls fail with LANDLINE_ERR_IO.
/// Default 0: no probes. For this option and the other TCP options below, 0 means the system's default.
pub const LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS: i32 = 31;
/// TCP keepalive: time from one probe to the next, rounded up to whole seconds. Takes effect only if
/// LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS is set. Default 0: the system's, which is 75 s on Linux.
pub const LANDLINE_OPT_TCP_KEEPALIVE_INTERVAL_MS: i32 = 32;
/// TCP keepalive: number of unanswered probes after which the kernel gives up. Takes effect only if
/// LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS is set. Default 0: the system's, which is 9 on Linux.
pub const LANDLINE_OPT_TCP_KEEPALIVE_RETRIES: i32 = 33;
/// How long sent data may remain unacknowledged, or unsent because the peer's window is closed, before the kernel
/// gives up (TCP_USER_TIMEOUT). Linux only: elsewhere, using it gives LANDLINE_ERR_CONFIG. Default 0: the system's,
/// which on Linux is about 15 minutes, and no limit while the peer acknowledges but does not read.
pub const LANDLINE_OPT_TCP_USER_TIMEOUT_MS: i32 = 34;
/// Size of the socket's receive buffer in bytes (SO_RCVBUF), which Linux doubles and limits. Default 0: the system's,
/// which grows as needed; a size that is set stays fixed.
pub const LANDLINE_OPT_TCP_RECV_BUFFER_SIZE: i32 = 35;
/// Size of the socket's send buffer in bytes (SO_SNDBUF), which Linux doubles and limits. Data that fits into it is
/// accepted without waiting. Default 0: the system's, which grows as needed; a size that is set stays fixed.
pub const LANDLINE_OPT_TCP_SEND_BUFFER_SIZE: i32 = 36;

/// Client: which addresses to connect to, those of proxies included: LANDLINE_FAMILY_ANY, _IPV4 or _IPV6. Default
/// any.
pub const LANDLINE_OPT_ADDRESS_FAMILY: i32 = 37;
/// Server: the permissions of the file of a Unix socket, such as 0660, whatever the umask is. No client can connect
/// before they are set. Default 0: 0777 without the bits of the umask.
pub const LANDLINE_OPT_UNIX_MODE: i32 = 38;

/// IPv6 and IPv4.
pub const LANDLINE_FAMILY_ANY: i64 = 0;
/// IPv4 only.
pub const LANDLINE_FAMILY_IPV4: i64 = 4;
/// IPv6 only.
pub const LANDLINE_FAMILY_IPV6: i64 = 6;

/// Pages of any origin may connect.
pub const LANDLINE_ORIGINS_ANY: i64 = 0;
/// Only pages of this server itself may connect: same host and port as in the request's Host header, and the scheme
/// of LANDLINE_OPT_PUBLIC_SCHEME, or either scheme if that is unknown. A proxy in front of the server has to pass on
/// the client's Host header, including the port.
pub const LANDLINE_ORIGINS_SAME: i64 = 1;
/// Only pages of the origins given by LANDLINE_OPT_ALLOWED_ORIGIN may connect.
pub const LANDLINE_ORIGINS_LIST: i64 = 2;

/// Not known: a proxy in front of the server may or may not do TLS.
pub const LANDLINE_SCHEME_UNKNOWN: i64 = 0;
/// Browsers reach the server without TLS.
pub const LANDLINE_SCHEME_HTTP: i64 = 1;
/// Browsers reach the server with TLS.
pub const LANDLINE_SCHEME_HTTPS: i64 = 2;

/// Sets an option that is a number: LANDLINE_OPT_* 1 to 99.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key or a value out of range, which leaves the
/// option unchanged. Conflicts between options are reported when the options are used: LANDLINE_ERR_CONFIG.
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

/// Client: the Origin header to send. Default: none.
pub const LANDLINE_OPT_ORIGIN: i32 = 101;
/// Client: the Host header to send. Default: the URL's host and port.
pub const LANDLINE_OPT_HOST: i32 = 102;
/// A subprotocol to offer (client) or to support (server). Each call adds one, the preferred one first; NULL removes
/// all. A client learns from LANDLINE_CONN_SUBPROTOCOL which one was chosen, if any.
pub const LANDLINE_OPT_SUBPROTOCOL: i32 = 103;
/// Server: an origin whose pages may connect, such as "https://example.com". Each call adds one; NULL removes all.
/// Also sets LANDLINE_OPT_ORIGINS to LANDLINE_ORIGINS_LIST. Text that is not an origin is reported when the options
/// are used.
pub const LANDLINE_OPT_ALLOWED_ORIGIN: i32 = 104;
/// Client: a file of certificates in PEM to trust in addition to the platform's. Each call adds one; NULL removes
/// all.
pub const LANDLINE_OPT_TLS_CA_FILE: i32 = 105;
/// A file with this end's certificate chain in PEM; requires LANDLINE_OPT_TLS_KEY_FILE. Turns on TLS for a server.
pub const LANDLINE_OPT_TLS_CERT_FILE: i32 = 106;
/// A file with this end's private key in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
pub const LANDLINE_OPT_TLS_KEY_FILE: i32 = 107;
/// The password of LANDLINE_OPT_TLS_PKCS12, which must also be given.
pub const LANDLINE_OPT_TLS_PKCS12_PASSWORD: i32 = 108;

/// Client: an address to connect to, whatever the URL's host is, such as "192.0.2.1" or "[2001:db8::1]:443"; without
/// a port, it is the URL's. Each call adds one, the preferred one first; NULL removes all. The Host header and the
/// name in the server's certificate remain the URL's. Proxies themselves are looked up as usual, and those that look
/// up the server's name do so. Default: the host is looked up.
pub const LANDLINE_OPT_ADDRESS: i32 = 110;
/// Client: the address to connect from, and optionally the port, such as "192.0.2.7" or "192.0.2.7:5000". Only
/// addresses of the same family are connected to. Default: the system's choice.
pub const LANDLINE_OPT_LOCAL_ADDR: i32 = 111;
/// Client: the network interface to connect through, such as "eth0" (SO_BINDTODEVICE). Linux only:
/// LANDLINE_ERR_CONFIG elsewhere. Default: the system's choice.
pub const LANDLINE_OPT_INTERFACE: i32 = 112;
/// Client: the path of a Unix socket to connect to, whatever the URL's host is, without a proxy. Default none.
pub const LANDLINE_OPT_UNIX_PATH: i32 = 113;

/// Sets an option that is text: LANDLINE_OPT_* 101 to 199. `value` is UTF-8 and is copied; NULL restores the default.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL if `options` is NULL; LANDLINE_ERR_INVALID for an unknown key, or for a proxy's URL
/// that cannot be used; LANDLINE_ERR_UTF8.
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

/// Client: certificates in PEM to trust in addition to the platform's. Each call adds to them; a length of 0 removes
/// all.
pub const LANDLINE_OPT_TLS_CA_PEM: i32 = 201;
/// This end's certificate chain in PEM; requires LANDLINE_OPT_TLS_KEY_PEM. Turns on TLS for a server.
pub const LANDLINE_OPT_TLS_CERT_PEM: i32 = 202;
/// This end's private key in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
pub const LANDLINE_OPT_TLS_KEY_PEM: i32 = 203;
/// This end's certificate and key as a PKCS#12 archive, instead of PEM. Turns on TLS for a server.
pub const LANDLINE_OPT_TLS_PKCS12: i32 = 204;

/// Sets an option that consists of bytes: LANDLINE_OPT_* 201 to 299. They are copied; a length of 0 restores the
/// default.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key. Certificates and keys are not checked
/// before they are used: LANDLINE_ERR_TLS.
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

/// Adds a header to a client's request, or to each response with which a server opens a connection. Its name is sent
/// exactly as given. Headers of the handshake itself cannot be set: LANDLINE_ERR_CONFIG when the options are used.
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

/// Sets the interrupter that ends calls with LANDLINE_INTERRUPTED: a client's attempt to connect and the calls on the
/// resulting connection, or a server's calls that wait for a client. NULL removes it. An interrupter serves one
/// connection, or one attempt to connect, at a time.
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
