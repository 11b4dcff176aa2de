//! Compression (permessage-deflate, RFC 7692) through the blocking calls: what is agreed on, what is compressed on the
//! wire, limits, streams, time limits, several threads.

mod agreement;
#[path = "../common/mod.rs"]
mod common;
mod limits;
mod streams;
mod threads;
mod timing;
mod wire;

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
use std::time::Duration;

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

/// Our server's end, and a raw client that has agreed on compression with it.
fn with_raw_client(config: Config) -> (WebSocket, Raw<TcpStream>) {
    let (ws, raw, head) = raw_client_with(&config, OFFER);
    assert!(ws.handshake().compression.is_some(), "{head}");
    (ws, raw)
}

/// The same with these options and this limit on messages.
fn limited_to_size(max: usize) -> (WebSocket, Raw<TcpStream>) {
    with_raw_client(deflated(options()).max_message_size(max as u64))
}

/// Reads the code of the Close frame, which must arrive, and disconnects.
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

/// The next message that a raw peer receives: whether it was compressed, and its content.
fn next_message(raw: &mut Raw<TcpStream>, inflate: &mut Inflate) -> (bool, Vec<u8>) {
    let frames = frames(raw);
    let payload = joined(&frames);
    let compressed = frames[0].first & RSV1 != 0;
    (compressed, if compressed { inflate.message(payload) } else { payload })
}

/// Text that compresses to a fraction of its size.
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

/// The next message as a stream.
fn read_all(ws: &mut WebSocket) -> landline::Result<Vec<u8>> {
    let mut reader = ws.recv_stream()?.expect("a message");
    let mut bytes = Vec::new();
    match reader.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(error.downcast().expect("an error of ours")),
    }
}

/// Both ends in memory, where little fits in between: the server sends, the client does not read yet.
fn stuck() -> (WebSocket, Sender, Receiver) {
    let (client, server) = in_memory(options());
    let (mut sender, receiver) = server.split();
    sender.set_send_timeout(Some(SHORT));
    (client, sender, receiver)
}
