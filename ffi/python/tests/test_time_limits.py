"""Time limits: the same check in every call and option, and the same meaning in every thread."""

import datetime
import math
import threading
import time
from fractions import Fraction
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest
from conftest import echo, running, url_of

import landline
from landline._waiting import Limit, millis, seconds

Call = Callable[[landline.Connection, Any], object]

CALLS: Dict[str, Call] = {
    "recv": lambda ws, limit: ws.recv(timeout=limit),
    "recv_into": lambda ws, limit: ws.recv_into(bytearray(10), timeout=limit),
    "recv_stream": lambda ws, limit: ws.recv_stream(timeout=limit),
    "send": lambda ws, limit: ws.send("a", timeout=limit),
    "send of much": lambda ws, limit: ws.send(bytes(100_000), timeout=limit),
    "send of a buffer": lambda ws, limit: ws.send(bytearray(5), timeout=limit),
    "send compressed": lambda ws, limit: ws.send("a", timeout=limit, compress=True),
    "send in parts": lambda ws, limit: ws.send(["a", "b"], timeout=limit),
    "feed": lambda ws, limit: ws.feed("a", timeout=limit),
    "feed of a buffer": lambda ws, limit: ws.feed(bytearray(5), timeout=limit),
    "flush": lambda ws, limit: ws.flush(timeout=limit),
    "ping": lambda ws, limit: ws.ping(timeout=limit),
    "ping_wait": lambda ws, limit: ws.ping_wait(timeout=limit),
    "close_start": lambda ws, limit: ws.close_start(timeout=limit),
}
OPTIONS = ("open_timeout", "ping_interval", "ping_timeout", "close_timeout", "send_timeout")
WRONG: List[Any] = [-1, -0.001, -2, -math.inf, math.nan, -(10**400), Fraction(-1, 3)]
NO_NUMBERS: List[Any] = [True, False, "5", b"5", [], datetime.timedelta(seconds=5), 1j, object()]
NO_LIMITS: List[Any] = [None, math.inf, 1e300, 10**400, 2**63, 1e10]


def in_thread(call: Callable[[], object]) -> object:
    """What a call returns or raises in another thread."""
    results: List[object] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    return results[0]


def test_a_message_in_parts_that_times_out_is_reported_as_abandoned() -> None:
    """The same in every thread: it cannot be resumed, and the connection is closed."""
    release = threading.Event()

    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(1_000_000)

    def run_out(ws: landline.Connection) -> object:
        with pytest.raises(landline.Timeout) as late:
            ws.send(endless(), timeout=0.2)
        return late.value

    def be_interrupted(ws: landline.Connection) -> object:
        timer = threading.Timer(0.2, ws.interrupt)
        timer.start()
        with pytest.raises(landline.Interrupted) as interrupted:
            ws.send(endless())
        timer.join()
        return interrupted.value

    attempts: List[Tuple[Callable[[landline.Connection], object], str]]
    attempts = [(run_out, "timed out"), (be_interrupted, "interrupted")]
    with running(lambda ws: release.wait(40)) as server:
        for attempt, what in attempts:
            for elsewhere in (False, True):
                ws = landline.connect(url_of(server))
                error = in_thread(lambda: attempt(ws)) if elsewhere else attempt(ws)
                assert isinstance(error, (landline.Timeout, landline.Interrupted))
                assert str(error).startswith(f"{what} while sending a message in parts") and "1011" in str(error)
                assert (error.phase, error.pending) == ("send", False)
                with pytest.raises(landline.ConnectionClosed):
                    ws.send("x")
                ws.abort()
        release.set()


def test_waiting_to_begin_a_message_in_parts_loses_nothing() -> None:
    release = threading.Event()
    with running(lambda ws: release.wait(40)) as server:
        ws = landline.connect(url_of(server))
        begun, go_on = threading.Event(), threading.Event()

        def held() -> Iterator[str]:
            yield "a"
            begun.set()
            go_on.wait(20)

        holding = threading.Thread(target=ws.send, args=(held(),))
        holding.start()
        assert begun.wait(20)
        for elsewhere in (False, True):
            error = outcome_of(lambda limit: ws.send(["b"], timeout=limit), 0.1) if not elsewhere else in_thread(
                lambda: ws.send(["b"], timeout=0.1)
            )
            assert isinstance(error, landline.Timeout) and str(error) == "timed out while sending", error
        go_on.set()
        holding.join(20)
        ws.send(["still open"], timeout=20)
        ws.abort()
        release.set()


@pytest.mark.parametrize("name", CALLS)
def test_calls_refuse_invalid_time_limits(name: str) -> None:
    with running(echo) as server, landline.connect(url_of(server)) as ws:
        for call in (lambda limit: CALLS[name](ws, limit), lambda limit: in_thread(lambda: CALLS[name](ws, limit))):
            for limit in WRONG:
                error = outcome_of(call, limit)
                assert isinstance(error, ValueError) and isinstance(error, landline.UsageError), (limit, error)
                assert str(error).startswith(f"timeout is {limit!r}: it must be 0 or more seconds")
            for limit in NO_NUMBERS:
                error = outcome_of(call, limit)
                assert type(error) is TypeError and "timeout must be a number of seconds" in str(error), (limit, error)
        # Nothing was done.
        assert ws.stats.messages_sent == 0 and ws.close_code is None
        ws.send("still")
        assert ws.recv(timeout=10) == "still"


def outcome_of(call: Callable[[Any], object], limit: Any) -> object:
    try:
        return call(limit)
    except Exception as error:
        return error


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("limit", NO_LIMITS, ids=lambda limit: f"{limit!r:.9}")
def test_no_limit_has_the_same_meaning_in_every_thread(name: str, limit: Any) -> None:
    with running(echo) as server, landline.connect(url_of(server)) as ws:
        for run in (lambda call: call(), in_thread):
            if name.startswith("recv"):
                ws.send("a")
            elif name == "close_start" and run is in_thread:
                break
            result = run(lambda: CALLS[name](ws, limit))
            assert not isinstance(result, Exception), result


@pytest.mark.parametrize("option", OPTIONS)
def test_options_refuse_invalid_time_limits(option: str) -> None:
    makers: List[Callable[..., object]] = [
        lambda **options: landline.connect("ws://127.0.0.1:1/", **options),
        lambda **options: landline.serve(print, **options),
    ]
    for make in makers:
        for limit in [*WRONG, 0, 0.0]:
            with pytest.raises(landline.UsageError, match=f"^{option} is .*: it must be more than 0 seconds, or None"):
                make(**{option: limit})
        for limit in NO_NUMBERS:
            with pytest.raises(TypeError, match=f"^{option} must be a number of seconds"):
                make(**{option: limit})


@pytest.mark.parametrize("limit", NO_LIMITS, ids=lambda limit: f"{limit!r:.9}")
def test_options_without_a_limit(limit: Any) -> None:
    options = {option: limit for option in OPTIONS}
    with running(echo, **options) as server:
        for run in (lambda call: call(), in_thread):

            def talk() -> str:
                with landline.connect(url_of(server), **options) as ws:
                    ws.send("a")
                    return str(ws.recv(timeout=10))

            assert run(talk) == "a"


def test_shutdown() -> None:
    server = landline.serve(print)
    for limit in WRONG:
        with pytest.raises(landline.UsageError):
            server.shutdown(limit)
    for limit in NO_NUMBERS:
        with pytest.raises(TypeError):
            server.shutdown(limit)
    # It continues.
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    landline.connect(url_of(server)).close()
    for limit in NO_LIMITS:
        server.shutdown(limit)
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("run", [lambda call: call(), in_thread], ids=["main thread", "thread"])
def test_time_limits_are_observed(run: Callable[[Callable[[], object]], object]) -> None:
    with running(echo) as server, landline.connect(url_of(server)) as ws:
        for limit in (0, 0.0, 0.05, Fraction(1, 20)):
            begin = time.monotonic()
            with pytest.raises(landline.Timeout):
                result = run(lambda: ws.recv(timeout=limit))  # type: ignore[arg-type]
                if isinstance(result, Exception):
                    raise result
            assert limit <= time.monotonic() - begin < 5


def test_seconds() -> None:
    assert [seconds(it) for it in (0, 0.5, 3, None, math.inf, 10**400)] == [0, 0.5, 3, None, None, None]
    assert [millis(it) for it in (None, 0, 1e-9, 0.0015, 1.5, 1e9)] == [-1, 0, 1, 2, 1500, 10**12]
    # What a call of the library can accept.
    assert Limit(1e9).next() <= 2**31 - 1 and in_thread(lambda: Limit(1e9).next()) == 2**31 - 1
