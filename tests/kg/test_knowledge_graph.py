"""A new graph and its built-in content: the seed article, the vocabulary and the reference facts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kg.articles.article_repository import WritableArticles
from kg.knowledge_graph import KnowledgeGraph
from kg.rdf import rdflib_conversion
from kg.rdf.query_request_and_result import ResultFormats
from tests.configs import configured

CSV = ResultFormats("text/csv")


@pytest.fixture
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.open(configured(), in_memory=True)


def column(graph: KnowledgeGraph, query: str) -> list[str]:
    prefixes = "PREFIX cg: <https://w3id.org/claimgraph/ns#> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> "
    return graph.store.query(prefixes + query, CSV).content.decode().split()[1:]


def test_a_new_store_holds_the_seed(graph: KnowledgeGraph) -> None:
    (entry,) = graph.articles.entries()
    assert (entry.identifier, entry.claims, entry.label["en"]) == ("seed", 59, "the seed article")


def test_an_interrupted_first_start_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(WritableArticles, "add", interrupt)
        with pytest.raises(KeyboardInterrupt):
            KnowledgeGraph.open(configured(data_dir=tmp_path))
    graph = KnowledgeGraph.open(configured(data_dir=tmp_path))
    assert [entry.identifier for entry in graph.articles.entries()] == ["seed"]
    graph.articles.remove("seed")
    del graph
    assert KnowledgeGraph.open(configured(data_dir=tmp_path)).articles.entries() == []  # it stays removed


def test_more_reference_facts_are_drawn_upon_at_the_next_start(graph: KnowledgeGraph) -> None:
    """An older store knew less: what follows is derived anew when the shipped facts come in."""
    graph.store.replace({graph.names.reference_graph: []})
    facts = rdflib_conversion.from_rdflib(graph.articles.close(graph.articles.facts("seed")).derivations)
    graph.store.replace({graph.names.inferred_graph("seed"): facts})
    where = "SELECT ?e { ?e cg:occurredWithin/rdfs:label 'Ukraine'@en }"
    assert column(graph, where) == []
    graph.load_ontology()
    assert column(graph, where) == [graph.names.local("seed", "outage")]
