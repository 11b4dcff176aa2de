//! How much memory a connection over TLS takes. OpenSSL's own is not included, because the allocator used here does not
//! see it.
#![cfg(any(feature = "native-tls", feature = "rustls"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common;
#[path = "common/counting.rs"]
mod counting;

use common::{Ca, acceptor, backend, limited};
use counting::{Counting, counted};
use landline::proto::internals::Role;
use landline::transport::TlsBackend;
use landline::{Client, Error, Message, Server, WebSocket};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const KIB: isize = 1 << 10;
const MIB: usize = 1 << 20;
/// More than the second after which memory is freed.
const IDLE: Duration = Duration::from_millis(1_300);

/// What the TLS library itself holds for a connection, as far as the allocator used here sees it. rustls is part of this
/// program, OpenSSL is not.
fn library() -> isize {
    match backend() {
        TlsBackend::Rustls => 16 * KIB,
        _ => 0,
    }
}

/// A connection of this thread, its peer, and the memory that the former takes.
fn held(role: Role, tls: bool) -> (WebSocket, WebSocket, isize) {
    let ca = Ca::new();
    let (client, server) = if tls {
        (ca.client(), Server::builder().tls_options(acceptor(ca.issue(&["localhost"]).identity())))
    } else {
        (Client::default(), Server::builder())
    };
    let listener = server.listen("127.0.0.1:0").unwrap();
    let scheme = if tls { "wss" } else { "ws" };
    let url = format!("{scheme}://localhost:{}/", listener.local_addr().unwrap().port());
    let connect = move || client.connect(&url).unwrap();
    let accept = move || listener.accept().unwrap().accept().unwrap();
    let (peer, (ws, count)) = if role == Role::Client {
        let peer = thread::spawn(accept);
        let ws = counted(connect);
        (peer, ws)
    } else {
        let peer = thread::spawn(connect);
        let ws = counted(accept);
        (peer, ws)
    };
    (ws, peer.join().unwrap(), count.live)
}

/// Runs in another thread, so that only this thread's end is counted.
fn elsewhere<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join().unwrap())
}

fn nothing_comes(ws: &mut WebSocket) {
    let result = ws.recv_timeout(IDLE);
    assert!(matches!(result, Err(Error::Timeout(_))), "{result:?}");
}

fn echo_a_mebibyte(ws: &mut WebSocket, peer: &mut WebSocket) {
    let message = vec![7; MIB];
    thread::scope(|scope| {
        let echo = scope.spawn(|| {
            let message = peer.recv().unwrap().unwrap();
            peer.send(&message).unwrap();
        });
        ws.send(&message[..]).unwrap();
        assert!(ws.recv_ref().unwrap().unwrap().as_bytes() == message);
        echo.join().unwrap();
    });
}

/// Fills the process's pool of buffers, which no connection owns.
fn fill_pool(role: Role) {
    let (mut ws, mut peer, _) = held(role, true);
    echo_a_mebibyte(&mut ws, &mut peer);
}

/// As documented: an idle connection over TLS takes less than 1 KiB more than a plain one.
#[test]
fn an_idle_connection_over_tls_holds_less_than_a_kib_more_than_a_plain_one() {
    limited(|| {
        for role in [Role::Client, Role::Server] {
            let (mut ws, mut peer, opened) = held(role, false);
            let ((), count) = counted(|| nothing_comes(&mut ws));
            let plain = opened + count.live;
            let ((), plain_echo) = counted(|| {
                echo_a_mebibyte(&mut ws, &mut peer);
                nothing_comes(&mut ws);
            });
            fill_pool(role);
            let (mut ws, mut peer, opened) = held(role, true);
            println!("{role:?}: {plain} bytes plain, {opened} over TLS when it is opened");
            assert!(opened <= plain + 10 * KIB + library(), "{role:?}: {opened} bytes, {plain} plain");
            let ((), count) = counted(|| nothing_comes(&mut ws));
            let fresh = opened + count.live;
            println!("{role:?}: {fresh} bytes over TLS when it is idle");
            assert!(fresh <= plain + KIB + library(), "{role:?}: {fresh} bytes, {plain} plain");

            let ((), count) = counted(|| {
                echo_a_mebibyte(&mut ws, &mut peer);
                nothing_comes(&mut ws);
            });
            println!("{role:?}: {} bytes more after an echo of 1 MiB, {} plain", count.live, plain_echo.live);
            assert!(count.live <= plain_echo.live.max(0) + KIB, "{role:?}: {count:?}, {plain_echo:?} plain");
        }
    });
}

#[test]
fn a_thread_that_blocks_in_receiving_releases_the_tls_buffers() {
    limited(|| {
        for role in [Role::Client, Role::Server] {
            fill_pool(role);
            let (mut ws, mut peer, _) = held(role, true);
            nothing_comes(&mut ws);
            let ((), count) = counted(|| {
                echo_a_mebibyte(&mut ws, &mut peer);
                let (sleeps, asleep) = mpsc::channel::<()>();
                thread::scope(|scope| {
                    let waker = scope.spawn(move || {
                        // It waits for more than a second with nothing to read.
                        assert!(asleep.recv_timeout(IDLE).is_err());
                        peer.send("awake").unwrap();
                        peer
                    });
                    assert_eq!(ws.recv().unwrap(), Some(Message::Text("awake".into())));
                    drop(sleeps);
                    waker.join().unwrap();
                });
            });
            // For the small message.
            assert!(count.live <= 10 * KIB, "{role:?}: {count:?}");
        }
    });
}

/// Programs with an event loop or short time limits never wait for a whole second.
#[test]
fn short_time_limits_add_up_until_memory_is_released() {
    limited(|| {
        for tls in [false, true] {
            for role in [Role::Client, Role::Server] {
                fill_pool(role);
                let (mut ws, mut peer, _) = held(role, tls);
                nothing_comes(&mut ws);
                let ((), count) = counted(|| {
                    echo_a_mebibyte(&mut ws, &mut peer);
                    for _ in 0..30 {
                        let result = ws.recv_timeout(IDLE / 25);
                        assert!(matches!(result, Err(Error::Timeout(_))), "{result:?}");
                    }
                });
                assert!(count.live <= 10 * KIB, "{role:?}, TLS {tls}: {count:?}");
            }
        }
    });
}

#[test]
fn memory_for_sending_is_released_although_no_thread_receives() {
    limited(|| {
        for role in [Role::Client, Role::Server] {
            let (mut ws, mut peer, _) = held(role, true);
            nothing_comes(&mut ws);
            // The first ones may fill the process's pool. A thread's own memory may be freed by either side.
            let mut sent = || {
                let mut live = 0;
                for _ in 0..10 {
                    live += counted(|| ws.send(&[7; 20_000][..]).unwrap()).1.live;
                    elsewhere(|| drop(peer.recv().unwrap()));
                }
                live
            };
            println!("{role:?}: {} bytes at first", sent());
            let more = sent();
            assert!(more <= KIB, "{role:?}: {more} bytes more");
        }
    });
}
