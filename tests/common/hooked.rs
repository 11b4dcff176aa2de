//! A transport in memory that calls the test.

use landline::Deadline;
use landline::transport::{Interest, MemoryTransport, Ready, Transport, Wake};
use std::io::{self, IoSlice};

/// Calls the test before each write, which fails if the hook does, and after the transport has been cut.
pub(crate) struct Hooked {
    inner: MemoryTransport,
    before_write: Box<dyn Fn() -> io::Result<()> + Send + Sync>,
    after_abort: Box<dyn Fn() + Send + Sync>,
}

impl Hooked {
    pub(crate) fn before_write(
        inner: MemoryTransport,
        hook: impl Fn() -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self { inner, before_write: Box::new(hook), after_abort: Box::new(|| {}) }
    }

    pub(crate) fn after_abort(inner: MemoryTransport, hook: impl Fn() + Send + Sync + 'static) -> Self {
        Self { inner, before_write: Box::new(|| Ok(())), after_abort: Box::new(hook) }
    }
}

impl Transport for Hooked {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf)
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (self.before_write)()?;
        self.inner.write(bufs)
    }

    fn wait(&self, interest: Interest, deadline: Deadline, wake: Option<&Wake>) -> io::Result<Ready> {
        self.inner.wait(interest, deadline, wake)
    }

    fn close_write(&self) -> io::Result<()> {
        self.inner.close_write()
    }

    fn abort(&self) {
        self.inner.abort();
        (self.after_abort)();
    }
}
