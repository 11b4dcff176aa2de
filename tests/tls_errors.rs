//! TLS errors: certificates and keys that cannot be used, and records that were modified in transit.
#![cfg(any(feature = "native-tls", feature = "rustls"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use landline::error::{Closed, Error, Fault, TlsStage};
use landline::transport::{Identity, TlsBackend};
use landline::{Client, CloseCode, Message, Server, WebSocket};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

// ----- Certificates and keys -----

/// Unusable certificates and keys, and what the error says about each.
fn garbage(scratch: &Scratch) -> Vec<(Vec<u8>, &'static str)> {
    let der = |label: &str| {
        let certificate = self_signed(&["localhost"]);
        let pem = if label == "CERTIFICATE" { certificate.cert } else { certificate.key };
        let (pem, der) = (scratch.write("pem", pem), scratch.path("der"));
        let tool = if label == "CERTIFICATE" { "x509" } else { "pkey" };
        let mut command = Command::new("openssl");
        command.args([tool, "-outform", "DER", "-in", pem.to_str().unwrap(), "-out", der.to_str().unwrap()]);
        let (status, output) = run(&mut command, Duration::from_secs(20));
        assert!(status.success(), "{output}");
        std::fs::read(der).unwrap()
    };
    vec![
        (b"".to_vec(), "it is empty"),
        (b"\n\n".to_vec(), "it is empty"),
        (b"certainly no certificate".to_vec(), "in PEM form in it"),
        (vec![0xff; 500], "in PEM form in it"),
        (der("CERTIFICATE"), "it is not in PEM but in DER form"),
        (der("PRIVATE KEY"), "it is not in PEM but in DER form"),
    ]
}

fn damaged(pem: &str) -> Vec<u8> {
    let mut lines: Vec<&str> = pem.lines().collect();
    lines.remove(1);
    lines.join("\n").into_bytes()
}

/// Checks that an error is the kind for mistakes of this program, and that its text has these parts.
fn is_told(error: &Error, parts: &[&str]) {
    let Error::Tls(failure) = error else { panic!("{error:?}") };
    assert_eq!((failure.stage(), error.fault()), (TlsStage::Settings, Fault::Caller), "{error}");
    let told = told_once(error);
    assert!(parts.iter().all(|part| told.contains(part)), "{told}: not {parts:?}");
    assert!(!told.contains("error:"), "{told}");
}

#[test]
fn invalid_ca_certificates_are_refused_by_name() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("no-ca"));
        let mut cases = garbage(&scratch);
        cases.push((damaged(&ca.pem()), "it is damaged"));
        cases.push((format!("{}{}", ca.pem(), String::from_utf8_lossy(&damaged(&ca.pem()))).into(), "damaged"));
        cases.push((self_signed(&["x"]).key.into(), "there is no certificate in it, but a private key"));
        for (content, why) in cases {
            let error = connector().ca_pem(&content).build().unwrap_err();
            is_told(&error, &["the CA certificate cannot be used: ", why]);
            let file = scratch.write("ca.pem", &content);
            let error = connector().ca_file(&file).build().unwrap_err();
            is_told(&error, &["the CA certificate in ", file.to_str().unwrap(), why]);
        }
    });
}

#[test]
fn invalid_certificates_and_keys_are_refused_by_name() {
    limited(|| {
        let (good, scratch) = (self_signed(&["localhost"]), Scratch::new("no-identity"));
        let other = scratch.write("good.pem", format!("{}{}", good.cert, good.key));
        let refused = |content: &[u8], role: &str, why: &str| {
            let file = scratch.write("bad.pem", content);
            let (in_memory, in_file) = if role == "certificate" {
                (Identity::from_pem(content, good.key.as_bytes()), Identity::from_pem_files(&file, &other))
            } else {
                (Identity::from_pem(good.cert.as_bytes(), content), Identity::from_pem_files(&other, &file))
            };
            is_told(&in_memory.unwrap_err(), &[&format!("the {role} cannot be used: "), why]);
            is_told(&in_file.unwrap_err(), &[&format!("the {role} in "), file.to_str().unwrap(), why]);
        };
        for (content, why) in garbage(&scratch) {
            refused(&content, "certificate", why);
            refused(&content, "private key", why);
        }
        refused(&damaged(&good.cert), "certificate", "it is damaged");
        refused(&damaged(&good.key), "private key", "it is damaged");
        refused(good.key.as_bytes(), "certificate", "but a private key");
        refused(good.cert.as_bytes(), "private key", "but a certificate");
        refused(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII=\n", "private key", "it is encrypted");
        // Both in one file, whatever is between them.
        Identity::from_pem_files(&other, &other).unwrap();
    });
}

#[test]
fn a_device_that_never_ends_is_not_read_until_there_is_no_memory_left() {
    limited(|| {
        let good = self_signed(&["localhost"]);
        let scratch = Scratch::new("endless");
        let key = scratch.write("key", &good.key);
        let endless: [landline::Result<()>; 3] = [
            connector().ca_file("/dev/zero").build().map(drop),
            connector().identity_pem_files("/dev/zero", &key).build().map(drop),
            Identity::from_pem_files("/dev/zero", &key).map(drop),
        ];
        for result in endless {
            let told = told_once(&result.unwrap_err());
            assert_eq!(told, "cannot read /dev/zero: it has more than 16777216 bytes");
        }
    });
}

#[test]
fn invalid_pkcs12_archives_are_refused() {
    limited(|| {
        let good = self_signed(&["localhost"]);
        // Only native-tls reads archives.
        let no_archive = match TlsBackend::NativeTls.is_available() {
            true => "it is damaged, or something else",
            false => "rustls reads none; convert it with: openssl pkcs12 -nodes",
        };
        for (content, why) in
            [(&b""[..], "it is empty"), (b"certainly no archive", no_archive), (good.cert.as_bytes(), "it is PEM")]
        {
            let error = Identity::from_pkcs12(content, "").unwrap_err();
            is_told(&error, &["the PKCS#12 archive cannot be used: ", why]);
        }
    });
}

#[test]
fn a_key_of_another_certificate_is_refused_naming_both() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("mismatch"));
        let (one, other) = (ca.issue(&["localhost"]), ca.issue(&["localhost"]));
        let error = Identity::from_pem(one.cert.as_bytes(), other.key.as_bytes()).unwrap_err();
        is_told(&error, &["the private key is not that of the certificate"]);
        let (cert, key) = (scratch.write("one.cert", &one.cert), scratch.write("other.key", &other.key));
        let error = Identity::from_pem_files(&cert, &key).unwrap_err();
        let names = [key.to_str().unwrap(), " is not that of the certificate in ", cert.to_str().unwrap()];
        is_told(&error, &names);
        // The same with another kind of key.
        let rsa = scratch.path("rsa.key");
        let mut command = Command::new("openssl");
        command.args(["genpkey", "-algorithm", "RSA", "-out", rsa.to_str().unwrap()]);
        assert!(run(&mut command, Duration::from_secs(30)).0.success());
        is_told(&Identity::from_pem_files(&cert, &rsa).unwrap_err(), &["is not that of"]);
    });
}

// ----- Records modified in transit -----

/// What the attacker does to a record of application data in one direction.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Do {
    Nothing,
    FlipAByte,
    SendPlainText,
    CutItShort,
}

/// An attacker between a client and a server.
struct Meddler {
    addr: SocketAddr,
    /// What to do next, from the client and from the server, and after how many records (times 16).
    next: Arc<[AtomicU8; 2]>,
}

const FROM_CLIENT: usize = 0;
const FROM_SERVER: usize = 1;

impl Meddler {
    fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let next: Arc<[AtomicU8; 2]> = Arc::default();
        let shared = Arc::clone(&next);
        thread::spawn(move || {
            let client = listener.accept().unwrap().0;
            let server = TcpStream::connect(server).unwrap();
            let (from_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let other = Arc::clone(&shared);
            thread::spawn(move || carry(from_server, client, &other[FROM_SERVER]));
            carry(from_client, server, &shared[FROM_CLIENT]);
        });
        Self { addr, next }
    }

    fn order(&self, direction: usize, behind: u8, what: Do) {
        self.next[direction].store(behind * 16 + what as u8, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, next: &AtomicU8) {
    limit(&from);
    limit(&to);
    let mut record = || {
        let mut bytes = vec![0; 5];
        from.read_exact(&mut bytes).ok()?;
        let len = u16::from_be_bytes([bytes[3], bytes[4]]);
        bytes.resize(5 + usize::from(len), 0);
        from.read_exact(&mut bytes[5..]).ok()?;
        Some(bytes)
    };
    while let Some(mut bytes) = record() {
        let mut order = if bytes[0] == 23 { next.swap(Do::Nothing as u8, Ordering::SeqCst) } else { 0 };
        if order >= 16 {
            next.store(order - 16, Ordering::SeqCst);
            order = Do::Nothing as u8;
        }
        if order == Do::FlipAByte as u8 {
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
        } else if order == Do::SendPlainText as u8 {
            bytes = b"HTTP/1.1 500 Oh no\r\n\r\n".to_vec();
        } else if order == Do::CutItShort as u8 {
            let _ = to.write_all(&bytes[..bytes.len() - 1]);
            break;
        }
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// A client, a server, and the attacker between them.
fn meddled() -> (WebSocket, WebSocket, Meddler) {
    let ca = Ca::new();
    let identity = ca.issue(&["localhost"]).identity();
    let listener = Server::builder().tls_options(acceptor(identity)).listen("127.0.0.1:0").unwrap();
    let meddler = Meddler::before(listener.local_addr().unwrap());
    let url = format!("wss://localhost:{}/", meddler.addr.port());
    let tls = connector().ca_pem(ca.pem().as_bytes()).platform_roots(false).build().unwrap();
    let connecting = thread::spawn(move || Client::builder().tls(tls).build().unwrap().connect(&url).unwrap());
    let server = listener.accept().unwrap().accept().unwrap();
    (connecting.join().unwrap(), server, meddler)
}

/// A TLS error of an open connection, as plain text.
fn is_failure_of_tls<T: std::fmt::Debug>(result: landline::Result<T>, told: &str) -> String {
    let error = result.unwrap_err();
    let Error::Tls(failure) = &error else { panic!("{error:?}") };
    assert_eq!((failure.stage(), error.fault()), (TlsStage::Open, Fault::Peer), "{error}");
    assert!(error.is_fatal());
    let text = told_once(&error);
    assert!(text.contains(told) && !text.contains("error:"), "{text}");
    text
}

const DAMAGED: &str = "a TLS record cannot be decrypted; it was damaged or changed on the way";
const ALERT: &str = "peer ended TLS with an alert: bad record mac";

/// The two ends, sender first.
fn each_direction(test: impl Fn(WebSocket, WebSocket, &dyn Fn(u8, Do))) {
    for direction in [FROM_CLIENT, FROM_SERVER] {
        let (client, server, meddler) = meddled();
        let (sender, receiver) = if direction == FROM_CLIENT { (client, server) } else { (server, client) };
        test(sender, receiver, &|behind, what| meddler.order(direction, behind, what));
    }
}

#[test]
fn a_modified_record_is_a_tls_error_at_both_ends() {
    limited(|| {
        each_direction(|mut sender, mut receiver, order| {
            sender.send("before").unwrap();
            assert_eq!(receiver.recv().unwrap(), Some(Message::Text("before".into())));
            order(0, Do::FlipAByte);
            sender.send("changed").unwrap();
            let first = is_failure_of_tls(receiver.recv(), DAMAGED);
            assert_eq!(is_failure_of_tls(receiver.recv(), DAMAGED), first, "the same ever after");
            assert_eq!(is_failure_of_tls(receiver.send("more"), DAMAGED), first, "in sending too");
            is_failure_of_tls(receiver.close(CloseCode::NORMAL_CLOSURE, ""), DAMAGED);
            // An alert told the other end.
            is_failure_of_tls(sender.recv(), ALERT);
            is_failure_of_tls(sender.close(CloseCode::NORMAL_CLOSURE, ""), ALERT);
        });
    });
}

#[test]
fn a_sender_gets_the_reason_for_a_tls_failure() {
    limited(|| {
        each_direction(|mut other, ws, order| {
            let (sender, mut receiver) = ws.split();
            order(0, Do::FlipAByte);
            other.send("changed").unwrap();
            is_failure_of_tls(receiver.recv(), DAMAGED);
            for _ in 0..2 {
                is_failure_of_tls(sender.send(vec![7; 100_000]), DAMAGED);
            }
        });
    });
}

#[test]
fn messages_before_a_modified_record_arrive() {
    limited(|| {
        each_direction(|mut sender, mut receiver, order| {
            order(3, Do::FlipAByte);
            (0..4).for_each(|i| sender.send(format!("message {i}")).unwrap());
            for i in 0..3 {
                assert_eq!(receiver.recv().unwrap(), Some(Message::Text(format!("message {i}"))));
            }
            is_failure_of_tls(receiver.recv(), DAMAGED);
        });
    });
}

#[test]
fn input_that_is_not_tls_on_an_open_connection_is_a_tls_error() {
    limited(|| {
        each_direction(|mut sender, mut receiver, order| {
            order(0, Do::SendPlainText);
            sender.send("replaced").unwrap();
            is_failure_of_tls(receiver.recv(), "peer sent what is no valid TLS: ");
        });
    });
}

#[test]
fn closing_reports_a_tls_failure() {
    limited(|| {
        each_direction(|mut answering, mut closing, order| {
            order(0, Do::FlipAByte);
            let answered = thread::spawn(move || drop(answering.recv()));
            is_failure_of_tls(closing.close(CloseCode::NORMAL_CLOSURE, ""), DAMAGED);
            answered.join().unwrap();
        });
    });
}

#[test]
fn a_truncated_record_is_the_end_of_the_stream() {
    limited(|| {
        each_direction(|mut sender, mut receiver, order| {
            order(0, Do::CutItShort);
            sender.send("cut off").unwrap();
            let result = receiver.recv();
            assert!(matches!(result, Err(Error::Closed(Closed::Eof))), "{result:?}");
        });
    });
}
