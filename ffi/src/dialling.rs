//! The options of a client that are functions: a resolver, and a hook for sockets.

use crate::args::{handle, string};
use crate::callback::{Callback, User, landline_free_user, set_callback};
use crate::failure::{Failure, Outcome, guard};
use crate::options::landline_options;
use crate::status::*;
use landline::ClientBuilder;
use std::ffi::{CString, c_char, c_void};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};

/// The addresses that a resolver has found.
///
/// Ownership: the library's. It exists only while the resolver is called.
///
/// Threads: any, while the resolver is called.
#[allow(non_camel_case_types)]
pub struct landline_addresses {
    port: u16,
    found: Mutex<Vec<SocketAddr>>,
}

/// Looks up `host`, a name, and adds the addresses to try to `addresses` with landline_addresses_add(), the preferred
/// one first. Returns 0, or the error number (errno) that says why it failed; -1 if there is none.
///
/// It is called in a thread of the library, so that time limits apply: when they pass, the connecting call returns
/// while the function continues. Several threads may call it at the same time. It must not unwind or jump out.
#[allow(non_camel_case_types)]
pub type landline_resolver = Option<
    unsafe extern "C" fn(
        host: *const c_char,
        port: u16,
        addresses: *mut landline_addresses,
        user: *mut c_void,
    ) -> i32,
>;

/// Called with each socket, after its options are set and before it is connected, to set further options. Returns 0,
/// or the error number (errno) that says why this address must not be connected to; -1 if there is none.
///
/// It is called in the thread that connects, once for each address that is tried. It must not close the socket, use
/// it otherwise, unwind or jump out.
#[allow(non_camel_case_types)]
pub type landline_socket_hook = Option<unsafe extern "C" fn(fd: i32, user: *mut c_void) -> i32>;

type Resolve = unsafe extern "C" fn(*const c_char, u16, *mut landline_addresses, *mut c_void) -> i32;
type Hook = unsafe extern "C" fn(i32, *mut c_void) -> i32;

/// Functions of the caller's. Copies share them.
#[derive(Clone, Default)]
pub(crate) struct Callbacks {
    resolver: Option<Arc<Callback<Resolve>>>,
    on_socket: Option<Arc<Callback<Hook>>>,
}

impl Callbacks {
    pub(crate) fn apply(&self, mut builder: ClientBuilder) -> ClientBuilder {
        if let Some(resolver) = self.resolver.clone() {
            builder = builder.resolver(move |host, port| resolver.look_up(host, port));
        }
        if let Some(hook) = self.on_socket.clone() {
            builder = builder.on_socket(move |socket| hook.show(socket));
        }
        builder
    }
}

impl Callback<Resolve> {
    fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let host = CString::new(host)?;
        let mut addresses = landline_addresses { port, found: Mutex::default() };
        // SAFETY: the caller's promise; the arguments are valid during the call.
        let failed = unsafe { (self.call)(host.as_ptr(), port, &raw mut addresses, self.user.user) };
        check(failed, "the resolver")?;
        Ok(addresses.found.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Callback<Hook> {
    fn show(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        // SAFETY: the caller's promise.
        check(unsafe { (self.call)(socket.as_raw_fd(), self.user.user) }, "the socket hook")
    }
}

fn check(failed: i32, what: &str) -> io::Result<()> {
    match failed {
        0 => Ok(()),
        1.. => Err(io::Error::from_raw_os_error(failed)),
        _ => Err(io::Error::other(format!("{what} failed"))),
    }
}

/// Adds an address to those that a resolver has found: an IPv4 or IPv6 address, with a port if it differs from the
/// one requested, such as "192.0.2.1", "192.0.2.1:443", "2001:db8::1" or "[2001:db8::1]:443".
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for text that is not such an address; LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `addresses` is NULL or what the resolver was given; `address` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_addresses_add(
    addresses: *mut landline_addresses,
    address: *const c_char,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (addresses, address) = unsafe { (handle(addresses, "addresses")?, string(address, "address")?) };
        let mut address = parse(address, "address")?;
        if address.port() == 0 {
            address.set_port(addresses.port);
        }
        addresses.found.lock().unwrap_or_else(PoisonError::into_inner).push(address);
        Ok(LANDLINE_OK)
    })
}

/// A numeric address; without a port, that is 0.
pub(crate) fn parse(text: &str, what: &str) -> Outcome<SocketAddr> {
    let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let alone = || bracketed.unwrap_or(text).parse::<IpAddr>().map(|address| SocketAddr::new(address, 0));
    text.parse().or_else(|_| alone()).map_err(|_| {
        let form = "write it as 192.0.2.1, 192.0.2.1:443, 2001:db8::1 or [2001:db8::1]:443";
        Failure::invalid(format!("{what} is {text:?}, which is no address: {form}"))
    })
}

/// Sets the function that looks up names instead of the system. It is not called for numeric addresses. NULL restores
/// the default. `free` is called once with `user`, from any thread, when neither the options nor a call need it any
/// more; it may be NULL.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; `free` is called even then.
///
/// # Safety
///
/// `options` is NULL or a live handle. `resolver` may be called with `user` from any thread until `free` is called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_set_resolver(
    options: *mut landline_options,
    resolver: landline_resolver,
    user: *mut c_void,
    free: landline_free_user,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe { set_callback(options, resolver, User { user, free }, |values| &mut values.callbacks.resolver) }
}

/// Sets the function that is given each socket before it is connected, Unix sockets too. NULL restores the default.
/// `free` is called once with `user`, from any thread, when neither the options nor a call need it any more; it may
/// be NULL.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; `free` is called even then.
///
/// # Safety
///
/// `options` is NULL or a live handle. `hook` may be called with `user` from any thread until `free` is called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_options_set_on_socket(
    options: *mut landline_options,
    hook: landline_socket_hook,
    user: *mut c_void,
    free: landline_free_user,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe { set_callback(options, hook, User { user, free }, |values| &mut values.callbacks.on_socket) }
}
