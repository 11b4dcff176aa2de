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

# The room for what is received at once: at first, and from the first message on that needs more until _IDLE seconds have
# passed without another one.
_LITTLE = 2 * 1024
_MUCH = 64 * 1024
_IDLE = 1.0
_NOW = c_int32(0)


class Part(NamedTuple):
    """A part of a message that recv_into() has received.

    Attributes:
        length: how many bytes were put into the buffer.
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
        # The calls that receive or try to: the first one may, the others fail. Quicker than a lock, and an exception
        # of a signal handler cannot come between taking this right and being sure to give it back.
        self._receivers: List[object] = []
        # For the call that may: where the library writes, and a message of which a part has been received.
        self._results = (c_int64 * 2)()
        self._out = (ctypes.byref(self._results, 0), ctypes.byref(self._results, 8))
        self._parts: List[bytes] = []
        # Who has received a message but for its rest: a MessageStream, or recv_into().
        self._begun_by: object = None
        self._make_room(_LITTLE)

    def _make_room(self, room: int) -> None:
        """Takes another buffer to receive into. Called with the right to receive."""
        handle = self._handle
        self._room = room
        self._needed = time.monotonic()
        self._buffer = bytearray(room)
        self._view = memoryview(self._buffer)
        self._place = ctypes.byref(ctypes.c_char.from_buffer(self._buffer))
        self._recv_now = self._prepared(handle)
        if self._handle is not handle:
            # Another thread has given it up.
            self._recv_now = self._prepared(None)

    def _prepared(self, handle: Optional[_abi.Handle]) -> Callable[[], int]:
        """A call that receives a message, or a part of it, if it is there."""
        place, (kind, length) = self._place, self._out
        room = c_size_t(self._room)
        return partial(_abi.conn_recv_into_quick, handle or c_void_p(), place, room, _NOW, kind, length)

    def _give_up(self, handle: _abi.Handle) -> None:
        super()._give_up(handle)
        self._recv_now = self._prepared(None)

    def has_buffered(self) -> bool:
        """Whether recv() may find something although the descriptor is not readable.

        Raises:
            ConcurrencyError: another thread is receiving.
        """
        handle = self._handle
        return handle is not None and (number(handle, _abi.CONN_HAS_BUFFERED) != 0 or bool(self._parts))

    def recv(self, timeout: Optional[float] = None, decode: Optional[bool] = None) -> Data:
        """Receives the next message: text as str, binary as bytes.

        Blocks until there is one, or for at most `timeout` seconds; 0 gives what is there. What feed() has gathered
        is sent before it waits.

        Args:
            timeout: the time limit in seconds, None for none.
            decode: True gives str and False bytes, whatever was sent.

        Raises:
            Timeout: nothing is lost, in the middle of a message too.
            Interrupted: by interrupt() of another thread; nothing is lost.
            ConnectionClosedOK: closed in order, with 1000 or 1001.
            ConnectionClosedError: closed otherwise, or broken; ProtocolError, MessageTooBig and ConnectionTLSError are
                among these.
            ConcurrencyError: another thread is receiving.
        """
        if timeout is not None:
            timeout = seconds(timeout)
        receivers, this = self._receivers, object()
        try:
            receivers.append(this)
            if receivers[0] is not this:
                raise self._in_use(RECEIVING)
            # The usual course: a whole message is there.
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
        """recv() where the message has not arrived whole."""
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
        """Receives a part of a message, into the connection's buffer if no other one is given: whether it is the last."""
        if place is None and (self._parts or self._begun_by):
            # The rest of a message that has begun.
            self._needed = time.monotonic()
            if self._room < _MUCH:
                self._make_room(_MUCH)
        while True:
            wait = limit.next()
            if self._room > _LITTLE and not 0 <= wait <= _IDLE * 1000:
                wait = int(_IDLE * 1000)
            status = _abi.conn_recv_into(self._handle, place or self._place, room or self._room, wait, *self._out)
            if status == _abi.OK or status == _abi.MORE:
                return bool(status == _abi.OK)
            if self._room > _LITTLE and time.monotonic() - self._needed >= _IDLE:
                self._make_room(_LITTLE)
            if status != _abi.TIMED_OUT or limit.is_over():
                raise self._failure(status)

    def _skip_rest(self, limit: Limit) -> None:
        """Drops the rest of a message that recv_stream() or recv_into() was not asked to the end for."""
        while self._begun_by:
            if self._recv_part(limit):
                self._begun_by = None

    def recv_into(self, buffer: "Buffer", timeout: Optional[float] = None) -> Part:
        """Receives into a buffer (bytearray, memoryview, array.array, mmap, a numpy array and so on), as much of a message
        as is there and fits; the next call goes on with it.

        Text is UTF-8 as a whole; a character may lie across two parts. recv() and recv_stream() skip what is left of
        the message.

        Blocks, and raises, as recv().
        """
        view = view_of(buffer)
        if view is None or view.readonly:
            raise TypeError(f"a {type(buffer).__name__} is no buffer that can be written to")
        if not view.nbytes:
            raise UsageError("the buffer has no room")
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
        """Waits for a message to begin, and gives an iterator over its parts, as they arrive: str or bytes.

        In constant memory, whatever max_size is set to. `timeout` is the limit for each part. If the iterator is left
        before its end, the next receiving call skips the rest.

        Blocks, and raises, as recv().
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
        """Holds the right to receive, for a call that does not go on with what recv() has begun."""
        receivers, this = self._receivers, object()
        try:
            receivers.append(this)
            if receivers[0] is not this:
                raise self._in_use(RECEIVING)
            if self._parts:
                raise UsageError("recv() ran out of time in the middle of a message: call it until it gives that")
            yield
        finally:
            receivers.remove(this)

    def __iter__(self) -> Iterator[Data]:
        """Receives messages until the connection is closed in order, with 1000 or 1001. Raises as recv() otherwise."""
        try:
            while True:
                yield self.recv()
        except ConnectionClosedOK:
            return


class MessageStream(_abi.Unique, Iterator[Data]):
    """The parts of a message, as they arrive. After Timeout or Interrupted the next step goes on.

    Attributes:
        is_text: whether the parts are str, or bytes.
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
