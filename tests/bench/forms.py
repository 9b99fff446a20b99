"""Claimgraph beside the native server, in every form of lookups: ``python -m tests.bench.forms --corpus DIR``.

The corpus is created in DIR if absent. Measured are

- new lookups with a full IRI, a prefixed name or a comment, by GET and POST, without and with a token, directly and
  through nginx as the guide configures it;
- repeated queries and 304, and aggregates right after ``kg load``;
- pages and reconciliation by one web process and by as many as there are processors;
- lookups beside a query that never ends, and the time until a write is visible in every web process.

Both servers run at the same time, and each load is sent to one and then to the other, so that both meet the same
machine. The tables go to standard output, in Markdown: medians of the rounds with their ranges, and ratios of the
medians with the range of the ratios within the rounds. Without ``--all`` six of the twelve forms are measured: each
text by each method, and each text and each method with and without a token. One client sends one form.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import corpus, forms_report, lookup_forms, nginx, processes, web_processes, workload
from tests.bench.client import Wrk, hammer
from tests.bench.forms_report import CLIENTS, DIRECT, ONE, PAGES, WRITES
from tests.bench.lookup_forms import LookupForm
from tests.bench.lookups import GUIDE
from tests.bench.measure import DEADLINE, Bench, Results
from tests.bench.peers import Native, Server, Setting, default_program, running
from tests.bench.table import NATIVE, OURS
from tests.bench.template import BASE
from tests.bench.web_processes import FORM, Ours

_SAMPLE = 20
"""Number of subjects whose answers are compared before the loads."""


@dataclass
class Forms:
    """One run of the benchmark.

    Attributes:
        directory: of the corpus.
        scratch: directory for copies of stores, logs and the files of nginx.
        options: of the command.
    """

    directory: Path
    scratch: Path
    options: argparse.Namespace
    results: Results = field(default_factory=Results)

    def __post_init__(self) -> None:
        self.seconds: float = self.options.seconds
        self.block = nginx.proxy_block(self.options.guide)
        self.wrk = Wrk(directory=self.scratch)
        self.bench = Bench(self.directory, self.wrk, self.seconds, self.results)
        self.subjects = workload.subjects(self.directory)
        self.clients = (8,) if self.options.quick else CLIENTS

    def prepare(self) -> None:
        """Load the corpus in bulk, as a user does, into a store that is copied in each round; copy its own store."""
        fresh = self._folder("fresh")
        command = [default_program(), "load", "--data", str(fresh / "data"), "--graph", f"{BASE}graph/bulk"]
        begin = time.perf_counter()
        done = subprocess.run(
            [*command, str(self.directory / "default.nt")],
            env={**os.environ, "KG_BASE_IRI": BASE},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"`{' '.join(command)}` failed: {done.stderr or done.stdout}")
        self.results.add(OURS, "load", time.perf_counter() - begin)
        self._copy(self.directory, "one")

    def round(self) -> None:
        """Measure everything once."""
        with running(Ours(), Setting(self.directory)) as ours:
            with running(Native(), Setting(self.directory)) as native:
                self._lookups(ours, native)
            with running(Ours(KG_WEB_PROCESSES="1"), Setting(self.scratch / "one")) as one:
                self._pages(one, ours)
        with running(Ours(), Setting(self._copy(self.scratch / "fresh", "loaded"))) as ours:
            with running(Native(), Setting(self.directory)) as native:
                self._aggregates(ours, native)
            self._writes(ours)
        with running(Ours(), Setting(self.directory, DEADLINE)) as ours:
            _say("  beside a runaway query")
            self.bench.beside_runaway(ours)
            time.sleep(DEADLINE / 2)
            self.bench.end_of_runaway(ours)

    def _lookups(self, ours: Server, native: Server) -> None:
        way = self.options.way
        with contextlib.ExitStack() as stack:
            ports = {}
            for server in (ours, native):
                proxied = nginx.proxied(server.port, self.block, self.scratch / f"nginx-{server.peer.name}")
                ports[server.peer.name] = {DIRECT: server.port, "nginx": stack.enter_context(proxied)[way]}
                self._warm(server)
            seen = set()
            for where, form, clients in self.plan():
                _say(f"  {where} / {form} / {clients}")
                self._load(ours, ports[OURS][where], f"{where} / {form} / {clients}", form)
                plain = f"{where} / {form.without_token} / {clients}"
                if plain not in seen:
                    self._load(native, ports[NATIVE][where], plain, form.without_token)
                seen.add(plain)
            for where in (DIRECT, "nginx"):
                _say(f"  {where} / repeated and 304")
                for server in (ours, native):
                    self._repeated(server, ports[server.peer.name][where], where)

    def plan(self) -> list[tuple[str, LookupForm, int]]:
        """Return the loads of lookups."""
        return list(lookup_forms.plan(self.clients, (DIRECT, "nginx"), everything=self.options.all))

    def _warm(self, server: Server) -> None:
        answers = self.results.answers[server.peer.name]
        with server.client() as client:
            for iri in self.subjects[:_SAMPLE]:
                answers[iri] = client.get(server.peer.target(workload.fixed(workload.point(iri)))).values()
        requests = [server.peer.target(workload.point(iri)) for iri in self.subjects]
        self.wrk.run(server.port, requests, 8, 1)

    def _load(self, server: Server, port: int, name: str, form: LookupForm) -> None:
        requests = form.requests(server.peer, self.subjects)
        self._run(server, port, name, int(name.rpartition("/")[2]), requests, form.headers)

    def _run(
        self, server: Server, port: int, name: str, clients: int, requests: list[str], headers: dict[str, str]
    ) -> None:
        """Run a load, and record also the processor time of the server's processes for each request."""
        before = processes.cpu(processes.tree(server.pid))
        load = self.wrk.run(port, requests, clients, self.seconds, headers)
        after = processes.cpu(processes.tree(server.pid))
        used = sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())
        self.results.load(server.peer.name, name, load)
        self.results.add(server.peer.name, f"{name} / cpu", used / max(1, load.requests) * 1e6)

    def _repeated(self, server: Server, port: int, where: str) -> None:
        """Run the load of queries that were sent before, and the same with their ETags where there are any."""
        some = self.subjects[: workload.REPEATED]
        requests = [server.peer.target(workload.fixed(workload.point(iri))) for iri in some]
        with server.client() as client:
            tags = [client.get(request).etag for request in requests]
        self._run(server, port, f"{where} / repeated / 8", 8, requests, {})
        if all(tags):
            known = [f"{request}\t{tag}" for request, tag in zip(requests, tags, strict=True)]
            self._run(server, port, f"{where} / 304 / 8", 8, known, {})

    def _pages(self, one: Server, ours: Server) -> None:
        loads = {
            "pages": (web_processes.pages(), {"Accept": "text/html"}),
            "reconciliation": (web_processes.reconciliation(ours, random.Random(1)), FORM),
        }
        assert tuple(loads) == PAGES
        for name, (requests, headers) in loads.items():
            _say(f"  {name}")
            for side, server in ((ONE, one), (OURS, ours)):
                self.wrk.run(server.port, requests, 8, 1, headers)  # which makes the index of names
                load = self.wrk.run(server.port, requests, 8, self.seconds, headers)
                self.results.load(side, name, load)

    def _aggregates(self, ours: Server, native: Server) -> None:
        _say("  aggregates")
        for server in (ours, native):
            targets = self.bench.in_turn(server.peer, workload.aggregates())
            self.results.load(server.peer.name, "aggregates / 8", hammer(server.client, targets, 8, self.seconds))

    def _writes(self, ours: Server) -> None:
        _say("  writes")
        time.sleep(1)
        for acknowledged, seen, stale in web_processes.visible(ours, WRITES // self.options.rounds):
            self.results.add(OURS, "acknowledged", acknowledged)
            self.results.add(OURS, "visible", seen)
            self.results.add(OURS, "stale", float(stale))

    def _copy(self, source: Path, name: str) -> Path:
        """Copy a store that no process has open, for a server that changes it, or that runs beside another."""
        folder = self._folder(name)
        shutil.rmtree(folder / "data", ignore_errors=True)
        shutil.copytree(source / "data", folder / "data", ignore=shutil.ignore_patterns("server.*"))
        return folder

    def _folder(self, name: str) -> Path:
        folder = self.scratch / name
        folder.mkdir(exist_ok=True)
        shutil.copy(self.directory / "claims.txt", folder)
        return folder


def compare(options: argparse.Namespace, scratch: Path) -> Results:
    """Run the rounds, and print the report."""
    if missing := Native().missing():
        raise RuntimeError(missing)
    counts = corpus.ensure(options.corpus, options.quads)
    forms = Forms(options.corpus, scratch, options)
    _say("bulk load")
    forms.prepare()
    for number in range(options.rounds):
        _say(f"round {number + 1} of {options.rounds}")
        forms.round()
    print(f"{counts.quads:,} quads in named graphs; {options.rounds} rounds, each load {options.seconds:g} s in each")
    print("\n".join(forms_report.report(forms.results, forms.plan())))
    return forms.results


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    summary, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.forms",
        description=summary,
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quads", type=int, default=250_000, help="quads in named graphs (default: 250000)")
    parser.add_argument("--corpus", type=Path, metavar="DIR", required=True, help="directory of the corpus")
    parser.add_argument("--path", default="", metavar="DIR", help="directory searched first for `oxigraph`")
    parser.add_argument("--seconds", type=float, default=2, help="length of each load in a round (default: 2)")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--all", action="store_true", help="all twelve forms, also by one client; takes twice as long")
    parser.add_argument("--keepalive", action="store_true", help="nginx keeps its connections to the servers")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every number to FILE")
    parser.add_argument("--quick", action="store_true", help="one round of loads of 1 s by 8 clients")
    parser.add_argument(
        "--guide", type=Path, default=GUIDE, metavar="FILE", help="page with the configuration of nginx"
    )
    options = parser.parse_args(arguments)
    options.corpus = options.corpus.resolve()
    options.way = nginx.WAYS[options.keepalive]
    if options.quick:
        options.seconds, options.rounds = 1, 1
    if options.rounds < 1 or options.seconds < 1:
        parser.error("--rounds and --seconds are at least 1")
    os.environ["PATH"] = os.pathsep.join(filter(None, (options.path, os.environ["PATH"])))
    for program in ("wrk", nginx.program()):
        if shutil.which(program) is None:
            parser.error(f"no `{program}` found; apt install {program}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code is 1 when something could not be measured, and its logs are then kept."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped then, too
    begin = time.perf_counter()
    scratch = Path(tempfile.mkdtemp(prefix="forms-"))
    try:
        results = compare(options, scratch)
    except RuntimeError as error:
        _say(f"{error}\nLogs are in {scratch} and {options.corpus}.")
        return 1
    shutil.rmtree(scratch, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(results.numbers, indent=1), "utf-8")
    _say(f"took {time.perf_counter() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
