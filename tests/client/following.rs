//! Redirects: which are followed, where to, what goes along, and how they end.

use super::*;
use landline::error::{RedirectError, RedirectFault, UrlError};
use landline::transport::TlsConnector;

fn following(max: usize) -> Client {
    builder().max_redirects(max).handshake_timeout(Some(20 * SECOND)).build().unwrap()
}

/// Redirects everything but `/end`, where the connection is opened, to this location.
fn redirecting(status: u16, location: &'static str) -> Web {
    web(move |head| if target(head) == "/end" { Ok(String::new()) } else { redirect(status, location) })
}

fn redirect_error(client: &Client, url: &str) -> RedirectError {
    match client.connect(url).unwrap_err() {
        Error::Redirect(error) => (*error).clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn redirects_are_followed_if_allowed_and_the_last_url_is_known() {
    limited(|| {
        for status in [301, 302, 303, 307, 308] {
            let server = redirecting(status, "end");
            let ws = following(1).connect(&server.url("/begin?a=b")).unwrap();
            assert_eq!(ws.handshake().url, Some(server.url("/end")));
            assert_eq!(ws.handshake().target, "/end");
            assert_eq!(
                server.heads().iter().map(|head| target(head).to_owned()).collect::<Vec<_>>(),
                ["/begin?a=b", "/end"]
            );
            assert!(server.heads().iter().all(|head| head.starts_with("GET ")));
            // The server keeps the connection open.
            assert_eq!(server.connections(), [0, 0]);
        }
        let server = serve_echo(Server::builder());
        let ws = landline::connect(&format!("ws://u:p@{}/a?b", server.addr)).unwrap();
        assert_eq!(ws.handshake().url, Some(format!("ws://{}/a?b", server.addr)));
    });
}

#[test]
fn other_answers_are_not_taken_for_redirects() {
    limited(|| {
        for (status, headers) in [
            (300, "Location: /end\r\n"),
            (304, "Location: /end\r\n"),
            (305, "Location: /end\r\n"),
            (306, "Location: /end\r\n"),
            (200, "Location: /end\r\n"),
            (404, "Location: /end\r\n"),
            (301, ""),
        ] {
            let server = web(move |_| respond(status, headers));
            let error = following(5).connect(&server.url("/")).unwrap_err();
            assert!(matches!(error, Error::Handshake(_)), "{error}");
            assert_eq!(error.status().unwrap().as_u16(), status);
            assert_eq!(server.heads().len(), 1);
        }
    });
}

#[test]
fn a_redirect_without_a_location_says_that_it_has_none() {
    limited(|| {
        let server = web(|_| respond(302, ""));
        let error = following(5).connect(&server.url("/")).unwrap_err();
        let expected = "the server refused the handshake with 302 Found: it redirects without saying where to";
        assert_eq!(error.to_string(), expected);
    });
}

#[test]
fn a_redirect_that_is_not_followed_says_where_to_and_what_allows_it() {
    limited(|| {
        let server = redirecting(301, "wss://u:hunter2@b.example.com/c?d");
        let error = Client::default().connect(&server.url("/")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the server refused the handshake with 301 Moved Permanently: it redirects to wss://b.example.com/c?d; \
             follow it with max_redirects"
        );
        assert_eq!(server.heads().len(), 1);
    });
}

#[test]
fn a_new_connection_is_opened_if_the_server_ends_the_one_that_redirects() {
    limited(|| {
        let answers = [
            "HTTP/1.1 301 Moved\r\nLocation: /end\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 301 Moved\r\nLocation: /end\r\nContent-Length: 2\r\n\r\nxyz",
            "HTTP/1.0 301 Moved\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n",
        ];
        for answer in answers {
            let server =
                web(move |head| if target(head) == "/end" { Ok(String::new()) } else { Err(answer.into()) });
            following(1).connect(&server.url("/")).unwrap();
            assert_eq!(server.connections(), [0, 1], "{answer}");
        }
        // It seems to keep the connection open, and then does not.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = sleeper(move || {
            let mut raw = Raw::over(listener.accept().unwrap().0);
            raw.head();
            raw.send("HTTP/1.1 301 Moved\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n");
            raw.head();
            drop(raw);
            Raw::over(listener.accept().unwrap().0).accept()
        });
        following(1).connect(&url(addr)).unwrap();
        assert!(server.join().starts_with("GET /end "));
    });
}

#[test]
fn redirects_end_at_the_limit_with_all_hops_in_the_error() {
    limited(|| {
        let server = web(|head| {
            let number: u32 = target(head)[1..].parse().unwrap();
            if number == 6 { Ok(String::new()) } else { redirect(302, &format!("/{}", number + 1)) }
        });
        assert!(following(6).connect(&server.url("/0")).is_ok());
        let error = redirect_error(&following(5), &server.url("/0"));
        assert_eq!(error.fault, RedirectFault::TooMany { limit: 5 });
        let hops: Vec<_> = (0..6).map(|number| server.url(&format!("/{number}"))).collect();
        assert_eq!(error.hops, hops);
        let error = Error::from(error);
        assert_eq!(
            error.to_string(),
            format!("more than 5 redirects: from {} to /6; allow more with max_redirects", hops.join(" to "))
        );
        assert_eq!(error.status(), Some(StatusCode::FOUND));
        // In a circle.
        let server = redirecting(301, "/begin");
        let error = redirect_error(&following(1000), &server.url("/begin"));
        assert_eq!((error.fault.clone(), error.hops.len()), (RedirectFault::TooMany { limit: 1000 }, 1001));
        assert!(error.to_string().len() < 1000, "{error}");
    });
}

#[test]
fn wss_never_leads_to_ws() {
    limited(|| {
        for location in ["ws://127.0.0.1:1/", "http://127.0.0.1:1/a"] {
            let certificate = self_signed(&["localhost"]);
            let server = Server::builder().tls(certificate.identity()).listen("127.0.0.1:0").unwrap();
            let port = server.local_addr().unwrap().port();
            let refusing = sleeper(move || {
                let headers = landline::Headers::new().with("Location", location).unwrap();
                server.accept().unwrap().reject(StatusCode::FOUND, headers, "").map(drop)
            });
            let tls = TlsConnector::builder().ca_pem(certificate.cert.as_bytes()).build().unwrap();
            let client = builder().max_redirects(5).tls(tls).build().unwrap();
            let error = redirect_error(&client, &format!("wss://localhost:{port}/"));
            assert_eq!(error.fault, RedirectFault::LosesTls);
            assert!(error.to_string().contains(location), "{error}");
            let _ = refusing.join();
        }
    });
}

#[test]
fn redirects_to_what_is_no_websocket_are_not_followed() {
    limited(|| {
        for (location, fault) in [
            ("ftp://127.0.0.1/", UrlError::UnsupportedScheme),
            ("file:///etc/passwd", UrlError::UnsupportedScheme),
            ("http:///end", UrlError::EmptyHost),
            ("http://u:%ff@127.0.0.1/", UrlError::InvalidUser),
            ("http://a%3ab:c@127.0.0.1/", UrlError::InvalidUser),
            ("/a b", UrlError::ForbiddenCharacter(' ')),
        ] {
            let server = redirecting(301, location);
            let error = redirect_error(&following(5), &server.url("/"));
            assert_eq!(error.fault, RedirectFault::Location(fault), "{location}");
            assert_eq!(server.heads().len(), 1);
        }
    });
}

/// What is sent to an origin, apart from what is in every request.
fn sent(head: &str) -> Vec<String> {
    let names = ["host", "authorization", "cookie", "x-custom", "origin"];
    names
        .iter()
        .filter_map(|name| header(head, name).map(|value| format!("{name}: {value}")))
        .filter(|line| !line.starts_with("host: 127.0.0.1"))
        .collect()
}

#[test]
fn what_is_meant_for_one_origin_goes_to_no_other() {
    limited(|| {
        let target_of = web(|_| Ok(String::new()));
        let there = target_of.url("/end");
        let server = web(move |head| match target(head) {
            "/begin" => redirect(302, "/same"),
            _ => redirect(302, &there),
        });
        let builder =
            || builder().max_redirects(2).host("virtual.example").header("X-Custom", "1").origin("http://o");
        let cases = [
            (builder().auth("u", "p"), "", vec!["authorization: Basic dTpw"]),
            (builder(), "u:p@", vec!["authorization: Basic dTpw"]),
            (builder().bearer(|| Ok("6f2a".into())), "", vec!["authorization: Bearer 6f2a"]),
            (
                builder().header("authorization", "A").header("Cookie", "a=b"),
                "",
                vec!["authorization: A", "cookie: a=b"],
            ),
        ];
        let count = cases.len();
        for (index, (builder, user, secrets)) in cases.into_iter().enumerate() {
            let client = builder.build().unwrap();
            let ws = client.connect(&server.url("/begin").replace("//", &format!("//{user}"))).unwrap();
            assert_eq!(ws.handshake().url, Some(target_of.url("/end")));
            let heads = server.heads();
            assert_eq!(heads.len(), 2 * (index + 1));
            let all = [vec!["host: virtual.example"], secrets, vec!["x-custom: 1", "origin: http://o"]].concat();
            // The same origin gets them again.
            assert_eq!(sent(&heads[2 * index]), all);
            assert_eq!(sent(&heads[2 * index + 1]), all);
        }
        let heads = target_of.heads();
        assert_eq!(heads.len(), count);
        for head in heads {
            assert_eq!(sent(&head), ["x-custom: 1", "origin: http://o"]);
            assert_eq!(header(&head, "host"), Some(&*target_of.addr.to_string()));
        }
    });
}

#[test]
fn an_origin_that_is_come_back_to_gets_nothing_again() {
    limited(|| {
        let home = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
        let back = std::sync::Arc::clone(&home);
        let other = web(move |_| redirect(302, back.get().unwrap()));
        let away = other.url("/");
        let server = web(move |head| if target(head) == "/end" { Ok(String::new()) } else { redirect(302, &away) });
        home.set(server.url("/end")).unwrap();
        let client = builder().max_redirects(5).auth("u", "p").host("virtual.example").build().unwrap();
        client.connect(&server.url("/")).unwrap();
        assert_eq!(sent(&server.heads()[0]), ["host: virtual.example", "authorization: Basic dTpw"]);
        assert!(sent(&server.heads()[1]).is_empty());
    });
}

#[test]
fn the_name_for_tls_is_that_of_the_first_origin() {
    limited(|| {
        let ca = Ca::new();
        let listen = |name: &str| {
            let listener = Server::builder().tls(ca.issue(&[name]).identity()).listen("127.0.0.1:0").unwrap();
            let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
            (listener, url)
        };
        let ((first, url), (second, there)) = (listen("inner.example"), listen("localhost"));
        let headers = landline::Headers::new().with("Location", &*there).unwrap();
        let redirecting = sleeper(move || first.accept().unwrap().reject(StatusCode::FOUND, headers, "").map(drop));
        let accepting = sleeper(move || second.accept().unwrap().accept().map(drop));
        let tls = TlsConnector::builder().server_name("inner.example").platform_roots(false);
        let tls = tls.ca_pem(ca.pem().as_bytes()).build().unwrap();
        let ws = builder().max_redirects(1).tls(tls).build().unwrap().connect(&url).unwrap();
        assert_eq!(ws.handshake().url, Some(there));
        let _ = redirecting.join();
        accepting.join().unwrap();
    });
}

#[test]
fn addresses_that_were_given_are_those_of_the_first_origin() {
    limited(|| {
        let other = web(|_| Ok(String::new()));
        let there = other.url("/end");
        let server =
            web(move |head| if target(head) == "/" { redirect(302, "/same") } else { redirect(302, &there) });
        let client = builder().max_redirects(2).addresses([server.addr]).build().unwrap();
        let ws = client.connect("ws://name.invalid/").unwrap();
        assert_eq!(ws.handshake().url, Some(other.url("/end")));
        assert_eq!((server.heads().len(), other.heads().len()), (2, 1));
    });
}

#[test]
fn user_and_password_of_a_location_are_used_and_not_shown() {
    limited(|| {
        let other = web(|_| Ok(String::new()));
        let there = other.url("/").replace("//", "//u:hunter2@");
        let server = web(move |_| redirect(302, &there));
        let ws = following(1).connect(&server.url("/")).unwrap();
        assert_eq!(header(&other.heads()[0], "authorization"), Some("Basic dTpodW50ZXIy"));
        assert_eq!(ws.handshake().url, Some(other.url("/")));
    });
}

#[test]
fn redirects_share_one_deadline() {
    limited(|| {
        let (slow, server) = raw_server(|mut raw| {
            raw.head();
            let _ = raw.rest();
        });
        let first = web(move |_| redirect(302, &url(slow)));
        let client = builder().max_redirects(1).handshake_timeout(Some(millis(300))).build().unwrap();
        let (took, result) = timed(|| client.connect(&first.url("/")));
        assert!(matches!(result, Err(Error::Timeout(Timeout { phase: Phase::Handshake, .. }))), "{result:?}");
        assert!((millis(250)..10 * SECOND).contains(&took), "{took:?}");
        server.join();
    });
}

#[test]
fn a_connection_that_was_given_is_not_redirected() {
    limited(|| {
        let server = redirecting(302, "/end");
        let socket = TcpStream::connect(server.addr).unwrap();
        let error = following(5).connect_over(socket, &server.url("/")).unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::FOUND));
        assert_eq!(server.heads().len(), 1);
    });
}
