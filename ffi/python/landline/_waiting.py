"""Time limits, and waiting so that Ctrl-C works: the library's calls do not end on signals, and only the main thread
handles them. In the main thread calls that can be repeated wait in slices; those that cannot run in a thread that is
waited for.

A signal handler runs in the middle of any call of the main thread, a finalizer in the middle of any call of any thread,
and both may call this package again. So no Python lock is ever held here that such a call could want, those of the
module threading included: that is why a thread is started, and waited for, by the primitives below it.
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
# About 30 years. A longer limit is none: it could not be calculated with.
_FOREVER = 10.0**9


def seconds(value: object, what: str = "timeout", least: str = "0 or more") -> Optional[float]:
    """A time limit as it was given, checked: seconds from 0 on; None for no limit, which infinity is too.

    Every limit that a user gives passes here, before anything else is done with it.
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
        raise TypeError(f"{what} is a {kind}: a time limit is a number of seconds, or None for no limit") from None
    if not number >= 0 or (number == 0 and least != "0 or more"):
        raise UsageError(f"{what} is {value!r}: it must be {least} seconds, or None for no limit")
    return None if number > _FOREVER else number


def millis(seconds: Optional[float]) -> int:
    """A checked time limit as the library has it; a limit that is not zero is at least a millisecond."""
    if seconds is None:
        return -1
    return 0 if seconds <= 0 else max(1, round(seconds * 1000))


def in_main_thread() -> bool:
    return threading.get_ident() == threading.main_thread().ident


class Limit:
    """The time limit of one call, to be used up in slices."""

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
    """Runs a call that blocks. In the main thread, a signal whose handler raises ends it by `cancel`."""
    if not in_main_thread():
        return call()
    results: List[T] = []
    errors: List[BaseException] = []
    # Locked until the call is done. The thread that waits for it can be interrupted, and holds no lock meanwhile.
    running = _thread.allocate_lock()
    running.acquire()

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)
        finally:
            running.release()

    try:
        _thread.start_new_thread(run, ())
    except RuntimeError:
        # The interpreter is shutting down, or there are no more threads to be had.
        return call()
    try:
        running.acquire()
    except BaseException:
        cancel()
        running.acquire()
        raise
    try:
        if errors:
            raise errors[0]
    finally:
        # What is raised refers to this frame: it must not refer to that.
        errors.clear()
    return results[0]
