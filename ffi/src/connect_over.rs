//! Opening connections over sockets and transports of the caller's own, and in memory.

use crate::args::{limit, out_handle};
use crate::conn::landline_conn;
use crate::connect::{into_handle, prepare};
use crate::failure::{Failure, guard};
use crate::options::landline_options;
use crate::socket::socket;
use crate::status::*;
use crate::transport::{CallerTransport, landline_transport};
use crate::values::values;
use landline::transport::pair;
use std::ffi::{c_char, c_void};

/// Opens a connection over a stream socket, TCP or Unix, that the caller has already connected. `url` determines the
/// request; with wss://, TLS runs over the socket. If `take` is 1, the descriptor belongs to the library from now on,
/// even if this call fails; if it is 0, the connection uses a duplicate, and the caller can close the original at any
/// time.
///
/// Blocks and returns as landline_connect() does; LANDLINE_ERR_INVALID for a descriptor that is not a connected
/// stream socket.
///
/// # Safety
///
/// As landline_connect(); `fd` is open, and with `take` it is not used by anything else.
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
        // SAFETY: the caller's promise. Comes first, so that the descriptor is closed even if another argument is
        // wrong.
        let transport = unsafe { socket(fd, take) };
        // SAFETY: the caller's promise.
        let (out, values, url, is_tls) = unsafe { prepare(url, options, conn) }?;
        let ws = values.client(is_tls, limit(timeout_ms)?)?.connect_over(transport?, url)?;
        out.set(into_handle(landline_conn::wrap(ws, values.single_thread(), values.close_timeout())?));
        Ok(LANDLINE_OK)
    })
}

/// Opens a connection over a transport that the caller implements, whose functions are called with `user`. `url`
/// determines the request; with wss://, TLS runs over the transport. The table is copied. Its `free` is called once,
/// even if this call fails, unless the table itself is NULL, incomplete or of the wrong size.
///
/// Blocks and returns as landline_connect() does.
///
/// # Safety
///
/// As landline_connect(); `transport` is NULL or a table as landline_transport demands.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_connect_transport(
    transport: *const landline_transport,
    user: *mut c_void,
    url: *const c_char,
    options: *const landline_options,
    timeout_ms: i32,
    conn: *mut *mut landline_conn,
) -> landline_status {
    guard(|| {
        // SAFETY: the caller's promise. Comes first, so that it is freed even if another argument is wrong.
        let transport = unsafe { CallerTransport::new(transport, user) };
        // SAFETY: the caller's promise.
        let (out, values, url, is_tls) = unsafe { prepare(url, options, conn) }?;
        let ws = values.client(is_tls, limit(timeout_ms)?)?.connect_over(transport?, url)?;
        out.set(into_handle(landline_conn::wrap(ws, values.single_thread(), values.close_timeout())?));
        Ok(LANDLINE_OK)
    })
}

/// Creates a client and a server that are connected in memory, for tests. Both sets of options may be NULL. Such
/// connections have no descriptor.
///
/// Each direction buffers 64 KiB, including a few bytes for each frame. A send that does not fit blocks until the
/// other end receives: if a single thread sends more than that before it receives, with no time limit, it blocks
/// forever.
///
/// LANDLINE_OK; LANDLINE_ERR_NULL; LANDLINE_ERR_CONFIG; LANDLINE_ERR_HANDSHAKE if the server's options refuse the
/// client.
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
