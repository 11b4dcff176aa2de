//! What a turn leaves behind, in every order in which other threads can do something during its writes: the transport
//! calls the test before each of them.

use crate::compression::Compress;
use crate::config::Config;
use crate::connection::line::Wants;
use crate::connection::link::{Link, new_outbound};
use crate::connection::patience::Patience;
use crate::connection::sending::{Outgoing, Part};
use crate::connection::turn::{COPY_BELOW, GATHER_MAX};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::message::Kind;
use crate::proto::{Opcode, Role};
use crate::transport::{Interest, Ready, Transport, Wake};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for another thread.
const LIMIT: Duration = Duration::from_secs(10);
const PLENTY: usize = usize::MAX;

type Hook = Box<dyn FnOnce(&Arc<Link>) + Send>;

/// What the transport does, and what has been written to it.
#[derive(Default)]
struct Script {
    state: Mutex<State>,
    changed: Condvar,
    link: OnceLock<Weak<Link>>,
}

#[derive(Default)]
struct State {
    room: usize,
    /// What happens during the next writes that find room.
    hooks: VecDeque<Hook>,
    written: Vec<u8>,
    flushes: usize,
}

impl Script {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn on_write(&self, hook: impl FnOnce(&Arc<Link>) + Send + 'static) {
        self.state().hooks.push_back(Box::new(hook));
    }

    fn set_room(&self, room: usize) {
        self.state().room = room;
        self.changed.notify_all();
    }

    /// The payloads of the frames that were written, those of control frames in brackets.
    fn frames(&self) -> Vec<String> {
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
            if state.room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            state.hooks.pop_front()
        };
        if let Some(hook) = hook {
            hook(&self.link.get().unwrap().upgrade().unwrap());
        }
        let mut state = self.state();
        let bytes: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).take(state.room).collect();
        state.room -= bytes.len();
        state.written.extend_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn flush(&self) -> io::Result<()> {
        self.state().flushes += 1;
        Ok(())
    }

    fn wait(&self, interest: Interest, deadline: Deadline, _: Option<&Wake>) -> io::Result<Ready> {
        assert_eq!(interest, Interest::WRITE);
        let mut state = self.state();
        while state.room == 0 && !deadline.is_over() {
            let left = deadline.left().unwrap_or(LIMIT);
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
        Ok(Ready { write: state.room > 0, ..Ready::default() })
    }

    fn close_write(&self) -> io::Result<()> {
        Ok(())
    }

    fn abort(&self) {}
}

/// A server's connection, whose receiver other threads can wake or cannot.
fn open(room: usize, wakeable: bool) -> (Arc<Link>, Arc<Script>) {
    let script = Arc::new(Script::default());
    script.set_room(room);
    let link = Link::new(Box::new(Arc::clone(&script)), new_outbound(Role::Server).unwrap(), Config::default());
    script.link.set(Arc::downgrade(&link)).unwrap();
    if wakeable {
        link.recv_wake.set(Arc::new(Wake::new().unwrap())).unwrap();
    }
    (link, script)
}

fn message(link: &Link, payload: &[u8], flush: bool, patience: &mut Patience) -> Result<()> {
    let payload = [IoSlice::new(payload)];
    link.send(&Outgoing::new(Opcode::Text, Part::Whole, &payload, Compress::Never, flush), patience)
}

fn feed(link: &Link, payload: &str) {
    message(link, payload.as_bytes(), false, &mut Patience::until(Deadline::after(LIMIT))).unwrap();
}

fn send(link: &Link, payload: &str) {
    message(link, payload.as_bytes(), true, &mut Patience::until(Deadline::after(LIMIT))).unwrap();
}

/// Sends until there is no more room.
fn send_and_give_up(link: &Link, payload: &str) {
    let result = message(link, payload.as_bytes(), true, &mut Patience::until(Deadline::after(Duration::ZERO)));
    assert!(matches!(&result, Err(error @ Error::Timeout(_)) if error.message_accepted()), "{result:?}");
}

/// A thread that sends without a time limit.
fn sending(link: &Arc<Link>, payload: String) -> thread::JoinHandle<()> {
    let link = Arc::clone(link);
    thread::spawn(move || message(&link, payload.as_bytes(), true, &mut Patience::until(None)).unwrap())
}

/// Waits until something has become true: whether it has.
fn eventually(mut done: impl FnMut() -> bool) -> bool {
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
fn is_woken(link: &Link) -> bool {
    link.recv_wake.get().unwrap().take() != 0
}

fn receive_ping(link: &Link, payload: &str) {
    link.ping_received(payload.as_bytes());
    let outlook = link.before_wait();
    assert!(!outlook.unsent, "it is another thread's turn");
}

// ----- What the turn sends before it ends -----

#[test]
fn replies_that_become_due_during_a_write_are_sent_at_its_end() {
    let (link, script) = open(PLENTY, true);
    script.on_write(|link| receive_ping(link, "ping"));
    send(&link, "message");
    assert_eq!(script.frames(), ["message", "[ping]"]);
    assert!(!is_woken(&link), "there is nothing left to do");
    // Nor later.
    link.stream_ended();
    assert!(!is_woken(&link));
}

#[test]
fn what_is_gathered_during_a_write_is_sent_at_its_end_but_only_once() {
    let (link, script) = open(PLENTY, true);
    for payload in ["second", "third", "fourth"] {
        script.on_write(move |link| feed(link, payload));
    }
    send(&link, "first");
    assert_eq!(script.frames(), ["first", "second"]);
    // No sender waits for the third, so the receiver is told.
    assert!(link.is_stuck() && is_woken(&link));
    link.before_wait();
    assert_eq!(script.frames(), ["first", "second", "third", "fourth"]);
    assert!(!link.is_stuck() && !is_woken(&link));
}

#[test]
fn a_turn_writes_everything_for_a_receiver_that_waits_and_cannot_be_woken() {
    let (link, script) = open(PLENTY, false);
    for payload in ["second", "third", "fourth"] {
        script.on_write(move |link| {
            feed(link, payload);
            link.before_wait();
        });
    }
    send(&link, "first");
    assert_eq!(script.frames(), ["first", "second", "third", "fourth"]);
}

#[test]
fn replies_wait_while_there_is_no_room() {
    let (link, script) = open(3, true);
    script.on_write(|link| receive_ping(link, "ping"));
    send_and_give_up(&link, "message");
    assert!(link.is_stuck() && link.gate().session.has_replies());
    script.set_room(PLENTY);
    link.before_wait();
    link.before_wait();
    assert_eq!(script.frames(), ["message", "[ping]"]);
}

#[test]
fn what_is_gathered_during_a_turn_that_does_not_write_keeps_its_place() {
    let (link, script) = open(PLENTY, true);
    let mut turn = link.turn_to_gather().unwrap();
    assert!(link.gather(turn.queue(), Kind::Text, b"first", Compress::Never));
    feed(&link, "second");
    drop(turn);
    feed(&link, "third");
    assert!(script.frames().is_empty() && !is_woken(&link));
    link.flush(&mut Patience::until(None)).unwrap();
    assert_eq!(script.frames(), ["first", "second", "third"]);
}

#[test]
fn what_is_gathered_while_the_receiver_begins_to_wait_is_sent_by_it() {
    let (link, script) = open(PLENTY, true);
    let mut turn = link.turn_to_gather().unwrap();
    assert!(link.gather(turn.queue(), Kind::Text, b"message", Compress::Never));
    link.before_wait();
    assert!(!is_woken(&link));
    drop(turn);
    assert!(is_woken(&link));
    link.before_wait();
    assert_eq!(script.frames(), ["message"]);
}

#[test]
fn what_is_owed_to_the_receiver_stays_owed_while_another_thread_is_next() {
    let (link, script) = open(PLENTY, true);
    script.on_write(|link| feed(link, "second"));
    script.on_write(|link| {
        feed(link, "third");
        link.before_wait();
        link.gate().line.join(Wants::Turn { streaming: false });
    });
    send(&link, "first");
    assert_eq!(script.frames(), ["first", "second"]);
    assert!(!link.is_stuck() && !is_woken(&link), "the thread in line is to write the third");
    // That thread only gathers.
    let mut gate = link.gate();
    gate.line.leave(0);
    let queue = gate.queue.take().unwrap();
    drop(link.begin_turn(gate, queue));
    assert!(is_woken(&link));
}

#[test]
fn memory_of_a_gathered_queue_goes_to_the_pool_when_all_is_written() {
    for is_quiet in [true, false] {
        let (link, script) = open(PLENTY, true);
        let mut turn = link.turn_to_gather().unwrap();
        (0..3).for_each(|_| assert!(link.gather(turn.queue(), Kind::Binary, &[b'x'; 20_000], Compress::Never)));
        drop(turn);
        if !is_quiet {
            script.on_write(|link| receive_ping(link, "ping"));
        }
        link.flush(&mut Patience::until(None)).unwrap();
        assert_eq!(link.gate().queue.as_ref().unwrap().out.queue_capacity(), 0, "quiet: {is_quiet}");
    }
}

// ----- What it says about room -----

#[test]
fn output_is_pending_from_a_write_without_room_to_one_that_takes_everything() {
    for is_quiet in [true, false] {
        let (link, script) = open(3, true);
        send_and_give_up(&link, "message");
        assert!(link.is_stuck() && is_woken(&link), "the receiver writes the rest");
        assert!(link.before_wait().unsent);
        assert!(link.is_stuck() && !is_woken(&link), "it has been told by its own write");
        script.set_room(PLENTY);
        if !is_quiet {
            script.on_write(|link| receive_ping(link, "ping"));
        }
        link.flush(&mut Patience::until(None)).unwrap();
        assert!(!link.is_stuck() && !is_woken(&link), "quiet: {is_quiet}");
        assert_eq!(script.frames()[0], "message");
    }
}

#[test]
fn nothing_is_pending_after_the_end() {
    let (link, script) = open(3, true);
    script.on_write(|link| drop(link.cut(Error::Closed(crate::error::Closed::Eof))));
    send_and_give_up(&link, "message");
    assert!(!link.is_stuck());
}

// ----- Whom it wakes -----

#[test]
fn room_beside_the_queue_is_passed_on_before_the_second_write() {
    let (link, script) = open(PLENTY, true);
    script.on_write(|link| {
        let part = "b".repeat(GATHER_MAX / 4);
        (0..3).for_each(|_| feed(link, &part));
        sending(link, "c".repeat(GATHER_MAX / 3));
        assert!(eventually(|| !link.gate().line.is_empty()), "it waits for room");
    });
    let (say, is_passed_on) = std::sync::mpsc::channel();
    script.on_write(move |link| say.send(eventually(|| link.gate().line.is_empty())).unwrap());
    send(&link, "a");
    assert!(is_passed_on.recv().unwrap(), "the thread still waits for room");
    assert!(eventually(|| script.frames().len() == 5));
}

#[test]
fn what_is_gathered_during_the_second_write_is_a_batch_of_its_own() {
    let (link, script) = open(PLENTY, true);
    let numbers = Arc::new(Mutex::new(Vec::new()));
    for payload in ["second", "third"] {
        let numbers = Arc::clone(&numbers);
        script.on_write(move |link| {
            feed(link, payload);
            numbers.lock().unwrap().push(link.gate().line.join_batch().0);
        });
    }
    send(&link, "first");
    assert_eq!(script.frames(), ["first", "second"]);
    let gate = link.gate();
    assert_eq!(
        numbers.lock().unwrap().iter().map(|number| gate.line.is_out(*number)).collect::<Vec<_>>(),
        [true, false]
    );
    assert!(gate.line.has_batches() && !gate.blocked, "a sender is there to write the third");
}

#[test]
fn a_thread_that_waits_for_its_turn_is_woken_at_the_end_of_another() {
    for is_gathering in [true, false] {
        let (link, script) = open(PLENTY, true);
        let large = "b".repeat(COPY_BELOW);
        let waiting = |link: &Arc<Link>| {
            let waiting = sending(link, large.clone());
            assert!(eventually(|| !link.gate().line.is_empty()));
            waiting
        };
        let thread = if is_gathering {
            let turn = link.turn_to_gather().unwrap();
            let thread = waiting(&link);
            drop(turn);
            thread
        } else {
            let (link, large) = (Arc::clone(&link), large.clone());
            let (say, is_waiting) = std::sync::mpsc::channel();
            script.on_write(move |link| {
                let thread = sending(link, large);
                assert!(eventually(|| !link.gate().line.is_empty()));
                say.send(thread).unwrap();
            });
            send(&link, "a");
            is_waiting.recv().unwrap()
        };
        assert!(eventually(|| thread.is_finished()), "gathering: {is_gathering}");
        assert_eq!(script.frames().last(), Some(&large));
    }
}

#[test]
fn threads_whose_bytes_are_out_are_woken_at_the_end_or_before_the_second_write() {
    for is_second in [false, true] {
        let (link, script) = open(5, true);
        let threads = Arc::new(Mutex::new(Vec::new()));
        // They wait for what is gathered during a turn, for which there is no room.
        script.on_write({
            let threads = Arc::clone(&threads);
            move |link| {
                for payload in ["b", "c", "d"] {
                    threads.lock().unwrap().push(sending(link, payload.to_owned()));
                }
                let gathered = || link.gate().beside.as_ref().map_or(0, |beside| beside.pending().len());
                assert!(eventually(|| gathered() == 9));
            }
        });
        send(&link, "aaa");
        let finished = {
            let threads = Arc::clone(&threads);
            move || threads.lock().unwrap().iter().filter(|thread| thread.is_finished()).count()
        };
        assert_eq!(finished(), 0);
        // One of them writes.
        let (say, are_woken) = std::sync::mpsc::channel();
        if is_second {
            script.on_write(|link| feed(link, "e"));
            let finished = finished.clone();
            script.on_write(move |_| say.send(eventually(|| finished() == 2)).unwrap());
        }
        script.set_room(PLENTY);
        assert!(eventually(|| finished() == 3));
        assert!(!is_second || are_woken.recv().unwrap(), "the others wait for the second write");
        assert_eq!(script.frames().len(), if is_second { 5 } else { 4 });
    }
}
