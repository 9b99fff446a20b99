"""Labels of resources for human readers: the English one if there is one, otherwise one in any language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from kg.iris import RDFS
from kg.rdf import oxigraph
from kg.store.store_protocols import Rows

T = TypeVar("T")
_BATCH = 500
"""Number of IRIs that one query lists in a VALUES block."""


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield the items in lists that are short enough for one query."""
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def values(iris: Iterable[str]) -> str:
    """Return IRIs as the data of a VALUES block: ``<a> <b>``."""
    return " ".join(f"<{iri}>" for iri in iris)


def text(term: oxigraph.Term) -> str:
    """Return the text of a term: an IRI, or a literal without language and datatype; empty for a triple term."""
    return "" if isinstance(term, oxigraph.Triple) else term.value


def labels(store: Rows, iris: Iterable[str]) -> dict[str, str]:
    """Return the label of each resource that has one; of several in one language, the first in code point order."""
    best: dict[str, tuple[bool, str]] = {}
    for batch in batches(iris):
        for row in store.rows(f"SELECT ?x ?label WHERE {{ VALUES ?x {{ {values(batch)} }} ?x <{RDFS}label> ?label }}"):
            label, iri = row["label"], text(row["x"])
            if isinstance(label, oxigraph.Literal):
                candidate = (label.language != "en", label.value)  # False, for English, sorts first
                best[iri] = min(best.get(iri, candidate), candidate)
    return {iri: label for iri, (_, label) in best.items()}
