"""Writer killed at random moments: acknowledged writes survive, and no write is partial."""

from __future__ import annotations

import csv
import http.client
import io
import json
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.faults.articles import article
from tests.processes import WRITER, Server, alive, doctor, running, send, wait_until

KILLS = 200
SERVERS = 2
"""Servers that are tried side by side, since each of them mostly waits."""
SEED = 20_251
LONGEST = 0.12
"""Maximum seconds between an acknowledgement and a kill: longer than a commit on an idle machine."""

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
        acknowledged, lost: numbers of requests with and without a response.
    """

    name: str
    rng: random.Random
    stored: dict[str, Count] = field(default_factory=dict)
    unknown: dict[str, Count] = field(default_factory=dict)
    acknowledged: int = 0
    lost: int = 0

    def send_all(self, server: Server, over: threading.Event) -> None:
        """Send one request after the other until one is not answered, or until it is over."""
        connection = server.connect()
        try:
            while not over.is_set():
                self._send_one(connection)
        except (OSError, http.client.HTTPException):
            self.lost += 1
        finally:
            connection.close()

    def _send_one(self, connection: http.client.HTTPConnection) -> None:
        identifier = f"{self.name}{self.rng.randrange(12)}"
        before = self.stored.get(identifier)
        wanted: Count = None if before and self.rng.random() < 0.2 else self.rng.randint(1, 6)
        self.unknown = {identifier: wanted}
        if wanted is None:
            reply = send(connection, "DELETE", f"/articles/{identifier}", headers=WRITER)
            assert reply.status == 204, reply
        else:
            headers = WRITER | {"Content-Type": "application/json"}
            reply = send(connection, "POST", "/articles", article(identifier, wanted), headers)
            outcome = "unchanged" if before == wanted else "replaced" if before else "created"
            assert json.loads(reply.body)["outcome"] == outcome, reply
            assert reply.status == (200 if before else 201), reply
        self.stored[identifier] = wanted
        self.unknown = {}
        self.acknowledged += 1

    def compare(self, found: dict[str, Count]) -> None:
        """Compare the stored articles with the record, and record which of two possible states is the actual one."""
        for identifier in self.stored.keys() | self.unknown.keys():
            possible = {self.stored.get(identifier), self.unknown.get(identifier, self.stored.get(identifier))}
            assert found.get(identifier) in possible, f"{identifier} has {found.get(identifier)} claims, not {possible}"
            self.stored[identifier] = found.get(identifier)
        self.unknown = {}


def rows(server: Server, query: str) -> list[list[str]]:
    reply = server.query(query)
    assert reply.status == 200, reply
    return list(csv.reader(io.StringIO(reply.body.decode())))[1:]


def articles(server: Server) -> dict[str, Count]:
    """Count the claims of each article, each in the graph of its own; no graph is without its other half."""
    told, inferred = f"{server.base}graph/article/", f"{server.base}graph/inferred/"
    names = [name for (name,) in rows(server, GRAPHS)]
    assert not [name for name in names if "shadow" in name or "scratch" in name]
    halves = [{name.removeprefix(half) for name in names if name.startswith(half)} for half in (told, inferred)]
    found = {graph.removeprefix(told): int(count) for graph, count in rows(server, CLAIMS)}
    assert halves == [found.keys(), found.keys()]
    (sizes,) = rows(server, UNION)
    assert sizes[0] == sizes[1], "the union is out of step"
    return dict(found)


def kill(server: Server) -> None:
    """Kill the writer, as soon as there is one."""
    wait_until(lambda: server.writer() is not None, "a process serves")
    victim = server.writer()
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not alive(victim), "it is dead")


@dataclass
class Trial:
    """The record of one of the servers that are tested side by side."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    pauses: list[float] = field(default_factory=list)


def kill_again_and_again(folder: Path, number: int) -> Trial:
    """Kill a server repeatedly while articles are sent to it; check its whole content each time."""
    rng, trial, snapshot = random.Random(f"{SEED}/{number}"), Trial(), 0
    senders = [Sender(name, random.Random(f"{SEED}/{number}/{name}")) for name in ("a", "b")]

    def total() -> int:
        return sum(sender.acknowledged for sender in senders)

    with ThreadPoolExecutor(len(senders)) as pool, running(folder) as server:
        seed = articles(server)["seed"]
        while trial.kills < KILLS // SERVERS:
            over = threading.Event()
            sending = [pool.submit(sender.send_all, server, over) for sender in senders]
            wanted = total() + rng.randrange(3)
            wait_until(lambda wanted=wanted: total() >= wanted, "writes are acknowledged")  # type: ignore[misc]
            time.sleep(rng.uniform(0, LONGEST))
            kill(server)
            trial.kills += 1
            if rng.random() < 0.1 and trial.kills < KILLS // SERVERS:  # also kill the replacement while it starts
                time.sleep(rng.uniform(0, 0.7))
                kill(server)
                trial.kills += 1
            over.set()
            for future in sending:
                future.result(60)
            trial.pauses.append(server.wait())
            found = articles(server)
            assert found.pop("seed") == seed
            for sender in senders:
                sender.compare({name: count for name, count in found.items() if name.startswith(sender.name)})
            assert len(found) == sum(count is not None for sender in senders for count in sender.stored.values())
            newer = int(server.query("SELECT * { }").headers["claimgraph-snapshot"])
            assert newer > snapshot, "a number of a snapshot came twice"
            snapshot = newer
        assert server.process.poll() is None
    trial.acknowledged, trial.lost = total(), sum(sender.lost for sender in senders)
    assert json.loads(doctor(server.data))["ok"]
    assert "Traceback" not in server.log.read_text("utf-8")
    return trial


def test_no_acknowledged_commit_is_lost(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(SERVERS)]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor(SERVERS) as pool:
        trials = list(pool.map(kill_again_and_again, folders, range(SERVERS)))
    pauses = [pause for trial in trials for pause in trial.pauses]
    print(
        f"{sum(trial.kills for trial in trials)} kills; "
        f"{sum(trial.acknowledged for trial in trials)} writes acknowledged, "
        f"{sum(trial.lost for trial in trials)} cut off; back after {median(pauses):.2f} s, at most {max(pauses):.2f} s"
    )
    assert sum(trial.kills for trial in trials) == KILLS
    assert sum(trial.acknowledged for trial in trials) > KILLS / 2, "too few writes to show anything"
    assert sum(trial.lost for trial in trials) > KILLS / 2
