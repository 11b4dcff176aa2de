//! What is said when a connection does not come about: what is wrong, and which option helps.

use super::*;
use crate::common::{Certificate, acceptor, self_signed};
use landline::Listener;
use std::collections::HashMap;

/// What is said about a server with this certificate.
fn said_about(certificate: &Certificate, ca: Option<&Ca>, host: &str) -> String {
    let files = Scratch::new("failing-tls");
    // It is asked twice if there is something to find out.
    let tls = acceptor(certificate.identity());
    let server = crate::common::serve_echo(Server::builder().tls_options(tls));
    let url = format!("wss://{host}:{}/", server.addr.port());
    let mut arguments = Vec::new();
    if let Some(ca) = ca {
        arguments.extend(["--cacert".to_owned(), files.write("ca.pem", ca.pem()).to_str().unwrap().to_owned()]);
    }
    arguments.push(url);
    let result = run(arguments, "");
    result.is_error("TLS handshake failed: ");
    result.stderr.trim_end().trim_start_matches("error: TLS handshake failed: ").to_owned()
}

#[test]
fn what_is_wrong_with_a_certificate_is_named() {
    let ca = Ca::new();
    let said = said_about(&self_signed(&["localhost"]), None, "localhost");
    assert!(said.starts_with("peer's certificate is self-signed and not trusted"), "{said}");
    assert!(said.contains("; trust its issuer with --cacert, if this is the right server"), "{said}");

    let said = said_about(&ca.issue(&["localhost"]), None, "localhost");
    assert!(said.starts_with("peer's certificate was issued by an authority that is not trusted"), "{said}");
    assert!(said.contains("; trust its issuer with --cacert, if this is the right server"), "{said}");

    let expired = ca.issue_with(&["localhost"], |params| params.not_after = rcgen::date_time_ymd(2002, 1, 1));
    let said = said_about(&expired, Some(&ca), "localhost");
    assert!(said.starts_with("peer's certificate has expired"), "{said}");
    assert!(said.ends_with("; the server needs a new one, unless the clock here is wrong"), "{said}");

    let other = ca.issue(&["a.example", "b.example", "192.0.2.1"]);
    let said = said_about(&other, Some(&ca), "localhost");
    assert!(said.starts_with("peer's certificate is for another name than localhost"), "{said}");
    assert!(said.contains("set --server-name to the name that it is for"), "{said}");
    assert!(said.ends_with("; the certificate is for a.example, b.example, 192.0.2.1"), "{said}");
    // However many there are.
    let names: Vec<_> = (0..50).map(|number| format!("n{number}.example")).collect();
    let many = ca.issue(&names.iter().map(|name| &**name).collect::<Vec<_>>());
    let said = said_about(&many, Some(&ca), "localhost");
    assert!(said.ends_with("n9.example, and 40 more"), "{said}");
}

#[test]
fn what_the_server_answers_instead_is_shown() {
    let server = web(|head| match target(head) {
        "/moved" => redirect(301, "https://feed.example/v2"),
        "/login" => respond(401, "WWW-Authenticate: Basic realm=\"the feed\"\r\n"),
        "/negotiate" => respond(401, "WWW-Authenticate: Negotiate\r\n"),
        "/slower" => respond(429, "Retry-After: 120\r\n"),
        "/later" => respond(503, "Retry-After: 7\r\n"),
        "/nginx" => {
            let body = "<html>\n<center>The plain HTTP request was sent to HTTPS port</center>\n</html>";
            Err(format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
        }
        "/apache" => {
            let body = "Bad Request\nYour browser sent a request that this server could not understand.\n\
                Reason: You're speaking plain HTTP to an SSL-enabled server port.\n";
            Err(format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
        }
        _ => respond(404, ""),
    });
    for (target, says) in [
        ("/moved", "301 Moved Permanently: it redirects to https://feed.example/v2; follow it with --follow"),
        ("/login", "give the right user name and password with --user; WWW-Authenticate: Basic realm=\"the feed\""),
        ("/negotiate", "WWW-Authenticate: Negotiate"),
        ("/slower", "429 Too Many Requests: try again in 120 s"),
        ("/later", "503 Service Unavailable: try again in 7 s"),
        ("/nginx", "400 Bad Request; the server speaks TLS there: use wss://"),
        ("/apache", "it says: Bad Request; the server speaks TLS there: use wss://"),
        ("/elsewhere", "the server refused the handshake with 404 Not Found"),
    ] {
        run([server.url(target)], "").is_error(says);
    }
}

#[test]
fn a_port_that_speaks_tls_is_found_out() {
    let tls = acceptor(self_signed(&["localhost"]).identity());
    let server = crate::common::serve_echo(Server::builder().tls_options(tls));
    let url = format!("ws://localhost:{}/", server.addr.port());
    run([url], "").is_error("; the server speaks TLS there: use wss://");
    // One that speaks nothing is not said to speak TLS.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let silent = thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    let result = run([url], "");
    result.is_error("check scheme and port");
    assert!(!result.stderr.contains("speaks TLS"), "{}", result.stderr);
    silent.join().unwrap();
}

#[test]
fn a_host_that_nobody_has_is_named_once() {
    let result = run(["wss://no-such-host.invalid/"], "");
    result.is_error("error: cannot find the host no-such-host.invalid: ");
    assert_eq!(result.stderr.matches(": ").count(), 2, "{}", result.stderr);
}

#[test]
fn a_server_that_does_not_run_is_asked_about() {
    let bound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    bound.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = bound.local_addr().unwrap().as_socket().unwrap();
    let result = run([format!("ws://{address}/")], "");
    let expected =
        format!("error: cannot connect to {address}: Connection refused (os error 111); does the server run?\n");
    assert_eq!(result.stderr, expected);
    let result = run([format!("ws://localhost:{}/", address.port())], "");
    result.is_error(&format!("at 127.0.0.1:{}", address.port()));
    result.is_error("; does the server run?");
}

#[test]
fn a_key_that_does_not_match_is_refused_before_connecting() {
    let files = Scratch::new("mismatch");
    let (one, other) = (self_signed(&["localhost"]), self_signed(&["localhost"]));
    let (cert, key) = (files.write("cert.pem", one.cert), files.write("key.pem", other.key));
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    for rest in [["wss://127.0.0.1:1/"].as_slice(), &["--listen", "127.0.0.1:0"]] {
        run(["--cert", cert, "--key", key].iter().chain(rest), "").is_error("is not that of the certificate");
    }
}

#[test]
fn nothing_is_printed_in_rusts_own_form() {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let failures: HashMap<&str, Vec<&str>> = HashMap::from([
        ("taken", vec!["--listen", &taken]),
        ("no file", vec!["--cacert", "/nowhere", "wss://127.0.0.1:1/"]),
        ("no host", vec!["ws://no-such-host.invalid/"]),
        ("no URL", vec!["::"]),
    ]);
    for (name, arguments) in failures {
        let result = run(arguments, "");
        result.is_error("");
        let forms = ["Os {", "Kind(", "Some(", "Error {", "\\\"", "panicked"];
        assert!(forms.iter().all(|form| !result.stderr.contains(form)), "{name}: {}", result.stderr);
    }
}
