"""WebSocket client and server in blocking calls, for programs that use threads.

    import landline

    with landline.connect("ws://127.0.0.1:9001/") as ws:
        ws.send("hello")
        print(ws.recv(timeout=5))

connect() opens a connection, reconnect() one after another whenever one is lost, serve() creates a server. Time limits are
in seconds; None means no limit. What goes wrong raises a subclass of landline.Error, except for arguments of a wrong type,
which raise TypeError. While a call waits, other Python threads run. Ctrl-C ends a call in the main thread.
"""

from ._abi import version as _version
from ._client import ClientConnection, connect
from ._close_code import CloseCode
from ._connection import Connection
from ._dialling import Address, Resolver, SocketHook
from ._exceptions import (
    ConcurrencyError,
    ConnectError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    ConnectionTLSError,
    Error,
    Interrupted,
    InvalidHandshake,
    InvalidURL,
    MessageTooBig,
    NotConnected,
    ProtocolError,
    ProxyError,
    Timeout,
    TLSError,
    UsageError,
    WouldBlock,
)
from ._headers import Headers, HeadersLike
from ._http import Bearer, Challenge, CookieJar, Cookies, OnChallenge
from ._options import Compression, TcpOptions
from ._payload import Data, DataLike
from ._receiving import MessageStream, Part
from ._server import Request, Response, Server, ServerConnection, accept, serve
from ._session import Connected, Session, reconnect
from ._state import Stats, Timings
from ._tls import TlsInfo, TlsOptions

__version__: str = _version().decode()

__all__ = [
    "Address",
    "Bearer",
    "Challenge",
    "ClientConnection",
    "CloseCode",
    "Compression",
    "ConcurrencyError",
    "ConnectError",
    "Connected",
    "Connection",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "ConnectionTLSError",
    "CookieJar",
    "Cookies",
    "Data",
    "DataLike",
    "Error",
    "Headers",
    "HeadersLike",
    "Interrupted",
    "InvalidHandshake",
    "InvalidURL",
    "MessageStream",
    "MessageTooBig",
    "OnChallenge",
    "NotConnected",
    "Part",
    "ProtocolError",
    "ProxyError",
    "Request",
    "Resolver",
    "Response",
    "Server",
    "ServerConnection",
    "Session",
    "SocketHook",
    "Stats",
    "TLSError",
    "TcpOptions",
    "Timeout",
    "Timings",
    "TlsInfo",
    "TlsOptions",
    "UsageError",
    "WouldBlock",
    "accept",
    "connect",
    "reconnect",
    "serve",
]
