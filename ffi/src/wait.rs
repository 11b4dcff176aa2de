//! Waiting for several handles in one call.

use crate::args::{Out, check_process, deadline, slice_mut};
use crate::conn::landline_conn;
use crate::conn::sending;
use crate::conn_info::{has_buffered, next_deadline, no_descriptor, poll_events};
use crate::failure::{Failure, Outcome, guard};
use crate::listener::landline_listener;
use crate::status::*;
use landline::Deadline;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// A connection, listener or descriptor to wait for: exactly one of the three is set, the others are NULL or -1.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct landline_wait_item {
    /// A connection: ready when it has something to receive or can continue to send pending output.
    pub conn: *mut landline_conn,
    /// A listener: ready when a client is waiting.
    pub listener: *mut landline_listener,
    /// The caller's own descriptor.
    pub fd: i32,
    /// What to wait for on a descriptor: POLLIN, POLLOUT. Ignored for connections and listeners.
    pub events: i16,
    /// Filled in by the call: for descriptors, what poll() reported; for connections and listeners, POLLIN if they
    /// are ready.
    pub revents: i16,
}

/// What is polled for an item.
struct Polled<'a> {
    item: usize,
    fd: BorrowedFd<'a>,
    events: PollFlags,
    /// Whether it is the item's own descriptor and not one that wakes the call.
    own: bool,
}

/// Waits until at least one of `count` connections, listeners and descriptors is ready. `*ready` is the number of
/// those that are; their `revents` is not 0. For a connection that is ready, call a receiving function with a time
/// limit of 0, whatever the reason: it also sends pending output and completes the closing handshake.
/// landline_conn_interrupt() makes a connection ready, landline_listener_interrupt() a listener. No other thread may
/// receive on the connections meanwhile.
///
/// A connection also becomes ready when something is due: sending a keepalive Ping, giving up a silent peer or a
/// closing handshake, releasing memory. The receiving call then does that, and may have nothing else to do
/// (LANDLINE_TIMED_OUT).
///
/// Blocks for at most `timeout_ms` (-1: no limit; 0: does not block).
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT; LANDLINE_ERR_UNSUPPORTED for a connection without a descriptor;
/// LANDLINE_ERR_BUSY; LANDLINE_ERR_INVALID; LANDLINE_ERR_NULL; LANDLINE_ERR_IO.
///
/// # Safety
///
/// `count` items can be read and written at `items`, with live handles and open descriptors; `ready` is NULL or can
/// be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_wait(
    items: *mut landline_wait_item,
    count: usize,
    timeout_ms: i32,
    ready: *mut usize,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (out, items) = unsafe {
            let out = Out::new(ready, "ready")?;
            out.set(0);
            (out, slice_mut(items, count, "items")?)
        };
        let deadline = deadline(timeout_ms)?;
        let mut polled = Vec::new();
        polled.try_reserve(items.len()).map_err(|_| Failure::invalid(format!("{count} items are too many")))?;
        let mut due = Vec::new();
        let mut buffered = 0;
        for (index, item) in items.iter_mut().enumerate() {
            item.revents = 0;
            // SAFETY: the caller's promise.
            if unsafe { add(index, item, &mut polled, &mut due) }? {
                item.revents = bits(PollFlags::IN);
                buffered += 1;
            }
        }
        let mut fds: Vec<_> =
            polled.iter().map(|polled| PollFd::from_borrowed_fd(polled.fd, polled.events)).collect();
        let at_once = Deadline::after((buffered > 0).then_some(Duration::ZERO));
        wait(&mut fds, due.iter().fold(deadline.earliest(at_once), |first, (_, due)| first.earliest(*due)))?;
        let now = Instant::now();
        // Even if something else is ready: what is due must not wait for a moment in which nothing else is.
        for (index, _) in due.iter().filter(|(_, due)| due.is_over_at(now)) {
            items[*index].revents = bits(PollFlags::IN);
        }
        for (polled, fd) in polled.iter().zip(&fds) {
            if !fd.revents().is_empty() {
                items[polled.item].revents |= if polled.own { bits(fd.revents()) } else { bits(PollFlags::IN) };
            }
        }
        let count = items.iter().filter(|item| item.revents != 0).count();
        if count == 0 {
            return Err(Failure::Misuse(LANDLINE_TIMED_OUT, "timed out while waiting".into()));
        }
        out.set(count);
        Ok(LANDLINE_OK)
    })
}

/// Adds what is to be polled for an item, and until when; returns whether the item is ready already.
///
/// # Safety
///
/// As [`landline_wait`].
unsafe fn add<'a>(
    item: usize,
    what: &landline_wait_item,
    polled: &mut Vec<Polled<'a>>,
    due: &mut Vec<(usize, Deadline)>,
) -> Outcome<bool> {
    // SAFETY: the caller's promise.
    let (conn, listener): (Option<&'a landline_conn>, Option<&'a landline_listener>) =
        unsafe { (what.conn.as_ref(), what.listener.as_ref()) };
    match (conn, listener, what.fd) {
        (Some(conn), None, -1) => {
            check_process(conn.made_in)?;
            if has_buffered(conn)? {
                return Ok(true);
            }
            due.push((item, next_deadline(conn)?));
            let events = PollFlags::from_bits_retain(poll_events(conn)? as _);
            let fd = conn.sending(-1, |end| {
                // SAFETY: the descriptor is open for as long as the connection lives, which outlasts the call.
                Ok(sending!(end, end => end.fd().map(|fd| unsafe { BorrowedFd::borrow_raw(std::os::fd::AsRawFd::as_raw_fd(&fd)) })))
            })?;
            polled.push(Polled { item, fd: fd.ok_or_else(no_descriptor)?, events, own: true });
            if let Ok(interrupter) = conn.interrupter() {
                polled.push(Polled { item, fd: interrupter.as_fd(), events: PollFlags::IN, own: false });
            }
        }
        (None, Some(listener), -1) => {
            listener.check_process()?;
            polled.push(Polled { item, fd: listener.fd(), events: PollFlags::IN, own: true });
            polled.push(Polled { item, fd: listener.wake_fd(), events: PollFlags::IN, own: false });
        }
        (None, None, 0..) => {
            // SAFETY: the caller promises that it is open.
            let fd = unsafe { BorrowedFd::borrow_raw(what.fd) };
            polled.push(Polled { item, fd, events: PollFlags::from_bits_retain(what.events as _), own: true });
        }
        _ => {
            let text =
                format!("item {item} must have one of conn, listener and fd, and NULL and -1 for the others");
            return Err(Failure::invalid(text));
        }
    }
    Ok(false)
}

fn bits(flags: PollFlags) -> i16 {
    flags.bits() as i16
}

/// Polls until something is ready or the deadline has passed; a signal does not end it.
fn wait(fds: &mut [PollFd<'_>], deadline: Deadline) -> Outcome<usize> {
    loop {
        let left = deadline.left().map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        match poll(fds, left.as_ref()) {
            Ok(count) => return Ok(count),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Failure::Misuse(LANDLINE_ERR_IO, format!("waiting: {error}").into())),
        }
    }
}
