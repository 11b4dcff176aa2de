//! How the example programs end.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// The exit status: 0, or 1 after one line on standard error that says what went wrong, with the causes.
pub(crate) fn exit_code(result: Result<(), impl Display>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The text may quote the server, which can send anything; keep it in one line.
            let text = format!("{error:#}").replace(char::is_control, " ");
            let _ = writeln!(io::stderr(), "error: {text}");
            ExitCode::FAILURE
        }
    }
}
