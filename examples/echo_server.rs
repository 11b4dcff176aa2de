//! Sends every message back: text as text, binary as binary.
//!
//! `cargo run --release --example echo_server -- --help` shows the options.

mod common;

use clap::Parser;
use landline::server::StopHandle;
use landline::transport::Identity;
use landline::{Compression, Keepalive, Server, WebSocket};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// A WebSocket echo server.
#[derive(Parser)]
struct Options {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9001")]
    listen: String,
    /// Listen on this Unix socket instead
    #[arg(long, value_name = "PATH", conflicts_with_all = ["listen", "cert"])]
    unix: Option<PathBuf>,
    /// Certificate in PEM form; speaks TLS
    #[arg(long, value_name = "PEM", requires = "key")]
    cert: Option<PathBuf>,
    /// Its private key in PEM form
    #[arg(long, value_name = "PEM", requires = "cert")]
    key: Option<PathBuf>,
    /// Accept compression (permessage-deflate)
    #[arg(long)]
    deflate: bool,
    /// Largest message to accept
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    max_message: u64,
    /// A subprotocol to speak; repeat for more, best first
    #[arg(long, value_name = "NAME")]
    subprotocol: Vec<String>,
    /// Most connections at a time
    #[arg(long, value_name = "N", default_value_t = 1024)]
    max_connections: usize,
    /// Ping clients that are silent for so long, and give them up after as long again
    #[arg(long, value_name = "SECS")]
    ping_interval: Option<u64>,
    /// How long a client may take to open a connection
    #[arg(long, value_name = "SECS", default_value_t = 10)]
    handshake_timeout: u64,
}

fn main() -> ExitCode {
    common::exit_code(run(Options::parse()))
}

fn run(options: Options) -> landline::Result<()> {
    let keepalive = options.ping_interval.map(|seconds| {
        let interval = Duration::from_secs(seconds);
        Keepalive::default().interval(interval).timeout(interval)
    });
    let mut builder = Server::builder()
        .max_message_size(options.max_message)
        .subprotocols(options.subprotocol)
        .max_connections(options.max_connections)
        .handshake_timeout(Some(Duration::from_secs(options.handshake_timeout)))
        .compression(options.deflate.then(Compression::default))
        .keepalive(keepalive);
    let mut scheme = "ws";
    if let (Some(cert), Some(key)) = (&options.cert, &options.key) {
        builder = builder.tls(Identity::from_pem_files(cert, key)?);
        scheme = "wss";
    }
    let (server, address) = match &options.unix {
        Some(path) => (builder.bind_unix(path)?, format!("ws+unix:{}", path.display())),
        None => {
            let server = builder.bind(&options.listen)?;
            let address = server.local_addr().map(|address| format!("{scheme}://{address}"));
            (server, address.unwrap_or_default())
        }
    };
    stop_on_signals(server.stop_handle());
    println!("listening on {address}");
    server.serve(|mut ws| {
        let peer = ws.peer_addr();
        if let Err(error) = echo(&mut ws) {
            eprintln!("{}: {error:#}", peer.map_or("client".into(), |address| address.to_string()));
        }
    })
}

fn echo(ws: &mut WebSocket) -> landline::Result<()> {
    let (sender, mut receiver) = ws.parts();
    while let Some(message) = receiver.recv_ref()? {
        // Replies are batched while more messages are there, and are sent before the next wait.
        sender.feed(message)?;
    }
    Ok(())
}

fn stop_on_signals(stop: StopHandle) {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).expect("signal handlers can be set");
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            stop.stop(Duration::from_secs(5));
        }
    });
}
