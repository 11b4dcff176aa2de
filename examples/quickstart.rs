//! A server and a client in one program: messages over ws, and then over wss with a generated certificate.
//!
//! `cargo run --release --example quickstart`

mod common;

use landline::transport::{Identity, TlsConnector};
use landline::{Client, CloseCode, Message, Server, WebSocket};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    common::exit_code(run())
}

fn run() -> Result<()> {
    // Plain. Port 0 takes a free one.
    let server = Server::bind("127.0.0.1:0")?;
    converse(server, "ws", &Client::default())?;

    // The same over TLS. The certificate is self-signed, so the client is told to trust it.
    let made = rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()])?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes())?;
    let server = Server::builder().tls(identity).bind("127.0.0.1:0")?;
    let trust = TlsConnector::builder().ca_pem(certificate.as_bytes()).build()?;
    converse(server, "wss", &Client::builder().tls(trust).build()?)
}

/// Starts the server, lets the client talk to it, and stops the server.
fn converse(server: Server, scheme: &str, client: &Client) -> Result<()> {
    let address = server.local_addr().ok_or("a TCP server has an address")?;
    let url = format!("{scheme}://{address}/");
    println!("server: listening on {url}");

    // The server runs the handler in a separate thread for each connection.
    let stop = server.stop_handle();
    let serving = thread::spawn(move || {
        server.serve(|ws| {
            if let Err(error) = echo(ws) {
                eprintln!("server: {error:#}");
            }
        })
    });

    let talked = talk(client, &url);
    stop.stop(Duration::from_secs(5));
    serving.join().map_err(|_| "the server panicked")??;
    talked
}

/// The server's side: sends back what it receives, until the client closes.
fn echo(mut ws: WebSocket) -> landline::Result<()> {
    while let Some(message) = ws.recv()? {
        ws.send(message)?;
    }
    Ok(())
}

/// The client's side: strings are sent as text, bytes as binary.
fn talk(client: &Client, url: &str) -> Result<()> {
    let mut ws = client.connect(url)?;
    println!("client: connected");

    ws.send("hello, world")?;
    expect(ws.recv()?, &Message::Text("hello, world".into()))?;

    let bytes = [0, 1, 2, 254, 255];
    ws.send(bytes)?;
    expect(ws.recv()?, &Message::Binary(bytes.into()))?;

    ws.close(CloseCode::NORMAL_CLOSURE, "that was all")?;
    println!("client: closed");
    Ok(())
}

fn expect(received: Option<Message>, expected: &Message) -> Result<()> {
    println!("client: received {received:?}");
    if received.as_ref() == Some(expected) { Ok(()) } else { Err(format!("expected {expected:?}").into()) }
}
