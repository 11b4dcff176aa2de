//! Conversations with other implementations: websockets (Python), ws (Node.js) and libwebsockets (C), both roles, plain
//! and TLS, compressed and not. The peers are the programs in `interop/`, where their commands and output are
//! described.
//!
//!     interop/setup && cargo test --release --test interop -- --ignored
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;
#[path = "interop/lws.rs"]
mod lws;

use common::*;
use landline::proto::internals::Role;
use landline::server::ServerBuilder;
use landline::transport::TlsConnector;
use landline::{
    Client, ClientBuilder, CloseCode, Compress, Compression, Config, Kind, Message, Server, Side, WebSocket,
};
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
    /// One of its programs, run where `interop/setup` has put its dependencies.
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

/// The peer's echo server, and clients that trust it.
struct Echo {
    url: String,
    program: Child,
    trust: Option<TlsConnector>,
    _scratch: Scratch,
}

impl Echo {
    fn start(peer: Peer, tls: bool) -> Self {
        let (ca, scratch) = (Ca::new(), Scratch::new(&format!("{peer:?}{tls}")));
        let mut command = peer.command("echo");
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

    /// Connects to this path or query.
    fn open_at(&self, path: &str, options: ClientBuilder, config: Config) -> WebSocket {
        let options = options.config(config.max_message_size(64 << 20).recv_timeout(Some(LIMIT / 4)));
        let options = match &self.trust {
            Some(tls) => options.tls(tls.clone()),
            None => options,
        };
        options.build().unwrap().connect(&format!("{}{path}", self.url)).unwrap()
    }

    fn open_with(&self, options: ClientBuilder) -> WebSocket {
        self.open_at("", options, Config::default())
    }

    fn open(&self) -> WebSocket {
        self.open_with(Client::builder())
    }

    /// What the server reports about the next connection that ends.
    fn reports(&self, code: u16, reason: &str) {
        reports(&self.program, code, reason);
    }
}

/// What a peer reports about the next connection that ends.
fn reports(peer: &Child, code: u16, reason: &str) {
    let line = peer.line(|line| line.starts_with('{'));
    let expected = format!(r#"{{"closed": [{code}, "{reason}"], "error": null}}"#);
    assert_eq!(line, expected);
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
        client_compresses(&echo);
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
    // Every byte is a fragment, so that every multi-byte character is split.
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
    ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
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
    ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
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
        ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        echo.reports(1000, "");
    }
}

fn client_compresses(echo: &Echo) {
    for (query, is_agreed) in [("/?deflate", true), ("", false)] {
        let config = Config::default().compression(Compression::default());
        let mut ws = echo.open_at(query, Client::builder(), config);
        assert_eq!(ws.handshake().compression.is_some(), is_agreed);
        messages().into_iter().for_each(|message| echoed(&mut ws, message));
        let stats = ws.stats();
        for (wire, payload) in
            [(stats.wire_sent, stats.payload_sent), (stats.wire_received, stats.payload_received)]
        {
            assert_eq!(wire < payload / 10, is_agreed, "{stats:?}");
        }
        ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
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

/// Lets the peer's client talk to our echo server.
fn server_of(peer: Peer, tls: bool) {
    limited_to(LIMIT, move || {
        let (ca, scratch) = (Ca::new(), Scratch::new(&format!("server{peer:?}{tls}")));
        let options = Server::builder().max_message_size(64 << 20).subprotocols(["chat.v2"]);
        let options = options.compression(Compression::default());
        let options = match tls {
            true => options.tls(ca.issue(&["localhost"]).identity()),
            false => options,
        };
        let (server, ended) = reporting_echo(options);
        // One offers nothing, the other everything.
        for subprotocol in [None, Some("chat.v2")] {
            let mut command = peer.command("client");
            command.arg(if tls { server.tls_url() } else { server.url() });
            if tls {
                command.arg("--cafile").arg(scratch.write("ca.pem", ca.pem()));
            }
            if let Some(subprotocol) = subprotocol {
                command.arg("--deflate").arg("--subprotocol").arg(subprotocol);
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

/// A server that echoes, pings each client, and reports how each connection ended.
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

// ----- Compression -----

/// The settings of the two sides, and what they have to agree on.
///
/// The settings are written as for `interop/python_echo.py`, without the first word, in the order of our headers; `off`
/// is no compression. Ours may also have `free`, for [`Compression::free_between_messages`].
struct Case {
    ours: String,
    theirs: String,
    agreed: Option<Parameters>,
}

/// Whether there is no context takeover, and the window bits: the server's, then the client's.
type Parameters = ([bool; 2], [u8; 2]);

const NAMES: [&str; 4] = [
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
];

fn words(settings: &str) -> impl Iterator<Item = &str> {
    settings.split(['&', ';']).map(str::trim).filter(|word| !word.is_empty())
}

/// The parameters in settings, or in a header.
fn parameters(settings: &str) -> Parameters {
    let mut found = ([false; 2], [15; 2]);
    for word in words(settings) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match NAMES.iter().position(|known| *known == name) {
            Some(n @ 0..2) => found.0[n] = true,
            // Without a number there is no limit.
            Some(n) => found.1[n - 2] = value.parse().unwrap_or(15),
            None => {}
        }
    }
    found
}

impl Case {
    /// Both sides agree: each gets what it asks for.
    fn new(ours: &str, theirs: &str) -> Self {
        let (([a, b], [c, d]), ([e, f], [g, h])) = (parameters(ours), parameters(theirs));
        let agreed = Some(([a || e, b || f], [c.min(g), d.min(h)]));
        Self { ours: ours.to_owned(), theirs: theirs.to_owned(), agreed }
    }

    /// Both sides continue without compression.
    fn declined(ours: &str, theirs: &str) -> Self {
        Self { agreed: None, ..Self::new(ours, theirs) }
    }

    fn config(&self) -> Config {
        let ([server_fresh, client_fresh], [server_bits, client_bits]) = parameters(&self.ours);
        let options = Compression::default()
            .server_no_context_takeover(server_fresh)
            .client_no_context_takeover(client_fresh)
            .server_max_window_bits(server_bits)
            .client_max_window_bits(client_bits)
            .free_between_messages(self.ours.contains("free"));
        let options = (self.ours != "off").then_some(options);
        Config::default().max_message_size(64 << 20).recv_timeout(Some(LIMIT / 4)).compression(options)
    }

    fn their_settings(&self) -> String {
        match &self.theirs[..] {
            "off" => String::new(),
            // So that ws compresses small messages even without context takeover.
            theirs => format!("deflate&threshold=0&{theirs}"),
        }
    }

    /// The header that our side has to send: an offer if it is the client, a response if it is the server.
    fn our_header(&self, role: Role) -> String {
        let mut header = vec!["permessage-deflate".to_owned()];
        match (role, self.agreed) {
            (Role::Server, None) => return String::new(),
            (Role::Client, _) if self.ours == "off" => return String::new(),
            (Role::Client, _) => {
                let asked = words(&self.ours).filter(|word| *word != "free" && !word.ends_with("=15"));
                header.extend(asked.map(str::to_owned));
                if !header.iter().any(|word| word.starts_with(NAMES[3])) {
                    header.push(NAMES[3].to_owned());
                }
            }
            (Role::Server, Some((fresh, bits))) => {
                header.extend((0..2).filter(|&n| fresh[n]).map(|n| NAMES[n].to_owned()));
                let asked = [self.theirs.contains(NAMES[2]), false];
                let limits = (0..2).filter(|&n| bits[n] < 15 || asked[n]);
                header.extend(limits.map(|n| format!("{}={}", NAMES[n + 2], bits[n])));
            }
        }
        header.join("; ")
    }

    /// How messages are compressed in each direction: to the peer, and back.
    fn ways(&self, role: Role) -> [Option<Way>; 2] {
        let Some((fresh, bits)) = self.agreed else { return [None; 2] };
        let [server, client] = [0, 1].map(|n| Way { window_bits: bits[n], takeover: !fresh[n] });
        let (mut there, mut back) = if role == Role::Client { (client, server) } else { (server, client) };
        there.takeover &= !self.ours.contains("free");
        // zlib has no 8-bit window for this format, and uses 9 bits.
        back.window_bits = back.window_bits.max(9);
        [(there.window_bits > 8).then_some(there), (!self.theirs.contains("level=0")).then_some(back)]
    }
}

/// One direction of a compressed connection.
#[derive(Clone, Copy, Debug)]
struct Way {
    window_bits: u8,
    takeover: bool,
}

/// Cases that work with every peer, whichever side is the server.
fn cases() -> Vec<Case> {
    let mut cases = vec![Case::new("", "")];
    for bits in 9..=15 {
        // Different in the two directions, except for 12.
        let limits = format!("server_max_window_bits={bits}&client_max_window_bits={}", 24 - bits);
        cases.extend([Case::new(&limits, ""), Case::new("", &limits)]);
    }
    let (server, client) = ("server_no_context_takeover", "client_no_context_takeover");
    let both = format!("{server}&{client}");
    for (ours, theirs) in
        [(server, ""), (client, ""), ("", server), ("", client), (server, client), (client, server)]
    {
        cases.push(Case::new(ours, theirs));
    }
    cases.push(Case::new(&format!("{both}&server_max_window_bits=11&client_max_window_bits=10"), ""));
    cases.push(Case::new("", &format!("{both}&server_max_window_bits=10&client_max_window_bits=11")));
    // The smaller of the two limits applies.
    let mut limits = ["server_max_window_bits=13&client_max_window_bits=14", "server_max_window_bits=10"];
    cases.push(Case::new(limits[0], limits[1]));
    limits[1] = "client_max_window_bits=11";
    cases.push(Case::new(limits[0], limits[1]));
    cases.push(Case::new("free", ""));
    cases.push(Case::new(&format!("{both}&free"), ""));
    cases.push(Case::new("", "level=0"));
    cases.push(Case::new("", "level=9"));
    cases.push(Case::declined("off", ""));
    cases.push(Case::declined("", "off"));
    cases
}

/// Cases for the peer's server.
fn cases_of_our_client(peer: Peer) -> Vec<Case> {
    // Then we send uncompressed, but what we receive is compressed.
    let mut cases = vec![Case::new("", "client_max_window_bits=8")];
    match peer {
        Python => cases.extend([
            Case::new("", "client_max_window_bits=10&require_client_max_window_bits"),
            Case::new("server_max_window_bits=10&client_max_window_bits=11", "server_max_window_bits=13"),
            Case::new("client_max_window_bits=11", "client_max_window_bits=14"),
        ]),
        Node => cases.push(Case::new("", "server_max_window_bits=8")),
    }
    cases
}

/// Cases for the peer's client.
fn cases_of_our_server(peer: Peer) -> Vec<Case> {
    let mut cases = vec![
        Case::declined("", "server_max_window_bits=8"),
        Case::declined("server_max_window_bits=10", "server_max_window_bits=8"),
        Case::declined("client_max_window_bits=10", "client_max_window_bits=no"),
        Case::new("server_max_window_bits=10", "client_max_window_bits=no"),
        Case::new("server_max_window_bits=10", "server_max_window_bits=13"),
        Case::new("client_max_window_bits=11", "client_max_window_bits=14"),
    ];
    if peer == Node {
        cases.push(Case::new("", "client_max_window_bits=8"));
    }
    cases
}

/// Bytes that cannot be compressed.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..size).map(|_| next()).collect()
}

/// Lines that resemble each other.
fn lines(seed: u64, size: usize) -> String {
    let mut text = String::new();
    for (n, bytes) in noise(seed, size / 32).chunks_exact(2).enumerate() {
        let [a, b] = bytes else { unreachable!("chunks of two") };
        text +=
            &format!("{{\"id\": {n}, \"name\": \"sensor {}\", \"value\": {a}.{b}, \"unit\": \"°C\"}}\n", a % 16);
        if text.len() >= size {
            break;
        }
    }
    text
}

/// Talks to an echoing peer over a connection that has just been opened.
struct Conversation<'a> {
    ws: &'a mut WebSocket,
    ways: [Option<Way>; 2],
    /// Of a small frame of ours.
    header_len: u64,
    /// Whether our messages may refer to earlier ones.
    takeover_agreed: bool,
}

impl Conversation<'_> {
    /// Sends a message and receives its echo: the bytes on the wire in each direction.
    fn exchange(&mut self, message: &Message) -> [u64; 2] {
        self.exchange_with(Compress::Auto, message)
    }

    fn exchange_with(&mut self, compress: Compress, message: &Message) -> [u64; 2] {
        let before = self.ws.stats();
        self.ws.with_compress(compress).send(message).unwrap();
        let received = self.ws.recv_ref().unwrap().expect("an echo");
        assert!(received.to_message() == *message, "{} bytes came back", received.as_bytes().len());
        let after = self.ws.stats();
        [after.wire_sent - before.wire_sent, after.wire_received - before.wire_received]
    }

    /// A message that is shorter on the wire by this factor if it is compressed, and no shorter otherwise.
    fn shrinks(&mut self, message: &Message, factor: u64) {
        let (wire, len) = (self.exchange(message), message.as_bytes().len() as u64);
        for (wire, way) in wire.into_iter().zip(self.ways) {
            let as_expected = if way.is_some() { wire < len / factor } else { wire >= len };
            assert!(as_expected, "{len} bytes are {wire} on the wire: {way:?}");
        }
    }

    fn takeover(&mut self) {
        let alike = Message::Binary(noise(1, 180));
        self.exchange(&alike);
        for (wire, way) in self.exchange(&alike).into_iter().zip(self.ways) {
            let takes_over = way.is_some_and(|way| way.takeover);
            assert!(if takes_over { wire < 60 } else { wire >= 180 }, "{wire} bytes: {way:?}");
        }
    }

    /// What repeats within the window shrinks, what repeats just beyond it does not.
    fn windows(&mut self) {
        for n in 0..2 {
            let Some(Way { window_bits, .. }) = self.ways[n] else { continue };
            // zlib does not look back further than this.
            let reach = (1 << window_bits) - 262;
            for (period, is_near) in [(reach * 3 / 4, true), ((1 << window_bits) * 17 / 16, false)] {
                let period = noise(2 + u64::from(is_near), period);
                let message = Message::Binary(period.repeat(4.max(2048 / period.len())));
                let (wire, len) = (self.exchange(&message)[n], message.as_bytes().len() as u64);
                let as_expected = if is_near { wire < len / 2 } else { wire > len / 10 * 9 };
                assert!(
                    as_expected,
                    "{len} bytes with a period of {} are {wire}: {:?}",
                    period.len(),
                    self.ways[n]
                );
            }
        }
    }

    fn large(&mut self) {
        self.shrinks(&Message::Text(lines(4, 1 << 20)), 3);
        let hard = Message::Binary(noise(5, 1 << 20));
        for wire in self.exchange(&hard) {
            assert!(((1 << 20)..(1 << 20) * 101 / 100).contains(&wire), "{wire} bytes on the wire");
        }
    }

    fn small(&mut self) {
        for message in [Message::Text(String::new()), Message::Binary(Vec::new()), Message::Binary(vec![7; 100])] {
            let len = message.as_bytes().len() as u64;
            for compress in [Compress::Auto, Compress::Always] {
                let [wire, _] = self.exchange_with(compress, &message);
                // By default, small messages are compressed if context takeover was agreed on.
                let is_compressed = compress == Compress::Always || self.takeover_agreed;
                match (self.ways[0].is_some() && is_compressed, len) {
                    (false, _) => assert_eq!(wire, self.header_len + len),
                    (true, 0) => assert_eq!(wire, self.header_len + 1),
                    (true, _) => assert!(wire < self.header_len + 20, "{wire}"),
                }
            }
        }
        let text = Message::Text(lines(6, 5000));
        let [never, _] = self.exchange_with(Compress::Never, &text);
        assert!(never > text.as_bytes().len() as u64);
        self.shrinks(&text, 2);
        assert!(self.ws.ping_wait(LIMIT / 4).unwrap() > Duration::ZERO);
    }

    fn our_fragments(&mut self) {
        let many = lines(7, 200_000);
        let before = self.ws.stats().wire_sent;
        {
            let (sender, mut receiver) = self.ws.parts();
            let mut writer = sender.send_stream(Kind::Text).unwrap();
            writer.write_all(many.as_bytes()).unwrap();
            writer.finish().unwrap();
            let received = receiver.recv_ref().unwrap().expect("an echo");
            assert!(received.as_text() == Some(&many), "{} bytes came back", received.as_bytes().len());
        }
        let wire = self.ws.stats().wire_sent - before;
        let (len, compressed) = (many.len() as u64, self.ways[0].is_some());
        assert!(if compressed { wire < len / 3 } else { wire >= len }, "{len} bytes are {wire}");

        send_fragments(self.ws, Kind::Binary, many.as_bytes()[..70_000].chunks(777));
        assert_eq!(self.ws.recv().unwrap(), Some(Message::Binary(many.as_bytes()[..70_000].to_vec())));
        // Every byte is a fragment.
        let mixed = "aé€😀 ".repeat(20);
        send_fragments(self.ws, Kind::Text, mixed.as_bytes().chunks(1));
        assert_eq!(self.ws.recv().unwrap(), Some(Message::Text(mixed)));
        send_fragments(self.ws, Kind::Text, std::iter::empty());
        assert_eq!(self.ws.recv().unwrap(), text(""));
    }

    fn their_fragments(&mut self) {
        for (count, size) in [(1, 10), (3, 0), (50, 1000), (4, 70_000)] {
            let before = self.ws.stats().wire_received;
            self.ws.send(format!("!fragments {count} {size}")).unwrap();
            let mut received = Vec::new();
            self.ws.recv_stream().unwrap().expect("a message").read_to_end(&mut received).unwrap();
            assert!(received == pattern(count * size), "{count} of {size}: {} bytes", received.len());
            let wire = self.ws.stats().wire_received - before;
            // A 9-bit window does not reach back to the previous occurrence of the pattern.
            if self.ways[1].is_some_and(|way| way.window_bits > 9) && size == 70_000 {
                assert!(wire < received.len() as u64 / 10, "{wire}");
            }
        }
        self.ws.send("!ping").unwrap();
        assert_eq!(self.ws.recv().unwrap(), text("pong received"));
    }
}

/// Checks that the expected parameters were agreed on, and that both sides keep to them.
fn check(mut ws: WebSocket, case: &Case, role: Role) {
    let agreed = ws.handshake().compression.map(|agreed| {
        let fresh = [agreed.server_no_context_takeover, agreed.client_no_context_takeover];
        (fresh, [agreed.server_max_window_bits, agreed.client_max_window_bits])
    });
    assert_eq!(agreed, case.agreed);
    let extensions: Vec<_> = ws.handshake().extensions.iter().map(|extension| extension.name()).collect();
    assert_eq!(extensions, Vec::from_iter(agreed.map(|_| "permessage-deflate")));

    ws.send("!extensions").unwrap();
    let headers = ws.recv().unwrap().expect("the peer's view");
    let (offer, answer) = headers.as_text().unwrap().split_once('\n').unwrap();
    assert_eq!(if role == Role::Client { offer } else { answer }, case.our_header(role));
    assert_eq!((!answer.is_empty()).then(|| parameters(answer)), case.agreed, "{answer}");

    let header_len = if role == Role::Client { 6 } else { 2 };
    let (fresh, _) = case.agreed.unwrap_or_default();
    let takeover_agreed = !fresh[if role == Role::Server { 0 } else { 1 }];
    let mut conversation = Conversation { ws: &mut ws, ways: case.ways(role), header_len, takeover_agreed };
    conversation.takeover();
    conversation.windows();
    conversation.small();
    conversation.large();
    conversation.our_fragments();
    conversation.their_fragments();
    conversation.takeover();
    ping_between_fragments(ws);
}

/// Sends a Ping in the middle of a message, then closes.
fn ping_between_fragments(ws: WebSocket) {
    let (sender, mut receiver) = ws.split();
    let text = lines(8, 50_000);
    let (first, rest) = text.as_bytes().split_at(10_000);
    let mut writer = sender.send_stream(Kind::Text).unwrap();
    writer.write_all(first).unwrap();
    writer.flush().unwrap();
    sender.ping(b"between").unwrap();
    writer.write_all(rest).unwrap();
    writer.finish().unwrap();
    drop(writer);
    assert_eq!(receiver.recv().unwrap(), Some(Message::Text(text)));
    sender.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
    assert_eq!(receiver.recv().unwrap(), None);
}

/// The name of the case, for failure messages.
fn told(case: &Case) {
    println!("ours: {:?}, theirs: {:?}", case.ours, case.theirs);
}

fn our_client_compresses(peer: Peer) {
    limited_to(LIMIT, move || {
        let echo = Echo::start(peer, false);
        for case in cases().into_iter().chain(cases_of_our_client(peer)) {
            told(&case);
            let query = format!("/?{}", case.their_settings());
            let ws = echo.open_at(&query, Client::builder(), case.config());
            check(ws, &case, Role::Client);
            echo.reports(1000, "");
        }
    });
}

fn our_server_compresses(peer: Peer) {
    limited_to(LIMIT, move || {
        let mut program = Child::start(peer.command("echo").arg("--client").stdin(Stdio::piped()));
        let mut orders = program.process.stdin.take().unwrap();
        for case in cases().into_iter().chain(cases_of_our_server(peer)) {
            told(&case);
            let listener = Server::builder().config(case.config()).listen("127.0.0.1:0").unwrap();
            writeln!(orders, "ws://{}/ {}", listener.local_addr().unwrap(), case.their_settings()).unwrap();
            let ws = listener.accept().unwrap().accept().unwrap();
            check(ws, &case, Role::Server);
            reports(&program, 1000, "");
        }
    });
}

#[test]
#[ignore = "needs interop/setup"]
fn our_client_compresses_with_python() {
    our_client_compresses(Python);
}

#[test]
#[ignore = "needs interop/setup"]
fn our_client_compresses_with_node() {
    our_client_compresses(Node);
}

#[test]
#[ignore = "needs interop/setup"]
fn our_server_compresses_with_python() {
    our_server_compresses(Python);
}

#[test]
#[ignore = "needs interop/setup"]
fn our_server_compresses_with_node() {
    our_server_compresses(Node);
}
