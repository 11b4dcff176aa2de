//! TLS over any transport, through the platform's library (native-tls), usable from two threads at once.
//!
//! A TLS object admits one thread at a time, so it must never wait for the network while it is held. Here it
//! cannot: it reads from and writes to memory ([`Buffers`]). Ciphertext moves between that memory and the
//! transport outside its lock, so that one thread encrypts or decrypts while the other one is in the kernel.
//!
//! ```text
//!   read:   transport --recv--> stage --swap--> incoming --decrypt--> caller
//!                      (reading thread)         (tls lock, at most 64 KiB of plaintext)
//!   write:  caller --encrypt--> outgoing --swap--> unsent --send--> transport
//!                  (tls lock, at most 64 KiB)  (order lock, never waits)
//! ```
//!
//! Lock order: `stage`, then `order`, then `tls`, then `outgoing`. Nothing waits while it holds `order` or
//! `tls`; `stage` belongs to the reading thread. Because writing into memory always succeeds, a TLS write is
//! never half done and never has to be repeated. What reading makes TLS say (key updates, alerts) goes out by the
//! same way in its order.

use super::{Interest, Ready, Transport, Wake};
use crate::error::{Budget, Error, Interrupted, Result, Timeout, TlsError};
use native_tls::{Certificate, HandshakeError, Protocol};
use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Largest plaintext of a TLS record (RFC 8446 5.1).
const RECORD: usize = 16 << 10;
/// Plaintext worked on under one hold of the lock, so that neither direction starves the other.
const TURN: usize = 64 << 10;
/// First and last size of the buffer for received ciphertext.
const STAGE_FIRST: usize = 4 << 10;
const STAGE_MAX: usize = 64 << 10;
/// More unsent ciphertext than sending alone can make.
const CLOGGED: usize = 4 * TURN;

/// A certificate with its private key.
#[derive(Clone)]
pub struct Identity(native_tls::Identity);

impl Identity {
    /// From PEM: the certificate, followed by its intermediates if it has any, and the key in PKCS#8 form.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] when one of them cannot be used. A key that begins with `BEGIN RSA PRIVATE KEY` or
    /// `BEGIN EC PRIVATE KEY` is in an older form; the error says how to convert it.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self> {
        native_tls::Identity::from_pkcs8(certificate, key).map(Self).map_err(|source| {
            let old_form = String::from_utf8_lossy(key).contains(" PRIVATE KEY-----")
                && !String::from_utf8_lossy(key).contains("BEGIN PRIVATE KEY");
            let hint = "the key is not in PKCS#8 form; convert it with: openssl pkcs8 -topk8 -nodes -in KEY";
            tls_error("certificate and key cannot be used", old_form.then_some(hint), source)
        })
    }

    /// The same from files.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] naming the file that cannot be read, and what [`from_pem`](Self::from_pem) gives.
    pub fn from_pem_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self> {
        Self::from_pem(&read_file(certificate.as_ref())?, &read_file(key.as_ref())?)
    }

    /// From a PKCS#12 archive (`.p12`, `.pfx`).
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] when it cannot be used, a wrong password included.
    pub fn from_pkcs12(archive: &[u8], password: &str) -> Result<Self> {
        native_tls::Identity::from_pkcs12(archive, password)
            .map(Self)
            .map_err(|source| tls_error("PKCS#12 archive cannot be used", None, source))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// How a client does TLS. The default: the platform's roots, name and expiry checked, TLS 1.2 at least.
#[derive(Clone)]
pub struct TlsConnector(native_tls::TlsConnector);

impl TlsConnector {
    /// With the defaults.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] when the platform's library cannot be set up.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// To set options.
    #[must_use]
    pub fn builder() -> TlsConnectorBuilder {
        TlsConnectorBuilder { inner: native_tls::TlsConnector::builder(), error: None }
    }

    /// Does the client's TLS handshake over `under`, with the name that the certificate must be for.
    ///
    /// Blocks until it is done, `deadline` passes or `wake` is set.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] when the handshake or the check of the certificate fails, [`Error::Timeout`],
    /// [`Error::Interrupted`], [`Error::Io`].
    pub fn connect<T: Transport>(
        &self,
        server_name: &str,
        under: T,
        deadline: Option<Instant>,
        wake: Option<&Wake>,
    ) -> Result<TlsTransport<T>> {
        handshake(under, deadline, wake, |buffers| self.0.connect(server_name, buffers))
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConnector(..)")
    }
}

/// Options of a [`TlsConnector`].
pub struct TlsConnectorBuilder {
    inner: native_tls::TlsConnectorBuilder,
    error: Option<Error>,
}

impl TlsConnectorBuilder {
    /// Trusts these certificates too: PEM, one or more.
    #[must_use]
    pub fn ca_pem(mut self, pem: &[u8]) -> Self {
        match Certificate::stack_from_pem(pem) {
            Ok(certificates) if certificates.is_empty() => {
                self.error = Some(Error::config("no certificate in the PEM text given as CA"));
            }
            Ok(certificates) => certificates.into_iter().for_each(|certificate| {
                self.inner.add_root_certificate(certificate);
            }),
            Err(source) => self.error = Some(tls_error("CA certificate cannot be used", None, source)),
        }
        self
    }

    /// Trusts the certificates of this PEM file too.
    #[must_use]
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Self {
        match read_file(path.as_ref()) {
            Ok(pem) => self.ca_pem(&pem),
            Err(error) => {
                self.error = Some(error);
                self
            }
        }
    }

    /// Whether the platform's roots are trusted. Default yes; with `false`, only the certificates given here.
    #[must_use]
    pub fn platform_roots(mut self, trust: bool) -> Self {
        self.inner.disable_built_in_roots(!trust);
        self
    }

    /// The certificate to show to a server that asks for one.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.inner.identity(identity.0);
        self
    }

    /// Accepts any certificate: expired, self-signed, for another name. **Whoever sits in between can then read
    /// and change everything.** Default off.
    #[must_use]
    pub fn danger_accept_invalid_certs(mut self, accept: bool) -> Self {
        self.inner.danger_accept_invalid_certs(accept);
        self
    }

    /// Accepts a trusted certificate that is for another name. **Whoever has any trusted certificate can then
    /// read and change everything.** Default off.
    #[must_use]
    pub fn danger_accept_invalid_hostnames(mut self, accept: bool) -> Self {
        self.inner.danger_accept_invalid_hostnames(accept);
        self
    }

    /// Checks the options.
    ///
    /// # Errors
    ///
    /// The first option that cannot be used.
    pub fn build(mut self) -> Result<TlsConnector> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.inner.min_protocol_version(Some(Protocol::Tlsv12));
        let connector = self.inner.build().map_err(|source| tls_error("TLS cannot be set up", None, source))?;
        Ok(TlsConnector(connector))
    }
}

impl fmt::Debug for TlsConnectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnectorBuilder").field("error", &self.error).finish_non_exhaustive()
    }
}

/// How a server does TLS, with one identity: version 1.2, and 1.3 where the platform's library offers it to
/// servers (native-tls over OpenSSL does not).
#[derive(Clone)]
pub struct TlsAcceptor(native_tls::TlsAcceptor);

impl TlsAcceptor {
    /// A server's TLS with this certificate.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] when the platform's library cannot use it.
    pub fn new(identity: Identity) -> Result<Self> {
        native_tls::TlsAcceptor::builder(identity.0)
            .min_protocol_version(Some(Protocol::Tlsv12))
            .build()
            .map(Self)
            .map_err(|source| tls_error("TLS cannot be set up", None, source))
    }

    /// Does the server's TLS handshake over `under`.
    ///
    /// Blocks until it is done, `deadline` passes or `wake` is set.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] when the handshake fails, [`Error::Timeout`], [`Error::Interrupted`], [`Error::Io`].
    pub fn accept<T: Transport>(
        &self,
        under: T,
        deadline: Option<Instant>,
        wake: Option<&Wake>,
    ) -> Result<TlsTransport<T>> {
        handshake(under, deadline, wake, |buffers| self.0.accept(buffers))
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsAcceptor(..)")
    }
}

fn tls_error(doing: &'static str, text: Option<&'static str>, source: native_tls::Error) -> Error {
    Error::Tls(TlsError { doing, text, source: Some(Arc::new(source)) })
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::config(format!("cannot read {}: {error}", path.display())))
}

/// TLS over another transport.
pub struct TlsTransport<T> {
    under: T,
    stage: Mutex<Chunk>,
    order: Mutex<Unsent>,
    tls: Mutex<native_tls::TlsStream<Buffers>>,
    outgoing: Arc<Mutex<Vec<u8>>>,
    /// The last read ended because there was no ciphertext left, so that waiting for the descriptor is right.
    drained: AtomicBool,
    /// `order` holds ciphertext that the transport had no room for.
    unsent: AtomicBool,
    /// So much of it that it can only come from answers to the peer (key updates): nothing is read meanwhile.
    clogged: AtomicBool,
}

/// The memory that TLS reads from and writes to.
#[derive(Debug)]
struct Buffers {
    incoming: Chunk,
    /// Outside, so that the alert of a failed handshake can still be sent.
    outgoing: Arc<Mutex<Vec<u8>>>,
    ended: bool,
}

/// A buffer with received ciphertext in `data[start..end]`; `data` stays initialised.
#[derive(Debug, Default)]
struct Chunk {
    data: Vec<u8>,
    start: usize,
    end: usize,
}

impl Chunk {
    /// Refills an empty chunk. Its buffer grows while reads fill it.
    fn fill(&mut self, under: &impl Transport) -> io::Result<usize> {
        if self.end == self.data.len() && self.data.len() < STAGE_MAX {
            self.data.resize((self.data.len() * 4).max(STAGE_FIRST), 0);
        }
        self.start = 0;
        self.end = 0;
        self.end = under.read(&mut self.data)?;
        Ok(self.end)
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
        chunk.start += count;
        Ok(count)
    }
}

impl Write for Buffers {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        lock(&self.outgoing).extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ciphertext on its way into the transport.
#[derive(Debug, Default)]
struct Unsent {
    data: Vec<u8>,
    start: usize,
    /// To make one record of several small pieces.
    record: Vec<u8>,
    /// `close_notify` is among what was encrypted.
    ended: bool,
}

impl Unsent {
    /// Takes over what TLS has written.
    fn collect(&mut self, outgoing: &Mutex<Vec<u8>>) {
        let mut outgoing = lock(outgoing);
        if self.data.is_empty() {
            std::mem::swap(&mut self.data, &mut outgoing);
        } else {
            self.data.append(&mut outgoing);
        }
    }

    fn send(&mut self, under: &impl Transport) -> io::Result<()> {
        while self.start < self.data.len() {
            self.start += under.write(&[IoSlice::new(&self.data[self.start..])])?;
        }
        self.data.clear();
        self.start = 0;
        under.flush()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_would_block<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl<T: Transport> TlsTransport<T> {
    /// Sends what waits to be sent, without waiting.
    fn send_unsent(&self, order: &mut Unsent) -> io::Result<()> {
        let result = order.send(&self.under);
        self.unsent.store(is_would_block(&result), Ordering::SeqCst);
        self.clogged.store(order.data.len() - order.start > CLOGGED, Ordering::SeqCst);
        result
    }

    /// Encrypts at most [`TURN`] bytes into memory: how many.
    fn encrypt(&self, bufs: &[IoSlice<'_>], record: &mut Vec<u8>) -> io::Result<usize> {
        let mut tls = lock(&self.tls);
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
                return Err(io::Error::other("peer asked for TLS renegotiation, which is refused"));
            }
            result?;
            done += piece.len();
        }
        Ok(done)
    }

    fn decrypt(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut tls = lock(&self.tls);
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
                Err(_) if done > 0 => break,
                // Without close_notify; whether that is right is for the protocol above to say.
                Err(_) if tls.get_ref().ended => break,
                Err(error) => return Err(error),
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
        let mut record = std::mem::take(&mut order.record);
        let result = self.encrypt(bufs, &mut record);
        order.record = record;
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

    fn wait(&self, interest: Interest, deadline: Option<Instant>, wake: Option<&Wake>) -> io::Result<Ready> {
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

    fn has_buffered(&self) -> bool {
        !self.drained.load(Ordering::SeqCst) || self.under.has_buffered()
    }
}

impl<T: fmt::Debug> fmt::Debug for TlsTransport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").field("under", &self.under).finish_non_exhaustive()
    }
}

/// Moves the handshake's bytes, waiting for the transport in between.
fn handshake<T: Transport>(
    under: T,
    deadline: Option<Instant>,
    wake: Option<&Wake>,
    start: impl FnOnce(Buffers) -> Result<native_tls::TlsStream<Buffers>, HandshakeError<Buffers>>,
) -> Result<TlsTransport<T>> {
    let outgoing = Arc::new(Mutex::new(Vec::new()));
    let mut unsent = Unsent::default();
    let mut stage = Chunk::default();
    let wait = |interest| match under.wait(interest, deadline, wake) {
        Err(error) => Err(Error::io("waiting for the TLS handshake", error)),
        Ok(_) if wake.is_some_and(Wake::is_set) => Err(Error::Interrupted(Interrupted::default())),
        Ok(_) if super::remaining(deadline) == Some(Duration::ZERO) => Err(Timeout::of(Budget::Tls)),
        Ok(_) => Ok(()),
    };
    let send = |unsent: &mut Unsent| loop {
        unsent.collect(&outgoing);
        match unsent.send(&under) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(Interest::WRITE)?,
            Err(error) => return Err(Error::io("sending the TLS handshake", error)),
        }
    };

    let late = || super::remaining(deadline) == Some(Duration::ZERO);
    let buffers = Buffers { incoming: Chunk::default(), outgoing: Arc::clone(&outgoing), ended: false };
    // Records begin with one of four types (RFC 8446 5.1); anything else is another protocol.
    let mut first_byte = None;
    let mut progress = start(buffers);
    let tls = loop {
        let sent = send(&mut unsent);
        let mut middle = match progress {
            Ok(tls) => {
                sent?;
                break tls;
            }
            Err(HandshakeError::Failure(source)) => {
                let hint = if first_byte.is_some_and(|byte| !(20..=23).contains(&byte)) {
                    Some("the other end does not speak TLS; use ws:// if it is meant to be plain")
                } else if ["self-signed", "local issuer"].iter().any(|cause| source.to_string().contains(cause)) {
                    Some("trust its issuer with ca_file or ca_pem, if this is the right server")
                } else {
                    None
                };
                return Err(tls_error("TLS handshake failed", hint, source));
            }
            Err(HandshakeError::WouldBlock(middle)) => middle,
        };
        sent?;
        if late() {
            return Err(Timeout::of(Budget::Tls));
        }
        if middle.get_ref().ended {
            let text = Some("peer ended the connection in the middle of it");
            return Err(Error::Tls(TlsError { doing: "TLS handshake failed", text, source: None }));
        }
        let count = loop {
            match stage.fill(&under) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(Interest::READ)?,
                Err(error) => return Err(Error::io("receiving the TLS handshake", error)),
                Ok(count) => break count,
            }
        };
        first_byte = first_byte.or(stage.data[..count].first().copied());
        let buffers = middle.get_mut();
        buffers.ended = count == 0;
        std::mem::swap(&mut stage, &mut buffers.incoming);
        progress = middle.handshake();
    };
    Ok(TlsTransport {
        under,
        stage: Mutex::new(stage),
        order: Mutex::new(unsent),
        tls: Mutex::new(tls),
        outgoing,
        drained: AtomicBool::new(false),
        unsent: AtomicBool::new(false),
        clogged: AtomicBool::new(false),
    })
}
