"""Benchmark of the checks of a query beside its evaluation: ``python -m tests.bench.query_checks``.

Measured in this process, in microseconds of processor time a text: the checks by the lexer alone, the checks as they
are, the evaluation with its checks, and the engine alone, which parses, evaluates and serialises. In each round all of
them run on each text, so that all meet the same machine; the table shows the medians of the rounds, and the ratio of
the two checks.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.sparql.checked_query_evaluation import NestingLimits, QueryEvaluator
from kg.sparql.query_and_update_analysis import QueryAnalysis
from kg.sparql.text_depth import height, nesting

README = Path(__file__).parents[2] / "README.md"
ENTITY = "https://news.example/entity/"
ENTITIES = 20_000
MEASURES = ("lexer", "checks", "evaluation", "engine")
_REQUEST = QueryDataset(base="https://news.example/sparql")
_LOOKUP = f"SELECT ?p ?o WHERE {{ <{ENTITY}e77_1> ?p ?o }} LIMIT 93"


def texts() -> dict[str, str]:
    """Return the texts to check, by what is special about them."""
    (first, *_) = re.findall(r"```sparql\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    return {
        "full IRI": _LOOKUP,
        "prefixed name": f"PREFIX e: <{ENTITY}> SELECT ?p ?o WHERE {{ e:e77_1 ?p ?o }} LIMIT 93",
        "comment": f"# app 7, page 12\n{_LOOKUP}",
        "README": first,
        "escape (left to the lexer)": f'SELECT ?p WHERE {{ <{ENTITY}e77_1> ?p "\\n" }} LIMIT 93',
    }


@contextmanager
def snapshot() -> Iterator[oxigraph.Engine]:
    """Yield a store on disk with some triples of each entity, opened for reading."""
    with tempfile.TemporaryDirectory() as directory:
        store = oxigraph.open_store(Path(directory, "store"))
        store.extend(_quads())
        store.flush()
        oxigraph.checkpoint(store, Path(directory, "snapshot"))
        yield oxigraph.open_snapshot(Path(directory, "snapshot"))


def _quads() -> Iterator[oxigraph.Quad]:
    for number in range(ENTITIES):
        subject = oxigraph.NamedNode(f"{ENTITY}e{number}_1")
        for name in "abcde":
            yield oxigraph.Quad(subject, oxigraph.NamedNode(f"{ENTITY}{name}"), oxigraph.Literal(f"{name} of {number}"))


def sides(store: oxigraph.Engine, text: str) -> dict[str, Callable[[], object]]:
    """Return what is measured for one text."""
    evaluator, limits, choice = QueryEvaluator(NestingLimits()), NestingLimits(), ResultFormats()

    def by_lexer() -> object:
        return QueryAnalysis.parse(text, "base:/"), nesting(text), height(text)

    def checks() -> object:
        limits.check(text)
        return QueryAnalysis.quick(text, "base:/")

    return {
        "lexer": by_lexer,
        "checks": checks,
        "evaluation": lambda: evaluator.evaluate(store, text, choice, _REQUEST),
        "engine": lambda: oxigraph_queries.query(store, text, choice, _REQUEST),
    }


def _microseconds(call: Callable[[], object], number: int) -> float:
    start = time.process_time()
    for _ in range(number):
        call()
    return (time.process_time() - start) / number * 1e6


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--number", type=int, default=1000, help="calls in each round")
    given = parser.parse_args()
    print("| µs a text |", " | ".join(MEASURES), "| lexer ÷ checks |")
    print("|---|" + "--:|" * (len(MEASURES) + 1))
    with snapshot() as store:
        for name, text in texts().items():
            found = {measure: list[float]() for measure in MEASURES}
            calls = sides(store, text)
            for _ in range(given.rounds):
                for measure, call in calls.items():
                    found[measure].append(_microseconds(call, given.number))
            medians = [median(found[measure]) for measure in MEASURES]
            ratio = median(a / b for a, b in zip(found["lexer"], found["checks"], strict=True))
            print(f"| {name} |", " | ".join(f"{value:.1f}" for value in medians), f"| {ratio:.0f} |")


if __name__ == "__main__":
    main()
