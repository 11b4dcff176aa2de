//! Connecting through proxies: HTTP with and without TLS, SOCKS, chains, credentials, and proxies that refuse, misbehave or
//! say nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

#[path = "../common/mod.rs"]
mod common;
mod credentials;
mod http_proxies;
mod refusals;
mod socks;
mod tls;

use common::*;
use landline::error::{Error, Fault, Phase, ProxyError, ProxyFailure, Setting};
use landline::proto::proxy::TunnelError;
use landline::{Client, ClientBuilder, CloseCode, Interrupter, Message, Proxy, ProxyRules, Server, WebSocket};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

fn through(proxy: impl Into<ProxyRules>) -> ClientBuilder {
    Client::builder().proxy(proxy)
}

fn connect(proxy: impl Into<ProxyRules>, url: &str) -> landline::Result<WebSocket> {
    through(proxy).build().unwrap().connect(url)
}

#[track_caller]
fn echoes(mut ws: WebSocket) {
    ws.send("through").unwrap();
    assert_eq!(ws.recv().unwrap(), Some(Message::Text("through".into())));
    ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
    assert!(ws.close_info().clean);
}

#[track_caller]
fn proxy_error(result: landline::Result<WebSocket>) -> (Arc<ProxyError>, String) {
    let error = result.unwrap_err();
    let told = told_once(&error);
    assert!(error.is_fatal() && error.status().is_none(), "{told}: its status is not the server's");
    match error {
        Error::Proxy(detail) => (detail, told),
        other => panic!("{other:?}"),
    }
}

/// A server that shows the head of the request, and what it is.
fn head_of_request() -> (String, Sleeper<String>) {
    let (addr, server) = raw_server(|mut raw| {
        let head = raw.accept();
        let _ = raw.rest();
        head
    });
    (format!("ws://{addr}/"), server)
}
