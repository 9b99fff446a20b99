"""Protocols of a dataset: :class:`Reads` for readers, :class:`Writes` for writers of whole graphs.

Code that only reads accepts :class:`Reads`, so that the type checker proves that it never writes. There are three
implementations: the store itself, one snapshot of it (:mod:`kg.processes.request_snapshot_view`), and the graphs that a
limited caller may read (:mod:`kg.access.restricted_store`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, Protocol

from kg.iris import Names
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats

Outcome = Literal["created", "replaced", "unchanged"]
"""Effect of a write on a graph."""

Bindings = dict[str, oxigraph.Term]
"""Values of variables, by their names without ``?``."""

Triples = Mapping[str, set[oxigraph.Triple]]
"""Triples by graph name."""

Subject = oxigraph.NamedNode | oxigraph.BlankNode | oxigraph.Triple
"""Term that may be the subject of a triple."""


class Rows(Protocol):
    """A dataset that evaluates trusted SELECT queries."""

    def rows(
        self, text: str, bindings: Bindings | None = None, request: QueryDataset | None = None
    ) -> list[dict[str, oxigraph.Term]]:
        """Evaluate a trusted SELECT and return one dictionary per solution, from variable to term.

        Args:
            text: the query, in the product's own words; never a user's.
            bindings: values of variables in it.
            request: the graphs to query; all by default.
        """
        ...


class DescribedStore(Protocol):
    """What identifies a dataset, and does not change while it is open."""

    @property
    def names(self) -> Names:
        """The IRIs of the dataset."""
        ...

    @property
    def bare(self) -> bool:
        """Whether it is a plain SPARQL 1.1 dataset, without managed graphs or union default graph."""
        ...

    @property
    def identity(self) -> str:
        """Identifier that differs between datasets, and between a dataset and each restricted view of it."""
        ...


class Reads(DescribedStore, Rows, Protocol):
    """A dataset for reading: by graph, by triple pattern, and by SPARQL."""

    @property
    def number(self) -> int:
        """Number of the last commit that reads see."""
        ...

    def __len__(self) -> int:
        """Return the number of distinct triples (quads, in a bare store)."""
        ...

    def count(self, graph: str | None) -> int:
        """Return the number of triples in one graph; ``None`` is the default graph (the union, unless bare)."""
        ...

    def sizes(self) -> dict[str, int]:
        """Return the number of triples in each named graph, sorted by name."""
        ...

    def graphs(self) -> list[str]:
        """Return the names of the named graphs, sorted."""
        ...

    def has_graph(self, graph: str) -> bool:
        """Return whether a named graph exists (it may be empty); false for text that is not an IRI."""
        ...

    def triples(self, graph: str | None) -> list[oxigraph.Triple]:
        """Return the triples of one graph; ``None`` is the default graph (the union, unless bare)."""
        ...

    def quads(self, graphs: Iterable[str] | None = None) -> Iterator[oxigraph.Quad]:
        """Yield the quads of some named graphs, or of all of them; the union default graph is not included."""
        ...

    def match(
        self,
        subject: Subject | None,
        predicate: oxigraph.NamedNode | None,
        obj: oxigraph.Term | None,
        graph: str | None = None,
    ) -> list[oxigraph.Quad]:
        """Return the quads in named graphs that match a pattern; ``None`` matches everything."""
        ...

    def query(self, text: str, choice: ResultFormats, request: QueryDataset | None = None) -> QueryResult:
        """Evaluate a user's SPARQL query (SPARQL 1.1 Query; Protocol, clause 2.1, for the dataset).

        Args:
            text: the query.
            choice: media type for each kind of result.
            request: dataset, base and prefixes of the query; the whole dataset by default.

        Raises:
            MalformedText, TooLarge, Forbidden (SERVICE), NotAcceptable.
        """
        ...


class Writes(Protocol):
    """A dataset for writing whole graphs; each call is one transaction."""

    def refuse_managed(self, graph: str) -> None:
        """Check that the caller may write a graph directly.

        Raises:
            Forbidden: the graph is managed by the server.
            InsufficientScope: the graph is outside the caller's limit.
        """
        ...

    def replace(self, graphs: Mapping[str, Iterable[oxigraph.Triple] | None]) -> Outcome:
        """Replace whole graphs in one transaction; ``None`` drops a graph.

        Returns:
            ``"created"`` if the first graph did not exist, ``"unchanged"`` if nothing had to be written, otherwise
            ``"replaced"``.
        """
        ...

    def merge(self, graph: str | None, triples: Iterable[oxigraph.Triple]) -> bool:
        """Add triples to a graph (``None``: the default graph); return whether the graph is new."""
        ...

    def clear_default(self, triples: Iterable[oxigraph.Triple] | None) -> None:
        """Replace the content of a bare store's default graph; ``None`` empties it."""
        ...


class ReadsAndWrites(Reads, Writes, Protocol):
    """A dataset for reading and for writing whole graphs."""


class Dataset(ReadsAndWrites, Protocol):
    """A whole dataset without limits, in this process or another, with all that the repositories of links need."""

    @property
    def directory(self) -> Path | None:
        """Data directory; ``None`` in memory."""
        ...

    @property
    def version(self) -> int:
        """Number of the last commit."""
        ...

    def written(self, family: str) -> int:
        """Return the number of the last commit that wrote a graph of a family (:meth:`kg.iris.Names.family`), or 0."""
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """Block other decisions for the duration of a block that reads, decides and writes."""
        ...

    def change(self, removed: Triples, added: Triples) -> None:
        """Remove and add triples in one transaction, at a cost that does not depend on the size of the graphs."""
        ...

    def load(self, quads: Iterable[oxigraph.Quad], graph: str) -> int:
        """Add many quads in chunks, each of which is one transaction, and return their number.

        Quads without a graph go to ``graph``. Loading again adds nothing twice (except blank nodes), so an
        interrupted load can be resumed by repeating it.

        Raises:
            Forbidden: a quad names a managed graph.
            BadInput: a graph is named by a blank node.
        """
        ...

    def compact(self) -> None:
        """Make queries after a bulk load as fast as they will be later."""
        ...

    def refuse_targets(self, text: str, base: str) -> None:
        """Check that an update names no managed graph to write.

        Raises:
            Forbidden: it names a managed graph.
        """
        ...
