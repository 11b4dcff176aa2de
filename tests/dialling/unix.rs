//! Unix sockets by URL, in both roles.

use super::*;
use landline::Headers;
use landline::http::StatusCode;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

fn url_of(path: &Path) -> String {
    format!("ws+unix:{}:/feed?from=7", path.display())
}

#[test]
fn client_and_server_find_each_other_by_the_url_of_a_unix_socket() {
    limited(|| {
        let scratch = Scratch::new("by-url");
        let path = scratch.path("a b:c%.sock");
        let encoded = path.display().to_string().replace("a b:c%", "a%20b%3Ac%25");
        let listener = Server::builder().listen(&*format!("ws+unix:{encoded}")).unwrap();
        assert!(path.exists());
        let connecting = thread::spawn(move || landline::connect(&format!("ws+unix:{encoded}:/feed?from=7")));
        let request = listener.accept().unwrap();
        assert_eq!((request.path(), request.query()), ("/feed", Some("from=7")));
        assert_eq!(request.headers().get("host").unwrap(), "localhost");
        let mut server = request.accept().unwrap();
        let mut ws = connecting.join().unwrap().unwrap();
        ws.send("over the file system").unwrap();
        assert_eq!(server.recv().unwrap(), Some("over the file system".into()));
        let timings = ws.timings().unwrap();
        assert!(timings.resolve.is_zero() && !timings.connect.is_zero(), "{timings:?}");
        drop(listener);
        assert!(!path.exists());
    });
}

#[test]
fn a_socket_can_be_named_apart_from_the_url() {
    limited(|| {
        let scratch = Scratch::new("apart");
        let path = scratch.path("%20");
        let listener = Server::builder().listen_unix(&path).unwrap();
        let client = builder().unix_path(&path).addresses(["192.0.2.1:9".parse().unwrap()]).build().unwrap();
        let connecting = thread::spawn(move || client.connect("ws://feed.example:81/live").map(drop));
        let request = listener.accept().unwrap();
        assert_eq!(request.path(), "/live");
        assert_eq!(request.headers().get("host").unwrap(), "feed.example:81");
        request.accept().unwrap();
        connecting.join().unwrap().unwrap();
    });
}

#[test]
fn a_redirect_to_another_origin_leaves_the_socket_that_was_given() {
    limited(|| {
        let scratch = Scratch::new("leaves");
        let path = scratch.path("s");
        let listener = Server::builder().listen_unix(&path).unwrap();
        let other = serve_echo(Server::builder());
        let there = other.url();
        let client = builder().unix_path(&path).max_redirects(2).build().unwrap();
        let connecting =
            thread::spawn(move || client.connect("ws://feed.example/").map(|ws| ws.handshake().url.clone()));
        // Within the origin it is still this socket.
        for location in ["/live", &*there] {
            let request = listener.accept().unwrap();
            assert_eq!(request.headers().get("host").unwrap(), "feed.example");
            let headers = Headers::new().with("Location", location).unwrap();
            request.reject(StatusCode::FOUND, headers, "").unwrap();
        }
        assert_eq!(connecting.join().unwrap().unwrap(), Some(there));
    });
}

#[test]
fn tls_over_a_unix_socket_is_for_localhost_and_the_hook_sees_the_socket() {
    limited(|| {
        let scratch = Scratch::new("tls");
        let path = scratch.path("s");
        let ca = Ca::new();
        let server = Server::builder().tls(ca.issue(&["localhost"]).identity());
        let listener = server.listen(&*format!("unix:{}", path.display())).unwrap();
        let (send, seen) = mpsc::channel();
        let tls = landline::transport::TlsConnector::builder().ca_pem(ca.pem().as_bytes()).build().unwrap();
        let client = builder().tls(tls).on_socket(move |socket| {
            send.send(socket2::SockRef::from(&socket).local_addr()?.is_unix()).unwrap();
            Ok(())
        });
        let client = client.build().unwrap();
        let url = format!("wss+unix:{}", path.display());
        let connecting = thread::spawn(move || client.connect(&url).map(drop));
        listener.accept().unwrap().accept().unwrap();
        connecting.join().unwrap().unwrap();
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [true]);
    });
}

#[test]
fn a_unix_socket_that_cannot_be_reached_is_named() {
    limited(|| {
        let scratch = Scratch::new("nobody");
        let path = scratch.path("s");
        let error = landline::connect(&url_of(&path)).unwrap_err();
        let not_found = std::io::Error::from(rustix::io::Errno::NOENT);
        assert_eq!(told_once(&error), format!("cannot connect to unix:{}: {not_found}", path.display()));
        assert_eq!(tried(&error).attempts[0].address, Address::Unix(path.clone()));
        let long = format!("ws+unix:/{}", "x".repeat(200));
        assert!(matches!(landline::connect(&long), Err(Error::Connect(_))));
    });
}

/// A listener whose queue is full.
fn full(path: &Path) -> (UnixListener, Vec<socket2::Socket>) {
    let listener = UnixListener::bind(path).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = socket2::SockAddr::unix(path).unwrap();
    let mut waiting = Vec::new();
    loop {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        match socket.connect(&address) {
            Ok(()) => waiting.push(socket),
            Err(_) => return (listener, waiting),
        }
    }
}

#[test]
fn a_server_whose_queue_is_full_is_waited_for_within_the_limits() {
    limited(|| {
        let scratch = Scratch::new("full");
        let path = scratch.path("s");
        let (listener, waiting) = full(&path);
        let client = builder().connect_timeout(Some(millis(100))).build().unwrap();
        let (took, result) = timed(|| client.connect(&url_of(&path)));
        let told = told_once(&result.unwrap_err());
        assert_eq!(told, format!("timed out while connecting: tried unix:{} (no answer)", path.display()));
        assert!(took >= millis(90) && took < millis(5000), "{took:?}");

        let interrupter = Interrupter::new().unwrap();
        let client = builder().interrupter(interrupter.clone()).build().unwrap();
        let url = url_of(&path);
        let connecting = sleeper(move || client.connect(&url).map(drop));
        connecting.until_asleep();
        interrupter.interrupt();
        assert!(matches!(connecting.join(), Err(Error::Interrupted(found)) if found.phase == Phase::Connect));

        let url = url_of(&path);
        let connecting = sleeper(move || landline::connect(&url).map(drop));
        connecting.until_asleep();
        drop(waiting);
        while landline::accept(listener.accept().unwrap().0).is_err() {}
        connecting.join().unwrap();
    });
}

#[test]
fn the_file_of_a_listening_socket_has_the_permissions_asked_for() {
    limited(|| {
        let scratch = Scratch::new("mode");
        let path = scratch.path("s");
        for mode in [0o600, 0o666, 0o751] {
            let server = Server::builder().unix_mode(mode).bind_unix(&path).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
            drop(server);
            assert!(!path.exists());
        }
    });
}

#[test]
fn a_server_refuses_urls_that_are_no_place_to_listen() {
    for (address, complaint) in [
        ("ws+unix:/x:/feed", "a server has no path of a request"),
        ("ws+unix:", "socket path is not valid"),
        ("wss+unix:/x", "no slash"),
        ("ws://127.0.0.1:0", "no slash"),
    ] {
        let error = Server::bind(address).unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error:?}");
        let told = told_once(&error);
        assert!(told.contains(complaint) && told.contains("such as ws+unix:/run/feed.sock"), "{told}");
    }
}

#[test]
fn a_path_that_no_socket_can_have_is_of_no_use_later_either() {
    for url in [format!("ws+unix:/{}:/", "a".repeat(200)), "ws+unix:/nonexistent/feed.sock:/".to_owned()] {
        let error = landline::connect(&url).unwrap_err();
        assert_eq!(error.is_transient(), url.contains("nonexistent"), "{error:#}");
    }
}
