//! A transport made of any pair of blocking streams.

use super::{Interest, Ready, Transport, Wake, wait_fd};
use crate::deadline::Deadline;
use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long to wait before retrying a stream that returned `WouldBlock`, since there is no way to wait for it.
const RETRY: Duration = Duration::from_millis(1);

/// A transport made of a [`Read`] and a [`Write`].
///
/// The streams may block. While one does, time limits and interruption have no effect; they apply only between calls of
/// the streams. A stream that has a time limit of its own and fails with `WouldBlock` or `TimedOut` is tried again,
/// every millisecond at most, until the connection's limit is reached. For a stream with a file descriptor, implement
/// [`Transport`] with [`wait_fd`] instead, which does not have this restriction.
///
/// One thread can read while another one writes.
pub struct Halves<R, W> {
    reader: Mutex<R>,
    /// `None` once [`close_write`](Transport::close_write) has dropped it.
    writer: Mutex<Option<W>>,
    on_abort: Option<Box<dyn Fn() + Send + Sync>>,
    aborted: AtomicBool,
    /// The last call of either half returned `WouldBlock`.
    blocked: AtomicBool,
}

impl<R: Read + Send, W: Write + Send> Halves<R, W> {
    /// Makes a transport of the two streams. `writer` is dropped to end the stream towards the peer, so dropping it
    /// should close that direction.
    pub fn new(reader: R, writer: W) -> Self {
        Self {
            reader: Mutex::new(reader),
            writer: Mutex::new(Some(writer)),
            on_abort: None,
            aborted: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
        }
    }

    /// Sets a function that ends both streams at once, so that a call blocked on either returns. It may be called from
    /// any thread.
    #[must_use]
    pub fn on_abort(mut self, abort: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_abort = Some(Box::new(abort));
        self
    }

    fn check<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if self.aborted.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let result = result.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => io::ErrorKind::WouldBlock.into(),
            _ => error,
        });
        let blocked = matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        self.blocked.store(blocked, Ordering::Relaxed);
        result
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<R: Read + Send, W: Write + Send> Transport for Halves<R, W> {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let result = lock(&self.reader).read(buf);
        self.check(result)
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let result = match &mut *lock(&self.writer) {
            Some(writer) => writer.write_vectored(bufs),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        match self.check(result) {
            Ok(0) if bufs.iter().any(|buf| !buf.is_empty()) => Err(io::ErrorKind::WriteZero.into()),
            result => result,
        }
    }

    fn flush(&self) -> io::Result<()> {
        let result = lock(&self.writer).as_mut().map_or(Ok(()), Write::flush);
        self.check(result)
    }

    fn wait(&self, interest: Interest, deadline: Deadline, wake: Option<&Wake>) -> io::Result<Ready> {
        let woken = wake.is_some_and(Wake::is_set);
        if self.blocked.load(Ordering::Relaxed) && !woken {
            match wake {
                Some(wake) => {
                    let until = deadline.earliest(Deadline::after(RETRY));
                    wait_fd(wake.as_fd(), Interest::READ, until, None)?;
                }
                None => std::thread::sleep(deadline.left().map_or(RETRY, |left| left.min(RETRY))),
            }
        }
        Ok(Ready { read: interest.read, write: interest.write, woken: wake.is_some_and(Wake::is_set) })
    }

    fn close_write(&self) -> io::Result<()> {
        match lock(&self.writer).take() {
            Some(mut writer) => writer.flush(),
            None => Ok(()),
        }
    }

    fn abort(&self) {
        self.aborted.store(true, Ordering::SeqCst);
        if let Some(abort) = &self.on_abort {
            abort();
        }
    }
}

impl<R, W> fmt::Debug for Halves<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Halves").field("aborted", &self.aborted).finish_non_exhaustive()
    }
}
