//! Echo servers and clients using other WebSocket libraries, each set up as its documentation recommends for speed.

mod client;
mod echo;

use clap::{Parser, ValueEnum};

/// None of them refuses messages of this size.
const MAX_MESSAGE: usize = 64 << 20;

/// Echo servers and clients using other WebSocket libraries.
#[derive(Parser)]
enum Command {
    /// Serve: send every message back
    Echo(echo::Options),
    /// Receive or send as fast as possible
    Client(client::Options),
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Library {
    Tungstenite,
    Fastwebsockets,
    SockudoWs,
    Yawc,
}

fn main() {
    landline_bench::finish(match landline_bench::options() {
        Command::Echo(options) => echo::run(&options),
        Command::Client(options) => client::run(&options),
    });
}

/// One thread for everything, as the asynchronous libraries do in their own benchmarks.
fn block_on<T>(work: impl Future<Output = std::io::Result<T>>) -> std::io::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
