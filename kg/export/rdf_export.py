"""RDF export of articles: serialisations, nanopublications and claims documents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum

from rdflib import RDF, XSD, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCTERMS, PROV
from rdflib.term import Node

import ontology
from kg.articles.article_repository import Articles
from kg.articles.statement_explanations import Evidence, evidence
from kg.errors import BadInput
from kg.iris import PREFIXES
from kg.rdf import oxigraph, rdflib_conversion
from kg.rdf.rdflib_conversion import cg

NP = Namespace("http://www.nanopub.org/nschema#")


class RdfExportFormat(StrEnum):
    """Format of an RDF export."""

    turtle = "turtle"
    trig = "trig"
    nquads = "nquads"
    jsonld = "jsonld"
    nanopub = "nanopub"
    claims = "claims"


_MEDIA_TYPES = {
    RdfExportFormat.turtle: "text/turtle",
    RdfExportFormat.trig: "application/trig",
    RdfExportFormat.nquads: "application/n-quads",
}


def export(articles: Articles, form: RdfExportFormat, article: str | None = None, *, inferred: bool = False) -> bytes:
    """Return one article, or all articles, in a format.

    Args:
        articles: the articles of the store.
        form: the format; Turtle and JSON-LD do not carry graph names.
        article: id of the article; ``None`` for all articles.
        inferred: whether to include the inferred graphs; nanopublications and claims documents ignore it.

    Raises:
        NotFound: the article does not exist.
        BadInput: ``form`` is the claims document, and ``article`` is missing.
    """
    identifiers = [entry.identifier for entry in articles.entries()] if article is None else [article]
    for identifier in identifiers:
        articles.facts(identifier)  # raises NotFound before anything is written
    if form is RdfExportFormat.claims:
        if article is None:
            raise BadInput("A claims document describes one article.", remedy="Name the article: kg export seed …")
        return articles.document(article)
    if form is RdfExportFormat.nanopub:
        return _trig(quad for identifier in identifiers for quad in nanopublications(evidence(articles, identifier)))
    names = [articles.names.article_graph(identifier) for identifier in identifiers]
    if inferred:
        names += [articles.names.inferred_graph(identifier) for identifier in identifiers]
    if form is RdfExportFormat.jsonld:
        return _jsonld(rdflib_conversion.to_graph(quad.triple for quad in articles.store.quads(names)))
    prefixes = PREFIXES | {"e": articles.names.entity("")}
    return oxigraph.serialize(articles.store.quads(names), _MEDIA_TYPES[form], prefixes)


def _jsonld(facts: Graph) -> bytes:
    context = json.loads(ontology.read("context.jsonld"))["@context"]
    return facts.serialize(format="json-ld", context=context, auto_compact=True, indent=1, encoding="utf-8")


_Quad = tuple[Node, Node, Node, URIRef]


def nanopublications(found: Evidence, moment: datetime | None = None) -> Iterator[_Quad]:
    """Yield every claim of an article as a nanopublication (Nanopublication Guidelines 1.0).

    If the claim affirms a situation, the assertion contains the statements about that situation. If the claim denies
    it, the assertion contains only the denial; the situation is described in the provenance, which does not assert it.

    Args:
        found: the evidence of the article.
        moment: time of creation; now, if it is ``None``.
    """
    stamp = Literal((moment or datetime.now(UTC)).replace(microsecond=0), datatype=XSD.dateTime)
    for claim in sorted(found.facts.subjects(RDF.type, cg("Claim")), key=str):
        yield from sorted(_nanopublication(found, claim, stamp), key=lambda quad: quad[3])  # graph by graph


def _nanopublication(found: Evidence, claim: Node, stamp: Literal) -> Iterator[_Quad]:
    facts = found.facts
    whole = URIRef(f"{claim}/nanopub")
    head, assertion, provenance, pubinfo = (
        URIRef(f"{whole}#{part}") for part in ("Head", "assertion", "provenance", "pubinfo")
    )
    yield whole, RDF.type, NP.Nanopublication, head
    yield whole, NP.hasAssertion, assertion, head
    yield whole, NP.hasProvenance, provenance, head
    yield whole, NP.hasPublicationInfo, pubinfo, head
    affirmed = facts.value(claim, cg("affirms"))
    content = affirmed or facts.value(claim, cg("denies"))
    assert content is not None
    if affirmed is None:
        yield claim, cg("denies"), content, assertion
    home = assertion if affirmed is not None else provenance
    for p, o in facts.predicate_objects(content):
        yield content, p, o, home
    yield assertion, PROV.wasDerivedFrom, claim, provenance
    passages = [*facts.objects(claim, cg("quotedIn")), *facts.objects(claim, cg("cue"))]
    # How the claim was extracted belongs to the publication info; everything else is provenance of the assertion.
    for node in dict.fromkeys([claim, *found.chain(claim), *passages]):
        for p, o in facts.predicate_objects(node):
            target = pubinfo if p in _PIPELINE else provenance
            if (node, p, o, target) != (claim, cg("denies"), content, provenance):
                yield node, p, o, target
    yield whole, DCTERMS.created, stamp, pubinfo
    licence = facts.value(found.article, DCTERMS.license)
    if licence is not None:
        yield whole, DCTERMS.license, licence, pubinfo


_PIPELINE = frozenset({cg("extractedBy"), cg("extractionConfidence"), cg("reviewStatus")})


def _trig(quads: Iterable[_Quad]) -> bytes:
    items = (rdflib_conversion.quad(*quad) for quad in quads)
    return oxigraph.serialize(items, "application/trig", PREFIXES | {"np": str(NP)})
