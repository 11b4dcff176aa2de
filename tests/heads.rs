//! The log shows the heads of requests and of answers, and no secrets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use landline::{Client, CookieJar, Proxy};
use log::{LevelFilter, Log, Metadata, Record};
use std::sync::Mutex;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("landline::client")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            LINES.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// One test, because there is one log.
#[test]
fn heads_are_logged_without_secrets() {
    log::set_logger(&Lines).unwrap();
    log::set_max_level(LevelFilter::Trace);
    limited(|| {
        let proxy = http_proxy(|head, _| match header(head, "proxy-authorization") {
            Some(_) => Answer::Open,
            None => Answer::Send(http_answer("407 Wanted", "Proxy-Authenticate: Basic realm=x\r\n", "")),
        });
        let server = web(|head| match target(head) {
            "/end" => Ok("Set-Cookie: id=6f2a1111; Path=/\r\nX-Here: 1\r\n".to_owned()),
            _ => redirect(302, "/end"),
        });
        let through = Proxy::parse(&proxy.url("http")).unwrap().auth("me", "proxy-secret").unwrap();
        let client = Client::builder()
            .proxy(through)
            .auth("you", "server-secret")
            .cookie("theme", "dark2222")
            .cookie_jar(&CookieJar::new())
            .header("X-One", "two")
            .max_redirects(1);
        client.build().unwrap().connect(&server.url("/")).unwrap();
        let socks = socks5_proxy(Some(("me", "socks-secret")), |_| 0);
        let url = socks.url("socks5h").replace("://", "://me:socks-secret@");
        Client::builder().proxy(Proxy::parse(&url).unwrap()).build().unwrap().connect(&server.url("/end")).unwrap();
        let lines = LINES.lock().unwrap().clone();
        for line in [
            &*format!("> CONNECT {} HTTP/1.1", server.addr),
            "> Proxy-Authorization: Basic ...",
            "> GET / HTTP/1.1",
            "> X-One: two",
            "> Authorization: Basic ...",
            "> Cookie: theme=...",
            "< HTTP 302 Found",
            "< location: /end",
            "> GET /end HTTP/1.1",
            "< HTTP 101 Switching Protocols",
            "< set-cookie: id=...",
            "< x-here: 1",
        ] {
            assert!(lines.iter().any(|logged| logged == line), "{line} in {lines:#?}");
        }
        let text = lines.join("\n");
        for secret in ["6f2a1111", "dark2222", "secret", "bWU6", "eW91O"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    });
}
