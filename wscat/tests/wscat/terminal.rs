//! In a real pseudo-terminal: editing, commands, colours, and what the terminal is like afterwards.

use super::*;
use landline::{CloseCode, Message};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

const UP: &str = "\x1b[A";
const LEFT: &str = "\x1b[D";
const CTRL_D: &str = "\x04";

/// A program in a terminal of its own.
struct Terminal {
    child: Child,
    keyboard: File,
    terminal: OwnedFd,
    screen: Receiver<Vec<u8>>,
    /// All that was written to it.
    raw: String,
    /// How much of the text has been expected.
    seen: usize,
}

impl Terminal {
    fn start(command: &mut Command) -> Self {
        Self::start_as(command, "xterm")
    }

    fn start_as(command: &mut Command, kind: &str) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let path = OsStr::from_bytes(name.as_bytes());
        let terminal: OwnedFd = OpenOptions::new().read(true).write(true).open(path).unwrap().into();
        let size = Winsize { ws_row: 24, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal, size).unwrap();
        let end = || Stdio::from(terminal.try_clone().unwrap());
        command.env("TERM", kind).stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().unwrap();
        let keyboard = File::from(master);
        let mut shown = keyboard.try_clone().unwrap();
        let (read, screen) = channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = shown.read(&mut chunk) {
                if read.send(chunk[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keyboard, terminal, screen, raw: String::new(), seen: 0 }
    }

    fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until this is shown, behind what was waited for before.
    #[track_caller]
    fn shows(&mut self, wanted: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let text = text(&self.raw);
            if let Some(at) = text[self.seen..].find(wanted) {
                self.seen += at + wanted.len();
                return;
            }
            match self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(chunk) => self.raw += &String::from_utf8_lossy(&chunk),
                Err(_) => {
                    panic!("{wanted:?} is not shown after {:?}: {:?}", &text[..self.seen], &text[self.seen..])
                }
            }
        }
    }

    /// Whether keys are shown by the terminal and lines are put together by it, as usual.
    fn is_as_usual(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    /// Waits until it exits, and returns its status.
    fn status(&mut self) -> Option<i32> {
        let deadline = Instant::now() + WATCHDOG;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the program hangs: {:?}", text(&self.raw));
            thread::yield_now();
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is shown, without colours and the movements of the cursor.
fn text(raw: &str) -> String {
    let mut text = String::new();
    let mut parts = raw.split("\x1b[");
    text += parts.next().unwrap_or_default();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |end| end + 1);
        text += &part[end..];
    }
    text.replace('\r', "")
}

fn in_terminal(history: &Scratch, arguments: &[&str]) -> Terminal {
    Terminal::start(command(history).args(arguments))
}

fn command(history: &Scratch) -> Command {
    let mut command = wscat();
    command.env("WSCAT_HISTORY", history.path("history")).env_remove("NO_COLOR").env("TZ", "UTC");
    command
}

#[test]
fn a_conversation() {
    let files = Scratch::new("terminal");
    let (url, server) = serve(Server::builder().subprotocols(["v2"]), |mut ws| {
        let hello = ws.recv().unwrap();
        ws.send("hello you").unwrap();
        ws.send([1, 2, 255]).unwrap();
        ws.send("\x1b]0;title\x07two\nlines").unwrap();
        let mut received = vec![hello];
        while let Ok(Some(message)) = ws.recv() {
            received.push(Some(message));
        }
        (received, ws.close_info().received)
    });
    let mut wscat = in_terminal(&files, &["--subprotocol", "v2", &url]);
    wscat.shows(&format!("connected to {url} (subprotocol v2)"));
    wscat.shows("> ");
    wscat.type_in("hello\r");
    wscat.shows("hello");
    wscat.shows("< hello you\n");
    wscat.shows("< <binary 3 bytes> 01 02 ff\n");
    wscat.shows("< \\u{1b}]0;title\\u{7}two\\nlines\n");
    wscat.type_in("/binary 00 7f\r");
    wscat.type_in("/ping\r");
    wscat.shows("pong after ");
    wscat.type_in("/nonsense\r");
    wscat.shows("note: there is no command /nonsense; /help lists them");
    wscat.type_in("/help\r");
    wscat.shows("/close [CODE [REASON]]");
    wscat.type_in("//slash\r");
    wscat.type_in("/close 1005\r");
    wscat.shows("note: /close: ");
    wscat.type_in("/close 4000 so long\r");
    assert_eq!(wscat.status(), Some(0), "{:?}", text(&wscat.raw));
    wscat.shows("closed with 4000");
    assert!(wscat.is_as_usual());
    let (received, close) = server.join().unwrap();
    let messages = [Message::from("hello"), Message::from(vec![0, 127]), Message::from("/slash")];
    assert_eq!(received, messages.map(Some));
    let close = close.unwrap();
    assert_eq!((u16::from(close.code()), close.reason()), (4000, "so long"));
}

#[test]
fn lines_are_edited_and_remembered() {
    let files = Scratch::new("history");
    let receive = |count| {
        serve(Server::builder(), move |mut ws| {
            let messages: Vec<_> = (0..count).map(|_| ws.recv().unwrap().unwrap()).collect();
            let _ = ws.recv();
            messages
        })
    };
    let (url, server) = receive(2);
    let mut wscat = in_terminal(&files, &[&url]);
    wscat.shows("> ");
    wscat.type_in("helo");
    wscat.type_in(LEFT);
    wscat.type_in("l\r");
    wscat.shows("hello\n> ");
    wscat.type_in(UP);
    wscat.shows("hello");
    // What is typed ahead is not lost.
    wscat.type_in(" again\r");
    wscat.type_in(CTRL_D);
    assert_eq!(wscat.status(), Some(0));
    assert!(wscat.is_as_usual());
    assert_eq!(server.join().unwrap(), [Message::from("hello"), Message::from("hello again")]);
    // The next time too.
    let (url, server) = receive(1);
    let mut wscat = in_terminal(&files, &[&url]);
    wscat.shows("> ");
    wscat.type_in(UP);
    wscat.type_in(UP);
    wscat.type_in("\r");
    wscat.shows("hello");
    wscat.type_in(CTRL_D);
    assert_eq!(wscat.status(), Some(0));
    assert_eq!(server.join().unwrap(), [Message::from("hello")]);
}

#[test]
fn colours_are_for_those_who_want_them() {
    for (is_unwanted, name) in [(false, "colours"), (true, "no-colours")] {
        let files = Scratch::new(name);
        let (url, server) = serve(Server::builder(), |mut ws| {
            ws.send("hello")?;
            ws.close(CloseCode::NORMAL_CLOSURE, "")
        });
        let mut command = command(&files);
        if is_unwanted {
            command.env("NO_COLOR", "1");
        }
        let mut wscat = Terminal::start(command.arg(&url));
        wscat.shows("< hello");
        assert_eq!(wscat.status(), Some(0));
        wscat.shows("closed with 1000");
        assert_eq!(wscat.raw.contains("\x1b[32m<\x1b[0m hello"), !is_unwanted, "{:?}", wscat.raw);
        assert_eq!(["\x1b[2m", "\x1b[32m", "\x1b[36m"].iter().any(|code| wscat.raw.contains(code)), !is_unwanted);
        server.join().unwrap().unwrap();
    }
}

#[test]
fn times_are_shown_if_asked() {
    let files = Scratch::new("times");
    let (url, server) = serve(Server::builder(), |mut ws| {
        ws.send("hello")?;
        ws.close(CloseCode::NORMAL_CLOSURE, "")
    });
    let mut wscat = in_terminal(&files, &["--timestamps", &url]);
    wscat.shows(" < hello");
    let line = text(&wscat.raw).lines().find(|line| line.ends_with(" < hello")).unwrap().to_owned();
    let time = line.trim_start_matches("> ").split(' ').next().unwrap().to_owned();
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    assert!(time.len() == 12 && time.split([':', '.']).all(digits), "{line}");
    assert_eq!(wscat.status(), Some(0));
    server.join().unwrap().unwrap();
}

#[test]
fn the_terminal_is_as_before_when_the_peer_leaves() {
    let files = Scratch::new("leaving");
    let (done, is_done) = channel::<()>();
    let (url, server) = raw_server(move |_stream| is_done.recv().unwrap_or_default());
    let mut wscat = in_terminal(&files, &[&url]);
    wscat.shows("> ");
    wscat.type_in("half a line");
    wscat.shows("half a line");
    assert!(!wscat.is_as_usual(), "lines are edited by the program");
    drop(done);
    wscat.shows("error: connection ended without a close frame");
    assert_eq!(wscat.status(), Some(1));
    assert!(wscat.is_as_usual());
    server.join().unwrap();
}

#[test]
fn a_simple_terminal_will_do() {
    let files = Scratch::new("dumb");
    let (url, server) = echo_server();
    let mut wscat = Terminal::start_as(command(&files).arg(&url), "dumb");
    wscat.shows("connected to ");
    wscat.type_in("hello\n");
    wscat.shows("< hello");
    wscat.type_in(CTRL_D);
    assert_eq!(wscat.status(), Some(0));
    assert!(!wscat.raw.contains('\x1b'), "{:?}", wscat.raw);
    server.join().unwrap().unwrap();
}

#[test]
fn a_bar_shows_how_far_a_file_is() {
    let files = Scratch::new("bar");
    let file = files.write("file", vec![7; 5 << 20]);
    let (url, server) = serve(Server::builder(), |mut ws| {
        let message = ws.recv().unwrap().unwrap();
        ws.send(&message).unwrap();
        let _ = ws.recv();
        message.as_bytes().len()
    });
    let out = files.path("out");
    let arguments = ["--send-file", file.to_str().unwrap(), "--recv-file", out.to_str().unwrap(), &url];
    let mut wscat = in_terminal(&files, &arguments);
    assert_eq!(wscat.status(), Some(0));
    wscat.shows("5.00 MiB of 5.00 MiB, ");
    wscat.shows("/s");
    wscat.shows("receiving 5.00 MiB, ");
    assert_eq!(server.join().unwrap(), 5 << 20);
    assert_eq!(std::fs::read(out).unwrap(), vec![7; 5 << 20]);
}
