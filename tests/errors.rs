//! What errors report: the cause once, in the source; refusals with their types; settings by the program's own names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use http::StatusCode;
use landline::error::{
    Attempt, ConfigError, ConnectError, HandshakeError, HeaderError, RequestError, ResponseError, Setting,
};
use landline::server::accept_over;
use landline::transport::{Identity, TlsConnector, pair as memory};
use landline::{Client, Compression, Config, Error, Headers, Keepalive, Server};
use std::error::Error as StdError;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// The first of the error's sources that is an I/O error.
fn io_error(error: &Error) -> Option<&io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

#[test]
fn a_refused_connection_has_the_systems_error_as_its_source() {
    limited(|| {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = landline::connect(&format!("ws://{free}/")).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot connect to {free}"));
        assert_eq!(io_error(&error).unwrap().kind(), ErrorKind::ConnectionRefused);
        let refused = io::Error::from(rustix::io::Errno::CONNREFUSED);
        assert_eq!(told_once(&error), format!("cannot connect to {free}: {refused}"));
    });
}

#[test]
fn addresses_that_fail_for_several_reasons_are_reported_with_each_reason_once() {
    let address = |text: &str| -> SocketAddr { text.parse().unwrap() };
    let error = |attempts: Vec<(SocketAddr, io::Error)>| {
        let attempts = attempts.into_iter().map(|(address, error)| Attempt { address: address.into(), error });
        let (authority, attempts) = ("host:1".to_owned(), attempts.collect());
        Error::Connect(Arc::new(ConnectError { authority, lookup: None, attempts, excluded: false }))
    };
    let (v4, v6) = (address("127.0.0.1:1"), address("[::1]:1"));
    let (refused, other) = (|| io::Error::other("refused"), || io::Error::other("no route"));
    let told = told_once(&error(vec![(v6, refused()), (v4, refused())]));
    assert_eq!(told, "cannot connect to host:1 at [::1]:1, 127.0.0.1:1: refused");
    let told = told_once(&error(vec![(v6, other()), (v4, refused())]));
    assert_eq!(told, "cannot connect to host:1 at [::1]:1 (no route), 127.0.0.1:1: refused");
    assert_eq!(told_once(&error(vec![])), "cannot connect to host:1: the name has no address");
    let attempts =
        vec![Attempt { address: v6.into(), error: refused() }, Attempt { address: v4.into(), error: other() }];
    let lookup = Some(io::Error::other("no answer"));
    let both = ConnectError { authority: "host:1".to_owned(), lookup, attempts, excluded: false };
    let told = told_once(&Error::Connect(Arc::new(both)));
    let attempts = "[::1]:1 (refused), 127.0.0.1:1 (no route)";
    assert_eq!(
        told,
        format!("cannot connect to host:1 at {attempts}; looking up its other addresses failed: no answer")
    );
}

#[test]
fn a_failed_look_up_has_the_resolvers_error_as_its_source() {
    limited(|| {
        // Name servers are not asked about labels of more than 63 bytes.
        let error = landline::connect(&format!("ws://{}.invalid/", "a".repeat(70))).unwrap_err();
        let cause = io_error(&error).unwrap().to_string();
        assert!(told_once(&error).ends_with(&format!(": looking up the name failed: {cause}")), "{error:#}");
    });
}

#[test]
fn a_failure_of_the_network_has_the_systems_error_as_its_source() {
    limited(|| {
        let (addr, server) = raw_server(|mut raw| {
            raw.head();
            let _ = socket2::SockRef::from(&raw.stream).set_linger(Some(Duration::ZERO));
        });
        let error = landline::connect(&format!("ws://{addr}/")).unwrap_err();
        server.join();
        assert_eq!(io_error(&error).unwrap().kind(), ErrorKind::ConnectionReset, "{error:?}");
        let told = told_once(&error);
        assert!(told.contains(" failed: Connection reset"), "{told}");
    });
}

#[test]
fn addresses_and_files_that_cannot_be_used_have_the_systems_error_as_their_source() {
    limited(|| {
        let error = Server::bind("no port").unwrap_err();
        assert_eq!(io_error(&error).unwrap().kind(), ErrorKind::InvalidInput);
        told_once(&error);
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = listening.local_addr().unwrap();
        let error = Server::bind(taken).unwrap_err();
        assert_eq!(io_error(&error).unwrap().kind(), ErrorKind::AddrInUse);
        assert!(told_once(&error).starts_with(&format!("listening on {taken} failed: ")), "{error:#}");
        let error = TlsConnector::builder().ca_file("/nowhere/ca.pem").build().unwrap_err();
        assert_eq!(io_error(&error).unwrap().kind(), ErrorKind::NotFound);
        assert!(told_once(&error).starts_with("cannot read /nowhere/ca.pem: "), "{error:#}");
        let Error::Config(config) = error else { panic!("{error:?}") };
        assert!(matches!(&*config, ConfigError::File { path, .. } if path.ends_with("nowhere/ca.pem")));
    });
}

#[test]
fn a_tls_error_has_the_librarys_error_as_its_source() {
    limited(|| {
        let server = serve_echo(Server::builder().tls(self_signed(&["localhost"]).identity()));
        let error = landline::connect(&server.tls_url()).unwrap_err();
        let told = told_once(&error);
        assert!(
            told.starts_with(
                "TLS handshake failed: peer's certificate is self-signed and not trusted: certificate verify"
            ),
            "{told}"
        );
        assert!(told.ends_with("; trust its issuer with ca_file or ca_pem, if this is the right server"), "{told}");
        let Error::Tls(failure) = &error else { panic!("{error:?}") };
        assert!(failure.library_error().unwrap().is::<native_tls::Error>(), "{failure:?}");

        let error = Identity::from_pkcs12(b"no archive", "").unwrap_err();
        assert!(
            error.source().is_some() && told_once(&error).contains("it is damaged, or something else: "),
            "{error:#}"
        );
    });
}

#[test]
fn input_that_is_not_tls_is_reported_with_the_librarys_error_once() {
    limited(|| {
        let (addr, server) = raw_server(|mut raw| {
            let _ = raw.stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = raw.rest();
        });
        let error = landline::connect(&format!("wss://localhost:{}/", addr.port())).unwrap_err();
        server.join();
        assert!(error.source().is_some(), "{error:?}");
        told_once(&error);
    });
}

/// Errors that wrap another error of this crate include its text, and have no source that would repeat it.
#[test]
fn errors_without_an_external_cause_have_no_source() {
    limited(|| {
        let (mut client, server) = pair();
        client.close_start(landline::CloseCode::NORMAL_CLOSURE, "").unwrap();
        drop(server);
        let (far, _near) = memory();
        for error in [
            landline::connect("http://localhost/").unwrap_err(),
            Client::builder().header("a b", "c").build().unwrap_err(),
            Client::builder().subprotocol("a b").build().unwrap_err(),
            Client::builder().compression(Compression::default().level(0)).build().unwrap_err(),
            client.send("behind").unwrap_err(),
            client.ping(&[0; 126]).unwrap_err(),
            client.close(1005.into(), "").unwrap_err(),
            Server::builder().handshake_timeout(Some(Duration::from_millis(1))).accept_over(far).unwrap_err(),
        ] {
            assert!(error.source().is_none(), "{error:?}");
            assert_eq!(told_once(&error), error.to_string());
        }
    });
}

#[test]
fn headers_that_cannot_be_sent_in_a_request_keep_their_error_type() {
    let refused = |error: Error| match error {
        Error::Config(error) => error,
        other => panic!("{other:?}"),
    };
    let error = refused(Client::builder().header("a b", "c").build().unwrap_err());
    assert!(matches!(&*error, ConfigError::Header(HeaderError::Name(name)) if name == "a b"), "{error:?}");
    let error = refused(Client::builder().subprotocol("a b").build().unwrap_err());
    assert!(matches!(&*error, ConfigError::Request(RequestError::InvalidSubprotocol(name)) if name == "a b"));
    let error = refused(Client::builder().header("Upgrade", "x").build().unwrap_err());
    assert!(matches!(&*error, ConfigError::Request(RequestError::ReservedHeader(name)) if name == "upgrade"));
}

#[test]
fn headers_that_cannot_be_sent_in_a_response_keep_their_error_type() {
    limited(|| {
        let (near, far) = memory();
        let client = thread::spawn(move || Client::default().connect_over(near, "ws://memory/"));
        let request = accept_over(far, &Config::default()).unwrap();
        let Err(Error::Config(error)) = request.reject(StatusCode::CONTINUE, Headers::new(), "") else {
            panic!("an answer that does not end the exchange")
        };
        assert!(matches!(*error, ConfigError::Response(ResponseError::InvalidStatus(StatusCode::CONTINUE))));
        // The client gets a response nevertheless, with its status, headers and body.
        let error = client.join().unwrap().unwrap_err();
        let Error::Handshake(error) = &error else { panic!("{error:?}") };
        let HandshakeError::Refused(refusal) = &**error else { panic!("{error:?}") };
        assert_eq!(refusal.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(refusal.headers.contains_key("content-length") && !refusal.body.is_empty());
    });
}

#[test]
fn a_refused_request_keeps_status_headers_and_reason() {
    limited(|| {
        let (near, far) = memory();
        let client = thread::spawn(move || {
            near_write(&near, b"POST / HTTP/1.1\r\nHost: a\r\n\r\n");
            near
        });
        let Err(Error::Rejected(rejection)) = accept_over(far, &Config::default()) else { panic!("a POST") };
        assert_eq!(rejection.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(rejection.headers().get("allow").unwrap(), "GET");
        assert_eq!(rejection.reason(), "the method has to be GET");
        drop(client.join());
    });
}

fn near_write(near: &impl landline::transport::Transport, bytes: &[u8]) {
    assert_eq!(near.write(&[io::IoSlice::new(bytes)]).unwrap(), bytes.len());
}

#[test]
fn an_error_about_a_setting_uses_the_programs_name_for_it() {
    let config = |config: Config| Client::builder().config(config).build().unwrap_err();
    let zero = Some(Duration::ZERO);
    let keepalive = |interval, timeout| {
        config(Config::default().keepalive(Some(
            Keepalive::default().interval(Duration::from_secs(interval)).timeout(Duration::from_secs(timeout)),
        )))
    };
    let compression = |options| Client::builder().compression(options).build().unwrap_err();
    for (error, setting) in [
        (config(Config::default().send_timeout(zero)), Setting::SendTimeout),
        (config(Config::default().recv_timeout(zero)), Setting::RecvTimeout),
        (config(Config::default().close_timeout(Duration::ZERO)), Setting::CloseTimeout),
        (config(Config::default().max_fragments(0)), Setting::MaxFragments),
        (keepalive(0, 1), Setting::KeepaliveInterval),
        (keepalive(1, 0), Setting::KeepaliveTimeout),
        (compression(Compression::default().level(0)), Setting::CompressionLevel),
        (compression(Compression::default().server_max_window_bits(8)), Setting::ServerMaxWindowBits),
        (compression(Compression::default().client_max_window_bits(16)), Setting::ClientMaxWindowBits),
        (Server::builder().handshake_timeout(zero).listen("127.0.0.1:0").unwrap_err(), Setting::HandshakeTimeout),
        (Client::builder().handshake_timeout(zero).build().unwrap_err(), Setting::HandshakeTimeout),
        (Client::builder().connect_timeout(zero).build().unwrap_err(), Setting::ConnectTimeout),
    ] {
        assert_eq!(error.setting(), Some(setting), "{error:?}");
        assert!(error.to_string().starts_with(&format!("{} of ", setting.name())), "{error}");
        let text = error.report(|named| (named == setting).then_some("--option")).to_string();
        assert!(text.starts_with("--option of ") && !text.contains(setting.name()), "{text}");
    }
}

#[test]
fn advice_to_change_a_setting_is_left_out_if_the_program_has_no_such_setting() {
    limited(|| {
        let error = landline::proto::LimitError::TooManyFragments { limit: 3 };
        let error = Error::Limit(error);
        assert_eq!(error.to_string(), "message in more than 3 fragments; raise max_fragments to accept it");
        assert_eq!(error.report(|_| None).to_string(), "message in more than 3 fragments");
        assert_eq!(
            error.report(|_| Some("LIMIT")).to_string(),
            "message in more than 3 fragments; raise LIMIT to accept it"
        );
    });
}
