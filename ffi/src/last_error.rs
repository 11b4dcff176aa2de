//! The last failure of each thread, and what can be asked about it.

use crate::args::Out;
use crate::failure::{Failure, is_look_up, status_of};
use crate::headers::{HeaderTexts, with_nul, without_nul};
use crate::status::*;
use crate::tls_reason::tls_reason;
use landline::Error;
use landline::error::{Attempt, ConfigError, Fault, Phase, ProxyFailure, TlsStage};
use std::cell::RefCell;
use std::ffi::{CString, c_char, c_void};
use std::io;

/// The last failure of a thread, with its details, which are made when they are first queried.
#[derive(Default)]
struct Last {
    failure: Option<Failure>,
    text: Option<CString>,
    response: Option<HeaderTexts>,
    attempts: Option<Box<[u8]>>,
}

thread_local! {
    static LAST: RefCell<Last> = RefCell::default();
}

/// Records a failure as the thread's last error and returns its status.
#[cold]
pub(crate) fn remember(failure: Failure) -> landline_status {
    let status = failure.status();
    // In a thread that is ending, the storage may be gone, and no call can query it any more.
    let _ = LAST.try_with(|last| *last.borrow_mut() = Last { failure: Some(failure), ..Last::default() });
    status
}

/// The error of the library behind the thread's last failure, if that had this status.
pub(crate) fn last_error(status: landline_status) -> Option<Error> {
    let last = LAST.try_with(|last| last.borrow().failure.clone()).ok()??;
    match last {
        Failure::Library(error) if status_of(&error) == status => Some(error),
        _ => None,
    }
}

/// What a call was doing when it failed, timed out or was interrupted: not known.
pub const LANDLINE_PHASE_NONE: i32 = 0;
/// Looking up the host's addresses.
pub const LANDLINE_PHASE_RESOLVE: i32 = 1;
/// Connecting to one of them.
pub const LANDLINE_PHASE_CONNECT: i32 = 2;
/// The TLS handshake.
pub const LANDLINE_PHASE_TLS: i32 = 3;
/// The opening handshake.
pub const LANDLINE_PHASE_HANDSHAKE: i32 = 4;
/// Waiting for a client.
pub const LANDLINE_PHASE_ACCEPT: i32 = 5;
/// Receiving.
pub const LANDLINE_PHASE_RECV: i32 = 6;
/// Sending.
pub const LANDLINE_PHASE_SEND: i32 = 7;
/// Waiting for a Pong.
pub const LANDLINE_PHASE_PING: i32 = 8;
/// Connecting to a proxy, and through it to the server.
pub const LANDLINE_PHASE_PROXY: i32 = 9;

/// Who is at fault: there was no failure.
#[allow(dead_code, reason = "what landline_error_int() gives where there is no failure")]
pub const LANDLINE_FAULT_NONE: i32 = 0;
/// This program.
pub const LANDLINE_FAULT_CALLER: i32 = 1;
/// The peer.
pub const LANDLINE_FAULT_PEER: i32 = 2;
/// The network, or time ran out.
pub const LANDLINE_FAULT_NETWORK: i32 = 3;
/// A limit that this program set, and can raise, was exceeded.
pub const LANDLINE_FAULT_LIMIT: i32 = 4;

/// For landline_error_int(): the status.
pub const LANDLINE_ERROR_STATUS: i32 = 1;
/// For landline_error_int(): one of LANDLINE_PHASE_*.
pub const LANDLINE_ERROR_PHASE: i32 = 2;
/// For landline_error_int(): the system's error number, or 0.
pub const LANDLINE_ERROR_ERRNO: i32 = 3;
/// For landline_error_int(): the HTTP status of a refused handshake, or 0. For a client, it is the one that the
/// server sent, or with LANDLINE_ERR_PROXY the proxy; for a server, the one that it responded with.
pub const LANDLINE_ERROR_HTTP_STATUS: i32 = 4;
/// For landline_error_int(): the close code that the peer was sent because of the error, or 0.
pub const LANDLINE_ERROR_CLOSE_CODE: i32 = 5;
/// For landline_error_int(): one of LANDLINE_FAULT_*.
pub const LANDLINE_ERROR_FAULT: i32 = 6;
/// For landline_error_int(): whether the connection is over.
pub const LANDLINE_ERROR_IS_FATAL: i32 = 7;
/// For landline_error_int(): whether connecting again later may succeed without any change: see landline_session.
pub const LANDLINE_ERROR_IS_TRANSIENT: i32 = 13;
/// For landline_error_int(): how long the server that refused the handshake, or the proxy, wants clients to wait
/// (Retry-After), in milliseconds; 0 if it did not say so.
pub const LANDLINE_ERROR_RETRY_AFTER_MS: i32 = 14;
/// For landline_error_bytes(): the headers of the response that refused a handshake, each as "name: value\r\n". For a
/// server, they are those of its own response, without the ones that every such response has.
pub const LANDLINE_ERROR_HTTP_HEADERS: i32 = 8;
/// For landline_error_bytes(): the body of that response, on a client up to LANDLINE_OPT_MAX_REFUSAL_BODY bytes.
pub const LANDLINE_ERROR_HTTP_BODY: i32 = 9;
/// For landline_error_bytes(): the addresses to which a client failed to connect, in the order of the attempts, each
/// as "ADDRESS\tWHY\n"; those of the proxy, if that could not be reached.
pub const LANDLINE_ERROR_ATTEMPTS: i32 = 10;
/// For landline_error_int(): why TLS failed, one of LANDLINE_TLS_REASON_*.
pub const LANDLINE_ERROR_TLS_REASON: i32 = 12;

/// Describes the last failure in this thread, its cause, and what can be done about it, in one line for people.
/// Options are called by their names in this header. Never NULL; empty if there was no failure. Valid until the next
/// call in this thread that fails. Outcomes count as failures here (CLOSED, TIMED_OUT, INTERRUPTED, PENDING), except
/// for LANDLINE_MORE.
#[unsafe(no_mangle)]
pub extern "C" fn landline_error_text() -> *const c_char {
    let text = LAST.try_with(|last| {
        let last = &mut *last.borrow_mut();
        let Some(failure) = &last.failure else { return c"".as_ptr() };
        let text =
            last.text.get_or_insert_with(|| CString::new(failure.text().replace('\0', "\\0")).unwrap_or_default());
        text.as_ptr()
    });
    text.unwrap_or(c"".as_ptr())
}

/// A number that describes the last failure in this thread, by its LANDLINE_ERROR_* key; 0 if the failure has no such
/// number or the key is unknown.
#[unsafe(no_mangle)]
pub extern "C" fn landline_error_int(key: i32) -> i64 {
    LAST.try_with(|last| {
        let last = last.borrow();
        last.failure.as_ref().map_or(0, |failure| number(failure, key))
    })
    .unwrap_or(0)
}

fn number(failure: &Failure, key: i32) -> i64 {
    let error = match failure {
        Failure::Misuse(status, _) => {
            return match key {
                LANDLINE_ERROR_STATUS => (*status).into(),
                LANDLINE_ERROR_FAULT => LANDLINE_FAULT_CALLER.into(),
                LANDLINE_ERROR_IS_FATAL => landline_status_is_fatal(*status).into(),
                _ => 0,
            };
        }
        Failure::Closed(_) => {
            return match key {
                LANDLINE_ERROR_STATUS => LANDLINE_CLOSED.into(),
                LANDLINE_ERROR_FAULT => LANDLINE_FAULT_NONE.into(),
                LANDLINE_ERROR_IS_FATAL => 1,
                _ => 0,
            };
        }
        Failure::Library(error) => error,
    };
    match key {
        LANDLINE_ERROR_STATUS => status_of(error).into(),
        LANDLINE_ERROR_PHASE => phase(error).into(),
        LANDLINE_ERROR_ERRNO => errno(error).unwrap_or(0).into(),
        LANDLINE_ERROR_HTTP_STATUS => http_status(error).into(),
        LANDLINE_ERROR_CLOSE_CODE => error.close_code().map_or(0, |code| u16::from(code).into()),
        LANDLINE_ERROR_FAULT => fault(error).into(),
        LANDLINE_ERROR_TLS_REASON => tls_reason(error).into(),
        LANDLINE_ERROR_IS_FATAL => landline_status_is_fatal(status_of(error)).into(),
        LANDLINE_ERROR_IS_TRANSIENT => error.is_transient().into(),
        LANDLINE_ERROR_RETRY_AFTER_MS => {
            let wait = error.retry_after().unwrap_or_default();
            i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
        }
        _ => 0,
    }
}

fn fault(error: &Error) -> i32 {
    match error.fault() {
        Fault::Caller => LANDLINE_FAULT_CALLER,
        Fault::Peer => LANDLINE_FAULT_PEER,
        Fault::Network => LANDLINE_FAULT_NETWORK,
        Fault::Limit => LANDLINE_FAULT_LIMIT,
    }
}

fn phase(error: &Error) -> i32 {
    match error {
        Error::Timeout(timeout) | Error::GaveUp(timeout) => phase_of(timeout.phase),
        Error::Interrupted(interrupted) => phase_of(interrupted.phase),
        Error::Connect(error) if is_look_up(error) => LANDLINE_PHASE_RESOLVE,
        Error::Connect(_) => LANDLINE_PHASE_CONNECT,
        Error::Proxy(_) => LANDLINE_PHASE_PROXY,
        Error::Tls(error) if error.stage() != TlsStage::Open => LANDLINE_PHASE_TLS,
        Error::Config(error) if matches!(**error, ConfigError::File { .. } | ConfigError::KeyLog { .. }) => {
            LANDLINE_PHASE_TLS
        }
        Error::Handshake(_) | Error::Redirect(_) | Error::Rejected(_) => LANDLINE_PHASE_HANDSHAKE,
        _ => LANDLINE_PHASE_NONE,
    }
}

fn phase_of(phase: Phase) -> i32 {
    match phase {
        Phase::Resolve => LANDLINE_PHASE_RESOLVE,
        Phase::Connect => LANDLINE_PHASE_CONNECT,
        Phase::Proxy => LANDLINE_PHASE_PROXY,
        Phase::Tls => LANDLINE_PHASE_TLS,
        Phase::Handshake => LANDLINE_PHASE_HANDSHAKE,
        Phase::Accept => LANDLINE_PHASE_ACCEPT,
        Phase::Recv => LANDLINE_PHASE_RECV,
        Phase::Send => LANDLINE_PHASE_SEND,
        Phase::Ping => LANDLINE_PHASE_PING,
        _ => LANDLINE_PHASE_NONE,
    }
}

fn errno(error: &Error) -> Option<i32> {
    match error {
        Error::Io { source, .. } => source.raw_os_error(),
        Error::Config(error) => match &**error {
            ConfigError::File { source, .. } | ConfigError::KeyLog { source, .. } => source.raw_os_error(),
            _ => None,
        },
        Error::Proxy(error) => match &error.failure {
            ProxyFailure::Connection(error) => errno(error),
            _ => None,
        },
        Error::Connect(connect) => {
            let lookup = connect.lookup.as_ref().and_then(io::Error::raw_os_error);
            connect.attempts.iter().find_map(|attempt| attempt.error.raw_os_error()).or(lookup)
        }
        _ => None,
    }
}

fn http_status(error: &Error) -> u16 {
    let status = match error {
        Error::Proxy(error) => error.status(),
        error => error.status(),
    };
    status.map_or(0, |status| status.as_u16())
}

/// What the response that refused a handshake contains: a client's from the server, a server's to the client.
fn response(failure: Option<&Failure>) -> HeaderTexts {
    let Some(Failure::Library(error)) = failure else { return HeaderTexts::default() };
    match (error.refusal(), error) {
        (Some(refusal), _) => HeaderTexts::new(&refusal.headers, &refusal.body),
        (None, Error::Proxy(error)) => match error.refusal() {
            Some(refusal) => HeaderTexts::new(&refusal.headers, &refusal.body),
            None => HeaderTexts::default(),
        },
        (None, Error::Rejected(rejection)) => HeaderTexts::new(rejection.headers().iter(), rejection.body()),
        (None, _) => HeaderTexts::default(),
    }
}

fn attempts(failure: Option<&Failure>) -> String {
    let Some(Failure::Library(error)) = failure else { return String::new() };
    let line = |attempt: &Attempt| match attempt.error.kind() {
        io::ErrorKind::TimedOut => format!("{}\tno answer\n", attempt.address),
        _ => format!("{}\t{}\n", attempt.address, attempt.error),
    };
    error.attempts().iter().map(line).collect()
}

/// Bytes that describe the last failure in this thread, by their LANDLINE_ERROR_* key: `*len` bytes, followed by a
/// NUL. Never NULL; valid until the next call in this thread that fails. Empty if the failure has no such bytes or
/// the key is unknown. `len` may be NULL.
///
/// # Safety
///
/// `len` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_error_bytes(key: i32, len: *mut usize) -> *const c_void {
    let found = LAST.try_with(|last| {
        let last = &mut *last.borrow_mut();
        let texts = last.response.get_or_insert_with(|| response(last.failure.as_ref()));
        match key {
            LANDLINE_ERROR_HTTP_HEADERS => texts.block(),
            LANDLINE_ERROR_HTTP_BODY => texts.body(),
            LANDLINE_ERROR_ATTEMPTS => {
                let attempts =
                    last.attempts.get_or_insert_with(|| with_nul(attempts(last.failure.as_ref()).as_bytes()));
                without_nul(attempts)
            }
            _ => without_nul(&[]),
        }
    });
    let (data, count) = found.unwrap_or_else(|_| without_nul(&[]));
    // SAFETY: the caller's promise.
    if let Ok(out) = unsafe { Out::new(len, "len") } {
        out.set(count);
    }
    data.cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_belong_to_their_thread() {
        remember(Failure::null("url"));
        std::thread::spawn(|| assert_eq!(landline_error_int(LANDLINE_ERROR_STATUS), 0)).join().unwrap();
        assert_eq!(landline_error_int(LANDLINE_ERROR_STATUS), i64::from(LANDLINE_ERR_NULL));
    }
}
