//! Receiving goes on over connections that are lost.

use super::*;

#[test]
fn receiving_goes_on_over_connections_and_says_so() {
    limited(|| {
        let script = Script::new(vec![breaking("one"), closing("two", 1012), closing("three", 1000)]);
        let mut session = script.session();
        assert!(matches!(session.state().stage, Stage::Waiting { until } if until.is_over()));
        let first = connected(&mut session);
        assert!(first.reconnects == 0 && first.attempts == 1 && first.after.is_none(), "{first:?}");
        assert_eq!(message(&mut session), "one");
        let second = connected(&mut session);
        assert!(matches!(second.after, Some(Failure::Error(Error::Closed(Closed::Eof)))), "{second:?}");
        assert_eq!((second.reconnects, message(&mut session).as_str()), (1, "two"));
        let third = connected(&mut session);
        let Some(Failure::Closed(frame)) = &third.after else { panic!("{third:?}") };
        assert_eq!(frame.code(), CloseCode::SERVICE_RESTART);
        assert_eq!(third.after.unwrap().to_string(), "the connection was closed with 1012 (service restart)");
        assert_eq!((third.reconnects, message(&mut session).as_str()), (2, "three"));
        let state = session.state();
        assert_eq!((state.stage, state.reconnects), (Stage::Connected, 2));
        over(&mut session);
        assert_eq!(session.close_info().code(), CloseCode::NORMAL_CLOSURE);
        script.thread.join();
    });
}

#[test]
fn each_close_code_ends_the_session_or_leads_to_another_connection() {
    limited(|| {
        for code in (1000..=1003).chain(1007..=1014).chain([3000, 4000, 4999]) {
            let script = Script::new(vec![closing("first", code), closing("second", 1000)]);
            let mut session = script.session();
            connected(&mut session);
            assert_eq!(message(&mut session), "first");
            if [1001, 1011, 1012, 1013, 1014].contains(&code) {
                assert_eq!(connected(&mut session).reconnects, 1, "{code}");
                assert_eq!(message(&mut session), "second");
            } else {
                over(&mut session);
                assert_eq!(u16::from(session.close_info().code()), code);
                assert!(session.close_info().clean);
                drop(TcpStream::connect(script.addr).unwrap());
                continue;
            }
            over(&mut session);
            script.thread.join();
        }
    });
}

#[test]
fn a_close_frame_without_a_code_ends_the_session() {
    limited(|| {
        let script = Script::new(vec![step(|mut raw| {
            raw.accept_with("", frame(CLOSE, ""));
            raw.frame();
        })]);
        let mut session = script.session();
        connected(&mut session);
        over(&mut session);
    });
}

#[test]
fn what_came_before_the_break_is_received_first_and_half_a_message_is_lost() {
    limited(|| {
        let script = Script::new(vec![
            step(|mut raw| {
                let half = &frame(TEXT, "half a message")[..8];
                raw.accept_with("", [&frame(TEXT, "a")[..], &frame(TEXT, "b"), half].concat());
            }),
            closing("c", 1000),
        ]);
        let mut session = script.session();
        connected(&mut session);
        assert_eq!([message(&mut session), message(&mut session)], ["a", "b"]);
        connected(&mut session);
        assert_eq!(message(&mut session), "c");
        over(&mut session);
    });
}

#[test]
fn a_server_that_restarts_on_its_port_is_found_again() {
    limited(|| {
        let first = serve_echo(Server::builder());
        let addr = first.addr;
        let mut session = fast(&first.url()).build().unwrap();
        for round in 0..3 {
            assert_eq!(connected(&mut session).reconnects, round);
            session.send("hello").unwrap();
            assert_eq!(message(&mut session), "hello");
            let sender = session.sender();
            let stopping = (round == 0).then_some(&first.stop);
            match stopping {
                Some(stop) => drop(stop.stop(SECOND)),
                None => sender.connection().unwrap().send("stop").unwrap(),
            }
            let serving = thread::spawn(move || {
                let mut server = None;
                eventually("the port is free", || {
                    server = Server::bind(addr).ok();
                    server.is_some()
                });
                let server = server.unwrap();
                let stop = server.stop_handle();
                server
                    .serve(move |mut ws| {
                        while let Ok(Some(message)) = ws.recv() {
                            if message.as_text() == Some("stop") {
                                stop.stop(Duration::ZERO);
                                return;
                            }
                            let _ = ws.send(message);
                        }
                    })
                    .unwrap();
            });
            if round == 2 {
                // The last one serves this.
                connected(&mut session);
                session.send("stop").unwrap();
                serving.join().unwrap();
            }
        }
        assert!(session.state().last_failure.is_some());
    });
}

#[test]
fn errors_of_this_end_and_faults_of_the_server_end_the_session() {
    limited(|| {
        type Case = (Vec<u8>, fn(&Error) -> bool);
        let cases: Vec<Case> = vec![
            (frame(0x83, ""), |error| matches!(error, Error::Protocol(_))),
            (frame(TEXT, [0xff]), |error| matches!(error, Error::Protocol(_))),
            (frame(TEXT, "too long to be accepted"), |error| {
                matches!(error, Error::Limit(LimitError::MessageTooBig { .. }))
            }),
        ];
        for (bytes, is_expected) in cases {
            let script = Script::new(vec![step(move |mut raw| {
                raw.accept_with("", bytes);
                let _ = raw.rest();
            })]);
            let client = Client::builder().config(Config::default().max_message_size(10)).build().unwrap();
            let mut session = fast(&script.url()).client(client).build().unwrap();
            connected(&mut session);
            let error = failed(&mut session);
            assert!(is_expected(&error), "{error:?}");
            script.thread.join();
        }
    });
}

#[test]
fn a_silent_server_is_given_up_and_connected_again() {
    limited(|| {
        let script = Script::new(vec![
            step(|mut raw| {
                raw.accept();
                let _ = raw.rest();
            }),
            closing("back", 1000),
        ]);
        let keepalive = landline::Keepalive::default().interval(millis(20)).timeout(millis(50));
        let client = Client::builder().keepalive(Some(keepalive)).build().unwrap();
        let mut session = fast(&script.url()).client(client).build().unwrap();
        connected(&mut session);
        let again = connected(&mut session);
        assert!(matches!(again.after, Some(Failure::Error(Error::Closed(Closed::PeerSilent(_))))), "{again:?}");
        assert_eq!(message(&mut session), "back");
    });
}

#[test]
fn a_server_that_closes_during_the_hook_is_judged_by_its_close_code() {
    limited(|| {
        let script = Script::new(vec![
            step(|mut raw| {
                raw.accept();
                assert_eq!(raw.frame().payload, b"first");
                raw.send(frame(CLOSE, close_payload(1012, "")));
                let _ = raw.rest();
            }),
            breaking("second time"),
        ]);
        let mut hooks = 0;
        let mut session = fast(&script.url())
            .on_connect(move |ws| {
                hooks += 1;
                if hooks == 1 {
                    ws.send("first")?;
                    assert_eq!(ws.recv()?, None);
                    ws.send("second")?;
                }
                Ok(())
            })
            .build()
            .unwrap();
        while !matches!(session.recv().unwrap().unwrap(), Event::Message(message) if message == "second time".into())
        {
        }
    });
}

#[test]
fn the_hook_sees_each_new_connection_before_its_messages() {
    limited(|| {
        let subscribing = |text: &'static str| {
            step(move |mut raw| {
                raw.accept_with("X-Part: west\r\n", "");
                assert_eq!(raw.frame().payload, b"subscribe");
                raw.send(frame(TEXT, text));
            })
        };
        let script = Script::new(vec![subscribing("a"), subscribing("b")]);
        let parts = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&parts);
        let mut session = fast(&script.url())
            .on_connect(move |ws| {
                seen.lock().unwrap().push(ws.handshake().headers["x-part"].to_str().unwrap().to_owned());
                ws.send("subscribe")
            })
            .max_attempts(Some(2))
            .build()
            .unwrap();
        for text in ["a", "b"] {
            connected(&mut session);
            assert_eq!(session.handshake().unwrap().headers["x-part"], "west");
            assert_eq!(message(&mut session), text);
        }
        assert_eq!(*parts.lock().unwrap(), ["west", "west"]);
        let error = failed(&mut session);
        assert!(
            matches!(error, Error::Closed(Closed::Eof)),
            "both attempts gave connections that did not last: {error:?}"
        );
    });
}

#[test]
fn an_error_of_the_hook_counts_as_a_failed_attempt() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let mut results = vec![
            Err(Error::Closed(Closed::Aborted)),
            Ok(()),
            Err(Error::Closed(Closed::Eof)),
            Err(Error::Io { during: "asking".into(), source: Arc::new(std::io::ErrorKind::Other.into()) }),
        ];
        let mut session = fast(&server.url()).on_connect(move |_| results.pop().unwrap()).build().unwrap();
        let first = connected(&mut session);
        assert_eq!((first.attempts, first.reconnects), (3, 0));
        assert!(matches!(first.after, Some(Failure::Error(Error::Closed(Closed::Eof)))), "{first:?}");
        server.stop.stop(Duration::ZERO);
        let again = serve_on(server.addr);
        // An error that is not worth another attempt.
        assert!(matches!(failed(&mut session), Error::Closed(Closed::Aborted)));
        drop(again);
    });
}

/// A server on this port, as soon as it is free.
fn serve_on(addr: SocketAddr) -> landline::server::StopHandle {
    let mut server = None;
    eventually("the port is free", || {
        server = Server::bind(addr).ok();
        server.is_some()
    });
    let server = server.unwrap();
    let stop = server.stop_handle();
    thread::spawn(move || server.serve(echo));
    stop
}

#[test]
fn a_program_can_decide_for_itself_what_is_worth_another_attempt() {
    limited(|| {
        let script = Script::new(vec![closing("a", 4000), refusing("404 Not Found"), closing("b", 1001)]);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let mut session = fast(&script.url())
            .retry_if(move |failure| {
                noted.lock().unwrap().push(failure.to_string());
                matches!(failure, Failure::Closed(frame) if u16::from(frame.code()) == 4000)
                    || failure.error().is_some()
            })
            .build()
            .unwrap();
        connected(&mut session);
        assert_eq!(message(&mut session), "a");
        assert_eq!(connected(&mut session).reconnects, 1);
        assert_eq!(message(&mut session), "b");
        over(&mut session);
        let refusal = "the server refused the handshake with 404 Not Found: check the path";
        let closed = ["4000", "1001 (going away)"].map(|code| format!("the connection was closed with {code}"));
        assert_eq!(*asked.lock().unwrap(), [&closed[0], refusal, &closed[1]]);
    });
}
