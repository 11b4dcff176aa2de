//! The properties of a connection.

use crate::args::{Out, TextOut, millis_left, string};
use crate::conn::{Receiving, landline_conn, on_conn, receive, sending};
use crate::failure::{Failure, Outcome};
use crate::headers::{HeaderTexts, with_nul, without_nul};
use crate::names;
use crate::status::*;
use landline::{CloseInfo, Deadline, Side, Stats, Timings};
use std::ffi::c_char;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// How many texts are kept.
pub(crate) const TEXTS: usize = 7;

fn stats(conn: &landline_conn) -> Outcome<Stats> {
    conn.sending(-1, |end| Ok(sending!(end, end => end.stats())))
}

fn closing(conn: &landline_conn) -> Outcome<CloseInfo> {
    conn.sending(-1, |end| Ok(sending!(end, end => end.close_info())))
}

fn number(conn: &landline_conn, key: i32) -> Outcome<i64> {
    let unsigned = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let code =
        |frame: &Option<landline::CloseFrame>| frame.as_ref().map_or(0, |frame| u16::from(frame.code()).into());
    let is_over = |info: &CloseInfo| info.clean || info.cause.is_some();
    Ok(match key {
        LANDLINE_CONN_STATE => match closing(conn)? {
            info if is_over(&info) => LANDLINE_STATE_OVER.into(),
            info if info.sent.is_some() || info.received.is_some() => LANDLINE_STATE_CLOSING.into(),
            _ => LANDLINE_STATE_OPEN.into(),
        },
        LANDLINE_CONN_CLOSE_CODE => match closing(conn)? {
            info if is_over(&info) || info.received.is_some() => u16::from(info.code()).into(),
            _ => 0,
        },
        LANDLINE_CONN_CLOSE_CODE_RECEIVED => code(&closing(conn)?.received),
        LANDLINE_CONN_CLOSE_CODE_SENT => code(&closing(conn)?.sent),
        LANDLINE_CONN_CLOSED_FIRST_BY => match closing(conn)?.first {
            None => LANDLINE_SIDE_NONE.into(),
            Some(Side::Local) => LANDLINE_SIDE_LOCAL.into(),
            Some(Side::Remote) => LANDLINE_SIDE_REMOTE.into(),
        },
        LANDLINE_CONN_CLOSED_CLEANLY => closing(conn)?.clean.into(),
        LANDLINE_CONN_FD => conn
            .sending(-1, |end| Ok(sending!(end, end => end.fd().map(|fd| fd.as_raw_fd()))))?
            .ok_or_else(no_descriptor)?
            .into(),
        LANDLINE_CONN_HAS_BUFFERED => i64::from(has_buffered(conn)?),
        LANDLINE_CONN_NEXT_DEADLINE_MS => millis_left(next_deadline(conn)?).into(),
        LANDLINE_CONN_ID => unsigned(conn.info.id.as_u64()),
        LANDLINE_CONN_RESOLVE_TIME_US => spent(conn, |timings| timings.resolve),
        LANDLINE_CONN_CONNECT_TIME_US => spent(conn, |timings| timings.connect),
        LANDLINE_CONN_PROXY_TIME_US => spent(conn, |timings| timings.proxy),
        LANDLINE_CONN_TLS_TIME_US => spent(conn, |timings| timings.tls),
        LANDLINE_CONN_UPGRADE_TIME_US => spent(conn, |timings| timings.upgrade),
        LANDLINE_CONN_OPENING_TIME_US => spent(conn, Timings::total),
        LANDLINE_CONN_COMPRESSION => conn.info.handshake.compression.is_some().into(),
        LANDLINE_CONN_MESSAGES_SENT => unsigned(stats(conn)?.messages_sent),
        LANDLINE_CONN_MESSAGES_RECEIVED => unsigned(stats(conn)?.messages_received),
        LANDLINE_CONN_PAYLOAD_SENT => unsigned(stats(conn)?.payload_sent),
        LANDLINE_CONN_PAYLOAD_RECEIVED => unsigned(stats(conn)?.payload_received),
        LANDLINE_CONN_WIRE_SENT => unsigned(stats(conn)?.wire_sent),
        LANDLINE_CONN_WIRE_RECEIVED => unsigned(stats(conn)?.wire_received),
        _ => return Err(names::wrong_key(names::CONN, key, "landline_conn_int")),
    })
}

/// In microseconds; -1 for a server's connection.
fn spent(conn: &landline_conn, step: impl Fn(&Timings) -> Duration) -> i64 {
    let micros = |timings| i64::try_from(step(timings).as_micros()).unwrap_or(i64::MAX);
    conn.info.timings.as_deref().map_or(-1, micros)
}

pub(crate) fn no_descriptor() -> Failure {
    Failure::Misuse(LANDLINE_ERR_UNSUPPORTED, "the connection's transport has no descriptor".into())
}

/// In the bits of `poll`.
pub(crate) fn poll_events(conn: &landline_conn) -> Outcome<i16> {
    let interest = || conn.sending(-1, |end| Ok(sending!(end, end => end.poll_interest())));
    if !interest()?.write {
        // Gathered messages are sent before the caller waits. If there was no room for them, the events below say so;
        // a failure is reported by the next receiving call.
        let _ = conn.sending(0, |end| sending!(end, end => end.flush()));
    }
    let interest = interest()?;
    let mut events = rustix::event::PollFlags::IN;
    events.set(rustix::event::PollFlags::OUT, interest.write);
    // Signed, as in C; on some systems rustix has them unsigned.
    Ok(events.bits() as i16)
}

pub(crate) fn has_buffered(conn: &landline_conn) -> Outcome<bool> {
    let mut receiving = asking(conn)?;
    Ok(receive!(receiving, end => end.has_buffered()))
}

pub(crate) fn next_deadline(conn: &landline_conn) -> Outcome<Deadline> {
    let mut receiving = asking(conn)?;
    Ok(receive!(receiving, end => end.next_deadline()))
}

fn asking(conn: &landline_conn) -> Outcome<Receiving<'_>> {
    conn.helping()?.ok_or_else(|| Failure::Misuse(LANDLINE_ERR_BUSY, "another thread is receiving".into()))
}

/// The state of a connection: messages can be sent and received.
pub const LANDLINE_STATE_OPEN: i32 = 0;
/// A Close frame was sent or received: the closing handshake is under way.
pub const LANDLINE_STATE_CLOSING: i32 = 1;
/// It is over.
pub const LANDLINE_STATE_OVER: i32 = 2;
/// The opening handshake is under way. Of a landline_protocol only.
pub const LANDLINE_STATE_OPENING: i32 = 3;

/// No Close frame was sent or received.
pub const LANDLINE_SIDE_NONE: i32 = 0;
/// This end's Close frame was sent first.
pub const LANDLINE_SIDE_LOCAL: i32 = 1;
/// The peer's Close frame came first.
pub const LANDLINE_SIDE_REMOTE: i32 = 2;

/// For landline_conn_int(): one of LANDLINE_STATE_*.
pub const LANDLINE_CONN_STATE: i32 = 1;
/// The close code to report: the peer's; if there is none, the one sent because of the peer's error; otherwise 1006.
/// 0 while the connection is open.
pub const LANDLINE_CONN_CLOSE_CODE: i32 = 2;
/// The code in the peer's Close frame, 1005 if it had none; 0 if none came.
pub const LANDLINE_CONN_CLOSE_CODE_RECEIVED: i32 = 3;
/// The code in this end's Close frame, 1005 if it had none; 0 if none was sent.
pub const LANDLINE_CONN_CLOSE_CODE_SENT: i32 = 4;
/// Whose Close frame came first: one of LANDLINE_SIDE_*.
pub const LANDLINE_CONN_CLOSED_FIRST_BY: i32 = 5;
/// 1 if the closing handshake was completed without an error.
pub const LANDLINE_CONN_CLOSED_CLEANLY: i32 = 6;
/// The descriptor, to poll in an event loop of the caller's own; LANDLINE_ERR_UNSUPPORTED if there is none. Do not
/// read from it, write to it or close it.
pub const LANDLINE_CONN_FD: i32 = 7;
/// 1 if a receiving call may find something although the descriptor is not readable: call it, with a time limit of 0,
/// until it gives LANDLINE_TIMED_OUT, before waiting.
pub const LANDLINE_CONN_HAS_BUFFERED: i32 = 9;
/// 1 if messages can be compressed.
pub const LANDLINE_CONN_COMPRESSION: i32 = 10;
/// Messages sent, gathered ones included.
pub const LANDLINE_CONN_MESSAGES_SENT: i32 = 11;
/// Messages received.
pub const LANDLINE_CONN_MESSAGES_RECEIVED: i32 = 12;
/// Payload bytes of messages sent.
pub const LANDLINE_CONN_PAYLOAD_SENT: i32 = 13;
/// Payload bytes of messages received.
pub const LANDLINE_CONN_PAYLOAD_RECEIVED: i32 = 14;
/// Bytes given to the transport after the opening handshake.
pub const LANDLINE_CONN_WIRE_SENT: i32 = 15;
/// Bytes taken from the transport after the opening handshake.
pub const LANDLINE_CONN_WIRE_RECEIVED: i32 = 16;

/// How long an event loop of the caller's own may wait for the descriptor, in milliseconds from now, as poll() takes
/// it: -1 for no limit, 0 to not wait. When that time has passed, call a receiving function, for example with a time
/// limit of 0: it sends keepalive's Ping, detects a dead peer or the end of LANDLINE_OPT_CLOSE_TIMEOUT_MS, or
/// releases memory. Query it before each wait. LANDLINE_ERR_BUSY while another thread is receiving.
pub const LANDLINE_CONN_NEXT_DEADLINE_MS: i32 = 17;

/// The connection's identity, for use as a key in tables: 1 for the first connection of a process, 2 for the next,
/// and so on. Identities are not reused within a process.
pub const LANDLINE_CONN_ID: i32 = 18;

/// How long looking up names took, until the first address could be tried, in microseconds. For this and the keys
/// that follow: steps that were repeated are added up, those that were not needed took 0; -1 for a server's
/// connection.
pub const LANDLINE_CONN_RESOLVE_TIME_US: i32 = 19;
/// How long connecting took, from the first attempt until one succeeded.
pub const LANDLINE_CONN_CONNECT_TIME_US: i32 = 20;
/// How long asking proxies to connect to the server took, TLS with them included.
pub const LANDLINE_CONN_PROXY_TIME_US: i32 = 21;
/// How long TLS with the server took, and reading certificates for it.
pub const LANDLINE_CONN_TLS_TIME_US: i32 = 22;
/// How long the opening handshake took.
pub const LANDLINE_CONN_UPGRADE_TIME_US: i32 = 23;
/// All of them together.
pub const LANDLINE_CONN_OPENING_TIME_US: i32 = 24;

/// Queries a property that is a number, by its LANDLINE_CONN_* key (1 to 99).
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key; LANDLINE_ERR_UNSUPPORTED for
/// LANDLINE_CONN_FD if there is no descriptor; LANDLINE_ERR_BUSY for LANDLINE_CONN_HAS_BUFFERED and
/// LANDLINE_CONN_NEXT_DEADLINE_MS while another thread is receiving.
///
/// # Safety
///
/// `conn` is NULL or a live handle; `value` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_int(
    conn: *const landline_conn,
    key: i32,
    value: *mut i64,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let out = Out::new(value, "value")?;
            out.set(number(conn, key)?);
            Ok(LANDLINE_OK)
        })
    }
}

/// For landline_conn_str(): the negotiated subprotocol; empty if there is none.
pub const LANDLINE_CONN_SUBPROTOCOL: i32 = 101;
/// The extensions in use, in the syntax of the Sec-WebSocket-Extensions header.
pub const LANDLINE_CONN_EXTENSIONS: i32 = 102;
/// The path and query of the request, percent-encoded.
pub const LANDLINE_CONN_TARGET: i32 = 103;
/// The peer's address, such as "127.0.0.1:9001"; empty if it has none.
pub const LANDLINE_CONN_PEER_ADDR: i32 = 104;
/// The address of this end.
pub const LANDLINE_CONN_LOCAL_ADDR: i32 = 105;
/// The peer's headers: those of the response for a client, of the request for a server; each as "name: value\r\n".
pub const LANDLINE_CONN_HEADERS: i32 = 106;
/// The reason in the peer's Close frame; empty if there was none.
pub const LANDLINE_CONN_CLOSE_REASON: i32 = 107;
/// The URL that a client's connection was opened with, without user and password; after redirects, the last one.
/// Empty on a server.
pub const LANDLINE_CONN_URL: i32 = 108;

/// Queries a property that is text, by its LANDLINE_CONN_* key (101 to 199): `*text`, `*len` bytes followed by a NUL.
/// Valid until the connection is freed. Empty if the connection has no such property. `len` may be NULL.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_INVALID for an unknown key.
///
/// # Safety
///
/// `conn` is NULL or a live handle; `text` and `len` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_str(
    conn: *const landline_conn,
    key: i32,
    text: *mut *const c_char,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let out = TextOut::new(text, len, "text")?;
            out.set_bytes(find_text(conn, key)?);
            Ok(LANDLINE_OK)
        })
    }
}

fn find_text(conn: &landline_conn, key: i32) -> Outcome<(*const u8, usize)> {
    let handshake = &conn.info.handshake;
    let address =
        |address: Option<std::net::SocketAddr>| address.map_or(String::new(), |address| address.to_string());
    let (index, make): (usize, &dyn Fn() -> String) = match key {
        LANDLINE_CONN_HEADERS => {
            return Ok(headers(conn).block());
        }
        LANDLINE_CONN_SUBPROTOCOL => (0, &|| handshake.subprotocol.clone().unwrap_or_default()),
        LANDLINE_CONN_EXTENSIONS => {
            (1, &|| handshake.extensions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        LANDLINE_CONN_TARGET => (2, &|| handshake.target.clone()),
        LANDLINE_CONN_PEER_ADDR => (3, &|| address(conn.info.peer)),
        LANDLINE_CONN_LOCAL_ADDR => (4, &|| address(conn.info.local)),
        LANDLINE_CONN_URL => (6, &|| handshake.url.clone().unwrap_or_default()),
        LANDLINE_CONN_CLOSE_REASON => {
            // Not cached until the Close frame has arrived.
            let Some(frame) = closing(conn)?.received else { return Ok((c"".as_ptr().cast(), 0)) };
            return Ok(without_nul(conn.info.texts[5].get_or_init(|| with_nul(frame.reason().as_bytes()))));
        }
        _ => return Err(names::wrong_key(names::CONN, key, "landline_conn_str")),
    };
    Ok(without_nul(conn.info.texts[index].get_or_init(|| with_nul(make().as_bytes()))))
}

fn headers(conn: &landline_conn) -> &HeaderTexts {
    conn.info.headers.get_or_init(|| HeaderTexts::new(&conn.info.handshake.headers, &[]))
}

/// The events to poll LANDLINE_CONN_FD for: POLLIN, and POLLOUT while output is pending. First sends what was
/// gathered with LANDLINE_SEND_FEED, as far as the kernel has room for it.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL.
///
/// # Safety
///
/// `conn` is NULL or a live handle; `events` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_poll_events(conn: *mut landline_conn, events: *mut i16) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let out = Out::new(events, "events")?;
            out.set(poll_events(conn)?);
            Ok(LANDLINE_OK)
        })
    }
}

/// Looks up one of the peer's headers by name, which is not case-sensitive: `*value` is its `index`th value (from 0),
/// `*len` bytes followed by a NUL, or NULL if there is none. Valid until the connection is freed. `len` may be NULL.
///
/// LANDLINE_OK, even if there is no such header; LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8.
///
/// # Safety
///
/// `conn` is NULL or a live handle; `name` is NULL or a C string; `value` and `len` are NULL or can be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_conn_header(
    conn: *const landline_conn,
    name: *const c_char,
    index: usize,
    value: *mut *const c_char,
    len: *mut usize,
) -> landline_status {
    // SAFETY: the caller's promise.
    unsafe {
        on_conn(conn, |conn| {
            let (out, name) = (TextOut::new(value, len, "value")?, string(name, "name")?);
            out.set(headers(conn).value(name, index));
            Ok(LANDLINE_OK)
        })
    }
}
