//! Sends messages to an echo server, and measures the CPU time that they cost its process.

use crate::messages::{Messages, Replies, Reply};
use crate::process::Process;
use crate::stream::{PATIENCE, Stream, connect};
use landline_bench::payload::Kind;
use landline_bench::{frame, handshake, json};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    port: u16,
    /// Process of the server
    #[arg(long)]
    pid: u32,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    connections: u64,
    /// Payload of a message
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    size: u64,
    /// Most messages in flight, for each connection
    #[arg(long, value_name = "MESSAGES", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    window: u64,
    #[arg(long, default_value = "binary")]
    kind: Kind,
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Time before the measurement begins
    #[arg(long, value_name = "SECONDS", default_value_t = 0.2)]
    warm_up: f64,
    /// The server sends bytes back as they are
    #[arg(long, conflicts_with = "deflate")]
    raw: bool,
    /// Ask for permessage-deflate
    #[arg(long)]
    deflate: bool,
    /// Speak TLS, and trust this certificate
    #[arg(long, value_name = "PEM")]
    certificate: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> io::Result<String> {
    let reply = match (options.raw, options.deflate) {
        (true, _) => Reply::Bytes,
        (_, true) => Reply::Compressed,
        _ => Reply::Message,
    };
    let messages = Messages::new(options.kind, options.size as usize, reply);
    let mut load = Load::new(options, &messages)?;
    let begin = Instant::now();
    let (warm_up, seconds) = (Duration::from_secs_f64(options.warm_up), Duration::from_secs_f64(options.seconds));
    load.run_until(begin + warm_up)?;
    load.round_trips = Some(Vec::new());
    let first = load.sample()?;
    load.run_until(first.time + seconds)?;
    let last = load.sample()?;
    let round_trips = load.round_trips.take().unwrap_or_default();
    load.finish(!options.raw)?;
    Ok(report(&first, &last, round_trips))
}

fn report(first: &Sample, last: &Sample, mut round_trips: Vec<Duration>) -> String {
    round_trips.sort_unstable();
    let quantile = |part: f64| match round_trips.len() {
        0 => 0.0,
        len => round_trips[((len - 1) as f64 * part) as usize].as_secs_f64() * 1e6,
    };
    json(&[
        ("messages", (last.messages - first.messages) as f64),
        ("seconds", (last.time - first.time).as_secs_f64()),
        ("cpu_ns", (last.cpu - first.cpu) as f64),
        ("own_cpu_ns", (last.own_cpu - first.own_cpu) as f64),
        ("wire_bytes", (last.wire_len - first.wire_len) as f64),
        ("p50_us", quantile(0.5)),
        ("p99_us", quantile(0.99)),
    ])
}

/// The state at one moment.
struct Sample {
    time: Instant,
    messages: u64,
    wire_len: u64,
    cpu: u64,
    own_cpu: u64,
}

struct Connection {
    stream: Stream,
    /// Messages that may be sent, and bytes that were.
    allowed: u64,
    written: u64,
    allowed_at: Instant,
    replies: Replies,
    /// Waits for room to send.
    is_full: bool,
}

struct Load<'a> {
    messages: &'a Messages,
    server: Process,
    window: u64,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    events: Vec<epoll::Event>,
    /// No new messages are sent.
    ending: bool,
    /// Collected if there is one message at a time.
    round_trips: Option<Vec<Duration>>,
}

impl<'a> Load<'a> {
    fn new(options: &Options, messages: &'a Messages) -> io::Result<Self> {
        let mut load = Self {
            messages,
            server: Process { pid: options.pid },
            window: options.window,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            connections: Vec::new(),
            buffer: vec![0; 256 << 10],
            events: Vec::with_capacity(64),
            ending: false,
            round_trips: None,
        };
        for _ in 0..options.connections {
            let mut stream = connect(options.port, options.certificate.as_deref())?;
            handshake::connect(&mut stream, options.deflate)?;
            stream.tcp().set_nonblocking(true)?;
            let number = epoll::EventData::new_u64(load.connections.len() as u64);
            epoll::add(&load.epoll, stream.tcp(), number, epoll::EventFlags::IN)?;
            let replies = Replies::new();
            let allowed_at = Instant::now();
            load.connections.push(Connection {
                stream,
                allowed: 0,
                written: 0,
                allowed_at,
                replies,
                is_full: false,
            });
        }
        for number in 0..load.connections.len() {
            load.send(number)?;
        }
        Ok(load)
    }

    fn sample(&self) -> io::Result<Sample> {
        let sum = |count: fn(&Replies) -> u64| self.connections.iter().map(|c| count(&c.replies)).sum();
        Ok(Sample {
            time: Instant::now(),
            messages: sum(|replies| replies.count),
            wire_len: sum(|replies| replies.wire_len),
            cpu: self.server.cpu()?,
            own_cpu: Process::current().cpu()?,
        })
    }

    /// Runs until a message comes back after this time.
    fn run_until(&mut self, end: Instant) -> io::Result<()> {
        while !(self.step()? && Instant::now() >= end) {}
        Ok(())
    }

    /// Waits for the remaining replies, and closes.
    fn finish(mut self, closes: bool) -> io::Result<()> {
        self.ending = true;
        while self.connections.iter().any(|connection| connection.replies.count < connection.allowed) {
            self.step()?;
        }
        for connection in self.connections.iter_mut().filter(|_| closes) {
            connection.stream.write_all(&frame::close(Some([1, 2, 3, 4])))?;
        }
        Ok(())
    }

    /// Does what can be done now, or waits until something can be done. Whether a message came back.
    fn step(&mut self) -> io::Result<bool> {
        let patience = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
        self.events.clear();
        if epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&patience))? == 0 {
            return Err(io::Error::new(ErrorKind::TimedOut, "the server is stuck"));
        }
        let mut progress = false;
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            let (number, flags) = (event.data.u64() as usize, event.flags);
            if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
                progress |= self.receive(number)?;
            }
            self.send(number)?;
        }
        self.events = events;
        Ok(progress)
    }

    fn receive(&mut self, number: usize) -> io::Result<bool> {
        let connection = &mut self.connections[number];
        let before = connection.replies.count;
        loop {
            match connection.stream.read(&mut self.buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(len) => connection.replies.take(&self.buffer[..len], self.messages)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            // TLS may have more data than the socket shows.
            if matches!(connection.stream, Stream::Plain(_)) {
                break;
            }
        }
        let progress = connection.replies.count > before;
        if let (true, 1, Some(round_trips)) = (progress, self.window, &mut self.round_trips) {
            round_trips.push(connection.allowed_at.elapsed());
        }
        Ok(progress)
    }

    /// Sends what the window allows and the socket accepts.
    fn send(&mut self, number: usize) -> io::Result<()> {
        let connection = &mut self.connections[number];
        // A part of the window at a time: with one message at a time, the generator's own calls would be the limit. But
        // not all of it: a server that sends its replies one by one would wait for acknowledgements.
        let part = (self.window / 8).max(1);
        if !self.ending && connection.allowed + part <= connection.replies.count + self.window {
            connection.allowed = connection.replies.count + self.window;
            connection.allowed_at = Instant::now();
        }
        let end = self.messages.len(connection.allowed);
        let mut is_full = false;
        while connection.written < end && !is_full {
            match connection.stream.write(self.messages.bytes(connection.written, end)) {
                Ok(len) => connection.written += len as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => is_full = true,
                Err(error) => return Err(error),
            }
        }
        if is_full != connection.is_full {
            connection.is_full = is_full;
            let room = if is_full { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
            let data = epoll::EventData::new_u64(number as u64);
            epoll::modify(&self.epoll, connection.stream.tcp(), data, epoll::EventFlags::IN | room)?;
        }
        Ok(())
    }
}
