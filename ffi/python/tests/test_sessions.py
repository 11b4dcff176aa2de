"""Sessions: connecting again over servers that break off, refuse, close, restart; messages meanwhile; limits, Ctrl-C, the end."""

import contextlib
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
from conftest import Tls, echo, foreign, running, url_of

import landline

QUICK: Any = {"backoff_first": 0.002, "backoff_max": 0.01}
SLOW: Any = {"backoff_first": 1000, "backoff_max": 1000}


@contextlib.contextmanager
def breaking(last: int, code: int = 1000) -> Iterator[str]:
    """A server that gives back the first message with a number and breaks off; closes with `code` the last time: its URL."""
    count: List[int] = []

    def handle(ws: landline.ServerConnection) -> None:
        try:
            text = ws.recv(timeout=20)
            count.append(1)
            ws.send(f"{text!s} {len(count)}")
            if len(count) < last:
                ws.abort()
            else:
                ws.close(code)
        except landline.Error:
            pass

    with running(handle) as server:
        yield url_of(server)


def nobody() -> str:
    """A URL at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"ws://127.0.0.1:{server.getsockname()[1]}/"


def subscribe(ws: landline.ClientConnection) -> None:
    assert ws.response_headers["upgrade"].lower() == "websocket"
    ws.send("prices")


def received(session: landline.Session) -> List[object]:
    """All until the session has ended cleanly."""
    all: List[object] = []
    with contextlib.suppress(landline.ConnectionClosedOK):
        while True:
            all.append(session.recv(timeout=20))
    return all


def test_receiving_goes_on_over_connections_and_says_so() -> None:
    with breaking(3) as url, landline.reconnect(url, on_connect=subscribe, **QUICK) as session:
        assert (session.stage, session.wait, session.last_failure) == ("waiting", 0, None)
        expected = [item for i in range(3) for item in (landline.Connected(i, i + 1), f"prices {i + 1}")]
        assert received(session) == expected
        assert (session.stage, session.reconnects, session.close_code) == ("ended", 2, 1000)
        assert isinstance(session.last_failure, landline.ConnectionClosedOK)
        with pytest.raises(landline.ConnectionClosedOK):
            session.send("x")


def test_each_turn_of_the_loop_has_a_fresh_connection() -> None:
    texts = []
    with breaking(3) as url:
        for ws in landline.reconnect(url, on_connect=subscribe, **QUICK):
            try:
                for message in ws:
                    texts.append(message)
            except landline.ConnectionClosedError:
                continue
            break
    assert texts == ["prices 1", "prices 2", "prices 3"]
    assert ws.close_code == 1000


def test_an_exception_in_the_loop_leaves_it_and_the_connection_is_closed() -> None:
    codes: List[object] = []
    done = threading.Event()

    def handle(ws: landline.ServerConnection) -> None:
        with contextlib.suppress(landline.ConnectionClosed):
            ws.recv(timeout=20)
        codes.append(ws.close_code)
        done.set()

    with running(handle) as server:
        with pytest.raises(KeyError):
            for ws in landline.reconnect(url_of(server), **QUICK):
                raise KeyError
        assert done.wait(20)
    assert codes == [1000]


def test_the_loop_ends_with_an_exception_that_is_not_worth_another_attempt() -> None:
    def refuse(request: landline.Request) -> landline.Response:
        return landline.Response(403, "no")

    with running(echo, process_request=refuse) as server:
        with pytest.raises(landline.InvalidHandshake) as caught:
            for _ in landline.reconnect(url_of(server), **QUICK):
                pytest.fail("there is no connection")
    assert caught.value.http_status == 403 and not caught.value.is_transient


def test_refusals_that_may_pass_are_tried_again_not_before_the_server_wants() -> None:
    times: List[float] = []

    def refuse_once(request: landline.Request) -> Any:
        times.append(time.monotonic())
        return landline.Response(503, "busy", {"Retry-After": "1"}) if len(times) == 1 else None

    with running(echo, process_request=refuse_once) as server:
        with landline.reconnect(url_of(server), **QUICK) as session:
            assert session.recv(timeout=20) == landline.Connected(0, 2)
            failure = session.last_failure
    assert isinstance(failure, landline.InvalidHandshake)
    assert (failure.http_status, failure.is_transient, failure.retry_after) == (503, True, 1)
    assert times[1] - times[0] >= 0.99


def test_it_gives_up_with_the_last_exception() -> None:
    session = landline.reconnect(nobody(), max_attempts=3, **QUICK)
    for _ in range(2):
        with pytest.raises(landline.ConnectError):
            session.recv(timeout=20)
    assert session.attempts == 3
    session = landline.reconnect(nobody(), give_up_after=0.05, **QUICK)
    with pytest.raises(landline.ConnectError) as caught:
        session.recv(timeout=20)
    assert caught.value.is_transient


def test_giving_up_because_time_ran_out_is_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}/"
        session = landline.reconnect(url, open_timeout=0.05, max_attempts=2, **QUICK)
        for _ in range(2):
            with pytest.raises(landline.ConnectError, match="gave up: timed out") as caught:
                session.recv()
            assert caught.value.phase == "handshake" and not isinstance(caught.value, TimeoutError)
    with running(echo) as server:
        session = landline.reconnect(url_of(server), on_connect=lambda ws: ws.recv(timeout=0.01), max_attempts=2, **QUICK)
        with pytest.raises(landline.ConnectError, match="gave up: timed out"):
            session.recv()
        assert session.attempts == 2 and isinstance(session.last_failure, landline.Timeout)


def test_functions_can_close_the_session_and_not_send_by_it() -> None:
    sessions: List[landline.Session] = []

    def close(_: object) -> bool:
        sessions[0].close()
        return True

    with running(echo) as server:
        for in_thread_too in (False, True):
            for given in ({"on_connect": close}, {"retry_if": close, "on_connect": lambda ws: ws.abort()}):
                options: Any = {**QUICK, **given}
                with landline.reconnect(url_of(server), close_timeout=60, **options) as session:
                    sessions[:] = [session]
                    assert (in_thread(lambda: received(session))() if in_thread_too else received(session)) in (
                        [],
                        [landline.Connected(0, 1)],
                    )
        session = landline.reconnect(url_of(server), on_connect=lambda ws: session.send("prices"), **QUICK)
        with pytest.raises(landline.NotConnected):
            session.recv(timeout=20)
        assert (session.stage, session.attempts) == ("ended", 1)


def test_the_wait_can_be_longer_than_any_number_of_seconds() -> None:
    answer = b"HTTP/1.1 503 Later\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n"

    def refuse(listener: socket.socket) -> None:
        client = listener.accept()[0]
        client.recv(4096)
        client.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        refused = in_thread(lambda: refuse(server))
        session = landline.reconnect(f"ws://127.0.0.1:{server.getsockname()[1]}/", max_retry_after=None, **QUICK)
        with pytest.raises(landline.Timeout):
            session.recv(timeout=1)
        refused()
        assert session.wait > 10**9


def test_the_program_decides_what_is_tried_again() -> None:
    asked: List[object] = []

    def retry_if(error: Exception) -> bool:
        asked.append((type(error), getattr(error, "code", None), getattr(error, "is_transient", None)))
        return len(asked) < 2

    with breaking(1, 4000) as url:
        session = landline.reconnect(url, on_connect=subscribe, retry_if=retry_if, **QUICK)
        assert [session.recv(timeout=20) for _ in range(4)][1::2] == ["prices 1", "prices 2"]
        with pytest.raises(landline.ConnectionClosedError) as caught:
            session.recv(timeout=20)
    assert caught.value.code == 4000
    assert asked == [(landline.ConnectionClosedError, 4000, False)] * 2

    def fails(error: Exception) -> bool:
        raise KeyError("seven")

    with pytest.raises(KeyError, match="seven"):
        landline.reconnect(nobody(), retry_if=fails, **QUICK).recv(timeout=20)


def test_on_connect_that_fails_is_a_failed_attempt_or_ends_the_session() -> None:
    raised: List[Exception] = [OSError("first"), TimeoutError("second")]

    def fails(ws: landline.ClientConnection) -> None:
        if raised:
            raise raised.pop(0)

    with running(echo) as server:
        with landline.reconnect(url_of(server), on_connect=fails, **QUICK) as session:
            assert session.recv(timeout=20) == landline.Connected(0, 3)
            assert isinstance(session.last_failure, TimeoutError)
        raised.append(KeyError("seven"))
        session = landline.reconnect(url_of(server), on_connect=fails, **QUICK)
        for _ in range(2):
            with pytest.raises(KeyError, match="seven"):
                session.recv(timeout=20)
        raised += [OSError("again")] * 2
        session = landline.reconnect(url_of(server), on_connect=fails, max_attempts=2, **QUICK)
        with pytest.raises(OSError, match="again"):
            session.recv(timeout=20)


def test_what_a_token_supplier_raises_is_a_failed_attempt_or_ends_the_session() -> None:
    raised: List[BaseException] = [OSError("first"), OSError("second")]

    def token() -> str:
        if raised:
            raise raised.pop(0)
        return "t"

    with running(echo) as server:
        with landline.reconnect(url_of(server), bearer=token, **QUICK) as session:
            assert session.recv(timeout=20) == landline.Connected(0, 3)
            assert isinstance(session.last_failure, OSError) and "second" in str(session.last_failure)
        raised.append(KeyError("seven"))
        with pytest.raises(KeyError, match="seven"):
            landline.reconnect(url_of(server), bearer=token, **QUICK).recv(timeout=20)
        for connect in (
            lambda: landline.connect(url_of(server), bearer=token),
            lambda: landline.reconnect(url_of(server), bearer=token, **QUICK).recv(timeout=20),
        ):
            raised.append(KeyboardInterrupt())
            with pytest.raises(KeyboardInterrupt):
                connect()


def test_the_connection_of_on_connect_cannot_be_used_later() -> None:
    kept: List[landline.ClientConnection] = []
    with running(echo) as server, landline.reconnect(url_of(server), on_connect=kept.append, **QUICK) as session:
        session.recv(timeout=20)
        with pytest.raises(landline.Error):
            kept[0].send("x")
        session.send("y")
        assert session.recv(timeout=20) == "y"


def test_without_a_connection_messages_are_refused_or_kept() -> None:
    session = landline.reconnect(nobody(), **QUICK)
    for send in (session.send, session.try_send):
        with pytest.raises(landline.NotConnected) as caught:
            send("x")
        assert caught.value.is_transient
    with running(echo) as server:
        options: Any = {"outbox_messages": 2, "outbox_bytes": 10, **QUICK}
        with landline.reconnect(url_of(server), on_connect=lambda ws: ws.send("hook"), **options) as session:
            session.send("text")
            with pytest.raises(landline.NotConnected):
                session.send(b"1234567")
            session.try_send(bytearray(b"123456"))
            assert session.outbox == 2
            assert [session.recv(timeout=20) for _ in range(4)][1:] == ["hook", "text", b"123456"]
            assert session.outbox == 0


def test_senders_in_other_threads_survive_reconnects() -> None:
    def handle(ws: landline.ServerConnection) -> None:
        with contextlib.suppress(landline.ConnectionClosed):
            for _ in range(10):
                ws.recv(timeout=20)
            ws.abort()

    ended: List[BaseException] = []

    def sending(session: landline.Session) -> None:
        while True:
            try:
                session.send("tick")
            except landline.Error as error:
                if not error.is_transient:
                    ended.append(error)
                    return
                time.sleep(0.001)

    with running(handle) as server, landline.reconnect(url_of(server), **QUICK) as session:
        threads = [threading.Thread(target=sending, args=(session,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for reconnects in range(5):
            event = session.recv(timeout=20)
            assert isinstance(event, landline.Connected) and event.reconnects == reconnects
        session.close()
        for thread in threads:
            thread.join(20)
    assert len(ended) == 2


def test_time_limits_cover_waits_and_attempts() -> None:
    session = landline.reconnect(nobody(), **SLOW)
    begin = time.monotonic()
    with pytest.raises(landline.Timeout):
        session.recv(timeout=0.2)
    assert 0.2 <= time.monotonic() - begin < 5
    assert session.attempts == 1 and session.wait > 400 and isinstance(session.last_failure, landline.ConnectError)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connecting = landline.reconnect(f"ws://127.0.0.1:{silent.getsockname()[1]}/", **SLOW)
        for call in (connecting.recv, connecting.next_connection):
            with pytest.raises(landline.Timeout):
                call(timeout=0.2)
        assert connecting.stage == "connecting" and connecting.attempts == 1


def test_the_end_is_not_worth_another_attempt_whatever_the_code() -> None:
    with breaking(1, 1001) as url:
        session = landline.reconnect(url, on_connect=subscribe, retry_if=lambda error: False, **QUICK)
        with pytest.raises(landline.ConnectionClosedOK) as caught:
            while True:
                session.recv(timeout=20)
        assert caught.value.code == 1001 and not caught.value.is_transient
        assert session.last_failure is not None and getattr(session.last_failure, "is_transient")


def test_send_timeout_is_that_of_the_options() -> None:
    release = threading.Event()
    with running(lambda ws: release.wait(40)) as server:
        session = landline.reconnect(url_of(server), send_timeout=0.3, **QUICK)
        try:
            assert isinstance(session.recv(timeout=20), landline.Connected)
            begin = time.monotonic()
            with pytest.raises(landline.Timeout):
                for _ in range(10):
                    session.send(bytes(10_000_000))
            assert time.monotonic() - begin >= 0.3
        finally:
            session.abort()
            release.set()


def test_waits_are_in_seconds() -> None:
    session = landline.reconnect(nobody(), backoff_jitter_percent=0, **SLOW)
    with pytest.raises(landline.Timeout):
        session.recv(timeout=0.2)
    assert session.stage == "waiting" and 900 < session.wait <= 1000


def test_attempts_count_afresh_after_a_connection_that_lasted() -> None:
    def drop(ws: landline.ServerConnection) -> None:
        # Longer than the time after which a connection has lasted.
        time.sleep(0.01)
        ws.abort()

    with running(drop) as server, landline.reconnect(url_of(server), reset_after=0.001, **QUICK) as session:
        for number in range(3):
            assert session.recv(timeout=20) == landline.Connected(number, 1)


def test_an_attempt_is_not_cut_into_slices() -> None:
    """In the main thread, other calls wait for 0.1 s at a time."""

    def slow(request: landline.Request) -> None:
        time.sleep(0.5)

    with running(echo, process_request=slow) as server, landline.reconnect(url_of(server), **QUICK) as session:
        assert session.recv(timeout=20) == landline.Connected(0, 1)


@pytest.mark.parametrize("limit", [0, 0.001, 0.02])
def test_an_attempt_goes_on_over_calls_with_short_limits(limit: float) -> None:
    answer = threading.Event()

    def slow(request: landline.Request) -> None:
        answer.wait(20)

    with running(echo, process_request=slow) as server, landline.reconnect(url_of(server), **SLOW) as session:
        for _ in range(5):
            with pytest.raises(landline.Timeout):
                session.recv(timeout=limit)
        assert session.stage == "connecting"
        answer.set()
        assert polled(session, limit) == landline.Connected(0, 1)


def polled(session: landline.Session, limit: float) -> object:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            return session.recv(timeout=limit)
        except landline.Timeout:
            pass
    raise AssertionError("nothing was received")


def test_a_short_limit_does_not_cut_on_connect_off() -> None:
    calls: List[str] = []

    def slow(ws: landline.ClientConnection) -> None:
        with pytest.raises(landline.Timeout):
            ws.recv(timeout=0.2)
        ws.send("in")
        calls.append(str(ws.recv()))

    with running(echo) as server, landline.reconnect(url_of(server), on_connect=slow, **SLOW) as session:
        assert polled(session, 0.01) == landline.Connected(0, 1)
    assert calls == ["in"]


def in_thread(call: Callable[[], object]) -> Callable[[], object]:
    """Makes a call in another thread; the result waits for it and gives what it returned or raised."""
    results: List[object] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def result() -> object:
        thread.join(20)
        assert results, "the call goes on"
        return results[0]

    return result


def until_waiting(session: landline.Session) -> None:
    end = time.monotonic() + 20
    while session.stage != "waiting" or not session.attempts:
        assert time.monotonic() < end
        time.sleep(0.001)


def until_main_thread_is_in(function: str) -> None:
    end = time.monotonic() + 20
    while True:
        frame = sys._current_frames()[threading.main_thread().ident or 0]
        if frame.f_code.co_name == function:
            return
        assert time.monotonic() < end
        time.sleep(0.001)


def test_other_threads_interrupt_close_and_abort_whatever_it_waits_for() -> None:
    session = landline.reconnect(nobody(), **SLOW)
    result = in_thread(session.recv)
    until_waiting(session)
    session.interrupt()
    assert isinstance(result(), landline.Interrupted)
    result = in_thread(session.recv)
    session.close()
    assert isinstance(result(), landline.ConnectionClosedOK)
    assert list(session) == []
    session = landline.reconnect(nobody(), **SLOW)
    result = in_thread(session.recv)
    until_waiting(session)
    with pytest.raises(landline.ConcurrencyError):
        session.recv(timeout=1)
    session.abort()
    assert isinstance(result(), landline.ConnectionClosedError)


def test_ctrl_c_ends_a_wait_and_the_session_goes_on() -> None:
    class Signal(Exception):
        pass

    def handler(*_: object) -> None:
        raise Signal

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        session = landline.reconnect(nobody(), **SLOW)

        def send_signal() -> None:
            until_waiting(session)
            until_main_thread_is_in("in_turn")
            os.kill(os.getpid(), signal.SIGUSR1)

        for _ in range(2):
            killing = in_thread(send_signal)
            with pytest.raises(Signal):
                session.recv()
            killing()
            with pytest.raises(landline.Timeout):
                session.recv(timeout=0.05)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_arguments_are_checked() -> None:
    all_wrong: List[Dict[str, Any]] = [
        {"backoff_first": 0},
        {"backoff_factor": 0},
        {"backoff_jitter_percent": 101},
        {"backoff_max": None},
        {"backoff_max": math.inf},
        {"max_attempts": -1},
        {"max_attempts": 0},
        {"outbox_messages": -1},
        {"give_up_after": -1},
    ]
    for wrong in all_wrong:
        with pytest.raises(landline.UsageError, match=next(iter(wrong))):
            landline.reconnect("ws://localhost/", **wrong)
    with pytest.raises(TypeError, match="unexpected keyword argument 'sock'"):
        landline.reconnect("ws://localhost/", sock=None)
    with pytest.raises(landline.InvalidURL):
        landline.reconnect("http://localhost/")


def test_a_certificate_that_is_not_trusted_ends_the_session(tls: Tls) -> None:
    with running(echo, cert_file=tls.cert, key_file=tls.key) as server:
        url = f"wss://localhost:{server.port}/"
        session = landline.reconnect(url, **QUICK)
        with pytest.raises(landline.TLSError) as caught:
            session.recv(timeout=20)
        assert not caught.value.is_transient and session.attempts == 1
        with landline.reconnect(url, ca_file=tls.ca, **QUICK) as session:
            assert session.recv(timeout=20) == landline.Connected(0, 1)


def test_a_forked_child_cannot_use_it_and_the_parent_goes_on() -> None:
    with running(echo) as server, landline.reconnect(url_of(server), **QUICK) as session:
        session.recv(timeout=20)
        child = os.fork()
        if child == 0:
            refused = 0
            for call in (session.recv, session.next_connection, session.close, session.interrupt):
                try:
                    call()
                except landline.UsageError:
                    refused += 1
            os._exit(refused)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 4
        session.send("still here")
        assert session.recv(timeout=20) == "still here"


SERVER = """
import sys
from websockets.sync.server import serve

def echo(ws):
    for message in ws:
        ws.send(message)

with serve(echo, "127.0.0.1", int(sys.argv[1])) as server:
    print(server.socket.getsockname()[1], flush=True)
    server.serve_forever()
"""


def test_a_server_of_websockets_that_is_killed_and_restarted_is_found_again(tmp_path: Path) -> None:
    program = tmp_path / "server.py"
    program.write_text(SERVER)

    def start(port: int) -> "subprocess.Popen[str]":
        return subprocess.Popen([sys.executable, program, str(port)], stdout=subprocess.PIPE, text=True)

    def port_of(server: "subprocess.Popen[str]") -> int:
        assert server.stdout is not None
        return int(server.stdout.readline())

    server = start(0)
    try:
        port = port_of(server)
        subscribed: List[bool] = []
        url = f"ws://127.0.0.1:{port}/"
        with landline.reconnect(url, on_connect=lambda ws: subscribed.append(True), **QUICK) as session:
            for round in range(3):
                event = session.recv(timeout=20)
                assert isinstance(event, landline.Connected) and event.reconnects == round
                session.send(f"hello {round}")
                assert session.recv(timeout=20) == f"hello {round}"
                if round < 2:
                    server.kill()
                    server.wait()
                    assert server.stdout is not None
                    server.stdout.close()
                    server = start(port)
            assert len(subscribed) == 3
    finally:
        server.kill()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()


def test_a_server_of_websockets_that_goes_away_is_found_again() -> None:
    count: List[int] = []

    def once(ws: Any) -> None:
        count.append(1)
        ws.send(str(len(count)))
        ws.close(1001 if len(count) == 1 else 1000)

    with foreign(once) as url:
        assert received(landline.reconnect(url, **QUICK)) == [
            landline.Connected(0, 1),
            "1",
            landline.Connected(1, 2),
            "2",
        ]
