"""Run by test_reentrancy.py: blocks in one call of the main thread, and meanwhile makes all others in signal handlers.

    in_signal_handlers.py CALL URL

Prints what each call in a handler came to, and what the interrupted call came to then.
"""

import faulthandler
import gc
import os
import signal
import socket
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Optional

import landline

LIMIT = 60
LIMITS: Dict[str, Any] = {"close_timeout": 0.3}
# When a call is interrupted, in seconds, if it does not matter whether it has begun to wait.
SOON = 0.02
RECEIVING = ("recv", "recv with a time limit", "recv_into", "recv_stream", "iteration")
url = sys.argv[2]


class Case:
    """The objects used while one call interrupts another."""

    def __init__(self) -> None:
        self.ws = landline.connect(url, **LIMITS)
        self.unread = landline.connect(url + "unread", **LIMITS)
        self.spare: Optional[landline.ClientConnection] = landline.connect(url, **LIMITS)
        # There is no reply.
        self.silent = socket.create_server(("127.0.0.1", 0))
        self.server = landline.serve(lambda ws: ws.recv(), **LIMITS)
        # Its handler does not return before the case ends.
        self.stuck = landline.serve(lambda ws: self.go_on.wait(LIMIT), **LIMITS)
        self.go_on = threading.Event()
        threading.Thread(target=self.stuck.serve_forever, daemon=True).start()
        self.client = landline.connect(f"ws://127.0.0.1:{self.stuck.port}/", **LIMITS)
        self.target = self.ws

    def end(self) -> None:
        self.go_on.set()
        self.server.shutdown(0)
        self.stuck.shutdown(0)
        for ws in (self.ws, self.unread, self.client):
            ws.abort()
        self.silent.close()


def parts() -> Any:
    yield b"x" * 1_000_000
    # The call is in progress, and stays so.
    signal.setitimer(signal.ITIMER_REAL, SOON)
    while True:
        yield b"x" * 1_000_000


def signal_receiver(ws: landline.Connection) -> None:
    """Sends a signal to the main thread once that is waiting for a message."""
    while True:
        try:
            ws.has_buffered()
        except landline.ConcurrencyError:
            break
        time.sleep(0.001)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)


def connect(case: Case) -> None:
    landline.connect(f"ws://127.0.0.1:{case.silent.getsockname()[1]}/", open_timeout=0.5)


# The interrupted calls: which connection the handler is to use, and the call.
CALLS: Dict[str, Any] = {
    "close": (lambda case: case.unread, lambda case: case.unread.close()),
    "close_start": (lambda case: case.ws, lambda case: (case.ws.close_start(), case.ws.recv())),
    "recv": (lambda case: case.ws, lambda case: case.ws.recv()),
    "recv with a time limit": (lambda case: case.ws, lambda case: case.ws.recv(timeout=30)),
    "recv_into": (lambda case: case.ws, lambda case: case.ws.recv_into(bytearray(10))),
    "recv_stream": (lambda case: case.ws, lambda case: list(case.ws.recv_stream())),
    "iteration": (lambda case: case.ws, lambda case: list(case.ws)),
    "send": (lambda case: case.unread, lambda case: case.unread.send(bytes(30_000_000))),
    "send in parts": (lambda case: case.unread, lambda case: case.unread.send(parts())),
    "flush": (lambda case: case.unread, lambda case: (case.unread.feed(bytes(30_000_000)), case.unread.flush())),
    "ping_wait": (lambda case: case.unread, lambda case: case.unread.ping_wait()),
    "connect": (lambda case: case.ws, connect),
    "serve_forever": (lambda case: case.ws, lambda case: case.server.serve_forever()),
    "shutdown": (lambda case: case.client, lambda case: case.stuck.shutdown(0.4)),
}


def open_another(case: Case) -> None:
    with landline.connect(url, **LIMITS) as ws:
        ws.send("another")
        assert ws.recv(timeout=10) == "another"


def drop(case: Case) -> None:
    case.spare = None
    gc.collect()


# The calls in a handler.
INTERRUPTING: Dict[str, Callable[[Case], object]] = {
    "close": lambda case: case.target.close(),
    "close_start": lambda case: case.target.close_start(timeout=0.1),
    "send": lambda case: case.target.send("from a handler", timeout=0.1),
    "send in parts": lambda case: case.target.send(["from", "a handler"], timeout=0.1),
    "feed": lambda case: case.target.feed("from a handler", timeout=0.1),
    "flush": lambda case: case.target.flush(timeout=0.1),
    "recv": lambda case: case.target.recv(timeout=0.1),
    "recv_into": lambda case: case.target.recv_into(bytearray(5), timeout=0.1),
    "recv_stream": lambda case: list(case.target.recv_stream(timeout=0.1)),
    "ping": lambda case: case.target.ping(timeout=0.1),
    "ping_wait": lambda case: case.target.ping_wait(timeout=0.1),
    "abort": lambda case: case.target.abort(),
    "interrupt": lambda case: case.target.interrupt(),
    "what is known": lambda case: (repr(case.target), case.target.stats, case.target.close_code),
    "connect": open_another,
    "drop": drop,
    "close of another": lambda case: getattr(case.spare, "close")(),
    "shutdown": lambda case: case.server.shutdown(0.1),
    "shutdown of one that is stuck": lambda case: case.stuck.shutdown(0.1),
}


def outcome(call: Callable[[Case], object], case: Case) -> str:
    try:
        call(case)
        return "ok"
    except landline.Error as error:
        return type(error).__name__


def main() -> None:
    choose, call = CALLS[sys.argv[1]]
    for name, interrupting in INTERRUPTING.items():
        faulthandler.dump_traceback_later(LIMIT, exit=True)
        case = Case()
        case.target = choose(case)
        results: List[str] = []
        alarms = 0
        # What the handler sends comes back.
        ends_by_itself = name == "send" and sys.argv[1] in RECEIVING and sys.argv[1] != "iteration"

        def handle(*_: object) -> None:
            nonlocal alarms
            alarms += 1
            if alarms == 1:
                results.append(outcome(interrupting, case))
                # The call has to continue on its own; if it may wait forever, this ends it.
                if not ends_by_itself:
                    signal.setitimer(signal.ITIMER_REAL, 0.1)
            else:
                case.end()

        signal.signal(signal.SIGALRM, handle)
        if sys.argv[1] in RECEIVING:
            threading.Thread(target=signal_receiver, args=(case.ws,), daemon=True).start()
        elif sys.argv[1] != "send in parts":
            signal.setitimer(signal.ITIMER_REAL, SOON)
        interrupted = outcome(call, case)
        while not results:
            # The call finished before the signal arrived.
            signal.pause()
        signal.setitimer(signal.ITIMER_REAL, 0)
        case.end()
        print(f"{name}: {results[0]}: {interrupted}", flush=True)
        faulthandler.cancel_dump_traceback_later()
    os._exit(0)


main()
