//! libwebsockets in both roles. Its client hangs on an uncompressed message if compression was agreed on, so this also
//! shows that by default none is sent while the window is kept.

use super::*;
use landline::proto::deflate::DeflateParameters;

/// `interop/lws_peer.c`, built by `interop/setup`.
fn peer(role: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    let program = root.join(target).join("interop/lws_peer");
    assert!(program.exists(), "{} is not there: run interop/setup first", program.display());
    let mut command = Command::new(program);
    command.arg(role).stdin(Stdio::piped());
    command
}

fn config(compression: Option<Compression>) -> Config {
    Config::default().max_message_size(64 << 20).recv_timeout(Some(LIMIT / 4)).compression(compression)
}

/// What is set on our side, and whether server and client agree to keep the window.
fn settings() -> Vec<(Option<Compression>, Option<[bool; 2]>)> {
    let default = Compression::default;
    // Without context takeover there is a threshold unless one is set.
    let all = || default().threshold(0);
    vec![
        (None, None),
        (Some(default()), Some([true, true])),
        (Some(default().level(1).free_between_messages(true)), Some([true, true])),
        (Some(all().server_no_context_takeover(true)), Some([false, true])),
        (Some(all().client_no_context_takeover(true)), Some([true, false])),
        (Some(all().server_no_context_takeover(true).client_no_context_takeover(true)), Some([false, false])),
    ]
}

fn check_agreed(agreed: Option<DeflateParameters>, expected: Option<[bool; 2]>) {
    let agreed = agreed.map(|agreed| [!agreed.server_no_context_takeover, !agreed.client_no_context_takeover]);
    assert_eq!(agreed, expected);
}

fn exchange(ws: &mut WebSocket, message: Message) {
    ws.send(&message).unwrap();
    let received = ws.recv().unwrap().expect("an echo");
    let len = message.as_bytes().len();
    // It cannot compress an empty message.
    let expected = if len == 0 { Message::Text("empty".into()) } else { message };
    assert!(received == expected, "{len} bytes came back as {}", received.as_bytes().len());
}

/// Small, empty, large and fragmented messages, alternating.
fn converse_with(ws: &mut WebSocket, is_compressed: bool) {
    for round in 0..3 {
        for small in ["a", "", "hello", "hello", "aé€😀"] {
            exchange(ws, Message::Text(small.into()));
        }
        for size in [0, 1, 100, 127, 128, 5000, 70_000] {
            exchange(ws, Message::Binary(noise(round + 1, size)));
            exchange(ws, Message::Text(lines(round + 1, size)));
        }
    }
    exchange(ws, Message::Binary(noise(9, 1 << 20)));
    let before = ws.stats();
    exchange(ws, Message::Text(lines(10, 1 << 20)));
    let after = ws.stats();
    assert_eq!(after.wire_sent - before.wire_sent < (1 << 20) / 3, is_compressed);

    // Several in one write.
    let gathered: Vec<String> = (0..50).map(|n| format!("message {n}")).collect();
    for text in &gathered {
        ws.feed(text).unwrap();
    }
    ws.flush().unwrap();
    for text in &gathered {
        assert_eq!(ws.recv().unwrap(), Some(Message::Text(text.clone())));
    }

    for (count, size) in [(1, 1), (200, 1), (40, 100), (9, 7_777), (3, 60_000)] {
        let bytes = pattern(count * size);
        send_fragments(ws, Kind::Binary, bytes.chunks(size));
        assert!(ws.recv().unwrap() == Some(Message::Binary(bytes)), "{count} of {size}");
    }
    for (count, size) in [(1, 10), (3, 10), (5, 70_000)] {
        ws.send(format!("!fragments {count} {size}")).unwrap();
        let received = ws.recv().unwrap().expect("fragments");
        assert!(received == Message::Binary(pattern(count * size)), "{count} of {size}");
    }
    exchange(ws, Message::Text("small again".into()));
    ws.close(4001.into(), "bye").unwrap();
    assert!(ws.close_info().clean);
}

#[test]
#[ignore = "needs interop/setup"]
fn our_client_with_libwebsockets() {
    limited_to(LIMIT, || {
        let echo = Child::start(&mut peer("server"));
        let line = echo.line(|line| line.starts_with("listening on "));
        let url = line.strip_prefix("listening on ").unwrap();
        for (compression, expected) in settings() {
            // Its server forgets the client's window when it was asked to forget its own.
            if expected == Some([false, true]) {
                continue;
            }
            let client = Client::builder().config(config(compression)).build().unwrap();
            let mut ws = client.connect(url).unwrap();
            check_agreed(ws.handshake().compression, expected);
            converse_with(&mut ws, expected.is_some());
            assert_eq!(echo.line(|line| line.starts_with("closed")), "closed 4001");
        }
    });
}

#[test]
#[ignore = "needs interop/setup"]
fn our_server_with_libwebsockets() {
    limited_to(LIMIT, || {
        for (compression, expected) in settings() {
            let listener = Server::builder().config(config(compression)).listen("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let client = Child::start(peer("client").arg(port.to_string()));
            let mut ws = listener.accept().unwrap().accept().unwrap();
            check_agreed(ws.handshake().compression, expected);
            converse_with(&mut ws, expected.is_some());
            assert_eq!(client.line(|line| line.starts_with("closed")), "closed 4001");
        }
    });
}

#[test]
#[ignore = "needs interop/setup"]
fn our_server_with_libwebsockets_that_asks_for_no_takeover() {
    limited_to(LIMIT, || {
        let offer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        let options = config(Some(Compression::default().threshold(0)));
        let listener = Server::builder().config(options).listen("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = Child::start(peer("client").arg(port.to_string()).arg(offer));
        let mut ws = listener.accept().unwrap().accept().unwrap();
        check_agreed(ws.handshake().compression, Some([false, false]));
        converse_with(&mut ws, true);
        assert_eq!(client.line(|line| line.starts_with("closed")), "closed 4001");
    });
}
