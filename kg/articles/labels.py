"""What things are called, for people: in English where there is a name in English, else in any language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from kg.iris import RDFS
from kg.rdf import oxigraph
from kg.store.store_protocols import Rows

T = TypeVar("T")
_BATCH = 500


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Give items in lists as long as a query may name them one by one."""
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def values(iris: Iterable[str]) -> str:
    """Write IRIs as the data of a VALUES block."""
    return " ".join(f"<{iri}>" for iri in iris)


def text(term: oxigraph.Term) -> str:
    """Give what a term says: the IRI, or the literal without language or datatype."""
    return "" if isinstance(term, oxigraph.Triple) else term.value


def labels(store: Rows, iris: Iterable[str]) -> dict[str, str]:
    """Find the name of each thing that has one; of several in one language, the first of the alphabet."""
    best: dict[str, tuple[bool, str]] = {}
    for batch in batches(iris):
        for row in store.rows(f"SELECT ?x ?label WHERE {{ VALUES ?x {{ {values(batch)} }} ?x <{RDFS}label> ?label }}"):
            label, iri = row["label"], text(row["x"])
            if isinstance(label, oxigraph.Literal):
                candidate = (label.language != "en", label.value)
                best[iri] = min(best.get(iri, candidate), candidate)
    return {iri: label for iri, (_, label) in best.items()}
