//! Which process a handle belongs to, for programs that fork.
//!
//! **A connection, sender, receiver, listener, server, interrupter, aborter or stop handle belongs to the process that
//! made it.** In a process that was forked from that one,
//!
//! - dropping (freeing) it closes this process's copies of its descriptors and frees its memory. It does nothing else:
//!   it writes nothing to the peer, ends no connection, touches no eventfd or pipe, takes no lock that another thread
//!   may have held at the fork, and does not remove the file of a Unix socket;
//! - every other call fails with [`UsageError::Forked`] and touches nothing that the two processes share; calls that
//!   return nothing, such as `interrupt` and `abort`, do nothing.
//!
//! What children do with their copies does not affect the process that made the handle. When that process drops a
//! connection or a listener, the socket is shut down before it is closed, so that the peer is told and the port is free
//! even though a child still has the descriptor.
//!
//! Forks are detected with `pthread_atfork`. A child made by a bare `clone` or `vfork` is not detected; such a child
//! must not do more than execute another program anyway.

use crate::error::{Result, UsageError};
use std::io;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

/// How many forks lie between the process that first loaded this library and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

extern "C" fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Registers the handler that lets [`Process`] detect forks, unless that has been done.
///
/// # Errors
///
/// When the system has no memory for it.
#[expect(unsafe_code, reason = "pthread_atfork detects forks; a getpid per frame would cost more than the frame")]
pub(crate) fn watch_forks() -> io::Result<()> {
    // Not a `OnceLock`: a child that was forked while another thread was initialising it would block forever. Two
    // threads may both register the handler, and each fork then adds two to the count, which does no harm.
    static WATCHING: AtomicBool = AtomicBool::new(false);
    if !WATCHING.load(Ordering::Acquire) {
        // SAFETY: the handler only changes an atomic, which is async-signal-safe, and goes with this library if that is
        // ever unloaded.
        let errno = unsafe { libc::pthread_atfork(None, None, Some(forked)) };
        if errno != 0 {
            return Err(io::Error::from_raw_os_error(errno));
        }
        WATCHING.store(true, Ordering::Release);
    }
    Ok(())
}

/// Identifies a process, as distinct from the processes forked from it.
///
/// For handles of your own that follow the rule above: store [`current`](Self::current) when one is made, and do
/// nothing that another process or the peer can observe unless the stored value [`is_current`](Self::is_current).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Process(u32);

impl Process {
    /// The calling process.
    #[must_use]
    pub fn current() -> Self {
        // If the system has no memory for the handler, forks are not detected here. `SystemMasks`, for which that would
        // be a security problem, registers it itself and fails.
        let _ = watch_forks();
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Another process, for tests.
    #[cfg(test)]
    pub(crate) fn other() -> Self {
        Self(NONE)
    }

    /// Whether it is the calling process. Costs one atomic load.
    #[inline(always)]
    #[must_use]
    pub fn is_current(self) -> bool {
        self.0 == FORKS.load(Ordering::Relaxed)
    }

    /// Fails with [`UsageError::Forked`] unless it is the calling process.
    #[inline(always)]
    pub(crate) fn check(self) -> Result<()> {
        if self.is_current() { Ok(()) } else { Err(UsageError::Forked.into()) }
    }
}

/// The process that may use something, until that is revoked. Both conditions are checked at the cost of one.
#[derive(Debug)]
pub(crate) struct UsableIn(AtomicU32);

/// No process: the count of forks never gets this high.
const NONE: u32 = u32::MAX;

impl UsableIn {
    pub(crate) fn current() -> Self {
        Self(AtomicU32::new(Process::current().0))
    }

    /// Whether the calling process may use it.
    #[inline(always)]
    pub(crate) fn is_usable(&self) -> bool {
        self.0.load(Ordering::SeqCst) == FORKS.load(Ordering::Relaxed)
    }

    /// From now on, no process may use it.
    pub(crate) fn revoke(&self) {
        self.0.store(NONE, Ordering::SeqCst);
    }
}

/// A value whose destructor runs only in the process that made it. For values that, when dropped, take locks or do
/// something that another process or the peer can observe.
#[derive(Debug)]
pub(crate) struct DroppedByMaker<T> {
    value: ManuallyDrop<T>,
    made_in: Process,
}

impl<T> DroppedByMaker<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: ManuallyDrop::new(value), made_in: Process::current() }
    }
}

impl<T> Deref for DroppedByMaker<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for DroppedByMaker<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[expect(unsafe_code, reason = "dropping conditionally")]
impl<T> Drop for DroppedByMaker<T> {
    fn drop(&mut self) {
        if self.made_in.is_current() {
            // SAFETY: it is dropped only here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}

/// Process-wide state of which a forked child gets a fresh copy, because another thread of the parent may have been
/// changing it during the fork, holding locks that would never be released in the child. For a `static`.
pub struct PerProcess<T: 'static> {
    latest: AtomicPtr<Made<T>>,
    make: fn() -> T,
}

struct Made<T> {
    process: Process,
    value: T,
    /// Keeps the parent's state reachable: it must not be dropped, and must not look like a leak.
    _before: AtomicPtr<Made<T>>,
}

#[expect(unsafe_code, reason = "a lock could itself be held at the fork")]
impl<T: Send + Sync> PerProcess<T> {
    /// `make` returns the initial state of a process. Its result is discarded if another thread was faster.
    pub const fn new(make: fn() -> T) -> Self {
        Self { latest: AtomicPtr::new(std::ptr::null_mut()), make }
    }

    /// The calling process's state. Never blocks.
    pub fn get(&self) -> &'static T {
        self.of(Process::current())
    }

    fn of(&self, process: Process) -> &'static T {
        let latest = self.latest.load(Ordering::Acquire);
        // SAFETY: it is null or points to a box that was leaked below.
        if let Some(made) = unsafe { latest.as_ref() }.filter(|made| made.process == process) {
            return &made.value;
        }
        let made = Made { process, value: (self.make)(), _before: AtomicPtr::new(latest) };
        let fresh = Box::into_raw(Box::new(made));
        match self.latest.compare_exchange(latest, fresh, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: it is stored in `latest` and never freed, so it stays valid.
            Ok(_) => unsafe { &(*fresh).value },
            Err(other) => {
                // SAFETY: no other thread has seen `fresh`, and `other` was leaked by another thread of this process.
                unsafe {
                    drop(Box::from_raw(fresh));
                    &(*other).value
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn process_wide_state_is_fresh_in_a_child_even_if_it_was_locked() {
        static COUNT: PerProcess<Mutex<u32>> = PerProcess::new(|| Mutex::new(7));
        let held = COUNT.get().lock().unwrap();
        let mut childs = COUNT.of(Process::other()).try_lock().unwrap();
        *childs += 1;
        drop(childs);
        drop(held);
        assert_eq!(*COUNT.of(Process::other()).lock().unwrap(), 8);
        assert!(Process::current().is_current() && !Process::other().is_current());
    }
}
