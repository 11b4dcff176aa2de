"""What is measured: programs, suites and their cases."""

import dataclasses
import enum

KIB, MIB = 1 << 10, 1 << 20

# The first word is the binary. Raw programs do not use a WebSocket library; they show the limit.
SERVERS = {
    "raw": ["load", "raw-echo"],
    "raw-whole": ["load", "raw-echo", "--whole"],
    "landline": ["echo_server", "--listen", "127.0.0.1:0", "--max-connections", "1000000"],
    "tungstenite": ["peers", "echo", "tungstenite"],
    "fastwebsockets": ["peers", "echo", "fastwebsockets"],
    "sockudo-ws": ["peers", "echo", "sockudo-ws"],
    "yawc": ["peers", "echo", "yawc"],
}
CLIENTS = {
    "landline": ["bench_client"],
    "tungstenite": ["peers", "client", "tungstenite"],
    "fastwebsockets": ["peers", "client", "fastwebsockets"],
    "sockudo-ws": ["peers", "client", "sockudo-ws"],
    "yawc": ["peers", "client", "yawc"],
}
RAW = {"raw", "raw-whole"}
LIBRARIES = tuple(name for name in SERVERS if name not in RAW)

SUITES = {
    "pingpong": "Ping-pong: one message at a time",
    "pipeline": "Pipelined: up to 64 messages in flight",
    "large": "Large messages, several in flight",
    "bulk": "Bulk: one message at a time",
    "deflate": "Compression: JSON, level 6",
    "tls": "TLS, native-tls on both ends",
    "receive": "Clients that receive as fast as they can",
    "send": "Clients that send as fast as they can",
    "senders": "Threads that send over one connection, each message flushed; tungstenite in a mutex",
    "idle": "Idle connections",
}


class What(enum.Enum):
    """What is under test."""

    ECHO = 1
    RECEIVING = 2
    SENDING = 3
    IDLE = 4


@dataclasses.dataclass(frozen=True)
class Case:
    suite: str
    name: str
    what: What
    size: int
    programs: tuple
    quick: bool = False
    # For echo servers
    load: tuple = ()
    server: tuple = ()
    # For clients
    mode: str = ""
    threads: int = 1


def size_name(size):
    for unit, name in (MIB, "MiB"), (KIB, "KiB"):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} B"


def echo(suite, size, programs, connections=1, window=1, kind="binary", load=(), server=(), quick=False):
    words = [f"{connections} connection{'s' * (connections > 1)}", size_name(size)]
    words += [kind] if suite in ("large", "deflate") else []
    words += [f"{window} in flight"] if suite not in ("pingpong", "pipeline", "bulk") else []
    arguments = ("--connections", connections, "--size", size, "--window", window, "--kind", kind, *load)
    return Case(suite, ", ".join(words), What.ECHO, size, programs, quick, arguments, server)


def client(mode, size, programs=LIBRARIES, quick=False):
    suite = "receive" if mode == "recv" else "send"
    name = {"recv": "", "send": ", each flushed", "sendbuf": ", 64 gathered"}[mode]
    what = What.RECEIVING if mode == "recv" else What.SENDING
    return Case(suite, size_name(size) + name, what, size, programs, quick, mode=mode)


def all_cases():
    small = ("raw", *LIBRARIES)
    whole = ("raw", "raw-whole", *LIBRARIES)
    for connections in 1, 32:
        for size in 125, KIB, 16 * KIB:
            yield echo("pingpong", size, small, connections, quick=size == KIB)
    for connections in 1, 32:
        for size in 32, KIB, 16 * KIB:
            yield echo("pipeline", size, small, connections, 64, quick=size == KIB)
    for size, window in (64 * KIB, 8), (MIB, 4):
        for kind in "binary", "text":
            yield echo("large", size, whole, 1, window, kind, quick=kind == "text")
    for size in MIB, 16 * MIB:
        yield echo("bulk", size, whole, quick=size > MIB)
    for size, window in (KIB, 64), (64 * KIB, 8):
        both = ("--deflate",)
        yield echo("deflate", size, ("landline", "yawc"), 1, window, "json", both, both, quick=True)
    for size, window in (KIB, 64), (16 * MIB, 1):
        load, server = ("--certificate", "{cert}"), ("--cert", "{cert}", "--key", "{key}")
        yield echo("tls", size, ("landline", "tungstenite"), 1, window, "binary", load, server, quick=True)
    for size in 32, KIB, 16 * MIB:
        yield client("recv", size, quick=size < KIB)
    for size in 32, KIB:
        yield client("send", size, quick=size == KIB)
        gathering = tuple(name for name in LIBRARIES if name != "fastwebsockets")
        yield client("sendbuf", size, gathering, quick=size == KIB)
    for size in 64 * KIB, MIB, 16 * MIB:
        yield client("send", size, quick=size == MIB)
    for threads in 1, 4, 16, 64:
        name = f"{threads} thread{'s' * (threads > 1)}, 500 B"
        both = ("landline", "tungstenite")
        yield Case("senders", name, What.SENDING, 500, both, threads == 64, mode="send", threads=threads)
    yield Case("idle", "1 KiB echoed once", What.IDLE, KIB, small, quick=True)
