//! Messages that are sent or received as streams, and large ones with control frames in between.

use super::*;

#[test]
fn a_flushed_stream_can_be_read_up_to_the_flush() {
    limited(|| {
        let (sending, mut receiving) = both(options(), options());
        receiving.set_recv_timeout(Some(Duration::from_secs(10)));
        let (sender, _receiver) = sending.split();
        let (go_on, read) = mpsc::channel();
        let writing = thread::spawn(move || {
            let mut writer = sender.send_stream(Kind::Text).unwrap();
            for part in ["", "the first part ", "and the second", "", ", € and "] {
                writer.write_all(part.as_bytes()).unwrap();
                writer.flush().unwrap();
                // Without new data, nothing is sent.
                let before = sender.stats().wire_sent;
                writer.flush().unwrap();
                assert_eq!(sender.stats().wire_sent, before);
                read.recv().unwrap();
            }
            writer.write_all(&[b'y'; 100_000]).unwrap();
            writer.finish().unwrap();
        });
        // The writer waits: only what was flushed arrives.
        go_on.send(()).unwrap();
        let mut reader = receiving.recv_stream().unwrap().unwrap();
        let mut buf = [0; 1000];
        for part in ["the first part ", "and the second", ", € and "] {
            let count = reader.read(&mut buf).unwrap();
            assert_eq!(std::str::from_utf8(&buf[..count]).unwrap(), part);
            go_on.send(()).unwrap();
            if part == "and the second" {
                go_on.send(()).unwrap();
            }
        }
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert!(rest == "y".repeat(100_000));
        writing.join().unwrap();
    });
}

/// Data that has arrived completely is returned at once, not only when the next frame begins.
#[test]
fn the_content_of_a_frame_is_returned_before_the_next_one_arrives() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options()));
        ws.set_recv_timeout(Some(Duration::from_secs(10)));
        let mut deflate = Deflate::new();
        let mut part = |first, text: &str| masked(first, deflate.part(text, flate2::FlushCompress::Sync));
        raw.send(part(0x01 | RSV1, "one"));
        let mut buf = [0; 100];
        let received = ws.recv_into(&mut buf).unwrap();
        assert_eq!(received, Some(Received { kind: Kind::Text, len: 3, is_final: false }));
        raw.send(part(0x00, "three"));
        let received = ws.recv_into(&mut buf).unwrap();
        assert_eq!(received, Some(Received { kind: Kind::Text, len: 5, is_final: false }));
        raw.send(masked(0x80, [0]));
        let received = ws.recv_into(&mut buf).unwrap();
        assert_eq!(received, Some(Received { kind: Kind::Text, len: 0, is_final: true }));
        raw.send(part(0x01 | RSV1, "four"));
        let mut reader = ws.recv_stream().unwrap().unwrap();
        assert_eq!(reader.read(&mut buf).unwrap(), 4);
        raw.send(masked(0x80, [0]));
        assert_eq!(reader.read(&mut buf).unwrap(), 0);
    });
}

#[test]
fn only_the_first_frame_of_a_stream_has_rsv1_and_control_frames_may_come_between() {
    limited(|| {
        let (ws, mut raw) = with_raw_client(deflated(options()));
        let (sender, _receiver) = ws.split();
        let content = [noise(300_000), words(300_000).into_bytes()].concat();
        let expected = content.clone();
        let reading = thread::spawn(move || {
            let frames = frames(&mut raw);
            raw.send(masked(CLOSE, close_payload(1000, "")));
            (frames, raw)
        });
        let mut writer = sender.send_stream(Kind::Binary).unwrap();
        for (i, part) in content.chunks(50_000).enumerate() {
            writer.write_all(part).unwrap();
            sender.ping(&[i as u8]).unwrap();
            if i == 3 {
                writer.flush().unwrap();
            }
        }
        writer.finish().unwrap();
        // After the end, it stays at its end.
        writer.finish().unwrap();
        assert_eq!(writer.write(b"more").unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
        drop(writer);
        let (frames, _raw) = reading.join().unwrap();
        let (pings, data): (Vec<&Frame>, Vec<&Frame>) = frames.iter().partition(|frame| frame.first & 8 != 0);
        assert!(pings.iter().map(|ping| ping.payload[0]).eq(0..12), "all pings, in their order");
        assert!(pings.iter().all(|ping| ping.first == PING));
        assert_eq!(data[0].first, 0x02 | RSV1);
        assert!(data.len() > 4 && data[1..data.len() - 1].iter().all(|frame| frame.first == 0x00));
        assert_eq!(data.last().unwrap().first, 0x80);
        // About 64 KiB: not so large that others wait long, nor so small that headers matter.
        assert!(data.iter().all(|frame| frame.payload.len() <= 160 * KIB));
        assert!(Inflate::new().message(joined(&frames)) == expected);
    });
}

#[test]
fn a_small_stream_is_one_frame_and_large_ones_have_no_unnecessary_frames() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options().threshold(128)));
        for size in [127, 128, 16 * KIB, 17 * KIB, 50_000] {
            let content = words(size);
            let mut writer = ws.send_stream(Kind::Text).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
            writer.finish().unwrap();
            drop(writer);
            // The compressor has no output for a frame before the end.
            let frame = raw.frame();
            assert_eq!(frame.first, if size < 128 { TEXT } else { TEXT | RSV1 }, "{size}");
        }
    });
}

#[test]
fn an_unfinished_compressed_stream_closes_with_1011() {
    limited(|| {
        for part in [&b"begun"[..], b""] {
            let (mut ws, mut raw) = with_raw_client(deflated(options()));
            let mut writer = ws.send_stream(Kind::Binary).unwrap();
            writer.write_all(part).unwrap();
            writer.flush().unwrap();
            drop(writer);
            assert!(matches!(ws.send("x"), Err(Error::Closed(Closed::Sent))));
            let mut frame = raw.frame();
            if !part.is_empty() {
                assert_eq!(frame.first, 0x02 | RSV1);
                assert!(Inflate::new().part(frame.payload) == part);
                frame = raw.frame();
            }
            assert_eq!(frame.close_code(), 1011);
            raw.send(masked(CLOSE, close_payload(1011, "")));
            assert!(ws.recv().unwrap().is_none());
        }
    });
}

/// Text may be split anywhere between two writes, but must be complete at the end.
#[test]
fn a_compressed_text_stream_is_validated() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options().threshold(0)));
        let mut writer = ws.send_stream(Kind::Text).unwrap();
        let euro = "€".as_bytes();
        writer.write_all(&euro[..1]).unwrap();
        writer.flush().unwrap();
        assert!(matches!(writer.finish(), Err(Error::Usage(_))));
        writer.write_all(&euro[1..]).unwrap();
        writer.finish().unwrap();
        drop(writer);
        assert_eq!(next_message(&mut raw, &mut Inflate::new()), (true, euro.to_vec()));
    });
}

#[test]
fn item_14_pings_are_answered_between_the_frames_of_a_large_message() {
    limited(|| {
        let (ws, mut raw) = with_raw_client(deflated(options().level(1)));
        let (sender, mut receiver) = ws.split();
        let content = noise(24 * MIB);
        let sending = {
            let content = content.clone();
            thread::spawn(move || sender.send(&content).map(|()| sender))
        };
        // The message is blocked because the peer does not read. The receiver is not affected by that.
        let first = raw.frame();
        for i in 0..100u8 {
            raw.send(masked(PING, [i]));
        }
        raw.send(masked(TEXT, "still received"));
        assert_eq!(receiver.recv().unwrap(), Some(Message::Text("still received".into())));
        let receiving = thread::spawn(move || (receiver.recv(), receiver));
        // Now it reads.
        assert_eq!(first.first, 0x02 | RSV1);
        let mut all = vec![first];
        all.extend(frames(&mut raw));
        // The last one counts; earlier ones need not be answered. Everything that was read ends with the message.
        let pong = all.iter().rfind(|frame| frame.first == PONG).expect("a pong between the frames");
        assert_eq!(pong.payload, [99]);
        assert!(Inflate::new().message(joined(&all)) == content);
        let sender = sending.join().unwrap().unwrap();
        sender.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert_eq!(raw.frame().close_code(), 1000);
        raw.send(masked(CLOSE, close_payload(1000, "")));
        assert!(receiving.join().unwrap().0.unwrap().is_none());
    });
}

/// Nothing is sent after a Close frame, and a message that has begun is not interrupted by one.
#[test]
fn a_close_frame_follows_the_compressed_message_that_is_being_sent() {
    limited(|| {
        let (ws, mut raw) = with_raw_client(deflated(options().level(1)));
        let (sender, receiver) = ws.split();
        let content = noise(24 * MIB);
        let sending = {
            let (sender, content) = (sender.clone(), content.clone());
            thread::spawn(move || sender.send(&content))
        };
        let first = raw.frame();
        let closing = sleeper(move || sender.close_start(CloseCode::NORMAL_CLOSURE, ""));
        closing.until_asleep();
        raw.send(masked(PING, "late"));
        let mut all = vec![first];
        all.extend(frames(&mut raw));
        assert!(Inflate::new().message(joined(&all)) == content);
        sending.join().unwrap().unwrap();
        closing.join().unwrap();
        assert_eq!(raw.frame().close_code(), 1000);
        drop(receiver);
    });
}
