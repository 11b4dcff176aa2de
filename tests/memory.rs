//! How much memory a connection's protocol takes, counted by the allocator (strictness items 10, 11 and 15).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![expect(unsafe_code, reason = "an allocator")]

use landline::proto::{Event, Inbound, Limits, Protocol, Role, Step, Want};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What this thread has allocated. Bytes of one that grows are counted as if it grew where it is.
#[derive(Clone, Copy, Default, Debug)]
struct Count {
    calls: usize,
    /// All that was ever asked for.
    total: usize,
    live: isize,
    peak: isize,
}

thread_local! {
    static COUNT: Cell<Count> = const { Cell::new(Count { calls: 0, total: 0, live: 0, peak: 0 }) };
}

struct Counting;

impl Counting {
    fn add(asked: usize, change: isize) {
        COUNT.with(|cell| {
            let mut count = cell.get();
            count.calls += 1;
            count.total += asked;
            count.live += change;
            count.peak = count.peak.max(count.live);
            cell.set(count);
        });
    }
}

// SAFETY: everything is left to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size(), layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size(), layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        Self::add(new_size, new_size as isize - layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        COUNT.with(|cell| {
            let mut count = cell.get();
            count.live -= layout.size() as isize;
            cell.set(count);
        });
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` does to the count; `peak` is above what was live before.
fn counted<T>(work: impl FnOnce() -> T) -> (T, Count) {
    let before = COUNT.get();
    COUNT.set(Count { peak: before.live, ..before });
    let result = work();
    let after = COUNT.get();
    let count = Count {
        calls: after.calls - before.calls,
        total: after.total - before.total,
        live: after.live - before.live,
        peak: after.peak - before.live,
    };
    (result, count)
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const KEY: [u8; 4] = [1, 2, 3, 4];

/// The header of a frame that is sent to `role`.
fn header(role: Role, first: u8, len: usize) -> Vec<u8> {
    let masked = if role == Role::Server { 0x80 } else { 0 };
    let mut bytes = match len {
        0..126 => vec![first, masked | len as u8],
        126..0x10000 => [&[first, masked | 126], &(len as u16).to_be_bytes()[..]].concat(),
        _ => [&[first, masked | 127], &(len as u64).to_be_bytes()[..]].concat(),
    };
    if role == Role::Server {
        bytes.extend(KEY);
    }
    bytes
}

fn inbound(role: Role) -> Inbound {
    Inbound::new(role, Limits { max_message_size: 1 << 40, ..Limits::default() })
}

/// Reads `count` zero bytes, at most `step` at a time; whether a message came. The buffers' contents do not matter.
fn read(inbound: &mut Inbound, mut count: usize, step: usize, want: Want) -> bool {
    let mut message = false;
    while count > 0 {
        let len = inbound.space().len().min(count).min(step);
        inbound.filled(len);
        count -= len;
        loop {
            match inbound.advance(want).unwrap() {
                Step::NeedInput => break,
                Step::Message | Step::Piece { last: true, .. } => message = true,
                _ => {}
            }
        }
    }
    message
}

/// The bound: 64 KiB more than what has arrived, or half as much again beside the read buffer of 4 KiB: growing by
/// halves of what has arrived is what keeps the work linear however the bytes come.
fn allowed(received: usize) -> isize {
    (received + (64 * KIB).max(received / 2 + 4 * KIB)) as isize
}

#[test]
fn item_10_no_allocation_from_a_declared_length() {
    const DECLARED: usize = 16 * MIB;
    for role in [Role::Client, Role::Server] {
        for (first, step, most) in [
            (0x82, usize::MAX, DECLARED - 1),
            (0x82, 1000, 3 * MIB),
            (0x82, 10, 100 * KIB),
            (0x02, usize::MAX, DECLARED),
            (0x02, 1, 100 * KIB),
            (0x81, 20_000, 5 * MIB),
        ] {
            let header = header(role, first, DECLARED);
            let ((), count) = counted(|| {
                let base = COUNT.get().live;
                let mut inbound = inbound(role);
                assert_eq!(inbound.receive(&header), header.len());
                assert_eq!(inbound.advance(Want::Message), Ok(Step::NeedInput));
                let mut payload = 0;
                loop {
                    // With the space for what comes next.
                    let next = inbound.space().len().min(step).min(most - payload);
                    let live = COUNT.get().live - base;
                    let received = header.len() + payload;
                    assert!(live <= allowed(received), "{first:#x} by {step}: {live} for {received} bytes");
                    if next == 0 {
                        break;
                    }
                    inbound.filled(next);
                    payload += next;
                    assert_eq!(inbound.advance(Want::Message), Ok(Step::NeedInput));
                }
            });
            assert!(count.calls < 25, "{first:#x} by {step}: {count:?}");
            assert!(count.total < 5 * most + 512 * KIB, "{first:#x} by {step}: {count:?}");
        }
    }
}

#[test]
fn item_10_a_frame_that_is_lent_in_place_is_no_exception() {
    for role in [Role::Client, Role::Server] {
        for len in [1, 125, 32 * KIB, 32 * KIB + 1, 60 * KIB] {
            let header = header(role, 0x82, len);
            let ((), count) = counted(|| {
                let mut inbound = inbound(role);
                inbound.receive(&header);
                assert_eq!(inbound.advance(Want::Message), Ok(Step::NeedInput));
                assert!(!inbound.space().is_empty());
            });
            assert!(count.peak <= allowed(header.len()), "{len}: {count:?}");
        }
    }
}

#[test]
fn item_11_tiny_fragments_take_linear_work_and_one_buffer() {
    const COUNT: usize = 100_000;
    for role in [Role::Client, Role::Server] {
        let part = [header(role, 0x00, 1), vec![b'x']].concat();
        let mut wire = [header(role, 0x02, 0), part.repeat(COUNT), header(role, 0x80, 0)].concat();
        let mut rest = &mut wire[..];
        let (message, count) = counted(|| {
            let mut inbound = inbound(role);
            loop {
                let count = inbound.receive(rest);
                rest = &mut rest[count..];
                if inbound.advance(Want::Message).unwrap() == Step::Message {
                    return inbound.take_message().into_bytes().len();
                }
            }
        });
        assert_eq!(message, COUNT);
        // 100,000 bytes by halves, from 1.
        assert!(count.calls < 50, "{count:?}");
        assert!(count.total < 4 * COUNT + 128 * KIB, "{count:?}");
        assert!(count.peak as usize <= 64 * KIB + COUNT + COUNT / 2, "{count:?}");
    }
}

#[test]
fn pieces_take_constant_memory() {
    for (role, fragments, len) in
        [(Role::Client, 1, 64 * MIB), (Role::Client, 64, MIB), (Role::Server, 40, 100 * KIB)]
    {
        let headers: Vec<_> = (1..=fragments)
            .map(|i| header(role, if i == 1 { 0x02 } else { 0 } | if i == fragments { 0x80 } else { 0 }, len))
            .collect();
        let (ended, count) = counted(|| {
            let mut inbound = inbound(role);
            let fragment = |header: &Vec<u8>| {
                assert_eq!(inbound.receive(header), header.len());
                assert_eq!(inbound.advance(Want::Pieces), Ok(Step::NeedInput));
                read(&mut inbound, len, usize::MAX, Want::Pieces)
            };
            headers.iter().map(fragment).filter(|ended| *ended).count()
        });
        assert_eq!(ended, 1);
        // The read buffer: 4 KiB, 16 KiB, 64 KiB.
        assert!(count.calls <= 3 && count.peak as usize <= 64 * KIB, "{fragments} of {len}: {count:?}");
    }
}

/// Half of it whole, then in pieces: what was gathered is one piece, and nothing is added to it.
#[test]
fn pieces_take_constant_memory_also_when_they_come_late() {
    let mut inbound = inbound(Role::Client);
    inbound.receive(&header(Role::Client, 0x82, 64 * MIB));
    assert_eq!(inbound.advance(Want::Message), Ok(Step::NeedInput));
    assert!(!read(&mut inbound, MIB, usize::MAX, Want::Message));
    let (message, count) = counted(|| read(&mut inbound, 63 * MIB, usize::MAX, Want::Pieces));
    assert!(message);
    assert!(count.live <= 64 * KIB as isize, "{count:?}");
}

#[test]
fn idle_connections_take_4_kib() {
    for role in [Role::Client, Role::Server] {
        let (mut inbound, new) = counted(|| inbound(role));
        assert_eq!(new.calls, 0);
        let ((), count) = counted(|| {
            let message = [header(role, 0x82, 200 * KIB), vec![0; 200 * KIB]].concat();
            let mut rest = &message[..];
            while inbound.advance(Want::Message).unwrap() == Step::NeedInput {
                rest = &rest[inbound.receive(rest)..];
            }
            assert!(inbound.holds_spare_memory() || inbound.payload().len() == 200 * KIB);
            inbound.shrink();
            assert!(!inbound.holds_spare_memory());
            assert!(!inbound.space().is_empty());
        });
        assert!(count.live <= 4 * KIB as isize, "{count:?}");
    }
}

/// Memory for large messages goes when only small ones come.
#[test]
fn a_large_message_is_forgotten_after_64_small_ones() {
    let ((), count) = counted(|| {
        let mut inbound = inbound(Role::Client);
        let large = header(Role::Client, 0x82, 200 * KIB);
        inbound.receive(&large);
        assert_eq!(inbound.advance(Want::Message), Ok(Step::NeedInput));
        assert!(read(&mut inbound, 200 * KIB, usize::MAX, Want::Message));
        let held = COUNT.get().live;
        for _ in 0..65 {
            inbound.receive(&header(Role::Client, 0x82, 0));
            assert_eq!(inbound.advance(Want::Message), Ok(Step::Message));
        }
        assert!(held - COUNT.get().live >= 200 * KIB as isize);
        assert!(inbound.payload().is_empty());
    });
    assert_eq!(count.live, 0);
}

fn pair() -> (Protocol, Protocol) {
    let mut key = 0u32;
    let keys = move || {
        key = key.wrapping_add(0x9e37_79b9);
        key.to_ne_bytes()
    };
    (Protocol::client(Limits::default(), keys), Protocol::server(Limits::default()))
}

/// Sends a message and receives it, borrowed, at the other end.
fn send(from: &mut Protocol, to: &mut Protocol, payload: &[u8]) {
    from.send(payload).unwrap();
    let mut messages = 0;
    while !from.output().is_empty() {
        let count = to.receive(from.output());
        from.consume(count);
        while let Some(event) = to.next_event().unwrap() {
            let Event::Message(message) = event else { panic!("a message") };
            assert_eq!(message.as_bytes().len(), payload.len());
            messages += 1;
        }
    }
    assert_eq!(messages, 1);
}

#[test]
fn small_messages_allocate_nothing() {
    for len in [0, 32, KIB, 16 * KIB, 32 * KIB] {
        let (mut client, mut server) = pair();
        let payload = vec![b'x'; len];
        let mut round = || {
            send(&mut client, &mut server, &payload);
            send(&mut server, &mut client, &payload);
        };
        (0..10).for_each(|_| round());
        let ((), count) = counted(|| (0..200).for_each(|_| round()));
        assert_eq!(count.calls, 0, "{len} bytes: {count:?}");
    }
}

/// Nor do large ones, once there has been one.
#[test]
fn large_messages_reuse_their_memory() {
    let (mut client, mut server) = pair();
    let payload = vec![b'x'; 300 * KIB];
    let mut round = || {
        send(&mut client, &mut server, &payload);
        send(&mut server, &mut client, &payload);
    };
    (0..3).for_each(|_| round());
    let ((), count) = counted(|| (0..5).for_each(|_| round()));
    assert_eq!(count.calls, 0, "{count:?}");
}
