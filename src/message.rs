//! Messages, as sending calls take them and receiving calls return them.

/// The type of a data message (RFC 6455 section 5.6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// Any bytes.
    Binary,
}

/// A received message that owns its data.
///
/// ```
/// use landline::Message;
///
/// let message = Message::from("hello");
/// assert_eq!(message.as_text(), Some("hello"));
/// assert_eq!(message.into_bytes(), b"hello");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Message {
    /// Text.
    Text(String),
    /// Binary data.
    Binary(Vec<u8>),
}

impl Message {
    /// Text or binary.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Binary(_) => Kind::Binary,
        }
    }

    /// The payload.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(data) => data,
        }
    }

    /// The text, if the message is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// Converts the message to its payload, without copying.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(data) => data,
        }
    }

    /// Converts a text message to its text, without copying.
    ///
    /// ```
    /// use landline::Message;
    /// assert_eq!(Message::from("hello").into_text(), Ok("hello".to_owned()));
    /// assert_eq!(Message::from(vec![1, 2]).into_text(), Err(Message::Binary(vec![1, 2])));
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the unchanged message if it is binary, even if its bytes happen to be valid UTF-8.
    pub fn into_text(self) -> Result<String, Self> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(_) => Err(self),
        }
    }

    pub(crate) fn borrow(&self) -> MessageRef<'_> {
        match self {
            Self::Text(text) => MessageRef::Text(text),
            Self::Binary(data) => MessageRef::Binary(data),
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Message {
    fn from(data: &[u8]) -> Self {
        Self::Binary(data.to_vec())
    }
}

impl From<Vec<u8>> for Message {
    fn from(data: Vec<u8>) -> Self {
        Self::Binary(data)
    }
}

/// A received message that borrows its data from the connection until the next receiving call.
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
/// use landline::MessageRef;
///
/// ws.send("hello")?;
/// match ws.recv_ref()? {
///     Some(MessageRef::Text(text)) => assert_eq!(text, "hello"),
///     other => panic!("{other:?}"),
/// }
/// # drop(ws);
/// # let _ = server.join();
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MessageRef<'a> {
    /// Text.
    Text(&'a str),
    /// Binary data.
    Binary(&'a [u8]),
}

impl<'a> MessageRef<'a> {
    /// Text or binary.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Binary(_) => Kind::Binary,
        }
    }

    /// The payload.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(data) => data,
        }
    }

    /// The text, if the message is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// A copy that owns its data.
    #[must_use]
    pub fn to_message(&self) -> Message {
        match *self {
            Self::Text(text) => Message::Text(text.to_owned()),
            Self::Binary(data) => Message::Binary(data.to_vec()),
        }
    }
}

mod sealed {
    use super::Kind;

    /// Sealed, because an implementation that returns [`Kind::Text`] must return valid UTF-8.
    pub trait Sealed {
        fn parts(&self) -> (Kind, &[u8]);
    }
}

/// What can be sent as a message. Strings are sent as text, bytes as binary.
///
/// Implemented for `str`, `String`, `[u8]`, `[u8; N]`, `Vec<u8>`, [`Message`], [`MessageRef`] and references
/// to them.
pub trait Payload: sealed::Sealed {}

impl<T: sealed::Sealed + ?Sized> Payload for T {}

macro_rules! payload {
    ($($type:ty => |$this:ident| $parts:expr),* $(,)?) => {$(
        impl sealed::Sealed for $type {
            fn parts(&self) -> (Kind, &[u8]) {
                let $this = self;
                $parts
            }
        }
    )*};
}

payload! {
    str => |text| (Kind::Text, text.as_bytes()),
    String => |text| (Kind::Text, text.as_bytes()),
    [u8] => |data| (Kind::Binary, data),
    Vec<u8> => |data| (Kind::Binary, data),
    Message => |message| (message.kind(), message.as_bytes()),
    MessageRef<'_> => |message| (message.kind(), message.as_bytes()),
}

impl<const N: usize> sealed::Sealed for [u8; N] {
    fn parts(&self) -> (Kind, &[u8]) {
        (Kind::Binary, self)
    }
}

impl<T: sealed::Sealed + ?Sized> sealed::Sealed for &T {
    fn parts(&self) -> (Kind, &[u8]) {
        (**self).parts()
    }
}
