//! nginx and HAProxy in front of our server, without TLS, with TLS that ends in them, and with TLS on both sides. The parts
//! of their configurations that matter are those of the guide, `docs/reverse_proxies.md`.

use crate::common::*;
use crate::program::*;
use crate::talk::*;
use landline::error::{Closed, Error};
use landline::server::{OriginPolicy, Scheme, ServerBuilder};
use landline::{Client, ClientBuilder, CloseCode, Compression, Keepalive, Message, Server, Side, WebSocket};
use std::net::Ipv4Addr;
use std::time::Duration;

const GUIDE: &str = include_str!("../../docs/reverse_proxies.md");

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Nginx,
    HaProxy,
}

use Kind::{HaProxy, Nginx};

/// The block of the guide in this language, with other addresses and files.
fn guide(language: &str, replacements: &[(&str, &str)]) -> String {
    let (_, code) = GUIDE.split_once(&format!("\n```{language}\n")).expect("the guide has this block");
    let code = code.split_once("```\n").unwrap().0;
    replacements.iter().fold(code.to_owned(), |code, (old, new)| {
        assert_eq!(code.matches(old).count(), 1, "{old} in {code}");
        code.replace(old, new)
    })
}

/// A proxy in front of two servers, one of which speaks TLS.
pub(crate) struct Front {
    pub(crate) program: Program,
    pub(crate) server: Reporting,
    pub(crate) tls_server: Reporting,
    pub(crate) ca: Ca,
    /// Another origin.
    pub(crate) other: Reporting,
    _dead: socket2::Socket,
}

impl Front {
    fn start(kind: Kind, options: ServerBuilder) -> Self {
        let ca = Ca::new();
        let certificate = ca.issue(&["localhost"]);
        let server = Reporting::start(options.clone());
        let tls_server = Reporting::start(options.tls_options(acceptor(certificate.identity())));
        let other = Reporting::start(Server::builder());
        let (dead, dead_addr) = refusing(Ipv4Addr::LOCALHOST, 0).unwrap();
        let plan = match kind {
            Nginx => Plan::of("nginx", &["-e", "stderr", "-c", "@DIR@/nginx.conf"]).template("nginx.conf").value(
                "GUIDE",
                guide(
                    "nginx",
                    &[
                        ("listen 443 ssl", "listen 127.0.0.1:@TLS@ ssl"),
                        ("server_name example.com", "server_name localhost"),
                        ("/etc/ssl/example.com/certificate.pem", "@DIR@/certificate.pem"),
                        ("/etc/ssl/example.com/key.pem", "@DIR@/certificate.pem"),
                        ("127.0.0.1:9001", "@SERVER@"),
                    ],
                ),
            ),
            HaProxy => Plan::of("haproxy", &["-db", "-f", "@DIR@/haproxy.cfg"]).template("haproxy.cfg").value(
                "GUIDE",
                guide(
                    "haproxy",
                    &[
                        ("bind :443", "bind 127.0.0.1:@TLS@"),
                        ("/etc/ssl/example.com.pem", "@DIR@/certificate.pem"),
                        ("127.0.0.1:9001", "@SERVER@"),
                    ],
                ),
            ),
        };
        let plan = plan.certificate(&certificate).file("ca.pem", ca.pem()).template("basic-users.txt");
        let plan = plan.value("SERVER", server.serving.addr).value("TLS_SERVER", tls_server.serving.addr);
        let plan = plan.value("OTHER", other.serving.addr);
        let program = plan.value("DEAD", dead_addr).port("PLAIN").port("TLS").port("TLS2").start();
        Self { program, server, tls_server, other, ca, _dead: dead }
    }

    pub(crate) fn echo(kind: Kind) -> Self {
        Self::start(kind, Server::builder())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("ws://localhost:{}{path}", self.program.port("PLAIN"))
    }

    /// TLS ends in the proxy.
    pub(crate) fn tls_url(&self) -> String {
        format!("wss://localhost:{}/chat", self.program.port("TLS"))
    }

    /// The proxy speaks TLS to our server too.
    pub(crate) fn tls_twice_url(&self) -> String {
        format!("wss://localhost:{}/chat", self.program.port("TLS2"))
    }

    pub(crate) fn try_open(&self, url: &str, options: ClientBuilder) -> landline::Result<WebSocket> {
        let options = options.tls(self.ca.connector()).recv_timeout(Some(LIMIT));
        options.build().unwrap().connect(url)
    }

    pub(crate) fn open(&self, url: &str) -> WebSocket {
        self.try_open(url, Client::builder()).unwrap()
    }

    pub(crate) fn refusal(&self, url: &str, options: ClientBuilder) -> (u16, String) {
        let error = self.try_open(url, options).unwrap_err();
        let Some(status) = error.status() else { panic!("{error:#}") };
        (status.as_u16(), told_once(&error))
    }
}

/// Runs a test for both.
fn both(body: impl Fn(Kind) + Send + 'static) {
    limited(move || [Nginx, HaProxy].into_iter().for_each(&body));
}

#[test]
#[ignore = "needs .ci/install"]
fn messages_and_close_codes_pass_a_proxy() {
    both(|kind| {
        let front = Front::echo(kind);
        for (url, server) in [
            (front.url("/"), &front.server),
            (front.tls_url(), &front.server),
            (front.tls_twice_url(), &front.tls_server),
        ] {
            let mut ws = front.open(&url);
            converse(&mut ws);
            talks_to(ws, server);
            closes(|| front.open(&url), server);
        }
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn compression_and_subprotocols_pass_a_proxy() {
    both(|kind| {
        let options = Server::builder().compression(Compression::default()).subprotocols(["chat.v2"]);
        let front = Front::start(kind, options);
        let options = Client::builder().compression(Compression::default()).subprotocol("chat.v2");
        let mut ws = front.try_open(&front.tls_url(), options).unwrap();
        assert!(ws.handshake().compression.is_some(), "{:?}", ws.handshake());
        assert_eq!(ws.handshake().subprotocol.as_deref(), Some("chat.v2"));
        converse(&mut ws);
        let stats = ws.stats();
        assert!(stats.wire_received < stats.payload_received / 10, "{stats:?}");
        talks_to(ws, &front.server);
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn the_request_reaches_our_server_as_the_guide_says() {
    both(|kind| {
        let front = Front::echo(kind);
        let url = front.tls_url() + "?a=%2F&b=c";
        let options = Client::builder().header("X-Forwarded-For", "192.0.2.1").header("X-Own", "value");
        let seen = talks_to(front.try_open(&url, options).unwrap(), &front.server);
        assert_eq!(seen.handshake.target, "/chat?a=%2F&b=c");
        assert_eq!(seen.header("host"), [format!("localhost:{}", front.program.port("TLS"))]);
        assert_eq!(seen.header("x-own"), ["value"]);
        // What a client claims comes first, what the proxy knows last.
        let claims = seen.header("x-forwarded-for").join(", ");
        assert_eq!(claims, "192.0.2.1, 127.0.0.1");
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn origins_are_compared_with_what_browsers_see() {
    both(|kind| {
        let options = Server::builder().origins(OriginPolicy::SameOrigin).public_scheme(Scheme::Https);
        let front = Front::start(kind, options);
        let url = front.tls_url();
        let port = front.program.port("TLS");
        let origin = |origin: &str| Client::builder().origin(origin);
        let ws = front.try_open(&url, origin(&format!("https://localhost:{port}"))).unwrap();
        talks_to(ws, &front.server);
        for other in [
            format!("http://localhost:{port}"),
            "https://localhost".to_owned(),
            format!("https://elsewhere.test:{port}"),
            format!("https://{}", front.server.serving.addr),
        ] {
            let (status, told) = front.refusal(&url, origin(&other));
            assert_eq!(status, 403, "{other}: {told}");
            assert!(told.contains("origin"), "{told}");
        }
        if kind == Nginx {
            // A proxy that replaces Host.
            let page = format!("https://localhost:{}", front.program.port("PLAIN"));
            assert_eq!(front.refusal(&front.url("/no-host"), origin(&page)).0, 403);
        }
        front.server.saw_nothing();
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn a_proxy_ends_an_idle_connection_unless_there_is_keepalive() {
    both(|kind| {
        let front = Front::echo(kind);
        let url = front.url("/hasty");
        let mut ws = front.open(&url);
        ws.send("hello").unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::Text("hello".into())));
        let (after, error) = timed(|| ws.recv().unwrap_err());
        assert!(after < Duration::from_secs(5), "{after:?}");
        assert!(matches!(error, Error::Closed(Closed::Eof)), "{error:?}");
        assert_eq!(ws.close_info().code(), CloseCode::ABNORMAL_CLOSURE);
        let told = told_once(&error);
        assert!(told.contains("without a close frame (1006)"), "{told}");
        let there = front.server.seen();
        assert_eq!(there.info.code(), CloseCode::ABNORMAL_CLOSURE, "{:?}", there.result);

        let keepalive = Keepalive::default().interval(Duration::from_millis(200)).timeout(LIMIT);
        let mut ws = front.try_open(&url, Client::builder().keepalive(Some(keepalive))).unwrap();
        let received = ws.recv_timeout(Duration::from_secs(3));
        assert!(matches!(received, Err(Error::Timeout(_))), "{received:?}");
        talks_to(ws, &front.server);
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn refusals_of_a_proxy_say_what_to_do() {
    both(|kind| {
        let front = Front::echo(kind);
        let refusal = |path: &str| front.refusal(&front.url(path), Client::builder());
        let (status, told) = refusal("/dead");
        assert_eq!(status, if kind == Nginx { 502 } else { 503 });
        assert!(told.contains("try again later"), "{told}");
        if kind == Nginx {
            let (status, told) = refusal("/http10");
            assert_eq!(status, 505);
            assert!(told.contains("HTTP/1.1") && told.contains("proxy"), "{told}");
            let (status, told) = refusal("/no-upgrade");
            assert_eq!(status, 426);
            assert!(told.contains("upgrade") && told.contains("proxy"), "{told}");
            let (status, told) = refusal("/private");
            assert_eq!(status, 401);
            assert!(told.contains("Basic") && told.contains("user name and password"), "{told}");
        }
        front.server.saw_nothing();
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn a_stopping_server_says_so_through_a_proxy() {
    both(|kind| {
        let Front { program, server, tls_server, ca, .. } = Front::echo(kind);
        let url = format!("wss://localhost:{}/chat", program.port("TLS"));
        let mut ws = ca.client().connect(&url).unwrap();
        ws.send("hello").unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::Text("hello".into())));
        let stopping = sleeper(move || server.serving.end(LIMIT));
        assert_eq!(ws.recv().unwrap(), None);
        let info = ws.close_info();
        assert_eq!(info.received.unwrap().code(), CloseCode::GOING_AWAY);
        assert_eq!(info.first, Some(Side::Remote));
        let _ = stopping.join();
        drop(tls_server);
        // Nobody is there any more.
        let error = ca.client().connect(&url).unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), if kind == Nginx { 502 } else { 503 });
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn a_server_that_is_full_says_so_through_a_proxy() {
    both(|kind| {
        let front = Front::start(kind, Server::builder().max_connections(1));
        let first = front.open(&front.tls_url());
        let (status, told) = front.refusal(&front.tls_url(), Client::builder());
        assert_eq!(status, 503, "{told}");
        talks_to(first, &front.server);
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn a_page_request_that_reaches_our_server_is_answered_through_a_proxy() {
    both(|kind| {
        let front = Front::echo(kind);
        let mut raw = Raw::connect(front.program.addr("PLAIN"));
        // Twice over the same connection: the answer has an end that the proxy sees.
        for _ in 0..2 {
            raw.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let head = raw.head();
            assert!(head.starts_with("HTTP/1.1 426 "), "{head}");
            let length: usize = header(&head, "content-length").unwrap().parse().unwrap();
            assert!(length > 0);
            raw.body(length);
        }
        talks_to(front.open(&front.url("/")), &front.server);
    });
}
