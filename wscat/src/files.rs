//! Whole files as messages, in constant memory, with a bar that shows how far they are.

use crate::sending::patiently;
use crate::shared::{Shared, Trouble};
use indicatif::{ProgressBar, ProgressStyle};
use landline::error::Error;
use landline::{Kind, MessageWriter, Receiver, Sender};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// How receiving a file ended.
pub(crate) enum Received {
    File,
    /// The peer closed the connection instead.
    Nothing,
}

/// Why a file was not received.
pub(crate) enum Failed {
    Connection(Error),
    File(String),
}

/// Sends a file as one message.
pub(crate) fn send(path: &Path, is_text: bool, sender: &Sender, shared: &Shared) -> Result<(), Trouble> {
    let wrong = |error: io::Error| Trouble::Input(cannot_read(path, &error));
    let mut file = File::open(path).map_err(wrong)?;
    let len = file.metadata().map_err(wrong)?.len();
    let bar = bar("sending", Some(len).filter(|len| *len > 0));
    let kind = if is_text { Kind::Text } else { Kind::Binary };
    let mut writer = patiently(sender, shared, |sender| sender.send_stream(kind)).map_err(Trouble::Connection)?;
    let sent = send_all(&mut file, path, &mut writer, sender, shared, &bar);
    if let Err(Trouble::Input(text)) = &sent {
        // Before the writer is dropped, which closes the connection.
        shared.report(Trouble::Input(text.clone()));
    }
    sent
}

fn send_all(
    file: &mut File,
    path: &Path,
    writer: &mut MessageWriter<'_>,
    sender: &Sender,
    shared: &Shared,
    bar: &ProgressBar,
) -> Result<(), Trouble> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Trouble::Input(cannot_read(path, &error))),
        };
        let mut rest = &chunk[..count];
        while !rest.is_empty() {
            let written = patiently(sender, shared, |_| writer.write(rest).map_err(from_io));
            let written = written.map_err(|error| about_text(error, path))?;
            rest = &rest[written..];
            bar.inc(u64::try_from(written).unwrap_or_default());
        }
    }
    patiently(sender, shared, |_| writer.finish()).map_err(|error| about_text(error, path))?;
    bar.finish();
    Ok(())
}

fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("--send-file: cannot read {}: {error}", path.display())
}

fn about_text(error: Error, path: &Path) -> Trouble {
    match error {
        Error::Usage(_) => Trouble::Input(format!("--text: {} is not UTF-8 text", path.display())),
        error => Trouble::Connection(error),
    }
}

/// The error of the connection inside.
fn from_io(error: io::Error) -> Error {
    let kind = error.kind();
    match error.into_inner().map(|inner| inner.downcast::<Error>()) {
        Some(Ok(error)) => *error,
        _ => Error::Io { during: "sending".into(), source: io::Error::from(kind).into() },
    }
}

/// Writes the next message to a file.
pub(crate) fn receive(path: &Path, receiver: &mut Receiver, shared: &Shared) -> Result<Received, Failed> {
    let wrong = |error: io::Error| Failed::File(format!("--recv-file: cannot write {}: {error}", path.display()));
    let mut file = File::create(path).map_err(wrong)?;
    let bar = bar("receiving", None);
    let mut chunk = vec![0; CHUNK];
    let mut moved = 0;
    loop {
        match receiver.recv_into(&mut chunk) {
            Ok(Some(part)) => {
                shared.printing(|| file.write_all(&chunk[..part.len])).map_err(wrong)?;
                bar.inc(u64::try_from(part.len).unwrap_or_default());
                if part.is_final {
                    shared.printing(|| file.sync_all()).or_else(not_supported).map_err(wrong)?;
                    bar.finish();
                    return Ok(Received::File);
                }
            }
            Ok(None) => return Ok(Received::Nothing),
            Err(error @ Error::Timeout(_)) => {
                let stats = receiver.stats();
                let bytes = stats.wire_received + stats.wire_sent;
                if shared.timeout.is_some() && bytes == moved && !shared.is_closing() {
                    return Err(Failed::Connection(error));
                }
                moved = bytes;
            }
            Err(error) => return Err(Failed::Connection(error)),
        }
    }
}

/// Pipes and devices have nothing to be synchronized.
fn not_supported(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::InvalidInput { Ok(()) } else { Err(error) }
}

/// On standard error, if that is a terminal.
fn bar(what: &'static str, len: Option<u64>) -> ProgressBar {
    let (bar, template) = match len {
        Some(len) => {
            (ProgressBar::new(len), "{msg} {wide_bar} {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left")
        }
        None => (ProgressBar::new_spinner(), "{msg} {bytes}, {binary_bytes_per_sec}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("#>-"));
    }
    bar.with_message(what)
}
