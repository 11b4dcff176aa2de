"""Connects to a server whose certificate was issued by a private CA, and trusts no other.

    python wss_private_ca.py wss://localhost:9443/ ca.pem
"""

import sys

import landline


def main() -> None:
    url, ca_file = sys.argv[1], sys.argv[2]
    try:
        ws = landline.connect(url, ca_file=ca_file, platform_roots=False)
    except landline.TLSError as error:
        sys.exit(f"error: not trusted: {error}")
    with ws:
        ws.send("hello")
        print(ws.recv(timeout=5))


try:
    main()
except landline.Error as error:
    sys.exit(f"error: {error}")
