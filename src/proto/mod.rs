//! The WebSocket protocol without I/O: bytes in, events and bytes out.
//!
//! In scope: the opening handshake of both roles ([`handshake`]), frames, masking, UTF-8, fragments, control frames,
//! compression ([`deflate`]), the closing handshake, and limits for all of these; tunnels through proxies ([`proxy`]), HTTP
//! authentication ([`auth`]). Out of scope: sockets, TLS, threads, clocks, randomness. Nothing here blocks; enforcing time
//! limits is up to the caller.
//!
//! The blocking interface drives this machine: [`Client`](crate::Client) and [`Server`](crate::Server) its
//! [`handshake`], [`WebSocket`](crate::WebSocket) what comes after it. A program with an event loop of its own drives it
//! through [`Protocol`], which is all of it in one value. [`Client::protocol`](crate::Client::protocol) and
//! [`ServerBuilder::protocol`](crate::server::ServerBuilder::protocol) make one from the settings of the blocking
//! interface.
//!
//! ```text
//!   bytes in  --> receive --> next_event --> Request (if the caller decides), Open, Message, Ping, Pong, Close
//!                    |
//!                    v
//!   bytes out <-- output <-- request or answer, send, ping, close, replies
//!
//!   opening --101--> open --Close sent or received--> closing --both--> over
//!       |              |
//!       +- refused     +- peer at fault: Close queued, the same error from then on
//! ```
//!
//! The contract: after each call that may queue output, write [`Protocol::output`] before waiting for input; after
//! passing input to [`Protocol::receive`], call [`Protocol::next_event`] until it returns `None` or an error.
//!
//! A whole conversation in bytes, both ends driven by hand:
//!
//! ```
//! use landline::proto::handshake::{ClientHandshake, ClientRequest, HeadLimits, ServerHandshake, ServerPolicy};
//! use landline::proto::{Event, Protocol};
//! use landline::{CloseCode, MessageRef};
//!
//! // The opening handshake. The nonce is the one of RFC 6455 section 1.3; a real one is random. A client masks with fresh
//! // keys; this one is the key of RFC 6455 section 5.7.
//! let request = ClientRequest::new("server.example.com", "/chat");
//! let handshake = ClientHandshake::new(&request, *b"the sample nonce", HeadLimits::default())?;
//! let mut client = Protocol::client(handshake, || [0x37, 0xfa, 0x21, 0x3d]);
//! assert!(client.output().starts_with(b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"));
//!
//! let handshake = ServerHandshake::new(HeadLimits::default());
//! let mut server = Protocol::server(handshake, ServerPolicy::default()).deciding_by_caller();
//! let count = server.receive(client.output());
//! client.consume(count);
//! let Some(Event::Request(request)) = server.next_event()? else { panic!("a request") };
//! assert_eq!(request.path(), "/chat");
//! server.accept()?;
//! assert_eq!(server.output(),
//!     b"HTTP/1.1 101 Switching Protocols\r\n\
//!       Upgrade: websocket\r\n\
//!       Connection: Upgrade\r\n\
//!       Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
//! assert!(matches!(server.next_event()?, Some(Event::Open(_))));
//! let count = client.receive(server.output());
//! server.consume(count);
//! assert!(matches!(client.next_event()?, Some(Event::Open(agreed)) if agreed.subprotocol.is_none()));
//!
//! // Frames.
//! client.send("Hello")?;
//! assert_eq!(client.output(), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
//! let count = server.receive(client.output());
//! client.consume(count);
//! assert_eq!(server.next_event()?, Some(Event::Message(MessageRef::Text("Hello"))));
//! assert_eq!(server.next_event()?, None);
//!
//! // A Ping is answered at once, even between the fragments of a message.
//! client.ping(b"?")?;
//! let count = server.receive(client.output());
//! client.consume(count);
//! assert_eq!(server.next_event()?, Some(Event::Ping(b"?")));
//! assert_eq!(server.output(), b"\x8a\x01?");
//!
//! // The closing handshake: each side sends one Close frame.
//! server.close(CloseCode::NORMAL_CLOSURE, "bye")?;
//! assert_eq!(server.output(), b"\x8a\x01?\x88\x05\x03\xe8bye");
//! let count = client.receive(server.output());
//! server.consume(count);
//! assert_eq!(client.next_event()?, Some(Event::Pong(b"?")));
//! let Some(Event::Close(frame)) = client.next_event()? else { panic!("a Close frame") };
//! assert_eq!((frame.code(), frame.reason()), (CloseCode::NORMAL_CLOSURE, "bye"));
//! assert_eq!(client.output(), [b"\x88\x82\x37\xfa\x21\x3d".as_slice(), &[0x03 ^ 0x37, 0xe8 ^ 0xfa]].concat());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod auth;
pub(crate) mod cookie;
pub mod deflate;
mod error;
mod frame;
pub mod handshake;
mod inbound;
mod mask;
mod outbound;
mod protocol;
pub mod proxy;
mod session;
mod utf8;

#[cfg(test)]
mod tests;

pub use error::{Error, LimitError, ProtocolError, ReceiveError};
pub use frame::MAX_CONTROL_PAYLOAD;
pub(crate) use frame::{Opcode, Role};
pub use inbound::Limits;
pub(crate) use inbound::{Inbound, Step, Want};
pub use outbound::MaskSource;
pub(crate) use outbound::{Content, DeflatedFrame, Deflating, OpenFrame, Outbound};
pub use protocol::{Event, Protocol};
pub(crate) use session::{Session, check_ping};
pub(crate) use utf8::Utf8;

/// The parts that [`Protocol`] and the blocking connection are made of, for the benchmarks and the tests of memory in this
/// repository. Not part of the public interface: anything here may change in any version.
#[doc(hidden)]
pub mod internals {
    pub use super::frame::{FrameHeader, MAX_HEADER_LEN, Opcode, Role};
    pub use super::inbound::{Inbound, Step, Want};
    pub use super::outbound::Outbound;
}

use crate::message::Kind;

impl From<Kind> for Opcode {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Binary => Self::Binary,
        }
    }
}
