//! Waiting for a descriptor, a deadline, or a wake-up from another thread.

use crate::deadline::Deadline;
use crate::process::Process;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

/// The operations that a thread waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interest {
    /// Data to read, or the end of the stream.
    pub read: bool,
    /// Room to write.
    pub write: bool,
}

impl Interest {
    /// Reading only.
    pub const READ: Self = Self { read: true, write: false };
    /// Writing only.
    pub const WRITE: Self = Self { read: false, write: true };
}

/// The result of a wait. Nothing is set if the deadline passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ready {
    /// A read is likely to return something: data, the end of the stream, or an error.
    pub read: bool,
    /// A write is likely to be accepted, or to return an error.
    pub write: bool,
    /// The [`Wake`] is set.
    pub woken: bool,
}

/// Ends one thread's wait: the current one, or the next if the thread is not waiting.
///
/// It stays set until the thread has noticed it, so no wake-up is lost between a check and the wait that follows. Its
/// descriptor is readable while it is set. A forked child shares the descriptor but not the rest; calls on the child's
/// copy do nothing, so they affect neither process.
#[derive(Debug)]
pub struct Wake {
    /// Why it is set: [`INTERRUPT`] and [`CHANGED`]. Nonzero exactly while `fd` is readable; `change` is locked while
    /// the two are changed together.
    reasons: AtomicU8,
    change: Mutex<()>,
    made_in: Process,
    fd: OwnedFd,
    /// Where to write to make `fd` readable, if that is not `fd` itself.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    writer: OwnedFd,
}

/// The waiting call must fail with `Interrupted`.
pub(crate) const INTERRUPT: u8 = 1;
/// The state that the wait depends on has changed and must be checked again.
pub(crate) const CHANGED: u8 = 2;

impl Wake {
    /// A wake that is not set.
    ///
    /// # Errors
    ///
    /// When the system has no descriptor or memory left for it.
    pub fn new() -> io::Result<Self> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use rustix::event::{EventfdFlags, eventfd};
            let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
            Ok(Self { reasons: AtomicU8::new(0), change: Mutex::new(()), made_in: Process::current(), fd })
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        {
            let (fd, writer) = rustix::pipe::pipe()?;
            for end in [&fd, &writer] {
                rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
                rustix::io::ioctl_fionbio(end, true)?;
            }
            Ok(Self { reasons: AtomicU8::new(0), change: Mutex::new(()), made_in: Process::current(), fd, writer })
        }
    }

    /// Sets the wake and adds `reasons` to those it is set for. Does nothing in a forked child.
    pub(crate) fn set(&self, reasons: u8) {
        if !self.made_in.is_current() {
            return;
        }
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        if self.reasons.fetch_or(reasons, Ordering::SeqCst) == 0 {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            let writer = &self.fd;
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            let writer = &self.writer;
            // Fails only if the descriptor is already readable.
            let _ = rustix::io::write(writer, &1u64.to_ne_bytes());
        }
    }

    /// Whether it is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.reasons.load(Ordering::SeqCst) != 0
    }

    /// Whether a call must fail with `Interrupted`. That reason stays set; all others are cleared.
    pub(crate) fn is_interrupting(&self) -> bool {
        let is_interrupting = || self.reasons.load(Ordering::SeqCst) & INTERRUPT != 0;
        if self.is_set() && !is_interrupting() {
            self.take_only(CHANGED);
        }
        is_interrupting()
    }

    /// Clears the wake and returns the reasons it was set for.
    pub(crate) fn take(&self) -> u8 {
        self.take_only(u8::MAX)
    }

    /// Removes `reasons` from those that the wake is set for, and returns which of them it was set for.
    pub(crate) fn take_only(&self, reasons: u8) -> u8 {
        if !self.made_in.is_current() {
            return 0;
        }
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        if self.reasons.load(Ordering::SeqCst) & !reasons == 0 {
            let _ = rustix::io::read(&self.fd, &mut [0; 8]);
        }
        self.reasons.fetch_and(!reasons, Ordering::SeqCst) & reasons
    }

    /// Whether it is set, called after its descriptor was found to be readable. If another process with a copy of the
    /// descriptor has made it readable, this makes it unreadable again.
    fn confirm(&self) -> bool {
        if !self.is_set() {
            let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.is_set() {
                let _ = rustix::io::read(&self.fd, &mut [0; 8]);
            }
        }
        self.is_set()
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Implements [`Transport::wait`](super::Transport::wait) for anything with a file descriptor.
///
/// # Errors
///
/// Those of `poll`. Interruption by a signal is not an error: the wait goes on.
pub fn wait_fd(
    fd: BorrowedFd<'_>,
    interest: Interest,
    deadline: impl Into<Deadline>,
    wake: Option<&Wake>,
) -> io::Result<Ready> {
    let mut events = PollFlags::empty();
    events.set(PollFlags::IN, interest.read);
    events.set(PollFlags::OUT, interest.write);
    let waker = wake.map_or(fd, AsFd::as_fd);
    let mut fds = [PollFd::from_borrowed_fd(fd, events), PollFd::from_borrowed_fd(waker, PollFlags::IN)];
    let fds = if wake.is_some() { &mut fds[..] } else { &mut fds[..1] };
    poll_until(fds, deadline.into())?;
    let seen = fds[0].revents();
    let failed = seen.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
    Ok(Ready {
        read: interest.read && (failed || seen.contains(PollFlags::IN)),
        write: interest.write && (failed || seen.contains(PollFlags::OUT)),
        woken: fds.get(1).is_some_and(|fd| fd.revents().contains(PollFlags::IN)) && wake.is_some_and(Wake::confirm),
    })
}

/// Waits until one of `wakes` is set or `deadline` has passed.
pub(crate) fn wait_for_any(deadline: Deadline, wakes: &[&Wake]) -> io::Result<()> {
    let mut fds: Vec<_> = wakes.iter().map(|wake| PollFd::new(*wake, PollFlags::IN)).collect();
    poll_until(&mut fds, deadline)?;
    confirm_all(wakes, &fds);
    Ok(())
}

/// Makes those wakes unreadable again that are readable and not set.
pub(super) fn confirm_all(wakes: &[&Wake], polled: &[PollFd<'_>]) {
    for (wake, _) in wakes.iter().zip(polled).filter(|(_, fd)| !fd.revents().is_empty()) {
        wake.confirm();
    }
}

/// Waits until one of the descriptors is ready, or `deadline` has passed.
pub(super) fn poll_until(fds: &mut [PollFd<'_>], deadline: Deadline) -> io::Result<()> {
    loop {
        let left = deadline.left().map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        match poll(fds, left.as_ref()) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    #[test]
    fn a_wake_set_before_the_wait_is_not_lost_and_counts_once() {
        let (end, _peer) = UnixStream::pair().unwrap();
        let wake = Wake::new().unwrap();
        wake.set(INTERRUPT);
        wake.set(CHANGED);
        let ready = wait_fd(end.as_fd(), Interest::READ, None, Some(&wake)).unwrap();
        assert_eq!(ready, Ready { woken: true, ..Ready::default() });
        assert_eq!((wake.take_only(CHANGED), wake.take_only(CHANGED)), (CHANGED, 0));
        assert!(wait_fd(end.as_fd(), Interest::READ, None, Some(&wake)).unwrap().woken);
        wake.set(CHANGED);
        assert_eq!(wake.take(), INTERRUPT | CHANGED);
        let soon = Deadline::after(Duration::from_millis(1));
        assert_eq!(wait_fd(end.as_fd(), Interest::READ, soon, Some(&wake)).unwrap(), Ready::default());
    }

    #[test]
    fn a_wake_made_readable_by_another_process_wakes_nothing_and_is_cleared() {
        let (end, _peer) = UnixStream::pair().unwrap();
        let wake = Wake::new().unwrap();
        #[cfg(any(target_os = "linux", target_os = "android"))]
        rustix::io::write(&wake.fd, &1u64.to_ne_bytes()).unwrap();
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        rustix::io::write(&wake.writer, b"x").unwrap();
        let soon = Deadline::after(Duration::from_secs(5));
        assert!(!wait_fd(end.as_fd(), Interest::READ, soon, Some(&wake)).unwrap().woken);
        let mut readable = [PollFd::new(&wake, PollFlags::IN)];
        assert_eq!(poll(&mut readable, Some(&Timespec::default())).unwrap(), 0);
        wake.set(INTERRUPT);
        assert!(wait_fd(end.as_fd(), Interest::READ, None, Some(&wake)).unwrap().woken);
    }

    #[test]
    fn setting_a_forked_copy_of_a_wake_changes_nothing() {
        let mut wake = Wake::new().unwrap();
        wake.made_in = Process::other();
        wake.set(INTERRUPT);
        let mut readable = [PollFd::new(&wake, PollFlags::IN)];
        assert_eq!(poll(&mut readable, Some(&Timespec::default())).unwrap(), 0);
        assert!(!wake.is_set());
    }

    #[test]
    fn the_end_of_a_stream_counts_as_readable() {
        let (end, peer) = UnixStream::pair().unwrap();
        drop(peer);
        assert!(wait_fd(end.as_fd(), Interest::READ, None, None).unwrap().read);
    }
}
