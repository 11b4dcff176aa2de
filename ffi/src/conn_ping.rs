//! Pings.

use crate::args::{Out, bytes, deadline};
use crate::conn::{Sending, landline_conn, on_conn, receive, sending};
use crate::failure::{Failure, Outcome};
use crate::status::*;
use landline::{Deadline, Error};
use std::ffi::c_void;
use std::time::Duration;

/// Sends a Ping of at most 125 bytes. The Pong is not reported. Otherwise as landline_conn_send().
///
/// # Safety
///
/// `conn` is NULL or a live handle; `len` bytes can be read at `data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_ping(
    conn: *mut landline_conn,
    data: *const c_void,
    len: usize,
    timeout_ms: i32,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let payload = bytes(data, len, "data")?;
            conn.sending(timeout_ms, |end| sending!(end, end => end.ping(payload)))?;
            Ok(LANDLINE_OK)
        })
    }
}

/// Sends a Ping whose Pong will be waited for: `*ping` is its number, for landline_conn_pong_wait().
///
/// Blocks and returns as landline_conn_ping() does.
///
/// # Safety
///
/// `conn` is NULL or a live handle; `ping` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_ping_start(
    conn: *mut landline_conn,
    timeout_ms: i32,
    ping: *mut u64,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let out = Out::new(ping, "ping")?;
            out.set(conn.sending(timeout_ms, |end| sending!(end, end => end.ping_start()))?);
            Ok(LANDLINE_OK)
        })
    }
}

/// Waits for the Pong to a Ping of landline_conn_ping_start(), as landline_conn_ping_wait() does. A Ping that was not
/// answered within `timeout_ms` can be waited for again.
///
/// As landline_conn_ping_wait().
///
/// # Safety
///
/// `conn` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_pong_wait(
    conn: *mut landline_conn,
    ping: u64,
    timeout_ms: i32,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let deadline = deadline(timeout_ms)?;
            loop {
                let left = deadline.left().unwrap_or(Duration::MAX);
                if let Some(mut receiving) = conn.helping()? {
                    receive!(receiving, end => end.pong_wait(ping, left))?;
                    return Ok(LANDLINE_OK);
                }
                // The thread that is receiving may stop.
                let attempt = left.min(Duration::from_millis(100));
                let waited = conn.sending(-1, |end| match end {
                    Sending::Shared(sender) => sender.pong_wait(ping, attempt),
                    Sending::Single(ws) => ws.pong_wait(ping, attempt),
                });
                match waited {
                    Err(Failure::Library(Error::Timeout(_))) if left > attempt => {}
                    result => return result.map(|()| LANDLINE_OK),
                }
            }
        })
    }
}

/// While another thread is receiving, waits for it to get the Pong, and checks now and then that it still receives.
fn ping_wait(conn: &landline_conn, deadline: Deadline) -> Outcome<Duration> {
    // Longer each time: each attempt sends another Ping, whose Pong has to arrive within this time.
    let mut attempt = Duration::from_millis(250);
    loop {
        let left = deadline.left().unwrap_or(Duration::MAX);
        if let Some(mut receiving) = conn.helping()? {
            return Ok(receive!(receiving, end => end.ping_wait(left))?);
        }
        match conn.sending(-1, |end| sending!(end, end => end.ping_wait(left.min(attempt)))) {
            Err(Failure::Library(Error::Timeout(_))) if left > attempt => attempt *= 2,
            result => return result,
        }
    }
}

/// Sends a Ping and waits for its Pong: `*microseconds` is how long that took. If no other thread receives meanwhile,
/// this call does, and keeps the messages for the next receiving call.
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED; LANDLINE_ERR_STATE if a message has been partly received,
/// or if more messages arrive than can be kept (1024, or LANDLINE_OPT_MAX_MESSAGE_SIZE bytes); LANDLINE_ERR_CLOSING;
/// the final errors of landline_conn_recv().
///
/// # Safety
///
/// `conn` is NULL or a live handle; `microseconds` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_ping_wait(
    conn: *mut landline_conn,
    timeout_ms: i32,
    microseconds: *mut u64,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let out = Out::new(microseconds, "microseconds")?;
            let taken = ping_wait(conn, deadline(timeout_ms)?)?;
            out.set(u64::try_from(taken.as_micros()).unwrap_or(u64::MAX));
            Ok(LANDLINE_OK)
        })
    }
}
