//! The library's log, as a callback.

use crate::failure::{Failure, guard};
use crate::status::*;
use log::{LevelFilter, Log, Metadata, Record};
use std::ffi::{CString, c_char, c_void};
use std::sync::{Once, PoisonError, RwLock};

/// No lines.
pub const LANDLINE_LOG_OFF: i32 = 0;
/// What must not happen.
pub const LANDLINE_LOG_ERROR: i32 = 1;
/// What somebody should look at.
pub const LANDLINE_LOG_WARN: i32 = 2;
/// What is worth knowing.
pub const LANDLINE_LOG_INFO: i32 = 3;
/// What helps to find a mistake.
pub const LANDLINE_LOG_DEBUG: i32 = 4;

/// Gets one line, without a line end: its LANDLINE_LOG_* level, and text that is valid during the call. May be called
/// from any thread, several at a time. May not call landline_log_set(), unwind or jump out.
#[allow(non_camel_case_types)]
pub type landline_log_callback = Option<unsafe extern "C" fn(level: i32, text: *const c_char, user: *mut c_void)>;

struct Sink {
    callback: unsafe extern "C" fn(i32, *const c_char, *mut c_void),
    user: *mut c_void,
}

// SAFETY: the caller promises that the callback may be called from any thread, with this pointer.
unsafe impl Send for Sink {}
// SAFETY: as above.
unsafe impl Sync for Sink {}

static SINK: RwLock<Option<Sink>> = RwLock::new(None);

struct Forward;

impl Log for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level() && metadata.target().starts_with("landline")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if let Some(sink) = &*SINK.read().unwrap_or_else(PoisonError::into_inner) {
            let text = CString::new(record.args().to_string().replace('\0', "\\0")).unwrap_or_default();
            // SAFETY: the caller's promise, kept until the sink is replaced under the lock.
            unsafe { (sink.callback)(record.level() as i32, text.as_ptr(), sink.user) };
        }
    }

    fn flush(&self) {}
}

/// Sends the library's log lines up to `level` to a callback, for the whole process. LANDLINE_LOG_OFF or a NULL callback
/// ends that: when this returns, the old callback is not called any more. Lines never hold payload.
///
/// LANDLINE_OK; LANDLINE_ERR_INVALID for a level that is not known.
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
            _ => {
                return Err(Failure::invalid(format!(
                    "level {level} is none of LANDLINE_LOG_OFF, _ERROR, _WARN, _INFO and _DEBUG"
                )));
            }
        };
        static ONCE: Once = Once::new();
        // Fails only if there is a logger already, and in this library nobody else sets one.
        ONCE.call_once(|| drop(log::set_logger(&Forward)));
        let sink = callback.filter(|_| filter != LevelFilter::Off).map(|callback| Sink { callback, user });
        log::set_max_level(if sink.is_some() { filter } else { LevelFilter::Off });
        *SINK.write().unwrap_or_else(PoisonError::into_inner) = sink;
        Ok(LANDLINE_OK)
    })
}
