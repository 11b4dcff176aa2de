//! Lines that can be edited, and are remembered.

use crate::terminal::Print;
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor, ExternalPrinter};
use std::path::PathBuf;

/// How many lines are remembered.
const REMEMBERED: usize = 1000;

pub(crate) struct Editor {
    editor: DefaultEditor,
    prompt: String,
    history: Option<PathBuf>,
}

impl Editor {
    pub(crate) fn open(prompt: String) -> Result<Self, String> {
        let cannot = |error: ReadlineError| format!("cannot use the terminal: {error}");
        let config = Config::builder().max_history_size(REMEMBERED).map_err(cannot)?.auto_add_history(true).build();
        let mut editor = DefaultEditor::with_config(config).map_err(cannot)?;
        let history = history();
        if let Some(path) = &history {
            // The first time, there is none.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, prompt, history })
    }

    /// What shows output above the line that is being typed. Terminals that cannot move the cursor have none; lines are
    /// then read as they come.
    pub(crate) fn printer(&mut self) -> Option<Print> {
        let mut printer = self.editor.create_external_printer().ok()?;
        Some(Box::new(move |text| printer.print(text).is_ok()))
    }

    /// The next line, or `None` at the end: Ctrl-D or Ctrl-C.
    pub(crate) fn line(&mut self) -> Result<Option<String>, String> {
        match self.editor.readline(&self.prompt) {
            Ok(line) => {
                // At once, because the program may end while the next line is being typed.
                if let Some(path) = &self.history {
                    let _ = path.parent().map(std::fs::create_dir_all);
                    let _ = self.editor.append_history(path);
                }
                Ok(Some(line))
            }
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(None),
            Err(error) => Err(format!("cannot read from the terminal: {error}")),
        }
    }
}

/// Where lines are remembered: the file that `WSCAT_HISTORY` names, nowhere if that is empty, or the user's state directory.
fn history() -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = std::env::var_os("WSCAT_HISTORY") {
        return (!path.is_empty()).then(|| path.into());
    }
    let state = named("XDG_STATE_HOME").or_else(|| Some(named("HOME")?.join(".local/state")))?;
    Some(state.join("wscat").join("history"))
}
