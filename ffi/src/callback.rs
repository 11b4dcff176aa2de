//! Functions of the caller's that options keep.

use std::ffi::c_void;

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
