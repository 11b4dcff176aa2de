"""Checks that a server that receives SIGTERM closes its clients' connections properly.

    going_away.py URL PID

Opens several connections to the echo server, sends the signal, and expects each one to be closed with 1001.
"""

import asyncio
import os
import signal
import sys

from websockets.asyncio.client import connect

CONNECTIONS = 5
LIMIT = 15  # seconds


async def main(url, pid):
    async with asyncio.timeout(LIMIT):
        sockets = [await connect(url, proxy=None, ping_interval=None) for _ in range(CONNECTIONS)]
        # Each is being served once its echo has arrived.
        for socket in sockets:
            await socket.send("here")
            assert await socket.recv() == "here"
        os.kill(pid, signal.SIGTERM)
        for socket in sockets:
            await socket.wait_closed()
    codes = [socket.close_code for socket in sockets]
    if codes != [1001] * CONNECTIONS:
        sys.exit(f"FAILED: closed with {codes}")
    print(f"{CONNECTIONS} connections closed with 1001")


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
