//! Options: they can be read back, and take effect.

mod common;

use common::limited;
use landline::proto::Limits;
use landline::proto::handshake::HeadLimits;
use landline::transport::TcpOptions;
use landline::{Client, Compression, Config, Error, Keepalive, Listener, Server, WebSocket};
use socket2::SockRef;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn builders_have_every_setting_of_a_config_and_it_can_be_read() {
    let keepalive = Keepalive::default().interval(5 * SECOND).timeout(6 * SECOND);
    assert_eq!((keepalive.interval, keepalive.timeout), (5 * SECOND, 6 * SECOND));
    let compression = Compression::default().level(3).threshold(100).server_max_window_bits(10);
    assert_eq!((compression.level, compression.threshold, compression.server_max_window_bits), (3, Some(100), 10));
    let config = Config::default()
        .max_message_size(1)
        .max_fragments(2)
        .send_timeout(Some(3 * SECOND))
        .recv_timeout(Some(4 * SECOND))
        .close_timeout(5 * SECOND)
        .keepalive(Some(keepalive))
        .compression(compression.clone());
    assert_eq!(config.limits, Limits::default().max_message_size(1).max_fragments(2));
    assert_eq!((config.send_timeout, config.recv_timeout), (Some(3 * SECOND), Some(4 * SECOND)));
    assert_eq!((config.close_timeout, config.keepalive), (5 * SECOND, Some(keepalive)));
    assert_eq!(config.compression, Some(compression.clone()));
    macro_rules! set {
        ($builder:expr) => {
            $builder
                .max_message_size(1)
                .max_fragments(2)
                .send_timeout(Some(3 * SECOND))
                .recv_timeout(Some(4 * SECOND))
                .close_timeout(5 * SECOND)
                .keepalive(Some(keepalive))
                .compression(compression.clone())
        };
    }
    assert_eq!(set!(Client::builder()).build().unwrap().config(), &config);
    assert_eq!(set!(Server::builder()).listen("127.0.0.1:0").unwrap().config(), &config);
    assert_eq!(Listener::builder().listen("127.0.0.1:0").unwrap().config(), &Config::default());
    let limits = HeadLimits::default().max_head_size(1).max_headers(2).max_start_line(3).max_refusal_body(4);
    assert_eq!((limits.max_head_size, limits.max_headers), (1, 2));
    assert_eq!((limits.max_start_line, limits.max_refusal_body), (3, 4));
}

#[test]
fn a_server_that_sets_a_handshake_header_is_refused_when_it_is_built() {
    limited(|| {
        let options = || Server::builder().header("X-Mine", "1").header("Sec-WebSocket-Accept", "mine");
        let socket = || TcpListener::bind("127.0.0.1:0").unwrap();
        let errors = [
            options().bind("127.0.0.1:0").unwrap_err(),
            options().listen("127.0.0.1:0").unwrap_err(),
            options().listen_unix("/nowhere/at/all").unwrap_err(),
            options().bind_unix("/nowhere/at/all").unwrap_err(),
            options().listen_from(socket()).unwrap_err(),
            options().bind_from(socket()).unwrap_err(),
            options().accept_over(UnixStream::pair().unwrap().0).unwrap_err(),
            options().accept(UnixStream::pair().unwrap().0).unwrap_err(),
            options().protocol().unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, Error::Config(_)), "{error:?}");
            assert!(
                error.to_string().starts_with("header sec-websocket-accept is written by the library"),
                "{error}"
            );
        }
    });
}

fn all() -> TcpOptions {
    let options = TcpOptions::default()
        .nodelay(false)
        .keepalive_time(Some(Duration::from_millis(59_001)))
        .keepalive_interval(Some(7 * SECOND))
        .keepalive_retries(Some(4))
        .recv_buffer_size(Some(20_000))
        .send_buffer_size(Some(30_000));
    if cfg!(target_os = "linux") { options.user_timeout(Some(Duration::from_micros(8_000_001))) } else { options }
}

fn must_have_all(ws: &WebSocket) {
    let fd = ws.fd().unwrap();
    let socket = SockRef::from(&fd);
    assert!(!socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), 60 * SECOND);
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), 7 * SECOND);
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
    #[cfg(target_os = "linux")]
    {
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_millis(8001)));
        assert_eq!((socket.recv_buffer_size().unwrap(), socket.send_buffer_size().unwrap()), (40_000, 60_000));
    }
}

#[test]
fn tcp_options_reach_the_sockets_of_both_ends() {
    limited(|| {
        let listener = Server::builder().tcp(all()).listen("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let serving = thread::spawn(move || listener.accept().unwrap().accept().unwrap());
        let client = Client::builder().tcp(all()).build().unwrap().connect(&url).unwrap();
        must_have_all(&client);
        must_have_all(&serving.join().unwrap());
    });
}

#[test]
fn without_tcp_options_the_systems_defaults_apply() {
    limited(|| {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let serving = thread::spawn(move || listener.accept().unwrap().accept().unwrap());
        let client = landline::connect(&url).unwrap();
        for ws in [&client, &serving.join().unwrap()] {
            let fd = ws.fd().unwrap();
            let socket = SockRef::from(&fd);
            assert!(socket.tcp_nodelay().unwrap() && !socket.keepalive().unwrap());
            #[cfg(target_os = "linux")]
            assert!(socket.tcp_user_timeout().unwrap().is_none_or(|limit| limit.is_zero()));
        }
    });
}

#[test]
fn tcp_options_that_cannot_work_are_refused() {
    let zero = Some(Duration::ZERO);
    for options in [
        TcpOptions::default().keepalive_time(zero),
        TcpOptions::default().keepalive_interval(zero),
        TcpOptions::default().keepalive_retries(Some(0)),
        TcpOptions::default().user_timeout(zero),
        TcpOptions::default().recv_buffer_size(Some(0)),
        TcpOptions::default().send_buffer_size(Some(0)),
    ] {
        assert!(matches!(Client::builder().tcp(options.clone()).build(), Err(Error::Config(_))), "{options:?}");
        let listening = Server::builder().tcp(options).listen("127.0.0.1:0");
        assert!(matches!(listening, Err(Error::Config(_))));
    }
    // Even the longest time is a number that the system accepts.
    let options = TcpOptions::default().keepalive_time(Some(Duration::MAX)).keepalive_interval(Some(Duration::MAX));
    let options = if cfg!(target_os = "linux") { options.user_timeout(Some(Duration::MAX)) } else { options };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    landline::transport::SocketTransport::tcp(stream, &options).unwrap();
}

#[test]
fn accept_opens_a_connection_over_a_socket_in_one_step() {
    limited(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let far = listener.accept().unwrap().0;
        talk(thread::spawn(|| landline::accept(far)), Client::default().connect_over(near, "ws://localhost/"));

        let (near, far) = UnixStream::pair().unwrap();
        talk(thread::spawn(|| landline::accept(far)), Client::default().connect_over(near, "ws://localhost/"));

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let far = listener.accept().unwrap().0;
        let options = Server::builder().tcp(all()).subprotocols(["chat"]);
        let serving = thread::spawn(|| options.accept(far));
        let client = Client::builder().tcp(all()).subprotocol("chat").build().unwrap();
        let client = client.connect_over(near, "ws://localhost/").unwrap();
        assert_eq!(client.handshake().subprotocol.as_deref(), Some("chat"));
        must_have_all(&client);
        must_have_all(&serving.join().unwrap().unwrap());
    });
}

fn talk(serving: thread::JoinHandle<landline::Result<WebSocket>>, client: landline::Result<WebSocket>) {
    let (mut client, mut server) = (client.unwrap(), serving.join().unwrap().unwrap());
    client.send("hello").unwrap();
    assert_eq!(server.recv().unwrap(), Some("hello".into()));
    server.send("welcome").unwrap();
    assert_eq!(client.recv().unwrap(), Some("welcome".into()));
}
