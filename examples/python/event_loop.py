"""Connections in the program's own event loop: waits for several of them in one thread, and prints what each receives.

    python event_loop.py ws://127.0.0.1:9001/ ws://127.0.0.1:9002/

Sends "hello" to each, and ends when all are closed or have answered.
"""

import selectors
import sys
from typing import List

import landline


def receive_all(ws: landline.Connection) -> bool:
    """Prints all messages that are there; returns whether the connection is still open."""
    try:
        while True:
            print(f"{ws.remote_address}: {ws.recv(timeout=0)!r}", flush=True)
            ws.close_start()
    except landline.Timeout:
        return True
    except landline.ConnectionClosed as closed:
        print(f"{ws.remote_address}: {closed}", flush=True)
        return False


def main() -> None:
    selector = selectors.DefaultSelector()
    for url in sys.argv[1:]:
        ws = landline.connect(url)
        ws.send("hello")
        # An answer that came with the opening handshake would not make the descriptor readable.
        if receive_all(ws):
            selector.register(ws, selectors.EVENT_READ, ws)
    while selector.get_map():
        connections: List[landline.Connection] = [key.data for key in selector.get_map().values()]
        # Keepalive and the time limit for closing act in recv(), so wait no longer than that.
        deadlines = [connection.next_deadline() for connection in connections]
        selector.select(min((limit for limit in deadlines if limit is not None), default=None))
        for connection in connections:
            if not receive_all(connection):
                selector.unregister(connection)
                connection.close()


try:
    main()
except landline.Error as error:
    sys.exit(f"error: {error}")
