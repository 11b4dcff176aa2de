//! Connections: their handles, and the threads that use them.

use crate::args::{check_process, deadline};
use crate::failure::{Failure, Outcome, guard_or};
use crate::headers::HeaderTexts;
use crate::message::landline_message;
use crate::status::*;
use crate::turn::{Taken, Turn};
use landline::process::Process;
use landline::{Aborter, ConnectionId, Deadline, Handshake, Interrupter, Receiver, Sender, Timings, WebSocket};
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// An open connection, of a client or of a server.
///
/// Ownership: reference-counted. A connection is created with one reference; landline_conn_retain() adds one,
/// landline_conn_free() releases one. Releasing the last one ends the connection.
///
/// Threads: any thread, at any time. One thread receives while any number of others send, ping, close, interrupt and
/// abort; a second one that tries to gets LANDLINE_ERR_BUSY. LANDLINE_OPT_SINGLE_THREAD allows only one thread.
#[allow(non_camel_case_types)]
pub struct landline_conn {
    ends: Ends,
    pub(crate) made_in: Process,
    /// The borrowed message. Accessed by the thread that has the turn.
    lent: UnsafeCell<landline_message>,
    poisoned: AtomicBool,
    pub(crate) user: AtomicPtr<c_void>,
    pub(crate) close_timeout: Duration,
    pub(crate) info: Info,
}

/// The properties of a connection in the form in which C reads them, made on demand.
pub(crate) struct Info {
    pub(crate) id: ConnectionId,
    pub(crate) handshake: Handshake,
    /// Kept here because the connection knows it only while it is open.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    /// Of a client's connection.
    pub(crate) timings: Option<Box<Timings>>,
    pub(crate) headers: OnceLock<HeaderTexts>,
    /// What had been received but not returned when the socket was taken out.
    pub(crate) unreceived: OnceLock<Box<[u8]>>,
    pub(crate) texts: [OnceLock<Box<[u8]>>; crate::conn_info::TEXTS],
}

/// How the two halves of a connection are accessed.
enum Ends {
    /// By any number of threads.
    Shared {
        turn: Turn,
        receiver: Box<UnsafeCell<Receiver>>,
        sender: Sender,
        interrupter: Interrupter,
        /// The thread that has borrowed a message; 0 if none has.
        borrower: AtomicUsize,
    },
    /// Only by the first thread that calls a function (LANDLINE_OPT_SINGLE_THREAD).
    Single {
        owner: AtomicUsize,
        borrowed: Cell<bool>,
        ws: UnsafeCell<ManuallyDrop<WebSocket>>,
        /// Applies to every call besides its own limit.
        limit: Deadline,
        aborter: Aborter,
    },
}

/// The owner of a connection that was only lent, and has been taken back. No thread has this number.
const TAKEN_BACK: usize = usize::MAX;

impl Drop for Ends {
    fn drop(&mut self) {
        if let Self::Single { owner, ws, .. } = self {
            if *owner.get_mut() != TAKEN_BACK {
                // SAFETY: it is dropped only here, and not used afterwards.
                unsafe { ManuallyDrop::drop(ws.get_mut()) }
            }
        }
    }
}

// SAFETY: `receiver` is used only with the turn, `ws` and `borrowed` only by the thread that `owner` names, and `lent` by
// one of these; everything else may be shared.
unsafe impl Sync for landline_conn {}
// SAFETY: nothing in it is bound to the thread that created it.
unsafe impl Send for landline_conn {}

/// The right to receive, which ends when this is dropped.
pub(crate) enum Receiving<'a> {
    Shared { receiver: &'a mut Receiver, turn: &'a Turn },
    Single(&'a mut WebSocket),
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        if let Self::Shared { turn, .. } = self {
            turn.end();
        }
    }
}

/// Calls a method that [`Receiver`] and [`WebSocket`] have in common.
macro_rules! receive {
    ($receiving:expr, $end:ident => $call:expr) => {
        match &mut $receiving {
            $crate::conn::Receiving::Shared { receiver: $end, .. } => $call,
            $crate::conn::Receiving::Single($end) => $call,
        }
    };
}
pub(crate) use receive;

/// The sending half, borrowed for a call.
pub(crate) enum Sending<'a> {
    Shared(&'a Sender),
    Single(&'a mut WebSocket),
}

/// Calls a method that [`Sender`] and [`WebSocket`] have in common.
macro_rules! sending {
    ($sending:expr, $end:ident => $call:expr) => {
        match $sending {
            $crate::conn::Sending::Shared($end) => $call,
            $crate::conn::Sending::Single($end) => $call,
        }
    };
}
pub(crate) use sending;

/// A number that no other live thread has, and not 0.
#[inline(always)]
fn this_thread() -> usize {
    // SAFETY: has no conditions.
    unsafe { libc::pthread_self() as usize }
}

impl landline_conn {
    /// The handle of a connection that has just been opened.
    pub(crate) fn wrap(mut ws: WebSocket, single_thread: bool, close_timeout: Duration) -> Outcome<Arc<Self>> {
        let info = Info::of(&ws);
        let ends = if single_thread {
            Ends::single(ws, 0)
        } else {
            // Made before the connection was opened: Values::client(), Values::server().
            let interrupter = ws.interrupter()?;
            let (sender, receiver) = ws.split();
            Ends::Shared {
                turn: Turn::default(),
                receiver: Box::new(UnsafeCell::new(receiver)),
                sender,
                interrupter,
                borrower: AtomicUsize::new(0),
            }
        };
        Ok(Arc::new(Self::new(ends, info, close_timeout)))
    }

    fn new(ends: Ends, info: Info, close_timeout: Duration) -> Self {
        Self {
            ends,
            made_in: Process::current(),
            lent: UnsafeCell::new(landline_message::NONE),
            poisoned: AtomicBool::new(false),
            user: AtomicPtr::new(ptr::null_mut()),
            close_timeout,
            info,
        }
    }

    /// The connection, for its only thread.
    #[expect(clippy::mut_from_ref, reason = "the check of the thread makes it exclusive")]
    #[inline]
    fn single<'a>(
        &self,
        owner: &AtomicUsize,
        ws: &'a UnsafeCell<ManuallyDrop<WebSocket>>,
    ) -> Outcome<&'a mut WebSocket> {
        let this = this_thread();
        if owner.load(Ordering::Relaxed) != this
            && owner.compare_exchange(0, this, Ordering::Acquire, Ordering::Relaxed).is_err()
        {
            return Err(busy("the connection belongs to another thread (LANDLINE_OPT_SINGLE_THREAD)"));
        }
        // SAFETY: this thread remains the owner, and its calls never nest, because none of them calls back.
        Ok(unsafe { &mut *ws.get() })
    }

    /// Takes the right to receive, with a time limit for what is done with it.
    #[inline(always)]
    pub(crate) fn receiving(&self, timeout_ms: i32) -> Outcome<Receiving<'_>> {
        let mut deadline = deadline(timeout_ms)?;
        let mut receiving = match &self.ends {
            Ends::Shared { turn, receiver, .. } => {
                match turn.receive(deadline) {
                    Taken::Mine => {}
                    Taken::Busy => {
                        return Err(busy("another thread is receiving, or a borrowed message has not been freed"));
                    }
                    Taken::Late => {
                        let text = "timed out while another thread closed or waited for a pong";
                        return Err(Failure::Misuse(LANDLINE_TIMED_OUT, text.into()));
                    }
                }
                // SAFETY: this thread has the turn.
                Receiving::Shared { receiver: unsafe { &mut *receiver.get() }, turn }
            }
            Ends::Single { owner, borrowed, ws, limit, .. } => {
                let ws = self.single(owner, ws)?;
                if borrowed.get() {
                    return Err(busy("a borrowed message has not been freed"));
                }
                deadline = deadline.earliest(*limit);
                Receiving::Single(ws)
            }
        };
        receive!(receiving, end => end.set_deadline(deadline));
        Ok(receiving)
    }

    /// The same, for a call that receives for its own purpose, such as closing; `None` if another thread is
    /// receiving.
    pub(crate) fn helping(&self) -> Outcome<Option<Receiving<'_>>> {
        match &self.ends {
            Ends::Shared { borrower, .. } if borrower.load(Ordering::Relaxed) == this_thread() => {
                // This thread would wait for itself.
                Err(busy("this thread has borrowed a message: free it first"))
            }
            Ends::Shared { turn, .. } if !turn.help() => Ok(None),
            _ => self.as_helper().map(Some),
        }
    }

    /// The same, but waits for the other thread; `None` if that takes too long.
    pub(crate) fn helping_after(&self, deadline: Deadline) -> Outcome<Option<Receiving<'_>>> {
        match &self.ends {
            Ends::Shared { turn, .. } if !turn.help_after(deadline) => Ok(None),
            _ => self.as_helper().map(Some),
        }
    }

    /// With the turn taken.
    fn as_helper(&self) -> Outcome<Receiving<'_>> {
        let mut receiving = match &self.ends {
            Ends::Shared { turn, receiver, .. } => {
                // SAFETY: this thread has the turn.
                Receiving::Shared { receiver: unsafe { &mut *receiver.get() }, turn }
            }
            Ends::Single { .. } => return self.receiving(-1),
        };
        receive!(receiving, end => end.set_deadline(Deadline::NEVER));
        Ok(receiving)
    }

    /// Lends the message that was received last to the caller, until [`give_back`](Self::give_back).
    #[inline(always)]
    pub(crate) fn lend(&self, receiving: Receiving<'_>, message: landline_message) -> *mut landline_message {
        match &self.ends {
            Ends::Shared { borrower, .. } => borrower.store(this_thread(), Ordering::Relaxed),
            Ends::Single { borrowed, .. } => borrowed.set(true),
        }
        // The turn is kept until the message is given back.
        std::mem::forget(receiving);
        // SAFETY: this thread has the turn, or is the only one.
        unsafe { self.lent.get().write(message) };
        self.lent.get()
    }

    /// Takes the borrowed message back, in any thread.
    #[inline]
    pub(crate) fn give_back(&self) {
        if !self.made_in.is_current() {
            return;
        }
        match &self.ends {
            Ends::Shared { turn, borrower, .. } => {
                // 0: the message has been given back before, and another thread may have the turn now.
                if borrower.load(Ordering::Relaxed) != 0 {
                    borrower.store(0, Ordering::Relaxed);
                    turn.end();
                }
            }
            Ends::Single { borrowed, .. } => borrowed.set(false),
        }
    }

    /// Sends, within a time limit.
    #[inline(always)]
    pub(crate) fn sending<T>(
        &self,
        timeout_ms: i32,
        send: impl FnOnce(Sending<'_>) -> landline::Result<T>,
    ) -> Outcome<T> {
        let deadline = deadline(timeout_ms)?;
        let result = match &self.ends {
            Ends::Shared { sender, .. } if deadline == Deadline::NEVER => send(Sending::Shared(sender)),
            Ends::Shared { sender, .. } => {
                let mut sender = sender.clone();
                sender.set_deadline(deadline);
                send(Sending::Shared(&sender))
            }
            Ends::Single { owner, ws, limit, .. } => {
                let ws = self.single(owner, ws)?;
                ws.set_deadline(deadline.earliest(*limit));
                send(Sending::Single(ws))
            }
        };
        Ok(result?)
    }

    pub(crate) fn interrupter(&self) -> Outcome<&Interrupter> {
        match &self.ends {
            Ends::Shared { interrupter, .. } => Ok(interrupter),
            Ends::Single { .. } => {
                Err(Failure::state("the connection has one thread only (LANDLINE_OPT_SINGLE_THREAD)"))
            }
        }
    }

    pub(crate) fn abort(&self) {
        match &self.ends {
            Ends::Shared { sender, .. } => sender.abort(),
            Ends::Single { aborter, .. } => aborter.abort(),
        }
    }
}

impl Ends {
    fn single(ws: WebSocket, owner: usize) -> Self {
        let (limit, aborter) = (ws.deadline(), ws.aborter());
        let ws = UnsafeCell::new(ManuallyDrop::new(ws));
        Self::Single { owner: AtomicUsize::new(owner), borrowed: Cell::new(false), ws, limit, aborter }
    }
}

impl Info {
    fn of(ws: &WebSocket) -> Self {
        Self {
            id: ws.id(),
            handshake: ws.handshake().clone(),
            peer: ws.peer_addr(),
            local: ws.local_addr(),
            timings: ws.timings().map(|timings| Box::new(*timings)),
            headers: OnceLock::new(),
            unreceived: OnceLock::new(),
            texts: Default::default(),
        }
    }
}

/// A handle for a connection that belongs to somebody else, for the calling thread alone and as long as this lives.
/// Afterwards, calls on the handle fail.
pub(crate) struct Lent<'a> {
    conn: Arc<landline_conn>,
    place: &'a mut WebSocket,
}

impl<'a> Lent<'a> {
    pub(crate) fn new(place: &'a mut WebSocket, close_timeout: Duration) -> Self {
        let info = Info::of(place);
        // SAFETY: the value moves into the handle, and back when this is dropped; until then, `place` is not used.
        let ws = unsafe { ptr::read(place) };
        Self { conn: Arc::new(landline_conn::new(Ends::single(ws, this_thread()), info, close_timeout)), place }
    }

    pub(crate) fn handle(&self) -> *mut landline_conn {
        Arc::as_ptr(&self.conn).cast_mut()
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Ends::Single { owner, ws, .. } = &self.conn.ends {
            owner.store(TAKEN_BACK, Ordering::Release);
            // SAFETY: the value moves back to where it was read from. Only this thread could use it in the handle, whose
            // calls fail from now on, and the handle does not drop it.
            unsafe { ptr::copy_nonoverlapping(ws.get().cast::<WebSocket>().cast_const(), self.place, 1) };
        }
    }
}

fn busy(text: &'static str) -> Failure {
    Failure::Misuse(LANDLINE_ERR_BUSY, text.into())
}

/// Runs the body of a function on a connection. A panic poisons the connection.
///
/// # Safety
///
/// `conn` is NULL or a live handle.
#[inline(always)]
pub(crate) unsafe fn on_conn(
    conn: *const landline_conn,
    body: impl FnOnce(&landline_conn) -> Outcome,
) -> landline_status {
    // SAFETY: the caller's promise.
    let found = unsafe { conn.as_ref() };
    let poison = || {
        if let Some(conn) = found {
            conn.poisoned.store(true, Ordering::Relaxed);
            // Other calls that are waiting must end now: what they wait for will not happen.
            conn.abort();
        }
    };
    guard_or(poison, || {
        let Some(conn) = found else { return Err(Failure::null("conn")) };
        if conn.poisoned.load(Ordering::Relaxed) {
            return Err(Failure::Misuse(LANDLINE_ERR_PANIC, "an earlier call met a defect in Landline".into()));
        }
        check_process(conn.made_in)?;
        body(conn)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn_close::landline_conn_free;
    use crate::conn_recv::landline_conn_recv;
    use crate::conn_send::landline_conn_send;
    use crate::connect_over::landline_pair;

    #[test]
    fn a_panic_poisons_the_handle_and_ends_its_calls() {
        let (mut client, mut server, mut message) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: live handles and places that can be written to.
        unsafe {
            assert_eq!(landline_pair(ptr::null(), ptr::null(), &raw mut client, &raw mut server), LANDLINE_OK);
            let blocked = client.expose_provenance();
            let receiving = std::thread::spawn(move || {
                let mut message = ptr::null_mut();
                landline_conn_recv(ptr::with_exposed_provenance_mut(blocked), 20_000, &raw mut message)
            });
            assert_eq!(on_conn(client, |_| panic!("a defect")), LANDLINE_ERR_PANIC);
            assert!([LANDLINE_ERR_ABORTED, LANDLINE_ERR_PANIC].contains(&receiving.join().unwrap()));
            assert_eq!(landline_conn_send(client, 1, c"x".as_ptr().cast(), 1, 0, -1), LANDLINE_ERR_PANIC);
            assert_eq!(landline_conn_recv(client, 0, &raw mut message), LANDLINE_ERR_PANIC);
            assert!(message.is_null());
            landline_conn_free(client);
            landline_conn_free(server);
        }
    }
}
