//! A transport in memory that calls the test.

use landline::Deadline;
use landline::transport::{Interest, MemoryTransport, Ready, Transport, Wake};
use std::io::{self, IoSlice};

/// Calls the test before each write, which fails if the hook does, before each wait, and after the transport has been cut.
pub(crate) struct Hooked {
    inner: MemoryTransport,
    before_write: Box<dyn Fn() -> io::Result<()> + Send + Sync>,
    before_wait: Box<dyn Fn(Interest) + Send + Sync>,
    after_abort: Box<dyn Fn() + Send + Sync>,
}

impl Hooked {
    fn new(inner: MemoryTransport) -> Self {
        Self {
            inner,
            before_write: Box::new(|| Ok(())),
            before_wait: Box::new(|_| {}),
            after_abort: Box::new(|| {}),
        }
    }

    pub(crate) fn before_write(
        inner: MemoryTransport,
        hook: impl Fn() -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self { before_write: Box::new(hook), ..Self::new(inner) }
    }

    pub(crate) fn before_wait(inner: MemoryTransport, hook: impl Fn(Interest) + Send + Sync + 'static) -> Self {
        Self { before_wait: Box::new(hook), ..Self::new(inner) }
    }

    pub(crate) fn after_abort(inner: MemoryTransport, hook: impl Fn() + Send + Sync + 'static) -> Self {
        Self { after_abort: Box::new(hook), ..Self::new(inner) }
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
        (self.before_wait)(interest);
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
