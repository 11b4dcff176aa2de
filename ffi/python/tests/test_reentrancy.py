"""Calls in the middle of other calls of the same thread: by signal handlers, by finalizers, and by iterables of the parts
of a message that is being sent. Nothing hangs, and calls that cannot work raise an exception."""

import ast
import faulthandler
import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Dict, Iterator, List

import pytest
from conftest import LIMIT, echo, running, url_of

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
    """The result of one process for each of the calls; they mostly wait, so they can run at the same time."""
    release = threading.Event()

    def handler(ws: landline.ServerConnection) -> None:
        if ws.path == "/unread":
            release.wait(120)
        else:
            echo(ws)

    script = str(Path(__file__).with_name("in_signal_handlers.py"))
    with running(handler, close_timeout=0.3) as server, ThreadPoolExecutor(len(CALLS)) as pool:

        def run_one(call: str) -> "subprocess.CompletedProcess[str]":
            command = [sys.executable, script, call, url_of(server)]
            # It limits the time of each step itself, because how long all of them take depends on what else runs.
            return subprocess.run(command, capture_output=True, text=True)

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


MOMENTS = """
import faulthandler, random, signal, sys
import landline

seed = random.randrange(2**32)
print("seed", seed, file=sys.stderr)
random.seed(seed)
url, raises = sys.argv[1], sys.argv[2] == "raises"
handled = 0
inside = False

class Raised(Exception):
    pass

def act(number, frame):
    global handled, inside
    # The next signal may arrive before this has finished; the exception has to come out of the package, where it is
    # expected.
    if inside or raises and not frame.f_code.co_filename.startswith(landline.__path__[0]):
        return
    inside = True
    handled += 1
    try:
        if raises:
            raise Raised
        random.choice(ACTS)()
    except (landline.Timeout, landline.ConcurrencyError, landline.ConnectionClosed):
        pass
    finally:
        inside = False

ACTS = [
    lambda: ws.send("from a handler"), lambda: ws.send(["from", "a handler"]), lambda: ws.feed("from a handler"),
    lambda: ws.ping(), lambda: ws.recv(timeout=0), lambda: repr(ws), lambda: landline.connect(url).close(),
]
signal.signal(signal.SIGALRM, act)

while handled < 600:
    # For each round and not for all, because the time that they take depends on what else runs.
    faulthandler.dump_traceback_later(50, exit=True)
    print("round", flush=True)
    ws = landline.connect(url)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0015)
    while handled % 50:
        try:
            if not raises:
                ws.send("x" * random.choice([1, 5000, 100_000]))
                ws.send(["a", "b"])
                ws.ping_wait(timeout=10)
            while True:
                # All of them, because ping_wait() keeps no more than 1024.
                ws.recv(timeout=0.0005)
        except (Raised, landline.Timeout):
            pass
    signal.setitimer(signal.ITIMER_REAL, 0)
    # The connection works as before.
    ws.send("the end")
    while ws.recv(timeout=10) != "the end":
        pass
    ws.close()
    handled += 1
print("done")
"""


@pytest.mark.parametrize("handlers", ["return", "raises"])
def test_signals_may_arrive_at_any_moment(handlers: str) -> None:
    with running(echo) as server:
        command = [sys.executable, "-c", MOMENTS, url_of(server), handlers]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout and process.stderr
            lines = []
            for line in process.stdout:
                faulthandler.dump_traceback_later(LIMIT, exit=True)
                lines.append(line)
            said = process.stderr.read()
    assert (lines[-1:], process.returncode) == (["done\n"], 0), said


@pytest.mark.parametrize("in_thread", [False, True])
def test_an_iterator_of_parts_may_use_the_connection(in_thread: bool) -> None:
    with running(echo) as server:
        with landline.connect(url_of(server)) as ws:
            raised: List[str] = []

            def parts() -> Iterator[str]:
                yield "a"
                for call in (ws.send, ws.feed, lambda it: ws.send([it])):
                    with pytest.raises(landline.ConcurrencyError, match="in the middle of sending a message") as caught:
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
    """Before adding a lock, make sure that no code that may interrupt its holder can need it."""
    for source in Path(landline.__file__).parent.glob("*.py"):
        names = {node.attr for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Attribute)}
        names |= {node.id for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Name)}
        locks = {"Lock", "RLock", "Condition", "Event", "Semaphore", "BoundedSemaphore", "Barrier", "Timer", "Queue"}
        assert not names & locks, source.name
