//! Through tinyproxy and squid, by `CONNECT`: with Basic and Digest authentication, and over TLS to the proxy.

use crate::common::*;
use crate::proxies::*;
use crate::talk::*;
use base64::Engine;
use landline::error::{Error, ProxyFailure};
use std::net::Ipv4Addr;

fn basic(user: &str, password: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))
}

#[test]
#[ignore = "needs .ci/install"]
fn messages_and_close_codes_pass_tinyproxy() {
    limited(|| {
        let (servers, proxy) = (Servers::start(), tinyproxy());
        servers.converse_through(&[&with_password("http", &proxy)]);
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn messages_and_close_codes_pass_squid() {
    limited(|| {
        let servers = Servers::start();
        let proxy = squid(&["basic"], &servers.certificate());
        servers.converse_through(&[&with_password("http", &proxy)]);
    });
}

/// With `wss`, this is TLS in TLS.
#[test]
#[ignore = "needs .ci/install"]
fn messages_and_close_codes_pass_squid_over_tls() {
    limited(|| {
        let servers = Servers::start();
        let proxy = squid(&["basic"], &servers.certificate());
        let url = format!("https://{USER}:{PASSWORD}@localhost:{}", proxy.port("TLS"));
        servers.converse_through(&[&url]);
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn digest_is_used_where_the_proxy_wants_it() {
    limited(|| {
        let servers = Servers::start();
        for schemes in [&["digest"][..], &["digest", "basic"]] {
            let proxy = squid(schemes, &servers.certificate());
            let url = with_password("http", &proxy);
            // More than once, because squid counts how often its nonce is used.
            for _ in 0..3 {
                talks_to(servers.open(&[&url], &servers.url()), &servers.plain);
                talks_to(servers.open(&[&url], &servers.tls_url()), &servers.tls);
            }
            if schemes.len() == 1 {
                // Squid writes a tunnel down when it ends.
                eventually("squid's log has the tunnels", || {
                    let log = proxy.file("access.log");
                    let opened = log.lines().filter(|line| line.contains(" TCP_TUNNEL/200 "));
                    opened.filter(|line| line.contains("Proxy-Authorization: Digest username=")).count() == 6
                });
            }
            let wrong = format!("http://{USER}:wrong@127.0.0.1:{}", proxy.port("PORT"));
            let (failure, told) = servers.refused(&[&wrong], &servers.url());
            assert!(is_about_credentials(&failure), "{failure:?}");
            assert_eq!(failure.status().unwrap().as_u16(), 407, "{told}");
        }
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn the_server_and_the_proxy_learn_nothing_of_each_others_credentials() {
    limited(|| {
        let servers = Servers::start();
        let (tinyproxy, squid) = (tinyproxy(), squid(&["basic"], &servers.certificate()));
        for url in [with_password("http", &tinyproxy), with_password("http", &squid)] {
            let proxy = servers.proxy(&url).header("X-For-The-Proxy", "proxy-value").unwrap();
            let options = servers.options(&[]).proxy(proxy).header("X-For-The-Server", "server-value");
            let server = servers.url().replace("ws://", "ws://walter:swordfish@");
            let seen = talks_to(options.build().unwrap().connect(&server).unwrap(), &servers.plain);
            assert_eq!(seen.header("authorization"), [format!("Basic {}", basic("walter", "swordfish"))]);
            assert_eq!(seen.header("x-for-the-server"), ["server-value"]);
            let request = format!("{:?}", seen.handshake.headers).to_lowercase();
            assert!(
                !request.contains("proxy") && !request.contains(&basic(USER, PASSWORD).to_lowercase()),
                "{request}"
            );
        }
        // Squid writes a tunnel down when it ends.
        eventually("squid's log has the tunnel", || squid.file("access.log").contains(" TCP_TUNNEL/200 "));
        let log = squid.file("access.log");
        assert!(log.contains(&basic(USER, PASSWORD)) && log.contains("X-For-The-Proxy: proxy-value"), "{log}");
        let log = log.replace("Proxy-Authorization", "");
        for of_the_server in [&basic("walter", "swordfish"), "walter", "swordfish", "server-value", "Authorization"]
        {
            assert!(!log.contains(of_the_server), "{of_the_server} in {log}");
        }
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn a_refusal_is_the_proxys_and_says_what_to_do() {
    limited(|| {
        let servers = Servers::start();
        let (tinyproxy, squid) = (tinyproxy(), squid(&["basic"], &servers.certificate()));
        let (_socket, nobody) = refusing(Ipv4Addr::LOCALHOST, 0).unwrap();
        let dead = format!("ws://server.test:{}/", nobody.port());
        let unknown = "ws://unknown.test:80/".to_owned();
        for (program, is_squid) in [(&tinyproxy, false), (&squid, true)] {
            let right = with_password("http", program);
            let wrong = right.replace(PASSWORD, "wrong");
            let none = without_password("http", program);
            // The proxy and its status, whether it is about credentials, and what is said about it.
            for (proxy, url, status, about_credentials, said) in [
                (&none, servers.url(), 407, true, "wants credentials for Basic"),
                (&none, servers.tls_url(), 407, true, "wants credentials for Basic"),
                // tinyproxy answers as if it were the server.
                (
                    &wrong,
                    servers.url(),
                    if is_squid { 407 } else { 401 },
                    true,
                    "check the proxy's user and password",
                ),
                (&right, servers.forbidden_url(), 403, false, "rules do not allow this host"),
                (&right, dead.clone(), if is_squid { 503 } else { 500 }, false, "reach the host"),
                (&right, unknown.clone(), 500, false, "reach the host"),
            ] {
                let (failure, told) = servers.refused(&[proxy], &url);
                assert_eq!(failure.status().map(|status| status.as_u16()), Some(status), "{told}");
                assert_eq!(is_about_credentials(&failure), about_credentials, "{told}: {failure:?}");
                assert_eq!(failure.proxy, none);
                let target = url.split('/').nth(2).unwrap();
                let begin =
                    format!("cannot connect to {target} through proxy {none}: the proxy refused with {status}");
                assert!(told.starts_with(&begin) && told.contains(said), "{told}: not {begin:?} with {said:?}");
            }
        }
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn a_proxy_that_is_gone_is_named() {
    limited(|| {
        let (servers, proxy) = (Servers::start(), tinyproxy());
        let url = with_password("http", &proxy);
        talks_to(servers.open(&[&url], &servers.url()), &servers.plain);
        drop(proxy);
        let (failure, told) = servers.refused(&[&url], &servers.url());
        assert!(matches!(failure.failure, ProxyFailure::Connection(Error::Connect(_))), "{failure:?}");
        assert!(told.contains("through proxy http://127.0.0.1:") && told.contains("Connection refused"), "{told}");
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn a_proxy_that_is_not_trusted_is_named_with_the_reason() {
    limited(|| {
        let servers = Servers::start();
        let (unknown, other_name) = (Ca::new().issue(&["localhost"]), servers.ca.issue(&["elsewhere.test"]));
        for (certificate, why) in [(unknown, "issuer"), (other_name, "another name than localhost")] {
            let proxy = squid(&["basic"], &certificate);
            let url = format!("https://{USER}:{PASSWORD}@localhost:{}", proxy.port("TLS"));
            for server in [servers.url(), servers.tls_url()] {
                let (failure, told) = servers.refused(&[&url], &server);
                assert!(matches!(failure.failure, ProxyFailure::Connection(Error::Tls(_))), "{failure:?}");
                assert!(told.contains("through proxy https://localhost:") && told.contains(why), "{told}");
                assert!(
                    !told.contains("server_name") && !told.contains("ca_file"),
                    "those are the server's: {told}"
                );
                assert_eq!(told.matches("if this is the right").count(), usize::from(why == "issuer"), "{told}");
            }
            let log = proxy.file("access.log");
            assert!(
                !log.contains("CONNECT") && !log.contains("Proxy-Authorization"),
                "nothing is sent to it: {log}"
            );
        }
    });
}

/// The server's own refusal and certificate are told apart from the proxy's.
#[test]
#[ignore = "needs .ci/install"]
fn what_the_server_does_wrong_is_the_servers() {
    limited(|| {
        let (servers, proxy) = (Servers::start(), tinyproxy());
        let url = with_password("http", &proxy);
        let options = || servers.options(&[&url]);
        // Trusts nobody who is there.
        let client = options().tls(Ca::new().connector()).build().unwrap();
        let error = client.connect(&servers.tls_url()).unwrap_err();
        assert!(matches!(error, Error::Tls(_)), "{error:?}");
        let full = Reporting::start(landline::Server::builder().max_connections(0));
        let error = options().build().unwrap().connect(&full.serving.url()).unwrap_err();
        assert_eq!(error.status().map(|status| status.as_u16()), Some(503), "{error:?}");
    });
}
