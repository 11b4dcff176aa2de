//! Ending blocked calls from other threads, before there is a connection.

use crate::args::{check_process, handle, out_handle};
use crate::failure::guard;
use crate::status::*;
use landline::Interrupter;
use landline::process::Process;

/// Wakes a blocked call from any thread: an attempt to connect and the calls on the resulting connection, or a call
/// that waits for a client. It is set with landline_options_set_interrupter(). Open connections can also be
/// interrupted with landline_conn_interrupt().
///
/// Ownership: created by landline_interrupter_new(), freed by landline_interrupter_free(), which is allowed even
/// while it is in use.
///
/// Threads: any number of threads may use the same handle at the same time.
#[allow(non_camel_case_types)]
pub struct landline_interrupter(pub(crate) Interrupter, Process);

/// Creates an interrupter, which takes two descriptors. Free it with landline_interrupter_free().
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_IO if the process has no descriptors left.
///
/// # Safety
///
/// `interrupter` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_interrupter_new(interrupter: *mut *mut landline_interrupter) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let out = unsafe { out_handle(interrupter, "interrupter") }?;
        out.set(Box::into_raw(Box::new(landline_interrupter(Interrupter::new()?, Process::current()))));
        Ok(LANDLINE_OK)
    })
}

/// Wakes a call that is connecting, accepting, receiving or sending: it returns LANDLINE_INTERRUPTED. If no call is
/// blocked, the next one that would wait returns it instead. Data that has arrived is delivered first. Never blocks.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_FORKED.
///
/// # Safety
///
/// `interrupter` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_interrupter_interrupt(interrupter: *mut landline_interrupter) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let interrupter = unsafe { handle(interrupter, "interrupter") }?;
        check_process(interrupter.1)?;
        interrupter.0.interrupt();
        Ok(LANDLINE_OK)
    })
}

/// Ends the connection immediately, as landline_conn_abort() does; if it is not open yet, wakes the call that is
/// opening it.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_FORKED.
///
/// # Safety
///
/// `interrupter` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_interrupter_abort(interrupter: *mut landline_interrupter) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let interrupter = unsafe { handle(interrupter, "interrupter") }?;
        check_process(interrupter.1)?;
        interrupter.0.abort();
        Ok(LANDLINE_OK)
    })
}

/// Frees an interrupter. NULL does nothing. Calls and connections that use it continue without it.
///
/// # Safety
///
/// `interrupter` is NULL or a live handle that no other call uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_interrupter_free(interrupter: *mut landline_interrupter) {
    if !interrupter.is_null() {
        // SAFETY: created by `landline_interrupter_new`, and no longer used by the caller.
        drop(unsafe { Box::from_raw(interrupter) });
    }
}
