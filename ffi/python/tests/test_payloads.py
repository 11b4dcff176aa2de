"""What can be sent: text, any object with the buffer protocol, and iterables of these."""

import array
import collections
import ctypes
import enum
import importlib
import importlib.util
import mmap
import types
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
from conftest import echo, running, url_of

import landline

# Of any version, or none.
numpy: Any = importlib.import_module("numpy") if importlib.util.find_spec("numpy") else None


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int32), ("O", ctypes.c_double)]


def file_mapped(place: Path, access: int) -> mmap.mmap:
    file = place / "mapped"
    file.write_bytes(b"mapped file " * 1000)
    with file.open("r+b") as opened:
        return mmap.mmap(opened.fileno(), 0, access=access)


def buffers(place: Path) -> Dict[str, Any]:
    anonymous = mmap.mmap(-1, 10_000)
    anonymous[:3] = b"abc"
    made: Dict[str, Any] = {
        "bytes": b"abc",
        "a kind of bytes": type("Blob", (bytes,), {})(b"abc"),
        "bytearray": bytearray(b"abc"),
        "large bytearray": bytearray(b"abc" * 100_000),
        "nothing": bytearray(),
        "memoryview": memoryview(b"abcdef"),
        "memoryview of a part": memoryview(bytearray(b"abcdef"))[2:4],
        "memoryview with a format": memoryview(bytearray(8)).cast("d"),
        "memoryview with a shape": memoryview(bytearray(range(24))).cast("B", (2, 3, 4)),
        "memoryview that is read-only, with a shape": memoryview(bytes(range(24))).cast("B", (4, 6)),
        "array of bytes": array.array("B", [1, 2, 3]),
        "array of ints": array.array("l", range(10_000)),
        "array of doubles": array.array("d", [1.5, -2.5]),
        "empty array": array.array("i"),
        "array of characters": array.array("u", "abc"),
        "mmap": anonymous,
        "mmap of a file": file_mapped(place, mmap.ACCESS_WRITE),
        "mmap that is read-only": file_mapped(place, mmap.ACCESS_READ),
        "ctypes characters": (ctypes.c_char * 3).from_buffer_copy(b"abc"),
        "ctypes array": (ctypes.c_double * 2)(1.5, 2.5),
        "ctypes array of arrays": ((ctypes.c_int16 * 3) * 2)(),
        "ctypes structure": Point(1, 2.5),
        "ctypes number": ctypes.c_int64(-5),
    }
    if numpy is not None:
        read_only = numpy.arange(10)
        read_only.flags.writeable = False
        made.update(
            {
                "numpy": numpy.arange(100_000, dtype=numpy.float32),
                "numpy with a shape": numpy.arange(24, dtype=numpy.int16).reshape(2, 3, 4),
                "numpy that is read-only": read_only,
                "numpy without a dimension": numpy.array(5),
                "numpy scalar": numpy.float64(1.5),
                "numpy structure": numpy.zeros(3, dtype=[("Order", "i4"), ("x", "f8")]),
                "numpy that is empty": numpy.zeros((0, 3)),
            }
        )
    return made


WAYS: Dict[str, Callable[[landline.Connection, Any], object]] = {
    "send": lambda ws, data: ws.send(data),
    "send with a time limit": lambda ws, data: ws.send(data, timeout=10),
    "send compressed": lambda ws, data: ws.send(data, compress=True),
    "feed": lambda ws, data: ws.feed(data),
    "parts": lambda ws, data: ws.send([data]),
}


@pytest.fixture
def ws() -> Iterator[landline.ClientConnection]:
    with running(echo, compression=True) as server, landline.connect(url_of(server), compression=True) as connection:
        yield connection


@pytest.mark.parametrize("way", ["send", "send with a time limit", "send compressed", "feed", "parts"])
def test_buffers_are_one_binary_message(way: str, ws: landline.Connection, tmp_path: Path) -> None:
    for name, data in buffers(tmp_path).items():
        before = ws.stats
        WAYS[way](ws, data)
        assert ws.recv(timeout=10) == memoryview(data).tobytes(), name
        after = ws.stats
        assert after.messages_sent - before.messages_sent == 1, name
        if way != "send compressed" and way != "parts":
            # The elements are not sent as fragments with a header each.
            assert after.wire_sent - before.wire_sent <= memoryview(data).nbytes + 14 + 8, name


def test_a_buffer_is_released_after_the_call(ws: landline.Connection) -> None:
    data = bytearray(b"abc" * 10_000)
    mapped = mmap.mmap(-1, 4096)
    for it in (data, mapped):
        ws.send(it)
        ws.feed(it)
        ws.send([it, it])
    data.append(1)
    mapped.close()
    ws.recv_into(data, timeout=10)
    data.append(1)
    with pytest.raises(landline.UsageError, match="mmap cannot be accessed: mmap closed"):
        ws.send(mapped)


def scattered() -> Dict[str, Any]:
    made: Dict[str, Any] = {
        "every second byte": memoryview(b"abcdef")[::2],
        "backwards": memoryview(bytearray(b"abcdef"))[::-1],
    }
    if numpy is not None:
        table = numpy.arange(12).reshape(3, 4)
        made.update({"transposed": table.T, "a column": table[:, 1], "every second row": table[::2]})
        made["in the order of Fortran"] = numpy.asfortranarray(table)
    return made


@pytest.mark.parametrize("way", ["send", "send with a time limit", "feed", "parts"])
def test_buffers_that_are_not_contiguous_are_refused_with_advice(way: str, ws: landline.Connection) -> None:
    for name, data in scattered().items():
        with pytest.raises(landline.UsageError, match="are not contiguous.*send a copy"):
            WAYS[way](ws, data)
        assert ws.stats.messages_sent == 0 and ws.close_code is None, name
    with pytest.raises(landline.UsageError, match="are not contiguous"):
        ws.ping(memoryview(b"abcdef")[::2])
    if numpy is not None:
        ws.send(numpy.ascontiguousarray(scattered()["transposed"]))
        assert ws.recv(timeout=10) == scattered()["transposed"].tobytes()


def test_buffers_of_objects_are_refused(ws: landline.Connection) -> None:
    objects: List[Any] = [(ctypes.py_object * 2)(ctypes.py_object("a"), ctypes.py_object("b"))]
    if numpy is not None:
        objects += [numpy.array([{}, []], dtype=object), numpy.zeros(1, dtype=[("x", "i4"), ("y", "O")])]
    for it in objects:
        for way in ("send", "feed", "parts"):
            with pytest.raises(TypeError, match="contains Python objects"):
                WAYS[way](ws, it)
    if numpy is not None:
        with pytest.raises(landline.UsageError, match="cannot be accessed"):
            ws.send(numpy.array(["2020-01-01"], dtype="datetime64[D]"))
    assert ws.stats.messages_sent == 0 and ws.close_code is None


class Color(str, enum.Enum):
    RED = "röd"


class Shouting(str):
    def encode(self, *_: Any) -> bytes:
        return b"\xff"


def test_kinds_of_str_are_text(ws: landline.Connection) -> None:
    for text in (Color.RED, Shouting("röd"), type("Text", (str,), {})("röd")):
        for way in ("send", "send compressed", "feed", "parts"):
            WAYS[way](ws, text)
            assert ws.recv(timeout=10) == "röd"


ITERABLES: Dict[str, Any] = {
    "list of str": ["a", "", "bc"],
    "tuple of bytes": (b"a", b"", b"bc"),
    "generator of str": (it for it in ("a", "bc")),
    "all kinds of bytes": [b"a", bytearray(b"b"), memoryview(b"c"), array.array("B", [100])],
    "iterator": iter(["a", "bc"]),
    "deque": collections.deque([b"a", b"bc"]),
    "characters": (it for it in "abc"),
    "parts that are empty": [b"", b""],
}


@pytest.mark.parametrize("name", ITERABLES)
def test_iterables_are_one_message_in_parts(name: str, ws: landline.Connection) -> None:
    parts = list(ITERABLES[name])
    ws.send(parts if isinstance(ITERABLES[name], (types.GeneratorType, type(iter([])))) else ITERABLES[name])
    expected = "".join(parts) if isinstance(parts[0], str) else b"".join(bytes(it) for it in parts)
    assert ws.recv(timeout=10) == expected and ws.stats.messages_sent == 1


def test_an_empty_iterable_sends_nothing(ws: landline.Connection) -> None:
    nothings: List[Any] = [[], (), iter(()), (it for it in b"")]
    for nothing in nothings:
        ws.send(nothing)
    ws.send("next")
    assert ws.recv(timeout=10) == "next" and ws.stats.messages_sent == 1


def test_objects_that_are_not_messages_are_refused(ws: landline.Connection) -> None:
    wrong: List[Any] = [{}, {"a": 1}, collections.OrderedDict(a="b"), types.MappingProxyType({}), 5, 1.5, None, object()]
    for it in wrong:
        with pytest.raises(TypeError, match=f"a message must be .*, not {type(it).__name__}"):
            ws.send(it)
    for it in [*wrong, ["a"], iter("ab")]:
        with pytest.raises(TypeError, match=f"a message must be str or bytes-like, not {type(it).__name__}"):
            ws.feed(it)
    wrong = [[5], [None], [["a"]], [{}], range(3)]
    for parts in wrong:
        with pytest.raises(TypeError, match="a part of a message must be str or bytes-like, not"):
            ws.send(parts)
    assert ws.stats.messages_sent == 0 and ws.close_code is None


def test_parts_of_both_kinds_end_the_connection(ws: landline.Connection) -> None:
    mixed: Any = ["a", b"b"]
    with pytest.raises(TypeError, match="all str or all bytes-like"):
        ws.send(mixed)
    with pytest.raises(landline.ConnectionClosed) as closed:
        ws.recv(timeout=10)
    assert closed.value.code == 1011


def test_pings_accept_what_messages_accept(ws: landline.Connection) -> None:
    datas: List[Any] = [None, "", "text", b"bytes", bytearray(b"ba"), memoryview(b"mv"), array.array("i", [1, 2])]
    for data in datas:
        ws.ping(data)
    with pytest.raises(landline.UsageError):
        ws.ping(bytearray(126))
    wrong: List[Any] = [5, ["a"], {}]
    for data in wrong:
        with pytest.raises(TypeError, match="the data of a Ping must be str or bytes-like, not"):
            ws.ping(data)
    ws.send("still")
    assert ws.recv(timeout=10) == "still"


def test_buffers_to_receive_into(ws: landline.Connection) -> None:
    places: List[Any] = [bytearray(8), array.array("d", [0]), (ctypes.c_char * 8)(), mmap.mmap(-1, 8)]
    if numpy is not None:
        places.append(numpy.zeros((2, 4), dtype=numpy.int8))
    for place in places:
        ws.send(b"12345678")
        assert ws.recv_into(place, timeout=10) == (8, False, True)
        assert memoryview(place).tobytes() == b"12345678"
    wrong: List[Any] = [b"12345678", "12345678", memoryview(b"a"), 5, None]
    for place in wrong:
        with pytest.raises(TypeError, match="buffer must be a writable bytes-like object"):
            ws.recv_into(place)
    with pytest.raises(landline.UsageError, match="are not contiguous"):
        ws.recv_into(memoryview(bytearray(8))[::2])


def test_bodies_and_certificates_can_be_bytes_like() -> None:
    body = bytearray(b"no")
    with running(print, process_request=lambda _: landline.Response(403, body)) as server:  # type: ignore[arg-type]
        with pytest.raises(landline.InvalidHandshake) as refused:
            landline.connect(url_of(server))
        assert refused.value.body == b"no"
    with pytest.raises(landline.Error):
        landline.connect("wss://127.0.0.1:1/", ca_pem=memoryview(b"rubbish"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the CA certificate must be str or bytes-like, not int"):
        landline.connect("wss://127.0.0.1:1/", ca_pem=5)  # type: ignore[arg-type]
