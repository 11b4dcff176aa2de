//! What a rejection may contain, and its bytes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

#[test]
fn item_3_rejections_are_complete_responses() {
    let text = |rejection: &Rejection| String::from_utf8(rejection.to_bytes()).unwrap();
    assert_eq!(
        text(&Rejection::origin_not_allowed()),
        "HTTP/1.1 403 Forbidden\r\n\
         Connection: close\r\n\
         Content-Length: 27\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n\
         this origin is not allowed\n"
    );
    let headers = Headers::new().with("content-Type", "text/html").unwrap();
    let rejection = Rejection::new(StatusCode::OK, headers, "<p>fine").unwrap();
    assert_eq!(
        text(&rejection),
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\
         content-Type: text/html\r\n\r\n<p>fine"
    );
    let empty = |status| Rejection::new(status, Headers::new(), "").unwrap();
    assert_eq!(text(&empty(StatusCode::NO_CONTENT)), "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    assert_eq!(
        text(&empty(StatusCode::from_u16(599).unwrap())),
        "HTTP/1.1 599 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    let rejection = Rejection::with_text(StatusCode::NOT_FOUND, "no such feed").unwrap();
    assert_eq!(rejection.to_string(), "handshake rejected with 404 Not Found: no such feed");
    assert_eq!((rejection.body(), rejection.reason()), (&b"no such feed\n"[..], "no such feed"));
    for (rejection, status) in
        [(Rejection::request_timeout(), 408), (Rejection::internal_error(), 500), (Rejection::unavailable(), 503)]
    {
        assert_eq!(rejection.status().as_u16(), status);
        assert!(text(&rejection).contains("Connection: close\r\n"));
    }
}

#[test]
fn item_6_what_a_rejection_may_contain() {
    for status in [100, 101, 199, 600, 999] {
        let status = StatusCode::from_u16(status).unwrap();
        let error = Rejection::new(status, Headers::new(), "").unwrap_err();
        assert_eq!(error, ResponseError::InvalidStatus(status));
    }
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let error = Rejection::new(status, Headers::new(), "x").unwrap_err();
        assert_eq!(error, ResponseError::UnexpectedBody(status));
    }
    for name in ["connection", "content-length", "transfer-encoding", "upgrade"] {
        let headers = Headers::new().with(name.to_uppercase(), "1").unwrap();
        let error = Rejection::new(StatusCode::OK, headers, "").unwrap_err();
        assert_eq!(error, ResponseError::ReservedHeader(HeaderName::from_static(name)));
    }
}
