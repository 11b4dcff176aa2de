//! Tests of both roles: the head reader, split and arbitrary input, and one role against the other.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use proptest::prelude::*;

use super::head::{Head, HeadError, HeadReader};
use super::*;

const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: x; y=\"1\"\r\n\r\n\x01\x02\r\n\r\n";

const ANSWER: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: a\r\n\r\n\x01\x02\r\n\r\n";

/// A response with folded lines.
const FOLDED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade:\r\n websocket\r\nConnection: keep-alive,\r\n\t\tUpgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\n \r\n  \t\r\nX-Policy: a; \t\r\n \t b\r\n c\r\n\r\n\x01\x02\r\n\r\n";

const REFUSAL: &str = "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n\
    5;x\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";

fn client(limits: HeadLimits) -> ClientHandshake {
    let mut request = ClientRequest::new("a", "/");
    request.subprotocols = vec!["a".into(), "b".into()];
    ClientHandshake::new(&request, *b"the sample nonce", limits).unwrap()
}

/// Feeds a client piece by piece; returns its result, with all bytes after the head.
fn run_client(pieces: &[&[u8]], limits: HeadLimits) -> String {
    let mut client = client(limits);
    for (index, piece) in pieces.iter().enumerate() {
        match client.receive(piece) {
            Ok(None) => {}
            Ok(Some(mut accepted)) => {
                accepted.leftover.extend(pieces[index + 1..].concat());
                return format!("{accepted:?}");
            }
            Err(error) => return format!("{error:?}"),
        }
    }
    format!("{:?}, {:?}", client.give_up(), client.receive_eof())
}

/// The same for a server.
fn run_server(pieces: &[&[u8]], limits: HeadLimits) -> String {
    let mut server = ServerHandshake::new(limits);
    for (index, piece) in pieces.iter().enumerate() {
        match server.receive(piece) {
            Ok(None) => {}
            Ok(Some(mut request)) => {
                let mut leftover = request.take_leftover();
                leftover.extend(pieces[index + 1..].concat());
                return format!("{request:?} {leftover:?}");
            }
            Err(rejection) => return format!("{rejection:?}"),
        }
    }
    format!("{:?}", server.receive_eof())
}

/// Splits the bytes at these places.
fn split<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let mut pieces = Vec::new();
    let mut start = 0;
    for cut in cuts.into_iter().chain([bytes.len()]) {
        pieces.push(&bytes[start..cut]);
        start = cut;
    }
    pieces
}

fn read(limits: HeadLimits, bytes: &str) -> Result<Option<Head>, HeadError> {
    HeadReader::for_request(limits).receive(&mut bytes.as_bytes())
}

#[track_caller]
fn assert_malformed(bytes: &str, expected: &str) {
    match read(HeadLimits::default(), bytes).err() {
        Some(HeadError::Malformed(what)) => assert_eq!(what, expected, "{bytes:?}"),
        other => panic!("{bytes:?}: {other:?}"),
    }
}

#[test]
fn rfc_4_2_2_the_sample_key() {
    assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn item_3_line_ends_and_control_characters() {
    let bare_lf = "a line ends in LF without CR";
    let bare_cr = "CR without LF";
    let control = "a control character";
    let folded = "a header line begins with whitespace";
    let name = "a header line without a valid name";
    for (bytes, expected) in [
        ("\n", bare_lf),
        ("G\n", bare_lf),
        ("G\r\nA: b\n", bare_lf),
        ("G\r\nA: b\r\n\n", bare_lf),
        ("G\r\nA:\n\r\n", bare_lf),
        ("G\rE", bare_cr),
        ("\rG", bare_cr),
        ("G\r\r\n", bare_cr),
        ("G\r\nA: b\rc", bare_cr),
        ("G\r\nA: b\r\n\rX", bare_cr),
        ("G\0", control),
        ("\0", control),
        ("G\r\nA: b\0", control),
        ("G\r\nA\0: b", control),
        ("G\r\nA: b\x7f", control),
        ("G\r\nA: b\x0b", control),
        ("G\r\n A: b", folded),
        ("G\r\nA: b\r\n c", folded),
        ("G\r\nA: b\r\n\tc", folded),
        ("G\r\nA : b\r\n\r\n", name),
        ("G\r\nA\t: b\r\n\r\n", name),
        ("G\r\n: b\r\n\r\n", name),
        ("G\r\nA\r\n\r\n", name),
        ("G\r\nA\u{e4}: b\r\n\r\n", name),
        ("G\r\nA@: b\r\n\r\n", name),
        ("\x16", "the peer speaks TLS where plain HTTP is expected"),
        ("\x15", "the peer speaks TLS where plain HTTP is expected"),
    ] {
        assert_malformed(bytes, expected);
    }
}

fn read_answer(limits: HeadLimits, bytes: &str) -> Result<Option<Head>, HeadError> {
    HeadReader::for_response(limits).receive(&mut bytes.as_bytes())
}

#[test]
fn rfc_9112_5_2_folded_lines_of_an_answer_are_unfolded_those_of_a_request_refused() {
    for (lines, name, value) in [
        ("A: b;\r\n c\r\n", "a", "b; c"),
        ("A: b\r\n\tc\r\n", "a", "b c"),
        ("A: b \t\r\n \t c\r\n d\r\nE: f\r\n", "a", "b c d"),
        ("A:\r\n b\r\n", "a", "b"),
        ("A: b\r\n \r\n", "a", "b"),
        ("A: b\r\n \r\n\t \r\n c\r\n", "a", "b c"),
        ("A: b\r\nC: d\r\n e\r\nF: g\r\n", "c", "d e"),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
        let headers = read_answer(HeadLimits::default(), &head).unwrap().unwrap().headers;
        assert_eq!(headers[name], value, "{lines:?}");
        assert_malformed(&format!("G\r\n{lines}\r\n"), "a header line begins with whitespace");
    }
    // A line that is not part of a header is refused (RFC 9112 2.2), and unfolding does not turn it into one.
    let refused =
        |lines: &str| read_answer(HeadLimits::default(), &format!("HTTP/1.1 200 OK\r\n{lines}\r\n")).err();
    assert_eq!(refused(" A: b\r\n"), Some(HeadError::Malformed("a header line begins with whitespace")));
    assert_eq!(refused("\tA: b\r\n"), Some(HeadError::Malformed("a header line begins with whitespace")));
    assert_eq!(refused("A\r\n : b\r\n"), Some(HeadError::Malformed("a header line without a valid name")));
    assert_eq!(refused("A: b\r\n \0\r\n"), Some(HeadError::Malformed("a control character")));
    assert_eq!(refused("A: b\n c\r\n"), Some(HeadError::Malformed("a line ends in LF without CR")));
}

#[test]
fn a_client_accepts_a_response_with_folded_lines() {
    let mut client = client(HeadLimits::default());
    let accepted = client.receive(FOLDED.as_bytes()).unwrap().unwrap();
    assert_eq!(accepted.handshake.headers["x-policy"], "a; b c");
    assert_eq!(accepted.leftover, b"\x01\x02\r\n\r\n");
}

#[test]
fn item_1_bytes_removed_by_unfolding_count_and_take_linear_time() {
    let head = "HTTP/1.1 200 OK\r\nA: b  \r\n    c\r\n\r\n";
    let limits = |size| HeadLimits { max_head_size: size, max_headers: 1, ..HeadLimits::default() };
    assert!(read_answer(limits(head.len()), head).unwrap().is_some());
    assert_eq!(read_answer(limits(head.len() - 1), head).err(), Some(HeadError::TooLarge));
    let mut reader = HeadReader::for_response(limits(1000));
    assert!(reader.receive(&mut &head.as_bytes()[..head.len() - 4]).unwrap().is_none());
    assert_eq!(reader.received(), head.len() - 4);
    // Quadratic time would take minutes.
    let max = HeadLimits { max_head_size: usize::MAX, ..HeadLimits::default() };
    for piece in [" \r\n", " a\r\n", " a    \r\n    ", "  "] {
        let head = format!("HTTP/1.1 200 OK\r\nA: b\r\n {}", piece.repeat(1 << 20));
        assert!(read_answer(max, &head).unwrap().is_none(), "{piece:?}");
    }
}

#[test]
fn item_3_values_are_trimmed_and_kept() {
    let head = read(HeadLimits::default(), "G\r\nA: \t b\tc \t\r\nA:\r\nB:\u{e4}\r\n\r\n");
    let headers = head.unwrap().unwrap().headers;
    let values: Vec<_> = headers.get_all("a").iter().map(|value| value.as_bytes()).collect();
    assert_eq!(values, [&b"b\tc"[..], b""]);
    assert_eq!(headers["b"].as_bytes(), "\u{e4}".as_bytes());
}

#[test]
fn item_1_limits_are_exact_to_the_byte() {
    let head = "GET /\r\nA: b\r\nC: d\r\n\r\n";
    let limits = |size, headers, line| HeadLimits {
        max_head_size: size,
        max_headers: headers,
        max_start_line: line,
        ..HeadLimits::default()
    };
    assert!(read(limits(head.len(), 2, 5), head).unwrap().is_some());
    assert_eq!(read(limits(head.len() - 1, 2, 5), head).err(), Some(HeadError::TooLarge));
    assert_eq!(read(limits(head.len(), 1, 5), head).err(), Some(HeadError::TooManyHeaders));
    assert_eq!(read(limits(head.len(), 2, 4), head).err(), Some(HeadError::StartLineTooLong));
    // Refused as soon as the limit is exceeded, not at the end of the line or the head.
    assert_eq!(read(limits(100, 2, 4), "GET /").err(), Some(HeadError::StartLineTooLong));
    assert_eq!(read(limits(100, 1, 5), "G\r\nA: b\r\nC").err(), Some(HeadError::TooManyHeaders));
    // No limit that a caller sets causes a panic.
    let zero = limits(0, 0, 0);
    assert_eq!(read(zero, head).err(), Some(HeadError::TooLarge));
    let max = limits(usize::MAX, usize::MAX, usize::MAX);
    let many: String = (0..40_000).map(|number| format!("a{number}: b\r\n")).collect();
    let many = format!("G\r\n{many}\r\n");
    assert_eq!(read(max, &many).err(), Some(HeadError::TooManyHeaders));
    let long = format!("G\r\n{}: b\r\n\r\n", "a".repeat(70_000));
    assert!(matches!(read(max, &long), Err(HeadError::Malformed(_))));
}

#[test]
fn item_1_each_role_names_the_limit() {
    let head = |line: usize, headers: usize, size: usize| {
        let headers = "a: b\r\n".repeat(headers);
        // Long enough as a request line, and not refused earlier as a status line.
        format!("HTTP/{}\r\n{headers}x: {}", "1".repeat(line - 5), "y".repeat(size))
    };
    for (bytes, status, error) in [
        (head(8193, 0, 0), 414, HandshakeError::StartLineTooLong { limit: 8192 }),
        (head(8192, 100, 0), 431, HandshakeError::TooManyHeaders { limit: 100 }),
        (head(8192, 99, 9000), 431, HandshakeError::HeadTooLarge { limit: 16384 }),
    ] {
        let mut server = ServerHandshake::new(HeadLimits::default());
        assert_eq!(server.receive(bytes.as_bytes()).unwrap_err().status().as_u16(), status);
        assert_eq!(client(HeadLimits::default()).receive(bytes.as_bytes()), Err(error));
    }
}

/// A slow peer is allowed: the number of reads is not limited.
#[test]
fn item_2_a_head_may_arrive_byte_by_byte() {
    let padding = format!("x: {}\r\n", "y".repeat(1000)).repeat(14);
    let bytes = REQUEST.replace("Host", &format!("{padding}Host"));
    let pieces: Vec<&[u8]> = bytes.as_bytes().chunks(1).collect();
    let limits = HeadLimits::default();
    assert_eq!(run_server(&pieces, limits), run_server(&[bytes.as_bytes()], limits));
    assert!(run_server(&pieces, limits).starts_with("Request"));
}

/// After every prefix of a valid conversation more input is needed; no result is returned early.
#[test]
fn no_prefix_of_a_head_is_accepted() {
    let limits = HeadLimits::default();
    let request = REQUEST.find("\r\n\r\n").unwrap() + 4;
    let answer = ANSWER.rfind("\r\n\r\n\x01").unwrap() + 4;
    for end in 0..request {
        let mut server = ServerHandshake::new(limits);
        assert!(server.receive(&REQUEST.as_bytes()[..end]).unwrap().is_none());
    }
    for end in 0..answer {
        assert_eq!(client(limits).receive(&ANSWER.as_bytes()[..end]), Ok(None));
    }
}

/// Bytes that resemble heads: pieces of valid ones, separators, arbitrary bytes.
fn head_like() -> impl Strategy<Value = Vec<u8>> {
    let pieces = REQUEST.split_inclusive(['\n', ' ', ',', ';']);
    let pieces =
        pieces.chain([ANSWER, FOLDED].into_iter().flat_map(|answer| answer.split_inclusive(['\n', ' ', ':'])));
    let pieces: Vec<&str> = pieces.collect();
    let piece = prop_oneof![
        6 => prop::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        2 => "[\r\n\t ,;:=\"/a0]{0,3}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Valid conversations with at most one byte changed, and limits that they may exceed.
fn nearly_good() -> impl Strategy<Value = (Vec<u8>, HeadLimits)> {
    let bytes = prop::sample::select(vec![REQUEST, ANSWER, REFUSAL, FOLDED]);
    let limits = (20..400usize, 0..9usize, 0..40usize, 0..30usize).prop_map(|limits| HeadLimits {
        max_head_size: limits.0,
        max_headers: limits.1,
        max_start_line: limits.2,
        max_refusal_body: limits.3,
    });
    let limits = prop_oneof![Just(HeadLimits::default()), limits];
    (bytes, any::<prop::sample::Index>(), prop::option::of(any::<u8>()), limits).prop_map(
        |(bytes, at, change, limits)| {
            let mut bytes = bytes.as_bytes().to_vec();
            if let Some(change) = change {
                *at.get_mut(&mut bytes) = change;
            }
            (bytes, limits)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_split_gives_the_same(
        (bytes, limits) in nearly_good(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let pieces = split(&bytes, &cuts);
        prop_assert_eq!(run_client(&pieces, limits), run_client(&[&bytes], limits));
        prop_assert_eq!(run_server(&pieces, limits), run_server(&[&bytes], limits));
    }

    #[test]
    fn any_split_of_anything_gives_the_same(
        bytes in head_like(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let limits = HeadLimits::default();
        let pieces = split(&bytes, &cuts);
        prop_assert_eq!(run_client(&pieces, limits), run_client(&[&bytes], limits));
        prop_assert_eq!(run_server(&pieces, limits), run_server(&[&bytes], limits));
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        run_client(&[&bytes], HeadLimits::default());
        run_server(&[&bytes], HeadLimits::default());
    }

    /// Whatever a caller sets is either refused or arrives at the server unchanged.
    #[test]
    fn nothing_can_be_injected(
        host in "[a\\[\\]:.,/@ \r\n]{1,4}",
        target in "/[a?#% \r\n\\PC]{0,6}",
        origin in prop::option::of("[a:/ \r\n\\PC]{0,5}"),
        subprotocols in prop::collection::vec("[ab,; \r\n]{1,2}", 0..3),
        extension in prop::option::of("[ab,;=\" \r\n]{1,2}"),
    ) {
        let mut request = ClientRequest::new(&*host, &*target);
        request.origin = origin.clone();
        request.subprotocols = subprotocols.clone();
        request.extensions = extension.map(Extension::new).into_iter().collect();
        let limits = HeadLimits::default();
        if let Ok(mut client) = ClientHandshake::new(&request, [7; 16], limits) {
            let mut server = ServerHandshake::new(limits);
            let mut received = server.receive(client.request()).unwrap().unwrap();
            prop_assert_eq!(received.host(), host);
            prop_assert_eq!(received.target(), target);
            prop_assert_eq!(received.origin(), origin.as_deref());
            prop_assert_eq!(received.subprotocols(), subprotocols);
            prop_assert_eq!(received.extensions(), &*request.extensions);
            prop_assert_eq!(received.take_leftover(), b"");

            let chosen = received.subprotocols().last().cloned();
            let answer =
                received.accept(chosen.as_deref(), received.extensions(), Headers::new());
            let accepted = client.receive(&answer.unwrap()).unwrap().unwrap();
            prop_assert_eq!(accepted.handshake.subprotocol, chosen);
            prop_assert_eq!(accepted.handshake.extensions, request.extensions);
        }
    }
}
