//! Raw peers, which send and read bytes as the test wants.

use super::{STEP_LIMIT, Sleeper, sleeper};
use landline::proto::handshake::accept_key;
use landline::server::accept_over;
use landline::transport::{Interest, Ready, SocketTransport, TcpOptions, Transport, Wake};
use landline::{Config, Deadline, WebSocket};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;

/// A correct request without its blank line.
pub(crate) const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// First bytes of frames.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// A raw peer. None of its reads and writes takes longer than [`STEP_LIMIT`].
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

/// Our server's end, and a raw client that has completed the opening handshake.
pub(crate) fn raw_client(config: Config) -> (WebSocket, TcpStream) {
    let (ws, raw, _) = raw_client_with(&config, "");
    (ws, raw.stream)
}

/// The same with additional header lines in the request; also returns the head of the response.
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

    /// Receives more bytes, and returns how many; 0 is the end of the stream.
    pub(crate) fn more(&mut self) -> io::Result<usize> {
        let mut chunk = vec![0; 64 << 10];
        let count = self.stream.read(&mut chunk)?;
        self.received.extend_from_slice(&chunk[..count]);
        Ok(count)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.received.drain(..count).collect()
    }

    /// Reads an HTTP head including its blank line.
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

    /// Reads this much of what follows a head.
    pub(crate) fn body(&mut self, length: usize) -> Vec<u8> {
        while self.received.len() < length {
            assert!(self.more().unwrap() > 0, "the stream ended in a body");
        }
        self.take(length)
    }

    /// The next HTTP head; `None` if the stream ends, in whatever way.
    pub(crate) fn next_head(&mut self) -> Option<String> {
        loop {
            if self.received.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
                return Some(self.head());
            }
            if !matches!(self.more(), Ok(1..)) {
                return None;
            }
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

    /// Opens a connection with a correct request.
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

    /// Reads a request and accepts it with additional header lines; returns the request.
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

/// A server in memory that accepts and then sends the same frames forever: there is always something to read, and
/// always room to write to it.
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

/// The response that accepts a request, with additional header lines.
pub(crate) fn answer(request: &str, headers: &str) -> String {
    let key = header(request, "sec-websocket-key").expect("a key");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{headers}\r\n",
        accept_key(key)
    )
}

/// The value of a header that must not occur more than once.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut values = head.lines().skip(1).filter_map(|line| {
        line.split_once(':').filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    });
    let value = values.next();
    assert_eq!(values.next(), None, "{name} comes twice: {head}");
    value
}

/// A server for one client, on which it runs `behave`. Returns its address and thread.
pub(crate) fn raw_server<T: Send + 'static>(
    behave: impl FnOnce(Raw<TcpStream>) -> T + Send + 'static,
) -> (SocketAddr, Sleeper<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (addr, sleeper(move || behave(Raw::over(listener.accept().unwrap().0))))
}

/// Whether a read has timed out.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
