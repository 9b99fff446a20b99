"""Kills of any process of a server at random moments, under load: ``python -m tests.faults.kills --kills 200``.

While articles are stored, replaced and removed, and queries are answered, one process after the other is killed with
signal 9: a web process, a reader, the writer, or the supervisor, after which the server is started again. After each
kill the store is compared with what was acknowledged. The output is a table by kind of process: failed reads, the time
until a read and a write succeed again; and the acknowledged writes that were lost, for which the exit code is 1.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import io
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.bench import table
from tests.bench.processes import tree
from tests.faults.articles import article
from tests.processes import WRITER, Reply, Server, alive, doctor, running, send, wait_until

EACH = 10
"""Kills of each start of a server; the last is that of its supervisor."""
SEED = 20_251
LONGEST = 0.12
"""Maximum seconds between an acknowledgement and a kill: longer than a commit on an idle machine."""
KINDS = ("writer", "writer", "web", "reader")
"""Kinds of processes to choose from."""
READING = 2
"""Clients that read all the time, each on a connection that is kept open."""
BASE = "https://kills.example/"

CLAIMS = """PREFIX cg: <https://w3id.org/claimgraph/ns#> SELECT ?g (COUNT(?claim) AS ?n) {
  GRAPH ?g { ?article a cg:Article OPTIONAL { ?claim a cg:Claim } } } GROUP BY ?g"""
GRAPHS = "SELECT ?g { GRAPH ?g { } }"
UNION = """SELECT ?n ?m {
  { SELECT (COUNT(*) AS ?n) { ?s ?p ?o } }
  { SELECT (COUNT(*) AS ?m) { SELECT DISTINCT ?s ?p ?o { GRAPH ?g { ?s ?p ?o } } } } }"""

Count = int | None
"""The number of claims of an article, or ``None`` without the article."""


@dataclass
class Sender:
    """A client that stores, replaces and removes its own articles, and records which states are possible.

    Attributes:
        name: prefix of the ids of its articles.
        stored: the last acknowledged state of each article.
        unknown: the intended state of a request without a response, which was carried out or not.
        acknowledged, cut_off: numbers of requests with and without a response.
        wrong: articles that are not as they were acknowledged.
    """

    name: str
    rng: random.Random
    stored: dict[str, Count] = field(default_factory=dict)
    unknown: dict[str, Count] = field(default_factory=dict)
    acknowledged: int = 0
    cut_off: int = 0
    wrong: list[str] = field(default_factory=list)

    def send_all(self, server: Server, over: threading.Event) -> None:
        """Send one request after the other until one is not answered, or until it is over."""
        connection = server.connect()
        try:
            while not over.is_set():
                if not self._send_one(connection):
                    self.cut_off += 1
                    return
        except (OSError, http.client.HTTPException):
            self.cut_off += 1
        finally:
            connection.close()

    def _send_one(self, connection: http.client.HTTPConnection) -> bool:
        """Send a request; return whether its outcome is known."""
        identifier = f"{self.name}{self.rng.randrange(12)}"
        before = self.stored.get(identifier)
        wanted: Count = None if before and self.rng.random() < 0.2 else self.rng.randint(1, 6)
        self.unknown = {identifier: wanted}
        if wanted is None:
            reply = send(connection, "DELETE", f"/articles/{identifier}", headers=WRITER)
        else:
            headers = WRITER | {"Content-Type": "application/json"}
            reply = send(connection, "POST", "/articles", article(identifier, wanted), headers)
        if lost(reply):
            return False
        if wanted is None:
            assert reply.status == 204, reply
        else:
            outcome = "unchanged" if before == wanted else "replaced" if before else "created"
            assert json.loads(reply.body)["outcome"] == outcome, reply
            assert reply.status == (200 if before else 201), reply
        self.stored[identifier] = wanted
        self.unknown = {}
        self.acknowledged += 1
        return True

    def compare(self, found: dict[str, Count]) -> None:
        """Compare the stored articles with the record, and record which of two possible states is the actual one."""
        for identifier in self.stored.keys() | self.unknown.keys():
            possible = {self.stored.get(identifier), self.unknown.get(identifier, self.stored.get(identifier))}
            if found.get(identifier) not in possible:
                self.wrong.append(f"{identifier} has {found.get(identifier)} claims, not {possible}")
            self.stored[identifier] = found.get(identifier)
        self.unknown = {}


def rows(server: Server, query: str) -> list[list[str]]:
    reply = server.query(query)
    assert reply.status == 200, reply
    return list(csv.reader(io.StringIO(reply.body.decode())))[1:]


def lost(reply: Reply) -> bool:
    """Return whether a response says that a process was ended during the request, or that the server stops."""
    if reply.status != 503:
        return False
    assert json.loads(reply.body)["type"].partition("#")[2] in ("reader-lost", "store-unavailable"), reply
    return True


def read_all(server: Server, number: int, over: threading.Event) -> tuple[int, int, int]:
    """Query until it is over, on one connection while it lasts; return how many were answered, failed and refused."""
    answers = failures = refused = 0
    connection = server.connect()
    while not over.is_set():
        target = f"/sparql?query=SELECT%20(%22{number}.{answers}%22%20AS%20%3Fx)%20%7B%7D"  # in no cache
        try:
            reply = send(connection, "GET", target, headers={"Accept": "text/csv"})
        except ConnectionRefusedError:  # nobody listens any more
            refused += 1
            over.wait(0.01)
        except (OSError, http.client.HTTPException):
            connection.close()
            failures += 1
            if not alive(server.process.pid):  # each further request would be another failure
                break
        else:
            failed = lost(reply)
            failures += failed
            answers += not failed
            if failed and not alive(server.process.pid):  # likewise
                break
    connection.close()
    return answers, failures, refused


def articles(server: Server) -> dict[str, Count]:
    """Count the claims of each article, each in the graph of its own; no graph is without its other half."""
    told, inferred = f"{BASE}graph/article/", f"{BASE}graph/inferred/"
    names = [name for (name,) in rows(server, GRAPHS)]
    assert not [name for name in names if "shadow" in name or "scratch" in name]
    halves = [{name.removeprefix(half) for name in names if name.startswith(half)} for half in (told, inferred)]
    found = {graph.removeprefix(told): int(count) for graph, count in rows(server, CLAIMS)}
    assert halves == [found.keys(), found.keys()]
    (sizes,) = rows(server, UNION)
    assert sizes[0] == sizes[1], "the union is out of step"
    return dict(found)


def pids(server: Server, kind: str) -> list[int]:
    """Return the processes of a kind."""
    match kind:
        case "writer":
            return [pid for pid in [server.writer()] if pid]
        case "web":
            return server.webs()
        case "reader":
            return server.readers()
    return [server.process.pid]


def kill(server: Server, kind: str, rng: random.Random) -> None:
    """Kill a process of a kind, as soon as there is one."""
    wait_until(lambda: pids(server, kind), f"there is a {kind}")
    victim = rng.choice(pids(server, kind))
    os.kill(victim, signal.SIGKILL)
    if kind != "supervisor":  # a child of ours, that is waited for at the end
        wait_until(lambda: not alive(victim), "it is dead")


@dataclass
class Trial:
    """The servers that are started one after the other on one directory, and the record of what happened.

    Attributes:
        kills: number of kills of each kind of process.
        failures: number of reads that failed with a kill of each kind.
        answers: number of other reads.
        reads, writes: seconds from a kill of each kind to the next answer to a query, and to an update.
    """

    folder: Path
    rng: random.Random
    senders: list[Sender]
    kills: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    reads: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    writes: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    snapshot: int = 0
    seed: Count = None
    _killed: float = 0.0

    @property
    def acknowledged(self) -> int:
        """Number of acknowledged writes so far."""
        return sum(sender.acknowledged for sender in self.senders)

    def run(self, starts: int) -> Trial:
        """Start the server repeatedly; kill its processes, at last the supervisor."""
        for number in range(starts):
            with running(self.folder, KG_BASE_IRI=BASE, KG_WEB_PROCESSES="2") as server:
                if number:
                    self._serves(server, "supervisor")
                self.check(server)
                for _ in range(EACH - 1):
                    self.round(server, self.rng.choice(KINDS))
                    assert server.process.poll() is None
                    self.check(server)
                self.round(server, "supervisor")
        with running(self.folder, KG_BASE_IRI=BASE) as server:
            self._serves(server, "supervisor")
            self.check(server)
        assert json.loads(doctor(server.data))["ok"]
        assert "Traceback" not in server.log.read_text("utf-8")
        return self

    def round(self, server: Server, kind: str) -> None:
        """Kill one process while articles are sent to the server and queries are read from it."""
        over = threading.Event()
        with ThreadPoolExecutor(len(self.senders) + READING) as pool:
            sending = [pool.submit(sender.send_all, server, over) for sender in self.senders]
            reading = [pool.submit(read_all, server, number, over) for number in range(READING)]
            # None to two further writes are awaited, so that kills hit a server that just started, and one at work.
            wanted = self.acknowledged + self.rng.randrange(3)
            wait_until(lambda: self.acknowledged >= wanted, "writes are acknowledged")
            time.sleep(self.rng.uniform(0, LONGEST))
            everyone = tree(server.process.pid)
            kill(server, kind, self.rng)
            self._killed = time.monotonic()
            self.kills[kind] += 1
            if kind == "supervisor":
                server.process.wait(60)
                wait_until(lambda: not any(map(alive, everyone)), "its children have ended, too")
            else:
                self._serves(server, kind)  # reading goes on meanwhile
            over.set()
            for future in sending:
                future.result(60)
            found = [future.result(60) for future in reading]
        answers, failures, refused = (sum(column) for column in zip(*found, strict=True))
        self.answers += answers
        self.failures[kind] += failures + (refused if kind != "supervisor" else 0)

    def _serves(self, server: Server, kind: str) -> None:
        """Wait until reading and writing succeed after a kill, and record when they did."""
        wait_until(server.answers, "a read")
        self.reads[kind].append(time.monotonic() - self._killed)
        wait_until(lambda: writes(server), "a write")
        self.writes[kind].append(time.monotonic() - self._killed)

    def check(self, server: Server) -> None:
        """Compare everything that is stored with what was acknowledged."""
        found = articles(server)
        seed = found.pop("seed")
        assert seed == (self.seed or seed)
        self.seed = seed
        for sender in self.senders:
            sender.compare({name: count for name, count in found.items() if name.startswith(sender.name)})
        # No article may appear that nobody sent, or return after it was removed.
        assert len(found) == sum(count is not None for sender in self.senders for count in sender.stored.values())
        newer = int(server.query("SELECT * { }").headers["claimgraph-snapshot"])
        assert newer > self.snapshot, "a number of a snapshot came twice"
        self.snapshot = newer


def writes(server: Server) -> bool:
    """Return whether an update succeeds now."""
    try:
        return server.update("DELETE DATA { <urn:a> <urn:b> 1 }").status == 204
    except (OSError, http.client.HTTPException):
        return False


def trial(folder: Path, number: int, starts: int) -> Trial:
    """Run a trial in a new folder; its number makes its choices other than those of another."""
    senders = [Sender(name, random.Random(f"{SEED}/{number}/{name}")) for name in ("a", "b")]
    folder.mkdir()
    return Trial(folder, random.Random(f"{SEED}/{number}"), senders).run(starts)


def wrong(trials: Sequence[Trial]) -> list[str]:
    """Return what was not as it had been acknowledged."""
    return [text for one in trials for sender in one.senders for text in sender.wrong]


def report(trials: Sequence[Trial]) -> Iterator[str]:
    """Return the lines of the table and of the sums."""
    rows = []
    for kind in ("web", "reader", "writer", "supervisor"):
        kills, failures = sum(one.kills[kind] for one in trials), sum(one.failures[kind] for one in trials)
        reads, later = [s for one in trials for s in one.reads[kind]], [s for one in trials for s in one.writes[kind]]
        row = [str(kills), str(failures), f"{failures / kills:.2f}" if kills else "–", _seconds(reads), _seconds(later)]
        rows.append([kind, *row])
    titles = ["killed", "times", "failed reads", "a kill", "next read after, s", "next write after, s"]
    yield from table.lines(titles, rows)
    acknowledged, answers = sum(one.acknowledged for one in trials), sum(one.answers for one in trials)
    unknown = sum(sender.cut_off for one in trials for sender in one.senders)
    yield ""
    yield f"{acknowledged} writes acknowledged, {unknown} cut off, {answers} reads answered"
    yield f"acknowledged writes lost: {len(wrong(trials))}"


def _seconds(values: Sequence[float]) -> str:
    return f"{median(values):.2f}, at most {max(values):.2f}" if values else "–"


def main() -> int:
    """Run the command; the exit code is 1 if an acknowledged write was lost."""
    summary, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200, help="number of kills, rounded up to tens (default: 200)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trials = [trial(Path(folder) / "trial", 0, -(-options.kills // EACH))]
    print("\n".join([*report(trials), *wrong(trials)]))
    return 1 if wrong(trials) else 0


if __name__ == "__main__":
    sys.exit(main())
