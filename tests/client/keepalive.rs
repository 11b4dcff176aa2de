//! Keepalive, Pings and waiting for Pongs.

use super::*;

fn keepalive(interval: Duration, timeout: Duration) -> Config {
    Config::default().keepalive(Some(Keepalive::default().interval(interval).timeout(timeout)))
}

#[test]
fn item_17_a_silent_peer_is_pinged_and_then_cut() {
    limited(|| {
        let (mut ws, server) = open(keepalive(millis(100), millis(150)), |mut raw| {
            let ping = raw.frame();
            (ping.first, ping.masked, raw.rest().is_ok_and(|rest| rest.is_empty()))
        });
        let (took, result) = timed(|| ws.recv());
        let Err(Error::Closed(Closed::PeerSilent(silent))) = result else { panic!("{result:?}") };
        assert!(took >= millis(240) && took < 5 * SECOND, "{took:?}");
        assert!(silent >= millis(240), "{silent:?}");
        assert!(matches!(ws.recv(), Err(Error::Closed(Closed::PeerSilent(_)))));
        assert!(ws.send("gone").is_err());
        // One Ping, and nothing else.
        assert_eq!(server.join(), (PING, true, true));
    });
}

#[test]
fn item_17_answered_pings_keep_a_connection_alive() {
    limited(|| {
        let (mut ws, server) = open(keepalive(millis(30), 20 * SECOND), |mut raw| {
            for _ in 0..6 {
                let ping = raw.frame();
                assert_eq!(ping.first, PING);
                raw.send(frame(PONG, ping.payload));
            }
            raw.send(frame(TEXT, "still here"));
            raw
        });
        let (took, result) = timed(|| ws.recv().unwrap());
        assert_eq!(result, text("still here"));
        assert!(took >= millis(170), "{took:?}");
        server.join();
    });
}

#[test]
fn item_17_time_limits_apply_with_keepalive() {
    limited(|| {
        let (mut ws, server) = open(keepalive(millis(50), 20 * SECOND), |mut raw| raw.rest());
        let (took, result) = timed(|| ws.recv_timeout(millis(200)));
        assert!(is_timeout_of(&result.unwrap_err(), Phase::Recv));
        assert!(took >= millis(190) && took < 5 * SECOND, "{took:?}");
        drop(ws);
        server.join().unwrap();
    });
}

#[test]
fn ping_wait_returns_the_round_trip_and_keeps_messages_in_order() {
    limited(|| {
        let (mut ws, server) = open(Config::default(), |mut raw| {
            let ping = raw.frame();
            assert_eq!((ping.first, ping.masked), (PING, true));
            raw.send(
                [frame(TEXT, "1"), frame(BINARY, "2"), frame(PONG, "another one's"), frame(TEXT, "3")].concat(),
            );
            raw.send([frame(PONG, ping.payload), frame(TEXT, "4")].concat());
            raw
        });
        let round_trip = ws.ping_wait(20 * SECOND).unwrap();
        assert!(round_trip > Duration::ZERO && round_trip < 20 * SECOND);
        assert_eq!(ws.recv().unwrap(), text("1"));
        assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes(), b"2");
        assert_eq!(ws.recv().unwrap(), text("3"));
        assert_eq!(ws.recv().unwrap(), text("4"));
        server.join();
    });
}

#[test]
fn the_connection_can_be_used_after_ping_wait_has_timed_out() {
    limited(|| {
        let (mut ws, server) = open(Config::default(), |mut raw| {
            let ping = raw.frame();
            let message = raw.frame();
            raw.send([frame(PONG, ping.payload), frame(TEXT, message.payload)].concat());
            raw
        });
        assert!(is_timeout_of(&ws.ping_wait(millis(50)).unwrap_err(), Phase::Ping));
        ws.send("late pongs harm nobody").unwrap();
        assert_eq!(ws.recv().unwrap(), text("late pongs harm nobody"));
        server.join();
    });
}

#[test]
fn a_ping_that_was_not_answered_in_time_can_be_waited_for_again() {
    limited(|| {
        let (go, gone) = std::sync::mpsc::channel();
        let (mut ws, server) = open(Config::default(), move |mut raw| {
            let ping = raw.frame();
            raw.send(frame(TEXT, "first"));
            gone.recv().unwrap();
            raw.send(frame(PONG, ping.payload));
            raw
        });
        let ping = ws.ping_start().unwrap();
        assert!(is_timeout_of(&ws.pong_wait(ping, Duration::ZERO).unwrap_err(), Phase::Ping));
        assert!(is_timeout_of(&ws.pong_wait(ping, millis(20)).unwrap_err(), Phase::Ping));
        go.send(()).unwrap();
        ws.pong_wait(ping, 20 * SECOND).unwrap();
        assert_eq!(ws.recv().unwrap(), text("first"));
        server.join();
    });
}

#[test]
fn an_interrupt_of_senders_ends_a_wait_for_a_pong_in_another_thread() {
    limited(|| {
        let (ws, server) = open(Config::default(), |mut raw| {
            raw.frame();
            raw
        });
        let (sender, mut receiver) = ws.split();
        let interrupter = receiver.interrupter().unwrap();
        let pinging = sleeper(move || sender.ping_wait(50 * SECOND));
        pinging.until_asleep();
        interrupter.interrupt_send();
        let (took, result) = timed(|| pinging.join());
        assert!(
            matches!(result, Err(Error::Interrupted(Interrupted { phase: Phase::Ping, .. }))) && took < 20 * SECOND,
            "{result:?} after {took:?}"
        );
        drop(server.join());
    });
}

#[test]
fn item_14_a_ping_is_answered_before_the_next_wait() {
    limited(|| {
        let (mut ws, server) = open(Config::default(), |mut raw| {
            raw.send(frame(PING, "there?"));
            let pong = raw.frame();
            raw.send(frame(TEXT, "good"));
            pong
        });
        assert_eq!(ws.recv().unwrap(), text("good"));
        assert_eq!(server.join(), Frame { first: PONG, masked: true, payload: b"there?".to_vec() });
    });
}
