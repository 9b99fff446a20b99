"""Property map: each field of the document is a property of the vocabulary, or an explicit exception."""

from __future__ import annotations

from decimal import Decimal

import pytest
from rdflib import RDF, Graph, URIRef

from kg.document import document_model
from kg.document.document_model import Document, DocumentPart, Quote
from kg.document.property_map import FieldProperty, properties_of, walk
from kg.gate.gate import vocabulary
from kg.iris import CG, DCTERMS, RDFS, SKOS
from ontology import terms
from tests.cases.graphs import SEED

MAPPED: list[type[DocumentPart]] = [
    document_model.Article,
    document_model.Entity,
    document_model.Time,
    document_model.Situation,
    document_model.Claim,
    document_model.Relation,
    document_model.Quantity,
]
BY_HAND = {"id", "type", "mentions", "quantifies"}


@pytest.fixture(scope="module")
def ontology() -> Graph:
    return vocabulary()


def slot(part: type[DocumentPart], field: str) -> FieldProperty:
    return next(slot for slot in properties_of(part) if slot.field == field)


@pytest.mark.parametrize("part", MAPPED)
def test_every_property_is_in_the_vocabulary(part: type[DocumentPart], ontology: Graph) -> None:
    properties = {slot.property for slot in properties_of(part) if slot.property}
    ours = {prop for prop in properties if prop.startswith(CG)}
    assert all((URIRef(prop), RDF.type, None) in ontology for prop in ours)
    assert all(prop.startswith((RDFS, DCTERMS, SKOS)) for prop in properties - ours)


@pytest.mark.parametrize("part", MAPPED)
def test_only_some_fields_are_treated_by_hand(part: type[DocumentPart]) -> None:
    by_hand = {slot.field for slot in properties_of(part) if not slot.property}
    assert by_hand <= BY_HAND
    assert "id" in by_hand


@pytest.mark.parametrize("part", [part for part in MAPPED if part.mapped_to])
def test_every_part_becomes_a_class_of_the_vocabulary(part: type[DocumentPart], ontology: Graph) -> None:
    assert (URIRef(CG + str(part.mapped_to)), RDF.type, None) in ontology


@pytest.mark.parametrize("name", [*terms.SituationClass, *terms.EntityClass])
def test_every_type_is_a_class_of_the_vocabulary(name: str, ontology: Graph) -> None:
    assert (URIRef(CG + name), RDF.type, None) in ontology


def test_what_a_slot_says() -> None:
    assert slot(document_model.Claim, "originates_in") == FieldProperty(
        field="originates_in",
        key="originatesIn",
        property=CG + "originatesIn",
        ref="situations",
        code=False,
        quote=False,
        many=False,
        kind=str,
    )
    assert slot(document_model.Situation, "responds_to").many
    assert slot(document_model.Claim, "certainty").code
    assert slot(document_model.Claim, "certainty").kind is terms.Certainty
    assert slot(document_model.Claim, "probability").kind is Decimal
    assert slot(document_model.Situation, "repeated").kind is bool
    assert slot(document_model.Entity, "size").kind is int
    assert slot(document_model.Entity, "label").kind is dict


def test_names_that_differ_from_their_fields() -> None:
    assert slot(document_model.Relation, "source").key == "from"
    assert slot(document_model.Relation, "source").property == CG + "relationFrom"
    assert slot(document_model.Relation, "type").property == CG + "relationType"
    assert slot(document_model.Article, "url").property == DCTERMS + "source"
    assert slot(document_model.Time, "quotes").property == CG + "quotedIn"
    assert slot(document_model.Time, "quotes").quote


def test_walking_reaches_every_part_once() -> None:
    document = Document.model_validate_json(SEED)
    parts = dict(walk(document))
    assert len(parts) == len(list(walk(document)))
    assert parts[""] is document
    assert parts["/claims/21/cue/0"] is document.claims[21].cue[0]
    lallican = next(i for i, entity in enumerate(document.entities) if entity.id == "lallican")
    assert isinstance(parts[f"/entities/{lallican}/mentions/0/name"], Quote)
    assert sum(isinstance(part, document_model.Mention) for part in parts.values()) == 91
    assert sum(isinstance(part, document_model.Claim) for part in parts.values()) == 59
