//! References to a connection, interrupting its calls, and the caller's own pointer.

use crate::args::handle;
use crate::conn::{landline_conn, on_conn};
use crate::failure::Failure;
use crate::status::*;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Adds a reference, so that landline_conn_free() has to be called once more: for another thread that uses the
/// connection independently. Returns `conn`.
///
/// # Safety
///
/// `conn` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_retain(conn: *mut landline_conn) -> *mut landline_conn {
    if !conn.is_null() {
        // SAFETY: live handles come from `Arc::into_raw`.
        unsafe { Arc::increment_strong_count(conn.cast_const()) };
    }
    conn
}

/// For landline_conn_interrupt(): the call that receives.
pub const LANDLINE_DIRECTION_RECV: i32 = 1;
/// For landline_conn_interrupt(): calls that send.
pub const LANDLINE_DIRECTION_SEND: i32 = 2;
/// For landline_conn_interrupt(): both.
pub const LANDLINE_DIRECTION_BOTH: i32 = 3;

/// Wakes a blocked call on this connection, from any thread: it returns LANDLINE_INTERRUPTED. If no call is blocked,
/// the next one that would wait returns it instead. Each direction is interrupted separately, one call per interrupt.
/// The connection is not affected, and data that has arrived is delivered first. Never blocks.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID; LANDLINE_ERR_STATE with LANDLINE_OPT_SINGLE_THREAD.
///
/// # Safety
///
/// `conn` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_interrupt(conn: *mut landline_conn, direction: i32) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            match direction {
                LANDLINE_DIRECTION_RECV => conn.interrupter()?.interrupt_recv(),
                LANDLINE_DIRECTION_SEND => conn.interrupter()?.interrupt_send(),
                LANDLINE_DIRECTION_BOTH => conn.interrupter()?.interrupt(),
                _ => return Err(wrong_direction(direction)),
            }
            Ok(LANDLINE_OK)
        })
    }
}

pub(crate) fn wrong_direction(direction: i32) -> Failure {
    Failure::invalid(format!(
        "direction {direction} is none of LANDLINE_DIRECTION_RECV, LANDLINE_DIRECTION_SEND and LANDLINE_DIRECTION_BOTH"
    ))
}

/// Stores a pointer with the connection, for the caller's own use.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `conn` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_set_user(conn: *mut landline_conn, user: *mut c_void) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            conn.user.store(user, Ordering::Release);
            Ok(LANDLINE_OK)
        })
    }
}

/// The pointer that was stored with landline_conn_set_user(); NULL if none was.
///
/// # Safety
///
/// `conn` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_user(conn: *const landline_conn) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { handle(conn, "conn") }.map_or(ptr::null_mut(), |conn| conn.user.load(Ordering::Acquire))
}
