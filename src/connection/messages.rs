//! Receiving as an iterator.

use super::{LocalReceiver, Receiver, WebSocket};
use crate::error::Result;
use crate::message::Message;
use std::fmt;
use std::iter::FusedIterator;

/// Everything that messages can be received from.
pub(super) trait Receive {
    fn next_message(&mut self) -> Result<Option<Message>>;
}

impl Receive for WebSocket {
    fn next_message(&mut self) -> Result<Option<Message>> {
        self.recv()
    }
}

impl Receive for Receiver {
    fn next_message(&mut self) -> Result<Option<Message>> {
        self.recv()
    }
}

impl Receive for LocalReceiver<'_> {
    fn next_message(&mut self) -> Result<Option<Message>> {
        self.recv()
    }
}

/// The messages that arrive. From [`WebSocket::messages`] and [`Receiver::messages`].
pub struct Messages<'a> {
    /// `None` once the connection is over.
    from: Option<&'a mut dyn Receive>,
}

impl<'a> Messages<'a> {
    pub(super) fn new(from: &'a mut dyn Receive) -> Self {
        Self { from: Some(from) }
    }
}

impl Iterator for Messages<'_> {
    type Item = Result<Message>;

    fn next(&mut self) -> Option<Self::Item> {
        let received = self.from.as_mut()?.next_message().transpose();
        let goes_on = match &received {
            Some(Ok(_)) => true,
            Some(Err(error)) => !error.is_fatal(),
            None => false,
        };
        if !goes_on {
            self.from = None;
        }
        received
    }
}

impl FusedIterator for Messages<'_> {}

impl fmt::Debug for Messages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("is_over", &self.from.is_none()).finish()
    }
}

impl Receiver {
    /// The messages that arrive: [`recv`](Self::recv) as an iterator, which blocks as `recv` does. `for message in &mut
    /// receiver` is the same.
    ///
    /// It ends when the connection was closed cleanly, and after an error that ends the connection, which it returns
    /// once. After any other error, such as a timeout, it can continue.
    ///
    /// ```
    /// # fn print(mut ws: landline::WebSocket) -> landline::Result<()> {
    /// for message in &mut ws {
    ///     println!("{:?}", message?);
    /// }
    /// // Closed cleanly.
    /// let texts = ws.messages().filter_map(|message| message.ok()?.into_text().ok());
    /// # assert_eq!(texts.count(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn messages(&mut self) -> Messages<'_> {
        Messages::new(self)
    }

    /// The connection's identity.
    #[must_use]
    pub fn id(&self) -> super::ConnectionId {
        self.link.id
    }
}

impl<'a> IntoIterator for &'a mut WebSocket {
    type Item = Result<Message>;
    type IntoIter = Messages<'a>;

    fn into_iter(self) -> Messages<'a> {
        self.messages()
    }
}

impl<'a> IntoIterator for &'a mut Receiver {
    type Item = Result<Message>;
    type IntoIter = Messages<'a>;

    fn into_iter(self) -> Messages<'a> {
        self.messages()
    }
}
