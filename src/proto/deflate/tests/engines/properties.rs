//! Properties of the engines for any input.

use super::*;

#[test]
fn debug_output_has_no_data() {
    let mut deflater = deflater(&windows(10));
    let shown = format!("{deflater:?}");
    assert_eq!(shown, "Deflater { level: 6, window_bits: 10, takeover: true, open: false, .. }");
    assert_eq!(compress(&mut deflater, b"Hello"), HELLO);
    assert_eq!(format!("{deflater:?}"), shown);
    assert_eq!(format!("{:?}", inflater(&FRESH)), "Inflater { takeover: false, begun: false, .. }");
}

/// Blocks as a peer might write them, with every setting of zlib, some of them corrupted.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let data = prop_oneof![
        (0..400usize, any::<u32>()).prop_map(|(len, seed)| words(len, seed)),
        (0..400usize, any::<u32>()).prop_map(|(len, seed)| noise(len, seed)),
        vec(0..3u8, 0..400),
    ];
    let flush = prop_oneof![
        1 => Just(FlushCompress::Partial),
        4 => Just(FlushCompress::Sync),
        1 => Just(FlushCompress::Full),
        1 => Just(FlushCompress::Finish),
    ];
    let part = (data, 0..=9u32, flush).prop_map(|(data, level, flush)| {
        let mut engine = flate2::Compress::new_with_window_bits(flate2::Compression::new(level), false, 9);
        let mut payload = Vec::with_capacity(10_000);
        engine.compress_vec(&data, &mut payload, flush).unwrap();
        payload
    });
    let raw = prop_oneof![vec(any::<u8>(), 0..20), vec(0..8u8, 0..10)];
    vec(prop_oneof![4 => part, 1 => raw], 0..4).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Complete messages that the reference accepts are read in the same way, however their bytes are split.
    #[test]
    fn item_22_corrupt_streams_are_read_as_the_reference_does(
        mut stream in stream(), errors in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        chunk in 1..100usize, room in 1..1000usize,
    ) {
        for (at, value) in errors {
            if !stream.is_empty() {
                let at = at.index(stream.len());
                stream[at] ^= value;
            }
        }
        let mut reference = Reference::default();
        let expected = reference.message(&stream);
        let got = inflate_by(&mut inflater(&TAKEOVER), &stream, chunk, room);
        let at_once = inflate(&mut inflater(&TAKEOVER), &stream);
        prop_assert_eq!(&got, &at_once);
        // The decompressor notices some of the messages that end within a block.
        if let Some(message) = expected {
            let is_refused = reference.is_truncated && got == Err(ProtocolError::InvalidDeflate);
            prop_assert!(is_refused || got == Ok(message), "{:?}", got);
        }
    }

    #[test]
    fn messages_arrive_whatever_the_parameters(
        agreed in (any::<bool>(), any::<bool>(), 9..=15u8, 9..=15u8), free: bool, level in 1..=9u8, client: bool,
        messages in vec((0..3u8, prop_oneof![9 => 0..300usize, 2 => 0..9000usize, 1 => 60_000..140_000usize]), 1..6),
        chunk in 1..5000usize, room in 1..5000usize,
    ) {
        let agreed = parameters(agreed.0, agreed.1, agreed.2, agreed.3);
        let options = Compression::default().level(level).free_between_messages(free);
        let (here, there) = if client { (Role::Client, Role::Server) } else { (Role::Server, Role::Client) };
        let mut deflater = Deflater::new(here, &options, &agreed);
        let mut inflater = Inflater::new(there, &options, &agreed);
        for (i, (content, len)) in messages.into_iter().enumerate() {
            let message = match content {
                0 => noise(len, 3),
                1 => words(len, i as u32),
                _ => vec![i as u8; len],
            };
            let payload = compress(&mut deflater, &message);
            prop_assert!(inflate_by(&mut inflater, &payload, chunk, room).as_ref() == Ok(&message));
        }
    }
}
