"""Calls that run in another thread while the main thread waits: a signal handler may raise an exception at any moment."""

import _thread
import sys
import threading
from types import CodeType, FrameType
from typing import Any, Callable, List, Tuple

import pytest

from landline import _waiting


class Raised(Exception):
    pass


class Moment:
    """Raises an exception before the given instruction of a function, as a signal handler may do there."""

    def __init__(self, code: CodeType, number: int) -> None:
        self.code = code
        self.left = number

    def __enter__(self) -> None:
        sys.settrace(self.trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code is not self.code:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if self.left < 0:
                # Only once.
                sys.settrace(None)
                frame.f_trace = None
                raise Raised
        return self.trace


@pytest.mark.parametrize("call_is_quick", [False, True])
def test_a_call_is_over_when_a_signal_handler_has_raised_at_any_moment(
    call_is_quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: List[int] = []
    start = _thread.start_new_thread

    def counted(run: Callable[[], None], arguments: Tuple[()]) -> int:
        threads.append(start(run, arguments))
        return threads[-1]

    monkeypatch.setattr(_thread, "start_new_thread", counted)
    with_threads = 0
    for number in range(1000):
        threads.clear()
        ended, cancelled = threading.Event(), threading.Event()

        def call() -> str:
            assert call_is_quick or cancelled.wait(20)
            ended.set()
            return "result"

        # Otherwise nothing would end the call if there is no exception.
        timer = threading.Timer(0.05, cancelled.set)
        timer.start()
        try:
            with Moment(_waiting.in_turn.__code__, number):
                assert _waiting.in_turn(call, cancelled.set) == "result"
            # The function has fewer instructions.
            break
        except Raised:
            assert ended.is_set() == bool(threads), f"instruction {number}"
            with_threads += len(threads)
        finally:
            timer.cancel()
            cancelled.set()
            timer.join()
    else:
        pytest.fail("the function does not end")
    assert number > 50 and with_threads > 5
