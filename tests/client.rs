//! The client over real sockets, against servers that are wrong, slow, silent or gone. Items are those of the
//! strictness list in ARCHITECTURE.md; RFC 6455 is meant where a section is named.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod common;

use common::*;
use http::StatusCode;
use landline::error::{Closed, Error, HandshakeError, Interrupted, Phase, Timeout};
use landline::{
    Client, ClientBuilder, CloseCode, Config, Interrupter, Keepalive, Message, Server, Side, WebSocket,
};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn builder() -> ClientBuilder {
    Client::builder()
}

fn text(text: &str) -> Option<Message> {
    Some(Message::Text(text.into()))
}

fn url(addr: SocketAddr) -> String {
    format!("ws://{addr}/")
}

/// Connects to a server that does this with the client's connection.
fn connect_to<T: Send + 'static>(
    client: &Client,
    behave: impl FnOnce(Raw<TcpStream>) -> T + Send + 'static,
) -> (landline::Result<WebSocket>, Sleeper<T>) {
    let (addr, server) = raw_server(behave);
    (client.connect(&url(addr)), server)
}

/// An open connection to a server that does this with it.
fn open<T: Send + 'static>(
    config: Config,
    behave: impl FnOnce(Raw<TcpStream>) -> T + Send + 'static,
) -> (WebSocket, Sleeper<T>) {
    let client = builder().config(config).build().unwrap();
    let (ws, server) = connect_to(&client, move |mut raw| {
        raw.accept();
        behave(raw)
    });
    (ws.unwrap(), server)
}

fn is_timeout_of(error: &Error, phase: Phase) -> bool {
    matches!(error, Error::Timeout(Timeout { phase: found, .. }) if *found == phase)
}

// ----- Answers that are wrong -----

/// What the client makes of an answer in which `{accept}` stands for the right value, and the end of the stream.
fn answered(answer: impl AsRef<[u8]> + Send + 'static) -> HandshakeError {
    let client = builder().handshake_timeout(Some(10 * SECOND)).build().unwrap();
    let (result, server) = connect_to(&client, move |mut raw| {
        let request = raw.head();
        let accept = landline::proto::handshake::accept_key(header(&request, "sec-websocket-key").unwrap());
        let answer = answer.as_ref();
        let answer = match std::str::from_utf8(answer) {
            Ok(text) => text.replace("{accept}", &accept).into_bytes(),
            Err(_) => answer.to_vec(),
        };
        // The client may have had enough before the end.
        let _ = raw.stream.write_all(&answer);
    });
    let error = result.expect_err("an answer that is wrong");
    server.join();
    assert!(error.is_fatal());
    match error {
        Error::Handshake(error) => (*error).clone(),
        other => panic!("{other:?}"),
    }
}

const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: {accept}\r\n\r\n";

#[test]
fn item_4_wrong_answers_are_refused() {
    limited(|| {
        use HandshakeError as E;
        let accept = "Sec-WebSocket-Accept: {accept}\r\n";
        // What is to be replaced in an answer that is right, by what, and the error.
        type Case = (&'static str, String, fn(&E) -> bool);
        let cases: Vec<Case> = vec![
            ("{accept}", "c3BhbQ==".into(), |error| matches!(error, E::WrongAccept)),
            (accept, String::new(), |error| matches!(error, E::WrongAccept)),
            (accept, accept.repeat(2), |error| matches!(error, E::WrongAccept)),
            ("Upgrade: websocket\r\n", String::new(), |error| {
                matches!(error, E::NotWebSocket { header: "upgrade" })
            }),
            ("Upgrade: websocket", "Upgrade: h2c".into(), |error| matches!(error, E::NotWebSocket { .. })),
            ("Connection: Upgrade", "Connection: close".into(), |error| {
                matches!(error, E::NotWebSocket { header: "connection" })
            }),
            ("HTTP/1.1", "HTTP/1.0".into(), |error| matches!(error, E::HttpVersion)),
            ("HTTP/1.1", "HTP/1.1".into(), |error| matches!(error, E::Malformed(_))),
            ("\r\nUpgrade", "\nUpgrade".into(), |error| matches!(error, E::Malformed(_))),
            (
                accept,
                format!("{accept}Sec-WebSocket-Protocol: chat\r\n"),
                |error| matches!(error, E::UnexpectedSubprotocol(name) if name == "chat"),
            ),
            (
                accept,
                format!("{accept}Sec-WebSocket-Extensions: permessage-deflate\r\n"),
                |error| matches!(error, E::UnexpectedExtension(name) if name == "permessage-deflate"),
            ),
            (accept, format!("{accept}X: {}\r\n", "x".repeat(16 << 10)), |error| {
                matches!(error, E::HeadTooLarge { limit: 16_384 })
            }),
            (accept, format!("{accept}{}", "X: y\r\n".repeat(100)), |error| {
                matches!(error, E::TooManyHeaders { limit: 100 })
            }),
            ("Switching Protocols", "x".repeat(9000), |error| matches!(error, E::StartLineTooLong { .. })),
            (ANSWER, "HTTP/1.1 101 ".into(), |error| matches!(error, E::Eof { received: 13 })),
            (ANSWER, String::new(), |error| matches!(error, E::Eof { received: 0 })),
        ];
        for (right, wrong, expected) in cases {
            let error = answered(ANSWER.replacen(right, &wrong, 1));
            assert!(expected(&error), "{right:?} -> {:.100?}: {error:?}", wrong);
        }
    });
}

fn refusal(error: HandshakeError) -> landline::proto::handshake::Refusal {
    match error {
        HandshakeError::Refused(refusal) => *refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn item_4_a_refusal_comes_with_status_headers_and_body() {
    limited(|| {
        let refused = refusal(answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello, and more"));
        assert_eq!((refused.status, &refused.body[..]), (StatusCode::OK, &b"hello"[..]));
        assert_eq!(refused.headers["x-a"], "b");
        assert!(!refused.body_truncated);

        let chunked =
            "HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\n, w\r\n0\r\n\r\n";
        let refused = refusal(answered(chunked));
        assert_eq!((refused.status.as_u16(), &refused.body[..]), (401, &b"hello, w"[..]));

        let until_the_end = refusal(answered("HTTP/1.1 502 Bad\r\n\r\nuntil the end"));
        assert_eq!((&until_the_end.body[..], until_the_end.body_truncated), (&b"until the end"[..], false));
    });
}

#[test]
fn item_4_a_refusals_body_is_cut_at_64_kib() {
    limited(|| {
        let head = "HTTP/1.1 404 Not Found\r\nContent-Length: 102400\r\n\r\n";
        let refused = refusal(answered([head.as_bytes(), &[b'x'; 100 << 10]].concat()));
        assert_eq!((refused.status.as_u16(), refused.body.len()), (404, 64 << 10));
        assert!(refused.body_truncated);
    });
}

#[test]
fn item_4_interim_answers_are_skipped_but_not_for_ever() {
    limited(|| {
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n";
        let client = Client::default();
        let (ws, server) = connect_to(&client, move |mut raw| {
            raw.send(interim.repeat(8));
            raw.accept();
            raw
        });
        drop(ws.unwrap());
        server.join();
        let error = answered(interim.repeat(9) + ANSWER);
        assert!(matches!(error, HandshakeError::TooManyInterim), "{error}");
    });
}

#[test]
fn item_4_a_redirect_is_not_followed() {
    limited(|| {
        let refused =
            refusal(answered("HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(refused.status, StatusCode::FOUND);
        assert_eq!(refused.headers["location"], "ws://127.0.0.1:1/");
    });
}

#[test]
fn item_4_a_refusal_whose_body_stalls_is_still_a_refusal() {
    limited(|| {
        let client = builder().handshake_timeout(Some(millis(200))).build().unwrap();
        let (result, server) = connect_to(&client, |mut raw| {
            raw.head();
            raw.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nbecause");
            let _ = raw.rest();
        });
        let Err(Error::Handshake(error)) = result else { panic!("{result:?}") };
        let refused = refusal((*error).clone());
        assert_eq!((refused.status.as_u16(), &refused.body[..]), (403, &b"because"[..]));
        assert!(refused.body_truncated);
        server.join();
    });
}

#[test]
fn item_4_the_answer_may_come_in_pieces_and_in_any_case() {
    limited(|| {
        let client = builder().subprotocol("a").subprotocol("b").build().unwrap();
        let (ws, server) = connect_to(&client, |mut raw| {
            let request = raw.head();
            assert_eq!(header(&request, "sec-websocket-protocol"), Some("a, b"));
            let accept = landline::proto::handshake::accept_key(header(&request, "sec-websocket-key").unwrap());
            let answer = format!(
                "HTTP/1.1 101 \r\nupgrade: foo,WebSocket\r\nCONNECTION: keep-alive, upgrade\r\n\
                 sec-websocket-accept:{accept}\t\r\nSec-WebSocket-Protocol: b\r\nX-Y: z\r\n\r\n"
            );
            for byte in answer.bytes() {
                raw.send([byte]);
            }
            raw
        });
        let ws = ws.unwrap();
        assert_eq!(ws.handshake().subprotocol.as_deref(), Some("b"));
        assert_eq!(ws.handshake().headers["x-y"], "z");
        assert_eq!(ws.peer_addr(), Some(server.join().stream.local_addr().unwrap()));
    });
}

#[test]
fn item_5_frames_in_the_segment_of_the_answer_are_received() {
    limited(|| {
        let behind =
            [frame(TEXT, "early"), frame(BINARY, [7; 5000]), frame(CLOSE, close_payload(1000, "bye"))].concat();
        let client = Client::default();
        let (ws, server) = connect_to(&client, |mut raw| {
            raw.accept_with("", behind);
            raw.frame()
        });
        let mut ws = ws.unwrap();
        assert_eq!(ws.recv().unwrap(), text("early"));
        assert_eq!(ws.recv().unwrap(), Some(Message::Binary(vec![7; 5000])));
        assert_eq!(ws.recv().unwrap(), None);
        assert_eq!(server.join().close_code(), 1000);
    });
}

// ----- The request -----

/// The request that a client makes of this URL, in which PORT is the server's.
fn request_of(client: &Client, url: &str) -> String {
    let (addr, server) = raw_server(|mut raw| raw.head());
    let error = client.connect(&url.replace("PORT", &addr.port().to_string())).unwrap_err();
    assert!(matches!(error, Error::Handshake(_)), "{error}");
    server.join().replace(&addr.port().to_string(), "PORT")
}

#[test]
fn item_6_the_request_on_the_wire() {
    limited(|| {
        let request =
            request_of(&Client::default(), "ws://127.0.0.1:PORT/a/../b c?d=ü&e".replace(' ', "%20").as_str());
        let key = header(&request, "sec-websocket-key").unwrap().to_owned();
        assert_eq!(key.len(), 24);
        assert_eq!(
            request.replace(&key, "KEY"),
            "GET /b%20c?d=%C3%BC&e HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: KEY\r\nSec-WebSocket-Version: 13\r\nUser-Agent: landline/0.1.0\r\n\r\n"
        );
        // New for each (RFC 6455 4.1 item 7).
        assert!(!request_of(&Client::default(), "ws://127.0.0.1:PORT/").contains(&key));
    });
}

#[test]
fn item_6_user_origin_host_and_headers_on_the_wire() {
    limited(|| {
        let request = request_of(&Client::default(), "ws://us%65r:p%40ss@127.0.0.1:PORT/");
        assert_eq!(header(&request, "authorization"), Some("Basic dXNlcjpwQHNz"));
        assert_eq!(header(&request, "host"), Some("127.0.0.1:PORT"));
        assert!(!request.contains("p%40ss") && !request.contains("user"), "{request}");

        let client = builder().origin("https://page.example").host("other.example").header("X-Token", "t ü");
        let client = client.header("x-tOKEN", "second").header("User-Agent", "mine").build().unwrap();
        let request = request_of(&client, "ws://127.0.0.1:PORT/");
        assert_eq!(header(&request, "origin"), Some("https://page.example"));
        assert_eq!(header(&request, "host"), Some("other.example"));
        assert_eq!(header(&request, "user-agent"), Some("mine"));
        assert!(request.contains("X-Token: t ü\r\nx-tOKEN: second\r\n"), "{request}");
    });
}

#[test]
fn a_folded_header_of_the_answer_is_unfolded_and_empty_lists_count_as_absent() {
    limited(|| {
        let headers = "X-Policy: a;\r\n b\r\nSec-WebSocket-Protocol:\r\nSec-WebSocket-Extensions: \r\n";
        let (addr, server) = raw_server(move |mut raw| raw.accept_with(headers, ""));
        let client = builder().subprotocol("a").compression(landline::Compression::default()).build().unwrap();
        let ws = client.connect(&format!("ws://{addr}/caf\u{e9}?\u{fc}")).unwrap();
        assert_eq!(ws.handshake().headers["x-policy"], "a; b");
        assert_eq!((&ws.handshake().subprotocol, &ws.handshake().compression), (&None, &None));
        assert!(server.join().starts_with("GET /caf%C3%A9?%C3%BC HTTP/1.1\r\n"));
    });
}

/// The request that is made over a connection which leads to the URL already.
fn request_over(url: &str) -> String {
    let (addr, server) = raw_server(|mut raw| raw.head());
    let tcp = TcpStream::connect(addr).unwrap();
    let transport = landline::transport::SocketTransport::tcp(tcp, &Default::default()).unwrap();
    Client::default().connect_over(transport, url).unwrap_err();
    server.join()
}

#[test]
fn item_6_host_on_the_wire() {
    limited(|| {
        for (url, host) in [
            ("ws://example.com/", "example.com"),
            ("ws://example.com:80/", "example.com"),
            ("ws://example.com:443/", "example.com:443"),
            ("ws://[2001:DB8::1]/", "[2001:db8::1]"),
            ("ws://[::1]:8080/", "[::1]:8080"),
            ("ws://EXAMPLE.com:8080/", "example.com:8080"),
            ("ws://bücher.example/", "xn--bcher-kva.example"),
        ] {
            let request = request_over(url);
            assert_eq!(header(&request, "host"), Some(host), "{url}");
            assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
        }
    });
}

#[test]
fn item_6_nothing_can_be_injected_into_the_request() {
    for injected in ["a\r\nX: y", "a\nX: y", "a\rX: y", "a\0", "\r\n\r\nGET / HTTP/1.1"] {
        for builder in [
            builder().header(injected, "value"),
            builder().header("X-Name", injected),
            builder().header("Authorization", injected),
            builder().header("User-Agent", injected),
            builder().subprotocol(injected),
            builder().origin(injected),
            builder().host(injected),
        ] {
            assert!(matches!(builder.build(), Err(Error::Config(_))), "{injected:?}");
        }
        for url in [
            format!("ws://127.0.0.1:1/{injected}"),
            format!("ws://127.0.0.1:1/?{injected}"),
            format!("ws://{injected}/"),
            format!("ws://u:{injected}@127.0.0.1:1/"),
        ] {
            assert!(matches!(landline::connect(&url), Err(Error::Url(_))), "{url:?}");
        }
        let encoded: String = injected.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for url in [format!("ws://{encoded}@127.0.0.1:1/"), format!("ws://u:{encoded}@127.0.0.1:1/")] {
            let transport = landline::transport::pair().0;
            let result = Client::default().connect_over(transport, &url);
            assert!(matches!(result, Err(Error::Config(_))), "{url:?}: {result:?}");
        }
    }
}

#[test]
fn item_6_the_librarys_own_headers_cannot_be_set() {
    for name in [
        "Host",
        "Connection",
        "Upgrade",
        "Sec-WebSocket-Key",
        "sec-websocket-version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        let error = builder().header(name, "x").build().unwrap_err();
        assert!(matches!(error, Error::Config(_)) && error.to_string().contains(&name.to_lowercase()), "{error}");
    }
    for twice in [
        builder().origin("http://a").header("Origin", "http://b"),
        builder().subprotocol("a").subprotocol("a"),
        builder().header("Authorization", "a").header("Authorization", "b"),
    ] {
        assert!(matches!(twice.build(), Err(Error::Config(_))));
    }
    // Whose credentials count, the header's or the URL's?
    let client = builder().header("Authorization", "Bearer x").build().unwrap();
    let result = client.connect_over(landline::transport::pair().0, "ws://u:p@a/");
    assert!(matches!(result, Err(Error::Config(_))), "{result:?}");
}

// ----- Connecting -----

/// An address at which nobody listens, kept free of others while the socket lives.
fn refusing(ip: impl Into<std::net::IpAddr>, port: u16) -> std::io::Result<(Socket, SocketAddr)> {
    let addr = SocketAddr::new(ip.into(), port);
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(addr))?;
    let addr = socket.local_addr()?.as_socket().unwrap();
    Ok((socket, addr))
}

/// An address that does not answer: its queue is full.
fn unresponsive() -> (Vec<Socket>, SocketAddr) {
    let (listener, addr) = refusing(Ipv4Addr::LOCALHOST, 0).unwrap();
    listener.listen(0).unwrap();
    let mut sockets = vec![listener];
    for _ in 0..4 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        let _ = socket.connect(&addr.into());
        sockets.push(socket);
    }
    (sockets, addr)
}

#[test]
fn a_refused_connection_names_every_address() {
    limited(|| {
        let (_socket, v4) = refusing(Ipv4Addr::LOCALHOST, 0).unwrap();
        // Where there is no IPv6 there is no such address either.
        let _v6 = refusing(Ipv6Addr::LOCALHOST, v4.port());
        let expected: Vec<SocketAddr> = ("localhost", v4.port()).to_socket_addrs().unwrap().collect();
        let error = landline::connect(&format!("ws://localhost:{}/", v4.port())).unwrap_err();
        let Error::Connect(detail) = &error else { panic!("{error:?}") };
        assert_eq!(detail.authority, format!("localhost:{}", v4.port()));
        assert_eq!(detail.attempts.iter().map(|(addr, _)| *addr).collect::<Vec<_>>(), expected);
        assert!(expected.contains(&v4) && detail.lookup.is_none());
        for addr in expected {
            assert!(error.to_string().contains(&format!("{addr}: ")), "{error}");
        }
    });
}

#[test]
fn the_next_address_is_tried() {
    limited(|| {
        // "localhost" is ::1 first where there is IPv6, and the server is at 127.0.0.1 only.
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
fn item_2_a_silent_server_runs_into_the_handshakes_limit() {
    limited(|| {
        let client = builder().handshake_timeout(Some(millis(200))).build().unwrap();
        let (result, server) = connect_to(&client, |mut raw| raw.rest().is_ok());
        assert!(is_timeout_of(&result.unwrap_err(), Phase::Handshake));
        assert!(server.join());
    });
}

#[test]
fn item_2_a_dripping_server_is_cut_by_the_time_in_total() {
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
        // No name server is asked about a label of more than 63 bytes.
        let name = format!("{}.invalid", "a".repeat(70));
        let error = landline::connect(&format!("ws://{name}/")).unwrap_err();
        let Error::Connect(detail) = &error else { panic!("{error:?}") };
        assert!(detail.lookup.is_some() && detail.attempts.is_empty());
        assert!(error.to_string().starts_with(&format!("cannot connect to {name}:80: looking up")), "{error}");
    });
}

// ----- Interrupting -----

/// Interrupts the client while it waits in `connect`, doing this.
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
    // Once only.
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
            // Setting up TLS can take a while, and comes first.
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
        // Once only, and nothing is lost. (Nobody was sending: the next call that would wait may notice.)
        ws.send("on we go").unwrap();
        assert_eq!(ws.recv().unwrap(), text("on we go"));
        interrupter.interrupt_recv();
        assert!(matches!(ws.recv(), Err(Error::Interrupted(_))));
    });
}

#[test]
fn what_ended_a_connection_does_not_interrupt_the_next_attempt() {
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

// ----- Receiving -----

#[test]
fn a_receive_that_timed_out_goes_on() {
    limited(|| {
        let (go, gone) = std::sync::mpsc::channel();
        let (mut ws, server) = open(Config::default(), move |mut raw| {
            let bytes = frame(TEXT, "in two halves");
            let (first, second) = bytes.split_at(5);
            raw.send(first);
            gone.recv().unwrap();
            raw.send(second);
            raw
        });
        for _ in 0..3 {
            let (took, result) = timed(|| ws.recv_timeout(millis(20)));
            assert!(is_timeout_of(&result.unwrap_err(), Phase::Recv));
            assert!(took >= millis(19) && took < SECOND, "{took:?}");
        }
        go.send(()).unwrap();
        assert_eq!(ws.recv().unwrap(), text("in two halves"));
        server.join();
    });
}

#[test]
fn a_deadline_that_has_passed_gives_what_is_there() {
    limited(|| {
        let client = Client::default();
        let (ws, _server) = connect_to(&client, |mut raw| {
            raw.accept_with("", frame(TEXT, "there"));
            raw
        });
        let mut ws = ws.unwrap();
        let mut result = Err(Error::Closed(Closed::Eof));
        eventually("the message is there", || {
            result = ws.recv_deadline(Instant::now());
            result.is_ok()
        });
        assert_eq!(result.unwrap(), text("there"));
    });
}

/// An open connection to a server that never ends to send these frames.
fn flooded(config: Config, frames: Vec<u8>) -> WebSocket {
    let client = builder().config(config).build().unwrap();
    client.connect_over(Endless::new(frames), "ws://localhost/").unwrap()
}

#[test]
fn a_flood_of_pings_does_not_hold_up_a_time_limit() {
    limited(|| {
        for first in [PING, PONG] {
            let mut ws = flooded(Config::default(), frame(first, [0; 100]));
            let (took, result) = timed(|| ws.recv_timeout(millis(200)));
            assert!(is_timeout_of(&result.unwrap_err(), Phase::Recv));
            assert!(took < 5 * SECOND, "{took:?}");
            let (took, result) = timed(|| ws.ping_wait(millis(200)));
            assert!(is_timeout_of(&result.unwrap_err(), Phase::Ping));
            assert!(took < 5 * SECOND, "{took:?}");
        }
    });
}

#[test]
fn item_20_the_end_without_a_close_frame_is_an_error() {
    limited(|| {
        for behind in [vec![], frame(TEXT, "cut off")[..4].to_vec(), frame(0x01, "unfinished")] {
            let (mut ws, server) = open(Config::default(), move |mut raw| raw.send(behind));
            server.join();
            for _ in 0..2 {
                let result = ws.recv();
                assert!(matches!(result, Err(Error::Closed(Closed::Eof))), "{result:?}");
            }
            let info = ws.close_info();
            assert_eq!((info.code(), info.clean), (CloseCode::ABNORMAL_CLOSURE, false));
            assert!(ws.send("late").is_err());
        }
    });
}

#[test]
fn item_7_a_masked_frame_from_the_server_is_1002() {
    limited(|| {
        let (mut ws, server) = open(Config::default(), |mut raw| {
            raw.send(masked(TEXT, "masked"));
            raw.frame()
        });
        assert!(matches!(ws.recv(), Err(Error::Protocol(_))));
        let close = server.join();
        assert_eq!((close.close_code(), close.masked), (1002, true));
    });
}

// ----- Keepalive and pings -----

fn keepalive(interval: Duration, timeout: Duration) -> Config {
    Config::default().keepalive(Some(Keepalive { interval, timeout }))
}

#[test]
fn item_17_a_silent_peer_is_pinged_and_then_given_up() {
    limited(|| {
        let (mut ws, server) = open(keepalive(millis(100), millis(150)), |mut raw| {
            let ping = raw.frame();
            (ping.first, ping.masked, raw.rest().is_ok_and(|rest| rest.is_empty()))
        });
        let (took, result) = timed(|| ws.recv());
        let Err(Error::Closed(Closed::PeerSilent(silent))) = result else { panic!("{result:?}") };
        assert!(took >= millis(240) && took < 5 * SECOND, "{took:?}");
        assert!(silent >= millis(240), "{silent:?}");
        assert!(matches!(ws.recv(), Err(Error::Closed(Closed::PeerSilent(_)))));
        assert!(ws.send("gone").is_err());
        // One ping, and nothing else.
        assert_eq!(server.join(), (PING, true, true));
    });
}

#[test]
fn item_17_answered_pings_keep_a_connection_alive() {
    limited(|| {
        let (mut ws, server) = open(keepalive(millis(30), 20 * SECOND), |mut raw| {
            for _ in 0..6 {
                let ping = raw.frame();
                assert_eq!(ping.first, PING);
                raw.send(frame(PONG, ping.payload));
            }
            raw.send(frame(TEXT, "still here"));
            raw
        });
        let (took, result) = timed(|| ws.recv().unwrap());
        assert_eq!(result, text("still here"));
        assert!(took >= millis(170), "{took:?}");
        server.join();
    });
}

#[test]
fn item_17_time_limits_hold_beside_keepalive() {
    limited(|| {
        let (mut ws, server) = open(keepalive(millis(50), 20 * SECOND), |mut raw| raw.rest());
        let (took, result) = timed(|| ws.recv_timeout(millis(200)));
        assert!(is_timeout_of(&result.unwrap_err(), Phase::Recv));
        assert!(took >= millis(190) && took < 5 * SECOND, "{took:?}");
        drop(ws);
        server.join().unwrap();
    });
}

#[test]
fn ping_wait_gives_the_round_trip_and_keeps_messages_in_order() {
    limited(|| {
        let (mut ws, server) = open(Config::default(), |mut raw| {
            let ping = raw.frame();
            assert_eq!((ping.first, ping.masked), (PING, true));
            raw.send(
                [frame(TEXT, "1"), frame(BINARY, "2"), frame(PONG, "another one's"), frame(TEXT, "3")].concat(),
            );
            raw.send([frame(PONG, ping.payload), frame(TEXT, "4")].concat());
            raw
        });
        let round_trip = ws.ping_wait(20 * SECOND).unwrap();
        assert!(round_trip > Duration::ZERO && round_trip < 20 * SECOND);
        assert_eq!(ws.recv().unwrap(), text("1"));
        assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes(), b"2");
        assert_eq!(ws.recv().unwrap(), text("3"));
        assert_eq!(ws.recv().unwrap(), text("4"));
        server.join();
    });
}

#[test]
fn ping_wait_runs_out_of_time_and_the_connection_goes_on() {
    limited(|| {
        let (mut ws, server) = open(Config::default(), |mut raw| {
            let ping = raw.frame();
            let message = raw.frame();
            raw.send([frame(PONG, ping.payload), frame(TEXT, message.payload)].concat());
            raw
        });
        assert!(is_timeout_of(&ws.ping_wait(millis(50)).unwrap_err(), Phase::Ping));
        ws.send("late pongs harm nobody").unwrap();
        assert_eq!(ws.recv().unwrap(), text("late pongs harm nobody"));
        server.join();
    });
}

#[test]
fn a_ping_that_was_not_answered_in_time_can_be_waited_for_again() {
    limited(|| {
        let (go, gone) = std::sync::mpsc::channel();
        let (mut ws, server) = open(Config::default(), move |mut raw| {
            let ping = raw.frame();
            raw.send(frame(TEXT, "first"));
            gone.recv().unwrap();
            raw.send(frame(PONG, ping.payload));
            raw
        });
        let ping = ws.ping_start().unwrap();
        assert!(is_timeout_of(&ws.pong_wait(ping, Duration::ZERO).unwrap_err(), Phase::Ping));
        assert!(is_timeout_of(&ws.pong_wait(ping, millis(20)).unwrap_err(), Phase::Ping));
        go.send(()).unwrap();
        ws.pong_wait(ping, 20 * SECOND).unwrap();
        assert_eq!(ws.recv().unwrap(), text("first"));
        server.join();
    });
}

#[test]
fn an_interrupt_of_senders_ends_a_wait_for_a_pong_in_another_thread() {
    limited(|| {
        let (ws, server) = open(Config::default(), |mut raw| {
            raw.frame();
            raw
        });
        let (sender, mut receiver) = ws.split();
        let interrupter = receiver.interrupter().unwrap();
        let pinging = sleeper(move || sender.ping_wait(50 * SECOND));
        pinging.until_asleep();
        interrupter.interrupt_send();
        let (took, result) = timed(|| pinging.join());
        assert!(
            matches!(result, Err(Error::Interrupted(Interrupted { phase: Phase::Ping, .. }))) && took < 20 * SECOND,
            "{result:?} after {took:?}"
        );
        drop(server.join());
    });
}

#[test]
fn item_14_a_ping_is_answered_before_the_next_wait() {
    limited(|| {
        let (mut ws, server) = open(Config::default(), |mut raw| {
            raw.send(frame(PING, "there?"));
            let pong = raw.frame();
            raw.send(frame(TEXT, "good"));
            pong
        });
        assert_eq!(ws.recv().unwrap(), text("good"));
        assert_eq!(server.join(), Frame { first: PONG, masked: true, payload: b"there?".to_vec() });
    });
}

// ----- Closing -----

#[test]
fn a_close_by_the_client_is_seen_by_both() {
    limited(|| {
        let (mut client, mut server) = pair();
        let serving = thread::spawn(move || (server.recv(), server));
        client.close(4001.into(), "I am done").unwrap();
        let (result, server) = serving.join().unwrap();
        assert_eq!(result.unwrap(), None);
        closed_by(&client, &server, 4001, "I am done");
        assert!(matches!(client.send("late"), Err(Error::Closed(Closed::Sent))));
        assert_eq!(client.recv().unwrap(), None);
        client.close(CloseCode::NORMAL_CLOSURE, "again").unwrap();
    });
}

#[test]
fn a_close_by_the_server_is_seen_by_both() {
    limited(|| {
        let (mut client, mut server) = pair();
        let serving = thread::spawn(move || (server.close(CloseCode::GOING_AWAY, "tschüß"), server));
        assert_eq!(client.recv().unwrap(), None);
        let (result, server) = serving.join().unwrap();
        result.unwrap();
        closed_by(&server, &client, 1001, "tschüß");
    });
}

fn closed_by(first: &WebSocket, second: &WebSocket, code: u16, reason: &str) {
    for (ws, side) in [(first, Side::Local), (second, Side::Remote)] {
        let info = ws.close_info();
        assert_eq!((info.first, info.clean), (Some(side), true), "{info:?}");
        assert!(info.cause.is_none());
        for frame in [info.received.unwrap(), info.sent.unwrap()] {
            assert_eq!(frame.code(), CloseCode::from(code));
        }
    }
    assert_eq!(first.close_info().sent.unwrap().reason(), reason);
    assert_eq!(second.close_info().received.unwrap().reason(), reason);
}

#[test]
fn both_may_close_at_once() {
    limited(|| {
        let (mut client, mut server) = pair();
        client.close_start(4001.into(), "").unwrap();
        server.close_start(4002.into(), "").unwrap();
        let serving = thread::spawn(move || (server.recv(), server));
        assert_eq!(client.recv().unwrap(), None);
        let (result, server) = serving.join().unwrap();
        assert_eq!(result.unwrap(), None);
        assert_eq!((client.close_info().code(), server.close_info().code()), (4002.into(), 4001.into()));
        assert!(client.close_info().clean && server.close_info().clean);
    });
}

#[test]
fn messages_ahead_of_the_close_are_received() {
    limited(|| {
        let (mut client, mut server) = pair();
        server.feed("one").unwrap();
        server.feed("two").unwrap();
        server.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert_eq!(client.recv().unwrap(), text("one"));
        assert_eq!(client.recv().unwrap(), text("two"));
        assert_eq!(client.recv().unwrap(), None);
        assert_eq!(server.recv().unwrap(), None);
    });
}

#[test]
fn an_empty_close_frame_is_1005() {
    limited(|| {
        let (mut ws, server) = open(Config::default(), |mut raw| {
            raw.send(frame(CLOSE, ""));
            raw.frame()
        });
        assert_eq!(ws.recv().unwrap(), None);
        assert_eq!(ws.close_info().code(), CloseCode::NO_STATUS_RECEIVED);
        assert!(ws.close_info().clean);
        let close = server.join();
        assert_eq!((close.first, close.payload.len()), (CLOSE, 0));
    });
}

#[test]
fn item_18_a_peer_that_never_answers_the_close_is_cut() {
    limited(|| {
        let config = || Config::default().close_timeout(millis(200));
        let (mut ws, server) = open(config(), |mut raw| (raw.frame().close_code(), raw.rest().is_ok()));
        let (took, result) = timed(|| ws.close(CloseCode::NORMAL_CLOSURE, ""));
        assert!(matches!(result, Err(Error::Closed(Closed::CloseUnanswered))), "{result:?}");
        assert!(took >= millis(190) && took < 5 * SECOND, "{took:?}");
        assert!(matches!(ws.recv(), Err(Error::Closed(Closed::CloseUnanswered))));
        assert_eq!(server.join(), (1000, true));

        // The same when receiving sees to the rest.
        let (mut ws, server) = open(config(), |mut raw| (raw.frame().close_code(), raw.rest().is_ok()));
        ws.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        let (took, result) = timed(|| ws.recv());
        assert!(matches!(result, Err(Error::Closed(Closed::CloseUnanswered))), "{result:?}");
        assert!(took < 5 * SECOND, "{took:?}");
        assert_eq!(server.join(), (1000, true));
    });
}

#[test]
fn item_18_a_peer_that_floods_during_the_close_is_cut() {
    limited(|| {
        let messages = frame(BINARY, [0; 10_000]);
        let pings = frame(PING, [0; 100]);
        for frames in [messages, pings] {
            let mut ws = flooded(Config::default().close_timeout(millis(200)), frames);
            let (took, result) = timed(|| ws.close(CloseCode::NORMAL_CLOSURE, ""));
            assert!(matches!(result, Err(Error::Closed(Closed::CloseUnanswered))), "{result:?}");
            assert!(took < 5 * SECOND, "{took:?}");
        }
    });
}

#[test]
fn item_18_a_peer_that_goes_on_sending_does_not_keep_a_closing_connection_alive() {
    limited(|| {
        for frames in [frame(BINARY, [0; 10_000]), frame(PING, [0; 100])] {
            let mut ws = flooded(Config::default().close_timeout(millis(200)), frames);
            ws.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
            let deadline = Instant::now() + 10 * SECOND;
            let end = loop {
                match ws.recv() {
                    Ok(Some(_)) => assert!(Instant::now() < deadline, "still receiving"),
                    end => break end,
                }
            };
            assert!(matches!(end, Err(Error::Closed(Closed::CloseUnanswered))), "{end:?}");
        }
    });
}

#[test]
fn item_13_codes_and_reasons_that_may_not_travel_are_refused() {
    limited(|| {
        let (mut client, mut server) = pair();
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            assert!(matches!(client.close(code.into(), ""), Err(Error::Usage(_))), "{code}");
        }
        assert!(matches!(client.close(CloseCode::NORMAL_CLOSURE, &"x".repeat(124)), Err(Error::Usage(_))));
        // Nothing was done.
        client.send("open").unwrap();
        assert_eq!(server.recv().unwrap(), text("open"));
    });
}

#[test]
fn an_abort_ends_a_blocked_receive() {
    limited(|| {
        let (client, _server) = pair();
        let (sender, mut receiver) = client.split();
        let receiving = sleeper(move || receiver.recv());
        receiving.until_asleep();
        sender.abort();
        let result = receiving.join();
        assert!(matches!(result, Err(Error::Closed(Closed::Aborted))), "{result:?}");
        assert!(sender.send("late").is_err());
    });
}
