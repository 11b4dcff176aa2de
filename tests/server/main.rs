//! The server over real sockets, with clients that misbehave, are slow, too many or gone. Items are those of the
//! strictness list in ARCHITECTURE.md; sections are those of RFC 6455.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

#[path = "../common/mod.rs"]
mod common;
mod deciding;
mod handlers;
mod limits;
mod listening;
mod requests;
mod stopping;
mod violations;

use common::*;
use http::{HeaderMap, HeaderValue, StatusCode};
use landline::error::{Closed, Error, ProtocolError};
use landline::server::{OriginPolicy, Scheme, ServerBuilder};
use landline::transport::SocketTransport;
use landline::{Client, CloseCode, Compression, Headers, Interrupter, Listener, Message, Server, Side, WebSocket};
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

fn builder() -> ServerBuilder {
    Server::builder()
}

/// Reads a complete HTTP response and the end of the stream after it. Returns head and body.
fn refusal(raw: &mut Raw<TcpStream>) -> (String, String) {
    let head = raw.head();
    let body = String::from_utf8(raw.rest().expect("an orderly end, not a reset")).unwrap();
    assert!(head.starts_with("HTTP/1.1 "), "{head}");
    let length: usize = header(&head, "content-length").expect("a length").parse().unwrap();
    assert_eq!(length, body.len(), "{head}{body}");
    let connection = header(&head, "connection").expect("a connection header");
    assert!(connection.split(',').any(|token| token.trim() == "close"), "{head}");
    (head, body)
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

fn text(text: &str) -> Option<Message> {
    Some(Message::Text(text.into()))
}
