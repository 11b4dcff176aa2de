"""Waiting so that Ctrl-C works: the library's calls do not end on signals, and only the main thread handles them.

In the main thread calls that can be repeated wait in slices; those that cannot run in a thread that is waited for.
"""

import threading
import time
from typing import Callable, List, Optional, TypeVar

T = TypeVar("T")

SLICE = 0.1
LONGEST = 2**31 - 1


def in_main_thread() -> bool:
    return threading.get_ident() == threading.main_thread().ident


def millis(seconds: Optional[float]) -> int:
    """A time limit as the library has it; what is not nothing is at least a millisecond."""
    if seconds is None:
        return -1
    return 0 if seconds <= 0 else min(max(1, round(seconds * 1000)), LONGEST)


class Limit:
    """The time limit of one call, to be used up in slices."""

    def __init__(self, timeout: Optional[float]) -> None:
        self.slice: Optional[float] = SLICE if in_main_thread() else None
        self.end = None if timeout is None else time.monotonic() + timeout

    def next(self) -> int:
        """How long to wait now, in milliseconds."""
        if self.end is None:
            return millis(self.slice)
        left = max(0.0, self.end - time.monotonic())
        return millis(left if self.slice is None else min(left, self.slice))

    def is_over(self) -> bool:
        return self.end is not None and time.monotonic() >= self.end


def in_turn(call: Callable[[], T], cancel: Callable[[], object]) -> T:
    """Runs a call that blocks. In the main thread, a signal whose handler raises ends it by `cancel`."""
    if not in_main_thread():
        return call()
    results: List[T] = []
    errors: List[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="landline call", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        # The interpreter is shutting down.
        return call()
    try:
        thread.join()
    except BaseException:
        cancel()
        thread.join()
        raise
    try:
        if errors:
            raise errors[0]
    finally:
        # What is raised refers to this frame: it must not refer to that.
        errors.clear()
    return results[0]
