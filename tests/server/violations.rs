//! Clients that violate the protocol, send floods, or disconnect.

use super::*;

/// A connection whose client violates the protocol: the client, the results of the server's calls, and the server.
struct Violated {
    raw: Raw<TcpStream>,
    errors: mpsc::Receiver<[Error; 2]>,
    _server: Serving,
}

/// Opens a connection, and sends `bytes` followed by `behind` more bytes.
fn violate(options: ServerBuilder, bytes: &[u8], behind: usize) -> Violated {
    let (report, errors) = mpsc::channel();
    let server = serve(options, move |mut ws| {
        let errors = [ws.recv().unwrap_err(), ws.recv().unwrap_err()];
        assert!(ws.send("too late").is_err());
        let _ = report.send(errors);
    });
    let mut raw = server.raw();
    raw.open();
    raw.send(bytes);
    // The server may have closed the connection by now.
    let _ = raw.stream.write_all(&vec![b'x'; behind]);
    Violated { raw, errors, _server: server }
}

/// What a client does wrong, and the close code it gets.
fn violations() -> Vec<(Vec<u8>, u16)> {
    let too_long = [&[BINARY, 0xff][..], &(1u64 << 30).to_be_bytes(), &[0; 4]].concat();
    vec![
        (frame(TEXT, "not masked"), 1002),
        (masked(0xc1, "a reserved bit"), 1002),
        (masked(0x83, "a reserved opcode"), 1002),
        (masked(0x80, "nothing to continue"), 1002),
        (masked(0x09, "half a ping"), 1002),
        (masked(CLOSE, [3]), 1002),
        (masked(CLOSE, close_payload(1005, "")), 1002),
        (masked(TEXT, b"\xff"), 1007),
        (too_long, 1009),
    ]
}

#[test]
fn item_19_each_violation_causes_a_close_frame_and_one_error() {
    limited(|| {
        let begin = Instant::now();
        for (bytes, code) in violations() {
            let Violated { mut raw, errors, _server } = violate(builder(), &bytes, 0);
            let close = raw.frame();
            assert_eq!(close.close_code(), code, "{bytes:?}");
            assert_eq!(raw.next().unwrap(), None, "nothing behind the Close frame");
            drop(raw);
            let [first, again] = errors.recv().unwrap();
            assert_eq!(first.to_string(), again.to_string());
            assert_eq!(first.close_code(), Some(code.into()), "{first}");
            assert!(first.is_fatal());
        }
        // The server ends the stream at once, and only then waits for the client.
        assert!(begin.elapsed() < Duration::from_secs(9), "{:?}", begin.elapsed());
    });
}

#[test]
fn item_18_the_close_frame_arrives_although_the_client_keeps_sending() {
    limited(|| {
        let unmasked = (frame(BINARY, [0; 10]), 1002);
        let too_big = (violations().pop().unwrap().0, 1009);
        for behind in [900 << 10, 3 << 20] {
            for (bytes, code) in [&unmasked, &too_big] {
                let Violated { mut raw, _server, .. } = violate(builder(), bytes, behind);
                assert_eq!(raw.frame().close_code(), *code);
                // This is still discarded, and not answered with a reset.
                (0..10).for_each(|_| raw.send([b'x'; 10_000]));
                assert_eq!(raw.next().expect("an orderly end, not a reset"), None);
            }
        }
    });
}

#[test]
fn item_18_the_server_ends_tcp_first() {
    limited(|| {
        let (hand_over, connection) = mpsc::channel();
        let server = serve(builder(), move |mut ws| {
            assert_eq!(ws.recv().unwrap(), None);
            hand_over.send(ws).unwrap();
        });
        let mut raw = server.raw();
        raw.open();
        raw.send(masked(CLOSE, close_payload(1000, "")));
        assert_eq!(raw.frame().close_code(), 1000);
        // The end was not caused by dropping it.
        let _ws = connection.recv().unwrap();
        assert_eq!(raw.next().unwrap(), None);
    });
}

#[test]
fn item_18_lingering_ends_although_the_client_stays_connected() {
    limited(|| {
        let mut violated = violate(builder(), &frame(TEXT, "not masked"), 0);
        let (took, errors) = timed(|| violated.errors.recv().unwrap());
        assert!(matches!(errors[0], Error::Protocol(ProtocolError::UnmaskedFrame)), "{errors:?}");
        assert!(took < Duration::from_secs(4), "{took:?}");
        assert_eq!(violated.raw.frame().close_code(), 1002);
    });
}

#[test]
fn item_9_the_limit_counts_all_fragments() {
    limited(|| {
        let options = builder().max_message_size(1000);
        let bytes = [masked(0x02, [0; 600]), masked(0x80, [0; 401])].concat();
        let Violated { mut raw, errors, _server } = violate(options, &bytes, 0);
        assert_eq!(raw.frame().close_code(), 1009);
        drop(raw);
        assert!(matches!(errors.recv().unwrap()[0], Error::Limit(_)));
    });
}

#[test]
fn item_20_a_client_that_disconnects_without_a_close_frame_is_an_error() {
    limited(|| {
        let (report, reported) = mpsc::channel();
        let server = serve(builder(), move |mut ws| {
            let _ = report.send((ws.recv(), ws.close_info()));
        });
        let mut raw = server.raw();
        raw.open();
        drop(raw);
        let (result, info) = reported.recv().unwrap();
        assert!(matches!(result, Err(Error::Closed(Closed::Eof))), "{result:?}");
        assert_eq!((info.code(), info.clean), (CloseCode::ABNORMAL_CLOSURE, false));
    });
}
