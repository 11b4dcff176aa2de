//! Ending blocked calls from other threads, before there is a connection.

use crate::args::{check_process, handle, out_handle};
use crate::failure::guard;
use crate::status::*;
use landline::Interrupter;
use landline::process::Process;

/// Wakes a blocked call, from any thread: connecting and the calls of the connection that came of it, or waiting for a
/// client. Given by landline_options_set_interrupter(). Open connections have landline_conn_interrupt() as well.
///
/// Ownership: made by landline_interrupter_new(), freed by landline_interrupter_free(), also while it is in use.
///
/// Threads: any, at the same time too.
#[allow(non_camel_case_types)]
pub struct landline_interrupter(pub(crate) Interrupter, Process);

/// Makes an interrupter. Takes two descriptors. Free it with landline_interrupter_free().
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_IO when the process has no descriptor left.
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

/// Wakes a call that connects, accepts, receives or sends: it ends with LANDLINE_INTERRUPTED. If none is blocked, the next
/// one that would wait ends so. Data that has arrived is delivered first. Never blocks.
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

/// Ends the connection immediately, as landline_conn_abort() does; before there is one, wakes the call that opens it.
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
        // SAFETY: made by `landline_interrupter_new`, and given up by the caller.
        drop(unsafe { Box::from_raw(interrupter) });
    }
}
