//! Setting up TLS for a connection: it is done once for all connections with the same settings, and within the time
//! limit.
#![cfg(any(feature = "native-tls", feature = "rustls"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use landline::error::{Error, Phase, Timeout};
use landline::transport::TlsConnectorBuilder;
use landline::{Client, Interrupter, Server, WebSocket};
use rustix::time::{ClockId, clock_gettime};
use std::process::Command;
use std::thread;
use std::time::Duration;

fn with(options: TlsConnectorBuilder) -> Client {
    Client::builder().tls_options(options).build().unwrap()
}

/// The CPU time of this process, which has both ends of its connections.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

#[test]
fn certificates_are_read_for_the_first_connection_only() {
    const ROOTS: usize = 400;
    const CONNECTIONS: u32 = 10;
    let scratch = Scratch::new("roots");
    let platform = scratch.path("platform.pem");
    let before = format!("export SSL_CERT_FILE='{}';", platform.display());
    alone("certificates_are_read_for_the_first_connection_only", &before, move || {
        let (ca, scratch) = (Ca::new(), Scratch::new("own-roots"));
        let others: String = (1..ROOTS).map(|_| Ca::new().pem()).collect();
        std::fs::write(std::env::var("SSL_CERT_FILE").unwrap(), others + &ca.pem()).unwrap();
        let file = scratch.write("ca.pem", ca.pem());
        let certificate = ca.issue(&["localhost"]);
        let (cert, key) = (scratch.write("cert", &certificate.cert), scratch.write("key", &certificate.key));
        let server = serve_echo(Server::builder().tls_options(acceptor(certificate.identity())));
        let url = server.tls_url();

        let options = || connector().ca_pem(ca.pem().as_bytes());
        let connect: [(&str, &dyn Fn() -> landline::Result<WebSocket>); 6] = [
            ("connect", &|| with(connector()).connect(&url)),
            ("ca_pem", &|| with(options()).connect(&url)),
            ("ca_file", &|| with(connector().ca_file(&file)).connect(&url)),
            ("no platform roots", &|| with(options().platform_roots(false)).connect(&url)),
            ("identity", &|| with(options().identity_pem_files(&cert, &key)).connect(&url)),
            ("connector", &|| {
                let trust = options().danger_accept_invalid_hostnames(true).build()?;
                Client::builder().tls(trust).build()?.connect(&url)
            }),
        ];
        for (name, connect) in connect {
            let begin = cpu();
            drop(connect().unwrap());
            let first = cpu() - begin;
            let begin = cpu();
            (0..CONNECTIONS).for_each(|_| drop(connect().unwrap()));
            let other = (cpu() - begin) / CONNECTIONS;
            println!("{name}: {first:?} for the first, {other:?} for each other one, both ends");
            // Without the platform's roots, rustls has almost nothing to read.
            assert!(
                other * 4 < first || first < Duration::from_millis(5),
                "{name}: {first:?} for the first, {other:?} for each other one"
            );
        }
        // Of another client.
        let begin = cpu();
        drop(with(connector()).connect(&url).unwrap());
        let other = cpu() - begin;
        assert!(other < Duration::from_millis(20), "{other:?}");
    });
}

/// As documented in README.md, in this thread: the server's are others.
#[test]
fn further_connections_cost_a_client_at_most_2_ms_of_processor_time() {
    const CONNECTIONS: u32 = 20;
    limited(|| {
        let ca = Ca::new();
        let server = serve_echo(Server::builder().tls_options(acceptor(ca.issue(&["localhost"]).identity())));
        let url = server.tls_url();
        let client = || with(connector().ca_pem(ca.pem().as_bytes()));
        drop(client().connect(&url).unwrap());
        let mut clock = CpuClock::of_this_thread();
        let begin = clock.read();
        (0..CONNECTIONS).for_each(|_| drop(client().connect(&url).unwrap()));
        let each = (clock.read() - begin) / CONNECTIONS;
        println!("{each:?} for each connection");
        assert!(each <= Duration::from_millis(2), "{each:?}");
    });
}

#[test]
fn a_ca_file_that_has_changed_is_read_again() {
    limited(|| {
        let (ca, other, scratch) = (Ca::new(), Ca::new(), Scratch::new("changed"));
        let server = serve_echo(Server::builder().tls_options(acceptor(ca.issue(&["localhost"]).identity())));
        let file = scratch.write("ca.pem", ca.pem());
        let client = with(connector().platform_roots(false).ca_file(&file));
        // With the same modification time, and of the same length.
        for _ in 0..3 {
            scratch.write("ca.pem", ca.pem());
            client.connect(&server.tls_url()).unwrap();
            scratch.write("ca.pem", other.pem());
            let result = client.connect(&server.tls_url());
            assert!(matches!(result, Err(Error::Tls(_))), "{result:?}");
        }
        std::fs::remove_file(&file).unwrap();
        let result = client.connect(&server.tls_url());
        assert!(matches!(result, Err(Error::Config(_))), "{result:?}");
    });
}

#[test]
fn setting_up_tls_observes_the_time_limit_and_can_be_interrupted() {
    limited(|| {
        let scratch = Scratch::new("slow");
        // A file that takes forever to open.
        let slow = scratch.path("slow.pem");
        assert!(run(Command::new("mkfifo").arg(&slow), Duration::from_secs(10)).0.success());
        let options = || connector().ca_file(&slow);
        let url = "wss://127.0.0.1:9/";

        let limit = Duration::from_millis(200);
        let client = Client::builder().tls_options(options()).handshake_timeout(Some(limit)).build().unwrap();
        let (took, result) = timed(|| client.connect(url));
        assert!(matches!(result, Err(Error::Timeout(Timeout { phase: Phase::Tls, .. }))), "{result:?}");
        assert!(took >= limit && took < Duration::from_secs(10), "{took:?}");

        let interrupter = Interrupter::new().unwrap();
        let client = Client::builder().tls_options(options()).interrupter(interrupter.clone());
        let client = client.handshake_timeout(None).build().unwrap();
        let connecting = sleeper(move || client.connect(url));
        connecting.until_asleep();
        interrupter.interrupt();
        let result = connecting.join();
        assert!(matches!(result, Err(Error::Interrupted(_))), "{result:?}");

        // The threads that are still blocked end when their files do.
        let release = thread::spawn(move || drop(std::fs::OpenOptions::new().write(true).open(slow)));
        eventually("the file has been read", || release.is_finished());
    });
}

#[test]
fn unusable_certificates_are_reported_before_connecting() {
    limited(|| {
        let url = "wss://127.0.0.1:9/";
        let good = self_signed(&["localhost"]);
        for options in [
            connector().ca_pem(b"no certificate"),
            connector().identity_pem(good.cert.as_bytes(), self_signed(&["x"]).key.as_bytes()),
            connector().identity_pkcs12(b"no archive", ""),
        ] {
            let error = options.clone().build().unwrap_err();
            assert!(matches!(&error, Error::Tls(_)), "{error:?}");
            for _ in 0..2 {
                let result = with(options.clone()).connect(url);
                assert_eq!(told_once(&result.unwrap_err()), told_once(&error));
            }
        }
    });
}
