//! A client that does its own I/O: `landline::proto` turns bytes into events and messages into bytes, and `poll()` waits.
//! There is an echo server at the other end; each echo is compared with what was sent.
//!
//! `cargo run --release --example protocol_loop -- 127.0.0.1:9001`

mod common;

use landline::CloseCode;
use landline::entropy::{SystemMasks, nonce};
use landline::proto::handshake::{ClientHandshake, ClientRequest, HeadLimits};
use landline::proto::{Event, Protocol};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::env;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;

const MESSAGES: usize = 100;
/// How long to wait while nothing happens: the protocol has no clock, so time limits are the program's.
const LIMIT: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    common::exit_code(run())
}

fn run() -> Result<()> {
    let address = env::args().nth(1).ok_or("usage: protocol_loop HOST:PORT")?;
    let mut stream = TcpStream::connect(&address)?;
    stream.set_nonblocking(true)?;

    let request = ClientRequest::new(&address, "/");
    let handshake = ClientHandshake::new(&request, nonce()?, HeadLimits::default())?;
    // The request is the first output.
    let mut protocol = Protocol::client(handshake, SystemMasks::new()?);
    let mut echoes = 0;
    // A client leaves it to the server to end the stream.
    let mut ended = false;
    while !ended {
        let mut events = PollFlags::IN;
        events.set(PollFlags::OUT, !protocol.output().is_empty());
        let mut descriptors = [PollFd::new(&stream, events)];
        if poll(&mut descriptors, Some(&LIMIT))? == 0 {
            return Err("the server is silent".into());
        }
        let ready = descriptors[0].revents();
        if ready.contains(PollFlags::OUT) {
            write(&mut stream, &mut protocol)?;
        }
        if ready.intersects(!PollFlags::OUT) {
            ended = read(&mut stream, &mut protocol)?;
            let events = handle_events(&mut protocol, &mut echoes);
            if events.is_err() {
                // If the server is at fault, the output tells it so.
                write(&mut stream, &mut protocol)?;
            }
            events?;
        }
    }
    protocol.receive_eof()?;
    if echoes != MESSAGES {
        return Err(format!("the server closed after {echoes} of {MESSAGES} echoes").into());
    }
    println!("{echoes} messages echoed");
    Ok(())
}

fn message(number: usize) -> String {
    format!("message {number}")
}

/// Does what the events demand, until there are no more.
fn handle_events(protocol: &mut Protocol, echoes: &mut usize) -> Result<()> {
    loop {
        match protocol.next_event()? {
            None => return Ok(()),
            Some(Event::Open(_)) => (0..MESSAGES).try_for_each(|number| protocol.send(message(number)))?,
            Some(Event::Message(echo)) => {
                if echo.as_text() != Some(&message(*echoes)) {
                    return Err("an echo is not what was sent".into());
                }
                *echoes += 1;
                if *echoes == MESSAGES {
                    protocol.close(CloseCode::NORMAL_CLOSURE, "done")?;
                }
            }
            // Answers to Pings and to a Close frame are queued already.
            Some(_) => {}
        }
    }
}

/// Writes as much as there is room for.
fn write(stream: &mut TcpStream, protocol: &mut Protocol) -> Result<()> {
    match stream.write(protocol.output()) {
        Ok(count) => protocol.consume(count),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Reads what is there; returns whether the stream has ended.
fn read(stream: &mut TcpStream, protocol: &mut Protocol) -> Result<bool> {
    match stream.read(protocol.space()) {
        Ok(0) => return Ok(true),
        Ok(count) => protocol.filled(count),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => return Err(error.into()),
    }
    Ok(false)
}
