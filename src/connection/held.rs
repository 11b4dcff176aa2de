//! The turn that the only thread of a connection keeps from one `feed` to the next.
//!
//! Taking the gate for each gathered message would cost more than the rest of the work. As long as a connection has not
//! been split, its thread therefore keeps its turn. Every other call ends the turn first, in particular those that may
//! wait.

use super::link::Link;
use super::turn::Turn;
use crate::compression::Compress;
use crate::message::Kind;
use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

/// The kept turn of a [`WebSocket`](super::WebSocket).
pub(super) struct Held {
    link: Arc<Link>,
    /// Never locked. It is a mutex only to make `WebSocket` `Sync`.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    turn: Cell<Option<Turn<Arc<Link>>>>,
    /// No turn may be kept at present.
    is_forbidden: Cell<bool>,
}

/// A reference to it, shared by both halves of a connection within one thread.
#[derive(Clone, Copy)]
pub(super) struct Hold<'a> {
    link: &'a Arc<Link>,
    kept: &'a Kept,
}

impl Held {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link, kept: Mutex::default() }
    }

    #[inline]
    pub(super) fn hold(&mut self) -> Hold<'_> {
        Hold { link: &self.link, kept: self.kept.get_mut().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl Hold<'_> {
    /// Queues a small message that is not to be compressed, in a turn that is kept. Returns `false` if that is not possible;
    /// the caller must then [`end`](Self::end) the turn and send the message in the general way.
    #[inline]
    pub(super) fn gather(self, kind: Kind, payload: &[u8], compress: Compress) -> bool {
        // Also true in a forked child.
        if self.link.is_aborted() {
            return false;
        }
        let Some(mut turn) = self.kept.turn.take().or_else(|| self.begin()) else { return false };
        let gathered = self.link.gather(turn.queue(), kind, payload, compress);
        self.kept.turn.set(Some(turn));
        gathered
    }

    #[cold]
    fn begin(self) -> Option<Turn<Arc<Link>>> {
        if self.kept.is_forbidden.get() { None } else { self.link.turn_to_gather() }
    }

    /// Ends the turn, if it is kept.
    #[inline]
    pub(super) fn end(self) {
        if let Some(turn) = self.kept.turn.take() {
            drop(turn);
        }
    }

    /// Ends the turn, if it is kept. It may be kept again.
    #[inline]
    pub(super) fn end_and_allow(self) {
        self.end();
        self.kept.is_forbidden.set(false);
    }

    /// Ends the turn, if it is kept. It may not be kept again until that is [allowed](Self::end_and_allow).
    pub(super) fn end_and_forbid(self) {
        self.end();
        self.kept.is_forbidden.set(true);
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

impl std::fmt::Debug for Hold<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hold")
    }
}
