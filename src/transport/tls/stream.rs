//! TLS as a transport, once the handshake is done.

use super::buffers::{Buffers, Chunk, Unsent};
use super::failure::{broken, refused};
use super::{is_would_block, lock};
use crate::deadline::Deadline;
use crate::error::{Error, TlsError};
use crate::pool::CIPHERTEXT;
use crate::process::DroppedByMaker;
use crate::transport::{Interest, Ready, Transport, Wake};
use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// Largest plaintext of a TLS record (RFC 8446 5.1).
const RECORD: usize = 16 << 10;
/// Plaintext worked on under one hold of the lock, so that neither direction starves the other.
const TURN: usize = 64 << 10;
/// More unsent ciphertext than sending alone can make.
const CLOGGED: usize = 4 * TURN;

/// TLS over another transport.
///
/// While data flows it has up to 128 KiB of buffers for reading, and for writing what process-wide pools lend it. An idle
/// connection holds less than 1 KiB, besides what the platform's library does: memory for writing is given back as soon
/// as all is sent, memory for reading after a second without data.
pub struct TlsTransport<T> {
    pub(super) under: T,
    pub(super) stage: Mutex<Chunk>,
    pub(super) order: Mutex<Unsent>,
    /// Dropped, it takes locks of what all connections of a configuration share.
    pub(super) tls: Mutex<DroppedByMaker<native_tls::TlsStream<Buffers>>>,
    pub(super) outgoing: Arc<Mutex<Vec<u8>>>,
    /// Why TLS cannot go on, in either direction. The library would say something else the second time.
    pub(super) failed: OnceLock<TlsError>,
    /// The buffers for reading hold memory.
    pub(super) spare: AtomicBool,
    /// The last read ended because there was no ciphertext left, so that waiting for the descriptor is right.
    pub(super) drained: AtomicBool,
    /// `order` holds ciphertext that the transport had no room for.
    pub(super) unsent: AtomicBool,
    /// So much of it that it can only come from answers to the peer (key updates): nothing is read meanwhile.
    pub(super) clogged: AtomicBool,
}

impl<T: Transport> TlsTransport<T> {
    /// Sends what waits to be sent, without waiting.
    fn send_unsent(&self, order: &mut Unsent) -> io::Result<()> {
        let result = order.send(&self.under);
        self.unsent.store(is_would_block(&result), Ordering::SeqCst);
        self.clogged.store(order.data.len() - order.start > CLOGGED, Ordering::SeqCst);
        result
    }

    /// Remembers why TLS failed, unless it had already failed; gives the first reason.
    fn fail(&self, error: TlsError) -> io::Error {
        Error::Tls(self.failed.get_or_init(|| error).clone()).into()
    }

    fn check(&self) -> io::Result<()> {
        match self.failed.get() {
            Some(error) => Err(Error::Tls(error.clone()).into()),
            None => Ok(()),
        }
    }

    /// Encrypts at most [`TURN`] bytes into memory: how many.
    fn encrypt(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut tls = lock(&self.tls);
        self.check()?;
        // To make one record of several small pieces.
        let mut record = Vec::new();
        let mut done = 0;
        let mut bufs = bufs.iter().filter(|buf| !buf.is_empty()).map(|buf| &buf[..]).peekable();
        let mut at: &[u8] = &[];
        while done < TURN {
            if at.is_empty() {
                let Some(next) = bufs.next() else { break };
                at = next;
            }
            let piece = if at.len() >= RECORD || bufs.peek().is_none() {
                let (piece, rest) = at.split_at(at.len().min(RECORD));
                at = rest;
                piece
            } else {
                if record.capacity() == 0 {
                    record = CIPHERTEXT.take();
                }
                record.clear();
                while record.len() < RECORD {
                    if at.is_empty() {
                        let Some(next) = bufs.next() else { break };
                        at = next;
                    }
                    let (piece, rest) = at.split_at(at.len().min(RECORD - record.len()));
                    record.extend_from_slice(piece);
                    at = rest;
                }
                &record[..]
            };
            let result = tls.write_all(piece);
            if is_would_block(&result) {
                // Memory has room: it waits for the peer in the middle of a renegotiation (TLS 1.2).
                return Err(self.fail(refused("peer asked for TLS renegotiation, which is refused")));
            }
            result.map_err(|error| self.fail(broken(error)))?;
            done += piece.len();
        }
        if record.capacity() > 0 {
            record.clear();
            CIPHERTEXT.give(record);
        }
        Ok(done)
    }

    fn decrypt(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut tls = lock(&self.tls);
        self.check()?;
        let mut done = 0;
        let end = buf.len().min(TURN);
        self.drained.store(false, Ordering::SeqCst);
        while done < end {
            match tls.read(&mut buf[done..end]) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.drained.store(true, Ordering::SeqCst);
                    return if done > 0 { Ok(done) } else { Err(error) };
                }
                // Without close_notify; whether that is right is for the protocol above to say.
                Err(_) if tls.get_ref().ended => break,
                Err(error) => {
                    let error = self.fail(broken(error));
                    return if done > 0 { Ok(done) } else { Err(error) };
                }
            }
        }
        Ok(done)
    }
}

impl<T: Transport> Transport for TlsTransport<T> {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = false;
        loop {
            let result = self.decrypt(buf);
            if !lock(&self.outgoing).is_empty() {
                // What TLS itself has to say; if there is no room, `wait` sees to it.
                let _ = self.flush();
            }
            if !is_would_block(&result) || self.clogged.load(Ordering::SeqCst) {
                return result;
            }
            if filled {
                // Ciphertext without plaintext: a peer can go on with that for ever, and callers have time limits.
                self.drained.store(false, Ordering::SeqCst);
                return result;
            }
            filled = true;
            let mut stage = lock(&self.stage);
            self.spare.store(true, Ordering::Relaxed);
            let count = stage.fill(&self.under)?;
            let mut tls = lock(&self.tls);
            let buffers = tls.get_mut();
            buffers.ended = count == 0;
            std::mem::swap(&mut *stage, &mut buffers.incoming);
        }
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let order = &mut *lock(&self.order);
        self.send_unsent(order)?;
        let result = self.encrypt(bufs);
        order.collect(&self.outgoing);
        let count = result?;
        match self.send_unsent(order) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    fn flush(&self) -> io::Result<()> {
        let order = &mut *lock(&self.order);
        order.collect(&self.outgoing);
        self.send_unsent(order)
    }

    fn wait(&self, interest: Interest, deadline: Deadline, wake: Option<&Wake>) -> io::Result<Ready> {
        let clogged = self.clogged.load(Ordering::SeqCst);
        if interest.read && !clogged && self.has_buffered() {
            return Ok(Ready { read: true, woken: wake.is_some_and(Wake::is_set), ..Ready::default() });
        }
        let unsent = self.unsent.load(Ordering::SeqCst);
        let under = Interest { read: interest.read && !clogged, write: interest.write || unsent };
        let ready = self.under.wait(under, deadline, wake)?;
        if ready.write && !interest.write {
            match self.flush() {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        Ok(Ready { write: ready.write && interest.write, ..ready })
    }

    fn close_write(&self) -> io::Result<()> {
        let order = &mut *lock(&self.order);
        if !order.ended {
            order.ended = true;
            // It can only fail because TLS has already failed; the stream below is ended all the same.
            let _ = lock(&self.tls).shutdown();
        }
        order.collect(&self.outgoing);
        self.send_unsent(order)?;
        self.under.close_write()
    }

    fn abort(&self) {
        self.under.abort();
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.under.peer_addr()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.under.local_addr()
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.under.as_fd()
    }

    fn holds_spare_memory(&self) -> bool {
        self.spare.load(Ordering::Relaxed) || self.under.holds_spare_memory()
    }

    fn release_memory(&self) {
        self.spare.store(false, Ordering::Relaxed);
        // Between two reads nothing is in it.
        lock(&self.stage).release();
        lock(&self.tls).get_mut().incoming.release();
        self.under.release_memory();
    }

    fn has_buffered(&self) -> bool {
        !self.drained.load(Ordering::SeqCst) || self.under.has_buffered()
    }
}

impl<T: fmt::Debug> fmt::Debug for TlsTransport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").field("under", &self.under).finish_non_exhaustive()
    }
}
