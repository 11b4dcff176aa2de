//! Sessions: their handles, receiving, and the end.

use crate::args::{Out, check_process, close_code, deadline, handle, out_handle, string, text};
use crate::conn::landline_conn;
use crate::conn_close::{close_in_turn, closing_time};
use crate::connect::into_handle;
use crate::failure::{Failure, Outcome, guard, guard_or};
use crate::message::landline_message;
use crate::options::landline_options;
use crate::session_callbacks::{Callbacks, landline_session_callbacks};
use crate::status::*;
use crate::turn::{Taken, Turn};
use crate::values::values;
use landline::process::Process;
use landline::reconnect::{Event, Session, SessionSender};
use landline::uri::Endpoint;
use landline::{CloseInfo, Deadline};
use std::cell::UnsafeCell;
use std::ffi::{c_char, c_void};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A client that connects again whenever its connection is lost.
///
/// The call that receives does everything: it waits, connects, calls the callback, sends the messages in the outbox,
/// and receives. While no thread is in that call, the session begins nothing. An attempt to connect is made in a
/// thread of the library, in which the functions among the options are called, such as the one that supplies a bearer
/// token; it goes on when the call has returned.
///
/// It connects again after a failure of the network or of the system, a time limit, the end of the stream
/// without a Close frame, or in the middle of a handshake, a silent peer; after a Close frame with 1001, 1011,
/// 1012, 1013 or 1014; and if the server refused the handshake with 500 to 599, 408, 425 or 429, not before the
/// time in Retry-After. Everything else ends the session: other statuses and close codes, a certificate that is not
/// trusted, violations of the protocol or of a limit. `retry_if` of landline_session_callbacks can decide
/// otherwise. LANDLINE_OPT_BACKOFF_FIRST_MS and the options after it determine how long it waits.
///
/// Nothing is resent automatically. If a sending call has returned before the connection broke, the message was
/// handed to the kernel, and whether the server got it is not known. While there is no connection, such calls return
/// LANDLINE_ERR_NOT_CONNECTED at once, or keep the message with LANDLINE_OPT_OUTBOX_MESSAGES.
///
/// Ownership: created by landline_session_new(), freed by landline_session_free().
///
/// Threads: any, at any time. One thread receives (a second one gets LANDLINE_ERR_BUSY) while any number of
/// others send, close, interrupt and abort.
#[allow(non_camel_case_types)]
pub struct landline_session {
    made_in: Process,
    turn: Turn,
    /// The thread that has the turn, as [`this_thread`] gives it, or 0.
    thread: AtomicUsize,
    session: Box<UnsafeCell<Session>>,
    pub(crate) sender: SessionSender,
    poisoned: AtomicBool,
    recv_timeout: Option<Duration>,
    close_timeout: Duration,
    single_thread: bool,
}

// SAFETY: `session` is used by the thread that has the turn only; all else may be shared.
unsafe impl Sync for landline_session {}
// SAFETY: nothing in it belongs to the thread that made it.
unsafe impl Send for landline_session {}

/// Creates a session for a URL that begins with ws:// or wss://. It connects when landline_session_recv() is
/// called for the first time. `options` may be NULL: those of clients apply to each connection. `callbacks` may
/// be NULL and is copied. `user` must remain valid until the session has been freed. Free the session with
/// landline_session_free(). Never blocks.
///
/// LANDLINE_OK; LANDLINE_ERR_URL; LANDLINE_ERR_CONFIG; LANDLINE_ERR_TLS for a certificate of this end that
/// cannot be used; LANDLINE_ERR_IO when the process has no descriptor left; LANDLINE_ERR_NULL;
/// LANDLINE_ERR_UTF8; LANDLINE_ERR_INVALID for a table whose `size` is wrong.
///
/// # Safety
///
/// `url` is NULL or a C string; `options` is NULL or a live handle; `callbacks` is NULL or can be read, and its
/// functions may be called with `user` from every thread that receives; `session` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_session_new(
    url: *const c_char,
    options: *const landline_options,
    callbacks: *const landline_session_callbacks,
    user: *mut c_void,
    session: *mut *mut landline_session,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (out, url, values, table) = unsafe {
            (out_handle(session, "session")?, string(url, "url")?, values(options), callbacks.as_ref().copied())
        };
        let is_tls = Endpoint::parse(url).map_err(landline::Error::from)?.is_tls();
        let mut builder = values.session.apply(Session::builder(url).client(values.client(is_tls, None)?));
        if let Some(table) = table {
            if table.size != size_of::<landline_session_callbacks>() {
                return Err(Failure::invalid("callbacks->size is not sizeof(landline_session_callbacks)"));
            }
            let callbacks = Callbacks { table, user, close_timeout: values.close_timeout() };
            builder = builder
                .on_connect(move |ws| callbacks.on_connect(ws))
                .retry_if(move |lost| callbacks.retry_if(lost));
        }
        let session = builder.build()?;
        out.set(Box::into_raw(Box::new(landline_session {
            made_in: Process::current(),
            turn: Turn::default(),
            thread: AtomicUsize::new(0),
            sender: session.sender(),
            session: Box::new(UnsafeCell::new(session)),
            poisoned: AtomicBool::new(false),
            recv_timeout: values.config().recv_timeout,
            close_timeout: values.close_timeout(),
            single_thread: values.single_thread(),
        })));
        Ok(LANDLINE_OK)
    })
}

/// The right to receive, while it lasts.
struct Receiving<'a> {
    session: &'a mut Session,
    turn: &'a Turn,
    thread: &'a AtomicUsize,
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.thread.store(0, Ordering::Relaxed);
        self.turn.end();
    }
}

/// A number that no other thread has at the same time, and that is not 0.
fn this_thread() -> usize {
    thread_local! {
        static PLACE: u8 = const { 0 };
    }
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}

impl landline_session {
    /// With the turn taken.
    fn receiving(&self) -> Receiving<'_> {
        self.thread.store(this_thread(), Ordering::Relaxed);
        // SAFETY: this thread has the turn.
        Receiving { session: unsafe { &mut *self.session.get() }, turn: &self.turn, thread: &self.thread }
    }

    /// Whether this thread is receiving, and thus in a callback.
    fn is_calling_back(&self) -> bool {
        self.thread.load(Ordering::Relaxed) == this_thread()
    }

    /// Takes the right to receive.
    fn receive(&self, deadline: Deadline) -> Outcome<Receiving<'_>> {
        match self.turn.receive(deadline) {
            Taken::Mine => Ok(self.receiving()),
            Taken::Busy => Err(Failure::Misuse(LANDLINE_ERR_BUSY, "another thread is receiving".into())),
            Taken::Late => {
                Err(Failure::Misuse(LANDLINE_TIMED_OUT, "timed out while another thread closed the session".into()))
            }
        }
    }

    fn until(&self, timeout_ms: i32) -> Outcome<Deadline> {
        Ok(deadline(timeout_ms)?.earliest(Deadline::after(self.recv_timeout)))
    }

    /// Of the latest connection; `None` while another thread receives.
    pub(crate) fn close_info(&self) -> Option<CloseInfo> {
        self.turn.help().then(|| self.receiving().session.close_info())
    }
}

/// Runs the body of a function on a session: a panic poisons it.
///
/// # Safety
///
/// `session` is NULL or a live handle.
pub(crate) unsafe fn on_session(
    session: *const landline_session,
    body: impl FnOnce(&landline_session) -> Outcome,
) -> landline_status {
    // SAFETY: the caller's promise.
    let found = unsafe { handle(session, "session") };
    let poison = || {
        if let Ok(session) = &found {
            session.poisoned.store(true, Ordering::Relaxed);
            session.sender.abort();
        }
    };
    guard_or(poison, || {
        let session = found.as_ref().map_err(Clone::clone)?;
        if session.poisoned.load(Ordering::Relaxed) {
            return Err(Failure::Misuse(LANDLINE_ERR_PANIC, "an earlier call met a defect in Landline".into()));
        }
        check_process(session.made_in)?;
        body(session)
    })
}

/// Receives the next whole message, or connects and says so. The message owns its data; free it with
/// landline_message_free().
///
/// Blocks until there is a message or a new connection, the session ends, or `timeout_ms` has passed (-1: no
/// limit). An attempt to connect for which that is too short goes on, and a later call gets the connection, so the
/// limit may be as short as the program likes; 0 gives what has already arrived, and begins an attempt that is due.
/// Only the callback can make a call take longer.
///
/// LANDLINE_OK; LANDLINE_CONNECTED: there is a new connection, the first one or one in the place of another,
/// all of whose messages have been received; LANDLINE_CLOSED: the session has ended cleanly, see
/// LANDLINE_SESSION_CLOSE_CODE; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED: nothing is lost, call again;
/// LANDLINE_ERR_BUSY: another thread is receiving. All other errors have ended the session; later calls give
/// the same. They are those of landline_connect() and landline_conn_recv(), and LANDLINE_ERR_GAVE_UP if the last
/// attempt ran out of time. `*message` is NULL unless the status is LANDLINE_OK.
///
/// # Safety
///
/// `session` is NULL or a live handle; `message` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_session_recv(
    session: *mut landline_session,
    timeout_ms: i32,
    message: *mut *mut landline_message,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        let out = out_handle(message, "message");
        on_session(session, |session| {
            let (out, until) = (out?, session.until(timeout_ms)?);
            let receiving = session.receive(until)?;
            match receiving.session.recv_deadline(until)? {
                Some(Event::Message(message)) => {
                    out.set(Box::into_raw(landline_message::own(message)));
                    Ok(LANDLINE_OK)
                }
                Some(Event::Connected(_)) => Ok(LANDLINE_CONNECTED),
                None => Err(Failure::Closed(receiving.session.close_info())),
            }
        })
    }
}

/// Opens the next connection and gives it to the caller, for programs that want to use landline_conn and take
/// care of its errors themselves: each call gives a fresh one, after a wait unless it is the first. Free it
/// with landline_conn_free() before the next call, or when the session is closed.
///
/// Waits, attempts, callbacks and time limits are those of landline_session_recv(). A connection that
/// landline_session_recv() used is dropped. The session does not know the connection any more:
/// landline_session_send() does not use it.
///
/// LANDLINE_OK; LANDLINE_CLOSED: the session was closed; otherwise as landline_session_recv(). `*conn` is NULL
/// unless the status is LANDLINE_OK.
///
/// # Safety
///
/// `session` is NULL or a live handle; `conn` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_session_next_connection(
    session: *mut landline_session,
    timeout_ms: i32,
    conn: *mut *mut landline_conn,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        let out: Outcome<Out<_>> = out_handle(conn, "conn");
        on_session(session, |session| {
            let (out, until) = (out?, session.until(timeout_ms)?);
            let receiving = session.receive(until)?;
            match receiving.session.next_connection_deadline(until)? {
                Some(ws) => {
                    let conn = landline_conn::wrap(ws, session.single_thread, session.close_timeout)?;
                    out.set(into_handle(conn));
                    Ok(LANDLINE_OK)
                }
                None => Err(Failure::Closed(receiving.session.close_info())),
            }
        })
    }
}

/// Closes the connection cleanly if there is one, and ends the session: as landline_conn_close(), also in how
/// long it blocks. What is in the outbox is not sent. If another thread is receiving, that thread gets
/// LANDLINE_CLOSED, whatever it waits for, and this call waits for it. In a callback of the session, it does not
/// wait: the receiving call closes the connection when the callback has returned.
///
/// LANDLINE_OK, also if it was closed already; LANDLINE_PENDING: the thread that is receiving has to complete
/// the closing handshake; LANDLINE_ERR_INVALID as landline_conn_close(); LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8;
/// LANDLINE_ERR_CLOSE_UNANSWERED, LANDLINE_ERR_EOF, LANDLINE_ERR_IO; the error that ended the session before.
///
/// # Safety
///
/// `session` is NULL or a live handle; `len` bytes can be read at `reason`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_session_close(
    session: *mut landline_session,
    code: i32,
    reason: *const c_void,
    len: usize,
    timeout_ms: i32,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_session(session, |session| {
            let (code, reason) = (close_code(code)?, text(reason, len, "reason")?);
            if session.is_calling_back() {
                session.sender.close_start(code, reason)?;
                return Ok(LANDLINE_OK);
            }
            close_in_turn(
                closing_time(timeout_ms, session.close_timeout)?,
                |wait| {
                    let is_taken = wait.map_or_else(|| session.turn.help(), |until| session.turn.help_after(until));
                    Ok(is_taken.then(|| session.receiving()))
                },
                |limit| Ok(session.sender.close_start_deadline(code, reason, Deadline::after(limit))?),
                |receiving, limit| receiving.session.close_within(code, reason, limit),
            )
        })
    }
}

/// Closes the session without waiting for the end: the thread that receives gets what the server still sends,
/// then LANDLINE_CLOSED; without a connection, it gets that at once, whatever it waits for. Does nothing if the
/// session is closing or over. Otherwise as landline_conn_close_start().
///
/// # Safety
///
/// As landline_session_close().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_session_close_start(
    session: *mut landline_session,
    code: i32,
    reason: *const c_void,
    len: usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_session(session, |session| {
            session.sender.close_start(close_code(code)?, text(reason, len, "reason")?)?;
            Ok(LANDLINE_OK)
        })
    }
}

/// Ends the session immediately, without a Close frame, from any thread. Blocked calls return
/// LANDLINE_ERR_ABORTED. Never blocks.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_FORKED.
///
/// # Safety
///
/// `session` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_session_abort(session: *mut landline_session) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_session(session, |session| {
            session.sender.abort();
            Ok(LANDLINE_OK)
        })
    }
}

/// Frees a session, and ends its connection without a closing handshake: call landline_session_close() first.
/// NULL does nothing.
///
/// # Safety
///
/// `session` is NULL or a live handle that no other call uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_session_free(session: *mut landline_session) {
    if !session.is_null() {
        guard(|| {
            // SAFETY: created by `landline_session_new`, and no longer used by the caller.
            drop(unsafe { Box::from_raw(session) });
            Ok(LANDLINE_OK)
        });
    }
}
