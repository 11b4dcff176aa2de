//! Reading one HTTP/1.1 head, for both roles.
//!
//! In scope: finding the end of a head that arrives in pieces, its limits, line ends, the header
//! block. Out of scope: what the start line and the headers mean.
//!
//! The reader looks at each byte once and refuses at the first byte that is wrong, so that the
//! outcome does not depend on how the bytes were split, and a peer that does not speak HTTP at all
//! is told at once. httparse then splits the header lines. Of its leniencies (lines that end in LF
//! alone, blank lines ahead of the head) none gets past this reader; whitespace before a colon it
//! refuses itself.
//!
//! A header line that goes on in the next one (obs-fold, RFC 9112 5.2) is refused in a request, and
//! in an answer unfolded as it arrives: line end and white space around it become one space.

use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, SET_COOKIE};

use super::HeadLimits;

/// Headers whose values `Debug` does not show.
static SECRETS: [HeaderName; 4] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE];

/// One head as it came in.
pub(super) struct Head {
    /// The request or status line without its line end; bytes of 0x80 and above may occur.
    pub(super) start_line: Vec<u8>,
    /// All headers, names in lower case, values trimmed.
    pub(super) headers: HeaderMap,
}

/// Why no head could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadError {
    /// More bytes than [`HeadLimits::max_head_size`].
    TooLarge,
    /// A start line longer than [`HeadLimits::max_start_line`].
    StartLineTooLong,
    /// More lines than [`HeadLimits::max_headers`].
    TooManyHeaders,
    /// Not the grammar of HTTP/1.1, and how.
    Malformed(&'static str),
}

/// Collects the bytes of one head.
pub(super) struct HeadReader {
    limits: HeadLimits,
    /// The bytes so far, unfolded; never more than the head itself.
    bytes: Vec<u8>,
    /// How many there were before unfolding.
    received: usize,
    /// Where the current line begins in `bytes`, and the one before it.
    line_start: usize,
    previous_line: usize,
    /// Length of the start line with its line end, once it is complete.
    start_line_len: Option<usize>,
    /// Header lines begun so far.
    header_lines: usize,
    /// Whether an empty line may still come ahead of the start line.
    may_skip_blank: bool,
    /// Whether header lines may go on in the next line.
    may_fold: bool,
    /// In the white space of such a fold.
    folding: bool,
}

impl HeadReader {
    /// Begins a request head. One empty line ahead of it is skipped (RFC 7230 3.5).
    pub(super) fn for_request(limits: HeadLimits) -> Self {
        Self::new(limits, true, false)
    }

    /// Begins a response head, with folded lines unfolded.
    pub(super) fn for_response(limits: HeadLimits) -> Self {
        Self::new(limits, false, true)
    }

    fn new(limits: HeadLimits, may_skip_blank: bool, may_fold: bool) -> Self {
        Self {
            limits,
            bytes: Vec::new(),
            received: 0,
            line_start: 0,
            previous_line: 0,
            start_line_len: None,
            header_lines: 0,
            may_skip_blank,
            may_fold,
            folding: false,
        }
    }

    /// How many bytes of the head have arrived.
    pub(super) fn received(&self) -> usize {
        self.received
    }

    /// Takes the bytes of the head off the front of `data`; what is left behind a complete head
    /// stays in `data`.
    pub(super) fn receive(&mut self, data: &mut &[u8]) -> Result<Option<Head>, HeadError> {
        while let Some((&byte, rest)) = data.split_first() {
            *data = rest;
            if self.push(byte)? {
                return self.parse().map(Some);
            }
        }
        Ok(None)
    }

    /// Takes one byte; true at the end of the head.
    fn push(&mut self, byte: u8) -> Result<bool, HeadError> {
        if self.received >= self.limits.max_head_size {
            return Err(HeadError::TooLarge);
        }
        self.received += 1;
        let after_cr = self.bytes.last() == Some(&b'\r');
        let column = self.bytes.len() - self.line_start;
        match byte {
            b'\n' if after_cr => {
                self.bytes.push(byte);
                return self.end_line();
            }
            b'\n' => return Err(HeadError::Malformed("a line ends in LF without CR")),
            _ if after_cr => return Err(HeadError::Malformed("CR without LF")),
            b'\r' => {}
            // A TLS alert or handshake record instead of a start line.
            0x15 | 0x16 if self.bytes.is_empty() => {
                return Err(HeadError::Malformed("the peer speaks TLS where plain HTTP is expected"));
            }
            b'\t' | b' ' if self.folding => return Ok(false),
            b'\t' | b' ' if column == 0 && self.may_fold && self.header_lines > 0 => {
                self.unfold();
                return Ok(false);
            }
            b'\t' | b' '..=b'~' | 0x80.. => self.check_place(byte, column)?,
            _ => return Err(HeadError::Malformed("a control character")),
        }
        self.bytes.push(byte);
        self.folding = false;
        Ok(false)
    }

    /// Goes on with the line before this one, of which the first byte is white space.
    fn unfold(&mut self) {
        self.line_start = self.previous_line;
        self.bytes.truncate(self.bytes.trim_ascii_end().len());
        self.bytes.push(b' ');
        self.folding = true;
    }

    /// Checks a byte of a line against what depends on its place: line length, number of lines,
    /// folding.
    fn check_place(&mut self, byte: u8, column: usize) -> Result<(), HeadError> {
        if self.start_line_len.is_none() {
            if column >= self.limits.max_start_line {
                return Err(HeadError::StartLineTooLong);
            }
        } else if column == 0 {
            if matches!(byte, b' ' | b'\t') {
                return Err(HeadError::Malformed("a header line begins with whitespace"));
            }
            if self.header_lines >= self.limits.max_headers {
                return Err(HeadError::TooManyHeaders);
            }
            self.header_lines += 1;
        }
        Ok(())
    }

    /// Closes a line; true if it was the blank line that ends the head.
    fn end_line(&mut self) -> Result<bool, HeadError> {
        let end = self.bytes.len();
        let is_blank = end - self.line_start == 2;
        self.previous_line = std::mem::replace(&mut self.line_start, end);
        match self.start_line_len {
            Some(_) => return Ok(is_blank),
            None if !is_blank => self.start_line_len = Some(end),
            None if self.may_skip_blank => {
                self.may_skip_blank = false;
                self.bytes.clear();
                self.received = 0;
                self.line_start = 0;
            }
            None => {
                return Err(HeadError::Malformed("an empty line instead of a start line"));
            }
        }
        Ok(false)
    }

    /// Takes the complete head apart.
    #[inline(never)]
    fn parse(&mut self) -> Result<Head, HeadError> {
        let mut start_line = std::mem::take(&mut self.bytes);
        let block = start_line.split_off(self.start_line_len.unwrap_or(start_line.len()));
        start_line.truncate(start_line.len().saturating_sub(2));

        let mut lines = vec![httparse::EMPTY_HEADER; self.header_lines];
        let lines = match httparse::parse_headers(&block, &mut lines) {
            Ok(httparse::Status::Complete((_, lines))) => lines,
            Ok(httparse::Status::Partial) => return Err(HeadError::Malformed("a cut header")),
            Err(httparse::Error::HeaderValue) => {
                return Err(HeadError::Malformed("a header value with forbidden characters"));
            }
            Err(_) => return Err(HeadError::Malformed("a header line without a valid name")),
        };

        let mut headers = HeaderMap::new();
        for line in lines {
            let (Ok(name), Ok(mut value)) =
                (HeaderName::from_bytes(line.name.as_bytes()), HeaderValue::from_bytes(line.value))
            else {
                return Err(HeadError::Malformed("a header that is not valid"));
            };
            value.set_sensitive(SECRETS.contains(&name));
            headers.try_append(name, value).map_err(|_| HeadError::TooManyHeaders)?;
        }
        Ok(Head { start_line, headers })
    }
}
