"""The knowledge graph: what the command line and the HTTP layer talk to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from rdflib import RDF, RDFS, Graph, URIRef
from rdflib.term import Node

import ontology
from kg import checks, engine, provenance, rdf
from kg.access import Principal
from kg.claims import Entity
from kg.config import Config
from kg.errors import BadInput, NotFound
from kg.linking.ledger import Ledger
from kg.mapping import from_graph
from kg.names import CG, GENID, Names
from kg.provenance import Explanation, StatementExplanation
from kg.query import Depth
from kg.rdf import cg
from kg.reasoning import Closure, Inconsistent
from kg.report import Rejected, Report, ordered
from kg.store import Outcome, Settings, Store
from kg.validation import Checked, shared_gate
from kg.view import View
from ontology.terms import EntityClass

_ARTICLES = f"""
SELECT ?article (COUNT(?claim) AS ?claims) WHERE {{
  GRAPH ?g {{ ?article a <{CG}Article> . OPTIONAL {{ ?claim a <{CG}Claim> }} }}
}} GROUP BY ?article ORDER BY ?article"""

_ARTICLE_LABELS = f"""
SELECT DISTINCT ?article ?label WHERE {{
  GRAPH ?g {{ ?article a <{CG}Article> ; <{RDFS.label}> ?label }}
}} ORDER BY ?article ?label"""

_LABEL = engine.NamedNode(str(RDFS.label))
_KINDS = frozenset(str(kind) for kind in EntityClass)
_TYPE = engine.NamedNode(str(RDF.type))


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
    report: Report


@dataclass(frozen=True)
class ArticleEntry:
    """One line of the list of articles."""

    identifier: str
    iri: str
    label: dict[str, str]
    claims: int


class KnowledgeGraph:
    """A store with a gate before it.

    Attributes:
        store: the dataset.
        names: the IRIs under its base.
        ledger: the log of links.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.ledger = Ledger(store)
        self.names: Names = store.names

    @classmethod
    def open(cls, config: Config, *, in_memory: bool = False, seed: bool = True) -> KnowledgeGraph:
        """Open the store that the settings name; a new one gets the ontology and, with ``seed``, the seed article.

        Raises:
            StoreUnavailable: see :class:`kg.store.Store`.
        """
        graph = cls(
            Store(
                Settings(
                    None if in_memory else config.data_dir,
                    config.base_iri,
                    config.bare,
                    Depth(config.max_nesting, config.max_height),
                )
            )
        )
        if not config.bare:
            graph.load_ontology()
            if graph.store.is_new and seed:
                graph.add(ontology.read("seed/article.json").encode())
                graph.store.made_ready()
        return graph

    def seen_by(self, principal: Principal) -> KnowledgeGraph:
        """Give the graph as a caller sees it: another graph is not there for it, and it can write none."""
        if principal.graphs is None:
            return self
        return KnowledgeGraph(View(self.store, principal.graphs))

    def load_ontology(self) -> None:
        """Bring the managed graphs that ship with the product up to date; does nothing when they are.

        With another vocabulary, or more reference facts, what follows from each article is derived anew.
        """
        texts = [ontology.read(f"{name}.ttl") for name in ("claimgraph", "alignments", "codes", "crosswalk")]
        graphs: dict[str, Iterable[engine.Triple] | None] = {
            self.names.ontology_graph: engine.skolemized(texts, self.names.base, GENID)
        }
        reference = engine.skolemized([ontology.read("reference.ttl")], self.names.base, GENID)
        graphs[self.names.reference_graph] = {*self.store.triples(self.names.reference_graph), *reference}
        if self.store.replace(graphs) != "unchanged":
            for entry in self.articles():
                closure = self.close(self.facts(entry.identifier))
                inferred = rdf.from_rdflib(closure.derivations)
                self.store.replace({self.names.inferred_graph(entry.identifier): inferred})

    # ---- articles

    def check_document(self, data: bytes) -> Report:
        """Check a claims document and store nothing.

        Raises:
            MalformedText: not UTF-8, or not JSON.
        """
        return self._check(data).report

    def _check(self, data: bytes) -> Checked:
        """Pass a document through the gate, and compare its entities with those of the articles that are stored."""
        checked = shared_gate().check_document(data, self.names)
        if checked.document is None:
            return checked
        article = checked.document.article.id
        clashes = checks.shared_entities(checked.document, lambda entity: self._stored(entity, article))
        results = ordered([*checked.report.results, *clashes])
        return replace(checked, report=replace(checked.report, results=results))

    def _stored(self, entity: str, article: str) -> Entity | None:
        """Give an entity as an article other than ``article`` describes it."""
        node = engine.NamedNode(self.names.entity(entity))
        for quad in self.store.match(node, _TYPE, None):
            home = self.names.article_of(engine.graph_of(quad))
            kind = str(rdf.to_rdflib(quad.object)).removeprefix(CG)
            if home not in (None, article) and kind in _KINDS:
                labels = [rdf.to_rdflib(q.object) for q in self.store.match(node, _LABEL, None, engine.graph_of(quad))]
                label = {str(getattr(text, "language", "")): str(text) for text in labels}
                return Entity(id=entity, type=EntityClass(kind), label=label)
        return None

    def check_graph(self, data: bytes, media_type: str) -> Report:
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
        outcome = self.store.replace(
            {
                self.names.article_graph(article): rdf.from_rdflib(facts),
                self.names.inferred_graph(article): rdf.from_rdflib(closure.derivations),
            }
        )
        return Ingested(article, self.names.article(article), outcome, checked.report)

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
        within = engine.NamedNode(CG + "within")
        while todo:
            place = engine.NamedNode(todo.pop())
            for quad in self.store.match(place, within, None, self.names.reference_graph):
                outer = rdf.to_rdflib(quad.object)
                found.append((URIRef(place.value), cg("within"), outer))
                if str(outer) not in seen:
                    seen.add(str(outer))
                    todo.add(str(outer))
        return found

    def remove(self, identifier: str) -> None:
        """Remove an article: its two graphs, and nothing else.

        Raises:
            NotFound: there is no such article.
        """
        self._require(identifier)
        self.store.replace({self.names.article_graph(identifier): None, self.names.inferred_graph(identifier): None})

    def articles(self) -> list[ArticleEntry]:
        """List the articles, by IRI."""
        labels: dict[str, dict[str, str]] = defaultdict(dict)
        for row in self.store.rows(_ARTICLE_LABELS):
            label = rdf.to_rdflib(row["label"])
            labels[str(rdf.to_rdflib(row["article"]))][str(getattr(label, "language", ""))] = str(label)
        found = ((str(rdf.to_rdflib(row["article"])), row["claims"]) for row in self.store.rows(_ARTICLES))
        return [
            ArticleEntry(iri.removeprefix(self.names.article("")), iri, labels[iri], int(str(rdf.to_rdflib(claims))))
            for iri, claims in found
        ]

    def facts(self, identifier: str) -> Graph:
        """Give one article's graph.

        Raises:
            NotFound: there is no such article.
        """
        return rdf.to_graph(self.triples(identifier))

    def triples(self, identifier: str) -> list[engine.Triple]:
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

    # ---- provenance

    def why(self, claim: str) -> Explanation:
        """Explain a claim: its words, where they stand, who said so through whom, and what follows.

        Args:
            claim: its IRI, ``article/claim``, or its local id where only one article has it.

        Raises:
            NotFound, Ambiguous: no such claim, or several.
        """
        return provenance.explain_claim(self, claim)

    def why_statement(self, subject: str, predicate: str, obj: str) -> StatementExplanation:
        """Explain any statement that is served: quotes for an asserted one, axiom and premises for an inferred one.

        Args:
            subject, predicate, obj: IRIs, or prefixed names of the vocabulary (``cg:attributedTo``).

        Raises:
            NotFound: the statement is not in any article's graphs.
        """
        return provenance.explain_statement(self, subject, predicate, obj)


def _read_graph(data: bytes, media_type: str, base: str) -> Graph:
    triples = [quad.triple for quad in engine.parse(data, media_type, base)]
    if any(isinstance(triple.object, engine.Triple) for triple in triples):
        raise BadInput(
            "The graph has triple terms (RDF 1.2), which no constraint can speak of.",
            remedy="Say what is claimed with cg:Claim nodes.",
        )
    return rdf.to_graph(triples)
