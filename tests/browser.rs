//! Conversations of a browser with our server: headless Chromium (Debian package `chromium`).
//!
//!     cargo test --release --test browser -- --ignored
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use landline::server::OriginPolicy;
use landline::{CloseCode, CloseInfo, Compression, Message, Server, Side, Stats, WebSocket};
use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Talks to the servers, and reports `ok` or what went wrong. SERVERS is replaced by our servers, each as
/// `{url, extensions, takeover}`, and STRICT by the URL of one that refuses the page.
const PAGE: &str = r#"<!doctype html><title>test</title><script type="module">
const open = (url, names) => new Promise((resolve, reject) => {
  const ws = new WebSocket(url, names);
  ws.binaryType = "arraybuffer";
  ws.onopen = () => resolve(ws);
  ws.onerror = () => reject(new Error("cannot connect to " + url));
});
const next = (ws) => new Promise((resolve, reject) => {
  ws.onmessage = (event) => resolve(event.data);
  ws.onclose = (event) => reject(new Error("closed with " + event.code));
});
const closed = (ws) => new Promise((resolve) => (ws.onclose = resolve));
const expect = (want, got, what) => {
  if (want !== got) throw new Error(`${what}: expected ${want}, got ${got}`);
};
const pattern = (size) => Uint8Array.from({ length: size }, (_, i) => i % 251);

const noise = (size) => crypto.getRandomValues(new Uint8Array(size));
const same = (one, other) => one.length === other.length && one.every((byte, i) => byte === other[i]);

async function converse(server, largest) {
  const ws = await open(server.url + "/echo", ["chat.v1", "chat.v2"]);
  expect("chat.v2", ws.protocol, "subprotocol");
  expect(server.extensions, ws.extensions, "extensions");
  for (const text of ["hello, wörld", "", "aé€😀".repeat(100_000)]) {
    ws.send(text);
    expect(text, await next(ws), "text");
  }
  for (const sent of [0, 125, 126, 65_535, 65_536, largest].map(pattern).concat([noise(100), noise(65_536)])) {
    ws.send(sent);
    const got = new Uint8Array(await next(ws));
    if (!same(sent, got)) throw new Error(`binary of ${sent.length} differs`);
  }
  let end = closed(ws);
  ws.close(4001, "bye €");
  end = await end;
  expect("4001 true", `${end.code} ${end.wasClean}`, "our close");

  // The second of two equal messages: its length on the wire in each direction.
  const alike = await open(server.url + "/alike");
  const message = noise(500);
  for (let n = 0; n < 2; n++) {
    alike.send(message);
    if (!same(message, new Uint8Array(await next(alike)))) throw new Error("noise differs");
  }
  for (const length of (await next(alike)).split(" ").map(Number)) {
    if (length < 100 !== server.takeover) throw new Error(`500 bytes again are ${length}`);
  }
  alike.close();

  const other = await open(server.url + "/echo");
  end = closed(other);
  other.send("!close");
  end = await end;
  expect("4002 from the server true", `${end.code} ${end.reason} ${end.wasClean}`, "the server's close");
}

const servers = SERVERS;

async function all() {
  for (const server of servers) await converse(server, server.extensions ? 1 << 20 : 16 << 20);
  const foreign = await open("STRICT/").then(() => "opened", () => "refused");
  expect("refused", foreign, "a server for pages of its own only");
}

const report = await open(servers[0].url + "/report");
report.send(await all().then(() => "ok", (error) => error.message));
</script>"#;

/// Serves the page; returns its URL.
fn serve_page(page: impl Fn() -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut raw = Raw::over(stream);
            // A browser may connect in advance and send nothing.
            let page = page();
            thread::spawn(move || {
                if raw.more().is_ok_and(|count| count > 0) {
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n";
                    let _ = write!(raw.stream, "{head}Content-Length: {}\r\n\r\n{page}", page.len());
                }
            });
        }
    });
    origin
}

/// What our servers report to the test: the page's report, errors, and how conversations that the page closed ended,
/// with their counters and whether they were compressed.
#[derive(Clone)]
struct Say {
    report: mpsc::Sender<String>,
    error: mpsc::Sender<String>,
    ended: mpsc::Sender<(CloseInfo, Stats, bool)>,
}

fn converse(ws: &mut WebSocket, say: &Say) -> landline::Result<()> {
    if ws.handshake().target == "/report" {
        let message = ws.recv()?.expect("a report");
        let _ = say.report.send(message.as_text().expect("a report in words").to_owned());
        return Ok(());
    }
    if ws.handshake().target == "/alike" {
        return alike(ws);
    }
    ws.ping_wait(LIMIT / 4)?;
    while let Some(message) = ws.recv()? {
        if message == Message::Text("!close".into()) {
            return ws.close(4002.into(), "from the server");
        }
        ws.send(message)?;
    }
    let _ = say.ended.send((ws.close_info(), ws.stats(), ws.handshake().compression.is_some()));
    Ok(())
}

/// Echoes two messages, and reports the length of the second one on the wire in each direction.
fn alike(ws: &mut WebSocket) -> landline::Result<()> {
    let mut before = ws.stats();
    for _ in 0..2 {
        before = ws.stats();
        let message = ws.recv()?.expect("a message");
        ws.send(message)?;
    }
    let after = ws.stats();
    let lengths = [after.wire_received - before.wire_received, after.wire_sent - before.wire_sent];
    ws.send(format!("{} {}", lengths[0], lengths[1]))?;
    assert_eq!(ws.recv()?, None);
    Ok(())
}

/// The servers: their compression, what the browser should report about it, and whether messages refer to earlier ones.
fn servers() -> [(Option<Compression>, &'static str, bool); 3] {
    let small = Compression::default().server_max_window_bits(10).client_max_window_bits(11);
    let small = small.server_no_context_takeover(true).client_no_context_takeover(true);
    [
        (None, "", false),
        (Some(Compression::default()), "permessage-deflate", true),
        (
            Some(small),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=10; client_max_window_bits=11",
            false,
        ),
    ]
}

#[test]
#[ignore = "needs chromium"]
fn chromium_converses_with_our_server() {
    limited_to(LIMIT, || {
        let (report, reports) = mpsc::channel();
        let (error, errors) = mpsc::channel();
        let (ended, ends) = mpsc::channel();
        let say = Say { report, error, ended };
        let strict = serve_echo(Server::builder().origins(OriginPolicy::SameOrigin));
        let strict_url = format!("ws://{}", strict.addr);
        // The page has to know the servers, and the servers the page's origin; at this point neither is known.
        let (tell, told) = mpsc::sync_channel::<String>(1);
        let told = std::sync::Mutex::new((told, None));
        let page = serve_page(move || {
            let mut told = told.lock().unwrap();
            if told.1.is_none() {
                told.1 = told.0.recv().ok();
            }
            PAGE.replace("SERVERS", told.1.as_ref().unwrap()).replace("STRICT", &strict_url)
        });
        let (mut running, mut described) = (Vec::new(), Vec::new());
        for (compression, extensions, takeover) in servers() {
            let options = Server::builder().subprotocols(["chat.v2"]).max_message_size(64 << 20);
            let options = options.origins(OriginPolicy::List(vec![page.clone()])).compression(compression);
            let say = say.clone();
            let server = serve(options, move |mut ws| {
                if let Err(error) = converse(&mut ws, &say) {
                    let _ = say.error.send(error.to_string());
                }
            });
            let url = format!("ws://{}", server.addr);
            described.push(format!("{{url: '{url}', extensions: '{extensions}', takeover: {takeover}}}"));
            running.push(server);
        }
        tell.send(format!("[{}]", described.join(", "))).unwrap();

        let scratch = Scratch::new("chromium");
        let mut command = Command::new("chromium");
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        command.arg(format!("--user-data-dir={}", scratch.path("profile").display())).arg(&page);
        // It runs until the test kills it.
        let _browser = Child::start(command.env("HOME", scratch.path("")).stdin(Stdio::null()));
        assert_eq!(reports.recv_timeout(LIMIT * 3 / 4).expect("a report from the page"), "ok");
        assert_eq!(errors.try_recv().ok(), None);
        for expected in [false, true, true] {
            let (info, stats, is_compressed) = ends.recv_timeout(LIMIT / 4).unwrap();
            let received = info.received.expect("a Close frame");
            assert_eq!((received.code(), received.reason()), (CloseCode::from(4001), "bye €"));
            assert!(info.clean && info.first == Some(Side::Remote));
            assert_eq!(is_compressed, expected);
            for (wire, payload) in
                [(stats.wire_received, stats.payload_received), (stats.wire_sent, stats.payload_sent)]
            {
                assert_eq!(wire < payload / 5, expected, "{stats:?}");
            }
        }
    });
}
