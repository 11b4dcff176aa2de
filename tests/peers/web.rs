//! What web servers do before they let a request through: nginx redirects, sets cookies and asks for Basic authentication,
//! lighttpd for Digest.

use crate::common::*;
use crate::program::*;
use crate::proxies::{PASSWORD, USER};
use crate::reverse::*;
use crate::talk::*;
use landline::error::{Error, RedirectFault};
use landline::{Client, ClientBuilder, Server};

fn following() -> ClientBuilder {
    Client::builder().max_redirects(3)
}

#[test]
#[ignore = "needs .ci/install"]
fn redirects_of_nginx_are_followed_if_allowed() {
    limited(|| {
        let front = Front::echo(Kind::Nginx);
        for path in ["/301?a=b", "/302", "/303", "/307", "/308", "/with-cookie"] {
            let seen = talks_to(front.try_open(&front.url(path), following()).unwrap(), &front.server);
            let arguments = if path == "/301?a=b" { "?a=b" } else { "" };
            assert_eq!(seen.handshake.target, format!("/target{arguments}"), "{path}");
            assert_eq!(seen.header("host"), [format!("localhost:{}", front.program.port("PLAIN"))], "{path}");

            let (status, told) = front.refusal(&front.url(path), Client::builder());
            assert!((300..400).contains(&status) && told.contains("target"), "{path}: {told}");
            assert!(told.contains("max_redirects"), "{told}");
        }
        // From ws to wss, by way of https.
        let ws = front.try_open(&front.url("/to-tls"), following()).unwrap();
        let url = format!("wss://localhost:{}/target", front.program.port("TLS2"));
        assert_eq!(ws.handshake().url, Some(url));
        talks_to(ws, &front.tls_server);
        front.server.saw_nothing();
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn redirects_that_are_not_followed_say_why() {
    limited(|| {
        let front = Front::echo(Kind::Nginx);
        let tls = front.tls_twice_url().replace("/chat", "/from-tls");
        for (url, said) in [(front.url("/loop"), "more than 3 redirects"), (tls, "gives up TLS")] {
            let error = front.try_open(&url, following()).unwrap_err();
            let told = told_once(&error);
            let Error::Redirect(failure) = &error else { panic!("{told}: {error:?}") };
            assert_eq!(matches!(failure.fault, RedirectFault::LosesTls), said.contains("TLS"), "{failure:?}");
            assert!(told.contains(said), "{told}");
        }
        front.server.saw_nothing();
        front.tls_server.saw_nothing();
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn credentials_and_cookies_stay_with_the_origin_that_they_are_for() {
    limited(|| {
        let front = Front::echo(Kind::Nginx);
        let jar = landline::CookieJar::new();
        let options = || following().auth(USER, PASSWORD).cookie("given", "1").cookie_jar(&jar);
        let options = || options().header("X-Own", "value");
        let seen = talks_to(front.try_open(&front.url("/with-cookie"), options()).unwrap(), &front.server);
        assert_eq!(seen.header("authorization").len(), 1);
        assert_eq!(seen.header("cookie"), ["given=1; session=6f2a"]);
        let seen = talks_to(front.try_open(&front.url("/elsewhere"), options()).unwrap(), &front.other);
        assert_eq!(seen.header("x-own"), ["value"]);
        for name in ["authorization", "cookie"] {
            assert!(seen.header(name).is_empty(), "{name} came to another origin: {:?}", seen.handshake);
        }
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn nginx_lets_in_who_has_the_password() {
    limited(|| {
        let front = Front::echo(Kind::Nginx);
        let url = front.url("/private");
        talks_to(front.try_open(&url, Client::builder().auth(USER, PASSWORD)).unwrap(), &front.server);
        let with_user = url.replace("ws://", &format!("ws://{USER}:{PASSWORD}@"));
        talks_to(front.open(&with_user), &front.server);
        for options in [Client::builder(), Client::builder().auth(USER, "wrong")] {
            let (status, told) = front.refusal(&url, options);
            assert_eq!(status, 401);
            assert!(
                told.contains("the server refused") && told.contains("the right user name and password"),
                "{told}"
            );
        }
        front.server.saw_nothing();
    });
}

#[test]
#[ignore = "needs .ci/install"]
fn lighttpd_lets_in_who_has_the_password_by_digest() {
    limited(|| {
        let server = Reporting::start(Server::builder());
        let plan = Plan::of("lighttpd", &["-D", "-f", "@DIR@/lighttpd.conf"]).template("lighttpd.conf");
        let plan = plan.template("lighttpd-digest-users.txt").value("SERVER_PORT", server.serving.addr.port());
        let program = plan.port("PORT").start();
        for path in ["md5", "sha256", "any"] {
            let url = format!("ws://127.0.0.1:{}/{path}?a=b", program.port("PORT"));
            let client = Client::builder().auth(USER, PASSWORD).build().unwrap();
            for _ in 0..2 {
                let mut ws = client.connect(&url).unwrap();
                converse(&mut ws);
                let seen = talks_to(ws, &server);
                assert_eq!(seen.handshake.target, format!("/{path}?a=b"));
            }
            let error = Client::builder().auth(USER, "wrong").build().unwrap().connect(&url).unwrap_err();
            assert_eq!(error.status().map(|status| status.as_u16()), Some(401), "{error:?}");
            let told = told_once(&error);
            assert!(told.contains("Digest") && told.contains("the right user name and password"), "{told}");
        }
        server.saw_nothing();
    });
}
