"""Measurements of a running server: loads of several sizes, single queries, and a query that never ends."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.bench import processes, workload
from tests.bench.client import Load, Wrk, hammer
from tests.bench.peers import Peer, Server, Setting, running

CLIENTS = (1, 8, 32)
PATIENCE = 10.0
"""Seconds after which a lookup that is not answered is given up."""
QUESTION = 5.0
"""Time limit of a competency question in seconds."""
QUICK = 100.0
"""Milliseconds; questions that the first peer completes faster are also measured with many clients, mixed."""
DEADLINE = 3.0
"""Seconds after which the runaway query is to be ended."""
_SETTLE = 1.0
"""Seconds of rest before memory is looked at."""
_STRANGER = "127.0.0.2"
"""The runaway query comes from another address than the load, as it would from somebody else."""
_SAMPLE = 30


@dataclass
class Results:
    """All measurements, by peer and name of the measure: one number for each round, times in milliseconds.

    Attributes:
        numbers: the measurements.
        answers: the result of each peer for each query that all should answer alike.
        notes: errors and skipped measurements.
    """

    numbers: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    answers: dict[str, dict[str, list[tuple[str, ...]]]] = field(default_factory=lambda: defaultdict(dict))
    notes: list[str] = field(default_factory=list)

    def add(self, peer: str, name: str, value: float) -> None:
        """Record the number of one round."""
        self.numbers[peer][name].append(value)

    def load(self, peer: str, name: str, load: Load) -> None:
        """Record a load."""
        if load.refused or load.broken:
            self.notes.append(f"{peer}, {name}: {load.refused} answers refused, {load.broken} missing.")
        for measure in ("rate", "p50", "p99"):
            self.add(peer, f"{name} / {measure}", getattr(load, measure))

    def get(self, peer: str, name: str) -> float | None:
        """Return the median of the rounds."""
        values = self.numbers[peer].get(name)
        return median(values) if values else None

    def differing(self, *, rows: bool = False) -> Iterator[str]:
        """Return the results of a peer that differ from those of the first peer.

        Args:
            rows: compare only the numbers of rows; some peers store values in another form (Virtuoso ``true`` as 1).
        """
        first: dict[str, tuple[str, list[tuple[str, ...]]]] = {}
        for peer, answers in self.answers.items():
            for query, answer in answers.items():
                name, expected = first.setdefault(query, (peer, answer))
                if len(answer) != len(expected):
                    yield f"{query}: {peer} gives {len(answer)} rows, {name} {len(expected)}."
                elif answer != expected and not rows:
                    yield f"{query}: {peer} and {name} give as many rows with other values."


@dataclass
class Bench:
    """One run of the benchmark on one corpus.

    Attributes:
        seconds: for how long each load goes on in a round.
        first: whether this is the first round, in which also the long loads are run.
        quick: names of the questions that the first peer answered quickly.
    """

    corpus: Path
    wrk: Wrk
    seconds: float
    results: Results = field(default_factory=Results)
    first: bool = True
    quick: list[str] = field(default_factory=list)
    _numbered: workload.Numbered = field(default_factory=workload.Numbered)

    def lookups(self, server: Server) -> None:
        """Run the loads of lookups: each text new, a hundred again and again, the same with their ETag, and joins."""
        peer = server.peer
        subjects, claims = workload.subjects(self.corpus), workload.claims(self.corpus)
        repeated = [peer.target(workload.fixed(workload.point(iri))) for iri in subjects[: workload.REPEATED]]
        with server.client(PATIENCE) as client:
            tags = [client.get(target).etag for target in repeated]
        loads = {
            "point, new": [peer.target(workload.point(iri)) for iri in subjects],
            "point, repeated": repeated,
            "point, 304": [f"{target}\t{tag}" for target, tag in zip(repeated, tags, strict=True)],
            "join, new": [peer.target(workload.join(iri)) for iri in claims],
        }
        if not all(tags):
            del loads["point, 304"]
        for (name, requests), clients in itertools.product(loads.items(), CLIENTS):
            load = self.wrk.run(server.port, requests, clients, self.seconds)
            self.results.load(peer.name, f"{name} / {clients}", load)

    def heavy(self, server: Server) -> None:
        """Run the loads of aggregates, of the export, and of the quick questions by several clients."""
        loads = {"aggregates": workload.aggregates(), "export": [workload.export()]}
        loads["quick questions"] = [query for query in workload.questions() if query.name in self.quick]
        for (name, queries), clients in itertools.product(loads.items(), CLIENTS):
            if queries and (self.first or clients == 1):
                load = hammer(server.client, self.in_turn(server.peer, queries), clients, self.seconds)
                self.results.load(server.peer.name, f"{name} / {clients}", load)

    def in_turn(self, peer: Peer, queries: Sequence[workload.Query]) -> Callable[[], str]:
        """Return a function that returns the target of the next query, of a text that was never sent before."""
        turn, lock = itertools.cycle(queries), threading.Lock()

        def target() -> str:
            with lock:
                return peer.target(self._numbered(next(turn).text))

        return target

    def compare(self, server: Server) -> None:
        """Record the results of a peer for lookups, joins and, if it can end a query, the aggregates."""
        name, answers = server.peer.name, self.results.answers[server.peer.name]
        queries = [
            workload.Query(f"point {iri}", workload.point(iri)) for iri in workload.subjects(self.corpus)[-_SAMPLE:]
        ]
        queries += [
            workload.Query(f"join {iri}", workload.join(iri)) for iri in workload.claims(self.corpus)[-_SAMPLE:]
        ]
        queries += [] if server.peer.in_memory else workload.aggregates()
        with server.client(60) as client:
            for query in queries:
                answers[query.name] = client.get(server.peer.target(workload.fixed(query.text))).values()
            if not server.peer.in_memory:
                rows = len(client.get(server.peer.target(workload.export().text)).rows())
                if rows != workload.EXPORT_ROWS:
                    self.results.notes.append(f"{name}: the export has {rows} rows.")

    def questions(self, server: Server) -> None:
        """Run the competency questions one by one; one that timed out in the first round is skipped later."""
        name, numbers = server.peer.name, self.results.numbers[server.peer.name]
        for question in workload.questions():
            if numbers.get(f"{question.name} / 1 / p50", [0.0])[-1] >= QUESTION * 1000:
                continue
            with server.client(QUESTION * 2) as client, contextlib.suppress(OSError):
                reply = client.get(server.peer.target(self._numbered(question.text)))
                if reply.status == 200 and reply.seconds < QUESTION:
                    self.results.add(name, f"{question.name} / 1 / p50", reply.seconds * 1000)
                    self.results.answers[name].setdefault(question.name, reply.values())
                    continue
            self.results.add(name, f"{question.name} / 1 / p50", QUESTION * 1000)

    def beside_runaway(self, server: Server) -> None:
        """Run lookups by eight clients without and with a runaway query; the server is of no use afterwards."""
        name = server.peer.name
        requests = [server.peer.target(workload.point(iri)) for iri in workload.subjects(self.corpus)]
        self.results.load(name, "without runaway", self.wrk.run(server.port, requests, 8, self.seconds))
        with _runaway(server):
            time.sleep(0.5)
            load = self.wrk.run(server.port, requests, 8, self.seconds)
            if load.rate:
                self.results.load(name, "with runaway", load)
                return
            with server.client(PATIENCE) as client:
                begin = time.perf_counter()
                with contextlib.suppress(OSError):
                    client.get(server.peer.target(workload.fixed(workload.point("urn:bench:nothing"))))
                taken = (time.perf_counter() - begin) * 1000
            self.results.load(name, "with runaway", Load(0.0, taken, taken))

    def end_of_runaway(self, server: Server) -> None:
        """Let a runaway query reach its deadline; record the delay of its response and of its end."""
        name = server.peer.name
        with _runaway(server) as runaway:
            time.sleep(DEADLINE / 2)
            worker = processes.busiest(server.pid)
            gone = processes.wait_until_quiet(worker, DEADLINE + PATIENCE)
            runaway.thread.join(PATIENCE)
        if gone is None or runaway.status is None:
            self.results.notes.append(f"{name}: the runaway went on {PATIENCE:.0f} s after its deadline.")
            return
        if runaway.status < 400:
            self.results.notes.append(f"{name}: the runaway was answered with status {runaway.status}.")
        due = runaway.begin + DEADLINE
        self.results.add(name, "runaway answered late", (runaway.end - due) * 1000)
        self.results.add(name, "runaway gone late", max(0.0, gone - due) * 1000)

    def round(self, peer: Peer, limited: Peer) -> None:
        """Measure one peer once.

        Args:
            limited: the same peer as it has to be set up to end a query, if that makes it another.
        """
        results, name = self.results, peer.name
        with running(peer, Setting(self.corpus)) as server:
            results.add(name, "start", server.started * 1000)
            time.sleep(_SETTLE)
            self._memory(name, "idle", processes.memory(processes.tree(server.pid)))
            if self.first:
                self.compare(server)
            with processes.Watch(server.pid) as watch:
                self.lookups(server)
                if not peer.in_memory:
                    self.heavy(server)
            self._memory(name, "peak", watch.peak)
            time.sleep(_SETTLE)
            self._memory(name, "idle afterwards", processes.memory(processes.tree(server.pid)))
            if peer.in_memory:
                self.beside_runaway(server)
        if not peer.in_memory:
            with running(peer, Setting(self.corpus)) as server:
                self.beside_runaway(server)
            with running(limited, Setting(self.corpus, DEADLINE)) as server:
                server.peer.name = name
                self.end_of_runaway(server)

    def ask_questions(self, peer: Peer, limited: Peer) -> None:
        """Ask one peer the questions, in a process that does nothing else."""
        with running(limited, Setting(self.corpus, QUESTION)) as server:
            server.peer.name = peer.name
            self.questions(server)

    def choose_quick(self, peer: str) -> None:
        """Choose the questions for many clients, by the times of one peer."""
        times = {query.name: self.results.get(peer, f"{query.name} / 1 / p50") for query in workload.questions()}
        self.quick = [name for name, taken in times.items() if taken is not None and taken < QUICK]

    def _memory(self, peer: str, when: str, found: processes.Memory) -> None:
        self.results.add(peer, f"{when} / rss", found.rss)
        self.results.add(peer, f"{when} / uss", found.uss)


@dataclass
class _Runaway:
    thread: threading.Thread
    begin: float
    end: float = 0.0
    status: int | None = None


@contextlib.contextmanager
def _runaway(server: Server) -> Iterator[_Runaway]:
    """Start the runaway query on a connection that nobody waits for."""

    def ask() -> None:
        with contextlib.suppress(OSError), server.client(120, _STRANGER) as client:
            found.status = client.get(server.peer.target(workload.RUNAWAY)).status
            found.end = time.perf_counter()

    found = _Runaway(threading.Thread(target=ask, daemon=True), time.perf_counter())
    found.thread.start()
    yield found
