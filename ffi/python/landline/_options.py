"""Options for connecting and for listening, from Python's values to the library's."""

import operator
import os
from dataclasses import dataclass
from typing import Iterable, Optional, Union

from . import _abi
from ._exceptions import OPTIONS, TLSError, UsageError, check
from ._headers import HeadersLike, pairs
from ._payload import as_bytes
from ._waiting import millis, seconds

PathLike = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
NO_LIMIT = 2**63 - 1
_NAMES = {key: OPTIONS[name[4:]] for name, key in vars(_abi).items() if name.startswith("OPT_") and name[4:] in OPTIONS}
"""What the library's options are called here, by their keys."""


@dataclass(frozen=True)
class Compression:
    """How messages are compressed (permessage-deflate).

    Attributes:
        level: 1 (fast) to 9 (small).
        threshold: the smallest message to compress, in bytes. None: all messages where this end's messages may refer
            to earlier ones; where each begins with an empty window, those of at least 128 bytes. Some peers cannot
            read a connection with compressed and plain messages.
        server_no_context_takeover: the server compresses each message by itself.
        client_no_context_takeover: the client compresses each message by itself.
        server_max_window_bits: the window of the server's compressor, 9 to 15.
        client_max_window_bits: the window of the client's compressor, 9 to 15.
    """

    level: int = 6
    threshold: Optional[int] = None
    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15
    client_max_window_bits: int = 15


@dataclass(frozen=True)
class TcpOptions:
    """How TCP sockets are set up. None leaves a setting to the system.

    Attributes:
        nodelay: small writes are sent immediately.
        keepalive_time: the kernel probes a peer of which nothing has come for so many seconds, whole ones, rounded up,
            even while no thread is receiving. A peer that does not answer ends the connection. None: no probes.
        keepalive_interval: seconds from one such probe to the next. The system's is 75 on Linux.
        keepalive_retries: probes without an answer after which the kernel gives up. The system's is 9 on Linux.
        user_timeout: how many seconds what was sent may go unacknowledged before the kernel gives up. Linux only; elsewhere
            UsageError.
        recv_buffer_size: size of the socket's receive buffer in bytes, which Linux doubles and bounds.
        send_buffer_size: size of its send buffer. What fits is accepted without waiting.
    """

    nodelay: bool = True
    keepalive_time: Optional[float] = None
    keepalive_interval: Optional[float] = None
    keepalive_retries: Optional[int] = None
    user_timeout: Optional[float] = None
    recv_buffer_size: Optional[int] = None
    send_buffer_size: Optional[int] = None


def c_text(text: object, what: str) -> bytes:
    """A text as a C string; `what` is what the caller knows it as."""
    if not isinstance(text, str):
        raise TypeError(f"{what} is a str, not {type(text).__name__}")
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(f"{what} is {text!r}, which cannot be written in UTF-8") from None
    if b"\0" in data:
        raise UsageError(f"{what} is {text!r}, which holds a NUL")
    return data


def path_text(path: object, what: str) -> str:
    """The path of a file or a socket as text."""
    try:
        return os.fsdecode(path)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{what} is a path: str, bytes or os.PathLike, not {type(path).__name__}") from None


class Options(_abi.Unique):
    """The library's options."""

    def __init__(self) -> None:
        self.handle = _abi.new_options()
        check(_abi.options_new(self.handle))

    def number(self, key: int, value: Optional[int]) -> None:
        if value is not None:
            try:
                number = operator.index(value)
            except TypeError:
                raise TypeError(f"{_NAMES[key]} is an int, not {type(value).__name__}") from None
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
                # To the library it would be as if nothing had been given.
                raise TLSError(f"the {what} cannot be used: it is empty", "LANDLINE_ERR_TLS")
            check(_abi.options_set_bytes(self.handle, key, data, len(data)))

    def headers(self, headers: Optional[HeadersLike]) -> None:
        for name, value in pairs(headers or ()):
            texts = c_text(name, "the name of a header"), c_text(value, "the value of a header")
            check(_abi.options_add_header(self.handle, *texts))

    def compression(self, compression: Union[bool, Compression]) -> None:
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
        chosen = TcpOptions() if tcp is None else tcp
        self.number(_abi.OPT_TCP_NODELAY, chosen.nodelay)
        for key, time, what in (
            (_abi.OPT_TCP_KEEPALIVE_TIME_MS, chosen.keepalive_time, "keepalive_time"),
            (_abi.OPT_TCP_KEEPALIVE_INTERVAL_MS, chosen.keepalive_interval, "keepalive_interval"),
            (_abi.OPT_TCP_USER_TIMEOUT_MS, chosen.user_timeout, "user_timeout"),
        ):
            # No limit is the system's, too.
            self.number(key, max(0, millis(seconds(time, what, "more than 0"))))
        for key, count, what in (
            (_abi.OPT_TCP_KEEPALIVE_RETRIES, chosen.keepalive_retries, "keepalive_retries"),
            (_abi.OPT_TCP_RECV_BUFFER_SIZE, chosen.recv_buffer_size, "recv_buffer_size"),
            (_abi.OPT_TCP_SEND_BUFFER_SIZE, chosen.send_buffer_size, "send_buffer_size"),
        ):
            if count is not None and count <= 0:
                raise UsageError(f"{what} is {count!r}: it must be more than 0, or None for the system's")
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
        """What both sides have."""
        self.tcp(tcp)
        if isinstance(subprotocols, str):
            raise TypeError("subprotocols is a list of strings")
        for name in subprotocols or ():
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
        """The certificate that this end shows."""
        self.path(_abi.OPT_TLS_CERT_FILE, cert_file)
        self.path(_abi.OPT_TLS_KEY_FILE, key_file)
        self.data(_abi.OPT_TLS_CERT_PEM, cert_pem, "certificate")
        self.data(_abi.OPT_TLS_KEY_PEM, key_pem, "private key")
        self.data(_abi.OPT_TLS_PKCS12, pkcs12, "PKCS#12 archive")
        self.text(_abi.OPT_TLS_PKCS12_PASSWORD, pkcs12_password)
