"""Helpers of the tests: a time limit for each test, servers of both libraries, a private CA."""

import contextlib
import faulthandler
import subprocess
import threading
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import pytest
import websockets.sync.server

import landline

LIMIT = 60


@pytest.fixture(autouse=True)
def time_limit() -> Iterator[None]:
    """A test that hangs ends the run with a traceback."""
    faulthandler.dump_traceback_later(LIMIT, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def running(handler: Callable[[landline.ServerConnection], object], **options: Any) -> Iterator[landline.Server]:
    """A running server of this package."""
    with landline.serve(handler, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
    thread.join(10)
    assert not thread.is_alive(), "serve_forever() goes on after shutdown()"


def url_of(server: landline.Server, path: str = "/") -> str:
    return f"ws://127.0.0.1:{server.port}{path}"


@contextlib.contextmanager
def foreign(handler: Callable[[websockets.sync.server.ServerConnection], None], **options: Any) -> Iterator[str]:
    """A running server of websockets: its URL."""
    with websockets.sync.server.serve(handler, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        finally:
            server.shutdown()
            thread.join(10)


def echo(ws: landline.Connection) -> None:
    for message in ws:
        ws.send(message)


class Tls(NamedTuple):
    """Files in PEM: a CA, and a certificate for localhost from it; another CA."""

    ca: Path
    other_ca: Path
    cert: Path
    key: Path


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    place = tmp_path_factory.mktemp("tls")
    (place / "extensions").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=place, check=True, capture_output=True, timeout=30)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test CA")
    openssl("req", "-x509", *curve, "-keyout", "other.key", "-out", "other.pem", "-days", "2", "-subj", "/CN=Other CA")
    openssl("req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    openssl(
        *("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
        *("-days", "2", "-extfile", "extensions", "-out", "server.pem"),
    )
    return Tls(place / "ca.pem", place / "other.pem", place / "server.pem", place / "server.key")
