"""Blank node labels that depend on nothing but the document, for contents that must be the same byte for byte.

A parser makes new labels each time, so that two documents can be put together; two processes would then send different
bytes for one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

from kg.rdf import oxigraph


def numbered(quads: Iterable[oxigraph.Quad]) -> Iterator[oxigraph.Triple]:
    """Yield the triples of a document with blank nodes named ``b0``, ``b1``, … in the order in which they occur."""
    numbers, names = count(), dict[str, oxigraph.BlankNode]()

    def named(term: oxigraph.Term) -> oxigraph.Term:
        if not isinstance(term, oxigraph.BlankNode):
            return term
        if term.value not in names:
            names[term.value] = oxigraph.BlankNode(f"b{next(numbers)}")
        return names[term.value]

    for quad in quads:
        yield oxigraph.Triple(named(quad.subject), quad.predicate, named(quad.object))  # type: ignore[arg-type]
