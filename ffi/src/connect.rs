//! Opening connections as a client.

use crate::args::{limit, out_handle, string};
use crate::conn::landline_conn;
use crate::failure::{Failure, Outcome, guard};
use crate::options::{Values, landline_options, values};
use crate::status::*;
use crate::transport::{CallerTransport, landline_transport};
use landline::transport::{SocketTransport, pair};
use landline::uri::Endpoint;
use std::ffi::c_char;
use std::net::TcpStream;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

pub(crate) fn into_handle(conn: Arc<landline_conn>) -> *mut landline_conn {
    Arc::into_raw(conn).cast_mut()
}

/// Opens a connection to a URL that begins with ws:// or wss://. `options` may be NULL. Free `*conn` with
/// landline_conn_free().
///
/// Blocks until it is open: looking up the name, connecting, TLS and the opening handshake together take at most
/// LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS, or `timeout_ms` if that is less and not -1.
///
/// LANDLINE_OK; LANDLINE_TIMED_OUT, LANDLINE_INTERRUPTED (LANDLINE_ERROR_PHASE says in which step of both);
/// LANDLINE_ERR_URL; LANDLINE_ERR_CONFIG; LANDLINE_ERR_RESOLVE; LANDLINE_ERR_CONNECT; LANDLINE_ERR_TLS;
/// LANDLINE_ERR_HANDSHAKE when the server refused (see LANDLINE_ERROR_HTTP_STATUS); LANDLINE_ERR_IO;
/// LANDLINE_ERR_NULL; LANDLINE_ERR_UTF8. `*conn` is NULL unless the status is LANDLINE_OK.
///
/// # Safety
///
/// `url` is NULL or a C string; `options` is NULL or a live handle; `conn` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_connect(
    url: *const c_char,
    options: *const landline_options,
    timeout_ms: i32,
    conn: *mut *mut landline_conn,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (out, values, url, is_tls) = unsafe { prepare(url, options, conn) }?;
        let ws = values.client(is_tls, limit(timeout_ms)?)?.connect(url)?;
        out.set(into_handle(landline_conn::wrap(ws, values.single_thread(), values.close_timeout())?));
        Ok(LANDLINE_OK)
    })
}

/// Opens a connection over a stream socket that the caller has connected, TCP or Unix. `url` says what to ask for, and
/// with wss:// TLS is done over it. With `take` 1 the descriptor belongs to the connection from here on, also when this
/// fails; with 0 the connection uses a duplicate, and the caller still closes his own, at any time.
///
/// Blocks, and returns, as landline_connect(); LANDLINE_ERR_INVALID for a descriptor that is no such socket.
///
/// # Safety
///
/// As landline_connect(); `fd` is open, and with `take` nobody else uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_connect_fd(
    fd: i32,
    take: i32,
    url: *const c_char,
    options: *const landline_options,
    timeout_ms: i32,
    conn: *mut *mut landline_conn,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise. First, so that the descriptor is closed whatever is wrong with the rest.
        let transport = unsafe { socket(fd, take) };
        // SAFETY: the caller's promise.
        let (out, values, url, is_tls) = unsafe { prepare(url, options, conn) }?;
        let ws = values.client(is_tls, limit(timeout_ms)?)?.connect_over(transport?, url)?;
        out.set(into_handle(landline_conn::wrap(ws, values.single_thread(), values.close_timeout())?));
        Ok(LANDLINE_OK)
    })
}

/// Opens a connection over a transport of the caller's own. `url` says what to ask for, and with wss:// TLS is done
/// over it. The table is copied; its `free` is called once, also when this fails, unless it is the table that is NULL,
/// incomplete or of the wrong size.
///
/// Blocks, and returns, as landline_connect().
///
/// # Safety
///
/// As landline_connect(); `transport` is NULL or a table as landline_transport demands.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_connect_transport(
    transport: *const landline_transport,
    url: *const c_char,
    options: *const landline_options,
    timeout_ms: i32,
    conn: *mut *mut landline_conn,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise. First, so that it is freed whatever is wrong with the rest.
        let transport = unsafe { CallerTransport::new(transport) };
        // SAFETY: the caller's promise.
        let (out, values, url, is_tls) = unsafe { prepare(url, options, conn) }?;
        let ws = values.client(is_tls, limit(timeout_ms)?)?.connect_over(transport?, url)?;
        out.set(into_handle(landline_conn::wrap(ws, values.single_thread(), values.close_timeout())?));
        Ok(LANDLINE_OK)
    })
}

/// Makes a client and a server that are connected in memory, for tests. Both sets of options may be NULL. Such
/// connections have no descriptor.
///
/// Each direction holds 64 KiB. What does not fit, with a few bytes for each frame, waits until the other end
/// receives: a single thread that sends more than that before it receives, with no time limit, blocks for ever.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_CONFIG; LANDLINE_ERR_HANDSHAKE when the two do not agree.
///
/// # Safety
///
/// Both options are NULL or live handles; `client` and `server` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_pair(
    client_options: *const landline_options,
    server_options: *const landline_options,
    client: *mut *mut landline_conn,
    server: *mut *mut landline_conn,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (to_client, to_server, ours, theirs) = unsafe {
            let (client, server) = (out_handle(client, "client"), out_handle(server, "server"));
            (client?, server?, values(client_options), values(server_options).without_tls())
        };
        let (near, far) = pair();
        let connector = ours.client(false, None)?;
        let (near, far) = std::thread::scope(|scope| {
            let accepting = scope.spawn(|| Ok::<_, Failure>(theirs.accept_over(far, None)?.accept()?));
            let near = connector.connect_over(near, "ws://memory/");
            (near, accepting.join())
        });
        let far = far.map_err(|_| Failure::state("a thread failed"))?;
        let near = landline_conn::wrap(near?, ours.single_thread(), ours.close_timeout())?;
        let far = landline_conn::wrap(far?, theirs.single_thread(), theirs.close_timeout())?;
        to_client.set(into_handle(near));
        to_server.set(into_handle(far));
        Ok(LANDLINE_OK)
    })
}

/// What all ways to connect have in common.
///
/// # Safety
///
/// As [`landline_connect`].
unsafe fn prepare<'a>(
    url: *const c_char,
    options: *const landline_options,
    conn: *mut *mut landline_conn,
) -> Outcome<(crate::args::Out<*mut landline_conn>, Values, &'a str, bool)> {
    // SAFETY: the caller's promise.
    unsafe {
        let out = out_handle(conn, "conn")?;
        let url = string(url, "url")?;
        let is_tls = Endpoint::parse(url).map_err(landline::Error::from)?.is_tls();
        Ok((out, values(options), url, is_tls))
    }
}

/// A transport over a socket of the caller's.
///
/// # Safety
///
/// `fd` is open, and with `take` nobody else uses it.
pub(crate) unsafe fn socket(fd: i32, take: i32) -> Outcome<SocketTransport> {
    use rustix::net::AddressFamily;
    // SAFETY: the caller's promise.
    let fd = unsafe { stream_socket(fd, take) }?;
    let system = |error: std::io::Error| Failure::invalid(format!("the descriptor cannot be used: {error}"));
    // Not by SO_DOMAIN, which macOS does not have.
    let family = rustix::net::getsockname(&fd).map_err(|error| system(error.into()))?.address_family();
    let transport = match family {
        AddressFamily::INET | AddressFamily::INET6 => {
            SocketTransport::tcp(TcpStream::from(fd), &Default::default())
        }
        AddressFamily::UNIX => SocketTransport::unix(UnixStream::from(fd)),
        _ => return Err(Failure::invalid("the descriptor is neither a TCP nor a Unix socket")),
    };
    transport.map_err(system)
}

/// A stream socket of the caller's, or a copy of it.
///
/// # Safety
///
/// As [`socket`].
pub(crate) unsafe fn stream_socket(fd: i32, take: i32) -> Outcome<OwnedFd> {
    use rustix::net::{SocketType, sockopt};
    if fd < 0 {
        return Err(Failure::invalid(format!("{fd} is not a descriptor")));
    }
    let system = |error: std::io::Error| Failure::invalid(format!("descriptor {fd} cannot be used: {error}"));
    // SAFETY: the caller's promise.
    let fd = unsafe {
        if take != 0 {
            OwnedFd::from_raw_fd(fd)
        } else {
            BorrowedFd::borrow_raw(fd).try_clone_to_owned().map_err(system)?
        }
    };
    let kind = sockopt::socket_type(&fd).map_err(|error| system(error.into()))?;
    if kind != SocketType::STREAM {
        return Err(Failure::invalid("the descriptor is not a stream socket"));
    }
    Ok(fd)
}
