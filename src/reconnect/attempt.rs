//! One attempt to connect, which goes on when the call that began it has returned. So a program that receives with short
//! time limits gets its connection, however long opening it takes.

use crate::client::Client;
use crate::connection::WebSocket;
use crate::deadline::Deadline;
use crate::error::{Error, Interrupted, Phase, Result, Timeout};
use crate::transport::{CHANGED, INTERRUPT, Wake, wait_for_any};
use crate::uri::Endpoint;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

/// An attempt, made by a helper thread. Dropping it stops the attempt without waiting for the thread.
pub(super) struct Attempt {
    ended: Arc<Ended>,
    stop: Arc<Wake>,
    limit: Deadline,
}

/// How an attempt ends; with a panic if one of the program's functions does.
pub(super) type End = thread::Result<Result<WebSocket>>;

/// What became of an attempt, once `wake` is set.
struct Ended {
    end: Mutex<Option<End>>,
    wake: Wake,
}

impl Ended {
    fn set(&self, end: End) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
        self.wake.set(CHANGED);
    }

    fn take(&self) -> Option<End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Attempt {
    /// Begins to connect. Fails if the system has no descriptor or no thread left.
    pub(super) fn begin(client: &Client, endpoint: &Endpoint) -> Result<Self> {
        let failed = |error| Error::io("beginning to connect", error);
        let ended = Ended { end: Mutex::new(None), wake: Wake::new().map_err(failed)? };
        let (ended, stop) = (Arc::new(ended), Arc::new(Wake::new().map_err(failed)?));
        let limit = Deadline::after(client.handshake_timeout());
        let attempt = Self { ended: Arc::clone(&ended), stop: Arc::clone(&stop), limit };
        let (client, endpoint) = (client.clone(), endpoint.clone());
        let connect = move || {
            ended.set(catch_unwind(AssertUnwindSafe(|| client.connect_stoppable(endpoint, &stop))));
        };
        thread::Builder::new().name("landline-connect".into()).spawn(connect).map_err(failed)?;
        Ok(attempt)
    }

    /// What stops the attempt from another thread.
    pub(super) fn stop(&self) -> Weak<Wake> {
        Arc::downgrade(&self.stop)
    }

    /// When the client's time limit for opening a connection is over.
    pub(super) fn limit(&self) -> Deadline {
        self.limit
    }

    /// Waits until it has ended, and says how, once. An error of the wait leaves the attempt under way.
    pub(super) fn wait(&self, until: Deadline, wake: &Wake) -> Result<End> {
        loop {
            if let Some(end) = self.ended.take() {
                return Ok(end);
            }
            if wake.is_interrupting() {
                wake.take();
                return Err(Interrupted::during(Phase::Recv));
            }
            if until.is_over() {
                return Err(Timeout::of(Phase::Recv));
            }
            wait_for_any(until, &[&self.ended.wake, wake]).map_err(|error| Error::io("connecting", error))?;
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.stop.set(INTERRUPT);
    }
}
