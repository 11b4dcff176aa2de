"""What can be sent: text, and objects with the buffer protocol."""

import ctypes
import re
from typing import TYPE_CHECKING, Any, Optional, Tuple, Union

from . import _abi
from ._exceptions import UsageError

if TYPE_CHECKING:
    from typing_extensions import Buffer

Data = Union[str, bytes]
DataLike = Union[str, "Buffer"]
"""A str, or anything with the buffer protocol: bytes, bytearray, memoryview, array.array, mmap, numpy arrays and so on."""

# The names of a structure's fields, in the format of a buffer.
_NAMES = re.compile(":[^:]*:")


def encoded(text: str) -> bytes:
    """A text in UTF-8."""
    try:
        return str.encode(text, "utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(str(error)) from None


def view_of(data: object) -> Optional[memoryview]:
    """The bytes of an object, as they are in memory; None if it does not have the buffer protocol."""
    kind = type(data).__name__
    try:
        view = memoryview(data)  # type: ignore[arg-type]
    except TypeError:
        return None
    except (ValueError, BufferError) as error:
        raise UsageError(f"the bytes of this {kind} cannot be accessed: {error}") from None
    if "O" in _NAMES.sub("", view.format):
        raise TypeError(f"this {kind} contains Python objects and not their bytes: convert it")
    if not view.c_contiguous:
        raise UsageError(
            f"the bytes of this {kind} are not contiguous, as after slicing with a step or transposing:"
            " send a copy, such as bytes(view) or numpy.ascontiguousarray(array)"
        )
    return view


def payload(data: object, what: str = "a message") -> Tuple[int, Any, int]:
    """The kind of a message, something that points to its bytes, and their number.

    Writable buffers are not copied: they must not change until they have been sent.
    """
    if isinstance(data, str):
        text = encoded(data)
        return _abi.TEXT, text, len(text)
    if isinstance(data, bytes):
        return _abi.BINARY, data, len(data)
    view = view_of(data)
    if view is None:
        raise TypeError(f"{what} must be str or bytes-like, not {type(data).__name__}")
    if view.readonly or not view.nbytes:
        copy = view.tobytes()
        return _abi.BINARY, copy, len(copy)
    return _abi.BINARY, ctypes.byref(ctypes.c_char.from_buffer(view)), view.nbytes


def as_bytes(data: object, what: str) -> bytes:
    """Converts a str, encoded as UTF-8, or a bytes-like object to bytes."""
    if isinstance(data, str):
        return encoded(data)
    if isinstance(data, bytes):
        return data
    view = view_of(data)
    if view is None:
        raise TypeError(f"{what} must be str or bytes-like, not {type(data).__name__}")
    return view.tobytes()
