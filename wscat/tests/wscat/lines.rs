//! Lines in, lines out: command line, standard streams, exit status.

use super::*;
use landline::error::{Closed, Error};
use landline::{CloseCode, Compression, Listener, Server};
use std::fmt::Write as _;
use std::net::TcpListener;
use std::sync::mpsc::channel;

// ----- Messages -----

#[test]
fn lines_are_sent_and_messages_are_printed() {
    let (url, server) = echo_server();
    run([url], "first\n\nwith cr\r\naé€😀\nno line end").is_fine("first\n\nwith cr\naé€😀\nno line end\n");
    server.join().unwrap().unwrap();
}

#[test]
fn empty_input_sends_no_message() {
    let (url, server) = serve(Server::builder(), |mut ws| (ws.recv().unwrap(), ws.close_info()));
    run([url], "").is_fine("");
    let (message, info) = server.join().unwrap();
    assert_eq!((message, info.clean), (None, true));
    assert_eq!(info.received.unwrap().code(), CloseCode::NORMAL_CLOSURE);
}

#[test]
fn every_message_is_one_line() {
    let (url, server) = serve(Server::builder(), |mut ws| {
        ws.send([0; 1234])?;
        ws.send("two\nlines")?;
        ws.send([])?;
        ws.close(CloseCode::NORMAL_CLOSURE, "")
    });
    run([url], "").is_fine("<binary 1234 bytes>\ntwo\\nlines\n<binary 0 bytes>\n");
    server.join().unwrap().unwrap();
}

#[test]
fn each_line_is_sent_and_printed_at_once_and_pings_are_answered_meanwhile() {
    let (url, server) = serve(Server::builder(), |mut ws| {
        for _ in 0..3 {
            let message = ws.recv()?.expect("a message");
            ws.ping_wait(WATCHDOG)?;
            ws.send(message)?;
        }
        ws.recv()
    });
    let mut wscat = start([url]);
    for line in ["a\n", "b\n", "c\n"] {
        wscat.write(line);
        assert_eq!(wscat.line(), line);
    }
    drop(wscat.stdin.take());
    wscat.finish().is_fine("");
    assert_eq!(server.join().unwrap().unwrap(), None);
}

#[test]
fn what_arrives_after_the_end_of_input_is_printed() {
    let (url, server) = raw_server(|mut stream| {
        read_close(&mut stream);
        stream.write_all(b"\x81\x04late\x82\x01x\x88\x02\x03\xe8").unwrap();
        read_to_end(&mut stream);
    });
    run([url], "").is_fine("late\n<binary 1 bytes>\n");
    server.join().unwrap();
}

#[test]
fn input_that_is_not_utf_8_is_refused() {
    let (url, server) = serve(Server::builder(), |mut ws| {
        echo_until_close(&mut ws);
        ws.close_info().received.map(|frame| frame.code())
    });
    let result = run([url], b"good\n\xff\xfe\nnever sent\n");
    result.is_error("line 2 of standard input is not UTF-8");
    assert_eq!(server.join().unwrap(), Some(CloseCode::GOING_AWAY));
}

fn echo_until_close(ws: &mut WebSocket) {
    while let Ok(Some(message)) = ws.recv() {
        let _ = ws.send(message);
    }
}

#[test]
fn output_that_is_not_read() {
    let (url, server) = serve(Server::builder(), |mut ws| while ws.send("line").is_ok() {});
    let mut child =
        wscat().arg(url).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "line\n");
    drop(stdout);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr), (Some(0), String::new()));
    server.join().unwrap();
}

// ----- Large input and output -----

const MUCH: usize = 25_000_000;

#[test]
fn large_input_in_many_lines() {
    let (url, server) = echo_server();
    let mut input = String::with_capacity(MUCH + 1000);
    for number in 0.. {
        if input.len() >= MUCH {
            break;
        }
        writeln!(input, "{number:0999}").unwrap();
    }
    run([url], input.clone()).is_fine(&input);
    server.join().unwrap().unwrap();
}

#[test]
fn large_input_in_one_line() {
    let (url, server) = echo_server();
    let line = "y".repeat(MUCH);
    run([url], line.clone()).is_fine(&(line + "\n"));
    server.join().unwrap().unwrap();
}

#[test]
fn large_input_and_output_at_the_same_time() {
    const PIECE: usize = 1 << 20;
    let (url, server) = serve(Server::builder(), |mut ws| {
        for _ in 0..MUCH / PIECE {
            ws.send([b'<'; PIECE].as_slice())?;
        }
        let mut received = 0;
        while let Some(message) = ws.recv()? {
            received += message.as_bytes().len();
        }
        Ok::<_, Error>(received)
    });
    let line = ">".repeat(PIECE - 1) + "\n";
    let result = run([url], line.repeat(MUCH / PIECE));
    result.is_fine(&format!("<binary {PIECE} bytes>\n").repeat(MUCH / PIECE));
    assert_eq!(server.join().unwrap().unwrap(), (PIECE - 1) * (MUCH / PIECE));
}

// ----- The end of a connection -----

#[test]
fn the_peer_closes_first_while_input_is_open() {
    for (code, reason) in [(CloseCode::NORMAL_CLOSURE, "done"), (CloseCode::GOING_AWAY, "")] {
        let (url, server) = serve(Server::builder(), move |mut ws| {
            ws.send("last")?;
            ws.close(code, reason)
        });
        let wscat = start([url]);
        wscat.finish().is_fine("last\n");
        server.join().unwrap().unwrap();
    }
}

#[test]
fn the_peer_closes_without_a_code() {
    let (url, server) = raw_server(|mut stream| {
        stream.write_all(b"\x88\x00").unwrap();
        read_to_end(&mut stream);
    });
    start([url]).finish().is_fine("");
    server.join().unwrap();
}

#[test]
fn the_peer_closes_for_another_reason() {
    let (url, server) = serve(Server::builder(), |mut ws| ws.close(4001.into(), "line one\nline two"));
    start([url]).finish().is_error(r#"4001: "line one\nline two""#);
    server.join().unwrap().unwrap();
    // The same as the reply to our Close frame: it may be about the last message.
    let (url, server) = serve(Server::builder().max_message_size(10), |mut ws| ws.recv());
    run([url], "hello hello\n").is_error("1009 (message too big)");
    assert!(matches!(server.join().unwrap(), Err(Error::Limit(_))));
}

#[test]
fn the_connection_ends_without_a_close_frame() {
    let (url, server) = raw_server(|mut stream| stream.write_all(b"\x81\x05hello").unwrap());
    let result = start([url]).finish();
    result.is_error("without a close frame (1006)");
    assert_eq!(result.stdout, "hello\n");
    server.join().unwrap();
}

#[test]
fn the_peer_violates_the_protocol() {
    let (url, server) = raw_server(|mut stream| {
        stream.write_all(b"\x83\x00").unwrap();
        read_to_end(&mut stream);
    });
    start([url]).finish().is_error("reserved opcode 0x3");
    server.join().unwrap();
}

#[test]
fn a_message_is_too_large() {
    let (url, server) = echo_server();
    run(["--max-message", "5", &url], "hello hello\n").is_error("raise --max-message");
    let _ = server.join().unwrap();
}

// ----- Time -----

#[test]
fn the_peer_does_not_answer_the_close() {
    let (url, server) = raw_server(|mut stream| {
        read_close(&mut stream);
        read_to_end(&mut stream);
    });
    let result = run(["--timeout", "0.3", &url], "");
    result.is_error("did not complete the closing handshake");
    assert!(result.took >= Duration::from_millis(300));
    server.join().unwrap();
}

#[test]
fn the_peer_keeps_sending_instead_of_closing() {
    // The test does not wait for the server: TCP may take minutes to tell a writer with a zero window that the peer is
    // gone.
    let (url, _server) = raw_server(|mut stream| while stream.write_all(b"\x81\x01x").is_ok() {});
    run(["--timeout", "0.3", &url], "").is_error("did not complete the closing handshake");
}

#[test]
fn the_peer_is_silent() {
    let (url, server) = serve(Server::builder(), |mut ws| ws.recv());
    let result = start(["--timeout", "0.3", &url]).finish();
    result.is_error("timed out while receiving");
    assert!(result.took >= Duration::from_millis(300));
    assert!(matches!(server.join().unwrap(), Err(Error::Closed(Closed::Eof))));
}

#[test]
fn the_peer_does_not_read() {
    let (done, is_done) = channel::<()>();
    let (url, server) = raw_server(move |_stream| assert!(is_done.recv().is_err()));
    let result = run(["--timeout", "0.3", &url], "z".repeat(MUCH));
    result.is_error("timed out while ");
    drop(done);
    server.join().unwrap();
}

#[test]
fn opening_takes_too_long() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for (scheme, step) in [("ws", "opening handshake"), ("wss", "TLS handshake")] {
        let result = run(["--connect-timeout", "1", &format!("{scheme}://{address}/")], "hello\n");
        result.is_error(&format!("timed out during the {step}"));
        assert!(result.took >= Duration::from_secs(1));
    }
}

// ----- Opening -----

#[test]
fn invalid_addresses_are_reported() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let down = format!("ws://{closed}/");
    for (url, says) in [
        ("http://localhost/", "write ws:// for a WebSocket"),
        ("localhost:9001", "begin it with ws:// or wss://"),
        ("ws:///path", "no host"),
        ("ws://localhost:99999/", "port is not valid"),
        ("ws://localhost/#part", "fragment"),
        (&down, "Connection refused"),
    ] {
        run([url], "hello\n").is_error(says);
    }
}

#[test]
fn invalid_options_are_reported() {
    for (arguments, says) in [
        (&["--deflate=15", "ws://localhost/"][..], "unexpected value '15' for '--deflate'"),
        (&[], "<URL>"),
        (&["--timeout", "0", "ws://localhost/"], "more than 0"),
        (&["--timeout", "soon", "ws://localhost/"], "seconds"),
        (&["--connect-timeout", "nan", "ws://localhost/"], "more than 0"),
        (&["-H", "no colon", "ws://localhost/"], "'Name: value'"),
        (&["-H", "bad name: x", "ws://localhost/"], "is not a valid header name"),
        (&["-H", "Host: x", "ws://localhost/"], "header host"),
        (&["--subprotocol", "a b", "ws://localhost/"], "invalid subprotocol"),
        (&["--user", "nobody", "ws://localhost/"], "NAME:PASS"),
        (&["--user", "a:b", "ws://a:b@localhost/"], "given twice"),
        (&["--user", "a:b", "-H", "Authorization: x", "ws://localhost/"], "set twice"),
        (&["--insecure", "ws://localhost/"], "--insecure is for TLS"),
        (&["--cacert", "ca.pem", "ws://localhost/"], "--cacert is for TLS"),
        (&["--cert", "cert.pem", "wss://localhost/"], "--key"),
        (&["--cacert", "/nowhere/ca.pem", "wss://localhost/"], "cannot read /nowhere/ca.pem"),
        (&["--unix", "/nowhere/socket", "ws://localhost/"], "cannot connect to unix:/nowhere/socket"),
    ] {
        run(arguments, "hello\n").is_error(says);
    }
    let help = run(["--help"], "");
    assert_eq!((help.status, &help.stderr[..]), (Some(0), ""));
    assert!(help.stdout.contains("--connect-timeout"));
}

#[test]
fn the_options_are_used_in_the_request() {
    let (url, server) = serve(Server::builder().subprotocols(["v2"]), |mut ws| {
        ws.close(CloseCode::NORMAL_CLOSURE, "").map(|()| ws.handshake().clone())
    });
    let options = [
        ["-H", "X-One: 1"],
        ["--header", "X-One:two words "],
        ["--origin", "https://example.com"],
        ["--subprotocol", "v3"],
        ["--subprotocol", "v2"],
        ["--user", "Aladdin:open sesame"],
    ];
    run(options.iter().flatten().chain([&&url[..]]), "").is_fine("");
    let handshake = server.join().unwrap().unwrap();
    let value = |name: &str| handshake.headers.get_all(name).iter().collect::<Vec<_>>();
    assert_eq!(value("x-one"), ["1", "two words"]);
    assert_eq!(value("origin"), ["https://example.com"]);
    assert_eq!(value("sec-websocket-protocol"), ["v3, v2"]);
    // These credentials are those of RFC 7617 section 2.
    assert_eq!(value("authorization"), ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]);
    assert_eq!(handshake.subprotocol.as_deref(), Some("v2"));
}

#[test]
fn redirects_are_followed_if_asked() {
    let server = web(|head| match target(head) {
        "/end" => Ok(String::new()),
        "/circle" => redirect(302, "/circle"),
        _ => redirect(301, "/end"),
    });
    run(["--follow", &server.url("/")], "a line\n").is_fine("a line\n");
    let done = run([&server.url("/")], "");
    let expected = "error: the server refused the handshake with 301 Moved Permanently: it redirects to /end; \
        follow it with --follow\n";
    assert_eq!((done.status, &*done.stderr), (Some(1), expected));
    let done = run(["--follow", &server.url("/circle")], "");
    assert!(done.stderr.starts_with("error: more than 5 redirects: from ws://"), "{}", done.stderr);
    assert!(done.stderr.ends_with("/circle to /circle; allow more with --max-redirs\n"), "{}", done.stderr);
    // Options for TLS are of use if a redirect may lead to wss.
    run(["--follow", "--insecure", &server.url("/")], "").is_fine("");
}

#[test]
fn the_user_is_logged_in_by_digest_if_the_server_asks_for_it() {
    let server = web(|head| match header(head, "authorization") {
        Some(value) if value.starts_with("Digest username=\"a\", realm=\"r\"") => Ok(String::new()),
        _ => respond(401, "WWW-Authenticate: Digest realm=r, nonce=n, algorithm=SHA-256, qop=auth\r\n"),
    });
    run(["--user", "a:b:c", &server.url("/")], "a line\n").is_fine("a line\n");
    for arguments in [&[][..], &["--user", "x:y"]] {
        let url = server.url("/");
        let done = run(arguments.iter().chain([&&*url]), "");
        let expected = "error: the server refused the handshake with 401 Unauthorized: it asks for Digest \
            authentication; give the right user name and password with --user; WWW-Authenticate: Digest realm=r, \
            nonce=n, algorithm=SHA-256, qop=auth\n";
        assert_eq!((done.status, &*done.stderr), (Some(1), expected), "{arguments:?}");
    }
}

/// What is printed about a server that does not compress.
fn declined(is_declined: bool) -> &'static str {
    if is_declined { "note: the server does not compress\n" } else { "" }
}

#[test]
fn compression_is_offered() {
    let line = "all lines are alike ".repeat(50) + "\n";
    let large = line.repeat(1000);
    let compression = || Some(Compression::default());
    for (arguments, ours, is_agreed) in
        [(&["--deflate"][..], compression(), true), (&["--deflate"], None, false), (&[], compression(), false)]
    {
        let (url, server) = serve(Server::builder().compression(ours), |mut ws| {
            while let Some(message) = ws.recv()? {
                ws.send(message)?;
            }
            Ok::<_, Error>((ws.handshake().compression, ws.stats()))
        });
        let done = run(arguments.iter().chain([&&url[..]]), large.as_bytes());
        done.is_fine_with_note(&large, declined(!arguments.is_empty() && !is_agreed));
        let (agreed, stats) = server.join().unwrap().unwrap();
        assert_eq!(agreed.is_some(), is_agreed);
        assert_eq!(stats.payload_received, (large.len() - 1000) as u64);
        for wire in [stats.wire_received, stats.wire_sent] {
            assert_eq!(wire < stats.payload_received / 10, is_agreed, "{stats:?}");
        }
    }
}

#[test]
fn no_subprotocol_is_chosen() {
    let (url, server) = echo_server();
    let result = run(["--subprotocol", "v3", &url], "hello\n");
    assert_eq!((result.status, &result.stdout[..]), (Some(0), "hello\n"));
    assert_eq!(result.stderr, "note: the server chose none of the subprotocols\n");
    server.join().unwrap().unwrap();
}

#[test]
fn the_handshake_is_refused() {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/nowhere", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let request = listener.accept().unwrap();
        request.reject(http::StatusCode::NOT_FOUND, http::HeaderMap::new(), "no such room\nsecond line\n")
    });
    let result = run([url], "hello\n");
    result.is_error("404 Not Found");
    result.is_error("no such room");
    server.join().unwrap().unwrap();
}

#[test]
fn over_a_unix_socket() {
    let directory = Scratch::new("wscat-socket");
    let path = path(&directory, "socket");
    let listener = Server::builder().listen_unix(&path).unwrap();
    let server = thread::spawn(move || {
        let request = listener.accept()?;
        assert_eq!((request.host(), request.path()), ("example.com", "/feed"));
        echo(request.accept()?)
    });
    run(["--unix", &path, "ws://example.com/feed"], "hello\n").is_fine("hello\n");
    server.join().unwrap().unwrap();
}

#[test]
fn by_the_url_of_a_unix_socket() {
    let directory = Scratch::new("wscat-no-socket");
    let path = path(&directory, "socket");
    let listener = Server::builder().listen_unix(&path).unwrap();
    let server = thread::spawn(move || {
        let request = listener.accept()?;
        assert_eq!((request.host(), request.path()), ("localhost", "/feed"));
        echo(request.accept()?)
    });
    run([format!("ws+unix:{path}:/feed")], "hello\n").is_fine("hello\n");
    server.join().unwrap().unwrap();
}

#[test]
fn where_to_and_from_where_can_be_said() {
    let (url, server) = serve(Server::builder(), |ws| {
        let from = ws.peer_addr().unwrap().ip();
        echo(ws).map(|()| from)
    });
    let address = url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
    // The first one refuses.
    let options = ["-4", "--address", "127.0.0.1:1", "--address", &address, "--local-addr", "127.0.0.77"];
    run(options.iter().chain(&["ws://server.invalid/"]), "hello\n").is_fine("hello\n");
    assert_eq!(server.join().unwrap().unwrap().to_string(), "127.0.0.77");
    run(["-6", "ws://127.0.0.1:1/"], "").is_error("the host has no address of the family asked for");
    run(["-4", "-6", "ws://127.0.0.1:1/"], "").is_error("cannot be used with");
    run(["--address", "nowhere", "ws://127.0.0.1:1/"], "").is_error("write it as 192.0.2.1");
    run(["--interface", "nope0", "ws://127.0.0.1:1/"], "").is_error("cannot use interface nope0");
    run(["-6", "--local-addr", "127.0.0.1", "ws://127.0.0.1:1/"], "")
        .is_error("--local-addr of 127.0.0.1:0 cannot");
}

// ----- TLS -----

#[test]
fn tls_with_a_trusted_certificate() {
    let (port, directory, server) = tls_server();
    let url = format!("wss://localhost:{port}/");
    run(["--cacert", &path(&directory, "certificate.pem"), &url], "hello\n").is_fine("hello\n");
    server.join().unwrap().unwrap();
}

#[test]
fn tls_with_further_options() {
    let (port, directory, server) = tls_server();
    std::fs::create_dir(path(&directory, "authorities")).unwrap();
    std::fs::copy(path(&directory, "certificate.pem"), path(&directory, "authorities/0a1b2c3d.0")).unwrap();
    let (capath, url) = (path(&directory, "authorities"), format!("wss://localhost:{port}/"));
    run(["--capath", &capath, "--min-tls", "1.3", "--server-name", "localhost", &url], "hello\n")
        .is_fine("hello\n");
    server.join().unwrap().unwrap();

    let other = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (option, value, told) in [
        ("--pinned-key", other, "pin it with --pinned-key"),
        ("--server-name", "other.example", "set --server-name to the name"),
        ("--min-tls", "1.1", "give 1.2 or 1.3"),
        ("--tls-backend", "openssl", "give native-tls or rustls"),
    ] {
        let (port, directory, server) = tls_server();
        let certificate = path(&directory, "certificate.pem");
        let result = run(["--cacert", &certificate, option, value, &format!("wss://localhost:{port}/")], "");
        result.is_error(told);
        // Where the client did not get that far, the server still waits for it.
        drop(std::net::TcpStream::connect(format!("127.0.0.1:{port}")));
        let _ = server.join();
    }
    run(["--pinned-key", other, "ws://127.0.0.1:9/"], "").is_error("--pinned-key is for TLS");
}

#[test]
fn tls_with_an_unknown_certificate() {
    let (port, _directory, server) = tls_server();
    let result = run([format!("wss://localhost:{port}/")], "hello\n");
    result.is_error("certificate is self-signed and not trusted");
    result.is_error("trust its issuer with --cacert");
    assert!(server.join().unwrap().is_err());
}

#[test]
fn tls_with_a_certificate_for_another_name() {
    let (port, directory, server) = tls_server();
    let url = format!("wss://127.0.0.1:{port}/");
    run(["--cacert", &path(&directory, "certificate.pem"), &url], "hello\n").is_error("mismatch");
    let _ = server.join().unwrap();
}

#[test]
fn tls_with_any_certificate() {
    let (port, _directory, server) = tls_server();
    run(["--insecure", &format!("wss://127.0.0.1:{port}/")], "hello\n").is_fine("hello\n");
    server.join().unwrap().unwrap();
}

#[test]
fn tls_and_plain_connections_are_mixed_up() {
    let (port, _directory, server) = tls_server();
    run([format!("ws://localhost:{port}/")], "hello\n").is_error("check scheme and port");
    assert!(server.join().unwrap().is_err());
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || listener.accept().map(drop));
    run([url], "hello\n").is_error("TLS handshake failed");
    assert!(server.join().unwrap().is_err());
}

#[test]
fn large_input_over_tls() {
    let (port, directory, server) = tls_server();
    let line = "t".repeat(MUCH / 25 - 1) + "\n";
    let url = format!("wss://localhost:{port}/");
    let result = run(["--cacert", &path(&directory, "certificate.pem"), &url], line.repeat(25));
    result.is_fine(&line.repeat(25));
    server.join().unwrap().unwrap();
}
