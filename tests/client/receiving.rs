//! Receiving: time limits, and connections that end without a closing handshake.

use super::*;

#[test]
fn a_receive_that_timed_out_can_be_continued() {
    limited(|| {
        let (go, gone) = std::sync::mpsc::channel();
        let (mut ws, server) = open(Config::default(), move |mut raw| {
            let bytes = frame(TEXT, "in two halves");
            let (first, second) = bytes.split_at(5);
            raw.send(first);
            gone.recv().unwrap();
            raw.send(second);
            raw
        });
        for _ in 0..3 {
            let (took, result) = timed(|| ws.recv_timeout(millis(20)));
            assert!(is_timeout_of(&result.unwrap_err(), Phase::Recv));
            assert!(took >= millis(19) && took < SECOND, "{took:?}");
        }
        go.send(()).unwrap();
        assert_eq!(ws.recv().unwrap(), text("in two halves"));
        server.join();
    });
}

#[test]
fn with_a_deadline_in_the_past_what_has_arrived_is_returned() {
    limited(|| {
        let client = Client::default();
        let (ws, _server) = connect_to(&client, |mut raw| {
            raw.accept_with("", frame(TEXT, "there"));
            raw
        });
        let mut ws = ws.unwrap();
        let mut result = Err(Error::Closed(Closed::Eof));
        eventually("the message is there", || {
            result = ws.recv_deadline(Instant::now());
            result.is_ok()
        });
        assert_eq!(result.unwrap(), text("there"));
    });
}

#[test]
fn a_flood_of_pings_does_not_delay_a_time_limit() {
    limited(|| {
        for first in [PING, PONG] {
            let mut ws = flooded(Config::default(), frame(first, [0; 100]));
            let (took, result) = timed(|| ws.recv_timeout(millis(200)));
            assert!(is_timeout_of(&result.unwrap_err(), Phase::Recv));
            assert!(took < 5 * SECOND, "{took:?}");
            let (took, result) = timed(|| ws.ping_wait(millis(200)));
            assert!(is_timeout_of(&result.unwrap_err(), Phase::Ping));
            assert!(took < 5 * SECOND, "{took:?}");
        }
    });
}

#[test]
fn item_20_the_end_without_a_close_frame_is_an_error() {
    limited(|| {
        for behind in [vec![], frame(TEXT, "cut off")[..4].to_vec(), frame(0x01, "unfinished")] {
            let (mut ws, server) = open(Config::default(), move |mut raw| raw.send(behind));
            server.join();
            for _ in 0..2 {
                let result = ws.recv();
                assert!(matches!(result, Err(Error::Closed(Closed::Eof))), "{result:?}");
            }
            let info = ws.close_info();
            assert_eq!((info.code(), info.clean), (CloseCode::ABNORMAL_CLOSURE, false));
            assert!(ws.send("late").is_err());
        }
    });
}

#[test]
fn item_7_a_masked_frame_from_the_server_is_1002() {
    limited(|| {
        let (mut ws, server) = open(Config::default(), |mut raw| {
            raw.send(masked(TEXT, "masked"));
            raw.frame()
        });
        assert!(matches!(ws.recv(), Err(Error::Protocol(_))));
        let close = server.join();
        assert_eq!((close.close_code(), close.masked), (1002, true));
    });
}

#[test]
fn item_14_a_ping_before_a_message_is_answered_before_that_is_returned() {
    limited(|| {
        let (mut ws, server) = open(Config::default(), |mut raw| {
            raw.send([frame(PING, "ping"), frame(TEXT, "message")].concat());
            raw.frame()
        });
        assert_eq!(ws.recv().unwrap(), text("message"));
        let pong = server.join();
        assert_eq!((pong.first, pong.payload), (PONG, b"ping".to_vec()));
    });
}
