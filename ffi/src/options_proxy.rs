//! Options of clients that are about proxies.

use crate::args::{handle, string};
use crate::failure::guard;
use crate::options::landline_options;
use crate::status::*;
use std::ffi::c_char;

/// Client: a proxy to connect through, as scheme://[user[:password]@]host[:port], user and password
/// percent-encoded. Each call adds one to a chain, the nearest first; NULL removes all. Default: none. A URL that
/// cannot be used is refused by landline_options_set_str() with LANDLINE_ERR_INVALID.
///
/// The schemes: http (CONNECT, for ws too; the default scheme), https (the same over TLS to the proxy), socks5 and
/// socks4 (the server's name is looked up here), socks5h and socks4a (the proxy looks it up). User and password are
/// sent to an HTTP proxy with the first request, by Basic; if the proxy answers 407, by the scheme that it asks for,
/// Digest or Basic. landline_connect_transport() and landline_connect_fd() use no proxy.
pub const LANDLINE_OPT_PROXY: i32 = 120;
/// Client: the servers to connect to directly although a proxy is set, separated by commas or white space: a domain
/// such as example.com, which includes its subdomains, an address, a network such as 10.0.0.0/8, or * for all. A port
/// may follow, as in example.com:8080 and [::1]:8080. Names are not looked up to compare their addresses. Default:
/// that of the environment with LANDLINE_OPT_PROXY_FROM_ENV, otherwise none.
pub const LANDLINE_OPT_NO_PROXY: i32 = 121;
/// Client: as LANDLINE_OPT_TLS_CA_FILE, for TLS with https proxies. LANDLINE_OPT_TLS_* do not apply to them; whatever
/// LANDLINE_OPT_PROXY_TLS_* do not set has its default.
pub const LANDLINE_OPT_PROXY_TLS_CA_FILE: i32 = 122;
/// Client: a file with the certificate chain in PEM for https proxies that ask for one; requires
/// LANDLINE_OPT_PROXY_TLS_KEY_FILE.
pub const LANDLINE_OPT_PROXY_TLS_CERT_FILE: i32 = 123;
/// Client: a file with the private key of that certificate in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
pub const LANDLINE_OPT_PROXY_TLS_KEY_FILE: i32 = 124;

/// Client: 1: connect through the proxies that the environment names. Has no effect if LANDLINE_OPT_PROXY is set.
/// Default 0: the environment is not read. It is read by the call that sets this option.
///
/// For ws, the first of these variables that is set and not empty is used: ws_proxy, WS_PROXY, http_proxy,
/// all_proxy, ALL_PROXY. For wss: wss_proxy, WSS_PROXY, https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY. Their
/// values are those of LANDLINE_OPT_PROXY. no_proxy or NO_PROXY has the form of LANDLINE_OPT_NO_PROXY, which
/// replaces it.
pub const LANDLINE_OPT_PROXY_FROM_ENV: i32 = 50;
/// Client: as LANDLINE_OPT_TLS_PLATFORM_ROOTS, for TLS with https proxies. Default 1.
pub const LANDLINE_OPT_PROXY_TLS_PLATFORM_ROOTS: i32 = 51;
/// Client: as LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS, for TLS with https proxies. Default 0.
pub const LANDLINE_OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_CERTS: i32 = 52;
/// Client: as LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES, for TLS with https proxies. Default 0.
pub const LANDLINE_OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES: i32 = 53;

/// Client: adds a header to the CONNECT request to the proxy that LANDLINE_OPT_PROXY added last. Its name is sent
/// exactly as given. The server does not get it, and the proxy does not get those of landline_options_add_header().
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for a name or value that a header cannot have, a header of
/// the request itself, and a SOCKS proxy; LANDLINE_ERR_STATE if there is no proxy; LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `options` is NULL or a live handle, `name` and `value` are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_add_proxy_header(
    options: *mut landline_options,
    name: *const c_char,
    value: *const c_char,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (mut values, name, value) =
            unsafe { (handle(options, "options")?.lock(), string(name, "name")?, string(value, "value")?) };
        values.proxies.add_header(name, value)?;
        Ok(LANDLINE_OK)
    })
}
