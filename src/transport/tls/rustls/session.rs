//! A connection of rustls over [`Buffers`], during the handshake and after it.

use super::super::backend::{Handshake, Progress, Session};
use super::super::buffers::Buffers;
use super::failure;
use rustls::Connection;
use std::io::{self, Read, Write};

struct Stream {
    connection: Connection,
    buffers: Buffers,
    /// Why it failed. What was decrypted before that is still read.
    failed: Option<rustls::Error>,
}

pub(super) fn begin(mut connection: Connection, buffers: Buffers) -> Progress {
    // It is written to the buffers at once, which have no limit of their own.
    connection.set_buffer_limit(None);
    Box::new(Stream { connection, buffers, failed: None }).proceed()
}

impl Stream {
    /// Takes what the connection has to send.
    fn collect(&mut self) {
        while self.connection.wants_write() {
            if !matches!(self.connection.write_tls(&mut self.buffers), Ok(1..)) {
                break;
            }
        }
    }

    /// Gives the connection more of what has been received. `false` if there is no more.
    fn take(&mut self) -> bool {
        if self.failed.is_some() || !matches!(self.connection.read_tls(&mut self.buffers), Ok(1..)) {
            return false;
        }
        self.failed = self.connection.process_new_packets().err();
        // An alert, if it has failed.
        self.collect();
        true
    }
}

impl Handshake for Stream {
    fn buffers(&mut self) -> &mut Buffers {
        &mut self.buffers
    }

    fn proceed(mut self: Box<Self>) -> Progress {
        loop {
            self.collect();
            if let Some(source) = self.failed {
                return Progress::Failed(failure(source));
            }
            if !self.connection.is_handshaking() {
                return Progress::Done(self);
            }
            if !self.take() {
                return Progress::Blocked(self);
            }
        }
    }
}

impl Session for Stream {
    fn buffers(&mut self) -> &mut Buffers {
        &mut self.buffers
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if !self.take() {
                return match &self.failed {
                    Some(error) => Err(io::Error::other(error.clone())),
                    None if self.buffers.ended => Err(io::ErrorKind::UnexpectedEof.into()),
                    None => Err(io::ErrorKind::WouldBlock.into()),
                };
            }
        }
    }

    fn write_all(&mut self, plaintext: &[u8]) -> io::Result<()> {
        if let Some(error) = &self.failed {
            return Err(io::Error::other(error.clone()));
        }
        self.connection.writer().write_all(plaintext)?;
        self.collect();
        Ok(())
    }

    fn close(&mut self) {
        self.connection.send_close_notify();
        self.collect();
    }

    fn peer_certificates(&self) -> Vec<Vec<u8>> {
        let certificates = self.connection.peer_certificates().unwrap_or_default();
        certificates.iter().map(|certificate| certificate.to_vec()).collect()
    }

    fn alpn(&self) -> Option<Vec<u8>> {
        self.connection.alpn_protocol().map(<[u8]>::to_vec)
    }
}
