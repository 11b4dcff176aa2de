//! Many threads that send over one connection: together, in order, each with its own time limit.

mod common;

use common::{Hooked, Sleeper, eventually, limited, pair, raw_client, sleeper, sleeps};
use landline::error::{Closed, Phase, Timeout};
use landline::server::accept_over;
use landline::transport::Interest;
use landline::{Client, CloseCode, Config, Error, Kind, Receiver, Sender};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const THREADS: usize = 64;
const SMALL: usize = 500;
const SHORT: Duration = Duration::from_millis(200);

/// How often this thread has gone to sleep.
fn switches() -> u64 {
    sleeps("/proc/thread-self/status".as_ref())
}

/// The cost of sending `each` messages from `threads` threads: context switches, total time, the longest call.
fn flood(sender: &Sender, threads: usize, each: usize) -> (u64, Duration, Duration) {
    let start = Barrier::new(threads + 1);
    let end = Barrier::new(threads + 1);
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|id| {
                let (sender, start, end) = (sender.clone(), &start, &end);
                scope.spawn(move || {
                    let mut message = vec![id as u8; SMALL];
                    start.wait();
                    let (before, mut longest) = (switches(), Duration::ZERO);
                    for number in 0..each {
                        message[1..5].copy_from_slice(&(number as u32).to_be_bytes());
                        let begin = Instant::now();
                        sender.send(&message).unwrap();
                        longest = longest.max(begin.elapsed());
                    }
                    let slept = switches() - before;
                    end.wait();
                    (slept, longest)
                })
            })
            .collect();
        start.wait();
        let begin = Instant::now();
        end.wait();
        let took = begin.elapsed();
        let threads: Vec<_> = running.into_iter().map(|thread| thread.join().unwrap()).collect();
        let slept = threads.iter().map(|(slept, _)| slept).sum();
        (slept, took, threads.iter().map(|(_, longest)| *longest).max().unwrap())
    })
}

/// Receives until the end, and checks that each thread's messages arrive in order.
fn receive_in_order(receiver: &mut Receiver) -> usize {
    let mut next = [0u32; THREADS];
    while let Some(message) = receiver.recv_ref().unwrap() {
        let message = message.as_bytes();
        let id = message[0];
        let number = &mut next[usize::from(id)];
        assert_eq!(message[1..5], number.to_be_bytes(), "order of thread {id}");
        assert!(message[5..].iter().all(|byte| *byte == id), "messages are mixed");
        *number += 1;
    }
    next.iter().map(|count| *count as usize).sum()
}

#[test]
fn with_many_senders_writes_are_shared_wakes_are_few_and_waits_are_short() {
    const EACH: usize = 50;
    limited(|| {
        let (near, far) = landline::transport::pair();
        let accepting = thread::spawn(move || accept_over(far, &Config::default()).unwrap().accept().unwrap());
        let writes = Arc::new(AtomicUsize::new(0));
        // Each write takes some time, so that others arrive meanwhile, however the threads are scheduled.
        let slow = {
            let writes = Arc::clone(&writes);
            Hooked::before_write(near, move || {
                writes.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(1));
                Ok(())
            })
        };
        let client = Client::default().connect_over(slow, "ws://memory/").unwrap();
        let server = accepting.join().unwrap();
        let receiving = thread::spawn(move || receive_in_order(&mut server.split().1));
        let (sender, mut receiver) = client.split();
        let (slept, took, longest) = flood(&sender, THREADS, EACH);
        sender.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(receiver.recv().unwrap().is_none());
        assert_eq!(receiving.join().unwrap(), THREADS * EACH);
        let writes = writes.load(Ordering::Relaxed);
        assert!(writes < THREADS * EACH / 4, "{writes} writes for {} messages", THREADS * EACH);
        let switches = slept as f64 / (THREADS * EACH) as f64;
        // One until its bytes are out. If all waiting threads were woken each time, there would be about three.
        assert!(switches < 2.0, "{switches} thread switches for each message");
        let mean = took / EACH as u32;
        assert!(longest < 20 * mean, "the longest call took {longest:?}, the mean is {mean:?}");
    });
}

#[test]
fn messages_of_many_senders_arrive_in_order_over_tcp() {
    limited(|| {
        const EACH: usize = 500;
        let (client, server) = pair();
        let receiving = thread::spawn(move || receive_in_order(&mut server.split().1));
        let (sender, mut receiver) = client.split();
        let (slept, ..) = flood(&sender, THREADS, EACH);
        let switches = slept as f64 / (THREADS * EACH) as f64;
        assert!(switches < 2.0, "{switches} thread switches for each message");
        sender.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(receiver.recv().unwrap().is_none());
        assert_eq!(receiving.join().unwrap(), THREADS * EACH);
    });
}

/// Our end of a connection whose peer does not read, with a thread in the middle of a large message.
fn blocked() -> (Sender, Receiver, std::net::TcpStream, Sleeper<landline::Result<()>>) {
    let (ws, raw) = raw_client(Config::default());
    let (mut sender, receiver) = ws.split();
    sender.set_send_timeout(None);
    let large = sender.clone();
    let writing = sleeper(move || large.send(vec![b'L'; 32 << 20]));
    writing.until_asleep();
    sender.set_send_timeout(Some(SHORT));
    (sender, receiver, raw, writing)
}

/// The payloads of the server's frames up to the end of the stream.
fn frames(mut raw: std::net::TcpStream) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    raw.read_to_end(&mut all).unwrap();
    let (mut rest, mut frames) = (&all[..], Vec::new());
    while let [_, short, behind @ ..] = rest {
        let size = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let (long, behind) = behind.split_at(size);
        let len = long.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        let (payload, behind) = behind.split_at(if size == 0 { usize::from(*short) } else { len });
        frames.push(payload.to_vec());
        rest = behind;
    }
    frames
}

fn is_accepted_timeout(error: &Error) -> bool {
    matches!(error, Error::Timeout(Timeout { phase: Phase::Send, accepted: true, .. }))
}

#[test]
fn a_small_message_that_times_out_behind_a_large_one_is_accepted_and_arrives_once() {
    limited(|| {
        let (sender, receiver, raw, writing) = blocked();
        for number in 0..3 {
            let error = sender.send(format!("small {number}")).unwrap_err();
            assert!(is_accepted_timeout(&error), "{error:?}");
        }
        sender.feed("fed").unwrap();
        let reading = thread::spawn(move || frames(raw));
        writing.join().unwrap();
        sender.send("last").unwrap();
        drop((sender, receiver));
        let texts: Vec<_> = reading.join().unwrap()[1..].iter().map(|text| text.to_ascii_lowercase()).collect();
        let expected: [&[u8]; 5] = [b"small 0", b"small 1", b"small 2", b"fed", b"last"];
        assert_eq!(texts, expected);
    });
}

#[test]
fn the_queue_behind_a_blocked_message_is_bounded() {
    limited(|| {
        let (sender, _receiver, _raw, writing) = blocked();
        let mut accepted = 0;
        let refused = loop {
            match sender.feed(vec![0; 1000]) {
                Ok(()) => accepted += 1,
                Err(error) => break error,
            }
            assert!(accepted < 100, "more than 64 KiB are gathered");
        };
        assert!(matches!(refused, Error::Timeout(Timeout { accepted: false, .. })), "{refused:?}");
        assert!(accepted > 50, "{accepted}");
        sender.abort();
        assert!(writing.join().is_err());
    });
}

#[test]
fn every_waiting_sender_gets_the_error_that_ends_the_connection() {
    limited(|| {
        let (mut sender, _receiver, _raw, writing) = blocked();
        sender.set_send_timeout(None);
        let waiting: Vec<_> = (0..8)
            .map(|number| {
                let sender = sender.clone();
                sleeper(move || match number {
                    0 => sender.flush(),
                    1 => sender.ping(b""),
                    2 => sender.send(vec![0; 1 << 20]),
                    3 => sender.send_stream(Kind::Text).map(drop),
                    _ => sender.send("small"),
                })
            })
            .collect();
        waiting.iter().for_each(Sleeper::until_asleep);
        sender.abort();
        for thread in waiting.into_iter().chain([writing]) {
            let result = thread.join();
            assert!(matches!(result, Err(Error::Closed(Closed::Aborted))), "{result:?}");
        }
    });
}

#[test]
fn every_sender_whose_message_was_not_sent_gets_the_error_of_a_failed_write() {
    limited(|| {
        let (mut sender, _receiver, raw, writing) = blocked();
        sender.set_send_timeout(None);
        let waiting: Vec<_> = (0..8)
            .map(|_| {
                let sender = sender.clone();
                sleeper(move || sender.send("small"))
            })
            .collect();
        waiting.iter().for_each(Sleeper::until_asleep);
        // With unread data in it, the socket is reset.
        drop(raw);
        for thread in waiting.into_iter().chain([writing]) {
            assert!(thread.join().is_err());
        }
        assert!(sender.send("later").is_err());
    });
}

#[test]
fn a_panic_while_writing_ends_the_connection_and_wakes_all_waiting_threads() {
    limited(|| (0..2).for_each(panics_while_others_wait));
}

/// A thread panics in its write number `panics_in`: 0 for its own message, 1 for what others have gathered meanwhile.
fn panics_while_others_wait(panics_in: usize) {
    let (near, far) = landline::transport::pair();
    let accepting = thread::spawn(move || accept_over(far, &Config::default()).unwrap().accept().unwrap());
    let (tell, told) = mpsc::channel();
    let is_armed = Arc::new(AtomicBool::new(false));
    // Once it has been armed, the first write waits until it is told to continue.
    let transport = {
        let (told, is_armed, count) = (Mutex::new(told), Arc::clone(&is_armed), AtomicUsize::new(0));
        Hooked::before_write(near, move || {
            if is_armed.load(Ordering::SeqCst) {
                let count = count.fetch_add(1, Ordering::SeqCst);
                if count == 0 {
                    told.lock().unwrap().recv().unwrap();
                }
                assert!(count != panics_in, "the transport panics, as it was told");
            }
            Ok(())
        })
    };
    let client = Client::default().connect_over(transport, "ws://memory/").unwrap();
    let _server = accepting.join().unwrap();
    let (sender, mut receiver) = client.split();
    let receiving = sleeper(move || receiver.recv().map(drop));
    receiving.until_asleep();
    is_armed.store(true, Ordering::SeqCst);
    let send = |size: usize| {
        let sender = sender.clone();
        sleeper(move || sender.send(vec![0; size]))
    };
    let panicking = send(1);
    panicking.until_asleep();
    // One waits for its turn, and one until its bytes are sent.
    let waiting = [send(1 << 20), send(1)];
    waiting.iter().for_each(Sleeper::until_asleep);
    tell.send(()).unwrap();
    for thread in waiting.into_iter().chain([receiving]) {
        let error = thread.join().unwrap_err();
        assert!(matches!(&error, Error::Io { .. }) && format!("{error:#}").contains("panicked"), "{error:#}");
    }
    assert!(sender.send("later").is_err());
    drop(panicking);
}

#[test]
fn each_kind_of_sender_gets_its_turn_among_many_small_messages() {
    limited(|| {
        let (client, server) = pair();
        let receiving = thread::spawn(move || {
            let (_sender, mut receiver) = server.split();
            let mut large = 0;
            while let Some(message) = receiver.recv_ref().unwrap() {
                large += usize::from(message.as_bytes().len() != SMALL);
            }
            large
        });
        let (sender, mut receiver) = client.split();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..16 {
                let (sender, done) = (sender.clone(), &done);
                scope.spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        sender.send([0; SMALL]).unwrap();
                    }
                });
            }
            for _ in 0..50 {
                sender.send(vec![0; 100_000]).unwrap();
                let mut writer = sender.send_stream(Kind::Binary).unwrap();
                writer.write_all(&[0; 40_000]).unwrap();
                writer.finish().unwrap();
                sender.ping(b"p").unwrap();
                sender.flush().unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        sender.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(receiver.recv().unwrap().is_none());
        assert_eq!(receiving.join().unwrap(), 100);
    });
}

#[test]
fn a_waiting_sender_continues_where_another_gave_up() {
    limited(|| {
        let (mut sender, mut receiver, raw, writing) = blocked();
        sender.set_send_timeout(None);
        let small = {
            let sender = sender.clone();
            sleeper(move || sender.send("small"))
        };
        small.until_asleep();
        // The thread that notices the interrupt gives up, and the message stays accepted.
        receiver.interrupter().unwrap().interrupt_send();
        let reading = thread::spawn(move || frames(raw));
        let results = [writing.join(), small.join()];
        let interrupted = results.iter().filter(|result| matches!(result, Err(Error::Interrupted(_)))).count();
        assert!(interrupted <= 1, "{results:?}");
        assert!(results.iter().flat_map(|result| result.as_ref().err()).all(Error::message_accepted));
        sender.flush().unwrap();
        eventually("all is out", || sender.poll_interest() == Interest::READ);
        drop((sender, receiver));
        let frames = reading.join().unwrap();
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[1], b"small");
    });
}
