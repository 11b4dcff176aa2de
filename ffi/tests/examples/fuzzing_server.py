"""Plays the Autobahn suite's fuzzing server for an echoing client, with a few cases.

    fuzzing_server.py AGENT

Prints `listening on ws://127.0.0.1:PORT`. Ends well once a client that calls itself AGENT has asked for the number of
cases, played each one, in order, and asked for the report; at anything else it says what was wrong and exits with 1.
"""

import asyncio
import sys

from websockets.asyncio.server import serve

LIMIT = 30  # seconds

# The messages of each case; None cuts the connection, which the client must survive.
CASES = [
    ["text", "", "aé€😀" * 5000],
    [b"", bytes(range(256)) * 1000],
    None,
    ["one", b"two"] * 500,
]


async def play(socket, messages):
    """All are sent before the first echo is expected. All must come back, unchanged."""
    if messages is None:
        socket.transport.abort()
        return
    for message in messages:
        await socket.send(message)
    for message in messages:
        echo = await socket.recv()
        if echo != message:
            raise ValueError(f"expected {message[:20]!r} as an echo, got {echo[:20]!r}")
    await socket.close(1000)


async def main(agent):
    asked = []
    done = asyncio.get_running_loop().create_future()
    wanted = [
        "/getCaseCount",
        *(f"/runCase?case={number}&agent={agent}" for number in range(1, len(CASES) + 1)),
        f"/updateReports?agent={agent}",
    ]

    async def handle(socket):
        try:
            target = socket.request.path
            asked.append(target)
            if asked != wanted[: len(asked)]:
                raise ValueError(f"expected {wanted[: len(asked)]}, got {asked}")
            if [extension.name for extension in socket.protocol.extensions] != ["permessage-deflate"]:
                raise ValueError(f"{target}: compression was not offered")
            if target == "/getCaseCount":
                await socket.send(str(len(CASES)))
            elif target.startswith("/runCase"):
                await play(socket, CASES[len(asked) - 2])
            await socket.close(1000)
            if len(asked) == len(wanted):
                done.set_result(None)
        except Exception as error:
            if not done.done():
                done.set_exception(error)

    async with asyncio.timeout(LIMIT), serve(handle, "127.0.0.1", 0, ping_interval=None) as server:
        print(f"listening on ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await done


try:
    asyncio.run(main(sys.argv[1]))
except Exception as error:
    sys.exit(f"FAILED: {str(error) or type(error).__name__}")
