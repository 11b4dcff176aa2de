"""Holds a fixed conversation with an echo server through the Python library websockets.

    python_client.py URL [--cafile PEM] [--subprotocol NAME] [--deflate]

Prints a line for each step that went well and exits with 0; the first that does not is told on standard error, with
what was expected and what came, and the exit status is 1.
"""

import argparse
import asyncio
import os
import ssl
import sys

from websockets.asyncio.client import connect

MAX_MESSAGE = 64 << 20
STEP_LIMIT = 60  # seconds
MIXED = "aé€😀" * 104_857 + "123456"  # 1 MiB as UTF-8


def describe(value):
    if isinstance(value, (str, bytes)):
        kind = "text" if isinstance(value, str) else "binary"
        return f"{kind} of {len(value)}: {value[:40]!r}"
    return repr(value)


def expect(want, got):
    if type(want) is type(got) and want == got:
        return
    place = ""
    if isinstance(want, bytes) and isinstance(got, bytes):
        place = f" (different from byte {len(os.path.commonprefix([want, got]))} on)"
    raise ValueError(f"expected {describe(want)}, got {describe(got)}{place}")


class Step:
    """The current step, for error messages."""

    current = None

    def __call__(self, name):
        """Reports that the previous step succeeded and another one begins."""
        if self.current is not None:
            print(f"ok: {self.current}", flush=True)
        self.current = name


def pattern(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def messages():
    """Name, what to send, and the expected reply."""
    yield "text", "hello, wörld", "hello, wörld"
    yield "binary", b"\x00\x01\xfe\xff", b"\x00\x01\xfe\xff"
    yield "empty text", "", ""
    yield "empty binary", b"", b""
    for size in (125, 126, 65535, 65536, 16 << 20):
        yield f"binary of {size}", pattern(size), pattern(size)
    yield "text of 1 MiB", MIXED, MIXED
    yield "text in fragments", ["one ", "zwölf ", "", "三"], "one zwölf 三"
    yield "binary in fragments", [pattern(1000)] * 100, pattern(1000) * 100


async def converse(options, step):
    step("opening")
    tls = ssl.create_default_context(cafile=options.cafile) if options.url.startswith("wss:") else None
    socket = await connect(
        options.url,
        ssl=tls,
        proxy=None,
        subprotocols=[options.subprotocol] if options.subprotocol else None,
        compression="deflate" if options.deflate else None,
        max_size=MAX_MESSAGE,
        ping_interval=None,
        close_timeout=STEP_LIMIT,
    )
    expect(options.subprotocol, socket.subprotocol)
    agreed = [extension.name for extension in socket.protocol.extensions]
    expect(["permessage-deflate"] if options.deflate else [], agreed)

    for name, send, want in messages():
        step(name)
        async with asyncio.timeout(STEP_LIMIT):
            await socket.send(send)
            expect(want, await socket.recv())

    step("ping")
    async with asyncio.timeout(STEP_LIMIT):
        # Returns once a Pong with this payload has arrived.
        await (await socket.ping(b"are you there?"))

    step("close")
    await socket.close(4001, "bye €")
    expect(4001, socket.close_code)
    step(None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--cafile")
    parser.add_argument("--subprotocol")
    parser.add_argument("--deflate", action="store_true")
    options = parser.parse_args()
    step = Step()
    try:
        asyncio.run(converse(options, step))
    except Exception as error:
        sys.exit(f"FAILED: {step.current}: {str(error) or type(error).__name__}")


main()
