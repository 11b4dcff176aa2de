//! Listening and accepting: interruption, deadlines, Unix sockets, options.

use super::*;

#[test]
fn after_an_interrupter_has_ended_accept_the_listener_can_be_used() {
    limited(|| {
        let interrupter = Interrupter::new().unwrap();
        let listener = builder().interrupter(interrupter.clone()).listen("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let accepting = sleeper(move || {
            let first = listener.accept().map(drop);
            (first, listener)
        });
        accepting.until_asleep();
        interrupter.interrupt();
        let (first, listener) = accepting.join();
        assert_eq!(first.unwrap_err().to_string(), "interrupted while waiting for a connection");

        // Once before the call, and once with a deadline.
        interrupter.interrupt();
        assert!(matches!(listener.accept_incoming(), Err(Error::Interrupted(_))));
        interrupter.interrupt();
        let later = Instant::now() + Duration::from_secs(20);
        assert!(matches!(listener.accept_deadline(later), Err(Error::Interrupted(_))));
        let mut raw = Raw::connect(addr);
        raw.send(format!("{REQUEST}\r\n"));
        listener.accept_deadline(later).unwrap().request().unwrap().accept().unwrap();
        raw.is_opened();
    });
}

#[test]
fn an_interrupter_ends_accept_while_it_reads_a_request() {
    limited(|| {
        let interrupter = Interrupter::new().unwrap();
        let listener = builder().interrupter(interrupter.clone()).listen("127.0.0.1:0").unwrap();
        let mut raw = Raw::connect(listener.local_addr().unwrap());
        raw.send("GET / HTTP/1.1\r\n");
        let accepting = sleeper(move || listener.accept().map(drop));
        accepting.until_asleep();
        let (took, result) = timed(|| {
            interrupter.interrupt();
            accepting.join()
        });
        assert_eq!(result.unwrap_err().to_string(), "interrupted during the opening handshake");
        assert!(took < Duration::from_secs(5), "{took:?}");
    });
}

#[test]
fn accept_has_a_deadline() {
    limited(|| {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let error = listener.accept_deadline(Instant::now() + Duration::from_millis(20)).unwrap_err();
        assert!(error.to_string().contains("waiting for a connection"), "{error}");
    });
}

fn over_unix(path: &std::path::Path) -> WebSocket {
    let transport = SocketTransport::unix(UnixStream::connect(path).unwrap()).unwrap();
    Client::default().connect_over(transport, "ws://localhost/").unwrap()
}

#[test]
fn a_unix_socket_is_served_and_removed() {
    limited(|| {
        let scratch = Scratch::new("unix");
        let path = scratch.path("s");
        // Left behind by a run that crashed.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let server = builder().bind_unix(&path).unwrap();
        assert_eq!(server.local_addr(), None);
        let stop = server.stop_handle();
        let serving = thread::spawn(move || server.serve(echo));
        let mut ws = over_unix(&path);
        assert_eq!(ws.peer_addr(), None);
        ws.send("over a file").unwrap();
        assert_eq!(ws.recv().unwrap(), text("over a file"));
        ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        stop.stop(Duration::from_secs(5));
        serving.join().unwrap().unwrap();
        assert!(!path.exists());
    });
}

#[test]
fn a_file_in_the_place_of_a_unix_socket_is_kept() {
    limited(|| {
        let scratch = Scratch::new("file");
        let path = scratch.write("s", "precious");
        assert!(matches!(builder().bind_unix(&path), Err(Error::Io { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    });
}

#[test]
fn a_server_does_not_remove_the_unix_socket_of_its_successor() {
    limited(|| {
        let scratch = Scratch::new("next");
        let path = scratch.path("s");
        let first = builder().bind_unix(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = builder().listen_unix(&path).unwrap();
        drop(first);
        let accepting = thread::spawn(move || second.accept().unwrap().accept().unwrap());
        over_unix(&path);
        accepting.join().unwrap();
    });
}

#[test]
fn options_that_cannot_work_are_refused() {
    let zero = Some(Duration::ZERO);
    for options in [
        builder().handshake_timeout(zero),
        builder().config(landline::Config::default().recv_timeout(zero)),
        builder().config(landline::Config::default().send_timeout(zero)),
        builder().config(landline::Config::default().close_timeout(Duration::ZERO)),
        builder().config(landline::Config::default().max_fragments(0)),
    ] {
        assert!(matches!(options.bind("127.0.0.1:0"), Err(Error::Config(_))));
    }
}

#[test]
fn a_unix_socket_without_a_path_is_refused() {
    for error in [builder().listen_unix("").map(drop).unwrap_err(), builder().bind_unix("").map(drop).unwrap_err()]
    {
        assert!(matches!(error, Error::Config(_)), "{error:?}");
        assert!(format!("{error:#}").contains("the path is empty"), "{error:#}");
    }
}

#[test]
fn options_that_no_request_could_match_are_refused_when_a_server_is_built() {
    let origins = |origin: &str| builder().origins(OriginPolicy::List(vec!["https://a.b".into(), origin.into()]));
    for (builder, named) in [
        (builder().subprotocols(["fine", "a b"]), "\"a b\""),
        (builder().subprotocols([""]), "\"\""),
        (origins("nonsense"), "\"nonsense\""),
        (origins("https://a.b/c"), "\"https://a.b/c\""),
    ] {
        let errors = [
            builder.clone().listen("127.0.0.1:0").map(drop).unwrap_err(),
            builder.clone().protocol().map(drop).unwrap_err(),
            builder.accept_over(landline::transport::pair().0).map(drop).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, Error::Config(_)) && error.to_string().contains(named), "{error:?}");
        }
    }
    origins("http://localhost:3000").protocol().unwrap();
}
