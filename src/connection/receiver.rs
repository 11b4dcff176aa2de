//! The receiving half: reading from the transport, and what a message is made of. See `closing.rs` for the end.

use super::close_info::CloseInfo;
use super::closing::{Ending, Progress};
use super::interrupt::Interrupter;
use super::link::Link;
use super::patience::{Patience, earliest};
use super::replies::{Outlook, ping_timeout};
use super::stats::Stats;
use super::stream::MessageReader;
use crate::close::{CloseCode, CloseFrame};
use crate::config::Keepalive;
use crate::deadline::{self, Deadline};
use crate::error::{Closed, Error, Interrupted, Phase, Result, Timeout, UsageError};
use crate::message::{Kind, Message, MessageRef};
use crate::proto::{Inbound, ReceiveError, Role, Step, Want};
use crate::transport::{Interest, Pace, Wake};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection that has received nothing for this long gives its large buffers back.
const IDLE: Duration = Duration::from_secs(1);
/// If the next read can be so large, and the open frame is going to fill it, a thread sleeps until all of it is there.
/// Otherwise each arriving segment wakes it, which costs about as much as copying it.
const BULK_MIN: usize = 128 << 10;
/// But not longer than this: a peer may be slow, and a socket's buffer small.
const BULK_WAIT: Duration = Duration::from_millis(50);
/// How long to read on behind the last frame of a failed connection.
const LINGER: Duration = Duration::from_secs(2);
/// How long a call reads on what is there, once it would rather end: a message may be half read.
const READ_ON: Duration = Duration::from_millis(200);
/// How long a client waits for the server to end the stream after the closing handshake (RFC 6455 7.1.1), and a server
/// that closes for the client.
const EOF_WAIT: Duration = Duration::from_secs(1);
/// Messages set aside while waiting for a Pong.
const MAX_STASHED: usize = 1024;

/// The receiving half of a connection: see [`WebSocket`](crate::WebSocket), whose receiving calls it has.
///
/// Pings are answered and the closing handshake is completed inside its calls, so some thread should be
/// receiving most of the time.
#[derive(Debug)]
pub struct Receiver {
    pub(super) link: Arc<Link>,
    inbound: Inbound,
    role: Role,
    /// The connection is over: what every call gives from now on, `None` for "closed in order".
    end: Option<Option<Error>>,
    /// The peer's Close frame has come, and the answer must be out by then.
    answer_by: Option<Instant>,
    /// The peer is at fault and being told so, until then.
    failing: Option<Instant>,
    /// Messages that arrived while `ping_wait` waited, and the one of them that is lent.
    stash: VecDeque<Message>,
    stashed_bytes: usize,
    unstashed: Option<Message>,
    /// A message is being taken in pieces.
    piece: Option<Piece>,
    /// The last read emptied the transport: wait before trying again.
    drained: bool,
    /// This connection is being closed: what arrives is thrown away.
    discarding: bool,
    /// How fast, over all calls.
    pace: Pace,
    /// Since when this call has read on although it would rather end.
    reading_on: Option<Instant>,
    /// When the last read ended, the time of this call was over, or that of the closing handshake.
    overtime: bool,
    closing_overtime: bool,
    /// Other threads may change what a wait depends on, but could not be given a way to say so.
    unwakeable: bool,
    /// Since when nothing has come, as far as anybody has looked: over several calls with short time limits.
    idle_since: Option<Instant>,
    /// The last thing that was done was to look for input in vain.
    hungry: bool,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    /// What the transport was told. More than 1 only within the payload of one frame, and never once a call has
    /// returned.
    low_water: usize,
    /// The rest of the frame is waited for as usual: the peer is too slow for more, or the transport cannot.
    by_segments: bool,
    heard: Heard,
}

/// The piece that is lent by `inbound` or `unstashed`, and how much of it has been taken.
#[derive(Clone, Copy, Debug)]
struct Piece {
    kind: Kind,
    taken: usize,
    last: bool,
}

/// What [`Receiver::recv_into`] put into the caller's buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received {
    /// Text or binary. Text is valid UTF-8 as a whole; a character may lie across two buffers.
    pub kind: Kind,
    /// How many bytes.
    pub len: usize,
    /// Whether the message ends here. If not, the next call goes on with it.
    pub is_final: bool,
}

/// Keepalive's view of the peer.
#[derive(Debug)]
struct Heard {
    last: Instant,
    pinged: Option<Instant>,
}

impl Receiver {
    #[inline(never)] // See `WebSocket::new`.
    pub(super) fn new(link: Arc<Link>, mut inbound: Inbound, role: Role, leftover: &[u8]) -> Box<Self> {
        let mut rest = leftover;
        while !rest.is_empty() {
            // The handshake keeps at most its own limit, which the first growth step already holds.
            let count = inbound.receive(rest);
            rest = &rest[count..];
        }
        link.counters.wire_received(leftover.len());
        Box::new(Self {
            inbound,
            role,
            end: None,
            answer_by: None,
            failing: None,
            stash: VecDeque::new(),
            stashed_bytes: 0,
            unstashed: None,
            piece: None,
            drained: false,
            discarding: false,
            pace: Pace::default(),
            reading_on: None,
            overtime: false,
            closing_overtime: false,
            unwakeable: false,
            idle_since: None,
            hungry: false,
            timeout: link.config.recv_timeout,
            deadline: None,
            low_water: 1,
            by_segments: false,
            heard: Heard { last: Instant::now(), pinged: None },
            link,
        })
    }

    /// Receives the next message.
    ///
    /// Blocks until there is one, the connection ends, or the time set by
    /// [`set_recv_timeout`](Self::set_recv_timeout) or [`set_deadline`](Self::set_deadline) is over. Sends what
    /// was gathered by `feed` before it waits. `None` means that the connection was closed in order, by either
    /// side; [`close_info`](Self::close_info) has the codes.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] and [`Error::Interrupted`], after which the next call goes on with nothing lost, in
    /// the middle of a message too. All others are final: [`Error::Protocol`], [`Error::Limit`],
    /// [`Error::Closed`], [`Error::Io`].
    pub fn recv(&mut self) -> Result<Option<Message>> {
        let until = self.until();
        self.recv_until(until)
    }

    /// [`recv`](Self::recv) with a time limit for this call.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Message>> {
        self.recv_until(Instant::now().checked_add(timeout))
    }

    /// [`recv`](Self::recv) until a moment in time. With one that has passed, gives what is there.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_deadline(&mut self, deadline: impl Into<Deadline>) -> Result<Option<Message>> {
        self.recv_until(deadline.into().instant())
    }

    fn recv_until(&mut self, until: Option<Instant>) -> Result<Option<Message>> {
        if !self.message_is_buffered() && !self.next_message(until)? {
            return Ok(None);
        }
        Ok(Some(self.take_message()))
    }

    /// Receives the next message without a copy: it is borrowed until the next call.
    ///
    /// Blocks as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    #[inline]
    pub fn recv_ref(&mut self) -> Result<Option<MessageRef<'_>>> {
        if !self.message_is_buffered() {
            let until = self.until();
            if !self.next_message(until)? {
                return Ok(None);
            }
        }
        Ok(Some(self.message()))
    }

    /// Receives into the caller's buffer, as much as is there and fits.
    ///
    /// A message that does not fit, or arrives slowly, comes in parts: the next call goes on with it, nothing is
    /// lost. A call of another kind while a message is unfinished skips the rest of that message. Blocks as
    /// [`recv`](Self::recv) does, until at least one byte or the end of a message is there.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and [`UsageError::EmptyBuffer`].
    pub fn recv_into(&mut self, buf: &mut [u8]) -> Result<Option<Received>> {
        if buf.is_empty() {
            return Err(UsageError::EmptyBuffer.into());
        }
        let until = self.until();
        self.take_piece(buf, until)
    }

    /// Receives the next message as a stream, in constant memory whatever its size, compressed or not.
    ///
    /// Blocks as [`recv`](Self::recv) does until the message begins. What is not read of it is skipped by the
    /// next call.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_stream(&mut self) -> Result<Option<MessageReader<'_>>> {
        let until = self.until();
        self.skip_rest(until)?;
        let Some(piece) = self.next_piece(until)? else { return Ok(None) };
        Ok(Some(MessageReader::new(self, piece.kind)))
    }

    /// How long each receiving call may wait; `None` for as long as it takes.
    pub fn set_recv_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// A moment by which every receiving call returns, whatever its own limit; `None` for none.
    pub fn set_deadline(&mut self, deadline: impl Into<Deadline>) {
        self.deadline = deadline.into().instant();
    }

    /// Changes the largest message that is accepted; see [`Config::max_message_size`](crate::Config).
    pub fn set_max_message_size(&mut self, bytes: u64) {
        let limits = crate::proto::Limits { max_message_size: bytes, ..self.link.config.limits };
        self.inbound.set_limits(limits);
    }

    /// Closes the connection in order: sends a Close frame and waits for the peer's, throwing away what else
    /// arrives meanwhile, however much it is.
    ///
    /// Messages whose sending has returned still reach a peer that reads them. Blocks for at most the configured
    /// `close_timeout` (5 s), and cannot be interrupted. Does nothing more if the connection is closed already.
    ///
    /// # Errors
    ///
    /// [`UsageError`] for a code or reason that cannot be sent; nothing was done. Otherwise the connection is
    /// over: [`Closed::CloseUnanswered`] if the peer did not answer in time, [`Closed::Eof`], [`Error::Io`], or the
    /// error that ended it before.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<()> {
        self.close_within(code, reason, self.link.config.close_timeout)
    }

    /// [`close`](Self::close) within `timeout`, if that is less than `close_timeout`.
    ///
    /// # Errors
    ///
    /// As [`close`](Self::close).
    pub fn close_within(&mut self, code: CloseCode, reason: &str, timeout: Duration) -> Result<()> {
        self.link.check_process()?;
        let frame = CloseFrame::new(code, reason)?;
        if let Some(end) = &self.end {
            return end.clone().map_or(Ok(()), Err);
        }
        let deadline = deadline::after(timeout.min(self.link.config.close_timeout));
        if self.failing.is_none()
            && let Err(error) = self.link.begin_close(frame)
        {
            return Err(self.ended(error));
        }
        self.drop_stash();
        self.inbound.discard_messages();
        self.discarding = true;
        loop {
            match self.next(Want::Pieces, Some(deadline)) {
                Ok(None) => break,
                Ok(Some(_)) | Err(Error::Interrupted(_)) => {}
                Err(Error::Timeout(_)) => return Err(self.cut()),
                Err(error) => return Err(error),
            }
        }
        if self.role == Role::Server {
            // What the client says behind its Close frame must not make the socket's end a reset.
            Ending::new(&self.link).read_out(deadline.min(Instant::now() + EOF_WAIT));
        }
        Ok(())
    }

    /// Ends the connection at once, without a word to the peer.
    pub fn abort(&self) {
        self.link.abort();
    }

    /// How the connection ended, or how far its end has come.
    #[must_use]
    pub fn close_info(&self) -> CloseInfo {
        self.link.close_info()
    }

    /// Counters of the connection.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.link.stats()
    }

    /// A handle that wakes blocked calls of this connection.
    ///
    /// From now on a receiving call that has to wait costs a `poll` besides its `recv`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the process has no descriptor left.
    pub fn interrupter(&mut self) -> Result<Interrupter> {
        Interrupter::of(&self.link)
    }

    /// Other threads get senders: they must be able to tell the receiver what changed.
    pub(super) fn make_wakeable(&mut self) {
        if self.link.recv_wake.get().is_none() {
            match Wake::new() {
                Ok(wake) => drop(self.link.recv_wake.set(Arc::new(wake))),
                Err(_) => self.unwakeable = true,
            }
        }
    }

    /// Whether a receiving call may find something although the descriptor is not readable: for programs that wait for
    /// [`Sender::fd`](crate::Sender::fd) by themselves. Call with a deadline that has passed until it gives
    /// [`Error::Timeout`], then wait, but not beyond [`next_deadline`](Self::next_deadline).
    #[must_use]
    pub fn has_buffered(&self) -> bool {
        if self.link.check_process().is_err() {
            return false;
        }
        let piece = self.piece.is_some_and(|piece| piece.last || piece.taken < self.piece_bytes().len());
        let is_ending = self.answer_by.is_some() || self.failing.is_some();
        let unread = !self.hungry && !is_ending && self.inbound.has_buffered();
        self.end.is_some()
            || self.link.is_cut()
            || piece
            || unread
            || !self.stash.is_empty()
            || self.link.transport.has_buffered()
    }

    /// Until when a program that waits for the [descriptor](crate::Sender::fd) by itself may wait; `None` for as long as it
    /// takes. When that moment has come, call a receiving function, with a deadline that has passed, say: it does what
    /// is due. It sends keepalive's Ping, or notices that the peer is dead; ends a closing handshake that takes too
    /// long; gives memory back that an idle connection does not need.
    ///
    /// Ask before each wait: every call may change it, and closing by another thread does.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// fn longest_wait(receiver: &landline::Receiver) -> Option<Duration> {
    ///     receiver.next_deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()))
    /// }
    /// ```
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.link.check_process().is_err() || self.end.is_some() {
            return None;
        }
        let closing = earliest(self.answer_by, self.failing);
        let closing = earliest(closing, self.link.close_by());
        if self.answer_by.is_some() || self.failing.is_some() {
            // Nothing else is done any more.
            return closing;
        }
        let keepalive = self.link.config.keepalive.map(|keepalive| self.heard.act_at(keepalive));
        let idle_since = self.idle_since.filter(|_| self.holds_spare_memory());
        earliest(earliest(closing, keepalive), idle_since.map(|since| since + IDLE))
    }

    fn holds_spare_memory(&self) -> bool {
        self.inbound.holds_spare_memory()
            || self.link.holds_spare_memory()
            || self.link.transport.holds_spare_memory()
    }

    fn until(&self) -> Option<Instant> {
        match (self.timeout, self.deadline) {
            (None, deadline) => deadline,
            (Some(timeout), deadline) => earliest(Instant::now().checked_add(timeout), deadline),
        }
    }

    /// The message that was received last, taken out.
    pub(super) fn take_message(&mut self) -> Message {
        match self.unstashed.take() {
            Some(message) => message,
            None => self.inbound.take_message(),
        }
    }

    /// The message that was received last.
    #[inline(always)]
    pub(super) fn message(&self) -> MessageRef<'_> {
        match &self.unstashed {
            Some(message) => message.borrow(),
            None => self.inbound.message(),
        }
    }

    /// Receives a whole message into `inbound` if one has been read already and nothing else is to be done first.
    #[inline(always)]
    pub(super) fn message_is_buffered(&mut self) -> bool {
        let is_plain = self.piece.is_none()
            && self.unstashed.is_none()
            && self.stash.is_empty()
            && self.end.is_none()
            && self.answer_by.is_none()
            && !self.link.is_aborted();
        if !is_plain || !self.inbound.advance_whole() {
            return false;
        }
        self.link.counters.received(self.inbound.payload().len(), true);
        true
    }

    /// Receives a whole message into `unstashed` or `inbound`. `false`: closed in order.
    fn next_message(&mut self, until: Option<Instant>) -> Result<bool> {
        self.link.check_process()?;
        if self.piece.is_some() {
            self.skip_rest(until)?;
        }
        if self.unstash() {
            return Ok(true);
        }
        Ok(self.next(Want::Message, until)?.is_some())
    }

    fn unstash(&mut self) -> bool {
        self.unstashed = self.stash.pop_front();
        match &self.unstashed {
            Some(message) => {
                self.stashed_bytes -= message.as_bytes().len();
                true
            }
            None => false,
        }
    }

    fn drop_stash(&mut self) {
        self.stash.clear();
        self.stashed_bytes = 0;
        self.unstashed = None;
        self.piece = None;
    }

    /// The next piece of a message, or what is left of the current one. `None`: closed in order.
    fn next_piece(&mut self, until: Option<Instant>) -> Result<Option<Piece>> {
        self.link.check_process()?;
        // The last piece is forgotten when it is taken, and not before, even if it is empty.
        if let Some(piece) = self.piece
            && (piece.last || piece.taken < self.piece_bytes().len())
        {
            return Ok(Some(piece));
        }
        let piece = if self.piece.is_none() && self.unstash() {
            let kind = self.unstashed.as_ref().map_or(Kind::Binary, Message::kind);
            Piece { kind, taken: 0, last: true }
        } else {
            self.unstashed = None;
            match self.next(Want::Pieces, until)? {
                Some(Step::Piece { kind, last }) => Piece { kind, taken: 0, last },
                _ => return Ok(None),
            }
        };
        self.piece = Some(piece);
        Ok(Some(piece))
    }

    fn piece_bytes(&self) -> &[u8] {
        match &self.unstashed {
            Some(message) => message.as_bytes(),
            None => self.inbound.payload(),
        }
    }

    /// Copies from the current message; forgets it when it has been taken to its end.
    pub(super) fn take_piece(&mut self, buf: &mut [u8], until: Option<Instant>) -> Result<Option<Received>> {
        let Some(mut piece) = self.next_piece(until)? else { return Ok(None) };
        let bytes = &self.piece_bytes()[piece.taken..];
        let len = bytes.len().min(buf.len());
        buf[..len].copy_from_slice(&bytes[..len]);
        let is_final = piece.last && len == bytes.len();
        piece.taken += len;
        self.piece = if is_final { None } else { Some(piece) };
        Ok(Some(Received { kind: piece.kind, len, is_final }))
    }

    pub(super) fn stream_until(&self) -> Option<Instant> {
        self.until()
    }

    /// Passes over what is left of a message that was being taken in pieces.
    fn skip_rest(&mut self, until: Option<Instant>) -> Result<()> {
        while let Some(piece) = self.piece {
            if piece.last {
                self.piece = None;
            } else {
                self.piece = Some(Piece { taken: self.piece_bytes().len(), ..piece });
                if self.next_piece(until)?.is_none() {
                    self.piece = None;
                }
            }
        }
        Ok(())
    }

    /// Sends a Ping and receives until it is answered: the round trip time. Messages that come before are kept for the
    /// next receiving call.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::ping_wait`](crate::WebSocket::ping_wait).
    pub fn ping_wait(&mut self, timeout: Duration) -> Result<Duration> {
        self.link.check_process()?;
        if self.piece.is_some() {
            return Err(UsageError::MessageUnfinished.into());
        }
        let begin = Instant::now();
        let deadline = deadline::later(begin, timeout);
        let number = self.link.numbered_ping(&mut Patience::new(Some(deadline), None)).map_err(ping_timeout)?;
        self.receive_pong(number, deadline)?;
        Ok(begin.elapsed())
    }

    /// Receives until a Ping of [`Sender::ping_start`](crate::Sender::ping_start) is answered. Messages that come before
    /// are kept for the next receiving call. After [`Error::Timeout`] and [`Error::Interrupted`] the Ping is still under
    /// way, and can be waited for again.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::ping_wait`](crate::WebSocket::ping_wait).
    pub fn pong_wait(&mut self, ping: u64, timeout: Duration) -> Result<()> {
        self.link.check_process()?;
        if self.piece.is_some() {
            return Err(UsageError::MessageUnfinished.into());
        }
        self.receive_pong(ping, deadline::after(timeout))
    }

    fn receive_pong(&mut self, number: u64, deadline: Instant) -> Result<()> {
        self.overtime = false;
        self.reading_on = None;
        while self.link.gate().pings_answered < number {
            let limit = usize::try_from(self.link.config.limits.max_message_size).unwrap_or(usize::MAX);
            if self.stash.len() >= MAX_STASHED || self.stashed_bytes >= limit {
                return Err(UsageError::MessagesWaiting.into());
            }
            match self.advance(Want::Message, Some(deadline)).map_err(ping_timeout)? {
                Some(Step::Message) => {
                    let message = self.inbound.take_message();
                    self.stashed_bytes += message.as_bytes().len();
                    self.stash.push_back(message);
                }
                Some(_) => {}
                None => return Err(Error::Closed(Closed::Sent)),
            }
        }
        Ok(())
    }

    /// The next part of a message. `None`: closed in order.
    fn next(&mut self, want: Want, until: Option<Instant>) -> Result<Option<Step>> {
        self.overtime = false;
        self.reading_on = None;
        loop {
            match self.advance(want, until)? {
                Some(Step::Pong) => {}
                step => return Ok(step),
            }
        }
    }

    /// The next part of a message, or a Pong. `None`: closed in order.
    fn advance(&mut self, want: Want, until: Option<Instant>) -> Result<Option<Step>> {
        if let Some(end) = &self.end {
            return end.clone().map_or(Ok(None), Err);
        }
        if self.link.is_aborted() {
            return Err(self.ended(Error::Closed(Closed::Aborted)));
        }
        if let Some(answer_by) = self.answer_by {
            return self.finish_close(answer_by, until);
        }
        let mut replies_due = false;
        loop {
            let step = match self.inbound.advance(want) {
                Ok(step) => step,
                Err(error) => return Err(self.fail(error, until)),
            };
            match step {
                Step::NeedInput => {
                    replies_due = false;
                    self.hungry = true;
                    self.read_more(until)?;
                    self.hungry = false;
                    continue;
                }
                Step::Ping => {
                    self.link.ping_received(self.inbound.payload());
                    replies_due = true;
                    continue;
                }
                Step::Close(_) => {
                    let answer_by = self.link.close_received(&step);
                    self.answer_by = Some(answer_by);
                    return self.finish_close(answer_by, until);
                }
                Step::Pong => self.link.pong_received(self.inbound.payload()),
                Step::Message => self.link.counters.received(self.inbound.payload().len(), true),
                Step::Piece { last, .. } => self.link.counters.received(self.inbound.payload().len(), last),
            }
            if replies_due {
                // The caller may be busy with the message for a long time.
                self.link.before_wait();
            }
            return Ok(Some(step));
        }
    }

    /// Reads once, waiting if nothing is there. Everything that was to be sent is sent first.
    fn read_more(&mut self, until: Option<Instant>) -> Result<()> {
        let result = self.read_or_wait(until);
        let awaited = self.inbound.awaited();
        if awaited == 0 {
            self.by_segments = false;
        }
        if self.low_water > 1 && (awaited < BULK_MIN || result.is_err()) {
            self.low_water = low_water(&self.link, 1);
        }
        result
    }

    fn read_or_wait(&mut self, until: Option<Instant>) -> Result<()> {
        let link = &*self.link;
        let wake = link.recv_wake.get().map(|wake| &**wake);
        let keepalive = link.config.keepalive;
        // The last wait ended with nothing to read.
        let mut vain = false;
        loop {
            let interrupted = wake.is_some_and(Wake::is_interrupting);
            let Outlook { unsent, close_by, is_cut } = link.before_wait();
            // To be interrupted, or told that sending has failed: what is there comes first.
            let ends = interrupted || is_cut;
            if ends && self.reading_on.get_or_insert_with(Instant::now).elapsed() > READ_ON {
                return Err(self.stopped(interrupted));
            }
            if self.closing_overtime {
                return Err(self.cut());
            }
            if self.overtime {
                return Err(Timeout::of(Phase::Recv));
            }
            let spare = self.holds_spare_memory();
            let awaited = self.inbound.awaited();
            let is_bulk = awaited >= BULK_MIN && !self.by_segments;
            let space = self.inbound.space();
            let alone = wake.is_none() && keepalive.is_none() && !self.unwakeable;
            let unlimited = alone && !ends && !unsent && until.is_none() && close_by.is_none() && !is_bulk;
            let read = if unlimited {
                debug_assert_eq!(self.low_water, 1);
                link.transport.read_blocking(space, spare.then_some(IDLE))
            } else if self.drained && !ends {
                Err(io::ErrorKind::WouldBlock.into())
            } else {
                link.transport.read(space)
            };
            match read {
                Ok(0) => return Err(self.ended(Error::Closed(Closed::Eof))),
                Ok(count) => {
                    // Under a low-water mark, what came while this was copied is taken first: the sleep is longer.
                    self.drained = count < space.len() && self.low_water == 1;
                    // A peer that always has something to say must not make a time limit void.
                    let is_over = |moment: Option<Instant>| moment.is_some_and(|moment| moment <= Instant::now());
                    self.overtime = is_over(until);
                    self.closing_overtime = is_over(close_by);
                    self.inbound.filled(count);
                    self.idle_since = None;
                    link.counters.wire_received(count);
                    if self.discarding {
                        self.pace.passed(count, &*link.transport, unsent);
                    }
                    if keepalive.is_some() {
                        self.heard = Heard { last: Instant::now(), pinged: None };
                    }
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(self.ended(Error::io("receiving", error))),
            }
            if ends {
                if link.transport.has_buffered() {
                    continue;
                }
                return Err(self.stopped(interrupted));
            }
            let now = Instant::now();
            let idle_since = *self.idle_since.get_or_insert(now);
            if spare && (unlimited || now.duration_since(idle_since) >= IDLE) {
                self.inbound.shrink();
                link.shrink();
                link.transport.release_memory();
                self.idle_since = None;
                continue;
            }
            // There is nothing to read for certain: time limits count.
            if vain || !self.drained {
                if link.is_aborted() {
                    return Err(self.ended(Error::Closed(Closed::Aborted)));
                }
                if close_by.is_some_and(|close_by| close_by <= now) {
                    return Err(self.cut());
                }
                // Before the time limit of the call: a loop that never waits inside its calls is to get as far.
                if let Some(keepalive) = keepalive
                    && self.heard.act_at(keepalive) <= now
                {
                    if self.heard.pinged.is_some() {
                        let silent = Error::Closed(Closed::PeerSilent(now.duration_since(self.heard.last)));
                        let _ = link.cut(silent.clone());
                        return Err(self.ended(silent));
                    }
                    self.heard.pinged = Some(now);
                    // Refused only when a Close frame has been sent, and then there is `close_by`.
                    let session = &mut link.gate().session;
                    if !session.ping_is_due() {
                        let _ = session.ping(b"keepalive");
                    }
                    continue;
                }
                if until.is_some_and(|until| until <= now) {
                    return Err(Timeout::of(Phase::Recv));
                }
            }
            self.drained = true;

            let mut wait_until = earliest(until, close_by);
            if let Some(keepalive) = keepalive {
                wait_until = earliest(wait_until, Some(self.heard.act_at(keepalive)));
            }
            if spare {
                wait_until = earliest(wait_until, Some(idle_since + IDLE));
            }
            if self.unwakeable {
                wait_until = earliest(wait_until, Some(now + IDLE));
            }
            if is_bulk && self.low_water != awaited {
                self.low_water = low_water(link, awaited);
                self.by_segments = self.low_water == 1;
            }
            if self.low_water > 1 {
                wait_until = earliest(wait_until, Some(now + BULK_WAIT));
            }
            let interest = Interest { write: unsent, ..Interest::READ };
            let ready = match link.transport.wait(interest, wait_until.into(), wake) {
                Ok(ready) => ready,
                Err(error) => return Err(self.ended(Error::io("waiting to receive", error))),
            };
            vain = !ready.read;
            self.drained = vain;
            if vain && self.low_water > 1 {
                // Something may be there, only less than was asked for.
                self.drained = false;
                if !ready.write && !ready.woken {
                    self.by_segments = true;
                    self.low_water = low_water(link, 1);
                }
            }
        }
    }

    /// Everything that had arrived has been given.
    fn stopped(&mut self, interrupted: bool) -> Error {
        if interrupted {
            self.take_notice();
            return Interrupted::during(Phase::Recv);
        }
        // The reason has been recorded.
        self.ended(Error::Closed(Closed::Eof))
    }

    /// What a wake was set for does not matter any more.
    fn take_notice(&self) {
        if let Some(wake) = self.link.recv_wake.get() {
            wake.take();
        }
    }

    /// The peer's Close frame has come: answers it, and ends the stream as the role demands (RFC 6455 7.1.1).
    /// If `until` passes before the answer is out, the next call goes on with it.
    fn finish_close(&mut self, answer_by: Instant, until: Option<Instant>) -> Result<Option<Step>> {
        self.take_notice();
        let deadline = limit(until, answer_by);
        let mut ending = Ending::at_pace(&self.link, self.pace);
        let written = ending.write_out(deadline);
        self.pace = ending.pace();
        match written {
            progress if progress.is_late() => {
                return Err(if deadline < answer_by { Timeout::of(Phase::Recv) } else { self.cut() });
            }
            Progress::Done if self.role == Role::Server => drop(ending.end_write(deadline)),
            Progress::Done => {
                let eof_by = Instant::now() + EOF_WAIT.min(self.link.config.close_timeout);
                ending.read_out(limit(until, eof_by));
                ending.end_write(deadline);
            }
            // If only the answer is lost, the peer did not wait for it. If more is, that has been recorded.
            _ => {}
        }
        self.end = Some(self.link.end(Ok(())).err());
        self.end.clone().flatten().map_or(Ok(None), Err)
    }

    /// The peer is at fault: tells it so, and gives it time to read that. If `until` passes before that is done,
    /// the next call goes on with it.
    fn fail(&mut self, error: ReceiveError, until: Option<Instant>) -> Error {
        self.take_notice();
        let by = *self.failing.get_or_insert_with(|| self.link.begin_failing(error).min(Instant::now() + LINGER));
        let deadline = limit(until, by);
        let mut ending = Ending::at_pace(&self.link, self.pace);
        let progress = ending.finish(deadline);
        self.pace = ending.pace();
        if progress.is_late() && deadline < by {
            return Timeout::of(Phase::Recv);
        }
        ending.cut_if_late(progress, error.into());
        self.ended(error.into())
    }

    /// The peer did not complete the closing handshake.
    fn cut(&mut self) -> Error {
        let error = Error::Closed(Closed::CloseUnanswered);
        let _ = self.link.cut(error.clone());
        self.ended(error)
    }

    /// Records the error that ends the connection. Gives the one that counts.
    fn ended(&mut self, error: Error) -> Error {
        let error = match self.link.end(Err(error.clone())) {
            Err(first) => first,
            Ok(()) => error,
        };
        self.end = Some(Some(error.clone()));
        error
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.link.receiver_left();
    }
}

impl Heard {
    /// When keepalive has to do something.
    fn act_at(&self, keepalive: Keepalive) -> Instant {
        match self.pinged {
            None => deadline::later(self.last, keepalive.interval),
            Some(pinged) => deadline::later(pinged, keepalive.timeout),
        }
    }
}

fn limit(until: Option<Instant>, deadline: Instant) -> Instant {
    until.map_or(deadline, |until| until.min(deadline))
}

/// What waiting now goes by: `bytes`, or 1 if the transport does not do that.
fn low_water(link: &Link, bytes: usize) -> usize {
    if link.transport.set_low_water(bytes) { bytes } else { 1 }
}
