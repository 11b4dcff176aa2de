"""Subscribes to a feed and prints it. When the connection is lost, it connects again and subscribes again. Ends after COUNT
messages, if that is given.

    python reconnect.py ws://127.0.0.1:9001/ 'subscribe prices' [COUNT]
"""

import sys

import landline


def main() -> None:
    url, subscription = sys.argv[1], sys.argv[2]
    left = int(sys.argv[3]) if len(sys.argv) > 3 else -1
    for ws in landline.reconnect(url):
        try:
            ws.send(subscription)
            for message in ws:
                print(message, flush=True)
                left -= 1
                if left == 0:
                    return
        except landline.ConnectionClosed as error:
            print(f"connecting again: {error}", file=sys.stderr)


try:
    main()
except landline.Error as error:
    sys.exit(f"error: {error}")
