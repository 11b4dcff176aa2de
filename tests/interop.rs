//! Conversations with other implementations: websockets (Python) and ws (Node.js), both roles, plain and TLS. The
//! peers are the programs in `interop/`; what they print and obey is told there.
//!
//!     interop/setup && cargo test --release --test interop -- --ignored
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use landline::server::ServerBuilder;
use landline::transport::TlsConnector;
use landline::{Client, ClientBuilder, CloseCode, Config, Kind, Message, Server, Side, WebSocket};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Peer {
    Python,
    Node,
}

use Peer::{Node, Python};

impl Peer {
    /// One of its programs, from where `interop/setup` has put what it needs.
    fn command(self, role: &str) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
        let environment = root.join(target).join("interop");
        let (needed, interpreter, program) = match self {
            Python => (environment.join("venv/bin/python"), environment.join("venv/bin/python"), "python"),
            Node => (environment.join("node_modules/ws"), "node".into(), "node"),
        };
        assert!(needed.exists(), "{} is not there: run interop/setup first", needed.display());
        let ending = if self == Python { "py" } else { "js" };
        let mut command = Command::new(interpreter);
        command.arg(root.join("interop").join(format!("{program}_{role}.{ending}"))).current_dir(root);
        command
    }
}

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i % 251) as u8).collect()
}

fn text(text: &str) -> Option<Message> {
    Some(Message::Text(text.into()))
}

// ----- Our client -----

/// An echo server of the peer's, and clients that trust it.
struct Echo {
    url: String,
    program: Child,
    trust: Option<TlsConnector>,
    _scratch: Scratch,
}

impl Echo {
    fn start(peer: Peer, tls: bool) -> Self {
        let (ca, scratch) = (Ca::new(), Scratch::new(&format!("{peer:?}{tls}")));
        let mut command = peer.command("server");
        let mut trust = None;
        if tls {
            let certificate = ca.issue(&["localhost", "127.0.0.1"]);
            command.arg("--cert").arg(scratch.write("cert", certificate.cert));
            command.arg("--key").arg(scratch.write("key", certificate.key));
            let connector = TlsConnector::builder().platform_roots(false).ca_pem(ca.pem().as_bytes());
            trust = Some(connector.build().unwrap());
        }
        let program = Child::start(command.stdin(Stdio::piped()));
        let line = program.line(|line| line.starts_with("listening on "));
        let url = line.strip_prefix("listening on ").unwrap().to_owned();
        assert!(url.starts_with(if tls { "wss:" } else { "ws:" }), "{url}");
        Self { url, program, trust, _scratch: scratch }
    }

    fn open_with(&self, options: ClientBuilder) -> WebSocket {
        let options = options.config(Config::default().max_message_size(64 << 20).recv_timeout(Some(LIMIT / 4)));
        let options = match &self.trust {
            Some(tls) => options.tls(tls.clone()),
            None => options,
        };
        options.build().unwrap().connect(&self.url).unwrap()
    }

    fn open(&self) -> WebSocket {
        self.open_with(Client::builder())
    }

    /// What the server says about the next connection that has ended.
    fn reports(&self, code: u16, reason: &str) {
        let line = self.program.line(|line| line.starts_with('{'));
        let expected = format!(r#"{{"closed": [{code}, "{reason}"], "error": null}}"#);
        assert_eq!(line, expected);
    }
}

fn echoed(ws: &mut WebSocket, message: Message) {
    ws.send(&message).unwrap();
    let received = ws.recv_ref().unwrap().expect("an echo");
    assert!(received.to_message() == message, "{} bytes, kind {:?}", received.as_bytes().len(), received.kind());
}

fn messages() -> Vec<Message> {
    let mut messages = vec![
        Message::Text("hello, wörld".into()),
        Message::Text(String::new()),
        Message::Binary(vec![0, 1, 254, 255]),
        Message::Text("aé€😀".repeat(100_000)),
    ];
    messages.extend([0, 125, 126, 65_535, 65_536, 16 << 20].map(|size| Message::Binary(pattern(size))));
    messages
}

fn client_of(peer: Peer, tls: bool) {
    limited_to(LIMIT, move || {
        let echo = Echo::start(peer, tls);

        let mut ws = echo.open();
        assert_eq!(ws.handshake().subprotocol, None);
        messages().into_iter().for_each(|message| echoed(&mut ws, message));
        ws.close(4001.into(), "bye €").unwrap();
        let info = ws.close_info();
        assert!(info.clean && info.first == Some(Side::Local), "{info:?}");
        assert_eq!(info.received.unwrap().code(), CloseCode::from(4001));
        echo.reports(4001, "bye €");

        client_fragments(&echo, peer);
        client_pings(&echo);
        client_is_closed(&echo);
        client_subprotocols(&echo);
    });
}

fn send_fragments<'a>(ws: &mut WebSocket, kind: Kind, fragments: impl Iterator<Item = &'a [u8]>) {
    let mut writer = ws.send_stream(kind).unwrap();
    for fragment in fragments {
        writer.write_all(fragment).unwrap();
        writer.flush().unwrap();
    }
    writer.finish().unwrap();
}

fn client_fragments(echo: &Echo, peer: Peer) {
    let mut ws = echo.open();
    let binary = pattern(300_000);
    send_fragments(&mut ws, Kind::Binary, binary.chunks(7_777));
    assert_eq!(ws.recv().unwrap(), Some(Message::Binary(binary)));
    // Each byte a fragment: every character of several bytes is split.
    let mixed = "aé€😀 ".repeat(100);
    send_fragments(&mut ws, Kind::Text, mixed.as_bytes().chunks(1));
    assert_eq!(ws.recv().unwrap(), text(&mixed));

    for (count, size) in [(1, 10), (3, 0), (100, 1000), (20, 70_000)] {
        ws.send(format!("!fragments {count} {size}")).unwrap();
        let mut reader = ws.recv_stream().unwrap().expect("a message");
        assert_eq!(reader.kind(), Kind::Binary);
        let mut received = Vec::new();
        reader.read_to_end(&mut received).unwrap();
        assert!(received == pattern(count * size), "{count} of {size} from {peer:?}: {} bytes", received.len());
    }
    ws.close(CloseCode::NORMAL, "").unwrap();
    echo.reports(1000, "");
}

fn client_pings(echo: &Echo) {
    let mut ws = echo.open();
    ws.send("!ping").unwrap();
    assert_eq!(ws.recv().unwrap(), text("pong received"));
    ws.send("sent before the ping").unwrap();
    assert!(ws.ping_wait(LIMIT / 4).unwrap() > Duration::ZERO);
    ws.ping(b"").unwrap();
    ws.ping(&[7; 125]).unwrap();
    assert_eq!(ws.recv().unwrap(), text("sent before the ping"));
    echoed(&mut ws, Message::Text("sent behind it".into()));
    ws.close(CloseCode::NORMAL, "").unwrap();
    echo.reports(1000, "");
}

fn client_is_closed(echo: &Echo) {
    for (code, reason) in [(1000, ""), (1001, "going"), (4999, "Grüße €")] {
        let mut ws = echo.open();
        ws.send(format!("!close {code} {reason}").trim_end()).unwrap();
        assert_eq!(ws.recv().unwrap(), None);
        let info = ws.close_info();
        assert!(info.clean && info.first == Some(Side::Remote), "{info:?}");
        let received = info.received.unwrap();
        assert_eq!((received.code(), received.reason()), (CloseCode::from(code), reason));
        // We answer with the same (RFC 6455 5.5.1).
        let line = echo.program.line(|line| line.starts_with('{'));
        assert!(line.starts_with(&format!(r#"{{"closed": [{code}, "#)) && line.ends_with("null}"), "{line}");
    }
}

fn client_subprotocols(echo: &Echo) {
    for (offered, chosen) in [(&["chat.v1", "chat.v2"][..], Some("chat.v2")), (&["chat.v1"], None)] {
        let options = offered.iter().fold(Client::builder(), |options, name| options.subprotocol(name));
        let mut ws = echo.open_with(options);
        assert_eq!(ws.handshake().subprotocol.as_deref(), chosen);
        ws.close(CloseCode::NORMAL, "").unwrap();
        echo.reports(1000, "");
    }
}

#[test]
#[ignore = "needs interop/setup"]
fn our_client_with_python() {
    client_of(Python, false);
}

#[test]
#[ignore = "needs interop/setup"]
fn our_client_with_python_over_tls() {
    client_of(Python, true);
}

#[test]
#[ignore = "needs interop/setup"]
fn our_client_with_node() {
    client_of(Node, false);
}

#[test]
#[ignore = "needs interop/setup"]
fn our_client_with_node_over_tls() {
    client_of(Node, true);
}

// ----- Our server -----

/// Lets the peer's client converse with an echo server of ours.
fn server_of(peer: Peer, tls: bool) {
    limited_to(LIMIT, move || {
        let (ca, scratch) = (Ca::new(), Scratch::new(&format!("server{peer:?}{tls}")));
        let options = Server::builder().max_message_size(64 << 20).subprotocols(["chat.v2"]);
        let options = match tls {
            true => options.tls(ca.issue(&["localhost"]).identity()),
            false => options,
        };
        let (server, ended) = reporting_echo(options);
        for subprotocol in [None, Some("chat.v2")] {
            let mut command = peer.command("client");
            command.arg(if tls { server.tls_url() } else { server.url() });
            if tls {
                command.arg("--cafile").arg(scratch.write("ca.pem", ca.pem()));
            }
            if let Some(subprotocol) = subprotocol {
                command.arg("--subprotocol").arg(subprotocol);
            }
            let (status, output) = run(&mut command, LIMIT / 2);
            assert!(status.success() && output.ends_with("ok: close\n"), "{command:?}:\n{output}");
            for step in ["binary of 125", "binary of 65536", "binary of 16 MiB", "fragments", "ping"] {
                let other = step.replace("16 MiB", "16777216");
                assert!(output.contains(step) || output.contains(&other), "{step} is missing:\n{output}");
            }
            let (result, info) = ended.recv_timeout(LIMIT / 4).unwrap();
            result.unwrap();
            assert!(info.clean && info.first == Some(Side::Remote), "{info:?}");
            let received = info.received.unwrap();
            assert_eq!((received.code(), received.reason()), (4001.into(), "bye €"));
        }
    });
}

type Ended = (landline::Result<()>, landline::CloseInfo);

/// A server that echoes, pings each client, and tells how each connection ended.
fn reporting_echo(options: ServerBuilder) -> (Serving, mpsc::Receiver<Ended>) {
    let (report, ended) = mpsc::channel();
    let server = serve(options, move |mut ws| {
        let result = converse(&mut ws);
        let _ = report.send((result, ws.close_info()));
    });
    (server, ended)
}

fn converse(ws: &mut WebSocket) -> landline::Result<()> {
    ws.ping_wait(LIMIT / 4)?;
    while let Some(message) = ws.recv()? {
        ws.send(message)?;
    }
    Ok(())
}

#[test]
#[ignore = "needs interop/setup"]
fn our_server_with_python() {
    server_of(Python, false);
}

#[test]
#[ignore = "needs interop/setup"]
fn our_server_with_python_over_tls() {
    server_of(Python, true);
}

#[test]
#[ignore = "needs interop/setup"]
fn our_server_with_node() {
    server_of(Node, false);
}

#[test]
#[ignore = "needs interop/setup"]
fn our_server_with_node_over_tls() {
    server_of(Node, true);
}
