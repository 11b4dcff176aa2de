//! A run: connections one after the other, each with a thread that sends and the main thread, which receives.
//!
//! The main thread has the last word: how the peer ended the connection says more than what sending ran into.

use crate::arguments::{Files, Options};
use crate::cookies::Cookies;
use crate::errors::describe;
use crate::input::Input;
use crate::output::Output;
use crate::receiving::{Ended, receive};
use crate::record::{Recorder, Replay};
use crate::sending::{Afterwards, Task, send};
use crate::shared::{Shared, Trouble};
use crate::source::Source;
use crate::terminal::{self, Restore, Terminal};
use crate::{opening, verbose};
use landline::error::Closed;
use landline::{CloseCode, CloseInfo, Error, Handshake, WebSocket};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

/// Connects, talks, and closes.
pub(crate) fn talk(options: &Options) -> Result<(), String> {
    let begin = Instant::now();
    let cookies = Cookies::read(&options.http.cookie)?;
    let recorder = options.files.record.as_deref().map(Recorder::create).transpose()?;
    let replay = options.files.replay.as_deref();
    let replay = replay.map(|path| Replay::open(path, options.files.replay_speed)).transpose()?;
    verbose::begin(options.verbose, options.time.reconnect);
    let mut answer = None;
    let result = Source::new(options, &cookies, begin)
        .and_then(|source| converse(options, source, recorder, replay, &mut answer));
    if let Some(path) = &options.http.cookie_jar {
        let written = cookies.write(path, options.url.as_deref().unwrap_or_default(), answer.as_ref());
        return result.and(written);
    }
    result
}

fn converse(
    options: &Options,
    mut source: Source,
    recorder: Option<Recorder>,
    replay: Option<Replay>,
    answer: &mut Option<Handshake>,
) -> Result<(), String> {
    let Some(ws) = source.next(options)? else { return Ok(()) };
    // Dropped last.
    let _restore = Restore::later();
    let (terminal, printer) = match is_interactive(options) {
        true => Terminal::open().map(|(terminal, printer)| (Some(terminal), Some(printer)))?,
        false => (None, None),
    };
    let output = Arc::new(Output::new(options, printer));
    if terminal.is_some() {
        verbose::redirect(&output);
    }
    let shared = Arc::new(Shared::new(output, recorder, options.time.timeout));
    let task = task(options, replay, terminal, &shared)?;
    let afterwards = match options.messages.wait {
        Some(limit) => Afterwards::Wait(limit),
        None if options.files.recv_file.is_some() => Afterwards::Wait(None),
        None => Afterwards::Close,
    };
    let (to_sending, reconnects) = (Arc::clone(&shared), source.reconnects());
    let sending = move || send(task, afterwards, &to_sending, reconnects);
    // It may be waiting for input when everything is over: the end of `main` ends it, too.
    start(sending)?;
    talk_over_all(options, source, ws, &shared, answer)
}

fn talk_over_all(
    options: &Options,
    mut source: Source,
    mut ws: WebSocket,
    shared: &Arc<Shared>,
    answer: &mut Option<Handshake>,
) -> Result<(), String> {
    loop {
        *answer = Some(ws.handshake().clone());
        let ended = one_connection(options, ws, shared);
        let lost = if source.reconnects() && !shared.is_closing() { lost(&ended) } else { None };
        if let Some(why) = lost {
            shared.output.note(&format!("connection lost: {why}"));
            if let Some(next) = source.next(options)? {
                ws = next;
                continue;
            }
        }
        shared.is_over();
        return conclude(ended, shared);
    }
}

/// Whether somebody types lines, and reads what comes back.
fn is_interactive(options: &Options) -> bool {
    let Files { send_file, recv_file, replay, .. } = &options.files;
    let is_plain = options.messages.json || send_file.is_some() || recv_file.is_some() || replay.is_some();
    !is_plain && terminal::is_there()
}

/// Where messages to send come from.
fn task(
    options: &Options,
    replay: Option<Replay>,
    terminal: Option<Terminal>,
    shared: &Arc<Shared>,
) -> Result<Task, String> {
    if let Some(path) = &options.files.send_file {
        return Ok(Task::File { path: path.clone(), is_text: options.files.text });
    }
    let input = match (replay, terminal) {
        (Some(replay), _) => Input::Replay(Box::new(replay)),
        (None, Some(terminal)) => {
            let (lines, input) = channel();
            let shared = Arc::clone(shared);
            start(move || terminal.read(&lines, || shared.give_up()))?;
            Input::Terminal(input)
        }
        (None, None) => Input::lines(),
    };
    Ok(Task::Messages(input))
}

fn start(body: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let started = thread::Builder::new().spawn(body);
    started.map(drop).map_err(|error| format!("cannot start a thread: {error}"))
}

fn one_connection(options: &Options, ws: WebSocket, shared: &Arc<Shared>) -> Result<CloseInfo, Ended> {
    if options.verbose {
        verbose::summary(&ws);
    }
    for remark in opening::remarks(options, &ws) {
        shared.output.note(remark);
    }
    shared.output.opened(&ws).map_err(Ended::Output)?;
    let (sender, mut receiver) = ws.split();
    shared.connected(sender);
    let ended = receive(options, &mut receiver, shared);
    shared.disconnected();
    if ended.is_ok() {
        shared.output.closed(&receiver.close_info()).map_err(Ended::Output)?;
    }
    ended
}

/// Why a connection ended, if another one may last longer.
fn lost(ended: &Result<CloseInfo, Ended>) -> Option<String> {
    match ended {
        Ok(info) => info
            .received
            .as_ref()
            .filter(|frame| frame.code().is_transient())
            .map(|frame| format!("the peer closed it with {frame}")),
        Err(Ended::Connection(error)) if error.is_transient() => Some(describe(error)),
        Err(_) => None,
    }
}

fn conclude(ended: Result<CloseInfo, Ended>, shared: &Shared) -> Result<(), String> {
    match (ended, shared.trouble()) {
        (_, Some(Trouble::Input(text))) => Err(text.clone()),
        (Err(Ended::Connection(Error::Closed(Closed::Aborted))), Some(Trouble::Connection(error))) => {
            Err(describe(error))
        }
        (Err(Ended::Connection(error)), _) => Err(describe(&error)),
        (Err(Ended::File(text)), _) => Err(text),
        (Err(Ended::Output(error)), _) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        (Err(Ended::Output(error)), _) => Err(format!("cannot write to standard output: {error}")),
        (Ok(info), _) => judge(&info),
    }
}

/// Whether the peer closed because all was done.
fn judge(info: &CloseInfo) -> Result<(), String> {
    match &info.received {
        Some(frame) => match frame.code() {
            CloseCode::NORMAL_CLOSURE | CloseCode::GOING_AWAY | CloseCode::NO_STATUS_RECEIVED => Ok(()),
            // Whatever code this end has chosen comes back.
            code if info.sent.as_ref().is_some_and(|sent| sent.code() == code)
                && info.first == Some(landline::Side::Local) =>
            {
                Ok(())
            }
            _ => Err(format!("the peer closed with {frame}")),
        },
        None => Err("the peer ended the connection without a close frame".into()),
    }
}
