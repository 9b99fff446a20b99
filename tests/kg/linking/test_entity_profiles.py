"""Entity profiles read from the graph."""

from __future__ import annotations

import pytest

from kg.knowledge_graph import KnowledgeGraph
from kg.linking.entity_profiles import EntityProfile, NameForm, Office, read
from kg.rdf import oxigraph
from kg.reference.records import RecordKind
from kg.store.store import Store
from tests.configs import configured

E = "http://127.0.0.1:8000/entity/"


@pytest.fixture(scope="module")
def store() -> Store:
    return KnowledgeGraph.open(configured(), in_memory=True).store


@pytest.fixture(scope="module")
def entities(store: Store) -> dict[str, EntityProfile]:
    return {entity.iri.removeprefix(E): entity for entity in read(store)}


def test_every_entity_of_the_seed_is_read(entities: dict[str, EntityProfile]) -> None:
    assert len(entities) == 47
    assert entities["syria"].kinds == (RecordKind.country,)  # and no place, though every country is one
    assert entities["putin"].kinds == (RecordKind.person,)
    assert entities["bild"].kinds == (RecordKind.organisation,)
    assert entities["kramatorsk"].kinds[0] is RecordKind.settlement


def test_names_are_its_labels_and_the_words_of_the_text(entities: dict[str, EntityProfile]) -> None:
    putin = entities["putin"]
    assert [name.text for name in putin.labels] == ["Володимир Путін", "Vladimir Putin"]
    assert putin.forms[:2] == (NameForm("Путін"), NameForm("президент РФ Володимир Путін"))
    assert entities["lallican"].forms == (NameForm("французький журналіст Антоні Лаллікан", "Антоні Лаллікан"),)


def test_places_that_hold_it_are_read_to_the_outermost(entities: dict[str, EntityProfile]) -> None:
    assert entities["kramatorsk"].within == (f"{E}donechchyna", f"{E}ukraine")


def test_offices_nationality_dates_and_company(entities: dict[str, EntityProfile]) -> None:
    assert entities["assad"].offices == (Office("президент", f"{E}syria", former=True),)
    assert entities["lallican"].nations == (f"{E}france",)
    assert entities["sochi"].dates == ("2025-10-02", "2025-10-02")
    assert f"{E}druzhkivka" in entities["kramatorsk"].near
    assert f"{E}putin" not in entities["kramatorsk"].near
    assert f"{E}putin" in entities["kramatorsk"].together


def test_one_entity_is_read_as_among_all(store: Store, entities: dict[str, EntityProfile]) -> None:
    assert read(store, f"{E}kramatorsk") == [entities["kramatorsk"]]
    assert read(store, f"{E}nobody") == []
    assert read(store, "no IRI > {") != [entities["kramatorsk"]]


def test_identifiers_that_users_state_are_read_but_not_those_of_our_own_links() -> None:
    store = KnowledgeGraph.open(configured(), in_memory=True).store
    same, other = "http://www.w3.org/2002/07/owl#sameAs", "http://www.w3.org/2004/02/skos/core#exactMatch"
    store.update(f"INSERT DATA {{ GRAPH <urn:mine> {{ <{E}bild> <{same}> <http://www.wikidata.org/entity/Q56> }} }}")
    assert read(store, f"{E}bild")[0].identifiers == {"wikidata": "Q56"}
    text = f"<{E}sochi> <{other}> <http://www.wikidata.org/entity/Q39420> .".encode()
    triples = [quad.triple for quad in oxigraph.parse(text, "text/turtle")]
    store.replace({"http://127.0.0.1:8000/graph/links/wikidata": triples})
    assert read(store, f"{E}sochi")[0].identifiers == {}
