"""Lookups of one client beside long queries of many: ``python -m tests.bench.crowding [--before DIR]``.

Clients at 4, 10 and 20 addresses send queries that never end, three at a time each, and another one sends a lookup
every 50 ms. DIR is another checkout, such as a clone of an older commit, with its environment in DIR/.venv; both are
measured in one run. The table goes to standard output, in Markdown: milliseconds until the answer, and the answers that
were an error. Every number of clients meets a server that was just started.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from tests.cases.readers import RUNAWAY

CROWDS = (4, 10, 20)
AT_A_TIME = 3
_SECONDS = 40.0
_PAUSE = 0.05
_START = "import sys; from kg.cli.main import main; main()"


@contextmanager
def served(python: Path) -> Iterator[int]:
    """Run ``kg serve`` of a checkout on a new store, and yield its port."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("KG_")} | {"KG_LOG": "off"}
        command = [str(python), "-c", _START]
        subprocess.run([*command, "init", "--data", f"{folder}/data"], env=environ, check=True, capture_output=True)
        serve = [*command, "serve", "--data", f"{folder}/data", "--port", "0"]
        with subprocess.Popen(serve, env=environ, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
            try:
                assert process.stdout is not None
                port = int(process.stdout.readline().rpartition("http://")[2].partition("/")[0].rpartition(":")[2])
                while True:
                    with suppress(OSError):
                        if ask(port, 1, "ASK {}")[0] == 200:
                            break
                    time.sleep(0.1)
                yield port
            finally:
                process.terminate()
                process.wait(60)


def ask(port: int, host: int, text: str) -> tuple[int, float]:
    """Send one query from the address 127.0.0.``host``; return the status and the seconds until its answer."""
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120, source_address=(f"127.0.0.{host}", 0))
    try:
        connection.request("GET", f"/sparql?query={quote(text)}", headers={"Accept": "text/csv"})
        reply = connection.getresponse()
        reply.read()
    finally:
        connection.close()
    return reply.status, time.monotonic() - begun


def lookups(port: int, crowd: int, seconds: float) -> list[tuple[int, float]]:
    """Send lookups beside a crowd, and return their statuses and times."""
    end = time.monotonic() + seconds

    def press(host: int, number: int) -> None:
        while time.monotonic() < end:
            with suppress(OSError, http.client.HTTPException):
                ask(port, host, f"{RUNAWAY} # {host} {number} {time.monotonic()}")
            time.sleep(_PAUSE)

    for host in range(10, 10 + crowd):
        for number in range(AT_A_TIME):
            threading.Thread(target=press, args=(host, number), daemon=True).start()
    time.sleep(_PAUSE)
    found: list[tuple[int, float]] = []
    while time.monotonic() < end:
        found.append(ask(port, 2, f"SELECT * {{ <urn:{len(found)}> ?p ?o }}"))
        time.sleep(_PAUSE)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="of each load")
    options = parser.parse_args()
    sides = {"after": Path(sys.executable)}
    if options.before:
        sides = {"before": options.before.resolve() / ".venv/bin/python", **sides}
    print("| clients with long queries |  | lookups | errors | median | p99 | maximum |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for crowd in CROWDS:
        for side, python in sides.items():
            with served(python) as port:
                found = lookups(port, crowd, options.seconds)
            times = sorted(1000 * seconds for _, seconds in found)
            errors = sum(status != 200 for status, _ in found)
            row = (statistics.median(times), times[int(0.99 * len(times))], times[-1])
            print(
                f"| {crowd} | {side} | {len(found)} | {errors} |",
                " | ".join(f"{ms:.0f}" for ms in row),
                "|",
                flush=True,
            )


if __name__ == "__main__":
    main()
