"""The examples, as programs."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest
from conftest import Tls, echo, running, url_of

import landline

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "python"


def command(name: str, *arguments: str) -> List[str]:
    return [sys.executable, str(EXAMPLES / name), *arguments]


def run(name: str, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(name, *arguments), capture_output=True, text=True, timeout=30, input=stdin)


def test_client() -> None:
    with running(echo) as server:
        done = run("client.py", url_of(server), "hello")
    assert (done.stdout, done.stderr, done.returncode) == ("hello\n", "", 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_echo_server(number: signal.Signals) -> None:
    with subprocess.Popen(
        command("echo_server.py", "127.0.0.1", "0"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on ws://127.0.0.1:")
            ws = landline.connect(line.split()[-1])
            ws.send("hello")
            assert ws.recv(timeout=20) == "hello"
            process.send_signal(number)
            with pytest.raises(landline.ConnectionClosedOK) as caught:
                ws.recv(timeout=20)
            assert caught.value.code == 1001
            _, errors = process.communicate(timeout=20)
            assert (errors, process.returncode) == ("", 0)
        finally:
            process.kill()


def test_duplex() -> None:
    with running(echo) as server:
        done = run("duplex.py", url_of(server), stdin="one\ntwo\nthree\n")
    assert (done.stdout, done.stderr) == ("one\ntwo\nthree\nclosed with 1000\n", "")


def test_event_loop() -> None:
    with running(echo) as one, running(echo) as two:
        done = run("event_loop.py", url_of(one), url_of(two))
    for server in (one, two):
        assert f"('127.0.0.1', {server.port}): 'hello'" in done.stdout
        assert f"('127.0.0.1', {server.port}): closed with 1000" in done.stdout
    assert (done.stderr, done.returncode) == ("", 0)


def test_wss_private_ca(tls: Tls) -> None:
    with running(echo, cert_file=tls.cert, key_file=tls.key) as server:
        url = f"wss://localhost:{server.port}/"
        done = run("wss_private_ca.py", url, str(tls.ca))
        assert (done.stdout, done.stderr, done.returncode) == ("hello\n", "", 0)
        other = run("wss_private_ca.py", url, str(tls.other_ca))
        assert other.returncode == 1 and "not trusted" in other.stderr
