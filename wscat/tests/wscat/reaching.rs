//! Options about the way to the server, and about who the client is.

use super::*;
use crate::common::{behind_tls, open_http_proxy, self_signed};
use std::fs;

#[test]
fn an_https_proxy_is_trusted_by_its_own_options() {
    let files = Scratch::new("proxy-tls");
    let ca = Ca::new();
    let ca_file = files.write("ca.pem", ca.pem());
    let inner = open_http_proxy();
    let proxy = behind_tls(inner.addr, &ca.issue(&["127.0.0.1"]).identity());
    let proxy_url = proxy.url("https");
    let (url, server) = echo_server();
    let through = ["--proxy", &*proxy_url, "--proxy-cacert", ca_file.to_str().unwrap(), &url];
    run(through, "hello\n").is_fine("hello\n");
    server.join().unwrap().unwrap();
    assert_eq!(inner.connections(), 1);

    let (url, server) = echo_server();
    let directory = files.path("authorities");
    fs::create_dir(&directory).unwrap();
    fs::copy(&ca_file, directory.join("0a1b2c3d.0")).unwrap();
    let through = ["--proxy", &*proxy_url, "--proxy-capath", directory.to_str().unwrap(), &url];
    run(through, "hello\n").is_fine("hello\n");
    server.join().unwrap().unwrap();

    let (url, server) = echo_server();
    run(["--proxy", &*proxy_url, "--proxy-insecure", &url], "hello\n").is_fine("hello\n");
    server.join().unwrap().unwrap();
    // The server's options are not the proxy's.
    let result = run(["--proxy", &*proxy_url, "--cacert", ca_file.to_str().unwrap(), "wss://127.0.0.1:1/"], "");
    result.is_error("certificate");
    result.is_error("--proxy-cacert");
}

#[test]
fn a_proxy_from_the_environment_is_trusted_by_these_options_too() {
    let files = Scratch::new("proxy-env");
    let ca = Ca::new();
    let ca_file = files.write("ca.pem", ca.pem());
    let inner = open_http_proxy();
    let proxy = behind_tls(inner.addr, &ca.issue(&["127.0.0.1"]).identity());
    let (url, server) = echo_server();
    let mut command = wscat();
    command.env("ws_proxy", proxy.url("https")).arg("--proxy-cacert").arg(ca_file).arg(url);
    let mut running = start_program(&mut command);
    running.write("hello\n");
    assert_eq!(running.line(), "hello\n");
    drop(running.stdin.take());
    running.finish().is_fine("");
    server.join().unwrap().unwrap();
}

#[test]
fn the_proxy_gets_its_user_and_headers() {
    let proxy = open_http_proxy();
    let (url, server) = echo_server();
    let proxy_url = proxy.url("http");
    run(
        ["-x", &*proxy_url, "-U", "me:secret", "--proxy-header", "X-Where: here", "-H", "X-Server: 1", &url],
        "hello\n",
    )
    .is_fine("hello\n");
    server.join().unwrap().unwrap();
    let head = proxy.seen().remove(0);
    assert!(head.contains("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n"), "{head}");
    assert!(head.contains("X-Where: here\r\n") && !head.contains("X-Server"), "{head}");
    run(["-U", "me:secret", &url], "").is_error("--proxy");
}

#[test]
fn a_bearer_token_is_sent() {
    let server = web(|head| match header(head, "authorization") {
        Some("Bearer t0k.en") => Ok(String::new()),
        _ => respond(401, "WWW-Authenticate: Bearer realm=\"api\"\r\n"),
    });
    run(["--oauth2-bearer", "t0k.en", &server.url("/")], "a line\n").is_fine("a line\n");
    let result = run([server.url("/")], "");
    result.is_error("--oauth2-bearer; WWW-Authenticate: Bearer realm=\"api\"");
    run(["--oauth2-bearer", "x", "--user", "a:b", &server.url("/")], "").is_error("cannot be used with");
    run(["--oauth2-bearer", "x", "ws://a:b@localhost/"], "")
        .is_error("given twice, in the URL and by --oauth2-bearer");
}

#[test]
fn the_request_is_what_further_options_say() {
    let server = web(|_| Ok(String::new()));
    let result = run(["--host", "feed.example", "-s", "v1", &server.url("/")], "");
    assert_eq!((result.status, &*result.stderr), (Some(0), "note: the server chose none of the subprotocols\n"));
    let head = server.heads().remove(0);
    assert_eq!(
        (header(&head, "host"), header(&head, "sec-websocket-protocol")),
        (Some("feed.example"), Some("v1"))
    );
}

// ----- Cookies -----

#[test]
fn cookies_are_given_and_kept() {
    let files = Scratch::new("cookies");
    let jar = files.path("jar");
    let jar = jar.to_str().unwrap();
    let server = web(|head| match target(head) {
        "/login" => {
            Err("HTTP/1.1 302 Found\r\nLocation: /feed\r\nSet-Cookie: step=1; Path=/\r\nContent-Length: 0\r\n\r\n"
                .to_owned())
        }
        "/over" => Ok("Set-Cookie: id=; Max-Age=0; Path=/\r\n".to_owned()),
        _ => Ok("Set-Cookie: id=6f2a; Path=/; HttpOnly; Max-Age=3600\r\nSet-Cookie: theme=dark\r\n".to_owned()),
    });
    run(["-L", "-b", "given=1; other=two", "-c", jar, &server.url("/login")], "").is_fine("");
    let cookies = |number: usize| header(&server.heads()[number], "cookie").map(str::to_owned);
    assert_eq!(cookies(0).as_deref(), Some("given=1; other=two"));
    assert_eq!(cookies(1).as_deref(), Some("given=1; other=two; step=1"));
    let text = fs::read_to_string(jar).unwrap();
    let lines: Vec<Vec<&str>> =
        text.lines().filter(|line| line.contains('\t')).map(|line| line.split('\t').collect()).collect();
    let names: Vec<_> = lines.iter().map(|line| (line[0], line[2], line[5], line[6])).collect();
    let expected = [
        ("127.0.0.1", "/", "step", "1"),
        ("#HttpOnly_127.0.0.1", "/", "id", "6f2a"),
        ("127.0.0.1", "/", "theme", "dark"),
    ];
    assert_eq!(names, expected, "{text}");
    assert_eq!((lines[0][4], lines[2][4]), ("0", "0"), "they end with the session");
    assert!(lines[1][4].parse::<u64>().unwrap() > 1_000_000_000, "{text}");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(jar).unwrap().permissions().mode() & 0o777, 0o600);

    // The next time.
    run(["-b", jar, "-c", jar, &server.url("/feed")], "").is_fine("");
    assert_eq!(cookies(2).as_deref(), Some("step=1; id=6f2a; theme=dark"));
    run(["-b", jar, "-c", jar, &server.url("/over")], "").is_fine("");
    let text = fs::read_to_string(jar).unwrap();
    assert!(text.contains("\tstep\t1") && text.contains("\ttheme\tdark") && !text.contains("\tid\t"), "{text}");
}

#[test]
fn a_file_of_cookies_is_read_as_curl_writes_it() {
    let files = Scratch::new("cookie-file");
    let lines = "# Netscape HTTP Cookie File\n\n\
        127.0.0.1\tFALSE\t/\tFALSE\t0\tmine\t1\n\
        #HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t4102444800\thidden\t2\n\
        127.0.0.1\tFALSE\t/\tFALSE\t1000\told\t3\n\
        127.0.0.1\tFALSE\t/\tTRUE\t0\tsecure\t4\n\
        127.0.0.1\tFALSE\t/other\tFALSE\t0\telsewhere\t5\n\
        example.com\tFALSE\t/\tFALSE\t0\ttheirs\t6\n";
    let file = files.write("cookies", lines);
    let server = web(|_| Ok(String::new()));
    run(["-b", file.to_str().unwrap(), &server.url("/feed")], "").is_fine("");
    assert_eq!(header(&server.heads()[0], "cookie"), Some("mine=1; hidden=2"));
    // What is not there has no cookies.
    run(["-b", files.path("nothing").to_str().unwrap(), &server.url("/")], "").is_fine("");
    assert_eq!(header(&server.heads()[1], "cookie"), None);
    run(["-c", "/nowhere/jar", &server.url("/")], "").is_error("--cookie-jar: cannot write /nowhere/jar: ");
}

// ----- Addresses -----

#[test]
fn hosts_can_be_given_addresses() {
    let (url, server) = echo_server();
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let port = address.rsplit(':').next().unwrap();
    let resolve = format!("feed.example:{port}:127.0.0.1");
    run(["--resolve", &*resolve, &format!("ws://feed.example:{port}/")], "hello\n").is_fine("hello\n");
    server.join().unwrap().unwrap();
    let (url, server) = echo_server();
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
    let resolve = format!("*:{port}:[::1],127.0.0.1");
    run(
        ["--resolve", "a.example:1:127.0.0.1", "--resolve", &resolve, &format!("ws://b.example:{port}/")],
        "hello\n",
    )
    .is_fine("hello\n");
    server.join().unwrap().unwrap();
    run(["--resolve", "a.example:127.0.0.1", "ws://a.example/"], "").is_error("write it as HOST:PORT:ADDRESS");
}

#[test]
fn an_interface_can_be_an_address() {
    let (url, server) = serve(Server::builder(), |ws| {
        let from = ws.peer_addr().unwrap().ip();
        echo(ws).map(|()| from)
    });
    run(["--interface", "127.0.0.78", &url], "hello\n").is_fine("hello\n");
    assert_eq!(server.join().unwrap().unwrap().to_string(), "127.0.0.78");
}

#[test]
fn a_unix_socket_has_the_name_that_curl_gives_it() {
    let directory = Scratch::new("unix-socket");
    let path = path(&directory, "socket");
    let listener = Server::builder().listen_unix(&path).unwrap();
    let server = thread::spawn(move || echo(listener.accept()?.accept()?));
    run(["--unix-socket", &path, "ws://example.com/feed"], "hello\n").is_fine("hello\n");
    server.join().unwrap().unwrap();
}

#[test]
fn options_of_the_socket_are_set() {
    let (url, server) = echo_server();
    let options = [
        "--no-tcp-nodelay",
        "--keepalive-time=10",
        "--keepalive-interval=5",
        "--keepalive-cnt=3",
        "--tcp-user-timeout=20",
        "--recv-buffer=65536",
        "--send-buffer=65536",
        &url,
    ];
    run(options, "hello\n").is_fine("hello\n");
    server.join().unwrap().unwrap();
    run(["--recv-buffer=0", "ws://127.0.0.1:1/"], "").is_error("--recv-buffer of 0 cannot be used");
    run(["--keepalive-cnt", "3", "ws://127.0.0.1:1/"], "").is_error("--keepalive-time");
}

#[test]
fn a_peer_that_stops_answering_is_noticed_if_asked() {
    let (done, is_done) = channel::<()>();
    let (url, server) = raw_server(move |_stream| is_done.recv().unwrap_or_default());
    let result = start(["--ping-interval", "0.3", &url]).finish();
    result.is_error("peer is silent");
    assert!(result.took >= Duration::from_millis(500), "{:?}", result.took);
    drop(done);
    server.join().unwrap();
}

// ----- TLS -----

#[test]
fn the_oldest_version_of_tls_can_be_said_as_with_curl() {
    for option in ["--tlsv1.2", "--tlsv1.3"] {
        let (port, directory, server) = tls_server();
        let url = format!("wss://localhost:{port}/");
        let ca = path(&directory, "certificate.pem");
        let result = run([option, "-v", "--cacert", &ca, &url], "hello\n");
        assert_eq!((result.status, &*result.stdout), (Some(0), "hello\n"), "{}", result.stderr);
        server.join().unwrap().unwrap();
    }
    run(["--tlsv1.3", "--min-tls", "1.2", "wss://127.0.0.1:1/"], "").is_error("cannot be used with");
    run(["--tlsv1.3", "ws://127.0.0.1:1/"], "").is_error("--tlsv1.3 is for TLS");
}

#[test]
fn pins_are_given_as_with_curl() {
    let (port, directory, server) = tls_server();
    let (ca, url) = (path(&directory, "certificate.pem"), format!("wss://localhost:{port}/"));
    let other = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let refused = run(["--cacert", &ca, "--pinnedpubkey", other, &url], "");
    refused.is_error("it is sha256//");
    let pin = refused.stderr.split("it is ").nth(1).unwrap().split([';', ' ', '\n']).next().unwrap().to_owned();
    let _ = server.join().unwrap();
    let (port, directory, server) = tls_server();
    let (ca, url) = (path(&directory, "certificate.pem"), format!("wss://localhost:{port}/"));
    run(["--cacert", &ca, "--pinnedpubkey", &format!("{other};{other}"), &url], "").is_error("none of those");
    let _ = server.join().unwrap();
    assert!(pin.starts_with("sha256//"), "{pin}");
}

#[test]
fn only_the_given_authorities_are_trusted_if_asked() {
    let (port, directory, server) = tls_server();
    let (ca, url) = (path(&directory, "certificate.pem"), format!("wss://localhost:{port}/"));
    run(["--no-system-certs", "--no-alpn", "--cacert", &ca, &url], "hello\n").is_fine("hello\n");
    server.join().unwrap().unwrap();
    run(["--no-system-certs", "wss://127.0.0.1:1/"], "").is_error("");
}

#[test]
fn a_client_certificate_is_shown_in_every_form() {
    let files = Scratch::new("client-cert");
    let ca = Ca::new();
    let ca_file = files.write("ca.pem", ca.pem());
    let made = ca.issue(&["client"]);
    let (cert, key) = (files.write("cert.pem", &made.cert), files.write("key.pem", &made.key));
    let both = files.write("both.pem", format!("{}{}", made.cert, made.key));
    let archive = files.path("client.p12");
    let export = Command::new("openssl")
        .args(["pkcs12", "-export", "-passout", "pass:phrase", "-in"])
        .args([&both, &"-out".into(), &archive])
        .output()
        .unwrap();
    assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    for options in [
        vec!["--cert".to_owned(), text(&cert), "--key".to_owned(), text(&key)],
        vec!["-E".to_owned(), text(&both)],
        ["--cert", &text(&archive), "--cert-type", "p12", "--pass", "phrase"].map(str::to_owned).to_vec(),
    ] {
        let tls = crate::common::acceptor(ca.issue(&["localhost"]).identity())
            .client_certs(landline::transport::ClientCerts::Required)
            .client_ca_pem(ca.pem().as_bytes());
        let listener = Server::builder().tls_options(tls).listen("127.0.0.1:0").unwrap();
        let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
        let server = thread::spawn(move || echo(listener.accept()?.accept()?));
        let arguments = options.iter().cloned().chain(["--cacert".to_owned(), text(&ca_file), url]);
        run(arguments, "hello\n").is_fine("hello\n");
        server.join().unwrap().unwrap();
    }
    let wrong = ["--cert", &text(&archive), "--cert-type", "P12", "--pass", "wrong", "wss://127.0.0.1:1/"];
    run(wrong, "").is_error("the password is wrong");
    run(["--cert", &text(&cert), "wss://127.0.0.1:1/"], "").is_error("give that with --key");
    let other = files.write("other.pem", self_signed(&["x"]).key);
    run(["--cert", &text(&cert), "--key", &text(&other), "wss://127.0.0.1:1/"], "")
        .is_error("is not that of the certificate");
}
