"""Two threads on one connection: one sends the lines of standard input, the other prints what it receives.

    python duplex.py ws://127.0.0.1:9001/
"""

import sys
import threading

import landline


def send_lines(ws: landline.Connection) -> None:
    try:
        for line in sys.stdin:
            ws.send(line.rstrip("\n"))
        # Nothing more is sent; what the peer has already sent still arrives.
        ws.close_start()
    except landline.ConnectionClosed:
        pass


def main() -> None:
    with landline.connect(sys.argv[1]) as ws:
        threading.Thread(target=send_lines, args=(ws,), daemon=True).start()
        for message in ws:
            print(message, flush=True)
    print(f"closed with {ws.close_code}", flush=True)


try:
    main()
except landline.Error as error:
    sys.exit(f"error: {error}")
