//! How much memory a connection takes, as counted by the allocator (strictness items 9, 10, 11 and 15).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common;
#[path = "common/counting.rs"]
mod counting;

use common::{
    BINARY, Deflate, Inflate, OFFER, RSV1, Raw, alone, bomb, limited, masked, noise, pair_with, raw_client_with,
};
use counting::{COUNT, Counting, counted};
use landline::error::LimitError;
use landline::proto::internals::{Inbound, Role, Step, Want};
use landline::proto::{Event, Limits, Protocol};
use landline::{Client, Compress, Compression, Config, Error, Kind, Server, WebSocket};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
    Inbound::new(role, Limits::default().max_message_size(1 << 40))
}

/// Reads `count` zero bytes, at most `step` at a time; whether a message arrived. The buffers' contents do not matter.
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

/// The bound: 64 KiB more than what has arrived, or half as much again plus the read buffer of 2 KiB: growing by
/// half of what has arrived keeps the work linear however the bytes arrive.
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
                    // Including the space for what comes next.
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
fn item_10_this_includes_frames_that_are_lent_in_place() {
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
        // The read buffer: 2 KiB, 8 KiB, 32 KiB, 64 KiB.
        assert!(count.calls <= 4 && count.peak as usize <= 64 * KIB, "{fragments} of {len}: {count:?}");
    }
}

/// The first half as a whole message, the rest in pieces: what was gathered is one piece, and nothing is added to it.
#[test]
fn pieces_take_constant_memory_even_if_they_arrive_late() {
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

/// Memory for large messages is freed when only small ones arrive.
#[test]
fn the_memory_of_a_large_message_is_released_after_64_small_ones() {
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
    (Protocol::open_client(Limits::default(), keys), Protocol::open_server(Limits::default()))
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

/// Nor do large ones, after the first.
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

// ----- Compression, over whole connections: what the thread that has the connection allocates -----

fn options() -> Compression {
    Compression::default()
}

fn deflated(options: Compression) -> Config {
    Config::default().compression(Some(options))
}

fn with_raw_client(config: &Config) -> (WebSocket, Raw<TcpStream>) {
    let (ws, raw, _) = raw_client_with(config, OFFER);
    (ws, raw)
}

/// Both ends ours.
fn both(options: &Compression) -> (WebSocket, WebSocket) {
    let client = Client::builder().compression(Some(options.clone())).build().unwrap();
    pair_with(&client, Server::builder().compression(Some(options.clone())))
}

/// Receives messages until the connection fails, without keeping any of them.
type Receive = fn(&mut WebSocket) -> Error;

const UNTIL_ERROR: [(&str, bool, Receive); 4] = [
    ("recv", true, |ws| ws.recv().unwrap_err()),
    ("recv_ref", true, |ws| ws.recv_ref().unwrap_err()),
    ("recv_into", false, |ws| {
        let mut buf = [0; 4096];
        loop {
            if let Err(error) = ws.recv_into(&mut buf) {
                return error;
            }
        }
    }),
    ("recv_stream", false, |ws| {
        let mut reader = match ws.recv_stream() {
            Ok(reader) => reader.unwrap(),
            Err(error) => return error,
        };
        let mut buf = [0; 4096];
        loop {
            if let Err(error) = reader.read(&mut buf) {
                return error.downcast().unwrap();
            }
        }
    }),
];

/// Sends data that inflates to far more than the limit: the peak of memory.
fn blow_up(mebibytes: usize, limit: usize, receive: Receive) -> isize {
    let (mut ws, mut raw) = with_raw_client(&deflated(options()).max_message_size(limit as u64));
    let payload = bomb(mebibytes);
    assert!(payload.len() < mebibytes * 1060);
    let wire = masked(BINARY | RSV1, payload);
    let sending = thread::spawn(move || {
        raw.send(&wire);
        raw.frame().close_code()
    });
    let (error, count) = counted(|| receive(&mut ws));
    assert!(matches!(error, Error::Limit(LimitError::MessageTooBig { .. })), "{error:?}");
    assert_eq!(sending.join().unwrap(), 1009);
    assert_eq!(ws.close_info().sent.unwrap().code(), 1009.into());
    assert!(matches!(ws.recv(), Err(Error::Limit(_))), "the same ever after");
    count.peak
}

#[test]
fn item_9_a_decompression_bomb_takes_no_more_memory_than_the_limit() {
    limited(|| {
        for (mebibytes, limit) in [(1, 64 * KIB), (1024, 64 * KIB), (1024, 16 * MIB)] {
            for (name, whole, receive) in UNTIL_ERROR {
                let peak = blow_up(mebibytes, limit, receive);
                println!("{mebibytes} MiB against {limit}, {name}: {peak}");
                let most = if whole { limit + MIB } else { 512 * KIB };
                assert!(peak < most as isize, "{mebibytes} MiB against {limit}, {name}: {peak}");
            }
        }
    });
}

/// The process's peak memory since the last call, in bytes.
fn resident_peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * KIB
}

/// The same from the kernel's point of view: with an allocator that moves large blocks by remapping, a growing buffer is
/// not in memory twice.
#[test]
fn item_9_a_decompression_bomb_by_resident_memory() {
    alone("item_9_a_decompression_bomb_by_resident_memory", "MALLOC_MMAP_THRESHOLD_=65536", || {
        const LIMIT: usize = 16 * MIB;
        let receive: Receive = |ws| ws.recv().unwrap_err();
        let wire = masked(BINARY | RSV1, bomb(1024));
        for round in 0..3 {
            // Code that runs for the first time is mapped for the first time.
            let limit = if round == 0 { 64 * KIB } else { LIMIT };
            let (mut ws, mut raw) = with_raw_client(&deflated(options()).max_message_size(limit as u64));
            resident_peak();
            let before = resident_peak();
            let error = thread::scope(|scope| {
                let sending = scope.spawn(|| {
                    raw.send(&wire);
                    raw.frame().close_code()
                });
                let error = receive(&mut ws);
                assert_eq!(sending.join().unwrap(), 1009);
                error
            });
            assert!(matches!(error, Error::Limit(LimitError::MessageTooBig { .. })), "{error:?}");
            let grown = resident_peak() - before;
            println!("round {round}: {grown}");
            assert!(round == 0 || grown < LIMIT + MIB, "{grown} more");
        }
    });
}

#[test]
fn compressed_streams_are_received_in_constant_memory() {
    const LEN: usize = 256 * MIB;
    limited(|| {
        for with_stream in [true, false] {
            let (mut ws, mut raw) = with_raw_client(&deflated(options()).max_message_size(u64::MAX));
            let sending = thread::spawn(move || {
                raw.send(masked(BINARY | RSV1, bomb(LEN / MIB)));
                raw
            });
            let mut buf = vec![0; 100_000];
            let (len, count) = counted(|| {
                let mut len = 0;
                if with_stream {
                    let mut reader = ws.recv_stream().unwrap().unwrap();
                    loop {
                        match reader.read(&mut buf).unwrap() {
                            0 => return len,
                            count => len += count,
                        }
                    }
                }
                loop {
                    let received = ws.recv_into(&mut buf).unwrap().unwrap();
                    len += received.len;
                    if received.is_final {
                        return len;
                    }
                }
            });
            println!("received {LEN}: {count:?}");
            assert_eq!(len, LEN);
            assert!(count.peak < 512 * KIB as isize, "{count:?}");
            drop(sending.join().unwrap());
        }
    });
}

/// Reads everything in another thread, and returns how much it was.
fn drain(mut ws: WebSocket) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        ws.set_max_message_size(u64::MAX);
        let mut buf = vec![0; 64 * KIB];
        while let Ok(Some(_)) = ws.recv_into(&mut buf) {}
        ws.stats().payload_received
    })
}

/// Two kinds of content: one that compresses well, and one that does not.
fn contents(len: usize) -> [Vec<u8>; 2] {
    [b"all work and no play ".iter().copied().cycle().take(len).collect(), noise(len)]
}

#[test]
fn compressed_streams_are_sent_in_constant_memory() {
    const BLOCK: usize = MIB;
    limited(|| {
        for (content, blocks) in contents(BLOCK).into_iter().zip([256, 64]) {
            let (mut client, mut server) = both(&options().level(1));
            for from_client in [true, false] {
                let (mut ws, peer) = if from_client { (client, server) } else { (server, client) };
                let draining = drain(peer);
                let ((), count) = counted(|| {
                    let mut writer = ws.send_stream(Kind::Binary).unwrap();
                    for _ in 0..blocks {
                        writer.write_all(&content).unwrap();
                    }
                    writer.finish().unwrap();
                });
                println!("sent {blocks} MiB: {count:?}");
                assert!(count.peak < 768 * KIB as isize, "{count:?}");
                drop(ws);
                assert_eq!(draining.join().unwrap(), (blocks * BLOCK) as u64);
                (client, server) = both(&options().level(1));
            }
        }
    });
}

#[test]
fn a_compressed_send_adds_less_than_a_mebibyte() {
    limited(|| {
        for content in contents(64 * MIB) {
            for from_client in [true, false] {
                let (client, server) = both(&options().level(1));
                let (mut ws, peer) = if from_client { (client, server) } else { (server, client) };
                let draining = drain(peer);
                let ((), count) = counted(|| ws.send(&content[..]).unwrap());
                println!("sent 64 MiB: {count:?}");
                assert!(count.peak < MIB as isize, "{count:?}");
                drop(ws);
                assert_eq!(draining.join().unwrap(), content.len() as u64);
            }
        }
    });
}

/// What a connection takes once it is open, by role.
fn held(role: Role, options: Option<Compression>) -> (WebSocket, WebSocket, isize) {
    let client = Client::builder().compression(options.clone()).build().unwrap();
    let listener = Server::builder().compression(options).listen("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let connect = move || client.connect(&url).unwrap();
    let accept = move || listener.accept().unwrap().accept().unwrap();
    if role == Role::Client {
        let peer = thread::spawn(accept);
        let (ws, count) = counted(connect);
        (ws, peer.join().unwrap(), count.live)
    } else {
        let peer = thread::spawn(connect);
        let (ws, count) = counted(accept);
        (ws, peer.join().unwrap(), count.live)
    }
}

/// Sends and receives in another thread, so that only this thread's end is counted.
fn peer<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join().unwrap())
}

const SMALL: isize = 4 * KIB as isize;
const ENGINE: isize = 32 * KIB as isize;

#[test]
fn windows_are_allocated_at_the_first_compressed_message() {
    limited(|| {
        for role in [Role::Client, Role::Server] {
            let (_plain, _peer, without) = held(role, None);
            let (mut ws, mut other, with) = held(role, Some(options().threshold(128)));
            assert!(with - without < 2 * KIB as isize, "{role:?}: {without} without, {with} with");

            let message = noise(1000);
            let ((), count) = counted(|| {
                ws.with_compress(Compress::Never).send(&message[..]).unwrap();
                peer(|| drop(other.recv().unwrap()));
                peer(|| other.with_compress(Compress::Never).send(&message[..]).unwrap());
                assert!(ws.recv_ref().unwrap().is_some());
                ws.send("short").unwrap();
                peer(|| drop(other.recv().unwrap()));
            });
            assert!(count.live < 2 * SMALL, "{role:?}, plain messages: {count:?}");

            let ((), first) = counted(|| ws.send(&message[..]).unwrap());
            peer(|| drop(other.recv().unwrap()));
            assert!(first.live > 2 * ENGINE, "{role:?}, the first one sent: {first:?}");
            let ((), count) = counted(|| {
                peer(|| other.send(&message[..]).unwrap());
                assert!(ws.recv_ref().unwrap().is_some());
            });
            println!("{role:?}: {} to send, {} to receive", first.live, count.live);
            assert!(count.live > ENGINE, "{role:?}, the first one received: {count:?}");
        }
    });
}

#[test]
fn windows_are_released_between_messages_if_requested() {
    let frugal = options().free_between_messages(true);
    let no_takeover = frugal.clone().server_no_context_takeover(true).client_no_context_takeover(true);
    limited(move || {
        for role in [Role::Client, Role::Server] {
            for (options, inflater_goes) in [(frugal.clone(), false), (no_takeover.clone(), true)] {
                let (mut ws, mut other, _) = held(role, Some(options));
                let message = noise(1000);
                for _ in 0..3 {
                    let ((), sent) = counted(|| ws.send(&message[..]).unwrap());
                    peer(|| drop(other.recv().unwrap()));
                    assert!(sent.peak > 2 * ENGINE && sent.live < 2 * SMALL, "{role:?}: {sent:?}");
                }
                let ((), received) = counted(|| {
                    for _ in 0..3 {
                        peer(|| other.send(&message[..]).unwrap());
                        assert!(ws.recv_ref().unwrap().is_some());
                    }
                });
                assert!(received.peak > ENGINE, "{role:?}: {received:?}");
                assert_eq!(received.live < 4 * SMALL, inflater_goes, "{role:?}: {received:?}");
            }
        }
    });
}

#[test]
fn compressed_messages_after_the_first_allocate_nothing() {
    limited(|| {
        for no_takeover in [false, true] {
            let options = options().server_no_context_takeover(no_takeover).client_no_context_takeover(no_takeover);
            let (mut client, mut server) = both(&options);
            let messages: Vec<Vec<u8>> =
                (0..10u8).map(|i| [&noise(500)[..], &[i; 500], &[i + 1; 24]].concat()).collect();
            let mut round = |fed: bool| {
                for to_server in [true, false] {
                    let (from, to) =
                        if to_server { (&mut client, &mut server) } else { (&mut server, &mut client) };
                    for message in &messages {
                        if fed {
                            from.feed(&message[..]).unwrap();
                            from.flush().unwrap();
                        } else {
                            from.send(&message[..]).unwrap();
                        }
                        assert!(to.recv_ref().unwrap().unwrap().as_bytes() == message);
                    }
                }
            };
            (0..20).for_each(|i| round(i % 2 == 0));
            let ((), count) = counted(|| (0..40).for_each(|i| round(i % 2 == 0)));
            assert_eq!(count.calls, 0, "no takeover {no_takeover}: {count:?}");
        }
    });
}

/// An idle connection keeps its windows, and no buffers.
#[test]
fn idle_connections_with_compression_keep_only_their_windows() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(&deflated(options()));
        let (mut deflate, mut inflate) = (Deflate::new(), Inflate::new());
        let message = noise(20_000);
        let mut exchange = |ws: &mut WebSocket| {
            peer(|| raw.send(masked(BINARY | RSV1, deflate.message(&message))));
            assert!(ws.recv_ref().unwrap().unwrap().as_bytes() == message);
            ws.send(&message[..]).unwrap();
            peer(|| {
                let frame = raw.frame();
                assert!(inflate.message(&frame.payload) == message);
                frame.payload.len()
            })
        };
        let (size, before) = counted(|| exchange(&mut ws));
        assert!(size > 20_000);
        let (result, count) = counted(|| ws.recv_timeout(Duration::from_millis(1_500)));
        assert!(matches!(result, Err(Error::Timeout(_))), "{result:?}");
        println!("{} before, {} back", before.live, -count.live);
        assert!(-count.live > 40 * KIB as isize, "{count:?}");
        assert!(before.live + count.live > 2 * ENGINE, "the windows stay: {before:?}, {count:?}");
        assert!(exchange(&mut ws) < 1000, "and can be referred to");
    });
}
