"""Objects that own a handle of the library cannot be copied or pickled in any way; all values can."""

import copy
import dataclasses
import gc
import inspect
import multiprocessing
import pickle
import pkgutil
import threading
from importlib import import_module
from typing import Any, Callable, Dict, Iterator, List, Set, Type

import pytest
from conftest import echo, running, url_of

import landline
from landline import _abi, _options, _state, _waiting


def classes() -> Set[Type[Any]]:
    """All classes of the package."""
    found: Set[Type[Any]] = set()
    for module in pkgutil.iter_modules(landline.__path__, "landline."):
        if module.name == "landline.liblandline":
            # The library, which may be in the package.
            continue
        for _, item in inspect.getmembers(import_module(module.name), inspect.isclass):
            if item.__module__.startswith("landline."):
                found.add(item)
    new = list(found)
    while new:
        new = [kind for parent in new for kind in type.__subclasses__(parent) if kind not in found]
        found.update(kind for kind in new if kind.__module__.startswith("landline."))
    return found


# Values, and an example of each.
HEADERS = landline.Headers([("A", "b"), ("a", "c")])
VALUES: List[object] = [
    HEADERS,
    landline.CloseCode.GOING_AWAY,
    landline.Compression(level=9),
    landline.TcpOptions(keepalive_time=60),
    landline.Response(404, "no", HEADERS),
    landline.Connected(0, 1),
    landline.Part(1, True, False),
    landline.Challenge(401, "ws://a/", "GET", "/", ("Basic",), HEADERS),
    landline.Stats(1, 2, 3, 4, 5, 6),
    landline.Timings(1, 2, 3, 4, 5),
    landline.TlsOptions(min_version="1.3"),
    landline.TlsInfo("1.3", "TLS_AES_256_GCM_SHA384", None, False, "rustls", "", (), "", ()),
    _waiting.Limit(5),
]
ARGUMENTS: Dict[Type[landline.Error], Any] = {
    landline.InvalidHandshake: ("text", "STATUS", 7, 404, HEADERS, b"body"),
    **{
        kind: ("text", "STATUS", 7, 1008, "reason")
        for kind in (
            landline.ConnectionClosed,
            landline.ConnectionClosedOK,
            landline.ConnectionClosedError,
            landline.ProtocolError,
            landline.MessageTooBig,
            landline.ConnectionTLSError,
        )
    },
}


def duplicates(value: object) -> Iterator[Any]:
    yield copy.copy(value)
    yield copy.deepcopy(value)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.loads(pickle.dumps(value, protocol))


@dataclasses.dataclass
class Session:
    connection: object


REFUSED: Dict[str, Callable[[Any], object]] = {
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "a deep copy of what holds it": lambda it: copy.deepcopy({"sessions": [Session(it)]}),
    "dataclasses.asdict": lambda it: dataclasses.asdict(Session(it)),
    "dataclasses.astuple": lambda it: dataclasses.astuple(Session(it)),
    "__reduce__": lambda it: it.__reduce__(),
    "__reduce_ex__": lambda it: it.__reduce_ex__(2),
    "__getstate__": lambda it: it.__getstate__(),
    "__setstate__": lambda it: it.__setstate__({}),
    "__copy__": lambda it: it.__copy__(),
    "__deepcopy__": lambda it: it.__deepcopy__({}),
    "multiprocessing": lambda it: multiprocessing.reduction.ForkingPickler.dumps(it),
    **{f"pickle {n}": lambda it, n=n: pickle.dumps(it, n) for n in range(pickle.HIGHEST_PROTOCOL + 1)},  # type: ignore[misc]
    **{f"pickle {n} in Python": lambda it, n=n: pickle._dumps(it, n) for n in (0, 2, 5)},  # type: ignore[misc,attr-defined]
}


@pytest.fixture
def owners() -> Iterator[Dict[Type[Any], Any]]:
    """An object of each class that owns something."""
    seen: List[Any] = []
    with running(echo, process_request=seen.append) as server, landline.connect(url_of(server)) as ws:
        done = threading.Event()
        ws.send("a" * 200_000)
        things: List[Any] = [server, server._listener, ws, ws._handle, seen[0], seen[0]._handle, ws.recv_stream()]
        things += [next(iter(server._threads.values())), _options.Options(), _options.Options().handle]
        things += [_abi.new_interrupter(), _abi.new_writer(), _abi.new_tls(), landline.CookieJar(), _abi.new_cookie_jar()]
        session = landline.reconnect(url_of(server))
        things += [session, session._handle, session._functions, _abi.SessionCallbacks()]
        yield {type(thing): thing for thing in things}
        done.set()


def test_every_class_is_an_owner_or_a_value(owners: Dict[Type[Any], Any]) -> None:
    abstract = {_abi.Unique, _abi.Handle, landline.Connection, *landline.Connection.__bases__, _state.State}
    errors = {kind for kind in classes() if issubclass(kind, landline.Error)}
    values = {type(value) for value in VALUES}
    assert {kind for kind in classes() if issubclass(kind, _abi.Unique)} - abstract == set(owners)
    # What the library lends to a callback.
    lent = {_abi.Challenge}
    assert classes() == abstract | set(owners) | errors | values | lent


def test_every_class_that_refers_to_a_handle_is_an_owner(owners: Dict[Type[Any], Any]) -> None:
    values = tuple(kind for kind in classes() if not issubclass(kind, _abi.Unique))
    holders = [it for it in gc.get_objects() if issubclass(type(it), values) and not isinstance(it, landline.Error)]
    for holder in holders:
        inside = gc.get_referents(holder) + list(getattr(holder, "__dict__", {}).values())
        assert not any(isinstance(it, _abi.Unique) for it in inside), type(holder)


@pytest.mark.parametrize("way", REFUSED)
def test_owners_refuse_to_be_copied_and_pickled(way: str, owners: Dict[Type[Any], Any]) -> None:
    for kind, owner in owners.items():
        with pytest.raises(TypeError, match=f"{kind.__name__} cannot be copied or pickled: .*another process"):
            REFUSED[way](owner)
    ws = owners[landline.ClientConnection]
    gc.collect()
    ws.send("still there")
    assert ws.recv(timeout=10) == "still there"


def test_a_handle_made_without_its_constructor_owns_nothing(owners: Dict[Type[Any], Any]) -> None:
    ws = owners[landline.ClientConnection]
    other = type(ws._handle).from_buffer_copy(ws._handle)
    assert other.value == ws._handle.value
    del other
    gc.collect()
    ws.send("still there")
    assert ws.recv(timeout=10) == "still there"


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_multiprocessing_refuses_connections_as_results(method: str) -> None:
    with running(echo) as server, landline.connect(url_of(server)) as ws:
        queue = multiprocessing.get_context(method).SimpleQueue()
        with pytest.raises(TypeError, match="another process has to open a connection of its own"):
            queue.put(ws)
        if method == "spawn":
            process = multiprocessing.get_context("spawn").Process(target=print, args=(ws,))
            with pytest.raises(TypeError, match="another process has to open a connection of its own"):
                process.start()


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_can_be_copied_and_pickled(value: Any) -> None:
    for other in duplicates(value):
        assert type(other) is type(value)
        if isinstance(value, landline.Headers):
            assert other.raw_items() == value.raw_items()
        elif isinstance(value, _waiting.Limit):
            assert vars(other) == vars(value)
        elif isinstance(value, landline.Response):
            assert other[:2] == value[:2] and dict(other.headers) == dict(value.headers)
        else:
            assert other == value


@pytest.mark.parametrize("kind", sorted((kind for kind in classes() if issubclass(kind, landline.Error)), key=str))
def test_exceptions_can_be_copied_and_pickled(kind: Type[landline.Error]) -> None:
    error = kind(*ARGUMENTS.get(kind, ("text", "STATUS", 7)))
    if hasattr(error, "pending"):
        setattr(error, "pending", True)
    for other in duplicates(error):
        assert type(other) is kind and str(other) == str(error) == "text"
        assert other.args == error.args and other.errno == error.errno == 7
        known = {key: value for key, value in vars(error).items() if key != "headers"}
        assert {key: value for key, value in vars(other).items() if key != "headers"} == known


def test_exceptions_of_a_connection_can_be_pickled() -> None:
    with running(lambda ws: ws.close(1008, "why")) as server, landline.connect(url_of(server)) as ws:
        with pytest.raises(landline.ConnectionClosedError) as caught:
            ws.recv(timeout=10)
    other = pickle.loads(pickle.dumps(caught.value))
    assert (other.code, other.reason, str(other)) == (1008, "why", str(caught.value))
    with pytest.raises(landline.ConnectError) as refused:
        landline.connect("ws://127.0.0.1:1/")
    assert pickle.loads(pickle.dumps(refused.value)).errno == refused.value.errno
