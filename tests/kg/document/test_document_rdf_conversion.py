"""RDF mapping: a claims document and its article graph are equivalent, and the round trip loses nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from rdflib import RDF, RDFS, XSD, BNode, Graph, Literal, URIRef
from rdflib.namespace import DCTERMS

from kg.document.document_model import Document
from kg.document.document_rdf_conversion import from_graph, sha256, to_graph
from kg.iris import CODE
from kg.rdf import rdflib_conversion
from kg.rdf.rdflib_conversion import cg
from kg.store.store import Store, StoreOptions
from tests.cases.graphs import NAMES, SEED, small_document
from tests.cases.strategies import documents


@pytest.fixture(scope="module")
def seed() -> Document:
    return Document.model_validate_json(SEED)


@pytest.fixture(scope="module")
def graph(seed: Document) -> Graph:
    return to_graph(seed, NAMES).graph


def local(identifier: str) -> URIRef:
    return URIRef(NAMES.local("seed", identifier))


def passage(start: int, end: int) -> URIRef:
    return URIRef(NAMES.passage("seed", start, end))


def normal(document: Document) -> Any:
    """Return a document without insignificant differences: the order of lists, and whether the hash is stated."""
    content = json.loads(document.to_json())
    content["article"]["sha256"] = sha256(document.article.text)
    return unordered(content)


def unordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: unordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((unordered(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def test_the_seed_comes_back_as_it_was(seed: Document, graph: Graph) -> None:
    back = from_graph(graph, "seed", NAMES)
    assert normal(back) == normal(seed)
    assert back.to_json() == Document.model_validate_json(back.to_json()).to_json()
    assert set(to_graph(back, NAMES).graph) == set(graph)


@given(document=documents())
@settings(max_examples=60, deadline=None)
def test_any_document_comes_back_as_it_was(document: Document) -> None:
    graph = to_graph(document, NAMES).graph
    back = from_graph(graph, "a1", NAMES)
    assert normal(back) == normal(document)
    assert set(to_graph(back, NAMES).graph) == set(graph)


@given(document=documents())
@settings(max_examples=25, deadline=None)
def test_a_store_keeps_any_document(document: Document) -> None:
    graph, name = to_graph(document, NAMES).graph, NAMES.article_graph("a1")
    store = Store(StoreOptions(base=NAMES.base))
    store.replace({name: rdflib_conversion.from_rdflib(graph)})
    assert normal(from_graph(rdflib_conversion.to_graph(store.triples(name)), "a1", NAMES)) == normal(document)
    assert store.replace({name: rdflib_conversion.from_rdflib(graph)}) == "unchanged"


@given(document=documents())
@settings(max_examples=25, deadline=None)
def test_json_keeps_any_document(document: Document) -> None:
    assert Document.model_validate_json(document.to_json()) == document


def test_the_graph_depends_on_nothing_but_document_and_base(seed: Document, graph: Graph) -> None:
    assert set(to_graph(seed, NAMES).graph) == set(graph)
    shuffled = seed.model_copy(update={"claims": seed.claims[::-1], "segments": seed.segments[::-1]})
    assert set(to_graph(shuffled, NAMES).graph) == set(graph)
    assert not [term for triple in graph for term in triple if isinstance(term, BNode)]


def test_the_article(graph: Graph, seed: Document) -> None:
    article = URIRef(NAMES.article("seed"))
    assert (article, RDF.type, cg("Article")) in graph
    assert (article, cg("text"), Literal(seed.article.text)) in graph
    assert (article, DCTERMS.language, Literal("uk")) in graph
    assert (article, RDFS.label, Literal("початкова стаття", lang="uk")) in graph


def test_metadata_have_the_types_of_their_properties(seed: Document) -> None:
    about = {"title": "T", "url": "https://news.example/1", "published": "2025-10-04", "licence": "https://l.example/"}
    article = type(seed.article).model_validate(seed.article.model_dump(exclude_none=True) | about)
    graph = to_graph(seed.model_copy(update={"article": article}), NAMES).graph
    node = URIRef(NAMES.article("seed"))
    assert graph.value(node, DCTERMS.title) == Literal("T")
    assert graph.value(node, DCTERMS.source) == URIRef("https://news.example/1")
    assert graph.value(node, DCTERMS.issued) == Literal("2025-10-04", datatype=XSD.date)
    assert graph.value(node, DCTERMS.license) == URIRef("https://l.example/")


def test_a_passage(graph: Graph) -> None:
    quoted = passage(813, 880)
    assert (local("C22"), cg("quotedIn"), quoted) in graph
    assert graph.value(quoted, cg("start")) == Literal(813)
    assert graph.value(quoted, cg("exact")) == Literal(
        "за кілька днів до цього Путін припинив відповідати на дзвінки Асада"
    )
    assert graph.value(quoted, cg("section")) == URIRef(CODE + "body")
    assert graph.value(quoted, cg("inSegment")) == passage(782, 969)
    assert graph.value(passage(782, 969), cg("segmentNumber")) == Literal(10)
    assert graph.value(passage(35, 78), cg("inSegment")) == passage(0, 78), "its end is the end of the segment"


def test_a_name_inside_a_mention(graph: Graph) -> None:
    mention = passage(2264, 2301)
    assert (mention, RDF.type, cg("Mention")) in graph
    assert graph.value(mention, cg("denotes")) == URIRef(NAMES.entity("lallican"))
    assert graph.value(mention, cg("namePart")) == passage(2286, 2301)


def test_values_have_the_types_of_their_properties(graph: Graph) -> None:
    assert graph.value(local("wait"), cg("duration")) == Literal("P2D", datatype=XSD.duration, normalize=False)
    assert graph.value(local("ts_8dec"), cg("notBefore")) == Literal("2024-12-08", datatype=XSD.date)
    assert graph.value(local("C38"), cg("probability")) == Literal("0.5", datatype=XSD.decimal)
    assert graph.value(local("calls"), cg("repeated")) == Literal(True)
    assert graph.value(URIRef(NAMES.entity("children")), cg("size")) == Literal(22)
    assert graph.value(local("C38"), cg("certainty")) == URIRef(CODE + "possible")
    assert graph.value(local("R01"), cg("relationType")) == URIRef(CODE + "during")
    assert set(graph.objects(local("Q04"), cg("quantifies"))) == {local("survival")}
    assert set(graph.objects(local("Q05"), cg("quantifies"))) == {URIRef(NAMES.entity("children"))}


def test_pointers_lead_back_to_the_document(seed: Document) -> None:
    mapped = to_graph(seed, NAMES)
    content = json.loads(seed.to_json())
    for iri, pointer in mapped.pointers.items():
        item: Any = content
        for step in pointer.split("/")[1:]:
            item = item[int(step)] if isinstance(item, list) else item[step]
        if "char=" in iri:
            start, end = (int(number) for number in iri.rpartition("=")[2].split(","))
            assert (item["start"], item["end"]) == (start, end)
        else:
            assert iri.endswith(f"/{item['id']}")
    assert {str(s) for s in mapped.graph.subjects()} == mapped.pointers.keys()


def test_a_passage_that_crosses_segments_is_in_none() -> None:
    document = small_document()
    document.claims[0].quotes[0].start, document.claims[0].quotes[0].end = 70, 85
    document.claims[0].quotes[0].exact = document.article.text[70:85]
    graph = to_graph(document, NAMES).graph
    assert graph.value(passage(70, 85), cg("section")) == URIRef(CODE + "headline")
    assert graph.value(passage(70, 85), cg("inSegment")) is None


def test_words_that_could_not_be_located_are_left_out() -> None:
    document = small_document()
    before = len(to_graph(document, NAMES).graph)
    document.claims[0].quotes[0].start = document.claims[0].quotes[0].end = None
    document.entities[0].mentions[0].start = document.entities[0].mentions[0].end = None
    graph = to_graph(document, NAMES).graph
    assert len(graph) < before
    assert not list(graph.objects(local(document.claims[0].id), cg("quotedIn")))
