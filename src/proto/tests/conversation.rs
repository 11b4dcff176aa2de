//! Random conversations, valid and corrupted, randomly split: the result must be that of `reference`.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// What a peer does.
#[derive(Clone, Debug)]
enum Action {
    Message { kind: Kind, payload: Vec<u8>, cuts: Vec<Index>, between: Vec<(u8, Vec<u8>)> },
    Control(u8, Vec<u8>),
}

/// Text of at least `len` bytes, in characters of all lengths.
fn some_text(len: usize, seed: u8) -> Vec<u8> {
    let characters = ["a", "é", "€", "😀", "\0", "ß", "\u{7ff}", "\u{ffff}", "\u{10ffff}"];
    let mut text = String::new();
    for i in 0.. {
        if text.len() >= len {
            break;
        }
        text.push_str(characters[(i * 7 + i / 5 + usize::from(seed)) % characters.len()]);
    }
    text.into_bytes()
}

fn size() -> impl Strategy<Value = usize> {
    let at = |size: usize| size - 2..size + 3;
    prop_oneof![
        40 => 0usize..200,
        4 => at(126),
        2 => at(4096),
        2 => at(16 << 10),
        2 => at(32 << 10),
        2 => at(64 << 10),
        1 => at(200 << 10),
    ]
}

fn control() -> impl Strategy<Value = (u8, Vec<u8>)> {
    (prop_oneof![Just(PING), Just(PONG)], prop_oneof![vec(any::<u8>(), 0..10), vec(any::<u8>(), 120..=125)])
}

fn action(size: impl Strategy<Value = usize>) -> impl Strategy<Value = Action> {
    let message = (any::<bool>(), size, any::<u8>(), vec(any::<Index>(), 0..5), vec(control(), 0..3));
    let message = message.prop_map(|(text, len, seed, cuts, between)| {
        let (kind, payload) = match text {
            true => (Kind::Text, some_text(len, seed)),
            false => (Kind::Binary, (0..len).map(|i| (i / 3) as u8 ^ seed).collect()),
        };
        Action::Message { kind, payload, cuts, between }
    });
    prop_oneof![4 => message, 1 => control().prop_map(|(first, payload)| Action::Control(first, payload))]
}

fn closing() -> impl Strategy<Value = Option<Vec<u8>>> {
    let full = (3000..5000u16, "[a-zé€]{0,30}")
        .prop_map(|(code, reason)| [&code.to_be_bytes(), reason.as_bytes()].concat());
    prop_oneof![Just(None), Just(Some(Vec::new())), full.prop_map(Some)]
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let count = prop_oneof![3 => 1..4usize, 3 => 1..200usize, 2 => 1..5000usize, 1 => 1..100_000usize, 1 => Just(usize::MAX)];
    let want = prop_oneof![3 => Just(Want::Message), 1 => Just(Want::Pieces)];
    let round = (count, any::<bool>(), prop::bool::weighted(0.1), want);
    vec(round.prop_map(|(count, copied, shrunk, want)| Round { count, copied, shrunk, want }), 1..9)
}

/// The rounds, enlarged so that long input does not take too much time.
fn scaled(rounds: &[Round], len: usize) -> Vec<Round> {
    rounds.iter().map(|round| Round { count: round.count.max(len / 2000), ..*round }).collect()
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Client), Just(Role::Server)]
}

/// The wire form of a conversation, the positions of its headers, and its content.
#[derive(Default)]
struct Script {
    wire: Vec<u8>,
    headers: Vec<usize>,
    seen: Vec<Seen>,
}

impl Script {
    fn new(role: Role, seed: u32, actions: &[Action], closing: Option<&Vec<u8>>) -> Self {
        let mut script = Self::default();
        let mut keys = (seed..).map(|n| (role == Role::Server).then(|| n.wrapping_mul(0x9e37_79b9).to_be_bytes()));
        for action in actions {
            match action {
                Action::Control(first, payload) => script.control(*first, payload, keys.next().unwrap()),
                Action::Message { kind, payload, cuts, between } => {
                    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
                    cuts.extend([0, payload.len()]);
                    cuts.sort_unstable();
                    let last = cuts.len() - 2;
                    for (i, cut) in cuts.windows(2).enumerate() {
                        let opcode = match (i, kind) {
                            (0, Kind::Text) => 1,
                            (0, Kind::Binary) => 2,
                            _ => 0,
                        };
                        let fin = if i == last { 0x80 } else { 0 };
                        script.frame(fin | opcode, &payload[cut[0]..cut[1]], keys.next().unwrap());
                        if let (true, Some((first, payload))) = (i < last, between.get(i)) {
                            script.control(*first, payload, keys.next().unwrap());
                        }
                    }
                    script.seen.push(Seen::Message(match kind {
                        Kind::Text => Message::Text(String::from_utf8(payload.clone()).unwrap()),
                        Kind::Binary => Message::Binary(payload.clone()),
                    }));
                }
            }
        }
        if let Some(payload) = closing {
            script.frame(CLOSE, payload, keys.next().unwrap());
            script.seen.push(match payload.split_first_chunk() {
                Some((code, reason)) => {
                    Seen::Close(u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).unwrap())
                }
                None => Seen::Close(1005, String::new()),
            });
        }
        script
    }

    fn frame(&mut self, first: u8, payload: &[u8], key: Option<[u8; 4]>) {
        let header = header(first, payload.len() as u64, key).len();
        self.headers.extend(self.wire.len()..self.wire.len() + header);
        self.wire.extend(frame(first, payload, key));
    }

    fn control(&mut self, first: u8, payload: &[u8], key: Option<[u8; 4]>) {
        self.frame(first, payload, key);
        let payload = payload.to_vec();
        self.seen.push(if first == PING { Seen::Ping(payload) } else { Seen::Pong(payload) });
    }
}

/// Small limits, or the default limits, equally often.
fn some_limits() -> impl Strategy<Value = Limits> {
    let small =
        (0..300u64, 1..6u32).prop_map(|(size, count)| Limits { max_message_size: size, max_fragments: count });
    prop_oneof![Just(Limits::default()), small]
}

/// Arbitrary bytes that begin like valid frames.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![0..3u8, 0x80..0x83u8, 0x88..0x8bu8, any::<u8>()];
    let second = prop_oneof![0..130u8, 0x80..0x90u8, any::<u8>()];
    let frame = (first, second, vec(prop_oneof![Just(0), Just(b'a'), any::<u8>()], 0..30));
    vec(frame.prop_map(|(first, second, rest)| [vec![first, second], rest].concat()), 0..12)
        .prop_map(|frames| frames.concat())
}

/// However it is split, `wire` has the result of the reference, and violations are detected as early as there.
fn check(role: Role, limits: Limits, wire: &[u8], rounds: &[Round]) -> Result<(), TestCaseError> {
    let (expected, refused) = reference::decode(role, limits, wire);
    for rounds in [rounds.to_vec(), vec![AT_ONCE], vec![BYTEWISE], vec![Round { want: Want::Pieces, ..BYTEWISE }]] {
        let (seen, error) = feed(&mut Inbound::new(role, limits), wire, &scaled(&rounds, wire.len()));
        prop_assert_eq!(&seen, &expected, "by {:?}", rounds);
        prop_assert_eq!(error.map(|error| error.close_frame().code().into()), refused, "by {:?}", rounds);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_valid_conversation_arrives_however_it_is_split(
        role in role(), seed: u32, actions in vec(action(size()), 0..8), closing in closing(), rounds in rounds(),
    ) {
        let script = Script::new(role, seed, &actions, closing.as_ref());
        let rounds = scaled(&rounds, script.wire.len());
        let (seen, error) = feed(&mut inbound(role), &script.wire, &rounds);
        prop_assert_eq!(seen, script.seen);
        prop_assert_eq!(error, None);
    }

    #[test]
    fn limits_are_the_same_however_input_is_split(
        role in role(), seed: u32, actions in vec(action(0..120usize), 0..8), limits in some_limits(), rounds in rounds(),
    ) {
        check(role, limits, &Script::new(role, seed, &actions, None).wire, &rounds)?;
    }

    #[test]
    fn a_wrong_header_byte_has_the_same_effect_however_input_is_split(
        role in role(), seed: u32, actions in vec(action(size()), 1..5), closing in closing(), limits in some_limits(),
        at: Index, flip in 1..=255u8, rounds in rounds(),
    ) {
        let mut script = Script::new(role, seed, &actions, closing.as_ref());
        script.wire[script.headers[at.index(script.headers.len())]] ^= flip;
        check(role, limits, &script.wire, &rounds)?;
    }

    #[test]
    fn wrong_bytes_in_text_have_the_same_effect_however_input_is_split(
        role in role(), seed: u32, actions in vec(action(1..200usize), 1..5), at: Index, flip in 1..=255u8, rounds in rounds(),
    ) {
        let mut script = Script::new(role, seed, &actions, None);
        let at = at.index(script.wire.len());
        script.wire[at] ^= flip;
        check(role, Limits::default(), &script.wire, &rounds)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_has_the_same_effect_however_it_is_split(
        role in role(), seed: u32, actions in vec(action(0..50usize), 0..3), garbage in garbage(), limits in some_limits(),
        rounds in rounds(),
    ) {
        let mut wire = Script::new(role, seed, &actions, None).wire;
        wire.extend(garbage);
        check(role, limits, &wire, &rounds)?;
    }

    /// Checked at every byte: what the reference refuses by then has been refused.
    #[test]
    fn violations_are_detected_at_the_earliest_byte(
        role in role(), seed: u32, actions in vec(action(0..50usize), 0..3), garbage in garbage(), limits in some_limits(),
    ) {
        let mut wire = Script::new(role, seed, &actions, None).wire;
        wire.extend(garbage);
        wire.truncate(250);
        let mut inbound = Inbound::new(role, limits);
        let mut all_seen = Vec::new();
        for len in 1..=wire.len() {
            let (seen, error) = feed(&mut inbound, &wire[len - 1..len], &[AT_ONCE]);
            all_seen.extend(seen);
            let (expected, refused) = reference::decode(role, limits, &wire[..len]);
            prop_assert_eq!(&all_seen, &expected);
            if error.is_some() {
                break;
            }
            prop_assert_eq!(refused, None, "not refused after {} bytes", len);
        }
    }
}
