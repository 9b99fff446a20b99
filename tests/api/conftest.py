"""Fixtures: applications over stores in memory, and clients of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from kg.config import Config
from kg.knowledge_graph import KnowledgeGraph
from tests.configs import configured

TOKEN = "a token for tests"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run coroutines of tests on the loop that the server uses."""
    return "asyncio"


@pytest.fixture(scope="session")
def auth() -> dict[str, str]:
    """Headers of a request with a token that may write."""
    return {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="session")
def config() -> Config:
    return configured(token=TOKEN, max_body_bytes=500_000)


@pytest.fixture
def bare() -> Iterator[TestClient]:
    """A new, empty, bare store."""
    settings = configured(token=TOKEN, bare=True, max_body_bytes=10_000)
    graph = KnowledgeGraph.open(settings, in_memory=True)
    with TestClient(create_app(graph, settings)) as client:
        yield client


@pytest.fixture
def document() -> dict[str, Any]:
    """A small claims document that passes the gate."""
    text = "Олена перемогла."
    said = {"originatesIn": "pub", "reportedIn": "pub", "attributionMode": "outletVoice"}
    how = {"expression": "stated", "certainty": "certain"}
    work = {"extractedBy": "by hand", "extractionConfidence": 1, "reviewStatus": "unreviewed"}
    return {
        "format": "https://w3id.org/claimgraph/claims/1",
        "article": {"id": "win", "label": {"en": "a win", "uk": "перемога"}, "language": "uk", "text": text},
        "segments": [{"id": "S1", "section": "headline", "start": 0, "end": len(text)}],
        "entities": [
            {"id": "paper", "type": "Outlet", "label": {"en": "a paper"}},
            {"id": "olena", "type": "Person", "label": {"en": "Olena"}, "mentions": [{"exact": "Олена"}]},
        ],
        "situations": [
            {"id": "pub", "type": "Publication", "modality": "actual", "label": {"en": "it"}, "reporter": ["paper"]},
            {"id": "win", "type": "Event", "modality": "actual", "label": {"en": "the win"}, "actor": ["olena"]},
        ],
        "claims": [{"id": "W1", "affirms": "win", "quotes": [{"exact": "Олена перемогла"}], **said, **how, **work}],
    }


@pytest.fixture(scope="session")
def graph(config: Config) -> KnowledgeGraph:
    """The graph of the seed article, which tests must not change."""
    return KnowledgeGraph.open(config, in_memory=True)


@pytest.fixture(scope="session")
def client(graph: KnowledgeGraph, config: Config) -> Iterator[TestClient]:
    """The whole application over the seed article."""
    with TestClient(create_app(graph, config)) as found:
        yield found


@pytest.fixture
def own(config: Config) -> Iterator[TestClient]:
    """The whole application over a private copy of the seed article, for tests that write."""
    with TestClient(create_app(KnowledgeGraph.open(config, in_memory=True), config)) as found:
        yield found
