//! Attempts that fail: which are repeated, after how long, and how many times.

use super::*;

#[test]
fn refusals_that_may_pass_are_tried_again_and_others_end_the_session() {
    limited(|| {
        for status in [408, 425, 429, 500, 502, 503, 504, 520, 599] {
            let script = Script::new(vec![refusing(format!("{status} No")), closing("hello", 1000)]);
            let mut session = script.session();
            let first = connected(&mut session);
            assert_eq!((first.reconnects, first.attempts), (0, 2), "{status}");
            assert_eq!(first.after.unwrap().error().unwrap().status().unwrap().as_u16(), status);
            assert_eq!(message(&mut session), "hello");
            over(&mut session);
            script.thread.join();
        }
        for status in [200, 301, 400, 401, 403, 404, 407, 410, 426, 451] {
            let script = Script::new(vec![refusing(format!("{status} No"))]);
            let error = failed(&mut script.session());
            assert_eq!(error.status().unwrap().as_u16(), status);
            script.thread.join();
        }
    });
}

/// How long the session took from a refusal with these headers to the next attempt.
fn pause_after(refusal: &str, change: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Duration {
    let (at, times) = mpsc::channel();
    let (first, second) = (at.clone(), at);
    let refusal = refusal.to_owned();
    let script = Script::new(vec![
        step(move |mut raw| {
            raw.head();
            raw.send(format!("HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n"));
            first.send(Instant::now()).unwrap();
        }),
        step(move |mut raw| {
            second.send(Instant::now()).unwrap();
            raw.accept();
        }),
    ]);
    let mut session = change(fast(&script.url())).build().unwrap();
    connected(&mut session);
    let (refused, tried) = (times.recv().unwrap(), times.recv().unwrap());
    tried - refused
}

#[test]
fn retry_after_is_the_least_wait_in_seconds_or_as_a_date() {
    limited(|| {
        let asked = pause_after("503 Busy\r\nRetry-After: 1", |session| session);
        assert!(asked >= millis(990) && asked < 5 * SECOND, "{asked:?}");
        let dated = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:38 GMT";
        let asked = pause_after(&format!("429 Slow\r\n{dated}"), |session| session);
        assert!(asked >= millis(990) && asked < 5 * SECOND, "{asked:?}");
        let not_asked = pause_after("503 Busy\r\nRetry-After: soon", |session| session);
        assert!(not_asked < millis(900), "{not_asked:?}");
    });
}

#[test]
fn retry_after_counts_up_to_the_limit_for_it() {
    limited(|| {
        let limit = |session: SessionBuilder| session.max_retry_after(millis(100));
        for endless in ["31536000", "99999999999999999999", "Thu, 06 Nov 2994 08:49:38 GMT"] {
            let asked = pause_after(&format!("503 Busy\r\nRetry-After: {endless}"), limit);
            assert!(asked >= millis(95) && asked < 5 * SECOND, "{asked:?}");
        }
    });
}

#[test]
fn an_answer_that_breaks_off_is_tried_again_and_a_wrong_one_is_not() {
    limited(|| {
        let script = Script::new(vec![
            step(|mut raw| drop(raw.head())),
            step(|mut raw| {
                raw.head();
                raw.send("HTTP/1.1 101 Switch");
            }),
            step(|mut raw| {
                raw.head();
                raw.send("SSH-2.0-OpenSSH_9.2\r\n\r\n");
            }),
        ]);
        let mut session = script.session();
        let error = failed(&mut session);
        assert!(matches!(&error, Error::Handshake(e) if matches!(**e, HandshakeError::Malformed(_))), "{error:?}");
        assert_eq!(session.state().attempts, 3);
    });
}

#[test]
fn it_gives_up_after_so_many_attempts_with_the_error_of_the_last_one() {
    limited(|| {
        let mut session = fast(&nobody()).max_attempts(Some(3)).build().unwrap();
        let error = failed(&mut session);
        assert!(matches!(error, Error::Connect(_)), "{error:?}");
        assert_eq!(session.state().attempts, 3);
    });
}

#[test]
fn it_gives_up_when_the_time_for_it_is_over() {
    limited(|| {
        let mut session = fast(&nobody()).give_up_after(Some(millis(100))).build().unwrap();
        let (took, error) = timed(|| failed(&mut session));
        assert!(matches!(error, Error::Connect(_)), "{error:?}");
        assert!(took >= millis(80) && took < 5 * SECOND && session.state().attempts > 3, "{took:?}");
    });
}

#[test]
fn a_connection_that_lasted_begins_the_waits_and_the_count_anew() {
    limited(|| {
        let holding = |text: &'static str| {
            step(move |mut raw| {
                raw.accept_with("", frame(TEXT, text));
                // Until the client has had it for longer than `reset_after`.
                raw.frame();
            })
        };
        let steps =
            vec![refusing("503 Busy"), refusing("503 Busy"), holding("a"), refusing("503 Busy"), holding("b")];
        let script = Script::new(steps);
        let reset_after = millis(30);
        let mut session = fast(&script.url()).max_attempts(Some(3)).reset_after(reset_after).build().unwrap();
        for (text, attempts) in [("a", 3), ("b", 2)] {
            let new = connected(&mut session);
            assert_eq!(new.attempts, attempts);
            assert_eq!(message(&mut session), text);
            assert!(matches!(session.recv_timeout(reset_after * 2), Err(Error::Timeout(_))));
            session.send("go").unwrap();
        }
        script.thread.join();
        assert!(matches!(failed(&mut session), Error::Connect(_)));
    });
}

#[test]
fn a_certificate_that_is_not_trusted_ends_the_session() {
    limited(|| {
        let server = serve_echo(Server::builder().tls(self_signed(&["localhost"]).identity()));
        let mut session = fast(&server.tls_url()).build().unwrap();
        let error = failed(&mut session);
        assert!(matches!(error, Error::Tls(_)), "{error:?}");
        assert_eq!(session.state().attempts, 1);
    });
}

/// Reads the beginning of what the client says, and hangs up.
fn breaking_off() -> Step {
    step(|mut raw| assert!(raw.more().unwrap() > 0))
}

#[test]
fn a_server_that_breaks_off_the_tls_handshake_is_tried_again() {
    limited(|| {
        let script = Script::new(vec![breaking_off(), breaking_off()]);
        let url = format!("wss://localhost:{}/", script.addr.port());
        let mut session = fast(&url).max_attempts(Some(2)).build().unwrap();
        let error = failed(&mut session);
        assert!(error.is_transient(), "{error:?}");
        assert_eq!(session.state().attempts, 2);
        script.thread.join();
    });
}

#[test]
fn what_cannot_be_used_is_said_when_the_session_is_made() {
    let builder = || Session::builder("ws://localhost/");
    for (session, text) in [
        (builder().backoff(Backoff::default().factor(0)), "backoff factor of 0"),
        (builder().backoff(Backoff::default().first(Duration::ZERO)), "first backoff of 0"),
        (builder().backoff(Backoff::default().jitter_percent(150)), "backoff jitter_percent of 150"),
        (builder().max_attempts(Some(0)), "max_attempts of 0"),
        (Session::builder("http://localhost/"), "write ws://"),
    ] {
        let error = session.build().unwrap_err();
        assert!(told_once(&error).contains(text), "{error:#}");
    }
}
