//! Compression (permessage-deflate, RFC 7692) through the blocking calls: what is agreed on, what is compressed on the
//! wire, limits, streams, time limits, several threads.

mod common;

use common::*;
use landline::error::{Closed, HandshakeError, LimitError, ProtocolError};
use landline::proto::deflate::DeflateParameters;
use landline::server::accept_over;
use landline::transport::{MemoryTransport, pair as memory_pair};
use landline::{
    Client, CloseCode, Compress, Compression, Config, Error, Kind, Message, Received, Receiver, Sender, Server,
    WebSocket,
};
use std::io::{IoSlice, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const SHORT: Duration = Duration::from_millis(50);

fn options() -> Compression {
    Compression::default()
}

fn deflated(options: Compression) -> Config {
    Config::default().compression(Some(options))
}

fn client_with(options: Compression) -> Client {
    Client::builder().compression(Some(options)).build().unwrap()
}

/// Both ends ours, over TCP.
fn both(client: Compression, server: Compression) -> (WebSocket, WebSocket) {
    pair_with(&client_with(client), Server::builder().compression(Some(server)))
}

/// Both ends ours, with room for 64 KiB each way between them.
fn in_memory(options: Compression) -> (WebSocket, WebSocket) {
    let (client, server): (MemoryTransport, MemoryTransport) = memory_pair();
    let config = deflated(options.clone());
    let accepting = thread::spawn(move || accept_over(server, &config).unwrap().accept().unwrap());
    let client = client_with(options).connect_over(client, "ws://memory/").unwrap();
    (client, accepting.join().unwrap())
}

/// Our server's end, and a raw client that agreed on compression.
fn with_raw_client(config: Config) -> (WebSocket, Raw<TcpStream>) {
    let (ws, raw, head) = raw_client_with(&config, OFFER);
    assert!(ws.handshake().compression.is_some(), "{head}");
    (ws, raw)
}

/// The same with these options and this limit on messages.
fn limited_to_size(max: usize) -> (WebSocket, Raw<TcpStream>) {
    with_raw_client(deflated(options()).max_message_size(max as u64))
}

/// Reads the code of the Close frame that is due, and hangs up.
fn refused(mut raw: Raw<TcpStream>) -> thread::JoinHandle<u16> {
    thread::spawn(move || raw.frame().close_code())
}

/// The frames of the next message, with the control frames between them.
fn frames(raw: &mut Raw<TcpStream>) -> Vec<Frame> {
    let mut frames = Vec::new();
    loop {
        frames.push(raw.frame());
        let first = frames.last().unwrap().first;
        if first & 0x88 == 0x80 {
            return frames;
        }
    }
}

/// The payload of a message's frames.
fn joined(frames: &[Frame]) -> Vec<u8> {
    frames.iter().filter(|frame| frame.first & 8 == 0).flat_map(|frame| frame.payload.iter().copied()).collect()
}

/// The next message that a raw peer gets: whether it was compressed, and its content.
fn next_message(raw: &mut Raw<TcpStream>, inflate: &mut Inflate) -> (bool, Vec<u8>) {
    let frames = frames(raw);
    let payload = joined(&frames);
    let compressed = frames[0].first & RSV1 != 0;
    (compressed, if compressed { inflate.message(payload) } else { payload })
}

/// Text that becomes a fraction of its size.
fn words(len: usize) -> String {
    let mut text = String::with_capacity(len + 16);
    let mut number = 0u32;
    while text.len() < len {
        text.push_str(["lorem ", "ipsum ", "dolor ", "sit ", "amet "][number as usize % 5]);
        text.push_str(&(number.wrapping_mul(2_654_435_761) % 97).to_string());
        number += 1;
    }
    text.truncate(len);
    text
}

fn binary(bytes: impl Into<Vec<u8>>) -> Option<Message> {
    Some(Message::Binary(bytes.into()))
}

// ----- What is agreed on -----

#[test]
fn item_22_the_option_that_is_off_is_neither_offered_nor_accepted() {
    limited(|| {
        let (addr, server) = raw_server(|mut raw| raw.accept());
        let ws = Client::default().connect(&format!("ws://{addr}/")).unwrap();
        assert!(ws.handshake().compression.is_none() && ws.handshake().extensions.is_empty());
        assert_eq!(header(&server.join(), "sec-websocket-extensions"), None);

        let (mut ws, mut raw, head) = raw_client_with(&Config::default(), OFFER);
        assert!(ws.handshake().compression.is_none() && ws.handshake().extensions.is_empty());
        assert_eq!(header(&head, "sec-websocket-extensions"), None);
        ws.set_compress(Compress::Always);
        ws.send(words(1000)).unwrap();
        assert_eq!(raw.frame().first, TEXT);
        raw.send(masked(TEXT | RSV1, Deflate::new().message("hello")));
        let code = refused(raw);
        assert!(matches!(ws.recv(), Err(Error::Protocol(ProtocolError::ReservedBits))));
        assert_eq!(code.join().unwrap(), 1002);
    });
}

#[test]
fn item_22_both_ends_know_what_was_agreed_on() {
    fn agreed(parameters: Option<&DeflateParameters>) -> (bool, bool, u8, u8) {
        let p = parameters.expect("compression");
        (
            p.server_no_context_takeover,
            p.client_no_context_takeover,
            p.server_max_window_bits,
            p.client_max_window_bits,
        )
    }
    limited(|| {
        for (client, server, expected) in [
            (options(), options(), (false, false, 15, 15)),
            (options().server_no_context_takeover(true), options(), (true, false, 15, 15)),
            (options(), options().server_no_context_takeover(true), (true, false, 15, 15)),
            (options().client_no_context_takeover(true), options(), (false, true, 15, 15)),
            (options(), options().client_no_context_takeover(true), (false, true, 15, 15)),
            (options().server_max_window_bits(10), options(), (false, false, 10, 15)),
            (options(), options().server_max_window_bits(9), (false, false, 9, 15)),
            (options().client_max_window_bits(12), options(), (false, false, 15, 12)),
            (options().client_max_window_bits(12), options().client_max_window_bits(11), (false, false, 15, 11)),
            (options(), options().client_max_window_bits(9).server_max_window_bits(9), (false, false, 9, 9)),
        ] {
            let (mut client, mut server) = both(client, server);
            for ws in [&client, &server] {
                assert_eq!(agreed(ws.handshake().compression.as_ref()), expected);
                assert_eq!(ws.handshake().extensions.len(), 1);
                assert_eq!(ws.handshake().extensions[0].name(), "permessage-deflate");
            }
            // Several messages, so that the windows matter.
            for text in [words(3000), words(40_000), String::new(), words(500)] {
                client.send(&text[..]).unwrap();
                assert_eq!(server.recv().unwrap(), Some(Message::Text(text.clone())));
                server.send(&text[..]).unwrap();
                assert_eq!(client.recv().unwrap(), Some(Message::Text(text)));
            }
            assert!(client.stats().wire_sent < 20_000 && server.stats().wire_sent < 20_000, "{:?}", client.stats());
        }
    });
}

#[test]
fn item_22_a_client_whose_offer_is_declined_goes_on_without() {
    limited(|| {
        let (addr, server) = raw_server(|mut raw| {
            let request = raw.accept();
            let frame = raw.frame();
            raw.send(common::frame(TEXT | RSV1, Deflate::new().message("hello")));
            (request, frame.first, raw.frame().close_code())
        });
        let mut ws = client_with(options()).connect(&format!("ws://{addr}/")).unwrap();
        assert!(ws.handshake().compression.is_none() && ws.handshake().extensions.is_empty());
        ws.with_compress(Compress::Always).send(words(1000)).unwrap();
        assert!(matches!(ws.recv(), Err(Error::Protocol(ProtocolError::ReservedBits))));
        let (request, first, code) = server.join();
        let offer = header(&request, "sec-websocket-extensions");
        assert_eq!(offer, Some("permessage-deflate; client_max_window_bits"));
        assert_eq!((first, code), (TEXT, 1002));
    });
}

#[test]
fn item_22_a_server_takes_the_first_offer_that_it_can_keep() {
    limited(|| {
        for (offer, options, answer) in [
            ("permessage-deflate", options(), Some("permessage-deflate")),
            ("permessage-deflate; unknown", options(), None),
            ("permessage-deflate; server_max_window_bits=8", options(), None),
            ("permessage-deflate; server_max_window_bits", options(), None),
            ("permessage-deflate; client_max_window_bits=16", options(), None),
            ("permessage-deflate; server_no_context_takeover=1", options(), None),
            ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", options(), None),
            ("permessage-deflate; unknown, permessage-deflate", options(), Some("permessage-deflate")),
            (
                "x-other; a=1, permessage-deflate; server_max_window_bits=10; server_no_context_takeover",
                options(),
                Some("permessage-deflate; server_no_context_takeover; server_max_window_bits=10"),
            ),
            // Without the client's leave nothing can be asked of it.
            ("permessage-deflate", options().client_max_window_bits(11), None),
            (
                "permessage-deflate; client_max_window_bits",
                options().client_max_window_bits(11),
                Some("permessage-deflate; client_max_window_bits=11"),
            ),
        ] {
            let headers = format!("Sec-WebSocket-Extensions: {offer}\r\n");
            let (mut ws, mut raw, head) = raw_client_with(&deflated(options), &headers);
            assert_eq!(header(&head, "sec-websocket-extensions"), answer, "{offer}");
            assert_eq!(ws.handshake().compression.is_some(), answer.is_some(), "{offer}");
            assert_eq!(ws.handshake().extensions.len(), usize::from(answer.is_some()), "{offer}");
            ws.send(words(1000)).unwrap();
            assert_eq!(raw.frame().first & RSV1 != 0, answer.is_some(), "{offer}");
        }
    });
}

#[test]
fn item_22_an_answer_that_does_not_fit_the_offer_fails_the_handshake() {
    limited(|| {
        let asks = options().server_no_context_takeover(true).server_max_window_bits(10);
        for (options, answer, what) in [
            (Some(options()), "permessage-deflate; client_max_window_bits=7", "window bits"),
            (Some(options()), "permessage-deflate; client_max_window_bits", "no value"),
            (Some(options()), "permessage-deflate; server_max_window_bits=16", "window bits"),
            (Some(options()), "permessage-deflate; server_max_window_bits=010", "window bits"),
            (Some(options()), "permessage-deflate; extra=1", "unknown parameter"),
            (
                Some(options()),
                "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
                "repeated",
            ),
            (Some(options()), "permessage-deflate, permessage-deflate", "twice"),
            (Some(options()), "x-webkit-deflate-frame", "x-webkit-deflate-frame"),
            (Some(options()), "permessage-deflate; =", "malformed"),
            (Some(asks.clone()), "permessage-deflate; server_max_window_bits=10", "not granted"),
            (Some(asks.clone()), "permessage-deflate; server_no_context_takeover", "server_max_window_bits"),
            (
                Some(asks),
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=11",
                "server_max_window_bits",
            ),
            (None, "permessage-deflate", "not offered"),
        ] {
            let headers = format!("Sec-WebSocket-Extensions: {answer}\r\n");
            let (addr, server) = raw_server(move |mut raw| {
                raw.accept_with(&headers, "");
                raw.rest().unwrap()
            });
            let client = Client::builder().compression(options).build().unwrap();
            let error = client.connect(&format!("ws://{addr}/")).unwrap_err();
            let Error::Handshake(handshake) = &error else { panic!("{answer}: {error:?}") };
            assert!(error.to_string().contains(what), "{answer}: {error}");
            assert!(error.is_fatal(), "{answer}");
            if let HandshakeError::ExtensionParameters { name, .. } = &**handshake {
                assert_eq!(*name, "permessage-deflate");
                assert!(error.to_string().contains("permessage-deflate"), "{error}");
            }
            assert!(server.join().is_empty(), "{answer}: nothing is sent behind the request");
        }
    });
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    for (bad, name) in [
        (options().level(0), "compression level 0"),
        (options().level(10), "compression level 10"),
        (options().server_max_window_bits(8), "server_max_window_bits of 8"),
        (options().server_max_window_bits(16), "server_max_window_bits of 16"),
        (options().client_max_window_bits(8), "client_max_window_bits of 8"),
        (options().client_max_window_bits(16), "client_max_window_bits of 16"),
    ] {
        let client = Client::builder().compression(Some(bad.clone())).build().map(drop);
        let with_config = Client::builder().config(deflated(bad.clone())).build().map(drop);
        let server = Server::builder().compression(Some(bad.clone())).bind("127.0.0.1:0").map(drop);
        let listener = Server::builder().config(deflated(bad.clone())).listen("127.0.0.1:0").map(drop);
        for result in [client, with_config, server, listener] {
            let Err(error @ Error::Config(_)) = result else { panic!("{bad:?}: {result:?}") };
            assert!(error.to_string().contains(name), "{bad:?}: {error}");
        }
    }
    for good in [options().level(1), options().level(9), options().client_max_window_bits(9)] {
        assert!(Client::builder().compression(Some(good)).build().is_ok());
    }
}

/// Also where a transport is accepted without a builder.
#[test]
fn options_out_of_range_are_refused_for_a_transport_too() {
    limited(|| {
        for bad in [options().level(0), options().server_max_window_bits(16), options().server_max_window_bits(8)] {
            let (client, server) = memory_pair();
            let connecting =
                thread::spawn(move || client_with(options()).connect_over(client, "ws://memory/").map(drop));
            let result = accept_over(server, &deflated(bad.clone())).map(drop);
            assert!(matches!(result, Err(Error::Config(_))), "{bad:?}: {result:?}");
            assert!(connecting.join().unwrap().is_err());
        }
    });
}

// ----- What is on the wire -----

/// Sends a message in one of several ways.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Way {
    Send,
    Feed,
    Vectored,
    Stream,
    /// As a stream that is flushed after the first byte.
    Flushed,
}

const WAYS: [Way; 5] = [Way::Send, Way::Feed, Way::Vectored, Way::Stream, Way::Flushed];

fn send(sender: &Sender, way: Way, message: &[u8]) {
    match way {
        Way::Send => sender.send(message).unwrap(),
        Way::Feed => {
            sender.feed(message).unwrap();
            sender.flush().unwrap();
        }
        Way::Vectored => {
            let (a, b) = message.split_at(message.len() / 2);
            let parts = [IoSlice::new(a), IoSlice::new(b), IoSlice::new(b"")];
            sender.send_vectored(Kind::Binary, &parts).unwrap();
        }
        Way::Stream | Way::Flushed => {
            let mut writer = sender.send_stream(Kind::Binary).unwrap();
            let first = if way == Way::Flushed { message.len().min(1) } else { 0 };
            writer.write_all(&message[..first]).unwrap();
            if way == Way::Flushed {
                writer.flush().unwrap();
            }
            writer.write_all(&message[first..]).unwrap();
            writer.finish().unwrap();
        }
    }
}

#[test]
fn what_is_compressed_on_the_wire() {
    limited(|| {
        let (ws, mut raw) = with_raw_client(deflated(options().threshold(300)));
        let (mut sender, _receiver) = ws.split();
        let mut inflate = Inflate::new();
        for compress in [Compress::Never, Compress::Auto, Compress::Always] {
            sender.set_compress(compress);
            for way in WAYS {
                for size in [0, 1, 150, 299, 300, 301, 5_000, 40_000] {
                    let message = words(size).into_bytes();
                    send(&sender, way, &message);
                    let (compressed, received) = next_message(&mut raw, &mut inflate);
                    assert!(received == message, "{compress:?} {way:?} {size}");
                    let expected = match compress {
                        Compress::Never => false,
                        Compress::Always => true,
                        // Once something must go out, its size is not known.
                        Compress::Auto => size >= 300 || (way == Way::Flushed && size > 0),
                    };
                    assert_eq!(compressed, expected, "{compress:?} {way:?} {size}");
                }
            }
        }
    });
}

#[test]
fn the_default_takes_all_messages_with_takeover_and_those_of_128_bytes_without() {
    limited(|| {
        let fresh = || options().server_no_context_takeover(true);
        for (options, from) in [
            (options(), 0),
            (options().threshold(0), 0),
            (options().threshold(128), 128),
            (options().threshold(usize::MAX), 2000),
            (fresh(), 128),
            (fresh().threshold(0), 0),
            (fresh().threshold(1), 1),
            (options().free_between_messages(true), 0),
        ] {
            let (mut ws, mut raw) = with_raw_client(deflated(options));
            for size in [0, 1, 127, 128, 1999] {
                ws.send(words(size)).unwrap();
                assert_eq!(raw.frame().first & RSV1 != 0, size >= from, "{size} of {from}");
            }
        }
    });
}

#[test]
fn with_compress_is_for_that_message_and_each_sender_has_its_own_setting() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options().threshold(128)));
        let mut is_compressed = || raw.frame().first & RSV1 != 0;
        let text = words(1000);
        ws.with_compress(Compress::Never).send(&text[..]).unwrap();
        ws.send(&text[..]).unwrap();
        assert_eq!([is_compressed(), is_compressed()], [false, true]);
        ws.with_compress(Compress::Always).feed("x").unwrap();
        ws.send("x").unwrap();
        assert_eq!([is_compressed(), is_compressed()], [true, false]);
        ws.set_compress(Compress::Never);
        ws.send(&text[..]).unwrap();
        let (local, _) = ws.parts();
        local.send(&text[..]).unwrap();
        local.with_compress(Compress::Auto).send(&text[..]).unwrap();
        local.send(&text[..]).unwrap();
        assert_eq!(
            [is_compressed(), is_compressed(), is_compressed(), is_compressed()],
            [false, false, true, false]
        );

        let (never, _receiver) = ws.split();
        let mut always = never.clone();
        always.set_compress(Compress::Always);
        let auto = always.with_compress(Compress::Auto);
        let clone = always.clone();
        for sender in [&never, &always, &auto, &clone] {
            sender.send("x").unwrap();
            sender.send(&text[..]).unwrap();
        }
        let seen: Vec<bool> = (0..8).map(|_| is_compressed()).collect();
        assert_eq!(seen, [false, false, true, true, false, true, true, true]);
    });
}

#[test]
fn messages_refer_to_earlier_ones_unless_told_otherwise() {
    limited(|| {
        let text = noise(1000);
        for (options, offer, refers) in [
            (options(), "", true),
            (options().server_no_context_takeover(true), "", false),
            (options(), "; server_no_context_takeover", false),
            (options().free_between_messages(true), "", false),
            // These are about the other direction.
            (options().client_no_context_takeover(true), "", true),
            (options(), "; client_no_context_takeover", true),
        ] {
            let offer = format!("Sec-WebSocket-Extensions: permessage-deflate{offer}\r\n");
            let (mut ws, mut raw, _) = raw_client_with(&deflated(options.clone()), &offer);
            let mut inflate = Inflate::new();
            for round in 0..3 {
                ws.send(&text[..]).unwrap();
                let frame = raw.frame();
                assert_eq!(frame.first, BINARY | RSV1);
                let is_small = frame.payload.len() < 100;
                assert_eq!(is_small, refers && round > 0, "{options:?} {offer}: {}", frame.payload.len());
                if !refers {
                    inflate = Inflate::new();
                }
                assert!(inflate.message(frame.payload) == text);
            }
        }
    });
}

/// Of the client; the peer's inflater has no window from earlier messages.
#[test]
fn a_client_keeps_what_was_agreed_on_too() {
    limited(|| {
        let text = noise(1000);
        for (answer, refers, compressed) in [
            ("permessage-deflate", true, true),
            ("permessage-deflate; client_no_context_takeover", false, true),
            ("permessage-deflate; server_no_context_takeover", true, true),
            // The engine cannot make windows as small as that.
            ("permessage-deflate; client_max_window_bits=8", true, false),
        ] {
            let headers = format!("Sec-WebSocket-Extensions: {answer}\r\n");
            let (addr, server) = raw_server(move |mut raw| {
                raw.accept_with(&headers, "");
                [raw.frame(), raw.frame()]
            });
            let mut ws = client_with(options()).connect(&format!("ws://{addr}/")).unwrap();
            ws.set_compress(Compress::Always);
            ws.send(&text[..]).unwrap();
            ws.send(&text[..]).unwrap();
            let [first, second] = server.join();
            assert!(first.masked && second.masked);
            assert_eq!(first.first, if compressed { BINARY | RSV1 } else { BINARY }, "{answer}");
            if compressed {
                assert_eq!(second.payload.len() < 100, refers, "{answer}");
                let mut inflate = Inflate::new();
                assert!(inflate.message(first.payload) == text);
                let mut inflate = if refers { inflate } else { Inflate::new() };
                assert!(inflate.message(second.payload) == text);
            } else {
                assert!(first.payload == text && second.payload == text);
            }
        }
    });
}

#[test]
fn window_bits_bound_how_far_back_a_message_refers() {
    limited(|| {
        let once = noise(5000);
        let twice = once.repeat(2);
        for (bits, refers) in [(15, true), (13, true), (12, false), (9, false)] {
            let (mut ws, mut raw) = with_raw_client(deflated(options().server_max_window_bits(bits)));
            ws.send(&twice[..]).unwrap();
            let size = raw.frame().payload.len();
            assert_eq!(size < 6000, refers, "{bits} bits: {size}");
            // And the client's, as its server says.
            let (mut client, mut server) = both(options(), options().client_max_window_bits(bits));
            client.send(&twice[..]).unwrap();
            assert!(server.recv().unwrap() == binary(&twice[..]));
            let size = client.stats().wire_sent;
            assert_eq!(size < 6000, refers, "{bits} bits: {size}");
        }
    });
}

#[test]
fn a_higher_level_makes_messages_smaller() {
    limited(|| {
        let sizes = [1, 6, 9].map(|level| {
            let (mut ws, mut raw) = with_raw_client(deflated(options().level(level)));
            let text: String = (0..20_000u32)
                .map(|i| ["the", " quick", " brown", "\nfox", " jumps"][(i.wrapping_mul(i) >> 3) as usize % 5])
                .collect();
            let reading = thread::spawn(move || next_message(&mut raw, &mut Inflate::new()));
            ws.send(&text[..]).unwrap();
            assert!(reading.join().unwrap() == (true, text.into_bytes()));
            ws.stats().wire_sent
        });
        assert!(sizes[0] > sizes[1] && sizes[1] >= sizes[2], "{sizes:?}");
    });
}

/// A peer may compress in ways of its own.
#[test]
fn item_22_messages_in_many_frames_and_blocks_are_inflated() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options()));
        let mut deflate = Deflate::new();
        let text = words(2000);
        // One byte of the compressed message to a frame, empty ones among them.
        let payload = deflate.message(&text);
        raw.send(masked(0x01 | RSV1, ""));
        for byte in &payload {
            raw.send([masked(0x00, [*byte]), masked(0x00, "")].concat());
        }
        raw.send(masked(0x80, ""));
        assert_eq!(ws.recv().unwrap(), Some(Message::Text(text.clone())));
        // Several flushes in one frame; the empty message in all its forms; plain ones in between.
        let parts = [
            deflate.part(&text[..700], flate2::FlushCompress::Sync),
            deflate.part(&text[700..], flate2::FlushCompress::Full),
            vec![0],
        ];
        raw.send(masked(TEXT | RSV1, parts.concat()));
        assert_eq!(ws.recv().unwrap(), Some(Message::Text(text.clone())));
        raw.send([masked(TEXT | RSV1, [0]), masked(TEXT | RSV1, ""), masked(TEXT, "")].concat());
        for _ in 0..3 {
            assert_eq!(ws.recv().unwrap(), Some(Message::Text(String::new())));
        }
        raw.send(masked(TEXT, "plain"));
        assert_eq!(ws.recv().unwrap(), Some(Message::Text("plain".into())));
        raw.send(masked(TEXT | RSV1, deflate.message(&text)));
        assert_eq!(ws.recv().unwrap(), Some(Message::Text(text)));
    });
}

#[test]
fn item_22_corrupt_messages_end_the_connection() {
    limited(|| {
        let text = words(1000);
        let cut = {
            let mut payload = Deflate::new().message(&text);
            payload.truncate(payload.len() / 2);
            payload
        };
        let early = masked(0x01 | RSV1, &Deflate::new().message(&text)[..20]);
        for (what, wire, code) in [
            ("garbage", masked(BINARY | RSV1, [0xff; 40]), 1007),
            ("cut off", masked(TEXT | RSV1, cut), 1007),
            ("a reference to nothing", masked(BINARY | RSV1, [0x02, 0x53, 0x00]), 1007),
            ("not UTF-8", masked(TEXT | RSV1, Deflate::new().message(b"good \xff bad")), 1007),
            ("text cut in a character", masked(TEXT | RSV1, Deflate::new().message(&"€".as_bytes()[..2])), 1007),
            ("RSV1 in a continuation", [early.clone(), masked(0x80 | RSV1, "x")].concat(), 1002),
            ("RSV1 in a ping", masked(PING | RSV1, "x"), 1002),
            ("RSV2", masked(TEXT | RSV1 | 0x20, Deflate::new().message(&text)), 1002),
            ("RSV3", masked(TEXT | 0x10, "x"), 1002),
        ] {
            for streams in [false, true] {
                let (mut ws, mut raw) = with_raw_client(deflated(options()));
                raw.send(&wire);
                let closed = refused(raw);
                let error = if streams { read_all(&mut ws).unwrap_err() } else { ws.recv().unwrap_err() };
                assert!(matches!(error, Error::Protocol(_)), "{what}: {error:?}");
                assert_eq!(error.close_code(), Some(CloseCode::from(code)), "{what}");
                assert_eq!(closed.join().unwrap(), code, "{what}");
                assert_eq!(ws.recv().unwrap_err().to_string(), error.to_string(), "the same ever after");
            }
        }
    });
}

/// The next message as a stream.
fn read_all(ws: &mut WebSocket) -> landline::Result<Vec<u8>> {
    let mut reader = ws.recv_stream()?.expect("a message");
    let mut bytes = Vec::new();
    match reader.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(error.downcast().expect("an error of ours")),
    }
}

// ----- Limits -----

/// Receives one message.
type Receive = fn(&mut WebSocket) -> landline::Result<Vec<u8>>;

/// The ways there are.
const RECEIVE: [(&str, Receive); 4] = [
    ("recv", |ws| Ok(ws.recv()?.unwrap().as_bytes().to_vec())),
    ("recv_ref", |ws| Ok(ws.recv_ref()?.unwrap().as_bytes().to_vec())),
    ("recv_into", |ws| {
        let (mut all, mut buf) = (Vec::new(), [0; 1000]);
        loop {
            let Received { len, is_final, .. } = ws.recv_into(&mut buf)?.unwrap();
            all.extend_from_slice(&buf[..len]);
            if is_final {
                return Ok(all);
            }
        }
    }),
    ("recv_stream", read_all),
];

#[test]
fn item_9_the_limit_counts_inflated_bytes_to_the_byte() {
    limited(|| {
        for limit in [1, 1000, 64 * KIB, 300 * KIB] {
            for (name, receive) in RECEIVE {
                for content in [vec![b'x'; limit + 1], noise(limit + 1)] {
                    let (mut ws, mut raw) = limited_to_size(limit);
                    let mut deflate = Deflate::new();
                    let reading = thread::spawn(move || {
                        for _ in 0..2 {
                            raw.send(masked(BINARY | RSV1, deflate.message(&content[1..])));
                        }
                        raw.send(masked(BINARY | RSV1, deflate.message(&content)));
                        (raw.frame().close_code(), content)
                    });
                    let at_limit = [receive(&mut ws).unwrap(), receive(&mut ws).unwrap()];
                    let error = receive(&mut ws).unwrap_err();
                    let (code, content) = reading.join().unwrap();
                    assert!(at_limit.iter().all(|message| message[..] == content[1..]), "{name} {limit}");
                    let expected = LimitError::MessageTooBig { limit: limit as u64, at_least: limit as u64 + 1 };
                    assert!(matches!(error, Error::Limit(e) if e == expected), "{name} {limit}: {error:?}");
                    assert_eq!(code, 1009, "{name} {limit}");
                }
            }
        }
    });
}

/// A message that is sent as it is may be refused at its header; a compressed one is smaller on the wire than in
/// truth, or larger, and only the truth counts.
#[test]
fn item_9_what_a_frame_declares_is_not_what_counts() {
    limited(|| {
        let (mut ws, mut raw) = limited_to_size(100);
        // 200 empty blocks.
        let mut payload = [0, 0, 0, 0xff, 0xff].repeat(200);
        payload.extend(Deflate::new().message([b'x'; 100]));
        raw.send(masked(BINARY | RSV1, payload));
        assert_eq!(ws.recv().unwrap(), binary([b'x'; 100]));
        raw.send(masked(BINARY, [b'x'; 101]));
        let code = refused(raw);
        assert!(matches!(ws.recv(), Err(Error::Limit(LimitError::MessageTooBig { .. }))));
        assert_eq!(code.join().unwrap(), 1009);
    });
}

#[test]
fn item_9_the_limit_can_be_changed() {
    limited(|| {
        let (mut ws, mut raw) = limited_to_size(100);
        let mut deflate = Deflate::new();
        let mut next = |len: usize| masked(BINARY | RSV1, deflate.message(vec![7; len]));
        ws.set_max_message_size(5000);
        raw.send(next(5000));
        assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes(), [7; 5000]);
        ws.set_max_message_size(0);
        raw.send(next(0));
        assert_eq!(ws.recv().unwrap(), binary([]));
        // Not a byte more is inflated than shows that it is too large.
        raw.send(next(5000));
        let code = refused(raw);
        assert!(matches!(ws.recv(), Err(Error::Limit(LimitError::MessageTooBig { limit: 0, at_least: 1 }))));
        assert_eq!(code.join().unwrap(), 1009);
    });
}

#[test]
fn item_11_fragments_of_compressed_messages_are_counted() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options()).max_fragments(10));
        raw.send([masked(0x02 | RSV1, ""), masked(0x00, "").repeat(10)].concat());
        let code = refused(raw);
        assert!(matches!(ws.recv(), Err(Error::Limit(LimitError::TooManyFragments { limit: 10 }))));
        assert_eq!(code.join().unwrap(), 1008);
    });
}

/// What closing throws away is not inflated.
#[test]
fn item_18_a_close_does_not_wade_through_a_bomb() {
    limited(|| {
        let config = deflated(options()).max_message_size(u64::MAX).close_timeout(Duration::from_millis(300));
        let (mut ws, mut raw) = with_raw_client(config);
        raw.send(masked(BINARY | RSV1, bomb(64)));
        let error = ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap_err();
        assert!(matches!(error, Error::Closed(Closed::CloseUnanswered)), "{error:?}");
        assert_eq!(ws.stats().payload_received, 0);
    });
}

// ----- Streams -----

#[test]
fn a_flushed_stream_can_be_read_so_far() {
    limited(|| {
        let (sending, mut receiving) = both(options(), options());
        receiving.set_recv_timeout(Some(Duration::from_secs(10)));
        let (sender, _receiver) = sending.split();
        let (go_on, read) = mpsc::channel();
        let writing = thread::spawn(move || {
            let mut writer = sender.send_stream(Kind::Text).unwrap();
            for part in ["", "the first part ", "and the second", "", ", € and "] {
                writer.write_all(part.as_bytes()).unwrap();
                writer.flush().unwrap();
                // With nothing new, nothing is sent.
                let before = sender.stats().wire_sent;
                writer.flush().unwrap();
                assert_eq!(sender.stats().wire_sent, before);
                read.recv().unwrap();
            }
            writer.write_all(&[b'y'; 100_000]).unwrap();
            writer.finish().unwrap();
        });
        // The writer waits: what arrives is what was flushed.
        go_on.send(()).unwrap();
        let mut reader = receiving.recv_stream().unwrap().unwrap();
        let mut buf = [0; 1000];
        for part in ["the first part ", "and the second", ", € and "] {
            let count = reader.read(&mut buf).unwrap();
            assert_eq!(std::str::from_utf8(&buf[..count]).unwrap(), part);
            go_on.send(()).unwrap();
            if part == "and the second" {
                go_on.send(()).unwrap();
            }
        }
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert!(rest == "y".repeat(100_000));
        writing.join().unwrap();
    });
}

/// What has arrived whole is given at once, and not only when the next frame begins.
#[test]
fn what_a_frame_holds_is_given_before_the_next_one_comes() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options()));
        ws.set_recv_timeout(Some(Duration::from_secs(10)));
        let mut deflate = Deflate::new();
        let mut part = |first, text: &str| masked(first, deflate.part(text, flate2::FlushCompress::Sync));
        raw.send(part(0x01 | RSV1, "one"));
        let mut buf = [0; 100];
        let received = ws.recv_into(&mut buf).unwrap();
        assert_eq!(received, Some(Received { kind: Kind::Text, len: 3, is_final: false }));
        raw.send(part(0x00, "three"));
        let received = ws.recv_into(&mut buf).unwrap();
        assert_eq!(received, Some(Received { kind: Kind::Text, len: 5, is_final: false }));
        raw.send(masked(0x80, [0]));
        let received = ws.recv_into(&mut buf).unwrap();
        assert_eq!(received, Some(Received { kind: Kind::Text, len: 0, is_final: true }));
        raw.send(part(0x01 | RSV1, "four"));
        let mut reader = ws.recv_stream().unwrap().unwrap();
        assert_eq!(reader.read(&mut buf).unwrap(), 4);
        raw.send(masked(0x80, [0]));
        assert_eq!(reader.read(&mut buf).unwrap(), 0);
    });
}

#[test]
fn a_stream_s_frames_carry_rsv1_once_and_control_frames_go_between() {
    limited(|| {
        let (ws, mut raw) = with_raw_client(deflated(options()));
        let (sender, _receiver) = ws.split();
        let content = [noise(300_000), words(300_000).into_bytes()].concat();
        let expected = content.clone();
        let reading = thread::spawn(move || {
            let frames = frames(&mut raw);
            raw.send(masked(CLOSE, close_payload(1000, "")));
            (frames, raw)
        });
        let mut writer = sender.send_stream(Kind::Binary).unwrap();
        for (i, part) in content.chunks(50_000).enumerate() {
            writer.write_all(part).unwrap();
            sender.ping(&[i as u8]).unwrap();
            if i == 3 {
                writer.flush().unwrap();
            }
        }
        writer.finish().unwrap();
        // Ended once, it stays ended.
        writer.finish().unwrap();
        assert_eq!(writer.write(b"more").unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
        drop(writer);
        let (frames, _raw) = reading.join().unwrap();
        let (pings, data): (Vec<&Frame>, Vec<&Frame>) = frames.iter().partition(|frame| frame.first & 8 != 0);
        assert!(pings.iter().map(|ping| ping.payload[0]).eq(0..12), "all pings, in their order");
        assert!(pings.iter().all(|ping| ping.first == PING));
        assert_eq!(data[0].first, 0x02 | RSV1);
        assert!(data.len() > 4 && data[1..data.len() - 1].iter().all(|frame| frame.first == 0x00));
        assert_eq!(data.last().unwrap().first, 0x80);
        // Of about 64 KiB: not so large that others wait long, nor so small that headers count.
        assert!(data.iter().all(|frame| frame.payload.len() <= 160 * KIB));
        assert!(Inflate::new().message(joined(&frames)) == expected);
    });
}

#[test]
fn a_small_stream_is_one_frame_and_other_streams_have_no_needless_ones() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options().threshold(128)));
        for size in [127, 128, 16 * KIB, 17 * KIB, 50_000] {
            let content = words(size);
            let mut writer = ws.send_stream(Kind::Text).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
            writer.finish().unwrap();
            drop(writer);
            // The compressor has no output for a frame before the end.
            let frame = raw.frame();
            assert_eq!(frame.first, if size < 128 { TEXT } else { TEXT | RSV1 }, "{size}");
        }
    });
}

#[test]
fn an_unfinished_compressed_stream_closes_with_1011() {
    limited(|| {
        for part in [&b"begun"[..], b""] {
            let (mut ws, mut raw) = with_raw_client(deflated(options()));
            let mut writer = ws.send_stream(Kind::Binary).unwrap();
            writer.write_all(part).unwrap();
            writer.flush().unwrap();
            drop(writer);
            assert!(matches!(ws.send("x"), Err(Error::Closed(Closed::Sent))));
            let mut frame = raw.frame();
            if !part.is_empty() {
                assert_eq!(frame.first, 0x02 | RSV1);
                assert!(Inflate::new().part(frame.payload) == part);
                frame = raw.frame();
            }
            assert_eq!(frame.close_code(), 1011);
            raw.send(masked(CLOSE, close_payload(1011, "")));
            assert!(ws.recv().unwrap().is_none());
        }
    });
}

/// Text may be cut anywhere between two writes, but must be whole in the end.
#[test]
fn a_compressed_text_stream_is_checked() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options().threshold(0)));
        let mut writer = ws.send_stream(Kind::Text).unwrap();
        let euro = "€".as_bytes();
        writer.write_all(&euro[..1]).unwrap();
        writer.flush().unwrap();
        assert!(matches!(writer.finish(), Err(Error::Usage(_))));
        writer.write_all(&euro[1..]).unwrap();
        writer.finish().unwrap();
        drop(writer);
        assert_eq!(next_message(&mut raw, &mut Inflate::new()), (true, euro.to_vec()));
    });
}

#[test]
fn item_14_pings_are_answered_between_the_frames_of_a_large_message() {
    limited(|| {
        let (ws, mut raw) = with_raw_client(deflated(options().level(1)));
        let (sender, mut receiver) = ws.split();
        let content = noise(24 * MIB);
        let sending = {
            let content = content.clone();
            thread::spawn(move || sender.send(&content).map(|()| sender))
        };
        // The message is stuck in front of a peer that does not read. The receiver takes no notice of that.
        let first = raw.frame();
        for i in 0..100u8 {
            raw.send(masked(PING, [i]));
        }
        raw.send(masked(TEXT, "still received"));
        assert_eq!(receiver.recv().unwrap(), Some(Message::Text("still received".into())));
        let receiving = thread::spawn(move || (receiver.recv(), receiver));
        // Now it reads.
        assert_eq!(first.first, 0x02 | RSV1);
        let mut all = vec![first];
        all.extend(frames(&mut raw));
        // The last one counts; earlier ones need not be answered. All that was read ends with the message.
        let pong = all.iter().rfind(|frame| frame.first == PONG).expect("a pong between the frames");
        assert_eq!(pong.payload, [99]);
        assert!(Inflate::new().message(joined(&all)) == content);
        let sender = sending.join().unwrap().unwrap();
        sender.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert_eq!(raw.frame().close_code(), 1000);
        raw.send(masked(CLOSE, close_payload(1000, "")));
        assert!(receiving.join().unwrap().0.unwrap().is_none());
    });
}

/// Nothing goes behind a Close frame, and a message that has begun is not cut by one.
#[test]
fn a_close_goes_behind_the_compressed_message_that_is_being_sent() {
    limited(|| {
        let (ws, mut raw) = with_raw_client(deflated(options().level(1)));
        let (sender, receiver) = ws.split();
        let content = noise(24 * MIB);
        let sending = {
            let (sender, content) = (sender.clone(), content.clone());
            thread::spawn(move || sender.send(&content))
        };
        let first = raw.frame();
        let closing = sleeper(move || sender.close_start(CloseCode::NORMAL_CLOSURE, ""));
        closing.until_asleep();
        raw.send(masked(PING, "late"));
        let mut all = vec![first];
        all.extend(frames(&mut raw));
        assert!(Inflate::new().message(joined(&all)) == content);
        sending.join().unwrap().unwrap();
        closing.join().unwrap();
        assert_eq!(raw.frame().close_code(), 1000);
        drop(receiver);
    });
}

// ----- Both directions, several threads -----

fn numbered(id: u8, number: u32, len: usize) -> Vec<u8> {
    let mut message = vec![id];
    message.extend(number.to_be_bytes());
    if number.is_multiple_of(3) {
        message.extend(noise(len));
    } else {
        message.extend(words(len).bytes());
    }
    message.push(id);
    message
}

const SIZES: [usize; 6] = [0, 100, 3_000, 20_000, 70_000, 200_000];

/// Sends messages in all ways and with all settings.
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

/// Compressing takes long, and meanwhile nothing is locked: the other direction, and what is asked about the connection.
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
fn stats_tell_payload_from_what_is_on_the_wire() {
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

        // A stream counts once, with all its bytes; so do messages taken in pieces.
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
fn messages_that_come_before_a_pong_are_kept() {
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

/// What takes long to compress and becomes small.
fn long_work() -> Vec<u8> {
    vec![0; 4 * MIB]
}

/// Feeds a message in another thread; returns while it is being compressed, most probably.
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
fn item_14_a_ping_is_answered_that_came_while_a_message_was_compressed() {
    limited(|| {
        let (ws, mut raw) = with_raw_client(deflated(options()));
        let (sender, mut receiver) = ws.split();
        let receiving = thread::spawn(move || receiver.recv());
        for round in 0..10u8 {
            let feeding = feeding(&sender, long_work());
            raw.send(masked(PING, [round]));
            // The receiver leaves the answer to the thread that feeds, which does not flush.
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

/// A receiver that saw nothing to send, because another thread was about it, is told when there is.
#[test]
fn what_was_fed_behind_stuck_output_goes_out_while_the_receiver_waits() {
    limited(|| {
        for _ in 0..8 {
            let (mut client, sender, mut receiver) = stuck();
            client.set_recv_timeout(Some(Duration::from_secs(10)));
            // More than there is room for, but not so much that nothing may follow.
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

/// What gathers is written without being asked once it is 64 KiB.
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

// ----- Time limits and interruption -----

/// Both ends in memory, where little is under way: the server sends, the client does not read yet.
fn stuck() -> (WebSocket, Sender, Receiver) {
    let (client, server) = in_memory(options());
    let (mut sender, receiver) = server.split();
    sender.set_send_timeout(Some(SHORT));
    (client, sender, receiver)
}

/// Messages that refer to each other.
fn related(number: u8) -> Vec<u8> {
    let mut message = noise(3000);
    message[..10].fill(number);
    message
}

#[test]
fn item_16_a_compressed_send_that_times_out_goes_on_where_it_stopped() {
    limited(|| {
        for way in WAYS.into_iter().filter(|way| !matches!(way, Way::Stream | Way::Flushed)) {
            for large in [noise(MIB), [words(MIB).into_bytes(), noise(100_000), words(MIB).into_bytes()].concat()] {
                let (mut client, mut sender, mut receiver) = stuck();
                sender.send(related(1)).unwrap();
                let error = match way {
                    Way::Send => sender.send(&large),
                    Way::Feed => sender.feed(&large),
                    _ => {
                        sender.send_vectored(Kind::Binary, &[IoSlice::new(&large[..7]), IoSlice::new(&large[7..])])
                    }
                };
                let error = error.unwrap_err();
                assert!(matches!(error, Error::Timeout(_)) && !error.is_fatal(), "{way:?}: {error:?}");
                assert!(error.message_accepted(), "{way:?}");
                let error = sender.send("refused").unwrap_err();
                assert!(!error.message_accepted(), "{way:?}: there is a message in front of it that does not move");
                let expected = large.clone();
                let reading = thread::spawn(move || {
                    assert_eq!(client.recv().unwrap(), binary(related(1)));
                    assert!(client.recv().unwrap() == binary(expected), "the message that was accepted");
                    for number in 2..5 {
                        assert_eq!(client.recv().unwrap(), binary(related(number)));
                    }
                    client.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
                    client.stats()
                });
                // The reader may be slow to begin.
                while let Err(error) = sender.flush() {
                    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
                }
                sender.set_send_timeout(Some(Duration::from_secs(20)));
                (2..5).for_each(|number| sender.send(related(number)).unwrap());
                let stats = sender.stats();
                assert!(receiver.recv().unwrap().is_none());
                let received = reading.join().unwrap();
                assert_eq!(received.payload_received, stats.payload_sent, "what was refused is not counted");
                assert_eq!(received.messages_received, 5);
            }
        }
    });
}

/// What could not be sent in time is queued without the time that compressing it would take.
#[test]
fn item_16_a_compressed_send_that_is_out_of_time_returns_at_once() {
    limited(|| {
        let (client, sender, _receiver) = stuck();
        let message = noise(32 * MIB);
        let begin = std::time::Instant::now();
        let error = sender.send(&message).unwrap_err();
        assert!(error.message_accepted(), "{error:?}");
        let took = begin.elapsed();
        let begin = std::time::Instant::now();
        // As much work as that call is spared.
        let mut compressor = Deflate::new();
        assert!(compressor.message(&message).len() > 31 * MIB);
        assert!(took < SHORT + begin.elapsed() / 2, "{took:?}");
        client.abort();
    });
}

#[test]
fn item_16_fed_messages_that_do_not_fit_are_accepted_and_arrive() {
    limited(|| {
        let (mut client, sender, mut receiver) = stuck();
        let mut accepted = 0u8;
        loop {
            let result = sender.feed(related(accepted).repeat(10));
            accepted += u8::from(result.as_ref().err().is_none_or(Error::message_accepted));
            if let Err(error) = result {
                assert!(matches!(error, Error::Timeout(_)), "{error:?}");
                break;
            }
        }
        assert!(matches!(sender.flush(), Err(Error::Timeout(_))));
        // The receiver sends the rest while it waits: nobody flushes.
        let receiving = thread::spawn(move || receiver.recv());
        for number in 0..accepted {
            assert!(client.recv().unwrap() == binary(related(number).repeat(10)), "{number} of {accepted}");
        }
        client.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(receiving.join().unwrap().unwrap().is_none());
    });
}

#[test]
fn item_16_a_compressed_stream_that_times_out_goes_on_where_it_stopped() {
    fn is_timeout(error: std::io::Error) -> bool {
        matches!(error.downcast::<Error>(), Ok(Error::Timeout(_)))
    }
    limited(|| {
        let (client, sender, _receiver) = stuck();
        let content = noise(500_000);
        let mut writer = sender.send_stream(Kind::Binary).unwrap();
        let (mut rest, mut timeouts) = (&content[..], 0);
        let mut client = Some(client);
        let mut reading = None;
        while !rest.is_empty() {
            match writer.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) => {
                    assert!(is_timeout(error));
                    timeouts += 1;
                }
            }
            if timeouts == 3
                && let Some(mut client) = client.take()
            {
                assert!(is_timeout(writer.flush().unwrap_err()));
                reading = Some(thread::spawn(move || [client.recv().unwrap(), client.recv().unwrap()]));
            }
        }
        while let Err(error) = writer.finish() {
            assert!(matches!(error, Error::Timeout(_)), "{error:?}");
        }
        drop(writer);
        while let Err(error) = sender.send(related(1)) {
            assert!(matches!(error, Error::Timeout(_)), "{error:?}");
            if error.message_accepted() {
                break;
            }
        }
        while sender.flush().is_err() {}
        let [first, second] = reading.expect("it times out").join().unwrap();
        assert!(first == binary(content));
        assert_eq!(second, binary(related(1)));
    });
}

#[test]
fn item_16_an_interrupted_compressed_send_goes_on_where_it_stopped() {
    limited(|| {
        let (mut client, server) = in_memory(options().level(1));
        let (sender, mut receiver) = server.split();
        let interrupter = receiver.interrupter().unwrap();
        let large = noise(MIB);
        let sending = {
            let (sender, large) = (sender.clone(), large.clone());
            sleeper(move || sender.send(&large))
        };
        sending.until_asleep();
        interrupter.interrupt_send();
        let error = sending.join().unwrap_err();
        assert!(matches!(error, Error::Interrupted(_)) && error.message_accepted(), "{error:?}");
        let reading = thread::spawn(move || [client.recv().unwrap(), client.recv().unwrap()]);
        sender.send(related(1)).unwrap();
        let [first, second] = reading.join().unwrap();
        assert!(first == binary(large));
        assert_eq!(second, binary(related(1)));
    });
}

#[test]
fn item_16_a_receive_can_time_out_at_every_byte_of_a_compressed_message() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options()));
        let mut deflate = Deflate::new();
        let text = "κόσμε ".repeat(30) + &words(700);
        for round in 0..3 {
            let payload = deflate.message(&text);
            let (a, b) = payload.split_at(payload.len() / 3);
            let mut wire = masked(0x01 | RSV1, a);
            wire.extend(masked(PING, "between"));
            wire.extend(masked(0x80, b));
            let (last, rest) = wire.split_last().unwrap();
            for (i, byte) in rest.iter().enumerate() {
                raw.send([*byte]);
                let result = match i % 3 {
                    0 => ws.recv_timeout(Duration::from_micros(50)).map(drop),
                    1 => ws.recv_deadline(Instant::now()).map(drop),
                    _ => {
                        ws.set_recv_timeout(Some(Duration::from_micros(50)));
                        let result = ws.recv_ref().map(drop);
                        ws.set_recv_timeout(None);
                        result
                    }
                };
                assert!(matches!(result, Err(Error::Timeout(_))), "round {round}, byte {i}: {result:?}");
            }
            raw.send([*last]);
            assert_eq!(ws.recv().unwrap(), Some(Message::Text(text.clone())), "round {round}");
            assert_eq!(raw.frame().first, PONG);
        }
        // And what began whole goes on in pieces.
        let wire = masked(TEXT | RSV1, deflate.message(&text));
        raw.send(&wire[..wire.len() - 1]);
        assert!(matches!(ws.recv_timeout(SHORT), Err(Error::Timeout(_))));
        raw.send(&wire[wire.len() - 1..]);
        assert!(read_all(&mut ws).unwrap() == text.as_bytes());
    });
}

/// What is not read of a message is inflated all the same, for the next ones refer to it.
#[test]
fn a_message_that_is_skipped_is_part_of_the_window() {
    limited(|| {
        let (mut client, mut server) = both(options(), options());
        let large = [noise(20_000), words(300_000).into_bytes()].concat();
        let sending = {
            let large = large.clone();
            thread::spawn(move || {
                server.send(&large[..]).unwrap();
                server.send(&large[..]).unwrap();
                server.send(&large[..]).unwrap();
                server
            })
        };
        let mut reader = client.recv_stream().unwrap().unwrap();
        assert!(reader.read(&mut [0; 10]).unwrap() > 0);
        assert!(client.recv_into(&mut [0; 10]).unwrap().is_some());
        assert!(client.recv().unwrap() == binary(large));
        drop(sending.join().unwrap());
    });
}
