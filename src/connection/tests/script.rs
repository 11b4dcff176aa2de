//! A connection over a transport that has as much room as the test says, and calls the test before each write.

use crate::compression::Compress;
use crate::config::Config;
use crate::connection::link::{Link, new_outbound};
use crate::connection::patience::Patience;
use crate::connection::sending::{Outgoing, Part};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::proto::{Opcode, Role};
use crate::transport::{Interest, Ready, Transport, Wake};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for another thread.
pub(super) const LIMIT: Duration = Duration::from_secs(10);
pub(super) const PLENTY: usize = usize::MAX;

type Hook = Box<dyn FnOnce(&Arc<Link>) + Send>;

/// What the transport does, and what has been written to it.
#[derive(Default)]
pub(super) struct Script {
    state: Mutex<State>,
    changed: Condvar,
    link: OnceLock<Weak<Link>>,
}

#[derive(Default)]
struct State {
    room: usize,
    /// How many bytes one write takes, if not 0.
    most: usize,
    /// Writes fail.
    is_broken: bool,
    /// Whether the last wait could be ended by a wake.
    was_wakeable: bool,
    /// What happens during the next writes that find room.
    hooks: VecDeque<Hook>,
    written: Vec<u8>,
    /// Something that was written cannot be handed on yet.
    is_holding: bool,
}

impl Script {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn on_write(&self, hook: impl FnOnce(&Arc<Link>) + Send + 'static) {
        self.state().hooks.push_back(Box::new(hook));
    }

    pub(super) fn set_room(&self, room: usize) {
        self.state().room = room;
        self.changed.notify_all();
    }

    pub(super) fn room(&self) -> usize {
        self.state().room
    }

    pub(super) fn set_most(&self, most: usize) {
        self.state().most = most;
    }

    pub(super) fn set_broken(&self, is_broken: bool) {
        self.state().is_broken = is_broken;
    }

    pub(super) fn was_wakeable(&self) -> bool {
        self.state().was_wakeable
    }

    pub(super) fn set_holding(&self, is_holding: bool) {
        self.state().is_holding = is_holding;
        self.changed.notify_all();
    }

    /// The payloads of the frames that were written, those of control frames in brackets.
    pub(super) fn frames(&self) -> Vec<String> {
        let state = self.state();
        let (mut rest, mut frames) = (&state.written[..], Vec::new());
        while let [first, len, behind @ ..] = rest {
            let (len, behind) = match len {
                126 => (usize::from(u16::from_be_bytes([behind[0], behind[1]])), &behind[2..]),
                len => (usize::from(*len), behind),
            };
            let payload = String::from_utf8_lossy(&behind[..len]);
            frames.push(if first & 8 == 0 { payload.into_owned() } else { format!("[{payload}]") });
            rest = &behind[len..];
        }
        frames
    }
}

impl Transport for Arc<Script> {
    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let hook = {
            let mut state = self.state();
            if state.is_broken {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if state.room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            state.hooks.pop_front()
        };
        // Not for what the connection writes when it is dropped.
        if let (Some(hook), Some(link)) = (hook, self.link.get().and_then(Weak::upgrade)) {
            hook(&link);
        }
        let mut state = self.state();
        let room = if state.most == 0 { state.room } else { state.room.min(state.most) };
        let bytes: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).take(room).collect();
        state.room -= bytes.len();
        state.written.extend_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn flush(&self) -> io::Result<()> {
        if self.state().is_holding { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }

    fn wait(&self, interest: Interest, deadline: Deadline, wake: Option<&Wake>) -> io::Result<Ready> {
        assert_eq!(interest, Interest::WRITE);
        let mut state = self.state();
        state.was_wakeable = wake.is_some();
        while (state.room == 0 || state.is_holding) && !deadline.is_over() {
            let left = deadline.left().unwrap_or(LIMIT);
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
        Ok(Ready { write: state.room > 0 && !state.is_holding, ..Ready::default() })
    }

    fn close_write(&self) -> io::Result<()> {
        Ok(())
    }

    fn abort(&self) {}
}

/// A server's connection, whose receiver other threads can wake or cannot.
pub(super) fn open(room: usize, wakeable: bool) -> (Arc<Link>, Arc<Script>) {
    let script = Arc::new(Script::default());
    script.set_room(room);
    let link = Link::new(Box::new(Arc::clone(&script)), new_outbound(Role::Server).unwrap(), Config::default());
    script.link.set(Arc::downgrade(&link)).unwrap();
    if wakeable {
        link.recv_wake.set(Arc::new(Wake::new().unwrap())).unwrap();
    }
    (link, script)
}

pub(super) fn message(link: &Link, payload: &[u8], flush: bool, patience: &mut Patience) -> Result<()> {
    let payload = [IoSlice::new(payload)];
    link.send(&Outgoing::new(Opcode::Text, Part::Whole, &payload, Compress::Never, flush), patience)
}

pub(super) fn feed(link: &Link, payload: &str) {
    message(link, payload.as_bytes(), false, &mut Patience::until(Deadline::after(LIMIT))).unwrap();
}

pub(super) fn send(link: &Link, payload: &str) {
    message(link, payload.as_bytes(), true, &mut Patience::until(Deadline::after(LIMIT))).unwrap();
}

/// Sends until there is no more room.
pub(super) fn send_and_give_up(link: &Link, payload: &str) {
    let result = message(link, payload.as_bytes(), true, &mut Patience::until(Deadline::after(Duration::ZERO)));
    assert!(matches!(&result, Err(error @ Error::Timeout(_)) if error.message_accepted()), "{result:?}");
}

/// A thread that sends without a time limit.
pub(super) fn sending(link: &Arc<Link>, payload: String) -> thread::JoinHandle<Result<()>> {
    message_of_thread(link, payload, true)
}

pub(super) fn message_of_thread(link: &Arc<Link>, payload: String, flush: bool) -> thread::JoinHandle<Result<()>> {
    let link = Arc::clone(link);
    thread::spawn(move || message(&link, payload.as_bytes(), flush, &mut Patience::until(None)))
}

/// Waits until something has become true: whether it has.
pub(super) fn eventually(mut done: impl FnMut() -> bool) -> bool {
    let limit = Instant::now() + LIMIT;
    while !done() {
        if Instant::now() > limit {
            return false;
        }
        thread::yield_now();
    }
    true
}

/// Whether the receiver has been woken since the last time.
pub(super) fn is_woken(link: &Link) -> bool {
    link.recv_wake.get().unwrap().take() != 0
}

pub(super) fn receive_ping(link: &Link, payload: &str) {
    link.ping_received(payload.as_bytes());
    let outlook = link.before_wait();
    assert!(!outlook.unsent, "it is another thread's turn");
}
