"""Connecting through proxies: what they are sent, chains, the environment, and what is raised if there is no way through."""

import contextlib
import copy
import os
import pickle
import select
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import pytest
from conftest import Tls, echo, running, url_of

import landline


class Proxy:
    """An HTTP proxy that connects wherever it is asked to, or gives an answer."""

    def __init__(self, answer: Optional[bytes] = None, tls: Optional[ssl.SSLContext] = None) -> None:
        self.answer = answer
        self.tls = tls
        self.heads: List[str] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self.listening.accept()[0]
                client.settimeout(20)
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, plain: socket.socket) -> None:
        with plain, contextlib.suppress(OSError):
            client = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = client.recv(1)
                if not byte:
                    return
                head += byte
            self.heads.append(head.decode())
            if self.answer is not None:
                client.sendall(self.answer)
                client.shutdown(socket.SHUT_WR)
                while client.recv(4096):
                    pass
                return
            host, _, port = head.split()[1].decode().rpartition(":")
            with socket.create_connection((host, int(port)), 20) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                relay(client, server)

    def end(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(20)


def relay(client: socket.socket, server: socket.socket) -> None:
    """Passes on what comes, until one of them has ended. In one thread, because TLS objects are not for two."""
    other = {client: server, server: client}
    while True:
        for source in [client] if has_buffered(client) else select.select([client, server], [], [], 20)[0]:
            data = source.recv(4096)
            if not data:
                return
            other[source].sendall(data)


def has_buffered(sock: socket.socket) -> bool:
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


@contextlib.contextmanager
def proxying(answer: Optional[bytes] = None, tls: Optional[ssl.SSLContext] = None) -> Iterator[Proxy]:
    proxy = Proxy(answer, tls)
    try:
        yield proxy
    finally:
        proxy.end()


def talk(url: str, **options: Any) -> None:
    with landline.connect(url, **options) as ws:
        ws.send("through")
        assert ws.recv(timeout=20) == "through"


def test_ws_and_wss_go_through_a_proxy(tls: Tls) -> None:
    with proxying() as proxy, running(echo) as plain, running(echo, cert_file=tls.cert, key_file=tls.key) as secure:
        talk(url_of(plain), proxy=proxy.url)
        talk(f"wss://localhost:{secure.port}/", proxy=[proxy.url], ca_file=tls.ca, platform_roots=False)
        targets = [head.split()[1] for head in proxy.heads]
        assert targets == [f"127.0.0.1:{plain.port}", f"localhost:{secure.port}"]


def test_what_is_for_the_proxy_and_what_is_for_the_server_do_not_meet() -> None:
    seen: List[landline.Headers] = []
    with proxying() as proxy, running(lambda ws: seen.append(ws.request_headers)) as server:
        url = proxy.url.replace("://", "://me:p%3aw@")
        with landline.connect(
            url_of(server).replace("://", "://you:x@"), proxy=url, proxy_headers={"X-Job": "7"}, headers={"X-Feed": "8"}
        ) as ws:
            assert list(ws) == []
        (head,) = proxy.heads
    assert "\r\nX-Job: 7\r\n" in head and "X-Feed" not in head
    assert "\r\nProxy-Authorization: Basic bWU6cDp3\r\n" in head and "\r\nAuthorization" not in head
    (headers,) = seen
    assert headers["X-Feed"] == "8" and headers["Authorization"] == "Basic eW91Ong="
    assert "X-Job" not in headers and "Proxy-Authorization" not in headers


def test_a_chain_and_exceptions() -> None:
    with proxying() as near, proxying() as far, running(echo) as server:
        talk(url_of(server), proxy=(near.url, far.url))
        assert near.heads[0].startswith(f"CONNECT 127.0.0.1:{far.port} ")
        for no_proxy in ["*", "a, 127.0.0.0/8", ["example.com", f"127.0.0.1:{server.port}"]]:
            talk(url_of(server), proxy=near.url, no_proxy=no_proxy)
        for none in (None, False):
            talk(url_of(server), proxy=none)
        assert (len(near.heads), len(far.heads)) == (1, 1)


def test_the_environment_is_read_if_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying() as proxy, running(echo) as server:
        for name in ("ws_proxy", "WS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", proxy.url)
        talk(url_of(server))
        assert len(proxy.heads) == 0
        talk(url_of(server), proxy=True)
        assert len(proxy.heads) == 1
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        talk(url_of(server), proxy=True)
        assert len(proxy.heads) == 1
        talk(url_of(server), proxy=True, no_proxy=[])
        assert len(proxy.heads) == 2
        monkeypatch.setenv("ws_proxy", "ftp://u:hunter2@a")
        monkeypatch.delenv("no_proxy")
        with pytest.raises(landline.UsageError, match="^the environment variable ws_proxy cannot be used") as caught:
            landline.connect(url_of(server), proxy=True)
        assert "hunter2" not in caught.value.text


def test_an_https_proxy_has_certificates_of_its_own(tls: Tls) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.cert, tls.key)
    options: Dict[str, Any] = {"proxy_ca_file": tls.ca, "proxy_platform_roots": False}
    with proxying(tls=context) as proxy, running(echo) as plain:
        talk(url_of(plain), proxy=proxy.url, **options)
        assert len(proxy.heads) == 1
        # Those of the server do not count.
        others: List[Dict[str, Any]] = [
            {"ca_file": tls.ca},
            {"danger_accept_invalid_certs": True},
            {"proxy_ca_file": tls.other_ca},
        ]
        for other in others:
            with pytest.raises(landline.ProxyError, match="certificate with proxy_ca_file, if this is the right proxy$"):
                landline.connect(url_of(plain), proxy=proxy.url, **other)
        talk(url_of(plain), proxy=proxy.url, proxy_danger_accept_invalid_certs=True)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tls.ca)
    with proxying(tls=context) as proxy, running(echo) as plain:
        talk(url_of(plain), proxy=proxy.url, proxy_cert_file=tls.cert, proxy_key_file=tls.key, **options)
        with pytest.raises(landline.ProxyError):
            landline.connect(url_of(plain), proxy=proxy.url, **options)


def test_the_names_of_https_proxies_are_checked(tmp_path: Path) -> None:
    cert, key = tmp_path / "other.pem", tmp_path / "other.key"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=other".split()
    names = ["-addext", "subjectAltName=DNS:other.example", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command, *names], check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with proxying(tls=context) as proxy, running(echo) as plain:
        with pytest.raises(landline.ProxyError, match="other name|another name"):
            landline.connect(url_of(plain), proxy=proxy.url, proxy_ca_file=cert, danger_accept_invalid_hostnames=True)
        talk(url_of(plain), proxy=proxy.url, proxy_ca_file=cert, proxy_danger_accept_invalid_hostnames=True)


CONNECT = """
import sys, landline
try:
    landline.connect(sys.argv[1], proxy=sys.argv[2], **eval(sys.argv[3])).close()
    print("connected")
except landline.ProxyError as error:
    print(error)
"""


@pytest.mark.parametrize("options, connects", [("{}", True), ("{'proxy_platform_roots': False}", False)])
def test_the_platforms_certificates_are_for_https_proxies_too(tls: Tls, options: str, connects: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.cert, tls.key)
    with proxying(tls=context) as proxy, running(echo) as plain:
        command = [sys.executable, "-c", CONNECT, url_of(plain), proxy.url, options]
        # In a process of its own, because the platform's certificates are read once.
        done = subprocess.run(
            command, env={**os.environ, "SSL_CERT_FILE": str(tls.ca)}, capture_output=True, text=True, timeout=30
        )
    assert (done.stdout == "connected\n") == connects, done
    assert connects or "certificate" in done.stdout


REFUSALS: List[Any] = [
    (b"HTTP/1.1 403 Filtered\r\nX-Rule: 9\r\nContent-Length: 3\r\n\r\nads", 403, "403 Filtered: its rules do not allow"),
    (b"HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n", 407, "password in proxy"),
    (b"SSH-2.0\r\n\r\n", 0, "check scheme, host and port in proxy"),
]


@pytest.mark.parametrize("answer, status, text", REFUSALS)
def test_a_refusal_is_the_proxys(answer: bytes, status: int, text: str) -> None:
    with proxying(answer) as proxy:
        with pytest.raises(landline.ProxyError) as caught:
            landline.connect("ws://192.0.2.1/", proxy=proxy.url)
    error = caught.value
    assert isinstance(error, OSError) and not isinstance(error, (landline.ConnectError, landline.InvalidHandshake))
    assert (error.status, error.http_status, error.phase) == ("LANDLINE_ERR_PROXY", status, "proxy")
    assert error.text.startswith(f"cannot connect to 192.0.2.1:80 through proxy {proxy.url}: ") and text in error.text
    if status == 403:
        assert (error.headers["x-rule"], error.body) == ("9", b"ads")
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (str(other), other.http_status, other.body) == (error.text, error.http_status, error.body)


def test_a_proxy_that_cannot_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(landline.ProxyError, match="Connection refused") as caught:
        landline.connect("ws://192.0.2.1/", proxy=f"socks5h://127.0.0.1:{port}")
    assert caught.value.errno is not None and caught.value.http_status == 0


def test_a_silent_proxy_runs_into_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(landline.Timeout, match="through proxy http://127.0.0.1:") as caught:
            landline.connect("ws://192.0.2.1/", proxy=f"127.0.0.1:{silent.getsockname()[1]}", open_timeout=0.2)
    assert caught.value.phase == "proxy"


def test_settings_that_cannot_be_used_name_the_argument() -> None:
    def fails(kind: Any, text: str, **options: Any) -> None:
        with pytest.raises(kind, match=text) as caught:
            landline.connect("ws://192.0.2.1/", **options)
        assert "hunter2" not in str(caught.value) and "LANDLINE_OPT" not in str(caught.value)

    fails(landline.UsageError, "the scheme of the proxy's URL", proxy="ftp://u:hunter2@a")
    fails(landline.UsageError, "without a URL in proxy", proxy_headers={"a": "b"})
    fails(landline.UsageError, "header host", proxy="http://a", proxy_headers={"Host": "b"})
    fails(landline.UsageError, "proxy_cert_file is given without proxy_key_file", proxy="https://a", proxy_cert_file="a")
    fails(landline.ProxyError, "cannot read /none.pem", proxy="https://a", proxy_ca_file="/none.pem")
    fails(TypeError, "proxy must be a str, not int", proxy=[1])
    fails(TypeError, "no_proxy must be a str, not int", no_proxy=[1])
