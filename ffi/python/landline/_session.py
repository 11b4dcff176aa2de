"""Clients that connect again when their connection is lost: reconnect().

The library calls on_connect and retry_if through one C function each, which gets a number: the key of what the session
keeps of its functions. It does so in the thread that receives. For the main thread, another one receives whenever there is
a wait: a signal handler that raises an exception, as Ctrl-C does, must not interrupt these functions.
"""

import contextlib
import ctypes
import inspect
import itertools
import threading
import time
import weakref
from collections import deque
from ctypes import c_int64, c_void_p
from types import TracebackType
from typing import Any, Callable, Deque, Iterator, List, NamedTuple, Optional, Type, Union

from . import _abi
from ._client import ClientConnection, connect, settings
from ._exceptions import (
    ConnectionClosedOK,
    Error,
    Interrupted,
    NotConnected,
    Timeout,
    UsageError,
    check,
    lost,
    outcome,
    was_interrupted,
)
from ._options import c_text
from ._payload import Data, DataLike, encoded, payload
from ._waiting import LONGEST, Limit, in_turn, millis, seconds

OnConnect = Callable[[ClientConnection], object]
RetryIf = Callable[[Exception], object]

_STAGES = ("waiting", "connecting", "connected", "ended")


class Connected(NamedTuple):
    """What Session.recv() returns when there is a new connection.

    Attributes:
        reconnects: how many connections came before it: 0 for the first one.
        attempts: how many attempts it took, including those whose connections did not last.
    """

    reconnects: int
    attempts: int


class _Functions(_abi.Unique):
    """What the library calls for a session, and what came of it."""

    def __init__(
        self,
        on_connect: Optional[OnConnect],
        retry_if: Optional[RetryIf],
        send_timeout: Optional[float],
        raised: List[BaseException],
    ) -> None:
        self.on_connect = on_connect
        self.retry_if = retry_if
        self.send_timeout = send_timeout
        # The exception with which on_connect has failed, until the library asks whether to try again.
        self.failed: Optional[BaseException] = None
        # What a function among the options, such as bearer, has raised in the latest attempt.
        self.raised = raised
        # The thread in which one of the functions runs.
        self.thread: Optional[int] = None
        # What ends the receiving call.
        self.thrown: Optional[BaseException] = None
        self.last_failure: Optional[Exception] = None
        self.last_is_own = False

    def connected(self, conn: int) -> int:
        """Calls on_connect. The connection is the library's; the reference keeps the handle valid, not usable."""
        self.raised.clear()
        if self.on_connect is None:
            return _abi.OK
        handle = _abi.new_conn()
        handle.value = _abi.conn_retain(conn)
        self.failed = None
        try:
            self.on_connect(ClientConnection(handle, self.send_timeout))
            return _abi.OK
        except Timeout as error:
            self.failed = error
            return _abi.TIMED_OUT
        except Interrupted as error:
            self.failed = error
            return _abi.INTERRUPTED
        except Exception as error:
            self.failed = error
            return _abi.ERR_OTHER
        except BaseException as error:
            # Such as KeyboardInterrupt: no failure of the connection.
            self.thrown = error
            return _abi.INTERRUPTED
        finally:
            handle.release()

    def retries(self, status: int, close_code: int, is_transient: bool) -> bool:
        """Decides whether to try again after a failure."""
        own, self.failed = self.failed, None
        if own is None and self.raised:
            own = self.raised.pop()
            if not isinstance(own, Exception):
                # Such as KeyboardInterrupt: no failure of the attempt.
                self.thrown = own
                return False
        if isinstance(own, Exception):
            if isinstance(own, NotConnected):
                # What on_connect sends by the session fails each time: there is no connection before it returns.
                is_transient = False
            else:
                is_transient = own.is_transient if isinstance(own, Error) else isinstance(own, OSError)
            failure = own
        else:
            failure = lost(status, close_code)
        self.last_failure, self.last_is_own = failure, failure is own
        try:
            if self.retry_if is not None:
                is_transient = bool(self.retry_if(failure))
        except BaseException as error:
            self.thrown = error
            return False
        return is_transient


# The functions of the sessions that there are. Changed in atomic steps only.
_functions: "weakref.WeakValueDictionary[int, _Functions]" = weakref.WeakValueDictionary()
_keys = itertools.count(1)


def _connected(conn: int, key: int) -> int:
    functions = _functions[key]
    functions.thread = threading.get_ident()
    try:
        return functions.connected(conn)
    finally:
        functions.thread = None


def _retries(status: int, close_code: int, is_transient: int, key: int) -> int:
    functions = _functions[key]
    functions.thread = threading.get_ident()
    try:
        return functions.retries(status, close_code, bool(is_transient))
    finally:
        functions.thread = None


_callbacks = _abi.SessionCallbacks(
    ctypes.sizeof(_abi.SessionCallbacks), _abi.CONNECT_CALLBACK(_connected), _abi.RETRY_CALLBACK(_retries)
)


class Session(_abi.Unique):
    """A client that connects again whenever its connection is lost, from reconnect().

    The call that receives waits, connects, calls on_connect, sends what the outbox holds, and receives. While no thread is
    in such a call, the session begins nothing; an attempt to connect that has begun goes on in a thread of the library, which
    also calls the functions among the options, such as bearer. One thread receives while any number of
    others send, close, interrupt and abort; a second one that receives gets ConcurrencyError.

    Iterating over it yields a fresh connection each time, as `async for` over websockets' connect() does:

        for ws in landline.reconnect("wss://example.com/feed"):
            try:
                for message in ws:
                    print(message)
            except landline.ConnectionClosed:
                continue

    Opening connections is tried again by itself. What happens inside the loop is not: an exception there leaves the loop,
    unless it is caught as above. Each turn of the loop ends with closing its connection. When the next one begins, there is
    a wait before it connects. The loop ends when the session is closed, and with an exception if connecting fails for a
    reason that is not worth another attempt.

    As a context manager it closes itself with 1000. A session belongs to the process that created it.
    """

    def __init__(self, handle: _abi.Handle, functions: _Functions) -> None:
        self._handle = handle
        self._functions = functions
        # What has been received, if Ctrl-C came before it could be returned.
        self._ready: Deque[Any] = deque()
        # This end has closed the session.
        self._closed = False
        # An interrupt was sent for Ctrl-C, and may still be pending.
        self._cancelled = False

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if not self._handle.is_inherited():
            self.close()

    def recv(self, timeout: Optional[float] = None) -> Union[Data, Connected]:
        """Receives the next message, text as str, binary as bytes; or connects, and returns Connected.

        Blocks until there is a message or a new connection, for at most `timeout` seconds. An attempt for which that is too
        short goes on, and a later call gets the connection, so the limit may be as short as the program likes; 0 returns
        what has already arrived, and begins an attempt that is due. Only on_connect can make a call take longer.

        Raises:
            Timeout, Interrupted: nothing is lost; call it again.
            ConnectionClosedOK: the session was closed cleanly: by close(), or by the server with 1000 or without a code.
            ConnectionClosedError: the server closed with another code that is not worth another attempt; or it broke the
                protocol, or exceeded max_size.
            Others: as connect() raises, if an attempt failed for a reason that is not worth another one, or was the last
                one (ConnectError in place of Timeout, after which a call could be repeated); and what on_connect and retry_if raise. All but Timeout and Interrupted end the session, and later
                calls raise them again.
            ConcurrencyError: another thread is receiving.
        """
        result = self._wait(Limit(timeout), self._recv)
        assert isinstance(result, (str, bytes, Connected))
        return result

    def next_connection(self, timeout: Optional[float] = None) -> ClientConnection:
        """Opens the next connection and returns it, for the caller to use and close. Iterating does this.

        Waits, tries and raises as recv() does; ConnectionClosedOK if the session was closed. A connection that recv() used
        is dropped. The session does not know the new one: send() does not use it.
        """
        result = self._wait(Limit(timeout), self._next_connection)
        assert isinstance(result, ClientConnection)
        return result

    def __iter__(self) -> Iterator[ClientConnection]:
        while True:
            try:
                ws = self.next_connection()
            except ConnectionClosedOK:
                return
            try:
                yield ws
            finally:
                if not ws._is_inherited():
                    ws.close()

    def send(self, message: DataLike, timeout: Optional[float] = None) -> None:
        """Sends a message, str as text and bytes-like as binary, over the connection that there is. Without one, it fails at
        once, or keeps the message if there is an outbox, and sends it over the next one after on_connect.

        Blocks as Connection.send() does while there is a connection; it never waits for a new one.

        Raises:
            NotConnected: there is no connection, and no outbox, or no room in it. Nothing was sent.
            Timeout, Interrupted: as Connection.send().
            ConnectionClosedOK: the session was closed.
            Others: the connection broke. How much of the message the server got is not known; it is not sent again. The
                session goes on unless `stage` is "ended".
        """
        kind, data, size = payload(message)
        limit = Limit(timeout)
        begin = time.monotonic()
        while True:
            status = _abi.session_send(self._handle, kind, data, size, limit.next())
            if status == _abi.OK:
                return
            is_slice = limit.slice is not None and not limit.is_over()
            if is_slice and status == _abi.PENDING and not was_interrupted(status):
                # It has been accepted, and leaves with the next message, or while a call receives.
                return
            stall = self._functions.send_timeout
            if status != _abi.TIMED_OUT or not is_slice or (stall is not None and time.monotonic() - begin >= stall):
                raise self._failure(status)

    def try_send(self, message: DataLike) -> None:
        """Sends a message if that is possible without waiting. Never blocks.

        Raises:
            WouldBlock: nothing was sent.
            Others: as send() does, except for Timeout and Interrupted.
        """
        status = _abi.session_try_send(self._handle, *payload(message))
        if status:
            raise self._failure(status)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the connection cleanly if there is one, and ends the session. What is in the outbox is not sent. A thread
        that is receiving gets ConnectionClosed, whatever it waits for. Does nothing if the session has ended.
        on_connect and retry_if may call it: then it does not wait.

        Blocks, and treats a server that does not answer, as Connection.close() does.

        Raises:
            UsageError: a code that cannot be sent, or a reason of more than 123 bytes.
        """
        data = encoded(reason)

        def close() -> None:
            self._closed = True
            status = _abi.session_close(self._handle, code, data, len(data), -1)
            if status in (_abi.ERR_INVALID, _abi.ERR_FORKED):
                self._closed = False
                raise outcome(status)

        if self._functions.thread == threading.get_ident():
            # The library knows that the thread which receives is in a function, and does not wait for it.
            close()
        else:
            in_turn(close, self.abort)

    def close_start(self, code: int = 1000, reason: str = "") -> None:
        """Closes the session without waiting for the end: the thread that receives gets what the server still sends, then
        ConnectionClosed. Raises UsageError as close() does."""
        data = encoded(reason)
        self._closed = True
        status = _abi.session_close_start(self._handle, code, data, len(data))
        if status in (_abi.ERR_INVALID, _abi.ERR_FORKED):
            self._closed = False
            raise outcome(status)

    def abort(self) -> None:
        """Ends the session immediately, without a Close frame. Blocked calls in all threads raise ConnectionClosedError.
        Never blocks."""
        _abi.session_abort(self._handle)

    def interrupt(self) -> None:
        """Ends blocked calls of other threads, whatever they wait for: they raise Interrupted. If none is blocked, the next
        one that would wait does. Nothing is lost, and an attempt that is interrupted does not count."""
        check(_abi.session_interrupt(self._handle, _abi.DIRECTION_BOTH))

    @property
    def stage(self) -> str:
        """What the session is doing: "waiting" for the next attempt, "connecting", "connected" or "ended"."""
        return _STAGES[self._int(_abi.SESSION_STAGE)]

    @property
    def wait(self) -> float:
        """How many seconds it is until the next attempt is due."""
        return self._int(_abi.SESSION_WAIT_MS) / 1000

    @property
    def attempts(self) -> int:
        """The attempts, an unfinished one included, since the last connection that lasted."""
        return self._int(_abi.SESSION_ATTEMPTS)

    @property
    def reconnects(self) -> int:
        """How many connections have taken the place of another."""
        return self._int(_abi.SESSION_RECONNECTS)

    @property
    def outbox(self) -> int:
        """How many messages the outbox holds."""
        return self._int(_abi.SESSION_OUTBOX_MESSAGES)

    @property
    def close_code(self) -> Optional[int]:
        """The close code of the connection, or of the latest one; None while it is open.

        Raises:
            ConcurrencyError: another thread is receiving.
        """
        return self._int(_abi.SESSION_CLOSE_CODE) or None

    @property
    def last_failure(self) -> Optional[Exception]:
        """Why a connection was lost or could not be opened, the latest time; None if nothing has failed."""
        return self._functions.last_failure

    def _int(self, key: int) -> int:
        value = c_int64()
        check(_abi.session_int(self._handle, key, value))
        return value.value

    def _wait(self, limit: Limit, call: Callable[[int], None]) -> object:
        """Makes a call that adds its result to what is ready.

        In the main thread, a handler of a signal that came during the call would run at the beginning of a callback, where
        what it raises is lost. So what waits runs in another thread; only what has arrived is taken here, which is quick.
        """
        while not self._ready:
            try:
                if limit.slice is None:
                    call(limit.next())
                    continue
                if call == self._recv and self.stage == "connected":
                    with contextlib.suppress(Timeout):
                        call(0)
                        continue
                left = min(millis(limit.left()), LONGEST)
                in_turn(lambda: call(left), self._cancel)
            except Timeout:
                if limit.is_over():
                    raise
            except Interrupted:
                if not self._cancelled:
                    raise
                self._cancelled = False
        return self._ready.popleft()

    def _cancel(self) -> None:
        self._cancelled = True
        _abi.session_interrupt(self._handle, _abi.DIRECTION_RECV)

    def _recv(self, wait: int) -> None:
        message = c_void_p()
        status = _abi.session_recv(self._handle, wait, message)
        if status == _abi.OK:
            try:
                data = ctypes.string_at(_abi.message_data(message), _abi.message_len(message))
                self._ready.append(str(data, "utf-8") if _abi.message_kind(message) == _abi.TEXT else data)
            finally:
                _abi.message_free(message)
        elif status == _abi.CONNECTED:
            self._ready.append(Connected(self.reconnects, self.attempts))
        else:
            raise self._receiving_failure(status)

    def _next_connection(self, wait: int) -> None:
        handle = _abi.new_conn()
        status = _abi.session_next_connection(self._handle, wait, handle)
        if status:
            raise self._receiving_failure(status)
        self._ready.append(ClientConnection(handle, self._functions.send_timeout))

    def _receiving_failure(self, status: int) -> BaseException:
        functions = self._functions
        # The library will not ask about it any more.
        functions.failed = None
        thrown, functions.thrown = functions.thrown, None
        if thrown is not None:
            return thrown
        if status == _abi.INTERRUPTED and self._cancelled:
            self._cancelled = False
            return outcome(status)
        if status == _abi.ERR_IO and functions.last_is_own and functions.last_failure is not None:
            return functions.last_failure
        return self._failure(status)

    def _failure(self, status: int) -> Error:
        if status not in (_abi.CLOSED, _abi.ERR_CLOSING):
            return lost(status, 0)
        # Only the thread that receives can ask which code it was. If this end closed the session, that of its latest
        # connection does not matter.
        code = c_int64()
        if status == _abi.CLOSED and not self._closed:
            _abi.session_int(self._handle, _abi.SESSION_CLOSE_CODE, code)
        error = lost(_abi.CLOSED, code.value or 1000)
        # The session is over, and trying again is of no use.
        error.is_transient = False
        return error


def reconnect(
    url: str,
    *,
    on_connect: Optional[OnConnect] = None,
    retry_if: Optional[RetryIf] = None,
    backoff_first: float = 1,
    backoff_factor: int = 2,
    backoff_max: float = 60,
    backoff_jitter_percent: int = 50,
    reset_after: Optional[float] = 10,
    max_retry_after: Optional[float] = 300,
    max_attempts: Optional[int] = None,
    give_up_after: Optional[float] = None,
    outbox_messages: int = 0,
    outbox_bytes: int = 2**20,
    **options: Any,
) -> Session:
    """Creates a client that connects again whenever its connection is lost: see Session. It connects when the session
    receives for the first time, or is iterated over. Never blocks.

    It connects again after a failure of the network or of the system, a time limit, the end of the stream without a Close
    frame or in the middle of a handshake, a silent peer; after a Close frame with 1001, 1011, 1012, 1013 or 1014; and if
    the server refused the handshake with 500 to 599, 408, 425 or 429, not before the time in Retry-After. Everything else
    is raised: other statuses and close codes, a certificate that is not trusted, violations of the protocol. The
    exceptions' `is_transient` says the same.

    Nothing is sent again by itself. If send() has returned before the connection broke, whether the server got the message
    is not known.

    Args:
        url: the URL to connect to, as for connect().
        on_connect: called with each new connection, the first one included, before anything else uses it: to subscribe, to
            log in, to look at response_headers. It runs in the call that receives, in that thread or one that it waits for.
            What it does with the connection is within the time limit of that call, or within open_timeout from the
            beginning of the attempt, whichever is longer. The connection can be used until it returns, and is not yet that
            of the session, so that Session.send() is of no use here. If it raises an exception, the attempt
            has failed, and is repeated after OSError (including TimeoutError) and exceptions whose `is_transient` is true.
            Other exceptions come out of the receiving call.
        retry_if: called with the exception after each failure; returns whether to try again. The default is described
            above.
        backoff_first: the first wait before connecting again, in seconds.
        backoff_factor: how many times longer each wait is than the one before it.
        backoff_max: the longest wait, in seconds.
        backoff_jitter_percent: how much of each wait is random, so that the clients of a server that was restarted do not
            all come back at once.
        reset_after: a connection that was open for this many seconds has lasted: after it, waits and the count of attempts
            begin anew. One that is lost earlier counts as a failed attempt. None means never.
        max_retry_after: how many seconds the server can make the session wait at most, with Retry-After; None for no limit.
        max_attempts: how many attempts in a row may fail before the exception of the last one is raised; None for no limit.
        give_up_after: how many seconds the session may be without a connection that lasts before that; None for no limit.
        outbox_messages: how many messages to keep that are sent while there is no connection; 0: send() raises
            NotConnected.
        outbox_bytes: how many bytes of such messages to keep.
        **options: those of connect(), except sock. They apply to each connection.

    Raises:
        InvalidURL, UsageError, TypeError, TLSError: an argument is wrong, as in connect().
    """
    known = {name: it.default for name, it in inspect.signature(connect).parameters.items() if name not in ("url", "sock")}
    for name in options:
        if name not in known:
            raise TypeError(f"reconnect() got an unexpected keyword argument {name!r}")
    made, raised = settings({**known, **options})
    try:
        for key, time_limit, what in (
            (_abi.OPT_BACKOFF_FIRST_MS, backoff_first, "backoff_first"),
            (_abi.OPT_BACKOFF_MAX_MS, backoff_max, "backoff_max"),
            (_abi.OPT_RESET_AFTER_MS, reset_after, "reset_after"),
            (_abi.OPT_MAX_RETRY_AFTER_MS, max_retry_after, "max_retry_after"),
            (_abi.OPT_GIVE_UP_AFTER_MS, give_up_after, "give_up_after"),
        ):
            if key in (_abi.OPT_BACKOFF_FIRST_MS, _abi.OPT_BACKOFF_MAX_MS) and seconds(time_limit, what) is None:
                raise UsageError(f"{what} is {time_limit!r}: it must be a number of seconds")
            made.seconds(key, time_limit, what)
        if max_attempts == 0:
            raise UsageError("max_attempts is 0: it must be at least 1, or None for no limit")
        made.number(_abi.OPT_BACKOFF_FACTOR, backoff_factor)
        made.number(_abi.OPT_BACKOFF_JITTER_PERCENT, backoff_jitter_percent)
        made.number(_abi.OPT_MAX_ATTEMPTS, max_attempts)
        made.number(_abi.OPT_OUTBOX_MESSAGES, outbox_messages)
        made.number(_abi.OPT_OUTBOX_BYTES, outbox_bytes)
        send_timeout = seconds({**known, **options}["send_timeout"], "send_timeout")
        functions = _Functions(on_connect, retry_if, send_timeout, raised)
        key = next(_keys)
        _functions[key] = functions
        handle = _abi.new_session()
        callbacks = ctypes.byref(_callbacks)
        check(_abi.session_new(c_text(url, "url"), made.handle, callbacks, key, handle))
    finally:
        made.handle.release()
    return Session(handle, functions)
