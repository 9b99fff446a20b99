"""Article repository: adding and removing articles is atomic and idempotent, and articles are independent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ontology
from kg.errors import BadInput, NotFound
from kg.gate.validation_report import Rejected
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import ResultFormats
from tests.configs import configured

CSV = ResultFormats("text/csv")


def seed(**article: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(ontology.read("seed/article.json"))
    document["article"] |= article
    return document


def encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


@pytest.fixture
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.open(configured(), in_memory=True)


def column(graph: KnowledgeGraph, query: str) -> list[str]:
    prefixes = "PREFIX cg: <https://w3id.org/claimgraph/ns#> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> "
    return graph.store.query(prefixes + query, CSV).content.decode().split()[1:]


def test_the_same_document_changes_nothing(graph: KnowledgeGraph) -> None:
    version = graph.store.version
    assert graph.articles.add(graph.articles.document("seed")).outcome == "unchanged"
    assert graph.articles.add(encoded(seed())).outcome == "unchanged"
    graph.load_ontology()
    assert graph.store.version == version


def test_a_second_article_does_not_multiply_answers(graph: KnowledgeGraph) -> None:
    people = "SELECT (COUNT(?p) AS ?n) { ?p a cg:Person ; rdfs:label ?l . FILTER(LANG(?l) = 'en') }"
    of_one = "SELECT (COUNT(?c) AS ?n) { ?c cg:attributedTo/rdfs:label 'Kamel Saqr'@en }"
    before = column(graph, people), int(column(graph, of_one)[0])
    assert graph.articles.add(encoded(seed(id="second"))).outcome == "created"
    assert column(graph, people) == before[0]
    assert int(column(graph, of_one)[0]) == 2 * before[1]


def test_removal_takes_two_graphs_and_nothing_else(graph: KnowledgeGraph) -> None:
    before = {name: set(graph.store.triples(name)) for name in graph.store.graphs()}
    union = set(graph.store.triples(None))
    graph.articles.add(encoded(seed(id="second")))
    assert len(graph.store.graphs()) == len(before) + 2
    graph.articles.remove("second")
    assert {name: set(graph.store.triples(name)) for name in graph.store.graphs()} == before
    assert set(graph.store.triples(None)) == union
    with pytest.raises(NotFound):
        graph.articles.remove("second")


def test_replacement_is_whole(graph: KnowledgeGraph) -> None:
    document = seed()
    document["claims"] = [c for c in document["claims"] if c["id"] != "C30"]
    for claim in document["claims"]:
        if "conflictsWith" in claim:
            claim["conflictsWith"] = [c for c in claim["conflictsWith"] if c != "C30"]
    document["situations"] = [s for s in document["situations"] if s["id"] != "refusal_ru"]
    document["relations"] = [r for r in document["relations"] if "refusal_ru" not in (r["from"], *r["to"])]
    assert graph.articles.add(encoded(document)).outcome == "replaced"
    assert column(graph, "SELECT ?c { ?c a cg:Claim . FILTER(STRENDS(STR(?c), '/C30')) }") == []
    assert column(graph, "SELECT ?s { ?s a cg:RefusedRequest }") == [graph.names.local("seed", "request_ir")]


def test_a_refused_document_stores_nothing(graph: KnowledgeGraph) -> None:
    before = set(graph.store.quads())
    document = seed(id="broken", sha256="0" * 64)
    with pytest.raises(Rejected) as caught:
        graph.articles.add(encoded(document))
    assert [result.constraint for result in caught.value.report.violations] == ["A2"]
    assert set(graph.store.quads()) == before


def test_the_id_in_the_address_must_be_the_documents(graph: KnowledgeGraph) -> None:
    with pytest.raises(BadInput, match="article id is seed, not other"):
        graph.articles.add(encoded(seed()), identifier="other")


def test_the_base_is_not_in_the_document(tmp_path: Path) -> None:
    here = KnowledgeGraph.open(configured(), in_memory=True)
    there = KnowledgeGraph.open(configured(base_iri="https://data.example.org/", data_dir=tmp_path))
    assert here.articles.document("seed") == there.articles.document("seed")
    assert b"127.0.0.1" not in here.articles.document("seed")
    assert [entry.iri for entry in there.articles.entries()] == ["https://data.example.org/article/seed"]


def test_reference_facts_are_used_and_kept_apart(graph: KnowledgeGraph) -> None:
    where = "SELECT ?e { ?e cg:occurredWithin/rdfs:label 'Ukraine'@en }"
    assert column(graph, where) == [graph.names.local("seed", "outage")]
    asserted = {str(t.predicate.value) for t in graph.store.triples(graph.names.article_graph("seed"))}
    assert "https://w3id.org/claimgraph/ns#occurredWithin" not in asserted


def test_a_graph_check_wants_one_article(graph: KnowledgeGraph) -> None:
    with pytest.raises(BadInput, match="describes 0 articles"):
        graph.articles.check_graph(b"<urn:a> <urn:b> <urn:c> .", "text/turtle")
    turtle = oxigraph.serialize(graph.store.triples(graph.names.article_graph("seed")), "text/turtle")
    assert graph.articles.check_graph(turtle, "text/turtle").conforms


def test_an_entity_that_another_article_describes_otherwise_is_a_warning(graph: KnowledgeGraph) -> None:
    document = seed(id="second")
    document["entities"][0]["label"]["en"] = "Putin"
    children = next(entity for entity in document["entities"] if entity["id"] == "children")
    children["type"] = "Person"
    del children["size"]
    report = graph.articles.check_document(encoded(document))
    assert [(r.constraint, r.pointer) for r in report.warnings if r.constraint == "J6"] == [
        ("J6", "/entities/0"),
        ("J6", f"/entities/{document['entities'].index(children)}"),
    ]
    assert "“Vladimir Putin” (Person)" in next(r.message for r in report.warnings if r.constraint == "J6")
    assert [r for r in graph.articles.check_document(encoded(seed())).results if r.constraint == "J6"] == []
    assert [r for r in graph.articles.check_document(encoded(seed(id="third"))).results if r.constraint == "J6"] == []


def test_one_language_of_labels_is_a_warning(graph: KnowledgeGraph) -> None:
    document = seed(id="second")
    for part in (*document["entities"], *document["situations"]):
        del part["label"]["uk"]
    (found,) = [r for r in graph.articles.check_document(encoded(document)).warnings if r.constraint == "J7"]
    assert "104 labels are missing in “uk”" in found.message
