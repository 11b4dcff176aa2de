//! The frames that messages are split into: their size, parts and flushes, memory, and which messages are compressed.

use super::*;

#[test]
fn frames_stay_small_whatever_the_message() {
    // The size of a frame, what the engine may hold back, and the input after that; a little more if data grows.
    const LARGEST: usize = 208 << 10;
    for (message, least, most) in [
        (noise(2_000_000, 7), 16, 31),
        (vec![7; 5_000_000], 1, 1),
        (words(2_000_000, 7), 1, 20),
        ([noise(65_535, 8), vec![0; 65_537], noise(1, 9)].concat(), 1, 3),
        (noise(65_536, 8), 1, 3),
        (noise(131_072, 8), 1, 3),
    ] {
        for level in [1, 6] {
            let mut deflater = Deflater::new(Role::Server, &Compression::default().level(level), &FRESH);
            for _ in 0..2 {
                let frames = frames(&mut deflater, &message);
                let lens: Vec<_> = frames.iter().map(Vec::len).collect();
                assert!((least..=most).contains(&frames.len()), "{lens:?} for {}", message.len());
                assert!(lens.iter().all(|len| (1..=LARGEST).contains(len)), "{lens:?}");
                // All but the last are as large as a frame should be.
                assert!(lens.iter().rev().skip(1).all(|len| *len >= 64 << 10), "{lens:?}");
                let inflated = inflate_by(&mut inflater(&FRESH), &frames.concat(), usize::MAX, 60_000);
                assert!(inflated.as_ref() == Ok(&message));
            }
            assert!(deflater.capacity() <= 2 * LARGEST, "{}", deflater.capacity());
        }
    }
}

/// Input comes out when it is flushed, and otherwise not before there is enough of it for a frame.
#[test]
fn parts_and_flushes() {
    let mut deflater = deflater(&TAKEOVER);
    let mut inflater = inflater(&TAKEOVER);
    for round in 0..3 {
        let mut output = vec![0; 100_000];
        let mut said = Vec::new();
        let mut heard = Vec::new();
        assert!(!deflater.is_open());
        for part in 0..50u32 {
            let data = if part % 5 == 4 { Vec::new() } else { words(part as usize * 31, round + part) };
            let end = if part % 3 == 2 { End::Flush } else { End::Part };
            let mut input = &data[..];
            said.extend_from_slice(&data);
            let due = deflater.run(&mut input, end);
            assert!(input.is_empty() && deflater.is_open());
            if end == End::Part {
                // Gathered, in however many calls.
                assert_eq!(due, None);
                continue;
            }
            assert_eq!(due.as_ref().map(|(_, last)| *last), (heard.len() < said.len()).then_some(false));
            let payload = due.map(|(payload, _)| payload).unwrap_or_default();
            let done = inflater.run(&payload, &mut output, false).unwrap();
            assert_eq!((done.taken, done.more), (payload.len(), false));
            heard.extend_from_slice(&output[..done.made]);
            assert_eq!(heard, said);
            deflater.reuse(payload);
            // There is nothing more to flush.
            assert_eq!(deflater.run(&mut &b""[..], End::Flush), None);
        }
        let mut end = &b"end"[..];
        let (payload, last) = deflater.run(&mut end, End::Message).unwrap();
        assert!(last && end.is_empty() && !deflater.is_open());
        let done = inflater.run(&payload, &mut output, true).unwrap();
        heard.extend_from_slice(&output[..done.made]);
        assert_eq!(heard, [said, b"end".to_vec()].concat());
    }
}

/// After a flush, a message may end without any more input.
#[test]
fn a_message_may_end_right_after_a_flush() {
    for agreed in [TAKEOVER, FRESH] {
        let mut deflater = deflater(&agreed);
        let mut inflater = inflater(&agreed);
        for _ in 0..3 {
            let mut input = &b"Hello"[..];
            let (mut payload, last) = deflater.run(&mut input, End::Flush).unwrap();
            assert!(!last);
            let (rest, last) = deflater.run(&mut input, End::Message).unwrap();
            assert!(last);
            payload.extend(rest);
            assert!(payload.ends_with(&[0, 0, 0xff, 0xff, 0]));
            assert_eq!(inflate(&mut inflater, &payload).unwrap(), b"Hello");
        }
    }
}

/// Input that is not all consumed waits for room.
#[test]
fn parts_of_more_than_a_frame() {
    let mut deflater = deflater(&TAKEOVER);
    let data = noise(1_000_000, 10);
    let mut input = &data[..];
    let mut payload = Vec::new();
    let mut count = 0;
    while let Some((output, last)) = deflater.run(&mut input, End::Part) {
        assert!(!last);
        count += 1;
        assert!((64 << 10..=208 << 10).contains(&output.len()), "{}", output.len());
        payload.extend_from_slice(&output);
        deflater.reuse(output);
        let most = data.len() - input.len();
        assert!(most < payload.len() + (256 << 10), "{most} bytes taken for {}", payload.len());
    }
    assert!(count >= 7 && input.is_empty());
    payload.extend(compress(&mut deflater, b""));
    assert!(inflate(&mut inflater(&TAKEOVER), &payload).as_ref() == Ok(&data));
}

/// After `hurry`, the message is still complete; its rest is not compressed, and the next message is compressed as
/// usual.
#[test]
fn a_message_finished_without_compression_is_complete() {
    for (end, free) in [(End::Part, false), (End::Flush, false), (End::Part, true)] {
        let options = Compression::default().free_between_messages(free);
        let mut deflater = Deflater::new(Role::Server, &options, &TAKEOVER);
        let mut inflater = inflater(&TAKEOVER);
        let text = b"the same again, ".repeat(8000);
        let mut payload = Vec::new();
        for round in 0..2 {
            let (mut head, mut tail) = text.split_at(50_000);
            payload.clear();
            payload.extend(deflater.run(&mut head, end).map(|(output, _)| output).unwrap_or_default());
            deflater.hurry();
            deflater.hurry();
            loop {
                let (output, last) = deflater.run(&mut tail, End::Message).unwrap();
                payload.extend_from_slice(&output);
                deflater.reuse(output);
                if last {
                    break;
                }
            }
            // No message is in progress, so this has no effect.
            deflater.hurry();
            assert!((78_000..90_000).contains(&payload.len()), "{} in round {round}", payload.len());
            assert!(inflate(&mut inflater, &payload).as_ref() == Ok(&text));
            let small = compress(&mut deflater, &text);
            assert!(small.len() < 1000, "{}", small.len());
            assert!(inflate(&mut inflater, &small).as_ref() == Ok(&text));
        }
    }
}

#[test]
fn shrinking_loses_nothing() {
    let mut deflater = deflater(&TAKEOVER);
    let mut inflater = inflater(&TAKEOVER);
    assert_eq!(deflater.capacity(), 0);
    for _ in 0..3 {
        let message = noise(50_000, 11);
        let (mut head, mut tail) = message.split_at(30_000);
        assert_eq!(deflater.run(&mut head, End::Part), None);
        deflater.shrink();
        let (payload, last) = deflater.run(&mut tail, End::Message).unwrap();
        assert!(last);
        deflater.shrink();
        assert!(inflate(&mut inflater, &payload).as_ref() == Ok(&message));
        deflater.reuse(payload);
        assert!(deflater.capacity() > 0);
        deflater.shrink();
        assert_eq!(deflater.capacity(), 0);
        // The window is kept.
        assert!(compress(&mut deflater, &message[40_000..]).len() < 1_000);
        let payload = compress(&mut deflater, &message[40_000..]);
        assert!(inflate(&mut super::engines::inflater(&TAKEOVER), &payload).is_err());
        deflater = super::engines::deflater(&TAKEOVER);
        inflater = super::engines::inflater(&TAKEOVER);
    }
}

#[test]
fn by_default_all_messages_are_compressed_with_takeover_and_those_of_128_bytes_without() {
    for role in ROLES {
        for free in [false, true] {
            let options = Compression::default().free_between_messages(free);
            for (parameters, from) in [(&TAKEOVER, 0), (&FRESH, 128)] {
                let deflater = Deflater::new(role, &options, parameters);
                for len in [0, 1, 127, 128, 5000] {
                    assert_eq!(deflater.wants(Compress::Auto, Some(len)), len >= from, "{len}");
                    assert!(!deflater.wants(Compress::Never, Some(len)));
                }
                assert!(deflater.wants(Compress::Auto, None));
            }
        }
        // Only the direction in which this end sends counts.
        let other = DeflateParameters {
            server_no_context_takeover: role == Role::Client,
            client_no_context_takeover: role == Role::Server,
            ..TAKEOVER
        };
        assert!(Deflater::new(role, &Compression::default(), &other).wants(Compress::Auto, Some(0)));
    }
}

#[test]
fn a_threshold_that_is_set_applies_with_and_without_takeover() {
    for (threshold, len, auto) in [
        (128, Some(0), false),
        (128, Some(127), false),
        (128, Some(128), true),
        (128, None, true),
        (0, Some(0), true),
        (usize::MAX, Some(1 << 40), false),
        (usize::MAX, None, true),
    ] {
        for role in ROLES {
            for bits in 9..=15 {
                let fresh = DeflateParameters {
                    server_no_context_takeover: true,
                    client_no_context_takeover: true,
                    ..windows(bits)
                };
                for parameters in [windows(bits), fresh] {
                    let options = Compression::default().threshold(threshold);
                    let deflater = Deflater::new(role, &options, &parameters);
                    assert_eq!(deflater.wants(Compress::Auto, len), auto, "{threshold} {len:?}");
                    assert!(deflater.wants(Compress::Always, len));
                    assert!(!deflater.wants(Compress::Never, len));
                }
            }
        }
    }
}
