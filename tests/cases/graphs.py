"""Broken graphs, one for every part of every constraint, and broken claims documents where JSON can express the error.

All of them are small mutations of a part of the seed article that is true to it: its text and a few of its claims.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from rdflib import Graph

import ontology
from kg.document.document_model import Document
from kg.document.document_rdf_conversion import to_graph
from kg.document.property_map import properties_of
from kg.iris import PREFIXES, Names
from kg.rdf import oxigraph, oxigraph_queries, rdflib_conversion

NAMES = Names("https://news.example/")
SEED = ontology.read("seed/article.json").encode()
_KEPT = {"C11", "C16", "C21", "C22", "C23", "C26", "C28", "C32", "C39", "C44", "C54", "C55"}
_SHORT = {"": NAMES.local("seed", ""), "article": NAMES.article(""), "e": NAMES.entity("")}
_PREFIXES = "".join(f"PREFIX {name}: <{iri}>\n" for name, iri in {**PREFIXES, **_SHORT}.items())


def small_document() -> Document:
    """Return the seed reduced to some claims and everything they depend on."""
    document = Document.model_validate_json(SEED)
    document.claims = [claim for claim in document.claims if claim.id in _KEPT]
    kept = {"pub_bild"} | {
        name
        for claim in document.claims
        for name in (claim.affirms, claim.denies, claim.originates_in, claim.reported_in)
        if name
    }
    document.situations = [situation for situation in document.situations if situation.id in kept]
    for situation in document.situations:
        for slot in properties_of(type(situation)):
            if slot.ref == "situations":
                setattr(situation, slot.field, [name for name in getattr(situation, slot.field) if name in kept])
            elif slot.ref:
                kept.update(getattr(situation, slot.field))
    for claim in document.claims:
        claim.conflicts_with = []
    document.entities = [entity for entity in document.entities if entity.id in kept]
    for entity in document.entities:
        entity.mentions = entity.mentions[:1]
    document.times = [time for time in document.times if time.id in kept]
    document.relations = [r for r in document.relations if {r.source, *r.target} <= kept]
    document.quantities = [q for q in document.quantities if kept.issuperset(q.quantifies)]
    return document


@functools.cache
def small_graph() -> Graph:
    """Return the article graph of :func:`small_document`; it must not be changed."""
    return to_graph(small_document(), NAMES).graph


def drop(pattern: str) -> str:
    """Remove the triples that match; ``*`` matches anything."""
    return f"DELETE WHERE {{ {pattern.replace('*', '?any')} }}"


def add(triples: str) -> str:
    """Add triples."""
    return f"INSERT DATA {{ {triples} }}"


def swap(subject_and_property: str, value: str) -> str:
    """Replace the value of a property."""
    left = subject_and_property
    return f"DELETE {{ {left} ?old }} INSERT {{ {left} {value} }} WHERE {{ {left} ?old }}"


class GraphCase(NamedTuple):
    """An article graph that breaks one constraint.

    Attributes:
        part: local name of the shape or constraint that must report it; the id, where code does.
        update: what breaks it, as a SPARQL update.
    """

    part: str
    update: str

    @property
    def constraint(self) -> str:
        """The id of the constraint; its parts are named after it."""
        return self.part.partition("-")[0]

    def graph(self) -> Graph:
        """Make the broken graph."""
        store = oxigraph.open_store(None)
        store.extend(oxigraph.Quad(*triple) for triple in rdflib_conversion.from_rdflib(small_graph()))
        before = set(store)
        oxigraph_queries.update(store, _PREFIXES + self.update)
        assert set(store) != before, "the update does nothing"
        return rdflib_conversion.to_graph(quad.triple for quad in store)


# The passage of C44's quote.
QUOTE = f"<{NAMES.passage('seed', 1615, 1703)}>"
LATE_CUE = f"<{NAMES.passage('seed', 977, 987)}>"
THURSDAY = f"<{NAMES.passage('seed', 1615, 1647)}>"
BOTH = "<http://www.wikidata.org/entity/Q1>, <http://www.wikidata.org/entity/Q2>"

GRAPHS = [
    GraphCase("A1-text", drop("article:seed cg:text *")),
    GraphCase("A1-text", add("article:seed cg:text 'Під час наступу'@uk")),
    GraphCase("A1-hash", drop("article:seed cg:sha256 *")),
    GraphCase("A1-hash", swap("article:seed cg:sha256", "'7b61e6f0'")),
    GraphCase("A2", swap("article:seed cg:sha256", f"'{'0' * 64}'")),
    GraphCase("A3", swap(f"{QUOTE} cg:exact", "'Сирія'")),
    GraphCase("A3", swap(f"{QUOTE} cg:start", "1616")),
    GraphCase("A3", swap(f"{QUOTE} cg:end", "1702")),
    GraphCase("A4", swap(f"{QUOTE} cg:end", "1")),
    GraphCase("A4-article", drop(f"{QUOTE} cg:inArticle *")),
    GraphCase("A4-article", add(f"{QUOTE} cg:inArticle :fpv_attack")),
    GraphCase("A4-exact", swap(f"{QUOTE} cg:exact", "''")),
    GraphCase("A4-start", drop(f"{QUOTE} cg:start *")),
    GraphCase("A4-start", swap(f"{QUOTE} cg:start", "-1")),
    GraphCase("A4-end", drop(f"{QUOTE} cg:end *")),
    GraphCase("A4-end", swap(f"{QUOTE} cg:end", "'1703'")),
    GraphCase("B1", drop(":C44 cg:quotedIn *")),
    GraphCase("B1-relation", drop(":R13 cg:quotedIn *")),
    GraphCase("B1-quantity", drop(":Q02 cg:quotedIn *")),
    GraphCase("B2", add(":C22 cg:affirms :calls")),
    GraphCase("B2", add(":C22 cg:denies e:putin")),
    GraphCase("B3-origin", drop(":C22 cg:originatesIn *")),
    GraphCase("B3-origin", swap(":C22 cg:originatesIn", ":fpv_attack")),
    GraphCase("B3-publication", drop(":C22 cg:reportedIn *")),
    GraphCase("B4", drop(":pub_bild cg:relays :interview")),
    GraphCase("B4-relays", add(":pub_bild cg:relays :fpv_attack")),
    GraphCase("B5", drop(":C22 cg:cue *")),
    GraphCase("B5-cue", add(":C22 cg:cue :fpv_attack")),
    GraphCase("B6", swap(":C22 cg:attributionMode", "code:outletVoice")),
    GraphCase("B7", add(":C44 cg:probability 0.5")),
    GraphCase("B7-probability", add(":C44 cg:probability 1.5")),
    GraphCase("B8", drop(":pub_bild cg:reporter *")),
    GraphCase("B9", add(":interview cg:relays :pub_bild")),
    GraphCase("B10", add(":C22 cg:attributedTo e:bild")),
    GraphCase("B11", swap(":C16 cg:cue", LATE_CUE)),
    GraphCase("B12-extractedBy", drop(":C22 cg:extractedBy *")),
    GraphCase("B12-extractionConfidence", swap(":C22 cg:extractionConfidence", "7.0")),
    GraphCase("B12-reviewStatus", drop(":C22 cg:reviewStatus *")),
    GraphCase("C1", drop(":C54 ?p ?o")),
    GraphCase("C2", add(":C54 cg:denies :death")),
    GraphCase("C3", add(":calls cg:before :asylum . :asylum cg:before :calls")),
    GraphCase("C3", add(":calls cg:before :asylum ; cg:after :asylum")),
    GraphCase("C4", add(":fpv_attack cg:causedBy :death")),
    GraphCase("C5", swap(":death cg:time", ":ts_latenov")),
    GraphCase("C6", swap(":leave cg:time", ":ts_latenov")),
    GraphCase("C7-section", swap(f"{QUOTE} cg:section", "code:vague")),
    GraphCase("C7-attributionMode", drop(":C44 cg:attributionMode *")),
    GraphCase("C7-certainty", add(":C44 cg:certainty code:probable")),
    GraphCase("C7-expression", swap(":C44 cg:expression", "code:day")),
    GraphCase("C7-modality", add(":death cg:modality code:possible")),
    GraphCase("C7-relationType", drop(":R27 cg:relationType *")),
    GraphCase("C7-precision", swap(":ts_3oct_b cg:precision", "code:certain")),
    GraphCase("C7-yearSource", swap(":ts_3oct_b cg:yearSource", "code:certain")),
    GraphCase("C7-partOfDay", add(":ts_2oct cg:partOfDay code:night")),
    GraphCase("D1-what", drop(":refusal_ir cg:respondsTo *") + ";" + add(":refusal_ir cg:after :calls")),
    GraphCase("D1", swap(":refusal_ir cg:respondsTo", ":death")),
    GraphCase("D2", swap(":refusal_ir cg:actor", "e:putin")),
    GraphCase("D2-actor", drop(":refusal_ir cg:actor *")),
    GraphCase("D2n", swap(":stopcalls cg:actor", "e:iran")),
    GraphCase("D2n-actor", drop(":stopcalls cg:actor *")),
    GraphCase("D2n-what", drop(":stopcalls cg:respondsTo *")),
    GraphCase("D2n-respondsTo", swap(":stopcalls cg:respondsTo", ":leave")),
    GraphCase("D3", swap(":refusal_ir cg:recipient", "e:putin")),
    GraphCase("D4", add(":request_ir cg:time :ts_8dec . :refusal_ir cg:time :ts_latenov")),
    GraphCase(
        "D5",
        "; ".join(drop(f":request_ir cg:{role} *") for role in ("actor", "recipient", "topicText")),
    ),
    GraphCase("E1", drop(":sochi_attack cg:instrument *")),
    GraphCase("E2", drop(":sochi_attack cg:place *") + ";" + drop(":sochi_attack cg:affected *")),
    GraphCase("E3", drop(":sochi_attack cg:time *")),
    GraphCase("E4", drop(":death cg:affected *")),
    GraphCase("E4", swap(":death cg:affected", "e:ua_drones")),
    GraphCase("E5-affected", drop(":detention cg:affected *")),
    GraphCase("E5-refuge", drop(":asylum cg:recipient *")),
    GraphCase("F0-edtf", drop(":ts_3oct_b cg:edtf *")),
    GraphCase("F0-quotedIn", drop(":ts_3oct_b cg:quotedIn *")),
    GraphCase("F0-precision", drop(":ts_3oct_b cg:precision *")),
    GraphCase("F0-yearSource", drop(":ts_3oct_b cg:yearSource *")),
    GraphCase("F1-notBefore", swap(":ts_3oct_b cg:notBefore", "'October'")),
    GraphCase("F1-notAfter", swap(":ts_3oct_b cg:notAfter", "2025")),
    GraphCase("F1-order", swap(":ts_8dec cg:notAfter", "'2024-12-07'^^xsd:date")),
    GraphCase("F1-day", swap(":ts_fewdays cg:precision", "code:day")),
    GraphCase("F2", swap(":ts_3oct_b cg:yearSource", "code:stated")),
    GraphCase("F3", add(f":ts_3oct_b cg:quotedIn {THURSDAY}")),
    GraphCase("F4", swap(":ts_8dec cg:edtf", "'early December'")),
    GraphCase("F4", swap(":ts_8dec cg:edtf", "'2024-12-09'")),
    GraphCase("G0", drop("e:rebels cg:sizeUnstated *")),
    GraphCase("G0", add("e:rebels cg:size 300")),
    GraphCase("G0-size", drop("e:rebels cg:sizeUnstated *") + ";" + add("e:rebels cg:size 0")),
    GraphCase("G1", add("e:russia cg:within e:sochi")),
    GraphCase("G2", add("e:assad owl:sameAs e:putin")),
    GraphCase("G3", add(f"e:assad skos:exactMatch {BOTH}")),
    GraphCase("G3-target", add("e:assad skos:closeMatch <https://news.example/Q1>")),
    GraphCase("G4-label", drop("e:assad rdfs:label *")),
    GraphCase("G4-venue", add(":interview cg:venue e:sochi")),
    GraphCase("G5-agent", add(":leave cg:actor e:sochi")),
    GraphCase("G5-instrument", add(":sochi_attack cg:instrument e:putin")),
    GraphCase("G5-place", add(":leave cg:origin e:assad")),
    GraphCase("G5-time", add(":leave cg:time :meeting")),
    GraphCase("G5-within", add("e:sochi cg:within e:putin")),
    GraphCase("O1", add("e:assad a cg:Organization")),
]
