//! Which messages an endpoint compresses, and into which frames.

use super::*;

/// The window is kept from message to message, whatever is between them.
#[test]
fn takeover_across_uncompressed_messages_and_pieces() {
    for role in ROLES {
        for want in [WHOLE, PIECES, BYTEWISE] {
            let mut inbound = inbound(role);
            inbound.set_inflater(Inflater::new(role, &Compression::default(), &agreed(false)));
            let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
            let wire = frames(
                role,
                &[
                    (TEXT | RSV1, &deflated(b"Hello")),
                    (TEXT | RSV1, &again),
                    (TEXT, b"plain"),
                    (BINARY | RSV1, b"\0"),
                    (TEXT_BEGIN | RSV1, &again[..2]),
                    (PING, b""),
                    (LAST, &again[2..]),
                ],
            );
            let expected = vec![
                text("Hello"),
                text("Hello"),
                text("plain"),
                binary(b""),
                Seen::Ping(Vec::new()),
                text("Hello"),
            ];
            assert_eq!(feed(&mut inbound, &wire, &[want]), (expected, None));
            inbound.shrink();
            let wire = frames(role, &[(TEXT | RSV1, &again)]);
            assert_eq!(feed(&mut inbound, &wire, &[want]), (vec![text("Hello")], None));
        }
    }
}

#[test]
fn messages_are_compressed_as_the_mode_says() {
    let long = "message ".repeat(20);
    for role in ROLES {
        for (fresh, compress, message, expected) in [
            (false, Compress::Auto, "", true),
            (false, Compress::Auto, "a", true),
            (true, Compress::Auto, "", false),
            (true, Compress::Auto, &long[..127], false),
            (true, Compress::Auto, &long[..128], true),
            (false, Compress::Never, &long, false),
            (true, Compress::Always, "", true),
            (true, Compress::Always, "a", true),
        ] {
            let mut sender = compressing(role, &Compression::default(), &agreed(fresh));
            sender.set_compress(compress);
            sender.send(message).unwrap();
            let frames = split(role, &written(&mut sender));
            assert_eq!(frames.len(), 1);
            assert_eq!(frames[0].0, if expected { TEXT | RSV1 } else { TEXT }, "{compress:?}");

            // Compression was not agreed on.
            let mut sender = endpoint(role);
            sender.set_compress(compress);
            sender.send(message).unwrap();
            assert_eq!(sent(role, &mut sender), [text(message)]);
        }
        let mut sender = compressing(role, &Compression::default(), &agreed(false));
        sender.send(&long).unwrap();
        assert_eq!(split(role, &written(&mut sender))[0].0, TEXT | RSV1, "Auto is the default");
    }
}

/// Whether a message is compressed is decided at its beginning.
#[test]
fn a_message_in_fragments_is_compressed_or_not_as_a_whole() {
    for role in ROLES {
        let mut sender = compressing(role, &Compression::default(), &agreed(true));
        let mut receiver = inflating(other(role));
        let mut take = |sender: &mut Protocol| {
            let wire = written(sender);
            let (seen, error) = feed(&mut receiver, &wire, &[WHOLE]);
            assert_eq!(error, None);
            (split(role, &wire).iter().map(|(first, _)| *first).collect::<Vec<_>>(), seen)
        };
        // Compressed because the length is not known.
        sender.send_fragment(Kind::Text, b"a", false).unwrap();
        sender.ping(b"?").unwrap();
        sender.set_compress(Compress::Never);
        sender.send_fragment(Kind::Text, b"", false).unwrap();
        sender.send_fragment(Kind::Text, b"b", false).unwrap();
        sender.send_fragment(Kind::Text, b"c", true).unwrap();
        let (firsts, seen) = take(&mut sender);
        assert_eq!(firsts, [TEXT_BEGIN | RSV1, PING, MORE, LAST]);
        assert_eq!(seen, [Seen::Ping(b"?".to_vec()), text("abc")]);

        sender.send_fragment(Kind::Text, b"a", false).unwrap();
        sender.set_compress(Compress::Always);
        sender.send_fragment(Kind::Text, &[b'b'; 1000], false).unwrap();
        sender.send_fragment(Kind::Text, b"", true).unwrap();
        let (firsts, seen) = take(&mut sender);
        assert_eq!(firsts, [TEXT_BEGIN, MORE, LAST]);
        assert_eq!(seen, [text(&format!("a{}", "b".repeat(1000)))]);

        // An empty first part sends nothing, but begins the message.
        sender.send_fragment(Kind::Text, b"", false).unwrap();
        assert!(sender.output().is_empty());
        sender.set_compress(Compress::Never);
        sender.send_fragment(Kind::Text, b"a", false).unwrap();
        sender.send_fragment(Kind::Text, b"", true).unwrap();
        sender.send("plain").unwrap();
        let (firsts, seen) = take(&mut sender);
        assert_eq!(firsts, [TEXT_BEGIN | RSV1, LAST, TEXT]);
        assert_eq!(seen, [text("a"), text("plain")]);

        sender.set_compress(Compress::Always);
        sender.send_fragment(Kind::Binary, b"", false).unwrap();
        sender.send_fragment(Kind::Binary, b"", true).unwrap();
        let (firsts, seen) = take(&mut sender);
        assert_eq!(firsts, [BINARY | RSV1]);
        assert_eq!(seen, [binary(b"")]);
    }
}

#[test]
fn a_large_message_is_sent_in_frames_of_bounded_size() {
    for role in ROLES {
        let mut sender = compressing(role, &Compression::default(), &agreed(false));
        let message = noise(700_000);
        for _ in 0..2 {
            sender.send(&message[..]).unwrap();
            let wire = written(&mut sender);
            let frames = split(role, &wire);
            assert!((5..=10).contains(&frames.len()), "{}", frames.len());
            assert!(frames.iter().all(|(_, payload)| payload.len() <= 208 << 10));
            let firsts: Vec<_> = frames.iter().map(|(first, _)| *first).collect();
            let (last, begin) = firsts.split_last().unwrap();
            assert_eq!((*last, begin[0]), (LAST, BINARY_BEGIN | RSV1));
            assert!(begin[1..].iter().all(|first| *first == MORE));
            let (seen, error) = feed(&mut inflating(other(role)), &wire, &[WHOLE]);
            assert!(error.is_none() && seen == [binary(&message)]);
        }
        // A message that compresses well is one frame, however large it is.
        sender.send(vec![0; 5_000_000]).unwrap();
        assert_eq!(split(role, &written(&mut sender)).len(), 1);
    }
}

#[test]
fn a_client_told_to_use_8_window_bits_sends_uncompressed() {
    let options = Compression::default();
    let answer =
        crate::proto::handshake::Extension::new("permessage-deflate").with_param("client_max_window_bits", "8");
    let agreed = confirm(&options, &[answer]).unwrap().unwrap();
    let mut client = compressing(Role::Client, &options, &agreed);
    client.set_compress(Compress::Always);
    client.send("message ".repeat(100)).unwrap();
    client.send_fragment(Kind::Text, b"a", false).unwrap();
    client.send_fragment(Kind::Text, b"b", true).unwrap();
    assert_eq!(sent(Role::Client, &mut client), [text(&"message ".repeat(100)), text("ab")]);
    // And reads what the server compresses.
    let bytes = frames(Role::Client, &[(TEXT | RSV1, &deflated(b"Hello"))]);
    assert_eq!(deliver(&mut client, &bytes), (vec![text("Hello")], None));
}

/// Memory for output is released between messages.
#[test]
fn item_15_output_memory_is_released() {
    let mut out = Outbound::server();
    out.set_deflater(Deflater::new(Role::Server, &Compression::default(), &agreed(false)));
    let message = noise(100_000);
    assert!(out.compresses(Compress::Always, true, None));
    let mut frames = Deflating::new([&message[..]], End::Message);
    while let Some(deflated) = frames.next_frame(&mut out) {
        let mut frame = out.begin_deflated(Opcode::Binary, &deflated);
        out.add(&mut frame, &deflated.payload);
        out.recycle(deflated, false);
    }
    assert!(out.capacity() > 100_000 + (64 << 10), "both are counted");
    out.shrink();
    assert!(out.capacity() > 100_000, "not all has been written");
    let count = out.pending().len();
    out.consume(count);
    out.shrink();
    assert_eq!(out.capacity(), 0);
}

/// However it is split, and even if its rest is finished without compression, it remains one message.
#[test]
fn parts_of_a_message_are_compressed_into_frames_of_one_message() {
    let message = noise(200_000);
    for cut in [1000, 70_000, 200_000] {
        for hurry_from in [0, 1, usize::MAX] {
            let mut out = Outbound::server();
            out.set_deflater(Deflater::new(Role::Server, &Compression::default(), &agreed(false)));
            let mut frames = Deflating::new(message.chunks(cut), End::Message);
            let mut count = 0;
            while let Some(deflated) = frames.next_frame(&mut out) {
                let mut frame = out.begin_deflated(Opcode::Binary, &deflated);
                out.add(&mut frame, &deflated.payload);
                out.recycle(deflated, count >= hurry_from);
                count += 1;
            }
            assert!(count > 2, "several frames");
            assert!(frames.next_frame(&mut out).is_none());
            assert!(!out.is_deflating() && !out.is_fragmenting());
            assert_eq!(feed(&mut inflating(Role::Client), out.pending(), &[WHOLE]), (vec![binary(&message)], None));
        }
    }
    // Nothing is sent for a part that need not reach the peer yet; an end without data is a frame.
    let mut out = Outbound::server();
    out.set_deflater(Deflater::new(Role::Server, &Compression::default(), &agreed(false)));
    assert!(Deflating::new([&b"few bytes"[..], b"and more"], End::of(false, false)).next_frame(&mut out).is_none());
    assert!(out.is_deflating());
    let mut rest = Deflating::new([&b""[..]; 0], End::of(true, false));
    let last = rest.next_frame(&mut out).expect("the end of the message");
    let mut frame = out.begin_deflated(Opcode::Binary, &last);
    out.add(&mut frame, &last.payload);
    assert!(rest.next_frame(&mut out).is_none() && !out.is_deflating());
    assert_eq!(
        feed(&mut inflating(Role::Client), out.pending(), &[WHOLE]),
        (vec![binary(b"few bytesand more")], None)
    );
}
