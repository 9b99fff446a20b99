"""Façade of the knowledge graph for the command line and the HTTP layer.

Four classes, each an extension of the one before: :class:`ReadableGraph` for callers who read, :class:`WritableGraph`
for callers who write whole graphs and articles, perhaps within limits, :class:`WholeGraph` for callers without limits,
who also decide about links, and :class:`KnowledgeGraph` for the process that has opened the store.
"""

from __future__ import annotations

from collections.abc import Iterable

import ontology
from kg.access.permissions import Principal
from kg.access.restricted_store import RestrictedStore, WritableView
from kg.articles import statement_explanations
from kg.articles.article_repository import Articles, WritableArticles
from kg.articles.explanation_records import Explanation, StatementExplanation
from kg.config import Config
from kg.iris import GENID
from kg.links.decision_log_and_link_graphs import DecisionLogAndLinkGraphs
from kg.links.link_review_and_proposals import LinkReview
from kg.rdf import oxigraph, rdflib_conversion
from kg.reference.records import Lookup, unknown
from kg.sparql.checked_query_evaluation import NestingLimits
from kg.store.store import Store, StoreOptions
from kg.store.store_protocols import Dataset, Reads, ReadsAndWrites


class ReadableGraph:
    """A dataset for reading, with its articles and the provenance of each statement.

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
        """Return the graph restricted to the named graphs that the caller may read; others do not exist for it."""
        return self if principal.graphs is None else ReadableGraph(RestrictedStore(self.store, principal.graphs))

    def why(self, claim: str) -> Explanation:
        """Return the explanation of a claim: its words, their place, who said so through whom, and what follows.

        Args:
            claim: the IRI, ``article/claim``, or the local id if only one article has it.

        Raises:
            NotFound: there is no such claim.
            Ambiguous: several claims match.
        """
        return statement_explanations.explain_claim(self.articles, claim)

    def why_statement(self, subject: str, predicate: str, obj: str) -> StatementExplanation:
        """Return the explanation of a statement: quotes if it is asserted, axiom and premises if it is inferred.

        Args:
            subject, predicate, obj: IRIs, or prefixed names of the vocabulary (``cg:attributedTo``).

        Raises:
            NotFound: the statement is not in any article's graphs.
        """
        return statement_explanations.explain_statement(self.articles, subject, predicate, obj)


class WritableGraph(ReadableGraph):
    """A dataset for reading, and for writing whole graphs and articles."""

    store: ReadsAndWrites
    articles: WritableArticles

    def __init__(self, store: ReadsAndWrites) -> None:
        super().__init__(store)
        self.articles = WritableArticles(store)


class WholeGraph(WritableGraph):
    """A whole dataset without limits, perhaps of another process: reads, writes, and links to outside datasets.

    Attributes:
        ledger: the repository of links and of the decision log.
    """

    store: Dataset

    def __init__(self, store: Dataset) -> None:
        super().__init__(store)
        self.ledger = DecisionLogAndLinkGraphs(store)

    def written_by(self, principal: Principal) -> WritableGraph:
        """Return the graph restricted to the named graphs that the caller may read and write."""
        return self if principal.graphs is None else WritableGraph(WritableView(self.store, principal.graphs))

    def review(self, lookup: Lookup = unknown) -> LinkReview:
        """Return the review of links of this graph; ``lookup`` provides the records of outside datasets."""
        return LinkReview(self.store, self.ledger, lookup)


class KnowledgeGraph(WholeGraph):
    """A graph whose store this process has opened: also updates, loads, and the shipped ontology."""

    store: Store

    def __init__(self, store: Store) -> None:
        super().__init__(store)

    @classmethod
    def open(cls, config: Config, *, in_memory: bool = False, seed: bool = True) -> KnowledgeGraph:
        """Open or create the store of the settings; a new one gets the ontology and, with ``seed``, the seed article.

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

    def load_ontology(self) -> None:
        """Update the shipped managed graphs (vocabulary, reference facts); does nothing if they are current.

        If anything changed, the closure of every article is computed again.
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
