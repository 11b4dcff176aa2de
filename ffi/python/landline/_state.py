"""The properties of a connection, open or not, and the exceptions for its failures."""

import ctypes
from ctypes import c_int16, c_int64, c_size_t, c_void_p
from typing import Dict, NamedTuple, Optional, Tuple

from . import _abi
from ._exceptions import ConcurrencyError, Error, ending, name_of, outcome
from ._tls import TlsInfo, tls_info

RECEIVING = "another thread is receiving, or this one is, and a signal handler or a finalizer has interrupted it"

_ADDRESS = Optional[Tuple[str, int]]


class Stats(NamedTuple):
    """Counters of a connection since the opening handshake: messages, and bytes of payload and on the wire."""

    messages_sent: int
    messages_received: int
    payload_sent: int
    payload_received: int
    wire_sent: int
    wire_received: int


class Timings(NamedTuple):
    """How long the steps of opening a client's connection took, in seconds. Steps that were repeated are added up; those
    that were not needed took 0.

    Attributes:
        resolve: looking up names, until the first address could be tried.
        connect: connecting, from the first attempt until one succeeded.
        proxy: asking proxies to connect to the server, TLS with them included.
        tls: TLS with the server, and reading certificates for it.
        upgrade: the opening handshake.
    """

    resolve: float
    connect: float
    proxy: float
    tls: float
    upgrade: float

    @property
    def total(self) -> float:
        """All of them together."""
        return sum(self)


_TIME_KEYS = range(_abi.CONN_RESOLVE_TIME_US, _abi.CONN_UPGRADE_TIME_US + 1)
_NUMBER_KEYS = (
    _abi.CONN_STATE,
    _abi.CONN_CLOSE_CODE,
    _abi.CONN_CLOSE_CODE_RECEIVED,
    _abi.CONN_CLOSE_CODE_SENT,
    _abi.CONN_CLOSED_CLEANLY,
    _abi.CONN_MESSAGES_SENT,
    _abi.CONN_MESSAGES_RECEIVED,
    _abi.CONN_PAYLOAD_SENT,
    _abi.CONN_PAYLOAD_RECEIVED,
    _abi.CONN_WIRE_SENT,
    _abi.CONN_WIRE_RECEIVED,
    _abi.CONN_ID,
    *_TIME_KEYS,
)
_TEXT_KEYS = (
    _abi.CONN_SUBPROTOCOL,
    _abi.CONN_EXTENSIONS,
    _abi.CONN_TARGET,
    _abi.CONN_URL,
    _abi.CONN_PEER_ADDR,
    _abi.CONN_LOCAL_ADDR,
    _abi.CONN_HEADERS,
    _abi.CONN_CLOSE_REASON,
)


def number(handle: c_void_p, key: int) -> int:
    value = c_int64()
    status = _abi.conn_int(handle, key, value)
    if status:
        raise outcome(status)
    return value.value


def _text(handle: c_void_p, key: int) -> bytes:
    text, length = c_void_p(), c_size_t()
    status = _abi.conn_str(handle, key, text, length)
    if status:
        raise outcome(status)
    return ctypes.string_at(text, length.value) if text.value else b""


def _address(text: bytes) -> _ADDRESS:
    host, _, port = text.decode().rpartition(":")
    return (host.strip("[]"), int(port)) if port else None


class State(_abi.Unique):
    """The base of the other parts of a connection: its handle and properties."""

    def __init__(self, handle: _abi.Handle, send_timeout: Optional[float]) -> None:
        self._handle: Optional[_abi.Handle] = handle
        self._send_timeout = send_timeout
        # The connection's properties at the time when its handle was released.
        self._numbers: Dict[int, int] = {}
        self._texts: Dict[int, bytes] = {}
        self._tls: Optional[TlsInfo] = None
        self._reason_sent = ""

    def _give_up(self, handle: _abi.Handle) -> None:
        """Releases the connection. Calls that are in progress keep it until they return."""
        self._texts = {key: _text(handle, key) for key in _TEXT_KEYS}
        self._numbers = {key: number(handle, key) for key in _NUMBER_KEYS}
        self._tls = tls_info(_abi.conn_tls, handle)
        self._handle = None

    def _is_inherited(self) -> bool:
        handle = self._handle
        return handle is not None and handle.is_inherited()

    def _check_process(self) -> None:
        """For calls that do not use the library, which refuses inherited handles itself."""
        if self._is_inherited():
            raise outcome(_abi.ERR_FORKED)

    def _in_use(self, text: str) -> Error:
        """The exception for something that another call is doing. In a forked child, that call belongs to the parent."""
        return outcome(_abi.ERR_FORKED) if self._is_inherited() else ConcurrencyError(text)

    def _int(self, key: int) -> int:
        handle = self._handle
        return self._numbers[key] if handle is None else number(handle, key)

    def _bytes(self, key: int) -> bytes:
        handle = self._handle
        return self._texts[key] if handle is None else _text(handle, key)

    def _str(self, key: int) -> str:
        return self._bytes(key).decode("utf-8", "replace")

    @property
    def id(self) -> int:
        """The connection's identity, which is not reused within the process, even after the connection has been freed.

        The object itself can also be used as a key, because it is equal only to itself. The number does not keep it alive.
        """
        return self._int(_abi.CONN_ID)

    @property
    def subprotocol(self) -> Optional[str]:
        """The subprotocol that was agreed on, or None."""
        return self._str(_abi.CONN_SUBPROTOCOL) or None

    @property
    def extensions(self) -> str:
        """The extensions in use, in the syntax of the Sec-WebSocket-Extensions header."""
        return self._str(_abi.CONN_EXTENSIONS)

    @property
    def path(self) -> str:
        """The path and query of the request, percent-encoded."""
        return self._str(_abi.CONN_TARGET)

    @property
    def remote_address(self) -> _ADDRESS:
        """Host and port of the other end; None if it has none."""
        return _address(self._bytes(_abi.CONN_PEER_ADDR))

    @property
    def local_address(self) -> _ADDRESS:
        """Host and port of this end; None if it has none."""
        return _address(self._bytes(_abi.CONN_LOCAL_ADDR))

    @property
    def tls(self) -> Optional[TlsInfo]:
        """What is known about TLS: version, cipher suite, the peer's certificate. None without TLS."""
        handle = self._handle
        return self._tls if handle is None else tls_info(_abi.conn_tls, handle)

    @property
    def close_code(self) -> Optional[int]:
        """The peer's close code; if there is none, the one that this end sent because of the peer's error; otherwise 1006.
        None while the connection is open."""
        return self._int(_abi.CONN_CLOSE_CODE) or None

    @property
    def close_reason(self) -> Optional[str]:
        """The reason in the peer's Close frame; None while the connection is open."""
        return None if self.close_code is None else self._str(_abi.CONN_CLOSE_REASON)

    @property
    def stats(self) -> Stats:
        """Counters of messages and bytes."""
        return Stats(*(self._int(key) for key in range(_abi.CONN_MESSAGES_SENT, _abi.CONN_WIRE_RECEIVED + 1)))

    @property
    def timings(self) -> Optional[Timings]:
        """How long the steps of opening the connection took; None for a server's connection."""
        times = [self._int(key) for key in _TIME_KEYS]
        return None if times[0] < 0 else Timings(*(time / 1e6 for time in times))

    # ----- For event loops of the caller's own -----

    def fileno(self) -> int:
        """The descriptor, for select() and the like; -1 after close(). Do not read from it or write to it.

        When it is readable, call recv(timeout=0) until it raises Timeout. Also do so before waiting if has_buffered() is
        true, and when the time that next_deadline() returned has passed.
        """
        handle = self._handle
        return -1 if handle is None else number(handle, _abi.CONN_FD)

    def poll_events(self) -> int:
        """The events to poll the descriptor for: POLLIN, and POLLOUT while output is pending."""
        handle = self._handle
        if handle is None:
            return 0
        events = c_int16()
        status = _abi.conn_poll_events(handle, events)
        if status:
            raise outcome(status)
        return events.value

    def next_deadline(self) -> Optional[float]:
        """How many seconds an event loop may wait, for example in select(); None for no limit. When that time has passed,
        call recv(timeout=0): it sends a keepalive Ping, detects a dead peer or that closing took too long, or releases
        memory. Query it before each wait.

        Raises:
            ConcurrencyError: another thread is receiving.
        """
        handle = self._handle
        left = -1 if handle is None else number(handle, _abi.CONN_NEXT_DEADLINE_MS)
        return None if left < 0 else left / 1000

    # ----- Failures -----

    def _failure(self, status: int) -> Error:
        """The exception for a status of this connection."""
        if status == _abi.ERR_BUSY:
            return ConcurrencyError(RECEIVING, name_of(status))
        if status == _abi.ERR_NULL or status in (_abi.CLOSED, _abi.ERR_CLOSING) or status <= -100:
            code = self._int(_abi.CONN_CLOSE_CODE) or self._int(_abi.CONN_CLOSE_CODE_SENT) or 1006
            reason = self._str(_abi.CONN_CLOSE_REASON) or self._reason_sent
            return ending(status, code, reason)
        return outcome(status)

    def interrupt(self) -> None:
        """Wakes blocked calls of this connection from any thread: calls that receive or send raise Interrupted.

        If no call is blocked in a direction, the next one that would wait raises it instead. The connection is not
        affected. Never blocks.
        """
        self._check_process()
        _abi.conn_interrupt(self._handle, _abi.DIRECTION_BOTH)
