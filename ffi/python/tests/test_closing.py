"""The end of a connection: nothing that was sent is lost, and the first error is kept."""

import threading
from typing import Callable, List

import pytest
from conftest import running, url_of

import landline


def test_a_message_sent_before_close_arrives_while_the_server_is_sending_too() -> None:
    got: List[int] = []
    done = threading.Event()

    def echo(ws: landline.ServerConnection) -> None:
        for message in ws:
            got.append(len(message))
            ws.send(message)
        done.set()

    with running(echo) as server:
        with landline.connect(url_of(server)) as ws:
            for _ in range(200):
                ws.send(b"x" * 10_000)
        assert done.wait(20)
        assert got == [10_000] * 200
        assert ws.close_code == 1000


def test_messages_of_a_handler_that_returned_arrive_although_the_client_keeps_sending() -> None:
    full, returned = threading.Event(), threading.Event()

    def reply(ws: landline.ServerConnection) -> None:
        # Nothing that the client sends is read until it cannot send any more.
        assert full.wait(20)
        for _ in range(100):
            ws.send(b"r" * 20_000)
        returned.set()

    with running(reply) as server:
        ws = landline.connect(url_of(server))

        def up() -> None:
            for _ in range(1_500):
                try:
                    ws.send(b"u" * 10_000, timeout=0.2)
                except landline.Timeout:
                    full.set()
                except landline.ConnectionClosed:
                    return
            full.set()

        sending = threading.Thread(target=up)
        sending.start()
        assert returned.wait(20)
        got = 0
        with pytest.raises(landline.ConnectionClosedOK):
            while True:
                assert len(ws.recv(timeout=20)) == 20_000
                got += 1
        assert got == 100
        sending.join(20)
        ws.close()


def test_after_a_failed_send_what_has_arrived_is_received_first_and_then_that_error() -> None:
    results: List[object] = []
    gone, done = threading.Event(), threading.Event()

    def handler(ws: landline.ServerConnection) -> None:
        assert gone.wait(20)
        try:
            with pytest.raises(landline.ConnectionClosed) as first:
                while True:
                    ws.send("nobody hears this")
            results.append(repr(ws).endswith(" closed>"))
            results.append([ws.recv(timeout=20), ws.recv(timeout=20)])
            calls: List[Callable[[], object]] = [
                lambda: ws.recv(timeout=20),
                lambda: ws.send("x"),
                lambda: ws.recv(timeout=0),
            ]
            for call in calls:
                with pytest.raises(landline.ConnectionClosed) as later:
                    call()
                results.append(later.value.status == first.value.status)
        finally:
            done.set()

    with running(handler) as server:
        ws = landline.connect(url_of(server))
        ws.send("one")
        ws.send("two")
        ws.abort()
        del ws
        gone.set()
        assert done.wait(20)
    assert results == [True, ["one", "two"], True, True, True]


def test_an_interrupt_is_reported_after_a_message_that_has_already_arrived() -> None:
    sent = threading.Event()

    def handler(ws: landline.ServerConnection) -> None:
        for message in ws:
            ws.send("there")
            sent.set()

    with running(handler) as server, landline.connect(url_of(server)) as ws:
        ways: List[Callable[[], object]] = [
            lambda: ws.recv(timeout=20),
            lambda: "".join(str(part) for part in ws.recv_stream()),
        ]
        for receive in ways:
            sent.clear()
            ws.send("go")
            assert sent.wait(20)
            ws.interrupt()
            assert receive() == "there"
            with pytest.raises(landline.Interrupted):
                ws.recv(timeout=20)


def test_calling_close_start_again_does_nothing() -> None:
    def handler(ws: landline.ServerConnection) -> None:
        for _ in ws:
            pass

    with running(handler) as server:
        ws = landline.connect(url_of(server))
        ws.close()
        ws.close_start()
        ws.close()
        assert ws.close_code == 1000
