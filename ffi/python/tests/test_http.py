"""Redirects, authentication and cookies, against Python's own HTTP server."""

import base64
import contextlib
import gc
import hashlib
import http.server
import socket
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Iterator, List, NamedTuple, NoReturn, Optional, Tuple

import pytest

import landline
from landline import CookieJar

Response = Tuple[int, List[Tuple[str, str]]]
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
DIGEST = (401, [("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256')])


class Request(NamedTuple):
    path: str
    authorization: Optional[str]
    cookie: Optional[str]
    host: str


class Web(NamedTuple):
    url: str
    requests: List[Request]


@contextlib.contextmanager
def web(respond: Callable[[Request], Optional[Response]]) -> Iterator[Web]:
    """A running server that answers what `respond` returns, or 101 for None. It keeps connections open."""
    requests: List[Request] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = self.headers
            requests.append(Request(self.path, headers["Authorization"], headers["Cookie"], headers["Host"]))
            response = respond(requests[-1])
            status, added = response or (101, [("Set-Cookie", "s=2"), ("Upgrade", "websocket"), ("Connection", "Upgrade")])
            self.send_response(status)
            for name, value in added:
                self.send_header(name, value)
            if status == 101:
                key = (headers["Sec-WebSocket-Key"] + GUID).encode()
                self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key).digest()).decode())
            else:
                self.send_header("Content-Length", "0")
            self.end_headers()
            if status == 101:
                self.rfile.read()
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Web(f"ws://127.0.0.1:{server.server_address[1]}", requests)
        finally:
            server.shutdown()
            thread.join(10)


def opened(url: str, **options: object) -> str:
    """Opens and aborts a connection: its URL."""
    ws = landline.connect(url, **options)  # type: ignore[arg-type]
    ws.abort()
    return ws.url


def redirecting(request: Request) -> Optional[Response]:
    return None if request.path == "/end" else (302, [("Location", "/end"), ("Set-Cookie", "r=1")])


def test_redirects_are_followed_if_allowed() -> None:
    with web(redirecting) as server:
        assert opened(server.url + "/", max_redirects=1) == server.url + "/end"
        with pytest.raises(landline.InvalidHandshake, match="it redirects to /end; follow it with max_redirects$") as caught:
            landline.connect(server.url + "/")
        assert caught.value.http_status == 302
    with web(lambda request: (307, [("Location", "/circle")])) as server:
        with pytest.raises(landline.InvalidHandshake, match="more than 2 redirects: .*; allow more with max_redirects$"):
            landline.connect(server.url + "/", max_redirects=2)
        assert len(server.requests) == 3


def test_what_is_meant_for_one_origin_goes_to_no_other() -> None:
    with web(lambda request: None) as other, web(lambda request: (302, [("Location", other.url + "/end")])) as server:
        assert opened(server.url, max_redirects=1, auth=("u", "p"), cookies={"a": "1"}, host="virtual.example") == (
            other.url + "/end"
        )
        [first], [second] = server.requests, other.requests
        assert (first.authorization, first.cookie, first.host) == ("Basic dTpw", "a=1", "virtual.example")
        assert (second.authorization, second.cookie, second.host) == (None, None, other.url[len("ws://") :])


def test_user_and_password_go_by_basic_and_by_digest_if_the_server_asks_for_it() -> None:
    def respond(request: Request) -> Optional[Response]:
        return None if (request.authorization or "").startswith("Digest ") else DIGEST

    with web(respond) as server:
        opened(server.url + "/a", auth=("Aladdin", "open sesame"))
        first, second = server.requests
        assert first.authorization == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        assert (second.authorization or "").startswith('Digest username="Aladdin", realm="r", nonce="n", uri="/a"')
        text = "it asks for Digest authentication; give the right user name and password with auth$"
        with pytest.raises(landline.InvalidHandshake, match=text):
            landline.connect(server.url)
    with pytest.raises(landline.UsageError, match="invalid user name"):
        landline.connect("ws://127.0.0.1:1/", auth=("a:b", ""))
    with pytest.raises(landline.UsageError, match="both given"):
        landline.connect("ws://127.0.0.1:1/", auth=("a", "b"), bearer="c")
    for wrong in ("ab", ("a", 1), ("a", "b", "c")):
        with pytest.raises(TypeError):
            landline.connect("ws://127.0.0.1:1/", auth=wrong)  # type: ignore[arg-type]


def test_bearer_tokens_are_asked_for_at_each_connect() -> None:
    tokens = iter(["one", "two"])
    with web(lambda request: None) as server:
        opened(server.url, bearer="constant")
        opened(server.url, bearer=lambda: next(tokens))
        opened(server.url, bearer=lambda: next(tokens))
        assert [request.authorization for request in server.requests] == ["Bearer constant", "Bearer one", "Bearer two"]
        with pytest.raises(landline.Error, match="getting a bearer token failed") as caught:
            landline.connect(server.url, bearer=lambda: next(tokens))
        assert isinstance(caught.value.__cause__, StopIteration)
        for wrong, cause in ((1, TypeError), ("a\0b", landline.UsageError), ("a" * 20000, landline.UsageError)):
            with pytest.raises(landline.Error) as caught:
                landline.connect(server.url, bearer=lambda: wrong)  # type: ignore[arg-type]
            assert isinstance(caught.value.__cause__, cause)
        assert len(server.requests) == 3


def test_the_program_answers_challenges() -> None:
    def respond(request: Request) -> Optional[Response]:
        if request.authorization == "Steps 2":
            return None
        return 401, [("WWW-Authenticate", "Steps a, Other b=c"), ("X-Hint", "x")]

    asked = []

    def answer(challenge: landline.Challenge) -> str:
        asked.append(challenge)
        return f"Steps {len(asked)}"

    with web(respond) as server:
        opened(server.url + "/a?b", on_challenge=answer)
        assert len(asked) == 2
        status, url, method, target, schemes, headers = asked[0]
        assert (status, url, method, target) == (401, server.url + "/a?b", "GET", "/a?b")
        assert (schemes, headers["x-hint"]) == (("Steps", "Other"), "x")
        with pytest.raises(landline.InvalidHandshake, match="Steps or Other authentication") as caught:
            landline.connect(server.url, on_challenge=lambda challenge: None)
        assert caught.value.__cause__ is None

        def fail(challenge: landline.Challenge) -> NoReturn:
            raise KeyError("no ticket")

        with pytest.raises(landline.InvalidHandshake) as caught:
            landline.connect(server.url, on_challenge=fail)
        assert isinstance(caught.value.__cause__, KeyError)


def test_functions_are_released() -> None:
    class Supplier:
        def __call__(self) -> str:
            return "token"

    supplier = Supplier()
    seen = weakref.ref(supplier)
    with web(lambda request: None) as server:
        opened(server.url, bearer=supplier)
    del supplier
    gc.collect()
    assert seen() is None


def test_cookies_are_sent_and_kept() -> None:
    jar = CookieJar()
    with web(redirecting) as server:
        for cookies in ({"a": "1", "s": "old"}, [("a", "1"), ("s", "old")]):
            opened(server.url + "/end", cookies=cookies)
            assert server.requests[-1].cookie == "a=1; s=old"
        opened(server.url, cookies={"a": "1", "s": "old"}, max_redirects=1, cookie_jar=jar)
        assert server.requests[-1].cookie == "a=1; s=old; r=1"
        opened(server.url + "/end", cookies={"a": "1", "s": "old"}, cookie_jar=jar)
        assert server.requests[-1].cookie == "a=1; r=1; s=2"
        assert jar.cookies(server.url) == [("r", "1"), ("s", "2")]
    assert jar.cookies("ws://other.example/") == []
    with pytest.raises(landline.InvalidURL):
        jar.cookies("ftp://a/")
    with pytest.raises(landline.UsageError, match="cookie"):
        landline.connect("ws://127.0.0.1:1/", cookies={"a": "b; c=d"})
    with pytest.raises(TypeError):
        landline.connect("ws://127.0.0.1:1/", cookie_jar=True)  # type: ignore[arg-type]


def test_what_ends_a_program_comes_out_of_its_functions() -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        landline.connect("ws://127.0.0.1:1/", bearer=interrupted)


def test_a_jar_gives_all_cookies_however_many_there_are() -> None:
    values = [(name, name * 2000) for name in "abc"]
    with web(lambda request: (403, [("Set-Cookie", "=".join(pair)) for pair in values])) as server:
        jar = CookieJar()
        with pytest.raises(landline.InvalidHandshake):
            landline.connect(server.url, cookie_jar=jar)
        assert sorted(jar.cookies(server.url)) == values


def test_what_is_printed_of_headers_has_no_secrets() -> None:
    secrets = [
        *(("Authorization", "Basic c2VjcmV0"), ("Proxy-Authorization", "Digest secret"), ("Cookie", "a=secret")),
        *(("SET-COOKIE", "a=secret; Path=/"), ("location", "wss://user:secret@example.com/")),
    ]
    headers = landline.Headers([*secrets, ("Location", "/here"), ("X-Hint", "shown")])
    assert repr(headers) == (
        "Headers([('Authorization', '***'), ('Proxy-Authorization', '***'), ('Cookie', '***'), ('SET-COOKIE', '***'), "
        "('location', '***'), ('Location', '/here'), ('X-Hint', 'shown')])"
    )
    assert str(headers) == repr(headers) and headers["cookie"] == "a=secret"

    def refuse(request: Request) -> Optional[Response]:
        return (401, [("WWW-Authenticate", "Steps"), ("Set-Cookie", "a=secret")]) if request.path == "/no" else None

    shown: List[object] = []
    with web(refuse) as server:
        ws = landline.connect(server.url)
        ws.abort()
        assert ws.response_headers["set-cookie"] == "s=2"
        shown += [ws, ws.response_headers]
        with pytest.raises(landline.InvalidHandshake) as caught:
            landline.connect(server.url + "/no", cookies={"a": "secret"}, on_challenge=shown.append)
        assert caught.value.headers["set-cookie"] == "a=secret"
        shown += [caught.value, caught.value.headers]
    for one in shown:
        assert "secret" not in repr(one) and "s=2" not in repr(one)
    assert len(shown) == 5


def test_header_names_are_sent_as_written() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        with ThreadPoolExecutor() as executor:
            connecting = executor.submit(landline.connect, url, headers=[("appKey", "1"), ("X-lower-UPPER", "2")])
            peer, _ = listener.accept()
            with peer:
                head = peer.recv(65536)
            assert b"\r\nappKey: 1\r\nX-lower-UPPER: 2\r\n" in head
            with pytest.raises(landline.InvalidHandshake):
                connecting.result(20)
