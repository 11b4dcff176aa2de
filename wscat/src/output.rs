//! What is printed about messages and the connection, for people and for programs.

use crate::arguments::Options;
use crate::entry::{Direction, Event};
use crate::terminal::Printer;
use jiff::ZonedDateTime;
use landline::{CloseInfo, MessageRef, WebSocket};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// How many bytes of a binary message are shown in a terminal.
const SHOWN: usize = 64;

const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[36m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// Where output goes, and in which form.
pub(crate) struct Output {
    is_json: bool,
    has_timestamps: bool,
    is_hex: bool,
    has_colours: bool,
    /// The terminal, if somebody is typing there.
    printer: Option<Printer>,
}

impl Output {
    pub(crate) fn new(options: &Options, printer: Option<Printer>) -> Self {
        Self {
            is_json: options.messages.json,
            has_timestamps: options.messages.timestamps,
            is_hex: options.messages.hex,
            has_colours: has_colours(&io::stdout()),
            printer,
        }
    }

    /// A message that was received.
    pub(crate) fn message(&self, message: MessageRef<'_>) -> io::Result<()> {
        if self.is_json {
            return self.line(&Event::message(Direction::Received, message).line());
        }
        let mut line = String::new();
        if self.has_timestamps {
            self.paint(&mut line, DIM, &ZonedDateTime::now().strftime("%H:%M:%S%.3f").to_string());
            line.push(' ');
        }
        if self.printer.is_some() {
            self.paint(&mut line, GREEN, "<");
            line.push(' ');
        }
        match message {
            MessageRef::Text(text) if self.printer.is_some() => push_visible(&mut line, text),
            MessageRef::Text(text) => line += &text.replace('\n', "\\n"),
            MessageRef::Binary(data) if self.is_hex => push_hex(&mut line, data),
            MessageRef::Binary(data) if self.printer.is_some() => {
                let _ = write!(line, "<binary {} bytes> ", data.len());
                push_hex(&mut line, &data[..data.len().min(SHOWN)]);
                if data.len() > SHOWN {
                    line += " ...";
                }
            }
            MessageRef::Binary(data) => drop(write!(line, "<binary {} bytes>", data.len())),
        }
        self.line(&line)
    }

    /// The connection is open.
    pub(crate) fn opened(&self, ws: &WebSocket) -> io::Result<()> {
        if self.is_json {
            return self.line(&Event::open(ws).line());
        }
        if self.printer.is_none() {
            return Ok(());
        }
        let url = ws.handshake().url.clone().or_else(|| ws.peer_addr().map(|address| address.to_string()));
        let mut text = format!("connected to {}", url.unwrap_or_else(|| "the peer".to_owned()));
        for (number, part) in negotiated(ws).into_iter().enumerate() {
            let _ = write!(text, "{}{part}", if number == 0 { " (" } else { ", " });
        }
        if text.contains(" (") {
            text.push(')');
        }
        self.remark(&text)
    }

    /// The connection is closed.
    pub(crate) fn closed(&self, info: &CloseInfo) -> io::Result<()> {
        if self.is_json {
            return self.line(&Event::close(info).line());
        }
        match &info.received {
            Some(frame) if self.printer.is_some() => self.remark(&format!("closed with {frame}")),
            _ => Ok(()),
        }
    }

    /// A line about the connection, in a terminal.
    pub(crate) fn remark(&self, text: &str) -> io::Result<()> {
        let mut line = String::new();
        self.paint(&mut line, DIM, text);
        self.line(&line)
    }

    /// Something that is not output: on standard error, or in the terminal above the line that is being typed.
    pub(crate) fn note(&self, text: &str) {
        let text = text.replace(char::is_control, " ");
        let _ = match self.printer {
            Some(_) => self.remark(&format!("note: {text}")),
            None => writeln!(io::stderr(), "note: {text}"),
        };
    }

    fn line(&self, line: &str) -> io::Result<()> {
        if let Some(printer) = &self.printer {
            return printer.print(line);
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }

    fn paint(&self, line: &mut String, colour: &str, text: &str) {
        *line += &painted(self.has_colours, colour, text);
    }
}

/// The prompt of a terminal.
pub(crate) fn prompt() -> String {
    painted(has_colours(&io::stdout()), CYAN, ">") + " "
}

fn painted(has_colours: bool, colour: &str, text: &str) -> String {
    if has_colours { format!("{colour}{text}{PLAIN}") } else { text.to_owned() }
}

/// Colours are for terminals, and not for those who set `NO_COLOR`.
fn has_colours(stream: &impl IsTerminal) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|value| value == "dumb");
    stream.is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// What the two ends have agreed on.
fn negotiated(ws: &WebSocket) -> Vec<String> {
    let handshake = ws.handshake();
    let mut parts = Vec::new();
    if let Some(tls) = ws.tls_info() {
        parts.push(format!("{}, {}", tls.version, tls.cipher_suite_name()));
    }
    if let Some(name) = &handshake.subprotocol {
        parts.push(format!("subprotocol {name}"));
    }
    if handshake.compression.is_some() {
        parts.push("compressed".to_owned());
    }
    parts
}

/// Text of a peer must not command the terminal.
fn push_visible(line: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\t' => line.push(c),
            c if c.is_control() => drop(write!(line, "{}", c.escape_default())),
            c => line.push(c),
        }
    }
}

fn push_hex(line: &mut String, data: &[u8]) {
    for (number, byte) in data.iter().enumerate() {
        let _ = write!(line, "{}{byte:02x}", if number == 0 { "" } else { " " });
    }
}
