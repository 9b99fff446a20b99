"""Store of one request: all reads from the same snapshot, by reader processes, within the limits of queries.

Pages and explanations can read as much as any query, for example about an entity that a thousand articles name. So they
read in the same way: their readers can be killed, and everything that one request reads is consistent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.store.store_protocols import DescribedStore, Subject

RunQuery = Callable[[str, ResultFormats, QueryDataset], QueryResult]
"""Runs a query on the snapshot of the session, and blocks until its result is there."""

CountGraphs = Callable[[], dict[str, int]]
"""Returns the number of triples by graph."""

_TABLE = ResultFormats("application/sparql-results+json", "application/sparql-results+json", "application/n-triples")
_GRAPHS = "SELECT ?g WHERE { GRAPH ?g {} }"
_TRIPLES = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"
_QUADS = "SELECT ?s ?p ?o ?g WHERE { GRAPH ?g { ?s ?p ?o } }"


class RequestSnapshotView:
    """Read-only store over one snapshot and the readers (:class:`kg.store.store_protocols.Reads`).

    Use it in worker threads only, as it blocks until a reader has finished.
    """

    def __init__(self, described: DescribedStore, run: RunQuery, number: int, sizes: CountGraphs | None = None) -> None:
        """Read the snapshot ``number`` through ``run``; ``sizes`` returns the sizes of graphs without counting all."""
        self._run = run
        self._sizes = sizes
        self.names = described.names
        self.bare = described.bare
        self.identity = described.identity
        self._number = number

    @property
    def number(self) -> int:
        """Number of the snapshot."""
        return self._number

    def rows(
        self, text: str, bindings: dict[str, oxigraph.Term] | None = None, request: QueryDataset | None = None
    ) -> list[dict[str, oxigraph.Term]]:
        """Run an internal SELECT and return its solutions; see :meth:`Reads.rows`.

        Raises:
            TimedOut, Busy, ReaderLost, ResultTooLarge: see :class:`kg.processes.query_and_write_service.QueryService`.
        """
        given = {name: str(term) for name, term in (bindings or {}).items()}
        found = self._run(text, _TABLE, replace(request or QueryDataset(), bindings=given))
        return oxigraph_queries.solutions(found.content)

    def query(self, text: str, choice: ResultFormats, request: QueryDataset | None = None) -> QueryResult:
        """Evaluate a SPARQL query; see :meth:`Reads.query`."""
        return self._run(text, choice, request or QueryDataset())

    def _count(self, pattern: str) -> int:
        """Return the number of solutions of a pattern."""
        (row,) = self.rows(f"SELECT (COUNT(*) AS ?n) WHERE {pattern}")
        count = row["n"]
        assert isinstance(count, oxigraph.Literal)
        return int(count.value)

    def count(self, graph: str | None) -> int:
        """Return the number of triples of one graph; see :meth:`Reads.count`."""
        return self._count("{ ?s ?p ?o }" if graph is None else f"{{ GRAPH <{graph}> {{ ?s ?p ?o }} }}")

    def __len__(self) -> int:
        """Return the number of distinct triples (of quads, in a bare store)."""
        named = self._count("{ GRAPH ?g { ?s ?p ?o } }") if self.bare else 0
        return named + self.count(None)

    def sizes(self) -> dict[str, int]:
        """Return the number of triples of each named graph, as cached (perhaps of a newer snapshot)."""
        return self._sizes() if self._sizes else {graph: self.count(graph) for graph in self.graphs()}

    def graphs(self) -> list[str]:
        """Return the IRIs of the named graphs, sorted."""
        found = (row["g"] for row in self.rows(_GRAPHS))
        return sorted(name.value for name in found if isinstance(name, oxigraph.NamedNode))

    def has_graph(self, graph: str) -> bool:
        """Return whether a named graph exists; false for a malformed IRI."""
        if not oxigraph.is_iri(graph):
            return False
        return b"true" in self._run(f"ASK {{ GRAPH <{graph}> {{}} }}", _TABLE, QueryDataset()).content

    def triples(self, graph: str | None) -> list[oxigraph.Triple]:
        """Return the triples of one graph; ``None`` is the default graph."""
        request = QueryDataset() if graph is None else QueryDataset(default_graphs=[graph])
        found = self._run(_TRIPLES, _TABLE, request)
        return [quad.triple for quad in oxigraph.parse_as_is(found.content)]

    def quads(self, graphs: Iterable[str] | None = None) -> Iterator[oxigraph.Quad]:
        """Yield the quads of the given named graphs, or of all."""
        # One query for each graph, so that no single result holds the whole store.
        for graph in self.graphs() if graphs is None else graphs:
            name = oxigraph.NamedNode(graph)
            for triple in self.triples(graph):
                yield oxigraph.Quad(triple.subject, triple.predicate, triple.object, name)

    def match(
        self,
        subject: Subject | None,
        predicate: oxigraph.NamedNode | None,
        obj: oxigraph.Term | None,
        graph: str | None = None,
    ) -> list[oxigraph.Quad]:
        """Return the quads of the named graphs that match; ``None`` matches everything."""
        name = None if graph is None else oxigraph.NamedNode(graph)
        terms: tuple[tuple[str, oxigraph.Term | None], ...] = (
            ("s", subject),
            ("p", predicate),
            ("o", obj),
            ("g", name),
        )
        given = {key: term for key, term in terms if term is not None}
        found = (given | row for row in self.rows(_QUADS, given))
        return [_quad(row) for row in found if isinstance(row["g"], oxigraph.NamedNode)]


def _quad(row: dict[str, oxigraph.Term]) -> oxigraph.Quad:
    subject, predicate, graph = row["s"], row["p"], row["g"]
    assert not isinstance(subject, oxigraph.Literal)
    assert isinstance(predicate, oxigraph.NamedNode)
    assert isinstance(graph, oxigraph.NamedNode)
    return oxigraph.Quad(subject, predicate, row["o"], graph)
