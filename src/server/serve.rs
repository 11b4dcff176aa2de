//! A server with a thread for each connection.

use super::listener::{Incoming, Listener};
use super::{ListenAddress, ServerBuilder};
use crate::close::CloseCode;
use crate::connection::{Link, WebSocket};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::process::Process;
use crate::proto::handshake::Rejection;
use crate::transport::{Interest, Wake, wait_fd};
use std::collections::HashMap;

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// How long to wait before trying again when the process has run out of descriptors, memory or threads.
const BACKOFF: Duration = Duration::from_millis(100);
/// How many clients over the limit are being refused at a time. Further ones are dropped.
const MAX_REFUSALS: usize = 32;
/// How long handlers have to return after their connections have been cut.
const AFTER_CUT: Duration = Duration::from_secs(1);

/// A server that runs a handler in a thread of its own for each connection.
///
/// ```
/// # fn main() -> landline::Result<()> {
/// let server = landline::Server::bind("127.0.0.1:0")?;
/// let url = format!("ws://{}", server.local_addr().unwrap());
/// let stop = server.stop_handle();
/// let serving = std::thread::spawn(move || {
///     server.serve(|mut ws| {
///         while let Ok(Some(message)) = ws.recv() {
///             if ws.send(message).is_err() {
///                 break;
///             }
///         }
///     })
/// });
///
/// let mut ws = landline::connect(&url)?;
/// ws.send("echo")?;
/// assert_eq!(ws.recv()?, Some(landline::Message::Text("echo".into())));
/// stop.stop(std::time::Duration::from_secs(5));
/// serving.join().unwrap()
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    listener: Arc<Listener>,
    shared: Arc<Shared>,
}

/// Stops a [`Server`] from another thread.
///
/// ```
/// use std::time::Duration;
///
/// let server = landline::Server::bind("127.0.0.1:0")?;
/// let stop = server.stop_handle();
/// let serving = std::thread::spawn(move || server.serve(|ws| drop(ws)));
/// // Connections are closed with 1001, and cut if they are still there after 5 s.
/// let stopped = stop.stop(Duration::from_secs(5));
/// assert_eq!((stopped.finished, stopped.cut), (0, 0));
/// serving.join().unwrap()?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StopHandle {
    shared: Arc<Shared>,
}

/// How the connections ended when a server was stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Stopped {
    /// Connections whose handlers returned within the grace period.
    pub finished: usize,
    /// Connections that were cut at its end.
    pub cut: usize,
}

/// What the accepting thread, the connections and the stop handles share.
#[derive(Debug)]
struct Shared {
    made_in: Process,
    state: Mutex<State>,
    /// Signals that a connection or `serve` has ended.
    changed: Condvar,
    /// To stop it. Gone once `serve` has closed it.
    listener: Weak<Listener>,
    /// The listener's, which is set when the server stops and remains set. It also ends opening handshakes.
    stop: Arc<Wake>,
}

#[derive(Debug, Default)]
struct State {
    serving: bool,
    stopping: bool,
    /// The grace period is over: connections are being cut.
    cut: bool,
    next: u64,
    /// Every connection, from when it is accepted until its thread ends; without a link during the opening handshake.
    connections: HashMap<u64, Option<Weak<Link>>>,
    refusals: usize,
}

impl Server {
    /// Binds to a TCP address with the default options, where port 0 takes a free one, or to a Unix socket, such as
    /// `"ws+unix:/run/feed.sock"`.
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::bind`].
    pub fn bind(address: impl ListenAddress) -> Result<Self> {
        Self::builder().bind(address)
    }

    /// Returns a builder with the default options.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    pub(super) fn over(listener: Listener) -> Self {
        let listener = Arc::new(listener);
        let shared = Shared {
            made_in: Process::current(),
            state: Mutex::default(),
            changed: Condvar::new(),
            listener: Arc::downgrade(&listener),
            stop: Arc::clone(listener.stopped()),
        };
        Self { listener, shared: Arc::new(shared) }
    }

    /// The address that it listens on; `None` for a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.local_addr()
    }

    /// A handle to stop it from another thread.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle { shared: Arc::clone(&self.shared) }
    }

    /// Serves clients until [stopped](StopHandle::stop).
    ///
    /// Each client gets a thread, in which the opening handshake is performed within its deadline and then `handler`
    /// runs. Invalid requests, and clients over the limit, are answered with the appropriate HTTP error. When the
    /// handler returns, a connection that is still open is closed with 1000; when it panics, with 1011, and the other
    /// connections are not affected. A connection that the handler has passed to another thread is closed too: that
    /// thread can receive what the client still sends, which also completes the closing handshake. When the process
    /// runs out of descriptors, memory or threads, new clients wait.
    ///
    /// Blocks until the server has been stopped and the handlers have returned.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the listening socket fails permanently; open connections are not affected.
    pub fn serve<F>(self, handler: F) -> Result<()>
    where
        F: Fn(WebSocket) + Send + Sync + 'static,
    {
        self.listener.check_process()?;
        let handler = Arc::new(handler);
        self.shared.lock().serving = true;
        let result = self.accept_all(&handler);
        let Self { listener, shared } = self;
        if result.is_ok() {
            // Before waiting for the handlers, so that no client can connect to a server that no longer accepts.
            drop(listener);
            shared.wait_for_handlers();
        }
        shared.lock().serving = false;
        shared.changed.notify_all();
        result
    }

    fn accept_all<F>(&self, handler: &Arc<F>) -> Result<()>
    where
        F: Fn(WebSocket) + Send + Sync + 'static,
    {
        loop {
            match self.listener.accept_until(Deadline::NEVER, &self.shared.stop) {
                Ok(incoming) => self.start(incoming, handler),
                Err(Error::Interrupted(_)) => return Ok(()),
                Err(error) if is_shortage(&error) => {
                    log::warn!("cannot accept: {error:#}; new clients wait");
                    self.back_off();
                }
                Err(error) if is_about_one_client(&error) => log::debug!("{error:#}"),
                Err(error) => return Err(error),
            }
        }
    }

    fn back_off(&self) {
        let _ = wait_fd(self.shared.stop.as_fd(), Interest::READ, Deadline::after(BACKOFF), None);
    }

    fn start<F>(&self, incoming: Incoming, handler: &Arc<F>)
    where
        F: Fn(WebSocket) + Send + Sync + 'static,
    {
        let options = &self.listener.options;
        match self.slot(options.max_connections) {
            Some(slot) => self.start_thread(slot, incoming, handler),
            None => log::warn!("more than {} connections: a client was dropped", options.max_connections),
        }
    }

    /// Reserves a place for a client, either as a connection or to refuse it.
    fn slot(&self, max_connections: usize) -> Option<Slot> {
        let mut state = self.shared.lock();
        let id = if state.connections.len() < max_connections {
            let id = state.next;
            state.next += 1;
            state.connections.insert(id, None);
            Some(id)
        } else if state.refusals < MAX_REFUSALS {
            state.refusals += 1;
            None
        } else {
            return None;
        };
        Some(Slot { shared: Arc::clone(&self.shared), id })
    }

    /// Keeps the client until a thread can be started for it. All others stay in the backlog.
    fn start_thread<F>(&self, slot: Slot, incoming: Incoming, handler: &Arc<F>)
    where
        F: Fn(WebSocket) + Send + Sync + 'static,
    {
        // Not in the thread's closure, which is lost if the thread cannot be started.
        let held = Arc::new(Mutex::new(Some((slot, incoming))));
        loop {
            let (theirs, handler) = (Arc::clone(&held), Arc::clone(handler));
            let run = move || {
                let taken = theirs.lock().unwrap_or_else(PoisonError::into_inner).take();
                drop(theirs);
                if let Some((slot, incoming)) = taken {
                    slot.run(incoming, &*handler);
                }
            };
            let stack_size = self.listener.options.stack_size;
            match thread::Builder::new().name("landline connection".into()).stack_size(stack_size).spawn(run) {
                Ok(_) => return,
                Err(_) if self.shared.stop.is_set() => return,
                Err(error) => {
                    log::warn!("cannot start a thread for a client: {error}; new clients wait");
                    self.back_off();
                }
            }
        }
    }
}

/// A connection's place among those that are counted, until its thread ends.
struct Slot {
    shared: Arc<Shared>,
    /// `None` for a client over the limit, which is refused.
    id: Option<u64>,
}

impl Slot {
    fn run(&self, incoming: Incoming, handler: &impl Fn(WebSocket)) {
        let Some(ws) = self.open(incoming) else { return };
        let link = ws.link();
        link.finish(handle(handler, ws));
    }

    /// Performs the opening handshake. Separate from the handler, so that their stack frames do not add up.
    #[inline(never)]
    fn open(&self, incoming: Incoming) -> Option<WebSocket> {
        let opened = incoming.request().and_then(|mut request| match self.id {
            Some(_) => request.accept(),
            None => {
                let rejection = Rejection::unavailable();
                request.refuse(&rejection, &self.shared.stop);
                Err(rejection.into())
            }
        });
        let ws = match opened {
            Ok(ws) => ws,
            Err(error) => {
                log::debug!("no connection: {error:#}");
                return None;
            }
        };
        let link = ws.link();
        let (stopping, cut) = {
            let mut state = self.shared.lock();
            if let Some(id) = self.id {
                state.connections.insert(id, Some(Arc::downgrade(&link)));
            }
            (state.stopping, state.cut)
        };
        if cut {
            link.abort();
        } else if stopping {
            // The stop handle may have collected the links before this one was in the table.
            link.go_away(Deadline::after(BACKOFF));
        }
        Some(ws)
    }
}

/// Runs the handler. Returns the code with which to close the connection if it is still open.
#[inline(never)]
fn handle(handler: &impl Fn(WebSocket), ws: WebSocket) -> CloseCode {
    if catch_unwind(AssertUnwindSafe(|| handler(ws))).is_ok() {
        CloseCode::NORMAL_CLOSURE
    } else {
        log::error!("a connection's handler panicked");
        CloseCode::INTERNAL_ERROR
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.shared.made_in.is_current() {
            // The handler has forked, and has returned in the child, where connections are not counted.
            return;
        }
        let mut state = self.shared.lock();
        match &self.id {
            Some(id) => drop(state.connections.remove(id)),
            None => state.refusals -= 1,
        }
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl StopHandle {
    /// Stops the server: closes the listening socket, so that new clients are refused; drops clients that have not been
    /// accepted, or are in the opening handshake; sends a Close frame with 1001 on all other connections; waits at most
    /// `grace` for the handlers to return; and then cuts the connections that are left.
    ///
    /// A handler gets `None` from its receiving call, or an error from a sending one. Blocks until [`Server::serve`] has
    /// returned or is about to: for at most `grace`, and another second for handlers that do not return although their
    /// connection has been cut. May be called before `serve`, which then returns at once.
    ///
    /// Does nothing in a process that was forked from the one that made the server.
    pub fn stop(&self, grace: Duration) -> Stopped {
        if !self.shared.made_in.is_current() {
            return Stopped { finished: 0, cut: 0 };
        }
        let deadline = Deadline::after(grace);
        if let Some(listener) = self.shared.listener.upgrade() {
            listener.stop();
        }
        let (before, links) = {
            let mut state = self.shared.lock();
            state.stopping = true;
            (state.connections.len(), state.links())
        };
        // A Close frame is small. Peers that do not read are waited for during the grace period.
        let soon = Deadline::after(Duration::from_millis(10));
        for link in &links {
            link.go_away(soon);
        }
        let mut state = loop {
            let moment = deadline.earliest(Deadline::after(BACKOFF));
            let state = self.shared.wait_until(moment, |state| state.connections.is_empty());
            if state.connections.is_empty() || deadline.is_over() {
                break state;
            }
            let links = state.links();
            drop(state);
            // There may have been no room for the Close frame, and a handler that is waiting does not send it.
            links.iter().for_each(|link| link.retry());
        };
        let cut = state.connections.len();
        state.cut = true;
        let links = state.links();
        drop(state);
        for link in links {
            link.abort();
        }
        self.shared.changed.notify_all();
        state = self.shared.wait_until(Deadline::after(AFTER_CUT), |state| !state.serving);
        drop(state);
        Stopped { finished: before.saturating_sub(cut), cut }
    }

    /// The number of connections, including those in the opening handshake.
    #[must_use]
    pub fn connections(&self) -> usize {
        if !self.shared.made_in.is_current() {
            return 0;
        }
        self.shared.lock().connections.len()
    }
}

impl State {
    fn links(&self) -> Vec<Arc<Link>> {
        self.connections.values().flatten().filter_map(Weak::upgrade).collect()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until(&self, deadline: Deadline, done: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let state = self.lock();
        let left = deadline.left().unwrap_or(Duration::MAX);
        self.changed.wait_timeout_while(state, left, |state| !done(state)).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until all handlers have returned; only briefly once the stop handle has cut the connections.
    fn wait_for_handlers(&self) {
        let state = self.lock();
        let waiting = |state: &mut State| !state.connections.is_empty() && !state.cut;
        drop(self.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner));
        drop(self.wait_until(Deadline::after(AFTER_CUT), |state| state.connections.is_empty()));
    }
}

/// Whether the process or the system has temporarily run out of something.
fn is_shortage(error: &Error) -> bool {
    use rustix::io::Errno;
    let Error::Io { source, .. } = error else { return false };
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
        .iter()
        .any(|errno| source.raw_os_error() == Some(errno.raw_os_error()))
}

/// Whether a failure of `accept` leaves the listening socket usable (accept(2)).
fn is_about_one_client(error: &Error) -> bool {
    use rustix::io::Errno;
    let Error::Io { source, .. } = error else { return false };
    let broken = [Errno::BADF, Errno::INVAL, Errno::NOTSOCK, Errno::OPNOTSUPP, Errno::FAULT];
    broken.iter().all(|errno| source.raw_os_error() != Some(errno.raw_os_error()))
}
