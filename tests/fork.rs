//! Programs that fork: what a child can do with what it inherits, and that its parent is not affected.

mod common;

use common::{Ca, Scratch, acceptor, eventually, limited, pair, timed};
use landline::error::{Closed, UsageError};
use landline::transport::{Interest, SocketTransport, wait_fd};
use landline::{Client, CloseCode, Config, Error, Interrupter, Kind, Listener, Message, Server, WebSocket};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// A forked child; killed when this is dropped.
struct Forked(i32);

#[expect(unsafe_code, reason = "forking")]
fn fork(body: impl FnOnce()) -> Forked {
    // SAFETY: the child continues in this thread only, and touches nothing that other threads may have locked.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: no preconditions. A child that hangs is killed.
            unsafe { libc::alarm(20) };
            let result = catch_unwind(AssertUnwindSafe(body));
            // SAFETY: no preconditions; nothing that belongs to the parent is ended or flushed.
            unsafe { libc::_exit(i32::from(result.is_err())) }
        }
        pid => {
            assert!(pid > 0);
            Forked(pid)
        }
    }
}

impl Forked {
    #[expect(unsafe_code, reason = "waiting for a child")]
    fn wait(&self) -> i32 {
        let mut status = 0;
        // SAFETY: the pointer is valid for writes.
        assert_eq!(unsafe { libc::waitpid(self.0, &raw mut status, 0) }, self.0);
        status
    }
}

impl Drop for Forked {
    #[expect(unsafe_code, reason = "killing a child")]
    fn drop(&mut self) {
        // SAFETY: a child of this process that has not been waited for, or else no process of this user.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, std::ptr::null_mut(), 0);
        }
    }
}

/// Runs this in a child, which must not panic or take long.
fn in_child(body: impl FnOnce()) {
    let child = fork(body);
    assert_eq!(child.wait(), 0, "the child failed");
    std::mem::forget(child);
}

/// A child that holds copies of all descriptors and does nothing.
fn idle_child() -> Forked {
    fork(|| {
        loop {
            thread::park();
        }
    })
}

fn is_forked<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Usage(UsageError::Forked)), "{error:?}");
    assert!(!error.is_fatal());
}

fn over_tls() -> (WebSocket, WebSocket) {
    let ca = Ca::new();
    let listener =
        Server::builder().tls_options(acceptor(ca.issue(&["localhost"]).identity())).listen("127.0.0.1:0").unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let accepting = thread::spawn(move || listener.accept().unwrap().accept().unwrap());
    (ca.client().connect(&url).unwrap(), accepting.join().unwrap())
}

fn over_unix() -> (WebSocket, WebSocket) {
    let (near, far) = UnixStream::pair().unwrap();
    let accepting = thread::spawn(move || {
        let far = SocketTransport::unix(far).unwrap();
        landline::server::accept_over(far, &Config::default()).unwrap().accept().unwrap()
    });
    let near = SocketTransport::unix(near).unwrap();
    (Client::default().connect_over(near, "ws://localhost/").unwrap(), accepting.join().unwrap())
}

fn over_memory() -> (WebSocket, WebSocket) {
    let (near, far) = landline::transport::pair();
    let accepting =
        thread::spawn(move || landline::server::accept_over(far, &Config::default()).unwrap().accept().unwrap());
    (Client::default().connect_over(near, "ws://localhost/").unwrap(), accepting.join().unwrap())
}

fn all_kinds() -> [(WebSocket, WebSocket); 4] {
    [pair(), over_tls(), over_unix(), over_memory()]
}

fn goes_on((client, server): &mut (WebSocket, WebSocket)) {
    says("still here", client, server);
    says("still here", server, client);
}

fn says(text: &str, from: &mut WebSocket, to: &mut WebSocket) {
    from.send(text).unwrap();
    assert_eq!(to.recv_deadline(Instant::now() + 10 * SECOND).unwrap(), Some(Message::Text(text.into())));
}

/// Every call, with its result.
fn use_all(ws: &mut WebSocket) {
    is_forked(ws.recv());
    is_forked(ws.recv_timeout(SECOND));
    is_forked(ws.recv_ref());
    is_forked(ws.recv_into(&mut [0; 8]));
    is_forked(ws.recv_stream());
    is_forked(ws.send("x"));
    is_forked(ws.send(vec![0; 1 << 20]));
    is_forked(ws.feed("x"));
    is_forked(ws.flush());
    is_forked(ws.send_vectored(Kind::Binary, &[]));
    is_forked(ws.send_stream(Kind::Text));
    is_forked(ws.ping(b"x"));
    is_forked(ws.ping_wait(SECOND));
    is_forked(ws.close_start(CloseCode::NORMAL_CLOSURE, ""));
    is_forked(ws.close(CloseCode::NORMAL_CLOSURE, ""));
    is_forked(ws.interrupter());
    assert!(matches!(ws.close_info().cause, Some(Error::Usage(UsageError::Forked))));
    assert!(
        !ws.has_buffered()
            && ws.next_deadline() == landline::Deadline::NEVER
            && ws.fd().is_none()
            && !ws.poll_interest().write
    );
    let (sender, mut receiver) = ws.parts();
    is_forked(sender.feed("x"));
    is_forked(receiver.recv());
    ws.aborter().abort();
    ws.abort();
}

#[test]
fn every_call_on_an_inherited_connection_is_refused_and_the_parent_notices_nothing() {
    limited(|| {
        for mut both in all_kinds() {
            // Data that the child could steal, in the kernel and in memory.
            both.1.feed("one").unwrap();
            both.1.send("two").unwrap();
            assert_eq!(both.0.recv().unwrap(), Some(Message::Text("one".into())));
            in_child(|| {
                use_all(&mut both.0);
                use_all(&mut both.1);
            });
            assert_eq!(both.0.recv().unwrap(), Some(Message::Text("two".into())));
            goes_on(&mut both);
            let peer = thread::spawn(move || (both.1.recv().unwrap(), both.1));
            both.0.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
            assert_eq!(peer.join().unwrap().0, None);
        }
    });
}

#[test]
fn a_child_that_drops_what_it_has_inherited_does_nothing_else() {
    limited(|| {
        for mut both in all_kinds() {
            // The child, whose memory also contains it, does not write it.
            both.0.feed("gathered").unwrap();
            let mut both = Some(both);
            in_child(|| drop(both.take()));
            let both = both.as_mut().unwrap();
            both.0.flush().unwrap();
            assert_eq!(both.1.recv().unwrap(), Some(Message::Text("gathered".into())));
            goes_on(both);
        }
    });
}

#[test]
fn halves_and_writers_that_a_child_inherited_do_nothing() {
    limited(|| {
        for (client, mut server) in all_kinds() {
            let (sender, receiver) = client.split();
            let mut writer = sender.send_stream(Kind::Text).unwrap();
            writer.write_all(b"be").unwrap();
            writer.flush().unwrap();
            let mut parts = (Some(sender), Some(receiver), Some(writer));
            in_child(|| {
                let (sender, receiver, writer) = (&mut parts.0, &mut parts.1, &mut parts.2);
                assert!(writer.as_mut().unwrap().flush().is_err());
                is_forked(writer.as_mut().unwrap().finish());
                is_forked(sender.as_ref().unwrap().send("x"));
                is_forked(sender.as_ref().unwrap().ping_wait(SECOND));
                is_forked(receiver.as_mut().unwrap().recv());
                drop((parts.0.take(), parts.1.take(), parts.2.take()));
            });
            let mut writer = parts.2.take().unwrap();
            writer.write_all(b"gun").unwrap();
            writer.finish().unwrap();
            assert_eq!(server.recv().unwrap(), Some(Message::Text("begun".into())));
        }
    });
}

#[test]
fn a_child_neither_wakes_its_parent_nor_keeps_its_wakes_pending() {
    limited(|| {
        let (mut client, _server) = pair();
        let interrupter = client.interrupter().unwrap();
        in_child(|| {
            interrupter.interrupt();
            interrupter.abort();
        });
        let readable = || wait_fd(interrupter.as_fd(), Interest::READ, Some(Instant::now()), None).unwrap().read;
        assert!(!readable());
        let mut clock = common::CpuClock::of_this_thread();
        let before = clock.read();
        assert!(matches!(client.recv_timeout(SECOND / 2), Err(Error::Timeout(_))));
        assert!(clock.read() - before < SECOND / 10);
        // A child does not receive the parent's data either.
        interrupter.interrupt_recv();
        in_child(|| is_forked(client.recv()));
        assert!(readable());
        assert!(matches!(client.recv(), Err(Error::Interrupted(_))));
    });
}

#[test]
fn a_child_cannot_use_an_interrupter_made_before_the_fork() {
    limited(|| {
        let interrupter = Interrupter::new().unwrap();
        let client = Client::builder().interrupter(interrupter.clone()).build().unwrap();
        in_child(|| {
            is_forked(client.connect("ws://127.0.0.1:1/"));
            let listener = Server::builder().interrupter(interrupter.clone()).listen("127.0.0.1:0").unwrap();
            is_forked(listener.accept());
        });
    });
}

#[test]
fn a_child_never_waits_for_a_lock_that_another_thread_held_at_the_fork() {
    limited(|| {
        let (client, mut server) = over_tls();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let (sender, receiver) = client.split();
            let mut halves = (Some(sender.clone()), Some(receiver));
            scope.spawn(|| while server.recv_timeout(10 * SECOND).is_ok_and(|message| message.is_some()) {});
            for _ in 0..3 {
                let (sender, done) = (sender.clone(), &done);
                scope.spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        match sender.send("busy") {
                            Ok(()) | Err(Error::Closed(Closed::Sent)) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                });
            }
            for _ in 0..100 {
                in_child(|| {
                    is_forked(halves.0.as_ref().unwrap().send("x"));
                    is_forked(halves.1.as_mut().unwrap().recv());
                    assert!(halves.0.as_ref().unwrap().close_info().cause.is_some());
                    halves.0.as_ref().unwrap().abort();
                    drop((halves.0.take(), halves.1.take()));
                });
            }
            done.store(true, Ordering::Relaxed);
            sender.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        });
    });
}

#[test]
fn a_child_that_drops_gathered_messages_waits_for_no_lock_either() {
    limited(|| {
        for use_it in [false, true] {
            let (mut client, mut server) = pair();
            client.feed("gathered").unwrap();
            let (client, done) = (std::cell::UnsafeCell::new(client), AtomicBool::new(false));
            // SAFETY: only the children change it, each its own copy.
            #[expect(unsafe_code, reason = "what other threads use is dropped in a child")]
            let shared = unsafe { &*client.get() };
            thread::scope(|scope| {
                for _ in 0..3 {
                    // Takes the lock of the connection.
                    scope.spawn(|| {
                        while !done.load(Ordering::Relaxed) {
                            assert!(!shared.poll_interest().write);
                            std::hint::spin_loop();
                        }
                    });
                }
                for _ in 0..100 {
                    in_child(|| {
                        // SAFETY: as above.
                        #[expect(unsafe_code, reason = "as above")]
                        let mut client = unsafe { client.get().read() };
                        if use_it {
                            is_forked(client.recv());
                        }
                    });
                }
                done.store(true, Ordering::Relaxed);
            });
            client.into_inner().flush().unwrap();
            assert_eq!(server.recv().unwrap(), Some(Message::Text("gathered".into())));
        }
    });
}

#[test]
fn the_peer_notices_a_dropped_connection_although_a_child_has_the_descriptor() {
    limited(|| {
        for (mut client, mut server) in [pair(), over_tls(), over_unix()] {
            let _child = idle_child();
            client.send("last words").unwrap();
            drop(client);
            let deadline = Instant::now() + 10 * SECOND;
            assert_eq!(server.recv_deadline(deadline).unwrap(), Some(Message::Text("last words".into())));
            let end = server.recv_deadline(deadline);
            assert!(matches!(end, Err(Error::Closed(Closed::Eof))), "{end:?}");
        }
    });
}

#[test]
fn messages_sent_before_a_connection_is_dropped_arrive_whatever_their_size() {
    limited(|| {
        for (client, mut server) in [pair(), over_tls(), over_unix()] {
            let (sent, received) = (vec![7; 8 << 20], thread::spawn(move || server.recv().unwrap()));
            let mut client = client;
            client.send(&sent).unwrap();
            drop(client);
            assert!(received.join().unwrap() == Some(Message::Binary(sent)));
        }
    });
}

#[test]
fn a_dropped_listener_frees_its_address_although_a_child_has_the_descriptor() {
    limited(|| {
        let scratch = Scratch::new("fork-free");
        let path = scratch.path("socket");
        let (tcp, unix) = (Listener::bind("127.0.0.1:0").unwrap(), Server::builder().listen_unix(&path).unwrap());
        let address = tcp.local_addr().unwrap();
        let server = Server::bind("127.0.0.1:0").unwrap();
        let (served, stop) = (server.local_addr().unwrap(), server.stop_handle());
        let serving = thread::spawn(move || server.serve(|_| {}));
        let copy = UnixStream::connect(&path).unwrap();
        let _child = idle_child();
        drop((tcp, unix, copy));
        stop.stop(SECOND);
        serving.join().unwrap().unwrap();
        for address in [address, served] {
            assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
            drop(Listener::bind(address).unwrap());
        }
        assert!(!path.exists());
        drop(Server::builder().listen_unix(&path).unwrap());
    });
}

#[test]
fn inherited_listeners_and_servers_do_not_affect_the_parent() {
    limited(|| {
        let scratch = Scratch::new("fork-keep");
        let path = scratch.path("socket");
        let server = common::serve_echo(Server::builder());
        let mut listeners =
            Some((Listener::bind("127.0.0.1:0").unwrap(), Server::builder().listen_unix(&path).unwrap()));
        let mut unstarted = Some(Server::bind("127.0.0.1:0").unwrap());
        let address = listeners.as_ref().unwrap().0.local_addr().unwrap();
        in_child(|| {
            is_forked(listeners.as_ref().unwrap().0.accept());
            is_forked(listeners.as_ref().unwrap().1.accept_incoming());
            is_forked(listeners.as_ref().unwrap().0.accept_deadline(Instant::now()));
            drop(listeners.take());
            is_forked(unstarted.take().unwrap().serve(|_| {}));
            let stopped = server.stop.stop(SECOND);
            assert_eq!((stopped.finished, stopped.cut, server.stop.connections()), (0, 0, 0));
        });
        assert!(path.exists());
        drop(UnixStream::connect(&path).unwrap());
        drop(TcpStream::connect(address).unwrap());
        let mut ws = landline::connect(&server.url()).unwrap();
        ws.send("served").unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::Text("served".into())));
    });
}

#[test]
fn an_inherited_request_is_not_answered_by_the_child() {
    limited(|| {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connecting = thread::spawn(move || landline::connect(&format!("ws://{address}/")).map(drop));
        let mut request = Some(listener.accept().unwrap());
        in_child(|| drop(request.take()));
        in_child(|| is_forked(request.take().unwrap().accept()));
        drop(request.take().unwrap().accept().unwrap());
        connecting.join().unwrap().unwrap();
        let silent = TcpStream::connect(address).unwrap();
        let mut incoming = Some(listener.accept_incoming().unwrap());
        in_child(|| is_forked(incoming.take().unwrap().request()));
        drop(silent);
    });
}

#[test]
fn processes_can_share_a_listening_socket() {
    limited(|| {
        let scratch = Scratch::new("fork-share");
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let unix = UnixListener::bind(scratch.path("socket")).unwrap();
        let address = tcp.local_addr().unwrap();
        for _ in 0..2 {
            // The second child finds that the end of the first one has ended nothing.
            let child = fork(|| {
                let tcp = Server::builder().listen_from(tcp.try_clone().unwrap()).unwrap();
                let unix = Server::builder().listen_from(unix.try_clone().unwrap()).unwrap();
                assert_eq!(tcp.local_addr(), Some(address));
                for listener in [&tcp, &unix] {
                    let mut ws = listener.accept().unwrap().accept().unwrap();
                    let message = ws.recv().unwrap().unwrap();
                    ws.send(message).unwrap();
                    assert!(ws.recv().unwrap().is_none());
                }
            });
            let by_tcp = || landline::connect(&format!("ws://{address}/")).unwrap();
            let by_unix = || {
                let socket = UnixStream::connect(scratch.path("socket")).unwrap();
                Client::default().connect_over(SocketTransport::unix(socket).unwrap(), "ws://localhost/").unwrap()
            };
            for connect in [&by_tcp as &dyn Fn() -> WebSocket, &by_unix] {
                let mut ws = connect();
                ws.send("which process?").unwrap();
                assert_eq!(ws.recv().unwrap(), Some(Message::Text("which process?".into())));
                ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
            }
            assert_eq!(child.wait(), 0);
            std::mem::forget(child);
        }
        let server = Server::builder().bind_from(tcp).unwrap();
        let stop = server.stop_handle();
        let serving = thread::spawn(move || server.serve(common::echo));
        let mut ws = landline::connect(&format!("ws://{address}/")).unwrap();
        ws.send("the last one").unwrap();
        assert!(ws.recv().unwrap().is_some());
        stop.stop(SECOND);
        serving.join().unwrap().unwrap();
    });
}

#[test]
fn a_handler_that_returns_in_a_forked_child_does_not_end_the_connection() {
    limited(|| {
        let server = common::serve(Server::builder(), |mut ws| {
            let message = ws.recv().unwrap().unwrap();
            let mut ws = Some(ws);
            in_child(|| drop(ws.take()));
            let mut ws = ws.unwrap();
            ws.send(message).unwrap();
            while ws.recv().is_ok_and(|message| message.is_some()) {}
        });
        let mut ws = landline::connect(&server.url()).unwrap();
        ws.send("fork").unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::Text("fork".into())));
        let (took, closed) = timed(|| ws.close(CloseCode::NORMAL_CLOSURE, ""));
        closed.unwrap();
        assert!(took < 3 * SECOND);
        eventually("the handler returns", || server.stop.connections() == 0);
    });
}

#[test]
fn a_child_opens_and_serves_connections_of_its_own() {
    limited(|| {
        let (_client, _server) = pair();
        in_child(|| {
            for mut both in all_kinds() {
                goes_on(&mut both);
                let peer = thread::spawn(move || while both.1.recv().unwrap().is_some() {});
                both.0.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
                peer.join().unwrap();
            }
        });
    });
}

#[test]
fn a_connection_ends_its_socket_although_the_caller_has_a_copy() {
    limited(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut far = listener.accept().unwrap().0;
        let _copy = near.try_clone().unwrap();
        drop(SocketTransport::tcp(near, &Default::default()).unwrap());
        far.set_read_timeout(Some(10 * SECOND)).unwrap();
        assert_eq!(far.read(&mut [0; 1]).unwrap(), 0);
    });
}
