//! Through SOCKS proxies: dante, which asks for nothing or for a user and a password; microsocks, which asks for them; and
//! `ssh -D`, which knows SOCKS4a. None of them can be made to give the replies 1, 6 and 7 of SOCKS5.

use crate::common::*;
use crate::proxies::*;
use crate::talk::*;
use landline::error::{Error, ProxyFailure};
use landline::proto::proxy::TunnelError;
use std::net::Ipv4Addr;

#[test]
#[ignore = "needs .ci/install"]
fn messages_and_close_codes_pass_dante() {
    limited(|| {
        let (servers, proxy) = (Servers::start(), dante("none"));
        servers.converse_through(&[&without_password("socks5h", &proxy)]);
        // A user and a password that nobody asks for do no harm.
        talks_to(servers.open(&[&with_password("socks5h", &proxy)], &servers.url()), &servers.plain);
        let socks4 = without_password("socks4", &proxy).replace("://", "://wanda@");
        talks_to(servers.open(&[&socks4], &servers.local_url()), &servers.plain);
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn messages_and_close_codes_pass_socks_proxies_that_ask_for_a_password() {
    limited(|| {
        let servers = Servers::start();
        for proxy in [dante("username"), microsocks()] {
            servers.converse_through(&[&with_password("socks5h", &proxy)]);
        }
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn messages_and_close_codes_pass_ssh_with_every_version_of_socks() {
    limited(|| {
        let (servers, proxy) = (Servers::start(), ssh());
        for scheme in ["socks4a", "socks5h"] {
            servers.converse_through(&[&without_password(scheme, &proxy)]);
        }
        for scheme in ["socks4", "socks5"] {
            let url = without_password(scheme, &proxy);
            talks_to(servers.open(&[&url], &servers.local_url()), &servers.plain);
        }
        let (failure, told) = servers.refused(&[&without_password("socks4a", &proxy)], "ws://unknown.test/");
        assert!(matches!(failure.failure, ProxyFailure::Tunnel(TunnelError::Eof { received: 0 })), "{told}");
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn names_are_looked_up_where_the_scheme_says() {
    limited(|| {
        let (servers, proxy) = (Servers::start(), dante("none"));
        for scheme in ["socks5", "socks4"] {
            let url = without_password(scheme, &proxy);
            let server = servers.local_url();
            talks_to(servers.open(&[&url], &server), &servers.plain);
            // Only the proxy could look this one up. It is the server whose name is not known, not the proxy.
            let error = servers.options(&[&url]).build().unwrap().connect(&servers.url()).unwrap_err();
            let Error::Connect(failure) = &error else { panic!("{error:?}") };
            assert!(failure.lookup.is_some() && failure.authority.starts_with("server.test:"), "{failure:?}");
        }
        servers.plain.saw_nothing();
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn a_refusal_of_a_socks_proxy_is_the_proxys_and_says_what_to_do() {
    limited(|| {
        let servers = Servers::start();
        let (open, closed, other) = (dante("none"), dante("username"), microsocks());
        let (_socket, nobody) = refusing(Ipv4Addr::LOCALHOST, 0).unwrap();
        let dead = format!("ws://server.test:{}/", nobody.port());
        let unknown = "ws://unknown.test:80/".to_owned();
        let v6 = "ws://[::1]:80/".to_owned();

        let none = without_password("socks5h", &open);
        for (url, reply, said) in [
            (servers.forbidden_url(), 2, "rules do not allow this host"),
            (unknown, 4, "unreachable"),
            (dead.clone(), 5, "refuses the connection"),
            (v6, 8, "type of address"),
        ] {
            let (failure, told) = servers.refused(&[&none], &url);
            let ProxyFailure::Tunnel(TunnelError::Socks5(code)) = failure.failure else { panic!("{failure:?}") };
            assert_eq!(code, reply, "{told}");
            assert!(told.contains(&format!("SOCKS5 reply {reply}: ")) && told.contains(said), "{told}");
        }
        // What this one is told by the system if it is to connect to a broadcast address.
        let (failure, told) = servers.refused(&[&with_password("socks5h", &other)], "ws://127.255.255.255:9/");
        assert!(matches!(failure.failure, ProxyFailure::Tunnel(TunnelError::Socks5(3))), "{told}");
        assert!(told.contains("SOCKS5 reply 3: "), "{told}");
        // Dante knows SOCKS4, but not the names of SOCKS4a: it takes them for the address 0.0.0.1.
        let dead = dead.replace("server.test", "localhost");
        for (scheme, url) in [("socks4", dead), ("socks4a", servers.url())] {
            let (failure, told) = servers.refused(&[&without_password(scheme, &open)], &url);
            assert!(
                matches!(failure.failure, ProxyFailure::Tunnel(TunnelError::Socks4(91))),
                "{told}: {failure:?}"
            );
        }

        for proxy in [&closed, &other] {
            let (failure, told) = servers.refused(&[&without_password("socks5h", proxy)], &servers.url());
            assert!(is_about_credentials(&failure) && told.contains("wants a user and a password"), "{told}");
            let wrong = with_password("socks5h", proxy).replace(PASSWORD, "wrong");
            let (failure, told) = servers.refused(&[&wrong], &servers.url());
            assert!(
                matches!(failure.failure, ProxyFailure::Credentials(TunnelError::WrongPassword)),
                "{failure:?}"
            );
            assert!(told.contains("does not accept the user and password"), "{told}");
        }
    });
}
