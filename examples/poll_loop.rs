//! Several connections in one thread, with the program's own event loop: `poll()` waits, and no call on an open
//! connection does. There are echo servers at the other ends; each echo is compared with what was sent.
//!
//! `cargo run --release --example poll_loop -- ws://127.0.0.1:9001/ ws://127.0.0.1:9001/`

mod common;

use landline::{CloseCode, Deadline, Error, Message, WebSocket};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::env;
use std::process::ExitCode;
use std::time::Duration;

/// How many messages to send over each connection, and how many may be in flight.
const MESSAGES: usize = 1000;
const IN_FLIGHT: usize = 10;
/// How long to wait while nothing happens.
const LIMIT: Duration = Duration::from_secs(10);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

struct Client {
    ws: WebSocket,
    sent: usize,
    received: usize,
    closed: bool,
}

fn main() -> ExitCode {
    common::exit_code(run())
}

fn run() -> Result<()> {
    let mut clients = Vec::new();
    for url in env::args().skip(1) {
        clients.push(Client { ws: landline::connect(&url)?, sent: 0, received: 0, closed: false });
    }
    if clients.is_empty() {
        return Err("usage: poll_loop URL...".into());
    }
    let connections = clients.len();
    loop {
        for client in &mut clients {
            // Also before the first wait: a message may have arrived together with the server's answer.
            client.receive()?;
            client.send()?;
        }
        clients.retain(|client| !client.closed);
        if clients.is_empty() {
            println!("{connections} connections, {} echoes", connections * MESSAGES);
            return Ok(());
        }
        wait(&clients)?;
    }
}

fn message(number: usize) -> String {
    format!("message {number}")
}

impl Client {
    /// Receives until there is nothing more. These calls also do what is due at a certain time, such as keepalive.
    fn receive(&mut self) -> Result<()> {
        loop {
            match self.ws.recv_timeout(Duration::ZERO) {
                Ok(Some(echo)) if echo == Message::Text(message(self.received)) => self.received += 1,
                Ok(Some(_)) => return Err("an echo is not what was sent".into()),
                Ok(None) if self.received == MESSAGES => {
                    self.closed = true;
                    return Ok(());
                }
                Ok(None) => return Err("the server closed before all echoes had come".into()),
                Err(Error::Timeout(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends what may be sent now, and closes after the last echo.
    fn send(&mut self) -> Result<()> {
        while self.sent < MESSAGES && self.sent < self.received + IN_FLIGHT {
            match self.ws.try_send(message(self.sent)) {
                Ok(()) => self.sent += 1,
                // The loop waits for room and then comes back here.
                Err(Error::WouldBlock) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        if self.received == MESSAGES {
            self.ws.close_start(CloseCode::NORMAL_CLOSURE, "")?;
        }
        Ok(())
    }
}

/// Waits until something can be done for one of the connections.
fn wait(clients: &[Client]) -> Result<()> {
    let limit = Deadline::after(LIMIT);
    let mut deadline = limit;
    let mut descriptors = Vec::new();
    for client in clients {
        let interest = client.ws.poll_interest();
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, interest.read);
        events.set(PollFlags::OUT, interest.write);
        let descriptor = client.ws.fd().ok_or("a connection over TCP has a descriptor")?;
        descriptors.push(PollFd::from_borrowed_fd(descriptor, events));
        deadline = deadline.earliest(client.ws.next_deadline());
    }
    let timeout = deadline.left().map(Timespec::try_from).transpose()?;
    match poll(&mut descriptors, timeout.as_ref()) {
        Ok(0) if deadline == limit => Err("the servers are silent".into()),
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
