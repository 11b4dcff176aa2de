//! Recording the messages of a connection, and sending those of a record again.

use crate::entry::{Content, Direction, Event};
use jiff::Timestamp;
use landline::MessageRef;
use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// A file that takes messages down.
pub(crate) struct Recorder {
    path: PathBuf,
    file: Mutex<File>,
}

impl Recorder {
    pub(crate) fn create(path: &Path) -> Result<Self, String> {
        let file =
            File::create(path).map_err(|error| format!("--record: cannot write {}: {error}", path.display()))?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    /// Writes one line at once, so that a record is complete whenever the program ends.
    pub(crate) fn add(&self, direction: Direction, message: MessageRef<'_>) -> Result<(), String> {
        let line = Event::message(direction, message).line() + "\n";
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.write_all(line.as_bytes())
            .map_err(|error| format!("--record: cannot write {}: {error}", self.path.display()))
    }
}

/// What a record says was sent, at its pace.
pub(crate) struct Replay {
    path: PathBuf,
    lines: Lines<BufReader<File>>,
    number: usize,
    /// How many times as fast; 0 for no pauses.
    speed: f64,
    /// The time of the first message in the record, and when it was replayed.
    begin: Option<(Timestamp, Instant)>,
}

impl Replay {
    pub(crate) fn open(path: &Path, speed: f64) -> Result<Self, String> {
        if !(speed >= 0.0 && speed.is_finite()) {
            return Err("--replay-speed: give a factor, 0 or more".to_owned());
        }
        let file =
            File::open(path).map_err(|error| format!("--replay: cannot read {}: {error}", path.display()))?;
        let lines = BufReader::new(file).lines();
        Ok(Self { path: path.to_owned(), lines, number: 0, speed, begin: None })
    }

    /// The next message, when it is due.
    pub(crate) fn next(&mut self) -> Result<Option<Content>, String> {
        loop {
            let Some(line) = self.lines.next() else { return Ok(None) };
            self.number += 1;
            let wrong = |what: &dyn std::fmt::Display| {
                format!("--replay: line {} of {}: {what}", self.number, self.path.display())
            };
            let line = line.map_err(|error| wrong(&error))?;
            if line.trim().is_empty() {
                continue;
            }
            let event = serde_json::from_str(&line).map_err(|error| wrong(&error))?;
            let Event::Message(entry) = event else { continue };
            if entry.direction != Direction::Sent {
                continue;
            }
            let time: Timestamp = entry.time.parse().map_err(|error| wrong(&error))?;
            let content = entry.content().map_err(|error| wrong(&error))?;
            self.wait_for(time);
            return Ok(Some(content));
        }
    }

    fn wait_for(&mut self, time: Timestamp) {
        let (first, begin) = *self.begin.get_or_insert((time, Instant::now()));
        let offset = time.duration_since(first);
        let offset = Duration::try_from(offset).unwrap_or(Duration::ZERO);
        if self.speed > 0.0 {
            let due = Duration::try_from_secs_f64(offset.as_secs_f64() / self.speed).unwrap_or(Duration::MAX);
            thread::sleep(due.saturating_sub(begin.elapsed()));
        }
    }
}
