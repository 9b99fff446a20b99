"""Benchmark of gate and closure against the straightforward implementation: ``python tests/bench/gate.py``.

The straightforward way is pySHACL over all shapes and owlrl over vocabulary and article, both in memory. Each side runs
in its own process, alternately, so that both meet the same machine load; the table shows medians, ratios, peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import owlrl
import pyshacl
from rdflib import Graph

import ontology
from kg.document.document_rdf_conversion import to_graph
from kg.gate.gate import Gate
from kg.iris import Names

NAMES = Names("http://127.0.0.1:8000/")


def ours() -> tuple[Callable[[], object], Callable[[], object]]:
    """Return the gate and the closure as the write path runs them."""
    gate, data = Gate(), ontology.read("seed/article.json").encode()
    mapped = gate.check_document(data, NAMES).mapped
    assert mapped is not None
    return lambda: gate.check_document(data, NAMES), lambda: gate.reasoner.close(mapped.graph)


def baseline() -> tuple[Callable[[], object], Callable[[], object]]:
    """Return full pySHACL and owlrl over the same graph."""
    gate, data = Gate(), ontology.read("seed/article.json").encode()
    checked = gate.check_document(data, NAMES)
    assert checked.document is not None
    facts = to_graph(checked.document, NAMES).graph
    shapes = Graph().parse(data=ontology.read("shapes.ttl"), format="turtle")

    def validate() -> object:
        return pyshacl.validate(facts, shacl_graph=shapes, ont_graph=gate.vocabulary, inference="none")

    def close() -> object:
        graph = Graph()
        for triple in [*gate.vocabulary, *facts]:
            graph.add(triple)
        owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(graph)
        return graph

    return validate, close


def measure(side: str, runs: int) -> dict[str, float]:
    """Run one side in this process and report medians in seconds and peak memory in MiB."""
    gate, closure = ours() if side == "ours" else baseline()
    times: list[list[float]] = [[], []]
    for _ in range(runs):
        for work, into in ((gate, times[0]), (closure, times[1])):
            start = time.perf_counter()
            work()
            into.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"gate": statistics.median(times[0]), "closure": statistics.median(times[1]), "memory": peak}


def main() -> None:
    """Run both sides in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--side", choices=["ours", "baseline"])
    options = parser.parse_args()
    if options.side:
        json.dump(measure(options.side, options.runs), sys.stdout)
        return
    results = {}
    for side, runs in (("baseline", 1), ("ours", options.runs)):
        command = [sys.executable, __file__, "--side", side, "--runs", str(runs)]
        results[side] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(f"{'':10}{'gate':>10}{'closure':>10}{'total':>10}{'peak memory':>14}")
    for side, row in results.items():
        total = row["gate"] + row["closure"]
        print(f"{side:10}{row['gate']:9.2f}s{row['closure']:9.2f}s{total:9.2f}s{row['memory']:11.0f}MiB")
    slow, fast = results["baseline"], results["ours"]
    ratios = [slow[k] / fast[k] for k in ("gate", "closure")]
    total = (slow["gate"] + slow["closure"]) / (fast["gate"] + fast["closure"])
    print(f"{'ratio':10}{ratios[0]:9.1f}x{ratios[1]:9.1f}x{total:9.1f}x{slow['memory'] / fast['memory']:12.2f}x")


if __name__ == "__main__":
    main()
