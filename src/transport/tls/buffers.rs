//! The memory between TLS and the transport.
//!
//! An idle connection holds none of it. Memory for writing returns to a pool as soon as everything is sent; memory for
//! reading is freed by [`Chunk::release`] after a second without data.

use super::hello::Hellos;
use super::lock;
use crate::pool::CIPHERTEXT;
use crate::transport::Transport;
use std::io::{self, IoSlice, Read, Write};
use std::sync::{Arc, Mutex};

/// First and last size of the buffer for received ciphertext.
const STAGE_FIRST: usize = 4 << 10;
const STAGE_MAX: usize = 64 << 10;

/// The memory that TLS reads from and writes to.
#[derive(Debug)]
pub(super) struct Buffers {
    pub(super) incoming: Chunk,
    /// Shared, so that the alert of a failed handshake can still be sent.
    pub(super) outgoing: Arc<Mutex<Vec<u8>>>,
    pub(super) ended: bool,
    /// What passes in the handshake. `None` after it.
    pub(super) hellos: Option<Box<Hellos>>,
}

/// A buffer with received ciphertext in `data[start..end]`. All of `data` is initialised.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) data: Vec<u8>,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Chunk {
    /// Refills an empty chunk. Its buffer grows while reads fill it.
    pub(super) fn fill(&mut self, under: &impl Transport) -> io::Result<usize> {
        if self.end == self.data.len() && self.data.len() < STAGE_MAX {
            self.data.resize((self.data.len() * 4).max(STAGE_FIRST), 0);
        }
        self.start = 0;
        self.end = 0;
        self.end = under.read(&mut self.data)?;
        Ok(self.end)
    }

    /// Frees its memory if it is empty.
    pub(super) fn release(&mut self) {
        if self.start == self.end {
            *self = Self::default();
        }
    }
}

impl Read for Buffers {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let chunk = &mut self.incoming;
        if chunk.start == chunk.end {
            return if self.ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let count = buf.len().min(chunk.end - chunk.start);
        buf[..count].copy_from_slice(&chunk.data[chunk.start..chunk.start + count]);
        if let Some(hellos) = &mut self.hellos {
            hellos.received(&buf[..count]);
        }
        chunk.start += count;
        Ok(count)
    }
}

impl Write for Buffers {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut outgoing = lock(&self.outgoing);
        if outgoing.capacity() == 0 {
            *outgoing = CIPHERTEXT.take();
        }
        outgoing.extend_from_slice(buf);
        if let Some(hellos) = &mut self.hellos {
            hellos.sent(buf);
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ciphertext on its way into the transport.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    pub(super) data: Vec<u8>,
    pub(super) start: usize,
    /// `close_notify` is among what was encrypted.
    pub(super) ended: bool,
}

impl Unsent {
    /// Takes what TLS has written.
    pub(super) fn collect(&mut self, outgoing: &Mutex<Vec<u8>>) {
        let mut outgoing = lock(outgoing);
        if self.data.is_empty() {
            self.data = std::mem::take(&mut outgoing);
        } else {
            self.data.append(&mut outgoing);
        }
    }

    pub(super) fn send(&mut self, under: &impl Transport) -> io::Result<()> {
        while self.start < self.data.len() {
            self.start += under.write(&[IoSlice::new(&self.data[self.start..])])?;
        }
        self.start = 0;
        if !self.data.is_empty() {
            self.data.clear();
            CIPHERTEXT.give(std::mem::take(&mut self.data));
        }
        under.flush()
    }
}
