"""Names, addresses and sockets: resolvers, fixed addresses, families, the socket before it is connected, Unix sockets."""

import errno
import os
import socket
import threading
import time
from pathlib import Path
from typing import Iterator, List, Tuple

import pytest
from conftest import echo, running

import landline
from landline import _dialling

URL = "ws://server.invalid/"


@pytest.fixture
def hole() -> Iterator[Tuple[str, int]]:
    """An address that does not answer: the queue of its listener is full."""
    sockets = [socket.socket() for _ in range(6)]
    sockets[0].bind(("127.0.0.1", 0))
    sockets[0].listen(0)
    for other in sockets[1:]:
        other.setblocking(False)
        other.connect_ex(sockets[0].getsockname())
    yield sockets[0].getsockname()
    for one in sockets:
        one.close()


def wait_until_forgotten() -> None:
    end = time.monotonic() + 20
    while _dialling._functions:
        assert time.monotonic() < end, "the library has not given up the functions"


def test_an_address_that_does_not_answer_costs_a_moment(hole: Tuple[str, int]) -> None:
    with running(echo) as server:
        begin = time.monotonic()
        with landline.connect(URL, addresses=[hole, ("127.0.0.1", server.port)]) as ws:
            assert 0.24 <= time.monotonic() - begin < 0.6
            assert ws.remote_address == ("127.0.0.1", server.port)
            timings = ws.timings
        assert timings is not None and timings.connect >= 0.24 and timings.tls == timings.proxy == 0
        assert timings.total == sum(timings) and timings.upgrade > 0
        assert ws.timings == timings, "it is known after the end, too"


def test_an_exception_has_every_address_that_was_tried(hole: Tuple[str, int]) -> None:
    with pytest.raises(landline.Timeout) as caught:
        landline.connect(URL, addresses=[hole, "127.0.0.1:1"], open_timeout=0.4)
    assert caught.value.phase == "connect"
    (first, no_answer), (second, refused) = caught.value.attempts
    assert (first, no_answer, second) == (f"127.0.0.1:{hole[1]}", "no answer", "127.0.0.1:1")
    assert refused.startswith(os.strerror(errno.ECONNREFUSED))
    assert f"timed out while connecting: tried {first} (no answer), {second} ({refused})" == str(caught.value)
    with pytest.raises(landline.ConnectError) as failed:
        landline.connect("ws://127.0.0.1:1/")
    assert [address for address, _ in failed.value.attempts] == ["127.0.0.1:1"]


def test_a_resolver_is_asked_and_forgotten() -> None:
    asked: List[Tuple[str, int, bool]] = []
    with running(echo) as server:

        def resolver(host: str, port: int) -> List[landline.Address]:
            asked.append((host, port, threading.current_thread() is threading.main_thread()))
            return [("127.0.0.1", port), "127.0.0.1"]

        landline.connect(f"ws://feed.example:{server.port}/", resolver=resolver).close()
        assert asked == [("feed.example", server.port, False)]
        landline.connect(f"ws://127.0.0.1:{server.port}/", resolver=resolver).close()
        assert len(asked) == 1
    wait_until_forgotten()


def test_what_a_resolver_raises_is_the_cause() -> None:
    for error, status_errno in ((LookupError("no such host"), None), (OSError(errno.ENETDOWN, "down"), errno.ENETDOWN)):

        def resolver(host: str, port: int, error: Exception = error) -> List[landline.Address]:
            raise error

        with pytest.raises(landline.ConnectError) as caught:
            landline.connect(URL, resolver=resolver)
        assert caught.value.__cause__ is error
        assert (caught.value.phase, caught.value.errno) == ("resolve", status_errno)
    for wrong in ("no address", None, ("::1",), (1, 2)):
        with pytest.raises(landline.ConnectError) as caught:
            landline.connect(URL, resolver=lambda host, port: [wrong])  # type: ignore[list-item]
        assert isinstance(caught.value.__cause__, (landline.UsageError, TypeError))
    wait_until_forgotten()


def test_a_resolver_that_hangs_is_left_to_itself() -> None:
    release = threading.Event()

    def resolver(host: str, port: int) -> List[landline.Address]:
        release.wait(20)
        return []

    begin = time.monotonic()
    with pytest.raises(landline.Timeout) as caught:
        landline.connect(URL, resolver=resolver, open_timeout=0.1)
    assert caught.value.phase == "resolve" and time.monotonic() - begin < 5
    assert len(_dialling._functions) == 1
    release.set()
    wait_until_forgotten()


def test_a_hook_sees_each_socket_before_it_is_connected() -> None:
    seen: List[Tuple[str, bool]] = []

    def on_socket(fd: int) -> None:
        with socket.socket(fileno=os.dup(fd)) as shown:
            shown.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 7)
            try:
                shown.getpeername()
                seen.append((shown.getsockname()[0], True))
            except OSError:
                seen.append((shown.getsockname()[0], False))

    with running(echo) as server:
        addresses = ["127.0.0.1:1", f"127.0.0.1:{server.port}"]
        with landline.connect(URL, addresses=addresses, local_addr="127.0.0.77", on_socket=on_socket) as ws:
            assert ws.local_address is not None and ws.local_address[0] == "127.0.0.77"
            with socket.socket(fileno=os.dup(ws.fileno())) as copy:
                assert copy.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == 7
        assert seen == [("127.0.0.77", False)] * 2

        def refuse(fd: int) -> None:
            raise PermissionError(errno.EPERM, "not this one")

        with pytest.raises(landline.ConnectError) as caught:
            landline.connect(f"ws://127.0.0.1:{server.port}/", on_socket=refuse)
        assert isinstance(caught.value.__cause__, PermissionError) and caught.value.errno == errno.EPERM
    wait_until_forgotten()


def test_only_the_family_asked_for_is_connected_to() -> None:
    with running(echo) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        landline.connect(url, address_family=socket.AF_INET).close()
        with pytest.raises(landline.ConnectError, match="admit the others with address_family"):
            landline.connect(url, address_family=socket.AF_INET6)
        with pytest.raises(landline.UsageError, match="local_addr of 127.0.0.1:0 cannot be used: .* by address_family"):
            landline.connect(url, address_family=socket.AF_INET6, local_addr=("127.0.0.1", 0))
        with pytest.raises(landline.ConnectError, match="cannot use interface nope0"):
            landline.connect(url, interface="nope0")
    with pytest.raises(landline.UsageError, match="address_family is 7"):
        landline.connect(URL, address_family=7)
    with pytest.raises(landline.UsageError, match='addresses is "nowhere", which is no address'):
        landline.connect(URL, addresses=["nowhere"])
    with pytest.raises(TypeError):
        landline.connect(URL, addresses="127.0.0.1")


def test_unix_sockets_by_url_and_by_argument(tmp_path: Path) -> None:
    path = tmp_path / "a b.sock"
    with running(echo, unix=path, unix_mode=0o600):
        assert path.stat().st_mode & 0o777 == 0o600
        encoded = str(path).replace(" ", "%20")
        for ws in (
            landline.connect(f"ws+unix:{encoded}:/live?x=1"),
            landline.connect("ws://feed.example/live?x=1", unix=path),
        ):
            with ws:
                assert ws.path == "/live?x=1"
                ws.send("hello")
                assert ws.recv(timeout=10) == "hello"
                assert ws.timings is not None and ws.timings.resolve == 0
    assert not path.exists()
    with pytest.raises(landline.ConnectError, match="cannot connect to unix:"):
        landline.connect(f"ws+unix:{encoded}")


def test_a_server_dialled_nobody() -> None:
    timings: List[object] = []
    done = threading.Event()

    def handler(ws: landline.ServerConnection) -> None:
        timings.append(ws.timings)
        done.set()

    with running(handler) as server:
        landline.connect(f"ws://127.0.0.1:{server.port}/").close()
        assert done.wait(10)
    assert timings == [None]


def test_addresses_may_have_a_zone() -> None:
    with pytest.raises(landline.ConnectError, match=r"\[fe80::1%1\]:1\b"):
        landline.connect("ws://feed.example/", addresses=[("fe80::1", 1, 0, 1)])
