//! Reads one HTTP/1.1 head, for both roles.
//!
//! In scope: finding the end of a head that arrives in pieces, its limits, line ends, the header block. Out of scope:
//! what the start line and the headers mean.
//!
//! The reader examines each byte once and fails at the first invalid byte. The outcome therefore does not depend on how
//! the bytes were split, and a peer that does not speak HTTP at all is noticed at once. httparse then splits the header
//! lines. It accepts lines that end in LF alone and blank lines before the head, but this reader does not let them
//! through; whitespace before a colon is rejected by httparse itself.
//!
//! A header line that is continued on the next line (obs-fold, RFC 9112 5.2) is rejected in a request. In a response it
//! is unfolded as it arrives: the line end and the white space around it become one space.

use http::StatusCode;
use http::header::{
    AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION, PROXY_AUTHORIZATION, SET_COOKIE,
};

use super::{HeadLimits, is_http_1_1};

/// Headers whose values `Debug` does not show.
static SECRETS: [HeaderName; 4] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE];

/// How every status line begins.
const HTTP: &[u8] = b"HTTP/";
pub(in crate::proto) const NO_STATUS_LINE: &str = "the first line is not an HTTP/1.1 status line";

/// A complete head.
pub(in crate::proto) struct Head {
    /// The request or status line without its line end. It may contain bytes of 0x80 and above.
    pub(in crate::proto) start_line: Vec<u8>,
    /// All headers, names in lower case, values trimmed.
    pub(in crate::proto) headers: HeaderMap,
}

impl Head {
    /// Parses the start line as `HTTP/1.1 SP status [SP reason]`, with another version perhaps. `None` if it is something
    /// else.
    pub(in crate::proto) fn status_line(&self) -> Option<StatusLine<'_>> {
        let mut parts = self.start_line.splitn(3, |&byte| byte == b' ');
        let is_http_1_1 = is_http_1_1(parts.next()?)?;
        let status = StatusCode::from_bytes(parts.next()?).ok()?;
        Some(StatusLine { is_http_1_1, status, reason: parts.next().unwrap_or_default() })
    }
}

/// The first line of a response.
pub(in crate::proto) struct StatusLine<'a> {
    pub(in crate::proto) is_http_1_1: bool,
    pub(in crate::proto) status: StatusCode,
    /// The reason phrase, which may be empty and contain bytes of 0x80 and above.
    pub(in crate::proto) reason: &'a [u8],
}

/// Why a head was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proto) enum HeadError {
    /// More bytes than [`HeadLimits::max_head_size`].
    TooLarge,
    /// A start line longer than [`HeadLimits::max_start_line`].
    StartLineTooLong,
    /// More lines than [`HeadLimits::max_headers`].
    TooManyHeaders,
    /// It breaks the grammar of HTTP/1.1; the text says how.
    Malformed(&'static str),
}

/// Collects the bytes of one head.
pub(in crate::proto) struct HeadReader {
    limits: HeadLimits,
    /// The bytes so far, unfolded. Nothing after the head is stored here.
    bytes: Vec<u8>,
    /// How many bytes there were before unfolding.
    received: usize,
    /// Where in `bytes` the current line begins, and the one before it.
    line_start: usize,
    previous_line: usize,
    /// Length of the start line including its line end, once it is complete.
    start_line_len: Option<usize>,
    /// Header lines begun so far.
    header_lines: usize,
    /// Whether an empty line is still allowed before the start line.
    may_skip_blank: bool,
    /// Whether header lines may be continued on the next line.
    may_fold: bool,
    /// Whether the last byte was white space of such a continuation.
    folding: bool,
}

impl HeadReader {
    /// Makes a reader for a request head, which skips one empty line before it (RFC 7230 3.5).
    pub(in crate::proto) fn for_request(limits: HeadLimits) -> Self {
        Self::new(limits, true, false)
    }

    /// Makes a reader for a response head, which unfolds folded lines.
    pub(in crate::proto) fn for_response(limits: HeadLimits) -> Self {
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
    pub(in crate::proto) fn received(&self) -> usize {
        self.received
    }

    /// How many bytes of the head are still to come at least. Reading no more than that at a time never reads beyond it.
    pub(in crate::proto) fn wanted(&self) -> usize {
        match (self.bytes.len() - self.line_start, self.bytes.last()) {
            (0, Some(_)) => 2,
            (1, Some(b'\r')) => 1,
            (_, Some(b'\r')) => 3,
            _ => 4,
        }
    }

    /// Removes the bytes of the head from the front of `data`. Bytes after a complete head stay in `data`.
    pub(in crate::proto) fn receive(&mut self, data: &mut &[u8]) -> Result<Option<Head>, HeadError> {
        if self.bytes.is_empty() {
            // Usually all of it has come.
            self.bytes.reserve(data.len().min(self.limits.max_head_size));
        }
        while let Some((&byte, rest)) = data.split_first() {
            *data = rest;
            if self.push(byte)? {
                return self.parse().map(Some);
            }
        }
        Ok(None)
    }

    /// Takes one byte. Returns `true` at the end of the head.
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

    /// Makes the current line, which begins with white space, a continuation of the previous one.
    fn unfold(&mut self) {
        self.line_start = self.previous_line;
        self.bytes.truncate(self.bytes.trim_ascii_end().len());
        self.bytes.push(b' ');
        self.folding = true;
    }

    /// Checks the rules that depend on the byte's position: length of the start line, number of header lines, folding.
    fn check_place(&mut self, byte: u8, column: usize) -> Result<(), HeadError> {
        if self.start_line_len.is_none() {
            if column >= self.limits.max_start_line {
                return Err(HeadError::StartLineTooLong);
            }
            // Only a response may be folded. A peer with another protocol may wait after its first line.
            if self.may_fold && HTTP.get(column).is_some_and(|expected| *expected != byte) {
                return Err(HeadError::Malformed(NO_STATUS_LINE));
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

    /// Ends a line. Returns `true` if it was the blank line that ends the head.
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

    /// Parses the complete head.
    #[inline(never)]
    fn parse(&mut self) -> Result<Head, HeadError> {
        let mut start_line = std::mem::take(&mut self.bytes);
        let block = start_line.split_off(self.start_line_len.unwrap_or(start_line.len()));
        start_line.truncate(start_line.len().saturating_sub(2));

        let mut lines = vec![httparse::EMPTY_HEADER; self.header_lines];
        let lines = match httparse::parse_headers(&block, &mut lines) {
            Ok(httparse::Status::Complete((_, lines))) => lines,
            Ok(httparse::Status::Partial) => return Err(HeadError::Malformed("a truncated header")),
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
            // The user and password of a URL are secrets too.
            let has_user = name == LOCATION && value.as_bytes().contains(&b'@');
            value.set_sensitive(has_user || SECRETS.contains(&name));
            headers.try_append(name, value).map_err(|_| HeadError::TooManyHeaders)?;
        }
        Ok(Head { start_line, headers })
    }
}
