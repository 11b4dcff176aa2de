//! The memory in which received bytes become messages.
//!
//! There are two buffers. The read buffer takes what the caller reads; `buf[start..end]` has been read and not consumed.
//! The body is where a message is assembled that does not stay in the read buffer; `body[..body_len]` has been assembled
//! so far. The caller is lent a part of one of them at a time.
//!
//! Both stay initialised memory, so that nothing is zeroed twice. What is lent does not change before it is released.

use crate::message::Kind;
use std::ops::Range;

/// First size of the read buffer.
pub(super) const BUF_FIRST: usize = 2 << 10;
/// Up to this size the read buffer does not count as spare memory. Giving memory back takes a time limit on each read
/// that waits, which costs more than receiving a small message.
const BUF_KEEP: usize = 4 * BUF_FIRST;
/// What the read buffer grows to while reads fill it.
const BUF_MAX: usize = 64 << 10;
/// After more messages than this in a row that did not need the body, its memory is freed.
const BODY_UNUSED_MAX: u8 = 64;

pub(super) struct Buffers {
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read filled the read buffer, so there is probably more to read.
    was_filled: bool,
    body: Vec<u8>,
    body_len: usize,
    body_unused: u8,
    lent: Lent,
    /// `Text` only while what is lent is a whole text message that has been validated.
    lent_kind: Kind,
}

/// What the caller may be looking at.
enum Lent {
    /// This part of the read buffer, which lies before `start`; empty if nothing is lent.
    Buf(Range<usize>),
    /// `body[..body_len]`.
    Body,
}

const NOTHING: Lent = Lent::Buf(0..0);

impl Buffers {
    pub(super) fn new() -> Self {
        Self {
            buf: Vec::new(),
            start: 0,
            end: 0,
            was_filled: false,
            body: Vec::new(),
            body_len: 0,
            body_unused: 0,
            lent: NOTHING,
            lent_kind: Kind::Binary,
        }
    }

    // ----- The read buffer -----

    /// What has been read and not consumed.
    #[inline(always)]
    pub(super) fn unread(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    #[inline(always)]
    pub(super) fn unread_mut(&mut self) -> &mut [u8] {
        &mut self.buf[self.start..self.end]
    }

    #[inline(always)]
    pub(super) fn unread_len(&self) -> usize {
        self.end - self.start
    }

    #[inline(always)]
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
    }

    pub(super) fn consume_all(&mut self) {
        self.start = self.end;
    }

    /// Where to read more; never empty. From the first unread byte on there is room for `wanted` bytes.
    #[inline]
    pub(super) fn space(&mut self, wanted: usize) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        if self.was_filled && self.buf.len() < BUF_MAX {
            self.buf.resize((self.buf.len() * 4).clamp(BUF_FIRST, BUF_MAX), 0);
        } else if self.buf.is_empty() {
            self.buf.resize(BUF_FIRST, 0);
        }
        self.was_filled = false;
        if self.buf.len() - self.start < wanted || self.end == self.buf.len() {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.buf.len() < wanted {
                self.buf.resize(wanted.next_power_of_two().min(BUF_MAX), 0);
            }
        }
        &mut self.buf[self.end..]
    }

    /// `count` bytes have been read into [`space`](Self::space).
    #[inline]
    pub(super) fn filled(&mut self, count: usize) {
        self.was_filled = count == self.buf.len() - self.end;
        self.end += count;
        assert!(self.end <= self.buf.len(), "more bytes than there was space for");
    }

    // ----- The body -----

    #[inline(always)]
    pub(super) fn has_body(&self) -> bool {
        !self.body.is_empty()
    }

    #[inline]
    pub(super) fn body_len(&self) -> usize {
        self.body_len
    }

    /// Initialised memory of the body behind what has been assembled.
    #[inline]
    pub(super) fn body_room(&self) -> usize {
        self.body.len() - self.body_len
    }

    /// Memory of the body behind what has been assembled, initialised or not.
    #[inline]
    pub(super) fn body_capacity(&self) -> usize {
        self.body.capacity() - self.body_len
    }

    /// The next `count` bytes of the body, of which there are [so many](Self::body_room).
    pub(super) fn body_space(&mut self, count: usize) -> &mut [u8] {
        &mut self.body[self.body_len..self.body_len + count]
    }

    /// `count` bytes have been put into [`body_space`](Self::body_space): these.
    pub(super) fn body_filled(&mut self, count: usize) -> &mut [u8] {
        let from = self.body_len;
        self.body_len += count;
        &mut self.body[from..self.body_len]
    }

    /// Moves unread bytes to the end of the body, which may still grow by `most` in all: these.
    pub(super) fn move_to_body(&mut self, count: usize, most: usize) -> &mut [u8] {
        self.grow_body(count, most);
        let from = self.start;
        self.start += count;
        let to = self.body_len..self.body_len + count;
        self.body[to].copy_from_slice(&self.buf[from..self.start]);
        self.body_filled(count)
    }

    /// `input` unread bytes, and the next `output` bytes of the body.
    pub(super) fn inflate_space(&mut self, input: usize, output: usize) -> (&[u8], &mut [u8]) {
        (&self.buf[self.start..self.start + input], &mut self.body[self.body_len..self.body_len + output])
    }

    /// Makes room for `count` more bytes in the body. Its capacity grows by half of what has been assembled, so that
    /// many fragments cost no more than one large frame, and by no more than `most`.
    pub(super) fn grow_body(&mut self, count: usize, most: usize) {
        let len = self.body_len.saturating_add(count);
        if self.body.capacity() < len {
            let goal = (self.body_len + self.body_len / 2).min(self.body_len.saturating_add(most));
            self.body.reserve_exact(goal.max(len) - self.body.len());
        }
        if self.body.len() < len {
            self.body.resize(len, 0);
        }
    }

    /// Drops what has been assembled.
    pub(super) fn free_body(&mut self) {
        self.body = Vec::new();
        self.body_len = 0;
    }

    /// A message has done without the body.
    #[cold]
    pub(super) fn body_unused(&mut self) {
        self.body_unused += 1;
        if self.body_unused > BODY_UNUSED_MAX {
            self.body = Vec::new();
            self.body_unused = 0;
        }
    }

    // ----- What is lent -----

    /// Consumes `len` unread bytes behind the first `skip`, and lends them.
    #[inline(always)]
    pub(super) fn lend_unread(&mut self, skip: usize, len: usize) {
        let from = self.start + skip;
        self.start = from + len;
        self.lent = Lent::Buf(from..self.start);
    }

    /// Lends what has been assembled in the body.
    pub(super) fn lend_body(&mut self) {
        self.body_unused = 0;
        self.lent = Lent::Body;
    }

    /// What is lent is a whole message; text has been validated.
    #[inline(always)]
    pub(super) fn lent_is(&mut self, kind: Kind) {
        self.lent_kind = kind;
    }

    #[inline(always)]
    pub(super) fn lent_kind(&self) -> Kind {
        self.lent_kind
    }

    #[inline]
    pub(super) fn lent(&self) -> &[u8] {
        match &self.lent {
            Lent::Buf(range) => &self.buf[range.clone()],
            Lent::Body => &self.body[..self.body_len],
        }
    }

    /// What is lent, taken out. It is not copied if it fills most of the body.
    pub(super) fn take_lent(&mut self) -> Vec<u8> {
        match &self.lent {
            Lent::Body if self.body_len > self.body.capacity() / 2 => {
                self.body.truncate(self.body_len);
                self.body_len = 0;
                std::mem::take(&mut self.body)
            }
            _ => self.lent().to_vec(),
        }
    }

    /// Nothing is lent any more.
    #[inline(always)]
    pub(super) fn release(&mut self) {
        if matches!(self.lent, Lent::Body) {
            self.body_len = 0;
        }
        self.lent = NOTHING;
        self.lent_kind = Kind::Binary;
    }

    // ----- Memory -----

    fn is_buf_spare(&self) -> bool {
        self.start == self.end && self.buf.len() > BUF_KEEP
    }

    pub(super) fn holds_spare_memory(&self) -> bool {
        self.is_buf_spare() || (self.body_len == 0 && !self.body.is_empty())
    }

    /// Releases spare memory. Nothing must be lent.
    pub(super) fn shrink(&mut self) {
        if self.is_buf_spare() {
            self.buf = Vec::new();
            self.start = 0;
            self.end = 0;
        }
        self.was_filled = false;
        if self.body_len == 0 {
            self.body = Vec::new();
        }
    }
}
