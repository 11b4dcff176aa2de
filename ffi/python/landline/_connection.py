"""An open connection: receiving, sending, closing."""

import codecs
import ctypes
import threading
import time
from contextlib import contextmanager
from ctypes import c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from functools import partial
from types import TracebackType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Type,
    Union,
)

from . import _abi
from ._exceptions import (
    ConcurrencyError,
    ConnectionClosedOK,
    Error,
    Interrupted,
    Timeout,
    UsageError,
    ending,
    name_of,
    outcome,
    was_interrupted,
)
from ._headers import Headers, parse
from ._payload import Data, DataLike, as_bytes, encoded, payload, view_of
from ._waiting import LONGEST, Limit, in_turn, millis, seconds

if TYPE_CHECKING:
    from typing_extensions import Buffer

# The room for what is received at once: at first, and from the first message on that needs more until _IDLE seconds have
# passed without another one.
_LITTLE = 2 * 1024
_MUCH = 64 * 1024
_IDLE = 1.0
# What is sent without letting other threads run, if it can be without waiting.
_SMALL = 4096
_TEXT = c_int32(_abi.TEXT)
_BINARY = c_int32(_abi.BINARY)
_NO_FLAGS = c_uint32(0)
_FEED = c_uint32(_abi.SEND_FEED)
_NOW = c_int32(0)

_RECEIVING = "another thread is receiving, or this one is, and a signal handler or a finalizer has interrupted it"
_STREAMING = "this thread is in the middle of a message that it sends in parts: send another one when that has ended"

_ADDRESS = Optional[Tuple[str, int]]


class Stats(NamedTuple):
    """What a connection has carried so far; the opening handshake does not count."""

    messages_sent: int
    messages_received: int
    payload_sent: int
    payload_received: int
    wire_sent: int
    wire_received: int


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


_NUMBER_KEYS = (
    _abi.CONN_STATE,
    _abi.CONN_CLOSE_CODE,
    _abi.CONN_CLOSE_CODE_RECEIVED,
    _abi.CONN_CLOSE_CODE_SENT,
    _abi.CONN_MESSAGES_SENT,
    _abi.CONN_MESSAGES_RECEIVED,
    _abi.CONN_PAYLOAD_SENT,
    _abi.CONN_PAYLOAD_RECEIVED,
    _abi.CONN_WIRE_SENT,
    _abi.CONN_WIRE_RECEIVED,
)
_TEXT_KEYS = (
    _abi.CONN_SUBPROTOCOL,
    _abi.CONN_EXTENSIONS,
    _abi.CONN_TARGET,
    _abi.CONN_PEER,
    _abi.CONN_LOCAL,
    _abi.CONN_HEADERS,
    _abi.CONN_CLOSE_REASON,
)


def _number(handle: c_void_p, key: int) -> int:
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


class Connection(_abi.Unique):
    """A WebSocket connection. Made by connect() and by a Server; not by itself.

    One thread receives, while any number of others send, ping, close and interrupt. A second one that receives gets
    ConcurrencyError. Somebody should be receiving most of the time: Pings are answered, the closing handshake is
    completed and keepalive works inside calls that receive.

    Time limits are in seconds, from 0 on; None and infinity are for ever. A call that ran out of time has lost nothing.
    Others are refused: UsageError, which is a ValueError, for negative numbers and NaN, TypeError for what is no number.

    Signal handlers and finalizers may call everything, close() too, in the middle of any other call.

    As a context manager it closes the connection: with 1000, or with 1011 if the block raised. What is not closed is
    cut when the object is gone. After a fork it belongs to one of the two processes.
    """

    def __init__(self, handle: _abi.Handle, send_timeout: Optional[float]) -> None:
        self._handle: Optional[_abi.Handle] = handle
        self._send_timeout = send_timeout
        # What is known of the connection when its handle is given up.
        self._numbers: Dict[int, int] = {}
        self._texts: Dict[int, bytes] = {}
        self._reason_sent = ""
        # The thread that sends a message in parts, or 0.
        self._streaming = 0
        # For the thread that receives: where the library writes, and a message of which a part has been received.
        # What is in the list is taken by who receives: quicker than a lock.
        self._receiving = [True]
        self._results = (c_int64 * 2)()
        self._out = (ctypes.byref(self._results, 0), ctypes.byref(self._results, 8))
        self._parts: List[bytes] = []
        # Who has received a message but for its rest: a MessageStream, or recv_into().
        self._begun_by: object = None
        self._make_room(_LITTLE)

    def _make_room(self, room: int) -> None:
        """Takes another buffer to receive into. By whoever has the right to receive."""
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

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close(1000 if kind is None else 1011)

    def __repr__(self) -> str:
        state = ("open", "closing", "closed")[self._int(_abi.CONN_STATE)]
        return f"<{type(self).__name__} {self._str(_abi.CONN_TARGET)} {state}>"

    # ----- What is known -----

    def _int(self, key: int) -> int:
        handle = self._handle
        return self._numbers[key] if handle is None else _number(handle, key)

    def _bytes(self, key: int) -> bytes:
        handle = self._handle
        return self._texts[key] if handle is None else _text(handle, key)

    def _str(self, key: int) -> str:
        return self._bytes(key).decode("utf-8", "replace")

    @property
    def subprotocol(self) -> Optional[str]:
        """The subprotocol that was agreed on, or None."""
        return self._str(_abi.CONN_SUBPROTOCOL) or None

    @property
    def extensions(self) -> str:
        """The extensions in use, as in Sec-WebSocket-Extensions."""
        return self._str(_abi.CONN_EXTENSIONS)

    @property
    def path(self) -> str:
        """Path and query that were asked for."""
        return self._str(_abi.CONN_TARGET)

    @property
    def remote_address(self) -> _ADDRESS:
        """Host and port of the other end; None if it has none."""
        return _address(self._bytes(_abi.CONN_PEER))

    @property
    def local_address(self) -> _ADDRESS:
        """Host and port of this end; None if it has none."""
        return _address(self._bytes(_abi.CONN_LOCAL))

    @property
    def close_code(self) -> Optional[int]:
        """The peer's close code, else the one that this end sent, else 1006; None while the connection is open."""
        return self._int(_abi.CONN_CLOSE_CODE) or None

    @property
    def close_reason(self) -> Optional[str]:
        """The reason in the peer's Close frame; None while the connection is open."""
        return None if self.close_code is None else self._str(_abi.CONN_CLOSE_REASON)

    @property
    def stats(self) -> Stats:
        """Messages and bytes so far."""
        return Stats(*(self._int(key) for key in range(_abi.CONN_MESSAGES_SENT, _abi.CONN_WIRE_RECEIVED + 1)))

    # ----- For loops of the caller's own -----

    def fileno(self) -> int:
        """The descriptor, for select() and the like; -1 after close(). Do not read from it or write to it.

        When it is readable, call recv(timeout=0) until it raises Timeout. Do so as well before waiting if
        has_buffered() says so.
        """
        handle = self._handle
        return -1 if handle is None else _number(handle, _abi.CONN_FD)

    def poll_events(self) -> int:
        """What to wait for on the descriptor now, as poll() has it: POLLIN, and POLLOUT if something is unsent."""
        handle = self._handle
        return 0 if handle is None else _number(handle, _abi.CONN_POLL_EVENTS)

    def has_buffered(self) -> bool:
        """Whether recv() may find something although the descriptor is not readable.

        Raises:
            ConcurrencyError: another thread is receiving.
        """
        handle = self._handle
        return handle is not None and bool(self._parts or _number(handle, _abi.CONN_HAS_BUFFERED))

    # ----- Failures -----

    def _failure(self, status: int) -> Error:
        """The exception for a status of this connection."""
        if status == _abi.ERR_BUSY:
            return ConcurrencyError(_RECEIVING, name_of(status))
        if status == _abi.ERR_NULL or status in (_abi.CLOSED, _abi.ERR_CLOSING) or status <= -100:
            code = self._int(_abi.CONN_CLOSE_CODE) or self._int(_abi.CONN_CLOSE_CODE_SENT) or 1006
            reason = self._str(_abi.CONN_CLOSE_REASON) or self._reason_sent
            return ending(status, code, reason)
        return outcome(status)

    # ----- Receiving -----

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
        receiving = self._receiving
        try:
            turn = receiving.pop()
        except IndexError:
            raise ConcurrencyError(_RECEIVING) from None
        try:
            # The usual course: a whole message is there.
            status = _abi.MORE if self._parts or self._begun_by else self._recv_now()
            if status:
                return self._recv_parts(status, timeout, decode)
            results = self._results
            if decode is None:
                decode = results[0] == 1
            return str(self._buffer[: results[1]], "utf-8") if decode else self._view[: results[1]].tobytes()
        finally:
            receiving.append(turn)

    def _recv_parts(self, status: int, timeout: Optional[float], decode: Optional[bool]) -> Data:
        """recv() for what is not one message that is there."""
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
        try:
            turn = self._receiving.pop()
        except IndexError:
            raise ConcurrencyError(_RECEIVING) from None
        try:
            if self._parts:
                raise UsageError("recv() ran out of time in the middle of a message: call it until it gives that")
            yield
        finally:
            self._receiving.append(turn)

    def __iter__(self) -> Iterator[Data]:
        """Receives messages until the connection is closed in order, with 1000 or 1001. Raises as recv() otherwise."""
        try:
            while True:
                yield self.recv()
        except ConnectionClosedOK:
            return

    # ----- Sending -----

    def send(
        self,
        message: Union[DataLike, Iterable[DataLike]],
        timeout: Optional[float] = None,
        *,
        compress: Optional[bool] = None,
    ) -> None:
        """Sends a message: str as text; what has the buffer protocol (bytes, bytearray, memoryview, array.array, mmap,
        numpy arrays and so on) as binary, the bytes as they lie in memory; another iterable as one message, of which it
        gives the parts, all str, or all bytes-like. An iterable of nothing sends nothing.

        Blocks until it is in the kernel, or for at most `timeout` seconds, and for at most `send_timeout` without any
        progress. Any number of threads may send. Each part of an iterable is sent at once, and messages of other
        threads wait until it ends; if it raises, or time runs out, the connection is closed with 1011, because a
        message cannot be taken back.

        Args:
            message: what to send.
            timeout: the time limit in seconds, None for none. For an iterable it is that of each part.
            compress: False if it is compressed already or holds a secret; True also if it is small. None lets the
                threshold decide. Does nothing if compression was not agreed on.

        Raises:
            Timeout, Interrupted: nothing was sent, or, if their `pending` says so, the message is on its way.
            ConnectionClosed: the connection is over, or close() was called.
            UsageError: a str with surrogates, which is no valid text; a buffer whose bytes do not lie together.
            TypeError: a dict, or what is neither bytes-like nor iterable: nothing was sent; parts of both kinds: the
                connection is closed with 1011.
            ConcurrencyError: in the middle of a message in parts, from what gives the parts or from a signal handler.
        """
        if timeout is not None:
            timeout = seconds(timeout)
        if isinstance(message, str):
            kind, data = _TEXT, encoded(message)
        elif isinstance(message, bytes):
            kind, data = _BINARY, message
        elif view_of(message) is not None:
            return self._send(*payload(message), _flags(compress), Limit(timeout))
        else:
            return self._send_stream(message, timeout, _flags(compress))  # type: ignore[arg-type]
        if compress is None and len(data) <= _SMALL:
            status = _abi.conn_send_quick(self._handle, kind, data, c_size_t(len(data)), _NO_FLAGS, _NOW)
            if not status:
                return None
            if status == _abi.PENDING:
                return self._settle(status, Limit(timeout), tried=True)
        self._send(kind.value, data, len(data), _flags(compress), Limit(timeout))

    def feed(self, message: DataLike, timeout: Optional[float] = None, *, compress: Optional[bool] = None) -> None:
        """Gathers a message: it leaves with the next one that is sent, with flush(), before recv() waits, or when
        64 KiB are there. Saves system calls where there are many small messages. Where another thread receives, call
        flush().

        Blocks, and raises, as send().
        """
        if timeout is not None:
            timeout = seconds(timeout)
        if isinstance(message, str):
            kind, data = _TEXT, encoded(message)
        elif isinstance(message, bytes):
            kind, data = _BINARY, message
        else:
            return self._send(*payload(message), _flags(compress) | _abi.SEND_FEED, Limit(timeout))
        if compress is None and len(data) <= _SMALL:
            status = _abi.conn_send_quick(self._handle, kind, data, c_size_t(len(data)), _FEED, _NOW)
            if not status:
                return None
            if status == _abi.PENDING:
                return self._settle(status, Limit(timeout), tried=True)
        self._send(kind.value, data, len(data), _flags(compress) | _abi.SEND_FEED, Limit(timeout))

    def flush(self, timeout: Optional[float] = None) -> None:
        """Sends what feed() has gathered.

        Blocks, and raises, as send(); after Timeout and Interrupted call it again.
        """
        limit = Limit(timeout)
        self._until_done(limit, lambda: _abi.conn_flush(self._handle, limit.next()))

    def _send(self, kind: int, data: Any, size: int, flags: int, limit: Limit) -> None:
        self._check_streaming()
        self._settle(
            self._repeat(limit, lambda: _abi.conn_send(self._handle, kind, data, size, flags, limit.next())), limit
        )

    def _check_streaming(self) -> None:
        """A message that would have to wait for its own thread."""
        if self._streaming == threading.get_ident():
            raise ConcurrencyError(_STREAMING)

    def _repeat(self, limit: Limit, call: Callable[[], int]) -> int:
        """Repeats a call that sends while its slice ran out, but its limits did not: the status that it came to."""
        stall: Optional[Tuple[int, float]] = None
        while True:
            status = call()
            if status != _abi.TIMED_OUT or limit.slice is None or limit.is_over():
                return status
            stall = self._progress(stall)
            if self._send_timeout is not None and time.monotonic() - stall[1] >= self._send_timeout:
                return status

    def _progress(self, stall: Optional[Tuple[int, float]]) -> Tuple[int, float]:
        """How much has been sent, and since when no more."""
        sent = self._int(_abi.CONN_WIRE_SENT)
        return stall if stall is not None and stall[0] == sent else (sent, time.monotonic())

    def _until_done(self, limit: Limit, call: Callable[[], int]) -> None:
        status = self._repeat(limit, call)
        if status:
            raise self._failure(status)

    def _settle(self, status: int, limit: Limit, tried: bool = False) -> None:
        """Waits until a message that was taken when its slice ran out is sent. `tried`: it was sent without waiting."""
        if not status:
            return
        is_slice = tried or limit.slice is not None
        if _unfinished(status) == status or not is_slice or limit.is_over():
            raise self._failure(status)
        try:
            self.flush(limit.left())
        except (Timeout, Interrupted) as error:
            error.pending = True
            raise

    def _send_stream(self, parts: Iterable[DataLike], timeout: Optional[float], flags: int) -> None:
        if isinstance(parts, Mapping) or not isinstance(parts, Iterable):
            raise TypeError(f"a message is str, bytes-like, or an iterable of its parts, not {type(parts).__name__}")
        iterator = iter(parts)
        try:
            first = next(iterator)
        except StopIteration:
            return
        kind, data, size = payload(first, "a part of a message")
        self._check_streaming()
        writer = _abi.new_writer()
        limit = Limit(timeout)
        self._until_done(limit, lambda: _abi.conn_send_stream(self._handle, kind, flags, limit.next(), writer))
        try:
            self._streaming = threading.get_ident()
            self._write(writer, data, size, timeout)
            for part in iterator:
                if isinstance(part, str) != isinstance(first, str):
                    raise TypeError("the parts of a message are all str, or all bytes-like")
                _, data, size = payload(part, "a part of a message")
                self._write(writer, data, size, timeout)
            end = Limit(timeout)
            self._settle(self._repeat(end, lambda: _abi.writer_end(writer, end.next())), end)
        finally:
            self._streaming = 0
            writer.release()

    def _write(self, writer: _abi.Handle, data: Any, size: int, timeout: Optional[float]) -> None:
        """Sends a part of a message, so that the peer can read it at once."""
        limit = Limit(timeout)
        place = ctypes.cast(data, c_void_p).value or 0
        written = c_size_t()
        done = 0

        def write() -> int:
            nonlocal done
            status = _abi.writer_write(writer, place + done, size - done, limit.next(), written)
            done += written.value
            return _unfinished(status)

        self._until_done(limit, write)
        self._until_done(limit, lambda: _unfinished(_abi.writer_flush(writer, limit.next())))

    def ping(self, data: Optional[DataLike] = None, timeout: Optional[float] = None) -> None:
        """Sends a Ping of at most 125 bytes. Its Pong is received silently; see ping_wait().

        Blocks, and raises, as send(); UsageError for more bytes.
        """
        content = b"" if data is None else as_bytes(data, "what a Ping carries")
        limit = Limit(timeout)
        self._settle(
            self._repeat(limit, lambda: _abi.conn_ping(self._handle, content, len(content), limit.next())), limit
        )

    def ping_wait(self, timeout: Optional[float] = None) -> float:
        """Sends a Ping and waits for its Pong: how many seconds that took.

        If no other thread receives meanwhile, this call does, and keeps the messages for recv().

        Raises:
            Timeout, Interrupted, ConnectionClosed: as recv().
            Error: a message is half received, or more came than can be kept.
        """
        microseconds = c_uint64()
        limit = min(millis(seconds(timeout)), LONGEST)

        def wait() -> None:
            status = _abi.conn_ping_wait(self._handle, limit, microseconds)
            if status:
                raise self._failure(status)

        in_turn(wait, lambda: self.interrupt())
        return microseconds.value / 1e6

    # ----- Ending -----

    def interrupt(self) -> None:
        """Wakes blocked calls of this connection from any thread: whoever receives and whoever sends get Interrupted.

        If there is none, the next one that would wait gets it, once for each direction. The connection stays as it
        was. Never blocks.
        """
        _abi.conn_interrupt(self._handle, _abi.RECV | _abi.SEND)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the connection in order: sends a Close frame and waits for the peer's, at most `close_timeout`
        seconds. What else arrives is thrown away. Does nothing if it was closed already; while another call of close() is
        under way, in another thread or interrupted by this signal handler, both return when that is done.

        A peer that does not answer, or a broken connection, is no error: see close_code. Ctrl-C while it waits cuts the
        connection.

        Raises:
            UsageError: a code that may not be sent, or a reason of more than 123 bytes. The connection stays open.
        """
        data = encoded(reason)
        handle = self._handle
        if handle is None:
            return
        self._keep_reason(reason)

        def close() -> None:
            status = _abi.conn_close(handle, code, data, len(data), -1)
            if status == _abi.ERR_INVALID:
                raise outcome(status)

        in_turn(close, lambda: _abi.conn_abort(handle))
        self._give_up(handle)

    def _keep_reason(self, reason: str) -> None:
        """For ConnectionClosed; that of the first Close frame counts."""
        if not self._int(_abi.CONN_CLOSE_CODE_SENT):
            self._reason_sent = reason

    def close_start(self, code: int = 1000, reason: str = "", timeout: Optional[float] = None) -> None:
        """Sends a Close frame, after which nothing more can be sent. Whoever receives still gets what the peer sends,
        then ConnectionClosed.

        Blocks, and raises, as send(); UsageError as close().
        """
        data = encoded(reason)
        self._keep_reason(reason)
        limit = Limit(timeout)
        self._settle(
            self._repeat(limit, lambda: _abi.conn_close_start(self._handle, code, data, len(data), limit.next())),
            limit,
        )

    def abort(self) -> None:
        """Ends the connection at once, without a word to the peer. Blocked calls in all threads raise
        ConnectionClosedError. Never blocks.
        """
        handle = self._handle
        if handle is not None:
            _abi.conn_abort(handle)
            self._give_up(handle)

    def _give_up(self, handle: _abi.Handle) -> None:
        """Lets go of the connection; calls that are under way keep it until they return."""
        self._texts = {key: _text(handle, key) for key in _TEXT_KEYS}
        self._numbers = {key: _number(handle, key) for key in _NUMBER_KEYS}
        self._handle = None
        self._recv_now = self._prepared(None)


class MessageStream(_abi.Unique, Iterator[Data]):
    """The parts of a message, as they arrive. After Timeout or Interrupted the next step goes on.

    Attributes:
        is_text: whether the parts are str, or bytes.
    """

    def __init__(
        self, ws: Connection, is_text: bool, first: bytes, is_last: bool, timeout: Optional[float]
    ) -> None:
        self.is_text = is_text
        self._ws = ws
        self._first: Optional[bytes] = first
        self._is_last = is_last
        self._timeout = timeout
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def __next__(self) -> Data:
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


def _unfinished(status: int) -> int:
    """A status of a writer, where a call that ran out of time is repeated even if its bytes are on their way."""
    return _abi.TIMED_OUT if status == _abi.PENDING and not was_interrupted(status) else status


def _flags(compress: Optional[bool]) -> int:
    return 0 if compress is None else _abi.SEND_COMPRESS if compress else _abi.SEND_PLAIN
