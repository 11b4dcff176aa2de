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
fn a_time_limit_covers_the_wait_the_attempt_the_hook_and_receiving() {
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
        assert_eq!(connecting.state().attempts, 0, "what the call cut off does not count");

        let server = serve_echo(Server::builder());
        let mut in_hook = slow(&server.url()).on_connect(|ws| ws.recv().map(drop)).build().unwrap();
        times_out(&mut in_hook);
        assert_eq!(in_hook.state().attempts, 0);

        let mut receiving = slow(&server.url()).build().unwrap();
        connected(&mut receiving);
        times_out(&mut receiving);
        assert_eq!(receiving.state().stage, Stage::Connected);
        receiving.send("still there").unwrap();
        assert_eq!(message(&mut receiving), "still there");
    });
}

#[test]
fn the_clients_time_limits_apply_to_each_attempt() {
    limited(|| {
        let (url, _listener) = silent();
        let client = Client::builder().handshake_timeout(Some(millis(50))).build().unwrap();
        let mut session = fast(&url).client(client).max_attempts(Some(2)).build().unwrap();
        let error = failed(&mut session);
        assert!(matches!(&error, Error::Timeout(timeout) if timeout.phase == Phase::Handshake), "{error:?}");
        assert_eq!(session.state().attempts, 2);
    });
}

#[test]
fn a_limit_of_zero_gives_what_is_there_and_starts_no_attempt() {
    limited(|| {
        let script = Script::new(vec![closing("here", 1001), closing("again", 1000)]);
        let mut session = script.session();
        assert!(matches!(session.recv_timeout(Duration::ZERO), Err(Error::Timeout(_))));
        assert_eq!(session.state().attempts, 0);
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
