//! The outbound queue in the hands of a connection's only thread.
//!
//! To take the gate for each message that is only gathered costs more than all the rest of gathering. So, as long as
//! a connection has not been split, the queue stays with its thread from one `feed` to the next: the thread keeps its
//! turn (see `link.rs`). Every other call puts it back first, above all those that may wait, so nobody waits for it
//! longer than for a program that gathers and does not flush.

use super::link::Link;
use crate::compression::Compress;
use crate::message::Kind;
use crate::proto::Outbound;
use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

/// What a [`WebSocket`](super::WebSocket) has of it. Put back when it is dropped.
pub(super) struct Held {
    link: Arc<Link>,
    /// Never locked: a mutex only so that a connection may be shared.
    place: Mutex<Place>,
}

/// Where the queue is.
#[derive(Default)]
enum Place {
    #[default]
    Home,
    /// At home, and it has to stay there.
    Kept,
    Here(Box<Outbound>),
}

/// The same, lent to both parts of a connection within one thread.
#[derive(Clone, Copy)]
pub(super) struct Hold<'a> {
    link: &'a Link,
    place: &'a Cell<Place>,
}

impl Held {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link, place: Mutex::default() }
    }

    #[inline]
    pub(super) fn hold(&mut self) -> Hold<'_> {
        let place = self.place.get_mut().unwrap_or_else(PoisonError::into_inner);
        Hold { link: &self.link, place: Cell::from_mut(place) }
    }
}

impl Hold<'_> {
    /// Queues a small message that is not to be compressed, if that is all there is to do. `false` if it is not so
    /// simple: [`put_back`](Self::put_back), and send it in the general way.
    #[inline]
    pub(super) fn gather(self, kind: Kind, payload: &[u8], compress: Compress) -> bool {
        // In a forked child, too.
        if self.link.is_aborted() {
            return false;
        }
        let found = match self.place.take() {
            Place::Here(out) => Some(out),
            Place::Home => self.link.take_queue(),
            Place::Kept => {
                self.place.set(Place::Kept);
                return false;
            }
        };
        let Some(mut out) = found else { return false };
        let gathered = self.link.gather(&mut out, kind, payload, compress);
        self.place.set(Place::Here(out));
        gathered
    }

    /// The queue goes home.
    #[inline]
    pub(super) fn put_back(self) {
        match self.place.take() {
            Place::Here(out) => self.link.bring_home(out),
            place => self.place.set(place),
        }
    }

    /// The queue goes home; `stay` is whether it has to stay there until this is called again.
    pub(super) fn keep_home(self, stay: bool) {
        self.put_back();
        self.place.set(if stay { Place::Kept } else { Place::Home });
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.hold().put_back();
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
