//! Connects with TLS to a server whose certificate was issued by a private authority, and trusts no other.
//!
//! `cargo run --release --example wss_private_ca -- wss://localhost:9001/ ca.pem`

mod common;

use landline::transport::TlsConnector;
use landline::{Client, CloseCode, Message};
use std::env;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    common::exit_code(run())
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(url), Some(ca_file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: wss_private_ca URL CA.pem".into());
    };
    // Without `platform_roots(false)`, the platform's authorities are trusted as well.
    let tls = TlsConnector::builder().ca_file(&ca_file).platform_roots(false).build()?;
    // A client can be used for any number of connections, also at the same time.
    let client = Client::builder().tls(tls).build()?;

    let mut ws = client.connect(&url)?;
    ws.send("hello over TLS")?;
    if let Some(Message::Text(text)) = ws.recv_timeout(Duration::from_secs(5))? {
        println!("{text}");
    }
    ws.close(CloseCode::NORMAL_CLOSURE, "")?;
    Ok(())
}
