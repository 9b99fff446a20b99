"""Benchmark of ORDER BY: the engine's own order against the total order that queries get, in one run.

``python -m tests.bench.sorting [--rows N] [--rounds N]`` prints one row for each kind of values.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

from pyoxigraph import Literal, NamedNode, Quad

from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from kg.sparql.rewriting.engine_rewriting import query_edits
from kg.sparql.text_edits import edited
from tests.bench.table import lines

_XSD = "http://www.w3.org/2001/XMLSchema#"
_QUERY = "SELECT ?s ?o { ?s <urn:p> ?o } ORDER BY ?o"


def main() -> None:
    """Measure each kind of values and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rows = []
    for name, value in columns(random.Random(1)).items():
        own, total = measured(filled(value, arguments.rows), arguments.rounds)
        rows.append([name, f"{own:.2f} s", f"{total:.2f} s", f"{total / own:.2f}"])
    print("\n".join(lines(["values", "the engine's order", "total order", "ratio"], rows)))


def columns(chosen: random.Random) -> dict[str, Callable[[], oxigraph.Term]]:
    """Return a function for each kind of values, which returns a random one."""

    def typed(name: str, value: Callable[[], str]) -> Callable[[], oxigraph.Term]:
        return lambda: Literal(value(), datatype=NamedNode(_XSD + name))

    def date() -> str:
        return f"{chosen.randint(1990, 2025)}-{chosen.randint(1, 12):02}-{chosen.randint(1, 28):02}"

    def clock() -> str:
        return f"{chosen.randint(0, 23):02}:{chosen.randint(0, 59):02}:{chosen.randint(0, 59):02}"

    def number() -> int:
        return chosen.randint(0, 10**9)

    kinds: dict[str, Callable[[], oxigraph.Term]] = {
        "integers": typed("integer", lambda: str(number())),
        "integers below 100": typed("integer", lambda: str(chosen.randint(0, 99))),
        "decimals": typed("decimal", lambda: f"{number() / 100:.2f}"),
        "doubles": typed("double", lambda: str(chosen.random())),
        "dateTime with a zone": typed("dateTime", lambda: f"{date()}T{clock()}Z"),
        "dateTime without a zone": typed("dateTime", lambda: f"{date()}T{clock()}"),
        "dates": typed("date", date),
        "short strings": lambda: Literal(f"{number()}"),
        "long strings": lambda: Literal(f"The name of number {number()}"),
        "strings in a language": lambda: Literal(f"The name of number {number()}", language="en"),
        "IRIs": lambda: NamedNode(f"http://example.org/{number()}"),
        "years (in Python)": typed("gYear", lambda: f"{chosen.randint(1000, 9999)}"),
        "durations (in Python)": typed("duration", lambda: f"PT{number()}S"),
    }
    mixed = [kinds[name] for name in ("integers", "dateTime with a zone", "dates", "long strings", "IRIs", "doubles")]

    def any_kind() -> oxigraph.Term:
        return chosen.choice(mixed)()

    return {**kinds, "mixed": any_kind}


def filled(value: Callable[[], oxigraph.Term], rows: int) -> oxigraph.Engine:
    """Return a store with one value for each of so many subjects."""
    engine = oxigraph.open_store(None)
    engine.extend(Quad(NamedNode(f"urn:s{number}"), NamedNode("urn:p"), value()) for number in range(rows))
    return engine


def measured(engine: oxigraph.Engine, rounds: int) -> tuple[float, float]:
    """Return the least processor seconds of the query as it is, and as it is rewritten; both take turns."""
    texts = (_QUERY, edited(_QUERY, query_edits(_QUERY)))
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for text, taken in zip(texts, times, strict=True):
            start = time.process_time()
            oxigraph_queries.query(engine, text, ResultFormats(), QueryDataset())
            taken.append(time.process_time() - start)
    return min(times[0]), min(times[1])


if __name__ == "__main__":
    main()
