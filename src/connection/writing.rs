//! Writing to the transport, within a turn.

use super::link::Link;
use super::patience::Patience;
use super::turn::Written;
use crate::error::{Closed, Error, Result};
use crate::proto::{OpenFrame, Outbound};
use crate::transport::{CHANGED, Interest, Ready};
use std::io::{self, IoSlice};

/// Masked payloads are written in pieces of this size, so that masking takes little memory and the peer can start reading
/// early; payloads that are not masked are written whole. Each write ends a segment, and each segment costs an
/// acknowledgement and may wake the peer. On loopback a megabyte takes 32 segments with pieces of 64 KiB, 20 with pieces
/// of 256 KiB, and 17 when it is written whole.
const PIECE: usize = 256 << 10;

impl Link {
    /// Writes all that is queued.
    pub(super) fn write_queue(&self, queue: &mut Outbound, patience: &mut Patience) -> Result<Written> {
        while !queue.is_empty() {
            let count = self.write(&[IoSlice::new(queue.pending())], patience)?;
            queue.consume(count);
        }
        self.flush_transport(patience)
    }

    /// Writes a frame whose header is queued, behind `awaited` bytes of messages whose senders are waiting. If the time limit
    /// is reached, the rest of the frame is queued.
    pub(super) fn write_large(
        &self,
        queue: &mut Outbound,
        mut frame: OpenFrame,
        payload: &[IoSlice<'_>],
        mut awaited: usize,
        patience: &mut Patience,
    ) -> Result<Written> {
        let size = if frame.is_masked() { PIECE } else { usize::MAX };
        let mut pieces = payload.iter().flat_map(|part| part.chunks(size));
        while let Some(piece) = pieces.next() {
            let mut direct = piece;
            if frame.is_masked() {
                queue.add(&mut frame, piece);
                direct = &[];
            }
            while !queue.is_empty() || !direct.is_empty() {
                let queued = queue.pending();
                let bufs = [IoSlice::new(queued), IoSlice::new(direct)];
                let bufs = match (queued, direct) {
                    ([], _) => &bufs[1..],
                    (_, []) => &bufs[..1],
                    _ => &bufs[..],
                };
                match self.write(bufs, patience) {
                    Ok(count) => {
                        let from_queue = count.min(queued.len());
                        queue.consume(from_queue);
                        direct = &direct[count - from_queue..];
                        if awaited > 0 {
                            awaited = awaited.saturating_sub(count);
                            self.awaited_left(awaited);
                        }
                    }
                    Err(error) => {
                        queue.add(&mut frame, direct);
                        pieces.for_each(|piece| queue.add(&mut frame, piece));
                        return Err(error);
                    }
                }
            }
        }
        self.flush_transport(patience)
    }

    /// Called when `left` bytes of those messages have not been written yet. Wakes their senders once all have, rather than
    /// at the end of the turn.
    #[cold]
    fn awaited_left(&self, left: usize) {
        if left == 0 && self.transport.flush().is_ok() {
            let woken = self.gate().line.written();
            woken.iter().for_each(|seat| seat.notify_all());
        }
    }

    /// Writes what there is room for.
    pub(super) fn write_available(&self, queue: &mut Outbound) -> Result<Written> {
        while !queue.is_empty() {
            match self.transport.write(&[IoSlice::new(queue.pending())]) {
                Ok(count) => {
                    self.counters.wire_sent(count);
                    queue.consume(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Written::Part),
                Err(error) => return Err(Error::io("sending", error)),
            }
        }
        match self.transport.flush() {
            Ok(()) => Ok(Written::Everything),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Written::Part),
            Err(error) => Err(Error::io("sending", error)),
        }
    }

    fn write(&self, bufs: &[IoSlice<'_>], patience: &mut Patience) -> Result<usize> {
        loop {
            match self.transport.write(bufs) {
                Ok(count) => {
                    patience.progress();
                    self.counters.wire_sent(count);
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_writable(patience)?,
                Err(error) => return Err(Error::io("sending", error)),
            }
        }
    }

    fn flush_transport(&self, patience: &mut Patience) -> Result<Written> {
        loop {
            match self.transport.flush() {
                Ok(()) => return Ok(Written::Everything),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_writable(patience)?,
                Err(error) => return Err(Error::io("sending", error)),
            }
        }
    }

    fn wait_writable(&self, patience: &mut Patience) -> Result<()> {
        if patience.needs_receiver {
            self.make_sender_wakeable();
        }
        if let Some(wake) = self.send_wake.get().filter(|wake| wake.is_set()) {
            // Before looking at what has changed, so that the wait does not miss a later change.
            wake.take_only(CHANGED);
        }
        self.check_interrupt(patience)?;
        if self.is_aborted() {
            return Err(Error::Closed(Closed::Aborted));
        }
        let until = patience.wait_until()?;
        let can_be_woken = patience.interruptible || patience.needs_receiver;
        let wake = self.send_wake.get().map(|wake| &**wake).filter(|_| can_be_woken);
        let ready = self.transport.wait(Interest::WRITE, until, wake);
        if ready.map_err(|error| Error::io("waiting to send", error))? == Ready::default() {
            patience.waited_in_vain();
        }
        Ok(())
    }
}
