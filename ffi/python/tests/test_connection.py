"""Time limits, threads, interruption, use after close: both ends are this package."""

import base64
import gc
import hashlib
import os
import queue
import socket
import threading
import time
import weakref
from typing import Any, Callable, Iterator, List, Tuple

import pytest
from conftest import echo, running, url_of

import landline


@pytest.fixture(params=["main thread", "another thread"])
def call(request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], Any]:
    """Runs a function in the main thread or in another one, because they wait in different ways."""

    def run(function: Callable[[], Any]) -> Any:
        if request.param == "main thread":
            return function()
        results: "queue.Queue[Tuple[bool, Any]]" = queue.Queue()

        def target() -> None:
            try:
                results.put((True, function()))
            except BaseException as error:
                results.put((False, error))

        threading.Thread(target=target, daemon=True).start()
        good, value = results.get(timeout=50)
        if not good:
            raise value
        return value

    return run


@pytest.fixture
def pair() -> Iterator[Tuple[landline.ClientConnection, landline.ServerConnection]]:
    """A client and the server's end, both controlled by the test."""
    servers: "queue.Queue[landline.ServerConnection]" = queue.Queue()
    done = threading.Event()

    def handler(ws: landline.ServerConnection) -> None:
        servers.put(ws)
        done.wait(50)

    with running(handler) as server:
        client = landline.connect(url_of(server), send_timeout=5)
        yield client, servers.get(timeout=20)
        client.abort()
        done.set()


Pair = Tuple[landline.ClientConnection, landline.ServerConnection]
Call = Callable[[Callable[[], Any]], Any]


def test_timeout_of_recv_loses_nothing(pair: Pair, call: Call) -> None:
    client, server = pair
    for limit in (0, 0.25):
        begin = time.monotonic()
        with pytest.raises(landline.Timeout) as caught:
            call(lambda: client.recv(timeout=limit))
        assert limit <= time.monotonic() - begin + 0.01 < limit + 5
        assert isinstance(caught.value, TimeoutError) and not caught.value.pending
    server.send("later")
    assert call(lambda: client.recv(timeout=20)) == "later"


def test_timeout_in_the_middle_of_a_message(pair: Pair, call: Call) -> None:
    client, server = pair
    rest = threading.Event()

    def parts() -> Iterator[bytes]:
        yield b"a" * 100_000
        rest.wait(50)
        yield b"b" * 100_000

    sender = threading.Thread(target=lambda: server.send(parts()))
    sender.start()
    with pytest.raises(landline.Timeout):
        call(lambda: client.recv(timeout=0.3))
    with pytest.raises(landline.UsageError):
        client.recv_stream(timeout=0)
    rest.set()
    assert call(lambda: client.recv(timeout=20)) == b"a" * 100_000 + b"b" * 100_000
    sender.join(20)


def test_timeout_of_a_stream_loses_nothing(pair: Pair, call: Call) -> None:
    client, server = pair
    rest = threading.Event()

    def parts() -> Iterator[bytes]:
        yield b"a" * 20_000
        rest.wait(50)
        yield b"b" * 20_000

    sender = threading.Thread(target=lambda: server.send(parts()))
    sender.start()
    stream = client.recv_stream(timeout=0.3)
    received = []
    with pytest.raises(landline.Timeout):
        while True:
            received.append(call(lambda: next(stream)))
    rest.set()
    while len(b"".join(received)) < 40_000:
        received.append(call(lambda: next(stream)))
    assert b"".join(received) == b"a" * 20_000 + b"b" * 20_000
    sender.join(20)


def test_timeout_of_send(pair: Pair, call: Call) -> None:
    client, server = pair
    big = os.urandom(2**20) * 15
    with pytest.raises(landline.Timeout) as caught:
        call(lambda: client.send(big, timeout=0.3))
    assert caught.value.pending, "a part of it is in the kernel"
    with pytest.raises(landline.Timeout) as refused:
        call(lambda: client.send("second", timeout=0.3))
    assert not refused.value.pending
    received: List[Any] = []
    receiver = threading.Thread(target=lambda: received.append(server.recv(timeout=40)))
    receiver.start()
    call(lambda: client.flush(timeout=40))
    receiver.join(40)
    assert received == [big]
    client.send("third")
    assert server.recv(timeout=20) == "third"


def test_big_message_to_a_slow_peer(pair: Pair, call: Call) -> None:
    """Longer than one slice of the main thread's waiting, without a time limit."""
    client, server = pair
    big = b"x" * (12 * 2**20)
    received: List[Any] = []

    def receive() -> None:
        with pytest.raises(landline.Timeout):
            # Something to wait for: nothing is read for half a second.
            pause.recv(timeout=0.5)
        received.append(server.recv(timeout=40))

    with running(echo) as other, landline.connect(url_of(other)) as pause:
        receiver = threading.Thread(target=receive)
        receiver.start()
        call(lambda: client.send(big))
        receiver.join(40)
    assert received == [big]


def test_send_timeout_without_progress(call: Call) -> None:
    def swallow_nothing(ws: landline.ServerConnection) -> None:
        done.wait(50)

    done = threading.Event()
    with running(swallow_nothing) as server:
        ws = landline.connect(url_of(server), send_timeout=0.4)
        with pytest.raises(landline.Timeout):
            call(lambda: ws.send(b"x" * (30 * 2**20)))
        ws.abort()
        done.set()


def test_connect_has_a_time_limit(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(landline.Timeout):
            call(lambda: landline.connect(f"ws://127.0.0.1:{silent.getsockname()[1]}/", open_timeout=0.3))


def test_interrupt_of_recv(pair: Pair, call: Call) -> None:
    client, server = pair
    timer = threading.Timer(0.2, client.interrupt)
    timer.start()
    with pytest.raises(landline.Interrupted):
        call(lambda: client.recv(timeout=20))
    server.send("after")
    assert call(lambda: client.recv(timeout=20)) == "after"


def test_interrupt_of_send(pair: Pair, call: Call) -> None:
    client, _ = pair
    timer = threading.Timer(0.3, client.interrupt)
    timer.start()
    with pytest.raises(landline.Interrupted) as caught:
        call(lambda: client.send(b"x" * (30 * 2**20)))
    assert caught.value.pending


def test_abort_from_another_thread(pair: Pair, call: Call) -> None:
    client, server = pair
    threading.Timer(0.2, client.abort).start()
    with pytest.raises(landline.ConnectionClosedError) as caught:
        call(lambda: client.recv(timeout=20))
    assert caught.value.code == 1006
    with pytest.raises(landline.ConnectionClosedError):
        server.recv(timeout=20)


def test_close_while_another_thread_receives(pair: Pair, call: Call) -> None:
    client, server = pair
    answering = threading.Thread(target=lambda: list(server))
    answering.start()
    outcome: "queue.Queue[Any]" = queue.Queue()

    def receive() -> None:
        try:
            outcome.put(client.recv(timeout=20))
        except landline.Error as error:
            outcome.put(error)

    receiver = threading.Thread(target=receive)
    receiver.start()
    call(lambda: client.close(1000, "enough"))
    error = outcome.get(timeout=20)
    assert isinstance(error, landline.ConnectionClosedOK) and error.code == 1000
    assert server.close_reason == "enough"
    answering.join(20)


def test_second_receiver_is_refused(pair: Pair) -> None:
    client, server = pair
    received: List[Any] = []
    receiver = threading.Thread(target=lambda: received.append(client.recv(timeout=20)))
    receiver.start()
    refused = False
    end = time.monotonic() + 20
    while not refused and time.monotonic() < end:
        try:
            client.recv(timeout=0)
        except landline.ConcurrencyError:
            refused = True
        except landline.Timeout:
            pass
    assert refused
    server.send("for the first")
    receiver.join(20)
    assert received == ["for the first"]


def test_one_receives_while_three_send() -> None:
    count = 2000
    with running(echo) as server, landline.connect(url_of(server)) as ws:

        def send(number: int) -> None:
            for i in range(count):
                ws.send(f"{number} {i}" if i % 2 else b"%d %d" % (number, i))

        senders = [threading.Thread(target=send, args=(number,)) for number in range(3)]
        for sender in senders:
            sender.start()
        seen: List[List[int]] = [[], [], []]
        for _ in range(3 * count):
            message = ws.recv(timeout=30)
            number, i = (int(word) for word in message.split())
            assert isinstance(message, str) == bool(i % 2)
            seen[number].append(i)
        for sender in senders:
            sender.join(20)
    assert seen == [list(range(count))] * 3


def test_other_threads_run_while_recv_blocks(pair: Pair, call: Call) -> None:
    client, server = pair
    counted: List[int] = []

    def count() -> None:
        total = 0
        for i in range(3_000_000):
            total += i
        counted.append(total)
        server.send("counted")

    threading.Thread(target=count).start()
    # If recv() held the GIL, this could not be sent.
    assert call(lambda: client.recv(timeout=30)) == "counted"
    assert counted


def test_use_after_close() -> None:
    with running(echo) as server:
        ws = landline.connect(url_of(server))
        ws.send("x")
        assert ws.recv(timeout=20) == "x"
        ws.close()
    uses: List[Callable[[], Any]] = [
        lambda: ws.recv(),
        lambda: ws.recv(timeout=0),
        lambda: ws.recv_into(bytearray(10)),
        lambda: ws.recv_stream(),
        lambda: ws.send("x"),
        lambda: ws.send(b"x" * 100_000),
        lambda: ws.send(["a", "b"]),
        lambda: ws.feed("x"),
        lambda: ws.flush(),
        lambda: ws.ping(),
        lambda: ws.ping_wait(1),
    ]
    for use in uses:
        with pytest.raises(landline.ConnectionClosedOK) as caught:
            use()
        assert caught.value.code == 1000
    ws.close()
    ws.abort()
    ws.interrupt()
    assert list(ws) == []
    assert ws.fileno() == -1 and ws.poll_events() == 0 and not ws.has_buffered()
    assert ws.stats.messages_received == 1 and ws.close_code == 1000 and "closed" in repr(ws)


def test_failing_iterable_closes_with_1011(pair: Pair) -> None:
    client, server = pair

    def parts() -> Iterator[str]:
        yield "a"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as error:
        client.send(parts())
    assert error.traceback, "what was raised is kept, and its frames with it"
    with pytest.raises(landline.ConnectionClosedError) as caught:
        server.recv(timeout=20)
    assert caught.value.code == 1011


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_no_descriptors_are_left() -> None:
    with running(echo) as server:
        landline.connect(url_of(server)).close()
        before = descriptors()
        kept = []
        for _ in range(200):
            with landline.connect(url_of(server)) as ws:
                ws.send("x")
                assert ws.recv(timeout=20) == "x"
            kept.append(ws)
        # The server's thread closes the server's end of the last one.
        for thread in threading.enumerate():
            if thread.name == "landline connection":
                thread.join(20)
        assert server.connections == 0
        assert descriptors() <= before


def test_garbage_closes_the_socket(pair: Pair) -> None:
    client, server = pair
    with running(echo) as other:
        ws = landline.connect(url_of(other))
        ws.send("x")
        fd, ref = ws.fileno(), weakref.ref(ws)
        os.fstat(fd)
        del ws
        gc.collect()
        assert ref() is None
        with pytest.raises(OSError):
            os.fstat(fd)


def test_exceptions_do_not_keep_the_connection() -> None:
    failures: List[Callable[[landline.Connection], Any]] = [
        lambda ws: ws.recv(timeout=0.01),
        lambda ws: ws.close(999),
        lambda ws: ws.send(b"x" * 2**25, timeout=0.01),
        lambda ws: ws.ping(b"x" * 126),
        lambda ws: ws.ping_wait(timeout=0),
        lambda ws: ws.pong_wait(ws.ping_start(), timeout=0),
        lambda ws: ws.send(["a", b"b"]),
        lambda ws: ws.close_start(999),
    ]

    def wait(ws: landline.Connection) -> None:
        done.wait(50)

    done = threading.Event()
    with running(wait) as server:
        gc.disable()
        try:
            for failure in failures:
                ws = landline.connect(url_of(server))
                ref = weakref.ref(ws)
                try:
                    failure(ws)
                except (landline.Error, TypeError):
                    failed = True
                assert failed
                del ws, failed
                assert ref() is None
        finally:
            gc.enable()
            done.set()


def test_errors_of_arguments() -> None:
    for url in ("http://127.0.0.1/", "ws://", "nonsense", "ws://127.0.0.1:99999/"):
        with pytest.raises(landline.InvalidURL) as caught:
            landline.connect(url)
        assert isinstance(caught.value, ValueError)
    with pytest.raises(landline.UsageError):
        landline.connect("ws://127.0.0.1/\0")
    with pytest.raises(landline.UsageError):
        landline.connect("ws://127.0.0.1/", headers={"a b": "c"})
    with pytest.raises(landline.UsageError):
        landline.connect("ws://127.0.0.1/", compression=landline.Compression(level=11))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(landline.ConnectError) as refused:
        landline.connect(f"ws://127.0.0.1:{port}/")
    assert isinstance(refused.value, OSError)


@pytest.mark.parametrize(
    ("compression", "smallest"),
    [
        (landline.Compression(), 0),
        (landline.Compression(threshold=128), 128),
        (landline.Compression(client_no_context_takeover=True), 128),
        (landline.Compression(client_no_context_takeover=True, threshold=1), 1),
    ],
)
def test_which_messages_are_compressed(compression: landline.Compression, smallest: int) -> None:
    with running(echo, compression=True) as server:
        with landline.connect(url_of(server), compression=compression) as ws:
            for size in (0, 1, 127, 128, 1000):
                before = ws.stats.wire_sent
                ws.send(b"x" * size)
                assert ws.recv(timeout=20) == b"x" * size
                wire = ws.stats.wire_sent - before
                plain = 6 + size + 2 * (size > 125)
                if size < smallest:
                    assert wire == plain
                elif size < 2:
                    assert wire > plain
                else:
                    assert wire < 30


def test_header_lines_in_both_directions() -> None:
    """Names are sent as written, the target is percent-encoded; a folded header of the response is one header."""
    seen: "queue.Queue[bytes]" = queue.Queue()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            client, _ = listener.accept()
            with client:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += client.recv(4096)
                seen.put(head)
                key = head.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
                proof = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
                client.sendall(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: " + proof + b"\r\nX-Policy: a;\r\n b\r\n"
                    b"Sec-WebSocket-Protocol:\r\nSec-WebSocket-Extensions: \r\n\r\n"
                )
                client.recv(1)

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/caf\u00e9"
        ws = landline.connect(url, headers={"appKey": "6f2a"}, subprotocols=["a"], compression=True, open_timeout=20)
        assert ws.response_headers["X-Policy"] == "a; b"
        assert ws.subprotocol is None
        ws.abort()
        thread.join(20)
    head = seen.get(timeout=20)
    assert head.startswith(b"GET /caf%C3%A9 HTTP/1.1\r\n")
    assert b"\r\nappKey: 6f2a\r\n" in head
