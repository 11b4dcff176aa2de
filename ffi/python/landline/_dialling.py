"""Options of connect() for names, addresses and sockets. The library calls a resolver and a socket hook through one C
function each, which gets a number: the key of the Python function in a table.

The library reports when it no longer needs a function. A resolver may then still be running in a thread of the library,
because connect() does not wait for it when time has run out.
"""

import itertools
import socket
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple, Union

from . import _abi
from ._exceptions import UsageError, check
from ._options import Options, PathLike, c_text

Address = Union[str, Tuple[Any, ...]]
"""An IP address, as text with or without a port, or as a tuple of address and port as in the socket module."""
Resolver = Callable[[str, int], Iterable[Address]]
SocketHook = Callable[[int], object]

_FAMILIES: Dict[Optional[int], int] = {None: _abi.FAMILY_ANY, socket.AF_INET: _abi.FAMILY_IPV4, socket.AF_INET6: _abi.FAMILY_IPV6}


# The functions, each with a list of what it raised. Changed in atomic steps only.
_functions: Dict[int, Tuple[Callable[..., Any], List[BaseException]]] = {}
_keys = itertools.count(1)


def guarded(key: int, call: Callable[[Callable[..., Any]], object]) -> int:
    """Makes a call for the library: 0, or if it raises an exception, its error number or -1."""
    function, raised = _functions[key]
    try:
        call(function)
        return 0
    except BaseException as error:
        # Only the latest one counts.
        raised[:] = [error]
        errno = getattr(error, "errno", None)
        return errno if isinstance(errno, int) and errno > 0 else -1


def _resolve(host: bytes, port: int, addresses: int, key: int) -> int:
    def ask(resolver: Resolver) -> None:
        for address in resolver(host.decode(), port):
            check(_abi.addresses_add(addresses, address_text(address, "an address from the resolver")))

    return guarded(key, ask)


def _show(fd: int, key: int) -> int:
    return guarded(key, lambda on_socket: on_socket(fd))


def _forget(key: int) -> None:
    _functions.pop(key, None)


_c_resolve = _abi.RESOLVER(_resolve)
_c_show = _abi.SOCKET_HOOK(_show)
_c_forget = _abi.FREE_USER(_forget)


def address_text(address: Address, what: str) -> bytes:
    """An address as the library reads it."""
    if isinstance(address, str):
        return c_text(address, what)
    try:
        host, port = address[:2]
        # As the socket module writes the zone of an IPv6 address.
        if len(address) > 3 and address[3] and "%" not in host:
            host = f"{host}%{address[3]:d}"
        text = f"[{host}]:{port:d}" if ":" in host else f"{host}:{port:d}"
    except (TypeError, ValueError):
        raise TypeError(f"{what} must be a str or a tuple of address and port, not {address!r}") from None
    return c_text(text, what)


def set_dialling(
    options: Options,
    address_family: Optional[int],
    addresses: Optional[Iterable[Address]],
    local_addr: Optional[Address],
    interface: Optional[str],
    unix: Optional[PathLike],
    resolver: Optional[Resolver],
    on_socket: Optional[SocketHook],
) -> List[BaseException]:
    """Sets these options. Returns a list, to which the exceptions of the functions are added."""
    family = _FAMILIES.get(address_family)
    if family is None:
        raise UsageError(f"address_family is {address_family!r}: it must be None, socket.AF_INET or socket.AF_INET6")
    options.number(_abi.OPT_ADDRESS_FAMILY, family)
    if isinstance(addresses, str):
        raise TypeError("addresses must be a list of addresses, not one str")
    for address in addresses or ():
        check(_abi.options_set_str(options.handle, _abi.OPT_ADDRESS, address_text(address, "an address")))
    if local_addr is not None:
        check(_abi.options_set_str(options.handle, _abi.OPT_LOCAL_ADDR, address_text(local_addr, "local_addr")))
    options.text(_abi.OPT_INTERFACE, interface)
    options.path(_abi.OPT_UNIX_PATH, unix)
    raised: List[BaseException] = []
    for function, setter, caller in (
        (resolver, _abi.options_set_resolver, _c_resolve),
        (on_socket, _abi.options_set_on_socket, _c_show),
    ):
        if function is not None:
            keep(options, function, raised, setter, caller)
    return raised


def keep(
    options: Options,
    function: Callable[..., Any],
    raised: List[BaseException],
    setter: Callable[..., int],
    caller: Any,
) -> None:
    """Has the library call a function until it does not need it any more. What it raises is added to `raised`."""
    key = next(_keys)
    _functions[key] = (function, raised)
    # If this fails, the library says at once that it does not need the function.
    check(setter(options.handle, caller, key, _c_forget))
