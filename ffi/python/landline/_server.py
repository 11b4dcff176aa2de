"""The server's side: serve(), accept(), and a thread for each connection."""

import _thread
import ctypes
import errno
import logging
import os
import socket
import threading
import time
from ctypes import c_size_t, c_void_p
from http import HTTPStatus
from types import TracebackType
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Type, Union

from . import _abi
from ._arguments import expect, function, integer, not_negative, plain_socket, texts
from ._connection import Connection
from ._exceptions import ConnectError, ConnectionClosed, Error, UsageError, check
from ._headers import Headers, HeadersLike, pairs, parse
from ._options import Compression, Options, PathLike, TcpOptions, c_text, path_text
from ._payload import as_bytes
from ._tls import TlsInfo, TlsOptions, set_tls, tls_info
from ._waiting import SLICE, Limit, in_turn, seconds

_log = logging.getLogger("landline.server")

# How many clients over the limit are being refused at a time. Further ones are dropped.
_REFUSALS = 32
# Temporary failures of the system, during which clients wait. They do not end a server.
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN, errno.ECONNABORTED)
_SCHEMES = {None: _abi.SCHEME_UNKNOWN, "http": _abi.SCHEME_HTTP, "https": _abi.SCHEME_HTTPS}


class Response(NamedTuple):
    """An HTTP response that refuses a client.

    Attributes:
        status: from 200 to 599.
        body: str or bytes-like.
        headers: additional headers.
    """

    status: int = HTTPStatus.FORBIDDEN
    body: Union[str, bytes] = b""
    headers: HeadersLike = ()


class Request(_abi.Unique):
    """The request of a client that has not been accepted yet, for process_request and select_subprotocol.

    Attributes:
        path: the path, without the query. Percent-encoded, even if the client sent non-ASCII bytes unencoded.
        query: the part after the question mark; empty if there is none. Percent-encoded like the path.
        raw_target: path and query exactly as the client sent them.
        host: the Host header.
        origin: the Origin header, the page that a browser connects from; None if there is none.
        remote: the client's address and port as text; empty if it has none.
        headers: all headers.
        subprotocols: the subprotocols that the client offers, in its order of preference.
        tls: what is known about TLS; with TlsOptions.client_certs, who came. None without TLS.
    """

    def __init__(self, handle: _abi.Handle) -> None:
        def data(key: int) -> bytes:
            found, length = c_void_p(), c_size_t()
            check(_abi.request_str(handle, key, found, length))
            return ctypes.string_at(found, length.value)

        def text(key: int) -> str:
            return data(key).decode("utf-8", "replace")

        self.path = text(_abi.REQUEST_PATH)
        self.query = text(_abi.REQUEST_QUERY)
        self.raw_target = data(_abi.REQUEST_RAW_TARGET)
        self.host = text(_abi.REQUEST_HOST)
        self.origin = text(_abi.REQUEST_ORIGIN) or None
        self.remote = text(_abi.REQUEST_PEER_ADDR)
        self.headers: Headers = parse(data(_abi.REQUEST_HEADERS))
        self.subprotocols: List[str] = []
        name, length = c_void_p(), c_size_t()
        while True:
            check(_abi.request_subprotocol(handle, len(self.subprotocols), name, length))
            if not name:
                break
            self.subprotocols.append(ctypes.string_at(name, length.value).decode())
        self.tls: Optional[TlsInfo] = tls_info(_abi.request_tls, handle)
        self._handle = handle

    def add_response_header(self, name: str, value: str) -> None:
        """Adds a header to the response, whether the client is accepted or refused. Raises UsageError for a name or value
        that a header cannot have."""
        check(_abi.request_add_header(self._handle, c_text(name, "name"), c_text(value, "value")))


class ServerConnection(Connection):
    """A server's connection, which the handler is called with."""

    def __enter__(self) -> "ServerConnection":
        return self

    @property
    def request_headers(self) -> Headers:
        """The headers of the client's request."""
        return parse(self._bytes(_abi.CONN_HEADERS))


Handler = Callable[[ServerConnection], object]
ProcessRequest = Callable[[Request], Optional[Response]]
SelectSubprotocol = Callable[[Request], Optional[str]]


class Server(_abi.Unique):
    """A server, created by serve(). It is listening, and serves clients while serve_forever() runs.

    As a context manager it is shut down at the end of the block.
    """

    def __init__(
        self,
        listener: _abi.Handle,
        handler: Handler,
        process_request: Optional[ProcessRequest],
        select_subprotocol: Optional[SelectSubprotocol],
        max_connections: int,
        send_timeout: Optional[float],
        path: Optional[str],
    ) -> None:
        self._listener: Optional[_abi.Handle] = listener
        self._born = _abi.forks()
        # The path of a Unix socket.
        self._path = path
        self._address = str(_abi.listener_local_addr(listener).decode()) if path is None else path
        self._handler = handler
        self._process_request = process_request
        self._select_subprotocol = select_subprotocol
        self._max_connections = max_connections
        self._send_timeout = send_timeout
        # There is no lock, because a signal handler may call shutdown() anywhere in serve_forever(), and shutdown() waits
        # for threads that would need the lock. Each operation on a table is atomic.
        self._stopping = False
        # The connection of each thread, once it is open. A thread is in the table from before it starts until it ends.
        self._threads: Dict[threading.Thread, Optional[ServerConnection]] = {}
        # For a thread that is being started, the thread that starts it.
        self._starters: Dict[threading.Thread, int] = {}
        # The threads that refuse clients over the limit, which do not count as connections.
        self._refusing: Dict[threading.Thread, Optional[ServerConnection]] = {}
        # Unlocked if a thread has ended since the last check. Waiting for an end locks it; nothing else does.
        self._ended = _thread.allocate_lock()

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if not self._is_inherited():
            self.shutdown()

    def _is_inherited(self) -> bool:
        return self._born != _abi.forks()

    def _check_process(self) -> None:
        if self._is_inherited():
            raise UsageError("the server belongs to the parent process: create one after the fork", "LANDLINE_ERR_FORKED")

    @property
    def address(self) -> str:
        """The address that the server listens on, such as "127.0.0.1:9001" or "[::]:9001", or the path of a Unix socket."""
        return self._address

    @property
    def port(self) -> int:
        """The port that the server listens on. Raises UsageError, which is a ValueError, for a Unix socket."""
        if self._path is not None:
            raise UsageError(f"the server listens on the Unix socket {self._path!r}, which has no port")
        return int(self._address.rpartition(":")[2])

    @property
    def connections(self) -> int:
        """The number of connections, including those in the opening handshake."""
        self._check_process()
        return len(self._threads)

    def serve_forever(self) -> None:
        """Serves clients until shutdown(). Each client gets a thread, in which the opening handshake is performed and then
        the handler is called.

        The connection is closed when the handler returns. If the handler raises an exception, it is logged, and the
        connection is closed with 1011; ConnectionClosed is not treated as an error. Ctrl-C ends this call in the main
        thread, but does not close connections; shutdown() does.

        Raises:
            ConnectError: the listening socket failed permanently.
        """
        self._check_process()
        while not self._stopping:
            request = self._accept()
            if request is not None:
                self._start(request)

    def _wait_for_an_end(self, timeout: float) -> None:
        """Waits for a thread to end. May return early: another waiting thread may have been notified instead."""
        self._ended.acquire(timeout=timeout)

    def _tell_an_end(self) -> None:
        try:
            self._ended.release()
        except RuntimeError:
            # It is unlocked already.
            pass

    def _start(self, request: _abi.Handle) -> None:
        """Starts a thread for a client, and waits while none can be started. From now on the client counts as a connection,
        or as one that is being refused."""
        table = self._threads
        if len(table) >= self._max_connections:
            table = self._refusing
            if len(table) >= _REFUSALS:
                _log.warning("more than %d connections: a client was dropped", self._max_connections)
                return
        while not self._stopping:
            arguments = (request, table)
            thread = threading.Thread(target=self._serve, args=arguments, name="landline connection", daemon=True)
            self._starters[thread] = threading.get_ident()
            table[thread] = None
            try:
                thread.start()
                return
            except RuntimeError as error:
                del table[thread]
                _log.warning("clients have to wait: %s", error)
            except BaseException:
                # A signal handler has raised an exception. If the thread starts nevertheless, it adds itself to the table.
                if thread.ident is None:
                    table.pop(thread, None)
                raise
            finally:
                del self._starters[thread]
            time.sleep(0.1)

    def _accept(self) -> Optional[_abi.Handle]:
        """Waits for a client; None if there is none yet."""
        request = _abi.new_request()
        status = _abi.listener_accept_incoming(self._listener, Limit(None).next(), request)
        if status == _abi.OK:
            return request
        if status not in (_abi.TIMED_OUT, _abi.INTERRUPTED, _abi.ERR_NULL):
            try:
                check(status)
            except ConnectError as error:
                if error.errno not in _SHORTAGES:
                    raise
                _log.warning("clients have to wait: %s", error)
                time.sleep(0.1)
        return None

    def shutdown(self, timeout: Optional[float] = 10) -> None:
        """Stops the server, from any thread or from a signal handler: closes the listening socket, so that new clients are
        refused; drops clients in the opening handshake; closes the other connections with 1001; waits at most `timeout`
        seconds (None: no limit) for their handlers to return; and cuts the connections that are left, whose handlers get
        another second.

        Handlers get ConnectionClosed. serve_forever() returns. May be called more than once.
        """
        self._check_process()
        limit = Limit(timeout)
        self._stopping = True
        listener, self._listener = self._listener, None
        if listener is not None:
            _abi.listener_stop(listener)
        del listener
        for connection in self._threads.copy().values():
            if connection is not None:
                try:
                    connection.close_start(1001, timeout=0)
                except Error:
                    # It is closing already, or the frame cannot be sent: it will be cut.
                    pass
        while self._others() and not limit.is_over():
            left = limit.left()
            self._wait_for_an_end(SLICE if left is None else min(left, SLICE))
        cut = self._others()
        for connection in cut.values():
            if connection is not None:
                connection.abort()
        # Handlers that are not using their connection do not notice, and are not waited for any longer.
        limit = Limit(1)
        while any(thread in self._threads for thread in cut) and not limit.is_over():
            self._wait_for_an_end(SLICE)

    def _others(self) -> "Dict[threading.Thread, Optional[ServerConnection]]":
        """The threads that serve clients, except for this thread and one that it is just starting: this may be a signal
        handler."""
        this = threading.get_ident()
        threads = self._threads.copy().items()
        return {thread: it for thread, it in threads if this not in (thread.ident, self._starters.get(thread))}

    def _serve(self, request: _abi.Handle, table: "Dict[threading.Thread, Optional[ServerConnection]]") -> None:
        """Runs in the thread of a client."""
        this = threading.current_thread()
        table.setdefault(this, None)
        try:
            connection = self._open(request, refuse=table is self._refusing)
            request.release()
            if connection is not None:
                self._handle(connection)
        except ConnectionClosed:
            pass
        except Error as error:
            _log.info("a client was not served: %s", error)
        except Exception:
            _log.exception("process_request or select_subprotocol failed")
        finally:
            request.release()
            table.pop(this, None)
            self._tell_an_end()

    def _open(self, handle: _abi.Handle, refuse: bool) -> Optional[ServerConnection]:
        """The opening handshake."""
        check(_abi.request_read(handle))
        request = Request(handle)
        if refuse:
            response: Optional[Response] = Response(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections\n")
        else:
            response = self._process_request(request) if self._process_request else None
        expect(response is None or isinstance(response, Response), "the result of process_request",
               "a Response or None", response)
        if response is not None:
            for name, value in pairs(response.headers):
                request.add_response_header(name, value)
            body = as_bytes(response.body, "the body of a Response")
            check(_abi.request_reject(handle, response.status, body, len(body)))
            return None
        subprotocol = None
        if self._select_subprotocol:
            subprotocol = c_text(self._select_subprotocol(request) or "", "the result of select_subprotocol")
        conn = _abi.new_conn()
        check(_abi.request_accept(handle, subprotocol, conn))
        connection = ServerConnection(conn, self._send_timeout)
        self._threads[threading.current_thread()] = connection
        # Checked after the connection is in the table, because shutdown() sets the flag before it reads the table.
        if self._stopping:
            connection.close_start(1001)
        return connection

    def _handle(self, connection: ServerConnection) -> None:
        code = 1000
        try:
            self._handler(connection)
        except ConnectionClosed:
            pass
        except Exception:
            _log.exception("a connection's handler failed")
            code = 1011
        finally:
            connection.close(code)


def serve(
    handler: Handler,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    unix: Optional[PathLike] = None,
    unix_mode: Optional[int] = None,
    sock: Optional[socket.socket] = None,
    headers: Optional[HeadersLike] = None,
    subprotocols: Optional[Iterable[str]] = None,
    select_subprotocol: Optional[SelectSubprotocol] = None,
    process_request: Optional[ProcessRequest] = None,
    origins: Union[str, Iterable[str], None] = None,
    public_scheme: Optional[str] = None,
    max_connections: int = 1024,
    compression: Union[bool, Compression] = False,
    cert_file: Optional[PathLike] = None,
    key_file: Optional[PathLike] = None,
    cert_pem: Union[bytes, str, None] = None,
    key_pem: Union[bytes, str, None] = None,
    pkcs12: Optional[bytes] = None,
    pkcs12_password: Optional[str] = None,
    tls: Optional[TlsOptions] = None,
    open_timeout: Optional[float] = 10,
    ping_interval: Optional[float] = 20,
    ping_timeout: Optional[float] = 20,
    close_timeout: Optional[float] = 10,
    send_timeout: Optional[float] = 30,
    max_size: Optional[int] = 16 * 2**20,
    tcp: Optional[TcpOptions] = None,
) -> Server:
    """Listens on an address and returns a Server, whose serve_forever() calls `handler` for each connection, in a thread of
    its own.

    Clients can connect from now on, but have to wait for serve_forever(). Does not block.

    Args:
        handler: called with a ServerConnection, which is closed when the handler returns.
        host: the address to bind to; "" for every address of this machine.
        port: 0 takes a free one: see Server.port.
        unix: the path of a Unix socket to listen on instead. The file of a socket on which nobody listens any more is
            replaced, any other file is not; it is removed when the server is shut down.
        unix_mode: the permissions of its file, such as 0o660, whatever the umask is. Nobody can connect before they are
            set.
        sock: a listening socket to use instead, which remains the caller's. For servers with several processes: bind it,
            fork, and call serve() in each process. When the server is shut down, the socket keeps listening if others have
            it.
        headers: sent with each response that opens a connection. Headers of the handshake itself cannot be set.
            Request.add_response_header() adds one to a single response.
        subprotocols: the subprotocols that the server supports, the preferred one first. The first of them that the client
            offers is chosen.
        select_subprotocol: called with the Request instead; returns one of the subprotocols that it offers, or None.
        process_request: called with the Request in the thread of the connection. A Response that it returns refuses the
            client; None accepts it. If it raises an exception, the client gets status 500.
        origins: the web pages that may connect: None for all, "same" for those of this server, or a list of origins. A
            server that relies on cookies, or listens only on a local network, should set it.
        public_scheme: "http" or "https", the scheme by which browsers reach the server, needed if a proxy in front of it
            does TLS. With origins="same", only pages of this scheme may connect; if it is None, pages of both, unless the
            server does TLS itself. The proxy has to pass on the client's Host header, including the port.
        max_connections: the largest number of connections at a time, counted from when they are accepted. Further clients
            are refused with 503, or dropped while 32 others are being refused.
        cert_file, key_file, cert_pem, key_pem, pkcs12, pkcs12_password: turn on TLS; see connect(). Files are read again for
            each client, so that a renewed certificate is used from the next client on.
        tls: further options of TLS: several certificates, certificates of clients.
        open_timeout: how many seconds a client may take to open a connection, including the time to refuse it.

    All others are those of connect().

    Raises:
        ConnectError: the server cannot listen on the address; errno is EADDRINUSE if it is in use.
        TLSError, UsageError: the certificate or an argument is wrong, or the address is malformed.
    """
    function(handler, "handler")
    function(process_request, "process_request", optional=True)
    function(select_subprotocol, "select_subprotocol", optional=True)
    port, max_connections = integer(port, "port"), not_negative(max_connections, "max_connections")
    options = Options()
    options.common(
        subprotocols,
        compression,
        open_timeout,
        ping_interval,
        ping_timeout,
        close_timeout,
        send_timeout,
        max_size,
        tcp,
    )
    options.identity(cert_file, key_file, cert_pem, key_pem, pkcs12, pkcs12_password)
    set_tls(options, tls)
    _check_origin(options, origins, public_scheme)
    options.number(_abi.OPT_UNIX_MODE, unix_mode)
    options.headers(headers)
    send_limit = seconds(send_timeout, "send_timeout")
    listener = _abi.new_listener()
    path: Optional[str] = None
    if sock is not None:
        plain_socket(sock, "with a certificate")
        check(_abi.listen_fd(sock.fileno(), 0, options.handle, listener))
        if sock.family == socket.AF_UNIX:
            path = os.fsdecode(sock.getsockname())
    elif unix is not None:
        path = path_text(unix, "unix")
        check(_abi.listen(c_text(f"unix:{path}", "unix"), options.handle, listener))
    else:
        name = c_text(host, "host").decode()
        address = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
        check(_abi.listen(c_text(address, "host"), options.handle, listener))
    return Server(listener, handler, process_request, select_subprotocol, max_connections, send_limit, path)


def _check_origin(
    options: Options, origins: Union[str, Iterable[str], None], public_scheme: Optional[str]
) -> None:
    """Sets which web pages may connect."""
    if isinstance(origins, str):
        if origins != "same":
            raise UsageError(f'origins is {origins!r}: it must be None, "same", or a list of origins')
        options.number(_abi.OPT_ORIGINS, _abi.ORIGINS_SAME)
    else:
        for origin in [] if origins is None else texts(origins, "origins"):
            options.text(_abi.OPT_ALLOWED_ORIGIN, origin)
    expect(public_scheme is None or isinstance(public_scheme, str), "public_scheme", "a str or None", public_scheme)
    if public_scheme not in _SCHEMES:
        raise UsageError(f'public_scheme is {public_scheme!r}: it must be None, "http" or "https"')
    options.number(_abi.OPT_PUBLIC_SCHEME, _SCHEMES[public_scheme])


def accept(
    sock: socket.socket,
    *,
    headers: Optional[HeadersLike] = None,
    subprotocols: Optional[Iterable[str]] = None,
    origins: Union[str, Iterable[str], None] = None,
    public_scheme: Optional[str] = None,
    compression: Union[bool, Compression] = False,
    cert_file: Optional[PathLike] = None,
    key_file: Optional[PathLike] = None,
    cert_pem: Union[bytes, str, None] = None,
    key_pem: Union[bytes, str, None] = None,
    pkcs12: Optional[bytes] = None,
    pkcs12_password: Optional[str] = None,
    tls: Optional[TlsOptions] = None,
    open_timeout: Optional[float] = 10,
    ping_interval: Optional[float] = 20,
    ping_timeout: Optional[float] = 20,
    close_timeout: Optional[float] = 10,
    send_timeout: Optional[float] = 30,
    max_size: Optional[int] = 16 * 2**20,
    tcp: Optional[TcpOptions] = None,
) -> ServerConnection:
    """Opens a connection, in one step, with a client that is already connected: reads its request and accepts it.

    Blocks until the connection is open, for at most `open_timeout` seconds.

        listening = socket.create_server(("127.0.0.1", 9001))
        with landline.accept(listening.accept()[0]) as ws:
            ws.send("welcome")

    Args:
        sock: the client's stream socket, which then belongs to the connection.

    All others are those of serve().

    Raises:
        Timeout: opening the connection took longer than `open_timeout`.
        InvalidHandshake: the client did not ask for a WebSocket, or may not connect; it has been told.
        ConnectError: the client has disconnected.
        TLSError, UsageError: the certificate or an argument is wrong.
    """
    options = Options()
    options.common(
        subprotocols,
        compression,
        open_timeout,
        ping_interval,
        ping_timeout,
        close_timeout,
        send_timeout,
        max_size,
        tcp,
    )
    options.identity(cert_file, key_file, cert_pem, key_pem, pkcs12, pkcs12_password)
    set_tls(options, tls)
    _check_origin(options, origins, public_scheme)
    options.headers(headers)
    plain_socket(sock, "with a certificate")
    interrupter = _abi.new_interrupter()
    check(_abi.interrupter_new(interrupter))
    check(_abi.options_set_interrupter(options.handle, interrupter))
    handle = _abi.new_conn()

    def open_connection() -> None:
        check(_abi.accept_fd(sock.detach(), 1, options.handle, -1, handle))

    in_turn(open_connection, lambda: _abi.interrupter_abort(interrupter))
    return ServerConnection(handle, seconds(send_timeout, "send_timeout"))
