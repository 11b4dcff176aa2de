"""Names that are looked up slowly, by many threads, across a fork."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import echo, running

MANY = """
import sys, threading
import landline
outcomes = []
together = threading.Barrier(200)
def one():
    together.wait()
    try:
        landline.connect(sys.argv[1], open_timeout=20).abort()
        outcomes.append('open')
    except landline.Error as error:
        outcomes.append(str(error))
threads = [threading.Thread(target=one) for _ in range(200)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(*set(outcomes), len(outcomes))
"""

FORK = """
import os, sys, threading
import landline
def one():
    try:
        landline.connect(sys.argv[1], open_timeout=20).abort()
    except landline.Error as error:
        print('parent:', error)
def some(count):
    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads: thread.start()
    return threads
threads = some(100)
# Look-ups are in progress as long as there is a thread that makes them.
while not any(open(f'/proc/self/task/{task}/comm').read().startswith('landline look') for task in os.listdir('/proc/self/task')):
    pass
child = os.fork()
if child == 0:
    for _ in range(2):
        for thread in some(80): thread.join()
    print('child is done', flush=True)
    os._exit(0)
for thread in threads: thread.join()
one()
assert os.waitpid(child, 0)[1] == 0
print('parent is done')
"""

HANGING = """
import sys, threading
import landline
def one():
    try:
        landline.connect(sys.argv[1], open_timeout=1).abort()
    except landline.Timeout as error:
        return str(error)
    return ''
before = [threading.Thread(target=one) for _ in range(64)]
for thread in before: thread.start()
for thread in before: thread.join()
print(one())
"""


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("slow") / "slow.so"
    source = Path(__file__).parent / "slow_lookups.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=60)
    return library


def run(code: str, slow: Path, milliseconds: int, limit: float) -> str:
    environment = {**os.environ, "LD_PRELOAD": str(slow), "LOOKUP_MS": str(milliseconds)}
    options: Any = dict(capture_output=True, text=True, env=environment, timeout=limit)
    with running(echo, host="localhost", max_connections=1000) as server:
        url = f"ws://localhost:{server.port}/"
        done = subprocess.run([sys.executable, "-c", code, url], **options)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_threads_that_connect_by_name_at_once_wait_for_their_turn(slow: Path) -> None:
    assert run(MANY, slow, 20, 40) == "open 200\n"


def test_a_child_forked_during_look_ups_looks_names_up(slow: Path) -> None:
    assert sorted(run(FORK, slow, 300, 50).splitlines()) == ["child is done", "parent is done"]


def test_look_ups_that_hang_are_named(slow: Path) -> None:
    assert "too many others have not returned" in run(HANGING, slow, 5000, 40)
