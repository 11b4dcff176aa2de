"""Options of clients and servers: turns Python's values into the library's."""

import os
from dataclasses import dataclass
from typing import Iterable, Optional, Union

from . import _abi
from ._arguments import expect, integer, texts
from ._exceptions import OPTIONS, TLSError, UsageError, check
from ._headers import HeadersLike, pairs
from ._payload import as_bytes
from ._waiting import millis, seconds

PathLike = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
NO_LIMIT = 2**63 - 1
_NAMES = {key: OPTIONS[name[4:]] for name, key in vars(_abi).items() if name.startswith("OPT_") and name[4:] in OPTIONS}
"""The names of the library's options in this package, by their keys."""


@dataclass(frozen=True)
class Compression:
    """Options for compressing messages (permessage-deflate, RFC 7692).

    Attributes:
        level: the level for messages that this end sends, from 1 (fastest) to 9 (smallest).
        threshold: the length of the smallest message to compress, in bytes. None: all messages if this end's messages may
            refer to earlier ones; those of at least 128 bytes if each message starts with an empty window. Some peers
            cannot handle a mixture of compressed and uncompressed messages.
        server_no_context_takeover: the server starts each message with an empty window. A client that sets it requires
            it: if the server does not support it, the connection has no compression.
        client_no_context_takeover: the client starts each message with an empty window.
        server_max_window_bits: the largest window for messages from the server, 9 to 15. A client that sets less than 15
            requires it: if the server does not support it, the connection has no compression.
        client_max_window_bits: the largest window for messages from the client, 9 to 15. A server that sets less than 15
            declines compression with clients that do not let the server choose this.
    """

    level: int = 6
    threshold: Optional[int] = None
    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15
    client_max_window_bits: int = 15


@dataclass(frozen=True)
class TcpOptions:
    """Options of TCP sockets. None leaves an option at the system's default.

    Attributes:
        nodelay: whether small writes are sent at once (TCP_NODELAY).
        keepalive_time: the kernel probes a peer from which nothing has arrived for this many seconds, rounded up to whole
            ones, even while no thread is receiving. If the peer does not answer, the connection ends. None: no probes.
        keepalive_interval: seconds from one probe to the next. The system's default is 75 on Linux.
        keepalive_retries: number of unanswered probes after which the kernel gives up. The system's default is 9 on Linux.
        user_timeout: how many seconds sent data may remain unacknowledged before the kernel gives up. Linux only;
            elsewhere it raises UsageError.
        recv_buffer_size: size of the socket's receive buffer in bytes, which Linux doubles and limits.
        send_buffer_size: size of the socket's send buffer in bytes. Data that fits into it is accepted without waiting.
    """

    nodelay: bool = True
    keepalive_time: Optional[float] = None
    keepalive_interval: Optional[float] = None
    keepalive_retries: Optional[int] = None
    user_timeout: Optional[float] = None
    recv_buffer_size: Optional[int] = None
    send_buffer_size: Optional[int] = None


def c_text(text: object, what: str) -> bytes:
    """A text as a C string; `what` is its name for the caller."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, not {type(text).__name__}")
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        # The text may be a secret, or a URL with one.
        raise UsageError(f"{what} cannot be encoded as UTF-8: it has a lone surrogate at index {error.start}") from None
    if b"\0" in data:
        raise UsageError(f"{what} contains a NUL at index {text.index(chr(0))}")
    return data


def path_text(path: object, what: str) -> str:
    """The path of a file or a socket as text."""
    try:
        return os.fsdecode(path)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{what} must be a path (str, bytes or os.PathLike), not {type(path).__name__}") from None


class Options(_abi.Unique):
    """The library's options."""

    def __init__(self) -> None:
        self.handle = _abi.new_options()
        check(_abi.options_new(self.handle))

    def number(self, key: int, value: Optional[int]) -> None:
        if value is not None:
            number = integer(value, _NAMES[key])
            if not -(2**63) <= number < 2**63:
                raise UsageError(f"{number} is out of range for {_NAMES[key]}")
            check(_abi.options_set_int(self.handle, key, number))

    def seconds(self, key: int, value: Optional[float], what: str) -> None:
        """A time limit; None is no limit."""
        self.number(key, millis(seconds(value, what, "more than 0")))

    def text(self, key: int, value: Optional[str]) -> None:
        if value is not None:
            check(_abi.options_set_str(self.handle, key, c_text(value, _NAMES[key])))

    def path(self, key: int, value: Optional[PathLike]) -> None:
        if value is not None:
            self.text(key, path_text(value, _NAMES[key]))

    def data(self, key: int, value: Union[bytes, str, None], what: str) -> None:
        if value is not None:
            data = as_bytes(value, f"the {what}")
            if not data:
                # The library would take this for an option that is not set.
                raise TLSError(f"the {what} cannot be used: it is empty", "LANDLINE_ERR_TLS")
            check(_abi.options_set_bytes(self.handle, key, data, len(data)))

    def headers(self, headers: Optional[HeadersLike]) -> None:
        for name, value in pairs(headers or ()):
            texts = c_text(name, "the name of a header"), c_text(value, "the value of a header")
            check(_abi.options_add_header(self.handle, *texts))

    def proxies(
        self,
        proxy: Union[None, bool, str, Iterable[str]],
        no_proxy: Union[None, str, Iterable[str]],
        headers: Optional[HeadersLike],
    ) -> None:
        if isinstance(proxy, (bool, type(None))):
            self.number(_abi.OPT_PROXY_FROM_ENV, bool(proxy))
            if headers:
                raise UsageError("proxy_headers are given without a URL in proxy")
        else:
            for url in [proxy] if isinstance(proxy, str) else proxy:
                self.text(_abi.OPT_PROXY, c_text(url, "proxy").decode())
        if no_proxy is not None:
            names = [no_proxy] if isinstance(no_proxy, str) else no_proxy
            self.text(_abi.OPT_NO_PROXY, ",".join(c_text(name, "no_proxy").decode() for name in names))
        for name, value in pairs(headers or ()):
            texts = c_text(name, "the name of a header"), c_text(value, "the value of a header")
            check(_abi.options_add_proxy_header(self.handle, *texts))

    def compression(self, compression: Union[bool, Compression]) -> None:
        expect(isinstance(compression, (bool, Compression)), "compression", "a bool or a Compression", compression)
        if compression is False:
            return
        chosen = Compression() if compression is True else compression
        self.number(_abi.OPT_COMPRESSION, 1)
        self.number(_abi.OPT_COMPRESSION_LEVEL, chosen.level)
        self.number(_abi.OPT_COMPRESSION_THRESHOLD, chosen.threshold)
        self.number(_abi.OPT_SERVER_NO_CONTEXT_TAKEOVER, chosen.server_no_context_takeover)
        self.number(_abi.OPT_CLIENT_NO_CONTEXT_TAKEOVER, chosen.client_no_context_takeover)
        self.number(_abi.OPT_SERVER_MAX_WINDOW_BITS, chosen.server_max_window_bits)
        self.number(_abi.OPT_CLIENT_MAX_WINDOW_BITS, chosen.client_max_window_bits)

    def tcp(self, tcp: Optional[TcpOptions]) -> None:
        expect(tcp is None or isinstance(tcp, TcpOptions), "tcp", "a TcpOptions or None", tcp)
        chosen = TcpOptions() if tcp is None else tcp
        self.number(_abi.OPT_TCP_NODELAY, chosen.nodelay)
        for key, time, what in (
            (_abi.OPT_TCP_KEEPALIVE_TIME_MS, chosen.keepalive_time, "keepalive_time"),
            (_abi.OPT_TCP_KEEPALIVE_INTERVAL_MS, chosen.keepalive_interval, "keepalive_interval"),
            (_abi.OPT_TCP_USER_TIMEOUT_MS, chosen.user_timeout, "user_timeout"),
        ):
            # No limit also means the system's default.
            self.number(key, max(0, millis(seconds(time, what, "more than 0"))))
        for key, count, what in (
            (_abi.OPT_TCP_KEEPALIVE_RETRIES, chosen.keepalive_retries, "keepalive_retries"),
            (_abi.OPT_TCP_RECV_BUFFER_SIZE, chosen.recv_buffer_size, "recv_buffer_size"),
            (_abi.OPT_TCP_SEND_BUFFER_SIZE, chosen.send_buffer_size, "send_buffer_size"),
        ):
            if count is not None and integer(count, what) <= 0:
                raise UsageError(f"{what} is {count!r}: it must be more than 0, or None for the system's default")
            self.number(key, count)

    def common(
        self,
        subprotocols: Optional[Iterable[str]],
        compression: Union[bool, Compression],
        open_timeout: Optional[float],
        ping_interval: Optional[float],
        ping_timeout: Optional[float],
        close_timeout: Optional[float],
        send_timeout: Optional[float],
        max_size: Optional[int],
        tcp: Optional[TcpOptions],
    ) -> None:
        """Sets the options that clients and servers have in common."""
        self.tcp(tcp)
        for name in [] if subprotocols is None else texts(subprotocols, "subprotocols"):
            self.text(_abi.OPT_SUBPROTOCOL, name)
        self.compression(compression)
        self.seconds(_abi.OPT_HANDSHAKE_TIMEOUT_MS, open_timeout, "open_timeout")
        self.seconds(_abi.OPT_KEEPALIVE_INTERVAL_MS, ping_interval, "ping_interval")
        self.seconds(_abi.OPT_KEEPALIVE_TIMEOUT_MS, ping_timeout, "ping_timeout")
        self.seconds(_abi.OPT_CLOSE_TIMEOUT_MS, close_timeout, "close_timeout")
        self.seconds(_abi.OPT_SEND_TIMEOUT_MS, send_timeout, "send_timeout")
        self.number(_abi.OPT_MAX_MESSAGE_SIZE, NO_LIMIT if max_size is None else max_size)

    def identity(
        self,
        cert_file: Optional[PathLike],
        key_file: Optional[PathLike],
        cert_pem: Union[bytes, str, None],
        key_pem: Union[bytes, str, None],
        pkcs12: Optional[bytes],
        pkcs12_password: Optional[str],
    ) -> None:
        """Sets the certificate and key of this end."""
        self.path(_abi.OPT_TLS_CERT_FILE, cert_file)
        self.path(_abi.OPT_TLS_KEY_FILE, key_file)
        self.data(_abi.OPT_TLS_CERT_PEM, cert_pem, "certificate")
        self.data(_abi.OPT_TLS_KEY_PEM, key_pem, "private key")
        self.data(_abi.OPT_TLS_PKCS12, pkcs12, "PKCS#12 archive")
        self.text(_abi.OPT_TLS_PKCS12_PASSWORD, pkcs12_password)
