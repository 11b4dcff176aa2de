"""talk.c in Python."""

import sys

import landline

ca_file, url, *proxies = sys.argv[1:]
try:
    with landline.connect(
        url,
        ca_file=ca_file,
        platform_roots=False,
        proxy=proxies or True,
        proxy_ca_file=ca_file,
        proxy_platform_roots=False,
        open_timeout=20,
    ) as ws:
        ws.send("hello")
        print("received", ws.recv(timeout=20))
except landline.Error as error:
    print(f"error {type(error).__name__}: {error}")
    sys.exit(1)
