//! Compressed messages for raw peers.

/// Set in the first byte of a compressed message's first frame.
pub(crate) const RSV1: u8 = 0x40;

/// A header line that offers compression and leaves all parameters to the server.
pub(crate) const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

/// Compresses for a raw peer.
pub(crate) struct Deflate(flate2::Compress);

impl Deflate {
    pub(crate) fn new() -> Self {
        Self(flate2::Compress::new(flate2::Compression::new(6), false))
    }

    /// The payload of the next message.
    pub(crate) fn message(&mut self, message: impl AsRef<[u8]>) -> Vec<u8> {
        let message = message.as_ref();
        if message.is_empty() {
            return vec![0];
        }
        let mut payload = self.part(message, flate2::FlushCompress::Sync);
        payload.truncate(payload.len() - 4);
        payload
    }

    /// A part of a message, not empty, up to the end of a flush.
    pub(crate) fn part(&mut self, part: impl AsRef<[u8]>, flush: flate2::FlushCompress) -> Vec<u8> {
        let part = part.as_ref();
        let mut output = Vec::with_capacity(part.len() + part.len() / 100 + 1024);
        let before = self.0.total_in();
        self.0.compress_vec(part, &mut output, flush).unwrap();
        assert_eq!(self.0.total_in() - before, part.len() as u64);
        assert!(output.len() < output.capacity() && output.ends_with(&[0, 0, 0xff, 0xff]));
        output
    }
}

/// Inflates for a raw peer.
pub(crate) struct Inflate(flate2::Decompress);

impl Inflate {
    pub(crate) fn new() -> Self {
        Self(flate2::Decompress::new(false))
    }

    /// The next message, from its payload.
    pub(crate) fn message(&mut self, payload: impl AsRef<[u8]>) -> Vec<u8> {
        self.part([payload.as_ref(), &[0, 0, 0xff, 0xff]].concat())
    }

    /// As much of a message as the beginning of its payload contains.
    pub(crate) fn part(&mut self, payload: impl AsRef<[u8]>) -> Vec<u8> {
        let mut rest = payload.as_ref();
        let mut output = Vec::new();
        loop {
            output.reserve(64 << 10);
            let before = self.0.total_in();
            self.0.decompress_vec(rest, &mut output, flate2::FlushDecompress::None).unwrap();
            rest = &rest[(self.0.total_in() - before) as usize..];
            if rest.is_empty() && output.len() < output.capacity() {
                return output;
            }
        }
    }
}

/// The payload of a compressed message of this many MiB of zeros, each of which takes about one KiB.
pub(crate) fn bomb(mebibytes: usize) -> Vec<u8> {
    let one = Deflate::new().part(vec![0; 1 << 20], flate2::FlushCompress::Full);
    let mut payload = one.repeat(mebibytes);
    // The block that ends every message, without its tail.
    payload.push(0);
    payload
}

/// Bytes that cannot be compressed, the same each time.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_ne_bytes());
    }
    bytes.truncate(len);
    bytes
}
