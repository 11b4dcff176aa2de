"""Sends every message back: text as text, binary as binary. Ctrl-C or SIGTERM closes the clients with 1001.

    python echo_server.py 127.0.0.1 9001
"""

import signal
import sys

import landline


def echo(ws: landline.ServerConnection) -> None:
    for message in ws:
        # Answers are batched while more messages are there, and are sent before the next wait.
        ws.feed(message)


def main() -> None:
    host, port = sys.argv[1], int(sys.argv[2])
    with landline.serve(echo, host, port) as server:
        signal.signal(signal.SIGTERM, lambda *_: server.shutdown())
        print(f"listening on ws://{server.address}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


try:
    main()
except landline.Error as error:
    sys.exit(f"error: {error}")
