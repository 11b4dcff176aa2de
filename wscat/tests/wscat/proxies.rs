//! Through proxies: `--proxy`, `--noproxy`, and the environment, which `wscat` reads by default.

use crate::common::*;
use landline::Server;
use std::time::Duration;

/// Connects, and closes at once: whether it succeeded, and what it printed.
fn connect(arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
    let (status, output) = run(wscat().args(arguments).envs(environment.iter().copied()), Duration::from_secs(30));
    (status.success(), output)
}

#[track_caller]
fn succeeds(arguments: &[&str], environment: &[(&str, &str)]) {
    let (success, output) = connect(arguments, environment);
    assert!(success, "{output}");
}

#[test]
fn it_connects_through_the_proxies_that_it_is_given() {
    limited(|| {
        let (near, far) = (open_http_proxy(), socks5_proxy(Some(("me", "p:w")), |_| 0));
        let server = serve_echo(Server::builder());
        let far_url = far.url("socks5h").replace("://", "://me:p%3aw@");
        succeeds(&["--proxy", &near.url("http"), "--proxy", &far_url, &server.url()], &[]);
        assert!(near.seen()[0].starts_with(&format!("CONNECT {} ", far.addr)));
        assert_eq!(far.seen(), ["me p:w".to_owned(), server.addr.to_string()]);
        // Those of the command line take the place of the environment's, exceptions included.
        let environment = [("ws_proxy", "http://127.0.0.1:1"), ("no_proxy", "*")];
        succeeds(&["--proxy", &near.url("http"), &server.url()], &environment);
        assert_eq!(near.connections(), 2);
        succeeds(&["--proxy", &near.url("http"), "--noproxy", "127.0.0.1", &server.url()], &[]);
        assert_eq!(near.connections(), 2);
    });
}

#[test]
fn it_reads_the_environment() {
    limited(|| {
        let (proxy, server) = (open_http_proxy(), serve_echo(Server::builder()));
        let url = &*proxy.url("http");
        for (number, variable) in ["http_proxy", "ALL_PROXY"].into_iter().enumerate() {
            succeeds(&[&server.url()], &[(variable, url)]);
            assert_eq!(proxy.connections(), number + 1, "{variable}");
        }
        succeeds(&[&server.url()], &[("HTTP_PROXY", url)]);
        succeeds(&[&server.url()], &[("https_proxy", url)]);
        succeeds(&[&server.url()], &[("http_proxy", url), ("no_proxy", "127.0.0.0/8")]);
        succeeds(&["--noproxy", "*", &server.url()], &[("http_proxy", url)]);
        assert_eq!(proxy.connections(), 2);
        succeeds(&["--noproxy", "example.com", &server.url()], &[("http_proxy", url), ("no_proxy", "*")]);
        assert_eq!(proxy.connections(), 3);
    });
}

#[test]
fn it_tells_what_the_proxy_says_in_one_line() {
    limited(|| {
        let proxy = http_proxy(|_, _| Answer::Send(http_answer("403 Filtered", "", "rule 9\nsays so")));
        let (success, output) = connect(&["--proxy", &proxy.url("http"), "ws://example.com/"], &[]);
        let expected = format!(
            "error: cannot connect to example.com:80 through proxy {}: the proxy refused with 403 Filtered: its rules do \
             not allow this host or port; it says: rule 9",
            proxy.url("http")
        );
        assert_eq!((success, output.trim_end()), (false, &*expected));

        let wanted = "Proxy-Authenticate: Basic realm=x\r\n";
        let proxy = http_proxy(move |_, _| Answer::Send(http_answer("407 Wanted", wanted, "<html>")));
        let url = proxy.url("http").replace("://", "://me:hunter2@");
        for (arguments, environment) in [
            (&["--proxy", &url, "ws://example.com/"][..], &[][..]),
            (&["ws://example.com/"], &[("ws_proxy", &*url)]),
        ] {
            let (success, output) = connect(arguments, environment);
            assert!(!success && output.lines().count() == 1 && !output.contains("hunter2"), "{output}");
            let advice =
                "it wants credentials for Basic; check the proxy's user and password in --proxy or the environment";
            assert!(output.contains(advice), "{output}");
        }
        let arguments = &["--proxy", "ftp://u:hunter2@a", "ws://example.com/"];
        let (success, output) = connect(arguments, &[]);
        assert!(
            !success && output.contains("the scheme of the proxy's URL") && !output.contains("hunter2"),
            "{output}"
        );
    });
}
