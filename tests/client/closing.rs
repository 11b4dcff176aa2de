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
