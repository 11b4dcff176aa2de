"""Calls in the middle of other calls of the same thread: by signal handlers, by finalizers, and by what gives the parts of
a message that is being sent. Nothing hangs, and what cannot be done is said."""

import ast
import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Dict, Iterator, List

import pytest
from conftest import echo, running, url_of

import landline

# As in in_signal_handlers.py.
CALLS = (
    *("close", "close_start", "recv", "recv with a time limit", "recv_into", "recv_stream", "iteration", "send"),
    *("send in parts", "flush", "ping_wait", "connect", "serve_forever", "shutdown"),
)
INTERRUPTING = 19
ALLOWED = {"ok", "Timeout", "ConcurrencyError", "ConnectionClosedOK", "ConnectionClosedError"}
RECEIVING = ("recv", "recv with a time limit", "recv_into", "recv_stream", "iteration")


@pytest.fixture(scope="module")
def done() -> Iterator[Dict[str, "subprocess.CompletedProcess[str]"]]:
    """What came of a process for each of the calls, which mostly wait, and so can do it at the same time."""
    release = threading.Event()

    def handler(ws: landline.ServerConnection) -> None:
        if ws.path == "/deaf":
            release.wait(120)
        else:
            echo(ws)

    script = str(Path(__file__).with_name("in_signal_handlers.py"))
    with running(handler, close_timeout=0.3) as server, ThreadPoolExecutor(len(CALLS)) as pool:

        def run_one(call: str) -> "subprocess.CompletedProcess[str]":
            command = [sys.executable, script, call, url_of(server)]
            return subprocess.run(command, capture_output=True, text=True, timeout=100)

        try:
            yield dict(zip(CALLS, pool.map(run_one, CALLS)))
        finally:
            release.set()


@pytest.mark.parametrize("call", CALLS)
def test_signal_handlers_may_call_everything(
    call: str, done: Dict[str, "subprocess.CompletedProcess[str]"]
) -> None:
    ended = done[call]
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    outcomes = {line.split(": ")[0]: line.split(": ")[1:] for line in ended.stdout.splitlines()}
    assert len(outcomes) == INTERRUPTING
    for name, (inner, outer) in outcomes.items():
        assert inner in ALLOWED, name
        assert outer in ALLOWED | {"ConnectError"} or name == "interrupt", (name, outer)
    for name in ("close", "abort", "interrupt", "what is known", "connect", "drop", "shutdown"):
        assert outcomes[name][0] == "ok", name
    if call == "close":
        assert outcomes["close"] == ["ok", "ok"]
    if call in RECEIVING:
        assert [outcomes[name][0] for name in ("recv", "recv_into", "recv_stream")] == ["ConcurrencyError"] * 3
        assert outcomes["send"] == ["ok", "ok"] or call == "iteration"
    if call == "send in parts":
        assert [outcomes[name][0] for name in ("send", "send in parts", "feed")] == ["ConcurrencyError"] * 3


@pytest.mark.parametrize("in_thread", [False, True])
def test_what_gives_the_parts_may_use_the_connection(in_thread: bool) -> None:
    with running(echo) as server:
        with landline.connect(url_of(server)) as ws:
            raised: List[str] = []

            def parts() -> Iterator[str]:
                yield "a"
                for call in (ws.send, ws.feed, lambda it: ws.send([it])):
                    with pytest.raises(landline.ConcurrencyError, match="in the middle of a message") as caught:
                        call("inside")
                    raised.append(str(caught.value))
                ws.ping("inside")
                assert ws.ping_wait(timeout=10) > 0
                yield "b"

            run(lambda: ws.send(parts()), in_thread)
            assert len(raised) == 3
            assert ws.recv(timeout=10) == "ab"
            # That is over.
            ws.send("c")
            assert ws.recv(timeout=10) == "c"

            def closing() -> Iterator[str]:
                yield "a"
                ws.close()
                yield "b"

            with pytest.raises(landline.ConnectionClosed):
                run(lambda: ws.send(closing()), in_thread)


def run(call: Callable[[], object], in_thread: bool) -> None:
    errors: List[BaseException] = []

    def guarded() -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    if in_thread:
        thread = threading.Thread(target=guarded)
        thread.start()
        thread.join(20)
    else:
        guarded()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("in_thread", [False, True])
def test_finalizers_may_close(in_thread: bool) -> None:
    with running(echo) as server, landline.connect(url_of(server)) as ws, landline.connect(url_of(server)) as other:
        ended: List[str] = []

        class Session:
            def __del__(self) -> None:
                ws.send("the end")
                ws.close()
                ended.append("closed")

        class Watched:
            pass

        def parts() -> Iterator[str]:
            session, watched = Session(), Watched()
            weakref.finalize(watched, ended.append, "finalized")
            setattr(session, "cycle", session)
            setattr(watched, "cycle", watched)
            del session, watched
            yield "a"
            gc.collect()
            yield "b"

        run(lambda: other.send(parts()), in_thread)
        assert sorted(ended) == ["closed", "finalized"] and ws.close_code == 1000
        assert other.recv(timeout=10) == "ab"


def test_the_package_has_no_locks() -> None:
    """Whoever adds one has to see to it that nobody who may interrupt its holder can want it."""
    for source in Path(landline.__file__).parent.glob("*.py"):
        names = {node.attr for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Attribute)}
        names |= {node.id for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Name)}
        locks = {"Lock", "RLock", "Condition", "Event", "Semaphore", "BoundedSemaphore", "Barrier", "Timer", "Queue"}
        assert not names & locks, source.name
