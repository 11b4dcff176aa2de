"""What a forked child can do with what it inherits, and that its parent is not affected; event loops; Ctrl-C."""

import multiprocessing
import os
import selectors
import socket
import sys
import threading
import time
from typing import Callable, Iterator

import pytest
from conftest import echo, running, url_of

import landline


def in_child(body: Callable[[], None]) -> None:
    """Runs this in a forked child, which leaves nothing of the tests behind."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            code = 0
        finally:
            os._exit(code)
    end = time.monotonic() + 20
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        assert time.monotonic() < end, "the child hangs"
        time.sleep(0.005)
    assert os.waitstatus_to_exitcode(status) == 0


def check_goes_on(ws: landline.Connection) -> None:
    ws.send("still here")
    assert ws.recv(timeout=10) == "still here"


def test_a_child_that_leaves_a_with_block_does_not_affect_the_connection() -> None:
    with running(echo) as server, landline.connect(url_of(server)) as ws:

        def leave() -> None:
            try:
                with ws:
                    sys.exit(0)
            except SystemExit:
                pass
            with server:
                pass

        in_child(leave)
        check_goes_on(ws)


def test_calls_of_a_child_raise_and_the_parent_notices_nothing() -> None:
    with running(echo) as server, landline.connect(url_of(server)) as ws:

        def use() -> None:
            calls: "list[Callable[[], object]]" = [
                ws.recv,
                lambda: ws.recv(timeout=0),
                lambda: ws.recv_into(bytearray(8)),
                lambda: ws.send("x"),
                lambda: ws.send(["x"]),
                lambda: ws.feed("x"),
                ws.flush,
                ws.ping,
                lambda: ws.ping_wait(timeout=1),
                ws.close,
                ws.close_start,
                ws.fileno,
                ws.has_buffered,
                ws.next_deadline,
                ws.interrupt,
                ws.abort,
                lambda: server.connections,
                server.shutdown,
                server.serve_forever,
            ]
            for call in calls:
                with pytest.raises(landline.UsageError) as raised:
                    call()
                assert raised.value.status == "LANDLINE_ERR_FORKED", call
            assert "parent" in repr(ws)

        in_child(use)
        check_goes_on(ws)


def test_calls_of_a_child_raise_the_same_whatever_the_parent_was_doing() -> None:
    """A fork copies the records of which threads receive or send a message in parts."""

    def check(*calls: Callable[[], object]) -> None:
        for call in calls:
            with pytest.raises(landline.UsageError) as raised:
                call()
            assert raised.value.status == "LANDLINE_ERR_FORKED", call

    with running(echo) as server, landline.connect(url_of(server)) as ws:
        receiving = threading.Thread(target=ws.recv)
        receiving.start()
        end = time.monotonic() + 20
        while not ws._receivers:
            assert time.monotonic() < end
            time.sleep(0.001)
        buffer = bytearray(8)
        in_child(
            lambda: check(
                lambda: ws.recv(timeout=0),
                lambda: ws.recv_into(buffer, timeout=0),
                lambda: ws.recv_stream(timeout=0),
                lambda: next(iter(ws)),
                ws.has_buffered,
            )
        )

        def parts() -> "Iterator[str]":
            yield "a"
            in_child(
                lambda: check(
                    lambda: ws.send("x"),
                    lambda: ws.send(["x"]),
                    lambda: ws.feed("x" * 5000),
                    lambda: ws.send(bytearray(5)),
                )
            )

        ws.send(parts())
        receiving.join(20)
        assert not receiving.is_alive()
        ws.send(["b", "c"])
        stream = ws.recv_stream(timeout=20)
        in_child(lambda: check(lambda: next(stream)))
        assert "".join(map(str, stream)) == "bc"
        check_goes_on(ws)


def test_a_childs_interrupt_does_not_affect_the_parent() -> None:
    with running(echo) as server, landline.connect(url_of(server)) as ws:
        def interrupt() -> None:
            with pytest.raises(landline.UsageError):
                ws.interrupt()

        in_child(interrupt)
        began = time.process_time()
        with pytest.raises(landline.Timeout):
            ws.recv(timeout=0.5)
        assert time.process_time() - began < 0.25
        check_goes_on(ws)


def test_processes_of_multiprocessing_do_not_affect_the_connection() -> None:
    with running(echo) as server, landline.connect(url_of(server)) as ws:
        process = multiprocessing.get_context("fork").Process(target=len, args=("x",))
        process.start()
        process.join(20)
        assert process.exitcode == 0
        check_goes_on(ws)


def test_a_dropped_connection_and_a_stopped_server_are_gone_although_a_child_has_them() -> None:
    gone = threading.Event()

    def handler(ws: landline.ServerConnection) -> None:
        try:
            ws.recv(timeout=10)
        except landline.ConnectionClosed:
            gone.set()

    with running(handler) as server:
        ws = landline.connect(url_of(server))
        pid = os.fork()
        if pid == 0:
            try:
                time.sleep(30)
            finally:
                os._exit(0)
        try:
            del ws
            assert gone.wait(5)
            server.shutdown(1)
            landline.serve(echo, port=server.port).shutdown()
        finally:
            os.kill(pid, 9)
            os.waitpid(pid, 0)


def test_processes_serve_on_a_socket_that_they_share() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        url = f"ws://127.0.0.1:{sock.getsockname()[1]}/"
        pid = os.fork()
        if pid == 0:
            try:
                with landline.serve(echo, sock=sock) as server:
                    threading.Timer(20, lambda: os._exit(1)).start()
                    server.serve_forever()
            finally:
                os._exit(1)
        try:
            with landline.connect(url) as ws:
                check_goes_on(ws)
        finally:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        with landline.serve(echo, sock=sock) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            with landline.connect(url) as ws:
                check_goes_on(ws)
        thread.join(10)


def test_a_loop_with_selectors_detects_that_its_peer_is_dead() -> None:
    release = threading.Event()
    with running(lambda ws: release.wait(20)) as server:
        ws = landline.connect(url_of(server), ping_interval=0.1, ping_timeout=0.2)
        began, rounds = time.monotonic(), 0
        with selectors.DefaultSelector() as selector:
            selector.register(ws.fileno(), selectors.EVENT_READ)
            try:
                while time.monotonic() - began < 10:
                    rounds += 1
                    try:
                        ws.recv(timeout=0)
                    except landline.Timeout:
                        pass
                    selector.select(ws.next_deadline())
                raise AssertionError("the peer is not given up")
            except landline.ConnectionClosedError as error:
                assert error.status == "LANDLINE_ERR_SILENT"
        assert 0.25 < time.monotonic() - began < 5
        assert rounds < 20
        release.set()


def test_an_exception_in_one_threads_ping_wait_does_not_affect_anothers_recv() -> None:
    """Like Ctrl-C: an exception in the middle of ping_wait()."""
    import signal

    release = threading.Event()
    received: "list[object]" = []

    def handler(ws: landline.ServerConnection) -> None:
        release.wait(20)
        ws.send("at last")
        ws.recv(timeout=10)

    with running(handler) as server:
        ws = landline.connect(url_of(server))

        def receive() -> None:
            try:
                received.append(ws.recv(timeout=15))
            except landline.Error as error:
                received.append(error)

        thread = threading.Thread(target=receive)
        thread.start()
        main = threading.main_thread().ident
        assert main is not None
        threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            ws.ping_wait(timeout=10)
        release.set()
        thread.join(15)
        assert received == ["at last"]
        ws.close()
