//! A network with the servers and proxies that the programs talk to, and a directory with the files that they read.
//!
//! | where | what |
//! | --- | --- |
//! | port 9001 | an echo server with the settings of the example `echo_server` |
//! | `example.com`, `www.example.com`, ports 80 and 443 | what its paths say in `respond`; otherwise an echo server |
//! | `internal.example`, port 443 | the same, with a certificate of the private authority in `ca.pem` |
//! | `partner.example`, port 443 | the same, and it wants client certificates of that authority |
//! | `proxy.example` port 3128, `near.example` port 443, `far.example` port 1080 | proxies: HTTP, HTTP over TLS, SOCKS5 |
//! | `feed.sock` in the directory | an echo server |
//!
//! `cert.pem` and `key.pem` are a server's certificate and key of the private authority for `localhost`; `client.pem`,
//! `client-key.pem` and `client.p12` (password `secret`) a client's. The key of `internal.example` is always the same one,
//! because the guide pins it.

use crate::common::*;
use landline::server::Request;
use landline::transport::{ClientCerts, TlsAcceptorBuilder};
use landline::{Compression, Headers, Server, http::StatusCode};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

pub(crate) const ECHO: &str = "127.0.0.1:9001";

const HOSTS: &str = "127.0.0.1 localhost example.com www.example.com login.example proxy.example far.example
127.0.0.2 internal.example
127.0.0.3 partner.example
127.0.0.4 near.example
";

/// Shell text that sets the network up, inside a new one.
pub(crate) fn setup(scratch: &Scratch) -> String {
    let hosts = scratch.write("hosts", HOSTS);
    let nsswitch = scratch.write("nsswitch.conf", "hosts: files\n");
    format!(
        "set -e; mount --bind {} /etc/hosts; mount --bind {} /etc/nsswitch.conf; ip link set lo up;",
        hosts.display(),
        nsswitch.display()
    )
}

pub(crate) struct Network {
    echo: Option<Serving>,
    _proxies: Vec<TestProxy>,
}

impl Network {
    /// Writes the files into the directory.
    pub(crate) fn start(directory: &Path) -> Self {
        let write = |name: &str, content: &str| std::fs::write(directory.join(name), content).unwrap();
        let (platform, private) = (Ca::named("Platform"), Ca::named("Private"));
        write("platform.pem", &platform.pem());
        write("ca.pem", &private.pem());
        let public = platform.issue(&["example.com", "www.example.com", "near.example"]);
        let server = private.issue(&["localhost"]);
        write("token", "token-1");
        write("cert.pem", &server.cert);
        write("key.pem", &server.key);
        let client = private.issue(&["client.example"]);
        write("client.pem", &client.cert);
        write("client-key.pem", &client.key);
        let mut openssl = Command::new("openssl");
        openssl.args(["pkcs12", "-export", "-in", "client.pem", "-inkey", "client-key.pem", "-out", "client.p12"]);
        let (status, output) =
            run(openssl.args(["-passout", "pass:secret"]).current_dir(directory), Duration::from_secs(20));
        assert!(status.success(), "{output}");

        let key = include_str!("internal_key.pem").to_owned();
        let internal = Certificate { cert: private.issue_for(&["internal.example"], &key), key };
        let partner = acceptor(private.issue(&["partner.example"]).identity());
        let partner = partner.client_certs(ClientCerts::Required).client_ca_pem(private.pem().as_bytes());
        site("127.0.0.1:80", None);
        site("127.0.0.1:443", Some(acceptor(public.identity())));
        site("127.0.0.2:443", Some(acceptor(internal.identity())));
        site("127.0.0.3:443", Some(partner));

        let proxies = vec![open_http_proxy(), socks5_proxy(None, |_| 0)];
        let tls = behind_tls(proxies[0].addr, &public.identity());
        forward("127.0.0.1:3128", proxies[0].addr);
        forward("127.0.0.1:1080", proxies[1].addr);
        forward("127.0.0.4:443", tls.addr);
        let proxies = proxies.into_iter().chain([tls]).collect();

        let unix = Server::builder().bind_unix(directory.join("feed.sock")).unwrap();
        thread::spawn(move || unix.serve(echo));
        let mut network = Self { echo: None, _proxies: proxies };
        network.start_echo();
        network
    }

    pub(crate) fn start_echo(&mut self) {
        self.echo = Some(serve_at(
            ECHO.parse().unwrap(),
            Server::builder().compression(Compression::default()).max_message_size(64 << 20),
            echo,
        ));
    }

    pub(crate) fn stop_echo(&mut self) {
        self.echo = None;
    }
}

/// Serves until the process ends.
fn site(address: &str, tls: Option<TlsAcceptorBuilder>) {
    let options = tls.into_iter().fold(Server::builder(), |options, tls| options.tls_options(tls));
    let listener = options.listen(address).unwrap();
    thread::spawn(move || {
        loop {
            let incoming = listener.accept_incoming().unwrap();
            // Programs may end without closing, or refuse the server.
            thread::spawn(move || drop(incoming.request().and_then(respond)));
        }
    });
}

fn respond(request: Request) -> landline::Result<()> {
    let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let authorization = header("authorization");
    let challenge = |request: Request, challenge: &str| {
        request.reject(StatusCode::UNAUTHORIZED, headers(&[("WWW-Authenticate", challenge)]), "")
    };
    match request.path() {
        // user:secret
        "/basic" if authorization != "Basic dXNlcjpzZWNyZXQ=" => challenge(request, "Basic realm=\"site\""),
        "/digest" if !authorization.starts_with("Digest username=\"user\"") => {
            challenge(request, "Digest realm=\"site\", qop=\"auth\", algorithm=SHA-256, nonce=\"b1a5\"")
        }
        "/token" if authorization != "Bearer token-1" => challenge(request, "Bearer"),
        "/ticket" if authorization != "Negotiate ticket-1" => challenge(request, "Negotiate"),
        "/old" => {
            let location = headers(&[("Location", "wss://www.example.com/feed")]);
            request.reject(StatusCode::MOVED_PERMANENTLY, location, "")
        }
        "/login" => {
            let cookie = headers(&[("Set-Cookie", "session=1234; Path=/; Secure; HttpOnly")]);
            request.accept_with(None, cookie).map(echo)
        }
        "/members" if !header("cookie").contains("session=1234") => {
            request.reject(StatusCode::FORBIDDEN, headers(&[]), "")
        }
        // Three messages, and the end.
        "/feed" => {
            let mut ws = request.accept()?;
            for number in 1..=3 {
                ws.send(format!("price {number}"))?;
            }
            ws.close(landline::CloseCode::NORMAL_CLOSURE, "")
        }
        _ => request.accept().map(echo),
    }
}

fn headers(pairs: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in pairs {
        headers.append(name, value).unwrap();
    }
    headers
}

/// Passes connections on to another address.
fn forward(from: &str, to: SocketAddr) {
    let listener = TcpListener::bind(from).unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(to).unwrap());
            for (from, to) in [(&client, &server), (&server, &client)] {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    to.shutdown(Shutdown::Write)
                });
            }
        }
    });
}
