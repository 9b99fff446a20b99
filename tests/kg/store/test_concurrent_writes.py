"""Writes that were prepared on the same snapshot: a commit outdates the others only if it changed what they read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kg.articles.article_repository import WritableArticles
from kg.knowledge_graph import KnowledgeGraph
from kg.store.prepared_writes_and_conflicts import Outdated, PreparedWrite, WriteRecorder
from tests.configs import configured
from tests.faults.articles import article


@pytest.fixture
def graph() -> KnowledgeGraph:
    """A graph in memory that already knows the people of the articles."""
    graph = KnowledgeGraph.open(configured(), in_memory=True, seed=False)
    graph.articles.add(article("first", 1))
    return graph


def prepared(graph: KnowledgeGraph, data: bytes) -> PreparedWrite:
    """Prepare the addition of an article on what is stored now."""
    store = graph.store
    recorder = WriteRecorder(store._engine, store.names, store.version, bare=False)  # a snapshot of a store on disk
    WritableArticles(recorder).add(data)
    assert recorder.prepared
    return recorder.prepared


def changed(data: bytes, change: Callable[[Any], None]) -> bytes:
    document = json.loads(data)
    change(document)
    return json.dumps(document).encode()


def test_articles_that_describe_the_same_people_alike_do_not_outdate_each_other(graph: KnowledgeGraph) -> None:
    writes = [prepared(graph, article(name, 2)) for name in ("a", "b", "first")]
    assert [write.commit(graph.store) for write in writes] == ["created", "created", "replaced"]
    assert {entry.identifier: entry.claims for entry in graph.articles.entries()} == {"a": 2, "b": 2, "first": 2}


def test_one_that_calls_a_person_otherwise_outdates_the_others(graph: KnowledgeGraph) -> None:
    def rename(document: Any) -> None:
        document["entities"][1]["label"]["uk"] = "Олена"

    renaming, other = prepared(graph, changed(article("a", 1), rename)), prepared(graph, article("b", 1))
    renaming.commit(graph.store)
    with pytest.raises(Outdated):
        other.commit(graph.store)
    assert prepared(graph, article("b", 1)).commit(graph.store) == "created"


def test_two_that_introduce_the_same_person_outdate_each_other(graph: KnowledgeGraph) -> None:
    graph.articles.remove("first")
    first, second = (prepared(graph, article(name, 1)) for name in ("a", "b"))
    first.commit(graph.store)
    with pytest.raises(Outdated):
        second.commit(graph.store)
