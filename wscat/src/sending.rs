//! The thread that sends.

use crate::entry::{Content, Direction};
use crate::errors::describe;
use crate::files;
use crate::input::{Input, Next};
use crate::shared::{Shared, Trouble};
use landline::error::Error;
use landline::{CloseCode, MessageRef, Sender};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// How long the peer has to be quiet before the connection is closed, and for how long at most to wait for that.
const QUIET: Duration = Duration::from_millis(200);
const QUIET_MAX: Duration = Duration::from_secs(2);
/// How long the receiving thread gets to find out why sending failed.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What is sent.
pub(crate) enum Task {
    Messages(Input),
    File { path: PathBuf, is_text: bool },
}

/// What happens when everything has been sent.
#[derive(Clone, Copy)]
pub(crate) enum Afterwards {
    /// The connection is closed.
    Close,
    /// The peer closes it, or else it is closed after this time.
    Wait(Option<Duration>),
}

/// How sending came to its end.
enum Sent {
    All {
        messages: u64,
    },
    Close(CloseCode, String),
    /// The connection is gone, and there will be no other one.
    Over,
}

/// Sends everything, and closes behind it.
pub(crate) fn send(task: Task, afterwards: Afterwards, shared: &Shared, reconnects: bool) {
    let sent = match task {
        Task::Messages(input) => send_messages(input, shared, reconnects),
        Task::File { path, is_text } => match shared.sender() {
            Some(sender) => files::send(&path, is_text, &sender, shared).map(|()| Sent::All { messages: 1 }),
            None => Ok(Sent::Over),
        },
    };
    let begin = Instant::now();
    let (code, reason) = match sent {
        Ok(Sent::Over) => return,
        Ok(Sent::Close(code, reason)) => (code, reason),
        Ok(Sent::All { messages }) => {
            match afterwards {
                Afterwards::Wait(limit) => shared.wait_until_over(limit),
                Afterwards::Close if messages > 0 => {
                    let most = shared.timeout.map_or(QUIET_MAX, |timeout| QUIET_MAX.min(timeout / 2));
                    wait_for_quiet(shared, begin + most);
                }
                Afterwards::Close => {}
            }
            (CloseCode::NORMAL_CLOSURE, String::new())
        }
        Err(trouble) => match fail(trouble, shared) {
            Some(code) => (code, String::new()),
            None => return,
        },
    };
    let begin = if matches!(afterwards, Afterwards::Wait(_)) { Instant::now() } else { begin };
    if let Some(sender) = shared.sender() {
        shared.close(sender, code, &reason, begin);
    }
}

/// With which code the connection is to be closed, if it is still to be closed.
fn fail(trouble: Trouble, shared: &Shared) -> Option<CloseCode> {
    match trouble {
        // The receiving thread knows why, and says so.
        Trouble::Connection(Error::Closed(_)) => None,
        Trouble::Connection(error) => {
            if !matches!(error, Error::Timeout(_)) {
                thread::sleep(LAST_WORDS);
            }
            shared.report(Trouble::Connection(error));
            if let Some(sender) = shared.sender() {
                sender.abort();
            }
            None
        }
        trouble @ Trouble::Input(_) => {
            shared.report(trouble);
            Some(CloseCode::GOING_AWAY)
        }
    }
}

/// Lets the peer answer the last line. Many servers send nothing more once they have read a Close frame, though
/// they have taken messages that came before it.
fn wait_for_quiet(shared: &Shared, until: Instant) {
    let Some(sender) = shared.sender() else { return };
    loop {
        let received = sender.stats().wire_received;
        thread::sleep(QUIET.min(until.saturating_duration_since(Instant::now())));
        if received == sender.stats().wire_received || until <= Instant::now() {
            return;
        }
    }
}

fn send_messages(mut input: Input, shared: &Shared, reconnects: bool) -> Result<Sent, Trouble> {
    let mut messages = 0;
    loop {
        let content = match input.next(shared).map_err(Trouble::Input)? {
            Next::Send(content) => content,
            Next::Close(code, reason) => return Ok(Sent::Close(code, reason)),
            Next::End => return Ok(Sent::All { messages }),
        };
        let message = match &content {
            Content::Text(text) => MessageRef::Text(text),
            Content::Binary(data) => MessageRef::Binary(data),
        };
        loop {
            let Some(sender) = shared.sender() else { return Ok(Sent::Over) };
            let Err(error) = send_message(&sender, message, shared) else { break };
            if !reconnects || !error.is_fatal() {
                return Err(Trouble::Connection(error));
            }
            let is_gone = error.message_accepted();
            shared.lost(&sender);
            // It goes out over the next connection, unless a part of it may have gone out over this one.
            if is_gone {
                shared.output.note(&format!("the last message may be lost: {}", describe(&error)));
                break;
            }
        }
        messages += 1;
        if let Some(recorder) = &shared.recorder {
            recorder.add(Direction::Sent, message).map_err(Trouble::Input)?;
        }
    }
}

/// Sends a message, as long as anything moves.
fn send_message(sender: &Sender, message: MessageRef<'_>, shared: &Shared) -> Result<(), Error> {
    let mut accepted = false;
    patiently(sender, shared, |sender| {
        let result = if accepted { sender.flush() } else { sender.send(message) };
        accepted |= result.as_ref().is_err_and(Error::message_accepted);
        result
    })
}

/// Repeats a step that runs out of time, as long as anything moves.
pub(crate) fn patiently<T>(
    sender: &Sender,
    shared: &Shared,
    mut step: impl FnMut(&Sender) -> Result<T, Error>,
) -> Result<T, Error> {
    loop {
        let received = sender.stats().wire_received;
        let result = step(sender);
        let Err(error @ Error::Timeout(_)) = result else { return result };
        // A peer that is busy sending, or that we keep from sending, has a reason not to read.
        if received == sender.stats().wire_received && !shared.is_printing() {
            return Err(error);
        }
    }
}
