//! Operations whose instructions `guard/run` counts. See `guard/README.md`.
//!
//!     operations               lists them, each with a suitable count
//!     operations NAME COUNT    repeats one of them COUNT times
//!
//! Each runs in one thread and does the same every time: no sockets, no clock, known payloads. The setup does not
//! depend on COUNT, so the difference between two counts is the cost of the operation alone.

mod common;

use common::{pair, trades};
use landline::proto::handshake::{ClientHandshake, ClientRequest, HeadLimits, Headers, ServerHandshake};
use landline::proto::internals::{Inbound, Opcode, Outbound, Role, Step, Want};
use landline::proto::{Event, Limits};
use landline::server::accept_over;
use landline::transport::{self, Interest, Ready, Transport, Wake};
use landline::{Client, Compression, Config, Deadline, Kind, WebSocket};
use std::hint::black_box;
use std::io::{self, IoSlice};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// Roughly how much is read at a time of smaller messages.
const READ: usize = 32 * KIB;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

type Operation = fn(usize);

/// With the number of repetitions that makes the count precise enough.
const OPERATIONS: &[(&str, usize, Operation)] = &[
    ("decode-32", 20_000, |count| decode(Role::Client, Kind::Binary, 32, count)),
    ("decode-32-masked", 20_000, |count| decode(Role::Server, Kind::Binary, 32, count)),
    ("encode-32", 20_000, |count| encode(Outbound::server(), 32, count)),
    ("encode-32-masked", 20_000, |count| encode(masking(), 32, count)),
    ("receive-32", 20_000, |count| receive(Role::Client, Kind::Binary, 32, count)),
    ("receive-32-masked", 20_000, |count| receive(Role::Server, Kind::Binary, 32, count)),
    ("receive-32-owned", 20_000, receive_owned),
    ("receive-text-1k", 5_000, |count| receive(Role::Client, Kind::Text, KIB, count)),
    ("receive-text-1k-masked", 5_000, |count| receive(Role::Server, Kind::Text, KIB, count)),
    ("receive-fragments", 5_000, receive_fragments),
    ("receive-1m", 20, |count| receive(Role::Client, Kind::Binary, MIB, count)),
    ("receive-1m-masked", 20, |count| receive(Role::Server, Kind::Binary, MIB, count)),
    ("receive-text-1m-masked", 20, |count| receive(Role::Server, Kind::Text, MIB, count)),
    ("feed-32", 20_000, |count| feed(Role::Server, 32, count)),
    ("feed-32-masked", 20_000, |count| feed(Role::Client, 32, count)),
    ("feed-1k", 5_000, |count| feed(Role::Server, KIB, count)),
    ("feed-1k-masked", 5_000, |count| feed(Role::Client, KIB, count)),
    ("send-32", 20_000, |count| send(Role::Server, 32, count)),
    ("send-32-masked", 20_000, |count| send(Role::Client, 32, count)),
    ("send-1m-masked", 20, |count| send(Role::Client, MIB, count)),
    ("echo-1k", 5_000, echo),
    ("deflate-1k", 640, deflate),
    ("inflate-1k", 640, inflate),
    ("handshake-client", 500, handshake_client),
    ("handshake-server", 500, handshake_server),
];

fn main() -> ExitCode {
    // `cargo bench` passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [name, count] = &arguments[..] else {
        for (name, count, _) in OPERATIONS {
            println!("{name} {count}");
        }
        return ExitCode::SUCCESS;
    };
    let found = OPERATIONS.iter().find(|(other, ..)| other == name);
    let (Some((.., operation)), Ok(count)) = (found, count.parse()) else {
        eprintln!("operations: give one of the names and a count, not {name} {count}");
        return ExitCode::FAILURE;
    };
    operation(count);
    ExitCode::SUCCESS
}

fn decode(role: Role, kind: Kind, size: usize, count: usize) {
    let mut wire = Repeated::new(messages_to(role, kind, size));
    let mut inbound = Inbound::new(role, Limits::default());
    let mut left = count;
    while left > 0 {
        let read = wire.read(inbound.space());
        inbound.filled(read);
        while left > 0 && inbound.advance(Want::Message).expect("a valid frame") == Step::Message {
            black_box(inbound.message());
            left -= 1;
        }
    }
}

fn encode(mut outbound: Outbound, size: usize, count: usize) {
    let payload = payload(Kind::Binary, size);
    for _ in 0..count {
        outbound.frame(Opcode::Binary, true, black_box(&payload));
        let pending = outbound.pending().len();
        if pending >= READ {
            black_box(outbound.pending());
            outbound.consume(pending);
        }
    }
}

fn receive(role: Role, kind: Kind, size: usize, count: usize) {
    let mut ws = opened(role, messages_to(role, kind, size));
    for _ in 0..count {
        black_box(ws.recv_ref().expect("a valid frame").expect("a message"));
    }
}

fn receive_owned(count: usize) {
    let mut ws = opened(Role::Client, messages_to(Role::Client, Kind::Binary, 32));
    for _ in 0..count {
        black_box(ws.recv().expect("a valid frame").expect("a message"));
    }
}

/// Messages of four fragments, 256 bytes each.
fn receive_fragments(count: usize) {
    let (mut outbound, part) = (masking(), payload(Kind::Binary, 256));
    while outbound.pending().len() < READ {
        for i in 0..4 {
            outbound.frame(if i == 0 { Opcode::Binary } else { Opcode::Continuation }, i == 3, &part);
        }
    }
    let mut ws = opened(Role::Server, outbound.pending().to_vec());
    for _ in 0..count {
        black_box(ws.recv_ref().expect("a valid frame").expect("a message"));
    }
}

fn feed(role: Role, size: usize, count: usize) {
    let (mut ws, payload) = (opened(role, Vec::new()), payload(Kind::Binary, size));
    for _ in 0..count {
        ws.feed(black_box(&payload)).expect("an open connection");
    }
}

fn send(role: Role, size: usize, count: usize) {
    let (mut ws, payload) = (opened(role, Vec::new()), payload(Kind::Binary, size));
    for _ in 0..count {
        ws.send(black_box(&payload)).expect("an open connection");
    }
}

/// There and back in memory, both ends in this thread.
fn echo(count: usize) {
    let (near, far) = transport::pair();
    let accepting = thread::spawn(|| accepted(far));
    let mut client = connected(near);
    let mut server = accepting.join().expect("a thread that ends");
    let payload = payload(Kind::Binary, KIB);
    for _ in 0..count {
        client.send(black_box(&payload)).expect("an open connection");
        let (sender, mut receiver) = server.parts();
        sender.feed(receiver.recv_ref().expect("a valid frame").expect("a message")).expect("an open connection");
        sender.flush().expect("an open connection");
        black_box(client.recv_ref().expect("a valid frame").expect("a message"));
    }
}

/// A server sends JSON messages, each with the window left by the previous ones.
fn deflate(count: usize) {
    let (mut server, _) = pair(Some(&Compression::default()));
    let messages: Vec<_> = trades(KIB).take(64).collect();
    for message in messages.iter().cycle().take(count) {
        server.send(black_box(message)).expect("an open connection");
        server.consume(server.output().len());
    }
}

/// A client receives them. Each begins with an empty window, so that the same bytes can be received again.
fn inflate(count: usize) {
    let (mut server, mut client) = pair(Some(&Compression::default().server_no_context_takeover(true)));
    for message in trades(KIB).take(64) {
        server.send(message).expect("an open connection");
    }
    let mut wire = Repeated::new(server.output().to_vec());
    let mut left = count;
    while left > 0 {
        let read = wire.read(client.space());
        client.filled(read);
        while left > 0 {
            let Some(event) = client.next_event().expect("a valid frame") else { break };
            assert!(matches!(black_box(event), Event::Message(_)));
            left -= 1;
        }
    }
}

/// Including the answer, which the server's half of [`landline::proto::handshake`] makes.
fn handshake_client(count: usize) {
    let client = Client::default();
    for _ in 0..count {
        let transport = Replay::new(Some(answer), Vec::new(), Vec::new());
        black_box(client.connect_over(transport, "ws://server.example.com/chat").expect("a server that accepts"));
    }
}

fn handshake_server(count: usize) {
    let request = request();
    for _ in 0..count {
        black_box(accepted(Replay::new(None, request.clone(), Vec::new())));
    }
}

/// An open connection that receives `wire` repeatedly.
fn opened(role: Role, wire: Vec<u8>) -> WebSocket {
    match role {
        Role::Client => connected(Replay::new(Some(answer), Vec::new(), wire)),
        Role::Server => accepted(Replay::new(None, request(), wire)),
    }
}

fn connected(transport: impl Transport + 'static) -> WebSocket {
    Client::default().connect_over(transport, "ws://server.example.com/chat").expect("a server that accepts")
}

fn accepted(transport: impl Transport + 'static) -> WebSocket {
    let request = accept_over(transport, &Config::default()).expect("a valid request");
    request.accept().expect("an open connection")
}

fn request() -> Vec<u8> {
    let request = ClientRequest::new("server.example.com", "/chat");
    let opening = ClientHandshake::new(&request, *b"the sample nonce", HeadLimits::default());
    opening.expect("a valid request").request().to_vec()
}

fn answer(request: &[u8]) -> Vec<u8> {
    let request = ServerHandshake::new(HeadLimits::default()).receive(request).expect("a valid request");
    request.expect("a whole request").accept(None, &[], Headers::new()).expect("a valid answer")
}

fn masking() -> Outbound {
    Outbound::client(Box::new(|| KEY))
}

/// The text has several alphabets, and no character is split.
fn payload(kind: Kind, size: usize) -> Vec<u8> {
    match kind {
        Kind::Binary => (0..size).map(|i| (i % 251) as u8).collect(),
        Kind::Text => {
            let mut text = "plain text, κόσμε, 漢字, and more of it. ".repeat(size / 40 + 1).into_bytes();
            let mut end = size;
            while std::str::from_utf8(&text[..end]).is_err() {
                end -= 1;
            }
            text.truncate(end);
            text.resize(size, b'.');
            text
        }
    }
}

/// Whole frames for `role` to receive.
fn messages_to(role: Role, kind: Kind, size: usize) -> Vec<u8> {
    let mut outbound = if role == Role::Server { masking() } else { Outbound::server() };
    let payload = payload(kind, size);
    while outbound.pending().len() < READ {
        outbound.frame(kind.into(), true, &payload);
    }
    outbound.pending().to_vec()
}

/// Bytes that start over at their end.
struct Repeated {
    bytes: Vec<u8>,
    at: usize,
}

impl Repeated {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    fn read(&mut self, buf: &mut [u8]) -> usize {
        let rest = &self.bytes[self.at..];
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        self.at = (self.at + count) % self.bytes.len().max(1);
        count
    }
}

/// A peer that opens the connection and then sends the same bytes forever. It discards what it receives.
struct Replay(Mutex<State>);

/// Makes the answer to a request.
type Answer = fn(&[u8]) -> Vec<u8>;

struct State {
    /// In a client's transport, until the request has arrived.
    answer: Option<Answer>,
    opening: Vec<u8>,
    wire: Repeated,
}

impl Replay {
    fn new(answer: Option<Answer>, opening: Vec<u8>, wire: Vec<u8>) -> Self {
        Self(Mutex::new(State { answer, opening, wire: Repeated::new(wire) }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Replay {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut state = self.lock();
        if state.opening.is_empty() {
            return Ok(state.wire.read(buf));
        }
        let opening = std::mem::take(&mut state.opening);
        buf[..opening.len()].copy_from_slice(&opening);
        Ok(opening.len())
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.lock();
        if let Some(answer) = state.answer.take() {
            state.opening = answer(&bufs[0]);
        }
        Ok(bufs.iter().map(|buf| buf.len()).sum())
    }

    fn wait(&self, interest: Interest, _deadline: Deadline, _wake: Option<&Wake>) -> io::Result<Ready> {
        Ok(Ready { read: interest.read, write: interest.write, woken: false })
    }

    fn close_write(&self) -> io::Result<()> {
        Ok(())
    }

    fn abort(&self) {}
}
