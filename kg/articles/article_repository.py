"""Articles of a dataset: claims documents in, through the gate, and out again; what they say and what follows from it.

Who reads takes :class:`Articles`; who also stores and removes articles takes :class:`WritableArticles`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from rdflib import RDF, RDFS, Graph, URIRef
from rdflib.term import Node

from kg.document.document_model import Entity
from kg.document.rdf_mapping import from_graph
from kg.errors import BadInput, NotFound
from kg.gate import document_checks
from kg.gate.gate import CheckedDocument, shared_gate
from kg.gate.owl_reasoner import Closure, Inconsistent
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
    """What became of a claims document that passed the gate.

    Attributes:
        identifier: the article's id.
        iri: the article's IRI.
        outcome: ``"unchanged"`` when the store held exactly this already.
        report: warnings and infos.
    """

    identifier: str
    iri: str
    outcome: Outcome
    report: ValidationReport


@dataclass(frozen=True)
class ArticleEntry:
    """One line of the list of articles."""

    identifier: str
    iri: str
    label: dict[str, str]
    claims: int


class Articles:
    """The articles of a dataset, as far as its reader sees them.

    Attributes:
        store: the dataset.
        names: the IRIs under its base.
    """

    def __init__(self, store: Reads) -> None:
        self.store = store
        self.names = store.names

    def check_document(self, data: bytes) -> ValidationReport:
        """Check a claims document and store nothing.

        Raises:
            MalformedText: not UTF-8, or not JSON.
        """
        return self._check(data).report

    def _check(self, data: bytes) -> CheckedDocument:
        """Pass a document through the gate, and compare its entities with those of the articles that are stored."""
        checked = shared_gate().check_document(data, self.names)
        if checked.document is None:
            return checked
        article = checked.document.article.id
        clashes = document_checks.shared_entities(checked.document, lambda entity: self._stored(entity, article))
        results = ordered([*checked.report.results, *clashes])
        return replace(checked, report=replace(checked.report, results=results))

    def _stored(self, entity: str, article: str) -> Entity | None:
        """Give an entity as an article other than ``article`` describes it."""
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
        """Check an article graph and store nothing.

        Raises:
            MalformedText, UnsupportedFormat: it does not parse.
            BadInput: it describes no article, or several.
        """
        graph = _read_graph(data, media_type, self.names.base)
        articles = set(graph.subjects(RDF.type, cg("Article")))
        if len(articles) != 1:
            raise BadInput(
                f"The graph describes {len(articles)} articles (cg:Article); an article graph describes one.",
                remedy="Send one article at a time, whole, as `kg export --format turtle` writes it.",
            )
        return shared_gate().check_graph(graph)

    def close(self, facts: Graph) -> Closure:
        """Derive what follows from an article graph together with the reference facts that it needs.

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
        """Collect from the reference graph where the article's places lie, step by step outwards."""
        found: list[tuple[Node, Node, Node]] = []
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
        """List the articles, by IRI."""
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
        """Give one article's graph.

        Raises:
            NotFound: there is no such article.
        """
        return rdflib_conversion.to_graph(self.triples(identifier))

    def triples(self, identifier: str) -> list[oxigraph.Triple]:
        """List what one article says.

        Raises:
            NotFound: there is no such article.
        """
        self._require(identifier)
        return self.store.triples(self.names.article_graph(identifier))

    def document(self, identifier: str) -> bytes:
        """Give one article's claims document as JSON.

        Raises:
            NotFound: there is no such article.
        """
        return from_graph(self.facts(identifier), identifier, self.names).to_json()

    def _require(self, identifier: str) -> None:
        if not self.store.has_graph(self.names.article_graph(identifier)):
            raise NotFound(f"There is no article “{identifier}”.", remedy="`kg info` and /articles list them all.")


class WritableArticles(Articles):
    """The articles of a dataset, for a caller who may store and remove them."""

    def __init__(self, store: ReadsAndWrites) -> None:
        super().__init__(store)
        self._target = store

    def add(self, data: bytes, identifier: str | None = None) -> Ingested:
        """Check a claims document and store it with its closure, in one transaction, in place of what was there.

        Args:
            identifier: what the document's article id must be, if that is fixed.

        Raises:
            MalformedText: not UTF-8, or not JSON.
            Rejected: it breaks a constraint; nothing is stored.
            BadInput: the document has another id.
        """
        checked = self._check(data)
        if checked.document is None or checked.mapped is None or not checked.report.conforms:
            raise Rejected(checked.report)
        article = checked.document.article.id
        if identifier is not None and identifier != article:
            raise BadInput(
                f"The document's article id is {article}, not {identifier}.",
                remedy=f"Send it to /articles/{article}, or change article.id.",
            )
        facts = checked.mapped.graph
        closure = self.close(facts)
        outcome = self._target.replace(
            {
                self.names.article_graph(article): rdflib_conversion.from_rdflib(facts),
                self.names.inferred_graph(article): rdflib_conversion.from_rdflib(closure.derivations),
            }
        )
        return Ingested(article, self.names.article(article), outcome, checked.report)

    def remove(self, identifier: str) -> None:
        """Remove an article: its two graphs, and nothing else.

        Raises:
            NotFound: there is no such article.
        """
        self._require(identifier)
        self._target.replace({self.names.article_graph(identifier): None, self.names.inferred_graph(identifier): None})


def _read_graph(data: bytes, media_type: str, base: str) -> Graph:
    triples = [quad.triple for quad in oxigraph.parse(data, media_type, base)]
    if any(isinstance(triple.object, oxigraph.Triple) for triple in triples):
        raise BadInput(
            "The graph has triple terms (RDF 1.2), which no constraint can speak of.",
            remedy="Say what is claimed with cg:Claim nodes.",
        )
    return rdflib_conversion.to_graph(triples)
