"""accept() in one step, detach(), try_send(), connections as keys, and how TCP sockets are set up."""

import os
import signal
import socket
import threading
from typing import Any, Callable, List, Optional, Tuple

import pytest
from conftest import running, url_of

import landline

ALL = landline.TcpOptions(
    nodelay=False,
    keepalive_time=59.001,
    keepalive_interval=7,
    keepalive_retries=4,
    user_timeout=8,
    recv_buffer_size=20000,
    send_buffer_size=30000,
)


def both_ends(accept: Callable[..., landline.ServerConnection], **options: Any) -> Tuple[Any, Any]:
    """A client and a server over a pair of sockets."""
    near, far = socket.socketpair()
    clients: List[landline.ClientConnection] = []
    connecting = threading.Thread(
        target=lambda: clients.append(landline.connect("ws://localhost/", sock=near, **options))
    )
    connecting.start()
    server = accept(far, **options)
    connecting.join()
    return clients[0], server


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_socket_that_is_not_connected_is_a_mistake(family: int) -> None:
    with pytest.raises(landline.UsageError, match="not connected: connect it first"):
        landline.connect("ws://localhost/", sock=socket.socket(family, socket.SOCK_STREAM))
    with pytest.raises(landline.UsageError, match="not connected: connect it first"):
        landline.accept(socket.socket(family, socket.SOCK_STREAM))


def fill(ws: landline.Connection) -> int:
    """Sends until a message would block; returns how many were accepted."""
    count = 0
    while True:
        try:
            ws.try_send(count.to_bytes(4, "big") + bytes(10_000))
        except landline.WouldBlock:
            return count
        count += 1


def test_accept_sends_headers_and_a_refusal_has_the_response() -> None:
    near, far = socket.socketpair()
    near.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n")
    near.shutdown(socket.SHUT_WR)
    with pytest.raises(landline.InvalidHandshake) as caught:
        landline.accept(far)
    near.close()
    assert (caught.value.http_status, caught.value.body) == (405, b"the method has to be GET\n")
    assert caught.value.headers.raw_items() == [("Allow", "GET")]

    client, server = both_ends(landline.accept, headers={"X-Both": "1"})
    with client, server:
        assert client.response_headers["X-Both"] == server.request_headers["X-Both"] == "1"


def test_accept_opens_a_connection_in_one_step() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        received: List[Any] = []

        def talk() -> None:
            url = f"ws://127.0.0.1:{listening.getsockname()[1]}/path"
            with landline.connect(url, subprotocols=["chat"]) as client:
                received.append(client.recv())

        client = threading.Thread(target=talk)
        client.start()
        with landline.accept(listening.accept()[0], subprotocols=["chat"], tcp=ALL) as ws:
            assert (ws.path, ws.subprotocol) == ("/path", "chat")
            must_be_set_up(ws)
            ws.send("welcome")
            client.join()
    assert received == ["welcome"]


def test_accept_refuses_requests_that_are_not_websocket() -> None:
    near, far = socket.socketpair()
    near.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    near.shutdown(socket.SHUT_WR)
    with pytest.raises(landline.InvalidHandshake) as refused:
        landline.accept(far)
    assert refused.value.http_status == 426
    assert near.recv(100).startswith(b"HTTP/1.1 426 ")
    near.close()
    near, far = socket.socketpair()
    near.close()
    with pytest.raises(landline.ConnectError):
        landline.accept(far)


def test_a_signal_ends_accept() -> None:
    class Alarm(Exception):
        pass

    def ring(*_: object) -> None:
        raise Alarm

    near, far = socket.socketpair()
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Alarm):
            landline.accept(far, open_timeout=None)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert near.recv(100) == b"", "the client has been dropped"
    near.close()


def test_what_try_send_sends_is_compressed_as_asked() -> None:
    client, server = both_ends(landline.accept, compression=landline.Compression(threshold=100_000))
    with client, server:
        for compress, is_small in ((None, False), (True, True), (False, False)):
            before = client.stats.wire_sent
            client.try_send("a" * 5000, compress=compress)
            assert (client.stats.wire_sent - before < 500) == is_small


def test_accepted_messages_arrive_and_those_that_would_block_do_not() -> None:
    client, server = both_ends(landline.accept)
    accepted = fill(server)
    assert accepted > 6
    for message in ("x", b"x", memoryview(b"x")):
        with pytest.raises(landline.WouldBlock) as blocked:
            server.try_send(message)
        assert isinstance(blocked.value, BlockingIOError)
        assert blocked.value.status == "LANDLINE_ERR_WOULD_BLOCK"
    received: List[Optional[object]] = []

    def receive() -> None:
        received.extend(server)

    receiving = threading.Thread(target=receive)
    receiving.start()
    for expected in range(accepted):
        message = client.recv(timeout=20)
        assert isinstance(message, bytes) and message[:4] == expected.to_bytes(4, "big")
    server.send("next", timeout=20)
    server.try_send("room", compress=False)
    assert [client.recv(timeout=20), client.recv(timeout=20)] == ["next", "room"]
    client.close()
    with pytest.raises(landline.ConnectionClosed):
        server.try_send("x")
    receiving.join()
    assert received == []
    with pytest.raises(TypeError):
        server.try_send(["parts", "are", "sent", "with", "send()"])


def test_ids_are_unique_and_remain_after_close() -> None:
    ends = [end for _ in range(3) for end in both_ends(landline.accept)]
    ids = [end.id for end in ends]
    assert len(set(ids)) == len(ids) == 6
    for end in ends:
        end.abort()
        end.close()
    assert [end.id for end in ends] == ids


def must_be_set_up(ws: landline.Connection) -> None:
    with socket.socket(fileno=os.dup(ws.fileno())) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 7
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 4
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 8000
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 40000
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 60000


def test_tcp_options_reach_the_sockets_of_both_ends() -> None:
    done = threading.Event()

    def handler(ws: landline.ServerConnection) -> None:
        must_be_set_up(ws)
        done.set()

    with running(handler, tcp=ALL) as server:
        with landline.connect(url_of(server), tcp=ALL) as ws:
            must_be_set_up(ws)
            assert done.wait(20)


@pytest.mark.parametrize(
    "options",
    [
        landline.TcpOptions(keepalive_time=0),
        landline.TcpOptions(keepalive_interval=-1),
        landline.TcpOptions(keepalive_retries=0),
        landline.TcpOptions(user_timeout=0),
        landline.TcpOptions(recv_buffer_size=0),
        landline.TcpOptions(send_buffer_size=-1),
    ],
)
def test_tcp_options_that_cannot_work_are_refused(options: landline.TcpOptions) -> None:
    with pytest.raises(landline.UsageError):
        landline.serve(lambda _: None, tcp=options)


def test_a_socket_that_is_taken_out_works_without_the_connection() -> None:
    client, server = both_ends(landline.accept)
    server.feed("one")
    server.send("two")
    assert client.recv() == "one"
    client.feed("gathered")
    taken, received = client.detach()
    with taken:
        assert taken.gettimeout() is None
        while len(received) < 5:
            received += taken.recv(5 - len(received))
        assert received == b"\x81\x03two"
        with pytest.raises(landline.ConnectionClosed) as closed:
            client.send("x")
        assert closed.value.status == "LANDLINE_ERR_DETACHED"
        client.abort()
        client.close()
        taken.sendall(b"\x81\x80\0\0\0\0")
        assert [server.recv(), server.recv()] == ["gathered", ""]
    with pytest.raises(landline.ConnectionClosed):
        client.detach()


def test_a_connection_that_cannot_be_detached_yet_keeps_its_socket() -> None:
    client, server = both_ends(landline.accept)
    fill(server)
    with pytest.raises(landline.Timeout):
        server.detach(timeout=0.05)
    with pytest.raises(landline.UsageError):
        server.detach(timeout=-1)
    assert client.recv() is not None
