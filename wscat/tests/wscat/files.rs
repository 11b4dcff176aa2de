//! Where messages come from and go to apart from lines: files, records, JSON; staying, listening, saying more.

use super::*;
use landline::{Client, CloseCode, Message};
use std::fs;

#[test]
fn a_file_is_sent_as_one_message() {
    let files = Scratch::new("send-file");
    let content: Vec<u8> =
        (0..3_000_000).map(|number: u32| number.to_le_bytes()[0] ^ number.to_le_bytes()[1]).collect();
    let file = files.write("file", &content);
    let receive = || {
        serve(Server::builder(), |mut ws| {
            let message = ws.recv().unwrap().unwrap();
            assert_eq!(ws.recv().unwrap(), None);
            message
        })
    };
    let (url, server) = receive();
    run(["--send-file", file.to_str().unwrap(), &url], "not sent\n").is_fine("");
    assert!(server.join().unwrap() == Message::from(content));
    let text = files.write("text", "zwölf\nboxers\n");
    let (url, server) = receive();
    run(["--send-file", text.to_str().unwrap(), "--text", &url], "").is_fine("");
    assert_eq!(server.join().unwrap(), Message::from("zwölf\nboxers\n"));
    let empty = files.write("empty", "");
    let (url, server) = receive();
    run(["--send-file", empty.to_str().unwrap(), &url], "").is_fine("");
    assert_eq!(server.join().unwrap(), Message::from(Vec::<u8>::new()));
}

#[test]
fn files_that_cannot_be_sent_are_reported() {
    let files = Scratch::new("bad-file");
    let binary = files.write("binary", b"\xff\xfe");
    let (url, server) = echo_server();
    run(["--send-file", binary.to_str().unwrap(), "--text", &url], "").is_error("is not UTF-8 text");
    let _ = server.join().unwrap();
    let (url, server) = echo_server();
    run(["--send-file", "/nowhere/file", &url], "").is_error("--send-file: cannot read /nowhere/file: ");
    let _ = server.join().unwrap();
}

#[test]
fn the_first_message_is_written_to_a_file() {
    let files = Scratch::new("recv-file");
    let out = files.path("out");
    // More than messages may have otherwise.
    let (url, server) = serve(Server::builder(), |mut ws| {
        let wanted = ws.recv().unwrap().unwrap();
        let chunk = vec![9; 1 << 20];
        let mut message = ws.send_stream(landline::Kind::Binary).unwrap();
        for _ in 0..70 {
            message.write_all(&chunk).unwrap();
        }
        message.finish().unwrap();
        drop(message);
        let _ = ws.recv();
        (wanted, ws.close_info().received.unwrap().code())
    });
    run(["--recv-file", out.to_str().unwrap(), &url], "get it\n").is_fine("");
    assert_eq!(server.join().unwrap(), (Message::from("get it"), CloseCode::NORMAL_CLOSURE));
    assert!(fs::read(&out).unwrap() == vec![9; 70 << 20]);

    let (url, server) = serve(Server::builder(), |mut ws| ws.close(CloseCode::NORMAL_CLOSURE, "nothing here"));
    run(["--recv-file", out.to_str().unwrap(), &url], "")
        .is_error("no message came for --recv-file: the peer closed");
    let _ = server.join().unwrap();
    let (url, server) = echo_server();
    run(["--recv-file", "/nowhere/out", &url], "").is_error("--recv-file: cannot write /nowhere/out: ");
    let _ = server.join().unwrap();
}

#[test]
fn json_has_every_event_in_a_line() {
    let (url, server) = serve(Server::builder().subprotocols(["v2"]), |mut ws| {
        ws.send("two\n\"lines\"")?;
        ws.send([0, 255])?;
        ws.close(CloseCode::GOING_AWAY, "bye")
    });
    let result = run(["--json", "--subprotocol", "v2", &url], "");
    assert_eq!((result.status, &*result.stderr), (Some(0), ""));
    let lines: Vec<serde_json::Value> =
        result.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let field = |number: usize, name: &str| lines[number][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(lines.len(), 4, "{}", result.stdout);
    assert_eq!((field(0, "event"), field(0, "url"), field(0, "subprotocol")), ("open".into(), url, "v2".into()));
    assert_eq!(lines[0]["compressed"], false);
    assert_eq!((field(1, "event"), field(1, "direction")), ("message".into(), "received".into()));
    assert_eq!(field(1, "text"), "two\n\"lines\"");
    assert_eq!((field(2, "base64"), lines[2].get("text")), ("AP8=".into(), None));
    assert_eq!((field(3, "event"), field(3, "reason")), ("close".into(), "bye".into()));
    assert_eq!(lines[3]["code"], 1001);
    let is_time = |time: &str| time.len() == 27 && time.ends_with('Z') && time.as_bytes()[10] == b'T';
    assert!(lines.iter().all(|line| is_time(line["time"].as_str().unwrap())), "{}", result.stdout);
    server.join().unwrap().unwrap();
}

#[test]
fn binary_messages_are_printed_in_full_if_asked() {
    let (url, server) = serve(Server::builder(), |mut ws| {
        ws.send([0; 100])?;
        ws.send([1, 0xab])?;
        ws.close(CloseCode::NORMAL_CLOSURE, "")
    });
    run(["--hex", &url], "").is_fine(&format!("{}\n01 ab\n", ["00"; 100].join(" ")));
    server.join().unwrap().unwrap();
}

#[test]
fn a_record_can_be_replayed() {
    let files = Scratch::new("record");
    let record = files.path("record.jsonl");
    let record = record.to_str().unwrap();
    let (url, server) = echo_server();
    let mut wscat = start(["--record", record, &url]);
    for line in ["one\n", "two\n"] {
        wscat.write(line);
        assert_eq!(wscat.line(), line);
    }
    drop(wscat.stdin.take());
    wscat.finish().is_fine("");
    server.join().unwrap().unwrap();
    let text = fs::read_to_string(record).unwrap();
    let directions: Vec<_> = text.lines().map(|line| line.contains("\"sent\"")).collect();
    assert_eq!(directions.len(), 4, "{text}");
    assert_eq!(directions.iter().filter(|is_sent| **is_sent).count(), 2, "{text}");

    let (url, server) = echo_server();
    run(["--replay", record, "--replay-speed", "0", &url], "not sent\n").is_fine("one\ntwo\n");
    server.join().unwrap().unwrap();
}

#[test]
fn a_replay_keeps_the_pace() {
    let files = Scratch::new("pace");
    let entry = |time: &str, rest: &str| {
        format!("{{\"event\":\"message\",\"time\":\"2026-01-01T00:00:{time}Z\",\"direction\":{rest}}}\n")
    };
    let text = entry("00.000", "\"sent\",\"text\":\"one\"")
        + &entry("00.100", "\"received\",\"text\":\"not sent\"")
        + "{\"event\":\"close\",\"time\":\"2026-01-01T00:00:00Z\",\"code\":1000,\"reason\":\"\"}\n"
        + &entry("03.000", "\"sent\",\"base64\":\"AP8=\"");
    let record = files.write("record", &text);
    let (url, server) = serve(Server::builder(), |mut ws| {
        let first = ws.recv().unwrap().unwrap();
        let begin = Instant::now();
        (first, ws.recv().unwrap().unwrap(), begin.elapsed(), ws.recv().unwrap())
    });
    run(["--replay", record.to_str().unwrap(), "--replay-speed", "10", &url], "").is_fine("");
    let (first, second, pause, end) = server.join().unwrap();
    assert_eq!((first, second, end), (Message::from("one"), Message::from(vec![0, 255]), None));
    assert!(pause >= Duration::from_millis(250), "{pause:?} instead of 300 ms");

    for (line, says) in [
        ("nonsense\n", "line 1 of"),
        (&*entry("00", "\"sent\""), "a message needs either text or base64"),
        (&entry("99", "\"sent\",\"text\":\"x\""), "line 1 of"),
    ] {
        let record = files.write("bad", line);
        let (url, server) = echo_server();
        run(["--replay", record.to_str().unwrap(), &url], "").is_error(says);
        let _ = server.join().unwrap();
    }
    run(["--replay", "/nowhere/record", "ws://127.0.0.1:1/"], "").is_error("--replay: cannot read /nowhere/record");
    let record = record.to_str().unwrap();
    run(["--replay", record, "--replay-speed=-1", "ws://127.0.0.1:1/"], "")
        .is_error("--replay-speed: give a factor");
}

#[test]
fn it_stays_after_the_end_of_input_if_asked() {
    let (url, server) = serve(Server::builder(), |mut ws| {
        assert_eq!(ws.recv()?, Some(Message::from("go")));
        // Longer than it waits for the peer to be quiet, if it is not asked to stay.
        let quiet = ws.recv_timeout(Duration::from_secs(3));
        assert!(matches!(quiet, Err(landline::Error::Timeout(_))), "{quiet:?}");
        ws.send("late")?;
        ws.close(CloseCode::NORMAL_CLOSURE, "")
    });
    run(["--wait", &url], "go\n").is_fine("late\n");
    server.join().unwrap().unwrap();
    let (url, server) = echo_server();
    let result = run(["--wait=0.5", &url], "go\n");
    result.is_fine("go\n");
    assert!(result.took >= Duration::from_millis(500));
    server.join().unwrap().unwrap();
}

/// Starts it as a server, and returns its URL.
fn listening(arguments: &[&str]) -> (common::Child, String) {
    let mut wscat = wscat();
    let child = common::Child::start(wscat.args(["--listen", "127.0.0.1:0"]).args(arguments).stdin(Stdio::piped()));
    let line = child.line(|line| line.starts_with("listening on "));
    (child, line.trim_start_matches("listening on ").to_owned())
}

#[test]
fn it_is_a_server_for_one_connection() {
    let (mut child, url) = listening(&["--subprotocol", "v2", "--deflate"]);
    // Somebody who does not want to speak WebSocket.
    let mut other = TcpStream::connect(url.trim_start_matches("ws://")).unwrap();
    other.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    read_to_end(&mut other);
    assert!(child.line(|line| line.starts_with("note: ")).contains("a client came to nothing: "));
    let client = Client::builder().subprotocol("v2").compression(landline::Compression::default()).build().unwrap();
    let mut ws = client.connect(&url).unwrap();
    assert_eq!(ws.handshake().subprotocol.as_deref(), Some("v2"));
    assert!(ws.handshake().compression.is_some());
    child.process.stdin.as_mut().unwrap().write_all(b"hello\n").unwrap();
    assert_eq!(ws.recv().unwrap(), Some(Message::from("hello")));
    ws.send("hi").unwrap();
    assert_eq!(child.line(|_| true), "hi");
    assert!(TcpStream::connect(url.trim_start_matches("ws://")).is_err(), "another connection");
    ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
    assert_eq!(child.output(WATCHDOG), "");
    assert!(child.process.wait().unwrap().success());
}

#[test]
fn it_is_a_server_with_tls() {
    let files = Scratch::new("listen-tls");
    let ca = Ca::new();
    let made = ca.issue(&["127.0.0.1"]);
    let (cert, key) = (files.write("cert.pem", made.cert), files.write("key.pem", made.key));
    let (mut child, url) = listening(&["--cert", cert.to_str().unwrap(), "--key", key.to_str().unwrap()]);
    assert!(url.starts_with("wss://"), "{url}");
    let mut ws = ca.client().connect(&url).unwrap();
    ws.send("hi").unwrap();
    assert_eq!(child.line(|_| true), "hi");
    ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
    child.output(WATCHDOG);
    assert!(child.process.wait().unwrap().success());

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    run(["--listen", &address], "").is_error("Address already in use");
    run(["--listen", "127.0.0.1:0", "ws://localhost/"], "").is_error("cannot be used with");
}

#[test]
fn verbose_shows_both_heads_and_what_was_negotiated() {
    let (port, directory, server) = tls_server();
    let (ca, url) = (path(&directory, "certificate.pem"), format!("wss://localhost:{port}/feed"));
    let options = ["-v", "--cacert", &ca, "--user", "me:secret", "-b", "id=hidden", "-H", "X-One: 1", &url];
    let result = run(options, "hello\n");
    assert_eq!((result.status, &*result.stdout), (Some(0), "hello\n"), "{}", result.stderr);
    for line in [
        "> GET /feed HTTP/1.1",
        &format!("> Host: localhost:{port}"),
        "> X-One: 1",
        "> Authorization: Basic ...",
        "> Cookie: id=...",
        "< HTTP 101 Switching Protocols",
        "* certificate for localhost",
        "* subprotocol: none",
        "* compression: none",
    ] {
        assert!(result.stderr.lines().any(|shown| shown == line), "{line}: {}", result.stderr);
    }
    for part in ["< sec-websocket-accept: ", "* TLS 1.3, TLS_", "* look-up ", "* from 127.0.0.1:", "sha256//"] {
        assert!(result.stderr.contains(part), "{part}: {}", result.stderr);
    }
    assert!(!result.stderr.contains("hidden") && !result.stderr.contains("bWU6"), "{}", result.stderr);
    server.join().unwrap().unwrap();

    let server = web(|_| respond(403, "X-Why: no\r\n"));
    let result = run(["-v", &server.url("/")], "");
    assert!(result.stderr.contains("< HTTP 403 ") && result.stderr.contains("< x-why: no\n"), "{}", result.stderr);
    assert!(
        result.stderr.ends_with(
            "error: the server refused the handshake with 403 Forbidden: check credentials and origin\n"
        ),
        "{}",
        result.stderr
    );
}

#[test]
fn the_version_is_printed() {
    run(["--version"], "").is_fine(&format!("wscat {}\n", env!("CARGO_PKG_VERSION")));
}
