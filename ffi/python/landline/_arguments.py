"""Checks of arguments: one of a wrong type is named, before anything is done with it."""

import operator
import socket
import ssl
from typing import Iterable, List

from ._exceptions import UsageError


def expect(is_right: bool, what: str, expected: str, value: object) -> None:
    """Refuses a value of a wrong type; `what` is its name for the caller."""
    if not is_right:
        raise TypeError(f"{what} must be {expected}, not {type(value).__name__}")


def integer(value: object, what: str) -> int:
    """An int, or something that is used like one, such as a bool or an IntEnum."""
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{what} must be an int, not {type(value).__name__}") from None


def not_negative(value: object, what: str) -> int:
    """An int from 0 on."""
    number = integer(value, what)
    if number < 0:
        raise UsageError(f"{what} is {number}: it must be 0 or more")
    return number


def function(value: object, what: str, optional: bool = False) -> None:
    """Something that can be called, or None if it is optional."""
    expect(callable(value) or (optional and value is None), what, "callable or None" if optional else "callable", value)


def texts(value: object, what: str) -> List[str]:
    """The strings of an iterable, which must not be a single string. The strings themselves are checked later."""
    expect(isinstance(value, Iterable) and not isinstance(value, (str, bytes)), what, "a list of str", value)
    return list(value)  # type: ignore[call-overload, no-any-return]


def plain_socket(value: object, tls: str) -> None:
    """A socket without TLS; `tls` says when this package does TLS over it."""
    expect(isinstance(value, socket.socket), "sock", "a socket", value)
    if isinstance(value, ssl.SSLSocket):
        raise TypeError(f"sock must be a plain socket, not an SSLSocket: {tls}, landline does TLS over it")
