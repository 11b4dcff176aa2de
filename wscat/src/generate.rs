//! The manual page, and completions for shells, from the options themselves. `make install` installs them.

use crate::arguments::Options;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::{self, Write};

/// Prints one of them.
pub(crate) fn generate(what: &str) -> Result<(), String> {
    let mut command = Options::command();
    let mut text = Vec::new();
    if what == "man" {
        let made = clap_mangen::Man::new(command).render(&mut text);
        made.map_err(|error| format!("cannot make the manual page: {error}"))?;
    } else {
        let shell: Shell =
            what.parse().map_err(|_| "--generate: give man, bash, elvish, fish, powershell or zsh".to_owned())?;
        clap_complete::generate(shell, &mut command, "wscat", &mut text);
    }
    io::stdout().write_all(&text).map_err(|error| format!("cannot write to standard output: {error}"))
}
