//! The blocking connection: the only place where the protocol and a transport meet.
//!
//! A connection is a [`Receiver`] and a [`Sender`] over one shared `Link`. [`WebSocket`] is both in one value for
//! a program that uses one thread; [`WebSocket::split`] hands them out. How they share the transport is written
//! at the top of `link.rs`.

mod close_info;
mod closing;
mod detaching;
mod held;
mod id;
mod interrupt;
mod line;
mod link;
mod local;
mod messages;
mod patience;
mod receiver;
mod replies;
mod sender;
mod sending;
mod stats;
mod stream;
mod timings;
mod turn;
mod waiting;
mod websocket;
mod writing;

#[cfg(test)]
mod tests;

pub use crate::proto::handshake::Handshake;
pub use close_info::CloseInfo;
pub use id::ConnectionId;
pub use interrupt::{Aborter, Interrupter};
pub use local::{LocalReceiver, LocalSender};
pub use messages::Messages;
pub use receiver::{Detached, Received, Receiver};
pub use sender::Sender;
pub use stats::Stats;
pub use stream::{MessageReader, MessageWriter};
pub use timings::Timings;
pub use websocket::WebSocket;

pub(crate) use link::Link;
