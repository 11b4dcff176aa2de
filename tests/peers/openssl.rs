//! TLS with `openssl s_server` and `openssl s_client` at the other end, for each TLS library: versions, certificates of both
//! ends, ALPN, several certificates by name, resumed sessions; and what is said when any of it does not fit.

use crate::common::*;
use crate::program::*;
use crate::talk::*;
use landline::error::{Error, TlsReason, TlsStage};
use landline::transport::{
    ClientCerts, Identity, TlsAcceptor, TlsAcceptorBuilder, TlsBackend, TlsConnector, TlsVersion,
};
use landline::{Client, Message, Server};
use std::io::{self, Read, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

const VERSIONS: [(&str, TlsVersion); 2] = [("-tls1_2", TlsVersion::V1_2), ("-tls1_3", TlsVersion::V1_3)];

fn backends() -> impl Iterator<Item = TlsBackend> {
    [TlsBackend::NativeTls, TlsBackend::Rustls].into_iter().filter(|backend| backend.is_available())
}

/// The clear text of TLS that another program speaks, by its standard input and output.
struct Piped {
    input: ChildStdin,
    output: ChildStdout,
}

impl Read for Piped {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.output.read(buf)
    }
}

impl Write for Piped {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.input.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.flush()
    }
}

// ----- Our client -----

/// A server for one client after the other, to be driven as a raw WebSocket server.
fn s_server(arguments: &[&'static str], certificate: &Certificate, client_ca: &Ca) -> (Program, Raw<Piped>) {
    let base = ["s_server", "-quiet", "-accept", "127.0.0.1:@PORT@", "-cert", "@DIR@/certificate.pem"];
    let arguments = [&base[..], arguments].concat();
    let plan = Plan::of("openssl", &arguments).certificate(certificate).file("ca.pem", client_ca.pem());
    let mut program = plan.port("PORT").piped().start();
    let (input, output) = program.pipes();
    (program, Raw::new(Piped { input, output }))
}

fn url(program: &Program) -> String {
    format!("wss://localhost:{}/", program.port("PORT"))
}

/// Connects, and says a word in each direction. What is known about TLS is returned.
fn talk_with(program: &Program, raw: &mut Raw<Piped>, tls: TlsConnector) -> landline::transport::TlsInfo {
    let (client, url) = (Client::builder().tls(tls).recv_timeout(Some(LIMIT)).build().unwrap(), url(program));
    let client = sleeper(move || {
        let mut ws = client.connect(&url).unwrap_or_else(|error| panic!("{error:#}"));
        ws.send("there").unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::Text("back".into())));
        ws.tls_info().unwrap().clone()
    });
    raw.accept();
    assert_eq!(raw.frame().payload, b"there");
    raw.send(frame(TEXT, "back"));
    client.join()
}

#[test]
#[ignore = "needs .ci/install"]
fn our_client_and_s_server_agree_on_version_alpn_and_certificates() {
    limited(|| {
        let (ca, client_ca) = (Ca::new(), Ca::new());
        let client = client_ca.issue_with(&["client.test"], |params| {
            params.distinguished_name.push(rcgen::DnType::CommonName, "the client");
        });
        for backend in backends() {
            for (version, expected) in VERSIONS {
                let arguments = [
                    version,
                    "-alpn",
                    "http/1.1",
                    "-Verify",
                    "1",
                    "-verify_return_error",
                    "-CAfile",
                    "@DIR@/ca.pem",
                ];
                let (program, mut raw) = s_server(&arguments, &ca.issue(&["localhost"]), &client_ca);
                let tls =
                    TlsConnector::builder().backend(backend).platform_roots(false).ca_pem(ca.pem().as_bytes());
                let tls = tls.identity(client.identity()).build().unwrap();
                let info = talk_with(&program, &mut raw, tls);
                assert_eq!((info.backend, info.version), (backend, expected));
                assert_eq!(info.alpn.as_deref(), Some("http/1.1"));
                assert_eq!(info.peer_certificate().unwrap().names(), ["localhost"]);
            }
        }
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn our_client_resumes_sessions_of_s_server() {
    limited(|| {
        let ca = Ca::new();
        for backend in backends() {
            for (version, _) in VERSIONS {
                let (program, mut raw) = s_server(&[version], &ca.issue(&["localhost"]), &ca);
                let tls =
                    TlsConnector::builder().backend(backend).platform_roots(false).ca_pem(ca.pem().as_bytes());
                let tls = tls.build().unwrap();
                let first = talk_with(&program, &mut raw, tls.clone());
                let second = talk_with(&program, &mut raw, tls);
                // native-tls keeps no sessions.
                let resumes = backend == TlsBackend::Rustls;
                assert_eq!((first.is_resumed, second.is_resumed), (false, resumes), "{backend} {version}");
            }
        }
    });
}

/// A client that the server's certificate does not suit, or that does not suit the server.
struct Misfit {
    what: &'static str,
    server: Vec<&'static str>,
    certificate: Certificate,
    client: fn(landline::transport::TlsConnectorBuilder) -> landline::transport::TlsConnectorBuilder,
    reason: Option<TlsReason>,
    said: Vec<&'static str>,
}

fn misfits(ca: &Ca) -> Vec<Misfit> {
    let year = |year| rcgen::date_time_ymd(year, 1, 1);
    let misfit = |what, certificate, reason, said: &[&'static str]| Misfit {
        what,
        server: Vec::new(),
        certificate,
        client: |tls| tls,
        reason: Some(reason),
        said: said.to_vec(),
    };
    let good = || ca.issue(&["localhost"]);
    let expired = ca.issue_with(&["localhost"], |params| {
        (params.not_before, params.not_after) = (year(2019), year(2020));
    });
    let early = ca.issue_with(&["localhost"], |params| {
        (params.not_before, params.not_after) = (year(2090), year(2091));
    });
    vec![
        misfit("expired", expired, TlsReason::Expired, &["certificate has expired"]),
        misfit("early", early, TlsReason::NotYetValid, &["not valid yet", "clock"]),
        misfit(
            "other name",
            ca.issue(&["elsewhere.test"]),
            TlsReason::OtherName,
            &["another name than localhost", "server_name"],
        ),
        misfit(
            "unknown authority",
            Ca::new().issue(&["localhost"]),
            TlsReason::UnknownIssuer,
            &["authority that is not trusted", "ca_file"],
        ),
        misfit("self-signed", self_signed(&["localhost"]), TlsReason::SelfSigned, &["self-signed", "ca_file"]),
        Misfit {
            client: |tls| tls.pinned_key("sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ..misfit("other key", good(), TlsReason::NotPinned, &["pinned", "it is sha256//"])
        },
        Misfit {
            server: vec!["-tls1_2"],
            client: |tls| tls.min_version(TlsVersion::V1_3),
            ..misfit("old", good(), TlsReason::NoCommonVersion, &["TLS 1.3 or later", "min_version"])
        },
        Misfit {
            server: vec!["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
            ..misfit("very old", good(), TlsReason::NoCommonVersion, &["TLS 1.2 or later"])
        },
        Misfit {
            server: vec!["-tls1_2", "-Verify", "1", "-verify_return_error", "-CAfile", "@DIR@/ca.pem"],
            // TLS 1.2 has no alert of its own for this.
            reason: None,
            ..misfit(
                "anonymous, TLS 1.2",
                good(),
                TlsReason::ClientCertificateRequired,
                &["alert: handshake failure"],
            )
        },
        Misfit {
            server: vec!["-tls1_3", "-Verify", "1", "-verify_return_error", "-CAfile", "@DIR@/ca.pem"],
            ..misfit("anonymous, TLS 1.3", good(), TlsReason::ClientCertificateRequired, &["client certificate"])
        },
        Misfit {
            server: vec!["-Verify", "1", "-verify_return_error", "-CAfile", "@DIR@/ca.pem"],
            client: |tls| tls.identity(Ca::new().issue(&["client.test"]).identity()),
            ..misfit(
                "unknown client",
                good(),
                TlsReason::Refused,
                &["does not accept the certificate", "unknown ca"],
            )
        },
    ]
}

#[test]
#[ignore = "needs .ci/install"]
fn our_client_says_what_does_not_fit_and_what_to_do() {
    limited(|| {
        let ca = Ca::new();
        for backend in backends() {
            for misfit in misfits(&ca) {
                let (program, _raw) = s_server(&misfit.server, &misfit.certificate, &ca);
                let tls =
                    TlsConnector::builder().backend(backend).platform_roots(false).ca_pem(ca.pem().as_bytes());
                let client = Client::builder().tls((misfit.client)(tls).build().unwrap()).build().unwrap();
                let error = client.connect(&url(&program)).unwrap_err();
                let told = told_once(&error);
                let Error::Tls(failure) = &error else { panic!("{backend}, {}: {told}: {error:?}", misfit.what) };
                assert_eq!(failure.reason(), misfit.reason, "{backend}, {}: {told}", misfit.what);
                assert!(failure.stage() != TlsStage::Settings);
                for said in &misfit.said {
                    assert!(told.contains(said), "{backend}, {}: {said:?} is not in {told:?}", misfit.what);
                }
            }
        }
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn our_client_accepts_what_it_is_told_to_trust() {
    limited(|| {
        let ca = Ca::new();
        for backend in backends() {
            let builder = || TlsConnector::builder().backend(backend).platform_roots(false);
            // A certificate of its own issuing, by its key and by itself.
            let certificate = self_signed(&["localhost"]);
            let (program, mut raw) = s_server(&[], &certificate, &ca);
            let pin = pin_of(&certificate.cert);
            let pinned = builder().danger_accept_invalid_certs(true).pinned_key(&pin).build().unwrap();
            let info = talk_with(&program, &mut raw, pinned);
            assert_eq!(info.peer_certificate().unwrap().public_key_pin(), pin);
            talk_with(&program, &mut raw, builder().ca_pem(certificate.cert.as_bytes()).build().unwrap());
            // Another name.
            let (program, mut raw) = s_server(&[], &ca.issue(&["elsewhere.test"]), &ca);
            let named = builder().ca_pem(ca.pem().as_bytes()).server_name("elsewhere.test");
            talk_with(&program, &mut raw, named.build().unwrap());
        }
    });
}

/// The pin of a certificate's key, by OpenSSL.
fn pin_of(certificate: &str) -> String {
    let scratch = Scratch::new("pin");
    let file = scratch.write("certificate.pem", certificate);
    let script = "openssl x509 -in \"$1\" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | openssl base64";
    let (status, output) = run(Command::new("sh").args(["-c", script, "sh"]).arg(file), LIMIT);
    assert!(status.success(), "{output}");
    format!("sha256//{}", output.trim())
}

// ----- Our server -----

fn acceptor(backend: TlsBackend, identities: &[Identity]) -> TlsAcceptorBuilder {
    identities.iter().fold(TlsAcceptor::builder().backend(backend), |tls, one| tls.identity(one.clone()))
}

/// Lets `s_client` send `input`, and returns whether it succeeded, and all that it said.
fn s_client(server: &Serving, files: &Scratch, arguments: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &server.addr.to_string(), "-CAfile"]).arg(files.path("ca.pem"));
    command.args(["-verify_return_error", "-ign_eof"]).args(arguments).current_dir(files.path(""));
    let mut child = Child::start(command.stdin(Stdio::piped()));
    let mut stdin = child.process.stdin.take().unwrap();
    // It may have ended before it reads.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.output(LIMIT);
    (child.process.wait().unwrap().success(), output)
}

/// What our server answers with 426, whereupon it ends the connection.
const NO_WEBSOCKET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
#[ignore = "needs .ci/install"]
fn s_client_speaks_with_our_server_which_knows_who_came() {
    limited(|| {
        let (ca, client_ca) = (Ca::new(), Ca::new());
        let client = client_ca.issue_with(&["client.test"], |params| {
            params.distinguished_name.push(rcgen::DnType::CommonName, "the client");
        });
        for backend in backends() {
            let tls = acceptor(backend, &[ca.issue(&["localhost"]).identity()]);
            let tls = tls.client_certs(ClientCerts::Required).client_ca_pem(client_ca.pem().as_bytes());
            let server = serve(Server::builder().tls_options(tls), |mut ws| {
                let info = ws.tls_info().unwrap().clone();
                let who = info.peer_certificate().unwrap().common_name();
                let said = format!("{who}, {}, {:?}", info.version, info.alpn);
                ws.send(said).unwrap();
                let _ = ws.recv();
            });
            let (program, raw) = (
                |version: &'static str| {
                    let plan = Plan::of(
                        "openssl",
                        &[
                            "s_client",
                            "-quiet",
                            "-connect",
                            "@SERVER@",
                            "-servername",
                            "localhost",
                            "-CAfile",
                            "@DIR@/ca.pem",
                            "-verify_return_error",
                            "-cert",
                            "@DIR@/certificate.pem",
                            "-alpn",
                            "http/1.1",
                            version,
                        ],
                    );
                    let plan = plan.value("SERVER", server.addr).certificate(&client).file("ca.pem", ca.pem());
                    plan.piped().start()
                },
                |program: &mut Program| {
                    let (input, output) = program.pipes();
                    Raw::new(Piped { input, output })
                },
            );
            for (argument, version) in VERSIONS {
                let mut program = program(argument);
                let mut raw = raw(&mut program);
                raw.open();
                let said = String::from_utf8(raw.frame().payload).unwrap();
                assert_eq!(said, format!("the client, {version}, Some(\"http/1.1\")"), "{backend}");
                raw.send(masked(CLOSE, close_payload(1000, "")));
                assert_eq!(raw.frame().close_code(), 1000);
                assert!(raw.rest().unwrap().is_empty());
            }
        }
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn s_client_is_refused_with_the_alert_that_says_why() {
    limited(|| {
        let (ca, files) = (Ca::new(), Scratch::new("s-client"));
        files.write("ca.pem", ca.pem());
        let unknown = Ca::new().issue(&["client.test"]);
        files.write("unknown.pem", unknown.cert + &unknown.key);
        for backend in backends() {
            let tls = acceptor(backend, &[ca.issue(&["localhost"]).identity()]);
            let tls = tls.client_certs(ClientCerts::Required).client_ca_pem(ca.pem().as_bytes());
            let options = Server::builder().tls_options(tls);
            let listener = options.listen("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap().to_string();
            // rustls sends TLS 1.3's alert in TLS 1.2 too, and misses an extension first, which older versions do not have.
            let (anonymous, old, old_alert) = match backend {
                TlsBackend::Rustls => ("certificate required", None, "handshake failure"),
                _ => ("handshake failure", Some(TlsReason::NoCommonVersion), "protocol version"),
            };
            for (arguments, reason, alert) in [
                (&["-tls1_3"][..], Some(TlsReason::NoClientCertificate), "certificate required"),
                (&["-tls1_2"], Some(TlsReason::NoClientCertificate), anonymous),
                (&["-cert", "unknown.pem"], Some(TlsReason::UnknownIssuer), "unknown ca"),
                (&["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], old, old_alert),
            ] {
                let (addr, path, owned) = (addr.clone(), files.path(""), arguments.to_vec().join(" "));
                let client = sleeper(move || {
                    let mut command = Command::new("openssl");
                    command.args(["s_client", "-ign_eof", "-connect", &addr]).args(owned.split(' '));
                    run(command.current_dir(path), LIMIT).1
                });
                let error = listener.accept().unwrap_err();
                let told = told_once(&error);
                let Error::Tls(failure) = &error else { panic!("{backend} {arguments:?}: {told}: {error:?}") };
                assert_eq!(failure.reason(), reason, "{backend} {arguments:?}: {told}");
                let output = client.join();
                assert!(output.contains(&format!("alert {alert}")), "{backend} {arguments:?}: {output}");
            }
        }
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn s_client_gets_the_certificate_for_the_name_it_asks_for() {
    limited(|| {
        let (ca, files) = (Ca::new(), Scratch::new("s-client-names"));
        files.write("ca.pem", ca.pem());
        for backend in backends() {
            let names = ["one.test", "two.test", "*.three.test"];
            let identities: Vec<_> = names.iter().map(|name| ca.issue(&[name]).identity()).collect();
            let tls = acceptor(backend, &identities);
            let server = serve_echo(Server::builder().tls_options(tls));
            for name in ["one.test", "two.test", "a.three.test"] {
                let arguments = ["-servername", name, "-verify_hostname", name];
                let (is_trusted, output) = s_client(&server, &files, &arguments, NO_WEBSOCKET);
                assert!(is_trusted && output.contains("HTTP/1.1 426 "), "{backend} {name}: {output}");
                let (is_trusted, _) =
                    s_client(&server, &files, &["-servername", name, "-verify_hostname", "x.test"], NO_WEBSOCKET);
                assert!(!is_trusted, "{backend}: {name} is not x.test");
            }
        }
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn s_client_resumes_sessions_of_our_server() {
    limited(|| {
        let (ca, files) = (Ca::new(), Scratch::new("s-client-sessions"));
        files.write("ca.pem", ca.pem());
        for backend in backends() {
            let tls = acceptor(backend, &[ca.issue(&["localhost"]).identity()]);
            let server = serve_echo(Server::builder().tls_options(tls));
            for (argument, _) in VERSIONS {
                let (_, first) = s_client(&server, &files, &[argument, "-sess_out", "session"], NO_WEBSOCKET);
                assert!(first.contains("New, TLSv1."), "{backend} {argument}: {first}");
                let (_, second) = s_client(&server, &files, &[argument, "-sess_in", "session"], NO_WEBSOCKET);
                assert!(second.contains("Reused, TLSv1."), "{backend} {argument}: {second}");
            }
        }
    });
}

// ----- Both -----

/// Each library as a client with each as a server, both of which show certificates.
#[test]
#[ignore = "needs .ci/install"]
fn clients_and_servers_of_all_libraries_know_each_other_by_their_certificates() {
    limited(|| {
        let (ca, client_ca) = (Ca::new(), Ca::new());
        let client = client_ca.issue_with(&["client.test"], |params| {
            params.distinguished_name.push(rcgen::DnType::CommonName, "the client");
        });
        for (at_server, at_client) in backends().flat_map(|one| backends().map(move |other| (one, other))) {
            let tls = acceptor(at_server, &[ca.issue(&["localhost"]).identity()]);
            let tls = tls.client_certs(ClientCerts::Required).client_ca_pem(client_ca.pem().as_bytes());
            let server = serve(Server::builder().tls_options(tls), |mut ws| {
                let who = ws.tls_info().unwrap().peer_certificate().unwrap().common_name();
                ws.send(who).unwrap();
                let _ = ws.recv();
            });
            let tls = TlsConnector::builder().backend(at_client).platform_roots(false).ca_pem(ca.pem().as_bytes());
            let with = |tls: TlsConnector| Client::builder().tls(tls).build().unwrap().connect(&server.tls_url());
            let mut ws = with(tls.clone().identity(client.identity()).build().unwrap()).unwrap();
            assert_eq!(ws.recv().unwrap(), Some(Message::Text("the client".into())), "{at_client} {at_server}");
            assert_eq!(ws.tls_info().unwrap().version, TlsVersion::V1_3);

            let error = with(tls.build().unwrap()).unwrap_err();
            let told = told_once(&error);
            let Error::Tls(failure) = &error else { panic!("{at_client} {at_server}: {told}: {error:?}") };
            assert_eq!(
                failure.reason(),
                Some(TlsReason::ClientCertificateRequired),
                "{at_client} {at_server}: {told}"
            );
        }
    });
}
