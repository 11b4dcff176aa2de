"""Measures this package and websockets.sync side by side: messages per second in each direction, and per second of this
process's CPU time, which says more on a machine that has other things to do.

    python compare.py [--size 1024] [--rounds 5] [--seconds 1]

The peer of both is peer.c, in a process of its own; it is compiled with cc against the library that the package uses.
Rounds are interleaved; the table has the medians. Needs websockets and a C compiler, and a clone of Landline for its
header.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import landline
from landline import _abi
from websockets.sync.client import connect as websockets_connect

HERE = Path(__file__).resolve().parent
INCLUDE = HERE.parents[2] / "include"
Rates = Tuple[float, float]
# How many messages to send before checking the clock.
BATCH = 500


def peer(directory: str, size: int) -> "Tuple[subprocess.Popen[str], str]":
    program = Path(directory) / "peer"
    library = Path(_abi._name).resolve()
    subprocess.run(["cc", "-O2", "-I", INCLUDE, HERE / "peer.c", library, "-o", program], check=True)
    os.symlink(library, Path(directory) / library.name)
    environment = {**os.environ, "LD_LIBRARY_PATH": f"{library.parent}:{directory}"}
    process = subprocess.Popen([program, str(size)], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def rate(step: Callable[[], object], seconds: float) -> Rates:
    """Calls per second, and per second of CPU time."""
    for _ in range(BATCH):
        step()
    count = 0
    begin = now = time.perf_counter()
    cpu = time.process_time()
    while now < begin + seconds:
        for _ in range(BATCH):
            step()
        count += BATCH
        now = time.perf_counter()
    return count / (now - begin), count / (time.process_time() - cpu)


def path_for(what: str) -> str:
    return {"recv bytes": "binary", "recv str": "text"}.get(what, "sink")


def with_landline(address: str, what: str, payload: Any, seconds: float) -> Rates:
    with landline.connect(f"ws://{address}/{path_for(what)}") as ws:
        call = getattr(ws, what.split()[0])
        result = rate(call if call == ws.recv else lambda: call(payload), seconds)
        ws.abort()
    return result


def with_websockets(address: str, what: str, payload: Any, seconds: float) -> Rates:
    url = f"ws://{address}/{path_for(what)}"
    with websockets_connect(url, compression=None, proxy=None, close_timeout=0.1) as ws:
        return rate(ws.recv if what.startswith("recv") else lambda: ws.send(payload), seconds)


def rows(size: int) -> Iterator[Tuple[str, Any]]:
    for verb in ("recv", "send", "feed"):
        yield f"{verb} bytes", b"x" * size
        yield f"{verb} str", "x" * size


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    results: Dict[str, Tuple[List[Rates], List[Rates]]] = {}
    with tempfile.TemporaryDirectory() as directory:
        process, address = peer(directory, options.size)
        try:
            for _ in range(options.rounds):
                for what, payload in rows(options.size):
                    ours, theirs = results.setdefault(what, ([], []))
                    ours.append(with_landline(address, what, payload, options.seconds))
                    theirs.append(with_websockets(address, what, payload, options.seconds))
        finally:
            process.kill()
            process.wait()
    print(f"messages of {options.size} bytes per second, medians of {options.rounds} rounds; feed is against send")
    print(f"{'':12}{'landline':>12}{'websockets':>12}{'ratio':>8}{'per CPU s':>14}{'websockets':>12}{'ratio':>8}")
    for what, (ours, theirs) in results.items():
        line = f"{what:12}"
        for kind, width in ((0, 12), (1, 14)):
            a, b = (statistics.median(rates[kind] for rates in side) for side in (ours, theirs))
            line += f"{a:{width},.0f}{b:12,.0f}{a / b:8.2f}"
        print(line)


if __name__ == "__main__":
    main()
