//! Functions of the caller's that options keep.

use crate::args::handle;
use crate::failure::guard;
use crate::options::landline_options;
use crate::status::*;
use crate::values::Values;
use std::ffi::c_void;
use std::sync::Arc;

/// Frees what `user` points to.
#[allow(non_camel_case_types)]
pub type landline_free_user = Option<unsafe extern "C" fn(user: *mut c_void)>;

/// The caller's pointer.
pub(crate) struct User {
    pub(crate) user: *mut c_void,
    pub(crate) free: landline_free_user,
}

// SAFETY: the caller promises that the functions may be called with it from any thread.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}

impl Drop for User {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: the caller's promise; it is called once, after the last call of the function.
            unsafe { free(self.user) }
        }
    }
}

/// A function of the caller's, with its pointer.
pub(crate) struct Callback<F> {
    pub(crate) call: F,
    pub(crate) user: User,
}

/// Sets the function that `place` keeps, or removes it if `call` is `None`. Whatever the result is, `free` is called when
/// the pointer is no longer needed.
///
/// # Safety
///
/// `options` is NULL or a live handle. `call` may be called with `user` from any thread until `free` is called.
pub(crate) unsafe fn set_callback<F>(
    options: *mut landline_options,
    call: Option<F>,
    user: User,
    place: impl FnOnce(&mut Values) -> &mut Option<Arc<Callback<F>>>,
) -> landline_status {
    guard(|| {
        let callback = call.map(|call| Arc::new(Callback { call, user }));
        // SAFETY: the caller's promise.
        let previous = std::mem::replace(place(&mut unsafe { handle(options, "options") }?.lock()), callback);
        // Not under the lock: this may call the caller's function.
        drop(previous);
        Ok(LANDLINE_OK)
    })
}
