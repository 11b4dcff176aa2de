//! Cookies that are given and cookies that servers set.

use super::*;
use landline::CookieJar;
use std::sync::Mutex;

fn cookies(head: &str) -> Option<&str> {
    header(head, "cookie")
}

#[test]
fn cookies_that_were_given_are_sent_in_one_header() {
    limited(|| {
        let server = web(|_| Ok("Set-Cookie: c=3\r\n".into()));
        let client = builder().cookie("a", "0").cookie("b", "2").cookie("a", "1").build().unwrap();
        let ws = client.connect(&server.url("/")).unwrap();
        assert_eq!(ws.handshake().headers["set-cookie"], "c=3");
        let with_header = builder().header("cookie", "x=y").header("A", "1").cookie("a", "1").build().unwrap();
        with_header.connect(&server.url("/")).unwrap();
        builder().header("cooKIE", "x=y").build().unwrap().connect(&server.url("/")).unwrap();
        let heads = server.heads();
        assert_eq!(
            heads.iter().map(|head| cookies(head).unwrap()).collect::<Vec<_>>(),
            ["b=2; a=1", "x=y; a=1", "x=y"]
        );
        assert!(heads[2].contains("\r\ncooKIE: x=y\r\n"));
    });
    for (name, value) in [("", ""), ("a;b", "c"), ("a", "b; c=d"), ("a", "b\r\nc: d"), ("a b", "c"), ("a=", "b")] {
        let error = builder().cookie(name, value).build().unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{name:?} {value:?}: {error}");
    }
    let text = format!("{:?}", builder().cookie("a", "hunter2").build().unwrap());
    assert!(text.contains("\"a\"") && !text.contains("hunter2"), "{text}");
}

#[test]
fn cookies_that_servers_set_are_kept_across_redirects_refusals_and_connections_if_asked() {
    limited(|| {
        let server = web(|head| match target(head) {
            "/begin" => Err("HTTP/1.1 302 Moved\r\nLocation: /end\r\nSet-Cookie: redirect=1\r\n\
                Set-Cookie: given=new; Path=/\r\nContent-Length: 0\r\n\r\n"
                .into()),
            "/no" => respond(403, "Set-Cookie: refused=1\r\n"),
            _ => Ok("Set-Cookie: open=1\r\nSet-Cookie: other=1; Path=/other\r\n".into()),
        });
        let jar = CookieJar::new();
        let client = builder().max_redirects(1).cookie("given", "old").cookie_jar(&jar).build().unwrap();
        client.connect(&server.url("/no")).unwrap_err();
        client.connect(&server.url("/begin")).unwrap();
        builder().cookie_jar(&jar).build().unwrap().connect(&server.url("/other")).unwrap();
        let heads = server.heads();
        assert_eq!(
            heads.iter().map(|head| cookies(head).unwrap()).collect::<Vec<_>>(),
            [
                "given=old",
                "given=old; refused=1",
                "refused=1; redirect=1; given=new",
                "other=1; refused=1; redirect=1; given=new; open=1",
            ]
        );
        let pairs = jar.cookies(&server.url("/")).unwrap();
        let names: Vec<_> = pairs.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["refused", "redirect", "given", "open"]);
        let request = client.protocol(&server.url("/")).unwrap().output().to_vec();
        assert_eq!(
            cookies(std::str::from_utf8(&request).unwrap()),
            Some("refused=1; redirect=1; given=new; open=1")
        );

        // Without a jar, nothing is kept.
        let client = builder().max_redirects(1).build().unwrap();
        client.connect(&server.url("/begin")).unwrap();
        assert!(server.heads()[4..].iter().all(|head| cookies(head).is_none()));
    });
}

#[test]
fn cookies_do_not_leave_their_origin() {
    limited(|| {
        let other = web(|_| Ok(String::new()));
        // Another name of the same machine.
        let there = format!("ws://localhost:{}/", other.addr.port());
        let server = web(move |_| {
            Err(format!(
                "HTTP/1.1 302 Moved\r\nLocation: {there}\r\nSet-Cookie: a=1; Domain=localhost\r\n\
                 Set-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"
            ))
        });
        let client =
            builder().max_redirects(1).cookie("given", "1").header("Cookie", "c=d").cookie_jar(&CookieJar::new());
        let client = client.address_family(landline::AddressFamily::Ipv4).build().unwrap();
        client.connect(&server.url("/")).unwrap();
        assert_eq!(cookies(&server.heads()[0]), Some("c=d; given=1"));
        assert_eq!(cookies(&other.heads()[0]), None);
    });
}

#[test]
fn many_connections_at_once_share_a_jar() {
    limited(|| {
        let count = Mutex::new(0);
        let server = web(move |_| {
            let mut count = count.lock().unwrap();
            *count += 1;
            Ok(format!("Set-Cookie: c{count}=1\r\n"))
        });
        let jar = CookieJar::new();
        let connecting: Vec<_> = (0..8)
            .map(|_| {
                let (client, url) = (builder().cookie_jar(&jar).build().unwrap(), server.url("/"));
                thread::spawn(move || client.connect(&url).unwrap())
            })
            .collect();
        connecting.into_iter().for_each(|thread| drop(thread.join().unwrap()));
        assert_eq!(jar.cookies(&server.url("/")).unwrap().len(), 8);
    });
}
