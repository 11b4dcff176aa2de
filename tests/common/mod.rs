//! What the integration tests share: time limits for everything that could hang, peers that say what the test wants,
//! servers that end with their test, certificates, child processes.
#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use landline::proto::handshake::accept_key;
use landline::server::{ServerBuilder, StopHandle, Stopped, accept_over};
use landline::transport::{Interest, Ready, SocketTransport, TcpOptions, Transport, Wake};
use landline::{Config, Deadline, Server, WebSocket};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, Read, Seek, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long one test may take, and one read or write of a peer.
const TEST_LIMIT: Duration = Duration::from_secs(60);
const STEP_LIMIT: Duration = Duration::from_secs(20);

/// Runs a test under a time limit: none can hang.
pub(crate) fn limited(body: impl FnOnce() + Send + 'static) {
    limited_to(TEST_LIMIT, body);
}

pub(crate) fn limited_to(limit: Duration, body: impl FnOnce() + Send + 'static) {
    let (done, over) = mpsc::channel();
    let test = thread::spawn(move || {
        body();
        let _ = done.send(());
    });
    match over.recv_timeout(limit) {
        Ok(()) => {}
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test hangs: not over after {limit:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match test.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("it says when it is over"),
        },
    }
}

/// Repeats `done` until it is true.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + STEP_LIMIT;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not within {STEP_LIMIT:?}");
        thread::yield_now();
    }
}

/// The time `body` took, and what it gave.
pub(crate) fn timed<T>(body: impl FnOnce() -> T) -> (Duration, T) {
    let begin = Instant::now();
    let value = body();
    (begin.elapsed(), value)
}

// ----- Threads and processes -----

/// A thread that can be watched falling asleep.
pub(crate) struct Sleeper<T> {
    thread: JoinHandle<T>,
    stat: PathBuf,
}

pub(crate) fn sleeper<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> Sleeper<T> {
    let (send, receive) = mpsc::channel();
    let thread = thread::spawn(move || {
        send.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
        body()
    });
    let stat = Path::new("/proc").join(receive.recv().unwrap()).join("stat");
    Sleeper { thread, stat }
}

impl<T> Sleeper<T> {
    /// Returns once the thread waits for something (or is over).
    pub(crate) fn until_asleep(&self) {
        let mut seen = 0;
        eventually("the thread falls asleep", || {
            let state = std::fs::read_to_string(&self.stat).ok().and_then(|stat| stat_field(&stat, 0));
            seen = if matches!(state.as_deref(), Some("S" | "Z") | None) { seen + 1 } else { 0 };
            seen > 20
        });
    }

    pub(crate) fn join(self) -> T {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// A field behind the name in `/proc/.../stat`, the state being 0.
fn stat_field(stat: &str, field: usize) -> Option<String> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(field).map(str::to_owned)
}

/// Processor time used so far, to 10 ms. Reading it takes no further descriptor.
pub(crate) struct CpuClock(std::fs::File);

impl CpuClock {
    pub(crate) fn of_this_thread() -> Self {
        Self(std::fs::File::open("/proc/thread-self/stat").unwrap())
    }

    pub(crate) fn of_process() -> Self {
        Self(std::fs::File::open("/proc/self/stat").unwrap())
    }

    pub(crate) fn read(&mut self) -> Duration {
        let mut stat = String::new();
        self.0.seek(io::SeekFrom::Start(0)).unwrap();
        self.0.read_to_string(&mut stat).unwrap();
        let ticks = |field| stat_field(&stat, field).unwrap().parse::<u64>().unwrap();
        // 100 a second, whatever the kernel's own clock does (proc(5), time(7)).
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }
}

/// How many threads and descriptors this process has.
pub(crate) fn threads_and_descriptors() -> (usize, usize) {
    let count = |place: &str| std::fs::read_dir(place).unwrap().count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// Runs the test `name` in a process of its own, for what others in the process would disturb. `before` is shell text
/// that is run first.
pub(crate) fn alone(name: &str, before: &str, body: impl FnOnce() + Send + 'static) {
    const MARK: &str = "LANDLINE_TEST_ALONE";
    if std::env::var(MARK).is_ok_and(|alone| alone == name) {
        return limited(body);
    }
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{before} exec \"$0\" \"$@\"")).arg(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(MARK, name);
    let (status, output) = run(&mut command, TEST_LIMIT + STEP_LIMIT);
    assert!(status.success() && output.contains("1 passed"), "{name} alone failed:\n{output}");
}

/// Runs a program to its end: its status, and what it said.
pub(crate) fn run(command: &mut Command, limit: Duration) -> (process::ExitStatus, String) {
    let mut child = Child::start(command.stdin(Stdio::null()));
    let output = child.output(limit);
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.process.try_wait().unwrap() {
            return (status, output);
        }
        assert!(Instant::now() < deadline, "{command:?} does not end; it said:\n{output}");
        thread::yield_now();
    }
}

/// A program that is ended with the test.
pub(crate) struct Child {
    pub(crate) process: process::Child,
    lines: mpsc::Receiver<String>,
}

impl Child {
    /// Starts it. Its standard output and error can be read line by line.
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut process = child.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let (send, lines) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
        for output in outputs {
            let send = send.clone();
            thread::spawn(move || {
                let mut output = BufReader::new(output);
                let mut line = Vec::new();
                while output.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                    if send.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
        Self { process, lines }
    }

    /// The next line that `wanted` accepts.
    pub(crate) fn line(&self, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + STEP_LIMIT;
        let mut others = String::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if wanted(&line) => return line,
                Ok(line) => others = others + &line + "\n",
                Err(error) => panic!("the program did not say what it should ({error}), but this:\n{others}"),
            }
        }
    }

    /// All the rest that it says, until its end.
    pub(crate) fn output(&mut self, limit: Duration) -> String {
        let deadline = Instant::now() + limit;
        let mut output = String::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => output = output + &line + "\n",
                Err(mpsc::RecvTimeoutError::Disconnected) => return output,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the program hangs; it said:\n{output}"),
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A directory that is removed with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        // Short, as names of Unix sockets have to be.
        let path = std::env::temp_dir().join(format!("landline-{}-{name}", process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

// ----- Our server -----

/// A server that ends with its test.
pub(crate) struct Serving {
    pub(crate) addr: SocketAddr,
    pub(crate) stop: StopHandle,
    thread: Option<JoinHandle<landline::Result<()>>>,
}

pub(crate) fn serve(options: ServerBuilder, handler: impl Fn(WebSocket) + Send + Sync + 'static) -> Serving {
    let server = options.bind("127.0.0.1:0").unwrap();
    let (addr, stop) = (server.local_addr().unwrap(), server.stop_handle());
    Serving { addr, stop, thread: Some(thread::spawn(move || server.serve(handler))) }
}

/// A server that sends back what it gets.
pub(crate) fn serve_echo(options: ServerBuilder) -> Serving {
    serve(options, echo)
}

pub(crate) fn echo(mut ws: WebSocket) {
    let (sender, mut receiver) = ws.parts();
    while let Ok(Some(message)) = receiver.recv_ref() {
        if sender.feed(message).is_err() {
            return;
        }
    }
}

impl Serving {
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.addr)
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("wss://localhost:{}/", self.addr.port())
    }

    pub(crate) fn raw(&self) -> Raw<TcpStream> {
        Raw::connect(self.addr)
    }

    /// Stops it: what became of the connections.
    pub(crate) fn end(mut self, grace: Duration) -> Stopped {
        let stopped = self.stop.stop(grace);
        self.thread.take().unwrap().join().unwrap().unwrap();
        stopped
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop.stop(Duration::ZERO);
            let _ = thread.join();
        }
    }
}

/// A client and a server connected to each other over TCP, both of this library.
pub(crate) fn pair_with(client: &landline::Client, options: ServerBuilder) -> (WebSocket, WebSocket) {
    let listener = options.listen("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || listener.accept().unwrap().accept().unwrap());
    let client = client.connect(&url).unwrap();
    (client, server.join().unwrap())
}

pub(crate) fn pair() -> (WebSocket, WebSocket) {
    pair_with(&landline::Client::default(), Server::builder())
}

// ----- Peers that do as the test wants -----

/// A request that is right, but for the blank line.
pub(crate) const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// First bytes of frames.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// A peer made of bytes. No read or write of it takes longer than [`STEP_LIMIT`].
pub(crate) struct Raw<S> {
    pub(crate) stream: S,
    received: Vec<u8>,
}

impl Raw<TcpStream> {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).unwrap())
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        limit(&stream);
        Self::new(stream)
    }
}

pub(crate) fn limit(stream: &TcpStream) {
    stream.set_read_timeout(Some(STEP_LIMIT)).unwrap();
    stream.set_write_timeout(Some(STEP_LIMIT)).unwrap();
    stream.set_nodelay(true).unwrap();
}

#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) masked: bool,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The code of a Close frame.
    pub(crate) fn close_code(&self) -> u16 {
        assert_eq!(self.first, CLOSE, "{self:?} is not a Close frame");
        u16::from_be_bytes([self.payload[0], self.payload[1]])
    }
}

/// Our server's end, and a raw client that has shaken hands.
pub(crate) fn raw_client(config: Config) -> (WebSocket, TcpStream) {
    let (ws, raw, _) = raw_client_with(&config, "");
    (ws, raw.stream)
}

/// The same with further header lines in the request; and the head of the answer.
pub(crate) fn raw_client_with(config: &Config, headers: &str) -> (WebSocket, Raw<TcpStream>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut raw = Raw::connect(listener.local_addr().unwrap());
    raw.send(format!("{REQUEST}{headers}\r\n"));
    let transport = SocketTransport::tcp(listener.accept().unwrap().0, &TcpOptions::default()).unwrap();
    let ws = accept_over(transport, config).unwrap().accept().unwrap();
    let head = raw.is_opened();
    (ws, raw, head)
}

/// The bytes of a server's frame.
pub(crate) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(len as u8),
        len @ 126..65536 => {
            bytes.push(126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// The bytes of a client's frame.
pub(crate) fn masked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let payload = payload.as_ref();
    let mut bytes = frame(first, payload);
    bytes[1] |= 0x80;
    bytes.truncate(bytes.len() - payload.len());
    bytes.extend(KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

pub(crate) fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

impl<S: Read + Write> Raw<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self.stream.flush().unwrap();
    }

    /// Receives more: how much, 0 being the end of the stream.
    pub(crate) fn more(&mut self) -> io::Result<usize> {
        let mut chunk = vec![0; 64 << 10];
        let count = self.stream.read(&mut chunk)?;
        self.received.extend_from_slice(&chunk[..count]);
        Ok(count)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.received.drain(..count).collect()
    }

    /// An HTTP head with its blank line.
    pub(crate) fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                return String::from_utf8(self.take(end + 4)).unwrap();
            }
            let count = self.more().unwrap();
            let so_far = || String::from_utf8_lossy(&self.received).into_owned();
            assert!(count > 0, "the stream ended in a head: {}", so_far());
        }
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.parse() {
                return Ok(Some(frame));
            }
            if self.more()? == 0 {
                assert!(self.received.is_empty(), "the stream ended in a frame");
                return Ok(None);
            }
        }
    }

    fn parse(&mut self) -> Option<Frame> {
        let [first, second, ..] = self.received[..] else { return None };
        let (header, length) = match second & 0x7f {
            126 => (4, u16::from_be_bytes(self.received.get(2..4)?.try_into().unwrap()).into()),
            127 => (10, u64::from_be_bytes(self.received.get(2..10)?.try_into().unwrap())),
            length => (2, length.into()),
        };
        let masked = second & 0x80 != 0;
        let begin = header + if masked { 4 } else { 0 };
        let end = begin + usize::try_from(length).unwrap();
        if self.received.len() < end {
            return None;
        }
        let mut bytes = self.take(end);
        let mut payload = bytes.split_off(begin);
        if masked {
            let key = &bytes[header..];
            payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        }
        Some(Frame { first, masked, payload })
    }

    pub(crate) fn frame(&mut self) -> Frame {
        self.next().unwrap().expect("a frame, not the end of the stream")
    }

    /// All bytes until the end of the stream. A reset is an error.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.more()? > 0 {}
        Ok(std::mem::take(&mut self.received))
    }

    // As a client.

    /// Opens a connection with a request that is right.
    pub(crate) fn open(&mut self) {
        self.send(format!("{REQUEST}\r\n"));
        self.is_opened();
    }

    pub(crate) fn is_opened(&mut self) -> String {
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        head
    }

    // As a server.

    /// Reads a request and accepts it, with further header lines: the request.
    pub(crate) fn accept_with(&mut self, headers: &str, behind: impl AsRef<[u8]>) -> String {
        let request = self.head();
        let answer = answer(&request, headers);
        self.send([answer.as_bytes(), behind.as_ref()].concat());
        request
    }

    pub(crate) fn accept(&mut self) -> String {
        self.accept_with("", "")
    }
}

/// A server that accepts and then sends the same frames for ever, in memory: there always is something to read, and
/// always room to write.
pub(crate) struct Endless {
    frames: Vec<u8>,
    state: Mutex<EndlessState>,
}

#[derive(Default)]
struct EndlessState {
    request: Vec<u8>,
    accepted: bool,
    aborted: bool,
    outgoing: VecDeque<u8>,
}

impl Endless {
    pub(crate) fn new(frames: Vec<u8>) -> Self {
        Self { frames, state: Mutex::default() }
    }
}

impl Transport for Endless {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state.lock().unwrap();
        if state.aborted {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        if !state.accepted {
            let request = std::str::from_utf8(&state.request).unwrap();
            assert!(request.ends_with("\r\n\r\n"), "{request}");
            let answer = answer(request, "");
            state.outgoing.extend(answer.bytes());
            state.accepted = true;
        }
        while state.outgoing.len() < buf.len() {
            state.outgoing.extend(&self.frames);
        }
        state.outgoing.read(buf)
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.state.lock().unwrap();
        if !state.accepted {
            bufs.iter().for_each(|buf| state.request.extend_from_slice(buf));
        }
        Ok(bufs.iter().map(|buf| buf.len()).sum())
    }

    fn wait(&self, interest: Interest, _: Deadline, wake: Option<&Wake>) -> io::Result<Ready> {
        Ok(Ready { read: interest.read, write: interest.write, woken: wake.is_some_and(Wake::is_set) })
    }

    fn close_write(&self) -> io::Result<()> {
        Ok(())
    }

    fn abort(&self) {
        self.state.lock().unwrap().aborted = true;
    }
}

/// The answer that accepts a request, with further header lines.
fn answer(request: &str, headers: &str) -> String {
    let key = header(request, "sec-websocket-key").expect("a key");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{headers}\r\n",
        accept_key(key)
    )
}

/// The value of a header that has to come once at most.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut values = head.lines().skip(1).filter_map(|line| {
        line.split_once(':').filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    });
    let value = values.next();
    assert_eq!(values.next(), None, "{name} comes twice: {head}");
    value
}

/// A server for one client, which `behave` treats as it likes: its address, and the thread.
pub(crate) fn raw_server<T: Send + 'static>(
    behave: impl FnOnce(Raw<TcpStream>) -> T + Send + 'static,
) -> (SocketAddr, Sleeper<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (addr, sleeper(move || behave(Raw::over(listener.accept().unwrap().0))))
}

// ----- Compressed messages -----

/// Set in the first byte of a compressed message's first frame.
pub(crate) const RSV1: u8 = 0x40;

/// A header line that offers compression, and lets the server choose everything.
pub(crate) const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

/// Compresses for a peer that is made of bytes.
pub(crate) struct Deflate(flate2::Compress);

impl Deflate {
    pub(crate) fn new() -> Self {
        Self(flate2::Compress::new(flate2::Compression::new(6), false))
    }

    /// The payload of the next message.
    pub(crate) fn message(&mut self, message: impl AsRef<[u8]>) -> Vec<u8> {
        let message = message.as_ref();
        if message.is_empty() {
            return vec![0];
        }
        let mut payload = self.part(message, flate2::FlushCompress::Sync);
        payload.truncate(payload.len() - 4);
        payload
    }

    /// A part of a message, not empty, with the end of a flush.
    pub(crate) fn part(&mut self, part: impl AsRef<[u8]>, flush: flate2::FlushCompress) -> Vec<u8> {
        let part = part.as_ref();
        let mut output = Vec::with_capacity(part.len() + part.len() / 100 + 1024);
        let before = self.0.total_in();
        self.0.compress_vec(part, &mut output, flush).unwrap();
        assert_eq!(self.0.total_in() - before, part.len() as u64);
        assert!(output.len() < output.capacity() && output.ends_with(&[0, 0, 0xff, 0xff]));
        output
    }
}

/// Inflates for a peer that is made of bytes.
pub(crate) struct Inflate(flate2::Decompress);

impl Inflate {
    pub(crate) fn new() -> Self {
        Self(flate2::Decompress::new(false))
    }

    /// The next message, from its payload.
    pub(crate) fn message(&mut self, payload: impl AsRef<[u8]>) -> Vec<u8> {
        self.part([payload.as_ref(), &[0, 0, 0xff, 0xff]].concat())
    }

    /// What can be had of a message from the beginning of its payload.
    pub(crate) fn part(&mut self, payload: impl AsRef<[u8]>) -> Vec<u8> {
        let mut rest = payload.as_ref();
        let mut output = Vec::new();
        loop {
            output.reserve(64 << 10);
            let before = self.0.total_in();
            self.0.decompress_vec(rest, &mut output, flate2::FlushDecompress::None).unwrap();
            rest = &rest[(self.0.total_in() - before) as usize..];
            if rest.is_empty() && output.len() < output.capacity() {
                return output;
            }
        }
    }
}

/// The payload of a compressed message of so many MiB of zeros, each of which takes about a KiB.
pub(crate) fn bomb(mebibytes: usize) -> Vec<u8> {
    let one = Deflate::new().part(vec![0; 1 << 20], flate2::FlushCompress::Full);
    let mut payload = one.repeat(mebibytes);
    // The block that every message ends with, without its tail.
    payload.push(0);
    payload
}

/// Bytes that cannot be compressed, the same each time.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_ne_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Is this a read that ran into its time limit?
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

// ----- Certificates -----

/// A certificate authority of this test's own.
pub(crate) struct Ca(rcgen::CertifiedIssuer<'static, rcgen::KeyPair>);

/// A certificate and its key, as PEM.
pub(crate) struct Certificate {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Ca {
    pub(crate) fn new() -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Landline test CA");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::DigitalSignature];
        Self(rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names or addresses.
    pub(crate) fn issue(&self, names: &[&str]) -> Certificate {
        self.issue_with(names, |_| {})
    }

    pub(crate) fn issue_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut rcgen::CertificateParams),
    ) -> Certificate {
        let (params, key) = leaf(names, change);
        Certificate { cert: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }

    /// A client that trusts this authority and no other.
    pub(crate) fn client(&self) -> landline::Client {
        let tls = landline::transport::TlsConnector::builder().ca_pem(self.pem().as_bytes()).platform_roots(false);
        landline::Client::builder().tls(tls.build().unwrap()).build().unwrap()
    }
}

/// A certificate that vouches for itself.
pub(crate) fn self_signed(names: &[&str]) -> Certificate {
    let (params, key) = leaf(names, |_| {});
    Certificate { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

fn leaf(
    names: &[&str],
    change: impl FnOnce(&mut rcgen::CertificateParams),
) -> (rcgen::CertificateParams, rcgen::KeyPair) {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Landline test");
    params.use_authority_key_identifier_extension = true;
    change(&mut params);
    (params, rcgen::KeyPair::generate().unwrap())
}

impl Certificate {
    pub(crate) fn identity(&self) -> landline::transport::Identity {
        landline::transport::Identity::from_pem(self.cert.as_bytes(), self.key.as_bytes()).unwrap()
    }
}
