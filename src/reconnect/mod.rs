//! Connecting again when a connection is lost.
//!
//! [`reconnect`](crate::reconnect()) makes a [`Session`], or [`Session::builder`] one with options. It receives messages over
//! one connection after another, and says when there is a new one:
//!
//! ```no_run
//! use landline::reconnect::Event;
//! let mut session = landline::reconnect("wss://example.com/feed")?;
//! while let Some(event) = session.recv()? {
//!     match event {
//!         Event::Connected(new) => println!("connected, {} times again", new.reconnects),
//!         Event::Message(message) => println!("{message:?}"),
//!     }
//! }
//! # Ok::<(), landline::Error>(())
//! ```
//!
//! **The call that receives does all of it**: it waits, connects, calls the hook, sends what the outbox holds, and receives.
//! While no thread is in such a call, nothing of this happens, with one exception: an attempt to connect is made in a helper
//! thread, so that it goes on when the time limit of the call has passed. [`SessionSender`]s send from other threads, and stay
//! usable over reconnects.
//!
//! **What is tried again**: every [`Failure`] that [is transient](Failure::is_transient), of connections as of attempts,
//! unless [`retry_if`](SessionBuilder::retry_if) decides otherwise; after a wait given by [`Backoff`], or the server's
//! `Retry-After` if that is longer. Everything else ends the session: [`recv`](Session::recv) returns the error, or `None`
//! after a Close frame.
//!
//! **What becomes of messages.** Nothing is sent again by itself. If a call that sends has returned before the connection
//! broke, the message was handed to the system; whether the server got it is not known, and programs that need to know must
//! have the server confirm messages. If the call failed with an error of the connection, it is not known either. While there is
//! no connection, such calls fail at once with [`Closed::NotConnected`](crate::error::Closed::NotConnected), or keep the
//! message in an [`outbox`](SessionBuilder::outbox). What the server had sent before the connection broke is received before
//! the session reconnects; a message of which only a part had come is lost.
//!
//! A session belongs to the process that made it, as every handle does: see [`process`](crate::process).
//!
//! [`guide::reconnect`](crate::guide::reconnect) says more.

mod attempt;
mod attempts;
mod backoff;
mod builder;
mod connecting;
mod connections;
mod event;
mod failure;
mod outbox;
mod sender;
mod session;
mod shared;

pub use backoff::Backoff;
pub use builder::SessionBuilder;
pub use connections::Connections;
pub use event::{Connected, Event, Stage, State};
pub use failure::Failure;
pub use outbox::Outbox;
pub use sender::SessionSender;
pub use session::Session;

use crate::error::Result;

/// A session with the default options, for a URL that begins with `ws://` or `wss://`. It connects when it is first asked for
/// something: see [`Session::recv`].
///
/// # Errors
///
/// As [`SessionBuilder::build`].
pub fn reconnect(url: &str) -> Result<Session> {
    Session::builder(url).build()
}
