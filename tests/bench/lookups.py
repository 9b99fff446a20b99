"""Two checkouts of the program in one run: ``python -m tests.bench.lookups --before DIR``.

DIR is another checkout, such as a clone of an older commit, with its environment in DIR/.venv; this one is run by the
interpreter that runs the benchmark. Measured are lookups on the seed article's store, directly and through nginx, the
gate and the closure of the seed article, and the processor time of ``kg --help``.

In each round both servers are started on their own stores, and each load is sent to one and then to the other, so that
both meet the same machine; the one that is not asked is idle. The tables go to standard output, in Markdown: medians of
the rounds with their ranges, and ratios of the medians with the range of the ratios within the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kg.iris import CG, RDF
from kg.knowledge_graph import KnowledgeGraph
from tests.bench import nginx, processes, table, workload
from tests.bench.client import Wrk
from tests.bench.measure import CLIENTS, Results
from tests.bench.peers import Peer, Server, Setting, running
from tests.bench.template import BASE, NAMES, SEED
from tests.configs import configured

HERE = Path(__file__).parents[2]
GUIDE = HERE / "api/guide/en/operations.md"
SIDES = ("before", "after")
WAYS = ("direct", *nginx.WAYS)
LOADS = ("new", "repeated")
HELPS = 10
"""Number of times that ``kg --help`` is run; the gate runs three times in each round."""
_SAMPLE = 20
"""Number of subjects whose answers are compared before the loads."""


class Checkout(Peer):
    """A checkout of the program.

    Attributes:
        directory: of the checkout.
        python: interpreter of its environment.
    """

    def __init__(self, name: str, directory: Path, python: Path) -> None:
        advice = f"make an environment in {directory}/.venv and run `pip install -e .` with it there"
        super().__init__(str(python.with_name("kg")), name, advice)
        self.directory, self.python = directory, python

    def command(self, setting: Setting, port: int) -> list[str]:
        command = super().command(setting, port)
        self.environment["KG_BASE_IRI"] = BASE  # else it were the port of the first start, and the IRIs were others
        return command

    def version(self) -> str:
        """Return the commit, with ``-dirty`` if files differ from it."""
        return self._output(["git", "-C", str(self.directory), "describe", "--always", "--dirty"]).strip()

    def check(self) -> None:
        """Check that its environment runs the code of this checkout.

        Raises:
            RuntimeError: there is no such environment, or it imports another checkout.
        """
        if missing := self.missing():
            raise RuntimeError(missing)
        found = Path(self._output([str(self.python), "-c", "import kg; print(kg.__file__)"]).strip()).parents[1]
        if found.resolve() != self.directory.resolve():
            raise RuntimeError(f"{self.python} imports kg from {found}, not from {self.directory}; {self.advice}")

    def gate(self) -> dict[str, float]:
        """Return seconds of gate and closure, and peak memory in MiB, as its own benchmark measures them."""
        script = self.directory / "tests/bench/gate.py"
        command = [str(self.python), str(script), "--side", "ours", "--runs", "3"]
        result: dict[str, float] = json.loads(self._output(command))
        return result

    def help_seconds(self) -> float:
        """Return the processor time that ``kg --help`` takes."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._output([self.program, "--help"])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def _output(self, command: list[str]) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, cwd=tempfile.gettempdir()
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}: `{' '.join(command)}` failed: {done.stderr or done.stdout}")
        return done.stdout


@dataclass
class Lookups:
    """The loads of lookups on the seed article's store.

    Attributes:
        scratch: directory for stores, logs and the files of nginx.
        block: the part of nginx's configuration that passes requests on, as the guide has it.
        seconds: for how long each load goes on in a round.
    """

    results: Results
    scratch: Path
    block: str
    seconds: float

    def __post_init__(self) -> None:
        self.wrk = Wrk(directory=self.scratch)
        subjects, claims = seed_iris()
        self.loads = {
            "new": [workload.point(iri) for iri in subjects],
            "repeated": [workload.fixed(workload.point(iri)) for iri in subjects[: workload.REPEATED]],
        }
        for side in SIDES:
            (self.scratch / side).mkdir()
            (self.scratch / side / "claims.txt").write_text("\n".join(claims), "utf-8")

    def round(self, checkouts: Sequence[Checkout]) -> None:
        """Start both servers, send each load to one and then to the other, and stop them."""
        with contextlib.ExitStack() as stack:
            ports: list[tuple[Server, dict[str, int]]] = []
            for checkout in checkouts:
                server = stack.enter_context(running(checkout, Setting(self.scratch / checkout.name)))
                proxied = nginx.proxied(server.port, self.block, self.scratch / f"nginx-{checkout.name}")
                ports.append((server, {"direct": server.port, **stack.enter_context(proxied)}))
                self.warm(server)
            for way, name, clients in itertools.product(WAYS, LOADS, CLIENTS):
                for server, port in ports:
                    self.measure(server, port[way], f"{way} / {name} / {clients}")

    def warm(self, server: Server) -> None:
        """Run the compared and repeated queries once, and run each load for a second as a warm-up."""
        answers = self.results.answers[server.peer.name]
        with server.client() as client:
            for query in self.loads["repeated"][:_SAMPLE]:
                answers[query] = client.get(server.peer.target(query)).values()
        for name in LOADS:
            self.wrk.run(server.port, self._targets(server, name), 8, 1)

    def measure(self, server: Server, port: int, measure: str) -> None:
        """Run a load, and record also the CPU time of the server's processes for each request."""
        _, name, clients = measure.split(" / ")
        before = processes.cpu(processes.tree(server.pid))
        load = self.wrk.run(port, self._targets(server, name), int(clients), self.seconds)
        after = processes.cpu(processes.tree(server.pid))
        used = sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())
        self.results.load(server.peer.name, measure, load)
        self.results.add(server.peer.name, f"{measure} / cpu", used / max(1, load.requests) * 1e6)

    def _targets(self, server: Server, name: str) -> list[str]:
        return [server.peer.target(query) for query in self.loads[name]]


def seed_iris() -> tuple[list[str], list[str]]:
    """Return the IRIs that the seed article speaks of, and those of its claims, shuffled but always alike."""
    graph = KnowledgeGraph.open(configured(base_iri=BASE), in_memory=True)
    subjects, claims = set(), set()
    for triple in graph.store.triples(NAMES.article_graph(SEED)):
        subject = str(getattr(triple.subject, "value", ""))
        if subject.startswith(BASE):
            subjects.add(subject)
            if (triple.predicate.value, getattr(triple.object, "value", "")) == (f"{RDF}type", f"{CG}Claim"):
                claims.add(subject)
    return random.Random(1).sample(sorted(subjects), len(subjects)), sorted(claims)


def compare(options: argparse.Namespace, scratch: Path) -> Iterator[str]:
    """Measure both checkouts round after round; yield the lines of the report."""
    before = Checkout("before", options.before, options.before / ".venv/bin/python")
    checkouts = (before, Checkout("after", HERE, Path(sys.executable)))
    for checkout in checkouts:
        checkout.check()
        checkout.help_seconds()  # which leaves compiled modules for the next time
    results = Results()
    lookups = Lookups(results, scratch, nginx.proxy_block(options.guide), options.seconds)
    for _, checkout in itertools.product(range(HELPS), checkouts):
        results.add(checkout.name, "help", checkout.help_seconds())
    for number in range(options.rounds):
        _say(f"round {number + 1} of {options.rounds}: gate and closure")
        for checkout in checkouts:
            for name, value in checkout.gate().items():
                results.add(checkout.name, name, value)
        _say(f"round {number + 1} of {options.rounds}: lookups")
        lookups.round(checkouts)
    yield f"before: `{checkouts[0].version()}`, after: `{checkouts[1].version()}`"
    yield f"{options.rounds} rounds, each load for {options.seconds} s in each"
    yield from report(results)


def report(results: Results) -> Iterator[str]:
    """Return the lines of all tables."""
    loads = list(itertools.product(WAYS, LOADS, map(str, CLIENTS)))
    for title, measure in (
        ("Lookups: answers a second", "rate"),
        ("Lookups: processor time of the server's processes (without nginx), µs a request", "cpu"),
        ("Lookups: p50, ms", "p50"),
        ("Lookups: p99, ms", "p99"),
    ):
        yield from ("", f"### {title}", "")
        rows = [[*load, *_compared(results, " / ".join((*load, measure)))] for load in loads]
        yield from table.lines(["way", "load", "clients", *SIDES, "after / before"], rows)
    yield from ("", "### Gate, closure and command line", "")
    names = {
        "gate of the seed article, s": "gate",
        "its closure, s": "closure",
        "peak memory of both, MiB": "memory",
        "`kg --help`, s of processor time": "help",
    }
    rows = [[title, *_compared(results, name)] for title, name in names.items()]
    yield from table.lines(["", *SIDES, "after / before"], rows)
    notes = [*results.differing(), *results.notes]
    yield from ("", *(f"- {note}" for note in notes or [f"No request failed, and {_SAMPLE} answers were the same."]))


def _compared(results: Results, name: str) -> list[str]:
    """Return the cells of one measure: both sides, and the ratio."""
    before, after = (results.numbers[side][name] for side in SIDES)
    return [table.ranged(before), table.ranged(after), table.ranged_ratio(after, before)]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    summary, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.lookups",
        description=summary,
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--before", type=Path, required=True, metavar="DIR", help="the other checkout")
    parser.add_argument("--rounds", type=int, default=4, help="default: 4")
    parser.add_argument("--seconds", type=int, default=2, help="length of each load in a round (default: 2)")
    parser.add_argument(
        "--guide", type=Path, default=GUIDE, metavar="FILE", help="page with the configuration of nginx"
    )
    options = parser.parse_args(arguments)
    options.before = options.before.absolute()
    if options.rounds < 1 or options.seconds < 1:
        parser.error("--rounds and --seconds are at least 1")
    for program in ("wrk", nginx.program()):
        if shutil.which(program) is None:
            parser.error(f"no `{program}` found; apt install {program}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code is 1 when something could not be measured, and its logs are then kept."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped then, too
    begin = time.perf_counter()
    scratch = Path(tempfile.mkdtemp(prefix="lookups-"))
    keep = False
    try:
        print("\n".join(compare(options, scratch)))
    except RuntimeError as error:
        keep = any(scratch.rglob("*.log"))
        _say(f"{error}\nLogs are in {scratch}." if keep else str(error))
        return 1
    finally:
        if not keep:
            shutil.rmtree(scratch, ignore_errors=True)
    _say(f"took {time.perf_counter() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
