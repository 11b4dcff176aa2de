//! What is compressed on the wire, and what corrupt data does.

use super::*;

#[test]
fn compressed_messages_on_the_wire() {
    limited(|| {
        let (ws, mut raw) = with_raw_client(deflated(options().threshold(300)));
        let (mut sender, _receiver) = ws.split();
        let mut inflate = Inflate::new();
        for compress in [Compress::Never, Compress::Auto, Compress::Always] {
            sender.set_compress(compress);
            for way in WAYS {
                for size in [0, 1, 150, 299, 300, 301, 5_000, 40_000] {
                    let message = words(size).into_bytes();
                    send(&sender, way, &message);
                    let (compressed, received) = next_message(&mut raw, &mut inflate);
                    assert!(received == message, "{compress:?} {way:?} {size}");
                    let expected = match compress {
                        Compress::Never => false,
                        Compress::Always => true,
                        // Once something must be sent, the size of the message is not known.
                        Compress::Auto => size >= 300 || (way == Way::Flushed && size > 0),
                    };
                    assert_eq!(compressed, expected, "{compress:?} {way:?} {size}");
                }
            }
        }
    });
}

#[test]
fn by_default_all_messages_are_compressed_with_takeover_and_those_of_128_bytes_without_it() {
    limited(|| {
        let fresh = || options().server_no_context_takeover(true);
        for (options, from) in [
            (options(), 0),
            (options().threshold(0), 0),
            (options().threshold(128), 128),
            (options().threshold(usize::MAX), 2000),
            (fresh(), 128),
            (fresh().threshold(0), 0),
            (fresh().threshold(1), 1),
            (options().free_between_messages(true), 0),
        ] {
            let (mut ws, mut raw) = with_raw_client(deflated(options));
            for size in [0, 1, 127, 128, 1999] {
                ws.send(words(size)).unwrap();
                assert_eq!(raw.frame().first & RSV1 != 0, size >= from, "{size} of {from}");
            }
        }
    });
}

#[test]
fn with_compress_applies_to_one_message_and_each_sender_has_its_own_setting() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options().threshold(128)));
        let mut is_compressed = || raw.frame().first & RSV1 != 0;
        let text = words(1000);
        ws.with_compress(Compress::Never).send(&text[..]).unwrap();
        ws.send(&text[..]).unwrap();
        assert_eq!([is_compressed(), is_compressed()], [false, true]);
        ws.with_compress(Compress::Always).feed("x").unwrap();
        ws.send("x").unwrap();
        assert_eq!([is_compressed(), is_compressed()], [true, false]);
        ws.set_compress(Compress::Never);
        ws.send(&text[..]).unwrap();
        let (local, _) = ws.parts();
        local.send(&text[..]).unwrap();
        local.with_compress(Compress::Auto).send(&text[..]).unwrap();
        local.send(&text[..]).unwrap();
        assert_eq!(
            [is_compressed(), is_compressed(), is_compressed(), is_compressed()],
            [false, false, true, false]
        );

        let (never, _receiver) = ws.split();
        let mut always = never.clone();
        always.set_compress(Compress::Always);
        let auto = always.with_compress(Compress::Auto);
        let clone = always.clone();
        for sender in [&never, &always, &auto, &clone] {
            sender.send("x").unwrap();
            sender.send(&text[..]).unwrap();
        }
        let seen: Vec<bool> = (0..8).map(|_| is_compressed()).collect();
        assert_eq!(seen, [false, false, true, true, false, true, true, true]);
    });
}

#[test]
fn messages_refer_to_earlier_ones_unless_takeover_is_off() {
    limited(|| {
        let text = noise(1000);
        for (options, offer, refers) in [
            (options(), "", true),
            (options().server_no_context_takeover(true), "", false),
            (options(), "; server_no_context_takeover", false),
            (options().free_between_messages(true), "", false),
            // These settings concern the other direction.
            (options().client_no_context_takeover(true), "", true),
            (options(), "; client_no_context_takeover", true),
        ] {
            let offer = format!("Sec-WebSocket-Extensions: permessage-deflate{offer}\r\n");
            let (mut ws, mut raw, _) = raw_client_with(&deflated(options.clone()), &offer);
            let mut inflate = Inflate::new();
            for round in 0..3 {
                ws.send(&text[..]).unwrap();
                let frame = raw.frame();
                assert_eq!(frame.first, BINARY | RSV1);
                let is_small = frame.payload.len() < 100;
                assert_eq!(is_small, refers && round > 0, "{options:?} {offer}: {}", frame.payload.len());
                if !refers {
                    inflate = Inflate::new();
                }
                assert!(inflate.message(frame.payload) == text);
            }
        }
    });
}

/// The client's; the peer's inflater has no window from earlier messages.
#[test]
fn a_client_also_keeps_to_what_was_agreed_on() {
    limited(|| {
        let text = noise(1000);
        for (answer, refers, compressed) in [
            ("permessage-deflate", true, true),
            ("permessage-deflate; client_no_context_takeover", false, true),
            ("permessage-deflate; server_no_context_takeover", true, true),
            // The engine does not support such a small window.
            ("permessage-deflate; client_max_window_bits=8", true, false),
        ] {
            let headers = format!("Sec-WebSocket-Extensions: {answer}\r\n");
            let (addr, server) = raw_server(move |mut raw| {
                raw.accept_with(&headers, "");
                [raw.frame(), raw.frame()]
            });
            let mut ws = client_with(options()).connect(&format!("ws://{addr}/")).unwrap();
            ws.set_compress(Compress::Always);
            ws.send(&text[..]).unwrap();
            ws.send(&text[..]).unwrap();
            let [first, second] = server.join();
            assert!(first.masked && second.masked);
            assert_eq!(first.first, if compressed { BINARY | RSV1 } else { BINARY }, "{answer}");
            if compressed {
                assert_eq!(second.payload.len() < 100, refers, "{answer}");
                let mut inflate = Inflate::new();
                assert!(inflate.message(first.payload) == text);
                let mut inflate = if refers { inflate } else { Inflate::new() };
                assert!(inflate.message(second.payload) == text);
            } else {
                assert!(first.payload == text && second.payload == text);
            }
        }
    });
}

#[test]
fn window_bits_limit_how_far_back_a_message_refers() {
    limited(|| {
        let once = noise(5000);
        let twice = once.repeat(2);
        for (bits, refers) in [(15, true), (13, true), (12, false), (9, false)] {
            let (mut ws, mut raw) = with_raw_client(deflated(options().server_max_window_bits(bits)));
            ws.send(&twice[..]).unwrap();
            let size = raw.frame().payload.len();
            assert_eq!(size < 6000, refers, "{bits} bits: {size}");
            // And the client's, as its server demands.
            let (mut client, mut server) = both(options(), options().client_max_window_bits(bits));
            client.send(&twice[..]).unwrap();
            assert!(server.recv().unwrap() == binary(&twice[..]));
            let size = client.stats().wire_sent;
            assert_eq!(size < 6000, refers, "{bits} bits: {size}");
        }
    });
}

#[test]
fn a_higher_level_makes_messages_smaller() {
    limited(|| {
        let sizes = [1, 6, 9].map(|level| {
            let (mut ws, mut raw) = with_raw_client(deflated(options().level(level)));
            let text: String = (0..20_000u32)
                .map(|i| ["the", " quick", " brown", "\nfox", " jumps"][(i.wrapping_mul(i) >> 3) as usize % 5])
                .collect();
            let reading = thread::spawn(move || next_message(&mut raw, &mut Inflate::new()));
            ws.send(&text[..]).unwrap();
            assert!(reading.join().unwrap() == (true, text.into_bytes()));
            ws.stats().wire_sent
        });
        assert!(sizes[0] > sizes[1] && sizes[1] >= sizes[2], "{sizes:?}");
    });
}

/// Peers may compress in different ways.
#[test]
fn item_22_messages_in_many_frames_and_blocks_are_inflated() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options()));
        let mut deflate = Deflate::new();
        let text = words(2000);
        // One byte of the compressed message per frame, with empty frames in between.
        let payload = deflate.message(&text);
        raw.send(masked(0x01 | RSV1, ""));
        for byte in &payload {
            raw.send([masked(0x00, [*byte]), masked(0x00, "")].concat());
        }
        raw.send(masked(0x80, ""));
        assert_eq!(ws.recv().unwrap(), Some(Message::Text(text.clone())));
        // Several flushes in one frame; the empty message in all its forms; uncompressed messages in between.
        let parts = [
            deflate.part(&text[..700], flate2::FlushCompress::Sync),
            deflate.part(&text[700..], flate2::FlushCompress::Full),
            vec![0],
        ];
        raw.send(masked(TEXT | RSV1, parts.concat()));
        assert_eq!(ws.recv().unwrap(), Some(Message::Text(text.clone())));
        raw.send([masked(TEXT | RSV1, [0]), masked(TEXT | RSV1, ""), masked(TEXT, "")].concat());
        for _ in 0..3 {
            assert_eq!(ws.recv().unwrap(), Some(Message::Text(String::new())));
        }
        raw.send(masked(TEXT, "plain"));
        assert_eq!(ws.recv().unwrap(), Some(Message::Text("plain".into())));
        raw.send(masked(TEXT | RSV1, deflate.message(&text)));
        assert_eq!(ws.recv().unwrap(), Some(Message::Text(text)));
    });
}

#[test]
fn item_22_corrupt_messages_end_the_connection() {
    limited(|| {
        let text = words(1000);
        let cut = {
            let mut payload = Deflate::new().message(&text);
            payload.truncate(payload.len() / 2);
            payload
        };
        let early = masked(0x01 | RSV1, &Deflate::new().message(&text)[..20]);
        for (what, wire, code) in [
            ("garbage", masked(BINARY | RSV1, [0xff; 40]), 1007),
            ("cut off", masked(TEXT | RSV1, cut), 1007),
            ("a reference to nothing", masked(BINARY | RSV1, [0x02, 0x53, 0x00]), 1007),
            ("not UTF-8", masked(TEXT | RSV1, Deflate::new().message(b"good \xff bad")), 1007),
            ("text cut in a character", masked(TEXT | RSV1, Deflate::new().message(&"€".as_bytes()[..2])), 1007),
            ("RSV1 in a continuation", [early.clone(), masked(0x80 | RSV1, "x")].concat(), 1002),
            ("RSV1 in a ping", masked(PING | RSV1, "x"), 1002),
            ("RSV2", masked(TEXT | RSV1 | 0x20, Deflate::new().message(&text)), 1002),
            ("RSV3", masked(TEXT | 0x10, "x"), 1002),
        ] {
            for streams in [false, true] {
                let (mut ws, mut raw) = with_raw_client(deflated(options()));
                raw.send(&wire);
                let closed = refused(raw);
                let error = if streams { read_all(&mut ws).unwrap_err() } else { ws.recv().unwrap_err() };
                assert!(matches!(error, Error::Protocol(_)), "{what}: {error:?}");
                assert_eq!(error.close_code(), Some(CloseCode::from(code)), "{what}");
                assert_eq!(closed.join().unwrap(), code, "{what}");
                assert_eq!(ws.recv().unwrap_err().to_string(), error.to_string(), "the same ever after");
            }
        }
    });
}
