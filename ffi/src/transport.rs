//! Transports that the caller implements.

use crate::args::millis_left;
use crate::failure::{Failure, Outcome};
use crate::status::*;
use landline::Deadline;
use landline::transport::{Interest, Ready, Transport, Wake};
use std::ffi::c_void;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd};

/// For `wait` of landline_transport: there is data to read, or the stream has ended.
pub const LANDLINE_WAIT_READ: i32 = 1;
/// For `wait` of landline_transport: there is room to write.
pub const LANDLINE_WAIT_WRITE: i32 = 2;

/// A two-way byte stream that the caller implements: a tunnel, a serial line, another TLS library. A table that the
/// caller fills in; all functions except `free` are required.
///
/// `read` and `write` must never wait; threads wait only in `wait`. One thread may be in `read` while another is in
/// `write`, two threads may be in `wait`, and `abort` may be called at any time. No function may unwind, jump out, or
/// call a function on the connection that it belongs to.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct landline_transport {
    /// sizeof(landline_transport), so that later versions can add functions.
    pub size: usize,
    /// Reads up to `capacity` bytes and returns how many: 0 at the end of the stream, LANDLINE_ERR_WOULD_BLOCK if
    /// none has arrived, LANDLINE_ERR_IO if the stream is broken.
    pub read: Option<unsafe extern "C" fn(data: *mut c_void, capacity: usize, user: *mut c_void) -> i64>,
    /// Writes up to `len` bytes and returns how many: LANDLINE_ERR_WOULD_BLOCK if there is no room, LANDLINE_ERR_IO
    /// if the stream is broken. After LANDLINE_ERR_WOULD_BLOCK the next call begins with the same bytes.
    pub write: Option<unsafe extern "C" fn(data: *const c_void, len: usize, user: *mut c_void) -> i64>,
    /// Waits until one of `wanted` (LANDLINE_WAIT_*) is possible, `wake_fd` is readable (unless it is -1; do not read
    /// from it), or `timeout_ms` has passed (unless it is -1). Returns what is possible, 0 for nothing, or
    /// LANDLINE_ERR_IO. May return early.
    pub wait: Option<unsafe extern "C" fn(wanted: i32, wake_fd: i32, timeout_ms: i32, user: *mut c_void) -> i32>,
    /// Ends the stream towards the peer, after everything that was written. Reading continues.
    pub close_write: Option<unsafe extern "C" fn(user: *mut c_void)>,
    /// Ends both directions immediately, and wakes threads that are waiting.
    pub abort: Option<unsafe extern "C" fn(user: *mut c_void)>,
    /// The last call, when the connection is freed. Ends the stream if it has not ended: `close_write` and `abort`
    /// may not have been called. May be NULL.
    pub free: Option<unsafe extern "C" fn(user: *mut c_void)>,
}

/// The same, checked.
pub(crate) struct CallerTransport {
    user: *mut c_void,
    read: unsafe extern "C" fn(*mut c_void, usize, *mut c_void) -> i64,
    write: unsafe extern "C" fn(*const c_void, usize, *mut c_void) -> i64,
    wait: unsafe extern "C" fn(i32, i32, i32, *mut c_void) -> i32,
    close_write: unsafe extern "C" fn(*mut c_void),
    abort: unsafe extern "C" fn(*mut c_void),
    free: Option<unsafe extern "C" fn(*mut c_void)>,
}

// SAFETY: the table's documentation requires functions that may be called from any thread, at the same time.
unsafe impl Send for CallerTransport {}
// SAFETY: as above.
unsafe impl Sync for CallerTransport {}

impl CallerTransport {
    /// # Safety
    ///
    /// `table` is NULL or points to a table whose functions do what its documentation requires.
    pub(crate) unsafe fn new(table: *const landline_transport, user: *mut c_void) -> Outcome<Self> {
        // SAFETY: the caller's promise.
        let Some(table) = (unsafe { table.as_ref() }) else { return Err(Failure::null("transport")) };
        if table.size < size_of::<landline_transport>() {
            return Err(Failure::invalid("the transport's size is not sizeof(landline_transport)"));
        }
        let missing = || Failure::null("a function of the transport");
        Ok(Self {
            user,
            read: table.read.ok_or_else(missing)?,
            write: table.write.ok_or_else(missing)?,
            wait: table.wait.ok_or_else(missing)?,
            close_write: table.close_write.ok_or_else(missing)?,
            abort: table.abort.ok_or_else(missing)?,
            free: table.free,
        })
    }
}

/// A callback returned this number, which may be that of a status.
fn failed(result: i64) -> io::Error {
    let name = i32::try_from(result).ok().and_then(crate::status::name);
    let name = name.map_or_else(|| result.to_string(), str::to_owned);
    io::Error::other(format!("the transport's callback failed with {name}"))
}

/// The result of `read` or `write` for `len` bytes.
fn count(result: i64, len: usize) -> io::Result<usize> {
    match usize::try_from(result) {
        Ok(count) if count <= len => Ok(count),
        Ok(_) => Err(io::Error::other("the transport's callback claims more bytes than it was given")),
        Err(_) if result == i64::from(LANDLINE_ERR_WOULD_BLOCK) => Err(io::ErrorKind::WouldBlock.into()),
        Err(_) => Err(failed(result)),
    }
}

impl Transport for CallerTransport {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the promise of `new`.
        count(unsafe { (self.read)(buf.as_mut_ptr().cast(), buf.len(), self.user) }, buf.len())
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut total = 0;
        for buf in bufs.iter().filter(|buf| !buf.is_empty()) {
            // SAFETY: as in `read`.
            match count(unsafe { (self.write)(buf.as_ptr().cast(), buf.len(), self.user) }, buf.len()) {
                Ok(0) if total == 0 => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    total += taken;
                    if taken < buf.len() {
                        break;
                    }
                }
                Err(error) if total == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(total)
    }

    fn wait(&self, interest: Interest, deadline: Deadline, wake: Option<&Wake>) -> io::Result<Ready> {
        let mut wanted = 0;
        if interest.read {
            wanted |= LANDLINE_WAIT_READ;
        }
        if interest.write {
            wanted |= LANDLINE_WAIT_WRITE;
        }
        let wake_fd = wake.map_or(-1, |wake| wake.as_fd().as_raw_fd());
        // SAFETY: as in `read`.
        let ready = unsafe { (self.wait)(wanted, wake_fd, millis_left(deadline), self.user) };
        if ready < 0 {
            return Err(failed(ready.into()));
        }
        Ok(Ready {
            read: interest.read && ready & LANDLINE_WAIT_READ != 0,
            write: interest.write && ready & LANDLINE_WAIT_WRITE != 0,
            woken: wake.is_some_and(Wake::is_set),
        })
    }

    fn close_write(&self) -> io::Result<()> {
        // SAFETY: as in `read`.
        unsafe { (self.close_write)(self.user) };
        Ok(())
    }

    fn abort(&self) {
        // SAFETY: as in `read`.
        unsafe { (self.abort)(self.user) }
    }
}

impl Drop for CallerTransport {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: as in `read`; the transport is not used any more.
            unsafe { free(self.user) }
        }
    }
}
