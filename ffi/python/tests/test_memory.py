"""How much of Python's memory a connection takes: little while it is idle, even after large messages."""

import gc
import threading
import time
import tracemalloc
from typing import Iterator, List

import pytest
from conftest import running, url_of

import landline

COUNT = 40
# Both ends of a connection, with the server's thread, as far as Python allocates it: 14 KB when this was written. A
# buffer of 64 KiB exceeds it.
IDLE = 24_000
MUCH = b"x" * 300_000


def answer(ws: landline.Connection) -> None:
    while True:
        ws.send(ws.recv())


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def comes_to(limit: int, before: int, connections: List[landline.ClientConnection]) -> bool:
    """Whether each connection takes no more than that after a sufficient time."""
    for _ in range(100):
        for ws in connections:
            with pytest.raises(landline.Timeout):
                ws.recv(timeout=0)
        if (held() - before) / len(connections) <= limit:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("in_thread", [False, True])
def test_idle_connections_are_small_even_after_large_messages(in_thread: bool, traced: None) -> None:
    def measure() -> None:
        with running(answer) as server:
            with landline.connect(url_of(server)) as ws:
                ws.send("warm")
                ws.recv(timeout=10)
            before = held()
            connections = [landline.connect(url_of(server)) for _ in range(COUNT)]
            for ws in connections:
                ws.send("little")
                assert ws.recv(timeout=10) == "little"
            assert (held() - before) / COUNT <= IDLE
            for _ in range(2):
                for ws in connections:
                    ws.send(MUCH)
                    assert ws.recv(timeout=10) == MUCH
                assert comes_to(IDLE, before, connections)
            for ws in connections:
                ws.abort()

    if not in_thread:
        return measure()
    errors: List[BaseException] = []

    def run() -> None:
        try:
            measure()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(50)
    assert not errors and not thread.is_alive(), errors


def test_messages_of_all_sizes_arrive_whole_whatever_the_buffer_size() -> None:
    sizes = [0, 1, 2047, 2048, 2049, 4096, 65_535, 65_536, 65_537, 200_000]
    with running(answer) as server, landline.connect(url_of(server)) as ws:
        for size in sizes + sizes[::-1]:
            message = bytes(index % 251 for index in range(size))
            ws.send(message)
            assert ws.recv(timeout=10) == message
            ws.send(message)
            stream = ws.recv_stream(timeout=10)
            parts = list(stream)
            assert b"".join(part for part in parts if isinstance(part, bytes)) == message
            assert max(map(len, parts)) <= 65_536
            # The rest of a message that will not be read.
            ws.send(message)
            next(ws.recv_stream(timeout=10))
        ws.send("last")
        assert ws.recv(timeout=10) == "last"
