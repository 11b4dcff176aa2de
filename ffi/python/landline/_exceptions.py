"""The exceptions, and which of them each status of the library becomes."""

import ctypes
import re
from typing import Any, Dict, Optional, Sequence, Tuple, Type

from . import _abi
from ._headers import Headers, parse


class Error(Exception):
    """The base of all exceptions of this package.

    Attributes:
        status: the library's status, such as "LANDLINE_ERR_RESOLVE"; empty if the error did not come from the library.
        text: what happened, in one line.
        errno: the system's error number, or None.
        attempts: the addresses to which a client tried to connect in vain, in this order, when it failed or ran out of
            time, each with what became of it.
        phase: what the call was doing: "resolve", "connect", "tls", "handshake", "accept", "recv", "send", "ping" or
            "proxy"; empty if that is not known.
        is_transient: whether connecting again later may succeed although nothing is changed; see reconnect().
        tls_reason: why TLS failed, with the server or with a proxy: "expired", "not_yet_valid", "other_name",
            "unknown_issuer", "self_signed", "not_pinned", "no_client_certificate", "client_certificate_required", "refused",
            "no_common_version" or "not_tls"; empty if TLS did not fail, or for another reason.
        retry_after: how many seconds the server that refused the handshake, or the proxy, wants clients to wait (its
            Retry-After header), or None.
    """

    errno: Optional[int]
    phase = ""
    is_transient = False
    tls_reason = ""
    retry_after: Optional[float] = None
    attempts: Sequence[Tuple[str, str]] = ()

    def __init__(self, text: str, status: str = "", errno: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.errno = errno or None

    def __reduce__(self) -> Tuple[Any, ...]:
        # OSError does not pickle an errno that was set afterwards; a copy must have everything that the exception has.
        return type(self), (self.text, self.status, self.errno or 0), dict(self.__dict__)


class Timeout(Error, TimeoutError):
    """Time ran out. Nothing is lost, and the call can be repeated. There are two exceptions: if `pending` is set, the
    message must not be sent again; and if the text says so, a message in parts was abandoned and the connection closed.

    Attributes:
        pending: the message has been accepted and must not be sent again; the next call that sends, flushes or receives
            continues to send it.
    """

    pending = False

    def __str__(self) -> str:
        return self.text


class WouldBlock(Error, BlockingIOError):
    """try_send() would have had to wait. Nothing of the message was accepted, and the connection is not affected."""

    def __str__(self) -> str:
        return self.text


class Interrupted(Error):
    """Another thread called interrupt(). Nothing is lost, with the same two exceptions as for Timeout."""

    pending = False


class ConcurrencyError(Error, RuntimeError):
    """Another thread is receiving."""


class UsageError(Error, ValueError):
    """An argument or an option is wrong. Nothing was done."""


class InvalidURL(UsageError):
    """The URL is not one that can be connected to."""


class ConnectError(Error, OSError):
    """The host could not be found or connected to, or a system call failed."""

    def __str__(self) -> str:
        return self.text


class ProxyError(Error, OSError):
    """There is no way through a proxy: it could not be reached, or it refused. The server has nothing to do with it. The
    text names the proxy, without user and password.

    Attributes:
        http_status: the HTTP status of the proxy's response, such as 407, or 0.
        headers: the headers of the response.
        body: the beginning of the body, at most 64 KiB.
    """

    def __init__(
        self,
        text: str,
        status: str = "",
        errno: int = 0,
        http_status: int = 0,
        headers: Optional[Headers] = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(text, status, errno)
        self.http_status = http_status
        self.headers = headers if headers is not None else Headers()
        self.body = body

    def __str__(self) -> str:
        return self.text


class TLSError(Error):
    """TLS failed while the connection was being opened, or a certificate or key cannot be used: the text says which, in
    which file, and why. A failure on an open connection is a ConnectionTLSError."""


class InvalidHandshake(Error):
    """The other side did not open a WebSocket.

    Attributes:
        http_status: the HTTP status of the response, or 0.
        headers: the headers of the response.
        body: the beginning of the body, at most 64 KiB.
    """

    def __init__(
        self,
        text: str,
        status: str = "",
        errno: int = 0,
        http_status: int = 0,
        headers: Optional[Headers] = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(text, status, errno)
        self.http_status = http_status
        self.headers = headers if headers is not None else Headers()
        self.body = body


class ConnectionClosed(Error):
    """The connection is over, or this end has closed it.

    Attributes:
        code: the peer's close code; if there is none, the one that this end sent; otherwise 1006.
        reason: the peer's reason, or the one that this end sent.
    """

    def __init__(self, text: str, status: str = "", errno: int = 0, code: int = 1006, reason: str = "") -> None:
        super().__init__(text, status, errno)
        self.code = code
        self.reason = reason


class NotConnected(Error):
    """A session has no connection at the moment, and no outbox, or no room in it. Nothing was sent: try again when it has
    reconnected."""


class ConnectionClosedOK(ConnectionClosed):
    """Closed cleanly, with 1000 or 1001, or without a code."""


class ConnectionClosedError(ConnectionClosed):
    """Closed with another code, or broken."""


class ProtocolError(ConnectionClosedError):
    """The peer violated the protocol, and has been told."""


class ConnectionTLSError(ConnectionClosedError, TLSError):
    """TLS failed on an open connection: a record was damaged or changed on the way, was not TLS, or was an alert."""


class MessageTooBig(ConnectionClosedError):
    """The peer exceeded a limit of this end, such as max_size, and has been told."""


_ENDINGS: Dict[int, Type[ConnectionClosedError]] = {
    _abi.ERR_PROTOCOL: ProtocolError,
    _abi.ERR_LIMIT: MessageTooBig,
    _abi.ERR_TLS: ConnectionTLSError,
}

_OPENINGS: Dict[int, Type[Error]] = {
    _abi.TIMED_OUT: Timeout,
    _abi.INTERRUPTED: Interrupted,
    _abi.ERR_WOULD_BLOCK: WouldBlock,
    _abi.ERR_NULL: UsageError,
    _abi.ERR_INVALID: UsageError,
    _abi.ERR_UTF8: UsageError,
    _abi.ERR_CONFIG: UsageError,
    _abi.ERR_URL: InvalidURL,
    _abi.ERR_BUSY: ConcurrencyError,
    _abi.ERR_FORKED: UsageError,
    _abi.ERR_UNSUPPORTED: UsageError,
    _abi.ERR_TLS: TLSError,
    _abi.ERR_NOT_CONNECTED: NotConnected,
    _abi.ERR_OUTBOX_FULL: NotConnected,
}


# By their number, LANDLINE_PHASE_*.
_PHASES = ("", "resolve", "connect", "tls", "handshake", "accept", "recv", "send", "ping", "proxy")

# By their number, LANDLINE_TLS_REASON_*.
_TLS_REASONS = (
    "", "expired", "not_yet_valid", "other_name", "unknown_issuer", "self_signed", "not_pinned", "no_client_certificate",
    "client_certificate_required", "refused", "no_common_version", "not_tls",
)  # fmt: skip


def name_of(status: int) -> str:
    """The name of a status, such as "LANDLINE_TIMED_OUT"."""
    return str(_abi.status_name(status).decode())


# The library keeps the last failure of each thread. If a signal handler or a finalizer uses the library after a call has
# failed and before its failure is queried, it may replace that failure. Then only the status is known.


def _is_last(status: int) -> bool:
    return bool(_abi.error_int(_abi.ERROR_STATUS) == status)


def _text(status: int) -> str:
    """The text of this thread's last failure, if it had this status. Options have their names in this package."""
    text = _abi.error_text() if _is_last(status) else _abi.status_text(status)
    words = str(text.decode("utf-8", "replace")).replace(" and LANDLINE_OPT_AUTH_PASSWORD", "")
    return re.sub(r"LANDLINE_OPT_(\w+)", _own_name, words)


def _own_name(found: "re.Match[str]") -> str:
    return OPTIONS.get(found[1], found[0])


# The names in this package of the library's options, LANDLINE_OPT_*: arguments, or attributes of Compression and TcpOptions.
OPTIONS: Dict[str, str] = {
    "MAX_MESSAGE_SIZE": "max_size",
    "SEND_TIMEOUT_MS": "send_timeout",
    "CLOSE_TIMEOUT_MS": "close_timeout",
    "CONNECT_TIMEOUT_MS": "open_timeout",
    "HANDSHAKE_TIMEOUT_MS": "open_timeout",
    "KEEPALIVE_INTERVAL_MS": "ping_interval",
    "KEEPALIVE_TIMEOUT_MS": "ping_timeout",
    "COMPRESSION": "compression",
    "COMPRESSION_LEVEL": "Compression.level",
    "COMPRESSION_THRESHOLD": "Compression.threshold",
    "SERVER_NO_CONTEXT_TAKEOVER": "Compression.server_no_context_takeover",
    "CLIENT_NO_CONTEXT_TAKEOVER": "Compression.client_no_context_takeover",
    "SERVER_MAX_WINDOW_BITS": "Compression.server_max_window_bits",
    "CLIENT_MAX_WINDOW_BITS": "Compression.client_max_window_bits",
    "ORIGINS": "origins",
    "ALLOWED_ORIGIN": "origins",
    "PUBLIC_SCHEME": "public_scheme",
    "ORIGIN": "origin",
    "HOST": "host",
    "ADDRESS_FAMILY": "address_family",
    "ADDRESS": "addresses",
    "LOCAL_ADDR": "local_addr",
    "INTERFACE": "interface",
    "UNIX_PATH": "unix",
    "UNIX_MODE": "unix_mode",
    "SUBPROTOCOL": "subprotocols",
    "TCP_NODELAY": "TcpOptions.nodelay",
    "TCP_KEEPALIVE_TIME_MS": "TcpOptions.keepalive_time",
    "TCP_KEEPALIVE_INTERVAL_MS": "TcpOptions.keepalive_interval",
    "TCP_KEEPALIVE_RETRIES": "TcpOptions.keepalive_retries",
    "TCP_USER_TIMEOUT_MS": "TcpOptions.user_timeout",
    "TCP_RECV_BUFFER_SIZE": "TcpOptions.recv_buffer_size",
    "TCP_SEND_BUFFER_SIZE": "TcpOptions.send_buffer_size",
    "MAX_REDIRECTS": "max_redirects",
    "AUTH_USER": "auth",
    "AUTH_PASSWORD": "auth",
    "BEARER_TOKEN": "bearer",
    "PROXY": "proxy",
    "PROXY_FROM_ENV": "proxy",
    "NO_PROXY": "no_proxy",
    "PROXY_TLS_PLATFORM_ROOTS": "proxy_platform_roots",
    "PROXY_TLS_DANGER_ACCEPT_INVALID_CERTS": "proxy_danger_accept_invalid_certs",
    "PROXY_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES": "proxy_danger_accept_invalid_hostnames",
    "PROXY_TLS_CA_FILE": "proxy_ca_file",
    "PROXY_TLS_CERT_FILE": "proxy_cert_file",
    "PROXY_TLS_KEY_FILE": "proxy_key_file",
    "TLS_BACKEND": "TlsOptions.backend",
    "TLS_MIN_VERSION": "TlsOptions.min_version",
    "TLS_ALPN": "TlsOptions.alpn",
    "TLS_CLIENT_CERTS": "TlsOptions.client_certs",
    "TLS_KEY_LOG": "TlsOptions.key_log",
    "TLS_CA_DIR": "TlsOptions.ca_dir",
    "TLS_SERVER_NAME": "TlsOptions.server_name",
    "TLS_PINNED_KEY": "TlsOptions.pinned_keys",
    "TLS_KEY_LOG_FILE": "TlsOptions.key_log_file",
    "TLS_CLIENT_CA_FILE": "TlsOptions.client_ca_file",
    "TLS_CLIENT_CA_DIR": "TlsOptions.client_ca_dir",
    "TLS_CLIENT_CA_PEM": "TlsOptions.client_ca_pem",
    "BACKOFF_FIRST_MS": "backoff_first",
    "BACKOFF_FACTOR": "backoff_factor",
    "BACKOFF_MAX_MS": "backoff_max",
    "BACKOFF_JITTER_PERCENT": "backoff_jitter_percent",
    "RESET_AFTER_MS": "reset_after",
    "MAX_RETRY_AFTER_MS": "max_retry_after",
    "MAX_ATTEMPTS": "max_attempts",
    "GIVE_UP_AFTER_MS": "give_up_after",
    "OUTBOX_MESSAGES": "outbox_messages",
    "OUTBOX_BYTES": "outbox_bytes",
    "TLS_PLATFORM_ROOTS": "platform_roots",
    "TLS_DANGER_ACCEPT_INVALID_CERTS": "danger_accept_invalid_certs",
    "TLS_DANGER_ACCEPT_INVALID_HOSTNAMES": "danger_accept_invalid_hostnames",
    "TLS_CA_FILE": "ca_file",
    "TLS_CA_PEM": "ca_pem",
    "TLS_CERT_FILE": "cert_file",
    "TLS_KEY_FILE": "key_file",
    "TLS_CERT_PEM": "cert_pem",
    "TLS_KEY_PEM": "key_pem",
    "TLS_PKCS12": "pkcs12",
    "TLS_PKCS12_PASSWORD": "pkcs12_password",
}


def _number(status: int, key: int) -> int:
    """A number of this thread's last failure, if it had this status."""
    return int(_abi.error_int(key)) if _is_last(status) else 0


def was_interrupted(status: int) -> bool:
    """Whether a call that left a message on its way (PENDING) was interrupted; otherwise it ran out of time."""
    return _number(status, _abi.ERROR_FAULT) == _abi.FAULT_CALLER


def _bytes_of_last(key: int) -> bytes:
    length = ctypes.c_size_t()
    return ctypes.string_at(_abi.error_bytes(key, length), length.value)


def outcome(status: int) -> Error:
    """The exception for a status that is not about an open connection. Must be called in the thread that got the status."""
    phase = _number(status, _abi.ERROR_PHASE)
    error = _outcome(status)
    error.phase = _PHASES[phase] if phase < len(_PHASES) else ""
    error.tls_reason = _tls_reason(status)
    error.is_transient = bool(_number(status, _abi.ERROR_IS_TRANSIENT))
    error.retry_after = _number(status, _abi.ERROR_RETRY_AFTER_MS) / 1000 or None
    if _is_last(status):
        lines = _bytes_of_last(_abi.ERROR_ATTEMPTS).decode("utf-8", "replace").splitlines()
        error.attempts = [(address, reason) for address, _, reason in (line.partition("\t") for line in lines)]
    return error


def _tls_reason(status: int) -> str:
    reason = _number(status, _abi.ERROR_TLS_REASON)
    return _TLS_REASONS[reason] if reason < len(_TLS_REASONS) else ""


def _outcome(status: int) -> Error:
    text, name, errno = _text(status), name_of(status), _number(status, _abi.ERROR_ERRNO)
    if status == _abi.PENDING:
        error: Error = Interrupted(text, name) if was_interrupted(status) else Timeout(text, name)
        setattr(error, "pending", True)
        return error
    if status in (_abi.ERR_HANDSHAKE, _abi.ERR_REJECTED, _abi.ERR_PROXY):
        kind = ProxyError if status == _abi.ERR_PROXY else InvalidHandshake
        http_status = _number(status, _abi.ERROR_HTTP_STATUS)
        headers = parse(_bytes_of_last(_abi.ERROR_HTTP_HEADERS))
        return kind(text, name, errno, http_status, headers, _bytes_of_last(_abi.ERROR_HTTP_BODY))
    if -200 < status <= -100:
        return ConnectError(text, name, errno)
    return _OPENINGS.get(status, Error)(text, name, errno)


# Close codes of servers that may accept another connection later.
_TRANSIENT_CODES = (1001, 1006, 1011, 1012, 1013, 1014)


def check(status: int) -> None:
    """Raises the exception of outcome() for any status except success."""
    if status:
        raise outcome(status)


def ending(status: int, code: int, reason: str) -> ConnectionClosed:
    """The exception for a connection that is over or closing."""
    if status in (_abi.CLOSED, _abi.ERR_CLOSING, _abi.ERR_NULL):
        text = f"closed with {code}" + (f" ({reason})" if reason else "")
        kind = ConnectionClosedOK if code in (1000, 1001, 1005) else ConnectionClosedError
        error: ConnectionClosed = kind(text, name_of(_abi.CLOSED), 0, code, reason)
        error.is_transient = code in _TRANSIENT_CODES
        return error
    errno = _number(status, _abi.ERROR_ERRNO)
    error = _ENDINGS.get(status, ConnectionClosedError)(_text(status), name_of(status), errno, code, reason)
    error.tls_reason = _tls_reason(status)
    error.is_transient = bool(_number(status, _abi.ERROR_IS_TRANSIENT))
    return error


def lost(status: int, code: int) -> Error:
    """The exception for a failure of a session: of a connection, or of an attempt."""
    if status == _abi.CLOSED:
        return ending(status, code, "")
    if status in (_abi.ERR_EOF, _abi.ERR_SILENT, _abi.ERR_ABORTED, _abi.ERR_CLOSE_UNANSWERED, _abi.ERR_CLOSING):
        return ending(status, code or 1006, "")
    if status in (_abi.ERR_PROTOCOL, _abi.ERR_LIMIT):
        return ending(status, _number(status, _abi.ERROR_CLOSE_CODE) or 1006, "")
    return outcome(status)
