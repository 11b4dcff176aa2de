"""A peer for the examples, using the Python library websockets.

    peer.py serve [CERT KEY]      an echo server: prints its URL once it accepts, ends when standard input does
    peer.py breaking              the same, but it breaks off each connection after one message, to which it adds a number
    peer.py client URL [CA]       sends text, text with a NUL and bytes to an echo server, and checks what comes back
"""

import itertools
import socket
import ssl
import sys
import threading

from websockets.sync.client import connect
from websockets.sync.server import serve


def echo(connection):
    for message in connection:
        connection.send(message)


numbers = itertools.count(1)


def echo_once(connection):
    connection.send(f"{connection.recv()} {next(numbers)}")
    # Without a Close frame.
    connection.socket.shutdown(socket.SHUT_RDWR)


def run_server(handler, certificate):
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    with serve(handler, "127.0.0.1", 0, ssl=context) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        scheme, host = ("wss", "localhost") if certificate else ("ws", "127.0.0.1")
        print(f"listening on {scheme}://{host}:{server.socket.getsockname()[1]}/", flush=True)
        sys.stdin.read()
        server.shutdown()


def run_client(url, authority):
    context = ssl.create_default_context(cafile=authority) if authority else None
    with connect(url, ssl=context, open_timeout=10) as connection:
        for message in ["text", "a\0b", b"\x00\x01\xff", "x" * 100_000, ""]:
            connection.send(message)
            assert connection.recv(timeout=10) == message, message
        assert connection.protocol.extensions, "no compression"
    assert connection.protocol.close_rcvd.code == 1000


if sys.argv[1] == "serve":
    run_server(echo, sys.argv[2:4])
elif sys.argv[1] == "breaking":
    run_server(echo_once, [])
else:
    run_client(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
