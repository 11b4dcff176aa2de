//! Options of clients that are about HTTP: redirects, authentication, and what the program is asked for while
//! connecting.

use crate::callback::{Callback, User, landline_free_user, set_callback};
use crate::options::landline_options;
use crate::status::*;
use landline::{AuthRequest, ClientBuilder};
use std::ffi::{CString, c_char, c_void};
use std::io;
use std::sync::Arc;

/// Client: how many redirects (301, 302, 303, 307 and 308) connecting follows, one after the other. Default 0: none;
/// 5 is a usual value. A redirect that is not followed is LANDLINE_ERR_HANDSHAKE, whose text says where it leads.
///
/// http and https in a Location stand for ws and wss. A redirect from wss to ws is never followed, nor is one to
/// another scheme. As soon as one leads to another origin (scheme, host or port), everything that is meant for the
/// first one is left out of all further requests: user and password, bearer tokens, cookies that were given,
/// Authorization and Cookie headers, LANDLINE_OPT_HOST, LANDLINE_OPT_ADDRESS, LANDLINE_OPT_UNIX_PATH and
/// LANDLINE_OPT_TLS_SERVER_NAME. All other headers are sent everywhere, and a client certificate is shown to whatever
/// server asks for it. User and password in a Location are used. LANDLINE_CONN_URL is the URL at which the connection
/// was finally opened.
pub const LANDLINE_OPT_MAX_REDIRECTS: i32 = 56;

/// Client: the user name for servers; the password is LANDLINE_OPT_AUTH_PASSWORD. They are sent at once by Basic
/// authentication (RFC 7617), which does not hide them: use wss. If the server refuses them and asks for Digest (RFC
/// 7616), that is used. User and password can be given in the URL instead, but not in both places. Default: none.
pub const LANDLINE_OPT_AUTH_USER: i32 = 130;
/// Client: the password for servers.
pub const LANDLINE_OPT_AUTH_PASSWORD: i32 = 131;
/// Client: a bearer token to send (RFC 6750), instead of user and password; landline_options_set_bearer() is for
/// tokens that change. Default: none.
pub const LANDLINE_OPT_BEARER_TOKEN: i32 = 132;

/// How much room a callback has for its answer, in bytes. No larger header fits into what servers accept.
const CAPACITY: usize = 16 << 10;

/// What a server or a proxy asks for. All texts are valid during the call.
#[repr(C)]
#[allow(non_camel_case_types)]
pub struct landline_challenge {
    /// The HTTP status: 401 if a server asks, 407 if a proxy does.
    pub http_status: i32,
    /// The URL of the server, or of the proxy, without user and password.
    pub url: *const c_char,
    /// The method of the request that is to be authorized: "GET" for a server, "CONNECT" for a proxy.
    pub method: *const c_char,
    /// The target of that request.
    pub target: *const c_char,
    /// The schemes that are asked for, separated by ", ".
    pub schemes: *const c_char,
    /// All headers of the response, WWW-Authenticate or Proxy-Authenticate among them; each as "name: value\r\n".
    pub headers: *const c_char,
}

/// Answers a challenge: writes the value of the Authorization or Proxy-Authorization header to `data`, which has room
/// for `capacity` bytes, 16384 at least, and its length to `*len`. Returns LANDLINE_OK, or any other status if it has
/// no answer. It may call functions of the library, but must not unwind or jump out.
#[allow(non_camel_case_types)]
pub type landline_challenge_callback = Option<
    unsafe extern "C" fn(
        challenge: *const landline_challenge,
        data: *mut c_void,
        capacity: usize,
        len: *mut usize,
        user: *mut c_void,
    ) -> landline_status,
>;

/// Supplies a bearer token: writes it to `data`, which has room for `capacity` bytes, 16384 at least, and its length
/// to `*len`. Returns LANDLINE_OK; with any other status, the attempt to connect fails. It may call functions of the
/// library, but must not unwind or jump out.
#[allow(non_camel_case_types)]
pub type landline_bearer_callback = Option<
    unsafe extern "C" fn(data: *mut c_void, capacity: usize, len: *mut usize, user: *mut c_void) -> landline_status,
>;

type Challenge =
    unsafe extern "C" fn(*const landline_challenge, *mut c_void, usize, *mut usize, *mut c_void) -> landline_status;
type Bearer = unsafe extern "C" fn(*mut c_void, usize, *mut usize, *mut c_void) -> landline_status;

/// What a client is asked for.
#[derive(Clone, Default)]
pub(crate) struct Identity {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) token: Option<String>,
    bearer: Option<Arc<Callback<Bearer>>>,
    on_challenge: Option<Arc<Callback<Challenge>>>,
}

impl Identity {
    pub(crate) fn apply(&self, mut builder: ClientBuilder) -> ClientBuilder {
        if self.user.is_some() || self.password.is_some() {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            builder = builder.auth(&text(&self.user), &text(&self.password));
        }
        if let Some(token) = self.token.clone() {
            builder = builder.bearer(move || Ok(token.clone()));
        }
        if let Some(callback) = self.bearer.clone() {
            builder = builder.bearer(move || callback.token());
        }
        if let Some(callback) = self.on_challenge.clone() {
            builder = builder.on_challenge(move |request| callback.answer(request));
        }
        builder
    }
}

impl Callback<Bearer> {
    fn token(&self) -> io::Result<String> {
        // SAFETY: the documentation of the callback.
        fill(|data, capacity, len| unsafe { (self.call)(data, capacity, len, self.user.user) })
    }
}

impl Callback<Challenge> {
    fn answer(&self, request: &AuthRequest<'_>) -> Option<String> {
        let text = |text: &str| CString::new(text).unwrap_or_default();
        let schemes: Vec<_> = request.challenges.iter().map(ToString::to_string).collect();
        let mut headers = Vec::new();
        for (name, value) in request.headers {
            headers.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        let (url, method, target) = (text(request.url), text(request.method), text(request.target));
        let (schemes, headers) = (text(&schemes.join(", ")), CString::new(headers).unwrap_or_default());
        let challenge = landline_challenge {
            http_status: request.status.as_u16().into(),
            url: url.as_ptr(),
            method: method.as_ptr(),
            target: target.as_ptr(),
            schemes: schemes.as_ptr(),
            headers: headers.as_ptr(),
        };
        // SAFETY: the documentation of the callback.
        fill(|data, capacity, len| unsafe {
            (self.call)(&raw const challenge, data, capacity, len, self.user.user)
        })
        .ok()
    }
}

/// What a callback writes into a buffer.
fn fill(call: impl FnOnce(*mut c_void, usize, *mut usize) -> landline_status) -> io::Result<String> {
    let (mut buffer, mut len) = (vec![0; CAPACITY], 0);
    let status = call(buffer.as_mut_ptr().cast(), CAPACITY, &raw mut len);
    if status != LANDLINE_OK {
        let name = crate::status::name(status).map_or_else(|| status.to_string(), str::to_owned);
        return Err(io::Error::other(format!("the callback failed with {name}")));
    }
    if len > CAPACITY {
        return Err(io::Error::other("the callback claims more bytes than it was given"));
    }
    buffer.truncate(len);
    String::from_utf8(buffer).map_err(|_| io::Error::other("the callback gave something that is not UTF-8"))
}

/// Client: sets what supplies bearer tokens (RFC 6750). It is called at the beginning of each attempt to connect, in
/// the thread that connects, with `user`; so every new connection has a fresh token. The time it takes counts towards
/// LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, but it cannot be interrupted. NULL removes it. It is used instead of
/// LANDLINE_OPT_BEARER_TOKEN and of user and password.
///
/// `free` is called once with `user`, from any thread, when neither the options nor a call need it any more; it may
/// be NULL.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL if `options` is NULL; `free` is called even then.
///
/// # Safety
///
/// `options` is NULL or a live handle. `bearer` may be called with `user` from any thread until `free` is called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_set_bearer(
    options: *mut landline_options,
    bearer: landline_bearer_callback,
    user: *mut c_void,
    free: landline_free_user,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe { set_callback(options, bearer, User { user, free }, |values| &mut values.identity.bearer) }
}

/// Client: sets what answers challenges. It is called when a server (401) or a proxy (407) asks for authentication
/// and the given user name and password, if any, do not help; at most 5 times for one URL. The request is sent again
/// with the answer, over the same connection if that is kept open. Without an answer, connecting fails with the
/// refusal.
///
/// It is called in the thread that connects, with `user`. The time it takes counts towards
/// LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, but it cannot be interrupted. After a redirect, a different server may ask.
/// NULL removes it. `free` is as for landline_options_set_bearer().
///
/// LANDLINE_OK; LANDLINE_ERR_NULL if `options` is NULL; `free` is called even then.
///
/// # Safety
///
/// As landline_options_set_bearer().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_set_on_challenge(
    options: *mut landline_options,
    on_challenge: landline_challenge_callback,
    user: *mut c_void,
    free: landline_free_user,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe { set_callback(options, on_challenge, User { user, free }, |values| &mut values.identity.on_challenge) }
}
