//! Several addresses: which one wins, how soon, and what is told about the others.

use super::*;
use std::thread;

#[test]
fn an_address_that_does_not_answer_costs_the_next_one_less_than_300_ms() {
    limited(|| {
        let (_sockets, hole) = unresponsive();
        let server = serve_echo(Server::builder());
        let client = dialling([hole, server.addr]).build().unwrap();
        let (took, ws) = timed(|| client.connect(URL).unwrap());
        assert_eq!(ws.peer_addr(), Some(server.addr));
        assert!(took >= millis(240) && took < millis(600), "{took:?}");
    });
}

#[test]
fn addresses_that_refuse_cost_no_wait() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let (refusing, mut all): (Vec<_>, Vec<_>) =
            (0..20).map(|_| refusing(Ipv4Addr::LOCALHOST, 0).unwrap()).unzip();
        all.push(server.addr);
        let client = dialling(all).build().unwrap();
        let (took, ws) = timed(|| client.connect(URL).unwrap());
        assert_eq!(ws.peer_addr(), Some(server.addr));
        assert!(took < millis(250), "{took:?}");
        drop(refusing);
    });
}

#[test]
fn an_address_that_refuses_lets_the_next_one_begin_at_once_though_others_are_pending() {
    limited(|| {
        let (_sockets, hole) = unresponsive();
        let (_socket, refused) = refusing(Ipv4Addr::LOCALHOST, 0).unwrap();
        let server = serve_echo(Server::builder());
        let client = dialling([hole, refused, server.addr]).build().unwrap();
        let (took, _ws) = timed(|| client.connect(URL).unwrap());
        assert!(took >= millis(240) && took < millis(490), "{took:?}");
    });
}

#[test]
fn an_address_that_answers_late_wins_over_those_that_never_do() {
    limited(|| {
        let (mut sockets, slow) = unresponsive();
        let (_others, hole) = unresponsive();
        let listener = std::net::TcpListener::from(sockets.remove(0));
        let client = dialling([slow, hole]).build().unwrap();
        let connecting = sleeper(move || client.connect(URL));
        connecting.until_asleep();
        // What stands in its queue makes room; a repeated SYN gets in.
        drop(sockets);
        let server = thread::spawn(move || {
            loop {
                let (stream, _) = listener.accept().unwrap();
                if let Ok(ws) = landline::accept(stream) {
                    return ws.local_addr();
                }
            }
        });
        let ws = connecting.join().unwrap();
        assert_eq!(ws.peer_addr(), Some(slow));
        assert_eq!(server.join().unwrap(), Some(slow));
    });
}

#[test]
fn the_time_limit_tells_every_address_that_was_tried_and_what_became_of_it() {
    limited(|| {
        let (_sockets, first) = unresponsive();
        let (_socket, second) = refusing(Ipv4Addr::LOCALHOST, 0).unwrap();
        let (_others, third) = unresponsive();
        let (_more, untried) = unresponsive();
        let limit = Some(millis(400));
        for client in [
            dialling([first, second, third, untried]).connect_timeout(limit),
            dialling([first, second, third, untried]).handshake_timeout(limit),
        ] {
            let (took, result) = timed(|| client.build().unwrap().connect(URL));
            let error = result.unwrap_err();
            assert!(matches!(&error, Error::Timeout(timeout) if timeout.phase == Phase::Connect), "{error:?}");
            assert_eq!(addresses(&error), [first, second, third]);
            let refused = std::io::Error::from(rustix::io::Errno::CONNREFUSED);
            assert_eq!(
                told_once(&error),
                format!(
                    "timed out while connecting: tried {first} (no answer), {second} ({refused}), {third} (no answer)"
                )
            );
            assert!(took >= millis(390) && took < millis(2000), "{took:?}");
        }
    });
}

#[test]
fn the_attempts_that_lost_leave_nothing_behind() {
    alone("racing::the_attempts_that_lost_leave_nothing_behind", "", || {
        let (_sockets, hole) = unresponsive();
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let accepting = thread::spawn(move || landline::accept(server.accept().unwrap().0).unwrap());
        let before = threads_and_descriptors();
        let ws = dialling([hole, address]).build().unwrap().connect(URL).unwrap();
        drop(accepting.join().unwrap());
        drop(ws);
        let after = threads_and_descriptors();
        // The thread and the listener of the server are gone, too.
        assert_eq!((before.0 - 1, before.1 - 1), after);
    });
}

#[test]
fn racing_can_be_interrupted() {
    limited(|| {
        let (_sockets, first) = unresponsive();
        let (_others, second) = unresponsive();
        let interrupter = Interrupter::new().unwrap();
        let (send, shown) = mpsc::channel();
        let client = dialling([first, second]).interrupter(interrupter.clone()).on_socket(move |_| {
            send.send(()).unwrap();
            Ok(())
        });
        let client = client.build().unwrap();
        let connecting = sleeper(move || client.connect(URL));
        shown.recv().unwrap();
        shown.recv().unwrap();
        connecting.until_asleep();
        interrupter.interrupt();
        let (took, result) = timed(|| connecting.join());
        let error = result.unwrap_err();
        assert!(matches!(&error, Error::Interrupted(found) if found.phase == Phase::Connect), "{error:?}");
        assert!(took < millis(5000), "{took:?}");
    });
}

#[test]
fn with_no_time_one_attempt_is_made() {
    limited(|| {
        let (_sockets, hole) = unresponsive();
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let silent_addr = silent.local_addr().unwrap();
        for (begin, phase) in [(vec![hole, silent_addr], Phase::Connect), (vec![silent_addr], Phase::Handshake)] {
            let client = dialling(begin).handshake_timeout(Some(Duration::from_nanos(1))).build().unwrap();
            let error = client.connect(URL).unwrap_err();
            let Error::Timeout(timeout) = &error else { panic!("{error:?}") };
            // On loopback, connecting takes no time.
            assert_eq!(timeout.phase, phase);
            assert_eq!(timeout.connect.is_some(), phase == Phase::Connect);
        }
    });
}
