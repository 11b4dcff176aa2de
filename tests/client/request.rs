//! The request as it is on the wire.

use super::*;

/// The request that a client sends for this URL, in which PORT is the server's.
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
        // A new one for each connection (RFC 6455 4.1 item 7).
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
fn a_folded_header_of_the_response_is_unfolded_and_empty_lists_count_as_absent() {
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

/// The request for this URL that is sent over an existing connection.
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
    // Which credentials would apply, the header's or the URL's?
    let client = builder().header("Authorization", "Bearer x").build().unwrap();
    let result = client.connect_over(landline::transport::pair().0, "ws://u:p@a/");
    assert!(matches!(result, Err(Error::Config(_))), "{result:?}");
}
