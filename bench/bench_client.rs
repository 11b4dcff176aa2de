//! The client that `bench/run` measures: receives or sends as fast as it can, and prints how many messages.
//!
//! `cargo run --release --example bench_client -- recv --port 9001 --size 1024`

#[path = "../examples/common/mod.rs"]
mod common;

use clap::{Parser, ValueEnum};
use landline::{Client, CloseCode, Sender};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// Receives or sends as fast as it can.
#[derive(Parser)]
struct Options {
    /// What to do
    mode: Mode,
    /// Port on 127.0.0.1
    #[arg(long, required_unless_present = "url")]
    port: Option<u16>,
    /// Size of the messages to send
    #[arg(long, value_name = "N")]
    size: usize,
    /// How long to send
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    secs: f64,
    /// How many threads send, with `send`
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Where to connect to instead of the port
    #[arg(long)]
    url: Option<String>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Mode {
    /// Receive binary messages until the server closes
    Recv,
    /// Send binary messages, each flushed
    Send,
    /// Send binary messages, flushed every 64
    Sendbuf,
}

fn main() -> ExitCode {
    common::exit_code(run(Options::parse()))
}

fn run(options: Options) -> landline::Result<()> {
    let url = options.url.unwrap_or_else(|| format!("ws://127.0.0.1:{}/", options.port.unwrap_or_default()));
    let client = Client::builder().max_message_size(64 << 20).build()?;
    let mut ws = client.connect(&url)?;
    let mut count = 0u64;
    if options.threads > 1 {
        let (sender, mut receiver) = ws.split();
        let sent = send_from_threads(&sender, options.size, options.threads, options.secs)?;
        receiver.close(CloseCode::NORMAL_CLOSURE, "")?;
        println!("{{\"msgs\":{sent}}}");
        return Ok(());
    }
    if options.mode == Mode::Recv {
        while ws.recv_ref()?.is_some() {
            count += 1;
        }
    } else {
        let message: Vec<u8> = (0..options.size).map(|i| (i % 251) as u8).collect();
        let end = Instant::now() + Duration::from_secs_f64(options.secs);
        // Large messages take long enough to check the clock each time.
        let batch = if options.size < 64 << 10 { 64 } else { 1 };
        while Instant::now() < end {
            for _ in 0..batch {
                match options.mode {
                    Mode::Sendbuf => ws.feed(&message)?,
                    _ => ws.send(&message)?,
                }
            }
            ws.flush()?;
            count += batch;
        }
        ws.close(CloseCode::NORMAL_CLOSURE, "")?;
    }
    println!("{{\"msgs\":{count}}}");
    Ok(())
}

/// Sends from several threads at once, each with a clone of the sender.
fn send_from_threads(sender: &Sender, size: usize, threads: usize, secs: f64) -> landline::Result<u64> {
    let message: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
    let end = Instant::now() + Duration::from_secs_f64(secs);
    thread::scope(|scope| {
        let sending: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let (sender, mut count) = (sender.clone(), 0);
                    while Instant::now() < end {
                        sender.send(&message)?;
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        sending.into_iter().map(|thread| thread.join().expect("a thread that does not panic")).sum()
    })
}
