//! Counters of a connection.

use std::sync::atomic::{AtomicU64, Ordering};

/// What has gone over a connection so far. From [`WebSocket::stats`](crate::WebSocket::stats), at any time.
///
/// ```
/// # let (near, far) = landline::transport::pair();
/// # let server = std::thread::spawn(move || {
/// #     let mut ws = landline::server::accept_over(far, &landline::Config::default())?.accept()?;
/// #     while let Some(message) = ws.recv()? {
/// #         ws.send(message)?;
/// #     }
/// #     Ok::<(), landline::Error>(())
/// # });
/// # let mut ws = landline::Client::default().connect_over(near, "ws://memory/")?;
/// ws.send("hello")?;
/// assert_eq!((ws.stats().messages_sent, ws.stats().payload_sent), (1, 5));
/// # drop(ws);
/// # let _ = server.join();
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Messages sent, gathered ones included.
    pub messages_sent: u64,
    /// Messages received.
    pub messages_received: u64,
    /// Payload bytes of messages sent.
    pub payload_sent: u64,
    /// Payload bytes of messages received.
    pub payload_received: u64,
    /// Bytes given to the transport after the opening handshake: payload, headers, control frames.
    pub wire_sent: u64,
    /// Bytes taken from the transport after the opening handshake.
    pub wire_received: u64,
}

/// The counters, kept outside the gate.
#[derive(Default)]
pub(super) struct Counters {
    messages_sent: AtomicU64,
    payload_sent: AtomicU64,
    messages_received: AtomicU64,
    payload_received: AtomicU64,
    wire_sent: AtomicU64,
    wire_received: AtomicU64,
}

/// Adds to a counter that only one thread at a time changes, so no atomic read-modify-write is needed.
#[inline]
fn add(counter: &AtomicU64, count: usize) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(count as u64), Ordering::Relaxed);
}

impl Counters {
    /// Called by the thread that has the turn.
    #[inline]
    pub(super) fn wire_sent(&self, count: usize) {
        add(&self.wire_sent, count);
    }

    /// Called under the gate, or by the only thread that sends.
    #[inline]
    pub(super) fn sent(&self, payload: usize, message_ends: bool) {
        add(&self.payload_sent, payload);
        add(&self.messages_sent, usize::from(message_ends));
    }

    /// Called by the receiver.
    #[inline]
    pub(super) fn wire_received(&self, count: usize) {
        add(&self.wire_received, count);
    }

    /// Called by the receiver.
    #[inline]
    pub(super) fn received(&self, payload: usize, message_ends: bool) {
        add(&self.payload_received, payload);
        add(&self.messages_received, usize::from(message_ends));
    }

    pub(super) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            messages_sent: read(&self.messages_sent),
            messages_received: read(&self.messages_received),
            payload_sent: read(&self.payload_sent),
            payload_received: read(&self.payload_received),
            wire_sent: read(&self.wire_sent),
            wire_received: read(&self.wire_received),
        }
    }
}
