"""An echo peer using the Python library websockets: a server for testing clients, or a client for testing servers.

    python_echo.py [--cert PEM --key PEM]
    python_echo.py --client

The server prints `listening on ws://127.0.0.1:PORT` (wss:// with a certificate) once it accepts. The client opens a
connection for each line `URL [SETTINGS]` of its standard input, one after the other, and then does what the server
does.

Text comes back as text, binary as binary, up to 64 MiB; the server accepts the subprotocol chat.v2 if offered. A
text starting with `!` is an order:

    !ping               pings the other side, and sends the text `pong received` once the pong has come
    !fragments N SIZE   sends a binary message in N fragments of SIZE bytes, and an empty last one (the library's
                        way), with a ping after the first; byte i of the message is i % 251
    !extensions         sends the Sec-WebSocket-Extensions headers as text: the request's, and on a second line the
                        answer's; an empty line for one that is not there
    !close CODE REASON  closes with this code and reason

SETTINGS ask for compression: the word `deflate` and the parameters of RFC 7692, joined by `&`, like
`deflate&server_max_window_bits=10&client_no_context_takeover`. The server takes them from the URL's query, for this
connection. Without them there is no compression. Beyond the RFC:

    client_max_window_bits=no       not in the client's offer, where it is by default
    require_client_max_window_bits  the server declines an offer without it (not for ws)
    level=N                         how hard to compress
    threshold=N                     the smallest message to compress, in bytes (not for websockets)

Each connection prints a line at its end, `{"closed": [CODE, "REASON"], "error": null}`: the Close frame of the
other side (1005 if it held no code, 1006 if there was none), and what went wrong, if anything did.

Ends when standard input does, or on SIGTERM.
"""

import argparse
import asyncio
import json
import signal
import ssl
import sys
import threading
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory

MAX_MESSAGE = 64 << 20
COMMON = {"compression": None, "max_size": MAX_MESSAGE, "ping_interval": None, "close_timeout": 5}


def extensions(factory, settings):
    """The library's options for these settings."""
    given = dict(parse_qsl(settings, keep_blank_values=True))
    if "deflate" not in given:
        return None
    words = {"": True, "no": None}
    arguments = {"compress_settings": {}}
    for name, value in given.items():
        if name == "level":
            arguments["compress_settings"] = {"level": int(value)}
        elif name not in ("deflate", "threshold"):
            arguments[name] = words[value] if value in words else int(value)
    return [factory(**arguments)]


async def fragments(socket, count, size):
    pattern = bytes(i % 251 for i in range(size + 251))
    for n in range(count):
        start = n * size % 251
        yield pattern[start : start + size]
        if n == 0:
            await socket.ping()


def headers(socket):
    heads = (socket.request, socket.response)
    return [", ".join(head.headers.get_all("Sec-WebSocket-Extensions")) for head in heads]


async def obey(socket, order):
    name, *words = order.split(" ", 2)
    if name == "!ping":
        await (await socket.ping(b"interop"))
        await socket.send("pong received")
    elif name == "!fragments":
        await socket.send(fragments(socket, int(words[0]), int(words[1])))
    elif name == "!extensions":
        await socket.send("\n".join(headers(socket)))
    elif name == "!close":
        await socket.close(int(words[0]), words[1] if len(words) > 1 else "")
    else:
        await socket.close(1008, f"unknown order {name}")


def report(code, reason, error):
    line = {"closed": [code, reason], "error": error and str(error)}
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
        protocol = socket.protocol
        error = protocol.parser_exc
        if error is None and not (protocol.close_rcvd and protocol.close_sent):
            error = protocol.close_exc
        report(socket.close_code, socket.close_reason, error)


def select(_socket, offered):
    return "chat.v2" if "chat.v2" in offered else None


def configure(socket, request):
    """Before the request is answered: sets compression as its URL demands."""
    settings = urlsplit(request.path).query
    socket.protocol.available_extensions = extensions(ServerPerMessageDeflateFactory, settings)


async def be_server(options, lines):
    tls = None
    if options.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert, options.key)
    async with serve(
        handle, "127.0.0.1", 0, ssl=tls, select_subprotocol=select, process_request=configure, **COMMON
    ) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening on {'wss' if tls else 'ws'}://127.0.0.1:{port}", flush=True)
        while await lines.get():
            pass


async def be_client(lines):
    while line := await lines.get():
        url, _, settings = line.strip().partition(" ")
        try:
            offered = extensions(ClientPerMessageDeflateFactory, settings)
            socket = await connect(url, proxy=None, extensions=offered, **COMMON)
        except Exception as error:
            report(1006, "", error)
        else:
            await handle(socket)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--client", action="store_true")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    options = parser.parse_args()

    # From standard input; an empty one at its end.
    lines = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lines.put_nowait, "")

    def read_input():
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read_input, daemon=True).start()
    await (be_client(lines) if options.client else be_server(options, lines))


asyncio.run(main())
