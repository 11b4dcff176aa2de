//! How sessions end: closed, aborted, dropped, in a forked child.

use super::*;
use landline::error::UsageError;

/// Ends a session from another thread while it is in a receiving call, where `is_there` says.
fn end_elsewhere(
    mut session: Session,
    is_there: impl Fn(Stage) -> bool,
    end: impl FnOnce(&landline::reconnect::SessionSender),
) -> (landline::Result<Option<Event>>, Session) {
    let sender = session.sender();
    let receiving = sleeper(move || (session.recv(), session));
    eventually("the session is there", || is_there(sender.state().stage));
    receiving.until_asleep();
    end(&sender);
    receiving.join()
}

fn is_waiting(stage: Stage) -> bool {
    matches!(stage, Stage::Waiting { until } if !until.is_over())
}

fn close(sender: &landline::reconnect::SessionSender) {
    sender.close_start(CloseCode::NORMAL_CLOSURE, "done").unwrap();
}

#[test]
fn closing_from_another_thread_ends_the_session_wherever_it_is() {
    limited(|| {
        let (result, mut session) = end_elsewhere(slow(&nobody()).build().unwrap(), is_waiting, close);
        assert!(matches!(result, Ok(None)), "{result:?}");
        over(&mut session);
        assert!(matches!(session.send("x"), Err(Error::Closed(Closed::Sent))));

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let connecting = slow(&url).build().unwrap();
        let (result, mut session) = end_elsewhere(connecting, |stage| stage == Stage::Connecting, close);
        assert!(matches!(result, Ok(None)), "{result:?}");
        over(&mut session);

        let (said, codes) = mpsc::channel();
        let server = serve(Server::builder(), move |mut ws| {
            let _ = ws.recv();
            said.send(ws.close_info().received).unwrap();
        });
        let mut connected_one = slow(&server.url()).build().unwrap();
        connected(&mut connected_one);
        let (result, mut session) = end_elsewhere(connected_one, |stage| stage == Stage::Connected, close);
        assert!(matches!(result, Ok(None)), "{result:?}");
        over(&mut session);
        assert_eq!(codes.recv().unwrap().unwrap().to_string(), "1000 (normal closure): \"done\"");
        assert!(session.close_info().clean);
        close(&session.sender());
    });
}

#[test]
fn aborting_from_another_thread_ends_the_session_wherever_it_is() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = format!("ws://{}/", listener.local_addr().unwrap());
        let mut open = slow(&server.url()).build().unwrap();
        connected(&mut open);
        type Case = (Session, fn(Stage) -> bool);
        let cases: [Case; 3] = [
            (slow(&nobody()).build().unwrap(), is_waiting),
            (slow(&silent).build().unwrap(), |stage| stage == Stage::Connecting),
            (open, |stage| stage == Stage::Connected),
        ];
        for (session, is_there) in cases {
            let (result, mut session) = end_elsewhere(session, is_there, |sender| sender.abort());
            assert!(matches!(result, Err(Error::Closed(Closed::Aborted))), "{result:?}");
            assert!(matches!(failed(&mut session), Error::Closed(Closed::Aborted)));
            assert!(matches!(session.send("x"), Err(Error::Closed(Closed::Aborted))));
        }
    });
}

#[test]
fn ending_in_the_hook_ends_the_session() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let session = slow(&server.url()).on_connect(|ws| ws.recv().map(drop)).build().unwrap();
        let (result, mut session) = end_elsewhere(session, |stage| stage == Stage::Connecting, close);
        assert!(matches!(result, Ok(None)), "{result:?}");
        over(&mut session);
    });
}

#[test]
fn aborting_ends_a_hook_that_waits_for_room_to_send() {
    limited(|| {
        let (ended, until_ended) = mpsc::channel::<()>();
        let script = Script::new(vec![step(move |mut raw| {
            raw.accept();
            // Nothing more is read.
            let _ = until_ended.recv();
        })]);
        let config = Config::default().send_timeout(None);
        let client = Client::builder().config(config).build().unwrap();
        let hook = |ws: &mut WebSocket| ws.send(vec![0; 64 << 20]);
        let session = slow(&script.url()).client(client).on_connect(hook).build().unwrap();
        let (result, mut session) =
            end_elsewhere(session, |stage| stage == Stage::Connecting, |sender| sender.abort());
        assert!(matches!(result, Err(Error::Closed(Closed::Aborted))), "{result:?}");
        assert!(matches!(failed(&mut session), Error::Closed(Closed::Aborted)));
        drop(ended);
    });
}

#[test]
fn closing_from_another_thread_can_have_a_time_limit() {
    limited(|| {
        let (ended, until_ended) = mpsc::channel::<()>();
        let script = Script::new(vec![step(move |mut raw| {
            raw.accept();
            // Nothing more is read.
            let _ = until_ended.recv();
        })]);
        let client = Client::builder().config(Config::default().send_timeout(None).close_timeout(1000 * SECOND));
        let mut session = slow(&script.url()).client(client.build().unwrap()).build().unwrap();
        connected(&mut session);
        let sender = session.sender();
        let receiving = sleeper(move || session.recv());
        receiving.until_asleep();
        let stuck = sender.send_timeout(vec![0; 64 << 20], millis(100));
        assert!(stuck.unwrap_err().message_accepted());
        let (took, late) =
            timed(|| sender.close_start_deadline(CloseCode::NORMAL_CLOSURE, "", Instant::now() + millis(100)));
        assert!(matches!(late, Err(Error::Timeout(_))) && took < 20 * SECOND, "{late:?} {took:?}");
        assert!(
            matches!(sender.send("x"), Err(Error::Closed(Closed::Sent))),
            "the session is closing all the same"
        );
        sender.abort();
        assert!(matches!(receiving.join(), Err(Error::Closed(Closed::Aborted))));
        drop(ended);
    });
}

#[test]
fn a_session_that_was_closed_after_it_handed_out_a_connection_stays_ended() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let mut session = fast(&server.url()).build().unwrap();
        drop(session.next_connection().unwrap().unwrap());
        session.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(session.next_connection().unwrap().is_none());
        assert_eq!(session.state().stage, Stage::Ended);
    });
}

#[test]
fn a_session_that_is_closed_stays_closed() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let mut session = fast(&server.url()).build().unwrap();
        connected(&mut session);
        session.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(session.close_info().clean);
        over(&mut session);
        session.close(CloseCode::NORMAL_CLOSURE, "").unwrap();

        let mut unused = fast(&nobody()).outbox(Some(Outbox::default())).build().unwrap();
        unused.send("never sent").unwrap();
        assert!(matches!(unused.close(CloseCode::ABNORMAL_CLOSURE, ""), Err(Error::Usage(_))));
        unused.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        over(&mut unused);
        assert_eq!(unused.state().outbox_len, 0);
    });
}

#[test]
fn a_session_that_is_over_gives_senders_no_reason_to_try_again() {
    limited(|| {
        let mut given_up = fast(&nobody()).max_attempts(Some(1)).build().unwrap();
        assert!(failed(&mut given_up).is_transient());
        assert!(matches!(given_up.send("x"), Err(Error::Closed(Closed::Sent))));

        // The connection is broken when the session is closed.
        let script = Script::new(vec![breaking("last words")]);
        let mut closed = script.session();
        connected(&mut closed);
        script.thread.join();
        assert!(matches!(
            closed.close(CloseCode::NORMAL_CLOSURE, ""),
            Err(Error::Closed(Closed::Eof) | Error::Io { .. })
        ));
        assert!(matches!(closed.send("x"), Err(Error::Closed(Closed::Sent))));
    });
}

#[test]
fn closing_the_connection_itself_ends_the_session_too() {
    limited(|| {
        // Answers with a code of its own, which would be worth another attempt.
        let script = Script::new(vec![step(|mut raw| {
            raw.accept();
            assert_eq!(raw.frame().close_code(), 1000);
            raw.send(frame(CLOSE, close_payload(1001, "")));
        })]);
        let mut session = script.session();
        connected(&mut session);
        session.sender().connection().unwrap().close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        over(&mut session);
    });
}

#[test]
fn what_arrives_until_the_server_has_answered_the_close_is_received() {
    limited(|| {
        let script = Script::new(vec![step(|mut raw| {
            raw.accept();
            assert_eq!(raw.frame().close_code(), 1000);
            raw.send([frame(TEXT, "late"), frame(CLOSE, close_payload(1000, ""))].concat());
            let _ = raw.rest();
        })]);
        let mut session = script.session();
        connected(&mut session);
        close(&session.sender());
        assert_eq!(message(&mut session), "late");
        over(&mut session);
    });
}

#[test]
fn dropping_a_session_ends_its_connection_and_its_senders_fail() {
    limited(|| {
        let (done, ended) = mpsc::channel();
        let server = serve(Server::builder(), move |mut ws| done.send(ws.recv().map(drop)).unwrap());
        let mut session = fast(&server.url()).build().unwrap();
        connected(&mut session);
        let sender = session.sender();
        drop(session);
        assert!(matches!(ended.recv_timeout(10 * SECOND).unwrap(), Err(Error::Closed(Closed::Eof))));
        assert!(matches!(sender.send("x"), Err(Error::Closed(Closed::Aborted))));
        assert_eq!(sender.state().stage, Stage::Ended);
        sender.abort();
        close(&sender);
    });
}

#[test]
#[expect(unsafe_code, reason = "forking")]
fn a_forked_child_cannot_use_a_session_and_its_parent_goes_on() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let mut session = fast(&server.url()).build().unwrap();
        connected(&mut session);
        let sender = session.sender();
        let (mut attempting, mut raw) = waiting::attempting();
        // SAFETY: the child continues in this thread only, and touches nothing that other threads may have locked.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let is_forked = |error: Option<Error>| matches!(error, Some(Error::Usage(UsageError::Forked)));
            let all = [
                is_forked(session.recv().err()),
                is_forked(attempting.recv().err()),
                is_forked(session.recv_timeout(Duration::ZERO).err()),
                is_forked(session.next_connection().err()),
                is_forked(session.send("x").err()),
                is_forked(sender.try_send("x").err()),
                is_forked(session.close(CloseCode::NORMAL_CLOSURE, "").err()),
                is_forked(sender.close_start(CloseCode::NORMAL_CLOSURE, "").err()),
                sender.connection().is_none(),
                sender.state().stage == Stage::Ended,
            ];
            sender.abort();
            session.interrupter().interrupt();
            drop((session, sender, attempting));
            // SAFETY: no preconditions; nothing that belongs to the parent is ended or flushed.
            unsafe { libc::_exit(i32::from(!all.iter().all(|&holds| holds))) }
        }
        let mut status = 0;
        // SAFETY: the pointer is valid for writes.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0, "the child failed");
        session.send("still here").unwrap();
        assert_eq!(message(&mut session), "still here");
        raw.accept_with("", frame(TEXT, "and the attempt goes on"));
        connected(&mut attempting);
        assert_eq!(message(&mut attempting), "and the attempt goes on");
    });
}

#[test]
fn a_hook_that_sends_by_the_session_ends_it_with_what_to_do() {
    limited(|| {
        let server = serve_echo(Server::builder());
        for outbox in [None, Some(Outbox::default().max_messages(1))] {
            let sender: Arc<Mutex<Option<landline::reconnect::SessionSender>>> = Arc::default();
            let by_session = Arc::clone(&sender);
            let send = move |_: &mut WebSocket| {
                let sender = by_session.lock().unwrap();
                let sender = sender.as_ref().unwrap();
                sender.send("subscribe")?;
                sender.send("subscribe")
            };
            let mut session = fast(&server.url()).outbox(outbox).on_connect(send).build().unwrap();
            *sender.lock().unwrap() = Some(session.sender());
            let error = failed(&mut session);
            assert!(matches!(error, Error::Usage(UsageError::SessionInHook)), "{error:?}");
            assert_eq!(session.state().attempts, 1);
        }
    });
}
