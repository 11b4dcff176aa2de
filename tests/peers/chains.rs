//! Through two proxies, of which the first one connects to the second.

use crate::common::*;
use crate::proxies::*;
use crate::talk::*;

/// That squid was asked for this host and port.
fn was_asked_of_squid(log: &str, target: &str) -> bool {
    log.lines().any(|line| line.contains(" TCP_TUNNEL/200 ") && line.contains(&format!(" CONNECT {target} ")))
}

#[test]
#[ignore = "needs .ci/install"]
fn tinyproxy_leads_to_squid() {
    limited(|| {
        let servers = Servers::start();
        let (near, far) = (tinyproxy(), squid(&["digest"], &servers.certificate()));
        let chain = [with_password("http", &near), with_password("http", &far)];
        servers.converse_through(&[&chain[0], &chain[1]]);
        let log = near.file("log");
        assert!(
            log.contains(&format!("CONNECT 127.0.0.1:{} ", far.port("PORT"))) && !log.contains("server.test"),
            "{log}"
        );
        let server = servers.url().replace("ws://", "").replace('/', "");
        eventually("squid's log has the tunnel", || was_asked_of_squid(&far.file("access.log"), &server));
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn squid_leads_to_dante() {
    limited(|| {
        let servers = Servers::start();
        let (near, far) = (squid(&["basic"], &servers.certificate()), dante("username"));
        let near_url = format!("https://{USER}:{PASSWORD}@localhost:{}", near.port("TLS"));
        servers.converse_through(&[&near_url, &with_password("socks5h", &far)]);
        let target = format!("127.0.0.1:{}", far.port("PORT"));
        eventually("squid's log has the tunnel", || was_asked_of_squid(&near.file("access.log"), &target));
        assert!(!near.file("access.log").contains("server.test"));
    });
}

/// With `wss`, this is TLS in TLS in TLS.
#[test]
#[ignore = "needs .ci/install"]
fn dante_leads_to_squid_over_tls_and_that_to_itself() {
    limited(|| {
        let servers = Servers::start();
        let (near, far) = (dante("none"), squid(&["basic"], &servers.certificate()));
        let https = format!("https://{USER}:{PASSWORD}@localhost:{}", far.port("TLS"));
        let proxies = [&*without_password("socks5h", &near), &https, &https];
        talks_to(servers.open(&proxies, &servers.url()), &servers.plain);
        let mut ws = servers.open(&proxies, &servers.tls_url());
        converse(&mut ws);
        talks_to(ws, &servers.tls);
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn the_proxy_that_refuses_is_named() {
    limited(|| {
        let servers = Servers::start();
        let (near, far) = (tinyproxy(), dante("username"));
        let (near_url, far_url) = (with_password("http", &near), with_password("socks5h", &far));

        let wrong = near_url.replace(PASSWORD, "wrong");
        let (failure, told) = servers.refused(&[&wrong, &far_url], &servers.url());
        assert_eq!(failure.proxy, without_password("http", &near), "{told}");
        assert_eq!(failure.target, format!("127.0.0.1:{}", far.port("PORT")), "{told}");
        assert!(is_about_credentials(&failure), "{told}");

        let wrong = far_url.replace(PASSWORD, "wrong");
        let (failure, told) = servers.refused(&[&near_url, &wrong], &servers.url());
        assert_eq!(failure.proxy, without_password("socks5h", &far), "{told}");
        assert_eq!(failure.target, servers.url().replace("ws://", "").replace('/', ""), "{told}");
        assert!(is_about_credentials(&failure), "{told}");

        drop(far);
        let (failure, told) = servers.refused(&[&near_url, &far_url], &servers.url());
        assert_eq!(failure.proxy, without_password("http", &near), "{told}");
        assert_eq!(failure.status().map(|status| status.as_u16()), Some(500), "{told}");
    });
}
