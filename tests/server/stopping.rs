//! Stopping a server gracefully.

use super::*;

#[test]
fn stop_closes_all_connections_with_1001_and_handlers_return() {
    limited(|| {
        let (report, reported) = mpsc::channel();
        let server = serve(builder(), move |mut ws| {
            let result = ws.recv().map(|message| message.is_none());
            let _ = report.send((result, ws.close_info()));
        });
        let clients: Vec<_> = (0..5).map(|_| landline::connect(&server.url()).unwrap()).collect();
        eventually("all handlers run", || server.stop.connections() == 5);
        let clients = thread::spawn(move || {
            for mut ws in clients {
                assert_eq!(ws.recv().unwrap(), None);
                let info = ws.close_info();
                assert_eq!((info.code(), info.first), (CloseCode::GOING_AWAY, Some(Side::Remote)));
            }
        });
        let url = server.url();
        let (took, stopped) = timed(|| server.end(Duration::from_secs(20)));
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert_eq!((stopped.finished, stopped.cut), (5, 0));
        clients.join().unwrap();
        for (result, info) in reported.try_iter().collect::<Vec<_>>() {
            assert!(result.is_ok_and(|closed| closed));
            assert!(info.clean && info.first == Some(Side::Local));
        }
        assert!(matches!(landline::connect(&url), Err(Error::Connect(_))));
    });
}

#[test]
fn stop_cuts_clients_that_do_not_answer_when_the_grace_is_over() {
    limited(|| {
        let (report, reported) = mpsc::channel();
        let server = serve(builder(), move |mut ws| drop(report.send(ws.recv())));
        let mut raw = server.raw();
        raw.open();
        let good = landline::connect(&server.url()).unwrap();
        let good = thread::spawn(move || {
            let mut good = good;
            good.recv()
        });
        eventually("both handlers run", || server.stop.connections() == 2);
        let grace = Duration::from_millis(300);
        let (took, stopped) = timed(|| server.end(grace));
        assert!(took >= grace && took < Duration::from_secs(3), "{took:?}");
        assert_eq!((stopped.finished, stopped.cut), (1, 1));
        good.join().unwrap().unwrap();
        assert_eq!(raw.frame().close_code(), 1001);
        let results: Vec<_> = reported.try_iter().collect();
        assert!(matches!(&results[..], [Ok(None), Err(Error::Closed(Closed::Aborted))]), "{results:?}");
    });
}

#[test]
fn stop_counts_handlers_that_finish_while_others_are_notified() {
    limited(|| {
        // Some do not read what their handlers send: closing them takes a moment, during which others finish.
        let server = serve(builder(), |mut ws| match ws.recv() {
            Ok(Some(_)) => while ws.send([0; 100_000]).is_ok() {},
            end => assert!(matches!(end, Ok(None)), "{end:?}"),
        });
        let stuck: Vec<_> = (0..10)
            .map(|_| {
                let mut raw = server.raw();
                raw.open();
                raw.send(masked(TEXT, "flood me"));
                raw
            })
            .collect();
        let good: Vec<_> = (0..10).map(|_| landline::connect(&server.url()).unwrap()).collect();
        let good: Vec<_> = good.into_iter().map(|mut ws| thread::spawn(move || ws.recv().unwrap())).collect();
        eventually("all handlers run", || server.stop.connections() == 20);
        let stopped = server.end(Duration::from_millis(500));
        assert_eq!((stopped.finished, stopped.cut), (10, 10));
        for ws in good {
            assert_eq!(ws.join().unwrap(), None);
        }
        drop(stuck);
    });
}

#[test]
fn stop_before_serve_ends_it_at_once() {
    limited(|| {
        let server = Server::bind("127.0.0.1:0").unwrap();
        let stopped = server.stop_handle().stop(Duration::from_secs(20));
        assert_eq!((stopped.finished, stopped.cut), (0, 0));
        server.serve(|_| unreachable!("nobody is accepted")).unwrap();
    });
}

#[test]
fn stop_ends_opening_handshakes() {
    limited(|| {
        let server = serve_echo(builder().handshake_timeout(None));
        let mut raws = [server.raw(), server.raw()];
        raws[0].send("GET / HTTP/1.1\r\n");
        eventually("the handshakes have begun", || server.stop.connections() == 2);
        let (took, stopped) = timed(|| server.end(Duration::from_secs(20)));
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(stopped.cut, 0);
        for raw in &mut raws {
            let _ = raw.rest();
        }
    });
}

#[test]
fn stop_reaches_handlers_that_only_send() {
    limited(|| {
        let (report, reported) = mpsc::channel();
        let server = serve(builder(), move |mut ws| {
            let error = loop {
                if let Err(error) = ws.send("tick") {
                    break error;
                }
            };
            let _ = report.send(error);
        });
        let mut ws = landline::connect(&server.url()).unwrap();
        assert_eq!(ws.recv().unwrap(), text("tick"));
        let reading = thread::spawn(move || while ws.recv().unwrap().is_some() {});
        let stopped = server.end(Duration::from_secs(20));
        assert_eq!((stopped.finished, stopped.cut), (1, 0));
        let error = reported.recv().unwrap();
        assert!(matches!(error, Error::Closed(Closed::Sent)), "{error}");
        reading.join().unwrap();
    });
}
