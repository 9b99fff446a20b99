"""Protocols of a dataset: what a caller may do who reads it, and what one may do who writes whole graphs.

Who only reads takes :class:`Reads`, so that a type checker proves that it does not write, and any of three fits: the
store itself, one snapshot of it (:mod:`kg.processes.store_at_snapshot`), and the graphs that a limited caller sees
(:mod:`kg.access.restricted_store`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, Protocol

from kg.iris import Names
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats

Outcome = Literal["created", "replaced", "unchanged"]
Bindings = dict[str, oxigraph.Term]
Subject = oxigraph.NamedNode | oxigraph.BlankNode | oxigraph.Triple


class Rows(Protocol):
    """Anything that answers a SELECT of the product's own."""

    def rows(
        self, text: str, bindings: Bindings | None = None, request: QueryDataset | None = None
    ) -> list[dict[str, oxigraph.Term]]:
        """Run a SELECT of the product's own, on some of the graphs if ``request`` names any."""
        ...


class Reads(Rows, Protocol):
    """A dataset that is read: by its graphs, by patterns, and by SPARQL."""

    @property
    def names(self) -> Names:
        """The IRIs of the dataset."""
        ...

    @property
    def bare(self) -> bool:
        """Whether it is a plain SPARQL 1.1 dataset, without managed graphs and union default graph."""
        ...

    @property
    def identity(self) -> str:
        """A text that tells the dataset from every other, and from any part of it that a limited caller sees."""
        ...

    @property
    def number(self) -> int:
        """The number of the commit that is read."""
        ...

    def __len__(self) -> int:
        """Count the distinct triples (quads, in a bare store)."""
        ...

    def count(self, graph: str | None) -> int:
        """Count the triples of one graph; ``None`` is the default graph (all graphs together, unless bare)."""
        ...

    def sizes(self) -> dict[str, int]:
        """Count the triples of each named graph, sorted by name."""
        ...

    def graphs(self) -> list[str]:
        """List the names of the graphs, sorted."""
        ...

    def has_graph(self, graph: str) -> bool:
        """Return whether a named graph is there (it may be empty); a text that is not an IRI names none."""
        ...

    def triples(self, graph: str | None) -> list[oxigraph.Triple]:
        """List one graph; ``None`` is the default graph (all graphs together, unless bare)."""
        ...

    def quads(self, graphs: Iterable[str] | None = None) -> Iterator[oxigraph.Quad]:
        """Iterate over the quads of the named graphs, or of all of them (the union graph is not repeated)."""
        ...

    def match(
        self,
        subject: Subject | None,
        predicate: oxigraph.NamedNode | None,
        obj: oxigraph.Term | None,
        graph: str | None = None,
    ) -> list[oxigraph.Quad]:
        """List the quads of the named graphs that fit; ``None`` fits everything."""
        ...

    def query(self, text: str, choice: ResultFormats, request: QueryDataset | None = None) -> QueryResult:
        """Answer a SPARQL query (1.1 Query; clause 2.1 of the Protocol for the dataset).

        Raises:
            MalformedText, TooLarge, Forbidden (SERVICE), NotAcceptable.
        """
        ...


class Writes(Protocol):
    """A dataset of which whole graphs can be written; each call is one transaction."""

    def refuse_managed(self, graph: str) -> None:
        """Refuse a graph that the caller may not write as a graph of its own.

        Raises:
            Forbidden: only the server writes it.
            InsufficientScope: it is beyond the caller's limit.
        """
        ...

    def replace(self, graphs: Mapping[str, Iterable[oxigraph.Triple] | None]) -> Outcome:
        """Set whole graphs in one transaction; ``None`` drops a graph.

        Returns:
            ``"created"`` when the first of them was not there, ``"unchanged"`` when nothing had to be written.
        """
        ...

    def merge(self, graph: str | None, triples: Iterable[oxigraph.Triple]) -> bool:
        """Add triples to a graph (``None``: the default graph); return whether that made the graph."""
        ...

    def clear_default(self, triples: Iterable[oxigraph.Triple] | None) -> None:
        """Replace the content of a bare store's default graph."""
        ...


class ReadsAndWrites(Reads, Writes, Protocol):
    """A dataset that is read and of which whole graphs are written."""
