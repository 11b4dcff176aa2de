//! How the client handles responses that are invalid, that refuse, or that have an unusual form.

use super::*;
use landline::transport::Halves;

/// The client's error for a response, in which `{accept}` stands for the correct value, followed by the end of the
/// stream.
fn answered(answer: impl AsRef<[u8]> + Send + 'static) -> HandshakeError {
    let client = builder().handshake_timeout(Some(10 * SECOND)).build().unwrap();
    let (result, server) = connect_to(&client, move |mut raw| {
        let request = raw.head();
        let accept = landline::proto::handshake::accept_key(header(&request, "sec-websocket-key").unwrap());
        let answer = answer.as_ref();
        let answer = match std::str::from_utf8(answer) {
            Ok(text) => text.replace("{accept}", &accept).into_bytes(),
            Err(_) => answer.to_vec(),
        };
        // The client may have given up before the end.
        let _ = raw.stream.write_all(&answer);
    });
    let error = result.expect_err("an answer that is wrong");
    server.join();
    assert!(error.is_fatal());
    match error {
        Error::Handshake(error) => (*error).clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn item_4_invalid_responses_are_refused() {
    limited(|| {
        use HandshakeError as E;
        let accept = "Sec-WebSocket-Accept: {accept}\r\n";
        // What to replace in a valid response, with what, and the error.
        type Case = (&'static str, String, fn(&E) -> bool);
        let cases: Vec<Case> = vec![
            ("{accept}", "c3BhbQ==".into(), |error| matches!(error, E::WrongAccept)),
            (accept, String::new(), |error| matches!(error, E::WrongAccept)),
            (accept, accept.repeat(2), |error| matches!(error, E::WrongAccept)),
            ("Upgrade: websocket\r\n", String::new(), |error| {
                matches!(error, E::NotWebSocket { header: "upgrade" })
            }),
            ("Upgrade: websocket", "Upgrade: h2c".into(), |error| matches!(error, E::NotWebSocket { .. })),
            ("Connection: Upgrade", "Connection: close".into(), |error| {
                matches!(error, E::NotWebSocket { header: "connection" })
            }),
            ("HTTP/1.1", "HTTP/1.0".into(), |error| matches!(error, E::HttpVersion)),
            ("HTTP/1.1", "HTP/1.1".into(), |error| matches!(error, E::Malformed(_))),
            ("\r\nUpgrade", "\nUpgrade".into(), |error| matches!(error, E::Malformed(_))),
            (
                accept,
                format!("{accept}Sec-WebSocket-Protocol: chat\r\n"),
                |error| matches!(error, E::UnexpectedSubprotocol(name) if name == "chat"),
            ),
            (
                accept,
                format!("{accept}Sec-WebSocket-Extensions: permessage-deflate\r\n"),
                |error| matches!(error, E::UnexpectedExtension(name) if name == "permessage-deflate"),
            ),
            (accept, format!("{accept}X: {}\r\n", "x".repeat(16 << 10)), |error| {
                matches!(error, E::HeadTooLarge { limit: 16_384 })
            }),
            (accept, format!("{accept}{}", "X: y\r\n".repeat(100)), |error| {
                matches!(error, E::TooManyHeaders { limit: 100 })
            }),
            ("Switching Protocols", "x".repeat(9000), |error| matches!(error, E::StartLineTooLong { .. })),
            (ANSWER, "HTTP/1.1 101 ".into(), |error| matches!(error, E::Eof { received: 13 })),
            (ANSWER, String::new(), |error| matches!(error, E::Eof { received: 0 })),
        ];
        for (right, wrong, expected) in cases {
            let error = answered(ANSWER.replacen(right, &wrong, 1));
            assert!(expected(&error), "{right:?} -> {:.100?}: {error:?}", wrong);
        }
    });
}

fn refusal(error: HandshakeError) -> landline::proto::handshake::Refusal {
    match error {
        HandshakeError::Refused(refusal) => *refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn item_4_a_refusal_has_status_headers_and_body() {
    limited(|| {
        let refused = refusal(answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello, and more"));
        assert_eq!((refused.status, &refused.body[..]), (StatusCode::OK, &b"hello"[..]));
        assert_eq!(refused.headers["x-a"], "b");
        assert!(!refused.body_truncated);

        let chunked =
            "HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\n, w\r\n0\r\n\r\n";
        let refused = refusal(answered(chunked));
        assert_eq!((refused.status.as_u16(), &refused.body[..]), (401, &b"hello, w"[..]));

        let until_the_end = refusal(answered("HTTP/1.1 502 Bad\r\n\r\nuntil the end"));
        assert_eq!((&until_the_end.body[..], until_the_end.body_truncated), (&b"until the end"[..], false));
    });
}

#[test]
fn item_4_a_refusals_body_is_cut_at_64_kib() {
    limited(|| {
        let head = "HTTP/1.1 404 Not Found\r\nContent-Length: 102400\r\n\r\n";
        let refused = refusal(answered([head.as_bytes(), &[b'x'; 100 << 10]].concat()));
        assert_eq!((refused.status.as_u16(), refused.body.len()), (404, 64 << 10));
        assert!(refused.body_truncated);
    });
}

#[test]
fn item_4_only_a_few_interim_responses_are_skipped() {
    limited(|| {
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n";
        let client = Client::default();
        let (ws, server) = connect_to(&client, move |mut raw| {
            raw.send(interim.repeat(8));
            raw.accept();
            raw
        });
        drop(ws.unwrap());
        server.join();
        let error = answered(interim.repeat(9) + ANSWER);
        assert!(matches!(error, HandshakeError::TooManyInterim), "{error}");
    });
}

#[test]
fn item_4_a_redirect_is_not_followed_by_default() {
    limited(|| {
        let refused =
            refusal(answered("HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(refused.status, StatusCode::FOUND);
        assert_eq!(refused.headers["location"], "ws://127.0.0.1:1/");
    });
}

#[test]
fn item_4_a_refusal_whose_body_stalls_is_still_a_refusal() {
    limited(|| {
        let client = builder().handshake_timeout(Some(millis(200))).build().unwrap();
        let (result, server) = connect_to(&client, |mut raw| {
            raw.head();
            raw.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nbecause");
            let _ = raw.rest();
        });
        let Err(Error::Handshake(error)) = result else { panic!("{result:?}") };
        let refused = refusal((*error).clone());
        assert_eq!((refused.status.as_u16(), &refused.body[..]), (403, &b"because"[..]));
        assert!(refused.body_truncated);
        server.join();
    });
}

#[test]
fn item_4_a_refusal_is_not_delayed_by_a_body_without_end() {
    limited(|| {
        for head in ["", "Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"] {
            let client = builder().handshake_timeout(Some(1000 * SECOND)).build().unwrap();
            let (took, (result, server)) = timed(|| {
                connect_to(&client, move |mut raw| {
                    raw.head();
                    raw.send(format!("HTTP/1.1 503 Busy\r\n{head}\r\n9\r\nbecause\r\n"));
                    let _ = raw.rest();
                })
            });
            let Err(Error::Handshake(error)) = result else { panic!("{result:?}") };
            let refused = refusal((*error).clone());
            assert!(refused.status.as_u16() == 503 && refused.body_truncated, "{refused:?}");
            assert!(refused.body.windows(7).any(|part| part == b"because"), "{refused:?}");
            assert!(took < 5 * SECOND, "{took:?}");
            server.join();
        }
    });
}

#[test]
fn item_4_the_response_may_arrive_in_pieces_and_in_any_case() {
    limited(|| {
        let client = builder().subprotocol("a").subprotocol("b").build().unwrap();
        let (ws, server) = connect_to(&client, |mut raw| {
            let request = raw.head();
            assert_eq!(header(&request, "sec-websocket-protocol"), Some("a, b"));
            let accept = landline::proto::handshake::accept_key(header(&request, "sec-websocket-key").unwrap());
            let answer = format!(
                "HTTP/1.1 101 \r\nupgrade: foo,WebSocket\r\nCONNECTION: keep-alive, upgrade\r\n\
                 sec-websocket-accept:{accept}\t\r\nSec-WebSocket-Protocol: b\r\nX-Y: z\r\n\r\n"
            );
            for byte in answer.bytes() {
                raw.send([byte]);
            }
            raw
        });
        let ws = ws.unwrap();
        assert_eq!(ws.handshake().subprotocol.as_deref(), Some("b"));
        assert_eq!(ws.handshake().headers["x-y"], "z");
        assert_eq!(ws.peer_addr(), Some(server.join().stream.local_addr().unwrap()));
    });
}

#[test]
fn item_5_frames_in_the_segment_of_the_response_are_received() {
    limited(|| {
        let behind =
            [frame(TEXT, "early"), frame(BINARY, [7; 5000]), frame(CLOSE, close_payload(1000, "bye"))].concat();
        let client = Client::default();
        let (ws, server) = connect_to(&client, |mut raw| {
            raw.accept_with("", behind);
            raw.frame()
        });
        let mut ws = ws.unwrap();
        assert_eq!(ws.recv().unwrap(), text("early"));
        assert_eq!(ws.recv().unwrap(), Some(Message::Binary(vec![7; 5000])));
        assert_eq!(ws.recv().unwrap(), None);
        assert_eq!(server.join().close_code(), 1000);
    });
}

/// Sends nothing, because the peer has left.
struct Gone;

impl std::io::Write for Gone {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A server that refuses and leaves before it has read the request.
#[test]
fn what_a_server_said_before_it_left_is_the_error() {
    limited(|| {
        let over = |said: &'static [u8]| {
            let result = Client::default().connect_over(Halves::new(said, Gone), "ws://localhost/");
            result.unwrap_err()
        };
        let error = over(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(error.status(), Some(landline::http::StatusCode::FORBIDDEN), "{error:?}");
        let error = over(b"");
        assert!(
            matches!(&error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe),
            "{error:?}"
        );
    });
}
