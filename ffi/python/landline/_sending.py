"""Sending: messages whole, gathered, and in parts; pings."""

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

# What is sent without letting other threads run, if it can be without waiting.
_SMALL = 4096
_TEXT = c_int32(_abi.TEXT)
_BINARY = c_int32(_abi.BINARY)
_NO_FLAGS = c_uint32(0)
_FEED = c_uint32(_abi.SEND_FEED)
_NOW = c_int32(0)

_STREAMING = "this thread is in the middle of a message that it sends in parts: send another one when that has ended"


class Sending(State):
    """The part of a connection that sends."""

    def __init__(self, handle: _abi.Handle, send_timeout: Optional[float]) -> None:
        super().__init__(handle, send_timeout)
        # The threads that send messages in parts: one at a time, while the others wait for it.
        self._streaming: Set[int] = set()

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
        progress. Any number of threads may send. Each part of an iterable is sent immediately, and messages of other
        threads wait until it ends; if it raises, or time runs out, the connection is closed with 1011, because a
        message cannot be taken back.

        Args:
            message: what to send.
            timeout: the time limit in seconds, None for none. For an iterable it is that of each part.
            compress: False if it is compressed already or holds a secret; True also if it is small. None lets the
                threshold decide. Does nothing if compression was not agreed on.

        Raises:
            Timeout, Interrupted: nothing was sent, or, if their `pending` says so, the message is on its way. In the
                middle of an iterable neither: the connection is closed, and the text says so.
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

    def try_send(self, message: DataLike, *, compress: Optional[bool] = None) -> None:
        """Sends a message, str or bytes-like, if that needs no waiting. Never blocks.

        When it returns the message was accepted: it is in the kernel, or what the kernel had no room for is kept, in front
        of whatever is sent next, and leaves while recv() waits and with the next call that sends or flushes. A connection
        keeps at most 64 KiB and one message for a peer that does not read.

        Raises:
            WouldBlock: nothing of it was accepted, because the peer does not read, or another thread sends a message in
                parts or a large one. It can be sent again, later or with a time limit.
            Others: as send(), but for Timeout and Interrupted.
        """
        self._check_streaming()
        kind, data, size = payload(message)
        status = _abi.conn_try_send(self._handle, kind, data, size, _flags(compress))
        if status:
            raise self._failure(status)

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
        """Refuses a message that would have to wait for its own thread."""
        if threading.get_ident() in self._streaming:
            raise self._in_use(_STREAMING)

    def _repeat(self, limit: Limit, call: Callable[[], int], in_parts: bool = False) -> int:
        """Repeats a call that sends while its slice ran out, but its limits did not: the status that it came to.

        In the middle of a message in parts it is repeated too where its bytes are on their way.
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
        if not _is_late_but_taken(status) or not is_slice or limit.is_over():
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
        this = threading.get_ident()
        try:
            # Before the message has begun, and until it is over for the library: a signal may come between any two steps.
            self._streaming.add(this)
            self._until_done(limit, lambda: _abi.conn_send_stream(self._handle, kind, flags, limit.next(), writer))
            self._write(writer, data, size, timeout)
            for part in iterator:
                if isinstance(part, str) != isinstance(first, str):
                    raise TypeError("the parts of a message are all str, or all bytes-like")
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
        """Sends a part of a message, so that the peer can read it immediately."""
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
        limit = Limit(timeout)
        begin = time.perf_counter()
        self._pong_wait(self._ping_start(limit), limit)
        return time.perf_counter() - begin

    def ping_start(self, timeout: Optional[float] = None) -> int:
        """Sends a Ping to be waited for with pong_wait(): its number. Blocks, and raises, as ping()."""
        return self._ping_start(Limit(timeout))

    def pong_wait(self, ping: int, timeout: Optional[float] = None) -> None:
        """Waits for the Pong to a Ping of ping_start(), as ping_wait() does. After Timeout and Interrupted it can be
        waited for again.

        Raises:
            As ping_wait().
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
    """Whether a call ran out of time when the library had taken what it was to send."""
    return status == _abi.PENDING and not was_interrupted(status)


def _abandoned(error: Error) -> Error:
    """The exception for a message in parts that did not come to its end: nobody can go on with it."""
    if isinstance(error, (Timeout, Interrupted)):
        what = "timed out" if isinstance(error, Timeout) else "interrupted"
        error.text = f"{what} while sending a message in parts, which cannot be resumed: the connection is closed with 1011"
        error.args = (error.text,)
        error.phase, error.pending = "send", False
    return error


def _flags(compress: Optional[bool]) -> int:
    return 0 if compress is None else _abi.SEND_COMPRESS_ALWAYS if compress else _abi.SEND_COMPRESS_NEVER
