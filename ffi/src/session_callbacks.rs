//! What a session calls in the program.

use crate::conn::{Lent, landline_conn};
use crate::failure::Failure;
use crate::last_error::{last_error, remember};
use crate::status::*;
use landline::error::{Interrupted, Phase, Timeout};
use landline::reconnect::Failure as Lost;
use landline::{CloseInfo, Error, WebSocket};
use std::ffi::c_void;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// What a session calls, always in the thread that receives. A table that the caller fills in; a function that
/// is NULL is not called. No function may unwind or jump out, or call a function on the session, except those
/// that send, close, interrupt, abort or query.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct landline_session_callbacks {
    /// sizeof(landline_session_callbacks), so that later versions can add functions.
    pub size: usize,
    /// Called with each new connection, the first one included, before anything else uses it: to subscribe, to
    /// log in, to look at the handshake with landline_conn_header(). What it waits for can be interrupted with
    /// landline_session_interrupt(). Calls on `conn` are within the time limit of the receiving call, or within
    /// LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS from the beginning of the attempt, whichever is longer: a short limit of the
    /// receiving call does not cut the function off.
    ///
    /// `conn` belongs to the session: use it in this thread and until the function returns, and do not free it.
    /// Return LANDLINE_OK (LANDLINE_CLOSED does no harm either), or the status of a call on `conn` that failed:
    /// the attempt has then failed, and the session decides about that failure as about every other. Any other
    /// status is a failure after which the session connects again.
    pub on_connect: Option<unsafe extern "C" fn(conn: *mut landline_conn, user: *mut c_void) -> landline_status>,
    /// Decides whether to connect again after a failure: 1, or 0 to end the session. `status` is that of the
    /// failure, which landline_error_text() and its relatives describe during this call; with LANDLINE_CLOSED,
    /// `close_code` is the code in the server's Close frame, else 0. `is_transient` is what the session would
    /// do without this function.
    pub retry_if: Option<
        unsafe extern "C" fn(status: landline_status, close_code: i32, is_transient: i32, user: *mut c_void) -> i32,
    >,
}

/// The callbacks with their pointer.
#[derive(Clone, Copy)]
pub(crate) struct Callbacks {
    pub(crate) table: landline_session_callbacks,
    pub(crate) user: *mut c_void,
    pub(crate) close_timeout: Duration,
}

// SAFETY: the caller promises that the functions may be called from any thread that receives, with this pointer.
unsafe impl Send for Callbacks {}

impl Callbacks {
    pub(crate) fn on_connect(self, ws: &mut WebSocket) -> landline::Result<()> {
        let Some(call) = self.table.on_connect else { return Ok(()) };
        let status = {
            let lent = Lent::new(ws, self.close_timeout);
            // SAFETY: the caller's promise; the handle is live until `lent` is dropped.
            unsafe { call(lent.handle(), self.user) }
        };
        if status == LANDLINE_OK || status == LANDLINE_CLOSED {
            return Ok(());
        }
        Err(last_error(status).unwrap_or_else(|| {
            match status {
                LANDLINE_TIMED_OUT => {
                    return Error::Timeout(Timeout {
                        phase: Phase::Recv,
                        accepted: false,
                        queued: false,
                        connect: None,
                        proxy: None,
                    });
                }
                LANDLINE_INTERRUPTED => {
                    return Error::Interrupted(Interrupted { phase: Phase::Recv, accepted: false });
                }
                _ => {}
            }
            let name = crate::status::name(status).map_or_else(|| status.to_string(), str::to_owned);
            let source = io::Error::other(format!("on_connect returned {name}"));
            Error::Io { during: "on_connect".into(), source: Arc::new(source) }
        }))
    }

    pub(crate) fn retry_if(self, lost: &Lost) -> bool {
        let Some(call) = self.table.retry_if else { return lost.is_transient() };
        let code = match lost {
            Lost::Closed(frame) => u16::from(frame.code()).into(),
            _ => 0,
        };
        let status = remember(failure_of(lost));
        // SAFETY: the caller's promise.
        unsafe { call(status, code, lost.is_transient().into(), self.user) != 0 }
    }
}

pub(crate) fn failure_of(lost: &Lost) -> Failure {
    match lost {
        Lost::Error(error) => Failure::Library(error.clone()),
        Lost::Closed(frame) => Failure::Closed(CloseInfo { received: Some(frame.clone()), ..CloseInfo::default() }),
        other => Failure::Misuse(LANDLINE_ERR_OTHER, other.to_string().into()),
    }
}
