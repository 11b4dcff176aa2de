//! Connecting: addresses, time limits, interruption.

use super::*;

fn addresses(attempts: &[Attempt]) -> Vec<SocketAddr> {
    let inet = |attempt: &Attempt| match attempt.address {
        Address::Ip(address) => address,
        _ => panic!("{attempt:?}"),
    };
    attempts.iter().map(inet).collect()
}

#[test]
fn a_refused_connection_names_every_address() {
    limited(|| {
        let (_socket, v4) = refusing(Ipv4Addr::LOCALHOST, 0).unwrap();
        // Without IPv6, there is no such address either.
        let _v6 = refusing(Ipv6Addr::LOCALHOST, v4.port());
        let expected: Vec<SocketAddr> = ("localhost", v4.port()).to_socket_addrs().unwrap().collect();
        let error = landline::connect(&format!("ws://localhost:{}/", v4.port())).unwrap_err();
        let Error::Connect(detail) = &error else { panic!("{error:?}") };
        assert_eq!(detail.authority, format!("localhost:{}", v4.port()));
        assert_eq!(addresses(&detail.attempts), expected);
        assert!(expected.contains(&v4) && detail.lookup.is_none());
        for addr in expected {
            assert!(error.to_string().contains(&addr.to_string()), "{error}");
        }
    });
}

#[test]
fn the_next_address_is_tried() {
    limited(|| {
        // With IPv6, "localhost" resolves to ::1 first, but the server listens on 127.0.0.1 only.
        let server = serve_echo(Server::builder());
        let _v6 = refusing(Ipv6Addr::LOCALHOST, server.addr.port());
        let mut ws = landline::connect(&format!("ws://localhost:{}/", server.addr.port())).unwrap();
        ws.send("found").unwrap();
        assert_eq!(ws.recv().unwrap(), text("found"));
    });
}

#[test]
fn item_2_connecting_has_a_time_limit() {
    limited(|| {
        let (_sockets, addr) = unresponsive();
        let quick = || builder().connect_timeout(Some(millis(200)));
        for client in [quick(), quick().handshake_timeout(None), builder().handshake_timeout(Some(millis(200)))] {
            let (took, result) = timed(|| client.build().unwrap().connect(&url(addr)));
            let error = result.unwrap_err();
            assert!(is_timeout_of(&error, Phase::Connect) && error.is_fatal(), "{error}");
            assert!(took >= millis(190) && took < 5 * SECOND, "{took:?}");
        }
    });
}

#[test]
fn item_2_a_silent_server_exceeds_the_handshake_timeout() {
    limited(|| {
        let client = builder().handshake_timeout(Some(millis(200))).build().unwrap();
        let (result, server) = connect_to(&client, |mut raw| raw.rest().is_ok());
        assert!(is_timeout_of(&result.unwrap_err(), Phase::Handshake));
        assert!(server.join());
    });
}

#[test]
fn item_2_a_slow_server_is_cut_by_the_total_time_limit() {
    limited(|| {
        let client = builder().handshake_timeout(Some(millis(300))).build().unwrap();
        let (took, (result, server)) = timed(|| {
            connect_to(&client, |mut raw| {
                raw.head();
                raw.stream.set_read_timeout(Some(millis(20))).unwrap();
                ANSWER.bytes().any(|byte| raw.stream.write_all(&[byte]).is_err() || raw.more().is_ok())
            })
        });
        assert!(is_timeout_of(&result.unwrap_err(), Phase::Handshake));
        assert!(took >= millis(280) && took < 2 * SECOND, "{took:?}");
        assert!(server.join(), "the client was not gone");
    });
}

#[test]
fn a_name_that_cannot_be_looked_up_is_an_error() {
    limited(|| {
        // Name servers are not asked about labels of more than 63 bytes.
        let name = format!("{}.invalid", "a".repeat(70));
        let error = landline::connect(&format!("ws://{name}/")).unwrap_err();
        let Error::Connect(detail) = &error else { panic!("{error:?}") };
        assert!(detail.lookup.is_some() && detail.attempts.is_empty());
        assert!(error.to_string().starts_with(&format!("cannot connect to {name}:80: looking up")), "{error}");
    });
}

// ----- Interrupting -----

/// Interrupts the client while it waits in `connect`, in this phase.
fn interrupt_connect(url: String, tls: bool, doing: Phase, until_there: impl FnOnce()) {
    let interrupter = Interrupter::new().unwrap();
    let client = builder().interrupter(interrupter.clone()).build().unwrap();
    let url = if tls { url.replace("ws:", "wss:") } else { url };
    let connecting = sleeper(move || (client.connect(&url), client));
    until_there();
    connecting.until_asleep();
    let (took, (result, client)) = timed(|| {
        interrupter.interrupt();
        connecting.join()
    });
    assert!(matches!(result, Err(Error::Interrupted(Interrupted { phase, .. })) if phase == doing), "{result:?}");
    assert!(took < 5 * SECOND, "{took:?}");
    // Only once.
    client.connect(&serve_echo(Server::builder()).url()).unwrap();
}

#[test]
fn an_interrupter_ends_connecting() {
    limited(|| {
        let (_sockets, addr) = unresponsive();
        interrupt_connect(url(addr), false, Phase::Connect, || {});
    });
}

#[test]
fn an_interrupter_ends_the_opening_handshake() {
    limited(|| {
        for (tls, doing) in [(false, Phase::Handshake), (true, Phase::Tls)] {
            let (send, heard) = std::sync::mpsc::channel();
            let (addr, server) = raw_server(move |mut raw| {
                raw.more().unwrap();
                send.send(()).unwrap();
                raw.rest().unwrap()
            });
            // Setting up TLS can take a while and comes first.
            interrupt_connect(url(addr), tls, doing, || heard.recv().unwrap());
            assert!(!server.join().is_empty());
        }
    });
}

#[test]
fn an_interrupter_given_to_the_client_ends_receiving_too() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let interrupter = Interrupter::new().unwrap();
        let client = builder().interrupter(interrupter.clone()).build().unwrap();
        let mut ws = client.connect(&server.url()).unwrap();
        let receiving = sleeper(move || (ws.recv(), ws));
        receiving.until_asleep();
        interrupter.interrupt();
        let (result, mut ws) = receiving.join();
        assert!(matches!(result, Err(Error::Interrupted(_))), "{result:?}");
        // Only once, and nothing is lost. (No thread was sending, so the next call that would wait may notice.)
        ws.send("on we go").unwrap();
        assert_eq!(ws.recv().unwrap(), text("on we go"));
        interrupter.interrupt_recv();
        assert!(matches!(ws.recv(), Err(Error::Interrupted(_))));
    });
}

#[test]
fn an_interrupter_that_ended_a_connection_does_not_interrupt_the_next_attempt() {
    limited(|| {
        let interrupter = Interrupter::new().unwrap();
        let client = builder().interrupter(interrupter.clone()).build().unwrap();
        let server = serve_echo(Server::builder());
        client.connect(&server.url()).unwrap().abort();
        client.connect(&server.url()).unwrap().close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        let (addr, raw) = raw_server(|mut raw| {
            raw.accept();
            raw
        });
        client.connect(&url(addr)).unwrap();
        raw.join();
    });
}
