//! The real stack, a client and a server, over a transport that misbehaves depending on a seed: it splits reads and
//! writes anywhere, returns "would block" when it would not, wakes without reason, and in some runs is reset at some
//! byte. Meanwhile, calls time out and are interrupted at random moments. Two runs in three use compression
//! with random options. Exactly what was sent must arrive, in order.
//!
//! A failure prints its seed; `LANDLINE_SEED=n` runs that one alone.

use landline::error::Closed;
use landline::server::accept_over;
use landline::transport::{Identity, Interest, MemoryTransport, Ready, TlsConnector, Transport, Wake, pair};
use landline::{
    Client, CloseCode, Compress, Compression, Config, Deadline, Error, Interrupter, Kind, Message, Receiver,
    Sender, WebSocket,
};
use std::io::{self, IoSlice, Read, Write};
use std::ops::Range;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// SplitMix64: small, seeded, good enough to choose faults.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

/// A transport with faults.
struct Faulty {
    inner: MemoryTransport,
    state: Mutex<Faults>,
}

struct Faults {
    random: Random,
    /// Bytes until the connection is reset, in either direction.
    reset_after: Option<usize>,
    /// What was offered and not accepted: the next write has to begin with it.
    refused: Vec<u8>,
}

impl Faulty {
    fn new(inner: MemoryTransport, random: Random, reset_after: Option<usize>) -> Self {
        Self { inner, state: Mutex::new(Faults { random, reset_after, refused: Vec::new() }) }
    }
}

impl Faults {
    /// How many bytes may pass at this point.
    fn allow(&mut self, wanted: usize, inner: &MemoryTransport) -> io::Result<usize> {
        if self.random.one_in(4) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = [1, 3, 14, 200, 5_000, 100_000][self.random.below(6)];
        let mut count = wanted.min(1 + self.random.below(most));
        if let Some(left) = &mut self.reset_after {
            if *left == 0 {
                inner.abort();
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            count = count.min(*left);
        }
        Ok(count)
    }

    fn passed(&mut self, count: usize) {
        if let Some(left) = &mut self.reset_after {
            *left -= count;
        }
    }
}

impl Transport for Faulty {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state.lock().unwrap();
        let count = state.allow(buf.len(), &self.inner)?;
        let count = self.inner.read(&mut buf[..count])?;
        state.passed(count);
        Ok(count)
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.state.lock().unwrap();
        let offered: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).take(100_000).collect();
        let same = offered.len().min(state.refused.len());
        assert!(offered[..same] == state.refused[..same], "a refused write was not repeated");
        state.refused = offered[..offered.len().min(64)].to_vec();
        let count = state.allow(offered.len(), &self.inner)?;
        let count = self.inner.write(&[IoSlice::new(&offered[..count])])?;
        state.passed(count);
        state.refused = offered[count..offered.len().min(count + 64)].to_vec();
        Ok(count)
    }

    fn flush(&self) -> io::Result<()> {
        if self.state.lock().unwrap().random.one_in(4) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }

    fn wait(&self, interest: Interest, deadline: Deadline, wake: Option<&Wake>) -> io::Result<Ready> {
        if self.state.lock().unwrap().random.one_in(8) {
            return Ok(Ready::default());
        }
        self.inner.wait(interest, deadline, wake)
    }

    fn close_write(&self) -> io::Result<()> {
        self.flush()?;
        self.inner.close_write()
    }

    fn abort(&self) {
        self.inner.abort();
    }
}

fn messages(random: &mut Random, count: Range<usize>) -> Vec<Message> {
    let count = count.start + random.below(count.len());
    (0..count).map(|_| message(random)).collect()
}

fn message(random: &mut Random) -> Message {
    let size = match random.below(40) {
        0 => 0,
        1 => 125 + random.below(3),
        2 => 32_766 + random.below(5),
        3 => 65_534 + random.below(4),
        4 => random.below(300_000),
        _ => random.below(300),
    };
    let mut bytes = random.fork();
    if random.one_in(2) {
        let characters = ["a", "é", "€", "𝄞"];
        let mut text = String::with_capacity(size + 4);
        while text.len() < size {
            text.push_str(characters[bytes.below(4)]);
        }
        Message::Text(text)
    } else {
        Message::Binary((0..size).map(|_| bytes.next() as u8).collect())
    }
}

/// A call may time out or be interrupted; it is then repeated as its documentation says.
fn is_harmless(error: &Error) -> bool {
    matches!(error, Error::Timeout(_) | Error::Interrupted(_))
}

fn soon(random: &mut Random) -> Option<Instant> {
    random.one_in(2).then(|| Instant::now() + Duration::from_micros(random.below(300) as u64))
}

/// Options for one end.
fn compression(random: &mut Random) -> Option<Compression> {
    (!random.one_in(6)).then(|| {
        let mut bits = || [9, 10, 12, 15, 15][random.below(5)];
        Compression::default()
            .server_max_window_bits(bits())
            .client_max_window_bits(bits())
            .level([1, 1, 6, 9][random.below(4)])
            .threshold([0, 1, 128, 10_000][random.below(4)])
            .server_no_context_takeover(random.one_in(4))
            .client_no_context_takeover(random.one_in(4))
            .free_between_messages(random.one_in(4))
    })
}

fn send_all(
    sender: &mut Sender,
    random: &mut Random,
    wake: &Interrupter,
    messages: &[Message],
) -> landline::Result<()> {
    for message in messages {
        if random.one_in(10) {
            wake.interrupt_recv();
        }
        if random.one_in(5) {
            sender.set_compress([Compress::Never, Compress::Auto, Compress::Always][random.below(3)]);
        }
        let bytes = message.as_bytes();
        match random.below(5) {
            0 => stream(sender, random, message)?,
            way => loop {
                sender.set_deadline(soon(random));
                let (a, b) = bytes.split_at(bytes.len() / 3);
                let sent = match way {
                    1 => sender.feed(message),
                    2 => sender.send_vectored(message.kind(), &[IoSlice::new(a), IoSlice::new(b)]),
                    _ => sender.send(message),
                };
                match sent {
                    Ok(()) => break,
                    Err(error) if error.message_accepted() => break,
                    Err(error) if is_harmless(&error) => {}
                    Err(error) => return Err(error),
                }
            },
        }
    }
    sender.set_deadline(None);
    while let Err(error) = sender.flush() {
        if !is_harmless(&error) {
            return Err(error);
        }
    }
    Ok(())
}

fn stream(sender: &mut Sender, random: &mut Random, message: &Message) -> landline::Result<()> {
    sender.set_deadline(None);
    let mut writer = loop {
        match sender.send_stream(message.kind()) {
            Ok(writer) => break writer,
            Err(error) if is_harmless(&error) => {}
            Err(error) => return Err(error),
        }
    };
    let mut rest = message.as_bytes();
    while !rest.is_empty() {
        let count = rest.len().min(1 + random.below(20_000));
        let written = writer.write(&rest[..count]);
        match landed(written)? {
            Some(count) => rest = &rest[count..],
            None => continue,
        }
        if random.one_in(4) {
            landed(writer.flush())?;
        }
    }
    loop {
        match writer.finish() {
            Err(error) if error.message_accepted() => return Ok(()),
            Err(error) if is_harmless(&error) => {}
            result => return result,
        }
    }
}

/// `None` for a harmless error.
fn landed<T>(result: io::Result<T>) -> landline::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.downcast::<Error>() {
            Ok(error) if is_harmless(&error) => Ok(None),
            Ok(error) => Err(error),
            // The peer abandoned a streamed message, and closed with the code for that.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Error::Closed(Closed::Eof)),
            Err(error) => panic!("an error that is not ours: {error}"),
        },
    }
}

/// Receives until the end. Returns the complete messages, and how the connection ended.
fn receive_all(
    receiver: &mut Receiver,
    random: &mut Random,
    wake: &Interrupter,
) -> (Vec<Message>, landline::Result<()>) {
    let mut received = Vec::new();
    loop {
        if random.one_in(20) {
            wake.interrupt_send();
        }
        match receive_one(receiver, random) {
            Ok(Some(message)) => received.push(message),
            Ok(None) => return (received, Ok(())),
            Err(error) if is_harmless(&error) => {}
            Err(error) => return (received, Err(error)),
        }
    }
}

fn receive_one(receiver: &mut Receiver, random: &mut Random) -> landline::Result<Option<Message>> {
    receiver.set_deadline(soon(random));
    match random.below(4) {
        0 => receiver.recv(),
        1 => Ok(receiver.recv_ref()?.map(|message| message.to_message())),
        2 => {
            let mut bytes = Vec::new();
            let mut buf = vec![0; 1 + random.below(70_000)];
            loop {
                let part = match receiver.recv_into(&mut buf) {
                    Err(error) if is_harmless(&error) && !bytes.is_empty() => {
                        receiver.set_deadline(soon(random));
                        continue;
                    }
                    part => part?,
                };
                let Some(part) = part else { return Ok(None) };
                bytes.extend_from_slice(&buf[..part.len]);
                if part.is_final {
                    return Ok(Some(whole(part.kind, bytes)));
                }
                // A message that was started in this way is finished in this way, because other calls would skip the
                // rest.
                if bytes.is_empty() {
                    receiver.set_deadline(None);
                }
            }
        }
        _ => {
            let Some(mut reader) = receiver.recv_stream()? else { return Ok(None) };
            let kind = reader.kind();
            let mut bytes = Vec::new();
            let mut buf = vec![0; 1 + random.below(70_000)];
            loop {
                match landed(reader.read(&mut buf))? {
                    Some(0) => return Ok(Some(whole(kind, bytes))),
                    Some(count) => bytes.extend_from_slice(&buf[..count]),
                    None => {}
                }
            }
        }
    }
}

fn whole(kind: Kind, bytes: Vec<u8>) -> Message {
    match kind {
        Kind::Text => Message::Text(String::from_utf8(bytes).expect("text arrives as UTF-8")),
        Kind::Binary => Message::Binary(bytes),
    }
}

/// Two connected ends. With `tls`, TLS is between the faulty transport and the connection.
fn connect(
    random: &mut Random,
    reset_after: Option<usize>,
    tls: Option<&Tls>,
) -> landline::Result<(WebSocket, WebSocket)> {
    let (client, server) = pair();
    let client = Faulty::new(client, random.fork(), reset_after);
    let server = Faulty::new(server, random.fork(), None);
    let acceptor = tls.map(|tls| tls.acceptor.clone());
    let config = Config::default().compression(compression(random));
    let accepting = thread::spawn(move || match acceptor {
        None => accept_over(server, &config)?.accept(),
        Some(tls) => accept_over(tls.accept(server, None, None)?, &config)?.accept(),
    });
    let builder = Client::builder().compression(compression(random));
    let client = match tls {
        None => builder.build()?.connect_over(client, "ws://memory/"),
        Some(tls) => builder.tls(tls.connector.clone()).build()?.connect_over(client, "wss://localhost/"),
    };
    let server = accepting.join().unwrap();
    Ok((client?, server?))
}

struct Tls {
    acceptor: landline::transport::TlsAcceptor,
    connector: TlsConnector,
}

impl Tls {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let identity = Identity::from_pem(cert.as_bytes(), key.as_bytes()).unwrap();
        let connector = TlsConnector::builder().platform_roots(false).ca_pem(cert.as_bytes()).build().unwrap();
        Self { acceptor: landline::transport::TlsAcceptor::new(identity).unwrap(), connector }
    }
}

/// What one end received, and how its two halves ended.
struct Outcome {
    received: Vec<Message>,
    end: landline::Result<()>,
    sent: landline::Result<()>,
}

/// Sends in one thread and receives in another.
fn run_end(ws: WebSocket, random: &mut Random, to_send: Vec<Message>, closes: bool) -> thread::JoinHandle<Outcome> {
    let (mut for_sending, mut for_receiving) = (random.fork(), random.fork());
    thread::spawn(move || {
        let (mut sender, mut receiver) = ws.split();
        let wake = receiver.interrupter().unwrap();
        let also_wake = wake.clone();
        let sending = thread::spawn(move || {
            send_all(&mut sender, &mut for_sending, &also_wake, &to_send)?;
            if closes {
                while let Err(error) = sender.close_start(CloseCode::NORMAL_CLOSURE, "all sent") {
                    if !is_harmless(&error) {
                        return Err(error);
                    }
                }
            }
            Ok(())
        });
        let (received, end) = receive_all(&mut receiver, &mut for_receiving, &wake);
        if end.is_err() {
            receiver.abort();
        }
        Outcome { received, end, sent: sending.join().unwrap() }
    })
}

/// Runs `test` for every seed, on the machine's two or more cores, each under a watchdog.
fn for_seeds(seeds: Range<u64>, test: impl Fn(u64) + Sync) {
    let only =
        std::env::var("LANDLINE_SEED").ok().map(|seed| seed.parse::<u64>().expect("LANDLINE_SEED is a number"));
    let seeds = only.map_or(seeds, |seed| seed..seed + 1);
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let running = Mutex::new(Vec::new());
    let finished = Mutex::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if seed >= seeds.end {
                            return;
                        }
                        running.lock().unwrap().push((seed, Instant::now()));
                        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(seed)));
                        running.lock().unwrap().retain(|(other, _)| *other != seed);
                        if result.is_err() {
                            panic!("seed {seed} failed: LANDLINE_SEED={seed} runs it alone");
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !*finished.lock().unwrap() {
                for (seed, since) in running.lock().unwrap().iter() {
                    if since.elapsed() > Duration::from_secs(60) {
                        eprintln!("seed {seed} hangs");
                        std::process::abort();
                    }
                }
                thread::park_timeout(Duration::from_millis(100));
            }
        });
        let results: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        *finished.lock().unwrap() = true;
        assert!(results.iter().all(Result::is_ok), "see above");
    });
}

fn everything_arrives(seed: u64, tls: Option<&Tls>) {
    let mut random = Random(seed);
    let (client, server) = connect(&mut random, None, tls).unwrap();
    // The closing end cannot know what the other still wants to send, so the other sends nothing then.
    let to_server = messages(&mut random, 0..25);
    let to_client = messages(&mut random, 0..25);
    let client = run_end(client, &mut random, to_server.clone(), false);
    let server = {
        let (mut sending, mut receiving) = (random.fork(), random.fork());
        let expected = to_server.len();
        thread::spawn(move || {
            let (mut sender, mut receiver) = server.split();
            let wake = receiver.interrupter().unwrap();
            let also_wake = wake.clone();
            let to_send = to_client;
            let thread = thread::spawn(move || {
                let result = send_all(&mut sender, &mut sending, &also_wake, &to_send);
                (result, to_send, sender)
            });
            let mut received = Vec::new();
            while received.len() < expected {
                match receive_one(&mut receiver, &mut receiving) {
                    Ok(Some(message)) => received.push(message),
                    Ok(None) => panic!("closed early"),
                    Err(error) if is_harmless(&error) => wake.interrupt_send(),
                    Err(error) => panic!("{error}"),
                }
            }
            let (result, sent, _sender) = thread.join().unwrap();
            result.unwrap();
            receiver.close(CloseCode::NORMAL_CLOSURE, "all received").unwrap();
            assert!(receiver.close_info().clean);
            (received, sent)
        })
    };
    let client = client.join().unwrap();
    let (received, to_client) = server.join().unwrap();
    assert!(received == to_server, "what the server got");
    client.sent.unwrap();
    client.end.unwrap();
    assert!(client.received == to_client, "what the client got");
}

#[test]
fn everything_arrives_in_order_despite_random_faults() {
    for_seeds(0..3_000, |seed| everything_arrives(seed, None));
}

#[test]
fn everything_arrives_in_order_over_tls() {
    let tls = Tls::new();
    for_seeds(100_000..100_300, |seed| everything_arrives(seed, Some(&tls)));
}

#[test]
fn a_reset_loses_only_the_end() {
    for_seeds(200_000..201_000, |seed| {
        let mut random = Random(seed);
        let reset_after = 400 + random.below(60_000);
        // The opening handshake may also be affected.
        let Ok((client, server)) = connect(&mut random, Some(reset_after), None) else { return };
        let (to_server, to_client) = (messages(&mut random, 0..25), messages(&mut random, 0..25));
        let client = run_end(client, &mut random, to_server.clone(), true);
        let server = run_end(server, &mut random, to_client.clone(), false);
        for (name, outcome, sent) in
            [("client", client.join().unwrap(), to_client), ("server", server.join().unwrap(), to_server)]
        {
            assert!(sent.starts_with(&outcome.received), "what the {name} got");
            for result in [outcome.end, outcome.sent] {
                assert!(matches!(result, Ok(()) | Err(Error::Io { .. } | Error::Closed(_))), "{name}: {result:?}");
            }
        }
    });
}
