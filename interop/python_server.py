"""An echo server on the Python library websockets, to test clients against.

    python_server.py [--cert PEM --key PEM] [--deflate]

Prints `listening on ws://127.0.0.1:PORT` (wss:// with a certificate) once it accepts. Text comes back as text, binary
as binary, up to 64 MiB; the subprotocol chat.v2 is accepted if offered. A text starting with `!` is an order:

    !ping               pings the client, and sends the text `pong received` once the pong has come
    !fragments N SIZE   sends a binary message in N fragments of SIZE bytes, and an empty last one (the library's way);
                        byte i of the message is i % 251
    !close CODE REASON  closes with this code and reason

Each connection prints a line at its end, `{"closed": [CODE, "REASON"], "error": null}`: the Close frame of the client
(1005 if it held no code, 1006 if there was none), and what went wrong, if anything did.

Ends when standard input does, or on SIGTERM.
"""

import argparse
import asyncio
import json
import os
import signal
import ssl
import threading

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

MAX_MESSAGE = 64 << 20


def fragments(count, size):
    pattern = bytes(i % 251 for i in range(size + 251))
    for n in range(count):
        start = n * size % 251
        yield pattern[start : start + size]


async def obey(socket, order):
    name, *words = order.split(" ", 2)
    if name == "!ping":
        await (await socket.ping(b"interop"))
        await socket.send("pong received")
    elif name == "!fragments":
        await socket.send(fragments(int(words[0]), int(words[1])))
    elif name == "!close":
        await socket.close(int(words[0]), words[1] if len(words) > 1 else "")
    else:
        await socket.close(1008, f"unknown order {name}")


def report(socket):
    """The line about a connection that has ended."""
    protocol = socket.protocol
    error = protocol.parser_exc
    if error is None and not (protocol.close_rcvd and protocol.close_sent):
        error = protocol.close_exc
    closed = [socket.close_code, socket.close_reason]
    line = {"closed": closed, "error": error and str(error)}
    print(json.dumps(line, ensure_ascii=False), flush=True)


async def handle(socket):
    try:
        async for message in socket:
            if isinstance(message, str) and message.startswith("!"):
                await obey(socket, message)
            else:
                await socket.send(message)
    except ConnectionClosed:
        pass
    finally:
        await socket.close()
        report(socket)


def select(_socket, offered):
    return "chat.v2" if "chat.v2" in offered else None


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--deflate", action="store_true")
    options = parser.parse_args()
    tls = None
    if options.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert, options.key)

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)

    def watch_input():
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch_input, daemon=True).start()

    async with serve(
        handle,
        "127.0.0.1",
        0,
        ssl=tls,
        compression="deflate" if options.deflate else None,
        max_size=MAX_MESSAGE,
        select_subprotocol=select,
        ping_interval=None,
        close_timeout=5,
    ) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening on {'wss' if tls else 'ws'}://127.0.0.1:{port}", flush=True)
        await stop.wait()


asyncio.run(main())
