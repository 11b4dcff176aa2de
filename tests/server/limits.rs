//! Too many connections, and shortages of threads and descriptors.

use super::*;

#[test]
fn item_23_over_the_limit_is_503() {
    limited(|| {
        let server = serve_echo(builder().max_connections(1));
        let mut ws = landline::connect(&server.url()).unwrap();
        let mut raw = server.raw();
        raw.send(format!("{REQUEST}\r\n"));
        assert_eq!(status(&refusal(&mut raw).0), 503);
        let error = landline::connect(&server.url()).unwrap_err();
        assert!(error.to_string().contains("503"), "{error}");
        // A refused connection does not count towards the limit.
        ws.send("still here").unwrap();
        assert_eq!(ws.recv().unwrap(), text("still here"));
        ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        eventually("the place is free", || server.stop.connections() == 0);
        landline::connect(&server.url()).unwrap();
    });
}

/// Returns once the server has everything that it needs regardless of connections.
fn warm_up(server: &Serving) {
    drop(landline::connect(&server.url()).unwrap());
    eventually("the first connection is over", || {
        server.stop.connections() == 0 && threads_and_descriptors().0 <= 4
    });
}

#[test]
fn item_23_threads_and_descriptors_are_released() {
    alone("limits::item_23_threads_and_descriptors_are_released", "", || {
        let server = serve(builder(), |mut ws| {
            if let Ok(Some(message)) = ws.recv() {
                assert_ne!(message.as_text(), Some("panic"), "as the client wishes");
                let _ = ws.send(message);
            }
        });
        warm_up(&server);
        let base = threads_and_descriptors();
        for round in 0..200 {
            match round % 5 {
                0 => {
                    let mut raw = server.raw();
                    raw.open();
                }
                1 => server.raw().send("GET / HTTP/1.1\r\n\r\n"),
                2 => {
                    let mut ws = landline::connect(&server.url()).unwrap();
                    ws.send("panic").unwrap();
                    assert_eq!(ws.recv().unwrap(), None);
                }
                3 => {
                    let mut ws = landline::connect(&server.url()).unwrap();
                    let _interrupter = ws.interrupter().unwrap();
                    let (sender, mut receiver) = ws.split();
                    sender.send("hello").unwrap();
                    assert_eq!(receiver.recv().unwrap(), text("hello"));
                }
                _ => {
                    let mut ws = landline::connect(&server.url()).unwrap();
                    ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
                }
            }
        }
        eventually("all connections are over", || server.stop.connections() == 0);
        eventually("threads and descriptors are given back", || threads_and_descriptors() == base);
    });
}

#[test]
fn item_23_a_shortage_of_descriptors_is_survived() {
    alone("limits::item_23_a_shortage_of_descriptors_is_survived", "ulimit -n 40;", || {
        let server = serve_echo(builder());
        warm_up(&server);
        let mut clock = CpuClock::of_process();
        let mut hoard = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            hoard.push(file);
        }
        hoard.pop();
        // It takes the last descriptor, so none is left for the server's side.
        let mut raw = server.raw();
        raw.send(format!("{REQUEST}\r\n"));
        raw.stream.set_read_timeout(Some(Duration::from_millis(600))).unwrap();
        let before = clock.read();
        let error = raw.more().unwrap_err();
        assert!(is_timeout(&error), "{error}");
        let used = clock.read() - before;
        assert!(used <= Duration::from_millis(60), "the server spins: {used:?}");
        assert_eq!(server.stop.connections(), 0);

        hoard.clear();
        limit(&raw.stream);
        raw.is_opened();
        let mut ws = landline::connect(&server.url()).unwrap();
        ws.send("again").unwrap();
        assert_eq!(ws.recv().unwrap(), text("again"));
    });
}

/// Takes all descriptors that are left, and then releases this many.
fn take_descriptors_but(left: usize) -> Vec<std::fs::File> {
    let mut hoard = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    hoard.truncate(hoard.len() - left);
    hoard
}

#[test]
fn a_client_is_accepted_only_with_descriptors_for_its_interrupter() {
    alone("limits::a_client_is_accepted_only_with_descriptors_for_its_interrupter", "ulimit -n 40;", || {
        let listener = builder().connection_interrupters(true).listen("127.0.0.1:0").unwrap();
        let mut raw = Raw::connect(listener.local_addr().unwrap());
        raw.send(format!("{REQUEST}\r\n"));
        // One for the connection, two for the interrupter.
        let mut hoard = take_descriptors_but(2);
        let error = listener.accept_incoming().unwrap_err();
        let Error::Io { source, .. } = &error else { panic!("{error}") };
        assert_eq!(source.raw_os_error(), Some(24), "{error}");
        assert_eq!(take_descriptors_but(0).len(), 2, "what was made is given back");
        hoard.pop();
        let mut ws = listener.accept_incoming().unwrap().request().unwrap().accept().unwrap();
        raw.is_opened();
        hoard.extend(take_descriptors_but(0));
        let interrupter = ws.interrupter().unwrap();
        interrupter.interrupt();
        assert!(matches!(ws.recv(), Err(Error::Interrupted(_))));
    });
}

#[test]
fn interrupters_of_connections_that_are_never_opened_are_released() {
    alone("limits::interrupters_of_connections_that_are_never_opened_are_released", "", || {
        let listener = builder().connection_interrupters(true).listen("127.0.0.1:0").unwrap();
        let soon = || std::time::Instant::now() + Duration::from_millis(5);
        assert!(matches!(listener.accept_deadline(soon()), Err(Error::Timeout(_))));
        let base = threads_and_descriptors();
        for _ in 0..10 {
            assert!(matches!(listener.accept_deadline(soon()), Err(Error::Timeout(_))));
        }
        assert_eq!(threads_and_descriptors(), base);
        let (near, far) = landline::transport::pair();
        drop(near);
        assert!(builder().connection_interrupters(true).accept_over(far).is_err());
        assert_eq!(threads_and_descriptors(), base);
    });
}
