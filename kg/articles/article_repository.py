"""Repository of the articles of a dataset: claims documents, article graphs and their closures.

Callers that only read use :class:`Articles`; callers that also store and remove use :class:`WritableArticles`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from rdflib import RDF, RDFS, Graph, URIRef
from rdflib.term import Node

from kg.document.document_model import Entity
from kg.document.document_rdf_conversion import from_graph
from kg.errors import BadInput, NotFound
from kg.gate import document_checks
from kg.gate.gate import CheckedDocument, shared_gate
from kg.gate.owl_closure_and_contradictions import Closure, Inconsistent
from kg.gate.validation_report import Rejected, ValidationReport, ordered
from kg.iris import CG
from kg.rdf import oxigraph, rdflib_conversion
from kg.rdf.rdflib_conversion import cg
from kg.store.store_protocols import Outcome, Reads, ReadsAndWrites
from ontology.terms import EntityClass

_ARTICLES = f"""
SELECT ?article (COUNT(?claim) AS ?claims) WHERE {{
  GRAPH ?g {{ ?article a <{CG}Article> . OPTIONAL {{ ?claim a <{CG}Claim> }} }}
}} GROUP BY ?article ORDER BY ?article"""

_ARTICLE_LABELS = f"""
SELECT DISTINCT ?article ?label WHERE {{
  GRAPH ?g {{ ?article a <{CG}Article> ; <{RDFS.label}> ?label }}
}} ORDER BY ?article ?label"""

_LABEL = oxigraph.NamedNode(str(RDFS.label))
_KINDS = frozenset(str(kind) for kind in EntityClass)
_TYPE = oxigraph.NamedNode(str(RDF.type))


@dataclass(frozen=True)
class Ingested:
    """Result of storing a claims document that passed the gate.

    Attributes:
        identifier: id of the article.
        iri: IRI of the article.
        outcome: ``"unchanged"`` if the store contained exactly this article already.
        report: the report of the gate, with warnings and infos only.
    """

    identifier: str
    iri: str
    outcome: Outcome
    report: ValidationReport


@dataclass(frozen=True)
class ArticleEntry:
    """Entry of the list of articles.

    Attributes:
        identifier: id of the article.
        iri: IRI of the article.
        label: labels by language.
        claims: number of claims.
    """

    identifier: str
    iri: str
    label: dict[str, str]
    claims: int


class Articles:
    """The articles that a store shows its reader, for callers that only read.

    Attributes:
        store: the dataset, possibly restricted to some of its graphs.
        names: IRIs under the base of the store.
    """

    def __init__(self, store: Reads) -> None:
        self.store = store
        self.names = store.names

    def check_document(self, data: bytes) -> ValidationReport:
        """Check a claims document without storing it.

        Raises:
            MalformedText: not UTF-8, or not JSON.
        """
        return self._check(data).report

    def _check(self, data: bytes) -> CheckedDocument:
        """Check a document by the gate, and compare its entities with those of the stored articles."""
        checked = shared_gate().check_document(data, self.names)
        if checked.document is None:
            return checked
        article = checked.document.article.id
        clashes = document_checks.shared_entities(checked.document, lambda entity: self._stored(entity, article))
        results = ordered([*checked.report.results, *clashes])
        return replace(checked, report=replace(checked.report, results=results))

    def _stored(self, entity: str, article: str) -> Entity | None:
        """Return an entity as an article other than ``article`` describes it; ``None`` if no other article does."""
        node = oxigraph.NamedNode(self.names.entity(entity))
        for quad in self.store.match(node, _TYPE, None):
            home = self.names.article_of(oxigraph.graph_of(quad))
            kind = str(rdflib_conversion.to_rdflib(quad.object)).removeprefix(CG)
            if home not in (None, article) and kind in _KINDS:
                labels = [
                    rdflib_conversion.to_rdflib(q.object)
                    for q in self.store.match(node, _LABEL, None, oxigraph.graph_of(quad))
                ]
                label = {str(getattr(text, "language", "")): str(text) for text in labels}
                return Entity(id=entity, type=EntityClass(kind), label=label)
        return None

    def check_graph(self, data: bytes, media_type: str) -> ValidationReport:
        """Check an article graph without storing it.

        Raises:
            MalformedText: the data is not well-formed.
            UnsupportedFormat: ``media_type`` is not an RDF media type.
            BadInput: the graph does not describe exactly one article.
        """
        graph = _read_graph(data, media_type, self.names.base)
        articles = set(graph.subjects(RDF.type, cg("Article")))
        if len(articles) != 1:
            raise BadInput(
                f"The graph describes {len(articles)} articles (cg:Article); an article graph describes exactly one.",
                remedy="Send the complete graph of one article, as `kg export --format turtle` writes it.",
            )
        return shared_gate().check_graph(graph)

    def close(self, facts: Graph) -> Closure:
        """Return the closure of an article graph, which includes what follows from its reference facts.

        What follows from the reference facts alone is left out: it is the same for every article.

        Raises:
            Inconsistent: the facts contradict the vocabulary.
        """
        reasoner = shared_gate().reasoner
        reference = self.reference_for(facts)
        closure = reasoner.close([*facts, *reference])
        if closure.clashes:
            raise Inconsistent(closure.clashes)
        known = reasoner.close(reference).derivations
        return Closure({t: d for t, d in closure.derivations.items() if t not in known}, ())

    def reference_for(self, facts: Graph) -> list[tuple[Node, Node, Node]]:
        """Return the containment of the article's places from the reference graph, up to the outermost containers."""
        found: list[tuple[Node, Node, Node]] = []
        # One step outwards per place: village → district → region → country. ``seen`` ends circles.
        todo = {str(node) for node in facts.subjects(RDF.type) if str(node).startswith(self.names.entity(""))}
        seen = set(todo)
        within = oxigraph.NamedNode(CG + "within")
        while todo:
            place = oxigraph.NamedNode(todo.pop())
            for quad in self.store.match(place, within, None, self.names.reference_graph):
                outer = rdflib_conversion.to_rdflib(quad.object)
                found.append((URIRef(place.value), cg("within"), outer))
                if str(outer) not in seen:
                    seen.add(str(outer))
                    todo.add(str(outer))
        return found

    def entries(self) -> list[ArticleEntry]:
        """Return the list of articles, in the order of their IRIs."""
        labels: dict[str, dict[str, str]] = defaultdict(dict)
        for row in self.store.rows(_ARTICLE_LABELS):
            label = rdflib_conversion.to_rdflib(row["label"])
            labels[str(rdflib_conversion.to_rdflib(row["article"]))][str(getattr(label, "language", ""))] = str(label)
        found = (
            (str(rdflib_conversion.to_rdflib(row["article"])), row["claims"]) for row in self.store.rows(_ARTICLES)
        )
        return [
            ArticleEntry(
                iri.removeprefix(self.names.article("")),
                iri,
                labels[iri],
                int(str(rdflib_conversion.to_rdflib(claims))),
            )
            for iri, claims in found
        ]

    def facts(self, identifier: str) -> Graph:
        """Return the graph of one article.

        Raises:
            NotFound: the article does not exist.
        """
        return rdflib_conversion.to_graph(self.triples(identifier))

    def triples(self, identifier: str) -> list[oxigraph.Triple]:
        """Return the triples of one article's graph.

        Raises:
            NotFound: the article does not exist.
        """
        self._require(identifier)
        return self.store.triples(self.names.article_graph(identifier))

    def document(self, identifier: str) -> bytes:
        """Return the claims document of one article as UTF-8 JSON.

        Raises:
            NotFound: the article does not exist.
        """
        return from_graph(self.facts(identifier), identifier, self.names).to_json()

    def _require(self, identifier: str) -> None:
        if not self.store.has_graph(self.names.article_graph(identifier)):
            raise NotFound(f"There is no article “{identifier}”.", remedy="`kg info` and /articles list all articles.")


class WritableArticles(Articles):
    """The articles of a store, for callers that also store and remove them."""

    def __init__(self, store: ReadsAndWrites) -> None:
        super().__init__(store)
        self._target = store

    def add(self, data: bytes, identifier: str | None = None) -> Ingested:
        """Check a claims document and store it with its closure in one transaction, replacing a previous version.

        Raises:
            MalformedText: not UTF-8, or not JSON.
            Rejected: the document violates a constraint; nothing is stored.
            BadInput: its article id is not ``identifier``; ``None`` allows any.
        """
        checked = self._check(data)
        if checked.document is None or checked.mapped is None or not checked.report.conforms:
            raise Rejected(checked.report)
        article = checked.document.article.id
        if identifier is not None and identifier != article:
            problem = f"The document's article id is {article}, not {identifier}."
            raise BadInput(problem, remedy=f"Send it to /articles/{article}, or change article.id.")
        facts = checked.mapped.graph
        closure = self.close(facts)
        stated, inferred = rdflib_conversion.from_rdflib(facts), rdflib_conversion.from_rdflib(closure.derivations)
        graphs = {self.names.article_graph(article): stated, self.names.inferred_graph(article): inferred}
        outcome = self._target.replace(graphs)
        return Ingested(article, self.names.article(article), outcome, checked.report)

    def remove(self, identifier: str) -> None:
        """Remove the two graphs of an article: what it says, and what follows from it.

        Raises:
            NotFound: the article does not exist.
        """
        self._require(identifier)
        self._target.replace({self.names.article_graph(identifier): None, self.names.inferred_graph(identifier): None})


def _read_graph(data: bytes, media_type: str, base: str) -> Graph:
    triples = [quad.triple for quad in oxigraph.parse(data, media_type, base)]
    if any(isinstance(triple.object, oxigraph.Triple) for triple in triples):
        raise BadInput(
            "The graph has triple terms (RDF 1.2), which the constraints do not support.",
            remedy="Express statements about statements as cg:Claim nodes.",
        )
    return rdflib_conversion.to_graph(triples)
