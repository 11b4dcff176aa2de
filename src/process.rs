//! Which process a handle belongs to: the rule for programs that fork.
//!
//! **A connection, sender, receiver, listener, server, interrupter, aborter or stop handle belongs to the process that
//! made it.** In a process that was forked from that one,
//!
//! - dropping (freeing) it closes this process's copies of its descriptors, frees its memory, and does nothing else: it
//!   writes nothing to the peer, ends no connection, touches no eventfd or pipe, takes no lock that another thread may
//!   have held at the fork, and leaves the file of a Unix socket alone;
//! - every other call fails with [`UsageError::Forked`] and touches nothing that the
//!   two processes share; calls that return nothing, such as `interrupt` and `abort`, do nothing.
//!
//! The process that made it notices nothing of what its children do with their copies. When it drops a connection or a
//! listener there, the socket is shut down before it is closed, so that the peer is told, and the port is free, although
//! a child still has the descriptor.
//!
//! The notice of a fork comes from `pthread_atfork`. A child that was made by a bare `clone` or `vfork` does not count as
//! one; it has to execute another program anyway.

use crate::error::{Result, UsageError};
use std::io;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

/// How many times this process is a fork of the one that started.
static FORKS: AtomicU32 = AtomicU32::new(0);

extern "C" fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Sees to it that [`Process`] tells of forks.
///
/// # Errors
///
/// When the system has no memory for that.
#[expect(unsafe_code, reason = "the system's notice of a fork; a getpid per frame costs more than the frame")]
pub(crate) fn watch_forks() -> io::Result<()> {
    // Not a `OnceLock`: a child that was forked while another thread set it would wait for ever. Two threads may both
    // come to register the handler; the count then goes up by two.
    static WATCHING: AtomicBool = AtomicBool::new(false);
    if !WATCHING.load(Ordering::Acquire) {
        // SAFETY: the handler only changes an atomic, which is async-signal-safe, and goes with this library if that is ever unloaded.
        let errno = unsafe { libc::pthread_atfork(None, None, Some(forked)) };
        if errno != 0 {
            return Err(io::Error::from_raw_os_error(errno));
        }
        WATCHING.store(true, Ordering::Release);
    }
    Ok(())
}

/// A process, as against those that are forked from it.
///
/// For handles of your own that keep the rule above: note [`current`](Self::current) when one is made, and do nothing
/// that others can see unless it [`is_current`](Self::is_current).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Process(u32);

impl Process {
    /// This one.
    #[must_use]
    pub fn current() -> Self {
        // Without memory for the notice there is none; masking keys, which must not do without it, ask for themselves.
        let _ = watch_forks();
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Another one, for tests.
    #[cfg(test)]
    pub(crate) fn other() -> Self {
        Self(NONE)
    }

    /// Whether it is this one. Costs one load.
    #[inline(always)]
    #[must_use]
    pub fn is_current(self) -> bool {
        self.0 == FORKS.load(Ordering::Relaxed)
    }

    /// Whether what was made in it may be used.
    #[inline(always)]
    pub(crate) fn check(self) -> Result<()> {
        if self.is_current() { Ok(()) } else { Err(UsageError::Forked.into()) }
    }
}

/// A process that may still use something, until it is revoked: the two questions cost no more than one.
#[derive(Debug)]
pub(crate) struct UsableIn(AtomicU32);

/// No process: nobody forks so often.
const NONE: u32 = u32::MAX;

impl UsableIn {
    pub(crate) fn current() -> Self {
        Self(AtomicU32::new(Process::current().0))
    }

    /// Whether this process may use it.
    #[inline(always)]
    pub(crate) fn is_usable(&self) -> bool {
        self.0.load(Ordering::SeqCst) == FORKS.load(Ordering::Relaxed)
    }

    /// No process may use it any more.
    pub(crate) fn revoke(&self) {
        self.0.store(NONE, Ordering::SeqCst);
    }
}

/// A value that is dropped by the process that made it only; in another one its memory is left alone. For what takes
/// locks, or does something that others see, when it is dropped.
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

#[expect(unsafe_code, reason = "dropping on a condition")]
impl<T> Drop for DroppedByMaker<T> {
    fn drop(&mut self) {
        if self.made_in.is_current() {
            // SAFETY: it is dropped here only, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}

/// Process-wide state that a forked child begins afresh: another thread may have been changing its parent's, with locks
/// held that nobody in the child ever releases. For a `static`.
pub struct PerProcess<T: 'static> {
    latest: AtomicPtr<Made<T>>,
    make: fn() -> T,
}

struct Made<T> {
    process: Process,
    value: T,
    /// Keeps the parent's reachable: it cannot be dropped, and must not look like a leak.
    _before: AtomicPtr<Made<T>>,
}

#[expect(unsafe_code, reason = "a lock here could itself be held at the fork")]
impl<T: Send + Sync> PerProcess<T> {
    /// `make` gives what each process begins with; it may be called once too often.
    pub const fn new(make: fn() -> T) -> Self {
        Self { latest: AtomicPtr::new(std::ptr::null_mut()), make }
    }

    /// This process's. Waits for nobody.
    pub fn get(&self) -> &'static T {
        self.of(Process::current())
    }

    fn of(&self, process: Process) -> &'static T {
        let latest = self.latest.load(Ordering::Acquire);
        // SAFETY: null, or a box that was leaked below.
        if let Some(made) = unsafe { latest.as_ref() }
            && made.process == process
        {
            return &made.value;
        }
        let made = Made { process, value: (self.make)(), _before: AtomicPtr::new(latest) };
        let fresh = Box::into_raw(Box::new(made));
        match self.latest.compare_exchange(latest, fresh, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: from now on it is leaked.
            Ok(_) => unsafe { &(*fresh).value },
            Err(other) => {
                // SAFETY: nobody else has seen `fresh`, and `other` was leaked by another thread of this process.
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
    fn process_wide_state_begins_afresh_in_a_child_whatever_is_locked() {
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
