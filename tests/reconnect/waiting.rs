//! Time limits and interruption, whatever the session is doing.

use super::*;

/// Accepts connections and never answers them.
fn silent() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (format!("ws://{}/", listener.local_addr().unwrap()), listener)
}

#[track_caller]
fn times_out(session: &mut Session) {
    let (took, result) = timed(|| session.recv_timeout(millis(100)));
    let Err(error @ Error::Timeout(timeout)) = &result else { panic!("{result:?}") };
    assert!(timeout.phase == Phase::Recv && !error.is_fatal(), "{error:?}");
    assert!(took >= millis(95) && took < 5 * SECOND, "{took:?}");
}

#[test]
fn a_time_limit_covers_the_wait_the_attempt_and_receiving() {
    limited(|| {
        let mut waiting = slow(&nobody()).build().unwrap();
        times_out(&mut waiting);
        times_out(&mut waiting);
        assert_eq!(waiting.state().attempts, 1, "the wait goes on");
        assert!(matches!(waiting.state().last_failure, Some(Failure::Error(Error::Connect(_)))));

        let (url, _listener) = silent();
        let mut connecting = slow(&url).build().unwrap();
        times_out(&mut connecting);
        times_out(&mut connecting);
        let state = connecting.state();
        assert_eq!((state.stage, state.attempts), (Stage::Connecting, 1), "the attempt goes on");

        let server = serve_echo(Server::builder());
        let mut receiving = slow(&server.url()).build().unwrap();
        connected(&mut receiving);
        times_out(&mut receiving);
        assert_eq!(receiving.state().stage, Stage::Connected);
        receiving.send("still there").unwrap();
        assert_eq!(message(&mut receiving), "still there");
    });
}

/// Receives with short limits until there is a connection, and counts how often that was too short.
fn poll(session: &mut Session, limit: Duration) -> (Connected, u32) {
    let mut count = 0;
    loop {
        match session.recv_timeout(limit) {
            Ok(Some(Event::Connected(connected))) => return (connected, count),
            Err(Error::Timeout(timeout)) if timeout.phase == Phase::Recv => count += 1,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_attempt_goes_on_over_calls_with_short_limits() {
    for limit in [millis(0), millis(1), millis(20)] {
        limited(move || {
            let (answer, may_answer) = mpsc::channel();
            let script = Script::new(vec![step(move |mut raw| {
                let _ = may_answer.recv();
                raw.accept_with("", frame(TEXT, "at last"));
            })]);
            let mut session = script.session();
            for _ in 0..5 {
                assert!(matches!(session.recv_timeout(limit), Err(Error::Timeout(_))));
            }
            assert_eq!(session.state().stage, Stage::Connecting);
            answer.send(()).unwrap();
            let (connected, _) = poll(&mut session, limit);
            assert_eq!((connected.attempts, connected.reconnects), (1, 0), "{limit:?}");
            assert_eq!(message(&mut session), "at last");
        });
    }
}

#[test]
fn a_connection_to_hand_out_is_opened_over_calls_with_short_limits() {
    limited(|| {
        let (answer, may_answer) = mpsc::channel();
        let script = Script::new(vec![step(move |mut raw| {
            let _ = may_answer.recv();
            raw.accept_with("", frame(TEXT, "at last"));
        })]);
        let mut session = script.session();
        let next = |session: &mut Session| session.next_connection_deadline(Instant::now() + millis(1));
        for _ in 0..5 {
            assert!(matches!(next(&mut session), Err(Error::Timeout(_))));
        }
        answer.send(()).unwrap();
        let mut ws = loop {
            match next(&mut session) {
                Err(Error::Timeout(_)) => {}
                other => break other.unwrap().unwrap(),
            }
        };
        assert_eq!(ws.recv().unwrap(), Some("at last".into()));
    });
}

#[test]
fn a_short_limit_does_not_cut_the_hook_off() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let mut calls = 0;
        let mut session = slow(&server.url())
            .on_connect(move |ws| {
                calls += 1;
                assert_eq!(calls, 1);
                // Longer than the limit, by the clock of the call itself.
                assert!(matches!(ws.recv_timeout(millis(50)), Err(Error::Timeout(_))));
                ws.send("in")?;
                ws.recv().map(drop)
            })
            .build()
            .unwrap();
        let (connected, _) = poll(&mut session, millis(1));
        assert_eq!(connected.attempts, 1);
    });
}

#[test]
fn the_clients_time_limit_cuts_a_hook_off_that_outlasts_the_call() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let client = Client::builder().handshake_timeout(Some(millis(200))).build().unwrap();
        let hanging = |ws: &mut WebSocket| ws.recv().map(drop);
        let mut session = slow(&server.url()).client(client).on_connect(hanging).build().unwrap();
        let begin = Instant::now();
        eventually("the hook is cut off", || {
            let received = session.recv_timeout(millis(1));
            assert!(matches!(received, Err(Error::Timeout(_))), "{received:?}");
            matches!(session.state().last_failure, Some(Failure::Error(Error::Timeout(_))))
        });
        assert!(begin.elapsed() >= millis(200) && begin.elapsed() < 5 * SECOND);
        assert_eq!(session.state().attempts, 1);

        // A call that has more time gives it to the hook.
        let client = Client::builder().handshake_timeout(Some(millis(200))).build().unwrap();
        let slow_hook = |ws: &mut WebSocket| {
            assert!(matches!(ws.recv_timeout(millis(300)), Err(Error::Timeout(_))));
            ws.send("in")
        };
        let mut session = slow(&server.url()).client(client).on_connect(slow_hook).build().unwrap();
        connected(&mut session);
    });
}

/// A session with an attempt under way that gets no answer, and the server's end of that.
pub(crate) fn attempting() -> (Session, Raw<TcpStream>) {
    let (url, listener) = silent();
    let mut session = slow(&url).build().unwrap();
    times_out(&mut session);
    (session, Raw::over(listener.accept().unwrap().0))
}

#[test]
fn an_attempt_between_calls_ends_with_the_session() {
    limited(|| {
        let (session, mut raw) = attempting();
        drop(session);
        raw.head();
        assert_eq!(raw.rest().unwrap(), b"");

        let (session, mut raw) = attempting();
        session.abort();
        raw.head();
        assert_eq!(raw.rest().unwrap(), b"", "at once");

        let (mut session, mut raw) = attempting();
        session.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        raw.head();
        assert_eq!(raw.rest().unwrap(), b"");
        over(&mut session);

        let (mut session, mut raw) = attempting();
        session.sender().close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        raw.head();
        assert_eq!(raw.rest().unwrap(), b"", "at once");
        over(&mut session);
    });
}

#[test]
fn an_interrupt_between_calls_breaks_the_attempt_off() {
    limited(|| {
        let (mut session, mut raw) = attempting();
        session.interrupter().interrupt_recv();
        assert!(matches!(session.recv(), Err(Error::Interrupted(_))));
        raw.head();
        assert_eq!(raw.rest().unwrap(), b"");
        assert_eq!(session.state().attempts, 0);
    });
}

#[test]
fn a_panic_while_connecting_reaches_the_call_and_the_next_one_tries_again() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let asked = AtomicUsize::new(0);
        let client = Client::builder().bearer(move || match asked.fetch_add(1, Ordering::Relaxed) {
            0 => panic!("seven"),
            _ => Ok("token".into()),
        });
        let mut session = slow(&server.url()).client(client.build().unwrap()).build().unwrap();
        let receive = std::panic::AssertUnwindSafe(|| session.recv_timeout(20 * SECOND));
        let panicked = std::panic::catch_unwind(receive).unwrap_err();
        assert_eq!(*panicked.downcast::<&str>().unwrap(), "seven");
        connected(&mut session);
    });
}

#[test]
fn the_clients_time_limits_apply_to_each_attempt() {
    limited(|| {
        let (url, _listener) = silent();
        let client = Client::builder().handshake_timeout(Some(millis(50))).build().unwrap();
        let mut session = fast(&url).client(client).max_attempts(Some(2)).build().unwrap();
        let error = failed(&mut session);
        // A program that calls again after `Error::Timeout`, because nothing is lost, has to notice that this is the end.
        assert!(matches!(&error, Error::GaveUp(timeout) if timeout.phase == Phase::Handshake), "{error:?}");
        assert_eq!(format!("{error:#}"), "gave up: timed out during the opening handshake");
        assert!(error.is_fatal() && error.is_transient());
        let last = session.state().last_failure;
        assert!(matches!(&last, Some(Failure::Error(Error::Timeout(_)))), "{last:?}");
        assert_eq!(session.state().attempts, 2);
    });
}

#[test]
fn a_limit_of_zero_gives_what_is_there_and_waits_for_nothing() {
    limited(|| {
        let script = Script::new(vec![closing("here", 1001), closing("again", 1000)]);
        let mut session = script.session();
        assert!(matches!(session.recv_timeout(Duration::ZERO), Err(Error::Timeout(_))));
        assert_eq!(session.state().attempts, 1, "the attempt has begun");
        connected(&mut session);
        let mut texts = Vec::new();
        eventually("the message", || match session.recv_timeout(Duration::ZERO) {
            Ok(Some(Event::Message(message))) => {
                texts.push(message);
                true
            }
            other => {
                assert!(matches!(other, Err(Error::Timeout(_))), "{other:?}");
                false
            }
        });
        assert_eq!(texts, ["here".into()]);
        connected(&mut session);
        assert_eq!(message(&mut session), "again");
    });
}

/// Interrupts a receiving call when `is_there` says that the session is where it should be; the session, which goes on.
fn interrupt(mut session: Session, is_there: impl Fn(Stage) -> bool) -> Session {
    let (sender, interrupter) = (session.sender(), session.interrupter());
    let receiving = sleeper(move || (session.recv(), session));
    eventually("the session is there", || is_there(sender.state().stage));
    receiving.until_asleep();
    interrupter.interrupt_recv();
    let (result, session) = receiving.join();
    assert!(matches!(result, Err(Error::Interrupted(_))), "{result:?}");
    session
}

#[test]
fn every_wait_can_be_interrupted_and_harms_nothing() {
    limited(|| {
        let is_waiting = |stage| matches!(stage, Stage::Waiting { until } if !until.is_over());
        let mut session = interrupt(slow(&nobody()).build().unwrap(), is_waiting);
        assert_eq!(session.state().attempts, 1);
        times_out(&mut session);

        let (url, listener) = silent();
        let session = interrupt(slow(&url).build().unwrap(), |stage| stage == Stage::Connecting);
        assert_eq!(session.state().attempts, 0, "an attempt that was interrupted does not count");
        let mut session = interrupt(session, |stage| stage == Stage::Connecting);
        let serving = thread::spawn(move || {
            // The third attempt; the others are gone.
            for _ in 0..2 {
                drop(listener.accept().unwrap());
            }
            let mut raw = Raw::over(listener.accept().unwrap().0);
            raw.accept_with("", frame(TEXT, "at last"));
            raw
        });
        connected(&mut session);
        assert_eq!(message(&mut session), "at last");
        let _raw = serving.join().unwrap();
        let session = interrupt(session, |stage| stage == Stage::Connected);
        assert_eq!(session.state().stage, Stage::Connected);
    });
}

#[test]
fn an_interrupted_hook_counts_for_nothing() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let mut calls = 0;
        let (note, entered) = mpsc::channel();
        let session = slow(&server.url())
            .on_connect(move |ws| {
                calls += 1;
                note.send(()).unwrap();
                if calls == 1 { ws.recv().map(drop) } else { Ok(()) }
            })
            .build()
            .unwrap();
        let mut session = interrupt(session, |_| entered.try_recv().is_ok());
        assert_eq!(connected(&mut session).attempts, 1);
    });
}

#[test]
fn the_clients_own_interrupter_serves_the_session() {
    limited(|| {
        let interrupter = landline::Interrupter::new().unwrap();
        let client = Client::builder().interrupter(interrupter.clone()).build().unwrap();
        let mut session = slow(&nobody()).client(client).build().unwrap();
        interrupter.interrupt_recv();
        assert!(matches!(session.recv(), Err(Error::Interrupted(_))));
        let receiving = sleeper(move || session.recv());
        receiving.until_asleep();
        interrupter.interrupt();
        assert!(matches!(receiving.join(), Err(Error::Interrupted(_))));
    });
}

#[test]
fn a_send_can_be_interrupted() {
    limited(|| {
        let server = serve(Server::builder(), |ws| {
            // Reads nothing until the other end has gone.
            let _ = landline::transport::wait_fd(
                ws.fd().unwrap(),
                landline::transport::Interest { read: false, write: false },
                Instant::now() + 10 * SECOND,
                None,
            );
        });
        let mut session = fast(&server.url()).build().unwrap();
        connected(&mut session);
        let (sender, interrupter) = (session.sender(), session.interrupter());
        let sending = sleeper(move || sender.send(vec![0; 64 << 20]));
        sending.until_asleep();
        interrupter.interrupt_send();
        let error = sending.join().unwrap_err();
        assert!(matches!(error, Error::Interrupted(_)) && error.message_accepted(), "{error:?}");
        session.abort();
    });
}
