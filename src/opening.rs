//! Reading and writing of the opening handshake's bytes over a transport, for both roles, within one deadline.

use crate::deadline::Deadline;
use crate::error::{Error, Interrupted, Phase, Result, Timeout};
use crate::transport::{Interest, Linger, Pace, Progress, Transport, Wake};
use std::io::{self, IoSlice};
use std::time::Duration;

/// Size of a read. Bytes after the head are kept, and fit into the connection's first buffer.
pub(crate) const CHUNK: usize = 2 << 10;

/// How long the body of a refusal is waited for. Peers that give it no length and keep the connection open would otherwise
/// delay the error until the deadline, for a body that only explains it.
const BODY_TIME: Duration = Duration::from_secs(1);

/// A transport during the opening handshake.
pub(crate) struct Opening<'a> {
    pub(crate) transport: &'a dyn Transport,
    pub(crate) deadline: Deadline,
    /// While it is set to interrupt, calls that would wait fail with `Interrupted`.
    pub(crate) wake: Option<&'a Wake>,
}

impl Opening<'_> {
    /// From now on, only the body of a refusal is to be read.
    pub(crate) fn await_body(&mut self) {
        self.deadline = self.deadline.earliest(Deadline::after(BODY_TIME));
    }

    /// Writes all of `bytes` and flushes.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.transport.write(&[IoSlice::new(rest)]) {
                Ok(count) => rest = &rest[count..],
                Err(error) => self.wait_after(error, Interest::WRITE)?,
            }
        }
        while let Err(error) = self.transport.flush() {
            self.wait_after(error, Interest::WRITE)?;
        }
        Ok(())
    }

    /// Reads at least one byte; zero is the end of the stream.
    pub(crate) fn read(&self, buf: &mut [u8]) -> Result<usize> {
        loop {
            match self.transport.read(buf) {
                Ok(count) => return Ok(count),
                Err(error) => self.wait_after(error, Interest::READ)?,
            }
        }
    }

    /// Ends the stream after the last bytes written, then discards input until the peer closes the connection or the
    /// deadline passes: closing earlier could reset the connection before the peer has read those bytes.
    pub(crate) fn linger(&self) {
        let mut pace = Pace::default();
        let mut linger = Linger::new(self.transport, self.wake, &mut pace);
        if linger.end_write(self.deadline) == Progress::Done {
            linger.read_out(self.deadline);
        }
    }

    fn wait_after(&self, error: io::Error, interest: Interest) -> Result<()> {
        const DURING: &str = "opening handshake";
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(Error::io(DURING, error));
        }
        if self.wake.is_some_and(Wake::is_interrupting) {
            return Err(Interrupted::during(Phase::Handshake));
        }
        if self.deadline.is_over() {
            return Err(Timeout::of(Phase::Handshake));
        }
        let waited = self.transport.wait(interest, self.deadline, self.wake);
        waited.map(drop).map_err(|error| Error::io(DURING, error))
    }
}
