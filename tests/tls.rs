//! TLS in both roles, against this library, native-tls and the `openssl` program. Items are those of the
//! strictness list in ARCHITECTURE.md.
#![cfg(any(feature = "native-tls", feature = "rustls"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use landline::error::{Closed, Error, Phase, Timeout, TlsReason};
use landline::transport::{Identity, SocketTransport, TcpOptions, TlsConnectorBuilder};
use landline::{Client, CloseCode, Interrupter, Message, Server};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

fn text(text: &str) -> Option<Message> {
    Some(Message::Text(text.into()))
}

fn serve_tls(identity: Identity) -> Serving {
    serve_echo(Server::builder().tls_options(acceptor(identity)))
}

fn client(tls: TlsConnectorBuilder) -> Client {
    Client::builder().tls(tls.build().unwrap()).build().unwrap()
}

/// A connector that trusts only these certificates.
fn trusting(ca: &Ca) -> TlsConnectorBuilder {
    connector().platform_roots(false).ca_pem(ca.pem().as_bytes())
}

fn echoes(client: &Client, url: &str) {
    let mut ws = client.connect(url).unwrap();
    ws.send("over TLS").unwrap();
    assert_eq!(ws.recv().unwrap(), text("over TLS"));
    ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
    assert!(ws.close_info().clean);
}

/// Runs the `openssl` program.
fn openssl(args: &[&str]) {
    let (status, output) = run(Command::new("openssl").args(args), Duration::from_secs(20));
    assert!(status.success(), "openssl {args:?}:\n{output}");
}

fn str(path: &Path) -> &str {
    path.to_str().unwrap()
}

// ----- Identities -----

#[test]
fn an_identity_from_pem() {
    limited(|| {
        let ca = Ca::new();
        let server = serve_tls(ca.issue(&["localhost"]).identity());
        echoes(&ca.client(), &server.tls_url());
    });
}

#[test]
fn an_identity_from_pem_files() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("pem"));
        let certificate = ca.issue(&["localhost"]);
        let (cert, key) = (scratch.write("cert", &certificate.cert), scratch.write("key", &certificate.key));
        let server = serve_tls(Identity::from_pem_files(&cert, &key).unwrap());
        echoes(&ca.client(), &server.tls_url());

        let missing = scratch.path("missing");
        let error = Identity::from_pem_files(&cert, &missing).unwrap_err();
        assert!(matches!(error, Error::Config(_)) && error.to_string().contains(str(&missing)), "{error}");
    });
}

#[test]
#[cfg(feature = "native-tls")]
fn an_identity_from_pkcs12() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("p12"));
        let certificate = ca.issue(&["localhost"]);
        let (cert, key) = (scratch.write("cert", &certificate.cert), scratch.write("key", &certificate.key));
        let archive = scratch.path("p12");
        let files = ["-in", str(&cert), "-inkey", str(&key), "-out", str(&archive)];
        openssl(&[&["pkcs12", "-export", "-passout", "pass:sesame"], &files[..]].concat());
        let archive = std::fs::read(archive).unwrap();
        let server = serve_tls(Identity::from_pkcs12(&archive, "sesame").unwrap());
        echoes(&ca.client(), &server.tls_url());

        for (archive, password) in [(&archive[..], "wrong"), (&archive[..100], "sesame")] {
            let error = Identity::from_pkcs12(archive, password).unwrap_err();
            assert!(error.to_string().starts_with("the PKCS#12 archive cannot be used"), "{error}");
        }
    });
}

/// Keys in the older forms, made by the openssl program, each with a certificate.
#[test]
fn an_identity_with_a_key_in_an_older_form() {
    limited(|| {
        let scratch = Scratch::new("older");
        let [rsa, rsa8, ec, ec8] = ["rsa", "rsa8", "ec", "ec8"].map(|name| scratch.path(name));
        openssl(&["genrsa", "-traditional", "-out", str(&rsa), "2048"]);
        openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", str(&rsa), "-out", str(&rsa8)]);
        // With the block of parameters that the program puts before the key.
        openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-out", str(&ec)]);
        openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", str(&ec), "-out", str(&ec8)]);
        for (key, pkcs8, begin) in [(rsa, rsa8, "BEGIN RSA PRIVATE KEY"), (ec, ec8, "BEGIN EC PRIVATE KEY")] {
            let [key, pkcs8] = [key, pkcs8].map(|path| std::fs::read_to_string(path).unwrap());
            assert!(key.contains(begin), "{key}");
            let ca = Ca::new();
            let certificate = ca.issue_for(&["localhost"], &pkcs8);
            let server = serve_tls(Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap());
            echoes(&ca.client(), &server.tls_url());
        }
    });
}

#[test]
fn an_encrypted_key_gives_a_hint() {
    limited(|| {
        let scratch = Scratch::new("encrypted");
        let certificate = Ca::new().issue(&["localhost"]);
        let (pkcs8, encrypted, older) =
            (scratch.write("key", &certificate.key), scratch.path("encrypted"), scratch.path("older"));
        let pass = ["-passout", "pass:sesame", "-in", str(&pkcs8), "-out"];
        openssl(&[&["pkcs8", "-topk8"], &pass[..], &[str(&encrypted)]].concat());
        openssl(&[&["ec", "-aes256"], &pass[..], &[str(&older)]].concat());
        for (key, begin) in [(encrypted, "BEGIN ENCRYPTED PRIVATE KEY"), (older, "BEGIN EC PRIVATE KEY")] {
            let key = std::fs::read_to_string(key).unwrap();
            assert!(key.contains(begin), "{key}");
            let error = Identity::from_pem(certificate.cert.as_bytes(), key.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("it is encrypted; decrypt it with: openssl pkey"), "{error}");
        }
    });
}

// ----- Trust -----

#[test]
fn a_ca_from_a_file() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("ca"));
        let server = serve_tls(ca.issue(&["localhost"]).identity());
        // Among others.
        let file = scratch.write("ca.pem", format!("{}{}", Ca::new().pem(), ca.pem()));
        let tls = connector().platform_roots(false).ca_file(&file);
        echoes(&client(tls), &server.tls_url());

        let missing = scratch.path("missing");
        let error = connector().ca_file(&missing).build().unwrap_err();
        assert!(matches!(error, Error::Config(_)) && error.to_string().contains(str(&missing)), "{error}");
    });
}

/// Which certificate a server presents to a client that trusts `ca`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrong {
    Name,
    Expired,
    NotYet,
    Untrusted,
    /// By another authority of the same name.
    Namesake,
    SelfSigned,
}

const ALL_WRONG: [Wrong; 6] =
    [Wrong::Name, Wrong::Expired, Wrong::NotYet, Wrong::Untrusted, Wrong::Namesake, Wrong::SelfSigned];
const TRUSTED: &str = "Landline test CA";

fn wrong_certificate(ca: &Ca, wrong: Wrong) -> Identity {
    let years = |from: i32, to: i32| {
        ca.issue_with(&["localhost"], |params| {
            params.not_before = rcgen::date_time_ymd(from, 1, 1);
            params.not_after = rcgen::date_time_ymd(to, 1, 1);
        })
    };
    let certificate = match wrong {
        Wrong::Name => ca.issue(&["other.example", "127.0.0.2"]),
        Wrong::Expired => years(2001, 2002),
        Wrong::NotYet => years(4001, 4002),
        Wrong::Untrusted => Ca::new().issue(&["localhost"]),
        Wrong::Namesake => Ca::named(TRUSTED).issue(&["localhost"]),
        Wrong::SelfSigned => self_signed(&["localhost"]),
    };
    certificate.identity()
}

#[test]
fn item_21_wrong_certificates_are_refused_and_the_error_says_why() {
    limited(|| {
        let ca = Ca::named(TRUSTED);
        for (wrong, reason, why) in [
            (Wrong::Name, TlsReason::OtherName, "peer's certificate is for another name than localhost"),
            (Wrong::Expired, TlsReason::Expired, "peer's certificate has expired"),
            (Wrong::NotYet, TlsReason::NotYetValid, "peer's certificate is not valid yet; is the clock right?"),
            (
                Wrong::Untrusted,
                TlsReason::UnknownIssuer,
                "peer's certificate was issued by an authority that is not trusted",
            ),
            (
                Wrong::Namesake,
                TlsReason::UnknownIssuer,
                "peer's certificate was issued by an authority that is not trusted",
            ),
            (Wrong::SelfSigned, TlsReason::SelfSigned, "peer's certificate is self-signed and not trusted"),
        ] {
            let server = serve_tls(wrong_certificate(&ca, wrong));
            let error = ca.client().connect(&server.tls_url()).unwrap_err();
            let Error::Tls(failure) = &error else { panic!("{wrong:?}: {error:?}") };
            assert!(failure.reason() == Some(reason) && error.is_fatal(), "{wrong:?}: {error:?}");
            let told = told_once(&error);
            assert!(told.starts_with(&format!("TLS handshake failed: {why}: ")), "{wrong:?}: {told}");
            assert!(!told.contains("OtherError"), "{told}");
            // Advice is given only where it helps.
            let advice = match wrong {
                Wrong::Name => "; set server_name to the name that it is for, if this is the right server",
                Wrong::Expired | Wrong::NotYet => "",
                Wrong::Untrusted | Wrong::Namesake | Wrong::SelfSigned => {
                    "; trust its issuer with ca_file or ca_pem, if this is the right server"
                }
            };
            assert!(
                told.ends_with(advice) && told.contains("; ") != advice.is_empty() || wrong == Wrong::NotYet,
                "{told}"
            );
        }
        // By default, only the platform's roots are trusted.
        let server = serve_tls(ca.issue(&["localhost"]).identity());
        assert!(matches!(client(connector()).connect(&server.tls_url()), Err(Error::Tls(_))));
    });
}

#[test]
fn item_21_danger_accept_invalid_certs_accepts_any_certificate() {
    limited(|| {
        let ca = Ca::named(TRUSTED);
        for wrong in ALL_WRONG {
            let server = serve_tls(wrong_certificate(&ca, wrong));
            echoes(&client(trusting(&ca).danger_accept_invalid_certs(true)), &server.tls_url());
        }
    });
}

#[test]
fn item_21_danger_accept_invalid_hostnames_accepts_only_wrong_names() {
    limited(|| {
        let ca = Ca::named(TRUSTED);
        for wrong in ALL_WRONG {
            let server = serve_tls(wrong_certificate(&ca, wrong));
            let client = client(trusting(&ca).danger_accept_invalid_hostnames(true));
            if wrong == Wrong::Name {
                echoes(&client, &server.tls_url());
            } else {
                let result = client.connect(&server.tls_url());
                assert!(matches!(result, Err(Error::Tls(_))), "{wrong:?}: {result:?}");
            }
        }
    });
}

#[test]
fn item_21_certificates_for_ip_addresses() {
    limited(|| {
        let ca = Ca::new();
        let by_address = serve_tls(ca.issue(&["127.0.0.1", "::1"]).identity());
        let url = |addr: SocketAddr| format!("wss://{addr}/");
        echoes(&ca.client(), &url(by_address.addr));
        // The name in the URL matters, not the address of the connection.
        let over = |url: &str| {
            let tcp = TcpStream::connect(by_address.addr).unwrap();
            ca.client().connect_over(SocketTransport::tcp(tcp, &TcpOptions::default()).unwrap(), url)
        };
        over("wss://[::1]/").unwrap();
        assert!(matches!(over("wss://[::2]/"), Err(Error::Tls(_))));
        assert!(matches!(over("wss://127.0.0.2/"), Err(Error::Tls(_))));

        let by_name = serve_tls(ca.issue(&["localhost"]).identity());
        assert!(matches!(ca.client().connect(&url(by_name.addr)), Err(Error::Tls(_))));
    });
}

#[test]
fn item_21_tls_1_1_is_refused_by_both() {
    limited(|| {
        let ca = Ca::new();
        let certificate = ca.issue(&["localhost"]);
        let identity = native_tls::Identity::from_pkcs8(certificate.cert.as_bytes(), certificate.key.as_bytes());
        let old = Some(native_tls::Protocol::Tlsv11);
        let acceptor =
            native_tls::TlsAcceptor::builder(identity.unwrap()).max_protocol_version(old).build().unwrap();
        let (addr, server) = raw_server(move |raw| drop(acceptor.accept(raw.stream)));
        let result = ca.client().connect(&format!("wss://localhost:{}/", addr.port()));
        assert!(matches!(result, Err(Error::Tls(_))), "{result:?}");
        server.join();

        let server = serve_tls(certificate.identity());
        let mut old_client = native_tls::TlsConnector::builder();
        old_client.max_protocol_version(old).danger_accept_invalid_certs(true);
        assert!(old_client.build().unwrap().connect("localhost", server.raw().stream).is_err());
    });
}

// ----- Peers on native-tls -----

type RawTls = Raw<native_tls::TlsStream<Tap>>;

/// A socket that records what passes through it.
#[derive(Debug)]
struct Tap {
    socket: TcpStream,
    received: Vec<u8>,
}

impl Tap {
    fn new(raw: Raw<TcpStream>) -> Self {
        Self { socket: raw.stream, received: Vec::new() }
    }

    /// Whether the last TLS record is an alert, as close_notify is. (Visible in TLS 1.2 only.)
    fn ended_with_alert(&self) -> bool {
        let mut rest = &self.received[..];
        let mut last = 0;
        while let [kind, _, _, high, low, ..] = *rest {
            last = kind;
            rest = &rest[5 + usize::from(u16::from_be_bytes([high, low]))..];
        }
        last == 21
    }
}

impl Read for Tap {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buf)?;
        self.received.extend_from_slice(&buf[..count]);
        Ok(count)
    }
}

impl Write for Tap {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.socket.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server for one client: a connected client, and the thread.
fn raw_tls_server<T: Send + 'static>(
    behave: impl FnOnce(RawTls) -> T + Send + 'static,
) -> (landline::WebSocket, Sleeper<T>) {
    let ca = Ca::new();
    let certificate = ca.issue(&["localhost"]);
    let identity = native_tls::Identity::from_pkcs8(certificate.cert.as_bytes(), certificate.key.as_bytes());
    let acceptor = native_tls::TlsAcceptor::new(identity.unwrap()).unwrap();
    let (addr, server) = raw_server(move |raw| behave(Raw::new(acceptor.accept(Tap::new(raw)).unwrap())));
    (ca.client().connect(&format!("wss://localhost:{}/", addr.port())).unwrap(), server)
}

/// Our client.
fn raw_tls_client(server: &Serving) -> RawTls {
    let mut tls = native_tls::TlsConnector::builder();
    // In TLS 1.3, an alert cannot be distinguished from data on the wire.
    tls.max_protocol_version(Some(native_tls::Protocol::Tlsv12));
    let tls = tls.danger_accept_invalid_certs(true).build().unwrap();
    Raw::new(tls.connect("localhost", Tap::new(server.raw())).unwrap())
}

fn serve_anyhow(handler: impl Fn(landline::WebSocket) + Send + Sync + 'static) -> Serving {
    serve(Server::builder().tls_options(acceptor(self_signed(&["localhost"]).identity())), handler)
}

#[test]
fn item_20_a_truncated_stream_is_an_error() {
    limited(|| {
        let (mut ws, server) = raw_tls_server(|mut raw| {
            raw.accept_with("", frame(TEXT, "whole"));
            raw.stream.get_ref().socket.shutdown(Shutdown::Write).unwrap();
            raw
        });
        assert_eq!(ws.recv().unwrap(), text("whole"));
        for _ in 0..2 {
            let result = ws.recv();
            assert!(matches!(result, Err(Error::Closed(Closed::Eof))), "{result:?}");
        }
        assert_eq!(ws.close_info().code(), CloseCode::ABNORMAL_CLOSURE);
        server.join();
    });
}

#[test]
fn item_20_a_close_notify_without_a_close_frame_is_an_error_too() {
    limited(|| {
        let (mut ws, server) = raw_tls_server(|mut raw| {
            raw.accept();
            raw.stream.shutdown().unwrap();
            raw
        });
        let result = ws.recv();
        assert!(matches!(result, Err(Error::Closed(Closed::Eof))), "{result:?}");
        server.join();
    });
}

#[test]
fn item_20_a_close_frame_without_close_notify_is_clean() {
    limited(|| {
        let (mut ws, server) = raw_tls_server(|mut raw| {
            raw.accept_with("", frame(CLOSE, close_payload(1000, "")));
            let close = raw.frame();
            raw.stream.get_ref().socket.shutdown(Shutdown::Both).unwrap();
            close.close_code()
        });
        assert_eq!(ws.recv().unwrap(), None);
        assert!(ws.close_info().clean);
        assert_eq!(server.join(), 1000);

        // The same when this end closes first.
        let (mut ws, server) = raw_tls_server(|mut raw| {
            raw.accept();
            let close = raw.frame();
            raw.send(frame(CLOSE, close.payload));
            raw.stream.get_ref().socket.shutdown(Shutdown::Both).unwrap();
        });
        ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(ws.close_info().clean);
        server.join();
    });
}

#[test]
fn close_notify_is_sent() {
    limited(|| {
        let (mut ws, server) = raw_tls_server(|mut raw| {
            raw.accept();
            let close = raw.frame();
            raw.send(frame(CLOSE, close.payload));
            assert_eq!(raw.rest().unwrap(), b"");
            raw.stream.get_ref().ended_with_alert()
        });
        ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(server.join());

        let server = serve_anyhow(|mut ws| drop(ws.recv()));
        for first in [CLOSE, TEXT, 0x83] {
            let mut raw = raw_tls_client(&server);
            raw.open();
            raw.send(masked(first, close_payload(1000, "")));
            assert_eq!(raw.frame().first, CLOSE);
            assert_eq!(raw.rest().unwrap(), b"");
            assert!(raw.stream.get_ref().ended_with_alert(), "{first:#x}");
        }
        let mut raw = raw_tls_client(&server);
        raw.send("GET / HTTP/1.1\r\n\r\n");
        assert!(raw.head().starts_with("HTTP/1.1 400 "));
        raw.rest().unwrap();
        assert!(raw.stream.get_ref().ended_with_alert());
    });
}

#[test]
fn item_5_frames_in_the_record_of_the_head_are_received() {
    limited(|| {
        let (mut ws, server) = raw_tls_server(|mut raw| {
            raw.accept_with("", [frame(TEXT, "early"), frame(BINARY, [7; 12_000])].concat());
            raw
        });
        assert_eq!(ws.recv().unwrap(), text("early"));
        assert_eq!(ws.recv().unwrap(), Some(Message::Binary(vec![7; 12_000])));
        server.join();

        let server = serve_anyhow(echo);
        let mut raw = raw_tls_client(&server);
        let frames = [masked(TEXT, "early"), masked(BINARY, [7; 12_000])].concat();
        raw.send([format!("{REQUEST}\r\n").as_bytes(), &frames].concat());
        raw.is_opened();
        assert_eq!(raw.frame().payload, b"early");
        assert_eq!(raw.frame().payload, [7; 12_000]);
    });
}

#[test]
fn messages_in_many_small_records() {
    limited(|| {
        let (mut ws, server) = raw_tls_server(|mut raw| {
            raw.accept();
            for byte in [frame(BINARY, [7; 3000]), frame(TEXT, "and"), frame(TEXT, "more")].concat() {
                raw.send([byte]);
            }
            raw
        });
        assert_eq!(ws.recv().unwrap(), Some(Message::Binary(vec![7; 3000])));
        assert_eq!(ws.recv().unwrap(), text("and"));
        assert_eq!(ws.recv().unwrap(), text("more"));
        server.join();

        let server = serve_anyhow(echo);
        let mut raw = raw_tls_client(&server);
        raw.open();
        masked(BINARY, [7; 3000]).into_iter().for_each(|byte| raw.send([byte]));
        assert_eq!(raw.frame().payload, [7; 3000]);
    });
}

#[test]
fn both_directions_at_once() {
    limited(|| {
        const SIZE: usize = 300_000;
        const COUNT: u8 = 40;
        let ca = Ca::new();
        let server = serve_tls(ca.issue(&["localhost"]).identity());
        let (sender, mut receiver) = ca.client().connect(&server.tls_url()).unwrap().split();
        let sending = thread::spawn(move || (0..COUNT).for_each(|i| sender.send(vec![i; SIZE]).unwrap()));
        for i in 0..COUNT {
            let message = receiver.recv().unwrap().unwrap();
            assert!(message.as_bytes().len() == SIZE && message.as_bytes().iter().all(|&byte| byte == i));
        }
        sending.join().unwrap();
    });
}

// ----- Time -----

#[test]
fn item_2_a_silent_server_exceeds_the_limit_of_the_tls_handshake() {
    limited(|| {
        let client = Client::builder()
            .tls_options(connector())
            .handshake_timeout(Some(Duration::from_millis(200)))
            .build()
            .unwrap();
        let (addr, server) = raw_server(|mut raw| raw.rest().is_ok());
        let (took, result) = timed(|| client.connect(&format!("wss://localhost:{}/", addr.port())));
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Timeout(Timeout { phase: Phase::Tls, .. })), "{error}");
        assert!(took >= Duration::from_millis(190) && took < Duration::from_secs(5), "{took:?}");
        assert!(server.join());
    });
}

#[test]
fn item_2_a_silent_client_exceeds_the_limit_of_the_tls_handshake() {
    limited(|| {
        let options = Server::builder().tls_options(acceptor(self_signed(&["localhost"]).identity()));
        let options = options.handshake_timeout(Some(Duration::from_millis(200)));
        let listener = options.listen("127.0.0.1:0").unwrap();
        // The second stops in the middle of a record.
        for sent in [&b""[..], &[0x16, 3, 1, 2, 0, 1]] {
            let mut raw = Raw::connect(listener.local_addr().unwrap());
            raw.send(sent);
            let (took, result) = timed(|| listener.accept().map(drop));
            assert!(matches!(result, Err(Error::Timeout(Timeout { phase: Phase::Tls, .. }))), "{result:?}");
            assert!(took >= Duration::from_millis(190) && took < Duration::from_secs(5), "{took:?}");
            assert_eq!(raw.rest().unwrap(), b"");
        }
    });
}

/// TLS and the request share one deadline: the time for TLS counts.
#[test]
fn item_2_a_client_that_is_silent_after_the_tls_handshake_is_answered_408() {
    limited(|| {
        let options = Server::builder().tls_options(acceptor(self_signed(&["localhost"]).identity()));
        let server = serve_echo(options.handshake_timeout(Some(Duration::from_millis(300))));
        let mut raw = raw_tls_client(&server);
        assert!(raw.head().starts_with("HTTP/1.1 408 "));
        raw.rest().unwrap();
    });
}

#[test]
fn input_that_is_not_tls_is_an_error_in_both_roles() {
    limited(|| {
        let (addr, server) = raw_server(|mut raw| {
            let _ = raw.stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = raw.rest();
        });
        let result = client(connector()).connect(&format!("wss://localhost:{}/", addr.port()));
        let told = told_once(&result.unwrap_err());
        assert!(told.starts_with("TLS handshake failed: ") && told.contains("does not speak TLS"), "{told}");
        server.join();

        let options = Server::builder().tls_options(acceptor(self_signed(&["localhost"]).identity()));
        let listener = options.listen("127.0.0.1:0").unwrap();
        let mut raw = Raw::connect(listener.local_addr().unwrap());
        raw.send(format!("{REQUEST}\r\n"));
        assert!(matches!(listener.accept(), Err(Error::Tls(_))));
    });
}

#[test]
fn a_peer_that_leaves_during_the_handshake_is_an_error() {
    limited(|| {
        let (addr, server) = raw_server(drop);
        let result = client(connector()).connect(&format!("wss://localhost:{}/", addr.port()));
        assert!(matches!(result, Err(Error::Tls(_) | Error::Io { .. })), "{result:?}");
        server.join();
    });
}

#[test]
fn an_idle_connection_uses_no_processor_time() {
    limited(|| {
        let ca = Ca::new();
        // The server's thread and the client's, each measured separately.
        let (report, reported) = mpsc::channel();
        let server =
            serve(Server::builder().tls_options(acceptor(ca.issue(&["localhost"]).identity())), move |mut ws| {
                assert_eq!(ws.recv().unwrap(), text("begin"));
                ws.send("begun").unwrap();
                let mut clock = CpuClock::of_this_thread();
                let before = clock.read();
                assert_eq!(ws.recv().unwrap(), text("end"));
                report.send(clock.read() - before).unwrap();
            });
        let mut ws = ca.client().connect(&server.tls_url()).unwrap();
        ws.send("begin").unwrap();
        assert_eq!(ws.recv().unwrap(), text("begun"));
        let mut clock = CpuClock::of_this_thread();
        let before = clock.read();
        for wakeable in [false, true] {
            let _interrupter: Option<Interrupter> = wakeable.then(|| ws.interrupter().unwrap());
            assert!(matches!(ws.recv_timeout(Duration::from_millis(500)), Err(Error::Timeout(_))));
        }
        let used = [clock.read() - before, {
            ws.send("end").unwrap();
            reported.recv().unwrap()
        }];
        assert!(used.iter().all(|&used| used <= Duration::from_millis(50)), "{used:?} of a second");
    });
}

// ----- The openssl program -----

/// OpenSSL's server for one client, and its port.
fn openssl_server(ca: &Ca, scratch: &Scratch, options: &[&str]) -> (Child, u16) {
    let certificate = ca.issue(&["localhost"]);
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1"]).args(options);
    command.arg("-cert").arg(scratch.write("cert", &certificate.cert));
    command.arg("-key").arg(scratch.write("key", &certificate.key));
    command.arg("-CAfile").arg(scratch.write("ca", ca.pem()));
    let server = Child::start(command.stdin(Stdio::piped()));
    let line = server.line(|line| line.starts_with("ACCEPT "));
    let port = line.rsplit(':').next().unwrap().parse().unwrap();
    (server, port)
}

/// Requires a client certificate.
const DEMANDING: &[&str] = &["-Verify", "1", "-verify_return_error"];

/// Accepts the client. Returns the server's input, which is sent to the client, and the client's connection.
fn welcome(
    server: &mut Child,
    connecting: thread::JoinHandle<landline::Result<landline::WebSocket>>,
) -> (process::ChildStdin, landline::WebSocket) {
    let key = server.line(|line| line.starts_with("Sec-WebSocket-Key: "));
    let accept = landline::proto::handshake::accept_key(key.split_once(": ").unwrap().1);
    let answer = format!(
        "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    let mut stdin = server.process.stdin.take().unwrap();
    stdin.write_all(&[answer.as_bytes(), &frame(TEXT, "welcome")].concat()).unwrap();
    let mut ws = connecting.join().unwrap().unwrap();
    assert_eq!(ws.recv().unwrap(), text("welcome"));
    (stdin, ws)
}

#[test]
fn a_clients_identity_is_presented_to_a_server_that_asks() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("identity"));
        let (mut server, port) = openssl_server(&ca, &scratch, DEMANDING);
        let tls = trusting(&ca).identity(ca.issue(&["client"]).identity());
        let connecting = thread::spawn(move || client(tls).connect(&format!("wss://localhost:{port}/")));
        welcome(&mut server, connecting);
    });
}

#[test]
fn a_server_that_asks_refuses_a_client_without_identity() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("anonymous"));
        let (_server, port) = openssl_server(&ca, &scratch, DEMANDING);
        let error = ca.client().connect(&format!("wss://localhost:{port}/")).unwrap_err();
        // In TLS 1.3 the client learns of it only after its handshake.
        let Error::Tls(failure) = &error else { panic!("{error:?}") };
        assert_eq!(failure.reason(), Some(TlsReason::ClientCertificateRequired), "{error:#}");
    });
}

/// What the openssl program negotiates with our server.
#[test]
fn a_server_speaks_tls_1_3_and_1_2() {
    limited(|| {
        let server = serve_anyhow(echo);
        for (option, version) in [("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")] {
            let mut command = Command::new("openssl");
            command.args(["s_client", "-brief", option, "-connect", &server.addr.to_string()]);
            let mut child = Child::start(command.stdin(Stdio::piped()));
            let mut stdin = child.process.stdin.take().unwrap();
            stdin.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
            // They come through two pipes, in any order.
            let (mut speaks, mut answers) = (false, false);
            child.line(|line| {
                speaks |= line == format!("Protocol version: {version}");
                answers |= line.starts_with("Sec-WebSocket-Accept");
                speaks && answers
            });
        }
        for option in ["-tls1_1", "-tls1"] {
            let mut command = Command::new("openssl");
            command.args(["s_client", option, "-cipher", "ALL:@SECLEVEL=0", "-connect", &server.addr.to_string()]);
            let (status, output) = run(&mut command, Duration::from_secs(20));
            assert!(!status.success() && output.contains("alert"), "{output}");
        }
    });
}

#[test]
fn keys_are_updated_in_the_middle_of_a_connection() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("update"));
        let (mut server, port) = openssl_server(&ca, &scratch, &["-tls1_3", "-msg"]);
        let url = format!("wss://localhost:{port}/");
        let connecting = thread::spawn(move || ca.client().connect(&url));
        let (mut stdin, mut ws) = welcome(&mut server, connecting);
        for (order, message) in [("k", "one"), ("K", "two"), ("K", "three")] {
            // If it is all that one read returns, it is a command: to update this end's keys and, with K, the peer's
            // too.
            stdin.write_all(format!("{order}\n").as_bytes()).unwrap();
            server.line(|line| line.starts_with(">>>") && line.contains("KeyUpdate"));
            stdin.write_all(&frame(TEXT, message)).unwrap();
            assert_eq!(ws.recv().unwrap(), text(message));
            if order == "K" {
                ws.send("under new keys").unwrap();
                server.line(|line| line.starts_with("<<<") && line.contains("KeyUpdate"));
            }
        }
        stdin.write_all(&frame(CLOSE, close_payload(1000, ""))).unwrap();
        assert_eq!(ws.recv().unwrap(), None);
        drop(ws);
        let rest = server.output(Duration::from_secs(20));
        assert!(!rest.contains("error"), "{rest}");
    });
}

#[test]
fn renegotiation_is_refused() {
    limited(|| {
        let server = serve_anyhow(echo);
        let mut command = Command::new("openssl");
        command.args(["s_client", "-tls1_2", "-connect", &server.addr.to_string()]);
        let mut child = Child::start(command.stdin(Stdio::piped()));
        let mut stdin = child.process.stdin.take().unwrap();
        // Until then it does not read its input.
        child.line(|line| line.contains("Extended master secret"));
        stdin.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
        child.line(|line| line.starts_with("Sec-WebSocket-Accept"));
        stdin.write_all(b"R\n").unwrap();
        let rest = child.output(Duration::from_secs(20));
        assert!(rest.contains("no renegotiation"), "{rest}");
        eventually("the connection is over", || server.stop.connections() == 0);
    });
}
