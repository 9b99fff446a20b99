"""Fixtures: the seed article in a store, and queries over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from kg.knowledge_graph import KnowledgeGraph
from tests.configs import configured


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.open(configured(), in_memory=True)


@pytest.fixture(scope="module")
def ask(graph: KnowledgeGraph) -> Callable[[str], list[tuple[str, ...]]]:
    """Run a query and return its rows of strings; an unbound variable is the empty string."""
    client = TestClient(create_app(graph, configured()))

    def rows(query: str) -> list[tuple[str, ...]]:
        answer = client.post("/sparql", data={"query": query}).raise_for_status().json()
        columns = answer["head"]["vars"]
        return [tuple(row.get(c, {"value": ""})["value"] for c in columns) for row in answer["results"]["bindings"]]

    return rows
