//! Where the messages to send come from.

use crate::commands::{Command, HELP};
use crate::entry::Content;
use crate::record::Replay;
use crate::shared::Shared;
use landline::{CloseCode, CloseFrame, Sender};
use std::io::{self, BufRead};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// How long to wait for the answer to a Ping.
const PONG: Duration = Duration::from_secs(10);

pub(crate) enum Input {
    /// Standard input, of which this many lines have been read.
    Lines(u64),
    /// Lines of the terminal, which another thread reads.
    Terminal(Receiver<Result<Option<String>, String>>),
    Replay(Box<Replay>),
}

/// What is to be done next.
pub(crate) enum Next {
    Send(Content),
    Close(CloseCode, String),
    End,
}

impl Input {
    pub(crate) fn lines() -> Self {
        Self::Lines(0)
    }

    /// What comes next, when it comes.
    pub(crate) fn next(&mut self, shared: &Shared) -> Result<Next, String> {
        match self {
            Self::Lines(count) => Ok(read_line(count)?.map_or(Next::End, |line| Next::Send(Content::Text(line)))),
            Self::Replay(replay) => Ok(replay.next()?.map_or(Next::End, Next::Send)),
            Self::Terminal(lines) => loop {
                let Some(line) = lines.recv().unwrap_or(Ok(None))? else { return Ok(Next::End) };
                match Command::parse(line) {
                    Ok(Command::Text(text)) => return Ok(Next::Send(Content::Text(text))),
                    Ok(Command::Binary(data)) => return Ok(Next::Send(Content::Binary(data))),
                    Ok(Command::Close(code, reason)) => match CloseFrame::new(code, &reason) {
                        Ok(_) => return Ok(Next::Close(code, reason)),
                        Err(error) => shared.output.note(&format!("/close: {error}")),
                    },
                    Ok(Command::Ping(text)) => ping(shared, &text),
                    Ok(Command::Help) => HELP.lines().for_each(|line| drop(shared.output.remark(line))),
                    Err(wrong) => shared.output.note(&wrong),
                }
            },
        }
    }
}

fn read_line(count: &mut u64) -> Result<Option<String>, String> {
    let mut line = Vec::new();
    let read = io::stdin().lock().read_until(b'\n', &mut line);
    if read.map_err(|error| format!("cannot read standard input: {error}"))? == 0 {
        return Ok(None);
    }
    *count += 1;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    let line = String::from_utf8(line).map_err(|_| format!("line {count} of standard input is not UTF-8 text"))?;
    Ok(Some(line))
}

/// With a text, one Ping that carries it; without, one whose answer is waited for.
fn ping(shared: &Shared, text: &str) {
    let Some(sender) = shared.sender() else { return };
    match pinged(&sender, text) {
        Ok(time) => drop(shared.output.remark(&format!("pong after {:.1} ms", time.as_secs_f64() * 1000.0))),
        Err(error) => shared.output.note(&crate::errors::describe(&error)),
    }
}

fn pinged(sender: &Sender, text: &str) -> landline::Result<Duration> {
    let begin = Instant::now();
    if !text.is_empty() {
        sender.ping(text.as_bytes())?;
    }
    sender.ping_wait(PONG).map(|_| begin.elapsed())
}
