"""The dataset as a caller sees it that may not see all of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from kg.access.permissions import NOWHERE, GraphLimit, restricted
from kg.errors import InsufficientScope
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.sparql import static_analysis
from kg.store.store_protocols import Outcome, Reads, ReadsAndWrites

_DISTINCT = "SELECT (COUNT(*) AS ?n) WHERE { SELECT DISTINCT ?s ?p ?o WHERE { ?s ?p ?o } }"


class RestrictedStore:
    """The graphs of a dataset that a limited caller may read (:class:`kg.store.store_protocols.Reads`).

    The default graph is the union of the visible graphs. The unnamed graph of a bare store is never visible.
    """

    def __init__(self, store: Reads, graphs: tuple[str, ...]) -> None:
        """Look at a dataset within limits.

        Args:
            store: the whole.
            graphs: see :class:`kg.access.permissions.GraphLimit`.
        """
        self._store = store
        self._limit = GraphLimit(graphs, store.names, store.bare)
        self._visible: tuple[int, list[str]] = (-1, [])
        self.names = store.names
        self.bare = store.bare
        self.identity = hashlib.sha256(" ".join((store.identity, *graphs)).encode()).hexdigest()[:16]

    @property
    def number(self) -> int:
        """The number of what is read; see :attr:`Reads.number`."""
        return self._store.number

    def __len__(self) -> int:
        """Count the distinct triples (quads, in a bare store)."""
        return sum(self.count(graph) for graph in self.graphs()) if self.bare else self.count(None)

    def count(self, graph: str | None) -> int:
        """Count the triples of one graph; see :meth:`Reads.count`."""
        if graph is not None:
            return self._store.count(graph) if self._limit.sees(graph) else 0
        found = self.rows(_DISTINCT)[0]["n"]
        assert isinstance(found, oxigraph.Literal)
        return int(found.value)

    def sizes(self) -> dict[str, int]:
        """Count the triples of each visible graph."""
        return {name: size for name, size in self._store.sizes().items() if self._limit.sees(name)}

    # ---- reading

    def graphs(self) -> list[str]:
        """Name the visible graphs, sorted."""
        number, graphs = self._visible
        now = self._store.number
        if number != now:
            graphs = [graph for graph in self._store.graphs() if self._limit.sees(graph)]
            self._visible = now, graphs
        return graphs

    def has_graph(self, graph: str) -> bool:
        """Tell whether a graph is there and visible."""
        return self._limit.sees(graph) and self._store.has_graph(graph)

    def triples(self, graph: str | None) -> list[oxigraph.Triple]:
        """List one graph; see :meth:`Reads.triples`."""
        if graph is not None:
            return self._store.triples(graph) if self._limit.sees(graph) else []
        graphs = [] if self.bare else self.graphs()
        return list(dict.fromkeys(triple for name in graphs for triple in self._store.triples(name)))

    def quads(self, graphs: Iterable[str] | None = None) -> Iterator[oxigraph.Quad]:
        """Walk the quads of the named graphs, or of all of them, as far as they are visible."""
        return self._store.quads(self.graphs() if graphs is None else filter(self._limit.sees, graphs))

    def match(
        self,
        subject: oxigraph.NamedNode | oxigraph.BlankNode | oxigraph.Triple | None,
        predicate: oxigraph.NamedNode | None,
        obj: oxigraph.Term | None,
        graph: str | None = None,
    ) -> list[oxigraph.Quad]:
        """List the quads of the visible graphs that fit."""
        found = self._store.match(subject, predicate, obj, graph)
        return [quad for quad in found if self._limit.sees(oxigraph.graph_of(quad))]

    def dataset(self, text: str, request: QueryDataset) -> QueryDataset:
        """Give the dataset that a user's query is to be asked of: what it names, as far as that is visible."""
        parsed = static_analysis.QueryAnalysis.parse(text, request.base or self.names.base, request.prefixes)
        return restricted(request, parsed, self.graphs(), union=not self.bare)

    def query(self, text: str, choice: ResultFormats, request: QueryDataset | None = None) -> QueryResult:
        """Answer a SPARQL query; see :meth:`Reads.query`."""
        return self._store.query(text, choice, self.dataset(text, request or QueryDataset()))

    def rows(
        self, text: str, bindings: dict[str, oxigraph.Term] | None = None, request: QueryDataset | None = None
    ) -> list[dict[str, oxigraph.Term]]:
        """Run a SELECT of our own on the visible graphs, or on those among them that ``request`` names."""
        seen = self.graphs()
        if request is None:
            request = QueryDataset(default_graphs=[] if self.bare else seen, named_graphs=seen)
        default = [graph for graph in request.default_graphs if self._limit.sees(graph)] or [NOWHERE]
        named = [graph for graph in request.named_graphs if self._limit.sees(graph)]
        return self._store.rows(text, bindings, QueryDataset(default_graphs=default, named_graphs=named))


class WritableView(RestrictedStore):
    """A restricted store whose caller may also write whole graphs (:class:`kg.store.store_protocols.Writes`).

    There are no updates, for what an update reads and writes may depend on the data; and no loading of datasets, which
    may name any graph.
    """

    def __init__(self, store: ReadsAndWrites, graphs: tuple[str, ...]) -> None:
        """Look at a dataset within limits; see :class:`RestrictedStore`."""
        super().__init__(store, graphs)
        self._target = store

    def refuse_managed(self, graph: str) -> None:
        """Refuse a graph that only the server writes, or that is beyond the limit.

        Raises:
            Forbidden, InsufficientScope.
        """
        self._target.refuse_managed(graph)
        self._check(graph)

    def replace(self, graphs: Mapping[str, Iterable[oxigraph.Triple] | None]) -> Outcome:
        """Set whole graphs in one transaction; see :meth:`Writes.replace`.

        Raises:
            InsufficientScope: one of them is beyond the limit.
        """
        for graph in graphs:
            self._check(graph)
        return self._target.replace(graphs)

    def merge(self, graph: str | None, triples: Iterable[oxigraph.Triple]) -> bool:
        """Add triples to a graph; see :meth:`Writes.merge`.

        Raises:
            InsufficientScope: it is beyond the limit.
        """
        self._check(graph)
        return self._target.merge(graph, triples)

    def clear_default(self, triples: Iterable[oxigraph.Triple] | None) -> None:  # noqa: ARG002 - refused whatever it is
        """Refuse: the unnamed graph is beyond every limit.

        Raises:
            InsufficientScope: always.
        """
        self._check(None)

    def _check(self, graph: str | None) -> None:
        if graph is None or not self._limit.covers(graph):
            what = "the unnamed graph" if graph is None else f"<{graph}>"
            raise InsufficientScope(
                f"The token is limited to some graphs, and may not write {what}.",
                remedy="Write a graph that it is made for, or use one that is made for this graph.",
            )
