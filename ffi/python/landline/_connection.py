"""An open connection: receiving, sending and closing."""

import ctypes
import socket
from ctypes import c_int32, c_size_t, c_void_p
from types import TracebackType
from typing import Optional, Tuple, Type

from . import _abi
from ._arguments import expect, integer
from ._exceptions import outcome
from ._payload import encoded
from ._receiving import Receiving
from ._sending import Sending
from ._waiting import Limit, in_turn


class Connection(Receiving, Sending):
    """A WebSocket connection, created by connect() or by a Server.

    One thread receives, while any number of others send, ping, close and interrupt. A second thread that tries to receive
    gets ConcurrencyError. Keep a thread in a receiving call most of the time: that is where Pings are answered, the closing
    handshake is completed and keepalive works.

    Time limits are in seconds; 0 means not to wait, None and infinity mean no limit. A call that timed out has lost
    nothing. Other values are refused before anything is done: negative numbers and NaN with UsageError, which is a
    ValueError, and anything that is not a number with TypeError.

    Signal handlers and finalizers may call any method, even close(), in the middle of any other call.

    As a context manager it closes the connection: with 1000, or with 1011 if the block raised an exception. A connection
    that is not closed is cut when the object is destroyed. A connection belongs to the process that created it: in a forked
    child its calls raise UsageError, and neither leaving a with block nor deleting the object affects the parent's
    connection.
    """

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if not self._is_inherited():
            self.close(1000 if kind is None else 1011)

    def __repr__(self) -> str:
        if self._is_inherited():
            return f"<{type(self).__name__} of the parent process>"
        state = ("open", "closing", "closed")[self._int(_abi.CONN_STATE)]
        return f"<{type(self).__name__} {self._str(_abi.CONN_TARGET)} {state}>"

    def detach(self, timeout: Optional[float] = None) -> Tuple[socket.socket, bytes]:
        """Takes the socket out of the connection, for a program that continues with another protocol or library. Returns
        the socket, in blocking mode, and the bytes that the peer has sent but no call has returned: frames as they arrived,
        the last of which may be incomplete.

        The connection is over afterwards: its calls raise ConnectionClosed, and closing it does not affect the socket. The
        peer notices nothing. Everything that was sent or gathered before is written first. A connection over TLS cannot be
        detached, because TLS has state that cannot be taken out.

        Blocks until everything is written, for at most `timeout` seconds, and for at most `send_timeout` without progress.

        Raises:
            Timeout, Interrupted: the connection can be used as before.
            UsageError: the connection does not run directly over a socket. It can be used as before.
            Error: a message has been partly received, or was kept by ping_wait(). The connection can be used as before.
            ConnectionClosed: the connection is over or is being closed.
            ConcurrencyError: another thread is receiving.
        """
        limit = Limit(timeout)
        fd, data, size = c_int32(), c_void_p(), c_size_t()
        self._until_done(limit, lambda: _abi.conn_detach(self._handle, limit.next(), fd, data, size))
        taken = socket.socket(fileno=fd.value)
        return taken, ctypes.string_at(data, size.value) if size.value else b""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Performs the closing handshake: sends a Close frame and waits for the peer's, for at most `close_timeout`
        seconds. Everything else that arrives is discarded. Does nothing if the connection has been closed. If another call
        of close() is in progress, in another thread or interrupted by this signal handler, both return when it is done.

        It is not an error if the peer does not answer or the connection is broken: see close_code. Ctrl-C while it waits
        cuts the connection.

        Raises:
            UsageError: a code that cannot be sent, or a reason of more than 123 bytes. The connection stays open.
        """
        data, code = _close_frame(code, reason)
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
        """Keeps the reason for ConnectionClosed. Only that of the first Close frame counts."""
        if not self._int(_abi.CONN_CLOSE_CODE_SENT):
            self._reason_sent = reason

    def close_start(self, code: int = 1000, reason: str = "", timeout: Optional[float] = None) -> None:
        """Starts the closing handshake: sends a Close frame, after which nothing more can be sent. Receiving calls still
        return what the peer sends, and then raise ConnectionClosed. Does nothing if a Close frame was sent before, or the
        connection was closed cleanly.

        Blocks and raises as send() does, and raises UsageError as close() does.
        """
        data, code = _close_frame(code, reason)
        if self._handle is None and self._int(_abi.CONN_CLOSED_CLEANLY):
            return
        self._keep_reason(reason)
        limit = Limit(timeout)
        self._settle(
            self._repeat(limit, lambda: _abi.conn_close_start(self._handle, code, data, len(data), limit.next())),
            limit,
        )

    def abort(self) -> None:
        """Ends the connection immediately, without a Close frame. Blocked calls in all threads raise
        ConnectionClosedError. Never blocks.
        """
        handle = self._handle
        if handle is not None:
            _abi.conn_abort(handle)
            self._give_up(handle)


def _close_frame(code: int, reason: str) -> Tuple[bytes, int]:
    """The reason, encoded, and the code of a Close frame."""
    expect(isinstance(reason, str), "reason", "a str", reason)
    return encoded(reason), integer(code, "code")
