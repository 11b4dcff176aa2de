//! The terminal: lines that are edited and remembered, and output above the line that is being typed.

use crate::editor::{Editor, Watch};
use crate::output;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::Sender;

/// Reads lines.
pub(crate) struct Terminal {
    editor: Editor,
}

/// Writes lines above the one that is being typed.
pub(crate) struct Printer(Watch);

/// Puts the terminal back into the state it was in: the program may end while a line is being typed.
pub(crate) struct Restore(Termios);

/// Whether somebody is there to type and to read.
pub(crate) fn is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

impl Restore {
    pub(crate) fn later() -> Option<Self> {
        tcgetattr(rustix::stdio::stdin()).ok().map(Self)
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        let is_typing = tcgetattr(rustix::stdio::stdin()).is_ok_and(|now| now.local_modes != self.0.local_modes);
        let screen = rustix::io::dup(rustix::stdio::stdout());
        if let (true, Ok(screen), Ok(nowhere)) = (is_typing, screen, File::options().write(true).open("/dev/null"))
        {
            // From here on, the editor shows nothing more.
            let _ = rustix::stdio::dup2_stdout(&nowhere);
            // The prompt, and what has been typed behind it.
            let _ = File::from(screen).write_all(b"\r\x1b[K");
        }
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.0);
    }
}

impl Terminal {
    pub(crate) fn open() -> Result<(Self, Printer), String> {
        let editor = Editor::open(output::prompt())?;
        let printer = Printer(editor.watch());
        Ok((Self { editor }, printer))
    }

    /// Hands over each line, and `None` at the end: Ctrl-D or Ctrl-C. Then calls `give_up` the second time.
    ///
    /// It goes on reading until the program ends: neither sending nor closing, which may take long, must keep the user from
    /// giving up.
    pub(crate) fn read(mut self, lines: &Sender<Result<Option<String>, String>>, give_up: impl FnOnce()) {
        let mut is_over = false;
        loop {
            match self.editor.line() {
                Ok(None) if is_over => return give_up(),
                Ok(None) => {
                    is_over = true;
                    let _ = lines.send(Ok(None));
                }
                Ok(line) => is_over |= lines.send(Ok(line)).is_err(),
                Err(error) => return drop(lines.send(Err(error))),
            }
        }
    }
}

impl Printer {
    pub(crate) fn print(&self, line: &str) -> io::Result<()> {
        let columns = tcgetwinsize(rustix::stdio::stdout()).map_or(80, |size| usize::from(size.ws_col));
        self.0.above(line, columns, |text| {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()
        })
    }
}
