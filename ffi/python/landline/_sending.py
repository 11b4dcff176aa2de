"""Sending: messages that are whole, gathered, or in parts; Pings."""

import ctypes
import threading
import time
from ctypes import c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any, Callable, Iterable, Mapping, Optional, Set, Tuple, Union

from . import _abi
from ._exceptions import Error, Interrupted, Timeout, was_interrupted
from ._payload import DataLike, as_bytes, encoded, payload, view_of
from ._state import State
from ._waiting import Limit, seconds

# Messages up to this size are sent without releasing the GIL, if that is possible without waiting.
_SMALL = 4096
_TEXT = c_int32(_abi.TEXT)
_BINARY = c_int32(_abi.BINARY)
_NO_FLAGS = c_uint32(0)
_FEED = c_uint32(_abi.SEND_FEED)
_NOW = c_int32(0)

_STREAMING = "this thread is in the middle of sending a message in parts: send other messages when it has ended"


class Sending(State):
    """The part of a connection that sends."""

    def __init__(self, handle: _abi.Handle, send_timeout: Optional[float]) -> None:
        super().__init__(handle, send_timeout)
        # The threads that are sending messages in parts: one of them at a time, while the others wait.
        self._streaming: Set[int] = set()

    def send(
        self,
        message: Union[DataLike, Iterable[DataLike]],
        timeout: Optional[float] = None,
        *,
        compress: Optional[bool] = None,
    ) -> None:
        """Sends a message. A str is sent as text. An object with the buffer protocol (bytes, bytearray, memoryview,
        array.array, mmap, numpy arrays and so on) is sent as binary, its bytes as they are in memory. The items of any
        other iterable are sent as the parts of one message; they must be all str or all bytes-like. An empty iterable sends
        nothing.

        Blocks until the message is in the kernel, for at most `timeout` seconds, and for at most `send_timeout` without
        progress. Any number of threads may send. Each part of an iterable is sent immediately, and messages of other
        threads wait until the iterable ends. If it raises an exception, or time runs out, the connection is closed with
        1011, because a message that has begun cannot be withdrawn.

        Args:
            message: what to send.
            timeout: the time limit in seconds; None for no limit. For an iterable, the limit of each part.
            compress: False to not compress the message, for data that is already compressed or contains a secret; True
                to compress it even if it is small. With None, the threshold decides. Has no effect if compression was not
                agreed on.

        Raises:
            Timeout, Interrupted: nothing was sent; or, if `pending` is set, the message is on its way. In the middle of an
                iterable, neither is true: the connection is closed, and the text says so.
            ConnectionClosed: the connection is over, or close() was called.
            UsageError: a str with surrogates, which cannot be encoded as UTF-8, or a buffer that is not contiguous.
            TypeError: a dict, or an object that is neither bytes-like nor iterable: nothing was sent. Or parts of both
                kinds: the connection is closed with 1011.
            ConcurrencyError: this thread is in the middle of sending an iterable, whose iterator or a signal handler has
                made this call.
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

    def try_send(self, message: DataLike, *, compress: Optional[bool] = None) -> None:
        """Sends a message, str or bytes-like, if that is possible without waiting. Never blocks.

        When it returns, the message has been accepted. What the kernel had no room for is queued ahead of whatever is sent
        next; it is sent while recv() waits, and by the next call that sends or flushes. A connection never holds more than
        64 KiB and one message for a peer that does not read.

        Raises:
            WouldBlock: nothing of it was accepted, because the peer does not read, or another thread is sending a message
                in parts or a large one. It can be sent again later, or with a time limit.
            Others: as send() does, except for Timeout and Interrupted.
        """
        self._check_streaming()
        kind, data, size = payload(message)
        status = _abi.conn_try_send(self._handle, kind, data, size, _flags(compress))
        if status:
            raise self._failure(status)

    def feed(self, message: DataLike, timeout: Optional[float] = None, *, compress: Optional[bool] = None) -> None:
        """Gathers a message instead of sending it at once, which saves system calls if there are many small ones. Gathered
        messages are sent with the next message that is sent, by flush(), before recv() waits, or when there are 64 KiB of
        them. If another thread receives, call flush().

        Blocks and raises as send() does.
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

        Blocks and raises as send() does. After Timeout and Interrupted, call it again.
        """
        limit = Limit(timeout)
        self._until_done(limit, lambda: _abi.conn_flush(self._handle, limit.next()))

    def _send(self, kind: int, data: Any, size: int, flags: int, limit: Limit) -> None:
        self._check_streaming()
        self._settle(
            self._repeat(limit, lambda: _abi.conn_send(self._handle, kind, data, size, flags, limit.next())), limit
        )

    def _check_streaming(self) -> None:
        """Refuses a message that would have to wait for the thread that sends it."""
        if threading.get_ident() in self._streaming:
            raise self._in_use(_STREAMING)

    def _repeat(self, limit: Limit, call: Callable[[], int], in_parts: bool = False) -> int:
        """Makes a sending call, and repeats it as long as its slice has run out, but not its limits. Returns its status.

        In the middle of a message in parts, the call is also repeated if its bytes have been accepted.
        """
        stall: Optional[Tuple[int, float]] = None
        while True:
            status = call()
            is_late = status == _abi.TIMED_OUT or (in_parts and _is_late_but_taken(status))
            if not is_late or limit.slice is None or limit.is_over():
                return status
            stall = self._progress(stall)
            if self._send_timeout is not None and time.monotonic() - stall[1] >= self._send_timeout:
                return status

    def _progress(self, stall: Optional[Tuple[int, float]]) -> Tuple[int, float]:
        """How much has been sent, and since when that has not changed."""
        sent = self._int(_abi.CONN_WIRE_SENT)
        return stall if stall is not None and stall[0] == sent else (sent, time.monotonic())

    def _until_done(self, limit: Limit, call: Callable[[], int]) -> None:
        status = self._repeat(limit, call)
        if status:
            raise self._failure(status)

    def _settle(self, status: int, limit: Limit, tried: bool = False) -> None:
        """Waits until a message is sent that had been accepted when its slice ran out. `tried`: the call did not wait."""
        if not status:
            return
        is_slice = tried or limit.slice is not None
        if not _is_late_but_taken(status) or not is_slice or limit.is_over():
            raise self._failure(status)
        try:
            self.flush(limit.left())
        except (Timeout, Interrupted) as error:
            error.pending = True
            raise

    def _send_stream(self, parts: Iterable[DataLike], timeout: Optional[float], flags: int) -> None:
        if isinstance(parts, Mapping) or not isinstance(parts, Iterable):
            raise TypeError(
                f"a message must be str, bytes-like, or an iterable of its parts, not {type(parts).__name__}"
            )
        iterator = iter(parts)
        try:
            first = next(iterator)
        except StopIteration:
            return
        kind, data, size = payload(first, "a part of a message")
        self._check_streaming()
        writer = _abi.new_writer()
        limit = Limit(timeout)
        this = threading.get_ident()
        try:
            # From before the message begins until after it ends for the library: a signal may arrive between any two steps.
            self._streaming.add(this)
            self._until_done(limit, lambda: _abi.conn_send_stream(self._handle, kind, flags, limit.next(), writer))
            self._write(writer, data, size, timeout)
            for part in iterator:
                if isinstance(part, str) != isinstance(first, str):
                    raise TypeError("the parts of a message must be all str or all bytes-like")
                _, data, size = payload(part, "a part of a message")
                self._write(writer, data, size, timeout)
            end = Limit(timeout)
            status = self._repeat(end, lambda: _abi.writer_finish(writer, end.next()))
            if status in (_abi.TIMED_OUT, _abi.INTERRUPTED):
                raise _abandoned(self._failure(status))
            self._settle(status, end)
        finally:
            try:
                writer.release()
            finally:
                self._streaming.discard(this)

    def _write(self, writer: _abi.Handle, data: Any, size: int, timeout: Optional[float]) -> None:
        """Sends a part of a message, in a form that the peer can read immediately."""
        limit = Limit(timeout)
        place = ctypes.cast(data, c_void_p).value or 0
        written = c_size_t()
        done = 0

        def write() -> int:
            nonlocal done
            status = int(_abi.writer_write(writer, place + done, size - done, limit.next(), written))
            done += written.value
            return status

        for call in (write, lambda: _abi.writer_flush(writer, limit.next())):
            status = self._repeat(limit, call, in_parts=True)
            if status:
                raise _abandoned(self._failure(status))

    def ping(self, data: Optional[DataLike] = None, timeout: Optional[float] = None) -> None:
        """Sends a Ping of at most 125 bytes. Its Pong is not reported; see ping_wait().

        Blocks and raises as send() does, and raises UsageError for more bytes.
        """
        content = b"" if data is None else as_bytes(data, "the data of a Ping")
        limit = Limit(timeout)
        self._settle(
            self._repeat(limit, lambda: _abi.conn_ping(self._handle, content, len(content), limit.next())), limit
        )

    def ping_wait(self, timeout: Optional[float] = None) -> float:
        """Sends a Ping, waits for its Pong, and returns how many seconds that took.

        If no other thread receives meanwhile, this call does, and keeps the messages for recv().

        Raises:
            Timeout, Interrupted, ConnectionClosed: as recv() does.
            Error: a message has been partly received, or more messages arrived than can be kept.
        """
        limit = Limit(timeout)
        begin = time.perf_counter()
        self._pong_wait(self._ping_start(limit), limit)
        return time.perf_counter() - begin

    def ping_start(self, timeout: Optional[float] = None) -> int:
        """Sends a Ping whose Pong will be waited for with pong_wait(), and returns its number. Blocks and raises as ping()
        does."""
        return self._ping_start(Limit(timeout))

    def pong_wait(self, ping: int, timeout: Optional[float] = None) -> None:
        """Waits for the Pong to a Ping of ping_start(). After Timeout and Interrupted, it can be waited for again.

        Receives and raises as ping_wait() does.
        """
        self._pong_wait(ping, Limit(timeout))

    def _ping_start(self, limit: Limit) -> int:
        ping = c_uint64()
        status = int(_abi.conn_ping_start(self._handle, limit.next(), ping))
        if status:
            raise self._failure(status)
        return ping.value

    def _pong_wait(self, ping: int, limit: Limit) -> None:
        while True:
            status = int(_abi.conn_pong_wait(self._handle, ping, limit.next()))
            if not status:
                return
            if status != _abi.TIMED_OUT or limit.is_over():
                raise self._failure(status)


def _is_late_but_taken(status: int) -> bool:
    """Whether a call ran out of time after the library had accepted what it was to send."""
    return status == _abi.PENDING and not was_interrupted(status)


def _abandoned(error: Error) -> Error:
    """The exception for a message in parts that was not sent completely, and cannot be continued."""
    if isinstance(error, (Timeout, Interrupted)):
        what = "timed out" if isinstance(error, Timeout) else "interrupted"
        error.text = f"{what} while sending a message in parts, which cannot be resumed: the connection is closed with 1011"
        error.args = (error.text,)
        error.phase, error.pending = "send", False
    return error


def _flags(compress: Optional[bool]) -> int:
    return 0 if compress is None else _abi.SEND_COMPRESS_ALWAYS if compress else _abi.SEND_COMPRESS_NEVER
