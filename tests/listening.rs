//! Addresses to listen on, replacing stale sockets, shortages of threads, time limits for clients, and how listening
//! ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use http::{HeaderMap, StatusCode};
use landline::error::{Error, Interrupted, Phase};
use landline::server::ServerBuilder;
use landline::{Interrupter, Listener, Server};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

fn builder() -> ServerBuilder {
    Server::builder()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

// ----- Addresses -----

#[test]
fn a_malformed_address_is_named_with_the_required_form() {
    for address in ["no port", "localhost", "999.1.1.1:x", "127.0.0.1:70000", "127.0.0.1:", "", ":0", "a b:1"] {
        let error = Server::bind(address).unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error:?}");
        let text = told_once(&error);
        assert!(text.starts_with(&format!("cannot listen on {address:?}: ")), "{text}");
        assert!(text.contains("127.0.0.1:9001") && text.contains("[::]:9001"), "{text}");
        assert!(matches!(Listener::bind(address), Err(Error::Config(_))));
    }
    let long = format!("/{}", "x".repeat(200));
    let error = builder().listen_unix(&long).unwrap_err();
    assert!(matches!(error, Error::Config(_)) && error.to_string().contains(&long), "{error}");
}

#[test]
fn an_address_that_the_system_refuses_is_named_too() {
    limited(|| {
        let server = Server::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let error = Server::bind(address).unwrap_err();
        assert!(told_once(&error).starts_with(&format!("listening on {address} failed: ")), "{error}");
        let error = builder().listen_unix("/nowhere/at/all").unwrap_err();
        assert!(told_once(&error).starts_with("listening on unix:/nowhere/at/all failed: "), "{error}");
    });
}

// ----- Unix sockets -----

fn is_in_use(result: landline::Result<Listener>) -> bool {
    matches!(result, Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AddrInUse)
}

#[test]
fn a_unix_socket_with_a_listener_is_in_use() {
    limited(|| {
        let scratch = Scratch::new("alive");
        let path = scratch.path("s");
        let first = builder().listen_unix(&path).unwrap();
        for _ in 0..3 {
            assert!(is_in_use(builder().listen_unix(&path)));
        }
        // The first one is still listening: the probes are in its backlog, and gone.
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
        let opened = (0..4).any(|_| first.accept().is_ok_and(|request| request.accept().is_ok()));
        assert!(opened && client.read(&mut [0; 12]).unwrap() == 12);

        // One of another program with a full backlog, and a datagram socket.
        let path = scratch.path("others");
        let others = UnixListener::bind(&path).unwrap();
        let mut waiting = Vec::new();
        loop {
            let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let connected = socket.connect(&socket2::SockAddr::unix(&path).unwrap());
            waiting.push(socket);
            if connected.is_err() {
                break;
            }
            assert!(waiting.len() < 100_000);
        }
        assert!(is_in_use(builder().listen_unix(&path)));
        drop(others);
        let path = scratch.path("datagrams");
        let datagrams = UnixDatagram::bind(&path).unwrap();
        assert!(is_in_use(builder().listen_unix(&path)));
        drop(datagrams);
        builder().listen_unix(&path).unwrap();
    });
}

#[test]
fn a_file_that_is_not_a_socket_is_in_use_and_kept() {
    limited(|| {
        let scratch = Scratch::new("kept");
        let file = scratch.write("file", "precious");
        assert!(is_in_use(builder().listen_unix(&file)));
        assert_eq!(std::fs::read(&file).unwrap(), b"precious");

        let dead = scratch.path("dead");
        drop(UnixListener::bind(&dead).unwrap());
        for (target, link) in [(&file, "to a file"), (&dead, "to a socket")] {
            let link = scratch.path(link);
            std::os::unix::fs::symlink(target, &link).unwrap();
            assert!(is_in_use(builder().listen_unix(&link)));
            assert!(link.is_symlink() && target.exists());
        }
        builder().listen_unix(&dead).unwrap();
        assert!(!dead.exists(), "removed with its listener");
    });
}

#[test]
fn of_several_listeners_that_replace_a_stale_socket_one_succeeds() {
    limited(|| {
        let scratch = Scratch::new("race");
        for round in 0..30 {
            let path = scratch.path("s");
            drop(UnixListener::bind(&path).unwrap());
            let together = std::sync::Barrier::new(6);
            let listeners: Vec<_> = thread::scope(|scope| {
                let listening = (0..6).map(|_| {
                    scope.spawn(|| {
                        together.wait();
                        builder().listen_unix(&path)
                    })
                });
                listening.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let won = listeners.iter().filter(|listener| listener.is_ok()).count();
            assert_eq!(won, 1, "round {round}: {listeners:?}");
            UnixStream::connect(&path).unwrap();
        }
    });
}

// ----- Threads -----

#[test]
fn without_threads_new_clients_wait_and_are_not_reset() {
    const NAME: &str = "without_threads_new_clients_wait_and_are_not_reset";
    // The address space is large enough for the stacks of all these threads, except while most of it is taken.
    alone(NAME, "ulimit -v 4000000;", || {
        let server = serve_echo(builder().stack_size(256 << 20));
        let mut clock = CpuClock::of_process();
        let mut hoard: Vec<Vec<u8>> = Vec::new();
        loop {
            let mut piece = Vec::new();
            if piece.try_reserve_exact(32 << 20).is_err() {
                break;
            }
            hoard.push(piece);
        }
        let mut raws: Vec<_> = (0..6).map(|_| server.raw()).collect();
        for raw in &mut raws {
            raw.send(format!("{REQUEST}\r\n"));
        }
        eventually("one client is held", || server.stop.connections() == 1);
        let before = clock.read();
        for raw in &mut raws {
            raw.stream.set_read_timeout(Some(millis(100))).unwrap();
            let error = raw.more().unwrap_err();
            assert!(is_timeout(&error), "{error}");
        }
        let used = clock.read() - before;
        assert!(used <= millis(100), "the server spins: {used:?}");
        drop(hoard);
        for raw in &mut raws {
            limit(&raw.stream);
            raw.is_opened();
        }
    });
}

#[test]
fn a_server_without_threads_can_be_stopped() {
    alone("a_server_without_threads_can_be_stopped", "", || {
        // No system has room for a stack of this size.
        let server = serve_echo(builder().stack_size(1 << 50));
        let mut raw = server.raw();
        raw.send(format!("{REQUEST}\r\n"));
        eventually("the client is held", || server.stop.connections() == 1);
        let (took, stopped) = timed(|| server.end(Duration::from_secs(20)));
        assert!(took < Duration::from_secs(5) && stopped.cut == 0, "{took:?}, {stopped:?}");
        let rest = raw.rest();
        assert!(rest.as_ref().map_or_else(is_reset, Vec::is_empty), "{rest:?}");
    });
}

// ----- Time -----

/// How long it takes to accept a client that behaves like this, and the result.
fn accepting(options: ServerBuilder, act: impl FnOnce(TcpStream) + Send + 'static) -> (Duration, String) {
    let listener = options.listen("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let client = thread::spawn(move || act(TcpStream::connect(addr).unwrap()));
    let incoming = listener.accept_incoming().unwrap();
    let (took, result) = timed(|| incoming.request());
    client.join().unwrap();
    (took, result.unwrap_err().to_string())
}

/// Reads until the server has ended the connection, without sending anything more.
fn stay(mut stream: TcpStream) {
    limit(&stream);
    let mut answer = Vec::new();
    // A reset is also an end.
    let _ = stream.read_to_end(&mut answer);
    let _ = stream.set_read_timeout(Some(millis(1500)));
    // The server no longer waits for this.
    while stream.write_all(b"x").is_ok() {
        thread::sleep(millis(5));
    }
}

#[test]
fn item_2_the_handshake_timeout_includes_the_refusal() {
    limited(|| {
        let limit = millis(400);
        let plain = || builder().handshake_timeout(Some(limit));
        let certificate = self_signed(&["localhost"]);
        let secure = || plain().tls_options(acceptor(certificate.identity()));
        let wrong = |mut stream: TcpStream| {
            stream.write_all(b"POST / HTTP/1.1\r\n\r\n").unwrap();
            stay(stream);
        };
        let half = |mut stream: TcpStream| {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
            stay(stream);
        };
        for (what, (took, error)) in [
            ("silent", accepting(plain(), stay)),
            ("half a request", accepting(plain(), half)),
            ("wrong", accepting(plain(), wrong)),
            ("silent, TLS", accepting(secure(), stay)),
            ("no TLS", accepting(secure(), wrong)),
        ] {
            assert!(took < limit + millis(250), "{what}: {took:?} ({error})");
        }
    });
}

#[test]
fn item_2_rejecting_takes_at_most_the_handshake_timeout() {
    limited(|| {
        for drop_it in [false, true] {
            let listener = builder().handshake_timeout(Some(millis(400))).listen("127.0.0.1:0").unwrap();
            let mut raw = Raw::connect(listener.local_addr().unwrap());
            raw.send(format!("{REQUEST}\r\n"));
            let request = listener.accept().unwrap();
            // However long the program takes to decide.
            thread::sleep(millis(450));
            let (took, ()) = timed(|| {
                if !drop_it {
                    request.reject(StatusCode::FORBIDDEN, HeaderMap::new(), "no").unwrap();
                }
            });
            assert!(took < millis(650), "{took:?}");
            let head = raw.head();
            assert!(head.contains(if drop_it { " 500 " } else { " 403 " }), "{head}");
        }
    });
}

// ----- The end -----

fn is_reset(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionReset
}

fn is_refused(addr: SocketAddr) -> bool {
    TcpStream::connect(addr).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// A server whose only handler keeps running until it is told to stop.
fn busy() -> (Serving, landline::WebSocket, mpsc::Sender<()>) {
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let server = serve(builder(), move |_ws| {
        let _ = released.lock().unwrap().recv();
    });
    let client = landline::connect(&server.url()).unwrap();
    (server, client, release)
}

#[test]
fn a_stopping_server_refuses_clients_while_it_waits_for_handlers() {
    limited(|| {
        let (server, client, release) = busy();
        let addr = server.addr;
        let ending = thread::spawn(move || server.end(Duration::from_secs(20)));
        let mut in_time = 0;
        eventually("the socket is closed", || {
            let refused = is_refused(addr);
            in_time += usize::from(!refused);
            refused
        });
        assert!(!ending.is_finished());
        drop(client);
        drop(release);
        // Those that arrived in time may have been accepted.
        let finished = ending.join().unwrap().finished;
        assert!((1..=1 + in_time).contains(&finished), "{finished} of {in_time} and the one with a handler");
    });
}

#[test]
fn a_server_that_is_stopped_before_it_serves_refuses_clients() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let addr = server.local_addr().unwrap();
    server.stop_handle().stop(Duration::ZERO);
    assert!(is_refused(addr));
}

#[test]
fn stopping_a_listener_ends_its_calls_and_drops_its_clients() {
    limited(|| {
        for interrupter in [None, Some(Interrupter::new().unwrap())] {
            let options = interrupter.iter().fold(builder().handshake_timeout(None), |options, interrupter| {
                options.interrupter(interrupter.clone())
            });
            let listener = Arc::new(options.listen("127.0.0.1:0").unwrap());
            let addr = listener.local_addr().unwrap();
            let mut shaking = Raw::connect(addr);
            let incoming = listener.accept_incoming().unwrap();
            let reading = sleeper(move || incoming.request().map(drop));
            reading.until_asleep();
            let accepting: Vec<_> = (0..2)
                .map(|_| {
                    let listener = Arc::clone(&listener);
                    let accepting = sleeper(move || listener.accept().map(drop));
                    accepting.until_asleep();
                    accepting
                })
                .collect();
            listener.stop();
            for (call, doing) in
                accepting.into_iter().map(|call| (call, Phase::Accept)).chain([(reading, Phase::Handshake)])
            {
                let error = call.join().unwrap_err();
                let ok = matches!(error, Error::Interrupted(Interrupted { phase, .. }) if phase == doing);
                assert!(ok, "{error:?}");
            }
            // Permanently.
            assert!(matches!(listener.accept(), Err(Error::Interrupted(_))));
            assert!(matches!(listener.accept_incoming(), Err(Error::Interrupted(_))));
            assert!(is_refused(addr));
            let rest = shaking.rest();
            assert!(rest.as_ref().map_or_else(is_reset, Vec::is_empty), "{rest:?}");
        }
    });
}

#[test]
fn clients_in_the_backlog_of_a_stopped_listener_are_disconnected() {
    limited(|| {
        let scratch = Scratch::new("backlog");
        let path = scratch.path("s");
        let over_tcp = builder().listen("127.0.0.1:0").unwrap();
        let over_unix = builder().listen_unix(&path).unwrap();
        let mut tcp = TcpStream::connect(over_tcp.local_addr().unwrap()).unwrap();
        let mut unix = UnixStream::connect(&path).unwrap();
        for listener in [&over_tcp, &over_unix] {
            listener.stop();
        }
        limit(&tcp);
        unix.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let ended = |read: std::io::Result<usize>| match read {
            Ok(count) => count == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        };
        assert!(ended(tcp.read(&mut [0])));
        assert!(ended(unix.read(&mut [0])));
        assert!(!Path::new(&path).exists());
        let next = builder().listen_unix(&path).unwrap();
        drop(over_unix);
        UnixStream::connect(&path).unwrap();
        drop(next);
    });
}
