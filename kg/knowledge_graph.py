"""The knowledge graph: what the command line and the HTTP layer talk to.

Three classes, each of which can do what the one before it can, and more: a :class:`ReadableGraph` is for a caller who
reads, a :class:`WritableGraph` for one who writes whole graphs and articles, perhaps within limits, and the
:class:`KnowledgeGraph` is the whole, with updates and the links between it and other datasets.
"""

from __future__ import annotations

from collections.abc import Iterable

import ontology
from kg.access.permissions import Principal
from kg.access.restricted_store import RestrictedStore, WritableView
from kg.articles import provenance
from kg.articles.article_repository import Articles, WritableArticles
from kg.articles.provenance import Explanation, StatementExplanation
from kg.config import Config
from kg.iris import GENID
from kg.links.link_review import LinkReview
from kg.links.links_repository import LinksRepository
from kg.rdf import oxigraph, rdflib_conversion
from kg.reference.records import Lookup, unknown
from kg.sparql.query_evaluator import NestingLimits
from kg.store.store import Store, StoreOptions
from kg.store.store_protocols import Reads, ReadsAndWrites


class ReadableGraph:
    """A dataset that is read, with its articles and what stands behind each statement.

    Attributes:
        store: the dataset.
        names: the IRIs under its base.
        articles: the articles in it.
    """

    store: Reads
    articles: Articles

    def __init__(self, store: Reads) -> None:
        self.store = store
        self.names = store.names
        self.articles = Articles(store)

    def seen_by(self, principal: Principal) -> ReadableGraph:
        """Return the graph as a caller sees it: any graph beyond its limit is not there for it."""
        return self if principal.graphs is None else ReadableGraph(RestrictedStore(self.store, principal.graphs))

    def why(self, claim: str) -> Explanation:
        """Explain a claim: its words, where they stand, who said so through whom, and what follows.

        Args:
            claim: its IRI, ``article/claim``, or its local id where only one article has it.

        Raises:
            NotFound, Ambiguous: no such claim, or several.
        """
        return provenance.explain_claim(self.articles, claim)

    def why_statement(self, subject: str, predicate: str, obj: str) -> StatementExplanation:
        """Explain any statement that is served: quotes for an asserted one, axiom and premises for an inferred one.

        Args:
            subject, predicate, obj: IRIs, or prefixed names of the vocabulary (``cg:attributedTo``).

        Raises:
            NotFound: the statement is not in any article's graphs.
        """
        return provenance.explain_statement(self.articles, subject, predicate, obj)


class WritableGraph(ReadableGraph):
    """A dataset of which whole graphs and articles can also be written."""

    store: ReadsAndWrites
    articles: WritableArticles

    def __init__(self, store: ReadsAndWrites) -> None:
        super().__init__(store)
        self.articles = WritableArticles(store)


class KnowledgeGraph(WritableGraph):
    """A store with a gate before it: the whole of it, without limits.

    Attributes:
        ledger: the log of links.
    """

    store: Store

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.ledger = LinksRepository(store)

    @classmethod
    def open(cls, config: Config, *, in_memory: bool = False, seed: bool = True) -> KnowledgeGraph:
        """Open the store that the settings name; a new one gets the ontology and, with ``seed``, the seed article.

        Raises:
            StoreUnavailable: see :class:`kg.store.store.Store`.
        """
        graph = cls(
            Store(
                StoreOptions(
                    None if in_memory else config.store.data_dir,
                    config.store.base_iri,
                    config.store.bare,
                    NestingLimits(config.queries.max_nesting, config.queries.max_height),
                )
            )
        )
        if not config.store.bare:
            graph.load_ontology()
            if graph.store.is_new and seed:
                graph.articles.add(ontology.read("seed/article.json").encode())
                graph.store.made_ready()
        return graph

    def written_by(self, principal: Principal) -> WritableGraph:
        """Return the graph as a caller sees it who may write: what is beyond its limit it neither sees nor writes."""
        return self if principal.graphs is None else WritableGraph(WritableView(self.store, principal.graphs))

    def review(self, lookup: Lookup = unknown) -> LinkReview:
        """Return the links of this graph, to be proposed and decided with what ``lookup`` knows of records."""
        return LinkReview(self.store, self.ledger, lookup)

    def load_ontology(self) -> None:
        """Bring the managed graphs that ship with the product up to date; does nothing when they are.

        With another vocabulary, or more reference facts, what follows from each article is derived anew.
        """
        texts = [ontology.read(f"{name}.ttl") for name in ("claimgraph", "alignments", "codes", "crosswalk")]
        graphs: dict[str, Iterable[oxigraph.Triple] | None] = {
            self.names.ontology_graph: oxigraph.skolemized(texts, self.names.base, GENID)
        }
        reference = oxigraph.skolemized([ontology.read("reference.ttl")], self.names.base, GENID)
        graphs[self.names.reference_graph] = {*self.store.triples(self.names.reference_graph), *reference}
        if self.store.replace(graphs) != "unchanged":
            for entry in self.articles.entries():
                closure = self.articles.close(self.articles.facts(entry.identifier))
                inferred = rdflib_conversion.from_rdflib(closure.derivations)
                self.store.replace({self.names.inferred_graph(entry.identifier): inferred})
