//! Challenges of servers: answered with user name and password, by tokens, and by the program itself.

use super::*;
use landline::proto::auth::Challenge;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

const MD5: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", opaque=\"o\"\r\n";
const SHA256: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256\r\n";

fn authorization(head: &str) -> Option<&str> {
    header(head, "authorization")
}

/// A parameter of a request's Digest.
fn parameter(head: &str, name: &str) -> Option<String> {
    let value = authorization(head)?;
    let answer = Challenge::parse(value.as_bytes());
    assert!(answer.len() == 1 && answer[0].is("Digest"), "{value}");
    answer[0].parameter(name).map(str::to_owned)
}

/// Accepts requests with Digest, and asks others for it.
fn digest_server(challenge: &'static str) -> Web {
    web(move |head| match authorization(head) {
        Some(value) if value.starts_with("Digest ") => Ok(String::new()),
        _ => respond(401, challenge),
    })
}

fn with_password() -> Client {
    builder().auth("user", "pass").build().unwrap()
}

#[test]
fn basic_is_sent_at_once_and_digest_if_the_server_asks_for_it() {
    limited(|| {
        let server = web(|_| Ok(String::new()));
        with_password().connect(&server.url("/")).unwrap();
        landline::connect(&server.url("/").replace("//", "//us%65r:pass@")).unwrap();
        for head in server.heads() {
            assert_eq!(authorization(&head), Some("Basic dXNlcjpwYXNz"));
        }
        for (challenge, algorithm) in [(MD5, None), (SHA256, Some("SHA-256"))] {
            let server = digest_server(challenge);
            let mut nonces = Vec::new();
            for client_and_url in [
                (with_password(), server.url("/a?b")),
                (Client::default(), server.url("/a?b").replace("//", "//user:pass@")),
            ] {
                client_and_url.0.connect(&client_and_url.1).unwrap();
                let heads = server.heads();
                let [.., basic, digest] = &heads[..] else { panic!("two requests") };
                assert_eq!(authorization(basic), Some("Basic dXNlcjpwYXNz"));
                let expected = [("username", "user"), ("uri", "/a?b"), ("nonce", "n1"), ("nc", "00000001")];
                for (name, value) in expected {
                    assert_eq!(parameter(digest, name).as_deref(), Some(value), "{name}");
                }
                assert_eq!(parameter(digest, "algorithm").as_deref(), algorithm);
                nonces.push(parameter(digest, "cnonce").unwrap());
            }
            assert_ne!(nonces[0], nonces[1], "a fresh one each time");
            // The connection was kept for the answer.
            assert_eq!(server.connections(), [0, 0, 1, 1]);
        }
    });
}

#[test]
fn digest_works_over_a_new_connection_and_over_one_that_was_given() {
    limited(|| {
        const CLOSING: &str = "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\n\
            Connection: close\r\nContent-Length: 0\r\n\r\n";
        let server = web(|head| match authorization(head) {
            Some(value) if value.starts_with("Digest ") => Ok(String::new()),
            _ => Err(CLOSING.into()),
        });
        with_password().connect(&server.url("/")).unwrap();
        assert_eq!(server.connections(), [0, 1]);
        // There is no other connection to be had.
        let socket = TcpStream::connect(server.addr).unwrap();
        let error = with_password().connect_over(socket, &server.url("/")).unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));

        let server = digest_server(MD5);
        let socket = TcpStream::connect(server.addr).unwrap();
        with_password().connect_over(socket, "ws://localhost/a").unwrap();
        assert_eq!(server.connections(), [0, 0]);
    });
}

#[test]
fn wrong_passwords_are_tried_once_and_the_error_says_what_to_give() {
    limited(|| {
        for (headers, requests, says) in [
            (MD5, 2, "Digest"),
            ("WWW-Authenticate: Basic realm=\"r\"\r\n", 1, "Basic"),
            (
                "WWW-Authenticate: Digest realm=r, nonce=n, Basic realm=r, Digest realm=r, nonce=m\r\n",
                2,
                "Digest or Basic",
            ),
        ] {
            let server = web(move |_| respond(401, headers));
            let error = with_password().connect(&server.url("/")).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "the server refused the handshake with 401 Unauthorized: it asks for {says} authentication; \
                     give the right user name and password with auth"
                )
            );
            assert_eq!(server.heads().len(), requests);
        }
        for (headers, expected) in [
            ("", "401 Unauthorized: give valid credentials"),
            (
                "WWW-Authenticate: Bearer realm=r\r\n",
                "it asks for Bearer authentication; give a valid token with bearer",
            ),
            ("WWW-Authenticate: Negotiate\r\n", "it asks for Negotiate authentication"),
        ] {
            let server = web(move |_| respond(401, headers));
            let error = Client::default().connect(&server.url("/")).unwrap_err();
            assert!(error.to_string().ends_with(expected), "{error}");
        }
    });
}

#[test]
fn a_nonce_that_is_out_of_date_is_answered_again_and_a_server_that_never_has_enough_is_left() {
    limited(|| {
        const STALE: &str = "WWW-Authenticate: Digest realm=r, nonce=\"n2\", qop=auth, stale=true\r\n";
        let server = web(|head| match authorization(head) {
            Some(value) if value.contains("nonce=\"n2\"") => Ok(String::new()),
            Some(value) if value.starts_with("Digest ") => respond(401, STALE),
            _ => respond(401, MD5),
        });
        with_password().connect(&server.url("/")).unwrap();
        assert_eq!(parameter(&server.heads()[2], "nc").as_deref(), Some("00000001"));
        let server = web(|_| respond(401, STALE));
        let error = with_password().connect(&server.url("/")).unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(server.heads().len(), 6, "the first one, and 5 answers");
    });
}

#[test]
fn the_nonce_is_used_again_after_a_redirect_within_the_origin() {
    limited(|| {
        let server = web(|head| match (authorization(head), target(head)) {
            (Some(value), "/end") if value.starts_with("Digest ") => Ok(String::new()),
            (Some(value), _) if value.starts_with("Digest ") => redirect(302, "/end"),
            _ => respond(401, MD5),
        });
        let client = builder().auth("user", "pass").max_redirects(1).build().unwrap();
        client.connect(&server.url("/")).unwrap();
        let heads = server.heads();
        assert_eq!(heads.len(), 3);
        assert_eq!(parameter(&heads[2], "nc").as_deref(), Some("00000002"));
        assert_eq!(parameter(&heads[2], "uri").as_deref(), Some("/end"));
    });
}

#[test]
fn a_request_that_got_no_answer_is_made_again_with_the_next_count() {
    limited(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let server = sleeper(move || {
            let mut raw = Raw::over(listener.accept().unwrap().0);
            raw.head();
            raw.send(respond(401, MD5).unwrap_err());
            let unanswered = raw.head();
            drop(raw);
            let mut raw = Raw::over(listener.accept().unwrap().0);
            [unanswered, raw.accept()].map(|head| parameter(&head, "nc"))
        });
        with_password().connect(&url).unwrap();
        assert_eq!(server.join(), ["00000001", "00000002"].map(|count| Some(count.to_owned())));
    });
}

#[test]
fn challenges_of_another_origin_are_not_answered_with_the_password() {
    limited(|| {
        let other = digest_server(MD5);
        let there = other.url("/");
        let server = web(move |_| redirect(302, &there));
        let client = builder().auth("user", "pass").max_redirects(1).build().unwrap();
        let error = client.connect(&server.url("/")).unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(other.heads().len(), 1);
        assert_eq!(authorization(&other.heads()[0]), None);
    });
}

#[test]
fn the_program_answers_what_the_library_cannot() {
    limited(|| {
        let server = web(|head| match authorization(head) {
            Some("Steps 2") => Ok(String::new()),
            Some("Steps 1") => respond(401, "WWW-Authenticate: Steps two\r\n"),
            _ => respond(401, "WWW-Authenticate: Steps, Other a=b\r\nX-Hint: x\r\n"),
        });
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noting = Arc::clone(&asked);
        let client = builder().header("Authorization", "mine").on_challenge(move |request| {
            let schemes: Vec<_> = request.challenges.iter().map(ToString::to_string).collect();
            let hint = request.headers.get("x-hint").is_some();
            noting.lock().unwrap().push(format!(
                "{} {} {} {} {schemes:?} {:?} {hint}",
                request.status.as_u16(),
                request.url,
                request.method,
                request.target,
                request.challenges[0].token(),
            ));
            Some(if request.challenges[0].token().is_some() { "Steps 2" } else { "Steps 1" }.to_owned())
        });
        client.build().unwrap().connect(&server.url("/a?b")).unwrap();
        let url = server.url("/a?b");
        assert_eq!(
            asked.lock().unwrap()[..],
            [
                format!("401 {url} GET /a?b [\"Steps\", \"Other\"] None true"),
                format!("401 {url} GET /a?b [\"Steps\"] Some(\"two\") false"),
            ]
        );
        let sent: Vec<_> = server.heads().iter().map(|head| authorization(head).unwrap().to_owned()).collect();
        assert_eq!(sent, ["mine", "Steps 1", "Steps 2"]);
        // Schemes of several steps go by the connection.
        assert_eq!(server.connections(), [0, 0, 0]);
    });
}

#[test]
fn the_program_is_asked_after_the_password_and_a_bounded_number_of_times() {
    limited(|| {
        let server = web(|_| respond(401, MD5));
        let count = Arc::new(AtomicU32::new(0));
        let counting = Arc::clone(&count);
        let client = builder().auth("user", "pass").on_challenge(move |_| {
            counting.fetch_add(1, Ordering::SeqCst);
            Some("again".to_owned())
        });
        let error = client.build().unwrap().connect(&server.url("/")).unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(count.load(Ordering::SeqCst), 4, "Digest was the first of 5 answers");
        assert_eq!(server.heads().len(), 6);

        let server = web(|_| respond(401, MD5));
        let error = builder().on_challenge(|_| None).build().unwrap().connect(&server.url("/")).unwrap_err();
        assert_eq!((error.status(), server.heads().len()), (Some(StatusCode::UNAUTHORIZED), 1));
        // A header that it may not end.
        let client = builder().on_challenge(|_| Some("a\r\nb: c".to_owned())).build().unwrap();
        let error = client.connect(&server.url("/")).unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error}");
    });
}

#[test]
fn a_bearer_token_is_asked_for_at_each_connect() {
    limited(|| {
        let server = web(|_| Ok(String::new()));
        let count = AtomicU32::new(0);
        let client = builder().bearer(move || Ok(format!("token{}", count.fetch_add(1, Ordering::SeqCst))));
        let client = client.build().unwrap();
        client.connect(&server.url("/")).unwrap();
        client.clone().connect(&server.url("/")).unwrap();
        let sent: Vec<_> = server.heads().iter().map(|head| authorization(head).unwrap().to_owned()).collect();
        assert_eq!(sent, ["Bearer token0", "Bearer token1"]);

        let client = builder().bearer(|| Err(std::io::Error::other("the issuer is gone"))).build().unwrap();
        let error = client.connect(&server.url("/")).unwrap_err();
        assert_eq!(format!("{error:#}"), "getting a bearer token failed: the issuer is gone");
        let client = builder().bearer(|| Ok("a\r\nb: c".into())).build().unwrap();
        assert!(matches!(client.connect(&server.url("/")), Err(Error::Config(_))));
        assert_eq!(server.heads().len(), 2);
    });
}

#[test]
fn an_identity_is_given_once() {
    for builder in [
        builder().auth("u", "p").header("Authorization", "x"),
        builder().bearer(|| Ok(String::new())).header("Authorization", "x"),
        builder().auth("a:b", ""),
        builder().auth("a", "\n"),
    ] {
        assert!(matches!(builder.build(), Err(Error::Config(_))));
    }
    let other = "ws://c:d@127.0.0.1:1/";
    for client in [builder().auth("u", "p"), builder().bearer(|| Ok(String::new()))] {
        let result = client.build().unwrap().connect(other);
        assert!(matches!(result, Err(Error::Config(_))), "{result:?}");
    }
    // The later of the two applies.
    let client = builder().auth("u", "p").bearer(|| Ok("t".into())).build().unwrap();
    let request = client.protocol("ws://a/").unwrap().output().to_vec();
    assert_eq!(authorization(std::str::from_utf8(&request).unwrap()), Some("Bearer t"));
    let text = format!("{:?}", builder().auth("u", "hunter2").build().unwrap());
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn refusals_say_when_to_try_again() {
    limited(|| {
        for (status, headers, expected) in [
            (429, "Retry-After: 120\r\n", "429 Too Many Requests: try again in 120 s"),
            (
                503,
                "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n",
                "503 Service Unavailable: try again after Fri, 31 Dec 1999 23:59:59 GMT",
            ),
            (503, "", "503 Service Unavailable: try again later"),
            (429, "Retry-After: soon\r\n", "429 Too Many Requests: try again later"),
        ] {
            let server = web(move |_| respond(status, headers));
            let error = Client::default().connect(&server.url("/")).unwrap_err();
            assert_eq!(error.to_string(), format!("the server refused the handshake with {expected}"));
        }
    });
}
