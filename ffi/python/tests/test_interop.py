"""Conversations with the Python library websockets, in both roles."""

import http
import ssl
from typing import Any, List

import pytest
import websockets
import websockets.sync.client
import websockets.sync.server
from conftest import Tls, echo, foreign, running, url_of

import landline

MESSAGES: List[Any] = [
    "hello, wörld",
    b"\x00\x01\xfe\xff",
    "",
    b"",
    "a\0b",
    b"z" * 125,
    b"z" * 126,
    b"z" * 65535,
    b"z" * 65536,
    bytes(range(250)) * 20_000,
    "é€😀x" * 500_000,
]


def foreign_echo(ws: websockets.sync.server.ServerConnection) -> None:
    for message in ws:
        ws.send(message)


@pytest.mark.parametrize("compression", [False, True])
def test_client_against_websockets(compression: bool) -> None:
    with foreign(foreign_echo, compression="deflate" if compression else None, max_size=None) as url:
        with landline.connect(url, compression=compression) as ws:
            assert ("permessage-deflate" in ws.extensions) == compression
            for message in MESSAGES:
                ws.send(message)
                answer = ws.recv(timeout=20)
                assert type(answer) is type(message) and answer == message
            if compression:
                assert ws.stats.wire_received < ws.stats.payload_received / 10
        assert ws.close_code == 1000


@pytest.mark.parametrize("compression", [False, True])
def test_server_against_websockets(compression: bool) -> None:
    with running(echo, compression=compression) as server:
        deflate = "deflate" if compression else None
        with websockets.sync.client.connect(url_of(server), compression=deflate, proxy=None, max_size=None) as ws:
            assert bool(ws.protocol.extensions) == compression
            for message in MESSAGES:
                ws.send(message)
                answer = ws.recv(timeout=20)
                assert type(answer) is type(message) and answer == message
        assert ws.close_code == 1000


def test_all_ways_to_send() -> None:
    with foreign(foreign_echo, max_size=None) as url, landline.connect(url) as ws:

        def answer_to(message: Any) -> landline.Data:
            ws.send(message)
            return ws.recv(timeout=20)

        assert answer_to(bytearray(b"abc")) == b"abc"
        assert answer_to(memoryview(b"abcdef")[2:4]) == b"cd"
        assert answer_to(memoryview(bytearray(100_000))) == bytes(100_000)
        assert answer_to(bytearray()) == b""
        assert answer_to(["one ", "zwölf ", "", "三"]) == "one zwölf 三"
        assert answer_to(b"%d " % i for i in range(1000)) == b"".join(b"%d " % i for i in range(1000))
        assert answer_to([bytearray(b"a"), memoryview(b"b" * 100_000)]) == b"a" + b"b" * 100_000
        for i in range(100):
            ws.feed(f"fed {i}")
            ws.feed(b"fed %d" % i)
        for i in range(100):
            assert ws.recv(timeout=20) == f"fed {i}"
            assert ws.recv(timeout=20) == b"fed %d" % i
        ws.send("text")
        assert ws.recv(timeout=20, decode=False) == b"text"
        ws.send(b"bytes")
        assert ws.recv(timeout=20, decode=True) == "bytes"
        with pytest.raises(landline.UsageError):
            ws.send("\ud800")
        assert answer_to("still open") == "still open"


def test_all_ways_to_receive() -> None:
    text, data = "é€😀x" * 50_000, bytes(range(256)) * 1000

    def talk(ws: websockets.sync.server.ServerConnection) -> None:
        for _ in range(2):
            ws.send(text)
            ws.send(data)
        ws.send([b"one", b"two", b"three"])
        ws.send(b"last")

    with foreign(talk) as url, landline.connect(url) as ws:
        stream = ws.recv_stream(timeout=20)
        assert stream.is_text
        parts = list(stream)
        assert len(parts) > 1 and "".join(map(str, parts)) == text
        stream = ws.recv_stream(timeout=20)
        assert not stream.is_text and b"".join(map(bytes, stream)) == data  # type: ignore[arg-type]

        buffer, received = bytearray(1000), b""
        while True:
            part = ws.recv_into(buffer, timeout=20)
            assert part.is_text
            received += buffer[: part.length]
            if part.is_last:
                break
        assert received.decode() == text
        # Left before its end: the rest is skipped.
        abandoned = ws.recv_stream(timeout=20)
        assert len(next(abandoned)) < len(data)
        assert ws.recv(timeout=20) == b"onetwothree"
        with pytest.raises(landline.UsageError):
            while True:
                next(abandoned)
        assert list(ws) == [b"last"]


def test_subprotocols_headers_and_addresses() -> None:
    seen = []

    def handler(ws: websockets.sync.server.ServerConnection) -> None:
        assert ws.request is not None
        seen.append((ws.request.path, ws.request.headers["X-Test"], ws.request.headers["Origin"]))
        ws.send(repr(ws.remote_address))

    with foreign(handler, subprotocols=["two", "three"]) as url:
        ws = landline.connect(
            url + "a?b=c", subprotocols=["one", "two"], headers={"X-Test": "yes"}, origin="https://example.com"
        )
        with ws:
            assert ws.subprotocol == "two"
            assert ws.path == "/a?b=c"
            assert ws.response_headers["UPGRADE"] == "websocket"
            assert ws.local_address is not None and ws.remote_address is not None
            assert ws.recv(timeout=20) == repr(ws.local_address)
            assert url == f"ws://127.0.0.1:{ws.remote_address[1]}/"
        # Also known after it is closed.
        assert ws.subprotocol == "two"
    assert seen == [("/a?b=c", "yes", "https://example.com")]


def test_close_code_and_reason_from_the_peer() -> None:
    with foreign(lambda ws: ws.close(4001, "bye €")) as url, landline.connect(url) as ws:
        with pytest.raises(landline.ConnectionClosedError) as caught:
            ws.recv(timeout=20)
        assert (caught.value.code, caught.value.reason) == (4001, "bye €")
        assert (ws.close_code, ws.close_reason) == (4001, "bye €")
    with foreign(lambda ws: ws.close(1001)) as url, landline.connect(url) as ws:
        with pytest.raises(landline.ConnectionClosedOK):
            ws.recv(timeout=20)
        with pytest.raises(landline.ConnectionClosedOK):
            ws.send("too late")


def test_close_code_and_reason_to_the_peer() -> None:
    seen = []

    def handler(ws: websockets.sync.server.ServerConnection) -> None:
        with pytest.raises(websockets.ConnectionClosed):
            ws.recv(timeout=20)
        seen.append((ws.close_code, ws.close_reason))

    with foreign(handler) as url:
        ws = landline.connect(url)
        with pytest.raises(landline.UsageError):
            ws.close(1005)
        with pytest.raises(landline.UsageError):
            ws.close(1000, "x" * 124)
        ws.close(4002, "so long")
        ws.close(4003, "again")
        with pytest.raises(ZeroDivisionError), landline.connect(url):
            1 // 0
    assert seen == [(4002, "so long"), (1011, "")]


def test_ping() -> None:
    with foreign(foreign_echo) as url, landline.connect(url) as ws:
        ws.send("before")
        assert 0 < ws.ping_wait(timeout=20) < 20
        ws.pong_wait(ws.ping_start(), timeout=20)
        ws.ping("text")
        ws.ping(b"x" * 125)
        with pytest.raises(landline.UsageError):
            ws.ping(b"x" * 126)
        assert ws.recv(timeout=20) == "before"


def test_refused_handshake() -> None:
    def refuse(ws: websockets.sync.server.ServerConnection, request: Any) -> Any:
        return ws.respond(http.HTTPStatus.IM_A_TEAPOT, "short and stout\n")

    with foreign(foreign_echo, process_request=refuse) as url:
        with pytest.raises(landline.InvalidHandshake) as caught:
            landline.connect(url)
    assert caught.value.http_status == 418
    assert caught.value.body == b"short and stout\n"
    assert caught.value.headers["content-length"] == "16"
    assert caught.value.status == "LANDLINE_ERR_HANDSHAKE"


def test_too_big_message() -> None:
    codes = []

    def handler(ws: websockets.sync.server.ServerConnection) -> None:
        ws.send(b"x" * 1000)
        ws.send(b"x" * 1001)
        with pytest.raises(websockets.ConnectionClosed):
            ws.recv(timeout=20)
        codes.append(ws.close_code)

    with foreign(handler) as url, landline.connect(url, max_size=1000) as ws:
        assert ws.recv(timeout=20) == b"x" * 1000
        for _ in range(2):
            with pytest.raises(landline.MessageTooBig) as caught:
                ws.recv(timeout=20)
            assert caught.value.code == 1009
    assert codes == [1009]


def test_tls_with_a_private_ca(tls: Tls) -> None:
    with running(echo, cert_file=tls.cert, key_file=tls.key) as server:
        url = f"wss://localhost:{server.port}/"
        for given in ({"ca_file": tls.ca}, {"ca_pem": tls.ca.read_bytes()}, {"danger_accept_invalid_certs": True}):
            with landline.connect(url, **given) as ws:
                ws.send("secret" * 100_000)
                assert ws.recv(timeout=20) == "secret" * 100_000
        with pytest.raises(landline.TLSError):
            landline.connect(url)
        context = ssl.create_default_context(cafile=str(tls.ca))
        with websockets.sync.client.connect(url, ssl=context, proxy=None) as theirs:
            theirs.send("hi")
            assert theirs.recv(timeout=20) == "hi"
    with pytest.raises(landline.TLSError):
        landline.serve(echo, cert_pem="no certificate", key_pem="no key")
