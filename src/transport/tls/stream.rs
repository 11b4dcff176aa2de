//! TLS as a transport, once the handshake is done.

use super::backend::{Session, TlsBackend};
use super::buffers::{Chunk, Unsent};
use super::failure::{broken, refused};
use super::hello::ServerHello;
use super::info::TlsInfo;
use super::{is_would_block, lock};
use crate::deadline::Deadline;
use crate::error::{Error, TlsError};
use crate::pool::CIPHERTEXT;
use crate::process::DroppedByMaker;
use crate::transport::{Interest, Ready, Transport, Wake};
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// Largest plaintext of a TLS record (RFC 8446 5.1).
const RECORD: usize = 16 << 10;
/// The most plaintext that is encrypted or decrypted while the lock is held once, so that neither direction starves the
/// other.
const PER_LOCK: usize = 64 << 10;
/// More unsent ciphertext than sending alone can produce.
const BACKLOG: usize = 4 * PER_LOCK;

/// TLS over another transport.
///
/// While data flows it has up to 128 KiB of buffers for reading, and takes memory for writing from process-wide pools. An
/// idle connection holds less than 1 KiB, apart from what the platform's library holds: memory for writing is returned
/// as soon as everything is sent, memory for reading after a second without data.
pub struct TlsTransport<T> {
    pub(super) under: T,
    pub(super) stage: Mutex<Chunk>,
    pub(super) unsent: Mutex<Unsent>,
    /// Dropping it takes locks that all connections of a configuration share.
    pub(super) tls: Mutex<DroppedByMaker<Box<dyn Session>>>,
    pub(super) hello: ServerHello,
    pub(super) backend: TlsBackend,
    pub(super) outgoing: Arc<Mutex<Vec<u8>>>,
    /// Why TLS failed, for both directions. The library would report something else the second time.
    pub(super) failed: OnceLock<TlsError>,
    /// The buffers for reading hold memory.
    pub(super) has_spare: AtomicBool,
    /// The last read ended because there was no ciphertext left, so the descriptor shows when there is more.
    pub(super) is_drained: AtomicBool,
    /// `unsent` holds ciphertext that the transport had no room for.
    pub(super) has_unsent: AtomicBool,
    /// It holds so much that the rest must be answers to the peer (key updates). Nothing is read until it has been sent.
    pub(super) has_backlog: AtomicBool,
}

impl<T: Transport> TlsTransport<T> {
    /// Sends pending ciphertext, without waiting.
    fn send_unsent(&self, unsent: &mut Unsent) -> io::Result<()> {
        let result = unsent.send(&self.under);
        self.has_unsent.store(is_would_block(&result), Ordering::SeqCst);
        // After a failure, reading goes on to find how the connection ended.
        let has_backlog = is_would_block(&result) && unsent.data.len() - unsent.start > BACKLOG;
        self.has_backlog.store(has_backlog, Ordering::SeqCst);
        result
    }

    /// Records why TLS failed, unless it had failed before. Returns the first reason.
    fn fail(&self, error: TlsError) -> io::Error {
        Error::Tls(self.failed.get_or_init(|| error).clone()).into()
    }

    fn check(&self) -> io::Result<()> {
        match self.failed.get() {
            Some(error) => Err(Error::Tls(error.clone()).into()),
            None => Ok(()),
        }
    }

    /// Encrypts at most [`PER_LOCK`] bytes into memory and returns how many.
    fn encrypt(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut tls = lock(&self.tls);
        self.check()?;
        // Several small pieces become one record.
        let mut record = Vec::new();
        let mut done = 0;
        let mut bufs = bufs.iter().filter(|buf| !buf.is_empty()).map(|buf| &buf[..]).peekable();
        let mut at: &[u8] = &[];
        while done < PER_LOCK {
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
                // Memory always has room, so the library is waiting for the peer to renegotiate (TLS 1.2).
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
        let end = buf.len().min(PER_LOCK);
        self.is_drained.store(false, Ordering::SeqCst);
        while done < end {
            match tls.read(&mut buf[done..end]) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_drained.store(true, Ordering::SeqCst);
                    return if done > 0 { Ok(done) } else { Err(error) };
                }
                // The stream ended without close_notify. Whether that is an error is for the protocol above to decide.
                Err(_) if tls.buffers().ended => break,
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
                // Messages of TLS itself. If there is no room for them, `wait` sends them.
                let _ = self.flush();
            }
            if !is_would_block(&result) || self.has_backlog.load(Ordering::SeqCst) {
                return result;
            }
            if filled {
                // Ciphertext without plaintext. A peer can send that for ever, and callers have time limits.
                self.is_drained.store(false, Ordering::SeqCst);
                return result;
            }
            filled = true;
            let mut stage = lock(&self.stage);
            self.has_spare.store(true, Ordering::Relaxed);
            let count = stage.fill(&self.under)?;
            let mut tls = lock(&self.tls);
            let buffers = tls.buffers();
            buffers.ended = count == 0;
            std::mem::swap(&mut *stage, &mut buffers.incoming);
        }
    }

    fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let unsent = &mut *lock(&self.unsent);
        self.send_unsent(unsent)?;
        let result = self.encrypt(bufs);
        unsent.collect(&self.outgoing);
        let count = result?;
        match self.send_unsent(unsent) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    fn flush(&self) -> io::Result<()> {
        let unsent = &mut *lock(&self.unsent);
        unsent.collect(&self.outgoing);
        self.send_unsent(unsent)
    }

    fn wait(&self, interest: Interest, deadline: Deadline, wake: Option<&Wake>) -> io::Result<Ready> {
        let has_backlog = self.has_backlog.load(Ordering::SeqCst);
        if interest.read && !has_backlog && self.has_buffered() {
            return Ok(Ready { read: true, woken: wake.is_some_and(Wake::is_set), ..Ready::default() });
        }
        let unsent = self.has_unsent.load(Ordering::SeqCst);
        let under = Interest { read: interest.read && !has_backlog, write: interest.write || unsent };
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
        let unsent = &mut *lock(&self.unsent);
        if !unsent.ended {
            unsent.ended = true;
            // It only fails if TLS has already failed. The stream below is ended all the same.
            lock(&self.tls).close();
        }
        unsent.collect(&self.outgoing);
        self.send_unsent(unsent)?;
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

    fn tls_info(&self) -> Option<TlsInfo> {
        let tls = lock(&self.tls);
        Some(TlsInfo::new(self.backend, self.hello, tls.alpn(), tls.peer_certificates()))
    }

    fn holds_spare_memory(&self) -> bool {
        self.has_spare.load(Ordering::Relaxed) || self.under.holds_spare_memory()
    }

    fn release_memory(&self) {
        self.has_spare.store(false, Ordering::Relaxed);
        // It is empty between two reads.
        lock(&self.stage).release();
        lock(&self.tls).buffers().incoming.release();
        self.under.release_memory();
    }

    fn has_buffered(&self) -> bool {
        !self.is_drained.load(Ordering::SeqCst) || self.under.has_buffered()
    }
}

impl<T: fmt::Debug> fmt::Debug for TlsTransport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").field("under", &self.under).finish_non_exhaustive()
    }
}
