//! Connects, sends one message, prints the answer, and closes.
//!
//! `cargo run --release --example client -- ws://127.0.0.1:9001/ hello`

mod common;

use landline::{CloseCode, Message};
use std::env;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    common::exit_code(run())
}

fn run() -> landline::Result<()> {
    let mut arguments = env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:9001/".into());
    let text = arguments.next().unwrap_or_else(|| "hello".into());

    let mut ws = landline::connect(&url)?;
    ws.send(text)?;
    match ws.recv_timeout(Duration::from_secs(5))? {
        Some(Message::Text(text)) => println!("{text}"),
        Some(Message::Binary(bytes)) => println!("<binary {} bytes>", bytes.len()),
        None => println!("closed with {}", ws.close_info().code()),
    }
    ws.close(CloseCode::NORMAL_CLOSURE, "bye")
}
