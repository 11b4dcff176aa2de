//! How fast the individual parts are, without I/O: masking, UTF-8, headers, decoding, encoding, compression.
//!
//!     cargo bench --bench micro               # all of them: about 15 seconds
//!     cargo bench --bench micro -- decode     # some

mod common;

use common::{pair, trades};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use landline::proto::internals::{FrameHeader, Inbound, MAX_HEADER_LEN, Opcode, Outbound, Role, Step, Want};
use landline::proto::{Limits, Protocol};
use landline::{Compression, Kind};
use std::time::Duration;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// How much is received or sent in one iteration with smaller messages.
const ROUND: usize = 64 * KIB;
const SIZES: [usize; 4] = [32, KIB, 64 * KIB, MIB];
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const ASCII: &str = "Every character of this text is one byte long. ";
const MIXED: &str = "Plain words, κόσμε, Привет, 漢字かな交じり文, 👍 and an é. ";

fn main() {
    divan::Divan::default()
        .min_time(Duration::from_millis(300))
        .max_time(Duration::from_secs(1))
        .config_with_args()
        .main();
}

/// Headers of all three lengths, masked and not.
mod header {
    use super::*;

    fn headers() -> Vec<FrameHeader> {
        let lengths = [0, 32, 125, 126, 1 << 10, 0xffff, 1 << 16, 1 << 30];
        let header = |len, mask| FrameHeader { fin: true, rsv1: false, opcode: Opcode::Binary, mask, len };
        lengths.into_iter().flat_map(|len| [header(len, None), header(len, Some(KEY))]).collect()
    }

    #[divan::bench]
    fn encode(bencher: Bencher) {
        let headers = headers();
        bencher.counter(ItemsCount::new(headers.len())).bench_local(|| {
            for header in black_box(&headers) {
                black_box(header.encode());
            }
        });
    }

    #[divan::bench]
    fn decode(bencher: Bencher) {
        let encoded: Vec<[u8; MAX_HEADER_LEN]> = headers().iter().map(|header| header.encode().0).collect();
        bencher.counter(ItemsCount::new(encoded.len())).bench_local(|| {
            for bytes in black_box(&encoded) {
                let _ = black_box(FrameHeader::decode(bytes));
            }
        });
    }
}

/// The protocol's sending half. With `client`, everything is masked.
mod encode {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn client(bencher: Bencher, size: usize) {
        frames(bencher, masking(), size);
    }

    #[divan::bench(args = SIZES)]
    fn server(bencher: Bencher, size: usize) {
        frames(bencher, Outbound::server(), size);
    }

    fn frames(bencher: Bencher, mut outbound: Outbound, size: usize) {
        let (payload, count) = (binary(size), messages(size));
        counted(bencher, count, size).bench_local(|| {
            for _ in 0..count {
                outbound.frame(Opcode::Binary, true, black_box(&payload));
            }
            outbound.consume(black_box(outbound.pending()).len());
        });
    }
}

/// The protocol's receiving half, with one copy for the read. With `server`, everything is unmasked.
mod decode {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn client(bencher: Bencher, size: usize) {
        receive(bencher, Role::Client, Kind::Binary, &binary(size));
    }

    #[divan::bench(args = SIZES)]
    fn server(bencher: Bencher, size: usize) {
        receive(bencher, Role::Server, Kind::Binary, &binary(size));
    }

    /// Looks only for the common case.
    #[divan::bench(args = [32, KIB])]
    fn client_whole(bencher: Bencher, size: usize) {
        let wire = wire(Role::Client, Kind::Binary, &binary(size));
        let mut inbound = Inbound::new(Role::Client, Limits::default());
        counted(bencher, messages(size), size).bench_local(|| {
            let mut rest = &wire[..];
            while !rest.is_empty() {
                rest = &rest[inbound.receive(rest)..];
                while inbound.advance_whole() {
                    black_box(inbound.message());
                }
            }
        });
    }
}

/// Validation while a client receives text; compare with `decode::client`, which receives as many bytes without it.
mod text {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn ascii(bencher: Bencher, size: usize) {
        receive(bencher, Role::Client, Kind::Text, &text(ASCII, size));
    }

    #[divan::bench(args = SIZES)]
    fn mixed(bencher: Bencher, size: usize) {
        receive(bencher, Role::Client, Kind::Text, &text(MIXED, size));
    }
}

/// JSON with permessage-deflate at level 6, from a server to a client.
mod deflate {
    use super::*;

    #[divan::bench(args = [KIB, 64 * KIB])]
    fn compress(bencher: Bencher, size: usize) {
        let (mut server, _) = pair(Some(&Compression::default()));
        let messages = json(size);
        let mut next = messages.iter().cycle();
        counted(bencher, 1, size).bench_local(|| {
            server.send(next.next().expect("a cycle has no end")).expect("an open connection");
            server.consume(black_box(server.output()).len());
        });
    }

    /// Each message begins with an empty window, so that the same bytes can be received again.
    #[divan::bench(args = [KIB, 64 * KIB])]
    fn decompress(bencher: Bencher, size: usize) {
        let (mut server, mut client) = pair(Some(&Compression::default().server_no_context_takeover(true)));
        let messages = json(size);
        server.send(&messages[0]).expect("an open connection");
        counted(bencher, 1, size).bench_local(|| give(server.output(), &mut client));
    }

    /// Compressed by one end and decompressed by the other.
    #[divan::bench(args = [KIB, 64 * KIB])]
    fn both(bencher: Bencher, size: usize) {
        let (mut server, mut client) = pair(Some(&Compression::default()));
        let messages = json(size);
        let mut next = messages.iter().cycle();
        counted(bencher, 1, size).bench_local(|| {
            server.send(next.next().expect("a cycle has no end")).expect("an open connection");
            give(server.output(), &mut client);
            server.consume(server.output().len());
        });
    }

    /// Messages of about `size` bytes, more of them than a window holds.
    fn json(size: usize) -> Vec<String> {
        trades(size).take((128 * KIB / size).max(2)).collect()
    }

    fn give(mut bytes: &[u8], client: &mut Protocol) {
        while !bytes.is_empty() {
            bytes = &bytes[client.receive(bytes)..];
            while let Some(event) = client.next_event().expect("a valid frame") {
                black_box(event);
            }
        }
    }
}

fn receive(bencher: Bencher, role: Role, kind: Kind, payload: &[u8]) {
    let wire = wire(role, kind, payload);
    let mut inbound = Inbound::new(role, Limits::default());
    counted(bencher, messages(payload.len()), payload.len()).bench_local(|| {
        let mut rest = &wire[..];
        while !rest.is_empty() {
            rest = &rest[inbound.receive(rest)..];
            while inbound.advance(Want::Message).expect("a valid frame") == Step::Message {
                black_box(inbound.message());
            }
        }
    });
}

/// How many messages one iteration handles.
fn messages(size: usize) -> usize {
    (ROUND / size).max(1)
}

fn counted<'a, 'b>(bencher: Bencher<'a, 'b>, count: usize, size: usize) -> Bencher<'a, 'b> {
    bencher.counter(ItemsCount::new(count)).counter(BytesCount::new(count * size))
}

/// The frames of one iteration, for `role` to receive.
fn wire(role: Role, kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut outbound = if role == Role::Server { masking() } else { Outbound::server() };
    for _ in 0..messages(payload.len()) {
        outbound.frame(kind.into(), true, payload);
    }
    outbound.pending().to_vec()
}

fn masking() -> Outbound {
    Outbound::client(Box::new(|| KEY))
}

fn binary(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i % 251) as u8).collect()
}

/// The sample repeated, with full stops where a character would be split.
fn text(sample: &str, size: usize) -> Vec<u8> {
    let text = sample.repeat(size / sample.len() + 1);
    let end = (0..=size).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    let mut bytes = text.as_bytes()[..end].to_vec();
    bytes.resize(size, b'.');
    bytes
}
