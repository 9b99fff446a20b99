"""Read access to an engine: the dataset in it, by graph, by triple pattern, and by SPARQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kg.iris import Names
from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats
from kg.sparql import request_policy
from kg.sparql.checked_query_evaluation import NestingLimits, QueryEvaluator
from kg.sparql.rewriting.engine_rewriting import query_edits
from kg.sparql.text_edits import edited
from kg.store.store_protocols import Subject


class EngineView:
    """Dataset in an engine (:class:`kg.store.store_protocols.Reads`): a snapshot, or the store itself.

    Attributes:
        names: IRIs of the dataset.
        bare: whether it is a plain SPARQL 1.1 dataset.
        identity: identifier of the dataset.
    """

    def __init__(self, engine: oxigraph.Engine, names: Names, identity: str, *, bare: bool) -> None:
        self.names = names
        self.bare = bare
        self.identity = identity
        self._engine = engine
        self._evaluator = QueryEvaluator(NestingLimits())

    @property
    def number(self) -> int:
        """Number of the last commit that reads see; 0 if it is unknown."""
        return 0

    def __len__(self) -> int:
        """Return the number of distinct triples (quads, in a bare store)."""
        return oxigraph.size(self._engine) if self.bare else self.count(None)

    def count(self, graph: str | None) -> int:
        """Return the number of triples in one graph; ``None`` is the default graph (the union, unless bare)."""
        return self._count("{ ?s ?p ?o }" if graph is None else f"{{ GRAPH <{graph}> {{ ?s ?p ?o }} }}")

    def _count(self, pattern: str) -> int:
        (row,) = oxigraph_queries.rows(self._engine, f"SELECT (COUNT(*) AS ?n) WHERE {pattern}")
        count = row["n"]
        assert isinstance(count, oxigraph.Literal)
        return int(count.value)

    def sizes(self) -> dict[str, int]:
        """Return the number of triples in each named graph, sorted by name."""
        return {name: self.count(name) for name in self.graphs()}

    def graphs(self) -> list[str]:
        """Return the names of the named graphs, sorted."""
        return oxigraph.graph_names(self._engine)

    def has_graph(self, graph: str) -> bool:
        """Return whether a named graph exists (it may be empty); false for text that is not an IRI."""
        with oxigraph.reading():
            return oxigraph.is_iri(graph) and self._engine.contains_named_graph(oxigraph.NamedNode(graph))

    def triples(self, graph: str | None) -> list[oxigraph.Triple]:
        """Return the triples of one graph; ``None`` is the default graph (the union, unless bare)."""
        name = oxigraph.DefaultGraph() if graph is None else oxigraph.NamedNode(graph)
        return [quad.triple for quad in oxigraph.matching(self._engine, None, None, None, name)]

    def quads(self, graphs: Iterable[str] | None = None) -> Iterator[oxigraph.Quad]:
        """Yield the quads of some named graphs, or of all of them; the union default graph is not included."""
        for graph in self.graphs() if graphs is None else graphs:
            yield from oxigraph.matching(self._engine, None, None, None, oxigraph.NamedNode(graph))

    def match(
        self,
        subject: Subject | None,
        predicate: oxigraph.NamedNode | None,
        obj: oxigraph.Term | None,
        graph: str | None = None,
    ) -> list[oxigraph.Quad]:
        """Return the quads in named graphs that match a pattern; ``None`` matches everything."""
        name = None if graph is None else oxigraph.NamedNode(graph)
        found = oxigraph.matching(self._engine, subject, predicate, obj, name)
        return [quad for quad in found if isinstance(quad.graph_name, oxigraph.NamedNode)]

    def query(self, text: str, choice: ResultFormats, request: QueryDataset | None = None) -> QueryResult:
        """Evaluate a user's SPARQL query; see :meth:`kg.store.store_protocols.Reads.query`.

        Raises:
            MalformedText, TooLarge, Forbidden (SERVICE), NotAcceptable.
        """
        return self._evaluator.evaluate(self._engine, text, choice, request or QueryDataset())

    def rows(
        self, text: str, bindings: dict[str, oxigraph.Term] | None = None, request: QueryDataset | None = None
    ) -> list[dict[str, oxigraph.Term]]:
        """Evaluate a trusted SELECT; see :meth:`kg.store.store_protocols.Rows.rows`."""
        return oxigraph_queries.rows(self._engine, edited(text, query_edits(text, trusted=True)), bindings, request)

    def refuse_managed(self, graph: str) -> None:
        """Check that a graph is not managed.

        Raises:
            Forbidden: only the server writes it.
        """
        if not self.bare and self.names.is_managed(graph):
            raise request_policy.managed(graph)
