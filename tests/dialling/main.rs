//! From a name to a connected socket: racing addresses (RFC 8305), look-ups, options of sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

#[path = "../common/mod.rs"]
mod common;
#[cfg(target_os = "linux")]
mod names;
mod options;
mod racing;
mod timings;
mod unix;

use common::*;
use landline::error::{Address, ConnectError, Error, Phase, Setting};
use landline::{AddressFamily, Client, ClientBuilder, Interrupter, Server};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// A URL whose host is not to be looked up.
const URL: &str = "ws://server.invalid/";

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn builder() -> ClientBuilder {
    Client::builder()
}

/// A client that dials these.
fn dialling(addresses: impl IntoIterator<Item = SocketAddr>) -> ClientBuilder {
    builder().addresses(addresses)
}

/// What was tried.
fn tried(error: &Error) -> &ConnectError {
    match error {
        Error::Connect(connect) => connect,
        Error::Timeout(timeout) => timeout.connect.as_ref().expect("a time limit of connecting"),
        error => panic!("{error:?}"),
    }
}

fn addresses(error: &Error) -> Vec<SocketAddr> {
    let inet = |attempt: &landline::error::Attempt| match attempt.address {
        Address::Ip(address) => address,
        _ => panic!("{attempt:?}"),
    };
    tried(error).attempts.iter().map(inet).collect()
}
