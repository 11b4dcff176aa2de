//! Statuses.

use std::ffi::c_char;

/// What most functions return: 0 for success, a positive number for an outcome to branch on, a negative one for an
/// error.
///
/// New numbers may be added to each family of a hundred; treat an unknown one as its family.
#[allow(non_camel_case_types)]
pub type landline_status = i32;

/// Success.
pub const LANDLINE_OK: landline_status = 0;
/// The closing handshake is complete, whichever side began it. Nothing more will be received.
pub const LANDLINE_CLOSED: landline_status = 1;
/// Time ran out. Nothing is lost, and of a message that was to be sent nothing was sent: the call can be repeated.
pub const LANDLINE_TIMED_OUT: landline_status = 2;
/// Another thread interrupted the call. Nothing is lost, and of a message that was to be sent nothing was sent.
pub const LANDLINE_INTERRUPTED: landline_status = 3;
/// The buffer is full, or the rest of the message has not arrived yet; the next call continues it.
pub const LANDLINE_MORE: landline_status = 4;
/// Time ran out, or the call was interrupted, when the message had already been accepted. It is on its way and must
/// not be sent again: the next call that sends, flushes or receives continues to send it.
pub const LANDLINE_PENDING: landline_status = 5;
/// A session has a new connection; there is no message. See landline_session_recv().
pub const LANDLINE_CONNECTED: landline_status = 6;

/// An argument is NULL that must not be. Nothing was done.
pub const LANDLINE_ERR_NULL: landline_status = -1;
/// An argument is out of range; the error's text names it. Nothing was done.
pub const LANDLINE_ERR_INVALID: landline_status = -2;
/// The handle is in the wrong state for this call; the error's text says why. Nothing was done.
pub const LANDLINE_ERR_STATE: landline_status = -3;
/// Another thread is receiving on this connection, or a borrowed message has not been freed. Nothing was done.
pub const LANDLINE_ERR_BUSY: landline_status = -4;
/// Text that is not UTF-8. Nothing was sent.
pub const LANDLINE_ERR_UTF8: landline_status = -5;
/// The URL is not one that can be connected to.
pub const LANDLINE_ERR_URL: landline_status = -6;
/// An option is out of range or conflicts with others, or an address to listen on is malformed.
pub const LANDLINE_ERR_CONFIG: landline_status = -7;
/// The connection is closing: nothing more can be sent, but messages can still be received.
pub const LANDLINE_ERR_CLOSING: landline_status = -8;
/// The transport does not support this: it has no descriptor, or is not a socket that can be taken out.
pub const LANDLINE_ERR_UNSUPPORTED: landline_status = -9;
/// landline_conn_try_send() would have had to wait. Nothing was done. Also returned by the callbacks of a transport;
/// the library then waits and tries again.
pub const LANDLINE_ERR_WOULD_BLOCK: landline_status = -10;
/// The handle was created in the process that this one was forked from, and belongs to that process (see FORK at the
/// top). Nothing was done.
pub const LANDLINE_ERR_FORKED: landline_status = -11;
/// A session has no connection at the moment. Nothing was sent: try again when it has one.
pub const LANDLINE_ERR_NOT_CONNECTED: landline_status = -12;
/// A session keeps messages in its outbox at the moment, because it has no connection or the server does not read, and
/// there is no room for this one. Nothing was sent.
pub const LANDLINE_ERR_OUTBOX_FULL: landline_status = -13;

/// A system call failed; LANDLINE_ERROR_ERRNO has the error number.
pub const LANDLINE_ERR_IO: landline_status = -100;
/// The stream ended without a Close frame (1006). Connection over.
pub const LANDLINE_ERR_EOF: landline_status = -101;
/// The host name could not be looked up.
pub const LANDLINE_ERR_RESOLVE: landline_status = -102;
/// No address of the host could be connected to.
pub const LANDLINE_ERR_CONNECT: landline_status = -103;
/// The connection was aborted by this program.
pub const LANDLINE_ERR_ABORTED: landline_status = -104;
/// The peer has been silent for too long; see LANDLINE_OPT_KEEPALIVE_INTERVAL_MS. Connection over.
pub const LANDLINE_ERR_SILENT: landline_status = -105;
/// The peer did not complete the closing handshake in time. Connection over.
pub const LANDLINE_ERR_CLOSE_UNANSWERED: landline_status = -106;
/// landline_conn_detach() has taken the socket out of the connection. Connection over for this program.
pub const LANDLINE_ERR_DETACHED: landline_status = -107;
/// A proxy could not be reached, or refused to connect. LANDLINE_ERROR_HTTP_STATUS, _HTTP_HEADERS
/// and _HTTP_BODY contain the response of an HTTP proxy. The server is not involved.
pub const LANDLINE_ERR_PROXY: landline_status = -108;
/// A session has ended because time ran out in its last attempt. Unlike after LANDLINE_TIMED_OUT, there is no use in
/// calling again.
pub const LANDLINE_ERR_GAVE_UP: landline_status = -109;

/// TLS failed. Either a certificate or key of this end cannot be read or used: LANDLINE_ERROR_FAULT is
/// LANDLINE_FAULT_CALLER, the text says which one, in which file, and why, and LANDLINE_ERROR_ERRNO has the error
/// number of a file that cannot be read. Or the handshake failed, or a record of an open connection was damaged or
/// changed on the way, was not TLS, or was an alert: LANDLINE_FAULT_PEER. An open connection is over.
pub const LANDLINE_ERR_TLS: landline_status = -200;

/// The server did not open a WebSocket: see LANDLINE_ERROR_HTTP_STATUS, _HTTP_HEADERS and _HTTP_BODY.
pub const LANDLINE_ERR_HANDSHAKE: landline_status = -300;
/// A client's request was refused, and the client has been told. The listener can be used as before.
pub const LANDLINE_ERR_REJECTED: landline_status = -301;

/// The peer violated the protocol, and has been told. Connection over.
pub const LANDLINE_ERR_PROTOCOL: landline_status = -400;

/// The peer exceeded a limit of this end, and has been told. Connection over.
pub const LANDLINE_ERR_LIMIT: landline_status = -500;

/// A defect in Landline. Every later call on the handle returns this; free it.
pub const LANDLINE_ERR_PANIC: landline_status = -900;
/// An error that has no number of its own yet; see its text.
pub const LANDLINE_ERR_OTHER: landline_status = -901;

/// Every status: its number, its name, what it means in one line.
const TABLE: &[(landline_status, &str, &str)] = &[
    (LANDLINE_OK, "LANDLINE_OK\0", "success\0"),
    (LANDLINE_CLOSED, "LANDLINE_CLOSED\0", "closed cleanly\0"),
    (LANDLINE_TIMED_OUT, "LANDLINE_TIMED_OUT\0", "time ran out; nothing is lost\0"),
    (LANDLINE_INTERRUPTED, "LANDLINE_INTERRUPTED\0", "interrupted; nothing is lost\0"),
    (LANDLINE_MORE, "LANDLINE_MORE\0", "the message goes on\0"),
    (LANDLINE_PENDING, "LANDLINE_PENDING\0", "the message is on its way; do not send it again\0"),
    (LANDLINE_CONNECTED, "LANDLINE_CONNECTED\0", "there is a new connection\0"),
    (LANDLINE_ERR_NULL, "LANDLINE_ERR_NULL\0", "an argument is NULL\0"),
    (LANDLINE_ERR_INVALID, "LANDLINE_ERR_INVALID\0", "an argument is out of range\0"),
    (LANDLINE_ERR_STATE, "LANDLINE_ERR_STATE\0", "the call does not fit what was done before\0"),
    (LANDLINE_ERR_BUSY, "LANDLINE_ERR_BUSY\0", "the connection is being received from\0"),
    (LANDLINE_ERR_UTF8, "LANDLINE_ERR_UTF8\0", "text is not UTF-8\0"),
    (LANDLINE_ERR_URL, "LANDLINE_ERR_URL\0", "the URL cannot be connected to\0"),
    (LANDLINE_ERR_CONFIG, "LANDLINE_ERR_CONFIG\0", "an option cannot be used\0"),
    (LANDLINE_ERR_CLOSING, "LANDLINE_ERR_CLOSING\0", "the connection is closing\0"),
    (LANDLINE_ERR_UNSUPPORTED, "LANDLINE_ERR_UNSUPPORTED\0", "the transport cannot do that\0"),
    (LANDLINE_ERR_WOULD_BLOCK, "LANDLINE_ERR_WOULD_BLOCK\0", "not now\0"),
    (LANDLINE_ERR_FORKED, "LANDLINE_ERR_FORKED\0", "the handle belongs to the parent process\0"),
    (LANDLINE_ERR_NOT_CONNECTED, "LANDLINE_ERR_NOT_CONNECTED\0", "there is no connection at the moment\0"),
    (LANDLINE_ERR_OUTBOX_FULL, "LANDLINE_ERR_OUTBOX_FULL\0", "there is no room in the outbox\0"),
    (LANDLINE_ERR_IO, "LANDLINE_ERR_IO\0", "the network or the system failed\0"),
    (LANDLINE_ERR_EOF, "LANDLINE_ERR_EOF\0", "the connection ended without a Close frame\0"),
    (LANDLINE_ERR_RESOLVE, "LANDLINE_ERR_RESOLVE\0", "the host name could not be looked up\0"),
    (LANDLINE_ERR_CONNECT, "LANDLINE_ERR_CONNECT\0", "no connection to the host\0"),
    (LANDLINE_ERR_ABORTED, "LANDLINE_ERR_ABORTED\0", "the connection was aborted\0"),
    (LANDLINE_ERR_SILENT, "LANDLINE_ERR_SILENT\0", "the peer is silent\0"),
    (LANDLINE_ERR_CLOSE_UNANSWERED, "LANDLINE_ERR_CLOSE_UNANSWERED\0", "the peer did not answer the Close frame\0"),
    (LANDLINE_ERR_DETACHED, "LANDLINE_ERR_DETACHED\0", "the socket was taken out of the connection\0"),
    (LANDLINE_ERR_PROXY, "LANDLINE_ERR_PROXY\0", "no way through the proxy\0"),
    (LANDLINE_ERR_GAVE_UP, "LANDLINE_ERR_GAVE_UP\0", "time ran out in the last attempt of a session\0"),
    (LANDLINE_ERR_TLS, "LANDLINE_ERR_TLS\0", "TLS failed\0"),
    (LANDLINE_ERR_HANDSHAKE, "LANDLINE_ERR_HANDSHAKE\0", "the server did not open a WebSocket\0"),
    (LANDLINE_ERR_REJECTED, "LANDLINE_ERR_REJECTED\0", "the request was refused\0"),
    (LANDLINE_ERR_PROTOCOL, "LANDLINE_ERR_PROTOCOL\0", "the peer broke the protocol\0"),
    (LANDLINE_ERR_LIMIT, "LANDLINE_ERR_LIMIT\0", "the peer went over a limit\0"),
    (LANDLINE_ERR_PANIC, "LANDLINE_ERR_PANIC\0", "a defect in Landline\0"),
    (LANDLINE_ERR_OTHER, "LANDLINE_ERR_OTHER\0", "another error\0"),
];

/// The name of a status that is known.
pub(crate) fn name(status: landline_status) -> Option<&'static str> {
    let found = TABLE.iter().find(|(number, ..)| *number == status);
    found.map(|(_, name, _)| name.trim_end_matches('\0'))
}

fn lookup(status: landline_status) -> (&'static str, &'static str) {
    let found = TABLE.iter().find(|(number, ..)| *number == status);
    found.map_or(("LANDLINE_UNKNOWN\0", "a status of a newer version\0"), |(_, name, text)| (*name, *text))
}

/// The name of a status, such as "LANDLINE_TIMED_OUT". Accepts any number. Never NULL; static.
#[unsafe(no_mangle)]
pub extern "C" fn landline_status_name(status: landline_status) -> *const c_char {
    lookup(status).0.as_ptr().cast()
}

/// Describes a status in a few words. Never NULL; static. landline_error_text() says more about the last failure.
#[unsafe(no_mangle)]
pub extern "C" fn landline_status_text(status: landline_status) -> *const c_char {
    lookup(status).1.as_ptr().cast()
}

/// Whether a connection that gave this status is over: 1, or 0 if it can be used as before.
#[unsafe(no_mangle)]
pub extern "C" fn landline_status_is_fatal(status: landline_status) -> i32 {
    i32::from(status == LANDLINE_CLOSED || status <= LANDLINE_ERR_IO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::status_of;
    use landline::Error;
    use landline::error::{Closed, UsageError};
    use std::ffi::CStr;

    #[test]
    fn numbers_are_unique_and_texts_end() {
        for (i, (status, name, text)) in TABLE.iter().enumerate() {
            assert!(TABLE[i + 1..].iter().all(|(other, ..)| other != status), "{status} twice");
            assert!(
                CStr::from_bytes_with_nul(name.as_bytes()).is_ok()
                    && CStr::from_bytes_with_nul(text.as_bytes()).is_ok()
            );
        }
    }

    #[test]
    fn fatal_agrees_with_the_library() {
        let errors = [
            Error::Closed(Closed::Eof),
            Error::Closed(Closed::Sent),
            Error::Closed(Closed::Aborted),
            Error::Closed(Closed::NotConnected),
            Error::Closed(Closed::OutboxFull),
            Error::Usage(UsageError::EmptyBuffer),
            Error::Usage(UsageError::InvalidUtf8),
            Error::Protocol(landline::error::ProtocolError::InvalidUtf8),
        ];
        for error in errors {
            assert_eq!(landline_status_is_fatal(status_of(&error)) == 1, error.is_fatal(), "{error}");
        }
    }
}
