"""Benchmark of table matching over HTTP, from the CSV file to the last response.

Run it with ``python -m tests.bench.reconcile --corpus DIR``; DIR is the output of ``python -m tests.bench.corpus
--store``, and is copied first. Each row of the table is a label of an entity: unchanged, with a typing error, inflected
(with the extra ``lemmas``), or a name that no entity has. So the correct match of each row is known.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pymorphy3

from kg.iris import CG, RDFS
from tests.bench.articles import _SYLLABLES
from tests.bench.processes import tree
from tests.processes import Server, running, send

KINDS = ("Person", "Place", "Organization", "Country")
_NAMES = f"SELECT DISTINCT ?e ?label {{ ?e a <{CG}%s> ; <{RDFS}label> ?label }}"
_LETTERS = "абвгдежзиклмнопрстуфхцчшюя"
Row = tuple[str, str, str, str, str]
"""Key, name, type, how the name was made, and the IRI that is meant, or nothing."""


def slip(name: str, rng: random.Random) -> str:
    """Write a name with one letter wrong, missing or in another place."""
    at = rng.randrange(1, len(name) - 1)
    return rng.choice(
        (
            name[:at] + name[at + 1 :],
            name[:at] + name[at + 1] + name[at] + name[at + 2 :],
            name[:at] + rng.choice(_LETTERS if not name.isascii() else "abcdefghijklmnopqrstuvwxyz") + name[at + 1 :],
        )
    )


def inflected(name: str, rng: random.Random, morph: pymorphy3.MorphAnalyzer) -> str:
    """Return a name in the genitive, dative or instrumental, or unchanged if its forms are unknown."""
    case, words = rng.choice(("gent", "datv", "ablt")), []
    for word in name.split():
        form = next((p.inflect({case}) for p in morph.parse(word) if p.tag.case == "nomn"), None)
        words.append(form.word.capitalize() if form else word)
    return " ".join(words)


def table(names: Sequence[tuple[str, str, str]], rows: int, rng: random.Random) -> Iterator[Row]:
    """Make the rows."""
    morph = pymorphy3.MorphAnalyzer(lang="uk")
    made: dict[str, Callable[[str], str]] = {
        "exact": lambda name: name,
        "slip": lambda name: slip(name, rng),
        "inflected": lambda name: inflected(name, rng, morph),
    }
    for number in range(rows):
        iri, name, kind = rng.choice(names)
        how = rng.choices(("exact", "slip", "inflected", "absent"), (40, 25, 20, 15))[0]
        if how == "absent":
            name = " ".join("".join(s[1] for s in rng.choices(_SYLLABLES, k=5)).capitalize() for _ in range(2))
        elif (how == "inflected" and name.isascii()) or (how == "slip" and len(name) < 6):
            how = "exact"
        yield str(number), name if how == "absent" else made[how](name), kind, how, "" if how == "absent" else iri


def read_names(server: Server) -> list[tuple[str, str, str]]:
    """Query the labels of all entities."""
    found = []
    for kind in KINDS:
        lines = csv.DictReader(server.query(_NAMES % kind).body.decode().splitlines())
        found += [(line["e"], line["label"], kind) for line in lines if len(line["label"]) > 3]
    return sorted(found)


def namesakes(names: Sequence[tuple[str, str, str]]) -> dict[str, set[str]]:
    """Return, by entity, the entities that share a label with it: no cell of the row distinguishes them."""
    holders: dict[str, set[str]] = {}
    for iri, label, _ in names:
        holders.setdefault(label, set()).add(iri)
    same: dict[str, set[str]] = {}
    for iris in holders.values():
        for iri in iris:
            same.setdefault(iri, set()).update(iris)
    return same


def ask(connection: http.client.HTTPConnection, batch: Sequence[Row]) -> list[list[dict[str, Any]]]:
    """Send one batch as OpenRefine does, and return the candidates of each row."""
    queries = {row[0]: {"query": row[1], "type": CG + row[2], "limit": 5} for row in batch}
    body = urlencode({"queries": json.dumps(queries)}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = send(connection, "POST", "/reconcile/0.2", body, headers)
    assert answer.status == 200, answer.body
    found = json.loads(answer.body)
    return [found[row[0]]["result"] for row in batch]


def judge(rows: Sequence[Row], found: Sequence[list[dict[str, Any]]], same: dict[str, set[str]]) -> str:
    """Return how often the first candidate is correct, and the certain one."""
    lines = []
    for how in ("exact", "slip", "inflected", "absent"):
        mine = [(row, got) for row, got in zip(rows, found, strict=True) if row[3] == how]
        first = sum(bool(got) and got[0]["id"] in same.get(row[4], ()) for row, got in mine)
        sure = [(row, got[0]["id"]) for row, got in mine if got and got[0]["match"]]
        wrong = sum(iri != row[4] for row, iri in sure)
        lines.append(f"| {how} | {len(mine):,} | {first / max(1, len(mine)):.3f} | {len(sure):,} | {wrong} |")
    return "\n".join(lines)


def measure(server: Server, file: Path, size: int) -> tuple[float, list[Row], list[list[dict[str, Any]]]]:
    """Read the CSV and match it in batches, on one connection."""
    begun = time.perf_counter()
    with file.open(encoding="utf-8", newline="") as source:
        rows: list[Row] = [(r[0], r[1], r[2], r[3], r[4]) for r in csv.reader(source)]
    connection = server.connect()
    found = [row for at in range(0, len(rows), size) for row in ask(connection, rows[at : at + size])]
    connection.close()
    return time.perf_counter() - begun, rows, found


def main() -> None:
    """Run the measurement and print the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--corpus", type=Path, metavar="DIR", help="output of tests.bench.corpus --store; the seed article if omitted"
    )
    parser.add_argument("--rows", type=int, default=10_000)
    options = parser.parse_args()
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.corpus:
            shutil.copytree(options.corpus / "data", folder / "data")
        with running(folder, KG_TIMEOUT="300", KG_MAX_ROWS="10000000") as server:
            names = read_names(server)
            file = folder / "table.csv"
            with file.open("w", encoding="utf-8", newline="") as target:
                csv.writer(target).writerows(table(names, options.rows, rng))
            same = namesakes(names)
            connection = server.connect(timeout=600)
            begun = time.perf_counter()
            ask(connection, [("0", "x", "Person", "", "")])
            print(
                f"{len({iri for iri, _, _ in names}):,} entities; index ready after {time.perf_counter() - begun:.1f} s"
            )
            for size in (10, 100):
                seconds, rows, found = measure(server, file, size)
                print(f"batches of {size}: {seconds:.1f} s, {len(rows) / seconds:,.0f} rows/s")
            writer = server.writer()
            memory = sum(_resident(pid) for pid in tree(writer)[:1]) if writer else 0
            print(f"memory of the server process: {memory / 2**20:,.0f} MiB\n")
            print("| rows | number | first is meant | certain | of these wrong |\n| --- | --- | --- | --- | --- |")
            print(judge(rows, found, same))


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * 4096


if __name__ == "__main__":
    main()
