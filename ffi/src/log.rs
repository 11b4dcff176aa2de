//! The library's log, as a callback.
//!
//! A process may fork while other threads are in the callback, or wait for it in landline_log_set(). These threads do
//! not exist in the child, and a lock that one of them holds stays locked. So the current callback is an atomic,
//! which a child inherits; the calls in progress, which landline_log_set() waits for, are counted per process,
//! starting at none.

use crate::failure::{Failure, guard};
use crate::status::*;
use landline::process::PerProcess;
use log::{LevelFilter, Log, Metadata, Record};
use std::ffi::{CString, c_char, c_void};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::{iter, ptr};

/// Nothing is logged.
pub const LANDLINE_LOG_OFF: i32 = 0;
/// Failures that should not occur.
pub const LANDLINE_LOG_ERROR: i32 = 1;
/// Conditions that deserve attention.
pub const LANDLINE_LOG_WARN: i32 = 2;
/// Notable events.
pub const LANDLINE_LOG_INFO: i32 = 3;
/// Details for debugging.
pub const LANDLINE_LOG_DEBUG: i32 = 4;
/// Also the heads of requests and responses while connections are opened, line by line, without the values of
/// credentials and cookies.
pub const LANDLINE_LOG_TRACE: i32 = 5;

/// Receives one line of the log without a line end: its level, LANDLINE_LOG_*, and its text, which is valid during
/// the call. Any number of threads may call it at the same time. It may call functions of the library, except
/// landline_log_set(), but must not unwind or jump out.
#[allow(non_camel_case_types)]
pub type landline_log_callback = Option<unsafe extern "C" fn(level: i32, text: *const c_char, user: *mut c_void)>;

type Callback = unsafe extern "C" fn(i32, *const c_char, *mut c_void);

/// A callback. Never freed, because a thread may be about to count its call. Setting the same callback again reuses
/// its sink, so there are only as many sinks as the program has different callbacks.
struct Sink {
    callback: Callback,
    user: *mut c_void,
    calls: PerProcess<Calls>,
    /// The sink that was created before this one.
    before: *mut Sink,
}

// SAFETY: the caller promises that the callback may be called from any thread, with this pointer; the other fields
// are either constant or safe to share.
unsafe impl Sync for Sink {}

/// The calls of a callback that are in progress in this process.
#[derive(Default)]
struct Calls {
    count: AtomicUsize,
    lock: Mutex<()>,
    ended: Condvar,
}

impl Calls {
    fn end(&self) {
        if self.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.ended.notify_all();
        }
    }

    fn wait_for_none(&self) {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let is_busy = |_: &mut ()| self.count.load(Ordering::SeqCst) > 0;
        drop(self.ended.wait_while(lock, is_busy));
    }
}

/// The current one; NULL for none.
static SINK: AtomicPtr<Sink> = AtomicPtr::new(ptr::null_mut());
/// The one that was made last.
static LATEST: AtomicPtr<Sink> = AtomicPtr::new(ptr::null_mut());
/// Held while the callback is changed.
static CHANGING: PerProcess<Mutex<()>> = PerProcess::new(Mutex::default);

fn find(sink: &AtomicPtr<Sink>) -> Option<&'static Sink> {
    // SAFETY: NULL, or a sink, which is never freed.
    unsafe { sink.load(Ordering::SeqCst).as_ref() }
}

/// The sink of a callback. [`CHANGING`] is locked.
fn sink_of(callback: Callback, user: *mut c_void) -> *mut Sink {
    let before = LATEST.load(Ordering::SeqCst);
    // SAFETY: as in `find`.
    let mut made = iter::successors(find(&LATEST), |sink| unsafe { sink.before.as_ref() });
    if let Some(known) = made.find(|sink| ptr::fn_addr_eq(sink.callback, callback) && sink.user == user) {
        return ptr::from_ref(known).cast_mut();
    }
    let sink = Box::new(Sink { callback, user, calls: PerProcess::new(Calls::default), before });
    LATEST.store(Box::into_raw(sink), Ordering::SeqCst);
    LATEST.load(Ordering::SeqCst)
}

struct Forward;

impl Log for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level() && metadata.target().starts_with("landline")
    }

    fn log(&self, record: &Record<'_>) {
        let Some(sink) = find(&SINK) else { return };
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = CString::new(record.args().to_string().replace('\0', "\\0")).unwrap_or_default();
        let calls = sink.calls.get();
        calls.count.fetch_add(1, Ordering::SeqCst);
        // Either this call sees that the callback has been changed, or the thread that changes it sees this call.
        if ptr::eq(SINK.load(Ordering::SeqCst), sink) {
            // SAFETY: the caller's promise, which holds until no call is in progress.
            unsafe { (sink.callback)(record.level() as i32, text.as_ptr(), sink.user) };
        }
        calls.end();
    }

    fn flush(&self) {}
}

/// Sends the library's log lines up to `level` to a callback, for the whole process. LANDLINE_LOG_OFF or a NULL
/// callback ends that. When this returns, the previous callback is no longer called. Lines never contain payload. A
/// forked child inherits the callback and may set another one.
///
/// Blocks until the calls of the previous callback that are in progress have returned.
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID for an unknown level.
///
/// # Safety
///
/// `callback` may be called with `user` from any thread, until it is replaced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_log_set(
    level: i32,
    callback: landline_log_callback,
    user: *mut c_void,
) -> landline_status {
    guard(|| {
        let filter = match level {
            LANDLINE_LOG_OFF => LevelFilter::Off,
            LANDLINE_LOG_ERROR => LevelFilter::Error,
            LANDLINE_LOG_WARN => LevelFilter::Warn,
            LANDLINE_LOG_INFO => LevelFilter::Info,
            LANDLINE_LOG_DEBUG => LevelFilter::Debug,
            LANDLINE_LOG_TRACE => LevelFilter::Trace,
            _ => {
                return Err(Failure::invalid(format!(
                    "level {level} is none of LANDLINE_LOG_OFF, _ERROR, _WARN, _INFO, _DEBUG and _TRACE"
                )));
            }
        };
        // Not a `Once`: a child that was forked meanwhile would wait for it. Nothing else in this library sets a
        // logger.
        static IS_SET: AtomicBool = AtomicBool::new(false);
        if !IS_SET.swap(true, Ordering::Relaxed) {
            let _ = log::set_logger(&Forward);
        }
        let changing = CHANGING.get().lock().unwrap_or_else(PoisonError::into_inner);
        let callback = callback.filter(|_| filter != LevelFilter::Off);
        let next = callback.map_or(ptr::null_mut(), |callback| sink_of(callback, user));
        log::set_max_level(if next.is_null() { LevelFilter::Off } else { filter });
        let old = SINK.swap(next, Ordering::SeqCst);
        drop(changing);
        // SAFETY: as in `find`.
        if let Some(old) = unsafe { old.as_ref() }.filter(|old| !ptr::eq(*old, next)) {
            old.calls.get().wait_for_none();
        }
        Ok(LANDLINE_OK)
    })
}
