//! What becomes of messages when there is no connection, and when one breaks.

use super::*;

#[test]
fn without_a_connection_a_send_fails_at_once_and_nothing_is_sent_later() {
    limited(|| {
        let script = Script::new(vec![step(|mut raw| {
            raw.accept();
            assert_eq!(raw.frame().payload, b"second");
        })]);
        let mut session = script.session();
        for error in [
            session.send("first").unwrap_err(),
            session.send_timeout("first", 10 * SECOND).unwrap_err(),
            session.sender().try_send("first").unwrap_err(),
        ] {
            assert!(matches!(error, Error::Closed(Closed::NotConnected)), "{error:?}");
            assert!(!error.is_fatal() && error.is_transient());
        }
        connected(&mut session);
        session.send("second").unwrap();
        script.thread.join();
    });
}

#[test]
fn a_send_fails_at_once_when_the_server_is_closing() {
    limited(|| {
        let script = Script::new(vec![step(|mut raw| {
            raw.accept_with("", frame(CLOSE, close_payload(1012, "")));
            assert_eq!(raw.frame().close_code(), 1012);
            let _ = raw.rest();
        })]);
        let mut session = slow(&script.url()).build().unwrap();
        connected(&mut session);
        assert!(matches!(session.recv_timeout(millis(300)), Err(Error::Timeout(_))));
        assert!(matches!(session.send("x"), Err(Error::Closed(Closed::NotConnected))));
    });
}

fn with_outbox(script: &Script, limits: Outbox) -> Session {
    fast(&script.url()).outbox(Some(limits)).on_connect(|ws| ws.send("hook")).build().unwrap()
}

#[test]
fn the_outbox_is_sent_in_order_after_the_hook() {
    limited(|| {
        let script = Script::new(vec![
            step(|mut raw| {
                raw.accept();
                for expected in ["hook", "1", "2", "3"] {
                    assert_eq!(raw.frame().payload, expected.as_bytes());
                }
            }),
            step(|mut raw| {
                raw.accept();
                for (first, payload) in [(TEXT, "hook"), (BINARY, "4"), (TEXT, "5")] {
                    let frame = raw.frame();
                    assert_eq!((frame.first, &frame.payload[..]), (first, payload.as_bytes()));
                }
            }),
        ]);
        let mut session = with_outbox(&script, Outbox::default());
        session.send("1").unwrap();
        session.sender().send("2").unwrap();
        assert_eq!((session.state().outbox_len, session.state().outbox_bytes), (2, 2));
        connected(&mut session);
        assert_eq!(session.state().outbox_len, 0);
        session.send("3").unwrap();
        // Notices the loss, and waits.
        until_lost(&mut session);
        session.send(b"4").unwrap();
        session.send("5").unwrap();
        connected(&mut session);
        script.thread.join();
    });
}

/// Receives until the session has no connection.
fn until_lost(session: &mut Session) {
    eventually("the loss", || {
        let result = session.recv_timeout(Duration::ZERO);
        assert!(matches!(result, Err(Error::Timeout(_))), "{result:?}");
        matches!(session.state().stage, Stage::Waiting { .. })
    });
}

#[test]
fn what_the_outbox_has_no_room_for_is_refused() {
    limited(|| {
        let script = Script::new(vec![step(|mut raw| {
            raw.accept();
            for expected in ["hook", "12345", "1"] {
                assert_eq!(raw.frame().payload, expected.as_bytes());
            }
        })]);
        let mut session = with_outbox(&script, Outbox::default().max_messages(2).max_bytes(8));
        session.send("12345").unwrap();
        for error in [session.send("1234").unwrap_err(), session.sender().try_send("1234").unwrap_err()] {
            assert!(matches!(error, Error::Closed(Closed::OutboxFull)) && !error.is_fatal(), "{error:?}");
        }
        session.send("1").unwrap();
        assert!(matches!(session.send(""), Err(Error::Closed(Closed::OutboxFull))));
        connected(&mut session);
        script.thread.join();
    });
}

#[test]
fn a_large_outbox_and_a_server_that_reads_only_when_it_is_read_from_do_not_block_each_other() {
    limited(|| {
        // Sends each message back before it reads the next one, so it stops reading while nobody reads from it.
        let server = serve_echo(Server::builder().max_message_size(64 << 20));
        let limits = Outbox::default().max_messages(100).max_bytes(100 << 20);
        let mut session = fast(&server.url()).outbox(Some(limits)).build().unwrap();
        let large = "x".repeat(1 << 20);
        for number in 0..60 {
            session.send(format!("{number} {large}")).unwrap();
        }
        connected(&mut session);
        session.send("last").unwrap();
        for number in 0..60 {
            assert!(message(&mut session).starts_with(&format!("{number} ")));
        }
        assert_eq!(message(&mut session), "last");
    });
}

#[test]
fn the_rest_of_the_outbox_goes_over_the_next_connection_and_nothing_is_sent_twice() {
    limited(|| {
        const COUNT: usize = 200;
        let (got, received) = mpsc::channel();
        let reading = |limit: usize, got: mpsc::Sender<usize>| {
            step(move |mut raw| {
                raw.accept();
                for _ in 0..limit {
                    let frame = raw.frame();
                    got.send(String::from_utf8_lossy(&frame.payload[..6]).trim().parse().unwrap()).unwrap();
                }
            })
        };
        let script = Script::new(vec![reading(3, got.clone()), reading(2, got.clone()), {
            step(move |mut raw| {
                raw.accept();
                loop {
                    let frame = raw.frame();
                    let number = String::from_utf8_lossy(&frame.payload[..6]).trim().parse().unwrap();
                    got.send(number).unwrap();
                    if number == COUNT - 1 {
                        return;
                    }
                }
            })
        }]);
        let limits = Outbox::default().max_bytes(100 << 20);
        let mut session = fast(&script.url()).outbox(Some(limits)).build().unwrap();
        for number in 0..COUNT {
            session.send(format!("{number:6}{}", "x".repeat(256 << 10))).unwrap();
        }
        let sender = session.sender();
        let receiving =
            thread::spawn(move || while session.recv_timeout(20 * SECOND).is_ok_and(|event| event.is_some()) {});
        script.thread.join();
        let numbers: Vec<usize> = received.try_iter().collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "in order, and none twice: {numbers:?}");
        assert_eq!(numbers[..3], [0, 1, 2]);
        assert_eq!(numbers.last(), Some(&(COUNT - 1)));
        sender.abort();
        receiving.join().unwrap();
    });
}

#[test]
fn senders_in_other_threads_survive_reconnects() {
    limited(|| {
        // Ends each connection after ten messages.
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let server = serve(Server::builder(), move |mut ws| {
            for _ in 0..10 {
                let Ok(Some(_)) = ws.recv() else { return };
                counted.fetch_add(1, Ordering::Relaxed);
            }
            ws.abort();
        });
        let mut session = fast(&server.url()).build().unwrap();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let sender = session.sender();
                thread::spawn(move || {
                    loop {
                        match sender.send("tick") {
                            Ok(()) => {}
                            Err(error) if error.is_transient() => thread::yield_now(),
                            Err(error) => return error,
                        }
                    }
                })
            })
            .collect();
        for round in 0..8 {
            assert_eq!(connected(&mut session).reconnects, round);
        }
        session.close(CloseCode::NORMAL_CLOSURE, "").unwrap_or_default();
        for thread in threads {
            let error = thread.join().unwrap();
            assert!(!error.is_transient(), "{error:?}");
        }
        assert!(count.load(Ordering::Relaxed) >= 70);
    });
}

#[test]
fn the_connections_own_sender_does_everything_else() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let mut session = fast(&server.url()).build().unwrap();
        assert!(session.sender().connection().is_none());
        connected(&mut session);
        let sender = session.sender().connection().unwrap();
        let receiving = thread::spawn(move || (message(&mut session), session));
        sender.ping_wait(10 * SECOND).unwrap();
        sender.feed("gathered").unwrap();
        sender.flush().unwrap();
        assert_eq!(receiving.join().unwrap().0, "gathered");
    });
}
