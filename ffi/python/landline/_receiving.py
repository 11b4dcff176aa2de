"""Receiving: messages whole, in parts, into a buffer."""

import codecs
import ctypes
import time
from contextlib import contextmanager
from ctypes import c_int32, c_int64, c_size_t, c_void_p
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, NamedTuple, Optional

from . import _abi
from ._exceptions import ConnectionClosedOK, UsageError
from ._payload import Data, view_of
from ._state import RECEIVING, State, number
from ._waiting import Limit, seconds

if TYPE_CHECKING:
    from typing_extensions import Buffer

# The size of the receive buffer. It starts at _SMALL, becomes _LARGE when a message needs more, and is _SMALL again when
# none has needed more for _IDLE seconds.
_SMALL = 2 * 1024
_LARGE = 64 * 1024
_IDLE = 1.0
_NOW = c_int32(0)


class Part(NamedTuple):
    """A part of a message that recv_into() has received.

    Attributes:
        length: how many bytes were written to the buffer.
        is_text: whether the message is text.
        is_last: whether the message ends here.
    """

    length: int
    is_text: bool
    is_last: bool


class Receiving(State):
    """The part of a connection that receives."""

    def __init__(self, handle: _abi.Handle, send_timeout: Optional[float]) -> None:
        super().__init__(handle, send_timeout)
        # The calls that are receiving or trying to: the first one may receive, the others fail. Faster than a lock, and an
        # exception raised by a signal handler cannot come between taking the right and entering the `try`.
        self._receivers: List[object] = []
        # Only for the call that may receive: where the library writes its results, and a partly received message.
        self._results = (c_int64 * 2)()
        self._out = (ctypes.byref(self._results, 0), ctypes.byref(self._results, 8))
        self._parts: List[bytes] = []
        # What is receiving a message whose rest is still to come: a MessageStream, or this object for recv_into().
        self._begun_by: object = None
        self._make_room(_SMALL)

    def _make_room(self, room: int) -> None:
        """Replaces the receive buffer. Called with the right to receive."""
        handle = self._handle
        self._room = room
        self._needed = time.monotonic()
        self._buffer = bytearray(room)
        self._view = memoryview(self._buffer)
        self._place = ctypes.byref(ctypes.c_char.from_buffer(self._buffer))
        self._recv_now = self._prepared(handle)
        if self._handle is not handle:
            # Another thread has released it.
            self._recv_now = self._prepared(None)

    def _prepared(self, handle: Optional[_abi.Handle]) -> Callable[[], int]:
        """A call that receives a message, or part of one, if it has arrived."""
        place, (kind, length) = self._place, self._out
        room = c_size_t(self._room)
        return partial(_abi.conn_recv_into_quick, handle or c_void_p(), place, room, _NOW, kind, length)

    def _give_up(self, handle: _abi.Handle) -> None:
        super()._give_up(handle)
        self._recv_now = self._prepared(None)

    def has_buffered(self) -> bool:
        """Whether recv() may return something although the descriptor is not readable.

        Raises:
            ConcurrencyError: another thread is receiving.
        """
        handle = self._handle
        return handle is not None and (number(handle, _abi.CONN_HAS_BUFFERED) != 0 or bool(self._parts))

    def recv(self, timeout: Optional[float] = None, decode: Optional[bool] = None) -> Data:
        """Receives the next message: text as str, binary as bytes.

        Blocks until there is one, for at most `timeout` seconds; 0 returns only what has already arrived. What feed() has
        gathered is sent before it waits.

        Args:
            timeout: the time limit in seconds; None for no limit.
            decode: True returns str and False bytes, whatever was sent. Binary messages that are not UTF-8 raise
                UnicodeDecodeError with True.

        Raises:
            Timeout: nothing is lost, even in the middle of a message.
            Interrupted: another thread called interrupt(); nothing is lost.
            ConnectionClosedOK: the connection was closed cleanly, with 1000 or 1001, or without a code.
            ConnectionClosedError: it was closed with another code, or broken; ProtocolError, MessageTooBig and
                ConnectionTLSError are subclasses.
            ConcurrencyError: another thread is receiving.
        """
        if timeout is not None:
            timeout = seconds(timeout)
        receivers, this = self._receivers, object()
        try:
            receivers.append(this)
            if receivers[0] is not this:
                raise self._in_use(RECEIVING)
            # The usual case: a whole message has arrived.
            status = _abi.MORE if self._parts or self._begun_by else self._recv_now()
            if status:
                return self._recv_parts(status, timeout, decode)
            results = self._results
            if decode is None:
                decode = results[0] == 1
            return str(self._buffer[: results[1]], "utf-8") if decode else self._view[: results[1]].tobytes()
        finally:
            receivers.remove(this)

    def _recv_parts(self, status: int, timeout: Optional[float], decode: Optional[bool]) -> Data:
        """The general case of recv(): the whole message has not arrived yet."""
        limit = Limit(timeout)
        if self._begun_by:
            self._skip_rest(limit)
        elif status == _abi.MORE and not self._parts:
            self._take_part()
        elif status not in (_abi.MORE, _abi.TIMED_OUT):
            raise self._failure(status)
        while not self._recv_part(limit):
            self._take_part()
        self._take_part()
        data, self._parts = b"".join(self._parts), []
        if decode is None:
            decode = self._results[0] == _abi.TEXT
        return str(data, "utf-8") if decode else data

    def _take_part(self) -> None:
        """Keeps what has been received."""
        self._parts.append(self._view[: self._results[1]].tobytes())

    def _recv_part(self, limit: Limit, place: Any = None, room: int = 0) -> bool:
        """Receives a part of a message, by default into the connection's buffer, and returns whether it is the last one."""
        if place is None and (self._parts or self._begun_by):
            # The message does not fit into the small buffer.
            self._needed = time.monotonic()
            if self._room < _LARGE:
                self._make_room(_LARGE)
        while True:
            wait = limit.next()
            if self._room > _SMALL and not 0 <= wait <= _IDLE * 1000:
                wait = int(_IDLE * 1000)
            status = _abi.conn_recv_into(self._handle, place or self._place, room or self._room, wait, *self._out)
            if status == _abi.OK or status == _abi.MORE:
                return bool(status == _abi.OK)
            if self._room > _SMALL and time.monotonic() - self._needed >= _IDLE:
                self._make_room(_SMALL)
            if status != _abi.TIMED_OUT or limit.is_over():
                raise self._failure(status)

    def _skip_rest(self, limit: Limit) -> None:
        """Discards the rest of a message that was not received to its end with recv_stream() or recv_into()."""
        while self._begun_by:
            if self._recv_part(limit):
                self._begun_by = None

    def recv_into(self, buffer: "Buffer", timeout: Optional[float] = None) -> Part:
        """Receives a message piece by piece into a buffer (bytearray, memoryview, array.array, mmap, a numpy array and so
        on): as much as has arrived and fits. The next call continues it.

        Text is valid UTF-8 as a whole, but a character may be split between two parts. recv() and recv_stream() skip what
        is left of the message.

        Blocks and raises as recv() does.
        """
        view = view_of(buffer)
        if view is None or view.readonly:
            raise TypeError(f"buffer must be a writable bytes-like object, not {type(buffer).__name__}")
        if not view.nbytes:
            raise UsageError("the buffer has a length of 0")
        limit = Limit(timeout)
        with self._receive():
            if isinstance(self._begun_by, MessageStream):
                self._skip_rest(limit)
            place = ctypes.byref(ctypes.c_char.from_buffer(view))
            is_last = self._recv_part(limit, place, view.nbytes)
            self._begun_by = None if is_last else self
            kind, length = self._results
            return Part(length, kind == _abi.TEXT, is_last)

    def recv_stream(self, timeout: Optional[float] = None) -> "MessageStream":
        """Waits for a message to begin, and returns an iterator over its parts as they arrive, str or bytes.

        Uses constant memory, whatever the size of the message; max_size applies. `timeout` is the limit for each part. If
        the iterator is not used up, the next receiving call skips the rest of the message.

        Blocks and raises as recv() does.
        """
        limit = Limit(timeout)
        with self._receive():
            self._skip_rest(limit)
            is_last = self._recv_part(limit)
            kind, length = self._results
            stream = MessageStream(self, kind == _abi.TEXT, self._view[:length].tobytes(), is_last, timeout)
            self._begun_by = None if is_last else stream
            return stream

    @contextmanager
    def _receive(self) -> Iterator[None]:
        """Holds the right to receive, for a call that cannot continue a message that recv() has begun."""
        receivers, this = self._receivers, object()
        try:
            receivers.append(this)
            if receivers[0] is not this:
                raise self._in_use(RECEIVING)
            if self._parts:
                raise UsageError("recv() timed out in the middle of a message: call recv() again until it returns it")
            yield
        finally:
            receivers.remove(this)

    def __iter__(self) -> Iterator[Data]:
        """Receives messages until the connection is closed cleanly, with 1000 or 1001, or without a code. Otherwise raises
        as recv() does."""
        try:
            while True:
                yield self.recv()
        except ConnectionClosedOK:
            return


class MessageStream(_abi.Unique, Iterator[Data]):
    """The parts of a message, as they arrive. After Timeout or Interrupted, the next step continues.

    Attributes:
        is_text: True if the parts are str, False if they are bytes.
    """

    def __init__(
        self, ws: Receiving, is_text: bool, first: bytes, is_last: bool, timeout: Optional[float]
    ) -> None:
        self.is_text = is_text
        self._ws = ws
        self._first: Optional[bytes] = first
        self._is_last = is_last
        self._timeout = timeout
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def __next__(self) -> Data:
        self._ws._check_process()
        data = self._first
        if data is not None:
            self._first = None
        elif self._is_last:
            raise StopIteration
        else:
            data = self._receive()
        return self._decoder.decode(data, self._is_last) if self.is_text else data

    def _receive(self) -> bytes:
        ws = self._ws
        with ws._receive():
            if ws._begun_by is not self:
                raise UsageError("the rest of this message has been skipped")
            self._is_last = ws._recv_part(Limit(self._timeout))
            if self._is_last:
                ws._begun_by = None
            return ws._view[: ws._results[1]].tobytes()
