"""A slice of Wikidata as its own endpoint would serve it, and links of the seed article's entities to it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kg.iris import SKOS
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf import oxigraph

SLICES = Path(__file__).resolve().parents[3] / "shared" / "data" / "linking"
"""Data outside the repository; tests that need it are skipped where it is absent."""

_WD = "http://www.wikidata.org/"
_XSD = "http://www.w3.org/2001/XMLSchema#"
_WKT = "http://www.opengis.net/ont/geosparql#wktLiteral"


def ntriples() -> str:
    """Write offices (P39, with start and end) of the people and coordinates (P625) of the places in the slice."""
    lines = [line for file in sorted((SLICES / "wikidata").glob("Q*.json")) for line in _person(file)]
    for row in rows("naturalearth_populated_places_qid.tsv"):
        point = f"Point({row['lon']} {row['lat']})"
        lines.append(f'<{_WD}entity/{row["wikidata"]}> <{_WD}prop/direct/P625> "{point}"^^<{_WKT}> .')
    return "\n".join(lines) + "\n"


def rows(name: str) -> list[dict[str, str]]:
    """Read a table of the slices."""
    with (SLICES / name).open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def _person(file: Path) -> Iterator[str]:
    entity = json.loads(file.read_text("utf-8"))["entities"][file.stem]
    subject = f"<{_WD}entity/{file.stem}>"
    for statement in entity["claims"].get("P39", []):
        office = _value(statement["mainsnak"])
        if office is None:
            continue
        node = f"<{_WD}entity/statement/{statement['id'].replace('$', '-')}>"
        yield f"{subject} <{_WD}prop/P39> {node} ."
        yield f"{node} <{_WD}prop/statement/P39> <{_WD}entity/{office['id']}> ."
        for name in ("P580", "P582"):
            for snak in statement.get("qualifiers", {}).get(name, []):
                if time := _value(snak):
                    stamp = time["time"].removeprefix("+")
                    yield f'{node} <{_WD}prop/qualifier/{name}> "{stamp}"^^<{_XSD}dateTime> .'


def _value(snak: dict[str, Any]) -> Any:
    return snak.get("datavalue", {}).get("value")


def link(graph: KnowledgeGraph) -> int:
    """Link the seed article's entities to Wikidata by the certain rows of the gold list; return the number of links."""
    known = {row["name_uk"]: row["wikidata"] for row in rows("gold_seed_article.tsv") if row["level"] in ("A", "B")}
    label, match = (
        oxigraph.NamedNode("http://www.w3.org/2000/01/rdf-schema#label"),
        oxigraph.NamedNode(f"{SKOS}exactMatch"),
    )
    triples = []
    for quad in graph.store.match(None, label, None, graph.names.article_graph("seed")):
        name = quad.object
        if isinstance(name, oxigraph.Literal) and name.language == "uk" and name.value in known:
            record = oxigraph.NamedNode(f"{_WD}entity/{known[name.value]}")
            triples.append(oxigraph.Triple(quad.subject, match, record))
    graph.store.merge(f"{graph.names.base}graph/links/wikidata", triples)
    return len(triples)
