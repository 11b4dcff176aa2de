//! Lines as the terminal itself puts them together, where nothing else does.

use crate::terminal::Print;
use std::io::{self, Write};

pub(crate) struct Editor {
    prompt: String,
}

impl Editor {
    #[expect(clippy::unnecessary_wraps, reason = "the other one can fail")]
    pub(crate) fn open(prompt: String) -> Result<Self, String> {
        Ok(Self { prompt })
    }

    #[expect(clippy::unused_self, reason = "the other one has one")]
    pub(crate) fn printer(&mut self) -> Option<Print> {
        None
    }

    /// The next line, or `None` at the end.
    pub(crate) fn line(&mut self) -> Result<Option<String>, String> {
        let mut out = io::stdout().lock();
        let _ = write!(out, "{}", self.prompt).and_then(|()| out.flush());
        drop(out);
        let mut line = String::new();
        match io::stdin().read_line(&mut line) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => Err(format!("cannot read from the terminal: {error}")),
        }
    }
}
