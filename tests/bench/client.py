"""Load clients: wrk for many small requests, http.client for few large ones."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

JSON = "application/sparql-results+json"
_SCRIPT = Path(__file__).with_name("lookups.lua")


@dataclass(frozen=True)
class Reply:
    """A response.

    Attributes:
        seconds: from the request to the last byte.
        first: seconds from the request to the response head.
    """

    status: int
    etag: str
    content: bytes
    seconds: float
    first: float

    def rows(self) -> list[dict[str, dict[str, str]]]:
        """Return the solutions of a JSON result."""
        rows: list[dict[str, dict[str, str]]] = json.loads(self.content)["results"]["bindings"]
        return rows

    def values(self) -> list[tuple[str, ...]]:
        """Return the values of the solutions in a canonical order, for comparison between servers."""
        return sorted(
            tuple(f"{name}={value['value']}@{value.get('xml:lang', '')}" for name, value in sorted(row.items()))
            for row in self.rows()
        )


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int, timeout: float, source: str = "127.0.0.1") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout, source_address=(source, 0))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def get(self, target: str, headers: dict[str, str] | None = None) -> Reply:
        """Send a GET request and read the whole response.

        Raises:
            OSError: no connection, a timeout, or a truncated response.
        """
        begin = time.perf_counter()
        try:
            self.connection.request("GET", target, headers={"Accept": JSON} | (headers or {}))
            response = self.connection.getresponse()
            first = time.perf_counter()
            content = response.read()
        except (http.client.HTTPException, OSError) as error:
            self.connection.close()  # the next request reopens it
            raise OSError(str(error) or type(error).__name__) from error
        seconds = time.perf_counter() - begin
        return Reply(response.status, response.headers.get("ETag", ""), content, seconds, first - begin)


@dataclass(frozen=True)
class Load:
    """Measurements of one run of a load; times in milliseconds.

    Attributes:
        refused: responses with a status of 400 or more.
        broken: requests without a response.
        requests: all that got a response, refused ones included; 0 where they were not counted.
    """

    rate: float
    p50: float
    p99: float
    refused: int = 0
    broken: int = 0
    requests: int = 0


@dataclass
class Wrk:
    """The load generator wrk. Each run substitutes other numbers for ``__N__``, so that no two requests are equal."""

    program: str = "wrk"
    directory: Path = field(default_factory=Path)
    count: int = 1_000_000

    def run(
        self,
        port: int,
        requests: Sequence[str],
        clients: int,
        seconds: float,
        headers: Mapping[str, str] | None = None,
    ) -> Load:
        """Send the requests in turn, from so many connections, for so long.

        Args:
            requests: the path of each; after a tab the ETag to send, after another the body of a POST.
            headers: of all requests, beside the format of results as JSON.

        Raises:
            RuntimeError: wrk failed.
        """
        file, common = self.directory / "requests.txt", self.directory / "headers.txt"
        file.write_text("".join(f"{request}\n" for request in requests), "utf-8")
        lines = ({"Accept": JSON} | dict(headers or {})).items()
        common.write_text("".join(f"{name}: {value}\n" for name, value in lines), "utf-8")
        command = [self.program, "-t", "1", "-c", str(clients), "-d", f"{max(1, round(seconds))}s", "--timeout", "60s"]
        command += ["-s", str(_SCRIPT), f"http://127.0.0.1:{port}/", "--", str(file), str(self.count), str(common)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120, check=False)
        if done.returncode:
            raise RuntimeError(f"wrk failed: {done.stderr or done.stdout}")
        result = json.loads(done.stdout.splitlines()[-1])
        self.count += int(result["requests"]) + 10 * clients
        count, refused = int(result["requests"]), int(result["refused"])
        rate = (count - refused) / result["seconds"]
        return Load(rate, result["p50"], result["p99"], refused, int(result["broken"]), count)


def hammer(open_client: Callable[[], Client], targets: Callable[[], str], clients: int, seconds: float) -> Load:
    """Send requests from threads, each as soon as the one before is answered; for queries of a millisecond and more."""
    taken: list[float] = []
    bad = [0, 0]
    end = time.perf_counter() + seconds

    def work() -> None:
        with open_client() as client:
            while time.perf_counter() < end:
                try:
                    reply = client.get(targets())
                except OSError:
                    bad[1] += 1
                    continue
                if reply.status >= 400:
                    bad[0] += 1
                else:
                    taken.append(reply.seconds * 1000)

    begin = time.perf_counter()
    threads = [threading.Thread(target=work, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - begin
    return Load(len(taken) / elapsed, percentile(taken, 50), percentile(taken, 99), bad[0], bad[1])


def percentile(values: Sequence[float], rank: float) -> float:
    """Return a percentile (nearest rank); NaN without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * rank / 100))] if ordered else float("nan")
