//! Tunnels through SOCKS proxies.

use super::*;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// A look-up that finds two addresses.
fn both_families(_: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    Ok(vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()])
}

#[test]
fn socks5_looks_the_name_up_here_and_socks5h_there() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let url = format!("ws://localhost:{}/", server.addr.port());
        let by_name = socks5_proxy(None, |_| 0);
        echoes(connect(by_name.proxy("socks5h"), &url).unwrap());
        assert_eq!(by_name.seen(), [format!("localhost:{}", server.addr.port())]);

        // The proxy cannot connect to all of the addresses.
        let by_address = socks5_proxy(None, |target| if target.starts_with('[') { 4 } else { 0 });
        let client = through(by_address.proxy("socks5")).resolver(both_families).build().unwrap();
        echoes(client.connect(&format!("ws://feed.example:{}/", server.addr.port())).unwrap());
        assert_eq!(by_address.seen(), [format!("[::1]:{}", server.addr.port()), server.addr.to_string()]);
        assert_eq!(by_address.connections(), 2, "each address over a connection of its own");
        let refusing = socks5_proxy(None, |_| 5);
        let client = through(refusing.proxy("socks5")).resolver(both_families).build().unwrap();
        let (error, _) = proxy_error(client.connect("ws://feed.example/"));
        assert!(matches!(error.failure, ProxyFailure::Tunnel(TunnelError::Socks5(5))), "{error:?}");
        assert_eq!(refusing.seen(), ["[::1]:80", "127.0.0.1:80"]);
        // A refusal that is not about the address is final, and addresses that are given are not looked up.
        let refusing = socks5_proxy(None, |_| 2);
        let client =
            through(refusing.proxy("socks5")).addresses([([192, 0, 2, 7], 0).into(), ([192, 0, 2, 8], 9).into()]);
        proxy_error(client.build().unwrap().connect("ws://feed.example/"));
        assert_eq!(refusing.seen(), ["192.0.2.7:80"]);

        let v6 = socks5_proxy(None, |_| 8);
        proxy_error(connect(v6.proxy("socks5h"), "ws://[2001:db8::1]/"));
        assert_eq!(v6.seen(), ["[2001:db8::1]:80"]);
    });
}

#[test]
fn socks5_with_user_and_password() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let proxy = socks5_proxy(Some(("me", "p:w")), |_| 0);
        let given = |user, password| proxy.proxy("socks5h").auth(user, password).unwrap();
        echoes(connect(given("me", "p:w"), &server.url()).unwrap());
        assert_eq!(proxy.seen(), ["me p:w", &server.addr.to_string()]);

        let (error, told) = proxy_error(connect(given("me", "hunter2"), "ws://example.com/"));
        assert!(matches!(error.failure, ProxyFailure::Credentials(TunnelError::WrongPassword)), "{error:?}");
        assert!(
            told.contains("does not accept the user and password; check") && !told.contains("hunter2"),
            "{told}"
        );
        let (error, told) = proxy_error(connect(proxy.proxy("socks5h"), "ws://example.com/"));
        let expected = TunnelError::NoMethod { with_password: false };
        assert!(matches!(&error.failure, ProxyFailure::Credentials(found) if *found == expected), "{error:?}");
        assert!(told.contains("wants a user and a password"), "{told}");
    });
}

#[test]
fn socks5_replies_are_told_in_words() {
    limited(|| {
        for (code, words) in [(1, "general failure"), (2, "its rules do not allow"), (5, "the host refuses")] {
            let proxy = socks5_proxy(None, move |_| code);
            let result = connect(proxy.proxy("socks5h"), "ws://example.com/");
            assert_eq!(result.as_ref().unwrap_err().fault(), Fault::Network);
            let (error, told) = proxy_error(result);
            assert!(matches!(error.failure, ProxyFailure::Tunnel(TunnelError::Socks5(found)) if found == code));
            let expected = format!(
                "cannot connect to example.com:80 through proxy {}: the proxy refused with SOCKS5 reply {code}: {words}",
                proxy.url("socks5h")
            );
            assert!(told.starts_with(&expected), "{told}");
            assert_eq!(proxy.connections(), 1);
        }
    });
}

#[test]
fn socks4_gets_an_address_and_socks4a_a_name() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let url = format!("ws://localhost:{}/", server.addr.port());
        let proxy = socks4_proxy(90);
        echoes(connect(proxy.proxy("socks4a").auth("me", "").unwrap(), &url).unwrap());
        echoes(connect(proxy.proxy("socks4"), &url).unwrap());
        let expected = [format!("me localhost:{}", server.addr.port()), format!(" {}", server.addr)];
        assert_eq!(proxy.seen(), expected);

        // SOCKS4 has no room for IPv6 addresses, which are passed over.
        let client = through(proxy.proxy("socks4")).resolver(both_families).build().unwrap();
        echoes(client.connect(&format!("ws://feed.example:{}/", server.addr.port())).unwrap());

        let refusing = socks4_proxy(93);
        let (error, told) = proxy_error(connect(refusing.proxy("socks4a"), "ws://example.com/"));
        assert!(matches!(error.failure, ProxyFailure::Tunnel(TunnelError::Socks4(93))), "{error:?}");
        assert!(told.contains("SOCKS4 reply 93: identd"), "{told}");
        let error = connect(proxy.proxy("socks4a"), "ws://[::1]/").unwrap_err();
        assert!(error.to_string().contains("use socks5://"), "{error}");
    });
}

#[test]
fn socks_answers_that_are_cut_slow_or_wrong() {
    limited(|| {
        let sending = |answers: &'static [&'static [u8]], slowly: bool| {
            proxy(move |mut stream, _| {
                for answer in answers {
                    if stream.read(&mut [0; 512])? == 0 {
                        return Ok(());
                    }
                    match slowly {
                        true => send_slowly(&mut stream, answer)?,
                        false => stream.write_all(answer)?,
                    }
                }
                stream.shutdown(std::net::Shutdown::Write)?;
                stream.read_to_end(&mut Vec::new()).map(drop)
            })
        };
        let cut: [&[&[u8]]; 4] = [&[], &[b"\x05"], &[b"\x05\0", b"\x05"], &[b"\x05\0", b"\x05\0\0\x03\x04loc"]];
        let wrong: [&[&[u8]]; 3] =
            [&[b"HTTP/1.1 400 Bad Request\r\n\r\n"], &[b"\x05\x02"], &[b"\x05\0", b"\x05\0\0\x02...."]];
        for slowly in [false, true] {
            for answers in cut {
                let proxy = sending(answers, slowly);
                let (error, told) = proxy_error(connect(proxy.proxy("socks5h"), "ws://example.com/"));
                assert!(matches!(error.failure, ProxyFailure::Tunnel(TunnelError::Eof { .. })), "{error:?}");
                assert!(told.ends_with("of an answer; check scheme, host and port in Proxy::parse"), "{told}");
            }
            for answers in wrong {
                let proxy = sending(answers, slowly);
                let (error, told) = proxy_error(connect(proxy.proxy("socks5h"), "ws://example.com/"));
                assert!(matches!(error.failure, ProxyFailure::Tunnel(TunnelError::Malformed { .. })), "{error:?}");
                assert!(told.contains("the answer is not one of a SOCKS5 proxy"), "{told}");
            }
            // What comes through the tunnel may follow at once.
            let answers: &[&[u8]] =
                &[b"\x05\0", b"\x05\0\0\x01\0\0\0\0\0\0HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"];
            let proxy = sending(answers, slowly);
            let error = connect(proxy.proxy("socks5h"), "ws://example.com/").unwrap_err();
            assert_eq!(error.status().map(|status| status.as_u16()), Some(410), "{error:?}");
        }
    });
}
