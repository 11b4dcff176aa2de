"""Time limits, and waiting in a way that lets Ctrl-C work: signals do not end the library's calls, and only the main
thread handles them. In the main thread, calls that can be repeated wait in slices; calls that cannot be repeated run in
another thread, for which the main thread waits.

A signal handler runs in the middle of any call of the main thread, a finalizer in the middle of any call of any thread,
and both may call this package again. So no Python lock is ever held here that such a call could need. This includes the
locks of the `threading` module, which is why threads are started and waited for with the primitives of `_thread`.
"""

import _thread
import math
import threading
import time
from typing import Callable, List, Optional, TypeVar

from ._exceptions import UsageError

T = TypeVar("T")

SLICE = 0.1
LONGEST = 2**31 - 1
# About 30 years. Longer limits count as no limit, because calculating with them would overflow.
_FOREVER = 10.0**9


def seconds(value: object, what: str = "timeout", least: str = "0 or more") -> Optional[float]:
    """Checks a time limit and returns it in seconds, or None for no limit, which infinity also means.

    Every limit that the user passes is checked here, before anything else is done with it.
    """
    if value is None:
        return None
    try:
        if isinstance(value, (bool, str, bytes, bytearray)):
            raise TypeError
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        number = math.inf if value > 0 else -math.inf  # type: ignore[operator]
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise TypeError(f"{what} must be a number of seconds, or None for no limit, not {kind}") from None
    if not number >= 0 or (number == 0 and least != "0 or more"):
        raise UsageError(f"{what} is {value!r}: it must be {least} seconds, or None for no limit")
    return None if number > _FOREVER else number


def millis(seconds: Optional[float]) -> int:
    """Converts a checked time limit into the library's form. A limit that is not zero becomes at least a millisecond."""
    if seconds is None:
        return -1
    return 0 if seconds <= 0 else max(1, round(seconds * 1000))


def in_main_thread() -> bool:
    return threading.get_ident() == threading.main_thread().ident


class Limit:
    """The time limit of one call, which waits in slices."""

    def __init__(self, timeout: Optional[float]) -> None:
        timeout = seconds(timeout)
        self.slice: Optional[float] = SLICE if in_main_thread() else None
        self.end = None if timeout is None else time.monotonic() + timeout

    def next(self) -> int:
        """How long to wait now, in milliseconds."""
        if self.end is None:
            return millis(self.slice)
        left = max(0.0, self.end - time.monotonic())
        return min(millis(left if self.slice is None else min(left, self.slice)), LONGEST)

    def left(self) -> Optional[float]:
        """How much is left, in seconds."""
        return None if self.end is None else max(0.0, self.end - time.monotonic())

    def is_over(self) -> bool:
        return self.end is not None and time.monotonic() >= self.end


def in_turn(call: Callable[[], T], cancel: Callable[[], object]) -> T:
    """Makes a call that blocks. In the main thread, if a signal handler raises an exception, `cancel` ends the call. The
    call is over when this function returns or raises, at whatever moment the signal came."""
    if not in_main_thread():
        return call()
    results: List[T] = []
    errors: List[BaseException] = []
    # Locked until the call is done. Waiting for it can be interrupted, and holds no lock.
    running = _thread.allocate_lock()
    running.acquire()

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)
        finally:
            running.release()

    started: List[int] = []
    start = map(_thread.start_new_thread, (run,), ((),))
    try:
        try:
            # Starts the thread and notes that in one step, after which a signal handler may raise an exception.
            started.extend(start)
        except RuntimeError:
            if not started:
                # The interpreter is shutting down, or no more threads can be started.
                return call()
            raise
        # In slices, because a signal that comes just before it begins to wait does not end the wait.
        while not running.acquire(timeout=SLICE):
            pass
    except BaseException:
        if started:
            cancel()
            # If the call is done, it may have been acquired above already.
            if not results and not errors:
                running.acquire()
        errors.clear()
        raise
    try:
        if errors:
            raise errors[0]
    finally:
        # The exception refers to this frame, which must not refer to the exception.
        errors.clear()
    return results[0]
