//! Helpers of the integration tests: time limits for everything that could hang, peers that send what the test wants,
//! servers that end with their test, certificates, child processes.
#![allow(dead_code, unused_imports, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod addresses;
mod certificates;
mod deflate;
mod hooked;
mod process;
mod proxies;
mod raw;
mod web;

pub(crate) use addresses::*;
pub(crate) use certificates::*;
pub(crate) use deflate::*;
pub(crate) use hooked::*;
pub(crate) use process::*;
pub(crate) use proxies::*;
pub(crate) use raw::*;
pub(crate) use web::*;

use landline::server::{ServerBuilder, StopHandle, Stopped};
use landline::{Server, WebSocket};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long one test may take, and one read or write of a peer.
const TEST_LIMIT: Duration = Duration::from_secs(60);
const STEP_LIMIT: Duration = Duration::from_secs(20);

/// Runs a test with a time limit, so that none can hang.
pub(crate) fn limited(body: impl FnOnce() + Send + 'static) {
    limited_to(TEST_LIMIT, body);
}

pub(crate) fn limited_to(limit: Duration, body: impl FnOnce() + Send + 'static) {
    let (done, over) = mpsc::channel();
    let test = thread::spawn(move || {
        body();
        let _ = done.send(());
    });
    match over.recv_timeout(limit) {
        Ok(()) => {}
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test hangs: not over after {limit:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match test.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("it says when it is over"),
        },
    }
}

/// Repeats `done` until it is true.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + STEP_LIMIT;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not within {STEP_LIMIT:?}");
        thread::yield_now();
    }
}

/// Receives with a time limit that passes at once, in one of three ways: which one depends on `number`.
pub(crate) fn receive_briefly(ws: &mut WebSocket, number: usize) -> landline::Result<()> {
    const BRIEF: Duration = Duration::from_micros(50);
    match number % 3 {
        0 => ws.recv_timeout(BRIEF).map(drop),
        1 => ws.recv_deadline(Instant::now()).map(drop),
        _ => {
            ws.set_recv_timeout(Some(BRIEF));
            let result = ws.recv_ref().map(drop);
            ws.set_recv_timeout(None);
            result
        }
    }
}

/// The time that `body` took, and its result.
pub(crate) fn timed<T>(body: impl FnOnce() -> T) -> (Duration, T) {
    let begin = Instant::now();
    let value = body();
    (begin.elapsed(), value)
}

/// A server that ends with its test.
pub(crate) struct Serving {
    pub(crate) addr: SocketAddr,
    pub(crate) stop: StopHandle,
    thread: Option<JoinHandle<landline::Result<()>>>,
}

pub(crate) fn serve(options: ServerBuilder, handler: impl Fn(WebSocket) + Send + Sync + 'static) -> Serving {
    serve_at("127.0.0.1:0".parse().unwrap(), options, handler)
}

pub(crate) fn serve_at(
    addr: SocketAddr,
    options: ServerBuilder,
    handler: impl Fn(WebSocket) + Send + Sync + 'static,
) -> Serving {
    let server = options.bind(addr).unwrap();
    let (addr, stop) = (server.local_addr().unwrap(), server.stop_handle());
    Serving { addr, stop, thread: Some(thread::spawn(move || server.serve(handler))) }
}

/// A server that sends back what it receives.
pub(crate) fn serve_echo(options: ServerBuilder) -> Serving {
    serve(options, echo)
}

pub(crate) fn echo(mut ws: WebSocket) {
    let (sender, mut receiver) = ws.parts();
    while let Ok(Some(message)) = receiver.recv_ref() {
        if sender.feed(message).is_err() {
            return;
        }
    }
}

impl Serving {
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.addr)
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("wss://localhost:{}/", self.addr.port())
    }

    pub(crate) fn raw(&self) -> Raw<TcpStream> {
        Raw::connect(self.addr)
    }

    /// Stops it, and returns how its connections ended.
    pub(crate) fn end(mut self, grace: Duration) -> Stopped {
        let stopped = self.stop.stop(grace);
        self.thread.take().unwrap().join().unwrap().unwrap();
        stopped
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop.stop(Duration::ZERO);
            let _ = thread.join();
        }
    }
}

/// A client and a server of this library, connected over TCP.
pub(crate) fn pair_with(client: &landline::Client, options: ServerBuilder) -> (WebSocket, WebSocket) {
    let listener = options.listen("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || listener.accept().unwrap().accept().unwrap());
    let client = client.connect(&url).unwrap();
    (client, server.join().unwrap())
}

pub(crate) fn pair() -> (WebSocket, WebSocket) {
    pair_with(&landline::Client::default(), Server::builder())
}

/// The text of `{:#}`, after checking that no part of it occurs twice: the error does not repeat what its sources say,
/// and no source repeats what another says.
#[track_caller]
pub(crate) fn told_once(error: &landline::Error) -> String {
    let told = format!("{error:#}");
    let mut said = vec![error.to_string()];
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let mut text = cause.to_string();
        // What to do is said at the end, for the whole.
        if let Some((what, _)) = text.split_once("; ").filter(|_| cause.is::<landline::Error>()) {
            text = what.to_owned();
        }
        assert!(!text.is_empty() && said.iter().all(|other| !other.contains(&text)), "{text:?} after {said:?}");
        assert_eq!(told.matches(&text).count(), 1, "{text:?} in {told:?}");
        said.push(text);
        source = cause.source();
    }
    assert!(!told.contains('\n'), "{told:?}");
    told
}
