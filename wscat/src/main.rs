//! Talks to a WebSocket server from the command line: lines in, lines out.
//!
//! `wscat --help` shows the options. `arguments.rs` has the command line, `source.rs` where connections come from, and
//! `session.rs` what becomes of them.

mod arguments;
mod commands;
mod cookies;
mod editor;
mod entry;
mod errors;
mod files;
mod generate;
mod input;
mod names;
mod opening;
mod output;
mod receiving;
mod record;
mod sending;
mod session;
mod shared;
mod source;
mod terminal;
mod tls;
mod values;
mod verbose;

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = arguments::parse().and_then(|options| match &options.generate {
        Some(what) => generate::generate(what),
        None => session::talk(&options),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The text may quote the server, which can send anything; keep it in one line.
            let text = error.replace(char::is_control, " ");
            let _ = writeln!(io::stderr(), "error: {text}");
            ExitCode::FAILURE
        }
    }
}
