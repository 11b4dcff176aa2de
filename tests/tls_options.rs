//! The options of TLS in both roles, and what is known about TLS on an open connection.
#![cfg(any(feature = "native-tls", feature = "rustls"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use landline::error::{ConfigError, Error, Setting, TlsReason};
use landline::server::Request;
use landline::transport::{
    ClientCerts, Identity, TlsAcceptor, TlsAcceptorBuilder, TlsBackend, TlsConnector, TlsConnectorBuilder, TlsInfo,
    TlsVersion,
};
use landline::{Client, Listener, Message, Server, WebSocket};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// Trusts only these.
fn trusting(ca: &Ca) -> TlsConnectorBuilder {
    connector().platform_roots(false).ca_pem(ca.pem().as_bytes())
}

fn client(tls: TlsConnectorBuilder) -> Client {
    Client::builder().tls_options(tls).build().unwrap()
}

/// Runs the `openssl` program.
fn openssl(args: &[&str]) {
    let (status, output) = run(Command::new("openssl").args(args), Duration::from_secs(20));
    assert!(status.success(), "openssl {args:?}:\n{output}");
}

fn str(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn listen(tls: TlsAcceptorBuilder) -> (Listener, String) {
    let listener = Server::builder().tls_options(tls).listen("127.0.0.1:0").unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    (listener, url)
}

/// A connection, and what both ends know about TLS.
struct Opened {
    client: WebSocket,
    server: WebSocket,
    at_client: TlsInfo,
    at_server: TlsInfo,
}

/// Connects a client to a server. Each fails with its own error.
fn open(
    listener: &Listener,
    url: &str,
    tls: TlsConnectorBuilder,
) -> Result<Opened, (Option<landline::Error>, Option<landline::Error>)> {
    let client = client(tls);
    let (at_client, at_server) = thread::scope(|scope| {
        let connecting = scope.spawn(move || client.connect(url));
        let accepted = listener.accept().and_then(|request: Request| {
            let info = request.tls_info().unwrap();
            request.accept().map(|ws| (ws, info))
        });
        (connecting.join().unwrap(), accepted)
    });
    match (at_client, at_server) {
        (Ok(client), Ok((server, at_server))) => {
            let at_client = client.tls_info().unwrap();
            Ok(Opened { client, server, at_client, at_server })
        }
        (client, server) => Err((client.err(), server.err())),
    }
}

fn reason(error: &Option<landline::Error>) -> Option<TlsReason> {
    match error {
        Some(Error::Tls(failure)) => failure.reason(),
        _ => None,
    }
}

/// All libraries that are compiled in.
fn backends() -> Vec<TlsBackend> {
    [TlsBackend::NativeTls, TlsBackend::Rustls].into_iter().filter(|backend| backend.is_available()).collect()
}

// ----- Trust -----

#[test]
fn authorities_from_a_directory() {
    limited(|| {
        let (ca, other, scratch) = (Ca::new(), Ca::new(), Scratch::new("capath"));
        let server = serve_echo(Server::builder().tls_options(acceptor(ca.issue(&["localhost"]).identity())));
        let url = server.tls_url();
        let dir = scratch.path("authorities");
        std::fs::create_dir_all(dir.join("further")).unwrap();
        let put = |name: &str, content: &str| std::fs::write(dir.join(name), content).unwrap();
        let connect = || client(connector().platform_roots(false).ca_dir(&dir)).connect(&url);

        let told = told_once(&connect().unwrap_err());
        assert!(told.contains("there is no certificate in PEM form in the files of"), "{told}");
        put("README", "authorities");
        put("a.key", &self_signed(&["x"]).key);
        // A name as `openssl rehash` makes them, and others.
        put("0a1b2c3d.0", &other.pem());
        assert!(matches!(connect(), Err(Error::Tls(_))));
        put("without-extension", &ca.pem());
        std::os::unix::fs::symlink(dir.join("without-extension"), dir.join("again.pem")).unwrap();
        std::os::unix::fs::symlink(dir.join("gone"), dir.join("dangling.pem")).unwrap();
        connect().unwrap();
        connect().unwrap();
        put("without-extension", &other.pem());
        assert!(matches!(connect(), Err(Error::Tls(_))), "a changed file is noticed");
        put("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        let told = told_once(&connect().unwrap_err());
        assert!(told.contains("damaged.pem cannot be used: it is damaged"), "{told}");

        let missing = scratch.path("missing");
        let error = connector().ca_dir(&missing).build().unwrap_err();
        assert!(matches!(error, Error::Config(_)) && error.to_string().contains(str(&missing)), "{error}");
    });
}

#[test]
fn a_self_signed_certificate_can_be_trusted_by_itself() {
    limited(|| {
        for is_ca in [rcgen::IsCa::NoCa, rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained)] {
            let certificate = self_signed_with(&["localhost"], |params| params.is_ca = is_ca);
            let (listener, url) = listen(acceptor(certificate.identity()));
            let trust = || connector().platform_roots(false).ca_pem(certificate.cert.as_bytes());
            open(&listener, &url, trust()).expect("it is trusted");
            let (error, _) = open(&listener, &url.replace("localhost", "127.0.0.1"), trust()).err().unwrap();
            assert_eq!(reason(&error), Some(TlsReason::OtherName), "{error:?}");
            let (error, _) = open(&listener, &url, connector().platform_roots(false)).err().unwrap();
            assert_eq!(reason(&error), Some(TlsReason::SelfSigned), "{error:?}");
        }
    });
}

#[test]
fn the_server_name_is_apart_from_the_address() {
    limited(|| {
        let ca = Ca::new();
        let (listener, url) = listen(acceptor(ca.issue(&["inner.example"]).identity()));
        let (error, _) = open(&listener, &url, trusting(&ca)).err().unwrap();
        assert_eq!(reason(&error), Some(TlsReason::OtherName), "{error:?}");
        open(&listener, &url, trusting(&ca).server_name("inner.example")).expect("it is for that name");
        let (error, _) = open(&listener, &url, trusting(&ca).server_name("other.example")).err().unwrap();
        let told = told_once(&error.unwrap());
        assert!(
            told.contains("for another name than other.example") && told.contains("set server_name to"),
            "{told}"
        );
    });
}

#[test]
fn a_server_name_is_meant_as_in_a_url_and_nothing_else_is_accepted() {
    limited(|| {
        let ca = Ca::new();
        let (listener, url) =
            listen(acceptor(ca.issue(&["inner.example", "xn--bcher-kva.example", "::1"]).identity()));
        for name in ["inner.example.", "INNER.example", "b\u{fc}cher.example", "::1", "[::1]", "[0:0::1]"] {
            open(&listener, &url, trusting(&ca).server_name(name)).expect(name);
        }
        for name in ["", ".", "a b", "a\0", "inner.example:443", "wss://inner.example", "[::1"] {
            let error = connector().server_name(name).build().unwrap_err();
            assert!(matches!(error, Error::Config(_)), "{name:?}: {error:?}");
            assert_eq!(error.setting(), Some(Setting::ServerName), "{name:?}");
        }
    });
}

#[test]
fn only_pinned_keys_are_accepted() {
    limited(|| {
        let ca = Ca::new();
        let certificate = ca.issue(&["localhost"]);
        let (listener, url) = listen(acceptor(certificate.identity()));
        let opened = open(&listener, &url, trusting(&ca)).unwrap();
        let pin = opened.at_client.peer_certificate().unwrap().public_key_pin();

        // As curl's manual computes it.
        let scratch = Scratch::new("pin");
        let cert = scratch.write("cert", &certificate.cert);
        let pipe = "openssl x509 -in \"$0\" -pubkey -noout | openssl pkey -pubin -outform DER \
                    | openssl dgst -sha256 -binary | openssl base64";
        let (_, hash) = run(Command::new("sh").args(["-c", pipe, str(&cert)]), Duration::from_secs(20));
        assert_eq!(pin, format!("sha256//{}", hash.trim()));

        let other = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        open(&listener, &url, trusting(&ca).pinned_key(&pin)).expect("it is pinned");
        open(&listener, &url, trusting(&ca).pinned_key(other).pinned_key(&pin)).expect("one of two");
        let anyhow = connector().danger_accept_invalid_certs(true);
        open(&listener, &url, anyhow.pinned_key(&pin)).expect("it needs no other trust");

        for tls in [trusting(&ca), connector().danger_accept_invalid_certs(true)] {
            let (error, _) = open(&listener, &url, tls.pinned_key(other)).err().unwrap();
            assert_eq!(reason(&error), Some(TlsReason::NotPinned), "{error:?}");
            assert!(!error.as_ref().unwrap().is_transient(), "the next attempt would find the same key");
            let told = told_once(&error.unwrap());
            assert!(
                told.contains(&pin) && told.ends_with("; pin it with pinned_key, if this is the right server"),
                "{told}"
            );
        }
        for bad in ["", "sha256//", "sha256//AAAA", "md5//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", &pin[8..]]
        {
            let error = connector().pinned_key(bad).build().unwrap_err();
            assert!(matches!(error, Error::Config(_)) && error.setting() == Some(Setting::PinnedKey), "{error:?}");
        }
    });
}

#[test]
fn nothing_is_sent_to_a_server_whose_key_is_not_pinned() {
    limited(|| {
        let ca = Ca::new();
        let certificate = ca.issue(&["localhost"]);
        let identity = native_tls::Identity::from_pkcs8(certificate.cert.as_bytes(), certificate.key.as_bytes());
        let raw = native_tls::TlsAcceptor::new(identity.unwrap()).unwrap();
        let (addr, server) = raw_server(move |peer| Raw::new(raw.accept(peer.stream).unwrap()).rest());
        let other = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let result = client(trusting(&ca).pinned_key(other)).connect(&format!("wss://localhost:{}/", addr.port()));
        assert_eq!(reason(&result.err()), Some(TlsReason::NotPinned));
        assert_eq!(server.join().unwrap(), b"");
    });
}

// ----- Versions and what is negotiated -----

/// OpenSSL's server, which serves one client after another, and its port.
fn openssl_server(ca: &Ca, scratch: &Scratch, options: &[&str]) -> (Child, u16) {
    let certificate = ca.issue(&["localhost"]);
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0"]).args(options);
    command.arg("-cert").arg(scratch.write("cert", &certificate.cert));
    command.arg("-key").arg(scratch.write("key", &certificate.key));
    command.arg("-CAfile").arg(scratch.write("ca", ca.pem()));
    let server = Child::start(command.stdin(Stdio::piped()));
    let line = server.line(|line| line.starts_with("ACCEPT "));
    let port = line.rsplit(':').next().unwrap().parse().unwrap();
    (server, port)
}

/// Answers the client's request. Its connection.
fn welcome(server: &mut Child, connecting: thread::JoinHandle<landline::Result<WebSocket>>) -> WebSocket {
    let key = server.line(|line| line.starts_with("Sec-WebSocket-Key: "));
    let accept = landline::proto::handshake::accept_key(key.split_once(": ").unwrap().1);
    let answer = format!(
        "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    server.process.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
    connecting.join().unwrap().unwrap()
}

#[test]
fn version_and_cipher_suite_are_known_in_both_roles() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("suites"));
        for (options, version, suite) in [
            (
                &["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"][..],
                TlsVersion::V1_3,
                "TLS_AES_128_GCM_SHA256",
            ),
            (
                &["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
                TlsVersion::V1_3,
                "TLS_CHACHA20_POLY1305_SHA256",
            ),
            // For which the client has to send its hello once more.
            (
                &["-tls1_3", "-curves", "P-384", "-ciphersuites", "TLS_AES_256_GCM_SHA384"],
                TlsVersion::V1_3,
                "TLS_AES_256_GCM_SHA384",
            ),
            (
                &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"],
                TlsVersion::V1_2,
                "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            ),
        ] {
            let (mut server, port) = openssl_server(&ca, &scratch, options);
            let tls = trusting(&ca);
            let connecting = thread::spawn(move || client(tls).connect(&format!("wss://localhost:{port}/")));
            let info = welcome(&mut server, connecting).tls_info().unwrap();
            assert_eq!((info.version, &*info.cipher_suite_name()), (version, suite));
            assert_eq!((info.backend, info.is_resumed), (backend(), false));

            // The same suite on our server.
            let (listener, _) = listen(acceptor(ca.issue(&["localhost"]).identity()));
            let addr = listener.local_addr().unwrap().to_string();
            let mut command = Command::new("openssl");
            command.args(["s_client", "-connect", &addr]).args(options);
            let mut child = Child::start(command.stdin(Stdio::piped()));
            child.process.stdin.as_mut().unwrap().write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
            let info = listener.accept().unwrap().tls_info().unwrap();
            assert_eq!((info.version, &*info.cipher_suite_name()), (version, suite));
            assert!(info.peer_certificate().is_none() && info.alpn.is_none());
        }
        assert!(serve_echo(Server::builder()).addr.port() > 0 && pair().0.tls_info().is_none());
    });
}

#[test]
fn the_least_version_is_kept_to_by_both_ends() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("least"));
        let (_server, port) = openssl_server(&ca, &scratch, &["-tls1_2"]);
        let error = client(trusting(&ca).min_version(TlsVersion::V1_3))
            .connect(&format!("wss://localhost:{port}/"))
            .unwrap_err();
        let told = told_once(&error);
        assert_eq!(reason(&Some(error)), Some(TlsReason::NoCommonVersion), "{told}");
        assert!(
            told.starts_with(
                "TLS handshake failed: peer speaks no version of TLS that this end allows: TLS 1.3 or later: "
            ) && told.ends_with("; lower min_version to accept it"),
            "{told}"
        );

        let (listener, url) = listen(acceptor(ca.issue(&["localhost"]).identity()).min_version(TlsVersion::V1_3));
        let opened = open(&listener, &url, trusting(&ca)).unwrap();
        assert_eq!(opened.at_client.version, TlsVersion::V1_3);
        let addr = listener.local_addr().unwrap().to_string();
        let accepting = thread::spawn(move || listener.accept().map(drop).unwrap_err());
        let (status, output) =
            run(Command::new("openssl").args(["s_client", "-tls1_2", "-connect", &addr]), Duration::from_secs(20));
        assert!(!status.success() && output.contains("protocol version"), "{output}");
        let error = accepting.join().unwrap();
        assert!(told_once(&error).contains("that this end allows: TLS 1.3 or later"), "{error:#}");
    });
}

#[test]
fn http_1_1_is_offered_and_chosen() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("alpn"));
        let identity = || ca.issue(&["localhost"]).identity();
        for (offer, choose) in [(true, true), (true, false), (false, true), (false, false)] {
            let (listener, url) = listen(acceptor(identity()).alpn(choose));
            let opened = open(&listener, &url, trusting(&ca).alpn(offer)).unwrap();
            let chosen = (offer && choose).then(|| "http/1.1".to_owned());
            assert_eq!((opened.at_client.alpn, opened.at_server.alpn), (chosen.clone(), chosen));
        }

        let (listener, _) = listen(acceptor(identity()));
        let addr = listener.local_addr().unwrap().to_string();
        let accepting = thread::spawn(move || [listener.accept().map(drop), listener.accept().map(drop)]);
        let ask = |protocols: &str| {
            let mut command = Command::new("openssl");
            run(command.args(["s_client", "-connect", &addr, "-alpn", protocols]), Duration::from_secs(20)).1
        };
        let output = ask("h2,http/1.1");
        assert!(output.contains("ALPN protocol: http/1.1"), "{output}");
        let output = ask("h2");
        assert!(output.contains("no application protocol"), "{output}");
        assert!(matches!(accepting.join().unwrap(), [Err(_), Err(Error::Tls(_))]));

        let (mut server, port) = openssl_server(&ca, &scratch, &["-alpn", "h2,http/1.1"]);
        let tls = trusting(&ca);
        let connecting = thread::spawn(move || client(tls).connect(&format!("wss://localhost:{port}/")));
        assert_eq!(welcome(&mut server, connecting).tls_info().unwrap().alpn.as_deref(), Some("http/1.1"));
    });
}

// ----- Certificates of clients -----

/// Each library as a client with each as a server.
fn each_pair(test: impl Fn(TlsBackend, TlsBackend)) {
    for client in backends() {
        for server in backends() {
            test(client, server);
        }
    }
}

#[test]
fn a_server_says_who_came() {
    limited(|| {
        let (servers, clients) = (Ca::new(), Ca::new());
        each_pair(|client, server| {
            for ask in [ClientCerts::Optional, ClientCerts::Required] {
                let tls = acceptor(servers.issue(&["localhost"]).identity()).backend(server);
                let (listener, url) = listen(tls.client_certs(ask).client_ca_pem(clients.pem().as_bytes()));
                let tls = trusting(&servers).backend(client);
                let identity = clients.issue(&["alice.example", "10.0.0.7"]);
                let opened = open(&listener, &url, tls.identity(identity.identity())).expect("it is trusted");
                let alice = opened.at_server.peer_certificate().unwrap();
                assert_eq!(alice.names(), ["alice.example", "10.0.0.7"]);
                assert_eq!(alice.common_name(), "Landline test");
                let scratch = Scratch::new("der");
                let (pem, der) = (scratch.write("pem", &identity.cert), scratch.path("der"));
                openssl(&["x509", "-outform", "DER", "-in", str(&pem), "-out", str(&der)]);
                assert!(alice.der() == std::fs::read(der).unwrap());
                // The connection knows it, too.
                assert_eq!(opened.server.tls_info().unwrap().peer_certificates, opened.at_server.peer_certificates);
                assert_eq!(opened.at_client.peer_certificate().unwrap().names(), ["localhost"]);
            }
        });
    });
}

#[test]
fn a_client_without_a_certificate_is_let_in_or_told_that_it_needs_one() {
    limited(|| {
        let (servers, clients) = (Ca::new(), Ca::new());
        each_pair(|client, server| {
            let tls = || {
                let tls = acceptor(servers.issue(&["localhost"]).identity()).backend(server);
                tls.client_ca_pem(clients.pem().as_bytes())
            };
            let (listener, url) = listen(tls().client_certs(ClientCerts::Optional));
            let opened = open(&listener, &url, trusting(&servers).backend(client)).expect("it needs none");
            assert!(opened.at_server.peer_certificate().is_none());

            let (listener, url) = listen(tls().client_certs(ClientCerts::Required));
            let (at_client, at_server) = open(&listener, &url, trusting(&servers).backend(client)).err().unwrap();
            assert_eq!(reason(&at_server), Some(TlsReason::NoClientCertificate), "{at_server:?}");
            let told = told_once(&at_server.unwrap());
            assert!(
                told.starts_with("TLS handshake failed: peer showed no certificate, and one is required")
                    && told.ends_with("; make it optional with client_certs to accept it"),
                "{told}"
            );
            assert_eq!(reason(&at_client), Some(TlsReason::ClientCertificateRequired), "{at_client:?}");
            let told = told_once(&at_client.unwrap());
            assert!(
                told.starts_with("peer requires a client certificate")
                    && told.ends_with("; give one with identity"),
                "{told}"
            );
        });
    });
}

#[test]
fn a_client_with_a_certificate_that_is_not_trusted_is_refused() {
    limited(|| {
        let (servers, clients, others) = (Ca::new(), Ca::new(), Ca::new());
        let expired = clients.issue_with(&["client"], |params| {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        });
        let wrong = [
            (others.issue(&["client"]), TlsReason::UnknownIssuer, "was issued by an authority that is not trusted"),
            (self_signed(&["client"]), TlsReason::SelfSigned, "is self-signed and not trusted"),
            (expired, TlsReason::Expired, "has expired"),
        ];
        each_pair(|client, server| {
            for (identity, why, words) in &wrong {
                let tls = acceptor(servers.issue(&["localhost"]).identity()).backend(server);
                let tls = tls.client_certs(ClientCerts::Optional).client_ca_pem(clients.pem().as_bytes());
                let (listener, url) = listen(tls);
                let tls = trusting(&servers).backend(client).identity(identity.identity());
                let (at_client, at_server) = open(&listener, &url, tls).err().unwrap();
                assert_eq!(reason(&at_server), Some(*why), "{at_server:?}");
                let told = told_once(&at_server.unwrap());
                assert!(told.starts_with(&format!("TLS handshake failed: peer's certificate {words}")), "{told}");
                assert_eq!(told.contains("client_ca_file"), *why != TlsReason::Expired, "{told}");
                // rustls shows nothing to a server that does not name its issuer.
                let refused = [Some(TlsReason::Refused), Some(TlsReason::ClientCertificateRequired)];
                assert!(refused.contains(&reason(&at_client)), "{at_client:?}");
            }
        });
        let nobody = acceptor(servers.issue(&["localhost"]).identity()).client_certs(ClientCerts::Required);
        let error = nobody.build().unwrap_err();
        assert_eq!(error.setting(), Some(Setting::ClientCerts), "{error}");
        let told = error.report(|setting| (setting == Setting::ClientCas).then_some("--client-ca")).to_string();
        assert!(told.ends_with("cannot be used: give an authority that issues them with --client-ca"), "{told}");
    });
}

/// A client certificate in each form, shown to OpenSSL's server, which requires one.
#[test]
fn a_client_certificate_in_every_form_is_shown_to_openssl() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("forms"));
        let certificate = ca.issue(&["client"]);
        let (cert, key) =
            (scratch.write("client.cert", &certificate.cert), scratch.write("client.key", &certificate.key));
        let (sec1, rsa, rsa8, p12) =
            (scratch.path("sec1"), scratch.path("rsa"), scratch.path("rsa8"), scratch.path("p12"));
        openssl(&["ec", "-in", str(&key), "-out", str(&sec1)]);
        openssl(&["genrsa", "-traditional", "-out", str(&rsa), "2048"]);
        openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", str(&rsa), "-out", str(&rsa8)]);
        let rsa_cert =
            scratch.write("rsa.cert", ca.issue_for(&["client"], &std::fs::read_to_string(&rsa8).unwrap()));
        let files = ["-in", str(&cert), "-inkey", str(&key), "-out", str(&p12)];
        openssl(&[&["pkcs12", "-export", "-passout", "pass:sesame"], &files[..]].concat());
        let read = |path: &Path| std::fs::read(path).unwrap();
        let mut forms = vec![
            trusting(&ca).identity_pem_files(&cert, &key),
            trusting(&ca).identity_pem_files(&cert, &sec1),
            trusting(&ca).identity_pem_files(&rsa_cert, &rsa),
            trusting(&ca).identity_pem(&read(&cert), &read(&sec1)),
        ];
        if TlsBackend::NativeTls.is_available() {
            forms.push(trusting(&ca).identity_pkcs12(&read(&p12), "sesame"));
        }
        for tls in forms {
            let (mut server, port) = openssl_server(&ca, &scratch, &["-Verify", "1", "-verify_return_error"]);
            let connecting = thread::spawn(move || client(tls).connect(&format!("wss://localhost:{port}/")));
            welcome(&mut server, connecting);
        }
    });
}

#[test]
fn openssls_client_shows_its_certificate_to_our_server() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("s_client"));
        let tls = acceptor(ca.issue(&["localhost"]).identity());
        let (listener, _) = listen(tls.client_certs(ClientCerts::Required).client_ca_pem(ca.pem().as_bytes()));
        let certificate = ca.issue(&["bob.example"]);
        let (cert, key) = (scratch.write("cert", &certificate.cert), scratch.write("key", &certificate.key));
        let addr = listener.local_addr().unwrap().to_string();
        for version in ["-tls1_3", "-tls1_2"] {
            let mut command = Command::new("openssl");
            command.args(["s_client", version, "-connect", &addr, "-cert", str(&cert), "-key", str(&key)]);
            let mut child = Child::start(command.stdin(Stdio::piped()));
            child.process.stdin.as_mut().unwrap().write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
            let request = listener.accept().unwrap();
            assert_eq!(request.tls_info().unwrap().peer_certificate().unwrap().names(), ["bob.example"]);
            drop(request.accept().unwrap());
        }
        for (version, alert) in [("-tls1_3", "certificate required"), ("-tls1_2", "alert")] {
            // It reads on until its input ends.
            let mut command = Command::new("openssl");
            command.args(["s_client", version, "-connect", &addr]).stdin(Stdio::piped());
            let child = Child::start(&mut command);
            assert_eq!(reason(&listener.accept().err()), Some(TlsReason::NoClientCertificate));
            child.line(|line| line.contains("alert") && line.contains(alert));
        }
    });
}

// ----- Certificates of servers -----

#[test]
fn a_server_has_certificates_for_several_names() {
    limited(|| {
        let ca = Ca::new();
        let tls = acceptor(ca.issue(&["first.example"]).identity());
        let tls = tls.identity(ca.issue(&["second.example", "*.wild.example"]).identity());
        let (listener, url) = listen(tls.identity(ca.issue(&["exact.wild.example"]).identity()));
        for (name, certificate) in [
            ("first.example", "first.example"),
            ("second.example", "second.example"),
            ("any.wild.example", "second.example"),
            ("exact.wild.example", "exact.wild.example"),
        ] {
            let opened = open(&listener, &url, trusting(&ca).server_name(name)).expect("it has a certificate");
            assert_eq!(opened.at_client.peer_certificate().unwrap().names()[0], certificate);
        }
        // For a name that none is for, the first one.
        let anyhow = connector().danger_accept_invalid_certs(true);
        let opened = open(&listener, &url, anyhow).unwrap();
        assert_eq!(opened.at_client.peer_certificate().unwrap().names(), ["first.example"]);
    });
}

#[test]
fn a_renewed_certificate_is_used_from_the_next_client_on() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("renewed"));
        let write = |certificate: &Certificate| {
            (scratch.write("cert.pem", &certificate.cert), scratch.write("key.pem", &certificate.key))
        };
        let (cert, key) = write(&ca.issue(&["localhost", "old.example"]));
        let from_files = acceptor(Identity::from_pem_files(&cert, &key).unwrap());
        let by_name = TlsAcceptor::builder().backend(backend()).identity_pem_files(&cert, &key);
        for tls in [from_files, by_name] {
            let (listener, url) = listen(tls);
            let second_name = || {
                let opened = open(&listener, &url, trusting(&ca)).unwrap();
                opened.at_client.peer_certificate().unwrap().names()[1].clone()
            };
            write(&ca.issue(&["localhost", "one.example"]));
            assert_eq!(second_name(), "one.example");
            let other = ca.issue(&["localhost", "two.example"]);
            // Only one of them so far.
            std::fs::write(&cert, &other.cert).unwrap();
            assert_eq!(second_name(), "one.example");
            std::fs::write(&key, &other.key).unwrap();
            assert_eq!(second_name(), "two.example");
            std::fs::remove_file(&key).unwrap();
            assert_eq!(second_name(), "two.example");
            write(&other);
        }
    });
}

#[test]
fn while_one_handshake_reads_the_files_others_go_on_with_what_was_read_before() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("hanging"));
        let issued = ca.issue(&["localhost"]);
        let (cert, key) = (scratch.write("cert.pem", &issued.cert), scratch.write("key.pem", &issued.key));
        let tls = TlsAcceptor::builder().backend(backend()).identity_pem_files(&cert, &key);
        let server = serve_echo(Server::builder().tls_options(tls));
        let url = format!("wss://localhost:{}/", server.addr.port());
        // Reading it hangs until it is written to.
        std::fs::remove_file(&key).unwrap();
        run(Command::new("mkfifo").arg(&key), Duration::from_secs(20));
        let (hanging, there) = (client(trusting(&ca)), url.clone());
        let hanging = thread::spawn(move || hanging.connect(&there));
        let mut pipe = None;
        eventually("the server reads", || {
            use std::os::unix::fs::OpenOptionsExt;
            let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
            pipe = std::fs::OpenOptions::new().write(true).custom_flags(flags).open(&key).ok();
            pipe.is_some()
        });
        for _ in 0..3 {
            client(trusting(&ca)).connect(&url).unwrap();
        }
        assert!(!hanging.is_finished());
        pipe.unwrap().write_all(issued.key.as_bytes()).unwrap();
        hanging.join().unwrap().unwrap();
    });
}

// ----- Key log -----

/// Makes connections in a process of its own, as the environment belongs to all of a process.
#[test]
fn secrets_are_logged_only_on_request() {
    let scratch = Scratch::new("keylog");
    let log = scratch.path("by-environment");
    let before = format!("export SSLKEYLOGFILE='{}';", log.display());
    alone("secrets_are_logged_only_on_request", &before, move || {
        let (ca, scratch) = (Ca::new(), Scratch::new("keylogs"));
        let by_environment = std::path::PathBuf::from(std::env::var_os("SSLKEYLOGFILE").unwrap());
        let identity = || ca.issue(&["localhost"]).identity();
        let (listener, url) = listen(acceptor(identity()));
        open(&listener, &url, trusting(&ca)).unwrap();
        assert!(!by_environment.exists(), "the variable alone does nothing");

        let is_log = |path: &Path| {
            let text = std::fs::read_to_string(path).unwrap();
            let line = text.lines().find(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")).expect("it is there");
            let lengths: Vec<_> = line.split(' ').skip(1).map(str::len).collect();
            assert!(lengths[0] == 64 && lengths.len() == 2, "{line}");
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::remove_file(path).unwrap();
        };
        let (listener, url) = listen(acceptor(identity()).key_log(true));
        open(&listener, &url, trusting(&ca)).unwrap();
        is_log(&by_environment);
        let own = scratch.path("own");
        let (listener, url) = listen(acceptor(identity()).key_log_file(&own));
        open(&listener, &url, trusting(&ca)).unwrap();
        is_log(&own);

        let (listener, url) = listen(acceptor(identity()));
        for (tls, path) in [(trusting(&ca).key_log(true), by_environment), (trusting(&ca).key_log_file(&own), own)]
        {
            match backend() {
                TlsBackend::NativeTls => {
                    let error = tls.build().unwrap_err();
                    assert_eq!(error.setting(), Some(Setting::KeyLog));
                    let told = told_once(&error);
                    assert!(
                        told.contains("cannot be used with native-tls: choose the TLS library rustls"),
                        "{told}"
                    );
                }
                _ => {
                    open(&listener, &url, tls).unwrap();
                    is_log(&path);
                    let told = told_once(&connector().key_log_file("/nonexistent/log").build().unwrap_err());
                    assert!(told.starts_with("cannot write the key log /nonexistent/log: No such file"), "{told}");
                }
            }
        }
    });
}

// ----- Resumption -----

#[test]
fn sessions_are_resumed() {
    limited(|| {
        let (ca, scratch) = (Ca::new(), Scratch::new("resumed"));
        let clients = Ca::new();
        for ask in [ClientCerts::Off, ClientCerts::Optional] {
            let tls = acceptor(ca.issue(&["localhost"]).identity()).client_ca_pem(clients.pem().as_bytes());
            let (listener, url) = listen(tls.client_certs(ask));
            let session = scratch.path("session");
            let addr = listener.local_addr().unwrap().to_string();
            // OpenSSL's client writes the session down when it has one.
            for (option, told) in [("-sess_out", "New, "), ("-sess_in", "Reused, ")] {
                let mut command = Command::new("openssl");
                command.args(["s_client", "-tls1_2", "-connect", &addr, option, str(&session)]);
                let (status, output) = thread::scope(|scope| {
                    scope.spawn(|| listener.accept().map(drop));
                    run(&mut command, Duration::from_secs(20))
                });
                assert!(output.contains(told), "{status} {output}");
            }

            // The second connection, if the client's library can do it.
            let mut resumed = Vec::new();
            for _ in 0..2 {
                let mut opened = open(&listener, &url, trusting(&ca)).unwrap();
                // The ticket comes before it.
                opened.server.send("ticket").unwrap();
                assert_eq!(opened.client.recv().unwrap(), Some(Message::Text("ticket".into())));
                assert_eq!(opened.at_client.is_resumed, opened.at_server.is_resumed);
                resumed.push(opened.at_client.is_resumed);
            }
            assert_eq!(resumed, [false, backend() == TlsBackend::Rustls]);
        }
    });
}

// ----- Libraries -----

#[test]
fn a_library_that_is_not_compiled_in_is_named_with_its_feature() {
    for missing in [TlsBackend::NativeTls, TlsBackend::Rustls] {
        let result = TlsConnector::builder().backend(missing).build();
        if missing.is_available() {
            result.unwrap();
            continue;
        }
        let Error::Config(error) = result.unwrap_err() else { panic!("{missing}") };
        assert!(matches!(*error, ConfigError::NotCompiledIn { .. }));
        let told = format!("this build of landline has no {missing}; enable its cargo feature {missing}");
        assert_eq!(error.to_string(), told);
    }
}
