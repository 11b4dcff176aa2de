//! Lines that can be edited, and are remembered, while output appears above them.
//!
//! rustyline can show output itself, but then it does not notice keys that arrive together, and what it has taken is lost
//! when the program ends. So the line that is being typed is watched instead, and drawn again behind each piece of output.

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, Config, Helper};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use unicode_width::UnicodeWidthStr;

/// How many lines are remembered.
const REMEMBERED: usize = 1000;
/// The width of the prompt, which is one character and a space.
const PROMPT_WIDTH: usize = 2;

pub(crate) struct Editor {
    editor: rustyline::Editor<Watch, FileHistory>,
    watch: Watch,
    prompt: String,
    history: Option<PathBuf>,
}

/// The line that is being typed, and the cursor in it; `None` while there is none.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<Option<Typed>>>);

struct Typed {
    prompt: String,
    line: String,
    /// In bytes.
    cursor: usize,
}

impl Editor {
    pub(crate) fn open(prompt: String) -> Result<Self, String> {
        let cannot = |error: ReadlineError| format!("cannot use the terminal: {error}");
        let config = Config::builder().max_history_size(REMEMBERED).map_err(cannot)?.auto_add_history(true);
        // Not for colours, but so that it is watched everywhere.
        let config = config.color_mode(ColorMode::Forced).build();
        let mut editor = rustyline::Editor::with_config(config).map_err(cannot)?;
        let history = history();
        if let Some(path) = &history {
            // The first time, there is none.
            let _ = editor.load_history(path);
        }
        let watch = Watch::default();
        editor.set_helper(Some(watch.clone()));
        Ok(Self { editor, watch, prompt, history })
    }

    pub(crate) fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// The next line, or `None` at the end: Ctrl-D or Ctrl-C.
    pub(crate) fn line(&mut self) -> Result<Option<String>, String> {
        let read = self.editor.readline(&self.prompt);
        *self.watch.typed() = None;
        match read {
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

impl Watch {
    fn typed(&self) -> MutexGuard<'_, Option<Typed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `write` write this line above the one that is being typed.
    pub(crate) fn above<T>(&self, line: &str, columns: usize, write: impl FnOnce(&str) -> T) -> T {
        // Held meanwhile, so that the line does not change.
        let typed = self.typed();
        match &*typed {
            Some(typed) => write(&typed.below(line, columns.max(1))),
            None => write(&format!("{line}\n")),
        }
    }

    fn set(&self, prompt: Option<&str>, line: Option<(&str, usize)>) {
        let mut typed = self.typed();
        let typed = typed.get_or_insert_with(|| Typed { prompt: String::new(), line: String::new(), cursor: 0 });
        if let Some(prompt) = prompt {
            prompt.clone_into(&mut typed.prompt);
        }
        if let Some((line, cursor)) = line {
            line.clone_into(&mut typed.line);
            typed.cursor = cursor;
        }
    }
}

impl Typed {
    /// What clears it, shows a line in its place, and draws it again below, with the cursor where it was: the editor
    /// goes on from there.
    fn below(&self, line: &str, columns: usize) -> String {
        let end = PROMPT_WIDTH + self.line.width();
        let at = PROMPT_WIDTH + self.line.get(..self.cursor).unwrap_or(&self.line).width();
        let mut text = String::new();
        if at / columns > 0 {
            let _ = write!(text, "\x1b[{}A", at / columns);
        }
        let _ = write!(text, "\r\x1b[J{line}\n{}{}", self.prompt, self.line);
        if end % columns == 0 {
            // Otherwise, the cursor stays behind the last column.
            text.push('\n');
        }
        if end != at {
            let up = end / columns - at / columns;
            if up > 0 {
                let _ = write!(text, "\x1b[{up}A");
            }
            text.push('\r');
            if at % columns > 0 {
                let _ = write!(text, "\x1b[{}C", at % columns);
            }
        }
        text
    }
}

/// Is told of every change, and changes nothing.
impl Highlighter for Watch {
    fn highlight<'l>(&self, line: &'l str, pos: usize) -> Cow<'l, str> {
        self.set(None, Some((line, pos)));
        Cow::Borrowed(line)
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _default: bool) -> Cow<'b, str> {
        self.set(Some(prompt), None);
        Cow::Borrowed(prompt)
    }

    fn highlight_char(&self, _line: &str, _pos: usize, _kind: CmdKind) -> bool {
        true
    }
}

impl Completer for Watch {
    type Candidate = String;
}

impl Hinter for Watch {
    type Hint = String;
}

impl Validator for Watch {}

impl Helper for Watch {}

/// Where lines are remembered: the file that `WSCAT_HISTORY` names, nowhere if that is empty, or the user's state directory.
fn history() -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = std::env::var_os("WSCAT_HISTORY") {
        return (!path.is_empty()).then(|| path.into());
    }
    let state = named("XDG_STATE_HOME").or_else(|| Some(named("HOME")?.join(".local/state")))?;
    Some(state.join("wscat").join("history"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_drawn_again_with_the_cursor_where_it_was() {
        for (line, cursor, expected) in [
            ("", 0, "\r\x1b[Jnew\n> "),
            ("abc", 3, "\r\x1b[Jnew\n> abc"),
            ("abc", 1, "\r\x1b[Jnew\n> abc\r\x1b[3C"),
            ("äö", 2, "\r\x1b[Jnew\n> äö\r\x1b[3C"),
            // Ten columns: a row and a half, and exactly one.
            ("abcdefghijkl", 12, "\x1b[1A\r\x1b[Jnew\n> abcdefghijkl"),
            ("abcdefghijkl", 2, "\r\x1b[Jnew\n> abcdefghijkl\x1b[1A\r\x1b[4C"),
            ("abcdefgh", 8, "\x1b[1A\r\x1b[Jnew\n> abcdefgh\n"),
        ] {
            let typed = Typed { prompt: "> ".to_owned(), line: line.to_owned(), cursor };
            assert_eq!(typed.below("new", 10), expected, "{line}");
        }
    }
}
