"""Connections in a loop of one's own: waits for several of them in one thread, and prints what each receives.

    python event_loop.py ws://127.0.0.1:9001/ ws://127.0.0.1:9002/

Sends "hello" to each, and ends when all are closed or have answered.
"""

import selectors
import sys

import landline


def receive_all(ws: landline.Connection) -> bool:
    """Prints all messages that are there; whether the connection is still of use."""
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
        ws = landline.connect(url, ping_interval=None)
        ws.send("hello")
        # An answer that came with the opening handshake would not make the descriptor readable.
        if receive_all(ws):
            selector.register(ws, selectors.EVENT_READ, ws)
    while selector.get_map():
        for key, _ in selector.select():
            ws = key.data
            if not receive_all(ws):
                selector.unregister(ws)
                ws.close()


try:
    main()
except landline.Error as error:
    sys.exit(f"error: {error}")
