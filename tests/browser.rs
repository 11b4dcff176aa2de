//! A browser converses with our server: headless Chromium (Debian package `chromium`).
//!
//!     cargo test --release --test browser -- --ignored
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use landline::server::OriginPolicy;
use landline::{CloseCode, Message, Server, Side, WebSocket};
use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Converses, and reports `ok` or what went wrong. SERVER and STRICT are replaced by our servers' URLs.
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

async function converse() {
  const ws = await open("SERVER/echo", ["chat.v1", "chat.v2"]);
  expect("chat.v2", ws.protocol, "subprotocol");
  expect("", ws.extensions, "extensions");
  for (const text of ["hello, wörld", "", "aé€😀".repeat(100_000)]) {
    ws.send(text);
    expect(text, await next(ws), "text");
  }
  for (const size of [0, 125, 126, 65_535, 65_536, 16 << 20]) {
    const sent = pattern(size);
    ws.send(sent);
    const got = new Uint8Array(await next(ws));
    expect(size, got.length, "size");
    if (!got.every((byte, i) => byte === sent[i])) throw new Error(`binary of ${size} differs`);
  }
  let end = closed(ws);
  ws.close(4001, "bye €");
  end = await end;
  expect("4001 true", `${end.code} ${end.wasClean}`, "our close");

  const other = await open("SERVER/echo");
  end = closed(other);
  other.send("!close");
  end = await end;
  expect("4002 from the server true", `${end.code} ${end.reason} ${end.wasClean}`, "the server's close");

  const foreign = await open("STRICT/").then(() => "opened", () => "refused");
  expect("refused", foreign, "a server for pages of its own only");
}

const report = await open("SERVER/report");
report.send(await converse().then(() => "ok", (error) => error.message));
</script>"#;

/// Serves the page to whoever asks: its URL.
fn serve_page(page: impl Fn() -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut raw = Raw::over(stream);
            // A browser may connect ahead of time and say nothing.
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

fn converse(ws: &mut WebSocket, report: &mpsc::Sender<String>) -> landline::Result<()> {
    if ws.handshake().target == "/report" {
        let message = ws.recv()?.expect("a report");
        let _ = report.send(message.as_text().expect("a report in words").to_owned());
        return Ok(());
    }
    ws.ping_wait(LIMIT / 4)?;
    while let Some(message) = ws.recv()? {
        if message == Message::Text("!close".into()) {
            return ws.close(4002.into(), "from the server");
        }
        ws.send(message)?;
    }
    let info = ws.close_info();
    let received = info.received.expect("a Close frame");
    assert_eq!((received.code(), received.reason()), (CloseCode::from(4001), "bye €"));
    assert!(info.clean && info.first == Some(Side::Remote));
    Ok(())
}

#[test]
#[ignore = "needs chromium"]
fn chromium_converses_with_our_server() {
    limited_to(LIMIT, || {
        let (report, reports) = mpsc::channel();
        let (fail, failures) = mpsc::channel();
        let strict = serve_echo(Server::builder().origins(OriginPolicy::SameOrigin));
        let strict_url = format!("ws://{}", strict.addr);
        // The page has to know the server, and the server the page's origin: this one knows neither yet.
        let (tell, told) = mpsc::sync_channel::<String>(1);
        let told = std::sync::Mutex::new((told, None));
        let page = serve_page(move || {
            let mut told = told.lock().unwrap();
            if told.1.is_none() {
                told.1 = told.0.recv().ok();
            }
            PAGE.replace("SERVER", told.1.as_ref().unwrap()).replace("STRICT", &strict_url)
        });
        let options = Server::builder().subprotocols(["chat.v2"]).origins(OriginPolicy::List(vec![page.clone()]));
        let server = serve(options.max_message_size(64 << 20), move |mut ws| {
            if let Err(error) = converse(&mut ws, &report) {
                let _ = fail.send(error.to_string());
            }
        });
        tell.send(format!("ws://{}", server.addr)).unwrap();

        let scratch = Scratch::new("chromium");
        let mut command = Command::new("chromium");
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        command.arg(format!("--user-data-dir={}", scratch.path("profile").display())).arg(&page);
        // It stays until the test kills it.
        let _browser = Child::start(command.env("HOME", scratch.path("")).stdin(Stdio::null()));
        assert_eq!(reports.recv_timeout(LIMIT * 3 / 4).expect("a report from the page"), "ok");
        assert_eq!(failures.try_recv().ok(), None);
    });
}
