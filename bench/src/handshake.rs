//! As much of the opening handshake as the two ends need here.

use base64::prelude::{BASE64_STANDARD, Engine};
use sha1::{Digest, Sha1};
use std::io::{self, Read, Write};

pub const DEFLATE: &str = "permessage-deflate";

/// Opens a connection as the client.
pub fn connect(stream: &mut (impl Read + Write), deflate: bool) -> io::Result<()> {
    let offer = if deflate { format!("Sec-WebSocket-Extensions: {DEFLATE}\r\n") } else { String::new() };
    let request = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bGFuZGxpbmUgYmVuY2htYQ==\r\n{offer}\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let head = read_head(stream)?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        return Err(io::Error::other(format!("the server answered {status:?}")));
    }
    if deflate != head.contains(DEFLATE) {
        return Err(io::Error::other("the server did not agree on compression as asked"));
    }
    Ok(())
}

/// Opens a connection as the server, without extensions.
pub fn accept(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let head = read_head(stream)?;
    stream.write_all(answer(&head, None)?.as_bytes())
}

/// What a server answers to the head of a request.
pub fn answer(head: &str, extension: Option<&str>) -> io::Result<String> {
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    });
    let key = key.ok_or_else(|| io::Error::other("the request has no Sec-WebSocket-Key"))?;
    let digest = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    let accept = BASE64_STANDARD.encode(digest);
    let extension = extension.map(|value| format!("Sec-WebSocket-Extensions: {value}\r\n")).unwrap_or_default();
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{extension}\r\n"
    ))
}

/// Reads byte by byte, so that nothing after the head is consumed.
fn read_head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    String::from_utf8(head).map_err(io::Error::other)
}
