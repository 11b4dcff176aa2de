//! Both directions at once, several threads, and what happens while a message is being compressed.

use super::*;

fn numbered(id: u8, number: u32, len: usize) -> Vec<u8> {
    let mut message = vec![id];
    message.extend(number.to_be_bytes());
    if number % 3 == 0 {
        message.extend(noise(len));
    } else {
        message.extend(words(len).bytes());
    }
    message.push(id);
    message
}

const SIZES: [usize; 6] = [0, 100, 3_000, 20_000, 70_000, 200_000];

/// Sends messages in every way and with every setting.
fn send_many(sender: &Sender, id: u8, count: u32) {
    for number in 0..count {
        let message = numbered(id, number, SIZES[(number as usize * 7 + usize::from(id)) % SIZES.len()]);
        let compress = [Compress::Auto, Compress::Always, Compress::Never, Compress::Auto][number as usize % 4];
        let way = WAYS[(number as usize + usize::from(id)) % WAYS.len()];
        send(&sender.with_compress(compress), way, &message);
    }
}

fn receive_many(receiver: &mut Receiver, senders: usize, count: u32) {
    let mut next = vec![0u32; senders];
    while next.iter().sum::<u32>() < senders as u32 * count {
        let message = receiver.recv_ref().unwrap().expect("all messages before the end").as_bytes();
        let id = message[0];
        let number = next[usize::from(id)];
        assert_eq!(message[1..5], number.to_be_bytes(), "order of thread {id}");
        assert!(message == numbered(id, number, message.len() - 6), "message {number} of thread {id}");
        next[usize::from(id)] += 1;
    }
}

fn duplex(client: WebSocket, server: WebSocket) {
    const SENDERS: u8 = 3;
    const EACH: u32 = 30;
    thread::scope(|scope| {
        for ws in [client, server] {
            scope.spawn(move || {
                let (sender, mut receiver) = ws.split();
                thread::scope(|scope| {
                    for id in 0..SENDERS {
                        let sender = sender.clone();
                        scope.spawn(move || send_many(&sender, id, EACH));
                    }
                    receive_many(&mut receiver, SENDERS.into(), EACH);
                });
                let stats = sender.stats();
                assert_eq!(stats.messages_sent, u64::from(SENDERS) * u64::from(EACH));
                assert_eq!(stats.messages_received, stats.messages_sent);
                assert_eq!(stats.payload_received, stats.payload_sent);
                assert!(stats.wire_sent < stats.payload_sent, "{stats:?}");
                sender.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
                while receiver.recv().unwrap().is_some() {}
            });
        }
    });
}

#[test]
fn many_senders_in_both_directions_at_once() {
    limited(|| {
        let (client, server) = both(options().level(1), options().level(1));
        duplex(client, server);
        let frugal = options().level(1).free_between_messages(true).server_no_context_takeover(true);
        let (client, server) = both(frugal.clone(), frugal);
        duplex(client, server);
    });
}

#[test]
fn many_senders_in_both_directions_at_once_over_tls() {
    limited(|| {
        let ca = Ca::new();
        let tls = Server::builder().tls(ca.issue(&["localhost"]).identity());
        let listener = tls.compression(Some(options().level(1))).listen("127.0.0.1:0").unwrap();
        let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
        let trust = landline::transport::TlsConnector::builder().ca_pem(ca.pem().as_bytes()).platform_roots(false);
        let client = Client::builder().tls(trust.build().unwrap()).compression(Some(options().level(1))).build();
        let server = thread::spawn(move || listener.accept().unwrap().accept().unwrap());
        let client = client.unwrap().connect(&url).unwrap();
        duplex(client, server.join().unwrap());
    });
}

/// Compressing takes long, and locks nothing meanwhile: neither the other direction nor queries about the connection.
#[test]
fn both_ends_may_send_large_messages_at_the_same_time() {
    limited(|| {
        let (client, server) = both(options().level(1), options().level(1));
        let content = noise(16 * MIB);
        thread::scope(|scope| {
            for ws in [client, server] {
                let content = &content;
                scope.spawn(move || {
                    let (sender, mut receiver) = ws.split();
                    let sending = scope.spawn(move || sender.send(content).map(|()| sender));
                    assert!(receiver.recv().unwrap() == binary(&content[..]));
                    drop(sending.join().unwrap().unwrap());
                });
            }
        });
    });
}

#[test]
fn stats_distinguish_payload_from_bytes_on_the_wire() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options()));
        let text = words(10_000);
        let before = ws.stats();
        assert_eq!((before.payload_sent, before.wire_sent), (0, 0));
        ws.send(&text[..]).unwrap();
        let frame = raw.frame();
        let stats = ws.stats();
        assert_eq!((stats.messages_sent, stats.payload_sent), (1, 10_000));
        assert_eq!(stats.wire_sent, common::frame(frame.first, &frame.payload).len() as u64);
        assert!(stats.wire_sent < 5_000);

        let wire = masked(TEXT | RSV1, Deflate::new().message(&text));
        raw.send(&wire);
        assert!(ws.recv_ref().unwrap().is_some());
        let stats = ws.stats();
        assert_eq!((stats.messages_received, stats.payload_received), (1, 10_000));
        assert_eq!(stats.wire_received, wire.len() as u64);

        // A stream counts once, with all its bytes; so do messages received in pieces.
        send(&ws.split().0, Way::Flushed, text.as_bytes());
        let (mut ws, mut raw) = with_raw_client(deflated(options()));
        let mut writer = ws.send_stream(Kind::Text).unwrap();
        for part in text.as_bytes().chunks(999) {
            writer.write_all(part).unwrap();
            writer.flush().unwrap();
        }
        writer.finish().unwrap();
        drop(writer);
        assert_eq!((ws.stats().messages_sent, ws.stats().payload_sent), (1, 10_000));
        raw.send(&wire);
        read_all(&mut ws).unwrap();
        assert_eq!((ws.stats().messages_received, ws.stats().payload_received), (1, 10_000));
    });
}

#[test]
fn messages_that_arrive_before_a_pong_are_kept() {
    limited(|| {
        let (mut client, server) = both(options(), options());
        let (sender, mut receiver) = server.split();
        let serving = thread::spawn(move || receiver.recv());
        for i in 0..5u8 {
            sender.send(vec![i; 2000]).unwrap();
        }
        client.ping_wait(Duration::from_secs(20)).unwrap();
        for i in 0..5u8 {
            assert_eq!(client.recv().unwrap(), binary(vec![i; 2000]));
        }
        client.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(serving.join().unwrap().unwrap().is_none());
    });
}

// ----- While a message is being compressed, which takes a while -----

/// Data that takes long to compress and becomes small.
fn long_work() -> Vec<u8> {
    vec![0; 4 * MIB]
}

/// Feeds a message in another thread; returns, most probably, while it is being compressed.
fn feeding(sender: &Sender, message: Vec<u8>) -> thread::JoinHandle<()> {
    let before = sender.stats().payload_sent;
    let feeding = {
        let sender = sender.clone();
        thread::spawn(move || sender.feed(message).unwrap())
    };
    eventually("the message is being compressed", || sender.stats().payload_sent != before);
    feeding
}

#[test]
fn item_14_a_ping_that_arrives_while_a_message_is_compressed_is_answered() {
    limited(|| {
        let (ws, mut raw) = with_raw_client(deflated(options()));
        let (sender, mut receiver) = ws.split();
        let receiving = thread::spawn(move || receiver.recv());
        for round in 0..10u8 {
            let feeding = feeding(&sender, long_work());
            raw.send(masked(PING, [round]));
            // The receiver leaves the reply to the feeding thread, which does not flush.
            let pong = std::iter::repeat_with(|| raw.frame()).find(|frame| frame.first == PONG).unwrap();
            assert_eq!(pong.payload, [round]);
            feeding.join().unwrap();
        }
        raw.send(masked(CLOSE, close_payload(1000, "")));
        drop(raw);
        assert!(receiving.join().unwrap().unwrap().is_none());
    });
}

#[test]
fn a_thread_that_waits_for_its_turn_gets_it_after_a_feed() {
    limited(|| {
        let (ws, mut raw) = with_raw_client(deflated(options()));
        let (mut sender, _receiver) = ws.split();
        let reading = thread::spawn(move || raw.rest().map(drop));
        sender.set_send_timeout(None);
        for _ in 0..10 {
            let feeding = feeding(&sender, long_work());
            sender.send("in line").unwrap();
            feeding.join().unwrap();
        }
        drop((sender, _receiver));
        let _ = reading.join();
    });
}

/// A receiver that found nothing to send, because another thread was busy with it, is woken when there is something.
#[test]
fn messages_fed_after_blocked_output_are_sent_while_the_receiver_waits() {
    limited(|| {
        for _ in 0..8 {
            let (mut client, sender, mut receiver) = stuck();
            client.set_recv_timeout(Some(Duration::from_secs(10)));
            // More than there is room for, but not so much that further messages are refused.
            assert!(sender.send(noise(80_000)).unwrap_err().message_accepted());
            let (go, gone) = mpsc::channel();
            let receiving = sleeper(move || {
                while receiver.recv().unwrap().is_some() {
                    go.send(()).unwrap();
                }
            });
            let feeding = feeding(&sender, long_work());
            client.send("meanwhile").unwrap();
            gone.recv().unwrap();
            feeding.join().unwrap();
            receiving.until_asleep();
            assert!(client.recv().unwrap() == binary(noise(80_000)));
            assert!(client.recv().unwrap() == binary(long_work()));
            client.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
            receiving.join();
        }
    });
}

/// Batched output is written automatically once it reaches 64 KiB.
#[test]
fn item_15_fed_messages_do_not_gather_without_bound() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options().server_no_context_takeover(true)));
        let message = noise(20_000);
        for number in 1..=3 {
            ws.feed(&message[..]).unwrap();
            assert_eq!(ws.stats().wire_sent, 0, "{number} of 20,000 bytes");
        }
        ws.feed(&message[..]).unwrap();
        assert!(ws.stats().wire_sent > 80_000);
        for _ in 0..4 {
            assert!(Inflate::new().message(raw.frame().payload) == message);
        }
    });
}
