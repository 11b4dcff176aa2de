//! Blocking WebSocket client and server: RFC 6455 over [`std::net`], plain and TLS, for threaded programs.
//!
//! One call opens a connection, one receives, one sends; there are no callbacks and no async runtime. One thread can
//! receive while others send, over TLS too. Every call can have a time limit. A call that times out, or is interrupted
//! from another thread, loses nothing: the next one continues where it stopped.
//!
//! The library starts threads only for system calls that could not be ended otherwise (name look-ups, and reading
//! certificates), for the attempts of a [session](mod@reconnect) to connect, and for each connection in
//! [`Server::serve`].
//!
//! ```
//! # fn main() -> landline::Result<()> {
//! // A server: a thread for each connection.
//! let server = landline::Server::bind("127.0.0.1:0")?;
//! let url = format!("ws://{}/", server.local_addr().unwrap());
//! # let stop = server.stop_handle();
//! # let serving =
//! std::thread::spawn(move || {
//!     server.serve(|mut ws| {
//!         while let Ok(Some(message)) = ws.recv() {
//!             let _ = ws.send(message);
//!         }
//!     })
//! });
//!
//! // A client.
//! let mut ws = landline::connect(&url)?;
//! ws.send("hello")?;
//! assert_eq!(ws.recv()?, Some(landline::Message::Text("hello".into())));
//! ws.close(landline::CloseCode::NORMAL_CLOSURE, "bye")?;
//! # stop.stop(std::time::Duration::ZERO);
//! # serving.join().unwrap()
//! # }
//! ```
//!
//! The [guide] has pages on each topic, beginning with a [tutorial](guide::tutorial).
//!
//! | to | see |
//! | --- | --- |
//! | connect, with options | [`connect`], [`Client::builder`] |
//! | serve | [`Server`], [`Listener`], [`accept`], [`server`] |
//! | serve behind nginx or HAProxy | [`guide::reverse_proxies`] |
//! | receive: owned, as an iterator, borrowed, into a buffer, as a stream | [`WebSocket::recv`], [`messages`](WebSocket::messages), [`recv_ref`](WebSocket::recv_ref), [`recv_into`](WebSocket::recv_into), [`recv_stream`](WebSocket::recv_stream) |
//! | send: one, many at a time, gathered, as a stream | [`WebSocket::send`], [`feed`](WebSocket::feed), [`send_vectored`](WebSocket::send_vectored), [`send_stream`](WebSocket::send_stream) |
//! | use several threads | [`WebSocket::split`] |
//! | send without ever blocking | [`WebSocket::try_send`] |
//! | limit time, interrupt, abort | [`WebSocket::recv_timeout`], [`send_timeout`](WebSocket::send_timeout), [`with_deadline`](WebSocket::with_deadline), [`set_deadline`](WebSocket::set_deadline), [`Interrupter`], [`WebSocket::abort`] |
//! | tell connections apart | [`ConnectionId`] |
//! | notice dead peers | [`Keepalive`], [`transport::TcpOptions`], [`WebSocket::ping_wait`] |
//! | connect again when a connection is lost | [`reconnect`](mod@reconnect), [`guide::reconnect`] |
//! | compress | [`Compression`], [`guide::compression`] |
//! | connect through a proxy | [`Proxy`], [`ClientBuilder::proxy`], [`guide::proxies`] |
//! | log in, follow redirects, keep cookies | [`ClientBuilder::auth`], [`bearer`](ClientBuilder::bearer), [`on_challenge`](ClientBuilder::on_challenge), [`max_redirects`](ClientBuilder::max_redirects), [`CookieJar`], [`guide::authentication`], [`guide::redirects`] |
//! | choose names and addresses | [`ClientBuilder::addresses`], [`resolver`](ClientBuilder::resolver), [`guide::names`] |
//! | use TLS | [`transport::TlsConnector`], [`transport::TlsAcceptor`], [`transport::Identity`], [`transport::TlsBackend`], [`guide::tls`] |
//! | know the peer of a TLS connection | [`WebSocket::tls_info`], [`server::Request::tls_info`] |
//! | run over something else | [`transport`] |
//! | drive the protocol from an event loop | [`proto`] |
//!
//! It is for Unix systems. Linux is where it is tested; for macOS and FreeBSD it compiles, and has not been run there.

// Nothing that the network sends may panic. (Tests and examples may.)
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod client;
mod close;
mod compression;
mod config;
mod connection;
mod deadline;
pub mod entropy;
pub mod error;
pub mod guide;
mod message;
mod offload;
mod opening;
mod pool;
pub mod process;
pub mod proto;
pub mod reconnect;
mod resolve;
pub mod server;
mod tls_setup;
pub mod transport;
pub mod uri;

/// The README's examples, run with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

pub use client::{AddressFamily, AuthRequest, Client, ClientBuilder, CookieJar, Proxy, ProxyRules, connect};
pub use close::{CloseCode, CloseFrame, CloseFrameError, MAX_CLOSE_REASON, Side};
pub use compression::{Compress, Compression};
pub use config::{Config, Keepalive};
pub use connection::{
    Aborter, CloseInfo, ConnectionId, Detached, Handshake, Interrupter, LocalReceiver, LocalSender, MessageReader,
    MessageWriter, Messages, Received, Receiver, Sender, Stats, Timings, WebSocket,
};
pub use deadline::Deadline;
pub use error::{Error, Result};
/// The crate whose types stand for status codes and headers, in the version that this one uses.
pub use http;
pub use message::{Kind, Message, MessageRef, Payload};
pub use proto::handshake::Headers;
pub use reconnect::reconnect;
pub use server::{Listener, Server, accept};
