//! Reading on at the end of a connection.
//!
//! A socket that is closed with unread data in it resets the connection, and a reset destroys what the peer has not read
//! yet. So the end that closes a connection reads and discards from the first moment on, even while its own last bytes
//! cannot be written: if both ends wrote first and read afterwards, each could wait for the other. When everything is
//! written, it ends the stream towards the peer, and reads on until the peer ends its own.
//!
//! This is bounded by time. A peer that sends without end costs little processor time ([`Pace`]).

use super::{Interest, Transport, Wake};
use crate::deadline::Deadline;
use std::io;
use std::time::Duration;

/// How long a refused peer has to read why: after the refusal of a handshake, or after the Close frame for a violation.
pub(crate) const LINGER: Duration = Duration::from_secs(2);
/// How long to wait for the peer to end the stream after an orderly end.
pub(crate) const EOF_TIMEOUT: Duration = Duration::from_secs(1);

/// Size of the buffer for discarded input, which is allocated only while input is being discarded.
const READ_LEN: usize = 64 << 10;
/// This much is discarded without pausing: more than a peer that stops sending when it is told to can have
/// in flight.
const UNPACED: usize = 16 << 20;
/// After that, there is a pause each time this much has been discarded.
const BURST: usize = 256 << 10;
const PAUSE: Duration = Duration::from_millis(1);
/// How long to wait before asking again whether another thread has finished writing: nothing wakes a thread that reads
/// meanwhile.
const RETRY: Duration = Duration::from_millis(2);

/// Limits how fast input is discarded, so that a peer that never stops sending costs little CPU: TCP's flow control
/// makes it wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    until_pause: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { until_pause: UNPACED }
    }
}

impl Pace {
    /// Counts `count` discarded bytes and pauses if a pause is due. If output is `blocked`, the pause ends as soon as there
    /// is room for it.
    pub(crate) fn discarded(&mut self, count: usize, transport: &dyn Transport, blocked: bool) {
        self.until_pause = self.until_pause.saturating_sub(count);
        if self.until_pause == 0 {
            self.until_pause = BURST;
            let interest = Interest { read: false, write: blocked };
            // If waiting fails, the next read reports why.
            let _ = transport.wait(interest, Deadline::after(PAUSE), None);
        }
    }
}

/// How far a step of ending a connection has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    Done,
    /// It waits for room to write.
    Blocked,
    /// It waits for another thread to finish writing.
    Behind,
    /// It waits for the peer to end its stream.
    Reading,
    /// It cannot be done any more.
    Failed,
    /// Time has run out while something was still to be written.
    Unwritten,
    /// Time has run out when only the end of the peer's stream was missing.
    Unanswered,
}

impl Progress {
    /// Whether time has run out.
    pub(crate) fn is_late(self) -> bool {
        matches!(self, Self::Unwritten | Self::Unanswered)
    }
}

/// The last use of a transport, in one thread: steps that may have to wait, and reading on meanwhile.
pub(crate) struct Linger<'a> {
    transport: &'a dyn Transport,
    /// Ends each step early while it is set.
    wake: Option<&'a Wake>,
    pace: &'a mut Pace,
    /// What is read is discarded here. Allocated when it is needed.
    scratch: Vec<u8>,
    discarded: usize,
    /// The peer has ended its stream, or reading fails.
    is_at_end: bool,
    /// The last read found something.
    is_flooded: bool,
}

impl<'a> Linger<'a> {
    pub(crate) fn new(transport: &'a dyn Transport, wake: Option<&'a Wake>, pace: &'a mut Pace) -> Self {
        Self { transport, wake, pace, scratch: Vec::new(), discarded: 0, is_at_end: false, is_flooded: false }
    }

    /// Whether the peer was still sending when a step ended.
    pub(crate) fn is_flooded(&self) -> bool {
        self.is_flooded
    }

    /// How many bytes have been discarded.
    pub(crate) fn discarded(&self) -> usize {
        self.discarded
    }

    /// Ends the stream towards the peer.
    pub(crate) fn end_write(&mut self, deadline: Deadline) -> Progress {
        let transport = self.transport;
        self.work(deadline, |_| match transport.close_write() {
            Ok(()) => Progress::Done,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Progress::Blocked,
            Err(_) => Progress::Failed,
        })
    }

    /// Reads until the peer ends its stream.
    pub(crate) fn read_out(&mut self, deadline: Deadline) -> Progress {
        self.work(deadline, |is_at_end| if is_at_end { Progress::Done } else { Progress::Reading })
    }

    /// Repeats a step until it is done, and reads and discards between the attempts. The step is told whether there is
    /// nothing more to read.
    pub(crate) fn work(&mut self, deadline: Deadline, step: impl Fn(bool) -> Progress) -> Progress {
        loop {
            let progress = step(self.is_at_end);
            if matches!(progress, Progress::Done | Progress::Failed) {
                return progress;
            }
            if self.wake.is_some_and(Wake::is_interrupting) {
                return Progress::Failed;
            }
            let blocked = progress == Progress::Blocked;
            let count = self.discard(blocked);
            if deadline.is_over() {
                let is_written = progress == Progress::Reading;
                return if is_written { Progress::Unanswered } else { Progress::Unwritten };
            }
            if count > 0 || (self.is_at_end && progress == Progress::Reading) {
                continue;
            }
            let retry = if progress == Progress::Behind { Deadline::after(RETRY) } else { Deadline::NEVER };
            let interest = Interest { read: !self.is_at_end, write: blocked };
            if self.transport.wait(interest, deadline.earliest(retry), self.wake).is_err() {
                return Progress::Failed;
            }
        }
    }

    /// Reads what is there, once. Returns how much that was.
    fn discard(&mut self, blocked: bool) -> usize {
        let mut count = 0;
        if !self.is_at_end {
            self.scratch.resize(READ_LEN, 0);
            match self.transport.read(&mut self.scratch) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) | Ok(0) => self.is_at_end = true,
                Ok(some) => count = some,
            }
        }
        self.is_flooded = count > 0;
        if count > 0 {
            self.discarded += count;
            self.pace.discarded(count, self.transport, blocked);
        }
        count
    }
}
