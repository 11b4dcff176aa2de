//! What a turn leaves behind, whatever other threads do during its writes.

use super::script::{
    PLENTY, eventually, feed, is_woken, message_of_thread, open, receive_ping, send, send_and_give_up, sending,
};
use crate::compression::Compress;
use crate::connection::line::Wants;
use crate::connection::link::Link;
use crate::connection::patience::Patience;
use crate::connection::turn::{COPY_BELOW, GATHER_MAX};
use crate::error::{Closed, Error};
use crate::message::Kind;
use std::sync::{Arc, Mutex, mpsc};

// ----- What the turn sends before it ends -----

#[test]
fn replies_that_become_due_during_a_write_are_sent_at_its_end() {
    let (link, script) = open(PLENTY, true);
    script.on_write(|link| receive_ping(link, "ping"));
    send(&link, "message");
    assert_eq!(script.frames(), ["message", "[ping]"]);
}

#[test]
fn a_receiver_that_waits_is_not_woken_when_all_is_written() {
    for is_quiet in [true, false] {
        let (link, script) = open(PLENTY, true);
        script.on_write(move |link| {
            if !is_quiet {
                link.ping_received(b"ping");
            }
            link.before_wait();
            // It stays so whoever looks meanwhile whom to wake.
            link.stream_ended();
        });
        send(&link, "message");
        assert!(!is_woken(&link), "quiet: {is_quiet}");
        // Nor later.
        link.stream_ended();
        assert!(!is_woken(&link), "quiet: {is_quiet}");
    }
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
    for (number, payload) in (0u64..).zip(["second", "third", "fourth"]) {
        script.on_write(move |link| {
            link.gate().line.leave(number.wrapping_sub(1));
            feed(link, payload);
            link.before_wait();
            // A thread that will only gather.
            assert_eq!(link.gate().line.join(Wants::Room { len: 1 }).0, number);
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
    link.ping_received(b"later");
    link.before_wait();
    assert!(link.gate().session.has_replies());
    script.set_room(PLENTY);
    link.before_wait();
    link.before_wait();
    assert_eq!(script.frames(), ["message", "[later]"]);
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
    link.stream_ended();
    assert!(!is_woken(&link), "not while the queue is taken");
    drop(turn);
    assert!(is_woken(&link));
    link.stream_ended();
    assert!(!is_woken(&link), "once is enough");
    link.before_wait();
    assert_eq!(script.frames(), ["message"]);
}

#[test]
fn a_message_whose_sender_gives_up_during_a_turn_that_does_not_write_is_sent_by_the_receiver() {
    let (link, script) = open(PLENTY, true);
    let turn = link.turn_to_gather().unwrap();
    send_and_give_up(&link, "message");
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
fn what_the_transport_holds_back_is_pending() {
    let (link, script) = open(PLENTY, true);
    script.set_holding(true);
    send_and_give_up(&link, "message");
    assert!(link.is_stuck() && is_woken(&link));
    assert!(link.before_wait().unsent, "the receiver waits for room, too");
    script.set_holding(false);
    assert!(!link.before_wait().unsent);
}

#[test]
fn nothing_is_pending_after_the_end() {
    let (link, script) = open(3, true);
    script.on_write(|link| drop(link.cut(Error::Closed(Closed::Eof))));
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
        for flush in [false, true, false] {
            message_of_thread(link, "c".repeat(GATHER_MAX / 4 + 10), flush);
        }
        assert!(eventually(|| link.gate().line.waiters().count() == 3), "they wait for room");
    });
    let (say, is_passed_on) = mpsc::channel();
    script.on_write(move |link| say.send(eventually(|| link.gate().line.is_empty())).unwrap());
    send(&link, "a");
    assert!(is_passed_on.recv().unwrap(), "a thread still waits for room");
    assert!(eventually(|| script.frames().len() == 7));
}

#[test]
fn a_batch_is_out_when_another_thread_has_written_it() {
    type Write = fn(&Link);
    let writes: [Write; 2] = [Link::retry, |link| link.flush(&mut Patience::until(None)).unwrap()];
    for write in writes {
        let (link, script) = open(3, true);
        let (say, number) = mpsc::channel();
        script.on_write(move |link| {
            feed(link, "second");
            say.send(link.gate().line.join_batch().0).unwrap();
        });
        send_and_give_up(&link, "first");
        let number = number.recv().unwrap();
        assert!(!link.gate().line.is_out(number));
        script.set_room(PLENTY);
        write(&link);
        assert!(link.gate().line.is_out(number) && !link.gate().line.has_batches());
    }
}

#[test]
fn a_batch_is_out_before_the_large_message_behind_it() {
    for (is_line_empty, is_holding) in [(true, false), (false, false), (true, true)] {
        let (link, script) = open(3, true);
        let (say, told) = mpsc::channel();
        script.on_write(move |link| {
            feed(link, "second");
            say.send(link.gate().line.join_batch().0).unwrap();
        });
        send_and_give_up(&link, "first");
        let number = told.recv().unwrap();
        if !is_line_empty {
            link.gate().line.join(Wants::Turn { streaming: true });
        }
        let before = link.gate().queued();
        // Two writes until the batch is out; the header of the large message is behind it.
        script.set_room(PLENTY);
        script.set_most(before / 2);
        script.set_holding(is_holding);
        let (say, told) = mpsc::channel();
        for (most, holds) in [(before / 2, is_holding), (before - before / 2 + 4, is_holding), (PLENTY, false)] {
            let (script, say) = (Arc::clone(&script), say.clone());
            script.clone().on_write(move |link| {
                say.send(link.gate().line.is_out(number)).unwrap();
                script.set_most(most);
                script.set_holding(holds);
            });
        }
        let large = "x".repeat(COPY_BELOW);
        send(&link, &large);
        let is_out_early = !is_holding;
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [false, false, is_out_early]);
        assert_eq!(script.frames(), ["first", "second", &large]);
    }
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
            let (say, is_waiting) = mpsc::channel();
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
        // There is no room for what is gathered during a turn.
        let (link, script) = open(5, true);
        let threads = Arc::new(Mutex::new(Vec::new()));
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
        let (say, are_woken) = mpsc::channel();
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
