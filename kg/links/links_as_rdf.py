"""RDF of links: a plain statement and an SSSOM record for each, and a VoID description of each linkset.

Accepted links to a dataset are in one graph, rejected ones in another. A record is an ``owl:Axiom``, the SSSOM form of
mappings in RDF; it also has the SSSOM slots as properties for queries: ``?link sssom:subject_id ?who``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from rdflib import DCTERMS, OWL, RDF, RDFS, SKOS, XSD, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

import ontology
from kg.gate.gate import check_against_shapes
from kg.gate.shacl_engine import Shapes
from kg.gate.validation_report import Rejected
from kg.iris import FOAF, PAV, SEMAPV, SSSOM, VOID, Names
from kg.links import outside_datasets
from kg.links.decision_log_state import DecisionLog, Judgement, LogEntry
from kg.links.outside_datasets import OutsideDataset
from kg.rdf import oxigraph, rdflib_conversion

sssom, void, pav, semapv = Namespace(SSSOM), Namespace(VOID), Namespace(PAV), Namespace(SEMAPV)

TOOL = "Claimgraph"
UNSPECIFIED = "https://w3id.org/sssom/license/unspecified"
"""IRI in SSSOM for an unspecified licence."""

# Features by kind of evidence, for `justification`.
_LEXICAL = frozenset(("alias", "lemma"))
_CONTEXT = frozenset(("country", "distance", "co-mention", "role", "identifier", "rule"))

Triple = tuple[Node, Node, Node]

PAGE = URIRef(FOAF + "page")

FORM = "1"
"""Version of the triples of links and descriptions. Raise it with any change of them, so that all are rewritten."""


@dataclass(frozen=True)
class LinksetExtent:
    """Summary of the accepted links to one dataset, for its description.

    Attributes:
        count: number of distinct links.
        predicates: their predicates.
        newest: date of the newest (ISO 8601); empty without links.
    """

    count: int
    predicates: frozenset[Node]
    newest: str


@dataclass(frozen=True)
class PublishedLink:
    """An entry of the log with the terms of its RDF."""

    entry: LogEntry
    dataset: OutsideDataset
    names: Names

    @property
    def record(self) -> URIRef:
        """IRI of the SSSOM record."""
        return URIRef(self.names.link(self.entry.key.dataset, self.entry.key.identifier, self.entry.key.subject))

    @property
    def subject(self) -> URIRef:
        """IRI of the entity."""
        return URIRef(self.entry.key.subject)

    @property
    def predicate(self) -> URIRef:
        """SKOS predicate of the link."""
        return SKOS[self.entry.relation]

    @property
    def object(self) -> URIRef:
        """IRI of the thing in the dataset."""
        return URIRef(outside_datasets.iri(self.dataset, self.entry.key.identifier))

    @property
    def rejected(self) -> bool:
        """Whether a reviewer rejected the link."""
        return self.entry.judgement is Judgement.negative

    def slots(self) -> Iterator[tuple[str, Node]]:
        """Yield names and values of the SSSOM slots that have a value."""
        entry, proposal = self.entry, self.entry.proposal
        day = Literal(entry.time[:10], datatype=XSD.date)
        values: dict[str, Node | str] = {
            "subject_id": self.subject,
            "subject_label": proposal.name,
            "predicate_id": self.predicate,
            "predicate_modifier": "Not" if self.rejected else "",
            "object_id": self.object,
            "object_label": proposal.label,
            "mapping_justification": semapv[justification(entry)],
            "subject_source": URIRef(self.names.dataset),
            "object_source": URIRef(self.dataset.home),
            "object_source_version": proposal.source,
            "mapping_date": day,
            "comment": entry.reason or ("" if self.rejected else proposal.reason),
        }
        if entry.tool and not self.rejected:  # a tool's confidence does not explain a rejection by a reviewer
            confidence = Literal(min(max(proposal.score / 100, 0.0), 1.0))
            values |= {"mapping_tool": TOOL, "mapping_tool_version": entry.tool}
            values |= {"match_string": proposal.matched, "confidence": confidence}
        if not entry.automatic:
            reviewer = URIRef(self.names.reviewer(entry.user))
            made = {} if "mapping_tool" in values else {"author_id": reviewer, "author_label": entry.user}
            values |= {**made, "reviewer_id": reviewer, "reviewer_label": entry.user}
            values |= {"review_date": day, "reviewer_agreement": Literal(1.0)}
        for name, value in values.items():
            if value != "":
                yield name, Literal(value) if type(value) is str else value  # type: ignore[misc]

    def triples(self) -> Iterator[Triple]:
        """Yield the triples of the record and, unless it is rejected, of the link."""
        record = self.record
        yield record, RDF.type, OWL.Axiom
        yield record, OWL.annotatedSource, self.subject
        yield record, OWL.annotatedProperty, self.predicate
        yield record, OWL.annotatedTarget, self.object
        for name, value in self.slots():
            yield record, _SLOT_IRIS.get(name, sssom[name]), value
        if not self.rejected:
            yield from self.plain()

    def plain(self) -> Iterator[Triple]:
        """Yield the link itself and the web page of the thing; several links may share these triples."""
        yield self.subject, self.predicate, self.object
        if page := outside_datasets.page(self.dataset, self.entry.key.identifier):
            yield self.object, PAGE, URIRef(page)


_SLOT_IRIS = {
    "comment": RDFS.comment,
    "mapping_date": pav.authoredOn,
    "author_id": pav.authoredBy,
}
"""Slots with another property in the RDF of SSSOM."""


def justification(entry: LogEntry) -> str:
    """Return the SEMAPV term for the evidence of a link.

    Example: features ``alias`` and ``country`` make ``CompositeMatching``; ``alias`` alone, ``LexicalMatching``.
    """
    if entry.judgement is Judgement.negative or not entry.tool:
        return "ManualMappingCuration"
    supporting = {feature.name for feature in entry.proposal.features if feature.value > 0}
    context = supporting & _CONTEXT
    if supporting & _LEXICAL:
        return "CompositeMatching" if context else "LexicalMatching"
    if "similarity" in supporting:
        return "CompositeMatching" if context else "LexicalSimilarityThresholdMatching"
    return "BackgroundKnowledgeBasedMatching" if context else "UnspecifiedMatching"


def extent(links: Collection[PublishedLink]) -> LinksetExtent:
    """Return the summary of accepted links."""
    return LinksetExtent(
        len({(link.subject, link.predicate, link.object) for link in links}),
        frozenset(link.predicate for link in links),
        max((link.entry.time[:10] for link in links), default=""),
    )


def description(names: Names, dataset: OutsideDataset, links: LinksetExtent) -> Iterator[Triple]:
    """Yield the VoID description of the accepted links to one dataset."""
    linkset, target = URIRef(names.linkset(dataset.name)), URIRef(dataset.home)
    yield linkset, RDF.type, void.Linkset
    yield linkset, DCTERMS.title, Literal(f"Links to {dataset.title[0]}", lang="en")
    yield linkset, DCTERMS.title, Literal(f"Зв’язки з набором «{dataset.title[1]}»", lang="uk")
    yield linkset, DCTERMS.license, URIRef(UNSPECIFIED)
    yield linkset, void.subjectsTarget, URIRef(names.dataset)
    yield linkset, void.objectsTarget, target
    yield linkset, void.triples, Literal(links.count)
    for predicate in links.predicates:
        yield linkset, void.linkPredicate, predicate
    if links.newest:
        yield linkset, DCTERMS.modified, Literal(links.newest, datatype=XSD.date)
    yield target, RDF.type, void.Dataset
    yield target, DCTERMS.title, Literal(dataset.title[0], lang="en")
    yield target, DCTERMS.title, Literal(dataset.title[1], lang="uk")
    yield target, void.uriSpace, Literal(dataset.iri.partition("{}")[0])
    yield URIRef(names.dataset), RDF.type, void.Dataset


def links(
    log: DecisionLog, names: Names, dataset: OutsideDataset, present: Callable[[str], bool], *, rejected: bool
) -> list[PublishedLink]:
    """Return the links to one dataset that are in force, or the rejections, of entities that exist.

    Args:
        log: the log.
        names: IRIs of the store.
        dataset: the dataset.
        present: function that returns whether any article mentions an entity.
        rejected: return rejections instead of links.
    """
    entries = log.rejected(dataset.name) if rejected else log.links(dataset.name)
    found = sorted((entry for entry in entries if present(entry.key.subject)), key=lambda entry: entry.key)
    return [PublishedLink(entry, dataset, names) for entry in found]


def graphs(
    log: DecisionLog, names: Names, dataset: OutsideDataset, present: Callable[[str], bool]
) -> dict[str, list[Triple] | None]:
    """Return the triples of the two link graphs of one dataset, by graph; ``None`` for an empty graph."""
    accepted = links(log, names, dataset, present, rejected=False)
    refused = links(log, names, dataset, present, rejected=True)
    return {
        names.links_graph(dataset.name): [*description(names, dataset, extent(accepted)), *_all(accepted)]
        if accepted
        else None,
        names.rejected_graph(dataset.name): _all(refused) or None,
    }


def _all(found: Iterable[PublishedLink]) -> list[Triple]:
    return [triple for link in found for triple in link.triples()]


@functools.cache
def _shapes() -> Shapes:
    return Shapes.prepare(Graph().parse(data=ontology.read("links.ttl"), format="turtle"))


def check(triples: Iterable[Triple], stored: Collection[oxigraph.Triple]) -> list[oxigraph.Triple]:
    """Check the triples of a link graph against its shapes, and return them as terms of the engine.

    Resources whose triples are all ``stored`` were checked when they were written, and are not checked again.

    Raises:
        Rejected: they break a constraint.
    """
    wanted = [*triples]
    # SHACL is costly: only resources with a new triple are validated, with all of their triples.
    made = rdflib_conversion.from_rdflib(wanted)
    new = {str(rdflib_conversion.to_rdflib(triple.subject)) for triple in oxigraph.canonical(made) - set(stored)}
    fresh = Graph()
    for triple in wanted:
        if str(triple[0]) in new:
            fresh.add(triple)
    report = check_against_shapes(_shapes(), fresh)
    if not report.conforms:
        raise Rejected(report)
    return made
