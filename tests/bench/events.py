"""Benchmark of event matching between two releases of UCDP GED: ``python -m tests.bench.events``.

The rows of the older release are the queries, those of the newer are the dataset. Rows with the same id are the same
event (the id itself is never compared). A link is *found* if it was accepted, or if it is among the rows proposed for
review of that event. A *false* link is an accepted one to another row; for the last column each event is matched once
more with its own row taken out of the dataset, so that every accepted link is false.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kg.events import table_engines
from kg.events.event_file_format_detection import EventFormat
from kg.events.event_file_reading import opened
from kg.events.event_matching import candidates
from kg.events.match_acceptance_rules import decided
from kg.events.table_engines import Table

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "linking" / "ucdp"
OLDER, NEWER = DATA / "conflict_data_ukr_2014-2019_older_release.csv", DATA / "conflict_data_ukr_2014-2021.csv"
SPLIT = 2016
"""Last year of the first half of the queries."""


@dataclass(frozen=True)
class Outcome:
    """Counts of the outcomes of some queries."""

    queries: int
    gold: int
    accepted: int
    right: int
    found: int
    review: int
    shown: int
    false_when_withheld: int

    def row(self, name: str) -> str:
        """Write it as a row of a table."""
        precision, recall = self.right / max(self.accepted, 1), self.found / max(self.gold, 1)
        withheld = f"{self.false_when_withheld} ({self.false_when_withheld / self.queries:.2%})"
        return (
            f"| {name} | {self.queries:,} | {self.gold:,} | {self.accepted} | {precision:.4f} | {recall:.4f} "
            f"| {self.review} ({self.shown / max(self.review, 1):.1f}) | {withheld} |"
        )


HEADER = (
    "| queries of | number | with a row of the same id | accepted | P of accepted | R with review "
    "| to review (rows each) | false when withheld |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def outcome(
    queries: Iterable[str], known: set[str], whole: list[dict[str, Any]], bereft: list[dict[str, Any]]
) -> Outcome:
    """Count.

    Args:
        queries: ids.
        known: ids that the dataset has.
        whole: decided rows.
        bereft: decided rows, each query's own row taken out; here a row may be accepted for several.
    """
    asked = set(queries)
    accepted = {row["q_id"]: row["r_id"] for row in whole if row["verdict"] == "accept" and row["q_id"] in asked}
    shown: dict[str, list[str]] = defaultdict(list)
    for row in whole:
        if row["verdict"] == "review" and row["q_id"] in asked and row["q_id"] not in accepted:
            shown[row["q_id"]].append(row["r_id"])
    right = {query for query, row in accepted.items() if row == query}
    return Outcome(
        queries=len(asked),
        gold=len(asked & known),
        accepted=len(accepted),
        right=len(right),
        found=len(right | {query for query, rows in shown.items() if query in rows}),
        review=len(shown),
        shown=sum(map(len, shown.values())),
        false_when_withheld=len({row["q_id"] for row in bereft if row["sure"] and row["q_id"] in asked}),
    )


def tables(connection: Any) -> tuple[Table, Table]:
    """Read both releases into the engine."""
    older, newer = (opened(connection, file, EventFormat.ucdp).events for file in (OLDER, NEWER))
    return table_engines.materialised(connection, "older", older), table_engines.materialised(
        connection, "newer", newer
    )


def measure(connection: Any, older: Table, newer: Table) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Match against the whole dataset, and against the dataset without each query's own row."""
    pairs = candidates(older, newer)
    whole = table_engines.rows(decided(pairs), connection)
    return whole, table_engines.rows(decided(pairs.filter(pairs.q_id != pairs.r_id)), connection)


def report() -> str:
    """Run all measurements and return the text for RESULTS.md."""
    connection = table_engines.duck()
    began = time.perf_counter()
    older, newer = tables(connection)
    read = time.perf_counter() - began
    began = time.perf_counter()
    whole = table_engines.rows(decided(candidates(older, newer)), connection)
    ran = time.perf_counter() - began
    bereft = measure(connection, older, newer)[1]
    queries = {row["id"]: row["start"].year for row in table_engines.rows(older, connection)}
    known = {row["id"] for row in table_engines.rows(newer, connection)}
    parts = {
        f"2014–{SPLIT}": [query for query, year in queries.items() if year <= SPLIT],
        f"{SPLIT + 1}–2019": [query for query, year in queries.items() if year > SPLIT],
        "all": list(queries),
    }
    lines = [HEADER, *(outcome(ids, known, whole, bereft).row(name) for name, ids in parts.items()), ""]
    lines.append(f"DuckDB: {read:.1f} s to read and check both files, {ran:.1f} s to match and decide.")
    return "\n".join(lines)


def on_spark() -> str:
    """Time the same expressions on Spark, and compare the results."""
    duck = table_engines.duck()
    older, newer = tables(duck)
    expected = table_engines.rows(decided(candidates(older, newer)), duck)
    began = time.perf_counter()
    spark = table_engines.spark()
    started = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        left, right = (
            table_engines.transferred(each, spark, Path(folder) / f"{n}.parquet")
            for n, each in enumerate((older, newer))
        )
        began = time.perf_counter()
        found = table_engines.rows(decided(candidates(left, right)), spark)
        ran = time.perf_counter() - began
    keys = ("q_id", "r_id", "score", "verdict")
    ours, theirs = ({tuple(row[key] for key in keys) for row in rows} for rows in (expected, found))
    verdict = "the same rows as DuckDB" if ours == theirs else "OTHER ROWS than DuckDB"
    return f"Spark, local: {started:.1f} s to start, {ran:.1f} s to match and decide; {verdict}."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spark", action="store_true", help="time Spark as well")
    arguments = parser.parse_args()
    sys.stdout.write(report() + "\n")
    if arguments.spark:
        sys.stdout.write(on_spark() + "\n")
