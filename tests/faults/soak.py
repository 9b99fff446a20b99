"""Soak test of a server with all kinds of load for some minutes: ``python -m tests.faults.soak --seconds 600``.

The load consists of reads of articles, questions, pages and exports, added and removed articles, updates, runaway
queries, updates that end the writer for their memory or their time, validations that never end, clients that disconnect
before their answer or within their request, and readers killed now and then, once the caches are full. The output has
the number and duration of requests, and for every minute the memory of all processes and of the web processes, and the
open files.
The exit code is 1 after an error that the test did not cause, or if memory or files in the last third exceed those in
the second.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, quantiles
from urllib.parse import quote

from kg.articles.competency_question_files import all_questions
from tests.bench.processes import memory, tree
from tests.faults.articles import article
from tests.processes import RUNAWAY, WRITER, Reply, Server, running, send

SAMPLES = 60
"""Samples of memory and files in all, whatever the time."""
ARTICLES = 40
"""Ids that a writer chooses from, so that the store does not grow for ever."""
ALLOWED = 1.05
"""Times that memory and files may be in the last third what they were in the second."""
SLACK = 12.0
"""MiB, or files, that make no difference."""
KILL_EVERY = 7.0
"""Seconds between two kills of a reader."""
LIMIT = 1.0
"""Timeout that a runaway query requests, in seconds."""
LINES = 20
"""Of the server's log that are shown at most, the last."""
PARTS, STRINGS, LENGTH = 40, 340, 12_000
"""Updates, strings in each, and letters of each, that fill the cache of the engine: somewhat more than its 128 MiB."""

HARMFUL = ("runaway", "greedy", "endless", "validation")
"""Kinds of requests whose processes are ended."""
SETTINGS = {"KG_TIMEOUT": "10", "KG_UPDATE_TIMEOUT": "10", "KG_MAX_WRITER_MEMORY": str(700 * 1024 * 1024)}
PAUSE = 2.0
"""Seconds between two updates that are aborted; less than an idle connection is kept."""

GREEDY = "DELETE {<urn:s> <urn:p> ?f} WHERE {{SELECT ?f {?a ?b ?c . ?d ?e ?f . ?g ?h ?i} ORDER BY ?f ?a ?i LIMIT 1}}"
ENDLESS = f"INSERT {{ <urn:never> <urn:p> ?a }} WHERE {RUNAWAY.removeprefix('SELECT (COUNT(*) AS ?n) ')}"
LEFT = b"DELETE WHERE { <urn:left> <urn:p> ?o } ; INSERT { <urn:left> <urn:p> ?o } WHERE { ?s <urn:p> ?o }"
CHAIN = "".join(f"<urn:s{n}> a cg:Claim ; cg:affirms <urn:s{n + 1}> . " for n in range(4000))
"""Claims about claims: an article graph whose closure takes hours."""
EXPLODING = f"@prefix cg: <https://w3id.org/claimgraph/ns#> . <urn:a> a cg:Article . {CHAIN}".encode()

EXPORT = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o } LIMIT 20000"
CLAIMS = "PREFIX cg: <https://w3id.org/claimgraph/ns#> SELECT (COUNT(?c) AS ?n) { ?c a cg:Claim }"


@dataclass
class Book:
    """Record of requests and responses.

    Attributes:
        seconds: durations by kind of request.
        statuses: counts by kind of request and status.
        errors: unexpected results.
        samples: time, megabytes of all processes and of the web processes, and open files of all.
        killed: number of killed readers.
        abandoned: number of requests whose clients disconnected.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    samples: list[tuple[float, float, float, int]] = field(default_factory=list)
    killed: int = 0
    abandoned: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, reply: Reply, took: float, expected: set[int]) -> None:
        """Record a response."""
        with self.lock:
            self.seconds[kind].append(took)
            self.statuses[kind, reply.status] += 1
            lost = reply.status == 503 and kind not in HARMFUL and b"reader-lost" not in reply.body
            if reply.status not in expected or lost:
                self.errors.append(f"{kind}: {reply.status} {reply.body[:300]!r}")

    def broken(self, kind: str, error: Exception) -> None:
        """Record a request without a response."""
        with self.lock:
            self.errors.append(f"{kind}: {error!r}")

    def lost(self) -> int:
        """Count the requests that were answered with 503, each of which one killed reader accounts for."""
        return sum(count for (kind, status), count in self.statuses.items() if status == 503 and kind not in HARMFUL)


Step = tuple[str, str, str, bytes | None, dict[str, str], set[int]]
"""Kind, method, target, body, headers, and the statuses that are right.

503 is right only with ``reader-lost``, which a killed reader leaves, unless the request is harmful itself.
"""


def reads(rng: random.Random) -> Iterator[Step]:
    """Request cached and uncached queries, questions, lists, pages and exports."""
    csv = {"Accept": "text/csv"}
    while True:
        match rng.randrange(9):
            case 0 | 1 | 2:
                yield "cached", "GET", f"/sparql?query={quote(CLAIMS)}", None, csv, {200, 503}
            case 3 | 4:
                text = f"SELECT * {{ ?s ?p ?o }} OFFSET {rng.randrange(5000)} LIMIT {rng.randrange(1, 200)}"
                yield "uncached", "GET", f"/sparql?query={quote(text)}", None, csv, {200, 503}
            case 5:
                accept = {"Accept": rng.choice(("application/json", "text/html", "text/csv"))}
                yield "question", "GET", f"/questions/{rng.choice(all_questions()).name}", None, accept, {200, 503}
            case 6:
                yield "list", "GET", "/articles", None, {"Accept": "application/json"}, {200, 503}
            case 7:
                yield "page", "GET", "/entity/putin", None, {"Accept": "text/html"}, {200, 503}
            case _:
                accept = {"Accept": "application/n-triples"}
                yield "export", "GET", f"/sparql?query={quote(EXPORT)}", None, accept, {200, 503}


def writes(rng: random.Random) -> Iterator[Step]:
    """Store, replace and remove articles, and change a user's graph."""
    json = WRITER | {"Content-Type": "application/json"}
    update = WRITER | {"Content-Type": "application/sparql-update"}
    while True:
        name = f"soak{rng.randrange(ARTICLES)}"
        match rng.randrange(4):
            case 0 | 1:
                yield "article", "POST", "/articles", article(name, rng.randint(1, 8)), json, {200, 201, 503}
            case 2:
                yield "removal", "DELETE", f"/articles/{name}", None, WRITER, {204, 404, 503}
            case _:
                text = f"DELETE WHERE {{ <urn:s> <urn:p> ?o }} ; INSERT DATA {{ <urn:s> <urn:p> {rng.randrange(99)} }}"
                yield "update", "POST", "/update", text.encode(), update, {204}


def runaways(_rng: random.Random) -> Iterator[Step]:
    """Run endless queries."""
    while True:
        yield "runaway", "GET", f"/sparql?query={quote(RUNAWAY)}&timeout={LIMIT:g}", None, {}, {503, 504}


def aborted(_rng: random.Random) -> Iterator[Step]:
    """Send updates that take too much memory, and now and then one that takes too long."""
    update = WRITER | {"Content-Type": "application/sparql-update"}
    while True:
        for text, kind in ((GREEDY, "greedy"), (ENDLESS, "endless"), (GREEDY, "greedy")):
            # On a slow machine an update is aborted for its time before it has taken the memory.
            yield kind, "POST", "/update", text.encode(), update, {504} if kind == "endless" else {503, 504}
            time.sleep(PAUSE)


def validations(_rng: random.Random) -> Iterator[Step]:
    """Validate a small document that takes hours."""
    while True:
        yield "validation", "POST", "/validate", EXPLODING, {"Content-Type": "text/turtle"}, {503, 504}


def abandoned() -> Iterator[bytes]:
    """Return requests whose clients disconnect: before the answer, or within the body."""
    while True:
        yield _request("GET", f"/sparql?query={quote(RUNAWAY)}", b"", {})
        yield _request("POST", "/validate", EXPLODING, {"Content-Type": "text/turtle"})
        document = article("abandoned", 8)
        json = WRITER | {"Content-Type": "application/json"}
        yield _request("POST", "/articles", document, json)[: -len(document) // 2]
        yield _request("POST", "/update", LEFT, WRITER | {"Content-Type": "application/sparql-update"})


def _request(method: str, target: str, body: bytes, headers: dict[str, str]) -> bytes:
    fields = headers | {"Host": "a", "Content-Length": str(len(body))}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + body


class Soak:
    """The load on one server."""

    def __init__(self, server: Server, seconds: float, seed: int) -> None:
        self.server, self.seconds, self.seed = server, seconds, seed
        self.book, self.enough = Book(), threading.Event()

    def run(self) -> Book:
        """Load the server until the time is over."""
        work: list[Callable[[], None]] = [self._watch, self._kill, self._hang_up]
        steps = (reads, reads, reads, writes, runaways, aborted, validations)
        work += [lambda n=n, make=make: self._ask(make(random.Random(self.seed + n))) for n, make in enumerate(steps)]  # type: ignore[misc]
        threads = [threading.Thread(target=part) for part in work]
        for thread in threads:
            thread.start()
        self.enough.wait(self.seconds)
        self.enough.set()
        for thread in threads:
            thread.join(120)
        return self.book

    def _ask(self, steps: Iterator[Step]) -> None:
        connection = self.server.connect(timeout=60)
        for kind, method, target, body, headers, expected in steps:
            if self.enough.is_set():
                break
            begun = time.perf_counter()
            try:
                reply = send(connection, method, target, body, headers)
            except (OSError, http.client.HTTPException) as error:
                self.book.broken(kind, error)
                connection.close()
                continue
            self.book.note(kind, reply, time.perf_counter() - begun, expected)
        connection.close()

    def _hang_up(self) -> None:
        """Send requests, and disconnect before the response."""
        for request in abandoned():
            if self.enough.wait(1.5):
                return
            with socket.create_connection(("127.0.0.1", self.server.port), 20, ("127.0.0.2", 0)) as client:
                client.sendall(request)
                self.enough.wait(0.3)
            self.book.abandoned += 1

    def _kill(self) -> None:
        rng = random.Random(self.seed)
        while not self.enough.wait(KILL_EVERY):
            with suppress(ProcessLookupError, IndexError):
                os.kill(rng.choice(self.server.readers()), signal.SIGKILL)
                self.book.killed += 1

    def _watch(self) -> None:
        begun = time.monotonic()
        while not self.enough.wait(self.seconds / SAMPLES):
            pids = tree(self.server.process.pid)
            serving = memory(self.server.webs()).uss
            self.book.samples.append((time.monotonic() - begun, memory(pids).uss, serving, open_files(pids)))


def open_files(pids: list[int]) -> int:
    """Count the files that processes have open; one that ends meanwhile has none."""
    count = 0
    for pid in pids:
        with suppress(OSError):
            count += sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return count


def verdicts(book: Book, survived: bool) -> list[str]:
    """Return what is wrong, or an empty list."""
    found = [f"unexpected: {error}" for error in book.errors[:20]]
    if book.lost() > book.killed:
        found.append(f"{book.lost()} requests were lost to {book.killed} killed readers")
    if not survived:
        found.append("a web process was ended, or the log has a traceback")
    third = len(book.samples) // 3
    for at, what in ((1, "MiB"), (2, "MiB of the web processes"), (3, "open files")):
        second, last = (mean(row[at] for row in rows) for rows in (book.samples[third:-third], book.samples[-third:]))
        if last > second * ALLOWED + SLACK:
            found.append(f"{what} have grown from {second:.0f} to {last:.0f}")
    return found


def told(book: Book) -> Iterator[str]:
    """Write the tables."""
    yield f"{'request':10} {'count':>8} {'p50 ms':>9} {'p99 ms':>9}  statuses"
    for kind, seconds in sorted(book.seconds.items()):
        cuts = quantiles(seconds, n=100) if len(seconds) > 1 else seconds * 99
        statuses = ", ".join(f"{s}: {n}" for (k, s), n in sorted(book.statuses.items()) if k == kind)
        yield f"{kind:10} {len(seconds):8} {cuts[49] * 1000:9.1f} {cuts[98] * 1000:9.1f}  {statuses}"
    count = sum(map(len, book.seconds.values()))
    ended = f"{book.killed} readers killed, {book.abandoned} clients gone"
    yield f"{count} requests, {len(book.errors)} unexpected, {ended}"
    yield f"{'minute':10} {'MiB':>8} {'serving':>9} {'files':>9}"
    shown = -1
    for when, size, serving, files in book.samples:
        if int(when // 60) > shown:
            shown = int(when // 60)
            yield f"{shown:<10} {size:8.0f} {serving:9.0f} {files:9}"
    when, size, serving, files = book.samples[-1]
    yield f"{when / 60:<10.1f} {size:8.0f} {serving:9.0f} {files:9}"


def fill(server: Server, parts: int) -> None:
    """Fill the engine's string cache in the writer, so that its growth does not look like a leak.

    Every write stores its strings in a new file, and blocks read from a file stay in the cache until it is full, even
    after the file is deleted. With small articles alone that takes some 2,500 writes. The engine's other cache, of
    32 MiB, is full after some 300.
    """
    numbers = " ".join(map(str, range(STRINGS)))
    read = "DELETE { <urn:fill> <urn:p> ?o } WHERE { <urn:fill> <urn:p> ?o FILTER(STRLEN(?o) > 0) }"
    for part in range(parts):
        string = f'CONCAT("{part} ", STR(?n), "{"x" * LENGTH}")'
        write = f"INSERT {{ <urn:fill> <urn:p> ?o }} WHERE {{ VALUES ?n {{ {numbers} }} BIND({string} AS ?o) }}"
        for text in (write, read):
            reply = server.update(text)
            assert reply.status == 204, reply.body


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """Run a server whose caches are full, or soon will be."""
    with running(folder, KG_CACHE_BYTES=str(4 * 1024 * 1024), **SETTINGS) as server:
        fill(server, PARTS)
        yield server


def soak(server: Server, seconds: float, seed: int) -> tuple[list[str], list[str]]:
    """Load a server, and return the tables and what is wrong."""
    webs = server.webs()
    book = Soak(server, seconds, seed).run()
    log = server.log.read_text("utf-8")
    survived = server.webs() == webs and "Traceback" not in log
    said = [
        f"log: {line}" for line in log.splitlines() if "could not start" not in line
    ]  # a reader was killed while it started
    return [*told(book), *said[-LINES:]], verdicts(book, survived)


def main() -> int:
    """Parse the command line, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="duration (default: 600)")
    parser.add_argument("--seed", type=int, default=1, help="random seed of the requests (default: 1)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        lines, wrong = soak(server, given.seconds, given.seed)
    print("\n".join([*lines, *wrong]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
