"""Reconcilable entities read from the graph."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kg.knowledge_graph import KnowledgeGraph
from kg.linking import entity_profiles
from kg.reconciliation import reconcilable_entities
from kg.reconciliation.reconcilable_entities import EntityType, ReconcilableEntity
from tests.configs import configured

BASE = "https://data.example/"


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.open(configured(base_iri=BASE), in_memory=True)


@pytest.fixture(scope="module")
def found(graph: KnowledgeGraph) -> tuple[dict[str, ReconcilableEntity], dict[str, EntityType]]:
    items, types = reconcilable_entities.read(graph.store)
    return {item.iri.removeprefix(f"{BASE}entity/"): item for item in items}, types


def test_types_come_with_names_and_order(found: tuple[dict[str, ReconcilableEntity], dict[str, EntityType]]) -> None:
    items, types = found
    assert types["Country"].label("uk") == "Країна"
    assert {*types["Country"].broader} == {"Place", "Polity"}
    assert items["ukraine"].types[0] == "Country"
    assert items["bild"].types == ("Outlet", "Organization", "Agent")


def test_counts(graph: KnowledgeGraph, found: tuple[dict[str, ReconcilableEntity], dict[str, EntityType]]) -> None:
    items, _ = found
    text = "SELECT (COUNT(DISTINCT ?p) AS ?n) { ?p <https://w3id.org/claimgraph/ns#denotes> <%s> }"
    for slug in ("putin", "valdai"):
        expected = str(graph.store.rows(text % f"{BASE}entity/{slug}")[0]["n"]).split('"')[1]
        assert (str(items[slug].mentions), items[slug].articles) == (expected, 1)
    claims = reconcilable_entities.claims(graph.store, [f"{BASE}entity/putin", "no IRI", f"{BASE}entity/nobody"])
    assert claims[f"{BASE}entity/putin"] > 5
    assert f"{BASE}entity/nobody" not in claims


def test_names_by_language(found: tuple[dict[str, ReconcilableEntity], dict[str, EntityType]]) -> None:
    putin = found[0]["putin"]
    assert (putin.label("uk"), putin.label("en"), putin.label("fr")) == (
        "Володимир Путін",
        "Vladimir Putin",
        "Володимир Путін",
    )


def test_an_empty_store_has_nothing() -> None:
    bare = KnowledgeGraph.open(configured(bare=True), in_memory=True)
    assert reconcilable_entities.read(bare.store) == ([], {})


def test_what_is_read_alone_is_what_is_read_with_all_around(graph: KnowledgeGraph) -> None:
    whole = {entity.iri: entity for entity in entity_profiles.read(graph.store)}
    for entity in entity_profiles.read_alone(graph.store):
        known = whole.pop(entity.iri)
        forms = tuple(sorted(known.forms, key=lambda form: (form.exact, form.name)))
        assert entity == replace(known, forms=forms, near=(), together=())
    assert not whole
