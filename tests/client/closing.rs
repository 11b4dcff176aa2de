//! The closing handshake, whichever end begins it.

use super::*;

#[test]
fn a_close_by_the_client_is_seen_by_both() {
    limited(|| {
        let (mut client, mut server) = pair();
        let serving = thread::spawn(move || (server.recv(), server));
        client.close(4001.into(), "I am done").unwrap();
        let (result, server) = serving.join().unwrap();
        assert_eq!(result.unwrap(), None);
        closed_by(&client, &server, 4001, "I am done");
        assert!(matches!(client.send("late"), Err(Error::Closed(Closed::Sent))));
        assert_eq!(client.recv().unwrap(), None);
        client.close(CloseCode::NORMAL_CLOSURE, "again").unwrap();
    });
}

#[test]
fn a_close_by_the_server_is_seen_by_both() {
    limited(|| {
        let (mut client, mut server) = pair();
        let serving = thread::spawn(move || (server.close(CloseCode::GOING_AWAY, "tschüß"), server));
        assert_eq!(client.recv().unwrap(), None);
        let (result, server) = serving.join().unwrap();
        result.unwrap();
        closed_by(&server, &client, 1001, "tschüß");
    });
}

fn closed_by(first: &WebSocket, second: &WebSocket, code: u16, reason: &str) {
    for (ws, side) in [(first, Side::Local), (second, Side::Remote)] {
        let info = ws.close_info();
        assert_eq!((info.first, info.clean), (Some(side), true), "{info:?}");
        assert!(info.cause.is_none());
        for frame in [info.received.unwrap(), info.sent.unwrap()] {
            assert_eq!(frame.code(), CloseCode::from(code));
        }
    }
    assert_eq!(first.close_info().sent.unwrap().reason(), reason);
    assert_eq!(second.close_info().received.unwrap().reason(), reason);
}

#[test]
fn both_ends_may_close_at_the_same_time() {
    limited(|| {
        let (mut client, mut server) = pair();
        client.close_start(4001.into(), "").unwrap();
        server.close_start(4002.into(), "").unwrap();
        let serving = thread::spawn(move || (server.recv(), server));
        assert_eq!(client.recv().unwrap(), None);
        let (result, server) = serving.join().unwrap();
        assert_eq!(result.unwrap(), None);
        assert_eq!((client.close_info().code(), server.close_info().code()), (4002.into(), 4001.into()));
        assert!(client.close_info().clean && server.close_info().clean);
    });
}

#[test]
fn messages_before_the_close_frame_are_received() {
    limited(|| {
        let (mut client, mut server) = pair();
        server.feed("one").unwrap();
        server.feed("two").unwrap();
        server.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert_eq!(client.recv().unwrap(), text("one"));
        assert_eq!(client.recv().unwrap(), text("two"));
        assert_eq!(client.recv().unwrap(), None);
        assert_eq!(server.recv().unwrap(), None);
    });
}

#[test]
fn an_empty_close_frame_is_1005() {
    limited(|| {
        let (mut ws, server) = open(Config::default(), |mut raw| {
            raw.send(frame(CLOSE, ""));
            raw.frame()
        });
        assert_eq!(ws.recv().unwrap(), None);
        assert_eq!(ws.close_info().code(), CloseCode::NO_STATUS_RECEIVED);
        assert!(ws.close_info().clean);
        let close = server.join();
        assert_eq!((close.first, close.payload.len()), (CLOSE, 0));
    });
}

#[test]
fn item_18_a_peer_that_never_answers_the_close_is_cut() {
    limited(|| {
        let config = || Config::default().close_timeout(millis(200));
        let (mut ws, server) = open(config(), |mut raw| (raw.frame().close_code(), raw.rest().is_ok()));
        let (took, result) = timed(|| ws.close(CloseCode::NORMAL_CLOSURE, ""));
        assert!(matches!(result, Err(Error::Closed(Closed::CloseUnanswered))), "{result:?}");
        assert!(took >= millis(190) && took < 5 * SECOND, "{took:?}");
        assert!(matches!(ws.recv(), Err(Error::Closed(Closed::CloseUnanswered))));
        assert_eq!(server.join(), (1000, true));

        // The same if a receiving call completes it.
        let (mut ws, server) = open(config(), |mut raw| (raw.frame().close_code(), raw.rest().is_ok()));
        ws.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        let (took, result) = timed(|| ws.recv());
        assert!(matches!(result, Err(Error::Closed(Closed::CloseUnanswered))), "{result:?}");
        assert!(took < 5 * SECOND, "{took:?}");
        assert_eq!(server.join(), (1000, true));
    });
}

#[test]
fn item_18_a_peer_that_floods_during_the_close_is_cut() {
    limited(|| {
        let messages = frame(BINARY, [0; 10_000]);
        let pings = frame(PING, [0; 100]);
        for frames in [messages, pings] {
            let mut ws = flooded(Config::default().close_timeout(millis(200)), frames);
            let (took, result) = timed(|| ws.close(CloseCode::NORMAL_CLOSURE, ""));
            assert!(matches!(result, Err(Error::Closed(Closed::CloseUnanswered))), "{result:?}");
            assert!(took < 5 * SECOND, "{took:?}");
        }
    });
}

#[test]
fn item_18_a_peer_that_keeps_sending_does_not_keep_a_closing_connection_alive() {
    limited(|| {
        for frames in [frame(BINARY, [0; 10_000]), frame(PING, [0; 100])] {
            let mut ws = flooded(Config::default().close_timeout(millis(200)), frames);
            ws.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
            let deadline = Instant::now() + 10 * SECOND;
            let end = loop {
                match ws.recv() {
                    Ok(Some(_)) => assert!(Instant::now() < deadline, "still receiving"),
                    end => break end,
                }
            };
            assert!(matches!(end, Err(Error::Closed(Closed::CloseUnanswered))), "{end:?}");
        }
    });
}

#[test]
fn item_13_codes_and_reasons_that_cannot_be_sent_are_refused() {
    limited(|| {
        let (mut client, mut server) = pair();
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            assert!(matches!(client.close(code.into(), ""), Err(Error::Usage(_))), "{code}");
        }
        assert!(matches!(client.close(CloseCode::NORMAL_CLOSURE, &"x".repeat(124)), Err(Error::Usage(_))));
        // Nothing was done.
        client.send("open").unwrap();
        assert_eq!(server.recv().unwrap(), text("open"));
    });
}

#[test]
fn nothing_is_received_after_an_abort() {
    limited(|| {
        let (mut client, mut server) = pair();
        server.feed("one").unwrap();
        server.feed("two").unwrap();
        server.flush().unwrap();
        assert_eq!(client.recv().unwrap(), text("one"));
        client.abort();
        for result in [client.recv_into(&mut [0; 8]).map(drop), client.recv().map(drop)] {
            assert!(matches!(result, Err(Error::Closed(Closed::Aborted))), "{result:?}");
        }
    });
}

#[test]
fn an_abort_ends_a_blocked_receive() {
    limited(|| {
        let (client, _server) = pair();
        let (sender, mut receiver) = client.split();
        let receiving = sleeper(move || receiver.recv());
        receiving.until_asleep();
        sender.abort();
        let result = receiving.join();
        assert!(matches!(result, Err(Error::Closed(Closed::Aborted))), "{result:?}");
        assert!(sender.send("late").is_err());
    });
}

#[test]
fn the_client_ends_the_stream_after_the_server() {
    limited(|| {
        let (mut ws, server) = open(Config::default(), |mut raw| {
            let begin = Instant::now();
            raw.send(frame(CLOSE, close_payload(1000, "")));
            assert_eq!(raw.frame().close_code(), 1000);
            raw.stream.set_read_timeout(Some(millis(100))).unwrap();
            let early = raw.more();
            let is_waiting = early.as_ref().is_err_and(is_timeout);
            assert!(is_waiting || begin.elapsed() >= SECOND, "not before a second has passed: {early:?}");
            limit(&raw.stream);
            raw.stream.shutdown(Shutdown::Write).unwrap();
            raw.next().unwrap()
        });
        assert_eq!(ws.recv().unwrap(), None);
        assert_eq!(server.join(), None, "while the connection's handles are still there");
    });
}

#[test]
fn waiting_for_the_servers_end_takes_no_longer_than_close_timeout_or_the_call() {
    limited(|| {
        let close = frame(CLOSE, close_payload(1000, ""));
        let client = |config| builder().config(config).build().unwrap();
        let brief = client(Config::default().close_timeout(millis(20)));
        type Receive = fn(&mut WebSocket) -> landline::Result<Option<Message>>;
        let calls: [(Client, Receive); 2] =
            [(brief, WebSocket::recv), (client(Config::default()), |ws| ws.recv_timeout(Duration::ZERO))];
        for (client, receive) in calls {
            // The quickest of several, on a machine that is busy.
            let took = (0..3).map(|_| {
                let close = close.clone();
                let (done, is_done) = std::sync::mpsc::channel::<()>();
                let (ws, server) = connect_to(&client, move |mut raw| {
                    raw.accept_with("", close);
                    let _ = is_done.recv();
                });
                let mut ws = ws.unwrap();
                let (took, result) = timed(|| receive(&mut ws));
                assert_eq!(result.unwrap(), None);
                drop(done);
                server.join();
                took
            });
            let quickest = took.min().unwrap();
            assert!(quickest < millis(500), "{quickest:?}");
        }
    });
}

/// Whether the interrupter's descriptor is readable.
fn is_set(interrupter: &Interrupter) -> bool {
    wait_fd(interrupter.as_fd(), Interest::READ, Instant::now(), None).unwrap().read
}

#[test]
fn a_close_frame_whose_answer_cannot_be_written_yet_is_answered_by_a_later_call() {
    limited(|| {
        let config = Config::default().close_timeout(20 * SECOND).send_timeout(Some(millis(50)));
        let (read, is_to_read) = std::sync::mpsc::channel::<()>();
        let (mut ws, server) = open(config, move |mut raw| {
            raw.send(frame(CLOSE, close_payload(1000, "")));
            is_to_read.recv().unwrap();
            (raw.frame().payload.len(), raw.frame().close_code())
        });
        let interrupter = ws.interrupter().unwrap();
        assert!(ws.send(vec![0; 32 << 20]).unwrap_err().message_accepted());
        let (took, result) = timed(|| ws.recv_timeout(millis(100)));
        assert!(is_timeout_of(&result.unwrap_err(), Phase::Recv) && took < 10 * SECOND, "{took:?}");
        while ws.close_info().received.is_none() {
            assert!(is_timeout_of(&ws.recv_timeout(millis(100)).unwrap_err(), Phase::Recv));
        }
        // Nothing that a loop which waits for it would have to do.
        interrupter.interrupt_recv();
        assert!(is_set(&interrupter));
        assert!(is_timeout_of(&ws.recv_timeout(Duration::ZERO).unwrap_err(), Phase::Recv));
        assert!(!is_set(&interrupter));
        read.send(()).unwrap();
        assert_eq!(ws.recv().unwrap(), None);
        assert!(ws.close_info().clean);
        assert_eq!(server.join(), (32 << 20, 1000));
    });
}

#[test]
fn a_call_whose_time_is_over_does_not_wait_until_the_peer_has_read_what_it_did_wrong() {
    limited(|| {
        let (go, end) = std::sync::mpsc::channel::<()>();
        let (ws, server) = connect_to(&Client::default(), move |mut raw| {
            raw.accept_with("", masked(TEXT, "masked"));
            end.recv().unwrap();
            (raw.frame().close_code(), raw.next().unwrap())
        });
        let mut ws = ws.unwrap();
        let interrupter = ws.interrupter().unwrap();
        assert!(is_timeout_of(&ws.recv_timeout(Duration::ZERO).unwrap_err(), Phase::Recv));
        assert!(matches!(ws.close_info().cause, Some(Error::Protocol(_))), "{:?}", ws.close_info());
        interrupter.interrupt_recv();
        assert!(is_set(&interrupter));
        assert!(is_timeout_of(&ws.recv_timeout(Duration::ZERO).unwrap_err(), Phase::Recv));
        assert!(!is_set(&interrupter));
        go.send(()).unwrap();
        let error = ws.recv().unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{error:?}");
        assert_eq!(server.join(), (1002, None));
    });
}
