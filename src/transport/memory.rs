//! A pair of transports connected in memory, for tests and for embedding. No sockets.

use super::{Interest, Ready, Transport, Wake, wait_fd};
use crate::deadline::Deadline;
use crate::process::Process;
use crate::transport::CHANGED;
use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many bytes each direction holds before writing blocks.
const CAPACITY: usize = 64 << 10;

/// Makes two connected transports: what is written to one is read from the other.
///
/// Each direction holds 64 KiB. When it is full, writing waits for the peer to read, as with a socket.
///
/// ```
/// # fn main() -> landline::Result<()> {
/// let (client, server) = landline::transport::pair();
/// let server = std::thread::spawn(move || {
///     let mut ws = landline::server::accept_over(server, &landline::Config::default())?.accept()?;
///     ws.send("hello from memory")?;
///     ws.close(landline::CloseCode::NORMAL_CLOSURE, "")
/// });
/// let mut ws = landline::Client::default().connect_over(client, "ws://memory/")?;
/// assert_eq!(ws.recv()?, Some(landline::Message::Text("hello from memory".into())));
/// assert_eq!(ws.recv()?, None);
/// server.join().unwrap()
/// # }
/// ```
#[must_use]
pub fn pair() -> (MemoryTransport, MemoryTransport) {
    let (a, b) = (Arc::new(Pipe::default()), Arc::new(Pipe::default()));
    (
        MemoryTransport { incoming: Arc::clone(&a), outgoing: Arc::clone(&b), made_in: Process::current() },
        MemoryTransport { incoming: b, outgoing: a, made_in: Process::current() },
    )
}

/// One end of a [`pair`].
#[derive(Debug)]
pub struct MemoryTransport {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
    made_in: Process,
}

/// One direction.
#[derive(Debug, Default)]
struct Pipe(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    data: VecDeque<u8>,
    /// Nothing more will be written.
    writer_closed: bool,
    /// Nothing more will be read.
    reader_closed: bool,
    /// The threads that wait for a change, at either end.
    waiting: Vec<Arc<Wake>>,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        for waiting in &state.waiting {
            waiting.set(CHANGED);
        }
        result
    }

    fn is_readable(&self) -> bool {
        let state = self.lock();
        !state.data.is_empty() || state.writer_closed || state.reader_closed
    }

    fn is_writable(&self) -> bool {
        let state = self.lock();
        state.data.len() < CAPACITY || state.writer_closed || state.reader_closed
    }

    fn stop_waiting(&self, waiter: &Arc<Wake>) {
        self.lock().waiting.retain(|other| !Arc::ptr_eq(other, waiter));
    }
}

impl Transport for MemoryTransport {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.incoming.change(|state| {
            if state.reader_closed {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            if state.data.is_empty() && !state.writer_closed {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            state.data.read(buf)
        })
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.outgoing.change(|state| {
            if state.writer_closed || state.reader_closed {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let mut count = 0;
            for buf in bufs {
                let room = CAPACITY - state.data.len();
                count += state.data.write(&buf[..buf.len().min(room)])?;
            }
            if count == 0 && bufs.iter().any(|buf| !buf.is_empty()) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(count)
        })
    }

    fn wait(&self, interest: Interest, deadline: Deadline, wake: Option<&Wake>) -> io::Result<Ready> {
        let changed = Arc::new(Wake::new()?);
        for pipe in [&self.incoming, &self.outgoing] {
            pipe.lock().waiting.push(Arc::clone(&changed));
        }
        let result = loop {
            let ready = Ready {
                read: interest.read && self.incoming.is_readable(),
                write: interest.write && self.outgoing.is_writable(),
                woken: wake.is_some_and(Wake::is_set),
            };
            let is_over = deadline.is_over();
            if ready != Ready::default() || is_over {
                break Ok(ready);
            }
            if let Err(error) = wait_fd(changed.as_fd(), Interest::READ, deadline, wake) {
                break Err(error);
            }
            changed.take();
        };
        self.incoming.stop_waiting(&changed);
        self.outgoing.stop_waiting(&changed);
        result
    }

    fn close_write(&self) -> io::Result<()> {
        self.outgoing.change(|state| state.writer_closed = true);
        Ok(())
    }

    fn abort(&self) {
        self.outgoing.change(|state| state.writer_closed = true);
        self.incoming.change(|state| state.reader_closed = true);
    }
}

impl Drop for MemoryTransport {
    fn drop(&mut self) {
        // In a forked child there is no other end, and another thread may have held the lock at the fork.
        if self.made_in.is_current() {
            self.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn everything_written_is_read_in_order_and_both_ends_wait() {
        let (a, b) = pair();
        let sent: Vec<u8> = (0..1_000_000u32).map(|i| i as u8).collect();
        let expected = sent.clone();
        let writer = thread::spawn(move || {
            let mut rest = &sent[..];
            while !rest.is_empty() {
                match a.write(&[IoSlice::new(rest)]) {
                    Ok(count) => rest = &rest[count..],
                    Err(_) => drop(a.wait(Interest::WRITE, Deadline::NEVER, None).unwrap()),
                }
            }
            a.close_write().unwrap();
        });
        let mut received = Vec::new();
        let mut buf = [0; 4096];
        loop {
            match b.read_blocking(&mut buf, None).unwrap() {
                0 => break,
                count => received.extend_from_slice(&buf[..count]),
            }
        }
        writer.join().unwrap();
        assert!(received == expected);
    }

    #[test]
    fn abort_wakes_the_peer_and_ends_both_directions() {
        let (a, b) = pair();
        let reader = thread::spawn(move || b.read_blocking(&mut [0; 1], None).map(|count| (count, b)));
        a.abort();
        let (count, b) = reader.join().unwrap().unwrap();
        assert_eq!(count, 0);
        assert_eq!(b.write(&[IoSlice::new(b"x")]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
