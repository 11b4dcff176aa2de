//! HTTP proxies that refuse, cannot be reached, are no proxies, or say nothing.

use super::*;

#[test]
fn refusals_are_the_proxys_with_status_reason_and_body() {
    limited(|| {
        for (status, words) in [
            ("403 Filtered", "its rules do not allow this host or port"),
            ("405 Method Not Allowed", "it may not be a proxy, or does not support CONNECT"),
            ("502 Bad Gateway", "it cannot reach the host"),
        ] {
            let proxy = http_proxy(move |_, _| Answer::Send(http_answer(status, "X-Why: rule 9\r\n", "because")));
            let result = connect(proxy.proxy("http"), "ws://example.com/");
            assert_eq!(result.as_ref().unwrap_err().fault(), Fault::Network);
            let (error, told) = proxy_error(result);
            let expected = "cannot connect to example.com:80 through proxy http://";
            assert_eq!(told, format!("{expected}{}: the proxy refused with {status}: {words}", proxy.addr));
            let refusal = error.refusal().unwrap();
            assert_eq!((refusal.headers["x-why"].to_str().unwrap(), &*refusal.body), ("rule 9", &b"because"[..]));
            assert_eq!(error.status().unwrap().as_str(), &status[..3]);
        }
    });
}

#[test]
fn an_answer_without_end_is_cut() {
    limited(|| {
        let endless = |start: &'static str, more: &'static [u8]| {
            proxy(move |mut stream, _| {
                stream.write_all(start.as_bytes())?;
                loop {
                    stream.write_all(more)?;
                }
            })
        };
        for start in ["HTTP/1.1 200 ", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 407 X\r\nX: "] {
            let proxy = endless(start, b"xxxxxxxxxxxxxxxx");
            let (error, _) = proxy_error(connect(proxy.proxy("http"), "ws://example.com/"));
            assert!(matches!(error.failure, ProxyFailure::Tunnel(TunnelError::TooLarge { .. })), "{error:?}");
        }
        let proxy = endless("HTTP/1.1 100 X\r\n\r\n", b"HTTP/1.1 100 X\r\n\r\n");
        let (error, _) = proxy_error(connect(proxy.proxy("http"), "ws://example.com/"));
        assert!(matches!(error.failure, ProxyFailure::Tunnel(TunnelError::TooManyInterim)), "{error:?}");
        let proxy = endless("HTTP/1.1 403 X\r\n\r\n", b"xxxxxxxxxxxxxxxx");
        let limits = landline::proto::handshake::HeadLimits::default().max_refusal_body(1000);
        let client = through(proxy.proxy("http")).head_limits(limits).build().unwrap();
        let (error, _) = proxy_error(client.connect("ws://example.com/"));
        let refusal = error.refusal().unwrap();
        assert_eq!((refusal.body.len(), refusal.body_truncated), (1000, true));
    });
}

#[test]
fn a_refusal_is_not_delayed_by_a_body_without_end() {
    limited(|| {
        for head in ["", "Content-Length: 100\r\n"] {
            let proxy = http_proxy(move |_, _| Answer::Send(format!("HTTP/1.1 403 No\r\n{head}\r\nbecause")));
            let (took, result) = timed(|| connect(proxy.proxy("http"), "ws://example.com/"));
            let (error, _) = proxy_error(result);
            let refusal = error.refusal().unwrap();
            assert_eq!(
                (refusal.status.as_u16(), &*refusal.body, refusal.body_truncated),
                (403, &b"because"[..], true)
            );
            assert!(took < Duration::from_secs(5), "{took:?}");
        }
    });
}

#[test]
fn a_challenge_with_a_body_without_end_is_answered_over_another_connection() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let challenge = "HTTP/1.1 407 Wanted\r\nProxy-Authenticate: Token\r\n\r\nplease";
        let proxy = http_proxy(move |head, _| match header(head, "proxy-authorization") {
            Some("Token t") => Answer::Open,
            _ => Answer::Send(challenge.to_owned()),
        });
        let client = through(proxy.proxy("http")).on_challenge(|_| Some("Token t".to_owned())).build().unwrap();
        let (took, result) = timed(|| client.connect(&server.url()));
        echoes(result.unwrap());
        assert!(proxy.connections() == 2 && took < Duration::from_secs(5), "{took:?}");
    });
}

#[test]
fn a_proxy_that_cannot_be_reached_is_not_a_server_that_cannot() {
    limited(|| {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for scheme in ["http", "https", "socks5h", "socks4a"] {
            let url = format!("{scheme}://me:hunter2@{closed}").replace("socks4a://me:hunter2@", "socks4a://");
            let result = connect(Proxy::parse(&url).unwrap(), "wss://example.com/");
            assert_eq!(result.as_ref().unwrap_err().fault(), Fault::Network);
            let (error, told) = proxy_error(result);
            assert!(matches!(error.failure, ProxyFailure::Connection(Error::Connect(_))), "{error:?}");
            let expected = format!(
                "cannot connect to example.com:443 through proxy {scheme}://{closed}: cannot connect to {closed}: \
                 Connection refused"
            );
            assert!(told.starts_with(&expected) && !told.contains("hunter2"), "{told}");
        }
        let unknown = Proxy::parse(&format!("http://{}.invalid", "a".repeat(70))).unwrap();
        let (error, told) = proxy_error(connect(unknown, "ws://example.com/"));
        assert!(
            matches!(&error.failure, ProxyFailure::Connection(Error::Connect(of)) if of.lookup.is_some()),
            "{told}"
        );
    });
}

#[test]
fn a_look_up_of_the_next_proxy_that_fails_is_the_proxys() {
    limited(|| {
        let near = socks5_proxy(None, |_| 0);
        let chain = || [near.proxy("socks5"), Proxy::parse("http://far.example:3128").unwrap()];
        let unknown = |_: &str, _: u16| Err(std::io::Error::other("no such host"));
        let client = through(chain()).resolver(unknown).build().unwrap();
        let (error, told) = proxy_error(client.connect("ws://example.com/"));
        assert!(
            matches!(&error.failure, ProxyFailure::Connection(Error::Connect(of)) if of.lookup.is_some()),
            "{told}"
        );
        assert_eq!(
            told,
            "cannot connect to example.com:80 through proxy http://far.example:3128: cannot connect to \
             far.example:3128: looking up the name failed: no such host"
        );

        let (held, hold) = std::sync::mpsc::channel::<()>();
        let hold = std::sync::Mutex::new(hold);
        let hanging = move |_: &str, _: u16| {
            let _ = hold.lock().unwrap().recv();
            Ok(Vec::new())
        };
        let client = through(chain()).resolver(hanging).handshake_timeout(Some(Duration::from_millis(200)));
        let error = client.build().unwrap().connect("ws://example.com/").unwrap_err();
        assert!(is_timeout_of(&error, Phase::Proxy), "{error:?}");
        drop(held);
        assert_eq!(near.connections(), 0, "no proxy has to wait for a look-up");
    });
}

#[test]
fn what_is_no_proxy_is_told() {
    limited(|| {
        let websocket = serve_echo(Server::builder());
        let no_proxy = Proxy::parse(&format!("http://{}", websocket.addr)).unwrap();
        let (error, told) = proxy_error(connect(no_proxy, "ws://example.com/"));
        assert!(error.status().is_some() && told.contains("does not support CONNECT"), "{told}");

        for (sent, expected) in [
            (&b"SSH-2.0-OpenSSH_9\r\n\r\n"[..], "the answer is not one of an HTTP proxy"),
            (b"\x15\x03\x03\0\x02\x02\x46", "speaks TLS"),
            (b"", "closed the connection after 0 bytes"),
        ] {
            let proxy = proxy(move |mut stream, _| {
                stream.write_all(sent)?;
                stream.shutdown(std::net::Shutdown::Write)?;
                stream.read_to_end(&mut Vec::new()).map(drop)
            });
            let error = connect(proxy.proxy("http"), "ws://example.com/").unwrap_err();
            assert_eq!(error.setting(), Some(Setting::Proxy));
            let told = error.report(|_| Some("--proxy")).to_string();
            assert!(
                told.contains(expected) && told.ends_with("; check scheme, host and port in --proxy"),
                "{told}"
            );
        }
    });
}

#[test]
fn a_silent_proxy_runs_into_the_one_time_limit_and_can_be_interrupted() {
    limited(|| {
        let silent = || proxy(|mut stream, _| stream.read_to_end(&mut Vec::new()).map(drop));
        let (silent, opening) = (silent(), open_http_proxy());
        let limit = Duration::from_millis(200);
        let chains = [
            vec![silent.proxy("http")],
            vec![silent.proxy("https")],
            vec![silent.proxy("socks5")],
            vec![silent.proxy("socks4a")],
            vec![opening.proxy("http"), silent.proxy("socks5h")],
        ];
        for chain in chains {
            let client = through(chain.clone()).handshake_timeout(Some(limit)).build().unwrap();
            let (took, result) = timed(|| client.connect("ws://127.0.0.1:1/"));
            let error = result.unwrap_err();
            assert!(is_timeout_of(&error, Phase::Proxy) && error.is_fatal(), "{chain:?}: {error:?}");
            let silent = chain.last().unwrap();
            assert_eq!(error.to_string(), format!("timed out while connecting through proxy {silent}"));
            assert!(took >= limit - Duration::from_millis(10) && took < 20 * limit, "{took:?}");

            let interrupter = Interrupter::new().unwrap();
            let client = through(chain).interrupter(interrupter.clone()).build().unwrap();
            let connecting = sleeper(move || client.connect("ws://127.0.0.1:1/"));
            connecting.until_asleep();
            interrupter.interrupt();
            let error = connecting.join().unwrap_err();
            assert!(matches!(&error, Error::Interrupted(of) if of.phase == Phase::Proxy), "{error:?}");
        }
        // A silent server behind a proxy is the server's.
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = through(opening.proxy("http")).handshake_timeout(Some(limit)).build().unwrap();
        let error = client.connect(&format!("ws://{}/", server.local_addr().unwrap())).unwrap_err();
        assert!(is_timeout_of(&error, Phase::Handshake), "{error:?}");
    });
}

#[test]
fn a_refusal_with_a_slow_body_is_still_a_refusal() {
    limited(|| {
        let proxy = http_proxy(|_, _| Answer::Send("HTTP/1.1 403 X\r\nContent-Length: 9\r\n\r\nabc".into()));
        let client = through(proxy.proxy("http")).handshake_timeout(Some(Duration::from_millis(300)));
        let (error, _) = proxy_error(client.build().unwrap().connect("ws://example.com/"));
        assert_eq!(error.refusal().unwrap().body, b"abc");
    });
}

fn is_timeout_of(error: &Error, phase: Phase) -> bool {
    matches!(error, Error::Timeout(timeout) if timeout.phase == phase)
}
