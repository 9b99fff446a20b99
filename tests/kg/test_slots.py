"""The mapping is read off the contract: each field is a property of the vocabulary, or treated by hand on purpose."""

from __future__ import annotations

from decimal import Decimal

import pytest
from rdflib import RDF, Graph, URIRef

from kg import claims
from kg.claims import Document, Part, Quote
from kg.names import CG, DCTERMS, RDFS, SKOS
from kg.slots import Slot, slots_of, walk
from kg.validation import vocabulary
from ontology import terms
from tests.cases.graphs import SEED

MAPPED: list[type[Part]] = [
    claims.Article,
    claims.Entity,
    claims.Time,
    claims.Situation,
    claims.Claim,
    claims.Relation,
    claims.Quantity,
]
BY_HAND = {"id", "type", "mentions", "quantifies"}


@pytest.fixture(scope="module")
def ontology() -> Graph:
    return vocabulary()


def slot(part: type[Part], field: str) -> Slot:
    return next(slot for slot in slots_of(part) if slot.field == field)


@pytest.mark.parametrize("part", MAPPED)
def test_every_property_is_in_the_vocabulary(part: type[Part], ontology: Graph) -> None:
    properties = {slot.property for slot in slots_of(part) if slot.property}
    ours = {prop for prop in properties if prop.startswith(CG)}
    assert all((URIRef(prop), RDF.type, None) in ontology for prop in ours)
    assert all(prop.startswith((RDFS, DCTERMS, SKOS)) for prop in properties - ours)


@pytest.mark.parametrize("part", MAPPED)
def test_only_some_fields_are_treated_by_hand(part: type[Part]) -> None:
    by_hand = {slot.field for slot in slots_of(part) if not slot.property}
    assert by_hand <= BY_HAND
    assert "id" in by_hand


@pytest.mark.parametrize("part", [part for part in MAPPED if part.mapped_to])
def test_every_part_becomes_a_class_of_the_vocabulary(part: type[Part], ontology: Graph) -> None:
    assert (URIRef(CG + str(part.mapped_to)), RDF.type, None) in ontology


@pytest.mark.parametrize("name", [*terms.SituationClass, *terms.EntityClass])
def test_every_type_is_a_class_of_the_vocabulary(name: str, ontology: Graph) -> None:
    assert (URIRef(CG + name), RDF.type, None) in ontology


def test_what_a_slot_says() -> None:
    assert slot(claims.Claim, "originates_in") == Slot(
        field="originates_in",
        key="originatesIn",
        property=CG + "originatesIn",
        ref="situations",
        code=False,
        quote=False,
        many=False,
        kind=str,
    )
    assert slot(claims.Situation, "responds_to").many
    assert slot(claims.Claim, "certainty").code
    assert slot(claims.Claim, "certainty").kind is terms.Certainty
    assert slot(claims.Claim, "probability").kind is Decimal
    assert slot(claims.Situation, "repeated").kind is bool
    assert slot(claims.Entity, "size").kind is int
    assert slot(claims.Entity, "label").kind is dict


def test_names_that_differ_from_their_fields() -> None:
    assert slot(claims.Relation, "source").key == "from"
    assert slot(claims.Relation, "source").property == CG + "relationFrom"
    assert slot(claims.Relation, "type").property == CG + "relationType"
    assert slot(claims.Article, "url").property == DCTERMS + "source"
    assert slot(claims.Time, "quotes").property == CG + "quotedIn"
    assert slot(claims.Time, "quotes").quote


def test_walking_reaches_every_part_once() -> None:
    document = Document.model_validate_json(SEED)
    parts = dict(walk(document))
    assert len(parts) == len(list(walk(document)))
    assert parts[""] is document
    assert parts["/claims/21/cue/0"] is document.claims[21].cue[0]
    lallican = next(i for i, entity in enumerate(document.entities) if entity.id == "lallican")
    assert isinstance(parts[f"/entities/{lallican}/mentions/0/name"], Quote)
    assert sum(isinstance(part, claims.Mention) for part in parts.values()) == 91
    assert sum(isinstance(part, claims.Claim) for part in parts.values()) == 59
