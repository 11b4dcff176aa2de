//! The client over real sockets, with servers that misbehave, are slow, silent or gone. Items are those of the
//! strictness list in ARCHITECTURE.md; sections are those of RFC 6455.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod answers;
mod authenticating;
mod closing;
#[path = "../common/mod.rs"]
mod common;
mod connecting;
mod cookies;
mod following;
mod keepalive;
mod receiving;
mod request;

use common::*;
use http::StatusCode;
use landline::error::{Address, Attempt, Closed, Error, HandshakeError, Interrupted, Phase, Timeout};
use landline::transport::{Interest, wait_fd};
use landline::{
    Client, ClientBuilder, CloseCode, Config, Interrupter, Keepalive, Message, Server, Side, WebSocket,
};
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn builder() -> ClientBuilder {
    Client::builder()
}

fn text(text: &str) -> Option<Message> {
    Some(Message::Text(text.into()))
}

fn url(addr: SocketAddr) -> String {
    format!("ws://{addr}/")
}

/// Connects to a server that runs `behave` with its connection.
fn connect_to<T: Send + 'static>(
    client: &Client,
    behave: impl FnOnce(Raw<TcpStream>) -> T + Send + 'static,
) -> (landline::Result<WebSocket>, Sleeper<T>) {
    let (addr, server) = raw_server(behave);
    (client.connect(&url(addr)), server)
}

/// An open connection to a server that runs `behave` with it.
fn open<T: Send + 'static>(
    config: Config,
    behave: impl FnOnce(Raw<TcpStream>) -> T + Send + 'static,
) -> (WebSocket, Sleeper<T>) {
    let client = builder().config(config).build().unwrap();
    let (ws, server) = connect_to(&client, move |mut raw| {
        raw.accept();
        behave(raw)
    });
    (ws.unwrap(), server)
}

fn is_timeout_of(error: &Error, phase: Phase) -> bool {
    matches!(error, Error::Timeout(Timeout { phase: found, .. }) if *found == phase)
}

/// An open connection to a server that sends these frames forever.
fn flooded(config: Config, frames: Vec<u8>) -> WebSocket {
    let client = builder().config(config).build().unwrap();
    client.connect_over(Endless::new(frames), "ws://localhost/").unwrap()
}

const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: {accept}\r\n\r\n";
