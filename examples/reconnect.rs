//! Subscribes to a feed and prints it, for as long as it takes: when the connection is lost, it connects again and
//! subscribes again. What happens to the connection goes to standard error.
//!
//! `cargo run --release --example reconnect -- wss://example.com/feed 'subscribe prices'`

mod common;

use landline::Message;
use landline::reconnect::{Event, Session};
use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    common::exit_code(run())
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:9001/".into());
    let subscription = arguments.next().unwrap_or_else(|| "subscribe".into());

    let mut session = Session::builder(&url)
        // Called with each new connection.
        .on_connect(move |ws| ws.send(&subscription))
        .give_up_after(Some(Duration::from_secs(600)))
        .build()?;
    while let Some(event) = session.recv()? {
        match event {
            Event::Message(Message::Text(text)) => writeln!(io::stdout(), "{text}")?,
            Event::Message(Message::Binary(bytes)) => writeln!(io::stdout(), "<binary {} bytes>", bytes.len())?,
            Event::Connected(new) => match new.after {
                Some(failure) => eprintln!("connected again after: {failure:#}"),
                None => eprintln!("connected"),
            },
        }
    }
    eprintln!("closed with {}", session.close_info().code());
    Ok(())
}
