//! Receiving: what arrives is printed until the connection ends.

use crate::arguments::Options;
use crate::entry::Direction;
use crate::files::{self, Failed, Received};
use crate::shared::Shared;
use landline::error::Error;
use landline::{CloseCode, CloseInfo, Receiver};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// Why nothing more is received, other than a Close frame.
pub(crate) enum Ended {
    Connection(Error),
    Output(io::Error),
    /// A file that messages go to cannot be written.
    File(String),
}

/// Receives until the peer has closed.
pub(crate) fn receive(
    options: &Options,
    receiver: &mut Receiver,
    shared: &Arc<Shared>,
) -> Result<CloseInfo, Ended> {
    if let Some(path) = &options.files.recv_file {
        receive_file(path, receiver, shared)?;
    }
    print_messages(receiver, shared)
}

/// Prints messages until the peer has closed.
fn print_messages(receiver: &mut Receiver, shared: &Shared) -> Result<CloseInfo, Ended> {
    let mut moved = 0;
    loop {
        match receiver.recv_ref() {
            Ok(Some(message)) => {
                if let Some(recorder) = &shared.recorder {
                    recorder.add(Direction::Received, message).map_err(Ended::File)?;
                }
                shared.printing(|| shared.output.message(message)).map_err(Ended::Output)?;
                moved = bytes(receiver);
            }
            Ok(None) => return Ok(receiver.close_info()),
            Err(error @ Error::Timeout(_)) => {
                let before = std::mem::replace(&mut moved, bytes(receiver));
                let is_late = shared.timeout.is_some() && moved == before;
                if is_late && !shared.is_closing() {
                    return Err(Ended::Connection(error));
                }
            }
            Err(error) => return Err(Ended::Connection(error)),
        }
    }
}

fn bytes(receiver: &Receiver) -> u64 {
    let stats = receiver.stats();
    stats.wire_received + stats.wire_sent
}

/// Writes the first message to a file, and begins to close.
fn receive_file(path: &Path, receiver: &mut Receiver, shared: &Arc<Shared>) -> Result<(), Ended> {
    match files::receive(path, receiver, shared) {
        Ok(Received::File) => {
            let closing = Arc::clone(shared);
            let close = move || {
                if let Some(sender) = closing.sender() {
                    closing.close(sender, CloseCode::NORMAL_CLOSURE, "", Instant::now());
                }
            };
            let started = thread::Builder::new().spawn(close);
            started.map(drop).map_err(|error| Ended::File(format!("cannot start a thread: {error}")))
        }
        Ok(Received::Nothing) if shared.trouble().is_some() => Ok(()),
        Ok(Received::Nothing) => Err(Ended::File(match receiver.close_info().received {
            Some(frame) => format!("no message came for --recv-file: the peer closed with {frame}"),
            None => "no message came for --recv-file".to_owned(),
        })),
        Err(Failed::Connection(error)) => Err(Ended::Connection(error)),
        Err(Failed::File(text)) => Err(Ended::File(text)),
    }
}
