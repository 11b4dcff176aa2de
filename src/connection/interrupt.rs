//! Ending a blocked call from another thread, without harm to the connection.

use super::link::Link;
use crate::error::{Error, Result};
use crate::process::Process;
use crate::transport::{INTERRUPT, Wake};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Wakes a blocked call with [`Error::Interrupted`], from any thread. The connection stays as it was.
///
/// It acts on the call that is waiting, or else on the next one that would wait: once for receiving (receive,
/// connect, accept) and once for sending. Data that has arrived is delivered first.
///
/// Obtain one from [`WebSocket::interrupter`](crate::WebSocket::interrupter) or
/// [`Receiver::interrupter`](crate::Receiver::interrupter), or create one with [`new`](Self::new) and pass it to a
/// client's or listener's builder. It belongs to one connection, or one attempt to connect, at a time.
///
/// ```
/// # let (near, far) = landline::transport::pair();
/// # let server = std::thread::spawn(move || {
/// #     let mut ws = landline::server::accept_over(far, &landline::Config::default())?.accept()?;
/// #     while let Some(message) = ws.recv()? {
/// #         ws.send(message)?;
/// #     }
/// #     Ok::<(), landline::Error>(())
/// # });
/// # let mut ws = landline::Client::default().connect_over(near, "ws://memory/")?;
/// use landline::{Error, Message};
///
/// let interrupter = ws.interrupter()?;
/// let thread = std::thread::spawn(move || interrupter.interrupt());
/// assert!(matches!(ws.recv(), Err(Error::Interrupted(_))));
/// // The connection can be used as before.
/// ws.send("hello")?;
/// assert_eq!(ws.recv()?, Some(Message::Text("hello".into())));
/// # thread.join().unwrap();
/// # drop(ws);
/// # let _ = server.join();
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Interrupter(Arc<State>);

#[derive(Debug)]
struct State {
    recv: Arc<Wake>,
    send: Arc<Wake>,
    made_in: Process,
    link: Mutex<Weak<Link>>,
}

impl Interrupter {
    /// Creates one that is not attached to a connection yet.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the process has no descriptor left; it takes two.
    pub fn new() -> Result<Self> {
        let wake = || Wake::new().map(Arc::new).map_err(|error| Error::io("creating an interrupter", error));
        Ok(Self::over(wake()?, wake()?))
    }

    fn over(recv: Arc<Wake>, send: Arc<Wake>) -> Self {
        Self(Arc::new(State { recv, send, made_in: Process::current(), link: Mutex::new(Weak::new()) }))
    }

    /// Fails in a process that was forked from the one that made it.
    pub(crate) fn check_process(&self) -> Result<()> {
        self.0.made_in.check()
    }

    /// Interrupts receiving, connecting or accepting, and sending.
    pub fn interrupt(&self) {
        self.interrupt_recv();
        self.interrupt_send();
    }

    /// Interrupts receiving, connecting or accepting.
    pub fn interrupt_recv(&self) {
        self.0.recv.set(INTERRUPT);
    }

    /// Interrupts sending.
    pub fn interrupt_send(&self) {
        self.0.send.set(INTERRUPT);
        if let Some(link) = self.link() {
            link.wake_senders();
        }
    }

    /// Ends the connection at once, as [`WebSocket::abort`](crate::WebSocket::abort) does. Before there is one,
    /// interrupts the call that opens it.
    pub fn abort(&self) {
        match self.link() {
            Some(link) => link.abort(),
            None => self.interrupt_recv(),
        }
    }

    fn link(&self) -> Option<Arc<Link>> {
        if self.check_process().is_err() {
            return None;
        }
        self.0.link.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    pub(crate) fn recv_wake(&self) -> &Wake {
        &self.0.recv
    }

    pub(crate) fn send_wake(&self) -> &Wake {
        &self.0.send
    }

    /// The interrupter of this connection, created and attached if it has none yet.
    ///
    /// No thread may be waiting in a receiving call; the caller has the receiver.
    pub(super) fn of(link: &Arc<Link>) -> Result<Self> {
        link.check_process()?;
        let fresh = || Wake::new().map(Arc::new).map_err(|error| Error::io("creating an interrupter", error));
        let recv = match link.recv_wake.get() {
            Some(wake) => Arc::clone(wake),
            None => fresh()?,
        };
        let send = match link.send_wake.get() {
            Some(wake) => Arc::clone(wake),
            None => fresh()?,
        };
        let interrupter = Self::over(recv, send);
        interrupter.attach(link);
        Ok(interrupter)
    }

    /// Makes it act on this connection.
    pub(super) fn attach(&self, link: &Arc<Link>) {
        // Both are already set if they were taken from there.
        let _ = link.recv_wake.set(Arc::clone(&self.0.recv));
        let _ = link.send_wake.set(Arc::clone(&self.0.send));
        *self.0.link.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(link);
    }
}

/// Its descriptor is readable from an interruption of receiving until a call has returned it: for programs with an event
/// loop of their own.
impl AsFd for Interrupter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.recv.as_fd()
    }
}

/// Ends a connection at once, from any thread. From [`WebSocket::aborter`](crate::WebSocket::aborter).
///
/// Unlike an [`Interrupter`], it costs the connection nothing until it is used. It does not keep the connection alive.
///
/// ```
/// # let (near, far) = landline::transport::pair();
/// # let server = std::thread::spawn(move || {
/// #     let mut ws = landline::server::accept_over(far, &landline::Config::default())?.accept()?;
/// #     while let Some(message) = ws.recv()? {
/// #         ws.send(message)?;
/// #     }
/// #     Ok::<(), landline::Error>(())
/// # });
/// # let mut ws = landline::Client::default().connect_over(near, "ws://memory/")?;
/// let aborter = ws.aborter();
/// let thread = std::thread::spawn(move || aborter.abort());
/// assert!(ws.recv().is_err());
/// # thread.join().unwrap();
/// # drop(ws);
/// # let _ = server.join();
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Aborter(Weak<Link>);

impl Aborter {
    pub(super) fn new(link: &Arc<Link>) -> Self {
        Self(Arc::downgrade(link))
    }

    /// Ends the connection without a closing handshake. Blocked calls return.
    pub fn abort(&self) {
        if let Some(link) = self.0.upgrade() {
            link.abort();
        }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link")
    }
}
