"""A store as one request reads it: from one snapshot, by the readers, within the limits that queries have.

The pages and the explanations read as freely as a query does, and would take as long: about an entity that a thousand
articles name there is much to say. So they read like users' queries: their readers can be killed, and everything that
one request reads comes from the same snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.store.store_protocols import Reads

Ask = Callable[[str, ResultFormats, QueryDataset], QueryResult]
"""Answers a query from the snapshot of the session, and waits for it."""

_TABLE = ResultFormats("application/sparql-results+json", "application/sparql-results+json", "application/n-triples")
_GRAPHS = "SELECT ?g WHERE { GRAPH ?g {} }"
_TRIPLES = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"
_QUADS = "SELECT ?s ?p ?o ?g WHERE { GRAPH ?g { ?s ?p ?o } }"


class StoreAtSnapshot:
    """One snapshot of a store, read by readers (:class:`kg.store.store_protocols.Reads`); it cannot be written.

    To be used from worker threads, as it waits for the readers.
    """

    def __init__(self, store: Reads, ask: Ask, number: int) -> None:
        """Read the snapshot ``number`` of ``store`` through ``ask``."""
        self._store = store
        self._ask = ask
        self.names = store.names
        self.bare = store.bare
        self.identity = store.identity
        self._number = number

    @property
    def number(self) -> int:
        """The number of the snapshot that is read."""
        return self._number

    def rows(
        self, text: str, bindings: dict[str, oxigraph.Term] | None = None, request: QueryDataset | None = None
    ) -> list[dict[str, oxigraph.Term]]:
        """Run a SELECT of our own; see :meth:`Reads.rows`.

        Raises:
            TimedOut, Busy, ReaderLost, ResultTooLarge: see :class:`kg.processes.query_service.QueryService`.
        """
        given = {name: str(term) for name, term in (bindings or {}).items()}
        found = self._ask(text, _TABLE, replace(request or QueryDataset(), bindings=given))
        return oxigraph.solutions(found.content)

    def query(self, text: str, choice: ResultFormats, request: QueryDataset | None = None) -> QueryResult:
        """Answer a SPARQL query; see :meth:`Reads.query`."""
        return self._ask(text, choice, request or QueryDataset())

    def _count(self, pattern: str) -> int:
        (row,) = self.rows(f"SELECT (COUNT(*) AS ?n) WHERE {pattern}")
        count = row["n"]
        assert isinstance(count, oxigraph.Literal)
        return int(count.value)

    def count(self, graph: str | None) -> int:
        """Count the triples of one graph; see :meth:`Reads.count`."""
        return self._count("{ ?s ?p ?o }" if graph is None else f"{{ GRAPH <{graph}> {{ ?s ?p ?o }} }}")

    def __len__(self) -> int:
        """Count the distinct triples (quads, in a bare store)."""
        named = self._count("{ GRAPH ?g { ?s ?p ?o } }") if self.bare else 0
        return named + self.count(None)

    def sizes(self) -> dict[str, int]:
        """Count the triples of each named graph; they are the store's, which remembers them."""
        return self._store.sizes()

    def graphs(self) -> list[str]:
        """Name the graphs, sorted."""
        found = (row["g"] for row in self.rows(_GRAPHS))
        return sorted(name.value for name in found if isinstance(name, oxigraph.NamedNode))

    def has_graph(self, graph: str) -> bool:
        """Tell whether a named graph is there; what is no IRI names none."""
        if not oxigraph.is_iri(graph):
            return False
        return b"true" in self._ask(f"ASK {{ GRAPH <{graph}> {{}} }}", _TABLE, QueryDataset()).content

    def triples(self, graph: str | None) -> list[oxigraph.Triple]:
        """List one graph; ``None`` is the default graph."""
        request = QueryDataset() if graph is None else QueryDataset(default_graphs=[graph])
        found = self._ask(_TRIPLES, _TABLE, request)
        return [quad.triple for quad in oxigraph.parse_as_is(found.content)]

    def quads(self, graphs: Iterable[str] | None = None) -> Iterator[oxigraph.Quad]:
        """Walk the quads of the named graphs, or of all of them."""
        for graph in self.graphs() if graphs is None else graphs:
            name = oxigraph.NamedNode(graph)
            for triple in self.triples(graph):
                yield oxigraph.Quad(triple.subject, triple.predicate, triple.object, name)

    def match(
        self,
        subject: oxigraph.NamedNode | oxigraph.BlankNode | oxigraph.Triple | None,
        predicate: oxigraph.NamedNode | None,
        obj: oxigraph.Term | None,
        graph: str | None = None,
    ) -> list[oxigraph.Quad]:
        """List the quads of the named graphs that fit; ``None`` fits everything."""
        name = None if graph is None else oxigraph.NamedNode(graph)
        terms: tuple[tuple[str, oxigraph.Term | None], ...] = (
            ("s", subject),
            ("p", predicate),
            ("o", obj),
            ("g", name),
        )
        given = {key: term for key, term in terms if term is not None}
        return [_quad(given | row) for row in self.rows(_QUADS, given)]


def _quad(row: dict[str, oxigraph.Term]) -> oxigraph.Quad:
    subject, predicate, graph = row["s"], row["p"], row["g"]
    assert not isinstance(subject, oxigraph.Literal)
    assert isinstance(predicate, oxigraph.NamedNode)
    assert isinstance(graph, oxigraph.NamedNode | oxigraph.BlankNode)
    return oxigraph.Quad(subject, predicate, row["o"], graph)
