"""The server's side: requests, limits, shutting down, failing handlers."""

import functools
import logging
import queue
import socket
import threading
from pathlib import Path
from typing import Any, List, Optional

import pytest
from conftest import echo, running, url_of

import landline


def test_process_request_sees_and_refuses() -> None:
    seen: List[landline.Request] = []

    def process(request: landline.Request) -> Optional[landline.Response]:
        seen.append(request)
        request.add_response_header("X-Seen", "yes")
        if request.path == "/no":
            return landline.Response(401, "who are you?", {"WWW-Authenticate": "Basic"})
        if request.path == "/fail":
            raise ZeroDivisionError
        return None

    with running(echo, process_request=process) as server:
        with landline.connect(url_of(server, "/yes?a=b"), headers=[("X-A", "1"), ("X-A", "2")], origin="http://o") as ws:
            assert ws.response_headers["X-Seen"] == "yes"
            assert ws.local_address is not None
            assert seen[0].remote == "127.0.0.1:%d" % ws.local_address[1]
        with pytest.raises(landline.InvalidHandshake) as caught:
            landline.connect(url_of(server, "/no"))
        assert (caught.value.http_status, caught.value.body) == (401, b"who are you?")
        assert caught.value.headers["www-authenticate"] == "Basic"
        assert caught.value.headers["x-seen"] == "yes"
        with pytest.raises(landline.InvalidHandshake) as caught:
            landline.connect(url_of(server, "/fail"))
        assert caught.value.http_status == 500
    first = seen[0]
    assert (first.path, first.query, first.origin) == ("/yes", "a=b", "http://o")
    assert first.host == f"127.0.0.1:{server.port}"
    assert first.headers.get_all("x-a") == ["1", "2"]


def test_headers_are_sent_with_each_response_that_opens_a_connection() -> None:
    def process(request: landline.Request) -> Optional[landline.Response]:
        request.add_response_header("X-Every", "more")
        return landline.Response(404) if request.path == "/no" else None

    with running(echo, headers=[("X-Every", "one"), ("X-Every", "two")], process_request=process) as server:
        for _ in range(2):
            with landline.connect(url_of(server)) as ws:
                assert ws.response_headers.get_all("X-Every") == ["one", "two", "more"]
        with pytest.raises(landline.InvalidHandshake) as caught:
            landline.connect(url_of(server, "/no"))
        assert caught.value.headers.get_all("X-Every") == ["more"]


def test_subprotocols() -> None:
    def path(ws: landline.ServerConnection) -> None:
        ws.send(repr((ws.subprotocol, ws.path, ws.request_headers["Sec-WebSocket-Protocol"])))

    with running(path, subprotocols=["a", "b"]) as server:
        with landline.connect(url_of(server, "/x"), subprotocols=["c", "b"]) as ws:
            assert ws.subprotocol == "b"
            assert ws.recv(timeout=20) == repr(("b", "/x", "c, b"))

    def select(request: landline.Request) -> Optional[str]:
        return request.subprotocols[-1] if len(request.subprotocols) > 1 else None

    with running(echo, subprotocols=["a"], select_subprotocol=select) as server:
        with landline.connect(url_of(server), subprotocols=["a", "z"]) as ws:
            assert ws.subprotocol == "z"
        with landline.connect(url_of(server), subprotocols=["a"]) as ws:
            assert ws.subprotocol is None


def raw_request(server: landline.Server, target: bytes = b"/", headers: bytes = b"") -> bytes:
    """The head of the server's response to a raw request."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(
            b"GET " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" + headers + b"\r\n"
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            chunk = client.recv(4096)
            assert chunk, answer
            answer += chunk
        return answer.partition(b"\r\n\r\n")[0] + b"\r\n"


def test_non_ascii_targets_and_the_case_of_header_names() -> None:
    seen: List[landline.Request] = []

    def process(request: landline.Request) -> None:
        seen.append(request)
        request.add_response_header("appKey", "6f2a")

    with running(echo, process_request=process, subprotocols=["a"], compression=True) as server:
        empty = b"Sec-WebSocket-Protocol: \r\nSec-WebSocket-Extensions:\r\n"
        answer = raw_request(server, "/caf\u00e9?q=".encode() + b"\xfc", empty)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nappKey: 6f2a\r\n" in answer
    assert b"sec-websocket-protocol" not in answer.lower() and b"sec-websocket-extensions" not in answer.lower()
    assert (seen[0].path, seen[0].query) == ("/caf%C3%A9", "q=%FC")
    assert seen[0].raw_target == "/caf\u00e9?q=".encode() + b"\xfc"
    assert seen[0].subprotocols == []


@pytest.mark.parametrize("origins", ["same", ["https://good.example"]])
def test_origins(origins: Any) -> None:
    with running(echo, origins=origins) as server:
        good = f"http://127.0.0.1:{server.port}" if origins == "same" else origins[0]
        landline.connect(url_of(server), origin=good).close()
        with pytest.raises(landline.InvalidHandshake) as caught:
            landline.connect(url_of(server), origin="https://evil.example")
        assert caught.value.http_status == 403


@pytest.mark.parametrize(
    ("scheme", "allowed"), [(None, ["http", "https"]), ("http", ["http"]), ("https", ["https"])]
)
def test_origins_behind_a_tls_proxy(scheme: Optional[str], allowed: List[str]) -> None:
    with running(echo, origins="same", public_scheme=scheme) as server:
        for page in ("http", "https"):
            for host, origin in [("page.example", "page.example"), ("page.example:8443", "page.example:8443")]:
                connect = functools.partial(
                    landline.connect, url_of(server), origin=f"{page}://{origin}", host=host, open_timeout=20
                )
                if page in allowed:
                    connect().close()
                    continue
                with pytest.raises(landline.InvalidHandshake) as caught:
                    connect()
                assert caught.value.http_status == 403
    with pytest.raises(landline.UsageError):
        landline.serve(echo, public_scheme="wss")


def test_too_many_connections() -> None:
    with running(echo, max_connections=2) as server:
        kept = [landline.connect(url_of(server)) for _ in range(2)]
        with pytest.raises(landline.InvalidHandshake) as caught:
            landline.connect(url_of(server))
        assert caught.value.http_status == 503
        for ws in kept:
            ws.send("still served")
            assert ws.recv(timeout=20) == "still served"
            ws.close()


def test_a_failing_handler_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    def fail(ws: landline.ServerConnection) -> None:
        ws.recv(timeout=20)
        raise ZeroDivisionError("on purpose")

    with caplog.at_level(logging.ERROR, "landline.server"), running(fail) as server:
        with landline.connect(url_of(server)) as ws:
            ws.send("go")
            with pytest.raises(landline.ConnectionClosedError) as caught:
                ws.recv(timeout=20)
            assert caught.value.code == 1011
    assert "on purpose" in caplog.text


def test_shutdown_notifies_clients_and_handlers() -> None:
    ended: "queue.Queue[int]" = queue.Queue()

    def handler(ws: landline.ServerConnection) -> None:
        ws.send("here")
        try:
            ws.recv()
        except landline.ConnectionClosedOK as closed:
            ended.put(closed.code)

    with running(handler) as server:
        ws = landline.connect(url_of(server))
        assert ws.recv(timeout=20) == "here"
        codes: List[int] = []

        def receive() -> None:
            with pytest.raises(landline.ConnectionClosedOK) as caught:
                ws.recv(timeout=20)
            codes.append(caught.value.code)

        receiver = threading.Thread(target=receive)
        receiver.start()
        server.shutdown()
        receiver.join(20)
        assert codes == [1001]
        assert ended.get(timeout=20) == 1001
        assert server.connections == 0
    with pytest.raises(landline.ConnectError):
        landline.connect(url_of(server))


def test_shutdown_cuts_connections_that_do_not_end() -> None:
    release, entered = threading.Event(), threading.Event()

    def stuck(ws: landline.ServerConnection) -> None:
        entered.set()
        release.wait(20)

    with running(stuck) as server:
        ws = landline.connect(url_of(server))
        assert entered.wait(20)
        server.shutdown(timeout=0.05)
        with pytest.raises(landline.ConnectionClosed):
            for _ in range(3):
                ws.recv(timeout=20)
        release.set()


def test_unix_socket(tmp_path: Path) -> None:
    with running(echo, unix=tmp_path / "s") as server:
        assert str(tmp_path / "s") in server.address
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(tmp_path / "s"))
        with landline.connect("ws://localhost/", sock=sock) as ws:
            assert sock.fileno() == -1, "the socket belongs to the connection"
            ws.send("hi")
            assert ws.recv(timeout=20) == "hi"
            assert ws.remote_address is None


def test_address_in_use() -> None:
    with landline.serve(echo) as server:
        with pytest.raises(landline.ConnectError) as caught:
            landline.serve(echo, port=server.port)
        assert isinstance(caught.value, OSError) and caught.value.errno
