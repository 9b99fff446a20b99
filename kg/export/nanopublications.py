"""Nanopublications: every claim of an article as four named graphs (Nanopublication Guidelines 1.0)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rdflib import RDF, XSD, Literal, Namespace, URIRef
from rdflib.namespace import DCTERMS, PROV
from rdflib.term import Node

from kg.articles.statement_explanations import Evidence
from kg.rdf.rdflib_conversion import cg

NP = Namespace("http://www.nanopub.org/nschema#")

NanopubQuad = tuple[Node, Node, Node, URIRef]
"""Subject, predicate, object and graph."""


def nanopublications(found: Evidence, moment: datetime | None = None) -> Iterator[NanopubQuad]:
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


def _nanopublication(found: Evidence, claim: Node, stamp: Literal) -> Iterator[NanopubQuad]:
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
