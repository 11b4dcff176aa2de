//! Tunnels through HTTP proxies, alone and in a chain, and when none is used.

use super::*;

#[test]
fn ws_and_wss_go_through_a_tunnel_and_the_proxy_looks_the_name_up() {
    limited(|| {
        let (proxy, server) = (open_http_proxy(), serve_echo(Server::builder()));
        echoes(connect(proxy.proxy("http"), &format!("ws://localhost:{}/feed", server.addr.port())).unwrap());
        let ca = Ca::new();
        let secure = serve_echo(Server::builder().tls(ca.issue(&["localhost"]).identity()));
        let tls = landline::transport::TlsConnector::builder().platform_roots(false).ca_pem(ca.pem().as_bytes());
        let client = through(proxy.proxy("http")).tls_options(tls).build().unwrap();
        echoes(client.connect(&secure.tls_url()).unwrap());
        let agent = concat!("landline/", env!("CARGO_PKG_VERSION"));
        let expected = [server.addr.port(), secure.addr.port()].map(|port| {
            format!("CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: {agent}\r\n\r\n")
        });
        assert_eq!(proxy.seen(), expected);
    });
}

#[test]
fn headers_for_the_proxy_and_for_the_server_do_not_meet() {
    limited(|| {
        let proxy = open_http_proxy();
        let (url, server) = head_of_request();
        let url = url.replace("ws://", "ws://me:hunter2@");
        let given = proxy.proxy("http").header("X-Job", "7").unwrap().header("User-Agent", "p").unwrap();
        let client = through(given).header("X-Feed", "8").header("Cookie", "c").header("User-Agent", "s");
        drop(client.build().unwrap().connect(&url).unwrap());
        let (seen, head) = (&proxy.seen()[0], server.join());
        assert_eq!((header(seen, "x-job"), header(seen, "user-agent")), (Some("7"), Some("p")));
        for name in ["x-feed", "cookie", "authorization", "proxy-authorization"] {
            assert_eq!(header(seen, name), None, "{name} in {seen}");
        }
        assert_eq!((header(&head, "x-feed"), header(&head, "user-agent")), (Some("8"), Some("s")));
        assert_eq!((header(&head, "x-job"), header(&head, "x-proxy")), (None, None));
    });
}

#[test]
fn a_header_for_a_proxy_cannot_be_sent_to_the_server() {
    let error = Client::builder().header("Proxy-Authorization", "Basic x").build().unwrap_err();
    assert!(matches!(error, Error::Config(_)), "{error:?}");
    assert!(error.to_string().contains("proxy-authorization"), "{error}");
}

#[test]
fn what_follows_the_answer_at_once_comes_through_the_tunnel() {
    limited(|| {
        for slowly in [false, true] {
            let proxy = proxy(move |mut stream, _| {
                let answer = "HTTP/1.0 200 OK\r\nVia: x\r\n\r\nHTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\nlost";
                match slowly {
                    true => send_slowly(&mut stream, answer.as_bytes())?,
                    false => stream.write_all(answer.as_bytes())?,
                }
                stream.read_to_end(&mut Vec::new()).map(drop)
            });
            let error = connect(proxy.proxy("http"), "ws://example.com/").unwrap_err();
            let Error::Handshake(detail) = &error else { panic!("{error:?}") };
            let landline::error::HandshakeError::Refused(refusal) = &**detail else { panic!("{error:?}") };
            assert_eq!((refusal.status.as_u16(), &*refusal.body), (410, &b"lost"[..]));
        }
    });
}

#[test]
fn the_socket_of_a_tunnel_can_be_taken_out() {
    limited(|| {
        let (proxy, server) = (open_http_proxy(), serve_echo(Server::builder()));
        let mut ws = connect(proxy.proxy("http"), &server.url()).unwrap();
        assert_eq!(ws.peer_addr(), Some(proxy.addr));
        assert!(ws.detach().is_ok());
    });
}

#[test]
fn a_chain_goes_from_one_proxy_to_the_next() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let (near, far, last) = (open_http_proxy(), socks5_proxy(Some(("me", "p")), |_| 0), socks4_proxy(90));
        let chain = [near.proxy("http"), far.proxy("socks5h").auth("me", "p").unwrap(), last.proxy("socks4a")];
        echoes(connect(chain, &format!("ws://localhost:{}/", server.addr.port())).unwrap());
        assert!(near.seen()[0].starts_with(&format!("CONNECT {} HTTP/1.1\r\n", far.addr)));
        assert_eq!(far.seen(), ["me p".to_owned(), last.addr.to_string()]);
        assert_eq!(last.seen(), [format!(" localhost:{}", server.addr.port())]);

        let refusing = socks5_proxy(None, |_| 2);
        let (error, _) = proxy_error(connect([near.proxy("http"), refusing.proxy("socks5h")], "ws://example.com/"));
        assert_eq!((&*error.proxy, &*error.target), (&*refusing.url("socks5h"), "example.com:80"));
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let unreachable = Proxy::parse(&format!("http://{closed}")).unwrap();
        let near = http_proxy(|_, _| Answer::Send(http_answer("502 Bad Gateway", "", "")));
        let (error, _) = proxy_error(connect([near.proxy("http"), unreachable], "ws://example.com/"));
        assert_eq!((&*error.proxy, &*error.target), (&*near.url("http"), &*closed.to_string()));
    });
}

#[test]
fn servers_in_no_proxy_are_connected_to_directly() {
    limited(|| {
        let (proxy, server) = (open_http_proxy(), serve_echo(Server::builder()));
        for list in ["127.0.0.0/8", "*", &format!("example.com, {}", server.addr)] {
            // The order of the calls does not matter.
            let first = through(proxy.proxy("http")).no_proxy(list).build().unwrap();
            let last = Client::builder().no_proxy(list).proxy(proxy.proxy("http")).build().unwrap();
            echoes(first.connect(&server.url()).unwrap());
            echoes(last.connect(&server.url()).unwrap());
        }
        assert_eq!(proxy.connections(), 0);
        let client = through(proxy.proxy("http")).no_proxy("example.com,127.0.0.1:1").build().unwrap();
        echoes(client.connect(&server.url()).unwrap());
        assert_eq!(proxy.connections(), 1);
    });
}

#[test]
fn connect_over_and_protocol_take_no_proxy() {
    limited(|| {
        let (proxy, server) = (open_http_proxy(), serve_echo(Server::builder()));
        let client = through(proxy.proxy("http")).build().unwrap();
        echoes(client.connect_over(TcpStream::connect(server.addr).unwrap(), &server.url()).unwrap());
        assert!(client.protocol(&server.url()).unwrap().output().starts_with(b"GET "));
        assert_eq!(proxy.connections(), 0);
    });
}
