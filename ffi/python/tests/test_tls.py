"""TLS: certificates that cannot be used, records modified in transit, and the cost of setting it up."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Dict

import pytest
from conftest import Tls, echo, running

import landline

GARBAGE = [
    ("", "it is empty"),
    ("certainly nothing of the kind", "in PEM form in it"),
    ("0\x82\x01\x0a0", "it is not in PEM but in DER form"),
    ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n", "in it, but a certificate request"),
]


def client_refuses(**options: Any) -> str:
    with pytest.raises(landline.TLSError) as caught:
        landline.connect("wss://127.0.0.1:9/", **options)
    assert caught.value.status == "LANDLINE_ERR_TLS" and not isinstance(caught.value, landline.ConnectionClosed)
    return caught.value.text


def server_refuses(**options: Any) -> str:
    with pytest.raises(landline.TLSError) as caught:
        landline.serve(echo, **options)
    return caught.value.text


@pytest.mark.parametrize(("content", "why"), GARBAGE)
def test_invalid_certificates_and_keys_are_refused_by_name(content: str, why: str, tls: Tls, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_bytes(content.encode("latin-1"))
    texts = {"CA certificate": [client_refuses(ca_file=bad)]}
    for refuses in (client_refuses, server_refuses):
        texts.setdefault("certificate", []).append(refuses(cert_file=bad, key_file=tls.key))
        texts.setdefault("private key", []).append(refuses(cert_file=tls.cert, key_file=bad))
    for what, told in texts.items():
        for text in told:
            assert text.startswith(f"the {what} in {bad} cannot be used: ") and why in text
    data = content.encode("latin-1")
    assert "the CA certificate cannot be used: " in client_refuses(ca_pem=data)
    for refuses in (client_refuses, server_refuses):
        assert "the PKCS#12 archive cannot be used: " in refuses(pkcs12=data)
        assert "the certificate cannot be used: " in refuses(cert_pem=data, key_pem=tls.key.read_bytes())
        assert "the private key cannot be used: " in refuses(cert_pem=tls.cert.read_bytes(), key_pem=data)


def test_a_key_of_another_certificate_is_refused_naming_both(tls: Tls) -> None:
    other = tls.key.with_name("other.key")
    for refuses in (client_refuses, server_refuses):
        told = refuses(cert_file=tls.cert, key_file=other)
        assert told == f"the private key in {other} is not that of the certificate in {tls.cert}"


class Relay:
    """An attacker between a client and a server that changes a byte when it is told to."""

    def __init__(self, port: int) -> None:
        self.flip = {"client": False, "server": False}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.server = port
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        client, server = self.listener.accept()[0], socket.create_connection(("127.0.0.1", self.server))
        threading.Thread(target=self.carry, args=(server, client, "server"), daemon=True).start()
        self.carry(client, server, "client")

    def carry(self, source: socket.socket, target: socket.socket, side: str) -> None:
        try:
            while data := bytearray(source.recv(65536)):
                if self.flip[side]:
                    self.flip[side] = False
                    data[-1] ^= 1
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_a_modified_record_is_a_tls_error(tls: Tls) -> None:
    ended = threading.Event()
    theirs = []

    def handler(ws: landline.Connection) -> None:
        try:
            for message in ws:
                ws.send(message)
        except landline.Error as error:
            theirs.append(error)
        ended.set()

    with running(handler, cert_file=tls.cert, key_file=tls.key) as server:
        for side in ("server", "client"):
            ended.clear()
            relay = Relay(server.port)
            ws = landline.connect(f"wss://localhost:{relay.port}/", ca_file=tls.ca)
            ws.send("before")
            assert ws.recv(timeout=20) == "before"
            relay.flip[side] = True
            ws.send("changed")
            ours = []
            for _ in range(2):
                with pytest.raises(landline.ConnectionTLSError) as caught:
                    ws.recv(timeout=20)
                ours.append(caught.value)
            with pytest.raises(landline.ConnectionTLSError):
                ws.send("more")
            ws.abort()
            assert ended.wait(20)
            assert isinstance(ours[0], landline.TLSError) and isinstance(ours[0], landline.ConnectionClosedError)
            assert str(ours[0]) == str(ours[1]) and ours[0].code == 1006
            theirs_is = theirs.pop()
            damaged, told = (ours[0], theirs_is) if side == "server" else (theirs_is, ours[0])
            assert isinstance(damaged, landline.ConnectionTLSError) and isinstance(told, landline.ConnectionTLSError)
            assert "it was damaged or changed on the way" in damaged.text
            assert told.text == "peer ended TLS with an alert: bad record mac"
            relay.listener.close()


def test_setting_up_tls_observes_the_time_limit(tmp_path: Path) -> None:
    slow = tmp_path / "slow.pem"
    os.mkfifo(slow)
    begin = time.monotonic()
    with pytest.raises(landline.Timeout):
        landline.connect("wss://127.0.0.1:9/", ca_file=slow, open_timeout=0.2)
    assert 0.19 < time.monotonic() - begin < 10
    os.close(os.open(slow, os.O_WRONLY))


COSTS = """
import sys, time, threading, landline
url, ca = sys.argv[1:]

def cost(**options):
    before = time.process_time()
    landline.connect(url, **options).abort()
    return time.process_time() - before

for options in {}, {"ca_file": ca}, {"ca_pem": open(ca).read()}, {"ca_file": ca, "platform_roots": False}:
    first, others = cost(**options), sum(cost(**options) for _ in range(10)) / 10
    print(f"{options.keys()}: {first * 1e3:.1f} ms for the first, {others * 1e3:.1f} ms for each other one")
    assert others * 4 < first
"""


def test_certificates_are_read_for_the_first_connection_only(tls: Tls, tmp_path: Path) -> None:
    """In a process that makes only these connections, and has many roots."""
    roots = tmp_path / "roots.pem"
    roots.write_text(tls.ca.read_text() * 400)
    environment: Dict[str, str] = {**os.environ, "SSL_CERT_FILE": str(roots)}
    with running(echo, cert_file=tls.cert, key_file=tls.key) as server:
        command = [sys.executable, "-c", COSTS, f"wss://localhost:{server.port}/", str(tls.ca)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_ca_file_that_has_changed_is_read_again(tls: Tls, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    with running(echo, cert_file=tls.cert, key_file=tls.key) as server:
        for _ in range(2):
            file.write_bytes(tls.ca.read_bytes())
            landline.connect(f"wss://localhost:{server.port}/", ca_file=file, platform_roots=False).abort()
            file.write_bytes(tls.other_ca.read_bytes())
            with pytest.raises(landline.TLSError):
                landline.connect(f"wss://localhost:{server.port}/", ca_file=file, platform_roots=False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_sets_up_tls_for_itself(tls: Tls) -> None:
    with running(echo, cert_file=tls.cert, key_file=tls.key) as server:
        url = f"wss://localhost:{server.port}/"
        code = (
            "import os, sys, landline\n"
            "def echoed():\n"
            "    with landline.connect(sys.argv[1], ca_file=sys.argv[2]) as ws:\n"
            "        ws.send('hi')\n"
            "        assert ws.recv(timeout=20) == 'hi'\n"
            "echoed()\n"
            "child = os.fork()\n"
            "echoed()\n"
            "if child == 0:\n"
            "    os._exit(7)\n"
            "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        )
        command = [sys.executable, "-c", code, url, str(tls.ca)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
