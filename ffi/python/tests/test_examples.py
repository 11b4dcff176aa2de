"""The examples, as programs."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest
from conftest import Tls, echo, running, url_of

import landline

REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLES = REPOSITORY / "examples" / "python"


def command(name: str, *arguments: str) -> List[str]:
    return [sys.executable, str(EXAMPLES / name), *arguments]


def run(name: str, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(name, *arguments), capture_output=True, text=True, timeout=30, input=stdin)


def test_client() -> None:
    with running(echo) as server:
        done = run("client.py", url_of(server), "hello")
    assert (done.stdout, done.stderr, done.returncode) == ("hello\n", "", 0)


def test_reconnect() -> None:
    count: List[int] = []

    def break_once(ws: landline.ServerConnection) -> None:
        count.append(1)
        ws.send(f"{ws.recv(timeout=20)!s} {len(count)}")
        ws.abort() if len(count) == 1 else ws.close()

    with running(break_once) as server:
        done = run("reconnect.py", url_of(server), "prices", "2")
    assert (done.stdout, done.returncode) == ("prices 1\nprices 2\n", 0)
    assert done.stderr.startswith("connecting again: ") and done.stderr.count("\n") == 1


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
        assert other.returncode == 1 and other.stderr.startswith("error: not trusted: ")


def is_plain(done: "subprocess.CompletedProcess[str]") -> bool:
    """Whether it failed with one line that says why."""
    line = re.fullmatch(r"error: .+\n", done.stderr)
    return done.returncode == 1 and done.stdout == "" and line is not None


def test_echo_server_whose_port_is_taken() -> None:
    with running(echo) as server:
        done = run("echo_server.py", "127.0.0.1", str(server.port))
    assert is_plain(done), done


@pytest.mark.parametrize(
    "name, scheme, arguments",
    [
        ("client.py", "ws", ["hello"]),
        ("duplex.py", "ws", []),
        ("event_loop.py", "ws", []),
        ("wss_private_ca.py", "wss", ["CA"]),
    ],
)
def test_clients_without_a_server(tls: Tls, name: str, scheme: str, arguments: List[str]) -> None:
    # Bound but not listening, so that no other program gets the port.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"{scheme}://127.0.0.1:{bound.getsockname()[1]}/"
        done = run(name, url, *(str(tls.ca) if argument == "CA" else argument for argument in arguments))
    assert is_plain(done), done


@pytest.mark.parametrize("readme", ["README.md", "ffi/python/README.md"])
def test_the_first_program_of(readme: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (REPOSITORY / readme).read_text(), re.MULTILINE | re.DOTALL)
    program = blocks[0]
    assert program.count("ws://127.0.0.1:9001/") == 1
    with running(echo) as server:
        program = program.replace("ws://127.0.0.1:9001/", url_of(server))
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr, done.returncode) == ("hello\n", "", 0)


def test_the_first_server_of_the_guide() -> None:
    text = (REPOSITORY / "ffi" / "python" / "README.md").read_text()
    program = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]
    assert program.count("9001") == 1 and program.count("    server.serve_forever()") == 1
    # The port is asked for before it serves.
    program = program.replace("9001", "0").replace(
        "    server.serve_forever()", "    print(server.port, flush=True)\n    server.serve_forever()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            with landline.connect(f"ws://127.0.0.1:{process.stdout.readline().strip()}/") as ws:
                ws.send("hello")
                assert ws.recv(timeout=20) == "hello"
        finally:
            process.kill()
