//! The compression options. The implementation is in `proto::deflate`.

/// Options for compressing messages with permessage-deflate (RFC 7692), the same for clients and servers.
///
/// Compression is off unless a builder is given these options. A client then offers it, and a server accepts offers;
/// [`Handshake::compression`](crate::Handshake::compression) tells whether a connection uses it, and with which
/// parameters. The names are the RFC's: on both sides, options beginning with `server_` apply to messages from the
/// server to the client, and those beginning with `client_` to the other direction.
///
/// [`guide::compression`](crate::guide::compression) helps to choose, with figures for time and memory, and says when
/// compression endangers secrets.
///
/// ```
/// use landline::{Client, Compression, Server};
/// // A client with the defaults, and a server that uses less memory per connection.
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
    /// Compression level for messages that this end sends, from 1 (fastest) to 9 (smallest). Default 6.
    ///
    /// There is no memory level, because the engine (zlib-rs) has none. The window bits determine the memory.
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.level = level;
        self
    }

    /// Length of the smallest message to compress, in bytes, unless [`Compress`] says otherwise.
    ///
    /// By default, all messages are compressed if this end's messages may refer to earlier ones, since that makes small
    /// messages smaller too; if each message starts with an empty window, those of at least 128 bytes are, since
    /// shorter ones gain little. A threshold that is set applies in both cases.
    ///
    /// Some peers cannot handle a mixture of compressed and uncompressed messages: see
    /// [`guide::compression`](crate::guide::compression#which-messages).
    #[must_use]
    pub fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = Some(bytes);
        self
    }

    /// Whether the server begins each message with an empty window. Default `false`: a message may refer to what
    /// earlier ones held, which makes messages that are like each other much smaller.
    ///
    /// A client that sets it demands it: if the server does not support that, the connection has no compression.
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

    /// Largest window for messages from the server, which is how far back they may refer: 2 to the power of `bits`
    /// bytes, with `bits` from 9 to 15. Default 15, which is 32 KiB.
    ///
    /// The other side may demand less. A server that is asked for 8 declines compression, because the engine has no
    /// windows of that size. A client that sets less than 15 demands it: if the server does not support that, the
    /// connection has no compression.
    #[must_use]
    pub fn server_max_window_bits(mut self, bits: u8) -> Self {
        self.server_max_window_bits = bits;
        self
    }

    /// Largest window for messages from the client, which is how far back they may refer: 2 to the power of `bits`
    /// bytes, with `bits` from 9 to 15. Default 15, which is 32 KiB.
    ///
    /// A server that sets less than 15 declines compression with clients that do not let the server choose this, such
    /// as Firefox. A client that is told to use 8 bits sends its messages uncompressed.
    #[must_use]
    pub fn client_max_window_bits(mut self, bits: u8) -> Self {
        self.client_max_window_bits = bits;
        self
    }

    /// Whether to free the compressor's memory after each message, and also the decompressor's if the peer begins each
    /// message with an empty window. Default `false`.
    ///
    /// Each message that this end sends then begins with an empty window, whatever was agreed on, and takes the
    /// additional time to set up the compressor.
    #[must_use]
    pub fn free_between_messages(mut self, on: bool) -> Self {
        self.free_between_messages = on;
        self
    }
}

/// Which messages to compress on a connection with compression.
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
    /// None: for data that is already compressed or contains a secret. Some peers cannot handle a mixture of compressed
    /// and uncompressed messages: see [`guide::compression`](crate::guide::compression#which-messages).
    Never,
    /// Those of at least [`threshold`](Compression::threshold) bytes, and streamed messages unless they are shorter
    /// than that and consist of a single fragment. With the default threshold these are all messages, unless each
    /// begins with an empty window.
    #[default]
    Auto,
    /// All, even the smallest.
    Always,
}
