//! `wscat` as its users see it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

#[path = "../../../tests/common/mod.rs"]
mod common;

mod failures;
mod files;
mod installing;
mod lines;
mod proxies;
mod reaching;
mod reconnecting;
mod terminal;

use common::{Ca, Scratch, header, redirect, respond, target, web, wscat};
use landline::proto::handshake::{HeadLimits, ServerHandshake};
use landline::server::ServerBuilder;
use landline::transport::Identity;
use landline::{Config, Server, WebSocket};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// No run takes this long unless it hangs.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(120);

// ----- Running it -----

/// A running program. Its output is read continuously, so that it never blocks on it.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) lines: Receiver<Vec<u8>>,
    pub(crate) stderr: Option<JoinHandle<String>>,
    pub(crate) begin: Instant,
}

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

pub(crate) fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Running {
    start_program(wscat().args(arguments))
}

pub(crate) fn start_program(program: &mut Command) -> Running {
    let begin = Instant::now();
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let (mut stdout, mut stderr) = (BufReader::new(child.stdout.take().unwrap()), child.stderr.take().unwrap());
    let (line_read, lines) = channel();
    thread::spawn(move || {
        loop {
            let mut line = Vec::new();
            if stdout.read_until(b'\n', &mut line).unwrap() == 0 || line_read.send(line).is_err() {
                return;
            }
        }
    });
    let stderr = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    Running { stdin: child.stdin.take(), child, lines, stderr: Some(stderr), begin }
}

/// Runs it with this input until it exits.
pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>, input: impl Into<Vec<u8>>) -> Run {
    let mut running = start(arguments);
    let (mut stdin, input) = (running.stdin.take().unwrap(), input.into());
    // The program need not read all of it.
    thread::spawn(move || drop(stdin.write_all(&input)));
    running.finish()
}

impl Running {
    pub(crate) fn write(&mut self, input: &str) {
        self.stdin.as_mut().unwrap().write_all(input.as_bytes()).unwrap();
    }

    pub(crate) fn line(&mut self) -> String {
        let line = self.lines.recv_timeout(WATCHDOG).expect("a line of output");
        String::from_utf8(line).unwrap()
    }

    /// Waits until it exits, without ending its input.
    pub(crate) fn finish(mut self) -> Run {
        let mut stdout = Vec::new();
        loop {
            let left = (self.begin + WATCHDOG).saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => stdout.extend(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the program hangs"),
            }
        }
        let took = self.begin.elapsed();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        let status = self.child.wait().unwrap().code();
        Run { status, stdout: String::from_utf8(stdout).unwrap(), stderr, took }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Run {
    #[track_caller]
    pub(crate) fn is_fine(&self, stdout: &str) {
        self.is_fine_with_note(stdout, "");
    }

    /// It succeeded, with this on standard error.
    #[track_caller]
    pub(crate) fn is_fine_with_note(&self, stdout: &str, note: &str) {
        let told = (self.status, &self.stderr[..]);
        assert_eq!(told, (Some(0), note));
        assert!(self.stdout == stdout, "{:.200?} of {} bytes", self.stdout, self.stdout.len());
    }

    /// It failed with one line that contains this.
    #[track_caller]
    pub(crate) fn is_error(&self, says: &str) {
        assert_eq!(self.status, Some(1), "{}", self.stderr);
        assert!(self.stderr.starts_with("error: ") && self.stderr.contains(says), "{:?}", self.stderr);
        assert!(self.stderr.ends_with('\n') && self.stderr.lines().count() == 1, "{:?}", self.stderr);
    }
}

// ----- Servers -----

/// A server for one client: its URL, and the handler's result.
pub(crate) fn serve<T: Send + 'static>(
    builder: ServerBuilder,
    handler: impl FnOnce(WebSocket) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = builder.listen("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    (url, thread::spawn(move || handler(listener.accept().unwrap().accept().unwrap())))
}

pub(crate) fn echo(mut ws: WebSocket) -> landline::Result<()> {
    while let Some(message) = ws.recv()? {
        ws.send(message)?;
    }
    Ok(())
}

pub(crate) fn echo_server() -> (String, JoinHandle<landline::Result<()>>) {
    let large = Config::default().max_message_size(64 << 20);
    serve(Server::builder().config(large), echo)
}

/// A server that completes the opening handshake and then runs `handler` on the stream.
pub(crate) fn raw_server(handler: impl FnOnce(TcpStream) + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut handshake, mut chunk) = (ServerHandshake::new(HeadLimits::default()), [0; 1024]);
        let request = loop {
            let count = stream.read(&mut chunk).unwrap();
            if let Some(request) = handshake.receive(&chunk[..count]).unwrap() {
                break request;
            }
        };
        stream.write_all(&request.accept(None, &[], http::HeaderMap::new()).unwrap()).unwrap();
        handler(stream);
    });
    (url, serving)
}

/// A Close frame of a client with code 1000: header, masking key, code.
pub(crate) fn read_close(stream: &mut TcpStream) {
    let mut frame = [0; 8];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame[..2], [0x88, 0x82]);
    assert_eq!(u16::from_be_bytes([frame[6] ^ frame[2], frame[7] ^ frame[3]]), 1000);
}

/// Reads until the peer ends the connection.
pub(crate) fn read_to_end(stream: &mut TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// The path of a file in a directory, as an argument.
pub(crate) fn path(directory: &Scratch, name: &str) -> String {
    directory.path(name).to_str().unwrap().to_owned()
}

/// A TLS echo server for `localhost`, its port, and the file with its certificate.
pub(crate) fn tls_server() -> (String, Scratch, JoinHandle<landline::Result<()>>) {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let listener = Server::builder().tls(identity).listen("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let directory = Scratch::new(&format!("wscat-{port}"));
    directory.write("certificate.pem", &certificate);
    let serving = thread::spawn(move || echo(listener.accept()?.accept()?));
    (port, directory, serving)
}
