//! Messages that were sent while there was no connection.

use crate::error::{Closed, Error, Result};
use crate::message::{Kind, Message};
use std::collections::VecDeque;

/// How much a session keeps of what is sent while it has no connection. See
/// [`SessionBuilder::outbox`](super::SessionBuilder::outbox).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Outbox {
    /// The largest number of messages. Default 1024.
    pub max_messages: usize,
    /// The largest sum of their lengths, in bytes. Default 1 MiB.
    pub max_bytes: usize,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { max_messages: 1024, max_bytes: 1 << 20 }
    }
}

impl Outbox {
    /// Sets [`max_messages`](Self::max_messages).
    #[must_use]
    pub fn max_messages(mut self, count: usize) -> Self {
        self.max_messages = count;
        self
    }

    /// Sets [`max_bytes`](Self::max_bytes).
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }
}

/// The messages, in the order in which they were sent.
#[derive(Debug)]
pub(super) struct Kept {
    limits: Option<Outbox>,
    messages: VecDeque<Message>,
    bytes: usize,
}

impl Kept {
    pub(super) fn new(limits: Option<Outbox>) -> Self {
        Self { limits, messages: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps a copy of a message.
    pub(super) fn push(&mut self, kind: Kind, payload: &[u8]) -> Result<()> {
        let Some(limits) = self.limits else { return Err(Error::Closed(Closed::NotConnected)) };
        let left = limits.max_bytes.saturating_sub(self.bytes);
        if self.messages.len() >= limits.max_messages || payload.len() > left {
            return Err(Error::Closed(Closed::OutboxFull));
        }
        self.bytes += payload.len();
        self.messages.push_back(match kind {
            Kind::Text => Message::Text(String::from_utf8_lossy(payload).into_owned()),
            Kind::Binary => Message::Binary(payload.to_vec()),
        });
        Ok(())
    }

    pub(super) fn first(&self) -> Option<&Message> {
        self.messages.front()
    }

    /// The first one has been sent.
    pub(super) fn pop(&mut self) {
        if let Some(message) = self.messages.pop_front() {
            self.bytes -= message.as_bytes().len();
        }
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
    }

    pub(super) fn clear(&mut self) {
        self.messages = VecDeque::new();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_beyond_either_limit() {
        let mut kept = Kept::new(Some(Outbox::default().max_messages(3).max_bytes(10)));
        kept.push(Kind::Text, b"12345").unwrap();
        assert!(matches!(kept.push(Kind::Binary, b"123456"), Err(Error::Closed(Closed::OutboxFull))));
        kept.push(Kind::Binary, b"12345").unwrap();
        kept.push(Kind::Text, b"").unwrap();
        assert!(matches!(kept.push(Kind::Text, b""), Err(Error::Closed(Closed::OutboxFull))));
        assert_eq!((kept.len(), kept.bytes()), (3, 10));
        let mut found = Vec::new();
        while let Some(message) = kept.first() {
            found.push(message.clone());
            kept.pop();
        }
        assert_eq!(found, ["12345".into(), b"12345"[..].into(), "".into()]);
        assert_eq!((kept.len(), kept.bytes()), (0, 0));
        kept.push(Kind::Text, b"1234567890").unwrap();
    }

    #[test]
    fn without_an_outbox_nothing_is_kept() {
        assert!(matches!(Kept::new(None).push(Kind::Text, b""), Err(Error::Closed(Closed::NotConnected))));
    }
}
