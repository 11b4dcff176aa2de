//! Sessions that connect again, through proxies that are restarted, or in front of servers that are.

use crate::common::*;
use crate::program::*;
use crate::proxies::*;
use crate::reverse::*;
use crate::talk::*;
use landline::error::Error;
use landline::reconnect::{Backoff, Event, Failure, Session, SessionBuilder};
use landline::{Message, Server};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(20);

fn hasty(url: &str) -> SessionBuilder {
    Session::builder(url).backoff(Backoff::default().first(SHORT).max(SHORT))
}

/// The next connection, of this number, and a word over it.
fn is_connected(session: &mut Session, number: u64) {
    let Some(Event::Connected(new)) = session.recv_timeout(LIMIT).unwrap() else { panic!("no new connection") };
    assert_eq!(new.reconnects, number);
    session.send("hello").unwrap();
    let Some(Event::Message(message)) = session.recv_timeout(LIMIT).unwrap() else { panic!("no message") };
    assert_eq!(message, Message::Text("hello".into()));
}

/// Attempts, which take less than this, fail until one fails in this way.
fn fails_with(session: &mut Session, what: &str, time: Duration, is_this: impl Fn(&Error) -> bool) {
    eventually(what, || {
        let received = session.recv_timeout(time);
        assert!(matches!(received, Err(Error::Timeout(_))), "{received:?}");
        matches!(session.state().last_failure, Some(Failure::Error(error)) if is_this(&error))
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn a_session_outlives_the_server_behind_a_proxy() {
    limited(|| {
        for kind in [Kind::Nginx, Kind::HaProxy] {
            let mut front = Front::echo(kind);
            let mut session = hasty(&front.url("/")).build().unwrap();
            is_connected(&mut session, 0);
            let addr = front.server.serving.addr;
            // The old one has to be gone first.
            let Reporting { serving, .. } =
                std::mem::replace(&mut front.server, Reporting::start(Server::builder()));
            serving.end(Duration::ZERO);
            // HAProxy tries three times more, once a second.
            let (status, time) = match kind {
                Kind::Nginx => (502, Duration::from_millis(500)),
                Kind::HaProxy => (503, Duration::from_secs(4)),
            };
            fails_with(&mut session, "the proxy says that the server is gone", time, |error| {
                error.status().is_some_and(|found| found.as_u16() == status)
            });
            front.server = Reporting::start_at(addr, Server::builder());
            is_connected(&mut session, 1);
        }
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn a_session_outlives_its_proxy() {
    limited(|| {
        let servers = Servers::start();
        for (scheme, start) in
            [("http", tinyproxy_at as fn(Option<u16>) -> Program), ("socks5h", |port| dante_at("username", port))]
        {
            let program = start(None);
            let port = program.port("PORT");
            let client = servers.options(&[&with_password(scheme, &program)]).build().unwrap();
            let mut session = hasty(&servers.tls_url()).client(client).build().unwrap();
            is_connected(&mut session, 0);
            drop(program);
            fails_with(&mut session, "the proxy is gone", 5 * SHORT, |error| matches!(error, Error::Proxy(_)));
            let _program = start(Some(port));
            is_connected(&mut session, 1);
        }
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn a_session_ends_if_the_proxy_wants_other_credentials() {
    limited(|| {
        let (servers, tinyproxy, dante) = (Servers::start(), tinyproxy(), dante("username"));
        for right in [with_password("http", &tinyproxy), with_password("socks5h", &dante)] {
            let client = servers.options(&[&right.replace(PASSWORD, "wrong")]).build().unwrap();
            let mut session = hasty(&servers.url()).client(client).build().unwrap();
            for _ in 0..2 {
                let error = session.recv_timeout(LIMIT).unwrap_err();
                let Error::Proxy(failure) = &error else { panic!("{error:?}") };
                assert!(is_about_credentials(failure), "{failure:?}");
            }
        }
        servers.plain.saw_nothing();
    });
}
