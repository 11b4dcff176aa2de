//! Resolvers, fixed addresses, families, local addresses, interfaces, and the hook.

use super::*;
use std::io::{Error as IoError, ErrorKind};
use std::thread;

// ----- Resolver -----

#[test]
fn a_resolver_is_asked_about_names_and_about_nothing_else() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let (send, asked) = mpsc::channel();
        let address = server.addr;
        let client = builder().resolver(move |name, port| {
            send.send((name.to_owned(), port, thread::current().id())).unwrap();
            Ok(vec![address])
        });
        let client = client.build().unwrap();
        let ws = client.connect("ws://b\u{fc}cher.example:81/").unwrap();
        assert_eq!(ws.peer_addr(), Some(server.addr));
        let (name, port, thread) = asked.recv().unwrap();
        assert_eq!((&*name, port), ("xn--bcher-kva.example", 81));
        assert_ne!(thread, thread::current().id(), "it would not be bounded by the time limit");
        client.connect(&server.url()).unwrap();
        assert!(asked.try_recv().is_err());
    });
}

#[test]
fn a_resolver_that_takes_too_long_is_left_to_itself() {
    limited(|| {
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let client = builder().handshake_timeout(Some(millis(100))).resolver(move |_, _| {
            let _ = held.lock().unwrap().recv();
            Ok(vec![])
        });
        let (took, result) = timed(|| client.build().unwrap().connect(URL));
        let error = result.unwrap_err();
        assert!(matches!(&error, Error::Timeout(timeout) if timeout.phase == Phase::Resolve && !timeout.queued));
        assert_eq!(told_once(&error), "timed out while looking up the host name");
        assert!(took >= millis(90) && took < millis(5000), "{took:?}");
        drop(release);
    });
}

#[test]
fn the_error_of_a_resolver_is_the_source_of_ours_and_a_panic_reaches_the_caller() {
    limited(|| {
        let client =
            builder().resolver(|_, _| Err(IoError::other("no such host in our registry"))).build().unwrap();
        let error = client.connect(URL).unwrap_err();
        assert_eq!(
            told_once(&error),
            "cannot connect to server.invalid:80: looking up the name failed: no such host in our registry"
        );
        let client = builder().resolver(|_, _| Ok(vec![])).build().unwrap();
        let error = client.connect(URL).unwrap_err();
        assert_eq!(told_once(&error), "cannot connect to server.invalid:80: the name has no address");
        let client = builder().resolver(|_, _| panic!("seven")).build().unwrap();
        let panicked = thread::spawn(move || client.connect(URL).map(drop)).join().unwrap_err();
        assert_eq!(*panicked.downcast::<&str>().unwrap(), "seven");
    });
}

// ----- Addresses -----

#[test]
fn fixed_addresses_take_the_urls_port_where_they_have_none() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let url = format!("ws://server.invalid:{}/", server.addr.port());
        let client = dialling([SocketAddr::new(server.addr.ip(), 0)]).build().unwrap();
        assert_eq!(client.connect(&url).unwrap().peer_addr(), Some(server.addr));
        // The host's own address is not dialled.
        let client = dialling([server.addr]).build().unwrap();
        assert_eq!(client.connect("ws://192.0.2.1:9/").unwrap().peer_addr(), Some(server.addr));
    });
}

#[test]
fn the_host_header_and_the_servers_name_are_those_of_the_url_whatever_is_dialled() {
    limited(|| {
        let listener = Server::builder().tls(self_signed(&["server.invalid"]).identity());
        let listener = listener.listen("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connecting = thread::spawn(move || {
            let tls =
                landline::transport::TlsConnector::builder().danger_accept_invalid_certs(true).build().unwrap();
            dialling([address]).tls(tls).build().unwrap().connect("wss://server.invalid/").map(drop)
        });
        let request = listener.accept().unwrap();
        assert_eq!(request.headers().get("host").unwrap(), "server.invalid");
        request.accept().unwrap();
        connecting.join().unwrap().unwrap();
    });
}

#[test]
fn only_the_family_asked_for_is_dialled() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let v6: SocketAddr = "[::1]:1".parse().unwrap();
        for client in [
            dialling([v6, server.addr]).address_family(AddressFamily::Ipv4),
            dialling([v6, server.addr]).local_addr("127.0.0.1:0".parse().unwrap()),
        ] {
            assert_eq!(client.build().unwrap().connect(URL).unwrap().peer_addr(), Some(server.addr));
        }
        let client = builder().address_family(AddressFamily::Ipv6).build().unwrap();
        let error = client.connect(&server.url()).unwrap_err();
        assert_eq!(error.setting(), Some(Setting::AddressFamily));
        let advice = "the host has no address of the family asked for; admit the others with address_family";
        assert_eq!(told_once(&error), format!("cannot connect to {}: {advice}", server.addr));
    });
}

// ----- The socket -----

#[test]
fn the_local_address_and_port_are_those_asked_for() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77)), port);
        let ws = builder().local_addr(local(0)).build().unwrap().connect(&server.url()).unwrap();
        assert_eq!(ws.local_addr().unwrap().ip(), local(0).ip());
        let (socket, free) = refusing(local(0).ip(), 0).unwrap();
        drop(socket);
        // Attempts at different addresses may have the same port.
        let (_sockets, hole) = unresponsive();
        let client = dialling([hole, server.addr]).local_addr(free).build().unwrap();
        let ws = client.connect(URL).unwrap();
        assert_eq!((ws.local_addr(), ws.peer_addr()), (Some(free), Some(server.addr)));
    });
}

#[test]
fn a_local_address_that_cannot_be_used_is_named() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let client = builder().local_addr("192.0.2.99:0".parse().unwrap()).build().unwrap();
        let error = client.connect(&server.url()).unwrap_err();
        let told = told_once(&error);
        assert!(told.contains("cannot use local address 192.0.2.99:0: Cannot assign requested address"), "{told}");
        assert_eq!(tried(&error).attempts[0].error.kind(), ErrorKind::AddrNotAvailable);
        let client = builder().local_addr("127.0.0.1:0".parse().unwrap()).address_family(AddressFamily::Ipv6);
        let error = client.build().unwrap_err();
        assert_eq!(error.setting(), Some(Setting::LocalAddr));
        let text = "local_addr of 127.0.0.1:0 cannot be used: its family is not the one that is admitted by address_family";
        assert_eq!(told_once(&error), text);
        let told = error.report(|setting| (setting == Setting::AddressFamily).then_some("--family")).to_string();
        assert!(told.ends_with("that is admitted by --family"), "{told}");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn an_interface_is_used_or_named() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let client = builder().interface("lo").on_socket(|socket| {
            let device = socket2::SockRef::from(&socket).device()?;
            if device.as_deref() == Some(b"lo") { Ok(()) } else { Err(IoError::other(format!("{device:?}"))) }
        });
        client.build().unwrap().connect(&server.url()).unwrap();
        let error = builder().interface("nope0").build().unwrap().connect(&server.url()).unwrap_err();
        assert!(told_once(&error).contains("cannot use interface nope0: No such device"), "{error:#}");
        for name in ["", "a-name-too-long-for-linux", "a\0b"] {
            let error = builder().interface(name).build().unwrap_err();
            assert_eq!(error.setting(), Some(Setting::Interface), "{error}");
            assert!(told_once(&error).starts_with(&format!("interface of {name:?} cannot be used: ")), "{error}");
        }
    });
}

#[test]
fn the_hook_sees_each_socket_before_it_is_connected_and_with_its_options() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let (_socket, refused) = refusing(Ipv4Addr::LOCALHOST, 0).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let to_hook = Arc::clone(&seen);
        let local: SocketAddr = "127.0.0.9:0".parse().unwrap();
        let client = dialling([refused, server.addr]).local_addr(local).on_socket(move |socket| {
            let socket = socket2::SockRef::from(&socket);
            let local = socket.local_addr()?.as_socket().unwrap();
            to_hook.lock().unwrap().push((local.ip(), socket.peer_addr().is_err()));
            socket.set_ttl_v4(7)
        });
        let ws = client.build().unwrap().connect(URL).unwrap();
        assert_eq!(*seen.lock().unwrap(), [(local.ip(), true); 2]);
        assert_eq!(socket2::SockRef::from(&ws.fd().unwrap()).ttl_v4().unwrap(), 7);
    });
}

#[test]
fn an_error_of_the_hook_fails_the_attempt_only() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let first = Mutex::new(true);
        let client = dialling([server.addr, SocketAddr::new("127.0.0.2".parse().unwrap(), server.addr.port())]);
        let client = client.on_socket(move |_| {
            if std::mem::take(&mut *first.lock().unwrap()) { Err(IoError::other("not this one")) } else { Ok(()) }
        });
        let error = client.build().unwrap().connect(URL).unwrap_err();
        assert_eq!(tried(&error).attempts[0].error.to_string(), "not this one");
        let client = builder().on_socket(|_| Err(IoError::other("protect failed"))).build().unwrap();
        let error = client.connect(&server.url()).unwrap_err();
        assert_eq!(told_once(&error), format!("cannot connect to {}: protect failed", server.addr));
    });
}
