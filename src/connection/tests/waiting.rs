//! Who may send when, and what becomes of those who wait.

use super::script::{PLENTY, eventually, feed, message, open, send, send_and_give_up, sending};
use crate::close::{CloseCode, CloseFrame};
use crate::compression::Compress;
use crate::connection::closing::Progress;
use crate::connection::line::Wants;
use crate::connection::patience::Patience;
use crate::connection::turn::{COPY_BELOW, GATHER_MAX};
use crate::deadline::Deadline;
use crate::error::{Closed, Error};
use crate::message::Kind;
use crate::transport::{INTERRUPT, Wake};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

fn no_time() -> Patience {
    Patience::until(Deadline::after(Duration::ZERO))
}

fn is_refused(result: crate::Result<()>) -> bool {
    matches!(result, Err(error @ Error::Timeout(_)) if !error.message_accepted())
}

// ----- Bounds -----

#[test]
fn the_queue_is_written_once_it_holds_64_kib() {
    let (link, script) = open(PLENTY, true);
    let payload = "x".repeat(1000);
    (0..GATHER_MAX / 1000 + 1).for_each(|_| feed(&link, &payload));
    assert!(!script.frames().is_empty() && link.gate().queued() < GATHER_MAX);

    let (link, _script) = open(PLENTY, true);
    let gathered = (0..100).take_while(|_| link.gather_now(Kind::Text, &[b'x'; 1000], Compress::Never)).count();
    assert_eq!(gathered, (GATHER_MAX - 1) / 1004);
}

#[test]
fn a_full_queue_takes_nothing_more_before_it_is_written() {
    let (link, script) = open(1, true);
    (0..3).for_each(|_| send_and_give_up(&link, &"x".repeat(GATHER_MAX / 3 + 1)));
    let queued = link.gate().queued();
    assert!(queued >= GATHER_MAX);
    for flush in [true, false] {
        assert!(is_refused(message(&link, b"more", flush, &mut no_time())));
    }
    assert!(is_refused(link.ping(b"ping", &mut no_time())));
    assert_eq!(link.gate().queued(), queued);
    script.set_room(PLENTY);
    send(&link, "more");
    link.ping(b"ping", &mut Patience::until(None)).unwrap();
    assert_eq!(script.frames()[3..], ["more", "[ping]"]);
}

#[test]
fn flushing_includes_the_close_frame_behind_a_full_queue() {
    let (link, script) = open(1, true);
    (0..3).for_each(|_| send_and_give_up(&link, &"x".repeat(GATHER_MAX / 3 + 1)));
    link.begin_close(CloseFrame::trusted(CloseCode::NORMAL_CLOSURE, String::new())).unwrap();
    script.set_room(link.gate().queued());
    let result = link.flush(&mut no_time());
    assert!(matches!(result, Err(Error::Timeout(_))), "{result:?}");
    script.set_room(PLENTY);
    link.flush(&mut no_time()).unwrap();
    assert_eq!(script.frames().len(), 4);
}

// ----- Order -----

#[test]
fn a_thread_that_has_waited_for_a_while_goes_before_one_that_arrives() {
    let (link, script) = open(PLENTY, true);
    let ticket = link.gate().line.join(Wants::Turn { streaming: false }).0;
    assert!(eventually(|| link.gate().line.waiters().all(|waiter| waiter.goes_first())));
    assert!(is_refused(message(&link, b"message", true, &mut no_time())));
    link.gate().line.leave(ticket);
    message(&link, b"message", true, &mut no_time()).unwrap();
    assert_eq!(script.frames(), ["message"]);
}

#[test]
fn a_ping_that_waits_for_the_queue_leaves_when_a_stream_begins_before_it() {
    let (link, script) = open(PLENTY, true);
    let (say, threads) = mpsc::channel();
    script.on_write(move |link| {
        let waiting = |count: usize| assert!(eventually(|| link.gate().line.waiters().count() == count));
        let stream = Arc::clone(link);
        say.send(thread::spawn(move || stream.stream_begin(&mut Patience::until(None)))).unwrap();
        waiting(1);
        let ping = Arc::clone(link);
        say.send(thread::spawn(move || ping.ping(b"ping", &mut Patience::until(None)))).unwrap();
        waiting(2);
    });
    send(&link, "message");
    for thread in threads.iter().take(2) {
        assert!(eventually(|| thread.is_finished()));
    }
    assert_eq!(script.frames(), ["message", "[ping]"]);
}

#[test]
fn all_threads_in_line_learn_that_the_connection_is_closing() {
    let (link, script) = open(PLENTY, true);
    let (say, threads) = mpsc::channel();
    script.on_write(move |link| {
        for number in 1..=3 {
            say.send(sending(link, "x".repeat(COPY_BELOW))).unwrap();
            assert!(eventually(|| link.gate().line.waiters().count() == number));
        }
        link.begin_close(CloseFrame::trusted(CloseCode::NORMAL_CLOSURE, String::new())).unwrap();
    });
    send(&link, "message");
    for thread in threads.iter().take(3) {
        assert!(eventually(|| thread.is_finished()));
        let result = thread.join().unwrap();
        assert!(matches!(result, Err(Error::Closed(Closed::Sent) | Error::Usage(_))), "{result:?}");
    }
    assert_eq!(script.frames().len(), 2, "the message and the Close frame");
}

// ----- Interruption and failure -----

#[test]
fn only_calls_that_may_be_interrupted_notice_an_interrupt() {
    let (link, script) = open(1, true);
    link.send_wake.set(Arc::new(Wake::new().unwrap())).unwrap();
    link.send_wake.get().unwrap().set(INTERRUPT);
    send_and_give_up(&link, "message");
    let _ = link.flush(&mut Patience::until(Deadline::after(Duration::from_millis(1))));
    assert!(!script.was_wakeable(), "it would wake up again and again");
    let result = link.flush(&mut Patience::new(Deadline::NEVER, None));
    assert!(matches!(result, Err(Error::Interrupted(_))), "{result:?}");
}

#[test]
fn a_failure_to_write_messages_ends_the_connection_and_one_to_write_replies_does_not() {
    for (is_gathered, is_late) in [(false, false), (false, true), (true, true)] {
        let (link, script) = open(PLENTY, true);
        send(&link, "before");
        if is_gathered {
            assert!(link.gather_now(Kind::Text, b"message", Compress::Never));
        } else if is_late {
            feed(&link, "message");
        }
        link.ping_received(b"ping");
        script.set_broken(true);
        let outlook = link.before_wait();
        assert!(outlook.is_cut);
        assert_eq!(link.gate().end.is_some(), is_late, "gathered: {is_gathered}");
    }
}

#[test]
fn nothing_is_written_after_a_failure() {
    let (link, script) = open(1, true);
    send_and_give_up(&link, "message");
    link.ping_received(b"ping");
    script.set_broken(true);
    assert!(link.flush(&mut no_time()).is_err());
    // It would go on in the middle of a frame.
    script.set_broken(false);
    script.set_room(PLENTY);
    link.before_wait();
    assert_eq!(link.push(), Progress::Failed);
    assert!(link.flush(&mut no_time()).is_err());
    assert_eq!(script.room(), PLENTY);
}
