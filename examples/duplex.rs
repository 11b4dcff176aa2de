//! One thread sends while another receives on the same connection. There is an echo server at the other end; each
//! echo is compared with what was sent. Compression is offered.
//!
//! `cargo run --release --example duplex -- ws://127.0.0.1:9001/ 10000`

mod common;

use landline::{Client, CloseCode, Compression, MessageRef};
use std::env;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

fn main() -> ExitCode {
    common::exit_code(run())
}

/// The message with this number. All are different, and no two in a row have the same length.
fn message(number: usize) -> String {
    format!("message {number} ").repeat(1 + number % 500)
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:9001/".into());
    let count = arguments.next().map_or(Ok(10_000), |count| count.parse())?;

    let client = Client::builder().compression(Compression::default()).build()?;
    let mut ws = client.connect(&url)?;
    ws.set_recv_timeout(Some(Duration::from_secs(10)));
    let compression = if ws.handshake().compression.is_some() { "on" } else { "off" };

    // From here on, each half belongs to one thread. Senders can be cloned for more threads.
    let (sender, mut receiver) = ws.split();
    let sending = thread::spawn(move || (0..count).try_for_each(|number| sender.send(message(number))));
    for number in 0..count {
        let echo = receiver.recv_ref()?.ok_or("the server closed before all echoes had come")?;
        if echo != MessageRef::Text(&message(number)) {
            return Err(format!("echo {number} is not what was sent").into());
        }
    }
    sending.join().map_err(|_| "the sending thread panicked")??;
    receiver.close(CloseCode::NORMAL_CLOSURE, "")?;

    let stats = receiver.stats();
    println!(
        "{count} messages echoed, {} bytes as {}, compression {compression}",
        stats.payload_sent, stats.wire_sent
    );
    Ok(())
}
