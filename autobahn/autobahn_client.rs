//! The client that the Autobahn suite's fuzzing server tests: echoes whatever it receives, case by case.
//!
//! `cargo run --release --example autobahn_client -- ws://127.0.0.1:9002 landline`

#[path = "../examples/common/mod.rs"]
mod common;

use clap::Parser;
use landline::{Client, Compression};
use std::process::ExitCode;

/// Runs every case of an Autobahn fuzzing server and asks for the report.
#[derive(Parser)]
struct Options {
    /// The fuzzing server
    url: String,
    /// The name to appear in the report
    agent: String,
}

fn main() -> ExitCode {
    common::exit_code(run_cases(&Options::parse()))
}

fn run_cases(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder().max_message_size(64 << 20).compression(Compression::default()).build()?;
    let base = options.url.trim_end_matches('/');
    let agent = &options.agent;

    let mut counting = client.connect(&format!("{base}/getCaseCount"))?;
    let count = counting.recv()?.and_then(|message| message.as_text()?.parse::<u32>().ok());
    let count = count.ok_or("the server does not say how many cases it has")?;
    for case in 1..=count {
        // Many cases are meant to end in an error; the server is the judge.
        if let Err(error) = run(&client, &format!("{base}/runCase?case={case}&agent={agent}")) {
            println!("case {case}: {error:#}");
        }
    }
    let mut reporting = client.connect(&format!("{base}/updateReports?agent={agent}"))?;
    while reporting.recv()?.is_some() {}
    println!("{count} cases");
    Ok(())
}

fn run(client: &Client, url: &str) -> landline::Result<()> {
    let mut ws = client.connect(url)?;
    let (sender, mut receiver) = ws.parts();
    while let Some(message) = receiver.recv_ref()? {
        sender.feed(message)?;
    }
    Ok(())
}
