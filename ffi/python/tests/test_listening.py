"""Listening: addresses, clients over the limit, shortages, and the end."""

import errno
import os
import resource
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any, List

import pytest
from conftest import Tls, echo, running, url_of

import landline

ASK = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def dial(server: landline.Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def until(what: str, count: int, server: landline.Server) -> None:
    limit = time.monotonic() + 20
    while server.connections != count:
        assert time.monotonic() < limit, what
        time.sleep(0.001)


@pytest.mark.parametrize(
    "host, port", [("no port", -1), ("127.0.0.1", 70000), ("999.1.1.1", 1), ("256.1.1.1", 1), ("a b", 1)]
)
def test_a_malformed_address_is_named(host: str, port: int) -> None:
    with pytest.raises(landline.UsageError) as caught:
        landline.serve(echo, host, port)
    assert f"{host}:{port}" in str(caught.value) and "such as 127.0.0.1:9001" in str(caught.value)


def test_no_host_is_every_address() -> None:
    with running(echo, host="") as server:
        with landline.connect(url_of(server)) as ws:
            ws.send("here")
            assert ws.recv(timeout=20) == "here"


def test_a_unix_socket_needs_a_path_and_has_no_port(tmp_path: Path) -> None:
    for empty in ("", b""):
        with pytest.raises(landline.UsageError, match="the path is empty"):
            landline.serve(echo, unix=empty)
    path = tmp_path / "s"
    with landline.serve(echo, unix=path) as server:
        assert server.address == str(path)
        with pytest.raises(landline.UsageError, match="no port"):
            server.port
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        with landline.serve(echo, sock=sock) as server:
            assert server.address == str(path)
            with pytest.raises(landline.UsageError, match="no port"):
                server.port


def test_a_unix_socket_with_a_listener_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with running(echo, unix=path):
        with pytest.raises(landline.ConnectError) as caught:
            landline.serve(echo, unix=path)
        assert caught.value.errno == errno.EADDRINUSE and str(path) in str(caught.value)
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(path))
        with landline.connect("ws://localhost/", sock=client) as ws:
            ws.send("still here")
            assert ws.recv(timeout=20) == "still here"
    assert not path.exists()
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    with landline.serve(echo, unix=path):
        pass


@pytest.mark.parametrize("secure", [False, True])
def test_shutdown_ends_opening_handshakes(secure: bool, tls: Tls) -> None:
    options: Any = dict(cert_file=tls.cert, key_file=tls.key) if secure else {}
    with running(echo, open_timeout=None, **options) as server:
        clients = [dial(server), dial(server)]
        if not secure:
            clients[0].sendall(b"GET / HTTP/1.1\r\n")
        until("both are shaking hands", 2, server)
        began = time.monotonic()
        server.shutdown(20)
        assert time.monotonic() - began < 5
        assert server.connections == 0
        for client in clients:
            client.close()


def test_while_shutdown_waits_for_handlers_clients_are_refused() -> None:
    begun, release = threading.Event(), threading.Event()

    def hold(ws: landline.ServerConnection) -> None:
        begun.set()
        release.wait(40)

    with running(hold) as server:
        ws = landline.connect(url_of(server))
        assert begun.wait(20)
        ending = threading.Thread(target=server.shutdown, args=(20,))
        ending.start()
        limit = time.monotonic() + 20
        while True:
            assert time.monotonic() < limit
            try:
                dial(server).close()
            except ConnectionRefusedError:
                break
            except ConnectionResetError:
                # At that moment.
                pass
        assert ending.is_alive()
        ws.abort()
        release.set()
        ending.join(20)
        assert not ending.is_alive()


def test_opening_handshakes_count_as_connections_and_refusals_do_not() -> None:
    with running(echo, max_connections=1) as server:
        silent = dial(server)
        until("the first one counts", 1, server)
        refused = []
        for _ in range(3):
            with pytest.raises(landline.InvalidHandshake) as caught:
                landline.connect(url_of(server))
            assert caught.value.http_status == 503
            # It does not disconnect, so the server keeps trying to close it.
            lingering = dial(server)
            lingering.sendall(ASK)
            assert b" 503 " in lingering.recv(100)
            refused.append(lingering)
            assert server.connections == 1
        silent.sendall(ASK)
        assert b" 101 " in silent.recv(1000)
        silent.close()
        until("it is gone", 0, server)
        with landline.connect(url_of(server)) as ws:
            ws.send("room")
            assert ws.recv(timeout=20) == "room"
        for client in refused:
            client.close()


def test_open_timeout_includes_the_refusal() -> None:
    with running(echo, open_timeout=0.4) as server:
        client = dial(server)
        began = time.monotonic()
        until("it is shaking hands", 1, server)
        assert b" 408 " in client.recv(1000)
        # It stays.
        until("it is given up", 0, server)
        assert time.monotonic() - began < 1.5
        client.close()


def test_without_threads_new_clients_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    refused: List[threading.Thread] = []

    def without_room(thread: threading.Thread) -> None:
        if thread.name == "landline connection" and len(refused) < 3:
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        start(thread)

    with running(echo) as server:
        monkeypatch.setattr(threading.Thread, "start", without_room)
        clients = [dial(server) for _ in range(4)]
        for client in clients:
            client.sendall(ASK)
        for client in clients:
            assert b" 101 " in client.recv(1000)
            client.close()
        assert len(refused) == 3


def test_without_descriptors_new_clients_wait() -> None:
    """A server in a process with descriptors for few connections at a time serves all clients."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            server = landline.serve(echo)
            lowest = os.dup(0)
            os.close(lowest)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 13, lowest + 13))
            os.write(write, str(server.port).encode())
            server.serve_forever()
        finally:
            os._exit(1)
    try:
        url = f"ws://127.0.0.1:{int(os.read(read, 10))}/"
        served: List[int] = []

        def visit(number: int) -> None:
            with landline.connect(url, open_timeout=40) as ws:
                ws.send(str(number))
                served.append(int(ws.recv(timeout=40)))

        clients = [threading.Thread(target=visit, args=(number,)) for number in range(60)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(50)
        assert sorted(served) == list(range(60))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(read)
        os.close(write)


def test_errors_name_the_phase() -> None:
    with running(echo) as server, landline.connect(url_of(server)) as ws:
        ws.interrupt()
        with pytest.raises(landline.Interrupted) as interrupted:
            ws.recv(timeout=20)
        assert interrupted.value.phase == "recv" and str(interrupted.value) == "interrupted while receiving"
        with pytest.raises(landline.Timeout) as late:
            ws.recv(timeout=0)
        assert late.value.phase == "recv"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(landline.Timeout) as late:
            landline.connect(f"ws://127.0.0.1:{silent.getsockname()[1]}/", open_timeout=0.1)
        assert late.value.phase == "handshake"
