//! Limits apply to the inflated size.

use super::*;

/// Receives one message.
type Receive = fn(&mut WebSocket) -> landline::Result<Vec<u8>>;

/// All ways to do that.
const RECEIVE: [(&str, Receive); 4] = [
    ("recv", |ws| Ok(ws.recv()?.unwrap().as_bytes().to_vec())),
    ("recv_ref", |ws| Ok(ws.recv_ref()?.unwrap().as_bytes().to_vec())),
    ("recv_into", |ws| {
        let (mut all, mut buf) = (Vec::new(), [0; 1000]);
        loop {
            let Received { len, is_final, .. } = ws.recv_into(&mut buf)?.unwrap();
            all.extend_from_slice(&buf[..len]);
            if is_final {
                return Ok(all);
            }
        }
    }),
    ("recv_stream", read_all),
];

#[test]
fn item_9_the_limit_applies_to_the_inflated_size_exactly() {
    limited(|| {
        for limit in [1, 1000, 64 * KIB, 300 * KIB] {
            for (name, receive) in RECEIVE {
                for content in [vec![b'x'; limit + 1], noise(limit + 1)] {
                    let (mut ws, mut raw) = limited_to_size(limit);
                    let mut deflate = Deflate::new();
                    let reading = thread::spawn(move || {
                        for _ in 0..2 {
                            raw.send(masked(BINARY | RSV1, deflate.message(&content[1..])));
                        }
                        raw.send(masked(BINARY | RSV1, deflate.message(&content)));
                        (raw.frame().close_code(), content)
                    });
                    let at_limit = [receive(&mut ws).unwrap(), receive(&mut ws).unwrap()];
                    let error = receive(&mut ws).unwrap_err();
                    let (code, content) = reading.join().unwrap();
                    assert!(at_limit.iter().all(|message| message[..] == content[1..]), "{name} {limit}");
                    let expected = LimitError::MessageTooBig { limit: limit as u64, at_least: limit as u64 + 1 };
                    assert!(matches!(error, Error::Limit(e) if e == expected), "{name} {limit}: {error:?}");
                    assert_eq!(code, 1009, "{name} {limit}");
                }
            }
        }
    });
}

/// An uncompressed message may be refused at its header; a compressed one may be smaller or larger on the wire than it
/// really is, and only its real size counts.
#[test]
fn item_9_the_declared_length_of_a_compressed_frame_does_not_count() {
    limited(|| {
        let (mut ws, mut raw) = limited_to_size(100);
        // 200 empty blocks.
        let mut payload = [0, 0, 0, 0xff, 0xff].repeat(200);
        payload.extend(Deflate::new().message([b'x'; 100]));
        raw.send(masked(BINARY | RSV1, payload));
        assert_eq!(ws.recv().unwrap(), binary([b'x'; 100]));
        raw.send(masked(BINARY, [b'x'; 101]));
        let code = refused(raw);
        assert!(matches!(ws.recv(), Err(Error::Limit(LimitError::MessageTooBig { .. }))));
        assert_eq!(code.join().unwrap(), 1009);
    });
}

#[test]
fn item_9_the_limit_can_be_changed() {
    limited(|| {
        let (mut ws, mut raw) = limited_to_size(100);
        let mut deflate = Deflate::new();
        let mut next = |len: usize| masked(BINARY | RSV1, deflate.message(vec![7; len]));
        ws.set_max_message_size(5000);
        raw.send(next(5000));
        assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes(), [7; 5000]);
        ws.set_max_message_size(0);
        raw.send(next(0));
        assert_eq!(ws.recv().unwrap(), binary([]));
        // No more is inflated than is needed to see that the message is too large.
        raw.send(next(5000));
        let code = refused(raw);
        assert!(matches!(ws.recv(), Err(Error::Limit(LimitError::MessageTooBig { limit: 0, at_least: 1 }))));
        assert_eq!(code.join().unwrap(), 1009);
    });
}

#[test]
fn item_11_fragments_of_compressed_messages_are_counted() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options()).max_fragments(10));
        raw.send([masked(0x02 | RSV1, ""), masked(0x00, "").repeat(10)].concat());
        let code = refused(raw);
        assert!(matches!(ws.recv(), Err(Error::Limit(LimitError::TooManyFragments { limit: 10 }))));
        assert_eq!(code.join().unwrap(), 1008);
    });
}

/// What closing discards is not inflated.
#[test]
fn item_18_closing_does_not_inflate_a_decompression_bomb() {
    limited(|| {
        let config = deflated(options()).max_message_size(u64::MAX).close_timeout(Duration::from_millis(300));
        let (mut ws, mut raw) = with_raw_client(config);
        raw.send(masked(BINARY | RSV1, bomb(64)));
        let error = ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap_err();
        assert!(matches!(error, Error::Closed(Closed::CloseUnanswered)), "{error:?}");
        assert_eq!(ws.stats().payload_received, 0);
    });
}
