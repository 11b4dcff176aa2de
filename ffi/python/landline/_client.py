"""The client's side: connect()."""

import socket
from typing import Any, Iterable, List, Mapping, Optional, Tuple, Union

from . import _abi
from ._arguments import plain_socket
from ._connection import Connection
from ._dialling import Address, Resolver, SocketHook, set_dialling
from ._exceptions import Error, check
from ._headers import Headers, HeadersLike, parse
from ._http import Bearer, CookieJar, Cookies, OnChallenge, set_http
from ._options import Compression, Options, PathLike, TcpOptions, c_text
from ._tls import TlsOptions, set_tls
from ._waiting import in_turn, seconds


class ClientConnection(Connection):
    """A client's connection, from connect()."""

    def __enter__(self) -> "ClientConnection":
        return self

    @property
    def response_headers(self) -> Headers:
        """The headers of the server's response."""
        return parse(self._bytes(_abi.CONN_HEADERS))

    @property
    def url(self) -> str:
        """The URL that the connection was opened to, without user and password; after redirects, the last one."""
        return self._str(_abi.CONN_URL)


def connect(
    url: str,
    *,
    headers: Optional[HeadersLike] = None,
    subprotocols: Optional[Iterable[str]] = None,
    origin: Optional[str] = None,
    host: Optional[str] = None,
    max_redirects: int = 0,
    auth: Optional[Tuple[str, str]] = None,
    bearer: Optional[Bearer] = None,
    on_challenge: Optional[OnChallenge] = None,
    cookies: Optional[Cookies] = None,
    cookie_jar: Optional[CookieJar] = None,
    compression: Union[bool, Compression] = False,
    ca_file: Optional[PathLike] = None,
    ca_pem: Union[bytes, str, None] = None,
    platform_roots: bool = True,
    cert_file: Optional[PathLike] = None,
    key_file: Optional[PathLike] = None,
    cert_pem: Union[bytes, str, None] = None,
    key_pem: Union[bytes, str, None] = None,
    pkcs12: Optional[bytes] = None,
    pkcs12_password: Optional[str] = None,
    tls: Optional[TlsOptions] = None,
    danger_accept_invalid_certs: bool = False,
    danger_accept_invalid_hostnames: bool = False,
    proxy: Union[None, bool, str, Iterable[str]] = None,
    no_proxy: Union[None, str, Iterable[str]] = None,
    proxy_headers: Optional[HeadersLike] = None,
    proxy_ca_file: Optional[PathLike] = None,
    proxy_platform_roots: bool = True,
    proxy_cert_file: Optional[PathLike] = None,
    proxy_key_file: Optional[PathLike] = None,
    proxy_danger_accept_invalid_certs: bool = False,
    proxy_danger_accept_invalid_hostnames: bool = False,
    open_timeout: Optional[float] = 10,
    ping_interval: Optional[float] = 20,
    ping_timeout: Optional[float] = 20,
    close_timeout: Optional[float] = 10,
    send_timeout: Optional[float] = 30,
    max_size: Optional[int] = 16 * 2**20,
    tcp: Optional[TcpOptions] = None,
    resolver: Optional[Resolver] = None,
    addresses: Optional[Iterable[Address]] = None,
    address_family: Optional[int] = None,
    local_addr: Optional[Address] = None,
    interface: Optional[str] = None,
    on_socket: Optional[SocketHook] = None,
    unix: Optional[PathLike] = None,
    sock: Optional[socket.socket] = None,
) -> ClientConnection:
    """Opens a connection to a URL that begins with ws:// or wss://, or with ws+unix: or wss+unix: for a Unix socket:
    ws+unix:/run/feed.sock:/request, with the path percent-encoded where necessary. An IPv6 address is written in brackets,
    with its zone after %25 if it has one: ws://[fe80::1%25eth0]/.

    Blocks until the connection is open, for at most `open_timeout` seconds: looking up the name, connecting, proxies, TLS
    and the opening handshake together. If the host has several addresses, IPv6 and IPv4 take turns, and the next one is
    tried as well as soon as one has failed or has not answered for 250 ms; the first to answer is used (Happy Eyeballs,
    RFC 8305).

    Args:
        url: the URL to connect to.
        headers: additional headers of the request.
        subprotocols: the subprotocols to offer, the preferred one first.
        origin: the Origin header to send.
        host: the Host header to send instead of the URL's host and port.
        max_redirects: how many redirects to follow, one after the other; 5 is a usual value. A redirect that is not
            followed raises InvalidHandshake, which says where it leads. http and https in a Location stand for ws and wss;
            a redirect from wss to ws is never followed. What is meant for one origin (scheme, host and port) is not sent to
            another one: auth, bearer, cookies, Authorization and Cookie headers, host, addresses, unix and
            TlsOptions.server_name. All other headers are sent everywhere.
        auth: the user name and password for servers, which are sent at once by Basic authentication, and by Digest if a
            server refuses that and asks for it. They can be in the URL instead. Basic does not hide them: use wss.
        bearer: a bearer token to send, or a function that is called at the beginning of each attempt to connect and returns
            one. Use it in place of auth.
        on_challenge: called with a Challenge when a server (401) or a proxy (407) asks for authentication and no user name
            and password that were given help, at most 5 times for one URL. It returns the value of the Authorization or
            Proxy-Authorization header with which the request is sent again, or None to fail with the refusal.
        cookies: cookies to send, as a mapping or as pairs of name and value.
        cookie_jar: keeps the cookies that servers set, and sends those in it.
        compression: whether to offer compression (permessage-deflate), and with which options.
        ca_file, ca_pem: certificates in PEM to trust in addition to the platform's. A file is read for each connection,
            but parsed only if it has changed; the platform's certificates are read again after 10 minutes.
        platform_roots: whether to trust the platform's root certificates; if False, only those in ca_file and ca_pem.
        cert_file, key_file: files with this end's certificate chain and private key in PEM.
        cert_pem, key_pem: the same as bytes or text instead of files.
        pkcs12, pkcs12_password: the same as a PKCS#12 archive.
        tls: further options of TLS.
        danger_accept_invalid_certs: accepts any certificate. Anyone on the network path can then read and change
            everything.
        danger_accept_invalid_hostnames: accepts a trusted certificate even if it is for a different host. Whoever has a
            trusted certificate for any host can then impersonate the server.
        proxy: a proxy to connect through, as "scheme://user:password@host:port", user and password percent-encoded; or
            several, the nearest first; or True for those that the environment names. Schemes: http (CONNECT, for ws too),
            https (the same over TLS), socks5 and socks4 (the server's name is looked up here), socks5h and socks4a (the
            proxy looks it up). With True, ws_proxy, http_proxy and all_proxy count for ws, wss_proxy, https_proxy and
            all_proxy for wss, and no_proxy. The default None does not read the environment. Not used with sock.
            User and password are sent to an HTTP proxy with the first request, by Basic authentication; if the proxy
            answers 407, by the scheme that it asks for, Digest or Basic.
        no_proxy: the servers to connect to directly although there is a proxy: "example.com" with all domains below it,
            "192.0.2.7", "10.0.0.0/8", "example.com:8080", "*"; separated by commas, or a list. It replaces that of the
            environment.
        proxy_headers: additional headers of the CONNECT request, to the last one of several proxies. The server does not
            get them.
        proxy_ca_file, proxy_platform_roots, proxy_cert_file, proxy_key_file, proxy_danger_accept_invalid_certs,
            proxy_danger_accept_invalid_hostnames: as those without `proxy_`, for TLS with https proxies. Those without it
            do not apply to proxies.
        open_timeout: in seconds; None for no limit.
        ping_interval: send a Ping when nothing has arrived for this many seconds, in receiving calls; None for never.
        ping_timeout: end the connection when nothing has arrived for this many seconds after the Ping; None for never.
        close_timeout: how many seconds closing may take; None for no limit.
        send_timeout: how many seconds sending may go without making progress; None for no limit.
        max_size: the largest message to accept, in bytes; None for any size.
        tcp: options of the TCP socket.
        resolver: called with a host name and a port, in place of the system's look-up; returns the addresses to try, best
            first, each as text ("192.0.2.1", "192.0.2.1:443", "[2001:db8::1]:443") or as a tuple of address and port. It
            runs in a thread of the library's: when `open_timeout` is over, connect() returns and it goes on. It is not
            called for numeric addresses.
        addresses: addresses to connect to, of the same forms, whatever the URL's host is. Without a port or with port 0,
            they have the URL's. The Host header and the name in the server's certificate remain the URL's.
        address_family: socket.AF_INET or AF_INET6 to connect to addresses of that family only.
        local_addr: the address to connect from, and optionally the port; of the same forms.
        interface: the network interface to connect by, such as "eth0". Linux only.
        on_socket: called with the descriptor of each socket before it is connected, once for each address that is tried, to
            set options. It must not close it.
        unix: the path of a Unix socket to connect to, whatever the URL's host is.
        sock: a connected stream socket to use, which then belongs to the connection.

    Raises:
        Timeout: opening the connection took longer than `open_timeout`.
        InvalidURL, UsageError: an argument is wrong.
        TypeError: an argument has a wrong type.
        ConnectError: the host was not found, or could not be connected to.
        ProxyError: there is no way through the proxy.
        TLSError: TLS failed; for example, the server's certificate is not trusted.
        InvalidHandshake: the server refused, or does not speak WebSocket.

    What `resolver`, `on_socket`, `bearer` or `on_challenge` raised is the `__cause__` of the exception.
    """
    options, raised = settings(locals())
    if sock is not None:
        plain_socket(sock, "with wss://")
    interrupter = _abi.new_interrupter()
    check(_abi.interrupter_new(interrupter))
    check(_abi.options_set_interrupter(options.handle, interrupter))
    target = c_text(url, "url")
    handle = _abi.new_conn()

    def open_connection() -> None:
        if sock is None:
            check(_abi.connect(target, options.handle, -1, handle))
        else:
            check(_abi.connect_fd(sock.detach(), 1, target, options.handle, -1, handle))

    try:
        in_turn(open_connection, lambda: _abi.interrupter_abort(interrupter))
    except Error as error:
        if raised and not isinstance(raised[-1], Exception):
            # Such as KeyboardInterrupt: no failure to connect.
            raise raised[-1] from None
        if raised:
            raise error from raised[-1]
        raise
    finally:
        # The exception refers to this frame, which would keep them, and with them the functions.
        options.handle.release()
    return ClientConnection(handle, seconds(send_timeout, "send_timeout"))


def settings(given: Mapping[str, Any]) -> Tuple[Options, List[BaseException]]:
    """The options for the arguments of connect(), and the list to which is added what their functions raise."""
    options = Options()
    options.common(
        given["subprotocols"],
        given["compression"],
        given["open_timeout"],
        given["ping_interval"],
        given["ping_timeout"],
        given["close_timeout"],
        given["send_timeout"],
        given["max_size"],
        given["tcp"],
    )
    options.identity(
        given["cert_file"],
        given["key_file"],
        given["cert_pem"],
        given["key_pem"],
        given["pkcs12"],
        given["pkcs12_password"],
    )
    set_tls(options, given["tls"])
    options.seconds(_abi.OPT_CONNECT_TIMEOUT_MS, given["open_timeout"], "open_timeout")
    options.headers(given["headers"])
    options.text(_abi.OPT_ORIGIN, given["origin"])
    options.text(_abi.OPT_HOST, given["host"])
    options.path(_abi.OPT_TLS_CA_FILE, given["ca_file"])
    options.data(_abi.OPT_TLS_CA_PEM, given["ca_pem"], "CA certificate")
    options.number(_abi.OPT_TLS_PLATFORM_ROOTS, given["platform_roots"])
    options.number(_abi.OPT_TLS_DANGER_ACCEPT_INVALID_CERTS, given["danger_accept_invalid_certs"])
    options.number(_abi.OPT_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES, given["danger_accept_invalid_hostnames"])
    options.proxies(given["proxy"], given["no_proxy"], given["proxy_headers"])
    options.path(_abi.OPT_PROXY_TLS_CA_FILE, given["proxy_ca_file"])
    options.number(_abi.OPT_PROXY_TLS_PLATFORM_ROOTS, given["proxy_platform_roots"])
    options.path(_abi.OPT_PROXY_TLS_CERT_FILE, given["proxy_cert_file"])
    options.path(_abi.OPT_PROXY_TLS_KEY_FILE, given["proxy_key_file"])
    options.number(_abi.OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_CERTS, given["proxy_danger_accept_invalid_certs"])
    options.number(_abi.OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES, given["proxy_danger_accept_invalid_hostnames"])
    raised = set_dialling(
        options,
        given["address_family"],
        given["addresses"],
        given["local_addr"],
        given["interface"],
        given["unix"],
        given["resolver"],
        given["on_socket"],
    )
    set_http(
        options,
        raised,
        given["max_redirects"],
        given["auth"],
        given["bearer"],
        given["on_challenge"],
        given["cookies"],
        given["cookie_jar"],
    )
    return options, raised
