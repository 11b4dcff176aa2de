//! The load generator: plays the client for a server to measure, or the server for a client to measure. It
//! makes and checks frames itself. The result is one line of JSON.

mod certificate;
mod echo;
mod idle;
mod messages;
mod process;
mod raw;
mod stream;

use clap::Parser;
use std::path::PathBuf;

/// Load for WebSocket servers and clients.
#[derive(Parser)]
enum Command {
    /// Send messages to an echo server, and compare what comes back
    Echo(echo::Options),
    /// Hold idle connections to an echo server, and look at its memory
    Idle(idle::Options),
    /// Serve one client: send it messages as fast as it takes them
    Flood(raw::Flood),
    /// Serve one client: receive its messages, and compare them with what it should send
    Sink(raw::Sink),
    /// Serve: send every byte back
    RawEcho(raw::Echo),
    /// Write a certificate for localhost and its key to this directory
    Certificate { directory: PathBuf },
}

fn main() {
    let result = match landline_bench::options() {
        Command::Echo(options) => echo::run(&options),
        Command::Idle(options) => idle::run(&options),
        Command::Flood(options) => raw::flood(&options),
        Command::Sink(options) => raw::sink(&options),
        Command::RawEcho(options) => raw::echo(&options),
        Command::Certificate { directory } => certificate::write(&directory),
    };
    println!("{}", landline_bench::finish(result));
}
