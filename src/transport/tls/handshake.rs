//! The TLS handshake of both roles.

use super::backend::{Progress, TlsBackend};
use super::buffers::{Buffers, Chunk, Unsent};
use super::failure::{Expected, handshake_ended, handshake_failed, no_hello};
use super::stream::TlsTransport;
use crate::deadline::Deadline;
use crate::error::{Error, Interrupted, Phase, Result, Timeout};
use crate::process::DroppedByMaker;
use crate::transport::{Interest, Transport, Wake};
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};

/// Moves the handshake's bytes, waiting for the transport in between.
pub(super) fn handshake<T: Transport>(
    under: T,
    deadline: Deadline,
    wake: Option<&Wake>,
    backend: TlsBackend,
    expected: Expected<'_>,
    start: impl FnOnce(Buffers) -> Progress,
) -> Result<TlsTransport<T>> {
    let outgoing = Arc::new(Mutex::new(Vec::new()));
    let mut unsent = Unsent::default();
    let mut stage = Chunk::default();
    let wait = |interest| match under.wait(interest, deadline, wake) {
        Err(error) => Err(Error::io("waiting for the TLS handshake", error)),
        Ok(_) if wake.is_some_and(Wake::is_interrupting) => Err(Interrupted::during(Phase::Tls)),
        Ok(_) if deadline.is_over() => Err(Timeout::of(Phase::Tls)),
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

    let buffers = Buffers {
        incoming: Chunk::default(),
        outgoing: Arc::clone(&outgoing),
        ended: false,
        hellos: Some(Box::default()),
    };
    // Records begin with one of four types (RFC 8446 5.1); anything else is another protocol.
    let mut first_byte = None;
    let mut ended = false;
    let mut progress = start(buffers);
    let tls = loop {
        let sent = send(&mut unsent);
        let mut middle = match progress {
            Progress::Done(tls) => {
                sent?;
                break tls;
            }
            // The library's own error says no more than that.
            Progress::Failed(_) if ended => return Err(handshake_ended()),
            Progress::Failed(failure) => {
                let is_other = first_byte.is_some_and(|byte| !(20..=23).contains(&byte));
                return Err(handshake_failed(failure, expected, is_other));
            }
            Progress::Blocked(middle) => middle,
        };
        sent?;
        if deadline.is_over() {
            return Err(Timeout::of(Phase::Tls));
        }
        if ended {
            return Err(handshake_ended());
        }
        let count = loop {
            match stage.fill(&under) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(Interest::READ)?,
                Err(error) => return Err(Error::io("receiving the TLS handshake", error)),
                Ok(count) => break count,
            }
        };
        first_byte = first_byte.or(stage.data[..count].first().copied());
        let buffers = middle.buffers();
        ended = count == 0;
        buffers.ended = ended;
        std::mem::swap(&mut stage, &mut buffers.incoming);
        progress = middle.proceed();
    };
    let mut tls = tls;
    let buffers = tls.buffers();
    buffers.incoming.release();
    let hello = buffers.hellos.take().and_then(|hellos| hellos.server).ok_or_else(no_hello)?;
    Ok(TlsTransport {
        under,
        stage: Mutex::default(),
        unsent: Mutex::new(unsent),
        tls: Mutex::new(DroppedByMaker::new(tls)),
        hello,
        backend,
        outgoing,
        failed: OnceLock::new(),
        has_spare: AtomicBool::new(true),
        is_drained: AtomicBool::new(false),
        has_unsent: AtomicBool::new(false),
        has_backlog: AtomicBool::new(false),
    })
}
