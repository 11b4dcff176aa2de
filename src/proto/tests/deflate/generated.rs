//! Generated conversations: what is sent arrives, and corrupted input has the same effect however it is split.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// The content of a message.
#[derive(Clone, Debug)]
struct Said {
    kind: Kind,
    content: u8,
    len: usize,
    compress: Compress,
    /// Where it is split into fragments.
    cuts: Vec<prop::sample::Index>,
    ping: bool,
}

impl Said {
    fn bytes(&self) -> Vec<u8> {
        match (self.kind, self.content) {
            (Kind::Text, 0) => "ä".repeat(self.len / 2).into_bytes(),
            (Kind::Text, _) => some_text(self.len),
            (Kind::Binary, 0) => vec![0; self.len],
            (Kind::Binary, 1) => noise(self.len),
            (Kind::Binary, _) => (0..self.len).map(|i| (i * i / 300) as u8).collect(),
        }
    }
}

fn said() -> impl Strategy<Value = Said> {
    let kind = prop_oneof![Just(Kind::Text), Just(Kind::Binary)];
    let len = prop_oneof![2 => Just(0usize), 20 => 0..300usize, 6 => 0..9000usize, 1 => 60_000..200_000usize];
    let compress = prop_oneof![1 => Just(Compress::Never), 1 => Just(Compress::Auto), 2 => Just(Compress::Always)];
    (kind, 0..3u8, len, compress, vec(any::<prop::sample::Index>(), 0..4), any::<bool>())
        .prop_map(|(kind, content, len, compress, cuts, ping)| Said { kind, content, len, compress, cuts, ping })
}

fn options() -> impl Strategy<Value = Compression> {
    let bits = || prop_oneof![9..=15u8, Just(15)];
    (any::<bool>(), any::<bool>(), bits(), bits(), any::<bool>(), 1..=9u8, prop::option::of(0..500usize)).prop_map(
        |(server_fresh, client_fresh, server_bits, client_bits, free, level, threshold)| {
            let options = Compression::default()
                .server_no_context_takeover(server_fresh)
                .client_no_context_takeover(client_fresh)
                .server_max_window_bits(server_bits)
                .client_max_window_bits(client_bits)
                .free_between_messages(free)
                .level(level);
            threshold.into_iter().fold(options, Compression::threshold)
        },
    )
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let count = prop_oneof![1..4usize, 1..200usize, 1..5000usize, Just(usize::MAX)];
    let want = prop_oneof![Just(Want::Message), Just(Want::Pieces)];
    let round = (count, any::<bool>(), prop::bool::weighted(0.1), want);
    vec(round.prop_map(|(count, copied, shrunk, want)| Round { count, copied, shrunk, want }), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn item_22_what_is_sent_arrives(
        client in options(), server in options(), role in prop_oneof![Just(Role::Client), Just(Role::Server)],
        messages in vec(said(), 0..8), rounds in rounds(),
    ) {
        let (at_server, answer) = accept(&server, &[offer(&client)]).unwrap();
        let at_client = confirm(&client, &[answer]).unwrap().unwrap();
        let (here, there) = if role == Role::Client { (&client, &server) } else { (&server, &client) };
        let mut sender = compressing(role, here, if role == Role::Client { &at_client } else { &at_server });
        let mut receiver = Inbound::new(other(role), Limits::default());
        let fresh = match role {
            Role::Client => at_client.client_no_context_takeover,
            Role::Server => at_server.server_no_context_takeover,
        };
        let threshold = here.threshold.unwrap_or(if fresh { 128 } else { 0 });
        let at_receiver = if role == Role::Client { at_server } else { at_client };
        receiver.set_inflater(Inflater::new(other(role), there, &at_receiver));
        let mut protocol = compressing(other(role), there, &at_receiver);

        let mut wire = Vec::new();
        let mut expected = Vec::new();
        for message in &messages {
            let bytes = message.bytes();
            let mut cuts: Vec<usize> = message.cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            sender.set_compress(message.compress);
            for (i, cut) in cuts.windows(2).enumerate() {
                let last = i + 2 == cuts.len();
                sender.send_fragment(message.kind, &bytes[cut[0]..cut[1]], last).unwrap();
                if message.ping && !last {
                    sender.ping(b"?").unwrap();
                    expected.push(Seen::Ping(b"?".to_vec()));
                }
            }
            let sent = written(&mut sender);
            let data: Vec<_> = split(role, &sent).into_iter().filter(|(first, _)| *first != PING).collect();
            let compressed = match message.compress {
                Compress::Never => false,
                Compress::Auto => cuts.len() > 2 || bytes.len() >= threshold,
                Compress::Always => true,
            };
            prop_assert_eq!(data[0].0 & RSV1 != 0, compressed);
            prop_assert!(data[1..].iter().all(|(first, _)| first & RSV1 == 0));
            prop_assert!(!compressed || data.iter().all(|(_, payload)| payload.len() <= 208 << 10));
            wire.extend(sent);
            expected.push(match message.kind {
                Kind::Text => text(std::str::from_utf8(&bytes).unwrap()),
                Kind::Binary => binary(&bytes),
            });
        }
        let rounds: Vec<_> =
            rounds.iter().map(|round| Round { count: round.count.max(wire.len() / 2000), ..*round }).collect();
        let (seen, error) = feed(&mut receiver, &wire, &rounds);
        prop_assert_eq!(error, None);
        prop_assert!(seen == expected);
        prop_assert!(receiver.is_between_messages());
        let (seen, error) = deliver(&mut protocol, &wire);
        prop_assert_eq!(error, None);
        prop_assert!(seen == expected);
    }

    /// Corrupted anywhere: the same result at once, byte by byte and in pieces, and no panic.
    #[test]
    fn item_22_spoilt_messages_mean_the_same_whatever_the_split(
        messages in vec((any::<bool>(), 0..400usize, vec(0..400usize, 0..3)), 1..4), at: prop::sample::Index,
        flip in 1..=255u8, client: bool, limit in prop_oneof![Just(16u64 << 20), 0..400u64],
    ) {
        let role = if client { Role::Client } else { Role::Server };
        let mut parts = Vec::new();
        for (is_text, len, cuts) in messages {
            let packed = deflated(&if is_text { some_text(len) } else { noise(len) });
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (packed.len() + 1)).chain([0, packed.len()]).collect();
            cuts.sort_unstable();
            for (i, cut) in cuts.windows(2).enumerate() {
                let opcode = if i > 0 { 0 } else if is_text { TEXT_BEGIN | RSV1 } else { BINARY_BEGIN | RSV1 };
                let fin = if i + 2 == cuts.len() { 0x80 } else { 0 };
                parts.push((fin | opcode, packed[cut[0]..cut[1]].to_vec()));
            }
        }
        let borrowed: Vec<_> = parts.iter().map(|(first, payload)| (*first, &payload[..])).collect();
        let mut wire = frames(role, &borrowed);
        let at = at.index(wire.len());
        wire[at] ^= flip;
        // Only whether there is an error must agree. Which one is found first depends on how much of the data is
        // examined.
        let outcome = |round: Round| {
            let (seen, error) = feed(&mut inflating_within(role, limits(limit, 9)), &wire, &[round]);
            (seen, error.is_some())
        };
        let at_once = outcome(WHOLE);
        for round in [PIECES, BYTEWISE, Round { want: Want::Pieces, count: 5, ..BYTEWISE }] {
            prop_assert_eq!(&outcome(round), &at_once);
        }
    }
}
