"""Comparison of servers on the same generated corpus: ``python -m tests.bench.serve --quads 1000000 --corpus DIR``.

The corpus is created in DIR if absent. Every peer is then started, loaded and stopped in turn, round after round, so
that noise of the machine affects all alike; each number is the median of the rounds. The tables go to standard output
as Markdown. A ratio is the speed of Claimgraph divided by that of the peer.

Lookups in every form in which clients send them, directly and through nginx, are compared by :mod:`tests.bench.forms`.

With ``--scale SMALL LARGE`` only Claimgraph is measured, alternately on two existing corpora.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import corpus, processes, table, workload
from tests.bench.client import Wrk
from tests.bench.measure import CLIENTS, Bench, Results
from tests.bench.peers import Native, Peer, RdflibEndpoint, Setting, default_program, running
from tests.bench.virtuoso import Virtuoso

PEERS: dict[str, Callable[[], tuple[Peer, Peer]]] = {
    "claimgraph": lambda: (Peer(default_program()), Peer(default_program())),
    "oxigraph": lambda: (Native(), Native(limited=True)),
    "rdflib-endpoint": lambda: (RdflibEndpoint(), RdflibEndpoint()),
    "virtuoso": lambda: (Virtuoso(), Virtuoso()),
}
"""Loading and query termination of each peer."""


def compare(options: argparse.Namespace) -> Results:
    """Measure the installed peers, round after round."""
    counts = corpus.ensure(options.corpus, options.quads)
    peers = [PEERS[name]() for name in options.peers]
    missing = [text for peer, _ in peers if (text := peer.missing())]
    peers = [both for both in peers if not both[0].missing()]
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(options.corpus, Wrk(directory=Path(scratch)), options.seconds)
        bench.results.notes += missing
        for peer, _ in peers:
            if seconds := peer.prepare(Setting(options.corpus)):
                _say(f"{peer.name}: loaded in {seconds:.0f} s")
        for number in range(options.rounds):
            bench.first = number == 0
            for peer, limited in peers:
                if not peer.in_memory and not options.quick:
                    _say(f"round {number + 1}: {peer.name}, questions")
                    bench.ask_questions(peer, limited)
            if bench.first:
                bench.choose_quick(peers[0][0].name)
            for peer, limited in peers:
                if bench.first or not peer.in_memory:
                    _say(f"round {number + 1}: {peer.name}")
                    try:
                        bench.round(peer, limited)
                    except RuntimeError as error:  # the results of the other peers are still useful
                        bench.results.notes.append(str(error))
    print(f"{counts.quads:,} quads in named graphs, {counts.union:,} triples of their union in the default graph\n")
    return bench.results


def scale(options: argparse.Namespace) -> Results:
    """Measure lookups on a small and on a large corpus in turn, and the memory."""
    results, peer = Results(), Peer(default_program())
    with tempfile.TemporaryDirectory() as scratch:
        wrk = Wrk(directory=Path(scratch))
        for number in range(options.rounds):
            for name, directory in zip(table.SCALE, options.scale, strict=True):
                _say(f"round {number + 1}: {directory.name}")
                requests = [peer.target(workload.point(iri)) for iri in workload.subjects(directory)]
                _read_once(directory / "data" / "store")
                with running(peer, Setting(directory)) as server:
                    results.add(name, "start", server.started * 1000)
                    time.sleep(1)
                    memory = processes.memory(processes.tree(server.pid))
                    results.add(name, "idle / rss", memory.rss)
                    results.add(name, "idle / uss", memory.uss)
                    wrk.run(server.port, requests, 1, 1)
                    for clients in CLIENTS:
                        load = wrk.run(server.port, requests, clients, options.seconds)
                        results.load(name, f"point, new / {clients}", load)
                    time.sleep(1)
                    memory = processes.memory(processes.tree(server.pid))
                    results.add(name, "afterwards / rss", memory.rss)
                    results.add(name, "afterwards / uss", memory.uss)
    return results


def _read_once(directory: Path) -> None:
    """Read the files of a store into the page cache, so that processors are compared and not disks."""
    for file in directory.glob("*.sst"):
        with file.open("rb") as stream:
            while stream.read(1 << 24):
                pass


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    summary, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.serve",
        description=summary,
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quads", type=int, default=1_000_000, help="quads in named graphs (default: 1000000)")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="directory of the corpus; created if absent")
    parser.add_argument("--peers", default=",".join(PEERS), help=f"comma-separated names (default: {','.join(PEERS)})")
    parser.add_argument("--path", default="", metavar="DIR", help="directory searched first for the programs of peers")
    parser.add_argument("--seconds", type=float, default=2, help="length of each load in a round (default: 2)")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every number to FILE")
    parser.add_argument("--quick", action="store_true", help="one short round without the competency questions")
    parser.add_argument("--scale", type=Path, nargs=2, metavar=("SMALL", "LARGE"), help="see below")
    options = parser.parse_args(arguments)
    options.peers = options.peers.split(",")
    if unknown := [name for name in options.peers if name not in PEERS]:
        parser.error(f"no peer is called {', '.join(unknown)}; there are {', '.join(PEERS)}")
    if not options.corpus and not options.scale:
        parser.error("--corpus DIR or --scale SMALL LARGE is needed")
    for directory in options.scale or ():
        if not (directory / "data" / "claimgraph.json").exists():
            parser.error(f"no corpus in {directory}: python -m tests.bench.corpus --quads N --store --out {directory}")
    if options.corpus:
        options.corpus = options.corpus.resolve()
    if options.quick:
        options.seconds, options.rounds = 1, 1
    os.environ["PATH"] = os.pathsep.join(filter(None, (options.path, os.environ["PATH"])))
    if shutil.which("wrk") is None:
        parser.error("no `wrk` found, which sends the requests; apt install wrk")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code is 1 when two peers gave other numbers of rows for the same query."""
    options = _options(arguments)
    begin = time.perf_counter()
    results = scale(options) if options.scale else compare(options)
    print("\n".join(table.scale(results) if options.scale else table.comparison(results)))
    if options.json:
        options.json.write_text(json.dumps(results.numbers, indent=1), "utf-8")
    _say(f"took {time.perf_counter() - begin:.0f} s")
    return 1 if any(results.differing(rows=True)) else 0


if __name__ == "__main__":
    sys.exit(main())
