//! A build without a TLS library: `cargo test --no-default-features --test no_tls`.
#![cfg(not(any(feature = "native-tls", feature = "rustls")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use landline::error::{ConfigError, Error};
use landline::transport::{Identity, TlsConnector};
use landline::{Message, Server};

fn says_what_to_enable<T: std::fmt::Debug>(result: landline::Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(
        told_once(&error),
        "this build of landline has no TLS; enable its cargo feature native-tls or rustls"
    );
    let Error::Config(error) = error else { panic!("{error:?}") };
    assert!(matches!(*error, ConfigError::NotCompiledIn { .. }));
}

#[test]
fn whatever_needs_tls_says_what_to_enable_and_all_else_works() {
    limited(|| {
        let server = serve_echo(Server::builder());
        says_what_to_enable(landline::connect(&server.tls_url()));
        says_what_to_enable(TlsConnector::new());
        let certificate = self_signed(&["localhost"]);
        says_what_to_enable(Identity::from_pem(certificate.cert.as_bytes(), certificate.key.as_bytes()));
        says_what_to_enable(Identity::from_pkcs12(b"archive", ""));

        let mut ws = landline::connect(&server.url()).unwrap();
        ws.send("plain").unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::Text("plain".into())));
        assert!(ws.tls_info().is_none());
    });
}
