//! What a user can say about compression. How it is done is in `proto::deflate`.

/// Compression of messages by permessage-deflate (RFC 7692): the options, the same for clients and servers.
///
/// Off unless a builder is given one. A client then offers it and a server accepts it; whether a connection has
/// it, and with which parameters, is in [`Handshake::compression`](crate::Handshake::compression). The names are
/// the RFC's: what begins with `server_` is about messages from server to client, what begins with `client_`
/// about the other direction, whoever sets it.
///
/// [`guide::compression`](crate::guide::compression) has advice on what to choose, with figures for time and
/// memory, and on secrets.
///
/// ```
/// use landline::{Client, Compression, Server};
/// // Everything by default, and a server with less memory per connection.
/// let client = Client::builder().compression(Compression::default()).build()?;
/// let small = Compression::default().server_max_window_bits(11).client_max_window_bits(11);
/// let server = Server::builder().compression(small).bind("127.0.0.1:0")?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Compression {
    /// See [`level`](Self::level).
    pub level: u8,
    /// See [`threshold`](Self::threshold).
    pub threshold: Option<usize>,
    /// See [`server_no_context_takeover`](Self::server_no_context_takeover).
    pub server_no_context_takeover: bool,
    /// See [`client_no_context_takeover`](Self::client_no_context_takeover).
    pub client_no_context_takeover: bool,
    /// See [`server_max_window_bits`](Self::server_max_window_bits).
    pub server_max_window_bits: u8,
    /// See [`client_max_window_bits`](Self::client_max_window_bits).
    pub client_max_window_bits: u8,
    /// See [`free_between_messages`](Self::free_between_messages).
    pub free_between_messages: bool,
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            level: 6,
            threshold: None,
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
            free_between_messages: false,
        }
    }
}

impl Compression {
    /// How hard to compress what this end sends: 1 (fast) to 9 (small). Default 6.
    ///
    /// There is no memory level: the engine (zlib-rs) has none. Memory is set by the window bits.
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.level = level;
        self
    }

    /// Smallest message to compress, in bytes, unless [`Compress`] says otherwise.
    ///
    /// Default: all messages where this end's messages may refer to earlier ones, which makes small ones smaller too;
    /// where each begins with an empty window, those of at least 128 bytes, for below that there is little to gain. A
    /// threshold that is set holds in both cases.
    ///
    /// Some peers cannot read a connection with compressed and plain messages: see
    /// [`guide::compression`](crate::guide::compression#which-messages).
    #[must_use]
    pub fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = Some(bytes);
        self
    }

    /// Whether the server begins each message with an empty window. Default `false`: a message may refer to what
    /// earlier ones held, which makes messages that are like each other much smaller.
    ///
    /// A client that sets it asks for it, and goes without compression if the server refuses.
    #[must_use]
    pub fn server_no_context_takeover(mut self, on: bool) -> Self {
        self.server_no_context_takeover = on;
        self
    }

    /// Whether the client begins each message with an empty window. Default `false`.
    #[must_use]
    pub fn client_no_context_takeover(mut self, on: bool) -> Self {
        self.client_no_context_takeover = on;
        self
    }

    /// How far back a message of the server may refer: 2 to the power of `bits` bytes, 9 to 15. Default 15, which
    /// is 32 KiB.
    ///
    /// The other side may demand less. A server that is asked for 8 declines, because the engine cannot make
    /// such windows. A client that sets less than 15 demands it, and goes without compression if the server
    /// refuses.
    #[must_use]
    pub fn server_max_window_bits(mut self, bits: u8) -> Self {
        self.server_max_window_bits = bits;
        self
    }

    /// How far back a message of the client may refer: 2 to the power of `bits` bytes, 9 to 15. Default 15.
    ///
    /// A server that sets less than 15 goes without compression where a client cannot be told so (Firefox).
    /// A client that is told to use 8 bits sends without compression.
    #[must_use]
    pub fn client_max_window_bits(mut self, bits: u8) -> Self {
        self.client_max_window_bits = bits;
        self
    }

    /// Whether to hold the compressor's memory only while a message is being compressed, and the decompressor's
    /// likewise if the peer begins each message with an empty window. Default `false`.
    ///
    /// Each message then begins with an empty window, whatever was agreed on, and costs the time to set up the
    /// compressor.
    #[must_use]
    pub fn free_between_messages(mut self, on: bool) -> Self {
        self.free_between_messages = on;
        self
    }
}

/// Which messages to compress, where compression was agreed on.
///
/// ```
/// # fn send(ws: &mut landline::WebSocket, token: &str) -> landline::Result<()> {
/// use landline::Compress;
/// ws.with_compress(Compress::Never).send(token)?; // this message
/// ws.set_compress(Compress::Always); // all messages from here on
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Compress {
    /// None: for data that is compressed already, or holds a secret. Some peers cannot read a connection in which
    /// other messages are compressed: see [`guide::compression`](crate::guide::compression#which-messages).
    Never,
    /// Those of at least [`threshold`](Compression::threshold) bytes, and those sent as a stream unless they end
    /// below that in their first fragment. By default all, unless each message begins with an empty window.
    #[default]
    Auto,
    /// All, also the smallest.
    Always,
}
