//! Where connections come from: one that is opened, those of a session, or one that is accepted.

use crate::arguments::Options;
use crate::cookies::Cookies;
use crate::errors::{describe, explain};
use crate::{opening, tls, verbose};
use landline::reconnect::{Backoff, Session};
use landline::server::Listener;
use landline::{Client, Server, WebSocket};
use std::net::SocketAddr;
use std::time::Instant;

pub(crate) enum Source {
    Client(Box<Client>),
    Session(Box<Session>),
    Listener(Box<Listener>),
    /// There was one connection.
    Used,
}

impl Source {
    pub(crate) fn new(options: &Options, cookies: &Cookies, begin: Instant) -> Result<Self, String> {
        if let Some(address) = options.listen {
            return listen(options, address).map(|listener| Self::Listener(Box::new(listener)));
        }
        let client = opening::client(options, cookies, begin)?;
        if options.time.reconnect {
            return session(options, client).map(|session| Self::Session(Box::new(session)));
        }
        Ok(Self::Client(Box::new(client)))
    }

    /// Whether there can be another connection.
    pub(crate) fn reconnects(&self) -> bool {
        matches!(self, Self::Session(_))
    }

    /// The next connection; `None` if there is no other one.
    pub(crate) fn next(&mut self, options: &Options) -> Result<Option<WebSocket>, String> {
        let url = options.url.as_deref().unwrap_or_default();
        match self {
            Self::Session(session) => session.next_connection().map_err(|error| explain(options, &error)),
            Self::Client(client) => {
                let opened = client.connect(url).map_err(|error| explain(options, &error));
                *self = Self::Used;
                opened.map(Some)
            }
            Self::Listener(listener) => {
                let accepted = accept(listener);
                // Whoever comes later is refused.
                *self = Self::Used;
                accepted.map(Some)
            }
            Self::Used => Ok(None),
        }
    }
}

fn session(options: &Options, client: Client) -> Result<Session, String> {
    let mut backoff = Backoff::default();
    if let Some(delay) = options.time.retry_delay {
        backoff = backoff.first(delay).max(backoff.max.max(delay));
    }
    let url = options.url.as_deref().unwrap_or_default();
    let session = Session::builder(url).client(client).backoff(backoff).max_attempts(options.time.retry);
    session.build().map_err(|error| describe(&error))
}

fn listen(options: &Options, address: SocketAddr) -> Result<Listener, String> {
    let mut server = Server::builder()
        .config(opening::config(options))
        .tcp(opening::tcp(&options.tcp))
        .subprotocols(options.http.subprotocol.iter().cloned());
    for (name, value) in &options.http.header {
        server = server.header(name, value);
    }
    if options.time.connect_timeout.is_some() {
        server = server.handshake_timeout(options.time.connect_timeout);
    }
    let tls = tls::server(&options.tls)?;
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    if let Some(tls) = tls {
        server = server.tls_options(tls);
    }
    let listener = server.listen(address).map_err(|error| describe(&error))?;
    let address = listener.local_addr().unwrap_or(address);
    verbose::say(&format!("listening on {scheme}://{address}"));
    Ok(listener)
}

/// The first client that opens a connection. Others are told why not, and so is the user.
fn accept(listener: &Listener) -> Result<WebSocket, String> {
    loop {
        let incoming = listener.accept_incoming().map_err(|error| describe(&error))?;
        match incoming.request().and_then(landline::server::Request::accept) {
            Ok(ws) => return Ok(ws),
            Err(error) => verbose::say(&format!("note: a client came to nothing: {}", describe(&error))),
        }
    }
}
