"""The seed article in a store, and a way to ask it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from kg import engine
from kg.config import Config
from kg.graph import KnowledgeGraph


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.open(Config(), in_memory=True)


@pytest.fixture(scope="module")
def ask(graph: KnowledgeGraph) -> Callable[[str], list[tuple[str, ...]]]:
    """Answer a query as rows of strings; what is unbound is the empty string."""

    def rows(query: str) -> list[tuple[str, ...]]:
        answer = json.loads(graph.store.query(query, engine.Choice()).content)
        columns = answer["head"]["vars"]
        return [tuple(row.get(c, {"value": ""})["value"] for c in columns) for row in answer["results"]["bindings"]]

    return rows
