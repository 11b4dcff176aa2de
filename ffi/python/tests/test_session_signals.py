"""Sessions in the main thread: attempts that take longer than other calls of that thread wait, and Ctrl-C at any time."""

import subprocess
import sys
import threading
import time
from typing import Any, List

import pytest
from conftest import running, url_of

import landline

QUICK: Any = {"backoff_first": 0.002, "backoff_max": 0.01}
# Longer than calls of the main thread wait at a time.
LONG = 0.5


def test_slow_attempts_are_made_once() -> None:
    requests: List[float] = []
    hooks: List[int] = []

    def slow(request: landline.Request) -> None:
        requests.append(time.monotonic())
        # How slow a server is cannot be had without a clock.
        time.sleep(LONG)

    with running(lambda ws: ws.send("a"), process_request=slow) as server:
        for ws in landline.reconnect(url_of(server), on_connect=lambda ws: hooks.append(1), **QUICK):
            assert list(ws) == ["a"]
            if len(hooks) == 2:
                break
        assert (len(requests), len(hooks)) == (2, 2)


def test_after_a_loss_slow_attempts_are_made_once_too() -> None:
    requests: List[float] = []
    hooks: List[int] = []

    def slow(request: landline.Request) -> None:
        requests.append(time.monotonic())
        if len(requests) > 1:
            time.sleep(LONG)

    with running(lambda ws: ws.abort(), process_request=slow) as server:
        with landline.reconnect(url_of(server), on_connect=lambda ws: hooks.append(1), **QUICK) as session:
            for number in range(3):
                assert session.recv(timeout=20) == landline.Connected(number, number + 1)
            assert (len(requests), len(hooks)) == (3, 3)


# A server that does not answer.
CONNECTING = """
import os, signal, socket, sys, threading, time
import landline

silent = socket.create_server(("127.0.0.1", 0))

def interrupt():
    silent.accept()
    times.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)

times = []
threading.Thread(target=interrupt, daemon=True).start()
try:
    for ws in landline.reconnect(f"ws://127.0.0.1:{silent.getsockname()[1]}/", open_timeout=None):
        pass
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - times[0] < 10)
"""

# The connection is lost when the signal comes, as when Ctrl-C ends the server too.
LOSING = """
import os, signal, sys, threading
import landline

def lose(ws):
    assert ws.recv(timeout=20) == "now"
    os.kill(os.getpid(), signal.SIGINT)
    ws.abort()

def lose_it_while_the_main_thread_receives():
    while True:
        try:
            session.close_code
        except landline.ConcurrencyError:
            break
    session.send("now")

server = landline.serve(lose)
threading.Thread(target=server.serve_forever).start()
interrupted = 0
for _ in range(20):
    with landline.reconnect(f"ws://127.0.0.1:{server.port}/", backoff_first=0.001, on_connect=lambda ws: None) as session:
        assert isinstance(session.recv(timeout=20), landline.Connected)
        threading.Thread(target=lose_it_while_the_main_thread_receives).start()
        try:
            while True:
                session.recv(timeout=5)
        except (KeyboardInterrupt, landline.Error) as error:
            interrupted += isinstance(error, KeyboardInterrupt)
server.shutdown()
print("interrupted", interrupted == 20)
"""


@pytest.mark.parametrize("code", [CONNECTING, LOSING], ids=["while it connects", "when a connection is lost"])
def test_ctrl_c_is_not_lost(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted True\n", "", 0)
