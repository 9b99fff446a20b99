"""Restricted store: a dataset limited to the graphs that a caller may read, and may write.

The restriction is in the type: a caller with a limit receives an object that has no way to reach other graphs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from kg.access.permissions import NOWHERE, GraphLimit, restricted
from kg.errors import InsufficientScope
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.sparql import query_and_update_analysis
from kg.store.store_protocols import Outcome, Reads, ReadsAndWrites, Subject

_DISTINCT = "SELECT (COUNT(*) AS ?n) WHERE { SELECT DISTINCT ?s ?p ?o WHERE { ?s ?p ?o } }"


class RestrictedStore:
    """A dataset limited to the graphs that a caller may read (:class:`kg.store.store_protocols.Reads`).

    Its default graph is the union of the visible graphs. The default graph of a bare store is never visible.

    Attributes:
        limit: the graphs that the caller may read; see :class:`kg.access.permissions.GraphLimit`.
    """

    def __init__(self, store: Reads, graphs: tuple[str, ...]) -> None:
        """Restrict a dataset.

        Args:
            store: the whole dataset.
            graphs: the limit; see :class:`kg.access.permissions.GraphLimit`.
        """
        self._store = store
        self.limit = graphs
        self._limit = GraphLimit(graphs, store.names, store.bare)
        self._visible: tuple[int, list[str]] = (-1, [])
        self.names = store.names
        self.bare = store.bare
        # Entity tags contain the identity, so those of callers with different limits never match.
        self.identity = hashlib.sha256(" ".join((store.identity, *graphs)).encode()).hexdigest()[:16]

    @property
    def number(self) -> int:
        """Number of the last commit that reads see; see :attr:`Reads.number`."""
        return self._store.number

    def __len__(self) -> int:
        """Return the number of distinct visible triples (quads, in a bare store)."""
        return sum(self.count(graph) for graph in self.graphs()) if self.bare else self.count(None)

    def count(self, graph: str | None) -> int:
        """Return the number of triples in one graph, 0 if it is not visible; see :meth:`Reads.count`."""
        if graph is not None:
            return self._store.count(graph) if self._limit.can_read(graph) else 0
        found = self.rows(_DISTINCT)[0]["n"]
        assert isinstance(found, oxigraph.Literal)
        return int(found.value)

    def sizes(self) -> dict[str, int]:
        """Return the number of triples in each visible graph."""
        return {name: size for name, size in self._store.sizes().items() if self._limit.can_read(name)}

    # ---- reading

    def graphs(self) -> list[str]:
        """Return the names of the visible graphs, sorted."""
        number, graphs = self._visible
        now = self._store.number
        if number != now:
            graphs = [graph for graph in self._store.graphs() if self._limit.can_read(graph)]
            self._visible = now, graphs
        return graphs

    def has_graph(self, graph: str) -> bool:
        """Return whether a graph exists and is visible."""
        return self._limit.can_read(graph) and self._store.has_graph(graph)

    def triples(self, graph: str | None) -> list[oxigraph.Triple]:
        """Return the triples of one graph, none if it is not visible; see :meth:`Reads.triples`."""
        if graph is not None:
            return self._store.triples(graph) if self._limit.can_read(graph) else []
        graphs = [] if self.bare else self.graphs()
        return list(dict.fromkeys(triple for name in graphs for triple in self._store.triples(name)))

    def quads(self, graphs: Iterable[str] | None = None) -> Iterator[oxigraph.Quad]:
        """Yield the quads of some named graphs, or of all of them, as far as they are visible."""
        return self._store.quads(self.graphs() if graphs is None else filter(self._limit.can_read, graphs))

    def match(
        self,
        subject: Subject | None,
        predicate: oxigraph.NamedNode | None,
        obj: oxigraph.Term | None,
        graph: str | None = None,
    ) -> list[oxigraph.Quad]:
        """Return the quads in visible graphs that match a pattern; see :meth:`Reads.match`."""
        found = self._store.match(subject, predicate, obj, graph)
        return [quad for quad in found if self._limit.can_read(oxigraph.graph_of(quad))]

    def dataset(self, text: str, request: QueryDataset) -> QueryDataset:
        """Return the dataset of a user's query: the graphs that it names, as far as they are visible."""
        parsed = query_and_update_analysis.QueryAnalysis.quick(text, request.base or self.names.base, request.prefixes)
        return restricted(request, parsed, self.graphs(), union=not self.bare)

    def query(self, text: str, choice: ResultFormats, request: QueryDataset | None = None) -> QueryResult:
        """Evaluate a user's SPARQL query on visible graphs; see :meth:`Reads.query`."""
        return self._store.query(text, choice, self.dataset(text, request or QueryDataset()))

    def rows(
        self, text: str, bindings: dict[str, oxigraph.Term] | None = None, request: QueryDataset | None = None
    ) -> list[dict[str, oxigraph.Term]]:
        """Evaluate a trusted SELECT on the visible graphs, or on those of them that ``request`` names."""
        seen = self.graphs()
        if request is None:
            request = QueryDataset(default_graphs=[] if self.bare else seen, named_graphs=seen)
        default = [graph for graph in request.default_graphs if self._limit.can_read(graph)] or [NOWHERE]
        named = [graph for graph in request.named_graphs if self._limit.can_read(graph)]
        return self._store.rows(text, bindings, QueryDataset(default_graphs=default, named_graphs=named))


class WritableView(RestrictedStore):
    """A restricted store whose caller may also write whole graphs (:class:`kg.store.store_protocols.Writes`).

    It has no updates, since the graphs that an update reads and writes may depend on the data, and no loading of
    datasets, which may contain any graph.
    """

    def __init__(self, store: ReadsAndWrites, graphs: tuple[str, ...]) -> None:
        """Restrict a dataset; see :class:`RestrictedStore`."""
        super().__init__(store, graphs)
        self._target = store

    def refuse_managed(self, graph: str) -> None:
        """Check that the caller may write a graph directly.

        Raises:
            Forbidden: the graph is managed by the server.
            InsufficientScope: the graph is outside the limit.
        """
        self._target.refuse_managed(graph)
        self._check(graph)

    def replace(self, graphs: Mapping[str, Iterable[oxigraph.Triple] | None]) -> Outcome:
        """Replace whole graphs in one transaction; see :meth:`Writes.replace`.

        Raises:
            InsufficientScope: one of them is outside the limit.
        """
        for graph in graphs:
            self._check(graph)
        return self._target.replace(graphs)

    def merge(self, graph: str | None, triples: Iterable[oxigraph.Triple]) -> bool:
        """Add triples to a graph; see :meth:`Writes.merge`.

        Raises:
            InsufficientScope: the graph is outside the limit.
        """
        self._check(graph)
        return self._target.merge(graph, triples)

    def clear_default(self, triples: Iterable[oxigraph.Triple] | None) -> None:  # noqa: ARG002 - always refused
        """Raise an error: the default graph is outside every limit.

        Raises:
            InsufficientScope: always.
        """
        self._check(None)

    def _check(self, graph: str | None) -> None:
        if graph is None or not self._limit.can_write(graph):
            target = "the default graph" if graph is None else f"<{graph}>"
            raise InsufficientScope(
                f"The token is limited to certain graphs and may not write {target}.",
                remedy="Write a graph within its limit, or use a token whose limit includes this graph.",
            )
