//! Servers that handle frames without a WebSocket library: for measuring clients, and as the limit of what an
//! echo server can achieve.

use crate::process::Process;
use crate::stream::PATIENCE;
use landline_bench::frame::{self, Header};
use landline_bench::{handshake, json, payload};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

#[derive(clap::Args)]
pub(crate) struct Flood {
    /// Payload of a message
    #[arg(long, value_name = "BYTES")]
    size: usize,
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

#[derive(clap::Args)]
pub(crate) struct Sink {
    /// Payload of a message
    #[arg(long, value_name = "BYTES")]
    size: usize,
}

#[derive(clap::Args)]
pub(crate) struct Echo {
    /// Wait for whole messages
    #[arg(long)]
    whole: bool,
}

pub(crate) fn flood(options: &Flood) -> io::Result<String> {
    let mut frames = Vec::new();
    let mut each = 0;
    while frames.is_empty() || frames.len() < 256 << 10 {
        frame::append(&mut frames, frame::FINAL | frame::BINARY, &payload::pattern(options.size), None);
        each += 1;
    }
    let mut stream = accept_one()?;
    let (mut messages, clock) = (0, Clock::start()?);
    while clock.time.elapsed().as_secs_f64() < options.seconds {
        stream.write_all(&frames)?;
        messages += each;
    }
    stream.write_all(&frame::close(None))?;
    // The client answers once it has read everything.
    let mut answer = [0; frame::MAX_HEADER_LEN];
    let _ = stream.read(&mut answer)?;
    clock.report(messages)
}

pub(crate) fn sink(options: &Sink) -> io::Result<String> {
    let pattern = payload::pattern(options.size);
    let mut stream = accept_one()?;
    let mut buffer = vec![0; 256 << 10];
    let (mut messages, mut clock) = (0, None);
    let (mut len, mut offset) = (0, 0);
    let mut frame: Option<(Header, usize)> = None;
    loop {
        let received = stream.read(&mut buffer[len..])?;
        if received == 0 {
            return Err(io::Error::other("the client ended the connection without a Close frame"));
        }
        let clock = match &clock {
            Some(clock) => clock,
            None => clock.insert(Clock::start()?),
        };
        len += received;
        let mut at = 0;
        loop {
            let Some((header, done)) = frame else {
                let Some(header) = Header::parse(&buffer[at..len]) else { break };
                if header.opcode() == frame::CLOSE {
                    stream.write_all(&frame::close(None))?;
                    return clock.report(messages);
                }
                if header.mask.is_none() || offset + header.payload_len > options.size {
                    return Err(io::Error::other(format!("message {messages} is unmasked or too long")));
                }
                at += header.len;
                frame = Some((header, 0));
                continue;
            };
            let piece = (header.payload_len - done).min(len - at);
            let expected = &pattern[offset..offset + piece];
            if !is_masked(&buffer[at..at + piece], expected, header.mask.unwrap_or_default(), done) {
                return Err(io::Error::other(format!("message {messages} differs from what should be sent")));
            }
            at += piece;
            offset += piece;
            frame = Some((header, done + piece));
            if done + piece < header.payload_len {
                break;
            }
            frame = None;
            if header.is_final() {
                if offset != options.size {
                    return Err(io::Error::other(format!("message {messages} is too short")));
                }
                messages += 1;
                offset = 0;
            }
        }
        buffer.copy_within(at..len, 0);
        len -= at;
    }
}

/// Whether `data`, which begins `phase` bytes into a payload, is `expected` masked with `key`.
fn is_masked(data: &[u8], expected: &[u8], mut key: [u8; 4], phase: usize) -> bool {
    key.rotate_left(phase % 4);
    let key = u32::from_ne_bytes(key);
    let (words, tail) = data.as_chunks();
    let (expected_words, expected_tail) = expected.as_chunks();
    let differ =
        |(word, expected): (&[u8; 4], &[u8; 4])| u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(*expected) ^ key;
    words.iter().zip(expected_words).map(differ).fold(0, |all, bits| all | bits) == 0
        && tail
            .iter()
            .zip(expected_tail)
            .zip(key.to_ne_bytes())
            .all(|((byte, expected), key)| byte ^ expected == key)
}

/// When the first message could be sent or received.
struct Clock {
    time: Instant,
    cpu: u64,
}

impl Clock {
    fn start() -> io::Result<Self> {
        Ok(Self { time: Instant::now(), cpu: Process::current().cpu()? })
    }

    fn report(&self, messages: u64) -> io::Result<String> {
        let seconds = self.time.elapsed().as_secs_f64();
        let cpu = Process::current().cpu()? - self.cpu;
        Ok(json(&[("messages", messages as f64), ("seconds", seconds), ("own_cpu_ns", cpu as f64)]))
    }
}

pub(crate) fn echo(options: &Echo) -> io::Result<String> {
    let listener = listen()?;
    let whole = options.whole;
    loop {
        let (mut stream, _) = listener.accept()?;
        let serve = move || {
            stream.set_nodelay(true)?;
            handshake::accept(&mut stream)?;
            if whole { echo_messages(&mut stream) } else { echo_bytes(&mut stream) }
        };
        thread::Builder::new().stack_size(64 << 10).spawn(serve)?;
    }
}

fn echo_bytes(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            len => stream.write_all(&buffer[..len])?,
        }
    }
}

fn echo_messages(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    let mut len = 0;
    loop {
        match stream.read(&mut buffer[len..])? {
            0 => return Ok(()),
            received => len += received,
        }
        let (whole, needed) = whole_frames(&buffer[..len]);
        if whole > 0 {
            stream.write_all(&buffer[..whole])?;
            buffer.copy_within(whole..len, 0);
            len -= whole;
        }
        if needed > buffer.len() {
            buffer.resize(needed, 0);
        }
    }
}

/// How many bytes the complete frames have, and how many the next one will have, if that is known.
fn whole_frames(bytes: &[u8]) -> (usize, usize) {
    let mut whole = 0;
    while let Some(header) = Header::parse(&bytes[whole..]) {
        let len = header.len + header.payload_len;
        if bytes.len() - whole < len {
            return (whole, len);
        }
        whole += len;
    }
    (whole, 0)
}

fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

fn accept_one() -> io::Result<TcpStream> {
    let (mut stream, _) = listen()?.accept()?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    handshake::accept(&mut stream)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_byte_is_found_wherever_the_payload_was_cut() {
        let (plain, key) = (payload::pattern(64), [3, 141, 59, 26]);
        let mut frame = Vec::new();
        frame::append(&mut frame, frame::FINAL | frame::BINARY, &plain, Some(key));
        let masked = &mut frame[6..];
        for cut in 0..64 {
            assert!(is_masked(&masked[cut..], &plain[cut..], key, cut));
            for wrong in cut..64 {
                masked[wrong] ^= 1;
                assert!(!is_masked(&masked[cut..], &plain[cut..], key, cut));
                masked[wrong] ^= 1;
            }
        }
    }

    #[test]
    fn whole_frames_end_before_the_frame_that_is_cut() {
        let mut frames = Vec::new();
        for size in [0, 125, 126, 70_000] {
            frame::append(&mut frames, frame::FINAL | frame::BINARY, &payload::pattern(size), Some([1, 2, 3, 4]));
        }
        let last = frames.len() - 70_014;
        assert_eq!(whole_frames(&frames), (frames.len(), 0));
        assert_eq!(whole_frames(&frames[..frames.len() - 1]), (last, 70_014));
        assert_eq!(whole_frames(&frames[..last + 5]), (last, 0));
    }
}
