//! The examples and the programs for harnesses as their users see them: what they print, and how they fail. `wscat` is
//! a package of its own, with its own tests.
//!
//! Cargo builds the examples for `cargo test`; before running `cargo test --test examples` alone, build them with
//! `cargo build --examples`.

mod common;

use common::{Ca, Child, Scratch, example, limited, serve, serve_echo};
use landline::{Client, CloseCode, Compression, Server};
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs a program that succeeds, and returns what it prints.
#[track_caller]
fn prints(command: &mut Command) -> String {
    let done = command.output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!((done.status.code(), &said[..]), (Some(0), ""), "{command:?}");
    String::from_utf8(done.stdout).unwrap()
}

/// Runs a program that fails, and returns its error message, which must be one line.
#[track_caller]
fn fails(command: &mut Command) -> String {
    let done = command.output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!((done.status.code(), done.stdout.len()), (Some(1), 0), "{command:?}: {said}");
    assert!(said.starts_with("error: ") && said.lines().count() == 1, "{command:?}: {said}");
    said
}

#[test]
fn client_prints_the_reply() {
    limited(|| {
        let server = serve_echo(Server::builder());
        assert_eq!(prints(example("client").arg(server.url())), "hello\n");
        assert_eq!(prints(example("client").args([&server.url(), "good morning"])), "good morning\n");
    });
}

#[test]
fn duplex_gets_every_echo_with_and_without_compression() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let said = prints(example("duplex").args([&server.url(), "2000"]));
        assert!(said.starts_with("2000 messages echoed, ") && said.ends_with(", compression off\n"), "{said}");
        let server = serve_echo(Server::builder().compression(Compression::default()));
        let said = prints(example("duplex").args([&server.url(), "2000"]));
        assert!(said.starts_with("2000 messages echoed, ") && said.ends_with(", compression on\n"), "{said}");
    });
}

#[test]
fn poll_loop_gets_every_echo_of_all_connections() {
    limited(|| {
        let (one, other) = (serve_echo(Server::builder()), serve_echo(Server::builder()));
        let urls = [one.url(), other.url(), one.url()];
        assert_eq!(prints(example("poll_loop").args(urls)), "3 connections, 3000 echoes\n");
        assert!(fails(&mut example("poll_loop")).contains("usage"));
    });
}

#[test]
fn protocol_loop_gets_every_echo() {
    limited(|| {
        let server = serve_echo(Server::builder());
        assert_eq!(prints(example("protocol_loop").arg(server.addr.to_string())), "100 messages echoed\n");
        assert!(fails(&mut example("protocol_loop")).contains("usage"));
    });
}

#[test]
fn wss_private_ca_trusts_that_authority_and_no_other() {
    limited(|| {
        let (ca, other, files) = (Ca::new(), Ca::new(), Scratch::new("examples"));
        let (ca_file, other_file) = (files.write("ca.pem", ca.pem()), files.write("other.pem", other.pem()));
        let server = serve_echo(Server::builder().tls(ca.issue(&["localhost"]).identity()));
        let url = server.tls_url();
        assert_eq!(prints(example("wss_private_ca").arg(&url).arg(ca_file)), "hello over TLS\n");
        let said = fails(example("wss_private_ca").arg(&url).arg(other_file));
        assert!(said.contains("certificate"), "{said}");
        assert!(fails(&mut example("wss_private_ca")).contains("usage"));
    });
}

#[test]
fn the_echo_server_reports_that_its_port_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = fails(example("echo_server").args(["--listen", &address]));
    assert!(said.contains(&address), "{said}");
    assert!(said.contains("Address already in use") && !said.contains("Kind"), "{said}");
}

#[test]
fn the_clients_report_that_there_is_no_server() {
    // Bound but not listening, so that no other program gets the port.
    let bound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    bound.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let url = format!("ws://{}/", bound.local_addr().unwrap().as_socket().unwrap());
    for (name, arguments) in [
        ("client", vec![&url[..]]),
        ("duplex", vec![&url]),
        ("poll_loop", vec![&url]),
        ("autobahn_client", vec![url.as_str(), "landline"]),
        ("bench_client", vec!["recv", "--size", "1", "--url", &url]),
    ] {
        fails(example(name).args(arguments));
    }
}

#[test]
fn reconnect_prints_a_feed_over_connections_that_break() {
    limited(|| {
        // Says which subscription this is, then breaks off, and closes the third time.
        let count = AtomicUsize::new(0);
        let server = serve(Server::builder(), move |mut ws| {
            let subscription = ws.recv().unwrap().unwrap();
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            ws.send(format!("{} {number}", subscription.as_text().unwrap())).unwrap();
            if number < 3 { ws.abort() } else { ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap() }
        });
        let done = example("reconnect").args([&server.url(), "prices"]).output().unwrap();
        assert_eq!(String::from_utf8(done.stdout).unwrap(), "prices 1\nprices 2\nprices 3\n");
        let said = String::from_utf8(done.stderr).unwrap();
        let lines: Vec<_> = said.lines().collect();
        let again = "connected again after: connection ended without a close frame (1006)";
        assert_eq!(lines, ["connected", again, again, "closed with 1000 (normal closure)"]);
        assert!(done.status.success());
        assert!(fails(example("reconnect").arg("ftp://example.com/")).contains("ws://"));
    });
}

#[test]
fn the_echo_server_compresses_if_it_is_told_to() {
    for (arguments, is_agreed) in [(&["--deflate"][..], true), (&[], false)] {
        let server = Child::start(example("echo_server").args(["--listen", "127.0.0.1:0"]).args(arguments));
        let line = server.line(|line| line.starts_with("listening on "));
        let url = line.trim_start_matches("listening on ");
        for offer in [Some(Compression::default()), None] {
            let is_offered = offer.is_some();
            let mut ws = Client::builder().compression(offer).build().unwrap().connect(url).unwrap();
            assert_eq!(ws.handshake().compression.is_some(), is_agreed && is_offered);
            for text in ["all lines are alike ".repeat(50), String::new()] {
                ws.send(&*text).unwrap();
                assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(&*text));
            }
            ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        }
    }
}
