//! Users and passwords for proxies.

use super::*;
use md5::{Digest as _, Md5};

const CHALLENGE: &str = "Proxy-Authenticate: Digest realm=\"a proxy\", nonce=\"n1\", qop=\"auth\"\r\n\
    Proxy-Authenticate: Basic realm=\"a proxy\"\r\n";
const WANTED: &str = "407 Proxy Authentication Required";

fn authorization(head: &str) -> Option<&str> {
    header(head, "proxy-authorization")
}

/// A parameter of a Digest answer.
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let parameters = value.strip_prefix("Digest ")?.split(", ");
    let mut found = parameters.filter_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('='));
    found.next().map(|value| value.trim_matches('"'))
}

/// Whether it is the Digest answer of user `me` with password `p:w` to this nonce.
fn is_digest(head: &str, nonce: &str) -> bool {
    let Some(value) = authorization(head).filter(|value| parameter(value, "nonce") == Some(nonce)) else {
        return false;
    };
    let hash = |text: String| Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let target = head.split(' ').nth(1).unwrap();
    let (nc, cnonce) = (parameter(value, "nc").unwrap(), parameter(value, "cnonce").unwrap());
    let (key, request) = (hash("me:a proxy:p:w".into()), hash(format!("CONNECT:{target}")));
    assert_eq!(parameter(value, "uri"), Some(target));
    parameter(value, "response") == Some(&hash(format!("{key}:{nonce}:{nc}:{cnonce}:auth:{request}")))
}

fn with_user(proxy: &TestProxy) -> Proxy {
    Proxy::parse(&proxy.url("http").replace("://", "://me:p%3aw@")).unwrap()
}

#[test]
fn basic_is_sent_with_the_first_request_and_to_the_proxy_only() {
    limited(|| {
        let proxy = open_http_proxy();
        let (url, server) = head_of_request();
        drop(connect(with_user(&proxy), &url.replace("ws://", "ws://you:hunter2@")).unwrap());
        let (seen, head) = (proxy.seen(), server.join());
        assert_eq!(seen.len(), 1);
        assert_eq!(authorization(&seen[0]), Some("Basic bWU6cDp3"));
        assert_eq!(header(&seen[0], "authorization"), None);
        assert_eq!(authorization(&head), None);
        assert_eq!(header(&head, "authorization"), Some("Basic eW91Omh1bnRlcjI="));
    });
}

#[test]
fn a_407_is_answered_by_digest_over_the_same_connection_if_it_stays_open() {
    limited(|| {
        let server = serve_echo(Server::builder());
        for (headers, body, connections) in [
            ("", "", 1),
            ("", "no", 1),
            ("Connection: keep-alive\r\n", "no", 1),
            ("Connection: close\r\n", "no", 2),
            ("Proxy-Connection: close\r\n", "", 2),
        ] {
            let proxy = http_proxy(move |head, _| {
                let answer = http_answer(WANTED, &format!("{CHALLENGE}{headers}"), body);
                match is_digest(head, "n1") {
                    true => Answer::Open,
                    false if headers.contains("close") => Answer::End(answer),
                    false => Answer::Send(answer),
                }
            });
            echoes(connect(with_user(&proxy), &server.url()).unwrap());
            assert_eq!((proxy.connections(), proxy.seen().len()), (connections, 2), "{headers:?}");
        }
    });
}

#[test]
fn a_connection_that_closes_although_it_was_to_stay_open_is_replaced() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let proxy = http_proxy(|head, _| match is_digest(head, "n1") {
            true => Answer::Open,
            false => Answer::End(http_answer(WANTED, CHALLENGE, "")),
        });
        echoes(connect(with_user(&proxy), &server.url()).unwrap());
        assert_eq!(proxy.connections(), 2);
    });
}

/// The count in the Digest answer to a nonce.
fn nonce_count(head: &str) -> Option<&str> {
    assert!(is_digest(head, "n1"), "{head}");
    parameter(authorization(head)?, "nc")
}

#[test]
fn a_request_that_got_no_answer_is_made_again_with_the_next_count() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let proxy = http_proxy(|head, number| match number {
            1 => Answer::Send(http_answer(WANTED, CHALLENGE, "")),
            2 => Answer::End(String::new()),
            _ if nonce_count(head) == Some("00000002") => Answer::Open,
            _ => Answer::End(http_answer("403 Forbidden", "", "")),
        });
        echoes(connect(with_user(&proxy), &server.url()).unwrap());
        assert_eq!(nonce_count(&proxy.seen()[1]), Some("00000001"));
        assert_eq!(proxy.connections(), 2);
    });
}

#[test]
fn a_nonce_that_comes_again_is_answered_with_the_next_count() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let stale = CHALLENGE.replace("qop", "stale=true, qop");
        let proxy = http_proxy(move |head, number| match number {
            1 => Answer::Send(http_answer(WANTED, CHALLENGE, "")),
            2 => Answer::Send(http_answer(WANTED, &stale, "")),
            _ if nonce_count(head) == Some("00000002") => Answer::Open,
            _ => Answer::End(http_answer("403 Forbidden", "", "")),
        });
        echoes(connect(with_user(&proxy), &server.url()).unwrap());
    });
}

#[test]
fn a_nonce_out_of_date_is_replaced_once() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let stale = CHALLENGE.replace("n1", "n2").replace("qop", "stale=true, qop");
        let proxy = http_proxy(move |head, number| match number {
            1 => Answer::Send(http_answer(WANTED, CHALLENGE, "")),
            2 => Answer::Send(http_answer(WANTED, &stale, "")),
            _ if is_digest(head, "n2") => Answer::Open,
            _ => Answer::End(http_answer("403 Forbidden", "", "")),
        });
        echoes(connect(with_user(&proxy), &server.url()).unwrap());
        assert_eq!(proxy.seen().len(), 3);
    });
}

#[test]
fn a_407_without_end_is_given_up() {
    limited(|| {
        // Each nonce is said to be out of date; each connection ends.
        let proxy = http_proxy(|_, number| {
            let challenge = CHALLENGE.replace("n1", &format!("n{number}")).replace("qop", "stale=true, qop");
            Answer::End(http_answer(WANTED, &format!("{challenge}Connection: close\r\n"), ""))
        });
        let (error, told) = proxy_error(connect(with_user(&proxy), "ws://example.com/"));
        assert!(matches!(error.failure, ProxyFailure::Credentials(_)), "{error:?}");
        assert_eq!(proxy.seen().len(), 6, "{told}");
    });
}

#[test]
fn wrong_missing_and_unknown_credentials_are_told_apart_from_the_servers() {
    limited(|| {
        let refusing = |challenge: &'static str| {
            http_proxy(move |_, _| Answer::Send(http_answer(WANTED, challenge, "<html>log in</html>")))
        };
        let proxy = refusing(CHALLENGE);
        for (given, requests) in [(proxy.proxy("http"), 1), (with_user(&proxy), 2)] {
            let before = proxy.seen().len();
            let result = connect(given, "ws://user:hunter2@example.com/");
            assert_eq!(result.as_ref().unwrap_err().fault(), Fault::Caller);
            let (error, told) = proxy_error(result);
            assert_eq!(error.status().unwrap().as_u16(), 407);
            assert_eq!(error.refusal().unwrap().body, b"<html>log in</html>");
            assert_eq!(
                told,
                format!(
                    "cannot connect to example.com:80 through proxy http://{}: the proxy refused with 407 Proxy \
                     Authentication Required: it wants credentials for Digest, Basic; check the proxy's user and \
                     password in Proxy::auth",
                    proxy.addr
                )
            );
            assert!(!format!("{error:?}").contains("hunter2"));
            assert_eq!(proxy.seen().len() - before, requests);
        }
        // Basic was sent already: it is not sent again for those who ask again.
        let proxy = refusing("Proxy-Authenticate: Basic realm=x\r\n");
        proxy_error(connect(with_user(&proxy), "ws://example.com/"));
        assert_eq!(proxy.seen().len(), 1);
        let proxy = refusing("Proxy-Authenticate: Negotiate, NTLM\r\n");
        let (_, told) = proxy_error(connect(with_user(&proxy), "ws://example.com/"));
        assert!(told.contains("it wants credentials for Negotiate, NTLM"), "{told}");
    });
}

#[test]
fn a_program_answers_what_the_library_cannot() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let negotiating = || {
            http_proxy(|head, number| match (number, authorization(head)) {
                (1, None | Some("Basic bWU6cDp3")) => {
                    let challenge = "Proxy-Authenticate: Negotiate\r\nX-Hint: h\r\n";
                    Answer::Send(http_answer(WANTED, challenge, ""))
                }
                (2, Some("Negotiate one")) => {
                    Answer::Send(http_answer(WANTED, "Proxy-Authenticate: Negotiate Mg==\r\n", ""))
                }
                (3, Some("Negotiate two")) => Answer::Open,
                (_, other) => Answer::End(http_answer("500 Wrong", "", &format!("{other:?}"))),
            })
        };
        for with_password in [false, true] {
            let proxy = negotiating();
            let given = if with_password { with_user(&proxy) } else { proxy.proxy("http") };
            let (url, target) = (proxy.url("http"), server.addr.to_string());
            let client = through(given).on_challenge(move |request| {
                assert_eq!((request.status.as_u16(), request.method), (407, "CONNECT"));
                assert_eq!((request.url, request.target), (&*url, &*target));
                match request.challenges[0].token() {
                    None => (request.headers["x-hint"] == "h").then(|| "Negotiate one".to_owned()),
                    Some(token) => (token == "Mg==").then(|| "Negotiate two".to_owned()),
                }
            });
            echoes(client.build().unwrap().connect(&server.url()).unwrap());
            assert_eq!(proxy.connections(), 1);
        }
        let proxy = http_proxy(|_, _| Answer::Send(http_answer(WANTED, "Proxy-Authenticate: X\r\n", "")));
        let client = through(proxy.proxy("http")).on_challenge(|_| Some("X y".to_owned())).build().unwrap();
        proxy_error(client.connect("ws://example.com/"));
        assert_eq!(proxy.seen().len(), 6, "no more than 5 answers");
        let client = through(proxy.proxy("http")).on_challenge(|_| Some("a\r\nb: c".to_owned())).build().unwrap();
        let error = client.connect("ws://example.com/").unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error:?}");
        assert_eq!(proxy.seen().len(), 7);
    });
}

#[test]
fn an_answer_takes_the_place_of_a_header_with_the_same_name() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let proxy = http_proxy(|head, _| match authorization(head) {
            Some("Token fresh") => Answer::Open,
            _ => Answer::Send(http_answer(WANTED, "Proxy-Authenticate: Token\r\n", "")),
        });
        let given = proxy.proxy("http").header("Proxy-Authorization", "Token old").unwrap();
        let given = given.header("X-Job", "7").unwrap();
        let client = through(given).on_challenge(|_| Some("Token fresh".to_owned())).build().unwrap();
        echoes(client.connect(&server.url()).unwrap());
        let sent: Vec<_> = proxy.seen().iter().map(|head| authorization(head).map(str::to_owned)).collect();
        assert_eq!(sent, [Some("Token old".to_owned()), Some("Token fresh".to_owned())]);
        assert!(proxy.seen().iter().all(|head| header(head, "x-job") == Some("7")));
    });
}

#[test]
fn a_tunnel_that_begins_anew_is_asked_for_with_the_next_count() {
    limited(|| {
        let server = serve_echo(Server::builder());
        // Takes no count twice.
        let near = http_proxy(|head, number| match number {
            1 => Answer::Send(http_answer(WANTED, CHALLENGE, "")),
            _ if nonce_count(head) == Some(&format!("{:08x}", number - 1)) => Answer::Open,
            _ => Answer::End(http_answer("403 Forbidden", "", "")),
        });
        let far = http_proxy(|head, _| match is_digest(head, "n1") {
            true => Answer::Open,
            false => Answer::End(http_answer(WANTED, &format!("{CHALLENGE}Connection: close\r\n"), "")),
        });
        echoes(connect([with_user(&near), with_user(&far)], &server.url()).unwrap());
        assert_eq!((near.seen().len(), far.seen().len()), (3, 2));
    });
}

#[test]
fn each_proxy_of_a_chain_gets_its_own_credentials() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let near = open_http_proxy();
        let far = http_proxy(|head, _| match is_digest(head, "n1") {
            true => Answer::Open,
            false => Answer::End(http_answer(WANTED, &format!("{CHALLENGE}Connection: close\r\n"), "")),
        });
        let chain = [near.proxy("http").auth("near", "n").unwrap(), with_user(&far)];
        echoes(connect(chain, &server.url()).unwrap());
        // The far one wanted another connection, which goes through the near one.
        let near: Vec<_> = near.seen().iter().map(|head| authorization(head).map(str::to_owned)).collect();
        assert_eq!(near, vec![Some("Basic bmVhcjpu".to_owned()); 2]);
        assert_eq!(far.seen().len(), 2);
    });
}
