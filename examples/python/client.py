"""Connects, sends one message, prints the answer, and closes.

    python client.py ws://127.0.0.1:9001/ hello
"""

import sys

import landline


def main() -> None:
    url, text = sys.argv[1], sys.argv[2]
    with landline.connect(url) as ws:
        ws.send(text)
        print(ws.recv(timeout=5))


try:
    main()
except landline.Error as error:
    sys.exit(f"error: {error}")
