//! Sessions: what they try again and when they stop, over servers that refuse, break off, close and restart; what becomes of
//! messages meanwhile; time limits, interruption, and the end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

#[path = "../common/mod.rs"]
mod common;
mod ending;
mod handing_out;
mod refusals;
mod sending;
mod staying;
mod waiting;

use common::*;
use landline::error::{Closed, HandshakeError, LimitError, Phase};
use landline::reconnect::{Backoff, Connected, Event, Failure, Outbox, Session, SessionBuilder, Stage};
use landline::{Client, CloseCode, Config, Error, Message, Server, WebSocket};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a server does with one connection.
type Step = Box<dyn FnOnce(Raw<TcpStream>) + Send>;

fn step(behave: impl FnOnce(Raw<TcpStream>) + Send + 'static) -> Step {
    Box::new(behave)
}

/// A server on one port that treats each connection as the next step says, and is gone after the last one.
struct Script {
    addr: SocketAddr,
    thread: Sleeper<()>,
}

impl Script {
    fn new(steps: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let thread = sleeper(move || {
            for step in steps {
                step(Raw::over(listener.accept().unwrap().0));
            }
        });
        Self { addr, thread }
    }

    fn url(&self) -> String {
        format!("ws://{}/", self.addr)
    }

    fn session(&self) -> Session {
        fast(&self.url()).build().unwrap()
    }
}

/// A session that hardly waits.
fn fast(url: &str) -> SessionBuilder {
    Session::builder(url).backoff(quick())
}

fn quick() -> Backoff {
    Backoff::default().first(millis(2)).max(millis(10))
}

/// A session that would wait for longer than any test takes.
fn slow(url: &str) -> SessionBuilder {
    Session::builder(url).backoff(Backoff::default().first(1000 * SECOND).max(1000 * SECOND))
}

/// Accepts, sends this text, and ends the stream without a Close frame.
fn breaking(text: &'static str) -> Step {
    step(move |mut raw| drop(raw.accept_with("", frame(TEXT, text))))
}

/// Accepts, sends this text, and closes with this code.
fn closing(text: &'static str, code: u16) -> Step {
    step(move |mut raw| {
        raw.accept_with("", [frame(TEXT, text), frame(CLOSE, close_payload(code, ""))].concat());
        assert_eq!(raw.frame().close_code(), code);
    })
}

/// Answers the request with this head instead of accepting it.
fn refusing(head: impl Into<String>) -> Step {
    let head = head.into();
    step(move |mut raw| {
        raw.head();
        raw.send(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        let _ = raw.rest();
    })
}

/// A port on which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ws://{}/", listener.local_addr().unwrap())
}

#[track_caller]
fn connected(session: &mut Session) -> Connected {
    match session.recv_timeout(20 * SECOND) {
        Ok(Some(Event::Connected(connected))) => connected,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn message(session: &mut Session) -> String {
    match session.recv_timeout(20 * SECOND) {
        Ok(Some(Event::Message(Message::Text(text)))) => text,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn over(session: &mut Session) {
    for _ in 0..2 {
        let end = session.recv_timeout(20 * SECOND);
        assert!(matches!(end, Ok(None)), "{end:?}");
    }
    assert_eq!(session.state().stage, Stage::Ended);
}

/// The error that ends the session, each time.
#[track_caller]
fn failed(session: &mut Session) -> Error {
    let error = session.recv_timeout(20 * SECOND).unwrap_err();
    let again = session.recv_timeout(20 * SECOND).unwrap_err();
    assert_eq!(format!("{error:?}"), format!("{again:?}"), "the same error from then on");
    assert_eq!(session.state().stage, Stage::Ended);
    error
}
