"""Queries of the benchmark: many lookups, the competency questions, aggregates, an export, and a runaway query."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kg.articles.competency_question_files import all_questions

PREFIXES = "PREFIX cg: <https://w3id.org/claimgraph/ns#> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> "
POINT = "SELECT ?p ?o WHERE {{ <{iri}> ?p ?o }} LIMIT __N__"
JOIN = (
    "SELECT ?about ?what ?source WHERE {{ <{iri}> cg:hasContent ?about ; cg:attributedTo ?who . "
    "?about rdfs:label ?what . ?who rdfs:label ?source }} LIMIT __N__"
)
"""Lookups as an application sends them: one form with varying constants. ``__N__`` is a unique number over a million,
so that no two texts are equal; no result has as many rows.
"""

_FIXED = "1000000"
REPEATED = 100
"""Number of distinct requests in the repeated load."""

RUNAWAY = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f FILTER(STRLEN(STR(?a)) + STRLEN(STR(?f)) < 0) }"
"""All pairs of triples: a trillion at a million, and no way round."""

EXPORT_ROWS = 100_000


@dataclass(frozen=True)
class Query:
    """A query with a name for the table."""

    name: str
    text: str


def point(iri: str) -> str:
    """Return the query for all statements about a subject."""
    return POINT.format(iri=iri)


def join(iri: str) -> str:
    """Return the query for the subject and source of a claim, with labels."""
    return PREFIXES + JOIN.format(iri=iri)


def fixed(query: str) -> str:
    """Return the query with the same number each time."""
    return query.replace("__N__", _FIXED)


def subjects(corpus: Path) -> list[str]:
    """Read the sample of subjects: claims, situations, and what else has a name, and entities."""
    return (corpus / "subjects.txt").read_text("utf-8").split()


def claims(corpus: Path) -> list[str]:
    """Read the sample of claims."""
    return (corpus / "claims.txt").read_text("utf-8").split()


def questions() -> list[Query]:
    """Read the competency questions."""
    return [Query(f"Q{question.number}", question.text) for question in all_questions()]


def aggregates() -> list[Query]:
    """Return queries that scan much of the data and have small results."""
    by_class = "SELECT ?class (COUNT(?x) AS ?n) WHERE { ?x a ?class } GROUP BY ?class ORDER BY DESC(?n) ?class"
    speakers = (
        "SELECT ?who (COUNT(?claim) AS ?n) WHERE { ?claim a cg:Claim ; cg:attributedTo ?who } "
        "GROUP BY ?who ORDER BY DESC(?n) ?who LIMIT 20"
    )
    return [Query("count by class", by_class), Query("top speakers", PREFIXES + speakers)]


def export() -> Query:
    """Return the query with a large result."""
    return Query(f"export of {EXPORT_ROWS:,} rows", f"SELECT ?s ?p ?o WHERE {{ ?s ?p ?o }} LIMIT {EXPORT_ROWS}")


class Numbered:
    """A query whose text is unique at each use, by a limit or a declaration that has no effect."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = itertools.count(1)

    def __call__(self, query: str) -> str:
        number = next(self._numbers)
        if "LIMIT" in query:
            return f"PREFIX unused: <urn:bench:{number}>\n{query}"
        return f"{query}\nLIMIT {1_000_000 + number}"
