"""Chunks of quads for a load: each is one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kg.errors import BadInput
from kg.rdf import oxigraph

_CHUNK = 50_000
"""Quads for each transaction of a load."""


def chunks(quads: Iterable[oxigraph.Quad], graph: str) -> Iterator[list[oxigraph.Quad]]:
    """Yield quads in lists of at most ``_CHUNK``; those without a graph are put into ``graph``."""
    chunk: list[oxigraph.Quad] = []
    home = oxigraph.NamedNode(graph)
    for quad in quads:
        if isinstance(quad.graph_name, oxigraph.BlankNode):
            raise BadInput(
                "A graph is named by a blank node.", remedy="Name it by an IRI, so that queries can refer to it."
            )
        nameless = isinstance(quad.graph_name, oxigraph.DefaultGraph)
        chunk.append(oxigraph.Quad(quad.subject, quad.predicate, quad.object, home) if nameless else quad)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
