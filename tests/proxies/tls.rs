//! TLS with a proxy, and inside it with the server: two sets of certificates that have nothing to do with each other.

use super::*;
use landline::transport::{ClientCerts, TlsAcceptor, TlsConnector, TlsConnectorBuilder};

fn trusting(ca: &Ca) -> TlsConnectorBuilder {
    TlsConnector::builder().platform_roots(false).ca_pem(ca.pem().as_bytes())
}

/// An `https` proxy with its certificate, in front of another one.
fn secured(inner: &TestProxy, ca: &Ca) -> (TestProxy, String) {
    let outer = behind_tls(inner.addr, &ca.issue(&["localhost"]).identity());
    let url = format!("https://localhost:{}", outer.addr.port());
    (outer, url)
}

#[test]
fn ws_and_wss_go_through_an_https_proxy() {
    limited(|| {
        let (ca_of_proxy, ca_of_server) = (Ca::new(), Ca::new());
        let inner = open_http_proxy();
        let (_outer, url) = secured(&inner, &ca_of_proxy);
        let proxy = Proxy::parse(&url).unwrap().auth("me", "p").unwrap().tls_options(trusting(&ca_of_proxy));
        let plain = serve_echo(Server::builder());
        let secure = serve_echo(Server::builder().tls(ca_of_server.issue(&["localhost"]).identity()));
        let client = through(proxy).tls_options(trusting(&ca_of_server)).build().unwrap();
        echoes(client.connect(&plain.url()).unwrap());
        // TLS in TLS, with more than fits into a record or a buffer.
        let mut ws = client.connect(&secure.tls_url()).unwrap();
        let message: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
        ws.send(&message[..]).unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::Binary(message)));
        echoes(ws);
        assert!(inner.seen().iter().all(|head| header(head, "proxy-authorization") == Some("Basic bWU6cA==")));
        assert_eq!(inner.seen().len(), 2);
    });
}

#[test]
fn a_proxys_certificate_is_not_judged_by_the_servers_options() {
    limited(|| {
        let (ca_of_proxy, ca_of_server) = (Ca::new(), Ca::new());
        let inner = open_http_proxy();
        let (_outer, url) = secured(&inner, &ca_of_proxy);
        let secure = serve_echo(Server::builder().tls(ca_of_server.issue(&["localhost"]).identity()));
        let client = |of_proxy, of_server| {
            let proxy = Proxy::parse(&url).unwrap().tls_options(of_proxy);
            through(proxy).tls_options(of_server).build().unwrap()
        };

        let both = trusting(&ca_of_proxy).ca_pem(ca_of_server.pem().as_bytes());
        let lax = both.clone().danger_accept_invalid_certs(true);
        for of_server in [both.clone(), lax.clone()] {
            let result = client(trusting(&ca_of_server), of_server).connect(&secure.tls_url());
            let error = result.as_ref().unwrap_err();
            assert_eq!(error.setting(), Some(Setting::ProxyTrustedCertificates), "{error:?}");
            let (error, told) = proxy_error(result);
            assert!(matches!(error.failure, ProxyFailure::Connection(Error::Tls(_))), "{error:?}");
            assert!(told.contains("trust the issuer of the proxy's certificate with Proxy::tls_options"), "{told}");
        }
        assert_eq!(inner.seen(), [""; 0], "the proxy is told nothing before it is known");
        for of_proxy in [both, lax] {
            let error = client(of_proxy, trusting(&ca_of_proxy)).connect(&secure.tls_url()).unwrap_err();
            assert!(matches!(error, Error::Tls(_)), "the server's certificate: {error:?}");
            assert_eq!(error.setting(), Some(Setting::TrustedCertificates), "{error:?}");
        }
    });
}

#[test]
fn a_proxys_certificate_must_be_for_its_name() {
    limited(|| {
        let (ca, inner) = (Ca::new(), open_http_proxy());
        let outer = behind_tls(inner.addr, &ca.issue(&["elsewhere.example"]).identity());
        let proxy = Proxy::parse(&format!("https://localhost:{}", outer.addr.port())).unwrap();
        let (error, _) = proxy_error(connect(proxy.tls_options(trusting(&ca)), "ws://elsewhere.example/"));
        assert!(matches!(error.failure, ProxyFailure::Connection(Error::Tls(_))), "{error:?}");
    });
}

#[test]
fn a_proxy_that_requires_a_certificate_of_the_client_is_told_from_such_a_server() {
    limited(|| {
        let (ca, inner) = (Ca::new(), open_http_proxy());
        let acceptor = TlsAcceptor::builder().identity(ca.issue(&["localhost"]).identity());
        let acceptor = acceptor.client_certs(ClientCerts::Required).client_ca_pem(ca.pem().as_bytes());
        let outer = behind_acceptor(inner.addr, acceptor.build().unwrap());
        let proxy = Proxy::parse(&format!("https://localhost:{}", outer.addr.port())).unwrap();
        let server = serve_echo(Server::builder());

        let result = connect(proxy.clone().tls_options(trusting(&ca)), &server.url());
        assert_eq!(result.as_ref().unwrap_err().setting(), Some(Setting::ProxyClientCertificate));
        let (_, told) = proxy_error(result);
        assert!(told.contains("peer requires a client certificate"), "{told}");
        assert!(told.ends_with("; give one with Proxy::tls_options"), "{told}");

        let shown = trusting(&ca).identity(ca.issue(&["client"]).identity());
        echoes(connect(proxy.tls_options(shown), &server.url()).unwrap());
    });
}

#[test]
fn settings_of_tls_with_a_proxy_that_cannot_be_used_are_the_programs_fault() {
    let proxy = Proxy::parse("https://localhost:1").unwrap();
    let proxy = proxy.tls_options(TlsConnector::builder().ca_file("/nonexistent/ca.pem"));
    let error = connect(proxy, "ws://example.com/").unwrap_err();
    assert_eq!(error.fault(), Fault::Caller, "{error:?}");
    let told = told_once(&error);
    assert!(told.contains("through proxy https://localhost:1: cannot read /nonexistent/ca.pem"), "{told}");
}

#[test]
fn a_plain_proxy_at_an_https_url_is_told() {
    limited(|| {
        let inner = proxy(|mut stream, _| {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        });
        let (_, told) = proxy_error(connect(inner.proxy("https"), "ws://example.com/"));
        assert!(told.contains("does not speak TLS") && told.contains("http:// for a proxy"), "{told}");
    });
}
