//! Reads the body of a response that refuses a handshake, up to a limit.
//!
//! In scope: bodies delimited by `Content-Length`, by `chunked`, or by the end of the stream (RFC 7230 3.3.3). Out of
//! scope: content codings, trailers, what the body says.
//!
//! The refusal matters more than its body, so nothing here is an error: of a body with broken framing, the part before
//! the break is kept, and the body counts as truncated.

use http::StatusCode;
use http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};

use super::list_elements;

#[cfg(test)]
mod tests;

/// Longest framing of a chunked body: sizes, extensions and line ends of all chunks. It could go on for ever otherwise.
const MAX_FRAMING: usize = 64 * 1024;

/// A body that is being received.
pub(in crate::proto) struct BodyReader {
    framing: Framing,
    body: Vec<u8>,
    limit: usize,
    /// How much framing has been read.
    framing_len: usize,
}

/// Where the body ends.
#[derive(Clone, Copy)]
enum Framing {
    /// After this many more bytes.
    Length(u64),
    /// After the last chunk.
    Chunked(Chunk),
    /// At the end of the stream.
    UntilEof,
    /// Here: all of it has been read.
    Complete,
    /// Here, because the limit is reached or the framing is broken.
    Truncated,
}

/// What comes next in a chunked body.
#[derive(Clone, Copy)]
enum Chunk {
    /// A digit of the size; `None` before the first digit.
    Size(Option<u64>),
    /// The rest of the line after a size, which is ignored.
    Extension(u64),
    /// This much data.
    Data(u64),
    /// The line end after the data.
    DataEnd,
}

impl BodyReader {
    /// Determines the framing from the head. At most `limit` bytes are kept.
    pub(in crate::proto) fn new(status: StatusCode, headers: &HeaderMap, limit: usize) -> Self {
        let is_without_body =
            status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let framing = if is_without_body {
            Framing::Complete
        } else if headers.contains_key(TRANSFER_ENCODING) {
            match list_elements(headers, TRANSFER_ENCODING).last() {
                Some(coding) if coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked(Chunk::Size(None)),
                _ => Framing::UntilEof,
            }
        } else {
            match content_length(headers) {
                Some(0) => Framing::Complete,
                Some(length) => Framing::Length(length),
                None => Framing::UntilEof,
            }
        };
        Self { framing, body: Vec::new(), limit, framing_len: 0 }
    }

    /// Removes the bytes of the body from the front of `data`. Returns `true` once no more are needed.
    pub(in crate::proto) fn receive(&mut self, data: &mut &[u8]) -> bool {
        loop {
            self.framing = match self.framing {
                Framing::Complete | Framing::Truncated => return true,
                _ if self.body.len() >= self.limit || self.framing_len >= MAX_FRAMING => Framing::Truncated,
                framing => {
                    let Some((&byte, rest)) = data.split_first() else {
                        return false;
                    };
                    match framing {
                        Framing::Length(left) => match self.keep(data, left) {
                            0 => Framing::Complete,
                            left => Framing::Length(left),
                        },
                        Framing::Chunked(Chunk::Data(left)) => match self.keep(data, left) {
                            0 => Framing::Chunked(Chunk::DataEnd),
                            left => Framing::Chunked(Chunk::Data(left)),
                        },
                        Framing::Chunked(chunk) => {
                            *data = rest;
                            self.framing_len += 1;
                            chunk.after(byte)
                        }
                        framing => {
                            self.keep(data, u64::MAX);
                            framing
                        }
                    }
                }
            };
        }
    }

    /// Returns the bytes kept, and whether the body was truncated. `at_eof` tells whether the stream has ended.
    pub(in crate::proto) fn finish(self, at_eof: bool) -> (Vec<u8>, bool) {
        let is_complete = match self.framing {
            Framing::Complete => true,
            Framing::UntilEof => at_eof,
            _ => false,
        };
        (self.body, !is_complete)
    }

    /// Moves up to `left` bytes of `data` into the body, as far as the limit allows. Returns how many are still left.
    fn keep(&mut self, data: &mut &[u8], left: u64) -> u64 {
        let room = self.limit.saturating_sub(self.body.len());
        let len = data.len().min(room).min(usize::try_from(left).unwrap_or(usize::MAX));
        let (kept, rest) = data.split_at_checked(len).unwrap_or_default();
        self.body.extend_from_slice(kept);
        *data = rest;
        left.saturating_sub(len as u64)
    }
}

impl Chunk {
    /// The state after `byte`, which is part of the framing.
    fn after(self, byte: u8) -> Framing {
        match (self, byte) {
            (Chunk::Size(Some(size)) | Chunk::Extension(size), b'\n') => match size {
                0 => Framing::Complete,
                size => Framing::Chunked(Chunk::Data(size)),
            },
            (Chunk::Size(Some(size)), b';' | b' ' | b'\t' | b'\r') | (Chunk::Extension(size), _) => {
                Framing::Chunked(Chunk::Extension(size))
            }
            (Chunk::Size(size), _) => char::from(byte)
                .to_digit(16)
                .and_then(|digit| size.unwrap_or(0).checked_mul(16)?.checked_add(digit.into()))
                .map_or(Framing::Truncated, |size| Framing::Chunked(Chunk::Size(Some(size)))),
            (Chunk::DataEnd, b'\r') => Framing::Chunked(Chunk::DataEnd),
            (Chunk::DataEnd, b'\n') => Framing::Chunked(Chunk::Size(None)),
            (Chunk::DataEnd | Chunk::Data(_), _) => Framing::Truncated,
        }
    }
}

/// The body's length, if there is a valid `Content-Length` and all its elements agree.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    let mut elements = list_elements(headers, CONTENT_LENGTH);
    let first = elements.next()?;
    if !first.iter().all(u8::is_ascii_digit) || elements.any(|element| element != first) {
        return None;
    }
    std::str::from_utf8(first).ok()?.parse().ok()
}
