//! What each compression setting costs and saves: the tables in `docs/compression.md`.
//!
//!     cargo bench --bench deflate
//!
//! A server sends JSON messages to a client; both are driven without I/O in one thread. Each line is one setting. Memory
//! is what one end allocates in addition to a connection without compression; times are the best of several rounds.
#![allow(unsafe_code, reason = "the allocator that counts")]

mod common;

use common::{pair, trades};
use landline::Compression;
use landline::proto::{Event, Protocol};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const MESSAGES: usize = 256;
const ROUNDS: usize = 7;
const SIZES: [(&str, usize); 4] = [("256 B", 256), ("1 KiB", 1 << 10), ("16 KiB", 16 << 10), ("64 KiB", 64 << 10)];

/// Counts the bytes that are allocated, and their maximum.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: allocates through `System`, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many more bytes are allocated after `work`, and at most during it.
fn memory(work: impl FnOnce()) -> (usize, usize) {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    (HELD.load(Ordering::Relaxed).saturating_sub(before), PEAK.load(Ordering::Relaxed) - before)
}

#[derive(Default)]
struct Cost {
    sending: Duration,
    receiving: Duration,
    payload: usize,
    wire: usize,
}

/// The server sends, the client receives.
fn conversation(options: &Compression, messages: &[String]) -> Cost {
    let (mut server, mut client) = pair(Some(options));
    let mut cost = Cost::default();
    for message in messages {
        let begin = Instant::now();
        server.send(message).expect("an open connection");
        cost.sending += begin.elapsed();
        cost.payload += message.len();
        cost.wire += server.output().len();
        let begin = Instant::now();
        let received = receive(&mut server, &mut client);
        cost.receiving += begin.elapsed();
        assert_eq!(received, message.len());
    }
    cost
}

/// How many bytes of messages the client receives from what the server has queued.
fn receive(server: &mut Protocol, client: &mut Protocol) -> usize {
    let mut received = 0;
    while !server.output().is_empty() {
        let count = client.receive(server.output());
        server.consume(count);
        while let Some(event) = client.next_event().expect("what the server sent") {
            let Event::Message(message) = event else { panic!("a message") };
            received += message.as_bytes().len();
        }
    }
    received
}

/// KiB that a connection with compression holds more than one without, while it processes a message and between messages:
/// the sender's, then the receiver's.
fn footprint(options: &Compression, message: &String) -> [usize; 4] {
    let measure = |options| {
        let (mut server, mut client) = pair(options);
        let sending = memory(|| server.send(message).expect("an open connection"));
        let receiving = memory(|| assert_eq!(receive(&mut server, &mut client), message.len()));
        [sending.1, sending.0, receiving.1, receiving.0]
    };
    let (with, without) = (measure(Some(options)), measure(None));
    [0, 1, 2, 3].map(|i| (with[i].saturating_sub(without[i]) + 512) / 1024)
}

fn main() {
    let base = Compression::default();
    let fresh = base.clone().server_no_context_takeover(true);
    let settings = [
        ("default", base.clone()),
        ("level 1", base.clone().level(1)),
        ("level 3", base.clone().level(3)),
        ("level 9", base.clone().level(9)),
        ("13 bits", base.clone().server_max_window_bits(13)),
        ("11 bits", base.clone().server_max_window_bits(11)),
        ("9 bits", base.clone().server_max_window_bits(9)),
        ("no takeover", fresh.clone()),
        ("no takeover, level 1", fresh.clone().level(1)),
        ("no takeover, 11 bits", fresh.clone().server_max_window_bits(11)),
        ("no takeover, freed", fresh.clone().free_between_messages(true)),
        ("takeover, freed", base.clone().free_between_messages(true)),
    ];
    println!("| setting | sender, active | sender, idle | receiver, active | receiver, idle |");
    println!("| --- | --: | --: | --: | --: |");
    let sample = trades(1 << 10).next().expect("there is no end");
    for (name, options) in &settings {
        let [sending, kept, receiving, held] = footprint(options, &sample);
        println!("| {name} | {sending} KiB | {kept} KiB | {receiving} KiB | {held} KiB |");
    }
    println!("\nSize on the wire in % of the payload; µs per message for sending + receiving.\n");
    println!("| setting | {} |", SIZES.map(|(name, _)| name).join(" | "));
    println!("| --- | {}", "--: | ".repeat(SIZES.len()));
    for (name, options) in &settings {
        print!("| {name} |");
        for (_, size) in SIZES {
            let messages: Vec<_> = trades(size).take(MESSAGES).collect();
            let rounds: Vec<_> = (0..ROUNDS).map(|_| conversation(options, &messages)).collect();
            let best = |time: fn(&Cost) -> Duration| {
                let best = rounds.iter().map(time).min().unwrap_or_default();
                best.as_secs_f64() * 1e6 / MESSAGES as f64
            };
            let ratio = 100.0 * rounds[0].wire as f64 / rounds[0].payload as f64;
            print!(" {ratio:.0} %, {:.1} + {:.1} |", best(|cost| cost.sending), best(|cost| cost.receiving));
        }
        println!();
    }
}
