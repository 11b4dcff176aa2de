//! Holds many idle connections, and measures how much memory each costs the server.

use crate::messages::{Messages, Replies, Reply};
use crate::process::Process;
use crate::stream::{Stream, connect};
use landline_bench::payload::Kind;
use landline_bench::{handshake, json};
use rustix::net::sockopt::set_socket_linger;
use std::io::{self, ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    port: u16,
    /// Process of the server
    #[arg(long)]
    pid: u32,
    /// How many, if the limits on open files allow it
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    connections: u64,
    /// Payload of the message that each sends
    #[arg(long, value_name = "BYTES", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..))]
    size: u64,
    /// The server sends bytes back as they are
    #[arg(long)]
    raw: bool,
}

/// Opened before the measurement, to exclude what a server sets up once.
const FIRST: u64 = 16;

pub(crate) fn run(options: &Options) -> io::Result<String> {
    let server = Process { pid: options.pid };
    let reply = if options.raw { Reply::Bytes } else { Reply::Message };
    let messages = Messages::new(Kind::Binary, options.size as usize, reply);

    let closed = server.open_files()?;
    let mut first = open(options, FIRST)?;
    for stream in &mut first {
        echo(stream, &messages)?;
    }
    let before = settled(server)?;
    let threads_before = server.threads()?;
    let files_each = (server.open_files()?.saturating_sub(closed)).div_ceil(FIRST).max(1);
    let spare = |process: Process| -> io::Result<u64> {
        Ok(process.open_files_limit()?.saturating_sub(process.open_files()? + 32))
    };
    let room = (spare(server)? / files_each).min(spare(Process::current())?);
    let count = options.connections.min(room);
    if count == 0 {
        return Err(io::Error::other("the limit on open files leaves no room for connections"));
    }

    let begin = Instant::now();
    let mut streams = open(options, count)?;
    let seconds = begin.elapsed().as_secs_f64();
    let fresh = settled(server)?;
    for stream in &mut streams {
        echo(stream, &messages)?;
    }
    let used = settled(server)?;
    let threads = server.threads()?.saturating_sub(threads_before);
    let each = |total: u64| total as f64 / count as f64;
    Ok(json(&[
        ("connections", count as f64),
        ("files_each", files_each as f64),
        ("fresh_kib", each(fresh.saturating_sub(before))),
        ("used_kib", each(used.saturating_sub(before))),
        ("threads", each(threads)),
        ("seconds", seconds),
    ]))
}

fn open(options: &Options, count: u64) -> io::Result<Vec<Stream>> {
    let open = |_| {
        let mut stream = connect(options.port, None)?;
        handshake::connect(&mut stream, false)?;
        // Leaves no port in TIME_WAIT when it is closed.
        set_socket_linger(stream.tcp(), Some(Duration::ZERO))?;
        Ok(stream)
    };
    (0..count).map(open).collect()
}

/// One message there and back.
fn echo(stream: &mut Stream, messages: &Messages) -> io::Result<()> {
    stream.write_all(messages.bytes(0, messages.len(1)))?;
    let mut replies = Replies::new();
    let mut buffer = [0; 4096];
    while replies.count == 0 {
        match stream.read(&mut buffer)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            len => replies.take(&buffer[..len], messages)?,
        }
    }
    Ok(())
}

/// The server's resident memory once it no longer changes.
fn settled(server: Process) -> io::Result<u64> {
    let mut last = 0;
    for _ in 0..20 {
        thread::sleep(Duration::from_millis(100));
        let now = server.resident()?;
        if now == last {
            break;
        }
        last = now;
    }
    server.resident()
}
