"""What connect() is told about HTTP: redirects, authentication, cookies.

The library calls the functions of the program through one C function each, which gets a number: the key of the Python
function in a table. What they raise is kept for connect().
"""

import ctypes
from typing import Any, Callable, Iterable, List, Mapping, NamedTuple, Optional, Tuple, Union

from . import _abi
from ._dialling import guarded, keep
from ._exceptions import UsageError, check
from ._headers import Headers, parse
from ._options import Options, c_text


class Challenge(NamedTuple):
    """What a server or a proxy asks for.

    Attributes:
        status: 401 if a server asks, 407 if a proxy does.
        url: the URL of the server, or of the proxy, without user and password.
        method: the method of the request that is to be authorized: "GET" for a server, "CONNECT" for a proxy.
        target: the target of that request.
        schemes: the schemes that are asked for, in the order of the headers.
        headers: the headers of the response, WWW-Authenticate or Proxy-Authenticate among them.
    """

    status: int
    url: str
    method: str
    target: str
    schemes: Tuple[str, ...]
    headers: Headers


OnChallenge = Callable[[Challenge], Optional[str]]
Bearer = Union[str, Callable[[], str]]
Cookies = Union[Mapping[str, str], Iterable[Tuple[str, str]]]


class CookieJar(_abi.Unique):
    """Keeps the cookies that servers set: in the response that opens a connection, in a redirect, or in a refusal. Pass it
    to connect(); all further requests of connections with the same jar send them.

    It is in memory only, and stricter than a browser's: a cookie goes back to the host that set it and to no other, even if
    it has a Domain. Path, Secure, Expires and Max-Age are honoured (RFC 6265). It holds at most 256 cookies, and 64 of one
    host; the oldest ones make room for new ones, and of a host those first that are not Secure. A forked child does not use
    the jar that it inherited. Any number of threads may use it at the same time.
    """

    def __init__(self) -> None:
        self._handle = _abi.new_cookie_jar()
        check(_abi.cookie_jar_new(self._handle))

    def cookies(self, url: str) -> List[Tuple[str, str]]:
        """The names and values with which a request to this URL would be sent.

        Raises:
            InvalidURL: the URL is not one of a WebSocket.
        """
        target, length, capacity = c_text(url, "url"), ctypes.c_size_t(), 4096
        while True:
            data = ctypes.create_string_buffer(capacity)
            check(_abi.cookie_jar_cookies(self._handle, target, data, capacity, length))
            if length.value <= capacity:
                break
            capacity = length.value
        text = data.raw[: length.value].decode("utf-8", "replace")
        pairs = (pair.partition("=") for pair in text.split("; ") if pair)
        return [(name, value) for name, _, value in pairs]


def _fill(data: int, capacity: int, length: Any, text: str, what: str) -> None:
    """Writes a text to where the library wants it."""
    value = c_text(text, what)
    if len(value) > capacity:
        raise UsageError(f"{what} has {len(value)} bytes: at most {capacity} can be sent")
    ctypes.memmove(data, value, len(value))
    length[0] = len(value)


def _supply(data: int, capacity: int, length: Any, key: int) -> int:
    failed = guarded(key, lambda supply: _fill(data, capacity, length, supply(), "the bearer token"))
    return _abi.ERR_INVALID if failed else _abi.OK


def _answer(asked: Any, data: int, capacity: int, length: Any, key: int) -> int:
    status = _abi.ERR_INVALID

    def answer(on_challenge: OnChallenge) -> None:
        nonlocal status
        given = asked.contents
        url, method, target, schemes = (text.decode() for text in (given.url, given.method, given.target, given.schemes))
        headers = parse(given.headers)
        challenge = Challenge(given.http_status, url, method, target, tuple(filter(None, schemes.split(", "))), headers)
        text = on_challenge(challenge)
        if text is not None:
            _fill(data, capacity, length, text, "the answer to a challenge")
            status = _abi.OK

    guarded(key, answer)
    return status


_c_supply = _abi.BEARER_CALLBACK(_supply)
_c_answer = _abi.CHALLENGE_CALLBACK(_answer)


def set_http(
    options: Options,
    raised: List[BaseException],
    max_redirects: int,
    auth: Optional[Tuple[str, str]],
    bearer: Optional[Bearer],
    on_challenge: Optional[OnChallenge],
    cookies: Optional[Cookies],
    cookie_jar: Optional[CookieJar],
) -> None:
    """Sets these options. What the functions raise is added to `raised`."""
    options.number(_abi.OPT_MAX_REDIRECTS, max_redirects)
    if auth is not None:
        if bearer is not None:
            raise UsageError("auth and bearer are both given: give one of them")
        if isinstance(auth, str) or len(auth) != 2:
            raise TypeError("auth must be a tuple of user name and password")
        options.text(_abi.OPT_AUTH_USER, auth[0])
        options.text(_abi.OPT_AUTH_PASSWORD, auth[1])
    if callable(bearer):
        keep(options, bearer, raised, _abi.options_set_bearer, _c_supply)
    else:
        options.text(_abi.OPT_BEARER_TOKEN, bearer)
    if on_challenge is not None:
        keep(options, on_challenge, raised, _abi.options_set_on_challenge, _c_answer)
    for name, value in cookies.items() if isinstance(cookies, Mapping) else cookies or ():
        check(_abi.options_add_cookie(options.handle, c_text(name, "a cookie's name"), c_text(value, "a cookie's value")))
    if cookie_jar is not None:
        if not isinstance(cookie_jar, CookieJar):
            raise TypeError(f"cookie_jar must be a CookieJar, not {type(cookie_jar).__name__}")
        check(_abi.options_set_cookie_jar(options.handle, cookie_jar._handle))
