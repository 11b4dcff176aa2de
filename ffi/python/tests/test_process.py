"""Tests that need a process of their own: Ctrl-C, exit, fork, finding the library."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Dict, Optional

import pytest
from conftest import echo, running, url_of

import landline

# Announces that the next statement blocks; a thread sends the signal once the main thread is in it.
PRELUDE = """
import os, signal, socket, sys, threading
import landline

def soon(act=lambda: os.kill(os.getpid(), signal.SIGINT)):
    threading.Timer(0.3, act).start()

url = sys.argv[1]
"""

BLOCKED: Dict[str, str] = {
    "recv": "ws = landline.connect(url); soon(); ws.recv()",
    "recv with a time limit": "ws = landline.connect(url); soon(); ws.recv(timeout=30)",
    "iteration": "ws = landline.connect(url); soon()\nfor _ in ws: pass",
    "recv_into": "ws = landline.connect(url); soon(); ws.recv_into(bytearray(10))",
    "send": "ws = landline.connect(url + 'unread'); soon(); ws.send(b'x' * 30_000_000)",
    "streamed send": "ws = landline.connect(url + 'unread'); soon(); ws.send([b'x' * 30_000_000])",
    "ping_wait": "ws = landline.connect(url + 'unread'); soon(); ws.ping_wait()",
    "close": "ws = landline.connect(url + 'unread', close_timeout=30); soon(); ws.close()",
    "connect": "s = socket.create_server(('127.0.0.1', 0)); soon()\n"
    "landline.connect(f'ws://127.0.0.1:{s.getsockname()[1]}/', open_timeout=None)",
    "serve_forever": "soon()\nwith landline.serve(print) as server: server.serve_forever()",
}


def run(
    code: str, *arguments: str, environment: Optional[Dict[str, str]] = None, limit: float = 20
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=limit, env=environment
    )


@pytest.mark.parametrize("name", BLOCKED)
def test_ctrl_c(name: str) -> None:
    body = "\n".join("    " + line for line in BLOCKED[name].splitlines())
    code = f"{PRELUDE}\ntry:\n{body}\nexcept KeyboardInterrupt:\n    print('interrupted')\n"
    release = threading.Event()

    def handler(ws: landline.ServerConnection) -> None:
        if ws.path == "/unread":
            release.wait(40)
        else:
            echo(ws)

    with running(handler) as server:
        try:
            done = run(code, url_of(server))
        finally:
            release.set()
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)


def test_shutdown_in_a_signal_handler() -> None:
    code = PRELUDE + (
        "server = landline.serve(print)\n"
        "signal.signal(signal.SIGTERM, lambda *_: server.shutdown())\n"
        "soon(lambda: os.kill(os.getpid(), signal.SIGTERM))\n"
        "server.serve_forever()\n"
        "print('ended')\n"
    )
    done = run(code, "")
    assert (done.stdout, done.stderr, done.returncode) == ("ended\n", "", 0)


EXITS: Dict[str, str] = {
    "with an open connection": "ws = landline.connect(url)",
    "with a thread that receives": "ws = landline.connect(url)\n"
    "t = threading.Thread(target=ws.recv, daemon=True); t.start()",
    "with a thread that sends": "ws = landline.connect(url)\n"
    "def flood():\n    while True: ws.send('x' * 1000)\nthreading.Thread(target=flood, daemon=True).start()",
    "with a server": "server = landline.serve(lambda ws: ws.recv())\n"
    "threading.Thread(target=server.serve_forever, daemon=True).start()\n"
    "ws = landline.connect(f'ws://127.0.0.1:{server.port}/')",
    "in a cycle": "ws = landline.connect(url); ws.self = ws",
    "closing at exit": "import atexit\nws = landline.connect(url); atexit.register(ws.close)",
}


@pytest.mark.parametrize("name", EXITS)
def test_exit(name: str) -> None:
    with running(echo) as server:
        done = run(PRELUDE + EXITS[name] + "\nprint('end')\n", url_of(server))
    assert (done.stdout, done.stderr, done.returncode) == ("end\n", "", 0)


def test_fork_leaves_the_connection_to_the_parent() -> None:
    code = PRELUDE + (
        "import gc\n"
        "ws = landline.connect(url)\n"
        "ws.feed('fed before')\n"
        "if os.fork() == 0:\n"
        "    del ws\n"
        "    gc.collect()\n"
        "    with landline.connect(url) as mine:\n"
        "        mine.send('child')\n"
        "        assert mine.recv(timeout=10) == 'child'\n"
        "    os._exit(7)\n"
        "assert os.waitstatus_to_exitcode(os.wait()[1]) == 7\n"
        "ws.send('parent')\n"
        "print(ws.recv(timeout=10), ws.recv(timeout=10))\n"
        "try: ws.recv(timeout=0.2)\n"
        "except landline.Timeout: print('no more')\n"
        "ws.close()\n"
    )
    with running(echo) as server:
        done = run(code, url_of(server))
    assert (done.stdout, done.stderr, done.returncode) == ("fed before parent\nno more\n", "", 0)


def test_library_is_looked_for_and_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.so")
    done = run("import landline", environment={**os.environ, "LANDLINE_LIBRARY": missing})
    assert done.returncode == 1
    for told in ("LANDLINE_LIBRARY", missing, "the one in the package", "liblandline.so.0"):
        assert told in done.stderr


def test_the_library_in_the_package_is_used() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "LANDLINE_LIBRARY"}
    done = run("import landline; from landline import _abi; print(_abi._name)", environment=environment)
    assert Path(done.stdout.strip()) == Path(landline.__file__).with_name("liblandline.so"), done.stderr


def test_wrong_abi_is_refused(tmp_path: Path) -> None:
    source, library = tmp_path / "other.c", tmp_path / "other.so"
    source.write_text("int landline_abi_version(void) { return 999; }")
    subprocess.run(["cc", "-shared", "-fPIC", source, "-o", library], check=True, timeout=30)
    done = run("import landline", environment={**os.environ, "LANDLINE_LIBRARY": str(library)})
    assert done.returncode == 1 and "ABI version 999" in done.stderr
